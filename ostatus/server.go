package ostatus

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gorilla/mux"
	lru "github.com/hashicorp/golang-lru/v2"

	"manifold/bridge"
	"manifold/internal/front"
	"manifold/internal/outbound"
	"manifold/internal/telemetry"
	"manifold/models"
	"manifold/ostatus/atom"
	"manifold/ostatus/websub"
)

// Network is the name of the OStatus network in the store.
const Network = "ostatus"

// Options for [New].
type Options struct {
	Bridge *bridge.Bridge
	// Outbound speaks with other servers.
	Outbound *outbound.Client
	// ActivityPub says that those who speak ActivityPub are reached by that, and are
	// not looked for here.
	ActivityPub bool
	// Log receives what goes wrong here; nil discards it.
	Log *slog.Logger
	// Alternates are the media types in which ids of ours answer on other networks.
	Alternates []string
	// Version of the program, told in each feed.
	Version string
	// Now replaces the clock in tests.
	Now func() time.Time
}

// Server is the OStatus network: a [bridge.Network], and an http.Handler once it is
// on a router, see [Server.Register].
type Server struct {
	bridge   *bridge.Bridge
	db       *models.DB
	names    *bridge.Names
	site     string
	log      *slog.Logger
	outbound *outbound.Client
	version  string
	now      func() time.Time
	// alternates are as in Options.
	alternates []string
	// activityPub leaves those to that network who are on it.
	activityPub bool
	// keys of our own actors, by row.
	keys *lru.Cache[int64, *rsa.PrivateKey]
	// syncs are the subscribers that are verified before they are answered.
	syncs   chan struct{}
	tending tending
	// signers is what is remembered of those who sign salmon.
	signers *signers
	// written are the documents that the hub delivers at the moment.
	written written
	// delivered and rendered are told of what the hub does, see [Server.ObserveHub].
	delivered func(websub.Delivery)
	rendered  func()
}

// New makes the server of the network that a bridge belongs to.
func New(o Options) (*Server, error) {
	switch {
	case o.Bridge == nil:
		return nil, errors.New("making the OStatus network: there is no bridge")
	case o.Outbound == nil:
		return nil, errors.New("making the OStatus network: there is no client to reach others by")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	keys, err := lru.New[int64, *rsa.PrivateKey](rememberKeys)
	if err != nil {
		return nil, fmt.Errorf("making the OStatus network: %w", err)
	}
	signers, err := newSigners()
	if err != nil {
		return nil, fmt.Errorf("making the OStatus network: %w", err)
	}
	return &Server{bridge: o.Bridge, db: o.Bridge.DB(), names: o.Bridge.Names(), site: o.Bridge.SiteName(), log: o.Log, outbound: o.Outbound,
		version: o.Version, now: o.Now, alternates: o.Alternates, activityPub: o.ActivityPub, keys: keys, signers: signers, syncs: make(chan struct{}, maxSync),
		delivered: func(websub.Delivery) {}, rendered: func() {}}, nil
}

// Name implements [bridge.Network].
func (s *Server) Name() string { return Network }

// Confirms implements [bridge.Network]: who is told of a follow is followed.
func (s *Server) Confirms() bool { return false }

// handler answers a request, or returns why not: a [*refusal], or anything else
// for what went wrong here.
type handler func(w http.ResponseWriter, r *http.Request) error

// Register adds everything that the network answers to a router, which must use
// encoded paths.
func (s *Server) Register(router *mux.Router) {
	on := func(path string, h handler) {
		front.Route(router, path).Handler(s.let("GET "+path, h)).Methods(http.MethodGet, http.MethodHead)
	}
	on("/users/{nick}/feed.atom", s.getFeed)
	on("/api/group/{uuid}/feed.atom", s.getGroupFeed)
	on("/public.atom", s.getPublic)
	on("/tags/{tag}/feed.atom", s.getTagged)
	on("/hub/callback/{token}", s.getCallback)
	for path, h := range map[string]handler{"/hub": s.postHub, "/hub/callback/{token}": s.postCallback,
		"/salmon/user/{nick}": s.postPersonSalmon, "/salmon/group/{uuid}": s.postGroupSalmon} {
		front.Route(router, path).Handler(s.let("POST "+path, h)).Methods(http.MethodPost)
	}
}

// let serves a route and tells those who are refused why.
func (s *Server) let(name string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetRoute(r.Context(), name)
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		// A browser that shows a feed shows HTML from people.
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		err := h(w, r)
		if err == nil {
			return
		}
		refused, ok := errors.AsType[*refusal](err)
		if !ok {
			refused = &refusal{http.StatusInternalServerError, "Something went wrong here. It was written to the log of this server."}
			if r.Context().Err() == nil {
				s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
			}
		}
		header.Set("Cache-Control", "no-store")
		http.Error(w, refused.text, refused.status)
	})
}

// refusal is an answer that is not a success.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

var (
	errNobody    = &refusal{http.StatusNotFound, "There is nobody of that name here."}
	errNoGroup   = &refusal{http.StatusNotFound, "There is no such group here."}
	errGroupGone = &refusal{http.StatusGone, "This group was deleted."}
	errLeft      = &refusal{http.StatusGone, "This account was deleted."}
	errSuspended = &refusal{http.StatusForbidden, "This account is suspended."}
	errNoTag     = &refusal{http.StatusNotFound, "This is no hashtag."}
	errNoPage    = &refusal{http.StatusNotFound, "There is no such page: what it began before is not in this feed."}
)

// cacheFeed is how long a copy of a feed may be shown.
const cacheFeed = "public, max-age=60"

// send answers with a feed, or with 304 to those who have the same already.
// changed is when anything in it was changed last.
func (s *Server) send(w http.ResponseWriter, r *http.Request, feed *atom.Feed, changed time.Time) error {
	doc, err := feed.Encode()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", atom.MediaType)
	h.Set("Cache-Control", cacheFeed)
	h.Set("Etag", `W/"`+strconv.FormatUint(xxhash.Sum64(doc), 36)+`"`)
	if s.now().Sub(changed) < 2*time.Second {
		// More may happen in the second that Last-Modified would name (RFC 9110
		// 8.8.2.2).
		changed = time.Time{}
	}
	http.ServeContent(w, r, "", changed, bytes.NewReader(doc))
	return nil
}
