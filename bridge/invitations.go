package bridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"manifold/models"
)

// Invite makes an invitation and returns its code, with which somebody can make
// one account until it expires; see [Registration].
func (b *Bridge) Invite(ctx context.Context, goodFor time.Duration) (code string, expires time.Time, err error) {
	code, now := NewToken(), b.time()
	expires = now.Add(goodFor)
	err = b.db.Write(ctx, func(tx *models.Tx) error { return tx.InsertInvitation(ctx, invitationDigest(code), now, expires) })
	return code, expires, err
}

func invitationDigest(code string) []byte {
	d := sha256.Sum256([]byte("invitation " + code))
	return d[:]
}

// useInvitation takes the invitation away in the transaction that makes the
// account, so that a registration that fails leaves it good.
func (b *Bridge) useInvitation(ctx context.Context, tx *models.Tx, code string) error {
	err := models.ErrNotFound
	if code != "" {
		err = tx.UseInvitation(ctx, invitationDigest(code), b.time())
	}
	if errors.Is(err, models.ErrNotFound) {
		return notAllowed("Accounts are made by invitation here, and this invitation is not good: it was used, or it has expired.")
	}
	return err
}
