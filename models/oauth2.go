package models

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"
)

// Scope is how much a program may do with a bearer token. Each includes those
// before it.
type Scope int16

// The scopes, from narrowest to widest.
const (
	ScopeRead    Scope = 1 // see what the person sees
	ScopeWrite   Scope = 2 // also act in the person's name
	ScopeAccount Scope = 3 // also change the profile and the account itself
)

// BearerToken is what a program acts with by OAuth 2.0, without the token
// itself, which is not kept.
type BearerToken struct {
	ClientID string
	// ActorID is the person, 0 where the program acts for nobody.
	ActorID int64
	Scope   Scope
	Created time.Time
	// Expires is zero where the token lasts until it is withdrawn.
	Expires time.Time
}

// tokenDigest is what is kept of a secret that is only ever compared.
func tokenDigest(token string) binary {
	d := sha256.Sum256([]byte(token))
	return d[:]
}

// InsertBearerToken stores a token by its digest.
func (tx *Tx) InsertBearerToken(ctx context.Context, token string, t *BearerToken) error {
	_, err := tx.exec(ctx, "INSERT INTO bearer_tokens (digest, client_id, actor_id, scope, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
		tokenDigest(token), t.ClientID, t.ActorID, t.Scope, millis(t.Created), millis(t.Expires))
	if err != nil {
		return fmt.Errorf("storing a bearer token: %w", err)
	}
	return nil
}

// Bearer is everything needed to let in one request with a bearer token.
type Bearer struct {
	BearerToken
	Client Client
	// Nickname and State are those of the person.
	Nickname string
	State    State
}

// Bearer reads, by one query, a token with its program and its person, or
// returns [ErrNotFound]. Whether it has expired is for the caller to see.
func (c *conn) Bearer(ctx context.Context, token string) (*Bearer, error) {
	b := new(Bearer)
	dest, done := clientDest(&b.Client)
	var created, expires int64
	var nickname *string
	var state *int64
	found, err := c.get(ctx, "SELECT "+clientColumns+`, t.actor_id, t.scope, t.created, t.expires, u.nickname, u.state FROM bearer_tokens t
		JOIN clients c ON c.client_id = t.client_id
		LEFT JOIN accounts u ON u.actor_id = t.actor_id WHERE t.digest = ?`, []any{tokenDigest(token)},
		append(dest, &b.ActorID, &b.Scope, &created, &expires, &nickname, &state)...)
	if err != nil {
		return nil, fmt.Errorf("reading a bearer token: %w", err)
	}
	if !found || b.ActorID != 0 && nickname == nil {
		return nil, ErrNotFound
	}
	done()
	b.ClientID, b.Created, b.Expires = b.Client.ClientID, fromMillis(created), fromMillis(expires)
	if nickname != nil {
		b.Nickname, b.State = *nickname, State(*state)
	}
	return b, nil
}

// RemoveBearerToken withdraws one token of a program. It returns [ErrNotFound]
// when the program has no such token.
func (tx *Tx) RemoveBearerToken(ctx context.Context, token, clientID string) error {
	return tx.one(ctx, "withdrawing a bearer token", "DELETE FROM bearer_tokens WHERE digest = ? AND client_id = ?", tokenDigest(token), clientID)
}

// AuthorizationCode is the consent of a person on its way to a program, without
// the code itself, which is not kept.
type AuthorizationCode struct {
	ClientID    string
	ActorID     int64
	RedirectURI string
	Scope       Scope
	// Challenge is the code_challenge of RFC 7636 by the method S256, empty where
	// the program gave none.
	Challenge string
	Created   time.Time
	// Used is set once the code was exchanged.
	Used bool
}

// InsertAuthorizationCode stores a code by its digest.
func (tx *Tx) InsertAuthorizationCode(ctx context.Context, code string, a *AuthorizationCode) error {
	_, err := tx.exec(ctx, "INSERT INTO authorization_codes (digest, client_id, actor_id, redirect_uri, scope, challenge, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
		tokenDigest(code), a.ClientID, a.ActorID, a.RedirectURI, a.Scope, a.Challenge, millis(a.Created))
	if err != nil {
		return fmt.Errorf("storing an authorization code: %w", err)
	}
	return nil
}

// AuthorizationCode returns a code, used or not, or [ErrNotFound].
func (c *conn) AuthorizationCode(ctx context.Context, code string) (*AuthorizationCode, error) {
	a := new(AuthorizationCode)
	var created int64
	found, err := c.get(ctx, "SELECT client_id, actor_id, redirect_uri, scope, challenge, created, token IS NOT NULL FROM authorization_codes WHERE digest = ?",
		[]any{tokenDigest(code)}, &a.ClientID, &a.ActorID, &a.RedirectURI, &a.Scope, &a.Challenge, &created, &a.Used)
	if err != nil {
		return nil, fmt.Errorf("reading an authorization code: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	a.Created = fromMillis(created)
	return a, nil
}

// UseAuthorizationCode marks a code as exchanged for a token. Of two calls at
// the same time one succeeds, the other gets [ErrNotFound].
func (tx *Tx) UseAuthorizationCode(ctx context.Context, code, token string) error {
	return tx.one(ctx, "redeeming an authorization code", "UPDATE authorization_codes SET token = ? WHERE digest = ? AND token IS NULL",
		tokenDigest(token), tokenDigest(code))
}

// RevokeAuthorizationCode withdraws the token that a code was exchanged for.
func (tx *Tx) RevokeAuthorizationCode(ctx context.Context, code string) error {
	_, err := tx.exec(ctx, "DELETE FROM bearer_tokens WHERE digest = (SELECT token FROM authorization_codes WHERE digest = ?)", tokenDigest(code))
	if err != nil {
		return fmt.Errorf("withdrawing the token of an authorization code: %w", err)
	}
	return nil
}

// Grant is what a person has let a program do.
type Grant struct {
	Client Client
	// Scope is the widest of all tokens that the program has.
	Scope Scope
	// Since is when the first of them was given.
	Since time.Time
}

// Grants lists the programs that can act for a person, by their names.
func (c *conn) Grants(ctx context.Context, actor int64) ([]Grant, error) {
	var list []Grant
	err := c.each(ctx, "SELECT "+clientColumns+`, g.scope, g.since FROM (
			SELECT t.client_id, MAX(t.scope) AS scope, MIN(t.created) AS since FROM (
				SELECT client_id, 3 AS scope, created FROM access_tokens WHERE actor_id = ?
				UNION ALL SELECT client_id, scope, created FROM bearer_tokens WHERE actor_id = ?) t
			GROUP BY t.client_id) g
		JOIN clients c ON c.client_id = g.client_id ORDER BY c.application_name, c.id`, []any{actor, actor}, func(r *sql.Rows) error {
		var g Grant
		var since int64
		dest, done := clientDest(&g.Client)
		if err := r.Scan(append(dest, &g.Scope, &since)...); err != nil {
			return err
		}
		done()
		g.Since = fromMillis(since)
		list = append(list, g)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the programs of a person: %w", err)
	}
	return list, nil
}

// RevokeGrant withdraws everything that a person has given a program: tokens,
// and consent that it has not used yet.
func (tx *Tx) RevokeGrant(ctx context.Context, actor int64, clientID string) error {
	for _, table := range []string{"access_tokens", "bearer_tokens", "authorization_codes", "request_tokens"} {
		where := " WHERE actor_id = ? AND client_id = ?"
		if table == "request_tokens" {
			where += " AND actor_id <> 0"
		}
		if _, err := tx.exec(ctx, "DELETE FROM "+table+where, actor, clientID); err != nil {
			return fmt.Errorf("withdrawing what a program was given: %w", err)
		}
	}
	return nil
}
