package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// problem is an answer that is not what was asked for.
type problem struct {
	status      int
	title, text string
}

func (e *problem) Error() string { return e.title + ": " + e.text }

var (
	// errNotFound is the answer for what does not exist, and for what a stranger
	// may not know to exist.
	errNotFound = &problem{http.StatusNotFound, "Nothing is here", "There is no page at this address, or it is not public."}
	// errDeleted and errSuspended are the answers for people who were here.
	errDeleted   = &problem{http.StatusGone, "This person has left", "The account at this address was deleted."}
	errSuspended = &problem{http.StatusGone, "This page is closed", "The account at this address is suspended."}
	// errMethod is the answer to anything but looking.
	errMethod = &problem{http.StatusMethodNotAllowed, "This cannot be done here", "What is at this address does not take requests of this method."}
	// errFailed is the answer when it is our fault.
	errFailed = &problem{http.StatusInternalServerError, "Something went wrong", "It was written to the log of this server. Please try again later."}
	errBusy   = &problem{http.StatusServiceUnavailable, "This took too long", "Please try again later."}
)

// errGone is the answer for a thing that was deleted.
func errGone(kind string) error {
	return &problem{http.StatusGone, "Deleted", "This " + kind + " was deleted."}
}

// fail answers a request that did not succeed, in the first of the forms that
// the client likes best.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error, forms ...string) {
	refusal, ok := errors.AsType[*problem](err)
	switch {
	case ok:
	case r.Context().Err() != nil:
		refusal = errBusy
	default:
		p.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		refusal = errFailed
	}
	h := w.Header()
	h.Set("Cache-Control", cacheNever)
	form := textForm
	if len(forms) > 0 {
		form = negotiate(r.Header.Values("Accept"), forms...)
	}
	switch {
	case form != htmlForm && form != textForm || underAPI(r):
		p.failJSON(w, refusal)
		return
	case form == htmlForm:
		body, err := p.print(page{Title: refusal.title}, problemPage(p.root, refusal.title, refusal.text))
		if err == nil {
			h.Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(refusal.status)
			w.Write(body)
			return
		}
		p.log.ErrorContext(r.Context(), "printing a problem", "error", err)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(refusal.status)
	io.WriteString(w, refusal.text+"\n")
}

func (p *Pages) failJSON(w http.ResponseWriter, refusal *problem) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(refusal.status)
	// An error means that the client is gone.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": refusal.text})
}

// underAPI reports whether a path belongs to programs, whatever they accept.
func underAPI(r *http.Request) bool {
	path := r.URL.EscapedPath()
	return path == "/api" || strings.HasPrefix(path, "/api/")
}
