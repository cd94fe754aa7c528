package gnusocial

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Verbs and types of ActivityStreams 1 have these in front.
const (
	schema      = "http://activitystrea.ms/schema/1.0/"
	schemaOwn   = "http://ostatus.org/schema/1.0/"
	everybody   = "http://activityschema.org/collection/public"
	typeAtom    = "application/atom+xml"
	typeHTML    = "text/html"
	relReplies  = "http://salmon-protocol.org/ns/salmon-replies"
	relMentions = "http://salmon-protocol.org/ns/salmon-mention"
)

// word is the last part of a verb or type, which is all that counts.
func word(iri string) string {
	iri = strings.TrimRight(strings.TrimSpace(iri), "/")
	return iri[strings.LastIndexByte(iri, '/')+1:]
}

// kind is the type of somebody.
func (p *profile) kind() string {
	if p.Group {
		return "group"
	}
	return "person"
}

// author is somebody as the author of something.
func (s *Server) author(p *profile) *node {
	n := group("author", text("activity:object-type", schema+p.kind()), text("uri", p.URI), text("name", p.Nick))
	n.add(s.particulars(p)...)
	if p.local && !p.Group {
		n.add(text("followers", "", "url", s.Base+"/"+p.Nick+"/subscribers"))
	}
	return n.add(text("statusnet:profile_info", "", "local_id", strconv.Itoa(p.number)))
}

// object is somebody as what something is done to.
func (s *Server) object(p *profile, name string) *node {
	n := group(name, text("activity:object-type", schema+p.kind()), text("id", p.URI), text("title", p.shown()))
	return n.add(s.particulars(p)...)
}

func (s *Server) particulars(p *profile) []*node {
	page := p.Page
	if p.Group && p.local {
		page = p.URI
	}
	list := []*node{link("alternate", page, "type", typeHTML)}
	if p.Avatar != "" {
		for _, size := range []string{"96", "48", "24"} {
			list = append(list, link("avatar", p.Avatar, "type", "image/png", "media:width", size, "media:height", size))
		}
	}
	list = append(list, text("poco:preferredUsername", p.Nick), text("poco:displayName", p.shown()))
	if p.Bio != "" {
		list = append(list, text("poco:note", p.Bio))
	}
	if p.Location != "" {
		list = append(list, group("poco:address", text("poco:formatted", p.Location)))
	}
	return list
}

// shown is the name that people see.
func (p *profile) shown() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Nick
}

// mentionLink names somebody whom something concerns.
func mentionLink(uri, kind string) *node {
	return &node{name: "link", attrs: []string{"rel", "mentioned", "ostatus:object-type", schema + kind, "href", uri}}
}

// ownerOf is whose a feed is: its subject, else its author, else who made its first
// entry.
func ownerOf(feed *element) *element {
	for _, who := range []*element{feed.first(nsActivity, "subject"), feed.first(nsAtom, "author")} {
		if who != nil {
			return who
		}
	}
	return actorOf(feed.first(nsAtom, "entry"))
}

// actorOf is who made an entry or an activity inside of one: its actor, else its
// author; nil where it says neither, and for no entry.
func actorOf(entry *element) *element {
	if entry == nil {
		return nil
	}
	if actor := entry.first(nsActivity, "actor"); actor != nil {
		return actor
	}
	return entry.first(nsAtom, "author")
}

// readPerson reads the author of a feed or an entry, or somebody that an entry is
// about. Names are compared as they are written.
func readPerson(e *element) (*profile, error) {
	if e == nil {
		return nil, errors.New("there is nobody")
	}
	p := &profile{}
	// Authors are named by an id or a URI, all others only by their id.
	author := e.XMLName.Local == "author"
	p.URI = e.value(nsAtom, "id")
	if author && p.URI == "" {
		p.URI = e.value(nsAtom, "uri")
	}
	p.Page = e.href("alternate", typeHTML)
	if p.URI == "" {
		p.URI = p.Page
	}
	u, err := url.Parse(p.URI)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is the name of nobody", p.URI)
	}
	p.Group = word(e.value(nsActivity, "object-type")) == "group"
	p.Nick = e.value(nsPoco, "preferredUsername")
	names := []string{e.value(nsAtom, "title")}
	if author {
		names = []string{e.value(nsPoco, "displayName"), e.value(nsAtom, "title"), e.value(nsAtom, "name")}
	}
	for _, name := range names {
		if p.Name == "" {
			p.Name = name
		}
	}
	if p.Nick == "" && author {
		p.Nick = e.value(nsAtom, "name")
	}
	if p.Nick = nickname(p.Nick); p.Nick == "" {
		return nil, fmt.Errorf("%s has no nickname", p.URI)
	}
	p.Bio = e.value(nsPoco, "note")
	p.Location = e.first(nsPoco, "address").value(nsPoco, "formatted")
	p.Avatar = avatarOf(e)
	return p, tooLong(p.URI, p.Page)
}

// nickname is what is left of a name that has characters which a nickname cannot have.
func nickname(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	return name[:min(len(name), 64)]
}

// avatarOf is the picture of 96 by 96, or else the widest.
func avatarOf(e *element) string {
	best, widest := "", -1
	for _, rel := range []string{"photo", "avatar"} {
		for _, l := range e.links(rel) {
			width, _ := strconv.Atoi(l.attr(nsMedia, "width"))
			if width == 96 && l.attr(nsMedia, "height") == "96" {
				return l.attr("", "href")
			}
			if width > widest {
				best, widest = l.attr("", "href"), width
			}
		}
		if best != "" {
			return best
		}
	}
	return best
}

// tooLong refuses names that fit into no column.
func tooLong(names ...string) error {
	for _, n := range names {
		if len(n) > maxColumn {
			return fmt.Errorf("%.40s... has %d bytes, and the column %d", n, len(n), maxColumn)
		}
	}
	return nil
}

// update takes over what somebody says of themselves. Their name stays.
func (p *profile) update(said *profile) {
	p.Nick, p.Name, p.Bio, p.Location = said.Nick, said.Name, said.Bio, said.Location
	if said.Page != "" {
		p.Page = said.Page
	}
	if said.Avatar != "" {
		p.Avatar = said.Avatar
	}
}

// Profile is what is known of somebody by their name, nil for nobody.
func (s *Server) Profile(uri string) *Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.profiles[uri]; p != nil {
		known := p.Profile
		return &known
	}
	return nil
}
