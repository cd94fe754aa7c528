package ostatus

import (
	"slices"
	"strings"

	"golang.org/x/net/html"

	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// files takes what belongs to an entry: pictures, recordings, other files. Of a
// thing that is itself a file the first is it.
func files(o *vocab.Object, e *atom.Entry) {
	links := e.Enclosures()
	if lost := lostFiles(e); len(lost) > 0 {
		links = append(links, lost...)
	}
	preview := atom.Href(e.Links, "preview")
	for _, l := range links[:min(len(links), maxAttachments)] {
		if webAddress(l.Href) == "" {
			continue
		}
		f := fileOf(&l)
		if f.Type == o.Type && o.FullImage == nil && o.Stream == nil && o.FileURL == "" {
			o.Image, o.FullImage, o.Stream, o.FileURL, o.MimeType = f.Image, f.FullImage, f.Stream, f.FileURL, f.MimeType
			if webAddress(preview) != "" {
				o.Image = &vocab.Media{URL: preview}
			}
			continue
		}
		o.Attachments = append(o.Attachments, f)
	}
}

// fileOf makes a link to a file what its media type says.
func fileOf(l *atom.Link) *vocab.Object {
	f := &vocab.Object{DisplayName: l.Title}
	m := mediaOf(l)
	switch class, _, _ := strings.Cut(strings.ToLower(l.Type), "/"); class {
	case "image":
		f.Type, f.Image, f.FullImage = vocab.TypeImage, m, m
	case "video":
		f.Type, f.Stream = vocab.TypeVideo, m
	case "audio":
		f.Type, f.Stream = vocab.TypeAudio, m
	default:
		f.Type, f.FileURL, f.MimeType = vocab.TypeFile, l.Href, l.Type
	}
	return f
}

// lostFiles finds the files whose links have no address: GNU social 2 forgets that
// of the pictures that were uploaded there. They are in the text, as anchors of
// the class attachment, in the same order.
func lostFiles(e *atom.Entry) []atom.Link {
	var lost []atom.Link
	for _, l := range e.Links {
		if l.Rel == atom.RelEnclosure && l.Href == "" && l.Type != "" && !strings.HasPrefix(l.Type, atom.TypeHTML) {
			lost = append(lost, l)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	known := map[string]bool{}
	for _, l := range e.Enclosures() {
		known[l.Href] = true
	}
	var found []string
	z := html.NewTokenizer(strings.NewReader(e.Content))
	for len(found) < len(lost) && z.Next() != html.ErrorToken {
		t := z.Token()
		if t.Type != html.StartTagToken && t.Type != html.SelfClosingTagToken {
			continue
		}
		var address string
		switch {
		case t.Data == "img":
			address = attributeOf(t, "src")
		case t.Data == "a" && slices.Contains(strings.Fields(attributeOf(t, "class")), "attachment"):
			address = attributeOf(t, "href")
		}
		if webAddress(address) != "" && !known[address] {
			known[address] = true
			found = append(found, address)
		}
	}
	lost = lost[:len(found)]
	for i := range lost {
		lost[i].Href = found[i]
	}
	return lost
}

func attributeOf(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
