package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"manifold/models/vocab"
)

// EraseActor removes what an actor of ours did: its objects and activities
// become tombstones, its relations (and the counts of them), tokens, sessions,
// streams, originals and uploads go. It returns the paths of the files that are
// to be removed. It takes a position.
func (tx *Tx) EraseActor(ctx context.Context, actor int64, now time.Time) ([]string, error) {
	if _, err := tx.Position(ctx); err != nil {
		return nil, err
	}
	paths, err := tx.eraseDeeds(ctx, actor, now)
	if err != nil {
		return nil, fmt.Errorf("erasing an actor: %w", err)
	}
	for _, query := range []string{
		"UPDATE actors SET followers_count = followers_count - 1 WHERE id IN (SELECT target_id FROM edges WHERE actor_id = ? AND kind = 1 AND state = 1)",
		"UPDATE actors SET following_count = following_count - 1 WHERE id IN (SELECT actor_id FROM edges WHERE target_id = ? AND kind = 1 AND state = 1)",
		"UPDATE objects SET likes_count = likes_count - 1 WHERE id IN (SELECT target_id FROM edges WHERE actor_id = ? AND kind = 2 AND state = 1)",
		"UPDATE objects SET shares_count = shares_count - 1 WHERE id IN (SELECT target_id FROM edges WHERE actor_id = ? AND kind = 3 AND state = 1)",
		"UPDATE objects SET members_count = members_count - 1 WHERE id IN (SELECT target_id FROM edges WHERE actor_id = ? AND kind = 4 AND state = 1)",
		"UPDATE actors SET members_count = members_count - 1 WHERE id IN (SELECT target_id FROM edges WHERE actor_id = ? AND kind = 4 AND state = 1)",
		"UPDATE actors SET followers_count = 0, following_count = 0, favorites_count = 0, lists_count = 0 WHERE id = ?",
		"DELETE FROM edges WHERE actor_id = ?",
		"DELETE FROM edges WHERE target_id = ?",
		"DELETE FROM access_tokens WHERE actor_id = ?",
		"DELETE FROM sessions WHERE actor_id = ?",
		"DELETE FROM stream_items WHERE owner_id = ?",
		"DELETE FROM uploads WHERE owner_id = ?",
	} {
		if _, err := tx.exec(ctx, query, actor); err != nil {
			return nil, fmt.Errorf("erasing an actor: %w", err)
		}
	}
	return paths, nil
}

// eraseDeeds goes through the outbox and the uploads, where everything is that
// the actor made.
func (tx *Tx) eraseDeeds(ctx context.Context, actor int64, now time.Time) ([]string, error) {
	activities, err := tx.ids(ctx, "SELECT activity_id FROM stream_items WHERE owner_id = ? AND kind = 2", actor)
	if err != nil {
		return nil, err
	}
	objects, err := tx.ids(ctx, "SELECT object_id FROM uploads WHERE owner_id = ? AND NOT thumbnail", actor)
	if err != nil {
		return nil, err
	}
	var paths []string
	err = tx.each(ctx, "SELECT path FROM uploads WHERE owner_id = ?", []any{actor}, func(r *sql.Rows) error {
		var p string
		err := r.Scan(&p)
		paths = append(paths, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = tx.eachIn(ctx, `SELECT o.id FROM activities a JOIN objects o ON o.id = a.object_id
		WHERE a.id IN ? AND a.object_kind = 2 AND o.author_id = ?`, activities, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		objects = append(objects, id)
		return err
	}, actor)
	if err != nil {
		return nil, err
	}
	for len(objects) > 0 {
		chunk := objects[:min(len(objects), inChunk)]
		objects = objects[len(chunk):]
		if _, err := tx.exec(ctx, `UPDATE objects SET replies_count = replies_count - (SELECT COUNT(*) FROM objects c
				WHERE c.parent_id = objects.id AND c.id IN ? AND c.deleted = 0 AND c.activity_id <> 0)
			WHERE id IN (SELECT parent_id FROM objects WHERE id IN ? AND parent_id <> 0 AND deleted = 0)`, chunk, chunk); err != nil {
			return nil, err
		}
		if err := tx.RemoveOriginals(ctx, chunk...); err != nil {
			return nil, err
		}
		if err := tx.bury(ctx, "objects", chunk, now, func(doc []byte) (any, error) {
			o := new(vocab.Object)
			err := json.Unmarshal(doc, o)
			return o.Tombstone(now), err
		}); err != nil {
			return nil, err
		}
	}
	for len(activities) > 0 {
		chunk := activities[:min(len(activities), inChunk)]
		activities = activities[len(chunk):]
		if err := tx.RemoveOriginals(ctx, chunk...); err != nil {
			return nil, err
		}
		if err := tx.bury(ctx, "activities", chunk, now, func(doc []byte) (any, error) {
			a := new(vocab.Activity)
			err := json.Unmarshal(doc, a)
			return a.Tombstone(now), err
		}); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func (tx *Tx) ids(ctx context.Context, query string, args ...any) ([]int64, error) {
	var ids []int64
	err := tx.each(ctx, query, args, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// bury turns the documents of rows into tombstones.
func (tx *Tx) bury(ctx context.Context, table string, ids []int64, now time.Time, tombstone func([]byte) (any, error)) error {
	docs := map[int64][]byte{}
	err := tx.eachIn(ctx, "SELECT id, doc FROM "+table+" WHERE id IN ? AND deleted = 0", ids, func(r *sql.Rows) error {
		var id int64
		var doc []byte
		err := r.Scan(&id, &doc)
		docs[id] = doc
		return err
	})
	if err != nil {
		return err
	}
	for id, old := range docs {
		stone, err := tombstone(old)
		if err != nil {
			return fmt.Errorf("the stored document %d cannot be read: %w", id, err)
		}
		doc, err := encodeDoc(stone)
		if err != nil {
			return err
		}
		if _, err := tx.exec(ctx, "UPDATE "+table+" SET version = version + 1, deleted = ?, updated = ?, doc = ? WHERE id = ?",
			millis(now), millis(now), doc, id); err != nil {
			return err
		}
	}
	return nil
}
