package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Presence is how an actor is known and reached on one network.
type Presence struct {
	ActorID int64
	Network string
	// IRI is the id that documents of the network name the actor by.
	IRI string
	// Inbox is where deliveries go, SharedInbox where those for all people of the
	// server go; both may be empty.
	Inbox, SharedInbox string
	// Verified is when the server of the actor said so last.
	Verified time.Time
}

// SetPresence notes how an actor is reached on a network, as of now where
// Verified is zero.
func (tx *Tx) SetPresence(ctx context.Context, p Presence) error {
	if p.Verified.IsZero() {
		p.Verified = time.Now()
	}
	_, err := tx.exec(ctx, `INSERT INTO presences (actor_id, network, iri, inbox, shared_inbox, verified) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (actor_id, network) DO UPDATE SET iri = excluded.iri, inbox = excluded.inbox, shared_inbox = excluded.shared_inbox, verified = excluded.verified`,
		p.ActorID, p.Network, p.IRI, p.Inbox, p.SharedInbox, millis(p.Verified))
	if err != nil {
		return fmt.Errorf("storing a presence: %w", err)
	}
	return nil
}

// Presences returns how actors are known on one network. Those that are not are
// missing from the answer.
func (c *conn) Presences(ctx context.Context, network string, actors ...int64) (map[int64]Presence, error) {
	found := make(map[int64]Presence, len(actors))
	err := c.presences(ctx, "actor_id IN ? AND network = ?", actors, func(p Presence) { found[p.ActorID] = p }, network)
	return found, err
}

// PresencesOf returns how one actor is known, by network.
func (c *conn) PresencesOf(ctx context.Context, actor int64) (map[string]Presence, error) {
	found := map[string]Presence{}
	err := c.presences(ctx, "actor_id IN ?", []int64{actor}, func(p Presence) { found[p.Network] = p })
	return found, err
}

// inboxPrefix is how much of an inbox the index has, in characters.
const inboxPrefix = 500

// PresencesAt returns whose inboxes on a network these are. One inbox may be that of
// several.
func (c *conn) PresencesAt(ctx context.Context, network string, inboxes ...string) ([]Presence, error) {
	var found []Presence
	inboxes = slices.DeleteFunc(slices.Clone(inboxes), func(inbox string) bool { return !validText(inbox) })
	for chunk := range slices.Chunk(inboxes, inChunk) {
		prefixes := make([]string, len(chunk))
		for i, inbox := range chunk {
			prefixes[i] = inbox
			if runes := []rune(inbox); len(runes) > inboxPrefix {
				prefixes[i] = string(runes[:inboxPrefix])
			}
		}
		err := c.each(ctx, `SELECT actor_id, network, iri, inbox, shared_inbox, verified FROM presences
			WHERE network = ? AND substr(inbox, 1, 500) IN ? AND inbox IN ? ORDER BY actor_id`, []any{network, padded(prefixes), padded(chunk)}, func(r *sql.Rows) error {
			p, err := scanPresence(r)
			found = append(found, p)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("finding whose inboxes there are: %w", err)
		}
	}
	return found, nil
}

func scanPresence(r *sql.Rows) (Presence, error) {
	var p Presence
	var verified int64
	err := r.Scan(&p.ActorID, &p.Network, &p.IRI, &p.Inbox, &p.SharedInbox, &verified)
	p.Verified = fromMillis(verified)
	return p, err
}

func (c *conn) presences(ctx context.Context, condition string, actors []int64, add func(Presence), args ...any) error {
	err := c.eachIn(ctx, "SELECT actor_id, network, iri, inbox, shared_inbox, verified FROM presences WHERE "+condition, actors, func(r *sql.Rows) error {
		p, err := scanPresence(r)
		add(p)
		return err
	}, args...)
	if err != nil {
		return fmt.Errorf("reading presences: %w", err)
	}
	return nil
}

// Reach is how somebody elsewhere gets deliveries.
type Reach struct {
	Network string
	// Inbox is the shared one where there is one.
	Inbox    string
	Verified time.Time
}

// ReachOf returns how actors get deliveries: each by the first of the networks
// that has an inbox of theirs. Those who get none are missing from the answer.
func (c *conn) ReachOf(ctx context.Context, networks []string, actors []int64) (map[int64]Reach, error) {
	found := make(map[int64]Reach, len(actors))
	err := c.presences(ctx, "actor_id IN ? AND inbox <> ''", actors, func(p Presence) {
		rank := slices.Index(networks, p.Network)
		if old, ok := found[p.ActorID]; rank < 0 || ok && slices.Index(networks, old.Network) < rank {
			return
		}
		r := Reach{Network: p.Network, Inbox: p.SharedInbox, Verified: p.Verified}
		if r.Inbox == "" {
			r.Inbox = p.Inbox
		}
		found[p.ActorID] = r
	})
	return found, err
}
