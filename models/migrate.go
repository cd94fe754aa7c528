package models

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

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

// words are what the two databases call differently, as the files of the
// migrations name it.
var words = map[Dialect]*strings.Replacer{
	SQLite:   strings.NewReplacer("{bytes}", "BLOB", " {without rowid}", " WITHOUT ROWID", "{counted}", "INTEGER", "{doc}", "doc"),
	Postgres: strings.NewReplacer("{bytes}", "BYTEA", " {without rowid}", "", "{counted}", "BIGINT GENERATED ALWAYS AS IDENTITY", "{doc}", "CAST(doc AS json)"),
}

// statements returns what a file says to one of the databases. Besides different
// words they have parts of their own, which begin with a line that tells whose
// they are.
func statements(file string, dialect Dialect) string {
	var b strings.Builder
	meant := true
	for line := range strings.Lines(file) {
		switch strings.TrimSpace(line) {
		case "-- both":
			meant = true
		case "-- only SQLite":
			meant = dialect == SQLite
		case "-- only PostgreSQL":
			meant = dialect == Postgres
		default:
			if meant {
				b.WriteString(line)
			}
		}
	}
	return words[dialect].Replace(b.String())
}

// migrations makes a step of each file.
func (db *DB) migrations() (*goose.Provider, error) {
	dialect := goose.DialectPostgres
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if db.dialect == SQLite {
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
		file, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		text := statements(string(file), db.dialect)
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, text)
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
