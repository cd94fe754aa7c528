package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DeliveryState is what became of a delivery that did not succeed.
type DeliveryState int16

// The states of a delivery that failed.
const (
	Retrying DeliveryState = 0 // it will be tried again
	GivenUp  DeliveryState = 1 // it will not
)

// DeliveryFailure is an inbox that did not take an activity.
type DeliveryFailure struct {
	ID         int64
	ActivityID int64
	Inbox      string
	Network    string
	State      DeliveryState
	// Attempts is how often it was tried.
	Attempts int64
	// Reason is why the last attempt failed, on one line.
	Reason  string
	Updated time.Time
	// Next is about when it is tried again; zero where it is not.
	Next time.Time
}

// maxReason is how many characters are kept of why a delivery failed.
const maxReason = 500

// RecordFailures notes deliveries of one attempt that failed, of which no two are
// the same. Each adds one to the attempts that are known already.
func (tx *Tx) RecordFailures(ctx context.Context, failures ...DeliveryFailure) error {
	const perStatement = 50
	for chunk := range slices.Chunk(failures, perStatement) {
		var rows []string
		var args []any
		for _, f := range chunk {
			if len(f.Inbox) > MaxIRI || !validText(f.Inbox) {
				continue // no index holds it
			}
			rows = append(rows, "(?, ?, ?, ?, ?, 1, ?, ?, ?)")
			args = append(args, tx.NewID(), f.ActivityID, f.Inbox, f.Network, f.State, oneLine(f.Reason, maxReason), millis(f.Updated), millis(f.Next))
		}
		if len(rows) == 0 {
			continue
		}
		_, err := tx.exec(ctx, `INSERT INTO delivery_failures (id, activity_id, inbox, network, state, attempts, reason, updated, next_attempt)
			VALUES `+strings.Join(rows, ", ")+` ON CONFLICT (activity_id, inbox) DO UPDATE SET network = excluded.network, state = excluded.state,
			attempts = delivery_failures.attempts + 1, reason = excluded.reason, updated = excluded.updated, next_attempt = excluded.next_attempt`, args...)
		if err != nil {
			return fmt.Errorf("recording failed deliveries: %w", err)
		}
	}
	return nil
}

// ForgetFailures removes what is known of the failures of an activity at inboxes
// that have taken it since.
func (tx *Tx) ForgetFailures(ctx context.Context, activity int64, inboxes ...string) error {
	for len(inboxes) > 0 {
		n := min(len(inboxes), inChunk)
		if _, err := tx.exec(ctx, "DELETE FROM delivery_failures WHERE activity_id = ? AND inbox IN ?", activity, padded(inboxes[:n])); err != nil {
			return fmt.Errorf("forgetting failed deliveries: %w", err)
		}
		inboxes = inboxes[n:]
	}
	return nil
}

// oneLine makes of what another server said something that can be stored and
// shown: at most n characters without line breaks and control characters.
func oneLine(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), 4*n)], ""))
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > n {
		s = string([]rune(s)[:n-1]) + "…"
	}
	return s
}

const failureColumns = "id, activity_id, inbox, network, state, attempts, reason, updated, next_attempt"

func (c *conn) failures(ctx context.Context, p Page, where string, args ...any) ([]DeliveryFailure, error) {
	bounds, boundArgs := p.bounds("id")
	var list []DeliveryFailure
	err := c.each(ctx, "SELECT "+failureColumns+" FROM delivery_failures WHERE "+where+bounds+p.cut("id"), append(args, boundArgs...), func(r *sql.Rows) error {
		var f DeliveryFailure
		var updated, next int64
		err := r.Scan(&f.ID, &f.ActivityID, &f.Inbox, &f.Network, &f.State, &f.Attempts, &f.Reason, &updated, &next)
		f.Updated, f.Next = fromMillis(updated), fromMillis(next)
		list = append(list, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading failed deliveries: %w", err)
	}
	return newestFirst(p, list), nil
}

// FailuresOf returns a page of the deliveries of one activity that failed, those
// that failed last for the first time before the others. The bounds of the page
// are ids of failures.
func (c *conn) FailuresOf(ctx context.Context, activity int64, p Page) ([]DeliveryFailure, error) {
	return c.failures(ctx, p, "activity_id = ?", activity)
}

// CountFailures returns at how many inboxes an activity has not arrived.
func (c *conn) CountFailures(ctx context.Context, activity int64) (int64, error) {
	var n int64
	if _, err := c.get(ctx, "SELECT COUNT(*) FROM delivery_failures WHERE activity_id = ?", []any{activity}, &n); err != nil {
		return 0, fmt.Errorf("counting failed deliveries: %w", err)
	}
	return n, nil
}

// FailureAt returns what is known of the failure of an activity at one inbox, or
// [ErrNotFound].
func (c *conn) FailureAt(ctx context.Context, activity int64, inbox string) (*DeliveryFailure, error) {
	list, err := c.failures(ctx, Page{Count: 1}, "activity_id = ? AND inbox = ?", activity, inbox)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNotFound
	}
	return &list[0], nil
}

// DeliveryFailures returns a page of all deliveries that failed, for the admin,
// in the order of [DB.FailuresOf].
func (c *conn) DeliveryFailures(ctx context.Context, p Page) ([]DeliveryFailure, error) {
	return c.failures(ctx, p, "id > 0")
}

// GivenUpDeliveries returns a page of the deliveries that are not tried any more,
// in the order of [DB.FailuresOf].
func (c *conn) GivenUpDeliveries(ctx context.Context, p Page) ([]DeliveryFailure, error) {
	return c.failures(ctx, p, "state = ?", GivenUp)
}

// ReviveFailures notes that deliveries that had been given up are tried again.
func (tx *Tx) ReviveFailures(ctx context.Context, now time.Time, ids ...int64) error {
	if err := tx.execIn(ctx, "UPDATE delivery_failures SET state = 0, next_attempt = ? WHERE id IN ?", ids, millis(now)); err != nil {
		return fmt.Errorf("reviving failed deliveries: %w", err)
	}
	return nil
}

// firstIDAt is smaller than every row id that is made from a time on.
func firstIDAt(t time.Time) int64 {
	return max(t.UnixMilli()-idEpoch, 0) << (seqBits + nodeBits)
}

// keepFailures is how long it is known that a delivery failed.
const keepFailures = 30 * 24 * time.Hour

// PruneFailures removes what is known of deliveries that failed for the first
// time more than 30 days ago, by when they are not tried any more, and returns
// how many there were.
func (tx *Tx) PruneFailures(ctx context.Context, now time.Time) (int64, error) {
	n, err := tx.exec(ctx, "DELETE FROM delivery_failures WHERE id < ?", firstIDAt(now.Add(-keepFailures)))
	if err != nil {
		return 0, fmt.Errorf("pruning failed deliveries: %w", err)
	}
	return n, nil
}
