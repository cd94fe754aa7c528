package apub

import (
	"encoding/json"

	"manifold/bridge"
	"manifold/models/vocab"
)

// DecodeOptions tell [Decode] what it cannot know from the document.
type DecodeOptions struct {
	// Names recognise what is ours, which has other ids in the vocabulary than on
	// this network: actors and their followers. Nil leaves every id as it is.
	Names *bridge.Names
}

// Document is what somebody sent or serves. Exactly one of Activity, Object,
// Actor, Collection and Key is set, but for the Update of a profile, which sets
// Activity and Actor.
//
// Ids of people elsewhere are those that they have on this network; who they are
// is for the bridge to find out.
type Document struct {
	// ID is the id of the document itself; "" where it has none, as what is sent
	// once and never served may.
	ID string
	// Types are the types that it gives itself, without a prefix.
	Types []string

	Activity *vocab.Activity
	// Votes are the objects of a Create after the first one, where they are votes.
	Votes []*vocab.Object
	// Object is a thing that is neither activity nor actor nor collection; a thing
	// that is gone has Types Tombstone.
	Object *vocab.Object
	// Posting is set with Object, unless that is gone: what its author did to make
	// it be, addressed as the object is. It has the id of the object.
	Posting    *vocab.Activity
	Actor      *ActorDocument
	Collection *Collection
	// Key is set where a key is a document of its own.
	Key *PublicKey
}

// ActorDocument is an actor as its server describes it.
type ActorDocument struct {
	// Profile is the actor in the vocabulary. Its id is that of this network, save
	// for one of ours.
	Profile *vocab.Object
	// IRI is the id of the actor on this network.
	IRI string

	Inbox, SharedInbox, Outbox            string
	Followers, Following, Liked, Featured string

	// PublicKeys are all keys that the actor names: for HTTP signatures (PEM) and
	// for proofs in documents (Multibase).
	PublicKeys []PublicKey

	AlsoKnownAs []string
	MovedTo     string
	// WebFinger is the address of the account, nick@host, where the actor tells it
	// (FEP-2c59).
	WebFinger string
	// Pages are all addresses where people see the profile.
	Pages []string
	// Suspended says that its own server has put it out of use.
	Suspended bool

	// came is what the actor was read from, where that is to be kept.
	came original
}

// original is a document as it came.
type original struct {
	verified, contentType string
	bytes                 []byte
}

// PublicKey is one key of an actor.
type PublicKey struct {
	ID, Owner string
	// PEM is the key as "BEGIN PUBLIC KEY" or "BEGIN RSA PUBLIC KEY"; Multibase is
	// it as a Multikey (FEP-521a). One of the two is set.
	PEM, Multibase string
}

// Collection is a collection or one page of it.
type Collection struct {
	ID, Type string
	// TotalItems is -1 where it is not told.
	TotalItems int64
	// First and Next are where to read on; "" at the end. A first page that is
	// inside the document is Page.
	First, Next, Prev, PartOf string
	Page                      *Collection
	Items                     []Item
}

// Item is one member of a collection.
type Item struct {
	// ID may be "" where the member is embedded without one; Type is "" where it is
	// named by its id only.
	ID, Type string
	// Raw is the member as JSON, where it is embedded; nil where it is only named.
	Raw json.RawMessage
}
