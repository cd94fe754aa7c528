package bridge

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"

	"manifold/models/vocab"
)

// markup is what HTML from people may consist of: text, links, pictures and
// the classes that microblogs mark mentions and hidden parts of links with. No
// scripts, styles, frames, forms or handlers.
var markup = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowStandardURLs()
	p.RequireNoFollowOnLinks(false)
	p.AllowElements("p", "br", "hr", "div", "span", "b", "i", "u", "s", "strong", "em", "small", "sub", "sup", "del", "ins", "mark", "tt",
		"code", "pre", "kbd", "samp", "var", "abbr", "cite", "q", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6",
		"ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "figure", "figcaption", "a", "img")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src").OnElements("img")
	p.AllowAttrs("alt", "title").Globally()
	p.AllowAttrs("width", "height").Matching(bluemonday.NumberOrPercent).OnElements("img")
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[A-Za-z0-9-]{1,35}$`)).Globally()
	p.AllowAttrs("dir").Matching(bluemonday.Direction).Globally()
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^[a-z \-]{1,60}$`)).OnElements("a")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^(mention|hashtag|u-url|h-card|p-name|invisible|ellipsis|quote-inline|status-link| )+$`)).
		OnElements("a", "span", "p")
	return p
}()

// Sanitize returns HTML without anything that could act. HTML that holds
// nothing of the kind is returned as it is, to the byte.
func Sanitize(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	clean := markup.Sanitize(s)
	// The sanitiser writes the same markup in other bytes, such as &#39; for an
	// apostrophe.
	if clean == s || sameMarkup(clean, s) {
		return s
	}
	return clean
}

// A tag is plain when every parser of HTML reads the same in it. attribute is
// one of those that it may have.
var (
	attribute = regexp.MustCompile(`\s+[A-Za-z-]+(\s*=\s*("[^"<]*"|'[^'<]*'|[^\s"'<>=` + "`" + `]+))?`)
	plainTag  = regexp.MustCompile(`^</?[A-Za-z][A-Za-z0-9]*(` + attribute.String() + `)*\s*/?>$`)
)

// sameMarkup reports whether a piece of HTML means the same to a browser as what
// the sanitiser made of it. Whatever parsers may disagree about is not the same,
// such as a tag that does not end, which would swallow what comes behind it.
func sameMarkup(clean, s string) bool {
	tc, ts := html.NewTokenizer(strings.NewReader(clean)), html.NewTokenizer(strings.NewReader(s))
	for read := 0; ; {
		kind := ts.Next()
		if kind != tc.Next() {
			return false
		}
		if kind == html.ErrorToken {
			return read == len(s)
		}
		raw := ts.Raw()
		read += len(raw)
		switch kind {
		case html.TextToken:
			if bytes.ContainsRune(raw, '<') {
				return false
			}
		default:
			if !plainTag.Match(raw) {
				return false
			}
		}
		attributes := len(attribute.FindAll(raw, -1)) // before the tokenizer uses its bytes again
		if token := ts.Token(); !sameToken(tc.Token(), token) || kind != html.TextToken && attributes != len(token.Attr) {
			return false
		}
	}
}

func sameToken(clean, t html.Token) bool {
	return clean.Data == t.Data && slices.EqualFunc(clean.Attr, t.Attr, func(x, y html.Attribute) bool {
		if x.Val != y.Val && (y.Key == "href" || y.Key == "src") {
			// The sanitiser writes addresses anew, with more characters escaped.
			if u, err := url.Parse(y.Val); err == nil {
				y.Val = u.String()
			}
		}
		return x == y
	})
}

// disarm clears an address that acts when somebody opens it: clients make links
// of them.
func disarm(address *string) {
	bare := strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1 // browsers read over them
		}
		return unicode.ToLower(r)
	}, *address)
	for _, scheme := range []string{"javascript:", "data:", "vbscript:"} {
		if strings.HasPrefix(bare, scheme) {
			*address = ""
		}
	}
}

// SanitizeActivity cleans every field with HTML or an address of an activity and
// of what hangs off it, in place.
func SanitizeActivity(a *vocab.Activity) {
	a.Content = Sanitize(a.Content)
	disarm(&a.URL)
	for _, o := range []*vocab.Object{a.Actor, a.Object, a.Target, a.Result, a.Location, a.Context, a.Source, a.Generator, a.Provider} {
		sanitizeObject(o)
	}
	for _, o := range a.Addressees() {
		sanitizeObject(o)
	}
	if a.Inner != nil {
		SanitizeActivity(a.Inner)
	}
}

func sanitizeObject(o *vocab.Object) {
	if o == nil {
		return
	}
	o.Content = Sanitize(o.Content)
	o.Summary = Sanitize(o.Summary)
	// An embed code is a player's frame: exactly what is not let through.
	o.EmbedCode = Sanitize(o.EmbedCode)
	for _, address := range []*string{&o.URL, &o.FileURL} {
		disarm(address)
	}
	for _, m := range []*vocab.Media{o.Image, o.FullImage, o.Stream} {
		if m != nil {
			disarm(&m.URL)
		}
	}
	sanitizeObject(o.Author)
	sanitizeObject(o.Location)
	for _, list := range [][]*vocab.Object{o.InReplyTo, o.Attachments, o.Tags} {
		for _, e := range list {
			sanitizeObject(e)
		}
	}
}
