package bridge

import (
	"context"
	"errors"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareBlock finds whom to block, and keeps it between the actor and this
// server: whoever is blocked is not told, and neither is anybody else.
func (op *operation) prepareBlock(ctx context.Context) error {
	if op.object.actor == nil && op.object.empty() {
		o := *op.doc.Object
		if o.Type == "" {
			o.Type = vocab.TypePerson
		}
		if vocab.IsActorType(o.Type) {
			t, err := op.stubActor(ctx, &o)
			if err != nil {
				return err
			}
			op.object = t
		}
	}
	switch target := op.object.actor; {
	case target == nil:
		return invalid("Can't block %s: it is not a person or a group.", firstOf(op.doc.Object.ID, "a thing"))
	case target.ID == op.actor.ID:
		return invalid("Can't block yourself.")
	}
	op.nameActor()
	op.addressNobody()
	return nil
}

// addressNobody addresses an activity to the actor alone, whatever it says.
func (op *operation) addressNobody() {
	op.doc.To, op.doc.CC, op.doc.BTo, op.doc.BCC = nil, nil, nil, nil
	if op.local {
		// Without any address the activity would get those that go without saying.
		op.doc.To = []*vocab.Object{op.actor.Doc.Ref()}
		op.known[op.actor.Doc.ID] = []models.Ref{{Kind: models.KindActor, ID: op.actor.ID}}
	}
}

// applyBlock blocks somebody and ends what follows there are between the two. The
// server of somebody elsewhere is told of the end of the follows, as of any other,
// or it would go on to send and to expect what they are for; of the block it is not.
func (op *operation) applyBlock(ctx context.Context) error {
	target := op.object.actor.ID
	if err := op.tellOfEnds(ctx); err != nil {
		return err
	}
	added, err := op.addEdge(ctx, models.Blocks, target)
	if err != nil {
		return err
	}
	if !added {
		return op.unlessRemote(exists("block", op.object.doc().ID))
	}
	if err := op.endFollow(ctx, op.actor.ID, target); err != nil {
		return err
	}
	return op.endFollow(ctx, target, op.actor.ID)
}

// tellOfEnds ends the follows between somebody here and somebody elsewhere in words
// that go there, as long as there is no block yet.
func (op *operation) tellOfEnds(ctx context.Context) error {
	target := op.object.actor
	if !op.local || target.Local {
		return nil
	}
	_, err := op.tx.Edge(ctx, models.Follows, op.actor.ID, target.ID)
	if err == nil {
		op.besides = append(op.besides, deed{actor: op.actor, activity: &vocab.Activity{Verb: vocab.VerbStopFollowing, Object: target.Doc.Ref(),
			To: []*vocab.Object{target.Doc.Ref()}}})
	} else if !errors.Is(err, models.ErrNotFound) {
		return err
	}
	asks, err := op.b.confirms(ctx, op.tx, target.ID)
	if err != nil {
		return err
	}
	theirs, err := op.tx.Edge(ctx, models.Follows, target.ID, op.actor.ID)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && !asks:
	case err != nil:
		return err
	default:
		follow, err := op.tx.Activity(ctx, theirs.ActivityID)
		if err != nil {
			return unlessNotFound(err)
		}
		op.besides = append(op.besides, deed{actor: op.actor, activity: answerTo(vocab.VerbReject, follow, target)})
	}
	return op.doBesides(ctx)
}

// endFollow has somebody not follow another any more, if they did.
func (op *operation) endFollow(ctx context.Context, follower, followed int64) error {
	return op.endRelation(ctx, models.Follows, follower, followed)
}

// endRelation ends a follow or a membership, if there is one.
func (op *operation) endRelation(ctx context.Context, kind models.EdgeKind, actor, target int64) error {
	edge, err := op.tx.Edge(ctx, kind, actor, target)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := op.tx.RemoveEdge(ctx, kind, actor, target); err != nil || edge.State != models.InForce {
		return err
	}
	return op.countEdge(ctx, edge, -1)
}

func (op *operation) prepareUnblock(ctx context.Context) error {
	if op.object.actor == nil {
		return missing("block", op.doc.Object.ID)
	}
	op.nameActor()
	op.addressNobody()
	return op.nameUndone(ctx, models.Blocks, op.object.actor.ID)
}

func (op *operation) applyUnblock(ctx context.Context) error {
	edge, err := op.endEdge(ctx, models.Blocks, op.object.actor.ID)
	if err == nil && edge == nil {
		err = op.unlessRemote(missing("block", op.object.doc().ID))
	}
	return err
}

// checkBlocks refuses what the actor would do to somebody who blocks them, or
// with what is theirs, in words that fit whatever is not open to somebody. It
// runs once a position is held: a block that was made a moment ago counts.
func (op *operation) checkBlocks(ctx context.Context) error {
	switch op.doc.Verb {
	case vocab.VerbBlock, vocab.VerbUnblock, vocab.VerbUpdate, vocab.VerbDelete, vocab.VerbUndo, vocab.VerbReject, vocab.VerbFlag,
		vocab.VerbStopFollowing, vocab.VerbUnfavorite, vocab.VerbUnlike, vocab.VerbUnshare, vocab.VerbRemove, vocab.VerbLeave:
		return nil // what is one's own, and what takes back
	}
	for _, t := range []thing{op.object, op.parent, op.target} {
		owners := op.ownersOf(t)
		if len(owners) == 0 || t.actor != nil && op.doc.Verb == vocab.VerbAdd {
			continue // whom a list of people names does not learn of it
		}
		blocked, err := op.tx.BlockedBy(ctx, op.actor.ID, owners...)
		if err != nil {
			return err
		}
		if blocked {
			return notAllowed("Can't %s %s: it is not open to you.", op.doc.Verb, t.id())
		}
	}
	if op.doc.Verb != vocab.VerbFollow {
		return nil
	}
	blocking, err := op.tx.BlockedBy(ctx, op.object.actor.ID, op.actor.ID)
	if err == nil && blocking {
		err = invalid("Can't follow %s: you block this account. Unblock it first.", op.object.id())
	}
	return err
}

// ownersOf are those other than the actor whose thing it is.
func (op *operation) ownersOf(t thing) []int64 {
	var ids []int64
	add := func(id int64) {
		if id != 0 && id != op.actor.ID {
			ids = append(ids, id)
		}
	}
	switch {
	case t.actor != nil:
		add(t.actor.ID)
		add(t.actor.AuthorID) // of a group
	case t.object != nil:
		add(t.object.AuthorID)
	case t.activity != nil:
		add(t.activity.ActorID)
	}
	return ids
}

// id is the name by which a thing is known.
func (t thing) id() string {
	switch {
	case t.activity != nil:
		return t.activity.Doc.ID
	case t.doc() != nil:
		return t.doc().ID
	}
	return ""
}
