package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

// identify names a row, every time another one.
func identify(t *testing.T, db *models.DB, ref int64, kind models.Kind, iris ...string) error {
	t.Helper()
	return db.Write(t.Context(), func(tx *models.Tx) error {
		var names []models.Identifier
		for _, iri := range iris {
			names = append(names, models.Identifier{Kind: kind, IRI: iri, Ref: ref})
		}
		return tx.Identify(t.Context(), names...)
	})
}

func TestIdentify(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		longest := strings.Repeat("x", models.MaxIRI)
		for _, tt := range []struct {
			name string
			ref  int64
			kind models.Kind
			iris []string
			want error
		}{
			{"none", 1, models.KindActor, nil, nil},
			{"new", 1, models.KindActor, []string{"a", "b", "c"}, nil},
			{"the same for another kind", 2, models.KindObject, []string{"a", "b"}, nil},
			{"as written", 3, models.KindActor, []string{"A"}, nil},
			{"again", 1, models.KindActor, []string{"a"}, models.ErrExists},
			{"one of them taken", 4, models.KindActor, []string{"d", "b", "e"}, models.ErrExists},
			{"twice the same", 5, models.KindActor, []string{"f", "f"}, models.ErrExists},
			{"the longest", 6, models.KindActor, []string{longest}, nil},
		} {
			if err := identify(t, db, tt.ref, tt.kind, tt.iris...); !errors.Is(err, tt.want) {
				t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
			}
		}
		if err := identify(t, db, 7, models.KindActor, longest+"x"); err == nil {
			t.Error("an identifier that is too long was stored")
		}
		want := map[string][]models.Ref{
			"a":     {{Kind: models.KindActor, ID: 1}, {Kind: models.KindObject, ID: 2}},
			"b":     {{Kind: models.KindActor, ID: 1}, {Kind: models.KindObject, ID: 2}},
			"c":     {{Kind: models.KindActor, ID: 1}},
			"A":     {{Kind: models.KindActor, ID: 3}},
			longest: {{Kind: models.KindActor, ID: 6}},
		}
		got := must[map[string][]models.Ref](t)(db.Lookup(t.Context(), "a", "b", "c", "d", "e", "f", "A", "B", longest, longest+"x"))
		for iri, refs := range got {
			slices.SortFunc(refs, func(a, b models.Ref) int { return int(a.Kind) - int(b.Kind) })
			if !slices.Equal(refs, want[iri]) {
				t.Errorf("%.10q stands for %v, want %v", iri, refs, want[iri])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d names are known, want %d: a refusal left some behind", len(got), len(want))
		}
		if id, err := db.LookupKind(t.Context(), models.KindObject, "a"); id != 2 || err != nil {
			t.Errorf("the object a is %d, error %v", id, err)
		}
		if _, err := db.LookupKind(t.Context(), models.KindActivity, "a"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM identifiers"); n != 7 {
			t.Errorf("%d rows, want 7", n)
		}
	})
}

// More names than one statement takes.
func TestLookupOfMany(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		iris := names("https://them/", 1203)
		for i := range 3 {
			if err := identify(t, db, int64(i+1), models.KindActor, iris[i*600]); err != nil {
				t.Fatal(err)
			}
		}
		got := must[map[string][]models.Ref](t)(db.Lookup(t.Context(), iris...))
		if len(got) != 3 || got[iris[1200]][0].ID != 3 {
			t.Errorf("found %v, want the three that are known", got)
		}
		if got := must[map[string][]models.Ref](t)(db.Lookup(t.Context())); len(got) != 0 {
			t.Errorf("found %v for no names", got)
		}
	})
}

// Transactions that bring the same names in different order at the same time do
// not wait for each other in a circle: one wins, the others learn of it.
func TestIdentifyAtOnce(t *testing.T) {
	const rounds, writers = 8, 4
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		other := open(t, models.Options{Database: address})
		join(t, other)
		deadlocks := func() int64 {
			if db.Dialect() == models.SQLite {
				return 0
			}
			return number(t, db, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
		}
		for round := range rounds {
			iris := names(fmt.Sprintf("https://them/%d/", round), 400)
			var wg sync.WaitGroup
			start := make(chan struct{})
			errs := make([]error, writers)
			for w := range writers {
				wg.Go(func() {
					mine := slices.Clone(iris)
					if w%2 == 1 {
						slices.Reverse(mine)
					}
					<-start
					errs[w] = identify(t, []*models.DB{db, other}[w/2], int64(w+1), models.KindObject, mine...)
				})
			}
			close(start)
			wg.Wait()
			winner := int64(0)
			for w, err := range errs {
				switch {
				case err == nil && winner != 0:
					t.Fatalf("%d and %d have both won", winner, w+1)
				case err == nil:
					winner = int64(w + 1)
				case !errors.Is(err, models.ErrExists):
					t.Errorf("error %v, want ErrExists", err)
				}
			}
			for iri, refs := range must[map[string][]models.Ref](t)(db.Lookup(t.Context(), iris...)) {
				if len(refs) != 1 || refs[0].ID != winner {
					t.Errorf("%s stands for %v, the winner was %d", iri, refs, winner)
				}
			}
		}
		if n := deadlocks(); n != 0 {
			t.Errorf("PostgreSQL has ended %d circles", n)
		}
	})
}

// The same thing by several ways at once is one row.
func TestCreateObjectAtOnce(t *testing.T) {
	const writers = 8
	stores(t, func(t *testing.T, db *models.DB) {
		var wg sync.WaitGroup
		errs := make([]error, writers)
		for w := range writers {
			wg.Go(func() {
				errs[w] = db.Write(t.Context(), func(tx *models.Tx) error {
					return tx.CreateObject(t.Context(), &models.Object{Type: vocab.TypeNote, Doc: &vocab.Object{ID: "x"}}, "https://them/x", fmt.Sprint("https://them/x?", w))
				})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, models.ErrExists) {
				t.Error(err)
			}
		}
		if rows, ids := number(t, db, "SELECT COUNT(*) FROM objects"), number(t, db, "SELECT COUNT(*) FROM identifiers"); won != 1 || rows != 1 || ids != 2 {
			t.Errorf("%d succeeded; there are %d objects and %d identifiers, want 1 and 2", won, rows, ids)
		}
	})
}

func TestIsUnique(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		for _, tt := range []struct {
			name, statement string
			want            bool
		}{
			{"primary key", "INSERT INTO processes (node, name, started, heartbeat) VALUES (7, '', 0, 0), (7, '', 0, 0)", true},
			{"unique index", "INSERT INTO clients (id, client_id, secret, application_name, application_type, contacts, logo_url, redirect_uris, created, updated)" +
				" VALUES (1, 'c', '', '', '', '', '', '', 0, 0), (2, 'c', '', '', '', '', '', '', 0, 0)", true},
			{"not null", "INSERT INTO processes (node, name, started, heartbeat) VALUES (7, NULL, 0, 0)", false},
			{"syntax", "INSERT INTO", false},
		} {
			err := db.Write(t.Context(), func(tx *models.Tx) error {
				_, err := tx.SQL().ExecContext(t.Context(), tt.statement)
				return fmt.Errorf("wrapped: %w", err)
			})
			if models.IsUnique(err) != tt.want {
				t.Errorf("%s: %v is said to be a second row: %v, want %v", tt.name, err, !tt.want, tt.want)
			}
		}
		if models.IsUnique(nil) || models.IsUnique(context.Canceled) {
			t.Error("an error of another kind is said to be a second row")
		}
	})
}
