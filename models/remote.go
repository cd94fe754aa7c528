package models

import (
	"context"
	"fmt"
	"time"
)

// RemoteClient is this server as a program registered at another one.
type RemoteClient struct {
	// Host has the port where that is not the default one.
	Host             string
	ClientID, Secret string
	Created          time.Time
}

// SetRemoteClient stores the registration at a host; it replaces one that the
// host no longer knows.
func (tx *Tx) SetRemoteClient(ctx context.Context, c *RemoteClient) error {
	_, err := tx.exec(ctx, `INSERT INTO remote_clients (host, client_id, secret, created) VALUES (?, ?, ?, ?)
		ON CONFLICT (host) DO UPDATE SET client_id = excluded.client_id, secret = excluded.secret, created = excluded.created`,
		c.Host, c.ClientID, c.Secret, millis(c.Created))
	if err != nil {
		return fmt.Errorf("storing a registration at another server: %w", err)
	}
	return nil
}

// RemoteClient returns the registration at a host, or [ErrNotFound].
func (c *conn) RemoteClient(ctx context.Context, host string) (*RemoteClient, error) {
	r := &RemoteClient{Host: host}
	var created int64
	found, err := c.get(ctx, "SELECT client_id, secret, created FROM remote_clients WHERE host = ?", []any{host}, &r.ClientID, &r.Secret, &created)
	if err != nil {
		return nil, fmt.Errorf("reading a registration at another server: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	r.Created = fromMillis(created)
	return r, nil
}

// RemoteRequest is somebody on the way to their own server and back.
type RemoteRequest struct {
	// Token and Secret are the temporary credential that Host gave.
	Host, Token, Secret string
	// Browser is a digest of a cookie of the browser that went.
	Browser []byte
	// ReturnTo is the path to go on to.
	ReturnTo string
	Created  time.Time
}

// InsertRemoteRequest stores somebody who leaves for another server.
func (tx *Tx) InsertRemoteRequest(ctx context.Context, r *RemoteRequest) error {
	_, err := tx.exec(ctx, "INSERT INTO remote_requests (token, host, secret, browser, return_to, created) VALUES (?, ?, ?, ?, ?, ?)",
		r.Token, r.Host, r.Secret, binary(r.Browser), r.ReturnTo, millis(r.Created))
	if err != nil {
		return fmt.Errorf("storing a login at another server: %w", err)
	}
	return nil
}

// RemoteRequest returns who left for a host with a token, or [ErrNotFound].
func (c *conn) RemoteRequest(ctx context.Context, host, token string) (*RemoteRequest, error) {
	r := &RemoteRequest{Host: host, Token: token}
	var created int64
	found, err := c.get(ctx, "SELECT secret, browser, return_to, created FROM remote_requests WHERE host = ? AND token = ?", []any{host, token},
		&r.Secret, &r.Browser, &r.ReturnTo, &created)
	if err != nil {
		return nil, fmt.Errorf("reading a login at another server: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	r.Created = fromMillis(created)
	return r, nil
}

// RemoveRemoteRequest ends a login at another server. It returns [ErrNotFound]
// when it was ended before.
func (tx *Tx) RemoveRemoteRequest(ctx context.Context, host, token string) error {
	return tx.one(ctx, "ending a login at another server", "DELETE FROM remote_requests WHERE host = ? AND token = ?", host, token)
}

// RemoteToken is what this server acts with at the server of somebody who
// logged in from there.
type RemoteToken struct {
	ActorID int64
	// Host gave Token and Secret to the program ClientID, which is us.
	Host, ClientID, Token, Secret string
	Updated                       time.Time
}

// SetRemoteToken stores a token; it replaces the one before.
func (tx *Tx) SetRemoteToken(ctx context.Context, t *RemoteToken) error {
	_, err := tx.exec(ctx, `INSERT INTO remote_tokens (actor_id, host, client_id, token, secret, updated) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (actor_id) DO UPDATE SET host = excluded.host, client_id = excluded.client_id, token = excluded.token,
			secret = excluded.secret, updated = excluded.updated`,
		t.ActorID, t.Host, t.ClientID, t.Token, t.Secret, millis(t.Updated))
	if err != nil {
		return fmt.Errorf("storing a token of another server: %w", err)
	}
	return nil
}

// RemoteToken returns what to act with for somebody elsewhere, or [ErrNotFound].
func (c *conn) RemoteToken(ctx context.Context, actor int64) (*RemoteToken, error) {
	t := &RemoteToken{ActorID: actor}
	var updated int64
	found, err := c.get(ctx, "SELECT host, client_id, token, secret, updated FROM remote_tokens WHERE actor_id = ?", []any{actor},
		&t.Host, &t.ClientID, &t.Token, &t.Secret, &updated)
	if err != nil {
		return nil, fmt.Errorf("reading a token of another server: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	t.Updated = fromMillis(updated)
	return t, nil
}
