package bridge

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
	"manifold/models/vocab"
)

// eraseChunk is how much of an account goes in one transaction.
const eraseChunk = 200

// applyErase ends an account elsewhere: it acts no more from now on, and a job
// makes tombstones of what it did.
func (op *operation) applyErase(ctx context.Context) error {
	actor, err := op.rereadActor(ctx)
	if err != nil {
		return err
	}
	nick := actor.Doc.PreferredUsername
	actor.Doc = actor.Doc.Tombstone(op.now)
	actor.Doc.PreferredUsername = nick
	actor.State, actor.Updated = models.Deleted, op.now
	if err := op.tx.UpdateActor(ctx, actor); err != nil {
		return err
	}
	op.addJob(eraseArgs{Actor: actor.ID})
	return op.tx.RemoveOriginals(ctx, actor.ID)
}

// tellOfEnd tells the servers of those who follow an account of ours that it ends.
func (b *Bridge) tellOfEnd(ctx context.Context, tx *models.Tx, actor *models.Actor) error {
	if len(b.networks) == 0 {
		return nil
	}
	op := newOperation(b, tx, actor, &vocab.Activity{Verb: vocab.VerbDelete, Object: actor.Doc.Ref(),
		To: []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}})
	op.quiet, op.because = true, true
	return op.run(ctx)
}

// eraseArgs is an account that is gone. The id is written as a string, since the
// queue passes numbers through floating point on PostgreSQL.
type eraseArgs struct {
	Actor int64 `json:"actor,string"`
}

// Kind implements river.JobArgs.
func (eraseArgs) Kind() string { return "erase" }

type eraseWorker struct {
	river.WorkerDefaults[eraseArgs]
	b *Bridge
}

// Work removes what an account did, a piece at a time, so that nobody waits long
// for a position.
func (w *eraseWorker) Work(ctx context.Context, job *river.Job[eraseArgs]) error {
	for end := w.b.now().Add(JobTimeout / 2); w.b.now().Before(end); {
		var left bool
		err := w.b.db.Write(ctx, func(tx *models.Tx) (err error) {
			left, err = tx.EraseSome(ctx, job.Args.Actor, w.b.time(), eraseChunk)
			return err
		})
		if err != nil || !left {
			return err
		}
	}
	return river.JobSnooze(time.Second)
}
