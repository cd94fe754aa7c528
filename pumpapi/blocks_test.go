package pumpapi_test

import (
	"strings"
	"testing"
)

func TestBlocks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob, carl := s.person("ann"), s.person("bob"), s.person("carl")
		bob.follow(ann)
		ann.follow(bob)
		note := ann.note("for everybody", public)
		page := ann.get("/api/user/ann/blocks").ok()
		page.has(t, map[string]any{"displayName": "Blocked by ann", "totalItems": 0.0, "objectTypes.0": "person", "url": home + "/api/user/ann/blocks"})

		ann.post("/api/user/ann/blocks", bob.ref()).ok().has(t, map[string]any{"id": bob.id(), "objectType": "person", "pump_io.followed": false})
		ann.post("/api/user/ann/blocks", bob.ref()).refused(400, "Already have a(n) 'block' with id '"+bob.id()+"'")
		ann.act(doc{"verb": "block", "object": doc{"objectType": "person", "id": "acct:troll@far.example"}})
		page = ann.get("/api/user/ann/blocks").ok()
		page.has(t, map[string]any{"totalItems": 2.0, "items.0.id": "acct:troll@far.example", "items.1.id": bob.id(), "items.2": nil})
		ann.get("/api/user/ann/blocks?before=acct:troll@far.example").ok().has(t, map[string]any{"items.0.id": bob.id(), "items.1": nil})
		ann.get("/api/user/ann/blocks?q=BO").ok().has(t, map[string]any{"items.0.id": bob.id(), "items.1": nil})

		// It is nobody else's business.
		bob.get("/api/user/ann/blocks").refused(401, "Not authorized")
		bob.post("/api/user/ann/blocks", carl.ref()).refused(401, "Not authorized")
		s.nobody().get("/api/user/ann/blocks").refused(401, "Not logged in.")
		for _, v := range []*visitor{bob, carl, s.nobody()} {
			for _, path := range []string{"/api/user/ann/feed", "/api/user/ann/feed/minor"} {
				if body := string(v.get(path).body); strings.Contains(body, `"block"`) {
					t.Errorf("%s finds the block in %s", name(v), path)
				}
			}
		}
		if body := string(bob.get("/api/user/bob/inbox").body); strings.Contains(body, `"block"`) {
			t.Error("bob is told that he is blocked")
		}

		// What it does.
		ann.get("/api/user/ann/followers").ok().has(t, map[string]any{"totalItems": 0.0})
		ann.get("/api/user/ann/following").ok().has(t, map[string]any{"totalItems": 0.0})
		bob.get(note.id()).refused(403, "Only the author and recipients can view this object.")
		bob.get("/api/user/ann/feed").ok().has(t, map[string]any{"totalItems": 0.0, "items.0": nil})
		s.nobody().get(note.id()).ok()
		bob.post("/api/user/bob/favorites", note.ref()).refused(403, "Only the author and recipients can view this object.")
		bob.post("/api/user/bob/feed", doc{"verb": "post", "object": doc{"objectType": "comment", "content": "x", "inReplyTo": note.ref()}}).
			refused(403, "Only the author and recipients can view this object.")
		for range 2 {
			bob.post("/api/user/bob/following", ann.ref()).refused(403, "Can't follow "+ann.id()+": it is not open to you.")
		}
		ann.post("/api/user/ann/following", bob.ref()).refused(400, "Can't follow "+bob.id()+": you block this account. Unblock it first.")
		bob.note("hey", ann.ref())
		ann.get("/api/user/ann/inbox/direct/major").ok().has(t, map[string]any{"items.0": nil})

		ann.act(doc{"verb": "unblock", "object": bob.ref()})
		ann.get("/api/user/ann/blocks").ok().has(t, map[string]any{"totalItems": 1.0})
		bob.get(note.id()).ok()
		bob.follow(ann)
	})
}
