// Package ostatus speaks with the servers of the OStatus network (GNU social,
// StatusNet and their kin), and with everything that reads Atom feeds.
//
// On OStatus people are followed by reading their feed: an Atom document at an
// address of its own, with what they posted and shared for everybody, each as an
// entry (see package atom for how one looks). A feed knows no secrets; what is
// not for everybody has no place in it and does not travel on this network. The
// author of a feed is named by the URI of the person, which is the same as on
// ActivityPub, and an entry by the id that its object or activity has on all
// networks, so that whoever meets it on two of them can tell.
//
// The package has the feeds so far:
//
//	/users/{nick}/feed.atom      what a person posted and shared for everybody
//	/api/group/{uuid}/feed.atom  what was posted to a group for everybody
//	/public.atom                 the same of everybody here
//
// All begin with what is newest; a link with the relation next leads to what is
// older (RFC 5005 3). They are for anybody, without credentials, and answer 304
// to whoever has the same already.
//
// POST /hub is the hub that the feeds name (see package websub). What is new in a
// feed is published by the transaction that brings it about ([Server.Publish]) and
// brought to the subscribers by tasks, see [Server.Do]: one document for each
// thing, written once, to each subscriber in the order of its publication.
//
// [Decoder] and [Encoder] translate single entries from and to the vocabulary, for
// what is pushed and for what is sent to one person. They know nothing of the
// store, and prove nothing. The protocols by which entries travel are packages of
// their own: salmon, websub and xrd.
package ostatus
