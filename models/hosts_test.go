package models_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"manifold/models"
)

// Of what two processes tell of a host the longer story counts.
func TestFailingHosts(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		early, late := at, at.Add(time.Hour)
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(
				tx.SetFailingHost(ctx, models.FailingHost{Host: "a", Since: early, Failures: 4, NextTry: late}),
				tx.SetFailingHost(ctx, models.FailingHost{Host: "a", Since: late, Failures: 1, NextTry: early}),
				tx.SetFailingHost(ctx, models.FailingHost{Host: "b:8080", NextTry: late}),
				tx.SetFailingHost(ctx, models.FailingHost{Host: "c", Since: early, Failures: 1}),
				tx.HealHosts(ctx, "c", "unknown"))
		})
		want := []models.FailingHost{{Host: "a", Since: early, Failures: 4, NextTry: late}, {Host: "b:8080", NextTry: late}}
		if got := must[[]models.FailingHost](t)(db.FailingHosts(t.Context())); !slices.Equal(got, want) {
			t.Errorf("hosts %+v, want %+v", got, want)
		}
	})
}

// The followers on one server are those whose ids are below its address.
func TestFollowersOn(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		follow := func(nick, network, iri string, state models.EdgeState) int64 {
			id := person(t, db, nick, "them")
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return firstError(tx.SetPresence(ctx, models.Presence{ActorID: id, Network: network, IRI: iri}),
					tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: id, TargetID: ann, State: state}))
			})
			return id
		}
		first := follow("one", "activitypub", "https://them/users/one", models.InForce)
		second := follow("two", "activitypub", "https://them/users/two", models.InForce)
		follow("asks", "activitypub", "https://them/users/asks", models.Requested)
		follow("pump", "pump", "https://them/users/pump", models.InForce)
		follow("near", "activitypub", "https://them.example/users/near", models.InForce)
		page := models.Page{Count: 1}
		var got []string
		for {
			list := must[[]models.Follower](t)(db.FollowersOn(t.Context(), ann, "activitypub", "https://them/", page))
			if len(list) == 0 {
				break
			}
			got = append(got, fmt.Sprint(list[0].ActorID, list[0].IRI))
			page.Before = list[0].Position
		}
		want := []string{fmt.Sprint(second, "https://them/users/two"), fmt.Sprint(first, "https://them/users/one")}
		if !slices.Equal(got, want) {
			t.Errorf("followers %v, want %v", got, want)
		}
	})
}

// Where an activity went is known by network, each inbox once.
func TestSent(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		var many []string
		for i := range 250 {
			many = append(many, fmt.Sprintf("https://h%d/inbox", i))
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.LogSent(ctx, 1, map[string][]string{"pump": many, "activitypub": {"https://a/", "https://broken\nb/"}}),
				tx.LogSent(ctx, 1, map[string][]string{"activitypub": {"https://a/", "https://c/"}}),
				tx.LogSent(ctx, 2, map[string][]string{"activitypub": {"https://d/"}}), tx.LogSent(ctx, 3, nil))
		})
		got := must[map[string][]string](t)(db.SentTo(t.Context(), 1))
		if !slices.Equal(got["pump"], many) || !slices.Equal(got["activitypub"], []string{"https://a/", "https://c/"}) || len(got) != 2 {
			t.Errorf("sent to %v", got)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM sent WHERE activity_id = 1"); n != 5 {
			t.Errorf("the log of 254 inboxes takes %d rows", n)
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.ForgetSent(ctx, 1) })
		if got := must[map[string][]string](t)(db.SentTo(t.Context(), 1, 2)); len(got["activitypub"]) != 1 {
			t.Errorf("after forgetting: %v", got)
		}
	})
}
