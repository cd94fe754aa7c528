package apub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"manifold/apub"
	"manifold/bridge"
	"manifold/internal/gofed"
	"manifold/internal/outbound"
	"manifold/internal/scratchpg"
	"manifold/models"
	"manifold/models/vocab"
)

const (
	home     = "https://us.example"
	asAS2    = "application/activity+json"
	profiled = `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`
)

// site is a server under test, at [home].
type site struct {
	*bridge.Bridge
	t      *testing.T
	server *apub.Server
	router *mux.Router
}

// onBoth runs a test with a server on each kind of database.
func onBoth(t *testing.T, test func(s *site)) { onBothWith(t, apub.Options{}, test) }

func onBothWith(t *testing.T, o apub.Options, test func(s *site)) {
	t.Parallel()
	for name, address := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "manifold.db") },
		"postgres": func(t *testing.T) string { return scratchpg.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newSite(t, address(t), o))
		})
	}
}

func newSite(t *testing.T, address string, o apub.Options) *site {
	t.Helper()
	db, err := models.Open(t.Context(), models.Options{Database: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = db.Migrate(t.Context())
	if err == nil {
		err = bridge.MigrateQueue(t.Context(), db)
	}
	if err == nil {
		err = db.Join(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(home)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, router: mux.NewRouter().UseEncodedPath().SkipClean(true)}
	if s.Bridge, err = bridge.New(bridge.Options{DB: db, BaseURL: base, SiteName: "Test & Site"}); err != nil {
		t.Fatal(err)
	}
	o.Bridge, o.Version = s.Bridge, "1.2.3"
	if o.Outbound == nil {
		o.Outbound = outbound.New(outbound.Options{})
	}
	if s.server, err = apub.New(o); err != nil {
		t.Fatal(err)
	}
	s.server.Register(s.router)
	// What others serve, where nobody asks for AS2.
	s.router.PathPrefix("/").HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	return s
}

// account makes an account without what registration does besides.
func (s *site) account(nick string) *models.Actor {
	s.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	a := &models.Actor{Type: vocab.TypePerson, Nickname: nick, Local: true, Created: now, Updated: now, Doc: &vocab.Object{ID: s.Names().Person(nick),
		Type: vocab.TypePerson, PreferredUsername: nick, DisplayName: strings.ToUpper(nick), URL: s.Names().Page(nick), Published: now, Updated: now}}
	s.write(func(ctx context.Context, tx *models.Tx) error {
		if err := tx.CreateActor(ctx, a, s.Names().PersonAliases(nick)...); err != nil {
			return err
		}
		return tx.CreateAccount(ctx, &models.Account{ActorID: a.ID, Nickname: nick, PasswordHash: "x", Created: now, Updated: now})
	})
	return a
}

// elsewhere makes somebody of another server of this network.
func (s *site) elsewhere(nick, host string) *models.Actor {
	s.t.Helper()
	iri := "https://" + host + "/u/" + nick
	a, err := s.Introduce(s.t.Context(), &bridge.Account{Network: apub.Network, IRI: iri, Aliases: []string{iri}, Inbox: iri + "/inbox", SharedInbox: "https://" + host + "/inbox",
		Profile: &vocab.Object{ID: "acct:" + nick + "@" + host, Type: vocab.TypePerson, PreferredUsername: nick, URL: "https://" + host + "/@" + nick,
			Feeds: map[string]vocab.Feed{"followers": {URL: iri + "/followers"}}}}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *site) write(f func(ctx context.Context, tx *models.Tx) error) {
	s.t.Helper()
	ctx := s.t.Context()
	if err := s.DB().Write(ctx, func(tx *models.Tx) error { return f(ctx, tx) }); err != nil {
		s.t.Fatal(err)
	}
}

// post has somebody do something, addressed to these.
func (s *site) post(who *models.Actor, verb string, o *vocab.Object, to ...*vocab.Object) *models.Activity {
	s.t.Helper()
	r, err := s.Post(s.t.Context(), bridge.Submission{ActorID: who.ID, Activity: &vocab.Activity{Verb: verb, Object: o, To: to}})
	if err != nil {
		s.t.Fatalf("%s by %s: %v", verb, who.Nickname, err)
	}
	return r.Activity
}

// arrive has somebody elsewhere do something.
func (s *site) arrive(who *models.Actor, a *vocab.Activity) *models.Activity {
	s.t.Helper()
	r, err := s.Receive(s.t.Context(), bridge.Arrival{SenderID: who.ID, Activity: a, Network: apub.Network, Verified: "http-signature"})
	if err != nil {
		s.t.Fatalf("%s by %s: %v", a.Verb, who.Nickname, err)
	}
	return r.Activity
}

func (s *site) followersOf(a *models.Actor) *vocab.Object {
	return &vocab.Object{ID: s.Names().Followers(a.Nickname), Type: vocab.TypeCollection}
}

func text(content string) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeNote, Content: content}
}

// answer is what the server said.
type answer struct {
	*httptest.ResponseRecorder
	t       *testing.T
	request string
}

// ask makes a request for AS2 without a signature.
func (s *site) ask(address string) *answer {
	s.t.Helper()
	return s.send("GET", address, http.Header{"Accept": {asAS2}})
}

// send makes a request. What is read is the same when asked by HEAD, without the
// body.
func (s *site) send(method, address string, header http.Header) *answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, home, nil)
	if err == nil {
		r.URL, err = url.Parse(address)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r.Host, r.RequestURI = r.URL.Host, r.URL.RequestURI()
	for name, values := range header {
		r.Header[name] = values
	}
	a := &answer{httptest.NewRecorder(), s.t, method + " " + address}
	s.router.ServeHTTP(a, r)
	if method == "GET" && len(header["Signature"]) == 0 {
		head := s.send("HEAD", address, header)
		if head.Code != a.Code || head.Body.Len() > 0 || fmt.Sprint(head.Header()) != fmt.Sprint(a.Header()) {
			s.t.Errorf("%s: %d %v; HEAD: %d %v with %d bytes", a.request, a.Code, a.Header(), head.Code, head.Header(), head.Body.Len())
		}
	}
	return a
}

// doc is the document of an answer with this status.
func (a *answer) doc(status int) map[string]any {
	a.t.Helper()
	var doc map[string]any
	err := json.Unmarshal(a.Body.Bytes(), &doc)
	if err != nil || a.Code != status {
		a.t.Fatalf("%s: %d %s (%v), want %d", a.request, a.Code, a.Body, err, status)
	}
	want := asAS2 + "; charset=utf-8"
	if doc["error"] != nil {
		want = "application/json; charset=utf-8"
	} else if err := gofed.Read(a.Body.Bytes()); err != nil {
		a.t.Errorf("%s: go-fed does not read it: %v\n%s", a.request, err, a.Body)
	}
	if got := a.Header().Get("Content-Type"); got != want {
		a.t.Errorf("%s: the type is %q", a.request, got)
	}
	return doc
}

// isRefused checks an answer that is no document.
func (a *answer) isRefused(status int) {
	a.t.Helper()
	if doc := a.doc(status); doc["error"] == nil || a.Header().Get("Cache-Control") != "no-store" {
		a.t.Errorf("%s: %d %s", a.request, a.Code, a.Body)
	}
}

// has checks members of a document.
func has(t *testing.T, doc map[string]any, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if fmt.Sprint(doc[name]) != fmt.Sprint(value) {
			t.Errorf("%v: %s is %v, want %v", doc["id"], name, doc[name], value)
		}
	}
}

// items reads a collection to its end, and checks that its pages fit together.
func (s *site) items(address string) []any {
	s.t.Helper()
	c := s.ask(address).doc(200)
	has(s.t, c, map[string]any{"id": address, "type": "OrderedCollection"})
	var all []any
	next, pages := c["first"], 0
	if opened, ok := next.(map[string]any); ok {
		next = opened["id"]
	}
	for next != nil {
		page := s.ask(next.(string)).doc(200)
		has(s.t, page, map[string]any{"id": next, "type": "OrderedCollectionPage", "partOf": address})
		list, ok := page["orderedItems"].([]any)
		if !ok {
			s.t.Fatalf("%v has no items: %v", next, page)
		}
		all = append(all, list...)
		next = page["next"]
		if pages++; pages > 100 {
			s.t.Fatalf("%s has no end", address)
		}
	}
	return all
}
