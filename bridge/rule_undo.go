package bridge

import (
	"context"

	"manifold/models"
	"manifold/models/vocab"
)

// takesBack are the verbs that end what a verb did.
var takesBack = map[string]string{
	vocab.VerbFollow: vocab.VerbStopFollowing, vocab.VerbFavorite: vocab.VerbUnfavorite, vocab.VerbLike: vocab.VerbUnfavorite,
	vocab.VerbShare: vocab.VerbUnshare, vocab.VerbJoin: vocab.VerbLeave, vocab.VerbBlock: vocab.VerbUnblock, vocab.VerbAdd: vocab.VerbRemove,
	vocab.VerbPost: vocab.VerbDelete, vocab.VerbCreate: vocab.VerbDelete, vocab.VerbAccept: vocab.VerbReject,
}

// turn makes of an activity that takes back another one, named by its id, the one
// that ends what that one did: the end of a follow, of a like, of a share. Some
// servers call it a deletion of the activity.
func (op *operation) turn(ctx context.Context) error {
	switch {
	case op.doc.Verb == vocab.VerbUndo:
	case op.doc.Verb == vocab.VerbDelete && !op.local && op.object.activity != nil:
	default:
		return nil
	}
	undone, err := op.activityUndone(ctx)
	if undone == nil || err != nil {
		return err
	}
	if undone.ActorID != op.actor.ID {
		return notAllowed("Can't take back %s: it is another actor's.", undone.Doc.ID)
	}
	op.object, op.undone, op.doc.Undoes, op.doc.Inner = thing{activity: undone}, undone.ID, undone.Doc.ID, nil
	verb := takesBack[undone.Verb]
	if verb == "" || undone.Object.Kind == models.KindNone || !undone.Deleted.IsZero() {
		op.rename(vocab.VerbUndo)
		op.doc.Object = &vocab.Object{ID: undone.Doc.ID, Type: vocab.TypeActivity}
		return nil
	}
	op.rename(verb)
	if op.object, err = op.load(ctx, undone.Object); err != nil {
		return err
	}
	if op.target, err = op.load(ctx, undone.Target); err != nil {
		return err
	}
	op.doc.Object, op.doc.Target = undone.Doc.Object.Ref(), undone.Doc.Target.Ref()
	return nil
}

// activityUndone finds what is taken back: by its id or, for an acceptance of a
// follow, which we may not have kept, by the follow that it shows.
func (op *operation) activityUndone(ctx context.Context) (*models.Activity, error) {
	if op.object.activity != nil {
		return op.object.activity, nil
	}
	if op.undone != 0 {
		return op.tx.Activity(ctx, op.undone)
	}
	if inner := op.doc.Inner; inner != nil && vocab.Verb(inner.Verb) == vocab.VerbAccept {
		followed, err := op.find(ctx, inner.Object)
		if err != nil || followed.activity == nil {
			return nil, err
		}
		op.object = followed
		op.doc.Object = &vocab.Object{ID: followed.activity.Doc.ID, Type: vocab.TypeActivity}
		op.doc.Inner = nil
		op.rename(vocab.VerbReject)
	}
	return nil, nil
}

// prepareUndo is for what no other verb takes back. It is stored and delivered as
// widely as what it takes back was, and no stream shows it.
func (op *operation) prepareUndo(context.Context) error {
	if op.object.activity == nil {
		return missing(vocab.TypeActivity, firstOf(op.doc.Undoes, op.doc.Object.ID))
	}
	op.quiet = true
	if undone := op.object.activity.Doc; op.local {
		op.doc.To, op.doc.CC, op.doc.BTo, op.doc.BCC = refs(undone.To), refs(undone.CC), refs(undone.BTo), refs(undone.BCC)
	}
	return nil
}

// applyUndo leaves a tombstone of what was taken back.
func (op *operation) applyUndo(ctx context.Context) error {
	return op.tx.BuryActivities(ctx, op.now, op.object.activity.ID)
}
