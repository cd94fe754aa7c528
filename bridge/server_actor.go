package bridge

import (
	"context"
	"errors"

	"manifold/models"
)

// ServerActor is the server itself as an actor, which vouches for what nobody in
// particular asks other servers for. It is made when first needed.
func (b *Bridge) ServerActor(ctx context.Context) (*models.Actor, error) {
	actor, err := b.db.ActorByIRI(ctx, b.names.Base+"/")
	if !errors.Is(err, models.ErrNotFound) {
		return actor, err
	}
	err = b.db.Write(ctx, func(tx *models.Tx) (err error) {
		actor, err = b.siteActor(ctx, tx)
		return err
	})
	return actor, err
}
