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
	case vocab.VerbStopFollowing:
		return rule{(*operation).prepareStopFollowing, (*operation).applyStopFollowing}
	case vocab.VerbFavorite, vocab.VerbLike:
		return rule{(*operation).prepareReaction, (*operation).applyFavorite}
	case vocab.VerbUnfavorite, vocab.VerbUnlike:
		return rule{(*operation).prepareReaction, (*operation).applyUnfavorite}
	case vocab.VerbShare:
		return rule{(*operation).prepareReaction, (*operation).applyShare}
	case vocab.VerbUnshare:
		return rule{(*operation).prepareReaction, (*operation).applyUnshare}
	case vocab.VerbAdd:
		return rule{(*operation).prepareAdd, (*operation).applyAdd}
	case vocab.VerbRemove:
		return rule{(*operation).prepareRemove, (*operation).applyRemove}
	case vocab.VerbJoin:
		return rule{(*operation).prepareMembership, (*operation).applyJoin}
	case vocab.VerbLeave:
		return rule{(*operation).prepareMembership, (*operation).applyLeave}
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
	if !op.local {
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

// removeEdge removes an edge of the actor and reports whether there was one.
func (op *operation) removeEdge(ctx context.Context, kind models.EdgeKind, target int64) (bool, error) {
	err := op.tx.RemoveEdge(ctx, kind, op.actor.ID, target)
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
