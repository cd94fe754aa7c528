package models

import (
	"context"
	"fmt"
	"time"
)

// Stats tell how a store is doing.
type Stats struct {
	// Connections are open ones, Waited how often a query waited for one.
	Connections int
	Waited      int64
	// Cached are the documents in the cache, CacheBytes their estimated size.
	Cached     int
	CacheBytes int64
}

// Stats returns the present figures.
func (db *DB) Stats() Stats {
	s := db.write.Stats()
	out := Stats{Connections: s.OpenConnections, Waited: s.WaitCount}
	out.Cached, out.CacheBytes = db.cache.docs.Size()
	if db.read != db.write {
		s = db.read.Stats()
		out.Connections += s.OpenConnections
		out.Waited += s.WaitCount
	}
	return out
}

// QueueState tells how many jobs wait and were given up, and how long the oldest
// has been due.
func (c *conn) QueueState(ctx context.Context) (waiting, failed int64, oldest time.Duration, err error) {
	if _, err = c.get(ctx, "SELECT COUNT(*) FROM river_job WHERE state IN ('available', 'scheduled', 'retryable', 'running', 'pending')", nil, &waiting); err == nil {
		_, err = c.get(ctx, "SELECT COUNT(*) FROM river_job WHERE state IN ('discarded', 'cancelled')", nil, &failed)
	}
	var due int64
	query := "SELECT COALESCE(CAST(EXTRACT(EPOCH FROM NOW() - MIN(scheduled_at)) AS BIGINT), 0) FROM river_job WHERE state = 'available'"
	if c.db.dialect == SQLite {
		query = "SELECT COALESCE(CAST(strftime('%s', 'now') - strftime('%s', MIN(scheduled_at)) AS INTEGER), 0) FROM river_job WHERE state = 'available'"
	}
	if err == nil {
		_, err = c.get(ctx, query, nil, &due)
	}
	if err != nil {
		err = fmt.Errorf("reading the state of the job queue: %w", err)
	}
	return waiting, failed, time.Duration(max(due, 0)) * time.Second, err
}
