package models

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SetClientSecret gives a program another secret. Tokens stay; requests signed
// with the old secret are refused from now on.
func (tx *Tx) SetClientSecret(ctx context.Context, clientID, secret string, updated time.Time) error {
	return tx.one(ctx, "changing the secret of a client", "UPDATE clients SET secret = ?, updated = ? WHERE client_id = ?", secret, millis(updated), clientID)
}

// SetAccessToken makes t the token with which its program acts for its person,
// in place of any that they have. It returns [ErrExists] when the token is
// somebody else's.
func (tx *Tx) SetAccessToken(ctx context.Context, t *AccessToken) error {
	present, err := tx.AccessTokenOf(ctx, t.ActorID, t.ClientID)
	if err == nil && present.Token == t.Token && present.Secret == t.Secret {
		return nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, err := tx.exec(ctx, "DELETE FROM access_tokens WHERE actor_id = ? AND client_id = ?", t.ActorID, t.ClientID); err != nil {
		return fmt.Errorf("replacing an access token: %w", err)
	}
	n, err := tx.exec(ctx, "INSERT INTO access_tokens (token, secret, client_id, actor_id, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		t.Token, t.Secret, t.ClientID, t.ActorID, millis(t.Created))
	if err != nil {
		return fmt.Errorf("storing an access token: %w", err)
	}
	if n == 0 {
		return ErrExists
	}
	return nil
}

// SetBearerToken stores a token that is known beforehand, with the scope that t
// says. It returns [ErrExists] when the token is somebody else's or another
// program's.
func (tx *Tx) SetBearerToken(ctx context.Context, token string, t *BearerToken) error {
	present, err := tx.Bearer(ctx, token)
	switch {
	case errors.Is(err, ErrNotFound):
		return tx.InsertBearerToken(ctx, token, t)
	case err != nil:
		return err
	case present.ActorID != t.ActorID || present.ClientID != t.ClientID:
		return ErrExists
	}
	return tx.one(ctx, "changing a bearer token", "UPDATE bearer_tokens SET scope = ?, expires = ? WHERE digest = ?", t.Scope, millis(t.Expires), tokenDigest(token))
}
