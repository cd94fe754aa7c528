package bridge

import (
	"context"
	"errors"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// approves is the member of a profile that says that whoever wants to follow has
// to ask.
const approves = vocab.NSAS2 + "manuallyApprovesFollowers"

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
	if joins, err := op.joins(ctx); err != nil || !joins || op.local {
		return err
	}
	return op.mayJoin(ctx)
}

// joins reports whether to follow the object is to join it: a group, on a network
// where follows are accepted (FEP-1b12). Elsewhere groups are joined and followed
// apart.
func (op *operation) joins(ctx context.Context) (bool, error) {
	switch {
	case !isGroup(op.object):
		return false, nil
	case op.object.actor.Local:
		return !op.local && op.cameBy(Network.Confirms), nil
	}
	return op.b.confirms(ctx, op.tx, op.object.actor.ID)
}

// nameActor has the activity say who its object is, for the sentence about it.
func (op *operation) nameActor() {
	doc := op.object.actor.Doc
	op.doc.Object = &vocab.Object{ID: doc.ID, Type: doc.Type, DisplayName: doc.DisplayName, URL: doc.URL}
}

// applyFollow makes the follow, or the request for it. Whoever asks again has not
// got the answer, or has lost it: they are answered again, and the newer activity
// is the one that counts. A person here learns that they follow already.
func (op *operation) applyFollow(ctx context.Context) error {
	target := op.object.actor
	state, err := op.stateOfFollow(ctx)
	if err != nil {
		return err
	}
	edge, err := op.tx.Edge(ctx, models.Follows, op.actor.ID, target.ID)
	switch {
	case errors.Is(err, models.ErrNotFound):
		edge = &models.Edge{Kind: models.Follows, ActorID: op.actor.ID, TargetID: target.ID, State: state,
			ActorLocal: op.local, ActivityID: op.row.ID, Created: op.now}
		if err = op.tx.AddEdge(ctx, edge); err == nil && state == models.InForce {
			err = op.countFollow(ctx, 1)
		}
	case err != nil:
	case op.local && edge.State == models.InForce:
		return exists("edge", op.actor.Doc.ID+"→"+target.Doc.ID)
	default:
		op.quiet = !op.local
		edge.ActivityID = op.row.ID
		if state == models.InForce {
			err = op.putInForce(ctx, edge)
		} else {
			err = op.tx.SetEdge(ctx, edge)
		}
	}
	if err != nil || edge.State != models.InForce {
		return err
	}
	op.acknowledge()
	joins, err := op.joins(ctx)
	if err == nil && joins {
		err = op.ensure(ctx, models.MemberOf, edge)
	}
	return err
}

// ensure puts an edge of some kind into force beside another one that is.
func (op *operation) ensure(ctx context.Context, kind models.EdgeKind, beside *models.Edge) error {
	edge, err := op.tx.Edge(ctx, kind, beside.ActorID, beside.TargetID)
	if err == nil {
		return op.putInForce(ctx, edge)
	}
	if !errors.Is(err, models.ErrNotFound) {
		return err
	}
	edge = &models.Edge{Kind: kind, ActorID: beside.ActorID, TargetID: beside.TargetID, State: models.InForce,
		ActorLocal: beside.ActorLocal, ActivityID: beside.ActivityID, Created: op.now}
	if err := op.tx.AddEdge(ctx, edge); err != nil {
		return err
	}
	return op.countEdge(ctx, edge, 1)
}

// stateOfFollow tells whether a follow counts at once.
func (op *operation) stateOfFollow(ctx context.Context) (models.EdgeState, error) {
	target := op.object.actor
	if target.Local {
		if string(target.Doc.Extra[approves]) == "true" && target.ID != op.actor.ID {
			return models.Requested, nil
		}
		return models.InForce, nil
	}
	asks, err := op.b.confirms(ctx, op.tx, target.ID)
	if op.local && asks {
		return models.Requested, err
	}
	return models.InForce, err
}

// confirms reports whether somebody elsewhere has to accept a follow before it
// counts, which depends on the best of our networks that they are on. Of whom no
// network is known yet it is taken for granted that they have to, where there is a
// network that is like that; see settleRequests.
func (b *Bridge) confirms(ctx context.Context, tx *models.Tx, actor int64) (bool, error) {
	present, err := tx.PresencesOf(ctx, actor)
	if err != nil {
		return false, err
	}
	for _, n := range b.networks {
		// Who has only a feed is followed by reading that.
		if p := present[n.Name()]; p.Inbox != "" || p.ActorID != 0 && !n.Confirms() {
			return n.Confirms(), nil
		}
	}
	return slices.ContainsFunc(b.networks, Network.Confirms), nil
}

// settleRequests puts those follows of somebody elsewhere, and memberships of a group
// there, into force that wait for an answer which their network, now that it is known,
// does not give.
func (b *Bridge) settleRequests(ctx context.Context, tx *models.Tx, actor int64) error {
	if asks, err := b.confirms(ctx, tx, actor); asks || err != nil {
		return err
	}
	if _, err := tx.ConfirmRequests(ctx, models.Follows, actor); err != nil {
		return err
	}
	_, err := tx.ConfirmRequests(ctx, models.MemberOf, actor)
	return err
}

// putInForce has a follow or membership count that was only asked for.
func (op *operation) putInForce(ctx context.Context, edge *models.Edge) error {
	var err error
	requested := edge.State == models.Requested
	if requested {
		edge.State = models.InForce
		if edge.Position, err = op.tx.Position(ctx); err != nil {
			return err
		}
	}
	if err = op.tx.SetEdge(ctx, edge); err != nil || !requested {
		return err
	}
	return op.countEdge(ctx, edge, 1)
}

// acknowledge tells somebody elsewhere that they follow, where their network wants
// to be told.
func (op *operation) acknowledge() {
	target := op.object.actor
	if op.local || !target.Local || !op.cameBy(Network.Confirms) {
		return
	}
	op.besides = append(op.besides, deed{actor: target, activity: answerTo(vocab.VerbAccept, op.row, op.actor)})
}

// answerTo is the acceptance or rejection of a follow.
func answerTo(verb string, follow *models.Activity, follower *models.Actor) *vocab.Activity {
	return &vocab.Activity{Verb: verb, Object: &vocab.Object{ID: follow.Doc.ID, Type: vocab.TypeActivity}, To: []*vocab.Object{follower.Doc.Ref()}}
}

// cameBy reports whether the activity came by a network of some kind.
func (op *operation) cameBy(kind func(Network) bool) bool {
	return op.original != nil && slices.ContainsFunc(op.b.networks, func(n Network) bool { return n.Name() == op.original.Network && kind(n) })
}

func (op *operation) countFollow(ctx context.Context, n int) error {
	return op.countEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: op.actor.ID, TargetID: op.object.actor.ID}, n)
}

// countEdge counts a follow at both its ends, a membership at the group.
func (op *operation) countEdge(ctx context.Context, e *models.Edge, n int) error {
	if e.Kind == models.MemberOf {
		return op.tx.Count(ctx, e.TargetID, models.CountMembers, n)
	}
	if err := op.tx.Count(ctx, e.ActorID, models.CountFollowing, n); err != nil {
		return err
	}
	return op.tx.Count(ctx, e.TargetID, models.CountFollowers, n)
}

func (op *operation) prepareStopFollowing(ctx context.Context) error {
	if op.object.actor == nil {
		return missing("edge", op.actor.Doc.ID+"→"+op.doc.Object.ID)
	}
	op.nameActor()
	return op.nameUndone(ctx, models.Follows, op.object.actor.ID)
}

func (op *operation) applyStopFollowing(ctx context.Context) error {
	edge, err := op.endEdge(ctx, models.Follows, op.object.actor.ID)
	if err != nil {
		return err
	}
	if edge == nil {
		return op.unlessRemote(missing("edge", op.actor.Doc.ID+"→"+op.object.actor.Doc.ID))
	}
	if edge.State == models.InForce {
		if err := op.countEdge(ctx, edge, -1); err != nil {
			return err
		}
	}
	return op.endBeside(ctx, models.MemberOf)
}

// endBeside ends what joining a group by following it has brought about besides.
func (op *operation) endBeside(ctx context.Context, kind models.EdgeKind) error {
	if joins, err := op.joins(ctx); !joins || err != nil {
		return err
	}
	return op.endRelation(ctx, kind, op.actor.ID, op.object.actor.ID)
}
