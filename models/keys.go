package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ActorKeys are the private keys of an actor of ours.
type ActorKeys struct {
	ActorID int64
	// RSA is PKCS#8, Ed25519 the seed.
	RSA, Ed25519 []byte
	Created      time.Time
}

// ActorKeys returns the keys of an actor of ours, or [ErrNotFound] when none have
// been made yet.
func (c *conn) ActorKeys(ctx context.Context, actor int64) (*ActorKeys, error) {
	k := &ActorKeys{ActorID: actor}
	var created int64
	found, err := c.get(ctx, "SELECT rsa, ed25519, created FROM actor_keys WHERE actor_id = ?", []any{actor}, &k.RSA, &k.Ed25519, &created)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of an actor: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	k.Created = fromMillis(created)
	return k, nil
}

// EnsureActorKeys stores keys of an actor or, where there are some, returns those:
// of several processes that make them at the same time all get the same.
func (tx *Tx) EnsureActorKeys(ctx context.Context, k *ActorKeys) (*ActorKeys, error) {
	n, err := tx.exec(ctx, "INSERT INTO actor_keys (actor_id, rsa, ed25519, created) VALUES (?, ?, ?, ?) ON CONFLICT (actor_id) DO NOTHING",
		k.ActorID, binary(k.RSA), binary(k.Ed25519), millis(k.Created))
	if err != nil {
		return nil, fmt.Errorf("storing the keys of an actor: %w", err)
	}
	if n == 1 {
		return k, nil
	}
	return tx.ActorKeys(ctx, k.ActorID)
}

// RemoteKey is a public key of somebody elsewhere.
type RemoteKey struct {
	// IRI is the id of the key, ActorID its owner.
	IRI     string
	ActorID int64
	// SPKI is the key, in DER.
	SPKI []byte
	// Fetched is when the owner was asked for it last; Changed when that gave another
	// key than before, zero if never.
	Fetched, Changed time.Time
}

// KeyHolder is a key with what a request that it signed depends on.
type KeyHolder struct {
	RemoteKey
	// ActorIRI is the id of the owner on the network that was asked for.
	ActorIRI string
	State    State
}

// KeyHolder returns a key by its id, and its owner as known on a network, by one
// query; or [ErrNotFound].
func (c *conn) KeyHolder(ctx context.Context, network, iri string) (*KeyHolder, error) {
	h := &KeyHolder{RemoteKey: RemoteKey{IRI: iri}}
	var fetched, changed int64
	found, err := c.get(ctx, `SELECT k.actor_id, k.spki, k.fetched, k.changed, p.iri, a.state FROM remote_keys k
		JOIN actors a ON a.id = k.actor_id JOIN presences p ON p.actor_id = k.actor_id AND p.network = ? WHERE k.iri = ?`,
		[]any{network, iri}, &h.ActorID, &h.SPKI, &fetched, &changed, &h.ActorIRI, &h.State)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	h.Fetched, h.Changed = fromMillis(fetched), fromMillis(changed)
	return h, nil
}

// KeysOf returns the keys that are known of somebody elsewhere.
func (c *conn) KeysOf(ctx context.Context, actor int64) ([]RemoteKey, error) {
	var keys []RemoteKey
	err := c.each(ctx, "SELECT iri, spki, fetched, changed FROM remote_keys WHERE actor_id = ? ORDER BY iri", []any{actor}, func(r *sql.Rows) error {
		k := RemoteKey{ActorID: actor}
		var fetched, changed int64
		err := r.Scan(&k.IRI, &k.SPKI, &fetched, &changed)
		k.Fetched, k.Changed = fromMillis(fetched), fromMillis(changed)
		keys = append(keys, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the keys of an actor: %w", err)
	}
	return keys, nil
}

// salmonKey ends the ids of the keys that people sign salmon with. Those have no ids
// of their own: the descriptor of somebody has one, without a name.
const salmonKey = "#salmon"

// SalmonKeyIRI is the id under which the key is stored by which somebody with this
// URI signs salmon.
func SalmonKeyIRI(uri string) string { return uri + salmonKey }

// SetSalmonKey stores the key that somebody elsewhere signs salmon with, beside the
// keys that they have on another network. It reports whether there was another one.
func (tx *Tx) SetSalmonKey(ctx context.Context, actor int64, now time.Time, uri string, spki []byte) (changed bool, err error) {
	known, err := tx.KeysOf(ctx, actor)
	if err != nil {
		return false, err
	}
	k := RemoteKey{IRI: SalmonKeyIRI(uri), SPKI: spki}
	for _, old := range known {
		if old.IRI == k.IRI {
			changed = string(old.SPKI) != string(spki)
			k.Changed = old.Changed
		}
	}
	if changed {
		k.Changed = now
	}
	return changed, tx.setKey(ctx, actor, now, k)
}

// SetKeys stores all keys that somebody elsewhere has at present, and removes those
// that are no more. It returns the ids of those that are others than before. What
// they sign salmon with is not among them, and stays.
func (tx *Tx) SetKeys(ctx context.Context, actor int64, now time.Time, keys ...RemoteKey) (changed []string, err error) {
	known, err := tx.KeysOf(ctx, actor)
	if err != nil {
		return nil, err
	}
	before := make(map[string]RemoteKey, len(known))
	for _, k := range known {
		if !strings.HasSuffix(k.IRI, salmonKey) {
			before[k.IRI] = k
		}
	}
	for _, k := range keys {
		if strings.HasSuffix(k.IRI, salmonKey) {
			continue
		}
		old, had := before[k.IRI]
		delete(before, k.IRI)
		k.Changed = old.Changed
		if had && string(old.SPKI) != string(k.SPKI) {
			changed = append(changed, k.IRI)
			k.Changed = now
		}
		if err := tx.setKey(ctx, actor, now, k); err != nil {
			return nil, err
		}
	}
	for iri := range before {
		if _, err := tx.exec(ctx, "DELETE FROM remote_keys WHERE iri = ? AND actor_id = ?", iri, actor); err != nil {
			return nil, fmt.Errorf("removing a key: %w", err)
		}
		changed = append(changed, iri)
	}
	return changed, nil
}

func (tx *Tx) setKey(ctx context.Context, actor int64, now time.Time, k RemoteKey) error {
	_, err := tx.exec(ctx, `INSERT INTO remote_keys (iri, actor_id, spki, fetched, changed) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (iri) DO UPDATE SET actor_id = excluded.actor_id, spki = excluded.spki, fetched = excluded.fetched, changed = excluded.changed`,
		k.IRI, actor, binary(k.SPKI), millis(now), millis(k.Changed))
	if err != nil {
		return fmt.Errorf("storing a key: %w", err)
	}
	return nil
}

// SignatureSpecs returns how hosts are known to take signatures. Those of which
// nothing is known are missing from the answer.
func (c *conn) SignatureSpecs(ctx context.Context, hosts ...string) (map[string]string, error) {
	specs := map[string]string{}
	hosts = slices.DeleteFunc(slices.Clone(hosts), func(host string) bool { return !validText(host) })
	for len(hosts) > 0 {
		n := min(len(hosts), inChunk)
		err := c.each(ctx, "SELECT host, spec FROM signature_specs WHERE host IN ?", []any{padded(hosts[:n])}, func(r *sql.Rows) error {
			var host, spec string
			err := r.Scan(&host, &spec)
			specs[host] = spec
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading how hosts take signatures: %w", err)
		}
		hosts = hosts[n:]
	}
	return specs, nil
}

// SetSignatureSpec notes how a host takes signatures.
func (tx *Tx) SetSignatureSpec(ctx context.Context, host, spec string, now time.Time) error {
	_, err := tx.exec(ctx, `INSERT INTO signature_specs (host, spec, updated) VALUES (?, ?, ?)
		ON CONFLICT (host) DO UPDATE SET spec = excluded.spec, updated = excluded.updated`, host, spec, millis(now))
	if err != nil {
		return fmt.Errorf("noting how a host takes signatures: %w", err)
	}
	return nil
}
