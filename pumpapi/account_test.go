package pumpapi_test

import (
	"strings"
	"testing"

	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

// account opens the page of the account of whoever is logged in.
func (v *visitor) account() *webPage {
	v.t.Helper()
	return v.get("/main/account").page(200)
}

// hint checks what a page says came of the form that was sent last.
func (p *webPage) hint(id, text string) {
	p.t.Helper()
	if got := textOf(p.must(id)); got != text {
		p.t.Errorf("the page says %q, want %q", got, text)
	}
}

const another = "another-9-one"

func TestChangePassword(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		browser, elsewhere := s.browser(), s.browser()
		browser.enter("ann", password)
		elsewhere.enter("ann", password)
		page := browser.account()
		before := s.state()
		for _, tt := range []struct{ current, password, problem string }{
			{"wrong", another, "Your password is another one."},
			{"", another, "Your password is another one."},
			{password, "", "This password is easily guessed. Take one of eight characters or more that are not only letters and not only digits."},
			{password, "password1", "This password is easily guessed. Take one of eight characters or more that are not only letters and not only digits."},
			{password, strings.Repeat("x9-y", 20), "Bad password: at most 72 bytes are possible"},
		} {
			browser.press(page, page.must("change-password"), "current", tt.current, "password", tt.password).page(400).hint("problem", tt.problem)
		}
		if s.state() != before {
			t.Error("a refused change changed something")
		}
		done := browser.press(page, page.must("change-password"), "current", password, "password", another)
		done.leads("/main/account?done=password")
		browser.get("/main/account?done=password").page(200).hint("notice", "Your password was changed. All other browsers were logged out.")
		elsewhere.isLoggedIn("")
		s.browser().enter("ann", password).page(400)
		s.browser().enter("ann", another).leads("/main/account")
		ann.get("/api/user/ann/inbox").ok() // programs go on
	})
}

func TestChangeEmail(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	browser := s.browser()
	browser.enter("ann", password)
	page := browser.account()
	for _, tt := range []struct{ current, email, problem string }{
		{"wrong", "ann@mail.example", "Your password is another one."},
		{password, "nobody", "Invalid email address provided"},
		{password, "Ann <ann@mail.example>", "Invalid email address provided"},
	} {
		again := browser.press(page, page.must("change-email"), "current", tt.current, "email", tt.email).page(400)
		again.hint("problem", tt.problem)
		if got := attribute(again.must("email"), "value"); got != tt.email {
			t.Errorf("the address is not kept: %q", got)
		}
	}
	ann.get("/api/user/ann").ok().has(t, map[string]any{"email": nil})
	browser.press(page, page.must("change-email"), "current", password, "email", "ann@mail.example").leads("/main/account?done=email")
	ann.get("/api/user/ann").ok().has(t, map[string]any{"email": "ann@mail.example"})
	if got := attribute(browser.account().must("email"), "value"); got != "ann@mail.example" {
		t.Errorf("the page shows %q", got)
	}
	browser.press(page, page.must("change-email"), "current", password, "email", "").leads("/main/account?done=email")
	ann.get("/api/user/ann").ok().has(t, map[string]any{"email": nil})
}

func TestConnectedPrograms(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		old := s.newProgram("Old <Client>")
		oldAnn, oldBob := ann.using(old), bob.using(old)
		app := s.newApp("web", "New App", "https://app.example/done")
		token := app.exchange(t, app.consent(s.browser(), "ann", "scope", "writeown")).bearer("read writeown")
		browser := s.browser()
		browser.enter("ann", password)

		said := textOf(browser.account().root)
		for _, part := range []string{"Old <Client>", "New App", "Test Program", "since "} {
			if !strings.Contains(said, part) {
				t.Errorf("the page does not show %q", part)
			}
		}
		revoke := func(clientID string) {
			t.Helper()
			page := browser.account()
			browser.press(page, page.button("revoke"), "program", clientID).leads("/main/account?done=revoke")
		}
		// What was allowed and not fetched yet is withdrawn, too.
		asked := s.twoLegged(old).ask("POST", "oob")
		verifier := textOf(s.browser().logIn(asked, "ann", password).page(200).must("verifier"))
		code := app.consent(s.browser(), "ann")
		revoke(old.ClientID)
		revoke(app.ClientID)
		revoke("unknown")
		oldAnn.get("/api/user/ann/inbox").refusedPlain(400, "Invalid / expired Token")
		s.with(token).get("/api/user/ann/inbox").refusedBearer(401, "invalid_token", "")
		s.twoLegged(old).redeem("POST", asked, verifier).refusedPlain(401, "Invalid / expired Token")
		app.exchange(t, code).refused2(400, "invalid_grant")
		// Others, and other programs, are not concerned.
		oldBob.get("/api/user/bob/inbox").ok()
		ann.get("/api/user/ann/inbox").ok()
		if said := textOf(browser.account().root); strings.Contains(said, "Old <Client>") || !strings.Contains(said, "Test Program") {
			t.Errorf("the page shows %s", said)
		}
	})
}

func TestLogOutEverywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	s.person("bob")
	browser, elsewhere, bob := s.browser(), s.browser(), s.browser()
	browser.enter("ann", password)
	elsewhere.enter("ann", password)
	bob.enter("bob", password)
	page := browser.account()
	browser.press(page, page.must("end-sessions")).leads("/main/login")
	browser.isLoggedIn("")
	elsewhere.isLoggedIn("")
	bob.isLoggedIn("bob")
	browser.press(page, page.must("end-sessions")).leads("/main/login?continue=%2Fmain%2Faccount")
}

func TestDeleteAccountPage(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		note := ann.note("hello", public)
		browser := s.browser()
		browser.enter("ann", password)
		page := browser.account()
		before := s.state()
		browser.press(page, page.must("delete-account"), "current", "wrong").page(400).hint("problem", "Your password is another one.")
		browser.press(page, page.must("delete-account")).page(400)
		if s.state() != before {
			t.Error("a refused deletion changed something")
		}
		if said := textOf(browser.press(page, page.must("delete-account"), "current", password).page(200).root); !strings.Contains(said, "Your account is gone") {
			t.Errorf("the page says %s", said)
		}
		browser.isLoggedIn("")
		bob.get("/api/user/ann").refused(404, "No such 'user' with id 'ann'")
		bob.get(note.id()).refused(410, "Deleted")
		ann.get("/api/user/bob").refusedPlain(400, "Invalid / expired Token")
		s.browser().enter("ann", password).page(400)
	})
}

// TestAccountIsSlowedToo: the page of an account that was left open is no way to
// guess its password.
func TestAccountIsSlowedToo(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	browser := s.browser()
	browser.enter("ann", password)
	page := browser.account()
	for range 6 {
		browser.press(page, page.must("change-password"), "current", "wrong", "password", another).page(400)
	}
	browser.press(page, page.must("delete-account"), "current", password).page(429).hint("problem", "Too many attempts. Try again in 1 seconds.")
}

func TestEmailThatIsNeeded(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{adjust: func(o *pumpapi.Options) { o.RequireEmail = true }})
	s.person("ann")
	browser := s.browser()
	browser.enter("ann", password)
	page := browser.account()
	browser.press(page, page.must("change-email"), "current", password, "email", "").page(400).hint("problem", "No email address")
}

// TestFormsThatCannotBeRead: a form that is none is refused on a page.
func TestFormsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	for _, path := range []string{"/main/login", "/main/logout", "/main/register", "/main/account/password", "/main/account/email", "/main/account/revoke",
		"/main/account/sessions", "/main/account/delete", "/main/remote", "/oauth2/authz", "/oauth2/authc"} {
		for _, body := range []string{"a=%zz", "a=" + strings.Repeat("x", 70_000)} {
			s.browser().send(request{method: "POST", path: path, body: body, contentType: oauth1.FormType}).page(400)
		}
	}
}

// TestUnchangedMembers: a program that sends back what it was given changes what
// it means to.
func TestUnchangedMembers(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	user := ann.get("/api/user/ann").ok()
	with := func(name string, value any) doc {
		d := doc{"nickname": "ann", "password": another}
		for k, v := range user {
			d[k] = v
		}
		d[name] = value
		return d
	}
	for _, tt := range []struct {
		body    doc
		message string
	}{
		{with("published", "1990-01-01T00:00:00Z"), "'published' cannot be changed: leave it out, or give it as it was."},
		{with("published", "yesterday"), "'published' cannot be changed: leave it out, or give it as it was."},
		{with("updated", "1990-01-01T00:00:00Z"), "'updated' cannot be changed: leave it out, or give it as it was."},
		{with("profile", doc{"id": "acct:bob@pump.example"}), "The profile cannot be changed here; PUT " + home + "/api/user/ann/profile instead."},
		{with("profile", "x"), "Bad document: nickname, password and email must be strings"},
	} {
		ann.put("/api/user/ann", tt.body).refused(400, tt.message)
	}
	ann.put("/api/user/ann", with("email", "ann@mail.example")).ok().has(t, map[string]any{"email": "ann@mail.example", "published": user["published"]})
}
