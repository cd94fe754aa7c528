package pumpapi_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// guild makes a group; id may be empty.
func (v *visitor) guild(id string, to ...doc) doc {
	v.t.Helper()
	object := doc{"objectType": "group", "displayName": "Thieves' Guild", "summary": "For thieves"}
	if id != "" {
		object["id"] = id
	}
	return v.act(doc{"verb": "create", "to": to, "object": object}).doc("object")
}

// TestGroup: a group from its making to its end, named by an id of ours and by
// one that was made elsewhere.
func TestGroup(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		people := s.people("ann", "bob", "carl")
		ann, bob, carl := people[0], people[1], people[2]
		for _, id := range []string{"", "tag:pump.io,2012:test:group:4", "https://x.example/?g=1&h=ü"} {
			g := ann.guild(id, public)
			at := func(feed string) string { return g.id() + "/" + feed }
			self := g.id()
			if id != "" {
				self = home + "/api/group?id=" + url.QueryEscape(id)
				at = func(feed string) string { return home + "/api/group/" + feed + "?id=" + url.QueryEscape(id) }
			}
			shape := map[string]any{"objectType": "group", "displayName": "Thieves' Guild", "summary": "For thieves", "author.id": ann.id(), "author.displayName": nil,
				"links.self.href": self, "links.activity-inbox.href": at("inbox"), "members.url": at("members"), "members.totalItems": 0.0,
				"documents.url": at("documents"), "documents.totalItems": 0.0}
			g.has(t, shape)
			if !isTime(g.text("published")) || !isTime(g.text("updated")) || id == "" && !strings.HasPrefix(g.text("url"), home+"/ann/group/") {
				t.Errorf("the group is %s", g)
			}
			shape["id"], shape["author.displayName"] = g.id(), "ann"
			for _, v := range []*visitor{ann, bob, s.nobody(), s.twoLegged(s.program)} {
				v.get(self).ok().has(t, shape)
				v.get(at("members")).ok().has(t, map[string]any{"displayName": "Members of Thieves' Guild", "url": at("members"), "objectTypes.0": "person",
					"totalItems": 0.0, "items.0": nil, "author": nil})
				v.get(at("documents")).ok().has(t, map[string]any{"displayName": "Documents of Thieves' Guild", "url": at("documents"), "totalItems": 0.0, "items.0": nil})
				v.get(at("inbox")).ok().has(t, map[string]any{"displayName": "Activities for Thieves' Guild", "url": at("inbox"), "objectTypes.0": "activity",
					"totalItems": 0.0, "author.id": g.id(), "author.objectType": "group"})
			}

			join := bob.act(doc{"verb": "join", "object": g.ref()})
			join.has(t, map[string]any{"object.id": g.id(), "object.members.totalItems": 1.0, "to.0.id": g.id()})
			carl.act(doc{"verb": "join", "object": g.ref()})
			members := ann.get(at("members")).ok()
			members.has(t, map[string]any{"totalItems": 2.0, "items.0.id": carl.id(), "items.1.id": bob.id(), "items.0.objectType": "person", "items.2": nil,
				"links.current.href": at("members")})
			carl.act(doc{"verb": "leave", "object": g.ref()})

			posted := bob.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "loot"}, "target": g.ref()})
			posted.has(t, map[string]any{"to.0.id": g.id(), "target.id": g.id(), "target.documents.totalItems": 1.0})
			image := bob.act(doc{"verb": "post", "to": []doc{public}, "object": doc{"objectType": "image", "displayName": "Group photo"}}).doc("object")
			bob.act(doc{"verb": "add", "object": image.ref(), "target": g.ref()})
			bob.note("to the group", g.ref())
			reply := bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "a remark", "inReplyTo": posted.doc("object").ref()}})

			titles := func(v *visitor, path, at string) string {
				return strings.Join(column(v.get(path).ok().docs("items"), at), ", ")
			}
			tests := []struct {
				v                *visitor
				documents, inbox string
				total            float64
			}{
				{ann, "image, note", "post comment, post note, add image, post note, leave group, join group, join group", 7},
				{bob, "image, note", "post comment, post note, add image, post note, leave group, join group, join group", 7},
				{carl, "image", "leave group, join group", 0}, // his own deeds
				{s.nobody(), "image", "", 0},
				{s.twoLegged(s.program), "image", "", 0},
			}
			for _, tt := range tests {
				if got := titles(tt.v, at("documents"), "objectType"); got != tt.documents {
					t.Errorf("%s finds the documents %q, want %q", tt.v.nick, got, tt.documents)
				}
				inbox := tt.v.get(at("inbox")).ok()
				var got []string
				for _, item := range inbox.docs("items") {
					got = append(got, item.text("verb")+" "+item.text("object.objectType"))
				}
				if strings.Join(got, ", ") != tt.inbox || inbox["totalItems"] != tt.total {
					t.Errorf("%s finds in the inbox %q of %v, want %q of %v", tt.v.nick, got, inbox["totalItems"], tt.inbox, tt.total)
				}
			}
			ann.get(at("documents")).ok().has(t, map[string]any{"totalItems": 2.0, "links.first.href": at("documents"), "links.self.href": at("documents"),
				"items.0.author.id": bob.id(), "items.0.liked": false})
			reply.has(t, map[string]any{"to.0.id": g.id()})
			bob.get(self).ok().has(t, map[string]any{"members.totalItems": 1.0, "documents.totalItems": 2.0})
			bob.act(doc{"verb": "remove", "object": image.ref(), "target": g.ref()})
			if got := titles(bob, at("documents"), "objectType"); got != "note" {
				t.Errorf("after the removal the documents are %q", got)
			}

			s.clock.advance(5e9)
			ann.put(self, doc{"displayName": "Cooks' Guild", "id": g.id(), "members": doc{"totalItems": 99}}).ok().has(t, map[string]any{"id": g.id(),
				"displayName": "Cooks' Guild", "summary": "For thieves", "members.totalItems": 1.0, "author.displayName": "ann", "published": g.text("published")})
			bob.get("/api/user/bob/inbox/minor").ok().has(t, map[string]any{"items.0.verb": "update", "items.0.object.displayName": "Cooks' Guild"})
			before := s.state()
			ann.put(self, doc{"id": "other"}).refused(400, "The id of an object cannot be changed.")
			ann.put(self, doc{"objectType": "note"}).refused(400, "The objectType of an object cannot be changed.")
			ann.put(self, `[]`).refused(400, "Bad document: must be an object")
			bob.put(self, doc{"displayName": "Mine"}).refused(403, "Only the author can modify this object.")
			bob.remove(self).refused(403, "Only the author can modify this object.")
			if s.state() != before {
				t.Error("a refused request changed something")
			}

			ann.remove(self).said("Deleted")
			for _, v := range []*visitor{ann, bob, s.nobody()} {
				for _, path := range []string{self, at("members"), at("documents"), at("inbox")} {
					v.get(path).refused(410, "Deleted")
				}
			}
			ann.remove(self).refused(410, "Deleted")
			ann.put(self, doc{"displayName": "Back"}).refused(410, "Deleted")
			carl.post("/api/user/carl/feed", doc{"verb": "join", "object": g.ref()}).refused(410, "Deleted")
			bob.post("/api/user/bob/feed", doc{"verb": "post", "object": doc{"objectType": "note"}, "target": g.ref()}).refused(410, "Deleted")
			stone := bob.get("/api/user/bob/inbox/minor").ok().doc("items.0")
			stone.has(t, map[string]any{"verb": "delete", "object.id": g.id(), "object.objectType": "group", "object.displayName": nil, "object.author.id": ann.id()})
			if !isTime(stone.text("object.deleted")) {
				t.Errorf("the tombstone is %s", stone)
			}
		}
	})
}

func TestGroupRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	g := ann.guild("", public)
	note := bob.note("mine", public)
	before := s.state()
	for _, feed := range []string{"", "/members", "/inbox", "/documents"} {
		bob.get("/api/group/unknown"+feed).refused(404, "Can't find a group with ID = "+home+"/api/group/unknown")
		bob.get("/api/group"+feed).refused(400, "'id' required")
		bob.get("/api/group"+feed+"?id=tag:x").refused(404, "Can't find a group with ID = tag:x")
		bob.get("/api/group"+feed+"?id="+ann.id()).refused(404, "Can't find a group with ID = "+ann.id())
		bob.get("/api/group"+feed+"?id="+note.id()).refused(404, "Can't find a group with ID = "+note.id())
		bob.get("/api/group" + feed + "?id=" + g.id()).ok()
	}
	for _, tt := range []struct {
		activity doc
		status   int
		message  string
	}{
		{doc{"verb": "add", "object": note.ref(), "target": g.ref()}, 403, "Actor is not a member of the group."},
		{doc{"verb": "post", "object": doc{"objectType": "note"}, "target": g.ref()}, 403, "Actor is not a member of the group."},
		{doc{"verb": "remove", "object": note.ref(), "target": g.ref()}, 400, "No such 'document' with id '" + note.id() + "'"},
		{doc{"verb": "delete", "object": g.ref()}, 403, "Can't delete " + g.id() + ": not author."},
		{doc{"verb": "update", "object": doc{"id": g.id(), "objectType": "group", "displayName": "x"}}, 403, "Can't update " + g.id() + ": not author."},
		{doc{"verb": "add", "object": note.ref(), "target": doc{"objectType": "group", "id": home + "/api/group/unknown"}}, 400,
			"No such 'group' with id '" + home + "/api/group/unknown'"},
	} {
		bob.post("/api/user/bob/feed", tt.activity).refused(tt.status, tt.message)
	}
	if s.state() != before {
		t.Error("a refused request changed something")
	}
	bob.act(doc{"verb": "join", "object": g.ref()})
	bob.act(doc{"verb": "add", "object": note.ref(), "target": g.ref()})
	before = s.state()
	bob.post("/api/user/bob/feed", doc{"verb": "add", "object": note.ref(), "target": g.ref()}).refused(400, "Group already contains object.")
	bob.post("/api/user/bob/feed", doc{"verb": "add", "object": ann.ref(), "target": g.ref()}).refused(400, "Can't add to "+g.id()+": incorrect type.")
	if s.state() != before {
		t.Error("a refused request changed something")
	}
}

// TestClosedGroup: a group is read by those to whom its making was addressed,
// and others learn nothing of it by what its members do.
func TestClosedGroup(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		people := s.people("ann", "bob", "eve")
		ann, bob, eve := people[0], people[1], people[2]
		g := ann.act(doc{"verb": "create", "to": []doc{bob.ref()}, "object": doc{"objectType": "group", "displayName": "SECRET name", "summary": "SECRET words"}}).doc("object")
		join := bob.act(doc{"verb": "join", "object": g.ref(), "to": []doc{public}})
		post := bob.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "open"}, "target": g.ref(), "to": []doc{public, g.ref()}})
		for _, v := range []*visitor{ann, bob} {
			v.get(g.id()).ok().has(t, map[string]any{"displayName": "SECRET name"})
			v.get(g.text("members.url")).ok().has(t, map[string]any{"items.0.id": bob.id()})
			v.get(join.id()).ok().has(t, map[string]any{"object.displayName": "SECRET name", "object.members.totalItems": 1.0})
			v.get(post.id()).ok().has(t, map[string]any{"target.displayName": "SECRET name", "to.1.displayName": "SECRET name"})
		}
		for _, v := range []*visitor{eve, s.nobody(), s.twoLegged(s.program)} {
			for _, path := range []string{g.id(), g.text("members.url"), g.text("documents.url"), g.text("links.activity-inbox.href")} {
				if v.signer == nil {
					v.get(path).refused(401, "Not logged in.")
				} else {
					v.get(path).refused(403, "Only the author and recipients can view this object.")
				}
			}
			for _, path := range []string{join.id(), post.id(), "/api/user/bob/feed", "/api/public/feed"} {
				a := v.get(path)
				a.ok()
				if strings.Contains(string(a.body), "SECRET") {
					t.Errorf("%s tells %s about the group: %s", path, v.nick, a.body)
				}
			}
			v.get(join.id()).ok().has(t, map[string]any{"object.id": g.id(), "object.objectType": "group", "object.members": nil})
		}
		eve.post("/api/user/eve/feed", doc{"verb": "join", "object": g.ref()}).refused(403, "Can't join "+g.id()+": it is not open to you.")
	})
}

// TestPagesOfAGroup: the collections of a group are paged like all others.
func TestPagesOfAGroup(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	g := ann.guild("", public)
	for _, v := range []*visitor{ann, bob} {
		v.act(doc{"verb": "join", "object": g.ref()})
	}
	var activities, notes []string
	for _, content := range []string{"n0", "n1", "n2", "n3"} {
		a := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": content}, "target": g.ref()})
		activities, notes = append(activities, a.id()), append(notes, a.text("object.id"))
	}
	ann.remove(notes[1]).said("Deleted")
	at := url.QueryEscape
	for _, tt := range []struct{ query, want, next string }{
		{"", "n3 n2 n0", ""},
		{"?count=2", "n3 n2", "?before=" + at(notes[2])},
		{"?count=2&before=" + notes[2], "n0", ""},
		{"?since=" + notes[0] + "&count=1", "n2", "?before=" + at(notes[2])},
		{"?offset=1", "n2 n0", ""},
	} {
		page := bob.get(g.text("documents.url") + tt.query).ok()
		if got := strings.Join(column(page.docs("items"), "content"), " "); got != tt.want {
			t.Errorf("documents%s: %q, want %q", tt.query, got, tt.want)
		}
		var next any
		if tt.next != "" {
			next = g.text("documents.url") + tt.next
		}
		page.has(t, map[string]any{"links.next.href": next, "totalItems": 3.0})
	}
	inbox := g.text("links.activity-inbox.href")
	page := bob.get(inbox + "?count=2&before=" + activities[3]).ok()
	if got := column(page.docs("items"), "id"); !slices.Equal(got, []string{activities[2], activities[1]}) {
		t.Errorf("the inbox before the last post has %v", got)
	}
	page.has(t, map[string]any{"links.next.href": inbox + "?before=" + at(activities[1]), "items.1.object.deleted": page.text("items.1.object.deleted")})
	if got := len(bob.get(inbox + "?since=" + activities[2]).ok().docs("items")); got != 2 { // a post and a deletion
		t.Errorf("since the third post there are %d items", got)
	}
	bob.get(g.text("members.url")+"?count=1").ok().has(t, map[string]any{"items.0.id": bob.id(),
		"links.next.href": g.text("members.url") + "?before=" + at(bob.id()), "links.self.href": g.text("members.url") + "?offset=0&count=1"})
	bob.get(g.text("members.url")+"?before="+bob.id()).ok().has(t, map[string]any{"items.0.id": ann.id(), "items.1": nil})
}

// TestPersonByID: a person changes under every address, and does not end under
// this one.
func TestPersonByID(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	path := "/api/person?id=" + url.QueryEscape(ann.id())
	ann.put(path, doc{"summary": "It is me"}).ok().has(t, map[string]any{"id": ann.id(), "summary": "It is me", "followers.totalItems": 0.0})
	bob.get("/api/person?id=acct:ANN@pump.example").ok().has(t, map[string]any{"id": ann.id(), "summary": "It is me"})
	before := s.state()
	bob.put(path, doc{"summary": "x"}).refused(403, "Only the author can modify this object.")
	bob.remove(path).refused(403, "Only the author can modify this object.")
	ann.remove(path).refused(403, "Can't delete "+ann.id()+": an account is deleted as a whole, by DELETE "+home+"/api/user/ann.")
	if s.state() != before {
		t.Error("a refused request changed something")
	}
}
