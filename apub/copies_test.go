package apub_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/bridge"
	"manifold/models/vocab"
)

// copyAt is where we have a copy of a thing of another server.
func copyAt(kind, id string) string { return ours + "/api/" + kind + "?id=" + url.QueryEscape(id) }

// tree is a document that was answered with 200.
func (w *world) tree(answer *httptest.ResponseRecorder) object {
	w.t.Helper()
	var doc object
	if answer.Code != http.StatusOK || !strings.HasPrefix(answer.Header().Get("Content-Type"), asAS2) {
		w.t.Fatalf("status %d, %s: %s", answer.Code, answer.Header().Get("Content-Type"), answer.Body)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// asSent is a document as it is after its way over the wire.
func asSent(t *testing.T, doc object) object {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var sent object
	if err := json.Unmarshal(raw, &sent); err != nil {
		t.Fatal(err)
	}
	return sent
}

// TestCopiesAreAsTheyCame: what came from elsewhere is served in AS2 with every
// member that it had, to those who may see it, and without those whom bto and bcc
// name.
func TestCopiesAreAsTheyCame(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		ann := w.person("ann")
		odd := object{"https://odd.example/ns#x": []any{1.5, object{"bcc": []any{"http://hidden.example/"}, "deep": true}}, "content": "<p>hello</p><script>1</script>",
			"summary": nil, "as:bto": "http://hidden.example/", "likes": object{"totalItems": 4.0}}
		note := c.bob.note("", odd)
		create := c.bob.does("Create", note, object{"to": note["to"], "cc": note["cc"], "bto": ours + "/users/ann"})
		w.sends(c.bob, create)
		id := note["id"].(string)
		plain := asSent(w.t, note)
		delete(plain, "as:bto")
		delete(plain["https://odd.example/ns#x"].([]any)[1].(object), "bcc")
		plain["@context"] = create["@context"]
		same(w.t, "the note", w.tree(w.serve(unsigned(copyAt("note", id)))), plain)
		deed := asSent(w.t, create)
		delete(deed, "bto")
		deed["object"] = maps.Clone(plain)
		delete(deed["object"].(object), "@context")
		same(w.t, "the posting", w.tree(w.serve(unsigned(copyAt("activity", create["id"].(string))))), deed)

		// A change is served as it came, too.
		changed := maps.Clone(note)
		changed["content"], changed["updated"] = "<p>changed</p>", "2031-01-02T03:04:05Z"
		delete(changed, "as:bto")
		changed["https://odd.example/ns#x"] = "new"
		w.sends(c.bob, c.bob.does("Update", changed))
		plain = asSent(w.t, changed)
		plain["@context"] = create["@context"]
		same(w.t, "the changed note", w.tree(w.serve(unsigned(copyAt("note", id)))), plain)

		// What is for followers is for them.
		secret := c.bob.note("for ann", object{"to": ours + "/users/ann", "cc": []string{}})
		w.sends(c.bob, c.bob.does("Create", secret, object{"to": secret["to"]}))
		at := copyAt("note", secret["id"].(string))
		for what, r := range map[string]*http.Request{"a stranger": unsigned(at), "another": c.eve.reads(at, httpsig.Cavage), "of another type": unsigned(copyAt("article", id)),
			"of nothing": unsigned(copyAt("note", c.bob.id+"/none"))} {
			if answer := w.serve(r); answer.Code != http.StatusNotFound || strings.Contains(answer.Body.String(), "for ann") {
				w.t.Errorf("%s: status %d %s", what, answer.Code, answer.Body)
			}
		}
		same(w.t, "to its author", w.tree(w.serve(c.bob.reads(at, httpsig.Cavage)))["content"], "for ann")
		// Our own things are found at their ids, and so is what came by another network.
		mine := w.does(ann, vocab.VerbPost, text("mine"), &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}).Object.ID
		if answer := w.serve(unsigned(copyAt("note", mine))); answer.Code != http.StatusFound || answer.Header().Get("Location") != mine {
			w.t.Errorf("a note of ours leads by %d to %q", answer.Code, answer.Header().Get("Location"))
		}
		w.sends(c.bob, c.bob.does("Delete", object{"id": id, "type": "Tombstone"}))
		if answer := w.serve(unsigned(copyAt("note", id))); answer.Code != http.StatusGone || strings.Contains(answer.Body.String(), "changed") || !strings.Contains(answer.Body.String(), "Tombstone") {
			w.t.Errorf("what was deleted: status %d %s", answer.Code, answer.Body)
		}
	})
}

// notKept are the vectors of which no copy is kept, and why.
var notKept = map[string]string{
	"tag_of.as2-from-as.json": "it adds to a collection that is not known",
	"update_person.as2.json":  "the new profile is in force from then on, and kept as no copy",
}

// narrowed are the vectors that are kept as they came and shown to fewer than they are
// addressed to, and why.
var narrowed = map[string]string{
	"accept_follow.as2.json": "an answer to a follow is for the follower alone",
}

// TestVectorsAreServedAsTheyCame: each AS2 document of the vectors, received from its
// author, is served back equal to what came. A vector that says who wrote it by no
// address that is one, or has no id, is given that before it is sent, and ids that are
// tags are made addresses, so that those in a vector still name each other; all are sent to
// everybody. What a vector accepts or takes back has happened before. Nothing in what
// is served back is ours.
func TestVectorsAreServedAsTheyCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	documents := vectors(t, "*.as2*.json")
	for name, raw := range vectors(t, "*") {
		if documents[name] == nil && bytes.Contains(raw, []byte(`"@context"`)) {
			t.Errorf("%s is AS2 and not among the documents that are looked at", name)
		}
	}
	served, people, other := 0, 0, 0
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if strings.Contains(name, ".as-from-as2.") {
			other++ // AS1
			continue
		}
		doc, d, err := w.completed(t, documents[name], name)
		if err != nil {
			if notKept[name] == "" {
				t.Errorf("%s is not read: %v", name, err)
			}
			continue
		}
		if d.Actor != nil && d.Activity == nil {
			people++ // what their server says at the moment; no copy is kept
			continue
		}
		deed, author := d.Activity, ""
		if deed == nil {
			deed = d.Posting
		}
		author = deed.Actor.ID
		w.happens(t, doc, name)
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.receivesFrom(author, deed, raw); err != nil {
			if notKept[name] == "" {
				t.Errorf("%s is not received: %v", name, err)
			}
			continue
		}
		if notKept[name] != "" {
			t.Errorf("%s is received after all", name)
		}
		kind := vocab.TypeActivity
		if d.Activity == nil {
			kind = w.object(doc["id"]).Type
		}
		got := w.serve(unsigned(copyAt(kind, doc["id"].(string))))
		var back object
		if why := narrowed[name]; why != "" {
			original, err := w.db.LatestOriginal(t.Context(), w.activity(doc).ID)
			if err != nil || got.Code != http.StatusNotFound || !bytes.Equal(original.Bytes, raw) {
				t.Errorf("%s: a stranger is answered by %d %s, and kept is %+v, %v, though %s", name, got.Code, got.Body, original, err, why)
			}
			served++
			continue
		}
		if err := json.Unmarshal(got.Body.Bytes(), &back); err != nil || got.Code != http.StatusOK {
			t.Errorf("%s is answered by %d %s", name, got.Code, got.Body)
			continue
		}
		if !reflect.DeepEqual(back, doc) {
			t.Errorf("%s has become\n%s\nit was\n%s", name, got.Body, raw)
		}
		served++
	}
	if rest := len(documents) - other - people - len(notKept); documents != nil && (served != rest || rest == 0) {
		t.Errorf("of %d documents that are no people, %d were served back", rest, served)
	}
}

// completed is a vector with an id, an author and addressees.
func (w *world) completed(t *testing.T, raw []byte, name string) (object, *apub.Document, error) {
	t.Helper()
	var doc object
	if err := json.Unmarshal(bytes.ReplaceAll(raw, []byte("tag:example.com,2001:"), []byte("https://far.example/2001/")), &doc); err != nil {
		t.Fatal(err)
	}
	who, _, _ := strings.Cut(name, ".")
	if id, _ := doc["id"].(string); id == "" || w.object(id) != nil || w.activity(object{"id": id}) != nil { // of several vectors
		doc["id"] = "https://far.example/" + name
	}
	doc["to"] = []any{"https://www.w3.org/ns/activitystreams#Public"}
	read := func() (*apub.Document, error) {
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return apub.Decode(raw, apub.DecodeOptions{Names: w.bridge.Names()})
	}
	d, err := read()
	if err != nil {
		return nil, nil, err
	}
	known := func(o *vocab.Object) bool { return o != nil && strings.HasPrefix(o.ID, "http") }
	switch a := d.Activity; {
	case a != nil && a.Object != nil && known(a.Object.Author):
		doc["actor"] = a.Object.Author.ID
	case a != nil && !known(a.Actor):
		doc["actor"] = "https://far.example/" + who
	case a == nil && d.Posting != nil && !known(d.Posting.Actor):
		doc["attributedTo"] = "https://far.example/" + who
	}
	d, err = read()
	return doc, d, err
}

// happens has that done which a vector accepts or takes back.
func (w *world) happens(t *testing.T, doc object, name string) {
	t.Helper()
	if doc["type"] != "Undo" && doc["type"] != "Accept" {
		return
	}
	inner, whole := doc["object"].(object)
	switch {
	case !whole && doc["type"] == "Undo":
		inner = object{"type": "Like", "id": doc["object"], "object": "https://far.example/liked"}
	case !whole || inner["type"] == "Event":
		return // an answer to an invitation needs none
	default:
		inner = maps.Clone(inner)
		inner["id"] = "https://far.example/before/" + name
	}
	if inner["actor"] == nil {
		inner["actor"] = doc["actor"]
	}
	inner["to"] = doc["to"]
	raw, err := json.Marshal(inner)
	if err != nil {
		t.Fatal(err)
	}
	d, err := apub.Decode(raw, apub.DecodeOptions{Names: w.bridge.Names()})
	if err != nil {
		t.Fatalf("what %s is about is not read: %v", name, err)
	}
	if err := w.receivesFrom(d.Activity.Actor.ID, d.Activity, raw); err != nil {
		t.Errorf("what %s is about is not received: %v", name, err)
	}
}

// receivesFrom has the bridge do what somebody elsewhere did.
func (w *world) receivesFrom(author string, deed *vocab.Activity, raw []byte) error {
	w.t.Helper()
	actor, err := w.bridge.Introduce(w.t.Context(), &bridge.Account{Profile: &vocab.Object{ID: author, Type: vocab.TypePerson}, Network: apub.Network, IRI: author,
		Inbox: "https://far.example/inbox"}, nil)
	if err != nil {
		return fmt.Errorf("who did it: %w", err)
	}
	_, err = w.bridge.Receive(w.t.Context(), bridge.Arrival{SenderID: actor.ID, Activity: deed, Network: apub.Network, Verified: "fetched", ContentType: asAS2, Original: raw})
	return err
}
