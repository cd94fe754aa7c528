package bridge

import (
	"context"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareFollow finds whom to follow. Whoever is not known here yet is followed
// by the name that was given.
func (op *operation) prepareFollow(ctx context.Context) error {
	if op.object.actor == nil && !op.object.empty() {
		return invalid("Can't follow %s: it is not a person or a group.", op.doc.Object.ID)
	}
	if op.object.actor == nil {
		o := *op.doc.Object
		if o.Type == "" {
			o.Type = vocab.TypePerson
		}
		if !vocab.IsActorType(o.Type) {
			return invalid("Can't follow something of type %q: only people and groups can be followed.", o.Type)
		}
		t, err := op.stubActor(ctx, &o)
		if err != nil {
			return err
		}
		op.object = t
	}
	if op.object.actor.State != models.Active {
		return &Error{Reason: Gone, Text: "This account is not in use any more.", Subject: "user", ID: op.doc.Object.ID}
	}
	op.nameActor()
	return nil
}

// nameActor has the activity say who its object is, for the sentence about it.
func (op *operation) nameActor() {
	doc := op.object.actor.Doc
	op.doc.Object = &vocab.Object{ID: doc.ID, Type: doc.Type, DisplayName: doc.DisplayName, URL: doc.URL}
}

func (op *operation) applyFollow(ctx context.Context) error {
	target := op.object.actor.ID
	added, err := op.addEdge(ctx, models.Follows, target)
	if err != nil {
		return err
	}
	if !added {
		if !op.local {
			return nil // a server that lost our answer asks again
		}
		return exists("edge", op.actor.Doc.ID+"→"+op.object.actor.Doc.ID)
	}
	return op.countFollow(ctx, 1)
}

func (op *operation) countFollow(ctx context.Context, n int) error {
	if err := op.tx.Count(ctx, op.actor.ID, models.CountFollowing, n); err != nil {
		return err
	}
	return op.tx.Count(ctx, op.object.actor.ID, models.CountFollowers, n)
}

func (op *operation) prepareStopFollowing(context.Context) error {
	if op.object.actor == nil {
		return missing("edge", op.actor.Doc.ID+"→"+op.doc.Object.ID)
	}
	op.nameActor()
	return nil
}

func (op *operation) applyStopFollowing(ctx context.Context) error {
	removed, err := op.removeEdge(ctx, models.Follows, op.object.actor.ID)
	if err != nil {
		return err
	}
	if !removed {
		if !op.local {
			return nil
		}
		return missing("edge", op.actor.Doc.ID+"→"+op.object.actor.Doc.ID)
	}
	return op.countFollow(ctx, -1)
}
