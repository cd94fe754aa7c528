package models

import (
	"context"
	"database/sql"
	"fmt"
)

// FollowerIRIs calls f with the id on a network of every follower of an actor that
// is known there, in no order.
func (c *conn) FollowerIRIs(ctx context.Context, actor int64, network string, f func(iri string)) error {
	// No join, for which PostgreSQL might begin with everybody on the network.
	err := c.each(ctx, `SELECT COALESCE((SELECT p.iri FROM presences p WHERE p.actor_id = e.actor_id AND p.network = ?), '')
		FROM edges e WHERE e.target_id = ? AND e.kind = 1 AND e.state = 1`, []any{network, actor}, func(r *sql.Rows) error {
		var iri string
		if err := r.Scan(&iri); err != nil || iri == "" {
			return err
		}
		f(iri)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading who follows somebody: %w", err)
	}
	return nil
}

// FollowersVersion returns two numbers of which one changes whenever somebody
// follows an actor, or ceases to.
func (c *conn) FollowersVersion(ctx context.Context, actor int64) (count, newest int64, err error) {
	_, err = c.get(ctx, `SELECT a.followers_count, COALESCE((SELECT e.position FROM edges e WHERE e.target_id = a.id AND e.kind = 1
		ORDER BY e.position DESC LIMIT 1), 0) FROM actors a WHERE a.id = ?`, []any{actor}, &count, &newest)
	if err != nil {
		return 0, 0, fmt.Errorf("reading whether the followers of somebody changed: %w", err)
	}
	return count, newest, nil
}
