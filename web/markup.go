package web

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"manifold/bridge"
)

// markup is HTML that stands in a page as it is: it was made here, or came through
// [content].
type markup string

// content makes HTML from people fit to stand in a page. It is sanitised again,
// for what is in the store may be older than the rules of today, and then
// changed where it is harmless by itself but not inside of something:
//
//   - elements are closed, so that a stray </div> does not end a part of the page;
//   - links and pictures without a host, which would point into this server, go;
//   - links carry nofollow, noopener and ugc;
//   - pictures have an alt attribute, and are loaded when they are scrolled to;
//   - headings come below those of the page;
//   - classes that microformats are made of go, or the text could claim another
//     author or address for the entry around it.
func content(s string) markup {
	if s == "" {
		return ""
	}
	nodes, err := html.ParseFragment(strings.NewReader(bridge.Sanitize(s)), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		// Nested too deep for the parser, and not meant to be read.
		return markup(html.EscapeString(plainText(s, maxPlain)))
	}
	body := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	for _, n := range nodes {
		body.AppendChild(n)
	}
	for _, n := range slices.Collect(body.Descendants()) {
		if n.Type == html.ElementNode {
			settle(n)
		}
	}
	var b strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&b, n); err != nil {
			return markup(html.EscapeString(plainText(s, maxPlain)))
		}
	}
	return markup(b.String())
}

// settle changes one element as [content] says.
func settle(n *html.Node) {
	classes := wordsIn(attribute(n, "class"), func(class string) bool { return styled[class] })
	setAttribute(n, "class", classes)
	switch n.DataAtom {
	case atom.A:
		setAttribute(n, "href", linkAddress(attribute(n, "href")))
		setAttribute(n, "rel", "nofollow noopener ugc")
	case atom.Img:
		address, alt := webAddress(attribute(n, "src")), attribute(n, "alt")
		if address == "" {
			n.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: alt}, n)
			n.Parent.RemoveChild(n)
			return
		}
		removeAttribute(n, "alt")
		n.Attr = append(n.Attr, html.Attribute{Key: "alt", Val: alt}, html.Attribute{Key: "loading", Val: "lazy"})
	case atom.H1:
		n.Data, n.DataAtom = "h4", atom.H4
	case atom.H2:
		n.Data, n.DataAtom = "h5", atom.H5
	case atom.H3, atom.H4, atom.H5:
		n.Data, n.DataAtom = "h6", atom.H6
	}
}

// styled are the classes that the stylesheet knows. Mastodon hides parts of long
// links by them.
var styled = map[string]bool{"mention": true, "hashtag": true, "invisible": true, "ellipsis": true, "quote-inline": true}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func removeAttribute(n *html.Node, key string) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

// setAttribute sets an attribute, or removes it where value is empty.
func setAttribute(n *html.Node, key, value string) {
	removeAttribute(n, key)
	if value != "" {
		n.Attr = append(n.Attr, html.Attribute{Key: key, Val: value})
	}
}

func wordsIn(s string, keep func(string) bool) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(s), func(w string) bool { return !keep(w) }), " ")
}

// webAddress returns an address that a browser may be sent to, "" for any
// other: it is http or https, and says on which host.
func webAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return s
}

// linkAddress is [webAddress] that lets mail through too.
func linkAddress(s string) string {
	if u, err := url.Parse(s); err == nil && u.Scheme == "mailto" {
		return s
	}
	return webAddress(s)
}

// maxPlain is more than anybody reads without markup.
const maxPlain = 10_000

// breaking are the elements between which words do not touch.
var breaking = map[atom.Atom]bool{
	atom.P: true, atom.Br: true, atom.Div: true, atom.Li: true, atom.Tr: true, atom.Td: true, atom.Th: true, atom.Hr: true, atom.Pre: true,
	atom.Blockquote: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Dt: true, atom.Dd: true,
}

// plainText returns what HTML says, on one line of at most n characters.
func plainText(s string, n int) string {
	var b strings.Builder
	// Where the markup is ten times the text, the end may be lost.
	s = strings.ToValidUTF8(s[:min(len(s), 40*n)], "")
	t := html.NewTokenizer(strings.NewReader(bridge.Sanitize(s)))
	// No character is longer than four bytes.
	for b.Len() <= 4*n {
		switch t.Next() {
		case html.ErrorToken:
			return excerpt(b.String(), n)
		case html.TextToken:
			b.Write(t.Text())
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			if name, _ := t.TagName(); breaking[atom.Lookup(name)] {
				b.WriteByte(' ')
			}
		}
	}
	return excerpt(b.String(), n)
}

// excerpt returns text on one line, cut to n characters.
func excerpt(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > n {
		return strings.TrimRight(string(runes[:n-1]), " ") + "…"
	}
	return s
}
