package apub

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
)

// activityType is the media type of what this network serves, linkedType the other
// one that it is asked for by.
const (
	activityType = "application/activity+json"
	linkedType   = "application/ld+json"
)

// maxRanges bounds how many media ranges of a request are looked at.
const maxRanges = 64

// asksForUs is a condition of routes that share their path with other networks:
// somebody reads, names AS2, and wants no other form more than that. Where AS1 and
// AS2 are wanted alike, as by programs that list all kinds of JSON that they know,
// AS2 it is: nobody names that by accident.
func (s *Server) asksForUs(r *http.Request, _ *mux.RouteMatch) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && (s.alone || prefersAS2(r.Header.Values("Accept")))
}

// prefersAS2 weighs the media ranges that an Accept field names (RFC 9110 12.5.1).
// Wildcards ask for nothing in particular, and application/ld+json is taken for
// AS2 whatever its profile, or without one.
func prefersAS2(accept []string) bool {
	ours, others, n := 0, 0, 0
	for _, field := range accept {
		for part := range strings.SplitSeq(field, ",") {
			if n++; n > maxRanges {
				return ours > 0 && ours >= others
			}
			name, parameters, _ := strings.Cut(part, ";")
			switch name = strings.ToLower(strings.TrimSpace(name)); {
			case name == activityType, name == linkedType:
				ours = max(ours, quality(parameters))
			case name != "" && !strings.Contains(name, "*"):
				others = max(others, quality(parameters))
			}
		}
	}
	return ours > 0 && ours >= others
}

// quality returns the weight among the parameters of a media range in
// thousandths. One that cannot be read counts as not given.
func quality(parameters string) int {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		// The comparisons are false for NaN, which has no place here either.
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			return int(q*1000 + 0.5)
		}
	}
	return 1000
}
