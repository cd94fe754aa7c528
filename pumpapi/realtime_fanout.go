package pumpapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"manifold/bridge"
	"manifold/models"
)

// occurrence is an activity that came into a stream, and who is to be told.
type occurrence struct {
	bridge.Event
	// late is set for what is told a second time, to those only who are told in
	// order.
	late bool
	to   []*following
}

// tell tells the clients that follow the feeds in which the events are.
func (r *realtime) tell(ctx context.Context, events []bridge.Event) {
	list, err := r.occurrences(ctx, events)
	if err == nil && len(list) > 0 {
		err = r.tellAll(ctx, list)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	r.a.log.Error("telling of new activities", "error", err)
	for _, o := range list {
		for _, f := range o.to {
			f.client.end(endLost)
		}
	}
}

// occurrences finds who is to be told of what, in the order of the streams.
func (r *realtime) occurrences(ctx context.Context, events []bridge.Event) ([]occurrence, error) {
	late, err := r.inOrder(ctx, events)
	var list []occurrence
	for _, e := range events {
		list = append(list, occurrence{Event: e})
	}
	for _, e := range late {
		list = append(list, occurrence{Event: e, late: true})
	}
	slices.SortStableFunc(list, func(a, b occurrence) int { return cmp.Compare(a.Position, b.Position) })
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range list {
		for _, f := range r.feeds[list[i].StreamID] {
			if f.has(list[i].Class) && (f.ordered || !list[i].late) {
				list[i].to = append(list[i].to, f)
			}
		}
	}
	return slices.DeleteFunc(list, func(o occurrence) bool { return len(o.to) == 0 }), err
}

// settled is a position before which nothing more will be told: what was told
// more than settleAfter ago was not overtaken by what came before it.
type settled struct {
	position, waiting, newest int64
	turned                    time.Time
}

const settleAfter = 30 * time.Second

func (s *settled) note(now time.Time, events []bridge.Event) {
	if s.turned.IsZero() && len(events) > 0 {
		// The first ever: as far back as transactions overtake each other.
		s.position = events[0].Position - 1000
		s.waiting, s.newest, s.turned = s.position, s.position, now
	}
	if now.Sub(s.turned) >= settleAfter {
		s.position, s.waiting, s.turned = s.waiting, s.newest, now
	}
	for _, e := range events {
		s.newest = max(s.newest, e.Position)
	}
}

// inOrder returns the events that those who are told in order need before or
// besides these: of two activities that were done at the same moment the second
// may have been told first. What stands in a stream below an item has been
// committed before it, so that one look at the streams finds all of it.
func (r *realtime) inOrder(ctx context.Context, events []bridge.Event) ([]bridge.Event, error) {
	r.mu.Lock()
	r.settled.note(time.Now(), events)
	bound, owners := int64(0), map[models.Stream]map[int64]bool{}
	for _, e := range events {
		for _, f := range r.feeds[e.StreamID] {
			if !f.ordered {
				continue
			}
			f.client.mu.Lock()
			after := max(f.after, r.settled.position)
			f.client.mu.Unlock()
			if len(owners) == 0 || after < bound {
				bound = after
			}
			if owners[e.Stream] == nil {
				owners[e.Stream] = map[int64]bool{}
			}
			owners[e.Stream][e.Owner] = true
		}
	}
	r.mu.Unlock()
	var late []bridge.Event
	for stream, set := range owners {
		ids := make([]int64, 0, len(set))
		for id := range set {
			ids = append(ids, id)
		}
		places, err := r.a.db.PlacesSince(ctx, stream, ids, bound)
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			late = append(late, bridge.Event{StreamID: bridge.StreamID{Owner: p.Owner, Stream: p.Stream}, Activity: p.Activity, Position: p.Position, Class: p.Class})
		}
	}
	return late, nil
}

// tellAll renders the activities and queues them.
func (r *realtime) tellAll(ctx context.Context, list []occurrence) error {
	var ids idSet
	for _, o := range list {
		ids.add(o.Activity)
	}
	shown, err := r.a.newCrowd(ctx, ids.list)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Activity == list[0].Activity {
			n++
		}
		if err := r.tellOne(ctx, shown, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// tellOne tells of one activity in some streams.
func (r *realtime) tellOne(ctx context.Context, shown *crowd, list []occurrence) error {
	activity := shown.activities[list[0].Activity]
	if activity == nil {
		return nil // erased meanwhile
	}
	visible, err := r.visible(ctx, list)
	if err != nil {
		return err
	}
	viewers := map[int64]bool{}
	for _, viewer := range visible {
		viewers[viewer] = true
	}
	updates, err := shown.render(ctx, activity, sortedIDs(viewers))
	if err != nil {
		return err
	}
	// Those who are told in order may stand here twice.
	for _, o := range list {
		for _, f := range o.to {
			if viewer, ok := visible[f]; ok {
				f.tell(updates[viewer], o.Position)
			}
		}
	}
	return nil
}

// visible returns those of the followers who may see an activity where they
// follow, and who they are: the owner of a stream sees all of it, others what is
// public and what else they may see.
func (r *realtime) visible(ctx context.Context, list []occurrence) (map[*following]int64, error) {
	visible := map[*following]int64{}
	// Of outboxes, and of streams that many post to.
	var ask [2]map[int64][]*following
	for _, o := range list {
		for _, f := range o.to {
			viewer := f.client.actorID.Load()
			switch {
			case viewer == 0 && o.Class&models.ClassLimited != 0:
			case viewer == 0 || viewer == o.Owner:
				visible[f] = viewer
			default:
				kind := 0
				if o.Stream != models.Outbox {
					kind = 1
				}
				if ask[kind] == nil {
					ask[kind] = map[int64][]*following{}
				}
				ask[kind][viewer] = append(ask[kind][viewer], f)
			}
		}
	}
	for kind, viewers := range ask {
		if len(viewers) == 0 {
			continue
		}
		seen, err := r.a.db.WhoSees(ctx, []int64{list[0].Activity}, sortedIDs(viewers), kind == 1)
		if err != nil {
			return nil, err
		}
		for s := range seen {
			for _, f := range viewers[s.Viewer] {
				visible[f] = s.Viewer
			}
		}
	}
	return visible, nil
}

func sortedIDs[V any](m map[int64]V) []int64 {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
