package models_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

var feeds = models.Feeds{Network: "ostatus", Better: []string{"activitypub"}}

// elsewhere makes somebody of another server who is on networks.
func elsewhere(t *testing.T, db *models.DB, nick, objectType string, networks ...string) int64 {
	t.Helper()
	a := &models.Actor{Type: objectType, Nickname: nick, Host: "them", Created: at, Updated: at, Doc: &vocab.Object{ID: "acct:" + nick + "@them", Type: objectType}}
	write(t, db, func(ctx context.Context, tx *models.Tx) error {
		if err := tx.CreateActor(ctx, a, a.Doc.ID); err != nil {
			return err
		}
		for _, network := range networks {
			if err := tx.SetPresence(ctx, models.Presence{ActorID: a.ID, Network: network, IRI: "https://them/" + nick, Inbox: "https://them/salmon/" + nick}); err != nil {
				return err
			}
		}
		return nil
	})
	return a.ID
}

func TestSubscriptions(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		s := &models.Subscription{Token: "t1", ActorID: 7, Topic: "https://them/7.atom", Hub: "https://them/hub", Feed: "https://them/feed", State: "active", Secret: "s", NextSecret: "n",
			Lease: time.Hour, Expires: at.Add(time.Hour), Reason: "r", Created: at, Renew: at.Add(time.Minute), Polled: at, NextPoll: at.Add(2 * time.Minute), ETag: `"e"`, Modified: "m", Failures: 3}
		add := func(s *models.Subscription) error {
			return db.Write(ctx, func(tx *models.Tx) error { return tx.AddSubscription(ctx, s) })
		}
		if err := add(s); err != nil {
			t.Fatal(err)
		}
		if err := add(&models.Subscription{Token: "t2", ActorID: 7}); !errors.Is(err, models.ErrExists) {
			t.Errorf("a second one to the feed of one actor: %v", err)
		}
		for what, got := range map[string]*models.Subscription{"by token": must[*models.Subscription](t)(db.Subscription(ctx, "t1")), "by actor": must[*models.Subscription](t)(db.SubscriptionTo(ctx, 7))} {
			if !reflect.DeepEqual(got, s) {
				t.Errorf("%s: %+v, want %+v", what, got, s)
			}
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			got, err := tx.Subscription(ctx, "t1")
			if err != nil {
				return err
			}
			got.State, got.Topic, got.Renew, got.ETag, got.Failures = "over", "https://them/8.atom", time.Time{}, "", 0
			s = got
			return tx.SetSubscription(ctx, got)
		})
		if got := must[*models.Subscription](t)(db.Subscription(ctx, "t1")); !reflect.DeepEqual(got, s) {
			t.Errorf("changed: %+v, want %+v", got, s)
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.RemoveSubscription(ctx, "t1"), tx.RemoveSubscription(ctx, "t1"))
		})
		_, byToken := db.Subscription(ctx, "t1")
		_, byActor := db.SubscriptionTo(ctx, 7)
		change := db.Write(ctx, func(tx *models.Tx) error { return tx.SetSubscription(ctx, s) })
		for what, err := range map[string]error{"by token": byToken, "by actor": byActor, "changing": change} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s, after it was removed: %v", what, err)
			}
		}
	})
}

// Of two processes that look for what is due at the same time each subscription is
// taken by one.
func TestSubscriptionsAreClaimedOnce(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			var errs []error
			for i := range 5 {
				s := &models.Subscription{Token: "t" + strconv.Itoa(i), ActorID: int64(i + 1), NextPoll: at.Add(time.Duration(i) * time.Minute)}
				if i > 2 {
					s.NextPoll, s.Renew = time.Time{}, at.Add(time.Duration(5-i)*time.Minute)
				}
				errs = append(errs, tx.AddSubscription(ctx, s))
			}
			return firstError(errs...)
		})
		claim := func(what func(tx *models.Tx) ([]string, error), want ...string) {
			t.Helper()
			var got []string
			write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
				got, err = what(tx)
				return err
			})
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("claimed %v, want %v", got, want)
			}
		}
		polls := func(now time.Time, n int) func(tx *models.Tx) ([]string, error) {
			return func(tx *models.Tx) ([]string, error) { return tx.ClaimPolls(ctx, now, now.Add(time.Hour), n) }
		}
		claim(polls(at.Add(time.Minute), 1), "t0")
		claim(polls(at.Add(time.Minute), 9), "t1")
		claim(polls(at.Add(time.Minute), 9))
		claim(polls(at.Add(2*time.Hour), 9), "t0", "t1", "t2")
		claim(func(tx *models.Tx) ([]string, error) {
			return tx.ClaimRenewals(ctx, at.Add(time.Minute), at.Add(time.Hour), 9)
		}, "t4")
		if got := must[*models.Subscription](t)(db.Subscription(ctx, "t4")); !got.Renew.Equal(at.Add(time.Hour)) || !got.NextPoll.IsZero() {
			t.Errorf("claimed until %v: %+v", at.Add(time.Hour), got)
		}
	})
}

// Feeds are read of those whom somebody here follows, and of groups that somebody
// here is in, as far as no better network brings what they say.
func TestWhichFeedsAreRead(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		followed, both := elsewhere(t, db, "followed", "person", "ostatus"), elsewhere(t, db, "both", "person", "ostatus", "activitypub")
		asked, group := elsewhere(t, db, "asked", "person", "ostatus"), elsewhere(t, db, "group", "group", "ostatus")
		unknown, theirs := elsewhere(t, db, "unknown", "person"), elsewhere(t, db, "theirs", "person", "ostatus")
		edge := func(kind models.EdgeKind, actor, target int64, state models.EdgeState, local bool) {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return tx.AddEdge(ctx, &models.Edge{Kind: kind, ActorID: actor, TargetID: target, State: state, ActorLocal: local, Created: at})
			})
		}
		edge(models.Follows, 3, followed, models.InForce, true)
		edge(models.Follows, 4, followed, models.InForce, true)
		edge(models.Follows, 3, both, models.InForce, true)
		edge(models.Follows, 3, asked, models.Requested, true)
		edge(models.MemberOf, 3, group, models.InForce, true)
		edge(models.Follows, 3, unknown, models.InForce, true)
		edge(models.Follows, followed, theirs, models.InForce, false)
		edge(models.Likes, 3, theirs, models.InForce, true)

		var missing []int64
		for next, rounds := int64(0), 0; ; rounds++ {
			found, after, err := db.MissingFeeds(ctx, feeds, next, 2)
			if err != nil || rounds > 9 {
				t.Fatal(err, rounds)
			}
			missing = append(missing, found...)
			if next = after; next == 0 {
				break
			}
		}
		if want := []int64{followed, group}; !slices.Equal(missing, want) {
			t.Errorf("missing are the feeds of %v, want %v", missing, want)
		}
		everybody := []int64{followed, group, both, asked, unknown, theirs, 999}
		if got := must[map[int64]bool](t)(db.WantedFeeds(ctx, feeds, everybody...)); !maps.Equal(got, map[int64]bool{followed: true, group: true}) {
			t.Errorf("wanted are %v", got)
		}
		if got := must[map[int64]bool](t)(db.WantedFeeds(ctx, models.Feeds{Network: "ostatus"}, everybody...)); !maps.Equal(got, map[int64]bool{followed: true, group: true, both: true}) {
			t.Errorf("where there is no better network, wanted are %v", got)
		}
		// Until the better network has answered all, the feed tells them.
		for _, wait := range []bool{true, false} {
			write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
				if wait {
					_, err = tx.BeginHandover(ctx, both, both, at)
				} else {
					_, err = tx.EndHandover(ctx, 3, both)
				}
				return err
			})
			if got := must[map[int64]bool](t)(db.WantedFeeds(ctx, feeds, both)); got[both] != wait {
				t.Errorf("while the follow is handed over (%v), the feed is wanted: %v", wait, got[both])
			}
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.AddSubscription(ctx, &models.Subscription{Token: "a", ActorID: followed}), tx.AddSubscription(ctx, &models.Subscription{Token: "b", ActorID: both}),
				tx.AddSubscription(ctx, &models.Subscription{Token: "c", ActorID: theirs}))
		})
		if found, _, err := db.MissingFeeds(ctx, feeds, 0, 100); err != nil || !slices.Equal(found, []int64{group}) {
			t.Errorf("missing are now %v (%v)", found, err)
		}
		var spare []int64
		for next, rounds := "", 0; ; rounds++ {
			found, after, err := db.SpareFeeds(ctx, feeds, next, 2)
			if err != nil || rounds > 9 {
				t.Fatal(err, rounds)
			}
			spare = append(spare, found...)
			if next = after; next == "" {
				break
			}
		}
		if want := []int64{both, theirs}; !slices.Equal(spare, want) {
			t.Errorf("spare are the feeds of %v, want %v", spare, want)
		}
	})
}

// Two rows that become one keep one feed.
func TestMergedActorsHaveOneFeed(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		loser, winner, third := elsewhere(t, db, "loser", "person"), elsewhere(t, db, "winner", "person"), elsewhere(t, db, "third", "person")
		add := func(token string, actor int64) {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return tx.AddSubscription(ctx, &models.Subscription{Token: token, ActorID: actor})
			})
		}
		merge := func(loser, winner int64, want string) {
			t.Helper()
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.BeginMerge(ctx, loser, winner) })
			if got := must[*models.Subscription](t)(db.SubscriptionTo(ctx, winner)); got.Token != want {
				t.Errorf("the feed of the winner is %q, want %q", got.Token, want)
			}
			if n := number(t, db, "SELECT COUNT(*) FROM subscriptions"); n != 1 {
				t.Errorf("%d subscriptions, want 1", n)
			}
		}
		add("a", loser)
		merge(loser, winner, "a")
		add("b", third)
		merge(third, winner, "a")
	})
}
