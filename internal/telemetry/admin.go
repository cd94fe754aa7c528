package telemetry

import (
	"net/http"
	"net/http/pprof"
)

// AdminHandler returns what belongs on a listener for the operator alone:
//
//	/metrics        all metrics, for Prometheus
//	/healthz        see HealthHandler
//	/readyz         see ReadyHandler, with the text of the errors
//	/debug/pprof/   profiles of the Go runtime, for go tool pprof
//
// It asks for no password. The server must not have a WriteTimeout shorter than
// the profiles that are asked for (30 seconds by default).
func (t *Telemetry) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", t.metricsHandler())
	mux.Handle("/healthz", t.HealthHandler())
	mux.Handle("/readyz", t.readyHandler(true))
	// pprof.Cmdline is left out: the command line may hold the password of the
	// database.
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
