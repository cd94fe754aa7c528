package bridge

import (
	"context"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// addressee is one entry of an address field with the row that it stands for.
type addressee struct {
	models.Addressee
	doc *vocab.Object
}

func (op *operation) followersID() string {
	if op.local {
		return op.b.names.Followers(op.actor.Nickname)
	}
	return op.actor.Doc.Feeds["followers"].URL
}

// ownFollowers reports whether an id names the followers of the actor.
func (op *operation) ownFollowers(id string) bool {
	if id == "" || id == op.followersID() {
		return id != ""
	}
	nick := op.b.names.FollowersOf(id)
	return op.local && nick != "" && models.Fold(nick) == models.Fold(op.actor.Nickname)
}

func (op *operation) followersRef() *vocab.Object {
	return &vocab.Object{ID: op.followersID(), Type: vocab.TypeCollection}
}

// addressDefaults fills in the addresses of an activity that has none, the way
// pump.io does and its clients rely on. Activities of other servers are
// addressed as they are: a network without defaults means what it says.
func (op *operation) addressDefaults(ctx context.Context) error {
	if !op.local {
		return nil
	}
	d := *op.doc
	switch o := op.object.object; {
	case !d.Addressed():
	case d.Verb == vocab.VerbDelete && o != nil && o.ActivityID != 0:
		// Whoever got the thing has to learn that it is gone.
	default:
		return op.addressAnswered(ctx)
	}
	if err := op.chooseAddresses(ctx); err != nil {
		return err
	}
	op.doc.To, op.doc.CC = once(op.doc.To, d.To), once(op.doc.CC, d.CC)
	op.doc.BTo, op.doc.BCC = once(op.doc.BTo, d.BTo), once(op.doc.BCC, d.BCC)
	return op.lookupAddressees(ctx)
}

// addressAnswered adds whoever is answered to the addresses of a public answer, where
// they are elsewhere: on pump.io everybody who reads the thread finds it there, other
// networks bring an answer to nobody who is not named.
func (op *operation) addressAnswered(ctx context.Context) error {
	d, parent := op.doc, op.parent.object
	isPublic := func(o *vocab.Object) bool { return o.ID == vocab.PublicID }
	if parent == nil || parent.AuthorID == 0 || parent.Local || d.Verb != vocab.VerbPost && d.Verb != vocab.VerbCreate ||
		!slices.ContainsFunc(d.To, isPublic) && !slices.ContainsFunc(d.CC, isPublic) {
		return nil
	}
	for _, o := range d.Addressees() {
		if slices.Contains(op.known[o.ID], models.Ref{Kind: models.KindActor, ID: parent.AuthorID}) {
			return nil
		}
	}
	author, err := op.tx.Actor(ctx, parent.AuthorID)
	if err != nil {
		return err
	}
	d.CC = append(d.CC, author.Doc.Ref())
	op.known[author.Doc.ID] = []models.Ref{{Kind: models.KindActor, ID: author.ID}}
	return nil
}

func (op *operation) chooseAddresses(ctx context.Context) error {
	d := op.doc
	self := op.object.actor != nil && op.object.actor.ID == op.actor.ID
	switch d.Verb {
	case vocab.VerbUpdate, vocab.VerbDelete:
		if isGroup(op.object) {
			return op.addressAsGroup(ctx, op.object.actor)
		}
		if !self {
			return op.addressAsPost(ctx, op.object.object)
		}
	case vocab.VerbFavorite, vocab.VerbUnfavorite, vocab.VerbLike, vocab.VerbDislike:
		if o := op.object.object; o != nil && o.ActivityID != 0 {
			return op.addressAsPost(ctx, o)
		}
		d.CC = []*vocab.Object{op.followersRef()}
		return nil
	}
	switch {
	case isGroup(op.object) && d.Verb != vocab.VerbCreate && d.Verb != vocab.VerbPost:
		d.To = []*vocab.Object{op.object.actor.Doc.Ref()}
	case op.object.actor != nil && !op.object.new && !self:
		d.To = []*vocab.Object{op.object.actor.Doc.Ref()}
	case isGroup(op.target) && (d.Verb == vocab.VerbAdd || d.Verb == vocab.VerbRemove || d.Verb == vocab.VerbPost):
		d.To = []*vocab.Object{op.target.actor.Doc.Ref()}
		return nil
	case op.parent.object != nil && (d.Verb == vocab.VerbPost || d.Verb == vocab.VerbCreate):
		return op.addressReply(ctx)
	}
	d.CC = []*vocab.Object{op.followersRef()}
	return nil
}

func isGroup(t thing) bool { return t.actor != nil && t.actor.Type == vocab.TypeGroup }

// addressAsGroup addresses what is done to a group to those who may know of it:
// those whom its making was addressed to, and its members.
func (op *operation) addressAsGroup(ctx context.Context, g *models.Actor) error {
	d := op.doc
	if g.ActivityID != 0 {
		made, err := op.tx.Activity(ctx, g.ActivityID)
		if err != nil {
			return err
		}
		d.To, d.CC = refs(made.Doc.To), refs(made.Doc.CC)
		if made.ActorID == op.actor.ID {
			d.BTo, d.BCC = refs(made.Doc.BTo), refs(made.Doc.BCC)
		}
	}
	d.To = append(d.To, g.Doc.Ref())
	return nil
}

// addressAsPost copies the addresses of the activity that posted an object.
// What was never posted concerns its author only.
func (op *operation) addressAsPost(ctx context.Context, o *models.Object) error {
	if o == nil || o.ActivityID == 0 {
		op.doc.To = []*vocab.Object{op.actor.Doc.Ref()}
		return nil
	}
	post, err := op.tx.Activity(ctx, o.ActivityID)
	if err != nil {
		return err
	}
	d := op.doc
	d.To, d.CC = refs(post.Doc.To), refs(post.Doc.CC)
	if post.ActorID == op.actor.ID {
		// Nobody but the author knows, or may learn, who else got it.
		d.BTo, d.BCC = refs(post.Doc.BTo), refs(post.Doc.BCC)
	}
	if d.Verb != vocab.VerbUpdate && d.Verb != vocab.VerbDelete && o.AuthorID != op.actor.ID {
		op.addressPerson(ctx, o.AuthorID)
	}
	if !d.Addressed() {
		d.To = []*vocab.Object{op.actor.Doc.Ref()}
	}
	return nil
}

// addressReply addresses an answer to those who got what it answers, without
// its own author, and to whoever wrote that.
func (op *operation) addressReply(ctx context.Context) error {
	d, parent := op.doc, op.parent.object
	if parent.ActivityID != 0 {
		post, err := op.tx.Activity(ctx, parent.ActivityID)
		if err != nil {
			return err
		}
		me := func(o *vocab.Object) bool { return o.ID == op.actor.Doc.ID }
		d.To, d.CC = without(refs(post.Doc.To), me), without(refs(post.Doc.CC), me)
	} else {
		d.CC = []*vocab.Object{op.followersRef()}
	}
	if parent.AuthorID != op.actor.ID {
		op.addressPerson(ctx, parent.AuthorID)
	}
	if !d.Addressed() {
		d.To = []*vocab.Object{op.actor.Doc.Ref()}
	}
	return nil
}

// addressPerson adds somebody to the main recipients.
func (op *operation) addressPerson(ctx context.Context, id int64) {
	if id == 0 {
		return
	}
	if actor, err := op.tx.Actor(ctx, id); err == nil {
		op.doc.To = append(without(op.doc.To, func(o *vocab.Object) bool { return o.ID == actor.Doc.ID }), actor.Doc.Ref())
		op.known[actor.Doc.ID] = []models.Ref{{Kind: models.KindActor, ID: id}}
	}
}

// lookupAddressees looks up names that came in by a default.
func (op *operation) lookupAddressees(ctx context.Context) error {
	var iris []string
	for _, o := range op.doc.Addressees() {
		if _, ok := op.known[o.ID]; !ok && o.ID != vocab.PublicID && o.ID != op.followersID() {
			iris = append(iris, o.ID)
		}
	}
	if len(iris) == 0 {
		return nil
	}
	found, err := op.tx.Lookup(ctx, unique(iris)...)
	for iri, r := range found {
		op.known[iri] = r
	}
	return err
}

// resolveAudience works out whom each address stands for, and how public the
// activity is.
func (op *operation) resolveAudience(ctx context.Context) error {
	d := op.doc
	op.row.Visibility = models.Limited
	for field, list := range [][]*vocab.Object{d.To, d.CC, d.BTo, d.BCC} {
		for i, o := range list {
			a, err := op.resolveAddressee(ctx, o)
			if err != nil {
				return err
			}
			a.Field = models.Field(field)
			list[i] = a.doc
			op.audience = append(op.audience, a)
			op.row.Audience = append(op.row.Audience, a.Addressee)
			if a.Kind == models.AudiencePublic {
				op.row.Visibility = min(op.row.Visibility, publicBy(a.Field))
			}
		}
	}
	return nil
}

// publicBy tells how public an activity is that names everybody in a field:
// in cc, where it is not announced to everybody, it counts as unlisted.
func publicBy(f models.Field) models.Visibility {
	if f == models.To {
		return models.Public
	}
	return models.Unlisted
}

func (op *operation) resolveAddressee(ctx context.Context, o *vocab.Object) (addressee, error) {
	ref := o.Ref()
	switch {
	case ref.ID == vocab.PublicID:
		ref.Type = vocab.TypeCollection
		return addressee{models.Addressee{Kind: models.AudiencePublic}, ref}, nil
	case op.ownFollowers(ref.ID):
		return addressee{models.Addressee{Kind: models.AudienceFollowers, ID: op.actor.ID}, op.followersRef()}, nil
	}
	t, err := op.find(ctx, ref)
	if err != nil {
		return addressee{}, err
	}
	if t.empty() && op.nameable(ref) {
		if t, err = op.stubActor(ctx, ref); err != nil {
			return addressee{}, err
		}
	}
	switch {
	case isGroup(t) && t.actor.State == models.Deleted:
		return addressee{models.Addressee{Kind: models.AudienceUnknown}, ref}, nil
	case isGroup(t):
		return addressee{models.Addressee{Kind: models.AudienceGroup, ID: t.actor.ID}, t.actor.Doc.Ref()}, nil
	case t.actor != nil:
		return addressee{models.Addressee{Kind: models.AudienceActor, ID: t.actor.ID}, t.actor.Doc.Ref()}, nil
	case t.object != nil && t.object.Type == vocab.TypeCollection && t.object.AuthorID == op.actor.ID && t.object.Deleted.IsZero():
		return addressee{models.Addressee{Kind: models.AudienceList, ID: t.object.ID}, t.object.Doc.Ref()}, nil
	}
	// Somebody else's list or followers, or a thing that is no audience: it is
	// shown, but nobody gets anything by it.
	return addressee{models.Addressee{Kind: models.AudienceUnknown}, ref}, nil
}

// nameable reports whether an address that nobody knows names somebody
// elsewhere.
func (op *operation) nameable(o *vocab.Object) bool {
	if o.ID == "" || op.b.names.Ours(o.ID) {
		return false
	}
	_, host := accountOf(o)
	_, ok := acct(o.ID)
	return host != "" && (ok || vocab.IsActorType(o.Type))
}

func refs(list []*vocab.Object) []*vocab.Object {
	out := make([]*vocab.Object, len(list))
	for i, o := range list {
		out[i] = o.Ref()
	}
	return out
}

// once joins two lists; what stands in both stands in the first place only.
func once(list, more []*vocab.Object) []*vocab.Object {
	for _, o := range more {
		if !slices.ContainsFunc(list, func(x *vocab.Object) bool { return x.ID == o.ID }) {
			list = append(list, o)
		}
	}
	return list
}

func without(list []*vocab.Object, drop func(*vocab.Object) bool) []*vocab.Object {
	var out []*vocab.Object
	for _, o := range list {
		if !drop(o) {
			out = append(out, o)
		}
	}
	return out
}
