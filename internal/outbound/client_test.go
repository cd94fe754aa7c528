package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain sets a proxy for the whole process, because net/http reads these
// variables only once.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		os.Setenv(name, "http://proxy.example:3128")
	}
	os.Unsetenv("NO_PROXY")
	os.Exit(m.Run())
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func serveTLS(t *testing.T, h http.HandlerFunc, adjust func(*httptest.Server)) (*httptest.Server, *x509.CertPool) {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if adjust != nil {
		adjust(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, pool
}

func local(t *testing.T, o Options) *Client {
	o.AllowPrivate = true
	c := New(o)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestUnsupportedURLs(t *testing.T) {
	client, passed := neverConnecting(Options{})
	for _, raw := range []string{
		"", "/inbox", "//social.example/", "social.example", "ftp://social.example/", "file:///etc/passwd", "gopher://social.example/",
		"http://", "http:///path", "http://:80/", "http:social.example", "https://ann@social.example/", "https://ann:secret@social.example/",
		"https://@social.example/", "http://social.example:http/", "http://[::1", "http://a\nb/", "unix:///run/docker.sock", "HTTPS+unix://x/",
	} {
		_, err := client.Do(t.Context(), Request{URL: raw})
		if !errors.Is(err, ErrUnsupportedURL) {
			t.Errorf("%q: error %v, want ErrUnsupportedURL", raw, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error %q repeats the password", raw, err)
		}
	}
	if p := passed(); len(p) > 0 {
		t.Errorf("dialled %v", p)
	}
}

func TestRequestAndResponse(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s ua=%s accept=%s x=%s body=%s", r.Method, r.RequestURI, r.UserAgent(), r.Header.Get("Accept"), r.Header.Get("X-Signed"), body)
	})
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {"somebody else"}, "Accept-Encoding": {"br"}}
	client := local(t, Options{UserAgent: "manifold/1 (+https://we.example/)"})
	resp, err := client.Do(t.Context(), Request{
		Method: "POST", URL: s.URL + "/a%2Fb?q=1#frag", Header: header, Body: []byte("hello"),
		Sign: func(r *http.Request) error {
			r.Header.Set("X-Signed", r.URL.EscapedPath())
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "POST /a%2Fb?q=1 ua=manifold/1 (+https://we.example/) accept=application/json x=/a%2Fb body=hello"
	if string(resp.Body) != want {
		t.Errorf("server saw %q, want %q", resp.Body, want)
	}
	if resp.Status != http.StatusTeapot || resp.Header.Get("Content-Type") != "text/plain" || resp.URL != s.URL+"/a%2Fb?q=1" {
		t.Errorf("response is %d, %v, %s", resp.Status, resp.Header, resp.URL)
	}
	if header.Get("User-Agent") != "somebody else" || len(header) != 3 {
		t.Errorf("the caller's header was changed: %v", header)
	}
}

func TestSignErrorStopsTheRequest(t *testing.T) {
	client, passed := neverConnecting(Options{})
	errNoKey := errors.New("no key")
	_, err := client.Do(t.Context(), Request{URL: "http://1.1.1.1/", Sign: func(*http.Request) error { return errNoKey }})
	if !errors.Is(err, errNoKey) || len(passed()) != 0 {
		t.Errorf("error %v after dialling %v, want the signer's and no dial", err, passed())
	}
}

func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	var dialled string
	client := New(Options{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = address
		return nil, errWouldConnect
	}})
	if _, err := client.Do(t.Context(), Request{URL: "http://social.example/"}); !errors.Is(err, errWouldConnect) {
		t.Errorf("error %v, want the dialer's", err)
	}
	if dialled != "social.example:80" {
		t.Errorf("dialled %s, want social.example:80", dialled)
	}
}

func TestRedirects(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "plain")
	})
	var mux http.ServeMux
	redirect := func(path, location string, status int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Location"] = []string{location}
			w.WriteHeader(status)
		})
	}
	for from, to := range map[string]string{"/5": "/4", "/4": "/3", "/3": "/2", "/2": "/1", "/1": "/0"} {
		redirect(from, to, 302)
	}
	redirect("/6", "/5", 302)
	redirect("/loop", "/loop", 301)
	redirect("/down", plain.URL+"/", 301)
	redirect("/userinfo", "https://ann:secret@other.example/", 307)
	redirect("/ftp", "ftp://other.example/", 308)
	redirect("/garbage", "http://[", 303)
	redirect("/see-other", "0?x=%2F#frag", 303)
	mux.HandleFunc("/0", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Method+" done") })
	mux.HandleFunc("/304", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(304) })
	mux.HandleFunc("/bare", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(302) })
	secure, pool := serveTLS(t, mux.ServeHTTP, nil)

	tests := []struct {
		method, path string
		status       int
		url, body    string // of the answer
		err          error
	}{
		{method: "GET", path: "/5", status: 200, url: "/0", body: "GET done"},
		{method: "GET", path: "/see-other", status: 200, url: "/0?x=%2F", body: "GET done"},
		{method: "HEAD", path: "/1", status: 200, url: "/0"},
		{method: "GET", path: "/304", status: 304, url: "/304"},
		{method: "GET", path: "/bare", status: 302, url: "/bare"},
		{method: "GET", path: "/6", status: 302, err: ErrTooManyRedirects},
		{method: "GET", path: "/loop", status: 301, err: ErrTooManyRedirects},
		{method: "GET", path: "/down", status: 301, err: ErrDowngrade},
		{method: "GET", path: "/userinfo", status: 307, err: ErrUnsupportedURL},
		{method: "GET", path: "/ftp", status: 308, err: ErrUnsupportedURL},
		{method: "GET", path: "/garbage", status: 303, err: ErrUnsupportedURL},
		{method: "POST", path: "/1", status: 302, err: ErrRedirectedMethod},
		{method: "POST", path: "/see-other", status: 303, err: ErrRedirectedMethod},
		{method: "PUT", path: "/1", status: 302, err: ErrRedirectedMethod},
	}
	client := local(t, Options{RootCAs: pool})
	for _, tt := range tests {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			resp, err := client.Do(t.Context(), Request{Method: tt.method, URL: secure.URL + tt.path})
			if tt.err != nil {
				var refused *RedirectError
				if !errors.As(err, &refused) || !errors.Is(err, tt.err) || refused.Status != tt.status {
					t.Fatalf("error %v, want a RedirectError of status %d because of %q", err, tt.status, tt.err)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("the error %q repeats the password", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if resp.Status != tt.status || resp.URL != secure.URL+tt.url || string(resp.Body) != tt.body {
				t.Errorf("got %d %s %q", resp.Status, resp.URL, resp.Body)
			}
		})
	}
}

func TestRefusedRedirects(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/0", http.StatusFound) })
	t.Run("location is absolute", func(t *testing.T) {
		_, err := local(t, Options{}).Do(t.Context(), Request{Method: "POST", URL: s.URL + "/1"})
		var refused *RedirectError
		if !errors.As(err, &refused) || refused.Location != s.URL+"/0" {
			t.Errorf("error %#v, want Location %s", err, s.URL+"/0")
		}
	})
	t.Run("none allowed", func(t *testing.T) {
		none := local(t, Options{MaxRedirects: -1})
		if _, err := none.Do(t.Context(), Request{URL: s.URL + "/1"}); !errors.Is(err, ErrTooManyRedirects) {
			t.Errorf("error %v, want ErrTooManyRedirects", err)
		}
	})
	t.Run("none wanted", func(t *testing.T) {
		if _, err := local(t, Options{}).Do(t.Context(), Request{URL: s.URL + "/1", NoRedirects: true}); !errors.Is(err, ErrTooManyRedirects) {
			t.Errorf("error %v, want ErrTooManyRedirects", err)
		}
	})
}

func TestRedirectToForbiddenAddress(t *testing.T) {
	var reached atomic.Bool
	inside := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	front := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL+"/admin", http.StatusFound)
	})

	client := New(Options{})
	guarded := client.transport.DialContext
	client.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == front.Listener.Addr().String() { // plays a public host
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		return guarded(ctx, network, address)
	}
	defer client.CloseIdleConnections()
	_, err := client.Do(t.Context(), Request{URL: front.URL})
	var forbidden *ForbiddenAddressError
	if !errors.As(err, &forbidden) || forbidden.Host != inside.Listener.Addr().String() {
		t.Errorf("error %v, want a ForbiddenAddressError for %s", err, inside.Listener.Addr())
	}
	if reached.Load() {
		t.Error("the private server got a request")
	}
}

func TestCredentialsStayAtTheirHost(t *testing.T) {
	secret := http.Header{
		"Authorization": {"OAuth x"}, "Cookie": {"a=b"}, "Signature": {"s"}, "Signature-Input": {"i"}, "Proxy-Authorization": {"p"}, "Accept": {"text/html"},
	}
	report := func(w http.ResponseWriter, r *http.Request) {
		var seen []string
		for name := range secret {
			if r.Header.Get(name) != "" {
				seen = append(seen, name)
			}
		}
		slices.Sort(seen)
		io.WriteString(w, strings.Join(seen, " ")+" by "+r.Header.Get("X-Signed-For"))
	}
	other := serve(t, report)
	var s *httptest.Server
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL+"/", http.StatusFound)
		case "/away-in-two":
			http.Redirect(w, r, "/away", http.StatusFound)
		case "/within":
			http.Redirect(w, r, strings.ToUpper(s.URL[:4])+s.URL[4:]+"/", http.StatusFound)
		default:
			report(w, r)
		}
	})
	sign := func(r *http.Request) error {
		if r.URL.Host == s.Listener.Addr().String() {
			r.Header.Set("X-Signed-For", r.URL.Host+r.URL.Path)
		}
		return nil
	}
	client := local(t, Options{})
	for path, want := range map[string]string{
		"/":            "Accept Authorization Cookie Proxy-Authorization Signature Signature-Input by " + s.Listener.Addr().String() + "/",
		"/within":      "Accept Authorization Cookie Proxy-Authorization Signature Signature-Input by " + s.Listener.Addr().String() + "/",
		"/away":        "Accept by ",
		"/away-in-two": "Accept by ",
	} {
		resp, err := client.Do(t.Context(), Request{URL: s.URL + path, Header: secret, Sign: sign})
		if err != nil {
			t.Fatal(err)
		}
		if string(resp.Body) != want {
			t.Errorf("%s: the last host saw %q, want %q", path, resp.Body, want)
		}
	}
	if len(secret) != 6 {
		t.Errorf("the caller's header was changed: %v", secret)
	}
}

func TestBodyLimit(t *testing.T) {
	bomb := func(w http.ResponseWriter, size int) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		zeros := make([]byte, 1<<16)
		for ; size > 0; size -= len(zeros) {
			if _, err := z.Write(zeros[:min(size, len(zeros))]); err != nil {
				return
			}
		}
		z.Close()
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			w.Write(make([]byte, 1000))
		case "/one-more":
			w.Write(make([]byte, 1001))
		case "/chunked":
			w.Write(make([]byte, 500))
			w.(http.Flusher).Flush()
			w.Write(make([]byte, 501))
		case "/gzip-fits":
			bomb(w, 1000)
		case "/gzip-bomb":
			bomb(w, 100<<20)
		}
	})
	client := local(t, Options{MaxBody: 1000})
	for path, want := range map[string]error{
		"/exact": nil, "/one-more": ErrTooLarge, "/chunked": ErrTooLarge, "/gzip-fits": nil, "/gzip-bomb": ErrTooLarge,
	} {
		// An Accept-Encoding of the caller's would keep the transport from decompressing.
		resp, err := client.Do(t.Context(), Request{URL: s.URL + path, Header: http.Header{"Accept-Encoding": {"gzip"}}})
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", path, err, want)
		}
		if err == nil && !bytes.Equal(resp.Body, make([]byte, 1000)) {
			t.Errorf("%s: %d bytes %.20x, want 1000 zeros", path, len(resp.Body), resp.Body)
		}
	}
	if resp, err := client.Do(t.Context(), Request{URL: s.URL + "/one-more", MaxBody: 1001}); err != nil || len(resp.Body) != 1001 {
		t.Errorf("own limit of a request: error %v, want 1001 bytes", err)
	}
	if _, err := client.Do(t.Context(), Request{Method: "HEAD", URL: s.URL + "/one-more"}); err != nil {
		t.Errorf("HEAD of something large: error %v, want none", err)
	}
}

func TestStreamGivesWhatFitsAndThenTheError(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush() // no Content-Length
		io.WriteString(w, "0123456789")
	})
	client := local(t, Options{MaxBody: 1})
	stream, err := client.Stream(t.Context(), Request{URL: s.URL, MaxBody: 4})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(stream.Body)
	if string(body) != "0123" || !errors.Is(err, ErrTooLarge) || stream.Size != -1 || stream.Status != 200 {
		t.Errorf("read %q of size %d, error %v; want 0123 of -1 and ErrTooLarge", body, stream.Size, err)
	}
	if err := errors.Join(stream.Body.Close(), stream.Body.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}

	stream, err = client.Stream(t.Context(), Request{URL: s.URL, MaxBody: 100})
	if err != nil {
		t.Fatal(err)
	}
	stream.Body.Close()
	if n, err := stream.Body.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("reading after Close: %d, %v; want an error", n, err)
	}
	assertNoPlacesTaken(t, client)
}

func assertNoPlacesTaken(t *testing.T, c *Client) {
	t.Helper()
	c.places.mu.Lock()
	defer c.places.mu.Unlock()
	if len(c.places.hosts) != 0 {
		t.Errorf("places are still taken at %d hosts", len(c.places.hosts))
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/redirect" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	client := local(t, Options{})
	for range 5 {
		for _, path := range []string{"/", "/redirect"} {
			if _, err := client.Do(t.Context(), Request{URL: s.URL + path}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 15 requests in a row, want 1", n)
	}
}

func TestHTTP2(t *testing.T) {
	s, pool := serveTLS(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) },
		func(s *httptest.Server) { s.EnableHTTP2 = true })
	resp, err := local(t, Options{RootCAs: pool}).Do(t.Context(), Request{URL: s.URL})
	if err != nil || string(resp.Body) != "HTTP/2.0" {
		t.Errorf("got %v, error %v; want HTTP/2.0", resp, err)
	}
}

func TestPlacesPerHost(t *testing.T) {
	const limit = 3
	var inside, most atomic.Int32
	entered, release := make(chan struct{}, 100), make(chan struct{})
	busy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := inside.Add(1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		entered <- struct{}{}
		<-release
		inside.Add(-1)
	})
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {})
	client := local(t, Options{MaxPerHost: limit})

	var done sync.WaitGroup
	for range 4 * limit {
		done.Go(func() {
			if _, err := client.Do(t.Context(), Request{URL: busy.URL}); err != nil {
				t.Error(err)
			}
		})
	}
	for range limit {
		<-entered
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Do(ctx, Request{URL: busy.URL})
	if !errors.Is(err, ErrHostBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want ErrHostBusy and the context's", err)
	}
	if _, err := client.Do(t.Context(), Request{URL: other.URL}); err != nil {
		t.Errorf("another port of the same host: %v", err)
	}
	close(release)
	done.Wait()
	if m := most.Load(); m != limit {
		t.Errorf("%d requests at once, want %d", m, limit)
	}
	assertNoPlacesTaken(t, client)
}

func TestObserve(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	o := Options{AllowPrivate: true, MaxBody: 5, Observe: func(host string, status int, err error, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if d <= 0 {
			t.Errorf("%s: duration %v", host, d)
		}
		seen = append(seen, fmt.Sprintf("%s %d %t", host, status, err != nil))
	}}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/gone", http.StatusFound)
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/large":
			w.Write(bytes.Repeat([]byte("x"), 6))
		}
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	client := New(o)
	defer client.CloseIdleConnections()
	host, dead := s.Listener.Addr().String(), gone.Listener.Addr().String()
	for _, step := range []struct {
		method, url string
		want        []string
	}{
		{"GET", s.URL + "/redirect", []string{host + " 302 false", host + " 410 false"}},
		{"POST", s.URL + "/redirect", []string{host + " 302 true"}},
		{"GET", s.URL + "/large", []string{host + " 200 true"}},
		{"GET", gone.URL, []string{dead + " 0 true"}},
		{"GET", "ftp://" + host, nil},
	} {
		seen = nil
		_, _ = client.Do(t.Context(), Request{Method: step.method, URL: step.url})
		if !slices.Equal(seen, step.want) {
			t.Errorf("%s %s: observed %v, want %v", step.method, step.url, seen, step.want)
		}
	}
}

func TestHostKey(t *testing.T) {
	for raw, want := range map[string]string{
		"https://Social.Example/x":     "social.example:443",
		"http://social.example":        "social.example:80",
		"http://social.example:443/":   "social.example:443",
		"https://localhost:8081/":      "localhost:8081",
		"http://[2606:4700::1111]/":    "[2606:4700::1111]:80",
		"https://social.example:8443/": "social.example:8443",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostKey(u); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

// A refused host is not asked, whether by its own name or by a redirect.
func TestRefuse(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://Bad.Example/", http.StatusFound)
	}))
	defer server.Close()
	refusal := errors.New("not that one")
	c := New(Options{AllowPrivate: true, Refuse: func(_ context.Context, host string) error {
		if host == "bad.example" {
			return refusal
		}
		return nil
	}})
	for _, tt := range []struct {
		address string
		asked   int
	}{{server.URL, 1}, {"http://BAD.example:8080/x", 0}} {
		asked = 0
		if _, err := c.Do(t.Context(), Request{URL: tt.address}); !errors.Is(err, refusal) || asked != tt.asked {
			t.Errorf("%s: %v after %d requests, want the refusal after %d", tt.address, err, asked, tt.asked)
		}
	}
}

// What was refused here, or waited in vain for a place, says nothing about a host.
func TestSent(t *testing.T) {
	for _, tt := range []struct {
		err  error
		sent bool
	}{
		{fmt.Errorf("asking: %w", fmt.Errorf("%w: %w", ErrHostBusy, context.DeadlineExceeded)), false},
		{fmt.Errorf("asking: %w", &ForbiddenAddressError{Host: "a.example:443"}), false},
		{ErrUnsupportedURL, false},
		{context.Canceled, false},
		{&RedirectError{Status: 301, Err: ErrUnsupportedURL}, true},
		{ErrTooLarge, true},
		{context.DeadlineExceeded, true},
		{errors.New("connection refused"), true},
	} {
		if Sent(tt.err) != tt.sent {
			t.Errorf("%v: sent %t, want %t", tt.err, !tt.sent, tt.sent)
		}
	}
}

// What a refusal says is handed on, cut short, save pages and what is no text.
func TestDrain(t *testing.T) {
	for _, tt := range []struct {
		status     int
		kind, body string
		want       string
	}{
		{400, "application/activity+json", `["to or cc is missing"]`, `["to or cc is missing"]`},
		{403, "", "go away", "go away"},
		{500, "text/html; charset=utf-8", "<p>broken</p>", ""},
		{502, "text/plain", strings.Repeat("x", 1000), strings.Repeat("x", 300)},
		{400, "text/plain", "\xff\xfe", ""},
		{202, "text/plain", "thanks", ""},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		})
		stream, err := local(t, Options{}).Stream(t.Context(), Request{URL: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.Drain(1 << 10); got != tt.want {
			t.Errorf("%d %s %.20q says %.40q, want %.40q", tt.status, tt.kind, tt.body, got, tt.want)
		}
		_ = stream.Body.Close()
	}
}
