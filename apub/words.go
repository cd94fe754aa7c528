package apub

import "manifold/models/vocab"

// verbs are the verbs of the activities of AS2, in the words of the vocabulary.
// Undo is none of them: what it undoes tells the verb.
var verbs = map[string]string{
	"Create": vocab.VerbPost, "Update": vocab.VerbUpdate, "Delete": vocab.VerbDelete,
	"Follow": vocab.VerbFollow, "Accept": vocab.VerbAccept, "Reject": vocab.VerbReject,
	"Like": vocab.VerbFavorite, "EmojiReact": vocab.VerbFavorite, "Dislike": vocab.VerbDislike, "Announce": vocab.VerbShare,
	"Add": vocab.VerbAdd, "Remove": vocab.VerbRemove, "Join": vocab.VerbJoin, "Leave": vocab.VerbLeave,
	"Block": vocab.VerbBlock, "Flag": vocab.VerbFlag, "Invite": "invite", "Arrive": vocab.VerbCheckin,
	"View": "watch", "Listen": "listen", "Read": "read", "Ignore": "ignore", "Offer": "offer",
	"Move": vocab.VerbMove, "Travel": vocab.NSAS2 + "Travel", "Undo": vocab.VerbUndo, "QuoteRequest": vocab.VerbQuoteRequest,
	"TentativeAccept": vocab.NSAS2 + "TentativeAccept", "TentativeReject": vocab.NSAS2 + "TentativeReject",
	"Activity": vocab.NSAS2 + "Activity", "IntransitiveActivity": vocab.NSAS2 + "IntransitiveActivity",
}

// undoing are the verbs that take back an activity of each type. What is not
// among them is taken back by vocab.VerbUndo.
var undoing = map[string]string{
	"Follow": vocab.VerbStopFollowing, "Like": vocab.VerbUnfavorite, "EmojiReact": vocab.VerbUnfavorite,
	"Announce": vocab.VerbUnshare, "Block": vocab.VerbUnblock, "Join": vocab.VerbLeave,
}

// A phrase is how a verb is said in AS2: the type of the activity, or that of the
// activity which an Undo takes back.
type phrase struct {
	as2  string
	undo bool
}

// phrases are the verbs of Activity Streams 1.0 that AS2 has a word for. All
// others are written as type Activity, with the verb beside.
var phrases = map[string]phrase{
	"post": {"Create", false}, "create": {"Create", false}, "submit": {"Create", false}, "author": {"Create", false},
	"update": {"Update", false}, "delete": {"Delete", false},
	"follow": {"Follow", false}, "request-friend": {"Follow", false}, "stop-following": {"Follow", true},
	"authorize": {"Accept", false}, "accept": {"Accept", false}, "reject": {"Reject", false}, "deny": {"Reject", false},
	"rsvp-yes": {"Accept", false}, "rsvp-no": {"Reject", false}, "rsvp-maybe": {"TentativeAccept", false},
	"favorite": {"Like", false}, "like": {"Like", false}, "unfavorite": {"Like", true}, "unlike": {"Like", true}, "dislike": {"Dislike", false},
	"share": {"Announce", false}, "unshare": {"Announce", true},
	"add": {"Add", false}, "attach": {"Add", false}, "insert": {"Add", false}, "append": {"Add", false}, "tag": {"Add", false},
	"remove": {"Remove", false}, "join": {"Join", false}, "leave": {"Leave", false},
	"block": {"Block", false}, "unblock": {"Block", true}, "flag-as-inappropriate": {"Flag", false},
	"invite": {"Invite", false}, "checkin": {"Arrive", false}, "read": {"Read", false}, "listen": {"Listen", false},
	"watch": {"View", false}, "play": {"View", false}, "ignore": {"Ignore", false}, "offer": {"Offer", false},
}

// phraseOf returns how a verb is said of an object of some type, which may be
// "". The second result is false where AS2 has no word for it.
func phraseOf(verb, objectType string) (phrase, bool) {
	switch {
	case verb == "play" && objectType == vocab.TypeAudio:
		return phrase{"Listen", false}, true
	case (verb == "retract" || verb == "cancel") && objectType == vocab.TypeActivity:
		return phrase{"Undo", false}, true
	}
	if p, ok := phrases[verb]; ok {
		return p, true
	}
	if term := shortName(verb); term != verb && verbs[term] != "" {
		return phrase{term, false}, true
	}
	return phrase{"Activity", false}, false
}

// actors are the types of actors that every server knows.
var actors = map[string]string{
	"Person": vocab.TypePerson, "Group": vocab.TypeGroup, "Service": vocab.TypeService,
	"Application": vocab.TypeApplication, "Organization": vocab.TypeOrganization,
}

// collections are the types of collections and of their pages.
var collections = map[string]bool{"Collection": true, "OrderedCollection": true, "CollectionPage": true, "OrderedCollectionPage": true}

// things are the types of all else, in the words of the vocabulary. A ChatMessage
// is what Pleroma and Akkoma send in private chats.
var things = map[string]string{
	"Note": vocab.TypeNote, "ChatMessage": vocab.TypeNote, "Article": vocab.TypeArticle, "Page": "page", "Event": "event", "Place": vocab.TypePlace,
	"Question": vocab.TypeQuestion, "Image": vocab.TypeImage, "Video": vocab.TypeVideo, "Audio": vocab.TypeAudio, "Document": vocab.TypeFile,
	"Hashtag": vocab.TypeHashtag, "Mention": vocab.TypeMention,
}

// shownAsNote are types whose posts are sent as a Note with what they show as an
// attachment: most servers show of any other type no more than its name and a
// link, or nothing at all.
var shownAsNote = map[string]bool{
	vocab.TypeNote: true, vocab.TypeComment: true, vocab.TypeImage: true, vocab.TypeVideo: true, vocab.TypeAudio: true, vocab.TypeFile: true,
	"binary": true, "bookmark": true, vocab.TypePollResponse: true,
}

// as2Types are the types that AS2 has a word for and that are sent as such.
var as2Types = map[string]string{
	vocab.TypeArticle: "Article", "page": "Page", "event": "Event", vocab.TypePlace: "Place", vocab.TypeQuestion: "Question",
	vocab.TypeCollection: "Collection", vocab.TypePerson: "Person", vocab.TypeGroup: "Group", vocab.TypeService: "Service",
	vocab.TypeApplication: "Application", vocab.TypeOrganization: "Organization",
}

// writable are the words of AS2 that a full name of a type is cut to when it is
// written. Others stay full, since a parser of AS2 knows nothing of them.
var writable = map[string]bool{"Profile": true, "Relationship": true, "Document": true, "Tombstone": true, "Object": true}

// isActivity reports whether things of a type of AS2 are activities. A Question
// is one in name only: it is posted as a thing.
func isActivity(as2 string) bool { return verbs[as2] != "" }

// typeOf returns the word of the vocabulary for a type of AS2.
func (d definitions) typeOf(as2 string) string {
	if t, ok := things[as2]; ok {
		return t
	}
	if t, ok := actors[as2]; ok {
		return t
	}
	switch {
	case as2 == "" || as2 == "Object":
		return ""
	case as2 == "Tag": // what granary calls a hashtag
		return vocab.TypeHashtag
	case collections[as2]:
		return vocab.TypeCollection
	case isActivity(as2):
		return vocab.TypeActivity
	}
	return d.fullName(as2)
}
