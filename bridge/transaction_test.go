package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// rows counts the rows of every table, and tells the last position taken.
func (w *world) rows() map[string]int64 {
	w.t.Helper()
	tables := "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	if w.DB().Dialect() == models.SQLite {
		tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	}
	found, err := w.DB().SQL().QueryContext(w.t.Context(), tables)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := found.Close(); err != nil {
		w.t.Fatal(err)
	}
	counts := map[string]int64{"position": w.number("SELECT last FROM sequences WHERE name = 'position'")}
	for _, name := range names {
		counts[name] = w.number("SELECT COUNT(*) FROM " + name)
	}
	return counts
}

// unchanged compares with what was counted before.
func (w *world) unchanged(before map[string]int64) {
	w.t.Helper()
	if after := w.rows(); !maps.Equal(before, after) {
		for name, n := range after {
			if n != before[name] {
				w.t.Errorf("the table %s has %d rows, it had %d", name, n, before[name])
			}
		}
	}
}

// Whatever fails, and however late, nothing of it is left.
func TestWhatFailsLeavesNothing(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far := w.present("far@far.example", "pump", "")
		w.follow(ann, bob, far)
		list := w.list(ann, "Friends", bob)
		sea := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		w.do(bob, act(vocab.VerbLike, sea))
		w.do(bob, act(vocab.VerbShare, sea))
		parent := &vocab.Object{ID: "https://far.example/q", Type: vocab.TypeNote}
		rows := w.rows()

		w.sub("refused at the end of its rule", func(w *world) {
			for _, a := range []*vocab.Activity{act(vocab.VerbLike, sea.Ref()), act(vocab.VerbShare, sea.Ref()), act(vocab.VerbFollow, ann.Doc.Ref())} {
				if _, err := w.try(bob, a); bridge.ReasonOf(err) != bridge.Exists {
					w.t.Errorf("%s again: %v", a.Verb, err)
				}
			}
			w.refused(ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: bob.Doc.Ref(), Target: list}, bridge.Exists,
				"Already have a(n) 'member' with id '"+bob.Doc.ID+"'")
			w.refused(ann, act(vocab.VerbCreate, listDoc("Friends")), bridge.Exists, "Already have a(n) 'A folder for 'person' named 'Friends' already exists.' with id 'undefined'")
			w.unchanged(rows)
		})
		w.sub("the jobs cannot be queued", func(w *world) {
			w.exec("ALTER TABLE river_job RENAME TO hidden")
			for _, a := range []*vocab.Activity{
				act(vocab.VerbPost, reply("x", parent), everybody(), &vocab.Object{ID: "acct:new@far.example"}),
				act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "x"}),
				act(vocab.VerbFollow, far.Doc.Ref()),
			} {
				if _, err := w.try(ann, a); err == nil || bridge.ReasonOf(err) != 0 {
					w.t.Errorf("%s: %v, want a failure", a.Verb, err)
				}
			}
			w.exec("ALTER TABLE hidden RENAME TO river_job")
			w.unchanged(rows)
			same(w.t, "somebody who was addressed is known", w.known(models.KindActor, "acct:new@far.example"), false)
		})
		w.sub("the streams cannot be written", func(w *world) {
			w.exec("ALTER TABLE stream_items RENAME TO hidden")
			for _, a := range []*vocab.Activity{act(vocab.VerbPost, reply("x", parent), everybody()), act(vocab.VerbDelete, sea), act(vocab.VerbUnlike, sea)} {
				if _, err := w.try(ann, a); err == nil {
					w.t.Errorf("%s without streams succeeded", a.Verb)
				}
			}
			w.exec("ALTER TABLE hidden RENAME TO stream_items")
			w.unchanged(rows)
			same(w.t, "the sea is still there", w.object(sea.ID).Doc.DisplayName, "Sea")
		})
		w.do(ann, act(vocab.VerbPost, reply("x", parent), everybody())) // and now it goes
	})
}

func TestOnlyIf(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		refusal := errors.New("only minor activities")
		onlyMinor := func(major bool) error {
			if major {
				return refusal
			}
			return nil
		}
		rows := w.rows()
		_, err := w.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Activity: act(vocab.VerbPost, note("x")), OnlyIf: onlyMinor})
		if !errors.Is(err, refusal) {
			w.t.Errorf("a major activity: %v, want %v", err, refusal)
		}
		w.unchanged(rows)
		if _, err := w.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Activity: act(vocab.VerbCreate, listDoc("x")), OnlyIf: onlyMinor}); err != nil {
			w.t.Errorf("a minor activity: %v", err)
		}
	})
}

func TestWithin(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		refusal := errors.New("seen before")
		nonce := func(digest string, err error) func(context.Context, *models.Tx) error {
			return func(ctx context.Context, tx *models.Tx) error {
				return errors.Join(tx.RememberNonce(ctx, []byte(digest), time.Now().Add(time.Hour)), err)
			}
		}
		rows := w.rows()
		post := func(a *vocab.Activity, within func(context.Context, *models.Tx) error) error {
			_, err := w.Post(w.t.Context(), bridge.Submission{ActorID: ann.ID, Activity: a, Within: within})
			return err
		}
		if err := post(act(vocab.VerbPost, note("x")), nonce("1", refusal)); !errors.Is(err, refusal) {
			w.t.Errorf("got %v, want the error of Within", err)
		}
		// What Within did is undone with an activity that is refused.
		if err := post(act(vocab.VerbPost, nil), nonce("2", nil)); bridge.ReasonOf(err) != bridge.Invalid {
			w.t.Errorf("got %v, want a refusal", err)
		}
		w.unchanged(rows)
		if err := post(act(vocab.VerbPost, note("x")), nonce("3", nil)); err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "nonces", w.number("SELECT COUNT(*) FROM nonces"), 1)
		if err := post(act(vocab.VerbPost, note("x")), nonce("3", nil)); !errors.Is(err, models.ErrExists) || bridge.ReasonOf(err) != 0 {
			w.t.Errorf("a nonce again: %v, want %v as it is", err, models.ErrExists)
		}
		same(w.t, "activities", w.number("SELECT COUNT(*) FROM activities"), 1)
	})
}

// A post that shares its commit with others, as those of SQLite do, is undone
// without them.
func TestOnePostFailsAmongMany(t *testing.T) {
	const posts = 40
	worlds(t, func(w *world) {
		ann := w.person("ann")
		refusal := errors.New("no")
		errs := together(posts, func(i int) error {
			s := bridge.Submission{ActorID: ann.ID, Activity: act(vocab.VerbPost, note(fmt.Sprint(i)))}
			if i%2 == 1 {
				s.OnlyIf = func(bool) error { return refusal }
			}
			_, err := w.Post(w.t.Context(), s)
			return err
		})
		for i, err := range errs {
			if (i%2 == 1) != errors.Is(err, refusal) {
				w.t.Errorf("post %d: %v", i, err)
			}
		}
		same(w.t, "posts", len(w.outbox(ann, ann)), posts/2)
		same(w.t, "notes", w.number("SELECT COUNT(*) FROM objects"), posts/2)
	})
}

func TestSuspendedPeopleDoNothing(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		if err := w.Suspend(w.t.Context(), "ann", true); err != nil {
			w.t.Fatal(err)
		}
		if err := w.DeleteAccount(w.t.Context(), "bob", nil); err != nil {
			w.t.Fatal(err)
		}
		far := w.remote("far@far.example")
		w.write(func(ctx context.Context, tx *models.Tx) error {
			far.State = models.Suspended
			return tx.UpdateActor(ctx, far)
		})
		rows := w.rows()
		_, err := w.arrive(far, nil, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote}, everybody()))
		w.isRefusal(err, bridge.NotAllowed, "This account is suspended.")
		w.refused(p[0], act(vocab.VerbPost, note("x")), bridge.NotAllowed, "This account is suspended.")
		w.refused(p[1], act(vocab.VerbPost, note("x")), bridge.Gone, "This account is not in use any more.")
		w.unchanged(rows)
		if err := w.Suspend(w.t.Context(), "ann", false); err != nil {
			w.t.Fatal(err)
		}
		w.do(p[0], act(vocab.VerbPost, note("x")))
	})
}
