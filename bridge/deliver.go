package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/riverqueue/river"

	"manifold/models"
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
}

// Kind implements river.JobArgs.
func (deliverArgs) Kind() string { return "deliver" }

// deliveries queues the activity for everybody elsewhere whom it is meant for,
// each by the first of our networks that they are on.
func (op *operation) deliveries(ctx context.Context) error {
	if !op.local || len(op.b.networks) == 0 {
		return nil
	}
	names := make([]string, len(op.b.networks))
	for i, n := range op.b.networks {
		names[i] = n.Name()
	}
	inboxes, err := op.tx.RemoteInboxes(ctx, op.distribution(), names)
	if err != nil {
		return err
	}
	for _, network := range names {
		for _, chunk := range chunks(inboxes[network]) {
			op.addJob(deliverArgs{Network: network, Activity: op.row.ID, Inboxes: chunk})
		}
	}
	return nil
}

// chunks cuts a list of inboxes into jobs, those of one host beside each other.
func chunks(inboxes []string) [][]string {
	slices.SortFunc(inboxes, func(a, b string) int {
		return strings.Compare(hostOf(a)+" "+a, hostOf(b)+" "+b)
	})
	return slices.Collect(slices.Chunk(inboxes, deliveryChunk))
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

type deliverWorker struct {
	river.WorkerDefaults[deliverArgs]
	b *Bridge
}

// Work delivers an activity to the inboxes of the job. Those that did not take
// it become a job of their own for each host, so that a host that is down delays
// nobody else.
func (w *deliverWorker) Work(ctx context.Context, job *river.Job[deliverArgs]) error {
	i := slices.IndexFunc(w.b.networks, func(n Network) bool { return n.Name() == job.Args.Network })
	if i < 0 {
		return river.JobCancel(fmt.Errorf("the network %s is switched off", job.Args.Network))
	}
	activity, err := w.b.db.Activity(ctx, job.Args.Activity)
	if errors.Is(err, models.ErrNotFound) {
		return river.JobCancel(fmt.Errorf("the activity %d is gone", job.Args.Activity))
	}
	if err != nil {
		return err
	}
	retry, err := w.b.networks[i].Deliver(ctx, &Delivery{Activity: activity, Inboxes: job.Args.Inboxes})
	if len(retry) == 0 {
		if err != nil {
			return river.JobCancel(err)
		}
		return nil
	}
	byHost := map[string][]string{}
	for _, inbox := range retry {
		byHost[hostOf(inbox)] = append(byHost[hostOf(inbox)], inbox)
	}
	if len(byHost) == 1 && len(retry) == len(job.Args.Inboxes) {
		if err == nil {
			err = errors.New("no inbox took the delivery")
		}
		return err
	}
	var jobs []river.InsertManyParams
	for _, inboxes := range byHost {
		args := deliverArgs{Network: job.Args.Network, Activity: job.Args.Activity, Inboxes: inboxes}
		jobs = append(jobs, river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{ScheduledAt: retryPolicy{}.NextRetry(job.JobRow)}})
	}
	return w.b.db.Write(ctx, func(tx *models.Tx) error { return w.b.queue.insert(ctx, tx, jobs) })
}
