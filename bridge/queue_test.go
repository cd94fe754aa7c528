package bridge_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/internal/scratchpg"
	"manifold/models"
	"manifold/models/vocab"
)

// deliveryJob waits until the job with the given inboxes is in a state.
func (w *world) deliveryJob(state rivertype.JobState, inboxes ...string) *rivertype.JobRow {
	w.t.Helper()
	var found *rivertype.JobRow
	until(w.t, fmt.Sprintf("a delivery to %q is %s", inboxes, state), func() bool {
		for _, j := range w.jobs("deliver") {
			same := true
			for _, inbox := range inboxes {
				same = same && strings.Contains(string(j.EncodedArgs), `"`+inbox+`"`)
			}
			if same && strings.Count(string(j.EncodedArgs), "https://") == len(inboxes) && j.State == state {
				found = j
				return true
			}
		}
		return false
	})
	return found
}

func TestAJobRuns(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		ann := w.person("ann")
		far := w.present("far@far.example", "pump", "")
		a := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), BTo: one(far.Doc.Ref())})
		got := next(t, "a delivery", n.delivered)
		same(t, "activity", got.Activity.ID, a.ID)
		same(t, "its document", got.Activity.Doc.ID, a.Doc.ID)
		equal(t, "inboxes", got.Inboxes, "https://far.example/pump/far")
		w.deliveryJob(rivertype.JobStateCompleted, "https://far.example/pump/far")
		same(t, "further deliveries", len(n.delivered), 0)
	})
}

// What fails is tried again, by a job for each host, so that a host that is
// down delays nobody else.
func TestFailedDeliveriesAreSplitByHost(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		var allUp atomic.Bool
		n.deliver = func(d *bridge.Delivery) ([]string, error) {
			if allUp.Load() {
				return nil, nil
			}
			var retry []string
			for _, inbox := range d.Inboxes {
				if !strings.Contains(inbox, "//up.example") {
					retry = append(retry, inbox)
				}
			}
			return retry, errors.New("no answer")
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		ann := w.person("ann")
		var to []*vocab.Object
		for _, account := range []string{"one@down.example", "two@down.example", "one@up.example", "one@dead.example"} {
			to = append(to, w.present(account, "pump", "").Doc.Ref())
		}
		begin := time.Now()
		w.do(ann, act(vocab.VerbPost, note("x"), to...))
		same(t, "inboxes of the first attempt", len(next(t, "a delivery", n.delivered).Inboxes), 4)
		down := w.deliveryJob(rivertype.JobStateScheduled, "https://down.example/pump/one", "https://down.example/pump/two")
		dead := w.deliveryJob(rivertype.JobStateScheduled, "https://dead.example/pump/one")
		same(t, "jobs", len(w.jobs("deliver")), 3)
		for _, j := range []*rivertype.JobRow{down, dead} {
			if wait := j.ScheduledAt.Sub(begin); wait < 11*time.Second || wait > patience+18*time.Second {
				t.Errorf("the second attempt is in %v, want about 15 s", wait)
			}
		}

		// The second attempt of a host fails as a whole: its job tries again.
		if err := w.RunNow(t.Context(), dead.ID); err != nil {
			t.Fatal(err)
		}
		equal(t, "inboxes of the second attempt", next(t, "a delivery", n.delivered).Inboxes, "https://dead.example/pump/one")
		failed := w.deliveryJob(rivertype.JobStateRetryable, "https://dead.example/pump/one")
		same(t, "the job that tries again", failed.ID, dead.ID)
		same(t, "why", failed.Errors[0].Error, "no answer")
		same(t, "jobs", len(w.jobs("deliver")), 3)

		// And at last the host is up.
		allUp.Store(true)
		if err := w.RunNow(t.Context(), dead.ID); err != nil {
			t.Fatal(err)
		}
		equal(t, "inboxes of the third attempt", next(t, "a delivery", n.delivered).Inboxes, "https://dead.example/pump/one")
		w.deliveryJob(rivertype.JobStateCompleted, "https://dead.example/pump/one")
	})
}

// A delivery that no attempt can mend ends at once.
func TestDeliveriesThatEnd(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n, off := newNetwork("pump"), newNetwork("activitypub")
		n.deliver = func(*bridge.Delivery) ([]string, error) { return nil, errors.New("410 Gone") }
		before := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n, off}})
		ann := before.person("ann")
		for _, account := range []string{"gone@gone.example", "lost@lost.example"} {
			before.do(ann, act(vocab.VerbPost, note("x"), before.present(account, "pump", "").Doc.Ref()))
		}
		before.exec("DELETE FROM activities WHERE id = (SELECT MAX(id) FROM activities)")
		before.do(ann, act(vocab.VerbPost, note("x"), before.present("off@off.example", "activitypub", "").Doc.Ref()))

		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		w.start()
		for inbox, why := range map[string]string{
			"https://gone.example/pump/gone":      "410 Gone",
			"https://off.example/activitypub/off": "the network activitypub is switched off",
			"https://lost.example/pump/lost":      " is gone",
		} {
			j := w.deliveryJob(rivertype.JobStateCancelled, inbox)
			if len(j.Errors) != 1 || !strings.Contains(j.Errors[0].Error, why) {
				t.Errorf("the delivery to %s ended with %+v, want %q", inbox, j.Errors, why)
			}
		}
		same(t, "deliveries", len(n.delivered), 1)
	})
}

func TestRetryDelays(t *testing.T) {
	want := []time.Duration{15 * time.Second, 45 * time.Second, 135 * time.Second, 405 * time.Second, 1215 * time.Second, 3645 * time.Second,
		10935 * time.Second, 32805 * time.Second, 12 * time.Hour, 12 * time.Hour}
	for i, d := range want {
		attempt := i + 1
		same(t, fmt.Sprintf("delay after attempt %d", attempt), bridge.RetryDelay(attempt, 0.5), d)
		same(t, fmt.Sprintf("shortest delay after attempt %d", attempt), bridge.RetryDelay(attempt, 0).Round(time.Millisecond), d*8/10)
		same(t, fmt.Sprintf("longest delay after attempt %d", attempt), bridge.RetryDelay(attempt, 1).Round(time.Millisecond), d*12/10)
	}
	same(t, "delay after the last", bridge.RetryDelay(1000, 0.5), 12*time.Hour)
	var all time.Duration
	for attempt := 1; attempt < bridge.MaxAttempts; attempt++ {
		all += bridge.RetryDelay(attempt, 0.5)
	}
	if all < 4*24*time.Hour || all > 7*24*time.Hour {
		t.Errorf("the attempts are spread over %v, want some days", all)
	}
}

func TestFilesAreRemoved(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		failures := make(chan error, 3)
		failures <- errors.New("the disk is on fire")
		// The first attempt removed it, and could not say so.
		failures <- &fs.PathError{Op: "remove", Path: "x", Err: fs.ErrNotExist}
		files := &fakeFiles{removed: make(chan string, 10), err: func(string) error { return <-failures }}
		w := newWorld(t, address, bridge.Options{Files: files})
		w.start()
		ann := w.person("ann")
		picture := w.upload(ann, "x")
		w.do(ann, act(vocab.VerbDelete, picture.Ref()))
		path := w.Names().UploadPath(picture.FullImage.URL)
		same(t, "removed", next(t, "a removal", files.removed), path)
		var job *rivertype.JobRow
		state := func(s rivertype.JobState) func() bool {
			return func() bool {
				job = w.jobs("remove-files")[0]
				return job.State == s
			}
		}
		until(t, "the job is to be tried again", state(rivertype.JobStateRetryable))
		if err := w.RunNow(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		same(t, "removed", next(t, "a removal", files.removed), path)
		until(t, "the job has ended", state(rivertype.JobStateCompleted))
	})
}

func TestObserveJobs(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		answers := map[string]error{"lost": errors.New("410 Gone"), "slow": errors.New("no answer")}
		n.deliver = func(d *bridge.Delivery) ([]string, error) {
			name := d.Inboxes[0][strings.LastIndex(d.Inboxes[0], "/")+1:]
			if name == "slow" {
				return d.Inboxes, answers[name]
			}
			return nil, answers[name]
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		seen := make(chan string, 100)
		w.ObserveJobs(func(kind, outcome string) {
			if kind == "deliver" {
				seen <- outcome
			}
		})
		w.start()
		ann := w.person("ann")
		for _, name := range []string{"good", "lost", "slow"} {
			w.do(ann, act(vocab.VerbPost, note("x"), w.present(name+"@far.example", "pump", "").Doc.Ref()))
		}
		var got []string
		for range 3 {
			got = append(got, next(t, "the end of a job", seen))
		}
		slices.Sort(got)
		equal(t, "outcomes", got, "cancelled", "completed", "completed")
		again := w.deliveryJob(rivertype.JobStateScheduled, "https://far.example/pump/slow")
		if err := w.RunNow(t.Context(), again.ID); err != nil {
			t.Fatal(err)
		}
		same(t, "outcome of the second attempt", next(t, "the end of a job", seen), "failed")
	})
}

// A bridge that never ran can be stopped, and one that runs stops at once.
func TestStop(t *testing.T) {
	worlds(t, func(w *world) {
		if err := w.Stop(w.t.Context()); err != nil {
			w.t.Errorf("stopping what was never started: %v", err)
		}
	})
}

// Processes that are started together on a fresh database all get to work.
func TestTablesAreMadeByAll(t *testing.T) {
	t.Parallel()
	for name, address := range map[models.Dialect]string{models.SQLite: filepath.Join(t.TempDir(), "manifold.db"), models.Postgres: scratchpg.Database(t)} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			var processes [4]*models.DB
			inAll := func(what func(i int) error) {
				var all sync.WaitGroup
				for i := range processes {
					all.Go(func() {
						if err := what(i); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
			}
			inAll(func(i int) (err error) {
				processes[i], err = models.Open(t.Context(), models.Options{Database: address})
				return err
			})
			inAll(func(i int) error {
				_, err := processes[i].Migrate(t.Context())
				return err
			})
			inAll(func(i int) error { return bridge.MigrateQueue(t.Context(), processes[i]) })
			inAll(func(i int) error { return processes[i].Close() })
		})
	}
}
