package bridge_test

import (
	"fmt"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func TestAnAccountElsewhereIsDeleted(t *testing.T) {
	const posts = 450 // more than go at once
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far, near := w.present("far@far.example", "activitypub", ""), w.present("near@far.example", "activitypub", "")
		sea := w.do(ann, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		group := w.group(ann, "Readers", everybody())
		for _, f := range []*models.Actor{far, near} {
			w.brought("activitypub", f, act(vocab.VerbFollow, ann.Doc.Ref()))
			w.brought("activitypub", f, act(vocab.VerbLike, sea.Ref(), everybody()))
			w.brought("activitypub", f, act(vocab.VerbShare, sea.Ref(), everybody()))
			w.brought("activitypub", f, act(vocab.VerbJoin, group.Doc.Ref()))
			o := reply("Answer", sea)
			o.ID = "https://far.example/answer/" + f.Nickname
			w.brought("activitypub", f, act(vocab.VerbPost, o, everybody()))
		}
		w.brought("activitypub", far, answer(vocab.VerbAccept, w.do(ann, act(vocab.VerbFollow, far.Doc.Ref()))))
		w.do(bob, act(vocab.VerbFollow, far.Doc.Ref())) // not accepted
		for i := range posts {
			w.brought("activitypub", far, act(vocab.VerbPost, &vocab.Object{ID: fmt.Sprint("https://far.example/n/", i), Type: vocab.TypeNote, Content: "x"}, everybody()))
		}
		w.do(ann, act(vocab.VerbLike, &vocab.Object{ID: "https://far.example/n/7"}))
		_, items := w.page(ann, models.Inbox, models.All, ann, 1)

		_, err := w.brings("activitypub", near, act(vocab.VerbDelete, far.Doc.Ref(), everybody()))
		w.isRefusal(err, bridge.NotAllowed, "Can't delete "+far.Doc.ID+": not author.")
		w.brought("activitypub", far, act(vocab.VerbDelete, far.Doc.Ref(), everybody()))
		same(w.t, "state at once", w.actor(far.ID).State, models.Deleted)
		_, err = w.brings("activitypub", far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/late", Type: vocab.TypeNote}, everybody()))
		w.isRefusal(err, bridge.Gone, "This account is not in use any more.")
		w.refused(bob, act(vocab.VerbFollow, far.Doc.Ref()), bridge.Gone, "This account is not in use any more.")
		w.start()
		until(w.t, "all of it is gone", func() bool {
			return w.number(fmt.Sprintf("SELECT COUNT(*) FROM presences WHERE actor_id = %d", far.ID)) == 0
		})
		gone := w.actor(far.ID)
		same(w.t, "name", gone.Doc.DisplayName, "")
		same(w.t, "nickname", gone.Doc.PreferredUsername, "far")
		same(w.t, "deleted", gone.Doc.Deleted.IsZero(), false)
		same(w.t, "posts that are left", w.number(fmt.Sprintf("SELECT COUNT(*) FROM objects WHERE author_id = %d AND deleted = 0", far.ID)), 0)
		same(w.t, "activities that are left", w.number(fmt.Sprintf("SELECT COUNT(*) FROM activities WHERE actor_id = %d AND deleted = 0", far.ID)), 0)
		same(w.t, "edges that are left", w.number(fmt.Sprintf("SELECT COUNT(*) FROM edges WHERE actor_id = %d OR target_id = %d", far.ID, far.ID)), 0)
		same(w.t, "content", w.object("https://far.example/n/7").Doc.Content, "")
		same(w.t, "ann's followers", w.actor(ann.ID).Counts.Followers, 1)
		equal(w.t, "ann follows", w.follows(ann))
		equal(w.t, "bob follows", w.follows(bob))
		o := w.object(sea.ID)
		same(w.t, "likes, shares, replies", fmt.Sprint(o.Counts.Likes, o.Counts.Shares, o.Counts.Replies), "1 1 1")
		same(w.t, "members", w.actor(group.ID).Counts.Members, 1)
		_, after := w.page(ann, models.Inbox, models.All, ann, 1)
		same(w.t, "items in ann's inbox", after, items)
	})
}

func TestTheEndOfAnAccountHereIsTold(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		far := w.present("far@far.example", "activitypub", "")
		w.brought("activitypub", far, act(vocab.VerbFollow, ann.Doc.Ref()))
		if err := w.DeleteAccount(w.t.Context(), "ann", nil); err != nil {
			w.t.Fatal(err)
		}
		told := w.activity(w.number(fmt.Sprintf("SELECT MAX(id) FROM activities WHERE actor_id = %d", ann.ID)))
		same(w.t, "what is told", told.Verb+" "+told.Doc.Object.ID, "delete "+ann.Doc.ID)
		same(w.t, "it is still to be told", told.Deleted.IsZero(), true)
		equal(w.t, "where", w.inboxesOf(told), "activitypub https://far.example/activitypub/far")
	})
}
