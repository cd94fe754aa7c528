package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
	"manifold/models/vocab"
)

// deliveryChunk is how many inboxes a job delivers to: a job costs about as
// much as a delivery does.
const deliveryChunk = 100

// deliverArgs is one activity on its way to some inboxes. The id is written as
// a string, since the queue passes numbers through floating point on PostgreSQL.
type deliverArgs struct {
	Network  string   `json:"network"`
	Activity int64    `json:"activity,string"`
	Inboxes  []string `json:"inboxes"`
	// Again says that the inboxes, which are all on one host, may have failed before, or
	// that the host is slow.
	Again bool `json:"again,omitempty"`
	// As passes on what came from elsewhere, as it came, for somebody here; see
	// [Delivery].
	As int64 `json:"as,string,omitempty"`
	// Awaits says that somebody whom the activity names is looked for on the hosts of
	// the inboxes: before that is known the activity cannot be written with their id, and
	// who has it once does not read it again.
	Awaits bool `json:"awaits,omitempty"`
}

// Kind implements river.JobArgs.
func (deliverArgs) Kind() string { return "deliver" }

// retryQueue has the deliveries to hosts that have failed before, or are slow to answer:
// those may take until their time is up, and are not to keep the workers from all others.
const retryQueue = "retry"

// retryWorkers is how many of them run at the same time.
const retryWorkers = 32

// InsertOpts implements river.JobArgsWithInsertOpts.
func (a deliverArgs) InsertOpts() river.InsertOpts {
	if a.Again {
		return river.InsertOpts{Queue: retryQueue}
	}
	return river.InsertOpts{}
}

// deliveries queues the activity for everybody elsewhere whom it is meant for,
// each by the first of our networks that they are on. What changes or takes back
// an earlier activity goes to wherever that went, too.
func (op *operation) deliveries(ctx context.Context) error {
	if len(op.b.networks) == 0 {
		return nil
	}
	published, err := op.publish(ctx)
	if err != nil || !op.local {
		return err
	}
	d := op.distribution()
	d.Published = published
	if o := op.object.object; o != nil && op.doc.Verb == vocab.VerbShare && len(d.FollowersOf) > 0 {
		// Whoever wrote what is shared with more than a few people counts it, at
		// their own server.
		d.Others = append(d.Others, o.AuthorID)
	}
	inboxes, err := op.tx.RemoteInboxes(ctx, d, op.b.networkNames())
	if err != nil {
		return err
	}
	earlier, err := op.earlier(ctx)
	if err != nil {
		return err
	}
	of, unlogged := op.row.ID, maps.Clone(inboxes)
	if earlier != 0 {
		of = earlier
		if unlogged, err = op.followSent(ctx, earlier, inboxes); err != nil {
			return err
		}
	}
	asked, err := op.hostsAsked(ctx)
	if err != nil {
		return err
	}
	for _, network := range op.b.networkNames() {
		rest := inboxes[network]
		for host := range asked { // no host waits for what is asked of another
			there := func(inbox string) bool { return hostOf(inbox) == host }
			for _, chunk := range chunks(slices.DeleteFunc(slices.Clone(rest), func(inbox string) bool { return !there(inbox) })) {
				op.addJob(deliverArgs{Network: network, Activity: op.row.ID, Inboxes: chunk, Awaits: true})
			}
			rest = slices.DeleteFunc(slices.Clone(rest), there)
		}
		for _, chunk := range chunks(rest) {
			op.addJob(deliverArgs{Network: network, Activity: op.row.ID, Inboxes: chunk})
		}
	}
	if op.doc.Verb == vocab.VerbDelete || op.doc.Undoes != "" {
		err = op.tx.ForgetSent(ctx, of)
	} else {
		err = op.tx.LogSent(ctx, of, unlogged)
	}
	if err != nil {
		return err
	}
	return op.reach(ctx)
}

// earlier returns the activity that this one changes or takes back, 0 for none.
func (op *operation) earlier(ctx context.Context) (int64, error) {
	switch o := op.object.object; {
	case op.doc.Undoes != "":
		a, err := op.tx.ActivityByIRI(ctx, op.doc.Undoes)
		if err != nil || a.ActorID != op.actor.ID {
			return 0, ignoreMissing(err)
		}
		return a.ID, nil
	case o != nil && (op.doc.Verb == vocab.VerbUpdate || op.doc.Verb == vocab.VerbDelete):
		return o.ActivityID, nil
	}
	return 0, nil
}

// followSent adds the inboxes that an earlier activity went to, and returns those that
// it did not. What is new in a thing that is not public is not told to those whom
// it is not meant for any more.
func (op *operation) followSent(ctx context.Context, earlier int64, inboxes map[string][]string) (unlogged map[string][]string, err error) {
	sent, err := op.tx.SentTo(ctx, earlier)
	if err != nil {
		return nil, err
	}
	unlogged = map[string][]string{}
	for network, list := range inboxes {
		unlogged[network] = slices.DeleteFunc(slices.Clone(list), func(inbox string) bool { return slices.Contains(sent[network], inbox) })
	}
	if op.doc.Verb == vocab.VerbUpdate && op.row.Visibility == models.Limited {
		return unlogged, nil
	}
	for network, list := range sent {
		inboxes[network] = unique(append(inboxes[network], list...))
	}
	return unlogged, nil
}

// chunks cuts a list of inboxes into jobs, those of one host beside each other.
func chunks(inboxes []string) [][]string {
	slices.SortFunc(inboxes, byInbox)
	return slices.Collect(slices.Chunk(inboxes, deliveryChunk))
}

// byInbox orders inboxes by their hosts.
func byInbox(a, b string) int { return strings.Compare(hostOf(a)+" "+a, hostOf(b)+" "+b) }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

type deliverWorker struct {
	river.WorkerDefaults[deliverArgs]
	b *Bridge
}

// Work delivers an activity to the inboxes of the job. Those that did not take
// it become a job of their own for each host, so that a host that is down delays
// nobody else.
func (w *deliverWorker) Work(ctx context.Context, job *river.Job[deliverArgs]) error {
	o := &outcome{job: job, hosts: w.b.hosts, now: w.b.time()}
	i := slices.IndexFunc(w.b.networks, func(n Network) bool { return n.Name() == job.Args.Network })
	if i < 0 {
		o.err = fmt.Errorf("the network %s is switched off", job.Args.Network)
		return errors.Join(river.JobCancel(o.err), w.settle(ctx, o))
	}
	d, err := w.delivery(ctx, job.Args)
	if errors.Is(err, models.ErrNotFound) {
		return river.JobCancel(fmt.Errorf("the activity %d is gone", job.Args.Activity))
	}
	if err != nil {
		return err
	}
	if waits, err := w.awaits(ctx, job, d.Activity); err != nil {
		return err
	} else if waits {
		return river.JobSnooze(time.Second)
	}
	if wait := o.sort(); wait > 0 {
		return river.JobSnooze(wait)
	}
	if d.flight = o.flight; d.flight != nil {
		defer d.flight.close()
	}
	if d.Inboxes = o.send; len(o.send) > 0 {
		var retry []string
		retry, o.err = w.b.networks[i].Deliver(ctx, d)
		o.retry = append(o.retry, retry...)
		maps.Copy(o.reasons, d.failed())
		o.judge(d)
	}
	o.whole = job.Args.Again && len(o.retry) > 0 && len(o.retry) == len(job.Args.Inboxes)
	if err := w.settle(ctx, o); err != nil {
		return err
	}
	switch {
	case len(o.retry) == 0 && o.err != nil:
		return river.JobCancel(o.err)
	case o.whole && o.err != nil:
		return o.err
	case o.whole:
		return errNotTaken
	}
	return nil
}

// delivery reads what is to be delivered.
func (w *deliverWorker) delivery(ctx context.Context, args deliverArgs) (*Delivery, error) {
	activity, err := w.b.db.Activity(ctx, args.Activity)
	if err != nil {
		return nil, err
	}
	d := &Delivery{Activity: activity}
	if args.As == 0 {
		return d, nil
	}
	if d.As, err = w.b.db.Actor(ctx, args.As); err != nil {
		return nil, err
	}
	original, err := w.b.db.OriginalOf(ctx, activity.ID, args.Network)
	if err != nil {
		return nil, err
	}
	d.Original, d.ContentType = original.Bytes, original.ContentType
	return d, nil
}
