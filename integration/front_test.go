package integration

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"manifold/pumpapi/oauth1"
)

// reply is an answer of the server, read.
type reply struct {
	status int
	header http.Header
	body   string
}

// is demands a status.
func (r reply) is(t *testing.T, what string, status int) reply {
	t.Helper()
	if r.status != status {
		t.Errorf("%s: status %d, want %d: %.300s", what, r.status, status, r.body)
	}
	return r
}

// plain keeps the answers as they come over the wire.
var plain = &http.Client{Timeout: patience, Transport: &http.Transport{DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// wire sends a request to the address that the server listens on, whatever host
// it names. Header fields are given as "Name: value".
func (s *server) wire(method, target string, body any, fields ...string) reply {
	s.t.Helper()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, "http://"+s.address+target, content)
	if err != nil {
		s.t.Fatal(err)
	}
	if u, err := url.Parse(s.url); err == nil {
		r.Host = u.Host
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	answer, err := plain.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(b)}
}

// authorization signs a request for an address as a person's program does.
func (p *person) authorization(method, address string) string {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	header, err := p.signer.AuthorizationHeader(oauth1.Call{Method: method, URL: u})
	if err != nil {
		p.t.Fatal(err)
	}
	return "Authorization: " + header
}

// forAll is a note that strangers may read.
func forAll(content string) map[string]any {
	return map[string]any{"verb": "post", "object": map[string]any{"objectType": "note", "content": content},
		"to": []any{map[string]any{"objectType": "collection", "id": "http://activityschema.org/collection/public"}}}
}

// TestFront asks the whole program for what it answers before any network does,
// and for what networks leave to others.
func TestFront(t *testing.T) {
	t.Parallel()
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"), "MANIFOLD_RATE_LIMITS=on")
	s.start()
	ann := s.person("ann")
	ann.ask("POST", ann.path("feed"), forAll("for all to see"), new(activity))
	html, as1 := "Accept: text/html", "Accept: application/json"
	for _, tt := range []struct {
		name, method, target string
		fields               []string
		status               int
		want                 map[string]string // header fields, or parts of them
		says                 string            // a part of the body
	}{
		{"nothing below the API", "GET", "/api/nothing/at/all/here", []string{html}, 404, map[string]string{"Content-Type": "application/json"}, `{"error":`},
		{"nothing elsewhere, for people", "GET", "/main/nothing", []string{html}, 404, map[string]string{"Content-Type": "text/html"}, "<h1>"},
		{"nothing elsewhere, for programs", "GET", "/main/nothing", []string{as1}, 404, map[string]string{"Content-Type": "application/json"}, `{"error":`},
		{"a method that is not there", "POST", "/api/whoami", nil, 405, map[string]string{"Allow": "GET, HEAD", "Content-Type": "application/json"}, `{"error":`},
		{"a method that nobody knows", "BREW", "/api/user/ann/feed", nil, 405, map[string]string{"Allow": "GET, HEAD, POST"}, `{"error":`},
		{"options", "OPTIONS", "/api/user/ann/feed", nil, 200, map[string]string{"Allow": "GET,HEAD,POST"}, "GET,HEAD,POST"},
		{"options of somebody", "OPTIONS", "/api/user/ann", nil, 200, map[string]string{"Allow": "GET,HEAD,PUT,DELETE"}, ""},
		{"head", "HEAD", "/api/user/ann/profile", nil, 200, map[string]string{"Content-Type": "application/json", "Etag": `W/"`}, ""},
		{"head of the first page", "HEAD", "/", []string{html}, 200, map[string]string{"Content-Type": "text/html"}, ""},
		{"robots", "GET", "/robots.txt", nil, 200, map[string]string{"Content-Type": "text/plain"}, "Disallow: /api/"},
		{"the icon", "GET", "/favicon.svg", nil, 200, map[string]string{"Content-Type": "image/svg+xml"}, "<svg"},
		{"safe to look at", "GET", "/api/user/ann/profile", nil, 200, map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Content-Security-Policy": "default-src 'none'"}, ""},
		{"a page has a policy of its own", "GET", "/ann", []string{html}, 200, map[string]string{"Content-Security-Policy": "style-src 'self'", "Vary": "Accept"}, "for all to see"},
		{"another host, looking", "GET", "/ann?x=1", []string{"Host: www.elsewhere.example"}, 301, map[string]string{"Location": s.url + "/ann?x=1"}, ""},
		{"another host, writing", "POST", "/api/user/ann/feed", []string{"Host: www.elsewhere.example"}, 400, nil, "Missing required parameter"},
		{"the address itself", "GET", "/api/user/ann/profile", []string{"Host: " + s.address}, 200, nil, "ann"},
		{"a script elsewhere that reads", "GET", "/api/user/ann/feed", []string{"Origin: https://app.example"}, 200, map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Link"}, "for all to see"},
		{"a script elsewhere that asks whether it may", "OPTIONS", "/api/user/ann/feed",
			[]string{"Origin: https://app.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type"}, 200,
			map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization"}, ""},
		{"a script elsewhere that wants a page with a form", "OPTIONS", "/oauth/authorize",
			[]string{"Origin: https://app.example", "Access-Control-Request-Method: POST"}, 200, map[string]string{"Access-Control-Allow-Origin": ""}, ""},
		{"a method override that makes no sense", "POST", "/api/user/ann/feed", []string{"X-HTTP-Method-Override: PATCH"}, 400, nil, "must be PUT or DELETE"},
		{"an override of a path without that method", "POST", "/api/user/ann/feed", []string{"X-HTTP-Method-Override: DELETE"}, 405, map[string]string{"Allow": "GET, HEAD, POST"}, `{"error":`},
		{"health, whatever the host", "GET", "/healthz", []string{"Host: 10.0.0.7"}, 200, nil, "ok"},
	} {
		r := s.wire(tt.method, tt.target, nil, tt.fields...).is(t, tt.name, tt.status)
		for name, want := range tt.want {
			if got := strings.Join(r.header.Values(name), ", "); !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("%s: %s is %q, want %q", tt.name, name, got, want)
			}
		}
		if !strings.Contains(r.body, tt.says) || tt.method == "HEAD" && r.body != "" {
			t.Errorf("%s: it says %.300q, want %q", tt.name, r.body, tt.says)
		}
	}
	s.stop()
}

// TestAnswersAreCompressed: the same document, with the same tag, in fewer bytes.
func TestAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"on", "off"} {
		s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"), "MANIFOLD_COMPRESS="+setting)
		s.start()
		ann := s.person("ann")
		for i := range 5 {
			ann.ask("POST", ann.path("feed"), forAll(fmt.Sprintf("note %d", i)), new(activity))
		}
		usual := s.wire("GET", ann.path("feed"), nil).is(t, "a feed", 200)
		packed := s.wire("GET", ann.path("feed"), nil, "Accept-Encoding: gzip").is(t, "a feed, compressed", 200)
		if setting == "off" {
			if packed.header.Get("Content-Encoding") != "" || packed.body != usual.body {
				t.Errorf("with compress = off the answer has %v", packed.header)
			}
			s.stop()
			continue
		}
		if packed.header.Get("Content-Encoding") != "gzip" || packed.header.Get("Etag") != usual.header.Get("Etag") || len(packed.body)*2 > len(usual.body) {
			t.Errorf("%d bytes instead of %d, %v", len(packed.body), len(usual.body), packed.header)
		}
		z, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || string(b) != usual.body {
			t.Errorf("unpacked it is another document: %.200q (%v)", b, err)
		}
		again := s.wire("GET", ann.path("feed"), nil, "Accept-Encoding: gzip", "If-None-Match: "+packed.header.Get("Etag")).is(t, "the same once more", 304)
		if again.body != "" {
			t.Errorf("an answer of status 304 has a body: %q", again.body)
		}
		s.stop()
	}
}

// TestSignedOverride: a program that can only POST changes a profile. What it
// signs is the request that it sends.
func TestSignedOverride(t *testing.T) {
	t.Parallel()
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"))
	s.start()
	ann := s.person("ann")
	profile := map[string]any{"objectType": "person", "displayName": "Ann by POST"}
	address := s.url + ann.path("profile")
	s.wire("POST", ann.path("profile"), profile, ann.authorization("PUT", address), "X-HTTP-Method-Override: PUT").is(t, "signed as what it becomes", 400)
	s.wire("POST", ann.path("profile"), profile, ann.authorization("POST", address)).is(t, "without the field", 405)
	r := s.wire("POST", ann.path("profile"), profile, ann.authorization("POST", address), "X-HTTP-Method-Override: PUT").is(t, "signed as what is sent", 200)
	if !strings.Contains(r.body, "Ann by POST") {
		t.Errorf("the profile is %s", r.body)
	}
	s.stop()
}

// TestLimits: an address that asks too much is told to wait, and nobody else is.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"), "MANIFOLD_RATE_LIMITS=on")
	s.start()
	ann := s.person("ann")
	from := func(address string) reply {
		return s.wire("POST", "/api/client/register", map[string]any{}, "X-Forwarded-For: "+address)
	}
	refused := reply{}
	for i := range 200 {
		if r := from("198.51.100.1"); r.status == http.StatusTooManyRequests {
			refused = r
			break
		} else if r.status != http.StatusBadRequest || r.header.Get("RateLimit-Limit") == "" || r.header.Get("RateLimit-Reset") == "" {
			t.Fatalf("request %d: %d %v %s", i+1, r.status, r.header, r.body)
		}
	}
	if refused.body != `{"error":"Too many requests; please wait a while."}`+"\n" || refused.header.Get("Retry-After") == "" || refused.header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("over the limit: %d %v %s", refused.status, refused.header, refused.body)
	}
	from("198.51.100.2").is(t, "another address", 400)
	s.wire("GET", "/api/user/ann/profile", nil, "X-Forwarded-For: 198.51.100.1").is(t, "another kind of request", 200)
	// The proxy on this machine is not limited itself; ann's account is counted.
	for i, want := range []string{"2999", "2998"} {
		r := s.wire("GET", ann.path("inbox"), nil, ann.authorization("GET", s.url+ann.path("inbox"))).is(t, "a signed read", 200)
		if r.header.Get("RateLimit-Limit") != "3000" || r.header.Get("RateLimit-Remaining") != want {
			t.Errorf("read %d: %v", i+1, r.header)
		}
	}
	s.stop()
}

// TestPathPrefix: a server below a path of its host works as one that has the
// host to itself, whether its proxy takes the prefix off or not.
func TestPathPrefix(t *testing.T) {
	t.Parallel()
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"), "MANIFOLD_REGISTRATION=open")
	host := s.url
	s.url += "/social"
	s.env = append(s.env, "MANIFOLD_URL="+s.url)
	s.start()
	ann := s.person("ann")
	var posted activity
	decode(t, s.wire("POST", "/social"+ann.path("feed"), forAll("below"), ann.authorization("POST", s.url+ann.path("feed"))).is(t, "posting", 200).body, &posted)
	if !strings.HasPrefix(posted.ID, s.url+"/api/activity/") {
		t.Errorf("the post is %s", posted.ID)
	}
	target := "/social" + ann.path("feed") + "?count=1"
	feed := s.wire("GET", target, nil, ann.authorization("GET", host+target)).is(t, "reading", 200)
	var page struct {
		URL   string
		Items []activity
	}
	decode(t, feed.body, &page)
	if page.URL != s.url+ann.path("feed") || len(page.Items) != 1 || page.Items[0].ID != posted.ID {
		t.Errorf("the feed is %s", feed.body)
	}
	// The same address, as a proxy that removes the prefix passes it on.
	s.wire("GET", ann.path("feed")+"?count=1", nil, ann.authorization("GET", host+target)).is(t, "reading through a proxy that removes the prefix", 200)
	s.wire("GET", target, nil, ann.authorization("GET", host+ann.path("feed")+"?count=1")).is(t, "a signature over the path without the prefix", 400)

	id, _ := strings.CutPrefix(posted.Object.ID, host)
	s.wire("GET", id, nil).is(t, "the id of the note", 200)
	finger := s.wire("GET", "/.well-known/webfinger?resource=ann@"+strings.TrimPrefix(host, "http://"), nil).is(t, "webfinger of the host", 200)
	if !strings.Contains(finger.body, s.url+"/api/user/ann/inbox") {
		t.Errorf("webfinger says %s", finger.body)
	}
	shown := s.wire("GET", "/social/ann", nil, "Accept: text/html").is(t, "the page of a person", 200)
	for _, link := range []string{`href="/social/static/web.css"`, `href="/social/"`, s.url + "/ann"} {
		if !strings.Contains(shown.body, link) {
			t.Errorf("the page lacks %s:\n%s", link, shown.body)
		}
	}
	if strings.Contains(shown.body, `="/static`) || strings.Contains(shown.body, `="/images`) {
		t.Errorf("the page links to what is outside of the prefix:\n%s", shown.body)
	}
	s.wire("GET", "/social/static/web.css", nil).is(t, "the style of the pages", 200)
	login := s.wire("GET", "/social/main/login", nil, "Accept: text/html").is(t, "the login page", 200)
	if !strings.Contains(login.body, `action="/social/main/login"`) {
		t.Errorf("the form leads elsewhere:\n%s", login.body)
	}
	for _, cookie := range login.header.Values("Set-Cookie") {
		if !strings.Contains(cookie, "Path=/social/") {
			t.Errorf("a cookie is sent to the whole host: %s", cookie)
		}
	}
	if r := s.wire("GET", "/social/ann", nil, "Host: www.elsewhere.example").is(t, "another host", 301); r.header.Get("Location") != s.url+"/ann" {
		t.Errorf("another host is redirected to %s", r.header.Get("Location"))
	}
	s.stop()
}

// TestRedirectToHTTPS: the second port sends everybody to https, which they are
// told to insist on.
func TestRedirectToHTTPS(t *testing.T) {
	t.Parallel()
	cert, key, trusted := certificate(t)
	second := freeAddress(t)
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"), "MANIFOLD_TLS=files", "MANIFOLD_TLS_CERT="+cert, "MANIFOLD_TLS_KEY="+key,
		"MANIFOLD_REDIRECT_LISTEN="+second, "MANIFOLD_HSTS=60")
	s.url = strings.Replace(s.url, "http://", "https://", 1)
	s.env = append(s.env, "MANIFOLD_URL="+s.url)
	s.launch()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	_, port, _ := net.SplitHostPort(second)
	var r *http.Response
	eventually(t, "the server answers after a redirect", func() (err error) {
		r, err = client.Get("http://localhost:" + port + "/.well-known/host-meta.json?x=1")
		return err
	})
	defer r.Body.Close()
	if r.StatusCode != 200 || r.Request.URL.String() != s.url+"/.well-known/host-meta.json?x=1" || r.Header.Get("Strict-Transport-Security") != "max-age=60" {
		t.Errorf("%s answers %d, %v", r.Request.URL, r.StatusCode, r.Header)
	}
	s.stop()
}

// TestLogFile: the log goes to the file, and to a new one when that was moved.
func TestLogFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "manifold.log")
	s := newServer(t, filepath.Join(t.TempDir(), "manifold.db"), "MANIFOLD_LOG_FILE="+path)
	s.start()
	has := func(path, text string) error {
		b, err := os.ReadFile(path)
		if err == nil && !bytes.Contains(b, []byte(text)) {
			err = fmt.Errorf("%s lacks %q:\n%s", path, text, b)
		}
		return err
	}
	s.wire("GET", "/api/first/of/all/paths", nil).is(t, "a path that is not there", 404)
	if err := has(path, "path=/api/first/of/all/paths"); err != nil {
		t.Error(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := s.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new file is begun", func() error { _, err := os.Stat(path); return err })
	s.wire("GET", "/api/second/of/all/paths", nil).is(t, "a path that is not there", 404)
	if err := has(path, "path=/api/second/of/all/paths"); err != nil {
		t.Error(err)
	}
	if err := has(path+".1", "second"); err == nil {
		t.Error("the file that was moved is written to")
	}
	s.stop()
	if err := has(path, "stopping"); err != nil {
		t.Error(err)
	}
}

// TestOriginalConfiguration starts the server with the configuration file of a
// pump.io server, whose clients find their keys.
func TestOriginalConfiguration(t *testing.T) {
	t.Parallel()
	s := newServer(t, "")
	_, port, _ := net.SplitHostPort(s.address)
	file := filepath.Join(s.dir, "pump.io.json")
	write := func(password, tokenSecret string) {
		text := fmt.Sprintf(`{
			"driver": "mongodb", "params": {"dbname": "pumpio"}, "secret": "hunter2", "firehose": "ofirehose.com",
			"hostname": "localhost", "address": "127.0.0.1", "port": %s, "urlPath": "pump", "noweb": true, "site": "The old corner",
			"datadir": %q, "logfile": %q, "logLevel": "info", "serverUser": "pumpio", "children": 4,
			"clients": [{"client_id": "old-client", "client_secret": "old-client-secret", "title": "Old script"}],
			"users": [{"nickname": "robot", "password": %q, "tokens": [
				{"token": "old-token", "token_secret": %q, "client_id": "old-client"},
				{"token": "old-bearer", "scope": "read", "client_id": "old-client"}]}]
		}`, port, filepath.Join(s.dir, "data"), filepath.Join(s.dir, "pump.log"), password, tokenSecret)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.url = "http://localhost:" + port + "/pump"
	s.env = []string{"PATH=" + os.Getenv("PATH"), "MANIFOLD_CONFIG=" + file, "PUMPIO_PORT=1"}
	robot := func(tokenSecret string) *person {
		return &person{t, s, "robot", &oauth1.Signer{ConsumerKey: "old-client", Token: "old-token",
			Secrets: oauth1.Secrets{Consumer: "old-client-secret", Token: tokenSecret}}}
	}
	post := func(p *person) reply {
		return s.wire("POST", "/pump"+p.path("feed"), p.note("from an old script"), p.authorization("POST", s.url+p.path("feed")))
	}
	write(password, "old-token-secret")
	s.start()
	post(robot("old-token-secret")).is(t, "posting with the preset token", 200)
	s.wire("GET", "/pump/api/user/robot/inbox", nil, "Authorization: Bearer old-bearer").is(t, "reading with the preset bearer", 200)
	if r := s.wire("GET", "/pump/", nil).is(t, "the first page without web", 200); !strings.Contains(r.body, s.url+"/api/") {
		t.Errorf("it says %q", r.body)
	}
	s.stop()

	log, err := os.ReadFile(filepath.Join(s.dir, "pump.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"driver", "params", "secret", "firehose", "serverUser", "children", "PUMPIO_PORT"} {
		if n := strings.Count(string(log), ": "+name+" has no effect"); n != 1 {
			t.Errorf("the log warns of %s %d times:\n%s", name, n, log)
		}
	}
	for _, secret := range []string{"hunter2", password, "old-client-secret", "old-token", "old-bearer"} {
		if bytes.Contains(log, []byte(secret)) {
			t.Errorf("%s is in the log:\n%s", secret, log)
		}
	}
	printed := s.run("", "config")
	for _, line := range []string{`url = "` + s.url + `"`, "pump.io.json:3 (hostname, port, urlPath)", `database = "` + filepath.Join(s.dir, "data", "manifold.db") + `"`, "(noweb)"} {
		if !strings.Contains(printed.out, line) {
			t.Errorf("'manifold config' lacks %s:\n%s", line, printed.out)
		}
	}
	if !strings.Contains(printed.errs, "firehose has no effect") {
		t.Errorf("'manifold config' does not warn: %s", printed.errs)
	}

	// The file is heeded at every start.
	write("another passphrase 43", "new-token-secret")
	s.start()
	post(robot("old-token-secret")).is(t, "posting with the secret that the token had", 400)
	post(robot("new-token-secret")).is(t, "posting with its new secret", 200)
	feed := s.wire("GET", "/pump/api/user/robot/feed", nil, robot("new-token-secret").authorization("GET", s.url+"/api/user/robot/feed")).is(t, "the feed", 200)
	if n := strings.Count(feed.body, "from an old script"); n < 2 {
		t.Errorf("what was posted before the restart is gone: %s", feed.body)
	}
	s.stop()

	if err := os.WriteFile(file, []byte(`{"hostname": "localhost", "uploaddir": "/x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.run("", "serve"); r.status != 2 || !strings.Contains(r.errs, "uploaddir") {
		t.Errorf("with uploaddir: exit status %d, %s", r.status, r.errs)
	}
}
