package atom

import (
	"bytes"
	stdhtml "html"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"

	"manifold/internal/xmltree"
)

// textType returns how a text is written: text, html, xhtml, or a media type in
// lower case (RFC 4287 3.1.1 and 4.1.3.1).
func textType(e *xmltree.Element) string {
	t, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(e.Attr("", "type"))), ";")
	switch t = strings.TrimSpace(t); t {
	case "", "plain":
		return "text"
	case "text/html":
		return "html"
	case "application/xhtml+xml":
		return "xhtml"
	}
	return t
}

// plain returns a text without markup.
func plain(e *xmltree.Element) string {
	if textType(e) != "html" {
		return e.Trimmed()
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(e.Text()))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(b.String())
		case html.TextToken:
			b.WriteString(z.Token().Data)
		}
	}
}

// markup returns a text as HTML, with its addresses absolute.
func (p place) markup(e *xmltree.Element) string {
	switch textType(e) {
	case "html":
		return p.absoluteLinks(e.Text())
	case "xhtml":
		// The div around it is none of the content (RFC 4287 3.1.1.3).
		inner, in := e, p
		if div := e.First(xmltree.NSXHTML, "div"); div != nil {
			inner, in = div, p.in(div)
		}
		var b bytes.Buffer
		inner.AppendHTML(&b)
		return in.absoluteLinks(strings.TrimSpace(b.String()))
	}
	return strings.ReplaceAll(stdhtml.EscapeString(e.Trimmed()), "\n", "<br>\n")
}

// content takes the content of an entry; false means that it can only be kept as
// it is: what is neither text nor HTML.
func (p place) content(t *Entry, e *xmltree.Element) bool {
	if src := p.resolve(e.Attr("", "src")); src != "" {
		t.ContentSource, t.ContentType = src, strings.TrimSpace(e.Attr("", "type"))
		return true
	}
	kind := textType(e)
	if strings.Contains(kind, "/") && !strings.HasPrefix(kind, "text/") {
		return false
	}
	t.Content, t.Lang = p.markup(e), p.lang
	return true
}

// addresses are the attributes of HTML that hold one.
var addresses = map[string]bool{"href": true, "src": true, "cite": true, "poster": true, "data": true}

// absoluteLinks makes the addresses in HTML absolute. What has none that are
// relative stays as it is, byte by byte.
func (p place) absoluteLinks(s string) string {
	if p.base == nil || !p.base.IsAbs() || !strings.Contains(s, "=") {
		return s
	}
	var b strings.Builder
	changed := false
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		raw := string(z.Raw())
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
			if token := z.Token(); p.absoluteAttributes(&token) {
				raw, changed = token.String(), true
			}
		}
		b.WriteString(raw)
	}
	if !changed {
		return s
	}
	return b.String()
}

// absoluteAttributes reports whether it has changed a tag.
func (p place) absoluteAttributes(t *html.Token) bool {
	changed := false
	for i, a := range t.Attr {
		value := strings.TrimSpace(a.Val)
		if !addresses[a.Key] || value == "" || value[0] == '#' {
			continue
		}
		if u, err := url.Parse(value); err == nil && !u.IsAbs() {
			t.Attr[i].Val, changed = p.base.ResolveReference(u).String(), true
		}
	}
	return changed
}

// layouts are the spellings of times that occur: RFC 3339 is the one that is
// allowed (RFC 4287 3.3). Pleroma and others leave out the zone, which is UTC
// then.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", "2006-01-02", time.RFC1123Z, time.RFC1123}

// setTime reads a time; false means that it is none.
func setTime(t *time.Time, e *xmltree.Element) bool {
	s := strings.ToUpper(e.Trimmed())
	if strings.ContainsAny(s, ",") {
		s = e.Trimmed() // the names of days and months are not in capitals
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, s); err == nil {
			if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 || at.IsZero() {
				return false
			}
			*t = at
			return true
		}
	}
	return false
}
