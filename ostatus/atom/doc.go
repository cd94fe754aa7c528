// Package atom reads and writes Atom documents (RFC 4287) with what OStatus adds
// to them.
//
// A feed is a list of entries, newest first, that somebody publishes at an
// address and others read again from time to time. Each entry has an id that
// never changes, by which a reader knows what it has seen already, and a time of
// its last change. Activity Streams 1.0 for Atom
// (http://activitystrea.ms/specs/atom/1.0/) makes an activity of an entry: a verb
// says what the author did, and an object what it was done to. Where the verb is
// post, the entry is itself the object that was posted; with every other verb
// the entry is the activity, and the object stands inside of it. Replies name
// what they reply to by RFC 4685, and authors are described in the words of
// Portable Contacts. OStatus itself adds the thread that an entry belongs to and
// whom it is meant for.
//
// [Feed.Encode] and [Entry.Encode] return documents that are well-formed
// whatever the texts in them are: what XML cannot hold becomes U+FFFD. They
// refuse what would not be valid, such as an entry without an author in a feed
// without one. RFC 4287 has no links in authors (3.2), though most others write
// the page and the pictures of people there: what has no place in an author is
// written beside it, as activity:subject of a feed and activity:actor of an entry,
// where StatusNet and GNU social look first, and as dfrn:owner, which Mastodon
// reads in place of the author where it comes first.
//
// [Decode] reads what GNU social, StatusNet, Mastodon, Pleroma and others have
// written in fifteen years, none of it quite alike: it refuses only what is no
// Atom, what could do harm, and what is too large. Elements that it does not know
// are kept as extensions, and written again. What follows from the elements is
// for methods to say, so that it is decided in one place: [Entry.Does],
// [Entry.Kind], [Entry.By], [Entry.Mentions], [Entry.Visibility],
// [Person.Identity], [Person.Avatar].
//
// A document proves nothing. Who has really written it follows from where it was
// found, or from a signature around it (package salmon); that an entry in the
// feed of somebody names somebody else as its author is common in the feeds of
// groups, and a lie elsewhere.
//
// The package knows nothing of stores, of servers or of how feeds travel.
package atom
