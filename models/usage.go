package models

import (
	"context"
	"fmt"
	"time"
)

// Usage tells how much a server is used by the people who have an account on it.
type Usage struct {
	// Accounts are those in use; ActiveMonth and ActiveHalfYear are those of them
	// who did something in that time.
	Accounts, ActiveMonth, ActiveHalfYear int64
	// Posts is how many major things they did: posts and shares.
	Posts int64
}

// Usage counts, with a few probes of an index for every account, however much
// they did.
func (c *conn) Usage(ctx context.Context, now time.Time) (Usage, error) {
	// What somebody did last stands at the end of one of the ranges of the outbox;
	// the ids of activities tell when they were made.
	newest := func(column, class string) string {
		return "COALESCE((SELECT s." + column + " FROM stream_items s WHERE s.owner_id = a.actor_id AND s.kind = 2 AND s.class = " + class +
			" ORDER BY s.position DESC LIMIT 1), 0)"
	}
	since := func(id string) string {
		return "(" + newest("activity_id", "0") + " > " + id + " OR " + newest("activity_id", "1") + " > " + id +
			" OR " + newest("activity_id", "4") + " > " + id + " OR " + newest("activity_id", "5") + " > " + id + ")"
	}
	month, halfYear := idAt(now.AddDate(0, -1, 0)), idAt(now.AddDate(0, -6, 0))
	var u Usage
	_, err := c.get(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN `+since("CAST(? AS BIGINT)")+` THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN `+since("CAST(? AS BIGINT)")+` THEN 1 ELSE 0 END), 0), COALESCE(SUM(`+newest("ordinal", "1")+" + "+newest("ordinal", "5")+`), 0)
		FROM accounts a WHERE a.state = 0`, []any{month, month, month, month, halfYear, halfYear, halfYear, halfYear},
		&u.Accounts, &u.ActiveMonth, &u.ActiveHalfYear, &u.Posts)
	if err != nil {
		return u, fmt.Errorf("counting how much the server is used: %w", err)
	}
	return u, nil
}

// idAt returns the smallest id that can have been made at a time.
func idAt(t time.Time) int64 { return (t.UnixMilli() - idEpoch) << (seqBits + nodeBits) }
