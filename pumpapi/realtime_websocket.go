package pumpapi

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// webSocket carries the messages of SockJS over a WebSocket, or, where raw is
// set, just the messages.
//
// An idle one is kept small: one goroutine waits for the client, what net/http
// keeps of a request is given back, and the buffers for writing are shared.
type webSocket struct {
	conn *websocket.Conn
	raw  bool
	// heard is when the client was last heard of, in milliseconds since 1970.
	heard atomic.Int64
	// client, second and place say where it stands in realtime.beats; r.mu guards
	// them.
	client        *connection
	second, place int
}

// deafAfter is how long the client may leave pings unanswered: longer than three
// of them.
const deafAfter = 3*heartbeatEvery + 5*time.Second

var upgrader = websocket.Upgrader{
	// What the client sends is short, and what is sent to it is written at once: the
	// one buffer is small, the others are shared.
	ReadBufferSize: 512, WriteBufferSize: 4096, WriteBufferPool: &sync.Pool{},
	HandshakeTimeout: writeWithin,
	// Any page may connect: it gets what it can prove a right to by a signature, and
	// cookies prove nothing here.
	CheckOrigin: func(*http.Request) bool { return true },
}

// upgrade makes a WebSocket of a request. The request is over then: the
// connection lives on without it.
func (r *realtime) upgrade(w http.ResponseWriter, req *http.Request, raw bool) {
	conn, err := upgrader.Upgrade(w, req, nil)
	if err != nil {
		return // answered already
	}
	conn.SetReadLimit(maxFrame)
	ws := &webSocket{conn: conn, raw: raw}
	ws.hears()
	conn.SetPongHandler(func(string) error {
		ws.hears()
		return nil
	})
	c := r.newConnection(ws)
	ws.client = c
	go ws.serve(r, c)
}

// serve reads from the client until it is gone. What it says is done by another
// goroutine, whose stack goes with it: that of this one stays as small as waiting
// needs.
func (ws *webSocket) serve(r *realtime, c *connection) {
	defer ws.conn.Close()
	if !ws.raw && ws.write([]byte("o")) != nil {
		return
	}
	if c.open() {
		r.addBeat(ws)
		defer r.removeBeat(ws)
	}
	done := make(chan struct{})
	for {
		kind, frame, err := ws.conn.ReadMessage()
		if err != nil {
			c.end(endGone)
			return
		}
		ws.hears()
		if kind == websocket.TextMessage || ws.raw {
			go func() {
				ws.receive(r, c, frame)
				done <- struct{}{}
			}()
			<-done
		}
	}
}

func (ws *webSocket) hears() { ws.heard.Store(time.Now().UnixMilli()) }

func (ws *webSocket) receive(r *realtime, c *connection, frame []byte) {
	if ws.raw {
		c.receive(r.ctx, string(frame))
		return
	}
	list, err := decodeFrame(frame)
	if err != nil {
		c.end(endMisuse)
	}
	for _, text := range list {
		c.receive(r.ctx, text)
	}
}

var frames = sync.Pool{New: func() any { return new([]byte) }}

func (ws *webSocket) send(messages []message) error {
	buffer := frames.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= 256<<10 {
			frames.Put(buffer)
		}
	}()
	for len(messages) > 0 {
		n := slices.IndexFunc(messages, func(m message) bool { return m.beat })
		switch {
		case n == 0:
			if err := ws.beat(); err != nil {
				return err
			}
			messages = messages[1:]
			continue
		case n < 0:
			n = len(messages)
		}
		if ws.raw {
			n = 1
			*buffer = messages[0].plain((*buffer)[:0])
		} else {
			*buffer = appendFrame((*buffer)[:0], messages[:n])
		}
		if err := ws.write(*buffer); err != nil {
			return err
		}
		messages = messages[n:]
	}
	return nil
}

func (ws *webSocket) write(frame []byte) error {
	if err := ws.conn.SetWriteDeadline(time.Now().Add(ws.client.r.writeWithin)); err != nil {
		return err
	}
	return ws.conn.WriteMessage(websocket.TextMessage, frame)
}

// beat tells the client, and what lies between, that the connection stands, and
// has the client say that it is there.
func (ws *webSocket) beat() error {
	if !ws.raw {
		if err := ws.write([]byte("h")); err != nil {
			return err
		}
	}
	return ws.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin))
}

func (ws *webSocket) close(reason string) {
	deadline := time.Now().Add(time.Second)
	if !ws.raw {
		if ws.conn.SetWriteDeadline(deadline) == nil {
			_ = ws.conn.WriteMessage(websocket.TextMessage, closeFrame(goAway, reason)) // it may be gone
		}
	}
	_ = ws.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(goAway, reason), deadline)
	// The client answers by closing, or has waited long enough. To close now could
	// take back what was just sent.
	_ = ws.conn.SetReadDeadline(deadline)
}

// addBeat has a connection sent heartbeats, at another second than most others.
func (r *realtime) addBeat(ws *webSocket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.beats {
		if len(r.beats[i]) < len(r.beats[ws.second]) {
			ws.second = i
		}
	}
	ws.place = len(r.beats[ws.second])
	r.beats[ws.second] = append(r.beats[ws.second], ws)
}

func (r *realtime) removeBeat(ws *webSocket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.beats[ws.second]
	last := len(list) - 1
	list[ws.place] = list[last]
	list[ws.place].place = ws.place
	list[last] = nil
	r.beats[ws.second] = list[:last]
}

// beat sends the heartbeats of a second.
func (r *realtime) beat(second int) {
	r.mu.Lock()
	list := slices.Clone(r.beats[second%heartbeatSeconds])
	r.mu.Unlock()
	for _, ws := range list {
		if time.Since(time.UnixMilli(ws.heard.Load())) > r.deafAfter {
			ws.client.end(endGone)
			continue
		}
		ws.client.push(message{beat: true})
	}
}
