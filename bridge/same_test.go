package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// fetched brings a thing that was fetched, for which its id stands as that of its
// posting.
func (w *world) fetched(author *models.Actor, o *vocab.Object, quiet bool) *models.Activity {
	w.t.Helper()
	r, err := w.Receive(w.t.Context(), bridge.Arrival{SenderID: author.ID, Network: "activitypub", Verified: "fetched", Quiet: quiet, Original: []byte("{}"),
		Activity: &vocab.Activity{ID: o.ID, Verb: vocab.VerbPost, Object: o, To: one(everybody())}})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Activity
}

// Property 15: bare object then its Create, or Create then bare fetch, is one
// object.
func TestBareObjectAndItsCreateAreOne(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far, other := w.remote("far@far.example"), w.remote("other@far.example")
		w.follow(far, ann)
		thing := func(n int) *vocab.Object {
			return &vocab.Object{ID: fmt.Sprint("https://far.example/n/", n), Type: vocab.TypeNote, DisplayName: fmt.Sprint(n)}
		}
		create := func(n int) *vocab.Activity {
			return &vocab.Activity{ID: fmt.Sprintf("https://far.example/n/%d/activity", n), Verb: vocab.VerbPost, Object: thing(n), To: one(everybody())}
		}
		for n, c := range []struct {
			what         string
			fetchedFirst bool
			quiet        bool
		}{{"bare, Create", true, false}, {"Create, bare", false, false}, {"with a thread, Create", true, true}, {"Create, with a thread", false, true}} {
			var first, second *models.Activity
			if c.fetchedFirst {
				first = w.fetched(far, thing(n), c.quiet)
				second = w.receive(far, create(n))
			} else {
				first = w.receive(far, create(n))
				second = w.fetched(far, thing(n), c.quiet)
			}
			same(w.t, c.what+": the activity", second.ID, first.ID)
			for _, id := range []string{thing(n).ID, create(n).ID} {
				found, err := w.DB().ActivityByIRI(w.t.Context(), id)
				if err != nil {
					w.t.Fatal(err)
				}
				same(w.t, c.what+": activity of "+id, found.ID, first.ID)
			}
			same(w.t, c.what+": posts in ann's inbox", len(w.inbox(ann, models.Major)), n+1)
			same(w.t, c.what+": newest in ann's inbox", w.inbox(ann, models.Major)[0], fmt.Sprintf("far post %d", n))
		}
		// What is known by all its names changes nothing any more, but for the inbox of
		// somebody new.
		w.follow(far, bob)
		rows := w.rows()
		for n := range 4 {
			w.receive(far, create(n))
			w.fetched(far, thing(n), false)
		}
		w.unchanged(rows)
		if _, err := w.arrive(far, bob, create(2)); err != nil {
			w.t.Fatal(err)
		}
		equal(w.t, "bob's inbox", w.inbox(bob, models.Major), "far post 2")
		_, err := w.arrive(other, nil, act(vocab.VerbPost, thing(1), everybody()))
		w.isRefusal(err, bridge.NotAllowed, "Can't post https://far.example/n/1: not author.")
	})
}

// Property 10, as far as it is the bridge's: the same post under different ids at
// the same time is one object and one item in an inbox.
func TestThePostUnderManyIDsAtOnceIsOne(t *testing.T) {
	const times = 24
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		w.follow(far, ann)
		before := w.rows()
		errs := together(times, func(i int) error {
			_, err := w.arrive(far, nil, &vocab.Activity{ID: fmt.Sprint("https://far.example/a/", i%6), Verb: vocab.VerbPost, To: one(everybody()),
				Object: &vocab.Object{ID: "https://far.example/n", Type: vocab.TypeNote, DisplayName: "Once"}})
			return err
		})
		for _, err := range errs {
			if err != nil {
				w.t.Error(err)
			}
		}
		after := w.rows()
		for table, n := range map[string]int64{"activities": 1, "objects": 1, "stream_items": 1, "identifiers": 7} {
			same(w.t, "new rows of "+table, after[table]-before[table], n)
		}
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major), "far post Once")
	})
}

// Property 14: likes by one person over two protocols count once; undo over either
// removes it.
func TestLikesOverTwoNetworksCountOnce(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		sea := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		for i, undone := range []string{"https://far.example/like", "tag:far.example,2013:like"} {
			for _, id := range []string{"https://far.example/like", "tag:far.example,2013:like"} {
				w.receive(far, &vocab.Activity{ID: fmt.Sprint(id, i), Verb: vocab.VerbLike, Object: sea.Ref(), To: one(ann.Doc.Ref())})
			}
			same(w.t, "likes", w.object(sea.ID).Counts.Likes, 1)
			same(w.t, "likes in ann's inbox", len(w.inbox(ann, models.Direct)), 1+2*i)
			w.receive(far, &vocab.Activity{Verb: vocab.VerbUnfavorite, Object: sea.Ref(), Undoes: fmt.Sprint(undone, i), To: one(ann.Doc.Ref())})
			same(w.t, "likes after "+undone+" was undone", w.object(sea.ID).Counts.Likes, 0)
		}
		same(w.t, "favorites", w.actor(far.ID).Counts.Favorites, 0)
	})
}

// Property 45: a reply arriving before its parent ends attached.
func TestReplyBeforeItsParentEndsAttached(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, near := w.remote("far@far.example"), w.remote("near@near.example")
		w.follow(near, ann)
		parent := &vocab.Object{ID: "https://near.example/q", Type: vocab.TypeNote}
		answer := reply("Answer", parent)
		answer.ID = "https://far.example/answer"
		w.receive(far, act(vocab.VerbPost, answer, everybody()))
		liked := w.receive(far, act(vocab.VerbShare, parent.Ref(), everybody()))
		same(w.t, "parent before", w.object(answer.ID).ParentID, w.object(parent.ID).ID)
		same(w.t, "author of the parent before", w.object(parent.ID).AuthorID, 0)

		grandparent := &vocab.Object{ID: "https://third.example/1", Type: vocab.TypeNote}
		published := time.Unix(1_700_000_000, 0).UTC()
		question := &vocab.Object{ID: parent.ID, Type: vocab.TypeComment, DisplayName: "Question", Content: "why?", Published: published,
			InReplyTo: []*vocab.Object{grandparent}}
		post := w.receive(near, act(vocab.VerbPost, question, w.followersOf(near)))
		o := w.object(parent.ID)
		same(w.t, "author", o.AuthorID, near.ID)
		same(w.t, "author in the document", o.Doc.Author.ID, near.Doc.ID)
		same(w.t, "type", o.Type+" "+o.Doc.Type, "comment comment")
		same(w.t, "content", o.Doc.Content, "why?")
		same(w.t, "published", o.Doc.Published, published)
		same(w.t, "posted by", o.ActivityID, post.ID)
		same(w.t, "parent of the parent", o.ParentID, w.object(grandparent.ID).ID)
		same(w.t, "replies of the parent", o.Counts.Replies, 1)
		same(w.t, "replies of its parent", w.object(grandparent.ID).Counts.Replies, 1)
		same(w.t, "shares", o.Counts.Shares, 1)
		same(w.t, "newest in ann's inbox", w.inbox(ann, models.Minor)[0], "near post Question")
		// It turns out not to be for everybody: neither is what was said about it.
		same(w.t, "who sees the share", w.audienceOf(liked, ann), "ann")
		// Somebody else cannot make it theirs.
		_, err := w.arrive(far, nil, act(vocab.VerbPost, &vocab.Object{ID: parent.ID, Type: vocab.TypeNote, Content: "mine"}, everybody()))
		w.isRefusal(err, bridge.NotAllowed, "Can't post "+parent.ID+": not author.")
	})
}

// Property 40: what is not public is not made so by sharing it.
func TestSharesFromElsewhereOfWhatIsNotPublic(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, near := w.remote("far@far.example"), w.remote("near@near.example")
		w.follow(ann, far)
		secret := w.do(ann, act(vocab.VerbPost, note("Secret"), w.followersOf(ann))).Doc.Object
		_, err := w.arrive(far, nil, act(vocab.VerbShare, secret.Ref(), everybody()))
		w.isRefusal(err, bridge.NotAllowed, "Can't share "+secret.ID+": it is not public.")
		same(w.t, "shares", w.object(secret.ID).Counts.Shares, 0)
		// Its author may show it again to those who see it.
		own := &vocab.Object{ID: "https://near.example/1", Type: vocab.TypeNote}
		w.receive(near, act(vocab.VerbPost, own, w.followersOf(near)))
		share := w.receive(near, act(vocab.VerbShare, own.Ref(), everybody()))
		same(w.t, "who sees it", w.audienceOf(share, ann), "")
	})
}

// What a group passes on has come before, and has had its effect.
func TestWhatAGroupPassesOnIsNotDoubled(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, group := w.remote("far@far.example"), w.remote("club@group.example")
		w.follow(group, ann)
		passOn := func(inner *models.Activity) *vocab.Activity {
			return &vocab.Activity{Verb: vocab.VerbShare, To: one(everybody()), Object: &vocab.Object{ID: inner.Doc.ID, Type: vocab.TypeActivity},
				Inner: &vocab.Activity{ID: inner.Doc.ID, Verb: inner.Verb, Object: inner.Doc.Object}}
		}
		post := w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote, DisplayName: "Page"}, everybody()))
		w.receive(group, passOn(post))
		w.receive(group, act(vocab.VerbShare, post.Doc.Object, everybody())) // for those who do not know what an announced activity is
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major), "club share Page")
		same(w.t, "shares", w.object("https://far.example/1").Counts.Shares, 1)

		like := w.receive(far, act(vocab.VerbLike, post.Doc.Object, everybody()))
		before := w.rows()
		for range 2 {
			w.receive(group, passOn(like))
		}
		w.unchanged(before)
		same(w.t, "likes", w.object("https://far.example/1").Counts.Likes, 1)
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major), "club share Page")
	})
}
