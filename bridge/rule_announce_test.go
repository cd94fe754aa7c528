package bridge_test

import (
	"fmt"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// remoteGroup makes a group elsewhere.
func (w *world) remoteGroup(account, network string) *models.Actor {
	w.t.Helper()
	g := w.present(account, network, "")
	w.exec(fmt.Sprintf("UPDATE actors SET type = 'group' WHERE id = %d", g.ID))
	return w.actor(g.ID)
}

// relation tells the state of an edge: "none", "asked" or "in force".
func (w *world) relation(kind models.EdgeKind, a, b *models.Actor) string {
	w.t.Helper()
	e, err := w.DB().Edge(w.t.Context(), kind, a.ID, b.ID)
	switch {
	case err != nil:
		return "none"
	case e.State == models.InForce:
		return "in force"
	}
	return "asked"
}

func (w *world) inGroup(what string, a, g *models.Actor, follows, member string, followers, members int64) {
	w.t.Helper()
	same(w.t, what+": follows, is a member", w.relation(models.Follows, a, g)+", "+w.relation(models.MemberOf, a, g), follows+", "+member)
	c := w.actor(g.ID).Counts
	same(w.t, what+": followers, members", fmt.Sprint(c.Followers, c.Members), fmt.Sprint(followers, members))
}

// FEP-1b12: who follows a group, joins it; pump.io has people join it.
func TestGroupsElsewhereAreJoinedByFollowing(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		ann := w.person("ann")
		g := w.remoteGroup("club@group.example", "activitypub")
		for _, c := range []struct{ verb, ends, follows, member string }{
			{vocab.VerbFollow, vocab.VerbStopFollowing, "asked", "none"},
			{vocab.VerbJoin, vocab.VerbLeave, "none", "asked"},
		} {
			asked := w.do(ann, act(c.verb, g.Doc.Ref()))
			w.inGroup(c.verb, ann, g, c.follows, c.member, 0, 0)
			again := w.do(ann, act(c.verb, g.Doc.Ref()))
			w.inGroup(c.verb+" again", ann, g, c.follows, c.member, 0, 0)
			equal(w.t, "deliveries", w.inboxesOf(again), "activitypub https://group.example/activitypub/club")
			accept := answer(vocab.VerbAccept, asked) // which shows a follow, whatever was asked
			w.brought("activitypub", g, accept)
			w.inGroup(c.verb+" accepted", ann, g, "in force", "in force", 1, 1)
			left := w.do(ann, act(c.ends, g.Doc.Ref()))
			same(w.t, "what is undone", left.Doc.Undoes != "", true)
			w.inGroup(c.ends, ann, g, "none", "none", 0, 0)
		}
		w.brought("activitypub", g, answer(vocab.VerbReject, w.do(ann, act(vocab.VerbJoin, g.Doc.Ref()))))
		w.inGroup("rejected", ann, g, "none", "none", 0, 0)
		// On other networks the two are apart.
		old := w.remoteGroup("club@old.example", "pump")
		w.do(ann, act(vocab.VerbFollow, old.Doc.Ref()))
		w.inGroup("follow on pump", ann, old, "in force", "none", 1, 0)
	})
}

// A group that nobody here knows yet is joined by the name that is given. Whether it has
// to accept that is seen when its network is known.
func TestGroupsElsewhereAreJoinedByTheirNames(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		for network, member := range map[string]string{"activitypub": "asked", "pump": "in force"} {
			id := "https://" + network + ".example/club"
			joined := w.do(ann, act(vocab.VerbJoin, &vocab.Object{ID: id, Type: vocab.TypeGroup}))
			g := w.actor(joined.Object.ID)
			same(w.t, "what is joined", g.Type+" "+g.Doc.ID, "group "+id)
			w.do(bob, act(vocab.VerbJoin, &vocab.Object{ID: id, Type: vocab.TypeGroup}))
			w.inGroup("an unknown group", ann, g, "none", "asked", 0, 0)
			doc := profile(id, "club", "")
			doc.Type = vocab.TypeGroup
			if _, err := w.Introduce(w.t.Context(), &bridge.Account{Profile: doc, Network: network, IRI: id, Inbox: id + "/inbox"}, nil); err != nil {
				w.t.Fatal(err)
			}
			members := int64(0)
			if member == "in force" {
				members = 2
			}
			w.inGroup("a group on "+network, ann, g, "none", member, 0, members)
			w.inGroup("a group on "+network, bob, g, "none", member, 0, members)
		}
	})
}

func TestAGroupOfOursPassesOnWhatItsMembersPost(t *testing.T) {
	worldsWith(t, asking(), func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far, near := w.present("far@far.example", "activitypub", ""), w.present("near@near.example", "activitypub", "")
		g := w.group(ann, "Club", everybody())
		shut := w.group(ann, "Shut", ann.Doc.Ref())
		w.do(bob, act(vocab.VerbJoin, g.Doc.Ref()))
		w.do(bob, into(vocab.VerbPost, note("alone"), g))
		same(w.t, "announced to nobody elsewhere", w.number(fmt.Sprintf("SELECT COUNT(*) FROM activities WHERE actor_id = %d", g.ID)), 0)

		w.brought("activitypub", far, act(vocab.VerbFollow, g.Doc.Ref()))
		w.inGroup("a follower from elsewhere", far, g, "in force", "in force", 1, 2)
		equal(w.t, "answers", w.answers(g), "accept "+w.activity(w.edge(far, g).ActivityID).Doc.ID+" [activitypub https://far.example/activitypub/far]")
		_, err := w.brings("activitypub", near, act(vocab.VerbFollow, shut.Doc.Ref()))
		w.isRefusal(err, bridge.NotAllowed, "Can't join "+shut.Doc.ID+": it is not open to you.")

		announced := func() *models.Activity {
			w.t.Helper()
			return w.activity(w.number(fmt.Sprintf("SELECT MAX(id) FROM activities WHERE actor_id = %d AND verb = 'share'", g.ID)))
		}
		post := w.do(bob, act(vocab.VerbPost, note("Hello"), g.Doc.Ref(), everybody()))
		a := announced()
		same(w.t, "what is announced", a.Object.ID, post.ID)
		thing := w.activity(w.number(fmt.Sprintf("SELECT MIN(id) FROM activities WHERE actor_id = %d AND verb = 'share'", g.ID)))
		same(w.t, "and before it what was posted", thing.Doc.Object.ID, post.Doc.Object.ID)
		equal(w.t, "deliveries of that", w.inboxesOf(thing), "activitypub https://far.example/activitypub/far")
		equal(w.t, "deliveries of it", w.inboxesOf(a), "activitypub https://far.example/activitypub/far")
		same(w.t, "shares", w.object(post.Doc.Object.ID).Counts.Shares, 0)
		theirs := &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote, DisplayName: "Theirs"}
		w.brought("activitypub", near, act(vocab.VerbFollow, g.Doc.Ref()))
		from := w.brought("activitypub", far, act(vocab.VerbPost, theirs, g.Doc.Ref(), everybody()))
		same(w.t, "what is announced", announced().Object.ID, from.ID)
		equal(w.t, "deliveries of it", w.inboxesOf(announced()), "activitypub https://far.example/activitypub/far", "activitypub https://near.example/activitypub/near")
		// In our own streams it stays one thing.
		equal(w.t, "bob's inbox", w.inbox(bob, models.Major), "far post Theirs", "bob post Hello", "bob post alone")
		equal(w.t, "the inbox of the group", w.groupInbox(g, ann)[:1], "far post Theirs")

		// Not for those who are no members.
		before := announced().ID
		w.do(ann, act(vocab.VerbPost, note("from outside"), g.Doc.Ref(), everybody()))
		same(w.t, "announced", announced().ID, before)
		// Who leaves gets nothing more.
		w.brought("activitypub", far, act(vocab.VerbStopFollowing, g.Doc.Ref()))
		w.inGroup("after the end", far, g, "none", "none", 1, 2)
	})
}

func (w *world) edge(a, b *models.Actor) *models.Edge {
	w.t.Helper()
	e, err := w.DB().Edge(w.t.Context(), models.Follows, a.ID, b.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}
