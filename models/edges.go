package models

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
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
	// DocumentOf leads from an object to a group that has it among its documents.
	DocumentOf EdgeKind = 6
	// Pinned leads from somebody elsewhere to what they show first.
	Pinned EdgeKind = 7
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

// SetEdge stores the state, position and activity of an edge that stands already.
// Take a position for one that comes into force: those who page over what is in
// force have not seen it.
func (tx *Tx) SetEdge(ctx context.Context, e *Edge) error {
	n, err := tx.exec(ctx, "UPDATE edges SET state = ?, position = ?, activity_id = ? WHERE actor_id = ? AND target_id = ? AND kind = ?",
		e.State, e.Position, e.ActivityID, e.ActorID, e.TargetID, e.Kind)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("changing an edge: %w", err)
	}
	return nil
}

// ConfirmRequests puts every requested edge of a kind to target into force, follows or
// memberships, and counts it, by one statement however many they are, and returns
// how many there were. It takes a position for each.
func (tx *Tx) ConfirmRequests(ctx context.Context, kind EdgeKind, target int64) (int64, error) {
	waiting, err := tx.countRequests(ctx, kind, target)
	if err != nil || waiting == 0 {
		return 0, err
	}
	if _, err = tx.Position(ctx); err == nil {
		waiting, err = tx.countRequests(ctx, kind, target) // now that nobody else adds to them
	}
	if err != nil || waiting == 0 {
		return 0, err
	}
	last, err := tx.positions(ctx, waiting)
	if err != nil {
		return 0, err
	}
	counted := "members_count"
	if kind == Follows {
		counted = "followers_count"
		if _, err := tx.exec(ctx, `UPDATE actors SET following_count = following_count + 1
			WHERE id IN (SELECT actor_id FROM edges WHERE target_id = ? AND kind = 1 AND state = 0)`, target); err != nil {
			return 0, fmt.Errorf("confirming follows: %w", err)
		}
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`UPDATE actors SET ` + counted + ` = ` + counted + ` + (SELECT COUNT(*) FROM edges WHERE target_id = ? AND kind = ? AND state = 0)
			WHERE id = ?`, []any{target, kind, target}},
		{`UPDATE edges SET state = 1, position = w.place + CAST(? AS BIGINT)
			FROM (SELECT actor_id AS who, ROW_NUMBER() OVER (ORDER BY position) AS place FROM edges WHERE target_id = ? AND kind = ? AND state = 0) w
			WHERE edges.actor_id = w.who AND edges.target_id = ? AND edges.kind = ?`, []any{last - waiting, target, kind, target, kind}},
	} {
		if _, err := tx.exec(ctx, step.query, step.args...); err != nil {
			return 0, fmt.Errorf("confirming requests: %w", err)
		}
	}
	return waiting, nil
}

func (c *conn) countRequests(ctx context.Context, kind EdgeKind, target int64) (n int64, err error) {
	if _, err = c.get(ctx, "SELECT COUNT(*) FROM edges WHERE target_id = ? AND kind = ? AND state = 0", []any{target, kind}, &n); err != nil {
		return 0, fmt.Errorf("counting requests: %w", err)
	}
	return n, nil
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
	return c.edges(ctx, "e.target_id = ? AND e.kind = ?", []any{target, kind}, p)
}

// EdgesFrom returns a page of the edges of one kind that start at actor (whom it
// follows, what it likes), ordered by position.
func (c *conn) EdgesFrom(ctx context.Context, kind EdgeKind, actor int64, p Page) ([]Edge, error) {
	return c.edges(ctx, "e.actor_id = ? AND e.kind = ?", []any{actor, kind}, p)
}

// RequestsTo returns a page of the requests to follow target that wait for an
// answer, ordered by position.
func (c *conn) RequestsTo(ctx context.Context, target int64, p Page) ([]Edge, error) {
	return c.edgesIn(ctx, Requested, "e.target_id = ? AND e.kind = ?", []any{target, Follows}, p)
}

// NamedEdgesTo is [DB.EdgesTo] for those edges that start at somebody in whose
// name or nickname text stands, whatever the case of the letters. It reads the
// edges until it has found a page of them.
func (c *conn) NamedEdgesTo(ctx context.Context, kind EdgeKind, target int64, text string, p Page) ([]Edge, error) {
	return c.edges(ctx, "e.target_id = ? AND e.kind = ? AND "+namesOf("e.actor_id"), []any{target, kind, containing(text)}, p)
}

// NamedEdgesFrom is [DB.EdgesFrom] for those edges that point to somebody in
// whose name or nickname text stands, whatever the case of the letters.
func (c *conn) NamedEdgesFrom(ctx context.Context, kind EdgeKind, actor int64, text string, p Page) ([]Edge, error) {
	return c.edges(ctx, "e.actor_id = ? AND e.kind = ? AND "+namesOf("e.target_id"), []any{actor, kind, containing(text)}, p)
}

// namesOf is the condition that the names of an actor are like a pattern. It is
// written so that PostgreSQL looks at one actor after the other and stops when
// the page is full, where it would read all of them for a join.
func namesOf(actor string) string {
	return "(SELECT n.names_folded FROM actors n WHERE n.id = " + actor + `) LIKE ? ESCAPE '\'`
}

// containing is the pattern of what has text in it.
func containing(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(Fold(text)) + "%"
}

// edges reads a page of the edges e that are in force.
func (c *conn) edges(ctx context.Context, where string, args []any, p Page) ([]Edge, error) {
	return c.edgesIn(ctx, InForce, where, args, p)
}

// edgesIn reads a page of the edges e in a state, which stands in the text so that
// the index of that state serves.
func (c *conn) edgesIn(ctx context.Context, state EdgeState, where string, args []any, p Page) ([]Edge, error) {
	bounds, boundArgs := p.bounds("e.position")
	var list []Edge
	err := c.each(ctx, "SELECT e.kind, e.actor_id, e.target_id, e.position, e.activity_id, e.created FROM edges e WHERE "+where+" AND e.state = "+strconv.Itoa(int(state))+bounds+
		p.cut("e.position"), append(args, boundArgs...), func(r *sql.Rows) error {
		e := Edge{State: state}
		var created int64
		err := r.Scan(&e.Kind, &e.ActorID, &e.TargetID, &e.Position, &e.ActivityID, &created)
		e.Created = fromMillis(created)
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading edges: %w", err)
	}
	return newestFirst(p, list), nil
}

// Relations returns up to n follows and memberships that start or end at an actor, in
// force or asked for.
func (c *conn) Relations(ctx context.Context, actor int64, n int) ([]Edge, error) {
	var list []Edge
	err := c.each(ctx, `SELECT kind, actor_id, target_id FROM edges WHERE target_id = ? AND kind IN (1, 4)
		UNION ALL SELECT kind, actor_id, target_id FROM edges WHERE actor_id = ? AND kind IN (1, 4) LIMIT `+strconv.Itoa(n), []any{actor, actor}, func(r *sql.Rows) error {
		var e Edge
		err := r.Scan(&e.Kind, &e.ActorID, &e.TargetID)
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading follows: %w", err)
	}
	return list, nil
}

// HasRemote reports whether somebody elsewhere other than one actor follows a
// group or is a member of it.
func (c *conn) HasRemote(ctx context.Context, group, other int64) (bool, error) {
	var one int
	found, err := c.get(ctx, "SELECT 1 FROM edges WHERE target_id = ? AND kind IN (1, 4) AND state = 1 AND NOT actor_local AND actor_id <> ? LIMIT 1",
		[]any{group, other}, &one)
	if err != nil {
		return false, fmt.Errorf("looking for followers elsewhere: %w", err)
	}
	return found, nil
}

// Follower is somebody who follows, with the id that a network knows them by.
type Follower struct {
	Edge
	IRI string
}

// FollowersOn returns a page of the followers of an actor whose ids on a network
// begin with a prefix, which is how the followers on one server are told
// (https://example.org/), ordered by position. It reads the followers until it has
// found a page of them.
func (c *conn) FollowersOn(ctx context.Context, actor int64, network, prefix string, p Page) ([]Follower, error) {
	bounds, boundArgs := p.bounds("e.position")
	var list []Follower
	err := c.each(ctx, `SELECT e.actor_id, e.position, e.activity_id, p.iri FROM edges e JOIN presences p ON p.actor_id = e.actor_id AND p.network = ?
		WHERE e.target_id = ? AND e.kind = 1 AND e.state = 1 AND NOT e.actor_local AND SUBSTR(p.iri, 1, LENGTH(CAST(? AS TEXT))) = ?`+bounds+p.cut("e.position"),
		append([]any{network, actor, prefix, prefix}, boundArgs...), func(r *sql.Rows) error {
			f := Follower{Edge: Edge{Kind: Follows, TargetID: actor, State: InForce}}
			err := r.Scan(&f.ActorID, &f.Position, &f.ActivityID, &f.IRI)
			list = append(list, f)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("reading followers on a server: %w", err)
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

// Uncollect takes objects out of the lists and groups that they stand in, and
// out of their counts. It takes a position.
func (tx *Tx) Uncollect(ctx context.Context, objects ...int64) error {
	if _, err := tx.Position(ctx); err != nil {
		return err
	}
	type change struct {
		kind EdgeKind
		less int64
	}
	changes := map[change][]int64{}
	err := tx.eachIn(ctx, "SELECT target_id, kind, COUNT(*) FROM edges WHERE actor_id IN ? AND kind IN (4, 6) GROUP BY target_id, kind", objects, func(r *sql.Rows) error {
		var target int64
		var c change
		err := r.Scan(&target, &c.kind, &c.less)
		changes[c] = append(changes[c], target)
		return err
	})
	if err == nil && len(changes) > 0 {
		err = tx.execIn(ctx, "DELETE FROM edges WHERE actor_id IN ? AND kind IN (4, 6)", objects)
	}
	for c, targets := range changes {
		query := "UPDATE objects SET members_count = members_count - ? WHERE id IN ?"
		if c.kind == DocumentOf {
			query = "UPDATE actors SET documents_count = documents_count - ? WHERE id IN ?"
		}
		if err == nil {
			err = tx.execIn(ctx, query, targets, c.less)
		}
	}
	if err != nil {
		return fmt.Errorf("taking things out of collections: %w", err)
	}
	return nil
}

// execIn runs a statement whose last argument is an IN list over as many values
// as there are, a chunk at a time.
func (tx *Tx) execIn(ctx context.Context, query string, list []int64, args ...any) error {
	for len(list) > 0 {
		n := min(len(list), inChunk)
		if _, err := tx.exec(ctx, query, append(args[:len(args):len(args)], padded(list[:n]))...); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}
