package pumpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"manifold/bridge"
	"manifold/models"
	"manifold/pumpapi"
)

// Whoever does not answer the challenge as it is to be answered is sent away.
func TestRiseMismatch(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	ann, bob := s.person("ann"), s.person("bob")
	rise := func(l *listener, challenge doc, edit func(message doc)) {
		command := rising(t, ann.signer, challenge.text("url"))
		edit(command["message"].(doc))
		l.says(command)
	}
	parameter := func(message doc, name string, value any) {
		for _, pair := range message["parameters"].([][]any) {
			if pair[0] == name {
				pair[1] = value
			}
		}
	}
	wrongSecret := *ann.signer
	wrongSecret.Secrets.Token = bob.signer.Secrets.Token
	stale := *ann.signer
	stale.Now = func() time.Time { return s.clock.now().Add(-time.Hour) }
	const notAuthenticated = `c[3000,"Not authenticated"]`
	for _, tt := range []struct {
		name string
		do   func(l *listener, challenge doc)
		end  string // the reason, where it is another one
	}{
		{"another address", func(l *listener, challenge doc) {
			l.says(rising(t, ann.signer, challenge.text("url")+"x"))
		}, ""},
		{"the address of another connection", func(l *listener, _ doc) {
			_, other := s.connect(s.socket())
			l.says(rising(t, ann.signer, other.text("url")))
		}, ""},
		{"another address than was signed", func(l *listener, challenge doc) {
			command := rising(t, ann.signer, challenge.text("url")+"x")
			command["message"].(doc)["action"] = challenge.text("url")
			l.says(command)
		}, ""},
		{"another method", func(l *listener, challenge doc) {
			rise(l, challenge, func(m doc) { m["method"] = "POST" })
		}, ""},
		{"another token", func(l *listener, challenge doc) {
			rise(l, challenge, func(m doc) { parameter(m, "oauth_token", bob.signer.Token) })
		}, ""},
		{"an unknown token", func(l *listener, challenge doc) {
			rise(l, challenge, func(m doc) { parameter(m, "oauth_token", "unknown") })
		}, ""},
		{"an unknown program", func(l *listener, challenge doc) {
			rise(l, challenge, func(m doc) { parameter(m, "oauth_consumer_key", "unknown") })
		}, ""},
		{"another secret", func(l *listener, challenge doc) { l.says(rising(t, &wrongSecret, challenge.text("url"))) }, ""},
		{"no signature", func(l *listener, challenge doc) {
			rise(l, challenge, func(m doc) { m["parameters"] = [][]any{} })
		}, ""},
		{"no time", func(l *listener, challenge doc) {
			rise(l, challenge, func(m doc) { parameter(m, "oauth_timestamp", "") })
		}, ""},
		{"a time long past", func(l *listener, challenge doc) { l.says(rising(t, &stale, challenge.text("url"))) }, ""},
		{"a parameter that is no text", func(l *listener, challenge doc) {
			rise(l, challenge, func(m doc) { parameter(m, "oauth_nonce", []string{"x"}) })
		}, "Not understood"},
		{"an old challenge", func(l *listener, challenge doc) {
			l.says(doc{"cmd": "request"})
			l.hears("challenge")
			rise(l, challenge, func(doc) {})
		}, ""},
		{"twice", func(l *listener, challenge doc) {
			l.rise(ann, challenge)
			rise(l, challenge, func(doc) {})
		}, ""},
		{"somebody else afterwards", func(l *listener, challenge doc) {
			l.rise(bob, challenge)
			l.says(doc{"cmd": "request"})
			rise(l, l.hears("challenge"), func(doc) {})
		}, ""},
		{"no JSON", func(l *listener, _ doc) { l.line.say("rise") }, "Not understood"},
		{"no object", func(l *listener, _ doc) { l.line.say("[]") }, "Not understood"},
		{"without end", func(l *listener, _ doc) {
			for range 1000 {
				l.says(doc{"cmd": "nothing"})
			}
		}, "Too many messages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, challenge := s.connect(s.socket())
			tt.do(l, challenge)
			want := notAuthenticated
			if tt.end != "" {
				want = `c[3000,"` + tt.end + `"]`
			}
			if end := l.ends(); end != want {
				t.Errorf("the conversation ends with %s, want %s", end, want)
			}
		})
	}

	// A signature is good for once, wherever it comes.
	fixed := *ann.signer
	fixed.Nonce = func() string { return "again" }
	fixed.Now = func() time.Time { return s.clock.now().Truncate(time.Minute) }
	ann.signer = &fixed
	l, challenge := s.connect(s.socket())
	l.rise(ann, challenge)
	l, challenge = s.connect(s.socket())
	l.says(rising(t, ann.signer, challenge.text("url")))
	if end := l.ends(); end != notAuthenticated {
		t.Errorf("after the same nonce again the conversation ends with %s", end)
	}
}

// A program may be known without a person, and be asked again who it is.
func TestRise(t *testing.T) {
	t.Parallel()
	for _, base := range []string{home, portHome} {
		s := newSite(t, siteOptions{base: base}).live()
		ann := s.person("ann")
		l, challenge := s.connect(s.socket())
		l.rise(s.twoLegged(s.program), challenge)
		l.says(doc{"cmd": "request"})
		l.rise(ann, l.hears("challenge"))
		l.says(doc{"cmd": "request"})
		l.rise(ann, l.hears("challenge"))

		// OAuth.js takes parameters as an object too.
		l, challenge = s.connect(s.socket())
		command := rising(t, ann.signer, challenge.text("url"))
		members := doc{}
		for _, pair := range command["message"].(doc)["parameters"].([][]any) {
			members[pair[0].(string)] = pair[1]
		}
		command["message"].(doc)["parameters"] = members
		l.says(command)
		if got := l.hears("authenticated"); got.text("user") != "ann" {
			t.Errorf("ann is taken for %v", got)
		}
	}
}

// Who follows a feed is told what a page of it shows him, in the same bytes, and
// nothing else.
func TestRealtimeVisibility(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.live()
		a := newAudience(s)
		group := a.bob.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "group", "displayName": "Readers"}}).doc("object")
		a.carl.act(doc{"verb": "join", "object": group.ref()})
		var ears []*ear
		for _, v := range append(a.viewers()[:5:5], nil) {
			e := &ear{who: v, feeds: []string{"/api/user/ann/feed", "/api/user/ann/feed/major", "/api/user/carl/feed/minor", "/api/public/feed", "/api/public/feed/minor",
				"/api/user/ann/inbox", strings.TrimPrefix(group.id(), home) + "/inbox"}}
			if v == nil {
				e.who = s.nobody()
			} else {
				e.feeds = append(e.feeds, v.user("/inbox"), v.user("/inbox/major"), v.user("/inbox/direct"), v.user("/inbox/direct/minor"))
				slices.Sort(e.feeds)
				e.feeds = slices.Compact(e.feeds)
			}
			e.listener = s.listen(v, e.feeds...)
			ears = append(ears, e)
		}
		// After each activity comes one that everybody hears of, so that it is known
		// what somebody does not hear.
		settle := func() string {
			return a.ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "done"}, "to": []doc{public}}).id()
		}
		end := settle()
		for _, e := range ears {
			e.until(end)
		}
		post := func(by *visitor, object doc, address doc) doc {
			address["verb"], address["object"] = "post", object
			return by.act(address)
		}
		note := func(by *visitor, address doc) func() doc {
			return func() doc { return post(by, doc{"objectType": "note", "content": "<i>a</i> note"}, address) }
		}
		limited := note(a.ann, doc{})().doc("object")
		open := note(a.ann, doc{"to": []doc{public}})().doc("object")
		comment := func(by *visitor, on doc, address doc) func() doc {
			return func() doc {
				return post(by, doc{"objectType": "comment", "content": "so", "inReplyTo": on.ref()}, address)
			}
		}
		does := func(by *visitor, verb string, object doc) func() doc {
			return func() doc { return by.act(doc{"verb": verb, "object": object}) }
		}
		// Something with more replies than are looked at, most of them not for everybody.
		busy := note(a.ann, doc{"to": []doc{public}})().doc("object")
		for i := range 22 {
			address := doc{"to": []doc{a.ann.ref()}}
			if i < 2 {
				address = doc{"to": []doc{public}}
			}
			comment([]*visitor{a.carl, a.eve}[i%2], busy, address)()
		}
		for _, tt := range []struct {
			name string
			do   func() doc
		}{
			{"a like of what has many replies", does(a.carl, "like", busy.ref())},
			{"to everybody", note(a.ann, doc{"to": []doc{public}})},
			{"to followers", note(a.ann, doc{})},
			{"hidden", note(a.ann, doc{"bto": []doc{a.bob.ref()}, "bcc": []doc{public}})},
			{"all hidden", note(a.ann, doc{"bcc": []doc{a.eve.ref(), a.dave.ref()}})},
			{"to a list", note(a.ann, doc{"to": []doc{a.pals.ref()}})},
			{"to herself", note(a.ann, doc{"to": []doc{a.ann.ref()}})},
			{"to a group", note(a.carl, doc{"to": []doc{group.ref()}})},
			{"to a group and everybody", note(a.carl, doc{"to": []doc{group.ref(), public}})},
			{"a comment on what is limited", comment(a.carl, limited, doc{})},
			{"a public comment on what is limited", comment(a.carl, limited, doc{"to": []doc{public, a.eve.ref()}})},
			{"a limited comment on what is open", comment(a.carl, open, doc{"to": []doc{a.ann.ref()}})},
			{"a like of one's own", does(a.ann, "like", open.ref())},
			{"a like of a friend's", does(a.carl, "like", open.ref())},
			{"a limited like", does(a.carl, "favorite", limited.ref())},
			{"a share", does(a.ann, "share", open.ref())},
			{"an update", func() doc {
				return a.ann.act(doc{"verb": "update", "object": doc{"id": open.id(), "objectType": "note", "content": "other"}})
			}},
			{"a follow", does(a.ann, "follow", a.bob.ref())},
			{"a member of a list", func() doc {
				return a.ann.act(doc{"verb": "add", "object": a.eve.ref(), "target": a.pals.ref(), "to": []doc{public}})
			}},
			{"a deletion", does(a.ann, "delete", open.ref())},
		} {
			made := tt.do().id()
			end := settle()
			for _, e := range ears {
				e.check(t, tt.name, made, e.until(end))
			}
		}
	})
}

// ear is somebody who follows feeds.
type ear struct {
	*listener
	who   *visitor
	feeds []string
}

// until returns what is heard before an activity.
func (e *ear) until(end string) []heard {
	e.t.Helper()
	var list []heard
	for {
		h := e.update()
		if h.doc.id() == end {
			return list
		}
		list = append(list, h)
	}
}

// check compares what was heard of an activity with the pages of the feeds.
func (e *ear) check(t *testing.T, what, made string, list []heard) {
	t.Helper()
	got := map[string]string{}
	for _, h := range list {
		if h.doc.id() != made {
			continue // the end before, in another feed
		}
		if got[h.feed] != "" {
			t.Errorf("%s: %s is told twice in %s", what, name(e.who), h.feed)
		}
		got[h.feed] = string(h.activity)
	}
	for _, f := range e.feeds {
		want := e.who.shown(f, made)
		if got[f] != want {
			t.Errorf("%s: %s is told in %s\n%s\nwant\n%s", what, name(e.who), f, got[f], want)
		}
	}
}

// shown is an activity as a page of a feed shows it that has nothing else, "" if
// it is not there.
func (v *visitor) shown(feed, activity string) string {
	v.t.Helper()
	var page struct{ Items []json.RawMessage }
	a := v.get(feed + "?count=5")
	if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
		return ""
	}
	a.json(http.StatusOK, &page)
	for i, item := range page.Items {
		if idOf(v.t, item) != activity {
			continue
		}
		query := "?count=1"
		if i > 0 {
			query += "&before=" + url.QueryEscape(idOf(v.t, page.Items[i-1]))
		}
		v.get(feed+query).json(http.StatusOK, &page)
		if len(page.Items) != 1 || idOf(v.t, page.Items[0]) != activity {
			v.t.Fatalf("%s%s does not have %s", feed, query, activity)
		}
		return string(page.Items[0])
	}
	return ""
}

// Two processes on one database tell of what is done in either.
func TestRealtimeOfTwoProcesses(t *testing.T) {
	t.Parallel()
	one := newSite(t, siteOptions{database: postgresDatabase(t)}).live()
	two := *one
	two.start(siteOptions{})
	two.live()
	ann, bob := one.person("ann"), one.person("bob")
	first := one.listen(bob, "/api/user/bob/inbox")
	second := two.listen(bob, "/api/user/bob/inbox/major", "/api/user/bob/inbox")
	bob.follow(ann)
	// Whoever listens later may hear of it too: it was done a moment before.
	first.update()
	second.update()
	there := *ann
	there.s = &two
	for _, v := range []*visitor{ann, &there} {
		note := v.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}})
		for _, l := range []*listener{first, second, second} {
			if h := l.update(); h.doc.id() != note.id() || string(h.activity) != bob.shown("/api/user/bob/inbox", note.id()) {
				t.Errorf("told of %s, want %s", h.activity, note.id())
			}
		}
	}
	// Where something may have been missed, everybody is sent away to read on.
	if _, err := one.db.SQL().Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*listener{first, second} {
		if end := l.ends(); end != `c[3000,"Something may have been missed: connect again"]` {
			t.Errorf("the conversation ends with %s", end)
		}
	}
	// The next connection hears again.
	again := one.listen(bob, "/api/user/bob/inbox")
	note := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "y"}})
	for again.update().doc.id() != note.id() {
	}
}

// What is not a feed, or not somebody's to read, is followed without effect.
func TestFollowOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	ann, bob := s.person("ann"), s.person("bob")
	secret := ann.act(doc{"verb": "create", "to": []doc{ann.ref()}, "object": doc{"objectType": "group", "displayName": "Secret"}}).doc("object")
	l := s.listen(bob, "/api/user/ann/inbox", "/api/user/nobody/feed", "/api/user/ann/feed/direct", "/api/user/ann/feed/major/x", "/api/user/ann", "/api/user",
		"/api/user/bob/inbox/public", "/api/public", "/api/public/inbox", "/api/group", "/api/group/"+bridge.NewToken()+"/inbox", "/api/note/x/likes", "/", "", "/api/user/%zz/feed",
		"/api/user/a\x00n/feed", "/api/users", strings.TrimPrefix(secret.id(), home)+"/inbox", "/api/user/"+strings.Repeat("x", 5000)+"/feed")
	for _, elsewhere := range []string{"https://elsewhere.example/api/user/ann/feed", "api/user/ann/feed", "https://pump.example.evil/api/user/ann/feed"} {
		l.says(doc{"cmd": "follow", "url": elsewhere})
	}
	l.says(doc{"cmd": "unfollow", "url": home + "/api/user/ann/feed"})
	l.follow("/api/user/ANN/feed/minor/")
	ann.note("not heard of", public)
	ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}, "to": []doc{secret.ref(), public}})
	follow := ann.act(doc{"verb": "follow", "object": bob.ref(), "to": []doc{public}})
	if h := l.update(); h.doc.id() != follow.id() || h.feed != "/api/user/ANN/feed/minor/" {
		t.Errorf("told of %s in %s", h.doc.id(), h.feed)
	}
}

func TestRealtimeLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	ann := s.person("ann")
	expect := func(l *listener, want string) {
		t.Helper()
		if end := l.ends(); end != want {
			t.Errorf("the conversation ends with %s, want %s", end, want)
		}
	}
	t.Run("feeds", func(t *testing.T) {
		l := s.listen(ann, "/api/public/feed", "/api/public/feed")
		for i := range pumpapi.MaxFeeds {
			// Different ways to write one.
			l.says(doc{"cmd": "follow", "url": home + "/api/user/ann/feed" + strings.Repeat("/", i)})
		}
		expect(l, `c[3000,"Too many feeds"]`)
	})
	t.Run("connections", func(t *testing.T) {
		for range pumpapi.MaxOfAccount {
			l, challenge := s.connect(s.socket())
			l.rise(ann, challenge)
		}
		l, challenge := s.connect(s.socket())
		l.says(rising(t, ann.signer, challenge.text("url")))
		expect(l, `c[3000,"Too many connections"]`)
		s.listen(s.person("bob"), "/api/user/bob/inbox") // has room
	})
	t.Run("strangers", func(t *testing.T) {
		// Whoever follows what is for everybody takes no room from newcomers, nor
		// those from others.
		before := s.api.Connections()
		l, _ := s.connect(s.socket())
		l.follow("/api/public/feed")
		l.says(doc{"cmd": "request"})
		l.rise(s.person("cid"), l.hears("challenge"))
		l.says(doc{"cmd": "unfollow", "url": home + "/api/public/feed"})
		l.settle()
		if strangers, newcomers, known := s.api.Kinds(); strangers != 0 || newcomers+known != before+1 {
			t.Errorf("%d strangers, %d newcomers and %d others, want none and %d", strangers, newcomers, known, before+1)
		}
	})
	t.Run("idle", func(t *testing.T) {
		idle, _ := s.connect(s.socket())
		busy := s.listen(nil, "/api/public/feed")
		s.api.EndIdle(time.Now().Add(pumpapi.IdleAfter + time.Second))
		expect(idle, `c[3000,"Nothing was followed"]`)
		busy.settle()
	})
	t.Run("frames", func(t *testing.T) {
		for _, open := range []func() line{s.socket, s.rawSocket} {
			l, _ := s.connect(open())
			if err := l.line.say(strings.Repeat("x", pumpapi.MaxFrame+1)); err != nil {
				t.Fatal(err)
			}
			if end := l.ends(); !strings.Contains(end, "1009") {
				t.Errorf("after too long a frame: %s", end)
			}
		}
	})
	t.Run("broken frames", func(t *testing.T) {
		l, _ := s.connect(s.socket())
		if err := l.line.(*socket).WriteMessage(websocket.TextMessage, []byte("[broken")); err != nil {
			t.Fatal(err)
		}
		expect(l, `c[3000,"Not understood"]`)
		l, _ = s.connect(s.socket())
		for _, frame := range []string{"", `"{\"cmd\":\"request\"}"`} {
			if err := l.line.(*socket).WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
				t.Fatal(err)
			}
		}
		l.hears("challenge")
	})
}

// A connection does not outlive the token that it was made with, nor the account.
func TestRealtimeOfTheRevoked(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.live()
		ann, bob, cid := s.person("ann"), s.person("bob"), s.person("cid")
		l := s.listen(ann, "/api/user/ann/inbox")
		suspended := s.listen(bob, "/api/user/bob/inbox")
		kept := s.listen(cid, "/api/user/cid/inbox")
		stranger := s.listen(nil, "/api/public/feed")
		s.write(func(ctx context.Context, tx *models.Tx) error {
			account, err := tx.Account(ctx, bob.actorID)
			if err != nil {
				return err
			}
			account.State = models.Suspended
			if err := tx.UpdateAccount(ctx, account); err != nil {
				return err
			}
			return tx.RemoveAccessTokens(ctx, ann.actorID)
		})
		if err := s.api.Recheck(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, ended := range []*listener{l, suspended} {
			if end := ended.ends(); end != `c[3000,"No longer authorized"]` {
				t.Errorf("the conversation ends with %s", end)
			}
		}
		kept.settle()
		stranger.settle()
	})
}

// Who does not read is cut off, and hinders nobody.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.api.Hasten(25*time.Second, 100*time.Millisecond)
	s.live()
	ann := s.person("ann")
	slow := s.listen(nil, "/api/public/feed")
	quick := s.listen(nil, "/api/public/feed")
	long := strings.Repeat("all work and no play ", 2000)
	until(t, "the slow reader is cut off", func() bool {
		n := ann.note(long, public)
		if h := quick.update(); h.doc.text("object.id") != n.id() {
			t.Fatalf("the quick reader is told of %s, want %s", h.doc.text("object.id"), n.id())
		}
		return s.api.Connections() == 1
	})
	for {
		if _, end := slow.message(); end != "" {
			break // what had been sent comes to an end
		}
	}
}

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.api.Hasten(20*time.Millisecond, time.Second)
	s.live()
	for name, open := range s.transports() {
		if name == "raw websocket" {
			continue // is sent pings only
		}
		l, _ := s.connect(open())
		l.says(doc{"cmd": "follow", "url": home + "/api/public/feed"})
		for beats := 0; beats < 2; {
			if strings.Contains(name, "websocket") {
				s.api.Beat()
			}
			frame, err := l.line.frame()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if frame == "h" {
				beats++
			}
		}
	}
	pings := make(chan string, 10)
	raw := s.dial("/websocket")
	raw.SetPingHandler(func(data string) error {
		pings <- data
		return nil // and no answer
	})
	go func() {
		for {
			if _, _, err := raw.NextReader(); err != nil {
				return
			}
		}
	}()
	until(t, "a ping", func() bool {
		s.api.Beat()
		return len(pings) > 0
	})
}

// A client that does not answer is taken for gone.
func TestDeafClient(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.api.Deafen(time.Millisecond)
	s.live()
	deaf := s.listen(nil, "/api/public/feed") // does not read, and so does not answer
	until(t, "the connection is over", func() bool {
		s.api.Beat()
		return s.api.Connections() == 0
	})
	if end := deaf.ends(); !strings.HasPrefix(end, `c[3000,`) {
		t.Errorf("the conversation ends with %s", end)
	}
}

// When the server stops, everybody is told, and the stop does not wait for them.
func TestRealtimeStop(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	var all []*listener
	for _, open := range s.transports() {
		l, _ := s.connect(open())
		l.follow("/api/public/feed")
		all = append(all, l)
	}
	events := s.events(nil, "/api/public/feed", nil)
	closed := make(chan struct{})
	go func() {
		s.api.Close()
		close(closed)
	}()
	for _, l := range all {
		// Where no request waits for the answer, the next one is refused.
		if end := l.ends(); !slices.Contains([]string{`c[3000,"Go away!"]`, "websocket: close 3000: Go away!"}, end) && !strings.Contains(end, `status 503: {"error":"Go away!."}`) {
			t.Errorf("the conversation ends with %s", end)
		}
	}
	if e, ok := events.next(); ok {
		t.Errorf("the stream of events goes on with %v", e)
	}
	<-closed
	s.api.Close()
	if s.api.Connections() != 0 {
		t.Errorf("%d connections are left", s.api.Connections())
	}
	a := s.nobody().send(request{method: "POST", path: sockJS + "/0/late/xhr"})
	a.refused(503, "Go away!.")
}
