package bridge_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models/vocab"
)

func namesOf(t testing.TB, base string) *bridge.Names {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return bridge.NewNames(u)
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		base                         string
		canonical, host              string
		person, acct, profile, actor string
		aliases                      []string // besides those four and the page
	}{
		{"http://localhost:8080", "http://localhost:8080", "localhost:8080", "http://localhost:8080/api/user/Ann/profile", "acct:Ann@localhost:8080",
			"http://localhost:8080/api/user/Ann/profile", "http://localhost:8080/users/Ann", []string{"acct:Ann@localhost"}},
		{"https://example.org", "https://example.org", "example.org", "acct:Ann@example.org", "acct:Ann@example.org",
			"https://example.org/api/user/Ann/profile", "https://example.org/users/Ann", nil},
		{"https://example.org/", "https://example.org", "example.org", "acct:Ann@example.org", "acct:Ann@example.org",
			"https://example.org/api/user/Ann/profile", "https://example.org/users/Ann", nil},
		{"https://Example.ORG:443", "https://example.org", "example.org", "acct:Ann@example.org", "acct:Ann@example.org",
			"https://example.org/api/user/Ann/profile", "https://example.org/users/Ann", nil},
		{"https://example.org/prefix", "https://example.org/prefix", "example.org", "acct:Ann@example.org", "acct:Ann@example.org",
			"https://example.org/prefix/api/user/Ann/profile", "https://example.org/prefix/users/Ann", nil},
		{"http://example.org", "http://example.org", "example.org", "acct:Ann@example.org", "acct:Ann@example.org",
			"http://example.org/api/user/Ann/profile", "http://example.org/users/Ann", nil},
		{"http://example.org:80/", "http://example.org", "example.org", "acct:Ann@example.org", "acct:Ann@example.org",
			"http://example.org/api/user/Ann/profile", "http://example.org/users/Ann", nil},
		{"http://example.org:443", "http://example.org:443", "example.org:443", "acct:Ann@example.org", "acct:Ann@example.org:443",
			"http://example.org:443/api/user/Ann/profile", "http://example.org:443/users/Ann", nil},
		{"https://example.org:8443", "https://example.org:8443", "example.org:8443", "https://example.org:8443/api/user/Ann/profile",
			"acct:Ann@example.org:8443", "https://example.org:8443/api/user/Ann/profile", "https://example.org:8443/users/Ann", []string{"acct:Ann@example.org"}},
		{"http://[::1]:8080", "http://[::1]:8080", "[::1]:8080", "http://[::1]:8080/api/user/Ann/profile", "acct:Ann@[::1]:8080",
			"http://[::1]:8080/api/user/Ann/profile", "http://[::1]:8080/users/Ann", []string{"acct:Ann@[::1]"}},
		{"http://[::1]:80", "http://[::1]", "[::1]", "acct:Ann@[::1]", "acct:Ann@[::1]",
			"http://[::1]/api/user/Ann/profile", "http://[::1]/users/Ann", nil},
		{"https://[2001:DB8::1]", "https://[2001:db8::1]", "[2001:db8::1]", "acct:Ann@[2001:db8::1]", "acct:Ann@[2001:db8::1]",
			"https://[2001:db8::1]/api/user/Ann/profile", "https://[2001:db8::1]/users/Ann", nil},
	} {
		t.Run(strings.ReplaceAll(c.base, "/", "_"), func(t *testing.T) {
			n := namesOf(t, c.base)
			same(t, "base", n.Base, c.canonical)
			same(t, "host", n.Host, c.host)
			same(t, "person", n.Person("Ann"), c.person)
			same(t, "acct", n.Acct("Ann"), c.acct)
			same(t, "profile", n.Profile("Ann"), c.profile)
			same(t, "actor", n.Actor("Ann"), c.actor)
			same(t, "page", n.Page("Ann"), c.canonical+"/Ann")
			same(t, "followers", n.Followers("Ann"), c.canonical+"/api/user/Ann/followers")
			same(t, "thing", n.Thing("note", "T"), c.canonical+"/api/note/T")
			same(t, "page of a thing", n.ThingPage("Ann", "note", "T"), c.canonical+"/Ann/note/T")
			same(t, "page of a list", n.ThingPage("Ann", vocab.TypeCollection, "T"), c.canonical+"/Ann/list/T")
			same(t, "upload", n.Upload("Ann/1.png"), c.canonical+"/uploads/Ann/1.png")

			want := append([]string{c.person, c.acct, c.profile, c.actor, n.Page("Ann")}, c.aliases...)
			got := n.PersonAliases("Ann")
			slices.Sort(want)
			slices.Sort(got)
			equal(t, "aliases", got, slices.Compact(want)...)
			for _, alias := range got {
				for _, spelling := range spellings(alias) {
					same(t, "nickname of "+spelling, n.Nickname(spelling), "Ann")
					same(t, spelling+" is ours", n.Ours(spelling), true)
				}
			}
			for _, id := range []string{n.Base, n.Base + "/", n.Base + "/api/note/T", n.Base + "?x", n.Base + "#x"} {
				same(t, id+" is ours", n.Ours(id), true)
			}
			same(t, "token", n.Token(n.Thing("note", "T-_1")), "T-_1")
			same(t, "token of an unknown type", n.Token(n.Thing("http://types.example/x", "T")), "T")
			same(t, "followers of", n.FollowersOf(n.Followers("Ann")), "Ann")
			same(t, "followers of", n.FollowersOf(n.Actor("Ann")+"/followers"), "Ann")
			same(t, "upload path", n.UploadPath(n.Upload("Ann/2013/1.png")), "Ann/2013/1.png")
		})
	}
}

// spellings are other ways to write a name.
func spellings(name string) []string {
	list := []string{name}
	if acct, ok := strings.CutPrefix(name, "acct:"); ok {
		nick, host, _ := strings.Cut(acct, "@")
		return append(list, acct, "@"+acct, "ACCT:"+acct, "acct:"+nick+"@"+strings.ToUpper(host))
	}
	u, err := url.Parse(name)
	if err != nil {
		panic(err)
	}
	if !strings.HasSuffix(name, "/profile") {
		list = append(list, name+"/")
	}
	escaped := strings.Replace(name, "/Ann", "/%41nn", 1)
	shouted := strings.ToUpper(u.Scheme) + "://" + strings.ToUpper(u.Host) + u.EscapedPath()
	list = append(list, escaped, shouted)
	if port := map[string]string{"http": "80", "https": "443"}[u.Scheme]; u.Port() == "" {
		list = append(list, u.Scheme+"://"+u.Host+":"+port+u.EscapedPath())
	}
	return list
}

func TestNamesOfOthers(t *testing.T) {
	for base, names := range map[string][]string{
		"http://localhost:8080": {"", "ann", "@ann", "acct:", "acct:ann", "acct:@localhost", "acct:ann@", "acct:ann@localhost:8081", "acct:ann@localhost:80",
			"acct:ann@localhost.example", "acct:ann@far.example", "ann@far.example", "mailto:ann@localhost", "xmpp:ann@localhost:8080", "acct:ann@localhost/x",
			"acct:ann@far.example@localhost:8080/", "http://localhost:8080", "http://localhost:8080/", "http://localhost:8081/ann",
			"https://localhost:8080/ann", "http://localhost/ann", "http://localhost:80/ann", "http://localhost:80800/ann", "http://localhost:8080.far.example/ann",
			"http://ann@localhost:8080/bob", "ftp://localhost:8080/ann", "//localhost:8080/ann", "/ann",
			"http://localhost:8080/ann/note/T", "http://localhost:8080/api/note/T", "http://localhost:8080/api/user/ann", "http://localhost:8080/api/user/ann/feed",
			"http://localhost:8080/users/ann/followers", "http://localhost:8080/users/", "http://localhost:8080/api/user//profile",
			"http://localhost:8080/ann?x=1", "http://localhost:8080/ann#x", "http://localhost:8080/a%2Fb", "http://localhost:8080/a%zz", "http://localhost:8080/a%20b",
			"http://localhost:8080/API", "http://localhost:8080/main", "http://localhost:8080/Robots.txt", "http://localhost:8080/" + strings.Repeat("x", 65)},
		"https://example.org":        {"http://example.org/ann", "https://example.org:8443/ann", "https://example.org.far.example/ann", "acct:ann@example.org:8443"},
		"https://example.org/prefix": {"https://example.org/ann", "https://example.org/prefixed/ann", "https://example.org/prefixann"},
		"http://[::1]:8080":          {"acct:ann@::1", "http://::1:8080/ann"},
	} {
		n := namesOf(t, base)
		for _, name := range names {
			same(t, "nickname of "+name+" at "+base, n.Nickname(name), "")
		}
	}
	n := namesOf(t, home)
	for _, id := range []string{"", "http://localhost:8081/x", "http://localhost/x", "https://localhost:8080/x", "http://localhost:80801/", "acct:ann@far.example",
		"ann@localhost:9", "mailto:ann@localhost", "urn:x", "http://localhost:8080evil.example/"} {
		same(t, id+" is ours", n.Ours(id), false)
	}
	// Nobody can have these names, and nobody else can make them.
	for _, id := range []string{"acct:api@localhost:8080", "acct:no one@localhost", "acct:a/b@localhost", "HTTP://LOCALHOST:8080/x"} {
		same(t, id+" is ours", n.Ours(id), true)
	}
	for _, id := range []string{"", home + "/api/user/ann", home + "/api/user/ann/profile", home + "/api/note/", home + "/api/note", home + "/api/note/T/likes",
		home + "/api/note/T?x", home + "/api/unknown/T", home + "/ann/note/T", "https://far.example/api/note/T", "urn:T"} {
		same(t, "token of "+id, n.Token(id), "")
	}
	for _, id := range []string{"", home + "/api/user/ann/following", home + "/api/user/followers", home + "/api/user//followers", home + "/users/ann",
		home + "/users/ann/b/followers", home + "/ann/followers", "https://far.example/api/user/ann/followers", home + "/api/user/a%2Fb/followers"} {
		same(t, "whose followers "+id+" are", n.FollowersOf(id), "")
	}
	for _, address := range []string{"", home + "/uploads", home + "/upload/x", "https://far.example/uploads/x", "uploads/x"} {
		same(t, "upload path of "+address, n.UploadPath(address), "")
	}
}

func TestThingNames(t *testing.T) {
	n := namesOf(t, home)
	for kind, path := range map[string]string{"note": "note", "activity": "activity", "": "other", "http://types.example/x": "other", "user": "other", "Note": "other"} {
		same(t, "id of a "+kind, n.Thing(kind, "T"), home+"/api/"+path+"/T")
		same(t, kind+" has a class of its own", bridge.KnownType(kind), path == kind)
	}
	same(t, "page of what the server posts", n.ThingPage("", "note", "T"), home+"/api/note/T")
	o, names := n.NewObject("ann", vocab.TypeImage)
	equal(t, "names of a new object", names, o.ID, o.URL)
	same(t, "its page", o.URL, n.ThingPage("ann", vocab.TypeImage, n.Token(o.ID)))
	same(t, "its type", o.Type, vocab.TypeImage)
	seen := map[string]bool{}
	for range 1000 {
		token := bridge.NewToken()
		if len(token) != 22 || seen[token] || url.PathEscape(token) != token {
			t.Fatalf("the token %q is not 22 new characters that are safe in a URL", token)
		}
		seen[token] = true
	}
}

func TestReserved(t *testing.T) {
	for _, nick := range []string{"api", "oauth", "oauth2", "public", "robots.txt", "humans.txt", ".well-known", "sitemap.xml", "favicon.ico", "contribute.json",
		"main", "shared", "uploads", "users", "inbox", "hub", "salmon", "bridged", "nodeinfo", "authorize_interaction", "javascript"} {
		for _, spelling := range []string{nick, strings.ToUpper(nick), strings.ToUpper(nick[:1]) + nick[1:]} {
			same(t, fmt.Sprintf("%s is reserved", spelling), bridge.Reserved(spelling), true)
		}
	}
	// The long s, the Kelvin sign and full-width letters fold to plain ones.
	for _, nick := range []string{"uſerſ", "ｍａｉｎ", "DoCſ"} {
		same(t, nick+" is reserved", bridge.Reserved(nick), true)
	}
	for _, nick := range []string{"ann", "apis", "mainly", "", "user1"} {
		same(t, nick+" is reserved", bridge.Reserved(nick), false)
	}
}
