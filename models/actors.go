package models

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"manifold/models/vocab"
)

// State is whether an actor or account is in use.
type State int16

// The states of an actor and of an account.
const (
	Active    State = 0
	Suspended State = 1
	Deleted   State = 2
)

// Actor is somebody who acts: a person, a group, a service.
type Actor struct {
	ID, Version int64
	Type        string
	// Nickname is shown as written; Host is empty for our own.
	Nickname, Host string
	Local          bool
	State          State
	// Silenced says that what the actor does reaches only those here who follow it.
	Silenced bool
	// AuthorID and ActivityID are who made a group, and by which activity; 0 for
	// everybody else.
	AuthorID, ActivityID int64
	Counts               ActorCounts
	Created              time.Time
	Updated              time.Time
	// Doc is the profile. It is shared between readers: clone before changing.
	Doc *vocab.Object
	// mergedInto is the row that replaces this one, 0 for none.
	mergedInto int64
}

// ActorCounts are the lengths of the collections of an actor.
type ActorCounts struct {
	Followers, Following, Favorites, Lists, Members, Documents, Shares int64
}

func (a *Actor) key() docKey       { return docKey{a.ID, a.Version} }
func (a *Actor) setDoc(v docValue) { a.Doc = v.object }

const actorColumns = `id, version, type, author_id, activity_id, nickname, host, local, state, silenced, followers_count, following_count,
	favorites_count, lists_count, members_count, documents_count, shares_count, merged_into, created, updated`

func scanActor(r *sql.Rows) (*Actor, error) {
	a := new(Actor)
	var created, updated int64
	err := r.Scan(&a.ID, &a.Version, &a.Type, &a.AuthorID, &a.ActivityID, &a.Nickname, &a.Host, &a.Local, &a.State, &a.Silenced, &a.Counts.Followers, &a.Counts.Following,
		&a.Counts.Favorites, &a.Counts.Lists, &a.Counts.Members, &a.Counts.Documents, &a.Counts.Shares, &a.mergedInto, &created, &updated)
	a.Created, a.Updated = fromMillis(created), fromMillis(updated)
	return a, err
}

// Actors returns the actors with these ids; those that do not exist are missing
// from the answer. For one that was found to be one with another it is that other.
func (c *conn) Actors(ctx context.Context, ids ...int64) (map[int64]*Actor, error) {
	found := make(map[int64]*Actor, len(ids))
	list := make([]*Actor, 0, len(ids))
	var merged []*Actor
	err := c.eachIn(ctx, "SELECT "+actorColumns+" FROM actors WHERE id IN ?", ids, func(r *sql.Rows) error {
		a, err := scanActor(r)
		switch {
		case err != nil:
		case a.mergedInto != 0:
			merged = append(merged, a)
		default:
			found[a.ID] = a
			list = append(list, a)
		}
		return err
	})
	if err == nil {
		err = fillObjects(ctx, c, "actors", list)
	}
	if err == nil {
		err = c.followMerged(ctx, merged, found)
	}
	if err != nil {
		return nil, fmt.Errorf("reading actors: %w", err)
	}
	return found, nil
}

// followMerged finds those who replace the merged.
func (c *conn) followMerged(ctx context.Context, merged []*Actor, found map[int64]*Actor) error {
	var missing []int64
	for _, a := range merged {
		if found[a.mergedInto] == nil {
			missing = append(missing, a.mergedInto)
		}
	}
	winners := map[int64]*Actor{}
	if len(missing) > 0 {
		var err error
		if winners, err = c.Actors(ctx, missing...); err != nil {
			return err
		}
	}
	for _, a := range merged {
		if w := found[a.mergedInto]; w != nil {
			found[a.ID] = w
		} else if w := winners[a.mergedInto]; w != nil {
			found[a.ID] = w
		}
	}
	return nil
}

// Actor returns one actor, or [ErrNotFound].
func (c *conn) Actor(ctx context.Context, id int64) (*Actor, error) {
	found, err := c.Actors(ctx, id)
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, ErrNotFound
	}
	return found[id], nil
}

// ActorByIRI returns the actor that a name stands for, or [ErrNotFound].
func (c *conn) ActorByIRI(ctx context.Context, iri string) (*Actor, error) {
	id, err := c.LookupKind(ctx, KindActor, iri)
	if err != nil {
		return nil, err
	}
	return c.Actor(ctx, id)
}

// CreateActor stores a new actor under its names; a.ID is set. It returns
// [ErrExists] when one of the names is taken.
func (tx *Tx) CreateActor(ctx context.Context, a *Actor, names ...string) error {
	if a.ID == 0 {
		a.ID = tx.NewID()
	}
	a.Version = 1
	doc, err := encodeDoc(a.Doc)
	if err != nil {
		return err
	}
	identifiers := make([]Identifier, len(names))
	for i, n := range names {
		identifiers[i] = Identifier{KindActor, n, a.ID}
	}
	if err := tx.Identify(ctx, identifiers...); err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO actors (id, version, type, author_id, activity_id, nickname, nickname_folded, names_folded, host, local, state, created, updated, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.ID, a.Version, a.Type, a.AuthorID, a.ActivityID, a.Nickname, Fold(a.Nickname), a.foldedNames(), a.Host,
		a.Local, a.State, millis(a.Created), millis(a.Updated), doc)
	if err != nil {
		return fmt.Errorf("storing an actor: %w", err)
	}
	tx.rememberLater(a.ID, a.Version, docValue{object: a.Doc, size: weight(len(doc))})
	return nil
}

// UpdateActor stores a changed profile; a.Version grows.
func (tx *Tx) UpdateActor(ctx context.Context, a *Actor) error {
	doc, err := encodeDoc(a.Doc)
	if err != nil {
		return err
	}
	found, err := tx.get(ctx, "UPDATE actors SET version = version + 1, updated = ?, state = ?, names_folded = ?, doc = ? WHERE id = ? RETURNING version",
		[]any{millis(a.Updated), a.State, a.foldedNames(), doc, a.ID}, &a.Version)
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("storing an actor: %w", err)
	}
	tx.rememberLater(a.ID, a.Version, docValue{object: a.Doc, size: weight(len(doc))})
	return nil
}

// foldedNames is what a search for people looks in: the name that is shown and
// the nickname, a line each.
func (a *Actor) foldedNames() string {
	names := a.Nickname
	if a.Doc != nil {
		names = a.Doc.DisplayName + "\n" + firstNonEmpty(a.Nickname, a.Doc.PreferredUsername)
	}
	// No database keeps a NUL in text, which a name of elsewhere may hold.
	return Fold(strings.ReplaceAll(strings.ToValidUTF8(names, ""), "\x00", ""))
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// ActorCount names one of the counters of an actor.
type ActorCount string

// The counters of an actor.
const (
	CountFollowers ActorCount = "followers_count"
	CountFollowing ActorCount = "following_count"
	CountFavorites ActorCount = "favorites_count"
	CountLists     ActorCount = "lists_count"
	CountMembers   ActorCount = "members_count"
	CountDocuments ActorCount = "documents_count"
)

// Count adds n to a counter of an actor. Take a position first, so that two
// transactions do not wait for each other in a circle.
func (tx *Tx) Count(ctx context.Context, actor int64, counter ActorCount, n int) error {
	_, err := tx.exec(ctx, "UPDATE actors SET "+string(counter)+" = "+string(counter)+" + ? WHERE id = ?", n, actor)
	if err != nil {
		return fmt.Errorf("counting %s: %w", counter, err)
	}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
