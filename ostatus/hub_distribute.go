package ostatus

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/ostatus/websub"
)

const (
	// hubBatch is how many subscribers are delivered to between two writes.
	hubBatch = 500
	// hubAtOnce is how many deliveries of one task are under way, hubPerHost how many
	// of those to one host.
	hubAtOnce  = 100
	hubPerHost = 4
	// hubTurn is how many documents one subscriber gets before the others have their
	// turn.
	hubTurn = 10
	// hubBudget is for how long a task begins deliveries before it leaves the rest to
	// another: it and the last delivery fit into the time of a job.
	hubBudget = 30 * time.Second
	// hubHold is how long subscribers belong to the task that has taken them, which is
	// longer than it may run.
	hubHold = bridge.RescueAfter
	// hubSettle is how long a task that is told to stop may take to write down what it
	// has delivered.
	hubSettle = 10 * time.Second
	// hubLook is how often it is looked whether a host that rests is heard of again.
	hubLook = 20 * time.Minute
	// missingFor is for how long a callback may answer that it is not there (404)
	// before it is taken at its word.
	missingFor = 3 * 24 * time.Hour
)

// retryHub is how long a subscriber waits after so many failures in a row: a minute,
// three times as long each time, and three hours at most, so that one that was down
// for days has what it missed soon after.
func retryHub(failures int64) time.Duration {
	d := math.Min(math.Pow(3, float64(failures-1)), 180) * float64(time.Minute)
	return time.Duration(d * (0.8 + 0.4*rand.Float64()))
}

// distribution brings what is new in one feed to its subscribers. Each document has
// one entry: readers of feeds do not agree on whether the first or the last entry of
// a document comes first. It is written once for all.
type distribution struct {
	s     *Server
	topic string
	owner *models.Actor
	hub   *websub.Hub
	until time.Time
	// taken says that somebody has lacked something.
	taken bool
	// documents are shared with other tasks for the feed.
	documents *documents
}

// distribute brings what is new in a topic to the subscribers that lack it, and with
// catchUp also to those that have failed the last time and are due again.
func (s *Server) distribute(ctx context.Context, topic string, catchUp bool) error {
	owner, err := s.topicOwner(ctx, topic)
	if errors.Is(err, errNoTopic) {
		return s.db.Write(ctx, func(tx *models.Tx) error { return tx.RemoveHubTopic(ctx, topic) })
	}
	if err != nil {
		return err
	}
	if owner.State != models.Active {
		return nil // what is not shown is not sent; the subscribers keep their places
	}
	shared, done := s.written.share(topic)
	defer done()
	d := &distribution{s: s, topic: topic, owner: owner, hub: s.newHub(&hubStore{s: s}), until: time.Now().Add(hubBudget), documents: shared}
	over := true
	if catchUp {
		over, err = d.rounds(ctx, true)
	}
	if err == nil && over {
		over, err = d.rounds(ctx, false)
	}
	if err != nil {
		return err
	}
	if over && !d.taken && !catchUp {
		return nil
	}
	return s.db.Write(ctx, func(tx *models.Tx) error {
		if !over {
			return s.bridge.AddTasks(ctx, tx, bridge.Task{Network: Network, Kind: taskCatchUp, Subject: topic})
		}
		return tx.TidyHub(ctx, topic, s.now())
	})
}

// rounds delivers until nobody lacks anything, and reports whether it came to that.
// What is published while subscribers are taken, their taker brings to them: whoever
// looks meanwhile does not find them.
func (d *distribution) rounds(ctx context.Context, failing bool) (over bool, err error) {
	for {
		now := d.s.now()
		var list []models.HubSubscriber
		var hold int64
		err := d.s.db.Write(ctx, func(tx *models.Tx) (err error) {
			list, hold, err = tx.TakeHub(ctx, models.HubBatch{Topic: d.topic, Failing: failing, Count: hubBatch, Now: now, Until: now.Add(hubHold)})
			return err
		})
		if err != nil || len(list) == 0 {
			return err == nil, err
		}
		d.taken = true
		states, deliveryErr := d.deliver(ctx, list)
		settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), hubSettle)
		err = d.s.db.Write(settling, func(tx *models.Tx) error { return tx.SettleHub(settling, hold, states) })
		cancel()
		if err := errors.Join(deliveryErr, err, ctx.Err()); err != nil {
			return false, err
		}
		if time.Now().After(d.until) {
			return false, nil
		}
	}
}

// deliver brings subscribers what they lack, all at the same time and those on one
// host a few at a time. It returns how each stands.
func (d *distribution) deliver(ctx context.Context, list []models.HubSubscriber) (map[int64]models.HubState, error) {
	states := make(map[int64]models.HubState, len(list))
	byHost := map[string][]models.HubSubscriber{}
	seen := map[int64]bool{}
	var places []int64
	for _, l := range list {
		states[l.ID] = asItWas(l, d.s.now())
		byHost[l.Host] = append(byHost[l.Host], l)
		if !seen[l.Place] {
			seen[l.Place] = true
			places = append(places, l.Place)
		}
	}
	pending, err := d.s.db.HubPending(ctx, d.topic, hubTurn, places...)
	if err != nil {
		return states, err
	}
	var mu sync.Mutex
	var errs []error
	var answered, failed []string
	var all sync.WaitGroup
	slots := make(chan struct{}, hubAtOnce)
	for host, listeners := range byHost {
		all.Go(func() {
			v := d.visit(ctx, host, listeners, pending, slots)
			mu.Lock()
			defer mu.Unlock()
			for id, state := range v.states {
				states[id] = state
			}
			errs = append(errs, v.err)
			switch {
			case v.answered:
				answered = append(answered, host)
			case v.failed:
				failed = append(failed, host)
			}
		})
	}
	all.Wait()
	if err := d.s.bridge.NoteHosts(context.WithoutCancel(ctx), answered, failed); err != nil {
		errs = append(errs, err)
	}
	return states, errors.Join(errs...)
}

// asItWas is how a subscriber stands that nothing was sent to.
func asItWas(l models.HubSubscriber, now time.Time) models.HubState {
	state := models.HubState{Place: l.Place, Failures: l.Failures, Since: l.Since}
	if l.Failures > 0 {
		state.NextTry = now
	}
	return state
}

// visit is what came of the deliveries to one host.
type visit struct {
	states           map[int64]models.HubState
	answered, failed bool
	err              error
}

// visit brings the subscribers on one host what they lack.
func (d *distribution) visit(ctx context.Context, host string, list []models.HubSubscriber, pending map[int64][]models.HubPublication, slots chan struct{}) *visit {
	v := &visit{states: map[int64]models.HubState{}}
	if rests := d.s.bridge.HostRests(host); !rests.IsZero() {
		for _, l := range list {
			state := asItWas(l, d.s.now())
			if state.NextTry = d.s.now().Add(hubLook); rests.Before(state.NextTry) {
				state.NextTry = rests
			}
			v.states[l.ID] = state
		}
		return v
	}
	queue := make(chan models.HubSubscriber, len(list))
	for _, l := range list {
		queue <- l
	}
	close(queue)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range min(hubPerHost, len(list)) {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			for l := range queue {
				b := d.bring(ctx, l, pending[l.Place])
				mu.Lock()
				v.states[l.ID] = b.state
				v.answered, v.failed = v.answered || b.answered, v.failed || b.failed
				v.err = errors.Join(v.err, b.err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return v
}

// brought is what came of the deliveries to one subscriber. failed says that its host
// does not answer.
type brought struct {
	state            models.HubState
	answered, failed bool
	err              error
}

// bring delivers to one subscriber what it lacks, in order, until one thing is not
// taken.
func (d *distribution) bring(ctx context.Context, l models.HubSubscriber, pending []models.HubPublication) brought {
	b := brought{state: asItWas(l, d.s.now())}
	listener := websub.Listener{Topic: l.Topic, Callback: l.Callback, Secret: l.Secret, Algorithm: websub.Algorithm(l.Algorithm), Expires: l.Expires}
	for _, p := range pending {
		if ctx.Err() != nil || time.Now().After(d.until) {
			return b
		}
		feed, err := d.document(ctx, p)
		if err != nil {
			b.err = err
			return b
		}
		if feed == nil {
			b.state.Place = p.Position
			continue
		}
		outcome, err := d.hub.Deliver(ctx, listener, feedType, feed)
		if errors.Is(err, outbound.ErrHostBusy) || ctx.Err() != nil {
			return b // nothing was sent, or nobody has waited for the answer
		}
		d.s.delivered(outcome)
		b.failed = outcome == websub.Failed && !hasAnswered(err)
		b.answered = b.answered || !b.failed && outcome != websub.Expired
		if outcome != websub.Delivered {
			d.refused(ctx, l, &b.state, outcome, err)
			return b
		}
		b.state = models.HubState{Place: p.Position}
	}
	return b
}

// hasAnswered reports whether the error of a delivery is that of a server that is well:
// it does not want this, or not here.
func hasAnswered(err error) bool {
	if status, ok := errors.AsType[*websub.StatusError](err); ok {
		return status.Status < 500
	}
	_, elsewhere := errors.AsType[*outbound.RedirectError](err)
	return elsewhere
}

// refused notes that a subscriber has not taken something.
func (d *distribution) refused(ctx context.Context, l models.HubSubscriber, state *models.HubState, outcome websub.Delivery, err error) {
	now := d.s.now()
	if state.Since.IsZero() {
		state.Since = now
	}
	switch {
	case outcome == websub.Gone, outcome == websub.Expired, outcome == websub.Missing && now.Sub(state.Since) >= missingFor:
		state.Ended = true
		d.s.log.InfoContext(ctx, "a subscription has ended", "topic", l.Topic, "host", l.Host, "reason", outcome.String())
		return
	}
	state.Failures++
	state.NextTry = now.Add(retryHub(state.Failures))
	d.s.log.InfoContext(ctx, "a subscriber did not take what is new", "topic", l.Topic, "host", l.Host, "failures", state.Failures, "next", state.NextTry,
		"reason", outcome.String(), "error", err)
}

// ObserveHub has delivered called for every delivery to a subscriber with what came of
// it ("delivered", "failed", "missing", "gone" or "expired"), and rendered for every
// document that is written for them. It is called before the bridge is started.
func (s *Server) ObserveHub(delivered func(outcome string), rendered func()) {
	s.delivered = func(d websub.Delivery) { delivered(outcomes[d]) }
	s.rendered = rendered
}

var outcomes = map[websub.Delivery]string{websub.Delivered: "delivered", websub.Failed: "failed", websub.Missing: "missing", websub.Gone: "gone",
	websub.Expired: "expired"}
