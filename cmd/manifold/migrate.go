package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"manifold/bridge"
	"manifold/models"
)

func (p *program) migrateCommand() *cobra.Command {
	var asJSON, status bool
	c := &cobra.Command{
		Use: "migrate", Short: "Bring the tables of the database up to date", Args: noArguments,
		Long: "Bring the tables of the database up to date. 'manifold serve' does it by itself;\nthis is for doing it before, while the old version still serves.",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			cfg, err := p.load(c)
			if err != nil {
				return err
			}
			db, err := models.Open(c.Context(), models.Options{Database: cfg.Database.DSN()})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			if !status {
				if _, err := db.Migrate(c.Context()); err != nil {
					return err
				}
				if err := bridge.MigrateQueue(c.Context(), db); err != nil {
					return err
				}
			}
			steps, err := db.Migrations(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return p.printJSON(steps)
			}
			for _, s := range steps {
				state := "done"
				if !s.Applied {
					state = "to do"
				}
				fmt.Fprintf(p.out, "%04d %s: %s\n", s.Version, s.Name, state)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&status, "status", false, "only show what would be done")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
