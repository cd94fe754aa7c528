package ostatus_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
	"manifold/ostatus/xrd"
)

// discoverer is a server that looks for people; it keeps nothing.
func discoverer(t *testing.T, o ostatus.Options) *world {
	t.Helper()
	return newWorld(t, t.TempDir()+"/manifold.db", o)
}

// Somebody is found by each of their names, and is the same each time.
func TestDiscoverByEveryName(t *testing.T) {
	t.Parallel()
	w, p := discoverer(t, ostatus.Options{}), newPeer(t)
	bob := p.person("bob")
	for _, name := range []string{bob.acct, "bob@" + p.host, bob.uri, bob.page} {
		a, err := w.server.Discover(t.Context(), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a.Profile.ID != bob.acct || a.IRI != bob.uri || a.Inbox != bob.inbox || a.Network != "ostatus" || a.SharedInbox != "" || !slices.Equal(a.Aliases, []string{bob.uri, bob.page}) {
			t.Errorf("%s: %+v of %+v", name, a, a.Profile)
		}
		if o := a.Profile; o.Type != vocab.TypePerson || o.PreferredUsername != "bob" || o.DisplayName != "BOB" || o.Summary != "about bob" || o.URL != bob.page || o.Image == nil || o.Image.URL != p.base+"/96.png" {
			t.Errorf("%s: the profile is %+v", name, o)
		}
	}
	if _, err := w.server.Discover(t.Context(), "acct:nobody@"+p.host); !errors.Is(err, bridge.ErrUnknownAccount) {
		t.Errorf("nobody: %v", err)
	}
}

// The ways to a descriptor, and to a feed, of each generation of servers.
func TestDiscoverEveryWay(t *testing.T) {
	t.Parallel()
	w := discoverer(t, ostatus.Options{})
	for _, tt := range []struct {
		name    string
		prepare func(p *peer, bob *someone) (ask string)
		id      func(bob *someone) string
		inbox   bool
	}{
		{"host-meta in XML", func(p *peer, bob *someone) string {
			hide(bob)
			meta := &xrd.Descriptor{Links: []xrd.Link{{Rel: "lrdd", Type: xrd.MediaTypeXRD, Template: p.base + "/main/xrd?uri={uri}"}}}
			p.serves("/.well-known/host-meta", served{kind: xrd.MediaTypeXRD, body: string(meta.XML())})
			p.serves("/main/xrd?uri=acct%3Abob%40"+strings.ReplaceAll(p.host, ":", "%3A"), served{kind: xrd.MediaTypeXRD, body: string(bob.descriptor.XML())})
			return bob.acct
		}, acctOf, true},
		{"a link in the header of the page", func(p *peer, bob *someone) string {
			hide(bob)
			p.serves("/bob", served{kind: "text/html", body: "<p>bob</p>", header: `Link: </d>; rel="lrdd"; type="application/xrd+xml"`})
			p.serves("/d", served{kind: xrd.MediaTypeXRD, body: string((&xrd.Descriptor{Subject: bob.page, Aliases: []string{bob.uri}, Links: bob.descriptor.Links}).XML())})
			return bob.page
		}, func(bob *someone) string { return bob.uri }, true},
		{"the feed by the page for people", func(p *peer, bob *someone) string {
			bob.descriptor.Links = slices.DeleteFunc(bob.descriptor.Links, func(l xrd.Link) bool { return l.Rel == xrd.RelUpdates })
			bob.publish()
			p.serves("/bob", served{kind: "text/html", body: `<link rel="alternate" type="application/atom+xml" href="/feeds/bob.atom">`})
			return bob.acct
		}, acctOf, true},
		{"no feed at all", func(p *peer, bob *someone) string {
			p.serves("/feeds/bob.atom", served{status: http.StatusNotFound})
			return bob.acct
		}, acctOf, true},
		{"no descriptor", func(p *peer, bob *someone) string {
			hide(bob)
			p.serves("/bob", served{kind: "text/html", body: `<link rel="alternate" type="application/atom+xml" href="/feeds/bob.atom"><div class="h-card"><a class="u-url" href="/bob"></a><span class="p-adr">Paris</span></div>`})
			p.serves("/user/bob", served{kind: "text/html", body: `<link rel="alternate" type="application/atom+xml" href="/feeds/bob.atom">`})
			return bob.page
		}, func(bob *someone) string { return bob.uri }, true},
		{"a blog, by its feed", func(p *peer, bob *someone) string {
			hide(bob)
			bob.document.Author = &atom.Person{Name: "Bob's blog"}
			bob.document.Links = nil
			bob.publish()
			hide(bob)
			return bob.feed
		}, func(bob *someone) string { return bob.feed }, false},
	} {
		p := newPeer(t)
		bob := p.person("bob")
		ask := tt.prepare(p, bob)
		a, err := w.server.Discover(t.Context(), ask)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if a.Profile.ID != tt.id(bob) || tt.inbox != (a.Inbox == bob.inbox) {
			t.Errorf("%s: %+v of %+v", tt.name, a, a.Profile)
		}
		if tt.name == "no descriptor" && (a.Profile.Location == nil || a.Profile.Location.DisplayName != "Paris") {
			t.Errorf("%s: nothing of the card is in %+v", tt.name, a.Profile)
		}
	}
}

func acctOf(bob *someone) string { return bob.acct }

// hide takes the descriptors of somebody from WebFinger.
func hide(s *someone) {
	for _, name := range s.descriptor.Names() {
		s.serves(finger(name), served{status: http.StatusNotFound})
	}
}

// The salmon endpoint of a group stands in its feed.
func TestDiscoverGroup(t *testing.T) {
	t.Parallel()
	w, p := discoverer(t, ostatus.Options{}), newPeer(t)
	g := p.group("gophers")
	for _, name := range []string{g.uri, g.page} {
		a, err := w.server.Discover(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if a.Profile.Type != vocab.TypeGroup || a.Profile.ID != g.uri || a.IRI != g.uri || a.Inbox != g.inbox || a.Profile.PreferredUsername != "gophers" {
			t.Errorf("%s: %+v of %+v", name, a, a.Profile)
		}
	}
}

// Nobody can pass for somebody else: not by the feed of another, nor by a name that
// another server has.
func TestDiscoverNobodyElse(t *testing.T) {
	t.Parallel()
	w := discoverer(t, ostatus.Options{})
	for _, tt := range []struct {
		name    string
		prepare func(evil *someone, bob *someone) (ask string)
	}{
		{"a feed that names somebody else", func(evil, bob *someone) string {
			evil.document.Author.URI = bob.uri
			evil.publish()
			return evil.acct
		}},
		{"a descriptor and a feed that name somebody else", func(evil, bob *someone) string {
			evil.document.Author.URI = bob.uri
			evil.descriptor.Aliases = append(evil.descriptor.Aliases, bob.uri)
			evil.publish()
			return evil.acct
		}},
		{"a page with the feed of somebody else", func(evil, bob *someone) string {
			hide(evil)
			evil.serves("/evil", served{kind: "text/html", body: `<link rel="alternate" type="application/atom+xml" href="` + bob.feed + `">`})
			return evil.page
		}},
	} {
		evil, bob := newPeer(t).person("evil"), newPeer(t).person("bob")
		a, err := w.server.Discover(t.Context(), tt.prepare(evil, bob))
		if !errors.Is(err, bridge.ErrUnknownAccount) {
			t.Errorf("%s: found %+v, %v", tt.name, a, err)
		}
	}
	// Who shows the feed of somebody else leads to that one, and gives them no name.
	evil, bob := newPeer(t).person("evil"), newPeer(t).person("bob")
	evil.descriptor.Links[1].Href = bob.feed
	evil.descriptor.Aliases = append(evil.descriptor.Aliases, bob.uri)
	evil.publish()
	a, err := w.server.Discover(t.Context(), evil.acct)
	if err != nil || a.Profile.ID != bob.uri && a.Profile.ID != bob.acct || a.Inbox != bob.inbox || slices.ContainsFunc(a.Aliases, func(name string) bool { return strings.HasPrefix(name, evil.base) }) {
		t.Errorf("with the feed of somebody else: %+v %v", a, err)
	}
	// An account of another host is taken for an alias only where that host says so.
	evil, bob = newPeer(t).person("evil"), newPeer(t).person("bob")
	evil.descriptor.Subject = evil.uri
	evil.descriptor.Aliases = []string{bob.acct, evil.uri, bob.page}
	evil.publish()
	a, err = w.server.Discover(t.Context(), evil.uri)
	if err != nil || a.Profile.ID != evil.uri || !slices.Equal(a.Aliases, []string{evil.uri}) {
		t.Errorf("with the account of somebody else: %+v %v", a, err)
	}
}

// A URI in another spelling is the same where the descriptors of both name both.
func TestDiscoverVariants(t *testing.T) {
	t.Parallel()
	w, p := discoverer(t, ostatus.Options{}), newPeer(t)
	bob := p.person("bob")
	variant := p.base + "/index.php/user/bob"
	bob.descriptor.Aliases = append(bob.descriptor.Aliases, variant)
	bob.publish()
	a, err := w.server.Discover(t.Context(), bob.acct)
	if err != nil || !slices.Contains(a.Aliases, variant) {
		t.Errorf("%+v %v", a, err)
	}
	p.serves(finger(variant), served{kind: xrd.MediaTypeJRD, body: string((&xrd.Descriptor{Subject: variant}).JSON())})
	a, err = w.server.Discover(t.Context(), bob.acct)
	if err != nil || slices.Contains(a.Aliases, variant) {
		t.Errorf("the variant is somebody else: %+v %v", a, err)
	}
}

// What does not answer is no reason to say that there is nobody.
func TestDiscoverTemporaryFailures(t *testing.T) {
	t.Parallel()
	w, p := discoverer(t, ostatus.Options{}), newPeer(t)
	bob := p.person("bob")
	for _, path := range []string{finger(bob.acct), "/feeds/bob.atom"} {
		good := p.documents[path]
		p.serves(path, served{status: http.StatusServiceUnavailable})
		if a, err := w.server.Discover(t.Context(), bob.acct); err == nil || errors.Is(err, bridge.ErrUnknownAccount) {
			t.Errorf("while %s fails: %+v %v", path, a, err)
		}
		p.serves(path, good)
	}
	if _, err := w.server.Discover(t.Context(), bob.acct); err != nil {
		t.Error(err)
	}
}

// Who is on ActivityPub is found there, where we are on it too. GNU social 2 says so
// of itself while that is switched off.
func TestDiscoverLeavesActivityPub(t *testing.T) {
	t.Parallel()
	both, alone := discoverer(t, ostatus.Options{ActivityPub: true}), discoverer(t, ostatus.Options{})
	p := newPeer(t)
	bob := p.person("bob")
	bob.descriptor.Links = append(bob.descriptor.Links, xrd.Link{Rel: "self", Type: "application/activity+json", Href: bob.uri})
	bob.publish()
	for _, tt := range []struct {
		actor served
		found bool
	}{
		{served{kind: "application/activity+json", body: "{}"}, false},
		{served{status: http.StatusUnauthorized}, false},
		{served{status: http.StatusGone}, false},
		{served{kind: "text/html; charset=utf-8", body: "<p>bob</p>"}, true},
		{served{status: http.StatusNotFound}, true},
	} {
		p.serves("/user/bob", tt.actor)
		if a, err := both.server.Discover(t.Context(), bob.acct); tt.found != (err == nil) || !tt.found && !errors.Is(err, bridge.ErrUnknownAccount) {
			t.Errorf("where the actor is %+v: %+v %v", tt.actor, a, err)
		}
		if _, err := alone.server.Discover(t.Context(), bob.acct); err != nil {
			t.Errorf("without ActivityPub here: %v", err)
		}
	}
}

// Plain http is for closed networks, and our own addresses are asked by nobody.
func TestDiscoverOnlyWhatMayBeAsked(t *testing.T) {
	t.Parallel()
	open := newSite(t, t.TempDir()+"/manifold.db")
	p := newPeer(t)
	bob := p.person("bob")
	for _, name := range []string{bob.acct, bob.uri} {
		if a, err := open.server.Discover(t.Context(), name); err == nil {
			t.Errorf("%s was found without TLS: %+v", name, a)
		}
	}
	if asked := p.requests(); len(asked) > 0 {
		t.Errorf("without TLS was asked for %q", asked)
	}
	w := discoverer(t, ostatus.Options{})
	for _, name := range []string{closedHome + "/users/ann", "acct:ann@us.example", "ftp://x.example/y", "nonsense"} {
		if a, err := w.server.Discover(t.Context(), name); !errors.Is(err, bridge.ErrUnknownAccount) {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
}

// Who is met has a row with their key, which those of ActivityPub do not replace.
func TestMeet(t *testing.T) {
	worlds(t, ostatus.Options{}, func(w *world) {
		bob := newPeer(w.t).person("bob")
		actor, err := w.server.Meet(w.t.Context(), bob.acct)
		if err != nil {
			w.t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&bob.key.PublicKey)
		if err != nil {
			w.t.Fatal(err)
		}
		holder := func() *models.KeyHolder {
			h, err := w.DB().KeyHolder(w.t.Context(), "ostatus", models.SalmonKeyIRI(bob.uri))
			if err != nil {
				w.t.Fatal(err)
			}
			return h
		}
		if h := holder(); string(h.SPKI) != string(der) || h.ActorID != actor.ID || h.ActorIRI != bob.uri {
			w.t.Errorf("the key is %+v", h)
		}
		bob.key = peerKeys()[1]
		bob.describe(vocab.TypePerson)
		bob.publish()
		again, err := w.server.Meet(w.t.Context(), bob.uri)
		if err != nil || again.ID != actor.ID {
			w.t.Fatalf("met again as %+v, %v", again, err)
		}
		if h := holder(); string(h.SPKI) == string(der) || h.Changed.IsZero() {
			w.t.Errorf("after the change the key is %+v", h)
		}
	})
}
