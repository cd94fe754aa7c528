package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// busy is a network with tasks, which also looks after things, and publishes.
type busy struct {
	*network
	tasks     chan bridge.Task
	tended    chan struct{}
	do        func(t *bridge.Task) error
	published []string
	publishes bool
}

func newBusy(name string) *busy {
	return &busy{network: newNetwork(name), tasks: make(chan bridge.Task, 10), tended: make(chan struct{}, 10)}
}

func (b *busy) Do(_ context.Context, t *bridge.Task) error {
	b.tasks <- *t
	if b.do != nil {
		return b.do(t)
	}
	return nil
}

func (b *busy) Tend(context.Context) error {
	b.tended <- struct{}{}
	return nil
}

func (b *busy) Publish(_ context.Context, _ *models.Tx, a *models.Activity) (bool, error) {
	b.published = append(b.published, a.Doc.Verb)
	return b.publishes, nil
}

// Tasks are done after the transaction that queued them; one that fails is done
// again, one that is refused is not.
func TestTasks(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newBusy("pump")
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		n.do = func(t *bridge.Task) error {
			switch t.Kind {
			case "fails":
				return errors.New("the hub is down")
			case "refused":
				return &bridge.Error{Reason: bridge.Gone, Text: "there is no such subscription"}
			}
			return nil
		}
		w.start()
		next(t, "the first look", n.tended)
		undone := errors.New("undone")
		err := w.DB().Write(t.Context(), func(tx *models.Tx) error {
			if err := w.AddTasks(t.Context(), tx, bridge.Task{Network: "pump", Kind: "never"}); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		for _, kind := range []string{"done", "fails", "refused"} {
			w.write(func(ctx context.Context, tx *models.Tx) error {
				return w.AddTasks(ctx, tx, bridge.Task{Network: "pump", Kind: kind, Subject: "of " + kind})
			})
			got := next(t, "a task", n.tasks)
			same(t, "task", fmt.Sprint(got), fmt.Sprint(bridge.Task{Network: "pump", Kind: kind, Subject: "of " + kind, Attempt: 1}))
		}
		later := time.Now().Add(time.Hour)
		w.write(func(ctx context.Context, tx *models.Tx) error {
			return w.AddTasks(ctx, tx, bridge.Task{Network: "pump", Kind: "later", At: later}, bridge.Task{Network: "gone", Kind: "x"})
		})
		until(t, "all have come to rest", func() bool {
			states := map[string]int{}
			for _, j := range w.jobs("task") {
				states[string(j.State)]++
			}
			return fmt.Sprint(states) == "map[cancelled:1 completed:1 retryable:1 scheduled:2]" ||
				fmt.Sprint(states) == "map[cancelled:1 completed:1 scheduled:3]"
		})
	})
}

// A task whose network is not connected waits for it, and is not used up by that; one
// that nobody misses for longer than any lease is dropped.
func TestTasksOfNetworksThatAreOff(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		var ahead atomic.Int64
		n := newBusy("late")
		w := newWorld(t, address, bridge.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		w.write(func(ctx context.Context, tx *models.Tx) error {
			return w.AddTasks(ctx, tx, bridge.Task{Network: "late", Kind: "ask", Subject: "a hub"}, bridge.Task{Network: "never", Kind: "x"})
		})
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		waiting := func() (ids []int64) {
			for _, j := range w.jobs("task") {
				if j.State == rivertype.JobStateScheduled && j.AttemptedAt != nil && len(j.Errors) == 0 {
					ids = append(ids, j.ID)
				}
			}
			return ids
		}
		until(t, "both wait", func() bool { return len(waiting()) == 2 })
		if err := w.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		ids := waiting()

		// The server is started again, with the network.
		w = newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		w.start()
		ahead.Store(int64(34 * 24 * time.Hour))
		for _, id := range ids {
			w.retryNow(id)
		}
		same(t, "task", fmt.Sprint(next(t, "the task", n.tasks)), fmt.Sprint(bridge.Task{Network: "late", Kind: "ask", Subject: "a hub", Attempt: 1}))
		until(t, "the other is dropped", func() bool {
			states := map[string]int{}
			for _, j := range w.jobs("task") {
				states[string(j.State)]++
			}
			return fmt.Sprint(states) == "map[cancelled:1 completed:1]"
		})
	})
}

// Tasks that others wait for run among the deliveries, the others apart.
func TestTasksThatDeliver(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{newBusy("pump")}})
		w.write(func(ctx context.Context, tx *models.Tx) error {
			return w.AddTasks(ctx, tx, bridge.Task{Network: "pump", Kind: "push", Delivers: true}, bridge.Task{Network: "pump", Kind: "ask"})
		})
		var queues []string
		for _, j := range w.jobs("task") {
			queues = append(queues, j.Queue)
		}
		slices.Sort(queues)
		equal(t, "queues", queues, "default", "search")
	})
}

// On a network that publishes nothing is delivered to those who only follow, but
// to whoever is named.
func TestPublishers(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newBusy("ostatus")
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{newNetwork("activitypub"), n}})
		ann := w.person("ann")
		atom, named, other := w.present("atom@gs.example", "ostatus", ""), w.present("named@gs.example", "ostatus", ""), w.present("rob@far.example", "activitypub", "")
		w.follow(ann, atom, named, other)
		const rob = "activitypub https://far.example/activitypub/rob"
		n.published, n.publishes = nil, true
		a := w.do(ann, act(vocab.VerbPost, note("hello"), everybody(), named.Doc.Ref()))
		equal(t, "told", n.published, vocab.VerbPost)
		equal(t, "inboxes", w.inboxesOf(a), rob, "ostatus https://gs.example/ostatus/named")
		n.publishes = false
		a = w.do(ann, act(vocab.VerbPost, note("again"), everybody()))
		equal(t, "inboxes", w.inboxesOf(a), rob, "ostatus https://gs.example/ostatus/atom", "ostatus https://gs.example/ostatus/named")
	})
}
