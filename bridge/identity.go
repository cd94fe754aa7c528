package bridge

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"manifold/models"
)

// rsaBits is the size of our keys: all servers take it, and longer ones cost four
// times as much to sign with.
const rsaBits = 2048

// ActorKeys returns the private keys of an actor of ours, which are the same on
// all networks. Those that do not exist yet are made, which takes a while; where
// another process has made some meanwhile, those count.
func (b *Bridge) ActorKeys(ctx context.Context, actor int64) (*models.ActorKeys, error) {
	keys, err := b.db.ActorKeys(ctx, actor)
	if !errors.Is(err, models.ErrNotFound) {
		return keys, err
	}
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("making the keys of an actor: %w", err)
	}
	made := &models.ActorKeys{ActorID: actor, Ed25519: make([]byte, ed25519.SeedSize), Created: b.time()}
	if _, err := rand.Read(made.Ed25519); err != nil {
		return nil, fmt.Errorf("making the keys of an actor: %w", err)
	}
	if made.RSA, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, fmt.Errorf("making the keys of an actor: %w", err)
	}
	err = b.db.Write(ctx, func(tx *models.Tx) (err error) {
		keys, err = tx.EnsureActorKeys(ctx, made)
		return err
	})
	return keys, err
}
