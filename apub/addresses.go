package apub

import (
	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// Addresses are where an actor of ours and what belongs to it is found on this
// network.
type Addresses struct {
	Actor, Inbox, Outbox                  string
	Followers, Following, Liked, Featured string
	// Major and Minor are the halves of the outbox as pump.io knows them.
	Major, Minor string
	// Key and ProofKey are the ids of the keys: of the one that signs requests, and
	// of the one that signs documents.
	Key, ProofKey string
	SharedInbox   string
}

// AddressesOf returns the addresses of an actor of ours.
func AddressesOf(names *bridge.Names, a *models.Actor) Addresses {
	return addressesBelow(names, actorIRI(names, a))
}

func addressesBelow(names *bridge.Names, actor string) Addresses {
	return Addresses{
		Actor: actor, Inbox: actor + "/inbox", Outbox: actor + "/outbox",
		Followers: actor + "/followers", Following: actor + "/following", Liked: actor + "/liked", Featured: actor + "/featured",
		Major: actor + "/outbox/major", Minor: actor + "/outbox/minor",
		Key: actor + "#main-key", ProofKey: actor + "#ed25519-key",
		SharedInbox: names.Base + "/inbox",
	}
}

// actorIRI is the id of an actor of ours on this network. A person has one that
// pump.io does not use, and so has the server itself; a group has one id on all
// networks.
func actorIRI(names *bridge.Names, a *models.Actor) string {
	switch {
	case a.Type == vocab.TypePerson && a.Nickname != "":
		return names.Actor(a.Nickname)
	case a.Doc.ID == names.Base+"/":
		return names.Server()
	}
	return a.Doc.ID
}
