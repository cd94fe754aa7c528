package ostatus

import (
	"context"
	"errors"

	"manifold/bridge"
)

// The tasks of the network.
const (
	// taskVerify asks a subscriber whether it meant a request; the subject is its id.
	taskVerify = "hub-verify"
	// taskPublish brings what is new in a topic to its subscribers, taskCatchUp also to
	// those that have failed.
	taskPublish, taskCatchUp = "hub-publish", "hub-catch-up"
)

// Do implements [bridge.Tasker].
func (s *Server) Do(ctx context.Context, t *bridge.Task) error {
	switch t.Kind {
	case taskVerify:
		return s.verifySubscriber(ctx, t)
	case taskPublish:
		return s.distribute(ctx, t.Subject, false)
	case taskCatchUp:
		return s.distribute(ctx, t.Subject, true)
	case taskSubscription:
		return s.settle(ctx, t)
	case taskPoll:
		return s.poll(ctx, t.Subject)
	case taskRenew:
		return s.renew(ctx, t)
	case taskLeave:
		return s.leave(ctx, t)
	}
	return &bridge.Error{Reason: bridge.Invalid, Text: "There is no task of the kind " + t.Kind + " on OStatus."}
}

// Tend implements [bridge.Tender].
func (s *Server) Tend(ctx context.Context) error {
	return errors.Join(s.tendHub(ctx), s.tendSubscriptions(ctx))
}
