package scratchpg

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Template is a database of which tests get copies: to make the tables costs more
// than most tests do. The zero value is ready for use. A test binary that has one
// drops it when its tests have ended.
type Template struct {
	once   sync.Once
	server string
	name   string
}

// Copy makes a copy for one test and returns its address, as [Database] does. The
// first test has the template filled, by what is given the address of an empty
// database.
func (p *Template) Copy(t testing.TB, fill func(address string)) (dsn string) {
	t.Helper()
	p.once.Do(func() { p.make(t, fill) })
	if p.name == "" {
		t.Fatal("there is no template: see the test that was to make it")
	}
	name := databaseName(t.Name())
	address, err := databaseAddress(p.server, name)
	if err != nil {
		t.Fatal(err)
	}
	statement := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE " + pgx.Identifier{p.name}.Sanitize()
	if err := execute(t.Context(), p.server, statement); err != nil {
		t.Fatalf("copying the database %s: %v", p.name, err)
	}
	dropAfterwards(t, p.server, name)
	return address
}

func (p *Template) make(t testing.TB, fill func(address string)) {
	t.Helper()
	server, err := testServer()
	if err != nil {
		t.Fatal(err)
	}
	name := databaseName("template")
	address, err := databaseAddress(server, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := createDatabase(t.Context(), server, name); err != nil {
		t.Fatal(err)
	}
	fill(address)
	p.server, p.name = server, name
}

// Drop removes the template. A server that was started for the tests takes it
// along in any case; one that was there before them would keep it.
func (p *Template) Drop() error {
	if p.name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
	defer cancel()
	return dropDatabase(ctx, p.server, p.name)
}

// dropAfterwards has a database removed when a test has ended.
func dropAfterwards(t testing.TB, server, name string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		if err := dropDatabase(ctx, server, name); err != nil {
			t.Error(err)
		}
	})
}
