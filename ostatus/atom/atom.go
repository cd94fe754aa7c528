package atom

import "time"

// MediaType is that of the documents.
const MediaType = "application/atom+xml; charset=utf-8"

// MediaTypeEntry is that of a document which is a single entry (RFC 5023 12.1.1).
const MediaTypeEntry = "application/atom+xml; type=entry; charset=utf-8"

// The namespaces that the documents use.
const (
	NSAtom      = "http://www.w3.org/2005/Atom"
	NSActivity  = "http://activitystrea.ms/spec/1.0/"
	NSThread    = "http://purl.org/syndication/thread/1.0"
	NSPoco      = "http://portablecontacts.net/spec/1.0"
	NSMedia     = "http://purl.org/syndication/atommedia"
	NSOStatus   = "http://ostatus.org/schema/1.0"
	NSGeoRSS    = "http://www.georss.org/georss"
	NSStatusNet = "http://status.net/schema/api/1/"
	NSMastodon  = "http://mastodon.social/schema/1.0"
	NSDFRN      = "http://purl.org/macgirvin/dfrn/1.0"
)

// Schema is what the verbs and object types of Activity Streams 1.0 begin with,
// such as Schema + "post" and Schema + "note". SchemaOStatus is what those of
// OStatus begin with: unfollow, leave, untag and update-profile.
const (
	Schema        = "http://activitystrea.ms/schema/1.0/"
	SchemaOStatus = "http://ostatus.org/schema/1.0/"
)

// Public is the collection of everybody: an entry that is for everybody mentions
// it.
const Public = "http://activityschema.org/collection/public"

// Feed is a feed document. ID, Title and Updated must be set.
type Feed struct {
	// ID is an IRI that names the feed for ever; OStatus wants its address.
	ID string
	// Title, Subtitle and Rights are plain text.
	Title, Subtitle, Rights string
	// Logo and Icon are addresses of pictures.
	Logo, Icon string
	Generator  Generator
	Updated    time.Time
	// Lang is the language of everything that says nothing else (xml:lang).
	Lang string
	// Author may be nil where each entry has one.
	Author *Person
	// Subject is whom the feed is about, as StatusNet up to 1.0 said it besides the
	// author (activity:subject).
	Subject    *Person
	Group      *GroupInfo
	Links      []Link
	Categories []Category
	Entries    []*Entry
	Extensions []Extension
}

// Generator is the program that made a feed.
type Generator struct{ Name, Version, URI string }

// GroupInfo is what the feed of a group says of it (statusnet:group_info).
// Whether a viewer is a member is left out.
type GroupInfo struct{ MemberCount int }

// Entry is an entry of a feed, or the object of one. ID, Title and Updated must
// be set where it is an entry.
type Entry struct {
	// ID is an IRI that names the entry for ever.
	ID string
	// Title is plain text.
	Title string
	// Summary and Content are HTML, as somebody wrote it: clean them before showing.
	// Mastodon's summary is a content warning.
	Summary, Content string
	// ContentSource is where the content is, when it is not in the document, and
	// ContentType its media type.
	ContentSource, ContentType string
	// Lang is the language of the content.
	Lang               string
	Published, Updated time.Time
	// Author may be nil where the feed has one, and for objects. Actor is the same
	// person in words of early Activity Streams (activity:actor); see [Entry.By].
	Author, Actor *Person
	Links         []Link
	Categories    []Category

	// Verb and ObjectType are IRIs, see [Schema]. ObjectType is what kind of thing
	// the entry or object is. See [Entry.Does] and [Entry.Kind].
	Verb, ObjectType string
	// InReplyTo is what the entry answers, or nil.
	InReplyTo *Reply
	// Conversation is the thread that the entry belongs to, or nil.
	Conversation *Conversation
	// Object is what was done something to, where the verb is not post. Of more than
	// one object the others are MoreObjects.
	Object      *Entry
	MoreObjects []*Entry
	// Target is where it was done, such as the list that somebody was put on.
	Target *Entry
	// Profile is what an object that is a person or group says of itself. Its ID,
	// Links and ObjectType are those of the object.
	Profile *Person
	// Source is the feed that the entry is from, when it stands elsewhere. It has no
	// entries.
	Source *Feed
	// Point is where the entry was made, and Place what that is called.
	Point *Point
	Place string
	// Notice is what StatusNet and GNU social know of it as their own notice.
	Notice *NoticeInfo
	// Scope is who may see the entry, in Mastodon's words. See [Entry.Visibility].
	Scope      string
	Extensions []Extension
}

// Person is an author, or an object that is one. Name must be set.
type Person struct {
	// Name is the nickname: GNU social takes it for one. On StatusNet it may be the
	// name that is shown.
	Name string
	// URI names the person for ever. ID does so too in Mastodon's authors, and it
	// alone in objects. See [Person.Identity].
	URI, ID string
	// Email is an address that looks like one of mail; Mastodon puts the account
	// there.
	Email string
	// ObjectType is an IRI, such as Schema + "person".
	ObjectType string
	// PreferredUsername is the nickname where Name may be another; written as Name
	// where it is empty. DisplayName is the name that is shown, Note is what the
	// person says about themselves, Location where they live. All are plain text.
	PreferredUsername, DisplayName, Note, Location string
	// Summary is the note as HTML.
	Summary string
	URLs    []Contact
	Point   *Point
	Links   []Link
	// Followers is the address of a page with the followers.
	Followers string
	// LocalID is the number of the person at their server (statusnet:profile_info).
	LocalID string
	// Scope is private for those who choose their followers, in Mastodon's words.
	Scope      string
	Extensions []Extension
}

// Contact is an address in a profile (poco:urls). Type is a word such as
// homepage.
type Contact struct {
	Type, Value string
	Primary     bool
}

// Link is an address with the relation in which it stands to what it is in.
type Link struct {
	// Rel is a relation, such as alternate; Type is a media type.
	Rel, Type, Href string
	// Title is plain text, Lang a language, Name the name of an emoji.
	Title, Lang, Name string
	// Length is in bytes, Width and Height are in pixels; 0 for unknown.
	Length        int64
	Width, Height int
	// ObjectType is an IRI that says what is mentioned.
	ObjectType string
	// Extra are all other attributes.
	Extra []Attr
}

// Attr is an attribute with its namespace, "" for none.
type Attr struct{ Space, Name, Value string }

// Category is a tag. Term is without the # that people write before it.
type Category struct{ Term, Scheme, Label string }

// Reply names what an entry answers: Ref is its id, Href where it is found.
type Reply struct{ Ref, Href string }

// Conversation names a thread.
type Conversation struct {
	// Ref is the id of the thread, the same on all servers. StatusNet had none.
	Ref string
	// Href is the page of the thread on the server that wrote the entry, and LocalID
	// its number there.
	Href, LocalID string
}

// Key is what tells the thread from others. Where it is an address, it does so
// only among entries of one server.
func (c *Conversation) Key() string {
	if c == nil {
		return ""
	}
	return firstOf(c.Ref, c.Href)
}

// Point is a place on the earth, in degrees.
type Point struct{ Latitude, Longitude float64 }

// NoticeInfo is what a server of the StatusNet family says of a notice
// (statusnet:notice_info): its number there, the client that it was written
// with, and the number of what it repeats. What depends on the viewer is left
// out.
type NoticeInfo struct{ LocalID, Source, SourceLink, RepeatOf string }

// Extension is an element that has no field of its own. XML is the whole element
// as a document.
type Extension struct{ Space, Name, XML string }

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
