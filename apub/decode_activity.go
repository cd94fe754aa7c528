package apub

import (
	"slices"
	"strings"

	"manifold/models/vocab"
)

// activity reads an activity.
func (d *decoder) activity(v *value, where string) (*vocab.Activity, error) {
	as2 := d.kindOf(v)
	r := d.reader(v, where)
	a := &vocab.Activity{}
	r.id(&a.ID)
	a.Actor = r.reference("actor")
	if a.Actor == nil && r.err == nil {
		// Peers that sign as an actor without naming it name the author at least.
		a.Actor = r.reference("attributedTo")
	}
	byPage(a.Actor)
	a.Title = plain(r.text("name"))
	a.Content = r.text("summary")
	a.URL = r.page("url")
	a.Published, a.Updated = r.instant("published"), r.instant("updated")
	a.Generator = r.reference("generator")
	a.Target, a.Result = r.reference("target"), r.reference("result")
	if as2 != "Arrive" {
		a.Location = r.reference("location")
	}
	t := r.acted(a, as2)
	r.said(a, as2)
	r.addressed(a, t)
	r.drop("atomUri", "replies", "likes", "shares")
	if r.err != nil {
		return nil, r.err
	}
	if t == nil {
		byPage(a.Object)
	}
	byPage(a.Target)
	a.Extra = r.rest(a.Extra)
	return a, nil
}

// byPage names what has no id by its page: pages marked up with microformats,
// which some bridges translate, have nothing else.
func byPage(o *vocab.Object) {
	if o != nil && o.ID == "" && o.Type != vocab.TypeActivity {
		o.ID = o.URL
	}
}

// acted takes the object of an activity and sets what the type tells of it. It
// returns the thing that was created or updated, with how it is addressed.
func (r *reader) acted(a *vocab.Activity, as2 string) *thing {
	objects := r.take("object").items()
	switch as2 {
	case "Undo":
		r.undone(a, objects)
		return nil
	case "Arrive":
		// AS1 says where somebody checked in as the object, AS2 as the location.
		if a.Object = r.reference("location"); a.Object != nil || len(objects) == 0 {
			a.Verb = vocab.VerbCheckin
			return nil
		}
	}
	a.Verb = verbs[as2]
	if a.Verb == "" {
		a.Verb = r.fullName(as2)
	}
	if len(objects) == 0 {
		return nil
	}
	where := join(r.where, "object")
	if len(objects) > 1 {
		// A Flag names the person and the posts, an Add may add several.
		a.Extra = keep(a.Extra, vocab.NSAS2+"object", r.v.members["object"].compact())
		where += "[0]"
	}
	first := objects[0]
	if kind := r.kindOf(first); first.kind == '{' && r.acts(first, kind) {
		r.inner(a, first, where)
		return nil
	}
	t, err := r.thing(first, where)
	if err != nil {
		r.fail(err)
		return nil
	}
	a.Object = t.object
	switch as2 {
	case "Accept", "Reject", "TentativeAccept", "TentativeReject":
		r.answered(a, as2)
	case "Delete":
		if a.Object.ID != "" && a.Actor != nil && a.Object.ID == a.Actor.ID {
			a.Object = a.Actor.Ref()
		}
	case "Remove":
		if a.Target == nil {
			a.Target = r.reference("origin") // the word of the vocabulary; ActivityPub says target
		}
	case "Create", "Update":
		if as2 == "Update" {
			t.object.Cleared = missingFrom(t.object)
		}
		return t
	case "Invite":
		// In AS2 somebody is invited by being the target, in AS1 by being the object.
		if a.Target != nil {
			a.Object, a.Target = a.Target, a.Object
		}
	}
	return nil
}

// inner takes an activity that another one is about: what is accepted, what a
// group passes on (FEP-1b12).
func (r *reader) inner(a *vocab.Activity, v *value, where string) {
	inner, err := r.activity(v, where)
	if err != nil {
		r.fail(err)
		return
	}
	a.Inner = inner
	a.Object = &vocab.Object{ID: inner.ID, Type: vocab.TypeActivity}
}

// answered tells an answer to an invitation from one to a request. What is named
// by its id only is an activity as far as anybody knows, unless its id says that
// it is an event of ours.
func (r *reader) answered(a *vocab.Activity, as2 string) {
	switch a.Object.Type {
	case "event":
		a.Verb = map[string]string{"Accept": "rsvp-yes", "Reject": "rsvp-no", "TentativeAccept": "rsvp-maybe", "TentativeReject": "rsvp-maybe"}[as2]
	case "":
		a.Object.Type = vocab.TypeActivity
	}
}

// undone takes what an Undo takes back. Where that is at hand, the verb says it;
// whom or what it was done to is the object.
func (r *reader) undone(a *vocab.Activity, objects []*value) {
	a.Verb = vocab.VerbUndo
	if len(objects) == 0 {
		r.fail(wrong(join(r.where, "object"), "is missing: it says what is undone"))
		return
	}
	v, where := objects[0], join(r.where, "object")
	if v.kind != '{' {
		a.Undoes = addressOf(v)
		a.Object = &vocab.Object{ID: a.Undoes, Type: vocab.TypeActivity}
		if a.Undoes == "" {
			r.fail(wrong(where, "must be the activity that is undone, or its id"))
		}
		return
	}
	inner, err := r.activity(v, where)
	if err != nil {
		r.fail(err)
		return
	}
	if a.Actor != nil && inner.Actor != nil && inner.Actor.ID != a.Actor.ID && inner.Actor.ID != "" {
		r.fail(wrong(join(where, "actor"), "is %s, but only %s can undo what it did", inner.Actor.ID, a.Actor.ID))
		return
	}
	a.Undoes = inner.ID
	verb := undoing[r.kindOf(v)]
	switch {
	case verb != "" && inner.Object != nil && inner.Inner == nil:
		a.Verb, a.Object = verb, inner.Object
	case verb == vocab.VerbUnshare && inner.Inner != nil:
		a.Verb, a.Object = verb, inner.Object
	case inner.ID == "" && (inner.Object == nil || inner.Object.ID == ""):
		r.fail(wrong(where, "says neither by its id nor by its object what is undone"))
	default:
		a.Object = &vocab.Object{ID: inner.ID, Type: vocab.TypeActivity}
		if inner.Object != nil {
			a.Inner = inner
		}
	}
}

// said takes the verb that our own servers write beside the type, where the type
// is what is written for that verb. Anything else would let an activity be one
// thing for others and another for us.
func (r *reader) said(a *vocab.Activity, as2 string) {
	verb := vocab.Verb(r.text(pumpPrefix + "verb"))
	if r.v.members[pumpPrefix+"verb"] == nil || verb == a.Verb {
		return
	}
	objectType := ""
	if a.Object != nil {
		objectType = a.Object.Type
	}
	p, _ := phraseOf(verb, objectType)
	said := as2
	if p.undo {
		said = "Undo"
		if inner := r.v.member("object").first(); inner == nil || r.kindOf(inner) != p.as2 {
			return
		}
	}
	// A group is joined by following it, see Encoder.
	joined := verb == vocab.VerbJoin && as2 == "Follow" || verb == vocab.VerbLeave && a.Verb == vocab.VerbStopFollowing
	if p.as2 != said && !(p.undo && said == as2) && !joined {
		return
	}
	a.Verb = verb
	if strings.HasPrefix(verb, "rsvp-") && a.Object != nil && a.Object.Type == vocab.TypeActivity && a.Inner == nil {
		a.Object.Type = "event"
	}
}

// recipients are the address fields of one object.
type recipients struct{ to, cc, bto, bcc, audience []*vocab.Object }

func (r *reader) recipients() recipients {
	return recipients{r.addressees("to"), r.addressees("cc"), r.addressees("bto"), r.addressees("bcc"), r.addressees("audience")}
}

func (r *reader) addressees(name string) []*vocab.Object {
	var list []*vocab.Object
	for _, v := range r.take(name).items() {
		if v.kind != '"' && v.kind != '{' {
			r.fail(wrong(join(r.where, name), "must be a list of ids"))
			return nil
		}
		if id := addressOf(v); id != "" {
			list = append(list, r.addressee(id))
		}
	}
	return list
}

// addressee says whom an id names. AS2 does not tell its type: collections are
// known by how their addresses look everywhere.
func (d *decoder) addressee(id string) *vocab.Object {
	switch id {
	case asPublic, nsAS2Plain + "Public", "as:Public", "Public", "@public", vocab.PublicID:
		return &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}
	}
	o := d.named(id)
	if o.Type == "" {
		o.Type = vocab.TypePerson
		for part := range strings.SplitSeq(id, "/") {
			switch part {
			case "followers", "following", "subscribers", "friends", "members", "lists", "collections":
				o.Type = vocab.TypeCollection
			}
		}
	}
	return o
}

func isPublic(o *vocab.Object) bool { return o.ID == vocab.PublicID }

// addressed works out whom an activity is for. What is created or updated is for
// those too whom it names itself, and public only if it says so: Mastodon lets
// the thing decide, others compare the two.
func (r *reader) addressed(a *vocab.Activity, t *thing) {
	own := r.recipients()
	if r.err != nil {
		return
	}
	var mentioned []string
	if t != nil {
		mentioned = t.mentioned
		if of := t.recipients; len(of.to)+len(of.cc)+len(of.bto)+len(of.bcc)+len(of.audience) > 0 {
			own.to = slices.Concat(of.to, slices.DeleteFunc(own.to, isPublic))
			own.cc = slices.Concat(of.cc, slices.DeleteFunc(own.cc, isPublic))
			own.bto, own.bcc = slices.Concat(own.bto, of.bto), slices.Concat(own.bcc, of.bcc)
			own.audience = slices.Concat(own.audience, of.audience)
		}
	}
	address(a, own, mentioned)
}

// address sets the address fields, everybody once. Lemmy names its group in
// audience too. People who are mentioned are written to directly, which is what
// puts a post into the direct inbox of pump.io; where they stood is kept.
func address(a *vocab.Activity, own recipients, mentioned []string) {
	seen := map[string]bool{}
	once := func(list []*vocab.Object) []*vocab.Object {
		var out []*vocab.Object
		for _, o := range list {
			if !seen[o.ID] {
				seen[o.ID] = true
				out = append(out, o)
			}
		}
		return out
	}
	var moved []string
	named := func(o *vocab.Object) bool { return slices.Contains(mentioned, o.ID) }
	to := once(own.to)
	for _, o := range own.cc {
		if named(o) && !seen[o.ID] {
			moved = append(moved, o.ID)
			to = append(to, once([]*vocab.Object{o})...)
		}
	}
	for _, o := range slices.Concat(to, own.cc, own.audience) {
		group := func(g *vocab.Object) bool { return g.ID == o.ID }
		if o.Type == vocab.TypePerson && slices.ContainsFunc(own.audience, group) {
			o.Type = vocab.TypeGroup
		}
	}
	a.To, a.CC = to, once(slices.Concat(own.cc, own.audience))
	a.BTo, a.BCC = once(own.bto), once(own.bcc)
	if len(moved) > 0 {
		raw, err := marshal(moved)
		if err == nil {
			a.Extra = keep(a.Extra, movedFromCC, raw)
		}
	}
}

// movedFromCC is where the ids of those are kept who were addressed in cc and
// are in to, since they are mentioned.
const movedFromCC = vocab.NSAS1 + "addressedInCC"

// posting is what the author of a thing did to make it be.
func posting(t *thing) *vocab.Activity {
	o := t.object
	a := &vocab.Activity{ID: o.ID, Verb: vocab.VerbPost, Actor: o.Author, Object: o, Published: o.Published}
	address(a, t.recipients, t.mentioned)
	return a
}
