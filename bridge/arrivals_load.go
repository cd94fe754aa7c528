package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"manifold/models"
)

// loadEvery is how often the store is asked for arrivals that are to be tried
// again.
const loadEvery = time.Second

// start has arrivals dealt with until run ends, beginning with those that a
// killed process left behind.
func (q *arrivals) start(run context.Context) error {
	if err := q.take(run, true); err != nil {
		return err
	}
	if err := q.count(run); err != nil {
		return err
	}
	q.mu.Lock()
	q.run, q.behind = run, true
	q.mu.Unlock()
	q.workers.Go(func() { q.load(run) })
	return nil
}

// wait returns when nothing is worked on any more, or ctx is done.
func (q *arrivals) wait(ctx context.Context) {
	q.mu.Lock() // behind whoever was just about to begin work
	ended := make(chan struct{})
	q.mu.Unlock()
	go func() {
		q.workers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// take makes the arrivals ours of processes that are no more.
func (q *arrivals) take(ctx context.Context, fresh bool) error {
	return q.b.db.Write(ctx, func(tx *models.Tx) error {
		n, err := tx.TakeArrivals(ctx, fresh)
		if n > 0 {
			tx.AfterCommit(func() { q.b.log.Info("took over the arrivals of a process that is gone", "arrivals", n) })
		}
		return err
	})
}

// load brings arrivals from the store into memory: those that found no room
// there when they came, and those that are due again.
func (q *arrivals) load(run context.Context) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	counted := time.Now()
	for {
		if err := errors.Join(q.loadNew(run), q.loadDue(run)); err != nil && run.Err() == nil {
			q.b.log.Error("reading arrivals", "error", err)
		}
		if time.Since(counted) > countEvery {
			if err := q.count(run); err != nil && run.Err() == nil {
				q.b.log.Error("counting arrivals", "error", err)
			}
			counted = time.Now()
		}
		select {
		case <-run.Done():
			return
		case <-q.wake:
		case <-tick.C:
		}
	}
}

// loadChunk is how many arrivals are read at once.
const loadChunk = 100

// loadNew reads arrivals that are not in memory, as long as there is room. Once
// it has met the newest, those that come go into memory at once again.
func (q *arrivals) loadNew(ctx context.Context) error {
	for {
		q.mu.Lock()
		last, passed, wanted := q.last, q.passed, q.behind && !q.full()
		q.mu.Unlock()
		if !wanted {
			return nil
		}
		rows, err := q.b.db.NewArrivals(ctx, last, loadChunk)
		if err != nil {
			return err
		}
		q.mu.Lock()
		for _, row := range rows {
			q.hold(row)
		}
		// What was stored after we asked may have gone past us.
		if len(rows) < loadChunk && q.passed == passed {
			q.behind = false
		}
		q.dispatch()
		q.mu.Unlock()
	}
}

func (q *arrivals) loadDue(ctx context.Context) error {
	q.mu.Lock()
	room := !q.full()
	q.mu.Unlock()
	if !room {
		return nil
	}
	rows, err := q.b.db.DueArrivals(ctx, time.Now(), loadChunk)
	if err != nil || len(rows) == 0 {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, row := range rows {
		q.holdDue(row)
	}
	q.dispatch()
	return nil
}

// holdDue takes an arrival into memory that is tried again, which says nothing
// about how far we have read.
func (q *arrivals) holdDue(row *models.Arrived) {
	last := q.last
	q.hold(row)
	q.last = last
}

// count asks the store how much waits: other processes add to it too.
func (q *arrivals) count(ctx context.Context) error {
	waiting, size, err := q.b.db.CountArrivals(ctx)
	if err != nil {
		return fmt.Errorf("counting what waits: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.waitingBytes = waiting, size
	return nil
}
