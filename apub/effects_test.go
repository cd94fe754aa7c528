package apub_test

import (
	"slices"
	"testing"

	"manifold/apub"
	"manifold/models"
	"manifold/models/vocab"
)

// effects is what one can see here of what bob has done to ann and to her note.
type effects struct {
	likes, shares    int64
	blocks, follows  bool
	reports, pinned  int
	quotesAuthorized int
}

func (w *world) effects(ann *models.Actor, note string, bob *someone) effects {
	w.t.Helper()
	ctx, there := w.t.Context(), w.actor(bob.id)
	o := w.object(note)
	e := effects{likes: o.Counts.Likes, shares: o.Counts.Shares}
	if there == nil {
		return e
	}
	_, err := w.db.Edge(ctx, models.Blocks, there.ID, ann.ID)
	e.blocks, e.follows = err == nil, w.isFollowing(there, ann)
	reports, err := w.db.OpenReports(ctx, models.Page{Count: 20})
	if err != nil {
		w.t.Fatal(err)
	}
	pinned, err := w.db.PinnedObjects(ctx, there.ID, models.Viewer{}, models.Page{Count: 20})
	if err != nil {
		w.t.Fatal(err)
	}
	e.reports, e.pinned = len(reports), len(pinned)
	if err := w.db.SQL().QueryRowContext(ctx, "SELECT COUNT(*) FROM quote_authorizations").Scan(&e.quotesAuthorized); err != nil {
		w.t.Fatal(err)
	}
	return e
}

// Each activity has its effect, and the undoing of it, by its id, by what it was or by
// who did what to whom, takes that back.
func TestEachActivityHasItsEffect(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		them := newPeer(w.t)
		bob, eve := them.person("bob", rsaKeys()[0]), them.person("eve", rsaKeys()[1])
		w.start()
		ann := w.person("ann")
		annIRI, everybody := ours+"/users/ann", &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}
		note := w.does(ann, vocab.VerbPost, text("do something with it"), everybody).Object.ID
		own := bob.note("mine")
		w.sends(bob, bob.does("Create", own, object{"to": own["to"]}))
		w.sends(eve, eve.does("Like", note))
		w.sends(eve, eve.does("Undo", object{"type": "Like", "actor": eve.id, "object": note}))
		for _, who := range []*someone{bob, eve} {
			featured := who.document(pemOf(w.t, who.private.Public()))
			featured["featured"] = who.id + "/featured"
			who.serves(featured)
			w.sends(who, who.does("Update", featured))
		}
		byPair := func(a object) any { return object{"type": a["type"], "actor": a["actor"], "object": a["object"]} }
		byID := func(a object) any { return a["id"] }
		whole := func(a object) any { return a }
		for _, tt := range []struct {
			name    string
			done    object
			effects effects
			undone  func(object) any // nil for what nothing takes back
		}{
			{"a follow", bob.does("Follow", annIRI), effects{follows: true}, whole},
			{"a follow, by the pair", bob.does("Follow", annIRI), effects{follows: true}, byPair},
			{"a like", bob.does("Like", note), effects{likes: 1}, byID},
			{"an emoji", bob.does("EmojiReact", note, object{"content": "🎉"}), effects{likes: 1}, byPair},
			{"a reaction of Misskey", bob.does("Like", note, object{"_misskey_reaction": ":blob:"}), effects{likes: 1}, whole},
			{"a boost", bob.does("Announce", note), effects{shares: 1}, whole},
			{"a boost, by its id", bob.does("Announce", note), effects{shares: 1}, byID},
			{"a block", bob.does("Block", annIRI), effects{blocks: true}, whole},
			{"a dislike", bob.does("Dislike", note), effects{}, whole},
			{"a pin", bob.does("Add", own["id"], object{"target": bob.id + "/featured"}), effects{pinned: 1}, func(object) any { return nil }},
			{"an addition to a collection elsewhere", bob.does("Add", note, object{"target": bob.base + "/collections/1"}), effects{}, whole},
			{"an addition to what others show first", bob.does("Add", own["id"], object{"target": eve.id + "/featured"}), effects{}, byID},
			{"a request to quote", bob.does("QuoteRequest", note, object{"instrument": own["id"]}), effects{quotesAuthorized: 1}, nil},
			{"a report", bob.does("Flag", []string{annIRI, note}, object{"content": "spam"}), effects{quotesAuthorized: 1, reports: 1}, nil},
		} {
			w.sends(bob, tt.done)
			if got := w.effects(ann, note, bob); got != tt.effects {
				w.t.Errorf("%s: %+v, want %+v", tt.name, got, tt.effects)
			}
			if got := w.effects(ann, note, eve).pinned; got != 0 {
				w.t.Errorf("%s: bob has changed what eve shows first", tt.name)
			}
			if tt.undone == nil {
				continue
			}
			undo := bob.does("Undo", tt.undone(tt.done))
			if tt.effects.pinned > 0 {
				undo = bob.does("Remove", own["id"], object{"target": bob.id + "/featured"})
			}
			w.sends(bob, undo)
			if got := w.effects(ann, note, bob); got != (effects{}) {
				w.t.Errorf("%s, taken back: %+v", tt.name, got)
			}
		}
	})
}

// What has no effect is kept as what it is, and shown to whom it is addressed.
func TestActivitiesWithoutEffectAreShown(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		bob := newPeer(w.t).person("bob", rsaKeys()[0])
		w.start()
		ann := w.person("ann")
		note := w.does(ann, vocab.VerbPost, text("look"), &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}).Object.ID
		want := map[string]string{}
		for typ, verb := range map[string]string{"View": "watch", "Listen": "listen", "Read": "read", "Ignore": "ignore", "Offer": "offer", "Travel": vocab.NSAS2 + "Travel",
			"Dislike": "dislike", "https://odd.example/ns#Juggle": "https://odd.example/ns#Juggle"} {
			a := bob.does(typ, note, object{"to": ours + "/users/ann"})
			want[a["id"].(string)] = verb
			w.sends(bob, a)
		}
		items, _, err := w.db.StreamPage(w.t.Context(), ann.ID, models.Inbox, models.All, models.Viewer{ActorID: ann.ID}, models.Page{Count: 50})
		if err != nil {
			w.t.Fatal(err)
		}
		for id, verb := range want {
			i := slices.IndexFunc(items, func(i models.Item) bool { return i.Activity.Doc.ID == id })
			if i < 0 || items[i].Activity.Doc.Verb != verb {
				w.t.Errorf("%s (%s) is not shown as such", id, verb)
			}
		}
	})
}
