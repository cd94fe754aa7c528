package models_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"manifold/models"
)

func client(t *testing.T, db *models.DB, id string) *models.Client {
	t.Helper()
	c := &models.Client{ClientID: id, Secret: "s-" + id, ApplicationName: "A <b> & ü", ApplicationType: "native", Contacts: "a@b c@d",
		LogoURL: "https://them/logo", RedirectURIs: "https://them/1 https://them/2", Created: at, Updated: at}
	write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.InsertClient(ctx, c) })
	return c
}

func TestClients(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		c := client(t, db, "c")
		if got := must[*models.Client](t)(db.Client(t.Context(), "c")); *got != *c || got.ID == 0 {
			t.Errorf("stored %+v, want %+v", got, c)
		}
		c.ApplicationName, c.ApplicationType, c.Contacts, c.LogoURL, c.RedirectURIs, c.Updated = "B", "web", "", "", "oob", at.Add(time.Hour)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateClient(ctx, c) })
		if got := must[*models.Client](t)(db.Client(t.Context(), "c")); *got != *c {
			t.Errorf("changed to %+v, want %+v", got, c)
		}
		if _, err := db.Client(t.Context(), "C"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
		err := db.Write(t.Context(), func(tx *models.Tx) error { return tx.InsertClient(t.Context(), &models.Client{ClientID: "c"}) })
		if !models.IsUnique(err) {
			t.Errorf("a second client of the same id: error %v", err)
		}
	})
}

// A temporary credential goes its way once: made, allowed, exchanged.
func TestRequestToken(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		authorize := func(token string, actor int64) error {
			return db.Write(t.Context(), func(tx *models.Tx) error { return tx.AuthorizeRequestToken(t.Context(), token, actor) })
		}
		use := func(token string) error {
			return db.Write(t.Context(), func(tx *models.Tx) error { return tx.UseRequestToken(t.Context(), token) })
		}
		made := &models.RequestToken{Token: "t", Secret: "s", ClientID: "c", Callback: "https://them/", Verifier: "v", Created: at}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.InsertRequestToken(ctx, made) })
		if got := must[*models.RequestToken](t)(db.RequestToken(t.Context(), "t")); *got != *made {
			t.Errorf("stored %+v, want %+v", got, made)
		}
		if err := use("t"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("it was exchanged before anybody allowed it: error %v", err)
		}
		if err := firstError(authorize("t", 7), authorize("t", 8)); err != nil {
			t.Fatal(err)
		}
		if got := must[*models.RequestToken](t)(db.RequestToken(t.Context(), "t")); got.ActorID != 8 || got.Used {
			t.Errorf("allowed: %+v", got)
		}
		if err := use("t"); err != nil {
			t.Fatal(err)
		}
		if got := must[*models.RequestToken](t)(db.RequestToken(t.Context(), "t")); got.ActorID != 8 || !got.Used {
			t.Errorf("used: %+v", got)
		}
		for name, err := range map[string]error{
			"using it again": use("t"), "allowing it after its use": authorize("t", 9), "using an unknown one": use("u"), "allowing an unknown one": authorize("u", 7),
		} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: error %v, want ErrNotFound", name, err)
			}
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.RemoveRequestToken(ctx, "t") })
		if _, err := db.RequestToken(t.Context(), "t"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("withdrawn: error %v, want ErrNotFound", err)
		}
	})
}

func TestRequestTokenIsUsedOnce(t *testing.T) {
	const tries = 8
	stores(t, func(t *testing.T, db *models.DB) {
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.InsertRequestToken(ctx, &models.RequestToken{Token: "t", ActorID: 7, Created: at})
		})
		errs := make([]error, tries)
		var wg sync.WaitGroup
		for i := range tries {
			wg.Go(func() {
				errs[i] = db.Write(t.Context(), func(tx *models.Tx) error { return tx.UseRequestToken(t.Context(), "t") })
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
			t.Errorf("the token was exchanged %d times", used)
		}
	})
}

// A person has one token for a program, whoever asks how often.
func TestAccessTokenIsOne(t *testing.T) {
	const tries = 8
	stores(t, func(t *testing.T, db *models.DB) {
		ensure := func(token, clientID string, actor int64) (got *models.AccessToken, err error) {
			err = db.Write(t.Context(), func(tx *models.Tx) (err error) {
				got, err = tx.EnsureAccessToken(t.Context(), &models.AccessToken{Token: token, Secret: "s-" + token, ClientID: clientID, ActorID: actor, Created: at})
				return err
			})
			return got, err
		}
		tokens := make([]*models.AccessToken, tries)
		var wg sync.WaitGroup
		for i := range tries {
			wg.Go(func() {
				var err error
				if tokens[i], err = ensure(fmt.Sprint("t", i), "c", 7); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for _, token := range tokens {
			if *token != *tokens[0] || token.Secret != "s-"+token.Token {
				t.Errorf("got %+v and %+v", token, tokens[0])
			}
		}
		other := must[*models.AccessToken](t)(ensure("u", "c", 8))
		third := must[*models.AccessToken](t)(ensure("v", "d", 7))
		if other.Token != "u" || third.Token != "v" {
			t.Errorf("another person and another program got %s and %s", other.Token, third.Token)
		}
		if got := must[*models.AccessToken](t)(db.AccessTokenOf(t.Context(), 7, "c")); *got != *tokens[0] {
			t.Errorf("stored %+v, want %+v", got, tokens[0])
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.RemoveAccessTokens(ctx, 7) })
		for _, id := range []string{"c", "d"} {
			if _, err := db.AccessTokenOf(t.Context(), 7, id); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("withdrawn: error %v, want ErrNotFound", err)
			}
		}
		if _, err := db.AccessTokenOf(t.Context(), 8, "c"); err != nil {
			t.Errorf("the token of another person: %v", err)
		}
	})
}

func TestCredentials(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		c, d := client(t, db, "c"), client(t, db, "d")
		ann, err := account(t, db, "Ann")
		if err != nil {
			t.Fatal(err)
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			_, err := tx.EnsureAccessToken(ctx, &models.AccessToken{Token: "t", Secret: "ts", ClientID: "c", ActorID: ann.ActorID, Created: at})
			if err != nil {
				return err
			}
			_, err = tx.EnsureAccessToken(ctx, &models.AccessToken{Token: "orphan", Secret: "os", ClientID: "c", ActorID: 1, Created: at})
			return err
		})
		full := models.Credentials{Client: *c, TokenSecret: "ts", ActorID: ann.ActorID, Nickname: "Ann", TokenKnown: true}
		for _, tt := range []struct {
			name, client, token string
			want                models.Credentials
		}{
			{"client alone", "c", "", models.Credentials{Client: *c}},
			{"with a token", "c", "t", full},
			{"a token that does not exist", "c", "x", models.Credentials{Client: *c}},
			{"another program's token", "d", "t", models.Credentials{Client: *d}},
			{"a token whose person has no account", "c", "orphan", models.Credentials{Client: *c}},
		} {
			if got := must[*models.Credentials](t)(db.Credentials(t.Context(), tt.client, tt.token)); *got != tt.want {
				t.Errorf("%s: %+v, want %+v", tt.name, *got, tt.want)
			}
		}
		if _, err := db.Credentials(t.Context(), "x", "t"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("an unknown client: error %v, want ErrNotFound", err)
		}
		ann.State = models.Suspended
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateAccount(ctx, ann) })
		full.State = models.Suspended
		if got := must[*models.Credentials](t)(db.Credentials(t.Context(), "c", "t")); *got != full {
			t.Errorf("suspended: %+v, want %+v", *got, full)
		}
	})
}

func TestNonceIsTakenOnce(t *testing.T) {
	const tries = 8
	stores(t, func(t *testing.T, db *models.DB) {
		digest := sha256.Sum256([]byte("client token timestamp nonce"))
		errs := make([]error, tries)
		var wg sync.WaitGroup
		for i := range tries {
			wg.Go(func() {
				errs[i] = db.Write(t.Context(), func(tx *models.Tx) error { return tx.RememberNonce(t.Context(), digest[:], at) })
			})
		}
		wg.Wait()
		taken := 0
		for _, err := range errs {
			if err == nil {
				taken++
			} else if !errors.Is(err, models.ErrExists) {
				t.Error(err)
			}
		}
		if taken != 1 {
			t.Errorf("the nonce was taken %d times", taken)
		}
		// It is remembered with the write only: the repetition of one that failed is welcome.
		other := sha256.Sum256([]byte("another"))
		for _, result := range []error{errRefused, nil, models.ErrExists} {
			err := db.Write(t.Context(), func(tx *models.Tx) error {
				return firstError(tx.RememberNonce(t.Context(), other[:], at), ignore(result, models.ErrExists))
			})
			if !errors.Is(err, result) {
				t.Errorf("error %v, want %v", err, result)
			}
		}
	})
}

func TestSessions(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann, err := account(t, db, "ann")
		if err != nil {
			t.Fatal(err)
		}
		bob, err := account(t, db, "bob")
		if err != nil {
			t.Fatal(err)
		}
		eve := person(t, db, "eve", "elsewhere")
		now := time.Now()
		for digest, s := range map[string]struct {
			actor   int64
			expires time.Time
		}{
			"first": {ann.ActorID, now.Add(time.Hour)}, "second": {ann.ActorID, now.Add(time.Hour)}, "over": {ann.ActorID, now.Add(-time.Second)},
			"bob's": {bob.ActorID, now.Add(time.Hour)}, "nobody's": {1, now.Add(time.Hour)}, "eve's": {eve, now.Add(time.Hour)},
		} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return tx.InsertSession(ctx, []byte(digest), s.actor, s.expires)
			})
		}
		expect := func(when string, want map[string]int64) {
			t.Helper()
			for _, digest := range []string{"first", "second", "over", "bob's", "nobody's", "unknown", "eve's"} {
				actor, err := db.SessionActor(t.Context(), []byte(digest))
				if actor != want[digest] || (err == nil) != (actor != 0) || err != nil && !errors.Is(err, models.ErrNotFound) {
					t.Errorf("%s: session %s is of %d, error %v; want %d", when, digest, actor, err, want[digest])
				}
			}
		}
		expect("at first", map[string]int64{"first": ann.ActorID, "second": ann.ActorID, "bob's": bob.ActorID, "eve's": eve})
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			remote := must[*models.Actor](t)(tx.Actor(ctx, eve))
			remote.State = models.Suspended
			return tx.UpdateActor(ctx, remote)
		})
		expect("with eve suspended", map[string]int64{"first": ann.ActorID, "second": ann.ActorID, "bob's": bob.ActorID})
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.RemoveOtherSessions(ctx, ann.ActorID, []byte("second"))
		})
		expect("after the end of all of ann's but one", map[string]int64{"second": ann.ActorID, "bob's": bob.ActorID})
		bob.State = models.Suspended
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateAccount(ctx, bob) })
		expect("with bob suspended", map[string]int64{"second": ann.ActorID})
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.RemoveSessions(ctx, ann.ActorID) })
		expect("after the end of all of ann's", nil)
	})
}

func TestPrune(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann, err := account(t, db, "ann")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(
				tx.RememberNonce(ctx, []byte("old"), now.Add(-time.Second)), tx.RememberNonce(ctx, []byte("new"), now.Add(time.Second)),
				tx.InsertSession(ctx, []byte("old"), ann.ActorID, now.Add(-time.Second)), tx.InsertSession(ctx, []byte("new"), ann.ActorID, now.Add(time.Hour)),
				tx.InsertRequestToken(ctx, &models.RequestToken{Token: "old", Created: now.Add(-time.Hour - time.Second)}),
				tx.InsertRequestToken(ctx, &models.RequestToken{Token: "new", Created: now.Add(-time.Hour + time.Minute)}),
				tx.InsertBearerToken(ctx, "old", &models.BearerToken{Expires: now.Add(-time.Second)}),
				tx.InsertBearerToken(ctx, "new", &models.BearerToken{Expires: now.Add(time.Second)}), tx.InsertBearerToken(ctx, "lasting", &models.BearerToken{}),
				tx.InsertAuthorizationCode(ctx, "old", &models.AuthorizationCode{Created: now.Add(-time.Hour - time.Second)}),
				tx.InsertAuthorizationCode(ctx, "new", &models.AuthorizationCode{Created: now.Add(-time.Hour + time.Minute)}),
				tx.InsertRemoteRequest(ctx, &models.RemoteRequest{Host: "h", Token: "old", Browser: []byte("x"), Created: now.Add(-time.Hour - time.Second)}),
				tx.InsertRemoteRequest(ctx, &models.RemoteRequest{Host: "h", Token: "new", Browser: []byte("x"), Created: now.Add(-time.Hour + time.Minute)}),
			)
		})
		var went int64
		write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
			went, err = tx.Prune(ctx, now)
			return err
		})
		if went != 6 {
			t.Errorf("%d rows went, want 6", went)
		}
		for table, want := range map[string]int64{"bearer_tokens": 2, "authorization_codes": 1, "remote_requests": 1} {
			if n := number(t, db, "SELECT COUNT(*) FROM "+table); n != want {
				t.Errorf("%d rows of %s are left, want %d", n, table, want)
			}
		}
		if got := noted(t, db); len(got) != 1 || got[0] != "new" {
			t.Errorf("nonces %v are left", got)
		}
		if _, err := db.SessionActor(t.Context(), []byte("new")); err != nil {
			t.Errorf("a session that is not over: %v", err)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM sessions"); n != 1 {
			t.Errorf("%d sessions are left", n)
		}
		if _, err := db.RequestToken(t.Context(), "new"); err != nil {
			t.Errorf("a new request token: %v", err)
		}
		if _, err := db.RequestToken(t.Context(), "old"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("an old request token: error %v", err)
		}
	})
}
