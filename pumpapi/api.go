package pumpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"manifold/bridge"
	"manifold/internal/media"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// Options for [New].
type Options struct {
	Bridge *bridge.Bridge
	Log    *slog.Logger
	// Files and Images keep and prepare uploads; without Files there are none.
	Files  media.Store
	Images *media.Processor
	// MaxUpload bounds an upload, in bytes.
	MaxUpload int64
	// UploadQuota bounds what the uploads of an account take together, in bytes;
	// 0 does not.
	UploadQuota int64
	// ProxyWhitelist are hosts, with or without a port, that people here fetch from
	// themselves, not through this server.
	ProxyWhitelist []string
	// ProxyCache keeps pictures that were fetched for people here; nil keeps none.
	ProxyCache *media.Cache
	// NoRealtime leaves out SockJS and streams of events.
	NoRealtime bool
	// OpenRegistration lets anybody make an account, InvitedOnly whoever has an
	// invitation. Without either nobody can.
	OpenRegistration, InvitedOnly bool
	// RequireEmail makes no account without an address of mail.
	RequireEmail bool
	// Outbound speaks with the servers of people who log in from elsewhere, and
	// fetches what lies elsewhere for the people here; without it neither happens.
	Outbound *outbound.Client
	// FollowPage returns where the server of a visitor has them confirm that they
	// follow whoever uri names; see [pages.postVisit]. Nil lets nobody begin here.
	FollowPage func(ctx context.Context, visitor, uri string) (string, error)
	// RemoteAddress returns the address of a client, for servers behind a proxy.
	// Nil takes that of the connection.
	RemoteAddress func(*http.Request) string
	// Identified counts a request against the account and the client that made it,
	// 0 where there is none, and reports whether it may be answered; see
	// [front.Limiter]. Nil lets everything pass.
	Identified func(w http.ResponseWriter, r *http.Request, account, client int64) bool
	// Version is told in the Server header.
	Version string
	// Now replaces the clock in tests.
	Now func() time.Time
}

// API is the pump.io network as an http.Handler can serve it; see
// [API.Register].
type API struct {
	bridge    *bridge.Bridge
	db        *models.DB
	names     *bridge.Names
	log       *slog.Logger
	files     media.Store
	images    *media.Processor
	maxUpload int64
	quota     int64
	open      bool
	invited   bool
	server    string
	now       func() time.Time
	verifier  *oauth1.Verifier
	nonces    oauth1.NonceMemory
	pages     *pages
	fragments *fragments
	realtime  *realtime
	sockJS    *sockJS
	// live is false where there is no realtime.
	live         bool
	proxies      *proxies // nil where nothing is proxied
	attempts     *attempts
	outbound     *outbound.Client
	requireEmail bool
	// followPage is Options.FollowPage.
	followPage func(ctx context.Context, visitor, uri string) (string, error)
	// remoteAddress is Options.RemoteAddress.
	remoteAddress func(*http.Request) string
	// identified is Options.Identified.
	identified func(w http.ResponseWriter, r *http.Request, account, client int64) bool
}

// ServerField is what answers say of the software that made them: Dianara takes a
// server for one of the network by the last word.
func ServerField(version string) string { return "Manifold/" + version + " (pump.io)" }

// New makes the API.
func New(o Options) (*API, error) {
	base, err := oauth1.ParseBaseURL(o.Bridge.Names().Base)
	if err != nil {
		return nil, fmt.Errorf("the public address cannot be signed: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{
		bridge: o.Bridge, db: o.Bridge.DB(), names: o.Bridge.Names(), log: o.Log, files: o.Files, images: o.Images,
		maxUpload: o.MaxUpload, quota: o.UploadQuota, open: o.OpenRegistration, invited: o.InvitedOnly && !o.OpenRegistration, now: o.Now,
		server:   ServerField(o.Version),
		verifier: &oauth1.Verifier{BaseURLs: []oauth1.BaseURL{base}, Now: o.Now},
		nonces:   oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Now: o.Now}),
	}
	a.attempts, a.outbound, a.remoteAddress, a.requireEmail = newAttempts(o.Now), o.Outbound, o.RemoteAddress, o.RequireEmail
	if a.remoteAddress == nil {
		a.remoteAddress = func(r *http.Request) string { return r.RemoteAddr }
	}
	a.identified, a.followPage = o.Identified, o.FollowPage
	a.fragments, a.proxies = newFragments(), newProxies(o)
	a.live = !o.NoRealtime
	a.realtime = newRealtime(a)
	a.sockJS = newSockJS(a.realtime)
	a.pages, err = newPages(a)
	return a, err
}

// statusError is an answer that is not a success: a status and what is said.
type statusError struct {
	status int
	text   string
	// plain has the text sent as such, not as JSON: refusals of OAuth, which
	// happen before a request is looked at, were always plain.
	plain bool
	// detail is told as error_description, where text is a code (RFC 6749 5.2).
	detail string
}

func (e *statusError) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &statusError{status: status, text: fmt.Sprintf(format, args...)}
}

// statusOf maps the reasons of the bridge to what clients of pump.io expect.
func statusOf(r bridge.Reason) int {
	switch r {
	case bridge.NotAllowed:
		return http.StatusForbidden
	case bridge.Gone:
		return http.StatusGone
	case bridge.Closed:
		return http.StatusForbidden
	}
	// A verb that cannot be done is always 400 there, whatever the reason.
	return http.StatusBadRequest
}

// fail answers a request that did not succeed.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	refusal, ok := errors.AsType[*statusError](err)
	if !ok {
		refusal = a.refusalOf(r, err)
	}
	h := w.Header()
	if refusal.plain {
		h.Set("WWW-Authenticate", `OAuth realm="OAuth"`)
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(refusal.status)
		io.WriteString(w, refusal.text)
		return
	}
	out := writer{}
	out.open('{')
	out.key("error")
	out.b = appendString(out.b, refusal.text)
	out.text("error_description", refusal.detail)
	out.close('}')
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(refusal.status)
	w.Write(out.b)
}

func (a *API) refusalOf(r *http.Request, err error) *statusError {
	if e, ok := errors.AsType[*bridge.Error](err); ok {
		return &statusError{status: statusOf(e.Reason), text: e.Text}
	}
	if e, ok := errors.AsType[*DocumentError](err); ok {
		return &statusError{status: http.StatusBadRequest, text: "Bad document: " + e.Error()}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &statusError{status: http.StatusRequestEntityTooLarge, text: "The body is too large."}
	}
	if r.Context().Err() != nil {
		return &statusError{status: http.StatusServiceUnavailable, text: "The request was given up."}
	}
	a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	return &statusError{status: http.StatusInternalServerError, text: "Something went wrong here. It was written to the log of this server."}
}

var buffers = sync.Pool{New: func() any { return new(writer) }}

// answer sends what write makes as JSON, with a tag by which the client can ask
// whether it is still the same.
func answer(w http.ResponseWriter, r *http.Request, write func(*writer)) {
	out := buffers.Get().(*writer)
	defer func() {
		if cap(out.b) <= 1<<20 {
			*out = writer{b: out.b[:0]}
			buffers.Put(out)
		}
	}()
	render(r.Context(), out, write)
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		tag := `W/"` + strconv.FormatUint(xxhash.Sum64(out.b), 36) + `"`
		h.Set("Etag", tag)
		if matches(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(out.b)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(out.b)
	}
}

// matches reports whether a condition names a tag, weak or not.
func matches(condition, tag string) bool {
	for _, c := range strings.Split(condition, ",") {
		c = strings.TrimSpace(c)
		if c == "*" || c != "" && strings.TrimPrefix(c, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// body reads a JSON document, bounded.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxDocument))
	if err != nil {
		return nil, err
	}
	return data, nil
}

// text is an answer of one word.
func text(w http.ResponseWriter, r *http.Request, s string) {
	answer(w, r, func(out *writer) {
		b, _ := json.Marshal(s)
		out.b = append(out.b, b...)
	})
}
