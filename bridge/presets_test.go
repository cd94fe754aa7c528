package bridge_test

import (
	"strings"
	"testing"

	"manifold/bridge"
	"manifold/models"
)

func presets() bridge.Presets {
	return bridge.Presets{
		Clients: []bridge.PresetClient{{ID: "script", Secret: "script-secret", Title: "Our script"}},
		Accounts: []bridge.PresetAccount{{Nickname: "robot", Password: password, Tokens: []bridge.PresetToken{
			{Token: "robot-token", Secret: "robot-token-secret", ClientID: "script"},
			{Token: "robot-bearer", ClientID: "script", Scope: models.ScopeRead},
		}}},
	}
}

func TestPreset(t *testing.T) {
	worlds(t, func(w *world) {
		ctx := w.t.Context()
		preset := func(p bridge.Presets) {
			w.t.Helper()
			if err := w.Preset(ctx, p); err != nil {
				w.t.Fatal(err)
			}
		}
		// check looks at everything that the presets are about.
		check := func(clientSecret, title, password, token, tokenSecret string, scope models.Scope) *models.Account {
			w.t.Helper()
			account, err := w.Authenticate(ctx, "robot", password)
			if err != nil {
				w.t.Fatal(err)
			}
			cr, err := w.DB().Credentials(ctx, "script", token)
			if err != nil {
				w.t.Fatal(err)
			}
			same(w.t, "secret of the client", cr.Client.Secret, clientSecret)
			same(w.t, "title of the client", cr.Client.ApplicationName, title)
			same(w.t, "the token is known", cr.TokenKnown, true)
			same(w.t, "secret of the token", cr.TokenSecret, tokenSecret)
			same(w.t, "person of the token", cr.ActorID, account.ActorID)
			bearer, err := w.DB().Bearer(ctx, "robot-bearer")
			if err != nil {
				w.t.Fatal(err)
			}
			same(w.t, "person of the bearer", bearer.ActorID, account.ActorID)
			same(w.t, "scope of the bearer", bearer.Scope, scope)
			return account
		}
		preset(presets())
		first := check("script-secret", "Our script", password, "robot-token", "robot-token-secret", models.ScopeRead)
		same(w.t, "lists", w.actor(first.ActorID).Counts.Lists, 4)

		// The same again changes nothing.
		preset(presets())
		second := check("script-secret", "Our script", password, "robot-token", "robot-token-secret", models.ScopeRead)
		same(w.t, "hash of the password", second.PasswordHash, first.PasswordHash)
		same(w.t, "time of the last change", second.Updated, first.Updated)

		changed := presets()
		changed.Clients[0].Secret, changed.Clients[0].Title = "another-secret", "Another"
		changed.Accounts[0].Password = "another passphrase 2"
		changed.Accounts[0].Tokens[0] = bridge.PresetToken{Token: "another-token", Secret: "another-token-secret", ClientID: "script"}
		changed.Accounts[0].Tokens[1].Scope = models.ScopeWrite
		preset(changed)
		third := check("another-secret", "Another", "another passphrase 2", "another-token", "another-token-secret", models.ScopeWrite)
		same(w.t, "person", third.ActorID, first.ActorID)
		if cr, err := w.DB().Credentials(ctx, "script", "robot-token"); err != nil || cr.TokenKnown {
			w.t.Errorf("the token that was replaced is good: %+v, %v", cr, err)
		}

		// Whoever has left does not come back.
		if err := w.DeleteAccount(ctx, "robot", nil); err != nil {
			w.t.Fatal(err)
		}
		preset(presets())
		if account, err := w.DB().AccountByNickname(ctx, "robot"); err != nil || account.State != models.Deleted {
			w.t.Errorf("the deleted account is %+v, %v", account, err)
		}
	})
}

func TestPresetRefusals(t *testing.T) {
	worlds(t, func(w *world) {
		for name, tt := range map[string]struct {
			change func(*bridge.PresetAccount)
			says   string
		}{
			"a password that is too simple": {func(a *bridge.PresetAccount) { a.Password = "secret" }, "preset account robot: "},
			"a nickname that is reserved":   {func(a *bridge.PresetAccount) { a.Nickname = "main" }, "preset account main: Bad nickname"},
			"a program that is not there":   {func(a *bridge.PresetAccount) { a.Tokens[0].ClientID = "nobody" }, "token 1 is for the program nobody"},
			"a token of somebody else":      {func(a *bridge.PresetAccount) { a.Tokens[0].Token = "taken" }, "token 1 (program script) is in use"},
			"a bearer of somebody else":     {func(a *bridge.PresetAccount) { a.Tokens[1].Token = "taken-bearer" }, "token 2 (program script) is in use"},
		} {
			p := presets()
			p.Accounts[0].Nickname, p.Accounts[0].Tokens[0].Token, p.Accounts[0].Tokens[1].Token = "other", "taken", "taken-bearer"
			if err := w.Preset(w.t.Context(), p); err != nil {
				w.t.Fatal(err)
			}
			p = presets()
			tt.change(&p.Accounts[0])
			err := w.Preset(w.t.Context(), p)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				w.t.Errorf("%s: %v", name, err)
			}
			if err != nil && (strings.Contains(err.Error(), "taken") || strings.Contains(err.Error(), "secret")) {
				w.t.Errorf("%s: a secret is in %v", name, err)
			}
			if _, err := w.DB().AccountByNickname(w.t.Context(), p.Accounts[0].Nickname); err == nil {
				w.t.Errorf("%s: the account was made all the same", name)
			}
		}
	})
}
