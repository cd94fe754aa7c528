package ostatus

import (
	"testing"
	"time"
)

// Tasks that overlap share what they write, for a while; the next one after all have
// ended writes anew.
func TestDocumentsAreShared(t *testing.T) {
	var w written
	now := time.Now()
	first, endFirst := w.share("topic")
	second, endSecond := w.share("topic")
	other, endOther := w.share("another")
	one := first.at(1, now)
	if second.at(1, now.Add(hubBudget)) != one {
		t.Error("two tasks for a feed write it twice")
	}
	if other.at(1, now) == one || second.at(2, now) == one {
		t.Error("another feed, or another position, has the same document")
	}
	if first.at(1, now.Add(hubBudget+1)) == one {
		t.Error("what was written long ago is sent, whatever has become of it")
	}
	kept := first.at(3, now)
	first.forget(3, one)
	if first.at(3, now) != kept {
		t.Error("the failure of another document has it forgotten")
	}
	first.forget(3, kept)
	if first.at(3, now) == kept {
		t.Error("what could not be written is not tried again")
	}
	kept = first.at(3, now)
	endFirst()
	if third, end := w.share("topic"); third.at(3, now) != kept {
		t.Error("it is forgotten while a task delivers it")
	} else {
		end()
	}
	endSecond()
	endOther()
	if len(w.topics) != 0 {
		t.Errorf("%d feeds are kept when no task is left", len(w.topics))
	}
}
