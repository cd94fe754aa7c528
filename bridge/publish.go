package bridge

import (
	"context"

	"manifold/models"
)

// Publisher is a network on which people are followed by reading their feed: what
// is for everybody is not delivered to each follower, but published once for all
// of them.
type Publisher interface {
	// Publish is told of everything new that people here do, and of what others say
	// to groups of ours, in the transaction that stores it. It reports whether the
	// followers and members on its network, if there are any, hear of the activity by
	// what it publishes, so that nothing is delivered to them. What is published has
	// to be queued by the same transaction.
	Publish(ctx context.Context, tx *models.Tx, a *models.Activity) (published bool, err error)
}

// publish tells the networks that publish of the activity, and returns the names of
// those whose followers hear of it by that.
func (op *operation) publish(ctx context.Context) ([]string, error) {
	if op.unseen {
		return nil, nil
	}
	var published []string
	for _, n := range op.b.networks {
		p, ok := n.(Publisher)
		if !ok {
			continue
		}
		done, err := p.Publish(ctx, op.tx, op.row)
		if err != nil {
			return nil, err
		}
		if done {
			published = append(published, n.Name())
		}
	}
	return published, nil
}
