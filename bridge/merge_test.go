package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// Somebody who was met under two names is one once an account names both, with
// everybody who followed either, and everything that either did.
func TestActorsAreMerged(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		old, now := w.remote("old@far.example"), w.remote("now@far.example")
		w.reach(old, "pump", "")
		w.reach(now, "activitypub", "")
		w.follow(old, ann, bob)
		w.follow(now, bob, cid)
		w.follow(ann, old, now)
		post := w.do(ann, act(vocab.VerbPost, note("x"), everybody())).Doc.Object
		for i, a := range []*models.Actor{old, now} {
			w.receive(a, act(vocab.VerbLike, post.Ref()))
			w.receive(a, act(vocab.VerbPost, &vocab.Object{ID: fmt.Sprintf("https://far.example/n/%d", i), Type: vocab.TypeNote, DisplayName: "by " + a.Nickname}, w.followersOf(a)))
		}
		shown := &bridge.Account{Profile: profile("acct:old@far.example", "old", "old"), Network: "pump", ContentType: "text/plain", Original: []byte("old")}
		if _, err := w.Introduce(w.t.Context(), shown, nil); err != nil {
			w.t.Fatal(err)
		}
		w.follow(old, now) // of which nothing is to be left
		same(w.t, "likes before", w.object(post.ID).Counts.Likes, 2)

		account := &bridge.Account{Profile: profile("https://far.example/users/now", "now", "both"), Aliases: []string{"https://far.example/users/old", "acct:now@far.example"},
			Network: "activitypub", Inbox: "https://far.example/inbox"}
		one, err := w.Introduce(w.t.Context(), account, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "who remains", one.ID, now.ID)
		for _, name := range []string{"acct:old@far.example", "https://far.example/users/old", "acct:now@far.example"} {
			if a, err := w.DB().ActorByIRI(w.t.Context(), name); err != nil || a.ID != now.ID {
				w.t.Errorf("%s: %v %v", name, a, err)
			}
		}
		same(w.t, "who is found for the other", w.actor(old.ID).ID, now.ID)
		same(w.t, "followers", w.actor(now.ID).Counts.Followers, 3)
		same(w.t, "following", w.actor(now.ID).Counts.Following, 1)
		for _, c := range []struct {
			who                  *models.Actor
			followers, following int64
		}{{ann, 1, 1}, {bob, 0, 1}, {cid, 0, 1}} {
			counts := w.actor(c.who.ID).Counts
			same(w.t, "counts of "+c.who.Nickname, fmt.Sprint(counts.Followers, counts.Following), fmt.Sprint(c.followers, c.following))
		}
		same(w.t, "likes", w.object(post.ID).Counts.Likes, 1)
		same(w.t, "what points to the other", w.number(fmt.Sprintf(`SELECT (SELECT COUNT(*) FROM edges WHERE actor_id = %[1]d OR target_id = %[1]d)
			+ (SELECT COUNT(*) FROM activities WHERE actor_id = %[1]d) + (SELECT COUNT(*) FROM objects WHERE author_id = %[1]d)
			+ (SELECT COUNT(*) FROM presences WHERE actor_id = %[1]d) + (SELECT COUNT(*) FROM originals WHERE ref_id = %[1]d) + (SELECT COUNT(*) FROM identifiers WHERE ref_id = %[1]d)`, old.ID)), 0)
		same(w.t, "ann sees what was for the followers of the other", w.sees(ann, w.activity(w.object("https://far.example/n/0").ActivityID)), true)
		known, err := w.DB().PresencesOf(w.t.Context(), now.ID)
		if err != nil || len(known) != 2 {
			w.t.Errorf("presences %+v, error %v", known, err)
		}

		if kept, err := w.DB().LatestOriginal(w.t.Context(), now.ID); err != nil || string(kept.Bytes) != "old" {
			w.t.Errorf("kept of them is %+v, error %v", kept, err)
		}

		// Whichever id is used, it is the same one who acts.
		r, err := w.Receive(w.t.Context(), bridge.Arrival{SenderID: old.ID, Network: "pump", Activity: &vocab.Activity{ID: "https://far.example/a/late", Verb: vocab.VerbUpdate,
			Object: &vocab.Object{ID: "https://far.example/n/1", DisplayName: "changed"}, To: []*vocab.Object{everybody()}}})
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "who did it", r.Activity.ActorID, now.ID)
		same(w.t, "title", w.object("https://far.example/n/1").Doc.DisplayName, "changed")
	})
}

// What points to an actor moves in chunks, and a job goes on where one was cut off.
func TestManyThingsAreMerged(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		const many = 700
		w := newWorld(t, address, twoNetworks())
		old, now := w.remote("old@far.example"), w.remote("now@far.example")
		w.write(func(ctx context.Context, tx *models.Tx) error {
			for i := range many {
				a := &models.Actor{Type: vocab.TypePerson, Doc: &vocab.Object{}, Local: true}
				if err := errors.Join(tx.CreateActor(ctx, a), tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: a.ID, TargetID: old.ID, State: models.InForce, ActorLocal: true}),
					tx.Count(ctx, a.ID, models.CountFollowing, 1)); err != nil {
					return err
				}
				if i%2 == 0 { // follows both
					if err := errors.Join(tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: a.ID, TargetID: now.ID, State: models.EdgeState(i % 4 / 2), ActorLocal: true}),
						tx.Count(ctx, a.ID, models.CountFollowing, i%4/2)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		for i := range 250 {
			w.receive(old, act(vocab.VerbPost, &vocab.Object{ID: fmt.Sprintf("https://far.example/n/%d", i), Type: vocab.TypeNote}, everybody()))
		}
		account := &bridge.Account{Profile: profile("https://far.example/users/now", "now", ""), Aliases: []string{"https://far.example/users/old"}}
		if _, err := w.Introduce(t.Context(), account, nil); err != nil {
			t.Fatal(err)
		}
		same(t, "jobs", len(w.jobs("merge")), 1)
		w.start()
		until(t, "all is moved", func() bool { return w.actor(now.ID).Counts.Followers == many })
		same(t, "edges of the other", w.number(fmt.Sprintf("SELECT COUNT(*) FROM edges WHERE target_id = %d", old.ID)), 0)
		same(t, "followers that do not count", w.number(fmt.Sprintf("SELECT COUNT(*) FROM edges WHERE target_id = %d AND state = 0", now.ID)), 0)
		same(t, "people who are said to follow more or less than one", w.number("SELECT COUNT(*) FROM actors WHERE local AND nickname = '' AND following_count <> 1"), 0)
		same(t, "things of the other", w.number(fmt.Sprintf("SELECT COUNT(*) FROM objects WHERE author_id = %d", old.ID)), 0)
	})
}

// Nobody becomes another by saying so: who is known on one network under two ids is
// two, and who is not in use stays so.
func TestActorsThatAreNotMerged(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		ctx := w.t.Context()
		victim, evil, suspended := w.remote("victim@far.example"), w.remote("evil@far.example"), w.remote("suspended@far.example")
		for _, a := range []*models.Actor{victim, evil} {
			w.write(func(ctx context.Context, tx *models.Tx) error {
				return tx.SetPresence(ctx, models.Presence{ActorID: a.ID, Network: "activitypub", IRI: a.Doc.ID, Inbox: a.Doc.ID + "/inbox"})
			})
		}
		w.write(func(ctx context.Context, tx *models.Tx) error {
			s := w.actor(suspended.ID)
			s.State = models.Suspended
			return tx.UpdateActor(ctx, s)
		})
		account := &bridge.Account{Profile: profile(evil.Doc.ID, "evil", ""), Aliases: []string{victim.Doc.ID, suspended.Doc.ID}, Network: "activitypub", IRI: evil.Doc.ID}
		a, err := w.Introduce(ctx, account, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "who it is", a.ID, evil.ID)
		for _, other := range []*models.Actor{victim, suspended} {
			if found, err := w.DB().ActorByIRI(ctx, other.Doc.ID); err != nil || found.ID != other.ID {
				w.t.Errorf("%s is now %v, error %v", other.Nickname, found, err)
			}
		}
	})
}
