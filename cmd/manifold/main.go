// Command manifold is a server for social software that speaks with the pump.io
// network, and bridges it to others. This package has one file for each of its
// subcommands and the wiring; what it does stands in the packages that it puts
// together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"manifold/internal/config"
)

// version is set when the program is built, see the Makefile.
var version = "dev"

// Exit statuses.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // what was asked for cannot be understood
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	p := &program{in: in, out: out, errs: errs, environ: os.Environ()}
	root := p.command()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(errs, "manifold:", err)
		if _, ok := errors.AsType[usageError](err); ok {
			return exitUsage
		}
		return exitFailed
	}
	return 0
}

// program is what all subcommands share.
type program struct {
	in        io.Reader
	out, errs io.Writer
	environ   []string
}

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "manifold",
		Short:         "A lean server for social software",
		Long:          "Manifold is a server for social software: it takes activities from programs,\nsorts them into streams, and brings them to whoever should see them.\n\nBegin with:  manifold serve",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	config.AddFlags(root.PersistentFlags())
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(p.serveCommand(), p.userCommand(), p.tokenCommand(), p.postCommand(), p.followCommand(), p.migrateCommand(),
		p.hostCommand(), p.actorCommand(), p.reportCommand(), p.deliveryCommand(), p.configCommand(), p.doctorCommand(), p.versionCommand())
	return root
}

func noArguments(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return usageError{err}
	}
	return nil
}

// arguments demands a number of arguments; names says which, for the message.
func arguments(n int, names string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s takes %s; see '%s --help'", c.CommandPath(), names, c.CommandPath())}
		}
		return nil
	}
}

// load reads the configuration. A mistake there is one of usage.
func (p *program) load(c *cobra.Command) (*config.Config, error) {
	cfg, err := config.Load(c.Flags(), p.environ)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}
