package pumpapi_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// list makes a list of things of some types.
func (v *visitor) list(name string, types ...string) doc {
	v.t.Helper()
	return v.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": types, "displayName": name}}).doc("object")
}

func TestListsAreNamed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		pals := ann.list("Pals", "person")
		pals.has(t, map[string]any{"objectType": "collection", "displayName": "Pals", "objectTypes.0": "person", "members.url": pals.id() + "/members", "members.totalItems": 0.0})
		if !strings.HasPrefix(pals.text("url"), home+"/ann/list/") {
			t.Errorf("its page is %s", pals.text("url"))
		}
		family := ann.list("Family", "person")
		ann.list("Pals", "image")
		taken := "Already have a(n) 'A folder for 'person' named 'Pals' already exists.' with id 'undefined'"
		before := s.state()
		ann.post("/api/user/ann/feed", doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).refused(400, taken)
		ann.put(family.id(), doc{"displayName": "Pals"}).refused(400, taken)
		ann.post("/api/user/ann/feed", doc{"verb": "update", "object": doc{"objectType": "collection", "id": family.id(), "displayName": "Pals"}}).refused(400, taken)
		if s.state() != before {
			t.Error("a refused name changed something")
		}
		ann.put(pals.id(), doc{"displayName": "Pals", "summary": "x"}).ok().has(t, map[string]any{"displayName": "Pals", "summary": "x"})

		for range 2 {
			a := ann.post(pals.text("members.url"), bob.ref())
			if a.status == 400 {
				a.refused(400, "Already have a(n) 'member' with id '"+bob.id()+"'")
			}
		}
		ann.get(pals.text("members.url")).ok().has(t, map[string]any{"totalItems": 1.0, "items.0.id": bob.id(), "items.1": nil})
		ann.get("/api/user/ann/lists/person").ok().has(t, map[string]any{"totalItems": 2.0, "items.0.displayName": "Family", "items.1.members.totalItems": 1.0,
			"items.1.members.items.0.id": bob.id()})
		ann.get("/api/user/ann/lists/image").ok().has(t, map[string]any{"totalItems": 1.0, "items.0.displayName": "Pals", "items.1": nil})

		ann.remove(pals.id()).said("Deleted")
		ann.get(pals.id()).refused(410, "Deleted")
		ann.get(pals.text("members.url")).refused(410, "Deleted")
		ann.post(pals.text("members.url"), bob.ref()).refused(410, "Deleted")
		ann.get("/api/user/ann/lists/person").ok().has(t, map[string]any{"totalItems": 1.0, "items.0.displayName": "Family", "items.1": nil})
		ann.list("Pals", "person") // the name is free again
	})
}

// TestMembersOfAnyType: a list holds what its type says, or anything.
func TestMembersOfAnyType(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob, carl := s.person("ann"), s.person("bob"), s.person("carl")
		notes, mixed := ann.list("Notes", "note"), ann.list("Mixed")
		var ids []string
		for _, content := range []string{"n0", "n1", "n2"} {
			note := bob.note(content, public)
			ids = append(ids, note.id())
			ann.post(notes.text("members.url"), note.ref()).ok().has(t, map[string]any{"id": note.id(), "content": content, "author.id": bob.id()})
		}
		at := url.QueryEscape
		for _, tt := range []struct{ query, want, next string }{
			{"", "n2 n1 n0", ""},
			{"?count=2", "n2 n1", "?before=" + at(ids[1])},
			{"?before=" + ids[1], "n0", ""},
			{"?before=" + ids[1] + "&type=note", "n0", ""},
			{"?since=" + ids[0] + "&count=1&type=note", "n1", "?before=" + at(ids[1])},
			{"?offset=2", "n0", ""},
		} {
			page := ann.get(notes.text("members.url") + tt.query).ok()
			if got := strings.Join(column(page.docs("items"), "content"), " "); got != tt.want {
				t.Errorf("%s has %q, want %q", tt.query, got, tt.want)
			}
			var next any
			if tt.next != "" {
				next = notes.text("members.url") + tt.next
			}
			page.has(t, map[string]any{"displayName": "Members of Notes by ann", "url": notes.text("members.url"), "totalItems": 3.0, "objectTypes.0": "note", "author.id": ann.id(),
				"links.first.href": notes.text("members.url"), "links.self.href": notes.text("members.url"), "links.next.href": next})
		}
		ann.get(notes.text("members.url")).ok().has(t, map[string]any{"items.0.liked": false, "items.0.likes.totalItems": 0.0})

		for _, member := range []doc{bob.ref(), {"id": ids[0], "objectType": "note"}, carl.ref()} {
			ann.act(doc{"verb": "add", "object": member, "target": mixed.ref()})
		}
		all := []string{carl.id(), ids[0], bob.id()}
		for query, want := range map[string][]string{"": all, "?before=" + carl.id(): all[1:], "?before=" + ids[0]: all[2:], "?since=" + bob.id() + "&type=person": all[:2],
			"?since=" + ids[0] + "&type=person": all[:1]} {
			if got := column(ann.get(mixed.text("members.url")+query).ok().docs("items"), "id"); !slices.Equal(got, want) {
				t.Errorf("%s has %v, want %v", query, got, want)
			}
		}
		// What is deleted leaves the lists that it was in.
		bob.remove(ids[0]).said("Deleted")
		ann.get(mixed.text("members.url")).ok().has(t, map[string]any{"totalItems": 2.0, "items.0.id": carl.id(), "items.1.id": bob.id(), "items.2": nil})
		ann.get(notes.id()).ok().has(t, map[string]any{"members.totalItems": 2.0})
	})
}

// TestListOfForeignID: a list whose id was made elsewhere is filled and read by
// that.
func TestListOfForeignID(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	list := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "id": "urn:uuid:list", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
	members := home + "/api/collection/members?id=" + url.QueryEscape("urn:uuid:list")
	list.has(t, map[string]any{"members.url": members})
	ann.post(members, bob.ref()).ok().has(t, map[string]any{"id": bob.id()})
	ann.get(members).ok().has(t, map[string]any{"url": members, "items.0.id": bob.id(), "totalItems": 1.0})
	bob.get(members).refused(403, "Only the author and recipients can view this object.")
	ann.get("/api/collection/members").refused(400, "'id' required")
	bob.post(members, bob.ref()).refused(403, "Only the author and recipients can view this object.")
	ann.post("/api/collection/members", bob.ref()).refused(400, "'id' required")
	ann.post("/api/collection/members?id=urn:none", bob.ref()).refused(404, "Can't find a collection with ID = urn:none")
	ann.get("/api/collection/members?id=urn:none").refused(404, "Can't find a collection with ID = urn:none")
}

// TestChangesByForeignID: what has an id that was made elsewhere is changed and
// deleted by that.
func TestChangesByForeignID(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	for _, id := range []string{"tag:pump.io,2012:test:image:1", "https://photo.example/ann/1?a=b&c=d#e"} {
		path := "/api/image?id=" + url.QueryEscape(id)
		activity := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "image", "id": id, "displayName": "Down by the schoolyard"}})
		ann.put(path, doc{"displayName": "Up"}).ok().has(t, map[string]any{"id": id, "displayName": "Up", "links.self.href": home + path})
		bob.get(path).ok().has(t, map[string]any{"displayName": "Up"})
		bob.put(path, doc{"displayName": "Mine"}).refused(403, "Only the author can modify this object.")
		bob.remove(path).refused(403, "Only the author can modify this object.")
		ann.remove(path).said("Deleted")
		bob.get(path).refused(410, "Deleted")
		ann.remove(path).refused(410, "Deleted")

		byID := "/api/activity?id=" + url.QueryEscape(activity.id())
		bob.get(byID).ok().has(t, map[string]any{"id": activity.id(), "verb": "create", "object.id": id})
		ann.put(byID, doc{"title": "Told"}).ok().has(t, map[string]any{"id": activity.id(), "title": "Told"})
		ann.remove(byID).said("Deleted")
		bob.get(byID).refused(410, "Deleted")
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		ann.send(request{method: method, path: "/api/note", body: `{}`}).refused(400, "'id' required")
		ann.send(request{method: method, path: "/api/note?id=tag:x", body: `{}`}).refused(404, "Can't find a note with ID = tag:x")
		ann.send(request{method: method, path: "/api/nonsense?id=tag:x", body: `{}`}).refused(404, "Unknown type: nonsense")
		ann.send(request{method: method, path: "/api/activity", body: `{}`}).refused(400, "'id' required")
		ann.send(request{method: method, path: "/api/activity?id=tag:x", body: `{}`}).refused(404, "Can't find an activity with id tag:x")
	}
}

// TestPeopleAreLookedFor: q finds followers by a part of their names.
func TestPeopleAreLookedFor(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		people := s.people("ann", "bob", "bobby", "carl")
		ann := people[0]
		people[3].put("/api/user/carl/profile", doc{"displayName": "Ærø Bobson"}).ok()
		for _, v := range people[1:] {
			v.follow(ann)
			ann.follow(v)
		}
		for _, path := range []string{"/api/user/ann/followers", "/api/user/ann/following"} {
			for _, tt := range []struct{ query, want, next string }{
				{"?q=BOB", "carl bobby bob", ""},
				{"?q=bobb", "bobby", ""},
				{"?q=%C3%86R%C3%98", "carl", ""},
				{"?q=carl", "carl", ""},
				{"?q=", "carl bobby bob", ""},
				{"?q=%25", "", ""},
				{"?q=nobody", "", ""},
				{"?q=bob&count=1", "carl", "?before=acct%3Acarl%40pump.example&q=bob"},
				{"?q=bob&before=acct:carl@pump.example", "bobby bob", ""},
				{"?q=bob&since=acct:bob@pump.example&count=1", "bobby", "?before=acct%3Abobby%40pump.example&q=bob"},
			} {
				page := s.nobody().get(path + tt.query).ok()
				if got := strings.Join(column(page.docs("items"), "preferredUsername"), " "); got != tt.want {
					t.Errorf("%s%s finds %q, want %q", path, tt.query, got, tt.want)
				}
				var next any
				if tt.next != "" {
					next = home + path + tt.next
				}
				page.has(t, map[string]any{"url": home + path, "totalItems": 3.0, "links.next.href": next})
			}
		}
	})
}
