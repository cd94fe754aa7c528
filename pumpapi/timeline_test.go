package pumpapi_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestPublicTimeline: what people here do for everybody is in one place, for
// everybody.
func TestPublicTimeline(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		note := ann.note("one", public)
		ann.note("to followers")
		ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "unlisted"}, "cc": []doc{public}})
		bob.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "minor", "inReplyTo": note.ref()}})
		last := bob.act(doc{"verb": "post", "to": []doc{public}, "bcc": []doc{ann.ref()}, "object": doc{"objectType": "note", "content": "two"}})
		for _, tt := range []struct {
			path, title, want string
			total             float64
		}{
			{"/api/public/feed", "Public activities", "two, minor, one", 3},
			{"/api/public/feed/major", "Major public activities", "two, one", 2},
			{"/api/public/feed/minor", "Minor public activities", "minor", 1},
		} {
			for _, v := range []*visitor{s.nobody(), s.twoLegged(s.program), ann} {
				page := v.get(tt.path).ok()
				if got := contents(page); got != tt.want {
					t.Errorf("%s has %q, want %q", tt.path, got, tt.want)
				}
				page.has(t, map[string]any{"displayName": tt.title, "url": home + tt.path, "totalItems": tt.total, "objectTypes.0": "activity", "author": nil,
					"links.first.href": home + tt.path, "links.self.href": home + tt.path, "links.next": nil, "items.0.bcc": nil,
					"links.prev.href": home + tt.path + "?since=" + url.QueryEscape(page.text("items.0.id"))})
			}
		}
		ann.get("/api/public/feed/major").ok().has(t, map[string]any{"items.1.object.liked": false, "items.1.actor.id": ann.id()})
		page := s.nobody().get("/api/public/feed?count=1&before=" + last.id()).ok()
		if got := contents(page); got != "minor" || page.text("links.next.href") != home+"/api/public/feed?before="+url.QueryEscape(page.text("items.0.id")) {
			t.Errorf("before the last there is %q, and then %v", got, page["links"])
		}
		// What is taken back is shown no more.
		ann.remove(note.id()).said("Deleted")
		if a := s.nobody().get("/api/public/feed"); strings.Contains(string(a.body), "one<") || contents(a.ok()) == "two, minor, one" {
			t.Errorf("the timeline still has what was deleted: %s", a.body)
		}
	})
}
