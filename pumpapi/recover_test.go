package pumpapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"manifold/internal/mail"
	"manifold/internal/telemetry"
	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

// mailbox takes the mail of a server.
type mailbox chan mail.Message

func (b mailbox) Send(_ context.Context, m mail.Message) error {
	b <- m
	return nil
}

// mailSite is a server with mail that wants an address of everybody, or not.
type mailSite struct {
	*site
	mail mailbox
}

func onBothWithMail(t *testing.T, require bool, test func(t *testing.T, s *mailSite)) {
	t.Parallel()
	for _, d := range databases {
		t.Run(string(d.name), func(t *testing.T) {
			t.Parallel()
			test(t, newMailSite(t, d.address(t), require))
		})
	}
}

func newMailSite(t *testing.T, database string, require bool) *mailSite {
	t.Helper()
	box := make(mailbox, 100)
	s := newSite(t, siteOptions{database: database, mail: box, adjust: func(o *pumpapi.Options) { o.RequireEmail = require }})
	if err := s.bridge.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.bridge.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &mailSite{s, box}
}

var mailed = regexp.MustCompile(`https://pump\.example(/main/(?:confirm|recover|unsubscribe)/[A-Za-z0-9_-]+)`)

// link is the path that the next mail, which has to be to an address, leads to.
func (s *mailSite) link(to string) string {
	s.t.Helper()
	select {
	case m := <-s.mail:
		found := mailed.FindStringSubmatch(m.Text)
		if m.To != to || found == nil {
			s.t.Fatalf("a mail to %s, want %s: %s", m.To, to, m.Text)
		}
		return found[1]
	case <-time.After(patience):
		s.t.Fatalf("no mail came for %s", to)
	}
	return ""
}

// joined is somebody who has registered with a program, and not confirmed yet.
func (s *mailSite) joined(nick string) (*visitor, doc) {
	s.t.Helper()
	user := s.twoLegged(s.program).post("/api/users", doc{"nickname": nick, "password": password, "email": nick + "@mail.example"}).ok()
	account, err := s.db.AccountByNickname(s.t.Context(), nick)
	if err != nil {
		s.t.Fatal(err)
	}
	v := &visitor{t: s.t, s: s.site, nick: nick, actorID: account.ActorID, signer: &oauth1.Signer{ConsumerKey: s.program.ClientID, Token: user.text("token"),
		Secrets: oauth1.Secrets{Consumer: s.program.Secret, Token: user.text("secret")}, Now: s.clock.now}}
	return v, user
}

const unconfirmed = "Can't use the API until you confirm your email address."

func TestRequireEmail(t *testing.T) {
	onBothWithMail(t, true, func(t *testing.T, s *mailSite) {
		program := s.twoLegged(s.program)
		program.post("/api/users", doc{"nickname": "ann", "password": password}).refused(400, "No email address")
		program.post("/api/users", doc{"nickname": "ann", "password": password, "email": ""}).refused(400, "No email address")
		program.post("/api/users", doc{"nickname": "ann", "password": password, "email": "ann@"}).refused(400, "Invalid email address provided")
		ann, user := s.joined("ann")
		user.has(t, map[string]any{"nickname": "ann", "email": "ann@mail.example"})
		browser := s.browser()
		browser.enter("ann", password)

		for _, r := range []request{{method: "GET", path: "/api/user/ann/inbox"}, {method: "GET", path: "/api/user/ann"}, {method: "GET", path: "/api/whoami"},
			{method: "POST", path: "/api/user/ann/feed", body: aNote}, {method: "PUT", path: "/api/user/ann", body: doc{"nickname": "ann", "password": password}}} {
			ann.send(r).refused(403, unconfirmed)
		}
		browser.get("/api/whoami").refused(403, unconfirmed)
		// What is for strangers is for their browser too.
		browser.get("/api/user/ann").ok().has(t, map[string]any{"email": nil})
		browser.get("/main/account").page(200)

		link := s.link("ann@mail.example")
		page := s.nobody().get(link).page(200)
		if text := textOf(page.element("main")); !strings.Contains(text, "ann@mail.example") {
			t.Errorf("the page says %q", text)
		}
		ann.get("/api/user/ann").ok().has(t, map[string]any{"email": "ann@mail.example"})
		ann.act(aNote)
		browser.isLoggedIn("ann")
		s.nobody().get("/api/user/ann").ok().has(t, map[string]any{"email": nil})
		problem := s.nobody().get(link).page(400)
		if text := textOf(problem.element("main")); !strings.Contains(text, "confirmed already") {
			t.Errorf("the page says %q", text)
		}

		// A new address closes the API until it is confirmed too.
		ann.put("/api/user/ann", doc{"nickname": "ann", "password": password, "email": "new@mail.example"}).ok()
		ann.get("/api/user/ann/inbox").refused(403, unconfirmed)
		s.nobody().get(s.link("new@mail.example")).page(200)
		ann.get("/api/user/ann/inbox").ok()
	})
}

func TestConfirm(t *testing.T) {
	onBothWithMail(t, false, func(t *testing.T, s *mailSite) {
		ann, _ := s.joined("ann")
		s.person("bob")
		ann.act(aNote) // nobody has to confirm anything here
		link := s.link("ann@mail.example")
		bob := s.browser()
		bob.enter("bob", password)
		bob.get(link).page(400)
		// Whoever only looks does not confirm.
		if head := s.nobody().send(request{method: "HEAD", path: link}); head.status != 200 || len(head.body) > 0 {
			t.Errorf("HEAD answers %d and %d bytes", head.status, len(head.body))
		}
		if a, err := s.db.AccountByNickname(t.Context(), "ann"); err != nil || !a.EmailConfirmed.IsZero() {
			t.Errorf("confirmed by somebody else, or by a look: %v", err)
		}
		s.nobody().get("/main/confirm/nothing").page(400)
		s.nobody().get("/main/confirm/a%00%ff").taken("odd bytes")
		s.nobody().get(strings.Replace(link, "confirm", "recover", 1)).page(400)

		// Another mail replaces the one that got lost.
		s.clock.advance(time.Hour)
		stranger := s.browser()
		form := stranger.get("/main/confirm").page(200)
		stranger.press(form, form.must("send"), "nickname", "ANN").leads("/main/recover-sent")
		second := s.link("ann@mail.example")
		s.nobody().get(link).page(400)
		s.nobody().get(second).page(200)
	})
}

func TestRecoverByProgram(t *testing.T) {
	onBothWithMail(t, false, func(t *testing.T, s *mailSite) {
		ann, _ := s.joined("ann")
		s.nobody().get(s.link("ann@mail.example")).page(200)
		s.person("bob")
		ask := func(body any) *answer { return s.nobody().post("/main/recover", body) }
		answers := func(a *answer, status int, want map[string]any) {
			t.Helper()
			var d doc
			a.json(status, &d)
			d.has(t, want)
			if len(d) != len(want) {
				t.Errorf("the answer is %s", a.body)
			}
		}
		answers(ask(doc{"nickname": "nobody"}), 400, map[string]any{"sent": false, "noSuchUser": true, "error": "No such 'user' with id 'nobody'"})
		answers(ask(doc{}), 400, map[string]any{"sent": false, "noSuchUser": true, "error": "No such 'user' with id ''"})
		answers(ask(doc{"nickname": "bob"}), 400, map[string]any{"sent": false, "noEmail": true,
			"error": "This account has no confirmed email address. Ask whoever runs this server."})
		answers(ask(doc{"nickname": "ann"}), 200, map[string]any{"sent": true})
		first := s.link("ann@mail.example")
		answers(ask(doc{"nickname": "Ann", "force": true}), 409, map[string]any{"sent": false, "existing": true,
			"error": "A mail was sent a moment ago. Wait a little before you ask for another."})
		s.clock.advance(10 * time.Minute)
		answers(ask(doc{"nickname": "ann", "force": false}), 409, map[string]any{"sent": false, "existing": true,
			"error": "A mail was sent already. Its link is good for a day."})
		answers(s.twoLegged(s.program).post("/main/recover", doc{"nickname": "ann", "force": true}), 200, map[string]any{"sent": true})
		code := strings.TrimPrefix(s.link("ann@mail.example"), "/main/recover/")
		ask(doc{"nickname": 5}).refused(400, "Bad document: nickname must be a string, force true or false")
		ask(``).refused(400, "Bad document: the document is empty; a JSON object is expected")

		redeem := func(v *visitor, code string) *answer { return v.post("/main/redeem-code", doc{"code": code}) }
		const bad = "This link is unknown, was used, or is too old."
		program := s.twoLegged(s.newProgram("Another"))
		redeem(s.nobody(), code).refusedPlain(400, "Missing required parameter")
		redeem(program, strings.TrimPrefix(first, "/main/recover/")).refused(400, bad)
		redeem(program, "").refused(400, bad)
		redeem(program, "a\x00b").refused(400, bad)
		program.post("/main/redeem-code", doc{"code": 5}).refused(400, "Bad document: code must be a string")
		user := redeem(program, code)
		d := user.ok()
		d.has(t, map[string]any{"nickname": "ann", "email": "ann@mail.example", "profile.preferredUsername": "ann"})
		if user.header.Get("Cache-Control") != "no-store" {
			t.Error("the answer with a token may be cached")
		}
		acting := *ann
		acting.signer = &oauth1.Signer{ConsumerKey: program.signer.ConsumerKey, Token: d.text("token"),
			Secrets: oauth1.Secrets{Consumer: program.signer.Secrets.Consumer, Token: d.text("secret")}, Now: s.clock.now}
		acting.get("/api/user/ann/inbox").ok()
		redeem(program, code).refused(400, bad)
	})
}

func TestRecoverByPage(t *testing.T) {
	onBothWithMail(t, false, func(t *testing.T, s *mailSite) {
		ann, _ := s.joined("ann")
		s.nobody().get(s.link("ann@mail.example")).page(200)
		elsewhere := s.browser()
		elsewhere.enter("ann", password)
		elsewhere.isLoggedIn("ann")
		browser := s.browser()
		login := browser.get("/main/login").page(200)
		if login.find(func(n *html.Node) bool { return attribute(n, "href") == "/main/recover" }) == nil {
			t.Error("the login page does not lead to the recovery")
		}
		asked := func(name string) *answer {
			t.Helper()
			form := browser.get("/main/recover").page(200)
			return browser.press(form, form.must("send"), "nickname", name)
		}
		// Who asks cannot tell who has an account here.
		for _, name := range []string{"nobody", "bob", "nobody@mail.example", strings.Repeat("x", 3000)} {
			asked(name).leads("/main/recover-sent")
		}
		browser.get("/main/recover-sent").page(200)
		asked("ann").leads("/main/recover-sent")
		link := s.link("ann@mail.example")
		asked("").page(400)
		s.nobody().form("/main/recover", url.Values{"nickname": {"ann"}}).page(403)

		// The mail is read on another device.
		phone := s.browser()
		form := phone.get(link).page(200)
		if text := textOf(form.element("main")); !strings.Contains(text, "ann") {
			t.Errorf("the page does not say whose password it is: %q", text)
		}
		refused := phone.press(form, form.must("set"), "password", "password").page(400)
		if text := textOf(refused.must("problem")); !strings.Contains(text, "easily guessed") {
			t.Errorf("the page says %q", text)
		}
		s.nobody().form(link, url.Values{"password": {"another-horse-7"}}).page(403)
		elsewhere.isLoggedIn("ann")
		phone.press(form, form.must("set"), "password", "another-horse-7").page(200)
		elsewhere.isLoggedIn("")
		phone.isLoggedIn("")
		phone.press(form, form.must("set"), "password", "a-third-horse-8").page(400)
		phone.get(link).page(400)
		phone.enter("ann", password).page(400)
		phone.enter("ann", "another-horse-7").leads("/main/account")
		ann.get("/api/user/ann/inbox").ok() // programs act on
	})
}

func TestUnsubscribe(t *testing.T) {
	onBothWithMail(t, false, func(t *testing.T, s *mailSite) {
		ann, _ := s.joined("ann")
		s.nobody().get(s.link("ann@mail.example")).page(200)
		bob := s.person("bob")
		bob.note("hello", ann.ref())
		link := s.link("ann@mail.example")
		// To open the link changes nothing, the button does, and so does the program
		// that reads ann's mail.
		page := s.nobody().get(link).page(200)
		wanted := func() bool {
			a, err := s.db.AccountByNickname(t.Context(), "ann")
			return err == nil && a.Notified()
		}
		if !wanted() {
			t.Error("opening the link ends notifications")
		}
		s.nobody().press(page, page.must("stop")).page(200)
		if wanted() {
			t.Error("the button does not end notifications")
		}
		ann.get("/api/user/ann").ok().has(t, map[string]any{"settings.mail.notifications": false})
		ann.put("/api/user/ann", doc{"nickname": "ann", "password": password, "settings": doc{"mail": doc{"notifications": true}}}).ok()
		if !wanted() {
			t.Error("a program cannot ask for notifications")
		}
		s.nobody().form(link, url.Values{"List-Unsubscribe": {"One-Click"}}).page(200)
		if wanted() {
			t.Error("one click does not end notifications")
		}
		s.nobody().get(link + "x").page(400)
		s.nobody().form(link+"x", nil).page(400)
	})
}

func TestWithoutMail(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	const none = "This server sends no mail. Ask whoever runs it."
	s.nobody().post("/main/recover", doc{"nickname": "ann"}).refused(404, none)
	s.twoLegged(s.program).post("/main/redeem-code", doc{"code": "x"}).refused(404, none)
	for _, path := range []string{"/main/recover", "/main/confirm"} {
		for _, page := range []*webPage{s.nobody().get(path).page(404), s.nobody().form(path, url.Values{"nickname": {"ann"}}).page(404)} {
			if text := textOf(page.element("main")); !strings.Contains(text, none) {
				t.Errorf("%s says %q", path, text)
			}
		}
	}
	for _, path := range []string{"/main/recover/x", "/main/confirm/x", "/main/unsubscribe/x"} {
		s.nobody().get(path).page(400)
	}
}

// The paths that hold a secret are not in the log.
func TestCodesAreNotLogged(t *testing.T) {
	t.Parallel()
	s := newMailSite(t, sqliteDatabase(t), false)
	var log bytes.Buffer
	tel, err := telemetry.New(telemetry.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	ann, _ := s.joined("ann")
	confirm := s.link("ann@mail.example")
	s.server.Config.Handler = tel.Middleware(http.Handler(s.router))
	s.nobody().get(confirm).page(200)
	s.nobody().post("/main/recover", doc{"nickname": "ann"}).ok()
	recovery := s.link("ann@mail.example")
	browser := s.browser()
	form := browser.get(recovery).page(200)
	browser.press(form, form.must("set"), "password", "another-horse-7").page(200)
	s.person("bob").note("hello", ann.ref())
	unsubscribe := s.link("ann@mail.example")
	s.nobody().get(unsubscribe).page(200)
	s.nobody().form(unsubscribe, nil).page(200)
	if !strings.Contains(log.String(), "/main/recover") {
		t.Fatalf("the log has no requests: %s", &log)
	}
	for _, link := range []string{confirm, recovery, unsubscribe} {
		if secret := link[strings.LastIndexByte(link, '/')+1:]; strings.Contains(log.String(), secret) {
			t.Errorf("the log shows what was mailed for %s:\n%s", link, &log)
		}
	}
}
