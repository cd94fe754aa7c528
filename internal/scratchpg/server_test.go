package scratchpg_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"manifold/internal/scratchpg"
)

// roleEnv makes this test binary play a program that starts a server, prints
// where it is, and waits for whatever the test has in mind for it.
const roleEnv = "SCRATCHPG_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "owner" {
		os.Exit(own(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// own starts a server, prints its address and directory, and returns without
// stopping it when stdin ends.
func own(stdin io.Reader, stdout io.Writer) int {
	s, err := scratchpg.Start(context.Background(), scratchpg.Options{})
	if err != nil {
		fmt.Fprintln(stdout, err)
		return 1
	}
	dir, err := dataDir(context.Background(), s.DSN())
	if err != nil {
		fmt.Fprintln(stdout, err)
		return 1
	}
	fmt.Fprintln(stdout, s.DSN())
	fmt.Fprintln(stdout, filepath.Dir(dir))
	io.Copy(io.Discard, stdin)
	return 0
}

func TestServer(t *testing.T) {
	tests := []struct {
		name    string
		options scratchpg.Options
		fsync   string
	}{
		{"fast", scratchpg.Options{}, "off"},
		{"durable", scratchpg.Options{Durable: true}, "on"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := scratchpg.Start(t.Context(), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Stop() })
			for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
				if got := query(t, s.DSN(), "SHOW "+setting); got != tt.fsync {
					t.Errorf("%s is %s, want %s", setting, got, tt.fsync)
				}
			}
			dsn, err := s.CreateDatabase(t.Context(), `odd "name"`)
			if err != nil {
				t.Fatal(err)
			}
			if got := query(t, dsn, "SELECT current_database()"); got != `odd "name"` {
				t.Errorf("the address of the new database leads to %s", got)
			}
			if _, err := s.CreateDatabase(t.Context(), `odd "name"`); err == nil {
				t.Error("the same database was made twice")
			}
			dir, err := dataDir(t.Context(), s.DSN())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Stop(); err != nil {
				t.Fatalf("Stop: %v", err)
			}
			if listening(s.DSN()) {
				t.Error("the port still answers after Stop")
			}
			if exists(filepath.Dir(dir)) {
				t.Error("the directory is still there after Stop")
			}
			if err := s.Stop(); err != nil {
				t.Errorf("second Stop: %v", err)
			}
		})
	}
}

func TestPasswordIsAsked(t *testing.T) {
	s, err := scratchpg.Start(t.Context(), scratchpg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	u, err := url.Parse(s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), "guessed")
	if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
		conn.Close(t.Context())
		t.Error("any user of this machine may be superuser: a wrong password was accepted")
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	tmp := openDir(t)
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := scratchpg.Start(ctx, scratchpg.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one that wraps context.Canceled", err)
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("%s was left behind", left[0].Name())
	}
}

// A directory too deep for a Unix socket in it must not keep the server from starting.
func TestDeepDirectory(t *testing.T) {
	deep := openDir(t)
	for len(deep) < 120 {
		deep = filepath.Join(deep, "directory")
		if err := os.Mkdir(deep, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", deep)
	s, err := scratchpg.Start(t.Context(), scratchpg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestServerEndsWithItsOwner(t *testing.T) {
	ends := map[string]func(t *testing.T, owner *exec.Cmd, stdin io.Closer){
		"killed": func(t *testing.T, owner *exec.Cmd, _ io.Closer) {
			if err := owner.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		},
		"returned from main": func(t *testing.T, _ *exec.Cmd, stdin io.Closer) {
			if err := stdin.Close(); err != nil {
				t.Fatal(err)
			}
		},
	}
	for who, account := range accounts(t) {
		for how, end := range ends {
			t.Run(who+" "+how, func(t *testing.T) {
				owner, stdin, dsn, dir := startOwner(t, account)
				if got := query(t, dsn, "SELECT 1::text"); got != "1" {
					t.Fatalf("the server answers %q", got)
				}
				end(t, owner, stdin)
				owner.Wait()
				eventually(t, "the server still listens", func() bool { return !listening(dsn) })
				eventually(t, "the directory is still there", func() bool { return !exists(dir) })
			})
		}
	}
}

// accounts are those that this test can run a program as: always its own, and
// for root also one without any rights.
func accounts(t *testing.T) map[string]*syscall.Credential {
	all := map[string]*syscall.Credential{"self": nil}
	if os.Geteuid() != 0 {
		return all
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	all["nobody"] = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return all
}

// startOwner runs this test binary in its other role.
func startOwner(t *testing.T, account *syscall.Credential) (owner *exec.Cmd, stdin io.WriteCloser, dsn, dir string) {
	t.Helper()
	owner = exec.Command(publicCopy(t))
	owner.Dir = "/"
	owner.Env = append(os.Environ(), roleEnv+"=owner", "TMPDIR="+openDir(t))
	owner.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	stdin, err := owner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Process.Kill() })
	lines := bufio.NewScanner(stdout)
	for _, into := range []*string{&dsn, &dir} {
		if !lines.Scan() {
			t.Fatalf("the owner said only %q: %v", dsn, lines.Err())
		}
		*into = lines.Text()
	}
	return owner, stdin, dsn, dir
}

// publicCopy copies this program to where any account may run it: `go test`
// builds it in a directory closed to others.
func publicCopy(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(openDir(t), "owner")
	if err := os.WriteFile(copied, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return copied
}

// openDir makes a directory in which every account may make files.
func openDir(t *testing.T) string {
	t.Helper()
	// t.TempDir lies in a directory that only its owner may enter.
	dir, err := os.MkdirTemp("", "scratchpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

func dataDir(ctx context.Context, dsn string) (string, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var dir string
	err = conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir)
	return dir, err
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var s string
	if err := conn.QueryRow(t.Context(), sql).Scan(&s); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return s
}

func listening(dsn string) bool {
	u, err := url.Parse(dsn)
	if err != nil {
		return false
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

func eventually(t *testing.T, complaint string, ok func() bool) {
	t.Helper()
	const patience = time.Minute
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s after %v", complaint, patience)
		}
		<-poll.C
	}
}
