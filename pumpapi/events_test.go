package pumpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

// event is one of a stream of events.
type event struct{ id, name, data string }

// eventSource reads a stream of events.
type eventSource struct {
	t      testing.TB
	status int
	header http.Header
	body   io.Closer
	lines  *bufio.Scanner
	// watchdog ends the stream when no event comes.
	watchdog *time.Timer
	// comments counts the signs of life.
	comments int
	retry    string
}

// events asks for a stream of events, as somebody, or nobody where v is nil.
func (s *site) events(v *visitor, path string, header http.Header) *eventSource {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	watchdog := time.AfterFunc(patience, cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", s.server.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Host = strings.TrimPrefix(strings.TrimPrefix(s.base, "https://"), "http://")
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "text/event-stream")
	if v != nil && v.signer != nil {
		authorization, err := v.signer.AuthorizationHeader(oauth1.Call{Method: "GET", URL: mustURL(s.t, s.base+path)})
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Authorization", authorization)
	}
	res, err := s.server.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { res.Body.Close() })
	e := &eventSource{t: s.t, status: res.StatusCode, header: res.Header, body: res.Body, lines: bufio.NewScanner(res.Body), watchdog: watchdog}
	e.lines.Buffer(nil, 4<<20)
	if res.StatusCode == http.StatusOK && res.Header.Get("Content-Type") == "text/event-stream" {
		e.begin()
	}
	return e
}

// begin reads what comes before the first event.
func (e *eventSource) begin() {
	e.t.Helper()
	for e.lines.Scan() && e.lines.Text() != "" {
		if retry, ok := strings.CutPrefix(e.lines.Text(), "retry: "); ok {
			e.retry = retry
		}
	}
}

// next returns the next event; ok is false when the stream is over.
func (e *eventSource) next() (one event, ok bool) {
	e.watchdog.Reset(patience)
	for e.lines.Scan() {
		line := e.lines.Text()
		switch {
		case line == "" && one != event{}:
			return one, true
		case strings.HasPrefix(line, ":"):
			e.comments++
		case strings.HasPrefix(line, "id: "):
			one.id = line[len("id: "):]
		case strings.HasPrefix(line, "event: "):
			one.name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			one.data += line[len("data: "):]
		}
	}
	return one, false
}

func (e *eventSource) update() event {
	e.t.Helper()
	one, ok := e.next()
	if !ok || one.name != "update" {
		e.t.Fatalf("waiting for an update: %v, %+v, %v", ok, one, e.lines.Err())
	}
	return one
}

func TestEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.live()
		a := newAudience(s)
		open := []*eventSource{
			s.events(a.ann, "/api/user/ann/inbox", nil), s.events(a.carl, "/api/user/carl/inbox/major/", nil), s.events(a.bob, "/api/user/ann/feed", nil),
			s.events(nil, "/api/user/ann/feed/major", nil), s.events(nil, "/api/public/feed", nil),
		}
		for _, e := range open {
			for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
				if e.status != 200 || e.header.Get(name) != want || e.retry != "5000" {
					t.Errorf("status %d, %s %q, retry %q", e.status, name, e.header.Get(name), e.retry)
				}
			}
		}
		limited := a.ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}})
		hidden := a.ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "y"}, "to": []doc{public}, "bto": []doc{a.carl.ref()}})
		minor := a.ann.act(doc{"verb": "like", "object": doc{"id": hidden.text("object.id"), "objectType": "note"}, "to": []doc{public}})
		end := a.ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "z"}, "to": []doc{public}})
		viewers := []*visitor{a.ann, a.carl, a.bob, s.nobody(), s.nobody()}
		for i, want := range [][]doc{{limited, hidden, minor, end}, {limited, hidden, end}, {hidden, minor, end}, {hidden, end}, {hidden, minor, end}} {
			for _, activity := range want {
				got := open[i].update()
				feed := []string{"/api/user/ann/inbox", "/api/user/carl/inbox/major", "/api/user/ann/feed", "/api/user/ann/feed/major", "/api/public/feed"}[i]
				if got.id != activity.id() {
					t.Errorf("%s: %s, want %s", feed, got.id, activity.id())
				} else if shown := viewers[i].shown(feed, got.id); activity.id() == end.id() && got.data != shown {
					t.Errorf("%s has\n%s\nand the page\n%s", feed, got.data, shown)
				}
				if i != 0 && (strings.Contains(got.data, `"bto"`) || strings.Contains(got.data, `"bcc"`)) {
					t.Errorf("%s tells of a hidden addressee: %s", feed, got.data)
				}
			}
		}
	})
}

func TestEventsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	ann, bob := s.person("ann"), s.person("bob")
	events := http.Header{"Accept": {"text/html, text/event-stream;q=0.9"}}
	get := func(v *visitor, path string, header http.Header) *answer {
		t.Helper()
		for name, values := range events {
			header[name] = values
		}
		return v.send(request{method: "GET", path: path, header: header})
	}
	get(s.nobody(), "/api/user/ann/inbox", http.Header{}).refused(401, "Not logged in.")
	get(bob, "/api/user/ann/inbox", http.Header{}).refused(401, "Not authorized")
	get(bob, "/api/user/nobody/feed", http.Header{}).refused(404, "No such 'user' with id 'nobody'")
	get(ann, "/api/user/ann/inbox?since=x", http.Header{}).refused(400, "id 'x' not found in stream 'user:ann:inbox'")
	get(ann, "/api/user/ann/inbox", http.Header{"Last-Event-Id": {"y"}}).refused(400, "id 'y' not found in stream 'user:ann:inbox'")
	get(ann, "/api/user/ann/inbox?count=x", http.Header{}).refused(400, "Count must be between 0 and 200")
	a := ann.send(request{method: "HEAD", path: "/api/user/ann/inbox", header: events})
	if a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" || len(a.body) != 0 {
		t.Errorf("HEAD: %d %s %q", a.status, a.header.Get("Content-Type"), a.body)
	}
	if n := s.api.Connections(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
}

// Who has lost the connection goes on after the last event that came, without a
// gap and without anything twice.
func TestEventsResume(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.live()
		ann, bob := s.person("ann"), s.person("bob")
		bob.follow(ann)
		const each = 150 // more than are read at a time
		var want []string
		post := func() {
			want = append(want, ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}}).id())
		}
		e := s.events(bob, "/api/user/bob/inbox/major", nil)
		var got []string
		for range 5 {
			post()
		}
		for range 3 {
			got = append(got, e.update().id)
		}
		e.body.Close()
		for range each {
			post()
		}
		e = s.events(bob, "/api/user/bob/inbox/major", http.Header{"Last-Event-Id": {got[len(got)-1]}})
		for range 20 {
			post()
		}
		for len(got) < len(want)-10 {
			got = append(got, e.update().id)
		}
		e.body.Close()
		e = s.events(bob, "/api/user/bob/inbox/major?since="+got[len(got)-1], nil)
		post()
		for len(got) < len(want) {
			got = append(got, e.update().id)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d events, want %d:\n%v\n%v", len(got), len(want), got, want)
		}
	})
}

// Of two activities that are done at the same moment the second may be told
// first. Who follows a stream of events is told both, in their order.
func TestEventsInOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}) // not live: the test tells
	t.Cleanup(s.api.Close)
	ann := s.person("ann")
	e := s.events(nil, "/api/user/ann/feed", nil)
	l := s.listen(nil, "/api/user/ann/feed")
	var events []bridge.Event
	var want []string
	for range 4 {
		id := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}, "to": []doc{public}}).id()
		at, err := s.api.Place(t.Context(), ann.actorID, models.Outbox, id)
		if err != nil {
			t.Fatal(err)
		}
		events, want = append(events, at), append(want, id)
	}
	for _, i := range []int{1, 0, 3, 3, 2} {
		s.api.Happened(t.Context(), events[i])
	}
	for i := range want {
		if got := e.update().id; got != want[i] {
			t.Errorf("event %d is %s, want %s", i, got, want[i])
		}
	}
	for _, i := range []int{1, 0, 3, 3, 2} {
		if got := l.update().doc.id(); got != want[i] {
			t.Errorf("the others are told of %s, want %s", got, want[i])
		}
	}
	last := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}, "to": []doc{public}}).id()
	at, err := s.api.Place(t.Context(), ann.actorID, models.Outbox, last)
	if err != nil {
		t.Fatal(err)
	}
	s.api.Happened(t.Context(), at)
	if got := e.update().id; got != last {
		t.Errorf("afterwards comes %s, want %s", got, last)
	}
}

// A stream of events shows that it lives, outlives the limits of the server for
// answers, and ends with the right to read it.
func TestEventsLive(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.api.Hasten(20*time.Millisecond, 5*time.Second)
	s.live()
	ann := s.person("ann")
	server := httptest.NewUnstartedServer(s.router)
	server.Config.WriteTimeout, server.Config.ReadTimeout = 500*time.Millisecond, 500*time.Millisecond
	server.Config.IdleTimeout = time.Minute
	server.Start()
	s.server.Close()
	s.server = server
	t.Cleanup(server.Close)
	t.Cleanup(s.api.Close)
	began := time.Now()
	e := s.events(ann, "/api/user/ann/inbox", nil)
	until(t, "the limits are past", func() bool { return time.Since(began) > 1200*time.Millisecond })
	id := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}}).id()
	if got := e.update(); got.id != id || e.comments == 0 {
		t.Errorf("%+v, %d signs of life", got, e.comments)
	}
	stranger := s.events(nil, "/api/user/ann/feed", nil)
	s.write(func(ctx context.Context, tx *models.Tx) error { return tx.RemoveAccessTokens(ctx, ann.actorID) })
	if got, ok := e.next(); ok {
		t.Errorf("after the token was withdrawn comes %+v", got)
	}
	until(t, "the stranger is the last one", func() bool { return s.api.Connections() == 1 })
	stranger.body.Close()
	until(t, "the stranger has gone", func() bool { return s.api.Connections() == 0 })
}

// With more behind than one answer takes, it ends, and the next goes on.
func TestEventsBacklog(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{}).live()
	ann := s.person("ann")
	ann.note("first")
	first := idOf(t, ann.newest("/api/user/ann/feed"))
	s.fillOutbox(ann, pumpapi.MaxBacklog+50)
	since, n := first, 0
	for answers := range 3 {
		e := s.events(ann, "/api/user/ann/feed", http.Header{"Last-Event-Id": {since}})
		last := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": fmt.Sprint(answers)}}).id()
		for {
			one, ok := e.next()
			if !ok {
				break
			}
			since = one.id
			if n++; one.id == last {
				if want := pumpapi.MaxBacklog + 50 + answers + 1; n != want {
					t.Errorf("%d events came, want %d", n, want)
				}
				return
			}
		}
	}
	t.Errorf("%d events came, and never the last", n)
}

// fillOutbox copies the newest activity of somebody's outbox n times.
func (s *site) fillOutbox(v *visitor, n int) {
	s.t.Helper()
	for range n {
		v.act(doc{"verb": "like-no-other", "object": doc{"objectType": "note", "id": "urn:x:" + fmt.Sprint(n)}, "to": []doc{v.ref()}})
	}
}
