package ostatus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"manifold/bridge"
	"manifold/models"
	"manifold/ostatus/websub"
)

// Tasks about one subscription; the subject is its token.
const (
	// taskPoll reads a feed, taskRenew asks its hub again, taskLeave asks it to stop.
	taskPoll  = "poll"
	taskRenew = "renew"
	taskLeave = "leave"
)

// How much is looked at in a minute.
const (
	tendFeeds = 1000
	tendDue   = 200
)

// tending is how far the look around has come that finds feeds which are read and
// should not be, or the other way round: follows end in many ways.
type tending struct {
	mu    sync.Mutex
	actor int64
	token string
}

// wantedFeeds are those that we read: of people and groups who are followed from here
// and are on no better network.
func (s *Server) wantedFeeds() models.Feeds {
	return models.Feeds{Network: Network, Better: s.bridge.NetworksBefore(Network)}
}

// tendSubscriptions queues what is due: feeds to be read, leases to be renewed.
func (s *Server) tendSubscriptions(ctx context.Context) error {
	s.tending.mu.Lock()
	defer s.tending.mu.Unlock()
	missing, actor, err := s.db.MissingFeeds(ctx, s.wantedFeeds(), s.tending.actor, tendFeeds)
	if err != nil {
		return err
	}
	spare, token, err := s.db.SpareFeeds(ctx, s.wantedFeeds(), s.tending.token, tendFeeds)
	if err != nil {
		return err
	}
	s.tending.actor, s.tending.token = actor, token
	for _, id := range slices.Concat(missing, spare) {
		if err := s.settleSubscription(ctx, id); err != nil {
			return err
		}
	}
	now := s.now()
	return s.db.Write(ctx, func(tx *models.Tx) error {
		polls, err := tx.ClaimPolls(ctx, now, now.Add(pollUntold), tendDue)
		if err != nil {
			return err
		}
		renewals, err := tx.ClaimRenewals(ctx, now, now.Add(askAgain), tendDue)
		if err != nil {
			return err
		}
		var tasks []bridge.Task
		for _, token := range polls {
			tasks = append(tasks, task(taskPoll, token))
		}
		for _, token := range renewals {
			tasks = append(tasks, task(taskRenew, token))
		}
		return s.addTasks(ctx, tx, tasks...)
	})
}

func task(kind, subject string) bridge.Task {
	return bridge.Task{Network: Network, Kind: kind, Subject: subject}
}

func (s *Server) addTasks(ctx context.Context, tx *models.Tx, tasks ...bridge.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	return s.bridge.AddTasks(ctx, tx, tasks...)
}

// settle brings the subscription to the feed of somebody into line with whether
// anybody here follows them, see taskSubscription.
func (s *Server) settle(ctx context.Context, t *bridge.Task) error {
	actor, err := strconv.ParseInt(t.Subject, 10, 64)
	if err != nil {
		return &bridge.Error{Reason: bridge.Invalid, Text: "The subject of the task is no actor."}
	}
	return s.settleSubscription(ctx, actor)
}

// settleSubscription stores that a feed is to be read, or not to be read any more, and
// queues what has to be done for that.
func (s *Server) settleSubscription(ctx context.Context, actor int64) error {
	return s.db.Write(ctx, func(tx *models.Tx) error {
		wanted, err := tx.WantedFeeds(ctx, s.wantedFeeds(), actor)
		if err != nil {
			return err
		}
		row, err := tx.SubscriptionTo(ctx, actor)
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return err
		}
		now := s.now()
		switch {
		case wanted[actor] && row == nil:
			row = &models.Subscription{Token: rand.Text(), ActorID: actor, Created: now, NextPoll: now.Add(pollUntold)}
			err := tx.AddSubscription(ctx, row)
			if errors.Is(err, models.ErrExists) {
				return nil // at the same time
			}
			if err != nil {
				return err
			}
			return s.addTasks(ctx, tx, task(taskPoll, row.Token))
		case wanted[actor] && over(row):
			row.State, row.NextPoll = "", now.Add(pollUntold)
			if err := tx.SetSubscription(ctx, row); err != nil {
				return err
			}
			return s.addTasks(ctx, tx, task(taskPoll, row.Token))
		case wanted[actor] || row == nil || over(row):
			return nil
		case row.Hub == "" || row.State == "":
			return tx.RemoveSubscription(ctx, row.Token)
		}
		sub := asked(row)
		sub.State = websub.Leaving
		s.moveOn(row, &sub)
		keepAsked(row, sub)
		if err := tx.SetSubscription(ctx, row); err != nil {
			return err
		}
		return s.addTasks(ctx, tx, task(taskLeave, row.Token))
	})
}

// leave asks a hub to stop. One that cannot be asked learns it from the answer to what
// it pushes.
func (s *Server) leave(ctx context.Context, t *bridge.Task) error {
	row, err := s.db.Subscription(ctx, t.Subject)
	if errors.Is(err, models.ErrNotFound) || err == nil && websub.State(row.State) != websub.Leaving {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.subscriber(row.ActorID, row.Feed).Unsubscribe(ctx, row.Token)
	if refused, ok := errors.AsType[*websub.HubError](err); err != nil && (ok && !refused.Temporary() || t.Last) {
		return s.forget(ctx, row.Token)
	}
	return err
}

// forget removes a subscription that is not wanted any more.
func (s *Server) forget(ctx context.Context, token string) error {
	return s.db.Write(ctx, func(tx *models.Tx) error {
		row, err := tx.Subscription(ctx, token)
		if errors.Is(err, models.ErrNotFound) || err == nil && !over(row) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.RemoveSubscription(ctx, token)
	})
}

// renew asks a hub for a new lease, or again for the first one.
func (s *Server) renew(ctx context.Context, t *bridge.Task) error {
	row, err := s.db.Subscription(ctx, t.Subject)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return nil
	case err != nil:
		return err
	case over(row):
		return s.forget(ctx, row.Token) // it had its time to confirm
	case row.Hub == "":
		return nil
	}
	return s.ask(ctx, row)
}

// ask asks the hub of a feed for a subscription. Where that is refused, the feed is
// read more often until it names another hub, or this one is asked again.
func (s *Server) ask(ctx context.Context, row *models.Subscription) error {
	_, err := s.subscriber(row.ActorID, row.Feed).Renew(ctx, row.Token)
	if err == nil || errors.Is(err, websub.ErrUnknown) {
		return nil
	}
	s.log.Info("a hub was asked in vain", "hub", row.Hub, "topic", row.Topic, "error", err)
	refused, ok := errors.AsType[*websub.HubError](err)
	return s.db.Write(ctx, func(tx *models.Tx) error {
		row, err := tx.Subscription(ctx, row.Token)
		if errors.Is(err, models.ErrNotFound) || err == nil && over(row) {
			return nil
		}
		if err != nil {
			return err
		}
		now := s.now()
		row.Renew = now.Add(askAgain)
		if ok && !refused.Temporary() {
			row.Reason, row.Renew = fmt.Sprintf("status %d: %s", refused.Status, refused.Text), now.Add(refusedFor)
			if !s.told(row) {
				row.State = string(websub.Refused)
			}
		}
		if next := now.Add(pollUntold); row.NextPoll.After(next) {
			row.NextPoll = next
		}
		return tx.SetSubscription(ctx, row)
	})
}

// sooner has a feed read before its time: something came that may be of its hub, or
// may not.
func (s *Server) sooner(ctx context.Context, token string) error {
	return s.db.Write(ctx, func(tx *models.Tx) error {
		row, err := tx.Subscription(ctx, token)
		if errors.Is(err, models.ErrNotFound) || err == nil && over(row) {
			return nil
		}
		if err != nil {
			return err
		}
		next := s.now()
		if earliest := row.Polled.Add(pollPause); next.Before(earliest) {
			next = earliest
		}
		if !row.NextPoll.After(next) {
			return nil
		}
		row.NextPoll = next
		return tx.SetSubscription(ctx, row)
	})
}
