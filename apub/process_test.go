package apub_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// sends brings documents to the shared inbox and waits until they are dealt with.
func (w *world) sends(who *someone, documents ...object) {
	w.t.Helper()
	for _, doc := range documents {
		if answer := w.serve(who.delivers(doc, "/inbox", httpsig.Cavage)); answer.Code != http.StatusAccepted {
			w.t.Fatalf("%v: status %d %s", doc["type"], answer.Code, answer.Body)
		}
	}
	until(w.t, "everything that arrived is dealt with", func() bool { return w.arrivals() == 0 })
}

// activity is what is known of an activity, nil for nothing.
func (w *world) activity(doc object) *models.Activity {
	w.t.Helper()
	a, err := w.db.ActivityByIRI(w.t.Context(), doc["id"].(string))
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// object is what is known of a thing, nil for nothing.
func (w *world) object(id any) *models.Object {
	w.t.Helper()
	o, err := w.db.ObjectByIRI(w.t.Context(), id.(string))
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) isFollowing(actor, target *models.Actor) bool {
	w.t.Helper()
	e, err := w.db.Edge(w.t.Context(), models.Follows, actor.ID, target.ID)
	if errors.Is(err, models.ErrNotFound) {
		return false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return e != nil
}

func TestWhatArrivesIsDone(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		ann := w.person("ann")
		follow := c.bob.does("Follow", ours+"/users/ann")
		w.sends(c.bob, follow)
		bob := w.actor(c.bob.id)
		if !w.isFollowing(bob, ann) {
			w.t.Error("bob does not follow ann")
		}
		w.sends(c.bob, c.bob.does("Undo", follow))
		if w.isFollowing(bob, ann) {
			w.t.Error("bob still follows ann")
		}
		note := c.bob.note("<p>hello</p>")
		create := c.bob.does("Create", note, object{"to": note["to"], "cc": note["cc"]})
		w.sends(c.bob, create)
		o, a := w.object(note["id"]), w.activity(create)
		if o == nil || a == nil || o.AuthorID != bob.ID || !strings.Contains(o.Doc.Content, "hello") || a.ActorID != bob.ID {
			w.t.Fatalf("the note is %+v, by %+v", o, a)
		}
		original, err := w.db.OriginalOf(w.t.Context(), a.ID, apub.Network)
		if err != nil || original.Verified != "http-signature" || !strings.Contains(string(original.Bytes), "hello") {
			w.t.Errorf("the original is %+v, error %v", original, err)
		}
		w.sends(c.bob, c.bob.does("Delete", object{"id": note["id"], "type": "Tombstone"}))
		if o = w.object(note["id"]); o == nil || o.Deleted.IsZero() {
			w.t.Errorf("the note is still %+v", o)
		}
	})
}

// GoToSocial accepts what people here say of its private posts, each time.
func TestWhatIsAcceptedOfRepliesAndLikesIsNoNews(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		ann := w.person("ann")
		note := c.bob.note("hello")
		w.sends(c.bob, c.bob.does("Create", note))
		id := note["id"].(string)
		like := w.does(ann, vocab.VerbFavorite, &vocab.Object{ID: id, Type: vocab.TypeNote})
		reply := w.does(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeComment, Content: "hi", InReplyTo: []*vocab.Object{{ID: id}}})
		toAnn := object{"to": ours + "/users/ann", "target": id}
		accepted := []object{c.bob.does("Accept", like.ID, toAnn), c.bob.does("Accept", reply.Object.ID, toAnn)}
		w.sends(c.bob, accepted...)
		for _, doc := range accepted {
			if a := w.activity(doc); a == nil || !a.Quiet {
				w.t.Errorf("the acceptance of %v is %+v, want it quiet", doc["object"], a)
			}
		}
		invited := c.bob.does("Accept", object{"type": "Invite", "actor": ours + "/users/ann", "object": id}, object{"to": ours + "/users/ann"})
		w.sends(c.bob, invited)
		if a := w.activity(invited); a == nil || a.Quiet {
			w.t.Errorf("another acceptance is %+v, want it told", a)
		}
	})
}

// GoToSocial may send the votes for several choices in one activity.
func TestVotesThatComeTogetherAreCounted(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		ann := w.person("ann")
		q := w.does(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeQuestion, Content: "Which?", Extra: map[string]json.RawMessage{
			vocab.NSAS2 + "anyOf": json.RawMessage(`[{"type":"Note","name":"red"},{"type":"Note","name":"green"},{"type":"Note","name":"blue"}]`)}}, &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}).Object
		vote := func(choice string) object {
			return object{"id": c.bob.id + "#votes/" + choice, "type": "Note", "name": choice, "attributedTo": c.bob.id, "inReplyTo": q.ID, "to": ours + "/users/ann"}
		}
		w.sends(c.bob, c.bob.does("Create", []object{vote("blue"), vote("red")}))
		mine := vote("green")
		mine["attributedTo"] = c.eve.id
		w.sends(c.eve, c.eve.does("Create", []object{mine, vote("red")})) // the second one is bob's
		var choices []struct {
			Name    string
			Replies struct{ TotalItems int }
		}
		o := w.object(q.ID)
		if err := json.Unmarshal(o.Doc.Extra[vocab.NSAS2+"anyOf"], &choices); err != nil || len(choices) != 3 {
			w.t.Fatalf("the choices are %+v, error %v", choices, err)
		}
		for i, want := range []int{1, 0, 1} {
			if choices[i].Replies.TotalItems != want {
				w.t.Errorf("%s has %d votes, want %d", choices[i].Name, choices[i].Replies.TotalItems, want)
			}
		}
		if string(o.Doc.Extra["http://joinmastodon.org/ns#votersCount"]) != "1" {
			w.t.Errorf("%s voted, want 1", o.Doc.Extra["http://joinmastodon.org/ns#votersCount"])
		}
	})
}

// Nobody says what others wrote, nor does anything in their name.
func TestWhatIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	w.start()
	note := c.bob.note("hello")
	create := c.bob.does("Create", note)
	w.sends(c.bob, create)
	forged := c.mallory.note("by bob, says mallory")
	forged["attributedTo"] = c.bob.id
	foreign := c.bob.note("of bob's server, says mallory")
	foreign["attributedTo"] = c.mallory.id
	changed := object{"id": note["id"], "type": "Note", "attributedTo": c.mallory.id, "content": "changed", "updated": "2030-01-01T00:00:00Z"}
	neighbour := c.bob.note("by bob, says eve")
	for name, doc := range map[string]object{
		"a note by another":                c.mallory.does("Create", forged),
		"a note of another server":         c.mallory.does("Create", foreign),
		"an update of another's note":      c.mallory.does("Update", changed),
		"a deletion of another's note":     c.mallory.does("Delete", note["id"]),
		"an undo of what another did":      c.mallory.does("Undo", create),
		"another's profile":                c.mallory.does("Update", c.bob.document(pemOf(t, c.mallory.private.Public()))),
		"a move to who does not say so":    c.mallory.does("Move", c.mallory.id, object{"target": c.mallory.base + "/users/nobody"}),
		"something passed on with no name": c.mallory.does("Announce", object{"type": "Create", "actor": c.bob.id, "object": c.bob.note("x")}),
	} {
		w.sends(c.mallory, doc)
		if a := w.activity(doc); a != nil {
			t.Errorf("%s: %+v is known", name, a.Doc)
		}
	}
	w.sends(c.eve, c.eve.does("Create", neighbour), c.eve.does("Delete", note["id"]))
	for _, id := range []any{forged["id"], foreign["id"], neighbour["id"]} {
		if o := w.object(id); o != nil {
			t.Errorf("%s is known as %+v", id, o.Doc)
		}
	}
	if o := w.object(note["id"]); o.Doc.Content != "hello" || !o.Deleted.IsZero() {
		t.Errorf("the note is %+v", o.Doc)
	}
	if keys, err := w.db.KeysOf(t.Context(), w.actor(c.bob.id).ID); err != nil || len(keys) != 2 || !keys[1].Changed.IsZero() {
		t.Errorf("the keys of bob are %+v, error %v", keys, err)
	}
}

// What is shared is fetched from its own server; what comes with the share is not
// looked at.
func TestSharedThingsAreFetched(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		note := c.bob.note("hello")
		c.bob.serves(note)
		copied := object{"id": note["id"], "type": "Note", "attributedTo": c.bob.id, "content": "forged"}
		share := c.mallory.does("Announce", copied)
		w.sends(c.mallory, share)
		o, a := w.object(note["id"]), w.activity(share)
		if o == nil || a == nil || o.Doc.Content != "hello" || a.Object.ID != o.ID || a.Verb != vocab.VerbShare {
			w.t.Fatalf("shared %+v by %+v", o, a)
		}
		if bob := w.actor(c.bob.id); bob == nil || o.AuthorID != bob.ID || o.ActivityID == 0 {
			w.t.Errorf("the note is by %d, posted by %d", o.AuthorID, o.ActivityID)
		}
		gone := c.mallory.does("Announce", c.bob.base+"/never")
		again := c.mallory.does("Announce", note["id"])
		before := c.bob.requests(strings.TrimPrefix(note["id"].(string), c.bob.base))
		w.sends(c.mallory, gone, again)
		if w.activity(gone) != nil || w.object(c.bob.base+"/never") != nil {
			w.t.Error("a share of nothing is known")
		}
		if n := c.bob.requests(strings.TrimPrefix(note["id"].(string), c.bob.base)); n != before {
			w.t.Error("what is known was fetched again")
		}
	})
}

// A group passes on what its members did. What is of its own server is believed, for
// all else the server of who did it is asked.
func TestGroupsPassOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	w.start()
	group := c.bob.peer.person("gardeners", rsaKeys()[2])
	doc := group.document(pemOf(t, rsaKeys()[2].Public()))
	doc["type"] = "Group"
	group.serves(doc)
	local := c.bob.note("from here")
	remote, made := c.mallory.note("from elsewhere"), c.mallory.note("made up")
	served := c.mallory.does("Create", remote)
	c.mallory.serves(served)
	onlyThing := c.mallory.note("only the thing is served")
	c.mallory.serves(onlyThing)
	forged := c.mallory.does("Create", remote)
	forged["id"] = group.id + "/forged"
	for _, tt := range []struct {
		name  string
		inner object
		want  object // the note that is known then
	}{
		{"of its own server", c.bob.does("Create", local), local},
		{"of another server", served, remote},
		{"of another server, which shows the thing only", c.mallory.does("Create", onlyThing), onlyThing},
		{"made up", c.mallory.does("Create", made), nil},
		{"of another server, named as its own", forged, nil},
	} {
		share := group.does("Announce", tt.inner)
		w.sends(group, share)
		if tt.want == nil {
			if w.activity(share) != nil || w.activity(tt.inner) != nil {
				t.Errorf("%s: it is known", tt.name)
			}
			continue
		}
		o := w.object(tt.want["id"])
		if o == nil || o.Doc.Content != tt.want["content"] || w.activity(share) == nil {
			t.Errorf("%s: the note is %+v, the share %+v", tt.name, o, w.activity(share))
			continue
		}
		if author := w.actor(tt.want["attributedTo"].(string)); author == nil || o.AuthorID != author.ID {
			t.Errorf("%s: the note is by %d", tt.name, o.AuthorID)
		}
	}
}

// Who moves to another account has to be named by it, and to name it.
func TestMovesAreConfirmedByBothAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	w.start()
	profile := func(p *someone, key int, member string, value any) {
		doc := p.document(pemOf(t, rsaKeys()[key].Public()))
		if member != "" {
			doc[member] = value
		}
		p.serves(doc)
	}
	for _, tt := range []struct {
		name    string
		movedTo any
		known   any
		want    bool
	}{
		{"neither says so", nil, nil, false},
		{"the old account alone", c.eve.id, nil, false},
		{"the new account alone", nil, []any{c.bob.id}, false},
		{"the new account names another", c.eve.id, []any{c.mallory.id}, false},
		{"both", c.eve.id, []any{c.bob.id}, true},
	} {
		profile(c.bob, 0, "movedTo", tt.movedTo)
		profile(c.eve, 1, "alsoKnownAs", tt.known)
		move := c.bob.does("Move", c.bob.id, object{"target": c.eve.id})
		w.sends(c.bob, move)
		if got := w.activity(move) != nil; got != tt.want {
			t.Errorf("%s: the move is known: %v, want %v", tt.name, got, tt.want)
		}
	}
	moved, err := w.db.MoveOf(t.Context(), w.actor(c.bob.id).ID)
	if err != nil || moved.TargetID != w.actor(c.eve.id).ID {
		t.Errorf("bob has moved to %+v, error %v", moved, err)
	}
}

// An update of what nobody here knows brings it.
func TestUpdatesOfWhatIsNotKnownFetchIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	w.start()
	note := c.bob.note("changed")
	note["updated"] = "2030-01-01T00:00:00Z"
	c.bob.serves(note)
	update := c.bob.does("Update", note)
	w.sends(c.bob, update)
	if o := w.object(note["id"]); o == nil || o.Doc.Content != "changed" || w.activity(update) == nil {
		t.Errorf("the note is %+v, the update %+v", o, w.activity(update))
	}
	never := c.bob.does("Update", object{"id": c.bob.base + "/never", "type": "Note", "attributedTo": c.bob.id, "content": "x"})
	w.sends(c.bob, never)
	if w.object(c.bob.base+"/never") != nil {
		t.Error("an update made a note that its server does not show")
	}
}

// A profile is taken as it is sent, with the keys in it.
func TestNewProfiles(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		w.sends(c.bob, c.like())
		doc := c.bob.document(pemOf(w.t, rsaKeys()[1].Public()))
		doc["name"], doc["inbox"] = "Robert", c.bob.id+"/new-inbox"
		w.sends(c.bob, c.bob.does("Update", doc))
		bob := w.actor(c.bob.id)
		presences, err := w.db.Presences(w.t.Context(), apub.Network, bob.ID)
		if err != nil || bob.Doc.DisplayName != "Robert" || bob.Doc.ID != "acct:bob@"+c.bob.host || presences[bob.ID].Inbox != c.bob.id+"/new-inbox" {
			w.t.Errorf("bob is %+v, reached by %+v, error %v", bob.Doc, presences, err)
		}
		// The new key signs at once, and the old one not any more.
		c.bob.key = newKey(w.t, c.bob.id+"#main-key", rsaKeys()[1])
		w.sends(c.bob, c.like())
		c.bob.key = newKey(w.t, c.bob.id+"#main-key", rsaKeys()[0])
		if answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)); answer.Code != http.StatusUnauthorized {
			w.t.Errorf("by the old key: status %d", answer.Code)
		}
	})
}

// What was verified is that somebody sent it: the actor inside has to be the same,
// whoever let it in.
func TestSendersAreTheActors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	w.start()
	w.sends(c.mallory, c.mallory.does("Like", ours+"/x"))
	w.person("ann")
	follow := c.bob.does("Follow", ours+"/users/ann")
	text, err := json.Marshal(follow)
	if err != nil {
		t.Fatal(err)
	}
	err = w.bridge.Admit(t.Context(), bridge.Arrived{Network: apub.Network, SenderID: w.actor(c.mallory.id).ID, Verified: "http-signature",
		ContentType: "application/activity+json", Bytes: text})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is dealt with", func() bool { return w.arrivals() == 0 })
	if a := w.activity(follow); a != nil {
		t.Errorf("%+v is known, as if %d had done it", a.Doc, a.ActorID)
	}
}
