package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
	"manifold/models/vocab"
)

// Synchronizer is a network on which a server can tell who of us follows one of its
// people, as far as it knows.
type Synchronizer interface {
	// FollowersHere reads the list of our people who follow an actor elsewhere, by
	// their ids, where the server of the actor keeps it. The list is whole.
	FollowersHere(ctx context.Context, actor *models.Actor, list string) ([]string, error)
}

// Bounds of the comparing of followers.
const (
	// maxSynchronized is how many followers here somebody may have for them to be
	// compared.
	maxSynchronized = 10_000
	// settleFor is how old a follow has to be: the list may have been made before the
	// server heard of a newer one.
	settleFor = 10 * time.Minute
	// endedAtOnce is how many follows a transaction ends.
	endedAtOnce = 50
)

// synchronizeArgs is somebody elsewhere of whose followers here their server believes
// something else than we do. The id is written as a string as in deliverArgs.
type synchronizeArgs struct {
	Network string `json:"network"`
	Actor   int64  `json:"actor,string"`
	List    string `json:"list"`
}

// Kind implements river.JobArgs.
func (synchronizeArgs) Kind() string { return "synchronize" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (synchronizeArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: searchQueue, MaxAttempts: fetchAttempts}
}

// Synchronize has the followers that somebody elsewhere has here compared with the
// list of them that their server keeps: those who are not in it follow no more.
func (b *Bridge) Synchronize(ctx context.Context, network string, actor int64, list string) error {
	return b.db.Write(ctx, func(tx *models.Tx) error {
		return b.queue.insert(ctx, tx, []river.InsertManyParams{{Args: synchronizeArgs{Network: network, Actor: actor, List: list}}})
	})
}

type synchronizeWorker struct {
	river.WorkerDefaults[synchronizeArgs]
	b *Bridge
}

// Work ends the follows that the other server does not know of.
func (w *synchronizeWorker) Work(ctx context.Context, job *river.Job[synchronizeArgs]) error {
	b := w.b
	i := slices.IndexFunc(b.networks, func(n Network) bool { return n.Name() == job.Args.Network })
	if i < 0 {
		return river.JobCancel(fmt.Errorf("the network %s is switched off", job.Args.Network))
	}
	n, ok := b.networks[i].(Synchronizer)
	if !ok {
		return river.JobCancel(errors.New("the network " + job.Args.Network + " has no lists of followers"))
	}
	actor, err := b.db.Actor(ctx, job.Args.Actor)
	if errors.Is(err, models.ErrNotFound) || err == nil && actor.State != models.Active {
		return nil
	}
	if err != nil {
		return err
	}
	ids, err := n.FollowersHere(ctx, actor, job.Args.List)
	if err != nil {
		return fmt.Errorf("reading who of us follows %s: %w", actor.Doc.ID, err)
	}
	stale, err := b.unlisted(ctx, actor.ID, ids)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(stale, endedAtOnce) {
		if err := b.endFollows(ctx, actor.ID, chunk); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		b.log.Info("ended follows that the other server does not know of", "actor", actor.Doc.ID, "follows", strconv.Itoa(len(stale)))
	}
	return nil
}

// unlisted are the followers here of somebody who are none of those with these ids.
func (b *Bridge) unlisted(ctx context.Context, actor int64, ids []string) ([]int64, error) {
	followers, err := b.db.LocalFollowers(ctx, actor, maxSynchronized+1)
	if err != nil || len(followers) > maxSynchronized {
		return nil, err
	}
	known, err := b.db.Lookup(ctx, ids...)
	if err != nil {
		return nil, err
	}
	listed := map[int64]bool{}
	for _, refs := range known {
		for _, r := range refs {
			listed[r.ID] = listed[r.ID] || r.Kind == models.KindActor
		}
	}
	return slices.DeleteFunc(followers, func(id int64) bool { return listed[id] }), nil
}

// endFollows ends the follows of people here of somebody elsewhere, but for those that
// are new.
func (b *Bridge) endFollows(ctx context.Context, actor int64, followers []int64) error {
	return b.db.Write(ctx, func(tx *models.Tx) error {
		followed, err := tx.Actor(ctx, actor)
		if err != nil {
			return err
		}
		op := newOperation(b, tx, followed, &vocab.Activity{})
		for _, follower := range followers {
			edge, err := tx.Edge(ctx, models.Follows, follower, actor)
			if errors.Is(err, models.ErrNotFound) || err == nil && edge.Created.After(op.now.Add(-settleFor)) {
				continue
			}
			if err != nil {
				return err
			}
			if err := op.endFollow(ctx, follower, actor); err != nil {
				return err
			}
		}
		return nil
	})
}
