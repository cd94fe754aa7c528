package bridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"manifold/internal/mail"
	"manifold/models"
)

// How long what was mailed is good for.
const (
	confirmWithin = 7 * 24 * time.Hour
	recoverWithin = 24 * time.Hour
	// mailAgainAfter is the least time between two mails with a code, so that
	// nobody can fill the mailbox of another.
	mailAgainAfter = 2 * time.Minute
)

var (
	// ErrBadCode means that nothing that was mailed looks like this, or that it has
	// expired, was used, or was replaced by a later mail.
	ErrBadCode = &Error{Reason: Invalid, Text: "This link is unknown, was used, or is too old."}
	// ErrConfirmed means that the address was confirmed by this code before.
	ErrConfirmed = &Error{Reason: Exists, Text: "This email address is confirmed already."}
	// ErrOthersCode means that a code is for somebody else than who is logged in.
	ErrOthersCode = &Error{Reason: NotAllowed, Text: "This link is for another account than the one that you are logged in with."}
	// ErrNoEmail means that an account has no confirmed address that a new
	// password could be set by.
	ErrNoEmail = &Error{Reason: Invalid, Text: "This account has no confirmed email address. Ask whoever runs this server."}
	// ErrMailed means that a mail that is still good was sent before.
	ErrMailed = &Error{Reason: Exists, Text: "A mail was sent already. Its link is good for a day."}
	// ErrMailedJustNow means that a mail was sent so recently that not even who
	// insists gets another.
	ErrMailedJustNow = &Error{Reason: Exists, Text: "A mail was sent a moment ago. Wait a little before you ask for another."}
)

func codeDigest(code string) []byte {
	d := sha256.Sum256([]byte(code))
	return d[:]
}

// mailCode queues the mail that brings somebody a code.
func (b *Bridge) mailCode(ctx context.Context, tx *models.Tx, account *models.Account, purpose models.CodePurpose) error {
	within := confirmWithin
	if purpose == models.RecoverPassword {
		within = recoverWithin
	}
	code := &models.Code{ActorID: account.ActorID, Purpose: purpose, Created: b.time(), Expires: b.time().Add(within)}
	if err := tx.ReplaceCode(ctx, code); err != nil {
		return err
	}
	return b.queue.insert(ctx, tx, []river.InsertManyParams{{Args: mailCodeArgs{Code: code.ID}}})
}

// mailCodeArgs is a code on its way to the person, without what is mailed: that is
// made by the worker. The id is written as a string, since the queue passes numbers
// through floating point on PostgreSQL.
type mailCodeArgs struct {
	Code int64 `json:"code,string"`
}

// Kind implements river.JobArgs.
func (mailCodeArgs) Kind() string { return "mail-code" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (mailCodeArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: mailQueue} }

type mailCodeWorker struct {
	river.WorkerDefaults[mailCodeArgs]
	b *Bridge
}

// Work makes something that is good for the code and mails it. An attempt that
// fails may have succeeded without our knowing, so what it mailed stays good.
func (w *mailCodeWorker) Work(ctx context.Context, job *river.Job[mailCodeArgs]) error {
	b := w.b
	code, err := b.db.Code(ctx, job.Args.Code)
	if errors.Is(err, models.ErrNotFound) || err == nil && !b.good(code) {
		return nil // it was replaced, used, or has expired
	}
	if err != nil {
		return err
	}
	account, err := b.db.Account(ctx, code.ActorID)
	if err != nil {
		return err
	}
	if account.State != models.Active || account.Email == "" {
		return nil
	}
	secret := NewToken()
	err = b.db.Write(ctx, func(tx *models.Tx) error { return tx.AddCodeCopy(ctx, code.ID, codeDigest(secret)) })
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	letter := b.confirmationLetter(account, secret)
	if code.Purpose == models.RecoverPassword {
		letter = b.recoveryLetter(account, secret)
	}
	m, err := letter.message(account.Email)
	if err != nil {
		return err
	}
	m.ID = fmt.Sprintf("code.%d", code.ID)
	if err := b.mail.Send(ctx, m); err != nil {
		return b.undelivered(err, letter.Subject, account.Nickname)
	}
	return nil
}

func (b *Bridge) good(c *models.Code) bool { return !c.Used && c.Expires.After(b.time()) }

// ConfirmEmail confirms the address that a code was mailed to, and returns its
// account. as is who is logged in where it is followed, 0 for nobody. It returns
// [ErrBadCode], [ErrConfirmed] or [ErrOthersCode].
func (b *Bridge) ConfirmEmail(ctx context.Context, secret string, as int64) (*models.Account, error) {
	code, account, err := b.codeOf(ctx, secret, models.ConfirmEmail)
	switch {
	case err != nil:
		return nil, err
	case as != 0 && as != code.ActorID:
		return nil, ErrOthersCode
	case code.Used:
		return nil, ErrConfirmed
	case !b.good(code):
		return nil, ErrBadCode
	}
	err = b.changeAccount(ctx, account.Nickname, func(ctx context.Context, tx *models.Tx, a *models.Account) error {
		account = a
		a.EmailConfirmed = b.time()
		return b.useCode(ctx, tx, code)
	})
	if err != nil {
		return nil, err
	}
	return account, nil
}

// useCode ends a code inside of the transaction of what it is used for, of two at
// the same time the one that is first.
func (b *Bridge) useCode(ctx context.Context, tx *models.Tx, code *models.Code) error {
	if err := tx.UseCode(ctx, code.ID); !errors.Is(err, models.ErrNotFound) {
		return err
	}
	return ErrBadCode
}

// codeOf returns the code that something mailed is good for, and whose it is. It
// may have been used or have expired.
func (b *Bridge) codeOf(ctx context.Context, secret string, purpose models.CodePurpose) (*models.Code, *models.Account, error) {
	code, err := b.db.CodeByDigest(ctx, codeDigest(secret))
	if errors.Is(err, models.ErrNotFound) || err == nil && code.Purpose != purpose {
		return nil, nil, ErrBadCode
	}
	if err != nil {
		return nil, nil, err
	}
	account, err := b.db.Account(ctx, code.ActorID)
	if errors.Is(err, models.ErrNotFound) || err == nil && account.State != models.Active {
		return nil, nil, ErrBadCode
	}
	return code, account, err
}

// Recover mails somebody a link to set a new password by. Without force that is
// not done while an earlier one is good: [ErrMailed]. It returns a refusal with the
// reason Missing where there is no such account, [ErrNoEmail] where it cannot be
// mailed to, [ErrMailedJustNow], and [ErrNoMail].
func (b *Bridge) Recover(ctx context.Context, nickname string, force bool) error {
	if b.mail == nil {
		return ErrNoMail
	}
	return b.db.Write(ctx, func(tx *models.Tx) error {
		account, err := tx.AccountToChange(ctx, nickname)
		if errors.Is(err, models.ErrNotFound) || err == nil && account.State != models.Active {
			return missing("user", nickname)
		}
		if err != nil {
			return err
		}
		return b.recoverAccount(ctx, tx, account, force)
	})
}

func (b *Bridge) recoverAccount(ctx context.Context, tx *models.Tx, account *models.Account, force bool) error {
	if account.Email == "" || account.EmailConfirmed.IsZero() {
		return ErrNoEmail
	}
	code, err := tx.CodeOf(ctx, account.ActorID, models.RecoverPassword)
	switch {
	case errors.Is(err, models.ErrNotFound):
	case err != nil:
		return err
	case b.time().Sub(code.Created) < mailAgainAfter:
		return ErrMailedJustNow
	case b.good(code) && !force:
		return ErrMailed
	}
	return b.mailCode(ctx, tx, account, models.RecoverPassword)
}

// RecoveringAccount returns the account whose password a code lets somebody set,
// or [ErrBadCode].
func (b *Bridge) RecoveringAccount(ctx context.Context, secret string) (*models.Account, error) {
	code, account, err := b.codeOf(ctx, secret, models.RecoverPassword)
	if err == nil && !b.good(code) {
		err = ErrBadCode
	}
	return account, err
}

// RecoverPassword sets the password of whoever was mailed the code. It ends all
// their sessions, and all else that was mailed to them is worth nothing from then
// on. It returns the account, [ErrBadCode], or a refusal of the password.
func (b *Bridge) RecoverPassword(ctx context.Context, secret, password string) (*models.Account, error) {
	code, account, err := b.codeOf(ctx, secret, models.RecoverPassword)
	if err == nil && !b.good(code) {
		err = ErrBadCode
	}
	if err != nil {
		return nil, err
	}
	hash, err := HashPassword(password)
	if err != nil {
		return nil, err
	}
	err = b.changeAccount(ctx, account.Nickname, func(ctx context.Context, tx *models.Tx, a *models.Account) error {
		if err := b.useCode(ctx, tx, code); err != nil {
			return err
		}
		account, a.PasswordHash = a, hash
		return errors.Join(tx.RemoveSessions(ctx, a.ActorID), tx.RemoveCodes(ctx, a.ActorID))
	})
	if err != nil {
		return nil, err
	}
	return account, nil
}

// RedeemCode uses up what was mailed to somebody who lost a password, for a
// program that acts for them from then on: within runs in the same transaction. It
// returns the account, or [ErrBadCode].
func (b *Bridge) RedeemCode(ctx context.Context, secret string, within func(context.Context, *models.Tx, *models.Account) error) (*models.Account, error) {
	code, account, err := b.codeOf(ctx, secret, models.RecoverPassword)
	if err == nil && !b.good(code) {
		err = ErrBadCode
	}
	if err != nil {
		return nil, err
	}
	err = b.db.Write(ctx, func(tx *models.Tx) error {
		if err := within(ctx, tx, account); err != nil {
			return err
		}
		return b.useCode(ctx, tx, code)
	})
	if err != nil {
		return nil, err
	}
	return account, nil
}

// AskForCode has a code mailed to whoever is known by a nickname or a confirmed
// address, if that is anybody. It does the same whether it is or not, and takes as
// long: who asks learns nothing. It returns [ErrNoMail].
func (b *Bridge) AskForCode(ctx context.Context, name string, purpose models.CodePurpose) error {
	if b.mail == nil {
		return ErrNoMail
	}
	name = strings.TrimSpace(name)
	if len(name) > maxEmail || checkName("name", name) != nil {
		name = "" // is nobody's
	}
	jobs := []river.InsertManyParams{{Args: askCodeArgs{Name: name, Purpose: purpose}}}
	return b.db.Write(ctx, func(tx *models.Tx) error { return b.queue.insert(ctx, tx, jobs) })
}

// askCodeArgs is somebody who says that they have an account.
type askCodeArgs struct {
	Name    string             `json:"name"`
	Purpose models.CodePurpose `json:"purpose"`
}

// Kind implements river.JobArgs.
func (askCodeArgs) Kind() string { return "ask-code" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (askCodeArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: mailQueue} }

type askCodeWorker struct {
	river.WorkerDefaults[askCodeArgs]
	b *Bridge
}

// mostOfAnAddress is how many accounts with one address get a mail each.
const mostOfAnAddress = 5

// Work looks for the account and queues the mail, or does nothing.
func (w *askCodeWorker) Work(ctx context.Context, job *river.Job[askCodeArgs]) error {
	b := w.b
	return b.db.Write(ctx, func(tx *models.Tx) error {
		accounts, err := b.accountsNamed(ctx, tx, job.Args.Name)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if a.State != models.Active {
				continue
			}
			if err := b.answerAsking(ctx, tx, a, job.Args.Purpose); err != nil && ReasonOf(err) == 0 {
				return err
			}
		}
		return nil
	})
}

func (b *Bridge) answerAsking(ctx context.Context, tx *models.Tx, account *models.Account, purpose models.CodePurpose) error {
	if purpose == models.RecoverPassword {
		return b.recoverAccount(ctx, tx, account, true)
	}
	code, err := tx.CodeOf(ctx, account.ActorID, models.ConfirmEmail)
	if err == nil && b.time().Sub(code.Created) < mailAgainAfter {
		return ErrMailedJustNow
	}
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	return b.requestConfirmation(ctx, tx, account)
}

// accountsNamed returns the accounts that somebody may mean.
func (b *Bridge) accountsNamed(ctx context.Context, tx *models.Tx, name string) ([]*models.Account, error) {
	if nick := b.names.Nickname(name); nick != "" || nicknames.MatchString(name) {
		account, err := tx.AccountToChange(ctx, firstOf(nick, name))
		if err == nil {
			return []*models.Account{account}, nil
		}
		if !errors.Is(err, models.ErrNotFound) {
			return nil, err
		}
	}
	email, err := normalEmail(name)
	if err != nil {
		return nil, nil
	}
	return tx.AccountsByEmail(ctx, email, mostOfAnAddress)
}

var _ Mailer = (*mail.Sender)(nil)
