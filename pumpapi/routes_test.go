package pumpapi_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/internal/front"
)

// route is a path template with its methods.
type route struct {
	template string
	methods  []string
}

func (s *site) routes() []route {
	s.t.Helper()
	var list []route
	err := s.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := front.RoutePath(r)
		if err != nil {
			return err
		}
		if methods, err := r.GetMethods(); err == nil { // the root of a subrouter has none
			list = append(list, route{template, methods})
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(list) < 40 {
		s.t.Fatalf("the walk found %d routes only", len(list))
	}
	return list
}

func TestFirstPartsOfPathsAreReserved(t *testing.T) {
	t.Parallel()
	for _, r := range newSite(t, siteOptions{}).routes() {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.template, "/"), "/")
		first, _, _ = strings.Cut(first, "?")
		if !strings.HasPrefix(first, "{") && !bridge.Reserved(first) {
			t.Errorf("somebody could take the nickname %q, which is the path %s", first, r.template)
		}
	}
}

// TestDocumented: docs/pump-api.md names every method and path.
func TestDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/pump-api.md")
	if err != nil {
		t.Fatal(err)
	}
	// Rows begin with the methods and the paths, each in backquotes or after a
	// method; what is said about them follows a bar.
	named := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		row, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		cell, _, _ := strings.Cut(row, "|")
		methods := []string(nil)
		for part := range strings.SplitSeq(cell, "`") {
			head, path, ok := strings.Cut(part, " /")
			if ok && head == strings.ToUpper(head) {
				methods = strings.Split(head, ", ")
				part = "/" + path
			}
			part, _, _ = strings.Cut(strings.TrimSpace(part), "?")
			for _, m := range methods {
				named[m+" "+part] = true
			}
		}
	}
	for _, r := range newSite(t, siteOptions{}).routes() {
		path := strings.NewReplacer("/?", "", ":.+}", "}").Replace(r.template)
		for _, m := range r.methods {
			if m != http.MethodHead && !named[m+" "+path] {
				t.Errorf("docs/pump-api.md does not name %s %s", m, path)
			}
		}
	}
}

// example fills the variables of a template so that something is there.
func example(template string, list doc, upload string) string {
	path := strings.Replace(template, "/uploads/{path:.+}", strings.TrimPrefix(upload, home), 1)
	path = strings.NewReplacer("/?", "", "{nick}", "ann", "/lists/{type}", "/lists/person", "/collection/{uuid}", strings.TrimPrefix(list.id(), home+"/api"),
		"/api/{type}/{uuid}", strings.TrimPrefix(list.id(), home)).Replace(path)
	if strings.HasSuffix(path, "/likes") || strings.HasSuffix(path, "/replies") || strings.HasSuffix(path, "/shares") || path == "/api/{type}" {
		path = strings.Replace(path, "{type}", "collection", 1)
		if !strings.HasPrefix(path, strings.TrimPrefix(list.id(), home)+"/") {
			path += "?id=" + list.id()
		}
	}
	return path
}

// TestEveryRead: what is read is 200, is the same with a slash at the end of its
// path, has no body when asked by HEAD, and names the software that Dianara
// looks for.
func TestEveryRead(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{adjust: withProxy})
	ann := s.person("ann")
	list := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}, "to": []doc{public}}).doc("object")
	activity := ann.act(aNote)
	group := ann.act(doc{"verb": "create", "object": doc{"objectType": "group", "displayName": "Guild"}}).doc("object")
	upload := ann.send(request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 8, 8, "png"), contentType: "image/png"}).ok()
	reads := 0
	for _, r := range s.routes() {
		if !slices.Contains(r.methods, "GET") || strings.HasPrefix(r.template, "/oauth") || strings.HasPrefix(r.template, "/authorize_interaction") || strings.HasPrefix(r.template, "/main/") && r.template != "/main/style.css/?" {
			continue // pages
		}
		if !slices.Contains(r.methods, "HEAD") {
			t.Errorf("%s cannot be asked by HEAD", r.template)
		}
		path := example(r.template, list, upload.text("image.url"))
		switch {
		case strings.Contains(r.template, "/activity/{uuid}"):
			path = activity.id()
		case strings.HasPrefix(r.template, "/api/proxy/"):
			path = ann.proxyOf(newUpstream(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "from elsewhere") }).URL)
		case r.template == "/api/activity/?":
			path += "?id=" + activity.id()
		case strings.HasPrefix(r.template, "/api/collection/members"):
			path += "?id=" + list.id()
		case strings.HasPrefix(r.template, "/api/group/{uuid}"):
			path = strings.Replace(path, "/api/group/{uuid}", group.id(), 1)
		case strings.HasPrefix(r.template, "/api/group/"):
			path += "?id=" + group.id()
		case strings.Contains(path, "webfinger"), strings.Contains(path, "lrdd"):
			path += "?resource=ann@pump.example"
		}
		if strings.Contains(path, "{") {
			t.Errorf("%s has no example: %s", r.template, path)
			continue
		}
		reads++
		t.Run(path, func(t *testing.T) {
			get := ann.in(t).get(path)
			if want := map[bool]int{false: 200, true: 302}[strings.HasSuffix(path, "whoami")]; get.status != want {
				t.Fatalf("%d %s", get.status, get.body)
			}
			if get.status == 200 && len(get.body) == 0 {
				t.Error("the body is empty")
			}
			if !strings.Contains(get.header.Get("Server"), "pump.io") || !strings.Contains(get.header.Get("Server"), "1.2.3") {
				t.Errorf("Server: %q", get.header.Get("Server"))
			}
			if get.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("a browser may guess the type")
			}
			head := ann.in(t).send(request{method: "HEAD", path: path})
			if head.status != get.status || len(head.body) > 0 {
				t.Errorf("HEAD answers %d and %d bytes", head.status, len(head.body))
			}
			for _, name := range []string{"Content-Type", "Etag", "Location", "Cache-Control"} {
				if got, want := head.header.Get(name), get.header.Get(name); got != want {
					t.Errorf("HEAD answers %s: %q, GET %q", name, got, want)
				}
			}
			if !strings.HasSuffix(r.template, "/?") {
				return
			}
			slashed, query, ok := strings.Cut(path, "?")
			if slashed += "/"; ok {
				slashed += "?" + query
			}
			if slash := ann.in(t).get(slashed); slash.status != get.status || string(slash.body) != string(get.body) {
				t.Errorf("with a slash at its end: %d %s", slash.status, slash.body)
			}
		})
	}
	if reads < 30 {
		t.Errorf("only %d reads were tried", reads)
	}
}

// TestWhoMayUseWhat: what each endpoint answers to those who have not shown
// enough of who they are.
func TestWhoMayUseWhat(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	program := s.twoLegged(s.program)
	note := ann.note("to followers").id()
	open := ann.note("to all", public).id()
	activity := ann.act(aNote).id()
	list := ann.act(doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object").id()
	group := ann.act(doc{"verb": "create", "object": doc{"objectType": "group", "displayName": "Cabal"}}).doc("object").id()
	guild := ann.act(doc{"verb": "create", "object": doc{"objectType": "group", "displayName": "Guild"}, "to": []doc{public}}).doc("object").id()

	const (
		login   = "Not logged in."
		missing = "Missing required parameter"
		notYou  = "Not authorized"
		unseen  = "Only the author and recipients can view this object."
		author  = "Only the author can modify this object."
	)
	// The answers to strangers, to a program, to somebody else. The word "ok"
	// stands for a success.
	tests := []struct{ method, path, stranger, program, other string }{
		{"GET", "/api/user/ann", "ok", "ok", "ok"},
		{"PUT", "/api/user/ann", missing, login, notYou},
		{"DELETE", "/api/user/ann", missing, login, notYou},
		{"GET", "/api/user/ann/profile", "ok", "ok", "ok"},
		{"PUT", "/api/user/ann/profile", missing, login, notYou},
		{"GET", "/api/user/ann/inbox", login, login, notYou},
		{"GET", "/api/user/ann/inbox/major", login, login, notYou},
		{"GET", "/api/user/ann/inbox/minor", login, login, notYou},
		{"GET", "/api/user/ann/inbox/direct", login, login, notYou},
		{"GET", "/api/user/ann/inbox/direct/major", login, login, notYou},
		{"GET", "/api/user/ann/inbox/direct/minor", login, login, notYou},
		{"GET", "/api/user/ann/feed", "ok", "ok", "ok"},
		{"GET", "/api/user/ann/feed/major", "ok", "ok", "ok"},
		{"GET", "/api/user/ann/feed/minor", "ok", "ok", "ok"},
		{"POST", "/api/user/ann/feed", missing, login, notYou},
		{"POST", "/api/user/ann/feed/major", missing, login, notYou},
		{"POST", "/api/user/ann/feed/minor", missing, login, notYou},
		{"GET", "/api/user/ann/followers", "ok", "ok", "ok"},
		{"GET", "/api/user/ann/following", "ok", "ok", "ok"},
		{"POST", "/api/user/ann/following", missing, login, notYou},
		{"GET", "/api/user/ann/favorites", "ok", "ok", "ok"},
		{"POST", "/api/user/ann/favorites", missing, login, notYou},
		{"GET", "/api/user/ann/lists/person", "ok", "ok", "ok"},
		{"GET", "/api/user/ann/uploads", login, login, notYou},
		{"POST", "/api/user/ann/uploads", missing, login, notYou},
		{"GET", "/api/users", login, "ok", "ok"},
		{"POST", "/api/users", missing, "Bad document: the document is empty; a JSON object is expected", "Bad document: the document is empty; a JSON object is expected"},
		{"GET", "/api/whoami", login, login, "ok"},
		{"GET", activity, login, "Only the actor and recipients can view this activity.", "Only the actor and recipients can view this activity."},
		{"PUT", activity, missing, login, "Bad document: the document is empty; a JSON object is expected"},
		{"DELETE", activity, missing, login, author[:len("Only the ")] + "actor can modify this object."},
		{"GET", note, login, unseen, unseen},
		{"GET", note + "/likes", login, unseen, unseen},
		{"GET", note + "/replies", login, unseen, unseen},
		{"GET", note + "/shares", login, unseen, unseen},
		{"PUT", note, missing, login, unseen},
		{"DELETE", note, missing, login, unseen},
		{"GET", open, "ok", "ok", "ok"},
		{"GET", open + "/likes", "ok", "ok", "ok"},
		{"GET", open + "/replies", "ok", "ok", "ok"},
		{"GET", open + "/shares", "ok", "ok", "ok"},
		{"PUT", open, missing, login, author},
		{"DELETE", open, missing, login, author},
		{"GET", list + "/members", login, unseen, unseen},
		{"POST", list + "/members", missing, login, unseen},
		{"GET", group, login, unseen, unseen},
		{"PUT", group, missing, login, unseen},
		{"DELETE", group, missing, login, unseen},
		{"GET", group + "/members", login, unseen, unseen},
		{"GET", group + "/inbox", login, unseen, unseen},
		{"GET", group + "/documents", login, unseen, unseen},
		{"GET", guild, "ok", "ok", "ok"},
		{"PUT", guild, missing, login, author},
		{"DELETE", guild, missing, login, author},
		{"GET", guild + "/members", "ok", "ok", "ok"},
		{"GET", guild + "/inbox", "ok", "ok", "ok"},
		{"GET", guild + "/documents", "ok", "ok", "ok"},
		{"GET", "/api/public/feed", "ok", "ok", "ok"},
		{"GET", "/api/public/feed/major", "ok", "ok", "ok"},
		{"GET", "/api/public/feed/minor", "ok", "ok", "ok"},
		{"GET", "/.well-known/host-meta", "ok", "ok", "ok"},
		{"GET", "/.well-known/host-meta.json", "ok", "ok", "ok"},
	}
	before := s.state()
	for _, tt := range tests {
		t.Run(tt.method+" "+strings.TrimPrefix(tt.path, home), func(t *testing.T) {
			for _, try := range []struct {
				v    *visitor
				want string
			}{{s.nobody(), tt.stranger}, {program, tt.program}, {bob, tt.other}} {
				a := try.v.in(t).send(request{method: tt.method, path: tt.path})
				switch try.want {
				case "ok":
					if a.status != 200 && a.status != 302 {
						t.Errorf("%d %s", a.status, a.body)
					}
				case missing:
					a.refusedPlain(400, missing)
				case login, notYou:
					a.refused(http.StatusUnauthorized, try.want)
				default:
					a.refused(map[bool]int{true: 400, false: 403}[strings.HasPrefix(try.want, "Bad ")], try.want)
				}
			}
		})
	}
	if s.state() != before {
		t.Error("a refused request changed something")
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	note := ann.note("hello", public)
	large := doc{"objectType": "note", "id": note.id(), "content": strings.Repeat("x", 1<<20)}
	before := s.state()
	for _, r := range []request{
		{method: "POST", path: "/api/user/ann/feed", body: doc{"verb": "post", "object": large}},
		{method: "POST", path: "/api/user/ann/following", body: large}, {method: "POST", path: "/api/user/ann/favorites", body: large},
		{method: "PUT", path: "/api/user/ann/profile", body: large}, {method: "PUT", path: "/api/user/ann", body: large},
		{method: "PUT", path: note.id(), body: large}, {method: "PUT", path: ann.get("/api/user/ann/feed").ok().text("items.0.id"), body: large},
	} {
		ann.send(r).refused(413, "The body is too large.")
	}
	form := strings.Repeat("x", 256<<10+1)
	s.twoLegged(s.program).send(request{method: "POST", path: "/oauth/request_token", callback: "oob", body: form, contentType: "application/x-www-form-urlencoded"}).
		refused(413, "The body is too large.")
	if s.state() != before {
		t.Error("a refused request changed something")
	}
	// As large as is accepted.
	most := doc{"verb": "post", "object": doc{"objectType": "note", "content": strings.Repeat("x", 1<<20-70)}}
	if got := ann.act(most).text("object.content"); len(got) != 1<<20-70 {
		t.Errorf("of the largest note %d bytes are left", len(got))
	}
}

// TestFailureOfOurs: when something breaks here, the client is told so, and not
// what it was.
func TestFailureOfOurs(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	if _, err := s.db.SQL().ExecContext(t.Context(), "ALTER TABLE edges RENAME TO broken"); err != nil {
		t.Fatal(err)
	}
	ann.get("/api/user/ann/followers").refused(500, "Something went wrong here. It was written to the log of this server.")
	ann.post("/api/user/ann/feed", doc{"verb": "follow", "object": ann.ref()}).refused(500, "Something went wrong here. It was written to the log of this server.")
}

// odd are values that no client of good will sends, escaped.
var odd = []string{"%00", "a%00b", "%ff%fe", "%e2%80%ae", "..%2f..%2fetc%2fpasswd", "%25", "%2F", "'%20OR%201=1--", strings.Repeat("x", 3000), "%F0%9F%98%80", "-1",
	"9999999999999999999"}

// TestNoRequestIsTooOdd: whatever a path, a parameter or a document holds, the
// answer is one that the sender can do something about.
func TestNoRequestIsTooOdd(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		note := ann.note("hello", public)
		oddAddresses(ann, note)
		oddDocuments(ann, note)
		oddCredentials(ann)
	})
}

// taken checks that an answer does not put the blame on the server.
func (a *answer) taken(what any) {
	a.t.Helper()
	if a.status >= 500 {
		a.t.Errorf("%s with %q answers %d %s", a.request, what, a.status, a.body)
	}
}

func oddAddresses(ann *visitor, note doc) {
	for _, template := range []string{"/api/user/%s", "/api/user/%s/profile", "/api/user/%s/feed", "/api/user/%s/inbox", "/api/user/%s/followers", "/api/user/ann/lists/%s",
		"/api/%s", "/api/%s?id=x", "/api/%s/x", "/api/note/%s", "/api/note/%s/likes", "/api/note?id=%s", "/api/note/likes?id=%s", "/api/note/replies?id=%s",
		"/api/person?id=%s", "/api/group/%s", "/api/activity/%s", "/api/collection/%s/members",
		"/api/user/ann/feed?before=%s", "/api/user/ann/inbox?since=%s", "/api/user/ann/followers?before=%s", "/api/user/ann/favorites?since=%s",
		"/api/user/ann/lists/person?before=%s", "/api/user/ann/uploads?since=%s", "/api/user/ann/feed?count=%s", "/api/user/ann/feed?offset=%s",
		"/api/users?before=%s", "/api/users?offset=%s", note.id() + "/likes?before=%s", note.id() + "/replies?since=%s",
		"/uploads/%s", "/uploads/ann/%s", "/api/proxy/%s", "/.well-known/webfinger?resource=%s", "/.well-known/webfinger?resource=acct:%s@pump.example",
		"/.well-known/webfinger?resource=https://pump.example/%s", "/api/lrdd?resource=%s", "/oauth/authorize?oauth_token=%s",
		"/main/login?continue=%s", "/main/register?continue=%s", "/main/remote?webfinger=%s", "/main/authorized/%s?oauth_token=x&oauth_verifier=x",
		"/main/authorized/x?oauth_token=%s&oauth_verifier=x", "/main/account?done=%s", "/oauth2/authz?client_id=%s&redirect_uri=x", "/oauth2/authc?redirect_uri=%s&client_id=" + ann.s.program.ClientID} {
		for _, o := range odd {
			path := strings.Replace(template, "%s", o, 1)
			ann.s.nobody().get(path).taken(nil)
			if !strings.Contains(path, "oauth_") { // cannot be signed
				ann.get(path).taken(nil)
			}
		}
	}
}

func oddDocuments(ann *visitor, note doc) {
	const nul = "a\x00b\u2028"
	for _, body := range []doc{
		{"verb": nul, "object": doc{"objectType": "note"}},
		{"object": doc{"objectType": nul, "content": "x"}},
		{"object": doc{"objectType": "note", "id": nul}},
		{"object": doc{"objectType": "note", "content": nul, "displayName": nul, "url": nul, nul: nul}, nul: nul},
		{"object": doc{"objectType": "note", "inReplyTo": doc{"id": nul, "objectType": nul}}},
		{"object": doc{"objectType": "note"}, "to": []doc{{"id": nul, "objectType": "person"}}},
		{"object": doc{"objectType": "note"}, "to": []doc{{"id": "acct:a\x00@b", "objectType": "person"}}},
		{"object": doc{"objectType": "note"}, "target": doc{"id": nul, "objectType": "collection"}},
		{"verb": "follow", "object": doc{"id": "acct:" + strings.Repeat("é", 2000) + "@x.example", "objectType": "person"}},
		{"verb": "follow", "object": doc{"id": "https://x.example/", "objectType": "person", "preferredUsername": nul}},
		{"verb": "create", "object": doc{"objectType": "collection", "displayName": nul, "objectTypes": []string{nul}}},
		{"object": doc{"objectType": "note", "id": "https://x.example/" + strings.Repeat("x", 5000)}},
	} {
		ann.post("/api/user/ann/feed", body).taken(body)
	}
	for _, body := range []doc{{"nickname": nul, "password": password}, {"nickname": "bob", "password": nul + password, "email": "x@y.example"},
		{"nickname": "bob", "password": strings.Repeat("é", 60) + "1", "email": nul}} {
		ann.s.twoLegged(ann.s.program).post("/api/users", body).taken(body)
	}
	for _, body := range []doc{{"displayName": nul}, {"settings": doc{nul: nul}}} {
		for _, path := range []string{"/api/user/ann/profile", "/api/user/ann", note.id()} {
			body["nickname"], body["password"] = "ann", password
			ann.put(path, body).taken(body)
		}
	}
	for _, body := range []doc{{"type": "client_associate", "application_name": nul}, {"type": "client_update", "client_id": nul, "client_secret": nul},
		{"type": "client_associate", "contacts": nul}} {
		ann.s.nobody().post(register, body).taken(body)
	}
}

func oddCredentials(ann *visitor) {
	login := ann.s.browser()
	asked := ann.s.twoLegged(ann.s.program).ask("POST", "oob")
	for _, nick := range []string{"a\x00", "\xff", "é"} {
		login.logIn(asked, nick, password).taken(nick)
	}
	header := regexp.MustCompile(`oauth_(consumer_key|token)="[^"]*"`)
	for _, value := range []string{"%00", "%FF"} {
		for _, path := range []string{"/api/user/ann/inbox", "/oauth/request_token", "/oauth/access_token"} {
			ann.send(request{method: "GET", path: path, callback: "oob", verifier: "x", edit: func(h string) string {
				return header.ReplaceAllString(h, `oauth_$1="`+value+`"`)
			}}).taken(value)
		}
	}
}
