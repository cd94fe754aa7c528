package models

import (
	"context"
	"database/sql"
	"fmt"
)

// Visibility is how widely an activity is addressed.
type Visibility int16

// From widest to narrowest.
const (
	Public   Visibility = 0 // to everybody
	Unlisted Visibility = 1 // to everybody, but not announced
	Limited  Visibility = 2 // to those in the audience only
)

// Viewer is somebody who looks. The zero Viewer is a stranger, who sees what is
// public.
type Viewer struct {
	ActorID int64
}

// visible returns the condition under which the viewer may see the activity
// with this alias: it is public, the viewer did it, is among those that it is
// addressed to, or has it in the inbox already. Who made a group sees what its
// members see. Whom the actor blocks sees none of it.
func (v Viewer) visible(a string) (string, []any) {
	if v.ActorID == 0 {
		return a + ".visibility < 2", nil
	}
	me := v.ActorID
	return `(NOT EXISTS (SELECT 1 FROM edges b WHERE b.actor_id = ` + a + `.actor_id AND b.target_id = ? AND b.kind = 5)
		AND (` + a + `.visibility < 2 OR ` + a + `.actor_id = ?
		OR EXISTS (SELECT 1 FROM stream_items i WHERE i.owner_id = ? AND i.kind = 1 AND i.activity_id = ` + a + `.id)
		OR EXISTS (SELECT 1 FROM audience u WHERE u.activity_id = ` + a + `.id AND (u.kind IN (1, 4) AND u.recipient_id = ?
			OR u.kind = 2 AND EXISTS (SELECT 1 FROM edges e WHERE e.actor_id = ? AND e.target_id = u.recipient_id AND e.kind = 1 AND e.state = 1)
			OR u.kind IN (3, 4) AND EXISTS (SELECT 1 FROM edges e WHERE e.actor_id = ? AND e.target_id = u.recipient_id AND e.kind = 4 AND e.state = 1)
			OR u.kind = 4 AND EXISTS (SELECT 1 FROM actors g WHERE g.id = u.recipient_id AND g.author_id = ?)))))`,
		[]any{me, me, me, me, me, me, me}
}

// seenBy is visible for a viewer whom the query has in a column. Of those who get
// an activity, who made a group is one as its member only.
func seenBy(viewer, a string) string {
	return `(` + a + `.visibility < 2 OR ` + a + `.actor_id = ` + viewer + `
		OR EXISTS (SELECT 1 FROM stream_items i WHERE i.owner_id = ` + viewer + ` AND i.kind = 1 AND i.activity_id = ` + a + `.id)
		OR EXISTS (SELECT 1 FROM audience u WHERE u.activity_id = ` + a + `.id AND (u.kind IN (1, 4) AND u.recipient_id = ` + viewer + `
			OR u.kind = 2 AND EXISTS (SELECT 1 FROM edges e WHERE e.actor_id = ` + viewer + ` AND e.target_id = u.recipient_id AND e.kind = 1 AND e.state = 1)
			OR u.kind IN (3, 4) AND EXISTS (SELECT 1 FROM edges e WHERE e.actor_id = ` + viewer + ` AND e.target_id = u.recipient_id AND e.kind = 4 AND e.state = 1))))`
}

// activityVisible is visible for an activity and for the post of its object:
// nobody sees a share of what they may not see.
func (v Viewer) activityVisible(a string) (string, []any) {
	own, args := v.visible(a)
	if v.ActorID != 0 {
		unblocked, uargs := v.unblocked(a)
		own, args = own+" AND "+unblocked, append(args, uargs...)
	}
	post, postArgs := v.visible("p")
	return "(" + own + " AND (" + a + ".object_post = 0 OR EXISTS (SELECT 1 FROM activities p WHERE p.id = " + a + ".object_post AND " + post + ")))",
		append(args, postArgs...)
}

// objectVisible returns the condition under which the viewer may see the object
// with this alias: it is the viewer's own, or the activity that posted it may be
// seen. What has not been posted is seen by its author only.
func (v Viewer) objectVisible(o string) (string, []any) {
	post, args := v.visible("p")
	where := "EXISTS (SELECT 1 FROM activities p WHERE p.id = " + o + ".activity_id AND " + post + ")"
	if v.ActorID == 0 {
		return where, args
	}
	return "(" + o + ".author_id = ? OR " + where + ")", append([]any{v.ActorID}, args...)
}

// MaySeeActivity reports whether the viewer may see an activity.
func (c *conn) MaySeeActivity(ctx context.Context, v Viewer, id int64) (bool, error) {
	where, args := v.activityVisible("a")
	var one int
	ok, err := c.get(ctx, "SELECT 1 FROM activities a WHERE a.id = ? AND "+where, append([]any{id}, args...), &one)
	if err != nil {
		return false, fmt.Errorf("checking who may see an activity: %w", err)
	}
	return ok, nil
}

// MaySeeObject reports whether the viewer may see an object.
func (c *conn) MaySeeObject(ctx context.Context, v Viewer, id int64) (bool, error) {
	seen, err := c.VisibleObjects(ctx, v, id)
	return seen[id], err
}

// VisibleObjects tells which of these objects the viewer may see.
func (c *conn) VisibleObjects(ctx context.Context, v Viewer, ids ...int64) (map[int64]bool, error) {
	where, args := v.objectVisible("o")
	seen := map[int64]bool{}
	err := c.eachIn(ctx, "SELECT o.id FROM objects o WHERE o.id IN ? AND "+where, ids, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		seen[id] = true
		return err
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("checking who may see an object: %w", err)
	}
	return seen, nil
}

// insideGroup reports whether the viewer is a member of a group, or made it.
func (c *conn) insideGroup(ctx context.Context, v Viewer, group int64) (bool, error) {
	if v.ActorID == 0 {
		return false, nil
	}
	var one int
	ok, err := c.get(ctx, `SELECT 1 FROM actors g WHERE g.id = ? AND (g.author_id = ?
		OR EXISTS (SELECT 1 FROM edges e WHERE e.actor_id = ? AND e.target_id = g.id AND e.kind = 4 AND e.state = 1))`,
		[]any{group, v.ActorID, v.ActorID}, &one)
	if err != nil {
		return false, fmt.Errorf("checking who is in a group: %w", err)
	}
	return ok, nil
}

// MaySeeGroup reports whether the viewer may see a group and what is in it.
func (c *conn) MaySeeGroup(ctx context.Context, v Viewer, group int64) (bool, error) {
	seen, err := c.VisibleGroups(ctx, v, group)
	return seen[group], err
}

// VisibleGroups tells which of these groups the viewer may see: members may, and
// who made the group, and whoever may see the activity that made it. One that was
// made elsewhere and is known by name only is shown to everybody, as people are.
func (c *conn) VisibleGroups(ctx context.Context, v Viewer, ids ...int64) (map[int64]bool, error) {
	where, args := v.activityVisible("a")
	query := "SELECT g.id FROM actors g WHERE g.id IN ? AND (g.activity_id = 0 OR EXISTS (SELECT 1 FROM activities a WHERE a.id = g.activity_id AND " + where + ")"
	if v.ActorID != 0 {
		query += " OR g.author_id = ? OR EXISTS (SELECT 1 FROM edges m WHERE m.actor_id = ? AND m.target_id = g.id AND m.kind = 4 AND m.state = 1)"
		args = append(args, v.ActorID, v.ActorID)
	}
	seen := map[int64]bool{}
	err := c.eachIn(ctx, query+")", ids, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		seen[id] = true
		return err
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("checking who may see a group: %w", err)
	}
	return seen, nil
}
