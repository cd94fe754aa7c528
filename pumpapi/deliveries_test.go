package pumpapi_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"manifold/models"
)

func TestDeliveries(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		posted := ann.act(doc{"verb": "post", "object": doc{"objectType": "note", "content": "x"}, "to": []doc{public}})
		address := posted.id() + "/deliveries"
		ann.get(address).ok().has(t, map[string]any{"url": address, "totalItems": 0.0, "items.0": nil, "links.self.href": address})

		activity, err := s.db.LookupKind(t.Context(), models.KindActivity, posted.id())
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		for i := range 3 {
			s.write(func(ctx context.Context, tx *models.Tx) error {
				return tx.RecordFailures(ctx, models.DeliveryFailure{ActivityID: activity, Inbox: fmt.Sprintf("https://h%d.example:8443/inbox", i), Network: "pump",
					Reason: `connection "refused"`, Updated: at, Next: at.Add(time.Hour)})
			})
		}
		s.write(func(ctx context.Context, tx *models.Tx) error {
			return tx.RecordFailures(ctx, models.DeliveryFailure{ActivityID: activity, Inbox: "https://h1.example:8443/inbox", Network: "pump",
				State: models.GivenUp, Reason: "410 Gone", Updated: at.Add(time.Hour)})
		})
		page := ann.get(address).ok()
		page.has(t, map[string]any{"totalItems": 3.0, "items.3": nil,
			"items.0.inbox": "https://h2.example:8443/inbox", "items.0.host": "h2.example:8443", "items.0.network": "pump", "items.0.state": "retrying",
			"items.0.attempts": 1.0, "items.0.error": `connection "refused"`, "items.0.updated": "2026-03-04T05:06:07Z", "items.0.next": "2026-03-04T06:06:07Z",
			"items.1.state": "failed", "items.1.attempts": 2.0, "items.1.error": "410 Gone", "items.1.next": nil})
		first := ann.get(address + "?count=2").ok()
		rest := ann.get(first.text("links.next.href")).ok()
		rest.has(t, map[string]any{"items.0.inbox": "https://h0.example:8443/inbox", "items.1": nil, "links.next": nil})
		ann.get(rest.text("links.prev.href")).ok().has(t, map[string]any{"items.0.host": "h2.example:8443", "items.1.host": "h1.example:8443"})

		bob.get(address).refused(403, "Only the actor can view the deliveries of an activity.")
		s.nobody().get(address).refused(401, "Not logged in.")
		ann.get("/api/activity/none/deliveries").refused(404, "Can't find an activity with id "+home+"/api/activity/none")
		if got := ann.get(address + "?before=https://gone.example/").status; got != 400 {
			t.Errorf("an inbox that is not there gives %d", got)
		}
	})
}
