package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/models/vocab"
	"manifold/web"
)

// TestBrowsersAreLedFromIDs: a browser that opens the id of somebody or something
// gets to the page of it, and everybody else to what programs are answered.
func TestBrowsersAreLedFromIDs(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bridge.New(bridge.Options{DB: openDatabase(t), BaseURL: base, SiteName: "Test"})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Options{Bridge: b})
	if err != nil {
		t.Fatal(err)
	}
	pages.RegisterIDs(router)
	for _, path := range []string{"/users/{nick}", "/api/{type}/{uuid}"} {
		router.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "program") })
	}
	pages.Register(router)
	s := &site{Bridge: b, t: t, home: server.URL}
	ann, left := s.person("Ann"), s.person("left")
	made := s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("A note", "hello")})
	posted := s.object(made)
	hidden := s.object(s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("", "hush"), To: []*vocab.Object{left.Doc.Ref()}}))
	gone := s.post(ann, note("", "bye"))
	s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: gone.Ref()})
	group := s.group(ann, "Guild")
	secret := s.group(ann, "Secret", left.Doc.Ref())
	list := s.object(s.do(ann, &vocab.Activity{Verb: vocab.VerbCreate, Object: &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Pals"}}))
	if err := s.DeleteAccount(t.Context(), "left", nil); err != nil {
		t.Fatal(err)
	}
	agent := "somebody"
	ask := func(path, accept, authorization string) (int, string, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Accept": accept, "Authorization": authorization, "User-Agent": agent} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header.Get("Location"), string(body)
	}
	for path, page := range map[string]string{
		"/users/Ann": s.Names().Page("Ann"), "/users/ann/": s.Names().Page("Ann"), s.path(posted.ID): posted.URL, s.path(made.Doc.ID): made.Doc.URL,
		s.path(group.ID): group.URL,
	} {
		if status, to, _ := ask(path, browser, ""); status != http.StatusSeeOther || to != page {
			t.Errorf("%s leads a browser by %d to %s, want %s", path, status, to, page)
		}
		if status, _, _ := ask(s.path(page), browser, ""); status != 200 {
			t.Errorf("the page %s: %d", page, status)
		}
	}
	for path, want := range map[string]int{s.path(hidden.ID): 404, s.path(gone.ID): 410, s.path(secret.ID): 404, "/api/group/none": 404, "/users/left": 410, "/users/none": 404, "/api/note/none": 404, "/api/activity/none": 404} {
		if status, _, body := ask(path, browser, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	for _, agent = range []string{"GNU social/2.0.1-beta0", "StatusNet/1.1.1"} {
		if status, to, _ := ask("/users/Ann", "", ""); status != http.StatusSeeOther || to != s.Names().Page("Ann") {
			t.Errorf("%s, which looks for a page, is led by %d to %q", agent, status, to)
		}
		if _, _, body := ask("/users/Ann", "application/activity+json", ""); body != "program" {
			t.Errorf("%s, which asks for an actor, is answered %s", agent, body)
		}
	}
	agent = "somebody"
	// Programs are answered as if there were no pages.
	for _, accept := range []string{"", "*/*", "application/json", "application/activity+json", "application/json, text/html;q=0.5", "application/ld+json"} {
		if status, _, body := ask("/users/Ann", accept, ""); status != 200 || body != "program" {
			t.Errorf("for %q: %d %s", accept, status, body)
		}
	}
	if _, _, body := ask("/users/Ann", browser, "OAuth x"); body != "program" {
		t.Errorf("somebody with credentials is answered %s", body)
	}
	if _, _, body := ask(s.path(list.ID), browser, ""); body != "program" {
		t.Errorf("a list, which has no page, is answered %s", body)
	}
}
