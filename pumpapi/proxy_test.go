package pumpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

// withProxy has a server fetch what lies elsewhere, on loopback too.
func withProxy(o *pumpapi.Options) {
	o.Outbound = outbound.New(outbound.Options{AllowPrivate: true, UserAgent: "manifold-test"})
}

// elsewhere is somebody on another pump server.
type elsewhere struct {
	s       *site
	host    string
	actorID int64
	posted  int
}

// elsewhere makes somebody who is known of another server.
func (s *site) elsewhere(host string) *elsewhere {
	s.t.Helper()
	e := &elsewhere{s: s, host: host}
	base := "https://" + host
	feed := func(name string) vocab.Feed { return vocab.Feed{URL: base + "/api/user/rob/" + name} }
	doc := &vocab.Object{ID: "acct:rob@" + host, Type: vocab.TypePerson, DisplayName: "Rob", PreferredUsername: "rob", URL: base + "/rob",
		Image: &vocab.Media{URL: base + "/uploads/rob.png", Width: 96, Height: 96}, FullImage: &vocab.Media{URL: base + "/uploads/rob-full.png"},
		Links: map[string]vocab.Link{"self": {Href: base + "/api/user/rob/profile"}},
		Feeds: map[string]vocab.Feed{"followers": feed("followers"), "following": feed("following"), "favorites": feed("favorites"), "lists": feed("lists/person")}}
	s.write(func(ctx context.Context, tx *models.Tx) error {
		a := &models.Actor{Type: vocab.TypePerson, Nickname: "rob", Host: host, Created: s.clock.now(), Updated: s.clock.now(), Doc: doc}
		err := tx.CreateActor(ctx, a, doc.ID)
		e.actorID = a.ID
		return err
	})
	return e
}

// post has somebody elsewhere post an object to v and the public, and returns
// its id.
func (e *elsewhere) post(to *visitor, o *vocab.Object) string {
	e.s.t.Helper()
	e.posted++
	base := "https://" + e.host + "/api/" + o.Type + "/" + fmt.Sprint(e.posted)
	o.ID = base
	o.Links = map[string]vocab.Link{"self": {Href: base}}
	o.Feeds = map[string]vocab.Feed{"likes": {URL: base + "/likes"}, "replies": {URL: base + "/replies"}, "shares": {URL: base + "/shares"}}
	person := &vocab.Object{ID: to.id(), Type: vocab.TypePerson}
	_, err := e.s.bridge.Receive(e.s.t.Context(), bridge.Arrival{SenderID: e.actorID, RecipientID: to.actorID, Network: "pump", Verified: "test",
		Activity: &vocab.Activity{ID: base + "/post", Verb: vocab.VerbPost, Object: o, Published: e.s.clock.now(),
			To: []*vocab.Object{{ID: publicID, Type: vocab.TypeCollection}, person}}})
	if err != nil {
		e.s.t.Fatal(err)
	}
	return o.ID
}

// behind returns the address that a proxy stands for.
func (s *site) behind(proxy string) string {
	s.t.Helper()
	token, ok := strings.CutPrefix(proxy, home+"/api/proxy/")
	if !ok || len(token) != 22 {
		s.t.Errorf("%q is no address of a proxy", proxy)
	}
	address, err := s.db.ProxiedAddress(s.t.Context(), token)
	if err != nil {
		s.t.Errorf("%s: %v", proxy, err)
	}
	return address
}

func TestWhatHasAProxy(t *testing.T) {
	onBothWith(t, siteOptions{adjust: func(o *pumpapi.Options) {
		withProxy(o)
		o.ProxyWhitelist = []string{"friend.example", "odd.example:8443"}
	}}, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		rob := s.elsewhere("them.example")
		id := rob.post(ann, &vocab.Object{Type: vocab.TypeImage, DisplayName: "A picture",
			Image: &vocab.Media{URL: "https://them.example/uploads/i_thumb.png", Width: 320}, FullImage: &vocab.Media{URL: "https://cdn.example/i.png"},
			Stream: &vocab.Media{URL: "http://them.example/s.ogg"}, FileURL: "https://them.example/file",
			Attachments: []*vocab.Object{{Type: vocab.TypeImage, Image: &vocab.Media{URL: "https://cdn.example/a.png"}}}})
		const base = "https://them.example/api"
		want := map[string]string{
			"image": "https://them.example/uploads/i_thumb.png", "fullImage": "https://cdn.example/i.png", "stream": "http://them.example/s.ogg",
			"attachments.0.image": "https://cdn.example/a.png",
			"likes":               id + "/likes", "replies": id + "/replies", "shares": id + "/shares", "": id,
		}
		ofPerson := map[string]string{
			"": base + "/user/rob/profile", "image": "https://them.example/uploads/rob.png", "pump_io.fullImage": "https://them.example/uploads/rob-full.png",
			"followers": base + "/user/rob/followers", "following": base + "/user/rob/following", "lists": base + "/user/rob/lists/person",
		}
		check := func(where string, d doc, want map[string]string) {
			t.Helper()
			for path, address := range want {
				proxy := d.text(strings.TrimPrefix(path+".pump_io.proxyURL", "."))
				if got := s.behind(proxy); got != address {
					t.Errorf("%s: the proxy of %q leads to %q, want %q, in %s", where, path, got, address, d)
				}
			}
			d.has(t, map[string]any{"favorites.pump_io": nil})
		}
		inbox := ann.get("/api/user/ann/inbox").ok()
		check("inbox", inbox.doc("items.0.object"), want)
		check("inbox", inbox.doc("items.0.actor"), ofPerson)
		check("object", ann.get("/api/image?id="+id).ok(), want)
		check("author", ann.get("/api/image?id="+id).ok().doc("author"), ofPerson)
		// The same thing has the same proxy for everybody here, and none for strangers.
		if again := ann.get("/api/user/ann/inbox"); again.ok().String() != inbox.String() {
			t.Error("the inbox is another when it is read again")
		}
		if a, b := inbox.text("items.0.object.image.pump_io.proxyURL"), bob.get("/api/image?id="+id).ok().text("image.pump_io.proxyURL"); a != b {
			t.Errorf("ann is shown %s, bob %s", a, b)
		}
		for _, v := range []*visitor{s.nobody(), s.twoLegged(s.program)} {
			if seen := v.get("/api/image?id=" + id); strings.Contains(string(seen.body), "proxy") || seen.ok().text("image.url") == "" {
				t.Errorf("%s is shown %s", name(v), seen.body)
			}
		}
		// What one's client was shown and sends back is not taken for one's own.
		liked := ann.act(doc{"verb": "like", "object": inbox.doc("items.0.object")})
		check("like", liked.doc("object"), want)
		ann.act(doc{"verb": "follow", "object": inbox.doc("items.0.actor")})
		check("following", ann.get("/api/user/ann/following").ok().doc("items.0"), ofPerson)

		// What is ours has none, nor what the operator does not want to fetch, nor
		// what cannot be fetched.
		own := ann.act(doc{"verb": "post", "to": []doc{public}, "object": ann.upload(picture(t, 400, 400, "png"), "image/png").ref()})
		if strings.Contains(own.String(), "proxy") {
			t.Errorf("what is ours has a proxy: %s", own)
		}
		for address, proxied := range map[string]bool{
			"https://pump.example/x.png": false, "HTTPS://PUMP.example:443/x.png": false, "http://pump.example/x.png": false, "https://pump.example:444/x.png": true,
			"https://friend.example/x.png": false, "http://Friend.Example:8080/x.png": false, "https://x.friend.example/x.png": true,
			"https://odd.example:8443/x.png": false, "https://odd.example/x.png": true, "https://them.example": true, "ftp://them.example/x.png": false,
			"/x.png": false, "https://a:b@them.example/x.png": false, "https:///x.png": false, "https://them.example/\u00e9?a=b&c#d": true,
			"https://them.example/" + strings.Repeat("x", models.MaxIRI): false, "acct:rob@them.example": false,
		} {
			posted := ann.act(doc{"verb": "post", "object": doc{"objectType": "image", "image": doc{"url": address}}})
			proxy := posted.text("object.image.pump_io.proxyURL")
			if posted.text("object.image.url") != address || (proxy != "") != proxied {
				t.Errorf("%.60s has the proxy %q, want one: %t", address, proxy, proxied)
			} else if proxied && s.behind(proxy) != address {
				t.Errorf("%s has the proxy of %s", address, s.behind(proxy))
			}
		}
	})
}

// TestCostOfProxies: what lies elsewhere costs nothing once it was shown, and one
// statement after a restart.
func TestCostOfProxies(t *testing.T) {
	t.Parallel()
	var counted statements
	const inbox = "/api/user/ann/inbox?count=200"
	var warm, cold [2]int64
	for i, adjust := range []func(*pumpapi.Options){nil, withProxy} {
		o := siteOptions{database: counted.listenIn(t, postgresDatabase(t)), adjust: adjust}
		s := newSite(t, o)
		ann := s.person("ann")
		rob := s.elsewhere("them.example")
		for n := range 30 {
			rob.post(ann, &vocab.Object{Type: vocab.TypeNote, Content: "Hello", Image: &vocab.Media{URL: fmt.Sprint("https://them.example/", n)}})
		}
		warm[i] = counted.of(ann, inbox)
		s.start(o)
		before := counted.n.Load()
		if got := strings.Contains(string(ann.get(inbox).body), "proxyURL"); got != (adjust != nil) {
			t.Errorf("there are proxies: %t", got)
		}
		cold[i] = counted.n.Load() - before
	}
	if warm[1] != warm[0] || cold[1] != cold[0]+1 {
		t.Errorf("with proxies the inbox costs %d statements, after a restart %d; without %d and %d", warm[1], cold[1], warm[0], cold[0])
	}
}

// upstream is another server.
type upstream struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	answer   func(w http.ResponseWriter, r *http.Request)
}

func newUpstream(t testing.TB, answer func(w http.ResponseWriter, r *http.Request)) *upstream {
	u := &upstream{answer: answer}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.requests = append(u.requests, r)
		u.mu.Unlock()
		u.answer(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

// taken returns the requests since the last call.
func (u *upstream) taken() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := u.requests
	u.requests = nil
	return list
}

// proxyOf returns the address under which v is shown another address.
func (v *visitor) proxyOf(address string) string {
	v.t.Helper()
	proxy := v.act(doc{"verb": "post", "object": doc{"objectType": "image", "image": doc{"url": address}}}).text("object.image.pump_io.proxyURL")
	if proxy == "" {
		v.t.Fatalf("%s has no proxy", address)
	}
	return proxy
}

func TestProxy(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("\x00\xff\xfebinary\r\n"), 20_000)
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/file", http.StatusFound)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "video/mp4")
		h.Set("Etag", `"tag"`)
		h.Set("Expires", "Thu, 01 Jan 2099 00:00:00 GMT")
		h.Set("Cache-Control", "max-age=60")
		h.Set("Set-Cookie", "a=b")
		h.Set("X-Other", "x")
		h.Set("Access-Control-Allow-Origin", "*")
		http.ServeContent(w, r, "", modified, bytes.NewReader(content))
	})
	s := newSite(t, siteOptions{adjust: withProxy})
	ann := s.person("ann")
	for _, path := range []string{"/file", "/moved"} {
		proxy := ann.proxyOf(u.URL + path)
		tests := []struct {
			method string
			header http.Header
			status int
			body   []byte
		}{
			{"GET", nil, 200, content},
			{"HEAD", nil, 200, nil},
			{"GET", http.Header{"Range": {"bytes=10-19"}}, 206, content[10:20]},
			{"GET", http.Header{"Range": {"bytes=99999999-"}}, 416, nil},
			{"GET", http.Header{"Range": {"bytes=0-1"}, "If-Range": {`"other"`}}, 200, content},
			{"GET", http.Header{"If-None-Match": {`"tag"`}}, 304, nil},
			{"GET", http.Header{"If-Modified-Since": {modified.Format(http.TimeFormat)}}, 304, nil},
			{"GET", http.Header{"Cookie": {"secret=1"}, "Accept": {"image/avif"}, "Referer": {"https://pump.example/"}}, 200, content},
		}
		for _, tt := range tests {
			a := ann.send(request{method: tt.method, path: proxy, header: tt.header})
			if a.status != tt.status || tt.status != 416 && !bytes.Equal(a.body, tt.body) {
				t.Errorf("%s %s %v: %d and %d bytes, want %d and %d", tt.method, path, tt.header, a.status, len(a.body), tt.status, len(tt.body))
			}
			want := map[string]string{"Etag": `"tag"`, "Last-Modified": modified.Format(http.TimeFormat), "Expires": "Thu, 01 Jan 2099 00:00:00 GMT", "Cache-Control": "max-age=60",
				"Set-Cookie": "", "X-Other": "", "Access-Control-Allow-Origin": "", "X-Content-Type-Options": "nosniff"}
			switch tt.status {
			case 200:
				want["Content-Type"], want["Content-Length"], want["Content-Security-Policy"] = "video/mp4", fmt.Sprint(len(content)), "default-src 'none'; sandbox"
			case 206:
				want["Content-Range"] = fmt.Sprintf("bytes 10-19/%d", len(content))
			case 304: // says what is not in it
				delete(want, "Last-Modified")
			case 416: // of which net/http takes the others back
				want = map[string]string{"Set-Cookie": "", "X-Content-Type-Options": "nosniff"}
			}
			for name, value := range want {
				if got := a.header.Get(name); got != value {
					t.Errorf("%s %v: %s: %q, want %q", tt.method, tt.header, name, got, value)
				}
			}
		}
		for _, r := range u.taken() {
			if len(r.Cookies()) > 0 || r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" || r.UserAgent() != "manifold-test" {
				t.Errorf("the other server was told %v", r.Header)
			}
		}
	}
	// Only people here are fetched for.
	proxy := ann.proxyOf(u.URL + "/file")
	u.taken()
	s.nobody().get(proxy).refused(401, "Not logged in.")
	s.twoLegged(s.program).get(proxy).refused(401, "Not logged in.")
	ann.get("/api/proxy/"+strings.Repeat("x", 22)).refused(404, "No such proxy")
	if n := len(u.taken()); n > 0 {
		t.Errorf("%d requests were made for strangers", n)
	}
	// Without a client for what lies elsewhere there are no proxies.
	s.start(siteOptions{})
	ann.get(proxy).refused(404, "No such proxy")
	if posted := ann.act(doc{"verb": "post", "object": doc{"objectType": "image", "image": doc{"url": u.URL}}}); strings.Contains(posted.String(), "proxy") {
		t.Errorf("it has a proxy: %s", posted)
	}
}

func TestProxyOfHostileThings(t *testing.T) {
	t.Parallel()
	var contentType atomic.Value
	u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{contentType.Load().(string)}
		io.WriteString(w, "<script>alert(1)</script>")
	})
	s := newSite(t, siteOptions{adjust: withProxy})
	ann := s.person("ann")
	proxy := ann.proxyOf(u.URL)
	for given, want := range map[string]struct {
		contentType string
		inline      bool
	}{
		"text/html": {"text/html", false}, "text/html; charset=utf-8": {"text/html; charset=utf-8", false}, "image/svg+xml": {"image/svg+xml", false},
		"application/xhtml+xml": {"application/xhtml+xml", false}, "text/xml": {"text/xml", false}, "text/javascript": {"text/javascript", false}, "application/pdf": {"application/pdf", false},
		"": {"application/octet-stream", false}, "image/": {"application/octet-stream", false}, "image/png; =": {"application/octet-stream", false}, "IMAGE/SVG+XML;x=y": {"IMAGE/SVG+XML;x=y", false},
		"image/png": {"image/png", true}, "audio/ogg": {"audio/ogg", true}, "video/webm;codecs=vp9": {"video/webm;codecs=vp9", true}, "text/plain": {"text/plain", true},
		"application/json": {"application/json", true}, "application/activity+json; charset=utf-8": {"application/activity+json; charset=utf-8", true},
	} {
		contentType.Store(given)
		a := ann.get(proxy)
		disposition := map[bool]string{true: "", false: "attachment"}[want.inline]
		if a.status != 200 || a.header.Get("Content-Type") != want.contentType || a.header.Get("Content-Disposition") != disposition ||
			a.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: %d %v", given, a.status, a.header)
		}
	}
}

// readAll reads an answer and returns how that fails.
func (v *visitor) readAll(address string) error {
	v.t.Helper()
	public, err := url.Parse(address)
	if err != nil {
		v.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.s.server.URL+public.Path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	header, err := v.signer.AuthorizationHeader(oauth1.Call{Method: http.MethodGet, URL: public})
	if err != nil {
		v.t.Fatal(err)
	}
	req.Host = public.Host
	req.Header.Set("Authorization", header)
	res, err := v.s.server.Client().Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		v.t.Errorf("%s answers %d %s", address, res.StatusCode, b)
	}
	return err
}

func TestProxyThatFails(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/status/%d", &status); err == nil {
			w.WriteHeader(status)
			return
		}
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file-scheme":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		case "/cut":
			w.Header().Set("Content-Length", "200000")
			io.WriteString(w, strings.Repeat("only this ", 10_000))
		}
	})
	closed := httptest.NewServer(nil)
	closed.Close()
	s := newSite(t, siteOptions{adjust: withProxy})
	ann := s.person("ann")
	const message = "Unable to retrieve proxy data"
	for _, address := range []string{u.URL + "/status/400", u.URL + "/status/401", u.URL + "/status/403", u.URL + "/status/404", u.URL + "/status/410", u.URL + "/status/500",
		u.URL + "/status/503", u.URL + "/status/204", u.URL + "/status/201", u.URL + "/loop", u.URL + "/file-scheme", closed.URL} {
		ann.get(ann.proxyOf(address)).refused(502, message)
	}
	// What breaks off is not taken for whole.
	if err := ann.readAll(ann.proxyOf(u.URL + "/cut")); err == nil {
		t.Error("what broke off was taken for whole")
	}
	// The operator's own network is not to be looked at through a picture.
	s.start(siteOptions{adjust: func(o *pumpapi.Options) { o.Outbound = outbound.New(outbound.Options{}) }})
	u.taken()
	ann.get(ann.proxyOf(u.URL+"/status/200")).refused(502, message)
	if n := len(u.taken()); n > 0 {
		t.Errorf("%d requests reached the inside", n)
	}
}

// Nothing is fetched from a host whose media the admins refuse.
func TestProxyOfRefusedHost(t *testing.T) {
	onBothWith(t, siteOptions{adjust: withProxy}, func(t *testing.T, s *site) {
		ann := s.person("ann")
		proxy := ann.proxyOf("https://cdn.them.example/i.png")
		if err := s.bridge.SetHostPolicies(t.Context(), models.HostPolicy{Domain: "them.example", RejectMedia: true}); err != nil {
			t.Fatal(err)
		}
		ann.get(proxy).refused(http.StatusForbidden, "Nothing is fetched from cdn.them.example, by a decision of the admins of this server")
	})
}
