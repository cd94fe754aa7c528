package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"manifold/models"
)

func (p *program) reportCommand() *cobra.Command {
	c := &cobra.Command{Use: "report", Short: "Read what people report", Args: noArguments,
		Long: "Read what people here and elsewhere report to the admins. Reports are moderated with\n'manifold actor' and 'manifold host'.",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(p.reportListCommand(), p.reportForwardCommand(), p.reportResolveCommand())
	return c
}

// reportInfo is what lists of reports show.
type reportInfo struct {
	ID       string    `json:"id"`
	Reporter string    `json:"reporter"`
	Actors   []string  `json:"actors"`
	Objects  []string  `json:"objects"`
	Content  string    `json:"content,omitempty"`
	Created  time.Time `json:"created"`
}

// describeReports names whom and what reports are about.
func (h *house) describeReports(ctx context.Context, reports []*models.Report) ([]reportInfo, error) {
	var actors, objects []int64
	for _, r := range reports {
		actors = append(append(actors, r.ReporterID), r.Actors...)
		objects = append(objects, r.Objects...)
	}
	people, err := h.db.Actors(ctx, actors...)
	if err != nil {
		return nil, err
	}
	things, err := h.db.Objects(ctx, objects...)
	if err != nil {
		return nil, err
	}
	list := make([]reportInfo, len(reports))
	for i, r := range reports {
		info := reportInfo{ID: strconv.FormatInt(r.ID, 10), Actors: []string{}, Objects: []string{}, Content: r.Content, Created: r.Created}
		if a := people[r.ReporterID]; a != nil {
			info.Reporter = a.Doc.ID
		}
		for _, id := range r.Actors {
			if a := people[id]; a != nil {
				info.Actors = append(info.Actors, a.Doc.ID)
			}
		}
		for _, id := range r.Objects {
			if o := things[id]; o != nil {
				info.Objects = append(info.Objects, o.Doc.ID)
			}
		}
		list[i] = info
	}
	return list, nil
}

func (p *program) reportListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the reports that nobody is done with, newest first", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				list := []reportInfo{}
				for page := (models.Page{Count: 200}); ; {
					reports, err := h.db.OpenReports(c.Context(), page)
					if err != nil {
						return err
					}
					described, err := h.describeReports(c.Context(), reports)
					if err != nil {
						return err
					}
					list = append(list, described...)
					if len(reports) < page.Count {
						break
					}
					page.Before = reports[len(reports)-1].ID
				}
				if asJSON {
					return p.printJSON(list)
				}
				table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "ID\tWHEN\tBY\tABOUT\tSAYS")
				for _, r := range list {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Created.Format(time.DateTime), r.Reporter,
						strings.Join(append(r.Actors, r.Objects...), " "), strings.Join(strings.Fields(r.Content), " "))
				}
				return table.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (p *program) reportForwardCommand() *cobra.Command {
	return &cobra.Command{
		Use: "forward ID", Short: "Tell the servers of those whom a report is about", Args: arguments(1, "the id of a report"),
		Long: "Tell the servers of those elsewhere whom a report is about of it, in the name of this\n" +
			"server: they do not learn who made it. It stays open here.",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := reportID(args[0])
			if err != nil {
				return err
			}
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				people, err := h.bridge.ForwardReport(c.Context(), id)
				if errors.Is(err, models.ErrNotFound) {
					return fmt.Errorf("there is no report %d", id)
				}
				if err != nil {
					return err
				}
				for _, a := range people {
					fmt.Fprintln(p.out, a.Doc.ID)
				}
				return nil
			})
		},
	}
}

func reportID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, usageError{fmt.Errorf("%q is no id of a report: 'manifold report list' shows them", text)}
	}
	return id, nil
}

func (p *program) reportResolveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resolve ID", Short: "Be done with a report", Args: arguments(1, "the id of a report"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := reportID(args[0])
			if err != nil {
				return err
			}
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			return p.with(c.Context(), cfg, func(h *house) error {
				err := h.db.Write(c.Context(), func(tx *models.Tx) error { return tx.ResolveReport(c.Context(), id, time.Now()) })
				if errors.Is(err, models.ErrNotFound) {
					return fmt.Errorf("there is no open report %d", id)
				}
				return err
			})
		},
	}
}
