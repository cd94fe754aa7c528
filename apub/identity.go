package apub

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"

	"manifold/apub/httpsig"
	"manifold/apub/proof"
	"manifold/models"
)

// identity is what an actor of ours signs with.
type identity struct {
	addresses Addresses
	// key signs requests, seal signs documents.
	key  *httpsig.Key
	seal ed25519.PrivateKey
}

// identity returns what an actor of ours signs with. Keys that do not exist yet
// are made, which takes a while.
func (s *Server) identity(ctx context.Context, actor *models.Actor) (*identity, error) {
	if known, ok := s.memory.identities.Get(actor.ID); ok {
		return known, nil
	}
	made, err, _ := s.memory.making.Do(strconv.FormatInt(actor.ID, 10), func() (any, error) {
		keys, err := s.bridge.ActorKeys(context.WithoutCancel(ctx), actor.ID)
		if err != nil {
			return nil, err
		}
		id, err := newIdentity(AddressesOf(s.names, actor), keys)
		if err == nil {
			s.memory.identities.Add(actor.ID, id)
		}
		return id, err
	})
	if err != nil {
		return nil, fmt.Errorf("the keys of %s: %w", actor.Doc.ID, err)
	}
	return made.(*identity), nil
}

func newIdentity(addresses Addresses, keys *models.ActorKeys) (*identity, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(keys.RSA)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok || len(keys.Ed25519) != ed25519.SeedSize {
		return nil, errors.New("what is stored is not an RSA key and an Ed25519 seed")
	}
	key, err := httpsig.NewKey(addresses.Key, private)
	return &identity{addresses: addresses, key: key, seal: ed25519.NewKeyFromSeed(keys.Ed25519)}, err
}

// Prepare implements [bridge.Preparer]: it makes the keys of a new actor before
// somebody waits for them.
func (s *Server) Prepare(ctx context.Context, actor *models.Actor) error {
	_, err := s.bridge.ActorKeys(ctx, actor.ID)
	return err
}

// PublicKeys returns the public keys of an actor of ours as its document shows
// them: PEM, and Multikey.
func (s *Server) PublicKeys(ctx context.Context, actor *models.Actor) (pem, multikey string, err error) {
	id, err := s.identity(ctx, actor)
	if err != nil {
		return "", "", err
	}
	if pem, err = httpsig.EncodePublicKey(id.key.Public()); err != nil {
		return "", "", err
	}
	return pem, proof.EncodeMultikey(id.seal.Public().(ed25519.PublicKey)), nil
}

// server is what this server signs with in nobody's name.
func (s *Server) server(ctx context.Context) (*identity, error) {
	actor, err := s.bridge.ServerActor(ctx)
	if err != nil {
		return nil, fmt.Errorf("the actor of the server: %w", err)
	}
	return s.identity(ctx, actor)
}
