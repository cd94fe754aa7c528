package bridge

import (
	"context"
	"errors"

	"manifold/models"
	"manifold/models/vocab"
)

// A rule is what a verb does. prepare checks the rights of the actor and works
// out what changes, without holding a position; apply changes it.
type rule struct {
	prep   func(*operation, context.Context) error
	effect func(*operation, context.Context) error
}

func (r rule) prepare(op *operation) func(context.Context) error { return bind(r.prep, op) }
func (r rule) apply(op *operation) func(context.Context) error   { return bind(r.effect, op) }

func bind(f func(*operation, context.Context) error, op *operation) func(context.Context) error {
	return func(ctx context.Context) error {
		if f == nil {
			return nil
		}
		return f(op, ctx)
	}
}

// rule returns the rule of the activity.
func (op *operation) rule() rule {
	if op.announces {
		return rule{(*operation).prepareAnnounce, nil}
	}
	return ruleFor(op.doc.Verb)
}

// ruleFor returns the rule of a verb. Verbs without an effect of their own are
// stored, routed and served, whatever they say.
func ruleFor(verb string) rule {
	switch verb {
	case vocab.VerbPost, vocab.VerbCreate:
		return rule{(*operation).preparePost, (*operation).applyPost}
	case vocab.VerbUpdate:
		return rule{(*operation).prepareUpdate, (*operation).applyUpdate}
	case vocab.VerbDelete:
		return rule{(*operation).prepareDelete, (*operation).applyDelete}
	case vocab.VerbFollow:
		return rule{(*operation).prepareFollow, (*operation).applyFollow}
	case vocab.VerbAccept, vocab.VerbAuthorize:
		return rule{(*operation).prepareAnswer, (*operation).applyAccept}
	case vocab.VerbReject, vocab.VerbDeny:
		return rule{(*operation).prepareAnswer, (*operation).applyReject}
	case vocab.VerbStopFollowing:
		return rule{(*operation).prepareStopFollowing, (*operation).applyStopFollowing}
	case vocab.VerbFavorite, vocab.VerbLike:
		return rule{(*operation).prepareReaction, (*operation).applyFavorite}
	case vocab.VerbUnfavorite, vocab.VerbUnlike:
		return rule{(*operation).prepareUnfavorite, (*operation).applyUnfavorite}
	case vocab.VerbShare:
		return rule{(*operation).prepareReaction, (*operation).applyShare}
	case vocab.VerbUnshare:
		return rule{(*operation).prepareUnshare, (*operation).applyUnshare}
	case vocab.VerbAdd:
		return rule{(*operation).prepareAdd, (*operation).applyAdd}
	case vocab.VerbRemove:
		return rule{(*operation).prepareRemove, (*operation).applyRemove}
	case vocab.VerbJoin:
		return rule{(*operation).prepareMembership, (*operation).applyJoin}
	case vocab.VerbLeave:
		return rule{(*operation).prepareMembership, (*operation).applyLeave}
	case vocab.VerbBlock:
		return rule{(*operation).prepareBlock, (*operation).applyBlock}
	case vocab.VerbUnblock:
		return rule{(*operation).prepareUnblock, (*operation).applyUnblock}
	case vocab.VerbUndo:
		return rule{(*operation).prepareUndo, (*operation).applyUndo}
	case vocab.VerbMove:
		return rule{(*operation).prepareMove, (*operation).applyMove}
	case vocab.VerbFlag:
		return rule{(*operation).prepareFlag, (*operation).applyFlag}
	case vocab.VerbQuoteRequest:
		return rule{(*operation).prepareQuoteRequest, (*operation).applyQuoteRequest}
	}
	return rule{(*operation).prepareOther, nil}
}

// prepareOther makes sure that there is something to show. Whoever says
// something about a thing that they may not see reveals nothing of it.
func (op *operation) prepareOther(ctx context.Context) error {
	if err := op.ensureObject(ctx); err != nil {
		return err
	}
	if err := op.mayUse(ctx); err != nil {
		return err
	}
	if op.target.empty() || op.target.object == nil {
		return nil
	}
	return op.maySee(ctx, op.target.object)
}

// mayUse refuses an object that is gone or that the actor may not see.
func (op *operation) mayUse(ctx context.Context) error {
	switch o := op.object; {
	case o.new:
		return nil
	case o.activity != nil:
		return op.maySeeActivity(ctx, o.activity)
	case o.object == nil:
		return nil
	case !o.object.Deleted.IsZero():
		return gone(o.object)
	}
	return op.maySee(ctx, op.object.object)
}

func (op *operation) maySeeActivity(ctx context.Context, a *models.Activity) error {
	if !a.Deleted.IsZero() {
		return &Error{Reason: Gone, Text: "Deleted", Subject: vocab.TypeActivity, ID: a.Doc.ID}
	}
	if !op.local || op.because {
		return nil
	}
	ok, err := op.tx.MaySeeActivity(ctx, models.Viewer{ActorID: op.actor.ID}, a.ID)
	if err == nil && !ok {
		err = notAllowed("Only the actor and recipients can view this activity.")
	}
	return err
}

func (op *operation) maySee(ctx context.Context, o *models.Object) error {
	if o.AuthorID == op.actor.ID || !op.local || o.ActivityID == 0 {
		// What was never posted here is a copy of what is public elsewhere, or the
		// upload of somebody, which only its owner can name.
		if o.AuthorID != 0 && o.AuthorID != op.actor.ID && op.local {
			return notAllowed("Only the author and recipients can view this object.")
		}
		return nil
	}
	ok, err := op.tx.MaySeeObject(ctx, models.Viewer{ActorID: op.actor.ID}, o.ID)
	if err == nil && !ok {
		err = notAllowed("Only the author and recipients can view this object.")
	}
	return err
}

// addEdge adds an edge from the actor to target and reports whether it is new.
func (op *operation) addEdge(ctx context.Context, kind models.EdgeKind, target int64) (bool, error) {
	err := op.tx.AddEdge(ctx, &models.Edge{Kind: kind, ActorID: op.actor.ID, TargetID: target, State: models.InForce,
		ActorLocal: op.local, ActivityID: op.row.ID, Created: op.now})
	if errors.Is(err, models.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// endEdge removes an edge of the actor and returns it, nil where there is none
// that this activity ends.
func (op *operation) endEdge(ctx context.Context, kind models.EdgeKind, target int64) (*models.Edge, error) {
	edge, err := op.tx.Edge(ctx, kind, op.actor.ID, target)
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if late, err := op.comesLate(ctx, edge); late || err != nil {
		return nil, err
	}
	return edge, op.tx.RemoveEdge(ctx, kind, op.actor.ID, target)
}

// comesLate reports whether what somebody elsewhere takes back is an older
// activity than the one that made the edge: the end of an old follow does not end a
// newer one. Servers that make up an id for the activity that they take back
// (Lemmy) are told by the time.
func (op *operation) comesLate(ctx context.Context, edge *models.Edge) (bool, error) {
	if op.undone != 0 && edge.ActivityID != op.undone {
		undone, err := op.tx.Activity(ctx, op.undone)
		return err == nil && undone.ActorID == op.actor.ID, err
	}
	if op.undone != 0 || op.local {
		return false, nil
	}
	made, err := op.tx.Activity(ctx, edge.ActivityID)
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	return err == nil && op.doc.Published.Before(made.Published), err
}

// nameUndone has an activity of ours that takes something back say what made the
// edge: other servers want to be told its id.
func (op *operation) nameUndone(ctx context.Context, kind models.EdgeKind, target int64) error {
	if !op.local || op.doc.Undoes != "" || target == 0 {
		return nil
	}
	edge, err := op.tx.Edge(ctx, kind, op.actor.ID, target)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	made, err := op.tx.Activity(ctx, edge.ActivityID)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err == nil {
		op.doc.Undoes = made.Doc.ID
	}
	return err
}
