package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"manifold/bridge"
	"manifold/internal/mail"
	"manifold/models"
	"manifold/models/vocab"
)

// fakeMail is a mail server that takes everything, unless fail says otherwise.
type fakeMail struct {
	sent chan mail.Message
	fail func(mail.Message) error
}

func newFakeMail() *fakeMail { return &fakeMail{sent: make(chan mail.Message, 1000)} }

func (f *fakeMail) Send(_ context.Context, m mail.Message) error {
	if f.fail != nil {
		if err := f.fail(m); err != nil {
			return err
		}
	}
	f.sent <- m
	return nil
}

// office is a server with mail, and with a clock that the test sets ahead.
type office struct {
	*world
	mail  *fakeMail
	ahead atomic.Int64
	log   *lockedBuffer
}

type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.String()
}

func newOffice() *office { return &office{mail: newFakeMail(), log: new(lockedBuffer)} }

func (o *office) options() bridge.Options {
	return bridge.Options{Mail: o.mail, Log: slog.New(slog.NewTextHandler(o.log, nil)),
		Now: func() time.Time { return time.Now().Add(time.Duration(o.ahead.Load())) }}
}

func offices(t *testing.T, test func(o *office)) {
	onEach(t, func(t *testing.T, address string) {
		o := newOffice()
		o.world = newWorld(t, address, o.options())
		o.start()
		test(o)
	})
}

// later sets the clock of the server ahead.
func (o *office) later(d time.Duration) { o.ahead.Add(int64(d)) }

// next is the mail that comes next.
func (o *office) next(to string) mail.Message {
	o.t.Helper()
	m := next(o.t, "a mail to "+to, o.mail.sent)
	same(o.t, "recipient", m.To, to)
	return m
}

// job waits until one of a kind is in a state.
func (o *office) job(kind string, state rivertype.JobState) *rivertype.JobRow {
	o.t.Helper()
	var found *rivertype.JobRow
	until(o.t, "a job of the kind "+kind+" is "+string(state), func() bool {
		for _, j := range o.jobs(kind) {
			if j.State == state {
				found = j
			}
		}
		return found != nil
	})
	return found
}

// quiet makes sure that no mail is under way.
func (o *office) quiet(when string) {
	o.t.Helper()
	until(o.t, "all jobs of mail have ended", func() bool {
		for _, kind := range []string{"mail-code", "ask-code", "notify"} {
			for _, j := range o.jobs(kind) {
				if j.State == rivertype.JobStateAvailable || j.State == rivertype.JobStateRunning {
					return false
				}
			}
		}
		return true
	})
	select {
	case m := <-o.mail.sent:
		o.t.Errorf("%s: a mail to %s: %s", when, m.To, m.Subject)
	default:
	}
}

var links = regexp.MustCompile(home + `/main/([a-z-]+)/([A-Za-z0-9_-]+)`)

// link is what follows a path of ours in the text of a mail; the other part of
// its body has the same.
func (o *office) link(m mail.Message, path string) string {
	o.t.Helper()
	for _, found := range links.FindAllStringSubmatch(m.Text, -1) {
		if found[1] == path && strings.Contains(m.HTML, `href="`+found[0]+`"`) {
			return found[2]
		}
	}
	o.t.Fatalf("the mail has no link to %s:\n%s\n%s", path, m.Text, m.HTML)
	return ""
}

// member makes an account with an address, and confirms it.
func (o *office) member(nick string) *models.Actor {
	o.t.Helper()
	return o.account(bridge.Registration{Nickname: nick, Password: password, Email: nick + "@mail.example", EmailConfirmed: true})
}

func (o *office) account(r bridge.Registration) *models.Actor {
	o.t.Helper()
	account, err := o.Register(o.t.Context(), r)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.actor(account.ActorID)
}

func (o *office) accountOf(nick string) *models.Account {
	o.t.Helper()
	a, err := o.DB().AccountByNickname(o.t.Context(), nick)
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

// is checks which refusal an error is.
func (o *office) is(what string, err error, want *bridge.Error) {
	o.t.Helper()
	if !errors.Is(err, want) {
		o.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestConfirmEmail(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		ann := o.account(bridge.Registration{Nickname: "Ann", Password: password, Email: "Ann.Example@MÜLLER.example"})
		bob := o.person("bob")
		const address = "Ann.Example@xn--mller-kva.example"
		m := o.next(address)
		same(o.t, "subject", m.Subject, "Confirm your email address for Test Site")
		if !strings.Contains(m.Text, "Ann@localhost:8080") {
			o.t.Errorf("the mail does not say for which account it is: %s", m.Text)
		}
		code := o.link(m, "confirm")
		account := o.accountOf("ann")
		same(o.t, "address", account.Email, address)
		same(o.t, "confirmed", account.EmailConfirmed.IsZero(), true)
		o.nowhere(code)

		_, err := o.ConfirmEmail(ctx, code+"x", 0)
		o.is("a wrong code", err, bridge.ErrBadCode)
		_, err = o.ConfirmEmail(ctx, code, bob.ID)
		o.is("followed by somebody else", err, bridge.ErrOthersCode)
		_, err = o.RecoverPassword(ctx, code, "another horse 2")
		o.is("used for a password", err, bridge.ErrBadCode)
		if account, err = o.ConfirmEmail(ctx, code, ann.ID); err != nil || account.ActorID != ann.ID {
			o.t.Fatalf("confirmed %+v, %v", account, err)
		}
		same(o.t, "confirmed", o.accountOf("ann").EmailConfirmed.IsZero(), false)
		_, err = o.ConfirmEmail(ctx, code, 0)
		o.is("again", err, bridge.ErrConfirmed)
		o.quiet("after the confirmation")
	})
}

// nowhere makes sure that what was mailed is not to be found in the database.
func (o *office) nowhere(secret string) {
	o.t.Helper()
	for _, column := range []string{"args FROM river_job", "errors FROM river_job", "metadata FROM river_job"} {
		rows, err := o.DB().SQL().QueryContext(o.t.Context(), "SELECT CAST("+strings.Replace(column, " FROM", " AS TEXT) FROM", 1))
		if err != nil {
			o.t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text *string
			if err := rows.Scan(&text); err != nil {
				o.t.Fatal(err)
			}
			if text != nil && strings.Contains(*text, secret) {
				o.t.Errorf("what was mailed stands in %s: %s", column, *text)
			}
		}
	}
	var digests int64
	if digests = o.number("SELECT COUNT(*) FROM mail_code_copies WHERE LENGTH(digest) = 32"); digests == 0 {
		o.t.Error("no digest is stored")
	}
}

func TestConfirmInTime(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		o.account(bridge.Registration{Nickname: "ann", Password: password, Email: "ann@mail.example"})
		code := o.link(o.next("ann@mail.example"), "confirm")
		o.later(7*24*time.Hour + time.Minute)
		_, err := o.ConfirmEmail(ctx, code, 0)
		o.is("after a week", err, bridge.ErrBadCode)
		// Another mail can be had, by the name only: the address is not confirmed.
		for _, name := range []string{"ann@mail.example", "nobody", "", "ann\x00", strings.Repeat("x", 300), " Ann "} {
			if err := o.AskForCode(ctx, name, models.ConfirmEmail); err != nil {
				o.t.Fatalf("asking as %q: %v", name, err)
			}
		}
		code = o.link(o.next("ann@mail.example"), "confirm")
		if _, err := o.ConfirmEmail(ctx, code, 0); err != nil {
			o.t.Error(err)
		}
		o.later(time.Hour)
		if err := o.AskForCode(ctx, "ann", models.ConfirmEmail); err != nil {
			o.t.Error(err)
		}
		o.quiet("of what is confirmed")
		// What nobody can use any more goes.
		o.later(8 * 24 * time.Hour)
		o.write(func(ctx context.Context, tx *models.Tx) error {
			_, err := tx.Prune(ctx, time.Now().Add(time.Duration(o.ahead.Load())))
			return err
		})
		same(o.t, "codes", o.number("SELECT (SELECT COUNT(*) FROM mail_codes) + (SELECT COUNT(*) FROM mail_code_copies)"), 0)
	})
}

func TestNewAddress(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		o.member("ann")
		change := func(address string) {
			o.t.Helper()
			err := o.UpdateAccount(ctx, "ann", nil, func(a *models.Account) error {
				a.Email = address
				return nil
			})
			if err != nil {
				o.t.Fatal(err)
			}
		}
		confirmed := func() bool { return !o.accountOf("ann").EmailConfirmed.IsZero() }
		if err := o.Recover(ctx, "ann", false); err != nil {
			o.t.Fatal(err)
		}
		recovery := o.link(o.next("ann@mail.example"), "recover")
		change("ANN@mail.example")
		same(o.t, "confirmed, in other letters", confirmed(), true)
		change("first@mail.example")
		same(o.t, "confirmed, another address", confirmed(), false)
		first := o.link(o.next("first@mail.example"), "confirm")
		_, err := o.RecoverPassword(ctx, recovery, "another horse 2")
		o.is("what was mailed to the old address", err, bridge.ErrBadCode)
		o.is("recovery by an address that is not confirmed", o.Recover(ctx, "ann", false), bridge.ErrNoEmail)

		change("second@mail.example")
		second := o.link(o.next("second@mail.example"), "confirm")
		_, err = o.ConfirmEmail(ctx, first, 0)
		o.is("the link of the address before", err, bridge.ErrBadCode)
		if _, err := o.ConfirmEmail(ctx, second, 0); err != nil {
			o.t.Error(err)
		}
		same(o.t, "confirmed by the link", confirmed(), true)
		change("")
		same(o.t, "confirmed, no address", confirmed(), false)
		err = o.UpdateAccount(ctx, "ann", nil, func(a *models.Account) error {
			a.Email = "Ann <ann@mail.example>"
			return nil
		})
		o.isRefusal(err, bridge.Invalid, "Invalid email address provided")
		o.quiet("without an address")
	})
}

func TestAddresses(t *testing.T) {
	offices(t, func(o *office) {
		for i, c := range []struct{ given, stored string }{
			{"ann@mail.example", "ann@mail.example"},
			{"Ann.B+c@Mail.EXAMPLE", "Ann.B+c@mail.example"},
			{"ann@localhost", "ann@localhost"},
			{"e\u0301@mail.example", "é@mail.example"},
			{"ann@mail.example.", ""}, {"ann@[127.0.0.1]", ""}, {"ann", ""}, {"@mail.example", ""}, {"ann@", ""}, {"a b@mail.example", ""},
			{"ann@mail.example, bob@mail.example", ""}, {"ann@mail..example", ""}, {"ann@mail_1.example", ""}, {"ann@mail.example\x00", ""},
			{strings.Repeat("x", 250) + "@mail.example", ""},
		} {
			account, err := o.Register(o.t.Context(), bridge.Registration{Nickname: fmt.Sprint("p", i), Password: password, Email: c.given})
			switch {
			case c.stored == "":
				o.isRefusal(err, bridge.Invalid, "Invalid email address provided")
			case err != nil:
				o.t.Errorf("%q: %v", c.given, err)
			default:
				same(o.t, "what is stored for "+c.given, account.Email, c.stored)
			}
		}
		_, err := o.Register(o.t.Context(), bridge.Registration{Nickname: "none", Password: password, RequireEmail: true})
		o.isRefusal(err, bridge.Invalid, "No email address")
	})
}

func TestRecover(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		ann := o.member("Ann")
		o.person("bob")
		o.account(bridge.Registration{Nickname: "unconfirmed", Password: password, Email: "u@mail.example"})
		o.next("u@mail.example")
		o.member("sus")
		if err := o.Suspend(ctx, "sus", true); err != nil {
			o.t.Fatal(err)
		}
		o.isRefusal(o.Recover(ctx, "nobody", false), bridge.Missing, "No such 'user' with id 'nobody'")
		o.isRefusal(o.Recover(ctx, "sus", false), bridge.Missing, "No such 'user' with id 'sus'")
		o.is("without an address", o.Recover(ctx, "bob", false), bridge.ErrNoEmail)
		o.is("with one that is not confirmed", o.Recover(ctx, "unconfirmed", true), bridge.ErrNoEmail)

		if err := o.Recover(ctx, "ann", false); err != nil {
			o.t.Fatal(err)
		}
		m := o.next("Ann@mail.example")
		same(o.t, "subject", m.Subject, "Set a new password for Test Site")
		first := o.link(m, "recover")
		o.nowhere(first)
		o.is("at once, insisting", o.Recover(ctx, "ann", true), bridge.ErrMailedJustNow)
		o.later(3 * time.Minute)
		o.is("again", o.Recover(ctx, "ann", false), bridge.ErrMailed)
		if err := o.Recover(ctx, "ann", true); err != nil {
			o.t.Fatal(err)
		}
		code := o.link(o.next("Ann@mail.example"), "recover")
		_, err := o.RecoveringAccount(ctx, first)
		o.is("the link that was replaced", err, bridge.ErrBadCode)
		account, err := o.RecoveringAccount(ctx, code)
		if err != nil || account.ActorID != ann.ID {
			o.t.Fatalf("the link is for %+v, %v", account, err)
		}

		o.write(func(ctx context.Context, tx *models.Tx) error {
			return tx.InsertSession(ctx, []byte("digest"), ann.ID, time.Now().Add(time.Hour))
		})
		_, err = o.RecoverPassword(ctx, code, "password")
		o.isRefusal(err, bridge.Invalid, "Bad password")
		if account, err = o.RecoverPassword(ctx, code, "another horse 2"); err != nil || account.ActorID != ann.ID {
			o.t.Fatalf("recovered %+v, %v", account, err)
		}
		if _, err := o.Authenticate(ctx, "ann", "another horse 2"); err != nil {
			o.t.Error(err)
		}
		if _, err := o.DB().SessionActor(ctx, []byte("digest")); !errors.Is(err, models.ErrNotFound) {
			o.t.Errorf("a session outlives the recovery: %v", err)
		}
		_, err = o.RecoverPassword(ctx, code, "third horse 3")
		o.is("again", err, bridge.ErrBadCode)

		// After a day it is worth nothing.
		if err := o.Recover(ctx, "ann", false); err != nil {
			o.t.Fatal(err)
		}
		code = o.link(o.next("Ann@mail.example"), "recover")
		o.later(24*time.Hour + time.Minute)
		_, err = o.RecoverPassword(ctx, code, "third horse 3")
		o.is("after a day", err, bridge.ErrBadCode)
		_, err = o.RedeemCode(ctx, code, func(context.Context, *models.Tx, *models.Account) error { return nil })
		o.is("redeemed after a day", err, bridge.ErrBadCode)
		o.quiet("in the end")
	})
}

// Whoever asks by a form learns nothing about who has an account: each gets the
// same job, and only some a mail.
func TestAskForRecovery(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		for _, nick := range []string{"ann", "anna"} {
			o.account(bridge.Registration{Nickname: nick, Password: password, Email: "ann@mail.example", EmailConfirmed: true})
		}
		ask := func(name string) {
			o.t.Helper()
			if err := o.AskForCode(ctx, name, models.RecoverPassword); err != nil {
				o.t.Fatalf("asking as %q: %v", name, err)
			}
		}
		for i, name := range []string{"nobody", "nobody@mail.example", "ann"} {
			ask(name)
			same(o.t, "jobs", len(o.jobs("ask-code")), i+1)
		}
		o.next("ann@mail.example")
		ask("acct:ann@localhost:8080")
		o.quiet("asked twice within a moment")
		o.later(time.Hour)
		ask("ANN@mail.example")
		names := map[string]bool{}
		for range 2 {
			m := o.next("ann@mail.example")
			account, err := o.RecoveringAccount(ctx, o.link(m, "recover"))
			if err != nil {
				o.t.Fatal(err)
			}
			names[account.Nickname] = true
		}
		same(o.t, "accounts of the address", len(names), 2)
	})
}

// Of several who follow the same link at the same time, one sets the password.
func TestCodesAreUsedOnce(t *testing.T) {
	offices(t, func(o *office) {
		ctx := o.t.Context()
		o.member("ann")
		if err := o.Recover(ctx, "ann", false); err != nil {
			o.t.Fatal(err)
		}
		code := o.link(o.next("ann@mail.example"), "recover")
		errs := together(4, func(i int) error {
			if i%2 == 0 {
				_, err := o.RecoverPassword(ctx, code, fmt.Sprint("another horse ", i))
				return err
			}
			_, err := o.RedeemCode(ctx, code, func(context.Context, *models.Tx, *models.Account) error { return nil })
			return err
		})
		same(o.t, "successes", count(errs, func(err error) bool { return err == nil }), 1)
		same(o.t, "refusals", count(errs, func(err error) bool { return errors.Is(err, bridge.ErrBadCode) }), 3)
	})
}

func TestWithoutMail(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := w.t.Context()
		account, err := w.Register(ctx, bridge.Registration{Nickname: "ann", Password: password, Email: "ann@mail.example", EmailConfirmed: true})
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.Register(ctx, bridge.Registration{Nickname: "cid", Password: password, Email: "cid@mail.example"}); err != nil {
			w.t.Fatal(err)
		}
		w.do(w.person("bob"), act(vocab.VerbPost, note("x"), w.actor(account.ActorID).Doc.Ref()))
		for _, err := range []error{w.Recover(ctx, "ann", true), w.AskForCode(ctx, "ann", models.RecoverPassword)} {
			w.isRefusal(err, bridge.Closed, "This server sends no mail. Ask whoever runs it.")
		}
		for _, kind := range []string{"mail-code", "ask-code", "notify"} {
			same(w.t, "jobs of the kind "+kind, len(w.jobs(kind)), 0)
		}
		same(w.t, "codes", w.number("SELECT COUNT(*) FROM mail_codes"), 0)
		same(w.t, "has mail", w.HasMail(), false)
	})
}
