package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
)

// Task is work that a network gives itself to do later, such as to ask a hub for
// a subscription. It is a job like all others: it is queued by the transaction
// that causes it, survives the process, and is tried again until it succeeds.
type Task struct {
	// Network is the name of the network that does it.
	Network string
	// Kind and Subject tell the network what to do.
	Kind, Subject string
	// At is the earliest time to do it, zero for at once.
	At time.Time
	// Delivers says that others wait for what it brings them: it does not wait behind
	// tasks that ask for something.
	Delivers bool
	// Attempt counts from 1; Last says that there will be no other. Both are set when
	// it is done.
	Attempt int
	Last    bool
}

// Tasker is a network that has tasks.
type Tasker interface {
	// Do does a task. After an error it is done again, later each time, for some
	// days, unless the error is an [*Error].
	Do(ctx context.Context, t *Task) error
}

// Tender is a network that has to look after something from time to time.
type Tender interface {
	// Tend is called every minute, by one of the processes on the store. What takes
	// long it leaves to tasks.
	Tend(ctx context.Context) error
}

const (
	// awaitNetwork is after what time a task is looked at again whose network is not
	// connected: it may be switched off for a while, or by mistake.
	awaitNetwork = 10 * time.Minute
	// keepTasks is how long that goes on: what others were to be asked is not worth
	// asking after the longest of leases.
	keepTasks = 33 * 24 * time.Hour
)

// tendEvery is how often networks look after what they have to.
const tendEvery = time.Minute

type taskArgs struct {
	Network string `json:"network"`
	Task    string `json:"task"`
	Subject string `json:"subject"`
}

// Kind implements river.JobArgs.
func (taskArgs) Kind() string { return "task" }

// InsertOpts implements river.JobArgsWithInsertOpts: tasks ask other servers, and
// are to delay no delivery.
func (taskArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: searchQueue} }

// AddTasks queues tasks with a transaction.
func (b *Bridge) AddTasks(ctx context.Context, tx *models.Tx, tasks ...Task) error {
	jobs := make([]river.InsertManyParams, len(tasks))
	for i, t := range tasks {
		jobs[i] = river.InsertManyParams{Args: taskArgs{t.Network, t.Kind, t.Subject}}
		o := taskArgs{}.InsertOpts()
		o.ScheduledAt = t.At
		if t.Delivers {
			o.Queue = river.QueueDefault
		}
		jobs[i].InsertOpts = &o
	}
	return b.queue.insert(ctx, tx, jobs)
}

type taskWorker struct {
	river.WorkerDefaults[taskArgs]
	b *Bridge
}

// Work has a network do one of its tasks.
func (w *taskWorker) Work(ctx context.Context, job *river.Job[taskArgs]) error {
	i := slices.IndexFunc(w.b.networks, func(n Network) bool { return n.Name() == job.Args.Network })
	if i < 0 && w.b.now().Sub(job.CreatedAt) < keepTasks {
		return river.JobSnooze(awaitNetwork)
	}
	if i < 0 {
		return river.JobCancel(fmt.Errorf("the network %s is switched off", job.Args.Network))
	}
	tasker, ok := w.b.networks[i].(Tasker)
	if !ok {
		return river.JobCancel(fmt.Errorf("the network %s has no tasks", job.Args.Network))
	}
	err := tasker.Do(ctx, &Task{Network: job.Args.Network, Kind: job.Args.Task, Subject: job.Args.Subject, Attempt: job.Attempt, Last: job.Attempt >= job.MaxAttempts})
	if ReasonOf(err) != 0 {
		return river.JobCancel(err)
	}
	return err
}

type tendArgs struct{}

// Kind implements river.JobArgs.
func (tendArgs) Kind() string { return "tend" }

// InsertOpts implements river.JobArgsWithInsertOpts: the next round makes good for
// one that failed.
func (tendArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: searchQueue, MaxAttempts: 1}
}

type tendWorker struct {
	river.WorkerDefaults[tendArgs]
	b *Bridge
}

// Work has each network look after what it has to.
func (w *tendWorker) Work(ctx context.Context, _ *river.Job[tendArgs]) error {
	var errs []error
	for _, n := range w.b.networks {
		if t, ok := n.(Tender); ok {
			errs = append(errs, t.Tend(ctx))
		}
	}
	return errors.Join(errs...)
}
