package models

import (
	"context"
	"database/sql"
	"fmt"
)

// BlockedBy reports whether any of others blocks an actor.
func (c *conn) BlockedBy(ctx context.Context, actor int64, others ...int64) (bool, error) {
	blocked := false
	err := c.eachIn(ctx, "SELECT 1 FROM edges WHERE actor_id IN ? AND target_id = ? AND kind = 5 LIMIT 1", others, func(r *sql.Rows) error {
		blocked = true
		return nil
	}, actor)
	if err != nil {
		return false, fmt.Errorf("looking for blocks: %w", err)
	}
	return blocked, nil
}

// CountBlocks returns how many an actor blocks.
func (c *conn) CountBlocks(ctx context.Context, actor int64) (int64, error) {
	var n int64
	if _, err := c.get(ctx, "SELECT COUNT(*) FROM edges WHERE actor_id = ? AND kind = 5", []any{actor}, &n); err != nil {
		return 0, fmt.Errorf("counting blocks: %w", err)
	}
	return n, nil
}

// makers are whose doing the activity with this alias is: who did it, and who
// made what it was done to.
func makers(a string) string {
	return "(" + a + ".actor_id, (SELECT x.author_id FROM objects x WHERE " + a + ".object_kind = 2 AND x.id = " + a + ".object_id))"
}

// unblocked returns the condition that nobody whose doing the activity with this
// alias is blocks the viewer. For those whom nobody blocks it is one look at an
// index.
func (v Viewer) unblocked(a string) (string, []any) {
	return "NOT EXISTS (SELECT 1 FROM edges b WHERE b.target_id = ? AND b.kind = 5 AND b.actor_id IN " + makers(a) + ")", []any{v.ActorID}
}

// unblocking returns the condition that the viewer blocks nobody whose doing the
// activity with this alias is.
func (v Viewer) unblocking(a string) (string, []any) {
	return "NOT EXISTS (SELECT 1 FROM edges b WHERE b.actor_id = ? AND b.kind = 5 AND b.target_id IN " + makers(a) + ")", []any{v.ActorID}
}

// apart returns the condition under which there is no block between whom a
// column names and those whose doing the activity is, in either direction. The
// few blocks are looked up once for all recipients.
func (d *Distribution) apart(column string) (string, []any) {
	const makers = "(?, (SELECT x.author_id FROM activities m JOIN objects x ON x.id = m.object_id WHERE m.id = ? AND m.object_kind = 2))"
	return column + " NOT IN (SELECT b.actor_id FROM edges b WHERE b.kind = 5 AND b.target_id IN " + makers + ") AND " +
		column + " NOT IN (SELECT b.target_id FROM edges b WHERE b.kind = 5 AND b.actor_id IN " + makers + ")", []any{d.Author, d.Activity, d.Author, d.Activity}
}
