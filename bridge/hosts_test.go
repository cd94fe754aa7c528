package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// refusing is a network of which some hosts do not take deliveries.
func refusing(down func(host string) bool) *network {
	n := newNetwork("pump")
	n.delivered = make(chan *bridge.Delivery, 10_000)
	n.deliver = func(d *bridge.Delivery) (retry []string, err error) {
		for _, inbox := range d.Inboxes {
			if down(strings.Split(inbox, "/")[2]) {
				d.Fail(inbox, errors.New("connection refused"))
				retry = append(retry, inbox)
			}
		}
		return retry, nil
	}
	return n
}

func (w *world) failing() []string {
	w.t.Helper()
	list, err := w.DB().FailingHosts(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, h := range list {
		lines = append(lines, fmt.Sprintf("%s %d", h.Host, h.Failures))
	}
	return lines
}

// A host that fails several times in a row is left alone for a while; what comes
// from it, or arrives there, ends that.
func TestHostsThatFail(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		var down atomic.Bool
		down.Store(true)
		n := refusing(func(host string) bool { return host == "down.example" && down.Load() })
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		ann := w.person("ann")
		far := w.present("far@down.example", "pump", "")
		to := []*vocab.Object{far.Doc.Ref(), w.present("up@up.example", "pump", "").Doc.Ref()}
		post := func() *models.Activity { return w.do(ann, act(vocab.VerbPost, note("x"), to...)) }
		tried := func() (hosts []string) {
			for _, inbox := range next(t, "a delivery", n.delivered).Inboxes {
				hosts = append(hosts, strings.Split(inbox, "/")[2])
			}
			return hosts
		}
		post()
		equal(t, "tried at first", tried(), "down.example", "up.example")
		until(t, "the failure is known", func() bool { return slices.Equal(w.failing(), []string{"down.example 1"}) })
		// From now on it is tried apart from others.
		for i := 2; i <= bridge.BreakAfter; i++ {
			post()
			both := []string{strings.Join(tried(), " "), strings.Join(tried(), " ")}
			slices.Sort(both)
			equal(t, "tried apart", both, "down.example", "up.example")
			until(t, "the failure is known", func() bool { return slices.Equal(w.failing(), []string{fmt.Sprintf("down.example %d", i)}) })
		}
		last := post()
		equal(t, "tried while the host is left alone", tried(), "up.example")
		until(t, "the author is told", func() bool { return len(w.failures(last)) == 1 })
		equal(t, "failures", w.failures(last), "https://down.example/pump/far retrying 1 the server does not answer at the moment")

		// A retry that comes too early waits without counting as an attempt.
		var waiting *rivertype.JobRow
		for _, j := range w.jobs("deliver") {
			if j.State == rivertype.JobStateScheduled {
				waiting = j
			}
		}
		if err := w.RunNow(t.Context(), waiting.ID); err != nil {
			t.Fatal(err)
		}
		until(t, "it waits again", func() bool {
			i := slices.IndexFunc(w.jobs("deliver"), func(j *rivertype.JobRow) bool { return j.ID == waiting.ID })
			j := w.jobs("deliver")[i]
			return j.State == rivertype.JobStateScheduled && j.Attempt == 0 && j.ScheduledAt.After(time.Now().Add(10*time.Second))
		})

		// Another process knows it too.
		other := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		if err := other.SyncHosts(t.Context()); err != nil {
			t.Fatal(err)
		}

		// It sends us something: so it is up.
		down.Store(false)
		w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://down.example/1", Type: vocab.TypeNote}, everybody()))
		post()
		equal(t, "tried when it has sent something", tried(), "down.example", "up.example")
		if err := w.SyncHosts(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, "hosts that fail", w.failing())
	})
}

// A host that takes connections and answers nothing keeps no more than its share of
// the workers busy, long before it counts as failing; once it has answered it is served
// among the others again.
func TestHostsThatHang(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		over := make(chan struct{})
		n := newNetwork("pump")
		n.delivered = make(chan *bridge.Delivery, 1000)
		arrived := make(chan []string, 1000)
		n.deliver = func(d *bridge.Delivery) ([]string, error) {
			var hang bool
			for _, inbox := range d.Inboxes {
				if strings.HasPrefix(inbox, "https://hangs.example/") {
					hang = true
				} else {
					d.DealtWith(inbox)
				}
			}
			if hang {
				<-over
			}
			arrived <- d.Inboxes
			return nil, nil
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		end := sync.OnceFunc(func() { close(over) })
		t.Cleanup(end)
		ann := w.person("ann")
		far, up := w.present("far@hangs.example", "pump", ""), w.present("up@up.example", "pump", "")
		post := func(to ...*models.Actor) {
			var people []*vocab.Object
			for _, a := range to {
				people = append(people, a.Doc.Ref())
			}
			w.do(ann, act(vocab.VerbPost, note("x"), people...))
		}
		const posts = 3 * bridge.DeliveryWorkers
		post(far, up)
		next(t, "the first delivery", n.delivered)
		for range posts - 1 {
			post(far)
		}
		for range 2 * bridge.DeliveryWorkers {
			post(up)
			equal(t, "what arrives while another host hangs", next(t, "a delivery", arrived), "https://up.example/pump/up")
		}
		end()
		got := map[string]int{}
		for range posts {
			for _, inbox := range next(t, "what the host was sent", arrived) {
				got[inbox]++
			}
		}
		if n := got["https://hangs.example/pump/far"]; n != posts {
			t.Errorf("the host that has hung gets %d of %d posts", n, posts)
		}
		post(far, up)
		equal(t, "what arrives together afterwards", next(t, "a delivery", arrived), "https://hangs.example/pump/far", "https://up.example/pump/up")
	})
}

// A host that was not asked has neither failed nor answered: what found no place there
// does not bring it closer to being left alone, and what was refused here does not
// make it well.
func TestHostsThatAreNotAsked(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		n.delivered = make(chan *bridge.Delivery, 100)
		n.deliver = func(d *bridge.Delivery) (retry []string, err error) {
			for _, inbox := range d.Inboxes {
				switch strings.Split(inbox, "/")[2] {
				case "busy.example":
					d.Fail(inbox, errors.New("too many requests to this host are under way"))
					d.Unsent(inbox)
					retry = append(retry, inbox)
				case "private.example":
					d.Fail(inbox, errors.New("not sent: it is not for everybody"))
					d.Unsent(inbox)
				case "mute.example":
					d.Unsent(inbox) // it cannot be said there
				}
			}
			return retry, nil
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		hosts := []string{"busy.example", "mute.example", "private.example", "well.example"}
		var to []*vocab.Object
		w.write(func(ctx context.Context, tx *models.Tx) error {
			var err error
			for _, host := range hosts {
				err = errors.Join(err, tx.SetFailingHost(ctx, models.FailingHost{Host: host, Failures: bridge.BreakAfter - 1, Since: time.Now().Add(-time.Hour)}))
			}
			return err
		})
		for _, host := range hosts {
			to = append(to, w.present("far@"+host, "pump", "").Doc.Ref())
		}
		w.start()
		a := w.do(w.person("ann"), act(vocab.VerbPost, note("x"), to...))
		for range hosts { // each apart, for it has failed before
			next(t, "a delivery", n.delivered)
		}
		until(t, "the failures are known", func() bool { return len(w.failures(a)) == 2 })
		equal(t, "failures", w.failures(a), "https://busy.example/pump/far retrying 1 too many requests to this host are under way",
			"https://private.example/pump/far given up 1 not sent: it is not for everybody")
		until(t, "the host that has answered is well", func() bool {
			if err := w.SyncHosts(t.Context()); err != nil {
				t.Fatal(err)
			}
			return len(w.failing()) < len(hosts)
		})
		equal(t, "hosts that fail", w.failing(), "busy.example 2", "mute.example 2", "private.example 2")
	})
}

// After a week a host counts as gone: what is for it ends, but for one attempt now
// and then.
func TestHostsThatAreGone(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := refusing(func(host string) bool { return host == "gone.example" })
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		ann := w.person("ann")
		to := w.present("far@gone.example", "pump", "").Doc.Ref()
		w.write(func(ctx context.Context, tx *models.Tx) error {
			return tx.SetFailingHost(ctx, models.FailingHost{Host: "gone.example", Failures: 20, Since: time.Now().Add(-bridge.GoneAfter - time.Hour), NextTry: time.Now().Add(time.Hour)})
		})
		w.start()
		a := w.do(ann, act(vocab.VerbPost, note("x"), to))
		until(t, "it is given up", func() bool { return len(w.failures(a)) == 1 })
		if f := w.failures(a)[0]; !strings.HasPrefix(f, "https://gone.example/pump/far given up 1 the server has not answered since ") {
			t.Errorf("failure %q", f)
		}
		same(t, "attempts", len(n.delivered), 0)

		// Once the admin wants it, it is tried.
		if count, err := w.RetryDeliveries(t.Context(), bridge.GivenUp{Host: "other.example"}); err != nil || count != 0 {
			t.Errorf("retried %d at another host: %v", count, err)
		}
		if count, err := w.RetryDeliveries(t.Context(), bridge.GivenUp{Host: "gone.example"}); err != nil || count != 1 {
			t.Errorf("retried %d: %v", count, err)
		}
		next(t, "a delivery", n.delivered)
		until(t, "it is tried again later", func() bool {
			f := w.failures(a)
			return len(f) == 1 && strings.Contains(f[0], "retrying 2 connection refused")
		})
	})
}

// A server that asks us to wait is not asked before, and does not count as one
// that fails.
func TestHostsThatAskUsToWait(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		n.deliver = func(d *bridge.Delivery) ([]string, error) {
			for _, inbox := range d.Inboxes {
				d.Fail(inbox, errors.New("429 Too Many Requests"))
				d.RetryAfter(inbox, time.Now().Add(2*time.Hour))
			}
			return d.Inboxes, nil
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		ann := w.person("ann")
		to := w.present("far@busy.example", "pump", "").Doc.Ref()
		w.do(ann, act(vocab.VerbPost, note("x"), to))
		next(t, "a delivery", n.delivered)
		j := w.deliveryJob(rivertype.JobStateScheduled, "https://busy.example/pump/far")
		if wait := time.Until(j.ScheduledAt); wait < 110*time.Minute || wait > 150*time.Minute {
			t.Errorf("the next attempt is in %v, want about two hours", wait)
		}
		equal(t, "hosts", w.failing(), "busy.example 0")
		b := w.do(ann, act(vocab.VerbPost, note("y"), to))
		until(t, "the next one waits too", func() bool { return len(w.failures(b)) == 1 })
		same(t, "attempts", len(n.delivered), 0)
	})
}

// However many hosts are dead, and however long it takes to find that out, the
// others get what is theirs.
func TestDeadHostsDelayNobody(t *testing.T) {
	const hosts, dead = 1000, 300
	onEach(t, func(t *testing.T, address string) {
		end := make(chan struct{})
		defer close(end)
		var mu sync.Mutex
		got := map[string]int{}
		n := newNetwork("pump")
		n.delivered = make(chan *bridge.Delivery, 10_000)
		n.deliver = func(d *bridge.Delivery) (retry []string, err error) {
			for _, inbox := range d.Inboxes {
				if strings.HasPrefix(inbox, "https://dead") {
					<-end // longer than the test takes
					retry = append(retry, inbox)
					continue
				}
				mu.Lock()
				got[inbox]++
				mu.Unlock()
			}
			return retry, nil
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		ann := w.person("ann")
		w.write(func(ctx context.Context, tx *models.Tx) error {
			for i := range hosts {
				a := &models.Actor{Type: vocab.TypePerson, Doc: &vocab.Object{}}
				host := fmt.Sprintf("up%d.example", i)
				if i < dead {
					host = fmt.Sprintf("dead%d.example", i)
					if err := tx.SetFailingHost(ctx, models.FailingHost{Host: host, Failures: 1, Since: time.Now()}); err != nil {
						return err
					}
				}
				if err := errors.Join(tx.CreateActor(ctx, a), tx.SetPresence(ctx, models.Presence{ActorID: a.ID, Network: "pump", Inbox: "https://" + host + "/inbox"}),
					tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: a.ID, TargetID: ann.ID, State: models.InForce})); err != nil {
					return err
				}
			}
			return nil
		})
		w.start()
		for range 2 {
			w.do(ann, act(vocab.VerbPost, note("x"), everybody()))
		}
		until(t, "all others have got both", func() bool {
			mu.Lock()
			defer mu.Unlock()
			count := 0
			for _, times := range got {
				count += times
			}
			return count == 2*(hosts-dead)
		})
	})
}

// What somebody elsewhere addresses to the followers of somebody here, and is
// about something here, is passed on as it came, once.
func TestForwarding(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("activitypub")
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n, newNetwork("pump")}})
		ann := w.person("ann")
		far, same1 := w.present("far@far.example", "activitypub", ""), w.present("same@far.example", "activitypub", "")
		reader, pumper := w.present("reader@reader.example", "activitypub", ""), w.present("pumper@pumper.example", "pump", "")
		w.follow(ann, same1, reader, pumper)
		mine := w.do(ann, act(vocab.VerbPost, note("mine"), everybody())).Doc.Object
		serial := 0
		send := func(o *vocab.Object, to ...*vocab.Object) *models.Activity {
			serial++
			o.ID, o.Type = fmt.Sprintf("https://far.example/n/%d", serial), vocab.TypeNote
			in := bridge.Arrival{SenderID: far.ID, Network: "activitypub", ContentType: "application/activity+json", Original: []byte(`{"x":` + o.ID + `}`),
				Activity: &vocab.Activity{ID: fmt.Sprintf("https://far.example/a/%d", serial), Verb: vocab.VerbPost, Object: o, To: to}}
			var r *bridge.Result
			for range 2 {
				again, err := w.Receive(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				if r == nil {
					r = again
				}
				in.Activity = &vocab.Activity{ID: in.Activity.ID, Verb: vocab.VerbPost, Object: o, To: to}
			}
			return r.Activity
		}
		answer := send(&vocab.Object{InReplyTo: one(mine.Ref())}, everybody(), w.followersOf(ann))
		equal(t, "inboxes of an answer", w.inboxesOf(answer), "activitypub https://reader.example/activitypub/reader")
		below := send(&vocab.Object{InReplyTo: one(&vocab.Object{ID: "https://far.example/n/1"})}, w.followersOf(ann))
		equal(t, "inboxes of an answer to it", w.inboxesOf(below), "activitypub https://reader.example/activitypub/reader")
		equal(t, "inboxes of what is about something else", w.inboxesOf(send(&vocab.Object{}, everybody(), w.followersOf(ann))))
		equal(t, "inboxes of what is addressed to nobody here", w.inboxesOf(send(&vocab.Object{InReplyTo: one(mine.Ref())}, everybody())))

		w.start()
		seen := map[int64]*bridge.Delivery{}
		for len(seen) < 2 || seen[answer.ID] == nil {
			d := next(t, "a delivery", n.delivered)
			seen[d.Activity.ID] = d
		}
		d := seen[answer.ID]
		same(t, "sent as", d.As.ID, ann.ID)
		same(t, "bytes", string(d.Original), `{"x":https://far.example/n/1}`)
		same(t, "type", d.ContentType, "application/activity+json")
	})
}

// What a network sends besides deliveries counts as they do: a host that does not
// answer rests, for all processes, and one thing at a time finds out how it is doing.
func TestHostsThatNetworksAsk(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		var passed atomic.Int64
		start := time.Now()
		w := newWorld(t, address, bridge.Options{Now: func() time.Time { return start.Add(time.Duration(passed.Load())) }})
		const host = "down.example"
		note := func(answered, failed []string) {
			t.Helper()
			if err := w.NoteHosts(t.Context(), answered, failed); err != nil {
				t.Fatal(err)
			}
		}
		rests := func() time.Duration {
			t.Helper()
			until := w.HostRests(host)
			if until.IsZero() {
				return 0
			}
			return until.Sub(start.Add(time.Duration(passed.Load()))).Round(time.Second)
		}
		same(t, "rest of a host that is well", rests(), 0)
		for range 3 {
			same(t, "rest after few failures", rests(), 0)
			note([]string{"well.example"}, []string{host})
		}
		same(t, "rest after several failures", rests(), 30*time.Second)
		equal(t, "stored", w.failing(), host+" 3")
		passed.Add(int64(31 * time.Second))
		same(t, "rest of the first that asks again", rests(), 0)
		same(t, "rest of the next meanwhile", rests(), time.Minute)
		note([]string{host}, nil)
		same(t, "rest of a host that has answered", rests(), 0)
		if err := w.SyncHosts(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, "stored", w.failing())
	})
}
