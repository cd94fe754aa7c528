package models

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// FailingHost is another server that does not take deliveries at the moment.
type FailingHost struct {
	// Host has the port where that is not the default one.
	Host string
	// Since is when the first of its Failures in a row was; zero where it only asked
	// us to wait.
	Since    time.Time
	Failures int64
	// NextTry is until when nothing is sent there; it may be zero.
	NextTry time.Time
}

// SetFailingHost stores how a host is doing. Of two processes that do so at the
// same time the longer story counts.
func (tx *Tx) SetFailingHost(ctx context.Context, h FailingHost) error {
	_, err := tx.exec(ctx, `INSERT INTO failing_hosts (host, failing_since, failures, next_try) VALUES (?, ?, ?, ?)
		ON CONFLICT (host) DO UPDATE SET
			failing_since = CASE WHEN failing_hosts.failing_since = 0 THEN excluded.failing_since ELSE failing_hosts.failing_since END,
			failures = CASE WHEN failing_hosts.failures > excluded.failures THEN failing_hosts.failures ELSE excluded.failures END,
			next_try = CASE WHEN failing_hosts.next_try > excluded.next_try THEN failing_hosts.next_try ELSE excluded.next_try END`,
		h.Host, millis(h.Since), h.Failures, millis(h.NextTry))
	if err != nil {
		return fmt.Errorf("storing how a host is doing: %w", err)
	}
	return nil
}

// HealHosts notes that hosts take deliveries again.
func (tx *Tx) HealHosts(ctx context.Context, hosts ...string) error {
	for len(hosts) > 0 {
		n := min(len(hosts), inChunk)
		if _, err := tx.exec(ctx, "DELETE FROM failing_hosts WHERE host IN ?", padded(hosts[:n])); err != nil {
			return fmt.Errorf("storing that hosts are well: %w", err)
		}
		hosts = hosts[n:]
	}
	return nil
}

// FailingHosts returns all hosts that do not take deliveries at the moment.
func (c *conn) FailingHosts(ctx context.Context) ([]FailingHost, error) {
	var list []FailingHost
	err := c.each(ctx, "SELECT host, failing_since, failures, next_try FROM failing_hosts WHERE host > '' ORDER BY host", nil, func(r *sql.Rows) error {
		var h FailingHost
		var since, next int64
		err := r.Scan(&h.Host, &since, &h.Failures, &next)
		h.Since, h.NextTry = fromMillis(since), fromMillis(next)
		list = append(list, h)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading how hosts are doing: %w", err)
	}
	return list, nil
}
