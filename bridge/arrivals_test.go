package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// bodies is a network that deals with arrivals by noting their bodies, by sender.
type bodies struct {
	*network
	mu   sync.Mutex
	seen map[int64][]string
	n    atomic.Int64
}

func newBodies() *bodies {
	b := &bodies{network: newNetwork("pump"), seen: map[int64][]string{}}
	b.process = func(_ context.Context, a *bridge.Arrived) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen[a.SenderID] = append(b.seen[a.SenderID], string(a.Bytes))
		b.n.Add(1)
		return nil
	}
	return b
}

// from are the bodies that came from a sender.
func (b *bodies) from(sender int64) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen[sender])
}

func (w *world) admit(sender int64, body string) {
	w.t.Helper()
	err := w.Admit(w.t.Context(), bridge.Arrived{Network: "pump", SenderID: sender, Verified: "test", ContentType: "text/plain", Bytes: []byte(body)})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) arrivals() int64 { w.t.Helper(); return w.number("SELECT COUNT(*) FROM arrivals") }

// What has been admitted is done, and removed by the transaction that does it.
func TestArrivals(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		ann, far := w.person("ann"), w.remote("far@far.example")
		n.process = func(ctx context.Context, a *bridge.Arrived) error {
			if a.ID == 0 || a.Verified != "test" || a.ContentType != "text/plain" || time.Since(a.Received).Abs() > time.Minute {
				t.Errorf("arrived: %+v", a)
			}
			number := string(a.Bytes)
			for range 2 { // of which the second finds everything done
				_, err := w.Receive(ctx, bridge.Arrival{SenderID: a.SenderID, RecipientID: a.RecipientID, Network: a.Network, Original: a.Bytes, Within: w.Settled(a),
					Activity: &vocab.Activity{ID: "https://far.example/a/" + number, Verb: vocab.VerbPost, To: one(everybody()),
						Object: &vocab.Object{ID: "https://far.example/n/" + number, Type: vocab.TypeNote, DisplayName: number}}})
				if err != nil {
					return err
				}
			}
			if left := w.number("SELECT COUNT(*) FROM arrivals WHERE id = " + strconv.FormatInt(a.ID, 10)); left != 0 {
				t.Error("the arrival is still there when what it says is done")
			}
			return nil
		}
		outcomes := make(chan string, 10)
		w.ObserveArrivals(func(network, outcome string) { outcomes <- network + " " + outcome })
		w.start()
		w.follow(far, ann)
		for i := range 3 {
			w.admit(far.ID, strconv.Itoa(i))
		}
		for range 3 {
			same(t, "outcome", next(t, "the end of an arrival", outcomes), "pump completed")
		}
		equal(t, "ann's inbox", w.inbox(ann, models.Major), "far post 2", "far post 1", "far post 0")
		same(t, "arrivals left", w.arrivals(), 0)
		waiting, bytes := w.Backlog()
		same(t, "backlog", fmt.Sprint(waiting, bytes), "0 0")
	})
}

// The documents of one sender are dealt with in their order, those of several at
// the same time.
func TestArrivalsKeepTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		const senders, each = 5, 40
		n := newBodies()
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		together(senders, func(i int) error {
			for k := range each {
				w.admit(int64(i+1), strconv.Itoa(k))
			}
			return nil
		})
		until(t, "all are dealt with", func() bool { return n.n.Load() == senders*each && w.arrivals() == 0 })
		for i := range senders {
			got := n.from(int64(i + 1))
			for k, body := range got {
				if body != strconv.Itoa(k) {
					t.Fatalf("sender %d: %v", i+1, got)
				}
			}
		}
	})
}

// One sender whose documents take long does not hold up the others.
func TestArrivalsOfOthersPass(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newBodies()
		note, free := n.process, make(chan struct{})
		n.process = func(ctx context.Context, a *bridge.Arrived) error {
			if a.SenderID == 1 {
				<-free
			}
			return note(ctx, a)
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		w.admit(1, "slow")
		w.admit(1, "behind it")
		w.admit(2, "quick")
		until(t, "the other is dealt with", func() bool { return len(n.from(2)) == 1 })
		same(t, "dealt with of the first", len(n.from(1)), 0)
		close(free)
		until(t, "the first is dealt with", func() bool { return len(n.from(1)) == 2 })
	})
}

// What is refused is done with; what fails is tried again, and holds its place
// for a while.
func TestArrivalsThatFail(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newBodies()
		note := n.process
		var failures atomic.Int64
		n.process = func(ctx context.Context, a *bridge.Arrived) error {
			switch string(a.Bytes) {
			case "refused":
				return fmt.Errorf("reading it: %w", &bridge.Error{Reason: bridge.Invalid, Text: "it says nothing"})
			case "fails once":
				if failures.Add(1) == 1 {
					return errors.New("the server is down")
				}
			case "panics":
				if a.Attempts == 0 {
					panic("at the first sight")
				}
			}
			return note(ctx, a)
		}
		var mu sync.Mutex
		outcomes := map[string]int{}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.ObserveArrivals(func(_, outcome string) { mu.Lock(); defer mu.Unlock(); outcomes[outcome]++ })
		w.start()
		w.admit(1, "refused")
		w.admit(1, "fails once")
		w.admit(1, "after it")
		w.admit(2, "panics")
		until(t, "all are done with", func() bool { return w.arrivals() == 0 })
		equal(t, "of the first", n.from(1), "fails once", "after it")
		equal(t, "of the second", n.from(2), "panics")
		until(t, "all outcomes are told", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return fmt.Sprint(outcomes) == "map[completed:3 failed:2 refused:1]"
		})
	})
}

// While one sender's document waits to be tried again, those of many others are
// dealt with, and then it is its turn again.
func TestArrivalsThatFailAmongOthers(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		const others = 40
		n := newBodies()
		note := n.process
		n.process = func(ctx context.Context, a *bridge.Arrived) error {
			if a.SenderID == 1 && a.Attempts == 0 {
				return errors.New("the server is down")
			}
			return note(ctx, a)
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.admit(1, "fails once")
		for i := range others {
			w.admit(int64(i+2), "quick")
			w.admit(int64(i+2), "after it")
		}
		w.start()
		until(t, "all are dealt with", func() bool { return w.arrivals() == 0 })
		equal(t, "of the one", n.from(1), "fails once")
		for i := range others {
			equal(t, "of another", n.from(int64(i+2)), "quick", "after it")
		}
	})
}

// What fails for long lets the others pass, and is given up in the end.
func TestArrivalsThatAreGivenUp(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newBodies()
		note := n.process
		n.process = func(ctx context.Context, a *bridge.Arrived) error {
			if string(a.Bytes) == "fails" {
				return errors.New("the server is down")
			}
			return note(ctx, a)
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		outcomes := make(chan string, 10)
		w.ObserveArrivals(func(_, outcome string) { outcomes <- outcome })
		w.admit(1, "fails")
		w.exec("UPDATE arrivals SET attempts = 5, next_attempt = 1")
		w.admit(1, "after it")
		w.start()
		got := []string{next(t, "an attempt", outcomes), next(t, "an attempt", outcomes)}
		slices.Sort(got)
		equal(t, "outcomes", got, "completed", "failed")
		same(t, "attempts", w.number("SELECT attempts FROM arrivals"), 6)
		w.exec(fmt.Sprintf("UPDATE arrivals SET attempts = %d, next_attempt = 1", bridge.ArrivalAttempts-1))
		same(t, "outcome", next(t, "the last attempt", outcomes), "discarded")
		same(t, "arrivals left", w.arrivals(), 0)
	})
}

func TestArrivalDelays(t *testing.T) {
	var sum time.Duration
	for n := 1; n < bridge.ArrivalAttempts; n++ {
		sum += bridge.ArrivalDelay(n)
	}
	if sum < 36*time.Hour || sum > 72*time.Hour {
		t.Errorf("an arrival is tried for %v, want about two days", sum)
	}
	same(t, "first", bridge.ArrivalDelay(1), time.Second)
	same(t, "longest", bridge.ArrivalDelay(100), 12*time.Hour)
}

// What finds no room in memory is read from the store, in its order.
func TestArrivalsThatFindNoRoom(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		const many = 500
		n := newBodies()
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.BoundArrivals(many, 7)
		w.start()
		for range 2 { // the second time it has caught up before
			together(10, func(sender int) error {
				for i := range many / 10 {
					w.admit(int64(sender), fmt.Sprintf("%03d", i))
				}
				return nil
			})
			until(t, "all are dealt with", func() bool { return w.arrivals() == 0 })
		}
		for sender := range 10 {
			got := n.from(int64(sender))
			half := len(got) / 2
			if len(got) != many/10*2 || !slices.IsSorted(got[:half]) || !slices.IsSorted(got[half:]) {
				t.Errorf("sender %d: %d in the order %v", sender, len(got), got)
			}
		}
	})
}

func TestTooManyArrivals(t *testing.T) {
	worldsWith(t, bridge.Options{Networks: []bridge.Network{newBodies()}}, func(w *world) {
		w.BoundArrivals(2, 10)
		w.admit(1, "x")
		w.admit(1, "y")
		err := w.Admit(w.t.Context(), bridge.Arrived{Network: "pump", SenderID: 2})
		full, ok := errors.AsType[*bridge.BacklogError](err)
		if !ok || full.Waiting != 2 || full.Bytes != 2 || full.RetryAfter <= 0 {
			w.t.Errorf("error %v, want a BacklogError", err)
		}
		w.start()
		until(w.t, "there is room", func() bool { n, _ := w.Backlog(); return n == 0 })
		w.admit(2, "")
	})
}

func TestArrivalsThatCannotBeStored(t *testing.T) {
	worldsWith(t, bridge.Options{Networks: []bridge.Network{newBodies()}}, func(w *world) {
		err := w.Admit(w.t.Context(), bridge.Arrived{Network: "pump", SenderID: 1, ContentType: "text/\x00"})
		same(w.t, "reason", bridge.ReasonOf(err), bridge.Invalid)
		w.admit(1, "x")
	})
}

// What a killed process has left is taken over: on SQLite at the next start, on
// PostgreSQL when its heart has stopped, and not before.
func TestArrivalsOfADeadProcess(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		dead := newWorld(t, address, bridge.Options{Networks: []bridge.Network{newBodies()}})
		for i := range 3 {
			dead.admit(1, strconv.Itoa(i))
		}
		n := newBodies()
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		if w.DB().Dialect() == models.Postgres {
			if err := w.Pulse(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, "arrivals taken from the living", w.number("SELECT COUNT(*) FROM arrivals WHERE process = '"+w.DB().ProcessName()+"'"), 0)
			w.exec("UPDATE processes SET heartbeat = 1 WHERE name = '" + dead.DB().ProcessName() + "'")
			if err := w.Pulse(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "they are dealt with", func() bool { return w.arrivals() == 0 })
		equal(t, "in their order", n.from(1), "0", "1", "2")
	})
}

// An arrival that is under way when the bridge stops is neither lost nor counted
// as a failure.
func TestArrivalsOutliveAStop(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		begun := make(chan struct{}, 1)
		n.process = func(ctx context.Context, _ *bridge.Arrived) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.admit(1, "x")
		next(t, "the work to begin", begun)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		same(t, "attempts that failed", w.number("SELECT attempts FROM arrivals"), 0)
	})
}

// What nobody has sent us is stored and is no news.
func TestReceiveQuietly(t *testing.T) {
	worlds(t, func(w *world) {
		ann, far := w.person("ann"), w.remote("far@far.example")
		w.follow(far, ann)
		in := bridge.Arrival{SenderID: far.ID, Network: "pump", Quiet: true, Activity: &vocab.Activity{ID: "https://far.example/n/1", Verb: vocab.VerbPost,
			To: []*vocab.Object{everybody(), ann.Doc.Ref()}, Object: &vocab.Object{ID: "https://far.example/n/1", Type: vocab.TypeNote, DisplayName: "old"}}}
		if _, err := w.Receive(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major))
		same(w.t, "title", w.object("https://far.example/n/1").Doc.DisplayName, "old")
	})
}
