package main

import (
	"context"
	"fmt"

	"manifold/bridge"
	"manifold/internal/config"
	"manifold/models"
)

// presetScopes are the scopes that a preset token can have, in the words of the
// original and in ours.
var presetScopes = map[string]models.Scope{
	"read": models.ScopeRead, "write": models.ScopeWrite, "account": models.ScopeAccount,
	"writeown": models.ScopeWrite, "writeall": models.ScopeAccount,
}

// preset makes the programs and accounts that the configuration wants to exist.
func (h *house) preset(ctx context.Context, wanted config.Presets) error {
	var p bridge.Presets
	for _, c := range wanted.Clients {
		p.Clients = append(p.Clients, bridge.PresetClient{ID: c.ID, Secret: c.Secret.Reveal(), Title: c.Title})
	}
	for _, u := range wanted.Users {
		account := bridge.PresetAccount{Nickname: u.Nickname, Password: u.Password.Reveal()}
		for i, t := range u.Tokens {
			token := bridge.PresetToken{Token: t.Token.Reveal(), Secret: t.TokenSecret.Reveal(), ClientID: t.ClientID}
			if token.Secret == "" {
				var ok bool
				if token.Scope, ok = presetScopes[t.Scope]; !ok {
					return usageError{fmt.Errorf("preset account %s: token %d has the scope %q; it can be read, writeown or writeall", u.Nickname, i+1, t.Scope)}
				}
			}
			account.Tokens = append(account.Tokens, token)
		}
		p.Accounts = append(p.Accounts, account)
	}
	return explain(h.bridge.Preset(ctx, p))
}
