package bridge_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"manifold/bridge"
	"manifold/models/vocab"
)

func TestSanitize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, in, want string }{
		{"script", `a<script>alert(1)</script>b`, "ab"},
		{"script in capitals", `a<SCRIPT SRC="//x">x</SCRIPT>b`, "ab"},
		{"script that does not end", `a<script>alert(1)`, "a"},
		{"script in a script", `<scr<script>ipt>alert(1)</scr</script>ipt>`, "ipt&gt;alert(1)ipt&gt;"},
		{"handler", `<p onclick="x()">a</p>`, "<p>a</p>"},
		{"handler in capitals", `<b ONMOUSEOVER=x()>a</b>`, "<b>a</b>"},
		{"handler after a slash", `<img/onerror=x() src="https://x.example/1.png"/>`, `<img src="https://x.example/1.png"/>`},
		{"javascript", `<a href="javascript:x()">a</a>`, "a"},
		{"javascript in capitals", `<a href=" JaVaScRiPt:x()">a</a>`, "a"},
		{"javascript with a tab", "<a href=\"java\tscript:x()\">a</a>", "a"},
		{"javascript by entities", `<a href="&#106;avascript&colon;x()">a</a>`, "a"},
		{"data", `<a href="data:text/html,<script>">a</a>`, "a"},
		{"data in a picture", `<img src="data:image/svg+xml,x">`, ""},
		{"iframe", `a<iframe src="https://x.example"></iframe>b`, "ab"},
		{"object and embed", `a<object data="x"></object><embed src="x">b`, "ab"},
		{"style", `<p style="position:fixed">a</p><style>p{}</style>`, "<p>a</p>"},
		{"form", `<form action="https://x.example"><input name=a><button>b</button></form>`, "b"},
		{"meta and base", `<meta http-equiv=refresh content="0;x"><base href="//x"><link rel=stylesheet href=x>a`, "a"},
		{"svg", `<svg onload=x()><script>x</script></svg>a`, "a"},
		{"math", `<math><mtext><img src=x onerror=x()></mtext></math>`, `<img src="x">`},
		{"noscript", `<noscript><p title="</noscript><img src=x onerror=x()>"></noscript>`, `<img src="x">&#34;&gt;`},
		{"template", `<template><b>a</b></template>`, "<b>a</b>"},
		{"comment", `a<!-- x -->b`, "ab"},
		{"conditional comment", `a<!--[if IE]><script>x</script><![endif]-->b`, "ab"},
		{"cdata", `a<![CDATA[<script>x</script>]]>b`, "ax]]&gt;b"},
		{"processing instruction", `<?xml version="1.0"?>a`, "a"},
		{"doctype", `<!DOCTYPE html>a`, "a"},
		{"tag that does not end", `a<img src=x onerror=x() `, "a"},
		{"tag that does not end, with a quote", `a<img src="x onerror=x()`, "a"},
		{"end tag that does not end", `<b>a</b`, "<b>a"},
		{"comment that does not end", `a<!-- <img src=x onerror=x()`, "a"},
		{"less-than sign", `1 < 2`, "1 &lt; 2"},
		{"less-than sign at the end", `a <`, "a &lt;"},
		{"attribute twice", `<a href="https://x.example" href="javascript:x()">a</a>`, `<a href="https://x.example">a</a>`},
		{"quote in an attribute", `<a title='"><script>x</script>' href="https://x.example">a</a>`,
			`<a title="&#34;&gt;&lt;script&gt;x&lt;/script&gt;" href="https://x.example">a</a>`},
		{"attributes of an end tag", `<p>a</p onclick=x()>`, "<p>a</p>"},
		{"tag in an attribute", `<a href="https://x.example" title="<img src=x onerror=x()>">a</a>`,
			`<a href="https://x.example" title="&lt;img src=x onerror=x()&gt;">a</a>`},
		{"address that is none", `<a href="https://x.example/%zz">a</a>`, "a"},
		{"unknown element", `<x-y a="b">c</x-y>`, "c"},
		{"attribute with a name of no element", `<p data-x="1" id="top" name="y">a</p>`, "<p>a</p>"},
		{"class of ours", `<p class="admin">a</p>`, "<p>a</p>"},
	} {
		got := bridge.Sanitize(c.in)
		if got != c.want {
			t.Errorf("%s: %q becomes %q, want %q", c.what, c.in, got, c.want)
		}
		same(t, c.what+" cleaned twice", bridge.Sanitize(got), got)
	}
}

// What is harmless stays as it is, to the byte.
func TestSanitizeKeepsWhatIsHarmless(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "plain", "it's \"quoted\" & <b>bold</b>", "AT&T", "a &amp; b", "&lt;script&gt;", "&#39;&#x27;&apos;&nbsp;&hellip;", "1 &lt; 2 > 1",
		"<p>a</p>", "<P>a</P>", "<p>unclosed", "<b><i>crossed</b></i>", "a<br>b<br/>c<br />d", "<ul><li>a<li>b</ul>",
		`<a href="https://x.example/?a=1&amp;b=2#c">a</a>`, `<a href="https://x.example/?a=1&b=2">a</a>`, `<a href='https://x.example/'>a</a>`,
		`<a href=https://x.example/>a</a>`, `<a href="mailto:ann@x.example">a</a>`, `<a href="http://localhost:8080/ann" title="it's">a</a>`,
		`<a href="https://x.example" rel="nofollow noopener">a</a>`, `<a href="https://x.example/wiki/Käse_(Essen)!">a</a>`, `<a href="/ann">a</a>`,
		`<p dir="rtl" lang="he">שלום &amp; <b>עולם</b></p>`, "\u202eabc\u202c", "<p>👩‍👩‍👧‍👦 🏳️‍🌈</p>", "日本語<br>",
		`<img src="https://x.example/1.png" alt="a &quot;b&quot;" width="10" height='20'>`,
		`<span class="h-card"><a class="u-url mention" href="https://x.example/@ann">@<span>ann</span></a></span>`,
		`<span class="invisible">https://</span><span class="ellipsis">x.example</span>`,
		"<pre><code>if a &lt; b {\n\treturn\n}</code></pre>", "<blockquote>a</blockquote>\r\n<hr>", "<table><tr><td>a</td></tr></table>",
		`<abbr title="a>b">a</abbr>`, "<h1>a</h1><h6>b</h6>",
		"in reply to <a href='http://localhost:8080/ann/note/1'>a note</a>",
	} {
		same(t, "harmless HTML", bridge.Sanitize(s), s)
	}
}

func TestSanitizeOfNestedThings(t *testing.T) {
	t.Parallel()
	const bad, good = `a<script>x</script>`, "a"
	object := func() *vocab.Object {
		return &vocab.Object{Content: bad, Summary: bad, EmbedCode: bad, DisplayName: bad}
	}
	deep := object()
	deep.Author, deep.Location = object(), object()
	deep.InReplyTo, deep.Attachments, deep.Tags = one(object()), one(object()), one(object())
	deep.Attachments[0].Tags = one(object())
	inner := &vocab.Activity{Content: bad, Object: object()}
	a := &vocab.Activity{Content: bad, Actor: object(), Object: deep, Inner: inner, Target: object(), Result: object(), Location: object(),
		Context: object(), Source: object(), Generator: object(), Provider: object(), To: one(object()), CC: one(object()), BTo: one(object()), BCC: one(object())}
	bridge.SanitizeActivity(a)
	things := []*vocab.Object{a.Actor, a.Object, a.Target, a.Result, a.Location, a.Context, a.Source, a.Generator, a.Provider, a.Inner.Object,
		deep.Author, deep.Location, deep.InReplyTo[0], deep.Attachments[0], deep.Tags[0], deep.Attachments[0].Tags[0]}
	for i, o := range append(things, a.Addressees()...) {
		if o.Content != good || o.Summary != good || o.EmbedCode != good {
			t.Errorf("thing %d is not clean: %+v", i, o)
		}
		same(t, "a name, which is text and no HTML", o.DisplayName, bad)
	}
	same(t, "content", a.Content, good)
	same(t, "content of the inner activity", a.Inner.Content, good)
	bridge.SanitizeActivity(&vocab.Activity{})
}

// Clients make links of addresses.
func TestAddressesThatAct(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://x.example/": "https://x.example/", "http://x.example/javascript:x": "http://x.example/javascript:x", "acct:ann@x.example": "acct:ann@x.example",
		"/relative": "/relative", "": "", "tag:x,2013:data:": "tag:x,2013:data:",
		"javascript:x()": "", " JavaScript:x()": "", "java\nscript:x()": "", "\x01javascript:x()": "", "data:text/html,x": "", "VBScript:x": "",
	} {
		o := &vocab.Object{URL: address, FileURL: address, Image: &vocab.Media{URL: address},
			FullImage: &vocab.Media{URL: address}, Stream: &vocab.Media{URL: address}, Author: &vocab.Object{URL: address}}
		a := &vocab.Activity{URL: address, Object: o}
		bridge.SanitizeActivity(a)
		for _, got := range []string{a.URL, o.URL, o.FileURL, o.Image.URL, o.FullImage.URL, o.Stream.URL, o.Author.URL} {
			same(t, "address", got, want)
		}
	}
}

// FuzzSanitize reads what was cleaned as a browser would, and finds nothing in
// it that acts.
func FuzzSanitize(f *testing.F) {
	for _, s := range []string{
		`a<script>alert(1)</script>b`, `<p onclick="x()">a</p>`, `<a href="javascript:x()">a</a>`, `<img src=x onerror=x() `, `<svg><style><img src=x onerror=x()>`,
		`<math><mi><table><mglyph><style><img src=x onerror=x()>`, `<noscript><p title="</noscript><img src=x onerror=x()>">`, `<![CDATA[<b>]]>`,
		`<a href="https://x.example/?a=1&b=2">a</a>`, "it's <b>bold", `<!--><img src=x onerror=x()>-->`, `</p/onclick=x>`, `<textarea><img src=x onerror=x()>`,
		"<a href=\"https://x.example\"/onclick=x()>", `<p title='a"b'>`, `a < b > c & d`, `<plaintext><script>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean := bridge.Sanitize(s)
		if again := bridge.Sanitize(clean); again != clean {
			t.Fatalf("%q becomes %q, and that %q", s, clean, again)
		}
		// A page has more behind what people wrote.
		for _, page := range []string{clean, clean + `"'> onclick=x()></a>`} {
			acts(t, s, page, len(clean))
		}
	})
}

// allowed are the elements that may be left, and the attributes of any.
const (
	allowedElements = " p br hr div span b i u s strong em small sub sup del ins mark tt code pre kbd samp var abbr cite q blockquote h1 h2 h3 h4 h5 h6" +
		" ul ol li dl dt dd table thead tbody tfoot tr td th caption figure figcaption a img "
	allowedAttributes = " href src alt title width height lang dir rel class "
)

// acts fails when the first bytes of a page hold something that acts.
func acts(t *testing.T, source, page string, length int) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(page))
	for read := 0; ; {
		kind := z.Next()
		if kind == html.ErrorToken || read >= length {
			return
		}
		read += len(z.Raw())
		token := z.Token()
		switch kind {
		case html.CommentToken, html.DoctypeToken:
			t.Fatalf("%q leaves %q, with a comment", source, page)
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			if !strings.Contains(allowedElements, " "+token.Data+" ") {
				t.Fatalf("%q leaves %q, with <%s>", source, page, token.Data)
			}
			if read > length {
				t.Fatalf("%q leaves %q, whose last tag does not end", source, page[:length])
			}
		}
		for _, a := range token.Attr {
			if !strings.Contains(allowedAttributes, " "+a.Key+" ") {
				t.Fatalf("%q leaves %q, with the attribute %s", source, page, a.Key)
			}
			if (a.Key == "href" || a.Key == "src") && !harmlessAddress(a.Val) {
				t.Fatalf("%q leaves %q, with the address %q", source, page, a.Val)
			}
		}
	}
}

// harmlessAddress reads an address as browsers do, which strip blanks from its
// ends, and line ends and tabs from everywhere in it.
func harmlessAddress(address string) bool {
	address = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.ToLower(address))
	address = strings.TrimLeftFunc(address, func(r rune) bool { return r <= ' ' })
	scheme, _, ok := strings.Cut(address, ":")
	return !ok || strings.ContainsAny(scheme, "/?#") || scheme == "http" || scheme == "https" || scheme == "mailto"
}
