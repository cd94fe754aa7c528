package models_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"manifold/models"
)

// account makes an account without an actor.
func account(t *testing.T, db *models.DB, nickname string) (*models.Account, error) {
	t.Helper()
	var a *models.Account
	err := db.Write(t.Context(), func(tx *models.Tx) error {
		a = &models.Account{ActorID: tx.NewID(), Nickname: nickname, PasswordHash: "hash", Email: nickname + "@them", Created: at, Updated: at}
		return tx.CreateAccount(t.Context(), a)
	})
	return a, err
}

func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"ann", "Ann", "ANN", "ａｎｎ", "ＡＮＮ"},
		{"straße", "STRASSE", "strasse", "STRAẞE"},
		{"ﬁn", "FIN", "fin"},
		{"σίσυφος", "ΣΊΣΥΦΟΣ"},
		{"é", "e\u0301", "É", "E\u0301"},
		// The fold of one has its marks in another order than that of the other.
		{"\u01f0\u0323", "J\u0323\u030c", "j\u030c\u0323"},
		{"K", "\u212a"}, // the sign for kelvin
		{"①", "1"},
	} {
		for _, s := range same {
			if models.Fold(s) != models.Fold(same[0]) {
				t.Errorf("%q folds to %q, %q to %q", s, models.Fold(s), same[0], models.Fold(same[0]))
			}
		}
	}
	seen := map[string]string{}
	for _, s := range []string{"ann", "anna", "an-n", "an_n", "än", "i", "ı", "о" /* Cyrillic */, "o"} {
		if other, ok := seen[models.Fold(s)]; ok {
			t.Errorf("%q and %q fold to the same", s, other)
		}
		seen[models.Fold(s)] = s
	}
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"ann", "STRAẞE", "\u01f0\u0323", "\u0345\u0301α", "ﷺ", "\xff"} {
		f.Add(seed)
	}
	// golang.org/x/text swaps the cases of Cherokee, where it should fold them.
	swapped := func(r rune) bool { return unicode.Is(unicode.Cherokee, r) }
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 200 || strings.ContainsFunc(s, swapped) {
			return
		}
		folded := models.Fold(s)
		if again := models.Fold(folded); again != folded {
			t.Errorf("%q folds to %q, and that to %q", s, folded, again)
		}
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
			if got := models.Fold(form.String(s)); got != folded {
				t.Errorf("%q folds to %q, in another normal form to %q", s, folded, got)
			}
		}
	})
}

func TestAccounts(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann, err := account(t, db, "Ann.Example")
		if err != nil {
			t.Fatal(err)
		}
		for _, taken := range []string{"Ann.Example", "ann.example", "ANN.EXAMPLE", "ａnn.Example"} {
			if _, err := account(t, db, taken); !errors.Is(err, models.ErrExists) {
				t.Errorf("%s: error %v, want ErrExists", taken, err)
			}
			got, err := db.AccountByNickname(t.Context(), taken)
			if err != nil || got.ActorID != ann.ActorID || got.Nickname != "Ann.Example" {
				t.Errorf("%s is %+v, error %v", taken, got, err)
			}
		}
		got := must[*models.Account](t)(db.Account(t.Context(), ann.ActorID))
		if got.Nickname != "Ann.Example" || got.PasswordHash != "hash" || got.Email != "Ann.Example@them" || got.Admin || got.State != models.Active ||
			string(got.Settings) != "{}" || !got.Created.Equal(at) || !got.Updated.Equal(at) {
			t.Errorf("stored %+v", got)
		}
		got.PasswordHash, got.Email, got.Admin, got.State, got.Settings = "new", "", true, models.Suspended, json.RawMessage(`{"a": "<b>"}`)
		got.Updated = at.Add(1e9)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateAccount(ctx, got) })
		changed := must[*models.Account](t)(db.AccountByNickname(t.Context(), "ann.example"))
		if changed.PasswordHash != "new" || changed.Email != "" || !changed.Admin || changed.State != models.Suspended ||
			string(changed.Settings) != `{"a": "<b>"}` || !changed.Updated.Equal(got.Updated) || !changed.Created.Equal(at) {
			t.Errorf("changed %+v", changed)
		}
		// A deleted account keeps its nickname.
		got.State = models.Deleted
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateAccount(ctx, got) })
		if _, err := account(t, db, "ann.example"); !errors.Is(err, models.ErrExists) {
			t.Errorf("the nickname of a deleted account: error %v, want ErrExists", err)
		}
		for _, f := range []func() (*models.Account, error){
			func() (*models.Account, error) { return db.AccountByNickname(t.Context(), "nobody") },
			func() (*models.Account, error) { return db.Account(t.Context(), 1) },
		} {
			if a, err := f(); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("account %+v, error %v, want ErrNotFound", a, err)
			}
		}
	})
}

func TestNicknameTakenAtOnce(t *testing.T) {
	const writers = 8
	stores(t, func(t *testing.T, db *models.DB) {
		var wg sync.WaitGroup
		errs := make([]error, writers)
		for w := range writers {
			wg.Go(func() { _, errs[w] = account(t, db, []string{"ann", "ANN", "Ann", "ａnn"}[w%4]) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, models.ErrExists) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d people have the nickname", won)
		}
	})
}

func TestAccountLists(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		states := []models.State{models.Active, models.Suspended, models.Active, models.Deleted, models.Active, models.Active}
		for i, s := range states {
			a, err := account(t, db, fmt.Sprint("n", i))
			if err != nil {
				t.Fatal(err)
			}
			a.State = s
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateAccount(ctx, a) })
		}
		nicknames := func(list []*models.Account) (names []string) {
			for _, a := range list {
				names = append(names, a.Nickname)
			}
			return names
		}
		list, total, err := db.Accounts(t.Context(), models.Page{Count: 2})
		if got, want := nicknames(list), []string{"n5", "n4"}; err != nil || total != 4 || !slices.Equal(got, want) {
			t.Fatalf("first page %v of %d, error %v; want %v of 4", got, total, err, want)
		}
		rest, total, err := db.Accounts(t.Context(), models.Page{Count: 20, Before: list[1].ActorID})
		if got, want := nicknames(rest), []string{"n2", "n0"}; err != nil || total != 4 || !slices.Equal(got, want) {
			t.Errorf("second page %v of %d, error %v; want %v of 4", got, total, err, want)
		}
		newer, _, err := db.Accounts(t.Context(), models.Page{Count: 1, Since: rest[0].ActorID})
		if got, want := nicknames(newer), []string{"n4"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("since n2 %v, error %v; want %v", got, err, want)
		}
		if got, want := nicknames(must[[]*models.Account](t)(db.AllAccounts(t.Context(), models.Page{Count: 4, Offset: 1}))), []string{"n4", "n2", "n1", "n0"}; !slices.Equal(got, want) {
			t.Errorf("all that are not deleted, from the second: %v, want %v", got, want)
		}
	})
}
