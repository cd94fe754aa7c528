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

// accountOn is an account as a network finds it, nick@host.
func accountOn(network, address string, more ...string) *bridge.Account {
	nick, host, _ := strings.Cut(strings.TrimPrefix(address, "acct:"), "@")
	iri := "https://" + host + "/users/" + nick
	return &bridge.Account{Profile: &vocab.Object{ID: "acct:" + nick + "@" + host, Type: vocab.TypePerson, DisplayName: strings.ToUpper(nick)},
		Network: network, IRI: iri, Aliases: append([]string{iri}, more...), Inbox: iri + "/inbox"}
}

func TestResolve(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		first, second := newNetwork("activitypub"), newNetwork("pump")
		now := time.Now()
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{first, second}, Now: func() time.Time { return now }})
		ctx := t.Context()
		ann := w.person("ann")
		var asked atomic.Int64
		down := false
		first.discover = func(name string) (*bridge.Account, error) {
			asked.Add(1)
			switch {
			case down:
				return nil, errors.New("no route to host")
			case name == "acct:far@far.example" || name == "https://far.example/users/far":
				return accountOn("activitypub", "far@far.example"), nil
			}
			return nil, bridge.ErrUnknownAccount
		}
		second.discover = func(name string) (*bridge.Account, error) {
			if name != "acct:old@old.example" {
				return nil, bridge.ErrUnknownAccount
			}
			return accountOn("pump", "old@old.example"), nil
		}

		far, err := w.Resolve(ctx, "Far@far.example")
		if !errors.Is(err, bridge.ErrUnknownAccount) {
			t.Errorf("another spelling: %v %v", far, err)
		}
		for _, name := range []string{"far@far.example", "@far@FAR.example", "acct:far@far.example", "https://far.example/users/far"} {
			if far, err = w.Resolve(ctx, name); err != nil || far.Doc.ID != "acct:far@far.example" {
				t.Fatalf("%s: %v %v", name, far, err)
			}
		}
		same(t, "questions", asked.Load(), 2)
		old, err := w.Resolve(ctx, "old@old.example")
		if err != nil || old.Doc.DisplayName != "OLD" {
			t.Errorf("on the second network: %v %v", old, err)
		}
		for _, name := range []string{"acct:ann@localhost:8080", home + "/users/ann", home + "/users/ANN", home + "/ann"} {
			if a, err := w.Resolve(ctx, name); err != nil || a.ID != ann.ID {
				t.Errorf("%s: %v %v", name, a, err)
			}
		}
		if _, err := w.Resolve(ctx, home+"/users/nobody"); !errors.Is(err, bridge.ErrUnknownAccount) {
			t.Errorf("nobody here: %v", err)
		}

		// A day later it is asked again; while nobody answers, what is known holds.
		asked.Store(0)
		now = now.Add(25 * time.Hour)
		down = true
		if again, err := w.Resolve(ctx, "far@far.example"); err != nil || again.ID != far.ID {
			t.Errorf("while the server is down: %v %v", again, err)
		}
		if _, err := w.Resolve(ctx, "new@far.example"); err == nil || errors.Is(err, bridge.ErrUnknownAccount) {
			t.Errorf("somebody new while the server is down: %v", err)
		}
		down = false
		for range 2 {
			if again, err := w.Resolve(ctx, "far@far.example"); err != nil || again.ID != far.ID {
				t.Errorf("after a day: %v %v", again, err)
			}
		}
		same(t, "questions", asked.Load(), 3)

		// At once it is asked once.
		asked.Store(0)
		now = now.Add(25 * time.Hour)
		var wait sync.WaitGroup
		wait.Add(1)
		find := first.discover
		first.discover = func(name string) (*bridge.Account, error) { wait.Wait(); return find(name) }
		time.AfterFunc(100*time.Millisecond, wait.Done)
		for _, err := range together(8, func(int) error { _, err := w.Resolve(ctx, "far@far.example"); return err }) {
			if err != nil {
				t.Error(err)
			}
		}
		same(t, "questions", asked.Load(), 1)
	})
}

// What is for somebody of whom no more than the name is known gets there.
func TestReach(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("pump")
		var up atomic.Bool
		n.discover = func(name string) (*bridge.Account, error) {
			switch {
			case strings.HasSuffix(name, "@gone.example"):
				return nil, bridge.ErrUnknownAccount
			case strings.HasSuffix(name, "@down.example") && !up.Load():
				return nil, errors.New("connection refused")
			case name == "https://far.example/page":
				return accountOn("pump", "other@far.example"), nil
			}
			return accountOn("pump", name), nil
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		ann := w.person("ann")
		known := w.present("known@known.example", "pump", "")
		to := []*vocab.Object{known.Doc.Ref()}
		for _, id := range []string{"acct:new@far.example", "acct:x@gone.example", "acct:x@down.example"} {
			to = append(to, &vocab.Object{ID: id, Type: vocab.TypePerson})
		}
		a := w.do(ann, act(vocab.VerbPost, note("x"), append(to, &vocab.Object{ID: "https://far.example/page", Type: vocab.TypePerson})...))
		same(t, "searches", len(w.jobs("reach")), 4)
		equal(t, "inboxes at first", w.inboxesOf(a), "pump https://known.example/pump/known")
		w.start()
		until(t, "new is found", func() bool { return len(w.inboxesOf(a)) == 2 })
		equal(t, "inboxes", w.inboxesOf(a), "pump https://far.example/users/new/inbox", "pump https://known.example/pump/known")
		failures := func() []string {
			list, err := w.DB().FailuresOf(t.Context(), a.ID, models.Page{Count: 100})
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, f := range list {
				lines = append(lines, fmt.Sprintf("%s %d %s", f.Inbox, f.State, f.Reason))
			}
			slices.Sort(lines)
			return lines
		}
		until(t, "the failures are known", func() bool { return len(failures()) == 3 })
		equal(t, "failures", failures(), "acct:x@down.example 0 looking for acct:x@down.example: pump: connection refused",
			"acct:x@gone.example 1 acct:x@gone.example: no such account",
			"https://far.example/page 1 the account is known as acct:other@far.example: use that name")
		up.Store(true)
		until(t, "it is tried again", func() bool {
			for _, j := range w.jobs("reach") {
				if j.State == rivertype.JobStateRetryable || j.State == rivertype.JobStateScheduled {
					w.retryNow(j.ID)
				}
			}
			return len(w.inboxesOf(a)) == 3
		})
		until(t, "it is no failure any more", func() bool { return len(failures()) == 2 })

		// Who is known for long is asked about again, and gets it once.
		w.exec("UPDATE presences SET verified = 1")
		b := w.do(ann, act(vocab.VerbPost, note("y"), &vocab.Object{ID: "acct:new@far.example"}))
		until(t, "it was asked", func() bool { return w.number("SELECT COUNT(*) FROM presences WHERE verified > 1") == 1 })
		until(t, "the search is over", func() bool {
			return !slices.ContainsFunc(w.jobs("reach"), func(j *rivertype.JobRow) bool {
				return j.State == rivertype.JobStateRunning || j.State == rivertype.JobStateAvailable
			})
		})
		equal(t, "inboxes", w.inboxesOf(b), "pump https://far.example/users/new/inbox")
	})
}

// What changes a post, or takes it back, goes to wherever the post went.
func TestSentLog(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		ann := w.person("ann")
		far, later := w.present("far@far.example", "pump", ""), w.present("later@later.example", "activitypub", "")
		const first, second = "pump https://far.example/pump/far", "activitypub https://later.example/activitypub/later"
		w.follow(ann, far)
		public := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), To: one(everybody())})
		private := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("y"), To: one(w.followersOf(ann))})
		like := w.do(ann, &vocab.Activity{Verb: vocab.VerbLike, Object: public.Doc.Object, To: one(everybody())})
		w.receive(far, act(vocab.VerbStopFollowing, ann.Doc.Ref(), ann.Doc.Ref()))
		w.follow(ann, later)
		edit := func(a *models.Activity, title string) *models.Activity {
			return w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: a.Doc.Object.ID, DisplayName: title}))
		}
		for range 2 { // the second one finds both in the log
			equal(w.t, "inboxes of an update", w.inboxesOf(edit(public, "new")), second, first)
		}
		same(w.t, "rows of the log", w.number(fmt.Sprintf("SELECT COUNT(*) FROM sent WHERE activity_id = %d", public.ID)), 2)
		equal(w.t, "inboxes of the update of what is not public", w.inboxesOf(edit(private, "new")), second)
		equal(w.t, "inboxes of an undo", w.inboxesOf(w.do(ann, &vocab.Activity{Verb: vocab.VerbUnlike, Object: public.Doc.Object, Undoes: like.Doc.ID, To: one(ann.Doc.Ref())})), first)
		for _, a := range []*models.Activity{public, private} {
			equal(w.t, "inboxes of a deletion", w.inboxesOf(w.do(ann, act(vocab.VerbDelete, a.Doc.Object))), second, first)
		}
		same(w.t, "rows of the log", w.number("SELECT COUNT(*) FROM sent"), 0)

		// Nobody learns where others' activities went.
		bob := w.person("bob")
		theirs := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), To: one(everybody())})
		w.write(func(ctx context.Context, tx *models.Tx) error {
			return tx.LogSent(ctx, theirs.ID, map[string][]string{"pump": {"https://secret.example/"}})
		})
		undo := w.do(bob, &vocab.Activity{Verb: "http://them/#takeBack", Object: theirs.Doc.Object, Undoes: theirs.Doc.ID, To: one(bob.Doc.Ref())})
		equal(w.t, "inboxes of an undo of another's", w.inboxesOf(undo))
	})
}

// A follower on the server of somebody who is still looked for gets what names both
// once that person is known, or the search has failed; nobody else waits.
func TestDeliveriesAwaitWhoIsNamed(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		n := newNetwork("activitypub")
		release := make(chan struct{})
		n.discover = func(name string) (*bridge.Account, error) {
			if strings.HasSuffix(name, "@gone.example") {
				return nil, bridge.ErrUnknownAccount
			}
			<-release
			return accountOn("activitypub", name), nil
		}
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{n}})
		ann := w.person("ann")
		var asks []*models.Actor
		for _, name := range []string{"old@far.example", "near@near.example", "old@gone.example"} {
			follower := w.present(name, "activitypub", "")
			w.follow(ann, follower)
			asks = append(asks, follower)
		}
		w.exec(fmt.Sprintf("UPDATE presences SET verified = %d", time.Now().UnixMilli()))
		type arrival struct {
			inbox string
			known bool
		}
		arrived := make(chan arrival, 10)
		n.deliver = func(d *bridge.Delivery) ([]string, error) {
			found, err := w.DB().ActorByIRI(context.Background(), "acct:new@far.example")
			if err != nil {
				return nil, err
			}
			presences, err := w.DB().PresencesOf(context.Background(), found.ID)
			for _, inbox := range d.Inboxes {
				arrived <- arrival{inbox, len(presences) > 0}
			}
			return nil, err
		}
		w.do(ann, act(vocab.VerbPost, note("x"), w.followersOf(ann), &vocab.Object{ID: "acct:new@far.example", Type: vocab.TypePerson},
			&vocab.Object{ID: "acct:none@gone.example", Type: vocab.TypePerson}))
		w.start()
		got := map[string]bool{}
		next := func() {
			t.Helper()
			select {
			case a := <-arrived:
				got[a.inbox] = a.known
			case <-time.After(20 * time.Second):
				t.Fatalf("nothing more is delivered than %v", got)
			}
		}
		inbox := func(a *models.Actor) string { return "https://" + a.Host + "/activitypub/" + a.Nickname }
		next()
		next()
		same(t, "before anybody is found", fmt.Sprint(got), fmt.Sprint(map[string]bool{inbox(asks[1]): false, inbox(asks[2]): false}))
		close(release)
		for len(got) < 4 {
			next()
		}
		same(t, "the follower is told with the id", got[inbox(asks[0])], true)
	})
}
