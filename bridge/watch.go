package bridge

import (
	"cmp"
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

// Event tells that an activity was put into a stream, at which position and in
// which class.
type Event struct {
	StreamID
	Activity int64
	Position int64
	Class    models.Class
}

// watchers are those that wait for new items of streams. They are told after
// the transaction that made the items is durable, by whichever process it ran
// in.
type watchers struct {
	b  *Bridge
	mu sync.Mutex
	by map[StreamID][]*Watch
	// owners counts the watched streams of each owner.
	owners map[int64]int
	// all are the watches that are open.
	all        map[*Watch]bool
	narrowFrom int

	queue chan change
	quit  chan struct{}
	once  sync.Once
}

// change is an activity that is in streams now: in that of one owner where only
// is set, else in those of many, perhaps of owner among them.
type change struct {
	activity, owner int64
	only            bool
}

// Watch receives the events of some streams. Which these are can be changed at
// any time, so that one Watch serves a process that tells many others.
type Watch struct {
	// C has the events, as many at a time as were found together, in the order of
	// the streams but for those of activities that were done at the same moment. A
	// watcher that does not keep up loses events, and finds Lost closed: it should
	// read the streams again. Lost is closed too when the bridge stops.
	C    <-chan []Event
	Lost <-chan struct{}

	w *watchers
	// streams are those that are watched; w.mu guards what follows.
	streams map[StreamID]bool
	c       chan []Event
	lost    chan struct{}
	isLost  bool
}

func newWatchers(b *Bridge) *watchers {
	return &watchers{
		b: b, by: map[StreamID][]*Watch{}, owners: map[int64]int{}, all: map[*Watch]bool{},
		narrowFrom: narrowFrom, queue: make(chan change, 4096), quit: make(chan struct{}),
	}
}

// Watch has the events of streams sent to the returned Watch, until it is
// closed. buffer is how many times something may have happened before the watcher
// looks. The first events may be of what was done a moment before.
func (b *Bridge) Watch(buffer int, streams ...StreamID) *Watch {
	w := &Watch{w: b.watchers, streams: map[StreamID]bool{}, c: make(chan []Event, buffer), lost: make(chan struct{})}
	w.C, w.Lost = w.c, w.lost
	b.watchers.mu.Lock()
	b.watchers.all[w] = true
	b.watchers.mu.Unlock()
	w.Add(streams...)
	return w
}

// Add has further streams watched.
func (w *Watch) Add(streams ...StreamID) {
	w.w.mu.Lock()
	defer w.w.mu.Unlock()
	for _, s := range streams {
		if !w.streams[s] && w.w.all[w] {
			w.streams[s] = true
			w.w.by[s] = append(w.w.by[s], w)
			w.w.owners[s.Owner]++
		}
	}
}

// Remove has streams watched no longer. What was found before may still come.
func (w *Watch) Remove(streams ...StreamID) {
	w.w.mu.Lock()
	defer w.w.mu.Unlock()
	w.remove(streams)
}

func (w *Watch) remove(streams []StreamID) {
	for _, s := range streams {
		if !w.streams[s] {
			continue
		}
		delete(w.streams, s)
		if w.w.by[s] = slices.DeleteFunc(w.w.by[s], func(o *Watch) bool { return o == w }); len(w.w.by[s]) == 0 {
			delete(w.w.by, s)
		}
		if w.w.owners[s.Owner]--; w.w.owners[s.Owner] == 0 {
			delete(w.w.owners, s.Owner)
		}
	}
}

// Close ends the watching.
func (w *Watch) Close() {
	w.w.mu.Lock()
	defer w.w.mu.Unlock()
	var streams []StreamID
	for s := range w.streams {
		streams = append(streams, s)
	}
	w.remove(streams)
	delete(w.w.all, w)
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
	for watch := range w.all {
		watch.lose()
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
	numbers := first.append(nil)
	wait := gather
	if w.b.db.Dialect() == models.SQLite {
		wait = 0 // there are no other processes
	}
	enough := time.After(wait)
	for len(numbers) < 400 {
		select {
		case c := <-w.queue:
			numbers = c.append(numbers)
		case <-enough:
			return numbers
		case <-w.quit:
			return numbers
		}
	}
	return numbers
}

// append adds the change to a message: the activity, and the owner, negative
// where there are others.
func (c change) append(numbers []int64) []int64 {
	if !c.only {
		c.owner = -c.owner
	}
	return append(numbers, c.activity, c.owner)
}

// changesOf reads a message.
func changesOf(numbers []int64) []change {
	var list []change
	for c := range slices.Chunk(numbers, 2) {
		if len(c) == 2 {
			list = append(list, change{c[0], max(c[1], -c[1]), c[1] > 0})
		}
	}
	return list
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
	changes := changesOf(numbers)
	owners, err := w.concerned(ctx, changes)
	if err == nil && len(owners) > 0 {
		err = w.tell(ctx, changes, owners)
	}
	if err != nil && ctx.Err() == nil {
		w.b.log.Error("finding the streams of new activities", "error", err)
		w.loseAll()
	}
}

// tell finds the places of activities in the streams of some owners and tells
// those who watch them.
func (w *watchers) tell(ctx context.Context, changes []change, owners []int64) error {
	var activities []int64
	type placed struct{ activity, owner int64 } // owner is 0 for all
	changed := map[placed]bool{}
	for _, c := range changes {
		activities = append(activities, c.activity)
		if !c.only {
			c.owner = 0
		}
		changed[placed{c.activity, c.owner}] = true
	}
	places, err := w.b.db.PlacesOf(ctx, activities, owners)
	if err != nil {
		return err
	}
	slices.SortStableFunc(places, func(a, b models.Place) int { return cmp.Compare(a.Position, b.Position) })
	events := map[*Watch][]Event{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range places {
		if !changed[placed{p.Activity, 0}] && !changed[placed{p.Activity, p.Owner}] {
			continue // it was there before
		}
		id := StreamID{p.Owner, p.Stream}
		for _, watch := range w.by[id] {
			events[watch] = append(events[watch], Event{id, p.Activity, p.Position, p.Class})
		}
	}
	for watch, list := range events {
		select {
		case watch.c <- list:
		default:
			watch.lose()
		}
	}
	return nil
}

// narrowFrom is how many owners of watched streams are looked up for each
// activity. With more of them it is cheaper to ask first whom it can have
// reached.
const narrowFrom = 500

// concerned returns the owners of watched streams in which the changes may be.
func (w *watchers) concerned(ctx context.Context, changes []change) ([]int64, error) {
	w.mu.Lock()
	watched := len(w.owners)
	all := make([]int64, 0, min(watched, w.narrowFrom))
	if watched <= w.narrowFrom {
		for o := range w.owners {
			all = append(all, o)
		}
	}
	w.mu.Unlock()
	if watched <= w.narrowFrom {
		return all, nil
	}
	reached, everybody, err := w.reached(ctx, changes, watched)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if everybody {
		for o := range w.owners {
			all = append(all, o)
		}
		return all, nil
	}
	for o := range reached {
		if w.owners[o] > 0 {
			all = append(all, o)
		}
	}
	return all, nil
}

// reached returns the owners of all streams that the changes can be in, perhaps
// more, or that these are more than limit. Whoever gets an activity by
// [operation.distribution] must be among them. Those who have just ceased to
// follow may be missing.
func (w *watchers) reached(ctx context.Context, changes []change, limit int) (owners map[int64]bool, everybody bool, err error) {
	owners = map[int64]bool{0: true} // that of the public stream
	var ids []int64
	for _, c := range changes {
		owners[c.owner] = true
		if !c.only {
			ids = append(ids, c.activity)
		}
	}
	activities, err := w.b.db.Activities(ctx, ids...)
	if err != nil {
		return nil, false, err
	}
	edges := map[models.EdgeKind][]int64{}
	for _, a := range activities {
		owners[a.ActorID] = true
		if a.Object.Kind == models.KindActor {
			owners[a.Object.ID] = true
		}
		for _, to := range a.Audience {
			switch to.Kind {
			case models.AudienceActor:
				owners[to.ID] = true
			case models.AudienceGroup:
				owners[to.ID] = true
				edges[models.MemberOf] = append(edges[models.MemberOf], to.ID)
			case models.AudienceList:
				edges[models.MemberOf] = append(edges[models.MemberOf], to.ID)
			case models.AudienceFollowers:
				edges[models.Follows] = append(edges[models.Follows], to.ID)
			case models.AudiencePublic:
				edges[models.Follows] = append(edges[models.Follows], a.ActorID)
			}
		}
	}
	for kind, targets := range edges {
		found, err := w.b.db.LocalEdgesTo(ctx, kind, slices.Compact(slices.Sorted(slices.Values(targets))), limit)
		if err != nil {
			return nil, false, err
		}
		if len(found) >= limit {
			return nil, true, nil
		}
		for _, o := range found {
			owners[o] = true
		}
	}
	return owners, false, nil
}

// close ends the telling. Whoever watches is told that nothing more will come.
func (w *watchers) close() {
	w.once.Do(func() {
		close(w.quit)
		w.loseAll()
	})
}
