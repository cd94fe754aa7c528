package atom

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"manifold/internal/xmltree"
)

// maxDepth is how deep objects may be nested: an entry, an activity that it is
// about, and the object of that.
const maxDepth = 3

// IncompleteError means that a document would lack what RFC 4287 demands.
type IncompleteError struct {
	// Element is where it is missing ("feed", or the id of an entry), Missing is
	// what.
	Element, Missing string
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("atom: %s has no %s", e.Element, e.Missing)
}

// Encode returns the feed as a document. It returns an [*IncompleteError] when
// something is missing without which it would not be valid.
func (f *Feed) Encode() ([]byte, error) {
	for _, need := range []struct {
		there bool
		what  string
	}{{f.ID != "", "id"}, {!f.Updated.IsZero(), "time of its last change"}} {
		if !need.there {
			return nil, &IncompleteError{"feed", need.what}
		}
	}
	e := newEncoder()
	e.root("feed", f.Lang)
	if err := e.head(f, "feed"); err != nil {
		return nil, err
	}
	for _, entry := range f.Entries {
		if entry.Author == nil && f.Author == nil {
			return nil, &IncompleteError{"entry " + entry.ID, "author"}
		}
		e.open("entry")
		if err := e.entry(entry); err != nil {
			return nil, err
		}
		e.close("entry")
	}
	e.close("feed")
	return e.Bytes(), nil
}

// Encode returns the entry as a document of its own. It returns an
// [*IncompleteError] when something is missing without which it would not be
// valid.
func (e *Entry) Encode() ([]byte, error) {
	if e.Author == nil {
		return nil, &IncompleteError{"entry " + e.ID, "author"}
	}
	enc := newEncoder()
	enc.root("entry", "")
	if err := enc.entry(e); err != nil {
		return nil, err
	}
	enc.close("entry")
	return enc.Bytes(), nil
}

// head writes what a feed, or the source of an entry, has besides entries: whose it
// is, and then all else in the order of GNU social.
func (e *encoder) head(f *Feed, of string) error {
	if err := e.owner(f, of); err != nil {
		return err
	}
	if g := f.Generator; g.Name != "" {
		e.element("generator", g.Name, "uri", g.URI, "version", g.Version)
	}
	e.text("id", f.ID)
	e.element("title", f.Title)
	e.text("subtitle", f.Subtitle)
	e.text("rights", f.Rights)
	e.text("logo", f.Logo)
	e.text("icon", f.Icon)
	e.instant("updated", f.Updated)
	e.links(f.Links)
	e.categories(f.Categories)
	if f.Group != nil {
		e.open("statusnet:group_info", "member_count", strconv.Itoa(f.Group.MemberCount))
		e.close("statusnet:group_info")
	}
	return e.extensions(f.Extensions, nil)
}

// owner writes whose a feed is. It stands before what the feed has of its own, for
// readers that take ids and links wherever they are, and keep the last.
func (e *encoder) owner(f *Feed, of string) error {
	subject := f.Subject
	if subject == nil && f.Author != nil && f.Author.hasMore() {
		subject = f.Author
	}
	if f.Author != nil {
		kept := slices.ContainsFunc(f.Extensions, func(x Extension) bool { return x.Space == NSDFRN && x.Name == "owner" })
		if subject != nil && of == "feed" && !kept {
			if err := e.ownerOfDFRN(f.Author, subject); err != nil {
				return err
			}
		}
		if err := e.person(f.Author, of); err != nil {
			return err
		}
	}
	if subject == nil {
		return nil
	}
	return e.subject("activity:subject", subject)
}

// encoder appends elements to a document. Names are those of this package; texts
// may be anything.
type encoder struct {
	bytes.Buffer
	// lang is the language that what is written inherits.
	lang string
}

func newEncoder() *encoder {
	e := &encoder{}
	e.WriteString(xml.Header)
	return e
}

// root opens the outermost element, where all namespaces are declared: GNU
// social finds them nowhere else.
func (e *encoder) root(name, lang string) {
	e.open(name, "xml:lang", lang, "xmlns", NSAtom, "xmlns:thr", NSThread, "xmlns:activity", NSActivity, "xmlns:georss", NSGeoRSS,
		"xmlns:ostatus", NSOStatus, "xmlns:poco", NSPoco, "xmlns:media", NSMedia, "xmlns:statusnet", NSStatusNet, "xmlns:mastodon", NSMastodon,
		"xmlns:dfrn", NSDFRN)
	e.lang = lang
}

// open begins an element; attributes are names and values in turn, of which
// empty values are left out, and a language that is inherited anyway.
func (e *encoder) open(name string, attributes ...string) {
	e.WriteByte('<')
	e.WriteString(name)
	for i := 0; i+1 < len(attributes); i += 2 {
		attribute, value := attributes[i], attributes[i+1]
		if value == "" && attribute != "xml:lang" || attribute == "xml:lang" && value == e.lang {
			continue
		}
		e.WriteByte(' ')
		e.WriteString(attribute)
		e.WriteString(`="`)
		e.escape(value)
		e.WriteByte('"')
	}
	e.WriteByte('>')
}

func (e *encoder) close(name string) {
	e.WriteString("</")
	e.WriteString(name)
	e.WriteString(">\n")
}

// escape writes text so that a parser reads the same, whatever it holds; what
// XML 1.0 cannot hold (2.2) becomes U+FFFD.
func (e *encoder) escape(s string) {
	xmltree.Escape(&e.Buffer, s)
}

// element writes an element with text in it; text is element that leaves out
// what is empty.
func (e *encoder) element(name, s string, attributes ...string) {
	e.open(name, attributes...)
	e.escape(s)
	e.close(name)
}

func (e *encoder) text(name, s string, attributes ...string) {
	if s != "" {
		e.element(name, s, attributes...)
	}
}

// instant writes a time as RFC 3339 has it, in whole seconds (RFC 4287 3.3).
func (e *encoder) instant(name string, t time.Time) {
	if !t.IsZero() {
		e.element(name, t.UTC().Format(time.RFC3339))
	}
}

// person writes a Person construct (RFC 4287 3.2), which has a name, a URI, an
// address of mail, and nothing else of Atom. The rest is in an extension beside it:
// see [Person.hasMore].
func (e *encoder) person(p *Person, of string) error {
	if p.Name == "" {
		return &IncompleteError{"the author of " + of, "name"}
	}
	e.open("author")
	e.text("activity:object-type", p.ObjectType)
	e.text("uri", firstOf(p.URI, p.ID))
	e.element("name", p.Name)
	if isMail(p.Email) {
		e.text("email", p.Email)
	}
	err := e.profile(p, firstOf(p.PreferredUsername, p.Name), p.DisplayName)
	e.close("author")
	return err
}

// hasMore reports whether there is something about a person that a Person construct
// has no place for: it is written beside that as activity:subject or activity:actor,
// where GNU social and StatusNet look before they look at the author.
func (p *Person) hasMore() bool {
	return p.Summary != "" || p.Followers != "" || p.Email != "" && !isMail(p.Email) || p.ID != "" && p.URI != "" && p.ID != p.URI ||
		slices.ContainsFunc(p.Links, func(l Link) bool { return l.Href != "" }) ||
		slices.ContainsFunc(p.Extensions, func(x Extension) bool { return x.Space == NSAtom })
}

// isMail reports whether an address is one of mail as RFC 4287 3.2.3 has it.
func isMail(address string) bool {
	name, host, ok := strings.Cut(address, "@")
	return ok && name != "" && host != "" && !strings.ContainsAny(host, "@") && !strings.ContainsAny(address, " \t\r\n")
}

// subject writes somebody in the form of an object.
func (e *encoder) subject(name string, p *Person) error {
	e.open(name)
	e.text("activity:object-type", p.ObjectType)
	e.text("id", firstOf(p.ID, p.URI))
	e.text("title", p.Shown())
	err := e.more(p)
	e.close(name)
	return err
}

// ownerOfDFRN writes the author of a feed in the form in which Friendica has its owner.
// Mastodon reads this or the author, whichever comes first, and has its picture from
// nowhere else.
func (e *encoder) ownerOfDFRN(author, subject *Person) error {
	e.open("dfrn:owner")
	e.text("uri", firstOf(author.URI, author.ID))
	e.element("name", author.Name)
	err := e.more(subject)
	e.close("dfrn:owner")
	return err
}

// more writes all that is known of somebody besides who it is.
func (e *encoder) more(p *Person) error {
	e.text("email", p.Email)
	e.links(p.Links)
	e.text("summary", p.Summary, "type", "html")
	if p.Followers != "" {
		e.open("followers", "url", p.Followers)
		e.close("followers")
	}
	if err := e.profile(p, firstOf(p.PreferredUsername, p.Name), p.Shown()); err != nil {
		return err
	}
	return e.extensions(p.Extensions, func(x Extension) bool { return x.Space == NSAtom })
}

// profile writes what somebody says of themselves in other words than those of Atom.
func (e *encoder) profile(p *Person, nickname, shown string) error {
	e.point(p.Point)
	e.text("poco:preferredUsername", nickname)
	e.text("poco:displayName", shown)
	e.text("poco:note", p.Note)
	if p.Location != "" {
		e.open("poco:address")
		e.element("poco:formatted", p.Location)
		e.close("poco:address")
	}
	for _, c := range p.URLs {
		e.open("poco:urls")
		e.text("poco:type", c.Type)
		e.element("poco:value", c.Value)
		if c.Primary {
			e.element("poco:primary", "true")
		}
		e.close("poco:urls")
	}
	if p.LocalID != "" {
		e.open("statusnet:profile_info", "local_id", p.LocalID)
		e.close("statusnet:profile_info")
	}
	e.text("mastodon:scope", p.Scope)
	return e.extensions(p.Extensions, func(x Extension) bool { return x.Space != NSAtom })
}

func (e *encoder) point(p *Point) {
	if p != nil {
		e.element("georss:point", strconv.FormatFloat(p.Latitude, 'f', -1, 64)+" "+strconv.FormatFloat(p.Longitude, 'f', -1, 64))
	}
}

func (e *encoder) links(list []Link) {
	for _, l := range list {
		if l.Href == "" {
			continue // RFC 4287 4.2.7.1
		}
		attributes := []string{"rel", l.Rel, "type", l.Type, "href", l.Href, "hreflang", l.Lang, "title", l.Title, "name", l.Name, "length", number(l.Length),
			"media:width", number(int64(l.Width)), "media:height", number(int64(l.Height)), "ostatus:object-type", l.ObjectType}
		declared := 0
		for _, a := range l.Extra {
			name := a.Name
			if a.Value == "" || !isAttribute(name) || slices.Contains(linkAttributes, name) && a.Space == "" {
				continue
			}
			if a.Space != "" {
				declared++
				prefix := "ns" + strconv.Itoa(declared)
				attributes = append(attributes, "xmlns:"+prefix, a.Space)
				name = prefix + ":" + name
			}
			attributes = append(attributes, name, a.Value)
		}
		e.open("link", attributes...)
		e.close("link")
	}
}

// linkAttributes are those that links have fields for.
var linkAttributes = []string{"rel", "type", "href", "hreflang", "title", "name", "length", "xmlns"}

// isAttribute reports whether a name can be written as that of an attribute: it
// is letters, digits and a few signs.
func isAttribute(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-.", r)) {
			return false
		}
	}
	return name != ""
}

func (e *encoder) categories(list []Category) {
	for _, c := range list {
		if c.Term != "" {
			e.open("category", "term", c.Term, "scheme", c.Scheme, "label", c.Label)
			e.close("category")
		}
	}
}

// ExtensionError means that an extension is not XML.
type ExtensionError struct {
	Name string
	Err  error
}

func (e *ExtensionError) Error() string {
	return fmt.Sprintf("atom: the extension %q cannot be written: %v", e.Name, e.Err)
}

func (e *ExtensionError) Unwrap() error { return e.Err }

// extensions writes elements that were kept. They are read once more, so that
// whatever they hold the document stays one. Where which is given, only those are
// written that it picks.
func (e *encoder) extensions(list []Extension, which func(Extension) bool) error {
	for _, x := range list {
		if which != nil && !which(x) {
			continue
		}
		element, err := xmltree.Parse([]byte(x.XML), xmltree.Limits{Size: MaxDocument, Nodes: maxNodes})
		if err != nil {
			return &ExtensionError{x.Name, err}
		}
		element.AppendXML(&e.Buffer, NSAtom)
		e.WriteByte('\n')
	}
	return nil
}

func number(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// entry writes the inside of an entry.
func (e *encoder) entry(entry *Entry) error {
	switch {
	case entry.ID == "":
		return &IncompleteError{"an entry", "id"}
	case entry.Updated.IsZero():
		return &IncompleteError{"entry " + entry.ID, "time of its last change"}
	}
	return e.thing(entry, 1)
}

// thing writes the inside of an entry, or of an object, which may lack anything
// but its id.
func (e *encoder) thing(t *Entry, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("atom: the objects of entry %s are nested deeper than %d levels", t.ID, maxDepth)
	}
	if err := e.by(t); err != nil {
		return err
	}
	e.text("activity:object-type", t.ObjectType)
	e.text("id", t.ID)
	if t.Title != "" || depth == 1 { // RFC 4287 4.1.2: an entry has a title, if an empty one
		e.element("title", t.Title)
	}
	e.content(t)
	e.text("activity:verb", t.Verb)
	e.instant("published", t.Published)
	e.instant("updated", t.Updated)
	if t.Profile != nil {
		if err := e.described(t.Profile); err != nil {
			return err
		}
	}
	if err := e.objects(t, depth); err != nil {
		return err
	}
	e.links(t.Links)
	if r := t.InReplyTo; r != nil && r.Href != "" && !slices.ContainsFunc(t.Links, func(l Link) bool { return l.Rel == "related" && l.Href == r.Href }) {
		// Readers that do not know RFC 4685.
		e.links([]Link{{Rel: "related", Type: TypeHTML, Href: r.Href}})
	}
	e.thread(t)
	e.categories(t.Categories)
	e.point(t.Point)
	e.text("georss:featureName", t.Place)
	if t.Source != nil {
		e.open("source")
		if err := e.head(t.Source, "the source of "+t.ID); err != nil {
			return err
		}
		e.close("source")
	}
	if n := t.Notice; n != nil {
		e.open("statusnet:notice_info", "local_id", n.LocalID, "source", n.Source, "source_link", n.SourceLink, "repeat_of", n.RepeatOf)
		e.close("statusnet:notice_info")
	}
	e.text("mastodon:scope", t.Scope)
	return e.extensions(t.Extensions, nil)
}

// by writes who made an entry or object, for the same reason as the owner of a feed
// before all else. So the links of an entry come after its objects.
func (e *encoder) by(t *Entry) error {
	actor := t.Actor
	if t.Author != nil {
		if err := e.person(t.Author, t.ID); err != nil {
			return err
		}
		if actor == nil && t.Author.hasMore() {
			actor = t.Author
		}
	}
	if actor == nil {
		return nil
	}
	return e.subject("activity:actor", actor)
}

// described writes the profile of an object that is somebody.
func (e *encoder) described(p *Person) error {
	e.text("uri", p.URI)
	e.text("email", p.Email)
	e.text("summary", p.Summary, "type", "html")
	if p.Followers != "" {
		e.open("followers", "url", p.Followers)
		e.close("followers")
	}
	return e.profile(p, p.PreferredUsername, p.DisplayName)
}

// content writes what an entry says. Where a summary is HTML without markup it is
// written as text: Mastodon shows it as it stands.
func (e *encoder) content(t *Entry) {
	if s := t.Summary; s != "" {
		if text := html.UnescapeString(s); !strings.ContainsAny(s, "<>") && html.EscapeString(text) == s && strings.TrimSpace(text) == text && !strings.Contains(text, "\n") {
			e.element("summary", text, "xml:lang", t.Lang)
		} else {
			e.element("summary", s, "type", "html", "xml:lang", t.Lang)
		}
	}
	switch {
	case t.ContentSource != "":
		e.open("content", "type", t.ContentType, "src", t.ContentSource)
		e.close("content")
	case t.Content != "":
		e.element("content", t.Content, "type", "html", "xml:lang", t.Lang)
	}
}

// objects writes what was done something to.
func (e *encoder) objects(t *Entry, depth int) error {
	list := t.MoreObjects
	if t.Object != nil {
		list = append([]*Entry{t.Object}, list...)
	}
	for _, o := range list {
		e.open("activity:object")
		if err := e.thing(o, depth+1); err != nil {
			return err
		}
		e.close("activity:object")
	}
	if t.Target == nil {
		return nil
	}
	e.open("activity:target")
	if err := e.thing(t.Target, depth+1); err != nil {
		return err
	}
	e.close("activity:target")
	return nil
}

// thread writes what an entry answers and which conversation it belongs to.
func (e *encoder) thread(t *Entry) {
	if r := t.InReplyTo; r != nil {
		e.open("thr:in-reply-to", "ref", r.Ref, "href", r.Href, "type", htmlWhere(r.Href))
		e.close("thr:in-reply-to")
	}
	c := t.Conversation
	if c == nil {
		return
	}
	// StatusNet reads the link, GNU social 1 the text, GNU social 2 the attribute.
	e.links([]Link{{Rel: relConversation, Href: firstOf(c.Href, c.Ref)}})
	if c.Ref != "" || c.LocalID != "" {
		e.element("ostatus:conversation", c.Ref, "href", c.Href, "local_id", c.LocalID, "ref", c.Ref)
	}
}

func htmlWhere(href string) string {
	if href == "" {
		return ""
	}
	return TypeHTML
}
