package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"manifold/integration/fediverse"
	"manifold/integration/gnusocial"
)

// letters are what came into inboxes of ActivityPub.
type letters struct {
	mu   sync.Mutex
	list []json.RawMessage
}

func (l *letters) take(w http.ResponseWriter, _ *http.Request, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, body)
	w.WriteHeader(http.StatusAccepted)
}

// find returns the first that match takes, nil for none.
func (l *letters) find(t *testing.T, match func(document) bool) json.RawMessage {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, body := range l.list {
		var d document
		decode(t, string(body), &d)
		if match(d) {
			return body
		}
	}
	return nil
}

// await waits until something has come in.
func (l *letters) await(t *testing.T, what string, match func(document) bool) (found json.RawMessage) {
	t.Helper()
	eventually(t, what+" comes by ActivityPub", func() error {
		if found = l.find(t, match); found == nil {
			return fmt.Errorf("there are %d others", len(l.list))
		}
		return nil
	})
	return found
}

// TestUpgradeToActivityPub has a site learn ActivityPub whose people are known by
// OStatus: they stay the same people with the same followers, nothing is shown twice,
// the feed is left once the follow is accepted, and there is no way back.
func TestUpgradeToActivityPub(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		w := meetNeighbours(t, database, gnusocial.Options{})
		ann, bob := w.s.person("ann"), w.there("bob")
		w.annFollows(ann, bob)
		w.bobFollows(bob, ann)
		first := w.posts(bob, gnusocial.Post{Content: "by OStatus"})
		ann.sees("inbox", "what bob says", by(bob.Acct(), "post", first.ID))

		crowd, inbox := newCrowd(t), &letters{}
		crowd.Received = inbox.take
		host := crowd.At(w.g.Host)
		also := host.Person(bob.nick)
		w.g.SpeakActivityPub(func(nick string) string { return host.Person(nick).ID }, host)
		// The site says once more what it has said by OStatus, and something new.
		for i, n := range []*gnusocial.Notice{first, w.posts(bob, gnusocial.Post{Content: "by both"})} {
			w.must(ann.takes(also, alsoNoted(also, n, i)))
		}
		follow := inbox.await(t, "the follow by ann", func(d document) bool {
			return d.text("type") == "Follow" && d.ref("actor") == ann.actor() && d.ref("object") == also.ID
		})
		if n := len(w.g.Subscribers(bob.Feed())); n != 1 {
			t.Errorf("before the follow is accepted, the feed has %d subscribers", n)
		}
		between := w.posts(bob, gnusocial.Post{Content: "by the feed still"})
		ann.sees("inbox", "what the feed brings meanwhile", saying(between.Content))

		w.must(ann.takes(also, also.Accept(follow, 1)))
		w.until("the feed is left", func() error {
			if n := len(w.g.Subscribers(bob.Feed())); n != 0 {
				return fmt.Errorf("it has %d subscribers", n)
			}
			return nil
		})
		w.sameBob(ann, bob)
		for what, want := range map[string]string{"by OStatus": "once", "by both": "once", "by the feed still": "once"} {
			if got := ann.times(what); got != want {
				t.Errorf("ann sees what was said %q %s", what, got)
			}
		}
		w.staysUpgraded(ann, bob, also, inbox)
		w.s.stop()
	})
}

// alsoNoted is a notice as its site posts it by ActivityPub, to ann and everybody: it
// gives the name that it has on OStatus.
func alsoNoted(by *fediverse.Person, n *gnusocial.Notice, number int) map[string]any {
	a := by.Note(number, n.Content)
	note := a["object"].(map[string]any)
	note["atomUri"], note["url"], note["published"] = n.ID, n.URL, n.Published.UTC().Format("2006-01-02T15:04:05Z")
	return a
}

// sameBob checks that ann follows one bob, who follows her.
func (w *neighbours) sameBob(ann *person, bob *neighbour) {
	w.t.Helper()
	for _, list := range []string{"following", "followers"} {
		if items, err := ann.page(list); err != nil || len(items) != 1 || items[0].id() != bob.Acct() {
			w.t.Errorf("among the %s of ann are %v (%v)", list, items, err)
		}
	}
	names := fmt.Sprintf("FROM identifiers WHERE kind = 1 AND iri IN ('%s', '%s', '%s/users/%s')", bob.Acct(), bob.URI(), w.g.Base, bob.nick)
	if known, rows := w.count("SELECT COUNT(*) "+names), w.count("SELECT COUNT(DISTINCT ref_id) "+names); known != 3 || rows != 1 {
		w.t.Errorf("the server knows %d names of bob in %d rows", known, rows)
	}
}

// times is how often ann sees a text.
func (p *person) times(text string) string {
	p.t.Helper()
	items, err := p.page("inbox")
	if err != nil {
		p.t.Fatal(err)
	}
	n := 0
	for _, a := range items {
		if a.text("verb") == "post" && saying(text)(a) {
			n++
		}
	}
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// staysUpgraded checks that bob gets by ActivityPub what concerns him, though he goes
// on to sign slaps.
func (w *neighbours) staysUpgraded(ann *person, bob *neighbour, also *fediverse.Person, inbox *letters) {
	w.t.Helper()
	slapped := w.posts(bob, gnusocial.Post{Content: "by a slap", Mention: []string{ann.acct()}})
	ann.sees("inbox", "what bob slaps", by(bob.Acct(), "post", slapped.ID))
	before := len(w.g.Arrivals())
	id := ann.says(note("do you hear me?"), bob.Acct()).ref("object")
	inbox.await(w.t, "what ann says to bob", func(d document) bool { return d.text("type") == "Create" && d.ref("object") == id })
	w.must(ann.takes(also, also.Note(7, "by ActivityPub")))
	ann.sees("inbox", "what bob says by ActivityPub", saying("by ActivityPub"))
	for _, a := range w.g.Arrivals()[before:] {
		if a.Kind == "salmon" && strings.Contains(string(a.Document), id) {
			w.t.Errorf("what ann says to bob is sent by OStatus as well: %s", a.Document)
		}
	}
	w.sameBob(ann, bob)
}
