package ostatus

import (
	"strings"

	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// verbTag puts somebody on a list of one's own, and verbUntag takes them off it. They
// are not the adding to a collection of other networks: nothing is told of whose it is
// or what else is on it.
const (
	verbTag   = "tag"
	verbUntag = "untag"
)

// verbs are those of entries whose word here differs from that of the
// vocabulary. Of those that differ for groups see groupVerbs.
var verbs = map[string]string{
	"unfollow": vocab.VerbStopFollowing, "update-profile": vocab.VerbUpdate, "request-friend": vocab.VerbFollow,
}

// groupVerbs are what following means when it is done to a group: on GNU social
// that is how one joins it, in some places.
var groupVerbs = map[string]string{vocab.VerbFollow: vocab.VerbJoin, vocab.VerbStopFollowing: vocab.VerbLeave}

// reusable are the verbs whose entries have ids that do not name them: GNU social
// sends every unfollow of a person under one id, and a deletion has the id of what
// is deleted. What is done with them is told apart by its time.
var reusable = map[string]bool{
	vocab.VerbStopFollowing: true, vocab.VerbUnfavorite: true, vocab.VerbLeave: true, vocab.VerbDelete: true, vocab.VerbUpdate: true,
	verbUntag: true, vocab.VerbUnblock: true,
}

// verbOf is the verb of an entry in the vocabulary. Words of the base schema and
// of OStatus stand alone; of those of others only the whole IRI says what they
// mean, but for Mastodon's blocks.
func verbOf(e *atom.Entry) string {
	word := e.Does()
	base := strings.TrimSuffix(strings.TrimRight(e.Verb, "/"), atom.Word(e.Verb))
	switch {
	case word == vocab.VerbBlock || word == vocab.VerbUnblock:
		return word
	case e.Verb != "" && !strings.EqualFold(base, atom.Schema) && !strings.EqualFold(base, atom.SchemaOStatus):
		return e.Verb
	case verbs[word] != "":
		return verbs[word]
	}
	return word
}

// typeOfEntry is the type of a thing in the vocabulary: a word of the base schema, or
// an IRI. A note that answers something is a comment, whether its author says so
// or not.
func typeOfEntry(e *atom.Entry) string {
	kind := e.Kind()
	base := strings.TrimSuffix(strings.TrimRight(e.ObjectType, "/"), atom.Word(e.ObjectType))
	switch {
	case e.ObjectType != "" && !strings.EqualFold(base, atom.Schema) && !strings.EqualFold(base, atom.SchemaOStatus):
		return e.ObjectType
	case kind == vocab.TypeNote && e.InReplyTo != nil:
		return vocab.TypeComment
	case kind == "blog-entry":
		return vocab.TypeArticle
	case kind == "list":
		return vocab.TypeCollection
	}
	return kind
}
