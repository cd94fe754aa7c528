package websub_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"manifold/ostatus/websub"
)

func TestParseRequest(t *testing.T) {
	for _, tt := range []struct {
		name string
		form url.Values
		want websub.Request
	}{
		{"GNU social", form("hub.mode", "subscribe", "hub.callback", callback, "hub.verify", "async", "hub.verify_token", "Deprecated-since-PuSH-0.4", "hub.lease_seconds", "2592000", "hub.secret", "abc", "hub.topic", topic),
			websub.Request{Mode: websub.Subscribe, Callback: callback, Topic: topic, Lease: 30 * 24 * time.Hour, Secret: "abc", Algorithm: websub.SHA1, VerifyToken: "Deprecated-since-PuSH-0.4"}},
		{"StatusNet", form("hub.mode", "subscribe", "hub.callback", callback, "hub.verify", "sync", "hub.verify", "async", "hub.topic", topic),
			websub.Request{Mode: websub.Subscribe, Callback: callback, Topic: topic, Algorithm: websub.SHA1, Sync: true}},
		{"later is preferred", form("hub.mode", "unsubscribe", "hub.callback", callback, "hub.verify", "async,sync", "hub.topic", topic),
			websub.Request{Mode: websub.Unsubscribe, Callback: callback, Topic: topic, Algorithm: websub.SHA1}},
		{"WebSub, another algorithm", form("hub.mode", "subscribe", "hub.callback", callback+"?a=b", "hub.topic", topic, "hub.signature_algorithm", "sha256", "hub.lease_seconds", "0"),
			websub.Request{Mode: websub.Subscribe, Callback: callback + "?a=b", Topic: topic, Algorithm: websub.SHA256}},
		{"publish", form("hub.mode", "publish", "hub.url", topic, "hub.url", "https://b.example", "hub.topic", topic),
			websub.Request{Mode: websub.Publish, Topic: topic, Topics: []string{topic, "https://b.example"}, Algorithm: websub.SHA1}},
	} {
		got, err := websub.ParseRequest(tt.form)
		if err != nil || !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s: %+v %v", tt.name, got, err)
		}
	}
	with := func(pairs ...string) url.Values {
		f := form("hub.mode", "subscribe", "hub.callback", callback, "hub.topic", topic)
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	for _, tt := range []struct {
		form url.Values
		want string
	}{
		{form(), "hub.mode is missing"},
		{with("hub.mode", "denied"), "hub.mode has to be subscribe or unsubscribe"},
		{with("hub.mode", "publish", "hub.topic", ""), "hub.url is missing"},
		{with("hub.callback", ""), "hub.callback is missing"},
		{with("hub.callback", "/x"), "hub.callback has to be a complete http or https address"},
		{with("hub.callback", "ftp://far.example/"), "hub.callback has to be a complete http or https address"},
		{with("hub.callback", "https://ann:pw@far.example/"), "hub.callback may not have a user name in it"},
		{with("hub.callback", callback+"#x"), "hub.callback may not have a fragment"},
		{with("hub.callback", callback+strings.Repeat("x", 3000)), "hub.callback has more than 2048 bytes"},
		{with("hub.topic", ""), "hub.topic is missing"},
		{with("hub.secret", strings.Repeat("x", 200)), "hub.secret has more than 199 bytes"},
		{with("hub.verify_token", strings.Repeat("x", 3000)), "hub.verify_token has more than 2048 bytes"},
		{with("hub.lease_seconds", "a week"), "hub.lease_seconds has to be a number of seconds"},
		{with("hub.lease_seconds", "-1"), "hub.lease_seconds has to be a number of seconds"},
		{with("hub.lease_seconds", "99999999999999999999"), "hub.lease_seconds has to be a number of seconds"},
		{with("hub.signature_algorithm", "md5"), "hub.signature_algorithm has to be sha1, sha256, sha384 or sha512"},
	} {
		_, err := websub.ParseRequest(tt.form)
		if e, ok := errors.AsType[*websub.RequestError](err); !ok || e.Text() != tt.want {
			t.Errorf("%v: %v, want %s", tt.form, err, tt.want)
		}
	}
}

func TestLease(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		bounds      websub.Bounds
		asked, want time.Duration
	}{
		{websub.Bounds{}, 0, 30 * day},
		{websub.Bounds{}, time.Second, 3 * day},
		{websub.Bounds{}, 10 * day, 10 * day},
		{websub.Bounds{}, 1000 * day, 30 * day},
		{websub.Bounds{Least: time.Hour, Most: day}, time.Second, time.Hour},
		{websub.Bounds{Least: time.Hour, Most: day}, 0, day},
	} {
		if got := tt.bounds.Lease(tt.asked); got != tt.want {
			t.Errorf("%+v: %v is asked for, and given %v", tt.bounds, tt.asked, got)
		}
	}
}

func hub(store websub.HubStore, client websub.Doer) *websub.Hub {
	return &websub.Hub{Address: "https://us.example/hub", Store: store, Client: client, Now: func() time.Time { return now },
		Topic: func(_ context.Context, t string) error {
			switch t {
			case topic:
				return nil
			case "https://us.example/broken":
				return errors.New("the database is gone")
			}
			return &websub.RequestError{Parameter: "hub.topic", Reason: "is none of the feeds here"}
		}}
}

// echo is a subscriber that repeats what it is asked.
func echo(asked *[]url.Values) web {
	return func(r *http.Request) (int, string) {
		*asked = append(*asked, r.URL.Query())
		return 200, r.URL.Query().Get("hub.challenge") + "\n"
	}
}

func TestHandle(t *testing.T) {
	request := func(pairs ...string) url.Values {
		f := form("hub.mode", "subscribe", "hub.callback", callback, "hub.topic", topic, "hub.secret", "s")
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	disown := web(func(*http.Request) (int, string) { return 404, "" })
	for _, tt := range []struct {
		name           string
		form           url.Values
		client         web
		status         int
		text           string
		queued, active int
	}{
		{"subscribe", request(), nil, 202, "The callback will be asked.", 1, 0},
		{"unsubscribe from what is gone", request("hub.mode", "unsubscribe", "hub.topic", "https://us.example/gone"), nil, 202, "The callback will be asked.", 1, 0},
		{"subscribe to what is none of ours", request("hub.topic", "https://us.example/gone"), nil, 400, "hub.topic is none of the feeds here", 0, 0},
		{"publish", form("hub.mode", "publish", "hub.url", topic), nil, 400, "This hub knows by itself what is new in its feeds.", 0, 0},
		{"garbage", form("hub.mode", "x"), nil, 400, "hub.mode has to be subscribe or unsubscribe", 0, 0},
		{"sync", request("hub.verify", "sync"), echo(new([]url.Values)), 204, "", 0, 1},
		{"sync, disowned", request("hub.verify", "sync"), disown, 409, "The callback did not confirm: it has not asked for this.", 0, 0},
	} {
		store := &hubMemory{}
		a, err := hub(store, tt.client).Handle(t.Context(), tt.form)
		if err != nil || a.Status != tt.status || a.Text != tt.text || len(store.queue) != tt.queued || len(store.listeners) != tt.active {
			t.Errorf("%s: %+v %v, %d queued, %d active", tt.name, a, err, len(store.queue), len(store.listeners))
		}
	}
	if _, err := hub(&hubMemory{}, nil).Handle(t.Context(), request("hub.topic", "https://us.example/broken")); err == nil {
		t.Error("a fault of the store is an answer")
	}
	for _, verify := range []string{"async", "sync"} {
		store := &hubMemory{full: &websub.RequestError{Parameter: "hub.callback", Reason: "is one too many"}}
		a, err := hub(store, echo(new([]url.Values))).Handle(t.Context(), request("hub.verify", verify))
		if err != nil || a.Status != 400 || a.Text != "hub.callback is one too many" {
			t.Errorf("%s, when the store is full: %+v %v", verify, a, err)
		}
	}
}

func TestVerify(t *testing.T) {
	r := websub.Request{Mode: websub.Subscribe, Callback: callback + "?a=b", Topic: topic, Secret: "s", Algorithm: websub.SHA256, VerifyToken: "v", Lease: time.Second}
	var asked []url.Values
	store := &hubMemory{}
	h := hub(store, echo(&asked))
	for range 2 {
		if v, err := h.Verify(t.Context(), r); v != websub.Confirmed || err != nil {
			t.Fatalf("%s %v", v, err)
		}
	}
	q := asked[0]
	if q.Get("a") != "b" || q.Get("hub.mode") != "subscribe" || q.Get("hub.topic") != topic || q.Get("hub.lease_seconds") != "259200" || q.Get("hub.verify_token") != "v" || len(q.Get("hub.challenge")) < 20 {
		t.Errorf("asked %v", q)
	}
	if asked[0].Get("hub.challenge") == asked[1].Get("hub.challenge") {
		t.Error("the challenge is always the same")
	}
	if len(store.expected) != 2 || store.expected[0].Callback != r.Callback || store.expected[0].Topic != topic {
		t.Errorf("expected before they are asked: %+v", store.expected)
	}
	want := websub.Listener{Topic: topic, Callback: r.Callback, Secret: "s", Algorithm: websub.SHA256, Expires: now.Add(72 * time.Hour)}
	if len(store.listeners) != 1 || store.listeners[topic+" "+r.Callback] != want {
		t.Errorf("listeners: %+v", store.listeners)
	}

	for _, tt := range []struct {
		name   string
		client web
		want   websub.Verdict
	}{
		{"another challenge", func(*http.Request) (int, string) { return 200, "yes" }, websub.Disowned},
		{"no challenge", func(*http.Request) (int, string) { return 204, "" }, websub.Disowned},
		{"not there", func(r *http.Request) (int, string) { return 404, r.URL.Query().Get("hub.challenge") }, websub.Disowned},
		{"sent elsewhere", func(r *http.Request) (int, string) { return 302, r.URL.Query().Get("hub.challenge") }, websub.Disowned},
		{"broken", func(*http.Request) (int, string) { return 503, "" }, websub.Unreachable},
		{"busy", func(*http.Request) (int, string) { return 429, "" }, websub.Unreachable},
		{"down", func(*http.Request) (int, string) { return 0, "" }, websub.Unreachable},
		{"a book", func(r *http.Request) (int, string) {
			return 200, strings.Repeat(" ", 5000) + r.URL.Query().Get("hub.challenge")
		}, websub.Disowned},
	} {
		for _, mode := range []websub.Mode{websub.Subscribe, websub.Unsubscribe} {
			store := &hubMemory{listeners: map[string]websub.Listener{topic + " " + callback: want}}
			v, err := hub(store, tt.client).Verify(t.Context(), websub.Request{Mode: mode, Topic: topic, Callback: callback})
			if v != tt.want || err != nil || len(store.listeners) != 1 || store.listeners[topic+" "+callback] != want {
				t.Errorf("%s %s: %s %v, %+v", mode, tt.name, v, err, store.listeners)
			}
		}
	}
	if v, err := h.Verify(t.Context(), websub.Request{Mode: websub.Unsubscribe, Topic: topic, Callback: r.Callback}); v != websub.Confirmed || err != nil || len(store.listeners) != 0 {
		t.Errorf("unsubscribe: %s %v, %+v", v, err, store.listeners)
	}
	if q := asked[2]; q.Get("hub.mode") != "unsubscribe" || q.Has("hub.lease_seconds") {
		t.Errorf("asked %v", q)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hub(&hubMemory{}, web(func(*http.Request) (int, string) { return 0, "" })).Verify(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	asked = nil
	if err := h.Deny(t.Context(), topic, callback, "moved"); err != nil || asked[0].Get("hub.mode") != "denied" || asked[0].Get("hub.reason") != "moved" || asked[0].Get("hub.topic") != topic {
		t.Errorf("deny: %v %v", asked, err)
	}
}

func TestDeliver(t *testing.T) {
	listener := websub.Listener{Topic: topic + "?a,b", Callback: callback, Secret: "sekrit", Expires: now.Add(time.Hour)}
	var got *http.Request
	var posted string
	h := hub(nil, web(func(r *http.Request) (int, string) {
		got, posted = r, body(t, r)
		return 202, "thanks"
	}))
	if d, err := h.Deliver(t.Context(), listener, "application/atom+xml", []byte("<feed/>")); d != websub.Delivered || err != nil {
		t.Fatalf("%s %v", d, err)
	}
	for _, tt := range []struct{ what, got, want string }{
		{"method", got.Method, "POST"}, {"address", got.URL.String(), callback}, {"body", posted, "<feed/>"},
		{"type", got.Header.Get("Content-Type"), "application/atom+xml"},
		{"signature", got.Header.Get("X-Hub-Signature"), "sha1=7f977302e45f07dbdb35c0ed416cedaa0e67ff2b"},
		{"links", got.Header.Get("Link"), `<https://us.example/hub>; rel="hub", <` + topic + `?a,b>; rel="self"`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	listener.Algorithm = websub.SHA512
	if _, err := h.Deliver(t.Context(), listener, "x", []byte("<feed/>")); err != nil || websub.CheckSignature(got.Header.Get("X-Hub-Signature"), "sekrit", []byte("<feed/>")) != websub.Authentic ||
		!strings.HasPrefix(got.Header.Get("X-Hub-Signature"), "sha512=") {
		t.Errorf("%v: %s", err, got.Header.Get("X-Hub-Signature"))
	}
	listener.Secret = ""
	if _, err := h.Deliver(t.Context(), listener, "x", nil); err != nil || got.Header.Values("X-Hub-Signature") != nil {
		t.Errorf("without a secret: %v %v", err, got.Header)
	}

	for status, want := range map[int]websub.Delivery{200: websub.Delivered, 204: websub.Delivered, 302: websub.Failed, 400: websub.Failed, 404: websub.Missing, 410: websub.Gone, 500: websub.Failed, 0: websub.Failed} {
		h.Client = web(func(*http.Request) (int, string) { return status, "" })
		if d, err := h.Deliver(t.Context(), listener, "x", nil); d != want || (err != nil) != (want == websub.Failed) {
			t.Errorf("status %d: %s %v", status, d, err)
		}
	}
	// The lease has a grace, and an end.
	h.Client = web(func(*http.Request) (int, string) { return 200, "" })
	for expires, want := range map[time.Duration]websub.Delivery{-71 * time.Hour: websub.Delivered, -72 * time.Hour: websub.Expired} {
		listener.Expires = now.Add(expires)
		if d, err := h.Deliver(t.Context(), listener, "x", nil); d != want || err != nil {
			t.Errorf("after %v: %s %v", -expires, d, err)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add("hub.mode=subscribe&hub.topic=https://a.example&hub.callback=https://b.example&hub.lease_seconds=1")
	f.Add("hub.mode=publish&hub.url=x")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := websub.ParseRequest(form)
		if err != nil {
			if _, ok := errors.AsType[*websub.RequestError](err); !ok {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if r.Mode == websub.Publish {
			return
		}
		if _, err := http.NewRequest(http.MethodGet, r.Callback, nil); err != nil {
			t.Errorf("a callback that cannot be asked: %v", err)
		}
		if lease := (websub.Bounds{}).Lease(r.Lease); lease < 72*time.Hour || lease > 720*time.Hour {
			t.Errorf("a lease of %v", lease)
		}
	})
}
