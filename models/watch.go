package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What follows is asked about many viewers at once, by those who tell them of
// what is new: one query for all of them, where a page is read for one viewer.

// PlacesSince tells what stands in one kind of stream of these owners after a
// position, in the order of the streams.
func (c *conn) PlacesSince(ctx context.Context, s Stream, owners []int64, position int64) ([]Place, error) {
	var places []Place
	// All classes are named, so that each is a range of the index.
	err := c.eachIn(ctx, `SELECT owner_id, kind, class, position, activity_id FROM stream_items
		WHERE owner_id IN ? AND kind = ? AND class IN (0, 1, 2, 3, 4, 5, 6, 7) AND position > ? ORDER BY position`, owners, func(r *sql.Rows) error {
		p, err := scanPlace(r)
		places = append(places, p)
		return err
	}, s, position)
	if err != nil {
		return nil, fmt.Errorf("finding what is new in streams: %w", err)
	}
	return places, nil
}

func scanPlace(r *sql.Rows) (Place, error) {
	var p Place
	err := r.Scan(&p.Owner, &p.Stream, &p.Class, &p.Position, &p.Activity)
	return p, err
}

// LocalEdgesTo returns the people here from whom edges of one kind lead to any of
// the targets, at most limit of them and in no order.
func (c *conn) LocalEdgesTo(ctx context.Context, kind EdgeKind, targets []int64, limit int) ([]int64, error) {
	var actors []int64
	err := c.eachIn(ctx, "SELECT actor_id FROM edges WHERE target_id IN ? AND kind = ? AND state = 1 AND actor_local LIMIT "+strconv.Itoa(limit), targets,
		func(r *sql.Rows) error {
			var actor int64
			err := r.Scan(&actor)
			actors = append(actors, actor)
			return err
		}, kind)
	if err != nil {
		return nil, fmt.Errorf("reading who has edges to something: %w", err)
	}
	return actors[:min(len(actors), limit)], nil
}

// Sight is that a viewer may see an activity.
type Sight struct{ Viewer, Activity int64 }

// WhoSees tells which of the viewers, who are no strangers, may see which of the
// activities, as [DB.MaySeeActivity] does for one of each. With meeting they see
// them in a stream that many post to: whoever blocks somebody does not meet them
// there.
func (c *conn) WhoSees(ctx context.Context, activities, viewers []int64, meeting bool) (map[Sight]bool, error) {
	const viewer = "w.id"
	one := Viewer{ActorID: 1}
	where, args := one.activityVisible("a")
	if meeting {
		more, margs := one.unblocking("a")
		where, args = where+" AND "+more, append(args, margs...)
	}
	for _, a := range args {
		if a != one.ActorID {
			return nil, errors.New("checking who may see activities: the condition depends on more than the viewer")
		}
	}
	// The viewer is each of them in turn.
	where = strings.ReplaceAll(where, "?", viewer)
	seen := map[Sight]bool{}
	for rest := activities; len(rest) > 0; {
		chunk := rest[:min(len(rest), inChunk)]
		rest = rest[len(chunk):]
		err := c.eachIn(ctx, "SELECT "+viewer+", a.id FROM actors w CROSS JOIN activities a WHERE "+viewer+" IN ? AND a.id IN ? AND "+where,
			viewers, func(r *sql.Rows) error {
				var s Sight
				err := r.Scan(&s.Viewer, &s.Activity)
				seen[s] = true
				return err
			}, padded(chunk))
		if err != nil {
			return nil, fmt.Errorf("checking who may see activities: %w", err)
		}
	}
	return seen, nil
}

// EdgesAmong returns the edges from any of the actors to any of the targets.
func (c *conn) EdgesAmong(ctx context.Context, actors, targets []int64) ([]Edge, error) {
	var list []Edge
	for rest := targets; len(rest) > 0; {
		chunk := rest[:min(len(rest), inChunk)]
		rest = rest[len(chunk):]
		err := c.eachIn(ctx, "SELECT actor_id, target_id, kind FROM edges WHERE actor_id IN ? AND target_id IN ? AND state = 1", actors, func(r *sql.Rows) error {
			e := Edge{State: InForce}
			err := r.Scan(&e.ActorID, &e.TargetID, &e.Kind)
			list = append(list, e)
			return err
		}, padded(chunk))
		if err != nil {
			return nil, fmt.Errorf("reading edges: %w", err)
		}
	}
	return list, nil
}

// BlocksAround returns the blocks from or to any of the actors.
func (c *conn) BlocksAround(ctx context.Context, actors []int64) ([]Edge, error) {
	var list []Edge
	for _, end := range []string{"actor_id", "target_id"} {
		err := c.eachIn(ctx, "SELECT actor_id, target_id FROM edges WHERE "+end+" IN ? AND kind = 5 AND state = 1", actors, func(r *sql.Rows) error {
			e := Edge{Kind: Blocks, State: InForce}
			err := r.Scan(&e.ActorID, &e.TargetID)
			list = append(list, e)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading blocks: %w", err)
		}
	}
	return list, nil
}

// Reply is as much of a reply as tells who may see it.
type Reply struct {
	ID, ParentID, AuthorID int64
	// Post is the activity that posted it, and Visibility that of Post.
	Post       int64
	Visibility Visibility
	// Touched says that somebody likes it or has shared it.
	Touched bool
}

// NewestReplies returns, for each parent, its n newest replies, newest first,
// whoever may see them.
func (c *conn) NewestReplies(ctx context.Context, parents []int64, n int) (map[int64][]Reply, error) {
	found := map[int64][]Reply{}
	for len(parents) > 0 {
		chunk := parents[:min(len(parents), unionChunk)]
		parents = parents[len(chunk):]
		query, args := unionAll(chunk, `SELECT o.id, o.parent_id, o.author_id, o.activity_id, o.position, o.likes_count + o.shares_count AS touches FROM objects o
			WHERE o.parent_id = ? AND o.parent_id <> 0 AND o.deleted = 0 ORDER BY o.position DESC LIMIT `+strconv.Itoa(n))
		// What was never posted is its author's own.
		err := c.each(ctx, `SELECT u.id, u.parent_id, u.author_id, u.activity_id, COALESCE(p.visibility, 2), u.touches
			FROM (`+query+") u LEFT JOIN activities p ON p.id = u.activity_id ORDER BY u.position DESC", args, func(r *sql.Rows) error {
			var one Reply
			var touches int64
			err := r.Scan(&one.ID, &one.ParentID, &one.AuthorID, &one.Post, &one.Visibility, &touches)
			one.Touched = touches > 0
			found[one.ParentID] = append(found[one.ParentID], one)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading the newest replies: %w", err)
		}
	}
	return found, nil
}

// LiveTokens tells which of these access tokens are still good: they exist, and
// their people's accounts are in use.
func (c *conn) LiveTokens(ctx context.Context, tokens []string) (map[string]bool, error) {
	live := map[string]bool{}
	for len(tokens) > 0 {
		chunk := tokens[:min(len(tokens), inChunk)]
		tokens = tokens[len(chunk):]
		err := c.each(ctx, "SELECT t.token FROM access_tokens t JOIN accounts u ON u.actor_id = t.actor_id WHERE t.token IN ? AND u.state = 0",
			[]any{padded(chunk)}, func(r *sql.Rows) error {
				var token string
				err := r.Scan(&token)
				live[token] = true
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("checking access tokens: %w", err)
		}
	}
	return live, nil
}
