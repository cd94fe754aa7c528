package linkheader_test

import (
	"reflect"
	"strings"
	"testing"

	"manifold/internal/linkheader"
)

func TestParse(t *testing.T) {
	link := func(target, rels string, params ...string) linkheader.Link {
		l := linkheader.Link{Target: target, Rels: strings.Fields(rels), Params: map[string]string{}}
		for i := 0; i < len(params); i += 2 {
			l.Params[params[i]] = params[i+1]
		}
		return l
	}
	for _, tt := range []struct {
		name   string
		values []string
		want   []linkheader.Link
	}{
		{"one", []string{`<https://a.example/hub>; rel="hub"`}, []linkheader.Link{link("https://a.example/hub", "hub")}},
		{"several in one header", []string{`<https://a.example/hub>; rel=hub, </feed?a=1,2;3>; rel="self"; type="application/atom+xml"`},
			[]linkheader.Link{link("https://a.example/hub", "hub"), link("/feed?a=1,2;3", "self", "type", "application/atom+xml")}},
		{"several headers", []string{`<a>; rel=hub`, `<b>; rel=self`}, []linkheader.Link{link("a", "hub"), link("b", "self")}},
		{"several relations, their case", []string{`<a>; REL="Hub http://X.example/Rel"`}, []linkheader.Link{link("a", "hub http://X.example/Rel")}},
		{"the first counts", []string{`<a>; rel=hub; rel=self; title="x"; title="y"`}, []linkheader.Link{link("a", "hub", "title", "x")}},
		{"quoted", []string{`<a>; title="b, \"c\"; <d>"; rel=hub, <e>; rel=self`},
			[]linkheader.Link{link("a", "hub", "title", `b, "c"; <d>`), link("e", "self")}},
		{"without a value", []string{`<a>; crossorigin; rel=preload`}, []linkheader.Link{link("a", "preload", "crossorigin", "")}},
		{"of something else", []string{`<a>; rel=hub; anchor="#b", <c>; rel=hub`}, []linkheader.Link{link("c", "hub")}},
		{"garbled", []string{`a; rel=hub, <b>; rel=self`, `<c`, ``}, []linkheader.Link{link("b", "self")}},
		{"too long", []string{`<a>; rel=hub`, strings.Repeat("<b>,", 10_000)}, []linkheader.Link{link("a", "hub")}},
	} {
		got := linkheader.Parse(tt.values)
		for i := range got {
			if got[i].Rels == nil {
				got[i].Rels = []string{}
			}
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := len(linkheader.Parse([]string{strings.Repeat("<b>,", 200)})); got != 100 {
		t.Errorf("%d links of 200 were read", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`<a>; rel="hub b"; title="\"", <c>; rel=self; anchor=x`, "hub")
	f.Add(`<<>>;;;,,=,"`, "")
	f.Fuzz(func(t *testing.T, header, rel string) {
		for _, l := range linkheader.Parse([]string{header}) {
			l.Is(rel)
			// What is written is one link again.
			written := linkheader.Format(l, linkheader.Link{Target: "end", Rels: []string{"end"}})
			got := linkheader.Parse([]string{written})
			if len(got) != 2 || !got[1].Is("end") || !reflect.DeepEqual(got[0].Rels, l.Rels) || got[0].Params["type"] != l.Params["type"] {
				if !strings.ContainsAny(l.Params["type"]+strings.Join(l.Rels, ""), "\r\n") && len(written) < 32<<10 {
					t.Errorf("%q is written as %q and read as %q", l, written, got)
				}
			}
		}
	})
}
