package models_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/models"
)

// column returns the first column of a query.
func column[T any](ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// Connections to SQLite keep prepared statements. Nothing may differ from
// preparing each anew.
func TestKeptStatements(t *testing.T) {
	db := newStore(t, databases[0].address(t))
	ctx := t.Context()
	execute(t, db, "CREATE TABLE x (a, b UNIQUE)")
	pool := db.SQL()
	const insert, all = "INSERT INTO x (a, b) VALUES (?, ?)", "SELECT a FROM x ORDER BY rowid"

	t.Run("other arguments", func(t *testing.T) {
		for i, v := range []any{int64(1), "two", nil, []byte{3}, 4.5, []byte{}} {
			if _, err := pool.ExecContext(ctx, insert, v, i); err != nil {
				t.Fatal(err)
			}
			got, err := column[any](ctx, pool, "SELECT a FROM x WHERE b = ?", i)
			if want := fmt.Sprintf("%T %v", v, v); err != nil || len(got) != 1 || fmt.Sprintf("%T %v", got[0], got[0]) != want {
				t.Errorf("stored %s, read %T %v, error %v", want, got, got, err)
			}
		}
	})
	t.Run("after an error", func(t *testing.T) {
		for range 2 {
			if _, err := pool.ExecContext(ctx, insert, 0, 0); !models.IsUnique(err) {
				t.Errorf("error %v, want that of a second row", err)
			}
		}
		if _, err := pool.ExecContext(ctx, insert, 0, "new"); err != nil {
			t.Error(err)
		}
		for range 2 {
			if _, err := pool.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)"); err == nil || !strings.Contains(err.Error(), "nowhere") {
				t.Errorf("error %v, want one about the table", err)
			}
		}
	})
	t.Run("within its own rows", func(t *testing.T) {
		err := db.Write(ctx, func(tx *models.Tx) error {
			outer, err := tx.SQL().QueryContext(ctx, all)
			if err != nil {
				return err
			}
			defer outer.Close()
			n := 0
			for ; outer.Next(); n++ {
				if inner, err := column[any](ctx, tx.SQL(), all); err != nil || len(inner) != 7 {
					return fmt.Errorf("within row %d there are %d rows, error %w", n, len(inner), err)
				}
			}
			if n != 7 {
				return fmt.Errorf("%d rows, want 7", n)
			}
			return outer.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("more than are kept", func(t *testing.T) {
		err := db.Write(ctx, func(tx *models.Tx) error {
			early, err := tx.SQL().QueryContext(ctx, all)
			if err != nil {
				return err
			}
			defer early.Close()
			for round := range 2 {
				for i := range 2 * models.KeptStatements {
					if got, err := column[int](ctx, tx.SQL(), fmt.Sprint("SELECT ", i)); err != nil || !slices.Equal(got, []int{i}) {
						return fmt.Errorf("round %d: SELECT %d is %v, error %w", round, i, got, err)
					}
				}
			}
			n := 0
			for early.Next() {
				n++
			}
			if n != 7 {
				return fmt.Errorf("a query whose statement was dropped has %d rows, want 7", n)
			}
			return early.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("after an interruption", func(t *testing.T) {
		const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT COUNT(*) FROM n"
		err := db.Write(ctx, func(tx *models.Tx) error {
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			if got, err := column[int](short, tx.SQL(), endless, int64(1)<<60); err == nil {
				return fmt.Errorf("it came to an end, %v", got)
			}
			got, err := column[int](ctx, tx.SQL(), endless, 5)
			if err == nil && !slices.Equal(got, []int{5}) {
				err = fmt.Errorf("counted %v, want 5", got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("after a change of the table", func(t *testing.T) {
		columns := func() []string {
			rows, err := pool.QueryContext(ctx, "SELECT * FROM x")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			return must[[]string](t)(rows.Columns())
		}
		before := columns()
		execute(t, db, "ALTER TABLE x ADD COLUMN c")
		if got := columns(); !slices.Equal(before, []string{"a", "b"}) || !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("columns %v, then %v", before, got)
		}
		if _, err := pool.ExecContext(ctx, insert, 1, "newer"); err != nil {
			t.Error(err)
		}
	})
	t.Run("what columns are", func(t *testing.T) {
		rows, err := pool.QueryContext(ctx, "SELECT node, name FROM processes")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var got []string
		for _, c := range must[[]*sql.ColumnType](t)(rows.ColumnTypes()) {
			got = append(got, c.Name()+" "+c.DatabaseTypeName())
		}
		if want := []string{"node SMALLINT", "name TEXT"}; !slices.Equal(got, want) {
			t.Errorf("columns %v, want %v", got, want)
		}
	})
	t.Run("several statements in one", func(t *testing.T) {
		for range 2 {
			execute(t, db, "DELETE FROM x; INSERT INTO x (a, b) VALUES ('one;two', 1); INSERT INTO x (a, b) VALUES (2, 2)")
			if got, err := column[string](ctx, pool, all); err != nil || !slices.Equal(got, []string{"one;two", "2"}) {
				t.Errorf("the table holds %v, error %v", got, err)
			}
		}
	})
}

// A kept statement whose rows were closed early must not hold on to the state of
// the database that it read, or the log of SQLite would grow for ever.
func TestKeptStatementsLetGo(t *testing.T) {
	db := newStore(t, databases[0].address(t))
	ann := person(t, db, "ann", "")
	for _, name := range names("d", 30) {
		do(t, db, deed{name: name, actor: ann}, models.Distribution{AuthorLocal: true})
	}
	for range 3 {
		inbox(t, db, ann, models.All)
		must[*models.Actor](t)(db.Actor(t.Context(), ann))
		if _, err := db.LookupKind(t.Context(), models.KindActor, "acct:ann@"); err != nil {
			t.Error(err)
		}
		if _, err := db.LookupKind(t.Context(), models.KindActor, "nobody"); !errors.Is(err, models.ErrNotFound) {
			t.Error(err)
		}
		if _, err := db.MaySeeActivity(t.Context(), models.Viewer{}, 1); err != nil {
			t.Error(err)
		}
		// Writes what the log holds into the file, which fails while anybody reads
		// an older state.
		var busy, frames, written int
		if err := db.SQL().QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &written); err != nil || busy != 0 || frames != 0 {
			t.Errorf("busy %d, %d frames are left, error %v", busy, frames, err)
		}
		do(t, db, deed{name: fmt.Sprint(time.Now().UnixNano()), actor: ann}, models.Distribution{AuthorLocal: true})
	}
	// What is read after a write is what was written, on every connection.
	for i := range 20 {
		do(t, db, deed{name: fmt.Sprint("later", i), actor: ann}, models.Distribution{AuthorLocal: true})
		if got := inbox(t, db, ann, models.All); got[0] != fmt.Sprint("later", i) {
			t.Fatalf("after the write of later%d the inbox begins with %s", i, got[0])
		}
	}
}
