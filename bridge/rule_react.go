package bridge

import (
	"context"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareReaction finds what is liked or shared: the thing itself, also where
// the activity that posted it is named.
func (op *operation) prepareReaction(ctx context.Context) error {
	if err := op.inner(ctx); err != nil {
		return err
	}
	if op.object.activity != nil || op.object.empty() && op.doc.Inner != nil {
		return invalid("Can't %s %s: it is neither a thing nor the posting of one.", op.doc.Verb, firstOf(op.doc.Object.ID, "an activity without an id"))
	}
	if err := op.ensureObject(ctx); err != nil {
		return err
	}
	if op.object.empty() || op.object.new && op.object.object != nil && op.object.object.Local {
		return invalid("Can't %s something that is not there: give the \"id\" of the object.", op.doc.Verb)
	}
	if err := op.mayUse(ctx); err != nil {
		return err
	}
	if doc := op.object.doc(); doc != nil {
		op.doc.Object = &vocab.Object{ID: doc.ID, Type: doc.Type, DisplayName: doc.DisplayName, URL: doc.URL}
	}
	return nil
}

func (op *operation) applyFavorite(ctx context.Context) error {
	added, err := op.addEdge(ctx, models.Likes, op.object.ref().ID)
	if err != nil {
		return err
	}
	if !added {
		return op.unlessRemote(exists("favorite", op.object.doc().ID))
	}
	return op.countFavorite(ctx, 1)
}

func (op *operation) applyUnfavorite(ctx context.Context) error {
	removed, err := op.removeEdge(ctx, models.Likes, op.object.ref().ID)
	if err != nil {
		return err
	}
	if !removed {
		return op.unlessRemote(missing("favorite", op.object.doc().ID))
	}
	return op.countFavorite(ctx, -1)
}

// unlessRemote returns err to people here. Another server that says what is so
// already is right, not wrong.
func (op *operation) unlessRemote(err error) error {
	if op.local {
		return err
	}
	return nil
}

func (op *operation) countFavorite(ctx context.Context, n int) error {
	if err := op.tx.Count(ctx, op.actor.ID, models.CountFavorites, n); err != nil {
		return err
	}
	return op.countReaction(ctx, models.CountLikes, n)
}

func (op *operation) countReaction(ctx context.Context, counter models.ObjectCount, n int) error {
	if op.object.object == nil {
		return nil
	}
	return op.tx.CountObject(ctx, op.object.object.ID, counter, n)
}

func (op *operation) applyShare(ctx context.Context) error {
	added, err := op.addEdge(ctx, models.Shared, op.object.ref().ID)
	if err != nil {
		return err
	}
	if !added {
		return op.unlessRemote(exists("share", op.object.doc().ID))
	}
	return op.countReaction(ctx, models.CountShares, 1)
}

func (op *operation) applyUnshare(ctx context.Context) error {
	removed, err := op.removeEdge(ctx, models.Shared, op.object.ref().ID)
	if err != nil {
		return err
	}
	if !removed {
		return op.unlessRemote(missing("share", op.object.doc().ID))
	}
	return op.countReaction(ctx, models.CountShares, -1)
}
