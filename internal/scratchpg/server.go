package scratchpg

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"

	// startTimeout bounds initdb and start together: 2 s on an idle machine,
	// several times that while compilers run beside it.
	startTimeout = 2 * time.Minute
	stopTimeout  = 30 * time.Second
	pollInterval = 20 * time.Millisecond

	// maxConnections is what the pools of a few test binaries, each with
	// several servers under test, may hold at once.
	maxConnections = 300

	// maxSocketPath is sizeof(sockaddr_un.sun_path) less the closing NUL.
	// PostgreSQL does not start when its socket's path is longer.
	maxSocketPath = 107
)

// errPortTaken says that another program took the port between our finding it
// free and the server's binding it.
var errPortTaken = errors.New("the port was taken by another program")

// Options say how a server is run. The zero value is right for tests.
type Options struct {
	// Durable keeps fsync, synchronous_commit and full_page_writes on, as in
	// production: for benchmarks, and for tests that kill a program in the
	// middle of its work. Without it a commit costs no disk write, and a
	// crash of the whole machine may lose the databases.
	Durable bool
}

// A Server is a running PostgreSQL server. Its methods may be called from any
// goroutine.
type Server struct {
	dir      string
	port     int
	password string
	durable  bool
	process  *process
	watcher  *watcher
	stop     func() error
}

// Start makes and starts a server. ctx bounds the start only: a server that has
// started runs until [Server.Stop] or until this process ends. The error is
// [ErrNotInstalled] when PostgreSQL or the account it runs as is missing.
func Start(ctx context.Context, opts Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	bin, err := findPrograms(os.Getenv("PATH"), debianPrograms)
	if err != nil {
		return nil, err
	}
	account, err := serverAccount()
	if err != nil {
		return nil, err
	}
	s := &Server{password: rand.Text(), durable: opts.Durable}
	s.stop = sync.OnceValue(s.end)
	if s.dir, err = os.MkdirTemp("", "manifold-postgres-"); err != nil {
		return nil, fmt.Errorf("making the directory of a scratch PostgreSQL: %w", err)
	}
	if s.watcher, err = watch(s.dir); err == nil {
		err = s.start(ctx, bin, account)
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// DSN is the address of the server's maintenance database, for a connection as
// superuser: postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres?sslmode=disable.
func (s *Server) DSN() string { return s.dsn("postgres") }

// CreateDatabase makes an empty database and returns its address, of the same
// form as that of [Server.DSN].
func (s *Server) CreateDatabase(ctx context.Context, name string) (dsn string, err error) {
	if err := createDatabase(ctx, s.DSN(), name); err != nil {
		return "", err
	}
	return s.dsn(name), nil
}

// Stop ends the server, whoever is connected, and removes its directory. Calls
// after the first do nothing and return what the first returned.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) dsn(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (s *Server) start(ctx context.Context, bin programs, account *syscall.Credential) error {
	if account != nil {
		if err := os.Chown(s.dir, int(account.Uid), int(account.Gid)); err != nil {
			return fmt.Errorf("giving the directory of the scratch PostgreSQL to its account: %w", err)
		}
	}
	if err := s.initdb(ctx, bin.initdb, account); err != nil {
		return err
	}
	const attempts = 3
	for attempt := 1; ; attempt++ {
		err := s.serve(ctx, bin.postgres, account)
		if !errors.Is(err, errPortTaken) || attempt == attempts {
			return err
		}
	}
}

func (s *Server) initdb(ctx context.Context, program string, account *syscall.Credential) error {
	// The password goes in by a file: arguments and environments are for all to read.
	passwordFile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(s.password), 0o600); err != nil {
		return fmt.Errorf("writing the scratch PostgreSQL's password: %w", err)
	}
	if account != nil {
		if err := os.Chown(passwordFile, int(account.Uid), int(account.Gid)); err != nil {
			return fmt.Errorf("writing the scratch PostgreSQL's password: %w", err)
		}
	}
	args := []string{
		"--pgdata=" + s.dataDir(), "--username=" + superuser, "--pwfile=" + passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--lc-messages=C",
	}
	if !s.durable {
		args = append(args, "--no-sync")
	}
	p, err := s.launch(exec.CommandContext(ctx, program, args...), account)
	if err != nil {
		return fmt.Errorf("starting initdb in %s: %w", s.dir, err)
	}
	<-p.exited
	if p.err != nil {
		return fmt.Errorf("initdb: %w\n%s", p.err, s.logTail())
	}
	return os.Remove(passwordFile)
}

// serve starts postgres on a free port and returns when it answers.
func (s *Server) serve(ctx context.Context, program string, account *syscall.Credential) error {
	port, err := freePort()
	if err != nil {
		return fmt.Errorf("finding a free port: %w", err)
	}
	s.port = port
	cmd := exec.Command(program, "-D", s.dataDir(), "-p", strconv.Itoa(port), "-k", s.socketDir())
	settings := []string{"listen_addresses=127.0.0.1", "max_connections=" + strconv.Itoa(maxConnections)}
	if !s.durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	for _, setting := range settings {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	if s.process, err = s.launch(cmd, account); err != nil {
		return fmt.Errorf("starting postgres in %s: %w", s.dir, err)
	}
	return s.untilReady(ctx)
}

func (s *Server) untilReady(ctx context.Context) error {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.DSN())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-poll.C:
		case <-s.process.exited:
			log := s.logTail()
			if strings.Contains(log, "could not bind") {
				return fmt.Errorf("starting postgres: %w\n%s", errPortTaken, log)
			}
			return fmt.Errorf("postgres ended while starting: %w\n%s", s.process.err, log)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w\n%s", errors.Join(ctx.Err(), err), s.logTail())
		}
	}
}

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// socketDir is where the server puts its Unix socket, "" for nowhere.
func (s *Server) socketDir() string {
	if len(s.dir)+len("/.s.PGSQL.65535") > maxSocketPath {
		return ""
	}
	return s.dir
}

// logTail is the end of what initdb and postgres printed.
func (s *Server) logTail() string {
	const enough = 2000
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	if len(log) > enough {
		log = log[len(log)-enough:]
	}
	return strings.TrimSpace(string(log))
}

func (s *Server) end() error {
	var errs []error
	if s.process != nil {
		// SIGINT writes everything down and SIGQUIT does not; neither waits
		// for clients (PostgreSQL documentation, "Shutting Down the Server").
		signal := syscall.SIGQUIT
		if s.durable {
			signal = syscall.SIGINT
		}
		errs = append(errs, s.process.end(signal, stopTimeout))
	}
	if err := os.RemoveAll(s.dir); err != nil {
		errs = append(errs, fmt.Errorf("removing the scratch PostgreSQL's directory: %w", err))
	}
	if s.watcher != nil {
		s.watcher.dismiss()
	}
	return errors.Join(errs...)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
