package ostatus

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"manifold/models"
)

// rememberKeys is how many keys of our own actors are kept at hand.
const rememberKeys = 1 << 10

// salmonKey returns what an actor of ours signs with: the RSA key that it has on all
// networks. One that does not exist yet is made, which takes a while.
func (s *Server) salmonKey(ctx context.Context, actor *models.Actor) (*rsa.PrivateKey, error) {
	if known, ok := s.keys.Get(actor.ID); ok {
		return known, nil
	}
	keys, err := s.bridge.ActorKeys(ctx, actor.ID)
	if err != nil {
		return nil, fmt.Errorf("the keys of %s: %w", actor.Doc.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keys.RSA)
	if err != nil {
		return nil, fmt.Errorf("the keys of %s: %w", actor.Doc.ID, err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the keys of " + actor.Doc.ID + ": what is stored is not an RSA key")
	}
	s.keys.Add(actor.ID, private)
	return private, nil
}
