package bridge

import (
	"context"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// passOn has the groups of ours that an activity is addressed to tell it to their
// members and followers elsewhere, whose servers otherwise hear only what those do
// whom they follow (FEP-1b12). Those here have it from the activity itself.
func (op *operation) passOn(ctx context.Context) error {
	switch op.doc.Verb {
	case vocab.VerbPost, vocab.VerbCreate, vocab.VerbUpdate, vocab.VerbDelete:
	default:
		return nil
	}
	if op.quiet || op.unseen || !slices.ContainsFunc(op.b.networks, Network.Confirms) {
		return nil
	}
	var passed []int64
	for _, a := range op.audience {
		if a.Kind != models.AudienceGroup || slices.Contains(passed, a.ID) {
			continue
		}
		passed = append(passed, a.ID)
		group, err := op.tx.Actor(ctx, a.ID)
		if err != nil {
			return err
		}
		if !group.Local || group.State != models.Active {
			continue
		}
		listeners, err := op.tx.HasRemote(ctx, group.ID, op.actor.ID)
		if err != nil {
			return err
		}
		if !listeners || !op.memberOf(ctx, group) {
			continue
		}
		op.besides = append(op.besides, op.announcements(group)...)
	}
	return nil
}

// announcements are what a group tells of the activity: of a posting what was posted,
// which is all that servers without groups understand, and then the activity, which
// is what servers of groups want.
func (op *operation) announcements(group *models.Actor) []deed {
	var told []deed
	tell := func(o *vocab.Object) {
		announce := &vocab.Activity{Verb: vocab.VerbShare, Object: o, CC: []*vocab.Object{group.Doc.Ref()}}
		if op.row.Visibility != models.Limited {
			announce.To = []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}
		}
		told = append(told, deed{actor: group, activity: announce, announces: true})
	}
	if o := op.object.object; o != nil && (op.doc.Verb == vocab.VerbPost || op.doc.Verb == vocab.VerbCreate) {
		tell(o.Doc.Ref())
	}
	tell(&vocab.Object{ID: op.doc.ID, Type: vocab.TypeActivity})
	return told
}

// memberOf reports whether the actor is in a group.
func (op *operation) memberOf(ctx context.Context, group *models.Actor) bool {
	edge, err := op.tx.Edge(ctx, models.MemberOf, op.actor.ID, group.ID)
	return err == nil && edge.State == models.InForce
}

// prepareAnnounce is for what a group passes on: it changes nothing.
func (op *operation) prepareAnnounce(context.Context) error { return nil }
