package models

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// EdgeKind is what relation an edge is.
type EdgeKind int16

// The relations between an actor and a thing.
const (
	Follows  EdgeKind = 1
	Likes    EdgeKind = 2
	Shared   EdgeKind = 3
	MemberOf EdgeKind = 4
	Blocks   EdgeKind = 5
)

// EdgeState is whether an edge is in force.
type EdgeState int16

// The states of an edge.
const (
	Requested EdgeState = 0
	InForce   EdgeState = 1
)

// Edge is a relation of an actor to a thing.
type Edge struct {
	Kind       EdgeKind
	ActorID    int64
	TargetID   int64
	Position   int64
	State      EdgeState
	ActorLocal bool
	// ActivityID is the activity that made it.
	ActivityID int64
	Created    time.Time
}

// AddEdge stores an edge, or returns [ErrExists] when it stands already. It
// takes a position.
func (tx *Tx) AddEdge(ctx context.Context, e *Edge) error {
	var err error
	if e.Position, err = tx.Position(ctx); err != nil {
		return err
	}
	n, err := tx.exec(ctx, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (actor_id, target_id, kind) DO NOTHING`,
		e.Kind, e.ActorID, e.TargetID, e.Position, e.State, e.ActorLocal, e.ActivityID, millis(e.Created))
	if err != nil {
		return fmt.Errorf("storing an edge: %w", err)
	}
	if n == 0 {
		return ErrExists
	}
	return nil
}

// RemoveEdge removes an edge, or returns [ErrNotFound] when there is none. It
// takes a position, as everything does that changes counters.
func (tx *Tx) RemoveEdge(ctx context.Context, kind EdgeKind, actor, target int64) error {
	if _, err := tx.Position(ctx); err != nil {
		return err
	}
	n, err := tx.exec(ctx, "DELETE FROM edges WHERE actor_id = ? AND target_id = ? AND kind = ?", actor, target, kind)
	if err != nil {
		return fmt.Errorf("removing an edge: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// Edge returns one edge, or [ErrNotFound].
func (c *conn) Edge(ctx context.Context, kind EdgeKind, actor, target int64) (*Edge, error) {
	e := &Edge{Kind: kind, ActorID: actor, TargetID: target}
	var created int64
	found, err := c.get(ctx, "SELECT position, state, actor_local, activity_id, created FROM edges WHERE actor_id = ? AND target_id = ? AND kind = ?",
		[]any{actor, target, kind}, &e.Position, &e.State, &e.ActorLocal, &e.ActivityID, &created)
	if err != nil {
		return nil, fmt.Errorf("reading an edge: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	e.Created = fromMillis(created)
	return e, nil
}

// Relations tell in which relations one actor stands to many things.
type Relations map[int64]EdgeSet

// EdgeSet is a set of kinds of edges.
type EdgeSet int64

// edgeSets is the set of the kinds of the edges e, in SQL.
const edgeSets = "SUM(CASE e.kind WHEN 1 THEN 2 WHEN 2 THEN 4 WHEN 3 THEN 8 WHEN 4 THEN 16 WHEN 5 THEN 32 ELSE 0 END)"

// Has reports whether the edge of this kind to target is in force.
func (r Relations) Has(kind EdgeKind, target int64) bool { return r[target]&(1<<kind) != 0 }

// RelationsTo returns in which relations an actor stands to each of the targets.
// Those without any are missing from the answer.
func (c *conn) RelationsTo(ctx context.Context, actor int64, targets []int64) (Relations, error) {
	found := Relations{}
	if actor == 0 {
		return found, nil
	}
	err := c.eachIn(ctx, "SELECT e.target_id, "+edgeSets+" FROM edges e WHERE e.target_id IN ? AND e.actor_id = ? AND e.state = 1 GROUP BY e.target_id",
		targets, func(r *sql.Rows) error {
			var target int64
			var set EdgeSet
			err := r.Scan(&target, &set)
			found[target] = set
			return err
		}, actor)
	if err != nil {
		return nil, fmt.Errorf("reading relations: %w", err)
	}
	return found, nil
}

// EdgesTo returns a page of the edges of one kind that point to target (its
// followers, likers, members), ordered by position.
func (c *conn) EdgesTo(ctx context.Context, kind EdgeKind, target int64, p Page) ([]Edge, error) {
	return c.edges(ctx, "target_id = ? AND kind = ?", target, kind, p)
}

// EdgesFrom returns a page of the edges of one kind that start at actor (whom it
// follows, what it likes), ordered by position.
func (c *conn) EdgesFrom(ctx context.Context, kind EdgeKind, actor int64, p Page) ([]Edge, error) {
	return c.edges(ctx, "actor_id = ? AND kind = ?", actor, kind, p)
}

func (c *conn) edges(ctx context.Context, where string, end int64, kind EdgeKind, p Page) ([]Edge, error) {
	bounds, args := p.bounds("position")
	var list []Edge
	err := c.each(ctx, "SELECT actor_id, target_id, position, activity_id, created FROM edges WHERE "+where+" AND state = 1"+bounds+
		p.cut("position"), append([]any{end, kind}, args...), func(r *sql.Rows) error {
		e := Edge{Kind: kind, State: InForce}
		var created int64
		err := r.Scan(&e.ActorID, &e.TargetID, &e.Position, &e.ActivityID, &created)
		e.Created = fromMillis(created)
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading edges: %w", err)
	}
	return newestFirst(p, list), nil
}

// FirstEdgesTo returns, for each target, its n newest edges of one kind, newest
// first, by one query that reads n rows a target, however many there are.
func (c *conn) FirstEdgesTo(ctx context.Context, kind EdgeKind, targets []int64, n int) (map[int64][]int64, error) {
	found := map[int64][]int64{}
	for len(targets) > 0 {
		chunk := targets[:min(len(targets), unionChunk)]
		targets = targets[len(chunk):]
		query, args := unionAll(chunk, `SELECT target_id, actor_id, position FROM edges
			WHERE target_id = ? AND kind = ? AND state = 1 ORDER BY position DESC LIMIT `+strconv.Itoa(n), kind)
		err := c.each(ctx, "SELECT target_id, actor_id FROM ("+query+") u ORDER BY position DESC", args, func(r *sql.Rows) error {
			var target, actor int64
			err := r.Scan(&target, &actor)
			found[target] = append(found[target], actor)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading first edges: %w", err)
		}
	}
	return found, nil
}
