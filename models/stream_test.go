package models_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

func TestParts(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		for _, tt := range []struct {
			name          string
			major, direct bool
		}{{"minor", false, false}, {"major", true, false}, {"direct minor", false, true}, {"direct major", true, true}} {
			to := models.Distribution{AuthorLocal: true, Major: tt.major, Others: []int64{bob}}
			if tt.direct {
				to.Direct = []int64{bob}
			}
			do(t, db, deed{name: tt.name, actor: ann}, to)
		}
		for _, tt := range []struct {
			name   string
			part   models.Part
			inbox  string
			outbox string
		}{
			{"all", models.All, "direct major,direct minor,major,minor", "direct major,direct minor,major,minor"},
			{"major", models.Major, "direct major,major", "direct major,major"},
			{"minor", models.Minor, "direct minor,minor", "direct minor,minor"},
			{"direct", models.Direct, "direct major,direct minor", ""},
			{"direct major", models.DirectMajor, "direct major", ""},
			{"direct minor", models.DirectMinor, "direct minor", ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				if got := strings.Join(inbox(t, db, bob, tt.part), ","); got != tt.inbox {
					t.Errorf("inbox %q, want %q", got, tt.inbox)
				}
				items, total, err := db.StreamPage(t.Context(), ann, models.Outbox, tt.part, models.Viewer{}, models.Page{Count: 10})
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(titles(items), ","); got != tt.outbox || total != len(items) {
					t.Errorf("outbox %q of %d, want %q", got, total, tt.outbox)
				}
			})
		}
	})
}

// Whatever way a client pages, it meets every item that was there when it began
// exactly once, in order, while new ones arrive between its pages.
func TestPagesMeetEverythingOnce(t *testing.T) {
	const old, count = 23, 4
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		n := 0
		arrive := func() {
			n++
			to := models.Distribution{Major: n%2 == 0, Others: []int64{bob}}
			if n%3 == 0 {
				to.Direct = []int64{bob}
			}
			do(t, db, deed{name: fmt.Sprint("d", n), actor: ann}, to)
		}
		for range old {
			arrive()
		}
		page := func(p models.Page) []models.Item {
			items, total, err := db.StreamPage(t.Context(), bob, models.Inbox, models.All, models.Viewer{ActorID: bob}, p)
			if err != nil {
				t.Fatal(err)
			}
			if total != n {
				t.Errorf("the total is %d, want %d", total, n)
			}
			if !slices.IsSortedFunc(items, func(a, b models.Item) int { return int(b.Position - a.Position) }) {
				t.Errorf("the page %v is not newest first", titles(items))
			}
			return items
		}
		t.Run("before", func(t *testing.T) {
			n := n
			var got []string
			for p := (models.Page{Count: count}); ; arrive() {
				items := page(p)
				if len(items) == 0 {
					break
				}
				got = append(got, titles(items)...)
				p.Before = items[len(items)-1].Position
			}
			if want := countdown(n, 1); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
		t.Run("since", func(t *testing.T) {
			first := page(models.Page{Count: n})[n-1]
			var got []string
			for p := (models.Page{Count: count, Since: first.Position}); ; {
				if n < 2*old {
					arrive()
				}
				items := page(p)
				if len(items) == 0 {
					break
				}
				p.Since = items[0].Position
				got = append(titles(items), got...)
			}
			if want := countdown(n, 2); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
		t.Run("offset", func(t *testing.T) {
			var got []string
			for p := (models.Page{Count: count}); ; p.Offset += count {
				items := page(p)
				if len(items) == 0 {
					break
				}
				got = append(got, titles(items)...)
			}
			if want := countdown(n, 1); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
		t.Run("between", func(t *testing.T) {
			all := page(models.Page{Count: n})
			got := titles(page(models.Page{Count: n, Before: all[2].Position, Since: all[8].Position}))
			if want := titles(all[3:8]); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			got = titles(page(models.Page{Count: 2, Since: all[8].Position, Offset: 1}))
			if want := titles(all[5:7]); !slices.Equal(got, want) {
				t.Errorf("with an offset got %v, want %v", got, want)
			}
		})
	})
}

func countdown(from, to int) []string {
	var list []string
	for ; from >= to; from-- {
		list = append(list, fmt.Sprint("d", from))
	}
	return list
}

// Who sees what of an outbox, and of single activities: the same for both.
func TestOutboxShowsWhatMayBeSeen(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "follower", "asked", "member", "grouped", "named", "holder", "passer-by")
		ann, follower, asked, member, grouped, named, holder, passer := ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7]
		list, group := int64(71), int64(72)
		edge(t, db, models.Follows, follower, ann)
		edge(t, db, models.MemberOf, member, list)
		edge(t, db, models.MemberOf, grouped, group)
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: asked, TargetID: ann, State: models.Requested, ActorLocal: true})
		})
		own := models.Distribution{AuthorLocal: true}
		limitedTo := func(a ...models.Addressee) deed { return deed{actor: ann, visibility: models.Limited, audience: a} }
		deeds := []struct {
			name string
			deed deed
			to   models.Distribution
			// seen is who sees it besides ann; nil means everybody.
			seen []int64
		}{
			{"public", deed{actor: ann}, own, nil},
			{"unlisted", deed{actor: ann, visibility: models.Unlisted}, own, nil},
			{"to nobody", limitedTo(), own, []int64{}},
			{"followers", limitedTo(models.Addressee{Kind: models.AudienceFollowers, ID: ann}), own, []int64{follower}},
			{"list", limitedTo(models.Addressee{Kind: models.AudienceList, ID: list}), own, []int64{member}},
			{"group", limitedTo(models.Addressee{Kind: models.AudienceGroup, ID: group}), own, []int64{grouped}},
			{"named", limitedTo(models.Addressee{Field: models.BTo, Kind: models.AudienceActor, ID: named}), own, []int64{named}},
			{"unknown", limitedTo(models.Addressee{Kind: models.AudienceUnknown, ID: passer}), own, []int64{}},
			{"in an inbox", limitedTo(), models.Distribution{AuthorLocal: true, Others: []int64{holder}}, []int64{holder}},
		}
		rows := map[string]int64{}
		for _, d := range deeds {
			d.deed.name = d.name
			rows[d.name] = do(t, db, d.deed, d.to)
		}
		for _, viewer := range append([]int64{0}, ids...) {
			var want []string
			public := 0
			for _, d := range slices.Backward(deeds) {
				sees := d.seen == nil || viewer == ann || slices.Contains(d.seen, viewer)
				if sees {
					want = append(want, d.name)
				}
				if d.seen == nil {
					public++
				}
				may := must[bool](t)(db.MaySeeActivity(t.Context(), models.Viewer{ActorID: viewer}, rows[d.name]))
				if may != sees {
					t.Errorf("%d may see %q: %v, want %v", viewer, d.name, may, sees)
				}
			}
			wantTotal := public
			if viewer == ann {
				wantTotal = len(deeds)
			}
			got, total := outbox(t, db, ann, viewer)
			if !slices.Equal(got, want) || total != wantTotal {
				t.Errorf("%d sees %v and a total of %d,\nwant %v and %d", viewer, got, total, want, wantTotal)
			}
		}
	})
}

// A share that is for everybody of a post that is not is shown to those only who
// may see the post.
func TestShareOfWhatIsLimited(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "sharer", "friend", "passer-by")
		ann, sharer, friend, passer := ids[0], ids[1], ids[2], ids[3]
		edge(t, db, models.Follows, friend, ann)
		edge(t, db, models.Follows, sharer, ann)
		edge(t, db, models.Follows, passer, sharer)
		post := do(t, db, deed{name: "post", actor: ann, visibility: models.Limited,
			audience: []models.Addressee{{Kind: models.AudienceFollowers, ID: ann}}}, models.Distribution{AuthorLocal: true, FollowersOf: []int64{ann}})
		share := do(t, db, deed{name: "share", actor: sharer, verb: "share", objectPost: post},
			models.Distribution{AuthorLocal: true, Major: true, FollowersOf: []int64{sharer}, OnlyWhoSee: post})
		do(t, db, deed{name: "other", actor: sharer}, models.Distribution{AuthorLocal: true})

		for _, tt := range []struct {
			viewer int64
			sees   bool
			total  int
		}{{0, false, 1}, {passer, false, 1}, {friend, true, 1}, {ann, true, 1}, {sharer, true, 2}} {
			got, total := outbox(t, db, sharer, tt.viewer)
			if slices.Contains(got, "share") != tt.sees || !slices.Contains(got, "other") || total != tt.total {
				t.Errorf("%d sees %v and a total of %d, want the share: %v, a total of %d", tt.viewer, got, total, tt.sees, tt.total)
			}
			if may := must[bool](t)(db.MaySeeActivity(t.Context(), models.Viewer{ActorID: tt.viewer}, share)); may != tt.sees {
				t.Errorf("%d may see the share: %v, want %v", tt.viewer, may, tt.sees)
			}
		}
		if got := inbox(t, db, passer, models.All); len(got) != 0 {
			t.Errorf("somebody who may not see the post got %v", got)
		}
	})
}

func TestInboxIsReadByItsOwner(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		for _, viewer := range []int64{0, ids[1]} {
			_, _, err := db.StreamPage(t.Context(), ids[0], models.Inbox, models.All, models.Viewer{ActorID: viewer}, models.Page{Count: 1})
			if err == nil {
				t.Errorf("%d may read the inbox of ann", viewer)
			}
		}
	})
}

func TestEmptyPageHasTheTotal(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		for _, tt := range []struct {
			name  string
			page  models.Page
			total int
		}{
			{"nothing there", models.Page{Count: 20}, 0},
			{"before the first", models.Page{Count: 20, Before: 1}, 2},
			{"since the last", models.Page{Count: 20, Since: 1 << 40}, 2},
			{"past the end", models.Page{Count: 20, Offset: 50}, 2},
			{"no items wanted", models.Page{}, 2},
		} {
			if tt.total > 0 && len(inbox(t, db, ann, models.All)) == 0 {
				do(t, db, deed{name: "one", actor: ann}, models.Distribution{AuthorLocal: true})
				do(t, db, deed{name: "two", actor: ann}, models.Distribution{AuthorLocal: true, Major: true})
			}
			items, total, err := db.StreamPage(t.Context(), ann, models.Inbox, models.All, models.Viewer{ActorID: ann}, tt.page)
			if err != nil || len(items) != 0 || total != tt.total {
				t.Errorf("%s: items %v of %d, error %v; want none of %d", tt.name, titles(items), total, err, tt.total)
			}
		}
	})
}

// A page carries the activities whole.
func TestPageCarriesActivities(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		d := deed{name: "post", actor: ann, verb: "share", object: models.Ref{Kind: models.KindObject, ID: 5}, visibility: models.Limited,
			audience: []models.Addressee{{Field: models.CC, Kind: models.AudienceActor, ID: ann}}}
		id := do(t, db, d, models.Distribution{AuthorLocal: true})
		for _, from := range []string{"cache", "database"} {
			if from == "database" {
				models.Forget(db)
			}
			items, _, err := db.StreamPage(t.Context(), ann, models.Inbox, models.All, models.Viewer{ActorID: ann}, models.Page{Count: 1})
			if err != nil || len(items) != 1 {
				t.Fatalf("items %v, error %v", items, err)
			}
			a := items[0].Activity
			if a.ID != id || a.Version != 1 || a.Verb != "share" || a.ActorID != ann || a.Object != d.object || a.Target != (models.Ref{}) ||
				a.Visibility != models.Limited || !a.Local || !a.Published.Equal(at) || !a.Updated.Equal(at) || !a.Deleted.IsZero() {
				t.Errorf("from the %s: row %+v", from, a)
			}
			if a.Doc == nil || a.Doc.Title != "post" || !slices.Equal(a.Audience, d.audience) {
				t.Errorf("from the %s: document %+v, audience %v", from, a.Doc, a.Audience)
			}
		}
	})
}

// Each item has the object that the activity is about, where that is one.
func TestPageCarriesObjects(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		o := &models.Object{Type: vocab.TypeNote, AuthorID: ann, Created: at, Updated: at, Doc: &vocab.Object{ID: "https://us/o", Content: "hello"}}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateObject(ctx, o) })
		own := models.Distribution{AuthorLocal: true}
		note := models.Ref{Kind: models.KindObject, ID: o.ID}
		do(t, db, deed{name: "post", actor: ann, object: note}, own)
		do(t, db, deed{name: "like", actor: ann, object: note}, own)
		do(t, db, deed{name: "follow", actor: ann, object: models.Ref{Kind: models.KindActor, ID: ann}}, own)
		do(t, db, deed{name: "of the same id", actor: ann, object: models.Ref{Kind: models.KindActivity, ID: o.ID}}, own)
		do(t, db, deed{name: "of nothing", actor: ann}, own)
		for _, from := range []string{"cache", "database"} {
			if from == "database" {
				models.Forget(db)
			}
			items, _, err := db.StreamPage(t.Context(), ann, models.Outbox, models.All, models.Viewer{}, models.Page{Count: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range items {
				want := o
				if item.Activity.Object != note {
					want = nil
				}
				if !reflect.DeepEqual(item.Object, want) {
					t.Errorf("%s, from the %s: object %+v, want %+v", item.Activity.Doc.Title, from, item.Object, want)
				}
			}
			if len(items) != 5 {
				t.Errorf("%d items, want 5", len(items))
			}
		}
	})
}

func TestPositionOf(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		id := do(t, db, deed{name: "post", actor: ids[0]}, models.Distribution{AuthorLocal: true})
		in := must[int64](t)(db.PositionOf(t.Context(), ids[0], models.Inbox, id))
		out := must[int64](t)(db.PositionOf(t.Context(), ids[0], models.Outbox, id))
		if in == 0 || in != out {
			t.Errorf("the activity is at %d in the inbox and at %d in the outbox", in, out)
		}
		for _, tt := range []struct{ owner, activity int64 }{{ids[1], id}, {ids[0], id + 1}} {
			if _, err := db.PositionOf(t.Context(), tt.owner, models.Inbox, tt.activity); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%+v: error %v, want ErrNotFound", tt, err)
			}
		}
	})
}

func TestPlacesOf(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob", "cat")
		one := do(t, db, deed{name: "one", actor: ids[0]}, models.Distribution{AuthorLocal: true, Others: ids[1:]})
		two := do(t, db, deed{name: "two", actor: ids[0]}, models.Distribution{AuthorLocal: true})
		places, err := db.PlacesOf(t.Context(), []int64{one, two}, ids[:2])
		if err != nil {
			t.Fatal(err)
		}
		got := map[[3]int64]bool{}
		for _, p := range places {
			got[[3]int64{p.Owner, int64(p.Stream), p.Activity}] = true
			if want := must[int64](t)(db.PositionOf(t.Context(), p.Owner, p.Stream, p.Activity)); p.Position != want {
				t.Errorf("%+v is at %d", p, want)
			}
		}
		if len(got) != 5 || len(places) != 5 {
			t.Errorf("%d places %v, want 5: both streams of ann twice, the inbox of bob", len(places), places)
		}
		if !slices.IsSortedFunc(places, func(a, b models.Place) int { return int(a.Position - b.Position) }) {
			t.Errorf("places %v are not in the order of the streams", places)
		}
	})
}
