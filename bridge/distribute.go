package bridge

import (
	"context"

	"manifold/models"
	"manifold/models/vocab"
)

// distribute puts the activity into the streams of everybody here whom its
// audience reaches.
func (op *operation) distribute(ctx context.Context) error {
	_, err := op.tx.Distribute(ctx, op.distribution())
	return err
}

// distribution expands the audience as far as the store need not be asked.
func (op *operation) distribution() models.Distribution {
	d := models.Distribution{
		Activity: op.row.ID, Author: op.actor.ID, AuthorLocal: op.local, Major: op.major(),
		Limited: op.row.Visibility == models.Limited, OnlyWhoSee: op.row.ObjectPost,
	}
	public := false
	for _, a := range op.audience {
		switch a.Kind {
		case models.AudiencePublic:
			// What is for everybody reaches the followers, as on every network.
			public = true
		case models.AudienceFollowers:
			d.FollowersOf = []int64{a.ID}
		case models.AudienceList:
			d.MembersOf = append(d.MembersOf, a.ID)
		case models.AudienceGroup:
			d.MembersOf = append(d.MembersOf, a.ID)
			d.Others = append(d.Others, a.ID) // the inbox of the group itself
		case models.AudienceActor:
			if a.Field == models.To || a.Field == models.BTo {
				d.Direct = append(d.Direct, a.ID)
			} else {
				d.Others = append(d.Others, a.ID)
			}
		}
	}
	if public {
		d.FollowersOf = []int64{op.actor.ID}
	}
	if op.recipient != 0 {
		d.Others = append(d.Others, op.recipient)
	}
	if op.object.actor != nil && concernsObject(op.doc.Verb, op.object.actor.Type) {
		d.Others = append(d.Others, op.object.actor.ID)
	}
	return d
}

// concernsObject tells the verbs of which the actor that is their object learns,
// however the activity is addressed: its server has to act on them.
func concernsObject(verb, objectType string) bool {
	switch verb {
	case vocab.VerbFollow, vocab.VerbStopFollowing:
		return true
	case vocab.VerbJoin, vocab.VerbLeave:
		return objectType == vocab.TypeGroup
	}
	return false
}
