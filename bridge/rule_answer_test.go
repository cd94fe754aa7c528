package bridge_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// asking are two networks, on the better of which a follow has to be accepted.
func asking() bridge.Options {
	better := newNetwork("activitypub")
	better.confirms = true
	return bridge.Options{Networks: []bridge.Network{better, newNetwork("pump")}}
}

// brings has an activity come from elsewhere by a network.
func (w *world) brings(network string, sender *models.Actor, a *vocab.Activity) (*bridge.Result, error) {
	if a.ID == "" {
		a.ID = fmt.Sprintf("https://%s/activities/%d", sender.Host, arrivals.Add(1))
	}
	return w.Receive(w.t.Context(), bridge.Arrival{SenderID: sender.ID, Activity: a, Network: network, Verified: "test"})
}

// brought has one come that must be taken.
func (w *world) brought(network string, sender *models.Actor, a *vocab.Activity) *models.Activity {
	w.t.Helper()
	r, err := w.brings(network, sender, a)
	if err != nil {
		w.t.Fatalf("%s from %s by %s: %v", a.Verb, sender.Doc.ID, network, err)
	}
	return r.Activity
}

// answer is an acceptance or rejection as other servers send it.
func answer(verb string, follow *models.Activity) *vocab.Activity {
	return &vocab.Activity{Verb: verb, Object: &vocab.Object{ID: follow.Doc.ID, Type: vocab.TypeActivity},
		Inner: &vocab.Activity{ID: follow.Doc.ID, Verb: vocab.VerbFollow, Actor: follow.Doc.Actor, Object: follow.Doc.Object}}
}

// asks tells who waits for an answer of somebody.
func (w *world) asks(a *models.Actor) []string {
	w.t.Helper()
	edges, err := w.DB().RequestsTo(w.t.Context(), a.ID, models.Page{Count: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range edges {
		names = append(names, w.actor(e.ActorID).Nickname)
	}
	return names
}

// answers are what somebody here has answered, oldest first, each with where it
// went.
func (w *world) answers(a *models.Actor) []string {
	w.t.Helper()
	rows, err := w.DB().SQL().QueryContext(w.t.Context(), fmt.Sprintf("SELECT id FROM activities WHERE actor_id = %d AND verb IN ('accept', 'reject') ORDER BY id", a.ID))
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for _, id := range ids {
		answer := w.activity(id)
		list = append(list, fmt.Sprint(answer.Verb, " ", w.activity(answer.Object.ID).Doc.ID, " ", w.inboxesOf(answer)))
	}
	return list
}

func TestAFollowElsewhereCountsOnceItIsAccepted(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		far, other := w.present("far@far.example", "activitypub", ""), w.present("other@far.example", "activitypub", "")
		old := w.present("old@old.example", "pump", "")
		first := w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))
		equal(w.t, "deliveries of a request", w.inboxesOf(first), "activitypub https://far.example/activitypub/far")
		equal(w.t, "ann follows", w.follows(ann))
		same(w.t, "followers", w.actor(far.ID).Counts.Followers, 0)
		w.brought("activitypub", far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote, DisplayName: "early"}, everybody()))

		// Who asks again is not told that it is done: the first request may be lost.
		again := w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))
		equal(w.t, "deliveries of the second request", w.inboxesOf(again), "activitypub https://far.example/activitypub/far")

		_, err := w.brings("activitypub", other, answer(vocab.VerbAccept, again))
		w.isRefusal(err, bridge.NotAllowed, "Can't accept "+again.Doc.ID+": it is not you who would be followed.")
		equal(w.t, "ann follows", w.follows(ann))

		before := w.inbox(ann, models.All)
		w.brought("activitypub", far, answer(vocab.VerbAccept, again))
		w.brought("activitypub", far, answer(vocab.VerbAccept, first))
		equal(w.t, "ann follows", w.follows(ann), "far")
		same(w.t, "followers", w.actor(far.ID).Counts.Followers, 1)
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), before...)
		w.refused(ann, act(vocab.VerbFollow, far.Doc.Ref()), bridge.Exists, "Already have a(n) 'edge' with id '"+ann.Doc.ID+"→"+far.Doc.ID+"'")
		w.brought("activitypub", far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/2", Type: vocab.TypeNote, DisplayName: "late"}, everybody()))
		same(w.t, "newest in ann's inbox", w.inbox(ann, models.Major)[0], "far post late")

		// Where nobody is asked, a follow counts at once.
		w.do(ann, act(vocab.VerbFollow, old.Doc.Ref()))
		equal(w.t, "ann follows", w.follows(ann), "old", "far")
	})
}

// Many servers answer with a follow that has another id, or none.
func TestAnAnswerIsMatchedByWhoFollowsWhom(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		far := w.present("far@far.example", "activitypub", "")
		for i, id := range []string{"", "https://far.example/made-up", home + "/api/activity/none"} {
			w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))
			in := &vocab.Activity{Verb: vocab.VerbAccept, Object: &vocab.Object{ID: id, Type: vocab.TypeActivity}, Inner: &vocab.Activity{ID: id, Verb: vocab.VerbFollow,
				Actor: &vocab.Object{ID: w.Names().Actor("ann")}, Object: &vocab.Object{ID: "acct:far@far.example"}}}
			w.brought("activitypub", far, in)
			equal(w.t, fmt.Sprint("ann follows ", i), w.follows(ann), "far")
			w.do(ann, act(vocab.VerbStopFollowing, far.Doc.Ref()))
		}
		_, err := w.brings("activitypub", far, &vocab.Activity{Verb: vocab.VerbAccept, Object: &vocab.Object{Type: vocab.TypeActivity},
			Inner: &vocab.Activity{Verb: vocab.VerbFollow, Actor: ann.Doc.Ref(), Object: far.Doc.Ref()}})
		w.isRefusal(err, bridge.Missing, "No such 'edge' with id '"+ann.Doc.ID+"→"+far.Doc.ID+"'")
	})
}

func TestARejectionEndsAFollow(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		far := w.present("far@far.example", "activitypub", "")
		for _, accepted := range []bool{false, true} {
			follow := w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))
			if accepted {
				w.brought("activitypub", far, answer(vocab.VerbAccept, follow))
			}
			rejection := w.brought("activitypub", far, answer(vocab.VerbReject, follow))
			equal(w.t, "ann follows", w.follows(ann))
			same(w.t, "followers", w.actor(far.ID).Counts.Followers, 0)
			same(w.t, "newest in ann's inbox", w.inbox(ann, models.DirectMinor)[0], "far reject (ann follow far)")
			same(w.t, "sentence", rejection.Doc.Content, "<a href='https://far.example/@far'>far</a> rejected a request to follow")
			_, err := w.brings("activitypub", far, answer(vocab.VerbAccept, follow))
			w.isRefusal(err, bridge.Missing, "No such 'edge' with id '"+ann.Doc.ID+"→"+far.Doc.ID+"'")
		}
	})
}

// A follow of somebody of whom nothing is known yet waits until it turns out how
// their network has it.
func TestAFollowOfSomebodyUnknownIsSettledWhenTheyAreFound(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		for network, followers := range map[string]int{"pump": 2, "activitypub": 0} {
			id := "acct:star@" + network + ".example"
			for _, fan := range p {
				w.do(fan, act(vocab.VerbFollow, &vocab.Object{ID: id, Type: vocab.TypePerson}))
			}
			star, err := w.DB().ActorByIRI(w.t.Context(), id)
			if err != nil {
				w.t.Fatal(err)
			}
			same(w.t, "followers before", star.Counts.Followers, 0)
			star, err = w.Introduce(w.t.Context(), &bridge.Account{Profile: star.Doc, Network: network, Inbox: "https://" + star.Host + "/inbox"}, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			same(w.t, "followers on "+network, w.actor(star.ID).Counts.Followers, int64(followers))
			edges, err := w.DB().EdgesTo(w.t.Context(), models.Follows, star.ID, models.Page{Count: 1})
			if err != nil {
				w.t.Fatal(err)
			}
			if len(edges) > 0 { // a page of one at a time meets both
				edges2, err := w.DB().EdgesTo(w.t.Context(), models.Follows, star.ID, models.Page{Count: 1, Before: edges[0].Position})
				if err != nil {
					w.t.Fatal(err)
				}
				edges = append(edges, edges2...)
			}
			same(w.t, "followers listed", len(edges), followers)
		}
		equal(w.t, "ann follows", w.follows(p[0]), "star")
	})
}

// Property 54: Follow, Accept lost, Follow again gives one follower and a second
// Accept.
func TestFollowAcceptLostFollowAgain(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		far := w.present("far@far.example", "activitypub", "")
		follow := func(id string) *vocab.Activity {
			return &vocab.Activity{ID: "https://far.example/follows/" + id, Verb: vocab.VerbFollow, Object: ann.Doc.Ref()}
		}
		for _, id := range []string{"1", "2"} {
			w.brought("activitypub", far, follow(id))
		}
		const inbox = " [activitypub https://far.example/activitypub/far]"
		equal(w.t, "ann's answers", w.answers(ann), "accept https://far.example/follows/1"+inbox, "accept https://far.example/follows/2"+inbox)
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)
		same(w.t, "following", w.actor(far.ID).Counts.Following, 1)
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), "far follow ann")
		equal(w.t, "ann's outbox", w.outbox(ann, ann))
		// The same follow once more, to the byte, is the same follow.
		w.brought("activitypub", far, follow("2"))
		same(w.t, "answers", len(w.answers(ann)), 2)

		// The end of the first follow, which comes late, does not end the second.
		end := &vocab.Activity{Verb: vocab.VerbStopFollowing, Object: ann.Doc.Ref(), Undoes: "https://far.example/follows/1"}
		w.brought("activitypub", far, end)
		same(w.t, "followers after the end of the old follow", w.actor(ann.ID).Counts.Followers, 1)
		end = &vocab.Activity{Verb: vocab.VerbStopFollowing, Object: ann.Doc.Ref(), Undoes: "https://far.example/follows/2"}
		w.brought("activitypub", far, end)
		same(w.t, "followers after the end", w.actor(ann.ID).Counts.Followers, 0)

		// Where nobody waits for an answer, none is sent.
		old := w.present("old@old.example", "pump", "")
		w.brought("pump", old, act(vocab.VerbFollow, ann.Doc.Ref()))
		same(w.t, "answers", len(w.answers(ann)), 2)
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)
	})
}

func TestSomebodyWhoApprovesFollowersIsAsked(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, Extra: map[string]json.RawMessage{vocab.NSAS2 + "manuallyApprovesFollowers": json.RawMessage("true")}}))
		far, near := w.present("far@far.example", "activitypub", ""), w.present("near@near.example", "activitypub", "")
		follow := w.brought("activitypub", far, act(vocab.VerbFollow, ann.Doc.Ref()))
		w.brought("activitypub", near, act(vocab.VerbFollow, ann.Doc.Ref()))
		w.do(bob, act(vocab.VerbFollow, ann.Doc.Ref()))
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 0)
		equal(w.t, "who asks", w.asks(ann), "bob", "near", "far")
		equal(w.t, "ann's inbox", w.inbox(ann, models.DirectMinor), "bob follow ann")
		equal(w.t, "what else came", w.inbox(ann, models.Minor)[:3], "bob follow ann", "near follow ann", "far follow ann")
		equal(w.t, "deliveries of a post", w.inboxesOf(w.do(ann, act(vocab.VerbPost, note("x"), w.followersOf(ann)))))
		equal(w.t, "answers", w.answers(ann))
		w.refused(bob, answer("authorize", follow), bridge.NotAllowed, "Only the actor and recipients can view this activity.")

		// By the follow, by the person; in the words of pump.io or of others.
		w.do(ann, act("authorize", &vocab.Object{ID: follow.Doc.ID, Type: vocab.TypeActivity}))
		w.do(ann, act("accept", bob.Doc.Ref(), everybody()))
		w.do(ann, act("deny", near.Doc.Ref()))
		equal(w.t, "who asks", w.asks(ann))
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 2)
		equal(w.t, "bob follows", w.follows(bob), "ann")
		same(w.t, "bob's inbox", w.inbox(bob, models.DirectMinor)[0], "ann accept (bob follow ann)")
		equal(w.t, "deliveries of a post", w.inboxesOf(w.do(ann, act(vocab.VerbPost, note("y"), w.followersOf(ann)))), "activitypub https://far.example/activitypub/far")
		got := w.answers(ann)
		same(w.t, "answers", len(got), 3)
		same(w.t, "answer to far", got[0], "accept "+follow.Doc.ID+" [activitypub https://far.example/activitypub/far]")
		same(w.t, "answer to near", got[2][len(got[2])-len("[activitypub https://near.example/activitypub/near]"):], "[activitypub https://near.example/activitypub/near]")

		// A follower can be sent away, and is told.
		w.do(ann, act("reject", far.Doc.Ref()))
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)
		got = w.answers(ann)
		same(w.t, "answer to far", got[3], "reject "+follow.Doc.ID+" [activitypub https://far.example/activitypub/far]")
		equal(w.t, "deliveries of a post", w.inboxesOf(w.do(ann, act(vocab.VerbPost, note("z"), w.followersOf(ann)))))

		// A request can be withdrawn.
		w.brought("activitypub", near, act(vocab.VerbFollow, ann.Doc.Ref()))
		equal(w.t, "who asks", w.asks(ann), "near")
		w.brought("activitypub", near, act(vocab.VerbStopFollowing, ann.Doc.Ref()))
		equal(w.t, "who asks", w.asks(ann))
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)
	})
}
