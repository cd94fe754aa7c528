package apub_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
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
	"manifold/models"
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

// TestCopiesOfActors: whoever was met is served as their server last described them,
// to all but whom they block, until they are suspended, their server is blocked, or
// they are gone.
func TestCopiesOfActors(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		odd := c.bob.document(pemOf(w.t, c.bob.private.Public()))
		odd["https://odd.example/ns#x"], odd["bto"] = []any{1.5, object{"deep": nil}}, "http://hidden.example/"
		c.bob.serves(odd)
		w.sends(c.bob, c.bob.does("Create", c.bob.note("hello")))
		plain := asSent(w.t, odd)
		delete(plain, "bto")
		at := copyAt("person", c.bob.id)
		same(w.t, "bob", w.tree(w.serve(unsigned(at))), plain)
		same(w.t, "bob by his account", w.tree(w.serve(unsigned(copyAt("person", "acct:bob@"+c.bob.host)))), plain)

		// A newer profile takes the place of the old one, as it was sent or as it is found.
		newer := maps.Clone(odd)
		newer["name"], newer["https://odd.example/ns#x"] = "Bob II", "new"
		update := c.bob.does("Update", newer, object{"to": "https://www.w3.org/ns/activitystreams#Public"})
		w.sends(c.bob, update)
		plain = asSent(w.t, newer)
		delete(plain, "bto")
		same(w.t, "what was sent of bob", w.tree(w.serve(unsigned(at))), plain)
		sent := w.tree(w.serve(unsigned(copyAt("activity", update["id"].(string)))))
		same(w.t, "the update", sent["object"].(object)["name"], "Bob II")
		odd["name"] = "Bob III"
		c.bob.serves(odd)
		w.sends(c.bob, c.bob.does("Update", c.bob.id))
		same(w.t, "what was found of bob", w.tree(w.serve(unsigned(at)))["name"], "Bob III")

		// Nobody else changes it, and a change that does not say whose it is has bob asked.
		w.sends(c.eve, c.eve.does("Update", newer))
		nameless := maps.Clone(newer)
		delete(nameless, "id")
		nameless["name"] = "Bob of nowhere"
		w.sends(c.bob, c.bob.does("Update", nameless))
		same(w.t, "bob after all", w.tree(w.serve(unsigned(at)))["name"], "Bob III")

		w.sends(c.bob, c.bob.does("Block", c.eve.id))
		w.person("ann")
		for what, r := range map[string]*http.Request{"of another type": unsigned(copyAt("group", c.bob.id)), "of nobody": unsigned(copyAt("person", c.bob.id+"/none")),
			"for whom bob blocks": c.eve.reads(at, httpsig.Cavage)} {
			if answer := w.serve(r); answer.Code != http.StatusNotFound || strings.Contains(answer.Body.String(), "Bob III") {
				w.t.Errorf("%s: status %d %s", what, answer.Code, answer.Body)
			}
		}
		if answer := w.serve(unsigned(copyAt("person", ours+"/users/ann"))); answer.Code != http.StatusFound || answer.Header().Get("Location") != ours+"/users/ann" {
			w.t.Errorf("ann leads by %d to %q", answer.Code, answer.Header().Get("Location"))
		}

		w.sends(c.bob, c.bob.does("Delete", c.bob.id))
		if answer := w.serve(unsigned(at)); answer.Code != http.StatusGone || strings.Contains(answer.Body.String(), "Bob") || !strings.Contains(answer.Body.String(), "Tombstone") {
			w.t.Errorf("who is gone: status %d %s", answer.Code, answer.Body)
		}
		if _, err := w.db.LatestOriginal(w.t.Context(), w.actor(c.bob.id).ID); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("what is kept of bob: %v", err)
		}
	})
}

// TestCopiesOfTheUnwanted: nothing is served of whom the admins have put out of use,
// or whose server they block.
func TestCopiesOfTheUnwanted(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		w.start()
		note := c.bob.note("hello")
		w.sends(c.bob, c.bob.does("Create", note))
		w.sends(c.mallory, c.mallory.does("Create", c.mallory.note("hello")))
		shown := func(want int, addresses ...string) {
			w.t.Helper()
			for _, at := range addresses {
				if answer := w.serve(unsigned(at)); answer.Code != want {
					w.t.Errorf("%s: status %d, want %d", at, answer.Code, want)
				}
			}
		}
		all := []string{copyAt("person", c.bob.id), copyAt("note", note["id"].(string)), copyAt("person", c.mallory.id)}
		shown(http.StatusOK, all...)
		if err := w.bridge.SuspendRemote(w.t.Context(), w.actor(c.mallory.id).ID, true); err != nil {
			w.t.Fatal(err)
		}
		shown(http.StatusNotFound, all[2])
		shown(http.StatusOK, all[:2]...)
		if err := w.bridge.SetHostPolicies(w.t.Context(), models.HostPolicy{Domain: "127.0.0.1", Severity: models.SeverityBlock}); err != nil {
			w.t.Fatal(err)
		}
		until(w.t, "the block is in force", func() bool { return w.serve(unsigned(all[0])).Code == http.StatusNotFound })
		shown(http.StatusNotFound, all...)
	})
}

func TestCopiesOfActorsForWhoSigns(t *testing.T) {
	worlds(t, apub.Options{AuthorizedFetch: true}, func(w *world) {
		c := newCast(w.t)
		w.start()
		w.sends(c.bob, c.bob.does("Create", c.bob.note("hello")))
		at := copyAt("person", c.bob.id)
		if answer := w.serve(unsigned(at)); answer.Code != http.StatusUnauthorized {
			w.t.Errorf("without a signature: status %d %s", answer.Code, answer.Body)
		}
		same(w.t, "to eve", w.tree(w.serve(c.eve.reads(at, httpsig.Cavage)))["name"], "BOB")
	})
}

// TestVectorsAreServedAsTheyCame: each AS2 document of the vectors, come here from its
// author, is served back equal to what came. A vector that says who wrote it by no
// address that is one, or has no id, is given that before, and ids that are tags are
// made addresses, so that those in a vector still name each other; all are sent to
// everybody. What a vector accepts or takes back has happened before. Nothing in what
// is served back is ours.
func TestVectorsAreServedAsTheyCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{}) // not started: nothing that vectors name is asked for
	them := newPeer(t)
	documents := vectors(t, "*.as2*.json")
	for name, raw := range vectors(t, "*") {
		if documents[name] == nil && bytes.Contains(raw, []byte(`"@context"`)) {
			t.Errorf("%s is AS2 and not among the documents that are looked at", name)
		}
	}
	served, all := 0, 0
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if strings.Contains(name, ".as-from-as2.") {
			continue // AS1
		}
		all++
		if w.comesBack(t, them, documents[name], name) {
			served++
		}
	}
	if documents != nil && (served != all || all == 0) {
		t.Errorf("of %d documents, %d were served back", all, served)
	}
}

// comesBack has a vector come here and reports whether it is served as it came.
func (w *world) comesBack(t *testing.T, them *peer, raw []byte, name string) bool {
	doc, d, err := w.completed(t, raw, name)
	if err != nil {
		t.Errorf("%s is not read: %v", name, err)
		return false
	}
	var got *httptest.ResponseRecorder
	switch {
	case d.Actor != nil && d.Activity == nil:
		got = w.looksUp(t, them, doc, name)
	case d.Actor != nil:
		doc, got = changesProfile(t, them, raw)
	default:
		got = w.takesIn(t, them, doc, d, name)
	}
	var back object
	if err := json.Unmarshal(got.Body.Bytes(), &back); err != nil || got.Code != http.StatusOK {
		t.Errorf("%s is answered by %d %s", name, got.Code, got.Body)
		return false
	}
	if !reflect.DeepEqual(back, doc) {
		t.Errorf("%s has become\n%s\nit was\n%v", name, got.Body, doc)
		return false
	}
	return true
}

// looksUp has an actor found at its server, who gets an id and an inbox there, and
// returns how it is served.
func (w *world) looksUp(t *testing.T, them *peer, doc object, name string) *httptest.ResponseRecorder {
	t.Helper()
	doc["id"] = them.base + "/people/" + name
	doc["inbox"] = them.base + "/inbox"
	them.serves(doc)
	actor, err := w.bridge.Resolve(t.Context(), doc["id"].(string))
	if err != nil {
		t.Fatalf("%s is not found: %v", name, err)
	}
	return w.serve(unsigned(copyAt(actor.Type, doc["id"].(string))))
}

// changesProfile has somebody send the change of their own profile that a vector is,
// and returns it and how it is served.
func changesProfile(t *testing.T, them *peer, raw []byte) (object, *httptest.ResponseRecorder) {
	t.Helper()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	w.start()
	who := them.person("martin", rsaKeys()[0])
	var doc object
	if err := json.Unmarshal(bytes.ReplaceAll(raw, []byte("https://example.com/martin"), []byte(who.id)), &doc); err != nil {
		t.Fatal(err)
	}
	doc["id"], doc["to"] = who.id+"/updates/1", []any{"https://www.w3.org/ns/activitystreams#Public"}
	w.sends(who, doc)
	return doc, w.serve(unsigned(copyAt(vocab.TypeActivity, doc["id"].(string))))
}

// takesIn has the bridge do what a vector says, and returns how it is served: to
// everybody, but for the answer to a follow, which is for the follower alone.
func (w *world) takesIn(t *testing.T, them *peer, doc object, d *apub.Document, name string) *httptest.ResponseRecorder {
	t.Helper()
	deed := d.Activity
	if deed == nil {
		deed = d.Posting
	}
	w.happens(t, doc, name)
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.receivesFrom(deed.Actor.ID, deed, raw); err != nil {
		t.Fatalf("%s is not received: %v", name, err)
	}
	kind := vocab.TypeActivity
	if d.Activity == nil {
		kind = w.object(doc["id"]).Type
	}
	at := copyAt(kind, doc["id"].(string))
	got := w.serve(unsigned(at))
	if asked, ok := doc["object"].(object); ok && doc["type"] == "Accept" && asked["type"] == "Follow" {
		if got.Code != http.StatusNotFound {
			t.Errorf("%s is answered by %d to a stranger", name, got.Code)
		}
		return w.serve(w.withKey(t, them, asked["actor"].(string)).reads(at, httpsig.Cavage))
	}
	return got
}

// withKey gives somebody who is known here a key.
func (w *world) withKey(t *testing.T, them *peer, id string) *someone {
	t.Helper()
	private := rsaKeys()[1]
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	err = w.db.Write(t.Context(), func(tx *models.Tx) error {
		_, err := tx.SetKeys(t.Context(), w.actor(id).ID, w.now(), models.RemoteKey{IRI: id + "#main-key", SPKI: der})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &someone{peer: them, id: id, key: newKey(t, id+"#main-key", private), private: private}
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
