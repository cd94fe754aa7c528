package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

const password = "correct horse 1"

// register makes an account as people do.
func (w *world) register(nickname string) *models.Actor {
	w.t.Helper()
	account, err := w.Register(w.t.Context(), bridge.Registration{Nickname: nickname, Password: password})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.actor(account.ActorID)
}

func TestRegister(t *testing.T) {
	worlds(t, func(w *world) {
		var inside int64
		account, err := w.Register(w.t.Context(), bridge.Registration{Nickname: "Ann.B_c-1", Password: password, Email: "ann@mail.example", Admin: true,
			Within: func(ctx context.Context, tx *models.Tx, a *models.Account) error {
				inside = a.ActorID
				return nil
			}})
		if err != nil {
			w.t.Fatal(err)
		}
		ann := w.actor(account.ActorID)
		same(w.t, "the account in the transaction", inside, account.ActorID)
		stored, err := w.DB().AccountByNickname(w.t.Context(), "ANN.B_C-1")
		if err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "nickname", stored.Nickname, "Ann.B_c-1")
		same(w.t, "email", stored.Email, "ann@mail.example")
		same(w.t, "admin", stored.Admin, true)
		if strings.Contains(stored.PasswordHash, password) || !strings.HasPrefix(stored.PasswordHash, "$2a$") {
			w.t.Error("the password is not stored as a bcrypt hash")
		}

		same(w.t, "id", ann.Doc.ID, home+"/api/user/Ann.B_c-1/profile")
		same(w.t, "name", ann.Doc.DisplayName, "Ann.B_c-1")
		same(w.t, "page", ann.Doc.URL, home+"/Ann.B_c-1")
		same(w.t, "lists", ann.Counts.Lists, 4)
		for _, name := range w.Names().PersonAliases("Ann.B_c-1") {
			if found, err := w.DB().ActorByIRI(w.t.Context(), name); err != nil || found.ID != ann.ID {
				w.t.Errorf("nobody is found as %s: %v", name, err)
			}
		}

		// What pump.io shows a new person, newest first.
		equal(w.t, "inbox", w.inbox(ann, models.All), "site post Welcome to Test Site!", "Ann.B_c-1 create Coworkers", "Ann.B_c-1 create Acquaintances",
			"Ann.B_c-1 create Family", "Ann.B_c-1 create Friends", "Ann.B_c-1 join Test Site")
		equal(w.t, "outbox", w.outbox(ann, ann), "Ann.B_c-1 create Coworkers", "Ann.B_c-1 create Acquaintances",
			"Ann.B_c-1 create Family", "Ann.B_c-1 create Friends", "Ann.B_c-1 join Test Site")
		equal(w.t, "direct major inbox", w.inbox(ann, models.DirectMajor), "site post Welcome to Test Site!")
		equal(w.t, "direct minor inbox", w.inbox(ann, models.DirectMinor))
		items, _ := w.page(ann, models.Inbox, models.All, ann, 10)
		for _, i := range items[1:] {
			same(w.t, "addresses of "+w.line(i.Activity), w.addresses(i.Activity), "to: Ann.B_c-1/followers")
			same(w.t, "strangers see "+w.line(i.Activity), w.sees(nil, i.Activity), false)
		}
		welcome := items[0].Activity
		same(w.t, "addresses of the welcome", w.addresses(welcome), "to: Ann.B_c-1")
		same(w.t, "the welcome is by", w.actor(welcome.ActorID).Doc.ID, home+"/")
		note := w.object(welcome.Doc.Object.ID)
		if note.Doc.URL != note.Doc.ID || !strings.HasPrefix(welcome.Doc.URL, home+"/api/activity/") {
			w.t.Errorf("the welcome is at %s, its note at %s", welcome.Doc.URL, note.Doc.URL)
		}
		same(w.t, "who sees the welcome", w.audienceOf(welcome, ann, w.person("bob")), "Ann.B_c-1")
	})
}

// The first people come at once, and each makes the site where it is missing.
func TestRegisterAtOnce(t *testing.T) {
	worlds(t, func(w *world) {
		errs := together(4, func(i int) error {
			_, err := w.Register(w.t.Context(), bridge.Registration{Nickname: fmt.Sprintf("p%d", i), Password: password})
			return err
		})
		for i, err := range errs {
			if err != nil {
				w.t.Errorf("person %d: %v", i, err)
			}
		}
		same(w.t, "sites", w.number("SELECT COUNT(*) FROM actors WHERE type = 'service'"), 1)
		errs = together(3, func(i int) error {
			_, err := w.Register(w.t.Context(), bridge.Registration{Nickname: []string{"same", "Same", "SAME"}[i], Password: password})
			return err
		})
		same(w.t, "people under one name", count(errs, func(err error) bool { return err == nil }), 1)
		same(w.t, "refusals", count(errs, func(err error) bool { return bridge.ReasonOf(err) == bridge.Exists }), 2)
	})
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	worlds(t, func(w *world) {
		w.person("taken")
		rows := w.rows()
		for _, c := range []struct {
			nick, password, email string
			reason                bridge.Reason
			text                  string
		}{
			{"", password, "", bridge.Invalid, "Bad nickname: ''"},
			{"a b", password, "", bridge.Invalid, "Bad nickname: 'a b'"},
			{"ann@x", password, "", bridge.Invalid, "Bad nickname: 'ann@x'"},
			{"ann/x", password, "", bridge.Invalid, "Bad nickname: 'ann/x'"},
			{"änn", password, "", bridge.Invalid, "Bad nickname: 'änn'"},
			{"ann\n", password, "", bridge.Invalid, "Bad nickname: 'ann\n'"},
			{strings.Repeat("x", 65), password, "", bridge.Invalid, "Bad nickname: '" + strings.Repeat("x", 65) + "'"},
			{".", password, "", bridge.Invalid, "Bad nickname: '.'"},
			{"..", password, "", bridge.Invalid, "Bad nickname: '..'"},
			{"api", password, "", bridge.Invalid, "Bad nickname: 'api'"},
			{"Main", password, "", bridge.Invalid, "Bad nickname: 'Main'"},
			{"ann", "short1", "", bridge.Invalid, "Bad password"},
			{"ann", password, "nobody", bridge.Invalid, "Invalid email address provided"},
			{"ann", password, "Ann <ann@mail.example>", bridge.Invalid, "Invalid email address provided"},
			{"ann", password, "ann@mail.example\r\nBcc: all@mail.example", bridge.Invalid, "Invalid email address provided"},
			{"taken", password, "", bridge.Exists, "Already have a(n) 'user' with id 'taken'"},
			{"TAKEN", password, "", bridge.Exists, "Already have a(n) 'user' with id 'TAKEN'"},
		} {
			_, err := w.Register(w.t.Context(), bridge.Registration{Nickname: c.nick, Password: c.password, Email: c.email})
			w.isRefusal(err, c.reason, c.text)
		}
		refusal := errors.New("no")
		_, err := w.Register(w.t.Context(), bridge.Registration{Nickname: "late", Password: password,
			Within: func(context.Context, *models.Tx, *models.Account) error { return refusal }})
		if !errors.Is(err, refusal) {
			w.t.Errorf("got %v, want the error of Within", err)
		}
		w.unchanged(rows)
		same(w.t, "longest nickname", w.register(strings.Repeat("x", 64)).Nickname, strings.Repeat("x", 64))
	})
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", "short 1", "abcdefgh", "12345678", "password", "Password1", "PASSWORD123!", "passw0rd", "letmein123", "qwerty12", "1q2w3e4r5t",
		"1qaz2wsx", "abc12345", "iloveyou1", "dragon99", "changeme1", "aaaaaaa1", "1111111a", "ääääääää", strings.Repeat("a b1", 19)} {
		if _, err := bridge.HashPassword(p); bridge.ReasonOf(err) != bridge.Invalid || !strings.HasPrefix(err.Error(), "Bad password") {
			t.Errorf("the password %q: %v, want a refusal", p, err)
		} else if p != "" && p != "password" && strings.Contains(err.Error(), p) {
			t.Errorf("the refusal of %q shows it", p)
		}
	}
	for _, p := range []string{"correct horse 1", "tr0ub4dor&3", "ümläut 42", strings.Repeat("ab1 ", 18)} {
		if _, err := bridge.HashPassword(p); err != nil {
			t.Errorf("the password %q: %v", p, err)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := w.t.Context()
		ann := w.register("Ann")
		for _, nick := range []string{"Ann", "ann", "ANN"} {
			account, err := w.Authenticate(ctx, nick, password)
			if err != nil {
				w.t.Fatalf("logging in as %s: %v", nick, err)
			}
			same(w.t, "who logged in", account.ActorID, ann.ID)
		}
		is := func(what, nick, pass string, want error) {
			w.t.Helper()
			if _, err := w.Authenticate(ctx, nick, pass); !errors.Is(err, want) {
				w.t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		is("a wrong password", "Ann", password+"x", bridge.ErrWrongPassword)
		is("no password", "Ann", "", bridge.ErrWrongPassword)
		is("a very long one", "Ann", strings.Repeat("x", 100), bridge.ErrWrongPassword)
		is("nobody", "none", password, bridge.ErrWrongPassword)

		session := []byte("digest")
		login := func() {
			w.write(func(ctx context.Context, tx *models.Tx) error {
				return tx.InsertSession(ctx, session, ann.ID, time.Now().Add(time.Hour))
			})
			if _, err := w.DB().SessionActor(ctx, session); err != nil {
				w.t.Fatal(err)
			}
		}
		login()
		if err := w.SetPassword(ctx, "ann", "another horse 2"); err != nil {
			w.t.Fatal(err)
		}
		is("the old password", "Ann", password, bridge.ErrWrongPassword)
		if _, err := w.Authenticate(ctx, "Ann", "another horse 2"); err != nil {
			w.t.Errorf("the new password: %v", err)
		}
		if _, err := w.DB().SessionActor(ctx, session); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("a session outlives a change of password: %v", err)
		}
		w.isRefusal(w.SetPassword(ctx, "ann", "password"), bridge.Invalid, "Bad password")
		w.isRefusal(w.SetPassword(ctx, "none", "another horse 2"), bridge.Missing, "No such 'user' with id 'none'")

		login()
		if err := w.Suspend(ctx, "ANN", true); err != nil {
			w.t.Fatal(err)
		}
		is("a suspended account", "Ann", "another horse 2", bridge.ErrSuspended)
		is("a suspended account with a wrong password", "Ann", "x", bridge.ErrWrongPassword)
		if _, err := w.DB().SessionActor(ctx, session); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("a session outlives a suspension: %v", err)
		}
		if err := w.Suspend(ctx, "ann", false); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.Authenticate(ctx, "Ann", "another horse 2"); err != nil {
			w.t.Errorf("after the suspension: %v", err)
		}
		w.isRefusal(w.Suspend(ctx, "none", true), bridge.Missing, "No such 'user' with id 'none'")
	})
}

func TestUpdateAccount(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := w.t.Context()
		w.person("ann")
		refusal := errors.New("no")
		change := func(a *models.Account) error {
			a.Email = "new@mail.example"
			return nil
		}
		if err := w.UpdateAccount(ctx, "ann", func(context.Context, *models.Tx) error { return refusal }, change); !errors.Is(err, refusal) {
			w.t.Errorf("got %v, want the error of within", err)
		}
		if err := w.UpdateAccount(ctx, "ann", nil, func(a *models.Account) error { return errors.Join(change(a), refusal) }); !errors.Is(err, refusal) {
			w.t.Errorf("got %v, want the error of the change", err)
		}
		email := func() string {
			a, err := w.DB().AccountByNickname(ctx, "ann")
			if err != nil {
				w.t.Fatal(err)
			}
			return a.Email
		}
		same(w.t, "email after failures", email(), "")
		if err := w.UpdateAccount(ctx, "Ann", nil, change); err != nil {
			w.t.Fatal(err)
		}
		same(w.t, "email", email(), "new@mail.example")
	})
}

func TestDeleteAccount(t *testing.T) {
	files := &fakeFiles{removed: make(chan string, 10)}
	worldsWith(t, bridge.Options{Files: files}, func(w *world) {
		ctx := w.t.Context()
		ann := w.register("Ann")
		p := w.people("bob", "cid")
		bob, cid := p[0], p[1]
		w.follow(ann, bob)
		w.follow(bob, ann)
		friends := w.list(cid, "Friends", ann)
		group := w.group(cid, "Readers", everybody())
		w.do(ann, act(vocab.VerbJoin, group.Doc.Ref()))
		sea := w.do(cid, act(vocab.VerbPost, note("Sea"), everybody())).Doc.Object
		w.do(ann, act(vocab.VerbLike, sea))
		w.do(ann, act(vocab.VerbShare, sea))
		answer := w.do(ann, act(vocab.VerbPost, reply("Answer", sea))).Doc.Object
		post := w.do(ann, act(vocab.VerbPost, note("Secret"), everybody()))
		draft := w.upload(ann, "Draft")
		w.do(bob, act(vocab.VerbLike, post.Doc.Object))
		w.write(func(ctx context.Context, tx *models.Tx) error {
			return tx.InsertSession(ctx, []byte("digest"), ann.ID, time.Now().Add(time.Hour))
		})

		refusal := errors.New("no")
		rows := w.rows()
		if err := w.DeleteAccount(ctx, "ann", func(context.Context, *models.Tx) error { return refusal }); !errors.Is(err, refusal) {
			w.t.Errorf("got %v, want the error of within", err)
		}
		w.unchanged(rows)
		if err := w.DeleteAccount(ctx, "ann", nil); err != nil {
			w.t.Fatal(err)
		}

		if _, err := w.Authenticate(ctx, "Ann", password); !errors.Is(err, bridge.ErrWrongPassword) {
			w.t.Errorf("logging in: %v", err)
		}
		if _, err := w.DB().SessionActor(ctx, []byte("digest")); !errors.Is(err, models.ErrNotFound) {
			w.t.Errorf("the session: %v", err)
		}
		after := w.actor(ann.ID)
		same(w.t, "state", after.State, models.Deleted)
		same(w.t, "profile is a tombstone", after.Doc.Deleted.IsZero() || after.Doc.DisplayName != "", false)
		for _, id := range []string{answer.ID, post.Doc.Object.ID, draft.ID} {
			doc := w.object(id).Doc
			same(w.t, id+" is a tombstone", doc.Deleted.IsZero() || doc.DisplayName+doc.Content != "", false)
		}
		stone := w.activity(post.ID)
		same(w.t, "the post is a tombstone", stone.Deleted.IsZero() || strings.Contains(stone.Doc.Content, "Secret"), false)
		same(w.t, "follower", w.actor(bob.ID).Counts.Following, 0)
		same(w.t, "followed", w.actor(bob.ID).Counts.Followers, 0)
		equal(w.t, "bob follows", w.follows(bob))
		same(w.t, "likes", w.object(sea.ID).Counts.Likes, 0)
		same(w.t, "shares", w.object(sea.ID).Counts.Shares, 0)
		same(w.t, "replies", w.object(sea.ID).Counts.Replies, 0)
		same(w.t, "members of the list", w.object(friends.ID).Counts.Members, 0)
		same(w.t, "members of the group", w.actor(group.ID).Counts.Members, 0)
		jobs := w.jobs("remove-files")
		same(w.t, "jobs that remove files", len(jobs), 1)
		if path := w.Names().UploadPath(draft.FullImage.URL); !strings.Contains(string(jobs[0].EncodedArgs), path) {
			w.t.Errorf("the job is to remove %s, want %s", jobs[0].EncodedArgs, path)
		}

		// The name stays theirs for ever.
		for _, nick := range []string{"Ann", "ann"} {
			_, err := w.Register(ctx, bridge.Registration{Nickname: nick, Password: password})
			w.isRefusal(err, bridge.Exists, "Already have a(n) 'user' with id '"+nick+"'")
		}
		w.refused(cid, act(vocab.VerbFollow, ann.Doc.Ref()), bridge.Gone, "This account is not in use any more.")
		w.isRefusal(w.DeleteAccount(ctx, "ann", nil), bridge.Missing, "No such 'user' with id 'ann'")
		w.isRefusal(w.Suspend(ctx, "ann", false), bridge.Missing, "No such 'user' with id 'ann'")
		w.isRefusal(w.SetPassword(ctx, "ann", "another horse 2"), bridge.Missing, "No such 'user' with id 'ann'")

		// What others do goes on without them.
		a := w.do(cid, act(vocab.VerbPost, note("x"), everybody(), ann.Doc.Ref(), friends))
		same(w.t, "items of the deleted", w.number(fmt.Sprintf("SELECT COUNT(*) FROM stream_items WHERE owner_id = %d", ann.ID)), 0)
		same(w.t, "cid sees the post", w.sees(cid, a), true)
	})
}

// An invitation is good for one account, and a registration that fails leaves it
// good.
func TestInvitation(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := w.t.Context()
		code, _, err := w.Invite(ctx, time.Hour)
		if err != nil {
			w.t.Fatal(err)
		}
		late, expires, err := w.Invite(ctx, -time.Hour)
		if err != nil || !expires.Before(time.Now()) {
			w.t.Fatalf("an invitation until %s, error %v", expires, err)
		}
		register := func(nick, code string) error {
			_, err := w.Register(ctx, bridge.Registration{Nickname: nick, Password: password, Invited: true, Invitation: code})
			return err
		}
		if err := register("api", code); bridge.ReasonOf(err) != bridge.Invalid {
			w.t.Errorf("a nickname that nobody may have: %v", err)
		}
		if err := register("ann", code); err != nil {
			w.t.Errorf("an invited person: %v", err)
		}
		for nick, code := range map[string]string{"bob": code, "cid": late, "dan": "", "eve": "made-up"} {
			if err := register(nick, code); bridge.ReasonOf(err) != bridge.NotAllowed {
				w.t.Errorf("%s with an invitation that is not good: %v", nick, err)
			}
		}
		again, _, err := w.Invite(ctx, time.Hour)
		if err != nil {
			w.t.Fatal(err)
		}
		errs := together(3, func(i int) error { return register(fmt.Sprintf("p%d", i), again) })
		same(w.t, "accounts by one invitation", count(errs, func(err error) bool { return err == nil }), 1)
	})
}
