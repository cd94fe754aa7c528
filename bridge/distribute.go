package bridge

import (
	"context"

	"manifold/models"
	"manifold/models/vocab"
)

// distribute puts the activity into the streams of everybody here whom its
// audience reaches. What a group passes on is in its outbox, where the servers of
// those who join it look for what was said there.
func (op *operation) distribute(ctx context.Context) error {
	if op.announces {
		_, err := op.tx.Distribute(ctx, models.Distribution{Activity: op.row.ID, Author: op.actor.ID, AuthorLocal: true, OutboxOnly: true,
			Major: op.major(), Limited: op.row.Visibility == models.Limited})
		return err
	}
	if op.quiet {
		return nil
	}
	_, err := op.tx.Distribute(ctx, op.distribution())
	return err
}

// distribution expands the audience as far as the store need not be asked.
func (op *operation) distribution() models.Distribution {
	d := models.Distribution{
		Activity: op.row.ID, Author: op.actor.ID, AuthorLocal: op.local, Major: op.major(),
		Limited: op.row.Visibility == models.Limited, OnlyWhoSee: op.row.ObjectPost,
		// What is only not hidden, addressed to everybody in cc, is not announced.
		Public: op.local && op.row.Visibility == models.Public && !op.limited(), OnlyFollowers: op.limited(),
	}
	if op.unseen {
		return d
	}
	audience := make([]models.Addressee, len(op.audience))
	for i, a := range op.audience {
		audience[i] = a.Addressee
	}
	reach(&d, audience)
	if op.recipient != 0 {
		d.Others = append(d.Others, op.recipient)
	}
	if op.object.actor != nil && concernsObject(op.doc.Verb, op.object.actor.Type) {
		d.Others = append(d.Others, op.object.actor.ID)
	}
	return d
}

// reach adds those whom an audience stands for.
func reach(d *models.Distribution, audience []models.Addressee) {
	public := false
	for _, a := range audience {
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
		d.FollowersOf = []int64{d.Author}
	}
}

// limited reports whether what the actor does reaches only those here who follow
// it, by a decision of the admins about it or about its server. That it follows
// somebody here, or does so no more, is told all the same: its server waits for the
// answer.
func (op *operation) limited() bool {
	if op.object.actor != nil && concernsObject(op.doc.Verb, op.object.actor.Type) {
		return false
	}
	return op.actor.Silenced || !op.local && op.b.policies.known(op.actor.Host).Severity == models.SeverityLimit
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
