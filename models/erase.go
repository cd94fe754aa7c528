package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
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
		"DELETE FROM bearer_tokens WHERE actor_id = ?",
		"DELETE FROM authorization_codes WHERE actor_id = ?",
		"DELETE FROM request_tokens WHERE actor_id = ? AND actor_id <> 0",
		"DELETE FROM sessions WHERE actor_id = ?",
		"DELETE FROM mail_code_copies WHERE code_id IN (SELECT id FROM mail_codes WHERE actor_id = ?)",
		"DELETE FROM mail_codes WHERE actor_id = ?",
		"DELETE FROM stream_items WHERE owner_id = ?",
		"DELETE FROM uploads WHERE owner_id = ?",
		"DELETE FROM upload_usage WHERE owner_id = ?",
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
	for chunk := range slices.Chunk(objects, inChunk) {
		if err := tx.buryObjects(ctx, now, chunk); err != nil {
			return nil, err
		}
	}
	return paths, tx.BuryActivities(ctx, now, activities...)
}

// buryObjects makes tombstones of at most [inChunk] objects, and takes them out of
// what showed and counted them.
func (tx *Tx) buryObjects(ctx context.Context, now time.Time, chunk []int64) error {
	if _, err := tx.exec(ctx, `UPDATE objects SET replies_count = replies_count - (SELECT COUNT(*) FROM objects c
			WHERE c.parent_id = objects.id AND c.id IN ? AND c.deleted = 0 AND c.activity_id <> 0)
		WHERE id IN (SELECT parent_id FROM objects WHERE id IN ? AND parent_id <> 0 AND deleted = 0)`, chunk, chunk); err != nil {
		return err
	}
	if err := tx.RemoveOriginals(ctx, chunk...); err != nil {
		return err
	}
	if err := tx.Uncollect(ctx, chunk...); err != nil {
		return err
	}
	if err := tx.RevokeQuotes(ctx, now, chunk...); err != nil {
		return err
	}
	return tx.bury(ctx, "objects", chunk, now, func(doc []byte) (any, error) {
		o := new(vocab.Object)
		err := json.Unmarshal(doc, o)
		return o.Tombstone(now), err
	})
}

// BuryActivities makes tombstones of activities. They stay in the streams of those
// who have seen them.
func (tx *Tx) BuryActivities(ctx context.Context, now time.Time, activities ...int64) error {
	for chunk := range slices.Chunk(activities, inChunk) {
		if err := tx.RemoveOriginals(ctx, chunk...); err != nil {
			return err
		}
		// The public timeline is for what is there.
		if err := tx.execIn(ctx, "DELETE FROM stream_items WHERE owner_id = 0 AND kind = 3 AND activity_id IN ?", chunk); err != nil {
			return err
		}
		if err := tx.bury(ctx, "activities", chunk, now, func(doc []byte) (any, error) {
			a := new(vocab.Activity)
			err := json.Unmarshal(doc, a)
			return a.Tombstone(now), err
		}); err != nil {
			return err
		}
	}
	return nil
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

// EraseSome removes up to n of the things that somebody elsewhere did and of the
// relations that they were in, and reports whether there may be more. It takes a
// position.
func (tx *Tx) EraseSome(ctx context.Context, actor int64, now time.Time, n int) (left bool, err error) {
	if _, err := tx.Position(ctx); err != nil {
		return false, err
	}
	for _, step := range []func(context.Context, int64, time.Time, int) (bool, error){tx.eraseRemoteDeeds, tx.eraseEdgesFrom, tx.eraseEdgesTo} {
		if left, err = step(ctx, actor, now, n); left || err != nil {
			break
		}
	}
	if err == nil && !left {
		_, err = tx.exec(ctx, "DELETE FROM presences WHERE actor_id = ?", actor)
	}
	if err == nil && !left {
		_, err = tx.exec(ctx, "UPDATE actors SET followers_count = 0, following_count = 0, favorites_count = 0, lists_count = 0 WHERE id = ?", actor)
	}
	if err != nil {
		return false, fmt.Errorf("erasing an account: %w", err)
	}
	return left, nil
}

// eraseRemoteDeeds buries the next of the activities of somebody elsewhere, and
// what they posted.
func (tx *Tx) eraseRemoteDeeds(ctx context.Context, actor int64, now time.Time, n int) (bool, error) {
	activities, err := tx.ids(ctx, "SELECT id FROM activities WHERE actor_id = ? AND NOT local AND deleted = 0 ORDER BY id LIMIT "+strconv.Itoa(n), actor)
	if err != nil || len(activities) == 0 {
		return false, err
	}
	var objects []int64
	err = tx.eachIn(ctx, `SELECT o.id FROM activities a JOIN objects o ON o.id = a.object_id
		WHERE a.id IN ? AND a.object_kind = 2 AND o.author_id = ? AND o.deleted = 0`, activities, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		objects = append(objects, id)
		return err
	}, actor)
	if err != nil {
		return false, err
	}
	for chunk := range slices.Chunk(objects, inChunk) {
		if err := tx.buryObjects(ctx, now, chunk); err != nil {
			return false, err
		}
	}
	return true, tx.BuryActivities(ctx, now, activities...)
}

// What counts the edges of each kind that are in force, at the ends that stay.
var (
	countedFrom = map[EdgeKind][]string{
		Follows:  {"UPDATE actors SET followers_count = followers_count - 1 WHERE id IN ?"},
		Likes:    {"UPDATE objects SET likes_count = likes_count - 1 WHERE id IN ?"},
		Shared:   {"UPDATE objects SET shares_count = shares_count - 1 WHERE id IN ?"},
		MemberOf: {"UPDATE objects SET members_count = members_count - 1 WHERE id IN ?", "UPDATE actors SET members_count = members_count - 1 WHERE id IN ?"},
	}
	countedTo = map[EdgeKind][]string{
		Follows: {"UPDATE actors SET following_count = following_count - 1 WHERE id IN ?"},
		Likes:   {"UPDATE actors SET favorites_count = favorites_count - 1 WHERE id IN ?"},
	}
)

func (tx *Tx) eraseEdgesFrom(ctx context.Context, actor int64, _ time.Time, n int) (bool, error) {
	return tx.eraseEdges(ctx, "actor_id", "target_id", actor, n, countedFrom)
}

func (tx *Tx) eraseEdgesTo(ctx context.Context, actor int64, _ time.Time, n int) (bool, error) {
	return tx.eraseEdges(ctx, "target_id", "actor_id", actor, n, countedTo)
}

// eraseEdges removes the next of the edges at one end of which somebody is.
func (tx *Tx) eraseEdges(ctx context.Context, end, other string, actor int64, n int, counted map[EdgeKind][]string) (bool, error) {
	type part struct {
		kind  EdgeKind
		state EdgeState
	}
	found, total := map[part][]int64{}, 0
	err := tx.each(ctx, "SELECT kind, state, "+other+" FROM edges WHERE "+end+" = ? LIMIT "+strconv.Itoa(n), []any{actor}, func(r *sql.Rows) error {
		var p part
		var id int64
		err := r.Scan(&p.kind, &p.state, &id)
		found[p] = append(found[p], id)
		total++
		return err
	})
	for p, ids := range found {
		if err == nil {
			err = tx.execIn(ctx, "DELETE FROM edges WHERE "+end+" = ? AND kind = ? AND "+other+" IN ?", ids, actor, p.kind)
		}
		for _, query := range counted[p.kind] {
			if err == nil && p.state == InForce {
				err = tx.execIn(ctx, query, ids)
			}
		}
	}
	return total > 0, err
}
