package pumpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"manifold/models"
)

// readable reports whether a string can name anything: PostgreSQL takes neither
// NUL nor broken UTF-8 as text.
func readable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// checkAddress refuses addresses that hold what no name can have.
func checkAddress(u *url.URL) error {
	ok := readable(u.Path)
	if u.RawQuery != "" {
		for _, values := range u.Query() {
			for _, v := range values {
				ok = ok && readable(v)
			}
		}
	}
	if !ok {
		return refuse(http.StatusBadRequest, "The address is not text: it has a NUL, or bytes that are not UTF-8.")
	}
	return nil
}

// arguments are which part of a collection a request asks for.
type arguments struct {
	count, offset int
	// before and since are ids, "" for none.
	before, since string
	// q is a text that people are looked for by; "" for all.
	q string
}

const (
	defaultCount = 20
	maxCount     = 200
	// maxOffset bounds what has to be counted off; before= goes as far as there
	// is anything.
	maxOffset = 100_000
	// maxQuery bounds a text that is looked for, in bytes.
	maxQuery = 500
)

func readArguments(u *url.URL) (arguments, error) {
	q := u.Query()
	a := arguments{count: defaultCount, before: q.Get("before"), since: q.Get("since"), q: q.Get("q")}
	bad := func(text string) (arguments, error) { return a, refuse(http.StatusBadRequest, "%s", text) }
	var err error
	if q.Has("count") {
		if a.count, err = strconv.Atoi(q.Get("count")); err != nil || a.count < 0 || a.count > maxCount {
			return bad("Count must be between 0 and 200")
		}
	}
	if q.Has("offset") {
		if a.offset, err = strconv.Atoi(q.Get("offset")); err != nil || a.offset < 0 {
			return bad("Offset must be an integer greater than or equal to zero")
		}
		if a.offset > maxOffset {
			return bad("Offset must be at most 100000; page with 'before' instead")
		}
	}
	switch {
	case len(a.q) > maxQuery:
		return bad("q must have at most 500 bytes")
	case q.Has("before") && a.before == "":
		return bad("before is null")
	case q.Has("since") && a.since == "":
		return bad("since is null")
	case q.Has("before") && q.Has("since"):
		return bad("Can't have both 'before' and 'since' parameters")
	case q.Has("before") && q.Has("offset"):
		return bad("Can't have both 'before' and 'offset' parameters")
	case q.Has("since") && q.Has("offset"):
		return bad("Can't have both 'since' and 'offset' parameters")
	}
	return a, nil
}

// page turns the arguments into positions. find returns the position of an id,
// or [models.ErrNotFound].
func (a arguments) page(ctx context.Context, find func(context.Context, string) (int64, error)) (models.Page, error) {
	p := models.Page{Count: a.count, Offset: a.offset}
	var err error
	if a.before != "" {
		p.Before, err = find(ctx, a.before)
	}
	if a.since != "" {
		p.Since, err = find(ctx, a.since)
	}
	return p, err
}

// unplaced is the answer to an id that is not in the collection that a request
// asks for.
func (a arguments) unplaced(r *http.Request) error {
	return refuse(http.StatusBadRequest, "id '%s' not found in stream '%s'", a.before+a.since, streamName(r))
}

// streamName is what pump.io calls a collection: the path, with the words of its
// inside.
func streamName(r *http.Request) string {
	path, _ := strings.CutPrefix(strings.Trim(r.URL.Path, "/"), "api/")
	parts := strings.Split(path, "/")
	switch {
	case parts[0] == "public" && len(parts) > 1:
		parts = append(parts[:1], parts[2:]...)
	case parts[0] == "user" && len(parts) > 2 && parts[2] == "feed":
		parts[2] = "outbox"
	}
	return strings.Join(parts, ":")
}

// spelledOut is an address with the arguments that lead to this page.
func (a arguments) spelledOut(address string) string {
	start := "offset=" + strconv.Itoa(a.offset)
	switch {
	case a.before != "":
		start = "before=" + url.QueryEscape(a.before)
	case a.since != "":
		start = "since=" + url.QueryEscape(a.since)
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + start + "&count=" + strconv.Itoa(a.count) + a.andQuery()
}

// andQuery is the text that is looked for, as a further argument.
func (a arguments) andQuery() string {
	if a.q == "" {
		return ""
	}
	return "&q=" + url.QueryEscape(a.q)
}

// more reports whether a page links to the older items after it: n items were
// found of total.
func (a arguments) more(n, total int) bool {
	switch {
	case n == 0:
		return false
	case a.since != "":
		return true
	case a.before != "":
		return n >= a.count
	}
	return a.offset+n < total && n >= a.count
}

// pageLinks writes the links of a page: prev to what is newer than its first
// item, next to what is older than its last. Each has one parameter, which is
// all that Dianara reads; an address with a parameter of its own has no room for
// it.
func pageLinks(w *writer, address, first, last string, more bool) {
	searchLinks(w, address, "", first, last, more)
}

// searchLinks are the links of a page of what was found: with what was looked
// for, as a further argument.
func searchLinks(w *writer, address, query, first, last string, more bool) {
	if strings.Contains(address, "?") {
		return
	}
	if first != "" {
		w.key("prev")
		w.open('{')
		w.text("href", address+"?since="+url.QueryEscape(first)+query)
		w.close('}')
	}
	if last != "" && more {
		w.key("next")
		w.open('{')
		w.text("href", address+"?before="+url.QueryEscape(last)+query)
		w.close('}')
	}
}
