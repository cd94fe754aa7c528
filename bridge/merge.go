package bridge

import (
	"context"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
)

// mergeChunk is how many things of each kind are moved in one transaction when two
// actors are merged.
const mergeChunk = 200

// mergeArgs are two rows of one actor. The ids are written as strings, since the
// queue passes numbers through floating point on PostgreSQL.
type mergeArgs struct {
	Loser  int64 `json:"loser,string"`
	Winner int64 `json:"winner,string"`
}

// Kind implements river.JobArgs.
func (mergeArgs) Kind() string { return "merge" }

// mergeActors makes two rows one that the names of one account belong to: somebody
// who was met on two networks, or under two names, before either named the other.
// The caller vouches for all of the names. It returns false, and changes nothing,
// where they cannot be one: where one network knows them under two ids, or where
// one of them is not in use, which the other may not escape by it. What is left to
// be moved after the first few things is done by a job.
func (b *Bridge) mergeActors(ctx context.Context, tx *models.Tx, loser, winner int64) (bool, error) {
	rows, err := tx.Actors(ctx, loser, winner)
	if err != nil {
		return false, err
	}
	for _, id := range []int64{loser, winner} {
		if a := rows[id]; a == nil || a.Local || a.State != models.Active || a.Silenced {
			return false, nil
		}
	}
	ours, err := tx.PresencesOf(ctx, winner)
	if err != nil {
		return false, err
	}
	theirs, err := tx.PresencesOf(ctx, loser)
	if err != nil {
		return false, err
	}
	for network, p := range theirs {
		if known, ok := ours[network]; ok && known.IRI != p.IRI {
			return false, nil
		}
	}
	if err := b.upgradeMerged(ctx, tx, loser, winner, theirs, ours); err != nil {
		return false, err
	}
	if err := tx.BeginMerge(ctx, loser, winner); err != nil {
		return false, err
	}
	left, err := tx.MergeSome(ctx, loser, winner, mergeChunk)
	if err == nil && left {
		err = b.queue.insert(ctx, tx, []river.InsertManyParams{{Args: mergeArgs{Loser: loser, Winner: winner}}})
	}
	if err == nil {
		tx.AfterCommit(func() {
			b.log.Info("two accounts were found to be one", "account", rows[winner].Doc.ID, "other", rows[loser].Doc.ID)
		})
	}
	return err == nil, err
}

type mergeWorker struct {
	river.WorkerDefaults[mergeArgs]
	b *Bridge
}

// Work moves what is left, a chunk at a time, so that it delays nobody for long, and
// goes on where it was when it is cut off.
func (w *mergeWorker) Work(ctx context.Context, job *river.Job[mergeArgs]) error {
	for end := time.Now().Add(JobTimeout / 2); time.Now().Before(end); {
		left := false
		err := w.b.db.Write(ctx, func(tx *models.Tx) error {
			// Who has won may have been merged since.
			winner, err := tx.Actor(ctx, job.Args.Winner)
			if err != nil {
				return err
			}
			left, err = tx.MergeSome(ctx, job.Args.Loser, winner.ID, mergeChunk)
			return err
		})
		if err != nil || !left {
			return err
		}
	}
	return river.JobSnooze(time.Second)
}

// rowOf picks the row that a profile is stored in from those that its names belong
// to, and makes the others one with it where that may be. It returns 0 for none, and
// the names that belong to nobody.
func (b *Bridge) rowOf(ctx context.Context, tx *models.Tx, names []string) (row int64, fresh []models.Identifier, err error) {
	known, err := tx.Lookup(ctx, names...)
	if err != nil {
		return 0, nil, err
	}
	var rows []int64
	for _, name := range names {
		i := slices.IndexFunc(known[name], func(r models.Ref) bool { return r.Kind == models.KindActor })
		if i < 0 {
			fresh = append(fresh, models.Identifier{Kind: models.KindActor, IRI: name})
		} else if id := known[name][i].ID; !slices.Contains(rows, id) {
			rows = append(rows, id)
		}
	}
	if len(rows) == 0 {
		return 0, fresh, nil
	}
	for _, other := range rows[1:] {
		if _, err := b.mergeActors(ctx, tx, other, rows[0]); err != nil {
			return 0, nil, err
		}
	}
	return rows[0], fresh, nil
}
