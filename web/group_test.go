package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/web"
)

// group makes a group, for everybody where it is for nobody in particular, and returns
// it as it is stored.
func (s *site) group(by *models.Actor, name string, to ...*vocab.Object) *vocab.Object {
	s.t.Helper()
	made := s.do(by, &vocab.Activity{Verb: vocab.VerbCreate, To: to, Object: &vocab.Object{Type: vocab.TypeGroup, DisplayName: name, Summary: "All about <b>walking</b>"}})
	g, err := s.DB().Actor(s.t.Context(), made.Object.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return g.Doc
}

// TestGroup: the page of a group shows it and what its members posted there for
// everybody, page by page.
func TestGroup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann, bob := s.person("Ann"), s.person("bob")
	g := s.group(ann, "Book Club")
	page := s.get(s.path(g.URL)).is(http.StatusOK)
	page.says("Book Club", "A group", "book_club@", "All about walking", "0 members", "There is nothing here yet")
	s.do(bob, &vocab.Activity{Verb: vocab.VerbJoin, Object: g.Ref()})
	public := &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}
	for i := range 21 {
		s.post(bob, note("", fmt.Sprintf("post %02d.", i)), g.Ref(), public)
	}
	s.post(bob, note("", "for members"), g.Ref())
	page = s.get(s.path(g.URL)).is(http.StatusOK)
	page.says("1 member", "post 20.", "post 01.")
	page.hides("for members", "post 00.", "Join from elsewhere")
	older := s.get(s.path(page.link("next"))).is(http.StatusOK)
	older.says("post 00.", "Newest posts")
	older.hides("post 01.", "for members")

	same(t, "where programs are led", s.ask("GET", s.path(g.URL), http.Header{"Accept": {"application/activity+json"}}).is(http.StatusSeeOther).header.Get("Location"), g.ID)
	for _, spelled := range []string{strings.Replace(s.path(g.URL), "/Ann/", "/ann/", 1), s.path(g.URL) + "/"} {
		same(t, "where "+spelled+" leads", s.get(spelled).is(http.StatusMovedPermanently).header.Get("Location"), g.URL)
	}
	secret := s.group(ann, "Secret", bob.Doc.Ref())
	for _, path := range []string{s.path(secret.URL), "/Ann/group/none", "/Ann/group/%00", strings.Replace(s.path(g.URL), "/Ann/", "/bob/", 1), s.path(g.URL) + "?before=x"} {
		s.get(path).is(http.StatusNotFound).hides("Secret")
	}
	s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: g.Ref()})
	s.get(s.path(g.URL)).is(http.StatusGone).says("This group was deleted.")
}

// TestPagesLeadVisitorsHome: where others can begin to follow here, the pages of people
// and of groups lead there.
func TestPagesLeadVisitorsHome(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	g := s.group(s.person("ann"), "Walkers")
	token := g.ID[strings.LastIndexByte(g.ID, '/')+1:]
	for path, link := range map[string]string{
		"/ann":        `<a href="/main/ostatus/nickname/ann" rel="nofollow">Follow from elsewhere</a>`,
		s.path(g.URL): `<a href="/main/ostatus/group/` + url.PathEscape(token) + `" rel="nofollow">Join from elsewhere</a>`,
	} {
		for _, on := range []bool{false, true} {
			pages, err := web.New(web.Options{Bridge: s.Bridge, Visitors: on, Feeds: true})
			if err != nil {
				t.Fatal(err)
			}
			router := mux.NewRouter().UseEncodedPath().SkipClean(true)
			pages.Register(router)
			w := httptest.NewRecorder()
			router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != 200 || strings.Contains(w.Body.String(), link) != on {
				t.Errorf("with visitors %v, %s has %d\n%s", on, path, w.Code, w.Body)
			}
			if feed := `type="application/atom+xml" href="` + g.ID + `/feed.atom"`; path != "/ann" && !strings.Contains(w.Body.String(), feed) {
				t.Errorf("%s does not lead to its feed:\n%s", path, w.Body)
			}
		}
	}
}
