package bridge

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"manifold/models"
)

// GivenUp says which of the deliveries that were given up are meant: those of one
// activity, those to one host, or all.
type GivenUp struct {
	Activity int64
	// Host has the port where that is not the default one.
	Host string
}

// RetryDeliveries has deliveries made again that were given up, and returns to how
// many inboxes. The hosts count as well from then on, until they fail again.
func (b *Bridge) RetryDeliveries(ctx context.Context, which GivenUp) (int, error) {
	page := models.Page{Count: 200}
	total := 0
	for {
		read := b.db.GivenUpDeliveries
		if which.Activity != 0 {
			read = func(ctx context.Context, p models.Page) ([]models.DeliveryFailure, error) {
				return b.db.FailuresOf(ctx, which.Activity, p)
			}
		}
		list, err := read(ctx, page)
		if err != nil {
			return total, err
		}
		n, err := b.redeliver(ctx, list, which.Host)
		if total += n; err != nil || len(list) < page.Count {
			return total, err
		}
		page.Before = list[len(list)-1].ID
	}
}

// redeliver queues those deliveries of a page anew that were given up and go to a
// host, "" for any.
func (b *Bridge) redeliver(ctx context.Context, page []models.DeliveryFailure, host string) (int, error) {
	type target struct {
		activity      int64
		network, host string
	}
	groups := map[target][]string{}
	var ids []int64
	var hosts []string
	var jobs []river.InsertManyParams
	for _, f := range page {
		at := hostOfName(f.Inbox)
		if f.State != models.GivenUp || host != "" && at != host {
			continue
		}
		ids = append(ids, f.ID)
		if f.Network != "" {
			groups[target{f.ActivityID, f.Network, at}] = append(groups[target{f.ActivityID, f.Network, at}], f.Inbox)
			hosts = append(hosts, at)
			continue
		}
		// It was not found out how somebody is reached.
		actor, err := b.db.LookupKind(ctx, models.KindActor, f.Inbox)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return 0, err
		}
		jobs = append(jobs, river.InsertManyParams{Args: reachArgs{Activity: f.ActivityID, Actor: actor}})
	}
	for t, inboxes := range groups {
		jobs = append(jobs, river.InsertManyParams{Args: deliverArgs{Network: t.network, Activity: t.activity, Inboxes: inboxes, Again: true}})
	}
	if len(jobs) == 0 {
		return 0, nil
	}
	err := b.db.Write(ctx, func(tx *models.Tx) error {
		if err := tx.ReviveFailures(ctx, b.time(), ids...); err != nil {
			return err
		}
		if err := tx.HealHosts(ctx, unique(hosts)...); err != nil {
			return err
		}
		tx.AfterCommit(func() { b.hosts.heal(hosts...) })
		return b.queue.insert(ctx, tx, jobs)
	})
	if err != nil {
		return 0, err
	}
	return len(ids), nil
}
