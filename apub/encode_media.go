package apub

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"manifold/models/vocab"
)

// attachments are what is shown with a thing: what a picture, film or file is,
// what hangs off it, and the pictures in its text, which most servers take out.
func (e *Encoder) attachments(o *vocab.Object) []any {
	var out []any
	seen := map[string]bool{}
	add := func(n node, address string) {
		if n != nil && !seen[address] {
			seen[address] = true
			out = append(out, n)
		}
	}
	if shownAsNote[o.Type] {
		n, address := e.rendition(o, true)
		add(n, address)
	}
	for _, a := range o.Attachments {
		if isQuote(a) {
			continue
		}
		n, address := e.rendition(a, false)
		if n == nil {
			n, address = e.plain(a), a.ID
		}
		add(n, address)
	}
	for _, image := range inlineImages(o.Content) {
		d := newDraft("Image")
		d.url(image.src)
		d.mediaType(guessType(image.src))
		d.name(image.alt)
		d.put(pumpPrefix+"inline", true)
		if n, err := d.node(); err == nil {
			add(n, image.src)
		}
	}
	return out
}

// rendition builds what a thing shows or plays, nil where it does neither. itself
// says that it is the thing of the document, whose name is not a description.
func (e *Encoder) rendition(o *vocab.Object, itself bool) (node, string) {
	m, typ := o.Stream, ""
	switch {
	case m != nil && o.Type == vocab.TypeAudio:
		typ = "Audio"
	case m != nil:
		typ = "Video"
	case o.Type == vocab.TypeImage || o.Type == "" && o.Image != nil || itself && o.Image != nil:
		m, typ = largerOf(o), "Image"
	case o.FileURL != "":
		m, typ = &vocab.Media{URL: o.FileURL, MediaType: o.MimeType}, "Document"
	case o.Type == "bookmark" && !itself && isWeb(o.URL):
		return link(o), o.URL
	}
	if m == nil || !isWeb(m.URL) {
		return nil, ""
	}
	d := newDraft(typ)
	d.url(m.URL)
	mediaType := m.MediaType
	if mediaType == "" {
		mediaType = guessType(m.URL)
	}
	d.mediaType(mediaType)
	d.name(alternative(o, m, itself))
	size(d, m)
	if small := o.Image; small != nil && small.URL != m.URL && isWeb(small.URL) {
		d.put("icon", picture(small))
	}
	if itself {
		// A note may have a picture of its own, beside those that hang off it.
		if o.Type != vocab.TypeImage && typ == "Image" {
			d.put(pumpPrefix+"itself", true)
		}
	} else {
		d.put(pumpPrefix+"id", o.ID)
		d.put(pumpPrefix+"content", o.Content)
	}
	n, err := d.node()
	if err != nil {
		return nil, ""
	}
	return n, m.URL
}

// alternative is what is shown to those who do not see a picture: what was written
// for them, else its name.
func alternative(o *vocab.Object, m *vocab.Media, itself bool) string {
	for _, m := range []*vocab.Media{m, o.Image, o.FullImage} {
		if m == nil {
			continue
		}
		if alt := textExtra(&vocab.Object{Extra: m.Extra}, altText); alt != "" {
			return alt
		}
	}
	if itself && warningOf(o) != "" {
		return ""
	}
	return o.DisplayName
}

// largerOf is the original of a picture where there is one.
func largerOf(o *vocab.Object) *vocab.Media {
	if o.FullImage != nil && o.FullImage.URL != "" {
		return o.FullImage
	}
	return o.Image
}

// size writes what is known of a rendition besides its address. go-fed has sizes
// for pictures and links only, and rounds durations.
func size(d *draft, m *vocab.Media) {
	if m.Width > 0 {
		d.beside["width"] = m.Width
	}
	if m.Height > 0 {
		d.beside["height"] = m.Height
	}
	if m.Duration > 0 {
		d.put("duration", "PT"+strconv.FormatFloat(m.Duration, 'f', -1, 64)+"S")
	}
	for _, name := range []string{"blurhash", "focalPoint"} {
		if raw, ok := m.Extra[terms[name]]; ok {
			d.put(name, raw)
		}
	}
}

// picture builds a picture that stands for something.
func picture(m *vocab.Media) node {
	if m == nil || !isWeb(m.URL) {
		return nil
	}
	d := newDraft("Image")
	d.url(m.URL)
	if m.MediaType != "" {
		d.mediaType(m.MediaType)
	} else {
		d.mediaType(guessType(m.URL))
	}
	size(d, m)
	n, err := d.node()
	if err != nil {
		return nil
	}
	return n
}

// link builds the attachment of a page elsewhere, which is no thing but a Link.
func link(o *vocab.Object) node {
	n := node{"type": "Link", "href": o.URL}
	if o.DisplayName != "" {
		n["name"] = o.DisplayName
	}
	if o.MimeType != "" {
		n["mediaType"] = o.MimeType
	}
	return n
}

// opened is a thing with addresses at which its files are shown to whoever has them,
// as far as they are of its author.
func (e *Encoder) opened(o *vocab.Object, nick string) *vocab.Object {
	if o == nil {
		return nil
	}
	c := *o
	for _, m := range []**vocab.Media{&c.Image, &c.FullImage, &c.Stream} {
		if *m != nil {
			shown := **m
			shown.URL = e.Files.Address(nick, shown.URL)
			*m = &shown
		}
	}
	c.FileURL = e.Files.Address(nick, c.FileURL)
	c.Attachments = make([]*vocab.Object, len(o.Attachments))
	for i, a := range o.Attachments {
		c.Attachments[i] = e.opened(a, nick)
	}
	return &c
}

type inlineImage struct{ src, alt string }

// inlineImages are the pictures in a text.
func inlineImages(content string) []inlineImage {
	var out []inlineImage
	if strings.Contains(content, "<img") {
		eachTag(content, func(name string, attributes map[string]string, _ string) {
			if name == "img" && isWeb(attributes["src"]) {
				out = append(out, inlineImage{attributes["src"], attributes["alt"]})
			}
		})
	}
	return out
}

type hashtag struct{ name, href string }

// hashtags are those that a text links to, which is how pump.io has them.
func hashtags(content string) []hashtag {
	var out []hashtag
	if !strings.Contains(content, "#") || !strings.Contains(content, "<a") {
		return nil
	}
	eachTag(content, func(name string, attributes map[string]string, text string) {
		marked := strings.Contains(" "+attributes["rel"]+" ", " tag ") || strings.Contains(" "+attributes["class"]+" ", " hashtag ")
		if word, ok := strings.CutPrefix(strings.TrimSpace(text), "#"); name == "a" && marked && ok && word != "" && !strings.ContainsAny(word, " \n#") {
			out = append(out, hashtag{word, attributes["href"]})
		}
	})
	return out
}

// eachTag calls f for every element of a text, with the text in it where it is a
// link.
func eachTag(content string, f func(name string, attributes map[string]string, text string)) {
	z := html.NewTokenizer(strings.NewReader(content))
	var open map[string]string
	var text strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			text.Write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			if tag != "a" && tag != "img" {
				continue
			}
			attributes := map[string]string{}
			for more {
				var key, value []byte
				key, value, more = z.TagAttr()
				attributes[string(key)] = string(value)
			}
			if tag == "a" {
				open = attributes
				text.Reset()
				continue
			}
			f(tag, attributes, "")
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "a" && open != nil {
				f("a", open, text.String())
				open = nil
			}
		}
	}
}
