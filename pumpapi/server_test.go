package pumpapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"golang.org/x/crypto/bcrypt"

	"manifold/bridge"
	"manifold/bridge/wellknown"
	"manifold/internal/media"
	"manifold/internal/scratchpg"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

const (
	// home is the public address of a server under test. The server itself
	// listens on a port of loopback and speaks http, as behind a TLS proxy.
	home = "https://pump.example"
	// portHome is one where people are known by the URL of their profile.
	portHome = "http://localhost:8080"

	publicID = vocab.PublicID
	// password is that of everybody who is made by [site.person].
	password = "correct-horse-9"
)

// site is a server under test.
type site struct {
	t       testing.TB
	base    string
	address string // of the database
	db      *models.DB
	bridge  *bridge.Bridge
	api     *pumpapi.API
	router  *mux.Router
	server  *httptest.Server
	folder  string // of uploads
	clock   *clock
	program *models.Client // signs for everybody whom [site.person] makes
}

// siteOptions are what a test wants of its server; the zero value is a server
// on SQLite at [home] where anybody may register.
type siteOptions struct {
	base, database string
	closed         bool
	noUploads      bool
	maxUpload      int64
	mail           bridge.Mailer
	// adjust, if set, changes how the API is made.
	adjust func(*pumpapi.Options)
	// reachable serves at the public address itself, which is on loopback then.
	reachable bool
}

// clock is the time of a server and of those who sign requests to it.
type clock struct {
	ahead   atomic.Int64
	stopped atomic.Pointer[time.Time]
}

func (c *clock) now() time.Time {
	now := time.Now()
	if at := c.stopped.Load(); at != nil {
		now = *at
	}
	return now.Add(time.Duration(c.ahead.Load()))
}

// stop has no time pass but what a test wants to pass: a slow machine takes longer
// than the shortest of waits.
func (c *clock) stop() {
	now := time.Now()
	c.stopped.Store(&now)
}

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func newSite(t testing.TB, o siteOptions) *site {
	t.Helper()
	o.base = cmp.Or(o.base, home)
	s := &site{t: t, clock: new(clock)}
	if o.reachable {
		s.server = httptest.NewUnstartedServer(nil)
		o.base = "http://" + s.server.Listener.Addr().String()
	}
	if o.database == "" {
		o.database = sqliteDatabase(t)
	}
	s.base, s.address, s.folder = o.base, o.database, t.TempDir()
	s.start(o)
	s.program = s.newProgram("Test Program")
	return s
}

// start opens the database and serves it.
func (s *site) start(o siteOptions) {
	t := s.t
	t.Helper()
	var err error
	s.db, err = models.Open(t.Context(), models.Options{Database: s.address, Name: fmt.Sprintf("pumpapi-test-%d-%d", os.Getpid(), openings.Add(1))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.db.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	options := pumpapi.Options{Images: media.NewProcessor(media.Options{MaxPixels: 4_000_000}), MaxUpload: cmp.Or(o.maxUpload, 1<<20),
		OpenRegistration: !o.closed, Version: "1.2.3", Now: s.clock.now}
	bridgeOptions := bridge.Options{DB: s.db, BaseURL: base, SiteName: "Test Site", Now: s.clock.now, Mail: o.mail}
	if !o.noUploads {
		files, err := media.OpenFolder(s.folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { files.Close() })
		options.Files, bridgeOptions.Files = files, files
	}
	if s.bridge, err = bridge.New(bridgeOptions); err != nil {
		t.Fatal(err)
	}
	options.Bridge = s.bridge
	if o.adjust != nil {
		o.adjust(&options)
	}
	api, err := pumpapi.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.api = api
	s.router = mux.NewRouter().UseEncodedPath().SkipClean(true)
	answers, err := wellknown.New(wellknown.Options{Bridge: s.bridge, Networks: []wellknown.Network{api}, Version: "1.2.3", Server: pumpapi.ServerField("1.2.3"), Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	answers.Register(s.router)
	api.Register(s.router)
	if !o.reachable {
		s.server = httptest.NewUnstartedServer(nil)
	}
	s.server.Config.Handler = s.router
	s.server.Start()
	t.Cleanup(s.server.Close)
}

var openings atomic.Int64

// databases are the two kinds of store; each returns the address of a database
// whose tables are made.
var databases = []struct {
	name    models.Dialect
	address func(testing.TB) string
}{
	{models.SQLite, sqliteDatabase},
	{models.Postgres, postgresDatabase},
}

// onBoth runs a test with a server on each kind of database.
func onBoth(t *testing.T, test func(t *testing.T, s *site)) {
	t.Parallel()
	for _, d := range databases {
		t.Run(string(d.name), func(t *testing.T) {
			t.Parallel()
			test(t, newSite(t, siteOptions{database: d.address(t)}))
		})
	}
}

var sqliteTemplate struct {
	once sync.Once
	file []byte
}

// sqliteDatabase copies a database with all tables and nothing in them, which is
// made once: making the tables costs more than most tests do.
func sqliteDatabase(t testing.TB) string {
	t.Helper()
	sqliteTemplate.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		migrate(t, path)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sqliteTemplate.file = file
	})
	path := filepath.Join(t.TempDir(), "manifold.db")
	if err := os.WriteFile(path, sqliteTemplate.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var postgresTemplate scratchpg.Template

func postgresDatabase(t testing.TB) string {
	t.Helper()
	return postgresTemplate.Copy(t, func(address string) { migrate(t, address) })
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := postgresTemplate.Drop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func migrate(t testing.TB, address string) {
	t.Helper()
	db, err := models.Open(t.Context(), models.Options{Database: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := bridge.MigrateQueue(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// write runs f in a transaction that must succeed.
func (s *site) write(f func(ctx context.Context, tx *models.Tx) error) {
	s.t.Helper()
	ctx := s.t.Context()
	if err := s.db.Write(ctx, func(tx *models.Tx) error { return f(ctx, tx) }); err != nil {
		s.t.Fatal(err)
	}
}

// tables are those whose rows are what a server has to say. Nonces, sessions and
// jobs are not.
var tables = []string{"accounts", "actors", "objects", "activities", "audience", "edges", "stream_items", "uploads", "clients", "access_tokens", "request_tokens",
	"bearer_tokens", "authorization_codes", "remote_tokens"}

// state is everything that the server has stored, to be compared.
func (s *site) state() string {
	s.t.Helper()
	var b strings.Builder
	for _, table := range tables {
		rows, err := s.db.SQL().QueryContext(s.t.Context(), "SELECT * FROM "+table+" ORDER BY 1, 2, 3")
		if err != nil {
			s.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			s.t.Fatal(err)
		}
		row, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		for rows.Next() {
			if err := rows.Scan(dest...); err != nil {
				s.t.Fatal(err)
			}
			fmt.Fprintln(&b, table, row)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			s.t.Fatal(err)
		}
	}
	return b.String()
}

// newProgram registers a program.
func (s *site) newProgram(name string) *models.Client {
	s.t.Helper()
	c := &models.Client{ClientID: oauth1.NewIdentifier(), Secret: oauth1.NewSecret(), ApplicationName: name, ApplicationType: "native",
		Created: s.clock.now(), Updated: s.clock.now()}
	s.write(func(ctx context.Context, tx *models.Tx) error { return tx.InsertClient(ctx, c) })
	return c
}

var cheapHash = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
})

// person makes an account, without the welcome and the cost of a registration,
// and has it use the program of the site.
func (s *site) person(nick string) *visitor {
	s.t.Helper()
	now, names := s.clock.now().UTC().Truncate(time.Millisecond), s.bridge.Names()
	v := &visitor{t: s.t, s: s, nick: nick}
	s.write(func(ctx context.Context, tx *models.Tx) error {
		v.actorID = tx.NewID()
		if err := tx.CreateAccount(ctx, &models.Account{ActorID: v.actorID, Nickname: nick, PasswordHash: cheapHash(), Created: now, Updated: now}); err != nil {
			return err
		}
		return tx.CreateActor(ctx, &models.Actor{ID: v.actorID, Type: vocab.TypePerson, Nickname: nick, Local: true, Created: now, Updated: now,
			Doc: &vocab.Object{ID: names.Person(nick), Type: vocab.TypePerson, PreferredUsername: nick, DisplayName: nick, URL: names.Page(nick),
				Published: now, Updated: now}}, names.PersonAliases(nick)...)
	})
	return v.using(s.program)
}

func (s *site) people(nicks ...string) []*visitor {
	s.t.Helper()
	var list []*visitor
	for _, nick := range nicks {
		list = append(list, s.person(nick))
	}
	return list
}

// using returns v with a token for a program.
func (v *visitor) using(c *models.Client) *visitor {
	v.t.Helper()
	token := &models.AccessToken{Token: oauth1.NewIdentifier(), Secret: oauth1.NewSecret(), ClientID: c.ClientID, ActorID: v.actorID, Created: v.s.clock.now()}
	v.s.write(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EnsureAccessToken(ctx, token)
		return err
	})
	w := *v
	w.signer = &oauth1.Signer{ConsumerKey: c.ClientID, Token: token.Token, Secrets: oauth1.Secrets{Consumer: c.Secret, Token: token.Secret}, Now: v.s.clock.now}
	return &w
}

// nobody is a stranger without a program.
func (s *site) nobody() *visitor { return &visitor{t: s.t, s: s} }

// twoLegged is a program that acts for nobody.
func (s *site) twoLegged(c *models.Client) *visitor {
	return &visitor{t: s.t, s: s, signer: &oauth1.Signer{ConsumerKey: c.ClientID, Secrets: oauth1.Secrets{Consumer: c.Secret}, Now: s.clock.now}}
}

// browser is a stranger who keeps cookies and does not follow redirects.
func (s *site) browser() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &visitor{t: s.t, s: s, jar: jar}
}

// visitor makes requests to a site.
type visitor struct {
	t       testing.TB
	s       *site
	nick    string
	actorID int64
	signer  *oauth1.Signer // nil does not sign
	jar     http.CookieJar
	header  http.Header // of every request
}

// in returns v as it reports to another test.
func (v *visitor) in(t testing.TB) *visitor {
	w := *v
	w.t = t
	return &w
}

// user is the address of v's part of the API, below which part lies.
func (v *visitor) user(part string) string { return "/api/user/" + v.nick + part }

// id is the id of the person.
func (v *visitor) id() string { return v.s.bridge.Names().Person(v.nick) }

// ref is the person as an addressee or object.
func (v *visitor) ref() doc { return doc{"objectType": "person", "id": v.id()} }

// request is one about to be made; the zero value of a field is what clients
// usually send.
type request struct {
	method, path string
	// body is sent as it is where it is a string or bytes, else as JSON.
	body        any
	contentType string
	header      http.Header
	callback    string // oauth_callback
	verifier    string // oauth_verifier
	host        string // the Host header, if not that of the public address
	// edit changes the Authorization header before it is sent.
	edit func(string) string
}

func (v *visitor) send(r request) *answer {
	v.t.Helper()
	var body []byte
	switch b := r.body.(type) {
	case nil:
	case string:
		body = []byte(b)
	case []byte:
		body = b
	default:
		var err error
		if body, err = json.Marshal(b); err != nil {
			v.t.Fatal(err)
		}
	}
	if r.body != nil && r.contentType == "" {
		r.contentType = "application/json"
	}
	path := strings.TrimPrefix(r.path, v.s.base)
	if !strings.HasPrefix(path, "/") {
		v.t.Fatalf("%s is not an address of the server", r.path)
	}
	public, err := url.Parse(v.s.base + path)
	if err != nil {
		v.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(v.t.Context(), r.method, v.s.server.URL+path, bytes.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Host = cmp.Or(r.host, public.Host)
	for _, header := range []http.Header{v.header, r.header} {
		for name, values := range header {
			req.Header[name] = values
		}
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if v.signer != nil {
		call := oauth1.Call{Method: r.method, URL: public, Callback: r.callback, Verifier: r.verifier}
		if oauth1.IsForm(r.contentType) {
			call.Form = body
		}
		header, err := v.signer.AuthorizationHeader(call)
		if err != nil {
			v.t.Fatal(err)
		}
		if r.edit != nil {
			header = r.edit(header)
		}
		req.Header.Set("Authorization", header)
	}
	return v.exchange(req, public)
}

func (v *visitor) exchange(req *http.Request, public *url.URL) *answer {
	v.t.Helper()
	if v.jar != nil {
		for _, c := range v.jar.Cookies(public) {
			req.AddCookie(c)
		}
	}
	res, err := v.s.server.Client().Transport.RoundTrip(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if v.jar != nil {
		v.jar.SetCookies(public, res.Cookies())
	}
	return &answer{t: v.t, request: req.Method + " " + public.RequestURI(), status: res.StatusCode, header: res.Header, body: body}
}

func (v *visitor) get(path string) *answer {
	v.t.Helper()
	return v.send(request{method: "GET", path: path})
}

func (v *visitor) post(path string, body any) *answer {
	v.t.Helper()
	return v.send(request{method: "POST", path: path, body: body})
}

func (v *visitor) put(path string, body any) *answer {
	v.t.Helper()
	return v.send(request{method: "PUT", path: path, body: body})
}

func (v *visitor) remove(path string) *answer {
	v.t.Helper()
	return v.send(request{method: "DELETE", path: path})
}

// act posts an activity to v's feed and returns the answer, which must be a
// success.
func (v *visitor) act(activity doc) doc {
	v.t.Helper()
	return v.post(v.user("/feed"), activity).ok()
}

// note posts a note to some addressees and returns it.
func (v *visitor) note(content string, to ...doc) doc {
	v.t.Helper()
	a := doc{"verb": "post", "object": doc{"objectType": "note", "content": content}}
	if len(to) > 0 {
		a["to"] = to
	}
	return v.act(a).doc("object")
}

// public is everybody, as an addressee.
var public = doc{"objectType": "collection", "id": publicID}

// followersOf is the addressee of those who follow v.
func (v *visitor) followers() doc {
	return doc{"objectType": "collection", "id": v.s.base + v.user("/followers")}
}

// follow has v follow somebody.
func (v *visitor) follow(w *visitor) {
	v.t.Helper()
	v.act(doc{"verb": "follow", "object": w.ref()})
}
