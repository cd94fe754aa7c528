package websub_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/ostatus/websub"
)

const theirHub = "https://far.example/main/push/hub"

func subscriber(store websub.SubscriberStore, client websub.Doer) *websub.Subscriber {
	return &websub.Subscriber{Store: store, Client: client, Callback: func(token string) string { return "https://us.example/push/" + token }, Now: func() time.Time { return now }}
}

// The whole life of a subscription.
func TestSubscriber(t *testing.T) {
	var sent url.Values
	store := &memory{}
	s := subscriber(store, web(func(r *http.Request) (int, string) {
		if r.Method != http.MethodPost || r.URL.String() != theirHub || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("sent %s %s", r.Method, r.URL)
		}
		sent, _ = url.ParseQuery(body(t, r))
		return 202, ""
	}))
	sub, err := s.Subscribe(t.Context(), theirHub, topic)
	if err != nil {
		t.Fatal(err)
	}
	token := sub.Token
	r, err := websub.ParseRequest(sent)
	if err != nil || r.Mode != websub.Subscribe || r.Topic != topic || r.Callback != "https://us.example/push/"+token || r.Lease != 720*time.Hour || len(r.Secret) < 40 || r.Sync || len(token) < 20 {
		t.Fatalf("%+v %v", r, err)
	}
	state := func(want websub.State) websub.Subscription {
		t.Helper()
		got, err := store.Get(t.Context(), token)
		if err != nil || got.State != want {
			t.Fatalf("the state is %s, want %s (%v)", got.State, want, err)
		}
		return *got
	}
	question := func(pairs ...string) url.Values {
		q := form("hub.mode", "subscribe", "hub.topic", topic, "hub.challenge", "c", "hub.lease_seconds", "864000")
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return q
	}
	signed := func(secret string) http.Header {
		return http.Header{"X-Hub-Signature": {websub.Sign(websub.SHA256, secret, []byte("new"))}}
	}

	if got := state(websub.Pending); !got.RenewAt().IsZero() || got.Secret != "" {
		t.Errorf("pending: %+v", got)
	}
	// The hub may deliver before it has asked.
	if _, err := s.Receive(t.Context(), token, signed(r.Secret), []byte("new")); err != nil {
		t.Errorf("while pending: %v", err)
	}
	for _, tt := range []struct {
		name, token string
		query       url.Values
	}{
		{"another topic", token, question("hub.topic", topic+"2")},
		{"no challenge", token, question("hub.challenge", "")},
		{"another mode", token, question("hub.mode", "publish")},
		{"not meant to end", token, question("hub.mode", "unsubscribe")},
		{"another token", token + "x", question()},
		{"denied to another topic", token, question("hub.mode", "denied", "hub.topic", "x")},
	} {
		if c, err := s.Confirm(t.Context(), tt.token, tt.query); err == nil || c != "" {
			t.Errorf("%s: %q %v", tt.name, c, err)
		}
	}
	state(websub.Pending)
	if c, err := s.Confirm(t.Context(), token, question()); c != "c" || err != nil {
		t.Fatalf("%q %v", c, err)
	}
	active := state(websub.Active)
	if active.Secret != r.Secret || active.NextSecret != "" || !active.Expires.Equal(now.Add(240*time.Hour)) || !active.RenewAt().Equal(now.Add(168*time.Hour)) {
		t.Errorf("active: %+v", active)
	}
	if c, err := s.Confirm(t.Context(), token, question()); c != "c" || err != nil || state(websub.Active).Secret != r.Secret {
		t.Errorf("asked twice: %q %v", c, err)
	}

	// A new lease with a new secret; both are good until the hub has confirmed.
	if _, err := s.Renew(t.Context(), token); err != nil || sent.Get("hub.secret") == r.Secret {
		t.Errorf("renewed with the secret of before: %v", err)
	}
	next := sent.Get("hub.secret")
	for _, secret := range []string{r.Secret, next} {
		if _, err := s.Receive(t.Context(), token, signed(secret), []byte("new")); err != nil {
			t.Errorf("while renewing: %v", err)
		}
	}
	if _, err := s.Confirm(t.Context(), token, question("hub.lease_seconds", "")); err != nil || state(websub.Active).Secret != next || !state(websub.Active).Expires.Equal(now.Add(720*time.Hour)) {
		t.Errorf("%v %+v", err, state(websub.Active))
	}
	for _, tt := range []struct {
		name   string
		header http.Header
		want   websub.Signature
	}{
		{"the secret of before", signed(r.Secret), websub.Forged},
		{"no signature", http.Header{}, websub.Unsigned},
		{"no secret", signed(""), websub.Forged},
		{"another algorithm", http.Header{"X-Hub-Signature": {"md5=00"}}, websub.Unreadable},
	} {
		_, err := s.Receive(t.Context(), token, tt.header, []byte("new"))
		if e, ok := errors.AsType[*websub.SignatureError](err); !ok || e.Signature != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := s.Receive(t.Context(), "nobody", signed(next), []byte("new")); !errors.Is(err, websub.ErrUnknown) {
		t.Errorf("another token: %v", err)
	}

	// The end.
	if err := s.Unsubscribe(t.Context(), token); err != nil || sent.Get("hub.mode") != "unsubscribe" || sent.Has("hub.secret") || sent.Get("hub.callback") != r.Callback {
		t.Errorf("%v %v", sent, err)
	}
	if _, err := s.Receive(t.Context(), token, signed(next), []byte("new")); !errors.Is(err, websub.ErrUnknown) {
		t.Errorf("after leaving: %v", err)
	}
	if _, err := s.Confirm(t.Context(), token, question()); err == nil {
		t.Error("subscribed again without having asked")
	}
	if c, err := s.Confirm(t.Context(), token, question("hub.mode", "unsubscribe")); c != "c" || err != nil {
		t.Errorf("%q %v", c, err)
	}
	state(websub.Over)

	// And once more, denied.
	if _, err := s.Renew(t.Context(), token); err != nil {
		t.Error(err)
	}
	state(websub.Pending)
	if c, err := s.Confirm(t.Context(), token, question("hub.mode", "denied", "hub.reason", "no\xff"+strings.Repeat("x", 1000))); c != "" || err != nil || len(state(websub.Refused).Reason) > 500 {
		t.Errorf("%q %v", c, err)
	}
	if _, err := s.Renew(t.Context(), "nobody"); !errors.Is(err, websub.ErrUnknown) {
		t.Errorf("renewed what is not there: %v", err)
	}
	if err := s.Unsubscribe(t.Context(), "nobody"); !errors.Is(err, websub.ErrUnknown) {
		t.Errorf("left what is not there: %v", err)
	}
}

// What a hub refuses can be asked for again.
func TestHubError(t *testing.T) {
	for _, tt := range []struct {
		status    int
		temporary bool
	}{{400, false}, {404, false}, {422, false}, {429, true}, {503, true}} {
		store := &memory{}
		s := subscriber(store, web(func(*http.Request) (int, string) {
			return tt.status, "<p>No\n such  topic\xff</p>" + strings.Repeat("x", 1000)
		}))
		sub, err := s.Subscribe(t.Context(), theirHub, topic)
		e, ok := errors.AsType[*websub.HubError](err)
		if !ok || e.Status != tt.status || e.Temporary() != tt.temporary || !strings.HasPrefix(e.Text, "<p>No such topic</p>") || len(e.Text) > 300 {
			t.Errorf("%d: %v", tt.status, err)
		}
		if sub == nil || store.all[sub.Token].State != websub.Pending {
			t.Errorf("%d: kept %+v", tt.status, store.all)
		}
	}
	s := subscriber(&memory{}, web(func(*http.Request) (int, string) { return 0, "" }))
	if _, err := s.Subscribe(t.Context(), theirHub, topic); err == nil {
		t.Error("a hub that is down has taken it")
	}
	var sent url.Values
	client := web(func(r *http.Request) (int, string) {
		sent, _ = url.ParseQuery(body(t, r))
		return 204, ""
	})
	if err := websub.Announce(t.Context(), client, theirHub, topic); err != nil || sent.Get("hub.mode") != "publish" || sent.Get("hub.url") != topic {
		t.Errorf("announced %v %v", sent, err)
	}
}

func TestRenewAt(t *testing.T) {
	for lease, want := range map[time.Duration]time.Duration{30 * 24 * time.Hour: 27 * 24 * time.Hour, 24 * time.Hour: 16 * time.Hour, 3 * time.Minute: 2 * time.Minute} {
		s := websub.Subscription{State: websub.Active, Lease: lease, Expires: now.Add(lease)}
		if got := s.RenewAt().Sub(now); got != want {
			t.Errorf("a lease of %v is renewed after %v, want %v", lease, got, want)
		}
	}
}

// A hub and a subscriber of this package understand each other, over HTTP.
func TestTogether(t *testing.T) {
	store, hubStore := &memory{}, &hubMemory{}
	var s *websub.Subscriber
	var h *websub.Hub
	var received []string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hub", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		a, err := h.Handle(r.Context(), r.PostForm)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(a.Status)
	})
	mux.HandleFunc("GET /push/{token}", func(w http.ResponseWriter, r *http.Request) {
		c, err := s.Confirm(r.Context(), r.PathValue("token"), r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(c))
	})
	mux.HandleFunc("POST /push/{token}", func(w http.ResponseWriter, r *http.Request) {
		b := body(t, r)
		if _, err := s.Receive(r.Context(), r.PathValue("token"), r.Header, []byte(b)); errors.Is(err, websub.ErrUnknown) {
			w.WriteHeader(http.StatusGone)
		} else if err == nil {
			received = append(received, b)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	s = &websub.Subscriber{Store: store, Client: server.Client(), Callback: func(token string) string { return server.URL + "/push/" + token }}
	h = hub(hubStore, server.Client())
	h.Now = nil

	deliver := func(want websub.Delivery) {
		t.Helper()
		for _, l := range hubStore.listeners {
			if d, err := h.Deliver(t.Context(), l, "application/atom+xml", []byte("<feed/>")); d != want || err != nil {
				t.Errorf("%s %v", d, err)
			}
		}
	}
	verify := func(want websub.Verdict) {
		t.Helper()
		for _, r := range hubStore.queue {
			if v, err := h.Verify(t.Context(), r); v != want || err != nil {
				t.Errorf("%s %v", v, err)
			}
		}
		hubStore.queue = nil
	}
	sub, err := s.Subscribe(t.Context(), server.URL+"/hub", topic)
	if err != nil {
		t.Fatal(err)
	}
	verify(websub.Confirmed)
	deliver(websub.Delivered)
	if _, err := s.Renew(t.Context(), sub.Token); err != nil {
		t.Fatal(err)
	}
	deliver(websub.Delivered) // with the secret of before
	verify(websub.Confirmed)
	deliver(websub.Delivered)
	if len(received) != 3 {
		t.Errorf("received %q", received)
	}
	// Somebody else asks for a subscription that the callback did not want.
	if _, err := h.Handle(t.Context(), form("hub.mode", "subscribe", "hub.topic", topic, "hub.callback", server.URL+"/push/guessed")); err != nil {
		t.Fatal(err)
	}
	verify(websub.Disowned)
	if err := s.Unsubscribe(t.Context(), sub.Token); err != nil {
		t.Fatal(err)
	}
	deliver(websub.Gone)
	verify(websub.Confirmed)
	if len(hubStore.listeners) != 0 || len(received) != 3 {
		t.Errorf("%v are left, received %q", hubStore.listeners, received)
	}
}

func TestDiscover(t *testing.T) {
	const address = "https://far.example/feeds/1.atom"
	for _, tt := range []struct {
		name, link string
		links      []websub.Link
		topic      string
		hubs       string
	}{
		{"in the feed", "", []websub.Link{{"hub", theirHub}, {"self", address + "?x"}}, address + "?x", theirHub},
		{"in the header", `<https://h.example/>; rel="hub", <` + address + `>; rel="self"`, nil, address, "https://h.example/"},
		{"the header first", `<https://h.example/>; rel="hub"`, []websub.Link{{"hub", theirHub}, {"hub", theirHub}}, address, "https://h.example/ " + theirHub},
		{"relative", `</hub>; rel=hub`, nil, address, "https://far.example/hub"},
		{"a self on http", "", []websub.Link{{"hub", theirHub}, {"self", "http://far.example/feeds/1.atom"}}, "http://far.example/feeds/1.atom", theirHub},
		{"letter by letter", "", []websub.Link{{"hub", theirHub}, {"self", "HTTPS://FAR.example/a b/%41"}}, "HTTPS://FAR.example/a b/%41", theirHub},
		{"no address", "", []websub.Link{{"hub", ""}, {"hub", "javascript:x"}, {"self", ""}, {"hub", theirHub}}, address, theirHub},
	} {
		d, err := websub.Discover(address, http.Header{"Link": {tt.link}}, tt.links)
		if err != nil || d.Topic != tt.topic || strings.Join(d.Hubs, " ") != tt.hubs {
			t.Errorf("%s: %+v %v", tt.name, d, err)
		}
	}
	if _, err := websub.Discover(address, nil, []websub.Link{{"self", address}}); !errors.Is(err, websub.ErrNoHub) {
		t.Errorf("no hub: %v", err)
	}
	_, err := websub.Discover("https://evil.example/copy", nil, []websub.Link{{"self", address}, {"hub", "https://evil.example/hub"}})
	if e, ok := errors.AsType[*websub.ElsewhereError](err); !ok || e.Topic != address {
		t.Errorf("a copy with a hub of its own: %v", err)
	}
}

func TestSignature(t *testing.T) {
	// RFC 2202 and RFC 4231, test case 2.
	const secret, text = "Jefe", "what do ya want for nothing?"
	signatures := map[websub.Algorithm]string{
		websub.SHA1:   "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		websub.SHA256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		websub.SHA384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		websub.SHA512: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	}
	for a, digits := range signatures {
		if got := websub.Sign(a, secret, []byte(text)); got != string(a)+"="+digits {
			t.Errorf("%s: %s", a, got)
		}
		for _, header := range []string{string(a) + "=" + digits, " " + strings.ToUpper(string(a)) + "=" + strings.ToUpper(digits) + " "} {
			if got := websub.CheckSignature(header, secret, []byte(text)); got != websub.Authentic {
				t.Errorf("%q: %s", header, got)
			}
		}
	}
	good := string(websub.SHA1) + "=" + signatures[websub.SHA1]
	for _, tt := range []struct {
		header, secret, body string
		want                 websub.Signature
	}{
		{good, "other", text, websub.Forged},
		{good, secret, text + "!", websub.Forged},
		{websub.Sign(websub.SHA1, "", []byte(text)), "", text, websub.Forged},
		{good[:20], secret, text, websub.Unreadable},
		{good[:21], secret, text, websub.Forged},
		{"sha256=" + signatures[websub.SHA1], secret, text, websub.Forged},
		{signatures[websub.SHA1], secret, text, websub.Unreadable},
		{"md5=00", secret, text, websub.Unreadable},
		{"sha1=", secret, text, websub.Forged},
		{"", secret, text, websub.Unsigned},
	} {
		if got := websub.CheckSignature(tt.header, tt.secret, []byte(tt.body)); got != tt.want {
			t.Errorf("%q: %s", tt.header, got)
		}
	}
	if websub.Sign("md5", secret, nil) != "" {
		t.Error("signed by md5")
	}
}

// The bodies that GNU social pushed were signed with a secret that is known.
func TestVectorSignatures(t *testing.T) {
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return
	}
	names, _ := filepath.Glob(filepath.Join(folder, "ostatus", "live-gs2", "push-*.atom"))
	if len(names) < 8 {
		t.Fatalf("MANIFOLD_VECTORS is %s, and has %d pushed bodies", folder, len(names))
	}
	store := &memory{all: map[string]websub.Subscription{"t": {Token: "t", Topic: topic, State: websub.Active, Secret: "sekrit"}}}
	s := subscriber(store, nil)
	seen := []string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		signature := websub.Sign(websub.SHA1, "sekrit", b)
		if slices.Contains(seen, signature) {
			t.Errorf("%s is signed like another", name)
		}
		seen = append(seen, signature)
		if _, err := s.Receive(t.Context(), "t", http.Header{"X-Hub-Signature": {signature}}, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDiscover(f *testing.F) {
	f.Add(`<https://h.example/>; rel="hub"`, "/self", "https://far.example/hub")
	f.Fuzz(func(t *testing.T, link, self, hub string) {
		d, err := websub.Discover("https://far.example/1", http.Header{"Link": {link}}, []websub.Link{{"self", self}, {"hub", hub}})
		if err != nil {
			return
		}
		for _, h := range d.Hubs {
			if u, err := url.Parse(h); err != nil || u.Host == "" {
				t.Errorf("a hub at %q", h)
			}
		}
		if d.Topic == "" {
			t.Error("no topic")
		}
	})
}

func FuzzCheckSignature(f *testing.F) {
	f.Add("sha1=00", []byte("x"))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		if websub.CheckSignature(header, "a secret that nobody guesses", body) == websub.Authentic {
			t.Errorf("%q is good for %q", header, body)
		}
		for _, a := range []websub.Algorithm{websub.SHA1, websub.SHA256, websub.SHA384, websub.SHA512} {
			if got := websub.CheckSignature(websub.Sign(a, "s", body), "s", body); got != websub.Authentic {
				t.Errorf("%s: %s", a, got)
			}
		}
	})
}
