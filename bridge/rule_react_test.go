package bridge_test

import (
	"fmt"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestFavorites(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		post := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody()))
		sea := post.Doc.Object
		// The two words for each mean the same: what one did the other undoes.
		for _, pair := range [][2]string{
			{vocab.VerbFavorite, vocab.VerbUnfavorite}, {vocab.VerbLike, vocab.VerbUnlike},
			{vocab.VerbLike, vocab.VerbUnfavorite}, {vocab.VerbFavorite, vocab.VerbUnlike},
		} {
			a := w.do(bob, act(pair[0], sea))
			same(w.t, "verb", a.Verb, pair[0])
			same(w.t, "likes", w.object(sea.ID).Counts.Likes, 1)
			same(w.t, "favorites", w.actor(bob.ID).Counts.Favorites, 1)
			for _, again := range []string{vocab.VerbFavorite, vocab.VerbLike} {
				w.refused(bob, act(again, sea), bridge.Exists, "Already have a(n) 'favorite' with id '"+sea.ID+"'")
			}
			w.do(bob, act(pair[1], sea))
			same(w.t, "likes", w.object(sea.ID).Counts.Likes, 0)
			same(w.t, "favorites", w.actor(bob.ID).Counts.Favorites, 0)
			for _, again := range []string{vocab.VerbUnfavorite, vocab.VerbUnlike} {
				w.refused(bob, act(again, sea), bridge.Missing, "No such 'favorite' with id '"+sea.ID+"'")
			}
		}
		w.do(bob, act(vocab.VerbLike, sea))
		likes, err := w.DB().EdgesTo(w.t.Context(), models.Likes, post.Object.ID, models.Page{Count: 9})
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "who likes it", likes[0].ActorID, bob.ID)
		same(w.t, "ann's minor inbox", w.inbox(ann, models.Minor)[0], "bob like Sea")
		w.do(ann, act(vocab.VerbLike, sea))
		same(w.t, "likes with her own", w.object(sea.ID).Counts.Likes, 2)
	})
}

func TestShares(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		w.follow(bob, cid)
		post := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody()))
		sea := post.Doc.Object
		share := w.do(bob, act(vocab.VerbShare, sea))
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 1)
		same(w.t, "sentence", share.Doc.Content, "<a href='"+home+"/bob'>bob</a> shared <a href='"+w.object(sea.ID).Doc.URL+"'>Sea</a>")
		equal(w.t, "cid's major inbox", w.inbox(cid, models.Major), "bob share Sea")
		w.refused(bob, act(vocab.VerbShare, sea), bridge.Exists, "Already have a(n) 'share' with id '"+sea.ID+"'")

		w.do(bob, act(vocab.VerbUnshare, sea))
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 0)
		w.refused(bob, act(vocab.VerbUnshare, sea), bridge.Missing, "No such 'share' with id '"+sea.ID+"'")
	})
}

// People like and share posts, not the posting of them: whichever they name,
// the thing is meant.
func TestReactionsToActivities(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		post := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody()))
		sea := post.Doc.Object
		activity := func(a *models.Activity) *vocab.Object { return &vocab.Object{ID: a.Doc.ID, Type: vocab.TypeActivity} }

		share := w.do(bob, act(vocab.VerbShare, activity(post)))
		same(w.t, "what is shared", share.Doc.Object.ID, sea.ID)
		again := w.do(cid, act(vocab.VerbShare, activity(share)))
		same(w.t, "what is shared by sharing a share", again.Doc.Object.ID, sea.ID)
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 2)
		w.do(cid, act(vocab.VerbUnshare, activity(post)))
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 1)

		w.do(cid, act(vocab.VerbLike, activity(share)))
		same(w.t, "likes", w.object(sea.ID).Counts.Likes, 1)
		w.do(cid, act(vocab.VerbUnlike, activity(post)))
		same(w.t, "likes", w.object(sea.ID).Counts.Likes, 0)

		// The same where the client sends the activity whole.
		like := w.do(cid, &vocab.Activity{Verb: vocab.VerbLike, Object: activity(post), Inner: post.Doc})
		same(w.t, "what is liked", like.Doc.Object.ID, sea.ID)
		if like.Doc.Inner != nil {
			w.t.Error("the activity that was sent whole is stored again")
		}

		follow := w.do(bob, act(vocab.VerbFollow, ann.Doc.Ref()))
		rows := w.rows()
		w.refused(bob, act(vocab.VerbLike, activity(follow)), bridge.Invalid,
			"Can't like "+follow.Doc.ID+": it is neither a thing nor the posting of one.")
		w.refused(bob, &vocab.Activity{Verb: vocab.VerbShare, Object: &vocab.Object{ID: "urn:unknown", Type: vocab.TypeActivity},
			Inner: act(vocab.VerbPost, note("y"))}, bridge.Invalid, "Can't share urn:unknown: it is neither a thing nor the posting of one.")
		w.refused(bob, &vocab.Activity{Verb: vocab.VerbShare, Object: &vocab.Object{Type: vocab.TypeActivity},
			Inner: act(vocab.VerbPost, note("y"))}, bridge.Invalid, "Can't share an activity without an id: it is neither a thing nor the posting of one.")
		w.refused(bob, act(vocab.VerbLike, note("without an id")), bridge.Invalid, "Can't like something that is not there: give the \"id\" of the object.")
		w.refused(bob, act(vocab.VerbLike, &vocab.Object{ID: home + "/api/note/none"}), bridge.Missing, "No such 'object' with id '"+home+"/api/note/none'")
		w.unchanged(rows)
	})
}

func TestReactionsToWhatIsElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far := &vocab.Object{ID: "https://far.example/notes/1", Type: vocab.TypeNote, DisplayName: "Far", Content: "<p>far<script></script></p>",
			Author: &vocab.Object{ID: "acct:far@far.example", Type: vocab.TypePerson}}
		w.do(ann, act(vocab.VerbLike, far))
		w.do(bob, act(vocab.VerbShare, far.Ref()))
		copied := w.object(far.ID)
		same(w.t, "copy", copied.Doc.Content, "<p>far</p>")
		same(w.t, "likes", copied.Counts.Likes, 1)
		same(w.t, "shares", copied.Counts.Shares, 1)
		// Nobody vouches for the copy, so neither of them owns it.
		for _, who := range p {
			w.refused(who, act(vocab.VerbUpdate, &vocab.Object{ID: far.ID, Content: "x"}), bridge.NotAllowed, "Can't update "+far.ID+": not author.")
			w.refused(who, act(vocab.VerbDelete, &vocab.Object{ID: far.ID}), bridge.NotAllowed, "Can't delete "+far.ID+": not author.")
			w.refused(who, act(vocab.VerbPost, &vocab.Object{ID: far.ID}), bridge.NotAllowed, "Can't post "+far.ID+": not author.")
		}
		rows := w.rows()
		w.refused(ann, act(vocab.VerbUnlike, &vocab.Object{ID: "https://far.example/notes/2"}), bridge.Missing,
			"No such 'favorite' with id 'https://far.example/notes/2'")
		w.unchanged(rows)
	})
}

func TestReactionsFromElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		sea := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		for range 2 { // the second says what is so already
			w.receive(far, act(vocab.VerbLike, sea, ann.Doc.Ref()))
			w.receive(far, act(vocab.VerbShare, sea, everybody(), ann.Doc.Ref()))
		}
		same(w.t, "likes", w.object(sea.ID).Counts.Likes, 1)
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 1)
		for range 2 {
			w.receive(far, act(vocab.VerbUnlike, sea, ann.Doc.Ref()))
			w.receive(far, act(vocab.VerbUnshare, sea, ann.Doc.Ref()))
		}
		same(w.t, "likes", w.object(sea.ID).Counts.Likes, 0)
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 0)
		// A thing without an id can be shown, but not liked.
		if _, err := w.arrive(far, nil, act(vocab.VerbLike, note("anonymous"), ann.Doc.Ref())); bridge.ReasonOf(err) != bridge.Invalid {
			w.t.Errorf("a like of something without an id: %v, want a refusal as invalid", err)
		}
	})
}

func TestReactionsAtOnceAreCounted(t *testing.T) {
	const fans = 20
	worlds(t, func(w *world) {
		ann := w.person("ann")
		var list []*models.Actor
		for i := range fans {
			list = append(list, w.person(fmt.Sprintf("fan%d", i)))
		}
		sea := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		far := &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote}
		// Each of them does everything twice, at the same time as all the others.
		errs := together(2*fans, func(i int) error {
			var refusals int
			for _, a := range []*vocab.Activity{act(vocab.VerbLike, sea.Ref()), act(vocab.VerbShare, sea.Ref()), act(vocab.VerbLike, far.Ref())} {
				if _, err := w.try(list[i/2], a); bridge.ReasonOf(err) == bridge.Exists {
					refusals++
				} else if err != nil {
					return err
				}
			}
			return nil
		})
		for _, err := range errs {
			if err != nil {
				w.t.Error(err)
			}
		}
		same(w.t, "likes", w.object(sea.ID).Counts.Likes, fans)
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, fans)
		same(w.t, "likes of what nobody knew", w.object(far.ID).Counts.Likes, fans)
		for _, fan := range list {
			same(w.t, "favorites of "+fan.Nickname, w.actor(fan.ID).Counts.Favorites, 2)
		}
	})
}
