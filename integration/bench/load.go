package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"manifold/pumpapi/oauth1"
)

// clients is how many connections make requests at the same time, each the next
// one when the last is answered.
const clients = 8

// maxAnswer bounds an answer. A page of an inbox has about 60 kB.
const maxAnswer = 4 << 20

// signed renders a request as it goes over the wire, signed.
func signed(s *oauth1.Signer, method, path string, body []byte) ([]byte, error) {
	u, err := url.Parse(site + path)
	if err != nil {
		return nil, err
	}
	authorization, err := s.AuthorizationHeader(oauth1.Call{Method: method, URL: u})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n", method, u.RequestURI(), u.Host, authorization)
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}

// prepare makes n requests on all CPUs. The i-th is made by client i modulo
// clients.
func prepare(n int, request func(i int) ([]byte, error)) ([][]byte, error) {
	requests := make([][]byte, n)
	workers := runtime.NumCPU()
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				requests[i], errs[w] = request(i)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("preparing requests: %w", err)
		}
	}
	return requests, nil
}

// load is one measurement.
type load struct {
	address  string
	requests [][]byte
	atMost   time.Duration
	// status is that of all answers, 0 for 200.
	status int
	// check is called with every sampled body, by several goroutines.
	check func(body []byte) error
}

// sampleEvery is of how many answers one is looked into.
const sampleEvery = 40

// outcome is what came of a load.
type outcome struct {
	requests  int
	elapsed   time.Duration
	latencies []time.Duration // sorted
	bytes     int64
	// answered counts the requests before the measurement too.
	answered int
}

func (o *outcome) perSecond() float64 { return float64(o.requests) / o.elapsed.Seconds() }

func (o *outcome) percentile(p float64) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[min(len(o.latencies)-1, int(float64(len(o.latencies))*p/100))]
}

// run makes requests until the time is up, or until one client has made all of
// its requests: a measurement with fewer clients would be another one.
func (l *load) run(ctx context.Context) (*outcome, error) {
	var connections [clients]*connection
	for i := range connections {
		c, err := dial(ctx, l.address)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		connections[i] = c
	}
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	var all sync.WaitGroup
	results := [clients]outcome{}
	errs := [clients]error{}
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			defer stop.Store(true)
			errs[i] = l.client(connections[i], i, began, &stop, &results[i])
		})
	}
	all.Wait()
	total := &outcome{elapsed: time.Since(began)}
	if err := errors.Join(append(errs[:], ctx.Err())...); err != nil {
		return nil, err
	}
	for i := range clients {
		total.requests += results[i].requests
		total.bytes += results[i].bytes
		total.latencies = append(total.latencies, results[i].latencies...)
	}
	slices.Sort(total.latencies)
	if total.requests == 0 {
		return nil, fmt.Errorf("no request was answered in %v", l.atMost)
	}
	return total, nil
}

func (l *load) client(c *connection, first int, began time.Time, stop *atomic.Bool, o *outcome) error {
	for i := first; i < len(l.requests) && !stop.Load(); i += clients {
		sent := time.Now()
		if sent.Sub(began) > l.atMost {
			return nil
		}
		status, body, err := c.ask(l.requests[i])
		if err != nil {
			return fmt.Errorf("request %d: %w", i, err)
		}
		o.latencies = append(o.latencies, time.Since(sent))
		o.requests++
		o.bytes += int64(len(body))
		if status != cmp.Or(l.status, http.StatusOK) {
			return fmt.Errorf("request %d: status %d: %.300s", i, status, body)
		}
		if l.check != nil && o.requests%sampleEvery == 1 {
			if err := l.check(body); err != nil {
				return fmt.Errorf("request %d: %w\n%.300s", i, err, body)
			}
		}
	}
	return nil
}

// connection is a kept-alive connection. It does less than an http.Transport,
// which would take as much CPU as the server under test.
type connection struct {
	net.Conn
	in   *bufio.Reader
	body bytes.Buffer
}

func dial(ctx context.Context, address string) (*connection, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}, nil
}

// ask sends one request and reads its answer. The body is valid until the next
// call.
func (c *connection) ask(request []byte) (status int, body []byte, err error) {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, nil, err
	}
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, nil, err
	}
	c.body.Reset()
	_, err = c.body.ReadFrom(io.LimitReader(r.Body, maxAnswer))
	if err == nil && r.Close {
		err = fmt.Errorf("the server closes the connection after status %d", r.StatusCode)
	}
	return r.StatusCode, c.body.Bytes(), err
}
