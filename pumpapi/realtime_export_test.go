package pumpapi

import (
	"context"
	"time"

	"manifold/bridge"
	"manifold/models"
)

// DecodeFrame and DecodeCommand read what clients of the realtime service send.
func DecodeFrame(frame []byte) ([]string, error) { return decodeFrame(frame) }

// DecodeCommand returns the command and the header that its signature makes.
func DecodeCommand(text string) (cmd, header string, err error) {
	c, err := decodeCommand(text)
	return c.Cmd, c.Message.Parameters.header(), err
}

// Bounds of the realtime service.
const (
	MaxFrame     = maxFrame
	MaxFeeds     = maxFeeds
	MaxOfAccount = maxOfAccount
	IdleAfter    = idleAfter
	MaxBacklog   = maxBacklog
	MaxAnswer    = maxAnswer
)

// Hasten makes the realtime service less patient.
func (a *API) Hasten(heartbeat, writeWithin time.Duration) {
	a.realtime.heartbeat, a.realtime.writeWithin = heartbeat, writeWithin
}

// Deafen sets how long the client of a WebSocket may leave pings unanswered.
func (a *API) Deafen(after time.Duration) { a.realtime.deafAfter = after }

// EndIdle ends the connections that want nothing, at some time.
func (a *API) EndIdle(now time.Time) { a.realtime.endIdle(now) }

// Recheck ends the connections that have lost their rights.
func (a *API) Recheck(ctx context.Context) error { return a.realtime.recheck(ctx) }

// Beat sends the heartbeats of all seconds.
func (a *API) Beat() {
	for second := range heartbeatSeconds {
		a.realtime.beat(second)
	}
}

// Connections is how many there are.
func (a *API) Connections() int { return len(a.realtime.everybody()) }

// Kinds counts the connections of those who only follow, of those who have done
// nothing yet, and of those who are known.
func (a *API) Kinds() (strangers, newcomers, known int) {
	a.realtime.mu.Lock()
	defer a.realtime.mu.Unlock()
	for id, n := range a.realtime.accounts {
		if id == 0 {
			newcomers += n
		} else {
			known += n
		}
	}
	return a.realtime.strangers, newcomers, known
}

// Happened tells the realtime service of activities in streams, in this order.
func (a *API) Happened(ctx context.Context, events ...bridge.Event) { a.realtime.tell(ctx, events) }

// Place is where an activity stands in a stream, as it is told of.
func (a *API) Place(ctx context.Context, owner int64, s models.Stream, iri string) (bridge.Event, error) {
	id, err := a.db.LookupKind(ctx, models.KindActivity, iri)
	if err != nil {
		return bridge.Event{}, err
	}
	places, err := a.db.PlacesOf(ctx, []int64{id}, []int64{owner})
	for _, p := range places {
		if p.Stream == s {
			return bridge.Event{StreamID: bridge.StreamID{Owner: owner, Stream: s}, Activity: id, Position: p.Position, Class: p.Class}, err
		}
	}
	return bridge.Event{}, err
}
