package atom

import (
	"slices"
	"strings"
)

// Relations of links.
const (
	RelAlternate = "alternate"
	RelSelf      = "self"
	RelHub       = "hub"
	RelNext      = "next"
	RelPrevious  = "previous"
	RelEnclosure = "enclosure"
	RelAvatar    = "avatar"
	RelMentioned = "mentioned"
	RelSalmon    = "salmon"

	// StatusNet reads these in place of mentioned and salmon.
	relAttention     = "ostatus:attention"
	relSalmonReplies = "http://salmon-protocol.org/ns/salmon-replies"
	relSalmonMention = "http://salmon-protocol.org/ns/salmon-mention"
	relConversation  = "ostatus:conversation"
)

// The media types of the other forms in which a thing may be had.
const (
	TypeFeed        = "application/atom+xml"
	TypeHTML        = "text/html"
	TypeActivityPub = "application/activity+json"
	TypePump        = "application/json"
)

// SalmonLinks are the links of a feed to where slaps are sent, in new words and
// old.
func SalmonLinks(endpoint string) []Link {
	return []Link{{Rel: RelSalmon, Href: endpoint}, {Rel: relSalmonReplies, Href: endpoint}, {Rel: relSalmonMention, Href: endpoint}}
}

// MentionLinks are the links of an entry to somebody whom it is meant for, in new
// words and old. The address has to be the URI of the person, letter by letter:
// GNU social refuses slaps that do not mention the one whom they are sent to.
func MentionLinks(uri, objectType string) []Link {
	return []Link{{Rel: RelMentioned, Href: uri, ObjectType: objectType}, {Rel: relAttention, Href: uri}}
}

// PublicLink is the link of an entry that is for everybody.
func PublicLink() Link {
	return Link{Rel: RelMentioned, Href: Public, ObjectType: Schema + "collection"}
}

// Href returns where the first link of a relation leads, of one of the types if
// any are given, "" when there is none.
func Href(links []Link, rel string, types ...string) string {
	for _, l := range links {
		if l.Rel == rel && l.Href != "" && (len(types) == 0 || slices.Contains(types, l.Type)) {
			return l.Href
		}
	}
	return ""
}

// Word returns the last part of the path of a verb or object type, which is all
// that matters of it: the same words stand on different bases, and alone.
func Word(iri string) string {
	iri = strings.TrimRight(iri, "/#")
	return strings.ToLower(iri[strings.LastIndexAny(iri, "/#")+1:])
}

// Does returns the verb of an entry as a word; an entry without one was posted.
// Words that peers use in the same sense are one: like is favorite, unlike
// unfavorite, and make-friend follow.
func (e *Entry) Does() string {
	switch w := Word(e.Verb); w {
	case "":
		return "post"
	case "like":
		return "favorite"
	case "unlike":
		return "unfavorite"
	case "make-friend":
		return "follow"
	default:
		return w
	}
}

// Kind returns the type of an entry or object as a word; what does not say is a
// note, as on GNU social.
func (e *Entry) Kind() string {
	switch w := Word(e.ObjectType); w {
	case "", "status":
		return "note"
	case "photo":
		return "image"
	default:
		return w
	}
}

// Mention is somebody whom an entry is meant for, or a group.
type Mention struct {
	URI string
	// Kind is the type as a word, "" where it is not said.
	Kind string
}

// Mentions returns whom an entry is meant for by name. Links without an address
// occur (GNU social 1.2) and say nothing.
func (e *Entry) Mentions() []Mention {
	var list []Mention
	for _, l := range e.Links {
		if l.Rel != RelMentioned && l.Rel != relAttention || l.Href == "" || l.Href == Public {
			continue
		}
		kind := Word(l.ObjectType)
		i := slices.IndexFunc(list, func(m Mention) bool { return m.URI == l.Href })
		switch {
		case i < 0:
			list = append(list, Mention{l.Href, kind})
		case list[i].Kind == "":
			list[i].Kind = kind
		}
	}
	return list
}

// Visibility is who may see an entry.
type Visibility int

const (
	// VisiblePublic means everybody. It is what an entry is that says nothing:
	// StatusNet knew nothing else.
	VisiblePublic Visibility = iota
	// VisibleUnlisted means everybody, but in no public stream.
	VisibleUnlisted
	// VisiblePrivate means the followers of the author.
	VisiblePrivate
	// VisibleDirect means those mentioned. Such entries have leaked into OStatus; they
	// must not be shown to others.
	VisibleDirect
)

// Visibility returns who may see an entry, by Mastodon's word for it. A word that
// is unknown is taken for the narrowest.
func (e *Entry) Visibility() Visibility {
	switch strings.ToLower(e.Scope) {
	case "", "public":
		return VisiblePublic
	case "unlisted":
		return VisibleUnlisted
	case "private":
		return VisiblePrivate
	default:
		return VisibleDirect
	}
}

// Enclosures are the links of an entry to files that belong to it. Those without
// an address (GNU social 2) are left out, as are previews of web pages.
func (e *Entry) Enclosures() []Link {
	var list []Link
	for _, l := range e.Links {
		media, _, _ := strings.Cut(strings.ToLower(l.Type), ";")
		if l.Rel == RelEnclosure && l.Href != "" && strings.TrimSpace(media) != TypeHTML {
			list = append(list, l)
		}
	}
	return list
}

// By returns who did what an entry tells: its author, or that of the feed that it
// is in, which may be nil; nil when nobody is named. What the author does not say is
// taken from the actor where that is the same person.
func (e *Entry) By(f *Feed) *Person {
	switch {
	case e.Author != nil && e.Actor != nil && e.Author.Identity() == e.Actor.Identity():
		return e.Author.with(e.Actor)
	case e.Author != nil:
		return e.Author
	case e.Actor != nil:
		return e.Actor
	case f == nil:
		return nil
	}
	return f.Owner()
}

// with returns the person with what only another description of the same person says.
func (p *Person) with(other *Person) *Person {
	v := *p
	for _, field := range []struct{ to, from *string }{
		{&v.Email, &other.Email}, {&v.ObjectType, &other.ObjectType}, {&v.PreferredUsername, &other.PreferredUsername}, {&v.DisplayName, &other.DisplayName},
		{&v.Note, &other.Note}, {&v.Location, &other.Location}, {&v.Summary, &other.Summary}, {&v.Followers, &other.Followers}, {&v.LocalID, &other.LocalID},
		{&v.Scope, &other.Scope},
	} {
		*field.to = firstOf(*field.to, *field.from)
	}
	if len(v.Links) == 0 {
		v.Links = other.Links
	}
	if len(v.URLs) == 0 {
		v.URLs = other.URLs
	}
	if v.Point == nil {
		v.Point = other.Point
	}
	return &v
}

// Owner returns whose feed it is: its subject or author, or else who did what its
// newest entry tells; nil when nobody is named.
func (f *Feed) Owner() *Person {
	switch {
	case f.Subject != nil:
		return f.Subject
	case f.Author != nil:
		return f.Author
	case len(f.Entries) == 0:
		return nil
	}
	return f.Entries[0].By(nil)
}

// Identity returns what names the person for ever, "" when nothing does: the URI,
// or the id. Some ids are bare nicknames (Cliqset), and of some people there is
// only an address of mail or a page.
func (p *Person) Identity() string {
	for _, name := range []string{p.URI, p.ID} {
		if isIRI(name) {
			return name
		}
	}
	if p.Email != "" {
		return "mailto:" + p.Email
	}
	return Href(p.Links, RelAlternate)
}

// Shown returns the name under which the person is shown.
func (p *Person) Shown() string {
	return firstOf(p.DisplayName, p.Name, p.PreferredUsername)
}

// Avatar returns the picture of the person that is nearest to 96 pixels, the size
// that all servers of the family show: the one of just that size, or else the
// widest. It returns nil when there is none.
func (p *Person) Avatar() *Link {
	var best *Link
	for _, rel := range []string{"photo", RelAvatar} {
		for i := range p.Links {
			l := &p.Links[i]
			if l.Rel != rel || l.Href == "" {
				continue
			}
			if l.Width == 96 && l.Height == 96 {
				return l
			}
			if best == nil || l.Width > best.Width {
				best = l
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// isIRI reports whether a name has a scheme. What follows is of no concern: GNU
// social puts ports into tag: URIs.
func isIRI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || rest == "" || strings.ContainsAny(s, " \t\r\n<>\"") {
		return false
	}
	for i, r := range scheme {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return true
}
