package pumpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"manifold/internal/outbound"
	"manifold/models"
	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

// reachable is a site that others find at its address, and that speaks with
// others on this machine.
func reachable(o siteOptions) siteOptions {
	o.reachable = true
	o.adjust = func(options *pumpapi.Options) { options.Outbound = outbound.New(outbound.Options{AllowPrivate: true}) }
	return o
}

// host is the host of the site with its port.
func (s *site) host() string { return strings.TrimPrefix(s.base, "http://") }

// leaveFor has a browser begin to log in with an account of another host, and
// returns the answer.
func (v *visitor) leaveFor(address, returnTo string) *answer {
	v.t.Helper()
	page := v.get("/main/remote?continueTo=" + url.QueryEscape(returnTo)).page(200)
	return v.press(page, page.must("leave"), "webfinger", address)
}

// allowedThere has somebody log in at the server where a browser was sent and
// allow it, and returns where that sends the browser.
func (s *site) allowedThere(t testing.TB, sent *answer, nick string) string {
	t.Helper()
	to := sent.header.Get("Location")
	if sent.status != http.StatusSeeOther || !strings.HasPrefix(to, s.base+"/oauth/authorize?oauth_token=") {
		t.Fatalf("%s leads by %d to %q: %.300s", sent.request, sent.status, to, sent.body)
	}
	browser := s.browser().in(t)
	page := browser.get(to).page(200)
	done := browser.press(page, page.must("authenticate"), "username", nick, "password", password)
	if done.status == http.StatusOK {
		page = done.page(200)
		done = browser.press(page, page.must("authorize"))
	}
	if done.status != http.StatusSeeOther {
		t.Fatalf("%s answers %d %.300s", done.request, done.status, done.body)
	}
	return done.header.Get("Location")
}

// comeFrom logs a browser in as somebody of another site.
func (v *visitor) comeFrom(there *site, nick string) {
	v.t.Helper()
	back := there.allowedThere(v.t, v.leaveFor(nick+"@"+there.host(), "/back?x=1"), nick)
	v.get(back).leads("/back?x=1")
}

// TestRemoteLogin goes the whole way between two servers.
func TestRemoteLogin(t *testing.T) {
	t.Parallel()
	for _, d := range databases {
		t.Run(string(d.name), func(t *testing.T) {
			t.Parallel()
			here, there := newSite(t, reachable(siteOptions{database: d.address(t)})), newSite(t, reachable(siteOptions{}))
			namesake, bob := here.person("ann"), here.person("bob")
			ann := there.person("ann")
			address := "ann@" + there.host()
			secret := bob.note("for ann", doc{"objectType": "person", "id": "acct:" + address})
			others := bob.note("for bob", bob.ref())

			browser := here.browser()
			browser.comeFrom(there, "ann")
			// She is the one whom bob wrote to.
			if n := here.count("actors", "host <> ''"); n != 1 {
				t.Errorf("there are %d people of elsewhere", n)
			}
			browser.get(secret.id()).ok().has(t, map[string]any{"content": "for ann"})
			browser.get(others.id()).refused(403, "Only the author and recipients can view this object.")
			whoami := browser.get("/api/whoami").header.Get("Location")
			browser.get(whoami).ok().has(t, map[string]any{"id": ann.id(), "preferredUsername": "ann", "links.activity-outbox.href": there.base + "/api/user/ann/feed"})
			if said := textOf(browser.get("/main/account").page(200).root); !strings.Contains(said, "You are "+address) {
				t.Errorf("the page says %s", said)
			}

			// She is not taken for whoever has her name here, and writes nothing.
			asked := here.twoLegged(here.program).ask("POST", "oob")
			before := here.state()
			browser.get(namesake.user("/inbox")).refused(401, "Not authorized")
			browser.get(namesake.user("/uploads")).refused(401, "Not authorized")
			for _, r := range []request{
				{method: "POST", path: "/api/user/ann/feed", body: aNote}, {method: "PUT", path: "/api/user/ann/profile", body: doc{"displayName": "x"}},
				{method: "PUT", path: "/api/user/ann", body: doc{}}, {method: "DELETE", path: "/api/user/ann"}, {method: "DELETE", path: secret.id()},
			} {
				browser.send(r).refusedPlain(400, "Missing required parameter")
			}
			// Nor does she allow a program anything, or change an account.
			browser.get(authorize + asked.Token).page(200).must("oauth-authentication")
			page := browser.get("/main/account").page(200)
			_, form := page.form(page.must("logout"))
			form.Set("current", password)
			browser.form("/main/account/delete", form).leads("/main/login?continue=%2Fmain%2Faccount")
			if here.state() != before {
				t.Error("somebody elsewhere changed something")
			}

			// Logging in again finds the same registration, person and token.
			here.browser().comeFrom(there, "ann")
			if a, c := here.count("actors", "host <> ''"), there.count("clients", "application_name = 'Test Site'"); a != 1 || c != 1 {
				t.Errorf("there are %d people, and %d registrations there", a, c)
			}
			browser.press(page, page.must("logout")).leads("/main/login")
			browser.get(secret.id()).refused(401, "Not logged in.")
		})
	}
}

func TestRelay(t *testing.T) {
	t.Parallel()
	here, there := newSite(t, reachable(siteOptions{})), newSite(t, reachable(siteOptions{}))
	here.person("bob")
	ann := there.person("ann")
	browser := here.browser()
	const path = "/main/proxy"
	browser.post(path, aNote).refused(401, "Not logged in.")
	browser.comeFrom(there, "ann")

	made := browser.post(path, doc{"verb": "post", "object": doc{"objectType": "note", "content": "from afar"}}).ok()
	made.has(t, map[string]any{"actor.id": ann.id(), "object.content": "from afar", "generator.displayName": "Test Site"})
	ann.get("/api/user/ann/feed").ok().has(t, map[string]any{"items.0.id": made.id()})
	browser.post(path, doc{"verb": "follow", "object": doc{"objectType": "person", "id": "nobody"}}).has4xx("error")

	const foreign = "This is for JSON from pages of this server."
	note := doc{"verb": "post", "object": doc{"objectType": "note", "content": "forged"}}
	for name, r := range map[string]request{
		"a form":             {body: "x=1", contentType: oauth1.FormType},
		"text":               {body: note, contentType: "text/plain"},
		"of another site":    {body: note, header: http.Header{"Origin": {"https://evil.example"}}},
		"of another site, 2": {body: note, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}},
	} {
		r.method, r.path = "POST", path
		t.Run(name, func(t *testing.T) { browser.in(t).send(r).refused(403, foreign) })
	}
	browser.send(request{method: "POST", path: path, body: note, header: http.Header{"Origin": {here.base}}}).ok()
	browser.post(path, `{"verb":5}`).has4xx("error")
	local := here.browser()
	local.enter("bob", password)
	local.post(path, aNote).refused(403, "This is for people who have logged in from elsewhere.")

	// Her server does not accept the token any more.
	there.write(func(ctx context.Context, tx *models.Tx) error { return tx.RemoveAccessTokens(ctx, ann.actorID) })
	browser.post(path, note).refused(401, "Your server does not accept this login any more. Log in again.")
	there.server.Close()
	browser.post(path, note).refused(502, "Your server could not be reached.")
}

// has4xx checks that something was refused with a member.
func (a *answer) has4xx(member string) {
	a.t.Helper()
	var d doc
	if json.Unmarshal(a.body, &d) != nil || a.status < 400 || a.status > 499 || d.text(member) == "" {
		a.t.Errorf("%s answers %d %s", a.request, a.status, a.body)
	}
}

func TestRemoteLoginRefused(t *testing.T) {
	t.Parallel()
	here, there := newSite(t, reachable(siteOptions{})), newSite(t, reachable(siteOptions{}))
	there.person("ann")
	browser := here.browser()
	address := "ann@" + there.host()
	said := func(a *answer, status int, part string) {
		t.Helper()
		if got := textOf(a.page(status).root); !strings.Contains(got, part) {
			t.Errorf("%s: the page says %q, want %q", a.request, got, part)
		}
	}
	for _, tt := range []struct {
		address string
		status  int
		says    string
	}{
		{"", 400, "An address looks like ann@example.org."}, {"ann", 400, "An address looks like"}, {"@x", 400, "An address looks like"},
		{"ann@", 400, "An address looks like"}, {"ann@x/y", 400, "An address looks like"}, {"ann@x@y", 400, "An address looks like"},
		{"ann@x?y", 400, "An address looks like"}, {"ann@u:p@x", 400, "An address looks like"}, {"ann@x y", 400, "An address looks like"},
		{"ann@x:port", 400, "An address looks like"},
		{"ann@" + here.host(), 400, "This is an account of this server"},
		{"ann@127.0.0.1:1", 502, "127.0.0.1:1 could not be reached"},
	} {
		a := browser.leaveFor(tt.address, "/")
		said(a, tt.status, tt.says)
		if got := attribute(a.page(tt.status).must("webfinger"), "value"); got != tt.address {
			t.Errorf("the address is not kept: %q", got)
		}
	}
	_, form := browser.get("/main/remote").page(200).form(browser.get("/main/remote").page(200).must("leave"))
	form.Set("form", "x")
	said(browser.form("/main/remote", form), 403, "The form was not made for this browser")

	back := there.allowedThere(t, browser.leaveFor("acct:"+address, "https://evil.example/"), "ann")
	// Somebody else who is made to open the address is not logged in as ann.
	said(here.browser().get(back), 400, "This login was begun in another browser.")
	for _, wrong := range []string{strings.Replace(back, "oauth_token=", "oauth_token=x", 1), strings.Replace(back, url.PathEscape(there.host()), "other.example", 1),
		"/main/authorized/" + there.host()} {
		said(browser.get(wrong), 400, "This login is unknown, used up or older than ten minutes.")
	}
	before, _, _ := strings.Cut(back, "&oauth_verifier")
	said(browser.get(before), 400, "does not say that you have allowed it")
	browser.get(back).leads("/main/account")
	said(browser.get(back), 400, "This login is unknown, used up")

	other := here.browser()
	back = there.allowedThere(t, other.leaveFor("@"+address, "/"), "ann")
	said(other.get(back+"x"), 502, "does not say who you are")
	said(other.get(back), 400, "This login is unknown, used up")
	back = there.allowedThere(t, other.leaveFor(address, "/"), "ann")
	here.clock.advance(11 * time.Minute)
	said(other.get(back), 400, "older than ten minutes")
	other.isLoggedIn("")
}

// TestRemoteLoginSwitchedOff: a server that speaks with nobody says so, and one
// that is on the internet does not knock at its own doors.
func TestRemoteLoginSwitchedOff(t *testing.T) {
	t.Parallel()
	off := newSite(t, siteOptions{})
	if said := textOf(off.browser().get("/main/remote").page(403).root); !strings.Contains(said, "lets nobody log in from elsewhere") {
		t.Errorf("the page says %s", said)
	}
	if strings.Contains(string(off.browser().get("/main/login").body), "/main/remote") {
		t.Error("the page leads to what is switched off")
	}
	knocked := false
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { knocked = true }))
	defer inner.Close()
	guarded := newSite(t, siteOptions{adjust: func(o *pumpapi.Options) { o.Outbound = outbound.New(outbound.Options{}) }})
	if !strings.Contains(string(guarded.browser().get("/main/login").body), "/main/remote") {
		t.Error("the page does not lead to the form for people of elsewhere")
	}
	a := guarded.browser().leaveFor("ann@"+strings.TrimPrefix(inner.URL, "http://"), "/")
	if said := textOf(a.page(502).must("problem")); !strings.Contains(said, "could not be reached") || knocked {
		t.Errorf("the page says %s", said)
	}
}

// TestForgottenRegistration: a server that has lost its registrations gets
// another one.
func TestForgottenRegistration(t *testing.T) {
	t.Parallel()
	here, there := newSite(t, reachable(siteOptions{})), newSite(t, reachable(siteOptions{}))
	there.person("ann")
	here.browser().comeFrom(there, "ann")
	if _, err := there.db.SQL().ExecContext(t.Context(), "DELETE FROM clients WHERE application_name = 'Test Site'"); err != nil {
		t.Fatal(err)
	}
	here.browser().comeFrom(there, "ann")
	if n := there.count("clients", "application_name = 'Test Site'"); n != 1 {
		t.Errorf("there are %d registrations", n)
	}
}

// TestPeersThatLie: a server speaks for its own people, and for nobody else's.
func TestPeersThatLie(t *testing.T) {
	t.Parallel()
	here := newSite(t, reachable(siteOptions{}))
	bob := here.person("bob")
	for name, tt := range map[string]struct {
		profile, links string
		status         int
	}{
		"of another host":       {`{"objectType":"person","id":"acct:ann@other.example","preferredUsername":"ann"}`, "", 502},
		"of ours":               {`{"objectType":"person","id":"` + bob.id() + `","preferredUsername":"bob"}`, "", 502},
		"with our address":      {`{"objectType":"person","id":"acct:bob@HOST","preferredUsername":"bob","url":"` + here.base + `/bob"}`, "", 303},
		"no person":             {`{"objectType":"group","id":"acct:bob@HOST"}`, "", 502},
		"nobody":                {`{}`, "", 502},
		"not JSON":              {`<html>`, "", 502},
		"links to another host": {`{}`, "https://other.example", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var base string
			liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				host := strings.TrimPrefix(base, "http://")
				switch r.URL.Path {
				case "/.well-known/host-meta.json":
					links := tt.links
					if links == "" {
						links = base
					}
					const oauth = "http://apinamespace.org/oauth/"
					fmt.Fprintf(w, `{"links":[{"rel":"registration_endpoint","href":"%[1]s/r"},{"rel":"%[2]srequest_token","href":"%[1]s/t"},
						{"rel":"%[2]sauthorize","href":"%[1]s/a"},{"rel":"%[2]saccess_token","href":"%[1]s/t"},
						{"rel":"http://apinamespace.org/activitypub/whoami","href":"%[1]s/w"}]}`, links, oauth)
				case "/r":
					fmt.Fprint(w, `{"client_id":"c","client_secret":"s","expires_at":0}`)
				case "/t":
					fmt.Fprint(w, oauth1.TokenReply{Token: "t", Secret: "s", CallbackConfirmed: true}.Encode())
				case "/w":
					fmt.Fprint(w, strings.ReplaceAll(tt.profile, "HOST", host))
				default:
					http.NotFound(w, r)
				}
			}))
			defer liar.Close()
			base = liar.URL
			host := strings.TrimPrefix(base, "http://")
			browser := here.browser().in(t)
			left := browser.leaveFor("bob@"+host, "/done")
			if tt.status == 0 {
				left.page(502)
				return
			}
			if got := left.header.Get("Location"); got != base+"/a?oauth_token=t" {
				t.Fatalf("the browser is sent by %d to %q", left.status, got)
			}
			back := browser.get("/main/authorized/" + host + "?oauth_token=t&oauth_verifier=v")
			if back.status != tt.status {
				t.Errorf("%d %.300s", back.status, back.body)
			}
			if tt.status == 303 {
				if got := browser.get("/api/whoami").header.Get("Location"); !strings.Contains(got, url.QueryEscape("acct:bob@"+host)) {
					t.Errorf("the browser is that of %s", got)
				}
				browser.get(bob.user("/inbox")).refused(401, "Not authorized")
			} else {
				browser.isLoggedIn("")
			}
		})
	}
}
