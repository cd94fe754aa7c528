package models

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sentChunk is how many inboxes stand in a row of the log.
const sentChunk = 100

// LogSent notes that an activity, or one that changes what it posted, is on its
// way to inboxes, by network.
func (tx *Tx) LogSent(ctx context.Context, activity int64, inboxes map[string][]string) error {
	var rows []string
	var args []any
	for _, network := range slices.Sorted(maps.Keys(inboxes)) {
		list := slices.DeleteFunc(slices.Clone(inboxes[network]), func(inbox string) bool { return strings.Contains(inbox, "\n") })
		for chunk := range slices.Chunk(list, sentChunk) {
			rows = append(rows, "(?, ?, ?, ?)")
			args = append(args, activity, tx.NewID(), network, strings.Join(chunk, "\n"))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.exec(ctx, "INSERT INTO sent (activity_id, id, network, inboxes) VALUES "+strings.Join(rows, ", "), args...); err != nil {
		return fmt.Errorf("logging deliveries: %w", err)
	}
	return nil
}

// SentTo returns the inboxes that activities and what changed them went to, by
// network, each once.
func (c *conn) SentTo(ctx context.Context, activities ...int64) (map[string][]string, error) {
	found := map[string][]string{}
	seen := map[string]bool{}
	err := c.eachIn(ctx, "SELECT network, inboxes FROM sent WHERE activity_id IN ?", activities, func(r *sql.Rows) error {
		var network, inboxes string
		err := r.Scan(&network, &inboxes)
		for inbox := range strings.SplitSeq(inboxes, "\n") {
			if key := network + "\n" + inbox; err == nil && !seen[key] {
				seen[key] = true
				found[network] = append(found[network], inbox)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading where an activity went: %w", err)
	}
	return found, nil
}

// ForgetSent removes the log of activities whose objects are gone.
func (tx *Tx) ForgetSent(ctx context.Context, activities ...int64) error {
	if err := tx.execIn(ctx, "DELETE FROM sent WHERE activity_id IN ?", activities); err != nil {
		return fmt.Errorf("forgetting where an activity went: %w", err)
	}
	return nil
}
