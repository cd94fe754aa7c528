package web_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/internal/telemetry"
	"manifold/models/vocab"
	"manifold/web"
)

func TestHome(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	page := s.get("/").is(http.StatusOK)
	same(t, "title", text(page.find("title", "")), "Test & Site")
	same(t, "heading", text(page.find("h1", "")), "Welcome to Test & Site")
	page.says("name@"+s.Names().Host, "Dianara", "Pumpa", "PyPump", "Manifold 1.2.3")
	// PyPump asks so before it logs somebody in.
	head := s.ask(http.MethodHead, "/", nil).is(http.StatusOK)
	same(t, "body of HEAD", head.body, "")
	same(t, "length of HEAD", head.header.Get("Content-Length"), page.header.Get("Content-Length"))
}

func TestHeadOfPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.post(s.person("ann"), note("", "Hello"))
	for _, path := range []string{"/ann", s.path(o.URL)} {
		head, get := s.ask(http.MethodHead, path, nil).is(http.StatusOK), s.get(path)
		same(t, path+": body of HEAD", head.body, "")
		for _, name := range []string{"Content-Type", "Content-Length", "Etag", "Cache-Control"} {
			same(t, path+": "+name, head.header.Get(name), get.header.Get(name))
		}
	}
	same(t, "HEAD of nobody", s.ask(http.MethodHead, "/nobody", nil).status, http.StatusNotFound)
}

func TestCaching(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	o := s.post(ann, note("", "Hello"))
	for _, path := range []string{"/ann", s.path(o.URL), "/static/web.css"} {
		page := s.get(path).is(http.StatusOK)
		if c := page.header.Get("Cache-Control"); !strings.HasPrefix(c, "public, max-age=") {
			t.Errorf("%s may be kept: %q", path, c)
		}
		tag := page.header.Get("Etag")
		again := s.ask(http.MethodGet, path, http.Header{"If-None-Match": {tag}, "Accept": {browser}}).is(http.StatusNotModified)
		same(t, path+": body of what did not change", again.body, "")
	}
	tag := s.get("/ann").header.Get("Etag")
	s.post(ann, note("", "Hello again"))
	s.ask(http.MethodGet, "/ann", http.Header{"If-None-Match": {tag}, "Accept": {browser}}).is(http.StatusOK).says("Hello again")
}

func TestNegotiation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	post := s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("", "Hello")})
	o := s.object(post)
	tests := []struct{ path, accept, location string }{
		{"/ann", browser, ""},
		{"/ann", "", ""},
		{"/ann", "*/*", ""},
		{"/ann", "text/plain", ""},
		{"/ann", "application/json", s.Names().Profile("ann")},
		{"/ann", `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`, s.Names().Actor("ann")},
		{"/ann", "application/activity+json", s.Names().Actor("ann")},
		{s.path(o.URL), "*/*", ""},
		{s.path(o.URL), "application/json", o.ID},
		{s.path(o.URL), "application/activity+json, text/html;q=0.1", o.ID},
		{s.path(post.Doc.URL), "application/json", post.Doc.ID},
		{"/", "application/json", ""},
	}
	for _, tt := range tests {
		header := http.Header{}
		if tt.accept != "" {
			header.Set("Accept", tt.accept)
		}
		status := http.StatusOK
		if tt.location != "" {
			status = http.StatusSeeOther
		}
		got := s.ask(http.MethodGet, tt.path, header)
		same(t, tt.path+" for "+tt.accept, got.status, status)
		same(t, tt.path+" for "+tt.accept+" leads", got.header.Get("Location"), tt.location)
	}
}

func TestNegotiate(t *testing.T) {
	tests := []struct {
		accept []string
		want   string
	}{
		{nil, "text/html"},
		{[]string{""}, "text/html"},
		{[]string{"*/*"}, "text/html"},
		{[]string{"image/png"}, "text/html"},
		{[]string{"TEXT/HTML"}, "text/html"},
		{[]string{"application/*"}, "application/json"},
		{[]string{"application/json, text/plain, */*"}, "application/json"},
		{[]string{"application/json;q=0.9, text/html"}, "text/html"},
		{[]string{"application/json; charset=utf-8; q=0.9", "text/html; q=0.8"}, "application/json"},
		{[]string{"text/html;q=0, */*"}, "application/json"},
		{[]string{"text/*;q=0.5, application/json;q=0.4"}, "text/html"},
		{[]string{"application/json;q=2"}, "application/json"},
		{[]string{"application/json;q=0.0"}, "text/html"},
		{[]string{"application/json;q=NaN, text/html;q=0.2"}, "application/json"},
		{[]string{strings.Repeat("image/png,", 1000) + "application/json"}, "text/html"},
	}
	for _, tt := range tests {
		got := web.Negotiate(tt.accept, "text/html", "application/json")
		if got != tt.want {
			t.Errorf("%.60q: %s, want %s", tt.accept, got, tt.want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{"", browser, "*/*;q=0", "text/html;q=1e9", ";;,;q=", "application/json;q=\"1\", a/b;q=-1"} {
		f.Add(seed)
	}
	forms := []string{"text/html", "application/json"}
	f.Fuzz(func(t *testing.T, accept string) {
		if got := web.Negotiate([]string{accept}, forms...); !slices.Contains(forms, got) {
			t.Errorf("%q: %s was not offered", accept, got)
		}
	})
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tests := []struct {
		name, path, accept, contentType, says string
	}{
		{"a browser", "/nobody", browser, "text/html", "Nothing is here"},
		{"a program at a page", "/nobody", "application/json", "application/json", `{"error":`},
		{"a browser below what is reserved", "/main/nothing", browser, "text/html", "Nothing is here"},
		{"somebody below what is reserved", "/main/nothing", "*/*", "text/plain", "There is no page"},
		{"a program below what is reserved", "/.well-known/nothing", "application/json", "application/json", `{"error":`},
		{"a name that is reserved", "/Users", browser, "text/html", "Nothing is here"},
		{"a name that is reserved, written in another way", "/%61pi", browser, "text/html", "Nothing is here"},
		{"deep below a person", "/ann/note/x/y", browser, "text/html", "Nothing is here"},
		{"a path that cannot be", "/%00", browser, "text/html", "Nothing is here"},
		{"the API", "/api/nothing/at/all", browser, "application/json", `{"error":`},
		{"the API itself", "/api", "", "application/json", `{"error":`},
	}
	for _, tt := range tests {
		header := http.Header{}
		if tt.accept != "" {
			header.Set("Accept", tt.accept)
		}
		got := s.ask(http.MethodGet, tt.path, header)
		same(t, tt.name, got.status, http.StatusNotFound)
		if !strings.HasPrefix(got.header.Get("Content-Type"), tt.contentType) || !strings.Contains(got.body, tt.says) {
			t.Errorf("%s gets %s: %s", tt.name, got.header.Get("Content-Type"), got.body)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.person("ann")
	tests := []struct{ method, path, allow, contentType string }{
		{http.MethodPost, "/", "GET, HEAD", "text/html"},
		{http.MethodPost, "/ann", "GET, HEAD", "text/html"},
		{http.MethodDelete, "/ann/note/x", "GET, HEAD", "text/html"},
		{http.MethodPut, "/robots.txt", "GET, HEAD", "text/html"},
		{http.MethodPost, "/static/web.css", "GET, HEAD", "text/html"},
		{http.MethodPost, "/api/whoami", "GET, HEAD", "application/json"},
		{http.MethodGet, "/api/note/x", "PUT", "application/json"},
	}
	for _, tt := range tests {
		what := tt.method + " " + tt.path
		got := s.ask(tt.method, tt.path, http.Header{"Accept": {browser}})
		same(t, what, got.status, http.StatusMethodNotAllowed)
		same(t, what+": Allow", got.header.Get("Allow"), tt.allow)
		if !strings.HasPrefix(got.header.Get("Content-Type"), tt.contentType) {
			t.Errorf("%s: answered as %s", what, got.header.Get("Content-Type"))
		}
	}
}

// Each path that the pages have has a first part that nobody can have as a
// nickname.
func TestOwnPathsAreReserved(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter()
	pages, err := web.New(web.Options{Bridge: newSite(t).Bridge})
	if err != nil {
		t.Fatal(err)
	}
	pages.Register(router)
	checked := 0
	err = router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if first != "" && !strings.HasPrefix(first, "{nick}") {
			checked++
			if !bridge.Reserved(first) {
				t.Errorf("somebody can take the name %s, and has no page then", first)
			}
		}
		return nil
	})
	if err != nil || checked == 0 {
		t.Errorf("%d paths were checked: %v", checked, err)
	}
}

func TestFilesOfTheProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	home := s.get("/")
	tests := []struct{ path, contentType, says string }{
		{home.link("stylesheet"), "text/css; charset=utf-8", "prefers-color-scheme: dark"},
		{home.link("icon"), "image/svg+xml", "<svg"},
		{"/robots.txt", "text/plain; charset=utf-8", "Disallow: /api/"},
	}
	for _, tt := range tests {
		got := s.get(tt.path).is(http.StatusOK)
		same(t, tt.path, got.header.Get("Content-Type"), tt.contentType)
		got.says(tt.says)
	}
	same(t, "the icon of old", s.get("/favicon.ico").is(http.StatusMovedPermanently).header.Get("Location"), "/favicon.svg")
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	const rest = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for base, pictures := range map[string]string{"http://localhost:8080": "https: http:", "https://example.org": "https:"} {
		for _, on := range []bool{true, false} {
			got := startSite(t, base, on).get("/").is(http.StatusOK)
			same(t, base, got.header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; img-src 'self' "+pictures+rest)
			same(t, base+": frames", got.header.Get("X-Frame-Options"), "DENY")
		}
	}
}

func TestWebOff(t *testing.T) {
	t.Parallel()
	s := startSite(t, "", false)
	o := s.post(s.person("ann"), note("", "Hello"))
	first := s.get("/").is(http.StatusOK)
	same(t, "type", first.header.Get("Content-Type"), "text/plain; charset=utf-8")
	same(t, "line", first.body, "Manifold 1.2.3. There are no pages here; the API is at "+s.Names().Base+"/api/\n")
	s.ask(http.MethodHead, "/", nil).is(http.StatusOK)
	for _, path := range []string{"/ann", s.path(o.URL), "/robots.txt", "/static/web.css", "/favicon.ico", "/main/nothing"} {
		got := s.get(path).is(http.StatusNotFound)
		same(t, path, got.header.Get("Content-Type"), "text/plain; charset=utf-8")
		got.hides("<", "Hello")
	}
	same(t, "below the API", s.get("/api/nothing/at/all").is(http.StatusNotFound).header.Get("Content-Type"), "application/json; charset=utf-8")
	same(t, "a wrong method", s.ask(http.MethodPost, "/api/whoami", nil).is(http.StatusMethodNotAllowed).header.Get("Allow"), "GET, HEAD")

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.home+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != `"another"` {
		t.Errorf("others answer %q, %v", body, err)
	}
}

// The log tells by which route a request was answered, never by which path.
func TestRoutesInTheLog(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("https://example.org")
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
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	pages.Register(router)
	var log bytes.Buffer
	tel, err := telemetry.New(telemetry.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)),
		RequestLevel: func(string, int) slog.Level { return slog.LevelInfo }})
	if err != nil {
		t.Fatal(err)
	}
	handler := tel.Middleware(router)
	for path, route := range map[string]string{
		"/": "GET /", "/ann": "GET /{nick}{slash:/?}", "/ann/note/x": "GET /{nick}/{type}/{uuid}{slash:/?}",
		"/ann/activity/x": "GET /{nick}/activity/{uuid}{slash:/?}", "/robots.txt": "GET /robots.txt", "/main/x": "unmatched",
	} {
		log.Reset()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if line := log.String(); !strings.Contains(line, `route="`+route+`"`) && !strings.Contains(line, "route="+route+" ") {
			t.Errorf("%s is logged as %s", path, line)
		}
	}
}
