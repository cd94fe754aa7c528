package pumpapi_test

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

// TestVerbs: what each verb does, and how it is refused where that makes no
// sense. The words are pump.io's, which clients show; where it answers 500, or
// does something twice, this is 400 or 403.
func TestVerbs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		note, gone := bob.note("hello", public), bob.note("to go", public)
		bob.remove(gone.id()).said("Deleted")
		secret := bob.note("secret", bob.ref())
		pals := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
		theirs := bob.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Theirs"}}).doc("object")
		group := bob.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "group", "displayName": "Guild"}}).doc("object")
		closed := bob.act(doc{"verb": "create", "to": []doc{bob.ref()}, "object": doc{"objectType": "group", "displayName": "Closed"}}).doc("object")
		post := bob.get("/api/user/bob/feed").ok()
		edge := ann.id() + "→" + bob.id()
		unknown := doc{"objectType": "note", "id": home + "/api/note/unknown"}
		nobody := doc{"objectType": "person", "id": "acct:nobody@pump.example"}

		// Each step builds on the ones before it.
		steps := []struct {
			activity doc
			status   int
			message  string
		}{
			{doc{"verb": "stop-following", "object": bob.ref()}, 400, "No such 'edge' with id '" + edge + "'"},
			{doc{"verb": "follow", "object": bob.ref()}, 200, ""},
			{doc{"verb": "follow", "object": bob.ref()}, 400, "Already have a(n) 'edge' with id '" + edge + "'"},
			{doc{"verb": "stop-following", "object": bob.ref()}, 200, ""},
			{doc{"verb": "stop-following", "object": bob.ref()}, 400, "No such 'edge' with id '" + edge + "'"},
			{doc{"verb": "follow", "object": nobody}, 400, "No such 'user' with id 'acct:nobody@pump.example'"},
			{doc{"verb": "follow", "object": note.ref()}, 400, "Can't follow " + note.id() + ": it is not a person or a group."},
			{doc{"verb": "follow", "object": ann.ref()}, 200, ""},
			{doc{"verb": "stop-following", "object": nobody}, 400, "No such 'edge' with id '" + ann.id() + "→acct:nobody@pump.example'"},

			{doc{"verb": "unfavorite", "object": note.ref()}, 400, "No such 'favorite' with id '" + note.id() + "'"},
			{doc{"verb": "favorite", "object": note.ref()}, 200, ""},
			{doc{"verb": "like", "object": note.ref()}, 400, "Already have a(n) 'favorite' with id '" + note.id() + "'"},
			{doc{"verb": "unlike", "object": note.ref()}, 200, ""},
			{doc{"verb": "unlike", "object": note.ref()}, 400, "No such 'favorite' with id '" + note.id() + "'"},
			{doc{"verb": "like", "object": note.ref()}, 200, ""},
			{doc{"verb": "unfavorite", "object": note.ref()}, 200, ""},
			{doc{"verb": "like", "object": unknown}, 400, "No such 'object' with id '" + unknown.id() + "'"},
			{doc{"verb": "like", "object": gone.ref()}, 410, "Deleted"},
			{doc{"verb": "like", "object": secret.ref()}, 403, "Only the author and recipients can view this object."},
			{doc{"verb": "like", "object": doc{"objectType": "note", "content": "no id"}}, 400, `Can't like something that is not there: give the "id" of the object.`},

			{doc{"verb": "unshare", "object": note.ref()}, 400, "No such 'share' with id '" + note.id() + "'"},
			{doc{"verb": "share", "object": note.ref()}, 200, ""},
			{doc{"verb": "share", "object": note.ref()}, 400, "Already have a(n) 'share' with id '" + note.id() + "'"},
			{doc{"verb": "unshare", "object": note.ref()}, 200, ""},
			{doc{"verb": "unshare", "object": note.ref()}, 400, "No such 'share' with id '" + note.id() + "'"},

			{doc{"verb": "update", "object": doc{"id": note.id(), "objectType": "note", "content": "x"}}, 403, "Can't update " + note.id() + ": not author."},
			{doc{"verb": "update", "object": doc{"id": bob.id(), "objectType": "person", "displayName": "x"}}, 403, "Can't update " + bob.id() + ": not you."},
			{doc{"verb": "update", "object": doc{"id": ann.id(), "objectType": "person", "summary": "x"}}, 200, ""},
			{doc{"verb": "update", "object": unknown}, 400, "No such 'note' with id '" + unknown.id() + "'"},
			{doc{"verb": "update", "object": doc{"id": post.text("items.0.id"), "objectType": "activity"}}, 400,
				"Can't update " + post.text("items.0.id") + ": it is an activity. Update its object instead."},
			{doc{"verb": "delete", "object": note.ref()}, 403, "Can't delete " + note.id() + ": not author."},
			{doc{"verb": "delete", "object": bob.ref()}, 403, "Can't delete " + bob.id() + ": not author."},
			{doc{"verb": "delete", "object": ann.ref()}, 403, "Can't delete " + ann.id() + ": an account is deleted as a whole, by DELETE " + home + "/api/user/ann."},
			{doc{"verb": "delete", "object": unknown}, 400, "No such 'note' with id '" + unknown.id() + "'"},

			{doc{"verb": "add", "object": bob.ref(), "target": pals.ref()}, 200, ""},
			{doc{"verb": "add", "object": bob.ref(), "target": pals.ref()}, 400, "Already have a(n) 'member' with id '" + bob.id() + "'"},
			{doc{"verb": "add", "object": note.ref(), "target": pals.ref()}, 400, "Can't add to " + pals.id() + ": incorrect type."},
			{doc{"verb": "add", "object": bob.ref(), "target": theirs.ref()}, 403, "Can't add to " + theirs.id() + ": not author."},
			{doc{"verb": "add", "object": bob.ref(), "target": note.ref()}, 400, "Can't add to " + note.id() + ": don't know how to add to type 'note'"},
			{doc{"verb": "add", "object": bob.ref(), "target": doc{"id": home + "/api/collection/unknown", "objectType": "collection"}}, 400,
				"No such 'collection' with id '" + home + "/api/collection/unknown'"},
			{doc{"verb": "add", "object": bob.ref()}, 400, `The activity has no target: there must be a member "target" with the list to add to.`},
			{doc{"verb": "remove", "object": bob.ref(), "target": note.ref()}, 400, "Can't remove from " + note.id() + ": don't know how to remove from type 'note'"},
			{doc{"verb": "remove", "object": note.ref(), "target": pals.ref()}, 400, "Can't remove from " + pals.id() + ": incorrect type."},
			{doc{"verb": "remove", "object": bob.ref(), "target": theirs.ref()}, 403, "Can't remove from " + theirs.id() + ": not author."},
			{doc{"verb": "remove", "object": bob.ref(), "target": pals.ref()}, 200, ""},
			{doc{"verb": "remove", "object": bob.ref(), "target": pals.ref()}, 400, "No such 'member' with id '" + bob.id() + "'"},
			{doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}, 400,
				"Already have a(n) 'A folder for 'person' named 'Pals' already exists.' with id 'undefined'"},
			{doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"image"}, "displayName": "Pals"}}, 200, ""},

			{doc{"verb": "leave", "object": group.ref()}, 400, "No such 'membership' with id '" + group.id() + "'"},
			{doc{"verb": "join", "object": group.ref()}, 200, ""},
			{doc{"verb": "join", "object": group.ref()}, 400, "Already have a(n) 'membership' with id '" + group.id() + "'"},
			{doc{"verb": "leave", "object": group.ref()}, 200, ""},
			{doc{"verb": "join", "object": closed.ref()}, 403, "Can't join " + closed.id() + ": it is not open to you."},
			{doc{"verb": "join", "object": doc{"id": home + "/api/group/unknown", "objectType": "group"}}, 400, "No such 'group' with id '" + home + "/api/group/unknown'"},

			{doc{"verb": "post", "object": note.ref()}, 403, "Can't post " + note.id() + ": not author."},
			{doc{"verb": "post", "object": doc{"objectType": "comment", "content": "x", "inReplyTo": unknown}}, 400, "No such 'object' with id '" + unknown.id() + "'"},
			{doc{"verb": "post", "object": doc{"objectType": "comment", "content": "x", "inReplyTo": gone.ref()}}, 410, "Can't reply to a deleted note."},
			{doc{"verb": "post", "object": doc{"objectType": "comment", "content": "x", "inReplyTo": doc{"objectType": "note"}}}, 400,
				`The object replies to something without an id: give the "id" of inReplyTo.`},
			{doc{"verb": "post"}, 400, `The activity has no object: there must be a member "object" that says what was done something to.`},
			{doc{"verb": "post", "object": nil}, 400, `The activity has no object: there must be a member "object" that says what was done something to.`},
			{doc{"verb": "post", "actor": bob.ref(), "object": doc{"objectType": "note"}}, 400, "Invalid actor"},
			{doc{"verb": "post", "actor": doc{"id": "acct:ann@elsewhere.example"}, "object": doc{"objectType": "note"}}, 400, "Invalid actor"},
			{doc{"verb": "post", "actor": ann.ref(), "object": doc{"objectType": "note"}}, 200, ""},
			{doc{"verb": "post", "actor": doc{"id": home + "/api/user/ann/profile"}, "object": doc{"objectType": "note"}}, 200, ""},
			{doc{"verb": "post", "to": public, "object": doc{"objectType": "note"}}, 400,
				`Bad document: to: must be a list of objects, each with an "id" and an "objectType"`},
			{doc{"verb": "post", "cc": []any{"@public", doc{"objectType": "person"}}, "object": doc{"objectType": "note"}}, 400, `Bad document: cc: an addressee has no "id"`},

			// Verbs without an effect are taken, whatever they are.
			{doc{"verb": "play", "object": doc{"objectType": "video", "id": "http://example.net/video/5"}}, 200, ""},
			{doc{"verb": "checkin", "object": doc{"objectType": "place", "displayName": "Les Folies"}}, 200, ""},
			{doc{"verb": "http://verbs.example/juggle", "object": doc{"objectType": "thing"}}, 200, ""},
			{doc{"verb": "block", "object": bob.ref()}, 200, ""},
		}
		for _, step := range steps {
			before := s.state()
			a := ann.post("/api/user/ann/feed", step.activity)
			if step.status == 200 {
				a.ok()
				continue
			}
			a.refused(step.status, step.message)
			if s.state() != before {
				t.Errorf("the refused %s changed something", step.activity)
			}
		}
	})
}

// TestVerbsShowInCollections: the collections follow what was done.
func TestVerbsShowInCollections(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	note := bob.note("hello", public)
	ids := func(path string) []string { return column(ann.get(path).ok().docs("items"), "id") }
	shows := func(path string, total float64, want ...string) {
		t.Helper()
		if got := ids(path); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s has %v, want %v", path, got, want)
		}
		if got := ann.get(path).ok()["totalItems"]; got != total {
			t.Errorf("%s counts %v, want %v", path, got, total)
		}
	}
	ann.post("/api/user/ann/following", bob.ref()).ok().has(t, map[string]any{"id": bob.id(), "objectType": "person", "pump_io.followed": true, "followers.totalItems": 1.0})
	shows("/api/user/ann/following", 1, bob.id())
	shows("/api/user/bob/followers", 1, ann.id())
	ann.post("/api/user/ann/favorites", note.ref()).ok().has(t, map[string]any{"id": note.id(), "liked": true, "likes.totalItems": 1.0, "content": "hello"})
	shows("/api/user/ann/favorites", 1, note.id())
	shows(note.text("likes.url"), 1, ann.id())
	ann.act(doc{"verb": "share", "object": note.ref()})
	shows(note.text("shares.url"), 1, ann.id())
	ann.get("/api/user/ann/profile").ok().has(t, map[string]any{"following.totalItems": 1.0, "favorites.totalItems": 1.0, "followers.totalItems": 0.0})

	ann.act(doc{"verb": "stop-following", "object": bob.ref()})
	ann.act(doc{"verb": "unlike", "object": note.ref()})
	ann.act(doc{"verb": "unshare", "object": note.ref()})
	shows("/api/user/ann/following", 0)
	shows("/api/user/bob/followers", 0)
	shows("/api/user/ann/favorites", 0)
	shows(note.text("likes.url"), 0)
	shows(note.text("shares.url"), 0)
	ann.get(note.id()).ok().has(t, map[string]any{"liked": false, "pump_io.shared": false, "likes.items": nil})

	ann.post("/api/user/ann/following", `{}`).refused(400, "A person without an id cannot be found: give its \"id\", for example acct:ann@example.org.")
	ann.post("/api/user/ann/following", `[]`).refused(400, "Bad document: must be an object")
	ann.post("/api/user/ann/favorites", doc{"id": home + "/api/note/unknown", "objectType": "note"}).refused(400, "No such 'object' with id '"+home+"/api/note/unknown'")
}

func TestLists(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob, carl := s.person("ann"), s.person("bob"), s.person("carl")
		created := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}})
		list := created.doc("object")
		token := strings.TrimPrefix(list.id(), home+"/api/collection/")
		list.has(t, map[string]any{"url": home + "/ann/list/" + token, "members.url": list.id() + "/members", "members.totalItems": 0.0, "objectTypes.0": "person", "author.id": ann.id()})

		// As Dianara and PyPump do it.
		added := ann.act(doc{"verb": "add", "object": bob.ref(), "target": list.ref()})
		added.has(t, map[string]any{"object.id": bob.id(), "target.id": list.id(), "target.members.totalItems": 1.0, "target.displayName": "Pals"})
		ann.post(list.text("members.url"), carl.ref()).ok().has(t, map[string]any{"id": carl.id(), "objectType": "person", "displayName": "carl"})
		members := ann.get(list.text("members.url")).ok()
		// Dianara finds the list again by the address.
		members.has(t, map[string]any{"url": list.text("members.url"), "displayName": "Members of Pals by ann", "totalItems": 2.0, "items.0.id": carl.id(), "items.1.id": bob.id(),
			"author.id": ann.id(), "objectTypes.0": "person"})
		page := ann.get(list.text("members.url") + "?count=1").ok()
		page.has(t, map[string]any{"items.0.id": carl.id(), "items.1": nil})
		ann.get(page.text("links.next.href")).ok().has(t, map[string]any{"items.0.id": bob.id(), "items.1": nil})
		ann.get("/api/user/ann/lists/person").ok().has(t, map[string]any{"totalItems": 1.0, "items.0.id": list.id(), "items.0.members.url": list.text("members.url"),
			"items.0.members.totalItems": 2.0, "items.0.members.items.0.id": carl.id()})
		// What is sent to the list gets to its members.
		ann.note("to pals", list.ref())
		bob.get("/api/user/bob/inbox/major").ok().has(t, map[string]any{"items.0.object.content": "to pals"})

		ann.act(doc{"verb": "remove", "object": bob.ref(), "target": list.ref()}).has(t, map[string]any{"target.members.totalItems": 1.0})
		ann.get(list.text("members.url")).ok().has(t, map[string]any{"items.0.id": carl.id(), "items.1": nil})
		ann.act(doc{"verb": "update", "object": doc{"id": list.id(), "objectType": "collection", "displayName": "Friends of mine"}})
		ann.get("/api/user/ann/lists/person").ok().has(t, map[string]any{"items.0.displayName": "Friends of mine"})

		ann.post(list.text("members.url"), carl.ref()).refused(400, "Already have a(n) 'member' with id '"+carl.id()+"'")
		ann.post(list.text("members.url"), doc{"objectType": "note", "id": list.id()}).refused(400, "Can't add to "+list.id()+": incorrect type.")
		ann.remove(list.id()).said("Deleted")
		ann.get("/api/user/ann/lists/person").ok().has(t, map[string]any{"totalItems": 0.0, "items.0": nil})
		ann.get(list.text("members.url")).refused(410, "Deleted")
		ann.post(list.text("members.url"), bob.ref()).refused(410, "Deleted")
		ann.get("/api/user/ann").ok().has(t, map[string]any{"profile.lists.totalItems": 0.0})
		// The name is free again.
		ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Friends of mine"}})
	})
}

// TestEveryObjectHasAnID: Pumpa ends at once when it meets one without.
func TestEveryObjectHasAnID(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	for _, object := range []doc{{}, {"objectType": "note"}, {"displayName": "x"}, {"verb": "invite", "object": doc{"displayName": "party"}}} {
		for _, verb := range []string{"post", "play", "checkin"} {
			if object["verb"] != nil && verb == "post" {
				continue
			}
			ann.act(doc{"verb": verb, "object": object})
		}
	}
	dan := &models.Actor{Type: vocab.TypePerson, Nickname: "dan", Host: "elsewhere.example", Doc: &vocab.Object{ID: "acct:dan@elsewhere.example", Type: vocab.TypePerson}}
	s.write(func(ctx context.Context, tx *models.Tx) error { return tx.CreateActor(ctx, dan, dan.Doc.ID) })
	for i, a := range []*vocab.Activity{
		{Verb: "play", Object: &vocab.Object{DisplayName: "a song"}},
		{Verb: "confirm", Object: &vocab.Object{Type: vocab.TypeActivity}, Inner: &vocab.Activity{Verb: "invite"}},
	} {
		a.ID = fmt.Sprint("https://elsewhere.example/", i)
		if _, err := s.bridge.Receive(t.Context(), bridge.Arrival{SenderID: dan.ID, RecipientID: ann.actorID, Activity: a, Network: "pump"}); err != nil {
			t.Fatal(err)
		}
	}
	items := ann.get("/api/user/ann/inbox").ok().docs("items")
	if len(items) != 13 {
		t.Fatalf("the inbox has %d items", len(items))
	}
	for _, item := range items {
		if item.text("object.id") == "" || item.text("actor.id") == "" || item.id() == "" {
			t.Errorf("an id is missing in %s", item)
		}
	}
}

// TestSentences: the minor feeds of Pumpa and Dianara show nothing else.
func TestSentences(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	ann.put("/api/user/ann/profile", doc{"displayName": "Ann <b>& Co"}).ok()
	note := bob.note("hello", public)
	const who = "<a href='https://pump.example/ann'>Ann &lt;b&gt;&amp; Co</a> "
	link := " <a href='" + note.text("url") + "'>a note</a>"
	for verb, want := range map[string]string{"favorite": "favorited", "share": "shared", "play": "played", "tag": "tagged", "at": "was at", "rsvp-no": "will not attend"} {
		if got := ann.act(doc{"verb": verb, "object": note.ref()}).text("content"); got != who+want+link {
			t.Errorf("%s is told as %s", verb, got)
		}
	}
	comment := ann.act(doc{"verb": "post", "object": doc{"objectType": "comment", "inReplyTo": note.ref()}})
	if got, want := comment.text("content"), who+"posted <a href='"+comment.text("object.url")+"'>a comment</a> in reply to"+link; got != want {
		t.Errorf("a comment is told as %s, want %s", got, want)
	}
	if got := ann.act(doc{"verb": "follow", "object": bob.ref()}).text("content"); got != who+"followed <a href='https://pump.example/bob'>bob</a>" {
		t.Errorf("a follow is told as %s", got)
	}
	// What the client says itself stays.
	if got := ann.act(doc{"verb": "post", "content": "own <i>words</i>", "object": doc{"objectType": "note"}}).text("content"); got != "own <i>words</i>" {
		t.Errorf("the content is %s", got)
	}
}
