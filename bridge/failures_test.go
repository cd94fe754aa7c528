package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// failures are those of the deliveries of an activity, each as "inbox state
// attempts reason".
func (w *world) failures(a *models.Activity) []string {
	w.t.Helper()
	count := func() int64 {
		n, err := w.DB().CountFailures(w.t.Context(), a.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		return n
	}
	n := count()
	list, err := w.DB().FailuresOf(w.t.Context(), a.ID, models.Page{Count: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	if n == count() { // else an attempt was settled meanwhile
		same(w.t, "number of failures", int(n), len(list))
	}
	var lines []string
	for _, f := range list {
		state := map[models.DeliveryState]string{models.Retrying: "retrying", models.GivenUp: "given up"}[f.State]
		if (f.State == models.Retrying) == f.Next.IsZero() {
			w.t.Errorf("%s: %s, and the next attempt is at %v", f.Inbox, state, f.Next)
		}
		if f.Network != "pump" || time.Since(f.Updated).Abs() > time.Hour {
			w.t.Errorf("%s: network %q, updated %v", f.Inbox, f.Network, f.Updated)
		}
		lines = append(lines, fmt.Sprintf("%s %s %d %s", f.Inbox, state, f.Attempts, f.Reason))
	}
	slices.Sort(lines)
	return lines
}

// What became of a delivery is known of each inbox that did not take it, until
// it does.
func TestFailedDeliveriesAreKnown(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		var up atomic.Bool
		n.deliver = func(d *bridge.Delivery) ([]string, error) {
			var retry []string
			var wg sync.WaitGroup
			for _, inbox := range d.Inboxes {
				switch {
				case strings.Contains(inbox, "//gone.example"):
					wg.Go(func() { d.Fail(inbox, errors.New("410 Gone")) })
				case strings.Contains(inbox, "//down.example") && !up.Load():
					wg.Go(func() { d.Fail(inbox, errors.New("connection refused\r\nby\x00 \xff"+strings.Repeat("x", 1000))) })
					retry = append(retry, inbox)
				case strings.Contains(inbox, "//slow.example"):
					retry = append(retry, inbox)
				}
			}
			wg.Wait()
			if len(retry) > 0 {
				return retry, errors.New("some did not answer")
			}
			return nil, nil
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		ann := w.person("ann")
		var to []*vocab.Object
		for _, account := range []string{"one@up.example", "one@gone.example", "one@down.example", "two@down.example", "one@slow.example"} {
			to = append(to, w.present(account, "pump", "").Doc.Ref())
		}
		a := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), BTo: to})
		down := w.deliveryJob(rivertype.JobStateScheduled, "https://down.example/pump/one", "https://down.example/pump/two")
		cut := "connection refused by " + strings.Repeat("x", 477) + "…"
		equal(t, "failures", w.failures(a), "https://down.example/pump/one retrying 1 "+cut, "https://down.example/pump/two retrying 1 "+cut,
			"https://gone.example/pump/one given up 1 410 Gone", "https://slow.example/pump/one retrying 1 some did not answer")

		// Tried again, it fails again.
		w.retryNow(down.ID)
		until(t, "the second attempt is recorded", func() bool { return strings.Contains(w.failures(a)[0], " retrying 2 ") })
		// And then it does not.
		up.Store(true)
		w.deliveryJob(rivertype.JobStateRetryable, "https://down.example/pump/one", "https://down.example/pump/two")
		w.retryNow(down.ID)
		until(t, "the third attempt has succeeded", func() bool { return len(w.failures(a)) == 2 })
		equal(t, "failures", w.failures(a), "https://gone.example/pump/one given up 1 410 Gone", "https://slow.example/pump/one retrying 1 some did not answer")
		all, err := w.DB().DeliveryFailures(t.Context(), models.Page{Count: 10})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "failures for the admin", len(all), 2)

		// The last attempt at slow.
		slow := w.deliveryJob(rivertype.JobStateScheduled, "https://slow.example/pump/one")
		w.exec(fmt.Sprintf("UPDATE river_job SET max_attempts = 1 WHERE id = %d", slow.ID))
		w.retryNow(slow.ID)
		until(t, "slow is given up", func() bool {
			return slices.Contains(w.failures(a), "https://slow.example/pump/one given up 2 some did not answer")
		})
	})
}

// retryNow has a job run at once.
func (w *world) retryNow(id int64) {
	w.t.Helper()
	now := map[models.Dialect]string{models.SQLite: "datetime('now', '-1 minute')", models.Postgres: "now()"}[w.DB().Dialect()]
	w.exec(fmt.Sprintf("UPDATE river_job SET state = 'available', scheduled_at = %s WHERE id = %d", now, id))
}

func TestDeliveriesThatAreGivenUp(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		n.deliver = func(*bridge.Delivery) ([]string, error) { return nil, errors.New("cannot be written in this network") }
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n, newNetwork("activitypub")}})
		ann := w.person("ann")
		far := w.present("far@far.example", "pump", "")
		a := w.do(ann, act(vocab.VerbPost, note("x"), far.Doc.Ref()))
		w.start()
		w.deliveryJob(rivertype.JobStateCancelled, "https://far.example/pump/far")
		equal(t, "failures", w.failures(a), "https://far.example/pump/far given up 1 cannot be written in this network")
	})
}

func TestDeliveriesOfANetworkThatIsSwitchedOff(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{newNetwork("pump")}})
		ann := w.person("ann")
		far := w.present("far@far.example", "pump", "")
		a := w.do(ann, act(vocab.VerbPost, note("x"), far.Doc.Ref()))
		later := newWorld(t, address, bridge.Options{}) // the next start is without the network
		later.start()
		w.deliveryJob(rivertype.JobStateCancelled, "https://far.example/pump/far")
		equal(t, "failures", w.failures(a), "https://far.example/pump/far given up 1 the network pump is switched off")
	})
}

// After a month nobody needs to know.
func TestOldFailuresArePruned(t *testing.T) {
	worlds(t, func(w *world) {
		w.write(func(ctx context.Context, tx *models.Tx) error {
			return tx.RecordFailures(ctx, models.DeliveryFailure{ActivityID: 1, Inbox: "https://a.example/", Network: "pump"})
		})
		for days, want := range map[int]int64{29: 0, 31: 1} {
			w.write(func(ctx context.Context, tx *models.Tx) error {
				n, err := tx.PruneFailures(ctx, time.Now().Add(time.Duration(days)*24*time.Hour))
				same(w.t, fmt.Sprintf("pruned after %d days", days), n, want)
				if want == 0 {
					return err
				}
				return errors.Join(err, tx.RecordFailures(ctx, models.DeliveryFailure{ActivityID: 1, Inbox: "https://a.example/", Network: "pump"}))
			})
		}
	})
}
