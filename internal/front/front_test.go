package front

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

const (
	home = "https://social.example"
	// below is a public address with a prefix.
	below = "https://example.org/social"
)

var long = `{"text":"` + strings.Repeat("many words ", 300) + `"}`

// handlers are what stands behind the front in these tests. Each of them says
// what it was asked for.
func handlers() *mux.Router {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	tell := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"method": r.Method, "path": r.URL.EscapedPath(), "query": r.URL.RawQuery,
			"line": r.RequestURI, "signed": SignedMethod(r), "pattern": mux.Vars(r)["nick"]})
	}
	router.HandleFunc("/api/user/{nick}/feed", tell).Methods("GET", "HEAD", "POST")
	router.HandleFunc("/api/note/{uuid}", tell).Methods("GET", "HEAD", "PUT", "DELETE")
	router.HandleFunc("/api/users", tell).Methods("GET", "HEAD", "POST")
	router.HandleFunc("/.well-known/webfinger", tell).Methods("GET", "HEAD")
	router.HandleFunc("/healthz", tell)
	router.HandleFunc("/", tell)
	as := func(path, contentType string) {
		router.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Etag", `W/"1"`)
			io.WriteString(w, long)
		}).Methods("GET", "HEAD")
	}
	as("/api/long", "application/json; charset=utf-8")
	as("/api/ld", "application/ld+json")
	as("/page", "text/html; charset=utf-8")
	as("/api/picture", "image/png")
	as("/uploads/note.txt", "text/plain")
	as("/oauth/authorize", "text/html")
	router.HandleFunc("/framed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		io.WriteString(w, "x")
	})
	return router
}

// server serves the handlers behind a front.
func server(t *testing.T, o Options) *httptest.Server {
	t.Helper()
	if o.URL == nil {
		o.URL = address(t, home)
	}
	router := handlers()
	o.Methods = RouterMethods(router)
	h, err := New(router, o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func address(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// answer is what came of a request, decoded where it is JSON of one level.
type answer struct {
	status int
	header http.Header
	body   string
	told   map[string]string
}

var client = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{DisableCompression: true},
}

// ask sends a request. Header fields are given as "Name: value"; that of the
// name Host is the host.
func ask(t *testing.T, s *httptest.Server, method, target string, fields ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "social.example"
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, body: string(body)}
	_ = json.Unmarshal(body, &a.told)
	return a
}

func TestPrefix(t *testing.T) {
	s := server(t, Options{URL: address(t, below)})
	for _, tt := range []struct{ target, path, line string }{
		{"/social/api/user/ann/feed", "/api/user/ann/feed", "/api/user/ann/feed"},
		{"/social/api/user/ann/feed?a=%2f", "/api/user/ann/feed", "/api/user/ann/feed?a=%2f"},
		{"/social/api/user/a%2fn/feed", "/api/user/a%2fn/feed", "/api/user/a%2fn/feed"},
		{"/social/", "/", "/"},
		{"/social", "/", "/"},
		{"/social?x=1", "/", "/?x=1"},
		// A proxy has taken it off, or the path belongs to the host.
		{"/api/user/ann/feed", "/api/user/ann/feed", "/api/user/ann/feed"},
		{"/.well-known/webfinger", "/.well-known/webfinger", "/.well-known/webfinger"},
		{"/social/healthz", "/healthz", "/healthz"},
	} {
		a := ask(t, s, "GET", tt.target, "Host: example.org")
		if a.told["path"] != tt.path || a.told["line"] != tt.line {
			t.Errorf("%s arrives as %s (request line %s), want %s (%s)", tt.target, a.told["path"], a.told["line"], tt.path, tt.line)
		}
	}
	if a := ask(t, s, "GET", "/socialist/api/users", "Host: example.org"); a.status != http.StatusNotFound {
		t.Errorf("a path that only begins with the same letters: %d", a.status)
	}
}

func TestCanonicalHost(t *testing.T) {
	s := server(t, Options{Canonical: true})
	bound := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := net.SplitHostPort(bound)
	for _, tt := range []struct {
		method, target, host string
		fields               []string
		to                   string // "" where it is answered
	}{
		{"GET", "/", "social.example", nil, ""},
		{"GET", "/", "SOCIAL.example:443", nil, ""},
		{"GET", "/", bound, nil, ""},
		{"GET", "/", "localhost:" + port, nil, ""},
		{"GET", "/", "social.example:8443", nil, home + "/"},
		{"GET", "/", "www.social.example", nil, home + "/"},
		{"HEAD", "/", "www.social.example", nil, home + "/"},
		{"GET", "/api/user/a%2fn/feed?x=%20", "www.social.example", nil, home + "/api/user/a%2fn/feed?x=%20"},
		{"GET", "/.well-known/webfinger?resource=a@b", "www.social.example", nil, home + "/.well-known/webfinger?resource=a@b"},
		{"GET", "//evil.example/", "www.social.example", nil, home + "//evil.example/"},
		{"GET", "/healthz", "10.0.0.7", nil, ""},
		{"POST", "/api/users", "www.social.example", nil, ""},
		{"GET", "/api/user/ann/feed", "www.social.example", []string{`Authorization: OAuth oauth_token="x"`}, ""},
	} {
		a := ask(t, s, tt.method, tt.target, append(tt.fields, "Host: "+tt.host)...)
		want := http.StatusOK
		if tt.to != "" {
			want = http.StatusMovedPermanently
		}
		if a.status != want || a.header.Get("Location") != tt.to {
			t.Errorf("%s %s at %s: %d to %q, want %d to %q", tt.method, tt.target, tt.host, a.status, a.header.Get("Location"), want, tt.to)
		}
	}
	if a := ask(t, server(t, Options{}), "GET", "/", "Host: www.social.example"); a.status != http.StatusOK {
		t.Errorf("without the option: %d", a.status)
	}
	s = server(t, Options{URL: address(t, below), Canonical: true})
	for target, to := range map[string]string{
		"/social/api/users": below + "/api/users", "/api/users": below + "/api/users", "/.well-known/webfinger?x=1": "https://example.org/.well-known/webfinger?x=1",
	} {
		if a := ask(t, s, "GET", target, "Host: www.example.org"); a.header.Get("Location") != to {
			t.Errorf("%s is redirected to %q, want %q", target, a.header.Get("Location"), to)
		}
	}
}

func TestRedirect(t *testing.T) {
	s := httptest.NewServer(Redirect(address(t, below)))
	t.Cleanup(s.Close)
	for method, status := range map[string]int{"GET": 301, "HEAD": 301, "POST": 308, "PUT": 308} {
		a := ask(t, s, method, "/social/api/x?y=%2f", "Host: other.example")
		if to := "https://example.org/social/api/x?y=%2f"; a.status != status || a.header.Get("Location") != to {
			t.Errorf("%s: %d to %q, want %d to %q", method, a.status, a.header.Get("Location"), status, to)
		}
	}
}

func TestMethodOverride(t *testing.T) {
	s := server(t, Options{})
	for _, tt := range []struct {
		method, override, target string
		status                   int
		told                     string // the method that the handler sees
	}{
		{"POST", "PUT", "/api/note/1", 200, "PUT"},
		{"POST", "delete", "/api/note/1", 200, "DELETE"},
		{"POST", "POST", "/api/user/ann/feed", 200, "POST"},
		{"POST", "", "/api/user/ann/feed", 200, "POST"},
		{"POST", "PATCH", "/api/note/1", 400, ""},
		{"POST", "GET", "/api/note/1", 400, ""},
		{"POST", "PUT", "/api/user/ann/feed", 405, ""},
		{"GET", "DELETE", "/api/note/1", 200, "GET"},
		{"PUT", "DELETE", "/api/note/1", 200, "PUT"},
	} {
		a := ask(t, s, tt.method, tt.target, "X-HTTP-Method-Override: "+tt.override)
		if a.status != tt.status || a.told["method"] != tt.told {
			t.Errorf("%s as %q of %s: %d as %q, want %d as %q", tt.method, tt.override, tt.target, a.status, a.told["method"], tt.status, tt.told)
		}
		if tt.told != "" && a.told["signed"] != tt.method {
			t.Errorf("%s as %q: the signature is taken to be over %q", tt.method, tt.override, a.told["signed"])
		}
		if tt.status == 400 && a.told["error"] != "X-HTTP-Method-Override must be PUT or DELETE." {
			t.Errorf("the refusal is %s", a.body)
		}
	}
}

func TestOptions(t *testing.T) {
	s := server(t, Options{})
	for target, allow := range map[string]string{
		"/api/user/ann/feed": "GET,HEAD,POST", "/api/note/1": "GET,HEAD,PUT,DELETE", "/": "GET,HEAD", "/api/long": "GET,HEAD",
	} {
		a := ask(t, s, "OPTIONS", target)
		if a.status != 200 || a.header.Get("Allow") != allow || a.body != allow {
			t.Errorf("%s: %d, Allow %q, body %q; want %q", target, a.status, a.header.Get("Allow"), a.body, allow)
		}
	}
	if a := ask(t, s, "OPTIONS", "/api/nothing/at/all/here"); a.status != 404 {
		t.Errorf("where nothing is: %d", a.status)
	}
}

func TestCrossOrigin(t *testing.T) {
	s := server(t, Options{})
	const origin = "Origin: https://app.example"
	a := ask(t, s, "GET", "/api/users", origin)
	if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a read is answered with %v", a.header)
	}
	exposed := strings.ToLower(a.header.Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"link", "etag", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not exposed: %q", name, exposed)
		}
	}
	for _, tt := range []struct {
		target, method, headers string
		allowed                 bool
	}{
		{"/api/user/ann/feed", "POST", "authorization,content-type", true},
		{"/api/note/1", "DELETE", "authorization", true},
		{"/api/users", "GET", "", true},
		{"/oauth/access_token", "POST", "authorization", true},
		{"/api/users", "PATCH", "", false},
		{"/api/users", "GET", "x-something", false},
		{"/oauth/authorize", "POST", "", false},
		{"/main/login", "POST", "content-type", false},
		{"/page", "GET", "authorization", false},
	} {
		fields := []string{origin, "Access-Control-Request-Method: " + tt.method}
		if tt.headers != "" {
			fields = append(fields, "Access-Control-Request-Headers: "+tt.headers)
		}
		a := ask(t, s, "OPTIONS", tt.target, fields...)
		if got := a.header.Get("Access-Control-Allow-Origin") == "*"; got != tt.allowed {
			t.Errorf("%s of %s with %q: allowed %v, want %v (%d %v)", tt.method, tt.target, tt.headers, got, tt.allowed, a.status, a.header)
		}
		if tt.allowed && (a.status != 200 || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), tt.method)) {
			t.Errorf("%s of %s: %d %v", tt.method, tt.target, a.status, a.header)
		}
	}
	if a := ask(t, s, "GET", "/page", origin); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("scripts of other sites may read pages")
	}
}

func TestCompression(t *testing.T) {
	s := server(t, Options{Compress: true})
	for _, tt := range []struct {
		target     string
		fields     []string
		compressed bool
		varies     bool
	}{
		{"/api/long", []string{"Accept-Encoding: gzip"}, true, true},
		{"/api/long", []string{"Accept-Encoding: br, gzip;q=0.5"}, true, true},
		{"/api/long", []string{"Accept-Encoding: gzip;q=0"}, false, true},
		{"/api/long", nil, false, true},
		{"/api/long", []string{"Accept-Encoding: zstd"}, false, true},
		{"/api/ld", []string{"Accept-Encoding: gzip"}, true, true},
		{"/page", []string{"Accept-Encoding: gzip"}, true, true},
		{"/api/users", []string{"Accept-Encoding: gzip"}, false, true}, // is short
		{"/api/picture", []string{"Accept-Encoding: gzip"}, false, true},
		{"/uploads/note.txt", []string{"Accept-Encoding: gzip"}, false, false},
		{"/oauth/authorize", []string{"Accept-Encoding: gzip"}, false, false},
		{"/api/long", []string{"Accept-Encoding: gzip", "Accept: text/event-stream"}, false, false},
	} {
		a := ask(t, s, "GET", tt.target, tt.fields...)
		if got := a.header.Get("Content-Encoding") == "gzip"; got != tt.compressed {
			t.Errorf("%s with %q: compressed %v, want %v", tt.target, tt.fields, got, tt.compressed)
		}
		if got := strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept-Encoding"); got != tt.varies {
			t.Errorf("%s with %q: Vary is %q", tt.target, tt.fields, a.header.Values("Vary"))
		}
		if !tt.compressed {
			continue
		}
		if a.header.Get("Etag") != `W/"1"` {
			t.Errorf("%s: the tag has become %q", tt.target, a.header.Get("Etag"))
		}
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(z); err != nil || string(plain) != long {
			t.Errorf("%s reads as %.40q (%v)", tt.target, plain, err)
		}
	}
	a := ask(t, server(t, Options{}), "GET", "/api/long", "Accept-Encoding: gzip")
	if a.header.Get("Content-Encoding") != "" || a.header.Get("Vary") == "Accept-Encoding" {
		t.Errorf("without the option: %v", a.header)
	}
}

func TestSafeFields(t *testing.T) {
	s := server(t, Options{HSTS: "max-age=60"})
	for target, policy := range map[string]string{"/api/users": inert[0], "/framed": "default-src 'self'", "/api/nothing/at/all/here": inert[0]} {
		a := ask(t, s, "GET", target)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Strict-Transport-Security": "max-age=60", "Content-Security-Policy": policy,
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", target, name, got, want)
			}
		}
	}
	if got := ask(t, server(t, Options{}), "GET", "/").header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("nobody wanted Strict-Transport-Security: %q", got)
	}
}

// TestStreamsPassThrough: what is written to a stream arrives at once, a
// connection can be taken over, and SockJS may be framed.
func TestStreamsPassThrough(t *testing.T) {
	more := make(chan struct{})
	router := mux.NewRouter()
	router.HandleFunc("/api/user/ann/inbox", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush() // the header alone
		<-more
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-more
	})
	router.PathPrefix("/main/realtime/").HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(buffer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Policy: %s\r\n\r\ntaken", w.Header().Get("Content-Security-Policy"))
		buffer.Flush()
	})
	h, err := New(router, Options{URL: address(t, home), Compress: true, Canonical: true, Methods: RouterMethods(router), Limiter: NewLimiter(LimiterOptions{})})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	r, err := http.NewRequest("GET", s.URL+"/api/user/ann/inbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Accept-Encoding", "gzip")
	response, err := client.Do(r) // returns when the header is there
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	more <- struct{}{}
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); line != "data: 1\n" {
		t.Errorf("the stream begins with %q (%v)", line, err)
	}
	close(more)
	a := ask(t, s, "GET", "/main/realtime/sockjs/iframe.html", "Host: elsewhere.example", "Accept-Encoding: gzip")
	if a.body != "taken" || a.header.Get("X-Policy") != "" {
		t.Errorf("SockJS answers %d %q %v", a.status, a.body, a.header)
	}
}
