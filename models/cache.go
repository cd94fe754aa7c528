package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"manifold/internal/recent"
	"manifold/models/vocab"
)

// cache holds documents by row and version. Whoever asks has read the version
// from the database first, so nothing in it can be stale, whichever process
// changed the row; what is no longer asked for falls out.
type cache struct {
	docs *recent.Cache[docKey, docValue]
}

type docKey struct{ id, version int64 }

// docValue is a decoded document; the values are shared and never changed.
type docValue struct {
	object   *vocab.Object
	activity *vocab.Activity
	audience []Addressee
	size     int64
}

func newCache(bytes int64) *cache {
	return &cache{docs: recent.New(bytes, func(_ docKey, v docValue) int64 { return v.size })}
}

// weight estimates the memory of a decoded document from the length of its
// JSON; the structs and maps cost about as much again as the text.
func weight(length int) int64 { return int64(256 + 2*length) }

// remember keeps a document, unless it was read inside a transaction, whose
// versions may never come to be.
func (c *conn) remember(id, version int64, v docValue) {
	if !c.tx {
		c.db.cache.docs.Set(docKey{id, version}, v)
	}
}

// rememberLater keeps a document once the transaction that wrote it is
// committed: what is new is read soon.
func (tx *Tx) rememberLater(id, version int64, v docValue) {
	docs := tx.db.cache.docs
	tx.AfterCommit(func() { docs.Set(docKey{id, version}, v) })
}

func (c *conn) remembered(id, version int64) (docValue, bool) {
	return c.db.cache.docs.Get(docKey{id, version})
}

// documented is a row whose document is read apart from it.
type documented interface {
	key() docKey
	setDoc(docValue)
}

// fillObjects gives every row its document: from the cache, and the missing
// ones by one query on table (actors or objects).
func fillObjects[T documented](ctx context.Context, c *conn, table string, rows []T) error {
	missing := map[int64]T{}
	var ids []int64
	for _, row := range rows {
		k := row.key()
		if v, ok := c.remembered(k.id, k.version); ok {
			row.setDoc(v)
			continue
		}
		missing[k.id] = row
		ids = append(ids, k.id)
	}
	if len(ids) == 0 {
		return nil
	}
	return c.eachIn(ctx, "SELECT id, version, doc FROM "+table+" WHERE id IN ?", ids, func(r *sql.Rows) error {
		var id, version int64
		var doc []byte
		if err := r.Scan(&id, &version, &doc); err != nil {
			return err
		}
		v, err := decodeObject(id, doc)
		if err != nil {
			return err
		}
		c.remember(id, version, v)
		missing[id].setDoc(v)
		return nil
	})
}

func decodeObject(id int64, doc []byte) (docValue, error) {
	o := new(vocab.Object)
	if err := json.Unmarshal(doc, o); err != nil {
		return docValue{}, fmt.Errorf("the stored document %d cannot be read: %w", id, err)
	}
	return docValue{object: o, size: weight(len(doc))}, nil
}

// encodeDoc returns the JSON of a document. HTML is not escaped: that would make
// most documents longer, and change members that are to be kept as they came.
func encodeDoc(v any) (string, error) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("encoding a document: %w", err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}
