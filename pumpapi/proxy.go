package pumpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"manifold/bridge"
	"manifold/internal/media"
	"manifold/internal/outbound"
	"manifold/internal/recent"
	"manifold/models"
)

const (
	// proxyTime bounds the fetching of something for somebody here, and the
	// sending of it to them: a recording may be long.
	proxyTime = 5 * time.Minute
	// maxProxied is the size of the largest thing that is fetched, in bytes.
	maxProxied = 512 << 20
	// proxyTokenBytes bounds the memory for the tokens of addresses.
	proxyTokenBytes = 4 << 20
)

// proxies fetch what lies elsewhere for the people here, who are shown addresses
// on this server for it: the members proxyURL that pump.io's clients look for.
// Without them, every picture in somebody's inbox would tell a server of a
// stranger's choice when and from where it is read.
type proxies struct {
	db       *models.DB
	log      *slog.Logger
	now      func() time.Time
	outbound *outbound.Client
	copies   *media.Cache // nil keeps none
	fetching singleflight.Group

	// base is what all our own addresses begin with, prefix those of what is
	// proxied; host is ours.
	base, prefix, host string
	// direct are the hosts that are not proxied, with or without a port.
	direct map[string]bool
	// tokens are those of addresses that were shown lately. They never change.
	tokens *recent.Cache[string, string]
}

// newProxies returns nil where there is nothing to fetch with.
func newProxies(o Options) *proxies {
	if o.Outbound == nil {
		return nil
	}
	names := o.Bridge.Names()
	p := &proxies{
		db: o.Bridge.DB(), log: o.Log, now: o.Now, outbound: o.Outbound, copies: o.ProxyCache,
		base: names.Base + "/", prefix: names.Base + "/api/proxy/", host: names.Host, direct: map[string]bool{},
	}
	for _, host := range o.ProxyWhitelist {
		p.direct[strings.ToLower(host)] = true
	}
	p.tokens = recent.New(proxyTokenBytes, func(address, token string) int64 { return int64(96 + len(address) + len(token)) })
	return p
}

// elsewhere reports whether what lies at an address, which is none below ours,
// is to be fetched by this server.
func (p *proxies) elsewhere(address string) bool {
	if len(address) > models.MaxIRI {
		return false
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return false
	}
	host, hostname := strings.ToLower(u.Host), strings.ToLower(u.Hostname())
	switch port := u.Port(); {
	case port == "80" && u.Scheme == "http", port == "443" && u.Scheme == "https": // it goes without saying
		host = strings.TrimSuffix(host, ":"+port)
	}
	return host != p.host && !p.direct[host] && !p.direct[hostname]
}

// proxying is what one answer knows of the addresses that it shows. A nil
// *proxying shows everything as it is.
type proxying struct {
	*proxies
	found   map[string]string // tokens read for this answer
	missing []string          // what the answer would have needed besides
}

// forViewer returns what an answer to somebody is to know. Strangers are shown
// everything as it is.
func (p *proxies) forViewer(viewer models.Viewer) *proxying {
	if p == nil || viewer.ActorID == 0 {
		return nil
	}
	return &proxying{proxies: p}
}

// address returns where what lies elsewhere is read through this server, "" for
// what is not proxied, or not known yet: then it is noted as missing.
func (p *proxying) address(of string) string {
	if p == nil || of == "" || strings.HasPrefix(of, p.base) {
		return ""
	}
	token, ok := p.found[of]
	if !ok {
		token, ok = p.tokens.Get(of)
	}
	switch {
	case ok:
		return p.prefix + token
	case p.elsewhere(of):
		p.missing = append(p.missing, of)
	}
	return ""
}

// misses counts what was missing so far. What is written while it grows is not
// to be kept.
func (p *proxying) misses() int {
	if p == nil {
		return 0
	}
	return len(p.missing)
}

// render writes what an answer consists of. Where it shows something from
// elsewhere that has no address here yet, it is written again once that has one:
// most answers show nothing new, and need not be searched for it first.
func render(ctx context.Context, out *writer, write func(*writer)) {
	start := len(out.b)
	write(out)
	if out.proxies.misses() > 0 && out.proxies.resolve(ctx) {
		out.b = out.b[:start]
		write(out)
	}
}

// resolve finds or makes the addresses that were missing. It reports whether
// there is anything new: an answer without some is better than none.
func (p *proxying) resolve(ctx context.Context) bool {
	tokens := make(map[string]string, len(p.missing))
	for _, of := range p.missing {
		tokens[of] = ""
	}
	p.missing = nil
	found, err := p.db.Proxies(ctx, slices.Collect(maps.Keys(tokens))...)
	if err == nil && len(found) < len(tokens) {
		for of := range found {
			delete(tokens, of)
		}
		for of := range tokens {
			tokens[of] = bridge.NewToken()
		}
		var made map[string]string
		err = p.db.Write(ctx, func(tx *models.Tx) (err error) {
			made, err = tx.EnsureProxies(ctx, tokens, p.now())
			return err
		})
		maps.Copy(found, made)
	}
	if err != nil && ctx.Err() == nil {
		p.log.ErrorContext(ctx, "finding the addresses of what is proxied", "error", err)
	}
	for of, token := range found {
		p.tokens.Set(of, token)
	}
	p.found = found
	return len(found) > 0
}

// proxied writes the member pump_io of something that lies elsewhere.
func proxied(w *writer, of string) {
	if to := w.proxies.address(of); to != "" {
		w.key("pump_io")
		w.open('{')
		w.text("proxyURL", to)
		w.close('}')
	}
}

// proxiedFeeds are the collections that pump.io's clients read through their own
// server.
var proxiedFeeds = map[string]bool{"members": true, "followers": true, "following": true, "lists": true, "likes": true, "replies": true, "shares": true}

// proxiedFeed is proxied for the address of a collection.
func proxiedFeed(w *writer, name, of string) {
	if proxiedFeeds[name] {
		proxied(w, of)
	}
}

var errUpstream = refuse(http.StatusBadGateway, "Unable to retrieve proxy data")

// getProxy fetches what somebody here was shown an address for.
func (a *API) getProxy(w http.ResponseWriter, r *http.Request, _ *caller) error {
	address, err := a.db.ProxiedAddress(r.Context(), pathValue(r, "uuid"))
	if errors.Is(err, models.ErrNotFound) || err == nil && a.proxies == nil {
		return refuse(http.StatusNotFound, "No such proxy")
	}
	if err != nil {
		return err
	}
	if err := a.checkMediaHost(r.Context(), address); err != nil {
		return err
	}
	// A reader that has stopped reading does not hold a place at the other server.
	// Where a connection has no deadlines there is none to be set.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(proxyTime))
	return a.proxies.serve(w, r, address)
}

// checkMediaHost refuses what lies on a host that the admins want nothing fetched
// from, copies that were kept before included.
func (a *API) checkMediaHost(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	refused, err := a.bridge.MediaRefused(ctx, u.Host)
	if err == nil && refused {
		err = refuse(http.StatusForbidden, "Nothing is fetched from %s, by a decision of the admins of this server", u.Host)
	}
	return err
}

// conditional are the headers of a request that the other server is told of.
var conditional = []string{"If-Modified-Since", "If-None-Match", "If-Range", "Range"}

func (p *proxies) serve(w http.ResponseWriter, r *http.Request, address string) error {
	header := http.Header{}
	for _, name := range conditional {
		if values := r.Header.Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	if p.copies != nil && r.Method == http.MethodGet {
		kept, stream, err := p.copied(r.Context(), address, len(header) == 0)
		switch {
		case err != nil:
			return p.unreachable(r, err)
		case kept != nil:
			defer kept.Close()
			return serveCopy(w, r, kept, p.now())
		case stream != nil:
			defer stream.Body.Close()
			return p.pass(w, r, stream)
		}
	}
	stream, err := p.fetch(r.Context(), r.Method, address, header)
	if err != nil {
		return p.unreachable(r, err)
	}
	defer stream.Body.Close()
	return p.pass(w, r, stream)
}

func (p *proxies) unreachable(r *http.Request, err error) error {
	p.log.DebugContext(r.Context(), "fetching what is proxied", "error", err)
	return errUpstream
}

// fetch asks another server for something in the name of this server, which
// tells nothing of who wants it: no cookie and no credentials go with it. What is
// to be asked in somebody's name is signed by outbound.Request.Sign, and is not
// to be kept for others.
func (p *proxies) fetch(ctx context.Context, method, address string, header http.Header) (*outbound.Stream, error) {
	return p.outbound.Stream(ctx, outbound.Request{Method: method, URL: address, Header: header, MaxBody: maxProxied, Timeout: proxyTime})
}

// passedOn are the headers of an answer that the client is told of.
var passedOn = []string{"Last-Modified", "Etag", "Expires", "Cache-Control", "Content-Range", "Accept-Ranges", "Content-Encoding"}

// pass sends an answer on as it comes.
func (p *proxies) pass(w http.ResponseWriter, r *http.Request, s *outbound.Stream) error {
	switch s.Status {
	case http.StatusOK, http.StatusPartialContent, http.StatusNotModified, http.StatusRequestedRangeNotSatisfiable:
	default:
		return errUpstream
	}
	h := w.Header()
	for _, name := range passedOn {
		if v := s.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	if s.Status != http.StatusNotModified {
		inert(h, s.Header.Get("Content-Type"))
		if s.Size >= 0 {
			h.Set("Content-Length", strconv.FormatInt(s.Size, 10))
		}
	}
	w.WriteHeader(s.Status)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, s.Body); err != nil {
		p.log.DebugContext(r.Context(), "passing on what is proxied", "error", err)
		// It is too late to say so: only an end of the connection tells the client
		// that this is not all.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// inert has a browser take what a stranger's server sent for what it says that
// it is, run nothing of it, and show in place only what holds no script.
func inert(h http.Header, contentType string) {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, contentType = "application/octet-stream", "application/octet-stream"
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	family, _, _ := strings.Cut(mediaType, "/")
	switch {
	case mediaType == "image/svg+xml":
	case family == "image", family == "audio", family == "video", mediaType == "text/plain", mediaType == "application/json", strings.HasSuffix(mediaType, "+json"):
		return
	}
	h.Set("Content-Disposition", "attachment")
}
