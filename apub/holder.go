package apub

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"manifold/apub/httpsig"
	"manifold/apub/proof"
	"manifold/models"
)

// refetchAfter is how long a key is believed that does not verify a signature. The
// owner may have changed it; anybody can send a wrong signature, and may not have
// us ask each time.
const refetchAfter = 5 * time.Minute

// holder is a public key of somebody elsewhere, with its owner.
type holder struct {
	keyID string
	key   crypto.PublicKey
	// actorID is the row of the owner, actorIRI the id on this network.
	actorID  int64
	actorIRI string
	state    models.State
	// fetched is when the owner was asked for it, read when the store was.
	fetched, read time.Time
}

// failure is a key that could not be had.
type failure struct {
	err error
	at  time.Time
}

// errNotTheirs means that the owner of a key does not name it as one.
var errNotTheirs = errors.New("the owner that the key names does not have it")

// knownHolder returns a key that was fetched before, or [models.ErrNotFound].
func (s *Server) knownHolder(ctx context.Context, keyID string) (*holder, error) {
	if h, ok := s.memory.keys.Get(keyID); ok && s.now().Sub(h.read) < rememberFor {
		return h, nil
	}
	row, err := s.db.KeyHolder(ctx, Network, keyID)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(row.SPKI)
	if err != nil {
		return nil, fmt.Errorf("the stored key %s: %w", keyID, err)
	}
	h := &holder{keyID: keyID, key: key, actorID: row.ActorID, actorIRI: row.ActorIRI, state: row.State, fetched: row.Fetched, read: s.now()}
	s.memory.keys.Add(keyID, h)
	return h, nil
}

// holder returns a key, which is fetched from its owner where it is not known. One
// that could not be had is not asked for again for a while.
func (s *Server) holder(ctx context.Context, keyID string) (*holder, error) {
	h, err := s.knownHolder(ctx, keyID)
	if !errors.Is(err, models.ErrNotFound) {
		return h, err
	}
	return s.fetchHolder(ctx, keyID)
}

// renewed asks the owner of a key for it again, unless that was done a short time
// ago: then it returns nil.
func (s *Server) renewed(ctx context.Context, h *holder) (*holder, error) {
	s.memory.keys.Remove(h.keyID)
	stored, err := s.knownHolder(ctx, h.keyID)
	switch {
	case err == nil && stored.fetched.After(h.fetched):
		return stored, nil // by another process
	case err != nil && !errors.Is(err, models.ErrNotFound):
		return nil, err
	case s.now().Sub(h.fetched) < refetchAfter:
		return nil, nil
	}
	return s.fetchHolder(ctx, h.keyID)
}

// fetchHolder asks the owner of a key for it, once for all who want it.
func (s *Server) fetchHolder(ctx context.Context, keyID string) (*holder, error) {
	if f, ok := s.memory.failures.Get(keyID); ok && s.now().Sub(f.at) < f.pause() {
		return nil, f.err
	}
	got, err, _ := s.memory.fetching.Do(keyID, func() (any, error) {
		// Who asked first may go away; the others still want it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
		defer cancel()
		h, err := s.askForKey(ctx, keyID)
		if err != nil {
			s.memory.failures.Add(keyID, failure{err, s.now()})
		}
		return h, err
	})
	if err != nil {
		return nil, err
	}
	return got.(*holder), nil
}

// fetchTime bounds everything that is asked of others before a request is answered.
const fetchTime = 15 * time.Second

func (f failure) pause() time.Duration {
	if lasting(f.err) || errors.Is(f.err, errNotTheirs) {
		return refetchAfter
	}
	return time.Minute
}

// askForKey fetches the actor that a key belongs to and stores it with its keys.
func (s *Server) askForKey(ctx context.Context, keyID string) (*holder, error) {
	owner, err := s.ownerOf(ctx, keyID)
	if err != nil {
		return nil, err
	}
	keys := keysOf(owner)
	actor, err := s.meet(ctx, owner)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.IRI == keyID {
			return s.knownHolder(ctx, keyID)
		}
	}
	return nil, fmt.Errorf("%w: %s, of %s", errNotTheirs, keyID, actor.Doc.ID)
}

// ownerOf fetches the actor that a key belongs to. The id of the key may be a
// fragment of it, or an address of its own, as GoToSocial has it: there is the key,
// or as much of the actor as is shown to anybody. Then the actor is asked, who has
// to name the key in turn.
func (s *Server) ownerOf(ctx context.Context, keyID string) (*ActorDocument, error) {
	address, _, _ := strings.Cut(keyID, "#")
	f, err := s.fetchOnce(ctx, address)
	if err != nil {
		return nil, s.unlessGone(ctx, address, err)
	}
	owner := ""
	switch {
	case f.doc.Actor != nil && sameAddress(f.doc.Actor.IRI, f.url):
		return f.actor(), nil
	case f.doc.Actor != nil:
		owner = f.doc.Actor.IRI
	case f.doc.Key != nil:
		owner = f.doc.Key.Owner
	}
	if !sameHost(owner, keyID) {
		return nil, notHad(keyID, "there is neither an actor of this server nor a key of one")
	}
	return s.fetchActor(ctx, owner)
}

// fetchActor reads an actor from its own server. Whoever that says is gone has
// departed.
func (s *Server) fetchActor(ctx context.Context, iri string) (*ActorDocument, error) {
	f, err := s.fetch(ctx, iri)
	if err != nil {
		return nil, s.unlessGone(ctx, iri, err)
	}
	if f.doc.Actor == nil {
		return nil, notHad(iri, "it is not an actor but %s", strings.Join(f.doc.Types, ", "))
	}
	return f.actor(), nil
}

// actor is the actor that a document describes, with the document itself.
func (f *fetched) actor() *ActorDocument {
	f.doc.Actor.came = original{byOrigin, f.contentType, f.bytes}
	return f.doc.Actor
}

// keysOf are the keys of an actor that can be used. Only what lies on the server of
// the actor is of the actor.
func keysOf(a *ActorDocument) []models.RemoteKey {
	var keys []models.RemoteKey
	for _, k := range a.PublicKeys {
		if k.Owner != a.IRI || !sameHost(k.ID, a.IRI) || len(k.ID) > models.MaxIRI {
			continue
		}
		var key crypto.PublicKey
		var err error
		if k.PEM != "" {
			key, err = httpsig.ParsePublicKey(k.PEM)
		} else {
			key, err = proof.ParseMultikey(k.Multibase)
		}
		if err != nil || httpsig.CheckPublicKey(key) != nil {
			continue
		}
		if der, err := x509.MarshalPKIXPublicKey(key); err == nil {
			keys = append(keys, models.RemoteKey{IRI: k.ID, SPKI: der})
		}
	}
	return keys
}

// meet stores an actor as its server describes it, with its keys.
func (s *Server) meet(ctx context.Context, a *ActorDocument) (*models.Actor, error) {
	account, err := s.account(ctx, a)
	if err != nil {
		return nil, err
	}
	var changed []string
	actor, err := s.bridge.Introduce(ctx, account, func(ctx context.Context, tx *models.Tx, actor *models.Actor) (err error) {
		changed, err = tx.SetKeys(ctx, actor.ID, s.now(), keysOf(a)...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range changed {
		s.memory.keys.Remove(id)
		s.log.Info("somebody has changed a key", "actor", a.IRI, "key", id)
	}
	return actor, nil
}

// ed25519Of returns a key that documents are signed with, nil where it is of
// another kind.
func (h *holder) ed25519Of() ed25519.PublicKey {
	key, _ := h.key.(ed25519.PublicKey)
	return key
}
