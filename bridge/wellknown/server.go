package wellknown

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/internal/front"
	"manifold/internal/telemetry"
	"manifold/models"
)

// Network is one that tells its part of what is asked.
type Network interface {
	// DescribePerson tells where a person of this server, or a group, is found.
	DescribePerson(ctx context.Context, a *models.Actor) (Part, error)
	// DescribeObject tells where a thing is found that everybody may see.
	DescribeObject(o *models.Object) Part
	// DescribeHost tells what the server itself is on the network.
	DescribeHost() Host
}

// Part is what a network tells of somebody or something.
type Part struct {
	// Self is the one link with the relation self; nil where the network has none.
	// That of the first network that has one is told: pump.io and Misskey take the
	// first they find, whatever its type.
	Self *Link
	// Links are all others.
	Links []Link
	// Aliases are names besides those that people have on all networks.
	Aliases []string
}

// Host is what a network tells of the server.
type Host struct {
	// Protocol is the word for the network in NodeInfo.
	Protocol string
	// Meta are links in host-meta.
	Meta []Link
	// Actor is the server as somebody who acts; its Self is nil where it does not.
	Actor Part
	// ActorID is the id of that actor.
	ActorID string
	// Site is what is told of the address of the server itself.
	Site []Link
	// NodeInfo are links beside those to the documents.
	NodeInfo []Link
	// Outbound are the words of NodeInfo for what can be read here by others.
	Outbound []string
}

// Options for [New].
type Options struct {
	Bridge *bridge.Bridge
	// Networks are those of the server, first the one that has the say.
	Networks []Network
	// Log receives what goes wrong here; nil discards it.
	Log *slog.Logger
	// Version of the program.
	Version string
	// Server is the value of the field of that name, "" for none.
	Server string
	// OpenRegistration tells that anybody can make an account.
	OpenRegistration bool
	// Now replaces the clock in tests.
	Now func() time.Time
}

// Server answers, once it is on a router; see [Server.Register].
type Server struct {
	db       *models.DB
	names    *bridge.Names
	site     string
	networks []Network
	log      *slog.Logger
	version  string
	server   string
	open     bool
	now      func() time.Time
	usage    usage
}

// New makes the server.
func New(o Options) (*Server, error) {
	if o.Bridge == nil {
		return nil, errors.New("making what describes the server: there is no bridge")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{db: o.Bridge.DB(), names: o.Bridge.Names(), site: o.Bridge.SiteName(), networks: o.Networks, log: o.Log, version: o.Version,
		server: o.Server, open: o.OpenRegistration, now: o.Now}, nil
}

// handler answers a request, or returns why not: a [*refusal], or anything else
// for what went wrong here.
type handler func(w http.ResponseWriter, r *http.Request) error

// Register adds everything that is answered to a router, which must use encoded
// paths. Some build the paths by hand, and end them in a slash. What others answer on
// that router at the names of people and groups gets a link to what is answered here.
func (s *Server) Register(router *mux.Router) {
	router.Use(s.link)
	on := func(path string, h handler) {
		front.Route(router, path+"/?").Handler(s.let("GET "+path, h)).Methods(http.MethodGet, http.MethodHead)
	}
	on("/.well-known/webfinger", s.webfinger)
	on("/api/lrdd", s.lrdd)
	on("/main/xrd", s.xrd)
	on("/.well-known/host-meta", s.hostMeta)
	on("/.well-known/host-meta.json", s.hostMetaJSON)
	on("/.well-known/nodeinfo", s.nodeInfoLinks)
	on("/nodeinfo/2.0", s.nodeInfo("2.0"))
	on("/nodeinfo/2.1", s.nodeInfo("2.1"))
}

// let serves a route and tells those who are refused why.
func (s *Server) let(name string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetRoute(r.Context(), name)
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Access-Control-Allow-Origin", "*") // RFC 7033 5
		if s.server != "" {
			header.Set("Server", s.server)
		}
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
		sendJSON(w, r, refused.status, "application/json; charset=utf-8", map[string]string{"error": refused.text})
	})
}
