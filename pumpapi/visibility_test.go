package pumpapi_test

import (
	"strings"
	"testing"
)

// audience is ann, who writes, and those whom it matters to in different ways.
type audience struct {
	ann, bob, carl, dave, eve *visitor
	program, stranger         *visitor
	pals                      doc // a list with dave
}

func newAudience(s *site) *audience {
	people := s.people("ann", "bob", "carl", "dave", "eve")
	a := &audience{people[0], people[1], people[2], people[3], people[4], s.twoLegged(s.program), s.nobody(), nil}
	a.carl.follow(a.ann)
	a.pals = a.ann.act(doc{"verb": "create", "to": []doc{a.ann.ref()},
		"object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
	a.ann.post(a.pals.text("members.url"), a.dave.ref()).ok()
	return a
}

// viewers are all of them, in the order of the columns in tests.
func (a *audience) viewers() []*visitor {
	return []*visitor{a.ann, a.bob, a.carl, a.dave, a.eve, a.program, a.stranger}
}

func TestWhoSeesWhat(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		a := newAudience(s)
		upload := a.ann.send(request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 8, 8, "png"), contentType: "image/png"}).ok()
		post := func(address doc) doc {
			address["verb"], address["object"] = "post", doc{"objectType": "note", "content": "hello"}
			return a.ann.act(address)
		}
		// Whether each of ann, bob (named), carl (follower), dave (on a list), eve, a
		// program and a stranger sees it.
		tests := []struct {
			name     string
			activity doc
			sees     string
		}{
			{"to public", post(doc{"to": []doc{public}}), "yyyyyyy"},
			{"cc public", post(doc{"cc": []doc{public}}), "yyyyyyy"},
			{"bto public", post(doc{"bto": []doc{public}}), "yyyyyyy"},
			{"to public by another name", post(doc{"to": []doc{{"id": "https://www.w3.org/ns/activitystreams#Public", "objectType": "collection"}}}), "yyyyyyy"},
			{"cc followers", post(doc{"cc": []doc{a.ann.followers()}}), "ynynnnn"},
			{"by default", post(doc{}), "ynynnnn"},
			{"empty lists", post(doc{"to": []doc{}, "cc": []doc{}, "bto": []doc{}, "bcc": []doc{}}), "ynynnnn"},
			{"to bob", post(doc{"to": []doc{a.bob.ref()}}), "yynnnnn"},
			{"cc bob", post(doc{"cc": []doc{a.bob.ref()}}), "yynnnnn"},
			{"bto bob", post(doc{"bto": []doc{a.bob.ref()}}), "yynnnnn"},
			{"bcc bob", post(doc{"bcc": []doc{a.bob.ref()}}), "yynnnnn"},
			{"to bob without a type", post(doc{"to": []doc{{"id": a.bob.id()}}}), "yynnnnn"},
			{"to bob by his page", post(doc{"to": []doc{{"id": home + "/bob", "objectType": "person"}}}), "yynnnnn"},
			{"to a list", post(doc{"to": []doc{a.pals.ref()}}), "ynnynnn"},
			{"to herself", post(doc{"to": []doc{a.ann.ref()}}), "ynnnnnn"},
			{"bob and followers", post(doc{"to": []doc{a.bob.ref()}, "cc": []doc{a.ann.followers()}}), "yyynnnn"},
			{"followers of bob", post(doc{"to": []doc{a.bob.followers()}}), "ynnnnnn"},
		}
		for _, tt := range tests {
			object := tt.activity.text("object.id")
			for i, v := range a.viewers() {
				sees := tt.sees[i] == 'y'
				for _, path := range []string{object, object + "/likes", object + "/replies", object + "/shares"} {
					checkSeen(t, tt.name, v.get(path), v, sees, "Only the author and recipients can view this object.")
				}
				checkSeen(t, tt.name, v.get(tt.activity.id()), v, sees, "Only the actor and recipients can view this activity.")
				if got := strings.Contains(string(v.get("/api/user/ann/feed?count=200").body), tt.activity.id()); got != sees {
					t.Errorf("%s: %s finds it in the feed: %t, want %t", tt.name, name(v), got, sees)
				}
				if v.nick == "" {
					continue
				}
				inbox := strings.Contains(string(v.get(v.user("/inbox?count=200")).body), tt.activity.id())
				if want := sees && (tt.sees != "yyyyyyy" || v == a.ann || v == a.carl); inbox != want {
					t.Errorf("%s: %s finds it in the inbox: %t, want %t", tt.name, name(v), inbox, want)
				}
			}
		}
		for i, v := range a.viewers() {
			checkSeen(t, "upload", v.get(upload.id()), v, i == 0, "No authorization for this object.")
		}
		// Somebody who has left hears no more, and somebody who comes later reads on.
		a.carl.act(doc{"verb": "stop-following", "object": a.ann.ref()})
		a.eve.follow(a.ann)
		old := tests[4].activity.text("object.id")
		a.eve.get(old).ok()
		a.carl.get(old).ok() // it is in carl's inbox
	})
}

func name(v *visitor) string {
	switch {
	case v.nick != "":
		return v.nick
	case v.signer != nil:
		return "a program"
	}
	return "a stranger"
}

func checkSeen(t *testing.T, what string, a *answer, v *visitor, sees bool, refusal string) {
	t.Helper()
	want := 200
	switch {
	case !sees && v.signer == nil:
		want, refusal = 401, "Not logged in."
	case !sees:
		want = 403
	}
	if a.status != want {
		t.Errorf("%s: %s gets %d for %s, want %d: %s", what, name(v), a.status, a.request, want, a.body)
	} else if !sees {
		a.refused(want, refusal)
	}
}

// TestHiddenRecipients: nobody but the actor learns of bto and bcc, wherever the
// activity or its object is shown.
func TestHiddenRecipients(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		a := newAudience(s)
		activity := a.ann.act(doc{"verb": "post", "to": []doc{public}, "cc": []doc{a.bob.ref()}, "bto": []doc{a.carl.ref(), a.pals.ref()},
			"bcc": []doc{{"id": "acct:dan@elsewhere.example", "objectType": "person"}}, "object": doc{"objectType": "note", "content": "hello"}})
		activity.has(t, map[string]any{"bto.0.id": a.carl.id(), "bto.1.id": a.pals.id(), "bcc.0.id": "acct:dan@elsewhere.example", "to.0.id": publicID, "cc.0.id": a.bob.id()})
		a.bob.act(doc{"verb": "share", "object": activity.doc("object").ref(), "to": []doc{public}})
		a.eve.act(doc{"verb": "play", "object": doc{"id": activity.id(), "objectType": "activity"}, "to": []doc{public, a.bob.ref()}})
		a.eve.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "c", "inReplyTo": activity.doc("object").ref()}})
		a.ann.put(activity.id(), doc{"title": "changed"}).ok().has(t, map[string]any{"bto.0.id": a.carl.id()})
		a.ann.get(activity.id()).ok().has(t, map[string]any{"bto.0.id": a.carl.id(), "bcc.0.id": "acct:dan@elsewhere.example"})

		for _, v := range a.viewers() {
			for _, path := range append([]string{activity.id(), activity.text("object.id"), activity.text("object.id") + "/replies",
				"/api/user/ann/feed", "/api/user/ann/feed/major", "/api/user/bob/feed", "/api/user/eve/feed",
				v.user("/inbox"), v.user("/inbox/major"), v.user("/inbox/direct"), v.user("/feed")}, feedsAround(v)...) {
				if strings.Contains(path, "/api/user//") {
					continue
				}
				got := string(v.get(path).body)
				hidden := strings.Contains(got, `"bto"`) || strings.Contains(got, `"bcc"`) || strings.Contains(got, "elsewhere.example")
				own := v == a.ann && !strings.Contains(path, "/object") && !strings.HasPrefix(path, activity.text("object.id"))
				if hidden && !own {
					t.Errorf("%s learns of hidden recipients from %s: %s", name(v), path, got)
				}
			}
		}
		// The answer to an update with the addresses of the post shows them to the author.
		updated := a.ann.act(doc{"verb": "update", "object": doc{"id": activity.text("object.id"), "objectType": "note", "content": "changed"}})
		updated.has(t, map[string]any{"bto.0.id": a.carl.id(), "bcc.0.id": "acct:dan@elsewhere.example"})
		a.carl.get(updated.id()).ok().has(t, map[string]any{"bto": nil, "bcc": nil})
	})
}

func feedsAround(v *visitor) []string {
	if v.nick == "" {
		return nil
	}
	return []string{v.user("/favorites"), v.user("/followers"), v.user("/inbox/minor")}
}

// TestNothingLeaksThroughOthers: what bob, who may see it, does with a note of
// ann that eve may not see, shows eve nothing of it.
func TestNothingLeaksThroughOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		a := newAudience(s)
		a.eve.follow(a.bob)
		secret := a.ann.act(doc{"verb": "post", "to": []doc{a.bob.ref()},
			"object": doc{"objectType": "note", "displayName": "SECRET title", "content": "SECRET content", "SECRET": 1}}).doc("object")
		to := []doc{public}
		for _, activity := range []doc{
			{"verb": "share", "object": secret.ref(), "to": to},
			{"verb": "like", "object": secret.ref(), "to": to},
			{"verb": "post", "object": doc{"objectType": "comment", "content": "an answer", "inReplyTo": secret.ref()}, "to": to},
			{"verb": "post", "object": doc{"objectType": "comment", "content": "an answer", "inReplyTo": secret}, "to": to},
			{"verb": "play", "object": secret.ref(), "to": to},
			{"verb": "give", "object": doc{"objectType": "note", "content": "x"}, "target": secret.ref(), "to": to},
			{"verb": "tag", "object": a.carl.ref(), "target": secret.ref(), "to": to},
			{"verb": "flag", "object": secret, "to": to},
		} {
			a.bob.act(activity)
		}
		for _, v := range []*visitor{a.eve, a.carl, a.program, a.stranger} {
			paths := []string{"/api/user/bob/feed", "/api/user/bob/feed/major", "/api/user/bob/feed/minor", "/api/user/bob/favorites", "/api/user/ann/feed", secret.id(),
				secret.id() + "/replies", secret.id() + "/likes", secret.id() + "/shares"}
			if v.nick != "" {
				paths = append(paths, v.user("/inbox"))
			}
			for _, activity := range v.get("/api/user/bob/feed").ok().docs("items") {
				paths = append(paths, activity.id())
				if object := activity.text("object.id"); strings.HasPrefix(object, home) {
					paths = append(paths, object, object+"/replies")
				}
			}
			for _, path := range paths {
				if body := string(v.get(path).body); strings.Contains(body, "SECRET") {
					t.Errorf("%s learns from %s: %.100s", name(v), path, body[strings.Index(body, "SECRET")-60:])
				}
			}
		}
		// bob himself sees what he did it to.
		own := a.bob.get("/api/user/bob/feed").ok()
		if got := strings.Count(own.String(), "SECRET content"); got < 7 {
			t.Errorf("bob sees it in %d places: %s", got, own)
		}
		// What eve cannot see she can do nothing with.
		before := s.state()
		for _, activity := range []doc{
			{"verb": "share", "object": secret.ref()}, {"verb": "like", "object": secret.ref()}, {"verb": "play", "object": secret.ref()},
			{"verb": "post", "object": doc{"objectType": "comment", "content": "x", "inReplyTo": secret.ref()}},
			{"verb": "give", "object": doc{"objectType": "note"}, "target": secret.ref()},
		} {
			if r := a.eve.post("/api/user/eve/feed", activity); r.status != 403 {
				t.Errorf("eve can %s it: %d %s", activity["verb"], r.status, r.body)
			}
		}
		a.eve.post("/api/user/eve/favorites", secret.ref()).refused(403, "Only the author and recipients can view this object.")
		if s.state() != before {
			t.Error("a refused activity changed something")
		}
	})
}

// TestActivityAboutAnActivity: it shows which one, and more of it only where that
// is for everybody.
func TestActivityAboutAnActivity(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob, eve := s.person("ann"), s.person("bob"), s.person("eve")
	open := ann.act(doc{"verb": "play", "object": doc{"objectType": "song", "displayName": "A song"}, "to": []doc{public}})
	closed := ann.act(doc{"verb": "play", "object": doc{"objectType": "song", "displayName": "A song"}, "to": []doc{bob.ref()}})
	for _, played := range []doc{open, closed} {
		about := bob.act(doc{"verb": "applaud", "object": doc{"id": played.id(), "objectType": "activity"}, "to": []doc{public}})
		about.has(t, map[string]any{"object.id": played.id(), "object.objectType": "activity", "object.verb": "play", "object.actor.id": ann.id(), "object.to": nil})
		if played.id() == open.id() {
			about.has(t, map[string]any{"object.content": open.text("content"), "object.object.id": open.text("object.id")})
			eve.get(about.id()).ok()
			continue
		}
		about.has(t, map[string]any{"object.content": nil, "object.object": nil})
		eve.get(about.id()).refused(403, "Only the actor and recipients can view this activity.")
		eve.post("/api/user/eve/feed", doc{"verb": "applaud", "object": doc{"id": closed.id(), "objectType": "activity"}}).
			refused(403, "Only the actor and recipients can view this activity.")
	}
}

// TestMembersOfAListAreItsAuthors: who may know that there is a list need not
// know who is on it. pump.io shows them.
func TestMembersOfAListAreItsAuthors(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob, carl := s.person("ann"), s.person("bob"), s.person("carl")
	list := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
	ann.post(list.text("members.url"), carl.ref()).ok()
	ann.get(list.id()).ok().has(t, map[string]any{"members.totalItems": 1.0, "members.items.0.id": carl.id()})
	for _, v := range []*visitor{bob, carl, s.twoLegged(s.program), s.nobody()} {
		v.get(list.id()).ok().has(t, map[string]any{"displayName": "Pals", "members.items": nil})
		v.get(list.text("members.url")).refused(403, "Only the author can view the members of a list.")
		v.get("/api/user/ann/lists/person").ok().has(t, map[string]any{"items.0.displayName": "Pals", "items.0.members.items": nil})
	}
}

// TestAPageShowsTheSameInAnyCompany: what an activity shows does not depend on
// what else is on the page.
func TestAPageShowsTheSameInAnyCompany(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	copied := doc{"objectType": "note", "id": "https://elsewhere.example/note/1", "content": "a copy"}
	like := ann.act(doc{"verb": "like", "object": copied})
	like.has(t, map[string]any{"object.content": "a copy"})
	ann.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "c", "inReplyTo": copied}})
	for _, path := range []string{"/api/user/ann/feed", "/api/user/ann/feed/minor", "/api/user/ann/inbox"} {
		page := ann.get(path).ok()
		page.has(t, map[string]any{"items.0.object.content": "c", "items.0.object.inReplyTo.id": copied.id(), "items.1.object.content": "a copy"})
		alone := ann.get(path + "?count=1&offset=1").ok()
		if got, want := alone.doc("items.0").String(), page.doc("items.1").String(); got != want {
			t.Errorf("%s: alone it is\n%s\nin company\n%s", path, got, want)
		}
	}
}
