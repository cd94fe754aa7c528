package front

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// worthwhile is the size from which on an answer is compressed: what fits into a
// packet anyway gains nothing.
const worthwhile = 1024

// compressed has answers compressed by gzip. Their tags stay as they are: they
// are weak, that is of the document and not of its bytes (RFC 9110 8.8.1).
func compressed(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(worthwhile),
		// The level that a small machine does not notice; the better ones save
		// another tenth at several times the work.
		gzhttp.CompressionLevel(gzip.BestSpeed),
		gzhttp.EnableZstd(false),
		gzhttp.ContentTypeFilter(compressible),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing compression: %w", err)
	}
	wrapped := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !mayCompress(r):
			next.ServeHTTP(w, r)
		case r.Method == http.MethodHead || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
			w.Header().Add("Vary", "Accept-Encoding")
			next.ServeHTTP(w, r)
		default:
			wrapped.ServeHTTP(w, r) // sets Vary, too
		}
	}), nil
}

// mayCompress tells apart what never is compressed: streams, which must not wait
// in a buffer; uploads, which are compressed in themselves and asked for by
// range; and the pages with forms, since the size of a compressed page tells of
// the secrets in it what an attacker guesses right (the BREACH attack).
func mayCompress(r *http.Request) bool {
	path := r.URL.Path
	for _, beginning := range []string{"/uploads/", "/main/", "/oauth/", "/oauth2/"} {
		if strings.HasPrefix(path, beginning) {
			return false
		}
	}
	return !strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

func compressible(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch {
	case mediaType == "text/event-stream":
		return false
	case strings.HasPrefix(mediaType, "text/"):
		return true
	}
	_, subtype, _ := strings.Cut(mediaType, "/")
	return subtype == "javascript" || hasSuffixOrIs(subtype, "json") || hasSuffixOrIs(subtype, "xml")
}

// hasSuffixOrIs reports whether a subtype is word, or is built on it: ld+json
// (RFC 6839).
func hasSuffixOrIs(subtype, word string) bool {
	return subtype == word || strings.HasSuffix(subtype, "+"+word)
}
