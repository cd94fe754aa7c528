package pumpapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ownDocuments are written for this test, with a member that nobody knows in
// every place that there is.
var ownDocuments = map[string]string{
	"activity": `{"verb":"post","title":"A title","foo":{"bar":[1,null,"<&>"]},"links":{"self":{"href":"https://x.example/"},"alternate":{"href":"https://x.example/a","type":"text/html","hreflang":"de"}},
		"context":{"id":"tag:x,1:c","objectType":"thread","foo":1},"result":{"objectType":"thing","foo":2},"source":{"displayName":"s","foo":3},"provider":{"displayName":"p","foo":4},
		"location":{"objectType":"place","displayName":"Bern","foo":5},"object":{"objectType":"note","content":"c","displayName":"d","summary":"s","foo":6,"http://x.example/ns#bar":[7],
		"links":{"alternate":{"href":"https://x.example/b","foo":8},"enclosure":{"href":"https://x.example/c"}},
		"image":{"url":"https://x.example/i","width":1,"height":2,"foo":9},"stream":{"url":"https://x.example/s","duration":1.5,"foo":10},"fullImage":{"url":"https://x.example/f","foo":11},
		"attachments":[{"objectType":"image","id":"tag:x,1:i","foo":12,"author":{"id":"tag:x,1:p","displayName":"p","foo":13},"links":{"self":{"href":"https://x.example/i","foo":14}}}],
		"tags":[{"objectType":"hashtag","displayName":"t","foo":15},{"objectType":"person","id":"acct:a@b.example"}],"location":{"displayName":"here","position":"+1-2/","foo":16},
		"fileUrl":"https://x.example/f","mimeType":"text/plain","startTime":"2013-12-22T06:27:13Z","endTime":"2013-12-23T06:27:13Z","upstreamDuplicates":["u"],"downstreamDuplicates":["d"]}}`,
	"foreign object": `{"verb":"post","object":{"id":"tag:x,1:o","objectType":"article","url":"https://x.example/o","foo":{"a":1},"content":"c","links":{"alternate":{"href":"https://x.example/b"}}}}`,
	"copy":           `{"verb":"like","object":{"id":"tag:x,1:copy","objectType":"article","url":"https://x.example/o","foo":{"a":1},"content":"c","links":{"self":{"href":"https://x.example/b"}}}}`,
	"target":         `{"verb":"give","object":{"objectType":"gift","foo":1},"target":{"id":"tag:x,1:t","objectType":"charity","displayName":"d","foo":2,"image":{"url":"https://x.example/i"}}}`,
	"inner":          `{"verb":"confirm","object":{"verb":"invite","id":"tag:x,1:a","actor":{"id":"acct:a@b.example","objectType":"person"},"object":{"id":"tag:x,1:e","objectType":"event","foo":1},"title":"t","content":"c","bar":2}}`,
	"person":         `{"verb":"follow","object":{"id":"acct:a@b.example","objectType":"person","displayName":"A","summary":"s","foo":1,"links":{"self":{"href":"https://b.example/a","foo":2}},"image":{"url":"https://b.example/i"},"followers":{"url":"https://b.example/f"},"location":{"displayName":"there","foo":3}}}`,
}

const notAList = `Bad document: to: must be a list of objects, each with an "id" and an "objectType"`

// refusedVectors are the documents of the vectors that are refused when somebody
// posts them in their own name, and what they are told. All others are taken.
var refusedVectors = map[string]string{
	// Made up for a converter that looks at the verb only: nobody is addressed by a
	// string. pump.io answers these with 500.
	"stop-following.json": notAList, "unfavorite.json": notAList, "unlike.json": notAList, "unshare-of-post-activity.json": notAList,
	// Made up for the same converter: nothing is liked.
	"like-note-with-target.json": `The activity has no object: there must be a member "object" that says what was done something to.`,
	// Second requests, about what the first had made there.
	"mediagoblin-delete-comment.json": "No such 'comment' with id 'https://server.example/api/comment/id'",
	"mediagoblin-update-image.json":   "No such 'image' with id 'https://server.example/api/image/6_K9m-2NQFi37je845c83w'",
	"pypump-add-to-list.json":         "No such 'collection' with id 'https://example.com/api/collection/CZGYt-ljQ2WcmqfU1n5znA'",
	"pypump-remove-from-list.json":    "No such 'collection' with id 'https://example.com/api/collection/CZGYt-ljQ2WcmqfU1n5znA'",
	// A group that is not known here cannot be asked whether it is open.
	"join-unknown-group.json": "No such 'group' with id 'urn:uuid:bde3d2b4-b0f6-11e2-954a-2c8158efb9e9'",
	// People who cannot be followed: by an id that names no host, and without any.
	"person-identica-duplicates.json":  `"urn:uuid:cb8e1f0c-898d-45e5-b155-5d3e1bf0be72" names no account: an account is like acct:ann@example.org or https://example.org/ann.`,
	"pumpa-person-remote-proxied.json": "A person without an id cannot be found: give its \"id\", for example acct:ann@example.org.",
}

// vectors are the documents in the folder that MANIFOLD_VECTORS names. Without
// it there are none; when it is set, they must be there.
func vectors(t *testing.T) map[string]string {
	t.Helper()
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(folder, "pump", "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("MANIFOLD_VECTORS is %s, but there are no documents in its folder pump: %v", folder, err)
	}
	documents := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		documents[filepath.Base(name)] = string(b)
	}
	for name := range refusedVectors {
		if documents[name] == "" {
			t.Errorf("%s is to be refused, but is not there", name)
		}
	}
	listed := 0
	index, err := os.ReadFile(filepath.Join(folder, "pump", "INDEX.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(index)) {
		row, ok := strings.CutPrefix(line, "| ")
		name, _, _ := strings.Cut(row, " |")
		if !ok || !strings.HasSuffix(name, ".json") {
			continue
		}
		if listed++; documents[name] == "" {
			t.Errorf("the index lists %s, which is not there", name)
		}
	}
	if listed != len(documents) {
		t.Errorf("the index lists %d documents, and %d are there", listed, len(documents))
	}
	return documents
}

// TestNothingIsLost: what a client posts is what it and others get, whatever it
// consists of.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	documents := vectors(t)
	if documents == nil {
		documents = map[string]string{}
	}
	for name, d := range ownDocuments {
		documents[name] = d
	}
	for name, text := range documents {
		t.Run(name, func(t *testing.T) {
			var given doc
			if err := json.Unmarshal([]byte(text), &given); err != nil {
				t.Fatal(err)
			}
			s := newSite(t, siteOptions{})
			ann, bob := s.person("ann"), s.person("bob")
			activity := asActivity(given)
			if activity["actor"] != nil {
				activity["actor"] = ann.ref() // who else it was is told by nobody
			}
			a := ann.post("/api/user/ann/feed", activity)
			if message, ok := refusedVectors[name]; ok {
				a.refused(400, message)
				return
			}
			served := a.ok()
			for _, loss := range lost("", activity, served) {
				t.Errorf("the answer has lost %s", loss)
			}
			again := ann.get(served.id()).ok()
			for _, loss := range lost("", activity, again) {
				t.Errorf("asked for again it has lost %s", loss)
			}
			for _, loss := range lost("", activity, ann.get("/api/user/ann/feed").ok().doc("items.0")) {
				t.Errorf("in the feed it has lost %s", loss)
			}
			if t.Failed() {
				t.Logf("given\n%s\nserved\n%s", activity, served)
			}
			// What it was is known to those who may see it.
			if seen := bob.get(served.id()); seen.status == 200 {
				delete(activity, "bto")
				delete(activity, "bcc")
				for _, loss := range lost("", activity, seen.ok()) {
					t.Errorf("for others it has lost %s", loss)
				}
			}
		})
	}
}

// asActivity makes something to post of a document that is none: a person is
// followed, anything else posted.
func asActivity(d doc) doc {
	switch {
	case d["verb"] != nil || d["object"] != nil:
		return d
	case d["objectType"] == "person":
		return doc{"verb": "follow", "object": map[string]any(d)}
	}
	return doc{"verb": "post", "object": map[string]any(d)}
}

// ofTheServer are the members that the server makes itself, by the ends of their
// paths.
var ofTheServer = []string{
	"liked", "pump_io", "published", "updated", "deleted", // times of what is posted here are ours
	"generator", "actor", "author", "received", "links.self",
	"likes", "replies", "shares", "members", "followers", "following", "favorites", "lists",
}

// lost lists what given has and got has not.
func lost(path string, given, got any) []string {
	switch g := given.(type) {
	case doc:
		return lost(path, map[string]any(g), got)
	case map[string]any:
		var losses []string
		for name, value := range g {
			at := strings.TrimPrefix(path+"."+name, ".")
			m, isObject := got.(map[string]any)
			if d, ok := got.(doc); ok {
				m, isObject = d, true
			}
			switch {
			case strings.HasPrefix(name, "_") || value == nil || value == "":
			case slices.ContainsFunc(ofTheServer, func(end string) bool { return at == end || strings.HasSuffix(at, "."+end) }):
			case at == "id" || at == "url":
			case at == "object.url" && g["id"] == nil: // what is made here has a page here
			case strings.HasPrefix(path, "to[") && name != "id" && name != "objectType": // an addressee is a reference
			case !isObject:
				losses = append(losses, fmt.Sprintf("%s: %v has become %v", at, value, got))
			case name == "links":
				losses = append(losses, lost(at, byRelation(value), m[name])...)
			default:
				losses = append(losses, lost(at, value, m[name])...)
			}
		}
		return losses
	case []any:
		list, _ := got.([]any)
		var losses []string
		for i, value := range g {
			at := fmt.Sprintf("%s[%d]", path, i)
			if i >= len(list) {
				losses = append(losses, at)
				continue
			}
			losses = append(losses, lost(at, value, list[i])...)
		}
		return losses
	case string:
		if m, ok := got.(map[string]any); ok && m["id"] == g {
			return nil // an object by its id
		}
		if m, ok := got.(map[string]any); ok && m["href"] == g {
			return nil // a link by its address
		}
	}
	if given == got {
		return nil
	}
	return []string{fmt.Sprintf("%s: %v has become %v", path, given, got)}
}

// byRelation turns links that are a list into the other form.
func byRelation(links any) any {
	list, ok := links.([]any)
	if !ok {
		return links
	}
	relations := map[string]any{}
	for _, e := range list {
		if link, ok := e.(map[string]any); ok {
			relations[fmt.Sprint(link["rel"])] = map[string]any{"href": link["href"]}
		}
	}
	return relations
}

// TestServedAgainPosted: clients post whole what they were served, as PyPump
// does: nothing of what was made for them is taken for theirs.
func TestServedAgainPosted(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	note := ann.note("hello", public)
	bob.act(doc{"verb": "like", "object": note.ref()})
	served := ann.get(note.id()).ok()
	again := ann.put(note.id(), served).ok()
	delete(served, "updated")
	delete(again, "updated")
	if again.String() != served.String() {
		t.Errorf("it was\n%s, and is\n%s", served, again)
	}
	profile := ann.get("/api/user/ann/profile").ok()
	after := ann.put("/api/user/ann/profile", profile).ok()
	delete(profile, "updated")
	delete(after, "updated")
	if after.String() != profile.String() {
		t.Errorf("the profile was\n%s, and is\n%s", profile, after)
	}
}

// TestMarkupIsCleaned: HTML from people is shown by clients as it is.
func TestMarkupIsCleaned(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	const evil = `<b>ok</b><script>EVIL()</script><a href="javascript:EVIL()" onclick="EVIL()">x</a><img src=x onerror=EVIL()><iframe src="https://EVIL"></iframe>`
	object := func() doc {
		return doc{"objectType": "thing", "content": evil, "summary": evil, "embedCode": evil, "author": doc{"content": evil, "id": "tag:x,1:a"},
			"location": doc{"content": evil}, "attachments": []doc{{"content": evil, "tags": []doc{{"summary": evil}}}}, "tags": []doc{{"content": evil}}}
	}
	activity := doc{"verb": "post", "content": evil, "object": object(), "target": doc{"id": "tag:x,1:t", "objectType": "thing", "content": evil}, "context": object(), "result": object(),
		"source": object(), "provider": object(), "location": object(), "to": []doc{{"id": "tag:x,1:x", "objectType": "collection", "content": evil}, public}}
	posted := ann.act(activity)
	inner := ann.act(doc{"verb": "confirm", "object": doc{"verb": "invite", "content": evil, "object": object(), "target": object()}, "to": []doc{public}})
	copied := object()
	copied["id"] = "tag:x,1:copy"
	ann.act(doc{"verb": "like", "object": copied, "to": []doc{public}})
	ann.put(posted.id(), doc{"content": evil, "location": object()}).ok()
	ann.put(posted.text("object.id"), object()).ok()
	ann.put("/api/user/ann/profile", doc{"summary": evil, "location": object()}).ok()
	for _, path := range []string{posted.id(), posted.text("object.id"), inner.id(), "/api/user/ann/feed", "/api/user/ann/profile"} {
		a := ann.get(path)
		a.ok()
		if i := strings.Index(string(a.body), "EVIL"); i >= 0 {
			t.Errorf("%s: %s", path, a.body[max(0, i-200):i+20])
		}
	}
	posted.has(t, map[string]any{"content": posted.text("content"), "object.author": nil})
	if got := posted.text("object.content"); !strings.HasPrefix(got, "<b>ok</b>") {
		t.Errorf("what does no harm is gone: %s", got)
	}
	// A name is text, which clients escape.
	ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "displayName": "a <b> & c"}}).has(t, map[string]any{"object.displayName": "a <b> & c"})
}
