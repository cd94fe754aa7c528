package front

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"manifold/internal/telemetry"
)

// Options for [New].
type Options struct {
	// URL is the public address: scheme, host without the default port, and
	// perhaps a path prefix without a slash at its end.
	URL *url.URL
	// Canonical sends requests for other host names to URL.
	Canonical bool
	// HSTS is the value of the field Strict-Transport-Security, "" for none.
	HSTS string
	// Compress has answers compressed for clients that take it.
	Compress bool
	// Limiter bounds how much one address may ask; nil bounds nothing.
	Limiter *Limiter
	// Methods lists the methods that are served at the path of a request, none
	// where nothing is; see [RouterMethods].
	Methods func(*http.Request) []string
}

// New puts the stations before next. The error is about the options.
func New(next http.Handler, o Options) (http.Handler, error) {
	inner := next
	if o.Compress {
		var err error
		if inner, err = compressed(inner); err != nil {
			return nil, err
		}
	}
	inner = options(inner, o.Methods)
	inner = overridden(inner)
	inner = crossOrigin(inner)
	inner = o.Limiter.limit(inner)
	if o.Canonical {
		inner = canonical(inner, o.URL)
	}
	inner = safe(inner, o.HSTS)
	// A probe asks by whatever address it has, as often as it likes.
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	})
	return belowPrefix(outer, o.URL.EscapedPath()), nil
}

// realtimePath is where SockJS is served. It is framed by other sites on
// purpose, answers OPTIONS and scripts of other sites itself, and streams.
const realtimePath = "/main/realtime/"

func isRealtime(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, realtimePath) }

// belowPrefix takes the prefix off the path, and off the request line too:
// signatures of OAuth are verified over the public address and what follows it.
// Without the prefix a path is taken as it is, for a proxy may have removed it,
// and what is asked of the host itself (/.well-known/) never has one.
func belowPrefix(next http.Handler, prefix string) http.Handler {
	if prefix == "" || prefix == "/" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := cutPrefix(r.URL.EscapedPath(), prefix)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		inside := *r
		u := *r.URL
		inside.URL = &u
		// A prefix has no character that can be escaped, so it is the same in all.
		u.Path = "/" + strings.TrimPrefix(u.Path[len(prefix):], "/")
		if u.RawPath != "" {
			u.RawPath = path
		}
		if rest, ok := strings.CutPrefix(r.RequestURI, prefix); ok {
			if !strings.HasPrefix(rest, "/") {
				rest = "/" + rest
			}
			inside.RequestURI = rest
		}
		next.ServeHTTP(w, &inside)
	})
}

// cutPrefix returns what follows the prefix in a path, at least "/".
func cutPrefix(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	switch {
	case !ok || rest != "" && rest[0] != '/':
		return "", false
	case rest == "":
		return "/", true
	}
	return rest, true
}

// Fields that every answer has unless its handler sets others. The slices are
// shared by all answers, which only ever replace them.
var (
	noSniff    = []string{"nosniff"}
	deny       = []string{"DENY"}
	noReferrer = []string{"no-referrer"}
	// inert is for what is no page: should a browser show it all the same, it
	// runs nothing, loads nothing and is framed by nobody.
	inert = []string{"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
)

func safe(next http.Handler, hsts string) http.Handler {
	var strict []string
	if hsts != "" {
		strict = []string{hsts}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = noSniff
		h["Referrer-Policy"] = noReferrer
		if !isRealtime(r) {
			h["X-Frame-Options"] = deny
			h["Content-Security-Policy"] = inert
		}
		if strict != nil {
			h["Strict-Transport-Security"] = strict
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers a request that goes no further: in JSON to programs, as a line
// to all others.
func refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	path := r.URL.Path
	if path == "/api" || strings.HasPrefix(path, "/api/") || strings.Contains(r.Header.Get("Accept"), "json") {
		h.Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		// An error means that the client is gone.
		_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}

// named tells the log and the metrics which station answered.
func named(r *http.Request, station string) { telemetry.SetRoute(r.Context(), station) }
