package pumpapi_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"manifold/pumpapi/oauth1"
)

// without drops a parameter from an Authorization header.
func without(name string) func(string) string {
	parameter := regexp.MustCompile(name + `="[^"]*"(, )?`)
	return func(header string) string {
		return strings.TrimSuffix(parameter.ReplaceAllString(header, ""), ", ")
	}
}

// with replaces the value of a parameter of an Authorization header.
func with(name, value string) func(string) string {
	parameter := regexp.MustCompile(name + `="[^"]*"`)
	return func(header string) string { return parameter.ReplaceAllLiteralString(header, name+`="`+value+`"`) }
}

// parameters are those of an Authorization header.
func parameters(t testing.TB, header string) url.Values {
	t.Helper()
	values := url.Values{}
	for _, m := range regexp.MustCompile(`([a-z_]+)="([^"]*)"`).FindAllStringSubmatch(header, -1) {
		value, err := url.QueryUnescape(m[2])
		if err != nil {
			t.Fatal(err)
		}
		values.Set(m[1], value)
	}
	return values
}

var aNote = doc{"verb": "post", "object": doc{"objectType": "note", "content": "hello"}}

func TestSignatureIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	program := s.twoLegged(s.program)
	other := s.newProgram("Other")
	stolen := *ann
	stolen.signer = &oauth1.Signer{ConsumerKey: other.ClientID, Token: ann.signer.Token,
		Secrets: oauth1.Secrets{Consumer: other.Secret, Token: ann.signer.Secrets.Token}, Now: s.clock.now}

	read := request{method: "GET", path: "/api/user/ann/inbox"}
	public := request{method: "GET", path: "/api/user/ann/feed"}
	write := request{method: "POST", path: "/api/user/ann/feed", body: aNote}
	register := request{method: "POST", path: "/api/users", body: doc{"nickname": "bob", "password": password}}
	requestToken := request{method: "POST", path: "/oauth/request_token", callback: "oob"}
	accessToken := request{method: "POST", path: "/oauth/access_token", verifier: "x"}

	const missing = "Missing required parameter"
	tests := []struct {
		name    string
		v       *visitor
		r       request
		edit    func(string) string
		status  int
		message string
	}{
		{"unsigned write", s.nobody(), write, nil, 400, missing},
		{"unsigned registration", s.nobody(), register, nil, 400, missing},
		{"unsigned request token", s.nobody(), requestToken, nil, 400, missing},
		{"unsigned access token", s.nobody(), accessToken, nil, 400, missing},
		{"no consumer key", ann, read, without("oauth_consumer_key"), 400, missing},
		{"no method", ann, read, without("oauth_signature_method"), 400, missing},
		{"no signature", ann, read, without("oauth_signature"), 400, missing},
		{"no timestamp", ann, read, without("oauth_timestamp"), 400, missing},
		{"no nonce", ann, write, without("oauth_nonce"), 400, missing},
		{"nothing at all", ann, read, func(string) string { return "OAuth" }, 400, missing},
		{"no nonce for a token", program, requestToken, without("oauth_nonce"), 400, missing},
		{"no callback", program, request{method: "POST", path: "/oauth/request_token"}, nil, 400, missing},
		{"no token to redeem", program, accessToken, nil, 400, missing},
		{"no verifier", ann, request{method: "POST", path: "/oauth/access_token"}, nil, 400, missing},
		{"method RSA-SHA1", ann, read, with("oauth_signature_method", "RSA-SHA1"), 400, "Invalid Signature Method"},
		{"method unknown, token", program, requestToken, with("oauth_signature_method", "ROT13"), 400, "Invalid Signature Method"},
		{"unknown program", program, register, with("oauth_consumer_key", "nobody"), 401, "Invalid / used nonce"},
		{"unknown program of a person", ann, read, with("oauth_consumer_key", "nobody"), 401, "Invalid / used nonce"},
		{"unknown program, request token", program, requestToken, with("oauth_consumer_key", "nobody"), 400, "Invalid Consumer Key"},
		{"unknown program, access token", ann, accessToken, with("oauth_consumer_key", "nobody"), 400, "Invalid Consumer Key"},
		{"unknown token", ann, read, with("oauth_token", "nothing"), 400, "Invalid / expired Token"},
		{"unknown token, write", ann, write, with("oauth_token", "nothing"), 400, "Invalid / expired Token"},
		{"token of another program", &stolen, read, nil, 400, "Invalid / expired Token"},
		{"unknown request token", ann, accessToken, nil, 401, "Invalid / expired Token"},
		{"bad signature, read", ann, read, with("oauth_signature", "AAAA"), 400, "Invalid signature"},
		{"bad signature, public", ann, public, with("oauth_signature", "AAAA"), 400, "Invalid signature"},
		{"bad signature, write", ann, write, with("oauth_signature", "AAAA"), 400, "Invalid signature"},
		{"bad signature, two legs", program, register, with("oauth_signature", "AAAA"), 400, "Invalid signature"},
		{"bad signature, request token", program, requestToken, with("oauth_signature", "AAAA"), 401, "Invalid signature"},
		{"another nonce than was signed", ann, read, with("oauth_nonce", "other"), 400, "Invalid signature"},
	}
	before := s.state()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.edit = tt.edit
			tt.v.in(t).send(tt.r).refusedPlain(tt.status, tt.message)
		})
	}
	t.Run("callback", func(t *testing.T) {
		for _, callback := range []string{"myapp://done", "OOB", "/local", "https:///path", "javascript:alert(1)", "http://"} {
			r := requestToken
			r.callback = callback
			if a := program.in(t).send(r); a.status != 400 || !strings.HasPrefix(string(a.body), "Invalid callback") {
				t.Errorf("the callback %s: %d %s", callback, a.status, a.body)
			}
		}
	})
	t.Run("header cut off", func(t *testing.T) {
		r := read
		r.edit = func(h string) string { return h[:len(h)-3] }
		if a := ann.in(t).send(r); a.status != 400 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	if s.state() != before {
		t.Error("a refused request changed something")
	}
}

func TestReadsNeedSomebody(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	tests := []struct {
		name string
		v    *visitor
		r    request
	}{
		{"stranger, own things", s.nobody(), request{method: "GET", path: "/api/whoami"}},
		{"stranger, users", s.nobody(), request{method: "GET", path: "/api/users"}},
		{"program, own things", s.twoLegged(s.program), request{method: "GET", path: "/api/user/ann/inbox"}},
		{"program writes", s.twoLegged(s.program), request{method: "POST", path: "/api/user/ann/feed", body: aNote}},
		{"basic", s.nobody(), request{method: "GET", path: "/api/whoami", header: http.Header{"Authorization": {"Basic YW5uOngK"}}}},
		{"made-up session", s.nobody(), request{method: "GET", path: "/api/whoami", header: http.Header{"Cookie": {"manifold_session=x"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.v.in(t).send(tt.r).refused(401, "Not logged in.")
		})
	}
}

func TestTimestampMustBeRecent(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	start := s.clock.now()
	for _, tt := range []struct {
		off time.Duration
		ok  bool
	}{{0, true}, {-290 * time.Second, true}, {290 * time.Second, true}, {-310 * time.Second, false}, {310 * time.Second, false}, {-24 * time.Hour, false}} {
		for _, r := range []request{{method: "GET", path: "/api/user/ann/inbox"}, {method: "POST", path: "/api/user/ann/feed", body: aNote}} {
			v := *ann
			signer := *ann.signer
			signer.Now = func() time.Time { return start.Add(tt.off) }
			v.signer = &signer
			a := v.send(r)
			if tt.ok {
				a.ok()
			} else if a.status != 401 || !strings.HasPrefix(string(a.body), "Invalid timestamp: it is ") {
				t.Errorf("%s signed %s off: %d %s", r.method, tt.off, a.status, a.body)
			}
		}
	}
	// The same signature is refused once it is old.
	v := *ann
	signer := *ann.signer
	signer.Now = func() time.Time { return start }
	v.signer = &signer
	s.clock.advance(10 * time.Minute)
	if a := v.get("/api/user/ann/inbox"); a.status != 401 {
		t.Errorf("ten minutes later: %d", a.status)
	}
}

// still returns v as it signs with one nonce and one timestamp.
func (v *visitor) still(nonce string, at time.Time) *visitor {
	w := *v
	signer := *v.signer
	signer.Nonce, signer.Now = func() string { return nonce }, func() time.Time { return at }
	w.signer = &signer
	return &w
}

const usedNonce = "Invalid / used nonce"

func TestReplayedReadIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	now := s.clock.now()
	once := ann.still("1804289383", now)
	once.send(request{method: "GET", path: "/api/user/ann/inbox", edit: with("oauth_signature", "AAAA")}).refusedPlain(400, "Invalid signature")
	once.get("/api/user/ann/inbox").ok()
	once.get("/api/user/ann/inbox").refusedPlain(401, usedNonce)
	once.get("/api/user/ann/feed").refusedPlain(401, usedNonce)
	// The nonces of Qt clients are small numbers, which return.
	ann.still("1804289383", now.Add(time.Second)).get("/api/user/ann/inbox").ok()
	bob.still("1804289383", now).get("/api/user/bob/inbox").ok()
	ann.still("1804289384", now).get("/api/user/ann/inbox").ok()
}

func TestReplayedWriteChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		note := bob.note("public", public)
		own := ann.note("own", public)
		gone := ann.note("to go", public)
		activity := ann.act(aNote)
		dead := ann.act(aNote)
		list := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
		program := s.twoLegged(s.program)
		tests := []struct {
			v *visitor
			r request
		}{
			{ann, request{method: "POST", path: "/api/user/ann/feed", body: aNote}},
			{ann, request{method: "POST", path: "/api/user/ann/feed/major", body: aNote}},
			{ann, request{method: "PUT", path: "/api/user/ann/profile", body: doc{"displayName": "Ann"}}},
			{ann, request{method: "PUT", path: "/api/user/ann", body: doc{"nickname": "ann", "password": "another-9-one"}}},
			{ann, request{method: "POST", path: "/api/user/ann/following", body: bob.ref()}},
			{ann, request{method: "POST", path: "/api/user/ann/favorites", body: note.ref()}},
			{ann, request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 8, 8, "png"), contentType: "image/png"}},
			{ann, request{method: "POST", path: list.text("members.url"), body: bob.ref()}},
			{ann, request{method: "PUT", path: own.id(), body: doc{"content": "changed"}}},
			{ann, request{method: "DELETE", path: gone.id()}},
			{ann, request{method: "PUT", path: activity.id(), body: doc{"title": "changed"}}},
			{ann, request{method: "DELETE", path: dead.id()}},
			{program, request{method: "POST", path: "/api/users", body: doc{"nickname": "carl", "password": "another-9-one"}}},
			{program, request{method: "POST", path: "/oauth/request_token", callback: "oob"}},
			{ann, request{method: "DELETE", path: "/api/user/ann"}},
		}
		for _, tt := range tests {
			t.Run(tt.r.method+" "+strings.TrimPrefix(tt.r.path, s.base), func(t *testing.T) {
				once := tt.v.in(t).still("7", s.clock.now())
				before := s.state()
				if a := once.send(tt.r); a.status != http.StatusOK {
					t.Fatalf("%d %s", a.status, a.body)
				}
				after := s.state()
				if after == before {
					t.Fatal("the request itself changed nothing")
				}
				if a := once.send(tt.r); a.status < 400 || a.status >= 500 {
					t.Errorf("the repetition answers %d %s", a.status, a.body)
				}
				// What is kept of a write outlives the process.
				s.start(siteOptions{})
				if a := once.send(tt.r); a.status < 400 || a.status >= 500 {
					t.Errorf("the repetition after a restart answers %d %s", a.status, a.body)
				}
				if s.state() != after {
					t.Error("the repetition changed something")
				}
			})
			s.clock.advance(time.Second) // the same nonce at the next timestamp
		}
	})
}

// TestReplaysAtOnce: of several copies of a request that arrive together, one
// counts.
func TestReplaysAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		asked := s.twoLegged(s.program).ask("POST", "oob")
		verifier := textOf(s.browser().logIn(asked, "ann", password).page(200).must("verifier"))
		redeemer, now := s.twoLegged(s.program).holding(asked), s.clock.now()
		for what, send := range map[string]func() *answer{
			"a write": func() *answer { return ann.still("1", now).post("/api/user/ann/feed", aNote) },
			"a read":  func() *answer { return ann.still("2", now).get("/api/user/ann/inbox") },
			// These are not copies: each has a nonce of its own.
			"a verifier": func() *answer {
				return redeemer.send(request{method: "POST", path: "/oauth/access_token", verifier: verifier})
			},
			"a like": func() *answer {
				return ann.post("/api/user/ann/feed", doc{"verb": "like", "object": doc{"id": "tag:x,1:o", "objectType": "note"}})
			},
		} {
			answers := make(chan *answer)
			for range 6 {
				go func() { answers <- send() }()
			}
			successes := 0
			for range 6 {
				if a := <-answers; a.status == 200 {
					successes++
				} else if a.status != 401 && a.status != 400 {
					t.Errorf("%s: %d %s", what, a.status, a.body)
				}
			}
			if successes != 1 {
				t.Errorf("%s counted %d times", what, successes)
			}
		}
		ann.get("/api/user/ann/feed").ok().has(t, map[string]any{"totalItems": 2.0})
	})
}

func TestReplayOfAWriteSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	once := s.person("ann").still("7", s.clock.now())
	once.post("/api/user/ann/feed", aNote).ok()
	once.post("/api/user/ann/feed", aNote).refusedPlain(401, usedNonce)
}

func TestSignatureMethods(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	secrets := ann.signer.Secrets
	double := url.QueryEscape(url.QueryEscape(secrets.Consumer + "&" + secrets.Token))
	tests := []struct {
		name   string
		method oauth1.SignatureMethod
		edit   func(string) string
		ok     bool
	}{
		{"HMAC-SHA1", oauth1.HMACSHA1, nil, true},
		{"HMAC-SHA256", oauth1.HMACSHA256, nil, true},
		{"PLAINTEXT", oauth1.Plaintext, nil, true},
		{"PLAINTEXT as pump.io wants it", oauth1.Plaintext, with("oauth_signature", double), true},
		{"PLAINTEXT of another", oauth1.Plaintext, with("oauth_signature", url.QueryEscape(secrets.Consumer+"&x")), false},
		{"PLAINTEXT without the token's secret", oauth1.Plaintext, with("oauth_signature", url.QueryEscape(secrets.Consumer+"&")), false},
	}
	for _, tt := range tests {
		for _, r := range []request{{method: "GET", path: "/api/user/ann/inbox"}, {method: "POST", path: "/api/user/ann/feed", body: aNote}} {
			t.Run(tt.name+" "+r.method, func(t *testing.T) {
				v := *ann.in(t)
				signer := *ann.signer
				signer.Method = tt.method
				v.signer = &signer
				r.edit = tt.edit
				if a := v.send(r); tt.ok {
					a.ok()
				} else {
					a.refusedPlain(400, "Invalid signature")
				}
			})
		}
	}
}

// TestParametersOutsideTheHeader: RFC 5849 3.5.2 and 3.5.3.
func TestParametersOutsideTheHeader(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, program := s.person("ann"), s.twoLegged(s.program)
	header := func(v *visitor, method, path, callback string) url.Values {
		u, err := url.Parse(s.base + path)
		if err != nil {
			t.Fatal(err)
		}
		h, err := v.signer.AuthorizationHeader(oauth1.Call{Method: method, URL: u, Callback: callback})
		if err != nil {
			t.Fatal(err)
		}
		return parameters(t, h)
	}
	inQuery := header(ann, "GET", "/api/user/ann/inbox", "")
	s.nobody().get("/api/user/ann/inbox?" + inQuery.Encode()).ok()
	inForm := header(program, "POST", "/oauth/request_token", "oob")
	a := s.nobody().send(request{method: "POST", path: "/oauth/request_token", body: inForm.Encode(), contentType: oauth1.FormType})
	if a.status != http.StatusOK || !strings.HasPrefix(string(a.body), "oauth_token=") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSignatureIsOverThePublicAddress: the server hears http on loopback while
// clients speak https to its public name.
func TestSignatureIsOverThePublicAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	for _, host := range []string{"pump.example", "127.0.0.1:8080", "backend.internal", "PUMP.example:443"} {
		ann.send(request{method: "GET", path: "/api/user/ann/inbox", host: host}).ok()
		ann.send(request{method: "POST", path: "/api/user/ann/feed/", body: aNote, host: host}).ok()
	}
	// What somebody signed for another server is not for this one.
	for _, elsewhere := range []string{s.server.URL, "http://pump.example", "https://other.example", "https://pump.example:8443"} {
		u, err := url.Parse(elsewhere + "/api/user/ann/inbox")
		if err != nil {
			t.Fatal(err)
		}
		header, err := ann.signer.AuthorizationHeader(oauth1.Call{Method: "GET", URL: u})
		if err != nil {
			t.Fatal(err)
		}
		s.nobody().send(request{method: "GET", path: "/api/user/ann/inbox", header: http.Header{"Authorization": {header}}, host: u.Host}).
			refusedPlain(400, "Invalid signature")
	}
}

func TestSuspendedAndDeletedAccountsCannotAct(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	bob.note("from bob", public)
	if err := s.bridge.Suspend(t.Context(), "bob", true); err != nil {
		t.Fatal(err)
	}
	for _, r := range []request{{method: "GET", path: "/api/user/bob/inbox"}, {method: "GET", path: "/api/user/ann/feed"},
		{method: "POST", path: "/api/user/bob/feed", body: aNote}} {
		bob.send(r).refused(403, "This account is suspended.")
	}
	if err := s.bridge.Suspend(t.Context(), "bob", false); err != nil {
		t.Fatal(err)
	}
	bob.get("/api/user/bob/inbox").ok()

	ann.remove("/api/user/ann").said("Deleted.")
	for _, r := range []request{{method: "GET", path: "/api/user/ann/inbox"}, {method: "GET", path: "/api/user/bob/feed"},
		{method: "POST", path: "/api/user/ann/feed", body: aNote}} {
		ann.send(r).refusedPlain(400, "Invalid / expired Token")
	}
}
