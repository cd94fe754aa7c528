package main

import (
	"context"
	"math"
	"net/http"
	"path/filepath"
	"time"

	"github.com/gorilla/mux"

	"manifold/bridge/wellknown"
	"manifold/internal/config"
	"manifold/internal/front"
	"manifold/internal/media"
	"manifold/internal/telemetry"
	"manifold/models"
	"manifold/pumpapi"
	"manifold/web"
)

// handler puts the networks together on one router.
func (h *house) handler(cfg *config.Config, tel *telemetry.Telemetry) (http.Handler, error) {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	router.Handle("/healthz", tel.HealthHandler())
	router.Handle("/readyz", tel.ReadyHandler())
	var limiter *front.Limiter
	if cfg.RateLimits {
		limiter = front.NewLimiter(front.LimiterOptions{Proxies: cfg.TrustedProxies})
	}
	pages, err := web.New(web.Options{Bridge: h.bridge, Log: h.log, Version: version, Owner: cfg.SiteOwner, OwnerURL: cfg.SiteOwnerURL,
		Feeds: cfg.Networks.Has(config.OStatus), Visitors: cfg.Networks.Has(config.OStatus) && cfg.Networks.Has(config.Pump)})
	if err != nil {
		return nil, err
	}
	if cfg.Web {
		pages.RegisterIDs(router)
	}
	if err := h.addNetworks(router, cfg, limiter); err != nil {
		return nil, err
	}
	if cfg.Favicon != "" {
		router.Handle("/favicon.ico", icon(cfg.Favicon))
	}
	if cfg.Web {
		pages.Register(router)
	} else {
		pages.RegisterNone(router)
	}
	handler, err := front.New(router, front.Options{
		URL: cfg.URL, Canonical: cfg.CanonicalRedirect, HSTS: cfg.HSTS, Compress: cfg.Compress, Limiter: limiter, Methods: front.RouterMethods(router),
	})
	if err != nil {
		return nil, err
	}
	return tel.Middleware(handler), nil
}

// maxPicture bounds a picture, whatever other files are allowed, in bytes.
const maxPicture = 64 << 20

// addNetworks puts the networks on the router: first what they answer together,
// then ActivityPub, which leaves to the others whatever is not asked for as AS2.
func (h *house) addNetworks(router *mux.Router, cfg *config.Config, limiter *front.Limiter) error {
	var networks []interface {
		wellknown.Network
		Register(*mux.Router)
	}
	o := wellknown.Options{Bridge: h.bridge, Log: h.log, Version: version, OpenRegistration: cfg.Registration == config.RegistrationOpen}
	if h.activityPub != nil {
		networks = append(networks, h.activityPub)
	}
	if cfg.Networks.Has(config.Pump) {
		api, err := h.pump(cfg, limiter)
		if err != nil {
			return err
		}
		h.endStreams, o.Server = api.Close, pumpapi.ServerField(version)
		networks = append(networks, api)
	}
	if h.ostatus != nil {
		h.ostatus.RegisterEntries(router)
		networks = append(networks, h.ostatus)
	}
	for _, n := range networks {
		o.Networks = append(o.Networks, n)
	}
	answers, err := wellknown.New(o)
	if err != nil {
		return err
	}
	answers.Register(router)
	for _, n := range networks {
		n.Register(router)
	}
	return nil
}

// alternates are the media types in which ids of ours answer beside Atom and HTML.
func alternates(cfg *config.Config) []string {
	var types []string
	if cfg.Networks.Has(config.ActivityPub) {
		types = append(types, "application/activity+json")
	}
	if cfg.Networks.Has(config.Pump) {
		types = append(types, "application/json")
	}
	return types
}

// pump makes the pump.io network.
func (h *house) pump(cfg *config.Config, limiter *front.Limiter) (*pumpapi.API, error) {
	o := pumpapi.Options{
		Bridge: h.bridge, Log: h.log,
		// Pictures are held in memory; all else goes to disk as it comes.
		Images:    media.NewProcessor(media.Options{MaxBytes: int(min(cfg.MaxUpload, maxPicture))}),
		MaxUpload: cfg.MaxUpload, UploadQuota: cfg.UploadQuota, ProxyWhitelist: cfg.ProxyWhitelist,
		OpenRegistration: cfg.Registration == config.RegistrationOpen, InvitedOnly: cfg.Registration == config.RegistrationInvite, RequireEmail: cfg.RequireEmail, NoRealtime: !cfg.Realtime,
		Outbound:      h.outbound,
		RemoteAddress: remoteAddress(cfg), Identified: limiter.Identified, Version: version,
	}
	if h.ostatus != nil {
		o.FollowPage = h.ostatus.FollowPage
	}
	if cfg.Uploads {
		o.Files = h.files
	}
	if cfg.ProxyCacheSize > 0 {
		cache, err := media.OpenCache(filepath.Join(cfg.DataDir, "cache"), media.CacheOptions{MaxBytes: cfg.ProxyCacheSize})
		if err != nil {
			return nil, err
		}
		h.cache, o.ProxyCache = cache, cache
	}
	return pumpapi.New(o)
}

// icon serves the icon of the site from a file, which may be replaced while the
// server runs.
func icon(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetRoute(r.Context(), "GET /favicon.ico")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		http.ServeFile(w, r, path)
	})
}

// measure publishes what the store can tell about itself.
func (h *house) measure(tel *telemetry.Telemetry) error {
	tel.AddCheck("database", h.db.Ping)
	tel.AddCheck("tables", func(ctx context.Context) error { return upToDate(ctx, h.db) })
	gauges := []struct {
		name, help string
		value      func(models.Stats) float64
	}{
		{"store_connections", "Open database connections.", func(s models.Stats) float64 { return float64(s.Connections) }},
		{"store_connections_waited_total", "Times that a query waited for a connection.", func(s models.Stats) float64 { return float64(s.Waited) }},
		{"store_cached_documents", "Documents in the cache.", func(s models.Stats) float64 { return float64(s.Cached) }},
		{"store_cache_bytes", "Estimated size of the cached documents.", func(s models.Stats) float64 { return float64(s.CacheBytes) }},
	}
	for _, g := range gauges {
		if err := tel.GaugeFunc(g.name, g.help, func() float64 { return g.value(h.db.Stats()) }); err != nil {
			return err
		}
	}
	jobs, err := tel.Counter("jobs_total", "Jobs that ended, by kind and how.", "kind", "outcome")
	if err != nil {
		return err
	}
	h.bridge.ObserveJobs(func(kind, outcome string) { jobs.WithLabelValues(kind, outcome).Inc() })
	arrivals, err := tel.Counter("arrivals_total", "Attempts to deal with what other servers sent, by network and how they ended.", "network", "outcome")
	if err != nil {
		return err
	}
	h.bridge.ObserveArrivals(func(network, outcome string) { arrivals.WithLabelValues(network, outcome).Inc() })
	if err := h.measureHub(tel); err != nil {
		return err
	}
	return tel.GaugeFunc("arrivals_waiting", "Documents of other servers that wait to be dealt with.", func() float64 {
		waiting, _ := h.bridge.Backlog()
		return float64(waiting)
	})
}

// measureHub adds what the hub of the feeds does.
func (h *house) measureHub(tel *telemetry.Telemetry) error {
	if h.ostatus == nil {
		return nil
	}
	deliveries, err := tel.Counter("hub_deliveries_total", "Deliveries of what is new in feeds to their subscribers, by how they ended.", "outcome")
	if err != nil {
		return err
	}
	renderings, err := tel.Counter("hub_renderings_total", "Documents written for the subscribers of feeds.")
	if err != nil {
		return err
	}
	written := renderings.WithLabelValues()
	h.ostatus.ObserveHub(func(outcome string) { deliveries.WithLabelValues(outcome).Inc() }, written.Inc)
	count := func(failing bool) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			all, bad, err := h.db.CountHub(ctx)
			switch {
			case err != nil:
				return math.NaN()
			case failing:
				return float64(bad)
			}
			return float64(all)
		}
	}
	if err := tel.GaugeFunc("hub_subscribers", "Subscriptions to feeds of this server.", count(false)); err != nil {
		return err
	}
	return tel.GaugeFunc("hub_subscribers_failing", "Subscriptions whose last delivery failed.", count(true))
}
