package apub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// Encoder writes what is in the store as AS2. It may be used by any number of
// goroutines as long as its Directory may.
type Encoder struct {
	Names *bridge.Names
	// Directory finds the people of other servers that a document names. Whoever it
	// does not find is left out of addresses, and named by a page elsewhere.
	Directory Directory
	// Files opens the files of what is not public to whoever gets a document of it;
	// nil leaves their addresses as they are.
	Files *bridge.FileKeys
	// Embedded leaves out @context, for what becomes a part of another document.
	Embedded bool
}

// About is what an activity is about, as far as the store has it: at most one of
// the first three, by the kind of [models.Activity.Object].
type About struct {
	Object *models.Object
	Actor  *Profile
	Inner  *models.Activity
}

// ErrNotExpressible means that something cannot be named on this network, such
// as an activity of somebody who has no presence on it.
var ErrNotExpressible = errors.New("this cannot be said on ActivityPub")

// document makes the bytes of what was built. The members are in the order of
// their names, so that the same thing is always the same bytes; @context is first.
func (e *Encoder) document(d *draft, context json.RawMessage) ([]byte, error) {
	n, err := d.node()
	if err != nil {
		return nil, err
	}
	if !e.Embedded {
		n["@context"] = context
	}
	b, err := marshal(n)
	if err != nil {
		return nil, fmt.Errorf("writing a %s: %w", d.typ, err)
	}
	return b, nil
}

// person finds an actor or a collection of followers by the id that it has in the
// vocabulary.
func (e *Encoder) person(id string) (Person, bool) {
	if id == "" || id == vocab.PublicID {
		return Person{}, false
	}
	if !e.Names.Ours(id) {
		if e.Directory == nil {
			return Person{}, false
		}
		return e.Directory.Person(id)
	}
	if id == e.Names.Base+"/" {
		return Person{IRI: e.Names.Server(), Handle: strings.TrimPrefix(e.Names.ServerAcct(), "acct:"), Page: id}, true
	}
	if nick := e.Names.FollowersOf(id); nick != "" {
		return e.localPerson(nick), true
	}
	if e.Names.Token(id) == "" {
		if nick := e.Names.Nickname(id); nick != "" {
			return e.localPerson(nick), true
		}
	}
	return Person{}, false
}

// nickname is that of somebody here, "" for everybody else.
func (e *Encoder) nickname(o *vocab.Object) string {
	if o == nil {
		return ""
	}
	return e.Names.Nickname(o.ID)
}

func (e *Encoder) localPerson(nick string) Person {
	actor := e.Names.Actor(nick)
	return Person{IRI: actor, Handle: nick + "@" + e.Names.Host, Followers: actor + "/followers", Page: e.Names.Page(nick)}
}

// iri is the id of a thing on this network. What has none that can be read is
// named by its page, where it has one.
func (e *Encoder) iri(o *vocab.Object) string {
	switch {
	case o == nil:
		return ""
	case o.ID == vocab.PublicID:
		return asPublic
	}
	if o.Type == vocab.TypeCollection {
		if p, ok := e.person(o.ID); ok && p.Followers != "" {
			return p.Followers
		}
	} else if p, ok := e.person(o.ID); ok {
		return p.IRI
	}
	switch {
	case isWeb(o.ID):
		return o.ID
	case isWeb(o.URL):
		return o.URL
	case strings.HasPrefix(o.ID, "acct:") || !strings.Contains(o.ID, ":"):
		return ""
	}
	return o.ID // tag: and the like name it to those who know it by another network
}

func isWeb(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}

// audience are the address fields as they are written: never bto and bcc.
type audience struct {
	to, cc []string
	// groups are those of them that are groups, which group servers look for once
	// more in a field of their own.
	groups []any
	// people are those whom they name, once each.
	people []named
	public bool
	// limited means that there is somebody to whom it is not meant.
	limited bool
}

type named struct{ iri, name string }

func (e *Encoder) audience(a *vocab.Activity, actor string) audience {
	var out audience
	var moved []string
	if raw, ok := a.Extra[movedFromCC]; ok {
		_ = json.Unmarshal(raw, &moved) // ours; what cannot be read was nobody
	}
	seen := map[string]bool{}
	for i, list := range [...][]*vocab.Object{a.To, a.CC} {
		for _, o := range list {
			address := e.iri(o)
			if address == "" || seen[address] {
				continue
			}
			seen[address] = true
			out.public = out.public || address == asPublic
			if i == 0 && !slices.Contains(moved, o.ID) {
				out.to = append(out.to, address)
			} else {
				out.cc = append(out.cc, address)
			}
			if o.Type == vocab.TypeGroup {
				out.groups = append(out.groups, address)
			}
			if p, ok := e.person(o.ID); ok && address == p.IRI && p.Handle != "" && address != actor {
				out.people = append(out.people, named{address, "@" + p.Handle})
			}
		}
	}
	out.limited = !out.public
	if nick := e.nickname(a.Actor); nick != "" && out.public {
		// What is for everybody reaches the followers; Pleroma shows a post to those whom
		// it names.
		if followers := e.localPerson(nick).Followers; !seen[followers] {
			out.cc = append(out.cc, followers)
		}
	}
	return out
}

// withheld are members that nobody's document may set by the way: what we write
// ourselves, what only we may say, and what leaves no server.
var withheld = map[string]bool{
	"@context": true, "id": true, "type": true, "actor": true, "object": true, "attributedTo": true, "to": true, "cc": true, "bto": true, "bcc": true,
	"audience": true, "publicKey": true, "assertionMethod": true, "inbox": true, "outbox": true, "endpoints": true, "followers": true, "following": true,
	"proof": true, "signature": true, "replies": true, "likes": true, "shares": true, "summary": true, "contentMap": true, "content": true, "tag": true,
	"attachment": true, "quoteUrl": true, "quoteUri": true, "_misskey_quote": true, "webfinger": true, "implements": true, "atomUri": true,
	"suspended": true, "memorial": true, "featuredTags": true,
	pumpPrefix + "addressedInCC": true, pumpPrefix + "data": true,
}

// extras puts beside the draft what no field of the vocabulary names.
func (d *draft) extras(extra map[string]json.RawMessage) {
	for iri, raw := range extra {
		name := shortName(iri)
		if withheld[name] || d.beside[name] != nil || strings.HasPrefix(name, "@") {
			continue
		}
		// Whoever a document of somebody else hid stays hidden.
		if bytes.Contains(raw, []byte(`"bto"`)) || bytes.Contains(raw, []byte(`"bcc"`)) || string(raw) == "null" {
			continue
		}
		d.beside[name] = raw
	}
}

// Tombstone writes what is left of a thing that had an id; objectType is the type
// that it had in the vocabulary.
func (e *Encoder) Tombstone(id, objectType string, deleted time.Time) ([]byte, error) {
	return e.document(tombstone(id, objectType, deleted), ObjectContext)
}

func tombstone(id, objectType string, deleted time.Time) *draft {
	d := newDraft("Tombstone")
	d.id(id)
	if !deleted.IsZero() {
		d.put("deleted", deleted.UTC().Format(time.RFC3339))
	}
	if objectType != "" {
		d.put("formerType", as2TypeOf(objectType, true))
	}
	return d
}

// as2TypeOf is the type by which things of a type of the vocabulary are sent.
// What says something is shown as a note where AS2 has no word for it.
func as2TypeOf(objectType string, speaks bool) string {
	if t, ok := as2Types[objectType]; ok {
		return t
	}
	if bare, ok := strings.CutPrefix(objectType, vocab.NSAS2); ok && writable[bare] {
		return bare
	}
	if shownAsNote[objectType] || speaks {
		return "Note"
	}
	return "Object"
}

// Listing is a collection, or a page of one, to be written.
type Listing struct {
	ID string
	// Page says that it is a page of PartOf, in which Next leads to what is older
	// and Prev to what is newer.
	Page               bool
	PartOf, Next, Prev string
	// First and Last are the pages of a collection.
	First, Last string
	// FirstPage is written instead of First where it is known.
	FirstPage *Listing
	// TotalItems is left out where it is negative.
	TotalItems int64
	// Unordered makes a Collection, else it is an OrderedCollection.
	Unordered    bool
	AttributedTo string
	// Items are ids (strings) or documents (json.RawMessage); nil leaves them out,
	// an empty list is written.
	Items []any
}

// Collection writes a collection or a page of it.
func (e *Encoder) Collection(l Listing) ([]byte, error) {
	d := listed(l)
	if l.FirstPage != nil {
		first, err := listed(*l.FirstPage).node()
		if err != nil {
			return nil, fmt.Errorf("writing the first page of %s: %w", l.ID, err)
		}
		d.beside["first"] = first
	}
	return e.document(d, ObjectContext)
}

func listed(l Listing) *draft {
	typ, items := "OrderedCollection", "orderedItems"
	if l.Unordered {
		typ, items = "Collection", "items"
	}
	if l.Page {
		typ += "Page"
	}
	d := newDraft(typ)
	d.id(l.ID)
	d.attributedTo(l.AttributedTo)
	d.paging(l)
	if l.Items != nil {
		d.beside[items] = l.Items
	}
	return d
}
