package pumpapi_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestRemoteFollow: somebody who comes from the page of another server confirms
// that they want to follow the person there, and nothing happens before.
func TestRemoteFollow(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		s.people("ann", "bob")
		template := s.nobody().get("/.well-known/webfinger?resource=acct:ann@pump.example").jrd(jrdType).href(t, "http://ostatus.org/schema/1.0/subscribe")
		address := strings.TrimPrefix(strings.Replace(template, "{uri}", url.QueryEscape("acct:bob@pump.example"), 1), s.base)
		browser := s.browser()
		browser.get(address).leads("/main/login?continue=" + url.QueryEscape(address))
		browser.enter("ann", password)
		asked := browser.get(address).page(200)
		if said := textOf(asked.root); !strings.Contains(said, "bob@pump.example") || !strings.Contains(said, "ann") {
			t.Errorf("the page says %s", said)
		}
		follows := func() bool { return s.count("edges", "kind = 1") == 1 }
		// A form of another site is not believed.
		if a := browser.form("/authorize_interaction", url.Values{"uri": {"bob@pump.example"}, "form": {"x"}}); a.status != 403 || follows() {
			t.Errorf("a foreign form: %d", a.status)
		}
		if done := textOf(browser.press(asked, asked.must("confirm")).page(200).root); !strings.Contains(done, "You follow bob@pump.example now") || !follows() {
			t.Errorf("the page says %s", done)
		}
		// Twice is told as what it is.
		if again := browser.press(asked, asked.must("confirm")); again.status != 400 || !strings.Contains(string(again.body), "Already") {
			t.Errorf("%d %s", again.status, again.body)
		}
		for _, uri := range []string{"", "bob", "bob@", "@", "javascript:alert(1)", "https://", "https://x@y.example/", "a@b@c", "a@b/c", "\x00@b", "<b>@b.example/"} {
			if a := browser.get("/authorize_interaction?uri=" + url.QueryEscape(uri)); a.status != 400 {
				t.Errorf("%q: %d", uri, a.status)
			}
		}
		// The names of accounts elsewhere are shown, not read.
		if said := browser.get("/authorize_interaction?uri=" + url.QueryEscape("<b>@them.example")); said.status != 404 || strings.Contains(string(said.body), "<b>@") {
			t.Errorf("%d %s", said.status, said.body)
		}
	})
}
