package vocab

import "strings"

// Namespaces that keys of Extra and open verbs and types are made of.
const (
	// NSAS1 completes the bare member names of Activity Streams 1.0 documents
	// that no field of this package names.
	NSAS1 = "http://activitystrea.ms/specs/json/1.0/#"
	// NSAS2 is the namespace of Activity Streams 2.0.
	NSAS2 = "https://www.w3.org/ns/activitystreams#"
	// NSSchema is the namespace of the verbs and types of Activity Streams 1.0
	// where they are written in full, as Atom does.
	NSSchema = "http://activitystrea.ms/schema/1.0/"
)

// Conversation and Context are the members of Extra that name the thread which a
// thing belongs to: a tag: URI or an address in OStatus and at Mastodon, a
// collection in Activity Streams 2.0 (FEP-7888).
const (
	Conversation = "http://ostatus.org#conversation"
	Context      = NSAS2 + "context"
)

// PublicID is the collection of everybody, as the pump.io network and OStatus
// name it. Codecs translate the other names (as:Public, @public) into it.
const PublicID = "http://activityschema.org/collection/public"

// Verbs that have an effect. All others are stored, routed and served.
const (
	VerbPost          = "post"
	VerbCreate        = "create"
	VerbUpdate        = "update"
	VerbDelete        = "delete"
	VerbFollow        = "follow"
	VerbStopFollowing = "stop-following"
	VerbFavorite      = "favorite"
	VerbUnfavorite    = "unfavorite"
	VerbLike          = "like"
	VerbUnlike        = "unlike"
	VerbDislike       = "dislike"
	VerbShare         = "share"
	VerbUnshare       = "unshare"
	VerbAdd           = "add"
	VerbRemove        = "remove"
	VerbJoin          = "join"
	VerbLeave         = "leave"
	VerbCheckin       = "checkin"
	VerbBlock         = "block"
	VerbUnblock       = "unblock"
	VerbAccept        = "accept"
	VerbAuthorize     = "authorize"
	VerbReject        = "reject"
	VerbDeny          = "deny"
	VerbFlag          = "flag-as-inappropriate"
	// VerbUndo takes back an activity that is known by its id only. Where the
	// activity is at hand, codecs write what takes it back: stop-following, unfavorite,
	// unshare, leave, unblock.
	VerbUndo         = NSAS2 + "Undo"
	VerbMove         = NSAS2 + "Move"
	VerbQuoteRequest = "https://w3id.org/fep/044f#QuoteRequest"
)

// Object types that this program treats in a way of their own.
const (
	TypeActivity    = "activity"
	TypeApplication = "application"
	TypeArticle     = "article"
	TypeAudio       = "audio"
	TypeCollection  = "collection"
	TypeComment     = "comment"
	TypeFile        = "file"
	TypeGroup       = "group"
	TypeHashtag     = "hashtag"
	TypeImage       = "image"
	// TypeMention is a tag that names somebody in the text. A tag of type person
	// says that somebody is to be seen in a picture.
	TypeMention      = "mention"
	TypeNote         = "note"
	TypeOrganization = "organization"
	TypePerson       = "person"
	TypePlace        = "place"
	TypeQuestion     = "question"
	TypeService      = "service"
	TypeVideo        = "video"
	// TypePollResponse is the choice of somebody in a poll: DisplayName is what was
	// chosen, InReplyTo the poll. It is nobody's to read but the author's of the poll.
	TypePollResponse = "http://activityschema.org/object/poll-response"
)

// Verb returns the short name of a verb: a missing verb means post, and a verb
// of the base schema written as a full IRI is cut to its word. Other IRIs stay
// whole, since only their namespace tells what they mean.
func Verb(v string) string {
	if v = strings.TrimPrefix(strings.TrimSpace(v), NSSchema); v == "" {
		return VerbPost
	}
	return v
}

// ObjectType returns the short name of an object type, as [Verb] does for
// verbs; a missing type stays missing.
func ObjectType(t string) string {
	return strings.TrimPrefix(strings.TrimSpace(t), NSSchema)
}

// IsActorType reports whether things of this type can act, be followed and be
// delivered to.
func IsActorType(t string) bool {
	switch t {
	case TypePerson, TypeGroup, TypeService, TypeApplication, TypeOrganization:
		return true
	}
	return false
}

// Major reports whether an activity belongs to the major half of a stream:
// shares and checkins always, and the posting of anything that is neither a
// comment nor a collection. All else is minor. The rule is pump.io's; the class
// is derived everywhere and never travels.
func Major(verb string, object *Object) bool {
	switch verb {
	case VerbShare, VerbCheckin:
		return true
	case VerbPost, VerbCreate:
		return object == nil || object.Type != TypeComment && object.Type != TypeCollection
	}
	return false
}
