package apub

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
)

// Network is the name of the ActivityPub network in the store.
const Network = "activitypub"

// Options for [New].
type Options struct {
	Bridge *bridge.Bridge
	// Log receives what goes wrong here; nil discards it.
	Log *slog.Logger
	// Outbound speaks with other servers.
	Outbound *outbound.Client
	// Version of the program, told in NodeInfo.
	Version string
	// AuthorizedFetch shows nothing to servers that do not sign their requests,
	// save what is needed to verify our own signatures.
	AuthorizedFetch bool
	// Alone says that no other network answers at the addresses of people and
	// things, so that AS2 is for everybody who does not ask for a page.
	Alone bool
	// Now replaces the clock in tests.
	Now func() time.Time
}

// Server is the ActivityPub network: a [bridge.Network], and an http.Handler once
// it is on a router, see [Server.Register].
type Server struct {
	bridge          *bridge.Bridge
	db              *models.DB
	names           *bridge.Names
	log             *slog.Logger
	outbound        *outbound.Client
	version         string
	authorizedFetch bool
	alone           bool
	now             func() time.Time
	synchronizer    synchronizer
	// origin is our public address, which signatures are for.
	origin *url.URL
	memory *memory
}

// New makes the server of the network that a bridge belongs to. It runs nothing
// by itself: whatever takes time is a job of the bridge.
func New(o Options) (*Server, error) {
	switch {
	case o.Bridge == nil:
		return nil, errors.New("making the ActivityPub network: there is no bridge")
	case o.Outbound == nil:
		return nil, errors.New("making the ActivityPub network: there is no client to reach others by")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	origin, err := url.Parse(o.Bridge.Names().Base)
	if err != nil {
		return nil, fmt.Errorf("making the ActivityPub network: the public address: %w", err)
	}
	memory, err := newMemory()
	if err != nil {
		return nil, fmt.Errorf("making the ActivityPub network: %w", err)
	}
	return &Server{
		bridge: o.Bridge, db: o.Bridge.DB(), names: o.Bridge.Names(), log: o.Log, outbound: o.Outbound, version: o.Version,
		authorizedFetch: o.AuthorizedFetch, alone: o.Alone, now: o.Now, origin: origin, memory: memory,
	}, nil
}

// Name implements [bridge.Network].
func (s *Server) Name() string { return Network }

// Confirms implements [bridge.Network]: a Follow counts once it is answered with
// Accept.
func (s *Server) Confirms() bool { return true }
