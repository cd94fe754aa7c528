package ostatus_test

import (
	"net/url"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/ostatus"
	"manifold/ostatus/xrd"
)

// TestFollowPage: the server of a visitor says where they follow; what it does not say
// is told in words, and what it cannot say now is a failure.
func TestFollowPage(t *testing.T) {
	t.Parallel()
	w, p := discoverer(t, ostatus.Options{}), newPeer(t)
	target := closedHome + "/users/ann?x=1&y"
	begins := func(nick, template string) string {
		s := p.person(nick)
		s.descriptor.Links = append(s.descriptor.Links, xrd.Link{Rel: xrd.RelSubscribe, Template: template})
		s.publish()
		return s.acct
	}
	bob := begins("bob", p.base+"/main/ostatussub?profile={uri}")
	for _, name := range []string{bob, strings.TrimPrefix(bob, "acct:"), p.base + "/bob"} {
		page, err := w.server.FollowPage(t.Context(), name, target)
		if want := p.base + "/main/ostatussub?profile=" + url.QueryEscape(target); err != nil || page != want {
			t.Errorf("%s is sent to %s (%v), want %s", name, page, err, want)
		}
	}
	for name, says := range map[string]string{
		"acct:nobody@" + p.host: "knows nobody by that address", p.person("carol").acct: "does not say where you can follow",
		begins("dan", "javascript:alert('{uri}')"): "does not say where you can follow", begins("eve", p.base+"/follow"): "does not say where you can follow",
		begins("fay", closedHome+"/x?{uri}"): "does not say where you can follow", "::": "is not the address of an account",
	} {
		page, err := w.server.FollowPage(t.Context(), name, target)
		if page != "" || bridge.ReasonOf(err) == 0 || !strings.Contains(err.Error(), says) {
			t.Errorf("%s is sent to %q: %v", name, page, err)
		}
	}
	p.serves(finger("acct:gus@"+p.host), served{status: 500})
	if page, err := w.server.FollowPage(t.Context(), "acct:gus@"+p.host, target); page != "" || err == nil || bridge.ReasonOf(err) != 0 {
		t.Errorf("a server that fails sends to %q: %v", page, err)
	}
}
