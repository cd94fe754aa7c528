package pumpapi_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models/vocab"
	"manifold/pumpapi"
)

// farNetwork is a network on which a few are found.
type farNetwork struct{}

func (farNetwork) Name() string   { return "elsewhere" }
func (farNetwork) Confirms() bool { return false }

func (farNetwork) Discover(_ context.Context, name string) (*bridge.Account, error) {
	o := &vocab.Object{ID: name, Type: vocab.TypePerson, DisplayName: "Bob <of> Far", Summary: "Likes <i>boats</i>. " + strings.Repeat("And more. ", 100),
		URL: "https://far.example/bob", Image: &vocab.Media{URL: "https://pictures.far.example/bob.png"}}
	switch name {
	case "acct:bob@far.example", "https://far.example/bob":
		o.ID = "acct:bob@far.example"
	case "acct:gang@far.example":
		o.Type, o.DisplayName, o.Image = vocab.TypeGroup, "The Gang", nil
	case "acct:odd@far.example":
		o.URL, o.Image.URL = "javascript:alert(1)", "https://far.example;script-src/x.png"
	case "acct:bob@broken.example":
		return nil, errors.New("status 500")
	default:
		return nil, bridge.ErrUnknownAccount
	}
	return &bridge.Account{Profile: o, Network: "elsewhere", IRI: "https://far.example/users/" + name, Inbox: "https://far.example/inbox"}, nil
}

func (farNetwork) Fetch(context.Context, string) (*bridge.Found, error) {
	return nil, bridge.ErrNoThing
}

func (farNetwork) Deliver(context.Context, *bridge.Delivery) ([]string, error) { return nil, nil }

func withElsewhere(o *pumpapi.Options) {
	o.Bridge.Connect(farNetwork{})
	o.FollowPage = func(_ context.Context, visitor, uri string) (string, error) {
		switch visitor {
		case "acct:bob@far.example":
			return "https://far.example/follow?uri=" + url.QueryEscape(uri), nil
		case "acct:bob@broken.example":
			return "", errors.New("status 500")
		}
		return "", &bridge.Error{Reason: bridge.Missing, Text: "far.example knows nobody by that address."}
	}
}

// TestFollowElsewhere: somebody here sees whom they are about to follow, or which group
// to join, at whichever address another server sends them to, and confirms it.
func TestFollowElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{adjust: withElsewhere})
	s.people("ann")
	browser := s.browser()
	browser.enter("ann", password)
	for _, path := range []string{"/authorize_interaction?uri=", "/main/ostatussub?profile=", "/main/remotefollowsub?profile="} {
		for _, uri := range []string{"acct:bob@far.example", "@bob@far.example", "https://far.example/bob"} {
			a := browser.get(path + url.QueryEscape(uri))
			page := a.page(200)
			for _, want := range []string{"Bob <of> Far", "bob@far.example", "Likes boats.", "Follow"} {
				if said := textOf(page.root); !strings.Contains(said, want) || len(said) > 1500 {
					t.Errorf("%s%s lacks %q: %s", path, uri, want, said)
				}
			}
			if src := attribute(page.element("img"), "src"); src != "https://pictures.far.example/bob.png" || !strings.Contains(a.header.Get("Content-Security-Policy"), "; img-src https://pictures.far.example;") {
				t.Errorf("the picture is %s under %s", src, a.header.Get("Content-Security-Policy"))
			}
		}
	}
	asked := browser.get("/main/ostatussub?profile=" + url.QueryEscape("https://far.example/bob")).page(200)
	if done := textOf(browser.press(asked, asked.must("confirm")).page(200).root); !strings.Contains(done, "You follow") || s.count("edges", "kind = 1 AND state = 1") != 1 {
		t.Errorf("the page says %s", done)
	}
	again := browser.get("/main/ostatussub?profile=bob@far.example").page(200)
	if said := textOf(again.root); !strings.Contains(said, "You follow them.") || again.byID("confirm") != nil {
		t.Errorf("the page says %s", said)
	}
	group := browser.get("/main/ostatusgroup?profile=" + url.QueryEscape("!gang@far.example")).page(200)
	if src := attribute(group.element("img"), "src"); src != "/images/default.png" || textOf(group.must("confirm")) != "Join" {
		t.Errorf("the group has the picture %s and the button %s", src, textOf(group.must("confirm")))
	}
	if done := textOf(browser.press(group, group.must("confirm")).page(200).root); !strings.Contains(done, "You are a member of The Gang now") || s.count("edges", "kind = 4") != 1 {
		t.Errorf("the page says %s", done)
	}
	odd := browser.get("/main/ostatussub?profile=odd@far.example")
	if page := odd.page(200); attribute(page.element("img"), "src") != "/images/default.png" || strings.Contains(string(odd.body), "javascript") || !strings.Contains(odd.header.Get("Content-Security-Policy"), "; img-src 'self';") {
		t.Errorf("%s under %s", odd.body, odd.header.Get("Content-Security-Policy"))
	}
	// Without a profile one is asked for.
	form := browser.get("/main/ostatussub").page(200)
	if look := form.must("look"); attribute(look, "action") != "/main/ostatussub" || attribute(look, "method") != "get" || attribute(form.must("profile"), "name") != "profile" {
		t.Errorf("the form is %v with %v", look.Attr, form.must("profile").Attr)
	}
}

// TestFollowElsewhereFails: what does not work is said in words, with a form to try
// again, and does nothing.
func TestFollowElsewhereFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{adjust: withElsewhere})
	secret := s.people("ann", "bob")[1].guild("")
	browser := s.browser()
	browser.enter("ann", password)
	for _, tt := range []struct {
		profile string
		status  int
		says    string
	}{
		{"bob", 400, "An address looks like"},
		{"nobody@far.example", 404, "There is nobody and no group by the name of nobody@far.example"},
		{"nobody@pump.example", 404, "There is nobody and no group"},
		{secret.id(), 404, "There is nobody and no group"},
		{"bob@broken.example", 502, "does not answer as it should"},
	} {
		page := browser.get("/main/ostatussub?profile=" + url.QueryEscape(tt.profile)).page(tt.status)
		if said := textOf(page.must("problem")); !strings.Contains(said, tt.says) || page.byID("profile") == nil || page.byID("confirm") != nil {
			t.Errorf("%s: %s", tt.profile, textOf(page.root))
		}
	}
	// Nobody has us knock at one door after the other.
	s.clock.stop()
	status := 0
	for i := range 10 {
		status = browser.get("/main/ostatussub?profile=bob@broken.example").status
		if status == 429 && i > 0 {
			break
		}
	}
	if status != 429 {
		t.Errorf("the last of many lookups is answered %d", status)
	}
	if n := s.count("edges", "kind = 1"); n != 0 {
		t.Errorf("%d are followed", n)
	}
	if self := s.browser(); self.enter("bob", password) != nil {
		if page := self.get("/main/ostatussub?profile=bob@pump.example").page(200); !strings.Contains(textOf(page.root), "This is you.") || page.byID("confirm") != nil {
			t.Errorf("the page says %s", textOf(page.root))
		}
	}
}

// TestVisitors: somebody who looks at a profile here, or at a group, and has an account
// elsewhere is sent to the page of their own server.
func TestVisitors(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{adjust: withElsewhere})
	ann := s.person("ann")
	group := ann.guild("", public)
	token := group.id()[strings.LastIndexByte(group.id(), '/')+1:]
	var name string
	g, err := s.db.ActorByIRI(t.Context(), group.id())
	if err != nil {
		t.Fatal(err)
	}
	name = g.Doc.PreferredUsername
	for path, want := range map[string]string{
		"/main/ostatus/nickname/ann": home + "/users/ann", "/main/ostatus/nickname/ANN/": home + "/users/ann", "/main/ostatus?nickname=ann": home + "/users/ann",
		"/main/ostatusnostr?nickname=ann": home + "/users/ann", "/main/remotefollow/nickname/ann": home + "/users/ann", "/main/remotefollowsub?nickname=ann": home + "/users/ann",
		"/main/ostatus/group/" + token: group.id(), "/main/ostatus?group=" + name: group.id(),
	} {
		visitor := s.browser()
		a := visitor.get(path)
		page := a.page(200)
		if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:;") {
			t.Errorf("%s: the policy %q lets the form not lead to another server", path, policy)
		}
		visitor.press(page, page.must("leave"), "profile", " bob@far.example").leads("https://far.example/follow?uri=" + url.QueryEscape(want))
		for address, says := range map[string]string{"bob": "An address looks like", "nobody@far.example": "knows nobody", "bob@broken.example": "does not answer as it should"} {
			status := map[string]int{"bob": 400, "nobody@far.example": 400, "bob@broken.example": 502}[address]
			said := visitor.press(page, page.must("leave"), "profile", address).page(status)
			if problem := textOf(said.must("problem")); !strings.Contains(problem, says) || attribute(said.must("profile"), "value") != address {
				t.Errorf("%s, %s: %s", path, address, textOf(said.root))
			}
		}
		// Whose account is here has not come from elsewhere.
		visitor.press(page, page.must("leave"), "profile", "ann@pump.example").leads("/authorize_interaction?uri=" + url.QueryEscape(want))
	}
	visitor := s.browser()
	if a := visitor.form("/main/ostatus", url.Values{"nickname": {"ann"}, "profile": {"bob@far.example"}, "form": {"x"}}); a.status != 403 || a.header.Get("Location") != "" {
		t.Errorf("a form of another site is answered %d", a.status)
	}
	secret := ann.guild("")
	for _, path := range []string{"/main/ostatus", "/main/ostatus/nickname/nobody", "/main/ostatus/group/none", "/main/ostatus/group/" + secret.id()[strings.LastIndexByte(secret.id(), '/')+1:], "/main/ostatus?group=ann"} {
		if said := textOf(visitor.get(path).page(404).root); !strings.Contains(said, "nobody and no group of that name here") {
			t.Errorf("%s: %s", path, said)
		}
	}
}
