package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// site is the public address of the server under test. Nobody resolves the
// name: requests go to the port that it listens on, as if through a proxy.
const site = "http://manifold.test"

// build makes the program as it is released.
func build(ctx context.Context, path string) error {
	progress("building the program")
	c := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", path, "manifold/cmd/manifold")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}

// patient waits as long as a profile may take.
var patient = &http.Client{Timeout: 2 * time.Minute}

// program is the server under test and how it is configured.
type program struct {
	path, dir, dsn string
	address, admin string

	cmd  *exec.Cmd
	logs *os.File
}

func newProgram(path, dir, dsn string) (*program, error) {
	p := &program{path: path, dir: dir, dsn: dsn}
	var err error
	if p.address, err = freeAddress(); err == nil {
		p.admin, err = freeAddress()
	}
	return p, err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.path, args...)
	c.Dir = p.dir
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "MANIFOLD_URL=" + site, "MANIFOLD_LISTEN=" + p.address, "MANIFOLD_DATABASE=" + p.dsn,
		"MANIFOLD_DATA_DIR=" + p.dir, "MANIFOLD_RATE_LIMITS=off", "MANIFOLD_METRICS_LISTEN=" + p.admin,
		"MANIFOLD_ALLOW_PRIVATE_ADDRESSES=true", // those of the servers that this program plays
	}
	return c
}

// do runs a subcommand and returns what it printed.
func (p *program) do(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	c := p.command(ctx, args...)
	var errs bytes.Buffer
	c.Stdin, c.Stderr = strings.NewReader(stdin), &errs
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("manifold %s: %w\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return out, nil
}

// start starts the server and returns how long it took until it answered that
// it is ready.
func (p *program) start(ctx context.Context) (time.Duration, error) {
	var err error
	if p.logs, err = os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return 0, err
	}
	p.cmd = p.command(context.WithoutCancel(ctx), "serve")
	p.cmd.Stdout, p.cmd.Stderr = p.logs, p.logs
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return 0, errors.Join(err, p.logs.Close())
	}
	for ctx.Err() == nil && time.Since(began) < time.Minute {
		if p.ready() {
			return time.Since(began), nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, errors.Join(fmt.Errorf("the server does not answer: %s", p.logTail()), p.stop())
}

func (p *program) ready() bool {
	r, err := patient.Get("http://" + p.address + "/readyz")
	if err != nil {
		return false
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil && r.StatusCode == http.StatusOK
}

// stop ends the server as an operator would.
func (p *program) stop() error {
	if p.cmd == nil {
		return nil
	}
	cmd := p.cmd
	p.cmd = nil
	_ = cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended, which Wait tells
	err := cmd.Wait()
	if err != nil {
		err = fmt.Errorf("the server ended with an error: %w\n%s", err, p.logTail())
	}
	return errors.Join(err, p.logs.Close())
}

func (p *program) logTail() string {
	log, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-2000):])
}

// memory returns a value of /proc/PID/status in MB: VmRSS is what the process
// has in memory, VmHWM the most that it ever had.
func (p *program) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		rest, ok := strings.CutPrefix(line, field+":")
		if !ok {
			continue
		}
		kilobytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
		return kilobytes * 1024 / 1e6, err
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", p.cmd.Process.Pid, field)
}

// profile writes a CPU profile of the server over the next seconds.
func (p *program) profile(path string, seconds float64) error {
	r, err := patient.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.admin, max(1, int(seconds))))
	if err != nil {
		return fmt.Errorf("taking a profile: %w", err)
	}
	defer r.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r.Body)
	return errors.Join(err, f.Close())
}
