// Command scratchpg runs another command beside a scratch PostgreSQL server, so
// that everything the command starts shares the one server:
//
//	scratchpg go test ./...
//
// The command finds the server's address in the environment variable
// MANIFOLD_TEST_POSTGRES. Where that is set already, it is left as it is and no
// server is started. The server is gone when the command has ended, and
// scratchpg's exit status is the command's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"manifold/internal/scratchpg"
)

const (
	exitFailed = 1
	exitUsage  = 2
	// exitSignal plus the signal's number is what a shell gives for a command
	// that a signal ended.
	exitSignal = 128
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run starts the server, runs args as a command, and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprintln(stderr, "usage: scratchpg COMMAND [ARGUMENT ...]")
		return exitUsage
	}
	// Before the server starts, so that no signal can end us while it is up.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	if os.Getenv(scratchpg.Env) == "" {
		server, err := scratchpg.Start(ctx, scratchpg.Options{})
		if err != nil {
			fmt.Fprintln(stderr, "scratchpg:", err)
			return exitFailed
		}
		defer func() {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(stderr, "scratchpg:", err)
			}
		}()
		cmd.Env = append(os.Environ(), scratchpg.Env+"="+server.DSN())
	}
	return status(supervise(cmd, signals), stderr)
}

// supervise runs cmd to its end and hands on what it is told to stop by.
func supervise(cmd *exec.Cmd, signals <-chan os.Signal) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return err
		case s := <-signals:
			// Ctrl-C reaches the command without us: a terminal signals the
			// whole process group, and a second one means more haste to many.
			if s != syscall.SIGINT {
				// It fails only when the command has ended meanwhile.
				_ = cmd.Process.Signal(s)
			}
		}
	}
}

func status(err error, stderr io.Writer) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			fmt.Fprintln(stderr, "scratchpg:", err)
			return exitFailed
		}
		return 0
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return exitSignal + int(ws.Signal())
	}
	return exit.ExitCode()
}
