package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"manifold/bridge"
	"manifold/models"
)

func (p *program) hostCommand() *cobra.Command {
	c := &cobra.Command{Use: "host", Short: "Block and limit other servers", Args: noArguments,
		Long: "Decide what reaches people here from other servers. A decision about a domain\nholds for all names below it, on all networks, within two seconds.",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(
		p.hostSetCommand("block", "Accept nothing from a server, and send nothing there",
			"Nothing is accepted from the server, fetched from it or sent to it, and what follows\nthere are between people here and there end.", models.HostPolicy{Severity: models.SeverityBlock}),
		p.hostSetCommand("limit", "Show what comes from a server only to its followers",
			"What people of the server do reaches only those here who follow them.", models.HostPolicy{Severity: models.SeverityLimit}),
		p.hostSetCommand("media", "Fetch no pictures, sound and films from a server",
			"Everything else goes on as before.", models.HostPolicy{RejectMedia: true}),
		p.hostLiftCommand(), p.hostListCommand(), p.hostImportCommand(), p.hostExportCommand())
	return c
}

func (p *program) hostSetCommand(name, short, long string, policy models.HostPolicy) *cobra.Command {
	c := &cobra.Command{
		Use: name + " DOMAIN", Short: short, Long: short + ".\n" + long, Args: arguments(1, "the name of a server"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			policy.Domain = args[0]
			return p.with(c.Context(), cfg, func(h *house) error { return h.bridge.SetHostPolicies(c.Context(), policy) })
		},
	}
	if !policy.RejectMedia {
		c.Flags().BoolVar(&policy.RejectMedia, "reject-media", false, "fetch no pictures, sound and films from there")
	}
	c.Flags().BoolVar(&policy.RejectReports, "reject-reports", false, "throw away what people there report")
	c.Flags().BoolVar(&policy.Obfuscate, "obfuscate", false, "do not spell the name out in public")
	c.Flags().StringVar(&policy.PublicComment, "public-comment", "", "the reason, for everybody")
	c.Flags().StringVar(&policy.PrivateComment, "comment", "", "the reason, for the admins")
	return c
}

func (p *program) hostLiftCommand() *cobra.Command {
	return &cobra.Command{
		Use: "allow DOMAIN", Short: "Take back a decision about a server", Args: arguments(1, "the name of a server"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error { return h.bridge.LiftHostPolicy(c.Context(), args[0]) })
		},
	}
}

// policyInfo is what lists of decisions about servers show.
type policyInfo struct {
	Domain         string    `json:"domain"`
	Severity       string    `json:"severity"`
	RejectMedia    bool      `json:"reject_media"`
	RejectReports  bool      `json:"reject_reports"`
	Obfuscate      bool      `json:"obfuscate"`
	PublicComment  string    `json:"public_comment,omitempty"`
	PrivateComment string    `json:"private_comment,omitempty"`
	Created        time.Time `json:"created"`
}

func describePolicy(p models.HostPolicy) policyInfo {
	word := map[models.Severity]string{models.SeverityNone: "none", models.SeverityLimit: "limit", models.SeverityBlock: "block"}[p.Severity]
	return policyInfo{p.Domain, word, p.RejectMedia, p.RejectReports, p.Obfuscate, p.PublicComment, p.PrivateComment, p.Created}
}

func (p *program) hostListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the decisions about servers", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				policies, err := h.db.HostPolicies(c.Context())
				if err != nil {
					return err
				}
				list := make([]policyInfo, len(policies))
				for i, policy := range policies {
					list[i] = describePolicy(policy)
				}
				if asJSON {
					return p.printJSON(list)
				}
				table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "DOMAIN\tSEVERITY\tMEDIA\tREPORTS\tCOMMENT")
				for _, i := range list {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", i.Domain, i.Severity, refused(i.RejectMedia), refused(i.RejectReports), firstNonEmpty(i.PrivateComment, i.PublicComment))
				}
				return table.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func refused(b bool) string {
	if b {
		return "refused"
	}
	return ""
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (p *program) hostImportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE", Short: "Take over a list of domain blocks of Mastodon",
		Long: "Read a list of domain blocks as Mastodon exports it (CSV), or - for standard input.\nA decision that there is about a server is replaced by that of the list.",
		Args: arguments(1, "a file"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			in := p.in
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				in = file
			}
			list, err := bridge.ReadBlockList(in)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return errors.New("the list is empty")
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				if err := h.bridge.SetHostPolicies(c.Context(), list...); err != nil {
					return err
				}
				_, err := fmt.Fprintf(p.out, "%d servers\n", len(list))
				return err
			})
		},
	}
}

func (p *program) hostExportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "Print the decisions about servers for Mastodon to import", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				policies, err := h.db.HostPolicies(c.Context())
				if err != nil {
					return err
				}
				return bridge.WriteBlockList(p.out, policies)
			})
		},
	}
}
