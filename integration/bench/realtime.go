package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"manifold/pumpapi/oauth1"
)

const (
	// quietPosts are made by people whom ten of those follow who are connected,
	// loudPosts by one whom all of them follow.
	quietPosts, loudPosts = 200, 5
	// dialers open connections at the same time.
	dialers = 16
	// portsOf is how many connections come from one address of loopback, so that the
	// ports of none run out.
	portsOf = 5000
)

// frame tells when a connection was told of an activity.
type frame struct {
	activity string
	at       time.Time
}

// audience are people who are connected to the realtime service and do nothing.
type audience struct {
	s      *session
	conns  []*websocket.Conn
	frames chan frame
	failed chan error
	dialer websocket.Dialer
	// over is closed when the connections are to end.
	over chan struct{}
}

// realtime measures the memory of idle connections, and how soon they are told of
// a post.
func (s *session) realtime(ctx context.Context) (err error) {
	n := s.plan.connections
	if n == 0 {
		return nil
	}
	if err := mayOpen(n); err != nil {
		return err
	}
	// What is in the memory of a server that has answered many requests says
	// nothing about connections.
	if err := s.program.stop(); err != nil {
		return err
	}
	if _, err := s.program.start(ctx); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // what runs only once after a start is over then
	before, err := s.program.memory("VmRSS")
	if err != nil {
		return err
	}
	progress("%s: connecting %d people", s.kind, n)
	a := &audience{s: s, frames: make(chan frame, n), failed: make(chan error, 1), over: make(chan struct{}), dialer: websocket.Dialer{
		ReadBufferSize: 1024, WriteBufferPool: &sync.Pool{}, HandshakeTimeout: time.Minute}}
	defer a.close()
	began := time.Now()
	if err := a.connect(ctx, n); err != nil {
		return err
	}
	took := time.Since(began)
	time.Sleep(5 * time.Second) // idle from now on
	after, err := s.program.memory("VmRSS")
	if err != nil {
		return err
	}
	s.add(result{What: fmt.Sprintf("memory of a realtime connection, %d idle", n), Value: (after - before) * 1000 / float64(n), Unit: "KB", Goal: 45, Below: true,
		Note: fmt.Sprintf("%s MB, connected in %v", number(after), took.Round(time.Millisecond))})
	followed := min(clients, n/tenFollowers)
	err = a.measure(ctx, fmt.Sprintf("post to frame, %d of them follow", tenFollowers), 100, quietPosts, tenFollowers, func(i int) int { return firstFollowed + i%followed })
	if err != nil {
		return err
	}
	// How many frames a second server and readers manage together.
	return a.measure(ctx, "post to frame, all of them follow", 0, loudPosts, n, func(int) int { return famous })
}

// mayOpen checks that there can be as many connections. The Go runtime raises
// the limit as far as it may, in this program and in the one under test.
func mayOpen(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur < uint64(n)+500 {
		return fmt.Errorf("%d connections need as many open files, and %d are allowed: raise the limit (ulimit -n) or give -connections", n, limit.Cur)
	}
	return nil
}

// connect has the followers of the famous one connect.
func (a *audience) connect(ctx context.Context, n int) error {
	a.conns = make([]*websocket.Conn, n)
	errs := make([]error, dialers)
	var all sync.WaitGroup
	for w := range dialers {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil && ctx.Err() == nil; i += dialers {
				a.conns[i], errs[w] = a.open(ctx, i)
			}
		})
	}
	all.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return fmt.Errorf("connecting to the realtime service: %w", err)
	}
	for _, c := range a.conns {
		go a.listen(c)
	}
	return nil
}

// open connects one of them, proves who it is, and follows its inbox.
func (a *audience) open(ctx context.Context, i int) (*websocket.Conn, error) {
	person := firstFollower + i
	d := a.dialer
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/portsOf))}
	d.NetDialContext = (&net.Dialer{LocalAddr: local}).DialContext
	c, _, err := d.DialContext(ctx, fmt.Sprintf("ws://%s/main/realtime/sockjs/000/bench%05d/websocket", a.s.program.address, i), nil)
	if err != nil {
		return nil, err
	}
	talk := func() error {
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return err
		}
		if _, _, err := c.ReadMessage(); err != nil { // "o"
			return err
		}
		challenge, err := a.hear(c, "challenge")
		if err != nil {
			return err
		}
		rise, err := signedRise(a.s.secrets.signer(accessToken(person)), challenge)
		if err != nil {
			return err
		}
		if err := say(c, rise); err != nil {
			return err
		}
		if _, err := a.hear(c, "authenticated"); err != nil {
			return err
		}
		if err := say(c, map[string]string{"cmd": "follow", "url": site + "/api/user/" + nickname(person) + "/inbox"}); err != nil {
			return err
		}
		// Only an answer to something else tells that this has been done.
		if err := say(c, map[string]string{"cmd": "request"}); err != nil {
			return err
		}
		if _, err = a.hear(c, "challenge"); err != nil {
			return err
		}
		return c.SetReadDeadline(time.Time{})
	}
	if err := talk(); err != nil {
		return nil, errors.Join(fmt.Errorf("connection %d: %w", i, err), c.Close())
	}
	return c, nil
}

// hear reads a message, which must be this command, and returns its URL.
func (a *audience) hear(c *websocket.Conn, cmd string) (address string, err error) {
	text := []byte("h") // a heartbeat may come at any time
	for err == nil && string(text) == "h" {
		_, text, err = c.ReadMessage()
	}
	if err != nil {
		return "", err
	}
	var messages []string
	var m struct{ Cmd, URL string }
	if rest, ok := bytes.CutPrefix(text, []byte("a")); ok && json.Unmarshal(rest, &messages) == nil && len(messages) == 1 {
		err = json.Unmarshal([]byte(messages[0]), &m)
	}
	if err != nil || m.Cmd != cmd {
		return "", fmt.Errorf("waiting for %q came %.200q (%v)", cmd, text, err)
	}
	return m.URL, nil
}

func say(c *websocket.Conn, command any) error {
	text, err := json.Marshal(command)
	if err != nil {
		return err
	}
	return c.WriteJSON([]string{string(text)})
}

// signedRise answers a challenge: with the signature of a call of its address.
func signedRise(signer *oauth1.Signer, challenge string) (any, error) {
	u, err := url.Parse(challenge)
	if err != nil {
		return nil, err
	}
	header, err := signer.AuthorizationHeader(oauth1.Call{Method: http.MethodGet, URL: u})
	if err != nil {
		return nil, err
	}
	var parameters [][2]string
	for _, part := range strings.Split(strings.TrimPrefix(header, "OAuth "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		if value, err = url.PathUnescape(strings.Trim(value, `"`)); err != nil {
			return nil, err
		}
		parameters = append(parameters, [2]string{name, value})
	}
	return map[string]any{"cmd": "rise", "message": map[string]any{"action": challenge, "method": http.MethodGet, "parameters": parameters}}, nil
}

// listen notes when a connection is told of something.
func (a *audience) listen(c *websocket.Conn) {
	for {
		_, text, err := c.ReadMessage()
		at := time.Now()
		if err != nil {
			select {
			case <-a.over:
			case a.failed <- fmt.Errorf("a realtime connection ends: %w", err):
			default:
			}
			return
		}
		// Each message is a string inside of a list, its quotes escaped.
		const mark = `\"activity\":{\"id\":\"`
		for {
			_, rest, found := bytes.Cut(text, []byte(mark))
			if !found {
				break
			}
			id, _, _ := bytes.Cut(rest, []byte(`\"`))
			a.frames <- frame{string(id), at}
			text = rest
		}
	}
}

// measure makes posts, one after the other, each of which so many are told of,
// and adds how long that takes from the answer to the post on.
func (a *audience) measure(ctx context.Context, what string, goal float64, posts, told int, author func(i int) int) error {
	var waits []time.Duration
	for i := range posts {
		nick, token := nickname(author(i)), accessToken(author(i))
		request, err := signed(a.s.secrets.signer(token), "POST", "/api/user/"+nick+"/feed", noteTo(nick))
		if err != nil {
			return err
		}
		made, err := a.s.ask(ctx, request)
		if err != nil {
			return err
		}
		answered := time.Now()
		deadline := time.After(30 * time.Second)
		for n := 0; n < told; {
			select {
			case f := <-a.frames:
				if f.activity != made.ID {
					return fmt.Errorf("%s: told of %s, want %s", what, f.activity, made.ID)
				}
				waits = append(waits, max(0, f.at.Sub(answered)))
				n++
			case err := <-a.failed:
				return fmt.Errorf("%s: %w", what, err)
			case <-deadline:
				return fmt.Errorf("%s: %d connections were told of a post, want %d", what, n, told)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	slices.Sort(waits)
	o := &outcome{latencies: waits}
	a.s.add(result{What: what, Value: milliseconds(o.percentile(50)), Unit: "ms", Goal: goal, Below: true,
		P50: milliseconds(o.percentile(50)), P99: milliseconds(o.percentile(99)), Max: milliseconds(o.percentile(100)),
		Note: fmt.Sprintf("%d frames", len(waits))})
	return nil
}

func (a *audience) close() {
	close(a.over)
	for _, c := range a.conns {
		if c != nil {
			_ = c.Close() // the server may have closed it
		}
	}
	a.conns = nil
	runtime.GC() // the memory of so many connections is in the way of what comes next
}
