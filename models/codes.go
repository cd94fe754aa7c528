package models

import (
	"context"
	"fmt"
	"time"
)

// CodePurpose is what a code lets somebody do.
type CodePurpose int16

// The purposes of a code.
const (
	// ConfirmEmail: whoever has it reads the mail that is sent to the account.
	ConfirmEmail CodePurpose = 1
	// RecoverPassword: whoever has it may set a new password.
	RecoverPassword CodePurpose = 2
)

// Code is what is mailed to somebody to be brought back once. It has no secret
// in it: what was mailed is known by its digests only, see [Tx.AddCodeCopy].
type Code struct {
	ID, ActorID int64
	Purpose     CodePurpose
	// Used is set once the code has done its work; it is kept until it expires,
	// so that who follows the link again can be told.
	Used             bool
	Created, Expires time.Time
}

const codeColumns = "c.id, c.actor_id, c.purpose, c.used, c.created, c.expires"

// ReplaceCode stores a new code in the place of the one that the person has for
// this purpose; c.ID is set.
func (tx *Tx) ReplaceCode(ctx context.Context, c *Code) error {
	if err := tx.removeCodes(ctx, "actor_id = ? AND purpose = ?", c.ActorID, c.Purpose); err != nil {
		return err
	}
	c.ID = tx.NewID()
	_, err := tx.exec(ctx, "INSERT INTO mail_codes (id, actor_id, purpose, used, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
		c.ID, c.ActorID, c.Purpose, c.Used, millis(c.Created), millis(c.Expires))
	if err != nil {
		return fmt.Errorf("storing a code: %w", err)
	}
	return nil
}

// RemoveCodes ends all codes of a person.
func (tx *Tx) RemoveCodes(ctx context.Context, actor int64) error {
	return tx.removeCodes(ctx, "actor_id = ?", actor)
}

func (tx *Tx) removeCodes(ctx context.Context, where string, args ...any) error {
	_, copies := tx.exec(ctx, "DELETE FROM mail_code_copies WHERE code_id IN (SELECT id FROM mail_codes WHERE "+where+")", args...)
	if copies != nil {
		return fmt.Errorf("removing codes: %w", copies)
	}
	if _, err := tx.exec(ctx, "DELETE FROM mail_codes WHERE "+where, args...); err != nil {
		return fmt.Errorf("removing codes: %w", err)
	}
	return nil
}

// AddCodeCopy makes what has this digest good for a code. It returns
// [ErrNotFound] when the code is gone or used.
func (tx *Tx) AddCodeCopy(ctx context.Context, code int64, digest []byte) error {
	return tx.one(ctx, "storing the digest of a code",
		"INSERT INTO mail_code_copies (digest, code_id) SELECT ?, id FROM mail_codes WHERE id = ? AND NOT used", binary(digest), code)
}

// UseCode marks a code as used. Of two calls at the same time one succeeds, the
// other gets [ErrNotFound].
func (tx *Tx) UseCode(ctx context.Context, code int64) error {
	return tx.one(ctx, "using a code", "UPDATE mail_codes SET used = TRUE WHERE id = ? AND NOT used", code)
}

// Code returns a code, or [ErrNotFound].
func (c *conn) Code(ctx context.Context, id int64) (*Code, error) {
	return c.code(ctx, "SELECT "+codeColumns+" FROM mail_codes c WHERE c.id = ?", id)
}

// CodeOf returns the code that a person has for a purpose, used or not, or
// [ErrNotFound].
func (c *conn) CodeOf(ctx context.Context, actor int64, purpose CodePurpose) (*Code, error) {
	return c.code(ctx, "SELECT "+codeColumns+" FROM mail_codes c WHERE c.actor_id = ? AND c.purpose = ?", actor, purpose)
}

// CodeByDigest returns the code of what was mailed, or [ErrNotFound].
func (c *conn) CodeByDigest(ctx context.Context, digest []byte) (*Code, error) {
	return c.code(ctx, "SELECT "+codeColumns+" FROM mail_code_copies k JOIN mail_codes c ON c.id = k.code_id WHERE k.digest = ?", binary(digest))
}

func (c *conn) code(ctx context.Context, query string, args ...any) (*Code, error) {
	code := new(Code)
	var created, expires int64
	found, err := c.get(ctx, query, args, &code.ID, &code.ActorID, &code.Purpose, &code.Used, &created, &expires)
	if err != nil {
		return nil, fmt.Errorf("reading a code: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	code.Created, code.Expires = fromMillis(created), fromMillis(expires)
	return code, nil
}

// SigningKey returns the key that this server signs with under a name, or
// [ErrNotFound].
func (c *conn) SigningKey(ctx context.Context, name string) ([]byte, error) {
	var key []byte
	found, err := c.get(ctx, "SELECT secret FROM signing_keys WHERE name = ?", []any{name}, &key)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key %s: %w", name, err)
	}
	if !found {
		return nil, ErrNotFound
	}
	return key, nil
}

// EnsureSigningKey stores a key under a name, or, when there is one, returns
// that: of several processes that make one at the same time all get the same.
func (tx *Tx) EnsureSigningKey(ctx context.Context, name string, key []byte) ([]byte, error) {
	if _, err := tx.exec(ctx, "INSERT INTO signing_keys (name, secret) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, binary(key)); err != nil {
		return nil, fmt.Errorf("storing the signing key %s: %w", name, err)
	}
	return tx.SigningKey(ctx, name)
}
