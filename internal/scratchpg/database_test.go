package scratchpg_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"manifold/internal/scratchpg"
)

func TestDatabaseIsEmptyAndOnesOwn(t *testing.T) {
	const n = 4
	dsns := make(chan string, n)
	t.Run("side by side", func(t *testing.T) {
		for i := range n {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				dsn := scratchpg.Database(t)
				if got := query(t, dsn, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
					t.Errorf("a new database holds %s tables", got)
				}
				conn, err := pgx.Connect(t.Context(), dsn)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(t.Context())
				if _, err := conn.Exec(t.Context(), "CREATE TABLE mine ()"); err != nil {
					t.Error(err)
				}
				dsns <- dsn
			})
		}
	})
	close(dsns)
	seen := map[string]bool{}
	for dsn := range dsns {
		if seen[dsn] {
			t.Error("two tests got the same database")
		}
		seen[dsn] = true
		if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
			conn.Close(t.Context())
			t.Error("the database is still there after its test")
		}
	}
	if len(seen) != n {
		t.Errorf("%d databases, want %d", len(seen), n)
	}
}

// A test that forgets to close its connections must not keep the database alive.
func TestDatabaseInUseIsDropped(t *testing.T) {
	var dsn string
	var conn *pgx.Conn
	t.Run("careless", func(t *testing.T) {
		dsn = scratchpg.Database(t)
		var err error
		if conn, err = pgx.Connect(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
	})
	defer conn.Close(t.Context())
	if again, err := pgx.Connect(t.Context(), dsn); err == nil {
		again.Close(t.Context())
		t.Error("the database outlived its test")
	}
}
