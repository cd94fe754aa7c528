package ostatus

import (
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// conversation names the thread that a thing belongs to: answers have the name that
// came with what they answer, and never another one, since GNU social keeps what
// it has met first.
func (p *page) conversation(o *models.Object) *atom.Conversation {
	key := textOf(o.Doc, vocab.Conversation)
	if key == "" && o.Local && o.ParentID == 0 && len(o.Doc.InReplyTo) == 0 && p.names.Token(o.Doc.ID) != "" {
		key = p.names.Thread(o.Doc.ID)
	}
	if key == "" {
		return nil
	}
	return &atom.Conversation{Ref: key, Href: webAddress(key)}
}

// textOf is a text among the members that have no field.
func textOf(d *vocab.Object, name string) string {
	var text string
	if json.Unmarshal(d.Extra[name], &text) != nil {
		return ""
	}
	return text
}

// topics are the hashtags of a thing. A thing that is hidden behind a warning has
// one more, by which Mastodon and GNU social tell.
func topics(d *vocab.Object) []atom.Category {
	var list []atom.Category
	seen := map[string]bool{}
	add := func(term string) {
		term = strings.TrimPrefix(strings.TrimSpace(term), "#")
		if folded := strings.ToLower(term); term != "" && !seen[folded] {
			seen[folded] = true
			list = append(list, atom.Category{Term: term})
		}
	}
	for _, t := range d.Tags[:min(len(d.Tags), maxTopics)] {
		if t.Type == vocab.TypeHashtag {
			add(t.DisplayName)
		}
	}
	for _, word := range bridge.HashtagsIn(d.Content) {
		add(word)
	}
	if string(d.Extra[vocab.NSAS2+"sensitive"]) == "true" {
		add("nsfw")
	}
	return list
}

// maxTopics is how many tags of a thing are looked at.
const maxTopics = 100

// warning is what stands before a thing that is hidden, as Mastodon means the
// summary of a note.
func warning(d *vocab.Object) string {
	if text := textOf(d, vocab.NSAS2+"summary"); text != "" && (d.Type == vocab.TypeNote || d.Type == vocab.TypeComment) {
		return html.EscapeString(bridge.Text(text))
	}
	return ""
}

// position is latitude and longitude as Activity Streams 1.0 writes them (ISO 6709),
// in degrees.
var position = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)(?:[+-]|/|$)`)
})

// whereabouts is a place with its name, as far as they are known.
func whereabouts(place *vocab.Object) (*atom.Point, string) {
	if place == nil {
		return nil, ""
	}
	m := position().FindStringSubmatch(textOf(place, vocab.NSAS1+"position"))
	if m == nil {
		return nil, place.DisplayName
	}
	latitude, err1 := strconv.ParseFloat(m[1], 64)
	longitude, err2 := strconv.ParseFloat(m[2], 64)
	if err1 != nil || err2 != nil || latitude < -90 || latitude > 90 || longitude < -180 || longitude > 180 {
		return nil, place.DisplayName
	}
	return &atom.Point{Latitude: latitude, Longitude: longitude}, place.DisplayName
}

// client is the program that something was written with, as StatusNet tells it.
func client(a *models.Activity) *atom.NoticeInfo {
	g := a.Doc.Generator
	if g == nil || g.DisplayName == "" {
		return nil
	}
	return &atom.NoticeInfo{Source: g.DisplayName, SourceLink: webAddress(g.URL)}
}

// source is the feed that something of ours is from that somebody passes on.
func (p *page) source(a *models.Actor) *atom.Feed {
	if a == nil || !a.Local || a.State != models.Active || a.Type == vocab.TypeGroup || a.Nickname == "" {
		return nil
	}
	feed := p.names.Actor(a.Nickname) + "/feed.atom"
	return &atom.Feed{ID: feed, Title: nameOf(a), Updated: later(a.Updated, a.Created), Links: []atom.Link{
		{Rel: atom.RelAlternate, Type: atom.TypeHTML, Href: p.names.Page(a.Nickname)}, {Rel: atom.RelSelf, Type: feedType, Href: feed}}}
}
