package models

import (
	"context"
	"fmt"
	"time"
)

// QuoteAuthorization is what allows somebody to quote a thing.
type QuoteAuthorization struct {
	ID int64
	// IRI is the address that it is shown at.
	IRI string
	// ObjectID is the thing that is quoted and AuthorID whose it is, Quote the id of
	// what quotes it and QuoterID whose that is, ActivityID their request.
	ObjectID, AuthorID   int64
	Quote                string
	QuoterID, ActivityID int64
	// Revoked is when it ceased to hold, zero while it does.
	Created, Revoked time.Time
}

// AuthorizeQuote stores an authorization; q.ID is set. Who has one for the same
// quote already gets that: q becomes it.
func (tx *Tx) AuthorizeQuote(ctx context.Context, q *QuoteAuthorization) error {
	q.ID = tx.NewID()
	_, err := tx.exec(ctx, `INSERT INTO quote_authorizations (id, iri, object_id, author_id, quote, quoter_id, activity_id, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (object_id, quote) DO NOTHING`,
		q.ID, q.IRI, q.ObjectID, q.AuthorID, q.Quote, q.QuoterID, q.ActivityID, millis(q.Created))
	if err != nil {
		return fmt.Errorf("storing the authorization of a quote: %w", err)
	}
	stored, err := tx.quoteAuthorization(ctx, "object_id = ? AND quote = ?", q.ObjectID, q.Quote)
	if err == nil {
		*q = *stored
	}
	return err
}

// QuoteAuthorization returns the authorization that is shown at an address, or
// [ErrNotFound].
func (c *conn) QuoteAuthorization(ctx context.Context, iri string) (*QuoteAuthorization, error) {
	return c.quoteAuthorization(ctx, "iri = ?", iri)
}

func (c *conn) quoteAuthorization(ctx context.Context, where string, args ...any) (*QuoteAuthorization, error) {
	q := &QuoteAuthorization{}
	var created, revoked int64
	found, err := c.get(ctx, "SELECT id, iri, object_id, author_id, quote, quoter_id, activity_id, created, revoked FROM quote_authorizations WHERE "+where, args,
		&q.ID, &q.IRI, &q.ObjectID, &q.AuthorID, &q.Quote, &q.QuoterID, &q.ActivityID, &created, &revoked)
	if err != nil {
		return nil, fmt.Errorf("reading the authorization of a quote: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	q.Created, q.Revoked = fromMillis(created), fromMillis(revoked)
	return q, nil
}

// RevokeQuotes ends all authorizations to quote things.
func (tx *Tx) RevokeQuotes(ctx context.Context, at time.Time, objects ...int64) error {
	if err := tx.execIn(ctx, "UPDATE quote_authorizations SET revoked = ? WHERE revoked = 0 AND object_id IN ?", objects, millis(at)); err != nil {
		return fmt.Errorf("revoking the authorization of quotes: %w", err)
	}
	return nil
}
