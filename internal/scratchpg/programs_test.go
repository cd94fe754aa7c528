package scratchpg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindPrograms(t *testing.T) {
	root := t.TempDir()
	install := func(mode os.FileMode, files ...string) {
		for _, f := range files {
			f = filepath.Join(root, f)
			if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f, nil, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	install(0o755, "own/initdb", "own/postgres", "half/initdb")
	install(0o644, "data/initdb", "data/postgres")
	install(0o755, "debian/9/bin/initdb", "debian/9/bin/postgres")
	install(0o755, "debian/15/bin/initdb", "debian/15/bin/postgres")
	install(0o755, "debian/17/bin/initdb") // its server package is removed

	in := func(dirs ...string) string {
		for i, d := range dirs {
			if d != "." {
				dirs[i] = filepath.Join(root, d)
			}
		}
		return strings.Join(dirs, string(filepath.ListSeparator))
	}
	tests := []struct {
		name, path, pattern, want string
	}{
		{"on PATH", in("half", "own"), "debian/*/bin", "own"},
		{"newest of Debian's that is whole", in("half"), "debian/*/bin", "debian/15/bin"},
		{"not executable", in("data"), "debian/*/bin", "debian/15/bin"},
		{"relative PATH", ".", "debian/*/bin", "debian/15/bin"},
		{"nothing", in("half"), "nowhere/*/bin", ""},
		{"no PATH", "", "nowhere/*/bin", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := findPrograms(tt.path, in(tt.pattern))
			if tt.want == "" {
				if !errors.Is(err, ErrNotInstalled) {
					t.Fatalf("error %v, want ErrNotInstalled", err)
				}
				if !strings.Contains(err.Error(), "apt-get install postgresql") {
					t.Errorf("the error does not say what to do: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			dir := in(tt.want)
			if want := (programs{filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")}); got != want {
				t.Errorf("found %v, want %v", got, want)
			}
		})
	}
}

func TestDatabaseAddress(t *testing.T) {
	got, err := databaseAddress("postgres://u:p@h:1/postgres?sslmode=disable", "new")
	if want := "postgres://u:p@h:1/new?sslmode=disable"; got != want || err != nil {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	for _, bad := range []string{"host=h password=secret", "mysql://u:secret@h/db", "postgres://u:secret@h:x y/"} {
		_, err := databaseAddress(bad, "new")
		if err == nil {
			t.Errorf("%s was accepted", bad)
			continue
		}
		if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), Env) {
			t.Errorf("%s: error %q has to name the variable and not the password", bad, err)
		}
	}
}

func TestDatabaseName(t *testing.T) {
	tests := []struct{ test, want string }{
		{"TestFollow", "testfollow_"},
		{"TestFollow/by a stranger#01", "testfollow_by_a_stranger_01_"},
		{"Test" + strings.Repeat("Ü", 100), "test" + strings.Repeat("_", 37)},
	}
	for _, tt := range tests {
		got := databaseName(tt.test)
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s and a random end", tt.test, got, tt.want)
		}
		if len(got) > 63 {
			t.Errorf("%s: %s is longer than PostgreSQL's 63 bytes", tt.test, got)
		}
		if got == databaseName(tt.test) {
			t.Errorf("%s: the same name twice", tt.test)
		}
	}
}
