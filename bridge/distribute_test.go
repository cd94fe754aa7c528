package bridge_test

import (
	"fmt"
	"strings"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

// Everybody gets an activity once, in the part of the inbox that their being
// addressed makes it belong to.
func TestDistribution(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "fan", "friend", "member", "bob")
		ann, fan, friend, member, bob := p[0], p[1], p[2], p[3], p[4]
		w.follow(ann, fan, friend)
		friends := w.list(ann, "Friends", friend, bob)
		group := w.group(bob, "Readers", everybody())
		w.do(member, act(vocab.VerbJoin, group.Doc.Ref()))
		everyone := append(p, group)
		for _, c := range []struct {
			what string
			a    vocab.Activity
			// Who has it in the inbox, and who has it as direct.
			inbox, direct string
		}{
			{"public", vocab.Activity{To: one(everybody())}, "ann fan friend", ""},
			{"unlisted", vocab.Activity{CC: one(everybody())}, "ann fan friend", ""},
			{"public and followers", vocab.Activity{To: one(everybody()), CC: one(w.followersOf(ann))}, "ann fan friend", ""},
			{"followers", vocab.Activity{CC: one(w.followersOf(ann))}, "ann fan friend", ""},
			{"person in to", vocab.Activity{To: one(bob.Doc.Ref())}, "ann bob", "bob"},
			{"person in bto", vocab.Activity{BTo: one(bob.Doc.Ref())}, "ann bob", "bob"},
			{"person in cc", vocab.Activity{CC: one(bob.Doc.Ref())}, "ann bob", ""},
			{"person in bcc", vocab.Activity{BCC: one(bob.Doc.Ref())}, "ann bob", ""},
			{"person in to and cc", vocab.Activity{To: one(bob.Doc.Ref()), CC: one(bob.Doc.Ref())}, "ann bob", "bob"},
			{"list in to", vocab.Activity{To: one(friends)}, "ann friend bob", ""},
			{"group in to", vocab.Activity{To: one(group.Doc.Ref())}, "ann member Readers", ""},
			{"oneself", vocab.Activity{To: one(ann.Doc.Ref())}, "ann", "ann"},
			{"all ways at once", vocab.Activity{To: []*vocab.Object{friend.Doc.Ref(), everybody(), group.Doc.Ref()}, CC: one(w.followersOf(ann)),
				BTo: []*vocab.Object{friends, member.Doc.Ref()}, BCC: one(fan.Doc.Ref())}, "ann fan friend member bob Readers", "friend member"},
			{"followers of somebody else", vocab.Activity{To: one(w.followersOf(bob))}, "ann", ""},
			{"nobody known", vocab.Activity{To: one(&vocab.Object{ID: "urn:nobody", Type: vocab.TypePerson})}, "ann", ""},
		} {
			w.sub(strings.ReplaceAll(c.what, " ", "_"), func(w *world) {
				for _, class := range []struct {
					object      *vocab.Object
					all, direct models.Part
					other       models.Part
				}{
					{note("x"), models.Major, models.DirectMajor, models.Minor},
					{&vocab.Object{Type: vocab.TypeComment, DisplayName: "x"}, models.Minor, models.DirectMinor, models.Major},
				} {
					a := c.a
					a.Verb, a.Object = vocab.VerbPost, class.object
					done := w.do(ann, &a)
					var inbox, direct []string
					for _, who := range everyone {
						name := firstOf(who.Nickname, who.Doc.DisplayName)
						if w.has(who, models.Inbox, class.all, done) {
							inbox = append(inbox, name)
						}
						if w.has(who, models.Inbox, class.direct, done) {
							direct = append(direct, name)
						}
						same(w.t, name+" has it in the other half", w.has(who, models.Inbox, class.other, done), false)
					}
					same(w.t, "inboxes", strings.Join(inbox, " "), c.inbox)
					same(w.t, "direct inboxes", strings.Join(direct, " "), c.direct)
					same(w.t, "ann's outbox", w.has(ann, models.Outbox, class.all, done), true)
					items := w.number(fmt.Sprintf("SELECT COUNT(*) FROM stream_items WHERE activity_id = %d", done.ID))
					streams := len(inbox) + 1
					if len(done.Doc.To) > 0 && done.Visibility == models.Public {
						streams++ // the public one
					}
					same(w.t, "items in all streams", int(items), streams)
				}
			})
		}
	})
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// has reports whether the newest item of a part of a stream is an activity.
func (w *world) has(owner *models.Actor, s models.Stream, part models.Part, a *models.Activity) bool {
	w.t.Helper()
	if owner.Type == vocab.TypeGroup {
		items, _, err := w.DB().GroupPage(w.t.Context(), owner.ID, part, viewerOf(owner), models.Page{Count: 1})
		if err != nil {
			w.t.Fatal(err)
		}
		return len(items) > 0 && items[0].Activity.ID == a.ID
	}
	items, _ := w.page(owner, s, part, owner, 1)
	return len(items) > 0 && items[0].Activity.ID == a.ID
}

// What comes from elsewhere goes to those here whom it is meant for, and to
// whoever's inbox it was sent to.
func TestDistributionOfArrivals(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		far := w.remote("far@far.example")
		w.follow(far, ann)
		thing := func(title string) *vocab.Object {
			return &vocab.Object{ID: "https://far.example/" + title, Type: vocab.TypeNote, DisplayName: title}
		}
		w.receive(far, &vocab.Activity{Verb: vocab.VerbPost, Object: thing("public"), To: one(everybody()), CC: one(bob.Doc.Ref())})
		w.receive(far, act(vocab.VerbPost, thing("followers"), w.followersOf(far)))
		w.receive(far, act(vocab.VerbPost, thing("direct"), bob.Doc.Ref()))
		hidden, err := w.arrive(far, cid, act(vocab.VerbPost, thing("hidden"))) // he was in bto or bcc
		if err != nil {
			w.t.Fatal(err)
		}
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major), "far post followers", "far post public")
		equal(w.t, "bob's inbox", w.inbox(bob, models.Major), "far post direct", "far post public")
		equal(w.t, "bob's direct inbox", w.inbox(bob, models.DirectMajor), "far post direct")
		equal(w.t, "cid's inbox", w.inbox(cid, models.Major), "far post hidden")
		same(w.t, "who sees what was sent to cid", w.audienceOf(hidden.Activity, p...), "cid")
		equal(w.t, "streams of somebody elsewhere", w.stream(far, models.Outbox, models.All, far))
	})
}

// Whoever is followed or left alone learns of it, however it is addressed.
func TestWhoeverIsFollowedLearnsOfIt(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		for _, verb := range []string{vocab.VerbFollow, vocab.VerbStopFollowing} {
			w.do(bob, act(verb, ann.Doc.Ref(), w.followersOf(bob)))
			same(w.t, "ann's inbox", w.inbox(ann, models.Minor)[0], "bob "+verb+" ann")
		}
	})
}

func TestSuspendedPeopleGetNothing(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		w.follow(ann, bob)
		friends := w.list(ann, "Friends", bob)
		before := w.inbox(bob, models.All)
		if err := w.Suspend(w.t.Context(), "bob", true); err != nil {
			w.t.Fatal(err)
		}
		w.do(ann, act(vocab.VerbPost, note("x"), everybody(), bob.Doc.Ref(), friends))
		equal(w.t, "bob's inbox", w.inbox(bob, models.All), before...)
		if err := w.Suspend(w.t.Context(), "bob", false); err != nil {
			w.t.Fatal(err)
		}
		w.do(ann, act(vocab.VerbPost, note("y"), everybody()))
		same(w.t, "bob's inbox", w.inbox(bob, models.All)[0], "ann post y")
	})
}
