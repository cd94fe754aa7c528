package models_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

func TestEdge(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		add := func(e *models.Edge) error {
			return db.Write(t.Context(), func(tx *models.Tx) error { return tx.AddEdge(t.Context(), e) })
		}
		remove := func(kind models.EdgeKind, actor, target int64) error {
			return db.Write(t.Context(), func(tx *models.Tx) error { return tx.RemoveEdge(t.Context(), kind, actor, target) })
		}
		e := &models.Edge{Kind: models.Follows, ActorID: 1, TargetID: 2, State: models.Requested, ActorLocal: true, ActivityID: 7, Created: at}
		if err := add(e); err != nil {
			t.Fatal(err)
		}
		if got := must[*models.Edge](t)(db.Edge(t.Context(), models.Follows, 1, 2)); *got != *e || got.Position == 0 {
			t.Errorf("stored %+v, want %+v", got, e)
		}
		if err := add(&models.Edge{Kind: models.Follows, ActorID: 1, TargetID: 2, State: models.InForce, ActivityID: 8}); !errors.Is(err, models.ErrExists) {
			t.Errorf("a second edge: error %v, want ErrExists", err)
		}
		if got := must[*models.Edge](t)(db.Edge(t.Context(), models.Follows, 1, 2)); got.ActivityID != 7 || got.State != models.Requested {
			t.Errorf("the second edge changed the first: %+v", got)
		}
		for _, other := range []models.Edge{{Kind: models.Blocks, ActorID: 1, TargetID: 2}, {Kind: models.Follows, ActorID: 2, TargetID: 1}, {Kind: models.Follows, ActorID: 1, TargetID: 3}} {
			if err := add(&other); err != nil {
				t.Errorf("%+v: %v", other, err)
			}
		}
		if err := remove(models.Follows, 1, 2); err != nil {
			t.Error(err)
		}
		_, gone := db.Edge(t.Context(), models.Follows, 1, 2)
		for what, err := range map[string]error{"removed": gone, "removed again": remove(models.Follows, 1, 2), "of another kind": remove(models.Likes, 1, 3)} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: error %v, want ErrNotFound", what, err)
			}
		}
		if n := number(t, db, "SELECT COUNT(*) FROM edges"); n != 3 {
			t.Errorf("%d edges are left, want 3", n)
		}
	})
}

// Followers and followed by pages, newest first; those who only asked do not
// count.
func TestEdgePages(t *testing.T) {
	const ann, n = 1, 9
	stores(t, func(t *testing.T, db *models.DB) {
		var want []int64
		for i := int64(n); i > 0; i-- {
			want = append(want, 100+i)
		}
		for i := int64(1); i <= n; i++ {
			for _, e := range []models.Edge{
				{Kind: models.Follows, ActorID: 100 + i, TargetID: ann, State: models.InForce, ActivityID: i, Created: at},
				{Kind: models.Follows, ActorID: ann, TargetID: 100 + i, State: models.InForce, ActivityID: i, Created: at},
				{Kind: models.Follows, ActorID: 200 + i, TargetID: ann, State: models.Requested},
				{Kind: models.Follows, ActorID: ann, TargetID: 200 + i, State: models.Requested},
				{Kind: models.Likes, ActorID: 300 + i, TargetID: ann, State: models.InForce},
				{Kind: models.Follows, ActorID: 100 + i, TargetID: 2, State: models.InForce},
			} {
				write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.AddEdge(ctx, &e) })
			}
		}
		for _, tt := range []struct {
			name  string
			page  func(models.Page) ([]models.Edge, error)
			other func(models.Edge) int64
		}{
			{"followers", func(p models.Page) ([]models.Edge, error) { return db.EdgesTo(t.Context(), models.Follows, ann, p) },
				func(e models.Edge) int64 { return e.ActorID }},
			{"followed", func(p models.Page) ([]models.Edge, error) {
				return db.EdgesFrom(t.Context(), models.Follows, ann, p)
			}, func(e models.Edge) int64 { return e.TargetID }},
		} {
			page := func(p models.Page) (others []int64, edges []models.Edge) {
				edges = must[[]models.Edge](t)(tt.page(p))
				for _, e := range edges {
					others = append(others, tt.other(e))
					if stored := must[*models.Edge](t)(db.Edge(t.Context(), e.Kind, e.ActorID, e.TargetID)); *stored != e {
						t.Errorf("%s: the page has %+v, stored is %+v", tt.name, e, stored)
					}
				}
				return others, edges
			}
			var got []int64
			var last []models.Edge
			for p := (models.Page{Count: 4}); ; p.Before = last[len(last)-1].Position {
				others, edges := page(p)
				if last = edges; len(edges) == 0 {
					break
				}
				got = append(got, others...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s before: %v, want %v", tt.name, got, want)
			}
			_, all := page(models.Page{Count: n})
			if got, _ := page(models.Page{Count: 3, Since: all[6].Position}); !slices.Equal(got, want[3:6]) {
				t.Errorf("%s since: %v, want %v", tt.name, got, want[3:6])
			}
			if got, _ := page(models.Page{Count: 3, Offset: 2}); !slices.Equal(got, want[2:5]) {
				t.Errorf("%s from the third: %v, want %v", tt.name, got, want[2:5])
			}
		}
	})
}

func TestRelations(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		edge(t, db, models.Follows, 1, 2)
		edge(t, db, models.Blocks, 1, 2)
		edge(t, db, models.Likes, 1, 3)
		edge(t, db, models.Follows, 2, 4)
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: 1, TargetID: 5, State: models.Requested})
		})
		targets := []int64{2, 3, 4, 5, 6}
		for i := range int64(1200) { // more than one statement takes
			targets = append(targets, 1000+i)
		}
		edge(t, db, models.Follows, 1, 2199)
		r := must[models.Relations](t)(db.RelationsTo(t.Context(), 1, targets))
		type relation struct {
			kind   models.EdgeKind
			target int64
		}
		want := map[relation]bool{{models.Follows, 2}: true, {models.Blocks, 2}: true, {models.Likes, 3}: true, {models.Follows, 2199}: true}
		for _, target := range targets {
			for kind := models.Follows; kind <= models.Blocks; kind++ {
				if got := r.Has(kind, target); got != want[relation{kind, target}] {
					t.Errorf("relation %d to %d: %v", kind, target, got)
				}
			}
		}
		if r := must[models.Relations](t)(db.RelationsTo(t.Context(), 0, targets)); r.Has(models.Follows, 2) {
			t.Error("a stranger follows somebody")
		}
	})
}

func TestFirstEdgesTo(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		for actor := int64(1); actor <= 6; actor++ {
			edge(t, db, models.Likes, actor, 100)
			edge(t, db, models.Shared, actor, 100)
			if actor%3 == 0 {
				edge(t, db, models.Likes, actor, 101)
			}
		}
		edge(t, db, models.Likes, 7, 350)
		var targets []int64
		for i := range int64(260) { // more branches than one statement takes
			targets = append(targets, 99+i)
		}
		got := must[map[int64][]int64](t)(db.FirstEdgesTo(t.Context(), models.Likes, targets, 4))
		want := map[int64][]int64{100: {6, 5, 4, 3}, 101: {6, 3}, 350: {7}}
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := must[map[int64][]int64](t)(db.FirstEdgesTo(t.Context(), models.Likes, nil, 4)); len(got) != 0 {
			t.Errorf("of nothing: %v", got)
		}
	})
}

// thing makes an object, posted by an activity if that is given.
func thing(t *testing.T, db *models.DB, o models.Object) *models.Object {
	t.Helper()
	o.Type, o.Created, o.Updated = vocab.TypeNote, at, at
	write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateObject(ctx, &o, o.Doc.ID) })
	return &o
}

func called(list []*models.Object) []string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.Doc.ID
	}
	return names
}

// Replies, by pages and the first of several, are those that the viewer may see.
func TestReplies(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "friend", "passer-by")
		ann, friend, passer := ids[0], ids[1], ids[2]
		edge(t, db, models.Follows, friend, ann)
		public := do(t, db, deed{name: "public", actor: ann}, models.Distribution{})
		limited := do(t, db, deed{name: "limited", actor: ann, visibility: models.Limited, audience: []models.Addressee{{Kind: models.AudienceFollowers, ID: ann}}}, models.Distribution{})
		parent := thing(t, db, models.Object{AuthorID: ann, ActivityID: public, Doc: &vocab.Object{ID: "parent"}})
		empty := thing(t, db, models.Object{AuthorID: ann, ActivityID: public, Doc: &vocab.Object{ID: "empty"}})
		reply := func(name string, activity int64) *models.Object {
			return thing(t, db, models.Object{AuthorID: ann, ParentID: parent.ID, ActivityID: activity, Doc: &vocab.Object{ID: name}})
		}
		for i := range 5 {
			reply(fmt.Sprint("p", i), public)
			reply(fmt.Sprint("l", i), limited)
		}
		reply("not posted", 0)
		gone := reply("gone", public)
		gone.Deleted, gone.Doc = at, gone.Doc.Tombstone(at)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateObject(ctx, gone) })

		everything := []string{"not posted", "l4", "p4", "l3", "p3", "l2", "p2", "l1", "p1", "l0", "p0"}
		for _, tt := range []struct {
			viewer int64
			want   []string
		}{
			{0, []string{"p4", "p3", "p2", "p1", "p0"}}, {passer, []string{"p4", "p3", "p2", "p1", "p0"}}, {friend, everything[1:]}, {ann, everything},
		} {
			viewer := models.Viewer{ActorID: tt.viewer}
			var got []string
			for p := (models.Page{Count: 2}); ; {
				list := must[[]*models.Object](t)(db.Replies(t.Context(), parent.ID, viewer, p))
				if len(list) == 0 {
					break
				}
				got = append(got, called(list)...)
				p.Before = list[len(list)-1].Position
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%d sees %v, want %v", tt.viewer, got, tt.want)
			}
			models.Forget(db)
			first := must[map[int64][]*models.Object](t)(db.FirstReplies(t.Context(), []int64{empty.ID, parent.ID}, viewer, 3))
			if got := called(first[parent.ID]); !slices.Equal(got, tt.want[:3]) || len(first[empty.ID]) != 0 {
				t.Errorf("%d sees first %v, want %v", tt.viewer, got, tt.want[:3])
			}
			for name, want := range map[string]bool{"p0": true, "l0": tt.viewer == friend || tt.viewer == ann, "not posted": tt.viewer == ann} {
				o := must[*models.Object](t)(db.ObjectByIRI(t.Context(), name))
				if may := must[bool](t)(db.MaySeeObject(t.Context(), viewer, o.ID)); may != want {
					t.Errorf("%d may see %s: %v, want %v", tt.viewer, name, may, want)
				}
			}
		}
	})
}

func TestLists(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		public := do(t, db, deed{name: "public", actor: ann}, models.Distribution{})
		limited := do(t, db, deed{name: "limited", actor: ann, visibility: models.Limited}, models.Distribution{})
		list := func(name, of string, author, activity int64) *models.Object {
			return thing(t, db, models.Object{AuthorID: author, ActivityID: activity, ListOf: of, Doc: &vocab.Object{ID: name}})
		}
		for i := range 3 {
			list(fmt.Sprint("people", i), "person", ann, public)
		}
		secret := list("secret", "person", ann, limited)
		list("pictures", "image", ann, public)
		list("no list", "", ann, public)
		list("bob's", "person", bob, public)
		page := func(of string, viewer int64, p models.Page) []string {
			return called(must[[]*models.Object](t)(db.Lists(t.Context(), ann, of, models.Viewer{ActorID: viewer}, p)))
		}
		for _, tt := range []struct {
			name, of string
			viewer   int64
			page     models.Page
			want     []string
		}{
			{"by ann", "person", ann, models.Page{Count: 20}, []string{"secret", "people2", "people1", "people0"}},
			{"by bob", "person", bob, models.Page{Count: 20}, []string{"people2", "people1", "people0"}},
			{"by a stranger", "person", 0, models.Page{Count: 2}, []string{"people2", "people1"}},
			{"of another type", "image", ann, models.Page{Count: 20}, []string{"pictures"}},
			{"before", "person", ann, models.Page{Count: 2, Before: secret.Position}, []string{"people2", "people1"}},
			{"of no type", "", ann, models.Page{Count: 20}, []string{}},
		} {
			if got := page(tt.of, tt.viewer, tt.page); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	})
}

// What somebody likes, in the order in which it was liked.
func TestLikedObjects(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		public := do(t, db, deed{name: "public", actor: bob}, models.Distribution{})
		limited := do(t, db, deed{name: "limited", actor: bob, visibility: models.Limited, audience: []models.Addressee{{Kind: models.AudienceActor, ID: ann}}}, models.Distribution{})
		objects := map[string]*models.Object{}
		for name, activity := range map[string]int64{"a": public, "b": public, "c": public, "for ann": limited, "copy": 0, "gone": public} {
			objects[name] = thing(t, db, models.Object{AuthorID: bob, ActivityID: activity, Doc: &vocab.Object{ID: name}})
		}
		for _, name := range []string{"copy", "c", "for ann", "gone", "a", "b"} {
			edge(t, db, models.Likes, ann, objects[name].ID)
		}
		gone := objects["gone"]
		gone.Deleted = at
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateObject(ctx, gone) })
		edge(t, db, models.Likes, bob, objects["a"].ID)
		for _, tt := range []struct {
			viewer int64
			want   []string
		}{{ann, []string{"b", "a", "for ann", "c", "copy"}}, {0, []string{"b", "a", "c"}}, {bob, []string{"b", "a", "for ann", "c", "copy"}}} {
			list := must[[]*models.Object](t)(db.LikedObjects(t.Context(), ann, models.Viewer{ActorID: tt.viewer}, models.Page{Count: 20}))
			if got := called(list); !slices.Equal(got, tt.want) {
				t.Errorf("%d sees %v, want %v", tt.viewer, got, tt.want)
			}
		}
		since := must[*models.Edge](t)(db.Edge(t.Context(), models.Likes, ann, objects["c"].ID)).Position
		if got := called(must[[]*models.Object](t)(db.LikedObjects(t.Context(), ann, models.Viewer{ActorID: ann}, models.Page{Count: 2, Since: since}))); !slices.Equal(got, []string{"a", "for ann"}) {
			t.Errorf("since c: %v, want a, for ann", got)
		}
	})
}
