package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

// groupOf makes a group of somebody of ours; whoever sees the activity that made
// it may see it.
func groupOf(t *testing.T, db *models.DB, author, activity int64) int64 {
	t.Helper()
	g := &models.Actor{Type: vocab.TypeGroup, Local: true, AuthorID: author, ActivityID: activity, Created: at, Updated: at,
		Doc: &vocab.Object{ID: fmt.Sprint("https://us/group/", activity), Type: vocab.TypeGroup, DisplayName: "Guild"}}
	write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateActor(ctx, g, g.Doc.ID) })
	return g.ID
}

func TestPublicStream(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		all := models.Distribution{AuthorLocal: true, Public: true}
		major := all
		major.Major = true
		secret := do(t, db, deed{name: "secret", actor: ann, visibility: models.Limited}, models.Distribution{AuthorLocal: true})
		do(t, db, deed{name: "one", actor: ann}, all)
		do(t, db, deed{name: "two", actor: bob}, major)
		do(t, db, deed{name: "unlisted", actor: bob, visibility: models.Unlisted}, models.Distribution{AuthorLocal: true})
		bound := all
		bound.OnlyWhoSee = secret
		do(t, db, deed{name: "a share of the secret", actor: ann, objectPost: secret}, bound)
		id := do(t, db, deed{name: "three", actor: ann}, major)
		for _, tt := range []struct {
			part  models.Part
			page  models.Page
			want  string
			total int
		}{
			{models.All, models.Page{Count: 10}, "three two one", 3},
			{models.All, models.Page{Count: 1, Offset: 1}, "two", 3},
			{models.Major, models.Page{Count: 10}, "three two", 2},
			{models.Minor, models.Page{Count: 10}, "one", 1},
			{models.Direct, models.Page{Count: 10}, "", 0},
			{models.All, models.Page{Count: 10, Before: must[int64](t)(db.PositionOf(t.Context(), 0, models.PublicStream, id))}, "two one", 3},
		} {
			for _, viewer := range []int64{0, ann, bob} {
				items, total, err := db.StreamPage(t.Context(), 0, models.PublicStream, tt.part, models.Viewer{ActorID: viewer}, tt.page)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(titles(items), " "); got != tt.want || total != tt.total {
					t.Errorf("part %d, %+v: %d sees %q of %d, want %q of %d", tt.part, tt.page, viewer, got, total, tt.want, tt.total)
				}
			}
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			_, err := tx.EraseActor(ctx, bob, at)
			return err
		})
		items, _, err := db.StreamPage(t.Context(), 0, models.PublicStream, models.All, models.Viewer{}, models.Page{Count: 10})
		if got := titles(items); err != nil || !slices.Equal(got, []string{"three", "one"}) {
			t.Errorf("after the end of an account the stream is %v, error %v", got, err)
		}
		places := must[[]models.Place](t)(db.PlacesOf(t.Context(), []int64{id}, []int64{0, bob}))
		if len(places) != 1 || places[0].Owner != 0 || places[0].Stream != models.PublicStream {
			t.Errorf("the places of a public activity are %+v", places)
		}
	})
}

func TestGroupPage(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "author", "member", "follower", "stranger")
		author, member, follower, stranger := ids[0], ids[1], ids[2], ids[3]
		g := groupOf(t, db, author, 0)
		edge(t, db, models.MemberOf, member, g)
		edge(t, db, models.Follows, follower, member)
		to := models.Distribution{AuthorLocal: true, Others: []int64{g}, MembersOf: []int64{g}}
		toGroup := []models.Addressee{{Kind: models.AudienceGroup, ID: g}}
		private := do(t, db, deed{name: "private", actor: member, visibility: models.Limited, audience: toGroup}, to)
		do(t, db, deed{name: "public", actor: member, audience: toGroup}, to)
		do(t, db, deed{name: "to followers", actor: member, visibility: models.Limited, audience: []models.Addressee{{Kind: models.AudienceFollowers, ID: member}}},
			models.Distribution{AuthorLocal: true, Others: []int64{g}})
		bound := to
		bound.OnlyWhoSee, bound.Major = private, true
		do(t, db, deed{name: "about the private", actor: stranger, visibility: models.Limited, objectPost: private, audience: toGroup}, bound)
		for _, tt := range []struct {
			name   string
			viewer int64
			want   string
			total  int
		}{
			{"the author", author, "about the private,public,private", 4},
			{"a member", member, "about the private,to followers,public,private", 4},
			{"a follower of a member", follower, "to followers,public", 1},
			{"somebody", stranger, "public", 1},
			{"a stranger", 0, "public", 1},
		} {
			items, total, err := db.GroupPage(t.Context(), g, models.All, models.Viewer{ActorID: tt.viewer}, models.Page{Count: 10})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(titles(items), ","); got != tt.want || total != tt.total {
				t.Errorf("%s sees %q of %d, want %q of %d", tt.name, got, total, tt.want, tt.total)
			}
			if items, _, err = db.GroupPage(t.Context(), g, models.Major, models.Viewer{ActorID: tt.viewer}, models.Page{Count: 10}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(titles(items), ","); got != "" && got != "about the private" {
				t.Errorf("%s sees as major %q", tt.name, got)
			}
		}
	})
}

func TestVisibleGroups(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "author", "member", "invited", "stranger")
		author, member, invited, stranger := ids[0], ids[1], ids[2], ids[3]
		own := models.Distribution{AuthorLocal: true}
		open := groupOf(t, db, author, do(t, db, deed{name: "open", actor: author}, own))
		closed := groupOf(t, db, author, do(t, db, deed{name: "closed", actor: author, visibility: models.Limited,
			audience: []models.Addressee{{Kind: models.AudienceActor, ID: invited}}}, own))
		elsewhere := groupOf(t, db, 0, 0)
		edge(t, db, models.MemberOf, member, closed)
		for _, tt := range []struct {
			name   string
			viewer int64
			closed bool
		}{{"author", author, true}, {"member", member, true}, {"invited", invited, true}, {"somebody", stranger, false}, {"stranger", 0, false}} {
			seen := must[map[int64]bool](t)(db.VisibleGroups(t.Context(), models.Viewer{ActorID: tt.viewer}, open, closed, elsewhere))
			if !seen[open] || !seen[elsewhere] || seen[closed] != tt.closed {
				t.Errorf("%s sees %v, want the closed group: %v", tt.name, seen, tt.closed)
			}
			if may := must[bool](t)(db.MaySeeGroup(t.Context(), models.Viewer{ActorID: tt.viewer}, closed)); may != tt.closed {
				t.Errorf("%s may see the closed group: %v", tt.name, may)
			}
		}
	})
}

// People are found by a part of their name or nickname, whatever the case, and
// by nothing that a database takes for more than text.
func TestNamedEdges(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		byID := map[int64]string{}
		for _, p := range []struct{ nick, name string }{{"bob", "Ærøskøbing"}, {"bobby", "100% Bob_"}, {"carl", `Back\slash`}, {"dave", "Nul \x00 byte"}, {"STRASSE", ""}} {
			a := &models.Actor{Type: vocab.TypePerson, Nickname: p.nick, Local: true, Created: at, Updated: at,
				Doc: &vocab.Object{ID: "acct:" + p.nick, Type: vocab.TypePerson, DisplayName: "old name"}}
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateActor(ctx, a) })
			a.Doc = &vocab.Object{ID: a.Doc.ID, Type: a.Type, DisplayName: p.name}
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateActor(ctx, a) })
			byID[a.ID] = p.nick
			edge(t, db, models.Follows, a.ID, ann)
			edge(t, db, models.Follows, ann, a.ID)
		}
		for _, tt := range []struct {
			text, want string
			page       models.Page
		}{
			{"BOB", "bobby bob", models.Page{Count: 10}},
			{"bob", "bobby", models.Page{Count: 1}},
			{"bob", "bob", models.Page{Count: 1, Offset: 1}},
			{"ÆRØ", "bob", models.Page{Count: 10}},
			{"straße", "STRASSE", models.Page{Count: 10}},
			{"0%", "bobby", models.Page{Count: 10}},
			{"b%b", "", models.Page{Count: 10}},
			{"b_b", "", models.Page{Count: 10}},
			{"_", "bobby", models.Page{Count: 10}},
			{`\`, "carl", models.Page{Count: 10}},
			{"nul  byte", "dave", models.Page{Count: 10}},
			{"old name", "", models.Page{Count: 10}},
			{"", "STRASSE dave carl bobby bob", models.Page{Count: 10}},
			{"nobody", "", models.Page{Count: 10}},
		} {
			to := must[[]models.Edge](t)(db.NamedEdgesTo(t.Context(), models.Follows, ann, tt.text, tt.page))
			from := must[[]models.Edge](t)(db.NamedEdgesFrom(t.Context(), models.Follows, ann, tt.text, tt.page))
			var followers, followed []string
			for _, e := range to {
				followers = append(followers, byID[e.ActorID])
			}
			for _, e := range from {
				followed = append(followed, byID[e.TargetID])
			}
			if got := strings.Join(followers, " "); got != tt.want {
				t.Errorf("%q among the followers finds %q, want %q", tt.text, got, tt.want)
			}
			if got := strings.Join(followed, " "); got != tt.want {
				t.Errorf("%q among the followed finds %q, want %q", tt.text, got, tt.want)
			}
		}
		// From where a page ends the next one goes on.
		first := must[[]models.Edge](t)(db.NamedEdgesTo(t.Context(), models.Follows, ann, "bob", models.Page{Count: 1}))
		next := must[[]models.Edge](t)(db.NamedEdgesTo(t.Context(), models.Follows, ann, "bob", models.Page{Count: 1, Before: first[0].Position}))
		if len(next) != 1 || byID[next[0].ActorID] != "bob" {
			t.Errorf("the second page is %+v", next)
		}
	})
}

// collected is a store with things in a list and in a group.
type collected struct {
	t                             *testing.T
	db                            *models.DB
	ann, bob, list, group         int64
	public, private, copied, gone int64
}

func newCollected(t *testing.T, db *models.DB) *collected {
	t.Helper()
	ids := people(t, db, "ann", "bob")
	c := &collected{t: t, db: db, ann: ids[0], bob: ids[1]}
	c.group = groupOf(t, db, c.ann, 0)
	own := models.Distribution{AuthorLocal: true}
	posts := []int64{
		do(t, db, deed{name: "post of public", actor: c.bob}, own),
		do(t, db, deed{name: "post of private", actor: c.bob, visibility: models.Limited}, own),
		0,
		do(t, db, deed{name: "post of gone", actor: c.bob}, own),
	}
	added := do(t, db, deed{name: "add", actor: c.bob, visibility: models.Limited, audience: []models.Addressee{{Kind: models.AudienceGroup, ID: c.group}}}, own)
	write(t, db, func(ctx context.Context, tx *models.Tx) error {
		list := &models.Object{Type: vocab.TypeCollection, AuthorID: c.ann, ListOf: "note", Local: true, Created: at, Updated: at, Doc: &vocab.Object{ID: "https://us/list", DisplayName: "Notes"}}
		if err := tx.CreateObject(ctx, list); err != nil {
			return err
		}
		c.list = list.ID
		for i, dest := range []*int64{&c.public, &c.private, &c.copied, &c.gone} {
			o := &models.Object{Type: vocab.TypeNote, AuthorID: c.bob, ActivityID: posts[i], Created: at, Updated: at,
				Doc: &vocab.Object{ID: fmt.Sprint("https://us/", i), Type: vocab.TypeNote, DisplayName: []string{"public", "private", "copied", "gone"}[i]}}
			if o.ActivityID == 0 {
				o.AuthorID = 0
			}
			if i == 3 {
				o.Deleted = at
			}
			if err := tx.CreateObject(ctx, o); err != nil {
				return err
			}
			*dest = o.ID
		}
		return nil
	})
	for _, id := range []int64{c.bob, c.public, c.private, c.copied, c.gone} {
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			err := tx.AddEdge(ctx, &models.Edge{Kind: models.MemberOf, ActorID: id, TargetID: c.list, State: models.InForce})
			if err == nil && id != c.bob {
				err = firstError(tx.AddEdge(ctx, &models.Edge{Kind: models.DocumentOf, ActorID: id, TargetID: c.group, State: models.InForce, ActivityID: added}),
					tx.CountObject(ctx, c.list, models.CountListMembers, 1), tx.Count(ctx, c.group, models.CountDocuments, 1))
			}
			return err
		})
	}
	return c
}

func (c *collected) members(viewer int64, p models.Page) string {
	c.t.Helper()
	var names []string
	for _, m := range must[[]models.Member](c.t)(c.db.Members(c.t.Context(), c.list, models.Viewer{ActorID: viewer}, p)) {
		switch {
		case m.Object != nil && m.Object.ID == m.ID:
			names = append(names, m.Object.Doc.DisplayName)
		case m.ID == c.bob:
			names = append(names, "bob")
		}
	}
	return strings.Join(names, " ")
}

func (c *collected) documents(viewer int64, p models.Page) string {
	c.t.Helper()
	var names []string
	for _, o := range must[[]*models.Object](c.t)(c.db.Documents(c.t.Context(), c.group, models.Viewer{ActorID: viewer}, p)) {
		names = append(names, o.Doc.DisplayName)
	}
	return strings.Join(names, " ")
}

func TestMembersAndDocuments(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		c := newCollected(t, db)
		all := models.Page{Count: 10}
		e := must[*models.Edge](t)(db.Edge(t.Context(), models.MemberOf, c.copied, c.list))
		d := must[*models.Edge](t)(db.Edge(t.Context(), models.DocumentOf, c.copied, c.group))
		for _, tt := range []struct{ what, got, want string }{
			{"members for ann", c.members(c.ann, all), "copied public bob"},
			{"members for bob", c.members(c.bob, all), "copied private public bob"},
			{"members before", c.members(c.bob, models.Page{Count: 10, Before: e.Position}), "private public bob"},
			{"members since", c.members(c.bob, models.Page{Count: 1, Since: 1}), "bob"},
			{"two members", c.members(c.ann, models.Page{Count: 2}), "copied public"},
			// ann made the group, and so sees what was added to it.
			{"documents for ann", c.documents(c.ann, all), "copied public"},
			{"documents for bob", c.documents(c.bob, all), "copied private public"},
			{"documents for a stranger", c.documents(0, all), "public"},
			{"documents before", c.documents(c.bob, models.Page{Count: 1, Before: d.Position}), "private"},
		} {
			if tt.got != tt.want {
				t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
			}
		}

		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.Uncollect(ctx, c.public, c.copied) })
		if got := c.members(c.bob, all); got != "private bob" {
			t.Errorf("members after two went: %q", got)
		}
		if got := c.documents(c.bob, all); got != "private" {
			t.Errorf("documents after two went: %q", got)
		}
		if n := must[*models.Object](t)(db.Object(t.Context(), c.list)).Counts.Members; n != 2 {
			t.Errorf("the list counts %d members, want 2 of 4", n)
		}
		if n := must[*models.Actor](t)(db.Actor(t.Context(), c.group)).Counts.Documents; n != 2 {
			t.Errorf("the group counts %d documents, want 2 of 4", n)
		}
	})
}

func TestListNamed(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		var first *models.Object
		for i := range 250 { // more than a page
			o := &models.Object{Type: vocab.TypeCollection, AuthorID: ids[0], ListOf: "person", Created: at, Updated: at, Doc: &vocab.Object{DisplayName: fmt.Sprint("l", i)}}
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateObject(ctx, o) })
			if i == 0 {
				first = o
			}
		}
		if got := must[*models.Object](t)(db.ListNamed(t.Context(), ids[0], "person", "l0", 0)); got.ID != first.ID {
			t.Errorf("found %d, want %d", got.ID, first.ID)
		}
		for _, tt := range []struct {
			author         int64
			listOf, name   string
			except, number int64
		}{{ids[0], "person", "l0", first.ID, 250}, {ids[0], "person", "L0", 0, 250}, {ids[0], "note", "l0", 0, 0}, {ids[1], "person", "l0", 0, 0}} {
			if _, err := db.ListNamed(t.Context(), tt.author, tt.listOf, tt.name, tt.except); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%+v: error %v, want ErrNotFound", tt, err)
			}
			if n := must[int64](t)(db.CountLists(t.Context(), tt.author, tt.listOf)); n != tt.number {
				t.Errorf("%+v: %d lists", tt, n)
			}
		}
	})
}

// A database of the first version has groups whose inboxes nobody could read,
// and no public stream.
func TestGroupsOfAnOlderDatabase(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := open(t, models.Options{Database: address})
		if err := models.MigrateTo(t.Context(), db, 1); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			`INSERT INTO actors (id, version, type, author_id, nickname, nickname_folded, host, local, state, created, updated, doc) VALUES
				(1, 1, 'person', 0, 'Ann', 'ann', '', TRUE, 0, 0, 0, '{"displayName":"Ann B."}'), (2, 1, 'person', 0, 'bob', 'bob', '', TRUE, 0, 0, 0, '{"displayName":"B\u0000"}'),
				(3, 1, 'group', 1, '', '', '', TRUE, 0, 0, 0, '{"displayName":"Guild"}'), (4, 1, 'person', 0, 'carl', 'carl', '', TRUE, 0, 0, 0, '{}')`,
			`INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, object_post, target_kind, target_id, visibility, local, published, updated, audience, doc) VALUES
				(11, 1, 'post', 1, 0, 0, 0, 0, 0, 0, TRUE, 0, 0, '[]', '{"title":"one"}'), (12, 1, 'post', 1, 0, 0, 0, 0, 0, 2, TRUE, 0, 0, '[]', '{"title":"two"}'),
				(13, 1, 'post', 1, 0, 0, 0, 0, 0, 1, TRUE, 0, 0, '[]', '{"title":"three"}'), (14, 1, 'post', 1, 0, 0, 0, 0, 0, 0, TRUE, 0, 0, '[]', '{"title":"four"}')`,
			`INSERT INTO audience (activity_id, kind, recipient_id) VALUES (12, 4, 3)`,
			`INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) VALUES
				(3, 1, 0, 1, 11, 1), (3, 1, 0, 2, 12, 2), (3, 1, 0, 3, 13, 3), (3, 1, 1, 4, 14, 1),
				(1, 2, 0, 1, 11, 1), (1, 2, 4, 2, 12, 1), (1, 2, 0, 3, 13, 2), (1, 2, 1, 4, 14, 1), (1, 1, 0, 2, 12, 1)`,
			`INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created) VALUES
				(1, 1, 4, 1, 1, TRUE, 0, 0), (1, 2, 4, 2, 1, TRUE, 0, 0), (4, 4, 3, 3, 1, TRUE, 0, 0)`,
		} {
			execute(t, db, statement)
		}
		must[[]models.Migration](t)(db.Migrate(t.Context()))
		join(t, db)
		for _, tt := range []struct {
			viewer int64
			want   []string
			total  int
		}{{0, []string{"four", "three", "one"}, 3}, {4, []string{"four", "three", "two", "one"}, 4}} {
			items, total, err := db.GroupPage(t.Context(), 3, models.All, models.Viewer{ActorID: tt.viewer}, models.Page{Count: 10})
			if got := titles(items); err != nil || !slices.Equal(got, tt.want) || total != tt.total {
				t.Errorf("%d sees %v of %d in the group, want %v of %d; error %v", tt.viewer, got, total, tt.want, tt.total, err)
			}
		}
		if got := inbox(t, db, 1, models.All); !slices.Equal(got, []string{"two"}) {
			t.Errorf("the inbox of a person is %v", got)
		}
		items, total, err := db.StreamPage(t.Context(), 0, models.PublicStream, models.All, models.Viewer{}, models.Page{Count: 10})
		if got := titles(items); err != nil || !slices.Equal(got, []string{"four", "one"}) || total != 2 {
			t.Errorf("the public stream is %v of %d, error %v", got, total, err)
		}
		for text, want := range map[string]int{"ann b": 1, "BOB": 1, "b": 2, "carl": 0} {
			if found := must[[]models.Edge](t)(db.NamedEdgesTo(t.Context(), models.Follows, 4, text, models.Page{Count: 10})); len(found) != want {
				t.Errorf("%q finds %d followers, want %d", text, len(found), want)
			}
		}
	})
}
