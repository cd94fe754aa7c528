package bridge_test

import (
	"encoding/json"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// Verbs and types that nobody here knows are stored, distributed and kept as
// they are.
func TestUnknownVerbsAndTypes(t *testing.T) {
	const verb, kind = "http://verbs.example/juggle", "http://types.example/ball"
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		w.follow(ann, bob)
		extra := func(s string) map[string]json.RawMessage {
			return map[string]json.RawMessage{"http://types.example/colour": json.RawMessage(s)}
		}
		a := w.do(ann, &vocab.Activity{
			Verb: verb, Extra: extra(`{"a":[1,2]}`), CC: []*vocab.Object{w.followersOf(ann)},
			Object: &vocab.Object{Type: kind, DisplayName: "Ball", Extra: extra(`"red"`), Location: &vocab.Object{Type: vocab.TypePlace, DisplayName: "Here"}},
			Target: &vocab.Object{ID: "urn:hoop", Type: "http://types.example/hoop", DisplayName: "Hoop", Extra: extra(`null`)},
			Result: &vocab.Object{Type: "http://types.example/applause", Content: "<b>loud</b>"},
		})
		stored := w.activity(a.ID)
		same(w.t, "verb", stored.Doc.Verb, verb)
		same(w.t, "unknown member of the activity", string(stored.Doc.Extra["http://types.example/colour"]), `{"a":[1,2]}`)
		same(w.t, "target", stored.Doc.Target.DisplayName, "Hoop")
		same(w.t, "unknown member of the target", string(stored.Doc.Target.Extra["http://types.example/colour"]), `null`)
		same(w.t, "result", stored.Doc.Result.Content, "<b>loud</b>")
		ball := w.object(stored.Doc.Object.ID)
		same(w.t, "type", ball.Doc.Type, kind)
		same(w.t, "unknown member of the object", string(ball.Doc.Extra["http://types.example/colour"]), `"red"`)
		same(w.t, "location", ball.Doc.Location.DisplayName, "Here")
		same(w.t, "author", ball.AuthorID, ann.ID)
		if !strings.HasPrefix(ball.Doc.ID, home+"/api/other/") {
			w.t.Errorf("the id is %s", ball.Doc.ID)
		}
		equal(w.t, "bob's minor inbox", w.inbox(bob, models.Minor)[:1], "ann "+verb+" Ball")
		same(w.t, "bob sees it", w.seesObject(bob, a), true)
		same(w.t, "a stranger sees it", w.seesObject(nil, a), false)

		untyped := w.do(ann, act("ponder", &vocab.Object{DisplayName: "Nothing"}))
		same(w.t, "type of what has none", w.object(untyped.Doc.Object.ID).Doc.Type, "other")
		full := w.do(ann, act("http://activitystrea.ms/schema/1.0/favorite", a.Doc.Object))
		same(w.t, "a verb of the base schema in full", full.Verb, vocab.VerbFavorite)
		same(w.t, "likes", w.object(ball.Doc.ID).Counts.Likes, 1)
	})
}

// What another server calls by a word of its own is shown as it came, also
// where its object has no id.
func TestUnknownVerbsFromElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		bob := w.person("bob")
		far := w.remote("far@far.example")
		w.follow(far, bob)
		a := w.receive(far, &vocab.Activity{Verb: "http://verbs.example/juggle", To: []*vocab.Object{w.followersOf(far)},
			Object: &vocab.Object{Type: "http://types.example/ball", DisplayName: "Ball", Extra: map[string]json.RawMessage{"urn:x": json.RawMessage(`1`)}}})
		stored := w.activity(a.ID).Doc
		same(w.t, "object", stored.Object.DisplayName, "Ball")
		same(w.t, "unknown member", string(stored.Object.Extra["urn:x"]), "1")
		same(w.t, "bob sees it", w.sees(bob, a), true)
		same(w.t, "items in bob's inbox", len(w.inbox(bob, models.Minor)), 2)

		named := w.receive(far, act("http://verbs.example/juggle", &vocab.Object{ID: "https://far.example/ball", Type: "ball", DisplayName: "Ball"}, bob.Doc.Ref()))
		same(w.t, "a thing with an id", w.line(named), "far http://verbs.example/juggle Ball")
	})
}

// Some deeds of elsewhere are done to nothing.
func TestVerbsWithoutAnObjectFromElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		w.follow(far, ann)
		a := w.receive(far, &vocab.Activity{Verb: vocab.NSAS2 + "Travel", To: one(everybody())})
		same(w.t, "object", a.Doc.Object, nil)
		same(w.t, "sentence", a.Doc.Content, "<a href='https://far.example/@far'>far</a> travelled")
		same(w.t, "newest in ann's inbox", w.inbox(ann, models.Minor)[0], "far "+vocab.NSAS2+"Travel ")
		a = w.receive(far, &vocab.Activity{Verb: "http://verbs.example/v2/x1", To: one(everybody())})
		same(w.t, "sentence", a.Doc.Content, "<a href='https://far.example/@far'>far</a> did http://verbs.example/v2/x1")
	})
}

func TestOtherVerbsOnActivities(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		follow := w.do(bob, act(vocab.VerbFollow, ann.Doc.Ref(), ann.Doc.Ref()))
		ref := &vocab.Object{ID: follow.Doc.ID, Type: vocab.TypeActivity}

		a := w.do(ann, act("accept", ref, bob.Doc.Ref(), cid.Doc.Ref()))
		same(w.t, "kind of the object", a.Object.Kind, models.KindActivity)
		same(w.t, "object", w.activity(a.ID).Doc.Object.ID, follow.Doc.ID)
		equal(w.t, "bob's inbox", w.inbox(bob, models.Direct), "ann accept (bob follow ann)")
		// Cid is told, but may not see what was accepted: it was for ann alone.
		same(w.t, "who sees it", w.audienceOf(a, ann, bob, cid), "ann bob")
		equal(w.t, "cid's inbox", w.inbox(cid, models.All))
		w.refused(cid, act("accept", ref), bridge.NotAllowed, "Only the actor and recipients can view this activity.")

		unknown := w.do(ann, &vocab.Activity{Verb: "accept", Object: &vocab.Object{ID: "https://far.example/activities/1", Type: vocab.TypeActivity},
			Inner: &vocab.Activity{ID: "https://far.example/activities/1", Verb: "invite", Object: note("party")}})
		stored := w.activity(unknown.ID).Doc
		same(w.t, "kind of the object", unknown.Object.Kind, models.KindNone)
		same(w.t, "activity that was embedded", stored.Inner.Verb, "invite")
	})
}

func TestOtherVerbsOnWhatMayNotBeSeen(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		secret := w.do(ann, act(vocab.VerbPost, note("Secret"), ann.Doc.Ref())).Doc.Object
		gone := w.do(ann, act(vocab.VerbPost, note("Gone"), everybody())).Doc.Object
		w.do(ann, act(vocab.VerbDelete, gone))
		rows := w.rows()
		const hidden = "Only the author and recipients can view this object."
		for _, verb := range []string{"read", "tag", vocab.VerbLike, vocab.VerbShare, vocab.VerbUnshare} {
			w.refused(bob, act(verb, secret.Ref()), bridge.NotAllowed, hidden)
		}
		w.refused(bob, &vocab.Activity{Verb: "tag", Object: bob.Doc.Ref(), Target: secret.Ref()}, bridge.NotAllowed, hidden)
		w.refused(bob, act("read", gone), bridge.Gone, "Deleted")
		w.refused(bob, act("read", &vocab.Object{ID: home + "/api/note/none"}), bridge.Missing, "No such 'object' with id '"+home+"/api/note/none'")
		w.unchanged(rows)
	})
}

// The major half of a stream holds shares, checkins and new things that are
// neither comments nor collections.
func TestMajorAndMinor(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		sea := w.do(bob, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		list := w.list(ann, "Friends")
		place := &vocab.Object{Type: vocab.TypePlace, DisplayName: "Pub"}
		for _, c := range []struct {
			activity *vocab.Activity
			major    bool
		}{
			{act(vocab.VerbPost, note("x")), true},
			{act(vocab.VerbCreate, note("x")), true},
			{act(vocab.VerbPost, &vocab.Object{Type: vocab.TypeImage}), true},
			{act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "x"}), true},
			{act(vocab.VerbPost, &vocab.Object{Type: "http://types.example/x"}), true},
			{act(vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, InReplyTo: []*vocab.Object{sea}}), true},
			{act(vocab.VerbPost, reply("x", sea)), false},
			{act(vocab.VerbPost, &vocab.Object{InReplyTo: []*vocab.Object{sea}}), false},
			{act(vocab.VerbCreate, listDoc("List")), false},
			{act(vocab.VerbShare, sea), true},
			{act(vocab.VerbUnshare, sea), false},
			{act(vocab.VerbCheckin, place), true},
			{act(vocab.VerbLike, sea), false},
			{act(vocab.VerbUnlike, sea), false},
			{act(vocab.VerbFollow, bob.Doc.Ref()), false},
			{act(vocab.VerbStopFollowing, bob.Doc.Ref()), false},
			{act(vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, DisplayName: "A"}), false},
			{&vocab.Activity{Verb: vocab.VerbAdd, Object: bob.Doc.Ref(), Target: list}, false},
			{&vocab.Activity{Verb: vocab.VerbRemove, Object: bob.Doc.Ref(), Target: list}, false},
			{act("http://verbs.example/juggle", note("x")), false},
		} {
			a := w.do(ann, c.activity)
			for _, s := range []models.Stream{models.Inbox, models.Outbox} {
				for part, want := range map[models.Part]bool{models.Major: c.major, models.Minor: !c.major} {
					if w.has(ann, s, part, a) != want {
						w.t.Errorf("%s of a %s: in part %d of stream %d: %v, want %v", a.Verb, c.activity.Object.Type, part, s, !want, want)
					}
				}
			}
			same(w.t, "class by the vocabulary of "+a.Verb, vocab.Major(a.Verb, a.Doc.Object), c.major)
		}
	})
}
