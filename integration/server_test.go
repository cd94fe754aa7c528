package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"manifold/internal/scratchpg"
)

// programPath is the program under test, which TestMain builds, unless
// MANIFOLD_TEST_PROGRAM names one.
var programPath = os.Getenv("MANIFOLD_TEST_PROGRAM")

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "manifold-integration-")
	if err == nil && programPath == "" {
		programPath = filepath.Join(dir, "manifold")
		err = build(programPath)
	}
	status := 1
	if err == nil {
		status = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

func build(path string) error {
	c := exec.Command("go", "build", "-buildvcs=false", "-o", path, "manifold/cmd/manifold")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}

// onEachDatabase runs a test on SQLite and on PostgreSQL.
func onEachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "manifold.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, scratchpg.Database(t)) })
}

// ownPostgres starts a PostgreSQL server for this test alone, which forces
// every commit to disk, and makes a database on it.
func ownPostgres(t *testing.T) (pg *scratchpg.Server, database string) {
	t.Helper()
	pg, err := scratchpg.Start(t.Context(), scratchpg.Options{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	if database, err = pg.CreateDatabase(t.Context(), "manifold"); err != nil {
		t.Fatal(err)
	}
	return pg, database
}

// A server is the program, run with its own folder, on a port of its own.
type server struct {
	t       *testing.T
	dir     string
	address string // host:port that it listens on
	url     string // what it believes to be its public address
	env     []string
	process *process
}

// newServer prepares a server; settings are more of the environment
// ("MANIFOLD_REGISTRATION=open"), the last one of a name counting.
func newServer(t *testing.T, database string, settings ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), address: freeAddress(t)}
	_, port, _ := net.SplitHostPort(s.address)
	s.url = "http://localhost:" + port
	s.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "MANIFOLD_URL=" + s.url, "MANIFOLD_LISTEN=" + s.address, "MANIFOLD_DATABASE=" + database,
		"MANIFOLD_DATA_DIR=" + filepath.Join(s.dir, "data"), "MANIFOLD_RATE_LIMITS=off",
	}, settings...)
	t.Cleanup(func() {
		if s.process != nil {
			s.kill()
		}
		if t.Failed() {
			log, _ := os.ReadFile(s.logFile())
			t.Logf("the log of the server at %s ends:\n%s", s.url, log[max(0, len(log)-4000):])
		}
	})
	return s
}

// beside prepares another server on the same database, for the same public
// address, as if behind a load balancer.
func (s *server) beside() *server {
	other := newServer(s.t, "")
	other.url = s.url
	other.env = append(slices.Clone(s.env), "MANIFOLD_LISTEN="+other.address)
	return other
}

// freeAddress finds a port for a server that is restarted on it. It is none of
// those that the kernel gives to whoever asks for any (from 32768 up, ip(7)):
// while the server is down, some connection could be given that.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port was found")
	return ""
}

func (s *server) logFile() string { return filepath.Join(s.dir, "log") }

// process is a run of the program that goes on.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed once it has ended and err is set
	err    error
}

// start starts the server and returns when it is ready.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	s.untilReady()
}

// launch starts the server and does not wait for it.
func (s *server) launch() {
	s.t.Helper()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	p := &process{cmd: exec.Command(programPath, "serve"), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = s.dir, s.env, log, log
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	s.process = p
}

// patience is how long a test waits for what takes a moment on a quiet machine.
const patience = 30 * time.Second

func (s *server) untilReady() {
	s.t.Helper()
	eventually(s.t, "the server at "+s.url+" is ready", func() error {
		select {
		case <-s.process.exited:
			s.t.Fatalf("the server ended while starting: %v", s.process.err)
		default:
		}
		return answers("http://"+s.address+"/readyz", http.StatusOK)
	})
}

// answers asks for an address and says how the answer differs from what is
// expected.
func answers(url string, status int) error {
	r, err := http.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != status {
		return fmt.Errorf("%s: status %d, want %d: %.200s", url, r.StatusCode, status, body)
	}
	return nil
}

// eventually waits until check finds nothing wrong.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	eventuallyWithin(t, patience, what, check)
}

func eventuallyWithin(t *testing.T, atMost time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.After(atMost)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("not within %v: %s: %v", atMost, what, err)
		}
	}
}

// kill ends the server as a loss of power would, as far as the program can tell.
func (s *server) kill() {
	s.t.Helper()
	p := s.process
	s.process = nil
	_ = p.cmd.Process.Kill() // fails when it has ended by itself
	<-p.exited
}

// stop ends the server as an operator would.
func (s *server) stop() {
	s.t.Helper()
	if err := s.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.wait()
}

// wait waits until the server has ended after a signal, and demands that it did
// so well.
func (s *server) wait() {
	s.t.Helper()
	p := s.process
	select {
	case <-p.exited:
	case <-time.After(patience):
		s.t.Fatalf("the server did not stop within %v", patience)
	}
	s.process = nil
	if p.err != nil {
		s.t.Errorf("the server stopped with an error: %v", p.err)
	}
}

// ran is what came of a command.
type ran struct {
	status    int
	out, errs string
}

// run runs a subcommand with the settings of the server, beside it if it is
// running.
func (s *server) run(stdin string, args ...string) ran {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, programPath, args...)
	c.Dir, c.Env, c.Stdin, c.Stdout, c.Stderr = s.dir, s.env, strings.NewReader(stdin), &out, &errs
	err := c.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		s.t.Fatalf("manifold %s: %v", strings.Join(args, " "), err)
	}
	return ran{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// do runs a subcommand that has to succeed and returns what it printed.
func (s *server) do(stdin string, args ...string) string {
	s.t.Helper()
	r := s.run(stdin, args...)
	if r.status != 0 {
		s.t.Fatalf("manifold %s: exit status %d: %s", strings.Join(args, " "), r.status, r.errs)
	}
	return r.out
}

// password is good enough for everybody here.
const password = "a long passphrase 42"

// addUser makes an account by the command line.
func (s *server) addUser(nick string) {
	s.t.Helper()
	s.do(password+"\n", "user", "add", nick, "--password-stdin")
}
