package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
	"manifold/models/vocab"
)

// moveChunk is how many followers change over in one transaction.
const moveChunk = 20

// prepareMove is for somebody who goes on under another account, which the network
// has checked: each account names the other.
func (op *operation) prepareMove(context.Context) error {
	switch {
	case op.local:
		return invalid("An account of this server cannot be moved by an activity.")
	case op.object.actor == nil || op.object.actor.ID != op.actor.ID:
		return notAllowed("Can't move %s: not you.", op.doc.Object.ID)
	case op.doc.Target == nil:
		return invalid("The activity has no target: it must say which account is the new one.")
	case op.target.actor == nil:
		return unfetched("user", op.doc.Target.ID)
	case op.target.actor.ID == op.actor.ID:
		return invalid("Can't move to the same account.")
	case op.target.actor.State != models.Active:
		return goneActor(op.target.actor)
	}
	op.nameActor()
	return nil
}

// applyMove notes the move, and has those who follow here follow the new account.
func (op *operation) applyMove(ctx context.Context) error {
	move := &models.Move{ActorID: op.actor.ID, TargetID: op.target.actor.ID, ActivityID: op.row.ID, Created: op.now}
	changed, err := op.tx.SetMove(ctx, move)
	if err == nil && changed {
		op.addJob(moveArgs{From: move.ActorID, To: move.TargetID})
	}
	return err
}

// moveArgs are an account and the one that replaces it. The ids are written as
// strings, since the queue passes numbers through floating point on PostgreSQL.
type moveArgs struct {
	From int64 `json:"from,string"`
	To   int64 `json:"to,string"`
}

// Kind implements river.JobArgs.
func (moveArgs) Kind() string { return "move" }

type moveWorker struct {
	river.WorkerDefaults[moveArgs]
	b *Bridge
}

// Work has everybody here who follows the old account follow the new one, a few at
// a time. Those who have done so follow the old one no more, so a job that was cut
// off goes on where it was.
func (w *moveWorker) Work(ctx context.Context, job *river.Job[moveArgs]) error {
	for end := w.b.now().Add(JobTimeout / 2); w.b.now().Before(end); {
		left, err := w.b.moveSome(ctx, job.Args)
		if err != nil || !left {
			return err
		}
	}
	return river.JobSnooze(time.Second)
}

// moveSome has some followers change over, and reports whether there may be more.
func (b *Bridge) moveSome(ctx context.Context, m moveArgs) (left bool, err error) {
	err = b.db.Write(ctx, func(tx *models.Tx) error {
		old, err := tx.Actor(ctx, m.From)
		if err != nil {
			return err
		}
		next, err := tx.Actor(ctx, m.To)
		if err != nil {
			return err
		}
		followers, err := tx.LocalFollowers(ctx, old.ID, moveChunk)
		if err != nil {
			return err
		}
		left = len(followers) == moveChunk
		for _, f := range followers {
			if err := b.changeOver(ctx, tx, f, old, next); err != nil {
				return err
			}
		}
		return nil
	})
	return left, err
}

// changeOver has one follower follow another account instead, unless they do so
// already or there is a block between the two.
func (b *Bridge) changeOver(ctx context.Context, tx *models.Tx, id int64, old, next *models.Actor) error {
	follower, err := tx.Actor(ctx, id)
	if err != nil {
		return err
	}
	blocked, err := tx.BlockedBy(ctx, id, next.ID)
	if err == nil && !blocked {
		blocked, err = tx.BlockedBy(ctx, next.ID, id)
	}
	if err != nil {
		return err
	}
	_, err = tx.Edge(ctx, models.Follows, id, next.ID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	deeds := []*vocab.Activity{{Verb: vocab.VerbStopFollowing, Object: old.Doc.Ref(), To: []*vocab.Object{old.Doc.Ref()}}}
	if err != nil && !blocked && next.ID != id && next.State == models.Active {
		deeds = append(deeds, &vocab.Activity{Verb: vocab.VerbFollow, Object: next.Doc.Ref(), To: []*vocab.Object{next.Doc.Ref()}})
	}
	for _, d := range deeds {
		op := newOperation(b, tx, follower, d)
		op.quiet, op.because = true, true
		if err := op.run(ctx); err != nil {
			return err
		}
	}
	return nil
}
