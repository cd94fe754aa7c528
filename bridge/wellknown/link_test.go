package wellknown_test

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"manifold/bridge/wellknown"
	"manifold/models/vocab"
)

// TestNamesLeadToDescriptors: whatever is answered at an address of a person or a
// group, its header leads to the XRD that names them; all else has no such header.
func TestNamesLeadToDescriptors(t *testing.T) {
	onBoth(t, home, func(s *site) {
		s.router.PathPrefix("/").HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Link", `<https://us.example/>; rel="other"`)
			w.WriteHeader(http.StatusNoContent)
		})
		made := s.post(s.register("Ann"), vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Book Club"}, vocab.PublicID)
		g, err := s.DB().Actor(t.Context(), made.Object.ID)
		if err != nil {
			t.Fatal(err)
		}
		header := regexp.MustCompile(`^<https://us\.example(/[^>]*)>; rel="lrdd"; type="application/xrd\+xml"$`)
		for path, name := range map[string]string{
			"/Ann": home + "/users/Ann", "/ann/": home + "/users/ann", "/users/Ann": home + "/users/Ann", "/users/Ann/": home + "/users/Ann",
			"/api/user/Ann/profile": home + "/users/Ann", strings.TrimPrefix(g.Doc.ID, home): g.Doc.ID, strings.TrimPrefix(g.Doc.URL, home): g.Doc.ID,
			"/users/%41nn": home + "/users/Ann",
		} {
			found := s.ask("GET", path, "text/html").Header().Values("Link")
			found = slices.DeleteFunc(found, func(value string) bool { return !strings.Contains(value, "lrdd") })
			if len(found) != 1 || !header.MatchString(found[0]) {
				t.Errorf("%s: the header is %q", path, found)
				continue
			}
			d := new(wellknown.Descriptor)
			w := s.ask("GET", header.FindStringSubmatch(found[0])[1], "")
			if err := xml.Unmarshal(w.Body.Bytes(), d); err != nil || w.Code != 200 {
				t.Errorf("%s leads to %d %s (%v)", path, w.Code, w.Body, err)
			}
			if !slices.Contains(append(d.Aliases, d.Subject), name) {
				t.Errorf("%s leads to %+v, not to %s", path, d, name)
			}
		}
		for _, path := range []string{"/", "/hub", "/main/login", "/users/Ann/feed.atom", "/users/Ann/outbox", "/api/note/x", "/api/group", "/api/group/x/members",
			"/Ann/note/x", "/main/group/x", "/%00"} {
			if found := s.ask("GET", path, "text/html").Header().Values("Link"); len(found) != 1 {
				t.Errorf("%s: the header is %q", path, found)
			}
		}
		if found := s.ask("POST", "/users/Ann", "").Header().Values("Link"); len(found) != 1 {
			t.Errorf("POST: the header is %q", found)
		}
	}, network{name: "loud"})
}
