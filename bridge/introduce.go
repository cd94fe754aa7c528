package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// Introduce stores somebody elsewhere as their own server describes them, and
// returns the actor. Whoever was known by one of the names before, perhaps from
// no more than an address that somebody wrote to, is the same actor from then on.
// The caller vouches for the profile and for every alias. Where the account was
// found on a network, how the actor is reached there is stored with it. within, if
// set, runs in the same transaction.
func (b *Bridge) Introduce(ctx context.Context, a *Account, within func(context.Context, *models.Tx, *models.Actor) error) (*models.Actor, error) {
	doc := a.Profile.Clone()
	sanitizeObject(doc)
	if err := checkThing(doc); err != nil {
		return nil, err
	}
	nick, host := accountOf(doc)
	if host == "" || len(nick) > maxNickname || len(host) > maxHost {
		return nil, invalid("%q names no account: an account is like acct:ann@example.org or https://example.org/ann.", doc.ID)
	}
	names := unique(append([]string{doc.ID}, a.Aliases...))
	for _, name := range names {
		if err := checkName("alias", name); err != nil {
			return nil, err
		}
		if b.names.Ours(name) {
			return nil, notAllowed("%s is of this server, and does not come from elsewhere.", name)
		}
	}
	doc.PreferredUsername, doc.DisplayName = firstOf(doc.PreferredUsername, nick), firstOf(doc.DisplayName, nick)
	doc.Type, doc.Author, doc.InReplyTo = firstOf(doc.Type, vocab.TypePerson), nil, nil
	var actor *models.Actor
	write := func(tx *models.Tx) error {
		actor = &models.Actor{Type: doc.Type, Nickname: nick, Host: host, Doc: doc, Created: b.time(), Updated: b.time()}
		if err := b.place(ctx, tx, actor, names, a.Network); err != nil {
			return err
		}
		if a.Network != "" {
			if err := b.upgrade(ctx, tx, actor.ID, a); err != nil {
				return err
			}
			err := tx.SetPresence(ctx, models.Presence{ActorID: actor.ID, Network: a.Network, IRI: a.IRI, Inbox: a.Inbox, SharedInbox: a.SharedInbox, Verified: b.time()})
			if err != nil {
				return err
			}
			if err := b.keepProfile(ctx, tx, actor.ID, a); err != nil {
				return err
			}
		}
		if within != nil {
			if err := within(ctx, tx, actor); err != nil {
				return err
			}
		}
		return b.settleRequests(ctx, tx, actor.ID)
	}
	err := b.db.Write(ctx, write)
	if errors.Is(err, models.ErrExists) {
		// Somebody else was first to name the same person, at the same time.
		err = b.db.Write(ctx, write)
	}
	if ReasonOf(err) != 0 {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("storing %s: %w", doc.ID, err)
	}
	return actor, nil
}

// keepProfile keeps the document in which somebody elsewhere describes themselves, in
// place of the one before. Most of the time it is the same.
func (b *Bridge) keepProfile(ctx context.Context, tx *models.Tx, actor int64, a *Account) error {
	if len(a.Original) == 0 {
		return nil
	}
	known, err := tx.LatestOriginal(ctx, actor)
	if err == nil && known.Network == a.Network && known.ContentType == a.ContentType && bytes.Equal(known.Bytes, a.Original) {
		return nil
	}
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if err := tx.RemoveOriginals(ctx, actor); err != nil {
		return err
	}
	return tx.InsertOriginal(ctx, &models.Original{RefID: actor, Network: a.Network, SenderID: actor, Verified: a.Verified, ContentType: a.ContentType,
		Received: b.time(), Bytes: a.Original}, false)
}

// place stores a new profile in the row of whoever has one of its names, or in a
// new one; actor becomes that row.
func (b *Bridge) place(ctx context.Context, tx *models.Tx, actor *models.Actor, names []string, network string) error {
	row, fresh, err := b.rowOf(ctx, tx, names)
	if err != nil {
		return err
	}
	if row == 0 {
		return tx.CreateActor(ctx, actor, names...)
	}
	old, err := tx.Actor(ctx, row)
	if err != nil {
		return err
	}
	if old.Local {
		return notAllowed("%s is of this server, and does not come from elsewhere.", old.Doc.ID)
	}
	if err := mayAct(old); err != nil {
		return err
	}
	for i := range fresh {
		fresh[i].Ref = row
	}
	if err := tx.Identify(ctx, fresh...); err != nil {
		return err
	}
	better, err := b.knownBetter(ctx, tx, row, network)
	if err != nil {
		return err
	}
	if better {
		// The profile of the better network stays; the other fills its gaps.
		actor.Doc = fillGaps(old.Doc, actor.Doc)
	}
	old.Doc, old.Updated = actor.Doc, actor.Updated
	*actor = *old
	return tx.UpdateActor(ctx, actor)
}

// knownBetter reports whether an actor is known on a network of ours that comes
// before the one that describes the actor now.
func (b *Bridge) knownBetter(ctx context.Context, tx *models.Tx, actor int64, network string) (bool, error) {
	i := slices.IndexFunc(b.networks, func(n Network) bool { return n.Name() == network })
	if i < 1 {
		return false, nil
	}
	known, err := tx.PresencesOf(ctx, actor)
	return slices.ContainsFunc(b.networks[:i], func(n Network) bool { return known[n.Name()].ActorID != 0 }), err
}

// fillGaps returns a profile with what only the other one has.
func fillGaps(profile, other *vocab.Object) *vocab.Object {
	merged := other.Merge(profile)
	merged.ID, merged.Type, merged.Author, merged.InReplyTo = profile.ID, profile.Type, nil, nil
	merged.Published, merged.Updated = profile.Published, profile.Updated
	merged.Feeds = maps.Clone(profile.Feeds) // which tell who is addressed: never those of another network
	return merged
}
