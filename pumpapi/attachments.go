package pumpapi

import (
	"cmp"
	"encoding/json"
	"html"
	"net/url"
	"path"
	"slices"
	"strings"

	"manifold/models/vocab"
)

// What stands at the end of the content of a thing from elsewhere for the clients
// of pump.io, none of which shows attachments or the choices of a poll: links to
// the ones, a list of the others. The mark is so that it can be taken away again
// from what comes back.
const (
	appendixBegin = `<div class="manifold-appendix">`
	appendixEnd   = `</div>`
)

// withAppendix returns a thing as the clients of pump.io are shown it.
func withAppendix(d *vocab.Object) *vocab.Object {
	text := choices(d)
	for _, a := range d.Attachments {
		if at := addressOf(a); at != "" && !strings.Contains(d.Content, html.EscapeString(at)) {
			text += "<p>" + attachmentLink(a, at) + "</p>"
		}
	}
	if text == "" {
		return d
	}
	shown := *d
	shown.Content += appendixBegin + text + appendixEnd
	return &shown
}

// withoutAppendix takes away what [withAppendix] added to a content.
func withoutAppendix(content string) string {
	i := strings.LastIndex(content, appendixBegin)
	if i < 0 || !strings.HasSuffix(strings.TrimSpace(content), appendixEnd) {
		return content
	}
	return content[:i]
}

// addressOf is where the whole of an attachment is found, "" where that is not to
// be had by HTTP.
func addressOf(o *vocab.Object) string {
	candidates := []string{o.FileURL, o.URL, o.ID}
	for _, m := range []*vocab.Media{o.Image, o.FullImage, o.Stream} {
		if m != nil {
			candidates = slices.Insert(candidates, 0, m.URL)
		}
	}
	for _, c := range candidates {
		if strings.HasPrefix(c, "https://") || strings.HasPrefix(c, "http://") {
			return c
		}
	}
	return ""
}

// attachmentLink leads to an attachment. It says what the picture shows, as told
// to those who cannot see it, or the name of the file; what is quoted is named by
// its address, as people on other networks do it.
func attachmentLink(o *vocab.Object, at string) string {
	switch o.Type {
	case vocab.TypeImage, vocab.TypeVideo, vocab.TypeAudio, vocab.TypeFile, "bookmark", "":
	default:
		return "RE: " + anchor(at, at)
	}
	if o.DisplayName != "" {
		return anchor(at, o.DisplayName)
	}
	if u, err := url.Parse(at); err == nil && len(u.Path) > 1 && o.Type != "bookmark" {
		if name := path.Base(u.Path); len(name) <= 60 {
			return anchor(at, name)
		}
		return anchor(at, cmp.Or(o.Type, vocab.TypeFile))
	}
	return anchor(at, at)
}

func anchor(href, text string) string {
	return `<a href="` + html.EscapeString(href) + `">` + html.EscapeString(text) + "</a>"
}

// choices lists what can be chosen in a poll.
func choices(d *vocab.Object) string {
	if d.Type != vocab.TypeQuestion {
		return ""
	}
	var list []struct{ DisplayName string }
	if json.Unmarshal(d.Extra[vocab.NSAS1+"options"], &list) != nil || len(list) == 0 {
		return ""
	}
	var items strings.Builder
	for _, choice := range list {
		items.WriteString("<li>" + html.EscapeString(choice.DisplayName) + "</li>")
	}
	return "<ul>" + items.String() + "</ul>"
}
