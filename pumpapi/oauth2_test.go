package pumpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// app is a program of today, which speaks OAuth 2.0.
type app struct {
	*models.Client
	s        *site
	redirect string
	verifier string
}

// newApp registers a program as it would itself.
func (s *site) newApp(kind, name string, redirects ...string) *app {
	s.t.Helper()
	d := s.nobody().post(register, doc{"type": "client_associate", "application_type": kind, "application_name": name, "redirect_uris": strings.Join(redirects, " ")}).ok()
	c, err := s.db.Client(s.t.Context(), d.text("client_id"))
	if err != nil {
		s.t.Fatal(err)
	}
	return &app{c, s, redirects[0], oauth1.NewSecret()}
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// query is what the app sends a browser to the page of consent with; changes are
// pairs of a name and a value, of which "-" takes the parameter out.
func (a *app) query(changes ...string) url.Values {
	q := url.Values{"response_type": {"code"}, "client_id": {a.ClientID}, "redirect_uri": {a.redirect}, "scope": {"read"}, "state": {"st&te=1"},
		"code_challenge": {challenge(a.verifier)}, "code_challenge_method": {"S256"}}
	change(q, changes)
	return q
}

func change(v url.Values, changes []string) {
	for i := 0; i < len(changes); i += 2 {
		if v.Set(changes[i], changes[i+1]); changes[i+1] == "-" {
			v.Del(changes[i])
		}
	}
}

// sentBack checks that a browser is sent to the app, and returns what it brings.
func (a *app) sentBack(t testing.TB, got *answer) url.Values {
	t.Helper()
	to := got.header.Get("Location")
	if got.status != http.StatusSeeOther || !strings.HasPrefix(to, a.redirect) {
		t.Fatalf("%s leads by %d to %q, want %q: %.300s", got.request, got.status, to, a.redirect, got.body)
	}
	q := mustParse(t, to).Query()
	if q.Get("iss") != home || q.Get("state") != "st&te=1" {
		t.Errorf("the browser brings %v", q)
	}
	for name, values := range mustParse(t, a.redirect).Query() {
		if !slices.Equal(q[name], values) {
			t.Errorf("of the app's own parameters %v is left", q)
		}
	}
	return q
}

// consent has somebody who is not logged in allow what the app wants, and returns
// the code.
func (a *app) consent(browser *visitor, nick string, changes ...string) string {
	t := browser.t
	t.Helper()
	path := "/oauth2/authz?" + a.query(changes...).Encode()
	first := browser.get(path)
	to := first.header.Get("Location")
	if first.status != http.StatusSeeOther || !strings.HasPrefix(to, "/oauth2/authc?") {
		t.Fatalf("a stranger is sent by %d to %q: %s", first.status, to, first.body)
	}
	login := browser.get(to).page(200)
	if said := textOf(login.root); !strings.Contains(said, a.ApplicationName) {
		t.Errorf("the page does not say who asks: %s", said)
	}
	entered := browser.press(login, login.must("authenticate"), "nickname", nick, "password", password)
	if to = entered.header.Get("Location"); entered.status != http.StatusSeeOther || !strings.HasPrefix(to, "/oauth2/authz?") {
		t.Fatalf("the login leads by %d to %q: %s", entered.status, to, entered.body)
	}
	decision := browser.get(to).page(200)
	if code := a.sentBack(t, browser.press(decision, decision.must("authorize"))).Get("code"); len(code) == 43 {
		return code
	}
	t.Fatal("there is no code")
	return ""
}

// exchange asks for the token of a code as a program that keeps its secret does.
func (a *app) exchange(t testing.TB, code string, changes ...string) *answer {
	t.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "client_id": {a.ClientID}, "client_secret": {a.Secret},
		"code_verifier": {a.verifier}}
	change(v, changes)
	return a.s.nobody().in(t).form("/oauth2/token", v)
}

// bearer checks an answer with a token.
func (a *answer) bearer(scope string) string {
	a.t.Helper()
	d := a.ok()
	d.has(a.t, map[string]any{"token_type": "Bearer", "scope": scope})
	if len(d.text("access_token")) != 43 || a.header.Get("Cache-Control") != "no-store" {
		a.t.Errorf("%s answers %s, to be cached %q", a.request, d, a.header.Get("Cache-Control"))
	}
	return d.text("access_token")
}

// refused2 checks an error of RFC 6749 5.2.
func (a *answer) refused2(status int, code string) {
	a.t.Helper()
	var d doc
	a.json(status, &d)
	if d["error"] != code || d.text("error_description") == "" || len(d) != 2 {
		a.t.Errorf("%s refuses with %s, want %s", a.request, a.body, code)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		a.t.Errorf("%s may be cached", a.request)
	}
}

// with sends requests with a bearer token.
func (s *site) with(token string) *visitor {
	v := s.nobody()
	v.header = http.Header{"Authorization": {"Bearer " + token}}
	return v
}

func TestConsent(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.person("Ann")
		for _, tt := range []struct{ name, kind, redirect, asked, scope string }{
			{"web", "web", "https://app.example/done", "", "read"},
			{"native", "native", "http://127.0.0.1:4000/cb?x=%2F&y", "writeown", "read writeown"},
			{"all", "web", "https://app.example/", "read writeall", "read writeown writeall"},
		} {
			app := s.newApp(tt.kind, "App <b> & "+tt.name, tt.redirect, "https://other.example/")
			code := app.consent(s.browser(), "ann", "scope", tt.asked)
			secret := app.Secret
			if tt.kind == "native" {
				secret = "-"
			}
			token := app.exchange(t, code, "client_secret", secret).bearer(tt.scope)
			if a := s.with(token).get("/api/whoami"); a.header.Get("Location") != home+"/api/user/Ann/profile" {
				t.Errorf("the token is that of %d %s", a.status, a.header.Get("Location"))
			}
			if strings.Contains(s.state(), token) || strings.Contains(s.state(), code) {
				t.Error("the token or the code is stored as it is")
			}
		}
	})
}

func TestConsentOfThoseLoggedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	s.person("bob")
	app := s.newApp("web", "App", "https://app.example/done")
	browser := s.browser()
	browser.enter("ann", password)
	path := "/oauth2/authz?" + app.query("scope", "writeown").Encode()
	page := browser.get(path).page(200)
	said := textOf(page.root)
	for _, part := range []string{"You are ann", "App", "read everything", "post, follow"} {
		if !strings.Contains(said, part) {
			t.Errorf("the page does not say %q: %s", part, said)
		}
	}
	if strings.Contains(said, "change your profile") {
		t.Errorf("the page says too much: %s", said)
	}
	browser.get("/oauth2/authc?" + app.query().Encode()).leads("/oauth2/authz?" + app.query().Encode())

	// Who refuses is sent back, too.
	denied := app.sentBack(t, browser.press(page, page.button("denied")))
	if denied.Get("error") != "access_denied" || denied.Has("code") {
		t.Errorf("the browser brings %v", denied)
	}
	// Who is somebody else logs in as that.
	login := browser.press(page, page.button("other")).page(200)
	browser.isLoggedIn("")
	entered := browser.press(login, login.must("authenticate"), "nickname", "bob", "password", password)
	decision := browser.get(entered.header.Get("Location")).page(200)
	if !strings.Contains(textOf(decision.root), "You are bob") {
		t.Errorf("the page says %s", textOf(decision.root))
	}
	// The page that was shown to ann decides nothing for bob.
	again := browser.press(page, page.must("authorize")).page(200)
	if !strings.Contains(textOf(again.root), "You are bob") || s.count("authorization_codes", "1 = 1") != 0 {
		t.Error("the consent of ann was taken for bob's")
	}
	code := app.sentBack(t, browser.press(decision, decision.must("authorize"))).Get("code")
	token := app.exchange(t, code).bearer("read writeown")
	if got := s.with(token).get("/api/whoami").header.Get("Location"); got != home+"/api/user/bob/profile" {
		t.Errorf("the token is that of %s", got)
	}
	// A page that is left open while its person logs out.
	browser.press(login, login.must("authenticate"), "nickname", "bob", "password", password)
	out := browser.get("/main/account").page(200)
	browser.press(out, out.must("logout"))
	browser.press(decision, decision.must("authorize")).page(401).must("authenticate")
	for _, wrong := range []string{"wrong", ""} {
		browser.press(login, login.must("authenticate"), "nickname", "bob", "password", wrong).page(400).must("problem")
	}
}

// TestConsentThatCannotBeAsked: as long as it is not clear who asks and where the
// answer goes, nobody is sent anywhere.
func TestConsentThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	app := s.newApp("native", "App", "https://app.example/done", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb")
	none := s.newApp("web", "None", "")
	browser := s.browser()
	browser.enter("ann", password)
	page := browser.get("/oauth2/authz?" + app.query().Encode()).page(200)
	_, decision := page.form(page.must("authorize"))
	for _, changes := range [][]string{
		{"client_id", "-"}, {"client_id", ""}, {"client_id", "unknown"}, {"client_id", none.ClientID},
		{"redirect_uri", "-"}, {"redirect_uri", ""}, {"redirect_uri", "https://app.example/done/"}, {"redirect_uri", "https://app.example/"},
		{"redirect_uri", "https://app.example/done?x=1"}, {"redirect_uri", "https://app.example/done#x"}, {"redirect_uri", "https://APP.example/done"},
		{"redirect_uri", "https://app.example:443/done"}, {"redirect_uri", "http://app.example/done"}, {"redirect_uri", "https://evil.example/done"},
		{"redirect_uri", "https://app.example.evil.example/done"}, {"redirect_uri", "https://app.example@evil.example/done"}, {"redirect_uri", "javascript:alert(1)"},
		{"redirect_uri", "oob"}, {"redirect_uri", "//app.example/done"}, {"redirect_uri", "http://127.0.0.1:4000/other"}, {"redirect_uri", "http://127.0.0.2:4000/cb"},
		{"redirect_uri", "https://127.0.0.1:4000/cb"}, {"redirect_uri", "http://localhost:4000/cb"}, {"redirect_uri", "http://a@127.0.0.1:4000/cb"},
		{"redirect_uri", "http://127.0.0.1:4000/cb?x"},
	} {
		q := app.query(changes...)
		form := clone(decision)
		change(form, changes)
		for _, a := range []*answer{browser.get("/oauth2/authz?" + q.Encode()), browser.get("/oauth2/authc?" + q.Encode()), browser.form("/oauth2/authz", form),
			browser.form("/oauth2/authc", form)} {
			if a.page(400).byID("authorize") != nil || a.header.Get("Location") != "" {
				t.Errorf("%v: %s goes on", changes, a.request)
			}
		}
	}
	for _, twice := range []string{"client_id", "redirect_uri"} {
		browser.get("/oauth2/authz?" + app.query().Encode() + "&" + twice + "=" + url.QueryEscape(app.query().Get(twice))).page(400)
	}
	// A program on the person's own machine may have any port there.
	for _, redirect := range []string{"http://127.0.0.1:4000/cb", "http://[::1]:5/cb", "http://127.0.0.1/cb"} {
		browser.get("/oauth2/authz?" + app.query("redirect_uri", redirect).Encode()).page(200).must("authorize")
	}
	if n := s.count("authorization_codes", "1 = 1"); n != 0 {
		t.Errorf("%d codes were made", n)
	}
}

// TestConsentRefused: what else is wrong the program is told.
func TestConsentRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	app := s.newApp("native", "App", "https://app.example/done?own=1")
	browser := s.browser()
	browser.enter("ann", password)
	page := browser.get("/oauth2/authz?" + app.query().Encode()).page(200)
	_, decision := page.form(page.must("authorize"))
	for _, tt := range []struct {
		changes []string
		want    string
	}{
		{[]string{"response_type", "-"}, "invalid_request"},
		{[]string{"response_type", "token"}, "unsupported_response_type"},
		{[]string{"response_type", "code token"}, "unsupported_response_type"},
		{[]string{"scope", "everything"}, "invalid_scope"},
		{[]string{"scope", "read READ"}, "invalid_scope"},
		{[]string{"code_challenge_method", "plain"}, "invalid_request"},
		{[]string{"code_challenge_method", "-"}, "invalid_request"},
		{[]string{"code_challenge", "short"}, "invalid_request"},
		{[]string{"code_challenge", strings.Repeat("=", 43)}, "invalid_request"},
		{[]string{"code_challenge", "-"}, "invalid_request"},
	} {
		q, form := app.query(tt.changes...), clone(decision)
		change(form, tt.changes)
		for _, a := range []*answer{browser.get("/oauth2/authz?" + q.Encode()), browser.get("/oauth2/authc?" + q.Encode()), browser.form("/oauth2/authz", form)} {
			if got := app.sentBack(t, a); got.Get("error") != tt.want || got.Get("error_description") == "" || got.Has("code") {
				t.Errorf("%v: the browser brings %v, want %s", tt.changes, got, tt.want)
			}
		}
	}
	for _, twice := range []string{"scope", "state", "response_type", "code_challenge"} {
		a := browser.get("/oauth2/authz?" + app.query().Encode() + "&" + twice + "=x")
		if got := app.sentBack(t, a); got.Get("error") != "invalid_request" {
			t.Errorf("%s twice: the browser brings %v", twice, got)
		}
	}
	if a := browser.get("/oauth2/authz?" + app.query("state", "-", "scope", "x").Encode()); mustParse(t, a.header.Get("Location")).Query().Has("state") {
		t.Error("a state is made up")
	}
	// A form of another site decides nothing.
	form := clone(decision)
	form.Set("form", "x")
	if page := browser.form("/oauth2/authz", form).page(403); textOf(page.must("problem")) != "The form was not made for this browser, or its cookie is gone. Please try again." {
		t.Errorf("the page says %q", textOf(page.root))
	}
	browser.form("/oauth2/authc", form).page(403)
	if n := s.count("authorization_codes", "1 = 1"); n != 0 {
		t.Errorf("%d codes were made", n)
	}
}

func TestExchangeRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	app := s.newApp("web", "App", "https://app.example/done", "https://app.example/other")
	thief := s.newApp("web", "Thief", "https://app.example/done")
	code := app.consent(s.browser(), "ann")
	for _, tt := range []struct {
		changes []string
		status  int
		want    string
	}{
		{[]string{"grant_type", "-"}, 400, "invalid_request"},
		{[]string{"grant_type", "password"}, 400, "unsupported_grant_type"},
		{[]string{"grant_type", "refresh_token"}, 400, "unsupported_grant_type"},
		{[]string{"code", "-"}, 400, "invalid_request"},
		{[]string{"code", "x"}, 400, "invalid_grant"},
		{[]string{"code", "a\x00b"}, 400, "invalid_request"},
		{[]string{"redirect_uri", "-"}, 400, "invalid_grant"},
		{[]string{"redirect_uri", "https://app.example/other"}, 400, "invalid_grant"},
		{[]string{"code_verifier", "-"}, 400, "invalid_request"},
		{[]string{"code_verifier", oauth1.NewSecret()}, 400, "invalid_grant"},
		{[]string{"code_verifier", challenge(app.verifier)}, 400, "invalid_grant"},
		{[]string{"client_id", "-"}, 401, "invalid_client"},
		{[]string{"client_id", "unknown"}, 401, "invalid_client"},
		{[]string{"client_id", thief.ClientID}, 401, "invalid_client"},
		{[]string{"client_secret", "-"}, 401, "invalid_client"},
		{[]string{"client_secret", "wrong"}, 401, "invalid_client"},
		{[]string{"client_id", thief.ClientID, "client_secret", thief.Secret}, 400, "invalid_grant"},
	} {
		app.exchange(t, code, tt.changes...).refused2(tt.status, tt.want)
	}
	asJSON := s.nobody().post("/oauth2/token", doc{"grant_type": "authorization_code", "code": code, "client_id": app.ClientID, "client_secret": app.Secret})
	asJSON.refused2(400, "invalid_request")
	s.nobody().send(request{method: "POST", path: "/oauth2/token", contentType: oauth1.FormType, body: "grant_type=x&grant_type=x"}).refused2(400, "invalid_request")
	s.nobody().send(request{method: "POST", path: "/oauth2/token", contentType: oauth1.FormType, body: "grant_type=%zz"}).refused2(400, "invalid_request")
	if n := s.count("bearer_tokens", "1 = 1"); n != 0 {
		t.Errorf("%d tokens were made", n)
	}
	app.exchange(t, code).bearer("read")

	// A code lasts for a minute.
	code = app.consent(s.browser(), "ann")
	s.clock.advance(61 * time.Second)
	app.exchange(t, code).refused2(400, "invalid_grant")
	// It is worth nothing once its person is gone.
	code = app.consent(s.browser(), "ann")
	if err := s.bridge.Suspend(t.Context(), "ann", true); err != nil {
		t.Fatal(err)
	}
	app.exchange(t, code).refused2(400, "invalid_grant")
}

// TestCodeIsUsedOnce: a code that turns up again was stolen, so that the token
// that it was exchanged for ends.
func TestCodeIsUsedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.person("ann")
		app := s.newApp("web", "App", "https://app.example/done")
		other := app.exchange(t, app.consent(s.browser(), "ann")).bearer("read")
		code := app.consent(s.browser(), "ann")
		token := app.exchange(t, code).bearer("read")
		s.with(token).get("/api/user/ann/inbox").ok()
		app.exchange(t, code).refused2(400, "invalid_grant")
		s.with(token).get("/api/user/ann/inbox").refusedBearer(401, "invalid_token", "")
		s.with(other).get("/api/user/ann/inbox").ok()
	})
}

// TestProofKey: whoever catches a code on its way to a program without a secret
// cannot use it.
func TestProofKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.person("ann")
	plain := []string{"code_challenge", "-", "code_challenge_method", "-"}
	native, web := s.newApp("native", "App", "https://app.example/done"), s.newApp("web", "Web", "https://app.example/done")

	code := native.consent(s.browser(), "ann", plain...)
	native.exchange(t, code, "client_secret", "-", "code_verifier", "-").refused2(400, "invalid_grant")
	native.exchange(t, code, "client_secret", "-").refused2(400, "invalid_grant")
	// With a challenge that was taken out on the way, the verifier gives it away.
	native.exchange(t, code).refused2(400, "invalid_grant")
	native.exchange(t, code, "code_verifier", "-").bearer("read")

	code = native.consent(s.browser(), "ann")
	native.exchange(t, code, "client_secret", "-", "code_verifier", "-").refused2(400, "invalid_request")
	native.exchange(t, code, "client_secret", "-", "code_verifier", oauth1.NewSecret()).refused2(400, "invalid_grant")
	native.exchange(t, code, "client_secret", "-").bearer("read")

	// A program on a server has to show its secret.
	code = web.consent(s.browser(), "ann")
	web.exchange(t, code, "client_secret", "-").refused2(401, "invalid_client")
	web.exchange(t, code).bearer("read")
}

// basic sends a form with the credentials of a program in the header.
func (a *app) basic(t testing.TB, path, id, secret string, form url.Values) *answer {
	t.Helper()
	credentials := base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))
	return a.s.nobody().in(t).send(request{method: "POST", path: path, body: form.Encode(), contentType: oauth1.FormType,
		header: http.Header{"Authorization": {"Basic " + credentials}}})
}

func TestProgramTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		hidden, shown := ann.note("to followers"), ann.note("to all", public)
		app := s.newApp("web", "App", "https://app.example/done")
		grant := url.Values{"grant_type": {"client_credentials"}}
		token := app.basic(t, "/oauth2/token", app.ClientID, app.Secret, grant).bearer("read")
		d := app.exchange(t, "-", "grant_type", "client_credentials").ok()
		d.has(t, map[string]any{"expires_in": 3600.0, "token_type": "Bearer"})

		program := s.with(token)
		program.get("/api/users").ok()
		program.get(shown.id()).ok()
		program.get(hidden.id()).refused(403, "Only the author and recipients can view this object.")
		program.get("/api/whoami").refused(401, "Not logged in.")
		program.get("/api/user/ann/inbox").refused(401, "Not logged in.")
		program.post("/api/user/ann/feed", aNote).refused(401, "Not logged in.")
		program.put("/api/user/ann", doc{}).refused(401, "Not logged in.")
		program.post("/api/users", doc{"nickname": "bob", "password": password}).ok().has(t, map[string]any{"nickname": "bob"})

		for _, tt := range []struct {
			id, secret string
			form       url.Values
			status     int
			want       string
		}{
			{app.ClientID, "wrong", grant, 401, "invalid_client"},
			{app.ClientID, "", grant, 401, "invalid_client"},
			{"unknown", app.Secret, grant, 401, "invalid_client"},
			{"%zz", app.Secret, grant, 401, "invalid_client"},
			{app.ClientID, app.Secret, url.Values{"grant_type": {"client_credentials"}, "client_id": {"another"}}, 401, "invalid_client"},
			{app.ClientID, app.Secret, url.Values{"grant_type": {"client_credentials"}, "client_secret": {app.Secret}}, 400, "invalid_request"},
			{app.ClientID, app.Secret, url.Values{"grant_type": {"client_credentials"}, "scope": {"writeown"}}, 400, "invalid_scope"},
			{app.ClientID, app.Secret, url.Values{"grant_type": {"client_credentials"}, "scope": {"x"}}, 400, "invalid_scope"},
		} {
			a := app.basic(t, "/oauth2/token", tt.id, tt.secret, tt.form)
			a.refused2(tt.status, tt.want)
			if tt.status == 401 && a.header.Get("WWW-Authenticate") != `Basic realm="Manifold"` {
				t.Errorf("WWW-Authenticate: %q", a.header.Get("WWW-Authenticate"))
			}
		}
		native := s.newApp("native", "Native", "https://app.example/done")
		native.exchange(t, "-", "grant_type", "client_credentials", "client_secret", "-").refused2(400, "unauthorized_client")
		s.clock.advance(time.Hour)
		program.get("/api/users").refusedBearer(401, "invalid_token", "")
	})
}

// refusedBearer checks an error of RFC 6750 3.1.
func (a *answer) refusedBearer(status int, code, scope string) {
	a.t.Helper()
	var d doc
	a.json(status, &d)
	if d["error"] != code || d.text("error_description") == "" {
		a.t.Errorf("%s refuses with %s, want %s", a.request, a.body, code)
	}
	got := a.header.Get("WWW-Authenticate")
	if !strings.HasPrefix(got, `Bearer realm="Manifold", error="`+code+`", error_description="`) || scope != "" && !strings.HasSuffix(got, `, scope="`+scope+`"`) {
		a.t.Errorf("%s refuses with WWW-Authenticate: %s", a.request, got)
	}
}

func TestScopes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann := s.person("ann")
		s.person("bob")
		note := ann.note("mine", ann.ref())
		app := s.newApp("web", "Pump App", "https://app.example/done")
		tokens := map[string]string{}
		for _, scope := range []string{"read", "writeown", "writeall"} {
			d := app.exchange(t, app.consent(s.browser(), "ann", "scope", scope)).ok()
			tokens[scope] = d.text("access_token")
		}
		rank := map[string]int{"read": 1, "writeown": 2, "writeall": 3}
		browser := s.browser()
		for _, tt := range []struct {
			r     request
			scope string
		}{
			{request{method: "GET", path: "/api/user/ann/inbox"}, "read"},
			{request{method: "GET", path: "/api/user/ann"}, "read"},
			{request{method: "GET", path: note.id()}, "read"},
			{request{method: "GET", path: "/api/users"}, "read"},
			{request{method: "POST", path: "/api/user/ann/feed", body: aNote}, "writeown"},
			{request{method: "PUT", path: note.id(), body: doc{"content": "changed"}}, "writeown"},
			{request{method: "POST", path: "/api/user/ann/uploads", body: picture(t, 4, 4, "png"), contentType: "image/png"}, "writeown"},
			{request{method: "POST", path: "/main/logout"}, "writeown"},
			{request{method: "POST", path: "/main/renew"}, "writeall"},
			{request{method: "PUT", path: "/api/user/ann/profile", body: doc{"displayName": "Ann"}}, "writeall"},
			{request{method: "PUT", path: "/api/user/ann", body: doc{"nickname": "ann", "password": password}}, "writeall"},
		} {
			for _, has := range []string{"read", "writeown", "writeall"} {
				v := s.with(tokens[has]).in(t)
				v.jar = browser.jar
				a := v.send(tt.r)
				if rank[has] < rank[tt.scope] {
					a.refusedBearer(403, "insufficient_scope", tt.scope)
				} else if a.status != 200 {
					t.Errorf("%s with %s: %d %s", a.request, has, a.status, a.body)
				}
			}
		}
		// What lets people in to look takes nothing from a program that may only look.
		s.with(tokens["read"]).send(request{method: "POST", path: "/main/upload", body: picture(t, 4, 4, "png"), contentType: "application/octet-stream"}).
			refusedBearer(403, "insufficient_scope", "writeown")
		// What is another's stays so, and what is made says how.
		s.with(tokens["writeall"]).post("/api/user/bob/feed", aNote).refused(401, "Not authorized")
		s.with(tokens["writeall"]).get("/api/user/bob/inbox").refused(401, "Not authorized")
		s.with(tokens["writeall"]).post("/main/login", doc{"nickname": "ann", "password": password}).refusedBearer(403, "insufficient_scope", "")
		made := s.with(tokens["writeown"]).post("/api/user/ann/feed", aNote).ok()
		made.has(t, map[string]any{"generator.displayName": "Pump App", "actor.id": "acct:ann@pump.example"})
		var verified string
		if err := s.db.SQL().QueryRowContext(t.Context(), "SELECT verified FROM originals ORDER BY id DESC LIMIT 1").Scan(&verified); err != nil || verified != "oauth2" {
			t.Errorf("the post is stored as verified by %q: %v", verified, err)
		}
		s.with(tokens["writeall"]).remove("/api/user/ann").said("Deleted.")
		s.with(tokens["writeall"]).get("/api/user/bob").refusedBearer(401, "invalid_token", "")
	})
}

func TestBearerTokensRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann := s.person("ann")
	app := s.newApp("web", "App", "https://app.example/done")
	token := app.exchange(t, app.consent(s.browser(), "ann")).bearer("read")
	for _, bad := range []string{"x", "", token + "x", strings.ToUpper(token), ann.signer.Token, "\x80", token[:42]} {
		for _, path := range []string{"/api/whoami", "/api/user/ann", "/api/user/ann/inbox"} {
			s.with(bad).get(path).refusedBearer(401, "invalid_token", "")
		}
	}
	for _, scheme := range []string{"bearer ", "BEARER ", "Bearer  "} {
		v := s.nobody()
		v.header = http.Header{"Authorization": {scheme + token}}
		v.get("/api/user/ann/inbox").ok()
	}
	// Addresses end up in logs, so that no token is looked for there.
	s.nobody().get("/api/user/ann/inbox?access_token="+token).refused(401, "Not logged in.")
	if err := s.bridge.Suspend(t.Context(), "ann", true); err != nil {
		t.Fatal(err)
	}
	s.with(token).get("/api/users").refused(403, "This account is suspended.")
	if err := s.bridge.Suspend(t.Context(), "ann", false); err != nil {
		t.Fatal(err)
	}
	s.with(token).get("/api/users").ok()
}

func TestRevoke(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.person("ann")
		app, native := s.newApp("web", "App", "https://app.example/done"), s.newApp("native", "Native", "https://app.example/done")
		first, second := app.exchange(t, app.consent(s.browser(), "ann")).bearer("read"), app.exchange(t, app.consent(s.browser(), "ann")).bearer("read")
		own := native.exchange(t, native.consent(s.browser(), "ann"), "client_secret", "-").bearer("read")
		revoke := func(id, secret, token string) *answer {
			v := url.Values{"token": {token}, "client_id": {id}, "token_type_hint": {"refresh_token"}}
			if secret != "" {
				v.Set("client_secret", secret)
			}
			return s.nobody().in(t).form("/oauth2/revoke", v)
		}
		revoke(app.ClientID, "", first).refused2(401, "invalid_client")
		revoke(app.ClientID, "wrong", first).refused2(401, "invalid_client")
		revoke(app.ClientID, app.Secret, "").refused2(400, "invalid_request")
		revoke(native.ClientID, "", first).refused2(400, "invalid_grant")
		s.with(first).get("/api/users").ok()
		for range 2 {
			if a := revoke(app.ClientID, app.Secret, first); a.status != 200 || string(a.body) != "{}" {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		s.with(first).get("/api/users").refusedBearer(401, "invalid_token", "")
		s.with(second).get("/api/users").ok()
		if a := app.basic(t, "/oauth2/revoke", app.ClientID, app.Secret, url.Values{"token": {second}}); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.with(second).get("/api/users").refusedBearer(401, "invalid_token", "")
		if a := revoke(native.ClientID, "", own); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.with(own).get("/api/users").refusedBearer(401, "invalid_token", "")
	})
}

func TestAuthorizationServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	a := s.nobody().get("/.well-known/oauth-authorization-server")
	a.ok().has(t, map[string]any{"issuer": home, "authorization_endpoint": home + "/oauth2/authz", "token_endpoint": home + "/oauth2/token",
		"revocation_endpoint": home + "/oauth2/revoke", "code_challenge_methods_supported.0": "S256", "response_types_supported.0": "code",
		"scopes_supported.2": "writeall", "grant_types_supported.1": "client_credentials", "token_endpoint_auth_methods_supported.2": "none",
		"authorization_response_iss_parameter_supported": true})
	if a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("programs in browsers cannot read it")
	}
}

// TestBearerCost: to let in a program with a token takes one query.
func TestBearerCost(t *testing.T) {
	t.Parallel()
	var count statements
	s := newSite(t, siteOptions{database: count.listenIn(t, postgresDatabase(t))})
	ann := s.person("ann")
	s.write(func(ctx context.Context, tx *models.Tx) error {
		return tx.InsertBearerToken(ctx, "token", &models.BearerToken{ClientID: s.program.ClientID, ActorID: ann.actorID, Scope: models.ScopeRead})
	})
	s.with("token").get("/api/whoami")
	before := count.n.Load()
	if a := s.with("token").get("/api/whoami"); a.status != 302 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := count.n.Load() - before; got != 1 {
		t.Errorf("a request took %d statements, want 1", got)
	}
}
