package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"manifold/integration/fediverse"
)

const (
	// knownAuthors are followed by the one whose inbox is delivered to.
	knownAuthors = 10
	// deliveriesAtMost is a rate of signed deliveries that no server takes on two CPUs,
	// which verify each of them: so many are prepared for each second.
	deliveriesAtMost = 2500
	// sendings is how many posts are made to the same followers: the median counts.
	sendings = 3
	// withoutProgress is how long nothing may come in before the measurement fails.
	withoutProgress = 30 * time.Second
)

// federation measures deliveries, out and in, with servers of the fediverse that
// this program plays on loopback.
func (s *session) federation(ctx context.Context) error {
	if !s.first || s.plan.inboxes == 0 {
		return nil
	}
	n := s.plan.inboxes
	for i, one := range []struct {
		what  string
		hosts int
		goal  float64
	}{
		{fmt.Sprintf("deliveries to %d inboxes of one host", n), 1, 60},
		{fmt.Sprintf("deliveries to %d hosts", n), n, 45},
	} {
		progress("%s: %s", s.kind, one.what)
		if err := s.sending(ctx, nickname(firstAlone+i), accessToken(firstAlone+i), one.what, one.hosts, one.goal); err != nil {
			return fmt.Errorf("%s: %w", one.what, err)
		}
	}
	if err := s.sharedInbox(ctx, nickname(firstAlone+2), accessToken(firstAlone+2)); err != nil {
		return fmt.Errorf("one shared inbox: %w", err)
	}
	if err := s.receiving(ctx, nickname(firstAlone+3), accessToken(firstAlone+3)); err != nil {
		return fmt.Errorf("deliveries taken: %w", err)
	}
	return nil
}

// sink counts deliveries and does nothing else, so that little of the time is its
// own.
type sink struct {
	*fediverse.Fediverse
	taken atomic.Int64
}

func newSink() (*sink, error) {
	f, err := fediverse.New()
	if err != nil {
		return nil, err
	}
	k := &sink{Fediverse: f}
	f.Answered = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return false
		}
		w.WriteHeader(http.StatusAccepted)
		k.taken.Add(1)
		return true
	}
	return k, nil
}

// gather has so many people on so many hosts follow somebody.
func (s *session) gather(ctx context.Context, k *sink, nick string, hosts int) error {
	n := s.plan.inboxes
	followers := make([]*fediverse.Person, 0, n)
	for i := range hosts {
		h, err := k.Listen(fmt.Sprintf("127.2.%d.%d:0", i/250, 1+i%250))
		if err != nil {
			return err
		}
		for j := range n / hosts {
			followers = append(followers, h.Person(fmt.Sprintf("fan%d", i*(n/hosts)+j)))
		}
	}
	inbox := site + "/users/" + nick + "/inbox"
	errs := make([]error, clients)
	var all sync.WaitGroup
	for w := range clients {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil && ctx.Err() == nil; i += clients {
				status, answer, err := followers[i].Deliver(patient, s.program.address, inbox, followers[i].Follow(site+"/users/"+nick, i))
				if err == nil && status != http.StatusAccepted {
					err = fmt.Errorf("status %d: %.200s", status, answer)
				}
				errs[w] = err
			}
		})
	}
	all.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return fmt.Errorf("following: %w", err)
	}
	// The answers have to be out of the way.
	return s.until(ctx, "follows are answered", func() (int64, error) {
		if hosts == 1 && k.Shared {
			return s.store.number(ctx, "SELECT followers_count FROM actors a JOIN accounts c ON c.actor_id = a.id WHERE c.nickname = ?", nick)
		}
		return k.taken.Load(), nil
	}, int64(n))
}

// until waits until something has been counted so far, as long as the count goes
// up. A count that goes too far is an error.
func (s *session) until(ctx context.Context, what string, count func() (int64, error), want int64) error {
	last, moved := int64(-1), time.Now()
	for {
		n, err := count()
		switch {
		case err != nil:
			return err
		case n == want:
			return nil
		case n > want:
			return fmt.Errorf("%s: %d, more than %d", what, n, want)
		case n != last:
			last, moved = n, time.Now()
		case time.Since(moved) > withoutProgress:
			return fmt.Errorf("%s: %d of %d, and no more in %v: %s", what, n, want, withoutProgress, s.program.logTail())
		case ctx.Err() != nil:
			return ctx.Err()
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// tell posts a public note of somebody.
func (s *session) tell(ctx context.Context, nick, token string) error {
	request, err := signed(s.secrets.signer(token), "POST", "/api/user/"+nick+"/feed", noteTo(nick))
	if err == nil {
		_, err = s.ask(ctx, request)
	}
	return err
}

// sending measures how fast one post is delivered to many inboxes, and what share
// that is of the rate at which the CPUs make signatures and do nothing else.
func (s *session) sending(ctx context.Context, nick, token, what string, hosts int, goal float64) (err error) {
	k, err := newSink()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	if err := s.gather(ctx, k, nick, hosts); err != nil {
		return err
	}
	n := int64(s.plan.inboxes)
	var rates, servers, databases, loads []float64
	profiled := s.profile(what)
	for range sendings {
		before, err := s.program.cpuTimes()
		if err != nil {
			return err
		}
		want, began := k.taken.Load()+n, time.Now()
		if err := s.tell(ctx, nick, token); err != nil {
			return err
		}
		if err := s.until(ctx, what, func() (int64, error) { return k.taken.Load(), nil }, want); err != nil {
			return err
		}
		rates = append(rates, float64(n)/time.Since(began).Seconds())
		after, err := s.program.cpuTimes()
		if err != nil {
			return err
		}
		used := after.since(before)
		each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
		servers, databases, loads = append(servers, each(used.server)), append(databases, each(used.database)), append(loads, each(used.load))
	}
	if err := <-profiled; err != nil {
		return err
	}
	rate := median(rates)
	s.add(result{What: what, Value: rate, Unit: "/s", ServerCPU: median(servers), DatabaseCPU: median(databases), LoadCPU: median(loads)})
	signatures, ok := s.report.value(s.kind, s.stored, "limit: RSA-2048 signatures")
	if !ok {
		return errors.New("the rate of signatures was not measured")
	}
	s.add(result{What: what + ", of the signatures", Value: 100 * rate / signatures, Unit: "%", Goal: goal, Note: fmt.Sprintf("%d CPUs", runtime.NumCPU())})
	return nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// sharedInbox counts the deliveries of one post to many followers who share an
// inbox.
func (s *session) sharedInbox(ctx context.Context, nick, token string) (err error) {
	k, err := newSink()
	if err != nil {
		return err
	}
	k.Shared = true
	defer func() { err = errors.Join(err, k.Close()) }()
	if err := s.gather(ctx, k, nick, 1); err != nil {
		return err
	}
	// Answers to follows go to those who follow; they may still be under way.
	settled := k.taken.Load()
	for quiet := time.Now(); time.Since(quiet) < time.Second; time.Sleep(10 * time.Millisecond) {
		if now := k.taken.Load(); now != settled {
			settled, quiet = now, time.Now()
		}
	}
	if err := s.tell(ctx, nick, token); err != nil {
		return err
	}
	if err := s.until(ctx, "the delivery", func() (int64, error) { return min(1, k.taken.Load()-settled), nil }, 1); err != nil {
		return err
	}
	time.Sleep(time.Second) // for more that would be wrong
	s.add(result{What: fmt.Sprintf("deliveries for %d followers with a shared inbox", s.plan.inboxes), Value: float64(k.taken.Load() - settled), Unit: "", Goal: 1, Below: true})
	return nil
}

// receiving measures how fast signed deliveries of authors who are followed are
// answered, and how fast they come into the inbox of who follows.
func (s *session) receiving(ctx context.Context, nick, token string) (err error) {
	f, err := fediverse.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, err := f.Listen("127.2.200.1:0")
	if err != nil {
		return err
	}
	inbox := site + "/users/" + nick + "/inbox"
	authors := make([]*fediverse.Person, knownAuthors)
	for i := range authors {
		authors[i] = h.Person(fmt.Sprintf("author%d", i))
	}
	f.Received = func(w http.ResponseWriter, r *http.Request, body []byte) {
		w.WriteHeader(http.StatusAccepted)
		i := slices.IndexFunc(authors, func(p *fediverse.Person) bool { return p.Inbox == "http://"+r.Host+r.URL.Path })
		var a struct{ Type string }
		if i >= 0 && json.Unmarshal(body, &a) == nil && a.Type == "Follow" {
			go func() { _, _, _ = authors[i].Deliver(patient, s.program.address, inbox, authors[i].Accept(body, i)) }()
		}
	}
	for _, p := range authors {
		if err := s.follow(ctx, nick, token, p.Acct); err != nil {
			return fmt.Errorf("following %s: %w", p.Acct, err)
		}
	}
	followed := func() (int64, error) {
		return s.store.number(ctx, "SELECT following_count FROM actors a JOIN accounts c ON c.actor_id = a.id WHERE c.nickname = ?", nick)
	}
	if err := s.until(ctx, "follows are accepted", followed, knownAuthors); err != nil {
		return err
	}
	came := func() (int64, error) {
		return s.store.number(ctx, "SELECT COUNT(*) FROM stream_items s JOIN accounts c ON c.actor_id = s.owner_id JOIN activities a ON a.id = s.activity_id WHERE c.nickname = ? AND s.kind = 1 AND NOT a.local", nick)
	}
	for _, phase := range []struct {
		name string
		time time.Duration
	}{{"warm-up", s.warmup()}, {"", s.duration()}} {
		requests, err := prepare(int(deliveriesAtMost*phase.time.Seconds())+clients, func(i int) ([]byte, error) {
			return delivery(authors[i%knownAuthors], inbox, phase.name, i)
		})
		if err != nil {
			return err
		}
		if err := s.deliver(ctx, requests, phase.time, phase.name == "", came); err != nil {
			return err
		}
	}
	return nil
}

// deliver makes the deliveries and waits until all that were answered have come in.
func (s *session) deliver(ctx context.Context, requests [][]byte, atMost time.Duration, counts bool, came func() (int64, error)) error {
	before, err := came()
	if err != nil {
		return err
	}
	const what = "signed deliveries of known authors"
	profiled := make(<-chan error)
	if counts {
		profiled = s.profile(what)
	}
	cpuBefore, err := s.program.cpuTimes()
	if err != nil {
		return err
	}
	l := &load{address: s.program.address, requests: requests, atMost: atMost, status: http.StatusAccepted}
	began := time.Now()
	o, err := l.run(ctx)
	if err != nil {
		return err
	}
	if err := s.until(ctx, "deliveries come into the inbox", came, before+int64(o.requests)); err != nil {
		return err
	}
	took := time.Since(began)
	if !counts {
		return nil
	}
	cpuAfter, err := s.program.cpuTimes()
	if err = errors.Join(err, <-profiled); err != nil {
		return err
	}
	used := cpuAfter.since(cpuBefore)
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(o.requests) }
	s.add(result{What: what + ", answered", Value: o.perSecond(), Unit: "/s", Goal: 1000, P50: milliseconds(o.percentile(50)), P99: milliseconds(o.percentile(99)),
		Max: milliseconds(o.percentile(100)), Note: fmt.Sprintf("%d authors", knownAuthors)})
	s.add(result{What: what + ", in the inbox", Value: float64(o.requests) / took.Seconds(), Unit: "/s", Goal: s.goal(300, 400),
		ServerCPU: each(used.server), DatabaseCPU: each(used.database), LoadCPU: each(used.load), Note: fmt.Sprintf("%d in %v", o.requests, took.Round(time.Millisecond))})
	return nil
}

// follow has somebody follow an account elsewhere.
func (s *session) follow(ctx context.Context, nick, token, whom string) error {
	body, err := json.Marshal(map[string]any{"verb": "follow", "object": map[string]string{"objectType": "person", "id": whom}})
	if err != nil {
		return err
	}
	request, err := signed(s.secrets.signer(token), "POST", "/api/user/"+nick+"/feed", body)
	if err != nil {
		return err
	}
	c, err := dial(ctx, s.program.address)
	if err != nil {
		return err
	}
	defer c.Close()
	status, answer, err := c.ask(request)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", status, answer)
	}
	return err
}

// delivery renders the delivery of a note as it goes over the wire, signed.
func delivery(author *fediverse.Person, inbox, phase string, i int) ([]byte, error) {
	note := author.Note(i, "<p>"+templatePhrase+"</p>")
	if phase != "" {
		note = author.Note(-1-i, "<p>"+templatePhrase+"</p>")
	}
	body, err := json.Marshal(note)
	if err != nil {
		return nil, err
	}
	headers, err := author.Headers(inbox, body, time.Now())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", inbox[len(site):], site[len("http://"):], len(body))
	if err := headers.Write(&b); err != nil {
		return nil, err
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}
