package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
	"manifold/models/vocab"
)

// searchQueue has the jobs that ask other servers for what is not known yet. Those
// may take long, and are to delay no delivery.
const searchQueue = "search"

// searchWorkers is how many of them run at the same time.
const searchWorkers = 24

// reachArgs is somebody elsewhere to whom an activity is to be delivered, and of
// whom is not known, or not known any more, how. Ids are written as strings, since
// the queue passes numbers through floating point on PostgreSQL.
type reachArgs struct {
	Activity int64 `json:"activity,string"`
	Actor    int64 `json:"actor,string"`
	// Sent is the inbox that the activity is on its way to already.
	Sent string `json:"sent,omitempty"`
}

// Kind implements river.JobArgs.
func (reachArgs) Kind() string { return "reach" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (reachArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: searchQueue} }

// reach queues the search for everybody elsewhere whom the activity names, and of
// whom no network of ours knows, or has asked for a day.
func (op *operation) reach(ctx context.Context) error {
	ids := op.namedElsewhere()
	if len(ids) == 0 {
		return nil
	}
	known, err := op.tx.ReachOf(ctx, op.b.networkNames(), ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		r := known[id]
		if r.Inbox == "" || op.now.Sub(r.Verified) >= staleAfter {
			op.addJob(reachArgs{Activity: op.row.ID, Actor: id, Sent: r.Inbox})
		}
	}
	return nil
}

// namedElsewhere are the people and groups elsewhere whom the activity names as
// recipients, or who have to learn of it.
func (op *operation) namedElsewhere() []int64 {
	var ids []int64
	add := func(id int64) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, a := range op.audience {
		if (a.Kind == models.AudienceActor || a.Kind == models.AudienceGroup) && !op.b.names.Ours(a.doc.ID) {
			add(a.ID)
		}
	}
	if o := op.object.actor; o != nil && !o.Local && concernsObject(op.doc.Verb, o.Type) {
		add(o.ID)
	}
	return ids
}

// hostsAsked are the hosts on which somebody is looked for whom the activity names.
func (op *operation) hostsAsked(ctx context.Context) (map[string]bool, error) {
	lost, err := unreached(ctx, op.tx, op.b.networkNames(), op.namedElsewhere())
	hosts := map[string]bool{}
	for _, a := range lost {
		hosts[a.Host] = true
	}
	return hosts, err
}

// unreached are those of whom is not known how they are reached.
func unreached(ctx context.Context, from interface {
	ReachOf(context.Context, []string, []int64) (map[int64]models.Reach, error)
	Actors(context.Context, ...int64) (map[int64]*models.Actor, error)
}, networks []string, ids []int64) (map[int64]*models.Actor, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	known, err := from.ReachOf(ctx, networks, ids)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return known[id].Inbox != "" })
	if len(ids) == 0 {
		return nil, nil
	}
	return from.Actors(ctx, ids...)
}

// awaitTime is how long a delivery waits for somebody to be found. It is longer than
// one search takes.
const awaitTime = time.Minute

// awaits reports whether a delivery is to wait for the search for somebody on the host
// that it goes to. Where the search has failed once nobody waits for the next one.
func (w *deliverWorker) awaits(ctx context.Context, job *river.Job[deliverArgs], a *models.Activity) (bool, error) {
	if !job.Args.Awaits || time.Since(job.CreatedAt) > awaitTime {
		return false, nil
	}
	var ids []int64
	for _, to := range a.Audience {
		if to.Kind == models.AudienceActor || to.Kind == models.AudienceGroup {
			ids = append(ids, to.ID)
		}
	}
	if a.Object.Kind == models.KindActor {
		ids = append(ids, a.Object.ID)
	}
	lost, err := unreached(ctx, w.b.db, w.b.networkNames(), ids)
	if err != nil || len(lost) == 0 {
		return false, err
	}
	failed, err := w.b.db.FailuresOf(ctx, a.ID, models.Page{Count: MaxAddressees})
	if err != nil {
		return false, err
	}
	for _, who := range lost {
		if who.Local || !slices.ContainsFunc(job.Args.Inboxes, func(inbox string) bool { return hostOf(inbox) == who.Host }) {
			continue
		}
		if !slices.ContainsFunc(failed, func(f models.DeliveryFailure) bool { return f.Inbox == who.Doc.ID }) {
			return true, nil
		}
	}
	return false, nil
}

func (b *Bridge) networkNames() []string {
	names := make([]string, len(b.networks))
	for i, n := range b.networks {
		names[i] = n.Name()
	}
	return names
}

type reachWorker struct {
	river.WorkerDefaults[reachArgs]
	b *Bridge
}

// Work finds out how somebody is reached, and queues the delivery. Whoever posted
// the activity is told what keeps it from arriving.
func (w *reachWorker) Work(ctx context.Context, job *river.Job[reachArgs]) error {
	b := w.b
	activity, err := b.db.Activity(ctx, job.Args.Activity)
	if errors.Is(err, models.ErrNotFound) || err == nil && !activity.Deleted.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	actor, err := b.db.Actor(ctx, job.Args.Actor)
	if err != nil || actor.State != models.Active {
		return ignoreMissing(err)
	}
	found, err := b.Resolve(ctx, actor.Doc.ID)
	switch {
	case errors.Is(err, ErrUnknownAccount), errors.Is(err, ErrHostBlocked), ReasonOf(err) != 0:
		return errors.Join(river.JobCancel(err), w.fail(ctx, job, actor, models.GivenUp, err))
	case err != nil && job.Attempt >= job.MaxAttempts:
		return errors.Join(err, w.fail(ctx, job, actor, models.GivenUp, err))
	case err != nil:
		return errors.Join(err, w.fail(ctx, job, actor, models.Retrying, err))
	case found.ID != actor.ID:
		// Only the server that is asked says so: to take them for one would let it
		// speak for the other.
		err := fmt.Errorf("the account is known as %s: use that name", found.Doc.ID)
		return errors.Join(river.JobCancel(err), w.fail(ctx, job, actor, models.GivenUp, err))
	}
	return w.deliver(ctx, job, activity, actor)
}

func ignoreMissing(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}

// fail tells the author of an activity why it does not arrive. The name of the
// account stands for the inbox, which is not known.
func (w *reachWorker) fail(ctx context.Context, job *river.Job[reachArgs], actor *models.Actor, state models.DeliveryState, reason error) error {
	f := models.DeliveryFailure{ActivityID: job.Args.Activity, Inbox: actor.Doc.ID, State: state, Reason: reason.Error(), Updated: w.b.time()}
	if state == models.Retrying {
		f.Next = retryPolicy{}.NextRetry(job.JobRow)
	}
	return w.b.db.Write(context.WithoutCancel(ctx), func(tx *models.Tx) error { return tx.RecordFailures(ctx, f) })
}

// deliver queues the delivery to somebody of whom is known by now how.
func (w *reachWorker) deliver(ctx context.Context, job *river.Job[reachArgs], activity *models.Activity, actor *models.Actor) error {
	b := w.b
	return b.db.Write(ctx, func(tx *models.Tx) error {
		d := models.Distribution{Activity: activity.ID, Author: activity.ActorID, Direct: []int64{actor.ID}, OnlyWhoSee: activity.ObjectPost}
		inboxes, err := tx.RemoteInboxes(ctx, d, b.networkNames())
		if err != nil {
			return err
		}
		if err := tx.ForgetFailures(ctx, activity.ID, actor.Doc.ID); err != nil {
			return err
		}
		var jobs []river.InsertManyParams
		for network, list := range inboxes {
			if list = slices.DeleteFunc(list, func(inbox string) bool { return inbox == job.Args.Sent }); len(list) > 0 {
				jobs = append(jobs, river.InsertManyParams{Args: deliverArgs{Network: network, Activity: activity.ID, Inboxes: list}})
				if err := logSent(ctx, tx, activity, network, list); err != nil {
					return err
				}
			}
		}
		return b.queue.insert(ctx, tx, jobs)
	})
}

// logSent notes where an activity went, so that what follows it goes there too.
func logSent(ctx context.Context, tx *models.Tx, a *models.Activity, network string, inboxes []string) error {
	of := a.ID
	if (a.Verb == vocab.VerbUpdate || a.Verb == vocab.VerbDelete) && a.Object.Kind == models.KindObject {
		o, err := tx.Object(ctx, a.Object.ID)
		if err != nil {
			return err
		}
		of = o.ActivityID
	}
	return tx.LogSent(ctx, of, map[string][]string{network: inboxes})
}
