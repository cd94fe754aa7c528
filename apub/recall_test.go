package apub_test

import (
	"slices"
	"testing"

	"manifold/apub"
	"manifold/bridge"
	"manifold/models/vocab"
)

// The last posts of somebody who is newly followed are brought here, and the
// answers to what is answered.
func TestCollectionsAreRecalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	bob := c.bob
	doc := bob.document(pemOf(t, rsaKeys()[0].Public()))
	doc["featured"] = bob.id + "/featured"
	bob.serves(doc)
	pinned, posted, older := bob.note("pinned"), bob.note("posted"), bob.note("older")
	bob.serves(object{"id": bob.id + "/featured", "type": "OrderedCollection", "orderedItems": []any{pinned["id"]}})
	bob.serves(object{"id": bob.id + "/outbox", "type": "OrderedCollection", "totalItems": 3, "first": bob.id + "/outbox?page=1"})
	bob.serves(object{"id": bob.id + "/outbox?page=1", "type": "OrderedCollectionPage", "next": bob.id + "/outbox?page=2", "orderedItems": []any{
		bob.does("Create", posted), bob.does("Announce", "https://elsewhere.example/1")}})
	bob.serves(object{"id": bob.id + "/outbox?page=2", "type": "OrderedCollectionPage", "orderedItems": []any{bob.does("Create", older["id"])}})
	bob.serves(object{"id": bob.id + "/replies", "type": "Collection", "first": object{"type": "CollectionPage", "items": []any{older["id"], posted["id"]}}})
	pinned["replies"] = bob.id + "/replies"

	actor, err := w.bridge.Resolve(t.Context(), bob.id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Server.Recent(t.Context(), actor)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{pinned["id"].(string), posted["id"].(string), older["id"].(string)}; !slices.Equal(got, want) {
		t.Errorf("recent: %v, want %v", got, want)
	}
	bob.serves(pinned)
	found, err := w.Server.Fetch(t.Context(), pinned["id"].(string))
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.bridge.Receive(t.Context(), bridge.Arrival{SenderID: actor.ID, Activity: found.Activity, Network: apub.Network, Quiet: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err = w.Server.Replies(t.Context(), r.Object)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{older["id"].(string), posted["id"].(string)}; !slices.Equal(got, want) {
		t.Errorf("replies: %v, want %v", got, want)
	}
	// What belongs to another server is not read.
	r.Object.Doc = &vocab.Object{ID: r.Object.Doc.ID, Feeds: map[string]vocab.Feed{"replies": {URL: "https://elsewhere.example/replies"}}}
	if got, err := w.Server.Replies(t.Context(), r.Object); err != nil || len(got) != 0 {
		t.Errorf("replies of another server: %v, error %v", got, err)
	}
}
