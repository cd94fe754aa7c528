package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// Kind tells what an id belongs to. Identifiers are unique within a kind.
type Kind int16

// The kinds of things that have rows.
const (
	KindNone     Kind = 0
	KindActor    Kind = 1
	KindObject   Kind = 2
	KindActivity Kind = 3
)

// Ref points to a row.
type Ref struct {
	Kind Kind
	ID   int64
}

// Identifier is one name of a thing.
type Identifier struct {
	Kind Kind
	IRI  string
	Ref  int64
}

// MaxIRI is the length in bytes of the longest identifier that the store keeps,
// bounded by what an index of PostgreSQL takes.
const MaxIRI = 2048

// Lookup returns what each of the names stands for. Names that nobody knows are
// missing from the answer; a name may stand for things of several kinds.
func (c *conn) Lookup(ctx context.Context, iris ...string) (map[string][]Ref, error) {
	found := map[string][]Ref{}
	iris = slices.DeleteFunc(slices.Clone(iris), func(iri string) bool { return !validText(iri) })
	for len(iris) > 0 {
		n := min(len(iris), inChunk)
		err := c.each(ctx, "SELECT kind, iri, ref_id FROM identifiers WHERE kind IN (1, 2, 3) AND iri IN ?", []any{padded(iris[:n])}, func(r *sql.Rows) error {
			var ref Ref
			var iri string
			if err := r.Scan(&ref.Kind, &iri, &ref.ID); err != nil {
				return err
			}
			found[iri] = append(found[iri], ref)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking up identifiers: %w", err)
		}
		iris = iris[n:]
	}
	return found, nil
}

// LookupKind returns the row of one kind that a name stands for, or
// [ErrNotFound].
func (c *conn) LookupKind(ctx context.Context, kind Kind, iri string) (int64, error) {
	var id int64
	found, err := c.get(ctx, "SELECT ref_id FROM identifiers WHERE kind = ? AND iri = ?", []any{kind, iri}, &id)
	if err != nil {
		return 0, fmt.Errorf("looking up %s: %w", iri, err)
	}
	if !found {
		return 0, ErrNotFound
	}
	return id, nil
}

// Identify gives things their names. It returns [ErrExists] when one of the
// names stands for another thing already, in which case the transaction must
// end.
func (tx *Tx) Identify(ctx context.Context, names ...Identifier) error {
	// Two transactions that bring the same names wait for each other here; the
	// same order everywhere keeps them from doing so in a circle.
	slices.SortFunc(names, func(a, b Identifier) int {
		if a.IRI != b.IRI {
			if a.IRI < b.IRI {
				return -1
			}
			return 1
		}
		return int(a.Kind) - int(b.Kind)
	})
	query := "INSERT INTO identifiers (kind, iri, ref_id) VALUES "
	var args []any
	for i, n := range names {
		if len(n.IRI) > MaxIRI {
			return fmt.Errorf("an identifier of %d bytes is longer than %d", len(n.IRI), MaxIRI)
		}
		if i > 0 {
			query += ", "
		}
		query += "(?, ?, ?)"
		args = append(args, n.Kind, n.IRI, n.Ref)
	}
	if len(args) == 0 {
		return nil
	}
	added, err := tx.exec(ctx, query+" ON CONFLICT (kind, iri) DO NOTHING", args...)
	if err != nil {
		return fmt.Errorf("naming things: %w", err)
	}
	if added != int64(len(names)) {
		return ErrExists
	}
	return nil
}
