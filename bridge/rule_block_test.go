package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// blocks tells whom somebody blocks.
func (w *world) blocks(a *models.Actor) []string {
	w.t.Helper()
	edges, err := w.DB().EdgesFrom(w.t.Context(), models.Blocks, a.ID, models.Page{Count: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := w.DB().CountBlocks(w.t.Context(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	same(w.t, "number of blocks", int(n), len(edges))
	var names []string
	for _, e := range edges {
		names = append(names, w.actor(e.TargetID).Nickname)
	}
	return names
}

func TestBlock(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		w.follow(ann, bob, cid)
		w.follow(bob, ann, cid)
		before := w.inbox(bob, models.All)

		// Whatever the activity says, only ann knows of it.
		a := w.do(ann, &vocab.Activity{Verb: vocab.VerbBlock, Object: bob.Doc.Ref(), To: []*vocab.Object{everybody(), bob.Doc.Ref()}, CC: one(w.followersOf(ann))})
		equal(w.t, "ann blocks", w.blocks(ann), "bob")
		same(w.t, "who sees it", w.audienceOf(a, p...), "ann")
		same(w.t, "sentence", a.Doc.Content, "<a href='"+home+"/ann'>ann</a> blocked <a href='"+home+"/bob'>bob</a>")
		equal(w.t, "bob's inbox", w.inbox(bob, models.All), before...)
		same(w.t, "newest in ann's outbox", w.outbox(ann, ann)[0], "ann block bob")
		for _, v := range []*models.Actor{bob, cid, nil} {
			if slices.Contains(w.outbox(ann, v), "ann block bob") {
				w.t.Errorf("%v finds it in ann's outbox", v)
			}
		}

		// Neither follows the other any more; all else stays.
		equal(w.t, "ann follows", w.follows(ann))
		equal(w.t, "bob follows", w.follows(bob))
		equal(w.t, "cid follows", w.follows(cid), "bob", "ann")
		same(w.t, "ann's followers", w.actor(ann.ID).Counts.Followers, 1)
		same(w.t, "bob's followers", w.actor(bob.ID).Counts.Followers, 1)

		w.refused(ann, act(vocab.VerbBlock, bob.Doc.Ref()), bridge.Exists, "Already have a(n) 'block' with id '"+bob.Doc.ID+"'")
		w.refused(ann, act(vocab.VerbFollow, bob.Doc.Ref()), bridge.Invalid, "Can't follow "+bob.Doc.ID+": you block this account. Unblock it first.")
		undo := w.do(ann, act(vocab.VerbUnblock, bob.Doc.Ref(), everybody()))
		equal(w.t, "ann blocks", w.blocks(ann))
		same(w.t, "who sees that it was undone", w.audienceOf(undo, p...), "ann")
		w.refused(ann, act(vocab.VerbUnblock, bob.Doc.Ref()), bridge.Missing, "No such 'block' with id '"+bob.Doc.ID+"'")
		equal(w.t, "bob follows", w.follows(bob))
		w.follow(ann, bob)
		equal(w.t, "bob follows", w.follows(bob), "ann")
	})
}

func TestBlocksThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		post := w.do(bob, act(vocab.VerbPost, note("x"), everybody())).Doc.Object
		rows := w.rows()
		w.refused(ann, act(vocab.VerbBlock, ann.Doc.Ref()), bridge.Invalid, "Can't block yourself.")
		w.refused(ann, act(vocab.VerbBlock, post), bridge.Invalid, "Can't block "+post.ID+": it is not a person or a group.")
		w.refused(ann, act(vocab.VerbBlock, &vocab.Object{Type: vocab.TypeNote, Content: "x"}), bridge.Invalid, "Can't block a thing: it is not a person or a group.")
		w.refused(ann, act(vocab.VerbBlock, &vocab.Object{ID: "acct:none@localhost:8080"}), bridge.Missing, "No such 'user' with id 'acct:none@localhost:8080'")
		w.refused(ann, act(vocab.VerbUnblock, &vocab.Object{ID: "acct:none@far.example"}), bridge.Missing, "No such 'block' with id 'acct:none@far.example'")
		w.unchanged(rows)
		// Somebody of whom nothing is known yet can be blocked beforehand.
		stub := w.actor(w.do(ann, act(vocab.VerbBlock, &vocab.Object{ID: "troll@far.example"})).Object.ID)
		same(w.t, "who is blocked", stub.Doc.ID, "acct:troll@far.example")
	})
}

// However what the blocked person does would come to the blocker, it does not.
func TestBlockedPeopleAreNotHeard(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		far := w.remote("far@far.example")
		w.follow(bob, ann)
		w.follow(far, ann)
		w.follow(cid, ann, bob)
		friends := w.list(bob, "Friends", ann, cid)
		group := w.group(cid, "Readers", everybody())
		for _, m := range []*models.Actor{ann, bob} {
			w.do(m, act(vocab.VerbJoin, group.Doc.Ref()))
		}
		old := w.do(bob, act(vocab.VerbPost, note("old"), everybody())).Doc.Object
		w.do(ann, act(vocab.VerbBlock, bob.Doc.Ref()))
		w.do(ann, act(vocab.VerbBlock, far.Doc.Ref()))
		before := w.inbox(ann, models.All)
		same(w.t, "old post still there", slices.Contains(before, "bob post old"), true)
		for what, to := range map[string]*vocab.Object{"public": everybody(), "direct": ann.Doc.Ref(), "list": friends, "group": group.Doc.Ref()} {
			w.do(bob, act(vocab.VerbPost, note(what), to, cid.Doc.Ref()))
		}
		w.do(cid, act(vocab.VerbShare, old, everybody(), ann.Doc.Ref()))
		w.refused(bob, act("poke", ann.Doc.Ref(), ann.Doc.Ref()), bridge.NotAllowed, "Can't poke "+ann.Doc.ID+": it is not open to you.")
		theirs := &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote, DisplayName: "far"}
		again := act(vocab.VerbPost, theirs, everybody(), ann.Doc.Ref())
		w.receive(far, again)
		if _, err := w.arrive(far, ann, again); err != nil { // once more, to her own inbox
			w.t.Fatal(err)
		}
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), before...)
		for _, line := range []string{"bob post public", "bob post direct", "bob post list", "bob post group"} {
			if !slices.Contains(w.inbox(cid, models.All), line) {
				w.t.Errorf("cid does not have %q", line)
			}
		}
		// What others do about others arrives.
		w.do(cid, act(vocab.VerbPost, note("of cid"), everybody()))
		same(w.t, "ann's inbox", w.inbox(ann, models.All)[0], "cid post of cid")
		// Where many post she does not meet him either; he meets everybody else.
		public, _, err := w.DB().StreamPage(w.t.Context(), 0, models.PublicStream, models.All, viewerOf(ann), models.Page{Count: 100})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, i := range public {
			if line := w.line(i.Activity); strings.HasPrefix(line, "bob") || line == "cid share old" {
				w.t.Errorf("ann finds %q in the public stream", line)
			}
		}
	})
}

// Blocked people cannot read what the blocker posts, nor do anything with it.
func TestBlockedPeopleReadNothing(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		w.follow(ann, bob, cid)
		w.follow(cid, bob)
		friends := w.list(ann, "Friends", bob)
		liked := w.do(ann, act(vocab.VerbPost, note("liked"), everybody()))
		w.do(bob, act(vocab.VerbLike, liked.Doc.Object))
		w.do(ann, act(vocab.VerbBlock, bob.Doc.Ref()))
		inbox := w.inbox(bob, models.All)

		var posts []*models.Activity
		for _, to := range []*vocab.Object{everybody(), bob.Doc.Ref(), friends, w.followersOf(ann)} {
			posts = append(posts, w.do(ann, act(vocab.VerbPost, note("new"), to, cid.Doc.Ref())))
		}
		share := w.do(cid, act(vocab.VerbShare, posts[0].Doc.Object, everybody(), bob.Doc.Ref()))
		equal(w.t, "bob's inbox", w.inbox(bob, models.All), inbox...)
		equal(w.t, "ann's outbox for bob", w.outbox(ann, bob))
		for _, line := range w.outbox(cid, bob) {
			if line == "cid share new" {
				w.t.Error("bob finds ann's post in what cid shared")
			}
		}
		same(w.t, "bob sees the share", w.sees(bob, share), false)
		for _, a := range append(posts, liked) {
			same(w.t, "bob sees the activity", w.sees(bob, a), false)
			same(w.t, "bob sees the object", w.seesObject(bob, a), false)
			same(w.t, "cid sees the object", w.seesObject(cid, a), true)
		}
		same(w.t, "a stranger sees the public one", w.seesObject(nil, posts[0]), true)

		rows := w.rows()
		const hidden = "Only the author and recipients can view this object."
		post := posts[0].Doc.Object
		for _, verb := range []string{vocab.VerbLike, vocab.VerbFavorite, vocab.VerbShare, "read"} {
			w.refused(bob, act(verb, post.Ref()), bridge.NotAllowed, hidden)
		}
		w.refused(bob, act(vocab.VerbPost, reply("x", post)), bridge.NotAllowed, hidden)
		w.refused(bob, act(vocab.VerbFollow, ann.Doc.Ref()), bridge.NotAllowed, "Can't follow "+ann.Doc.ID+": it is not open to you.")
		w.unchanged(rows)
		things := w.do(bob, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Things", ObjectTypes: []string{vocab.TypeNote}})).Doc.Object
		w.refused(bob, &vocab.Activity{Verb: vocab.VerbAdd, Object: post.Ref(), Target: things}, bridge.NotAllowed, hidden)
		// It is no secret among strangers, and it ends.
		w.do(ann, act(vocab.VerbUnblock, bob.Doc.Ref()))
		w.do(bob, act(vocab.VerbLike, post.Ref()))
		same(w.t, "bob sees what was for his list", w.sees(bob, posts[2]), true)
	})
}

// Somebody elsewhere who is blocked is refused by the same rule, and gets
// nothing from here.
func TestBlockedPeopleElsewhere(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far, near := w.present("far@far.example", "pump", ""), w.present("near@near.example", "pump", "")
		w.follow(ann, far, near)
		w.follow(bob, far)
		post := w.do(ann, act(vocab.VerbPost, note("x"), everybody())).Doc.Object
		a := w.do(ann, act(vocab.VerbBlock, far.Doc.Ref()))
		equal(w.t, "deliveries of the block", w.inboxesOf(a))
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 1)

		equal(w.t, "deliveries of a post", w.inboxesOf(w.do(ann, act(vocab.VerbPost, note("y"), everybody(), far.Doc.Ref()))), "pump https://near.example/pump/near")
		equal(w.t, "deliveries of a share by somebody else", w.inboxesOf(w.do(bob, act(vocab.VerbShare, post, everybody()))))
		rows := w.rows()
		for _, a := range []*vocab.Activity{
			act(vocab.VerbFollow, ann.Doc.Ref(), ann.Doc.Ref()),
			act(vocab.VerbLike, post.Ref(), ann.Doc.Ref()),
			act(vocab.VerbShare, post.Ref(), everybody()),
			act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/2", Type: vocab.TypeComment, InReplyTo: []*vocab.Object{post}}, ann.Doc.Ref()),
		} {
			_, err := w.arrive(far, nil, a)
			id := post.ID
			if a.Verb == vocab.VerbFollow {
				id = ann.Doc.ID
			}
			w.isRefusal(err, bridge.NotAllowed, "Can't "+a.Verb+" "+id+": it is not open to you.")
		}
		w.unchanged(rows)
		// Taking back is always possible.
		w.receive(far, act(vocab.VerbStopFollowing, bob.Doc.Ref(), bob.Doc.Ref()))

		// A block from elsewhere has the same effect, and is not told.
		w.follow(bob, near)
		w.follow(near, bob)
		before := w.inbox(bob, models.All)
		if _, err := w.arrive(near, bob, act(vocab.VerbBlock, bob.Doc.Ref(), bob.Doc.Ref())); err != nil {
			w.t.Fatal(err)
		}
		equal(w.t, "bob's inbox", w.inbox(bob, models.All), before...)
		equal(w.t, "bob follows", w.follows(bob))
		same(w.t, "bob's followers", w.actor(bob.ID).Counts.Followers, 0)
		w.refused(bob, act(vocab.VerbFollow, near.Doc.Ref()), bridge.NotAllowed, "Can't follow "+near.Doc.ID+": it is not open to you.")
		equal(w.t, "deliveries to near", w.inboxesOf(w.do(bob, act(vocab.VerbPost, note("z"), near.Doc.Ref()))))
		for range 2 { // a server that lost our answer asks again
			w.receive(near, act(vocab.VerbUnblock, bob.Doc.Ref()))
		}
		w.do(bob, act(vocab.VerbFollow, near.Doc.Ref()))
	})
}

// Property 57: a block ends the follows from either side, and their servers learn
// that these ended.
func TestABlockEndsFollowsOnBothSides(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far, near := w.present("far@far.example", "activitypub", ""), w.present("near@near.example", "activitypub", "")
		for _, c := range []struct{ here, there *models.Actor }{{ann, far}, {bob, near}} {
			w.brought("activitypub", c.there, act(vocab.VerbFollow, c.here.Doc.Ref()))
			w.brought("activitypub", c.there, answer(vocab.VerbAccept, w.do(c.here, act(vocab.VerbFollow, c.there.Doc.Ref()))))
		}
		outbox := w.outbox(ann, ann)
		block := w.do(ann, act(vocab.VerbBlock, far.Doc.Ref()))
		equal(w.t, "deliveries of the block", w.inboxesOf(block))
		w.brought("activitypub", near, act(vocab.VerbBlock, bob.Doc.Ref()))
		for _, a := range []*models.Actor{ann, bob, far, near} {
			equal(w.t, a.Nickname+" follows", w.follows(a))
			same(w.t, a.Nickname+"'s followers", w.actor(a.ID).Counts.Followers, 0)
		}
		equal(w.t, "ann's outbox", w.outbox(ann, ann), append([]string{"ann block far"}, outbox...)...)
		same(w.t, "the newest of her answers", w.answers(ann)[1][:7], "reject ")
		same(w.t, "where it went", strings.HasSuffix(w.answers(ann)[1], " [activitypub https://far.example/activitypub/far]"), true)
		stop := w.activity(w.number(fmt.Sprintf("SELECT MAX(id) FROM activities WHERE actor_id = %d AND verb = 'stop-following'", ann.ID)))
		equal(w.t, "deliveries of the end of her follow", w.inboxesOf(stop), "activitypub https://far.example/activitypub/far")
		same(w.t, "what bob has answered", len(w.answers(bob)), 1)
	})
}

// A block and a follow at the same time never both stay.
func TestBlockAndFollowAtOnce(t *testing.T) {
	const rounds = 8
	worlds(t, func(w *world) {
		ann := w.person("ann")
		var fans []*models.Actor
		for _, n := range []string{"a", "b", "c", "d", "e", "f", "g", "h"}[:rounds] {
			fans = append(fans, w.person("fan"+n))
		}
		errs := together(2*rounds, func(i int) error {
			if i%2 == 0 {
				_, err := w.try(ann, act(vocab.VerbBlock, fans[i/2].Doc.Ref()))
				return err
			}
			_, err := w.try(fans[i/2], act(vocab.VerbFollow, ann.Doc.Ref()))
			if bridge.ReasonOf(err) == bridge.NotAllowed {
				return nil
			}
			return err
		})
		for _, err := range errs {
			if err != nil {
				w.t.Error(err)
			}
		}
		for _, f := range fans {
			equal(w.t, "whom a blocked fan follows", w.follows(f))
		}
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 0)
	})
}
