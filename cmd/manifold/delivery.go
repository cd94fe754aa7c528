package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"manifold/bridge"
	"manifold/models"
)

func (p *program) deliveryCommand() *cobra.Command {
	c := &cobra.Command{Use: "delivery", Short: "See and repeat deliveries that failed", Args: noArguments,
		Long: "See what other servers did not take, and send again what was given up. What is shown\nas retried is sent again by itself.",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(p.deliveryListCommand(), p.deliveryRetryCommand())
	return c
}

// deliveryInfo is what lists of failed deliveries show.
type deliveryInfo struct {
	Activity string    `json:"activity"`
	Inbox    string    `json:"inbox"`
	Network  string    `json:"network,omitempty"`
	State    string    `json:"state"`
	Attempts int64     `json:"attempts"`
	Reason   string    `json:"reason"`
	Updated  time.Time `json:"updated"`
	Next     time.Time `json:"next,omitzero"`
}

func describeDelivery(f models.DeliveryFailure, a *models.Activity) deliveryInfo {
	info := deliveryInfo{Inbox: f.Inbox, Network: f.Network, State: "given up", Attempts: f.Attempts, Reason: f.Reason, Updated: f.Updated, Next: f.Next}
	if f.State == models.Retrying {
		info.State = "retried"
	}
	if a != nil {
		info.Activity = a.Doc.ID
	}
	return info
}

func (p *program) deliveryListCommand() *cobra.Command {
	var asJSON bool
	var count int
	c := &cobra.Command{
		Use: "list", Short: "List deliveries that failed, newest first", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if count < 1 || count > 10_000 {
				return usageError{errors.New("--count must be between 1 and 10000")}
			}
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				failures, err := h.db.DeliveryFailures(c.Context(), models.Page{Count: count})
				if err != nil {
					return err
				}
				ids := make([]int64, len(failures))
				for i, f := range failures {
					ids[i] = f.ActivityID
				}
				activities, err := h.db.Activities(c.Context(), ids...)
				if err != nil {
					return err
				}
				list := make([]deliveryInfo, len(failures))
				for i, f := range failures {
					list[i] = describeDelivery(f, activities[f.ActivityID])
				}
				if asJSON {
					return p.printJSON(list)
				}
				table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "WHEN\tTO\tSTATE\tTRIES\tACTIVITY\tREASON")
				for _, i := range list {
					fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", i.Updated.Format(time.DateTime), i.Inbox, i.State, i.Attempts, i.Activity, i.Reason)
				}
				return table.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().IntVar(&count, "count", 100, "how many at most")
	return c
}

func (p *program) deliveryRetryCommand() *cobra.Command {
	var activity, host string
	var all bool
	c := &cobra.Command{
		Use: "retry", Short: "Send again what was given up",
		Long: "Send again what was given up: of one activity, to one host, or all of it. The server\nthat runs does the sending.",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if all == (activity != "" || host != "") {
				return usageError{errors.New("say what to send again: --activity ID, --host HOST, or --all")}
			}
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				which := bridge.GivenUp{Host: host}
				if activity != "" {
					id, err := h.db.LookupKind(c.Context(), models.KindActivity, activity)
					if errors.Is(err, models.ErrNotFound) {
						return fmt.Errorf("there is no activity %s", activity)
					}
					if err != nil {
						return err
					}
					which.Activity = id
				}
				n, err := h.bridge.RetryDeliveries(c.Context(), which)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.out, "%d deliveries\n", n)
				return err
			})
		},
	}
	c.Flags().StringVar(&activity, "activity", "", "the id of an activity")
	c.Flags().StringVar(&host, "host", "", "a host, with its port where that is not the default one")
	c.Flags().BoolVar(&all, "all", false, "everything that was given up")
	return c
}
