package pumpapi

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/pumpapi/oauth1"
)

// sockjsPath is where the realtime service of pump.io is.
const sockjsPath = "/main/realtime/sockjs"

// carrier takes what is said to a client to it. Its methods are called one at a
// time.
type carrier interface {
	// send writes messages, and fails when that takes longer than writeWithin.
	send([]message) error
	// close says goodbye and ends the connection.
	close(reason string)
}

// connection is a SockJS client:
//
//  1. The server sends a challenge, an address that nobody else is given.
//  2. The client signs a call of that address as if it were to make it, which
//     proves who it is, and sends the signature ("rise").
//  3. The client names the feeds that it follows, and is sent what comes into
//     them.
//
// Whoever leaves out 1 and 2 may follow what is for everybody.
type connection struct {
	client
	// carrier is nil where the client asks for what there is to tell, see
	// [session].
	carrier carrier
	// draining is set while the queue is being written; client.mu guards it.
	draining bool

	// What follows is used by the goroutine that reads from the client only.

	// challenge is the address that is to be signed, "" for none.
	challenge string
	// allowance bounds how much the client may ask for.
	allowance float64
	last      time.Time
}

func (c *connection) init(r *realtime) {
	c.r, c.begun, c.last, c.allowance = r, time.Now(), time.Now(), maxAllowance
}

func (r *realtime) newConnection(c carrier) *connection {
	conn := &connection{carrier: c}
	conn.init(r)
	conn.ready = conn.drainSoon
	return conn
}

// open begins the conversation. The carrier is closed where there is no room.
func (c *connection) open() bool {
	reason, ok := c.r.admit(&c.client)
	if !ok {
		c.carrier.close(reason.String())
		return false
	}
	c.sendChallenge()
	return true
}

// drainSoon has the queue written, unless that is being done.
func (c *connection) drainSoon() {
	c.mu.Lock()
	idle := !c.draining
	c.draining = true
	c.mu.Unlock()
	if idle {
		c.r.pool.run(c)
	}
}

// drain writes the queue until it is empty.
func (c *connection) drain() {
	for {
		queue, over, reason := c.take()
		if len(queue) > 0 {
			if err := c.carrier.send(queue); err != nil {
				over, reason = true, endGone
			}
		}
		if over {
			c.carrier.close(reason.String())
			c.r.dismiss(&c.client)
			return
		}
		c.mu.Lock()
		done := len(c.queue) == 0 && !c.over
		if done {
			c.draining = false
		}
		c.mu.Unlock()
		if done {
			return
		}
	}
}

// A client may send maxAllowance messages at once and regains one each time that
// regainEvery has passed.
const (
	maxAllowance = 2*maxFeeds + 50
	regainEvery  = time.Second
)

// receive does what a client says. What is not understood is ignored as long as
// it is a command.
func (c *connection) receive(ctx context.Context, text string) {
	if c.isOver() {
		return
	}
	now := time.Now()
	c.allowance = min(maxAllowance, c.allowance+now.Sub(c.last).Seconds()/regainEvery.Seconds())
	c.last = now
	if c.allowance--; c.allowance < 0 {
		c.end(endFlood)
		return
	}
	said, err := decodeCommand(text)
	if err != nil {
		c.end(endMisuse)
		return
	}
	switch said.Cmd {
	case "request":
		c.sendChallenge()
	case "rise":
		err = c.rise(ctx, said.Message)
	case "follow":
		err = c.follow(ctx, said.URL)
	case "unfollow":
		c.r.unfollow(&c.client, said.URL)
	}
	if err != nil {
		if _, refused := errors.AsType[*statusError](err); !refused && ctx.Err() == nil {
			c.r.a.log.Error("realtime command failed", "command", said.Cmd, "error", err)
		}
		c.end(endMismatch)
	}
}

func (c *connection) say(write func(*writer)) {
	out := writer{}
	out.open('{')
	write(&out)
	out.close('}')
	c.push(message{text: string(out.b)})
}

func (c *connection) sendChallenge() {
	c.challenge = c.r.a.names.Base + sockjsPath + "/" + bridge.NewToken() + "/challenge"
	c.say(func(out *writer) {
		out.text("cmd", "challenge")
		out.text("url", c.challenge)
		out.text("method", http.MethodGet)
	})
}

var errMismatch = refuse(http.StatusUnauthorized, "The challenge was not answered.")

// rise checks the signature of a challenge.
func (c *connection) rise(ctx context.Context, call signedCall) error {
	challenge := c.challenge
	c.challenge = "" // it is good for one answer
	if challenge == "" || subtle.ConstantTimeCompare([]byte(call.Action), []byte(challenge)) != 1 || call.Method != http.MethodGet {
		return errMismatch
	}
	a := c.r.a
	m, err := oauth1.Parse(oauth1.Request{Method: http.MethodGet, Path: strings.TrimPrefix(challenge, a.names.Base), Authorization: call.Parameters.header()})
	if err != nil {
		return a.oauthRefusal(err, false)
	}
	if m.Nonce == "" || m.Timestamp == 0 {
		return errMismatch
	}
	who := &caller{message: m}
	if err := a.checkSignature(ctx, who); err != nil {
		return err
	}
	if err := a.rememberRead(ctx, m); err != nil {
		return err
	}
	if was := c.actorID.Load(); was != 0 && was != who.actorID {
		return errMismatch // its feeds are somebody else's
	}
	if who.actorID != 0 {
		if !c.r.identify(&c.client, who.actorID, m.Token) {
			c.end(endCrowded)
			return nil
		}
	}
	c.say(func(out *writer) {
		out.text("cmd", "authenticated")
		out.text("user", who.nick)
	})
	return nil
}

// header is the parameters as they would stand in the header of the call.
func (p parameters) header() string {
	var b strings.Builder
	b.WriteString("OAuth ")
	for i, pair := range p {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(percentEncoded(pair[0]) + `="` + percentEncoded(pair[1]) + `"`)
	}
	return b.String()
}

// percentEncoded escapes all that the header must not have; what else is escaped
// does not matter to the signature.
func percentEncoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// follow adds a feed. One that is not to be had is passed over: the protocol has
// no answer.
func (c *connection) follow(ctx context.Context, address string) error {
	f, err := c.r.a.feedAt(ctx, address, c.actorID.Load())
	if _, refused := errors.AsType[*statusError](err); refused {
		return nil
	}
	if err != nil {
		return err
	}
	if !c.r.follow(&following{feed: *f, client: &c.client}) {
		c.end(endFull)
	}
	return nil
}
