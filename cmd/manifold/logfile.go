package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// logFile is a file that lines are appended to, until somebody has moved it away
// and asks for another of the same name.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File
}

// openLog opens a file to append to, which only its owner and group may read:
// a log tells who did what.
func openLog(path string) (*logFile, error) {
	f := &logFile{path: path}
	return f, f.reopen()
}

// Write writes one line.
func (f *logFile) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(line)
}

// reopen begins a new file, or goes on with the one that is there. When that
// fails the old one stays in use.
func (f *logFile) reopen() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("opening the log file (log_file): %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		_ = f.file.Close() // everything was written without a buffer
	}
	f.file = file
	return nil
}

// Close closes the file.
func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// reopenOnHangup reopens the file whenever the process gets a SIGHUP, which
// logrotate sends once it has moved the file, until ctx ends.
func (f *logFile) reopenOnHangup(ctx context.Context, log *slog.Logger) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				if err := f.reopen(); err != nil {
					log.Error("the log goes on where it was", "error", err)
				}
			}
		}
	}()
}
