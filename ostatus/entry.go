package ostatus

import (
	"encoding/json"
	"html"
	"mime"
	"net/url"
	"path"
	"slices"
	"strings"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// maxContent bounds the HTML of one entry, in bytes. To clean more takes longer
// than anybody waits for a feed; what is longer is shown by its beginning,
// without markup.
const maxContent = 64 << 10

// entry is something that was done as an entry of a feed. The author of the feed
// is that of the entry unless it is set.
func (p *page) entry(a *models.Activity) *atom.Entry {
	o := p.objects[a.Object.ID]
	if a.Verb == vocab.VerbShare {
		return p.share(a, o)
	}
	e := p.thing(o)
	// The entry of a post is the object itself.
	e.Verb = atom.Schema + vocab.VerbPost
	e.Links = append(e.Links, p.mentioned(a)...)
	e.Notice = client(a)
	if !isIRI(e.ID) {
		e.ID = a.Doc.ID // a client brought an id that is none
	}
	if !slices.ContainsFunc(e.Links, func(l atom.Link) bool { return l.Rel == "alternate" }) {
		e.Links = append(e.Links, alternate(a))
	}
	e.Links = append(e.Links, p.others(e.ID)...)
	return e
}

// others are the links to the same on the other networks, by which those who are
// on several can tell.
func (p *page) others(id string) []atom.Link {
	var links []atom.Link
	if p.names.Token(id) != "" {
		for _, t := range p.alternates {
			links = append(links, atom.Link{Rel: atom.RelAlternate, Type: t, Href: id})
		}
	}
	return links
}

// share is the entry of a share. It says what is shared, so that readers of
// feeds have something to read, and has the posting of that inside, as GNU
// social looks for it there.
func (p *page) share(a *models.Activity, o *models.Object) *atom.Entry {
	original := p.thing(o)
	by := p.actors[o.AuthorID]
	e := &atom.Entry{
		ID: a.Doc.ID, Title: nameOf(p.actors[a.ActorID]) + " shared a " + kindOf(o.Type), Content: original.Content,
		Published: a.Published, Updated: later(a.Updated, a.Published), Verb: atom.Schema + vocab.VerbShare, ObjectType: atom.Schema + vocab.TypeActivity,
		Links: append([]atom.Link{alternate(a)}, p.mentioned(a)...),
	}
	e.Object = &atom.Entry{
		ID: original.ID, Title: original.Title, Content: original.Content, Published: original.Published, Updated: original.Updated,
		Verb: atom.Schema + vocab.VerbPost, ObjectType: atom.Schema + vocab.TypeActivity, Links: original.Links, Object: original,
	}
	if by != nil && p.shown(o) {
		e.Title += " by " + nameOf(by)
		e.Object.Author, e.Object.Source = p.person(by), p.source(by)
	}
	e.Links, e.Notice = append(e.Links, p.others(e.ID)...), client(a)
	return e
}

// alternate is the link to where people see an activity. Each entry has one: GNU
// social shows it as the address of the notice.
func alternate(a *models.Activity) atom.Link {
	return atom.Link{Rel: "alternate", Type: "text/html", Href: firstOf(webAddress(a.Doc.URL), a.Doc.ID)}
}

// shown reports whether a stranger may read a thing, and whether somebody
// vouches for it: a copy that came with a share is neither shown nor attributed.
func (p *page) shown(o *models.Object) bool {
	author := p.actors[o.AuthorID]
	return p.visible[o.ID] && (author == nil || author.State == models.Active)
}

// thing is what was posted, without what was done to it.
func (p *page) thing(o *models.Object) *atom.Entry {
	d := o.Doc
	e := &atom.Entry{ID: d.ID, ObjectType: schema(postedAs(o.Type)), Published: d.Published, Updated: later(d.Updated, d.Published)}
	if e.Published.IsZero() {
		e.Published = o.Created
	}
	e.Updated = later(e.Updated, e.Published)
	if address := firstOf(webAddress(d.URL), webAddress(d.ID)); address != "" {
		e.Links = append(e.Links, atom.Link{Rel: "alternate", Type: "text/html", Href: address})
	}
	if !p.shown(o) {
		return e
	}
	e.Title = d.DisplayName
	e.Content = contentOf(d)
	if e.Title == "" {
		if e.Title = excerpt(bridge.Text(e.Content), 80); e.Title == "" {
			e.Title = "A " + kindOf(o.Type) + " by " + nameOf(p.actors[o.AuthorID])
		}
	}
	e.Summary, e.Categories = warning(d), topics(d)
	if e.Content == "" {
		e.Content = titleAsContent(d, e.Title)
	}
	e.Point, e.Place = whereabouts(d.Location)
	e.InReplyTo, e.Conversation = p.answered(o), p.conversation(o)
	e.Links = append(e.Links, enclosures(d)...)
	for _, a := range d.Attachments[:min(len(d.Attachments), maxAttachments)] {
		e.Links = append(e.Links, enclosures(a)...)
	}
	return e
}

// answered names what a thing answers, as far as that is public.
func (p *page) answered(o *models.Object) *atom.Reply {
	named, parent := o.Doc.Parent(), p.objects[o.ParentID]
	switch {
	case named == nil || named.ID == "":
		return nil
	case parent == nil && p.names.Ours(named.ID):
		return nil
	case parent == nil:
		return &atom.Reply{Ref: named.ID, Href: webAddress(named.ID)}
	case parent.Local && !p.visible[parent.ID]:
		return nil
	}
	return &atom.Reply{Ref: parent.Doc.ID, Href: firstOf(webAddress(parent.Doc.URL), webAddress(parent.Doc.ID))}
}

// person is an author.
func (p *page) person(a *models.Actor) *atom.Person {
	if a == nil {
		return &atom.Person{Name: "somebody"}
	}
	v := &atom.Person{Name: firstOf(a.Nickname, nameOf(a)), URI: p.uri(a), ObjectType: schema(a.Type), DisplayName: nameOf(a)}
	if a.State != models.Active {
		return v
	}
	v.Note = bridge.Text(a.Doc.Summary)
	page := webAddress(a.Doc.URL)
	if a.Local && a.Nickname != "" {
		page = p.names.Page(a.Nickname)
	}
	if page != "" {
		v.Links = append(v.Links, atom.Link{Rel: "alternate", Type: "text/html", Href: page})
	}
	for _, m := range []*vocab.Media{a.Doc.Image, a.Doc.FullImage} {
		if m != nil && webAddress(m.URL) != "" && (m == a.Doc.Image || m.URL != pictureOf(a)) {
			v.Links = append(v.Links, atom.Link{Rel: atom.RelAvatar, Type: typeOf(m, m.URL), Href: m.URL, Width: m.Width, Height: m.Height})
		}
	}
	v.Point, v.Location = whereabouts(a.Doc.Location)
	v.URLs = homepages(a.Doc)
	return v
}

// homepages are the addresses in the fields of a profile. GNU social reads no other
// kind than this.
func homepages(d *vocab.Object) []atom.Contact {
	var fields []struct{ Value string }
	if json.Unmarshal(d.Extra[vocab.NSAS2+"attachment"], &fields) != nil {
		return nil
	}
	var list []atom.Contact
	for _, f := range fields[:min(len(fields), maxAttachments)] {
		if address := webAddress(strings.TrimSpace(bridge.Text(f.Value))); address != "" {
			list = append(list, atom.Contact{Type: "homepage", Value: address, Primary: len(list) == 0})
		}
	}
	return list
}

// uri is what names a person on this network.
func (p *page) uri(a *models.Actor) string {
	if a.Local {
		return ownURI(p.names, a)
	}
	return firstOf(p.presences[a.ID].IRI, p.elsewhere[a.ID], webAddress(a.Doc.URL), a.Doc.ID)
}

// mentions reports whether an addressee is somebody whom an entry names: those
// in to and cc.
func mentions(to models.Addressee) bool {
	return (to.Kind == models.AudienceActor || to.Kind == models.AudienceGroup) && (to.Field == models.To || to.Field == models.CC)
}

// mentioned are the links to those whom an activity is addressed to by name, and
// to everybody.
func (p *page) mentioned(a *models.Activity) []atom.Link {
	var links []atom.Link
	for _, to := range a.Audience {
		if actor := p.actors[to.ID]; mentions(to) && actor != nil && to.ID != a.ActorID {
			links = append(links, atom.MentionLinks(p.uri(actor), schema(actor.Type))...)
		}
	}
	if a.Visibility == models.Public {
		links = append(links, atom.PublicLink())
	}
	return links
}

// contentOf is what a thing says, as HTML: sanitised once more, since the store
// may be older than the rules of today, and with the picture that it is.
func contentOf(d *vocab.Object) string {
	body := firstOf(d.Content, d.Summary)
	if len(body) > maxContent {
		body = html.EscapeString(excerpt(bridge.Text(body), 2000))
	} else {
		body = bridge.Sanitize(body)
	}
	picture := firstMedia(d.Image, d.FullImage)
	if d.Type != vocab.TypeImage || picture == nil || webAddress(picture.URL) == "" {
		return body
	}
	full := picture.URL
	if d.FullImage != nil {
		full = firstOf(webAddress(d.FullImage.URL), full)
	}
	return `<p><a href="` + html.EscapeString(full) + `"><img src="` + html.EscapeString(picture.URL) + `" alt="` + html.EscapeString(d.DisplayName) + `"></a></p>` + body
}

// titleAsContent is what stands for the content of what has none, such as a file:
// GNU social drops an entry that says nothing.
func titleAsContent(d *vocab.Object, title string) string {
	address := webAddress(d.FileURL)
	if d.Stream != nil {
		address = firstOf(webAddress(d.Stream.URL), address)
	}
	text := html.EscapeString(title)
	if address == "" {
		return text
	}
	return `<p><a href="` + html.EscapeString(address) + `">` + text + `</a></p>`
}

// maxAttachments is how many attachments of a thing are shown.
const maxAttachments = 20

// enclosures are the links to the files that a thing consists of.
func enclosures(d *vocab.Object) []atom.Link {
	var m *vocab.Media
	switch {
	case d.Stream != nil:
		m = d.Stream
	case d.FileURL != "":
		m = &vocab.Media{URL: d.FileURL, MediaType: d.MimeType}
	case d.Type == vocab.TypeImage:
		m = firstMedia(d.FullImage, d.Image)
	}
	if m == nil || webAddress(m.URL) == "" {
		return nil
	}
	return []atom.Link{{Rel: "enclosure", Type: firstOf(typeOf(m, m.URL), d.MimeType), Href: m.URL, Title: d.DisplayName}}
}

func firstMedia(list ...*vocab.Media) *vocab.Media {
	for _, m := range list {
		if m != nil {
			return m
		}
	}
	return nil
}

// typeOf is the media type of a file, by its name where nobody said.
func typeOf(m *vocab.Media, address string) string {
	if m != nil && m.MediaType != "" {
		return m.MediaType
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	t, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(u.Path)), ";")
	return t
}

// pictureOf is the address of the picture of a person, "" for none.
func pictureOf(a *models.Actor) string {
	if a.Doc.Image == nil {
		return ""
	}
	return webAddress(a.Doc.Image.URL)
}

// schema is the IRI of a type or verb. Those that are not words of the base
// schema are IRIs already.
func schema(word string) string {
	if word == "" || isIRI(word) {
		return word
	}
	return atom.Schema + word
}

// postedAs is the type that a thing is written with. GNU social ignores what is
// posted as anything else than some kind of text, so that a picture is a note with
// an enclosure.
func postedAs(objectType string) string {
	switch objectType {
	case vocab.TypeComment, vocab.TypeArticle:
		return objectType
	}
	return vocab.TypeNote
}

// kindOf is the word for things of a type, in titles.
func kindOf(objectType string) string {
	switch objectType {
	case vocab.TypeNote, vocab.TypeComment, vocab.TypeVideo, vocab.TypeFile:
		return objectType
	case vocab.TypeImage:
		return "picture"
	case vocab.TypeAudio:
		return "recording"
	}
	return "post"
}

func nameOf(a *models.Actor) string {
	if a == nil {
		return "somebody"
	}
	return firstOf(a.Doc.DisplayName, a.Doc.PreferredUsername, a.Nickname, a.Doc.ID, "somebody")
}

// isIRI reports whether a name has a scheme, as an atom:id must (RFC 4287
// 4.2.6).
func isIRI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && !strings.ContainsAny(s, " \t\r\n<>\"")
}

// webAddress returns an address that a reader may be sent to, "" for any other.
func webAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return s
}

// excerpt returns text cut to n characters.
func excerpt(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return strings.TrimRight(string(runes[:n-1]), " ") + "…"
	}
	return s
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
