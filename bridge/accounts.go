package bridge

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"manifold/models"
	"manifold/models/vocab"
)

// Registration is what makes an account.
type Registration struct {
	Nickname, Password, Email string
	// RequireEmail refuses to do without an address. EmailConfirmed is for whoever
	// runs the server, and vouches for the address, or needs none.
	RequireEmail, EmailConfirmed bool
	Admin                        bool
	// Invited demands an invitation that is still good, and Invitation is its code.
	Invited    bool
	Invitation string
	// Within, if set, runs in the same transaction once the account is made.
	Within func(context.Context, *models.Tx, *models.Account) error
}

// nicknames are those that pump.io allows.
var nicknames = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// Refusals of a registration, worded as pump.io does.
func badNickname(nick string) error { return invalid("Bad nickname: '%s'", nick) }

// Register makes an account with its profile, its first lists, and a word of
// welcome.
func (b *Bridge) Register(ctx context.Context, r Registration) (*models.Account, error) {
	if !nicknames.MatchString(r.Nickname) || Reserved(r.Nickname) || onlyDots(r.Nickname) || b.names.IsServerAcct(b.names.Acct(r.Nickname)) {
		return nil, badNickname(r.Nickname)
	}
	if r.Email != "" {
		var err error
		if r.Email, err = normalEmail(r.Email); err != nil {
			return nil, err
		}
	} else if r.RequireEmail {
		return nil, invalid("No email address")
	}
	hash, err := HashPassword(r.Password)
	if err != nil {
		return nil, err
	}
	var account *models.Account
	err = b.db.Write(ctx, func(tx *models.Tx) error {
		now := b.time()
		account = &models.Account{ActorID: tx.NewID(), Nickname: r.Nickname, PasswordHash: hash, Email: r.Email, Admin: r.Admin, Created: now, Updated: now}
		if r.Invited {
			if err := b.useInvitation(ctx, tx, r.Invitation); err != nil {
				return err
			}
		}
		if r.EmailConfirmed {
			account.EmailConfirmed = now
		}
		if err := tx.CreateAccount(ctx, account); err != nil {
			return err
		}
		actor := b.newPerson(account)
		// In lower case too, as groups are named: no group is called like a person.
		names := append(b.names.PersonAliases(r.Nickname), b.names.Acct(models.Fold(r.Nickname)))
		if err := tx.CreateActor(ctx, actor, unique(names)...); err != nil {
			return err
		}
		if err := b.requestConfirmation(ctx, tx, account); err != nil {
			return err
		}
		if err := b.welcome(ctx, tx, actor); err != nil {
			return err
		}
		if err := b.queue.insert(ctx, tx, b.preparation(actor.ID)); err != nil {
			return err
		}
		if r.Within != nil {
			return r.Within(ctx, tx, account)
		}
		return nil
	})
	if errors.Is(err, models.ErrExists) {
		return nil, exists("user", r.Nickname)
	}
	if err != nil {
		return nil, fmt.Errorf("registering %s: %w", r.Nickname, err)
	}
	return account, nil
}

// onlyDots tells a nickname that would be a part of a path with a meaning.
func onlyDots(nick string) bool { return nick == "." || nick == ".." }

func (b *Bridge) newPerson(a *models.Account) *models.Actor {
	return &models.Actor{
		ID: a.ActorID, Type: vocab.TypePerson, Nickname: a.Nickname, Local: true, Created: a.Created, Updated: a.Created,
		Doc: &vocab.Object{
			ID: b.names.Person(a.Nickname), Type: vocab.TypePerson, PreferredUsername: a.Nickname, DisplayName: a.Nickname,
			URL: b.names.Page(a.Nickname), Published: a.Created, Updated: a.Created,
		},
	}
}

// firstLists are those that every pump.io client expects a person to have.
var firstLists = []string{"Friends", "Family", "Acquaintances", "Coworkers"}

// welcome does what pump.io does for a new person: they join the site, get
// four lists, and a note from the site.
func (b *Bridge) welcome(ctx context.Context, tx *models.Tx, actor *models.Actor) error {
	site, err := b.siteActor(ctx, tx)
	if err != nil {
		return err
	}
	followers := []*vocab.Object{{ID: b.names.Followers(actor.Nickname), Type: vocab.TypeCollection}}
	deeds := []*operation{newOperation(b, tx, actor, &vocab.Activity{Verb: vocab.VerbJoin, Object: site.Doc.Ref(), To: followers})}
	for _, name := range firstLists {
		deeds = append(deeds, newOperation(b, tx, actor, &vocab.Activity{Verb: vocab.VerbCreate, To: followers,
			Object: &vocab.Object{Type: vocab.TypeCollection, DisplayName: name, ObjectTypes: []string{vocab.TypePerson}}}))
	}
	deeds = append(deeds, newOperation(b, tx, site, &vocab.Activity{Verb: vocab.VerbPost, To: []*vocab.Object{actor.Doc.Ref()},
		Object: &vocab.Object{Type: vocab.TypeNote, DisplayName: "Welcome to " + b.site + "!", Content: "<p>This is your inbox. What the people whom you " +
			"follow post is shown here. Find somebody to follow by their address, which looks like an e-mail address, " +
			"on this server or any other.</p>"}}))
	for _, op := range deeds {
		if err := op.run(ctx); err != nil {
			return fmt.Errorf("welcoming %s: %w", actor.Nickname, err)
		}
	}
	return nil
}

// siteActor is the server itself as an actor, which is made when first needed. It
// has one id on the pump.io network and another on ActivityPub.
func (b *Bridge) siteActor(ctx context.Context, tx *models.Tx) (*models.Actor, error) {
	id := b.names.Base + "/"
	site, err := tx.ActorByIRI(ctx, id)
	if err == nil {
		return site, b.alsoKnown(ctx, tx, site.ID, b.names.Server())
	}
	if !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	now := b.time()
	site = &models.Actor{Type: vocab.TypeService, Local: true, Created: now, Updated: now,
		Doc: &vocab.Object{ID: id, Type: vocab.TypeService, DisplayName: b.site, URL: id, Published: now, Updated: now}}
	if err = tx.CreateActor(ctx, site, id, b.names.Server()); errors.Is(err, models.ErrExists) {
		return tx.ActorByIRI(ctx, id) // somebody registers at the same time
	}
	return site, err
}

// alsoKnown gives an actor another name, which one that was made by an earlier
// version of this program may lack.
func (b *Bridge) alsoKnown(ctx context.Context, tx *models.Tx, actor int64, name string) error {
	_, err := tx.LookupKind(ctx, models.KindActor, name)
	if !errors.Is(err, models.ErrNotFound) {
		return err
	}
	return tx.Identify(ctx, models.Identifier{Kind: models.KindActor, IRI: name, Ref: actor})
}

// ErrWrongPassword means that a nickname and password do not belong together.
var ErrWrongPassword = errors.New("incorrect username or password")

// ErrSuspended means that an account may not be used at present.
var ErrSuspended = errors.New("this account is suspended")

// nobody is what a password is compared with when there is no such account, so
// that the answer takes as long.
var nobody = sync.OnceValue(func() []byte {
	hash, err := bcrypt.GenerateFromPassword([]byte("nobody"), passwordCost)
	if err != nil {
		return nil // compared with in no time, which is no worse than to fail
	}
	return hash
})

// Authenticate checks a password and returns the account, or
// [ErrWrongPassword] or [ErrSuspended].
func (b *Bridge) Authenticate(ctx context.Context, nickname, password string) (*models.Account, error) {
	account, err := b.db.AccountByNickname(ctx, nickname)
	if errors.Is(err, models.ErrNotFound) || err == nil && (account.State == models.Deleted || account.PasswordHash == "") {
		_ = bcrypt.CompareHashAndPassword(nobody(), []byte(password))
		return nil, ErrWrongPassword
	}
	if err != nil {
		return nil, err
	}
	if bcrypt.CompareHashAndPassword([]byte(account.PasswordHash), []byte(password)) != nil {
		return nil, ErrWrongPassword
	}
	if account.State != models.Active {
		return nil, ErrSuspended
	}
	return account, nil
}

// SetPassword gives an account another password and ends its sessions.
func (b *Bridge) SetPassword(ctx context.Context, nickname, password string) error {
	hash, err := HashPassword(password)
	if err != nil {
		return err
	}
	return b.changeAccount(ctx, nickname, func(ctx context.Context, tx *models.Tx, a *models.Account) error {
		a.PasswordHash = hash
		return tx.RemoveSessions(ctx, a.ActorID)
	})
}

// Suspend takes an account out of use, or back into it. A suspended person
// cannot log in, nor act through any program; what they posted stays.
func (b *Bridge) Suspend(ctx context.Context, nickname string, suspended bool) error {
	return b.changeAccount(ctx, nickname, func(ctx context.Context, tx *models.Tx, a *models.Account) error {
		state := models.Active
		if suspended {
			state = models.Suspended
			if err := tx.RemoveSessions(ctx, a.ActorID); err != nil {
				return err
			}
		}
		a.State = state
		actor, err := tx.Actor(ctx, a.ActorID)
		if err != nil {
			return err
		}
		actor.State = state
		return tx.UpdateActor(ctx, actor)
	})
}

// UpdateAccount stores what change does to an account. within, if set, runs
// first in the transaction.
func (b *Bridge) UpdateAccount(ctx context.Context, nickname string, within func(context.Context, *models.Tx) error, change func(*models.Account) error) error {
	return b.changeAccount(ctx, nickname, func(ctx context.Context, tx *models.Tx, a *models.Account) error {
		if within != nil {
			if err := within(ctx, tx); err != nil {
				return err
			}
		}
		return change(a)
	})
}

func (b *Bridge) changeAccount(ctx context.Context, nickname string, change func(context.Context, *models.Tx, *models.Account) error) error {
	return b.db.Write(ctx, func(tx *models.Tx) error {
		account, err := tx.AccountToChange(ctx, nickname)
		if errors.Is(err, models.ErrNotFound) || err == nil && account.State == models.Deleted {
			return missing("user", nickname)
		}
		if err != nil {
			return err
		}
		account.Updated = b.time()
		email := account.Email
		if err := change(ctx, tx, account); err != nil {
			return err
		}
		if err := b.emailChanged(ctx, tx, account, email); err != nil {
			return err
		}
		return tx.UpdateAccount(ctx, account)
	})
}

// DeleteAccount ends an account: nobody can log in any more, its tokens are
// withdrawn, its follows end, and everything it posted becomes a tombstone. Its
// nickname is never given to anybody else. within, if set, runs first in the
// transaction.
func (b *Bridge) DeleteAccount(ctx context.Context, nickname string, within func(context.Context, *models.Tx) error) error {
	return b.changeAccount(ctx, nickname, func(ctx context.Context, tx *models.Tx, a *models.Account) error {
		if within != nil {
			if err := within(ctx, tx); err != nil {
				return err
			}
		}
		actor, err := tx.Actor(ctx, a.ActorID)
		if err != nil {
			return err
		}
		if _, err := tx.Position(ctx); err != nil {
			return err
		}
		if err := b.tellOfEnd(ctx, tx, actor); err != nil {
			return err
		}
		paths, err := tx.EraseActor(ctx, a.ActorID, b.time())
		if err != nil {
			return err
		}
		actor.Doc = actor.Doc.Tombstone(b.time())
		actor.Doc.PreferredUsername = actor.Nickname
		actor.State, actor.Updated = models.Deleted, b.time()
		if err := tx.UpdateActor(ctx, actor); err != nil {
			return err
		}
		a.State, a.PasswordHash, a.Email, a.Settings = models.Deleted, "", "", []byte("{}")
		if len(paths) == 0 {
			return nil
		}
		op := newOperation(b, tx, actor, &vocab.Activity{})
		op.addJob(removeFilesArgs{Paths: paths})
		return b.queue.insert(ctx, tx, op.jobs)
	})
}
