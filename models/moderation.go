package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Severity is how much of a server reaches people here.
type Severity int16

// From mildest to hardest.
const (
	// SeverityNone changes nothing by itself.
	SeverityNone Severity = 0
	// SeverityLimit lets what people there do reach only those here who follow them.
	SeverityLimit Severity = 1
	// SeverityBlock lets nothing in from there, and nothing out to there.
	SeverityBlock Severity = 2
)

// HostPolicy is what the admins have decided about a server and all whose names
// end in its name.
type HostPolicy struct {
	// Domain is a host name without a port, in lower case.
	Domain   string
	Severity Severity
	// RejectMedia has no pictures, sound and films fetched from there; RejectReports
	// has what people there report thrown away.
	RejectMedia, RejectReports bool
	// Obfuscate says that the name is not to be spelled out in public.
	Obfuscate                     bool
	PublicComment, PrivateComment string
	Created, Updated              time.Time
}

const policyColumns = "domain, severity, reject_media, reject_reports, obfuscate, public_comment, private_comment, created, updated"

// SetHostPolicy stores a policy; it replaces the one that the domain had.
func (tx *Tx) SetHostPolicy(ctx context.Context, p *HostPolicy) error {
	_, err := tx.exec(ctx, `INSERT INTO host_policies (`+policyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (domain) DO UPDATE SET severity = excluded.severity, reject_media = excluded.reject_media, reject_reports = excluded.reject_reports,
			obfuscate = excluded.obfuscate, public_comment = excluded.public_comment, private_comment = excluded.private_comment, updated = excluded.updated`,
		p.Domain, p.Severity, p.RejectMedia, p.RejectReports, p.Obfuscate, p.PublicComment, p.PrivateComment, millis(p.Created), millis(p.Updated))
	if err != nil {
		return fmt.Errorf("storing the policy for a host: %w", err)
	}
	return tx.policiesChanged(ctx)
}

// RemoveHostPolicy removes the policy for a domain, or returns [ErrNotFound].
func (tx *Tx) RemoveHostPolicy(ctx context.Context, domain string) error {
	if err := tx.one(ctx, "removing the policy for a host", "DELETE FROM host_policies WHERE domain = ?", domain); err != nil {
		return err
	}
	return tx.policiesChanged(ctx)
}

func (tx *Tx) policiesChanged(ctx context.Context) error {
	if _, err := tx.exec(ctx, "UPDATE sequences SET last = last + 1 WHERE name = 'host_policies'"); err != nil {
		return fmt.Errorf("noting a change of the policies for hosts: %w", err)
	}
	return nil
}

// PoliciesVersion grows with every change of the policies for hosts.
func (c *conn) PoliciesVersion(ctx context.Context) (int64, error) {
	var n int64
	if _, err := c.get(ctx, "SELECT last FROM sequences WHERE name = 'host_policies'", nil, &n); err != nil {
		return 0, fmt.Errorf("asking whether the policies for hosts have changed: %w", err)
	}
	return n, nil
}

// HostPolicies returns all policies for hosts, in the order of their names. There
// are a few thousand at most.
func (c *conn) HostPolicies(ctx context.Context) ([]HostPolicy, error) {
	var list []HostPolicy
	err := c.each(ctx, "SELECT "+policyColumns+" FROM host_policies ORDER BY domain", nil, func(r *sql.Rows) error {
		var p HostPolicy
		var created, updated int64
		err := r.Scan(&p.Domain, &p.Severity, &p.RejectMedia, &p.RejectReports, &p.Obfuscate, &p.PublicComment, &p.PrivateComment, &created, &updated)
		p.Created, p.Updated = fromMillis(created), fromMillis(updated)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the policies for hosts: %w", err)
	}
	return list, nil
}

// KnownHosts returns the hosts of all actors elsewhere, with their ports, after one
// of them in their order, at most count.
func (c *conn) KnownHosts(ctx context.Context, after string, count int) ([]string, error) {
	var hosts []string
	// Each host is found by a step along the index, however many people are there.
	err := c.each(ctx, `WITH RECURSIVE h(host, n) AS (
			SELECT (SELECT MIN(host) FROM actors WHERE host > ?), 1
			UNION ALL SELECT (SELECT MIN(host) FROM actors WHERE host > h.host), h.n + 1 FROM h WHERE h.host IS NOT NULL AND h.n < ?)
		SELECT host FROM h WHERE host IS NOT NULL`, []any{after, count}, func(r *sql.Rows) error {
		var host string
		err := r.Scan(&host)
		hosts = append(hosts, host)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing hosts: %w", err)
	}
	return hosts, nil
}

// Part ends what follows there are between people here and those at some hosts,
// which are written as actors have them, and returns how many that were. It takes
// a position.
func (tx *Tx) Part(ctx context.Context, hosts ...string) (int64, error) {
	if _, err := tx.Position(ctx); err != nil {
		return 0, err
	}
	var ended int64
	for chunk := range slices.Chunk(hosts, inChunk) {
		there := "(SELECT id FROM actors WHERE host IN ? AND NOT local)"
		for _, query := range []string{
			`UPDATE actors SET followers_count = followers_count - (SELECT COUNT(*) FROM edges e WHERE e.target_id = actors.id AND e.kind = 1 AND e.state = 1 AND e.actor_id IN ` + there + `)
				WHERE local AND id IN (SELECT e.target_id FROM edges e WHERE e.kind = 1 AND e.state = 1 AND e.actor_id IN ` + there + `)`,
			`UPDATE actors SET following_count = following_count - (SELECT COUNT(*) FROM edges e WHERE e.actor_id = actors.id AND e.kind = 1 AND e.state = 1 AND e.target_id IN ` + there + `)
				WHERE local AND id IN (SELECT e.actor_id FROM edges e WHERE e.kind = 1 AND e.state = 1 AND e.target_id IN ` + there + `)`,
		} {
			if _, err := tx.exec(ctx, query, padded(chunk), padded(chunk)); err != nil {
				return 0, fmt.Errorf("parting with hosts: %w", err)
			}
		}
		if _, err := tx.exec(ctx, "UPDATE actors SET followers_count = 0, following_count = 0 WHERE id IN "+there, padded(chunk)); err != nil {
			return 0, fmt.Errorf("parting with hosts: %w", err)
		}
		for _, query := range []string{
			"DELETE FROM edges WHERE kind = 1 AND actor_id IN " + there,
			"DELETE FROM edges WHERE kind = 1 AND target_id IN " + there,
		} {
			n, err := tx.exec(ctx, query, padded(chunk))
			if err != nil {
				return 0, fmt.Errorf("parting with hosts: %w", err)
			}
			ended += n
		}
	}
	return ended, nil
}

// SetSilenced says whether what an actor does reaches only those here who follow
// it.
func (tx *Tx) SetSilenced(ctx context.Context, actor int64, silenced bool) error {
	return tx.one(ctx, "silencing an actor", "UPDATE actors SET silenced = ? WHERE id = ?", silenced, actor)
}
