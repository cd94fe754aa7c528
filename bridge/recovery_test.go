package bridge_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
)

// A host that fails for an hour is tried again during that hour and after it, and
// then gets what it missed, once; other hosts got it at once. The waiting is left out:
// each attempt runs as soon as it is known when it is due.
func TestAHostThatFailsForAnHour(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("activitypub")
		var up atomic.Bool
		n.deliver = func(d *bridge.Delivery) ([]string, error) {
			const inbox = "https://down.example/activitypub/one"
			if !slices.Contains(d.Inboxes, inbox) || up.Load() {
				return nil, nil
			}
			d.Fail(inbox, errors.New("500 Internal Server Error"))
			return []string{inbox}, errors.New("500 Internal Server Error")
		}
		var passed atomic.Int64 // of the time that is left out
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}, Now: func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }})
		w.start()
		ann := w.person("ann")
		down, well := w.present("one@down.example", "activitypub", ""), w.present("one@up.example", "activitypub", "")
		a := w.do(ann, act("post", note("x"), down.Doc.Ref(), well.Doc.Ref()))
		equal(t, "inboxes of the first attempt", next(t, "a delivery", n.delivered).Inboxes, "https://down.example/activitypub/one", "https://up.example/activitypub/one")

		job := w.deliveryJob(rivertype.JobStateScheduled, "https://down.example/activitypub/one")
		attempts := 1
		for ; ; attempts++ {
			if passed.Add(int64(time.Until(job.ScheduledAt))) > int64(time.Hour) {
				break
			}
			if err := w.RunNow(t.Context(), job.ID); err != nil {
				t.Fatal(err)
			}
			got := next(t, "another attempt", n.delivered)
			same(t, "activity", got.Activity.Doc.ID, a.Doc.ID)
			equal(t, "inboxes of another attempt", got.Inboxes, "https://down.example/activitypub/one")
			job = w.deliveryJob(rivertype.JobStateRetryable, "https://down.example/activitypub/one")
		}
		if after := time.Duration(passed.Load()); attempts < 4 || attempts > 20 || after > 4*time.Hour {
			t.Errorf("%d attempts, and the first after the hour is %v after the post", attempts, after)
		}
		up.Store(true)
		if err := w.RunNow(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		got := next(t, "the attempt after the hour", n.delivered)
		same(t, "activity", got.Activity.Doc.ID, a.Doc.ID)
		w.deliveryJob(rivertype.JobStateCompleted, "https://down.example/activitypub/one")
		equal(t, "failures", w.failures(a))
		same(t, "further deliveries", len(n.delivered), 0)
	})
}
