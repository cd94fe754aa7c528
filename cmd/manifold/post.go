package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// accounts is what a nickname is looked up with, inside a transaction or not.
type accounts interface {
	AccountByNickname(ctx context.Context, nickname string) (*models.Account, error)
}

func account(ctx context.Context, from accounts, nick string) (*models.Account, error) {
	a, err := from.AccountByNickname(ctx, nick)
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && a.State == models.Deleted:
		return nil, errNoAccount(nick)
	case err == nil && a.State == models.Suspended:
		return nil, errSuspended
	}
	return a, err
}

func (p *program) postCommand() *cobra.Command {
	var to string
	var asJSON bool
	c := &cobra.Command{
		Use: "post NICK [TEXT]", Short: "Post a note in somebody's name",
		Long: "Post a note in somebody's name. Without TEXT the note is read from standard\ninput.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return usageError{errors.New("manifold post takes a nickname and a text; see 'manifold post --help'")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			text := ""
			if len(args) == 2 {
				text = args[1]
			} else {
				b, err := io.ReadAll(io.LimitReader(p.in, 512<<10))
				if err != nil {
					return fmt.Errorf("reading the note: %w", err)
				}
				text = string(b)
			}
			if strings.TrimSpace(text) == "" {
				return usageError{errors.New("the note is empty")}
			}
			a := &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeNote, Content: noteHTML(text)}}
			switch to {
			case "public":
				a.To = []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}
			case "followers":
			default:
				return usageError{fmt.Errorf("--to %s is not possible: it is public or followers", to)}
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				if to == "public" {
					a.CC = []*vocab.Object{{ID: h.bridge.Names().Followers(args[0]), Type: vocab.TypeCollection}}
				}
				return p.do(c.Context(), h, args[0], a, asJSON)
			})
		},
	}
	c.Flags().StringVar(&to, "to", "public", "public or followers")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// noteHTML turns plain text into the HTML that a note consists of.
func noteHTML(text string) string {
	var b strings.Builder
	for _, paragraph := range strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), "\n\n") {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(strings.TrimSpace(paragraph)), "\n", "<br>") + "</p>")
	}
	return b.String()
}

func (p *program) followCommand() *cobra.Command {
	var undo, asJSON bool
	c := &cobra.Command{
		Use: "follow NICK WHOM", Short: "Follow somebody in somebody's name", Args: arguments(2, "a nickname and whom to follow, like ann@example.org"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				whom := args[1]
				switch {
				case strings.Contains(whom, "/") || strings.HasPrefix(whom, "acct:"):
				case strings.Contains(strings.TrimPrefix(whom, "@"), "@"):
					whom = "acct:" + strings.TrimPrefix(whom, "@")
				default:
					whom = h.bridge.Names().Person(whom)
				}
				a := &vocab.Activity{Verb: vocab.VerbFollow, Object: &vocab.Object{ID: whom, Type: vocab.TypePerson}}
				if undo {
					a.Verb = vocab.VerbStopFollowing
				}
				return p.do(c.Context(), h, args[0], a, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "stop following")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// do has a person do something and prints the activity that it was.
func (p *program) do(ctx context.Context, h *house, nick string, a *vocab.Activity, asJSON bool) error {
	who, err := account(ctx, h.db, nick)
	if err != nil {
		return err
	}
	result, err := h.bridge.Post(ctx, bridge.Submission{ActorID: who.ActorID, Activity: a,
		Generator: &vocab.Object{Type: vocab.TypeApplication, DisplayName: "manifold"}})
	if err != nil {
		return err
	}
	doc := result.Activity.Doc
	if asJSON {
		return p.printJSON(map[string]string{"id": doc.ID, "verb": doc.Verb, "object": doc.Object.ID, "url": doc.URL})
	}
	_, err = fmt.Fprintln(p.out, doc.Object.ID)
	return err
}
