package apub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// ids are those of the items of a page.
func ids(doc map[string]any) []string {
	var list []string
	for _, item := range doc["orderedItems"].([]any) {
		if whole, ok := item.(map[string]any); ok {
			item = whole["id"]
		}
		list = append(list, item.(string))
	}
	return list
}

// TestProperty32PagingMeetsEveryItemOnce: pages are newest first, next leads to
// what is older, and who pages meets every item once while new ones arrive.
func TestProperty32PagingMeetsEveryItemOnce(t *testing.T) {
	onBoth(t, func(s *site) {
		ann := s.account("ann")
		note := s.post(ann, vocab.VerbPost, text("to be answered"), everybody())
		object := note.Doc.Object.ID
		people := make([]*models.Actor, 45)
		for i := range people {
			people[i] = s.account("p" + strconv.Itoa(i))
		}
		more := 0
		step := func(p *models.Actor) {
			t.Helper()
			if more++; more%3 == 0 {
				s.post(ann, vocab.VerbPost, text("one more"), everybody())
				return
			}
			s.post(p, vocab.VerbFollow, ann.Doc.Ref(), everybody())
			s.post(ann, vocab.VerbFollow, p.Doc.Ref(), everybody())
			s.post(p, vocab.VerbFavorite, note.Doc.Object, everybody())
			s.post(p, vocab.VerbShare, note.Doc.Object, everybody())
			reply := s.post(p, vocab.VerbPost, &vocab.Object{Type: vocab.TypeComment, Content: "yes", InReplyTo: []*vocab.Object{note.Doc.Object}}, everybody())
			s.post(ann, vocab.VerbFavorite, reply.Doc.Object, everybody())
		}
		for _, p := range people[:43] {
			step(p)
			more = 0
		}
		for _, address := range []string{home + "/users/ann/outbox", home + "/users/ann/outbox/minor", home + "/users/ann/followers", home + "/users/ann/following",
			home + "/users/ann/liked", object + "/replies", object + "/likes", object + "/shares", object + "/context"} {
			before := ids(map[string]any{"orderedItems": s.items(address)})
			if len(before) < 43 {
				t.Fatalf("%s has only %d items", address, len(before))
			}
			seen := map[string]bool{}
			for _, id := range before {
				if seen[id] {
					t.Errorf("%s: %s twice", address, id)
				}
				seen[id] = true
			}
			front := s.ask(address).doc(200)["first"]
			if opened, ok := front.(map[string]any); ok {
				front = opened["id"]
				if got := ids(opened); !strings.HasSuffix(address, "/replies") || !slices.Equal(got, before[:40]) || opened["next"] == nil || opened["type"] != "OrderedCollectionPage" {
					t.Errorf("%s has a page in it of %d items: %v", address, len(got), opened)
				}
			} else if strings.HasSuffix(address, "/replies") {
				t.Errorf("%s has only the address of its first page: %v", address, front)
			}
			first := s.ask(front.(string)).doc(200)
			if got := ids(first); !slices.Equal(got, before[:40]) {
				t.Errorf("%s: the first page has %d items", address, len(got))
			}
			// Something arrives, and the next page is where it was.
			arrived := s.account("q" + strconv.Itoa(len(seen)) + strconv.Itoa(more) + strings.ReplaceAll(address[len(home):], "/", "."))
			more = 0
			step(arrived)
			second := s.ask(first["next"].(string)).doc(200)
			if got := ids(second); !slices.Equal(got, before[40:min(80, len(before))]) {
				t.Errorf("%s: the second page has %v, want %v", address, got, before[40:])
			}
			// What has arrived is found by prev, and from there next leads back.
			newer := s.ask(first["prev"].(string)).doc(200)
			if got := ids(newer); len(got) == 0 || seen[got[0]] {
				t.Errorf("%s: newer than the first page is %v", address, got)
			}
			if got := ids(s.ask(newer["next"].(string)).doc(200)); got[0] != before[0] {
				t.Errorf("%s: older than what is new is %s, want %s", address, got[0], before[0])
			}
			if back := ids(s.ask(second["prev"].(string)).doc(200)); !slices.Equal(back, before[:40]) {
				t.Errorf("%s: newer than the second page is %v", address, back)
			}
		}
		for _, query := range []string{"?before=x", "?before=-1", "?page=true&since=0", "?before=1&since=2", "?before=99999999999999999999"} {
			s.ask(home + "/users/ann/followers" + query).isRefused(404)
		}
	})
}

// TestFollowersOfAllNetworks: those who are on this network are told, by the id
// that they have there, and all are counted.
func TestFollowersOfAllNetworks(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob, far := s.account("ann"), s.account("bob"), s.elsewhere("far", "them.example")
		pump := &models.Actor{Type: vocab.TypePerson, Nickname: "old", Host: "pump.example", Doc: &vocab.Object{ID: "acct:old@pump.example", Type: vocab.TypePerson}}
		s.write(func(ctx context.Context, tx *models.Tx) error { return tx.CreateActor(ctx, pump, pump.Doc.ID) })
		s.post(bob, vocab.VerbFollow, ann.Doc.Ref())
		for i, a := range []*models.Actor{far, pump} {
			s.arrive(a, &vocab.Activity{ID: fmt.Sprintf("https://x.example/follow/%d", i), Verb: vocab.VerbFollow, Object: ann.Doc.Ref(), Actor: a.Doc.Ref()})
		}
		address := home + "/users/ann/followers"
		has(t, s.ask(address).doc(200), map[string]any{"totalItems": 3, "attributedTo": home + "/users/ann"})
		if got := fmt.Sprint(s.items(address)); got != "[https://them.example/u/far "+home+"/users/bob]" {
			t.Errorf("the followers are %s", got)
		}
		// Somebody who hides them tells how many there are.
		s.post(ann, vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, Type: vocab.TypePerson, Extra: map[string]json.RawMessage{vocab.NSAS2 + "hideCollections": json.RawMessage("true")}})
		for _, part := range []string{"/followers", "/following"} {
			doc := s.ask(home + "/users/ann" + part).doc(200)
			if doc["first"] != nil || doc["totalItems"] == nil {
				t.Errorf("%v", doc)
			}
			s.ask(home + "/users/ann" + part + "?page=true").isRefused(404)
		}
		if doc := s.ask(home + "/users/ann/outbox").doc(200); doc["first"] == nil {
			t.Errorf("%v", doc)
		}
	})
}

// TestOutboxIsWhole: what stands in an outbox is whole, with all that was said,
// and without a context of its own.
func TestOutboxIsWhole(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, far := s.account("ann"), s.elsewhere("far", "them.example")
		first := s.post(ann, vocab.VerbPost, text("first"), everybody())
		theirs := s.arrive(far, &vocab.Activity{ID: "https://them.example/create/1", Verb: vocab.VerbPost, Actor: far.Doc.Ref(), To: []*vocab.Object{everybody()},
			Object: &vocab.Object{ID: "https://them.example/note/1", Type: vocab.TypeNote, Content: "theirs"}})
		s.post(ann, vocab.VerbShare, theirs.Doc.Object, everybody())
		items := s.items(home + "/users/ann/outbox")
		if len(items) != 2 {
			t.Fatalf("%v", items)
		}
		share, post := items[0].(map[string]any), items[1].(map[string]any)
		has(t, share, map[string]any{"type": "Announce", "object": "https://them.example/note/1", "@context": nil})
		has(t, post, map[string]any{"id": first.Doc.ID, "type": "Create", "@context": nil})
		if note := post["object"].(map[string]any); note["content"] != "first" {
			t.Errorf("%v", note)
		}
	})
}

// The collection of a thread has what began it and every answer that the visitor may
// see, whomever it answers.
func TestThread(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob := s.account("ann"), s.account("bob")
		answer := func(author *models.Actor, to *models.Activity, whom ...*vocab.Object) *models.Activity {
			return s.post(author, vocab.VerbPost, &vocab.Object{Type: vocab.TypeComment, Content: "yes", InReplyTo: []*vocab.Object{to.Doc.Object}}, whom...)
		}
		root := s.post(ann, vocab.VerbPost, text("to be answered"), everybody())
		first := answer(bob, root, everybody())
		second := answer(ann, first, everybody())
		answer(bob, second, ann.Doc.Ref())
		id := func(a *models.Activity) string { return a.Doc.Object.ID }
		thread := s.ask(id(root) + "/context").doc(200)
		if thread["type"] != "OrderedCollection" || thread["totalItems"] != 3.0 || thread["id"] != id(root)+"/context" {
			t.Errorf("the thread is %v", thread)
		}
		if got, want := ids(map[string]any{"orderedItems": s.items(id(root) + "/context")}), []string{id(second), id(first), id(root)}; !slices.Equal(got, want) {
			t.Errorf("the thread has %v, want %v", got, want)
		}
		for _, a := range []*models.Activity{root, first, second} {
			doc := s.ask(id(a)).doc(200)
			if doc["context"] != id(root)+"/context" || doc["conversation"] != id(root)+"/context" {
				t.Errorf("%s is in the thread %v, %v", id(a), doc["context"], doc["conversation"])
			}
		}
		s.ask(id(first) + "/context").doc(404)
		// What began a thread has no place of its own in it: nothing is newer.
		alone := s.post(ann, vocab.VerbPost, text("not answered"), everybody())
		if page := s.ask(id(alone) + "/context?page=true").doc(200); len(ids(page)) != 1 || page["prev"] != nil || page["next"] != nil {
			t.Errorf("the page of a thread of one is %v", page)
		}
	})
}

// TestPins: what somebody here shows first is named in the collection itself, as
// Mastodon has it, and on its pages, and servers are told of each change.
func TestPins(t *testing.T) {
	onBoth(t, func(s *site) {
		ann := s.account("ann")
		featured := home + "/users/ann/featured"
		change := func(verb string, a *models.Activity) *models.Activity {
			s.t.Helper()
			r, err := s.Post(t.Context(), bridge.Submission{ActorID: ann.ID, Activity: &vocab.Activity{Verb: verb, Object: a.Doc.Object.Ref(),
				Target: &vocab.Object{ID: featured, Type: vocab.TypeCollection}, To: []*vocab.Object{everybody()}}})
			if err != nil {
				s.t.Fatal(err)
			}
			return r.Activity
		}
		shows := func(want ...string) {
			s.t.Helper()
			doc := s.ask(featured).doc(200)
			if got := ids(doc); !slices.Equal(got, want) || doc["totalItems"] != float64(len(want)) {
				s.t.Errorf("shown first are %v of %v, want %v", got, doc["totalItems"], want)
			}
			if got := ids(map[string]any{"orderedItems": s.items(featured)}); !slices.Equal(got, want) {
				s.t.Errorf("on pages are %v, want %v", got, want)
			}
		}
		shows()
		first, second := s.post(ann, vocab.VerbPost, text("one"), everybody()), s.post(ann, vocab.VerbPost, text("two"), everybody())
		pinned := change(vocab.VerbAdd, first)
		change(vocab.VerbAdd, second)
		shows(second.Doc.Object.ID, first.Doc.Object.ID)
		has(t, s.ask(pinned.Doc.ID).doc(200), map[string]any{"type": "Add", "actor": home + "/users/ann", "object": first.Doc.Object.ID, "target": featured})
		has(t, s.ask(change(vocab.VerbRemove, second).Doc.ID).doc(200), map[string]any{"type": "Remove", "object": second.Doc.Object.ID, "target": featured})
		shows(first.Doc.Object.ID)
		s.post(ann, vocab.VerbDelete, first.Doc.Object.Ref())
		shows()
	})
}
