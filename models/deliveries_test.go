package models_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"manifold/models"
)

func TestDeliveryFailures(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		const activity, inboxes = 7, 120
		fail := func(state models.DeliveryState, from, to int, reason string) {
			var list []models.DeliveryFailure
			for i := from; i < to; i++ {
				list = append(list, models.DeliveryFailure{ActivityID: activity, Inbox: fmt.Sprintf("https://h%d.example/inbox", i), Network: "pump",
					State: state, Reason: reason, Updated: at, Next: at.Add(time.Minute)})
			}
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.RecordFailures(ctx, list...) })
		}
		fail(models.Retrying, 0, inboxes, "one\ntwo\x00\xffthree\t"+strings.Repeat("é", 600))
		fail(models.GivenUp, 0, 1, "410 Gone")
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return errors.Join(tx.RecordFailures(ctx), tx.ForgetFailures(ctx, activity), tx.RecordFailures(ctx,
				models.DeliveryFailure{ActivityID: activity, Inbox: "https://h/" + strings.Repeat("x", models.MaxIRI)},
				models.DeliveryFailure{ActivityID: activity + 1, Inbox: "https://h0.example/inbox"}))
		})
		if n := must[int64](t)(db.CountFailures(t.Context(), activity)); n != inboxes {
			t.Errorf("%d failures are known", n)
		}
		f := must[*models.DeliveryFailure](t)(db.FailureAt(t.Context(), activity, "https://h1.example/inbox"))
		if want := "one two three " + strings.Repeat("é", 485) + "…"; f.Reason != want || f.State != models.Retrying || f.Attempts != 1 ||
			!f.Updated.Equal(at) || !f.Next.Equal(at.Add(time.Minute)) || f.Network != "pump" || f.ActivityID != activity {
			t.Errorf("the failure is %+v, want the reason %q", f, want)
		}
		if f := must[*models.DeliveryFailure](t)(db.FailureAt(t.Context(), activity, "https://h0.example/inbox")); f.Attempts != 2 || f.State != models.GivenUp || f.Reason != "410 Gone" {
			t.Errorf("what failed again is %+v", f)
		}
		for what, read := range map[string]func(models.Page) ([]models.DeliveryFailure, error){
			"of the activity": func(p models.Page) ([]models.DeliveryFailure, error) { return db.FailuresOf(t.Context(), activity, p) },
			"of all":          func(p models.Page) ([]models.DeliveryFailure, error) { return db.DeliveryFailures(t.Context(), p) },
		} {
			seen := map[string]bool{}
			p := models.Page{Count: 50}
			for {
				list := must[[]models.DeliveryFailure](t)(read(p))
				if len(list) == 0 {
					break
				}
				for _, f := range list {
					if p.Before != 0 && f.ID >= p.Before {
						t.Errorf("%s: %d is not older than %d", what, f.ID, p.Before)
					}
					p.Before = f.ID
					seen[fmt.Sprint(f.ActivityID, f.Inbox)] = true
				}
			}
			if n := len(seen); n != inboxes && n != inboxes+1 || (n == inboxes) != (what == "of the activity") {
				t.Errorf("%s: the pages have %d failures", what, n)
			}
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.ForgetFailures(ctx, activity, "https://h1.example/inbox", "https://none.example/")
		})
		if _, err := db.FailureAt(t.Context(), activity, "https://h1.example/inbox"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a forgotten failure: %v", err)
		}
	})
}
