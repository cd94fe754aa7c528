package ostatus

import (
	"errors"
	"html"
	"slices"

	"manifold/bridge"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// ErrNotExpressible means that this network has no way to say something.
var ErrNotExpressible = errors.New("there is no way to say this on OStatus")

// Encoder writes what somebody did to somebody or something as an entry that
// stands alone, to be signed and sent. What is posted and shared is written as in
// feeds.
type Encoder struct {
	Names *bridge.Names
	// URI returns how somebody of another server is named on this network by the id
	// of the vocabulary, "" for those who are not on it. It may be nil.
	URI func(id string) string
}

// said are the words for what is done besides posting and sharing.
var said = map[string]string{
	vocab.VerbFollow: "follow", vocab.VerbStopFollowing: "unfollow", vocab.VerbJoin: "join", vocab.VerbLeave: "leave",
	vocab.VerbFavorite: "favorite", vocab.VerbLike: "favorite", vocab.VerbUnfavorite: "unfavorite", vocab.VerbUnlike: "unfavorite",
	vocab.VerbDelete: "delete", vocab.VerbUnshare: "delete", vocab.VerbAdd: "tag", vocab.VerbRemove: verbUntag,
}

// Entry writes an activity by actor, for the one whose URI is to. GNU social takes
// a slap only for somebody whom it mentions or is about, so that to is mentioned
// where nothing else names them. It returns [ErrNotExpressible] for what OStatus
// has no word for, such as blocks, and for what is about somebody who is not on
// this network.
func (e *Encoder) Entry(a *vocab.Activity, actor *vocab.Object, to string) (*atom.Entry, error) {
	word := said[a.Verb]
	if a.Verb == vocab.VerbUpdate && a.Object != nil && vocab.IsActorType(a.Object.Type) {
		word = "update-profile"
	}
	author := e.person(actor)
	if word == "" || a.Object == nil || author.URI == "" {
		return nil, ErrNotExpressible
	}
	if lists := word == "tag" || word == verbUntag; lists && (!vocab.IsActorType(a.Object.Type) || a.Target == nil || a.Target.Type != vocab.TypeCollection) {
		return nil, ErrNotExpressible // only people are put on lists here
	}
	object := e.object(a.Object)
	if word == "delete" && a.Verb == vocab.VerbUnshare {
		// A share is an entry of its own here, and that is what is deleted.
		object = &atom.Entry{ID: a.Undoes, ObjectType: atom.Schema + vocab.TypeActivity}
	}
	if object.ID == "" {
		return nil, ErrNotExpressible
	}
	name := author.Shown()
	entry := &atom.Entry{
		ID: a.ID, Title: titles[word], Content: firstOf(a.Content, html.EscapeString(name+": "+titles[word])), Published: a.Published, Updated: later(a.Updated, a.Published),
		Verb: schemaOf(word), ObjectType: atom.Schema + vocab.TypeActivity, Author: author, Object: object,
		Links: []atom.Link{{Rel: atom.RelAlternate, Type: atom.TypeHTML, Href: firstOf(webAddress(a.URL), a.ID)}},
	}
	switch word {
	case "favorite", "unfavorite":
		entry.InReplyTo = &atom.Reply{Ref: object.ID, Href: webAddress(a.Object.URL)}
	case "delete":
		// Mastodon and GNU social 2 know by the id of the entry what is deleted.
		entry.ID = object.ID
		entry.Target = &atom.Entry{ID: object.ID, ObjectType: object.ObjectType}
	case "tag", verbUntag:
		entry.Target = e.list(a.Target, author)
	}
	if to != "" && to != object.ID {
		entry.Links = append(entry.Links, atom.MentionLinks(to, atom.Schema+vocab.TypePerson)...)
	}
	entry.Links = append(entry.Links, atom.PublicLink())
	return entry, nil
}

// titles say what was done, as every entry needs one.
var titles = map[string]string{
	"follow": "Follow", "unfollow": "Unfollow", "join": "Join", "leave": "Leave", "favorite": "Favorite", "unfavorite": "Disfavor",
	"delete": "Delete", "update-profile": "Profile update", "tag": "Tag", verbUntag: "Untag",
}

// list is a list of people, with whose it is.
func (e *Encoder) list(o *vocab.Object, owner *atom.Person) *atom.Entry {
	t := &atom.Entry{ID: o.ID, ObjectType: schema("list"), Title: o.DisplayName, Author: owner}
	if page := firstOf(webAddress(o.URL), webAddress(o.ID)); page != "" {
		t.Links = []atom.Link{{Rel: atom.RelAlternate, Type: atom.TypeHTML, Href: page}}
	}
	return t
}

// schemaOf is the IRI of a verb: those of OStatus have a base of their own.
func schemaOf(word string) string {
	if slices.Contains([]string{"unfollow", "leave", "update-profile", verbUntag}, word) {
		return atom.SchemaOStatus + word
	}
	return schema(word)
}

// uri names somebody on this network, "" for those who are not on it.
func (e *Encoder) uri(id string) string {
	if nick := e.Names.Nickname(id); nick != "" {
		return e.Names.Actor(nick)
	}
	if e.URI != nil {
		return e.URI(id)
	}
	return webAddress(id)
}

// object is what something was done to. Of a thing no more is said than which it
// is and what it says.
func (e *Encoder) object(o *vocab.Object) *atom.Entry {
	t := &atom.Entry{ID: o.ID, ObjectType: schema(o.Type), Published: o.Published, Updated: o.Updated}
	if page := webAddress(o.URL); page != "" {
		t.Links = []atom.Link{{Rel: atom.RelAlternate, Type: atom.TypeHTML, Href: page}}
	}
	if vocab.IsActorType(o.Type) {
		p := e.person(o)
		t.ID, t.Title, t.Links, t.Profile = p.URI, p.Shown(), p.Links, p
		t.Profile.URI = ""
		return t
	}
	t.Title = o.DisplayName
	if o.Content != "" {
		t.Content = contentOf(o)
	}
	return t
}

// person is somebody by their profile.
func (e *Encoder) person(o *vocab.Object) *atom.Person {
	if o == nil {
		return &atom.Person{}
	}
	nick := firstOf(e.Names.Nickname(o.ID), o.PreferredUsername)
	p := &atom.Person{
		URI: e.uri(o.ID), Name: firstOf(nick, o.DisplayName, o.ID), PreferredUsername: nick, ObjectType: schema(firstOf(o.Type, vocab.TypePerson)),
		DisplayName: firstOf(o.DisplayName, nick), Note: bridge.Text(o.Summary),
	}
	if page := webAddress(o.URL); page != "" {
		p.Links = append(p.Links, atom.Link{Rel: atom.RelAlternate, Type: atom.TypeHTML, Href: page})
	}
	for _, m := range []*vocab.Media{o.Image, o.FullImage} {
		if m != nil && webAddress(m.URL) != "" && atom.Href(p.Links, atom.RelAvatar) != m.URL {
			p.Links = append(p.Links, atom.Link{Rel: atom.RelAvatar, Type: typeOf(m, m.URL), Href: m.URL, Width: m.Width, Height: m.Height})
		}
	}
	if o.Location != nil {
		p.Location = o.Location.DisplayName
	}
	return p
}
