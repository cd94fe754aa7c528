package front

import (
	"net/http"
	"strings"

	"github.com/rs/cors"
)

// shared are the beginnings of the paths that scripts of other sites may use:
// what is public to read, and what a program signs or has a token for. Cookies
// are never among what they send (Fetch 3.3.3), so that they cannot do anything
// in the name of who looks at their site.
var shared = []string{
	"/api/", "/.well-known/", "/nodeinfo", "/users/", "/bridged/", "/uploads/", "/images/",
	"/oauth/request_token", "/oauth/access_token", "/oauth2/token",
}

// crossOrigin answers browsers that ask whether a script of another site may do
// what it wants to.
func crossOrigin(next http.Handler) http.Handler {
	rules := cors.New(cors.Options{
		AllowedOrigins: []string{"*"},
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{"Accept", "Authorization", "Content-Type", "If-None-Match", "If-Modified-Since", "Last-Event-Id", "Range", overrideField, "X-Requested-With"},
		ExposedHeaders: []string{"Link", "Etag", "Location", "Retry-After", "Www-Authenticate", "X-Request-Id", limitField, remainingField, resetField},
		MaxAge:         2 * 60 * 60, // more than that no browser remembers
		// Old browsers take nothing but 200 for a success.
		OptionsSuccessStatus: http.StatusOK,
	})
	open := rules.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, beginning := range shared {
			if strings.HasPrefix(r.URL.Path, beginning) {
				if r.Method == http.MethodOptions {
					named(r, "OPTIONS")
				}
				open.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
