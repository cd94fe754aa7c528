package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/gorilla/mux"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/acme/autocert"

	"manifold/internal/config"
	"manifold/internal/media"
	"manifold/internal/telemetry"
	"manifold/models"
	"manifold/pumpapi"
	"manifold/web"
)

// stopWithin is how long requests and jobs get to end when the server stops.
const stopWithin = 20 * time.Second

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server until it is told to stop (Ctrl-C, SIGTERM). Without any\n" +
			"configuration it serves http://localhost:8080 and keeps everything in ./data.",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.serve(c.Context(), cfg)
		},
	}
}

func (p *program) serve(ctx context.Context, cfg *config.Config) error {
	// The port is taken before anything else, so that a second server on the
	// same port fails at once; requests wait until there is somebody to answer.
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", cfg.Listen, err)
	}
	defer listener.Close()
	cfg.Bound(listener.Addr())
	h, err := p.open(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer h.Close()
	tel, err := telemetry.New(telemetry.Options{Logger: h.log, Version: version})
	if err != nil {
		return err
	}
	handler, err := h.handler(cfg, tel)
	if err != nil {
		return err
	}
	if err := h.measure(tel); err != nil {
		return err
	}
	if err := h.bridge.Start(ctx); err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 2)
	if err := secure(cfg, server, failed); err != nil {
		return err
	}
	go func() { failed <- serveOn(server, listener) }()
	if cfg.MetricsListen != "" {
		admin, err := serveAdmin(cfg.MetricsListen, tel, failed)
		if err != nil {
			return err
		}
		defer admin.Close()
	}
	p.greet(cfg, h)

	select {
	case err = <-failed:
	case <-ctx.Done():
		h.log.Info("stopping")
	}
	return errors.Join(err, h.stop(server))
}

func serveOn(server *http.Server, listener net.Listener) error {
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}

// secure sets up TLS as the configuration says.
func secure(cfg *config.Config, server *http.Server, failed chan<- error) error {
	switch cfg.TLS {
	case config.TLSFiles:
		pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
		if err != nil {
			return fmt.Errorf("reading the certificate %s and its key %s: %w", cfg.TLSCert, cfg.TLSKey, err)
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	case config.TLSACME:
		m := &autocert.Manager{
			Prompt: autocert.AcceptTOS, Email: cfg.ACMEEmail, HostPolicy: autocert.HostWhitelist(cfg.ACMEDomains()...),
			Cache: autocert.DirCache(filepath.Join(cfg.DataDir, "acme")),
		}
		server.TLSConfig = m.TLSConfig()
		server.TLSConfig.MinVersion = tls.VersionTLS12
	}
	return nil
}

// handler puts the networks together on one router.
func (h *house) handler(cfg *config.Config, tel *telemetry.Telemetry) (http.Handler, error) {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	router.Handle("/healthz", tel.HealthHandler())
	router.Handle("/readyz", tel.ReadyHandler())
	if cfg.Networks.Has(config.Pump) {
		api, err := pumpapi.New(pumpapi.Options{
			Bridge: h.bridge, Log: h.log, Files: h.files, Images: media.NewProcessor(media.Options{MaxBytes: int(cfg.MaxUpload)}),
			MaxUpload: cfg.MaxUpload, OpenRegistration: cfg.Registration == config.RegistrationOpen, Version: version,
		})
		if err != nil {
			return nil, err
		}
		api.Register(router)
	}
	pages, err := web.New(web.Options{Bridge: h.bridge, Log: h.log, Version: version})
	if err != nil {
		return nil, err
	}
	if cfg.Web {
		pages.Register(router)
	} else {
		pages.RegisterNone(router)
	}
	return tel.Middleware(router), nil
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
	return nil
}

// serveAdmin serves metrics, health and profiles on an address of their own.
func serveAdmin(address string, tel *telemetry.Telemetry, failed chan<- error) (*http.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for metrics: %w", address, err)
	}
	admin := &http.Server{Handler: tel.AdminHandler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := serveOn(admin, listener); err != nil {
			failed <- err
		}
	}()
	return admin, nil
}

// greet tells where the server is and what to do next.
func (p *program) greet(cfg *config.Config, h *house) {
	fmt.Fprintf(p.out, "Manifold %s is at %s\n", version, cfg.URL)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, total, err := h.db.Accounts(ctx, models.Page{Count: 1}); err == nil && total == 0 {
		fmt.Fprintf(p.out, "Nobody has an account yet. Make the first one in another window:\n\n    manifold user add NICK --admin\n\n")
	}
	h.log.Info("serving", "url", cfg.URL.String(), "listen", cfg.Listen, "database", cfg.Database, "networks", cfg.Networks.String(), "version", version)
}

// stop lets requests and jobs end.
func (h *house) stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return errors.Join(err, h.bridge.Stop(ctx))
}
