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

// Stream is one of the streams of an actor, or the one that belongs to nobody.
type Stream int16

// The streams. PublicStream has the owner 0: in it is what people here do and
// address to everybody.
const (
	Inbox        Stream = 1
	Outbox       Stream = 2
	PublicStream Stream = 3
)

// Class is what half of a stream an item belongs to, a set of bits.
type Class int16

// The bits of a class. ClassLimited is set in outboxes and in the inboxes of
// groups only, on what is not public, so that strangers page over ranges that
// hold nothing else.
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

// The classes that items have in the streams that are read by their owners, by
// anybody as far as they may, and by anybody.
var (
	ownClasses    = []Class{0, ClassMajor, ClassDirect, ClassDirect | ClassMajor}
	sharedClasses = []Class{0, ClassMajor, ClassLimited, ClassLimited | ClassMajor}
	publicClasses = []Class{0, ClassMajor}
)

// classes returns those of all classes whose items a part of a stream consists
// of.
func (p Part) classes(all []Class, strangersOnly bool) []Class {
	var list []Class
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

// streamRange is a part of a stream as somebody reads it.
type streamRange struct {
	owner   int64
	stream  Stream
	part    Part
	classes []Class
	viewer  Viewer
	// open has the limited items shown without a look at each; counted has them
	// count in the total.
	open, counted bool
}

// StreamPage returns a page of a part of a stream as viewer may see it, newest
// first, and how many items that part has. An inbox is read by its owner, for that
// of a group see [DB.GroupPage]; strangers see the public part of an outbox, and
// everybody but the owner is told the number of public items only.
func (c *conn) StreamPage(ctx context.Context, owner int64, s Stream, part Part, viewer Viewer, p Page) (items []Item, total int, err error) {
	r, ok, err := c.rangeOf(ctx, owner, s, part, viewer)
	if err != nil || !ok {
		return nil, 0, err
	}
	return c.streamPage(ctx, r, p)
}

// rangeOf returns what of a stream somebody may read; ok is false where the owner
// of the stream blocks them.
func (c *conn) rangeOf(ctx context.Context, owner int64, s Stream, part Part, viewer Viewer) (r streamRange, ok bool, err error) {
	own := viewer.ActorID == owner && owner != 0
	r = streamRange{owner: owner, stream: s, part: part, classes: sharedClasses, viewer: viewer, open: own, counted: own}
	switch {
	case s == Inbox && !own:
		return r, false, errors.New("an inbox is read by its owner only")
	case s == Inbox:
		r.classes = ownClasses
	case s == PublicStream:
		r.classes = publicClasses
	case !own && viewer.ActorID != 0:
		blocked, err := c.BlockedBy(ctx, viewer.ActorID, owner)
		return r, !blocked, err
	}
	return r, true, nil
}

// GroupPage returns a page of a part of the inbox of a group as viewer may see
// it, newest first, and how many items that part has: the members and the author
// of the group are told of all, others of the public ones. Whether the viewer may
// read the group at all is another question, see [DB.MaySeeGroup].
func (c *conn) GroupPage(ctx context.Context, group int64, part Part, viewer Viewer, p Page) (items []Item, total int, err error) {
	inside, err := c.insideGroup(ctx, viewer, group)
	if err != nil {
		return nil, 0, err
	}
	return c.streamPage(ctx, streamRange{owner: group, stream: Inbox, part: part, classes: sharedClasses, viewer: viewer, counted: inside}, p)
}

func (c *conn) streamPage(ctx context.Context, r streamRange, p Page) (items []Item, total int, err error) {
	if len(r.part.classes(r.classes, false)) == 0 {
		return nil, 0, nil // nothing but an inbox has what is direct
	}
	query, args := r.query(p)
	sum, sumArgs := r.total()
	viewer := r.viewer

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

// query reads at most a page from the range of each class and merges them, so
// that the cost does not depend on what lies between.
func (r streamRange) query(p Page) (string, []any) {
	bounds, boundArgs := p.bounds("i.position")
	most := p
	most.Count, most.Offset = p.Count+p.Offset, 0
	classes := r.part.classes(r.classes, r.viewer.ActorID == 0)
	var query strings.Builder
	var args []any
	for n, class := range classes {
		if n > 0 {
			query.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&query, "SELECT * FROM (SELECT i.position, i.activity_id FROM stream_items i")
		where, whereArgs := "", []any(nil)
		if !r.open && (class&ClassLimited != 0 || r.viewer.ActorID != 0) {
			query.WriteString(" JOIN activities v ON v.id = i.activity_id")
			where, whereArgs = r.visible(class, "v")
		}
		query.WriteString(" WHERE i.owner_id = ? AND i.kind = ? AND i.class = ?" + bounds + where + most.cut("i.position") + ") c")
		fmt.Fprint(&query, n)
		args = append(args, r.owner, r.stream, class)
		args = append(args, boundArgs...)
		args = append(args, whereArgs...)
	}
	return "SELECT * FROM (" + query.String() + ") m" + p.cut("position"), args
}

// visible returns the conditions, each after an AND, under which an item of a
// class is shown whose activity has this alias.
func (r streamRange) visible(class Class, a string) (string, []any) {
	condition := r.viewer.unblocked
	if class&ClassLimited != 0 {
		condition = r.viewer.activityVisible
	}
	where, args := condition(a)
	if r.stream != Outbox && r.viewer.ActorID != 0 {
		// Who blocks somebody does not meet them where many post.
		unblocking, uargs := r.viewer.unblocking(a)
		where, args = where+" AND "+unblocking, append(args, uargs...)
	}
	return " AND " + where, args
}

// total adds up the ordinals of the newest item of each class.
func (r streamRange) total() (string, []any) {
	var sum strings.Builder
	var args []any
	for n, class := range r.part.classes(r.classes, !r.counted) {
		if n > 0 {
			sum.WriteString(" + ")
		}
		sum.WriteString("COALESCE((SELECT ordinal FROM stream_items WHERE owner_id = ? AND kind = ? AND class = ? ORDER BY position DESC LIMIT 1), 0)")
		args = append(args, r.owner, r.stream, class)
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
	// OutboxOnly leaves out the author's inbox: what a group passes on is there as
	// what its members said.
	OutboxOnly bool
	Major      bool
	Limited    bool
	// Public has the activity put into the public stream, unless OnlyWhoSee
	// bounds it.
	Public bool
	// FollowersOf are actors whose followers get it; MembersOf are lists and
	// groups whose members get it.
	FollowersOf, MembersOf []int64
	// Direct are actors named as main recipients, Others actors that get it
	// besides.
	Direct, Others []int64
	// OnlyWhoSee is an activity: those who may not see it get nothing. 0 for no
	// such bound.
	OnlyWhoSee int64
	// OnlyFollowers has it reach nobody here who does not follow the author.
	OnlyFollowers bool
	// Published are the networks on which followers and members elsewhere hear of it
	// without its being delivered to each of them.
	Published []string
}

// Distribute puts an activity into the inbox of every local recipient, into the
// author's outbox and into the public stream, by one statement however many they
// are, and returns how many items that made. Streams that hold the activity
// already are left as they are, and so are those of people between whom and the
// author, or who made what the activity is about, there is a block. It takes a
// position, and leaves the next one to what the transaction does after it.
func (tx *Tx) Distribute(ctx context.Context, d Distribution) (int64, error) {
	position, err := tx.Position(ctx)
	if err != nil {
		return 0, err
	}
	from, args := d.recipients()
	where, whereArgs := d.apart("r.owner_id")
	if d.OnlyWhoSee != 0 {
		// The viewer is each recipient in turn.
		where += " AND EXISTS (SELECT 1 FROM activities p WHERE p.id = ? AND " + seenBy("r.owner_id", "p") + ")"
		whereArgs = append(whereArgs, d.OnlyWhoSee)
	}
	if d.OnlyFollowers {
		where += " AND EXISTS (SELECT 1 FROM edges f WHERE f.actor_id = r.owner_id AND f.target_id = ? AND f.kind = 1 AND f.state = 1)"
		whereArgs = append(whereArgs, d.Author)
	}
	where, whereArgs = "(r.owner_id = ? OR "+where+")", append([]any{d.Author}, whereArgs...)
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
		add("SELECT CAST(? AS BIGINT) AS owner_id, CAST(? AS SMALLINT) AS kind, CAST(? AS SMALLINT) AS class", d.Author, Outbox, outbox)
	}
	if d.AuthorLocal && !d.OutboxOnly {
		add("SELECT CAST(? AS BIGINT) AS owner_id, CAST(? AS SMALLINT) AS kind, CAST(? AS SMALLINT) AS class", d.Author, Inbox, class)
	}
	if d.Public && d.OnlyWhoSee == 0 {
		add("SELECT CAST(0 AS BIGINT) AS owner_id, CAST(? AS SMALLINT) AS kind, CAST(? AS SMALLINT) AS class", PublicStream, class)
	}
	named := func(ids []int64, class Class) {
		if len(ids) > 0 {
			// The inbox of a group is read by others, as an outbox is.
			add(`SELECT id AS owner_id, CAST(? AS SMALLINT) AS kind, CASE WHEN type = 'group' THEN CAST(? AS SMALLINT) ELSE CAST(? AS SMALLINT) END AS class
				FROM actors WHERE id IN ? AND local AND state = 0`, Inbox, outbox, class, ids)
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
