package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// requestIDHeader carries the id of a request to us from a proxy, and back in the
// answer. There is no standard; this is the name that most proxies use.
const requestIDHeader = "X-Request-Id"

// record is what is known of a request while it is answered. The handlers below
// the middleware fill it in through the context. The mutex is for handlers that
// answer from another goroutine, as http.TimeoutHandler does.
type record struct {
	id string

	mu         sync.Mutex
	route      string
	user       string
	pathHidden bool
}

type recordKey struct{}

func recordOf(ctx context.Context) *record {
	rec, _ := ctx.Value(recordKey{}).(*record)
	return rec
}

// RequestID returns the id of the request that ctx belongs to, or "" outside one.
func RequestID(ctx context.Context) string {
	if rec := recordOf(ctx); rec != nil {
		return rec.id
	}
	return ""
}

// SetRoute tells log and metrics the name of the route that answers the request
// of ctx. Names come from the program, never from the request: metrics keep each
// for ever. Outside a request it does nothing.
func SetRoute(ctx context.Context, name string) {
	if rec := recordOf(ctx); rec != nil {
		rec.mu.Lock()
		rec.route = name
		rec.mu.Unlock()
	}
}

// SetUser tells the log the nickname of the account that makes the request of
// ctx. Outside a request it does nothing.
func SetUser(ctx context.Context, nick string) {
	if rec := recordOf(ctx); rec != nil {
		rec.mu.Lock()
		rec.user = nick
		rec.mu.Unlock()
	}
}

// HidePath keeps the path of the request of ctx out of the log, for routes whose
// path holds a secret, such as the link of a confirmation mail. Outside a request
// it does nothing.
func HidePath(ctx context.Context) {
	if rec := recordOf(ctx); rec != nil {
		rec.mu.Lock()
		rec.pathHidden = true
		rec.mu.Unlock()
	}
}

// unmatched is the route of requests for which nobody called SetRoute.
const unmatched = "unmatched"

// Middleware stands around all handlers of a listener:
//
//  1. The request gets an id: that of its X-Request-Id if this has 1 to 64
//     characters out of letters, digits, and . _ - (a proxy's), else a new one. The
//     answer carries it, and so do the lines logged with the request's context.
//  2. next answers, and calls SetRoute, SetUser and HidePath on the way.
//  3. A panic of next is logged with its stack; the client gets status 500 with a
//     JSON object or a line of text, of which only the id is particular. If the
//     answer has begun, the connection is cut, so that nobody takes the part for
//     the whole.
//  4. The request is counted, and logged as "request" with method, path (without
//     query), route, status, bytes of the body sent, duration in milliseconds,
//     remote address, user, and whether it was cut, at the level that
//     Options.RequestLevel says. A panic counts as 500 even if the answer had begun
//     with another status.
func (t *Telemetry) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &record{id: requestID(r)}
		w.Header().Set(requestIDHeader, rec.id)
		out := &response{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
		t.requests.inFlight.Inc()
		defer t.finish(rec, out, r, start)
		next.ServeHTTP(out, r)
	})
}

// finish is deferred around the handler. It is the one place that sees a panic.
func (t *Telemetry) finish(rec *record, out *response, r *http.Request, start time.Time) {
	t.requests.inFlight.Dec()
	failure := recover()
	rec.mu.Lock()
	route, user, hidden := rec.route, rec.user, rec.pathHidden
	rec.mu.Unlock()
	if route == "" {
		route = unmatched
	}
	status, cut := out.finalStatus(), false
	if failure != nil {
		// http.ErrAbortHandler is how a handler cuts the connection on purpose.
		onPurpose := failure == http.ErrAbortHandler
		cut = onPurpose || out.begun()
		if !onPurpose {
			status = http.StatusInternalServerError
			t.logger.LogAttrs(r.Context(), slog.LevelError, "panic in a handler",
				slog.String("panic", fmt.Sprint(failure)), slog.String("route", route),
				slog.String("stack", string(debug.Stack())))
		}
		if !cut {
			answerFailure(out, r, rec.id)
		}
	}
	elapsed := time.Since(start)
	seconds := elapsed.Seconds()
	if out.hijacked {
		seconds = -1
	}
	t.requests.observe(route, r.Method, status, seconds)
	if level := t.requestLevel(route, status); t.logger.Enabled(r.Context(), level) {
		path := "[hidden]"
		if !hidden {
			path = shorten(r.URL.EscapedPath())
		}
		attrs := append(make([]slog.Attr, 0, 9),
			slog.String("method", shorten(r.Method)), slog.String("path", path), slog.String("route", route),
			slog.Int("status", status), slog.Int64("bytes", out.bytes),
			slog.Float64("duration_ms", float64(elapsed.Microseconds())/1000),
			slog.String("remote", t.remoteAddress(r)))
		if user != "" {
			attrs = append(attrs, slog.String("user", user))
		}
		if cut {
			attrs = append(attrs, slog.Bool("cut", true))
		}
		t.logger.LogAttrs(r.Context(), level, "request", attrs...)
	}
	if cut {
		panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
	}
}

// answerFailure writes status 500. Headers that the handler set for another body
// are taken back.
func answerFailure(w http.ResponseWriter, r *http.Request, id string) {
	h := w.Header()
	for _, name := range []string{
		"Content-Length", "Content-Encoding", "Content-Range", "Content-Disposition", "Etag", "Last-Modified",
		"Accept-Ranges", "Location", "Set-Cookie",
	} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "text/") && !strings.Contains(accept, "json") {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "internal server error (request %s)\n", id)
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	// An error means that the client is gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "internal server error", "request_id": id})
}

// requestID returns the id of a request, see Middleware. It only has to be
// different from others, not hard to guess.
func requestID(r *http.Request) string {
	if id := r.Header.Get(requestIDHeader); saneID(id) {
		return id
	}
	const digits = 16
	id := strconv.FormatUint(rand.Uint64(), 16)
	return strings.Repeat("0", digits-len(id)) + id
}

func saneID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// shorten cuts what a client sent for the log.
func shorten(text string) string {
	const most = 512
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
