package telemetry

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// scrape returns the metrics as Prometheus reads them.
func scrape(t *testing.T, tel *Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("/metrics answers %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// metric returns the value of a series, or "" if there is none.
func metric(t *testing.T, tel *Telemetry, series string) string {
	t.Helper()
	for line := range strings.Lines(scrape(t, tel)) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestRequestsAreCounted(t *testing.T) {
	tel := newTelemetry(t, Options{})
	var during string
	h := tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(r.Context(), r.URL.Query().Get("route"))
		during = metric(t, tel, "manifold_http_requests_in_flight")
		switch r.URL.Query().Get("status") {
		case "404":
			w.WriteHeader(404)
		case "201":
			w.WriteHeader(201)
		}
	}))
	for _, request := range []string{
		"GET /1?route=a", "GET /2?route=a", "GET /3?route=a&status=201", "POST /4?route=a", "GET /5?route=a&status=404",
		"GET /6?route=b", "BREW /7?route=a", "STEEP /8?route=a", "GET /9", "GET /10",
	} {
		method, target, _ := strings.Cut(request, " ")
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, nil))
	}
	for labels, want := range map[string]string{
		`{method="GET",route="a",status="2xx"}`:         "3",
		`{method="POST",route="a",status="2xx"}`:        "1",
		`{method="GET",route="a",status="4xx"}`:         "1",
		`{method="GET",route="b",status="2xx"}`:         "1",
		`{method="other",route="a",status="2xx"}`:       "2",
		`{method="GET",route="unmatched",status="2xx"}`: "2",
	} {
		for _, name := range []string{"manifold_http_requests_total", "manifold_http_request_duration_seconds_count"} {
			if got := metric(t, tel, name+labels); got != want {
				t.Errorf("%s%s is %q, want %s", name, labels, got, want)
			}
		}
	}
	if after := metric(t, tel, "manifold_http_requests_in_flight"); during != "1" || after != "0" {
		t.Errorf("in flight: %s during a request, %s after", during, after)
	}
	if body := scrape(t, tel); strings.Contains(body, "BREW") || strings.Contains(body, "/10") {
		t.Error("metrics hold what clients sent")
	}
}

func TestProcessAndBuild(t *testing.T) {
	tel := newTelemetry(t, Options{Version: "1.2.3", Commit: "abc"})
	body := scrape(t, tel)
	for _, want := range []string{`commit="abc"`, `version="1.2.3"`, "go_goroutines ", "process_resident_memory_bytes "} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestConstructors(t *testing.T) {
	tel := newTelemetry(t, Options{})
	jobs, err := tel.Counter("jobs_total", "Jobs by outcome.", "kind", "outcome")
	if err != nil {
		t.Fatal(err)
	}
	jobs.WithLabelValues("deliver", "completed").Add(2)
	again, err := tel.Counter("jobs_total", "Jobs by outcome.", "kind", "outcome")
	if err != nil {
		t.Fatal(err)
	}
	again.WithLabelValues("deliver", "completed").Inc()
	open, err := tel.Gauge("open", "Open things.")
	if err != nil {
		t.Fatal(err)
	}
	open.WithLabelValues().Set(7)
	sizes, err := tel.Histogram("sizes_bytes", "Sizes.", []float64{10, 100}, "kind")
	if err != nil {
		t.Fatal(err)
	}
	sizes.WithLabelValues("x").Observe(50)
	hits := 0.0
	if err := tel.CounterFunc("cache_hits_total", "Hits.", func() float64 { return hits }); err != nil {
		t.Fatal(err)
	}
	if err := tel.GaugeFunc("broken", "Broken.", func() float64 { panic("closed") }); err != nil {
		t.Fatal(err)
	}
	hits = 42
	for series, want := range map[string]string{
		`manifold_jobs_total{kind="deliver",outcome="completed"}`: "3",
		`manifold_open`: "7",
		`manifold_sizes_bytes_bucket{kind="x",le="10"}`:  "0",
		`manifold_sizes_bytes_bucket{kind="x",le="100"}`: "1",
		`manifold_cache_hits_total`:                      "42",
		`manifold_broken`:                                "NaN",
	} {
		if got := metric(t, tel, series); got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
}

func TestConstructorsRefuse(t *testing.T) {
	tel := newTelemetry(t, Options{})
	if _, err := tel.Counter("x_total", "X.", "kind"); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() error{
		"other labels":   func() error { _, err := tel.Counter("x_total", "X.", "other"); return err },
		"other kind":     func() error { _, err := tel.Gauge("x_total", "X.", "kind"); return err },
		"bad label":      func() error { _, err := tel.Counter("a_total", "A.", "a\xff"); return err },
		"bad name":       func() error { _, err := tel.Gauge("\xff", "A."); return err },
		"le":             func() error { _, err := tel.Histogram("h", "H.", nil, "le"); return err },
		"falling":        func() error { _, err := tel.Histogram("h", "H.", []float64{2, 1}); return err },
		"taken function": func() error { return tel.GaugeFunc("x_total", "X.", func() float64 { return 0 }) },
	} {
		if err := make(); err == nil || !strings.HasPrefix(err.Error(), "registering the metric manifold_") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// queue is a collector of another package.
type queue struct{ desc *prometheus.Desc }

func (q queue) Describe(ch chan<- *prometheus.Desc) { ch <- q.desc }
func (q queue) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(q.desc, prometheus.GaugeValue, 5, "waiting")
}

func TestRegister(t *testing.T) {
	tel := newTelemetry(t, Options{})
	q := queue{prometheus.NewDesc("manifold_queue", "Jobs.", []string{"state"}, nil)}
	for range 2 {
		if err := tel.Register(q); err != nil {
			t.Fatal(err)
		}
	}
	if got := metric(t, tel, `manifold_queue{state="waiting"}`); got != "5" {
		t.Errorf("queue is %q", got)
	}
	if err := tel.Register(queue{prometheus.NewDesc("manifold_queue", "Jobs.", []string{"other"}, nil)}); err == nil {
		t.Error("two meanings of a name are taken")
	}
}

// TestTwoTelemetries shows that nothing is shared by the process.
func TestTwoTelemetries(t *testing.T) {
	a, b := newTelemetry(t, Options{}), newTelemetry(t, Options{})
	a.Middleware(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	const series = `manifold_http_requests_total{method="GET",route="unmatched",status="4xx"}`
	if got := fmt.Sprintf("%q %q", metric(t, a, series), metric(t, b, series)); got != `"1" ""` {
		t.Errorf("counted %s", got)
	}
}

func TestStatusClass(t *testing.T) {
	for status, want := range map[int]string{101: "1xx", 204: "2xx", 302: "3xx", 410: "4xx", 503: "5xx", 999: "other"} {
		if got := statusClass(status); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}
