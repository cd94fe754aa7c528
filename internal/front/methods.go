package front

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

const overrideField = "X-HTTP-Method-Override"

type methodKey struct{}

// overridden lets clients that can only POST do what needs PUT or DELETE, as the
// original does.
func overridden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		switch method := strings.ToUpper(r.Header.Get(overrideField)); method {
		case "", http.MethodPost:
			next.ServeHTTP(w, r)
		case http.MethodPut, http.MethodDelete:
			inside := r.WithContext(context.WithValue(r.Context(), methodKey{}, r.Method))
			inside.Method = method
			next.ServeHTTP(w, inside)
		default:
			// To take it for a POST would do something else than what was meant.
			named(r, "method override")
			refuse(w, r, http.StatusBadRequest, overrideField+" must be PUT or DELETE.")
		}
	})
}

// SignedMethod returns the method that the client signed: that of the request
// line, whatever a field made of it (RFC 5849 3.4.1.1).
func SignedMethod(r *http.Request) string {
	if method, ok := r.Context().Value(methodKey{}).(string); ok {
		return method
	}
	return r.Method
}

// options answers OPTIONS with the methods that there are (RFC 9110 9.3.7). The
// original has a body there too, and some of its clients take an empty one for a
// failure. Where nothing is, the handlers say so.
func options(next http.Handler, methods func(*http.Request) []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions || isRealtime(r) || methods == nil {
			next.ServeHTTP(w, r)
			return
		}
		list := methods(r)
		if len(list) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		named(r, "OPTIONS")
		allow := strings.Join(list, ",")
		h := w.Header()
		h.Set("Allow", allow)
		h.Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, allow)
	})
}

// RouterMethods asks a router which methods it has for a path. A route that does
// not say takes those that only look: pages are registered that way.
func RouterMethods(router *mux.Router) func(*http.Request) []string {
	all := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete}
	return func(r *http.Request) []string {
		var list []string
		for _, method := range all {
			probe := r.WithContext(r.Context()) // a copy
			probe.Method = method
			var match mux.RouteMatch
			if !router.Match(probe, &match) || match.MatchErr != nil || match.Route == nil {
				continue
			}
			given, err := match.Route.GetMethods()
			if err != nil {
				given = all[:2]
			}
			if slices.Contains(given, method) {
				list = append(list, method)
			}
		}
		return list
	}
}
