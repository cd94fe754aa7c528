package models

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Stream is one of the streams of an actor.
type Stream int16

// The streams that an actor has.
const (
	Inbox  Stream = 1
	Outbox Stream = 2
)

// Class is what half of a stream an item belongs to, a set of bits.
type Class int16

// The bits of a class. ClassLimited is set in outboxes only, on what is not
// public, so that strangers page over a range that holds nothing else.
const (
	ClassMajor   Class = 1
	ClassDirect  Class = 2
	ClassLimited Class = 4
)

// Part is a part of a stream: a set of classes.
type Part int

// The parts that networks serve.
const (
	All Part = iota
	Major
	Minor
	Direct
	DirectMajor
	DirectMinor
)

// classes returns the classes of the items that a part of a stream consists of.
func (p Part) classes(s Stream, strangersOnly bool) []Class {
	var list []Class
	all := []Class{0, ClassMajor, ClassDirect, ClassDirect | ClassMajor}
	if s == Outbox {
		all = []Class{0, ClassMajor, ClassLimited, ClassLimited | ClassMajor}
	}
	for _, c := range all {
		major, direct := c&ClassMajor != 0, c&ClassDirect != 0
		switch {
		case strangersOnly && c&ClassLimited != 0:
		case (p == Major || p == DirectMajor) && !major:
		case (p == Minor || p == DirectMinor) && major:
		case (p == Direct || p == DirectMajor || p == DirectMinor) && !direct:
		default:
			list = append(list, c)
		}
	}
	return list
}

// Item is an activity at its place in a stream.
type Item struct {
	Position int64
	Activity *Activity
	// Object is what the activity is about, nil where that is not an object.
	Object *Object
	// Relations are those of the viewer to what the activity is about.
	Relations EdgeSet
}

// StreamPage returns a page of a part of an actor's stream as viewer may see
// it, newest first, and how many items that part has. An inbox is read by its
// owner; strangers see the public part of an outbox, and everybody but the owner
// is told the number of public items only.
func (c *conn) StreamPage(ctx context.Context, owner int64, s Stream, part Part, viewer Viewer, p Page) (items []Item, total int, err error) {
	own := viewer.ActorID == owner
	if s == Inbox && !own {
		return nil, 0, errors.New("an inbox is read by its owner only")
	}
	if len(part.classes(s, false)) == 0 {
		return nil, 0, nil // nothing in an outbox is direct
	}
	query, args := streamQuery(owner, s, part, viewer, p)
	sum, sumArgs := totalQuery(owner, s, part.classes(s, !own))

	var activities []*Activity
	var objects []*Object
	seen := map[int64]*Object{}
	// Every row is scanned to the same places and copied from there.
	var position, relations int64
	var activity Activity
	var object Object
	activityDest, activityDone := activityDest(&activity)
	objectDest, objectDone := objectDest(&object)
	dest := append([]any{&total}, nullable(append(append([]any{&position, &relations}, activityDest...), objectDest...))...)
	// The total stands in every row, so that all is read at once; with an empty
	// page it stands alone.
	related, relatedArgs := "0", []any(nil)
	if viewer.ActorID != 0 {
		related = "(SELECT " + edgeSets + " FROM edges e WHERE e.actor_id = ? AND e.target_id = a.object_id AND e.state = 1)"
		relatedArgs = []any{viewer.ActorID}
	}
	err = c.each(ctx, "SELECT t.total, s.position, "+related+", "+activityColumns+", "+objectColumns+" FROM (SELECT "+sum+" AS total) t LEFT JOIN ("+query+`) s ON 1 = 1
		LEFT JOIN activities a ON a.id = s.activity_id LEFT JOIN objects o ON a.object_kind = 2 AND o.id = a.object_id`,
		slices.Concat(relatedArgs, sumArgs, args), func(r *sql.Rows) error {
			activity.ID, object.ID, relations = 0, 0, 0
			if err := r.Scan(dest...); err != nil || activity.ID == 0 {
				return err
			}
			activityDone()
			a := activity
			activities = append(activities, &a)
			item := Item{Position: position, Activity: &a, Relations: EdgeSet(relations)}
			if object.ID != 0 {
				if seen[object.ID] == nil {
					objectDone()
					o := object
					seen[o.ID] = &o
					objects = append(objects, &o)
				}
				item.Object = seen[object.ID]
			}
			items = append(items, item)
			return nil
		})
	if err == nil {
		err = c.fillActivities(ctx, activities)
	}
	if err == nil {
		err = fillObjects(ctx, c, "objects", objects)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading a stream: %w", err)
	}
	// Sorted here, the wide rows need not go through a sorter of the database.
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(b.Position, a.Position) })
	return items, total, nil
}

// nullable wraps destinations so that a row of NULLs leaves them as they are.
func nullable(dest []any) []any {
	for i, d := range dest {
		dest[i] = nullDest{d}
	}
	return dest
}

type nullDest struct{ dest any }

// Scan implements sql.Scanner.
func (n nullDest) Scan(src any) error {
	if src == nil {
		return nil
	}
	switch d := n.dest.(type) {
	case *int64:
		*d = src.(int64)
	case *string:
		switch v := src.(type) {
		case string:
			*d = v
		case []byte:
			*d = string(v)
		}
	case *Kind:
		*d = Kind(src.(int64))
	case *Visibility:
		*d = Visibility(src.(int64))
	case *bool:
		switch v := src.(type) {
		case bool:
			*d = v
		case int64:
			*d = v != 0
		}
	default:
		return fmt.Errorf("cannot scan into %T", n.dest)
	}
	return nil
}

// streamQuery reads at most a page from the range of each class and merges
// them, so that the cost does not depend on what lies between.
func streamQuery(owner int64, s Stream, part Part, viewer Viewer, p Page) (string, []any) {
	bounds, boundArgs := p.bounds("i.position")
	most := p
	most.Count, most.Offset = p.Count+p.Offset, 0
	classes := part.classes(s, viewer.ActorID == 0)
	var query strings.Builder
	var args []any
	for n, class := range classes {
		if n > 0 {
			query.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&query, "SELECT * FROM (SELECT i.position, i.activity_id FROM stream_items i")
		where, whereArgs := "", []any(nil)
		if class&ClassLimited != 0 && viewer.ActorID != owner {
			visible, vargs := viewer.activityVisible("v")
			query.WriteString(" JOIN activities v ON v.id = i.activity_id")
			where, whereArgs = " AND "+visible, vargs
		}
		query.WriteString(" WHERE i.owner_id = ? AND i.kind = ? AND i.class = ?" + bounds + where + most.cut("i.position") + ") c")
		fmt.Fprint(&query, n)
		args = append(args, owner, s, class)
		args = append(args, boundArgs...)
		args = append(args, whereArgs...)
	}
	return "SELECT * FROM (" + query.String() + ") m" + p.cut("position"), args
}

// totalQuery adds up the ordinals of the newest item of each class.
func totalQuery(owner int64, s Stream, classes []Class) (string, []any) {
	var sum strings.Builder
	var args []any
	for n, class := range classes {
		if n > 0 {
			sum.WriteString(" + ")
		}
		sum.WriteString("COALESCE((SELECT ordinal FROM stream_items WHERE owner_id = ? AND kind = ? AND class = ? ORDER BY position DESC LIMIT 1), 0)")
		args = append(args, owner, s, class)
	}
	return sum.String(), args
}

// PositionOf returns where an activity stands in a stream, or [ErrNotFound].
func (c *conn) PositionOf(ctx context.Context, owner int64, s Stream, activity int64) (int64, error) {
	var position int64
	found, err := c.get(ctx, "SELECT position FROM stream_items WHERE owner_id = ? AND kind = ? AND activity_id = ?", []any{owner, s, activity}, &position)
	if err != nil {
		return 0, fmt.Errorf("finding a place in a stream: %w", err)
	}
	if !found {
		return 0, ErrNotFound
	}
	return position, nil
}

// Distribution says into whose streams an activity goes.
type Distribution struct {
	Activity, Author int64
	// AuthorLocal has the activity put into the author's own inbox and outbox.
	AuthorLocal bool
	Major       bool
	Limited     bool
	// FollowersOf are actors whose followers get it; MembersOf are lists and
	// groups whose members get it.
	FollowersOf, MembersOf []int64
	// Direct are actors named as main recipients, Others actors that get it
	// besides.
	Direct, Others []int64
	// OnlyWhoSee is an activity: those who may not see it get nothing. 0 for no
	// such bound.
	OnlyWhoSee int64
}

// Distribute puts an activity into the inbox of every local recipient and into
// the author's outbox, by one statement however many they are, and returns how
// many items that made. Streams that hold the activity already are left as they
// are. It takes a position, and leaves the next one to what the transaction does
// after it.
func (tx *Tx) Distribute(ctx context.Context, d Distribution) (int64, error) {
	position, err := tx.Position(ctx)
	if err != nil {
		return 0, err
	}
	from, args := d.recipients()
	where, whereArgs := "1 = 1", []any(nil)
	if d.OnlyWhoSee != 0 {
		// The viewer is each recipient in turn.
		where = "r.owner_id = ? OR EXISTS (SELECT 1 FROM activities p WHERE p.id = ? AND " + seenBy("r.owner_id", "p") + ")"
		whereArgs = []any{d.Author, d.OnlyWhoSee}
	}
	query := `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
		SELECT r.owner_id, r.kind, r.class, CAST(? AS BIGINT), CAST(? AS BIGINT),
			COALESCE((SELECT s.ordinal FROM stream_items s WHERE s.owner_id = r.owner_id AND s.kind = r.kind AND s.class = r.class
				ORDER BY s.position DESC LIMIT 1), 0) + 1
		FROM (SELECT owner_id, kind, MAX(class) AS class FROM (` + from + `) q GROUP BY owner_id, kind) r
		WHERE ` + where + ` ON CONFLICT (owner_id, kind, activity_id) DO NOTHING`
	n, err := tx.exec(ctx, query, append(append([]any{position, d.Activity}, args...), whereArgs...)...)
	if err != nil {
		return 0, fmt.Errorf("putting an activity into streams: %w", err)
	}
	tx.position = 0
	return n, nil
}

// recipients returns a query for (owner_id, kind, class), with repetitions.
func (d *Distribution) recipients() (string, []any) {
	var class, outbox Class
	if d.Major {
		class = ClassMajor
	}
	outbox = class
	// A share that is for everybody of what is not for everybody is limited too.
	if d.Limited || d.OnlyWhoSee != 0 {
		outbox |= ClassLimited
	}
	var branches []string
	var args []any
	add := func(branch string, a ...any) {
		branches = append(branches, branch)
		args = append(args, a...)
	}
	if d.AuthorLocal {
		add("SELECT CAST(? AS BIGINT) AS owner_id, CAST(? AS SMALLINT) AS kind, CAST(? AS SMALLINT) AS class", d.Author, Inbox, class)
		add("SELECT CAST(? AS BIGINT), CAST(? AS SMALLINT), CAST(? AS SMALLINT)", d.Author, Outbox, outbox)
	}
	named := func(ids []int64, class Class) {
		if len(ids) > 0 {
			add("SELECT id AS owner_id, CAST(? AS SMALLINT) AS kind, CAST(? AS SMALLINT) AS class FROM actors WHERE id IN ? AND local AND state = 0",
				Inbox, class, ids)
		}
	}
	named(d.Direct, class|ClassDirect)
	named(d.Others, class)
	edges := func(kind EdgeKind, targets []int64) {
		if len(targets) > 0 {
			// The suspended are few, and looked up once for all followers.
			add(`SELECT actor_id AS owner_id, CAST(? AS SMALLINT) AS kind, CAST(? AS SMALLINT) AS class FROM edges
				WHERE target_id IN ? AND kind = ? AND state = 1 AND actor_local
				AND actor_id NOT IN (SELECT id FROM actors WHERE state = 1)`, Inbox, class, targets, kind)
		}
	}
	edges(Follows, d.FollowersOf)
	edges(MemberOf, d.MembersOf)
	if len(branches) == 0 {
		add("SELECT CAST(0 AS BIGINT) AS owner_id, CAST(0 AS SMALLINT) AS kind, CAST(0 AS SMALLINT) AS class WHERE 1 = 0")
	}
	return strings.Join(branches, " UNION ALL "), args
}
