package ostatus_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/internal/front"
	"manifold/internal/outbound"
	"manifold/internal/scratchpg"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
)

const home = "https://us.example"

// site is a server under test.
type site struct {
	*bridge.Bridge
	t      *testing.T
	router *mux.Router
	server *ostatus.Server
}

// databases are the two kinds of store that the tests run on; each makes an empty
// one and returns its address.
var databases = map[string]func(*testing.T) string{
	"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "manifold.db") },
	"postgres": func(t *testing.T) string { return scratchpg.Database(t) },
}

// onBoth runs a test with a server on each kind of database.
func onBoth(t *testing.T, test func(s *site)) {
	t.Parallel()
	for name, address := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newSite(t, address(t)))
		})
	}
}

func newSite(t *testing.T, address string) *site {
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
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := bridge.MigrateQueue(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(home)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bridge.New(bridge.Options{DB: db, BaseURL: base, SiteName: "Test & Site"})
	if err != nil {
		t.Fatal(err)
	}
	// What was done a moment ago was done long ago.
	server, err := ostatus.New(ostatus.Options{Bridge: b, Outbound: outbound.New(outbound.Options{AllowPrivate: true}), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Alternates: []string{"application/activity+json", "application/json"}, Version: "1.2.3", Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Bridge: b, t: t, server: server, router: mux.NewRouter().UseEncodedPath().SkipClean(true)}
	server.RegisterEntries(s.router)
	server.Register(s.router)
	return s
}

// person makes an account without what registration does besides.
func (s *site) person(nick string) *models.Actor {
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

func (s *site) write(f func(ctx context.Context, tx *models.Tx) error) {
	s.t.Helper()
	ctx := s.t.Context()
	if err := s.DB().Write(ctx, func(tx *models.Tx) error { return f(ctx, tx) }); err != nil {
		s.t.Fatal(err)
	}
}

// do has somebody do something, for everybody where it is not addressed.
func (s *site) do(actor *models.Actor, a *vocab.Activity) *models.Activity {
	s.t.Helper()
	// Those who are addressed are often the same to all tests, which run at once, and
	// what is posted is cleaned in place.
	for _, list := range [...]*[]*vocab.Object{&a.To, &a.CC, &a.BTo, &a.BCC} {
		*list = slices.Clone(*list)
		for i, o := range *list {
			(*list)[i] = o.Clone()
		}
	}
	if !a.Addressed() {
		a.To = []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}
	}
	r, err := s.Post(s.t.Context(), bridge.Submission{ActorID: actor.ID, Activity: a, Network: "pump"})
	if err != nil {
		s.t.Fatalf("%s by %s: %v", a.Verb, actor.Nickname, err)
	}
	return r.Activity
}

func (s *site) post(actor *models.Actor, o *vocab.Object, to ...*vocab.Object) *vocab.Object {
	s.t.Helper()
	return s.do(actor, &vocab.Activity{Verb: vocab.VerbPost, Object: o, To: to}).Doc.Object
}

func note(text string) *vocab.Object { return &vocab.Object{Type: vocab.TypeNote, Content: text} }

// ask makes a request.
func (s *site) ask(method, path string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, home+strings.TrimPrefix(path, home), nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

// feed is what a reader of feeds understands of a document.
type feed struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string   `xml:"http://www.w3.org/2005/Atom id"`
	Title   string   `xml:"http://www.w3.org/2005/Atom title"`
	Updated string   `xml:"http://www.w3.org/2005/Atom updated"`
	Author  author   `xml:"http://www.w3.org/2005/Atom author"`
	Links   []link   `xml:"http://www.w3.org/2005/Atom link"`
	Entries []entry  `xml:"http://www.w3.org/2005/Atom entry"`
}

type author struct {
	Name        string `xml:"http://www.w3.org/2005/Atom name"`
	URI         string `xml:"http://www.w3.org/2005/Atom uri"`
	DisplayName string `xml:"http://portablecontacts.net/spec/1.0 displayName"`
	Note        string `xml:"http://portablecontacts.net/spec/1.0 note"`
}

type link struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type entry struct {
	ID         string   `xml:"http://www.w3.org/2005/Atom id"`
	Title      string   `xml:"http://www.w3.org/2005/Atom title"`
	Content    string   `xml:"http://www.w3.org/2005/Atom content"`
	Published  string   `xml:"http://www.w3.org/2005/Atom published"`
	Updated    string   `xml:"http://www.w3.org/2005/Atom updated"`
	Authors    []author `xml:"http://www.w3.org/2005/Atom author"`
	Links      []link   `xml:"http://www.w3.org/2005/Atom link"`
	Verb       string   `xml:"http://activitystrea.ms/spec/1.0/ verb"`
	ObjectType string   `xml:"http://activitystrea.ms/spec/1.0/ object-type"`
	Object     *entry   `xml:"http://activitystrea.ms/spec/1.0/ object"`
	InReplyTo  *struct {
		Ref  string `xml:"ref,attr"`
		Href string `xml:"href,attr"`
	} `xml:"http://purl.org/syndication/thread/1.0 in-reply-to"`
}

func hrefs(links []link, rel string) []string {
	var list []string
	for _, l := range links {
		// There is one page; the same on other networks has other types.
		if l.Rel == rel && (rel != "alternate" || l.Type == "text/html") {
			list = append(list, l.Href)
		}
	}
	return list
}

func href(links []link, rel string) string { return strings.Join(hrefs(links, rel), " ") }

var stamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

// get reads a feed and checks what RFC 4287 demands of every one.
func (s *site) get(path string) feed {
	s.t.Helper()
	w := s.ask("GET", path)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/atom+xml; charset=utf-8" {
		s.t.Fatalf("%s answers %d, %s: %s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	var f feed
	d := xml.NewDecoder(w.Body)
	if err := d.Decode(&f); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	if _, err := d.Token(); err != io.EOF {
		if token, _ := d.Token(); token != nil {
			s.t.Errorf("%s goes on after its end", path)
		}
	}
	if self := hrefs(f.Links, "self"); len(self) != 1 || !strings.HasPrefix(self[0], f.ID) || f.Title == "" || !stamp.MatchString(f.Updated) || f.Author.Name == "" {
		s.t.Errorf("%s: id %q, title %q, updated %q, author %+v, links %v", path, f.ID, f.Title, f.Updated, f.Author, f.Links)
	}
	seen := map[string]bool{}
	for _, e := range f.Entries {
		if u, err := url.Parse(e.ID); err != nil || u.Scheme == "" || seen[e.ID] {
			s.t.Errorf("%s: entry %q has no id of its own", path, e.ID)
		}
		seen[e.ID] = true
		if !stamp.MatchString(e.Updated) || !stamp.MatchString(e.Published) || e.Title == "" || len(hrefs(e.Links, "alternate")) != 1 {
			s.t.Errorf("%s: entry %+v", path, e)
		}
	}
	return f
}

func titles(f feed) string {
	var list []string
	for _, e := range f.Entries {
		list = append(list, e.Title)
	}
	return strings.Join(list, ", ")
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestFeedOfAPerson(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		ann, bob := s.person("ann"), s.person("bob")
		empty := s.get("/users/ann/feed.atom")
		same(t, "entries of somebody new", len(empty.Entries), 0)
		s.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: ann.Doc.ID, Type: vocab.TypePerson, DisplayName: "Ann & Co",
			Summary: "<p>I <b>paint</b> boats</p>", Image: &vocab.Media{URL: "https://us.example/ann.png", Width: 96, Height: 96}}})
		first := s.post(ann, &vocab.Object{Type: vocab.TypeNote, DisplayName: "Boats <1>", Content: `<p>Fish &amp; <i>chips</i><script>x()</script></p>`})
		theirs := s.post(bob, note("from bob, who says a lot"))
		answer := s.post(ann, &vocab.Object{Type: vocab.TypeComment, Content: "an answer", InReplyTo: []*vocab.Object{theirs}}, &vocab.Object{ID: vocab.PublicID}, bob.Doc.Ref())
		shared := s.do(ann, &vocab.Activity{Verb: vocab.VerbShare, Object: theirs})
		picture := s.post(ann, &vocab.Object{Type: vocab.TypeImage, DisplayName: `A "boat"`, Content: "seen today",
			Image: &vocab.Media{URL: "https://us.example/small.jpg"}, FullImage: &vocab.Media{URL: "https://us.example/big.jpg"}})
		// None of these is an entry.
		s.do(ann, &vocab.Activity{Verb: vocab.VerbLike, Object: theirs})
		s.do(ann, &vocab.Activity{Verb: vocab.VerbFollow, Object: bob.Doc.Ref()})
		s.do(ann, &vocab.Activity{Verb: vocab.VerbCreate, Object: &vocab.Object{Type: vocab.TypeCollection, DisplayName: "List", ObjectTypes: []string{"person"}}})
		s.post(ann, note("secret"), bob.Doc.Ref())
		s.post(ann, note("secret of followers"), &vocab.Object{ID: s.Names().Followers("ann"), Type: vocab.TypeCollection})
		hidden := s.post(bob, note("secret of bob"), ann.Doc.Ref())
		s.do(ann, &vocab.Activity{Verb: vocab.VerbShare, Object: hidden})
		gone := s.post(ann, note("deleted"))
		s.do(ann, &vocab.Activity{Verb: vocab.VerbDelete, Object: gone})

		f := s.get("/users/ann/feed.atom")
		same(t, "titles", titles(f), `A "boat", Ann & Co shared a note by BOB, an answer, Boats <1>`)
		same(t, "id", f.ID, home+"/users/ann/feed.atom")
		same(t, "title", f.Title, "Ann & Co (ann@us.example)")
		same(t, "page", href(f.Links, "alternate"), home+"/ann")
		same(t, "author", f.Author, author{"ann", home + "/users/ann", "Ann & Co", "I paint boats"})
		same(t, "next page", href(f.Links, "next"), "")
		if doc := s.ask("GET", "/users/ann/feed.atom").Body.String(); strings.Contains(doc, "secret") || strings.Contains(doc, "script") || strings.Contains(doc, "deleted") {
			t.Errorf("the feed shows what it should not: %s", doc)
		}

		e := f.Entries[3]
		same(t, "id of a post", e.ID, first.ID)
		same(t, "content", e.Content, "<p>Fish &amp; <i>chips</i></p>")
		same(t, "verb", e.Verb, atom.Schema+"post")
		same(t, "type", e.ObjectType, atom.Schema+"note")
		same(t, "authors of an entry", len(e.Authors), 0)
		same(t, "mentioned", href(e.Links, "mentioned"), atom.Public)
		if page := href(e.Links, "alternate"); !strings.HasPrefix(page, home+"/ann/note/") {
			t.Errorf("the page of the note is %s", page)
		}
		e = f.Entries[2]
		same(t, "id of an answer", e.ID, answer.ID)
		same(t, "type of an answer", e.ObjectType, atom.Schema+"comment")
		same(t, "what it answers", e.InReplyTo.Ref, theirs.ID)
		same(t, "mentioned", href(e.Links, "mentioned"), home+"/users/bob "+atom.Public)
		e = f.Entries[1]
		same(t, "id of a share", e.ID, shared.Doc.ID)
		same(t, "verb of a share", e.Verb, atom.Schema+"share")
		same(t, "content of a share", e.Content, "from bob, who says a lot")
		same(t, "what is shared", e.Object.ID+" "+e.Object.ObjectType+" "+e.Object.Verb, theirs.ID+" "+atom.Schema+"activity "+atom.Schema+"post")
		same(t, "whose it is", e.Object.Authors[0].URI, home+"/users/bob")
		same(t, "the thing itself", e.Object.Object.ID+" "+e.Object.Object.ObjectType, theirs.ID+" "+atom.Schema+"note")
		e = f.Entries[0]
		same(t, "id of a picture", e.ID, picture.ID)
		same(t, "type of a picture", e.ObjectType, atom.Schema+"note")
		same(t, "file", href(e.Links, "enclosure"), "https://us.example/big.jpg")
		same(t, "content of a picture", e.Content,
			`<p><a href="https://us.example/big.jpg"><img src="https://us.example/small.jpg" alt="A &#34;boat&#34;"></a></p>seen today`)
	})
}

// The pages of a feed lead over all of it, whatever stands between the entries.
func TestPagesOfAFeed(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		ann := s.person("ann")
		sea := s.post(ann, note("n0"))
		var want []string
		for i := 1; i <= 45; i++ {
			s.post(ann, note(fmt.Sprint("n", i)))
			want = append([]string{fmt.Sprint("n", i)}, want...)
			for _, verb := range []string{vocab.VerbLike, vocab.VerbUnlike} {
				s.do(ann, &vocab.Activity{Verb: verb, Object: sea})
			}
		}
		want = append(want, "n0")
		for _, path := range []string{"/users/ann/feed.atom", "/public.atom"} {
			var got []string
			pages := 0
			for next := path; next != "" && pages < 10; pages++ {
				f := s.get(next)
				if len(f.Entries) > 20 {
					t.Errorf("%s has %d entries", next, len(f.Entries))
				}
				same(t, "self", href(f.Links, "self"), home+strings.TrimPrefix(next, home))
				same(t, "id", f.ID, home+path)
				for _, e := range f.Entries {
					got = append(got, e.Title)
				}
				next = href(f.Links, "next")
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s leads over %q", path, got)
			}
			if w := s.ask("GET", path+"?before=https://us.example/none"); w.Code != http.StatusNotFound {
				t.Errorf("%s before nothing: %d", path, w.Code)
			}
		}
	})
}

func TestPublicFeed(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		same(t, "entries of a new site", len(s.get("/public.atom").Entries), 0)
		ann, bob := s.person("ann"), s.person("bob")
		s.post(ann, note("from ann"))
		s.post(bob, note("from bob"))
		s.post(bob, note("secret"), ann.Doc.Ref())
		f := s.get("/public.atom")
		same(t, "titles", titles(f), "from bob, from ann")
		same(t, "title", f.Title, "Test & Site")
		same(t, "author", f.Entries[0].Authors[0].URI+" "+f.Entries[1].Authors[0].Name, home+"/users/bob ann")
	})
}

// Whoever has the feed already is told so, until something in it changes.
func TestUnchangedFeeds(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		ann := s.person("ann")
		posted := s.post(ann, note("one"))
		for _, path := range []string{"/users/ann/feed.atom", "/public.atom"} {
			w := s.ask("GET", path)
			tag, modified := w.Header().Get("Etag"), w.Header().Get("Last-Modified")
			if tag == "" || modified == "" || w.Header().Get("Cache-Control") == "" {
				t.Errorf("%s: %v", path, w.Header())
			}
			for _, condition := range [][]string{{"If-None-Match", tag}, {"If-Modified-Since", modified}} {
				if w := s.ask("GET", path, condition...); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
					t.Errorf("%s with %v: %d, %d bytes", path, condition, w.Code, w.Body.Len())
				}
			}
			head := s.ask("HEAD", path)
			if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
				t.Errorf("HEAD %s: %d, %v", path, head.Code, head.Header())
			}
			if w := s.ask("POST", path); w.Code != http.StatusMethodNotAllowed {
				t.Errorf("POST %s: %d", path, w.Code)
			}
			s.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: posted.ID, Content: "changed " + path}})
			if w := s.ask("GET", path, "If-None-Match", tag); w.Code != http.StatusOK {
				t.Errorf("%s after a change: %d", path, w.Code)
			}
		}
	})
}

func TestFeedsThatAreNotThere(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		s.person("ann")
		s.person("bob")
		cid := s.person("Cid")
		s.post(cid, note("x"))
		if err := s.Suspend(t.Context(), "bob", true); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteAccount(t.Context(), "ann", nil); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"/users/none/feed.atom": 404, "/users/ann/feed.atom": 410, "/users/bob/feed.atom": 403, "/users/%00/feed.atom": 404, "/users/%ff/feed.atom": 404} {
			if w := s.ask("GET", path); w.Code != want || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %v, want %d", path, w.Code, w.Header(), want)
			}
		}
		w := s.ask("GET", "/users/cid/feed.atom?before=x%20y")
		if w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != home+"/users/Cid/feed.atom?before=x%20y" {
			t.Errorf("another spelling: %d %s", w.Code, w.Header().Get("Location"))
		}
	})
}

// Nobody can take a name that is the beginning of an address of the network.
func TestFirstPartsOfPathsAreReserved(t *testing.T) {
	s := newSite(t, filepath.Join(t.TempDir(), "manifold.db"))
	n := 0
	err := s.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := front.RoutePath(r)
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if n++; !bridge.Reserved(first) {
			t.Errorf("%s can be a nickname, and is the beginning of %s", first, path)
		}
		return err
	})
	if err != nil || n == 0 {
		t.Errorf("%d routes, %v", n, err)
	}
}
