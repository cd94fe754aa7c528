package bridge

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"manifold/internal/mail"
	"manifold/models"
)

// Mailer sends mail. Its errors say whether there is use in another attempt, see
// [mail.Permanent]. [mail.Sender] is one.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) error
}

// mailing is what the bridge needs to send mail; a nil *mailing sends none.
type mailing struct {
	Mailer
}

func newMailing(m Mailer) *mailing {
	if m == nil {
		return nil
	}
	return &mailing{Mailer: m}
}

// HasMail reports whether this server sends mail at all.
func (b *Bridge) HasMail() bool { return b.mail != nil }

// ErrNoMail means that something needs mail, of which this server sends none.
var ErrNoMail = &Error{Reason: Closed, Text: "This server sends no mail. Ask whoever runs it."}

const (
	// mailQueue has its own few workers: a mail server that does not answer
	// delays no deliveries, and one that does is not overrun.
	mailQueue   = "mail"
	mailWorkers = 4
	// mailBudget is how long a job goes on sending; the rest of its time is for
	// noting what is left to be done.
	mailBudget = JobTimeout - 20*time.Second
)

// addMailWorkers has this process work on mail, if it has any.
func (b *Bridge) addMailWorkers(workers *river.Workers, queues map[string]river.QueueConfig) {
	river.AddWorker(workers, &askCodeWorker{b: b})
	river.AddWorker(workers, &mailCodeWorker{b: b})
	river.AddWorker(workers, &notifyWorker{b: b})
	if b.mail != nil {
		queues[mailQueue] = river.QueueConfig{MaxWorkers: mailWorkers}
	}
}

// undelivered says what becomes of a job whose mail was not taken: one that never
// will be is given up.
func (b *Bridge) undelivered(err error, what, nickname string) error {
	if !mail.Permanent(err) {
		return err
	}
	b.log.Warn("mail given up", "mail", what, "user", nickname, "error", err)
	return river.JobCancel(err)
}

// maxEmail is how many bytes an address may have (RFC 5321 4.5.3.1.3).
const maxEmail = 254

var errBadEmail = invalid("Invalid email address provided")

// normalEmail returns the form in which an address is stored: the name as its
// owner writes it, the host in lower case and in ASCII (RFC 5890).
func normalEmail(address string) (string, error) {
	parsed, err := netmail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return "", errBadEmail
	}
	at := strings.LastIndexByte(address, '@')
	host, err := idna.Lookup.ToASCII(address[at+1:])
	normal := norm.NFC.String(address[:at]) + "@" + host
	if err != nil || host == "" || strings.Contains(host, "[") || len(normal) > maxEmail || checkName("address", normal) != nil {
		return "", errBadEmail
	}
	return normal, nil
}

// emailChanged does what a new address of an account entails: it is not
// confirmed, and what was mailed to the old one is worth nothing any more. An
// address that differs in the case of its letters only is the old one.
func (b *Bridge) emailChanged(ctx context.Context, tx *models.Tx, account *models.Account, before string) error {
	if account.Email == before {
		return nil
	}
	if account.Email != "" {
		normal, err := normalEmail(account.Email)
		if err != nil {
			return err
		}
		account.Email = normal
	}
	if account.Email != "" && models.Fold(account.Email) == models.Fold(before) {
		return nil
	}
	account.EmailConfirmed = time.Time{}
	if err := tx.RemoveCodes(ctx, account.ActorID); err != nil {
		return err
	}
	return b.requestConfirmation(ctx, tx, account)
}

// requestConfirmation queues the mail with which somebody confirms an address, if
// there is one that is not confirmed, and mail.
func (b *Bridge) requestConfirmation(ctx context.Context, tx *models.Tx, account *models.Account) error {
	if b.mail == nil || account.Email == "" || !account.EmailConfirmed.IsZero() {
		return nil
	}
	return b.mailCode(ctx, tx, account, models.ConfirmEmail)
}

// Unsubscribe ends the notifications of whoever a token was made for, see
// [Names.Unsubscription]. It returns [ErrBadCode] for a token that is not ours.
func (b *Bridge) Unsubscribe(ctx context.Context, token string) (*models.Account, error) {
	account, err := b.Unsubscriber(ctx, token)
	if err != nil {
		return nil, err
	}
	err = b.changeAccount(ctx, account.Nickname, func(_ context.Context, _ *models.Tx, a *models.Account) error {
		account = a
		return withoutNotifications(a)
	})
	if err != nil {
		return nil, fmt.Errorf("ending the notifications of %s: %w", account.Nickname, err)
	}
	return account, nil
}

// Unsubscriber returns the account that a token was made for, or [ErrBadCode].
func (b *Bridge) Unsubscriber(ctx context.Context, token string) (*models.Account, error) {
	key, err := b.signingKey(ctx)
	if err != nil {
		return nil, err
	}
	actor, ok := openUnsubscription(key, token)
	if !ok {
		return nil, ErrBadCode
	}
	account, err := b.db.Account(ctx, actor)
	if errors.Is(err, models.ErrNotFound) || err == nil && account.State == models.Deleted {
		return nil, ErrBadCode
	}
	return account, err
}

// signingKey returns the key of the links that end notifications.
func (b *Bridge) signingKey(ctx context.Context) ([]byte, error) {
	if b.mail == nil {
		return nil, ErrNoMail
	}
	return b.secret(ctx, "unsubscribe")
}
