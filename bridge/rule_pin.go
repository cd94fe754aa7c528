package bridge

import (
	"context"
	"errors"

	"manifold/models"
)

// findPin tells whether somebody elsewhere changes what they show first, which is
// a collection of theirs like any other to their server and none of ours.
func (op *operation) findPin(ctx context.Context) error {
	featured := op.actor.Doc.Feeds["featured"].URL
	if op.local || op.doc.Target == nil || featured == "" || op.doc.Target.ID != featured {
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
	op.pins, op.quiet = true, true
	op.doc.Object = op.object.object.Doc.Ref()
	return nil
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
