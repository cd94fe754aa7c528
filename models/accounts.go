package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
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
	// Email may be empty. EmailConfirmed is when somebody proved to read what is
	// mailed there, zero until then.
	Email          string
	EmailConfirmed time.Time
	Admin          bool
	State          State
	// Settings is whatever clients keep there, a JSON object.
	Settings         json.RawMessage
	Created, Updated time.Time
}

// Fold returns the form of a nickname under which it is unique, and of a mail
// address under which it is found: without regard to case and to characters that
// Unicode calls compatible.
func Fold(nickname string) string {
	// Folding takes some characters apart, and not in the normal order.
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(nickname)))
}

// Notified reports whether mail about what is addressed to the person is
// wanted and possible. It is, unless the settings say so:
// {"mail": {"notifications": false}}.
func (a *Account) Notified() bool {
	var settings struct {
		Mail struct{ Notifications any }
	}
	// What clients of other minds keep there is no wish about mail.
	_ = json.Unmarshal(a.Settings, &settings)
	return settings.Mail.Notifications != false && a.Email != "" && !a.EmailConfirmed.IsZero()
}

const accountColumns = "actor_id, nickname, password_hash, email, email_confirmed, admin, state, settings, created, updated"

func scanAccount(r *sql.Rows) (*Account, error) {
	a := new(Account)
	var confirmed, created, updated int64
	var settings []byte
	err := r.Scan(&a.ActorID, &a.Nickname, &a.PasswordHash, &a.Email, &confirmed, &a.Admin, &a.State, &settings, &created, &updated)
	a.Settings, a.EmailConfirmed, a.Created, a.Updated = settings, fromMillis(confirmed), fromMillis(created), fromMillis(updated)
	return a, err
}

func (c *conn) account(ctx context.Context, where string, arg any) (*Account, error) {
	list, err := c.accounts(ctx, where, arg)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNotFound
	}
	return list[0], nil
}

func (c *conn) accounts(ctx context.Context, where string, arg any) ([]*Account, error) {
	var list []*Account
	err := c.each(ctx, "SELECT "+accountColumns+" FROM accounts WHERE "+where, []any{arg}, func(r *sql.Rows) error {
		a, err := scanAccount(r)
		list = append(list, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading an account: %w", err)
	}
	return list, nil
}

// AccountByNickname returns the account with a nickname, whatever the case of
// its letters, or [ErrNotFound].
func (c *conn) AccountByNickname(ctx context.Context, nickname string) (*Account, error) {
	return c.account(ctx, "nickname_folded = ?", Fold(nickname))
}

// AccountToChange is [DB.AccountByNickname] for a transaction that stores the
// account afterwards: what nobody else can change in between.
func (tx *Tx) AccountToChange(ctx context.Context, nickname string) (*Account, error) {
	where := "nickname_folded = ?"
	if tx.db.dialect == Postgres {
		where += " FOR UPDATE"
	}
	return tx.account(ctx, where, Fold(nickname))
}

// AccountsByEmail returns the accounts in use whose owners have confirmed this
// address, whatever the case of its letters, at most count of them.
func (c *conn) AccountsByEmail(ctx context.Context, email string, count int) ([]*Account, error) {
	return c.accounts(ctx, "email_folded = ? AND email_confirmed <> 0 AND state = 0 ORDER BY actor_id LIMIT "+strconv.Itoa(count), Fold(email))
}

// NotifiedOf returns those of some people who are to get mail about an activity
// that is addressed to them: they want it, did not do it themselves, and have it in
// their inbox, where nothing comes of what they may not see, nor past a block. One
// that they have made since counts too.
func (c *conn) NotifiedOf(ctx context.Context, people []int64, a *Activity) ([]*Account, error) {
	var list []*Account
	err := c.eachIn(ctx, "SELECT "+accountColumns+` FROM accounts WHERE actor_id IN ? AND notified AND state = 0 AND actor_id <> ?
		AND EXISTS (SELECT 1 FROM stream_items i WHERE i.owner_id = accounts.actor_id AND i.kind = 1 AND i.activity_id = ?)
		AND NOT EXISTS (SELECT 1 FROM edges b WHERE b.actor_id = accounts.actor_id AND b.target_id = ? AND b.kind = 5)`,
		people, func(r *sql.Rows) error {
			a, err := scanAccount(r)
			list = append(list, a)
			return err
		}, a.ActorID, a.ID, a.ActorID)
	if err != nil {
		return nil, fmt.Errorf("finding whom to notify: %w", err)
	}
	return list, nil
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
	n, err := tx.exec(ctx, `INSERT INTO accounts (actor_id, nickname, nickname_folded, password_hash, email, email_folded, email_confirmed, notified, admin, state,
			settings, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (nickname_folded) DO NOTHING`,
		a.ActorID, a.Nickname, Fold(a.Nickname), a.PasswordHash, a.Email, Fold(a.Email), millis(a.EmailConfirmed), a.Notified(), a.Admin, a.State,
		string(a.Settings), millis(a.Created), millis(a.Updated))
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
	_, err := tx.exec(ctx, `UPDATE accounts SET password_hash = ?, email = ?, email_folded = ?, email_confirmed = ?, notified = ?, admin = ?, state = ?,
			settings = ?, updated = ? WHERE actor_id = ?`,
		a.PasswordHash, a.Email, Fold(a.Email), millis(a.EmailConfirmed), a.Notified(), a.Admin, a.State, string(a.Settings), millis(a.Updated), a.ActorID)
	if err != nil {
		return fmt.Errorf("storing an account: %w", err)
	}
	return nil
}
