package apub_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"manifold/apub"
	"manifold/bridge"
	"manifold/internal/front"
	"manifold/models/vocab"
)

// TestActor: a person is found under their id, and says where all else is.
func TestActor(t *testing.T) {
	onBoth(t, func(s *site) {
		s.account("Ann")
		id := home + "/users/Ann"
		a := s.ask(id)
		doc := a.doc(200)
		has(t, doc, map[string]any{"id": id, "type": "Person", "preferredUsername": "Ann", "name": "ANN", "inbox": id + "/inbox", "outbox": id + "/outbox",
			"followers": id + "/followers", "following": id + "/following", "liked": id + "/liked", "featured": id + "/featured", "url": home + "/Ann", "webfinger": "Ann@us.example"})
		key, _ := doc["publicKey"].(map[string]any)
		if pem, _ := key["publicKeyPem"].(string); key["owner"] != id || key["id"] != id+"#main-key" || !strings.HasPrefix(pem, "-----BEGIN PUBLIC KEY-----") {
			t.Errorf("the key is %v", key)
		}
		if got := a.Header().Values("Vary"); len(got) != 1 || got[0] != "Accept" || a.Header().Get("Cache-Control") != "public, max-age=180" {
			t.Errorf("it varies by %v and may be kept: %s", got, a.Header().Get("Cache-Control"))
		}
		// Nothing in it changes between two GETs, and whoever has it is told so.
		if again := s.ask(id); again.Body.String() != a.Body.String() {
			t.Errorf("first %s, then %s", a.Body, again.Body)
		}
		same := s.send("GET", id, http.Header{"Accept": {asAS2}, "If-None-Match": {a.Header().Get("Etag")}})
		if same.Code != http.StatusNotModified || same.Body.Len() > 0 {
			t.Errorf("who has it already is answered %d %s", same.Code, same.Body)
		}
		if moved := s.ask(home + "/users/ann"); moved.Code != http.StatusMovedPermanently || moved.Header().Get("Location") != id {
			t.Errorf("another spelling: %d %v", moved.Code, moved.Header())
		}
		s.ask(home + "/users/none").isRefused(404)
		s.ask(home + "/users/%00").isRefused(404)
		// All that it names is there.
		for _, part := range []string{"outbox", "followers", "following", "liked", "featured"} {
			has(t, s.ask(doc[part].(string)).doc(200), map[string]any{"id": doc[part], "type": "OrderedCollection", "totalItems": 0, "attributedTo": id})
		}
		for _, stream := range doc["streams"].([]any) {
			has(t, s.ask(stream.(string)).doc(200), map[string]any{"id": stream, "type": "OrderedCollection"})
		}
	})
}

// TestActorByAccept: who asks for another form is answered by another network.
func TestActorByAccept(t *testing.T) {
	onBoth(t, func(s *site) {
		ann := s.account("ann")
		note := s.post(ann, vocab.VerbPost, text("hello"), everybody())
		for accept, ours := range map[string]bool{
			asAS2: true, profiled: true, "application/ld+json": true, asAS2 + ", " + profiled: true, "Application/Activity+JSON": true,
			"application/json, application/activity+json": true, asAS2 + ", text/html;q=0.1": true, "text/html;q=0.5, application/ld+json;q=0.6": true,
			"application/activity+json;q=bad": true,
			"":                                false, "*/*": false, "application/json": false, "text/html": false, "application/*": false, "application/activity+json;q=0": false,
			"text/html, application/activity+json;q=0.9": false, "application/json, application/activity+json;q=0.5": false,
			"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false,
			strings.Repeat("x/y,", 100) + asAS2:                               false,
		} {
			for _, address := range []string{home + "/users/ann", note.Doc.ID, note.Doc.Object.ID, note.Doc.Object.ID + "/likes"} {
				header := http.Header{}
				if accept != "" {
					header.Set("Accept", accept)
				}
				a := s.send("GET", address, header)
				if got := a.Code != http.StatusTeapot; got != ours {
					t.Errorf("%s for %q is answered here: %v, by %d", address, accept, got, a.Code)
				}
				if ours && a.Code != 200 {
					t.Errorf("%s for %q: %d %s", address, accept, a.Code, a.Body)
				}
			}
		}
		// What changes something is never ours.
		for _, method := range []string{"PUT", "DELETE", "POST"} {
			if a := s.send(method, note.Doc.Object.ID, http.Header{"Accept": {asAS2}}); a.Code != http.StatusTeapot {
				t.Errorf("%s is answered here: %d", method, a.Code)
			}
		}
	})
}

// TestServerActor: the server itself is an actor whose key everybody may read.
func TestServerActor(t *testing.T) {
	onBoth(t, func(s *site) {
		for range 2 {
			for _, accept := range []string{asAS2, "*/*", "text/html"} {
				doc := s.send("GET", home+"/actor", http.Header{"Accept": {accept}}).doc(200)
				has(t, doc, map[string]any{"id": home + "/actor", "type": "Application", "preferredUsername": "us.example", "name": "Test & Site", "url": home + "/",
					"inbox": home + "/actor/inbox", "webfinger": "us.example@us.example"})
				if key, _ := doc["publicKey"].(map[string]any); key["owner"] != home+"/actor" || key["id"] != home+"/actor#main-key" {
					t.Errorf("the key is %v", key)
				}
			}
		}
		has(t, s.ask(home+"/actor/outbox").doc(200), map[string]any{"id": home + "/actor/outbox"})
	})
}

// TestExtension: the terms that we add to AS2 can be read.
func TestExtension(t *testing.T) {
	onBoth(t, func(s *site) {
		a := s.send("GET", home+"/ns", nil)
		var doc struct {
			Context map[string]any `json:"@context"`
		}
		if err := json.Unmarshal(a.Body.Bytes(), &doc); err != nil || a.Code != 200 || a.Header().Get("Content-Type") != "application/ld+json" || doc.Context["pump"] == nil {
			t.Errorf("%d %v %s (%v)", a.Code, a.Header(), a.Body, err)
		}
	})
}

// TestGroupActor: a group is served under the id that it has on all networks, to
// those who may see it.
func TestGroupActor(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob := s.account("ann"), s.account("bob")
		id := s.post(ann, vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Book Club"}, everybody()).Doc.Object.ID
		hidden := s.post(ann, vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Secret"}).Doc.Object.ID
		has(t, s.ask(id).doc(200), map[string]any{"id": id, "type": "Group", "name": "Book Club", "preferredUsername": "book_club", "inbox": id + "/inbox",
			"outbox": id + "/outbox", "followers": id + "/followers", "webfinger": "book_club@us.example"})
		s.post(bob, vocab.VerbJoin, &vocab.Object{ID: id, Type: vocab.TypeGroup})
		if got := s.items(id + "/followers"); len(got) != 1 || got[0] != home+"/users/bob" {
			t.Errorf("its members are %v", got)
		}
		for _, address := range []string{hidden, hidden + "/followers", hidden + "/outbox", home + "/api/group/none", home + "/api/group/none/outbox"} {
			s.ask(address).isRefused(404)
		}
	})
}

// TestActorsWhoAreGone: peers are told so, in a document.
func TestActorsWhoAreGone(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob := s.account("ann"), s.account("bob")
		byAnn := s.post(ann, vocab.VerbPost, text("hello"), everybody())
		byBob := s.post(bob, vocab.VerbPost, text("hello"), everybody())
		if err := s.DeleteAccount(t.Context(), "ann", nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Suspend(t.Context(), "bob", true); err != nil {
			t.Fatal(err)
		}
		for _, nick := range []string{"ann", "bob"} {
			has(t, s.ask(home+"/users/"+nick).doc(410), map[string]any{"id": home + "/users/" + nick, "type": "Tombstone", "formerType": "Person"})
			for _, part := range []string{"/outbox", "/followers", "/following", "/liked", "/featured"} {
				s.ask(home + "/users/" + nick + part).isRefused(410)
			}
		}
		has(t, s.ask(byAnn.Doc.Object.ID).doc(410), map[string]any{"id": byAnn.Doc.Object.ID, "type": "Tombstone", "formerType": "Note"})
		for _, id := range []string{byBob.Doc.ID, byBob.Doc.Object.ID, byBob.Doc.Object.ID + "/replies"} {
			s.ask(id).isRefused(404)
		}
		if err := s.Suspend(t.Context(), "bob", false); err != nil {
			t.Fatal(err)
		}
		s.ask(home + "/users/bob").doc(200)
		s.ask(byBob.Doc.Object.ID).doc(200)
	})
}

// Nobody can take a name that is the beginning of an address of the network.
func TestFirstPartsOfPathsAreReserved(t *testing.T) {
	s := newSite(t, filepath.Join(t.TempDir(), "manifold.db"), apub.Options{})
	n := 0
	err := s.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := front.RoutePath(r)
		if err != nil || path == "/" {
			return err // what stands for the other networks
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if n++; !bridge.Reserved(first) {
			t.Errorf("%s can be a nickname, and is the beginning of %s", first, path)
		}
		return nil
	})
	if err != nil || n < 20 {
		t.Errorf("%d routes, %v", n, err)
	}
}
