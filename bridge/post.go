package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"manifold/models"
	"manifold/models/vocab"
)

// Submission is an activity that a person with an account here brings.
type Submission struct {
	// ActorID is the person, as the network has authenticated it.
	ActorID int64
	// Activity is cleaned in place, and is the bridge's from then on.
	Activity *vocab.Activity
	// Network, ContentType and Original are where it came from and its bytes;
	// Verified tells how the person was authenticated.
	Network, Verified, ContentType string
	Original                       []byte
	// Generator is the program that was used; it replaces what the activity says.
	Generator *vocab.Object
	// Within, if set, runs first in the transaction; its error ends it.
	Within func(context.Context, *models.Tx) error
	// OnlyIf, if set, is asked whether an activity of this class is welcome; its
	// error ends the transaction.
	OnlyIf func(major bool) error
}

// Result is what became of an activity.
type Result struct {
	Activity *models.Activity
	// Actor is who did it. Object is the thing that it posted, if that is new; what
	// else an activity brings into being has been counted since.
	Actor  *models.Actor
	Object *models.Object
	// Known is true when it was there before, and nothing was changed.
	Known bool
}

// Post does what a person here asks for: it stores the activity and its
// effects, distributes it, and queues its deliveries. It returns when all of
// that is durable, or an [*Error] when the activity is refused.
func (b *Bridge) Post(ctx context.Context, s Submission) (*Result, error) {
	SanitizeActivity(s.Activity)
	// Read outside of the transaction, which cannot fill the cache of documents.
	// What changes the actor reads it again.
	actor, err := b.db.Actor(ctx, s.ActorID)
	if err != nil {
		return nil, fmt.Errorf("reading the actor of a post: %w", err)
	}
	if err := mayAct(actor); err != nil {
		return nil, err
	}
	var op *operation
	write := func(tx *models.Tx) error {
		op = nil
		if s.Within != nil {
			if err := s.Within(ctx, tx); err != nil {
				return err
			}
		}
		op = newOperation(b, tx, actor, s.Activity)
		op.onlyIf = s.OnlyIf
		if err := op.checkActor(s.Activity.Actor); err != nil {
			return err
		}
		op.doc.Generator = s.Generator
		op.original = &models.Original{Network: s.Network, SenderID: actor.ID, Verified: s.Verified, ContentType: s.ContentType, Bytes: s.Original}
		return op.run(ctx)
	}
	err = b.db.Write(ctx, write)
	if errors.Is(err, models.ErrExists) && op != nil {
		// Somebody else was first to name the same thing, at the same time; now
		// it is known.
		err = b.db.Write(ctx, write)
	}
	if errors.Is(err, models.ErrExists) && op != nil && op.object.new {
		return nil, exists(op.object.doc().Type, op.object.doc().ID)
	}
	if err != nil {
		return nil, err
	}
	return op.result(), nil
}

// Arrival is an activity that another server brings.
type Arrival struct {
	// SenderID is the remote actor, whose authorship the network has verified in
	// the way that Verified says.
	SenderID int64
	// RecipientID is the person whose inbox it was sent to, 0 for an inbox that
	// is shared.
	RecipientID int64
	// Activity is cleaned in place, and is the bridge's from then on.
	Activity                       *vocab.Activity
	Network, Verified, ContentType string
	Original                       []byte
	// Quiet is for what nobody has sent us, such as the rest of a thread: it is
	// stored and does what it does, and is news to nobody.
	Quiet bool
	// Within, if set, runs first in the transaction; its error ends it.
	Within func(context.Context, *models.Tx) error
}

// Receive does what somebody elsewhere did: it stores the activity and its
// effects and puts it into the streams of those here whom it is meant for. An
// activity that is known already changes nothing but the inbox of a recipient
// who lacks it.
func (b *Bridge) Receive(ctx context.Context, in Arrival) (*Result, error) {
	SanitizeActivity(in.Activity)
	if in.Activity.ID == "" {
		return nil, invalid("The activity has no id.")
	}
	if err := checkName("id", in.Activity.ID); err != nil {
		return nil, err
	}
	if _, err := b.policies.fresh(ctx); err != nil {
		return nil, err
	}
	if b.names.Ours(in.Activity.ID) {
		return nil, invalid("The id %s is below the address of this server, where only this server makes ids.", in.Activity.ID)
	}
	var op *operation
	var known *models.Activity
	write := func(tx *models.Tx) error {
		op, known = nil, nil
		if in.Within != nil {
			if err := in.Within(ctx, tx); err != nil {
				return err
			}
		}
		sender, err := tx.Actor(ctx, in.SenderID)
		if err != nil {
			return fmt.Errorf("reading the sender of an activity: %w", err)
		}
		if sender.Local {
			return notAllowed("The sender %s is of this server, and does not come from elsewhere.", sender.Doc.ID)
		}
		if b.policies.known(sender.Host).Severity == models.SeverityBlock {
			return notAllowed("%s is blocked here.", sender.Host)
		}
		if err := mayAct(sender); err != nil {
			return err
		}
		tx.AfterCommit(func() { b.hosts.heard(sender, in.Activity.ID) })
		if known, err = tx.ActivityByIRI(ctx, in.Activity.ID); err == nil {
			return b.receiveAgain(ctx, tx, known, sender, in.RecipientID, in.Quiet)
		} else if !errors.Is(err, models.ErrNotFound) {
			return err
		}
		op = newOperation(b, tx, sender, in.Activity)
		op.recipient, op.unseen, op.row.Quiet = in.RecipientID, in.Quiet, in.Quiet
		op.original = &models.Original{Network: in.Network, SenderID: sender.ID, Verified: in.Verified, ContentType: in.ContentType, Bytes: in.Original}
		err = op.run(ctx)
		if same, ok := errors.AsType[*sameAs](err); ok {
			known = same.activity
			return same.join(ctx, op)
		}
		return err
	}
	err := b.db.Write(ctx, write)
	for attempt := 1; attempt < maxMeetings && (errors.Is(err, models.ErrExists) || b.cameMeanwhile(ctx, in.Activity.ID, err)); attempt++ {
		// The same activity came by another way at the same time and was first;
		// now it is known, or what it is about, or both.
		err = b.db.Write(ctx, write)
	}
	if err != nil {
		return nil, err
	}
	if known != nil {
		return &Result{Activity: known, Known: true}, nil
	}
	return op.result(), nil
}

// maxMeetings is how often an activity may meet one that is the same in another
// way each time: the thing, its names, the activity.
const maxMeetings = 4

// cameMeanwhile reports whether an activity that was refused is known by now:
// then it may have been refused for what it did itself, such as posting what is
// posted already.
func (b *Bridge) cameMeanwhile(ctx context.Context, id string, refusal error) bool {
	if ReasonOf(refusal) == 0 {
		return false
	}
	_, err := b.db.LookupKind(ctx, models.KindActivity, id)
	return err == nil
}

// operation is one activity on its way through the bridge.
type operation struct {
	b   *Bridge
	tx  *models.Tx
	now time.Time
	// actor is who acts; local says whether that is somebody of ours.
	actor *models.Actor
	local bool
	// doc is the activity, row what is stored of it.
	doc *vocab.Activity
	row *models.Activity

	// object and target are what doc names, once resolved. parent is what the
	// object replies to.
	object, target, parent thing
	// patch is what the activity says about an object that is there already.
	patch *vocab.Object
	known map[string][]models.Ref
	// undone is the activity whose effect this one ends, 0 where that is not known.
	undone int64
	// asked is the follow that this activity answers.
	asked *request
	// vote is the choice of a question that the activity votes for.
	vote *vote
	// adopted is the document of a thing of which only a copy was here.
	adopted *vocab.Object
	// alsoNamed are the names that it gets by that.
	alsoNamed []models.Identifier
	// pins says that the target is what the actor shows first; erases that the actor
	// is deleted; announces that a group passes on the activity that is the object.
	pins, erases, announces bool
	// recount has an update tell no more than what has been counted.
	recount bool
	// about has the rows that a report is about.
	about *models.Report
	// quiet is for what is stored and delivered, and shown in no stream; because for
	// what an activity brings about, whose own rule has checked it.
	quiet, because bool
	// unseen says that the activity is news to nobody here: nobody has heard of what
	// it is about, or nobody has sent it.
	unseen bool

	audience  []addressee
	recipient int64
	original  *models.Original
	onlyIf    func(major bool) error
	jobs      []river.InsertManyParams
	besides   []deed
}

func newOperation(b *Bridge, tx *models.Tx, actor *models.Actor, a *vocab.Activity) *operation {
	doc := *a
	doc.Verb = vocab.Verb(doc.Verb)
	doc.Object = doc.Object.Clone()
	return &operation{
		b: b, tx: tx, now: b.time(), actor: actor, local: actor.Local, doc: &doc,
		row: &models.Activity{ID: tx.NewID(), Verb: doc.Verb, ActorID: actor.ID, Local: actor.Local},
	}
}

// mayAct refuses the deeds of people whose account is not in use.
func mayAct(actor *models.Actor) error {
	switch actor.State {
	case models.Suspended:
		return notAllowed("This account is suspended.")
	case models.Deleted:
		return &Error{Reason: Gone, Text: "This account is not in use any more.", Subject: "user", ID: actor.Doc.ID}
	}
	return nil
}

func (op *operation) result() *Result {
	r := &Result{Activity: op.row, Actor: op.actor}
	// A copy of what is elsewhere is new here too, but may be liked by this.
	if o := op.object.object; op.object.new && o != nil && o.ActivityID == op.row.ID {
		r.Object = o
	}
	return r
}

// checkActor refuses an activity that says that somebody else did it.
func (op *operation) checkActor(actor *vocab.Object) error {
	if actor == nil || actor.ID == "" || actor.ID == op.actor.Doc.ID {
		return nil
	}
	nick := op.b.names.Nickname(actor.ID)
	if nick == "" || models.Fold(nick) != models.Fold(op.actor.Nickname) {
		return invalid("Invalid actor")
	}
	return nil
}

// run takes the activity the whole way. Everything that needs no position comes
// first, since others wait while a position is held.
func (op *operation) run(ctx context.Context) error {
	if op.doc.Object == nil && (op.local || ruleFor(op.doc.Verb).effect != nil) {
		return invalid("The activity has no object: there must be a member \"object\" that says what was done something to.")
	}
	if len(op.doc.Addressees()) > MaxAddressees {
		return invalid("The activity is addressed to %d recipients; at most %d can be named. Address a list or your followers instead.",
			len(op.doc.Addressees()), MaxAddressees)
	}
	if err := op.checkNames(); err != nil {
		return err
	}
	if err := op.resolve(ctx); err != nil {
		return err
	}
	if err := op.turn(ctx); err != nil {
		return err
	}
	rule := op.rule()
	for _, step := range []func(context.Context) error{
		rule.prepare(op),
		op.addressDefaults,
		op.addressMentioned,
		op.resolveAudience,
		op.checkClass,
		op.finishDoc,
		op.bindToPost,
		op.store,
		op.storeUnordered,
		op.takePosition,
		op.checkBlocks,
		op.storeOrdered,
		rule.apply(op),
		op.distribute,
		op.passOn,
		op.enqueue,
		op.doBesides,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if !op.quiet {
		op.tx.AfterCommit(func() { op.b.watchers.changed(change{activity: op.row.ID, owner: op.recipient}) })
	}
	return nil
}

// deed is what somebody here does because of an activity.
type deed struct {
	actor    *models.Actor
	activity *vocab.Activity
	// announces has a group pass the activity on.
	announces bool
}

// doBesides has the deeds done that the activity brings about, in its transaction.
// They are delivered, and no stream shows them: nobody chose to do them.
func (op *operation) doBesides(ctx context.Context) error {
	besides := op.besides
	op.besides = nil
	for _, d := range besides {
		also := newOperation(op.b, op.tx, d.actor, d.activity)
		also.quiet, also.because, also.announces = true, true, d.announces
		if err := also.run(ctx); err != nil {
			return fmt.Errorf("doing %s because of %s: %w", d.activity.Verb, op.doc.ID, err)
		}
	}
	return nil
}

func (op *operation) major() bool { return vocab.Major(op.doc.Verb, op.doc.Object) }

func (op *operation) checkClass(context.Context) error {
	if op.onlyIf == nil {
		return nil
	}
	return op.onlyIf(op.major())
}

// finishDoc gives the activity everything that a stored one has.
func (op *operation) finishDoc(ctx context.Context) error {
	d := op.doc
	d.Actor = &vocab.Object{ID: op.actor.Doc.ID, Type: op.actor.Type}
	if op.local {
		token := NewToken()
		d.ID = op.b.names.Thing(vocab.TypeActivity, token)
		d.URL = op.b.names.ThingPage(op.actor.Nickname, vocab.TypeActivity, token)
		d.Published, d.Updated, d.Deleted, d.Links = op.now, op.now, time.Time{}, linksOfOthers(d.Links)
	}
	if d.Published.IsZero() {
		d.Published = op.now
	}
	if d.Updated.IsZero() {
		d.Updated = d.Published
	}
	if d.Content == "" {
		var err error
		if d.Content, err = op.sentence(ctx); err != nil {
			return err
		}
	}
	op.row.Doc = d
	op.row.Published, op.row.Updated = d.Published, d.Updated
	op.row.Object, op.row.Target = op.object.ref(), op.target.ref()
	if op.row.Object.Kind != models.KindNone {
		d.Object = d.Object.Ref()
		if doc := op.object.doc(); doc != nil {
			d.Object = doc.Ref()
		}
		d.Inner = nil
	}
	if op.row.Target.Kind != models.KindNone {
		d.Target = d.Target.Ref()
	}
	return nil
}

// bindToPost makes sure that nobody sees a thing through an activity about it
// who may not see the thing: unless the thing is public, the activity is bound
// to the one that posted it. One about another activity is bound to that.
func (op *operation) bindToPost(ctx context.Context) error {
	if a := op.object.activity; a != nil {
		if op.row.ObjectPost = a.ObjectPost; a.Visibility == models.Limited {
			op.row.ObjectPost = a.ID
		}
		return nil
	}
	o := op.object.object
	if o == nil || op.object.new || o.ActivityID == 0 || o.ActivityID == op.row.ID {
		return nil
	}
	post, err := op.tx.Activity(ctx, o.ActivityID)
	if err != nil {
		return fmt.Errorf("reading the post of an object: %w", err)
	}
	if post.Visibility == models.Limited {
		op.row.ObjectPost = post.ID
	}
	return nil
}

// store writes what needs no position: the activity, the names of all that is
// new, the audience, and the document that it came as.
func (op *operation) store(ctx context.Context) error {
	names := append([]models.Identifier{{Kind: models.KindActivity, IRI: op.doc.ID, Ref: op.row.ID}}, op.alsoNamed...)
	for _, t := range []thing{op.parent, op.object} {
		if t.new {
			names = append(names, t.names()...)
		}
	}
	if err := op.tx.Identify(ctx, names...); err != nil {
		return err
	}
	if err := op.tx.InsertActivity(ctx, op.row); err != nil {
		return err
	}
	if op.original == nil || len(op.original.Bytes) == 0 {
		return nil
	}
	op.original.RefID = op.row.ID
	op.original.Received = op.now
	return op.tx.InsertOriginal(ctx, op.original, false)
}

// takePosition makes the rest of the transaction run alone: what it reads from
// here on, nobody else is changing.
func (op *operation) takePosition(ctx context.Context) error {
	_, err := op.tx.Position(ctx)
	return err
}

// reread reads the object again, now that nobody else is changing it.
func (op *operation) reread(ctx context.Context) (*models.Object, error) {
	row, err := op.tx.Object(ctx, op.object.object.ID)
	if err != nil {
		return nil, err
	}
	if !row.Deleted.IsZero() {
		return nil, gone(row)
	}
	op.object.object = row
	return row, nil
}

// storeUnordered writes the rows of new things that stand in no order, before a
// position is held: all notes and pictures that answer nothing.
func (op *operation) storeUnordered(ctx context.Context) error {
	return op.storeThings(ctx, func(o *models.Object) bool { return !o.Ordered() })
}

// storeOrdered writes the rows of new replies and lists.
func (op *operation) storeOrdered(ctx context.Context) error {
	return op.storeThings(ctx, (*models.Object).Ordered)
}

func (op *operation) storeThings(ctx context.Context, now func(*models.Object) bool) error {
	for _, t := range []thing{op.parent, op.object} {
		var err error
		switch {
		case !t.new:
		case t.actor != nil && now(&models.Object{}):
			err = op.tx.CreateActor(ctx, t.actor)
		case t.object != nil && now(t.object):
			if err = op.uniqueList(ctx, t.object); err == nil {
				err = op.tx.InsertObject(ctx, t.object)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
