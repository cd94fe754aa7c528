package bridge

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
)

// Superseder is a network that keeps something up for those here who follow somebody,
// such as a subscription to a feed.
type Superseder interface {
	// Superseded is called once somebody elsewhere has answered a follow that was
	// handed over from this network to a better one, by the transaction that stores
	// the answer.
	Superseded(ctx context.Context, tx *models.Tx, actor int64) error
}

// handoverChunk is how many follows are sent by one transaction.
const handoverChunk = 200

// handoverArgs is somebody whom people here follow, and the network on which they do
// so from now on. The id is written as a string, since the queue passes numbers
// through floating point on PostgreSQL.
type handoverArgs struct {
	Actor   int64  `json:"actor,string"`
	Network string `json:"network"`
}

// Kind implements river.JobArgs.
func (handoverArgs) Kind() string { return "handover" }

// confirmsFollows reports whether follows on a network of ours are accepted.
func (b *Bridge) confirmsFollows(network string) bool {
	for _, n := range b.networks {
		if n.Name() == network {
			return n.Confirms()
		}
	}
	return false
}

// upgrade hands follows over where somebody is found on a network on which follows are
// accepted, and was known on others only: what was told once, by a network that asks
// nobody, their server there knows nothing of.
func (b *Bridge) upgrade(ctx context.Context, tx *models.Tx, actor int64, a *Account) error {
	if a.Inbox == "" || !b.confirmsFollows(a.Network) {
		return nil
	}
	before, err := tx.PresencesOf(ctx, actor)
	if err != nil || len(before) == 0 || before[a.Network].Inbox != "" {
		return err
	}
	return b.handOver(ctx, tx, actor, actor, a.Network, time.Time{})
}

// upgradeMerged does the same for two rows that become one, of which only one was
// known on such a network. What follows the other points to loser until it is moved.
func (b *Bridge) upgradeMerged(ctx context.Context, tx *models.Tx, loser, winner int64, theirs, ours map[string]models.Presence) error {
	for _, n := range b.networks {
		if !n.Confirms() {
			continue
		}
		from := int64(0)
		switch t, o := theirs[n.Name()].Inbox, ours[n.Name()].Inbox; {
		case t != "" && o == "" && len(ours) > 0:
			from = winner
		case o != "" && t == "" && len(theirs) > 0:
			from = loser
		default:
			continue
		}
		if err := b.handOver(ctx, tx, from, winner, n.Name(), b.time().Add(time.Minute)); err != nil {
			return err
		}
	}
	return nil
}

// handOver notes the follows of somebody as to be accepted on a network, and queues
// that they are sent there. They stay in force meanwhile.
func (b *Bridge) handOver(ctx context.Context, tx *models.Tx, from, actor int64, network string, at time.Time) error {
	n, err := tx.BeginHandover(ctx, from, actor, b.time())
	if err != nil || n == 0 {
		return err
	}
	job := river.InsertManyParams{Args: handoverArgs{Actor: actor, Network: network}}
	if !at.IsZero() {
		job.InsertOpts = &river.InsertOpts{ScheduledAt: at}
	}
	tx.AfterCommit(func() {
		b.log.Info("somebody is reached by a better network", "actor", actor, "network", network, "follows", n)
	})
	return b.queue.insert(ctx, tx, []river.InsertManyParams{job})
}

type handoverWorker struct {
	river.WorkerDefaults[handoverArgs]
	b *Bridge
}

// Work sends the follows that are handed over. One that is sent twice is answered
// twice.
func (w *handoverWorker) Work(ctx context.Context, job *river.Job[handoverArgs]) error {
	b, after := w.b, models.Handover{}
	for {
		more := false
		err := b.db.Write(ctx, func(tx *models.Tx) error {
			reach, err := tx.ReachOf(ctx, []string{job.Args.Network}, []int64{job.Args.Actor})
			inbox := reach[job.Args.Actor].Inbox
			if err != nil || inbox == "" {
				return err
			}
			list, err := tx.Handovers(ctx, job.Args.Actor, after, handoverChunk)
			if err != nil || len(list) == 0 {
				return err
			}
			jobs := make([]river.InsertManyParams, len(list))
			for i, h := range list {
				jobs[i] = river.InsertManyParams{Args: deliverArgs{Network: job.Args.Network, Activity: h.ActivityID, Inboxes: []string{inbox}}}
			}
			after, more = list[len(list)-1], len(list) == handoverChunk
			return b.queue.insert(ctx, tx, jobs)
		})
		if err != nil || !more {
			return err
		}
	}
}

// answered notes that somebody elsewhere has answered a follow, which the network that
// it was handed over from learns.
func (op *operation) answered(ctx context.Context, follower *models.Actor) error {
	if op.local || !follower.Local {
		return nil
	}
	ended, err := op.tx.EndHandover(ctx, follower.ID, op.actor.ID)
	if err != nil || !ended {
		return err
	}
	for _, n := range op.b.networks {
		if s, ok := n.(Superseder); ok {
			if err := s.Superseded(ctx, op.tx, op.actor.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
