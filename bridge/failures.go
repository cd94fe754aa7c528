package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
)

// Fail notes why an inbox did not take the activity. A network calls it for the
// inboxes that it returns to be tried again as for those that are not to be: an
// inbox with a reason that is not returned has been given up. It may be called
// by several goroutines.
func (d *Delivery) Fail(inbox string, reason error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reasons == nil {
		d.reasons = map[string]string{}
	}
	d.reasons[inbox] = reason.Error()
}

// RetryAfter notes that the server of an inbox asks us to wait until a time. A
// network calls it besides Fail, for an inbox that it returns to be tried again.
func (d *Delivery) RetryAfter(inbox string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waits == nil {
		d.waits = map[string]time.Time{}
	}
	d.waits[inbox] = at
}

// Unsent notes that nothing was sent to inboxes, for a reason that lies here: their
// hosts have neither failed nor answered. A network calls it besides Fail where it
// gives a reason.
func (d *Delivery) Unsent(inboxes ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unsent == nil {
		d.unsent = map[string]bool{}
	}
	for _, inbox := range inboxes {
		d.unsent[inbox] = true
	}
}

// DealtWith notes that an inbox has taken the activity or has failed to, while others
// may still be waited for. A network calls it as early as it can: a host that has not
// answered for a while gets what is for it apart from what is for others.
func (d *Delivery) DealtWith(inbox string) {
	if d.flight != nil {
		d.flight.dealtWith(inbox)
	}
}

// Asked are the inboxes of which the servers were asked to take the activity.
func (d *Delivery) Asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.Inboxes), func(inbox string) bool { return d.unsent[inbox] })
}

// failed are the inboxes that did not take the activity, with the reasons.
func (d *Delivery) failed() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.reasons)
}

// outcome is what became of one attempt at a delivery.
type outcome struct {
	job   *river.Job[deliverArgs]
	hosts *hosts
	now   time.Time
	// send are the inboxes that it is sent to now, apart those on hosts that have
	// failed the last time or are slow, which get jobs of their own.
	send, apart []string
	// retry are the inboxes that are to be tried again; whole says that these are
	// all of a job for one host, so that the job itself is what is repeated.
	retry []string
	whole bool
	// reasons are why inboxes did not take the activity, by inbox; err is why
	// where that is not known of each.
	reasons map[string]string
	err     error
	// failing are the hosts that took nothing, later those to which nothing is sent
	// before a time, by their names.
	failing map[string]models.FailingHost
	later   map[string]time.Time
	// flight is what the hosts are sent among what is for others, nil in a job for one
	// host.
	flight *inFlight
}

// sort decides what is sent now. It returns for how long a job for one host has to
// wait where nothing is sent there.
func (o *outcome) sort() (wait time.Duration) {
	o.failing, o.later, o.reasons = map[string]models.FailingHost{}, map[string]time.Time{}, map[string]string{}
	look := o.hosts.look
	if o.job.Args.Again {
		look = o.hosts.enter
	} else {
		o.flight = &inFlight{all: o.hosts.unanswered, at: o.now, left: map[string]int{}}
	}
	for host, inboxes := range byHost(o.job.Args.Inboxes) {
		switch state, f := look(host, o.now); {
		case state == hostGone:
			for _, inbox := range inboxes {
				o.reasons[inbox] = hostGoneError(f).Error()
			}
		case state == hostWaits && o.job.Args.Again:
			return jittered(f.NextTry.Sub(o.now))
		case state == hostWaits:
			o.later[host] = f.NextTry
			o.retry = append(o.retry, inboxes...)
			for _, inbox := range inboxes {
				o.reasons[inbox] = "the server does not answer at the moment"
			}
		case state == hostSuspect && !o.job.Args.Again:
			o.apart = append(o.apart, inboxes...)
		case o.flight != nil && !o.flight.all.begin(host, o.now):
			o.apart = append(o.apart, inboxes...)
		default:
			if o.flight != nil {
				o.flight.left[host] = len(inboxes)
			}
			o.send = append(o.send, inboxes...)
		}
	}
	slices.SortFunc(o.send, byInbox)
	return 0
}

// judge notes how the hosts are doing that it was sent to. One that counts as gone
// by now is not tried again.
func (o *outcome) judge(d *Delivery) {
	for host, inboxes := range byHost(d.Asked()) {
		var wait time.Time
		failed := true
		for _, inbox := range inboxes {
			_, told := o.reasons[inbox]
			failed = failed && told && slices.Contains(o.retry, inbox)
			if at := d.waits[inbox]; at.After(wait) {
				wait = at
			}
		}
		if !failed {
			if o.err == nil || len(o.reasons) > 0 {
				o.hosts.heal(host)
			}
			continue
		}
		if latest := o.now.Add(longestWait); wait.After(latest) {
			wait = latest
		}
		f := o.hosts.fail(host, o.now, wait)
		o.failing[host], o.later[host] = f, f.NextTry
		if isGone(f, o.now) {
			o.retry = slices.DeleteFunc(o.retry, func(inbox string) bool { return hostOf(inbox) == host })
		}
	}
}

// over reports whether the job is not repeated any more.
func (o *outcome) over() bool { return o.job.Attempt >= o.job.MaxAttempts }

// nextAt is when an inbox is tried again: as the job would be, and not before its
// host may be.
func (o *outcome) nextAt(inbox string, next time.Time) time.Time {
	if later := o.later[hostOf(inbox)]; later.After(next) {
		return o.now.Add(jittered(later.Sub(o.now)))
	}
	return next
}

// failures are the inboxes that did not take the activity; next is when a retry
// is due.
func (o *outcome) failures(next time.Time) []models.DeliveryFailure {
	var list []models.DeliveryFailure
	for _, inbox := range unique(append(slices.Clone(o.job.Args.Inboxes), o.retry...)) {
		f := models.DeliveryFailure{ActivityID: o.job.Args.Activity, Inbox: inbox, Network: o.job.Args.Network, State: models.GivenUp, Updated: o.now}
		reason, known := o.reasons[inbox]
		again := slices.Contains(o.retry, inbox)
		switch {
		case slices.Contains(o.apart, inbox):
			continue // nothing is known yet
		case known:
		case o.err != nil && (again || len(o.retry) == 0 && len(o.reasons) == 0):
			reason = o.err.Error()
		case again:
			reason = errNotTaken.Error()
		default:
			continue // it was delivered
		}
		f.Reason = reason
		if again && !(o.whole && o.over()) {
			f.State, f.Next = models.Retrying, o.nextAt(inbox, next)
		}
		list = append(list, f)
	}
	return list
}

var errNotTaken = errors.New("no inbox took the delivery")

// taken are the inboxes that took the activity, given those that did not.
func (o *outcome) taken(failures []models.DeliveryFailure) []string {
	var list []string
	for _, inbox := range o.send {
		if !slices.ContainsFunc(failures, func(f models.DeliveryFailure) bool { return f.Inbox == inbox }) {
			list = append(list, inbox)
		}
	}
	return list
}

// settle records an outcome, and queues the retries that are not the job's own.
// A first attempt that succeeds writes nothing.
func (w *deliverWorker) settle(ctx context.Context, o *outcome) error {
	next := retryPolicy{}.NextRetry(o.job.JobRow)
	failures := o.failures(next)
	var taken []string
	if o.job.Attempt > 1 || o.job.Args.Again {
		taken = o.taken(failures)
	}
	jobs := o.jobs(o.apart, func(string) time.Time { return time.Time{} })
	if !o.whole {
		jobs = append(jobs, o.jobs(o.retry, func(inbox string) time.Time { return o.nextAt(inbox, next) })...)
	}
	if len(failures)+len(taken)+len(jobs)+len(o.failing) == 0 {
		return nil
	}
	// The time of the job may be up, which is one of the reasons to be recorded.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := w.b.db.Write(ctx, func(tx *models.Tx) error {
		if err := tx.RecordFailures(ctx, failures...); err != nil {
			return err
		}
		if err := tx.ForgetFailures(ctx, o.job.Args.Activity, taken...); err != nil {
			return err
		}
		for _, host := range slices.Sorted(maps.Keys(o.failing)) {
			if err := tx.SetFailingHost(ctx, o.failing[host]); err != nil {
				return err
			}
		}
		return w.b.queue.insert(ctx, tx, jobs)
	})
	if err != nil {
		return fmt.Errorf("settling a delivery: %w", err)
	}
	return nil
}

// jobs makes a job of its own for each host; at tells when it is due.
func (o *outcome) jobs(inboxes []string, at func(inbox string) time.Time) []river.InsertManyParams {
	var jobs []river.InsertManyParams
	for _, list := range byHost(inboxes) {
		args := o.job.Args
		args.Inboxes, args.Again = list, true
		jobs = append(jobs, river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{Queue: retryQueue, ScheduledAt: at(list[0])}})
	}
	return jobs
}

// byHost groups inboxes.
func byHost(inboxes []string) map[string][]string {
	groups := map[string][]string{}
	for _, inbox := range inboxes {
		groups[hostOf(inbox)] = append(groups[hostOf(inbox)], inbox)
	}
	return groups
}

// jittered makes a wait longer by up to a fifth, and by up to a second, so that
// not all that waits for a host comes back at once.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*float64(d/5+time.Second))
}
