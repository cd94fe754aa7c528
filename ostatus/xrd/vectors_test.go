package xrd_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manifold/ostatus/xrd"
)

// vectors returns the folder of OStatus documents below the one that
// MANIFOLD_VECTORS names.
func vectors(t *testing.T) (string, bool) {
	t.Helper()
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	return filepath.Join(folder, "ostatus"), ok
}

// vector reads a document; of a recorded answer of HTTP, its body.
func vector(t *testing.T, name string) []byte {
	t.Helper()
	folder, _ := vectors(t)
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".http.txt") {
		head, body, _ := bytes.Cut(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
		r, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\n\n"))), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = r.Body.Close()
		return body
	}
	return b
}

// Descriptors of real servers are read as what they are.
func TestVectorDescriptors(t *testing.T) {
	if _, ok := vectors(t); !ok {
		return
	}
	for _, tt := range []struct{ name, subject, alias, feed, salmon, subscribe string }{
		{"discovery/heldscal-23211.xrd.xml", "https://social.heldscal.la/user/23211", "acct:lambadalambda@social.heldscal.la",
			"https://social.heldscal.la/api/statuses/user_timeline/23211.atom", "https://social.heldscal.la/main/salmon/user/23211", "https://social.heldscal.la/main/ostatussub?profile={uri}"},
		{"discovery/gs.example.org-4040-user-1.xrd.xml", "http://gs.example.org:4040/index.php/user/1", "acct:lambda@gs.example.org",
			"http://gs.example.org/index.php/api/statuses/user_timeline/1.atom", "http://gs.example.org/index.php/main/salmon/user/1", "http://gs.example.org/index.php/main/ostatussub?profile={uri}"},
		{"discovery/squeet-lain.xrd.xml", "acct:lain@squeet.me", "https://squeet.me/profile/lain", "https://squeet.me/dfrn_poll/lain", "https://squeet.me/salmon/lain", "https://squeet.me/follow?url={uri}"},
		{"discovery/mastodon-emelie.jrd.json", "acct:emelie@mastodon.social", "https://mastodon.social/users/emelie", "https://mastodon.social/users/emelie.atom", "https://mastodon.social/api/salmon/15657",
			"https://mastodon.social/authorize_interaction?uri={uri}"},
		{"discovery/pleroma-eal.xrd.xml", "acct:eal@social.sakamoto.gq", "https://social.sakamoto.gq/users/eal", "https://social.sakamoto.gq/users/eal/feed.atom", "https://social.sakamoto.gq/users/eal/salmon", ""},
		{"live-gs2/bob.xrd.xml", "acct:bob@gs.test", "http://gs.test/index.php/user/2", "http://gs.test/api/statuses/user_timeline/2.atom", "http://gs.test/main/salmon/user/2", "http://gs.test/main/remotefollowsub?profile={uri}"},
		{"live-gs2/bob.jrd.json", "acct:bob@gs.test", "http://gs.test/index.php/user/2", "http://gs.test/api/statuses/user_timeline/2.atom", "http://gs.test/main/salmon/user/2", "http://gs.test/main/remotefollowsub?profile={uri}"},
		{"live-gs2/group.jrd.json", "http://gs.test/group/1/id", "http://gs.test/group/gophers", "http://gs.test/api/statusnet/groups/timeline/1.atom", "http://gs.test/main/salmon/group/4", "http://gs.test/main/remotefollowsub?profile={uri}"},
		{"webfinger/quitter.no-gargron.http.txt", "acct:gargron@quitter.no", "https://quitter.no/user/7477", "https://quitter.no/api/statuses/user_timeline/7477.atom", "https://quitter.no/main/salmon/user/7477",
			"https://quitter.no/main/ostatussub?profile={uri}"},
		{"webfinger/localdomain-webfinger.http.txt", "acct:foo@localdomain.com", "https://webdomain.com/@foo", "https://webdomain.com/users/foo.atom", "https://webdomain.com/api/salmon/1", "https://webdomain.com/authorize_follow?acct={uri}"},
	} {
		d, err := xrd.Parse(vector(t, tt.name))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !xrd.Same(d.Subject, tt.subject) || !d.Is(tt.alias) || d.Href(xrd.RelUpdates) != tt.feed || d.Salmon() != tt.salmon || d.Template(xrd.RelSubscribe) != tt.subscribe {
			t.Errorf("%s: %+v", tt.name, d)
		}
		if key := d.Href(xrd.RelKey); !strings.HasPrefix(key, "data:application/magic-public-key,RSA.") && !strings.Contains(tt.name, "group") {
			t.Errorf("%s: key %q", tt.name, key)
		}
	}
	one, err := xrd.Parse(vector(t, "live-gs2/bob.xrd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := xrd.Parse(vector(t, "live-gs2/bob.jrd.json"))
	if err != nil || string(one.XML()) != string(other.XML()) {
		t.Errorf("the two spellings of one descriptor of GNU social read differently: %v", err)
	}
	for _, name := range []string{"discovery/atarifrosch.xrd.xml", "discovery/gnusocial.de-winterdienst.jrd.json", "discovery/mastodon-lambadalambda.xrd.xml", "discovery/shitposter-5381.xrd.xml"} {
		d, err := xrd.Parse(vector(t, name))
		if err != nil || d.Href(xrd.RelUpdates) == "" || d.Salmon() == "" || d.Href(xrd.RelKey) == "" || d.Href(xrd.RelProfile) == "" || len(d.Aliases) == 0 {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
	if _, err := xrd.Parse(vector(t, "discovery/heldscal-404.html")); err == nil {
		t.Error("an error page is a descriptor")
	}
}

func TestVectorHostMeta(t *testing.T) {
	if _, ok := vectors(t); !ok {
		return
	}
	for _, tt := range []struct{ name, kind, template string }{
		{"discovery/framatube.host-meta.xml", "", "http://framatube.org/main/xrd?uri={uri}"},
		{"discovery/heidelberg.host-meta.json", xrd.MediaTypeXRD, "https://social.stopwatchingus-heidelberg.de/.well-known/webfinger?resource={uri}"},
		{"discovery/heldscal.host-meta.xml", xrd.MediaTypeXRD, "https://social.heldscal.la/.well-known/webfinger?resource={uri}"},
		{"discovery/idn.host-meta.xml", xrd.MediaTypeXRD, "https://zetsubou.xn--q9jyb4c/.well-known/webfinger?resource={uri}"},
		{"discovery/macgirvin.host-meta.xml", xrd.MediaTypeXRD, "https://macgirvin.com/xrd/?uri={uri}"},
		{"discovery/squeet.host-meta.xml", xrd.MediaTypeXRD, "https://squeet.me/xrd/?uri={uri}"},
		{"live-gs2/host-meta.xml", xrd.MediaTypeXRD, "http://gs.test/.well-known/webfinger?resource={uri}"},
		{"live-gs2/host-meta.json", xrd.MediaTypeXRD, "http://gs.test/.well-known/webfinger?resource={uri}"},
		{"webfinger/quitter.no-host-meta.http.txt", xrd.MediaTypeXRD, "https://quitter.no/.well-known/webfinger?resource={uri}"},
		{"webfinger/localdomain-host-meta.http.txt", xrd.MediaTypeXRD, "https://webdomain.com/.well-known/webfinger?resource={uri}"},
		{"webfinger/redirected-host-meta.http.txt", xrd.MediaTypeJRD, "https://redirected.com/.well-known/webfinger?resource={uri}"},
	} {
		d, err := xrd.Parse(vector(t, tt.name))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		found := false
		for _, l := range d.Links {
			found = found || l.Rel == xrd.RelLRDD && l.Type == tt.kind && l.Template == tt.template
		}
		if !found {
			t.Errorf("%s: %+v", tt.name, d.Links)
		}
	}
}

// The three attempts to pass for somebody else, and the account whose pages are
// on another host.
func TestVectorSpoofing(t *testing.T) {
	if _, ok := vectors(t); !ok {
		return
	}
	body := func(name string) document { return document{body: string(vector(t, name))} }
	const hacker = "https://redirected.com" + finger + "acct%3Ahacker%40redirected.com"
	world := func(forged string) web {
		return web{
			"https://redirected.com" + hostMeta: body("webfinger/redirected-host-meta.http.txt"),
			hacker:                              body(forged),
			"https://quitter.no" + finger + "acct%3Agargron%40quitter.no":     body("webfinger/quitter.no-gargron.http.txt"),
			"https://localdomain.com" + hostMeta:                              body("webfinger/localdomain-host-meta.http.txt"),
			"https://webdomain.com" + finger + "acct%3Afoo%40localdomain.com": body("webfinger/localdomain-webfinger.http.txt"),
		}
	}
	var asked []string
	f := &xrd.Finder{Fetch: world("webfinger/hacker1.http.txt").fetch(&asked)}
	found, err := f.Find(t.Context(), "hacker@redirected.com")
	if err != nil || found.Resource.URI != "acct:gargron@quitter.no" || found.Descriptor.Salmon() != "https://quitter.no/main/salmon/user/7477" {
		t.Errorf("hacker1: %+v %v", found, err)
	}
	for _, name := range []string{"webfinger/hacker2.http.txt", "webfinger/hacker3.http.txt"} {
		f.Fetch = world(name).fetch(&asked)
		if found, err := f.Find(t.Context(), "hacker@redirected.com"); err == nil {
			t.Errorf("%s: %+v", name, found)
		}
	}
	found, err = f.Find(t.Context(), "foo@localdomain.com")
	if err != nil || found.Descriptor.Href(xrd.RelUpdates) != "https://webdomain.com/users/foo.atom" {
		t.Errorf("localdomain: %+v %v", found, err)
	}
}

func TestVectorPage(t *testing.T) {
	if _, ok := vectors(t); !ok {
		return
	}
	p, err := xrd.ParsePage(vector(t, "live-gs2/bob-profile.html"), http.Header{}, "http://gs.test/bob")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Feed(); got != "http://gs.test/api/statuses/user_timeline/2.atom" {
		t.Errorf("feed: %q", got)
	}
	c := p.Card()
	if c == nil || c.URL != "http://gs.test/bob" || c.Name != "Bobby B" {
		t.Errorf("card: %+v", c)
	}
}
