package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/web"
)

// attacks are what people have tried to get into pages; the helper that fetches
// a page complains about all that can act.
var attacks = []string{
	`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `</title><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`,
	`<svg onload=alert(1)>`, `<a href="javascript:alert(1)">x</a>`, `<a href="JaVaScRiPt&#58;alert(1)">x</a>`, `<a href=" &#1; javascript:alert(1)">x</a>`,
	`<a href="data:text/html,<script>alert(1)</script>">x</a>`, `<a href="//evil.example/">x</a>`, `<a href="/oauth/authorize">x</a>`,
	`<iframe src="https://evil.example/"></iframe>`, `<form action="https://evil.example/"><input name=password><button>Log in</button></form>`,
	`<style>body{display:none}</style>`, `<p style="position:fixed">x</p>`, `<base href="https://evil.example/">`, `<meta http-equiv=refresh content=0>`,
	`<math><mi xlink:href="javascript:alert(1)">x</mi></math>`, `<p id="main">x</p><p id="main">y</p>`, `</div></article></main></body>`, `<div><div><p>open`,
	`<table><tr><td>x</table></div>`, `<!-- <script>`, `<h1>Breaking</h1>`, `<img src="/api/whoami">`, `<img src="data:image/svg+xml,x">`, `{{.Site}}`,
	`javascript:alert(1)`, `' onmouseover='alert(1)`, "\x00<scr\x00ipt>alert(1)</script>", `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<select><template><img src=x onerror=alert(1)></template></select>`, strings.Repeat("<div>", 2000),
}

func TestHostilePeople(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	for _, attack := range attacks {
		s.do(ann, &vocab.Activity{Verb: vocab.VerbUpdate, Object: &vocab.Object{ID: ann.Doc.ID, Type: vocab.TypePerson, DisplayName: attack, Summary: attack,
			Location: &vocab.Object{Type: vocab.TypePlace, DisplayName: attack}, Image: &vocab.Media{URL: attack}, URL: attack}})
		s.get("/ann").is(http.StatusOK)
	}
}

func TestHostileThings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	picture := &vocab.Media{URL: "https://far.example/1.png"}
	parent := s.post(ann, note("", "parent"))
	for i, attack := range attacks {
		evil := &vocab.Object{Type: vocab.TypeImage, DisplayName: attack, Content: attack, Summary: attack, Image: picture, FullImage: &vocab.Media{URL: attack},
			Location: &vocab.Object{Type: vocab.TypePlace, DisplayName: attack}, FileURL: attack, Stream: &vocab.Media{URL: attack},
			Attachments: []*vocab.Object{{Type: vocab.TypeImage, DisplayName: attack, Image: picture}, {Type: vocab.TypeVideo, DisplayName: attack, Stream: &vocab.Media{URL: attack}}}}
		own := s.post(ann, evil)
		s.get(s.path(own.URL)).is(http.StatusOK)
		// The id and the page of what a program made elsewhere are as it says.
		made := evil.Clone()
		name := strings.ReplaceAll(attack[:min(len(attack), 1000)], "\x00", "")
		made.ID, made.URL, made.InReplyTo = fmt.Sprintf("made:%d/%s", i, name), attack, []*vocab.Object{{ID: "far:" + name, Type: name}}
		s.post(ann, made)
		answer := evil.Clone()
		answer.Type, answer.InReplyTo = vocab.TypeComment, []*vocab.Object{parent.Ref()}
		answer = s.post(ann, answer)
		s.get(s.path(answer.URL)).is(http.StatusOK)
		checkin := s.do(ann, &vocab.Activity{Verb: vocab.VerbCheckin, Content: attack, Title: attack, Object: &vocab.Object{Type: vocab.TypePlace, DisplayName: attack, URL: attack}})
		s.get(s.path(checkin.Doc.URL)).is(http.StatusOK)
		s.get("/ann").is(http.StatusOK)
		s.get(s.path(parent.URL)).is(http.StatusOK)
	}
}

// What is in the store may have come there without being cleaned.
func TestHostileStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.person("ann")
	o := s.post(ann, note("Title", "text"))
	for _, attack := range attacks {
		err := s.DB().Write(t.Context(), func(tx *models.Tx) error {
			row, err := tx.ObjectByIRI(t.Context(), o.ID)
			if err != nil {
				return err
			}
			row.Doc = row.Doc.Clone()
			row.Doc.Content, row.Doc.URL = attack, attack
			return tx.UpdateObject(t.Context(), row)
		})
		if err != nil {
			t.Fatal(err)
		}
		s.get(s.path(o.URL)).is(http.StatusOK)
		s.get("/ann").is(http.StatusOK)
	}
}

// Pages are given no such addresses; should one be forgotten, it does not get into
// them.
func TestHostileAddresses(t *testing.T) {
	const addresses = 26 // that PageAt has
	for address, want := range map[string]bool{
		"https://x.example/?a=1&b=\"2\"'<3>": true, "mailto:ann@x.example": true, "/ann": true,
		"javascript:alert(1)": false, "JaVaScRiPt:alert(1)": false, " javascript:alert(1)": false, "\x01javascript:alert(1)": false,
		"java\nscript:alert(1)": false, "java\tscript:alert(1)": false, "vbscript:x": false, "data:text/html,<script>alert(1)</script>": false,
		"blob:https://x.example/1": false, "file:///etc/passwd": false,
	} {
		t.Run(address, func(t *testing.T) {
			body, err := web.PageAt(address)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := html.Parse(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for n := range doc.Descendants() {
				for _, a := range n.Attr {
					if a.Key != "href" && a.Key != "src" || a.Val == "/" || strings.HasSuffix(a.Val, ".css") || strings.HasSuffix(a.Val, ".svg") {
						continue
					}
					found++
					if want && a.Val != address || !want && !strings.HasPrefix(a.Val, "about:invalid#") {
						t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
					}
				}
			}
			same(t, "addresses found", found, addresses)
		})
	}
}

func TestContent(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"text", `a < b & "c"`, `a &lt; b &amp; &#34;c&#34;`},
		{"markup stays", `<p>a <b>b</b><br>c</p>`, `<p>a <b>b</b><br/>c</p>`},
		{"links", `<a href="https://x.example/?a=1&amp;b=2" rel="me" class="mention u-url">x</a>`,
			`<a class="mention" href="https://x.example/?a=1&amp;b=2" rel="nofollow noopener ugc">x</a>`},
		{"mail", `<a href="mailto:ann@x.example">x</a>`, `<a href="mailto:ann@x.example" rel="nofollow noopener ugc">x</a>`},
		{"links into this server", `<a href="/main/logout">x</a>`, `<a rel="nofollow noopener ugc">x</a>`},
		{"pictures", `<img src="https://x.example/1.png">`, `<img src="https://x.example/1.png" alt="" loading="lazy"/>`},
		{"described pictures", `<img alt="a boat" src="http://x.example/1.png">`, `<img src="http://x.example/1.png" alt="a boat" loading="lazy"/>`},
		{"pictures of this server", `<p>a <img src="/api/whoami" alt="boat"> b</p>`, `<p>a boat b</p>`},
		{"stray ends", `a</p></div></article>b`, `a<p></p>b`},
		{"open elements", `<div><b>a`, `<div><b>a</b></div>`},
		{"headings", `<h1>a</h1><h2>b</h2><h3>c</h3>`, `<h4>a</h4><h5>b</h5><h6>c</h6>`},
		{"microformats", `<span class="h-card"><a class="u-url p-name invisible" href="https://x.example/">x</a></span>`,
			`<span><a class="invisible" href="https://x.example/" rel="nofollow noopener ugc">x</a></span>`},
		{"nothing", ``, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			same(t, tt.in, web.Content(tt.in), tt.want)
		})
	}
}

func TestPlainText(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{`<p>One</p><p>two &amp;<br>three</p>`, 100, "One two & three"},
		{`<b>o</b>ne <script>two</script>`, 100, "one"},
		{"äöü äöü", 7, "äöü äöü"},
		{"äöü äöü", 6, "äöü ä…"},
		{"äöü äöü", 5, "äöü…"},
		{strings.Repeat("word ", 10_000), 9, "word wor…"},
	}
	for _, tt := range tests {
		same(t, tt.in[:min(len(tt.in), 20)], web.PlainText(tt.in, tt.n), tt.want)
	}
}

func FuzzContent(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := &answer{t: t, body: `<html lang="en"><head><title>x</title></head><body><h1>x</h1><div>` + web.Content(s) + `</div></body></html>`}
		a.check("content")
		// What stands after the content is still where it was.
		doc, err := html.Parse(strings.NewReader(`<div>` + web.Content(s) + `</div><p class=after>x</p>`))
		if err != nil {
			t.Fatal(err)
		}
		if after := within(doc, "p", "after"); len(after) != 1 || after[0].Parent.Data != "body" {
			t.Errorf("%q swallows what follows", s)
		}
	})
}
