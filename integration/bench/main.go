// Command bench measures how fast the program is, on SQLite and on PostgreSQL,
// and what that costs in memory. It runs the real program as a process of its own
// and is a client like any other:
//
//  1. The program is built as it is released, and the limits of the machine are
//     taken: answers of the size of an inbox page from a server that does nothing
//     else, RSA signatures, writes that are forced to disk. All other figures are
//     to be read against these, since the load generator shares the machine.
//  2. For each database and each size of store, a database is filled. One note is
//     posted the real way; the others are copies of the rows that it made, with
//     other names, numbers and times, written by a few statements of SQL.
//  3. The program is started on it a few times, then asked: signed reads of
//     inboxes, posts, and one post to ten thousand followers. All requests are
//     signed before the clock starts, every answer's status is checked, and a
//     sample of their bodies. What was acknowledged must be found in the database
//     afterwards. Then a thousand people of other servers, which this program plays
//     too, follow somebody who posts, and deliver signed activities themselves; a
//     thousand others subscribe to the feed of somebody at the hub; and ten thousand
//     people connect to the realtime service, and some post.
//  4. A table is printed, and the same as JSON where -json says.
//
// It needs Linux (memory and CPU times are read from /proc) and an installed
// PostgreSQL, see package scratchpg. The exit status is 1 if anything failed;
// figures below what we aim at are marked and are no failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"manifold/internal/scratchpg"
)

func main() {
	if body := os.Getenv(bareEnv); body != "" {
		serveBare(body)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan is what is measured.
type plan struct {
	seconds   float64
	databases []string
	// stored are the sizes of the store, in activities; the first is what the
	// others are compared with.
	stored   []int
	jsonFile string
	// program is a server that is built already, "" to build one.
	program string
	// connections is how many people are connected to the realtime service.
	connections int
	// inboxes is how many inboxes elsewhere are delivered to, 0 to leave federation
	// out.
	inboxes int
	// part is the only thing that is measured besides the starts, "" for all.
	part string
	// profiles is the folder for CPU profiles of the server, "" for none.
	profiles string
}

// alone are the parts that are compared with nothing that is measured before.
var alone = []string{"fame", "hub", "realtime"}

func parse(args []string) (*plan, error) {
	p := &plan{databases: []string{"sqlite", "postgres"}}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	small := f.Bool("small", false, "a quick look: -seconds 2 -stored 10000")
	f.Float64Var(&p.seconds, "seconds", 8, "how long each kind of request is made")
	stored := f.String("stored", "10000,1000000", "sizes of the store, in activities")
	only := f.String("only", "", "sqlite or postgres")
	f.StringVar(&p.jsonFile, "json", "", "`file` to write the figures to as JSON")
	f.IntVar(&p.connections, "connections", fameFollowers, "realtime connections, 0 for none")
	f.IntVar(&p.inboxes, "inboxes", 1000, "inboxes elsewhere and subscribers of a feed that are delivered to, 0 for none")
	f.StringVar(&p.part, "part", "", "measure nothing but this: "+strings.Join(alone, ", "))
	f.StringVar(&p.program, "program", "", "server to measure instead of building one")
	f.StringVar(&p.profiles, "profiles", "", "`folder` for a CPU profile of the server under each kind of request")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("nothing is known of %q", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(one *flag.Flag) { given[one.Name] = true })
	if *small && !given["seconds"] {
		p.seconds = 2
	}
	if *small && !given["stored"] {
		*stored = "10000"
	}
	if p.connections < 0 || p.connections > fameFollowers || p.connections%tenFollowers != 0 {
		return nil, fmt.Errorf("-connections %d: a multiple of %d is possible, at most %d", p.connections, tenFollowers, fameFollowers)
	}
	if p.part != "" && !slices.Contains(alone, p.part) {
		return nil, fmt.Errorf("-part %s: possible are %s", p.part, strings.Join(alone, ", "))
	}
	if p.inboxes < 0 || p.inboxes > 10_000 {
		return nil, fmt.Errorf("-inboxes %d: 0 to 10000 are possible", p.inboxes)
	}
	if p.seconds <= 0 || p.seconds > 60 {
		// The signatures of the last requests would be too old.
		return nil, fmt.Errorf("-seconds %v: more than 0 and at most 60 are possible", p.seconds)
	}
	for _, size := range strings.Split(*stored, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < minStored || n%writers != 0 {
			return nil, fmt.Errorf("-stored %s: a size is a multiple of %d, at least %d", size, writers, minStored)
		}
		p.stored = append(p.stored, n)
	}
	switch *only {
	case "":
	case "sqlite", "postgres":
		p.databases = []string{*only}
	default:
		return nil, fmt.Errorf("-only %s: it is sqlite or postgres", *only)
	}
	return p, nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	p, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "manifold-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if p.profiles != "" {
		if err := os.MkdirAll(p.profiles, 0o755); err != nil {
			return err
		}
	}
	r := newReport()
	if p.program == "" {
		p.program = filepath.Join(dir, "manifold")
		err = build(ctx, p.program)
	} else {
		p.program, err = filepath.Abs(p.program)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(p.program)
	if err != nil {
		return err
	}
	r.add(result{What: "size of the program", Value: float64(info.Size()) / 1e6, Unit: "MB"})
	for _, database := range p.databases {
		if err := measureDatabase(ctx, p, r, database, dir); err != nil {
			return fmt.Errorf("on %s: %w", database, err)
		}
	}
	if err := r.print(out); err != nil {
		return err
	}
	if p.jsonFile != "" {
		return r.writeJSON(p.jsonFile)
	}
	return nil
}

// measureDatabase takes all figures of one kind of database.
func measureDatabase(ctx context.Context, p *plan, r *report, kind, dir string) (err error) {
	var server *scratchpg.Server
	if kind == "postgres" {
		if server, err = scratchpg.Start(ctx, scratchpg.Options{Durable: true}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
	}
	for i, stored := range p.stored {
		work := filepath.Join(dir, fmt.Sprintf("%s-%d", kind, stored))
		if err := os.Mkdir(work, 0o750); err != nil {
			return err
		}
		dsn := filepath.Join(work, "manifold.db")
		if server != nil {
			// A database stays until the server goes, in its own directory.
			if dsn, err = server.CreateDatabase(ctx, fmt.Sprintf("stored_%d", stored)); err != nil {
				return err
			}
		}
		s := &session{plan: p, report: r, kind: kind, stored: stored, dir: work, dsn: dsn, first: i == 0}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("with %d activities stored: %w", stored, err)
		}
		// A million activities are some gigabytes.
		if err := os.RemoveAll(work); err != nil {
			return err
		}
	}
	return nil
}

// progress tells whoever waits what is being done.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
