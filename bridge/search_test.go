package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestText(t *testing.T) {
	for _, tt := range []struct{ html, want string }{
		{"", ""},
		{"plain & simple", "plain & simple"},
		{"<p>One</p><p>two</p>", "One two"},
		{"un<b>believ</b>able <em>things</em>", "unbelievable things"},
		{"a<br>b<hr/>c", "a b c"},
		{"&lt;b&gt; caf&eacute; &#x1F600;", "<b> café 😀"},
		{"<a href='https://x.example/secret'>link</a><!-- comment -->", "link"},
		{"<p unclosed", ""},
	} {
		if got := bridge.Text(tt.html); got != tt.want {
			t.Errorf("%q says %q, want %q", tt.html, got, tt.want)
		}
	}
	if n := len(bridge.Text(strings.Repeat("<p>word ", 1<<16))); n > 200<<10 {
		t.Errorf("%d bytes are searched", n)
	}
}

// search is what somebody finds in a stream, newest first.
func (w *world) search(owner *models.Actor, s models.Stream, viewer *models.Actor, text string) []string {
	w.t.Helper()
	items, err := w.DB().SearchStream(w.t.Context(), owner.ID, s, models.All, viewerOf(viewer), models.ParseSearch(text), models.Page{Count: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, i := range items {
		lines = append(lines, w.line(i.Activity))
	}
	return lines
}

// finds waits until somebody finds in their inbox what they should.
func (w *world) finds(viewer *models.Actor, text string, want ...string) {
	w.t.Helper()
	until(w.t, fmt.Sprintf("%s finds %q for %q", viewer.Nickname, want, text), func() bool {
		return slices.Equal(w.search(viewer, models.Inbox, viewer, text), want)
	})
}

// The words of what is posted are found soon after, and those of what is
// changed or deleted not any longer.
func TestSearchFollowsWhatIsPosted(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		w := newWorld(t, address, bridge.Options{})
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		w.follow(ann, bob)
		w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, DisplayName: "Ännchen Example"}))
		boat := &vocab.Object{Type: vocab.TypeNote, DisplayName: "Boats", Content: "<p>I saw a <b>yel</b>low submarine.</p>", Summary: "<i>voyage</i>"}
		posted := w.do(ann, act(vocab.VerbPost, boat, everybody())).Doc.Object
		w.do(bob, act(vocab.VerbPost, reply("Nice submarine", posted), everybody()))
		w.do(ann, act(vocab.VerbPost, note("For cid"), cid.Doc.Ref()))
		w.do(cid, act(vocab.VerbShare, posted, everybody(), bob.Doc.Ref()))
		w.start()
		w.finds(bob, "yellow submarine", "cid share Boats", "ann post Boats")
		for text, want := range map[string][]string{
			"SUBMARINE": {"cid share Boats", "bob post Nice submarine", "ann post Boats"}, "voyage boats": {"cid share Boats", "ann post Boats"},
			"annchen": {"cid share Boats", "ann post Boats"}, "sub*": {"cid share Boats", "bob post Nice submarine", "ann post Boats"},
			"yel": nil, "href": nil, "cid": nil,
		} {
			equal(t, "bob finds for "+text, w.search(bob, models.Inbox, bob, text), want...)
		}
		equal(t, "cid finds", w.search(cid, models.Inbox, cid, "for"), "ann post For cid")
		equal(t, "bob finds in ann's outbox", w.search(ann, models.Outbox, bob, "annchen"), "ann post Boats")
		equal(t, "cid finds in ann's outbox", w.search(ann, models.Outbox, cid, "annchen"), "ann post For cid", "ann post Boats")

		w.do(cid, act(vocab.VerbUnshare, posted))
		w.finds(bob, "yellow", "ann post Boats")
		w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: posted.ID, Content: "a red one"}))
		w.finds(bob, "red", "ann post Boats")
		equal(t, "what was changed", w.search(bob, models.Inbox, bob, "yellow"))
		w.do(ann, act(vocab.VerbDelete, posted))
		equal(t, "what was deleted", w.search(bob, models.Inbox, bob, "red"))
		until(t, "the index has forgotten it", func() bool { return w.number("SELECT COUNT(*) FROM search_queue") == 0 })
		w.do(ann, act(vocab.VerbBlock, bob.Doc.Ref()))
		equal(t, "bob finds in the outbox of somebody who blocks him", w.search(ann, models.Outbox, bob, "annchen"))
	})
}

// Two processes on one database index each thing once, and nothing is left.
func TestSearchIsIndexedByWhoeverIsThere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		for i := range 250 {
			w.do(ann, act(vocab.VerbPost, note(fmt.Sprint("n", i)), ann.Doc.Ref()))
		}
		w.start()
		if w.DB().Dialect() == models.Postgres {
			newWorld(w.t, w.address, bridge.Options{}).start()
		}
		until(w.t, "all is indexed", func() bool { return w.number("SELECT COUNT(*) FROM search_queue") == 0 })
		for _, i := range []int{0, 99, 100, 249} {
			equal(w.t, "found", w.search(ann, models.Inbox, ann, fmt.Sprint("n", i)), fmt.Sprint("ann post n", i))
		}
	})
}
