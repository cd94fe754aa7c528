// Package apub speaks with the servers of the ActivityPub network, from server to
// server (https://www.w3.org/TR/activitypub/).
//
// On ActivityPub whoever acts is an actor: a JSON document at an address, which
// names an inbox, an outbox, and a key. Servers tell each other what happens by
// posting activities to inboxes, signed with the key of the actor, and read what
// they miss from the addresses that serve as ids. Everything that has an id is
// found under it, by whoever may see it.
//
// The parts, in the order in which a document travels through them:
//
//	routes.go     everything that is answered, on one screen
//	inbox.go      takes what others deliver: checks the signature, and keeps the bytes
//	process.go    works on what was kept, as a job
//	decode*.go    AS2 to the vocabulary, where the oddities of peers are absorbed
//	discover.go   finds an account by its address
//	fetch.go      reads a thing from its own server
//	deliver.go    sends an activity to inboxes
//	encode*.go    the vocabulary to AS2
//	actor.go, things.go, collections.go   serve what has an id here
//
// HTTP signatures and proofs in documents are packages of their own, apub/httpsig
// and apub/proof. What a verb does, who sees it and where it goes is decided by
// package bridge, the same for all networks.
//
// Most addresses are shared with the pump.io network and with pages for people:
// who asks for AS2 is answered here, all others are left to the routes that were
// registered after these.
package apub
