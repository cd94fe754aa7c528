package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"manifold/models"
)

const (
	// staleAfter is how long it is taken for true how somebody elsewhere is reached.
	staleAfter = 24 * time.Hour
	// resolveTime bounds the search for one account, through all networks.
	resolveTime = 45 * time.Second
)

// Resolve returns the actor whom a name stands for: user@host, acct:user@host or
// an address. Whoever is elsewhere and not known, or not asked about for a day, is
// looked for on the networks in their order, and introduced. It returns
// [ErrUnknownAccount] when all of them say that there is no such account. What
// failed is asked anew the next time.
func (b *Bridge) Resolve(ctx context.Context, name string) (*models.Actor, error) {
	if spelled, ok := acct(name); ok {
		name = spelled
	}
	if b.names.Ours(name) {
		return b.resolveOurs(ctx, name)
	}
	known, fresh, err := b.recall(ctx, name)
	if fresh || err != nil {
		return known, err
	}
	// Many may ask for the same name at once, and who gives up first ends it for
	// nobody else.
	asked := b.resolving.DoChan(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTime)
		defer cancel()
		return b.discover(ctx, name)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-asked:
		if r.Err == nil {
			return r.Val.(*models.Actor), nil
		}
		err = r.Err
	}
	if known != nil && !errors.Is(err, ErrUnknownAccount) {
		// That a server does not answer today makes nobody unknown.
		if reached, e := b.reached(ctx, known.ID); e != nil || reached {
			return known, e
		}
	}
	return nil, err
}

func (b *Bridge) resolveOurs(ctx context.Context, name string) (*models.Actor, error) {
	actor, err := b.db.ActorByIRI(ctx, name)
	if nick := b.names.Nickname(name); errors.Is(err, models.ErrNotFound) && nick != "" {
		var account *models.Account
		if account, err = b.db.AccountByNickname(ctx, nick); err == nil {
			actor, err = b.db.Actor(ctx, account.ActorID)
		}
	}
	if errors.Is(err, models.ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", name, ErrUnknownAccount)
	}
	return actor, err
}

// recall returns who is known by a name, nil for nobody, and whether that is so
// fresh that nobody has to be asked.
func (b *Bridge) recall(ctx context.Context, name string) (known *models.Actor, fresh bool, err error) {
	known, err = b.db.ActorByIRI(ctx, name)
	if errors.Is(err, models.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	presences, err := b.db.PresencesOf(ctx, known.ID)
	for _, n := range b.networks {
		p := presences[n.Name()]
		fresh = fresh || p.ActorID != 0 && b.time().Sub(p.Verified) < staleAfter
	}
	return known, fresh || known.State != models.Active, err
}

// reached reports whether an actor is known on a network of ours.
func (b *Bridge) reached(ctx context.Context, actor int64) (bool, error) {
	presences, err := b.db.PresencesOf(ctx, actor)
	for _, n := range b.networks {
		if presences[n.Name()].ActorID != 0 {
			return true, nil
		}
	}
	return false, err
}

// discover asks the networks for an account, in their order, and introduces it.
func (b *Bridge) discover(ctx context.Context, name string) (*models.Actor, error) {
	if err := b.RefuseHost(ctx, hostOfName(name)); err != nil {
		return nil, fmt.Errorf("looking for %s: %w", name, err)
	}
	var failed error
	for _, n := range b.networks {
		account, err := n.Discover(ctx, name)
		if err == nil {
			return b.Introduce(ctx, account, nil)
		}
		if !errors.Is(err, ErrUnknownAccount) {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", n.Name(), err))
		}
	}
	if failed != nil {
		return nil, fmt.Errorf("looking for %s: %w", name, failed)
	}
	return nil, fmt.Errorf("%s: %w", name, ErrUnknownAccount)
}

// hostOfName is the host that would be asked for an account.
func hostOfName(name string) string {
	if _, host, ok := account(name); ok {
		return host
	}
	return hostOf(name)
}
