package pumpapi_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// token reads the answer of an endpoint that hands out tokens.
func (a *answer) token() oauth1.TokenReply {
	a.t.Helper()
	if a.status != http.StatusOK {
		a.t.Fatalf("%s answers %d %s", a.request, a.status, a.body)
	}
	// choqok's library reads the answer by its type.
	if got := a.header.Get("Content-Type"); got != "application/x-www-form-urlencoded" {
		a.t.Errorf("%s answers with the type %q", a.request, got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("%s may be cached: %q", a.request, got)
	}
	reply, err := oauth1.ParseTokenReply(a.body)
	if err != nil {
		a.t.Fatal(err)
	}
	return reply
}

// ask gets a request token for a program.
func (v *visitor) ask(method, callback string) oauth1.TokenReply {
	v.t.Helper()
	reply := v.send(request{method: method, path: "/oauth/request_token", callback: callback}).token()
	if !reply.CallbackConfirmed {
		v.t.Error("the callback is not confirmed")
	}
	return reply
}

// redeem asks for an access token in exchange for a request token.
func (v *visitor) redeem(method string, t oauth1.TokenReply, verifier string) *answer {
	v.t.Helper()
	return v.holding(t).send(request{method: method, path: "/oauth/access_token", verifier: verifier})
}

// holding returns v as it signs with a token.
func (v *visitor) holding(t oauth1.TokenReply) *visitor {
	w := *v
	signer := *v.signer
	signer.Token, signer.Secrets.Token = t.Token, t.Secret
	w.signer = &signer
	return &w
}

const authorize = "/oauth/authorize?oauth_token="

// logIn fills in the form of the first page.
func (v *visitor) logIn(t oauth1.TokenReply, nick, password string) *answer {
	v.t.Helper()
	login := v.get(authorize + t.Token).page(200)
	return v.press(login, login.must("authenticate"), "username", nick, "password", password)
}

func TestWholeDance(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "POST"} {
		for _, callback := range []string{"oob", "https://client.example/done", "http://localhost:5000/cb?session=1&x=%2F", "https://client.example/a?#part"} {
			t.Run(method+" "+callback, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, siteOptions{})
				s.person("ann")
				program := s.twoLegged(s.newProgram("Pump <Client> & Co"))
				browser := s.browser()
				asked := program.ask(method, callback)

				login := browser.get(authorize + asked.Token).page(200)
				form := login.must("oauth-authentication")
				if attribute(form, "action") != "/oauth/authorize" || attribute(form, "method") != "post" {
					t.Errorf("the form leads to %s %s", attribute(form, "method"), attribute(form, "action"))
				}
				if got := attribute(login.must("password"), "type"); got != "password" {
					t.Errorf("the password is typed into an input of type %q", got)
				}
				decision := browser.press(login, login.must("authenticate"), "username", "ann", "password", password).page(200)
				if said := textOf(decision.root); !strings.Contains(said, "Pump <Client> & Co") || !strings.Contains(said, "You are ann") {
					t.Errorf("the page does not say who asks whom: %s", said)
				}
				// Until somebody decides, nothing is given.
				program.redeem(method, asked, "x").refusedPlain(401, "Invalid / expired Token")

				verifier := ""
				if done := browser.press(decision, decision.must("authorize")); callback == "oob" {
					verifier = textOf(done.page(200).must("verifier"))
				} else {
					verifier = calledBack(t, done, callback, asked.Token)
				}
				program.redeem(method, asked, "x"+verifier).refusedPlain(401, "Invalid verifier")
				access := program.redeem(method, asked, verifier).token()
				program.redeem(method, asked, verifier).refusedPlain(401, "Invalid / expired Token")

				a := program.holding(access).get("/api/whoami")
				if got := a.header.Get("Location"); a.status != 302 || got != home+"/api/user/ann/profile" {
					t.Errorf("the token is that of %d %q", a.status, got)
				}
				got := program.holding(access).post("/api/user/ann/feed", aNote).ok().text("generator.displayName")
				if got != "Pump <Client> & Co" {
					t.Errorf("the program is called %q", got)
				}
			})
		}
	}
}

// calledBack checks where a browser is sent after a decision, and returns the
// verifier that it brings there.
func calledBack(t *testing.T, a *answer, callback, token string) string {
	t.Helper()
	to := a.header.Get("Location")
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	want, _, _ := strings.Cut(callback, "#")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(to, want) || u.Query().Get("oauth_token") != token {
		t.Fatalf("the browser is sent by %d to %q, want %q with the token", a.status, to, callback)
	}
	for name, values := range mustParse(t, callback).Query() {
		if got := u.Query().Get(name); got != values[0] {
			t.Errorf("the parameter %s of the callback is %q", name, got)
		}
	}
	if u.Fragment != mustParse(t, callback).Fragment {
		t.Errorf("the fragment of the callback is %q", u.Fragment)
	}
	verifier := u.Query().Get("oauth_verifier")
	if len(verifier) != 22 {
		t.Fatalf("the verifier is %q", verifier)
	}
	return verifier
}

func mustParse(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSecondDance(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	program := s.twoLegged(s.newProgram("Again"))
	browser := s.browser()
	dance := func(asked oauth1.TokenReply, decision *webPage) oauth1.TokenReply {
		return program.redeem("POST", asked, textOf(browser.press(decision, decision.must("authorize")).page(200).must("verifier"))).token()
	}
	asked := program.ask("POST", "oob")
	first := dance(asked, browser.logIn(asked, "ann", password).page(200))

	// The session spares the password, not the question.
	asked = program.ask("POST", "oob")
	second := dance(asked, browser.get(authorize+asked.Token).page(200))
	if second.Token != first.Token || second.Secret != first.Secret {
		t.Error("the program has two tokens of one person")
	}
	// Whoever has shown the password and lets the program act already is not asked.
	asked = program.ask("POST", "https://client.example/")
	a := s.browser().logIn(asked, "ann", password)
	program.redeem("POST", asked, calledBack(t, a, "https://client.example/", asked.Token)).token()
	asked = program.ask("POST", "oob")
	s.browser().logIn(asked, "Ann", password).page(200).must("verifier")
}

func TestDanceOfAnotherProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	program, thief := s.twoLegged(s.program), s.twoLegged(s.newProgram("Thief"))
	asked := program.ask("POST", "oob")
	verifier := textOf(s.browser().logIn(asked, "ann", password).page(200).must("verifier"))
	before := s.state()
	thief.redeem("POST", asked, verifier).refusedPlain(401, "Invalid / expired Token")
	program.redeem("POST", oauth1.TokenReply{Token: asked.Token, Secret: "guess"}, verifier).refusedPlain(401, "Invalid signature")
	program.redeem("POST", asked, "guess").refusedPlain(401, "Invalid verifier")
	if s.state() != before {
		t.Error("a refused redemption changed something")
	}
	program.redeem("POST", asked, verifier).token()
}

// TestVerifierIsOfWhoAllowed: somebody who opens the page of a request that was
// begun by an attacker, or by the same person in another browser, must not be
// bound to what the attacker has read there.
func TestVerifierIsOfWhoAllowed(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("mallory")
	s.person("ann")
	program := s.twoLegged(s.newProgram("Program"))
	asked := program.ask("POST", "https://client.example/")
	page := s.browser().logIn(asked, "mallory", password).page(200)
	_, seen := page.form(page.must("authorize"))

	browser := s.browser()
	decision := browser.logIn(asked, "ann", password).page(200)
	allowed := calledBack(t, browser.press(decision, decision.must("authorize")), "https://client.example/", asked.Token)
	program.redeem("POST", asked, seen.Get("verifier")).refusedPlain(401, "Invalid verifier")
	program.redeem("POST", asked, allowed).token()
}

func TestDecisionNeedsItsOwnForm(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	s.person("mallory")
	program := s.twoLegged(s.newProgram("Program"))
	asked := program.ask("POST", "https://client.example/")
	browser := s.browser()
	decision := browser.logIn(asked, "ann", password).page(200)
	elsewhere := s.browser().logIn(asked, "mallory", password).page(200)
	_, foreign := elsewhere.form(elsewhere.must("authorize"))
	_, own := decision.form(decision.must("authorize"))

	tests := []struct {
		name string
		v    *visitor
		form func() url.Values
		want int
	}{
		{"no form value", browser, func() url.Values { v := clone(own); v.Del("form"); return v }, 403},
		{"an empty one", browser, func() url.Values { v := clone(own); v.Set("form", ""); return v }, 403},
		{"that of another browser", browser, func() url.Values { v := clone(own); v.Set("form", foreign.Get("form")); return v }, 403},
		{"a whole form of another browser", browser, func() url.Values { return foreign }, 403},
		{"a browser without cookies", s.nobody(), func() url.Values { return own }, 403},
		{"a login without a form value", browser, func() url.Values {
			return url.Values{"oauth_token": {asked.Token}, "username": {"mallory"}, "password": {password}}
		}, 403},
		{"to log out without a form value", browser, func() url.Values { return url.Values{"oauth_token": {asked.Token}, "other": {"1"}} }, 403},
		{"to cancel without a form value", browser, func() url.Values { return url.Values{"oauth_token": {asked.Token}, "cancel": {"1"}} }, 403},
		{"an empty verifier", browser, func() url.Values { v := clone(own); v.Del("verifier"); return v }, 200},
		{"a wrong verifier", browser, func() url.Values { v := clone(own); v.Set("verifier", "x"); return v }, 200},
	}
	before := s.state()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.v.in(t).send(request{method: "POST", path: "/oauth/authorize", body: tt.form().Encode(), contentType: oauth1.FormType})
			a.page(tt.want)
			if to := a.header.Get("Location"); to != "" {
				t.Errorf("the browser is sent to %s", to)
			}
		})
	}
	if s.state() != before {
		t.Error("a refused form changed something")
	}
	// The session has survived all of it.
	browser.press(decision, decision.must("authorize"))
	if s.state() == before {
		t.Error("the decision itself changed nothing")
	}
}

func clone(v url.Values) url.Values {
	c := url.Values{}
	for name, values := range v {
		c[name] = values
	}
	return c
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	s.person("carl")
	s.person("dave").remove("/api/user/dave").said("Deleted.")
	if err := s.bridge.Suspend(t.Context(), "carl", true); err != nil {
		t.Fatal(err)
	}
	asked := s.twoLegged(s.program).ask("POST", "https://client.example/")
	before := s.state()
	for _, tt := range []struct{ nick, password, problem string }{
		{"ann", "wrong", "The name and the password do not belong together."},
		{"ann", "", "The name and the password do not belong together."},
		{"ann", strings.Repeat("x", 100), "The name and the password do not belong together."},
		{"nobody", password, "The name and the password do not belong together."},
		{"", "", "The name and the password do not belong together."},
		{"a\x00nn", password, "The name and the password do not belong together."},
		{"dave", password, "The name and the password do not belong together."},
		{"carl", password, "This account is suspended."},
	} {
		t.Run(tt.nick+" "+tt.password, func(t *testing.T) {
			browser := s.browser().in(t)
			page := browser.logIn(asked, tt.nick, tt.password).page(400)
			page.must("oauth-authentication")
			if got := textOf(page.must("problem")); got != tt.problem {
				t.Errorf("the page says %q, want %q", got, tt.problem)
			}
			if browser.get(authorize+asked.Token).page(200).byID("authorize") != nil {
				t.Error("there is a session all the same")
			}
		})
	}
	if s.state() != before {
		t.Error("a refused login changed something")
	}
}

func TestRequestsThatCannotBeDecided(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	program := s.twoLegged(s.newProgram("Program"))
	used := program.ask("POST", "oob")
	browser := s.browser()
	decision := browser.logIn(used, "ann", password).page(200)
	program.redeem("POST", used, textOf(browser.press(decision, decision.must("authorize")).page(200).must("verifier"))).token()
	old := program.ask("POST", "oob")
	oldPage := browser.get(authorize + old.Token).page(200)
	s.clock.advance(11 * time.Minute)

	for name, path := range map[string]string{
		"no token": "/oauth/authorize", "an empty one": authorize, "an unknown one": authorize + "x", "one that was used": authorize + used.Token,
		"one that is old": authorize + old.Token,
		"where to go":     "/oauth/authorize?oauth_callback=https://evil.example/&continue=https://evil.example/",
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range []*answer{browser.in(t).get(path), browser.in(t).send(request{method: "POST", path: "/oauth/authorize", contentType: oauth1.FormType,
				body: mustParse(t, path).RawQuery})} {
				if page := a.page(400); page.byID("oauth-authentication") != nil || a.header.Get("Location") != "" {
					t.Errorf("%s: the page goes on", a.request)
				}
			}
		})
	}
	before := s.state()
	browser.press(oldPage, oldPage.must("authorize")).page(400)
	browser.send(request{method: "POST", path: "/oauth/authorize", contentType: oauth1.FormType, body: "oauth_token=%zz"}).page(400)
	program.redeem("POST", old, "x").refusedPlain(401, "Invalid / expired Token")
	if s.state() != before {
		t.Error("a decision that came too late changed something")
	}
}

// TestAllowedAndThenExpired: a program that comes too late with a verifier gets
// nothing.
func TestAllowedAndThenExpired(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	program := s.twoLegged(s.program)
	asked := program.ask("POST", "oob")
	verifier := textOf(s.browser().logIn(asked, "ann", password).page(200).must("verifier"))
	s.clock.advance(11 * time.Minute)
	program.redeem("POST", asked, verifier).refusedPlain(401, "Invalid / expired Token")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	program := s.twoLegged(s.newProgram("Program"))
	asked := program.ask("POST", "https://client.example/")
	browser := s.browser()
	decision := browser.logIn(asked, "ann", password).page(200)
	a := browser.press(decision, decision.button("cancel"))
	if said := textOf(a.page(200).root); !strings.Contains(said, "Program cannot act for you") {
		t.Errorf("the page says %s", said)
	}
	browser.press(decision, decision.must("authorize")).page(400)
	program.redeem("POST", asked, "x").refusedPlain(401, "Invalid / expired Token")
}

func TestSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	s.person("bob")
	program := s.twoLegged(s.newProgram("Program"))
	asked := program.ask("POST", "oob")
	browser := s.browser()
	decision := browser.logIn(asked, "ann", password).page(200)
	old := browser.jar.Cookies(mustParse(t, home))
	login := browser.press(decision, decision.button("other")).page(200)
	login.must("oauth-authentication")
	if a := browser.get("/api/whoami"); a.status != 401 {
		t.Errorf("the browser is still logged in: %d", a.status)
	}
	// The session is over, not only forgotten by this browser.
	thief := s.browser()
	thief.jar.SetCookies(mustParse(t, home), old)
	thief.get("/api/whoami").refused(401, "Not logged in.")

	decision = browser.press(login, login.must("authenticate"), "username", "bob", "password", password).page(200)
	verifier := textOf(browser.press(decision, decision.must("authorize")).page(200).must("verifier"))
	access := program.redeem("POST", asked, verifier).token()
	if got := program.holding(access).get("/api/whoami").header.Get("Location"); got != home+"/api/user/bob/profile" {
		t.Errorf("the token is that of %s", got)
	}
}

func TestSessionReadsAndDoesNotWrite(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	note := ann.note("for me", ann.ref())
	asked := s.twoLegged(s.newProgram("Program")).ask("POST", "oob")
	browser := s.browser()
	browser.logIn(asked, "ann", password).page(200)
	for _, c := range browser.get("/oauth/authorize?oauth_token=" + asked.Token).header.Values("Set-Cookie") {
		t.Errorf("a cookie is set again: %s", c)
	}

	browser.get("/api/user/ann/inbox").ok()
	browser.get(note.id()).ok()
	if a := browser.get("/api/whoami"); a.status != 302 {
		t.Errorf("whoami answers %d", a.status)
	}
	before := s.state()
	for _, r := range []request{
		{method: "POST", path: "/api/user/ann/feed", body: aNote},
		{method: "POST", path: "/api/user/ann/feed", body: "x=1", contentType: oauth1.FormType},
		{method: "PUT", path: "/api/user/ann/profile", body: doc{"displayName": "x"}},
		{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 4, 4, "png"), contentType: "image/png"},
		{method: "PUT", path: note.id(), body: doc{"content": "x"}},
		{method: "DELETE", path: note.id()},
		{method: "DELETE", path: "/api/user/ann"},
	} {
		browser.send(r).refusedPlain(400, "Missing required parameter")
	}
	if s.state() != before {
		t.Error("a session wrote")
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for base, secure := range map[string]bool{home: true, portHome: false} {
		s := newSite(t, siteOptions{base: base})
		s.person("ann")
		asked := s.twoLegged(s.newProgram("Program")).ask("POST", "oob")
		browser := s.browser()
		login := browser.get(authorize + asked.Token)
		page := login.page(200)
		set := append(login.cookies(), browser.press(page, page.must("authenticate"), "username", "ann", "password", password).cookies()...)
		if len(set) != 2 {
			t.Errorf("%s sets %d cookies, want one for forms and one for the session", base, len(set))
		}
		for _, c := range set {
			if !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 {
				t.Errorf("%s sets the cookie %s", base, c)
			}
			if strings.Contains(s.state(), c.Value) {
				t.Errorf("the cookie %s is stored as it is", c.Name)
			}
		}
	}
}

func (a *answer) cookies() []*http.Cookie {
	return (&http.Response{Header: a.header}).Cookies()
}

// TestPolicyOfCallback: a browser holds the redirect after a form to the policy
// of the page, which must not be widened by an odd callback.
func TestPolicyOfCallback(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	program := s.twoLegged(s.program)
	for callback, want := range map[string]string{
		"oob":                                "form-action 'self';",
		"https://client.example/done":        "form-action 'self' https://client.example;",
		"http://localhost:5000/":             "form-action 'self' http://localhost:5000;",
		"http://[::1]:5000/":                 "form-action 'self' http://[::1]:5000;",
		"https://client.example;sandbox/":    "form-action 'self';",
		"https://*/":                         "form-action 'self';",
		"https://a,default-src/":             "form-action 'self';",
		"https://user:word@client.example/x": "form-action 'self' https://client.example;",
	} {
		asked := program.ask("POST", callback)
		if got := s.browser().get(authorize + asked.Token).header.Get("Content-Security-Policy"); !strings.Contains(got, want) {
			t.Errorf("with the callback %s the policy is %q, want %q", callback, got, want)
		}
	}
}

func TestStyleAndDefaultPicture(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	for path, want := range map[string]string{"/main/style.css": "text/css; charset=utf-8", "/images/default.png": "image/png"} {
		a := s.nobody().get(path)
		if a.status != 200 || a.header.Get("Content-Type") != want || len(a.body) == 0 || !strings.HasPrefix(a.header.Get("Cache-Control"), "public") {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
}

// TestSessionEndsWithThePassword: whoever changes the password after a cookie
// was stolen is rid of the thief.
func TestSessionEndsWithThePassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	asked := s.twoLegged(s.program).ask("POST", "oob")
	browser := s.browser()
	browser.logIn(asked, "ann", password).page(200)
	browser.get("/api/user/ann/inbox").ok()
	ann.put("/api/user/ann", doc{"nickname": "ann", "password": "another-9-one"}).ok()
	browser.get("/api/user/ann/inbox").refused(401, "Not logged in.")
	asked = s.twoLegged(s.program).ask("POST", "oob")
	s.browser().logIn(asked, "ann", password).page(400)
	s.browser().logIn(asked, "ann", "another-9-one").page(200).must("verifier")
}

func TestSessionsAreSwept(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	asked := s.twoLegged(s.program).ask("POST", "oob")
	browser := s.browser()
	browser.logIn(asked, "ann", password).page(200)
	browser.get("/api/user/ann/inbox").ok()
	s.write(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.Prune(ctx, time.Now().Add(15*24*time.Hour))
		return err
	})
	browser.get("/api/user/ann/inbox").refused(401, "Not logged in.")
}
