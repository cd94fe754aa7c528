package bridge_test

import (
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// undoing is how other servers take something back of which they tell no more than
// the id.
func undoing(id string) *vocab.Activity {
	return &vocab.Activity{Verb: vocab.VerbUndo, Object: &vocab.Object{ID: id, Type: vocab.TypeActivity}, Undoes: id}
}

// Property 53: Undo of an old Follow (old id) does not end a newer Follow. The same
// holds for likes and shares.
func TestUndoOfAnOldActivityDoesNotEndANewerOne(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		post := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody()))
		sea := post.Doc.Object
		at := func(second int) time.Time { return time.Unix(1_700_000_000+int64(second), 0).UTC() }
		for _, c := range []struct {
			verb, ends string
			object     *vocab.Object
			kind       models.EdgeKind
			target     int64
		}{
			{vocab.VerbFollow, vocab.VerbStopFollowing, ann.Doc.Ref(), models.Follows, ann.ID},
			{vocab.VerbLike, vocab.VerbUnfavorite, sea, models.Likes, post.Object.ID},
			{vocab.VerbShare, vocab.VerbUnshare, sea, models.Shared, post.Object.ID},
		} {
			w.sub(c.verb, func(w *world) {
				holds := func(what string, want bool) {
					w.t.Helper()
					_, err := w.DB().Edge(w.t.Context(), c.kind, far.ID, c.target)
					same(w.t, what, err == nil, want)
				}
				start := func(id string, second int) *vocab.Activity {
					return &vocab.Activity{ID: "https://far.example/" + c.verb + "/" + id, Verb: c.verb, Object: c.object.Ref(), To: one(everybody()), Published: at(second)}
				}
				end := func(id string, second int) *vocab.Activity {
					a := &vocab.Activity{Verb: c.ends, Object: c.object.Ref(), Published: at(second)}
					if id != "" {
						a.Undoes = "https://far.example/" + c.verb + "/" + id
					}
					return a
				}
				w.receive(far, start("1", 0))
				w.receive(far, end("1", 10))
				holds("after the end", false)
				w.receive(far, start("2", 20))
				w.receive(far, end("1", 10))
				holds("after the end of the first came again", true)
				w.receive(far, end("", 15))
				holds("after an end without an id that is older", true)
				w.receive(far, undoing("https://far.example/"+c.verb+"/1"))
				holds("after the end of the first by its id alone", true)
				// Lemmy makes up an id for what it undoes.
				w.receive(far, end("made-up", 30))
				holds("after an end that names nobody knows what", false)
				w.receive(far, start("3", 40))
				w.receive(far, undoing("https://far.example/"+c.verb+"/3"))
				holds("after the end by its id alone", false)
			})
		}
		same(w.t, "followers", w.actor(ann.ID).Counts.Followers, 0)
		same(w.t, "likes", w.object(sea.ID).Counts.Likes, 0)
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 0)
	})
}

func TestUndoByIDAlone(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann := p[0]
		far, other := w.present("far@far.example", "activitypub", ""), w.present("other@far.example", "activitypub", "")
		post := w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote, DisplayName: "far"}, everybody()))
		block := w.receive(far, act(vocab.VerbBlock, ann.Doc.Ref()))
		poke := w.receive(far, act("poke", p[1].Doc.Ref(), p[1].Doc.Ref()))

		_, err := w.arrive(other, nil, undoing(block.Doc.ID))
		w.isRefusal(err, bridge.NotAllowed, "Can't take back "+block.Doc.ID+": it is another actor's.")
		_, err = w.arrive(far, nil, undoing("https://far.example/none"))
		w.isRefusal(err, bridge.Missing, "No such 'activity' with id 'https://far.example/none'")

		equal(w.t, "far blocks", w.blocks(far), "ann")
		w.receive(far, undoing(block.Doc.ID))
		equal(w.t, "far blocks", w.blocks(far))
		w.receive(far, undoing(post.Doc.ID))
		same(w.t, "the note is deleted", w.object("https://far.example/1").Deleted.IsZero(), false)
		before := w.inbox(p[1], models.All)
		w.receive(far, undoing(poke.Doc.ID))
		same(w.t, "the poke is deleted", w.activity(poke.ID).Deleted.IsZero(), false)
		same(w.t, "items in bob's inbox", len(w.inbox(p[1], models.All)), len(before))

		// Who takes back that they have accepted ends the follow.
		follow := w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))
		accept := answer(vocab.VerbAccept, follow)
		w.brought("activitypub", far, accept)
		equal(w.t, "ann follows", w.follows(ann), "far")
		w.receive(far, &vocab.Activity{Verb: vocab.VerbUndo, Object: &vocab.Object{ID: accept.ID, Type: vocab.TypeActivity}, Undoes: accept.ID})
		equal(w.t, "ann follows", w.follows(ann))

		// Some servers delete a share where others undo it.
		share := w.receive(far, act(vocab.VerbShare, w.do(ann, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object, everybody()))
		w.receive(far, act(vocab.VerbDelete, &vocab.Object{ID: share.Doc.ID}))
		same(w.t, "shares", w.object(share.Doc.Object.ID).Counts.Shares, 0)
	})
}

// What people here take back names what it takes back.
func TestWhatTakesBackSaysWhat(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		group := w.group(bob, "Readers", everybody())
		sea := w.do(bob, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		for _, c := range []struct {
			verb, ends string
			object     *vocab.Object
		}{
			{vocab.VerbFollow, vocab.VerbStopFollowing, bob.Doc.Ref()},
			{vocab.VerbLike, vocab.VerbUnlike, sea},
			{vocab.VerbFavorite, vocab.VerbUnfavorite, sea},
			{vocab.VerbShare, vocab.VerbUnshare, sea},
			{vocab.VerbJoin, vocab.VerbLeave, group.Doc.Ref()},
			{vocab.VerbBlock, vocab.VerbUnblock, bob.Doc.Ref()},
		} {
			made := w.do(ann, act(c.verb, c.object.Ref()))
			same(w.t, "what "+c.ends+" names", w.do(ann, act(c.ends, c.object.Ref())).Doc.Undoes, made.Doc.ID)
		}
		// By the id of what is taken back, in the words of AS2.
		made := w.do(ann, act(vocab.VerbFollow, bob.Doc.Ref()))
		w.do(ann, &vocab.Activity{Verb: vocab.VerbUndo, Object: &vocab.Object{ID: made.Doc.ID, Type: vocab.TypeActivity}})
		equal(w.t, "ann follows", w.follows(ann))
		w.refused(bob, &vocab.Activity{Verb: vocab.VerbUndo, Object: &vocab.Object{ID: made.Doc.ID, Type: vocab.TypeActivity}}, bridge.NotAllowed,
			"Can't take back "+made.Doc.ID+": it is another actor's.")
	})
}
