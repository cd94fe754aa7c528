package pumpapi_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"manifold/models"
	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

// leads checks that a browser is sent on to an address.
func (a *answer) leads(to string) {
	a.t.Helper()
	if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != to {
		a.t.Errorf("%s leads by %d to %q, want %q: %.300s", a.request, a.status, got, to, a.body)
	}
}

// enter logs a browser in by the page for it.
func (v *visitor) enter(nick, password string) *answer {
	v.t.Helper()
	login := v.get("/main/login").page(200)
	return v.press(login, login.must("authenticate"), "nickname", nick, "password", password)
}

// isLoggedIn checks whom a browser is logged in as, "" for nobody.
func (v *visitor) isLoggedIn(nick string) {
	v.t.Helper()
	a := v.get("/api/whoami")
	if nick == "" {
		a.refused(401, "Not logged in.")
		return
	}
	if got := a.header.Get("Location"); got != v.s.base+"/api/user/"+nick+"/profile" {
		v.t.Errorf("the browser is that of %d %s, want %s", a.status, got, nick)
	}
}

// post a form as a page does, without a page.
func (v *visitor) form(path string, values url.Values) *answer {
	v.t.Helper()
	return v.send(request{method: "POST", path: path, body: values.Encode(), contentType: oauth1.FormType})
}

func TestLoginByProgram(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.person("Ann")
		program := s.twoLegged(s.newProgram("Web client"))
		program.jar = s.browser().jar
		for _, r := range []request{
			{body: doc{"nickname": "Ann", "password": password}},
			{body: doc{"nickname": "ann", "password": password, "more": 1}},
			{body: url.Values{"nickname": {"ann"}, "password": {password}}.Encode(), contentType: oauth1.FormType},
		} {
			r.method, r.path = "POST", "/main/login"
			a := program.send(r)
			user := a.ok()
			user.has(t, map[string]any{"nickname": "Ann", "profile.id": "acct:Ann@pump.example", "profile.objectType": "person", "profile.followers.totalItems": 0.0})
			if a.header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
			ann := program.holding(oauth1.TokenReply{Token: user.text("token"), Secret: user.text("secret")})
			ann.jar = nil
			ann.get("/api/user/Ann/inbox").ok()
			browser := s.browser()
			browser.jar = program.jar
			browser.isLoggedIn("Ann")
		}
		if got := s.count("access_tokens", "client_id = '"+program.signer.ConsumerKey+"'"); got != 1 {
			t.Errorf("the program has %d tokens of one person", got)
		}
		if got := s.count("sessions", "1 = 1"); got != 1 {
			t.Errorf("the browser has %d sessions", got)
		}
	})
}

// count counts rows.
func (s *site) count(table, where string) int {
	s.t.Helper()
	var n int
	if err := s.db.SQL().QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM "+table+" WHERE "+where).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestLoginByProgramRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	s.person("carl")
	s.person("dave").remove("/api/user/dave").said("Deleted.")
	if err := s.bridge.Suspend(t.Context(), "carl", true); err != nil {
		t.Fatal(err)
	}
	program := s.twoLegged(s.program)
	before := s.state()
	for _, tt := range []struct {
		body    any
		status  int
		message string
	}{
		{doc{"nickname": "ann", "password": "wrong"}, 401, incorrect},
		{doc{"nickname": "ann"}, 401, incorrect},
		{doc{"password": password}, 401, incorrect},
		{doc{}, 401, incorrect},
		{doc{"nickname": "nobody", "password": password}, 401, incorrect},
		{doc{"nickname": "dave", "password": password}, 401, incorrect},
		{doc{"nickname": "a\x00nn", "password": password}, 401, incorrect},
		{doc{"nickname": strings.Repeat("ä", 5000), "password": password}, 401, incorrect},
		{doc{"nickname": "carl", "password": password}, 403, "This account is suspended."},
		{doc{"nickname": 5, "password": password}, 400, "Bad document: nickname, password and email must be strings"},
		{`[]`, 400, "Bad document: nickname, password and email must be strings"},
		{`{`, 400, "Bad document: not JSON: EOF, at byte 1"},
	} {
		a := program.post("/main/login", tt.body)
		a.refused(tt.status, tt.message)
		if len(a.cookies()) > 0 {
			t.Errorf("%v sets a cookie", tt.body)
		}
	}
	s.nobody().post("/main/login", doc{"nickname": "ann", "password": password}).refusedPlain(400, "Missing required parameter")
	// A request that somebody has recorded logs nobody in.
	var header string
	program.send(request{method: "POST", path: "/main/login", body: doc{"nickname": "ann", "password": password}, edit: func(h string) string { header = h; return h }}).ok()
	again := program.send(request{method: "POST", path: "/main/login", body: doc{"nickname": "ann", "password": password}, edit: func(string) string { return header }})
	again.refusedPlain(401, "Invalid / used nonce")
	if len(again.cookies()) > 0 {
		t.Error("a repeated login sets a cookie")
	}
	s.write(func(ctx context.Context, tx *models.Tx) error { return tx.RemoveSessions(ctx, ann.actorID) })
	if s.state() != before {
		t.Error("a refused login changed something")
	}
}

func TestLoginPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	browser := s.browser()
	page := browser.get("/main/login?continue=" + url.QueryEscape("/ann/note/x?y=1&z")).page(200)
	browser.press(page, page.must("authenticate"), "nickname", "ann", "password", "wrong").page(400)
	again := browser.press(page, page.must("authenticate"), "nickname", "ann<b>", "password", "wrong").page(400)
	if got := textOf(again.must("problem")); got != "The name and the password do not belong together." {
		t.Errorf("the page says %q", got)
	}
	if got := attribute(again.must("username"), "value"); got != "ann<b>" {
		t.Errorf("the name is not kept: %q", got)
	}
	browser.isLoggedIn("")
	browser.press(again, again.must("authenticate"), "nickname", "Ann", "password", password).leads("/ann/note/x?y=1&z")
	browser.isLoggedIn("ann")
	// Whoever is logged in is not asked again, nor sent on: that page may have sent
	// them here.
	inside := browser.get("/main/login?continue=/ann").page(200)
	if got := attribute(inside.must("continue"), "href"); got != "/ann" {
		t.Errorf("the page leads on to %q", got)
	}
	// Logging in again ends the session before.
	old := browser.jar.Cookies(mustParse(t, home))
	browser.press(page, page.must("authenticate"), "nickname", "ann", "password", password).leads("/ann/note/x?y=1&z")
	thief := s.browser()
	thief.jar.SetCookies(mustParse(t, home), old)
	thief.isLoggedIn("")

	out := browser.press(inside, inside.must("logout"))
	out.leads("/main/login")
	browser.isLoggedIn("")
	browser.enter("ann", password).leads("/main/account")
}

// TestNobodyIsSentElsewhere: an address that begins with ours leads to us.
func TestNobodyIsSentElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	for _, to := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", " //evil.example",
		"javascript:alert(1)", "evil.example", "", "/%2f/../\x00", "///evil.example", "http:/evil.example", "/" + strings.Repeat("x", 3000), "?x", "#x"} {
		browser := s.browser()
		login := browser.get("/main/login").page(200)
		a := browser.press(login, login.must("authenticate"), "nickname", "ann", "password", password, "continue", to)
		a.leads("/main/account")
		inside := browser.get("/main/login?continue=" + url.QueryEscape(to))
		if inside.status == 200 { // NUL is refused
			if got := attribute(inside.page(200).must("continue"), "href"); got != "/" {
				t.Errorf("%q leads to %q", to, got)
			}
			page := inside.page(200)
			browser.press(page, page.must("logout"), "continue", to).leads("/main/login")
		}
	}
}

// TestFormsOfAnotherSite: no page elsewhere can log anybody in or out.
func TestFormsOfAnotherSite(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	s.person("mallory")
	browser := s.browser()
	browser.enter("ann", password).leads("/main/account")
	other := s.browser()
	_, foreign := other.get("/main/login").page(200).form(other.get("/main/login").page(200).must("authenticate"))
	before := s.state()
	for name, form := range map[string]string{"none": "", "made up": "x", "of another browser": foreign.Get("form")} {
		values := url.Values{"form": {form}, "nickname": {"mallory"}, "password": {password}, "email": {""}, "current": {password}, "program": {"x"}, "webfinger": {"a@b.example"}}
		for _, path := range []string{"/main/login", "/main/logout", "/main/account/password", "/main/account/email", "/main/account/revoke",
			"/main/account/sessions", "/main/account/delete"} {
			if page := browser.form(path, values).page(403); !strings.Contains(textOf(page.root), "The form was not made for this browser") {
				t.Errorf("%s, %s: the page says %s", name, path, textOf(page.root))
			}
		}
		values.Set("nickname", "eve")
		browser.form("/main/register", values).page(403)
		browser.isLoggedIn("ann")
	}
	s.browser().form("/main/login", url.Values{"nickname": {"ann"}, "password": {password}}).page(403)
	if s.state() != before {
		t.Error("a form of another site changed something")
	}
}

func TestLogoutByProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	browser := s.browser()
	browser.enter("ann", password)
	ann.jar, bob.jar = browser.jar, browser.jar
	// Who acts for somebody else does not log ann out.
	bob.post("/main/logout", nil).said("OK")
	browser.isLoggedIn("ann")
	ann.post("/main/logout", nil).said("OK")
	browser.isLoggedIn("")
	ann.post("/main/logout", nil).said("OK")
	s.twoLegged(s.program).post("/main/logout", nil).refused(401, "Not logged in.")
	s.browser().post("/main/logout", nil).refusedPlain(400, "Missing required parameter")
}

func TestRenew(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	browser := s.browser()
	ann.jar = browser.jar
	for range 2 {
		ann.post("/main/renew", nil).ok().has(t, map[string]any{"nickname": "ann", "profile.id": "acct:ann@pump.example", "token": nil})
		browser.isLoggedIn("ann")
	}
	if n := s.count("sessions", "1 = 1"); n != 1 {
		t.Errorf("there are %d sessions", n)
	}
	browser.post("/main/renew", nil).refusedPlain(400, "Missing required parameter")
	s.twoLegged(s.program).post("/main/renew", nil).refused(401, "Not logged in.")
}

func TestRegisterByProgram(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		program := s.twoLegged(s.program)
		program.jar = s.browser().jar
		user := program.post("/main/register", doc{"nickname": "ann", "password": password}).ok()
		user.has(t, map[string]any{"nickname": "ann", "profile.id": "acct:ann@pump.example", "profile.lists.totalItems": 4.0})
		ann := program.holding(oauth1.TokenReply{Token: user.text("token"), Secret: user.text("secret")})
		ann.jar = nil
		ann.get("/api/user/ann/inbox").ok().has(t, map[string]any{"totalItems": 6.0})
		browser := s.browser()
		browser.jar = program.jar
		browser.isLoggedIn("ann")
		for _, tt := range []struct {
			body    any
			status  int
			message string
		}{
			{doc{"nickname": "ann", "password": password}, 409, "Already have a(n) 'user' with id 'ann'"},
			{doc{"nickname": "a b", "password": password}, 400, "Bad nickname: 'a b'"},
			{doc{"nickname": "bob", "password": "weak"}, 400, "Bad password"},
			{doc{"nickname": "bob", "password": password, "email": "x"}, 400, "Invalid email address provided"},
		} {
			program.post("/main/register", tt.body).refused(tt.status, tt.message)
		}
		s.nobody().post("/main/register", doc{"nickname": "bob", "password": password}).refusedPlain(400, "Missing required parameter")
	})
}

func TestRegisterPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("bob")
	browser := s.browser()
	page := browser.get("/main/register?continue=/x").page(200)
	for _, tt := range []struct {
		nick, password, email string
		status                int
		problem               string
	}{
		{"bob", password, "", 409, "Already have a(n) 'user' with id 'bob'"},
		{"a b", password, "", 400, "Bad nickname: 'a b'"},
		{"ann", "password1", "", 400, "This password is easily guessed. Take one of eight characters or more that are not only letters and not only digits."},
		{"ann", password, "x", 400, "Invalid email address provided"},
	} {
		again := browser.press(page, page.must("create"), "nickname", tt.nick, "password", tt.password, "email", tt.email).page(tt.status)
		if got := textOf(again.must("problem")); got != tt.problem {
			t.Errorf("the page says %q, want %q", got, tt.problem)
		}
		if attribute(again.must("nickname"), "value") != tt.nick || attribute(again.must("email"), "value") != tt.email || attribute(again.must("password"), "value") != "" {
			t.Error("the page does not keep what was entered, or keeps the password")
		}
		browser.isLoggedIn("")
	}
	browser.press(page, page.must("create"), "nickname", "ann", "password", password, "email", "ann@mail.example").leads("/x")
	browser.isLoggedIn("ann")
	// Everything that a program would have got.
	browser.get("/api/user/ann").ok().has(t, map[string]any{"email": "ann@mail.example", "profile.lists.totalItems": 4.0})

	closed := newSite(t, siteOptions{closed: true})
	if said := textOf(closed.browser().get("/main/register").page(403).root); !strings.Contains(said, "No registration allowed.") {
		t.Errorf("the page says %s", said)
	}
	browser = closed.browser()
	login := browser.get("/main/login").page(200)
	_, values := login.form(login.must("authenticate"))
	browser.form("/main/register", url.Values{"form": values["form"], "nickname": {"ann"}, "password": {password}}).page(403)
	closed.twoLegged(closed.program).post("/main/register", doc{"nickname": "ann", "password": password}).refused(403, "No registration allowed.")
	if n := closed.count("accounts", "1 = 1"); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
}

func TestRegisterNeedsAnAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{adjust: func(o *pumpapi.Options) { o.RequireEmail = true }})
	program := s.twoLegged(s.program)
	for _, path := range []string{"/api/users", "/main/register"} {
		program.post(path, doc{"nickname": "ann", "password": password}).refused(400, "No email address")
	}
	browser := s.browser()
	page := browser.get("/main/register").page(200)
	if got := textOf(browser.press(page, page.must("create"), "nickname", "ann", "password", password).page(400).must("problem")); got != "No email address" {
		t.Errorf("the page says %q", got)
	}
	program.post("/api/users", doc{"nickname": "ann", "password": password, "email": "ann@mail.example"}).ok()
}

func TestRegisterByInvitation(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{adjust: func(o *pumpapi.Options) { o.OpenRegistration, o.InvitedOnly = false, true }})
	const refusal = "Accounts are made by invitation here, and this invitation is not good: it was used, or it has expired."
	invitation := func() string {
		code, _, err := s.bridge.Invite(t.Context(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	program, code := s.twoLegged(s.program), invitation()
	for _, path := range []string{"/api/users", "/main/register"} {
		program.post(path, doc{"nickname": "ann", "password": password}).refused(403, refusal)
	}
	program.post("/api/users", doc{"nickname": "ann", "password": password, "invitation": code}).ok().has(t, map[string]any{"nickname": "ann"})
	program.post("/api/users", doc{"nickname": "bob", "password": password, "invitation": code}).refused(403, refusal)

	browser := s.browser()
	page := browser.get("/main/register?invitation=" + invitation()).page(200)
	browser.press(page, page.must("create"), "nickname", "cid", "password", password)
	browser.isLoggedIn("cid")
	stranger := s.browser()
	page = stranger.get("/main/register").page(200)
	if got := textOf(stranger.press(page, page.must("create"), "nickname", "dan", "password", password, "invitation", "made-up").page(403).must("problem")); got != refusal {
		t.Errorf("the page says %q", got)
	}
}

func TestPagesWithin(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	browser := s.browser()
	for path, inside := range map[string]string{"/main/settings": "/main/account", "/main/messages": "/", "/main/account": ""} {
		browser.get(path).leads("/main/login?continue=" + url.QueryEscape(path))
		within := s.browser()
		within.enter("ann", password)
		if inside == "" {
			within.get(path).page(200)
		} else {
			within.get(path).leads(inside)
		}
	}
}

// TestPagesBelowAPath: a server whose address has a path leads below it.
func TestPagesBelowAPath(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{base: "https://pump.example/social"})
	page := s.browser()
	a := page.exchange(mustRequest(t, s.server.URL+"/main/login"), mustParse(t, home+"/main/login"))
	login := a.page(200)
	if action, _ := login.form(login.must("authenticate")); action != "/social/main/login" {
		t.Errorf("the form leads to %s", action)
	}
	if !strings.Contains(string(a.body), `href="/social/main/style.css"`) {
		t.Error("the style is not below the path")
	}
	page.exchange(mustRequest(t, s.server.URL+"/main/account"), mustParse(t, home+"/main/account")).
		leads("/social/main/login?continue=" + url.QueryEscape("/social/main/account"))
}

func mustRequest(t testing.TB, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "pump.example"
	return r
}
