package atom

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"manifold/internal/xmltree"
)

// Limits on documents. Twenty entries of GNU social have 60 KB.
const (
	// MaxDocument is how many bytes a document may have where nothing else is said.
	MaxDocument = 4 << 20
	maxElements = 48      // levels
	maxNodes    = 400_000 // elements, attributes and pieces of text
)

// Why a document is not read.
type (
	// LimitError means that it is larger than is read.
	LimitError = xmltree.LimitError
	// SyntaxError means that it is not well-formed XML.
	SyntaxError = xmltree.SyntaxError
)

// ErrDTD means that a document has a document type, which no feed needs.
var ErrDTD = xmltree.ErrDTD

// NotAtomError means that a document is something else than Atom. RSS is such.
type NotAtomError struct {
	// Space and Name are those of its root element.
	Space, Name string
}

func (e *NotAtomError) Error() string {
	return fmt.Sprintf("atom: the document is neither a feed nor an entry, but %q of the namespace %q", e.Name, e.Space)
}

// DecodeOptions say how to read a document.
type DecodeOptions struct {
	// Address is where the document was found; what is relative in it is so to this.
	Address string
	// MaxSize is how many bytes it may have; 0 is [MaxDocument]. The tree of a
	// document takes some ten times its size.
	MaxSize int
}

// Document is a feed, or an entry that is alone.
type Document struct {
	Feed  *Feed
	Entry *Entry
}

// Entries are the entries of the document.
func (d *Document) Entries() []*Entry {
	if d.Feed != nil {
		return d.Feed.Entries
	}
	return []*Entry{d.Entry}
}

// Decode reads a document. It returns a [*LimitError], a [*SyntaxError], [ErrDTD]
// or a [*NotAtomError]; whatever else is amiss is tolerated, so that what should
// be there may be missing: see that ids and authors are before you use them.
//
// Relative addresses are made absolute, also those inside of contents. Elements
// and attributes without a field are kept as extensions.
func Decode(data []byte, o DecodeOptions) (*Document, error) {
	if o.MaxSize == 0 {
		o.MaxSize = MaxDocument
	}
	root, err := xmltree.Parse(data, xmltree.Limits{Size: o.MaxSize, Depth: maxElements, Nodes: max(maxNodes, o.MaxSize/10)})
	if err != nil {
		return nil, err
	}
	var at place
	if u, err := url.Parse(o.Address); err == nil && u.IsAbs() {
		at.base = u
	}
	switch {
	case root.Is(NSAtom, "feed"):
		return &Document{Feed: at.in(root).feed(root, true)}, nil
	case root.Is(NSAtom, "entry"):
		return &Document{Entry: at.in(root).thing(root, 1)}, nil
	}
	return nil, &NotAtomError{Space: root.Name.Space, Name: root.Name.Local}
}

// place is what an element inherits from those around it (RFC 4287 2).
type place struct {
	// base is nil for unknown.
	base *url.URL
	lang string
}

func (p place) in(e *xmltree.Element) place {
	if lang, ok := e.LookupAttr(xmltree.NSXML, "lang"); ok {
		p.lang = strings.TrimSpace(lang)
	}
	if base := strings.TrimSpace(e.Attr(xmltree.NSXML, "base")); base != "" {
		if u, err := url.Parse(base); err == nil {
			if p.base != nil {
				u = p.base.ResolveReference(u)
			}
			p.base = u
		}
	}
	return p
}

// resolve makes an address absolute where it is relative and it is known to what.
func (p place) resolve(ref string) string {
	ref = strings.TrimSpace(ref)
	if ref == "" || p.base == nil {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil || u.IsAbs() {
		return ref
	}
	return p.base.ResolveReference(u).String()
}

// keep returns an element as an extension.
func keep(e *xmltree.Element) Extension {
	return Extension{Space: e.Name.Space, Name: e.Name.Local, XML: e.XML()}
}

// feed reads a feed, or the source of an entry, which has no entries.
func (p place) feed(root *xmltree.Element, entries bool) *Feed {
	f := &Feed{Lang: p.lang}
	var owners []*xmltree.Element
	for _, e := range root.Elements() {
		in := p.in(e)
		switch name := e.Name; {
		case name.Space == NSAtom && in.feedElement(f, e, entries):
		case e.Is(NSActivity, "subject") && f.Subject == nil:
			f.Subject = in.person(e, true)
		case e.Is(NSStatusNet, "group_info") && f.Group == nil:
			f.Group = &GroupInfo{}
			f.Group.MemberCount, _ = strconv.Atoi(e.Attr("", "member_count"))
		case e.Is(NSDFRN, "owner"):
			owners = append(owners, e)
		default:
			f.Extensions = append(f.Extensions, keep(e))
		}
	}
	for _, e := range owners {
		// The author in other words says nothing new.
		if who := p.in(e).person(e, false); f.Author == nil || who.URI != firstOf(f.Author.URI, f.Author.ID) || who.Name != f.Author.Name {
			f.Extensions = append(f.Extensions, keep(e))
		}
	}
	return f
}

// feedElement takes an element of Atom itself; false means that it has no field.
func (p place) feedElement(f *Feed, e *xmltree.Element, entries bool) bool {
	switch e.Name.Local {
	case "id":
		f.ID = e.Trimmed()
	case "title":
		f.Title = plain(e)
	case "subtitle":
		f.Subtitle = plain(e)
	case "rights":
		f.Rights = plain(e)
	case "logo":
		f.Logo = p.resolve(e.Text())
	case "icon":
		f.Icon = p.resolve(e.Text())
	case "generator":
		f.Generator = Generator{Name: e.Trimmed(), Version: e.Attr("", "version"), URI: p.resolve(e.Attr("", "uri"))}
	case "updated":
		return setTime(&f.Updated, e)
	case "author":
		if f.Author != nil {
			return false
		}
		f.Author = p.person(e, false)
	case "link":
		f.Links = append(f.Links, p.link(e))
	case "category":
		f.Categories = appendCategory(f.Categories, e)
	case "entry":
		if !entries {
			return false
		}
		f.Entries = append(f.Entries, p.thing(e, 1))
	default:
		return false
	}
	return true
}

// thing reads an entry (depth 1), or an object.
func (p place) thing(root *xmltree.Element, depth int) *Entry {
	t := &Entry{Lang: p.lang}
	if depth > 1 && isPerson(root) {
		t.Profile = p.person(root, true)
	}
	for _, e := range root.Elements() {
		in := p.in(e)
		switch {
		case t.Profile != nil && (e.Name.Space == NSPoco || isProfileElement(e)):
			// It is in the profile.
		case e.Name.Space == NSAtom && in.atomElement(t, e):
		case e.Name.Space == NSActivity && in.activityElement(t, e, depth):
		case e.Name.Space != NSAtom && e.Name.Space != NSActivity && in.otherElement(t, e):
		default:
			t.Extensions = append(t.Extensions, keep(e))
		}
	}
	p.conversation(t, root)
	if depth > 1 && len(root.Elements()) == 0 && t.ID == "" {
		t.ID = root.Trimmed() // an object that is only named
	}
	if t.Profile != nil {
		t.Profile.ID, t.Profile.Links, t.Profile.ObjectType = t.ID, t.Links, t.ObjectType
	}
	return t
}

// atomElement takes an element of Atom itself; false means that it has no field.
func (p place) atomElement(t *Entry, e *xmltree.Element) bool {
	switch e.Name.Local {
	case "id":
		t.ID = e.Trimmed()
	case "title":
		t.Title = plain(e)
	case "summary":
		if t.Summary != "" {
			return false
		}
		t.Summary = p.markup(e)
		if t.Content == "" && t.Summary != "" {
			t.Lang = p.lang
		}
	case "content":
		if t.Content != "" || t.ContentSource != "" {
			return false
		}
		return p.content(t, e)
	case "published":
		return setTime(&t.Published, e)
	case "updated":
		return setTime(&t.Updated, e)
	case "author":
		if t.Author != nil {
			return false
		}
		t.Author = p.person(e, false)
	case "link":
		l := p.link(e)
		if l.Rel == relConversation {
			return true // see conversation
		}
		t.Links = append(t.Links, l)
	case "category":
		t.Categories = appendCategory(t.Categories, e)
	case "source":
		if t.Source != nil {
			return false
		}
		t.Source = p.feed(e, false)
	default:
		return false
	}
	return true
}

func (p place) activityElement(t *Entry, e *xmltree.Element, depth int) bool {
	switch e.Name.Local {
	case "verb":
		t.Verb = absolute(e.Trimmed())
	case "object-type":
		t.ObjectType = absolute(e.Trimmed())
	case "actor":
		if t.Actor != nil {
			return false
		}
		t.Actor = p.person(e, true)
	case "object":
		switch {
		case depth >= maxDepth:
			return false
		case t.Object == nil:
			t.Object = p.thing(e, depth+1)
		default:
			t.MoreObjects = append(t.MoreObjects, p.thing(e, depth+1))
		}
	case "target":
		if t.Target != nil || depth >= maxDepth {
			return false
		}
		t.Target = p.thing(e, depth+1)
	default:
		return false
	}
	return true
}

func (p place) otherElement(t *Entry, e *xmltree.Element) bool {
	switch {
	case e.Is(NSThread, "in-reply-to"):
		if t.InReplyTo != nil {
			return false
		}
		t.InReplyTo = &Reply{Ref: strings.TrimSpace(e.Attr("", "ref")), Href: p.resolve(e.Attr("", "href"))}
	case e.Is(NSOStatus, "conversation"):
		// see conversation
	case e.Is(NSGeoRSS, "point"):
		point := pointOf(e.Trimmed())
		if point == nil || t.Point != nil {
			return false
		}
		t.Point = point
	case e.Is(NSGeoRSS, "featureName"):
		t.Place = e.Trimmed()
	case e.Is(NSStatusNet, "notice_info"):
		if t.Notice != nil {
			return false
		}
		t.Notice = &NoticeInfo{LocalID: e.Attr("", "local_id"), Source: e.Attr("", "source"), SourceLink: e.Attr("", "source_link"), RepeatOf: e.Attr("", "repeat_of")}
	case e.Is(NSMastodon, "scope"):
		t.Scope = e.Trimmed()
	default:
		return false
	}
	return true
}

// conversation puts together what two elements say of the thread. The element of
// that name has the id as an attribute or as its text; StatusNet has only the
// link, with the page of the thread.
func (p place) conversation(t *Entry, root *xmltree.Element) {
	var c Conversation
	if e := root.First(NSOStatus, "conversation"); e != nil {
		c.Ref = firstOf(strings.TrimSpace(e.Attr("", "ref")), e.Trimmed())
		c.Href, c.LocalID = p.in(e).resolve(e.Attr("", "href")), strings.TrimSpace(e.Attr("", "local_id"))
	}
	for _, e := range root.Elements() {
		if e.Is(NSAtom, "link") && strings.TrimSpace(e.Attr("", "rel")) == relConversation && c.Href == "" {
			if href := p.in(e).resolve(e.Attr("", "href")); href != c.Ref {
				c.Href = href
			}
		}
	}
	if c != (Conversation{}) {
		t.Conversation = &c
	}
}

// absolute returns the IRI of a verb or type: a word alone is one of the base
// schema.
func absolute(word string) string {
	if word == "" || strings.ContainsAny(word, ":/") {
		return word
	}
	return Schema + word
}

// ianaRelations is what registered relations may be written with (RFC 4287
// 4.2.7.2).
const ianaRelations = "http://www.iana.org/assignments/relation/"

func (p place) link(e *xmltree.Element) Link {
	l := Link{Rel: RelAlternate}
	// StatusNet up to 1.0 wrote addresses of activities as the text of the link.
	l.Href = p.resolve(firstOf(e.Attr("", "href"), e.Text()))
	for _, a := range e.Attrs {
		value := strings.TrimSpace(a.Value)
		switch a.Name.Space + " " + a.Name.Local {
		case " href":
		case " rel":
			if rel := strings.TrimPrefix(value, ianaRelations); rel != "" {
				l.Rel = rel
			}
		case " type":
			l.Type = value
		case " title":
			l.Title = value
		case " hreflang":
			l.Lang = value
		case " name":
			l.Name = value
		case " length":
			l.Length = max(0, int64(integer(value)))
		case NSMedia + " width":
			l.Width = max(0, integer(value))
		case NSMedia + " height":
			l.Height = max(0, integer(value))
		case NSOStatus + " object-type":
			l.ObjectType = absolute(value)
		case xmltree.NSXML + " base", xmltree.NSXML + " lang":
		default:
			l.Extra = append(l.Extra, Attr{Space: a.Name.Space, Name: a.Name.Local, Value: a.Value})
		}
	}
	return l
}

func integer(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func appendCategory(list []Category, e *xmltree.Element) []Category {
	c := Category{Term: strings.TrimSpace(e.Attr("", "term")), Scheme: strings.TrimSpace(e.Attr("", "scheme")), Label: strings.TrimSpace(e.Attr("", "label"))}
	if c.Term == "" { // GNU social writes empty ones
		return list
	}
	return append(list, c)
}

// pointOf reads a latitude and a longitude with a blank or a comma between them.
func pointOf(s string) *Point {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	if len(parts) != 2 {
		return nil
	}
	lat, err1 := strconv.ParseFloat(parts[0], 64)
	lon, err2 := strconv.ParseFloat(parts[1], 64)
	if err1 != nil || err2 != nil || !(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180) {
		return nil
	}
	return &Point{Latitude: lat, Longitude: lon}
}
