package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Arrived is a document that another server brought and that has not been dealt
// with yet.
type Arrived struct {
	ID int64
	// Network is the name of the network that it came by.
	Network string
	// SenderID is the remote actor who sent it, RecipientID whose inbox it was sent
	// to, 0 for one that is shared.
	SenderID, RecipientID int64
	Verified, ContentType string
	Bytes                 []byte
	Received              time.Time
	// Attempts is how often it was tried in vain.
	Attempts int
}

// admitChunk is how many arrivals a statement stores at most.
const admitChunk = 64

// AdmitArrivals stores documents durably, for this process to work on, and
// gives each its id: in the order of the list, and larger than those of earlier
// calls. It is meant for one goroutine, which brings what has come to many.
func (db *DB) AdmitArrivals(ctx context.Context, list []*Arrived) error {
	for _, a := range list {
		a.ID = db.ids.next()
	}
	store := db.admitPostgres
	if db.dialect == SQLite {
		store = db.admitSQLite
	}
	if err := store(ctx, list); err != nil {
		return fmt.Errorf("storing arrivals: %w", err)
	}
	return nil
}

// StorableArrival returns [ErrText] where one of the texts cannot be stored:
// many arrivals share a statement, and one may not end it for all.
func StorableArrival(a *Arrived) error {
	if validText(a.Network) && validText(a.Verified) && validText(a.ContentType) {
		return nil
	}
	return ErrText
}

const arrivalColumns = "id, attempts, network, sender_id, recipient_id, verified, content_type, received, bytes"

// admitPostgres passes columns as arrays: one text of the statement, one way to
// the database and one commit, however many there are. gorm would take the
// arrays apart.
func (db *DB) admitPostgres(ctx context.Context, list []*Arrived) error {
	var ids, senders, recipients, received []int64
	var networks, verified, types []string
	var bodies [][]byte
	for _, a := range list {
		ids, senders, recipients = append(ids, a.ID), append(senders, a.SenderID), append(recipients, a.RecipientID)
		networks, verified, types = append(networks, a.Network), append(verified, a.Verified), append(types, a.ContentType)
		received, bodies = append(received, millis(a.Received)), append(bodies, orEmpty(a.Bytes))
	}
	db.open.RLock()
	defer db.open.RUnlock()
	_, err := db.write.ExecContext(ctx, `INSERT INTO arrivals (process, next_attempt, attempts, id, network, sender_id, recipient_id, verified, content_type, received, bytes)
		SELECT $1, 0, 0, u.* FROM UNNEST($2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::bytea[]) u`,
		db.process.name, ids, networks, senders, recipients, verified, types, received, bodies)
	return err
}

// orEmpty makes an empty text of nothing, which would be stored as NULL.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// admitSQLite stores rows in statements of a power of two each, so that there
// are few texts to prepare.
func (db *DB) admitSQLite(ctx context.Context, list []*Arrived) error {
	return db.Write(ctx, func(tx *Tx) error {
		for rest := list; len(rest) > 0; {
			n := admitChunk
			for n > len(rest) {
				n /= 2
			}
			var args []any
			for _, a := range rest[:n] {
				args = append(args, db.process.name, a.ID, a.Network, a.SenderID, a.RecipientID, a.Verified, a.ContentType, millis(a.Received), binary(a.Bytes))
			}
			_, err := tx.exec(ctx, `INSERT INTO arrivals (process, next_attempt, attempts, id, network, sender_id, recipient_id, verified, content_type, received, bytes)
				VALUES `+strings.Join(slices.Repeat([]string{"(?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)"}, n), ", "), args...)
			if err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
}

// NewArrivals returns arrivals that this process has admitted or taken over and
// that were not tried yet, in the order of their coming, from the one after an id.
func (db *DB) NewArrivals(ctx context.Context, after int64, count int) ([]*Arrived, error) {
	return db.arrivals(ctx, "next_attempt = 0 AND id > ? ORDER BY id", after, count)
}

// DueArrivals returns arrivals that this process is to try again by now, those
// that have waited longest first.
func (db *DB) DueArrivals(ctx context.Context, now time.Time, count int) ([]*Arrived, error) {
	return db.arrivals(ctx, "next_attempt BETWEEN 1 AND ? ORDER BY next_attempt, id", millis(now), count)
}

func (db *DB) arrivals(ctx context.Context, condition string, bound int64, count int) ([]*Arrived, error) {
	var list []*Arrived
	err := db.each(ctx, "SELECT "+arrivalColumns+" FROM arrivals WHERE process = ? AND "+condition+" LIMIT "+strconv.Itoa(count), []any{db.process.name, bound},
		func(r *sql.Rows) error {
			a := new(Arrived)
			var received int64
			err := r.Scan(&a.ID, &a.Attempts, &a.Network, &a.SenderID, &a.RecipientID, &a.Verified, &a.ContentType, &received, &a.Bytes)
			a.Received = fromMillis(received)
			list = append(list, a)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("reading arrivals: %w", err)
	}
	return list, nil
}

// PostponeArrival notes that an arrival was tried in vain, and when it is to be
// tried again.
func (tx *Tx) PostponeArrival(ctx context.Context, id int64, attempts int, next time.Time) error {
	if _, err := tx.exec(ctx, "UPDATE arrivals SET attempts = ?, next_attempt = ? WHERE id = ?", attempts, millis(next), id); err != nil {
		return fmt.Errorf("postponing an arrival: %w", err)
	}
	return nil
}

// RemoveArrival removes what has been dealt with. It returns [ErrNotFound] when
// another process has done so.
func (tx *Tx) RemoveArrival(ctx context.Context, id int64) error {
	return tx.one(ctx, "removing an arrival", "DELETE FROM arrivals WHERE id = ?", id)
}

// TakeArrivals makes this process work on the arrivals of those that are no
// more, and returns how many there are: on SQLite those of all others, on
// PostgreSQL those of processes whose heart does not beat. Those that were not
// tried yet stay so with fresh, for a process that begins with them; else they are
// due now, beside what the process has got itself.
func (tx *Tx) TakeArrivals(ctx context.Context, fresh bool) (int64, error) {
	next := "next_attempt"
	if !fresh {
		next = "CASE WHEN next_attempt = 0 THEN 1 ELSE next_attempt END"
	}
	me := tx.db.process.name
	var n int64
	var err error
	if tx.db.dialect == SQLite {
		n, err = tx.exec(ctx, "UPDATE arrivals SET process = ?, next_attempt = "+next+" WHERE process <> ?", me, me)
	} else {
		n, err = tx.exec(ctx, "UPDATE arrivals SET process = ?, next_attempt = "+next+
			" WHERE process <> ? AND process NOT IN (SELECT name FROM processes WHERE heartbeat >= ?)", me, me, time.Now().Add(-staleAfter).UnixMilli())
	}
	if err != nil {
		return 0, fmt.Errorf("taking over arrivals: %w", err)
	}
	return n, nil
}

// CountArrivals returns how many arrivals wait, those of all processes, and how
// many bytes they have.
func (c *conn) CountArrivals(ctx context.Context) (count, size int64, err error) {
	if _, err = c.get(ctx, "SELECT COUNT(*), COALESCE(SUM(LENGTH(bytes)), 0) FROM arrivals", nil, &count, &size); err != nil {
		err = fmt.Errorf("counting arrivals: %w", err)
	}
	return count, size, err
}
