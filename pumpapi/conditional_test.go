package pumpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestConditionalGet: JSON has a weak tag, and is not sent again to whoever has
// it.
func TestConditionalGet(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	note := ann.note("hello", public)
	list := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
	paths := []string{note.id(), note.text("likes.url"), note.text("replies.url"), list.text("members.url"), "/api/users", "/api/user/ann", "/api/user/ann/profile",
		"/api/user/ann/feed", "/api/user/ann/inbox/major?count=3", "/api/user/ann/followers", "/api/user/ann/favorites", "/api/user/ann/lists/person", "/api/user/ann/uploads",
		ann.get("/api/user/ann/feed").ok().text("items.0.id")}
	with := func(path, tag string) *answer {
		return ann.send(request{method: "GET", path: path, header: http.Header{"If-None-Match": {tag}}})
	}
	for _, path := range paths {
		first := ann.get(path)
		first.ok()
		tag := first.header.Get("Etag")
		if !strings.HasPrefix(tag, `W/"`) {
			t.Errorf("%s has the tag %s", path, tag)
		}
		if got := first.header.Get("Content-Length"); got != strconv.Itoa(len(first.body)) {
			t.Errorf("%s has the length %s, and %d bytes", path, got, len(first.body))
		}
		for _, condition := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
			if a := with(path, condition); a.status != 304 || len(a.body) > 0 || a.header.Get("Etag") != tag {
				t.Errorf("%s with %s: %d %s", path, condition, a.status, a.body)
			}
		}
		for _, condition := range []string{`"x"`, tag[:len(tag)-2] + `"`, ""} {
			if a := with(path, condition); a.status != 200 || string(a.body) != string(first.body) {
				t.Errorf("%s with %q: %d", path, condition, a.status)
			}
		}
	}
	// Another viewer gets another answer, and so another tag.
	mine, theirs := ann.get(note.id()).header.Get("Etag"), s.nobody().get(note.id()).header.Get("Etag")
	if mine == theirs {
		t.Error("what differs between viewers has one tag")
	}
	bob.act(doc{"verb": "like", "object": note.ref()})
	if a := with(note.id(), mine); a.status != 200 || a.header.Get("Etag") == mine {
		t.Errorf("after it has changed: %d", a.status)
	}
	// Refusals and writes have none.
	for _, a := range []*answer{ann.get("/api/note/unknown"), ann.post("/api/user/ann/feed", aNote), bob.get("/api/user/ann/inbox")} {
		if tag := a.header.Get("Etag"); tag != "" {
			t.Errorf("%s has the tag %s", a.request, tag)
		}
	}
	if a := ann.send(request{method: "PUT", path: note.id(), body: doc{"content": "x"}, header: http.Header{"If-None-Match": {"*"}}}); a.status != 200 {
		t.Errorf("a write with a condition: %d", a.status)
	}
}
