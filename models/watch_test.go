package models_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

// What many viewers may see is what each of them may.
func TestWhoSees(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob", "cid", "dot", "eve")
		ann, bob, cid, dot, eve := ids[0], ids[1], ids[2], ids[3], ids[4]
		edge(t, db, models.Follows, bob, ann)
		edge(t, db, models.Blocks, ann, dot)
		edge(t, db, models.Blocks, cid, ann)
		var group int64
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			g := &models.Actor{Type: vocab.TypeGroup, Local: true, AuthorID: eve, Doc: &vocab.Object{ID: "https://us/group", Type: vocab.TypeGroup}}
			err := tx.CreateActor(ctx, g, g.Doc.ID)
			group = g.ID
			return err
		})
		edge(t, db, models.MemberOf, cid, group)
		to := func(kind models.AudienceKind, id int64) []models.Addressee {
			return []models.Addressee{{Kind: kind, ID: id}}
		}
		limited := do(t, db, deed{name: "limited", actor: bob, visibility: models.Limited, audience: to(models.AudienceActor, cid)}, models.Distribution{})
		deeds := []int64{limited}
		for _, d := range []deed{
			{name: "public"}, {name: "unlisted", visibility: models.Unlisted},
			{name: "followers", visibility: models.Limited, audience: to(models.AudienceFollowers, ann)},
			{name: "named", visibility: models.Limited, audience: to(models.AudienceActor, dot)},
			{name: "group", visibility: models.Limited, audience: to(models.AudienceGroup, group)},
			{name: "about what is limited", objectPost: limited},
		} {
			d.actor = ann
			deeds = append(deeds, do(t, db, d, models.Distribution{Others: []int64{eve}[:len(d.name)%2]}))
		}
		seen := must[map[models.Sight]bool](t)(db.WhoSees(t.Context(), deeds, ids, false))
		n := 0
		for _, viewer := range ids {
			for i, a := range deeds {
				want := must[bool](t)(db.MaySeeActivity(t.Context(), models.Viewer{ActorID: viewer}, a))
				if got := seen[models.Sight{Viewer: viewer, Activity: a}]; got != want {
					t.Errorf("viewer %d sees activity %d: %t, want %t", slices.Index(ids, viewer), i, got, want)
				}
				if want {
					n++
				}
			}
		}
		if n < 10 || n > 30 {
			t.Errorf("of 35 pairs %d may see: nothing was tried", n)
		}
		meeting := must[map[models.Sight]bool](t)(db.WhoSees(t.Context(), deeds, ids, true))
		for s := range seen {
			if want := s.Viewer != cid || s.Activity == limited; meeting[s] != want {
				t.Errorf("where many post, viewer %d sees activity %d: %t", slices.Index(ids, s.Viewer), slices.Index(deeds, s.Activity), meeting[s])
			}
		}
		// More than one query takes.
		many, who := slices.Repeat(deeds, 100), slices.Repeat(ids, 150)
		if got := must[map[models.Sight]bool](t)(db.WhoSees(t.Context(), many, who, false)); len(got) != len(seen) {
			t.Errorf("asked for many, %d pairs, want %d", len(got), len(seen))
		}
	})
}

func TestPlacesSince(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob", "cid")
		var deeds []int64
		for i := range 6 {
			d := models.Distribution{AuthorLocal: true, Major: i%2 == 0, Others: ids[1:2]}
			if i > 3 {
				d.Direct = ids[1:2]
			}
			deeds = append(deeds, do(t, db, deed{name: fmt.Sprint(i), actor: ids[0], visibility: models.Visibility(i % 3)}, d))
		}
		since := must[int64](t)(db.PositionOf(t.Context(), ids[1], models.Inbox, deeds[1]))
		places := must[[]models.Place](t)(db.PlacesSince(t.Context(), models.Inbox, ids[1:], since))
		var got []int64
		for _, p := range places {
			if p.Owner != ids[1] || p.Stream != models.Inbox {
				t.Errorf("%+v", p)
			}
			got = append(got, p.Activity)
		}
		if !slices.Equal(got, deeds[2:]) {
			t.Errorf("after the second come %v, want %v", got, deeds[2:])
		}
		if c := places[3].Class; c != models.ClassDirect {
			t.Errorf("the class of the last is %d", c)
		}
		if outbox := must[[]models.Place](t)(db.PlacesSince(t.Context(), models.Outbox, ids, 0)); len(outbox) != 6 {
			t.Errorf("the outboxes have %d items", len(outbox))
		}
	})
}

func TestEdgesOfMany(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob", "cid", "dot")
		ann, bob, cid, dot := ids[0], ids[1], ids[2], ids[3]
		edge(t, db, models.Follows, bob, ann)
		edge(t, db, models.Follows, cid, ann)
		edge(t, db, models.Follows, cid, bob)
		edge(t, db, models.Blocks, dot, ann)
		edge(t, db, models.Blocks, ann, cid)
		followers := must[[]int64](t)(db.LocalEdgesTo(t.Context(), models.Follows, []int64{ann, bob}, 10))
		slices.Sort(followers)
		if want := []int64{bob, cid, cid}; !slices.Equal(followers, want) {
			t.Errorf("followers %v, want %v", followers, want)
		}
		if some := must[[]int64](t)(db.LocalEdgesTo(t.Context(), models.Follows, []int64{ann, bob}, 2)); len(some) != 2 {
			t.Errorf("%d followers, want 2", len(some))
		}
		lines := func(edges []models.Edge) []string {
			var list []string
			for _, e := range edges {
				list = append(list, fmt.Sprint(slices.Index(ids, e.ActorID), e.Kind, slices.Index(ids, e.TargetID)))
			}
			slices.Sort(list)
			return list
		}
		among := lines(must[[]models.Edge](t)(db.EdgesAmong(t.Context(), []int64{bob, cid, dot}, []int64{ann})))
		if want := []string{"1 1 0", "2 1 0", "3 5 0"}; !slices.Equal(among, want) {
			t.Errorf("edges %q, want %q", among, want)
		}
		around := lines(must[[]models.Edge](t)(db.BlocksAround(t.Context(), []int64{cid, dot})))
		if want := []string{"0 5 2", "3 5 0"}; !slices.Equal(around, want) {
			t.Errorf("blocks %q, want %q", around, want)
		}
	})
}

func TestNewestReplies(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		object := func(name string, parent, post int64) int64 {
			var id int64
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				o := &models.Object{Type: vocab.TypeComment, AuthorID: ids[1], ParentID: parent, ActivityID: post, Doc: &vocab.Object{ID: "https://us/o/" + name}}
				err := tx.CreateObject(ctx, o, o.Doc.ID)
				id = o.ID
				return err
			})
			return id
		}
		parent, other := object("parent", 0, 0), object("other", 0, 0)
		var replies []int64
		for i, v := range []models.Visibility{models.Public, models.Limited, models.Unlisted, models.Public} {
			post := do(t, db, deed{name: fmt.Sprint(i), actor: ids[1], visibility: v}, models.Distribution{})
			replies = append(replies, object(fmt.Sprint(i), parent, post))
		}
		unposted := object("unposted", other, 0)
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			if _, err := tx.Position(ctx); err != nil {
				return err
			}
			return tx.CountObject(ctx, replies[2], models.CountLikes, 1)
		})
		found := must[map[int64][]models.Reply](t)(db.NewestReplies(t.Context(), []int64{parent, other}, 3))
		var got []string
		for _, r := range found[parent] {
			got = append(got, fmt.Sprint(slices.Index(replies, r.ID), r.Visibility, r.Touched, r.AuthorID == ids[1], r.ParentID == parent, r.Post != 0))
		}
		if want := []string{"3 0 false true true true", "2 1 true true true true", "1 2 false true true true"}; !slices.Equal(got, want) {
			t.Errorf("replies %q, want %q", got, want)
		}
		if r := found[other]; len(r) != 1 || r[0].ID != unposted || r[0].Visibility != models.Limited || r[0].Post != 0 {
			t.Errorf("replies to the other: %+v", r)
		}
	})
}

func TestLiveTokens(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		for i, id := range ids {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				a := &models.Account{ActorID: id, Nickname: fmt.Sprint("n", i), State: models.State(i), Created: at, Updated: at}
				if err := tx.CreateAccount(ctx, a); err != nil {
					return err
				}
				_, err := tx.EnsureAccessToken(ctx, &models.AccessToken{Token: fmt.Sprint("t", i), Secret: "s", ClientID: "c", ActorID: id, Created: at})
				return err
			})
		}
		tokens := []string{"t0", "t1", "unknown"}
		for range 600 {
			tokens = append(tokens, "t0")
		}
		live := must[map[string]bool](t)(db.LiveTokens(t.Context(), tokens))
		if len(live) != 1 || !live["t0"] {
			t.Errorf("live are %v", live)
		}
	})
}
