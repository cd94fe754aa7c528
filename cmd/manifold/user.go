package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"manifold/bridge"
	"manifold/models"
)

func (p *program) userCommand() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Make and manage accounts", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(p.userAddCommand(), p.userInviteCommand(), p.userListCommand(), p.userPasswdCommand(), p.userSuspendCommand(), p.userDeleteCommand())
	return c
}

func (p *program) userAddCommand() *cobra.Command {
	var stdin, admin, asJSON bool
	var email string
	c := &cobra.Command{
		Use: "add NICK", Short: "Make an account", Args: arguments(1, "a nickname"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			password, err := p.password(stdin)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				account, err := h.bridge.Register(c.Context(), bridge.Registration{Nickname: args[0], Password: password, Email: email, EmailConfirmed: true, Admin: admin})
				if err != nil {
					return explain(err)
				}
				if asJSON {
					return p.printJSON(describeAccount(h, account))
				}
				_, err = fmt.Fprintf(p.out, "%s has an account: log in with any pump.io client as %s\n", account.Nickname,
					strings.TrimPrefix(h.bridge.Names().Acct(account.Nickname), "acct:"))
				return err
			})
		},
	}
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	c.Flags().StringVar(&email, "email", "", "address for notifications and lost passwords")
	c.Flags().BoolVar(&admin, "admin", false, "may manage the server")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (p *program) userInviteCommand() *cobra.Command {
	var days int
	var asJSON bool
	c := &cobra.Command{
		Use: "invite", Short: "Invite somebody to make an account",
		Long: "Print an address at which one account can be made, where registration = invite.",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if days < 1 || days > 365 {
				return usageError{errors.New("--days must be between 1 and 365")}
			}
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				code, expires, err := h.bridge.Invite(c.Context(), time.Duration(days)*24*time.Hour)
				if err != nil {
					return err
				}
				address := h.bridge.Names().Invitation(code)
				if asJSON {
					return p.printJSON(map[string]any{"url": address, "invitation": code, "expires": expires})
				}
				_, err = fmt.Fprintln(p.out, address)
				return err
			})
		},
	}
	c.Flags().IntVar(&days, "days", 14, "how long it is good")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// explain adds what the rules are to a refusal that names none.
func explain(err error) error {
	e, ok := errors.AsType[*bridge.Error](err)
	switch {
	case !ok:
		return err
	case strings.HasPrefix(e.Text, "Bad password"):
		return errors.New("that password is too easily guessed: it needs 8 characters or more, not only letters, not only digits, and no common word")
	case strings.HasPrefix(e.Text, "Bad nickname"):
		return fmt.Errorf("%s: letters, digits, '_', '-' and '.' are possible, up to 64, and no word that the server needs for itself", e.Text)
	}
	return err
}

// password asks for a password, twice at a terminal.
func (p *program) password(stdin bool) (string, error) {
	if stdin {
		line, err := bufio.NewReader(io.LimitReader(p.in, 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	file, ok := p.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return "", usageError{errors.New("there is no terminal to ask for the password at; use --password-stdin")}
	}
	var answers [2]string
	for i, question := range []string{"Password: ", "Again: "} {
		fmt.Fprint(p.errs, question)
		b, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(p.errs)
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		answers[i] = string(b)
	}
	if answers[0] != answers[1] {
		return "", errors.New("the two passwords differ")
	}
	return answers[0], nil
}

// accountInfo is what lists of accounts show.
type accountInfo struct {
	Nickname string    `json:"nickname"`
	ID       string    `json:"id"`
	Email    string    `json:"email,omitempty"`
	Admin    bool      `json:"admin"`
	State    string    `json:"state"`
	Created  time.Time `json:"created"`
}

func describeAccount(h *house, a *models.Account) accountInfo {
	state := "active"
	if a.State == models.Suspended {
		state = "suspended"
	}
	return accountInfo{a.Nickname, h.bridge.Names().Person(a.Nickname), a.Email, a.Admin, state, a.Created}
}

func (p *program) userListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the accounts", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				list := []accountInfo{}
				for page := (models.Page{Count: 500}); ; {
					accounts, err := h.db.AllAccounts(c.Context(), page)
					if err != nil {
						return err
					}
					for _, a := range accounts {
						list = append(list, describeAccount(h, a))
					}
					if len(accounts) < page.Count {
						break
					}
					page.Before = accounts[len(accounts)-1].ActorID
				}
				if asJSON {
					return p.printJSON(list)
				}
				t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "NICKNAME\tSTATE\tADMIN\tSINCE\tEMAIL")
				for _, a := range list {
					fmt.Fprintf(t, "%s\t%s\t%v\t%s\t%s\n", a.Nickname, a.State, a.Admin, a.Created.Format(time.DateOnly), a.Email)
				}
				return t.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (p *program) userPasswdCommand() *cobra.Command {
	var stdin bool
	c := &cobra.Command{
		Use: "passwd NICK", Short: "Set a password and end the sessions of browsers", Args: arguments(1, "a nickname"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			password, err := p.password(stdin)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				return explain(h.bridge.SetPassword(c.Context(), args[0], password))
			})
		},
	}
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	return c
}

func (p *program) userSuspendCommand() *cobra.Command {
	var undo bool
	c := &cobra.Command{
		Use: "suspend NICK", Short: "Take an account out of use, or back into it", Args: arguments(1, "a nickname"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error { return h.bridge.Suspend(c.Context(), args[0], !undo) })
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "let the person use the account again")
	return c
}

func (p *program) userDeleteCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "delete NICK", Short: "Delete an account with everything in it", Args: arguments(1, "a nickname"),
		Long: "Delete an account with everything in it: posts, pictures, follows. It cannot be\nundone, and the nickname cannot be used again.",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			if !yes {
				fmt.Fprintf(p.errs, "Delete %s with everything in it, for good? Type the nickname again: ", args[0])
				line, _ := bufio.NewReader(p.in).ReadString('\n')
				if strings.TrimSpace(line) != args[0] {
					return errors.New("not deleted")
				}
			}
			return p.with(c.Context(), cfg, func(h *house) error { return h.bridge.DeleteAccount(c.Context(), args[0], nil) })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
