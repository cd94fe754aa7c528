package pumpapi

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// maxSessions bounds the conversations over requests of HTTP, which outlive
	// those.
	maxSessions = 5000
	// disconnectAfter is how long such a conversation lasts while no request waits
	// for what there is to tell.
	disconnectAfter = 5 * time.Second
	// maxAnswer is after how many bytes an answer ends that goes on: browsers keep
	// all of it.
	maxAnswer = 128 << 10
)

// session is a conversation over requests of HTTP. At most one of them waits for
// what there is to tell; without any the conversation ends soon.
type session struct {
	connection
	s    *sockJS
	name string
	more chan struct{}

	// hearing has what the client says done one after the other.
	hearing sync.Mutex

	// state guards what follows.
	state    sync.Mutex
	attached bool
	begun    bool
	expiry   *time.Timer
}

// session returns the conversation of a name.
func (s *sockJS) session(name string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.sessions[name]; c != nil {
		return c, nil
	}
	if len(s.sessions) >= maxSessions {
		return nil, refuse(http.StatusServiceUnavailable, "%s.", endCrowded)
	}
	c := &session{s: s, name: name, more: make(chan struct{}, 1)}
	c.connection.init(s.r)
	c.ready = func() {
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
	if reason, ok := s.r.admit(&c.client); !ok {
		return nil, refuse(http.StatusServiceUnavailable, "%s.", reason)
	}
	c.expiry = time.AfterFunc(disconnectAfter, c.expire)
	c.sendChallenge()
	s.sessions[name] = c
	return c, nil
}

// close forgets the conversations that nobody listens to; the others end by
// themselves.
func (s *sockJS) close() {
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	for _, c := range sessions {
		c.expire()
	}
}

// expire ends a conversation that nobody listens to.
func (c *session) expire() {
	c.state.Lock()
	attached := c.attached
	c.state.Unlock()
	if !attached {
		c.remove()
	}
}

func (c *session) remove() {
	c.end(endGone)
	c.s.mu.Lock()
	if c.s.sessions[c.name] == c {
		delete(c.s.sessions, c.name)
	}
	c.s.mu.Unlock()
	c.r.dismiss(&c.client)
}

func (c *session) attach() (begins, ok bool) {
	c.state.Lock()
	defer c.state.Unlock()
	if c.attached {
		return false, false
	}
	begins = !c.begun
	c.attached, c.begun = true, true
	c.expiry.Stop()
	return begins, true
}

func (c *session) detach() {
	c.state.Lock()
	defer c.state.Unlock()
	c.attached = false
	c.expiry.Reset(disconnectAfter)
}

// hear does what the client says.
func (c *session) hear(messages []string) {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	for _, m := range messages {
		c.receive(c.r.ctx, m)
	}
}

// speak writes one answer. Its first frame may be its last, or it goes on until
// it is long.
func (c *session) speak(out *streamWriter, r *http.Request, t transport, callback string) {
	if t.prelude != nil {
		if _, err := out.Write([]byte(t.prelude(callback))); err != nil {
			return
		}
		out.Flush()
	}
	size := 0
	// send reports whether the answer goes on.
	send := func(frame []byte) bool {
		frame = t.wrap(frame, callback)
		if _, err := out.Write(frame); err != nil {
			c.end(endGone)
			return false
		}
		if size += len(frame); t.streams {
			out.Flush()
		}
		return t.streams && size < maxAnswer
	}
	begins, ok := c.attach()
	if !ok {
		send(closeFrame(2010, "Another connection still open"))
		return
	}
	defer c.detach()
	if begins && !send([]byte("o")) {
		return
	}
	beat := time.NewTicker(c.r.heartbeat)
	defer beat.Stop()
	for {
		queue, over, reason := c.take()
		if len(queue) > 0 && !send(appendFrame(nil, queue)) {
			return
		}
		if over {
			c.r.dismiss(&c.client)
			send(closeFrame(goAway, reason.String()))
			return
		}
		select {
		case <-c.more:
		case <-beat.C:
			if !send([]byte("h")) {
				return
			}
		case <-r.Context().Done():
			c.remove()
			return
		}
	}
}
