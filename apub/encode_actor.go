package apub

import (
	"encoding/json"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// Profile is an actor of ours with what its document shows besides its row.
type Profile struct {
	Actor *models.Actor
	// PublicKeyPEM is its RSA key as "BEGIN PUBLIC KEY", Multikey its Ed25519 key as
	// multibase; each is left out where empty.
	PublicKeyPEM, Multikey string
}

// Actor writes an actor of ours.
func (e *Encoder) Actor(p Profile) ([]byte, error) {
	if p.Actor.State == models.Deleted {
		return e.Tombstone(actorIRI(e.Names, p.Actor), p.Actor.Type, deletedAt(p.Actor))
	}
	return e.document(e.profile(p), ActorContext)
}

// implemented is what we tell others that we do (FEP-844e).
var implemented = json.RawMessage(`{"type":"Application","name":"Manifold","implements":[` +
	`{"href":"https://datatracker.ietf.org/doc/html/rfc9421","name":"RFC-9421: HTTP Message Signatures"}]}`)

// profile builds an actor.
func (e *Encoder) profile(p Profile) *draft {
	o, at := p.Actor.Doc, AddressesOf(e.Names, p.Actor)
	typ := as2Types[p.Actor.Type]
	if typ == "" || actors[typ] == "" {
		typ = "Service" // what others take for an actor, whatever it is
	}
	d := newDraft(typ)
	d.id(at.Actor)
	if p.Actor.Type != p.Actor.Doc.Type || actors[typ] != p.Actor.Type {
		d.put(pumpPrefix+"objectType", p.Actor.Type)
	}
	nick := o.PreferredUsername
	if nick == "" {
		nick = p.Actor.Nickname
	}
	d.preferredUsername(nick)
	d.name(o.DisplayName)
	d.summary(o.Summary)
	if isWeb(o.URL) {
		d.url(o.URL)
	}
	if !o.Published.IsZero() {
		d.published(o.Published)
	} else {
		d.published(p.Actor.Created)
	}
	if !o.Updated.IsZero() {
		d.updated(o.Updated)
	}
	d.boxes(at)
	d.put("endpoints", node{"sharedInbox": at.SharedInbox})
	d.put("featured", at.Featured)
	d.put("streams", []any{at.Major, at.Minor})
	d.put("icon", picture(largerOf(o)))
	if small := o.Image; small != nil && o.FullImage != nil && small.URL != o.FullImage.URL {
		d.put(pumpPrefix+"image", picture(small))
	}
	if o.Location != nil {
		d.put("location", e.plain(o.Location))
	}
	if nick != "" {
		d.put("webfinger", nick+"@"+e.Names.Host)
	}
	d.put("generator", implemented)
	e.keys(d, at, p)
	e.consents(d, p)
	d.extras(o.Extra)
	return d
}

// keys writes the keys: the one for requests as one object, as everybody reads it,
// and the one for proofs as a list.
func (e *Encoder) keys(d *draft, at Addresses, p Profile) {
	if p.PublicKeyPEM != "" {
		d.put("publicKey", node{"id": at.Key, "owner": at.Actor, "publicKeyPem": p.PublicKeyPEM})
	}
	if p.Multikey != "" {
		d.put("assertionMethod", []any{node{"id": at.ProofKey, "type": "Multikey", "controller": at.Actor, "publicKeyMultibase": p.Multikey}})
	}
}

// consents writes what a person decides. To be found in directories and in
// searches is said only by whoever wants it.
func (e *Encoder) consents(d *draft, p Profile) {
	extra := p.Actor.Doc.Extra
	d.put("manuallyApprovesFollowers", string(extra[vocab.NSAS2+"manuallyApprovesFollowers"]) == "true")
	if p.Actor.State == models.Suspended {
		d.put("suspended", true)
	}
	if fields := fieldsOf(extra[vocab.NSAS2+"attachment"]); len(fields) > 0 {
		d.put("attachment", fields)
	}
	for _, name := range []string{"alsoKnownAs", "tag"} {
		if list := listOf(extra[vocab.NSAS2+name]); len(list) > 0 {
			d.put(name, list)
		}
	}
}

// fieldsOf are the fields of a profile, which have a name and a value of HTML.
func fieldsOf(raw json.RawMessage) []any {
	var out []any
	for _, item := range listOf(raw) {
		var field struct{ Type, Name, Value string }
		if json.Unmarshal(item.(json.RawMessage), &field) == nil && field.Type == "PropertyValue" && field.Name != "" {
			out = append(out, node{"type": "PropertyValue", "name": field.Name, "value": bridge.Sanitize(field.Value)})
		}
	}
	return out
}

// listOf are the items of a member that may have one or several.
func listOf(raw json.RawMessage) []any {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return []any{raw}
	}
	out := make([]any, 0, len(list))
	for _, item := range list {
		if string(item) != "null" {
			out = append(out, item)
		}
	}
	return out
}

// deletedAt is when an actor ceased to be.
func deletedAt(a *models.Actor) time.Time {
	if !a.Doc.Deleted.IsZero() {
		return a.Doc.Deleted
	}
	return a.Updated
}
