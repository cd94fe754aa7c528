package apub_test

import (
	"net/http"
	"testing"
	"time"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/models"
	"manifold/models/vocab"
)

// friends has bob and somebody here follow each other.
func (w *world) friends(bob *someone, here *models.Actor) *models.Actor {
	w.t.Helper()
	there := w.knows(bob)
	w.accepts(bob, w.does(here, vocab.VerbFollow, there.Doc.Ref()).ID)
	w.follows(there, here)
	if !w.isFollowing(here, there) || !w.isFollowing(there, here) {
		w.t.Fatal("they do not follow each other")
	}
	return there
}

// idle reports whether no task waits or is being done.
func (w *world) idle() bool {
	var n int
	err := w.db.SQL().QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM river_job WHERE kind = 'task' AND state IN ('available', 'running', 'retryable', 'scheduled')").Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n == 0
}

// An inbox that is gone has the actor looked at, and only where that is gone as well
// are the follows over, to and from it.
func TestInboxIsGone(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		bob := newPeer(w.t).person("bob", rsaKeys()[0])
		alone := bob.document(pemOf(w.t, bob.private.Public()))
		delete(alone, "endpoints") // else the inbox of all is what is used
		bob.serves(alone)
		ann, ben := w.person("ann"), w.person("ben")
		there := w.friends(bob, ann)
		w.friends(bob, ben)
		w.start()
		bob.answers("/users/bob/inbox", http.StatusGone)
		asked := bob.requests("/users/bob")
		w.does(ann, vocab.VerbPost, text("are you there?"), there.Doc.Ref())
		until(w.t, "the actor is looked at", func() bool { return bob.requests("/users/bob") > asked })
		until(w.t, "that is done", w.idle)
		if !w.isFollowing(ann, there) || !w.isFollowing(there, ann) {
			w.t.Fatal("the follows are over, although the account is there")
		}
		bob.answers("/users/bob", http.StatusGone)
		w.does(ann, vocab.VerbPost, text("and now?"), there.Doc.Ref())
		until(w.t, "the follows are over", func() bool {
			return !w.isFollowing(ann, there) && !w.isFollowing(there, ann) && !w.isFollowing(ben, there) && !w.isFollowing(there, ben)
		})
		for _, name := range []string{ours + "/users/ann", ours + "/users/ben", bob.id} {
			if c := w.actor(name).Counts; c.Followers != 0 || c.Following != 0 {
				w.t.Errorf("%s has %d followers and follows %d", name, c.Followers, c.Following)
			}
		}
		if a := w.actor(bob.id); a.State != models.Active {
			w.t.Errorf("bob counts as %v", a.State)
		}
	})
}

// Whoever reads the actor of somebody finds out as well: here, because a signature
// does not fit the key that is known.
func TestActorIsGone(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		bob := newPeer(w.t).person("bob", rsaKeys()[0])
		ann := w.person("ann")
		there := w.friends(bob, ann)
		bob.key = newKey(w.t, bob.id+"#main-key", rsaKeys()[1])
		bob.answers("/users/bob", http.StatusNotFound)
		w.wait(10 * time.Minute) // else it is not asked again
		if a := w.serve(bob.delivers(bob.does("Like", ours+"/x"), "/inbox", httpsig.Cavage)); a.Code != http.StatusUnauthorized {
			w.t.Errorf("status %d %s", a.Code, a.Body)
		}
		if !w.isFollowing(ann, there) || !w.isFollowing(there, ann) {
			w.t.Fatal("the follows are over, although nobody says that the account is gone")
		}
		bob.answers("/users/bob", http.StatusGone)
		w.wait(10 * time.Minute) // else it is not asked again
		if a := w.serve(bob.delivers(bob.does("Like", ours+"/x"), "/inbox", httpsig.Cavage)); a.Code != http.StatusUnauthorized {
			w.t.Errorf("status %d %s", a.Code, a.Body)
		}
		if w.isFollowing(ann, there) || w.isFollowing(there, ann) {
			w.t.Error("the follows go on")
		}
	})
}

// Whoever blocks says so by a Block, by the rejection of the follow, or by both in
// either order: the follow is over, and nothing is left to be tried again.
func TestBlocksAndRejections(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		p := newPeer(w.t)
		w.start()
		for name, order := range map[string][]string{"reject": {"Reject"}, "both": {"Block", "Reject"}, "turned": {"Reject", "Block"}} {
			bob, ann := p.person("bob"+name, rsaKeys()[0]), w.person("ann"+name)
			there := w.knows(bob)
			follow := w.does(ann, vocab.VerbFollow, there.Doc.Ref()).ID
			w.accepts(bob, follow)
			if !w.isFollowing(ann, there) {
				w.t.Fatalf("%s: ann does not follow", name)
			}
			annIRI := ours + "/users/ann" + name
			for _, typ := range order {
				if typ == "Block" {
					w.sends(bob, bob.does("Block", annIRI))
				} else {
					w.sends(bob, bob.does("Reject", object{"type": "Follow", "id": follow, "actor": annIRI, "object": bob.id}))
				}
			}
			if w.isFollowing(ann, there) {
				w.t.Errorf("%s: ann follows", name)
			}
			if c := w.actor(annIRI).Counts; c.Following != 0 {
				w.t.Errorf("%s: ann follows %d", name, c.Following)
			}
		}
	})
}
