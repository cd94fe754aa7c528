package apub

import "testing"

// TestFormsOfTypes holds that a type is built as one that has its members, and is
// called by its own name.
func TestFormsOfTypes(t *testing.T) {
	const object = "https://a.example/object"
	for typ, want := range map[string]struct{ object, inbox, first bool }{
		"Create": {object: true}, "Undo": {object: true}, "TentativeAccept": {object: true}, "QuoteRequest": {object: true}, "Activity": {object: true},
		"Arrive": {}, "Travel": {}, "IntransitiveActivity": {}, "Question": {},
		"Note": {}, "Image": {}, "Place": {}, "Relationship": {}, "Tombstone": {}, "Object": {}, "https://a.example/ns#Thing": {},
		"Person": {inbox: true}, "Group": {inbox: true}, "Service": {inbox: true}, "Application": {inbox: true}, "Organization": {inbox: true},
		"Collection": {first: true}, "OrderedCollection": {first: true}, "CollectionPage": {first: true}, "OrderedCollectionPage": {first: true},
	} {
		d := newDraft(typ)
		d.done("https://a.example/actor", object, "", "")
		d.boxes(Addresses{Inbox: "https://a.example/inbox"})
		d.paging(Listing{First: "https://a.example/first"})
		n, err := d.node()
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		if n["type"] != typ {
			t.Errorf("%s is written as %v", typ, n["type"])
		}
		for member, has := range map[string]bool{"object": want.object, "inbox": want.inbox, "first": want.first} {
			if _, ok := n[member]; ok != has {
				t.Errorf("%s: %s is written: %t, want %t", typ, member, ok, has)
			}
		}
	}
}
