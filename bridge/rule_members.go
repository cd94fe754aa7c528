package bridge

import (
	"context"
	"errors"
	"slices"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareAdd checks that the target is a list of the actor's own and takes
// things of that type, or a group that the actor is a member of.
func (op *operation) prepareAdd(ctx context.Context) error {
	if err := op.findPin(ctx); op.pins || err != nil {
		return err
	}
	if op.keptElsewhere() {
		return op.prepareElsewhere(ctx, "add to")
	}
	if err := op.findMember(ctx); err != nil {
		return err
	}
	if err := op.checkTarget(ctx, "add to"); err != nil {
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
	if err := op.findPin(ctx); op.pins || err != nil {
		return err
	}
	if op.keptElsewhere() {
		return op.prepareElsewhere(ctx, "remove from")
	}
	if err := op.findMember(ctx); err != nil {
		return err
	}
	if err := op.checkTarget(ctx, "remove from"); err != nil {
		return err
	}
	if op.object.empty() {
		return missing(firstOf(op.doc.Object.Type, "object"), op.doc.Object.ID)
	}
	return nil
}

// keptElsewhere reports whether somebody elsewhere changes a collection that nobody
// here knows: what it is, and who may change it, only its own server can tell. It is
// shown, and changes nothing here.
func (op *operation) keptElsewhere() bool {
	return !op.local && op.doc.Target != nil && op.target.empty() && !op.b.names.Ours(op.doc.Target.ID)
}

// prepareElsewhere refuses what would be shown as done to a collection of somebody
// known, which others cannot change. Such collections, of what is shown first above
// all, have ids below that of their owner. Those of a group are changed by those whom
// it lets, and its server tells of it.
func (op *operation) prepareElsewhere(ctx context.Context, doing string) error {
	id, _, _ := strings.Cut(op.doc.Target.ID, "#")
	id, _, _ = strings.Cut(id, "?")
	owners := []string{id}
	for range maxDepth {
		above := strings.TrimRight(id[:strings.LastIndexByte(id, '/')+1], "/")
		if hostOf(above) == "" || strings.Count(above, "/") < 3 {
			break // the root may be somebody, too, but not of all that is below
		}
		owners, id = append(owners, above), above
	}
	known, err := op.tx.Lookup(ctx, unique(owners)...)
	if err != nil {
		return err
	}
	for _, name := range owners {
		for _, r := range known[name] {
			if r.Kind != models.KindActor || r.ID == op.actor.ID {
				continue
			}
			owner, err := op.tx.Actor(ctx, r.ID)
			if err != nil {
				return err
			}
			if owner.Type != vocab.TypeGroup && owner.ID != op.actor.ID {
				return notAllowed("Can't %s %s: it is of %s.", doing, op.doc.Target.ID, owner.Doc.ID)
			}
		}
	}
	return op.prepareOther(ctx)
}

// maxDepth is how far below the id of its owner a collection is looked for.
const maxDepth = 6

func (op *operation) checkTarget(ctx context.Context, doing string) error {
	if isGroup(op.target) {
		return op.checkGroup(ctx, doing)
	}
	return op.checkList(doing)
}

// checkGroup checks that the actor may change the documents of a group: its
// members may, and who made it or wrote the document may take one out. What
// somebody elsewhere does to a group elsewhere is the affair of its server.
func (op *operation) checkGroup(ctx context.Context, doing string) error {
	g := op.target.actor
	switch {
	case g.State == models.Deleted:
		return &Error{Reason: Gone, Text: "Deleted", Subject: vocab.TypeGroup, ID: g.Doc.ID}
	case vocab.IsActorType(op.memberType()):
		return invalid("Can't %s %s: incorrect type.", doing, g.Doc.ID)
	case !g.Local && !op.local:
		return nil
	case op.doc.Verb == vocab.VerbRemove && (g.AuthorID == op.actor.ID || op.object.object != nil && op.object.object.AuthorID == op.actor.ID):
		return nil
	}
	_, err := op.tx.Edge(ctx, models.MemberOf, op.actor.ID, g.ID)
	if errors.Is(err, models.ErrNotFound) {
		return notAllowed("Actor is not a member of the group.")
	}
	return err
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
	if list := op.target.object; op.doc.Object.Type == "" && list != nil && len(list.Doc.ObjectTypes) > 0 {
		return list.Doc.ObjectTypes[0]
	}
	return op.doc.Object.Type
}

func (op *operation) applyAdd(ctx context.Context) error {
	if op.pins {
		return op.pin(ctx)
	}
	if op.keptElsewhere() {
		return nil
	}
	if isGroup(op.target) {
		return op.addDocument(ctx)
	}
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
	if op.pins {
		return op.unpin(ctx)
	}
	if op.keptElsewhere() {
		return nil
	}
	if isGroup(op.target) {
		return op.removeDocument(ctx)
	}
	err := op.tx.RemoveEdge(ctx, models.MemberOf, op.object.ref().ID, op.target.object.ID)
	if errors.Is(err, models.ErrNotFound) {
		return op.unlessRemote(missing("member", op.object.doc().ID))
	}
	if err != nil {
		return err
	}
	return op.tx.CountObject(ctx, op.target.object.ID, models.CountListMembers, -1)
}

// addDocument puts the object among the documents of a group. Those of a group
// elsewhere are kept there.
func (op *operation) addDocument(ctx context.Context) error {
	g := op.target.actor
	if !g.Local {
		return nil
	}
	err := op.tx.AddEdge(ctx, &models.Edge{Kind: models.DocumentOf, ActorID: op.object.ref().ID, TargetID: g.ID, State: models.InForce,
		ActivityID: op.row.ID, Created: op.now})
	if errors.Is(err, models.ErrExists) {
		return op.unlessRemote(&Error{Reason: Exists, Text: "Group already contains object.", Subject: "document", ID: op.object.doc().ID})
	}
	if err != nil {
		return err
	}
	return op.tx.Count(ctx, g.ID, models.CountDocuments, 1)
}

func (op *operation) removeDocument(ctx context.Context) error {
	g := op.target.actor
	if !g.Local {
		return nil
	}
	err := op.tx.RemoveEdge(ctx, models.DocumentOf, op.object.ref().ID, g.ID)
	if errors.Is(err, models.ErrNotFound) {
		return op.unlessRemote(missing("document", op.object.doc().ID))
	}
	if err != nil {
		return err
	}
	return op.tx.Count(ctx, g.ID, models.CountDocuments, -1)
}

// prepareMembership finds the group. Things of other types can be joined and
// left without an effect: pump.io has every new user join the site.
func (op *operation) prepareMembership(ctx context.Context) error {
	if op.object.empty() && op.doc.Object.Type != vocab.TypeGroup {
		return op.ensureObject(ctx)
	}
	if err := op.findGroup(ctx); err != nil {
		return err
	}
	g := op.object.actor
	if g == nil || g.Type != vocab.TypeGroup {
		return op.mayUse(ctx)
	}
	op.nameActor()
	if op.doc.Verb == vocab.VerbLeave {
		return op.nameUndone(ctx, models.MemberOf, g.ID)
	}
	if g.State == models.Deleted {
		return &Error{Reason: Gone, Text: "Deleted", Subject: vocab.TypeGroup, ID: g.Doc.ID}
	}
	return op.mayJoin(ctx)
}

// findGroup refuses groups that there are not. One elsewhere that is not known here
// yet is joined by the name that was given, as people are followed.
func (op *operation) findGroup(ctx context.Context) error {
	o := op.doc.Object
	if op.object.actor != nil || o.Type != vocab.TypeGroup {
		return nil
	}
	_, host := accountOf(o)
	if !op.local || op.doc.Verb != vocab.VerbJoin || host == "" || op.b.names.Ours(o.ID) {
		return missing(vocab.TypeGroup, o.ID)
	}
	var err error
	op.object, err = op.stubActor(ctx, o)
	return err
}

// mayJoin refuses who may not join a group of ours: who may see that it was made
// may do so.
func (op *operation) mayJoin(ctx context.Context) error {
	g := op.object.actor
	if !g.Local || g.AuthorID == op.actor.ID {
		return nil
	}
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
	asks := false
	if op.local && !g.Local {
		var err error
		if asks, err = op.b.confirms(ctx, op.tx, g.ID); err != nil {
			return err
		}
	}
	edge, err := op.tx.Edge(ctx, models.MemberOf, op.actor.ID, g.ID)
	switch {
	case errors.Is(err, models.ErrNotFound):
		edge = &models.Edge{Kind: models.MemberOf, ActorID: op.actor.ID, TargetID: g.ID, State: models.InForce, ActorLocal: op.local, ActivityID: op.row.ID, Created: op.now}
		if asks {
			edge.State = models.Requested
		}
		if err = op.tx.AddEdge(ctx, edge); err == nil && !asks {
			err = op.countEdge(ctx, edge, 1)
		}
	case err != nil:
	case op.local && edge.State == models.InForce:
		return exists("membership", g.Doc.ID)
	default:
		op.quiet = !op.local
		edge.ActivityID = op.row.ID
		err = op.tx.SetEdge(ctx, edge)
	}
	if err == nil && edge.State == models.InForce {
		op.acknowledge()
	}
	return err
}

func (op *operation) applyLeave(ctx context.Context) error {
	g := op.object.actor
	if g == nil || g.Type != vocab.TypeGroup {
		return nil
	}
	edge, err := op.endEdge(ctx, models.MemberOf, g.ID)
	if err != nil {
		return err
	}
	if edge == nil {
		return op.unlessRemote(missing("membership", g.Doc.ID))
	}
	if edge.State == models.InForce {
		if err := op.countEdge(ctx, edge, -1); err != nil {
			return err
		}
	}
	return op.endBeside(ctx, models.Follows)
}
