package xrd_test

import (
	"net/http"
	"strings"
	"testing"

	"manifold/ostatus/xrd"
)

func page(t testing.TB, body string, header ...string) *xrd.Page {
	t.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	p, err := xrd.ParsePage([]byte(body), h, "https://us.example/people/ann")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPageLinks(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"none", "<p>words", ""},
		{"the first", `<link rel=alternate type=application/atom+xml href="1"><link rel=alternate type=application/atom+xml href="2">`, "https://us.example/people/1"},
		{"Atom before RSS", `<link rel=alternate type=application/rss+xml href="/r"><link rel="feed ALTERNATE" type="Application/Atom+XML" href="/a">`, "https://us.example/a"},
		{"RSS", `<link rel=alternate type=application/rss+xml href="//cdn.example/r">`, "https://cdn.example/r"},
		{"empty", `<link rel=alternate type=application/atom+xml href=" "><link rel=alternate type=application/atom+xml href="/a">`, "https://us.example/a"},
		{"base", `<base href="/b/"><link rel=alternate type=application/atom+xml href="a">`, "https://us.example/b/a"},
		{"XHTML", `<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head><link rel="alternate" type="application/atom+xml" href="/a"/></head></html>`, "https://us.example/a"},
		{"another type", `<link rel=alternate type=application/json href="/a">`, ""},
		{"in a comment", `<!-- <link rel=alternate type=application/atom+xml href="/a"> -->`, ""},
		{"behind more than is read", strings.Repeat("<p>", 1<<20) + `<link rel=alternate type=application/atom+xml href="/a">`, ""},
	} {
		p, err := xrd.ParsePage([]byte(tt.body), http.Header{"Content-Type": {"text/html"}}, "https://us.example/people/ann")
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := p.Feed(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if _, err := xrd.ParsePage([]byte(strings.Repeat("<div>", 10_000)), nil, "https://us.example/"); err == nil || !strings.HasPrefix(err.Error(), "xrd: not a readable HTML: ") {
		t.Errorf("deep nesting: %v", err)
	}
	p := page(t, `<link rel=lrdd href="/1"><link rel=lrdd href="/2">`, "Link", `</1>; rel="lrdd", </0>; rel="hub"`)
	if got := strings.Join(p.Descriptors(), " "); got != "https://us.example/1 https://us.example/2" {
		t.Errorf("descriptors: %s", got)
	}
}

func TestCard(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       xrd.Card
	}{
		{"h-card", `<div class="x h-card"><a class="u-url u-uid" href="/people/ann"><img class="u-photo" src="/a.png" alt="no"></a>
			<b class="p-name">Ann <i>of</i>  Us</b> <i class="p-nickname">ann</i><p class="p-note">paints &amp; sails</p><span class="p-locality">Here</span></div>`,
			xrd.Card{Name: "Ann of Us", Nickname: "ann", Note: "paints & sails", Address: "Here", Photo: "https://us.example/a.png", URL: "https://us.example/people/ann", UID: "https://us.example/people/ann"}},
		{"hCard", `<div class="vcard"><span class="fn">Ann</span><a class="url" href="https://ann.example">x</a><img class="photo" src="a.png"><div class="adr"><span class="label">There</span></div></div>`,
			xrd.Card{Name: "Ann", Address: "There", Photo: "https://us.example/people/a.png", URL: "https://ann.example"}},
		{"implied", `<a class="h-card" href="/people/ann" title="t">Ann</a>`, xrd.Card{Name: "Ann", URL: "https://us.example/people/ann"}},
		{"abbr", `<p class=vcard><abbr class=fn title="Ann Long">A.</abbr>`, xrd.Card{Name: "Ann Long"}},
		{"the one of the page", `<a class="h-card" href="/people/bob">Bob</a><a class="h-card" href="https://US.example/people/ann">Ann</a>`, xrd.Card{Name: "Ann", URL: "https://US.example/people/ann"}},
		{"inner cards are others", `<div class="h-card"><span class="p-org h-card"><b class="p-name">The Club</b></span><b class="p-name">Ann</b><a class=u-url href="/people/ann"></a></div>`,
			xrd.Card{Name: "Ann", URL: "https://us.example/people/ann"}},
		{"scripts say nothing", `<div class=h-card><p class=p-note>a<script>b</script><style>c</style></p><p class=p-name>n</div>`, xrd.Card{Name: "n", Note: "a"}},
	} {
		got := page(t, tt.body).Card()
		if got == nil || *got != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if c := page(t, `<a class="h-card" href="/a">A</a><a class="h-card" href="/b">B</a>`).Card(); c != nil {
		t.Errorf("one of two was chosen: %+v", c)
	}
	if c := page(t, "<p>").Card(); c != nil {
		t.Errorf("a card of nobody: %+v", c)
	}
	if p := page(t, strings.Repeat("<a class=h-card>x</a>", 1000)); len(p.Cards) != 64 {
		t.Errorf("%d cards", len(p.Cards))
	}
	latin := page(t, "<meta charset=iso-8859-1><p class=h-card>\xe9</p>")
	if c := latin.Card(); c == nil || c.Name != "é" {
		t.Errorf("in ISO-8859-1: %+v", c)
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add([]byte(`<base href="x"><link rel="a b" href="//c"><div class="h-card vcard"><img class="u-photo fn" src=":"><a class=url></a></div>`), `<a>; rel="lrdd"`)
	f.Fuzz(func(t *testing.T, body []byte, link string) {
		p, err := xrd.ParsePage(body, http.Header{"Link": {link}, "Content-Type": {"text/html"}}, "https://us.example/")
		if err != nil {
			return
		}
		p.Feed()
		p.Card()
		for _, l := range p.Links {
			if l.Rel == "" || l.Href == "" {
				t.Errorf("a link without what makes it one: %+v", l)
			}
		}
	})
}
