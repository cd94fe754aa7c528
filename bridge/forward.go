package bridge

import (
	"context"
	"errors"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// threadDepth is how far up a thread is looked for something of ours.
const threadDepth = 4

// forward passes on, as it came, what somebody elsewhere has addressed to the
// followers of somebody here, where it is about something of ours
// (ActivityPub 7.1.2): their server does not know who those are. It is called
// once for an activity, when that is new.
func (op *operation) forward(ctx context.Context) error {
	if op.local || op.unseen || op.original == nil || len(op.original.Bytes) == 0 {
		return nil
	}
	owners, err := op.followedHere(ctx)
	if err != nil || len(owners) == 0 {
		return err
	}
	if about, err := op.aboutOurs(ctx); err != nil || !about {
		return err
	}
	sent := map[string]bool{}
	for _, owner := range owners {
		d := models.Distribution{Activity: op.row.ID, Author: op.actor.ID, FollowersOf: []int64{owner}, OnlyWhoSee: op.row.ObjectPost}
		found, err := op.tx.RemoteInboxes(ctx, d, op.b.networkNames())
		if err != nil {
			return err
		}
		// The sender's own server has it, and so has nobody on another network, who
		// could not check who wrote it.
		inboxes := slices.DeleteFunc(found[op.original.Network], func(inbox string) bool {
			known := sent[inbox] || hostOf(inbox) == hostOf(op.doc.ID)
			sent[inbox] = true
			return known
		})
		for _, chunk := range chunks(inboxes) {
			op.addJob(deliverArgs{Network: op.original.Network, Activity: op.row.ID, Inboxes: chunk, As: owner})
		}
	}
	return nil
}

// followedHere are the people here whose followers the activity is openly
// addressed to.
func (op *operation) followedHere(ctx context.Context) ([]int64, error) {
	var owners []int64
	for _, a := range op.audience {
		nick := op.b.names.FollowersOf(a.doc.ID)
		if nick == "" || a.Field != models.To && a.Field != models.CC {
			continue
		}
		account, err := op.tx.AccountByNickname(ctx, nick)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if account.State == models.Active && !slices.Contains(owners, account.ActorID) {
			owners = append(owners, account.ActorID)
		}
	}
	return owners, nil
}

// aboutOurs reports whether the activity is about something of ours, or about
// something in a thread below it.
func (op *operation) aboutOurs(ctx context.Context) (bool, error) {
	for _, t := range []thing{op.object, op.target, op.parent} {
		if a := t.actor; a != nil && a.Local || t.activity != nil && t.activity.Local {
			return true, nil
		}
	}
	for _, tag := range op.tags() {
		if op.b.names.Ours(tag.ID) {
			return true, nil
		}
	}
	for _, o := range []*models.Object{op.object.object, op.target.object, op.parent.object} {
		for depth := 0; o != nil && depth <= threadDepth; depth++ {
			if o.Local {
				return true, nil
			}
			if o.ParentID == 0 {
				break
			}
			var err error
			if o, err = op.tx.Object(ctx, o.ParentID); err != nil {
				return false, ignoreMissing(err)
			}
		}
	}
	return false, nil
}

// tags are those of the thing that the activity brings.
func (op *operation) tags() []*vocab.Object {
	if doc := op.object.doc(); op.object.new && doc != nil {
		return doc.Tags
	}
	return nil
}
