package models_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"manifold/models"
)

func TestBearerToken(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		c := client(t, db, "c")
		ann, err := account(t, db, "Ann")
		if err != nil {
			t.Fatal(err)
		}
		personal := models.BearerToken{ClientID: "c", ActorID: ann.ActorID, Scope: models.ScopeWrite, Created: at}
		own := models.BearerToken{ClientID: "c", Scope: models.ScopeRead, Created: at, Expires: at.Add(time.Hour)}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.InsertBearerToken(ctx, "personal", &personal), tx.InsertBearerToken(ctx, "own", &own),
				tx.InsertBearerToken(ctx, "of nobody known", &models.BearerToken{ClientID: "c", ActorID: 1}),
				tx.InsertBearerToken(ctx, "of no program", &models.BearerToken{ClientID: "d", ActorID: ann.ActorID}))
		})
		if got, want := *must[*models.Bearer](t)(db.Bearer(t.Context(), "personal")), (models.Bearer{BearerToken: personal, Client: *c, Nickname: "Ann"}); got != want {
			t.Errorf("stored %+v, want %+v", got, want)
		}
		if got, want := *must[*models.Bearer](t)(db.Bearer(t.Context(), "own")), (models.Bearer{BearerToken: own, Client: *c}); got != want {
			t.Errorf("stored %+v, want %+v", got, want)
		}
		for _, token := range []string{"", "Personal", "of nobody known", "of no program", "a\x00b"} {
			if _, err := db.Bearer(t.Context(), token); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%q: error %v, want ErrNotFound", token, err)
			}
		}
		if n := number(t, db, "SELECT COUNT(*) FROM bearer_tokens WHERE digest = CAST('personal' AS "+bytesType(db)+")"); n != 0 {
			t.Error("the token is stored as it is")
		}

		ann.State = models.Suspended
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateAccount(ctx, ann) })
		if got := must[*models.Bearer](t)(db.Bearer(t.Context(), "personal")); got.State != models.Suspended {
			t.Errorf("the person is in the state %d", got.State)
		}
		remove := func(token, clientID string) error {
			return db.Write(t.Context(), func(tx *models.Tx) error { return tx.RemoveBearerToken(t.Context(), token, clientID) })
		}
		if err := remove("personal", "d"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("another program withdrew the token: error %v", err)
		}
		if err := remove("personal", "c"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Bearer(t.Context(), "personal"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("after its end: error %v, want ErrNotFound", err)
		}
	})
}

func bytesType(db *models.DB) string {
	return map[models.Dialect]string{models.SQLite: "BLOB", models.Postgres: "BYTEA"}[db.Dialect()]
}

// A code is exchanged once, and takes its token with it when it turns up again.
func TestAuthorizationCode(t *testing.T) {
	const tries = 8
	stores(t, func(t *testing.T, db *models.DB) {
		client(t, db, "c")
		ann, err := account(t, db, "ann")
		if err != nil {
			t.Fatal(err)
		}
		made := models.AuthorizationCode{ClientID: "c", ActorID: ann.ActorID, RedirectURI: "https://them/1", Scope: models.ScopeAccount, Challenge: "x", Created: at}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.InsertAuthorizationCode(ctx, "code", &made) })
		if got := *must[*models.AuthorizationCode](t)(db.AuthorizationCode(t.Context(), "code")); got != made {
			t.Errorf("stored %+v, want %+v", got, made)
		}
		errs := make([]error, tries)
		var wg sync.WaitGroup
		for i := range tries {
			wg.Go(func() {
				errs[i] = db.Write(t.Context(), func(tx *models.Tx) error {
					return firstError(tx.UseAuthorizationCode(t.Context(), "code", "token"),
						tx.InsertBearerToken(t.Context(), "token", &models.BearerToken{ClientID: "c", ActorID: ann.ActorID}))
				})
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
		if used != 1 {
			t.Errorf("the code was exchanged %d times", used)
		}
		made.Used = true
		if got := *must[*models.AuthorizationCode](t)(db.AuthorizationCode(t.Context(), "code")); got != made {
			t.Errorf("after its use %+v, want %+v", got, made)
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.RevokeAuthorizationCode(ctx, "unknown"), tx.InsertBearerToken(ctx, "another", &models.BearerToken{ClientID: "c", ActorID: ann.ActorID}))
		})
		must[*models.Bearer](t)(db.Bearer(t.Context(), "token"))
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.RevokeAuthorizationCode(ctx, "code") })
		if _, err := db.Bearer(t.Context(), "token"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("the token of a stolen code: error %v, want ErrNotFound", err)
		}
		must[*models.Bearer](t)(db.Bearer(t.Context(), "another"))
		if _, err := db.AuthorizationCode(t.Context(), "unknown"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
	})
}

func TestGrants(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ids := people(t, db, "ann", "bob")
		ann, bob := ids[0], ids[1]
		for _, id := range []string{"old", "both", "new", "bob's"} {
			client(t, db, id)
		}
		bearer := func(ctx context.Context, tx *models.Tx, clientID string, actor int64, scope models.Scope, created time.Time) error {
			return tx.InsertBearerToken(ctx, clientID+created.String(), &models.BearerToken{ClientID: clientID, ActorID: actor, Scope: scope, Created: created})
		}
		access := func(ctx context.Context, tx *models.Tx, clientID string, actor int64) error {
			_, err := tx.EnsureAccessToken(ctx, &models.AccessToken{Token: clientID, ClientID: clientID, ActorID: actor, Created: at})
			return err
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(access(ctx, tx, "old", ann), access(ctx, tx, "both", ann), access(ctx, tx, "bob's", bob),
				bearer(ctx, tx, "both", ann, models.ScopeRead, at.Add(-time.Hour)), bearer(ctx, tx, "new", ann, models.ScopeRead, at),
				bearer(ctx, tx, "new", ann, models.ScopeWrite, at.Add(time.Hour)), bearer(ctx, tx, "new", 0, models.ScopeRead, at.Add(2*time.Hour)),
				tx.InsertAuthorizationCode(ctx, "code", &models.AuthorizationCode{ClientID: "new", ActorID: ann}),
				tx.InsertRequestToken(ctx, &models.RequestToken{Token: "request", ClientID: "both", ActorID: ann}),
				tx.InsertRequestToken(ctx, &models.RequestToken{Token: "waiting", ClientID: "both"}))
		})
		list := func(actor int64) string {
			var lines []string
			for _, g := range must[[]models.Grant](t)(db.Grants(t.Context(), actor)) {
				lines = append(lines, g.Client.ClientID+" "+[]string{"", "read", "write", "account"}[g.Scope]+" "+g.Since.Sub(at).String())
			}
			slices.Sort(lines)
			return strings.Join(lines, ", ")
		}
		expect := func(when string, actor int64, want string) {
			t.Helper()
			if got := list(actor); got != want {
				t.Errorf("%s: the programs are %q, want %q", when, got, want)
			}
		}
		expect("ann", ann, "both account -1h0m0s, new write 0s, old account 0s")
		expect("bob", bob, "bob's account 0s")
		expect("nobody", 12345, "")
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.RevokeGrant(ctx, ann, "both"), tx.RevokeGrant(ctx, ann, "new"), tx.RevokeGrant(ctx, ann, "unknown"))
		})
		expect("after two were withdrawn", ann, "old account 0s")
		expect("bob, still", bob, "bob's account 0s")
		if _, err := db.AuthorizationCode(t.Context(), "code"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("consent that was not used yet: error %v, want ErrNotFound", err)
		}
		if _, err := db.RequestToken(t.Context(), "request"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("consent by OAuth 1.0a that was not used yet: error %v, want ErrNotFound", err)
		}
		must[*models.RequestToken](t)(db.RequestToken(t.Context(), "waiting"))
		if n := number(t, db, "SELECT COUNT(*) FROM bearer_tokens"); n != 1 {
			t.Errorf("%d bearer tokens are left, want that of the program itself", n)
		}
	})
}
