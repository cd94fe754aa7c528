package ostatus_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// Whoever is not who they say, or has nothing to say to somebody, is refused.
func TestSalmonThatIsRefused(t *testing.T) {
	onInbound(t, func(in *inbound) {
		eve := in.bob.peer.person("eve")
		eve.key = peerKeys()[1]
		eve.describe(vocab.TypePerson)
		eve.publish()
		mention := func() *atom.Entry { return in.note("hello", in.uri(in.ann)) }
		forged := mention()
		forged.Author = in.bob.document.Author
		old, early, undated := mention(), mention(), mention()
		old.Published = in.now().Add(-30 * 24 * time.Hour)
		old.Updated, early.Published, early.Updated = old.Published, in.now().Add(48*time.Hour), in.now().Add(48*time.Hour)
		stranger, ours := mention(), mention()
		stranger.Author = &atom.Person{Name: "x", URI: in.bob.base + "/user/nobody"}
		ours.Author = &atom.Person{Name: "ann", URI: in.uri(in.ann)}
		unsigned := in.sealed(in.bob, []byte("<entry/>"))
		unsigned.Signatures = nil
		deep := "<entry xmlns='http://www.w3.org/2005/Atom'>" + strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200) + "</entry>"
		laughs := `<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><entry xmlns='http://www.w3.org/2005/Atom'>&b;</entry>`
		feed := in.feedWith(in.bob, undated)
		for _, tt := range []struct {
			name   string
			body   []byte
			status int
			text   string
		}{
			{"no envelope", []byte("hello"), 400, "no magic envelope"},
			{"an empty body", nil, 400, "no magic envelope"},
			{"by another", in.envelope(eve, forged), 400, "not by " + in.bob.uri},
			{"old", in.envelope(in.bob, old), 400, "too old"},
			{"of the future", in.envelope(in.bob, early), 400, "future"},
			{"about nobody here", in.envelope(in.bob, in.note("to nobody")), 400, "nothing to do with"},
			{"by nobody", in.envelope(in.bob, stranger), 400, "cannot be had"},
			{"by somebody here", in.envelope(in.bob, ours), 400, "of this server"},
			{"unsigned", unsigned.XML(), 400, "payload|not say|not signed"},
			{"a feed", in.sealed(in.bob, feed).XML(), 400, "one Atom entry"},
			{"deep", in.sealed(in.bob, []byte(deep)).XML(), 400, "levels"},
			{"billion laughs", in.sealed(in.bob, []byte(laughs)).XML(), 400, "DOCTYPE"},
			{"large", []byte(strings.Repeat("x", salmon.MaxEnvelope+1)), 413, "at most"},
		} {
			w := in.sends(in.server.SalmonURL(in.ann), salmon.MediaType, tt.body)
			if w.Code != tt.status || !slices.ContainsFunc(strings.Split(tt.text, "|"), func(s string) bool { return strings.Contains(w.Body.String(), s) }) {
				t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			}
		}
		for path, status := range map[string]int{"/salmon/user/nobody": 404, "/salmon/group/nothing": 404} {
			if w := in.sends(closedHome+path, salmon.MediaType, in.envelope(in.bob, mention())); w.Code != status {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if n := in.number("SELECT COUNT(*) FROM activities WHERE NOT local") + in.number("SELECT COUNT(*) FROM arrivals"); n != 0 {
			t.Errorf("%d of them were taken in", n)
		}
	})
}

// Envelopes come in JSON as well, and in a form.
func TestSalmonForms(t *testing.T) {
	onInbound(t, func(in *inbound) {
		for kind, body := range map[string]func(e *salmon.Envelope) []byte{
			salmon.MediaType: (*salmon.Envelope).XML, salmon.MediaTypeJSON: (*salmon.Envelope).JSON,
			"application/x-www-form-urlencoded": func(e *salmon.Envelope) []byte { return []byte(url.Values{"xml": {string(e.XML())}}.Encode()) },
		} {
			e := in.note("hello", in.uri(in.ann))
			e.Author = in.bob.document.Author
			payload, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if w := in.sends(in.server.SalmonURL(in.ann), kind, body(in.sealed(in.bob, payload))); w.Code != http.StatusAccepted || w.Body.Len() > 0 {
				t.Fatalf("%s: %d %s", kind, w.Code, w.Body)
			}
			in.settles()
			in.inbox(in.ann, "post "+e.ID, 1)
		}
	})
}

// A key that was changed is asked for once, and a host is asked for so many strangers
// and no more.
func TestSalmonKeys(t *testing.T) {
	onInbound(t, func(in *inbound) {
		in.slaps(in.bob, in.ann, in.note("with the first key", in.uri(in.ann)))
		in.bob.key = peerKeys()[1]
		in.bob.describe(vocab.TypePerson)
		in.bob.publish()
		second := in.envelope(in.bob, in.note("with the second", in.uri(in.ann)))
		send := func() int { return in.sends(in.server.SalmonURL(in.ann), salmon.MediaType, second).Code }
		asked := len(in.bob.requests())
		for range 3 {
			if got := send(); got != http.StatusBadRequest {
				t.Fatalf("a key that was fetched just now is asked for again: %d", got)
			}
		}
		if got := len(in.bob.requests()); got != asked {
			t.Errorf("%d requests for a key that was fetched just now", got-asked)
		}
		in.wait(10 * time.Minute)
		if got := send(); got != http.StatusAccepted {
			t.Fatalf("with a new key: %d", got)
		}
		in.settles()

		far := newPeer(t)
		statuses := map[int]int{}
		for i := range 40 {
			e := in.note("spam", in.uri(in.ann))
			e.Author = &atom.Person{Name: "x", URI: fmt.Sprintf("%s/user/%d", far.base, i)}
			statuses[in.sends(in.server.SalmonURL(in.ann), salmon.MediaType, in.envelope(in.bob, e)).Code]++
		}
		if statuses[http.StatusBadRequest] != 10 || statuses[http.StatusServiceUnavailable] != 30 {
			t.Errorf("forty strangers of one host are answered %v", statuses)
		}
	})
}
