package ostatus

import (
	"context"
	"errors"
	"time"

	"manifold/models"
	"manifold/ostatus/websub"
)

// How often feeds are read that a hub tells of, and how often those of which nobody
// does. Hubs lose what they push: GNU social tries once.
const (
	pollTold   = 24 * time.Hour
	pollUntold = 30 * time.Minute
	// pollPause is how long a feed is not read again, whoever calls.
	pollPause = 10 * time.Minute
	// pollLongest is how long a feed is left alone that cannot be read.
	pollLongest = 24 * time.Hour
)

// How long hubs get.
const (
	// askAgain is when a hub is asked again that did not answer, leaveWithin how long
	// one has to confirm that we leave.
	askAgain    = time.Hour
	leaveWithin = 24 * time.Hour
	// refusedFor is how long the refusal of a hub is taken for its word.
	refusedFor = 24 * time.Hour
	// leaseGrace is how long after the end of a lease deliveries are taken.
	leaseGrace = 24 * time.Hour
)

// subscriber subscribes to feeds; actor and feed are whose a new one is.
func (s *Server) subscriber(actor int64, feed string) *websub.Subscriber {
	return &websub.Subscriber{Store: &subscriptionStore{s: s, actor: actor, feed: feed}, Client: caller{s.outbound}, Callback: s.callbackURL, Now: s.now}
}

// callbackURL is where hubs call. GNU social has room for 191 bytes.
func (s *Server) callbackURL(token string) string { return s.names.Base + "/hub/callback/" + token }

// subscriptionStore implements [websub.SubscriberStore].
type subscriptionStore struct {
	s     *Server
	actor int64
	feed  string
}

var _ websub.SubscriberStore = (*subscriptionStore)(nil)

// Put implements [websub.SubscriberStore].
func (k *subscriptionStore) Put(ctx context.Context, sub websub.Subscription) error {
	now := k.s.now()
	row := &models.Subscription{Token: sub.Token, ActorID: k.actor, Feed: k.feed, Created: now, NextPoll: now.Add(pollUntold)}
	keepAsked(row, sub)
	return k.s.db.Write(ctx, func(tx *models.Tx) error { return tx.AddSubscription(ctx, row) })
}

// Get implements [websub.SubscriberStore].
func (k *subscriptionStore) Get(ctx context.Context, token string) (*websub.Subscription, error) {
	row, err := k.s.db.Subscription(ctx, token)
	if errors.Is(err, models.ErrNotFound) {
		return nil, websub.ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	sub := asked(row)
	return &sub, nil
}

// Change implements [websub.SubscriberStore].
func (k *subscriptionStore) Change(ctx context.Context, token string, change func(*websub.Subscription) error) error {
	err := k.s.db.Write(ctx, func(tx *models.Tx) error {
		row, err := tx.Subscription(ctx, token)
		if err != nil {
			return err
		}
		sub := asked(row)
		if err := change(&sub); err != nil {
			return err
		}
		k.s.moveOn(row, &sub)
		keepAsked(row, sub)
		return tx.SetSubscription(ctx, row)
	})
	if errors.Is(err, models.ErrNotFound) {
		return websub.ErrUnknown
	}
	return err
}

// moveOn sets when the next thing is to be done, as far as that follows from what
// becomes of a subscription.
func (s *Server) moveOn(row *models.Subscription, sub *websub.Subscription) {
	now := s.now()
	switch sub.State {
	case websub.Pending:
		row.Renew = now.Add(askAgain)
	case websub.Active:
		if sub.NextSecret != "" {
			row.Renew = now.Add(askAgain) // it was asked, and has not confirmed
			return
		}
		row.Renew = sub.RenewAt()
		if websub.State(row.State) != websub.Active {
			// What came after the feed was read and before the hub knew of us.
			row.NextPoll = now
		}
	case websub.Refused:
		row.Renew = now.Add(refusedFor)
		row.NextPoll = now
	case websub.Leaving:
		row.Renew, row.NextPoll = now.Add(leaveWithin), time.Time{}
	case websub.Over:
		row.Renew, row.NextPoll = now, time.Time{}
	}
}

// asked is what a hub was asked for.
func asked(row *models.Subscription) websub.Subscription {
	return websub.Subscription{Token: row.Token, Hub: row.Hub, Topic: row.Topic, State: websub.State(row.State), Secret: row.Secret, NextSecret: row.NextSecret,
		Lease: row.Lease, Expires: row.Expires, Reason: row.Reason}
}

// keepAsked notes in a row what a hub was asked for.
func keepAsked(row *models.Subscription, sub websub.Subscription) {
	row.Hub, row.Topic, row.State, row.Secret, row.NextSecret = sub.Hub, sub.Topic, string(sub.State), sub.Secret, sub.NextSecret
	row.Lease, row.Expires, row.Reason = sub.Lease, sub.Expires, sub.Reason
}

// over reports whether the hub delivers no more, or is asked not to.
func over(row *models.Subscription) bool {
	state := websub.State(row.State)
	return state == websub.Leaving || state == websub.Over
}

// told reports whether a hub tells what is new in a feed.
func (s *Server) told(row *models.Subscription) bool {
	return websub.State(row.State) == websub.Active && s.now().Before(row.Expires)
}
