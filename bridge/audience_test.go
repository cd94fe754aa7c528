package bridge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// addresses tells whom an activity is addressed to, as "to: a b cc: c".
func (w *world) addresses(a *models.Activity) string {
	w.t.Helper()
	var b strings.Builder
	for _, f := range []struct {
		name string
		list []*vocab.Object
	}{{"to", a.Doc.To}, {"cc", a.Doc.CC}, {"bto", a.Doc.BTo}, {"bcc", a.Doc.BCC}} {
		if len(f.list) == 0 {
			continue
		}
		b.WriteString(" " + f.name + ":")
		for _, o := range f.list {
			b.WriteString(" " + w.addressee(o.ID))
		}
	}
	return strings.TrimSpace(b.String())
}

func (w *world) addressee(id string) string {
	w.t.Helper()
	if id == vocab.PublicID {
		return "public"
	}
	if nick := w.Names().FollowersOf(id); nick != "" {
		return nick + "/followers"
	}
	for kind := range map[models.Kind]bool{models.KindActor: true, models.KindObject: true} {
		row, err := w.DB().LookupKind(w.t.Context(), kind, id)
		if err != nil {
			continue
		}
		if kind == models.KindActor {
			a := w.actor(row)
			if a.Type == vocab.TypeGroup {
				return a.Doc.DisplayName
			}
			return a.Nickname
		}
		return w.object(id).Doc.DisplayName
	}
	return id
}

// The cases of what pump.io does where an activity is addressed to nobody,
// first match wins.
func TestDefaultAddresses(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid", "dot")
		ann, bob, cid, dot := p[0], p[1], p[2], p[3]
		friends := w.list(ann, "Friends", cid)
		readers := w.group(bob, "Readers", everybody())
		post := w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("All four"), To: []*vocab.Object{bob.Doc.Ref()},
			CC: []*vocab.Object{w.followersOf(ann)}, BTo: []*vocab.Object{friends}, BCC: []*vocab.Object{dot.Doc.Ref()}}).Doc.Object
		public := w.do(ann, act(vocab.VerbPost, note("Public"), everybody())).Doc.Object
		direct := w.do(ann, act(vocab.VerbPost, note("Direct"), bob.Doc.Ref(), cid.Doc.Ref())).Doc.Object
		draft := w.upload(ann, "Draft")
		far := &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote}
		for _, c := range []struct {
			what  string
			actor *models.Actor
			a     *vocab.Activity
			want  string
		}{
			// 1. update and delete: those of the post
			{"update of a thing", ann, act(vocab.VerbUpdate, &vocab.Object{ID: post.ID, Content: "x"}), "to: bob cc: ann/followers bto: Friends bcc: dot"},
			{"update of a public thing", ann, act(vocab.VerbUpdate, &vocab.Object{ID: public.ID, Content: "x"}), "to: public"},
			{"update of oneself", ann, act(vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, Summary: "x"}), "cc: ann/followers"},
			{"update of what is not posted", ann, act(vocab.VerbUpdate, &vocab.Object{ID: draft.ID, Content: "x"}), "to: ann"},
			// 2. favorites: those of the post, and whoever wrote it; nobody may learn who else got it
			{"favorite", bob, act(vocab.VerbFavorite, post.Ref()), "to: bob ann cc: ann/followers"},
			{"unfavorite", bob, act(vocab.VerbUnfavorite, post.Ref()), "to: bob ann cc: ann/followers"},
			{"like", bob, act(vocab.VerbLike, public.Ref()), "to: public ann"},
			{"dislike", bob, act(vocab.VerbDislike, direct.Ref()), "to: bob cid ann"},
			{"like of one's own", ann, act(vocab.VerbLike, post.Ref()), "to: bob cc: ann/followers bto: Friends bcc: dot"},
			{"like of what was never posted here", bob, act(vocab.VerbLike, far), "cc: bob/followers"},
			{"unlike falls through", bob, act(vocab.VerbUnlike, public.Ref()), "cc: bob/followers"},
			{"share falls through", bob, act(vocab.VerbShare, public.Ref()), "cc: bob/followers"},
			// 3. a person
			{"follow", bob, act(vocab.VerbFollow, ann.Doc.Ref()), "to: ann cc: bob/followers"},
			{"stop-following", bob, act(vocab.VerbStopFollowing, ann.Doc.Ref()), "to: ann cc: bob/followers"},
			{"follow of oneself", bob, act(vocab.VerbFollow, bob.Doc.Ref()), "cc: bob/followers"},
			{"add of a person", ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: dot.Doc.Ref(), Target: friends}, "to: dot cc: ann/followers"},
			{"another verb", ann, act("tag", dot.Doc.Ref()), "to: dot cc: ann/followers"},
			// 4. a group
			{"join", dot, act(vocab.VerbJoin, readers.Doc.Ref()), "to: Readers cc: dot/followers"},
			{"leave", dot, act(vocab.VerbLeave, readers.Doc.Ref()), "to: Readers cc: dot/followers"},
			{"create of a group", dot, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "New"}), "cc: dot/followers"},
			// 6. a reply
			{"reply", bob, act(vocab.VerbPost, reply("x", post)), "to: ann cc: ann/followers"},
			{"reply to a public thing", bob, act(vocab.VerbPost, reply("x", public)), "to: public ann"},
			{"reply to a direct one", bob, act(vocab.VerbPost, reply("x", direct)), "to: cid ann"},
			{"reply to oneself", ann, act(vocab.VerbPost, reply("x", direct)), "to: bob cid"},
			{"reply to what nobody knows", bob, act(vocab.VerbPost, reply("x", far)), "cc: bob/followers"},
			// 7. all else
			{"post", bob, act(vocab.VerbPost, note("x")), "cc: bob/followers"},
			{"create of a list", bob, act(vocab.VerbCreate, listDoc("x")), "cc: bob/followers"},
			{"an unknown verb", bob, act("urn:verb", note("x")), "cc: bob/followers"},
			// at last the deletion
			{"delete", ann, act(vocab.VerbDelete, post.Ref()), "to: bob cc: ann/followers bto: Friends bcc: dot"},
			{"delete of what is not posted", ann, act(vocab.VerbDelete, draft.Ref()), "to: ann"},
		} {
			w.sub(strings.ReplaceAll(c.what, " ", "_"), func(w *world) {
				same(w.t, "addresses", w.addresses(w.do(c.actor, c.a)), c.want)
			})
		}
	})
}

// What is addressed to somebody has no defaults.
func TestAddressesThatAreGiven(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		public := w.do(ann, act(vocab.VerbPost, note("Public"), everybody())).Doc.Object
		for _, c := range []struct {
			a    *vocab.Activity
			want string
		}{
			{&vocab.Activity{Verb: vocab.VerbLike, Object: public.Ref(), BCC: []*vocab.Object{bob.Doc.Ref()}}, "bcc: bob"},
			{&vocab.Activity{Verb: vocab.VerbPost, Object: reply("x", public), CC: []*vocab.Object{ann.Doc.Ref()}}, "cc: ann"},
			// Whatever name is used, the canonical one is kept.
			{act(vocab.VerbPost, note("x"), &vocab.Object{ID: "ANN@localhost"}, &vocab.Object{ID: home + "/users/ann"}), "to: ann ann"},
			{act(vocab.VerbPost, note("x"), &vocab.Object{ID: home + "/users/bob/followers"}, &vocab.Object{ID: home + "/api/user/BOB/followers"}),
				"to: bob/followers bob/followers"},
			{act(vocab.VerbPost, note("x"), &vocab.Object{ID: "new@far.example"}), "to: new"},
		} {
			a := w.do(bob, c.a)
			same(w.t, "addresses", w.addresses(a), c.want)
			for _, o := range a.Doc.Addressees() {
				if o.ID == "ANN@localhost" || o.ID == home+"/users/ann" || o.ID == home+"/users/bob/followers" || o.Type == "" {
					w.t.Errorf("the address %s of type %q was kept as it was written", o.ID, o.Type)
				}
			}
		}
	})
}

// Activities of other servers say whom they are for, or are for nobody.
func TestNoDefaultsForOtherServers(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		w.follow(far, ann)
		a := w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote, DisplayName: "Far"}))
		same(w.t, "addresses", w.addresses(a), "")
		same(w.t, "who sees it", w.audienceOf(a, ann), "")
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major))

		// An address without an id is nobody, also where the followers are unknown.
		unknown := w.remote("unknown@far.example")
		unknown.Doc.Feeds = nil
		w.follow(unknown, ann)
		w.write(func(ctx context.Context, tx *models.Tx) error {
			row, err := tx.Actor(ctx, unknown.ID)
			if err != nil {
				return err
			}
			row.Doc = row.Doc.Clone()
			row.Doc.Feeds = nil
			return tx.UpdateActor(ctx, row)
		})
		a = w.receive(unknown, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/2", Type: vocab.TypeNote, DisplayName: "Far"},
			&vocab.Object{Type: vocab.TypePerson}))
		same(w.t, "who sees what is addressed to no id", w.audienceOf(a, ann), "")
		equal(w.t, "ann's inbox", w.inbox(ann, models.Major))
	})
}

func TestVisibility(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "fan", "friend", "member", "friendofbob", "bob")
		ann, fan, friend, member, bob := p[0], p[1], p[2], p[3], p[5]
		w.follow(ann, fan)
		w.follow(bob, p[4])
		friends := w.list(ann, "Friends", friend)
		bobs := w.list(bob, "Bob's", p[4])
		group := w.group(bob, "Readers", everybody())
		w.do(member, act(vocab.VerbJoin, group.Doc.Ref()))
		for _, c := range []struct {
			what       string
			a          vocab.Activity
			visibility models.Visibility
			want       string
		}{
			{"public", vocab.Activity{To: one(everybody())}, models.Public, "ann fan friend member friendofbob bob everybody"},
			{"public in cc", vocab.Activity{To: one(w.followersOf(ann)), CC: one(everybody())}, models.Unlisted, "ann fan friend member friendofbob bob everybody"},
			{"public in bcc", vocab.Activity{BCC: one(everybody())}, models.Unlisted, "ann fan friend member friendofbob bob everybody"},
			{"followers", vocab.Activity{To: one(w.followersOf(ann))}, models.Limited, "ann fan"},
			{"followers in bto", vocab.Activity{BTo: one(w.followersOf(ann))}, models.Limited, "ann fan"},
			{"person", vocab.Activity{To: one(bob.Doc.Ref())}, models.Limited, "ann bob"},
			{"person in bto", vocab.Activity{BTo: one(bob.Doc.Ref())}, models.Limited, "ann bob"},
			{"person in bcc", vocab.Activity{BCC: one(bob.Doc.Ref())}, models.Limited, "ann bob"},
			{"list", vocab.Activity{To: one(friends)}, models.Limited, "ann friend"},
			{"group", vocab.Activity{To: one(group.Doc.Ref())}, models.Limited, "ann member bob"}, // bob made it
			{"oneself", vocab.Activity{To: one(ann.Doc.Ref())}, models.Limited, "ann"},
			{"followers of somebody else", vocab.Activity{To: one(w.followersOf(bob))}, models.Limited, "ann"},
			{"list of somebody else", vocab.Activity{To: one(bobs)}, models.Limited, "ann"},
			{"a note", vocab.Activity{To: one(&vocab.Object{ID: "urn:note", Type: vocab.TypeNote})}, models.Limited, "ann"},
			{"nothing", vocab.Activity{To: one(&vocab.Object{})}, models.Limited, "ann"},
			{"several", vocab.Activity{To: one(friends), CC: one(w.followersOf(ann)), BCC: one(bob.Doc.Ref())}, models.Limited, "ann fan friend bob"},
		} {
			w.sub(strings.ReplaceAll(c.what, " ", "_"), func(w *world) {
				c.a.Verb, c.a.Object = vocab.VerbPost, note(c.what)
				a := w.do(ann, &c.a)
				same(w.t, "visibility", a.Visibility, c.visibility)
				same(w.t, "who sees the activity", w.audienceOf(a, p...), c.want)
				var seen []string
				for _, who := range p {
					if w.seesObject(who, a) {
						seen = append(seen, who.Nickname)
					}
				}
				if w.seesObject(nil, a) {
					seen = append(seen, "everybody")
				}
				same(w.t, "who sees the thing", strings.Join(seen, " "), c.want)
				for _, who := range p[1:] {
					if there := contains(w.inbox(who, models.All), "ann post "+c.what); there && !w.sees(who, a) {
						w.t.Errorf("%s got what is not for them", who.Nickname)
					}
					same(w.t, who.Nickname+" sees it in ann's outbox", contains(w.outbox(ann, who), "ann post "+c.what), w.sees(who, a))
				}
				same(w.t, "strangers see it in ann's outbox", contains(w.outbox(ann, nil), "ann post "+c.what), w.sees(nil, a))
			})
		}
	})
}

func one(o *vocab.Object) []*vocab.Object { return []*vocab.Object{o} }

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// A list that is gone reaches nobody any more.
func TestListsThatAreGone(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		friends := w.list(p[0], "Friends", p[1])
		w.do(p[0], act(vocab.VerbDelete, friends))
		a := w.do(p[0], act(vocab.VerbPost, note("x"), friends))
		same(w.t, "who sees it", w.audienceOf(a, p...), "ann")
		same(w.t, "bob got it", contains(w.inbox(p[1], models.All), "ann post x"), false)
	})
}

// A like or share of what is not public is for nobody who may not see that,
// however widely it is addressed.
func TestReactionsDoNotWiden(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "fan", "both", "stranger")
		ann, fan, both, stranger := p[0], p[1], p[2], p[3]
		w.follow(ann, fan, both)
		w.follow(fan, both, stranger)
		secret := w.do(ann, act(vocab.VerbPost, note("Secret"), w.followersOf(ann))).Doc.Object
		for _, verb := range []string{vocab.VerbShare, vocab.VerbLike, "read"} {
			for _, c := range []struct {
				what, want string
				to         []*vocab.Object
			}{
				{"public", "ann fan both", one(everybody())},
				{"followers", "fan both", one(w.followersOf(fan))},
				{"people", "fan both", []*vocab.Object{stranger.Doc.Ref(), both.Doc.Ref()}},
				{"nobody", map[string]string{vocab.VerbShare: "fan both", vocab.VerbLike: "ann fan", "read": "fan both"}[verb], nil},
			} {
				w.sub(verb+"_to_"+c.what, func(w *world) {
					a := w.do(fan, act(verb, secret.Ref(), c.to...))
					line := "fan " + verb + " Secret"
					same(w.t, "who sees it", w.audienceOf(a, p...), c.want)
					same(w.t, "the stranger got it", contains(w.inbox(stranger, models.All), line), false)
					same(w.t, "the stranger sees it in the outbox", contains(w.outbox(fan, stranger), line), false)
					same(w.t, "everybody sees it in the outbox", contains(w.outbox(fan, nil), line), false)
					if undo := map[string]string{vocab.VerbShare: vocab.VerbUnshare, vocab.VerbLike: vocab.VerbUnlike}[verb]; undo != "" {
						w.do(fan, act(undo, secret.Ref(), everybody()))
						same(w.t, "the stranger got the undoing", contains(w.inbox(stranger, models.All), "fan "+undo+" Secret"), false)
					}
				})
			}
		}
	})
}

// An answer to something private reaches nobody who may not see that.
func TestRepliesDoNotWiden(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid", "fan")
		ann, bob, cid, fan := p[0], p[1], p[2], p[3]
		w.follow(ann, fan)
		w.follow(bob, fan)
		question := w.do(ann, act(vocab.VerbPost, note("Question"), bob.Doc.Ref(), cid.Doc.Ref())).Doc.Object
		answer := w.do(bob, act(vocab.VerbPost, reply("Answer", question)))
		same(w.t, "who sees the answer", w.audienceOf(answer, p...), "ann bob cid")
		same(w.t, "the fan got it", contains(w.inbox(fan, models.All), "bob post Answer"), false)
		w.do(fan, act(vocab.VerbPost, note("x"))) // fan can post, and still cannot answer
		w.refused(fan, act(vocab.VerbPost, reply("x", answer.Doc.Object)), bridge.NotAllowed, "Only the author and recipients can view this object.")
		further := w.do(cid, act(vocab.VerbPost, reply("Further", answer.Doc.Object)))
		same(w.t, "who sees a further answer", w.audienceOf(further, p...), "ann bob cid")
	})
}

func TestTooManyAddressees(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		many := func(n int) []*vocab.Object {
			var list []*vocab.Object
			for i := range n {
				list = append(list, &vocab.Object{ID: fmt.Sprintf("acct:p%d@far.example", i), Type: vocab.TypePerson})
			}
			return list
		}
		w.refused(ann, &vocab.Activity{Object: note("x"), To: many(300), BCC: many(201)}, bridge.Invalid,
			"The activity is addressed to 501 recipients; at most 500 can be named. Address a list or your followers instead.")
		a := w.do(ann, act(vocab.VerbPost, note("x"), many(bridge.MaxAddressees)...))
		same(w.t, "addressees", len(a.Audience), bridge.MaxAddressees)
	})
}

// Whoever is answered in public learns of it, also where the client names only the
// public: on their network nobody else would tell them.
func TestPublicAnswersReachWhomTheyAnswer(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		far := w.present("far@there.example", "activitypub", "")
		posted := w.receive(far, noteFrom(far, "https://there.example/1"))
		mine := w.do(bob, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeNote, Content: "here"}, To: []*vocab.Object{{ID: vocab.PublicID}}})
		answer := func(to *models.Activity, whom ...*vocab.Object) *models.Activity {
			return w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, To: whom,
				Object: &vocab.Object{Type: vocab.TypeComment, Content: "yes", InReplyTo: []*vocab.Object{{ID: to.Doc.Object.ID}}}})
		}
		public := &vocab.Object{ID: vocab.PublicID}
		for _, tt := range []struct {
			name   string
			answer *models.Activity
			cc     []string
		}{
			{"in public", answer(posted, public), []string{far.Doc.ID}},
			{"who is named already", answer(posted, public, far.Doc.Ref()), nil},
			{"to some only", answer(posted, bob.Doc.Ref()), nil},
			{"somebody here", answer(mine, public), nil},
		} {
			var cc []string
			for _, o := range tt.answer.Doc.CC {
				cc = append(cc, o.ID)
			}
			if !slices.Equal(cc, tt.cc) {
				w.t.Errorf("%s: cc %v, want %v", tt.name, cc, tt.cc)
			}
		}
	})
}
