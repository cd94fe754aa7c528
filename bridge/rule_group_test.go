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

// documents are the titles of what a group has, as somebody sees it; nil is a
// stranger.
func (w *world) documents(g, viewer *models.Actor) []string {
	w.t.Helper()
	list, err := w.DB().Documents(w.t.Context(), g.ID, viewerOf(viewer), models.Page{Count: 50})
	if err != nil {
		w.t.Fatal(err)
	}
	var titles []string
	for _, o := range list {
		titles = append(titles, o.Doc.DisplayName)
	}
	return titles
}

// groupInbox is what somebody sees of the inbox of a group.
func (w *world) groupInbox(g, viewer *models.Actor) []string {
	w.t.Helper()
	items, _, err := w.DB().GroupPage(w.t.Context(), g.ID, models.All, viewerOf(viewer), models.Page{Count: 50})
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, i := range items {
		lines = append(lines, w.line(i.Activity))
	}
	return lines
}

// into is an activity with a group as its target.
func into(verb string, o *vocab.Object, g *models.Actor) *vocab.Activity {
	return &vocab.Activity{Verb: verb, Object: o, Target: g.Doc.Ref()}
}

func TestDocumentsOfAGroup(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		g := w.group(ann, "Guild", everybody())
		w.do(bob, act(vocab.VerbJoin, g.Doc.Ref()))

		post := w.do(bob, into(vocab.VerbPost, note("Posted"), g))
		same(w.t, "addresses of a post to the group", w.addresses(post), "to: Guild")
		mine := w.do(bob, act(vocab.VerbPost, note("Mine"), everybody())).Doc.Object
		add := w.do(bob, into(vocab.VerbAdd, mine, g))
		same(w.t, "addresses of an addition", w.addresses(add), "to: Guild")
		same(w.t, "sentence", strings.Contains(add.Doc.Content, "added <a href='"), true)
		hidden := w.do(bob, act(vocab.VerbPost, note("Hidden"), bob.Doc.Ref())).Doc.Object
		w.do(bob, into(vocab.VerbAdd, hidden, g))
		foreign := &vocab.Object{ID: "http://photo.example/gang", Type: vocab.TypeImage, DisplayName: "Foreign"}
		w.do(bob, into(vocab.VerbAdd, foreign, g))
		w.do(bob, into(vocab.VerbAdd, note("New"), g))

		same(w.t, "number of documents", w.actor(g.ID).Counts.Documents, 5)
		equal(w.t, "documents for the author of all", w.documents(g, bob), "New", "Foreign", "Hidden", "Mine", "Posted")
		equal(w.t, "documents for who made the group", w.documents(g, ann), "New", "Foreign", "Mine", "Posted")
		equal(w.t, "documents for somebody", w.documents(g, cid), "Mine")
		equal(w.t, "documents for a stranger", w.documents(g, nil), "Mine")
		equal(w.t, "inbox of the group for who made it", w.groupInbox(g, ann),
			"bob add New", "bob add Foreign", "bob add Mine", "bob post Posted", "bob join Guild")
		equal(w.t, "inbox of the group for somebody", w.groupInbox(g, cid))

		rows := w.rows()
		w.refused(bob, into(vocab.VerbAdd, mine, g), bridge.Exists, "Group already contains object.")
		w.unchanged(rows)
		w.do(bob, into(vocab.VerbRemove, mine, g))
		w.refused(bob, into(vocab.VerbRemove, mine, g), bridge.Missing, "No such 'document' with id '"+mine.ID+"'")
		// What is deleted is no document any more.
		w.do(bob, act(vocab.VerbDelete, post.Doc.Object))
		equal(w.t, "documents", w.documents(g, bob), "New", "Foreign", "Hidden")
		same(w.t, "number of documents", w.actor(g.ID).Counts.Documents, 3)
	})
}

func TestDocumentsThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid")
		ann, bob, cid := p[0], p[1], p[2]
		g := w.group(ann, "Guild", everybody())
		w.do(bob, act(vocab.VerbJoin, g.Doc.Ref()))
		document := w.do(bob, into(vocab.VerbPost, note("Posted"), g)).Doc.Object
		public := w.do(cid, act(vocab.VerbPost, note("Public"), everybody())).Doc.Object
		secret := w.do(cid, act(vocab.VerbPost, note("Secret"), cid.Doc.Ref())).Doc.Object
		const member = "Actor is not a member of the group."
		rows := w.rows()
		for _, c := range []struct {
			what   string
			actor  *models.Actor
			a      *vocab.Activity
			reason bridge.Reason
			text   string
		}{
			{"add by a stranger", cid, into(vocab.VerbAdd, public, g), bridge.NotAllowed, member},
			{"add by who made the group", ann, into(vocab.VerbAdd, public, g), bridge.NotAllowed, member},
			{"post by a stranger", cid, into(vocab.VerbPost, note("x"), g), bridge.NotAllowed, member},
			{"create by a stranger", cid, into(vocab.VerbCreate, note("x"), g), bridge.NotAllowed, member},
			{"remove by a stranger", cid, into(vocab.VerbRemove, document, g), bridge.NotAllowed, member},
			{"add of a person", bob, into(vocab.VerbAdd, cid.Doc.Ref(), g), bridge.Invalid, "Can't add to " + g.Doc.ID + ": incorrect type."},
			{"add of an unknown person", bob, into(vocab.VerbAdd, &vocab.Object{ID: "acct:x@far.example", Type: vocab.TypePerson}, g), bridge.Invalid,
				"Can't add to " + g.Doc.ID + ": incorrect type."},
			{"add of what may not be seen", bob, into(vocab.VerbAdd, secret, g), bridge.NotAllowed, "Only the author and recipients can view this object."},
			{"remove of what is not known", bob, into(vocab.VerbRemove, &vocab.Object{ID: "urn:none", Type: vocab.TypeNote}, g), bridge.Missing, "No such 'note' with id 'urn:none'"},
			{"remove of what is not there", bob, into(vocab.VerbRemove, public, g), bridge.Missing, "No such 'document' with id '" + public.ID + "'"},
		} {
			w.sub(strings.ReplaceAll(c.what, " ", "_"), func(w *world) {
				w.refused(c.actor, c.a, c.reason, c.text)
				w.unchanged(rows)
			})
		}
		// Who made the group keeps it in order, and everybody can take back what is theirs.
		w.do(ann, into(vocab.VerbRemove, document, g))
		w.do(bob, into(vocab.VerbAdd, document, g))
		w.do(bob, act(vocab.VerbLeave, g.Doc.Ref()))
		w.do(bob, into(vocab.VerbRemove, document, g))
		same(w.t, "number of documents", w.actor(g.ID).Counts.Documents, 0)
	})
}

func TestDocumentsFromElsewhere(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, other := w.remote("far@far.example"), w.remote("other@far.example")
		g := w.group(ann, "Guild", everybody())
		w.receive(far, act(vocab.VerbJoin, g.Doc.Ref(), g.Doc.Ref()))
		for range 2 { // the second says what is so already
			w.receive(far, &vocab.Activity{Verb: vocab.VerbAdd, Object: &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote, DisplayName: "One"},
				Target: g.Doc.Ref(), To: one(g.Doc.Ref())})
		}
		same(w.t, "number of documents", w.actor(g.ID).Counts.Documents, 1)
		_, err := w.arrive(other, nil, &vocab.Activity{Verb: vocab.VerbAdd, Object: &vocab.Object{ID: "https://far.example/1"}, Target: g.Doc.Ref()})
		w.isRefusal(err, bridge.NotAllowed, "Actor is not a member of the group.")
		for range 2 {
			w.receive(far, &vocab.Activity{Verb: vocab.VerbRemove, Object: &vocab.Object{ID: "https://far.example/1"}, Target: g.Doc.Ref()})
		}
		same(w.t, "number of documents", w.actor(g.ID).Counts.Documents, 0)

		// A group elsewhere keeps its documents there, and knows its members.
		theirs := &vocab.Object{ID: "https://far.example/groups/1", Type: vocab.TypeGroup}
		w.do(ann, act(vocab.VerbJoin, w.groupElsewhere(far, theirs)))
		w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), Target: theirs})
		w.receive(other, &vocab.Activity{Verb: vocab.VerbAdd, Object: &vocab.Object{ID: "https://far.example/2"}, Target: theirs})
		w.do(ann, act(vocab.VerbLeave, theirs))
		w.refused(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("y"), Target: theirs}, bridge.NotAllowed, "Actor is not a member of the group.")
	})
}

// groupElsewhere has somebody elsewhere make a group there, and returns it.
func (w *world) groupElsewhere(maker *models.Actor, g *vocab.Object) *vocab.Object {
	w.t.Helper()
	w.receive(maker, act(vocab.VerbCreate, g, everybody()))
	return g
}

// Whoever knows of a group learns of what becomes of it.
func TestChangesOfAGroup(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob", "cid", "dot")
		ann, bob, cid, dot := p[0], p[1], p[2], p[3]
		g := w.group(ann, "Closed", bob.Doc.Ref(), cid.Doc.Ref())
		w.do(bob, act(vocab.VerbJoin, g.Doc.Ref()))
		post := w.do(bob, act(vocab.VerbPost, note("Before"), g.Doc.Ref()))
		update := w.do(ann, act(vocab.VerbUpdate, &vocab.Object{ID: g.Doc.ID, Summary: "<b>new</b>", URL: "https://phish.example/",
			Links: map[string]vocab.Link{"activity-inbox": {Href: "https://phish.example/"}}}))
		same(w.t, "addresses of the update", w.addresses(update), "to: bob cid Closed")
		after := w.actor(g.ID)
		same(w.t, "summary", after.Doc.Summary, "<b>new</b>")
		same(w.t, "address", after.Doc.URL, g.Doc.URL)
		same(w.t, "links", len(after.Doc.Links), 0)
		same(w.t, "bob's inbox", w.inbox(bob, models.Minor)[0], "ann update Closed")
		same(w.t, "inbox of the group", w.groupInbox(g, bob)[0], "ann update Closed")

		w.refused(bob, act(vocab.VerbDelete, g.Doc.Ref()), bridge.NotAllowed, "Can't delete "+g.Doc.ID+": not author.")
		gone := w.do(ann, act(vocab.VerbDelete, g.Doc.Ref()))
		same(w.t, "addresses of the deletion", w.addresses(gone), "to: bob cid") // the group has no name now
		same(w.t, "the group is among them", gone.Doc.To[2].ID, g.Doc.ID)
		stone := w.actor(g.ID)
		same(w.t, "state", stone.State, models.Deleted)
		same(w.t, "name that is left", stone.Doc.DisplayName+stone.Doc.Summary, "")
		same(w.t, "author that is left", stone.Doc.Author.ID, ann.Doc.ID)
		same(w.t, "deleted", stone.Doc.Deleted.IsZero(), false)
		same(w.t, "bob may still see what was for the group", w.sees(bob, post), true)
		same(w.t, "dot sees nothing of it", w.sees(dot, gone), false)
		for _, c := range []struct {
			actor *models.Actor
			a     *vocab.Activity
		}{
			{ann, act(vocab.VerbDelete, g.Doc.Ref())}, {ann, act(vocab.VerbUpdate, &vocab.Object{ID: g.Doc.ID, Summary: "x"})},
			{cid, act(vocab.VerbJoin, g.Doc.Ref())}, {bob, into(vocab.VerbPost, note("x"), g)},
		} {
			w.refused(c.actor, c.a, bridge.Gone, "Deleted")
		}
		// What is addressed to it now reaches nobody.
		late := w.do(bob, act(vocab.VerbPost, note("Late"), g.Doc.Ref()))
		same(w.t, "who sees what comes late", w.audienceOf(late, p...), "bob")
		w.do(bob, act(vocab.VerbLeave, g.Doc.Ref()))
	})
}

// The name of a group that is not for everybody stands in no sentence for others.
func TestSentenceAboutAClosedGroup(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		closed := w.group(ann, "Conspiracy", bob.Doc.Ref())
		open := w.group(ann, "Choir", everybody())
		for _, a := range []*models.Activity{
			w.do(bob, act(vocab.VerbJoin, closed.Doc.Ref(), everybody())),
			w.do(bob, &vocab.Activity{Verb: vocab.VerbPost, Object: note("x"), Target: closed.Doc.Ref(), To: one(everybody())}),
			w.do(bob, act(vocab.VerbLeave, closed.Doc.Ref(), everybody())),
		} {
			if strings.Contains(a.Doc.Content, "Conspiracy") || !strings.Contains(a.Doc.Content, "a group") {
				w.t.Errorf("%s", a.Doc.Content)
			}
		}
		if a := w.do(bob, act(vocab.VerbJoin, open.Doc.Ref())); !strings.Contains(a.Doc.Content, "Choir") {
			w.t.Errorf("%s", a.Doc.Content)
		}
	})
}

func TestPublicTimeline(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		far := w.remote("far@far.example")
		w.follow(far, ann)
		public := w.do(ann, act(vocab.VerbPost, note("One"), everybody())).Doc.Object
		w.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: note("Unlisted"), CC: one(everybody())})
		secret := w.do(ann, act(vocab.VerbPost, note("Secret"), bob.Doc.Ref())).Doc.Object
		w.do(bob, act(vocab.VerbShare, secret, everybody()))
		w.do(bob, act(vocab.VerbLike, public))
		w.do(bob, act(vocab.VerbShare, public))
		w.do(bob, act(vocab.VerbShare, w.do(ann, act(vocab.VerbPost, note("Two"), everybody())).Doc.Object, everybody()))
		w.receive(far, act(vocab.VerbPost, &vocab.Object{ID: "https://far.example/1", Type: vocab.TypeNote}, everybody()))
		for _, c := range []struct {
			part models.Part
			want []string
		}{
			{models.All, []string{"bob share Two", "ann post Two", "bob like One", "ann post One"}},
			{models.Major, []string{"bob share Two", "ann post Two", "ann post One"}},
			{models.Minor, []string{"bob like One"}},
		} {
			items, total, err := w.DB().StreamPage(w.t.Context(), 0, models.PublicStream, c.part, models.Viewer{}, models.Page{Count: 20})
			if err != nil {
				w.t.Fatal(err)
			}
			var lines []string
			for _, i := range items {
				lines = append(lines, w.line(i.Activity))
			}
			equal(w.t, "timeline", lines, c.want...)
			same(w.t, "total", total, len(c.want))
		}
	})
}

// A watcher of the public timeline hears of each item once.
func TestWatchOfThePublicTimeline(t *testing.T) {
	worlds(t, func(w *world) {
		w.start()
		ann := w.person("ann")
		id := bridge.StreamID{Owner: 0, Stream: models.PublicStream}
		watch := w.Watch(10, id)
		defer watch.Close()
		w.do(ann, act(vocab.VerbPost, note("Secret"), ann.Doc.Ref()))
		a := w.do(ann, act(vocab.VerbPost, note("One"), everybody()))
		if got := w.events(watch, 1)[0]; got.StreamID != id || got.Activity != a.ID {
			w.t.Errorf("heard %+v, want %d", got, a.ID)
		}
	})
}

// Deliveries overtake each other: what is deleted before it was posted stays so.
func TestDeleteBeforeCreate(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.person("ann")
		far, elsewhere := w.remote("far@far.example"), w.remote("eve@evil.example")
		w.follow(far, ann)
		before := w.inbox(ann, models.All)
		for _, id := range []string{"https://far.example/notes/1", "tag:far.example,2026:note:1"} {
			w.receive(far, act(vocab.VerbDelete, &vocab.Object{ID: id, Type: vocab.TypeNote}, everybody(), w.followersOf(far)))
			stone := w.object(id)
			same(w.t, "deleted", stone.Deleted.IsZero(), false)
			same(w.t, "author", stone.AuthorID, far.ID)
			_, err := w.arrive(far, ann, act(vocab.VerbPost, &vocab.Object{ID: id, Type: vocab.TypeNote, Content: "late"}, everybody()))
			w.isRefusal(err, bridge.Gone, "Deleted")
			same(w.t, "content", w.object(id).Doc.Content, "")
		}
		// It is news to nobody.
		equal(w.t, "ann's inbox", w.inbox(ann, models.All), before...)

		rows := w.rows()
		for id, sender := range map[string]*models.Actor{"https://far.example/notes/2": elsewhere, "urn:uuid:1": far, "tag:far.example.evil.example,2026:x": far, "": far} {
			_, err := w.arrive(sender, nil, act(vocab.VerbDelete, &vocab.Object{ID: id, Type: vocab.TypeNote}, everybody()))
			w.isRefusal(err, bridge.Missing, "No such 'note' with id '"+id+"'")
		}
		_, err := w.arrive(far, nil, act(vocab.VerbDelete, &vocab.Object{ID: "https://far.example/users/gil", Type: vocab.TypePerson}, everybody()))
		w.isRefusal(err, bridge.Missing, "No such 'person' with id 'https://far.example/users/gil'")
		w.unchanged(rows)
		w.refused(ann, act(vocab.VerbDelete, &vocab.Object{ID: "https://far.example/notes/3", Type: vocab.TypeNote}), bridge.Missing,
			"No such 'note' with id 'https://far.example/notes/3'")
	})
}

// Both at once: whichever is first, the thing is gone in the end.
func TestDeleteAndCreateAtOnce(t *testing.T) {
	worlds(t, func(w *world) {
		far := w.remote("far@far.example")
		for i := range 10 {
			id := fmt.Sprint("https://far.example/notes/", i)
			errs := together(2, func(n int) error {
				verb := []string{vocab.VerbPost, vocab.VerbDelete}[n]
				_, err := w.arrive(far, nil, act(verb, &vocab.Object{ID: id, Type: vocab.TypeNote, Content: "x"}, everybody()))
				return err
			})
			if bridge.ReasonOf(errs[0]) != bridge.Gone && errs[0] != nil || errs[1] != nil {
				w.t.Errorf("post: %v, delete: %v", errs[0], errs[1])
			}
			same(w.t, "content", w.object(id).Doc.Content, "")
		}
	})
}

// A list keeps a name of its own, also when it gets another one.
func TestNamesOfLists(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.people("ann", "bob")
		ann, bob := p[0], p[1]
		friends, family := w.list(ann, "Friends", bob), w.list(ann, "Family")
		w.list(bob, "Friends")
		notes := w.do(ann, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Friends", ObjectTypes: []string{vocab.TypeNote}})).Doc.Object
		plain := w.do(ann, act(vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, ObjectTypes: []string{vocab.TypePerson}})).Doc.Object
		lists := func(listOf string) string {
			found, err := w.DB().Lists(w.t.Context(), ann.ID, listOf, viewerOf(ann), models.Page{Count: 20})
			if err != nil {
				w.t.Fatal(err)
			}
			var names []string
			for _, o := range found {
				names = append(names, o.Doc.DisplayName)
			}
			slices.Sort(names)
			return strings.Join(names, " ")
		}
		update := func(o *vocab.Object, name string, types ...string) *vocab.Activity {
			return act(vocab.VerbUpdate, &vocab.Object{ID: o.ID, DisplayName: name, ObjectTypes: types})
		}
		taken := func(listOf string) string {
			return "Already have a(n) 'A folder for '" + listOf + "' named 'Friends' already exists.' with id 'undefined'"
		}
		rows := w.rows()
		w.refused(ann, update(family, "Friends"), bridge.Exists, taken("person"))
		w.refused(ann, update(plain, "Friends"), bridge.Exists, taken("person"))
		w.refused(ann, update(notes, "", vocab.TypePerson), bridge.Exists, taken("person"))
		w.unchanged(rows)
		w.do(ann, update(friends, "Friends"))
		w.do(ann, update(friends, "Pals"))
		w.do(ann, update(family, "Friends"))
		same(w.t, "lists", lists("person"), "Friends Pals")
		same(w.t, "number of lists", w.actor(ann.ID).Counts.Lists, 2)
		// What gets a name becomes a list, what gets another type a list of that.
		w.do(ann, update(plain, "Named"))
		w.do(ann, update(friends, "", vocab.TypeNote))
		same(w.t, "lists of people", lists("person"), "Friends Named")
		same(w.t, "lists of notes", lists("note"), "Friends Pals")
		same(w.t, "number of lists", w.actor(ann.ID).Counts.Lists, 2)
		patch := &vocab.Object{ID: plain.ID, Cleared: []string{"displayName"}}
		w.do(ann, act(vocab.VerbUpdate, patch))
		same(w.t, "lists of people", lists("person"), "Friends")
		same(w.t, "number of lists", w.actor(ann.ID).Counts.Lists, 1)
	})
}
