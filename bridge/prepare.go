package bridge

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"manifold/models"
)

// Preparer is a network that makes something ready for every new actor of ours,
// such as keys that take long to make. What it makes is made when it is first
// needed, too: the job only has it be there by then.
type Preparer interface {
	Prepare(ctx context.Context, actor *models.Actor) error
}

// prepareArgs is a new actor, whose id is written as a string as in deliverArgs.
type prepareArgs struct {
	Actor int64 `json:"actor,string"`
}

// Kind implements river.JobArgs.
func (prepareArgs) Kind() string { return "prepare" }

// preparation is the job for a new actor, none where no network wants it.
func (b *Bridge) preparation(actor int64) []river.InsertManyParams {
	for _, n := range b.networks {
		if _, ok := n.(Preparer); ok {
			return []river.InsertManyParams{{Args: prepareArgs{Actor: actor}}}
		}
	}
	return nil
}

type prepareWorker struct {
	river.WorkerDefaults[prepareArgs]
	b *Bridge
}

// Work has the networks prepare for an actor.
func (w *prepareWorker) Work(ctx context.Context, job *river.Job[prepareArgs]) error {
	actor, err := w.b.db.Actor(ctx, job.Args.Actor)
	if errors.Is(err, models.ErrNotFound) || err == nil && actor.State == models.Deleted {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range w.b.networks {
		if p, ok := n.(Preparer); ok {
			errs = append(errs, p.Prepare(ctx, actor))
		}
	}
	return errors.Join(errs...)
}
