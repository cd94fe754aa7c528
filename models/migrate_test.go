package models_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"manifold/models"
)

func TestMigrate(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := open(t, models.Options{Database: address})
		before := must[[]models.Migration](t)(db.Migrations(t.Context()))
		files := must[[]string](t)(filepath.Glob("migrations/*.sql"))
		if len(before) != len(files) || len(files) == 0 {
			t.Fatalf("%d migrations for %d files", len(before), len(files))
		}
		for _, m := range before {
			if m.Applied || m.Name == "" || m.Version == 0 {
				t.Errorf("before: %+v", m)
			}
		}
		done := must[[]models.Migration](t)(db.Migrate(t.Context()))
		after := must[[]models.Migration](t)(db.Migrations(t.Context()))
		if !slices.Equal(done, after) {
			t.Errorf("done %+v, after %+v", done, after)
		}
		for i, m := range after {
			if !m.Applied || m.Version != before[i].Version || m.Name != before[i].Name {
				t.Errorf("after: %+v", m)
			}
		}
		if again := must[[]models.Migration](t)(db.Migrate(t.Context())); len(again) != 0 {
			t.Errorf("again: %+v", again)
		}
	})
}

// Migrating again changes nothing in a database that is in use.
func TestMigrateKeepsWhatIsThere(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		do(t, db, deed{name: "post", actor: ann}, models.Distribution{AuthorLocal: true})
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		do(t, db, deed{name: "later", actor: ann}, models.Distribution{AuthorLocal: true})
		if got := inbox(t, db, ann, models.All); !slices.Equal(got, []string{"later", "post"}) {
			t.Errorf("inbox %v", got)
		}
	})
}

// Several processes start at once. The table of versions is there already, as
// it is before every step but the first.
func TestMigrateAtOnce(t *testing.T) {
	const processes = 3
	addresses(t, func(t *testing.T, address string) {
		must[[]models.Migration](t)(open(t, models.Options{Database: address}).Migrations(t.Context()))
		var wg sync.WaitGroup
		done := make([][]models.Migration, processes)
		for i := range processes {
			db := open(t, models.Options{Database: address})
			wg.Go(func() {
				var err error
				if done[i], err = db.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all := slices.Concat(done...)
		files := must[[]string](t)(filepath.Glob("migrations/*.sql"))
		if len(all) != len(files) {
			t.Errorf("%d migrations were done, want each of %d once: %+v", len(all), len(files), all)
		}
	})
}

// Without its tables a store says what to do.
func TestStoreWithoutTables(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := open(t, models.Options{Database: address})
		if err := db.Join(t.Context()); err == nil {
			t.Error("a process joined a database that has no tables")
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("a database without tables does not answer: %v", err)
		}
	})
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, address, says string }{
		{"not a database", file, "file is not a database"},
		{"below a file", filepath.Join(file, "store.db"), "making the folder of the database"},
		{"a DSN that cannot be read", "postgres://ann:se cret@%zz/x", "postgres"},
		{"nobody there", "postgres://ann:secret@127.0.0.1:1/x?sslmode=disable", "connecting to the postgres database"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := models.Open(t.Context(), models.Options{Database: tt.address})
			if err == nil {
				db.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not say %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "se cret") {
				t.Errorf("error %q shows the password", err)
			}
		})
	}
}

// Every table and every index has its reason right above it.
func TestSchemaIsExplained(t *testing.T) {
	creates := regexp.MustCompile(`(?i)^\s*CREATE\s+(?:UNIQUE\s+|VIRTUAL\s+)?(TABLE|INDEX)\s+(\w+)`)
	found := map[string]int{}
	for _, file := range must[[]string](t)(filepath.Glob("migrations/*.sql")) {
		lines := strings.Split(string(must[[]byte](t)(os.ReadFile(file))), "\n")
		// What only PostgreSQL has is explained like all else, and not counted.
		elsewhere := false
		for i, line := range lines {
			elsewhere = (elsewhere || line == "-- only PostgreSQL") && line != "-- both"
			m := creates.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if !elsewhere {
				found[strings.ToUpper(m[1])]++
			}
			reason := ""
			for j := i - 1; j >= 0 && strings.HasPrefix(lines[j], "-- "); j-- {
				reason = lines[j][3:] + " " + reason
			}
			if len(strings.Fields(reason)) < 4 {
				t.Errorf("%s:%d: %s has no reason above it, only %q", file, i+1, m[2], reason)
			}
		}
	}
	db := newStore(t, databases[0].address(t))
	for kind, from := range map[string]string{"TABLE": "pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')", "INDEX": "sqlite_master WHERE type = 'index'"} {
		n := number(t, db, "SELECT COUNT(*) FROM "+from+" AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'")
		if int64(found[kind]) != n {
			t.Errorf("%d statements make a %s, the database has %d", found[kind], strings.ToLower(kind), n)
		}
	}
}
