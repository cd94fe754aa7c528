package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"manifold/bridge"
	"manifold/internal/config"
	"manifold/internal/media"
	"manifold/internal/telemetry"
	"manifold/models"
)

// house is the store and the bridge over it, opened.
type house struct {
	db     *models.DB
	bridge *bridge.Bridge
	files  *media.Folder
	log    *slog.Logger
}

// open opens what the configuration names. With migrate the tables are brought
// up to date first; without it they must be.
func (p *program) open(ctx context.Context, cfg *config.Config, migrate bool) (*house, error) {
	log, err := telemetry.NewLogger(p.errs, cfg.LogLevel, string(cfg.LogFormat))
	if err != nil {
		return nil, err
	}
	h := &house{log: log}
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
	h.bridge, err = bridge.New(bridge.Options{DB: h.db, BaseURL: cfg.URL, SiteName: cfg.SiteName, Log: h.log, Files: h.files})
	return err
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
