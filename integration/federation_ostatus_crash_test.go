package integration

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/integration/gnusocial"
)

const (
	// crashPosts is how many notes each of two people posts while the server is killed
	// again and again.
	crashPosts = 30
	// rescue is within what time another process takes over what a killed one had
	// begun. On PostgreSQL it may be that of somebody else who is well.
	rescue = 3 * time.Minute
)

// TestOStatusCrash kills the server in the middle of many posts to those who follow by
// OStatus: each post arrives, by the id that its author was told.
func TestOStatusCrash(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { testOStatusCrash(t, filepath.Join(t.TempDir(), "manifold.db")) })
	t.Run("postgres", func(t *testing.T) {
		_, database := ownPostgres(t)
		testOStatusCrash(t, database)
	})
}

func testOStatusCrash(t *testing.T, database string) {
	w := meetNeighbours(t, database, gnusocial.Options{})
	var authors []*person
	for _, nick := range []string{"ann", "amy"} {
		author := w.s.person(nick)
		bob := w.there("bob")
		w.bobFollows(bob, author)
		authors = append(authors, author)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var taken atomic.Int64
	var failed [2]error
	var writing sync.WaitGroup
	for i, author := range authors {
		writing.Go(func() {
			if failed[i] = author.writeToAll(ctx, &taken); failed[i] != nil {
				cancel()
			}
		})
	}
	for _, after := range []int64{10, 25, 45} {
		eventuallyWithin(t, 5*time.Minute, "the next moment to kill", func() error {
			if got := taken.Load(); got < after && ctx.Err() == nil {
				return fmt.Errorf("%d notes are posted", got)
			}
			return nil
		})
		w.s.kill()
		w.s.start()
	}
	writing.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		t.Fatal(err)
	}
	for _, author := range authors {
		want := map[string]string{}
		for _, a := range author.all("feed") {
			if a.Verb == "post" {
				want[a.Object.ID] = a.Object.Content
			}
		}
		if len(want) != crashPosts {
			t.Errorf("%s has posted %d notes, want %d", author.nick, len(want), crashPosts)
		}
		eventuallyWithin(t, rescue, "the site has all that "+author.nick+" has posted", func() error {
			return w.hasAll(author.actor(), want)
		})
	}
	w.nothingRefused()
	w.s.stop()
	checkWhole(t, database)
}

// writeToAll posts notes for everybody, one after the other, each until it was taken.
func (p *person) writeToAll(ctx context.Context, taken *atomic.Int64) error {
	for n := range crashPosts {
		r, err := p.sign("POST", p.path("feed"), args{"verb": "post", "object": note(fmt.Sprintf("note %d by %s", n, p.nick)), "to": everyone})
		if err != nil {
			return err
		}
		if _, err := r.untilAnswered(ctx, p.server); err != nil {
			return fmt.Errorf("note %d by %s: %w", n, p.nick, err)
		}
		taken.Add(1)
	}
	return nil
}

// hasAll checks that the site knows somebody's notes by their ids and no others, each
// as it was posted.
func (w *neighbours) hasAll(author string, want map[string]string) error {
	got := w.g.NoticesBy(author)
	for _, n := range got {
		if content, known := want[n.ID]; !known || n.Content != content {
			w.t.Errorf("the site has %s, which says %q, want %q", n.ID, n.Content, content)
		}
	}
	if len(got) == len(want) {
		return nil
	}
	var missing []string
	for id, content := range want {
		if !slices.ContainsFunc(got, func(n gnusocial.Notice) bool { return n.ID == id }) {
			missing = append(missing, content)
		}
	}
	slices.Sort(missing)
	return fmt.Errorf("it has %d of %d, and not %s", len(got), len(want), strings.Join(missing, ", "))
}
