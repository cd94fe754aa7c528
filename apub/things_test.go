package apub_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"manifold/models/vocab"
)

// TestThings: everything that was done or made here is found under its id.
func TestThings(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob, far := s.account("ann"), s.account("bob"), s.elsewhere("far", "them.example")
		note := s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "<p>hello @far</p>", Tags: []*vocab.Object{{ID: far.Doc.ID, Type: vocab.TypePerson, DisplayName: "@far"}}},
			everybody(), far.Doc.Ref())
		id := note.Doc.Object.ID
		a := s.ask(id)
		doc := a.doc(200)
		has(t, doc, map[string]any{"id": id, "type": "Note", "attributedTo": home + "/users/ann", "content": "<p>hello @far</p>", "url": home + "/ann/note/" + s.Names().Token(id)})
		if to, _ := doc["to"].([]any); len(to) != 2 || to[0] != "https://www.w3.org/ns/activitystreams#Public" {
			t.Errorf("it is addressed to %v", doc["to"])
		}
		// People are named by the ids that they have here.
		if body := a.Body.String(); !strings.Contains(body, "https://them.example/u/far") || !strings.Contains(body, "@far@them.example") || strings.Contains(body, "acct:") {
			t.Errorf("%s", body)
		}
		if got := strings.Join(a.Header().Values("Vary"), ", "); got != "Accept, Signature" {
			t.Errorf("it varies by %s", got)
		}
		create := s.ask(note.Doc.ID).doc(200)
		has(t, create, map[string]any{"id": note.Doc.ID, "type": "Create", "actor": home + "/users/ann"})
		if inner := create["object"].(map[string]any); inner["id"] != id || inner["@context"] != nil {
			t.Errorf("the object is %v", inner)
		}
		like := s.post(bob, vocab.VerbFavorite, note.Doc.Object, everybody())
		has(t, s.ask(like.Doc.ID).doc(200), map[string]any{"type": "Like", "actor": home + "/users/bob", "object": id})
		share := s.post(bob, vocab.VerbShare, note.Doc.Object, everybody())
		has(t, s.ask(share.Doc.ID).doc(200), map[string]any{"type": "Announce", "actor": home + "/users/bob", "object": id})
		follow := s.post(bob, vocab.VerbFollow, &vocab.Object{ID: far.Doc.ID, Type: vocab.TypePerson}, everybody())
		has(t, s.ask(follow.Doc.ID).doc(200), map[string]any{"type": "Follow", "actor": home + "/users/bob", "object": "https://them.example/u/far"})
		update := s.post(ann, vocab.VerbUpdate, &vocab.Object{ID: ann.Doc.ID, Type: vocab.TypePerson, Summary: "I am Ann"}, everybody())
		if changed := s.ask(update.Doc.ID).doc(200)["object"].(map[string]any); changed["summary"] != "I am Ann" {
			t.Errorf("the changed profile is %v", changed)
		}
		// What is gone is told to have been there.
		s.post(ann, vocab.VerbDelete, note.Doc.Object)
		has(t, s.ask(id).doc(410), map[string]any{"id": id, "type": "Tombstone", "formerType": "Note"})
		for _, address := range []string{home + "/api/note/none", home + "/api/nothing/x", home + "/api/activity/none", home + "/api/note/none/replies", home + "/api/note/%00", home + "/api/person/x"} {
			s.ask(address).isRefused(404)
		}
	})
}

// TestThingsOfElsewhere: what comes from elsewhere is not served as if it were
// ours; who asks is sent to where it comes from.
func TestThingsOfElsewhere(t *testing.T) {
	onBoth(t, func(s *site) {
		ann := s.account("ann")
		brought := s.post(ann, vocab.VerbPost, &vocab.Object{ID: "https://old.example/notes/1", Type: vocab.TypeNote, Content: "old"}, everybody())
		tagged := s.post(ann, vocab.VerbPost, &vocab.Object{ID: "tag:old.example,2012:2", Type: vocab.TypeNote, Content: "older"}, everybody())
		own := func(id string) string {
			t.Helper()
			names := map[string]string{}
			rows, err := s.DB().SQL().QueryContext(t.Context(), "SELECT iri FROM identifiers WHERE kind = 2 AND iri LIKE '"+home+"/api/note/%' AND ref_id = "+id)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var iri string
				if err := rows.Scan(&iri); err != nil {
					t.Fatal(err)
				}
				names[id] = iri
			}
			return names[id]
		}
		at := own(itoa(brought.Object.ID))
		if a := s.ask(at); a.Code != http.StatusFound || a.Header().Get("Location") != "https://old.example/notes/1" {
			t.Errorf("%s: %d %v", at, a.Code, a.Header())
		}
		s.ask(own(itoa(tagged.Object.ID))).isRefused(404)
	})
}

// TestNothingThatIsNotPublic: strangers get nothing that is not for everybody, in
// no collection either, and learn not even that it is there (property 36). What
// is sent blind to somebody is told to nobody (property 37).
func TestNothingThatIsNotPublic(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob, far := s.account("ann"), s.account("bob"), s.elsewhere("far", "them.example")
		open := s.post(ann, vocab.VerbPost, text("open"), everybody())
		list := s.post(ann, vocab.VerbCreate, &vocab.Object{Type: vocab.TypeCollection, DisplayName: "Pals", ObjectTypes: []string{"person"}}).Doc.Object
		for _, to := range map[string]*vocab.Object{"followers": s.followersOf(ann), "a person": bob.Doc.Ref(), "somebody elsewhere": far.Doc.Ref(), "a list": list} {
			secret := s.post(ann, vocab.VerbPost, text("secret"), to)
			answered := s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeComment, Content: "secret", InReplyTo: []*vocab.Object{open.Doc.Object}}, to)
			for _, a := range []string{secret.Doc.ID, secret.Doc.Object.ID, secret.Doc.Object.ID + "/likes", secret.Doc.Object.ID + "/shares", secret.Doc.Object.ID + "/replies",
				answered.Doc.ID, answered.Doc.Object.ID} {
				s.ask(a).isRefused(404)
			}
			like := s.post(ann, vocab.VerbFavorite, open.Doc.Object, to)
			s.post(ann, vocab.VerbUnfavorite, open.Doc.Object, to)
			s.ask(like.Doc.ID).isRefused(404)
		}
		s.post(bob, vocab.VerbFavorite, open.Doc.Object, ann.Doc.Ref())
		s.post(bob, vocab.VerbShare, open.Doc.Object, ann.Doc.Ref())
		for _, address := range []string{home + "/users/ann/outbox", home + "/users/ann/outbox/major", home + "/users/ann/outbox/minor", home + "/users/ann/liked",
			open.Doc.Object.ID + "/replies", open.Doc.Object.ID + "/likes", open.Doc.Object.ID + "/shares"} {
			for _, item := range s.items(address) {
				if id, ok := item.(map[string]any); !ok || id["id"] != open.Doc.ID {
					t.Errorf("%s shows %v", address, item)
				}
			}
		}
		has(t, s.ask(home+"/users/ann/outbox").doc(200), map[string]any{"totalItems": 1})
	})
}

// TestQuoteAuthorization: what allows a quote is found under its id, until what is
// quoted is gone.
func TestQuoteAuthorization(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, far := s.account("ann"), s.elsewhere("far", "them.example")
		note := s.post(ann, vocab.VerbPost, text("quote me"), everybody())
		const quote = "https://them.example/note/7"
		s.arrive(far, &vocab.Activity{ID: "https://them.example/ask/1", Verb: vocab.VerbQuoteRequest, Actor: far.Doc.Ref(), Object: note.Doc.Object, To: []*vocab.Object{ann.Doc.Ref()},
			Extra: map[string]json.RawMessage{vocab.NSAS2 + "instrument": json.RawMessage(`"` + quote + `"`)}})
		var id string
		if err := s.DB().SQL().QueryRowContext(t.Context(), "SELECT iri FROM quote_authorizations").Scan(&id); err != nil {
			t.Fatal(err)
		}
		has(t, s.ask(id).doc(200), map[string]any{"id": id, "type": "QuoteAuthorization", "attributedTo": home + "/users/ann", "interactingObject": quote,
			"interactionTarget": note.Doc.Object.ID})
		s.post(ann, vocab.VerbDelete, note.Doc.Object)
		has(t, s.ask(id).doc(410), map[string]any{"id": id, "type": "Tombstone"})
	})
}

// TestTheServerIsOneActor: what people do to the server names it by its id here.
func TestTheServerIsOneActor(t *testing.T) {
	onBoth(t, func(s *site) {
		ann := s.account("ann")
		site, err := s.ServerActor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		joined := s.post(ann, vocab.VerbJoin, site.Doc.Ref(), everybody())
		has(t, s.ask(joined.Doc.ID).doc(200), map[string]any{"type": "Join", "object": home + "/actor"})
		known, err := s.DB().ActorByIRI(t.Context(), home+"/actor")
		if err != nil || known.ID != site.ID {
			t.Errorf("%s/actor is %v (%v)", home, known, err)
		}
	})
}
