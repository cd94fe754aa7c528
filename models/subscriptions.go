package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Subscription is the feed of somebody elsewhere that is read here, and what the
// hub of the feed has been asked for.
type Subscription struct {
	// Token is the secret part of the address at which the hub calls.
	Token string
	// ActorID is whose feed it is: a person, or a group.
	ActorID int64
	// Topic is what the hub knows the feed by, Feed where it is read. Hub is "" where
	// it has none.
	Topic, Hub, Feed string
	// State is the word of WebSub for what has become of it, "" where no hub was asked.
	State string
	// Secret is what the hub signs with; NextSecret what it was asked for last and has
	// not confirmed.
	Secret, NextSecret string
	Lease              time.Duration
	Expires            time.Time
	// Reason is what the hub has said that refused it.
	Reason  string
	Created time.Time
	// Renew is when the hub is to be asked again, NextPoll when the feed is to be read
	// again, zero for never. Polled is when it was read last.
	Renew, Polled, NextPoll time.Time
	// ETag and Modified are those of the answer that was read last.
	ETag, Modified string
	// Failures counts the attempts in a row to read the feed that have failed.
	Failures int64
}

const subscriptionColumns = "token, actor_id, topic, hub, feed, state, secret, next_secret, lease, expires, reason, created, renew, polled, next_poll, etag, modified, failures"

// Subscription returns the one with a token, or [ErrNotFound].
func (c *conn) Subscription(ctx context.Context, token string) (*Subscription, error) {
	return c.subscription(ctx, "token = ?", token)
}

// SubscriptionTo returns the one to the feed of an actor, or [ErrNotFound].
func (c *conn) SubscriptionTo(ctx context.Context, actor int64) (*Subscription, error) {
	return c.subscription(ctx, "actor_id = ?", actor)
}

// Subscription is [DB.Subscription] for what is changed afterwards: nobody else
// changes it in between.
func (tx *Tx) Subscription(ctx context.Context, token string) (*Subscription, error) {
	where := "token = ?"
	if tx.db.dialect == Postgres {
		where += " FOR UPDATE"
	}
	return tx.subscription(ctx, where, token)
}

// SubscriptionTo is [DB.SubscriptionTo] for what is changed afterwards.
func (tx *Tx) SubscriptionTo(ctx context.Context, actor int64) (*Subscription, error) {
	where := "actor_id = ?"
	if tx.db.dialect == Postgres {
		where += " FOR UPDATE"
	}
	return tx.subscription(ctx, where, actor)
}

func (c *conn) subscription(ctx context.Context, where string, arg any) (*Subscription, error) {
	s := &Subscription{}
	var lease, expires, created, renew, polled, next int64
	found, err := c.get(ctx, "SELECT "+subscriptionColumns+" FROM subscriptions WHERE "+where, []any{arg}, &s.Token, &s.ActorID, &s.Topic, &s.Hub, &s.Feed,
		&s.State, &s.Secret, &s.NextSecret, &lease, &expires, &s.Reason, &created, &renew, &polled, &next, &s.ETag, &s.Modified, &s.Failures)
	if err != nil {
		return nil, fmt.Errorf("reading a subscription: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	s.Lease = time.Duration(lease) * time.Millisecond
	s.Expires, s.Created, s.Renew, s.Polled, s.NextPoll = fromMillis(expires), fromMillis(created), fromMillis(renew), fromMillis(polled), fromMillis(next)
	return s, nil
}

// AddSubscription stores a new one, or returns [ErrExists] where there is one to
// the feed of the actor.
func (tx *Tx) AddSubscription(ctx context.Context, s *Subscription) error {
	n, err := tx.exec(ctx, "INSERT INTO subscriptions ("+subscriptionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (actor_id) DO NOTHING`, s.Token, s.ActorID, s.Topic, s.Hub, s.Feed, s.State, s.Secret, s.NextSecret, s.Lease.Milliseconds(),
		millis(s.Expires), s.Reason, millis(s.Created), millis(s.Renew), millis(s.Polled), millis(s.NextPoll), s.ETag, s.Modified, s.Failures)
	if err != nil {
		return fmt.Errorf("storing a subscription: %w", err)
	}
	if n == 0 {
		return ErrExists
	}
	return nil
}

// SetSubscription stores all of one but whose it is and since when it is there.
func (tx *Tx) SetSubscription(ctx context.Context, s *Subscription) error {
	n, err := tx.exec(ctx, `UPDATE subscriptions SET topic = ?, hub = ?, feed = ?, state = ?, secret = ?, next_secret = ?, lease = ?, expires = ?, reason = ?,
		renew = ?, polled = ?, next_poll = ?, etag = ?, modified = ?, failures = ? WHERE token = ?`, s.Topic, s.Hub, s.Feed, s.State, s.Secret, s.NextSecret,
		s.Lease.Milliseconds(), millis(s.Expires), s.Reason, millis(s.Renew), millis(s.Polled), millis(s.NextPoll), s.ETag, s.Modified, s.Failures, s.Token)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("changing a subscription: %w", err)
	}
	return nil
}

// RemoveSubscription forgets one; that there is none is no error.
func (tx *Tx) RemoveSubscription(ctx context.Context, token string) error {
	if _, err := tx.exec(ctx, "DELETE FROM subscriptions WHERE token = ?", token); err != nil {
		return fmt.Errorf("removing a subscription: %w", err)
	}
	return nil
}

// Feeds tells of whom feeds are read: of those on the network who are followed from
// here, or are groups with members here, and are not on a better network.
type Feeds struct {
	Network string
	// Better are the networks that come before it.
	Better []string
}

// wanted is the condition that the feed of an actor is to be read.
func (f Feeds) wanted(actor string) (condition string, args []any) {
	condition = "EXISTS (SELECT 1 FROM edges e WHERE e.target_id = " + actor + " AND e.kind IN (1, 4) AND e.state = 1 AND e.actor_local)" +
		" AND EXISTS (SELECT 1 FROM presences p WHERE p.actor_id = " + actor + " AND p.network = ?)"
	args = append(args, f.Network)
	if len(f.Better) > 0 {
		condition += " AND (NOT EXISTS (SELECT 1 FROM presences b WHERE b.actor_id = " + actor + " AND b.network IN ? AND b.inbox <> '')" +
			" OR EXISTS (SELECT 1 FROM handovers h JOIN edges w ON w.actor_id = h.actor_id AND w.target_id = h.target_id AND w.kind = h.kind AND w.state = 1 WHERE h.target_id = " + actor + "))"
		args = append(args, f.Better)
	}
	return condition, args
}

// WantedFeeds returns of which of some actors the feeds are to be read.
func (c *conn) WantedFeeds(ctx context.Context, f Feeds, actors ...int64) (map[int64]bool, error) {
	condition, args := f.wanted("a.id")
	found := make(map[int64]bool, len(actors))
	err := c.eachIn(ctx, "SELECT a.id FROM actors a WHERE a.id IN ? AND a.state = 0 AND "+condition, actors, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		found[id] = true
		return err
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("reading which feeds are wanted: %w", err)
	}
	return found, nil
}

// MissingFeeds looks at up to n of those who are on the network, from the one after
// an id, and returns of whom a feed is to be read that is not. next is where to go
// on, 0 after the last.
func (c *conn) MissingFeeds(ctx context.Context, f Feeds, after int64, n int) (missing []int64, next int64, err error) {
	err = c.each(ctx, "SELECT actor_id FROM presences WHERE network = ? AND actor_id > ? ORDER BY actor_id LIMIT "+strconv.Itoa(n), []any{f.Network, after}, func(r *sql.Rows) error {
		err := r.Scan(&next)
		missing = append(missing, next)
		return err
	})
	if len(missing) < n {
		next = 0
	}
	read := map[int64]bool{}
	if err == nil {
		err = c.eachIn(ctx, "SELECT actor_id FROM subscriptions WHERE actor_id IN ?", missing, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			read[id] = true
			return err
		})
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading which feeds are missing: %w", err)
	}
	missing = slices.DeleteFunc(missing, func(id int64) bool { return read[id] })
	wanted, err := c.WantedFeeds(ctx, f, missing...)
	return slices.DeleteFunc(missing, func(id int64) bool { return !wanted[id] }), next, err
}

// SpareFeeds looks at up to n subscriptions, from the one after a token, and returns
// whose feeds are read and need not be. next is where to go on, "" after the last.
// Those whose hubs are asked to stop already are left out.
func (c *conn) SpareFeeds(ctx context.Context, f Feeds, after string, n int) (actors []int64, next string, err error) {
	looked := 0
	err = c.each(ctx, "SELECT token, actor_id, CASE WHEN state IN ('leaving', 'over') THEN 1 ELSE 0 END FROM subscriptions WHERE token > ? ORDER BY token LIMIT "+strconv.Itoa(n), []any{after}, func(r *sql.Rows) error {
		var actor int64
		var ending int
		err := r.Scan(&next, &actor, &ending)
		if looked++; ending == 0 {
			actors = append(actors, actor)
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("reading which feeds are spare: %w", err)
	}
	wanted, err := c.WantedFeeds(ctx, f, actors...)
	if looked < n {
		next = ""
	}
	return slices.DeleteFunc(actors, func(id int64) bool { return wanted[id] }), next, err
}

// ClaimPolls returns the tokens of up to n subscriptions whose feeds are to be read
// by now, and puts them off until a time, so that nobody else takes them.
func (tx *Tx) ClaimPolls(ctx context.Context, now, until time.Time, n int) ([]string, error) {
	return tx.claimSubscriptions(ctx, "next_poll", now, until, n)
}

// ClaimRenewals is [Tx.ClaimPolls] for those whose hubs are to be asked again.
func (tx *Tx) ClaimRenewals(ctx context.Context, now, until time.Time, n int) ([]string, error) {
	return tx.claimSubscriptions(ctx, "renew", now, until, n)
}

func (tx *Tx) claimSubscriptions(ctx context.Context, due string, now, until time.Time, n int) ([]string, error) {
	var tokens []string
	err := tx.each(ctx, "UPDATE subscriptions SET "+due+" = ? WHERE token IN (SELECT token FROM subscriptions WHERE "+due+" <> 0 AND "+due+" <= ? ORDER BY "+due+", token LIMIT "+
		strconv.Itoa(n)+") AND "+due+" <= ? RETURNING token", []any{millis(until), millis(now), millis(now)}, func(r *sql.Rows) error {
		var token string
		err := r.Scan(&token)
		tokens = append(tokens, token)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming what is due of the subscriptions: %w", err)
	}
	return tokens, nil
}
