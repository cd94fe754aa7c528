// Package telemetry tells the operator how the program is doing. It has four
// parts:
//
//   - Logs. NewLogger makes a structured logger (log/slog) that masks secrets by
//     the name of their attribute and marks every line written on behalf of a
//     request with the request's id.
//   - Requests. Telemetry.Middleware stands around all handlers. It gives each
//     request an id, turns a panic into an answer of status 500, and afterwards
//     writes one line to the log and one observation to the metrics.
//   - Metrics. A registry in the form of Prometheus: numbers that a monitoring
//     system reads every few seconds over HTTP and draws as curves. Other packages
//     add numbers of their own by Counter, Gauge, Histogram and Register.
//   - Health. Liveness says that the process answers at all; readiness says that
//     what it depends on works, by running the checks added with AddCheck. A
//     supervisor restarts on the first, a load balancer turns away on the second.
//
// AdminHandler serves the last two and the profiles of the Go runtime, for a
// listener that only the operator reaches.
//
// The package runs no goroutine of its own and knows nothing of what the program
// does: routes, jobs and caches have the names that others give them.
package telemetry

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options are the choices of New. The zero value works.
type Options struct {
	// Logger receives the access log, panics, and changes of readiness. It should
	// come from NewLogger, which adds the ids of requests. Nil discards all.
	Logger *slog.Logger
	// Version and Commit are shown by the metric manifold_build_info.
	Version, Commit string
	// RequestLevel chooses the level at which a finished request is logged; nil
	// is DefaultRequestLevel.
	RequestLevel func(route string, status int) slog.Level
	// RemoteAddress returns the address of the client for the access log, for
	// servers behind a proxy. Nil takes the host of Request.RemoteAddr.
	RemoteAddress func(*http.Request) string
	// CheckTimeout bounds a readiness check; 0 is 2 seconds.
	CheckTimeout time.Duration
}

// Telemetry holds the metrics and the checks of one process.
type Telemetry struct {
	logger        *slog.Logger
	requestLevel  func(route string, status int) slog.Level
	remoteAddress func(*http.Request) string
	registry      *prometheus.Registry
	requests      requestMetrics
	checks        checks
}

// New returns a Telemetry with the metrics of the Go runtime, the process, the
// build, and requests.
func New(options Options) (*Telemetry, error) {
	t := &Telemetry{
		logger:        options.Logger,
		requestLevel:  options.RequestLevel,
		remoteAddress: options.RemoteAddress,
		registry:      prometheus.NewRegistry(),
		requests:      newRequestMetrics(),
	}
	if t.logger == nil {
		t.logger = slog.New(slog.DiscardHandler)
	}
	if t.requestLevel == nil {
		t.requestLevel = DefaultRequestLevel
	}
	if t.remoteAddress == nil {
		t.remoteAddress = remoteHost
	}
	t.checks.timeout = options.CheckTimeout
	if t.checks.timeout <= 0 {
		t.checks.timeout = 2 * time.Second
	}
	t.checks.logger = t.logger

	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{
			"version": options.Version, "commit": options.Commit, "goversion": runtime.Version(),
		},
	})
	build.Set(1)
	err := t.Register(
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		t.requests.count, t.requests.duration, t.requests.inFlight,
	)
	if err != nil {
		return nil, fmt.Errorf("preparing the metrics: %w", err)
	}
	return t, nil
}

// DefaultRequestLevel logs what worked at Debug, what the client got wrong at
// Info, 503 (a refusal under load, on purpose) at Warn, and what else the server
// got wrong at Error. A federated server answers thousands of requests that
// nobody will read about, so at the usual level Info only the rest is written.
func DefaultRequestLevel(_ string, status int) slog.Level {
	switch {
	case status < 400:
		return slog.LevelDebug
	case status < 500:
		return slog.LevelInfo
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	}
	return slog.LevelError
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
