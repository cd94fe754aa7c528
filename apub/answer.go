package apub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gorilla/mux"

	"manifold/apub/httpsig"
	"manifold/internal/telemetry"
)

// access is what a route demands of whoever asks.
type access int

const (
	// open is for everybody, always: what it takes to verify a signature of ours.
	open access = iota
	// alike shows the same to everybody who may ask.
	alike
	// personal shows more to those whom something is addressed to.
	personal
)

// handler answers a request, or returns why not: a [*refusal], or anything else
// for what went wrong here.
type handler func(w http.ResponseWriter, r *http.Request, who visitor) error

// let serves a route and tells those who are refused why.
func (s *Server) let(name string, need access, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetRoute(r.Context(), name)
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Access-Control-Allow-Origin", "*")
		header.Add("Vary", "Accept")
		if s.dependsOnSignature(need) {
			header.Add("Vary", "Signature")
		}
		var err error
		if s.dependsOnSignature(need) {
			err = s.serveVisitor(w, r, h)
		} else {
			err = h(w, r, visitor{})
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

func (s *Server) dependsOnSignature(need access) bool {
	return need == personal || need == alike && s.authorizedFetch
}

// refusal is an answer that is not a success.
type refusal struct {
	status int
	text   string
	// retry is when to try again, 0 where that makes no sense.
	retry time.Duration
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

var (
	errNothing     = &refusal{status: http.StatusNotFound, text: "There is nothing here, or nothing that is shown to you."}
	errNobody      = &refusal{status: http.StatusNotFound, text: "There is nobody of that name here."}
	errNoPage      = &refusal{status: http.StatusNotFound, text: "There is no such page: follow the links \"first\" and \"next\" of the collection."}
	errUnsigned    = &refusal{status: http.StatusUnauthorized, text: "The request has to be signed (HTTP signatures, with the key of an actor)."}
	errNotExpected = &refusal{status: http.StatusInternalServerError, text: "Something went wrong here. It was written to the log of this server."}
)

// fail answers a request that did not succeed.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		refused = errNotExpected
		if r.Context().Err() == nil {
			s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
	}
	body, err := json.Marshal(map[string]string{"error": refused.text})
	if err != nil {
		body = nil
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if refused.status == http.StatusUnauthorized {
		header.Set("Accept-Signature", httpsig.AcceptSignature)
	}
	if refused.retry > 0 {
		header.Set("Retry-After", strconv.Itoa(int(refused.retry.Seconds())))
	}
	w.WriteHeader(refused.status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// cacheFor is how long a copy of what strangers are shown may be used. Peers that
// are told of a change ask anew by themselves.
const cacheFor = "public, max-age=180"

// send answers with a document, or with 304 to whoever has the same already.
func (s *Server) send(w http.ResponseWriter, r *http.Request, who visitor, status int, doc []byte) {
	header := w.Header()
	header.Set("Content-Type", activityType+"; charset=utf-8")
	if who.ActorID != 0 || s.authorizedFetch {
		header.Set("Cache-Control", "private, no-cache")
	} else {
		header.Set("Cache-Control", cacheFor)
	}
	tag := `W/"` + strconv.FormatUint(xxhash.Sum64(doc), 36) + `"`
	header.Set("Etag", tag)
	if status == http.StatusOK && sameTag(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(doc)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(doc)
	}
}

// sameTag reports whether a condition names a tag, weak or not.
func sameTag(condition, tag string) bool {
	for one := range strings.SplitSeq(condition, ",") {
		if one = strings.TrimSpace(one); one == "*" || one != "" && strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// sendTombstone answers for what is gone for good, or so it looks.
func (s *Server) sendTombstone(w http.ResponseWriter, r *http.Request, who visitor, id, objectType string, deleted time.Time) error {
	doc, err := s.encoder(nil).Tombstone(id, objectType, deleted)
	if err != nil {
		return err
	}
	s.send(w, r, who, http.StatusGone, doc)
	return nil
}

// getExtension serves the terms that we add to AS2, for whoever wants to know what
// they mean. No document of ours needs it to be read.
func getExtension(w http.ResponseWriter, r *http.Request, _ visitor) error {
	header := w.Header()
	header.Set("Content-Type", linkedType)
	header.Set("Cache-Control", "public, max-age=86400")
	header.Set("Content-Length", strconv.Itoa(len(Extension)))
	if r.Method != http.MethodHead {
		w.Write(Extension)
	}
	return nil
}

// encoder writes documents that name these people.
func (s *Server) encoder(people People) *Encoder { return &Encoder{Names: s.names, Directory: people} }

// writer writes what is meant for whoever gets the document.
func (s *Server) writer(ctx context.Context, people People) (*Encoder, error) {
	files, err := s.bridge.FileKeys(ctx)
	if err != nil {
		return nil, err
	}
	e := s.encoder(people)
	e.Files = files
	return e, nil
}

// pathValue is a variable of the path, decoded.
func pathValue(r *http.Request, name string) string {
	value, err := url.PathUnescape(mux.Vars(r)[name])
	if err != nil {
		return ""
	}
	return value
}
