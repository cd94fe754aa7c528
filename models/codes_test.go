package models_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"manifold/models"
)

func TestCodes(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		const ann, bob = 1, 2
		replace := func(actor int64, purpose models.CodePurpose) *models.Code {
			t.Helper()
			c := &models.Code{ActorID: actor, Purpose: purpose, Created: at, Expires: at.Add(time.Hour)}
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.ReplaceCode(ctx, c) })
			return c
		}
		copyOf := func(c *models.Code, digest string) error {
			return db.Write(ctx, func(tx *models.Tx) error { return tx.AddCodeCopy(ctx, c.ID, []byte(digest)) })
		}
		old := replace(ann, models.RecoverPassword)
		if err := copyOf(old, "old"); err != nil {
			t.Fatal(err)
		}
		confirm, others := replace(ann, models.ConfirmEmail), replace(bob, models.RecoverPassword)
		current := replace(ann, models.RecoverPassword)
		for _, digest := range []string{"one", "two"} {
			if err := copyOf(current, digest); err != nil {
				t.Fatal(err)
			}
		}
		if err := copyOf(old, "late"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a copy of a code that was replaced: %v", err)
		}
		for _, digest := range []string{"one", "two"} {
			got := must[*models.Code](t)(db.CodeByDigest(ctx, []byte(digest)))
			if *got != *current {
				t.Errorf("%s is good for %+v, want %+v", digest, got, current)
			}
		}
		for _, digest := range []string{"old", "late", ""} {
			if c, err := db.CodeByDigest(ctx, []byte(digest)); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%q is good for %+v, %v", digest, c, err)
			}
		}
		if got := must[*models.Code](t)(db.CodeOf(ctx, ann, models.ConfirmEmail)); *got != *confirm {
			t.Errorf("the code to confirm is %+v, want %+v", got, confirm)
		}

		// It does its work once, however many try.
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				errs[i] = db.Write(ctx, func(tx *models.Tx) error { return tx.UseCode(ctx, current.ID) })
			})
		}
		wg.Wait()
		used := 0
		for _, err := range errs {
			if err == nil {
				used++
			} else if !errors.Is(err, models.ErrNotFound) {
				t.Error(err)
			}
		}
		if got := must[*models.Code](t)(db.Code(ctx, current.ID)); used != 1 || !got.Used {
			t.Errorf("used %d times: %+v", used, got)
		}
		if err := copyOf(current, "three"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a copy of a code that was used: %v", err)
		}

		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.RemoveCodes(ctx, ann) })
		for what, err := range map[string]error{
			"the code": ignored(db.Code(ctx, current.ID)), "the other": ignored(db.CodeOf(ctx, ann, models.ConfirmEmail)), "a copy": ignored(db.CodeByDigest(ctx, []byte("one"))),
		} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s is there after the end of all: %v", what, err)
			}
		}
		if got := must[*models.Code](t)(db.Code(ctx, others.ID)); *got != *others {
			t.Errorf("the code of somebody else is %+v", got)
		}
		if err := copyOf(others, "bob"); err != nil {
			t.Fatal(err)
		}
		for _, prune := range []struct {
			now  time.Time
			left int64
		}{{at.Add(time.Hour), 2}, {at.Add(time.Hour + time.Millisecond), 0}} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				_, err := tx.Prune(ctx, prune.now)
				return err
			})
			if n := number(t, db, "SELECT (SELECT COUNT(*) FROM mail_codes) + (SELECT COUNT(*) FROM mail_code_copies)"); n != prune.left {
				t.Errorf("%d rows are left at %v, want %d", n, prune.now, prune.left)
			}
		}
	})
}

func ignored[T any](_ T, err error) error { return err }

// Several processes that need a key at the same time get the same.
func TestSigningKeys(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		if _, err := db.SigningKey(ctx, "x"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a key that nobody made: %v", err)
		}
		var wg sync.WaitGroup
		keys := make([][]byte, 4)
		for i := range keys {
			wg.Go(func() {
				err := db.Write(ctx, func(tx *models.Tx) (err error) {
					keys[i], err = tx.EnsureSigningKey(ctx, "x", fmt.Append(nil, "key ", i, "\x00\xff"))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		stored := must[[]byte](t)(db.SigningKey(ctx, "x"))
		for i, k := range keys {
			if !bytes.Equal(k, stored) || len(k) == 0 {
				t.Errorf("key %d is %q, %q is stored", i, k, stored)
			}
		}
	})
}

func TestNotified(t *testing.T) {
	confirmed := models.Account{Email: "ann@them", EmailConfirmed: at}
	for settings, want := range map[string]bool{
		"": true, "{}": true, `{"mail":{}}`: true, `{"mail":{"notifications":true}}`: true, `{"mail":{"notifications":null}}`: true,
		`{"mail":5}`: true, `{"mail":{"notifications":"no"}}`: true, `[]`: true,
		`{"mail":{"notifications":false}}`: false, `{"x":1,"mail":{"y":2,"notifications":false}}`: false,
	} {
		a := confirmed
		a.Settings = json.RawMessage(settings)
		if a.Notified() != want {
			t.Errorf("with the settings %s: %v", settings, !want)
		}
	}
	for _, a := range []models.Account{{}, {Email: "ann@them"}, {EmailConfirmed: at}} {
		if a.Notified() {
			t.Errorf("%+v", a)
		}
	}
}

func TestAccountsByEmail(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		for i, a := range []models.Account{
			{Nickname: "ann", Email: "Ann@Them.example", EmailConfirmed: at},
			{Nickname: "anna", Email: "ann@them.example", EmailConfirmed: at},
			{Nickname: "later", Email: "ann@them.example"},
			{Nickname: "gone", Email: "ann@them.example", EmailConfirmed: at, State: models.Suspended},
			{Nickname: "other", Email: "other@them.example", EmailConfirmed: at},
			{Nickname: "none"},
		} {
			a.ActorID = int64(i + 1)
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateAccount(ctx, &a) })
		}
		got := must[[]*models.Account](t)(db.AccountsByEmail(ctx, "ANN@them.example", 5))
		if len(got) != 2 || got[0].Nickname != "ann" || got[1].Nickname != "anna" || got[0].Email != "Ann@Them.example" || !got[0].EmailConfirmed.Equal(at) {
			t.Errorf("found %+v", got)
		}
		if got := must[[]*models.Account](t)(db.AccountsByEmail(ctx, "ann@them.example", 1)); len(got) != 1 {
			t.Errorf("found %d of at most one", len(got))
		}
		if got := must[[]*models.Account](t)(db.AccountsByEmail(ctx, "", 5)); len(got) != 0 {
			t.Errorf("found %+v without an address", got)
		}
		// What changes is found as it is.
		ann := must[*models.Account](t)(db.AccountByNickname(ctx, "ann"))
		ann.Email = "new@them.example"
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateAccount(ctx, ann) })
		if got := must[[]*models.Account](t)(db.AccountsByEmail(ctx, "New@Them.example", 5)); len(got) != 1 || got[0].ActorID != ann.ActorID {
			t.Errorf("found %+v", got)
		}
	})
}
