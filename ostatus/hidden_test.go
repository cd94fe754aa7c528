package ostatus_test

import (
	"net/http"
	"strings"
	"testing"

	"manifold/models/vocab"
)

// Feeds and entries are for everybody: nobody who is addressed hiddenly is in them,
// also after the documents have come into a cache, and none is another then.
func TestHiddenAddresseesAreInNoFeed(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		hidden := func(a *vocab.Activity) *vocab.Activity {
			a.To = []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}
			a.CC = []*vocab.Object{bob.Doc.Ref()}
			a.BTo = []*vocab.Object{{ID: "acct:dan@hidden.example", Type: vocab.TypePerson}}
			a.BCC = []*vocab.Object{{ID: "acct:dot@hidden.example", Type: vocab.TypePerson}}
			return s.do(ann, a).Doc
		}
		posted := hidden(&vocab.Activity{Verb: vocab.VerbPost, Object: note("hello")})
		liked := hidden(&vocab.Activity{Verb: vocab.VerbFavorite, Object: s.post(bob, note("liked")).Ref()})
		shared := hidden(&vocab.Activity{Verb: vocab.VerbShare, Object: s.post(bob, note("shared")).Ref()})
		answer := s.do(bob, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeComment, Content: "c", InReplyTo: []*vocab.Object{posted.Object.Ref()}}}).Doc

		for _, path := range []string{"/users/ann/feed.atom", "/users/bob/feed.atom", "/public.atom", posted.ID, posted.Object.ID, liked.ID, shared.ID, answer.ID, answer.Object.ID} {
			first := s.ask("GET", path, "Accept", "application/atom+xml")
			if first.Code != http.StatusOK || !strings.Contains(first.Body.String(), "http://www.w3.org/2005/Atom") {
				s.t.Errorf("%s is answered %d %s", path, first.Code, first.Body)
			}
			if strings.Contains(first.Body.String(), "hidden.example") {
				s.t.Errorf("%s tells who is addressed hiddenly: %s", path, first.Body)
			}
			if again := s.ask("GET", path, "Accept", "application/atom+xml"); again.Body.String() != first.Body.String() {
				s.t.Errorf("%s was\n%s\nand is\n%s", path, first.Body, again.Body)
			}
		}
	})
}
