package pumpapi_test

import (
	"slices"
	"strings"
	"testing"
)

func TestRegister(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		program := s.twoLegged(s.program)
		user := program.post("/api/users", doc{"nickname": "ann", "password": password, "email": "ann@mail.example"}).ok()
		user.has(t, map[string]any{
			"nickname": "ann", "email": "ann@mail.example",
			"profile.id": "acct:ann@pump.example", "profile.objectType": "person", "profile.preferredUsername": "ann", "profile.displayName": "ann",
			"profile.url":                       home + "/ann",
			"profile.links.self.href":           home + "/api/user/ann/profile",
			"profile.links.activity-inbox.href": home + "/api/user/ann/inbox", "profile.links.activity-outbox.href": home + "/api/user/ann/feed",
			"profile.followers.url": home + "/api/user/ann/followers", "profile.followers.totalItems": 0.0,
			"profile.following.url": home + "/api/user/ann/following", "profile.following.totalItems": 0.0,
			"profile.favorites.url": home + "/api/user/ann/favorites", "profile.favorites.totalItems": 0.0,
			"profile.lists.url": home + "/api/user/ann/lists/person", "profile.lists.totalItems": 4.0,
			"password": nil, "passwordHash": nil,
		})
		if len(user.text("token")) != 22 || len(user.text("secret")) != 43 || !isTime(user.text("published")) || !isTime(user.text("updated")) {
			t.Errorf("the user is %s", user)
		}
		// The token works at once, for the program that asked.
		ann := *program
		ann.nick = "ann"
		signer := *program.signer
		signer.Token, signer.Secrets.Token = user.text("token"), user.text("secret")
		ann.signer = &signer
		inbox := ann.get("/api/user/ann/inbox").ok()
		verbs := column(inbox.docs("items"), "verb")
		if want := []string{"post", "create", "create", "create", "create", "join"}; !slices.Equal(verbs, want) {
			t.Errorf("the first inbox has %v, want %v", verbs, want)
		}
		inbox.has(t, map[string]any{"items.0.actor.objectType": "service", "items.0.actor.displayName": "Test Site", "items.0.object.objectType": "note",
			"items.5.object.objectType": "service", "items.5.object.url": home + "/"})
		direct := ann.get("/api/user/ann/inbox/direct/major").ok()
		direct.has(t, map[string]any{"totalItems": 1.0, "items.0.verb": "post"})
		lists := column(ann.get("/api/user/ann/lists/person").ok().docs("items"), "displayName")
		if want := []string{"Coworkers", "Acquaintances", "Family", "Friends"}; !slices.Equal(lists, want) {
			t.Errorf("the first lists are %v, want %v", lists, want)
		}
		// The address is nobody else's business.
		if body := string(s.nobody().get("/api/user/ann").body); strings.Contains(body, "mail.example") {
			t.Errorf("everybody sees %s", body)
		}
	})
}

// isTime reports whether a time is written as clients read it.
func isTime(s string) bool {
	return len(s) == len("2013-12-22T06:27:13Z") && strings.HasSuffix(s, "Z") && s[10] == 'T'
}

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	gone := s.person("gone")
	gone.remove("/api/user/gone").said("Deleted.")
	tests := []struct {
		body    any
		status  int
		message string
	}{
		{doc{"password": password}, 400, "Bad nickname: ''"},
		{doc{"nickname": "a b", "password": password}, 400, "Bad nickname: 'a b'"},
		{doc{"nickname": "ünal", "password": password}, 400, "Bad nickname: 'ünal'"},
		{doc{"nickname": strings.Repeat("x", 65), "password": password}, 400, "Bad nickname: '" + strings.Repeat("x", 65) + "'"},
		{doc{"nickname": "api", "password": password}, 400, "Bad nickname: 'api'"},
		{doc{"nickname": "OAuth2", "password": password}, 400, "Bad nickname: 'OAuth2'"},
		{doc{"nickname": "main", "password": password}, 400, "Bad nickname: 'main'"},
		{doc{"nickname": "..", "password": password}, 400, "Bad nickname: '..'"},
		{doc{"nickname": "bob"}, 400, "Bad password"},
		{doc{"nickname": "bob", "password": "short-1"}, 400, "Bad password"},
		{doc{"nickname": "bob", "password": "onlyletters"}, 400, "Bad password"},
		{doc{"nickname": "bob", "password": "1234567890"}, 400, "Bad password"},
		{doc{"nickname": "bob", "password": "password1"}, 400, "Bad password"},
		{doc{"nickname": "bob", "password": strings.Repeat("x9-y", 20)}, 400, "Bad password: at most 72 bytes are possible"},
		{doc{"nickname": "bob", "password": password, "email": "nobody"}, 400, "Invalid email address provided"},
		{doc{"nickname": "ann", "password": password}, 409, "Already have a(n) 'user' with id 'ann'"},
		{doc{"nickname": "ANN", "password": password}, 409, "Already have a(n) 'user' with id 'ANN'"},
		{doc{"nickname": "gone", "password": password}, 409, "Already have a(n) 'user' with id 'gone'"},
		{doc{"nickname": 5, "password": password}, 400, "Bad document: nickname, password and email must be strings"},
		{`[]`, 400, "Bad document: nickname, password and email must be strings"},
		{`{"nickname":"bob"`, 400, "Bad document: not JSON: EOF, at byte 17"},
		{`{"nickname":"bob","nickname":"carl"}`, 400, "Bad document: nickname: the member stands twice in the same object"},
	}
	program := s.twoLegged(s.program)
	before := s.state()
	for _, tt := range tests {
		program.post("/api/users", tt.body).refused(tt.status, tt.message)
	}
	if s.state() != before {
		t.Error("a refused registration changed something")
	}
	closed := newSite(t, siteOptions{closed: true})
	closed.twoLegged(closed.program).post("/api/users", doc{"nickname": "bob", "password": password}).refused(403, "No registration allowed.")
}

func TestGetUser(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("Ann"), s.person("bob")
	bob.follow(ann)
	for _, path := range []string{"/api/user/Ann", "/api/user/Ann/", "/api/user/ann"} {
		bob.get(path).ok().has(t, map[string]any{"nickname": "Ann", "profile.id": "acct:Ann@pump.example", "profile.followers.totalItems": 1.0,
			"profile.pump_io.followed": true, "profile.links.self.href": home + "/api/user/Ann/profile"})
	}
	s.nobody().get("/api/user/Ann").ok().has(t, map[string]any{"profile.pump_io": nil, "email": nil, "token": nil})
	for _, path := range []string{"/api/user/nobody", "/api/user/nobody/profile", "/api/user/nobody/feed", "/api/user/nobody/followers", "/api/user/nobody/following",
		"/api/user/nobody/favorites", "/api/user/nobody/lists/person", "/api/user/nobody/inbox", "/api/user/nobody/uploads"} {
		bob.get(path).refused(404, "No such 'user' with id 'nobody'")
	}
	bob.put("/api/user/nobody", doc{}).refused(404, "No such 'user' with id 'nobody'")
	bob.remove("/api/user/nobody").refused(404, "No such 'user' with id 'nobody'")
	bob.post("/api/user/nobody/feed", aNote).refused(404, "No such 'user' with id 'nobody'")
}

func TestWhoami(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	a := s.person("Ann").get("/api/whoami")
	if got := a.header.Get("Location"); a.status != 302 || got != home+"/api/user/Ann/profile" {
		t.Errorf("%d %q", a.status, got)
	}
}

func TestPutUser(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	other := "another-9-one"
	tests := []struct {
		body    any
		message string
	}{
		{doc{"password": other}, "The nickname cannot be changed: it must be given as 'ann'."},
		{doc{"nickname": "bob", "password": other}, "The nickname cannot be changed: it must be given as 'ann'."},
		{doc{"nickname": "ann"}, "The password must be given; it is set anew."},
		{doc{"nickname": "ann", "password": "weak"}, "Bad password"},
		{doc{"nickname": "ann", "password": other, "email": "x"}, "Invalid email address provided"},
		{doc{"nickname": "ann", "password": other, "settings": "x"}, "Bad document: settings: must be an object"},
		{doc{"nickname": "ann", "password": 5}, "Bad document: nickname, password and email must be strings"},
		{`null`, "The nickname cannot be changed: it must be given as 'ann'."},
	}
	before := s.state()
	for _, tt := range tests {
		ann.put("/api/user/ann", tt.body).refused(400, tt.message)
	}
	if s.state() != before {
		t.Error("a refused change changed something")
	}
	ann.put("/api/user/ann", doc{"nickname": "ann", "password": other, "email": "ann@mail.example", "settings": doc{"theme": "dark"}}).ok().
		has(t, map[string]any{"nickname": "ann", "email": "ann@mail.example", "settings.theme": "dark", "profile.displayName": "ann"})
	// What is not given stays, and others do not see it.
	ann.put("/api/user/ann", doc{"nickname": "ann", "password": other}).ok().has(t, map[string]any{"email": "ann@mail.example", "settings.theme": "dark"})
	s.person("bob").get("/api/user/ann").ok().has(t, map[string]any{"email": nil, "settings": nil})
	if _, err := s.bridge.Authenticate(t.Context(), "ann", other); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestPutProfile(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	bob.follow(ann)
	// As Pumpa sends it.
	profile := ann.put("/api/user/ann/profile", doc{"objectType": "person", "displayName": "Ann O'Nymous", "summary": "<p>Hi</p><script>x</script>",
		"location": doc{"objectType": "place", "displayName": "Bern"}, "image": doc{"url": "https://elsewhere.example/a.png", "width": 96, "height": 96},
		"pump_io": doc{"fullImage": doc{"url": "https://elsewhere.example/b.png", "width": 500}}, "nonsense": doc{"a": 1}}).ok()
	profile.has(t, map[string]any{"id": "acct:ann@pump.example", "preferredUsername": "ann", "displayName": "Ann O'Nymous", "summary": "<p>Hi</p>",
		"location.displayName": "Bern", "image.url": "https://elsewhere.example/a.png", "image.width": 96.0,
		"pump_io.fullImage.url": "https://elsewhere.example/b.png", "url": home + "/ann", "followers.totalItems": 1.0, "nonsense.a": 1.0})
	// Followers are told.
	bob.get("/api/user/bob/inbox/minor").ok().has(t, map[string]any{"items.0.verb": "update", "items.0.actor.displayName": "Ann O'Nymous",
		"items.0.object.id": "acct:ann@pump.example"})
	// What cannot be changed is not.
	ann.put("/api/user/ann/profile", doc{"id": "acct:bob@pump.example", "objectType": "group", "preferredUsername": "eve", "url": "https://evil.example",
		"followers": doc{"url": "https://evil.example", "totalItems": 1000}, "summary": nil, "published": "1990-01-01T00:00:00Z"}).ok().
		has(t, map[string]any{"id": "acct:ann@pump.example", "objectType": "person", "preferredUsername": "ann", "url": home + "/ann", "displayName": "Ann O'Nymous",
			"followers.url": home + "/api/user/ann/followers", "followers.totalItems": 1.0, "summary": nil})
	for _, body := range []string{`[]`, `{"displayName":5}`, `{"image":[]}`, ``} {
		if a := ann.put("/api/user/ann/profile", body); a.status != 400 {
			t.Errorf("PUT %s: %d %s", body, a.status, a.body)
		}
	}
	s.nobody().get("/api/user/ann/profile").ok().has(t, map[string]any{"displayName": "Ann O'Nymous", "pump_io.followed": nil})
}

func TestDeleteUser(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		bob.follow(ann)
		ann.follow(bob)
		ann.put("/api/user/ann/profile", doc{"summary": "a secret of ann"}).ok()
		note := ann.note("a secret of ann", public)
		theirs := bob.note("from bob", public)
		comment := ann.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "a secret of ann", "inReplyTo": theirs.ref()}}).doc("object")
		ann.act(doc{"verb": "favorite", "object": theirs.ref()})
		upload := ann.send(request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 8, 8, "png"), contentType: "image/png"}).ok()
		browser := s.browser()
		browser.logIn(s.twoLegged(s.newProgram("Program")).ask("POST", "oob"), "ann", password).page(200)
		activity := ann.get("/api/user/ann/feed").ok().docs("items")[0]

		ann.remove("/api/user/ann").said("Deleted.")
		for _, path := range []string{"/api/user/ann", "/api/user/ann/profile", "/api/user/ann/feed", "/api/user/ann/followers", "/api/user/ann/favorites"} {
			bob.get(path).refused(404, "No such 'user' with id 'ann'")
		}
		s.nobody().get("/.well-known/webfinger?resource=acct:ann@pump.example").refused(410, "This account is gone: acct:ann@pump.example")
		for _, gone := range []doc{note, comment, upload, activity} {
			if a := bob.get(gone.id()); a.status != 410 && a.status != 403 && a.status != 404 {
				t.Errorf("%s: %d %s", gone.id(), a.status, a.body)
			}
		}
		bob.get(note.id()).refused(410, "Deleted")
		bob.get(strings.TrimPrefix(upload.text("image.url"), home)).refused(404, "No such file.")
		bob.get("/api/person?id=acct:ann@pump.example").refused(410, "Deleted")
		browser.get("/api/whoami").refused(401, "Not logged in.")
		bob.get(theirs.id()).ok().has(t, map[string]any{"likes.totalItems": 0.0, "likes.items": nil, "replies.totalItems": 0.0, "replies.items": nil})
		bob.get("/api/user/bob").ok().has(t, map[string]any{"profile.followers.totalItems": 0.0, "profile.following.totalItems": 0.0})
		for _, path := range []string{"/api/user/bob/inbox", "/api/user/bob/followers", "/api/user/bob/following", "/api/user/bob/feed", theirs.id() + "/replies", theirs.id() + "/likes"} {
			a := bob.get(path)
			a.ok()
			if strings.Contains(string(a.body), "a secret of ann") {
				t.Errorf("%s still shows what ann wrote: %s", path, a.body)
			}
		}
		users := bob.get("/api/users").ok()
		users.has(t, map[string]any{"totalItems": 1.0, "items.0.nickname": "bob"})
		bob.post("/api/user/bob/feed", doc{"verb": "follow", "object": doc{"id": "acct:ann@pump.example", "objectType": "person"}}).
			refused(410, "This account is not in use any more.")
	})
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	people := s.people("ann", "bob", "carl", "dave", "eve")
	ann := people[0]
	program := s.twoLegged(s.program)
	all := program.get("/api/users").ok()
	all.has(t, map[string]any{"displayName": "Users of this service", "id": home + "/api/users", "url": home + "/api/users", "objectTypes.0": "user",
		"totalItems": 5.0, "links.self.href": home + "/api/users", "links.first.href": home + "/api/users", "links.prev.href": home + "/api/users?since=eve",
		"links.next": nil, "items.0.profile.id": "acct:eve@pump.example", "items.0.profile.objectType": "person", "items.0.profile.displayName": nil, "items.0.email": nil})
	pages := []struct{ query, want, next string }{
		{"", "eve dave carl bob ann", ""},
		{"?count=2", "eve dave", "before=dave"},
		{"?count=2&before=dave", "carl bob", "before=bob"},
		{"?count=2&before=bob", "ann", ""},
		{"?count=2&offset=1", "dave carl", "before=carl"},
		{"?count=2&offset=4", "ann", ""},
		{"?since=bob&count=2", "dave carl", "before=carl"},
		{"?since=BOB&count=1", "carl", "before=carl"},
		{"?since=eve", "", ""},
		{"?count=0", "", ""},
	}
	for _, tt := range pages {
		page := ann.get("/api/users" + tt.query).ok()
		if got := strings.Join(column(page.docs("items"), "nickname"), " "); got != tt.want {
			t.Errorf("%s has %q, want %q", tt.query, got, tt.want)
		}
		if got := strings.TrimPrefix(page.text("links.next.href"), home+"/api/users?"); got != tt.next {
			t.Errorf("%s goes on at %q, want %q", tt.query, got, tt.next)
		}
	}
	ann.get("/api/users?before=nobody").refused(400, "id 'nobody' not found in stream 'users'")
	ann.get("/api/users?since=nobody").refused(400, "id 'nobody' not found in stream 'users'")
	if err := s.bridge.Suspend(t.Context(), "eve", true); err != nil {
		t.Fatal(err)
	}
	ann.get("/api/users").ok().has(t, map[string]any{"totalItems": 4.0, "items.0.nickname": "dave"})
}

// TestPeopleOnOtherPorts: there, the network knows people by the URL of their
// profile.
func TestPeopleOnOtherPorts(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{base: portHome})
	ann, bob := s.person("ann"), s.person("bob")
	if ann.id() != portHome+"/api/user/ann/profile" {
		t.Fatalf("ann is %s", ann.id())
	}
	ann.get("/api/user/ann").ok().has(t, map[string]any{"profile.id": ann.id(), "profile.url": portHome + "/ann"})
	for _, id := range []string{"acct:ann@localhost", ann.id(), "acct:ann@localhost:8080"} {
		bob.act(doc{"verb": "follow", "object": doc{"id": id, "objectType": "person"}}).has(t, map[string]any{"object.id": ann.id()})
		bob.act(doc{"verb": "stop-following", "object": doc{"id": id, "objectType": "person"}}).has(t, map[string]any{"object.id": ann.id()})
	}
}
