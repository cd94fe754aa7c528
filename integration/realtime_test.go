package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"manifold/pumpapi/oauth1"
)

// TestRealtime follows an inbox over a WebSocket and by Server-Sent Events, on
// the server that is posted to and on another one beside it, until they are told
// to stop.
func TestRealtime(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		ann, bob := s.person("ann"), s.person("bob")
		servers := []*server{s}
		if strings.HasPrefix(database, "postgres://") {
			other := s.beside()
			other.start()
			servers = append(servers, other)
		}
		bob.follow(ann)
		var sockets []*realtime
		var streams []*bufio.Scanner
		for _, server := range servers {
			sockets = append(sockets, bob.at(server).connect())
			streams = append(streams, bob.at(server).events())
		}
		for i, server := range servers {
			note := ann.at(server).post(fmt.Sprint("note ", i))
			for _, c := range sockets {
				if got := c.update(note.ID); got.Object.Content != note.Object.Content || got.Actor.PreferredUsername != "ann" {
					t.Errorf("the update is %+v, want %+v", got, note)
				}
			}
			for _, lines := range streams {
				untilLine(t, lines, "id: "+note.ID)
			}
		}
		for _, server := range servers {
			began := time.Now()
			server.stop()
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the server took %v to stop", took)
			}
		}
		for _, c := range sockets {
			for {
				_, frame, err := c.conn.ReadMessage()
				if err != nil {
					t.Errorf("the connection ends without a word: %v", err)
					break
				}
				if string(frame) == `c[3000,"Go away!"]` {
					break
				}
			}
		}
		for _, lines := range streams {
			for lines.Scan() {
			}
			if err := lines.Err(); err != nil {
				t.Errorf("the stream of events is cut off: %v", err)
			}
		}
	})
}

// realtime is a connection to the realtime service, over a WebSocket.
type realtime struct {
	t    *testing.T
	conn *websocket.Conn
}

// connect proves who one is and follows the inbox.
func (p *person) connect() *realtime {
	p.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+p.server.address+"/main/realtime/sockjs/000/"+p.nick+"/websocket",
		http.Header{"Host": {strings.TrimPrefix(p.server.url, "http://")}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	c := &realtime{p.t, conn}
	if _, frame, err := conn.ReadMessage(); err != nil || string(frame) != "o" {
		p.t.Fatalf("the connection opens with %q, %v", frame, err)
	}
	var challenge struct{ Cmd, URL string }
	c.hear(&challenge)
	if challenge.Cmd != "challenge" || !strings.HasPrefix(challenge.URL, p.server.url+"/main/realtime/sockjs/") {
		p.t.Fatalf("the challenge is %+v", challenge)
	}
	u, err := url.Parse(challenge.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	header, err := p.signer.AuthorizationHeader(oauth1.Call{Method: "GET", URL: u})
	if err != nil {
		p.t.Fatal(err)
	}
	var parameters [][2]string
	for _, part := range strings.Split(strings.TrimPrefix(header, "OAuth "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		if value, err = url.PathUnescape(strings.Trim(value, `"`)); err != nil {
			p.t.Fatal(err)
		}
		parameters = append(parameters, [2]string{name, value})
	}
	c.say(map[string]any{"cmd": "rise", "message": map[string]any{"action": challenge.URL, "method": "GET", "parameters": parameters}})
	var who struct{ Cmd, User string }
	if c.hear(&who); who.Cmd != "authenticated" || who.User != p.nick {
		p.t.Fatalf("%s is taken for %+v", p.nick, who)
	}
	c.say(map[string]any{"cmd": "follow", "url": p.server.url + p.path("inbox")})
	c.say(map[string]any{"cmd": "request"}) // is answered when the feed is followed
	c.hear(&challenge)
	return c
}

func (c *realtime) say(command any) {
	c.t.Helper()
	text, err := json.Marshal(command)
	if err == nil {
		err = c.conn.WriteJSON([]string{string(text)})
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// hear decodes the next message.
func (c *realtime) hear(into any) {
	c.t.Helper()
	for {
		_, frame, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		list, found := strings.CutPrefix(string(frame), "a")
		if !found {
			continue
		}
		var messages []string
		decode(c.t, list, &messages)
		if len(messages) != 1 {
			c.t.Fatalf("%d messages in %s", len(messages), frame)
		}
		decode(c.t, messages[0], into)
		return
	}
}

// update returns the activity of an id as it is told of. What was done before
// may be told first.
func (c *realtime) update(id string) activity {
	c.t.Helper()
	for {
		var m struct {
			Cmd, URL string
			Activity activity
		}
		c.hear(&m)
		if m.Cmd != "update" || !strings.HasSuffix(m.URL, "/inbox") {
			c.t.Fatalf("waiting for an update came %+v", m)
		}
		if m.Activity.ID == id {
			return m.Activity
		}
	}
}

// events follows the inbox as a stream of events.
func (p *person) events() *bufio.Scanner {
	p.t.Helper()
	r, err := p.sign("GET", "/api/user/"+p.nick+"/inbox", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	hr, err := http.NewRequestWithContext(p.t.Context(), "GET", "http://"+p.server.address+r.path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	hr.Host = strings.TrimPrefix(p.server.url, "http://")
	hr.Header.Set("Authorization", r.authorization)
	hr.Header.Set("Accept", "text/event-stream")
	hr.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultTransport.RoundTrip(hr) // the browser's patience is for all of an answer
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("Content-Encoding") != "" {
		p.t.Fatalf("events: %s, %v", response.Status, response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	untilLine(p.t, lines, "retry: 5000")
	return lines
}

func untilLine(t *testing.T, lines *bufio.Scanner, line string) {
	t.Helper()
	for lines.Scan() {
		if lines.Text() == line {
			return
		}
	}
	t.Fatal(errors.Join(fmt.Errorf("the stream ends before %q", line), lines.Err()))
}
