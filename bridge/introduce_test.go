package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// profile is that of somebody elsewhere.
func profile(id, nick, summary string) *vocab.Object {
	return &vocab.Object{ID: id, Type: vocab.TypePerson, PreferredUsername: nick, DisplayName: "Ann " + summary, Summary: summary,
		Links: map[string]vocab.Link{"self": {Href: "https://far.example/api/user/" + nick + "/profile"}}}
}

func TestIntroduce(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := w.t.Context()
		bob := w.person("bob")
		const id, page = "acct:ann@far.example", "https://far.example/ann"
		// Somebody has written to her before, and knows her address only.
		stub := &vocab.Object{ID: id, Type: vocab.TypePerson}
		letter := w.do(bob, act(vocab.VerbPost, note("for ann"), stub))

		var inside int64
		ann, err := w.Introduce(ctx, &bridge.Account{Profile: profile(id, "ann", "<b>one</b><script>x</script>"), Aliases: []string{page, page, id}},
			func(_ context.Context, _ *models.Tx, a *models.Actor) error { inside = a.ID; return nil })
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "the actor in the transaction", inside, ann.ID)
		same(w.t, "she sees what was written to her", w.sees(ann, letter), true)
		stored := w.actor(ann.ID)
		same(w.t, "summary", stored.Doc.Summary, "<b>one</b>")
		same(w.t, "address", stored.Nickname+"@"+stored.Host, "ann@far.example")
		same(w.t, "local", stored.Local, false)
		for _, name := range []string{id, page} {
			if found, err := w.DB().ActorByIRI(ctx, name); err != nil || found.ID != ann.ID {
				w.t.Errorf("she is not found as %s: %v", name, err)
			}
		}

		// Again, with another id and by another name.
		const url = "https://far.example/api/user/ann/profile"
		again, err := w.Introduce(ctx, &bridge.Account{Profile: profile(url, "ann", "two"), Aliases: []string{id}}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "the same actor", again.ID, ann.ID)
		same(w.t, "summary", w.actor(ann.ID).Doc.Summary, "two")
		same(w.t, "actors elsewhere", w.number("SELECT COUNT(*) FROM actors WHERE host = 'far.example'"), 1)

		// Somebody whom nobody knows yet, at once in two ways.
		errs := together(3, func(int) error {
			_, err := w.Introduce(ctx, &bridge.Account{Profile: profile("acct:eve@far.example", "eve", "")}, nil)
			return err
		})
		same(w.t, "failures", count(errs, func(err error) bool { return err != nil }), 0)
		same(w.t, "actors elsewhere", w.number("SELECT COUNT(*) FROM actors WHERE host = 'far.example'"), 2)
	})
}

func TestIntroductionsThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := w.t.Context()
		bob := w.person("bob")
		gone := w.remote("eve@far.example")
		w.write(func(ctx context.Context, tx *models.Tx) error {
			row, err := tx.Actor(ctx, gone.ID)
			if err != nil {
				return err
			}
			row.State = models.Suspended
			return tx.UpdateActor(ctx, row)
		})
		rows := w.rows()
		for _, c := range []struct {
			account bridge.Account
			reason  bridge.Reason
			text    string
		}{
			{bridge.Account{Profile: profile(bob.Doc.ID, "bob", "")}, bridge.NotAllowed, bob.Doc.ID + " is of this server, and does not come from elsewhere."},
			{bridge.Account{Profile: profile("acct:ann@far.example", "ann", ""), Aliases: []string{home + "/bob"}}, bridge.NotAllowed,
				home + "/bob is of this server, and does not come from elsewhere."},
			{bridge.Account{Profile: profile("ann", "ann", "")}, bridge.Invalid, `"ann" names no account: an account is like acct:ann@example.org or https://example.org/ann.`},
			{bridge.Account{Profile: profile("acct:ann\x00@far.example", "ann", "")}, bridge.Invalid, `The id "acct:ann\x00@far.example" has characters that none can have.`},
			{bridge.Account{Profile: profile("acct:ann@far.example", "ann", ""), Aliases: []string{"a\x00"}}, bridge.Invalid, `The alias "a\x00" has characters that none can have.`},
			{bridge.Account{Profile: profile("acct:eve@far.example", "eve", "")}, bridge.NotAllowed, "This account is suspended."},
		} {
			_, err := w.Introduce(ctx, &c.account, nil)
			w.isRefusal(err, c.reason, c.text)
		}
		refusal := errors.New("no")
		_, err := w.Introduce(ctx, &bridge.Account{Profile: profile("acct:new@far.example", "new", "")},
			func(context.Context, *models.Tx, *models.Actor) error { return refusal })
		if !errors.Is(err, refusal) {
			w.t.Errorf("got %v, want the error of within", err)
		}
		w.unchanged(rows)
	})
}

// How an account is reached is stored with it; the profile of a better network
// stays when another one describes the account.
func TestIntroducePresences(t *testing.T) {
	worldsWith(t, twoNetworks(), func(w *world) {
		ctx := w.t.Context()
		const id, iri = "acct:ann@far.example", "https://far.example/users/ann"
		introduce := func(network, iri, summary string, feeds map[string]vocab.Feed) *models.Actor {
			p := profile(id, "ann", summary)
			p.Feeds, p.Links = feeds, map[string]vocab.Link{network: {Href: iri}}
			a, err := w.Introduce(ctx, &bridge.Account{Profile: p, Network: network, IRI: iri, Aliases: []string{iri}, Inbox: iri + "/inbox", SharedInbox: iri + "/shared"}, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			return a
		}
		ann := introduce("activitypub", iri, "AP", map[string]vocab.Feed{"followers": {URL: iri + "/followers"}})
		found, err := w.DB().Presences(ctx, "activitypub", ann.ID, 7)
		if err != nil {
			w.t.Fatal(err)
		}
		p := found[ann.ID]
		if len(found) != 1 || time.Since(p.Verified).Abs() > time.Minute {
			w.t.Errorf("presences %+v", found)
		}
		p.Verified = time.Time{}
		same(w.t, "presence", p, models.Presence{ActorID: ann.ID, Network: "activitypub", IRI: iri, Inbox: iri + "/inbox", SharedInbox: iri + "/shared"})
		same(w.t, "feed", w.actor(ann.ID).Doc.Feeds["followers"].URL, iri+"/followers")

		// pump comes before activitypub here.
		introduce("pump", "https://far.example/api/user/ann/profile", "pump", nil)
		same(w.t, "summary", w.actor(ann.ID).Doc.Summary, "pump")
		introduce("activitypub", iri, "AP again", map[string]vocab.Feed{"followers": {URL: iri + "/followers"}})
		doc := w.actor(ann.ID).Doc
		same(w.t, "summary", doc.Summary, "pump")
		same(w.t, "links", len(doc.Links), 2)
		same(w.t, "feeds", len(doc.Feeds), 0)
		known, err := w.DB().PresencesOf(ctx, ann.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "presences", len(known), 2)
	})
}

// What somebody describes themselves in is kept until something else comes, once.
func TestProfilesAreKeptAsTheyCame(t *testing.T) {
	worlds(t, func(w *world) {
		var first int64
		for i, raw := range []string{"one", "one", "two", "", "one"} {
			a, err := w.Introduce(w.t.Context(), &bridge.Account{Profile: profile("https://far.example/users/bob", "bob", "Bob"), Network: "activitypub",
				IRI: "https://far.example/users/bob", Inbox: "https://far.example/inbox", Verified: "fetched", ContentType: "application/activity+json", Original: []byte(raw)}, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			rows := func(what string) int64 {
				return w.number(fmt.Sprintf("SELECT %s FROM originals WHERE ref_id = %d", what, a.ID))
			}
			if first == 0 {
				first = rows("MAX(id)")
			}
			if raw == "" {
				raw = "two" // nothing came that could take its place
			}
			kept, err := w.DB().OriginalOf(w.t.Context(), a.ID, "activitypub")
			if err != nil || string(kept.Bytes) != raw || kept.SenderID != a.ID || kept.Verified != "fetched" || kept.ContentType != "application/activity+json" {
				w.t.Errorf("after %d: %+v, error %v", i, kept, err)
			}
			same(w.t, "documents", rows("COUNT(*)"), 1)
			same(w.t, "the same is kept as it was", rows("MAX(id)") == first, i < 2)
		}
	})
}
