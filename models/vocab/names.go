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
)

// Object types that this program treats in a way of their own.
const (
	TypeActivity     = "activity"
	TypeApplication  = "application"
	TypeAudio        = "audio"
	TypeCollection   = "collection"
	TypeComment      = "comment"
	TypeFile         = "file"
	TypeGroup        = "group"
	TypeImage        = "image"
	TypeNote         = "note"
	TypeOrganization = "organization"
	TypePerson       = "person"
	TypePlace        = "place"
	TypeService      = "service"
	TypeVideo        = "video"
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
