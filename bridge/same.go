package bridge

import (
	"context"

	"manifold/models"
	"manifold/models/vocab"
)

// sameAs is the error of an activity that turns out to be one that is here
// already under another id: the Create of what was fetched before, a post or a like
// that came by another network too, what a group passes on.
type sameAs struct{ activity *models.Activity }

func (s *sameAs) Error() string { return "this is the activity " + s.activity.Doc.ID }

// join gives what is here already the id by which it came now. The inbox that it
// was sent to gets it, and, if it came with a thread before and was news to nobody,
// everybody whom it is for.
func (s *sameAs) join(ctx context.Context, op *operation) error {
	known := s.activity
	if known.ActorID != op.actor.ID {
		return nil // passed on by a group, and not its own
	}
	if err := op.tx.Identify(ctx, models.Identifier{Kind: models.KindActivity, IRI: op.doc.ID, Ref: known.ID}); err != nil {
		return err
	}
	if err := op.nameTwins(ctx, known); err != nil {
		return err
	}
	if op.original != nil && len(op.original.Bytes) > 0 {
		op.original.RefID, op.original.Received = known.ID, op.now
		if err := op.tx.InsertOriginal(ctx, op.original, false); err != nil {
			return err
		}
	}
	return op.b.receiveAgain(ctx, op.tx, known, op.actor, op.recipient, op.unseen)
}

// receiveAgain puts an activity that is here already into the inbox that it was
// sent to now. One that nobody was told of yet is news to all whom it is for.
func (b *Bridge) receiveAgain(ctx context.Context, tx *models.Tx, known *models.Activity, sender *models.Actor, recipient int64, quiet bool) error {
	if known.ActorID != sender.ID {
		return notAllowed("The activity %s is another actor's.", known.Doc.ID)
	}
	if quiet {
		return nil
	}
	if known.Quiet {
		return b.tell(ctx, tx, known, recipient)
	}
	if recipient == 0 {
		return nil
	}
	d := models.Distribution{Activity: known.ID, Author: known.ActorID, Others: []int64{recipient},
		Major: vocab.Major(known.Verb, known.Doc.Object)}
	for _, to := range known.Audience {
		if to.Kind == models.AudienceActor && to.ID == recipient && (to.Field == models.To || to.Field == models.BTo) {
			d.Direct = []int64{recipient}
		}
	}
	if _, err := tx.PositionOf(ctx, recipient, models.Inbox, known.ID); err == nil {
		return nil
	}
	n, err := tx.Distribute(ctx, d)
	if n > 0 {
		tx.AfterCommit(func() { b.watchers.changed(change{activity: known.ID, owner: recipient, only: true}) })
	}
	return err
}

// tell puts an activity that came quietly into the streams that it is for.
func (b *Bridge) tell(ctx context.Context, tx *models.Tx, known *models.Activity, recipient int64) error {
	d := models.Distribution{Activity: known.ID, Author: known.ActorID, Major: vocab.Major(known.Verb, known.Doc.Object),
		Limited: known.Visibility == models.Limited, OnlyWhoSee: known.ObjectPost}
	reach(&d, known.Audience)
	if recipient != 0 {
		d.Others = append(d.Others, recipient)
	}
	if _, err := tx.Position(ctx); err != nil {
		return err
	}
	if first, err := tx.Unquiet(ctx, known.ID); err != nil || !first {
		return err
	}
	n, err := tx.Distribute(ctx, d)
	if n > 0 {
		tx.AfterCommit(func() { b.watchers.changed(change{activity: known.ID, owner: recipient}) })
	}
	return err
}
