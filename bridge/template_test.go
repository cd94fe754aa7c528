package bridge_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"manifold/internal/scratchpg"
)

// Making the tables costs more than most tests do. So each test gets a copy of a
// database that has them.

var sqliteTemplate struct {
	once sync.Once
	file []byte
}

// emptySQLite is the file of an SQLite database with all tables and nothing in
// them.
func emptySQLite(t *testing.T) []byte {
	sqliteTemplate.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		migrate(t, path)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sqliteTemplate.file = file
	})
	return sqliteTemplate.file
}

// pgTemplate is a database on the server that the tests share, which PostgreSQL
// copies.
type pgTemplate struct {
	once   sync.Once
	server *url.URL // of its maintenance database
	name   string
	copies atomic.Int64
}

var postgresTemplate pgTemplate

// copy makes a database for one test, and drops it when the test has ended.
func (p *pgTemplate) copy(t *testing.T) string {
	t.Helper()
	p.once.Do(func() { p.make(t) })
	if p.name == "" {
		t.Fatal("there is no template, see the test that was to make it")
	}
	name := fmt.Sprintf("%s_%d", p.name, p.copies.Add(1))
	if err := p.exec("CREATE DATABASE " + name + " TEMPLATE " + p.name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return p.address(name)
}

func (p *pgTemplate) make(t *testing.T) {
	t.Helper()
	server := os.Getenv(scratchpg.Env)
	if server == "" {
		server = scratchpg.Database(t)
	}
	p.server = parseURL(t, server)
	if os.Getenv(scratchpg.Env) == "" {
		p.server.Path = "/postgres" // the database of this test ends with it
	}
	name := fmt.Sprintf("bridge_test_%d_%d", os.Getpid(), time.Now().UnixNano())
	if err := p.exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	migrate(t, p.address(name))
	p.name = name
}

// drop removes the template once all tests have ended.
func (p *pgTemplate) drop() error {
	if p.name == "" {
		return nil
	}
	return p.exec("DROP DATABASE " + p.name + " WITH (FORCE)")
}

func (p *pgTemplate) address(name string) string {
	u := *p.server
	u.Path = "/" + name
	return u.String()
}

func (p *pgTemplate) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.server.String())
	if err != nil {
		return fmt.Errorf("connecting to the PostgreSQL of the tests: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
