package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"manifold/models/vocab"
)

// Object is a thing that is neither an actor nor an activity.
type Object struct {
	ID, Version, Position int64
	Type                  string
	// AuthorID and ParentID are 0 where there is none. ActivityID is the activity
	// that posted the thing and decides who may see it; 0 while it is not posted.
	AuthorID, ParentID, ActivityID int64
	Local                          bool
	Counts                         ObjectCounts
	// ListOf is the type of the members where the thing is somebody's list.
	ListOf                    string
	Created, Updated, Deleted time.Time
	// Doc is the thing in normal form, with its author and parent as references.
	// It is shared between readers: clone before changing.
	Doc *vocab.Object
}

// ObjectCounts are the lengths of the collections of an object.
type ObjectCounts struct {
	Likes, Replies, Shares, Members int64
}

func (o *Object) key() docKey       { return docKey{o.ID, o.Version} }
func (o *Object) setDoc(v docValue) { o.Doc = v.object }

const objectColumns = `o.id, o.version, o.position, o.type, o.author_id, o.parent_id, o.activity_id, o.local, o.likes_count,
	o.replies_count, o.shares_count, o.members_count, o.list_of, o.created, o.updated, o.deleted`

// objectDest returns where the columns of objectColumns are scanned to, and a
// function to call afterwards.
func objectDest(o *Object) ([]any, func()) {
	var created, updated, deleted int64
	return []any{&o.ID, &o.Version, &o.Position, &o.Type, &o.AuthorID, &o.ParentID, &o.ActivityID, &o.Local, &o.Counts.Likes,
			&o.Counts.Replies, &o.Counts.Shares, &o.Counts.Members, &o.ListOf, &created, &updated, &deleted}, func() {
			o.Created, o.Updated, o.Deleted = fromMillis(created), fromMillis(updated), fromMillis(deleted)
		}
}

func scanObject(r *sql.Rows) (*Object, error) {
	o := new(Object)
	dest, done := objectDest(o)
	err := r.Scan(dest...)
	done()
	return o, err
}

// Objects returns the objects with these ids; those that do not exist are
// missing from the answer.
func (c *conn) Objects(ctx context.Context, ids ...int64) (map[int64]*Object, error) {
	found := make(map[int64]*Object, len(ids))
	list := make([]*Object, 0, len(ids))
	err := c.eachIn(ctx, "SELECT "+objectColumns+" FROM objects o WHERE o.id IN ?", ids, func(r *sql.Rows) error {
		o, err := scanObject(r)
		if err == nil {
			found[o.ID] = o
			list = append(list, o)
		}
		return err
	})
	if err == nil {
		err = fillObjects(ctx, c, "objects", list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	return found, nil
}

// Object returns one object, or [ErrNotFound].
func (c *conn) Object(ctx context.Context, id int64) (*Object, error) {
	found, err := c.Objects(ctx, id)
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, ErrNotFound
	}
	return found[id], nil
}

// ObjectByIRI returns the object that a name stands for, or [ErrNotFound].
func (c *conn) ObjectByIRI(ctx context.Context, iri string) (*Object, error) {
	id, err := c.LookupKind(ctx, KindObject, iri)
	if err != nil {
		return nil, err
	}
	return c.Object(ctx, id)
}

// objectPage reads a page of objects and their documents.
func (c *conn) objectPage(ctx context.Context, p Page, query string, args ...any) ([]*Object, error) {
	var list []*Object
	err := c.each(ctx, query, args, func(r *sql.Rows) error {
		o, err := scanObject(r)
		list = append(list, o)
		return err
	})
	if err == nil {
		err = fillObjects(ctx, c, "objects", list)
	}
	return newestFirst(p, list), err
}

// Replies returns a page of the replies to an object that viewer may see,
// ordered by position.
func (c *conn) Replies(ctx context.Context, parent int64, viewer Viewer, p Page) ([]*Object, error) {
	where, args := p.bounds("o.position")
	visible, vargs := viewer.objectVisible("o")
	args = append(append([]any{parent}, args...), vargs...)
	list, err := c.objectPage(ctx, p, "SELECT "+objectColumns+" FROM objects o WHERE o.parent_id = ? AND o.parent_id <> 0 AND o.deleted = 0"+
		where+" AND "+visible+p.cut("o.position"), args...)
	if err != nil {
		return nil, fmt.Errorf("reading replies: %w", err)
	}
	return list, nil
}

// thread is a query for the ids of all that answers one thing, or an answer to it,
// down to a depth of 200.
const thread = `WITH RECURSIVE thread(id, depth) AS (
		SELECT o.id, 1 FROM objects o WHERE o.parent_id = ? AND o.parent_id <> 0
		UNION ALL SELECT o.id, thread.depth + 1 FROM thread JOIN objects o ON o.parent_id = thread.id AND o.parent_id <> 0 WHERE thread.depth < 200) `

// Thread returns a page of everything that viewer may see among what answers a
// thing, or an answer to it, ordered by position.
func (c *conn) Thread(ctx context.Context, root int64, viewer Viewer, p Page) ([]*Object, error) {
	where, args := p.bounds("o.position")
	visible, vargs := viewer.objectVisible("o")
	args = append(append([]any{root}, args...), vargs...)
	list, err := c.objectPage(ctx, p, thread+"SELECT "+objectColumns+" FROM thread t JOIN objects o ON o.id = t.id WHERE o.deleted = 0"+
		where+" AND "+visible+p.cut("o.position"), args...)
	if err != nil {
		return nil, fmt.Errorf("reading a thread: %w", err)
	}
	return list, nil
}

// CountThread returns how many things [DB.Thread] has in all.
func (c *conn) CountThread(ctx context.Context, root int64, viewer Viewer) (int64, error) {
	visible, args := viewer.objectVisible("o")
	var n int64
	_, err := c.get(ctx, thread+"SELECT COUNT(*) FROM thread t JOIN objects o ON o.id = t.id WHERE o.deleted = 0 AND "+visible, append([]any{root}, args...), &n)
	if err != nil {
		return 0, fmt.Errorf("counting a thread: %w", err)
	}
	return n, nil
}

// FirstReplies returns, for each parent, its n newest replies that viewer may
// see, newest first, by one query that reads about n rows a parent, however many
// there are.
func (c *conn) FirstReplies(ctx context.Context, parents []int64, viewer Viewer, n int) (map[int64][]*Object, error) {
	found := map[int64][]*Object{}
	visible, vargs := viewer.objectVisible("o")
	var all []*Object
	for len(parents) > 0 {
		chunk := parents[:min(len(parents), unionChunk)]
		parents = parents[len(chunk):]
		query, args := unionAll(chunk, "SELECT "+objectColumns+` FROM objects o
			WHERE o.parent_id = ? AND o.parent_id <> 0 AND o.deleted = 0 AND `+visible+" ORDER BY o.position DESC LIMIT "+strconv.Itoa(n), vargs...)
		err := c.each(ctx, "SELECT "+objectColumns+" FROM ("+query+") o ORDER BY o.position DESC", args, func(r *sql.Rows) error {
			o, err := scanObject(r)
			found[o.ParentID] = append(found[o.ParentID], o)
			all = append(all, o)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading first replies: %w", err)
		}
	}
	if err := fillObjects(ctx, c, "objects", all); err != nil {
		return nil, fmt.Errorf("reading first replies: %w", err)
	}
	return found, nil
}

// Lists returns a page of somebody's lists of one type that viewer may see,
// ordered by position.
func (c *conn) Lists(ctx context.Context, author int64, listOf string, viewer Viewer, p Page) ([]*Object, error) {
	where, args := p.bounds("o.position")
	visible, vargs := viewer.objectVisible("o")
	args = append(append([]any{author, listOf}, args...), vargs...)
	list, err := c.objectPage(ctx, p, "SELECT "+objectColumns+" FROM objects o WHERE o.author_id = ? AND o.list_of = ? AND o.list_of <> '' AND o.deleted = 0"+
		where+" AND "+visible+p.cut("o.position"), args...)
	if err != nil {
		return nil, fmt.Errorf("reading lists: %w", err)
	}
	return list, nil
}

// CountLists returns how many lists of one type somebody has.
func (c *conn) CountLists(ctx context.Context, author int64, listOf string) (int64, error) {
	var n int64
	if _, err := c.get(ctx, "SELECT COUNT(*) FROM objects WHERE author_id = ? AND list_of = ? AND list_of <> '' AND deleted = 0",
		[]any{author, listOf}, &n); err != nil {
		return 0, fmt.Errorf("counting lists: %w", err)
	}
	return n, nil
}

// ListNamed returns the list of this type and name that somebody has besides
// the one with the id except, or [ErrNotFound]. It reads all of their lists of
// that type, which are few.
func (c *conn) ListNamed(ctx context.Context, author int64, listOf, name string, except int64) (*Object, error) {
	for p := (Page{Count: 200}); ; {
		where, args := p.bounds("o.position")
		list, err := c.objectPage(ctx, p, "SELECT "+objectColumns+" FROM objects o WHERE o.author_id = ? AND o.list_of = ? AND o.list_of <> '' AND o.deleted = 0"+
			where+p.cut("o.position"), append([]any{author, listOf}, args...)...)
		if err != nil {
			return nil, fmt.Errorf("looking for a list: %w", err)
		}
		for _, o := range list {
			if o.ID != except && o.Doc.DisplayName == name {
				return o, nil
			}
		}
		if len(list) < p.Count {
			return nil, ErrNotFound
		}
		p.Before = list[len(list)-1].Position
	}
}

// Member is what a list holds at one place: an actor, or an object.
type Member struct {
	ID, Position int64
	// Object is nil where the member is an actor.
	Object *Object
}

// Members returns a page of what a list holds, ordered by when it was added.
// Objects that are gone or that viewer may not see are left out; copies of things
// from elsewhere, which nobody vouches for, are shown to whoever may see the list.
func (c *conn) Members(ctx context.Context, list int64, viewer Viewer, p Page) ([]Member, error) {
	where, args := p.bounds("e.position")
	visible, vargs := viewer.objectVisible("o")
	args = append(append([]any{list}, args...), vargs...)
	var members []Member
	var ids []int64
	// Which of them are objects is not asked by a join, for which PostgreSQL would
	// read all objects that there are.
	err := c.each(ctx, `SELECT e.actor_id, e.position FROM edges e WHERE e.target_id = ? AND e.kind = 4 AND e.state = 1`+where+`
		AND COALESCE((SELECT CASE WHEN o.deleted = 0 AND (o.activity_id = 0 OR `+visible+`) THEN 1 ELSE 0 END FROM objects o WHERE o.id = e.actor_id), 1) = 1`+
		p.cut("e.position"), args, func(r *sql.Rows) error {
		var m Member
		err := r.Scan(&m.ID, &m.Position)
		members = append(members, m)
		ids = append(ids, m.ID)
		return err
	})
	var objects map[int64]*Object
	if err == nil {
		objects, err = c.Objects(ctx, ids...)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the members of a list: %w", err)
	}
	for i := range members {
		members[i].Object = objects[members[i].ID]
	}
	return newestFirst(p, members), nil
}

// Documents returns a page of the documents of a group that viewer may see,
// ordered by when they were added: by the position of the edge. A copy of a thing
// from elsewhere is seen by those who may see that it was added.
func (c *conn) Documents(ctx context.Context, group int64, viewer Viewer, p Page) ([]*Object, error) {
	where, args := p.bounds("e.position")
	visible, vargs := viewer.objectVisible("o")
	added, aargs := viewer.visible("d")
	args = slices.Concat([]any{group}, args, vargs, aargs)
	list, err := c.objectPage(ctx, p, "SELECT "+objectColumns+` FROM edges e JOIN objects o ON o.id = e.actor_id
		WHERE e.target_id = ? AND e.kind = 6 AND e.state = 1 AND o.deleted = 0`+where+" AND ("+visible+
		" OR o.author_id = 0 AND o.activity_id = 0 AND EXISTS (SELECT 1 FROM activities d WHERE d.id = e.activity_id AND "+added+"))"+p.cut("e.position"), args...)
	if err != nil {
		return nil, fmt.Errorf("reading the documents of a group: %w", err)
	}
	return list, nil
}

// LikedObjects returns a page of the objects that an actor likes and that
// viewer may see, ordered by when they were liked: by the position of the edge.
// Copies of things from elsewhere, which nobody vouches for, are shown to those
// only who like them themselves.
func (c *conn) LikedObjects(ctx context.Context, actor int64, viewer Viewer, p Page) ([]*Object, error) {
	return c.likedObjects(ctx, actor, viewer, p, "")
}

// likedObjects reads those favorites o for which a condition holds.
func (c *conn) likedObjects(ctx context.Context, actor int64, viewer Viewer, p Page, condition string, conditionArgs ...any) ([]*Object, error) {
	where, args := p.bounds("e.position")
	visible, vargs := viewer.objectVisible("o")
	if viewer.ActorID == actor {
		visible = "(" + visible + " OR o.activity_id = 0)"
	}
	args = slices.Concat([]any{actor}, args, vargs, conditionArgs)
	list, err := c.objectPage(ctx, p, "SELECT "+objectColumns+` FROM edges e JOIN objects o ON o.id = e.target_id
		WHERE e.actor_id = ? AND e.kind = 2 AND e.state = 1 AND o.deleted = 0`+where+" AND "+visible+condition+p.cut("e.position"), args...)
	if err != nil {
		return nil, fmt.Errorf("reading favorites: %w", err)
	}
	return list, nil
}

// PinnedObjects returns a page of what somebody elsewhere shows first and viewer
// may see, ordered by when it was put there: by the position of the edge.
func (c *conn) PinnedObjects(ctx context.Context, actor int64, viewer Viewer, p Page) ([]*Object, error) {
	where, args := p.bounds("e.position")
	visible, vargs := viewer.objectVisible("o")
	list, err := c.objectPage(ctx, p, "SELECT "+objectColumns+` FROM edges e JOIN objects o ON o.id = e.target_id
		WHERE e.actor_id = ? AND e.kind = 7 AND e.state = 1 AND o.deleted = 0`+where+" AND "+visible+p.cut("e.position"), slices.Concat([]any{actor}, args, vargs)...)
	if err != nil {
		return nil, fmt.Errorf("reading what is pinned: %w", err)
	}
	return list, nil
}

// BindReactions binds the likes and shares of an object, of which only a copy was
// here until now, to the activity that posted it: it turns out not to be public.
func (tx *Tx) BindReactions(ctx context.Context, object, post int64) error {
	_, err := tx.exec(ctx, `UPDATE activities SET object_post = ?, version = version + 1
		WHERE id IN (SELECT activity_id FROM edges WHERE target_id = ? AND kind IN (2, 3))`, post, object)
	if err != nil {
		return fmt.Errorf("binding reactions to a post: %w", err)
	}
	return nil
}

// CreateObject stores a new object under its names; o.ID is set. It returns
// [ErrExists] when one of the names is taken.
func (tx *Tx) CreateObject(ctx context.Context, o *Object, names ...string) error {
	if o.ID == 0 {
		o.ID = tx.NewID()
	}
	o.Version = 1
	identifiers := make([]Identifier, len(names))
	for i, n := range names {
		identifiers[i] = Identifier{KindObject, n, o.ID}
	}
	if err := tx.Identify(ctx, identifiers...); err != nil {
		return err
	}
	return tx.InsertObject(ctx, o)
}

// Ordered reports whether the thing stands in an order among others: replies do
// and lists do. All else needs no position.
func (o *Object) Ordered() bool { return o.ParentID != 0 || o.ListOf != "" }

// InsertObject stores a new object whose names have been given to its row
// already; see [Tx.Identify]. It takes a position where the thing is
// [Object.Ordered].
func (tx *Tx) InsertObject(ctx context.Context, o *Object) error {
	doc, err := encodeDoc(o.Doc)
	if err != nil {
		return err
	}
	o.Version = 1
	if o.Ordered() {
		if o.Position, err = tx.Position(ctx); err != nil {
			return err
		}
	}
	_, err = tx.exec(ctx, `INSERT INTO objects (id, version, position, type, author_id, parent_id, activity_id, local, list_of, created, updated, deleted, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, o.ID, o.Version, o.Position, o.Type, o.AuthorID, o.ParentID, o.ActivityID, o.Local,
		o.ListOf, millis(o.Created), millis(o.Updated), millis(o.Deleted), doc)
	if err != nil {
		return fmt.Errorf("storing an object: %w", err)
	}
	tx.rememberLater(o.ID, o.Version, docValue{object: o.Doc, size: weight(len(doc))})
	return nil
}

// UpdateObject stores everything about an object that can change, its counters
// excepted; o.Version grows.
func (tx *Tx) UpdateObject(ctx context.Context, o *Object) error {
	doc, err := encodeDoc(o.Doc)
	if err != nil {
		return err
	}
	found, err := tx.get(ctx, `UPDATE objects SET version = version + 1, position = ?, type = ?, author_id = ?, parent_id = ?, activity_id = ?, list_of = ?,
		updated = ?, deleted = ?, doc = ? WHERE id = ? RETURNING version`, []any{o.Position, o.Type, o.AuthorID, o.ParentID, o.ActivityID, o.ListOf,
		millis(o.Updated), millis(o.Deleted), doc, o.ID}, &o.Version)
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("storing an object: %w", err)
	}
	tx.rememberLater(o.ID, o.Version, docValue{object: o.Doc, size: weight(len(doc))})
	return nil
}

// ObjectCount names one of the counters of an object.
type ObjectCount string

// The counters of an object.
const (
	CountLikes       ObjectCount = "likes_count"
	CountReplies     ObjectCount = "replies_count"
	CountShares      ObjectCount = "shares_count"
	CountListMembers ObjectCount = "members_count"
)

// CountObject adds n to a counter of an object. Take a position first, so that
// two transactions do not wait for each other in a circle.
func (tx *Tx) CountObject(ctx context.Context, object int64, counter ObjectCount, n int) error {
	_, err := tx.exec(ctx, "UPDATE objects SET "+string(counter)+" = "+string(counter)+" + ? WHERE id = ?", n, object)
	if err != nil {
		return fmt.Errorf("counting %s: %w", counter, err)
	}
	return nil
}
