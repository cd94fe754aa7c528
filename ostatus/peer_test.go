package ostatus_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
	"manifold/ostatus/xrd"
)

// closedHome is the public address of a server of a closed network, where there is
// no TLS.
const closedHome = "http://us.example"

// world is a server of a closed network with its jobs, and without a socket.
type world struct {
	*site
	ahead atomic.Int64 // of the clock
}

// now is the time of the server.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// wait sets the clock of the server forward.
func (w *world) wait(d time.Duration) { w.ahead.Add(int64(d)) }

// worlds runs a test with a server on each kind of database.
func worlds(t *testing.T, o ostatus.Options, test func(w *world)) {
	t.Helper()
	t.Parallel()
	for name, address := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, address(t), o))
		})
	}
}

func newWorld(t *testing.T, address string, o ostatus.Options, networks ...func(*bridge.Bridge) bridge.Network) *world {
	t.Helper()
	ctx := t.Context()
	db, err := models.Open(ctx, models.Options{Database: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := bridge.MigrateQueue(ctx, db); err != nil {
		t.Fatal(err)
	}
	if err := db.Join(ctx); err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(closedHome)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	b, err := bridge.New(bridge.Options{DB: db, BaseURL: base, SiteName: "Test Site", Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		b.Connect(n(b))
	}
	o.Bridge, o.Now = b, w.now
	if o.Outbound == nil {
		o.Outbound = outbound.New(outbound.Options{AllowPrivate: true, Timeout: 5 * time.Second})
	}
	t.Cleanup(o.Outbound.CloseIdleConnections)
	server, err := ostatus.New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Connect(server)
	w.site = &site{Bridge: b, t: t, server: server}
	return w
}

// start has jobs worked until the test ends.
func (w *world) start() {
	w.t.Helper()
	if err := w.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	})
}

// meet has the server find somebody, as whoever follows or mentions them does.
func (w *world) meet(s *someone) *models.Actor {
	w.t.Helper()
	actor, err := w.Resolve(w.t.Context(), s.acct)
	if err != nil {
		w.t.Fatal(err)
	}
	return actor
}

// peerKeys are shared by all tests: to make one takes longer than most of them.
var peerKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	var keys []*rsa.PrivateKey
	for range 2 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
})

// peer is another server, on loopback. What it serves may be changed at any time.
type peer struct {
	t    *testing.T
	base string // http://127.0.0.1:port
	host string

	mu        sync.Mutex
	documents map[string]served // by path and query
	asked     []string          // the same of requests, in order
	slaps     []slap
	// hubbed are the forms that the hub got, in order; full what it answers in place of
	// 202.
	hubbed []url.Values
	full   int
	// judge, if set, decides what a salmon is answered; 0 for 200.
	judge func(s slap) int
}

// served is an answer of a peer.
type served struct {
	status             int // 0 for 200
	kind, body, header string
}

// slap is a salmon that a peer got.
type slap struct {
	path, kind string
	envelope   *salmon.Envelope
	entry      *atom.Entry
	payload    string
}

func (s slap) mentions(uri string) bool {
	return slices.ContainsFunc(s.entry.Mentions(), func(m atom.Mention) bool { return m.URI == uri })
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, documents: map[string]served{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.base, p.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	return p
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost {
		w.WriteHeader(p.take(r, body))
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, r.URL.RequestURI())
	d, ok := p.documents[r.URL.RequestURI()]
	p.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	if d.header != "" {
		name, value, _ := strings.Cut(d.header, ": ")
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", d.kind)
	if d.status != 0 {
		w.WriteHeader(d.status)
	}
	_, _ = io.WriteString(w, d.body)
}

// take keeps a salmon, and returns the status of the answer.
func (p *peer) take(r *http.Request, body []byte) int {
	if r.URL.Path == hubPath {
		return p.takeForm(body)
	}
	s := slap{path: r.URL.Path, kind: r.Header.Get("Content-Type")}
	envelope, err := salmon.Parse(body, s.kind)
	if err != nil {
		p.t.Errorf("a salmon that is none: %v: %s", err, body)
		return http.StatusBadRequest
	}
	payload, err := envelope.Payload()
	if err != nil {
		p.t.Error(err)
		return http.StatusBadRequest
	}
	doc, err := atom.Decode(payload, atom.DecodeOptions{})
	if err != nil || doc.Entry == nil {
		p.t.Errorf("the payload is no entry: %v: %s", err, payload)
		return http.StatusBadRequest
	}
	s.envelope, s.entry, s.payload = envelope, doc.Entry, string(payload)
	p.mu.Lock()
	judge := p.judge
	p.slaps = append(p.slaps, s)
	p.mu.Unlock()
	if judge != nil {
		if status := judge(s); status != 0 {
			return status
		}
	}
	return http.StatusOK
}

// hubPath is where the hub of a peer is.
const hubPath = "/main/push/hub"

// takeForm notes what the hub is asked.
func (p *peer) takeForm(body []byte) int {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		p.t.Errorf("the hub got %q: %v", body, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hubbed = append(p.hubbed, form)
	if p.full != 0 {
		return p.full
	}
	return http.StatusAccepted
}

func (p *peer) judges(f func(s slap) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = f
}

// got are the salmon so far.
func (p *peer) got() []slap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.slaps)
}

// gets waits for a salmon with a verb, and returns the last one.
func (p *peer) gets(verb string) slap {
	p.t.Helper()
	var found slap
	until(p.t, "a salmon that says "+verb, func() bool {
		for _, s := range p.got() {
			if s.entry.Does() == verb {
				found = s
			}
		}
		return found.entry != nil
	})
	return found
}

// forget empties the list of salmon.
func (p *peer) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slaps = nil
}

func (p *peer) serves(path string, d served) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.documents[path] = d
}

func (p *peer) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// someone is a person or a group at a peer.
type someone struct {
	*peer
	nick, acct, uri, page, feed, inbox string
	key                                *rsa.PrivateKey
	descriptor                         *xrd.Descriptor
	document                           *atom.Feed
}

// person makes somebody at a peer, as GNU social has people.
func (p *peer) person(nick string) *someone {
	p.t.Helper()
	s := &someone{peer: p, nick: nick, acct: "acct:" + nick + "@" + p.host, uri: p.base + "/user/" + nick, page: p.base + "/" + nick,
		feed: p.base + "/feeds/" + nick + ".atom", inbox: p.base + "/main/salmon/user/" + nick, key: peerKeys()[0]}
	s.describe(vocab.TypePerson)
	s.publish()
	return s
}

// group makes a group at a peer, with the wrong number in its descriptor that GNU
// social 2 puts there.
func (p *peer) group(nick string) *someone {
	p.t.Helper()
	s := &someone{peer: p, nick: nick, acct: p.base + "/group/" + nick + "/id", uri: p.base + "/group/" + nick + "/id", page: p.base + "/group/" + nick,
		feed: p.base + "/groups/" + nick + ".atom", inbox: p.base + "/main/salmon/group/" + nick}
	s.describe(vocab.TypeGroup)
	s.publish()
	return s
}

// describe writes the descriptor and an empty feed of somebody.
func (s *someone) describe(kind string) {
	inbox := s.inbox
	s.descriptor = &xrd.Descriptor{Subject: s.acct, Aliases: []string{s.uri, s.page}, Links: []xrd.Link{
		{Rel: xrd.RelProfile, Type: "text/html", Href: s.page}, {Rel: xrd.RelUpdates, Type: "application/atom+xml", Href: s.feed}}}
	if s.key != nil {
		s.descriptor.Links = append(s.descriptor.Links, xrd.Link{Rel: xrd.RelKey, Href: salmon.PublicKeyURL(&s.key.PublicKey)})
	}
	if kind == vocab.TypeGroup {
		inbox += "0"
	}
	s.descriptor.Links = append(s.descriptor.Links, xrd.Link{Rel: xrd.RelSalmon, Href: inbox})
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s.document = &atom.Feed{ID: s.feed, Title: s.nick + " timeline", Updated: at, Author: &atom.Person{Name: s.nick, URI: s.uri, ObjectType: atom.Schema + kind,
		PreferredUsername: s.nick, DisplayName: strings.ToUpper(s.nick), Note: "about " + s.nick, Links: []atom.Link{{Rel: "alternate", Type: "text/html", Href: s.page},
			{Rel: "avatar", Type: "image/png", Href: s.base + "/96.png", Width: 96, Height: 96}}},
		Links: append(atom.SalmonLinks(s.inbox), atom.Link{Rel: "hub", Href: s.base + hubPath}, atom.Link{Rel: "self", Type: "application/atom+xml", Href: s.feed})}
}

// publish has the peer serve the descriptor under all names in it, and the feed.
func (s *someone) publish() {
	s.t.Helper()
	for _, name := range s.descriptor.Names() {
		s.serves(finger(name), served{kind: xrd.MediaTypeJRD, body: string(s.descriptor.JSON())})
	}
	doc, err := s.document.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	s.serves(strings.TrimPrefix(s.feed, s.base), served{kind: "application/atom+xml", body: string(doc)})
}

// finger is the path under which WebFinger is asked for a name.
func finger(name string) string {
	return "/.well-known/webfinger?resource=" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// writes adds a note of somebody to their feed, and has it served at its page.
func (s *someone) writes(n int, text string) *atom.Entry {
	s.t.Helper()
	at := time.Date(2026, 11, 1, 12, n, 0, 0, time.UTC)
	e := &atom.Entry{ID: fmt.Sprintf("tag:%s,2026-11-01:noticeId=%d:objectType=note", s.host, n), Title: "New note by " + s.nick, Content: text, Published: at, Updated: at,
		Verb: atom.Schema + "post", ObjectType: atom.Schema + "note", Links: []atom.Link{{Rel: "alternate", Type: "text/html", Href: fmt.Sprintf("%s/notice/%d", s.base, n)}, atom.PublicLink()}}
	s.document.Entries = append([]*atom.Entry{e}, s.document.Entries...)
	s.document.Updated = at
	s.publish()
	alone := *e
	alone.Author = s.document.Author
	doc, err := alone.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	s.serves(fmt.Sprintf("/api/statuses/show/%d.atom", n), served{kind: "application/atom+xml", body: string(doc)})
	s.serves(fmt.Sprintf("/notice/%d", n), served{kind: "text/html", body: fmt.Sprintf(`<html><head><link rel="alternate" type="application/atom+xml" href="/api/statuses/show/%d.atom"></head></html>`, n)})
	return e
}
