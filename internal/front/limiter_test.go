package front

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is set by hand.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func networks(t testing.TB, texts ...string) Proxies {
	t.Helper()
	var p Proxies
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, prefix)
	}
	return p
}

func TestClientAddress(t *testing.T) {
	proxies := networks(t, "127.0.0.0/8", "10.0.0.0/8", "::1/128", "fd00::/8")
	for _, tt := range []struct {
		remote string
		fields []string
		want   string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"192.0.2.1:5", []string{"198.51.100.1"}, "192.0.2.1"},
		{"127.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1"},
		{"127.0.0.1:5", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"127.0.0.1:5", []string{"1.1.1.1, 198.51.100.1, 10.1.2.3"}, "198.51.100.1"},
		{"127.0.0.1:5", []string{"1.1.1.1", "198.51.100.1", "10.1.2.3"}, "198.51.100.1"},
		{"127.0.0.1:5", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		{"127.0.0.1:5", nil, "127.0.0.1"},
		{"127.0.0.1:5", []string{"10.1.1.1"}, "10.1.1.1"},
		{"127.0.0.1:5", []string{"unknown"}, "127.0.0.1"},
		{"127.0.0.1:5", []string{"198.51.100.1, unknown, 10.0.0.1"}, "10.0.0.1"},
		{"127.0.0.1:5", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"[::1]:5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"[::1]:5", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"[::1]:5", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"[::ffff:127.0.0.1]:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"[fe80::1%eth0]:5", nil, "fe80::1"},
		{"127.0.0.1:5", []string{strings.Repeat("10.0.0.1,", 40) + "10.0.0.2"}, "10.0.0.1"},
		{"@", nil, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		r.Header["X-Forwarded-For"] = tt.fields
		if got := proxies.Client(r).String(); got != tt.want {
			t.Errorf("%s for %q is %s, want %s", tt.remote, tt.fields, got, tt.want)
		}
	}
}

func TestClasses(t *testing.T) {
	for request, want := range map[string]Class{
		"GET /api/user/ann/inbox": Reads, "HEAD /": Reads, "OPTIONS /api/users": Reads, "GET /oauth/request_token": Logins,
		"POST /oauth/request_token": Logins, "POST /oauth/authorize": Logins, "GET /oauth/authorize": Reads, "POST /api/users": Logins,
		"POST /api/client/register": Logins, "POST /main/login/": Logins, "POST /main/renew": Writes, "POST /api/user/ann/feed": Writes,
		"PUT /api/note/x": Writes, "DELETE /api/user/ann": Writes, "POST /api/user/ann/uploads": Uploads, "POST /api/user/ann/uploads/": Uploads,
		"POST /main/upload": Uploads, "POST /main/upload-avatar": Uploads, "POST /api/user/ann/inbox": Deliveries, "POST /users/ann/inbox": Deliveries,
		"POST /inbox": Deliveries, "POST /hub": Deliveries, "POST /salmon/ann": Deliveries, "POST /main/realtime/sockjs/1/a/xhr": Reads,
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := ClassOf(httptest.NewRequest(method, path, nil)); got != want {
			t.Errorf("%s is of class %d, want %d", request, got, want)
		}
	}
}

// requests sends requests through a limiter, whose handler says that it was
// reached.
type requests struct {
	t       *testing.T
	handler http.Handler
	clock   *clock
	limiter *Limiter
}

func newRequests(t *testing.T, o LimiterOptions) *requests {
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	o.Now = c.time
	l := NewLimiter(o)
	reached := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, _ := strconv.ParseInt(r.Header.Get("Account"), 10, 64)
		client, _ := strconv.ParseInt(r.Header.Get("Client"), 10, 64)
		if !l.Identified(w, r, account, client) {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	return &requests{t, l.limit(reached), c, l}
}

func (q *requests) send(method, path, remote string, fields ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = remote
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	q.handler.ServeHTTP(w, r)
	return w.Result()
}

// fields writes the fields that tell about a limit: limit/remaining/reset, and
// after a slash how long to wait.
func fields(r *http.Response) string {
	h := r.Header
	return fmt.Sprintf("%d %s/%s/%s/%s", r.StatusCode, h.Get("RateLimit-Limit"), h.Get("RateLimit-Remaining"), h.Get("RateLimit-Reset"), h.Get("Retry-After"))
}

func TestLimitByAddress(t *testing.T) {
	q := newRequests(t, LimiterOptions{
		Proxies: networks(t, "127.0.0.0/8"),
		Address: &Limits{Reads: {3, 30 * time.Second}, Writes: {1, time.Minute}},
	})
	for _, step := range []struct {
		later  time.Duration
		method string
		remote string
		fields []string
		want   string
	}{
		{0, "GET", "192.0.2.1:1", nil, "200 3/2/10/"},
		{0, "GET", "192.0.2.1:2", nil, "200 3/1/20/"},
		{0, "GET", "192.0.2.1:3", nil, "200 3/0/30/"},
		{0, "GET", "192.0.2.1:4", nil, "429 3/0/30/10"},
		{0, "GET", "192.0.2.2:1", nil, "200 3/2/10/"},  // somebody else
		{0, "POST", "192.0.2.1:1", nil, "200 1/0/60/"}, // another class
		{0, "POST", "192.0.2.1:1", nil, "429 1/0/60/60"},
		{9500 * time.Millisecond, "GET", "192.0.2.1:5", nil, "429 3/0/21/1"},
		{500 * time.Millisecond, "GET", "192.0.2.1:5", nil, "200 3/0/30/"},
		{time.Hour, "GET", "192.0.2.1:5", nil, "200 3/2/10/"},
		// A network of IPv6 is one address.
		{0, "POST", "[2001:db8:1:2::1]:1", nil, "200 1/0/60/"},
		{0, "POST", "[2001:db8:1:2:ffff::2]:1", nil, "429 1/0/60/60"},
		{0, "POST", "[2001:db8:1:3::1]:1", nil, "200 1/0/60/"},
		// A proxy speaks for others, and is not limited itself.
		{0, "POST", "127.0.0.1:1", []string{"X-Forwarded-For: 198.51.100.1"}, "200 1/0/60/"},
		{0, "POST", "127.0.0.1:1", []string{"X-Forwarded-For: 198.51.100.1"}, "429 1/0/60/60"},
		{0, "POST", "127.0.0.1:1", []string{"X-Forwarded-For: 198.51.100.2"}, "200 1/0/60/"},
		{0, "POST", "127.0.0.1:1", nil, "200 ///"},
		{0, "POST", "127.0.0.1:1", nil, "200 ///"},
		// What has no limit is not counted.
		{0, "POST", "192.0.2.3:1", []string{"X-Path: /api/user/ann/uploads"}, "200 1/0/60/"},
		// A clock that is set back locks nobody out for longer than the limit.
		{-24 * time.Hour, "GET", "192.0.2.1:5", nil, "429 3/0/30/10"},
		{10 * time.Second, "GET", "192.0.2.1:5", nil, "200 3/0/30/"},
	} {
		q.clock.now = q.clock.now.Add(step.later)
		if got := fields(q.send(step.method, "/api/x", step.remote, step.fields...)); got != step.want {
			t.Errorf("after %v: %s from %s %q: %s, want %s", step.later, step.method, step.remote, step.fields, got, step.want)
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, tt := range []struct{ path, accept, contentType, body string }{
		{"/api/x", "text/html", "application/json; charset=utf-8", `{"error":"Too many requests; please wait a while."}` + "\n"},
		{"/", "application/activity+json", "application/json; charset=utf-8", `{"error":"Too many requests; please wait a while."}` + "\n"},
		{"/", "text/html", "text/plain; charset=utf-8", "Too many requests; please wait a while.\n"},
	} {
		q := newRequests(t, LimiterOptions{Address: &Limits{Reads: {1, time.Minute}}})
		q.send("GET", tt.path, "192.0.2.1:1")
		r := q.send("GET", tt.path, "192.0.2.1:1", "Accept: "+tt.accept)
		body := make([]byte, 100)
		n, _ := r.Body.Read(body)
		if r.StatusCode != 429 || r.Header.Get("Content-Type") != tt.contentType || string(body[:n]) != tt.body {
			t.Errorf("%s for %s: %d %s %q", tt.path, tt.accept, r.StatusCode, r.Header.Get("Content-Type"), body[:n])
		}
	}
}

// TestLimitByAccountAndClient: the field tells about the limit that is nearest.
func TestLimitByAccountAndClient(t *testing.T) {
	q := newRequests(t, LimiterOptions{
		Address: &Limits{Reads: {100, 100 * time.Second}},
		Account: &Limits{Reads: {3, 30 * time.Second}},
		Client:  &Limits{Reads: {4, 40 * time.Second}},
	})
	for i, step := range []struct{ account, client, want string }{
		{"0", "0", "200 100/99/1/"},
		{"1", "0", "200 3/2/10/"},
		{"1", "8", "200 3/1/20/"},
		{"2", "8", "200 3/2/10/"},
		{"2", "8", "200 3/1/20/"}, // as near as that of the client
		{"1", "8", "200 3/0/30/"},
		{"1", "9", "429 3/0/30/10"},
		{"3", "8", "429 4/0/40/10"},
		{"3", "9", "200 3/1/20/"},
	} {
		r := q.send("GET", "/api/x", "192.0.2.1:1", "Account: "+step.account, "Client: "+step.client)
		if got := fields(r); got != step.want {
			t.Errorf("step %d, account %s, client %s: %s, want %s", i+1, step.account, step.client, got, step.want)
		}
	}
}

func TestNilLimiter(t *testing.T) {
	var l *Limiter
	reached := false
	h := l.limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { reached = l.Identified(w, r, 1, 1) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !reached || len(w.Header()) > 0 {
		t.Errorf("no limiter: reached %v, %v", reached, w.Header())
	}
}

// TestMemoryIsBounded sends from a million addresses: what is remembered does
// not grow past its bound, and somebody who is over a limit is not forgotten as
// long as that holds.
func TestMemoryIsBounded(t *testing.T) {
	b := newBuckets(time.Minute)
	r := &rule{requests: 1, per: time.Minute, interval: time.Minute}
	now := time.Now().UnixNano()
	for i := range 1_000_000 {
		b.take(bucketKey{low: uint64(i)}, r, now)
	}
	total := 0
	for i := range b.part {
		total += len(b.part[i].young) + len(b.part[i].old)
	}
	if total > shards*maxPerShard {
		t.Errorf("%d buckets are remembered, want at most %d", total, shards*maxPerShard)
	}
	b = newBuckets(time.Minute)
	for second := range 59 {
		b.take(bucketKey{low: uint64(second)}, r, now+int64(second)*int64(time.Second))
		if l := b.take(bucketKey{low: 0}, r, now+int64(second)*int64(time.Second)); l.wait == 0 {
			t.Errorf("after %d seconds the first is allowed again", second)
		}
	}
	if l := b.take(bucketKey{low: 0}, r, now+int64(time.Minute)); l.wait != 0 {
		t.Errorf("after a minute the first has to wait %v", l.wait)
	}
}

// TestLimitIsExactUnderLoad: of many at once just as many pass as there may.
func TestLimitIsExactUnderLoad(t *testing.T) {
	q := newRequests(t, LimiterOptions{Address: &Limits{Reads: {500, time.Hour}}})
	var mu sync.Mutex
	passed := 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				if q.send("GET", "/", "192.0.2.1:1").StatusCode == 200 {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if passed != 500 {
		t.Errorf("%d passed, want 500", passed)
	}
}

// BenchmarkLimiter is what a signed read costs here: it is counted three times.
func BenchmarkLimiter(b *testing.B) {
	l := NewLimiter(LimiterOptions{
		Proxies: networks(b, "127.0.0.0/8", "::1/128"),
		Address: &Limits{Reads: {1 << 30, time.Hour}}, Account: &Limits{Reads: {1 << 30, time.Hour}}, Client: &Limits{Reads: {1 << 30, time.Hour}},
	})
	h := l.limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.Identified(w, r, 1, 1) }))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest("GET", "/api/user/ann/inbox", nil)
		r.RemoteAddr = "192.0.2.1:1"
		w := httptest.NewRecorder()
		for pb.Next() {
			clear(w.Header())
			h.ServeHTTP(w, r)
		}
	})
}

// FuzzClientAddress: whatever is forwarded, an address comes out, and never one
// that the proxy did not vouch for.
func FuzzClientAddress(f *testing.F) {
	for _, seed := range []string{"", "1.2.3.4", "1.2.3.4, 10.0.0.1", "[::1]:80", ",,,", "unknown", "fe80::1%eth0"} {
		f.Add(seed)
	}
	proxies := Proxies{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, forwarded string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-For"] = []string{forwarded, "198.51.100.1"}
		for remote, want := range map[string]string{"127.0.0.1:1": "198.51.100.1", "192.0.2.1:1": "192.0.2.1"} {
			r.RemoteAddr = remote
			if got := proxies.Client(r).String(); got != want {
				t.Fatalf("%q: %s", forwarded, got)
			}
		}
		r.Header["X-Forwarded-For"] = []string{forwarded}
		r.RemoteAddr = "127.0.0.1:1"
		if got := proxies.Client(r); !got.IsValid() || got.Zone() != "" {
			t.Fatalf("%q: %v", forwarded, got)
		}
	})
}
