package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"manifold/web"
)

// Pages point to the Atom feed of the same, where there are feeds.
func TestPagesPointToFeeds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.person("ann")
	for path, feed := range map[string]string{"/": "/public.atom", "/ann": "/users/ann/feed.atom"} {
		for _, on := range []bool{false, true} {
			pages, err := web.New(web.Options{Bridge: s.Bridge, Feeds: on})
			if err != nil {
				t.Fatal(err)
			}
			router := mux.NewRouter().UseEncodedPath().SkipClean(true)
			pages.Register(router)
			w := httptest.NewRecorder()
			router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			link := `<link rel="alternate" type="application/atom+xml" href="` + s.Names().Base + feed + `">`
			if strings.Contains(w.Body.String(), link) != on {
				t.Errorf("with feeds %v, %s has\n%s", on, path, w.Body)
			}
			if first := strings.Index(w.Body.String(), `rel="alternate"`); on && first != strings.Index(w.Body.String(), link)+len("<link ") {
				t.Errorf("%s: the feed is not the first alternate", path)
			}
		}
	}
}
