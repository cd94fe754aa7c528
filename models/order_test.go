package models_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"manifold/models"
)

// since reads a stream onwards from a position, as a client does that polls:
// oldest first.
func since(t *testing.T, db *models.DB, owner, position int64, count int) []models.Item {
	t.Helper()
	items, _, err := db.StreamPage(t.Context(), owner, models.Inbox, models.All, models.Viewer{ActorID: owner}, models.Page{Count: count, Since: position})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(items)
	return items
}

// A reader that has paged past a position must never find an item below it
// later. T1 has its position and T2 wants one: T2 has to wait until T1 is
// visible.
func TestOverlappingTransactionsKeepTheOrder(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		other := db
		if db.Dialect() == models.Postgres {
			other = open(t, models.Options{Database: address}) // another process
			join(t, other)
		}
		ann := person(t, db, "ann", "")
		do(t, db, deed{name: "first", actor: ann}, models.Distribution{AuthorLocal: true})
		start := since(t, db, ann, -1, 10)[0].Position

		distributed, release := make(chan int64), make(chan struct{})
		results := make(chan error, 2)
		post := func(db *models.DB, name string, f func(position int64)) {
			results <- db.Write(t.Context(), func(tx *models.Tx) error {
				a, err := deed{name: name, actor: ann}.insert(t.Context(), tx)
				if err != nil {
					return err
				}
				position, err := tx.Position(t.Context())
				if err != nil {
					return err
				}
				_, err = tx.Distribute(t.Context(), models.Distribution{Activity: a.ID, Author: ann, AuthorLocal: true})
				f(position)
				return err
			})
		}
		go post(db, "one", func(position int64) {
			distributed <- position
			<-release
		})
		one := within(t, "the first transaction to distribute", distributed)

		var two int64
		go post(other, "two", func(position int64) { two = position })
		until(t, "the second transaction waits", func() bool {
			if got := since(t, db, ann, start, 10); len(got) != 0 {
				t.Fatalf("a reader saw %v of a transaction that is under way", titles(got))
			}
			if db.Dialect() == models.SQLite {
				return models.Waiting(db) == 1
			}
			return number(t, db, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
		})
		close(release)
		for range 2 {
			if err := within(t, "the transactions to end", results); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := titles(since(t, db, ann, start, 10)), []string{"one", "two"}; !slices.Equal(got, want) {
			t.Errorf("a reader finds %v, want %v", got, want)
		}
		if start >= one || one >= two {
			t.Errorf("positions %d, %d, %d do not grow", start, one, two)
		}
	})
}

// Writers in two processes post to overlapping sets of streams, and for each
// stream a reader pages by since from the start while they do.
func TestSincePagesMissNothing(t *testing.T) {
	const writers, posts, streams = 8, 20, 4
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		second := open(t, models.Options{Database: address})
		join(t, second)
		processes := []*models.DB{db, second}
		owners := people(t, db, names("p", streams)...)
		first := do(t, db, deed{name: "start", actor: owners[0]}, models.Distribution{Others: owners})
		start := must[int64](t)(db.PositionOf(t.Context(), owners[0], models.Inbox, first))

		var mu sync.Mutex
		posted := map[int64][]string{} // by stream
		done := make(chan struct{})
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for p := range posts {
					// Each post skips one of the streams.
					to := slices.Delete(slices.Clone(owners), p%streams, p%streams+1)
					d := deed{name: fmt.Sprintf("w%dp%d", w, p), actor: owners[0]}
					err := processes[w%2].Write(t.Context(), func(tx *models.Tx) error {
						a, err := d.insert(t.Context(), tx)
						if err != nil {
							return err
						}
						_, err = tx.Distribute(t.Context(), models.Distribution{Activity: a.ID, Author: d.actor, Others: to})
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, owner := range to {
						posted[owner] = append(posted[owner], d.name)
					}
					mu.Unlock()
				}
			})
		}
		go func() { wg.Wait(); close(done) }()

		var readers sync.WaitGroup
		for i, owner := range owners {
			readers.Go(func() {
				got := follow(t, processes[i%2], owner, start, done)
				slices.Sort(got)
				mu.Lock()
				defer mu.Unlock()
				want := slices.Sorted(slices.Values(posted[owner]))
				if !slices.Equal(got, want) {
					t.Errorf("the reader of stream %d got %d items, %d were posted:\ngot  %v\nwant %v", i, len(got), len(want), got, want)
				}
			})
		}
		readers.Wait()
	})
}

// follow pages onwards by since until done is closed and the last page is empty.
func follow(t *testing.T, db *models.DB, owner, position int64, done <-chan struct{}) []string {
	var got []string
	for {
		over := false
		select {
		case <-done:
			over = true
		default:
		}
		items, _, err := db.StreamPage(t.Context(), owner, models.Inbox, models.All, models.Viewer{ActorID: owner}, models.Page{Count: 3, Since: position})
		if err != nil {
			t.Error(err)
			return got
		}
		if over && len(items) == 0 {
			return got
		}
		slices.Reverse(items)
		for _, item := range items {
			if item.Position <= position {
				t.Errorf("position %d after %d", item.Position, position)
			}
			position = item.Position
			got = append(got, item.Activity.Doc.Title)
		}
	}
}

// What a transaction does after a distribution comes after it, so that several
// activities of one transaction stand in their order.
func TestSeveralActivitiesInOneTransaction(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			for _, name := range names("d", 4) {
				a, err := deed{name: name, actor: ann}.insert(ctx, tx)
				if err != nil {
					return err
				}
				if _, err := tx.Distribute(ctx, models.Distribution{Activity: a.ID, Author: ann, AuthorLocal: true}); err != nil {
					return err
				}
			}
			return nil
		})
		want := []string{"d4", "d3", "d2", "d1"}
		if got := inbox(t, db, ann, models.All); !slices.Equal(got, want) {
			t.Errorf("inbox %v, want %v", got, want)
		}
		got, total := outbox(t, db, ann, 0)
		if !slices.Equal(got, want) || total != len(want) {
			t.Errorf("outbox %v of %d, want %v", got, total, want)
		}
	})
}
