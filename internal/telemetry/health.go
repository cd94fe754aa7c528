package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// freshFor is how long results of checks are handed out again, so that whoever
// asks for readiness in a loop costs the database one query a second.
const freshFor = time.Second

// errStillRunning is the result of a check that did not return when its time was
// up, and has not returned since. It is not started a second time.
var errStillRunning = errors.New("the check does not return")

// check is one thing that readiness depends on.
type check struct {
	name    string
	run     func(context.Context) error
	running chan error // the outcome of a run that outlived its time, or nil
	failed  bool       // as last logged
}

// result is the outcome of a check.
type result struct {
	name string
	err  error
}

// checks runs the checks, at most once at a time.
type checks struct {
	timeout time.Duration
	logger  *slog.Logger

	mu     sync.Mutex
	all    []*check
	last   []result
	lastAt time.Time
}

// AddCheck makes readiness depend on run, which must return nil when all is well.
// It is called with a context that ends after Options.CheckTimeout, at most once
// at a time and once a second. The text of its error is shown on the admin
// listener only. Checks are reported in the order they were added.
func (t *Telemetry) AddCheck(name string, run func(context.Context) error) {
	t.checks.mu.Lock()
	defer t.checks.mu.Unlock()
	t.checks.all = append(t.checks.all, &check{name: name, run: run})
	t.checks.lastAt = time.Time{}
}

// results returns the outcome of every check, at most freshFor old.
func (c *checks) results() []result {
	// Callers that wait here find fresh results when their turn comes.
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lastAt.IsZero() && time.Since(c.lastAt) < freshFor {
		return c.last
	}
	// The context is not that of the request: the results serve others too.
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	results := make([]result, len(c.all))
	var running sync.WaitGroup
	for i, one := range c.all {
		running.Go(func() { results[i] = result{one.name, one.outcome(ctx)} })
	}
	running.Wait()
	c.logChanges(results)
	c.last, c.lastAt = results, time.Now()
	return results
}

// outcome runs the check, and gives up when ctx ends even if the check does not.
func (c *check) outcome(ctx context.Context) error {
	if c.running == nil {
		done := make(chan error, 1)
		c.running = done
		go func() { done <- c.protected(ctx) }()
	} else {
		// A run that hung before must not be waited for twice.
		select {
		case <-c.running:
			c.running = nil
			return c.outcome(ctx)
		default:
			return errStillRunning
		}
	}
	select {
	case err := <-c.running:
		c.running = nil
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

// protected turns a panic of the check into an error.
func (c *check) protected(ctx context.Context) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("panic: %v", failure)
		}
	}()
	return c.run(ctx)
}

// logChanges logs checks that began or ceased to fail, not every failure again.
func (c *checks) logChanges(results []result) {
	for i, one := range c.all {
		err := results[i].err
		switch {
		case err != nil && !one.failed:
			c.logger.Warn("not ready", "check", one.name, "error", err)
		case err == nil && one.failed:
			c.logger.Info("ready again", "check", one.name)
		}
		one.failed = err != nil
	}
}

// HealthHandler answers 200 "ok" as long as the process answers at all.
func (t *Telemetry) HealthHandler() http.Handler {
	return readOnly(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
}

// ReadyHandler runs the checks and answers 200 {"status":"ready","failed":[]}, or
// 503 {"status":"not ready","failed":["database"]}. It tells names only, for
// listeners that everybody reaches.
func (t *Telemetry) ReadyHandler() http.Handler { return t.readyHandler(false) }

// readyHandler adds the errors if detailed: a member "errors" of the form
// {"database": "connection refused"}.
func (t *Telemetry) readyHandler(detailed bool) http.Handler {
	type answer struct {
		Status string            `json:"status"`
		Failed []string          `json:"failed"`
		Errors map[string]string `json:"errors,omitempty"`
	}
	return readOnly(func(w http.ResponseWriter, _ *http.Request) {
		a := answer{Status: "ready", Failed: []string{}, Errors: map[string]string{}}
		status := http.StatusOK
		for _, r := range t.checks.results() {
			if r.err == nil {
				continue
			}
			a.Status, status = "not ready", http.StatusServiceUnavailable
			a.Failed = append(a.Failed, r.name)
			if detailed {
				a.Errors[r.name] = r.err.Error()
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(a)
	})
}

// readOnly allows GET and HEAD, and keeps caches from answering for us.
func readOnly(answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		answer(w, r)
	})
}
