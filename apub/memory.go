package apub

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"manifold/apub/httpsig"
)

// Sizes of what is remembered, in entries.
const (
	rememberIdentities = 1 << 10
	rememberKeys       = 1 << 14
	rememberSpecs      = 1 << 13
	rememberArrivals   = 1 << 15
	rememberInboxes    = 1 << 13
)

// rememberFor is how long what others could have changed meanwhile is used without
// asking the store. Where it matters, as with somebody who was suspended, the bridge
// asks again in the transaction that stores something.
const rememberFor = 30 * time.Second

// memory is what this process remembers so as not to ask for it at each request.
// Everything in it is in the store too, or can be found out again.
type memory struct {
	// identities of our own actors, by row; making makes each once.
	identities *lru.Cache[int64, *identity]
	making     singleflight.Group
	// keys of others, by their id; fetching asks for each once at a time, and
	// failures are those that could not be had a short time ago.
	keys     *lru.Cache[string, *holder]
	fetching singleflight.Group
	failures *lru.Cache[string, failure]
	// specs are how hosts take signatures.
	specs *lru.Cache[string, httpsig.Spec]
	// arrivals are activities that were admitted, by sender and id.
	arrivals *lru.Cache[arrivalKey, struct{}]
	// inboxes are those of our own people, by nickname.
	inboxes *lru.Cache[string, inbox]
	// pointers bounds how many documents are fetched at a time because of requests
	// that their sender did not vouch for.
	pointers chan struct{}
}

// arrivalKey is an activity in one inbox.
type arrivalKey struct {
	actor, id string
	recipient int64
}

func newMemory() (*memory, error) {
	m := &memory{pointers: make(chan struct{}, 16)}
	var err error
	if m.identities, err = lru.New[int64, *identity](rememberIdentities); err != nil {
		return nil, err
	}
	if m.keys, err = lru.New[string, *holder](rememberKeys); err != nil {
		return nil, err
	}
	if m.failures, err = lru.New[string, failure](rememberKeys); err != nil {
		return nil, err
	}
	if m.specs, err = lru.New[string, httpsig.Spec](rememberSpecs); err != nil {
		return nil, err
	}
	if m.arrivals, err = lru.New[arrivalKey, struct{}](rememberArrivals); err != nil {
		return nil, err
	}
	m.inboxes, err = lru.New[string, inbox](rememberInboxes)
	return m, err
}
