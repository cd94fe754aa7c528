package bridge

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/bcrypt"

	"manifold/models"
)

// Presets are programs and accounts that the operator wants to exist with keys
// that scripts know.
type Presets struct {
	Clients  []PresetClient
	Accounts []PresetAccount
}

// PresetClient is a program. Title may be empty.
type PresetClient struct{ ID, Secret, Title string }

// PresetAccount is a person and what programs act with for them.
type PresetAccount struct {
	Nickname, Password string
	Tokens             []PresetToken
}

// PresetToken is a token for a program that is preset or known otherwise. With a
// scope it is a bearer token of OAuth 2, else one of OAuth 1.0a with a secret.
type PresetToken struct {
	Token, Secret, ClientID string
	Scope                   models.Scope
}

// Preset makes what of p does not exist and changes what is otherwise, each
// program and each account in a transaction of its own. What is as it should be
// is only read, so that it may be called at every start. An account that was
// deleted stays so. Errors name the program or person, never a secret.
func (b *Bridge) Preset(ctx context.Context, p Presets) error {
	for _, c := range p.Clients {
		if err := b.presetClient(ctx, c); err != nil {
			return fmt.Errorf("preset program %s: %w", c.ID, err)
		}
	}
	for _, a := range p.Accounts {
		err := b.presetAccount(ctx, a)
		if e, ok := errors.AsType[*Error](err); ok && e.Reason == Exists {
			err = b.presetAccount(ctx, a) // another process made it meanwhile
		}
		if err != nil {
			return fmt.Errorf("preset account %s: %w", a.Nickname, err)
		}
	}
	return nil
}

func (b *Bridge) presetClient(ctx context.Context, c PresetClient) error {
	known, err := b.db.Client(ctx, c.ID)
	if err == nil && known.Secret == c.Secret && known.ApplicationName == c.Title {
		return nil
	}
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	return b.db.Write(ctx, func(tx *models.Tx) error {
		known, err := tx.Client(ctx, c.ID)
		if errors.Is(err, models.ErrNotFound) {
			return tx.InsertClient(ctx, &models.Client{ClientID: c.ID, Secret: c.Secret, ApplicationName: c.Title, Created: b.time(), Updated: b.time()})
		}
		if err != nil {
			return err
		}
		known.ApplicationName, known.Updated = c.Title, b.time()
		if err := tx.UpdateClient(ctx, known); err != nil {
			return err
		}
		return tx.SetClientSecret(ctx, c.ID, c.Secret, b.time())
	})
}

func (b *Bridge) presetAccount(ctx context.Context, p PresetAccount) error {
	account, err := b.db.AccountByNickname(ctx, p.Nickname)
	switch {
	case errors.Is(err, models.ErrNotFound):
		_, err := b.Register(ctx, Registration{Nickname: p.Nickname, Password: p.Password, EmailConfirmed: true,
			Within: func(ctx context.Context, tx *models.Tx, a *models.Account) error {
				return b.presetTokens(ctx, tx, p, a.ActorID)
			}})
		return err
	case err != nil:
		return err
	case account.State == models.Deleted:
		b.log.WarnContext(ctx, "a preset account was deleted and stays so", "nickname", p.Nickname)
		return nil
	}
	// To hash costs as much as to compare, and a new hash would be a new row.
	hash := ""
	if bcrypt.CompareHashAndPassword([]byte(account.PasswordHash), []byte(p.Password)) != nil {
		if hash, err = HashPassword(p.Password); err != nil {
			return err
		}
	}
	same, err := b.hasTokens(ctx, p, account.ActorID)
	if err != nil || same && hash == "" {
		return err
	}
	return b.changeAccount(ctx, p.Nickname, func(ctx context.Context, tx *models.Tx, a *models.Account) error {
		if hash != "" {
			a.PasswordHash = hash
			if err := tx.RemoveSessions(ctx, a.ActorID); err != nil {
				return err
			}
		}
		return b.presetTokens(ctx, tx, p, a.ActorID)
	})
}

// hasTokens reports whether a person has all tokens as they should be.
func (b *Bridge) hasTokens(ctx context.Context, p PresetAccount, actor int64) (bool, error) {
	for _, want := range p.Tokens {
		same, err := false, error(nil)
		if want.Scope == 0 {
			var t *models.AccessToken
			t, err = b.db.AccessTokenOf(ctx, actor, want.ClientID)
			same = err == nil && t.Token == want.Token && t.Secret == want.Secret
		} else {
			var t *models.Bearer
			t, err = b.db.Bearer(ctx, want.Token)
			same = err == nil && t.ActorID == actor && t.ClientID == want.ClientID && t.Scope == want.Scope
		}
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return false, err
		}
		if !same {
			return false, nil
		}
	}
	return true, nil
}

func (b *Bridge) presetTokens(ctx context.Context, tx *models.Tx, p PresetAccount, actor int64) error {
	for i, t := range p.Tokens {
		_, err := tx.Client(ctx, t.ClientID)
		if errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("token %d is for the program %s, which is neither preset nor known", i+1, t.ClientID)
		}
		if err != nil {
			return err
		}
		if t.Scope == 0 {
			err = tx.SetAccessToken(ctx, &models.AccessToken{Token: t.Token, Secret: t.Secret, ClientID: t.ClientID, ActorID: actor, Created: b.time()})
		} else {
			err = tx.SetBearerToken(ctx, t.Token, &models.BearerToken{ClientID: t.ClientID, ActorID: actor, Scope: t.Scope, Created: b.time()})
		}
		if errors.Is(err, models.ErrExists) {
			return fmt.Errorf("token %d (program %s) is in use by somebody else", i+1, t.ClientID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
