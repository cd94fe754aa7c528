package models

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// Move tells that somebody goes on under another account.
type Move struct {
	ActorID, TargetID, ActivityID int64
	Created                       time.Time
}

// SetMove stores a move, and reports whether that is news. A later move replaces
// an earlier one.
func (tx *Tx) SetMove(ctx context.Context, m *Move) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO moves (actor_id, target_id, activity_id, created) VALUES (?, ?, ?, ?)
		ON CONFLICT (actor_id) DO UPDATE SET target_id = excluded.target_id, activity_id = excluded.activity_id, created = excluded.created
		WHERE moves.target_id <> excluded.target_id`, m.ActorID, m.TargetID, m.ActivityID, millis(m.Created))
	if err != nil {
		return false, fmt.Errorf("storing a move: %w", err)
	}
	return n > 0, nil
}

// MoveOf returns where somebody has moved, or [ErrNotFound].
func (c *conn) MoveOf(ctx context.Context, actor int64) (*Move, error) {
	m := &Move{ActorID: actor}
	var created int64
	found, err := c.get(ctx, "SELECT target_id, activity_id, created FROM moves WHERE actor_id = ?", []any{actor}, &m.TargetID, &m.ActivityID, &created)
	if err != nil {
		return nil, fmt.Errorf("reading a move: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	m.Created = fromMillis(created)
	return m, nil
}

// LocalFollowers returns up to n people here who follow somebody, those first who
// have done so longest.
func (c *conn) LocalFollowers(ctx context.Context, actor int64, n int) ([]int64, error) {
	var list []int64
	err := c.each(ctx, "SELECT actor_id FROM edges WHERE target_id = ? AND kind = 1 AND state = 1 AND actor_local ORDER BY position LIMIT "+strconv.Itoa(n), []any{actor},
		func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			list = append(list, id)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("reading followers: %w", err)
	}
	return list, nil
}
