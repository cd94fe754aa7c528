package bridge

import (
	"context"
	"errors"

	"manifold/models"
	"manifold/models/vocab"
)

// request is a follow, or the joining of a group, that is answered.
type request struct {
	follower *models.Actor
	edge     *models.Edge
}

// prepareAnswer finds the follow that is accepted or rejected: by its id, by who
// follows whom in the copy of it that an answer brings, or, where somebody here
// answers, by the person. The answer to anything else, such as an invitation, has
// no effect.
func (op *operation) prepareAnswer(ctx context.Context) error {
	follower, err := op.whoAsked(ctx)
	if err != nil {
		return err
	}
	if follower == nil {
		return op.prepareOther(ctx)
	}
	edge, err := op.edgeAsked(ctx, follower)
	if err != nil {
		return err
	}
	follow, err := op.tx.Activity(ctx, edge.ActivityID)
	if err != nil {
		return err
	}
	op.asked = &request{follower, edge}
	op.object = thing{activity: follow}
	op.doc.Object = &vocab.Object{ID: follow.Doc.ID, Type: vocab.TypeActivity}
	switch op.doc.Verb {
	case vocab.VerbAuthorize:
		op.rename(vocab.VerbAccept)
	case vocab.VerbDeny:
		op.rename(vocab.VerbReject)
	}
	op.addressAnswer()
	return nil
}

// rename gives the activity the verb that says what it turned out to be.
func (op *operation) rename(verb string) { op.doc.Verb, op.row.Verb = verb, verb }

// addressAnswer has an answer go to whoever asked and to nobody else. That
// somebody elsewhere has accepted goes without saying; that they have not, their
// follower here is told.
func (op *operation) addressAnswer() {
	d, follower := op.doc, op.asked.follower
	d.To, d.CC, d.BTo, d.BCC = []*vocab.Object{follower.Doc.Ref()}, nil, nil, nil
	op.known[follower.Doc.ID] = []models.Ref{{Kind: models.KindActor, ID: follower.ID}}
	op.quiet = op.quiet || !follower.Local || !op.local && d.Verb == vocab.VerbAccept
}

// whoAsked returns whose follow of the actor is answered, or nil.
func (op *operation) whoAsked(ctx context.Context) (*models.Actor, error) {
	inner := op.doc.Inner
	switch {
	case op.object.activity != nil && asksForAnswer(op.object.activity.Verb):
		a := op.object.activity
		if a.Object.ID != op.actor.ID {
			if err := op.maySeeActivity(ctx, a); err != nil {
				return nil, err
			}
			return nil, notAllowed("Can't %s %s: it is not you who would be followed.", op.doc.Verb, a.Doc.ID)
		}
		return op.tx.Actor(ctx, a.ActorID)
	case op.object.activity != nil:
		return nil, nil
	case op.object.actor != nil && op.local:
		_, err := op.tx.Edge(ctx, models.Follows, op.object.actor.ID, op.actor.ID)
		if errors.Is(err, models.ErrNotFound) {
			return nil, nil
		}
		return op.object.actor, err
	case inner != nil && asksForAnswer(vocab.Verb(inner.Verb)):
		follower, err := op.find(ctx, inner.Actor)
		if err != nil {
			return nil, err
		}
		followed, err := op.find(ctx, inner.Object)
		if err != nil {
			return nil, err
		}
		if follower.actor == nil || followed.actor == nil || followed.actor.ID != op.actor.ID {
			return nil, invalid("Can't %s %s: it is no follow of the actor.", op.doc.Verb, firstOf(inner.ID, "a follow without an id"))
		}
		return follower.actor, nil
	}
	return nil, nil
}

// asksForAnswer reports whether a verb is one that is accepted or rejected.
func asksForAnswer(verb string) bool { return verb == vocab.VerbFollow || verb == vocab.VerbJoin }

// edgeAsked is what somebody has asked the actor for: to follow or, of a group, to
// be a member.
func (op *operation) edgeAsked(ctx context.Context, follower *models.Actor) (*models.Edge, error) {
	for _, kind := range []models.EdgeKind{models.Follows, models.MemberOf} {
		edge, err := op.tx.Edge(ctx, kind, follower.ID, op.actor.ID)
		if !errors.Is(err, models.ErrNotFound) {
			return edge, err
		}
	}
	return nil, missing("edge", follower.Doc.ID+"→"+op.actor.Doc.ID)
}

// applyAccept puts a follow into force that was asked for. Who is accepted by a
// group elsewhere follows it and is a member, whichever they asked for.
func (op *operation) applyAccept(ctx context.Context) error {
	if op.asked == nil {
		return nil
	}
	edge, err := op.edgeAsked(ctx, op.asked.follower)
	if err != nil {
		return err
	}
	if err := op.answered(ctx, op.asked.follower); err != nil {
		return err
	}
	if err := op.putInForce(ctx, edge); err != nil || op.local || op.actor.Type != vocab.TypeGroup {
		return err
	}
	for _, kind := range []models.EdgeKind{models.Follows, models.MemberOf} {
		if err := op.ensure(ctx, kind, edge); err != nil {
			return err
		}
	}
	return nil
}

// applyReject ends a follow, whether it was in force or only asked for.
func (op *operation) applyReject(ctx context.Context) error {
	if op.asked == nil {
		return nil
	}
	for _, kind := range []models.EdgeKind{models.Follows, models.MemberOf} {
		if err := op.endRelation(ctx, kind, op.asked.follower.ID, op.actor.ID); err != nil {
			return err
		}
	}
	return op.answered(ctx, op.asked.follower)
}
