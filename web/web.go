package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/cespare/xxhash/v2"

	"manifold/bridge"
)

//go:embed static
var files embed.FS

// Options for [New].
type Options struct {
	Bridge *bridge.Bridge
	// Log receives what goes wrong here; nil discards it.
	Log *slog.Logger
	// Version of the program, told at the foot of each page.
	Version string
	// Owner is who runs the server, and OwnerURL where to reach them; both may be
	// empty.
	Owner, OwnerURL string
	// Feeds says that there are Atom feeds, see package ostatus: pages point to
	// them.
	Feeds bool
	// Visitors says that there is a page on which people with an account elsewhere
	// begin to follow somebody here, see package pumpapi.
	Visitors bool
}

// Pages are the pages for people; see [Pages.Register].
type Pages struct {
	store    store
	names    *bridge.Names
	site     string
	software string
	// owner runs the server, see [Options].
	owner, ownerURL string
	// root is the path of the public address, "" where it has none.
	root     string
	log      *slog.Logger
	feeds    bool
	visitors bool
	// policy is the Content-Security-Policy of every answer.
	policy string
}

// New makes the pages of the server that a bridge belongs to.
func New(o Options) (*Pages, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pages{
		store: o.Bridge.DB(), names: o.Bridge.Names(), site: o.Bridge.SiteName(), software: strings.TrimSpace("Manifold " + o.Version),
		log: o.Log, feeds: o.Feeds, visitors: o.Visitors,
	}
	p.owner, p.ownerURL = firstOf(o.Owner, o.OwnerURL), o.OwnerURL
	base, err := url.Parse(p.names.Base)
	if err != nil {
		return nil, fmt.Errorf("reading the public address: %w", err)
	}
	p.root = base.EscapedPath()
	// Browsers warn of pictures over plain http on a page that came by https.
	pictures := "https:"
	if strings.HasPrefix(p.names.Base, "http:") {
		pictures += " http:"
	}
	p.policy = "default-src 'none'; style-src 'self'; img-src 'self' " + pictures +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return p, nil
}

// page is what stands around the body of a page.
type page struct {
	Site, Software, Owner, OwnerURL string
	// Root is what the paths of links on this server begin with.
	Root string
	// Title is empty on the page of the site itself.
	Title, Description string
	// Canonical is the address of the page, JSON that of the same for programs,
	// Feed that of the same as Atom, Next that of the page that continues it.
	Canonical, JSON, Feed, Next string
}

// fullTitle is what a browser calls a page.
func (p *page) fullTitle() string {
	if p.Title == "" {
		return p.Site
	}
	return p.Title + " · " + p.Site
}

// What shared caches and browsers may do with an answer. A page may be a minute
// old, so what was deleted can be seen for a minute longer.
const (
	cachePage   = "public, max-age=60"
	cacheStatic = "public, max-age=3600"
	cacheNever  = "no-store"
)

// show sends a page.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, v page, body templ.Component) error {
	text, err := p.print(v, body)
	if err != nil {
		return err
	}
	send(w, r, "text/html; charset=utf-8", cachePage, text)
	return nil
}

// print makes a page as a whole, so that what cannot be printed is not begun. It
// waits for nothing, and so has no context that could end it.
func (p *Pages) print(v page, body templ.Component) ([]byte, error) {
	v.Site, v.Software, v.Owner, v.OwnerURL, v.Root = p.site, p.software, p.owner, p.ownerURL, p.root
	v.Title, v.Description = excerpt(v.Title, 100), excerpt(v.Description, 300)
	var b bytes.Buffer
	if err := layout(v, body).Render(context.Background(), &b); err != nil {
		return nil, fmt.Errorf("printing a page: %w", err)
	}
	return b.Bytes(), nil
}

// send answers with status 200, or 304 to those who have the same already.
func send(w http.ResponseWriter, r *http.Request, contentType, cache string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("Etag", `W/"`+strconv.FormatUint(xxhash.Sum64(body), 36)+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// stamp is a time for programs.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// when is a time for people.
func when(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}
