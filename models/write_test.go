package models_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"manifold/models"
)

// note leaves a mark that tests find again.
func note(ctx context.Context, tx *models.Tx, name string) error {
	return tx.RememberNonce(ctx, []byte(name), at)
}

// noted lists the marks in the database, sorted.
func noted(t *testing.T, db *models.DB) []string {
	t.Helper()
	rows, err := db.SQL().QueryContext(t.Context(), "SELECT digest FROM nonces")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
	}
	slices.Sort(list)
	return list
}

var errRefused = errors.New("refused")

func TestWriteIsAllOrNothing(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		var told []string
		step := func(name string, err error) func(*models.Tx) error {
			return func(tx *models.Tx) error {
				tx.AfterCommit(func() { told = append(told, name) })
				return errors.Join(note(ctx, tx, name), err)
			}
		}
		if err := db.Write(ctx, step("good", nil)); err != nil {
			t.Error(err)
		}
		if err := db.Write(ctx, step("bad", errRefused)); !errors.Is(err, errRefused) {
			t.Errorf("error %v, want what the function returned", err)
		}
		err := db.Write(ctx, func(tx *models.Tx) error {
			if err := note(ctx, tx, "panicked"); err != nil {
				return err
			}
			panic("lost its head")
		})
		if err == nil || !strings.Contains(err.Error(), "lost its head") {
			t.Errorf("error %v, want one that tells of the panic", err)
		}
		// What the database refuses leaves nothing either, and the store works on.
		err = db.Write(ctx, func(tx *models.Tx) error {
			return firstError(note(ctx, tx, "with a mistake"), tx.InsertUpload(ctx, &models.Upload{Path: "same"}), tx.InsertUpload(ctx, &models.Upload{Path: "same"}))
		})
		if !models.IsUnique(err) {
			t.Errorf("error %v, want that of the database", err)
		}
		if err := db.Write(ctx, step("good again", nil)); err != nil {
			t.Error(err)
		}
		want := []string{"good", "good again"}
		if got := noted(t, db); !slices.Equal(got, want) {
			t.Errorf("the database holds %v, want %v", got, want)
		}
		if !slices.Equal(told, want) {
			t.Errorf("after commit were called those of %v, want %v", told, want)
		}
	})
}

// A transaction sees what it did, others see it when it is over and no sooner.
func TestTransactionSeesItself(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			if err := tx.Identify(ctx, models.Identifier{Kind: models.KindObject, IRI: "x", Ref: 7}); err != nil {
				return err
			}
			if id, err := tx.LookupKind(ctx, models.KindObject, "x"); id != 7 || err != nil {
				t.Errorf("inside: %d, error %v", id, err)
			}
			if _, err := db.LookupKind(ctx, models.KindObject, "x"); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("outside, before the commit: error %v, want ErrNotFound", err)
			}
			tx.AfterCommit(func() {
				if _, err := db.LookupKind(ctx, models.KindObject, "x"); err != nil {
					t.Errorf("after the commit: %v", err)
				}
			})
			return nil
		})
		if _, err := db.LookupKind(ctx, models.KindObject, "x"); err != nil {
			t.Error(err)
		}
	})
}

// queued starts a write behind one that is held up, and returns when it waits.
func queued(t *testing.T, db *models.DB, ctx context.Context, f func(*models.Tx) error) <-chan error {
	t.Helper()
	before := models.Waiting(db)
	result := make(chan error, 1)
	go func() { result <- db.Write(ctx, f) }()
	until(t, "a write waits", func() bool { return models.Waiting(db) == before+1 })
	return result
}

// held starts a write on SQLite that lasts until release is closed, so that
// those begun meanwhile share its commit.
func held(t *testing.T, db *models.DB, f func(*models.Tx) error) (release chan struct{}, result <-chan error) {
	t.Helper()
	release = make(chan struct{})
	running, done := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		done <- db.Write(context.WithoutCancel(t.Context()), func(tx *models.Tx) error {
			once.Do(func() { close(running) })
			<-release
			return f(tx)
		})
	}()
	within(t, "the first write to run", running)
	return release, done
}

// On SQLite writes that wait share a commit; each that fails takes back only
// what it did itself.
func TestSharedCommit(t *testing.T) {
	db := newStore(t, databases[0].address(t))
	ctx := t.Context()
	commits := countCommits(t, db)
	release, first := held(t, db, func(tx *models.Tx) error { return note(ctx, tx, "a") })
	results := map[string]<-chan error{"a": first}
	var wants []string
	for i, name := range strings.Split("bcdefghijk", "") {
		results[name] = queued(t, db, ctx, func(tx *models.Tx) error {
			if err := note(ctx, tx, name); err != nil {
				return err
			}
			switch i % 4 {
			case 1:
				return errRefused
			case 2:
				panic("lost its head")
			case 3: // an error of the database that ends nothing but its statement
				_, err := tx.SQL().ExecContext(ctx, "INSERT INTO nonces (digest, expires) VALUES ('x', NULL)")
				return err
			}
			return nil
		})
		if i%4 == 0 {
			wants = append(wants, name)
		}
	}
	before := commits()
	close(release)
	for name, result := range results {
		err := within(t, "a write", result)
		if good := name == "a" || slices.Contains(wants, name); good != (err == nil) {
			t.Errorf("write %s: error %v", name, err)
		}
	}
	if got, want := noted(t, db), append([]string{"a"}, wants...); !slices.Equal(got, want) {
		t.Errorf("the database holds %v, want %v", got, want)
	}
	if n := commits() - before; n != 1 {
		t.Errorf("%d commits for 11 writes that waited together, want 1", n)
	}
}

// countCommits has SQLite count what it commits.
func countCommits(t *testing.T, db *models.DB) func() int {
	t.Helper()
	var mu sync.Mutex
	n := 0
	c, err := db.SQL().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Raw(func(driver any) error {
		models.OnCommit(driver, func() {
			mu.Lock()
			defer mu.Unlock()
			n++
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// One write may lose the whole transaction that it shares with others: the disk
// is full, a statement is interrupted. The others must not notice.
func TestSharedTransactionIsLost(t *testing.T) {
	longInsert := `INSERT INTO uploads (path, owner_id, object_id, position, media_type, size, thumbnail)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'p' || i, 0, 0, 0, '', 0, FALSE FROM n`
	for _, tt := range []struct {
		name  string
		spoil func(ctx context.Context, tx *models.Tx) error
	}{
		{"rolled back", func(ctx context.Context, tx *models.Tx) error {
			if _, err := tx.SQL().ExecContext(ctx, "ROLLBACK"); err != nil {
				return err
			}
			return errRefused
		}},
		{"rolled back in silence", func(ctx context.Context, tx *models.Tx) error {
			_, err := tx.SQL().ExecContext(ctx, "ROLLBACK")
			return err
		}},
		{"interrupted", func(ctx context.Context, tx *models.Tx) error {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			_, err := tx.SQL().ExecContext(ctx, longInsert)
			return err
		}},
		{"disk full", func(ctx context.Context, tx *models.Tx) error {
			var pages int
			if err := tx.SQL().QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
				return err
			}
			if _, err := tx.SQL().ExecContext(ctx, fmt.Sprint("PRAGMA max_page_count = ", pages+3)); err != nil {
				return err
			}
			_, err := tx.SQL().ExecContext(ctx, longInsert)
			if _, err := tx.SQL().ExecContext(ctx, "PRAGMA max_page_count = 1000000000"); err != nil {
				return err
			}
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := newStore(t, databases[0].address(t))
			ctx := t.Context()
			release, first := held(t, db, func(tx *models.Tx) error { return note(ctx, tx, "first") })
			spoilt := queued(t, db, ctx, func(tx *models.Tx) error {
				if err := note(ctx, tx, "spoilt"); err != nil {
					return err
				}
				return tt.spoil(ctx, tx)
			})
			last := queued(t, db, ctx, func(tx *models.Tx) error { return note(ctx, tx, "last") })
			close(release)
			if err := within(t, "the write that lost the transaction", spoilt); err == nil {
				t.Error("the write that lost the transaction is said to have succeeded")
			}
			if err := firstError(within(t, "the first write", first), within(t, "the last write", last)); err != nil {
				t.Errorf("another write failed with it: %v", err)
			}
			if got, want := noted(t, db), []string{"first", "last"}; !slices.Equal(got, want) {
				t.Errorf("the database holds %v, want %v", got, want)
			}
			if n := number(t, db, "SELECT COUNT(*) FROM uploads"); n != 0 {
				t.Errorf("%d rows of the lost transaction are left", n)
			}
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return note(ctx, tx, "later") })
		})
	}
}

// When a client goes away in the middle of a write, either all of it happened or
// nothing did, and the answer says which. On SQLite it goes on to its end, for it
// shares its transaction with others.
func TestCancelledInTheMiddle(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Write(ctx, func(tx *models.Tx) error {
			if err := note(ctx, tx, "before"); err != nil {
				return err
			}
			cancel()
			return note(ctx, tx, "after")
		})
		want := []string{"after", "before"}
		if db.Dialect() == models.Postgres {
			want = nil
		}
		if got := noted(t, db); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("the database holds %v after error %v, want %v", got, err, want)
		}
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	db := newStore(t, databases[0].address(t))
	release, first := held(t, db, func(tx *models.Tx) error { return note(t.Context(), tx, "first") })
	ctx, cancel := context.WithCancel(t.Context())
	waiting := queued(t, db, ctx, func(tx *models.Tx) error { return note(ctx, tx, "cancelled") })
	last := queued(t, db, t.Context(), func(tx *models.Tx) error { return note(t.Context(), tx, "last") })
	cancel()
	close(release)
	if err := within(t, "the cancelled write", waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if err := firstError(within(t, "the first write", first), within(t, "the last write", last)); err != nil {
		t.Error(err)
	}
	if got, want := noted(t, db), []string{"first", "last"}; !slices.Equal(got, want) {
		t.Errorf("the database holds %v, want %v", got, want)
	}
}

func TestCancelledBefore(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := db.Write(ctx, func(tx *models.Tx) error {
			t.Error("a write that was cancelled before it began was run")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
}

func TestConcurrentWrites(t *testing.T) {
	const writers, writes = 16, 10
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range writes {
					err := db.Write(t.Context(), func(tx *models.Tx) error { return note(t.Context(), tx, fmt.Sprintf("%d-%d", w, i)) })
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(noted(t, open(t, models.Options{Database: address}))); got != writers*writes {
			t.Errorf("after reopening there are %d rows, want %d", got, writers*writes)
		}
	})
}

// Closing lets what is under way or waits end; what was acknowledged is there,
// what is there was acknowledged.
func TestCloseWhileWriting(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		running := make(chan struct{})
		var once sync.Once
		results := make(chan string, 100)
		var wg sync.WaitGroup
		for w := range 20 {
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("%02d-%03d", w, i)
					err := db.Write(context.Background(), func(tx *models.Tx) error {
						defer once.Do(func() { close(running) })
						return note(context.Background(), tx, name)
					})
					if err != nil {
						return
					}
					results <- name
				}
			})
		}
		go func() { wg.Wait(); close(results) }()
		within(t, "a write", running)
		closed := make(chan error, 1)
		go func() { closed <- db.Close() }()
		var acknowledged []string
		for name := range results {
			acknowledged = append(acknowledged, name)
		}
		if err := within(t, "the store to close", closed); err != nil {
			t.Error(err)
		}
		slices.Sort(acknowledged)
		if got := noted(t, open(t, models.Options{Database: address})); !slices.Equal(got, acknowledged) {
			t.Errorf("the database holds %d rows, %d were acknowledged", len(got), len(acknowledged))
		}
		if err := db.Write(context.Background(), func(*models.Tx) error { return nil }); err == nil {
			t.Error("a closed store takes a write")
		}
		if err := db.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
	})
}

// Close returns when the transaction that is under way is over.
func TestCloseWaits(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		running, release := make(chan struct{}), make(chan struct{})
		var ended bool
		result := make(chan error, 1)
		go func() {
			result <- db.Write(context.Background(), func(tx *models.Tx) error {
				tx.AfterCommit(func() { ended = true })
				close(running)
				<-release
				return note(context.Background(), tx, "x")
			})
		}()
		within(t, "the write to run", running)
		closed := make(chan error, 1)
		go func() { closed <- db.Close() }()
		until(t, "the store refuses new writes or waits", func() bool {
			select {
			case err := <-closed:
				t.Fatalf("the store was closed in the middle of a transaction, error %v", err)
			default:
			}
			return models.Closing(db)
		})
		close(release)
		if err := within(t, "the store to close", closed); err != nil {
			t.Error(err)
		}
		if !ended {
			t.Error("the store was closed before the transaction was over")
		}
		if err := within(t, "the write", result); err != nil {
			t.Error(err)
		}
	})
}

// PostgreSQL ends one of two transactions that wait for each other; that one
// runs again.
func TestDeadlockRunsAgain(t *testing.T) {
	address := databases[1].address(t)
	db := newStore(t, address)
	ctx := t.Context()
	ids := people(t, db, "ann", "bob")
	// The default of one second would be most of what this test takes.
	execute(t, db, "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' SET deadlock_timeout = ''20ms'''; END $$")
	quick := open(t, models.Options{Database: address})
	var both sync.WaitGroup
	both.Add(2)
	var mu sync.Mutex
	runs, told := 0, 0
	results := make(chan error, 2)
	for i := range 2 {
		first := true
		go func() {
			results <- quick.Write(ctx, func(tx *models.Tx) error {
				mu.Lock()
				runs++
				mu.Unlock()
				tx.AfterCommit(func() {
					mu.Lock()
					told++
					mu.Unlock()
				})
				if err := tx.Count(ctx, ids[i], models.CountLists, 1); err != nil {
					return err
				}
				if first { // each holds one row now, and goes for the other's
					first = false
					both.Done()
					both.Wait()
				}
				return tx.Count(ctx, ids[1-i], models.CountLists, 1)
			})
		}()
	}
	for range 2 {
		if err := within(t, "both transactions", results); err != nil {
			t.Error(err)
		}
	}
	for _, a := range must[map[int64]*models.Actor](t)(db.Actors(ctx, ids...)) {
		if a.Counts.Lists != 2 {
			t.Errorf("%s was counted %d times, want 2", a.Nickname, a.Counts.Lists)
		}
	}
	if runs < 3 || told != 2 {
		t.Errorf("%d runs and %d calls after commit, want more than 2, and 2", runs, told)
	}
}

// Two processes on one SQLite file wait for each other.
func TestTwoProcessesOnOneFile(t *testing.T) {
	address := databases[0].address(t)
	one := newStore(t, address)
	two := open(t, models.Options{Database: address})
	var wg sync.WaitGroup
	for _, db := range []*models.DB{one, two} {
		for w := range 3 {
			wg.Go(func() {
				for i := range 15 {
					err := db.Write(t.Context(), func(tx *models.Tx) error { return note(t.Context(), tx, fmt.Sprintf("%p-%d-%d", db, w, i)) })
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	if got := len(noted(t, one)); got != 2*3*15 {
		t.Errorf("%d rows, want %d", got, 2*3*15)
	}
}

// Libraries with tables of their own take part in the transaction.
func TestSQLTakesPart(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		execute(t, db, "CREATE TABLE theirs (n BIGINT)")
		insert := func(result error) error {
			return db.Write(t.Context(), func(tx *models.Tx) error {
				var theirs *sql.Tx = tx.SQL()
				_, err := theirs.ExecContext(t.Context(), "INSERT INTO theirs VALUES (1)")
				return firstError(err, result)
			})
		}
		if err := firstError(insert(nil), ignore(insert(errRefused), errRefused)); err != nil {
			t.Fatal(err)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM theirs"); n != 1 {
			t.Errorf("%d rows, want that of the transaction that succeeded", n)
		}
	})
}
