package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestHealth(t *testing.T) {
	tel := newTelemetry(t, Options{})
	tel.AddCheck("broken", func(context.Context) error { return errors.New("x") })
	w := get(tel.HealthHandler(), "/healthz")
	if w.Code != 200 || w.Body.String() != "ok\n" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("answer is %d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestReady(t *testing.T) {
	tel := newTelemetry(t, Options{})
	if w := get(tel.ReadyHandler(), "/readyz"); w.Code != 200 || w.Body.String() != `{"status":"ready","failed":[]}`+"\n" {
		t.Errorf("without checks the answer is %d %s", w.Code, w.Body)
	}
	tel.AddCheck("good", func(context.Context) error { return nil })
	if w := get(tel.ReadyHandler(), "/readyz"); w.Code != 200 {
		t.Errorf("with a good check the answer is %d %s", w.Code, w.Body)
	}
	tel.AddCheck("database", func(context.Context) error { return errors.New("no route to db.internal") })
	tel.AddCheck("queue", func(context.Context) error { panic("nil queue") })
	w := get(tel.ReadyHandler(), "/readyz")
	if w.Code != 503 || w.Body.String() != `{"status":"not ready","failed":["database","queue"]}`+"\n" ||
		w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("for everybody the answer is %d %s %v", w.Code, w.Body, w.Header())
	}
	w = get(tel.AdminHandler(), "/readyz")
	const want = `{"status":"not ready","failed":["database","queue"],"errors":{"database":"no route to db.internal","queue":"panic: nil queue"}}`
	if w.Code != 503 || w.Body.String() != want+"\n" {
		t.Errorf("for the operator the answer is %d %s", w.Code, w.Body)
	}
}

func TestReadyIsFreshButNotTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, out := newLogger(t, "text", slog.LevelInfo)
		tel := newTelemetry(t, Options{Logger: logger})
		var runs atomic.Int32
		var failing atomic.Bool
		tel.AddCheck("database", func(context.Context) error {
			runs.Add(1)
			if failing.Load() {
				return errors.New("gone")
			}
			return nil
		})
		ready := tel.ReadyHandler()
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if w := get(ready, "/readyz"); w.Code != 200 {
					t.Errorf("answer is %d", w.Code)
				}
			})
		}
		callers.Wait()
		if got := runs.Load(); got != 1 {
			t.Errorf("20 requests ran the check %d times", got)
		}
		failing.Store(true)
		pass(freshFor)
		get(ready, "/readyz")
		pass(freshFor)
		if w := get(ready, "/readyz"); w.Code != 503 {
			t.Errorf("after the failure the answer is %d", w.Code)
		}
		failing.Store(false)
		pass(freshFor)
		if w := get(ready, "/readyz"); w.Code != 200 {
			t.Errorf("after the recovery the answer is %d", w.Code)
		}
		if log := out.String(); strings.Count(log, "msg=\"not ready\" check=database error=gone") != 1 ||
			strings.Count(log, "msg=\"ready again\" check=database") != 1 {
			t.Errorf("log is\n%s", log)
		}
	})
}

func TestHangingCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := newTelemetry(t, Options{CheckTimeout: 3 * time.Second})
		var runs atomic.Int32
		release := make(chan struct{})
		tel.AddCheck("disk", func(context.Context) error { // one that does not look at its context
			runs.Add(1)
			<-release
			return nil
		})
		tel.AddCheck("patient", func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded {
				return errors.New("no deadline")
			}
			return nil
		})
		admin := tel.AdminHandler()
		start := time.Now()
		w := get(admin, "/readyz")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if w.Code != 503 || !strings.Contains(w.Body.String(), `"failed":["disk"],"errors":{"disk":"no answer in time`) {
			t.Errorf("answer is %d %s", w.Code, w.Body)
		}
		pass(freshFor)
		start = time.Now()
		if w := get(admin, "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), errStillRunning.Error()) {
			t.Errorf("the second answer is %d %s", w.Code, w.Body)
		}
		if took := time.Since(start); took != 0 || runs.Load() != 1 {
			t.Errorf("the second took %v and ran it %d times", took, runs.Load())
		}
		close(release)
		synctest.Wait()
		pass(freshFor)
		if w := get(admin, "/readyz"); w.Code != 200 || runs.Load() != 2 {
			t.Errorf("after its end the answer is %d %s, runs %d", w.Code, w.Body, runs.Load())
		}
	})
}

func TestAdmin(t *testing.T) {
	admin := newTelemetry(t, Options{}).AdminHandler()
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/metrics":                       {200, "manifold_build_info"},
		"/healthz":                       {200, "ok"},
		"/readyz":                        {200, `"ready"`},
		"/debug/pprof/":                  {200, "goroutine"},
		"/debug/pprof/goroutine?debug=1": {200, "TestAdmin"},
		"/debug/pprof/heap?debug=1":      {200, "heap profile"},
		"/debug/pprof/symbol":            {200, "num_symbols"},
		"/debug/pprof/cmdline":           {404, ""}, // may hold a password
		"/":                              {404, ""},
	} {
		w := get(admin, path)
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s answers %d %.200s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest("POST", path, nil))
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s answers %d %v", path, w.Code, w.Header())
		}
		w = httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest("HEAD", path, nil))
		if w.Code != 200 {
			t.Errorf("HEAD %s answers %d", path, w.Code)
		}
	}
}

// pass lets time go by on the clock of a synctest bubble, which costs none.
func pass(d time.Duration) { <-time.After(d) }
