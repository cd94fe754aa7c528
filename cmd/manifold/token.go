package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// credentials are a program's and its tokens: Token signs by OAuth 1.0a, Bearer
// is sent as it is by OAuth 2.0.
type credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Token        string `json:"token"`
	TokenSecret  string `json:"token_secret"`
	Bearer       string `json:"bearer"`
}

func (p *program) tokenCommand() *cobra.Command {
	var asJSON bool
	var name string
	c := &cobra.Command{
		Use: "token NICK", Short: "Print OAuth credentials to act for somebody with", Args: arguments(1, "a nickname"),
		Long: "Register a program and print what it acts for the person with: a client id and\nsecret, a token and its secret to sign requests by OAuth 1.0a, and a bearer token\nof OAuth 2.0. Whoever has them can do anything in the person's name.",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				t, err := h.issue(c, args[0], name)
				if err != nil {
					return err
				}
				if asJSON {
					return p.printJSON(t)
				}
				_, err = fmt.Fprintf(p.out, "client id      %s\nclient secret  %s\ntoken          %s\ntoken secret   %s\nbearer token   %s\n",
					t.ClientID, t.ClientSecret, t.Token, t.TokenSecret, t.Bearer)
				return err
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&name, "client", "manifold token", "name of the program, shown on what it posts")
	return c
}

func (h *house) issue(c *cobra.Command, nick, name string) (*credentials, error) {
	ctx := c.Context()
	out := &credentials{ClientID: oauth1.NewIdentifier(), ClientSecret: oauth1.NewSecret(), Token: oauth1.NewIdentifier(), TokenSecret: oauth1.NewSecret(),
		Bearer: oauth1.NewSecret()}
	err := h.db.Write(ctx, func(tx *models.Tx) error {
		account, err := account(ctx, tx, nick)
		if err != nil {
			return err
		}
		now := time.Now()
		if err := tx.InsertClient(ctx, &models.Client{ClientID: out.ClientID, Secret: out.ClientSecret, ApplicationName: name, ApplicationType: "native",
			Created: now, Updated: now}); err != nil {
			return err
		}
		if err := tx.InsertBearerToken(ctx, out.Bearer, &models.BearerToken{ClientID: out.ClientID, ActorID: account.ActorID,
			Scope: models.ScopeAccount, Created: now}); err != nil {
			return err
		}
		_, err = tx.EnsureAccessToken(ctx, &models.AccessToken{Token: out.Token, Secret: out.TokenSecret, ClientID: out.ClientID,
			ActorID: account.ActorID, Created: now})
		return err
	})
	return out, err
}

// errNoAccount says that nobody has a nickname.
func errNoAccount(nick string) error {
	return fmt.Errorf("nobody here is called %s; 'manifold user list' shows who is", nick)
}

var errSuspended = errors.New("the account is suspended; 'manifold user suspend --undo' takes it back into use")
