package bridge

import (
	"context"

	"manifold/models"
	"manifold/models/vocab"
)

// Depart ends what follows and memberships there are to and from somebody elsewhere
// whose server says that the account is gone. There is nobody left to be told of it.
func (b *Bridge) Depart(ctx context.Context, actor int64) error {
	ended := 0
	for {
		var found int
		err := b.db.Write(ctx, func(tx *models.Tx) error {
			gone, err := tx.Actor(ctx, actor)
			if err != nil || gone.Local {
				return err
			}
			relations, err := tx.Relations(ctx, actor, endedAtOnce)
			if err != nil {
				return err
			}
			found = len(relations)
			op := newOperation(b, tx, gone, &vocab.Activity{})
			for _, e := range relations {
				if err := op.endRelation(ctx, e.Kind, e.ActorID, e.TargetID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if ended += found; found < endedAtOnce {
			break
		}
	}
	if ended > 0 {
		b.log.Info("ended follows of an account that is gone", "actor", actor, "follows", ended)
	}
	return nil
}
