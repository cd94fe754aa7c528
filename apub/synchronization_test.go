package apub_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// A follow that the server of who is followed does not know of ends (FEP-8fcf), on the
// word of that server and of no other.
func TestFollowersThatTheOtherServerDoesNotKnow(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		p, q := newPeer(w.t), newPeer(w.t)
		bob, pat, eve := p.person("bob", rsaKeys()[0]), p.person("pat", rsaKeys()[2]), q.person("eve", rsaKeys()[1])
		ann, ben := w.person("ann"), w.person("ben")
		followed := w.knows(bob)
		w.knows(eve)
		for _, s := range []*someone{bob, pat} {
			for _, follower := range []*models.Actor{ann, ben} {
				w.accepts(s, w.does(follower, vocab.VerbFollow, w.knows(s).Doc.Ref()).ID)
			}
		}
		w.wait(11 * time.Minute) // they are no news any more
		list := func(s *someone) string {
			s.serves(object{"@context": "https://www.w3.org/ns/activitystreams", "id": s.id + "/here", "type": "OrderedCollection", "orderedItems": []string{ours + "/users/ann"}})
			return s.id + "/here"
		}
		// The digest of nobody, which is never that of two.
		none := hex.EncodeToString(make([]byte, sha256.Size))
		both := func() string {
			var sum [sha256.Size]byte
			for _, id := range []string{ours + "/users/ann", ours + "/users/ben"} {
				for i, b := range sha256.Sum256([]byte(id)) {
					sum[i] ^= b
				}
			}
			return hex.EncodeToString(sum[:])
		}()
		w.start()
		deliver := func(s *someone, collection, list, digest string) {
			w.t.Helper()
			r := s.delivers(s.does("Create", s.note("hello")), "/inbox", httpsig.Cavage)
			r.Header.Set(apub.SynchronizationField, `collectionId="`+collection+`", url="`+list+`", digest="`+digest+`"`)
			if a := w.serve(r); a.Code != 202 {
				w.t.Fatalf("%d %s", a.Code, a.Body)
			}
		}
		following := func() []string {
			var names []string
			for _, a := range []*models.Actor{ann, ben} {
				if _, err := w.db.Edge(w.t.Context(), models.Follows, a.ID, followed.ID); err == nil {
					names = append(names, a.Nickname)
				}
			}
			return names
		}
		deliver(eve, bob.id+"/followers", list(eve), none) // about somebody else
		deliver(bob, bob.id+"/others", list(bob), none)    // another collection
		deliver(bob, bob.id+"/followers", list(eve), none) // a list elsewhere
		deliver(pat, pat.id+"/followers", list(pat), both) // what is known here as well
		deliver(bob, bob.id+"/followers", list(bob), none)
		until(w.t, "the end of the follow", func() bool { return slices.Equal(following(), []string{"ann"}) })
		for path, s := range map[string]*someone{"/users/pat/here": pat, "/users/eve/here": eve} {
			if n := s.requests(path); n != 0 {
				w.t.Errorf("%s was asked for %d times", path, n)
			}
		}
		if a := w.actor(ours + "/users/ben"); a.Counts.Following != 1 {
			w.t.Errorf("ben follows %d, want pat only", a.Counts.Following)
		}
		if a := w.actor(bob.id); a.Counts.Followers != 1 {
			w.t.Errorf("bob has %d followers here", a.Counts.Followers)
		}
	})
}

// accepts has somebody elsewhere accept a follow.
func (w *world) accepts(s *someone, follow string) {
	w.t.Helper()
	_, err := w.bridge.Receive(w.t.Context(), bridge.Arrival{SenderID: w.knows(s).ID, Network: apub.Network, Verified: "http-signature",
		Activity: &vocab.Activity{ID: s.id + "/accepts/" + follow[strings.LastIndex(follow, "/")+1:], Verb: vocab.VerbAccept, Object: &vocab.Object{ID: follow, Type: vocab.TypeActivity}}})
	if err != nil {
		w.t.Fatal(err)
	}
}
