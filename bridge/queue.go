package bridge

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"manifold/models"
)

// Times of the job queue. A job that was running when its process was killed is
// freed at the next start on SQLite, and on PostgreSQL by any other process once
// the heartbeat has stopped; RescueAfter is the net below both.
const (
	JobTimeout     = 60 * time.Second
	RescueAfter    = 90 * time.Second
	heartbeatEvery = 10 * time.Second
	pollEvery      = 100 * time.Millisecond
	pruneEvery     = 10 * time.Minute
	// maxAttempts spreads the tries of a job over about five days, see retryDelay.
	maxAttempts = 18
)

// Queue is the job queue, in tables of its own in the same database. Jobs are
// queued by the transaction whose effects they carry out.
type Queue struct {
	b      *Bridge
	client *river.Client[*sql.Tx]
	cancel context.CancelFunc
	done   chan struct{}
	// observers end what ObserveJobs began.
	observers []func()
}

func queueDriver(db *models.DB) riverdriver.Driver[*sql.Tx] {
	if db.Dialect() == models.SQLite {
		return riversqlite.New(db.SQL())
	}
	return riverdatabasesql.New(db.SQL())
}

// MigrateQueue brings the tables of the job queue up to date. Several processes may do
// so at the same time.
func MigrateQueue(ctx context.Context, db *models.DB) error {
	m, err := rivermigrate.New(queueDriver(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("preparing the migrations of the job queue: %w", err)
	}
	// It has no lock: another process may have taken a step after it saw that the step
	// is to be taken.
	for range m.AllVersions() {
		if _, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("bringing the tables of the job queue up to date: %w", err)
	}
	return nil
}

func newQueue(b *Bridge) (*Queue, error) {
	if b.db.ProcessName() == "" {
		return nil, errors.New("making the job queue: the database must be joined first, or others would take this process for dead")
	}
	q := &Queue{b: b}
	workers := river.NewWorkers()
	river.AddWorker(workers, &deliverWorker{b: b})
	river.AddWorker(workers, &removeFilesWorker{b: b})
	river.AddWorker(workers, &pruneWorker{b: b})
	river.AddWorker(workers, &reachWorker{b: b})
	river.AddWorker(workers, &fetchWorker{b: b})
	river.AddWorker(workers, &recentWorker{b: b})
	river.AddWorker(workers, &mergeWorker{b: b})
	river.AddWorker(workers, &moveWorker{b: b})
	river.AddWorker(workers, &handoverWorker{b: b})
	river.AddWorker(workers, &eraseWorker{b: b})
	river.AddWorker(workers, &tallyWorker{b: b})
	river.AddWorker(workers, &prepareWorker{b: b})
	river.AddWorker(workers, &synchronizeWorker{b: b})
	river.AddWorker(workers, &taskWorker{b: b})
	river.AddWorker(workers, &tendWorker{b: b})
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: deliveryWorkers},
		retryQueue: {MaxWorkers: retryWorkers}, searchQueue: {MaxWorkers: searchWorkers}}
	b.addMailWorkers(workers, queues)
	client, err := river.NewClient(queueDriver(b.db), &river.Config{
		ID:                   b.db.ProcessName(),
		Logger:               slog.New(quiet{b.log.Handler()}),
		Workers:              workers,
		Queues:               queues,
		FetchPollInterval:    pollEvery,
		FetchCooldown:        10 * time.Millisecond,
		JobTimeout:           JobTimeout,
		RescueStuckJobsAfter: RescueAfter,
		MaxAttempts:          maxAttempts,
		RetryPolicy:          retryPolicy{},
		PeriodicJobs:         []*river.PeriodicJob{every(pruneEvery, pruneArgs{}), every(tendEvery, tendArgs{})},
	})
	if err != nil {
		return nil, fmt.Errorf("making the job queue: %w", err)
	}
	q.client = client
	return q, nil
}

// every has a job done from the start on, over and over.
func every(d time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(d), func() (river.JobArgs, *river.InsertOpts) { return args, nil }, &river.PeriodicJobOpts{RunOnStart: true})
}

// quiet lowers what the queue logs about its own workings: it reports its
// start, its leader and its maintenance at the level of information, and as
// errors what it gave up because it was told to stop.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	stopped := false
	r.Attrs(func(a slog.Attr) bool {
		// Some of its parts log the error, others only its text.
		stopped = strings.HasSuffix(a.Value.String(), context.Canceled.Error())
		return !stopped
	})
	if stopped {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

// retryPolicy waits 15 s after the first failure and three times as long after
// each further one, up to 12 hours, give or take a fifth, so that the many jobs
// that fail when a host goes down do not all return at once.
type retryPolicy struct{}

// NextRetry implements river.ClientRetryPolicy.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(retryDelay(len(job.Errors)+1, rand.Float64()))
}

func retryDelay(attempt int, jitter float64) time.Duration {
	d := math.Min(15*math.Pow(3, float64(attempt-1)), (12 * time.Hour).Seconds())
	return time.Duration(d * (0.8 + 0.4*jitter) * float64(time.Second))
}

// Start frees the jobs that a killed process left behind, and has jobs worked
// until [Bridge.Stop].
func (b *Bridge) Start(ctx context.Context) error {
	if err := errors.Join(b.freeJobs(ctx), b.hosts.sync(ctx)); err != nil {
		return err
	}
	if err := b.queue.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting the job queue: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b.queue.cancel, b.queue.done = cancel, make(chan struct{})
	go b.beat(run)
	b.index.start(run)
	if err := b.watchers.listen(run); err != nil {
		return errors.Join(err, b.Stop(ctx))
	}
	if err := b.arrivals.start(run); err != nil {
		return errors.Join(err, b.Stop(ctx))
	}
	return nil
}

// Stop lets running jobs end, until ctx is done; those that are left are
// started again elsewhere or after the next start.
func (b *Bridge) Stop(ctx context.Context) error {
	b.watchers.close()
	for _, end := range b.queue.observers {
		end()
	}
	if b.queue.cancel == nil {
		return nil
	}
	b.queue.cancel()
	<-b.queue.done
	b.arrivals.wait(ctx)
	b.index.wait()
	err := b.queue.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		err = b.queue.client.StopAndCancel(late)
	}
	if err != nil {
		return fmt.Errorf("stopping the job queue: %w", err)
	}
	return nil
}

// beat tells other processes that this one lives, and takes over the jobs of
// those that do not.
func (b *Bridge) beat(ctx context.Context) {
	defer close(b.queue.done)
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := b.pulse(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("keeping the process table", "error", err)
		}
	}
}

func (b *Bridge) pulse(ctx context.Context) error {
	if err := errors.Join(b.db.Heartbeat(ctx), b.hosts.sync(ctx)); err != nil || b.db.Dialect() != models.Postgres {
		return err
	}
	return errors.Join(b.freeJobs(ctx), b.arrivals.take(ctx, false))
}

// freeJobs makes the jobs available again that a process was working on which
// is no more. On SQLite only one process works on jobs, the one that starts.
func (b *Bridge) freeJobs(ctx context.Context) error {
	return b.db.Write(ctx, func(tx *models.Tx) error {
		n, err := tx.FreeJobs(ctx)
		if n > 0 {
			tx.AfterCommit(func() { b.log.Info("freed the jobs of a process that is gone", "jobs", n) })
		}
		return err
	})
}

// ObserveJobs has f called for every job that ends from now on, with its kind
// and how it ended: "completed", "failed" (it will be tried again), "cancelled"
// or "discarded" (it will not).
func (b *Bridge) ObserveJobs(f func(kind, outcome string)) {
	events, cancel := b.queue.client.Subscribe(river.EventKindJobCompleted, river.EventKindJobFailed, river.EventKindJobCancelled)
	b.queue.observers = append(b.queue.observers, cancel)
	go func() {
		for e := range events {
			outcome := "completed"
			switch {
			case e.Kind == river.EventKindJobCancelled:
				outcome = "cancelled"
			case e.Kind == river.EventKindJobFailed && e.Job.State == rivertype.JobStateDiscarded:
				outcome = "discarded"
			case e.Kind == river.EventKindJobFailed:
				outcome = "failed"
			}
			f(e.Job.Kind, outcome)
		}
	}()
}

// addJob queues a job with the transaction.
func (op *operation) addJob(args river.JobArgs) {
	op.jobs = append(op.jobs, river.InsertManyParams{Args: args})
}

// enqueue writes the jobs that the activity caused.
func (op *operation) enqueue(ctx context.Context) error {
	if err := op.deliveries(ctx); err != nil {
		return err
	}
	if err := op.forward(ctx); err != nil {
		return err
	}
	op.backfill()
	if err := op.notifications(ctx); err != nil {
		return err
	}
	if group := op.object.actor; group != nil && op.object.new && op.local {
		op.jobs = append(op.jobs, op.b.preparation(group.ID)...)
	}
	return op.b.queue.insert(ctx, op.tx, op.jobs)
}

func (q *Queue) insert(ctx context.Context, tx *models.Tx, jobs []river.InsertManyParams) error {
	if len(jobs) == 0 {
		return nil
	}
	// InsertManyFast is not to be had on SQLite: it panics in this version.
	if _, err := q.client.InsertManyTx(ctx, tx.SQL(), jobs); err != nil {
		return fmt.Errorf("queueing jobs: %w", err)
	}
	return nil
}

type removeFilesArgs struct {
	Paths []string `json:"paths"`
}

// Kind implements river.JobArgs.
func (removeFilesArgs) Kind() string { return "remove-files" }

type removeFilesWorker struct {
	river.WorkerDefaults[removeFilesArgs]
	b *Bridge
}

// Work removes the files of a thing that was deleted.
func (w *removeFilesWorker) Work(ctx context.Context, job *river.Job[removeFilesArgs]) error {
	if w.b.files == nil {
		return nil
	}
	var errs []error
	for _, path := range job.Args.Paths {
		// One that is missing was removed by an attempt that was cut off.
		if err := w.b.files.Remove(ctx, path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

type pruneArgs struct{}

// Kind implements river.JobArgs.
func (pruneArgs) Kind() string { return "prune" }

type pruneWorker struct {
	river.WorkerDefaults[pruneArgs]
	b *Bridge
}

// Work removes credentials that have outlived their use, and what is known of
// deliveries that failed long ago.
func (w *pruneWorker) Work(ctx context.Context, _ *river.Job[pruneArgs]) error {
	return w.b.db.Write(ctx, func(tx *models.Tx) error {
		if _, err := tx.PruneFailures(ctx, w.b.time()); err != nil {
			return err
		}
		_, err := tx.Prune(ctx, w.b.time())
		return err
	})
}
