package models_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"manifold/models"
)

// Who gets an activity, and in which half of the inbox.
func TestDistributeReaches(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "author", "follower", "member", "named", "other", "suspended", "stranger")
		author, follower, member, named, other, suspended := ids[0], ids[1], ids[2], ids[3], ids[4], ids[5]
		remote := person(t, db, "remote", "them")
		list := ids[len(ids)-1] + 1
		for _, e := range []models.Edge{
			{Kind: models.Follows, ActorID: follower, TargetID: author, ActorLocal: true, State: models.InForce},
			{Kind: models.Follows, ActorID: suspended, TargetID: author, ActorLocal: true, State: models.InForce},
			{Kind: models.Follows, ActorID: remote, TargetID: author, State: models.InForce},
			{Kind: models.Follows, ActorID: other, TargetID: author, ActorLocal: true, State: models.Requested},
			{Kind: models.MemberOf, ActorID: member, TargetID: list, ActorLocal: true, State: models.InForce},
			{Kind: models.MemberOf, ActorID: suspended, TargetID: list, ActorLocal: true, State: models.InForce},
			{Kind: models.MemberOf, ActorID: remote, TargetID: list, State: models.InForce},
			{Kind: models.Likes, ActorID: named, TargetID: author, ActorLocal: true, State: models.InForce},
		} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.AddEdge(ctx, &e) })
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			a, err := tx.Actor(ctx, suspended)
			if err != nil {
				return err
			}
			a.State = models.Suspended
			return tx.UpdateActor(ctx, a)
		})
		who := map[int64]string{author: "author", follower: "follower", member: "member", named: "named", other: "other",
			suspended: "suspended", remote: "remote", ids[6]: "stranger"}

		for i, tt := range []struct {
			name string
			to   models.Distribution
			want string // everybody who gets it, direct ones with a star, and "outbox"
		}{
			{"nobody", models.Distribution{}, ""},
			{"author", models.Distribution{AuthorLocal: true}, "author outbox"},
			{"followers", models.Distribution{FollowersOf: []int64{author}}, "follower"},
			{"a list", models.Distribution{MembersOf: []int64{list}}, "member"},
			{"named", models.Distribution{Direct: []int64{named}}, "named*"},
			{"besides", models.Distribution{Others: []int64{other}}, "other"},
			{"named and besides", models.Distribution{Direct: []int64{other}, Others: []int64{named, other}}, "named other*"},
			{"a follower who is named", models.Distribution{FollowersOf: []int64{author}, Direct: []int64{follower}}, "follower*"},
			{"to oneself", models.Distribution{AuthorLocal: true, Direct: []int64{author}}, "author* outbox"},
			{"the remote and the suspended", models.Distribution{Direct: []int64{remote, suspended}, Others: []int64{remote, suspended}}, ""},
			{"one who does not exist", models.Distribution{Direct: []int64{1}}, ""},
			{"all at once", models.Distribution{AuthorLocal: true, Major: true, FollowersOf: []int64{author}, MembersOf: []int64{list},
				Direct: []int64{named, remote}, Others: []int64{other, follower, author}}, "author follower member named* other outbox"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				before := number(t, db, "SELECT COUNT(*) FROM stream_items")
				title := fmt.Sprint("d", i)
				id := do(t, db, deed{name: title, actor: author}, tt.to)
				var got []string
				for owner, name := range who {
					half, otherHalf := models.Minor, models.Major
					if tt.to.Major {
						half, otherHalf = models.Major, models.Minor
					}
					if slices.Contains(inbox(t, db, owner, otherHalf), title) {
						t.Errorf("%s has it in the wrong half", name)
					}
					direct := slices.Contains(inbox(t, db, owner, models.Direct), title)
					switch has := slices.Contains(inbox(t, db, owner, half), title); {
					case has && direct:
						got = append(got, name+"*")
					case has:
						got = append(got, name)
					case direct:
						t.Errorf("%s has it in the direct half only", name)
					}
				}
				if _, err := db.PositionOf(t.Context(), author, models.Outbox, id); err == nil {
					got = append(got, "outbox")
				}
				slices.Sort(got)
				if want := strings.Fields(tt.want); !slices.Equal(got, want) {
					t.Errorf("reached %v, want %v", got, want)
				}
				if made := number(t, db, "SELECT COUNT(*) FROM stream_items") - before; made != int64(len(got)) {
					t.Errorf("%d items for %d recipients", made, len(got))
				}
			})
		}
	})
}

// A post to 10,000 followers is one statement, as one to none is, and one item
// for each of them.
func TestDistributeIsOneStatement(t *testing.T) {
	const followers = 10_000
	stores(t, func(t *testing.T, db *models.DB) {
		author := person(t, db, "author", "")
		execute(t, db, fmt.Sprintf(`INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT 1, i, %d, i, 1, TRUE, 0, 0 FROM n`, followers, author))
		recorder := models.Record(db)
		statements := func(to models.Distribution) (n int, made int64) {
			var id int64
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				id = tx.NewID()
				if _, err := tx.Position(ctx); err != nil {
					return err
				}
				recorder.Take()
				to.Activity, to.Author = id, author
				var err error
				made, err = tx.Distribute(ctx, to)
				return err
			})
			return len(recorder.Take()), made
		}
		if n, made := statements(models.Distribution{AuthorLocal: true}); n != 1 || made != 2 {
			t.Errorf("a post to nobody took %d statements and made %d items, want 1 and 2", n, made)
		}
		if n, made := statements(models.Distribution{AuthorLocal: true, FollowersOf: []int64{author}}); n != 1 || made != followers+2 {
			t.Errorf("a post to %d followers took %d statements and made %d items, want 1 and %d", followers, n, made, followers+2)
		}
		if got := number(t, db, "SELECT COUNT(DISTINCT owner_id) FROM stream_items WHERE kind = 1"); got != followers+1 {
			t.Errorf("%d inboxes hold something, want %d", got, followers+1)
		}
	})
}

func TestDistributeAgainAddsNothing(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "author", "follower", "late")
		author, follower, late := ids[0], ids[1], ids[2]
		edge(t, db, models.Follows, follower, author)
		to := models.Distribution{AuthorLocal: true, FollowersOf: []int64{author}}
		id := do(t, db, deed{name: "post", actor: author}, to)
		place := must[int64](t)(db.PositionOf(t.Context(), follower, models.Inbox, id))

		again := func(to models.Distribution) (made int64) {
			write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
				to.Activity, to.Author = id, author
				made, err = tx.Distribute(ctx, to)
				return err
			})
			return made
		}
		if made := again(to); made != 0 {
			t.Errorf("the same distribution again made %d items", made)
		}
		// As a direct one it would be of another class, but it is there already.
		if made := again(models.Distribution{Direct: []int64{follower, late}}); made != 1 {
			t.Errorf("a distribution to one more made %d items, want 1", made)
		}
		if got := must[int64](t)(db.PositionOf(t.Context(), follower, models.Inbox, id)); got != place {
			t.Errorf("the item moved from %d to %d", place, got)
		}
		for _, owner := range ids {
			if got := inbox(t, db, owner, models.All); !slices.Equal(got, []string{"post"}) {
				t.Errorf("the inbox of %d holds %v", owner, got)
			}
		}
	})
}

// The total of a part is the sum of the ordinals of its classes, which have to
// count without a gap or a repetition.
func TestOrdinalsCount(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		wantInbox, wantOutbox := map[models.Part]int{}, map[models.Part]int{}
		public := 0
		for i := range 40 {
			major, direct, limited := i%2 == 0, i%3 == 0, i%5 == 0
			d := deed{name: fmt.Sprint("d", i), actor: ann}
			to := models.Distribution{AuthorLocal: true, Major: major, Others: []int64{bob}}
			if limited {
				d.visibility = models.Limited
			} else {
				public++
			}
			if direct {
				to.Direct = []int64{bob}
			}
			do(t, db, d, to)
			half, directHalf := models.Minor, models.DirectMinor
			if major {
				half, directHalf = models.Major, models.DirectMajor
			}
			for _, part := range []models.Part{models.All, half} {
				wantInbox[part]++
				wantOutbox[part]++
			}
			if direct {
				wantInbox[models.Direct]++
				wantInbox[directHalf]++
			}
		}
		total := func(owner int64, s models.Stream, part models.Part, viewer int64) int {
			_, n, err := db.StreamPage(t.Context(), owner, s, part, models.Viewer{ActorID: viewer}, models.Page{Count: 1})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		for part := models.All; part <= models.DirectMinor; part++ {
			if got := total(bob, models.Inbox, part, bob); got != wantInbox[part] {
				t.Errorf("part %d of the inbox has a total of %d, want %d", part, got, wantInbox[part])
			}
			if got := len(inbox(t, db, bob, part)); got != wantInbox[part] {
				t.Errorf("part %d of the inbox has %d items, want %d", part, got, wantInbox[part])
			}
			if got := total(ann, models.Outbox, part, ann); got != wantOutbox[part] {
				t.Errorf("part %d of the outbox has a total of %d, want %d", part, got, wantOutbox[part])
			}
		}
		if got := total(ann, models.Outbox, models.All, 0); got != public {
			t.Errorf("a stranger is told %d, %d are public", got, public)
		}
	})
}

// What is bound to another activity reaches only those who may see that one.
func TestDistributeOnlyToWhoSee(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "poster", "sharer", "follower", "member", "grouped", "named", "got it", "nobody")
		poster, sharer := ids[0], ids[1]
		follower, member, grouped, named, holder := ids[2], ids[3], ids[4], ids[5], ids[6]
		list, group := int64(71), int64(72)
		edge(t, db, models.Follows, follower, poster)
		edge(t, db, models.MemberOf, member, list)
		edge(t, db, models.MemberOf, grouped, group)
		for _, id := range ids {
			edge(t, db, models.Follows, id, sharer)
		}
		limited := do(t, db, deed{name: "limited", actor: poster, visibility: models.Limited, audience: []models.Addressee{
			{Kind: models.AudienceActor, ID: named}, {Kind: models.AudienceFollowers, ID: poster},
			{Kind: models.AudienceList, ID: list}, {Kind: models.AudienceGroup, ID: group},
		}}, models.Distribution{Others: []int64{holder}})
		public := do(t, db, deed{name: "public", actor: poster}, models.Distribution{})

		do(t, db, deed{name: "bound", actor: sharer, objectPost: limited}, models.Distribution{AuthorLocal: true, FollowersOf: []int64{sharer}, OnlyWhoSee: limited})
		do(t, db, deed{name: "free", actor: sharer, objectPost: public}, models.Distribution{AuthorLocal: true, FollowersOf: []int64{sharer}, OnlyWhoSee: public})
		for i, id := range ids {
			got := inbox(t, db, id, models.All)
			if want := i != 7; slices.Contains(got, "bound") != want {
				t.Errorf("%d has %v in the inbox; what is bound should be there: %v", i, got, want)
			}
			if !slices.Contains(got, "free") {
				t.Errorf("%d has %v in the inbox, and not what is bound to a public activity", i, got)
			}
		}
	})
}
