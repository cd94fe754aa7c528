package xrd

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"manifold/internal/linkheader"
)

// Limits on pages.
const (
	// MaxPage is how many bytes of a page are read: what is looked for stands near
	// its beginning.
	MaxPage  = 512 << 10
	maxCards = 64
	// maxDepth is how deep elements are looked into.
	maxDepth = 256
)

// Page is what a page for people tells programs.
type Page struct {
	// Address is that of the page.
	Address string
	// Links are those of the header of the answer, then those in the head of the
	// document, with complete addresses. Each has one relation.
	Links []Link
	Cards []Card
}

// Card is an hCard or h-card: who somebody is, in the markup of a page. It is a
// hint and proves nothing.
type Card struct {
	Name, Nickname, Note, Address string
	// Photo, URL and UID are complete addresses.
	Photo, URL, UID string
}

// ParsePage reads an HTML page that was found at an address. What is longer than
// [MaxPage] is read up to there.
func ParsePage(body []byte, header http.Header, address string) (*Page, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, &MalformedError{"HTML", "its address is none"}
	}
	p := &Page{Address: address}
	for _, l := range linkheader.Parse(header.Values("Link")) {
		p.add(base, l.Target, l.Params["type"], l.Params["title"], l.Rels)
	}
	if len(body) == 0 {
		return p, nil // no encoding is known of nothing
	}
	r, err := charset.NewReader(bytes.NewReader(body[:min(len(body), MaxPage)]), header.Get("Content-Type"))
	if err != nil {
		return nil, &MalformedError{"HTML", "its encoding is unknown"}
	}
	root, err := html.Parse(io.LimitReader(r, 4*MaxPage))
	if err != nil {
		return nil, &MalformedError{"HTML", err.Error()}
	}
	p.walk(root, &base, 0)
	return p, nil
}

// add keeps a link once for each of its relations. There may be a base element
// only after it, but nobody does that.
func (p *Page) add(base *url.URL, href, kind, title string, rels []string) {
	href = strings.TrimSpace(href)
	u, err := base.Parse(href)
	if href == "" || err != nil || len(p.Links) >= maxLinks {
		return
	}
	l := Link{Type: strings.ToLower(strings.TrimSpace(kind)), Href: u.String()}
	if title != "" {
		l.Titles = []Title{{Text: title}}
	}
	for _, rel := range rels {
		l.Rel = rel
		p.Links = append(p.Links, l)
	}
}

func (p *Page) walk(n *html.Node, base **url.URL, depth int) {
	if depth > maxDepth {
		return
	}
	if n.Type == html.ElementNode {
		switch n.DataAtom {
		case atom.Base:
			if u, err := (*base).Parse(attr(n, "href")); err == nil && attr(n, "href") != "" {
				*base = u
			}
		case atom.Link:
			p.add(*base, attr(n, "href"), attr(n, "type"), attr(n, "title"), strings.Fields(strings.ToLower(attr(n, "rel"))))
		}
		if has(n, "h-card") || has(n, "vcard") {
			if len(p.Cards) < maxCards {
				p.Cards = append(p.Cards, readCard(n, *base))
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.walk(c, base, depth+1)
	}
}

// Feed returns the address of the feed of a page, "" when there is none: the
// first in Atom, or else the first in RSS. GNU social takes the same one.
func (p *Page) Feed() string {
	for _, kind := range []string{"application/atom+xml", "application/rss+xml"} {
		for _, l := range p.Links {
			if l.Rel == "alternate" && l.Type == kind {
				return l.Href
			}
		}
	}
	return ""
}

// Descriptors returns where descriptors of the page are.
func (p *Page) Descriptors() []string {
	var found []string
	for _, l := range p.Links {
		if l.Rel == RelLRDD && !slices.Contains(found, l.Href) {
			found = append(found, l.Href)
		}
	}
	return found
}

// Card returns the card of whom the page is about: the one whose address or UID
// is the page, or the only one there is; nil when it cannot be told.
func (p *Page) Card() *Card {
	for i, c := range p.Cards {
		if Same(c.URL, p.Address) || Same(c.UID, p.Address) {
			return &p.Cards[i]
		}
	}
	if len(p.Cards) == 1 {
		return &p.Cards[0]
	}
	return nil
}

// readCard reads the properties of a card, in the classes of microformats 2
// (p-name) and those of before (fn).
func readCard(root *html.Node, base *url.URL) Card {
	var c Card
	set := func(field *string, value string) {
		if value = strings.TrimSpace(value); *field == "" && len(value) <= 10_000 {
			*field = value
		}
	}
	address := func(n *html.Node) string {
		raw := firstOf(attr(n, "href"), attr(n, "src"), attr(n, "data"))
		if raw == "" && n.DataAtom != atom.A && n.DataAtom != atom.Img {
			raw = words(n)
		}
		u, err := base.Parse(strings.TrimSpace(raw))
		if raw == "" || err != nil {
			return ""
		}
		return u.String()
	}
	var visit func(n *html.Node, depth int)
	visit = func(n *html.Node, depth int) {
		if depth > maxDepth {
			return
		}
		if n.Type == html.ElementNode {
			is := func(classes ...string) bool {
				return slices.ContainsFunc(classes, func(k string) bool { return has(n, k) })
			}
			if is("p-name", "fn") {
				set(&c.Name, value(n))
			}
			if is("p-nickname", "nickname") {
				set(&c.Nickname, value(n))
			}
			if is("p-note", "note") {
				set(&c.Note, value(n))
			}
			if is("p-adr", "adr", "p-locality", "locality", "label") {
				set(&c.Address, value(n))
			}
			if is("u-photo", "photo") {
				set(&c.Photo, address(n))
			}
			if is("u-uid", "uid") {
				set(&c.UID, address(n))
			}
			if is("u-url", "url") {
				set(&c.URL, address(n))
			}
			if n != root && is("h-card", "vcard") {
				return // it is somebody else's
			}
		}
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			visit(k, depth+1)
		}
	}
	visit(root, 0)
	if root.DataAtom == atom.A { // what microformats 2 calls implied
		set(&c.URL, address(root))
	}
	set(&c.Name, value(root))
	return c
}

// value returns what an element says as a property.
func value(n *html.Node) string {
	if n.DataAtom == atom.Img || n.DataAtom == atom.Area {
		return attr(n, "alt")
	}
	if n.DataAtom == atom.Abbr && attr(n, "title") != "" {
		return attr(n, "title")
	}
	return words(n)
}

// words returns the text in an element as somebody reads it.
func words(n *html.Node) string {
	var b strings.Builder
	var visit func(n *html.Node, depth int)
	visit = func(n *html.Node, depth int) {
		switch {
		case depth > maxDepth || n.DataAtom == atom.Script || n.DataAtom == atom.Style:
			return
		case n.Type == html.TextNode:
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil && b.Len() < 20_000; c = c.NextSibling {
			visit(c, depth+1)
		}
	}
	visit(n, 0)
	return strings.Join(strings.Fields(b.String()), " ")
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, class string) bool {
	return n.Type == html.ElementNode && slices.Contains(strings.Fields(attr(n, "class")), class)
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
