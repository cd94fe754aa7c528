package models_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"manifold/models"
)

const (
	topic    = "https://us/users/ann/feed.atom"
	callback = "https://far.example/push/callback/"
)

// subscribe makes a subscription to the topic, whose owner has the id 7.
func subscribe(t *testing.T, db *models.DB, n int, secret string) (behind bool) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
		behind, err = tx.SetHubSubscriber(ctx, models.HubSubscriber{Topic: topic, Callback: fmt.Sprint(callback, n), Host: "far.example", OwnerID: 7,
			Secret: secret, Algorithm: "sha1", Expires: at.Add(24 * time.Hour)}, at)
		return err
	})
	return behind
}

func publish(t *testing.T, db *models.DB, activities ...int64) {
	t.Helper()
	for _, a := range activities {
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.AddHubPublications(ctx, a, at, topic, "https://us/other")
		})
	}
}

// taken is a batch of subscribers.
type taken struct {
	hold int64
	list []models.HubSubscriber
}

func (b taken) callbacks() []string {
	var names []string
	for _, s := range b.list {
		names = append(names, s.Callback[len(callback):]+"/"+s.Secret)
	}
	slices.Sort(names)
	return names
}

func take(t *testing.T, db *models.DB, now time.Time, failing bool) (b taken) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
		b.list, b.hold, err = tx.TakeHub(ctx, models.HubBatch{Topic: topic, Failing: failing, Count: 10, Now: now, Until: now.Add(time.Minute)})
		return err
	})
	return b
}

// missing are the activities that each subscriber of a batch lacks, by callback.
func (b taken) missing(t *testing.T, db *models.DB) map[string][]int64 {
	t.Helper()
	var places []int64
	for _, s := range b.list {
		places = append(places, s.Place)
	}
	pending, err := db.HubPending(t.Context(), topic, 3, places...)
	if err != nil {
		t.Fatal(err)
	}
	lack := map[string][]int64{}
	for _, s := range b.list {
		for _, p := range pending[s.Place] {
			lack[s.Callback[len(callback):]] = append(lack[s.Callback[len(callback):]], p.ActivityID)
		}
	}
	return lack
}

// settle has all subscribers of a batch stand as state says, with the place after
// the last activity that they lacked where it names none.
func (b taken) settle(t *testing.T, db *models.DB, state models.HubState) {
	t.Helper()
	states := map[int64]models.HubState{}
	for _, s := range b.list {
		one := state
		if one.Place == 0 {
			one.Place = s.Place
		}
		states[s.ID] = one
	}
	write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.SettleHub(ctx, b.hold, states) })
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

// last is the place of the last publication in the topic.
func last(t *testing.T, db *models.DB) int64 {
	t.Helper()
	return number(t, db, "SELECT MAX(position) FROM hub_publications WHERE topic = '"+topic+"'")
}

// Who subscribes gets what is published from then on, in order; who renews keeps
// the place.
func TestHubPlaces(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		publish(t, db, 1)
		subscribe(t, db, 1, "a")
		same(t, "nothing new", take(t, db, at, false).callbacks(), "[]")
		publish(t, db, 2, 3)
		subscribe(t, db, 2, "b")
		publish(t, db, 4)
		if !subscribe(t, db, 1, "renewed") {
			t.Error("one who lacks three publications has missed nothing")
		}
		b := take(t, db, at, false)
		same(t, "taken", b.callbacks(), "[1/renewed 2/b]")
		same(t, "missing", b.missing(t, db), map[string][]int64{"1": {2, 3, 4}, "2": {4}})
		same(t, "taken by others", take(t, db, at, false).callbacks(), "[]")
		same(t, "topics", must[map[int64]string](t)(db.HubTopics(t.Context(), 7, 8)), map[int64]string{7: topic})
		b.settle(t, db, models.HubState{Place: last(t, db)})
		same(t, "taken again", take(t, db, at, false).callbacks(), "[]")
		if subscribe(t, db, 1, "again") {
			t.Error("one who has everything has missed something")
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.TidyHub(ctx, topic, at) })
		same(t, "publications that are kept", number(t, db, "SELECT COUNT(*) FROM hub_publications WHERE topic = '"+topic+"'"), 0)
	})
}

// One who fails waits, and the others do not wait for it. What it lacks is kept.
func TestHubFailures(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		subscribe(t, db, 1, "a")
		publish(t, db, 1)
		later := at.Add(time.Hour)
		take(t, db, at, false).settle(t, db, models.HubState{Failures: 1, Since: at, NextTry: later})
		subscribe(t, db, 2, "b")
		publish(t, db, 2)
		b := take(t, db, at, false)
		same(t, "taken", b.callbacks(), "[2/b]")
		b.settle(t, db, models.HubState{Place: last(t, db)})
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.TidyHub(ctx, topic, at) })
		same(t, "taken too early", take(t, db, at, true).callbacks(), "[]")
		same(t, "due too early", must[[]string](t)(db.DueHubTopics(t.Context(), at, 10)), "[]")
		same(t, "due", must[[]string](t)(db.DueHubTopics(t.Context(), later, 10)), "["+topic+"]")
		b = take(t, db, later, true)
		same(t, "taken when due", b.callbacks(), "[1/a]")
		same(t, "failures", b.list[0].Failures, 1)
		same(t, "since", b.list[0].Since, at)
		same(t, "missing", b.missing(t, db), map[string][]int64{"1": {1, 2}})
		b.settle(t, db, models.HubState{Failures: 2, Since: at, NextTry: later.Add(time.Hour)})
		// It renews, so it is well.
		if !subscribe(t, db, 1, "a") {
			t.Error("one who lacks two publications has missed nothing")
		}
		same(t, "taken when renewed", take(t, db, at, false).callbacks(), "[1/a]")
	})
}

// A batch whose process is gone is taken by others after its time; when it comes
// back after all, what the others found out counts.
func TestHubBatchesOfTheDead(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		subscribe(t, db, 1, "a")
		publish(t, db, 1, 2)
		dead := take(t, db, at, false)
		after := at.Add(time.Minute)
		same(t, "due", must[[]string](t)(db.DueHubTopics(t.Context(), after, 10)), "["+topic+"]")
		b := take(t, db, after, false)
		same(t, "taken over", b.callbacks(), "[1/a]")
		dead.settle(t, db, models.HubState{Ended: true})
		dead.settle(t, db, models.HubState{Place: 1 << 40})
		b.settle(t, db, models.HubState{Place: last(t, db) - 2})
		b = take(t, db, after, false)
		same(t, "missing", b.missing(t, db), map[string][]int64{"1": {2}})
		b.settle(t, db, models.HubState{Ended: true})
		same(t, "subscriptions", number(t, db, "SELECT COUNT(*) FROM hub_subscribers"), 0)
	})
}

// What a process has taken that is gone is free when the others know that.
func TestHubBatchesOfKilledProcesses(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		killed := newStore(t, address)
		subscribe(t, killed, 1, "a")
		publish(t, killed, 1)
		same(t, "taken by the one", take(t, killed, at, false).callbacks(), "[1/a]")
		free := func(db *models.DB) {
			t.Helper()
			if err := db.FreeHub(t.Context(), at); err != nil {
				t.Fatal(err)
			}
		}
		free(killed)
		same(t, "taken again while it is alive", take(t, killed, at, false).callbacks(), "[]")
		other := open(t, models.Options{Database: address})
		join(t, other)
		if other.Dialect() == models.Postgres {
			free(other)
			same(t, "taken by the other while the one is alive", take(t, other, at, false).callbacks(), "[]")
			execute(t, other, "UPDATE processes SET heartbeat = 0 WHERE name = '"+killed.ProcessName()+"'")
		}
		free(other)
		same(t, "taken by the other", take(t, other, at, false).callbacks(), "[1/a]")
		free(other)
		same(t, "taken again while that is alive", take(t, other, at, false).callbacks(), "[]")
	})
}

// What is too old to be delivered goes, and nobody waits for it.
func TestHubPruning(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		subscribe(t, db, 1, "a")
		publish(t, db, 1)
		take(t, db, at, false).settle(t, db, models.HubState{Failures: 5, Since: at, NextTry: at.Add(time.Hour)})
		prune := func(now time.Time) {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return errors.Join(tx.PruneHub(ctx, now.Add(-time.Hour), now.Add(-time.Minute), now.Add(-time.Minute)), tx.TidyHub(ctx, topic, now.Add(2*time.Hour)))
			})
		}
		r := &models.HubRequest{Topic: topic, Callback: callback + "2", Host: "far.example", Mode: "subscribe", Created: at}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.SetHubRequest(ctx, r) })
		prune(at)
		same(t, "publications", number(t, db, "SELECT COUNT(*) FROM hub_publications WHERE topic = '"+topic+"'"), 1)
		same(t, "requests", must[int64](t)(db.CountHubRequests(t.Context(), "far.example")), 1)
		prune(at.Add(2 * time.Minute))
		same(t, "publications", number(t, db, "SELECT COUNT(*) FROM hub_publications"), 0)
		same(t, "requests", must[int64](t)(db.CountHubRequests(t.Context(), "far.example")), 0)
		same(t, "waiting", number(t, db, "SELECT COUNT(*) FROM hub_subscribers WHERE next_try > 0 OR failures > 0"), 0)
		publish(t, db, 2)
		same(t, "taken", take(t, db, at, false).callbacks(), "[1/a]")
		prune(at.Add(26 * time.Hour))
		same(t, "subscriptions", number(t, db, "SELECT COUNT(*) FROM hub_subscribers"), 0)
	})
}

// What is published while somebody is asked whether they meant to subscribe is kept
// for them, and sent when they have confirmed, not before.
func TestHubExpects(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		expect := func(n int, request int64) {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return tx.ExpectHubSubscriber(ctx, models.HubSubscriber{Topic: topic, Callback: fmt.Sprint(callback, n), Host: "far.example", OwnerID: 7, Expires: at}, request)
			})
		}
		forget := func(request int64) {
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.ForgetHubSubscriber(ctx, request) })
		}
		published := func() int64 {
			return int64(number(t, db, "SELECT COUNT(*) FROM hub_publications WHERE topic = '"+topic+"'"))
		}
		publish(t, db, 1)
		expect(1, 11)
		same(t, "topics", must[map[int64]string](t)(db.HubTopics(t.Context(), 7)), map[int64]string{7: topic})
		publish(t, db, 2)
		expect(1, 12) // asked once more, for another request
		publish(t, db, 3)
		same(t, "taken before the answer", take(t, db, at, false).callbacks(), "[]")
		same(t, "counted before the answer", must[int64](t)(db.CountHubSubscribers(t.Context(), topic, "far.example", callback)), 0)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.TidyHub(ctx, topic, at) })
		same(t, "kept", published(), 2)
		forget(11) // another has taken its place
		same(t, "behind", subscribe(t, db, 1, "a"), true)
		forget(12)
		b := take(t, db, at, false)
		same(t, "taken", b.callbacks(), "[1/a]")
		var got []int64
		for _, p := range must[map[int64][]models.HubPublication](t)(db.HubPending(t.Context(), topic, 10, b.list[0].Place))[b.list[0].Place] {
			got = append(got, p.ActivityID)
		}
		same(t, "what it gets", got, []int64{2, 3})

		place := b.list[0].Place
		expect(1, 13) // a renewal
		forget(13)
		same(t, "place after a renewal that is not confirmed", number(t, db, "SELECT COUNT(*) FROM hub_subscribers WHERE request = 0 AND place = "+fmt.Sprint(place)), 1)
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.RemoveHubSubscriber(ctx, topic, callback+"1")
		})
		expect(2, 14)
		publish(t, db, 4)
		same(t, "kept", published(), 1)
		forget(14)
		same(t, "kept for nobody", published(), 0)
		same(t, "subscriptions", number(t, db, "SELECT COUNT(*) FROM hub_subscribers"), 0)
	})
}

// Of the requests with one topic and callback the last counts. Their secrets are
// any bytes.
func TestHubRequests(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		first := &models.HubRequest{Topic: topic, Callback: callback + "1", Host: "far.example", Mode: "subscribe", Secret: "\x00\xff", Algorithm: "sha1",
			Lease: time.Hour, VerifyToken: "t", Created: at}
		second := *first
		second.Mode, second.Secret = "unsubscribe", "two"
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.SetHubRequest(ctx, first) })
		got := must[*models.HubRequest](t)(db.HubRequest(t.Context(), first.ID))
		same(t, "stored", *got, *first)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.SetHubRequest(ctx, &second) })
		if _, err := db.HubRequest(t.Context(), first.ID); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("the first request: %v", err)
		}
		got = must[*models.HubRequest](t)(db.HubRequest(t.Context(), second.ID))
		same(t, "stored", *got, second)
		removed := map[int64]bool{}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			for _, id := range []int64{first.ID, second.ID} {
				var err error
				if removed[id], err = tx.RemoveHubRequest(ctx, id); err != nil {
					return err
				}
			}
			return nil
		})
		same(t, "removed", slices.Sorted(maps.Keys(removed)), []int64{first.ID, second.ID})
		same(t, "the first was there, the second too", fmt.Sprint(removed[first.ID], removed[second.ID]), "false true")
		subscribe(t, db, 1, "a")
		subscribe(t, db, 2, "a")
		same(t, "others of the host", must[int64](t)(db.CountHubSubscribers(t.Context(), topic, "far.example", callback+"2")), 1)
		publish(t, db, 1)
		for n := range 2 {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return tx.RemoveHubSubscriber(ctx, topic, fmt.Sprint(callback, n+1))
			})
			same(t, "what the others lack", number(t, db, "SELECT COUNT(*) FROM hub_publications WHERE topic = '"+topic+"'"), 1-n)
		}
		subscribe(t, db, 1, "a")
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.RemoveHubTopic(ctx, topic) })
		same(t, "subscriptions", number(t, db, "SELECT COUNT(*) FROM hub_subscribers"), 0)
	})
}
