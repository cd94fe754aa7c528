package models

import (
	"context"
	"time"
)

// InsertInvitation stores an invitation by the digest of its code.
func (tx *Tx) InsertInvitation(ctx context.Context, digest []byte, created, expires time.Time) error {
	return tx.one(ctx, "storing an invitation", "INSERT INTO invitations (digest, created, expires) VALUES (?, ?, ?)",
		binary(digest), millis(created), millis(expires))
}

// UseInvitation takes an invitation away. It returns [ErrNotFound] when there is
// none that is still good; of two calls at the same time one succeeds.
func (tx *Tx) UseInvitation(ctx context.Context, digest []byte, now time.Time) error {
	return tx.one(ctx, "using an invitation", "DELETE FROM invitations WHERE digest = ? AND expires >= ?", binary(digest), millis(now))
}
