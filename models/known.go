package models

import (
	"context"
	"database/sql"
	"fmt"
)

// KnownPage returns a page of what somebody elsewhere did, as far as it is known
// here and viewer may see it, newest first by the time that each says it was done.
// The bounds of the page are ids of activities. Our own people have an outbox, see
// [DB.StreamPage].
func (c *conn) KnownPage(ctx context.Context, actor int64, part Part, viewer Viewer, p Page) ([]*Activity, error) {
	where, args := viewer.activityVisible("a")
	where, args = "a.actor_id = ? AND NOT a.local AND a.deleted = 0 AND "+where, append([]any{actor}, args...)
	// It is for those who read to whom it matters whom they block, too.
	if viewer.ActorID != 0 {
		unblocking, uargs := viewer.unblocking("a")
		where, args = where+" AND "+unblocking, append(args, uargs...)
	}
	major := `(a.verb IN ('share', 'checkin') OR a.verb IN ('post', 'create')
		AND NOT EXISTS (SELECT 1 FROM objects o WHERE a.object_kind = 2 AND o.id = a.object_id AND o.type IN ('comment', 'collection')))`
	switch part {
	case Major:
		where += " AND " + major
	case Minor:
		where += " AND NOT " + major
	}
	for _, bound := range []struct {
		id   int64
		side string
	}{{p.Before, "<"}, {p.Since, ">"}} {
		if bound.id != 0 {
			where += " AND (a.published, a.id) " + bound.side + " (SELECT b.published, b.id FROM activities b WHERE b.id = ?)"
			args = append(args, bound.id)
		}
	}
	direction := " DESC"
	if p.Since != 0 {
		direction = ""
	}
	var list []*Activity
	err := c.each(ctx, fmt.Sprintf("SELECT "+activityColumns+" FROM activities a WHERE "+where+" ORDER BY a.published%s, a.id%s LIMIT %d OFFSET %d",
		direction, direction, p.Count, p.Offset), args, func(r *sql.Rows) error {
		a := new(Activity)
		dest, done := activityDest(a)
		err := r.Scan(dest...)
		done()
		list = append(list, a)
		return err
	})
	if err == nil {
		err = c.fillActivities(ctx, list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is known of somebody elsewhere: %w", err)
	}
	return newestFirst(p, list), nil
}
