package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"manifold/models"
	"manifold/models/vocab"
)

// deliveryStates are the words for what became of a delivery.
var deliveryStates = map[models.DeliveryState]string{models.Retrying: "retrying", models.GivenUp: "failed"}

// getDeliveries tells the author of an activity where it has not arrived: at
// which inboxes it is being tried again, and which it will not reach. What has
// arrived is not listed. It is kept for 30 days.
func (a *API) getDeliveries(w http.ResponseWriter, r *http.Request, c *caller) error {
	activity, err := a.activity(r)
	if err != nil {
		return err
	}
	if activity.ActorID != c.actorID {
		return refuse(http.StatusForbidden, "Only the actor can view the deliveries of an activity.")
	}
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page, err := args.page(ctx, func(ctx context.Context, inbox string) (int64, error) {
		f, err := a.db.FailureAt(ctx, activity.ID, inbox)
		if err != nil {
			return 0, err
		}
		return f.ID, nil
	})
	if errors.Is(err, models.ErrNotFound) {
		// It has arrived since the last page was read, and nobody knows where it
		// stood.
		return args.unplaced(r)
	}
	if err != nil {
		return err
	}
	failures, err := a.db.FailuresOf(ctx, activity.ID, page)
	if err != nil {
		return err
	}
	total, err := a.db.CountFailures(ctx, activity.ID)
	if err != nil {
		return err
	}
	address := a.address(r)
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("displayName", "Failed deliveries")
		out.text("url", address)
		out.number("totalItems", total)
		out.key("links")
		out.open('{')
		link(out, "first", vocab.Link{Href: address})
		link(out, "self", vocab.Link{Href: address})
		if n := len(failures); n > 0 {
			pageLinks(out, address, failures[0].Inbox, failures[n-1].Inbox, args.more(n, int(total)))
		}
		out.close('}')
		out.key("items")
		out.open('[')
		for _, f := range failures {
			writeFailure(out, f)
		}
		out.close(']')
		out.close('}')
	})
	return nil
}

func writeFailure(out *writer, f models.DeliveryFailure) {
	out.open('{')
	out.text("inbox", f.Inbox)
	if u, err := url.Parse(f.Inbox); err == nil {
		out.text("host", u.Host)
	}
	out.text("network", f.Network)
	out.text("state", deliveryStates[f.State])
	out.number("attempts", f.Attempts)
	out.text("error", f.Reason)
	out.instant("updated", f.Updated)
	out.instant("next", f.Next)
	out.close('}')
}
