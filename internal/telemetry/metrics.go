package telemetry

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of every metric of the program.
const namespace = "manifold"

// Register adds collectors of other packages, for numbers that the constructors
// below do not fit, such as the lengths of queues read when somebody looks. They
// are called on goroutines where nothing recovers, so they must not panic. A
// collector that is registered already is left as it is.
func (t *Telemetry) Register(cs ...prometheus.Collector) error {
	for _, c := range cs {
		if err := t.registry.Register(c); err != nil {
			if already := (prometheus.AlreadyRegisteredError{}); errors.As(err, &already) && already.ExistingCollector == c {
				continue
			}
			return fmt.Errorf("registering a metric: %w", err)
		}
	}
	return nil
}

// register adds c, or returns the collector of the same description, so that two
// packages can share a metric by asking for it twice.
func register[C prometheus.Collector](t *Telemetry, name string, c C) (C, error) {
	err := t.registry.Register(c)
	if already := (prometheus.AlreadyRegisteredError{}); errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	if err != nil {
		var none C
		return none, fmt.Errorf("registering the metric %s_%s: %w", namespace, name, err)
	}
	return c, nil
}

// Counter returns the counter manifold_NAME, for what only grows; by custom its
// name ends in _total. The labels are names such as "kind"; the values given to
// them later must come from a small fixed set, never from outside, because each
// value costs memory for ever. Asking for the same counter again returns the same
// one; the same name with other labels or help is an error.
func (t *Telemetry) Counter(name, help string, labels ...string) (*prometheus.CounterVec, error) {
	return register(t, name, prometheus.NewCounterVec(
		prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels))
}

// Gauge returns the gauge manifold_NAME, for what goes up and down. The rest is
// as with Counter.
func (t *Telemetry) Gauge(name, help string, labels ...string) (*prometheus.GaugeVec, error) {
	return register(t, name, prometheus.NewGaugeVec(
		prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels))
}

// Histogram returns the histogram manifold_NAME, for durations in seconds and
// sizes in bytes. Buckets are the upper bounds to sort into, ascending; nil is 5 ms
// to 10 s. The rest is as with Counter.
func (t *Telemetry) Histogram(name, help string, buckets []float64, labels ...string) (*prometheus.HistogramVec, error) {
	// The library panics on both of these.
	for i := 1; i < len(buckets); i++ {
		if buckets[i] <= buckets[i-1] {
			return nil, fmt.Errorf("registering the metric %s_%s: buckets are not ascending", namespace, name)
		}
	}
	if slices.Contains(labels, "le") {
		return nil, fmt.Errorf("registering the metric %s_%s: the label le is that of the buckets", namespace, name)
	}
	return register(t, name, prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels))
}

// GaugeFunc adds the gauge manifold_NAME, which calls value whenever somebody
// reads the metrics. A panic in value shows as NaN.
func (t *Telemetry) GaugeFunc(name, help string, value func() float64) error {
	_, err := register(t, name, prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, orNaN(value)))
	return err
}

// CounterFunc is GaugeFunc for a number that only grows and is counted elsewhere,
// such as the hits of a cache.
func (t *Telemetry) CounterFunc(name, help string, value func() float64) error {
	_, err := register(t, name, prometheus.NewCounterFunc(
		prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, orNaN(value)))
	return err
}

// orNaN keeps a panic from ending the process: the registry calls collectors on
// goroutines of its own, where nothing recovers.
func orNaN(value func() float64) func() float64 {
	return func() (v float64) {
		defer func() {
			if recover() != nil {
				v = math.NaN()
			}
		}()
		return value()
	}
}

// metricsHandler serves all metrics. What a collector fails to deliver is left
// out, so that one broken number does not hide the others.
func (t *Telemetry) metricsHandler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// requestMetrics are the metrics of the middleware. Routes are names set by the
// router, methods are mapped to known ones and statuses to their class, so that
// no client can make the number of series grow.
type requestMetrics struct {
	count    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newRequestMetrics() requestMetrics {
	labels := []string{"route", "method", "status"}
	return requestMetrics{
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "http_requests_total", Help: "Requests answered.",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_duration_seconds",
			Help:    "Time from the first byte of a request to the last of its answer; connections taken over (websockets) are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, labels),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "http_requests_in_flight", Help: "Requests that are being answered.",
		}),
	}
}

// observe records a finished request; seconds below 0 are not a duration.
func (m *requestMetrics) observe(route, method string, status int, seconds float64) {
	method, class := knownMethod(method), statusClass(status)
	m.count.WithLabelValues(route, method, class).Inc()
	if seconds >= 0 {
		m.duration.WithLabelValues(route, method, class).Observe(seconds)
	}
}

// knownMethod maps a method that a client made up to "other".
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	}
	return "other"
}

// statusClass returns "2xx" for 204.
func statusClass(status int) string {
	switch status / 100 {
	case 1:
		return "1xx"
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	case 5:
		return "5xx"
	}
	return "other"
}
