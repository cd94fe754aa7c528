package pumpapi

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"manifold/bridge"
)

// Bounds of the realtime service.
const (
	// maxFeeds is how many feeds one connection follows.
	maxFeeds = 100
	// maxOfAccount is how many connections one account has.
	maxOfAccount = 50
	// maxStrangers is how many connections there are that follow something and have
	// not said whose they are; maxNewcomers is how many have done neither yet.
	maxStrangers, maxNewcomers = 2000, 4000
	// idleAfter is how long a connection may do nothing before it has said who it
	// is or what it follows.
	idleAfter = 30 * time.Second
	// maxQueue and maxQueueBytes bound what waits for a reader: whoever lags behind
	// by more is cut off, and reads the feeds again after the next connection.
	maxQueue, maxQueueBytes = 1000, 1 << 20
	// writeWithin is how long a connection may take to take what is written.
	writeWithin = 10 * time.Second
	// heartbeatEvery is how often an idle connection is told that it stands, as
	// SockJS has it: there are proxies that end connections which are silent for 30
	// seconds or more.
	heartbeatSeconds = 25
	heartbeatEvery   = heartbeatSeconds * time.Second
	// recheckEvery is how long a connection outlives the token or the account that
	// it was made with.
	recheckEvery = 30 * time.Second
)

// realtime tells whoever is connected of what comes into the feeds that they
// follow, be it by SockJS or by Server-Sent Events. It watches all of these feeds
// at once and looks up what is new once for everybody, so that a connection that
// nothing happens on costs its memory and a heartbeat only.
type realtime struct {
	a      *API
	ctx    context.Context
	cancel context.CancelFunc
	pool   *writerPool
	done   sync.WaitGroup
	// These are the constants, but for tests.
	writeWithin, heartbeat, deafAfter time.Duration

	mu     sync.Mutex
	closed bool
	watch  *bridge.Watch // nil until somebody is connected
	feeds  map[bridge.StreamID][]*following
	// clients are all connections, of which so many are of each account; newcomers
	// belong to 0, and strangers are counted apart.
	clients   map[*client]bool
	accounts  map[int64]int
	strangers int
	// gone is closed when the service is closed and nobody is connected any more.
	gone chan struct{}
	// beats are the WebSockets by the second at which they are sent a heartbeat.
	beats [heartbeatSeconds][]*webSocket
	// settled is a position up to which all has been told, see ordered.
	settled settled
}

func newRealtime(a *API) *realtime {
	r := &realtime{a: a, pool: newWriterPool(), feeds: map[bridge.StreamID][]*following{}, clients: map[*client]bool{}, accounts: map[int64]int{},
		gone: make(chan struct{}), writeWithin: writeWithin, heartbeat: heartbeatEvery, deafAfter: deafAfter}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// following is that a client follows a feed.
type following struct {
	feed
	client *client
	// ordered has the items told in the order of the stream and each once, as
	// whoever wants to go on from one of them needs it. All up to the position after
	// have been told; the client's mu guards it.
	ordered bool
	after   int64
}

// client is one connection. What it is told waits in its queue until it is
// written, by a goroutine that exists only then.
type client struct {
	r *realtime
	// ready is called when something has come into a queue that was empty.
	ready func()

	mu     sync.Mutex
	queue  []message
	queued int // bytes
	// over is set when the connection is to end, after what is in the queue, and
	// why.
	over   bool
	reason endReason

	// actorID is who is connected, 0 for a stranger, who may become somebody once.
	// r.mu guards the follows.
	actorID atomic.Int64
	follows []*following
	// stranger is set for one who follows something and has not said who he is.
	// token is what a client has proven itself with, "" where something else was;
	// begun is when it connected. r.mu guards them.
	stranger bool
	token    string
	begun    time.Time
}

// endReason is why the server ends a connection.
type endReason int

const (
	// endMismatch: the client could not prove who it is.
	endMismatch endReason = iota + 1
	// endMisuse: what it says is not the protocol.
	endMisuse
	// endFlood: it says too much at once.
	endFlood
	// endFull: it follows as much as it may, or as many strangers follow something
	// as may.
	endFull
	// endSlow: it did not take what was sent.
	endSlow
	// endLost: something may have been missed; whoever connects again reads on.
	endLost
	// endIdle: it did not want anything.
	endIdle
	// endRevoked: the token was withdrawn, or the account is not in use any more.
	endRevoked
	// endCrowded: there are as many connections as there may be.
	endCrowded
	// endStop: the server stops.
	endStop
	// endGone: the client has ended it.
	endGone
)

func (e endReason) String() string {
	switch e {
	case endMismatch:
		return "Not authenticated"
	case endMisuse:
		return "Not understood"
	case endFlood:
		return "Too many messages"
	case endFull:
		return "Too many feeds"
	case endSlow:
		return "Too slow"
	case endLost:
		return "Something may have been missed: connect again"
	case endIdle:
		return "Nothing was followed"
	case endRevoked:
		return "No longer authorized"
	case endCrowded:
		return "Too many connections"
	case endStop:
		return "Go away!"
	}
	return "Gone"
}

// admit adds a connection, which fails when there are too many like it or the
// server stops.
func (r *realtime) admit(c *client) (endReason, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return endStop, false
	}
	if !r.room(c.actorID.Load()) {
		return endCrowded, false
	}
	if r.watch == nil {
		watch := r.a.bridge.Watch(1024)
		r.watch = watch
		r.done.Go(func() { r.run(watch) })
		r.done.Go(r.keep)
	}
	r.clients[c] = true
	r.accounts[c.actorID.Load()]++
	return 0, true
}

func (r *realtime) room(actorID int64) bool {
	if actorID == 0 {
		return r.accounts[0] < maxNewcomers
	}
	return r.accounts[actorID] < maxOfAccount
}

// identify notes who a connection is, and by which token.
func (r *realtime) identify(c *client, actorID int64, token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.clients[c] || c.actorID.Load() != actorID && !r.room(actorID) {
		return false
	}
	r.leave(c)
	c.actorID.Store(actorID)
	r.accounts[actorID]++
	c.token = token
	return true
}

// leave takes a connection out of the count of those like it.
func (r *realtime) leave(c *client) {
	if c.stranger {
		c.stranger = false
		r.strangers--
		return
	}
	actorID := c.actorID.Load()
	if r.accounts[actorID]--; r.accounts[actorID] == 0 {
		delete(r.accounts, actorID)
	}
}

// dismiss takes a connection out, with all that it follows.
func (r *realtime) dismiss(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.clients[c] {
		return
	}
	delete(r.clients, c)
	r.leave(c)
	for _, f := range c.follows {
		r.forget(f)
	}
	c.follows = nil
	if r.closed && len(r.clients) == 0 {
		close(r.gone)
	}
}

// follow adds a feed to a connection, which fails when there are too many. One
// that it follows already changes nothing.
func (r *realtime) follow(f *following) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := f.client
	if !r.clients[c] || len(c.follows) >= maxFeeds {
		return false
	}
	for _, known := range c.follows {
		if known.url == f.url {
			return true
		}
	}
	if c.actorID.Load() == 0 && !c.stranger {
		if r.strangers >= maxStrangers {
			return false
		}
		r.leave(c)
		c.stranger = true
		r.strangers++
	}
	c.follows = append(c.follows, f)
	if len(r.feeds[f.StreamID]) == 0 {
		r.watch.Add(f.StreamID)
	}
	r.feeds[f.StreamID] = append(r.feeds[f.StreamID], f)
	return true
}

// unfollow takes a feed from a connection.
func (r *realtime) unfollow(c *client, url string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, f := range c.follows {
		if f.url == url {
			r.forget(f)
			c.follows = append(c.follows[:i:i], c.follows[i+1:]...)
			return
		}
	}
}

func (r *realtime) forget(f *following) {
	list := r.feeds[f.StreamID]
	for i := range list {
		if list[i] == f {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			break
		}
	}
	if r.feeds[f.StreamID] = list; len(list) == 0 {
		delete(r.feeds, f.StreamID)
		r.watch.Remove(f.StreamID)
	}
}

// push queues a message. It never waits: a client that does not read is ended.
func (c *client) push(m message) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	if n := m.size(); len(c.queue) >= maxQueue || len(c.queue) > 0 && c.queued+n > maxQueueBytes {
		c.queue, c.queued = nil, 0
		c.over, c.reason = true, endSlow
	} else {
		c.queue, c.queued = append(c.queue, m), c.queued+n
	}
	c.mu.Unlock()
	c.ready()
}

// tell queues an item of a feed, unless it was told before.
func (f *following) tell(u *update, position int64) {
	if f.ordered {
		f.client.mu.Lock()
		known := position <= f.after
		f.after = max(f.after, position)
		f.client.mu.Unlock()
		if known {
			return
		}
	}
	f.client.push(message{feed: f.url, update: u, position: position})
}

// end has the connection ended once it has been told what waits.
func (c *client) end(reason endReason) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over, c.reason = true, reason
	c.mu.Unlock()
	c.ready()
}

func (c *client) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// take returns what waits, and whether the connection is to end afterwards.
func (c *client) take() (queue []message, over bool, reason endReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	queue, c.queue, c.queued = c.queue, nil, 0
	return queue, c.over, c.reason
}

// run tells of what happens until the service is closed.
func (r *realtime) run(watch *bridge.Watch) {
	defer func() { watch.Close() }()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-watch.Lost:
			// Somewhere something was missed. Everybody connects again, and reads
			// on.
			watch = r.renew(watch)
		case events := <-watch.C:
			for more := true; more && len(events) < 1000; {
				select {
				case next := <-watch.C:
					events = append(events, next...)
				default:
					more = false
				}
			}
			r.tell(r.ctx, events)
		}
	}
}

// renew begins to watch anew and ends all connections.
func (r *realtime) renew(old *bridge.Watch) *bridge.Watch {
	r.mu.Lock()
	old.Close()
	watch := r.a.bridge.Watch(1024)
	for s := range r.feeds {
		watch.Add(s)
	}
	r.watch = watch
	r.mu.Unlock()
	r.endAll(endLost)
	return watch
}

func (r *realtime) endAll(reason endReason) {
	for _, c := range r.everybody() {
		c.end(reason)
	}
}

func (r *realtime) everybody() []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*client, 0, len(r.clients))
	for c := range r.clients {
		list = append(list, c)
	}
	return list
}

// Close ends the realtime connections and the streams of events, which would not
// end by themselves when a server is shut down. Others are refused from then on.
func (a *API) Close() { a.realtime.close() }

// close ends all connections and waits a moment until they have ended.
func (r *realtime) close() {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	if first && len(r.clients) == 0 {
		close(r.gone)
	}
	r.mu.Unlock()
	if first {
		r.endAll(endStop)
		r.a.sockJS.close()
	}
	select {
	case <-r.gone:
	case <-time.After(goodbyeWithin):
	}
	r.cancel()
	r.done.Wait()
}

// goodbyeWithin is how long clients get to take a goodbye when the server stops.
const goodbyeWithin = 3 * time.Second

// keep sends heartbeats, ends connections that nobody uses or that have lost
// their rights, until the service is closed.
func (r *realtime) keep() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for second := 0; ; second++ {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		r.beat(second)
		if second%5 == 0 {
			r.endIdle(time.Now())
		}
		if second%int(recheckEvery/time.Second) == 0 {
			if err := r.recheck(r.ctx); err != nil && r.ctx.Err() == nil {
				r.a.log.Error("checking the tokens of realtime connections", "error", err)
			}
		}
	}
}

// endIdle ends connections that want nothing.
func (r *realtime) endIdle(now time.Time) {
	r.mu.Lock()
	var idle []*client
	for c := range r.clients {
		if c.actorID.Load() == 0 && len(c.follows) == 0 && now.Sub(c.begun) > idleAfter {
			idle = append(idle, c)
		}
	}
	r.mu.Unlock()
	for _, c := range idle {
		c.end(endIdle)
	}
}

// recheck ends connections whose token is good no longer.
func (r *realtime) recheck(ctx context.Context) error {
	by := map[string][]*client{}
	r.mu.Lock()
	for c := range r.clients {
		if c.token != "" {
			by[c.token] = append(by[c.token], c)
		}
	}
	r.mu.Unlock()
	tokens := make([]string, 0, len(by))
	for token := range by {
		tokens = append(tokens, token)
	}
	live, err := r.a.db.LiveTokens(ctx, tokens)
	if err != nil {
		return err
	}
	for token, clients := range by {
		if !live[token] {
			for _, c := range clients {
				c.end(endRevoked)
			}
		}
	}
	return nil
}
