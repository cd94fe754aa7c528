package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"manifold/apub"
	"manifold/bridge"
	"manifold/internal/config"
	"manifold/internal/mail"
	"manifold/internal/media"
	"manifold/internal/outbound"
	"manifold/internal/telemetry"
	"manifold/models"
	"manifold/ostatus"
)

// house is the store and the bridge over it, opened.
type house struct {
	db     *models.DB
	bridge *bridge.Bridge
	files  *media.Folder
	cache  *media.Cache
	log    *slog.Logger
	// outbound speaks with other servers, for all networks.
	outbound *outbound.Client
	// activityPub is nil where the network is off.
	activityPub *apub.Server
	// ostatus is nil where the network is off.
	ostatus *ostatus.Server
	// endStreams ends what a server sends without an end; see [pumpapi.API.Close].
	endStreams func()
}

// open opens what the configuration names. With migrate the tables are brought
// up to date first; without it they must be.
func (p *program) open(ctx context.Context, cfg *config.Config, migrate bool) (*house, error) {
	log, err := telemetry.NewLogger(p.errs, cfg.LogLevel, string(cfg.LogFormat))
	if err != nil {
		return nil, err
	}
	h := &house{log: log, endStreams: func() {}}
	if h.db, err = models.Open(ctx, models.Options{Database: cfg.Database.DSN(), CacheBytes: cfg.CacheSize}); err != nil {
		return nil, err
	}
	if err := h.furnish(ctx, cfg, migrate); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *house) furnish(ctx context.Context, cfg *config.Config, migrate bool) error {
	if migrate {
		if err := migrateAll(ctx, h.db); err != nil {
			return err
		}
	} else if err := upToDate(ctx, h.db); err != nil {
		return err
	}
	if err := h.db.Join(ctx); err != nil {
		return err
	}
	var err error
	if h.files, err = media.OpenFolder(filepath.Join(cfg.DataDir, "uploads")); err != nil {
		return err
	}
	mailer, err := mailerOf(cfg)
	if err != nil {
		return err
	}
	if h.bridge, err = bridge.New(bridge.Options{DB: h.db, BaseURL: cfg.URL, SiteName: cfg.SiteName, Log: h.log, Files: h.files, Mail: mailer}); err != nil {
		return err
	}
	return h.connect(cfg)
}

// connect tells the bridge which networks there are. Commands beside a running
// server do so too: what they post has to be queued for people elsewhere, though
// the server is who delivers it.
func (h *house) connect(cfg *config.Config) error {
	h.outbound = outbound.New(outbound.Options{UserAgent: "Manifold/" + version + " (+" + cfg.URL.String() + ")",
		AllowPrivate: cfg.AllowPrivateAddresses, Refuse: func(ctx context.Context, host string) error { return h.bridge.RefuseHost(ctx, host) }})
	var err error
	if cfg.Networks.Has(config.ActivityPub) {
		h.activityPub, err = apub.New(apub.Options{Bridge: h.bridge, Log: h.log, Outbound: h.outbound, Version: version, AuthorizedFetch: cfg.AuthorizedFetch,
			Alone: !cfg.Networks.Has(config.Pump)})
		if err != nil {
			return err
		}
		h.bridge.Connect(h.activityPub)
	}
	// Whoever is on both networks is reached by the one before.
	if cfg.Networks.Has(config.OStatus) {
		h.ostatus, err = ostatus.New(ostatus.Options{Bridge: h.bridge, Log: h.log, Outbound: h.outbound, Version: version, ActivityPub: h.activityPub != nil,
			Alternates: alternates(cfg)})
		if err != nil {
			return err
		}
		h.bridge.Connect(h.ostatus)
	}
	return nil
}

// mailerOf sends mail as the configuration says, nil where there is none.
func mailerOf(cfg *config.Config) (bridge.Mailer, error) {
	if cfg.SMTPServer == "" {
		return nil, nil
	}
	return mail.New(mail.Options{Server: cfg.SMTPServer, User: cfg.SMTPUser, Password: cfg.SMTPPassword.Reveal(),
		Encryption: mail.Encryption(cfg.SMTPTLS), From: cfg.MailFrom})
}

func migrateAll(ctx context.Context, db *models.DB) error {
	if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	return bridge.MigrateQueue(ctx, db)
}

// upToDate refuses to work on tables of another version.
func upToDate(ctx context.Context, db *models.DB) error {
	steps, err := db.Migrations(ctx)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if !s.Applied {
			return fmt.Errorf("the tables lack the step %d (%s): run 'manifold migrate' or 'manifold serve' first", s.Version, s.Name)
		}
	}
	return nil
}

// Close closes everything that is open.
func (h *house) Close() error {
	var errs []error
	if h.cache != nil {
		errs = append(errs, h.cache.Close())
	}
	if h.files != nil {
		errs = append(errs, h.files.Close())
	}
	if h.db != nil {
		errs = append(errs, h.db.Close())
	}
	return errors.Join(errs...)
}

// with opens the house for a command beside a running server and closes it
// afterwards. On a database that nobody has used yet it makes the tables.
func (p *program) with(ctx context.Context, cfg *config.Config, do func(*house) error) error {
	h, err := p.open(ctx, cfg, true)
	if err != nil {
		return err
	}
	return errors.Join(do(h), h.Close())
}
