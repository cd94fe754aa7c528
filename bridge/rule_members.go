package bridge

import (
	"context"
	"errors"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareAdd checks that the target is a list of the actor's own and takes
// things of that type.
func (op *operation) prepareAdd(ctx context.Context) error {
	if err := op.findMember(ctx); err != nil {
		return err
	}
	if err := op.checkList("add to"); err != nil {
		return err
	}
	op.doc.Object.Type = op.memberType()
	if err := op.ensureObject(ctx); err != nil {
		return err
	}
	if op.object.empty() {
		return invalid("Can't add something without an \"id\".")
	}
	return op.mayUse(ctx)
}

// findMember takes the thing for the activity that posted it, as reactions do.
func (op *operation) findMember(ctx context.Context) error {
	if err := op.inner(ctx); err != nil {
		return err
	}
	if op.object.activity != nil || op.object.empty() && op.doc.Inner != nil {
		return invalid("Can't %s %s: it is an activity and not the posting of a thing.", op.doc.Verb, firstOf(op.doc.Object.ID, "an activity without an id"))
	}
	return nil
}

func (op *operation) prepareRemove(ctx context.Context) error {
	if err := op.findMember(ctx); err != nil {
		return err
	}
	if err := op.checkList("remove from"); err != nil {
		return err
	}
	if op.object.empty() {
		return missing(firstOf(op.doc.Object.Type, "object"), op.doc.Object.ID)
	}
	return nil
}

func (op *operation) checkList(doing string) error {
	list, id := op.target.object, ""
	if op.doc.Target != nil {
		id = op.doc.Target.ID
	}
	switch {
	case op.doc.Target == nil:
		return invalid("The activity has no target: there must be a member \"target\" with the list to %s.", doing)
	case op.target.actor != nil:
		return invalid("Can't %s %s: don't know how to %s type '%s'", doing, id, doing, op.target.actor.Type)
	case list == nil:
		return missing(firstOf(op.doc.Target.Type, "collection"), id)
	case list.Type != vocab.TypeCollection:
		return invalid("Can't %s %s: don't know how to %s type '%s'", doing, id, doing, list.Type)
	case list.AuthorID != op.actor.ID:
		return notAllowed("Can't %s %s: not author.", doing, id)
	case !list.Deleted.IsZero():
		return &Error{Reason: Gone, Text: "Deleted", Subject: vocab.TypeCollection, ID: id}
	case len(list.Doc.ObjectTypes) > 0 && !slices.Contains(list.Doc.ObjectTypes, op.memberType()):
		return invalid("Can't %s %s: incorrect type.", doing, id)
	}
	return nil
}

// memberType is the type of what is added; a client may leave it out.
func (op *operation) memberType() string {
	if doc := op.object.doc(); doc != nil {
		return doc.Type
	}
	if op.doc.Object.Type == "" && len(op.target.object.Doc.ObjectTypes) > 0 {
		return op.target.object.Doc.ObjectTypes[0]
	}
	return op.doc.Object.Type
}

func (op *operation) applyAdd(ctx context.Context) error {
	member := op.object.ref().ID
	err := op.tx.AddEdge(ctx, &models.Edge{Kind: models.MemberOf, ActorID: member, TargetID: op.target.object.ID, State: models.InForce,
		ActorLocal: op.object.actor != nil && op.object.actor.Local, ActivityID: op.row.ID, Created: op.now})
	if errors.Is(err, models.ErrExists) {
		return op.unlessRemote(exists("member", op.object.doc().ID))
	}
	if err != nil {
		return err
	}
	return op.tx.CountObject(ctx, op.target.object.ID, models.CountListMembers, 1)
}

func (op *operation) applyRemove(ctx context.Context) error {
	err := op.tx.RemoveEdge(ctx, models.MemberOf, op.object.ref().ID, op.target.object.ID)
	if errors.Is(err, models.ErrNotFound) {
		return op.unlessRemote(missing("member", op.object.doc().ID))
	}
	if err != nil {
		return err
	}
	return op.tx.CountObject(ctx, op.target.object.ID, models.CountListMembers, -1)
}

// prepareMembership finds the group. Things of other types can be joined and
// left without an effect: pump.io has every new user join the site.
func (op *operation) prepareMembership(ctx context.Context) error {
	if op.object.empty() && op.doc.Object.Type != vocab.TypeGroup {
		return op.ensureObject(ctx)
	}
	g := op.object.actor
	if g == nil && op.doc.Object.Type == vocab.TypeGroup {
		return missing(vocab.TypeGroup, op.doc.Object.ID)
	}
	if g == nil || g.Type != vocab.TypeGroup {
		return op.mayUse(ctx)
	}
	op.nameActor()
	if !g.Local || g.AuthorID == op.actor.ID || op.doc.Verb == vocab.VerbLeave {
		return nil
	}
	// Who may see that the group was made may join it.
	ok, err := op.tx.MaySeeActivity(ctx, models.Viewer{ActorID: op.actor.ID}, g.ActivityID)
	if err == nil && !ok {
		err = notAllowed("Can't join %s: it is not open to you.", g.Doc.ID)
	}
	return err
}

func (op *operation) applyJoin(ctx context.Context) error {
	g := op.object.actor
	if g == nil || g.Type != vocab.TypeGroup {
		return nil
	}
	added, err := op.addEdge(ctx, models.MemberOf, g.ID)
	if err != nil {
		return err
	}
	if !added {
		return op.unlessRemote(exists("membership", g.Doc.ID))
	}
	return op.tx.Count(ctx, g.ID, models.CountMembers, 1)
}

func (op *operation) applyLeave(ctx context.Context) error {
	g := op.object.actor
	if g == nil || g.Type != vocab.TypeGroup {
		return nil
	}
	removed, err := op.removeEdge(ctx, models.MemberOf, g.ID)
	if err != nil {
		return err
	}
	if !removed {
		return op.unlessRemote(missing("membership", g.Doc.ID))
	}
	return op.tx.Count(ctx, g.ID, models.CountMembers, -1)
}
