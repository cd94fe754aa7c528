package models

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// Handover is a follow, or the membership of a group, that is in force and waits to be
// accepted on another network than the one by which it was made.
type Handover struct {
	ActorID int64
	Kind    EdgeKind
	// ActivityID is the follow.
	ActivityID int64
}

// BeginHandover notes everything by which people here follow from, or are members of
// it, as to be handed over; target is the row that those edges have, or will have. It
// returns how many there are that were not noted before.
func (tx *Tx) BeginHandover(ctx context.Context, from, target int64, now time.Time) (int64, error) {
	n, err := tx.exec(ctx, `INSERT INTO handovers (target_id, actor_id, kind, created) SELECT CAST(? AS BIGINT), actor_id, kind, CAST(? AS BIGINT) FROM edges
		WHERE target_id = ? AND kind IN (1, 4) AND state = 1 AND actor_local ON CONFLICT (target_id, actor_id, kind) DO NOTHING`, target, millis(now), from)
	if err != nil {
		return 0, fmt.Errorf("handing follows over: %w", err)
	}
	return n, nil
}

// Handovers returns up to n of those to target that are still wanted, from the one
// after the last of the page before.
func (c *conn) Handovers(ctx context.Context, target int64, after Handover, n int) ([]Handover, error) {
	var list []Handover
	err := c.each(ctx, `SELECT h.actor_id, h.kind, e.activity_id FROM handovers h JOIN edges e ON e.actor_id = h.actor_id AND e.target_id = h.target_id AND e.kind = h.kind
		WHERE h.target_id = ? AND (h.actor_id, h.kind) > (?, ?) AND e.state = 1 ORDER BY h.actor_id, h.kind LIMIT `+strconv.Itoa(n),
		[]any{target, after.ActorID, after.Kind}, func(r *sql.Rows) error {
			var h Handover
			err := r.Scan(&h.ActorID, &h.Kind, &h.ActivityID)
			list = append(list, h)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("reading which follows are handed over: %w", err)
	}
	return list, nil
}

// EndHandover notes that target has answered somebody here, and reports whether that
// was waited for.
func (tx *Tx) EndHandover(ctx context.Context, actor, target int64) (bool, error) {
	n, err := tx.exec(ctx, "DELETE FROM handovers WHERE target_id = ? AND actor_id = ?", target, actor)
	if err != nil {
		return false, fmt.Errorf("ending the handing over of a follow: %w", err)
	}
	return n > 0, nil
}
