package scratchpg

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// ErrNotInstalled says that PostgreSQL is not on this machine. The error that
// wraps it says what was looked for and where.
var ErrNotInstalled = errors.New("PostgreSQL is not installed; to install it: sudo apt-get install postgresql")

// debianPrograms matches the directories of Debian's packages, which keep
// initdb and postgres off the PATH so that several versions fit side by side.
const debianPrograms = "/usr/lib/postgresql/*/bin"

// programs are paths of what comes with one version of PostgreSQL.
type programs struct{ initdb, postgres string }

// findPrograms looks in the directories of path, a list as in PATH, and then in
// those that match pattern, whose next to last element is the version.
func findPrograms(path, pattern string) (programs, error) {
	dirs := filepath.SplitList(path)
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return programs{}, fmt.Errorf("looking for PostgreSQL in %s: %w", pattern, err)
	}
	dirs = append(dirs, newestFirst(matches)...)
	for _, dir := range dirs {
		p := programs{initdb: filepath.Join(dir, "initdb"), postgres: filepath.Join(dir, "postgres")}
		if executable(p.initdb) && executable(p.postgres) {
			return p, nil
		}
	}
	return programs{}, fmt.Errorf("%w (no initdb and postgres on PATH or in %s)", ErrNotInstalled, pattern)
}

// newestFirst sorts directories /.../VERSION/bin.
func newestFirst(dirs []string) []string {
	version := func(dir string) int {
		// Not a number: 0, after all that are.
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	return slices.SortedStableFunc(slices.Values(dirs), func(a, b string) int {
		return cmp.Compare(version(b), version(a))
	})
}

// executable keeps to absolute paths: the server does not run in our directory.
func executable(path string) bool {
	if !filepath.IsAbs(path) {
		return false
	}
	_, err := exec.LookPath(path)
	return err == nil
}

// serverAccount is whom the server runs as, nil for ourselves.
func serverAccount() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(superuser)
	if err != nil {
		return nil, fmt.Errorf("%w (it does not run as root, and the account postgres is missing: %w)", ErrNotInstalled, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of the account postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of the account postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
