package models

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"text/template"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// Migrate brings the tables up to date and returns what it had to do. It is
// safe to run while other processes do the same. Tables are only ever changed
// forwards.
func (db *DB) Migrate(ctx context.Context) ([]Migration, error) {
	p, err := db.migrations()
	if err != nil {
		return nil, err
	}
	var done []Migration
	for attempt := 0; ; attempt++ {
		results, err := p.Up(ctx)
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			results = partial.Applied
		}
		for _, r := range results {
			done = append(done, Migration{Version: r.Source.Version, Name: migrationNames[r.Source.Version], Applied: true})
		}
		if err == nil {
			return done, nil
		}
		// SQLite has no lock for this: another process may have taken a step
		// after we saw that it is to be taken.
		if db.dialect != SQLite || attempt == len(migrationNames) {
			return nil, fmt.Errorf("bringing the tables up to date: %w", err)
		}
	}
}

// Migrations lists every step and whether it was taken.
func (db *DB) Migrations(ctx context.Context) ([]Migration, error) {
	p, err := db.migrations()
	if err != nil {
		return nil, err
	}
	states, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the tables: %w", err)
	}
	var all []Migration
	for _, s := range states {
		all = append(all, Migration{Version: s.Source.Version, Name: migrationNames[s.Source.Version], Applied: s.State == goose.StateApplied})
	}
	return all, nil
}

var migrationNames = map[int64]string{}

func init() {
	names, _ := fs.Glob(migrationFiles, "migrations/*.sql")
	for _, name := range names {
		version, title, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "migrations/"), ".sql"), "_")
		if n, err := strconv.ParseInt(version, 10, 64); err == nil {
			migrationNames[n] = title
		}
	}
}

// migrations makes a step of each file. The files are templates, since the two
// databases have different words for a few things.
func (db *DB) migrations() (*goose.Provider, error) {
	words := struct {
		Bytes, WithoutRowID, Doc string
		SQLite                   bool
	}{"BYTEA", "", "CAST(doc AS json)", db.dialect == SQLite}
	dialect := goose.DialectPostgres
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if db.dialect == SQLite {
		words.Bytes, words.WithoutRowID, words.Doc = "BLOB", " WITHOUT ROWID", "doc"
		dialect = goose.DialectSQLite3
	} else {
		// Asks every second whether another process has ended, for five minutes.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	var steps []*goose.Migration
	for version, title := range migrationNames {
		name := fmt.Sprintf("migrations/%04d_%s.sql", version, title)
		t, err := template.ParseFS(migrationFiles, name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		var sqlText bytes.Buffer
		if err := t.Execute(&sqlText, words); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, sqlText.String())
				return err
			},
		}, nil))
	}
	p, err := goose.NewProvider(dialect, db.write, nil, append(options, goose.WithGoMigrations(steps...))...)
	if err != nil {
		return nil, fmt.Errorf("preparing the migrations: %w", err)
	}
	return p, nil
}
