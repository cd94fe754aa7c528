package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"manifold/ostatus/websub"
)

// subscribers are servers that have subscribed to a feed, one a host. They count what
// is posted to them, and look at it only when the clock has stopped.
type subscribers struct {
	servers   []*http.Server
	callbacks []string
	taken     atomic.Int64

	mu       sync.Mutex
	bodies   map[string]int64
	received []posted
}

// posted is a delivery: to whom, and how it was signed.
type posted struct {
	to              int
	signature, body string
}

func secretOf(i int) string { return fmt.Sprintf("secret of subscriber %d", i) }

func newSubscribers(n int) (*subscribers, error) {
	k := &subscribers{bodies: map[string]int64{}}
	for i := range n {
		l, err := net.Listen("tcp", fmt.Sprintf("127.3.%d.%d:0", i/250, 1+i%250))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("a subscriber: %w", err), k.Close())
		}
		server := &http.Server{Handler: k.subscriber(i), ReadHeaderTimeout: time.Minute}
		k.servers = append(k.servers, server)
		k.callbacks = append(k.callbacks, "http://"+l.Addr().String()+"/main/push/callback/"+strconv.Itoa(i))
		go func() { _ = server.Serve(l) }()
	}
	return k, nil
}

func (k *subscribers) subscriber(i int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		k.mu.Lock()
		k.bodies[string(body)]++
		k.received = append(k.received, posted{i, r.Header.Get(websub.SignatureHeader), string(body)})
		k.mu.Unlock()
		k.taken.Add(1)
	})
}

// check makes sure that each subscriber got each of so many documents once, signed
// with its own secret.
func (k *subscribers) check(documents int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.bodies) != documents {
		return fmt.Errorf("%d different documents were posted, not %d", len(k.bodies), documents)
	}
	type once struct {
		to   int
		body string
	}
	seen := map[once]bool{}
	for _, p := range k.received {
		if s := websub.CheckSignature(p.signature, secretOf(p.to), []byte(p.body)); s != websub.Authentic {
			return fmt.Errorf("a delivery to subscriber %d: %s", p.to, s)
		}
		if seen[once{p.to, p.body}] {
			return fmt.Errorf("subscriber %d got the same twice", p.to)
		}
		seen[once{p.to, p.body}] = true
	}
	return nil
}

// Close ends all servers.
func (k *subscribers) Close() error {
	var errs []error
	for _, s := range k.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// subscribe has all of them ask the hub for a topic, and be asked.
func (k *subscribers) subscribe(ctx context.Context, address, topic string) error {
	errs := make([]error, clients)
	var all sync.WaitGroup
	for w := range clients {
		all.Go(func() {
			for i := w; i < len(k.callbacks) && errs[w] == nil && ctx.Err() == nil; i += clients {
				errs[w] = askHub(ctx, address, url.Values{"hub.mode": {"subscribe"}, "hub.topic": {topic}, "hub.callback": {k.callbacks[i]}, "hub.secret": {secretOf(i)}})
			}
		})
	}
	all.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

func askHub(ctx context.Context, address string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/hub", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Host = site[len("http://"):]
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := patient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("subscribing: status %d: %.300s, %v", answer.StatusCode, text, err)
	}
	return nil
}

// hub measures how fast one post comes to many subscribers of a feed, and counts how
// often it is written for them.
func (s *session) hub(ctx context.Context) (err error) {
	if !s.first || s.plan.inboxes == 0 {
		return nil
	}
	n := s.plan.inboxes
	what := fmt.Sprintf("%d subscribers of one feed", n)
	progress("%s: %s", s.kind, what)
	k, err := newSubscribers(n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	nick, token := nickname(firstAlone+4), accessToken(firstAlone+4)
	if err := k.subscribe(ctx, s.program.address, site+"/users/"+nick+"/feed.atom"); err != nil {
		return err
	}
	verified := func() (int64, error) {
		return s.store.number(ctx, "SELECT COUNT(*) FROM hub_subscribers WHERE request = 0")
	}
	if err := s.until(ctx, "subscribers have confirmed", verified, int64(n)); err != nil {
		return err
	}
	written, err := s.program.metric("manifold_hub_renderings_total")
	if err != nil {
		return err
	}
	var rates, servers, databases, loads []float64
	profiled := s.profile(what)
	for range sendings {
		before, err := s.program.cpuTimes()
		if err != nil {
			return err
		}
		want, began := k.taken.Load()+int64(n), time.Now()
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
	if err := k.check(sendings); err != nil {
		return err
	}
	now, err := s.program.metric("manifold_hub_renderings_total")
	if err != nil {
		return err
	}
	s.add(result{What: what + ", signed deliveries", Value: median(rates), Unit: "/s", ServerCPU: median(servers), DatabaseCPU: median(databases), LoadCPU: median(loads),
		Note: fmt.Sprintf("a post each time, median of %d", sendings)})
	s.add(result{What: what + ", renderings of a post", Value: (now - written) / sendings, Goal: 1, Below: true})
	return nil
}

// metric returns a figure that the server tells of itself and that has no labels.
func (p *program) metric(name string) (float64, error) {
	r, err := patient.Get("http://" + p.admin + "/metrics")
	if err != nil {
		return 0, fmt.Errorf("reading metrics: %w", err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("there is no metric %s", name), lines.Err())
}
