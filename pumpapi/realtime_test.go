package pumpapi_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"manifold/bridge"
	"manifold/pumpapi/oauth1"
)

// patience is how long a test waits for the next thing that should happen at
// once. It says nothing about how quick that is: under the race detector, beside
// other work, a test as a whole takes minutes.
const patience = time.Minute

// live has the server tell of what happens, as the whole program does.
func (s *site) live() *site {
	s.t.Helper()
	if err := s.bridge.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		s.api.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.bridge.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	})
	return s
}

const sockJS = "/main/realtime/sockjs"

// line is a conversation with the realtime service over one of the transports.
type line interface {
	// frame returns the next frame as SockJS has it; raw WebSockets have messages
	// only, which are given the form of frames. It returns an error when the
	// conversation is over.
	frame() (string, error)
	say(message string) error
}

// listener is a client of the realtime service.
type listener struct {
	t       testing.TB
	s       *site
	line    line
	waiting []string
}

// connect begins a conversation and returns the challenge.
func (s *site) connect(l line) (*listener, doc) {
	s.t.Helper()
	c := &listener{t: s.t, s: s, line: l}
	if frame, err := l.frame(); err != nil || frame != "o" {
		s.t.Fatalf("the conversation begins with %q, %v", frame, err)
	}
	return c, c.hears("challenge")
}

// message returns the next message, or why there is none: the frame that ended
// the conversation, or the error.
func (l *listener) message() (message, end string) {
	for len(l.waiting) == 0 {
		frame, err := l.line.frame()
		switch {
		case err != nil:
			return "", err.Error()
		case frame == "h":
		case strings.HasPrefix(frame, "a"):
			if err := json.Unmarshal([]byte(frame[1:]), &l.waiting); err != nil {
				return "", "a frame that is no list: " + frame
			}
		default:
			return "", frame
		}
	}
	message = l.waiting[0]
	l.waiting = l.waiting[1:]
	return message, ""
}

// hears returns the next message, which must be this command.
func (l *listener) hears(cmd string) doc {
	l.t.Helper()
	message, end := l.message()
	if end != "" {
		l.t.Fatalf("waiting for %s: the conversation ends: %s", cmd, end)
	}
	var d doc
	if err := json.Unmarshal([]byte(message), &d); err != nil || d.text("cmd") != cmd {
		l.t.Fatalf("waiting for %s: %v: %s", cmd, err, message)
	}
	return d
}

func (l *listener) says(command any) {
	l.t.Helper()
	text, err := json.Marshal(command)
	if err == nil {
		err = l.line.say(string(text))
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// rising signs a challenge in the form of OAuth.js.
func rising(t testing.TB, signer *oauth1.Signer, action string) doc {
	t.Helper()
	u, err := url.Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	header, err := signer.AuthorizationHeader(oauth1.Call{Method: "GET", URL: u})
	if err != nil {
		t.Fatal(err)
	}
	var pairs [][]any
	for _, part := range strings.Split(strings.TrimPrefix(header, "OAuth "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		value, err = url.PathUnescape(strings.Trim(value, `"`))
		if err != nil {
			t.Fatal(err)
		}
		pair := []any{name, value}
		if name == "oauth_timestamp" {
			pair[1] = json.Number(value) // as OAuth.js makes it
		}
		pairs = append(pairs, pair)
	}
	return doc{"cmd": "rise", "message": doc{"action": action, "method": "GET", "parameters": pairs}}
}

// rise proves to be somebody.
func (l *listener) rise(v *visitor, challenge doc) {
	l.t.Helper()
	l.says(rising(l.t, v.signer, challenge.text("url")))
	if got := l.hears("authenticated"); got.text("user") != v.nick {
		l.t.Fatalf("%s is taken for %v", v.nick, got)
	}
}

// follow follows feeds, and returns when the server knows.
func (l *listener) follow(feeds ...string) {
	l.t.Helper()
	for _, f := range feeds {
		l.says(doc{"cmd": "follow", "url": l.s.base + f})
	}
	l.settle()
}

// listen connects somebody, or nobody where v is nil, who follows feeds.
func (s *site) listen(v *visitor, feeds ...string) *listener {
	s.t.Helper()
	l, challenge := s.connect(s.socket())
	if v != nil {
		l.rise(v, challenge)
	}
	l.follow(feeds...)
	return l
}

// settle waits until all that was said has been done.
func (l *listener) settle() {
	l.t.Helper()
	l.says(doc{"cmd": "request"})
	l.hears("challenge")
}

// heard is an activity that came into a feed.
type heard struct {
	feed     string
	activity json.RawMessage
	doc      doc
}

func (l *listener) update() heard {
	l.t.Helper()
	message, end := l.message()
	var m struct {
		Cmd, URL string
		Activity json.RawMessage
	}
	if end != "" {
		l.t.Fatalf("waiting for an update: the conversation ends: %s", end)
	}
	h := heard{}
	err := json.Unmarshal([]byte(message), &m)
	if err == nil {
		err = json.Unmarshal(m.Activity, &h.doc)
	}
	if err != nil || m.Cmd != "update" {
		l.t.Fatalf("waiting for an update: %v: %s", err, message)
	}
	h.feed, h.activity = strings.TrimPrefix(m.URL, l.s.base), m.Activity
	return h
}

// ends waits for the end of the conversation, and returns how the server puts
// it.
func (l *listener) ends() string {
	l.t.Helper()
	for {
		message, end := l.message()
		if end != "" {
			return end
		}
		if strings.Contains(message, `"authenticated"`) {
			l.t.Fatalf("waiting for the end: %s", message)
		}
	}
}

// socket is a WebSocket, with the framing of SockJS or without.
type socket struct {
	*websocket.Conn
	raw   bool
	begun bool
}

func (s *site) dial(path string) *websocket.Conn {
	s.t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.server.URL, "http")+sockJS+path, nil)
	if err != nil {
		s.t.Fatalf("%v: %v", err, response)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *site) socket() line {
	return &socket{Conn: s.dial("/000/" + bridge.NewToken() + "/websocket")}
}

func (s *site) rawSocket() line { return &socket{Conn: s.dial("/websocket"), raw: true} }

func (w *socket) frame() (string, error) {
	if w.raw && !w.begun {
		w.begun = true
		return "o", nil
	}
	if err := w.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	_, b, err := w.ReadMessage()
	if w.raw && err == nil {
		b, err = json.Marshal([]string{string(b)})
		b = append([]byte("a"), b...)
	}
	return string(b), err
}

func (w *socket) say(message string) error {
	if w.raw {
		return w.WriteMessage(websocket.TextMessage, []byte(message))
	}
	return w.WriteJSON([]string{message})
}

// requests is a conversation over requests of HTTP: each answer has one frame, or
// one answer has many.
type requests struct {
	s         *site
	session   string
	transport string
	method    string
	query     string
	streams   bool
	// unframe takes a frame out of an answer.
	unframe func(line string) (frame string, ok bool)
	lines   *bufio.Scanner
	body    io.Closer
	ctx     context.Context
	// watchdog ends it when no frame comes.
	watchdog *time.Timer
}

func (s *site) transports() map[string]func() line {
	unquote := func(begin, end string) func(string) (string, bool) {
		return func(line string) (frame string, ok bool) {
			line, begins := strings.CutPrefix(line, begin)
			line, ends := strings.CutSuffix(line, end)
			ok = begins && ends && json.Unmarshal([]byte(line), &frame) == nil
			return frame, ok
		}
	}
	all := func(line string) (string, bool) { return line, line != "" && !strings.HasPrefix(line, "hh") }
	over := func(transport, method, query string, streams bool, unframe func(string) (string, bool)) func() line {
		return func() line {
			ctx, cancel := context.WithCancel(context.Background())
			s.t.Cleanup(cancel)
			return &requests{s: s, ctx: ctx, watchdog: time.AfterFunc(patience, cancel), session: bridge.NewToken(), transport: transport, method: method, query: query, streams: streams, unframe: unframe}
		}
	}
	return map[string]func() line{
		"websocket":     s.socket,
		"raw websocket": s.rawSocket,
		"xhr-polling":   over("xhr", "POST", "", false, all),
		"xhr-streaming": over("xhr_streaming", "POST", "", true, all),
		"eventsource":   over("eventsource", "GET", "", true, func(l string) (string, bool) { return strings.CutPrefix(l, "data: ") }),
		"htmlfile":      over("htmlfile", "GET", "?c=cb", true, unquote("p(", ");")),
		"jsonp":         over("jsonp", "GET", "?c=cb", false, unquote("/**/cb(", ");")),
	}
}

func (r *requests) do(method, what, contentType string, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(r.ctx, method, r.s.server.URL+sockJS+"/000/"+r.session+"/"+what, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	response, err := r.s.server.Client().Do(req)
	if err == nil && response.StatusCode >= 300 {
		b, _ := io.ReadAll(response.Body)
		response.Body.Close()
		err = fmt.Errorf("%s: status %d: %s", what, response.StatusCode, b)
	}
	return response, err
}

func (r *requests) frame() (string, error) {
	r.watchdog.Reset(patience)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if r.lines == nil {
			response, err := r.do(r.method, r.transport+r.query, "", "")
			if err != nil {
				return "", err
			}
			r.lines, r.body = bufio.NewScanner(response.Body), response.Body
			r.lines.Buffer(nil, 4<<20)
		}
		for r.lines.Scan() {
			if frame, ok := r.unframe(strings.TrimRight(r.lines.Text(), "\r")); ok {
				return frame, nil
			}
		}
		if err := cmp.Or(r.lines.Err(), r.body.Close()); err != nil {
			return "", err
		}
		r.lines = nil
		if r.streams {
			return "", io.EOF
		}
	}
	return "", errors.New("no frame came")
}

func (r *requests) say(message string) error {
	text, err := json.Marshal([]string{message})
	if err != nil {
		return err
	}
	what, contentType, body := "xhr_send", "text/plain", string(text)
	if r.transport == "jsonp" {
		what, contentType, body = "jsonp_send", "application/x-www-form-urlencoded", url.Values{"d": {string(text)}}.Encode()
	}
	response, err := r.do("POST", what, contentType, body)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// newest is the newest activity of a stream as a page of it has it.
func (v *visitor) newest(path string) json.RawMessage {
	v.t.Helper()
	var page struct{ Items []json.RawMessage }
	v.get(path+"?count=1").json(http.StatusOK, &page)
	if len(page.Items) != 1 {
		v.t.Fatalf("%s has nothing", path)
	}
	return page.Items[0]
}

func idOf(t testing.TB, activity json.RawMessage) string {
	t.Helper()
	var d struct{ ID string }
	if err := json.Unmarshal(activity, &d); err != nil {
		t.Fatal(err)
	}
	return d.ID
}

// The whole protocol, over each of the transports.
func TestRealtime(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.live()
		ann, bob := s.person("ann"), s.person("bob")
		first := s.listen(bob, "/api/user/bob/inbox")
		bob.follow(ann)
		first.update() // nothing that was done before is told any more
		for name, open := range s.transports() {
			t.Run(name, func(t *testing.T) {
				part := *s
				part.t = t
				l, challenge := part.connect(open())
				if action := challenge.text("url"); challenge.text("method") != "GET" ||
					!strings.HasPrefix(action, home+sockJS+"/") || !strings.HasSuffix(action, "/challenge") {
					t.Errorf("the challenge is %v", challenge)
				}
				l.rise(bob.in(t), challenge)
				l.follow("/api/user/bob/inbox", "/api/user/bob/inbox/major", "/api/user/bob/inbox/minor")
				l.says(doc{"cmd": "nothing known"})
				a := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "<b>hi</b> \u2028 \"quoted\" \\ ☃"}})
				var feeds []string
				for range 2 {
					h := l.update()
					feeds = append(feeds, h.doc.text("verb")+" in "+h.feed)
					if want := bob.newest("/api/user/bob/inbox"); !bytes.Equal(h.activity, want) {
						t.Errorf("an update has\n%s\nand the inbox\n%s", h.activity, want)
					}
				}
				slices.Sort(feeds)
				if want := []string{"post in /api/user/bob/inbox", "post in /api/user/bob/inbox/major"}; !slices.Equal(feeds, want) {
					t.Errorf("the post came into %v, want %v", feeds, want)
				}
				l.says(doc{"cmd": "unfollow", "url": home + "/api/user/bob/inbox"})
				l.settle()
				ann.act(doc{"verb": "like", "object": doc{"id": a.text("object.id"), "objectType": "note"}})
				if h := l.update(); h.feed != "/api/user/bob/inbox/minor" || h.doc.text("verb") != "like" {
					t.Errorf("after unfollow: %s in %s", h.doc.text("verb"), h.feed)
				}
			})
		}
	})
}
