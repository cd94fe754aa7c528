package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// FreeJobs makes jobs of the queue available again whose process is gone, and
// returns how many: on SQLite all that are marked as running, on PostgreSQL
// those of processes whose heart does not beat. The attempt that was cut off is
// not counted.
func (tx *Tx) FreeJobs(ctx context.Context) (int64, error) {
	var n int64
	var err error
	if tx.db.dialect == SQLite {
		n, err = tx.exec(ctx, `UPDATE river_job SET state = 'available', attempt = MAX(attempt - 1, 0) WHERE state = 'running'`)
	} else {
		n, err = tx.exec(ctx, `UPDATE river_job SET state = 'available', attempt = GREATEST(attempt - 1, 0) WHERE state = 'running'
			AND NOT (attempted_by[array_upper(attempted_by, 1)] IN (SELECT name FROM processes WHERE heartbeat >= ?))`,
			time.Now().Add(-staleAfter).UnixMilli())
	}
	if err != nil {
		return 0, fmt.Errorf("freeing jobs: %w", err)
	}
	return n, nil
}

// RemoteInboxes returns, by network, the distinct inboxes of everybody
// elsewhere whom a distribution reaches, each person by the first of the
// networks that it is present on. Where the server of a person takes deliveries
// for all its people at once, that inbox stands for all of them. Those on a
// network that publishes are there if they are named.
func (c *conn) RemoteInboxes(ctx context.Context, d Distribution, networks []string) (map[string][]string, error) {
	var branches []string
	var args []any
	named := slices.Concat(d.Direct, d.Others)
	if len(named) > 0 {
		branches, args = append(branches, "SELECT id FROM actors WHERE id IN ? AND NOT local AND state = 0"), append(args, named)
	}
	for kind, targets := range map[EdgeKind][]int64{Follows: d.FollowersOf, MemberOf: d.MembersOf} {
		if len(targets) > 0 {
			branches = append(branches, "SELECT actor_id AS id FROM edges WHERE target_id IN ? AND kind = ? AND state = 1 AND NOT actor_local"+
				" AND actor_id NOT IN (SELECT id FROM actors WHERE state = 1)")
			args = append(args, targets, kind)
		}
	}
	found := map[string][]string{}
	if len(branches) == 0 || len(networks) == 0 {
		return found, nil
	}
	rank := "CASE network"
	var ranks []any
	for i, n := range networks {
		rank += " WHEN ? THEN " + strconv.Itoa(i)
		ranks = append(ranks, n)
	}
	rank += " END"
	apart, apartArgs := d.apart("r.id")
	args = append(args, apartArgs...)
	seen := ""
	if d.OnlyWhoSee != 0 {
		seen = " AND EXISTS (SELECT 1 FROM activities v WHERE v.id = ? AND " + seenBy("p.actor_id", "v") + ")"
		args = append(args, d.OnlyWhoSee)
	}
	query := `SELECT DISTINCT network, inbox FROM (
		SELECT p.network, p.actor_id, CASE WHEN p.shared_inbox <> '' THEN p.shared_inbox ELSE p.inbox END AS inbox,
			ROW_NUMBER() OVER (PARTITION BY p.actor_id ORDER BY ` + rank + `) AS place
		FROM presences p WHERE p.network IN ? AND p.inbox <> '' AND p.actor_id IN (SELECT r.id FROM (` + strings.Join(branches, " UNION ") + `) r WHERE ` + apart + `)` + seen + `) w WHERE place = 1`
	args = append(append(ranks, networks), args...)
	if len(d.Published) > 0 {
		query += " AND (network NOT IN ?"
		args = append(args, d.Published)
		if len(named) > 0 {
			query += " OR actor_id IN ?"
			args = append(args, named)
		}
		query += ")"
	}
	err := c.each(ctx, query, args, func(r *sql.Rows) error {
		var network, inbox string
		err := r.Scan(&network, &inbox)
		found[network] = append(found[network], inbox)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("finding remote inboxes: %w", err)
	}
	return found, nil
}

// Place is a stream that an activity stands in.
type Place struct {
	Owner    int64
	Stream   Stream
	Class    Class
	Position int64
	Activity int64
}

// PlacesOf tells in which streams of these owners the activities stand, in the
// order of the streams. The owner 0 has the public stream.
func (c *conn) PlacesOf(ctx context.Context, activities, owners []int64) ([]Place, error) {
	var places []Place
	err := c.eachIn(ctx, `SELECT owner_id, kind, class, position, activity_id FROM stream_items
		WHERE owner_id IN ? AND kind IN (1, 2, 3) AND activity_id IN ? ORDER BY position`, owners, func(r *sql.Rows) error {
		p, err := scanPlace(r)
		places = append(places, p)
		return err
	}, activities)
	if err != nil {
		return nil, fmt.Errorf("finding the streams of activities: %w", err)
	}
	return places, nil
}

// notifyChannel is where processes on one PostgreSQL tell each other of new
// activities.
const notifyChannel = "manifold_activities"

// Notify tells every process on the database about activities that are now in
// streams. Only PostgreSQL can.
func (db *DB) Notify(ctx context.Context, activities []int64) error {
	var payload strings.Builder
	for i, id := range activities {
		if i > 0 {
			payload.WriteByte(' ')
		}
		payload.WriteString(strconv.FormatInt(id, 36))
	}
	if _, err := db.exec(ctx, "SELECT pg_notify(?, ?)", notifyChannel, payload.String()); err != nil {
		return fmt.Errorf("notifying: %w", err)
	}
	return nil
}

// Listen calls heard with what processes tell by [DB.Notify], until ctx is
// done, on a connection of its own. When that breaks it is made anew, and lost is
// called, since what was told in between is unknown.
func (db *DB) Listen(ctx context.Context, heard func(context.Context, []int64), lost func()) error {
	listening, err := db.listenOn(ctx)
	if err != nil {
		return err
	}
	go func() {
		for {
			err := db.hear(ctx, listening, heard)
			if ctx.Err() != nil {
				return
			}
			for err != nil {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Second):
				}
				listening, err = db.listenOn(ctx)
			}
			lost()
		}
	}()
	return nil
}

func (db *DB) listenOn(ctx context.Context) (*sql.Conn, error) {
	c, err := db.write.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if _, err := c.ExecContext(ctx, "LISTEN "+notifyChannel); err != nil {
		return nil, errors.Join(fmt.Errorf("listening: %w", err), c.Close())
	}
	return c, nil
}

func (db *DB) hear(ctx context.Context, c *sql.Conn, heard func(context.Context, []int64)) error {
	defer c.Close()
	return c.Raw(func(driver any) error {
		conn, ok := driver.(*stdlib.Conn)
		if !ok {
			return errors.New("listening: not a PostgreSQL connection")
		}
		// A connection that has listened must not go back to the pool.
		defer conn.Conn().Close(context.WithoutCancel(ctx))
		return waitNotifications(ctx, conn.Conn(), heard)
	})
}

func waitNotifications(ctx context.Context, c *pgx.Conn, heard func(context.Context, []int64)) error {
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		var ids []int64
		for _, word := range strings.Fields(n.Payload) {
			if id, err := strconv.ParseInt(word, 36, 64); err == nil {
				ids = append(ids, id)
			}
		}
		heard(ctx, ids)
	}
}
