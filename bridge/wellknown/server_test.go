package wellknown_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/bridge/wellknown"
	"manifold/internal/front"
	"manifold/internal/scratchpg"
	"manifold/models"
	"manifold/models/vocab"
)

const home = "https://us.example"

// network tells the same of everybody, under a name.
type network struct {
	name string
	// mute leaves out self.
	mute bool
}

func (n network) DescribePerson(_ context.Context, a *models.Actor) (wellknown.Part, error) {
	return n.part(a.Doc.ID + "?on=" + n.name), nil
}

func (n network) DescribeObject(o *models.Object) wellknown.Part {
	return n.part(o.Doc.ID + "?on=" + n.name)
}

func (n network) part(address string) wellknown.Part {
	p := wellknown.Part{Links: []wellknown.Link{{Rel: "on-" + n.name, Href: address}}, Aliases: []string{"alias:" + n.name}}
	if !n.mute {
		p.Self = &wellknown.Link{Rel: "self", Type: "application/" + n.name, Href: address}
	}
	return p
}

func (n network) DescribeHost() wellknown.Host {
	h := wellknown.Host{Protocol: n.name, Meta: []wellknown.Link{{Rel: "meta-" + n.name, Href: "x"}}, NodeInfo: []wellknown.Link{{Rel: "node-" + n.name, Href: "x"}},
		Outbound: []string{n.name + "1.0"}}
	if n.name == "acting" {
		h.ActorID = home + "/actor"
		h.Actor = wellknown.Part{Self: &wellknown.Link{Rel: "self", Type: "application/acting", Href: h.ActorID}}
		h.Site = []wellknown.Link{{Rel: "site", Href: h.ActorID}}
	}
	return h
}

// site is a server under test.
type site struct {
	*bridge.Bridge
	t      *testing.T
	router *mux.Router
	// ahead is how far the clock is set forward.
	ahead time.Duration
}

// onBoth runs a test with a server on each kind of database.
func onBoth(t *testing.T, base string, test func(s *site), networks ...wellknown.Network) {
	t.Parallel()
	for name, address := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "manifold.db") },
		"postgres": func(t *testing.T) string { return scratchpg.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newSite(t, base, address(t), networks))
		})
	}
}

func newSite(t *testing.T, base, address string, networks []wellknown.Network) *site {
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
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, router: mux.NewRouter().UseEncodedPath().SkipClean(true)}
	if s.Bridge, err = bridge.New(bridge.Options{DB: db, BaseURL: u, SiteName: "Test & Site"}); err != nil {
		t.Fatal(err)
	}
	server, err := wellknown.New(wellknown.Options{Bridge: s.Bridge, Networks: networks, Version: "1.2.3", Server: "Test/1 (x)", OpenRegistration: true,
		Now: func() time.Time { return time.Now().Add(s.ahead) }})
	if err != nil {
		t.Fatal(err)
	}
	server.Register(s.router)
	return s
}

func (s *site) register(nick string) *models.Account {
	s.t.Helper()
	a, err := s.Register(s.t.Context(), bridge.Registration{Nickname: nick, Password: "correct horse"})
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *site) post(who *models.Account, verb string, o *vocab.Object, to ...string) *models.Activity {
	s.t.Helper()
	a := &vocab.Activity{Verb: verb, Object: o}
	for _, id := range to {
		a.To = append(a.To, &vocab.Object{ID: id, Type: vocab.TypeCollection})
	}
	r, err := s.Post(s.t.Context(), bridge.Submission{ActorID: who.ActorID, Activity: a})
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Activity
}

func (s *site) ask(method, path, accept string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, home, nil)
	var err error
	if r.URL, err = url.Parse(path); err != nil {
		s.t.Fatal(err)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	if method == http.MethodGet {
		// What is answered to HEAD is the same without the body.
		head := s.ask(http.MethodHead, path, accept, header...)
		if head.Code != w.Code || head.Body.Len() > 0 || fmt.Sprint(head.Header()) != fmt.Sprint(w.Header()) {
			s.t.Errorf("HEAD %s: %d %v, %d bytes; GET: %d %v", path, head.Code, head.Header(), head.Body.Len(), w.Code, w.Header())
		}
	}
	return w
}

// jrd asks for what must be there.
func (s *site) jrd(path string) *wellknown.Descriptor {
	s.t.Helper()
	w := s.ask("GET", path, "")
	d := new(wellknown.Descriptor)
	if err := json.Unmarshal(w.Body.Bytes(), d); err != nil || w.Code != 200 {
		s.t.Fatalf("%s: %d %s (%v)", path, w.Code, w.Body, err)
	}
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
		s.t.Errorf("%s: scripts of %q may read it", path, got)
	}
	return d
}

// links are those with a relation.
func links(d *wellknown.Descriptor, rel string) []string {
	var found []string
	for _, l := range d.Links {
		if l.Rel == rel {
			found = append(found, l.Href+l.Template)
		}
	}
	return found
}

func finger(resource string) string {
	return "/.well-known/webfinger?resource=" + url.QueryEscape(resource)
}

// TestEveryNetworkTellsItsPart: somebody has one self, that of the first network
// that has one, and the links and names of all.
func TestEveryNetworkTellsItsPart(t *testing.T) {
	for _, base := range []string{home, "http://us.example:8080"} {
		t.Run(base, func(t *testing.T) {
			onBoth(t, base, func(s *site) {
				s.register("Ann")
				host := strings.SplitN(base, "://", 2)[1]
				hostname, _, _ := strings.Cut(host, ":")
				id := s.Names().Person("Ann")
				for _, name := range []string{"acct:Ann@" + host, "acct:ann@" + host, "ann@" + host, "@Ann@" + host, "acct:Ann@" + hostname, "ANN@" + strings.ToUpper(host),
					base + "/users/Ann", base + "/Ann", base + "/api/user/Ann/profile", base + "/Ann/"} {
					for _, path := range []string{finger(name), "/.well-known/webfinger?resource=" + name, "/.well-known/webfinger/?resource=" + name} {
						d := s.jrd(path)
						if d.Subject != "acct:Ann@"+host || slices.Contains(d.Aliases, d.Subject) {
							t.Errorf("%s: %s is also %v", path, d.Subject, d.Aliases)
						}
						if got := links(d, "self"); !slices.Equal(got, []string{id + "?on=loud"}) {
							t.Errorf("%s: self is %v", path, got)
						}
						if got := links(d, "http://webfinger.net/rel/profile-page"); !slices.Equal(got, []string{base + "/Ann"}) {
							t.Errorf("%s: the page is %v", path, got)
						}
						for _, on := range []string{"mute", "loud", "louder"} {
							if got := links(d, "on-"+on); !slices.Equal(got, []string{id + "?on=" + on}) || !slices.Contains(d.Aliases, "alias:"+on) {
								t.Errorf("%s: %s tells %v, and the aliases are %v", path, on, got, d.Aliases)
							}
						}
						for _, alias := range []string{base + "/Ann", base + "/users/Ann", base + "/api/user/Ann/profile"} {
							if !slices.Contains(d.Aliases, alias) {
								t.Errorf("%s: the alias %s is missing in %v", path, alias, d.Aliases)
							}
						}
					}
				}
			}, network{name: "mute", mute: true}, network{name: "loud"}, network{name: "louder"})
		})
	}
}

// TestGroupsAndThings: they are found by all of their names, where everybody may
// see them.
func TestGroupsAndThings(t *testing.T) {
	onBoth(t, home, func(s *site) {
		ann := s.register("ann")
		made := s.post(ann, vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Book Club"}, vocab.PublicID)
		hidden := s.post(ann, vocab.VerbCreate, &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Secret Club"})
		g, err := s.DB().Actor(t.Context(), made.Object.ID)
		if err != nil {
			t.Fatal(err)
		}
		group := g.Doc
		for _, name := range []string{"acct:book_club@us.example", "book_club@us.example", "acct:Book_Club@us.example", group.ID, group.URL} {
			d := s.jrd(finger(name))
			if d.Subject != "acct:book_club@us.example" || !slices.Contains(d.Aliases, group.ID) || !slices.Equal(links(d, "self"), []string{group.ID + "?on=loud"}) {
				t.Errorf("%s: %+v", name, d)
			}
		}
		o, err := s.DB().Object(t.Context(), s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "hello"}, vocab.PublicID).Object.ID)
		if err != nil {
			t.Fatal(err)
		}
		note := o.Doc
		for _, name := range []string{note.ID, note.URL} {
			if d := s.jrd(finger(name)); d.Subject != note.ID || !slices.Equal(links(d, "self"), []string{note.ID + "?on=loud"}) {
				t.Errorf("%s: %+v", name, d)
			}
		}
		secret := s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "hush"}).Doc.Object
		gone := s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "bye"}, vocab.PublicID).Doc.Object
		s.post(ann, vocab.VerbDelete, &vocab.Object{ID: gone.ID, Type: vocab.TypeNote})
		for _, name := range []string{hidden.Doc.Object.ID, "acct:secret_club@us.example", secret.ID, gone.ID, home + "/api/note/none"} {
			if w := s.ask("GET", finger(name), ""); w.Code != 404 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	}, network{name: "loud"})
}

func TestWhoIsNotFound(t *testing.T) {
	onBoth(t, home, func(s *site) {
		for _, nick := range []string{"gone", "banned"} {
			s.register(nick)
		}
		ctx := t.Context()
		if err := s.DeleteAccount(ctx, "gone", nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Suspend(ctx, "banned", true); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/.well-known/webfinger", "/api/lrdd"} {
			for query, want := range map[string]int{
				"": 400, "?resource=": 400, "?resource=acct:nobody@us.example": 404, "?resource=" + home + "/nobody": 404, "?resource=acct:ann@other.example": 404,
				"?resource=ann": 404, "?resource=tag:x": 404, "?resource=%00": 404, "?resource=acct:%ff@us.example": 404,
				"?resource=" + home + "/actor": 404, "?resource=" + home: 404, "?resource=acct:us.example@us.example": 404,
				"?resource=acct:gone@us.example": 410, "?resource=" + home + "/users/gone": 410, "?resource=acct:banned@us.example": 410,
			} {
				w := s.ask("GET", path+query, "")
				var said struct{ Error string }
				if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || w.Code != want || said.Error == "" || w.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%s%s: %d %s, want %d", path, query, w.Code, w.Body, want)
				}
			}
		}
	}, network{name: "loud"})
}

// TestWhatWasAskedForIsNamed: whichever name of somebody or something is asked for
// is among the names in the answer, in both formats.
func TestWhatWasAskedForIsNamed(t *testing.T) {
	onBoth(t, home, func(s *site) {
		ann := s.register("ann")
		note := s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "hello"}, vocab.PublicID).Doc.Object.ID
		for _, name := range []string{"acct:ann@us.example", "ann@us.example", "acct:Ann@US.example", home + "/users/ann", home + "/ann", home + "/api/user/ann/profile",
			"http://us.example/users/ann", "http://us.example/ann", note} {
			d := s.jrd(finger(name))
			x := new(wellknown.Descriptor)
			w := s.ask("GET", "/main/xrd?uri="+url.QueryEscape(name), "")
			if err := xml.Unmarshal(w.Body.Bytes(), x); err != nil || w.Code != 200 {
				t.Errorf("%s: %d %v %s", name, w.Code, err, w.Body)
			}
			for _, d := range []*wellknown.Descriptor{d, x} {
				if !slices.Contains(append(d.Aliases, d.Subject), name) {
					t.Errorf("%s is not named: %+v", name, d)
				}
			}
		}
		w := s.ask("GET", finger("acct:ann@us.example"), "", "User-Agent", "StatusNet/1.1.0-release")
		if got := w.Header().Get("Content-Type"); got != "application/xrd+xml; charset=utf-8" {
			t.Errorf("StatusNet gets %s", got)
		}
	}, network{name: "loud"})
}

// TestTheServerItself: it is found by its address, and as an account that is
// called like its host, which nobody can take.
func TestTheServerItself(t *testing.T) {
	onBoth(t, home, func(s *site) {
		for _, name := range []string{home, home + "/"} {
			if d := s.jrd(finger(name)); d.Subject != home+"/" || !slices.Equal(links(d, "site"), []string{home + "/actor"}) {
				t.Errorf("%s: %+v", name, d)
			}
		}
		for _, name := range []string{home + "/actor", "acct:us.example@us.example", "us.example@us.example", "acct:US.example@Us.Example"} {
			d := s.jrd(finger(name))
			if d.Subject != "acct:us.example@us.example" || !slices.Equal(links(d, "self"), []string{home + "/actor"}) || d.Aliases[0] != home+"/actor" || !slices.Contains(append(d.Aliases, d.Subject), name) {
				t.Errorf("%s: %+v", name, d)
			}
		}
		for _, nick := range []string{"us.example", "US.example"} {
			if _, err := s.Register(t.Context(), bridge.Registration{Nickname: nick, Password: "correct horse"}); bridge.ReasonOf(err) != bridge.Invalid {
				t.Errorf("registering %s: %v", nick, err)
			}
		}
	}, network{name: "loud"}, network{name: "acting"})
}

func TestForms(t *testing.T) {
	onBoth(t, home, func(s *site) {
		s.register("ann")
		const jrd, xrd, plain = "application/jrd+json", "application/xrd+xml; charset=utf-8", "application/json; charset=utf-8"
		resource := "?resource=acct:ann@us.example"
		for _, tt := range []struct{ path, accept, want string }{
			{"/.well-known/webfinger" + resource, "", jrd}, {"/.well-known/webfinger" + resource, "application/xrd+xml", xrd},
			{"/.well-known/webfinger" + resource, "application/jrd+json, application/xrd+xml", jrd}, {"/.well-known/webfinger" + resource, "text/html, */*", jrd},
			{"/main/xrd?uri=ann@us.example", "", xrd}, {"/main/xrd" + resource, "application/json", xrd},
			{"/api/lrdd" + resource, "", xrd}, {"/api/lrdd" + resource, "*/*", xrd}, {"/api/lrdd" + resource, "application/json", jrd},
			{"/.well-known/host-meta", "", xrd}, {"/.well-known/host-meta", "text/html", xrd}, {"/.well-known/host-meta", "*/*", plain},
			{"/.well-known/host-meta", "application/xrd+xml, application/json; q=0.5", xrd}, {"/.well-known/host-meta", "application/json, application/xrd+xml; q=0.5", plain},
			{"/.well-known/host-meta.json", "", plain}, {"/.well-known/host-meta.json", "application/xrd+xml", plain}, {"/.well-known/nodeinfo", "", plain},
		} {
			w := s.ask("GET", tt.path, tt.accept)
			if got := w.Header().Get("Content-Type"); got != tt.want || w.Code != 200 || w.Header().Get("Server") != "Test/1 (x)" {
				t.Errorf("%s for %q: %d %s, want %s", tt.path, tt.accept, w.Code, got, tt.want)
			}
			d := new(wellknown.Descriptor)
			var err error
			if tt.want == xrd {
				err = xml.Unmarshal(w.Body.Bytes(), d)
			} else {
				err = json.Unmarshal(w.Body.Bytes(), d)
			}
			if err != nil || len(d.Links) == 0 {
				t.Errorf("%s for %q: %v %s", tt.path, tt.accept, err, w.Body)
			}
		}
		d := s.jrd("/.well-known/host-meta.json")
		if got := links(d, "lrdd"); !slices.Equal(got, []string{home + "/main/xrd?uri={uri}", home + "/.well-known/webfinger?resource={uri}", home + "/.well-known/webfinger?resource={uri}"}) {
			t.Errorf("the templates are %v", got)
		}
		if len(links(d, "meta-loud")) != 1 || len(links(d, "meta-louder")) != 1 {
			t.Errorf("the links are %+v", d.Links)
		}
	}, network{name: "loud"}, network{name: "louder"})
}

// nodeInfo is what the documents say, as others read it.
type nodeInfo struct {
	Version           string
	Software          struct{ Name, Version string }
	Protocols         []string
	Services          struct{ Inbound, Outbound []string }
	OpenRegistrations *bool
	Usage             struct {
		Users      struct{ Total, ActiveMonth, ActiveHalfyear int }
		LocalPosts int
	}
	Metadata map[string]string
}

func TestNodeInfo(t *testing.T) {
	onBoth(t, home, func(s *site) {
		d := s.jrd("/.well-known/nodeinfo")
		if got := links(d, "node-loud"); len(got) != 1 {
			t.Errorf("the links of the networks are %v", got)
		}
		var schemas []string
		for _, l := range d.Links {
			if strings.HasPrefix(l.Rel, "http://nodeinfo.diaspora.software/ns/schema/2") {
				schemas = append(schemas, l.Rel)
			}
		}
		if n := len(schemas); n != 2 || !strings.HasSuffix(schemas[n-1], "/2.0") {
			t.Errorf("the documents are %v, want 2.0 last", schemas)
		}
		ann, bob := s.register("ann"), s.register("bob")
		s.register("cid")
		for range 3 {
			s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "hello"}, vocab.PublicID)
		}
		s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "hush"})
		s.post(bob, vocab.VerbFollow, &vocab.Object{ID: "acct:ann@us.example", Type: vocab.TypePerson})
		read := func(version string) nodeInfo {
			t.Helper()
			address := links(d, "http://nodeinfo.diaspora.software/ns/schema/"+version)
			if len(address) != 1 {
				t.Fatalf("the links are %+v", d.Links)
			}
			w := s.ask("GET", strings.TrimPrefix(address[0], home), "")
			var n nodeInfo
			if err := json.Unmarshal(w.Body.Bytes(), &n); err != nil || w.Code != 200 {
				t.Fatalf("%d %s (%v)", w.Code, w.Body, err)
			}
			if want := `application/json; profile="http://nodeinfo.diaspora.software/ns/schema/` + version + `#"; charset=utf-8`; w.Header().Get("Content-Type") != want {
				t.Errorf("the type is %s", w.Header().Get("Content-Type"))
			}
			return n
		}
		for _, version := range []string{"2.0", "2.1"} {
			n := read(version)
			if n.Version != version || n.Software.Name != "manifold" || n.Software.Version != "1.2.3" || !slices.Equal(n.Protocols, []string{"loud", "other"}) ||
				n.Services.Inbound == nil || !slices.Equal(n.Services.Outbound, []string{"loud1.0", "other1.0"}) || n.OpenRegistrations == nil || !*n.OpenRegistrations ||
				n.Metadata["nodeName"] != "Test & Site" {
				t.Errorf("%s: %+v", version, n)
			}
			if n.Usage.Users.Total != 3 || n.Usage.Users.ActiveMonth != 3 || n.Usage.LocalPosts != 4 {
				t.Errorf("%s: the numbers are %+v", version, n.Usage)
			}
		}
		// What was counted a moment ago is not counted again, and later it is. By then
		// everybody has been idle for two months, or for a year.
		s.post(ann, vocab.VerbPost, &vocab.Object{Type: vocab.TypeNote, Content: "more"}, vocab.PublicID)
		if err := s.Suspend(t.Context(), "cid", true); err != nil {
			t.Fatal(err)
		}
		if n := read("2.1"); n.Usage.LocalPosts != 4 || n.Usage.Users.Total != 3 {
			t.Errorf("the numbers are %+v", n.Usage)
		}
		for _, tt := range []struct{ ahead, month, halfYear int }{{60, 0, 2}, {365, 0, 0}} {
			s.ahead = time.Duration(tt.ahead) * 24 * time.Hour
			if n := read("2.0"); n.Usage.LocalPosts != 5 || n.Usage.Users.Total != 2 || n.Usage.Users.ActiveMonth != tt.month || n.Usage.Users.ActiveHalfyear != tt.halfYear {
				t.Errorf("%d days later the numbers are %+v", tt.ahead, n.Usage)
			}
		}
	}, network{name: "loud"}, network{name: "other", mute: true})
}

// Nobody can take a name that is the beginning of an address.
func TestFirstPartsOfPathsAreReserved(t *testing.T) {
	s := newSite(t, home, filepath.Join(t.TempDir(), "manifold.db"), nil)
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
