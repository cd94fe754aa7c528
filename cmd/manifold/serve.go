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
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/acme/autocert"

	"manifold/internal/config"
	"manifold/internal/front"
	"manifold/internal/telemetry"
	"manifold/models"
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
	p.keepLean(ctx)
	h, closeLog, err := p.openLogging(ctx, cfg)
	if err != nil {
		return err
	}
	defer closeLog()
	defer h.Close()
	for _, w := range cfg.Warnings {
		h.log.Warn("configuration", "warning", w)
	}
	if err := h.preset(ctx, cfg.Presets); err != nil {
		return err
	}
	tel, err := telemetry.New(telemetry.Options{Logger: h.log, Version: version, RemoteAddress: remoteAddress(cfg)})
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
	failed := make(chan error, 3)
	redirect, err := secure(cfg, server)
	if err != nil {
		return err
	}
	go func() { failed <- serveOn(server, listener) }()
	if cfg.RedirectListen != "" {
		plain, err := serveBeside(cfg.RedirectListen, "redirects", redirect, failed)
		if err != nil {
			return err
		}
		defer plain.Close()
	}
	if cfg.MetricsListen != "" {
		admin, err := serveBeside(cfg.MetricsListen, "metrics", tel.AdminHandler(), failed)
		if err != nil {
			return err
		}
		defer admin.Close()
	}
	p.greet(cfg, h)
	// What the start needed once, a small machine wants back.
	debug.FreeOSMemory()

	select {
	case err = <-failed:
	case <-ctx.Done():
		h.log.Info("stopping")
	}
	return errors.Join(err, h.stop(server))
}

// openLogging opens the house for a server, which may have a file for its log.
func (p *program) openLogging(ctx context.Context, cfg *config.Config) (h *house, closeLog func(), err error) {
	if cfg.LogFile == "" {
		h, err = p.open(ctx, cfg, true)
		return h, func() {}, err
	}
	file, err := openLog(cfg.LogFile)
	if err != nil {
		return nil, nil, err
	}
	logging := *p
	logging.errs = file
	if h, err = logging.open(ctx, cfg, true); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	file.reopenOnHangup(ctx, h.log)
	return h, func() { cancel(); _ = file.Close() }, nil
}

// remoteAddress tells where a request comes from, for the log and for whoever
// counts.
func remoteAddress(cfg *config.Config) func(*http.Request) string {
	proxies := front.Proxies(cfg.TrustedProxies)
	return func(r *http.Request) string { return proxies.Client(r).String() }
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

// secure sets up TLS as the configuration says. It returns what the port of
// plain http answers: redirects, and the questions of an authority that gives
// certificates (RFC 8555 8.3).
func secure(cfg *config.Config, server *http.Server) (redirect http.Handler, err error) {
	redirect = front.Redirect(cfg.URL)
	switch cfg.TLS {
	case config.TLSFiles:
		pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate %s and its key %s: %w", cfg.TLSCert, cfg.TLSKey, err)
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	case config.TLSACME:
		m := &autocert.Manager{
			Prompt: autocert.AcceptTOS, Email: cfg.ACMEEmail, HostPolicy: autocert.HostWhitelist(cfg.ACMEDomains()...),
			Cache: autocert.DirCache(filepath.Join(cfg.DataDir, "acme")),
		}
		server.TLSConfig = m.TLSConfig()
		server.TLSConfig.MinVersion = tls.VersionTLS12
		redirect = m.HTTPHandler(redirect)
	}
	return redirect, nil
}

// serveBeside serves something on an address of its own.
func serveBeside(address, what string, handler http.Handler, failed chan<- error) (*http.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for %s: %w", address, what, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := serveOn(server, listener); err != nil {
			failed <- err
		}
	}()
	return server, nil
}

// greet tells where the server is and what to do next.
func (p *program) greet(cfg *config.Config, h *house) {
	fmt.Fprintf(p.out, "Manifold %s is at %s\n", version, cfg.URL)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// One is looked for, not counted: on SQLite, all accounts of a large server would
	// stay in memory for it.
	if one, err := h.db.AllAccounts(ctx, models.Page{Count: 1}); err == nil && len(one) == 0 {
		fmt.Fprintf(p.out, "Nobody has an account yet. Make the first one in another window:\n\n    manifold user add NICK --admin\n\n")
	}
	h.log.Info("serving", "url", cfg.URL.String(), "listen", cfg.Listen, "database", cfg.Database, "networks", cfg.Networks.String(), "version", version)
}

// stop lets requests and jobs end.
func (h *house) stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	// Streams of events would not end by themselves.
	h.endStreams()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return errors.Join(err, h.bridge.Stop(ctx))
}
