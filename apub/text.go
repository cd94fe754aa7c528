package apub

import (
	"bytes"
	"encoding/json"
	"html"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"

	"manifold/models/vocab"
)

// marshal writes JSON in which <, > and & stand for themselves, as everybody on
// this network does.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// title takes the name of a thing. It is plain text; what looks like markup in it
// is taken away, since clients may show it as such.
func (r *reader) title(o *vocab.Object) {
	name := r.text("name")
	if name == "" {
		name = firstOfMap(r.v.member("nameMap"))
	}
	o.DisplayName = plain(name)
}

// content takes the text of a thing, which is HTML unless mediaType says
// otherwise (PeerTube writes Markdown, some bots plain text). It may stand in the
// map of languages only.
func (r *reader) content(o *vocab.Object) {
	o.Content = r.text("content")
	if o.Content == "" {
		o.Content = firstOfMap(r.v.member("contentMap"))
	}
	if o.Content == "" {
		return
	}
	switch mediaType := baseType(mediaTypeOf(r.v)); mediaType {
	case "text/plain", "text/markdown", "text/x.misskeymarkdown", "text/bbcode":
		r.drop("mediaType")
		if r.v.member("source") == nil {
			raw, err := marshal(map[string]string{"content": o.Content, "mediaType": mediaType})
			if err == nil {
				o.Extra = keep(o.Extra, vocab.NSAS2+"source", raw)
			}
		}
		o.Content = fromPlain(o.Content)
	case "text/html":
		r.drop("mediaType")
	}
}

// firstOfMap is the text of the first language in a map, in the order of their
// names: the map of a document has none.
func firstOfMap(v *value) string {
	if v == nil || v.kind != '{' {
		return ""
	}
	for _, language := range sortedKeys(v.members) {
		if s, ok := v.members[language].string(); ok && s != "" {
			return s
		}
	}
	return ""
}

// warning takes the summary. On a note the network means a content warning by it,
// and takes it for plain text; pump.io has no such idea, and shows it as the title
// of what is marked as sensitive.
func (r *reader) warning(o *vocab.Object, summary, as2 string) {
	sensitive := r.truth("sensitive")
	switch {
	case summary == "":
		o.Summary = r.text(pumpPrefix + "summary")
	case as2 == "Note" || as2 == "Question" || as2 == "ChatMessage":
		o.Extra = keep(o.Extra, vocab.NSAS2+"summary", jsonString(summary))
		sensitive = true
		text := plain(summary)
		if o.DisplayName == "" {
			o.DisplayName = text
		}
		o.Summary = html.EscapeString(text)
	default:
		o.Summary = summary
	}
	if sensitive {
		o.Extra = keep(o.Extra, vocab.NSAS2+"sensitive", json.RawMessage("true"))
	}
}

// composed takes away what our own servers put around the text of a note, see
// [Encoder]: its title before it, the address that it is about behind it.
func (r *reader) composed(o *vocab.Object) {
	if title := r.text(pumpPrefix + "title"); title != "" {
		o.DisplayName = plain(title)
		o.Content = strings.TrimPrefix(o.Content, titleParagraph(title))
	}
	if target, _ := r.v.member(pumpPrefix + "targetUrl").string(); target != "" {
		o.Content = strings.TrimSuffix(o.Content, linkParagraph(target))
	}
	languages := r.v.member("contentMap")
	if languages == nil || r.v.member(pumpPrefix+"title") == nil || languages.kind != '{' {
		return
	}
	// The text stands there again, with all that was put around it.
	r.drop("contentMap")
	said, whole := map[string]string{}, r.text("content")
	for language, v := range languages.members {
		if said[language], _ = v.string(); said[language] == whole {
			said[language] = o.Content
		}
	}
	if raw, err := marshal(said); err == nil {
		o.Extra = keep(o.Extra, vocab.NSAS2+"contentMap", raw)
	}
}

func titleParagraph(title string) string { return "<p><b>" + html.EscapeString(title) + "</b></p>" }

func linkParagraph(address string) string {
	a := html.EscapeString(address)
	return `<p><a href="` + a + `">` + a + `</a></p>`
}

// plain is plain text without what looks like markup.
func plain(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	i := strings.IndexByte(s, '<')
	for ; i >= 0 && i+1 < len(s); i++ {
		if c := s[i+1] | 0x20; s[i] == '<' && (c >= 'a' && c <= 'z' || s[i+1] == '/' || s[i+1] == '!' || s[i+1] == '?') {
			return textOf(s)
		}
	}
	return s
}

// textOf is the text of a piece of HTML.
func textOf(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	var b strings.Builder
	z := nethtml.NewTokenizer(strings.NewReader(s))
	skip := false
	for {
		switch kind := z.Next(); kind {
		case nethtml.ErrorToken:
			return strings.TrimSpace(b.String())
		case nethtml.TextToken:
			if !skip {
				b.Write(z.Text())
			}
		case nethtml.StartTagToken, nethtml.EndTagToken, nethtml.SelfClosingTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "script", "style":
				skip = kind == nethtml.StartTagToken
			case "p", "br", "div", "li":
				b.WriteByte('\n')
			}
		}
	}
}

// fromPlain makes HTML of plain text: lines stay lines.
func fromPlain(s string) string {
	s = html.EscapeString(strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")))
	paragraphs := strings.Split(s, "\n\n")
	return "<p>" + strings.ReplaceAll(strings.Join(paragraphs, "</p><p>"), "\n", "<br>") + "</p>"
}

// caption is how long the text below a picture may be: what is longer is a note
// with a picture.
const caption = 300

func isCaption(content string) bool {
	return len(content) <= caption || utf8.RuneCountInString(textOf(content)) <= caption
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
