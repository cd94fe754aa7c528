package bridge

import (
	"context"
	"errors"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// maxPinned is how many things somebody here may show first. Mastodon shows five.
const maxPinned = 20

// findPin tells whether somebody changes what they show first, which is a collection
// of theirs that their server makes, and no list.
func (op *operation) findPin(ctx context.Context) error {
	featured := op.actor.Doc.Feeds["featured"].URL
	if op.local {
		featured = op.b.names.Featured(op.actor.Nickname)
	}
	if op.doc.Target == nil || featured == "" || op.doc.Target.ID != featured {
		return nil
	}
	if err := op.findMember(ctx); err != nil {
		return err
	}
	switch o := op.object.object; {
	case op.object.empty() || o != nil && o.AuthorID == 0:
		return unfetched(firstOf(op.doc.Object.Type, "object"), op.doc.Object.ID)
	case o == nil || o.AuthorID != op.actor.ID:
		return notAllowed("Can't show %s first: not author.", op.doc.Object.ID)
	case !o.Deleted.IsZero():
		return gone(o)
	}
	if op.local && op.doc.Verb == vocab.VerbAdd {
		if err := op.roomForPin(ctx); err != nil {
			return err
		}
	}
	// Servers elsewhere have to be told what is shown first here; what is shown first
	// there is no news.
	op.pins, op.quiet = true, !op.local
	op.doc.Object = op.object.object.Doc.Ref()
	return nil
}

// roomForPin refuses one thing too many. Nothing is lost: it was shown already.
func (op *operation) roomForPin(ctx context.Context) error {
	pins, err := op.tx.EdgesFrom(ctx, models.Pinned, op.actor.ID, models.Page{Count: maxPinned})
	if err != nil || len(pins) < maxPinned || slices.ContainsFunc(pins, func(e models.Edge) bool { return e.TargetID == op.object.object.ID }) {
		return err
	}
	return invalid("Can't show %s first: %d things are shown first already. Remove one of them.", op.doc.Object.ID, maxPinned)
}

func (op *operation) pin(ctx context.Context) error {
	_, err := op.addEdge(ctx, models.Pinned, op.object.object.ID)
	return err
}

func (op *operation) unpin(ctx context.Context) error {
	err := op.tx.RemoveEdge(ctx, models.Pinned, op.actor.ID, op.object.object.ID)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}
