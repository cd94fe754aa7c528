package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"manifold/internal/scratchpg"
)

// roleEnv makes this test binary play scratchpg or the command that it runs.
const roleEnv = "SCRATCHPG_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "scratchpg":
		main()
	case "command":
		os.Exit(connect())
	}
	os.Exit(m.Run())
}

// connect stands for a command that uses the server: it prints the address if
// the server answers there, and exits with a status of its own.
func connect() int {
	dsn := os.Getenv(scratchpg.Env)
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer conn.Close(context.Background())
	fmt.Println(dsn)
	return 7
}

func TestCommandFindsServer(t *testing.T) {
	t.Setenv(scratchpg.Env, "")
	t.Setenv(roleEnv, "command")
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), []string{os.Args[0]}, &stdout, &stderr); got != 7 {
		t.Fatalf("exit status %d, want the command's 7; it said %s%s", got, &stdout, &stderr)
	}
	dsn := strings.TrimSpace(stdout.String())
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		conn.Close(t.Context())
		t.Error("the server is still there after the command")
	}
}

func TestGivenServerIsUsed(t *testing.T) {
	t.Setenv(scratchpg.Env, "postgres://given")
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), []string{"sh", "-c", "echo $" + scratchpg.Env}, &stdout, &stderr); got != 0 {
		t.Fatalf("exit status %d: %s", got, &stderr)
	}
	if got := stdout.String(); got != "postgres://given\n" {
		t.Errorf("the command sees %q", got)
	}
}

func TestExitStatus(t *testing.T) {
	t.Setenv(scratchpg.Env, "postgres://given")
	tests := []struct {
		name string
		args []string
		want int
		says string
	}{
		{"success", []string{"true"}, 0, ""},
		{"failure", []string{"sh", "-c", "exit 3"}, 3, ""},
		{"killed", []string{"sh", "-c", "kill -KILL $$"}, 137, ""},
		{"no such command", []string{"/nowhere/command"}, 1, "/nowhere/command"},
		{"no command", nil, 2, "usage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if got := run(t.Context(), tt.args, &stdout, &stderr); got != tt.want {
				t.Errorf("exit status %d, want %d", got, tt.want)
			}
			if !strings.Contains(stderr.String(), tt.says) || (tt.says == "") != (stderr.Len() == 0) {
				t.Errorf("it says %q, want %q", &stderr, tt.says)
			}
		})
	}
}

// A terminated scratchpg ends its command first and reports how that ended.
func TestTerminationIsHandedOn(t *testing.T) {
	cmd := exec.Command(os.Args[0], "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do read -r line; done")
	cmd.Env = append(os.Environ(), roleEnv+"=scratchpg", scratchpg.Env+"=postgres://given")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer guard.Stop()
	ready := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(stdout, ready); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 5 {
		t.Errorf("exit status %d, want the command's 5", got)
	}
}
