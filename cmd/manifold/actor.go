package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"manifold/models"
)

func (p *program) actorCommand() *cobra.Command {
	c := &cobra.Command{Use: "actor", Short: "Silence and suspend people here and elsewhere", Args: noArguments,
		Long: "Decide about single people, groups and services, here and elsewhere. NAME is a\nnickname of this server, an address like ann@example.org, or a URL.",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	silence := func(silenced bool) func(context.Context, *house, *models.Actor) error {
		return func(ctx context.Context, h *house, a *models.Actor) error {
			return h.bridge.Silence(ctx, a.ID, silenced)
		}
	}
	suspend := func(suspended bool) func(context.Context, *house, *models.Actor) error {
		return func(ctx context.Context, h *house, a *models.Actor) error {
			if a.Local {
				return h.bridge.Suspend(ctx, a.Nickname, suspended)
			}
			return h.bridge.SuspendRemote(ctx, a.ID, suspended)
		}
	}
	c.AddCommand(
		p.actorChangeCommand("silence", "Show what somebody does only to their followers", silence(true)),
		p.actorChangeCommand("unsilence", "Show what somebody does to everybody again", silence(false)),
		p.actorChangeCommand("suspend", "Accept nothing from somebody", suspend(true)),
		p.actorChangeCommand("unsuspend", "Accept what somebody does again", suspend(false)))
	return c
}

func (p *program) actorChangeCommand(name, short string, change func(context.Context, *house, *models.Actor) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " NAME", Short: short, Args: arguments(1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				actor, err := h.actorNamed(c.Context(), args[0])
				if err != nil {
					return err
				}
				return change(c.Context(), h, actor)
			})
		},
	}
}

// actorNamed finds somebody who is known here by what a person would type.
func (h *house) actorNamed(ctx context.Context, name string) (*models.Actor, error) {
	names := h.bridge.Names()
	name = strings.TrimPrefix(name, "@")
	if !strings.ContainsAny(name, "@:/") {
		name = names.Acct(name)
	}
	if nick := names.Nickname(name); nick != "" {
		account, err := h.db.AccountByNickname(ctx, nick)
		if err == nil {
			return h.db.Actor(ctx, account.ActorID)
		}
		if !errors.Is(err, models.ErrNotFound) {
			return nil, err
		}
	}
	for _, spelling := range []string{name, "acct:" + name} {
		actor, err := h.db.ActorByIRI(ctx, spelling)
		if !errors.Is(err, models.ErrNotFound) {
			return actor, err
		}
	}
	return nil, fmt.Errorf("nobody here knows %s", name)
}
