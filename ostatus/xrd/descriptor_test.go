package xrd_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"manifold/ostatus/xrd"
)

// full has everything that a descriptor can have.
var full = &xrd.Descriptor{
	Expires:    time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	Subject:    "acct:ann@us.example",
	Aliases:    []string{"https://us.example/ann", "https://us.example/users/ann?a=1&b=<2>"},
	Properties: []xrd.Property{{Type: "http://a.example/name", Value: "Ann & Co"}, {Type: "http://a.example/none", Nil: true}},
	Links: []xrd.Link{
		{Rel: xrd.RelUpdates, Type: "application/atom+xml", Href: "https://us.example/users/ann/feed.atom",
			Titles: []xrd.Title{{Lang: "de", Text: "Das <Neueste>"}, {Text: "The latest"}}, Properties: []xrd.Property{{Type: "http://a.example/x", Value: "1"}}},
		{Rel: xrd.RelSubscribe, Template: "https://us.example/authorize_interaction?uri={uri}"},
		{Rel: xrd.RelSalmonReplies, Href: "https://us.example/salmon/1"},
	},
}

func TestFormats(t *testing.T) {
	for _, f := range []xrd.Format{xrd.XRD, xrd.JRD} {
		doc := f.Write(full)
		got, err := xrd.Parse(doc)
		if err != nil || !reflect.DeepEqual(got, full) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v\n%s", f.MediaType(), err, got, full, doc)
		}
	}
	if got, want := string((&xrd.Descriptor{Subject: "acct:a@b.example", Links: []xrd.Link{{Rel: "self", Href: "https://b.example/?a&b"}}}).JSON()),
		`{"subject":"acct:a@b.example","links":[{"rel":"self","href":"https://b.example/?a&b"}]}`+"\n"; got != want {
		t.Errorf("JRD: %s, want %s", got, want)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">
<Subject>acct:a@b.example</Subject>
<Link rel="self" href="https://b.example/?a&amp;b"></Link>
</XRD>
`
	if got := string((&xrd.Descriptor{Subject: "acct:a@b.example", Links: []xrd.Link{{Rel: "self", Href: "https://b.example/?a&b"}}}).XML()); got != want {
		t.Errorf("XRD: %s", got)
	}
}

func TestLookups(t *testing.T) {
	d := full
	for _, tt := range []struct{ what, got, want string }{
		{"feed", d.Href(xrd.RelUpdates), "https://us.example/users/ann/feed.atom"},
		{"feed of a type", d.Href(xrd.RelUpdates, "application/rss+xml", "application/atom+xml"), "https://us.example/users/ann/feed.atom"},
		{"feed of another type", d.Href(xrd.RelUpdates, "application/rss+xml"), ""},
		{"what has a template", d.Href(xrd.RelSubscribe), ""},
		{"template", d.Template(xrd.RelSubscribe), "https://us.example/authorize_interaction?uri={uri}"},
		{"salmon as StatusNet names it", d.Salmon(), "https://us.example/salmon/1"},
		{"salmon of nobody", (&xrd.Descriptor{}).Salmon(), ""},
		{"names", strings.Join(d.Names(), " "), "acct:ann@us.example https://us.example/ann https://us.example/users/ann?a=1&b=<2>"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	if v, ok := d.Property("http://a.example/name"); !ok || v != "Ann & Co" {
		t.Errorf("property: %q %t", v, ok)
	}
	if v, ok := d.Property("http://a.example/none"); ok {
		t.Errorf("a property without a value has %q", v)
	}
}

// Peers are less careful than the specifications.
func TestTolerance(t *testing.T) {
	const head = `<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">`
	for _, tt := range []struct {
		name, doc string
		want      xrd.Descriptor
	}{
		{"empty list of PHP for an empty object", `{"subject":"acct:a@b.example","properties":[],"links":[{"rel":"x","href":"y","titles":[],"properties":[]}]}`,
			xrd.Descriptor{Subject: "acct:a@b.example", Links: []xrd.Link{{Rel: "x", Href: "y"}}}},
		{"one alias alone", `{"aliases":"https://b.example/"}`, xrd.Descriptor{Aliases: []string{"https://b.example/"}}},
		{"members of wrong types", `{"subject":1,"aliases":[1,null,"a"],"links":[1,{"rel":2,"href":"h"}],"expires":"never","x":{}}`,
			xrd.Descriptor{Aliases: []string{"a"}, Links: []xrd.Link{{Href: "h"}}}},
		{"null everywhere", `{"subject":null,"aliases":null,"links":null,"properties":null}`, xrd.Descriptor{}},
		{"white space around", " \n\ufeff\n" + head + "<Subject>\n a@b.example </Subject><Alias/></XRD>\n", xrd.Descriptor{Subject: "a@b.example", Aliases: []string{""}}},
		{"elements of others", head + `<hm:Host xmlns:hm="http://host-meta.net/xrd/1.0">b.example</hm:Host><Link rel="lrdd" template=" https://b.example/{uri} "><Title>x</Title></Link></XRD>`,
			xrd.Descriptor{Links: []xrd.Link{{Rel: "lrdd", Template: "https://b.example/{uri}", Titles: []xrd.Title{{Text: "x"}}}}}},
		{"prefixed", `<x:XRD xmlns:x="http://docs.oasis-open.org/ns/xri/xrd-1.0"><x:Subject>a</x:Subject><Subject>b</Subject></x:XRD>`, xrd.Descriptor{Subject: "a"}},
	} {
		doc := strings.TrimPrefix(tt.doc, " \n")
		got, err := xrd.Parse([]byte(doc))
		if err != nil || !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s: %+v %v", tt.name, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	many := `{"links":[` + strings.Repeat("{},", 256) + `{}]}`
	for _, tt := range []struct{ name, doc, want string }{
		{"nothing", "", "xrd: not a readable descriptor: it begins neither like XML nor like JSON"},
		{"text", "Not found", "xrd: not a readable descriptor: it begins neither like XML nor like JSON"},
		{"HTML", "<!DOCTYPE html><title>Error</title>", "xrd: not a readable XRD: xml: documents with a document type (DOCTYPE) are not read"},
		{"XHTML", "<html/>", "xrd: not a readable XRD: the root is not the element XRD of http://docs.oasis-open.org/ns/xri/xrd-1.0"},
		{"billion laughs", `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Subject>&b;</Subject></XRD>`,
			"xrd: not a readable XRD: xml: documents with a document type (DOCTYPE) are not read"},
		{"deep nesting", strings.Repeat("<a>", 10_000), "xrd: not a readable XRD: xml: the document has more than 16 levels"},
		{"cut JSON", `{"subject":`, "xrd: not a readable JRD: unexpected end of JSON input"},
		{"deep JSON", `{"links":` + strings.Repeat("[", 100_000), "exceeded max depth"},
		{"too long", `{"subject":"` + strings.Repeat("a", xrd.MaxDocument) + `"}`, "xrd: the document has more than 262144 bytes"},
		{"too many links", many, "xrd: the document has more than 256 links"},
		{"too many aliases", `{"aliases":[` + strings.Repeat(`"a",`, 256) + `"a"]}`, "xrd: the document has more than 256 aliases"},
	} {
		if _, err := xrd.Parse([]byte(tt.doc)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestSame(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"acct:ann@us.example", "acct:ann@us.example", true},
		{"acct:ann@us.example", "ann@US.example", true},
		{"ACCT:ann@us.example", "@ann@us.example", true},
		{"acct:ann@us.example", "acct:Ann@us.example", false},
		{"acct:ann@us.example", "acct:ann@us.example:8080", false},
		{"acct:ann@us.example", "https://us.example/ann", false},
		{"https://US.example:443/ann", "https://us.example/ann", true},
		{"https://us.example", "https://us.example/", true},
		{"https://us.example/Ann", "https://us.example/ann", false},
		{"https://us.example/ann/", "https://us.example/ann", false},
		{"http://us.example/ann", "https://us.example/ann", false},
		{"http://us.example:4040/1", "http://us.example/1", false},
		{"tag:us.example,2026:1", "tag:us.example,2026:1", true},
		{"", "", true},
		{"", "acct:ann@us.example", false},
	} {
		if got := xrd.Same(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: %t", tt.a, tt.b, got)
		}
	}
}

func TestParseResource(t *testing.T) {
	for _, tt := range []struct{ name, uri, host string }{
		{"ann@Us.example", "acct:ann@us.example", "us.example"},
		{"@ann@us.example", "acct:ann@us.example", "us.example"},
		{"acct:ann@us.example:8080", "acct:ann@us.example:8080", "us.example:8080"},
		{"ann@localhost:8080", "acct:ann@localhost:8080", "localhost:8080"},
		{"acct:a@b@us.example", "acct:a@b@us.example", "us.example"},
		{"https://Us.example:443/ann?x=1", "https://Us.example:443/ann?x=1", "us.example"},
		{"http://us.example:4040/user/1", "http://us.example:4040/user/1", "us.example:4040"},
	} {
		if r, err := xrd.ParseResource(tt.name); err != nil || r.URI != tt.uri || r.Host != tt.host || r.Account != strings.HasPrefix(tt.uri, "acct:") {
			t.Errorf("%s: %+v %v", tt.name, r, err)
		}
	}
	for _, name := range []string{"", "ann", "acct:ann", "@us.example", "ann@", "tag:us.example,2026:1", "mailto:ann@us.example", "https:///x", "https://ann:pw@us.example/",
		"ann@us.example/../x", "ann@us.example?x", "ann@us example", "ann@us.example#", "javascript:alert(1)@x", "ann@us.example" + strings.Repeat("e", 3000)} {
		_, err := xrd.ParseResource(name)
		if _, ok := errors.AsType[*xrd.ResourceError](err); !ok || len(err.Error()) > 300 {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestExpand(t *testing.T) {
	got, ok := xrd.Expand("https://us.example/xrd?uri={uri}&again={uri}", "acct:a b&c+é@us.example/?#")
	if want := "https://us.example/xrd?uri=acct%3Aa%20b%26c%2B%C3%A9%40us.example%2F%3F%23&again=acct%3Aa%20b%26c%2B%C3%A9%40us.example%2F%3F%23"; !ok || got != want {
		t.Errorf("got %s", got)
	}
	if _, ok := xrd.Expand("https://us.example/xrd", "acct:ann@us.example"); ok {
		t.Error("what has no {uri} is a template")
	}
}

func TestNegotiate(t *testing.T) {
	for _, tt := range []struct {
		accept, agent string
		otherwise     xrd.Format
		want          xrd.Format
	}{
		{"", "", xrd.JRD, xrd.JRD},
		{"", "", xrd.XRD, xrd.XRD},
		{"*/*", "curl/8", xrd.JRD, xrd.JRD},
		{"application/xrd+xml", "", xrd.JRD, xrd.XRD},
		{"application/jrd+json", "", xrd.XRD, xrd.JRD},
		{"application/json", "", xrd.XRD, xrd.JRD},
		{"application/jrd+json;q=0.4, application/xrd+xml; q=0.5", "", xrd.JRD, xrd.XRD},
		{"application/xrd+xml;q=0.5,application/json;q=0.9", "", xrd.XRD, xrd.JRD},
		{"application/xrd+xml, application/jrd+json", "", xrd.JRD, xrd.JRD},
		{"application/xrd+xml, application/jrd+json", "", xrd.XRD, xrd.XRD},
		{"application/xrd+xml;q=0", "", xrd.JRD, xrd.JRD},
		{"garbage;;;,=", "", xrd.JRD, xrd.JRD},
		{"", "StatusNet/1.0.1", xrd.JRD, xrd.XRD},
		{"", "StatusNet/0.9.7beta3", xrd.JRD, xrd.XRD},
		{"*/*", "StatusNet/1.1.0", xrd.JRD, xrd.XRD},
		{"", "StatusNet/1.1.0-release", xrd.JRD, xrd.XRD},
		{"", "StatusNet/1.1.1", xrd.JRD, xrd.JRD},
		{"", "StatusNet/2.0", xrd.JRD, xrd.JRD},
		{"", "StatusNet/x", xrd.JRD, xrd.JRD},
		{"", "GNU social/1.0.0", xrd.JRD, xrd.JRD},
		{"application/json", "StatusNet/1.0.1", xrd.JRD, xrd.JRD},
	} {
		if got := xrd.Negotiate([]string{tt.accept}, tt.agent, tt.otherwise); got != tt.want {
			t.Errorf("Accept %q, User-Agent %q: %s", tt.accept, tt.agent, got.MediaType())
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full.XML())
	f.Add(full.JSON())
	f.Add([]byte(`{"aliases":[],"properties":{"a":null,"a":"b"},"links":[{"titles":{"und":"x"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := xrd.Parse(body)
		if err != nil {
			return
		}
		d.Is("acct:ann@us.example")
		for _, format := range []xrd.Format{xrd.XRD, xrd.JRD} {
			once, err := xrd.Parse(format.Write(d))
			if err != nil {
				if _, ok := errors.AsType[*xrd.TooLargeError](err); ok {
					continue // escaping makes it longer
				}
				t.Fatalf("%v in %s", err, format.Write(d))
			}
			twice, err := xrd.Parse(format.Write(once))
			if err != nil || fmt.Sprintf("%+v", twice) != fmt.Sprintf("%+v", once) {
				t.Errorf("%s: %+v is written and read as %+v %v", format.MediaType(), once, twice, err)
			}
		}
	})
}

func FuzzParseResource(f *testing.F) {
	f.Add("acct:ann@us.example:80")
	f.Add("https://us.example/%zz")
	f.Fuzz(func(t *testing.T, name string) {
		r, err := xrd.ParseResource(name)
		if err != nil {
			return
		}
		again, err := xrd.ParseResource(r.URI)
		if err != nil || again != r || !xrd.Same(name, r.URI) {
			t.Errorf("%q is %+v, that is %+v %v", name, r, again, err)
		}
		if strings.ContainsAny(r.Host, "/?#@ \\") || r.Host == "" {
			t.Errorf("%q has the host %q", name, r.Host)
		}
	})
}
