package scratchpg

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Env names the environment variable with the address (postgres://...) of the
// server on which [Database] makes its databases. The user in it has to be one
// who may create and drop databases.
const Env = "MANIFOLD_TEST_POSTGRES"

// dropTimeout bounds the removal of one database.
const dropTimeout = 30 * time.Second

// Database makes an empty database for one test and returns its address. The
// database is dropped when the test has ended, with whoever is still connected.
// The test fails when there is no server and none can be started.
func Database(t testing.TB) (dsn string) {
	t.Helper()
	server, err := testServer()
	if err != nil {
		t.Fatal(err)
	}
	name := databaseName(t.Name())
	address, err := databaseAddress(server, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := createDatabase(t.Context(), server, name); err != nil {
		t.Fatal(err)
	}
	dropAfterwards(t, server, name)
	return address
}

// testServer is the address of the server that the tests of this process share.
// One that it starts is never stopped here: no test knows that it is the last.
// The process's end stops it, see watch.
var testServer = sync.OnceValues(func() (string, error) {
	if dsn := os.Getenv(Env); dsn != "" {
		return dsn, nil
	}
	s, err := Start(context.Background(), Options{})
	if err != nil {
		return "", err
	}
	return s.DSN(), nil
})

// databaseName is a name that no other test has, in which a person who looks
// into the server recognises the test.
func databaseName(test string) string {
	const longest = 40 // of the 63 bytes that PostgreSQL keeps of a name
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '_'
		}
	}, test)
	return readable[:min(len(readable), longest)] + "_" + strings.ToLower(rand.Text()[:12])
}

// databaseAddress is the address of another database on the server of dsn.
func databaseAddress(dsn, name string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		// Neither dsn nor url.Parse's error is shown: both hold the password.
		return "", fmt.Errorf("%s has to be an address of the form postgres://user:password@host:port/database", Env)
	}
	u.Path = "/" + name
	return u.String(), nil
}

func createDatabase(ctx context.Context, server, name string) error {
	if err := execute(ctx, server, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("creating the database %s: %w", name, err)
	}
	return nil
}

func dropDatabase(ctx context.Context, server, name string) error {
	if err := execute(ctx, server, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("dropping the database %s: %w", name, err)
	}
	return nil
}

func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
