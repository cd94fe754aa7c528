package apub

// Person is what has to be known of an actor to write it on this network.
type Person struct {
	// IRI is its id here.
	IRI string
	// Handle is its address, nick@host, without which others do not show a mention.
	Handle string
	// Followers is its collection of followers, "" where it is not known.
	Followers string
	// Page is where people see it.
	Page string
}

// Directory finds people. It is asked for those of other servers only; whoever
// fills one does so by one query for a document or a page of them.
type Directory interface {
	// Person returns whom an id of the vocabulary names: the id of an actor, or that
	// of its collection of followers. It reports false for an actor that has no
	// presence on this network.
	Person(id string) (Person, bool)
}

// People is a [Directory] of those in it, by the ids of the vocabulary.
type People map[string]Person

// Person implements [Directory].
func (p People) Person(id string) (Person, bool) {
	person, ok := p[id]
	return person, ok
}
