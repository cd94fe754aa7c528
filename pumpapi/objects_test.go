package pumpapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestObject(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		people := s.people("ann", "bob", "carl", "dave", "eve", "fay")
		ann, bob, others := people[0], people[1], people[1:]
		activity := ann.act(doc{"verb": "post", "to": []doc{public}, "object": doc{"objectType": "note", "content": "<b>hello</b>", "displayName": "A title"}})
		note := activity.doc("object")
		if !strings.HasPrefix(note.id(), home+"/api/note/") || len(note.id()) != len(home+"/api/note/")+22 {
			t.Errorf("the id is %s", note.id())
		}
		token := strings.TrimPrefix(note.id(), home+"/api/note/")
		shape := map[string]any{"objectType": "note", "content": "<b>hello</b>", "displayName": "A title", "url": home + "/ann/note/" + token, "links.self.href": note.id(),
			"likes.url": note.id() + "/likes", "likes.totalItems": 0.0, "likes.items": nil, "replies.url": note.id() + "/replies", "replies.totalItems": 0.0,
			"replies.items": nil, "replies.displayName": nil, "shares.url": note.id() + "/shares", "shares.totalItems": 0.0, "shares.items": nil, "members": nil,
			"liked": false, "pump_io.shared": false}
		note.has(t, shape)
		activity.has(t, map[string]any{"objectType": "activity", "verb": "post", "actor.id": ann.id(), "to.0.id": publicID, "generator.displayName": "Test Program",
			"generator.objectType": "application", "links.self.href": activity.id(),
			"url":     home + "/ann/activity/" + strings.TrimPrefix(activity.id(), home+"/api/activity/"),
			"content": "<a href='https://pump.example/ann'>ann</a> posted <a href='" + note.text("url") + "'>A title</a>",
			// The author of what is posted is the actor, and goes without saying.
			"object.author": nil})
		for _, path := range []string{"published", "updated", "object.published", "object.updated"} {
			if !isTime(activity.text(path)) {
				t.Errorf("%s is %q", path, activity.text(path))
			}
		}
		shape["author.id"], shape["author.displayName"], shape["author.links.activity-outbox.href"] = ann.id(), "ann", home+"/api/user/ann/feed"
		bob.get(note.id()).ok().has(t, shape)

		var replies []string
		for i, v := range others {
			v.act(doc{"verb": "favorite", "object": note.ref()})
			v.act(doc{"verb": "share", "object": note.ref()})
			reply := v.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": fmt.Sprint("r", i), "inReplyTo": note.ref()}})
			reply.has(t, map[string]any{"object.inReplyTo.id": note.id(), "object.inReplyTo.content": "<b>hello</b>", "object.inReplyTo.author.id": ann.id(),
				"object.inReplyTo.replies.items": nil, "to.0.id": publicID, "to.1.id": ann.id()})
			replies = append(replies, reply.text("object.id"))
		}
		ann.act(doc{"verb": "like", "object": doc{"id": replies[4], "objectType": "comment"}})
		full := ann.get(note.id()).ok()
		full.has(t, map[string]any{"likes.totalItems": 5.0, "likes.items.0.id": "acct:fay@pump.example", "likes.items.3.id": "acct:carl@pump.example", "likes.items.4": nil,
			"shares.totalItems": 5.0, "shares.items.0.id": "acct:fay@pump.example", "shares.items.3.objectType": "person", "shares.items.4": nil,
			"replies.totalItems": 5.0, "replies.items.0.content": "r4", "replies.items.0.author.id": "acct:fay@pump.example", "replies.items.0.liked": true,
			"replies.items.0.likes.totalItems": 1.0, "replies.items.1.liked": false, "replies.items.3.content": "r1", "replies.items.4": nil,
			"liked": false, "pump_io.shared": false})
		bob.get(note.id()).ok().has(t, map[string]any{"liked": true, "pump_io.shared": true, "replies.items.0.liked": false})
		for _, v := range []*visitor{s.nobody(), s.twoLegged(s.program)} {
			v.get(note.id()).ok().has(t, map[string]any{"liked": nil, "pump_io": nil, "likes.totalItems": 5.0, "replies.items.0.liked": nil, "author.pump_io": nil})
		}
		// In a stream an object shows the same as alone, but for its author.
		inFeed := bob.get("/api/user/ann/feed/major").ok().doc("items.0.object")
		alone := bob.get(note.id()).ok()
		delete(alone, "author")
		if inFeed.String() != alone.String() {
			t.Errorf("in the feed it is\n%s\nalone\n%s", inFeed, alone)
		}
	})
}

func TestObjectNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	note := ann.note("hello", public)
	token := strings.TrimPrefix(note.id(), home+"/api/note/")
	for _, feed := range []string{"", "/likes", "/replies", "/shares"} {
		ann.get("/api/nonsense/"+token+feed).refused(404, "Unknown type: nonsense")
		ann.get("/api/note/unknown"+feed).refused(404, "Can't find a note with ID = "+home+"/api/note/unknown")
		ann.get("/api/image/"+token+feed).refused(404, "Can't find a image with ID = "+home+"/api/image/"+token)
		ann.get("/api/image"+feed+"?id="+note.id()).refused(404, "Can't find a image with ID = "+note.id())
		ann.get("/api/note"+feed+"?id=tag:x").refused(404, "Can't find a note with ID = tag:x")
	}
	ann.get("/api/nonsense?id=x").refused(404, "Unknown type: nonsense")
	ann.get("/api/note").refused(400, "'id' required")
	ann.get("/api/note?id=").refused(400, "'id' required")
	ann.get("/api/note?id="+note.id()).ok().has(t, map[string]any{"id": note.id()})
	ann.put("/api/note/unknown", doc{}).refused(404, "Can't find a note with ID = "+home+"/api/note/unknown")
	ann.remove("/api/note/unknown").refused(404, "Can't find a note with ID = "+home+"/api/note/unknown")
	ann.get("/api/collection/unknown/members").refused(404, "Can't find a collection with ID = "+home+"/api/collection/unknown")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		ann.send(request{method: method, path: "/api/activity/unknown", body: `{}`}).refused(404, "Can't find an activity with id "+home+"/api/activity/unknown")
	}
}

// TestTypes: what the network has no class for is filed under "other" and keeps
// its type.
func TestTypes(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	for given, want := range map[string]struct{ objectType, path string }{
		"note": {"note", "note"}, "image": {"image", "image"}, "alert": {"alert", "alert"}, "video": {"video", "video"}, "event": {"event", "event"},
		"food": {"food", "other"},
		"http://schema.example/island/inhabitant": {"http://schema.example/island/inhabitant", "other"},
		"http://activitystrea.ms/schema/1.0/note": {"note", "note"},
		"other": {"other", "other"},
		"":      {"other", "other"},
	} {
		object := doc{"content": "x", "objectType": given}
		if given == "" {
			delete(object, "objectType")
		}
		got := ann.act(doc{"verb": "post", "object": object, "to": []doc{public}}).doc("object")
		if got.text("objectType") != want.objectType || !strings.HasPrefix(got.id(), home+"/api/"+want.path+"/") {
			t.Errorf("the type %q becomes %q with the id %s", given, got.text("objectType"), got.id())
		}
		s.nobody().get(got.id()).ok().has(t, map[string]any{"objectType": want.objectType, "id": got.id()})
		s.nobody().get(got.id() + "/likes").ok()
	}
}

func TestForeignIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	for _, id := range []string{"tag:pump.io,2012:test:image:1", "https://photo.example/ann/1?a=b&c=d#e", "urn:uuid:b779f4a2-43dd-11e2-8714-2c8158efb9e9", "any old text ü"} {
		escaped := url.QueryEscape(id)
		image := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "image", "id": id, "displayName": "Down by the schoolyard"}}).doc("object")
		shape := map[string]any{"id": id, "objectType": "image", "links.self.href": home + "/api/image?id=" + escaped, "likes.url": home + "/api/image/likes?id=" + escaped,
			"replies.url": home + "/api/image/replies?id=" + escaped, "shares.url": home + "/api/image/shares?id=" + escaped, "author.id": ann.id()}
		image.has(t, shape)
		bob.act(doc{"verb": "like", "object": doc{"id": id, "objectType": "image"}})
		bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "Nice!", "inReplyTo": doc{"id": id, "objectType": "image"}}})
		shape["likes.items.0.id"], shape["replies.items.0.content"] = bob.id(), "Nice!"
		bob.get(image.text("links.self.href")).ok().has(t, shape)
		for _, feed := range []string{"likes", "replies", "shares"} {
			bob.get(image.text(feed+".url")).ok().has(t, map[string]any{"url": image.text(feed + ".url")})
		}
		ann.post("/api/user/ann/feed", doc{"verb": "create", "object": doc{"objectType": "image", "id": id}}).refused(400, "Already posted")
		bob.post("/api/user/bob/feed", doc{"verb": "create", "object": doc{"objectType": "image", "id": id}}).refused(403, "Can't post "+id+": not author.")
	}
	ann.post("/api/user/ann/feed", doc{"verb": "post", "object": doc{"objectType": "note", "id": home + "/api/note/mine"}}).
		refused(400, "The id "+home+"/api/note/mine is below the address of this server: leave the id out to have one made.")
}

func TestPutObject(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	bob.follow(ann)
	note := ann.act(doc{"verb": "post", "to": []doc{public}, "object": doc{"objectType": "note", "content": "old", "displayName": "Title", "x": 1, "y": 2}}).doc("object")
	s.clock.advance(5e9)
	changed := ann.put(note.id(), doc{"content": "<i>new</i><script>x</script>", "x": 3, "published": "1990-01-01T00:00:00Z", "author": bob.ref(), "liked": true,
		"likes": doc{"totalItems": 99}}).ok()
	changed.has(t, map[string]any{"id": note.id(), "content": "<i>new</i>", "displayName": "Title", "x": 3.0, "y": 2.0, "author.id": ann.id(), "liked": false,
		"likes.totalItems": 0.0, "published": note.text("published")})
	if changed.text("updated") <= note.text("updated") {
		t.Errorf("updated is %s after %s", changed.text("updated"), note.text("updated"))
	}
	// It is told to those who got the note.
	bob.get("/api/user/bob/inbox/minor").ok().has(t, map[string]any{"items.0.verb": "update", "items.0.object.content": "<i>new</i>", "items.0.to.0.id": publicID})
	bob.get("/api/user/bob/inbox/major").ok().has(t, map[string]any{"items.0.object.content": "<i>new</i>"})
	ann.put(note.id(), doc{"displayName": nil, "content": ""}).ok().has(t, map[string]any{"displayName": nil, "content": nil, "y": 2.0})
	ann.put(note.id(), note.ref()).ok()

	before := s.state()
	ann.put(note.id(), doc{"id": "other"}).refused(400, "The id of an object cannot be changed.")
	ann.put(note.id(), doc{"objectType": "image"}).refused(400, "The objectType of an object cannot be changed.")
	ann.put(note.id(), `[]`).refused(400, "Bad document: must be an object")
	ann.put(note.id(), doc{"content": doc{}}).refused(400, "Bad document: content: must be a string")
	bob.put(note.id(), doc{"content": "mine"}).refused(403, "Only the author can modify this object.")
	bob.post("/api/user/bob/feed", doc{"verb": "update", "object": doc{"id": note.id(), "objectType": "note", "content": "mine"}}).
		refused(403, "Can't update "+note.id()+": not author.")
	if s.state() != before {
		t.Error("a refused change changed something")
	}
}

func TestDeleteObject(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		bob.follow(ann)
		parent := ann.note("parent", public)
		comment := bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "a remark", "displayName": "Its title", "x": "more", "inReplyTo": parent.ref()}}).doc("object")
		ann.act(doc{"verb": "favorite", "object": comment.ref()})
		ann.get(parent.id()).ok().has(t, map[string]any{"replies.totalItems": 1.0})

		ann.remove(comment.id()).refused(403, "Only the author can modify this object.")
		bob.remove(comment.id()).said("Deleted")
		for _, v := range []*visitor{ann, bob, s.nobody()} {
			v.get(comment.id()).refused(410, "Deleted")
		}
		bob.remove(comment.id()).refused(410, "Deleted")
		bob.put(comment.id(), doc{"content": "back"}).refused(410, "Deleted")
		bob.post("/api/user/bob/feed", doc{"verb": "delete", "object": comment.ref()}).refused(410, "Deleted")
		ann.post("/api/user/ann/feed", doc{"verb": "share", "object": comment.ref()}).refused(410, "Deleted")
		ann.get(parent.id()).ok().has(t, map[string]any{"replies.totalItems": 0.0, "replies.items": nil})
		ann.get(parent.text("replies.url")).ok().has(t, map[string]any{"items.0": nil, "totalItems": 0.0})
		ann.get("/api/user/ann/favorites").ok().has(t, map[string]any{"items.0": nil})

		// In streams a tombstone is left, which says that it is one and no more.
		feed := bob.get("/api/user/bob/feed").ok()
		feed.has(t, map[string]any{"items.0.verb": "delete", "items.0.object.id": comment.id(), "items.0.object.objectType": "comment", "items.1.verb": "post"})
		for _, item := range []string{"items.0.object", "items.1.object"} {
			stone := feed.doc(item)
			stone.has(t, map[string]any{"id": comment.id(), "objectType": "comment", "content": nil, "displayName": nil, "x": nil, "inReplyTo.id": parent.id(), "likes": nil,
				"published": comment.text("published")})
			if !isTime(stone.text("deleted")) || !isTime(stone.text("updated")) {
				t.Errorf("the tombstone is %s", stone)
			}
		}
		if body := string(bob.get(feed.doc("items.1").id()).body); strings.Contains(body, "a remark") {
			t.Errorf("the activity still shows it: %s", body)
		}
		// choqok looks for the time in the answer to the verb.
		other := bob.note("other", public)
		gone := bob.act(doc{"verb": "delete", "object": other.ref()})
		if !isTime(gone.text("object.deleted")) {
			t.Errorf("the answer is %s", gone)
		}
		ann.get("/api/user/ann/inbox/minor").ok().has(t, map[string]any{"totalItems": 4.0})
	})
}

func TestActivity(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	bob.follow(ann)
	activity := ann.act(doc{"verb": "post", "title": "Old", "x": 1, "bcc": []doc{bob.ref()}, "object": doc{"objectType": "note", "content": "hello"}})
	s.clock.advance(5e9)
	// As pump.io, but whom it was sent to and what it did stays.
	changed := ann.put(activity.id(), doc{"title": "New", "content": "told <b>otherwise</b><script>x</script>", "location": doc{"objectType": "place", "displayName": "Bern"}, "y": 2,
		"verb": "share", "object": doc{"content": "other"}, "to": []doc{public}, "actor": bob.ref()}).ok()
	changed.has(t, map[string]any{"id": activity.id(), "title": "New", "content": "told <b>otherwise</b>", "location.displayName": "Bern", "x": 1.0, "y": 2.0,
		"verb": "post", "object.content": "hello", "to": nil, "bcc.0.id": bob.id(), "actor.id": ann.id(), "published": activity.text("published")})
	if changed.text("updated") <= activity.text("updated") {
		t.Errorf("updated is %s after %s", changed.text("updated"), activity.text("updated"))
	}
	bob.get(activity.id()).ok().has(t, map[string]any{"title": "New", "bcc": nil})
	s.nobody().get(activity.id()).refused(401, "Not logged in.")

	bob.put(activity.id(), doc{"title": "Mine"}).refused(403, "Only the actor can modify this object.")
	bob.remove(activity.id()).refused(403, "Only the actor can modify this object.")
	ann.put(activity.id(), `{"title":5}`).refused(400, "Bad document: title: must be a string")
	ann.remove(activity.id()).said("Deleted")
	ann.get(activity.id()).refused(410, "Deleted")
	bob.get(activity.id()).refused(410, "Deleted")
	ann.put(activity.id(), doc{"title": "Back"}).refused(410, "Deleted")
	ann.remove(activity.id()).refused(410, "Deleted")
	// What it did stays done.
	bob.get(activity.text("object.id")).ok().has(t, map[string]any{"content": "hello"})
	stone := ann.get("/api/user/ann/feed").ok().doc("items.0")
	stone.has(t, map[string]any{"id": activity.id(), "actor.id": ann.id(), "object.id": activity.text("object.id"), "title": nil, "content": nil, "verb": nil, "x": nil, "bcc": nil})
	if !isTime(stone.text("deleted")) {
		t.Errorf("the tombstone is %s", stone)
	}
}

func TestGroupByID(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	open := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "group", "displayName": "Thieves' Guild", "summary": "For thieves"}}).doc("object")
	closed := ann.act(doc{"verb": "create", "to": []doc{ann.ref()}, "object": doc{"objectType": "group", "displayName": "Secret"}}).doc("object")
	for _, v := range []*visitor{ann, bob, s.nobody()} {
		v.get(open.id()).ok().has(t, map[string]any{"id": open.id(), "objectType": "group", "displayName": "Thieves' Guild", "summary": "For thieves", "author.id": ann.id(),
			"links.self.href": open.id(), "links.activity-inbox.href": open.id() + "/inbox", "members.url": open.id() + "/members", "members.totalItems": 0.0})
	}
	bob.act(doc{"verb": "join", "object": open.ref()})
	ann.get(open.id()).ok().has(t, map[string]any{"members.totalItems": 1.0})
	ann.get(closed.id()).ok()
	bob.get(closed.id()).refused(403, "Only the author and recipients can view this object.")
	s.nobody().get(closed.id()).refused(401, "Not logged in.")
	bob.get("/api/group/unknown").refused(404, "Can't find a group with ID = "+home+"/api/group/unknown")
	bob.get("/api/group?id="+ann.id()).refused(404, "Can't find a group with ID = "+ann.id())
	bob.get("/api/person?id="+ann.id()).ok().has(t, map[string]any{"id": ann.id(), "followers.totalItems": 0.0})
}
