package web

import (
	"strconv"
	"strings"
)

// The forms in which there is something at the address of a page: here, or
// where a client is redirected to.
const (
	htmlForm = "text/html"
	textForm = "text/plain"
	as1Form  = "application/json"
	as2Form  = "application/activity+json"
	ldForm   = "application/ld+json"
)

// maxRanges bounds how many media ranges of a request are looked at.
const maxRanges = 64

// negotiate returns the form that the Accept fields of a request weigh most
// (RFC 9110 12.5.1), the first one where they do not decide. Of two that weigh
// the same the one that is named wins over the one that only a wildcard lets
// through: "application/json, text/plain, */*" is a program that wants JSON.
func negotiate(accept []string, forms ...string) string {
	best, most := forms[0], 0
	for _, form := range forms {
		if weight := weigh(accept, form); weight > most {
			best, most = form, weight
		}
	}
	return best
}

// weigh returns how much a form is wanted, 0 for not at all. The most particular
// range that it falls into decides.
func weigh(accept []string, form string) int {
	kind, _, _ := strings.Cut(form, "/")
	particular, quality, n := 0, 0, 0
	for _, field := range accept {
		for part := range strings.SplitSeq(field, ",") {
			if n++; n > maxRanges {
				break
			}
			name, parameters, _ := strings.Cut(part, ";")
			fits := 0
			switch strings.ToLower(strings.TrimSpace(name)) {
			case form:
				fits = 3
			case kind + "/*":
				fits = 2
			case "*/*":
				fits = 1
			}
			if fits > particular {
				particular, quality = fits, qualityOf(parameters)
			}
		}
	}
	if quality == 0 {
		return 0
	}
	return quality*4 + particular
}

// qualityOf returns the weight among the parameters of a media range in
// thousandths (RFC 9110 12.4.2). One that cannot be read counts as not given.
func qualityOf(parameters string) int {
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
