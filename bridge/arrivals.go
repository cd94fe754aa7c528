package bridge

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"manifold/models"
)

// Arrived is a document that another server brought, whose sender has been
// verified. It waits in the store until its network has dealt with it.
type Arrived struct {
	ID int64
	// Network is the name of the network that it came by.
	Network string
	// SenderID is who sent it, RecipientID whose inbox it was sent to, 0 for one
	// that is shared.
	SenderID, RecipientID int64
	// Verified tells how the sender was verified.
	Verified, ContentType string
	Bytes                 []byte
	Received              time.Time
	// Attempts is how often it was tried in vain.
	Attempts int

	settled bool
}

// Processor is a network that deals with documents after they were admitted.
type Processor interface {
	// Process does what a document says, by [Bridge.Receive] with [Bridge.Settled]
	// as Within. When it returns nil or an [*Error], the document is done with; after
	// any other error it is tried again, for about two days. It may be called with
	// the same document again, and at the same time with those of other senders.
	Process(ctx context.Context, a *Arrived) error
}

// BacklogError means that so many arrivals wait that no more are taken.
type BacklogError struct {
	// Waiting is how many there are, Bytes how long they are together.
	Waiting, Bytes int64
	// RetryAfter is when to try again.
	RetryAfter time.Duration
}

func (e *BacklogError) Error() string {
	return fmt.Sprintf("%d documents of %d bytes wait to be dealt with; no more are taken at the moment", e.Waiting, e.Bytes)
}

// Bounds of what waits, in number and bytes. What is in memory is a part of what
// is in the store.
const (
	maxBacklog      = 100_000
	maxBacklogBytes = 1 << 30
	maxHeld         = 2_000
	maxHeldBytes    = 64 << 20
)

const (
	// admitBatch is how many arrivals share a commit.
	admitBatch = 128
	// arrivalWorkers is how many documents are dealt with at the same time. Most of
	// them wait for the commit or for another server.
	arrivalWorkers = 16
	// heldAttempts is after how many failures a document lets those pass that came
	// later from the same sender.
	heldAttempts    = 3
	arrivalAttempts = 12
	countEvery      = 10 * time.Second
)

// Admit stores a document, durably, so that its sender may be told that it has
// been taken; it is dealt with afterwards. It returns a [*BacklogError] when too
// much waits already.
func (b *Bridge) Admit(ctx context.Context, a Arrived) error {
	if a.Received.IsZero() {
		a.Received = b.time()
	}
	row := &models.Arrived{Network: a.Network, SenderID: a.SenderID, RecipientID: a.RecipientID, Verified: a.Verified, ContentType: a.ContentType,
		Bytes: a.Bytes, Received: a.Received}
	if err := models.StorableArrival(row); err != nil {
		return invalid("The content type of the document cannot be stored: %v.", err)
	}
	stored, err := b.arrivals.admit(row)
	if err != nil {
		return err
	}
	select {
	case err := <-stored:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Settled returns what removes an arrival in the transaction that deals with it,
// for [Arrival.Within].
func (b *Bridge) Settled(a *Arrived) func(context.Context, *models.Tx) error {
	return func(ctx context.Context, tx *models.Tx) error {
		if a.ID == 0 || a.settled {
			return nil
		}
		err := tx.RemoveArrival(ctx, a.ID)
		if errors.Is(err, models.ErrNotFound) {
			return errSettled
		}
		tx.AfterCommit(func() { a.settled = true })
		return err
	}
}

// errSettled means that another process has dealt with an arrival.
var errSettled = errors.New("the arrival has been dealt with already")

// ObserveArrivals has f called for every attempt to deal with an arrival from
// now on, with its network and how it ended: "completed", "refused", "failed" (it
// will be tried again) or "discarded" (it will not). Call it before [Bridge.Start].
func (b *Bridge) ObserveArrivals(f func(network, outcome string)) {
	b.arrivals.observers = append(b.arrivals.observers, f)
}

// Backlog tells how many arrivals wait to be dealt with, and how long they are
// together, as far as this process knows.
func (b *Bridge) Backlog() (waiting, bytes int64) {
	b.arrivals.mu.Lock()
	defer b.arrivals.mu.Unlock()
	return b.arrivals.waiting, b.arrivals.waitingBytes
}

// arrivals takes documents in and has them dealt with. Those of one sender are
// dealt with one after the other, in the order of their coming.
type arrivals struct {
	b         *Bridge
	observers []func(network, outcome string)
	workers   sync.WaitGroup
	// wake tells the loader that there is room.
	wake chan struct{}
	// maxWaiting and maxHeld are maxBacklog and maxHeld, or what a test sets.
	maxWaiting int64
	maxHeld    int

	mu sync.Mutex
	// admitting wait to be stored; storing says that somebody does.
	admitting []admission
	storing   bool
	// waiting and waitingBytes are all that is in the store.
	waiting, waitingBytes int64

	run     context.Context // nil while the bridge is not started
	working int
	// held are the arrivals in memory, by id, lanes those of each sender.
	held      map[int64]*Arrived
	heldBytes int
	lanes     map[int64]*lane
	ready     []*lane
	// last is the newest arrival that has been in memory. behind says that there
	// are newer ones in the store, which have to be read from there; passed counts
	// those that went there only.
	last   int64
	behind bool
	passed int64
}

type admission struct {
	row    *models.Arrived
	stored chan error
}

// lane are the arrivals of one sender. It is in ready, or worked on, or paused, or
// empty and gone.
type lane struct {
	sender int64
	queue  []*Arrived
}

func newArrivals(b *Bridge) *arrivals {
	return &arrivals{b: b, wake: make(chan struct{}, 1), maxWaiting: maxBacklog, maxHeld: maxHeld,
		held: map[int64]*Arrived{}, lanes: map[int64]*lane{}, behind: true}
}

// admit has a row stored with all others that come at the same time.
func (q *arrivals) admit(row *models.Arrived) (<-chan error, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting >= q.maxWaiting || q.waitingBytes >= maxBacklogBytes {
		return nil, &BacklogError{Waiting: q.waiting, Bytes: q.waitingBytes, RetryAfter: time.Minute}
	}
	q.waiting++
	q.waitingBytes += int64(len(row.Bytes))
	a := admission{row, make(chan error, 1)}
	q.admitting = append(q.admitting, a)
	if !q.storing {
		q.storing = true
		go q.store()
	}
	return a.stored, nil
}

// store commits what waits to be stored until nothing does.
func (q *arrivals) store() {
	for {
		q.mu.Lock()
		n := min(len(q.admitting), admitBatch)
		if n == 0 {
			q.storing, q.admitting = false, nil
			q.mu.Unlock()
			return
		}
		batch := q.admitting[:n]
		q.admitting = q.admitting[n:]
		q.mu.Unlock()
		q.storeBatch(batch)
	}
}

func (q *arrivals) storeBatch(batch []admission) {
	rows := make([]*models.Arrived, len(batch))
	for i, a := range batch {
		rows[i] = a.row
	}
	// The request of one of them may not end the statement of all.
	ctx, cancel := context.WithTimeout(context.Background(), JobTimeout)
	defer cancel()
	err := q.b.db.AdmitArrivals(ctx, rows)
	q.mu.Lock()
	for _, row := range rows {
		switch {
		case err != nil:
			q.uncount(len(row.Bytes))
		case row.ID <= q.last: // the loader has met it
		case q.behind || q.full():
			q.behind = true
			q.passed++
		default:
			q.hold(row)
		}
	}
	q.dispatch()
	q.mu.Unlock()
	for _, a := range batch {
		a.stored <- err
	}
}

func (q *arrivals) uncount(size int) {
	q.waiting--
	q.waitingBytes -= int64(size)
}

func (q *arrivals) full() bool {
	return len(q.held) >= q.maxHeld || q.heldBytes >= maxHeldBytes
}

// hold takes an arrival into memory, at the end of the lane of its sender.
func (q *arrivals) hold(row *models.Arrived) {
	if q.held[row.ID] != nil {
		return
	}
	a := &Arrived{ID: row.ID, Network: row.Network, SenderID: row.SenderID, RecipientID: row.RecipientID, Verified: row.Verified,
		ContentType: row.ContentType, Bytes: row.Bytes, Received: row.Received, Attempts: row.Attempts}
	q.held[a.ID] = a
	q.heldBytes += len(a.Bytes)
	q.last = max(q.last, a.ID)
	l := q.lanes[a.SenderID]
	if l == nil {
		l = &lane{sender: a.SenderID}
		q.lanes[a.SenderID] = l
		q.ready = append(q.ready, l)
	}
	l.queue = append(l.queue, a)
}

// release forgets the first arrival of a lane, and has the next one worked on.
func (q *arrivals) release(l *lane) {
	a := l.queue[0]
	delete(q.held, a.ID)
	q.heldBytes -= len(a.Bytes)
	l.queue[0] = nil
	if l.queue = l.queue[1:]; len(l.queue) == 0 {
		delete(q.lanes, l.sender)
	} else {
		q.ready = append(q.ready, l)
	}
	if q.behind && len(q.held) <= q.maxHeld/2 {
		q.hurry()
	}
}

func (q *arrivals) hurry() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// dispatch has as many lanes worked on as there may be workers.
func (q *arrivals) dispatch() {
	for q.run != nil && q.run.Err() == nil && q.working < min(arrivalWorkers, q.working+len(q.ready)) {
		q.working++
		l, a := q.next()
		q.workers.Go(func() { q.work(l, a) })
	}
}

// next takes the lane that has waited longest, and its first arrival.
func (q *arrivals) next() (*lane, *Arrived) {
	l := q.ready[0]
	q.ready = q.ready[1:]
	return l, l.queue[0]
}

// work deals with the first arrival of a lane, and goes on with the lane that has
// waited longest. The lane itself is q.mu's: others add to it meanwhile.
func (q *arrivals) work(l *lane, a *Arrived) {
	for {
		pause := q.attempt(a)
		q.mu.Lock()
		if pause < 0 {
			q.release(l)
		} else {
			paused := l
			time.AfterFunc(pause, func() { q.resume(paused) })
		}
		if q.run.Err() != nil || len(q.ready) == 0 {
			q.working--
			q.mu.Unlock()
			return
		}
		l, a = q.next()
		q.mu.Unlock()
	}
}

// resume makes a lane ready that was paused.
func (q *arrivals) resume(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready = append(q.ready, l)
	q.dispatch()
}

// attempt deals with an arrival. It returns for how long the lane is to be paused
// before it is tried again, less than 0 where the lane goes on.
func (q *arrivals) attempt(a *Arrived) time.Duration {
	run := q.run
	ctx, cancel := context.WithTimeout(run, JobTimeout)
	defer cancel()
	err := q.process(ctx, a)
	if err != nil && run.Err() != nil && ReasonOf(err) == 0 {
		return 0 // it was told to stop; the next start goes on with it
	}
	log := q.b.log.With("network", a.Network, "sender", a.SenderID, "attempt", a.Attempts+1)
	switch {
	case err == nil, errors.Is(err, errSettled):
		return q.done(ctx, a, "completed")
	case ReasonOf(err) != 0:
		log.Info("refused what another server sent", "error", err)
		return q.done(ctx, a, "refused")
	case a.Attempts+1 >= arrivalAttempts:
		log.Error("gave up what another server sent", "error", err)
		return q.done(ctx, a, "discarded")
	}
	log.Warn("could not deal with what another server sent, it will be tried again", "error", err)
	a.Attempts++
	delay := arrivalDelay(a.Attempts)
	err = q.postpone(ctx, a, delay)
	q.observe(a.Network, "failed")
	if err != nil {
		log.Error("noting a failed arrival", "error", err)
		return min(delay, 10*time.Second)
	}
	if a.Attempts < heldAttempts {
		return delay
	}
	return -1
}

// arrivalDelay is how long an arrival waits after so many failures: a second,
// and four times as long after each further one, up to 12 hours.
func arrivalDelay(attempts int) time.Duration {
	return min(time.Second<<(2*min(attempts-1, 10)), 12*time.Hour)
}

func (q *arrivals) process(ctx context.Context, a *Arrived) (err error) {
	i := slices.IndexFunc(q.b.networks, func(n Network) bool { return n.Name() == a.Network })
	if i < 0 {
		return fmt.Errorf("the network %s is switched off", a.Network)
	}
	p, ok := q.b.networks[i].(Processor)
	if !ok {
		return fmt.Errorf("the network %s takes nothing in", a.Network)
	}
	defer func() {
		// A document that breaks the code of a network may not end the program.
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while dealing with an arrival: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Process(ctx, a)
}

// done removes an arrival that has been dealt with, where the transaction that
// did so has not.
func (q *arrivals) done(ctx context.Context, a *Arrived, outcome string) time.Duration {
	if !a.settled {
		err := q.b.db.Write(context.WithoutCancel(ctx), func(tx *models.Tx) error { return tx.RemoveArrival(ctx, a.ID) })
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			q.b.log.Error("removing an arrival", "error", err)
			return 10 * time.Second
		}
	}
	q.mu.Lock()
	q.uncount(len(a.Bytes))
	q.mu.Unlock()
	q.observe(a.Network, outcome)
	return -1
}

func (q *arrivals) postpone(ctx context.Context, a *Arrived, delay time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	next := time.Now().Add(delay)
	return q.b.db.Write(ctx, func(tx *models.Tx) error { return tx.PostponeArrival(ctx, a.ID, a.Attempts, next) })
}

func (q *arrivals) observe(network, outcome string) {
	for _, f := range q.observers {
		f(network, outcome)
	}
}
