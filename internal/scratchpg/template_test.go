package scratchpg_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"manifold/internal/scratchpg"
)

// Each copy has what the template has, and what is done to it is done to nothing
// else.
func TestTemplate(t *testing.T) {
	var template scratchpg.Template
	fills := 0
	fill := func(t *testing.T) func(address string) {
		return func(address string) {
			fills++
			conn, err := pgx.Connect(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if _, err := conn.Exec(t.Context(), "CREATE TABLE things AS SELECT 'one' AS name"); err != nil {
				t.Fatal(err)
			}
		}
	}
	var copies []string
	for range 2 {
		t.Run("", func(t *testing.T) {
			dsn := template.Copy(t, fill(t))
			copies = append(copies, dsn)
			if got := query(t, dsn, "SELECT string_agg(name, ' ') FROM things"); got != "one" {
				t.Errorf("the copy has %q", got)
			}
			if got := query(t, dsn, "INSERT INTO things VALUES ('two') RETURNING name"); got != "two" {
				t.Errorf("it was given %q", got)
			}
		})
	}
	if fills != 1 || copies[0] == copies[1] {
		t.Errorf("the template was made %d times, for the copies %v", fills, copies)
	}
	for _, dsn := range copies {
		if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
			conn.Close(t.Context())
			t.Error("a copy is still there after its test")
		}
	}
	for range 2 {
		if err := template.Drop(); err != nil {
			t.Error(err)
		}
	}
	if err := new(scratchpg.Template).Drop(); err != nil {
		t.Errorf("dropping what was never made: %v", err)
	}
}
