package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bareEnv, when set, makes this program the server whose only work is HTTP: its
// value is how many bytes each answer has.
const bareEnv = "MANIFOLD_BENCH_BARE"

// serveBare prints its address and serves until its standard input is closed,
// which is when the process that started it is gone.
func serveBare(size string) {
	n, err := strconv.Atoi(size)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	body := []byte(strings.Repeat("x", n))
	_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", size)
		_, _ = w.Write(body)
	}))
}

// bareHTTP measures what net/http and the load generator can do at most, with
// answers of a size.
func bareHTTP(ctx context.Context, size int, atMost time.Duration) (*outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, self)
	c.Env = append(os.Environ(), bareEnv+"="+strconv.Itoa(size))
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = c.Wait() }()
	defer in.Close()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the bare server does not start: %w", err)
	}
	request := []byte("GET / HTTP/1.1\r\nHost: bare.test\r\n\r\n")
	requests, err := prepare(int(atMost.Seconds()*60_000), func(int) ([]byte, error) { return request, nil })
	if err != nil {
		return nil, err
	}
	l := &load{address: strings.TrimSpace(address), requests: requests, atMost: atMost}
	return l.run(ctx)
}

// rsaSignatures measures how many RSA-2048 signatures a second all CPUs make
// together, which bounds how fast signed deliveries can be sent.
func rsaSignatures(atMost time.Duration) (float64, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return 0, err
	}
	digest := sha256.Sum256([]byte("a delivery"))
	var made atomic.Int64
	errs := make([]error, runtime.NumCPU())
	began := time.Now()
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for time.Since(began) < atMost && errs[i] == nil {
				_, errs[i] = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
				made.Add(1)
			}
		})
	}
	all.Wait()
	return float64(made.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// syncedWrites measures how many times a second 4 KiB can be appended to a file
// and forced to disk, one after the other: what bounds commits that do not share
// their wait.
func syncedWrites(dir string, atMost time.Duration) (perSecond float64, err error) {
	f, err := os.Create(filepath.Join(dir, "synced"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	began := time.Now()
	n := 0
	for ; time.Since(began) < atMost; n++ {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
