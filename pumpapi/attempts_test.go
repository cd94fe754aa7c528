package pumpapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"manifold/pumpapi"
)

// from is a site where the address of a client is what a header says.
func from(o siteOptions) siteOptions {
	o.adjust = func(options *pumpapi.Options) {
		options.RemoteAddress = func(r *http.Request) string { return r.Header.Get("X-Test-Address") }
	}
	return o
}

// tryLogin has a program try a password from an address.
func (v *visitor) tryLogin(address, nick, password string) *answer {
	v.t.Helper()
	return v.send(request{method: "POST", path: "/main/login", body: doc{"nickname": nick, "password": password}, header: http.Header{"X-Test-Address": {address}}})
}

const incorrect = "Incorrect username or password"

// waits checks that an attempt comes too early, and returns how long to wait.
func (a *answer) waits() time.Duration {
	a.t.Helper()
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		a.t.Fatalf("%s answers %d with Retry-After %q", a.request, a.status, a.header.Get("Retry-After"))
	}
	a.refused(429, fmt.Sprintf("Too many attempts. Try again in %d seconds.", seconds))
	return time.Duration(seconds) * time.Second
}

// TestGuessingAtAnAccount: each further guess has to wait longer, from wherever
// it comes, the right one too; the wait for an account stays short.
func TestGuessingAtAnAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t, from(siteOptions{}))
	s.clock.stop()
	s.person("ann")
	s.person("bob")
	program := s.twoLegged(s.program)
	for _, nick := range []string{"ann", "nobody"} {
		for i := range 5 {
			program.tryLogin(fmt.Sprintf("192.0.2.%d", i), nick, "wrong").refused(401, incorrect)
		}
		program.tryLogin("192.0.2.9", nick, "wrong").refused(401, incorrect)
		last := time.Duration(0)
		for range 8 {
			wait := program.tryLogin("192.0.2.10", nick, password).waits()
			if wait <= last && wait != time.Minute {
				t.Errorf("%s: after %s the wait is %s", nick, last, wait)
			}
			last = wait
			s.clock.advance(wait)
			program.tryLogin("192.0.2.11", nick, "wrong").refused(401, incorrect)
		}
		if last != time.Minute {
			t.Errorf("%s: the longest wait is %s", nick, last)
		}
		// The case of the letters makes no other account.
		program.tryLogin("192.0.2.12", strings.ToUpper(nick), password).waits()
	}
	// Another account is not slowed.
	program.tryLogin("192.0.2.12", "bob", password).ok()
	// The right password ends it.
	s.clock.advance(time.Minute)
	program.tryLogin("192.0.2.12", "ann", password).ok()
	for range 5 {
		program.tryLogin("192.0.2.12", "ann", "wrong").refused(401, incorrect)
	}
}

// TestGuessingFromAnAddress: whoever tries one password on many accounts has to
// wait, too. Of IPv6 the network counts, and a proxy on this machine does not.
func TestGuessingFromAnAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, first, same, other string
		slowed                   bool
	}{
		{"IPv4", "192.0.2.1", "192.0.2.1", "192.0.2.2", true},
		{"IPv6", "2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", true},
		{"IPv4 in IPv6", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.3", true},
		{"with a port", "192.0.2.1:5000", "192.0.2.1:6000", "192.0.2.3:1", true},
		{"this machine", "127.0.0.1", "127.0.0.1", "127.0.0.2", false},
		{"not an address", "@", "@", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, from(siteOptions{}))
			s.clock.stop()
			s.person("ann")
			program := s.twoLegged(s.program).in(t)
			for i := range 31 {
				// Somebody who is there: the others cost the full price of a hash.
				program.tryLogin(tt.first, s.person(fmt.Sprintf("cid%d", i)).nick, "wrong").refused(401, incorrect)
			}
			if again := program.tryLogin(tt.same, "ann", password); tt.slowed {
				again.waits()
			} else {
				again.ok()
			}
			program.tryLogin(tt.other, "ann", password).ok()
			// What has not been tried for long is forgotten.
			s.clock.advance(61 * time.Minute)
			program.tryLogin(tt.other, "nobody", "wrong").refused(401, incorrect)
			s.clock.advance(61 * time.Minute)
			for i := range 30 {
				program.tryLogin(tt.same, fmt.Sprintf("cid%d", i), "wrong").refused(401, incorrect)
			}
		})
	}
}

// TestPagesAreSlowedToo: guessing by the forms is no way around it.
func TestPagesAreSlowedToo(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	s.clock.stop()
	s.person("ann")
	for range 6 {
		s.twoLegged(s.program).tryLogin("", "ann", "wrong").refused(401, incorrect)
	}
	const early = "Too many attempts. Try again in 1 seconds."
	browser := s.browser()
	login := browser.get("/main/login").page(200)
	a := browser.press(login, login.must("authenticate"), "nickname", "ann", "password", password)
	if got := textOf(a.page(429).must("problem")); got != early || a.header.Get("Retry-After") != "1" {
		t.Errorf("the page says %q", got)
	}
	asked := s.twoLegged(s.program).ask("POST", "oob")
	if got := textOf(browser.logIn(asked, "ann", password).page(429).must("problem")); got != early {
		t.Errorf("the page of OAuth 1.0a says %q", got)
	}
	s.clock.advance(2 * time.Second)
	browser.press(login, login.must("authenticate"), "nickname", "ann", "password", password).leads("/main/account")
}
