package front

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gorilla/mux"
)

// answerWith answers with a name and the variables of the path.
func answerWith(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %v", name, mux.Vars(r)) }
}

func TestRoutes(t *testing.T) {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	accept := func(r *http.Request, _ *mux.RouteMatch) bool { return r.Header.Get("Accept") != "" }
	Route(router, "/a", accept).Handler(answerWith("accepting"))
	Route(router, "/a").Handler(answerWith("a")).Methods("GET")
	Route(router, "/u/{nick}/?").Handler(answerWith("person")).Methods("GET")
	Route(router, "/u/{nick}/inbox/?").Handler(answerWith("inbox")).Methods("POST")
	Route(router, "/{type}/{uuid}/likes").Handler(answerWith("likes")).Methods("GET")
	router.Path("/{rest:.+}/deep").Handler(answerWith("deep"))
	Route(router, "/").Handler(answerWith("root"))

	for _, tt := range []struct {
		method, path, accept string
		status               int
		want                 string
	}{
		{"GET", "/a", "", 200, "a map[]"}, {"GET", "/a", "x/y", 200, "accepting map[]"}, {"POST", "/a", "", 405, ""},
		{"GET", "/a/", "", 404, "404 page not found\n"}, {"GET", "/ab", "", 404, "404 page not found\n"}, {"GET", "/", "", 200, "root map[]"}, {"GET", "//", "", 404, "404 page not found\n"},
		{"GET", "/u/ann", "", 200, "person map[nick:ann]"}, {"GET", "/u/ann/", "", 200, "person map[nick:ann]"}, {"GET", "/u/ann//", "", 404, "404 page not found\n"},
		{"GET", "/u/", "", 404, "404 page not found\n"}, {"GET", "/u//inbox", "", 404, "404 page not found\n"},
		{"GET", "/u/a%2Fb", "", 200, "person map[nick:a%2Fb]"}, {"GET", "/u/%41nn", "", 200, "person map[nick:%41nn]"}, {"GET", "/%75/ann", "", 404, "404 page not found\n"},
		{"GET", "/u/{nick}", "", 200, "person map[nick:%7Bnick%7D]"}, {"GET", "/u/a%00", "", 200, "person map[nick:a%00]"},
		{"POST", "/u/ann/inbox", "", 200, "inbox map[nick:ann]"}, {"GET", "/u/ann/inbox", "", 405, ""}, {"POST", "/u/ann/inboxes", "", 404, "404 page not found\n"},
		{"GET", "/note/x/likes", "", 200, "likes map[type:note uuid:x]"}, {"GET", "/note/x/likes/", "", 404, "404 page not found\n"}, {"GET", "/note//likes", "", 404, "404 page not found\n"},
		{"GET", "/p/q/deep", "", 200, "deep map[rest:p/q]"},
	} {
		r := httptest.NewRequest(tt.method, "http://x.example/", nil)
		var err error
		if r.URL, err = r.URL.Parse("http://x.example" + tt.path); err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", tt.accept)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if w.Code != tt.status || w.Body.String() != tt.want {
			t.Errorf("%s %s answers %d %q, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.want)
		}
	}

	var paths []string
	err := router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := RoutePath(r)
		paths = append(paths, path)
		return err
	})
	want := []string{"/a", "/a", "/u/{nick}/?", "/u/{nick}/inbox/?", "/{type}/{uuid}/likes", "/{rest:.+}/deep", "/"}
	if err != nil || !slices.Equal(paths, want) {
		t.Errorf("the walk finds %q, %v", paths, err)
	}
}

func TestPathsThatAreNoPatterns(t *testing.T) {
	for _, path := range []string{"/a{b}", "/{a}b", "/{a", "/{a:.+}"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", path)
				}
			}()
			Route(mux.NewRouter(), path)
		}()
	}
}
