package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/riverqueue/river"

	"manifold/models"
	"manifold/models/vocab"
)

// Bounds of what is fetched because of one activity.
const (
	// maxAncestors is how far up a thread is fetched.
	maxAncestors = 20
	// maxFetched is how many things are fetched in all.
	maxFetched = 100
	// maxRecent is how many are fetched of somebody who is newly followed.
	maxRecent = 20
	// fetchAttempts is how often a job is tried: what is fetched is nice to have.
	fetchAttempts = 5
)

// Threader is a network that can tell what answers a thing.
type Threader interface {
	// Replies returns the ids of answers to a thing of another server, as that server
	// lists them.
	Replies(ctx context.Context, o *models.Object) ([]string, error)
}

// Recaller is a network that can tell what somebody did last.
type Recaller interface {
	// Recent returns the ids of what somebody elsewhere shows first, and then of what
	// they posted last, newest first.
	Recent(ctx context.Context, actor *models.Actor) ([]string, error)
}

// fetchArgs is something elsewhere that is to be brought here: a thing that
// somebody answers, with what it answers itself.
type fetchArgs struct {
	Network string `json:"network"`
	IRI     string `json:"iri"`
}

// Kind implements river.JobArgs.
func (fetchArgs) Kind() string { return "fetch" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (fetchArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: searchQueue, MaxAttempts: fetchAttempts}
}

// recentArgs is somebody elsewhere of whom the last things are to be brought here.
// The id is written as a string, since the queue passes numbers through floating
// point on PostgreSQL.
type recentArgs struct {
	Actor int64 `json:"actor,string"`
}

// Kind implements river.JobArgs.
func (recentArgs) Kind() string { return "recent" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (recentArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: searchQueue, MaxAttempts: fetchAttempts}
}

// backfill queues the fetching of what the activity belongs to and what is not
// here: what it answers, and the last posts of somebody whom it follows. What is
// not public is left alone, and so is what comes by fetching itself.
func (op *operation) backfill() {
	if op.unseen || op.quiet || len(op.b.networks) == 0 {
		return
	}
	if o := op.parent.object; o != nil && !isWhole(o) && op.row.Visibility != models.Limited {
		network := op.b.networks[0].Name()
		if !op.local && op.original != nil && op.original.Network != "" {
			network = op.original.Network
		}
		op.addJob(fetchArgs{Network: network, IRI: o.Doc.ID})
	}
	a := op.object.actor
	recalls := func(n Network) bool { _, ok := n.(Recaller); return ok }
	if op.local && op.doc.Verb == vocab.VerbFollow && a != nil && !a.Local && slices.ContainsFunc(op.b.networks, recalls) {
		op.addJob(recentArgs{Actor: a.ID})
	}
}

// isWhole reports whether a thing is here as its author made it, or is known to be
// gone, and not only a copy that somebody else showed.
func isWhole(o *models.Object) bool {
	return o.Local || o.ActivityID != 0 || o.AuthorID != 0 || !o.Deleted.IsZero()
}

type fetchWorker struct {
	river.WorkerDefaults[fetchArgs]
	b *Bridge
}

// Work fetches a thing, what it answers, and so on up the thread; then what its
// server lists as answers to the first of them.
func (w *fetchWorker) Work(ctx context.Context, job *river.Job[fetchArgs]) error {
	b, iri, left := w.b, job.Args.IRI, maxFetched
	var top *models.Object
	for range maxAncestors {
		o, fetched, err := b.bring(ctx, job.Args.Network, iri)
		if err != nil {
			return err
		}
		if fetched {
			left--
		}
		if o == nil {
			break
		}
		top = o
		parent := o.Doc.Parent()
		if parent == nil || parent.ID == "" || b.names.Ours(parent.ID) {
			break
		}
		iri = parent.ID
	}
	if top == nil || top.Local {
		return nil
	}
	return b.bringReplies(ctx, job.Args.Network, top, left)
}

// bringReplies fetches up to n of the answers to a thing that are not here.
func (b *Bridge) bringReplies(ctx context.Context, network string, o *models.Object, n int) error {
	for _, candidate := range b.from(network) {
		t, ok := candidate.(Threader)
		if !ok {
			continue
		}
		ids, err := t.Replies(ctx, o)
		if err != nil {
			return settleFetch(err)
		}
		return b.bringAll(ctx, candidate.Name(), ids, n)
	}
	return nil
}

// bringAll fetches the first n of those things that are not here. One that cannot
// be had keeps none of the others away.
func (b *Bridge) bringAll(ctx context.Context, network string, ids []string, n int) error {
	for _, id := range unique(ids) {
		if n <= 0 || ctx.Err() != nil {
			break
		}
		if _, fetched, err := b.bring(ctx, network, id); err != nil || fetched {
			n--
		}
	}
	return ctx.Err()
}

// from are the networks, beginning with one.
func (b *Bridge) from(network string) []Network {
	list := slices.Clone(b.networks)
	slices.SortStableFunc(list, func(x, y Network) int {
		switch network {
		case y.Name():
			return 1
		case x.Name():
			return -1
		}
		return 0
	})
	return list
}

// bring returns the thing of an id, nil for none that is to be had. Unless it is
// here, it is fetched from its own server and stored, as news to nobody.
func (b *Bridge) bring(ctx context.Context, network, iri string) (o *models.Object, fetched bool, err error) {
	o, err = b.db.ObjectByIRI(ctx, iri)
	if err == nil && isWhole(o) || err != nil && !errors.Is(err, models.ErrNotFound) {
		return o, false, err
	}
	if b.names.Ours(iri) {
		return nil, false, nil
	}
	if o != nil && hostOf(iri) == "" && hostOf(o.Doc.URL) != "" {
		iri = o.Doc.URL // the id is a name that leads nowhere, as on OStatus
	}
	if err := b.RefuseHost(ctx, hostOf(iri)); err != nil {
		return nil, false, settleFetch(err)
	}
	var failed error
	for _, n := range b.from(network) {
		found, err := n.Fetch(ctx, iri)
		if err == nil {
			o, err := b.keep(ctx, n.Name(), found)
			return o, true, settleFetch(err)
		}
		failed = errors.Join(failed, settleFetch(err))
	}
	if failed != nil {
		return nil, true, fmt.Errorf("fetching %s: %w", iri, failed)
	}
	return nil, true, nil
}

// keep stores what was found at another server.
func (b *Bridge) keep(ctx context.Context, network string, f *Found) (*models.Object, error) {
	author, err := b.Introduce(ctx, f.Author, nil)
	if err != nil {
		return nil, err
	}
	r, err := b.Receive(ctx, Arrival{SenderID: author.ID, Activity: f.Activity, Network: network, Verified: "fetched",
		ContentType: f.ContentType, Original: f.Original, Quiet: true})
	if err != nil || r.Activity.Object.Kind != models.KindObject {
		return nil, err
	}
	return b.db.Object(ctx, r.Activity.Object.ID)
}

// settleFetch returns nil for an error that another attempt would meet again.
func settleFetch(err error) error {
	if errors.Is(err, ErrNoThing) || errors.Is(err, ErrHostBlocked) || ReasonOf(err) != 0 {
		return nil
	}
	return err
}

type recentWorker struct {
	river.WorkerDefaults[recentArgs]
	b *Bridge
}

// Work fetches what somebody did last whom one person here follows; what follows
// after the first one finds it here already.
func (w *recentWorker) Work(ctx context.Context, job *river.Job[recentArgs]) error {
	b := w.b
	actor, err := b.db.Actor(ctx, job.Args.Actor)
	if err != nil || actor.State != models.Active {
		return ignoreMissing(err)
	}
	followers, err := b.db.EdgesTo(ctx, models.Follows, actor.ID, models.Page{Count: 2})
	if err != nil || len(followers) > 1 {
		return err
	}
	if actor, err = b.Resolve(ctx, actor.Doc.ID); err != nil {
		if errors.Is(err, ErrUnknownAccount) {
			return nil
		}
		return settleFetch(err)
	}
	presences, err := b.db.PresencesOf(ctx, actor.ID)
	if err != nil {
		return err
	}
	for _, n := range b.networks {
		r, ok := n.(Recaller)
		if !ok || presences[n.Name()].ActorID == 0 {
			continue
		}
		ids, err := r.Recent(ctx, actor)
		if err != nil {
			return settleFetch(err)
		}
		return b.bringAll(ctx, n.Name(), ids, maxRecent)
	}
	return nil
}
