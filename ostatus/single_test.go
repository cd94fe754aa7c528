package ostatus_test

import (
	"testing"

	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// The id of a thing answers with its entry to those who ask for Atom, as far as a
// stranger may see it.
func TestSingleEntries(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		ann, bob := s.person("ann"), s.person("bob")
		posted := s.post(ann, note("hello"))
		hidden := s.post(ann, note("secret"), bob.Doc.Ref())
		gone := s.post(ann, note("gone"))
		s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: gone.Ref()})
		shared := s.do(bob, &vocab.Activity{Verb: vocab.VerbShare, Object: posted.Ref()}).Doc.ID
		liked := s.do(bob, &vocab.Activity{Verb: vocab.VerbFavorite, Object: posted.Ref()}).Doc.ID
		followed := s.do(bob, &vocab.Activity{Verb: vocab.VerbFollow, Object: ann.Doc.Ref()}).Doc.ID
		joined := s.do(bob, &vocab.Activity{Verb: "http://example.org/verbs/paint", Object: posted.Ref()}).Doc.ID
		for _, tt := range []struct {
			name, address        string
			status               int
			verb, author, object string
		}{
			{"a note", posted.ID, 200, "post", "/users/ann", ""},
			{"a share", shared, 200, "share", "/users/bob", posted.ID},
			{"a favourite", liked, 200, "favorite", "/users/bob", posted.ID},
			{"a follow", followed, 200, "follow", "/users/bob", home + "/users/ann"},
			{"a verb without a word", joined, 406, "", "", ""},
			{"not for everybody", hidden.ID, 404, "", "", ""},
			{"deleted", gone.ID, 410, "", "", ""},
			{"nothing", home + "/api/note/nothing", 404, "", "", ""},
			{"no activity", home + "/api/activity/nothing", 404, "", "", ""},
		} {
			w := s.ask("GET", tt.address, "Accept", "application/atom+xml")
			if w.Code != tt.status {
				t.Errorf("%s: %d %s, want %d", tt.name, w.Code, w.Body, tt.status)
				continue
			}
			if tt.status != 200 {
				continue
			}
			doc, err := atom.Decode(w.Body.Bytes(), atom.DecodeOptions{})
			if err != nil || doc.Entry == nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			e := doc.Entry
			if got := w.Header().Get("Content-Type"); got != "application/atom+xml; type=entry; charset=utf-8" || w.Header().Get("Vary") != "Accept" {
				t.Errorf("%s: %v", tt.name, w.Header())
			}
			if e.ID != tt.address || e.Does() != tt.verb || e.Author == nil || e.Author.Identity() != home+tt.author {
				t.Errorf("%s: %s does %s, by %+v", tt.name, e.ID, e.Does(), e.Author)
			}
			if tt.object != "" && (e.Object == nil || e.Object.ID != tt.object) {
				t.Errorf("%s: the object is %+v", tt.name, e.Object)
			}
		}
		for accept, want := range map[string]bool{"application/atom+xml": true, "application/atom+xml, text/html;q=0.5": true, "APPLICATION/ATOM+XML;q=0.9": true,
			"": false, "*/*": false, "text/html, application/atom+xml": false, "application/json, application/atom+xml": false} {
			// Whoever does not ask for Atom is left to the other networks, of which there
			// are none here.
			if w := s.ask("GET", posted.ID, "Accept", accept); (w.Code == 200) != want {
				t.Errorf("Accept %q: %d", accept, w.Code)
			}
		}
	})
}
