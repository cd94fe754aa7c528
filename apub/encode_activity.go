package apub

import (
	"bytes"
	"encoding/json"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// Activity writes an activity, without those whom bto and bcc name.
func (e *Encoder) Activity(a *models.Activity, about About) ([]byte, error) {
	d, err := e.activity(a, about)
	if err != nil {
		return nil, err
	}
	context := ObjectContext
	if about.Actor != nil {
		context = ActorContext
	}
	return e.document(d, context)
}

func (e *Encoder) activity(a *models.Activity, about About) (*draft, error) {
	doc := a.Doc
	if !a.Deleted.IsZero() || doc.Verb == "" {
		return tombstone(doc.ID, vocab.TypeActivity, a.Deleted), nil
	}
	actor := e.iri(doc.Actor)
	if actor == "" {
		return nil, ErrNotExpressible
	}
	said := e.phrase(doc)
	typ := said.as2
	if said.undo {
		typ = "Undo"
	}
	d := newDraft(typ)
	d.id(doc.ID)
	w := &deed{Encoder: e, draft: d, doc: doc, about: about, actor: actor, audience: e.audience(doc, actor), row: a}
	if err := w.write(said); err != nil {
		return nil, err
	}
	return d, nil
}

// phrase is how a verb is said here. A group elsewhere is joined by following it,
// which is all that group servers know (FEP-1b12).
func (e *Encoder) phrase(doc *vocab.Activity) phrase {
	objectType := ""
	if doc.Object != nil {
		objectType = doc.Object.Type
	}
	if objectType == vocab.TypeGroup && !e.Names.Ours(doc.Object.ID) {
		switch doc.Verb {
		case vocab.VerbJoin:
			return phrase{"Follow", false}
		case vocab.VerbLeave:
			return phrase{"Follow", true}
		}
	}
	p, _ := phraseOf(doc.Verb, objectType)
	return p
}

// deed is one activity that is being written.
type deed struct {
	*Encoder
	*draft
	doc   *vocab.Activity
	about About
	row   *models.Activity
	actor string
	audience
}

func (w *deed) write(said phrase) error {
	doc := w.doc
	w.addressAuthor(said)
	w.draft.to(w.audience.to)
	w.draft.cc(w.audience.cc)
	w.put("audience", w.groups)
	w.published(doc.Published)
	w.name(doc.Title)
	if said.as2 == "Activity" {
		// There is no word for it: the sentence says what was done.
		w.summary(doc.Content)
	}
	if doc.URL != "" && doc.URL != doc.ID {
		w.url(doc.URL)
	}
	object, target, result := w.iri(doc.Object), w.iri(doc.Target), w.iri(doc.Result)
	if said.as2 == "Invite" && doc.Target != nil {
		// AS1 invites the object to the target, AS2 the target to the object.
		object, target = target, object
	}
	if said.as2 == "Follow" && object == "" {
		// Somebody who is still looked for, or who is not on this network. Whoever got it
		// without the name would take it for known when it comes again with it: a server
		// where a follower is would never see the follow of another there.
		return ErrNotExpressible
	}
	w.embed("target", doc.Target, target)
	w.embed("result", doc.Result, result)
	w.embed("generator", doc.Generator, "")
	w.embed("provider", doc.Provider, "")
	inner, err := w.object(said, object)
	if err != nil {
		return err
	}
	if inner != nil {
		object = ""
		w.put("object", inner)
	}
	if said.as2 == "Arrive" {
		object = ""
	} else {
		w.embed("location", doc.Location, "")
	}
	w.done(w.actor, object, target, result)
	if w.verbLost(said) {
		w.put(pumpPrefix+"verb", doc.Verb)
	}
	// What is said in the activity itself: the reason of a report, the emoji of a
	// reaction.
	for _, name := range []string{"content", "tag"} {
		if raw, ok := doc.Extra[vocab.NSAS2+name]; ok && !bytes.Contains(raw, []byte("null")) {
			w.put(name, raw)
		}
	}
	w.extras(doc.Extra)
	return nil
}

// addressAuthor names whoever wrote what is shared with everybody: they are told of
// it, and Pleroma notifies those only whom an activity is addressed to.
func (w *deed) addressAuthor(said phrase) {
	if said.as2 != "Announce" || !w.audience.public || w.about.Object == nil {
		return
	}
	author := w.iri(w.about.Object.Doc.Author)
	if author != "" && author != w.actor && !slices.Contains(w.audience.to, author) && !slices.Contains(w.audience.cc, author) {
		w.audience.cc = append(w.audience.cc, author)
	}
}

// verbLost reports whether whoever reads the activity would take it for another
// verb.
func (w *deed) verbLost(said phrase) bool {
	if said.undo {
		return undoing[said.as2] != w.doc.Verb
	}
	return verbs[said.as2] != w.doc.Verb
}

// embed writes a thing that has no id that others could ask for; iri is what is
// written otherwise.
func (w *deed) embed(name string, o *vocab.Object, iri string) {
	if o == nil || iri != "" {
		return
	}
	if name == "provider" {
		name = pumpPrefix + name
	}
	if n := w.plain(o); n != nil {
		w.put(name, n)
	}
}

// object returns what stands as the object where that is more than its id.
func (w *deed) object(said phrase, iri string) (any, error) {
	doc := w.doc
	switch {
	case said.undo || said.as2 == "Undo":
		return w.undone(said), nil
	case said.as2 == "Arrive":
		if n := w.plain(doc.Object); n != nil {
			w.put("location", n)
		}
		return nil, nil
	case said.as2 == "Create" || said.as2 == "Update":
		return w.whole()
	case said.as2 == "Delete":
		return w.gone(iri)
	case said.as2 == "Flag":
		return several(doc.Extra[vocab.NSAS2+"object"], iri), nil
	case said.as2 == "Announce":
		return w.shared(), nil
	case w.about.Inner != nil || doc.Inner != nil:
		return w.answered(), nil
	case iri == "" && doc.Object != nil:
		return nodeOrNil(w.plain(doc.Object)), nil
	}
	return nil, nil
}

// nodeOrNil keeps a missing node from becoming a value that is not nil.
func nodeOrNil(n node) any {
	if n == nil {
		return nil
	}
	return n
}

// several are all objects of an activity about more than one, such as a report of
// a person and their posts.
func several(raw json.RawMessage, first string) any {
	var ids []string
	if json.Unmarshal(raw, &ids) != nil || len(ids) == 0 {
		return nil
	}
	all := make([]any, 0, len(ids)+1)
	if first != "" && ids[0] != first {
		all = append(all, first)
	}
	for _, id := range ids {
		all = append(all, id)
	}
	return all
}

// whole is what was made or changed, in full: others compare its addresses with
// those of the activity, so both are the same.
func (w *deed) whole() (any, error) {
	var d *draft
	switch {
	case w.about.Object != nil:
		d = w.thing(w.about.Object, w.audience)
		if w.typ == "Update" && d.beside["updated"] == nil && !edited(w.about.Object) {
			// Without it Mastodon takes an edit for none.
			d.updated(w.doc.Published)
		}
	case w.about.Actor != nil:
		d = w.profile(*w.about.Actor)
	default:
		return nil, nil
	}
	n, err := d.node()
	return nodeOrNil(n), err
}

// gone is what was deleted: a Tombstone, or for an actor its id.
func (w *deed) gone(iri string) (any, error) {
	o := w.doc.Object
	if o == nil || iri == "" || vocab.IsActorType(o.Type) && o.Type != vocab.TypeGroup || iri == w.actor {
		return nil, nil
	}
	objectType := o.Type
	if w.about.Object != nil {
		objectType = w.about.Object.Type
	}
	n, err := tombstone(iri, objectType, w.doc.Published).node()
	return nodeOrNil(n), err
}

// shared is what was shared: not the posting of a thing but the thing, which is
// all that most servers can show. A group passes on the activity itself (FEP-1b12),
// by its id: whole it is believed only where it came from.
func (w *deed) shared() any {
	inner := w.inner()
	if inner == nil {
		return nil
	}
	switch inner.Verb {
	case vocab.VerbPost, vocab.VerbCreate, vocab.VerbShare:
		if w.doc.Actor.Type == vocab.TypeGroup && inner.ID != "" {
			return inner.ID
		}
		if iri := w.iri(inner.Object); iri != "" {
			return iri
		}
	case vocab.VerbFavorite, vocab.VerbLike:
		if _, emoji := inner.Extra[vocab.NSAS2+"content"]; emoji && inner.ID != "" && !w.Names.Ours(inner.ID) {
			return inner.ID // it may have come as an EmojiReact, which is a Like to us
		}
	}
	return w.brief(inner, "")
}

func (w *deed) inner() *vocab.Activity {
	if w.about.Inner != nil {
		return w.about.Inner.Doc
	}
	return w.doc.Inner
}

// answered is the activity that was accepted, rejected or the like. It is written
// out: some find it by its id, some by who asked whom.
func (w *deed) answered() any { return w.brief(w.inner(), "") }

// brief writes an activity that another one is about. typ replaces its type.
func (w *deed) brief(a *vocab.Activity, typ string) any {
	if a == nil {
		return nil
	}
	objectType := ""
	if a.Object != nil {
		objectType = a.Object.Type
	}
	p, _ := phraseOf(a.Verb, objectType)
	if typ == "" {
		typ = p.as2
	}
	d := newDraft(typ)
	d.id(a.ID)
	actor, object := w.iri(a.Actor), w.iri(a.Object)
	d.done(actor, object, w.iri(a.Target), "")
	if typ == "Activity" {
		d.put(pumpPrefix+"verb", a.Verb)
	}
	if raw, ok := a.Extra[vocab.NSAS2+"instrument"]; ok {
		d.extras(map[string]json.RawMessage{vocab.NSAS2 + "instrument": raw})
	}
	n, err := d.node()
	if err != nil {
		return a.ID
	}
	return n
}

// undone is the activity that is taken back, whole: who did what to whom is what
// Mastodon matches, the id is what tells an old follow from a newer one.
func (w *deed) undone(said phrase) any {
	doc := w.doc
	if !said.undo {
		if inner := w.inner(); inner != nil {
			return w.brief(inner, "")
		}
		if doc.Undoes != "" {
			return doc.Undoes
		}
		return nil
	}
	d := newDraft(said.as2)
	d.id(doc.Undoes)
	d.done(w.actor, w.iri(doc.Object), "", "")
	n, err := d.node()
	if err != nil {
		return doc.Undoes
	}
	return n
}
