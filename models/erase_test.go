package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// erasing is a store in which ann, who goes, and bob, who stays, have dealt with
// each other.
type erasing struct {
	t        *testing.T
	db       *models.DB
	ann, bob int64
	group    int64
	note     *models.Object // of ann, with a reply of bob's
	answer   *models.Object // of ann, to a note of bob's
	bobs     *models.Object // a note of bob's
	circle   *models.Object // a list of bob's with ann in it
	picture  *models.Object // uploaded by ann and never posted
	posts    []int64        // the activities of ann
}

func newErasing(t *testing.T, db *models.DB) *erasing {
	ids := people(t, db, "ann", "bob", "group")
	e := &erasing{t: t, db: db, ann: ids[0], bob: ids[1], group: ids[2]}
	if _, err := account(t, db, "someone"); err != nil {
		t.Fatal(err)
	}
	e.bobs = e.post("bobs", e.bob, models.Object{})
	e.circle = e.post("circle", e.bob, models.Object{ListOf: "person"})
	e.note = e.post("note", e.ann, models.Object{})
	e.answer = e.post("answer", e.ann, models.Object{ParentID: e.bobs.ID})
	e.post("reply", e.bob, models.Object{ParentID: e.note.ID})
	e.act("update", e.ann, e.answer.ID)
	// A reply that she has deleted is not counted any more.
	withdrawn := e.post("withdrawn", e.ann, models.Object{ParentID: e.bobs.ID})
	withdrawn.Deleted, withdrawn.Doc = at, withdrawn.Doc.Tombstone(at)
	write(t, db, func(ctx context.Context, tx *models.Tx) error {
		return firstError(tx.UpdateObject(ctx, withdrawn), tx.CountObject(ctx, e.bobs.ID, models.CountReplies, -1))
	})

	e.count(e.edge(models.Follows, e.ann, e.bob), e.ann, models.CountFollowing, e.bob, models.CountFollowers)
	e.count(e.edge(models.Follows, e.bob, e.ann), e.bob, models.CountFollowing, e.ann, models.CountFollowers)
	e.count(e.edge(models.MemberOf, e.ann, e.group), 0, "", e.group, models.CountMembers)
	e.countObject(e.edge(models.Likes, e.ann, e.bobs.ID), models.CountLikes)
	e.countObject(e.edge(models.Likes, e.bob, e.bobs.ID), models.CountLikes)
	e.countObject(e.edge(models.Shared, e.ann, e.bobs.ID), models.CountShares)
	e.countObject(e.edge(models.MemberOf, e.ann, e.circle.ID), models.CountListMembers)
	// A follow and a membership that were only asked for were never counted.
	write(t, db, func(ctx context.Context, tx *models.Tx) error {
		return firstError(
			tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: e.ann, TargetID: e.group, State: models.Requested, ActorLocal: true}),
			tx.AddEdge(ctx, &models.Edge{Kind: models.MemberOf, ActorID: e.ann, TargetID: e.bob, State: models.Requested, ActorLocal: true}))
	})

	e.picture = thing(t, db, models.Object{AuthorID: e.ann, Doc: &vocab.Object{ID: "picture", Type: vocab.TypeImage, Content: "secret"}})
	write(t, db, func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EnsureAccessToken(ctx, &models.AccessToken{Token: "t", ClientID: "c", ActorID: e.ann})
		return firstError(err,
			tx.InsertUpload(ctx, &models.Upload{Path: "p.png", OwnerID: e.ann, ObjectID: e.picture.ID}),
			tx.InsertUpload(ctx, &models.Upload{Path: "p_t.png", OwnerID: e.ann, ObjectID: e.picture.ID, Thumbnail: true}),
			tx.InsertUpload(ctx, &models.Upload{Path: "bobs.png", OwnerID: e.bob, ObjectID: e.bobs.ID}),
			tx.InsertSession(ctx, []byte("s"), e.ann, time.Now().Add(time.Hour)),
			tx.InsertOriginal(ctx, &models.Original{RefID: e.posts[0], Network: "pump", Bytes: []byte("secret")}, false),
			tx.InsertOriginal(ctx, &models.Original{RefID: e.note.ID, Network: "pump", Bytes: []byte("secret")}, false),
			tx.InsertOriginal(ctx, &models.Original{RefID: e.bobs.ID, Network: "pump", Bytes: []byte("bob's")}, false))
	})
	return e
}

// post has somebody post an object, to everybody's inbox.
func (e *erasing) post(name string, author int64, o models.Object) *models.Object {
	o.AuthorID = author
	o.Doc = &vocab.Object{ID: name, Type: vocab.TypeNote, Content: "secret of " + name, Published: at}
	row := thing(e.t, e.db, o)
	row.ActivityID = e.act("post "+name, author, row.ID)
	write(e.t, e.db, func(ctx context.Context, tx *models.Tx) error {
		if row.ParentID != 0 {
			if err := tx.CountObject(ctx, row.ParentID, models.CountReplies, 1); err != nil {
				return err
			}
		}
		return tx.UpdateObject(ctx, row)
	})
	return row
}

func (e *erasing) act(name string, actor, object int64) int64 {
	id := do(e.t, e.db, deed{name: name, actor: actor, object: models.Ref{Kind: models.KindObject, ID: object}},
		models.Distribution{AuthorLocal: true, Others: []int64{e.ann, e.bob}})
	if actor == e.ann {
		e.posts = append(e.posts, id)
	}
	return id
}

func (e *erasing) edge(kind models.EdgeKind, actor, target int64) int64 {
	edge(e.t, e.db, kind, actor, target)
	return target
}

func (e *erasing) count(_, actor int64, of models.ActorCount, target int64, to models.ActorCount) {
	write(e.t, e.db, func(ctx context.Context, tx *models.Tx) error {
		if actor != 0 {
			if err := tx.Count(ctx, actor, of, 1); err != nil {
				return err
			}
		}
		return tx.Count(ctx, target, to, 1)
	})
}

func (e *erasing) countObject(object int64, counter models.ObjectCount) {
	write(e.t, e.db, func(ctx context.Context, tx *models.Tx) error { return tx.CountObject(ctx, object, counter, 1) })
}

func TestEraseActor(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		e := newErasing(t, db)
		end := at.Add(24 * time.Hour)
		var paths []string
		write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
			paths, err = tx.EraseActor(ctx, e.ann, end)
			return err
		})
		if slices.Sort(paths); !slices.Equal(paths, []string{"p.png", "p_t.png"}) {
			t.Errorf("files to remove %v, want those of ann", paths)
		}
		e.checkTombstones(end)
		e.checkCounts()

		// What was ann's own is gone, what is bob's is left.
		for what, query := range map[string]string{
			"edges":         fmt.Sprintf("SELECT COUNT(*) FROM edges WHERE actor_id = %d OR target_id = %[1]d", e.ann),
			"access tokens": fmt.Sprintf("SELECT COUNT(*) FROM access_tokens WHERE actor_id = %d", e.ann),
			"sessions":      fmt.Sprintf("SELECT COUNT(*) FROM sessions WHERE actor_id = %d", e.ann),
			"stream items":  fmt.Sprintf("SELECT COUNT(*) FROM stream_items WHERE owner_id = %d", e.ann),
			"uploads":       fmt.Sprintf("SELECT COUNT(*) FROM uploads WHERE owner_id = %d", e.ann),
			"room":          fmt.Sprintf("SELECT COUNT(*) FROM upload_usage WHERE owner_id = %d", e.ann),
		} {
			if n := number(t, db, query); n != 0 {
				t.Errorf("%d %s of ann are left", n, what)
			}
		}
		for _, ref := range []int64{e.posts[0], e.note.ID} {
			if _, err := db.OriginalOf(ctx, ref, "pump"); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("a document of ann's is left: error %v", err)
			}
		}
		if _, err := db.OriginalOf(ctx, e.bobs.ID, "pump"); err != nil {
			t.Errorf("a document of bob's: %v", err)
		}
		if _, err := db.Upload(ctx, "bobs.png"); err != nil {
			t.Errorf("a file of bob's: %v", err)
		}
		if _, err := db.Edge(ctx, models.Likes, e.bob, e.bobs.ID); err != nil {
			t.Errorf("a like of bob's: %v", err)
		}
		// Nobody else can take what was ann's name.
		if id, err := db.LookupKind(ctx, models.KindObject, "note"); id != e.note.ID || err != nil {
			t.Errorf("the id of her note is %d's, error %v", id, err)
		}
		// Erasing again changes nothing.
		counts := must[*models.Object](t)(db.Object(ctx, e.bobs.ID)).Counts
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			_, err := tx.EraseActor(ctx, e.ann, end.Add(time.Hour))
			return err
		})
		e.checkTombstones(end)
		if again := must[*models.Object](t)(db.Object(ctx, e.bobs.ID)).Counts; again != counts {
			t.Errorf("counts %+v, after erasing again %+v", counts, again)
		}
	})
}

// checkTombstones sees that nothing says any more what ann said.
func (e *erasing) checkTombstones(end time.Time) {
	e.t.Helper()
	ctx := e.t.Context()
	for from := range 2 { // the cache, and then the database
		if from == 1 {
			models.Forget(e.db)
		}
		for _, o := range []*models.Object{e.note, e.answer, e.picture} {
			got := must[*models.Object](e.t)(e.db.Object(ctx, o.ID))
			if !got.Deleted.Equal(end) || !got.Doc.Deleted.Equal(end) || got.Doc.Content != "" || got.Doc.ID != o.Doc.ID || got.Doc.Type != o.Doc.Type || got.AuthorID != e.ann {
				e.t.Errorf("%s: row %+v, document %+v", o.Doc.ID, got, got.Doc)
			}
		}
		for _, id := range e.posts {
			got := must[*models.Activity](e.t)(e.db.Activity(ctx, id))
			if !got.Deleted.Equal(end) || !got.Doc.Deleted.Equal(end) || got.Doc.Title != "" || got.Doc.ID == "" || got.ActorID != e.ann {
				e.t.Errorf("activity: row %+v, document %+v", got, got.Doc)
			}
		}
		for _, o := range []*models.Object{e.bobs, e.circle} {
			if got := must[*models.Object](e.t)(e.db.Object(ctx, o.ID)); !got.Deleted.IsZero() || got.Doc.Content == "" {
				e.t.Errorf("%s of bob's was erased too: %+v", o.Doc.ID, got)
			}
		}
	}
	// Bob still has the places of her activities in his inbox.
	items, total, err := e.db.StreamPage(ctx, e.bob, models.Inbox, models.All, models.Viewer{ActorID: e.bob}, models.Page{Count: 20})
	if err != nil || len(items) != 7 || total != 7 {
		e.t.Errorf("%d items of %d in bob's inbox, error %v; want 7", len(items), total, err)
	}
}

// checkCounts sees that only what stays is counted.
func (e *erasing) checkCounts() {
	e.t.Helper()
	ctx := e.t.Context()
	for name, c := range map[string]struct {
		id   int64
		want models.ActorCounts
	}{"ann": {e.ann, models.ActorCounts{}}, "bob": {e.bob, models.ActorCounts{}}, "group": {e.group, models.ActorCounts{}}} {
		if got := must[*models.Actor](e.t)(e.db.Actor(ctx, c.id)).Counts; got != c.want {
			e.t.Errorf("%s is left with %+v, want %+v", name, got, c.want)
		}
	}
	for o, want := range map[*models.Object]models.ObjectCounts{
		e.bobs: {Likes: 1}, e.circle: {}, e.note: {Replies: 1},
	} {
		if got := must[*models.Object](e.t)(e.db.Object(ctx, o.ID)).Counts; got != want {
			e.t.Errorf("%s is left with %+v, want %+v", o.Doc.ID, got, want)
		}
	}
}

// Somebody who did more than one statement takes.
func TestEraseActorWhoDidMuch(t *testing.T) {
	const n = 1_203
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		parent := thing(t, db, models.Object{AuthorID: bob, Doc: &vocab.Object{ID: "parent"}})
		execute(t, db, fill(n, fmt.Sprintf("INSERT INTO objects (id, version, position, type, author_id, parent_id, activity_id, local, created, updated, doc) "+
			`SELECT i, 1, i, 'note', %d, %d, 100000 + i, TRUE, 0, 0, '{"id":"o' || i || '"}' FROM n`, ann, parent.ID)))
		execute(t, db, fill(n, fmt.Sprintf("INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, target_kind, target_id, visibility, local, published, updated, audience, doc) "+
			`SELECT 100000 + i, 1, 'post', %d, 2, i, 0, 0, 0, TRUE, 0, 0, '[]', '{"id":"t' || i || '"}' FROM n`, ann)))
		execute(t, db, fill(n, fmt.Sprintf("INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) SELECT %d, 2, 0, i, 100000 + i, i FROM n", ann)))
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			if err := tx.CountObject(ctx, parent.ID, models.CountReplies, n+1); err != nil { // one of somebody else
				return err
			}
			_, err := tx.EraseActor(ctx, ann, at)
			return err
		})
		for _, table := range []string{"objects", "activities"} {
			if left := number(t, db, "SELECT COUNT(*) FROM "+table+" WHERE deleted = 0"); left > 1 || table == "activities" && left > 0 {
				t.Errorf("%d %s are left", left, table)
			}
		}
		if got := must[*models.Object](t)(db.Object(t.Context(), parent.ID)).Counts.Replies; got != 1 {
			t.Errorf("the parent has %d replies, want 1", got)
		}
	})
}
