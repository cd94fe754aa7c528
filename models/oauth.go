package models

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"
)

// Client is a registered program, an OAuth consumer.
type Client struct {
	ID               int64
	ClientID, Secret string
	// ApplicationName is shown to people, ApplicationType is "web" or "native".
	ApplicationName, ApplicationType string
	// Contacts and RedirectURIs are separated by spaces.
	Contacts, LogoURL, RedirectURIs string
	Created, Updated                time.Time
}

// InsertClient stores a new client; c.ID is set.
func (tx *Tx) InsertClient(ctx context.Context, c *Client) error {
	c.ID = tx.NewID()
	_, err := tx.exec(ctx, `INSERT INTO clients (id, client_id, secret, application_name, application_type, contacts, logo_url, redirect_uris, created, updated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, c.ID, c.ClientID, c.Secret, c.ApplicationName, c.ApplicationType, c.Contacts, c.LogoURL, c.RedirectURIs,
		millis(c.Created), millis(c.Updated))
	if err != nil {
		return fmt.Errorf("storing a client: %w", err)
	}
	return nil
}

// UpdateClient stores what can change about a client.
func (tx *Tx) UpdateClient(ctx context.Context, c *Client) error {
	_, err := tx.exec(ctx, "UPDATE clients SET application_name = ?, application_type = ?, contacts = ?, logo_url = ?, redirect_uris = ?, updated = ? WHERE id = ?",
		c.ApplicationName, c.ApplicationType, c.Contacts, c.LogoURL, c.RedirectURIs, millis(c.Updated), c.ID)
	if err != nil {
		return fmt.Errorf("storing a client: %w", err)
	}
	return nil
}

const clientColumns = "c.id, c.client_id, c.secret, c.application_name, c.application_type, c.contacts, c.logo_url, c.redirect_uris, c.created, c.updated"

func clientDest(c *Client) ([]any, func()) {
	var created, updated int64
	return []any{&c.ID, &c.ClientID, &c.Secret, &c.ApplicationName, &c.ApplicationType, &c.Contacts, &c.LogoURL, &c.RedirectURIs, &created, &updated},
		func() { c.Created, c.Updated = fromMillis(created), fromMillis(updated) }
}

// Client returns a registered program, or [ErrNotFound].
func (c *conn) Client(ctx context.Context, clientID string) (*Client, error) {
	client := new(Client)
	dest, done := clientDest(client)
	found, err := c.get(ctx, "SELECT "+clientColumns+" FROM clients c WHERE c.client_id = ?", []any{clientID}, dest...)
	if err != nil {
		return nil, fmt.Errorf("reading a client: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	done()
	return client, nil
}

// RequestToken is a temporary credential of OAuth 1.0a.
type RequestToken struct {
	Token, Secret, ClientID string
	// Callback is "oob" or a URL. Verifier proves that somebody allowed it.
	Callback, Verifier string
	// ActorID is who allowed it, 0 until then.
	ActorID int64
	Used    bool
	Created time.Time
}

// InsertRequestToken stores a new temporary credential.
func (tx *Tx) InsertRequestToken(ctx context.Context, t *RequestToken) error {
	_, err := tx.exec(ctx, "INSERT INTO request_tokens (token, secret, client_id, callback, verifier, actor_id, used, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		t.Token, t.Secret, t.ClientID, t.Callback, t.Verifier, t.ActorID, t.Used, millis(t.Created))
	if err != nil {
		return fmt.Errorf("storing a request token: %w", err)
	}
	return nil
}

// RequestToken returns a temporary credential, or [ErrNotFound].
func (c *conn) RequestToken(ctx context.Context, token string) (*RequestToken, error) {
	t := &RequestToken{Token: token}
	var created int64
	found, err := c.get(ctx, "SELECT secret, client_id, callback, verifier, actor_id, used, created FROM request_tokens WHERE token = ?", []any{token},
		&t.Secret, &t.ClientID, &t.Callback, &t.Verifier, &t.ActorID, &t.Used, &created)
	if err != nil {
		return nil, fmt.Errorf("reading a request token: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	t.Created = fromMillis(created)
	return t, nil
}

// AuthorizeRequestToken notes who allowed a request. It returns [ErrNotFound]
// when the token is unknown or used.
func (tx *Tx) AuthorizeRequestToken(ctx context.Context, token string, actor int64) error {
	return tx.one(ctx, "allowing a request", "UPDATE request_tokens SET actor_id = ? WHERE token = ? AND NOT used", actor, token)
}

// UseRequestToken marks a token as exchanged. Of two calls at the same time one
// succeeds, the other gets [ErrNotFound].
func (tx *Tx) UseRequestToken(ctx context.Context, token string) error {
	return tx.one(ctx, "redeeming a request token", "UPDATE request_tokens SET used = TRUE WHERE token = ? AND NOT used AND actor_id <> 0", token)
}

// one runs a statement that must change exactly one row.
func (tx *Tx) one(ctx context.Context, doing, query string, args ...any) error {
	n, err := tx.exec(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n != 1 {
		return ErrNotFound
	}
	return nil
}

// AccessToken is what a program acts with on behalf of a person.
type AccessToken struct {
	Token, Secret, ClientID string
	ActorID                 int64
	Created                 time.Time
}

// EnsureAccessToken stores t, or, when its person has given this program a token
// before, returns that one.
func (tx *Tx) EnsureAccessToken(ctx context.Context, t *AccessToken) (*AccessToken, error) {
	n, err := tx.exec(ctx, "INSERT INTO access_tokens (token, secret, client_id, actor_id, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT (actor_id, client_id) DO NOTHING",
		t.Token, t.Secret, t.ClientID, t.ActorID, millis(t.Created))
	if err != nil {
		return nil, fmt.Errorf("storing an access token: %w", err)
	}
	if n == 1 {
		return t, nil
	}
	return tx.AccessTokenOf(ctx, t.ActorID, t.ClientID)
}

// AccessTokenOf returns the token that a person has given a program, or
// [ErrNotFound].
func (c *conn) AccessTokenOf(ctx context.Context, actor int64, clientID string) (*AccessToken, error) {
	t := &AccessToken{ClientID: clientID, ActorID: actor}
	var created int64
	found, err := c.get(ctx, "SELECT token, secret, created FROM access_tokens WHERE actor_id = ? AND client_id = ?", []any{actor, clientID},
		&t.Token, &t.Secret, &created)
	if err != nil {
		return nil, fmt.Errorf("reading an access token: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	t.Created = fromMillis(created)
	return t, nil
}

// RemoveAccessTokens withdraws all tokens of a person.
func (tx *Tx) RemoveAccessTokens(ctx context.Context, actor int64) error {
	if _, err := tx.exec(ctx, "DELETE FROM access_tokens WHERE actor_id = ?", actor); err != nil {
		return fmt.Errorf("withdrawing access tokens: %w", err)
	}
	return nil
}

// Credentials are everything needed to check one signed request.
type Credentials struct {
	Client Client
	// TokenSecret, ActorID, Nickname and State are those of the access token and
	// its person; ActorID is 0 when the request has no token.
	TokenSecret string
	ActorID     int64
	Nickname    string
	State       State
	// TokenKnown is false when a token was given that does not exist or is
	// another program's.
	TokenKnown bool
}

// Credentials reads, by one query, the client and, if token is not empty, the
// access token and its person. It returns [ErrNotFound] when there is no such
// client.
func (c *conn) Credentials(ctx context.Context, clientID, token string) (*Credentials, error) {
	if !validText(token) {
		token = "" // nobody has been given it
	}
	cr := new(Credentials)
	dest, done := clientDest(&cr.Client)
	var secret *string
	var actor *int64
	var nickname *string
	var state *int64
	found, err := c.get(ctx, "SELECT "+clientColumns+`, t.secret, t.actor_id, u.nickname, u.state FROM clients c
		LEFT JOIN access_tokens t ON t.token = ? AND t.client_id = c.client_id
		LEFT JOIN accounts u ON u.actor_id = t.actor_id WHERE c.client_id = ?`, []any{token, clientID},
		append(dest, &secret, &actor, &nickname, &state)...)
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	done()
	if secret != nil && nickname != nil {
		cr.TokenKnown, cr.TokenSecret, cr.ActorID, cr.Nickname, cr.State = true, *secret, *actor, *nickname, State(*state)
	}
	return cr, nil
}

// binary is a key made of bytes. Bytes as such gorm would take for a list of
// numbers where they follow a parenthesis.
type binary []byte

// Value implements driver.Valuer.
func (b binary) Value() (driver.Value, error) { return []byte(b), nil }

// RememberNonce keeps the digest of a nonce until expires, or returns
// [ErrExists] when it is there already: the request is a repetition.
func (tx *Tx) RememberNonce(ctx context.Context, digest []byte, expires time.Time) error {
	n, err := tx.exec(ctx, "INSERT INTO nonces (digest, expires) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING", binary(digest), millis(expires))
	if err != nil {
		return fmt.Errorf("remembering a nonce: %w", err)
	}
	if n == 0 {
		return ErrExists
	}
	return nil
}

// InsertSession stores a browser's session under the digest of its cookie.
func (tx *Tx) InsertSession(ctx context.Context, digest []byte, actor int64, expires time.Time) error {
	_, err := tx.exec(ctx, "INSERT INTO sessions (id, actor_id, created, expires) VALUES (?, ?, ?, ?)", binary(digest), actor, time.Now().UnixMilli(), millis(expires))
	if err != nil {
		return fmt.Errorf("storing a session: %w", err)
	}
	return nil
}

// SessionActor returns whose session this is, or [ErrNotFound] when there is
// none or it is over. It is somebody with an account here, or somebody elsewhere
// who has logged in from there.
func (c *conn) SessionActor(ctx context.Context, digest []byte) (int64, error) {
	var actor int64
	found, err := c.get(ctx, `SELECT s.actor_id FROM sessions s LEFT JOIN accounts a ON a.actor_id = s.actor_id LEFT JOIN actors p ON p.id = s.actor_id
		WHERE s.id = ? AND s.expires > ? AND COALESCE(a.state, p.state) = 0`, []any{binary(digest), time.Now().UnixMilli()}, &actor)
	if err != nil {
		return 0, fmt.Errorf("reading a session: %w", err)
	}
	if !found {
		return 0, ErrNotFound
	}
	return actor, nil
}

// RemoveSession ends a session.
func (tx *Tx) RemoveSession(ctx context.Context, digest []byte) error {
	if _, err := tx.exec(ctx, "DELETE FROM sessions WHERE id = ?", binary(digest)); err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// RemoveSessions ends all sessions of a person.
func (tx *Tx) RemoveSessions(ctx context.Context, actor int64) error {
	if _, err := tx.exec(ctx, "DELETE FROM sessions WHERE actor_id = ?", actor); err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return nil
}

// RemoveOtherSessions ends all sessions of a person but one.
func (tx *Tx) RemoveOtherSessions(ctx context.Context, actor int64, digest []byte) error {
	if _, err := tx.exec(ctx, "DELETE FROM sessions WHERE actor_id = ? AND id <> ?", actor, binary(digest)); err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return nil
}

// Prune removes what has outlived its use: old nonces, sessions and bearer
// tokens that are over, what was begun with another server or program more than
// an hour ago and not ended. It returns how many rows went.
func (tx *Tx) Prune(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for _, d := range []struct {
		query string
		arg   int64
	}{
		{"DELETE FROM nonces WHERE expires < ?", now.UnixMilli()},
		{"DELETE FROM sessions WHERE expires < ?", now.UnixMilli()},
		{"DELETE FROM invitations WHERE expires < ?", now.UnixMilli()},
		{"DELETE FROM mail_code_copies WHERE code_id IN (SELECT id FROM mail_codes WHERE expires < ?)", now.UnixMilli()},
		{"DELETE FROM mail_codes WHERE expires < ?", now.UnixMilli()},
		{"DELETE FROM bearer_tokens WHERE expires <> 0 AND expires < ?", now.UnixMilli()},
		{"DELETE FROM request_tokens WHERE created < ?", now.Add(-time.Hour).UnixMilli()},
		{"DELETE FROM authorization_codes WHERE created < ?", now.Add(-time.Hour).UnixMilli()},
		{"DELETE FROM remote_requests WHERE created < ?", now.Add(-time.Hour).UnixMilli()},
	} {
		n, err := tx.exec(ctx, d.query, d.arg)
		if err != nil {
			return total, fmt.Errorf("pruning: %w", err)
		}
		total += n
	}
	return total, nil
}

// RemoveRequestToken withdraws a temporary credential.
func (tx *Tx) RemoveRequestToken(ctx context.Context, token string) error {
	if _, err := tx.exec(ctx, "DELETE FROM request_tokens WHERE token = ?", token); err != nil {
		return fmt.Errorf("withdrawing a request token: %w", err)
	}
	return nil
}
