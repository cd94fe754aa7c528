package bridge_test

import (
	"fmt"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// members are the nicknames of those in a list or group, newest first.
func (w *world) members(id int64) []string {
	w.t.Helper()
	edges, err := w.DB().EdgesTo(w.t.Context(), models.MemberOf, id, models.Page{Count: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range edges {
		a, err := w.DB().Actor(w.t.Context(), e.ActorID)
		if err != nil {
			w.t.Fatalf("member %d: %v", e.ActorID, err)
		}
		names = append(names, a.Nickname)
	}
	return names
}

func TestListMembers(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		list := w.list(ann, "Friends", bob)
		row := w.object(list.ID)
		add := func(verb string, who *vocab.Object) *vocab.Activity {
			return &vocab.Activity{Verb: verb, Object: who, Target: list}
		}
		a := w.do(ann, add(vocab.VerbAdd, cid.Doc.Ref()))
		equal(w.t, "members", w.members(row.ID), "cid", "bob")
		same(w.t, "number of members", w.object(list.ID).Counts.Members, 2)
		same(w.t, "sentence", a.Doc.Content, "<a href='"+home+"/ann'>ann</a> added <a href='"+home+"/cid'>cid</a> to <a href='"+row.Doc.URL+"'>Friends</a>")
		w.refused(ann, add(vocab.VerbAdd, cid.Doc.Ref()), bridge.Exists, "Already have a(n) 'member' with id '"+cid.Doc.ID+"'")

		a = w.do(ann, add(vocab.VerbRemove, cid.Doc.Ref()))
		equal(w.t, "members", w.members(row.ID), "bob")
		same(w.t, "number of members", w.object(list.ID).Counts.Members, 1)
		same(w.t, "sentence", a.Doc.Content, "<a href='"+home+"/ann'>ann</a> removed <a href='"+home+"/cid'>cid</a> from <a href='"+row.Doc.URL+"'>Friends</a>")
		w.refused(ann, add(vocab.VerbRemove, cid.Doc.Ref()), bridge.Missing, "No such 'member' with id '"+cid.Doc.ID+"'")
	})
}

func TestPeopleElsewhereOnLists(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		list := w.list(ann, "Friends")
		for i, o := range []*vocab.Object{
			{ID: "acct:far@far.example", Type: vocab.TypePerson},
			{ID: "eve@far.example"},
			{ID: "https://far.example/users/gil"}, // the list takes people only, so this is one
		} {
			a := w.do(ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: o, Target: list})
			same(w.t, "kind of "+o.ID, a.Object.Kind, models.KindActor)
			same(w.t, "members", int(w.object(list.ID).Counts.Members), i+1)
		}
		equal(w.t, "members", w.members(w.object(list.ID).ID), "gil", "eve", "far")
	})
}

func TestMembersThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		list := w.list(ann, "Friends", bob)
		notes := w.do(ann, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Notes", ObjectTypes: []string{vocab.TypeNote}})).Doc.Object
		post := w.do(ann, act(vocab.VerbPost, note("x"), everybody()))
		secret := w.do(bob, act(vocab.VerbPost, note("secret"), bob.Doc.Ref())).Doc.Object
		gone := w.do(ann, act(vocab.VerbPost, note("gone"), everybody())).Doc.Object
		w.do(ann, act(vocab.VerbDelete, gone))
		closed := w.list(ann, "Closed")
		w.do(ann, act(vocab.VerbDelete, closed))
		person := bob.Doc.Ref()
		follow := &vocab.Object{ID: w.do(ann, act(vocab.VerbFollow, person)).Doc.ID, Type: vocab.TypeActivity}
		for _, c := range []struct {
			what, verb     string
			actor          *models.Actor
			object, target *vocab.Object
			reason         bridge.Reason
			text           string
		}{
			{"not the author", "add", bob, ann.Doc.Ref(), list, bridge.NotAllowed, "Can't add to " + list.ID + ": not author."},
			{"not the author", "remove", bob, person, list, bridge.NotAllowed, "Can't remove from " + list.ID + ": not author."},
			{"a note on a list of people", "add", ann, post.Doc.Object, list, bridge.Invalid, "Can't add to " + list.ID + ": incorrect type."},
			{"a new note on a list of people", "add", ann, note("new"), list, bridge.Invalid, "Can't add to " + list.ID + ": incorrect type."},
			{"a person on a list of notes", "add", ann, person, notes, bridge.Invalid, "Can't add to " + notes.ID + ": incorrect type."},
			{"a note off a list of people", "remove", ann, post.Doc.Object, list, bridge.Invalid, "Can't remove from " + list.ID + ": incorrect type."},
			{"no target", "add", ann, person, nil, bridge.Invalid, `The activity has no target: there must be a member "target" with the list to add to.`},
			{"no target", "remove", ann, person, nil, bridge.Invalid, `The activity has no target: there must be a member "target" with the list to remove from.`},
			{"an unknown target", "add", ann, person, &vocab.Object{ID: "urn:none"}, bridge.Missing, "No such 'collection' with id 'urn:none'"},
			{"a note as a target", "add", ann, person, post.Doc.Object, bridge.Invalid, "Can't add to " + post.Doc.Object.ID + ": don't know how to add to type 'note'"},
			{"a person as a target", "remove", ann, person, bob.Doc.Ref(), bridge.Invalid, "Can't remove from " + bob.Doc.ID + ": don't know how to remove from type 'person'"},
			{"a list that is gone", "add", ann, person, closed, bridge.Gone, "Deleted"},
			{"nobody here", "add", ann, &vocab.Object{ID: "acct:none@localhost:8080", Type: vocab.TypePerson}, list, bridge.Missing, "No such 'user' with id 'acct:none@localhost:8080'"},
			{"an unknown person", "remove", ann, &vocab.Object{ID: "acct:none@far.example", Type: vocab.TypePerson}, list, bridge.Missing, "No such 'person' with id 'acct:none@far.example'"},
			{"what may not be seen", "add", ann, secret, notes, bridge.NotAllowed, "Only the author and recipients can view this object."},
			{"what is gone", "add", ann, gone, notes, bridge.Gone, "Deleted"},
			{"a follow", "add", ann, follow, notes, bridge.Invalid, "Can't add " + follow.ID + ": it is an activity and not the posting of a thing."},
			{"a follow", "remove", ann, follow, notes, bridge.Invalid, "Can't remove " + follow.ID + ": it is an activity and not the posting of a thing."},
		} {
			w.sub(strings.ReplaceAll(c.verb+" "+c.what, " ", "_"), func(w *world) {
				rows := w.rows()
				w.refused(c.actor, &vocab.Activity{Verb: c.verb, Object: c.object, Target: c.target}, c.reason, c.text)
				w.unchanged(rows)
			})
		}
		rows := w.rows()
		w.refused(ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: &vocab.Object{ID: "urn:unknown", Type: vocab.TypeActivity},
			Inner: act(vocab.VerbPost, note("y")), Target: list}, bridge.Invalid, "Can't add urn:unknown: it is an activity and not the posting of a thing.")
		w.unchanged(rows)
	})
}

// What a client adds that is not there yet is made.
func TestAddOfSomethingNew(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		notes := w.do(ann, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Notes", ObjectTypes: []string{vocab.TypeNote}})).Doc.Object
		a := w.do(ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: note("new"), Target: notes})
		made := w.object(a.Doc.Object.ID)
		same(w.t, "author", made.AuthorID, ann.ID)
		same(w.t, "members", w.object(notes.ID).Counts.Members, 1)

		// The activity that posted a thing stands for the thing.
		post := w.do(ann, act(vocab.VerbPost, note("posted"), everybody()))
		posting := &vocab.Object{ID: post.Doc.ID, Type: vocab.TypeActivity}
		a = w.do(ann, &vocab.Activity{Verb: vocab.VerbAdd, Object: posting, Target: notes})
		same(w.t, "what was added", a.Doc.Object.ID, post.Doc.Object.ID)
		w.do(ann, &vocab.Activity{Verb: vocab.VerbRemove, Object: posting, Target: notes})
		same(w.t, "members", w.object(notes.ID).Counts.Members, 1)
	})
}

func TestMembersOfGroups(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		open := w.group(ann, "Open", everybody())
		closed := w.group(ann, "Closed", bob.Doc.Ref())

		w.do(bob, act(vocab.VerbJoin, open.Doc.Ref()))
		w.do(cid, act(vocab.VerbJoin, &vocab.Object{ID: open.Doc.ID})) // without the type
		w.do(ann, act(vocab.VerbJoin, open.Doc.Ref()))
		equal(w.t, "members", w.members(open.ID), "ann", "cid", "bob")
		same(w.t, "number of members", w.actor(open.ID).Counts.Members, 3)
		w.refused(bob, act(vocab.VerbJoin, open.Doc.Ref()), bridge.Exists, "Already have a(n) 'membership' with id '"+open.Doc.ID+"'")
		w.do(bob, act(vocab.VerbLeave, open.Doc.Ref()))
		equal(w.t, "members", w.members(open.ID), "ann", "cid")
		same(w.t, "number of members", w.actor(open.ID).Counts.Members, 2)
		w.refused(bob, act(vocab.VerbLeave, open.Doc.Ref()), bridge.Missing, "No such 'membership' with id '"+open.Doc.ID+"'")

		w.do(bob, act(vocab.VerbJoin, closed.Doc.Ref()))
		w.do(ann, act(vocab.VerbJoin, closed.Doc.Ref()))
		w.refused(cid, act(vocab.VerbJoin, closed.Doc.Ref()), bridge.NotAllowed, "Can't join "+closed.Doc.ID+": it is not open to you.")
		equal(w.t, "members", w.members(closed.ID), "ann", "bob")
		for _, verb := range []string{vocab.VerbJoin, vocab.VerbLeave} {
			w.refused(cid, act(verb, &vocab.Object{ID: "urn:none", Type: vocab.TypeGroup}), bridge.Missing, "No such 'group' with id 'urn:none'")
		}
	})
}

// Every new user of pump.io joins the site; nothing comes of it.
func TestJoinOfTheSite(t *testing.T) {
	worlds(t, func(w *world) {
		if _, err := w.Register(w.t.Context(), bridge.Registration{Nickname: "first", Password: "correct horse 1"}); err != nil {
			w.t.Fatal(err)
		}
		bob := w.person("bob")
		site := &vocab.Object{ID: home + "/", Type: vocab.TypeService}
		for _, verb := range []string{vocab.VerbJoin, vocab.VerbJoin, vocab.VerbLeave, vocab.VerbLeave} {
			w.do(bob, act(verb, site))
		}
		found, err := w.DB().ActorByIRI(w.t.Context(), site.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "members of the site", found.Counts.Members, 0)
		equal(w.t, "bob's minor inbox", w.inbox(bob, models.Minor),
			"bob leave Test Site", "bob leave Test Site", "bob join Test Site", "bob join Test Site")
		event := &vocab.Object{ID: "https://far.example/event/1", Type: "event", DisplayName: "Party"}
		w.do(bob, act(vocab.VerbJoin, event))
		same(w.t, "what was joined", w.inbox(bob, models.Minor)[0], "bob join Party")
	})
}

// TestCollectionsElsewhere: what somebody elsewhere adds to a collection that is not
// kept here, or takes out of it, is shown and changes nothing. Lists that are kept here
// are changed by who made them.
func TestCollectionsElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, other := w.remote("far@far.example"), w.remote("other@other.example")
		mine := w.list(ann, "Mine")
		theirs := &vocab.Object{ID: "https://far.example/lists/1", Type: vocab.TypeCollection, DisplayName: "Theirs", ObjectTypes: []string{vocab.TypePerson}}
		w.receive(far, act(vocab.VerbCreate, theirs, everybody()))
		guild := w.groupElsewhere(far, &vocab.Object{ID: "https://far.example/groups/1", Type: vocab.TypeGroup})
		noted := &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote}
		w.receive(other, act(vocab.VerbLike, noted, everybody()))
		change := func(verb string, o *vocab.Object, target *vocab.Object) *vocab.Activity {
			return &vocab.Activity{Verb: verb, Object: o.Ref(), Target: target, To: []*vocab.Object{ann.Doc.Ref()}}
		}
		members := func() int64 { return w.object(mine.ID).Counts.Members + w.object(theirs.ID).Counts.Members }
		for what, target := range map[string]*vocab.Object{
			"nobody knows":  {ID: "https://else.example/lists/1", DisplayName: "Else"},
			"is their own":  {ID: other.Doc.ID + "/collections/1", DisplayName: "Own"},
			"is of a group": {ID: guild.ID + "/featured", DisplayName: "Featured"},
			"has no id":     {DisplayName: "Nameless"},
		} {
			for _, verb := range []string{vocab.VerbAdd, vocab.VerbRemove} {
				for _, o := range []*vocab.Object{ann.Doc, {ID: "https://else.example/2", Type: vocab.TypeNote, DisplayName: "Two"}} {
					w.receive(other, change(verb, o, target))
					items, _, err := w.DB().StreamPage(w.t.Context(), ann.ID, models.Inbox, models.All, models.Viewer{ActorID: ann.ID}, models.Page{Count: 1})
					if err != nil {
						w.t.Fatal(err)
					}
					if shown := items[0].Activity.Doc; shown.Verb != verb || shown.Target == nil || shown.Target.ID != target.ID {
						w.t.Errorf("%s where the target %s is shown as %+v", verb, what, shown)
					}
				}
			}
		}
		same(w.t, "members", members(), 0)
		for _, tt := range []struct {
			by     *models.Actor
			target *vocab.Object
			reason bridge.Reason
			text   string
		}{
			{other, mine, bridge.NotAllowed, "Can't add to " + mine.ID + ": not author."},
			{other, theirs.Ref(), bridge.NotAllowed, "Can't add to " + theirs.ID + ": not author."},
			{far, &vocab.Object{ID: mine.ID + "-none"}, bridge.Missing, "No such 'collection' with id '" + mine.ID + "-none'"},
			{other, noted.Ref(), bridge.Invalid, "Can't add to " + noted.ID + ": don't know how to add to type 'note'"},
			{other, &vocab.Object{ID: far.Doc.ID + "/collections/featured"}, bridge.NotAllowed, "Can't add to " + far.Doc.ID + "/collections/featured: it is of " + far.Doc.ID + "."},
			{other, &vocab.Object{ID: far.Doc.ID + "?of=featured#x"}, bridge.NotAllowed, "Can't add to " + far.Doc.ID + "?of=featured#x: it is of " + far.Doc.ID + "."},
			{far, ann.Doc.Ref(), bridge.Invalid, "Can't add to " + ann.Doc.ID + ": don't know how to add to type 'person'"},
		} {
			_, err := w.arrive(tt.by, nil, change(vocab.VerbAdd, ann.Doc, tt.target))
			w.isRefusal(err, tt.reason, tt.text)
		}
		w.receive(far, change(vocab.VerbAdd, ann.Doc, theirs.Ref()))
		same(w.t, "members", members(), 1)
	})
}

func TestJoinsFromElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far := w.remote("far@far.example")
		open := w.group(ann, "Open", everybody())
		closed := w.group(ann, "Closed")
		for range 2 {
			w.receive(far, act(vocab.VerbJoin, open.Doc.Ref(), open.Doc.Ref()))
		}
		same(w.t, "members", w.actor(open.ID).Counts.Members, 1)
		if _, err := w.arrive(far, nil, act(vocab.VerbJoin, closed.Doc.Ref(), closed.Doc.Ref())); bridge.ReasonOf(err) != bridge.NotAllowed {
			w.t.Errorf("joining what is not open: %v, want a refusal", err)
		}
		for range 2 {
			w.receive(far, act(vocab.VerbLeave, open.Doc.Ref(), open.Doc.Ref()))
		}
		same(w.t, "members", w.actor(open.ID).Counts.Members, 0)
	})
}

func TestMembersAtOnceAreCounted(t *testing.T) {
	const fans = 12
	worlds(t, func(w *world) {
		ann := w.person("ann")
		g := w.group(ann, "Open", everybody())
		var list []*models.Actor
		for i := range fans {
			list = append(list, w.person(fmt.Sprintf("fan%d", i)))
		}
		errs := together(2*fans, func(i int) error {
			_, err := w.try(list[i/2], act(vocab.VerbJoin, g.Doc.Ref()))
			return err
		})
		same(w.t, "joins", count(errs, func(err error) bool { return err == nil }), fans)
		same(w.t, "refusals", count(errs, func(err error) bool { return bridge.ReasonOf(err) == bridge.Exists }), fans)
		same(w.t, "members", w.actor(g.ID).Counts.Members, fans)
	})
}
