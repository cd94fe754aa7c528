package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Account is a person who can log in here. Its profile is the actor of the same
// id.
type Account struct {
	ActorID      int64
	Nickname     string
	PasswordHash string
	Email        string
	Admin        bool
	State        State
	// Settings is whatever clients keep there, a JSON object.
	Settings         json.RawMessage
	Created, Updated time.Time
}

// Fold returns the form of a nickname under which it is unique: without regard
// to case and to characters that Unicode calls compatible.
func Fold(nickname string) string {
	// Folding takes some characters apart, and not in the normal order.
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(nickname)))
}

const accountColumns = "actor_id, nickname, password_hash, email, admin, state, settings, created, updated"

func scanAccount(r *sql.Rows) (*Account, error) {
	a := new(Account)
	var created, updated int64
	var settings []byte
	err := r.Scan(&a.ActorID, &a.Nickname, &a.PasswordHash, &a.Email, &a.Admin, &a.State, &settings, &created, &updated)
	a.Settings, a.Created, a.Updated = settings, fromMillis(created), fromMillis(updated)
	return a, err
}

func (c *conn) account(ctx context.Context, where string, arg any) (*Account, error) {
	var found *Account
	err := c.each(ctx, "SELECT "+accountColumns+" FROM accounts WHERE "+where, []any{arg}, func(r *sql.Rows) (err error) {
		found, err = scanAccount(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading an account: %w", err)
	}
	if found == nil {
		return nil, ErrNotFound
	}
	return found, nil
}

// AccountByNickname returns the account with a nickname, whatever the case of
// its letters, or [ErrNotFound].
func (c *conn) AccountByNickname(ctx context.Context, nickname string) (*Account, error) {
	return c.account(ctx, "nickname_folded = ?", Fold(nickname))
}

// Account returns the account of an actor, or [ErrNotFound].
func (c *conn) Account(ctx context.Context, actor int64) (*Account, error) {
	return c.account(ctx, "actor_id = ?", actor)
}

// Accounts returns a page of the accounts in use, ordered by the id of their
// actor, and how many there are in all.
func (c *conn) Accounts(ctx context.Context, p Page) ([]*Account, int, error) {
	where, args := p.bounds("actor_id")
	var list []*Account
	err := c.each(ctx, "SELECT "+accountColumns+" FROM accounts WHERE state = 0"+where+p.cut("actor_id"),
		args, func(r *sql.Rows) error {
			a, err := scanAccount(r)
			list = append(list, a)
			return err
		})
	if err != nil {
		return nil, 0, fmt.Errorf("listing accounts: %w", err)
	}
	var total int
	if _, err := c.get(ctx, "SELECT COUNT(*) FROM accounts WHERE state = 0", nil, &total); err != nil {
		return nil, 0, fmt.Errorf("counting accounts: %w", err)
	}
	return newestFirst(p, list), total, nil
}

// AllAccounts returns a page of all accounts that are not deleted, suspended
// ones included, ordered by the id of their actor.
func (c *conn) AllAccounts(ctx context.Context, p Page) ([]*Account, error) {
	where, args := p.bounds("actor_id")
	var list []*Account
	err := c.each(ctx, "SELECT "+accountColumns+" FROM accounts WHERE state <> 2"+where+p.cut("actor_id"),
		args, func(r *sql.Rows) error {
			a, err := scanAccount(r)
			list = append(list, a)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return newestFirst(p, list), nil
}

// CreateAccount stores a new account, or returns [ErrExists] when its nickname
// is taken.
func (tx *Tx) CreateAccount(ctx context.Context, a *Account) error {
	if len(a.Settings) == 0 {
		a.Settings = json.RawMessage("{}")
	}
	n, err := tx.exec(ctx, `INSERT INTO accounts (actor_id, nickname, nickname_folded, password_hash, email, admin, state, settings, created, updated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (nickname_folded) DO NOTHING`,
		a.ActorID, a.Nickname, Fold(a.Nickname), a.PasswordHash, a.Email, a.Admin, a.State, string(a.Settings), millis(a.Created), millis(a.Updated))
	if err != nil {
		return fmt.Errorf("storing an account: %w", err)
	}
	if n == 0 {
		return ErrExists
	}
	return nil
}

// UpdateAccount stores everything about an account that can change.
func (tx *Tx) UpdateAccount(ctx context.Context, a *Account) error {
	_, err := tx.exec(ctx, "UPDATE accounts SET password_hash = ?, email = ?, admin = ?, state = ?, settings = ?, updated = ? WHERE actor_id = ?",
		a.PasswordHash, a.Email, a.Admin, a.State, string(a.Settings), millis(a.Updated), a.ActorID)
	if err != nil {
		return fmt.Errorf("storing an account: %w", err)
	}
	return nil
}
