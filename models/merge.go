package models

import (
	"context"
	"database/sql"
	"fmt"
)

// BeginMerge makes two rows of somebody elsewhere one: every name and presence of
// loser is winner's from then on, and whoever asks for loser gets winner. What
// points to loser is moved by [Tx.MergeSome].
func (tx *Tx) BeginMerge(ctx context.Context, loser, winner int64) error {
	if _, err := tx.Position(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{"UPDATE identifiers SET ref_id = ? WHERE ref_id = ? AND kind = 1", []any{winner, loser}},
		{`INSERT INTO presences (actor_id, network, iri, inbox, shared_inbox, verified)
			SELECT CAST(? AS BIGINT), network, iri, inbox, shared_inbox, verified FROM presences WHERE actor_id = ? ON CONFLICT (actor_id, network) DO NOTHING`, []any{winner, loser}},
		{"DELETE FROM presences WHERE actor_id = ?", []any{loser}},
		{"UPDATE originals SET ref_id = ? WHERE ref_id = ?", []any{winner, loser}},
		{`INSERT INTO handovers (target_id, actor_id, kind, created)
			SELECT CAST(? AS BIGINT), actor_id, kind, created FROM handovers WHERE target_id = ? ON CONFLICT (target_id, actor_id, kind) DO NOTHING`, []any{winner, loser}},
		{"DELETE FROM handovers WHERE target_id = ?", []any{loser}},
		{"UPDATE subscriptions SET actor_id = ? WHERE actor_id = ? AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.actor_id = ?)", []any{winner, loser, winner}},
		{"DELETE FROM subscriptions WHERE actor_id = ?", []any{loser}}, // its hub is told when it calls the next time
		{"UPDATE actors SET merged_into = ? WHERE merged_into = ? AND merged_into <> 0", []any{winner, loser}},
		{"UPDATE actors SET merged_into = ? WHERE id = ?", []any{winner, loser}},
	} {
		if _, err := tx.exec(ctx, step.query, step.args...); err != nil {
			return fmt.Errorf("merging two actors: %w", err)
		}
	}
	return nil
}

// MergeSome moves up to n things of each kind that point to loser to winner, and
// reports whether there may be more. Called until there are none, however often it
// is cut off, it leaves every relation once, and counts right. It takes a position.
func (tx *Tx) MergeSome(ctx context.Context, loser, winner int64, n int) (left bool, err error) {
	if _, err := tx.Position(ctx); err != nil {
		return false, err
	}
	for _, move := range []func(context.Context, int64, int64, int) (bool, error){tx.mergeEdgesFrom, tx.mergeEdgesTo, tx.mergeActivities} {
		more, err := move(ctx, loser, winner, n)
		if err != nil {
			return false, fmt.Errorf("merging two actors: %w", err)
		}
		left = left || more
	}
	if left {
		return true, nil
	}
	_, err = tx.exec(ctx, `UPDATE actors SET
		followers_count = (SELECT COUNT(*) FROM edges WHERE target_id = ? AND kind = 1 AND state = 1),
		following_count = (SELECT COUNT(*) FROM edges WHERE actor_id = ? AND kind = 1 AND state = 1),
		favorites_count = (SELECT COUNT(*) FROM edges WHERE actor_id = ? AND kind = 2 AND state = 1),
		shares_count = (SELECT COUNT(*) FROM edges WHERE target_id = ? AND kind = 3 AND state = 1),
		members_count = (SELECT COUNT(*) FROM edges WHERE target_id = ? AND kind = 4 AND state = 1),
		documents_count = (SELECT COUNT(*) FROM edges WHERE target_id = ? AND kind = 6 AND state = 1) WHERE id = ?`,
		winner, winner, winner, winner, winner, winner, winner)
	if err != nil {
		return false, fmt.Errorf("counting what two actors have together: %w", err)
	}
	return false, nil
}

// edgeEnd is the other end of an edge of an actor.
type edgeEnd struct {
	kind  EdgeKind
	other int64
}

// mergeEdgesFrom moves what loser follows, likes, is in and so on.
func (tx *Tx) mergeEdgesFrom(ctx context.Context, loser, winner int64, n int) (bool, error) {
	return tx.mergeEdges(ctx, "actor_id", "target_id", loser, winner, n, func(ctx context.Context, e edgeEnd) error {
		switch e.kind {
		case Follows:
			return tx.Count(ctx, e.other, CountFollowers, -1)
		case Likes:
			return tx.CountObject(ctx, e.other, CountLikes, -1)
		case Shared:
			return tx.CountObject(ctx, e.other, CountShares, -1)
		case MemberOf:
			if err := tx.Count(ctx, e.other, CountMembers, -1); err != nil {
				return err
			}
			return tx.CountObject(ctx, e.other, CountListMembers, -1) // an id is of one of them
		}
		return nil
	})
}

// mergeEdgesTo moves who follows loser, and so on.
func (tx *Tx) mergeEdgesTo(ctx context.Context, loser, winner int64, n int) (bool, error) {
	return tx.mergeEdges(ctx, "target_id", "actor_id", loser, winner, n, func(ctx context.Context, e edgeEnd) error {
		if e.kind == Follows {
			return tx.Count(ctx, e.other, CountFollowing, -1)
		}
		return nil
	})
}

// mergeEdges moves edges of which one end is loser. Where winner has the same edge,
// that one stays, in force if either was; uncount takes back at its other end what
// was counted twice.
func (tx *Tx) mergeEdges(ctx context.Context, end, otherEnd string, loser, winner int64, n int, uncount func(context.Context, edgeEnd) error) (bool, error) {
	edges := func(of int64, more string, args ...any) (map[edgeEnd]EdgeState, error) {
		found := map[edgeEnd]EdgeState{}
		err := tx.each(ctx, "SELECT kind, "+otherEnd+", state FROM edges WHERE "+end+" = ?"+more, append([]any{of}, args...), func(r *sql.Rows) error {
			var e edgeEnd
			var state EdgeState
			err := r.Scan(&e.kind, &e.other, &state)
			found[e] = state
			return err
		})
		return found, err
	}
	list, err := edges(loser, fmt.Sprintf(" LIMIT %d", min(n, inChunk)))
	if err != nil || len(list) == 0 {
		return false, err
	}
	var others []int64
	for e := range list {
		others = append(others, e.other)
	}
	kept, err := edges(winner, " AND "+otherEnd+" IN ?", padded(others))
	if err != nil {
		return false, err
	}
	moved := map[EdgeKind][]int64{}
	for e, state := range list {
		switch old, twice := kept[e]; {
		case e.other == winner || e.other == loser: // nobody follows oneself by it
		case !twice:
			moved[e.kind] = append(moved[e.kind], e.other)
		case state == InForce && old == Requested:
			_, err = tx.exec(ctx, "UPDATE edges SET state = 1 WHERE "+end+" = ? AND "+otherEnd+" = ? AND kind = ?", winner, e.other, e.kind)
		case state == InForce:
			err = uncount(ctx, e)
		}
		if err != nil {
			return false, err
		}
	}
	for kind, ids := range moved {
		if err := tx.execIn(ctx, "UPDATE edges SET "+end+" = ? WHERE "+end+" = ? AND kind = ? AND "+otherEnd+" IN ?", ids, winner, loser, kind); err != nil {
			return false, err
		}
	}
	return len(list) == min(n, inChunk), tx.execIn(ctx, "DELETE FROM edges WHERE "+end+" = ? AND "+otherEnd+" IN ?", others, loser)
}

// mergeActivities makes what loser did, and what was posted by that, winner's.
func (tx *Tx) mergeActivities(ctx context.Context, loser, winner int64, n int) (bool, error) {
	var ids, objects []int64
	err := tx.each(ctx, fmt.Sprintf("SELECT id, object_kind, object_id FROM activities WHERE actor_id = ? AND NOT local AND deleted = 0 LIMIT %d", min(n, inChunk)), []any{loser},
		func(r *sql.Rows) error {
			var id int64
			var o Ref
			err := r.Scan(&id, &o.Kind, &o.ID)
			ids = append(ids, id)
			if o.Kind == KindObject {
				objects = append(objects, o.ID)
			}
			return err
		})
	if err != nil {
		return false, err
	}
	for _, step := range []struct {
		query string
		list  []int64
		args  []any
	}{
		{"UPDATE objects SET author_id = ? WHERE author_id = ? AND id IN ?", objects, []any{winner, loser}},
		{"UPDATE audience SET recipient_id = ? WHERE recipient_id = ? AND kind = 2 AND activity_id IN ?", ids, []any{winner, loser}},
		{"UPDATE activities SET actor_id = ? WHERE id IN ?", ids, []any{winner}},
	} {
		if err := tx.execIn(ctx, step.query, step.list, step.args...); err != nil {
			return false, err
		}
	}
	return len(ids) == min(n, inChunk), nil
}
