package bridge

import (
	"context"
	"errors"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareReaction finds what is liked or shared: the thing itself, also where
// the activity that posted it is named.
func (op *operation) prepareReaction(ctx context.Context) error {
	if err := op.inner(ctx); err != nil {
		return err
	}
	if a := op.object.activity; a != nil && op.doc.Verb == vocab.VerbShare && op.doc.Inner != nil && !op.local {
		return &sameAs{a} // what a group passes on has had its effect
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
	if err := op.checkReaction(ctx); err != nil {
		return err
	}
	if doc := op.object.doc(); doc != nil {
		op.doc.Object = &vocab.Object{ID: doc.ID, Type: doc.Type, DisplayName: doc.DisplayName, URL: doc.URL}
	}
	return nil
}

// checkReaction is for what comes from elsewhere: a second like or share of the
// same thing, by whatever network, is the first one, and what is not public is
// shared by its author only.
func (op *operation) checkReaction(ctx context.Context) error {
	if op.local || op.object.new {
		return nil
	}
	var kind models.EdgeKind
	switch op.doc.Verb {
	case vocab.VerbFavorite, vocab.VerbLike:
		kind = models.Likes
	case vocab.VerbShare:
		kind = models.Shared
		if err := op.mayShare(ctx); err != nil {
			return err
		}
	default:
		return nil
	}
	edge, err := op.tx.Edge(ctx, kind, op.actor.ID, op.object.ref().ID)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	made, err := op.tx.Activity(ctx, edge.ActivityID)
	if errors.Is(err, models.ErrNotFound) {
		return nil // it was imported
	}
	if err != nil {
		return err
	}
	return &sameAs{made}
}

// mayShare refuses the share of what is not public by somebody elsewhere who did
// not write it.
func (op *operation) mayShare(ctx context.Context) error {
	o := op.object.object
	if o == nil || o.ActivityID == 0 || o.AuthorID == op.actor.ID {
		return nil
	}
	post, err := op.tx.Activity(ctx, o.ActivityID)
	if err == nil && post.Visibility == models.Limited {
		err = notAllowed("Can't share %s: it is not public.", o.Doc.ID)
	}
	return err
}

// added reports what came of a like or share: one that somebody elsewhere sent by
// two ways at the same time has to be looked at again.
func (op *operation) added(ctx context.Context, kind models.EdgeKind, again error) (bool, error) {
	added, err := op.addEdge(ctx, kind, op.object.ref().ID)
	if err != nil || added {
		return added, err
	}
	if op.local {
		return false, again
	}
	edge, err := op.tx.Edge(ctx, kind, op.actor.ID, op.object.ref().ID)
	if err != nil {
		return false, err
	}
	if _, err = op.tx.Activity(ctx, edge.ActivityID); err == nil {
		return false, models.ErrExists
	}
	return false, unlessNotFound(err)
}

func unlessNotFound(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}

// prepareUnfavorite and prepareUnshare find what is no longer liked or shared.
func (op *operation) prepareUnfavorite(ctx context.Context) error {
	if err := op.prepareReaction(ctx); err != nil {
		return err
	}
	return op.nameUndone(ctx, models.Likes, op.object.ref().ID)
}

func (op *operation) prepareUnshare(ctx context.Context) error {
	if err := op.prepareReaction(ctx); err != nil {
		return err
	}
	return op.nameUndone(ctx, models.Shared, op.object.ref().ID)
}

func (op *operation) applyFavorite(ctx context.Context) error {
	added, err := op.added(ctx, models.Likes, exists("favorite", op.object.doc().ID))
	if err != nil || !added {
		return err
	}
	return op.countFavorite(ctx, 1)
}

func (op *operation) applyUnfavorite(ctx context.Context) error {
	edge, err := op.endEdge(ctx, models.Likes, op.object.ref().ID)
	if err != nil {
		return err
	}
	if edge == nil {
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
	added, err := op.added(ctx, models.Shared, exists("share", op.object.doc().ID))
	if err != nil || !added {
		return err
	}
	return op.countReaction(ctx, models.CountShares, 1)
}

func (op *operation) applyUnshare(ctx context.Context) error {
	edge, err := op.endEdge(ctx, models.Shared, op.object.ref().ID)
	if err != nil {
		return err
	}
	if edge == nil {
		return op.unlessRemote(missing("share", op.object.doc().ID))
	}
	return op.countReaction(ctx, models.CountShares, -1)
}
