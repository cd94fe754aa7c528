package bridge_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestFollowersMoveWithAnAccount(t *testing.T) {
	const fans = 22 // more than change over at once
	onEach(t, func(t *testing.T, address string) {
		w := newWorld(t, address, asking()) // its networks hold what is delivered
		old, next := w.present("far@old.example", "activitypub", ""), w.present("far@new.example", "activitypub", "")
		enemy, both := w.person("enemy"), w.person("both")
		var list []*models.Actor
		for i := range fans {
			list = append(list, w.person(fmt.Sprint("fan", i)))
		}
		for _, f := range append(list, enemy, both) {
			w.brought("activitypub", old, answer(vocab.VerbAccept, w.do(f, act(vocab.VerbFollow, old.Doc.Ref()))))
		}
		w.brought("activitypub", next, answer(vocab.VerbAccept, w.do(both, act(vocab.VerbFollow, next.Doc.Ref()))))
		w.do(enemy, act(vocab.VerbBlock, next.Doc.Ref()))

		move := &vocab.Activity{Verb: vocab.VerbMove, Object: old.Doc.Ref(), Target: &vocab.Object{ID: "https://nowhere.example/users/x"}}
		_, err := w.brings("activitypub", old, move)
		w.isRefusal(err, bridge.Missing, "No such 'user' with id 'https://nowhere.example/users/x'")
		same(w.t, "what is to be fetched", bridge.ToFetch(err), "https://nowhere.example/users/x")
		_, err = w.brings("activitypub", next, &vocab.Activity{Verb: vocab.VerbMove, Object: old.Doc.Ref(), Target: next.Doc.Ref()})
		w.isRefusal(err, bridge.NotAllowed, "Can't move "+old.Doc.ID+": not you.")

		inbox := len(w.inbox(list[0], models.All))
		w.brought("activitypub", old, &vocab.Activity{Verb: vocab.VerbMove, Object: old.Doc.Ref(), Target: next.Doc.Ref(), To: one(w.followersOf(old))})
		moved, err := w.DB().MoveOf(w.t.Context(), old.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "where they moved", moved.TargetID, next.ID)
		w.start()
		until(w.t, "nobody follows the old account", func() bool { return w.actor(old.ID).Counts.Followers == 0 })
		until(w.t, "all that was to be told is told", func() bool {
			return !slices.ContainsFunc(w.jobs("deliver"), func(j *rivertype.JobRow) bool { return j.State != rivertype.JobStateCompleted })
		})
		equal(w.t, "whom the enemy follows", w.follows(enemy))
		equal(w.t, "whom one follows who followed both", w.follows(both), "far")
		asks := w.asks(next)
		same(w.t, "who asks to follow the new account", len(asks), fans)
		same(w.t, "what a follower was shown", len(w.inbox(list[0], models.All)), inbox+1)
		// Each of them is told, and each asks by an activity of their own.
		for _, verb := range []string{vocab.VerbFollow, vocab.VerbStopFollowing} {
			n := w.number(fmt.Sprintf("SELECT COUNT(*) FROM activities WHERE verb = '%s' AND actor_id = %d AND (object_id = %d AND verb = 'follow' OR object_id = %d AND verb <> 'follow')",
				verb, list[fans-1].ID, next.ID, old.ID))
			same(w.t, verb, n, 1)
		}
		edges, err := w.DB().RequestsTo(w.t.Context(), next.ID, models.Page{Count: 1})
		if err != nil {
			w.t.Fatal(err)
		}
		w.brought("activitypub", next, answer(vocab.VerbAccept, w.activity(edges[0].ActivityID)))
		same(w.t, "followers", w.actor(next.ID).Counts.Followers, 2)
	})
}

func TestNobodyHereMovesByAnActivity(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		w.refused(ann, &vocab.Activity{Verb: vocab.VerbMove, Object: ann.Doc.Ref(), Target: w.remote("a@b.example").Doc.Ref()}, bridge.Invalid,
			"An account of this server cannot be moved by an activity.")
	})
}
