package ostatus

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"manifold/models"
	"manifold/ostatus/salmon"
)

// Bounds of what strangers can have us ask of others: anybody can send an envelope
// with any author in it.
const (
	// rememberSigners is how many signers, failures and hosts are remembered.
	rememberSigners = 1 << 13
	// signerFor is how long a signer is used without asking the store.
	signerFor = 30 * time.Second
	// askSignerAgain is how long a key is believed, and how long somebody is not asked
	// for again who was not found; troubleFor is the same after a passing trouble.
	askSignerAgain = 5 * time.Minute
	troubleFor     = time.Minute
	// hostVain is how many questions about keys a host gets in vain within hostFor.
	hostVain = 10
	hostFor  = 10 * time.Minute
	// signerTime bounds the search for one key, asking how many are searched for at a
	// time.
	signerTime = 20 * time.Second
	asking     = 16
)

// signer is somebody elsewhere who signs salmon.
type signer struct {
	uri     string
	actorID int64
	state   models.State
	key     *rsa.PublicKey
	// fetched is when their server was asked for the key, read when the store was.
	fetched, read time.Time
}

// unfound is a signer who could not be found.
type unfound struct {
	err error
	at  time.Time
}

// vain is how often a host was asked for keys to no purpose.
type vain struct {
	times int
	since time.Time
}

// signers are what is remembered of those who sign.
type signers struct {
	known    *lru.Cache[string, *signer]
	unfound  *lru.Cache[string, unfound]
	fetching singleflight.Group
	places   chan struct{}

	mu   sync.Mutex
	vain *lru.Cache[string, vain]
}

func newSigners() (*signers, error) {
	n := &signers{places: make(chan struct{}, asking)}
	var err error
	if n.known, err = lru.New[string, *signer](rememberSigners); err != nil {
		return nil, err
	}
	if n.unfound, err = lru.New[string, unfound](rememberSigners); err != nil {
		return nil, err
	}
	n.vain, err = lru.New[string, vain](rememberSigners)
	return n, err
}

// errBusy means that nobody may be asked for a key at the moment.
var errBusy = errors.New("too many keys are being asked for")

// errNoKey means that the server of somebody names no key of theirs.
var errNoKey = errors.New("their server names no key of theirs")

// mayAsk reports whether a host may be asked for a key because of a stranger.
func (n *signers) mayAsk(host string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.vain.Get(host)
	return !ok || now.Sub(v.since) > hostFor || v.times < hostVain
}

// inVain notes that a host was asked for nothing.
func (n *signers) inVain(host string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.vain.Get(host)
	if !ok || now.Sub(v.since) > hostFor {
		v = vain{since: now}
	}
	v.times++
	n.vain.Add(host, v)
}

// knownSigner returns somebody whose key was fetched before, or [models.ErrNotFound].
func (s *Server) knownSigner(ctx context.Context, uri string) (*signer, error) {
	if known, ok := s.signers.known.Get(uri); ok && s.now().Sub(known.read) < signerFor {
		return known, nil
	}
	row, err := s.db.KeyHolder(ctx, Network, models.SalmonKeyIRI(uri))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(row.SPKI)
	key, ok := parsed.(*rsa.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("the stored key of %s is no RSA key: %v", uri, err)
	}
	known := &signer{uri: uri, actorID: row.ActorID, state: row.State, key: key, fetched: row.Fetched, read: s.now()}
	s.signers.known.Add(uri, known)
	return known, nil
}

// signer returns somebody with their key, which their server is asked for where it is
// not known.
func (s *Server) signer(ctx context.Context, uri string) (*signer, error) {
	known, err := s.knownSigner(ctx, uri)
	if !errors.Is(err, models.ErrNotFound) {
		return known, err
	}
	return s.fetchSigner(ctx, uri)
}

// renewed asks for the key of somebody again, unless that was done a short time ago:
// then it returns nil.
func (s *Server) renewed(ctx context.Context, old *signer) (*signer, error) {
	s.signers.known.Remove(old.uri)
	stored, err := s.knownSigner(ctx, old.uri)
	switch {
	case err == nil && stored.fetched.After(old.fetched):
		return stored, nil // by another process
	case err != nil && !errors.Is(err, models.ErrNotFound):
		return nil, err
	case s.now().Sub(old.fetched) < askSignerAgain:
		return nil, nil
	}
	return s.fetchSigner(ctx, old.uri)
}

// fetchSigner asks the server of somebody for their key, once for all who want it.
func (s *Server) fetchSigner(ctx context.Context, uri string) (*signer, error) {
	host, now := hostOf(uri), s.now()
	if f, ok := s.signers.unfound.Get(uri); ok && now.Sub(f.at) < f.pause() {
		return nil, f.err
	}
	if !s.signers.mayAsk(host, now) {
		return nil, errBusy
	}
	got, err, _ := s.signers.fetching.Do(uri, func() (any, error) {
		select {
		case s.signers.places <- struct{}{}:
			defer func() { <-s.signers.places }()
		default:
			return nil, errBusy
		}
		// Who asked first may go away; the others still want it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signerTime)
		defer cancel()
		found, err := s.askForSigner(ctx, uri)
		if err != nil {
			s.signers.unfound.Add(uri, unfound{err, s.now()})
			s.signers.inVain(host, s.now())
		}
		return found, err
	})
	if err != nil {
		return nil, err
	}
	return got.(*signer), nil
}

func (f unfound) pause() time.Duration {
	if lasting(f.err) || errors.Is(f.err, errNoKey) {
		return askSignerAgain
	}
	return troubleFor
}

// askForSigner looks somebody up and stores them with their key. Their server has to
// say that the key is of the one who is named as the author (6.4).
func (s *Server) askForSigner(ctx context.Context, uri string) (*signer, error) {
	f, err := s.find(ctx, uri)
	if err != nil {
		return nil, err
	}
	if f.key == nil {
		return nil, errNoKey
	}
	if f.account.IRI != uri && salmon.Bind(uri, f.account.Aliases) != salmon.Bound {
		return nil, notHad(uri, "its server says that this is %s", f.account.IRI)
	}
	actor, err := s.meet(ctx, f)
	if err != nil {
		return nil, err
	}
	s.signers.known.Remove(uri)
	return &signer{uri: uri, actorID: actor.ID, state: actor.State, key: f.key, fetched: s.now(), read: s.now()}, nil
}
