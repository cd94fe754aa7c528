package web_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/web"
)

// site is a server under test with its pages.
type site struct {
	*bridge.Bridge
	t     *testing.T
	home  string
	reads *web.Reads
}

// emptyDatabase is an SQLite database with all tables and nothing in them.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "manifold-web")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	ctx := context.Background()
	db, err := models.Open(ctx, models.Options{Database: path})
	if err != nil {
		return nil, err
	}
	if _, err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	if err := bridge.MigrateQueue(ctx, db); err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// newSite starts a server with pages, beside what stands for the API.
func newSite(t *testing.T) *site {
	t.Helper()
	return startSite(t, "", true)
}

// startSite starts a server; base is its public address where that is not the
// one that it listens on.
func startSite(t *testing.T, base string, on bool) *site {
	t.Helper()
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	if base == "" {
		base = server.URL
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bridge.New(bridge.Options{DB: openDatabase(t), BaseURL: u, SiteName: "Test & Site"})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Options{Bridge: b, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Bridge: b, t: t, home: server.URL, reads: web.Watch(pages)}
	others := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `"another"`) }
	router.HandleFunc("/healthz", others)
	router.HandleFunc("/api/whoami", others).Methods(http.MethodGet, http.MethodHead)
	router.HandleFunc("/api/{type}/{uuid}", others).Methods(http.MethodPut)
	if on {
		pages.Register(router)
	} else {
		pages.RegisterNone(router)
	}
	return s
}

func openDatabase(t *testing.T) *models.DB {
	t.Helper()
	file, err := emptyDatabase()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "manifold.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := models.Open(t.Context(), models.Options{Database: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// person makes an account.
func (s *site) person(nickname string) *models.Actor {
	s.t.Helper()
	account, err := s.Register(s.t.Context(), bridge.Registration{Nickname: nickname, Password: "a fine password of 2013"})
	if err != nil {
		s.t.Fatal(err)
	}
	actor, err := s.DB().Actor(s.t.Context(), account.ActorID)
	if err != nil {
		s.t.Fatal(err)
	}
	return actor
}

// remote makes somebody elsewhere, given as name@host.
func (s *site) remote(account string) *models.Actor {
	s.t.Helper()
	nick, host, _ := strings.Cut(account, "@")
	actor := &models.Actor{Type: vocab.TypePerson, Nickname: nick, Host: host, Doc: &vocab.Object{
		ID: "acct:" + account, Type: vocab.TypePerson, PreferredUsername: nick, DisplayName: strings.ToUpper(nick), URL: "https://" + host + "/" + nick,
	}}
	ctx := s.t.Context()
	err := s.DB().Write(ctx, func(tx *models.Tx) error { return tx.CreateActor(ctx, actor, actor.Doc.ID) })
	if err != nil {
		s.t.Fatal(err)
	}
	return actor
}

// do posts an activity, for everybody where it is not addressed.
func (s *site) do(actor *models.Actor, a *vocab.Activity) *models.Activity {
	s.t.Helper()
	if !a.Addressed() {
		a.To = []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}
	}
	r, err := s.Post(s.t.Context(), bridge.Submission{ActorID: actor.ID, Activity: a, Network: "pump", Verified: "oauth1"})
	if err != nil {
		s.t.Fatalf("%s by %s: %v", a.Verb, actor.Nickname, err)
	}
	return r.Activity
}

// post posts a thing for everybody and returns it as it is stored.
func (s *site) post(actor *models.Actor, o *vocab.Object, to ...*vocab.Object) *vocab.Object {
	s.t.Helper()
	return s.object(s.do(actor, &vocab.Activity{Verb: vocab.VerbPost, Object: o, To: to}))
}

// object is what an activity is about.
func (s *site) object(a *models.Activity) *vocab.Object {
	s.t.Helper()
	o, err := s.DB().Object(s.t.Context(), a.Object.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return o.Doc
}

// receive brings an activity for everybody from elsewhere.
func (s *site) receive(sender *models.Actor, a *vocab.Activity) *models.Activity {
	s.t.Helper()
	a.To = []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}
	r, err := s.Receive(s.t.Context(), bridge.Arrival{SenderID: sender.ID, Activity: a, Network: "pump", Verified: "dialback"})
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Activity
}

func note(title, text string) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeNote, DisplayName: title, Content: text}
}

func reply(text string, parent *vocab.Object) *vocab.Object {
	return &vocab.Object{Type: vocab.TypeComment, Content: text, InReplyTo: []*vocab.Object{parent.Ref()}}
}

// path is the path of an address of the site.
func (s *site) path(address string) string {
	s.t.Helper()
	path, ok := strings.CutPrefix(address, s.Names().Base)
	if !ok {
		s.t.Fatalf("%s is not below %s", address, s.Names().Base)
	}
	return path
}

// answer is what the server said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	// doc is the page, where the answer is one.
	doc *html.Node
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

// get asks as a browser does.
func (s *site) get(path string) *answer {
	s.t.Helper()
	return s.ask(http.MethodGet, path, http.Header{"Accept": {browser}})
}

// ask makes a request, follows no redirect, and checks what every page and every
// answer has to have.
func (s *site) ask(method, path string, header http.Header) *answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.home+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &answer{t: s.t, status: response.StatusCode, header: response.Header, body: string(body)}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Vary": "Accept"} {
		same(s.t, path+": "+name, a.header.Get(name), want)
	}
	if policy := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self'; img-src 'self' https:") {
		s.t.Errorf("%s: Content-Security-Policy is %q", path, policy)
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && a.body != "" && a.status != http.StatusMovedPermanently && a.status != http.StatusSeeOther {
		a.check(path)
	}
	return a
}

// closed are elements without an end.
var closed = map[string]bool{"meta": true, "link": true, "img": true, "br": true, "hr": true}

// check parses a page and complains about what no page may have.
func (a *answer) check(path string) {
	a.t.Helper()
	var err error
	if a.doc, err = html.Parse(strings.NewReader(a.body)); err != nil {
		a.t.Fatalf("%s: %v", path, err)
	}
	a.checkNesting(path)
	ids, headings := map[string]bool{}, 0
	for n := range a.doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "style", "iframe", "object", "embed", "form", "input", "button", "base", "svg", "math":
			a.t.Errorf("%s: there is a %s", path, n.Data)
		case "h1":
			headings++
		case "img":
			if !has(n, "alt") {
				a.t.Errorf("%s: the picture %s has no alt", path, value(n, "src"))
			}
		}
		if id := value(n, "id"); id != "" {
			if ids[id] {
				a.t.Errorf("%s: two elements have the id %s", path, id)
			}
			ids[id] = true
		}
		for _, attribute := range n.Attr {
			a.checkAttribute(path, n, attribute)
		}
	}
	same(a.t, path+": headings of the first level", headings, 1)
	same(a.t, path+": language", value(a.find("html", ""), "lang"), "en")
	if title := text(a.find("title", "")); title == "" {
		a.t.Errorf("%s: no title", path)
	}
}

func (a *answer) checkAttribute(path string, n *html.Node, attribute html.Attribute) {
	a.t.Helper()
	key, v := attribute.Key, attribute.Val
	switch {
	case strings.HasPrefix(key, "on"), key == "style", key == "srcdoc", key == "formaction", key == "target":
		a.t.Errorf("%s: %s has the attribute %s", path, n.Data, key)
	case key != "href" && key != "src":
	case strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "//"):
	case strings.HasPrefix(v, "http://"), strings.HasPrefix(v, "https://"), strings.HasPrefix(v, "mailto:"):
	default:
		a.t.Errorf("%s: %s leads to %q", path, n.Data, v)
	}
}

// checkNesting makes sure that each element ends where it was meant to, which a
// parser would forgive.
func (a *answer) checkNesting(path string) {
	a.t.Helper()
	var open []string
	for t := html.NewTokenizer(strings.NewReader(a.body)); ; {
		switch t.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				a.t.Errorf("%s: not closed: %v", path, open)
			}
			return
		case html.StartTagToken:
			if name, _ := t.TagName(); !closed[string(name)] {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := t.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				a.t.Fatalf("%s: </%s> inside of %v", path, name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// all returns the elements of a kind ("" for any) that have a class ("" for any).
func (a *answer) all(element, class string) []*html.Node {
	a.t.Helper()
	if a.doc == nil {
		a.t.Fatalf("no page but status %d, %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	return within(a.doc, element, class)
}

func within(root *html.Node, element, class string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (element == "" || n.DataAtom == atom.Lookup([]byte(element))) &&
			(class == "" || slices.Contains(strings.Fields(value(n, "class")), class)) {
			found = append(found, n)
		}
	}
	return found
}

// find returns the first of them, or an empty element.
func (a *answer) find(element, class string) *html.Node {
	a.t.Helper()
	if found := a.all(element, class); len(found) > 0 {
		return found[0]
	}
	return &html.Node{}
}

// texts returns what these elements say.
func (a *answer) texts(element, class string) []string {
	a.t.Helper()
	var list []string
	for _, n := range a.all(element, class) {
		list = append(list, text(n))
	}
	return list
}

// link returns the address of a link element of the head.
func (a *answer) link(rel string) string {
	a.t.Helper()
	for _, n := range a.all("link", "") {
		if value(n, "rel") == rel {
			return value(n, "href")
		}
	}
	return ""
}

// says and hides look for text anywhere in the answer.
func (a *answer) says(list ...string) {
	a.t.Helper()
	for _, s := range list {
		if !strings.Contains(a.body, s) {
			a.t.Errorf("the answer lacks %q:\n%s", s, a.body)
		}
	}
}

func (a *answer) hides(list ...string) {
	a.t.Helper()
	for _, s := range list {
		if strings.Contains(a.body, s) {
			a.t.Errorf("the answer has %q:\n%s", s, a.body)
		}
	}
}

func (a *answer) is(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func value(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func equal(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func numbered(format string, from, to int) []string {
	var list []string
	for i := from; i >= to; i-- {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}
