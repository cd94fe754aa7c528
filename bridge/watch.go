package bridge

import (
	"context"
	"slices"
	"sync"
	"time"

	"manifold/models"
)

// StreamID names a stream that can be watched.
type StreamID struct {
	Owner  int64
	Stream models.Stream
}

// Event tells that an activity was put into a stream.
type Event struct {
	StreamID
	Activity int64
}

// watchers are those that wait for new items of streams. They are told after
// the transaction that made the items is durable, by whichever process it ran
// in.
type watchers struct {
	b  *Bridge
	mu sync.Mutex
	by map[StreamID]map[*Watch]bool

	queue chan change
	quit  chan struct{}
	once  sync.Once
}

// change is an activity that is in streams now: in that of one owner, or, where
// owner is 0, in those of many.
type change struct{ activity, owner int64 }

// Watch receives the events of some streams.
type Watch struct {
	// C has the events in the order of the stream, but for those of activities
	// that were done at the same moment. A watcher that does not keep up loses
	// events, and finds Lost closed: it should read the stream again.
	C    <-chan Event
	Lost <-chan struct{}

	w       *watchers
	streams []StreamID
	c       chan Event
	lost    chan struct{}
	isLost  bool
}

func newWatchers(b *Bridge) *watchers {
	return &watchers{b: b, by: map[StreamID]map[*Watch]bool{}, queue: make(chan change, 1024), quit: make(chan struct{})}
}

// Watch has the events of streams sent to the returned Watch, until it is
// closed. buffer is how many may wait there. The first events may be of what was
// done a moment before.
func (b *Bridge) Watch(buffer int, streams ...StreamID) *Watch {
	w := &Watch{w: b.watchers, streams: streams, c: make(chan Event, buffer), lost: make(chan struct{})}
	w.C, w.Lost = w.c, w.lost
	b.watchers.mu.Lock()
	defer b.watchers.mu.Unlock()
	for _, s := range streams {
		if b.watchers.by[s] == nil {
			b.watchers.by[s] = map[*Watch]bool{}
		}
		b.watchers.by[s][w] = true
	}
	return w
}

// Close ends the watching.
func (w *Watch) Close() {
	w.w.mu.Lock()
	defer w.w.mu.Unlock()
	for _, s := range w.streams {
		delete(w.w.by[s], w)
		if len(w.w.by[s]) == 0 {
			delete(w.w.by, s)
		}
	}
}

// changed is told of an activity that is now in streams. It never waits.
func (w *watchers) changed(c change) {
	if w.b.db.Dialect() == models.SQLite && !w.any() {
		return
	}
	select {
	case w.queue <- c:
	default:
		w.loseAll()
	}
}

func (w *watchers) any() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.by) > 0
}

// loseAll tells every watcher that it missed something.
func (w *watchers) loseAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, set := range w.by {
		for watch := range set {
			watch.lose()
		}
	}
}

func (w *Watch) lose() {
	if !w.isLost {
		w.isLost = true
		close(w.lost)
	}
}

// listen starts to tell watchers. With several processes on PostgreSQL each
// tells the others by NOTIFY, itself included.
func (w *watchers) listen(ctx context.Context) error {
	if w.b.db.Dialect() == models.Postgres {
		if err := w.b.db.Listen(ctx, w.dispatch, w.loseAll); err != nil {
			return err
		}
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.quit:
				return
			case c := <-w.queue:
				w.forward(ctx, w.drain(c))
			}
		}
	}()
	return nil
}

// gather is how long a message to other processes waits for more to go with it:
// one for each post would cost PostgreSQL a quarter of what the post does.
const gather = 20 * time.Millisecond

// drain takes what else waits, so that a burst of activities is one message: the
// numbers of all changes, one after the other.
func (w *watchers) drain(first change) []int64 {
	numbers := []int64{first.activity, first.owner}
	wait := gather
	if w.b.db.Dialect() == models.SQLite {
		wait = 0 // there are no other processes
	}
	enough := time.After(wait)
	for len(numbers) < 400 {
		select {
		case c := <-w.queue:
			numbers = append(numbers, c.activity, c.owner)
		case <-enough:
			return numbers
		case <-w.quit:
			return numbers
		}
	}
	return numbers
}

func (w *watchers) forward(ctx context.Context, numbers []int64) {
	if w.b.db.Dialect() == models.SQLite {
		w.dispatch(ctx, numbers)
		return
	}
	if err := w.b.db.Notify(ctx, numbers); err != nil && ctx.Err() == nil {
		w.b.log.Error("telling other processes of new activities", "error", err)
		w.dispatch(ctx, numbers)
	}
}

// dispatch tells the watchers of this process about changes: one query finds in
// which of the watched streams they are.
func (w *watchers) dispatch(ctx context.Context, numbers []int64) {
	var activities []int64
	changes := map[change]bool{}
	for c := range slices.Chunk(numbers, 2) {
		activities = append(activities, c[0])
		changes[change{c[0], c[len(c)-1]}] = true
	}
	w.mu.Lock()
	owners := map[int64]bool{}
	for s := range w.by {
		owners[s.Owner] = true
	}
	w.mu.Unlock()
	if len(owners) == 0 {
		return
	}
	list := make([]int64, 0, len(owners))
	for o := range owners {
		list = append(list, o)
	}
	places, err := w.b.db.PlacesOf(ctx, activities, list)
	if err != nil {
		if ctx.Err() == nil {
			w.b.log.Error("finding the streams of new activities", "error", err)
		}
		w.loseAll()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range places {
		if !changes[change{p.Activity, 0}] && !changes[change{p.Activity, p.Owner}] {
			continue // it was there before
		}
		id := StreamID{p.Owner, p.Stream}
		for watch := range w.by[id] {
			select {
			case watch.c <- Event{id, p.Activity}:
			default:
				watch.lose()
			}
		}
	}
}

func (w *watchers) close() { w.once.Do(func() { close(w.quit) }) }
