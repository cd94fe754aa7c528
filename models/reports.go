package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Report is what somebody reports to the admin.
type Report struct {
	ID int64
	// ReporterID is who reports it by the activity ActivityID; for another server
	// that is the server itself.
	ReporterID, ActivityID int64
	// Actors and Objects are the rows that it is about.
	Actors, Objects []int64
	// Content is what is said about it, HTML that was cleaned.
	Content string
	// Resolved is when the admin was done with it, zero until then.
	Created, Resolved time.Time
}

// InsertReport stores a report; r.ID is set.
func (tx *Tx) InsertReport(ctx context.Context, r *Report) error {
	r.ID = tx.NewID()
	actors, err := encodeDoc(r.Actors)
	if err != nil {
		return err
	}
	objects, err := encodeDoc(r.Objects)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "INSERT INTO reports (id, reporter_id, activity_id, actors, objects, content, created, resolved) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, r.ReporterID, r.ActivityID, actors, objects, r.Content, millis(r.Created), millis(r.Resolved))
	if err != nil {
		return fmt.Errorf("storing a report: %w", err)
	}
	return nil
}

const reportColumns = "r.id, r.reporter_id, r.activity_id, r.actors, r.objects, r.content, r.created, r.resolved"

// OpenReports returns a page of the reports that nobody is done with; the bounds
// of the page are ids.
func (c *conn) OpenReports(ctx context.Context, p Page) ([]*Report, error) {
	where, args := p.bounds("r.id")
	var list []*Report
	err := c.each(ctx, "SELECT "+reportColumns+" FROM reports r WHERE r.id > 0 AND r.resolved = 0"+where+p.cut("r.id"), args, func(rows *sql.Rows) error {
		r, err := scanReport(rows)
		list = append(list, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	return newestFirst(p, list), nil
}

// Report returns one report, or [ErrNotFound].
func (c *conn) Report(ctx context.Context, id int64) (*Report, error) {
	var found *Report
	err := c.each(ctx, "SELECT "+reportColumns+" FROM reports r WHERE r.id = ?", []any{id}, func(rows *sql.Rows) (err error) {
		found, err = scanReport(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading a report: %w", err)
	}
	if found == nil {
		return nil, ErrNotFound
	}
	return found, nil
}

func scanReport(rows *sql.Rows) (*Report, error) {
	r := &Report{}
	var actors, objects []byte
	var created, resolved int64
	if err := rows.Scan(&r.ID, &r.ReporterID, &r.ActivityID, &actors, &objects, &r.Content, &created, &resolved); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(actors, &r.Actors); err != nil {
		return nil, fmt.Errorf("the report %d cannot be read: %w", r.ID, err)
	}
	if err := json.Unmarshal(objects, &r.Objects); err != nil {
		return nil, fmt.Errorf("the report %d cannot be read: %w", r.ID, err)
	}
	r.Created, r.Resolved = fromMillis(created), fromMillis(resolved)
	return r, nil
}

// ResolveReport notes that the admin is done with a report, or returns
// [ErrNotFound] where there is none that is open.
func (tx *Tx) ResolveReport(ctx context.Context, id int64, at time.Time) error {
	n, err := tx.exec(ctx, "UPDATE reports SET resolved = ? WHERE id = ? AND resolved = 0", millis(at), id)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("resolving a report: %w", err)
	}
	return nil
}
