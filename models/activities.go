package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"manifold/models/vocab"
)

// Activity is something that was done.
type Activity struct {
	ID, Version int64
	Verb        string
	ActorID     int64
	// Object and Target are what it was done to; Kind is KindNone where there is
	// nothing.
	Object, Target Ref
	// ObjectPost is the activity that posted the object, where that is another
	// one and not public.
	ObjectPost int64
	Visibility Visibility
	Local      bool
	// Quiet is for what was news to nobody, see [Tx.Unquiet].
	Quiet bool

	Published, Updated, Deleted time.Time

	// Doc is the activity in normal form, with actor, object and target as
	// references. It is shared between readers: clone before changing.
	Doc *vocab.Activity
	// Audience are the addressees in the order of Doc's to, cc, bto and bcc.
	Audience []Addressee
}

// Field is one of the four address fields.
type Field int8

// The address fields.
const (
	To Field = iota
	CC
	BTo
	BCC
)

// AudienceKind is what an addressee stands for.
type AudienceKind int16

// The kinds of addressees. Unknown ones are shown but reach nobody.
const (
	AudienceUnknown   AudienceKind = 0
	AudienceActor     AudienceKind = 1 // this actor
	AudienceFollowers AudienceKind = 2 // the followers of this actor
	AudienceList      AudienceKind = 3 // the members of this list
	AudienceGroup     AudienceKind = 4 // the members of this group, and its inbox
	AudiencePublic    AudienceKind = 5 // everybody
)

// Addressee is one entry of an address field. ID is the row of what the kind
// names.
type Addressee struct {
	Field Field        `json:"f,omitempty"`
	Kind  AudienceKind `json:"k,omitempty"`
	ID    int64        `json:"id,omitempty"`
}

const activityColumns = `a.id, a.version, a.verb, a.actor_id, a.object_kind, a.object_id, a.object_post, a.target_kind, a.target_id,
	a.visibility, a.local, a.quiet, a.published, a.updated, a.deleted`

// activityDest returns where the columns of activityColumns are scanned to, and
// a function to call afterwards.
func activityDest(a *Activity) ([]any, func()) {
	var published, updated, deleted int64
	return []any{&a.ID, &a.Version, &a.Verb, &a.ActorID, &a.Object.Kind, &a.Object.ID, &a.ObjectPost, &a.Target.Kind, &a.Target.ID,
			&a.Visibility, &a.Local, &a.Quiet, &published, &updated, &deleted}, func() {
			a.Published, a.Updated, a.Deleted = fromMillis(published), fromMillis(updated), fromMillis(deleted)
		}
}

// Activities returns the activities with these ids; those that do not exist
// are missing from the answer.
func (c *conn) Activities(ctx context.Context, ids ...int64) (map[int64]*Activity, error) {
	found := make(map[int64]*Activity, len(ids))
	list := make([]*Activity, 0, len(ids))
	err := c.eachIn(ctx, "SELECT "+activityColumns+" FROM activities a WHERE a.id IN ?", ids, func(r *sql.Rows) error {
		a := new(Activity)
		dest, done := activityDest(a)
		err := r.Scan(dest...)
		done()
		found[a.ID] = a
		list = append(list, a)
		return err
	})
	if err == nil {
		err = c.fillActivities(ctx, list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading activities: %w", err)
	}
	return found, nil
}

// Activity returns one activity, or [ErrNotFound].
func (c *conn) Activity(ctx context.Context, id int64) (*Activity, error) {
	found, err := c.Activities(ctx, id)
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, ErrNotFound
	}
	return found[id], nil
}

// ActivityByIRI returns the activity that a name stands for, or [ErrNotFound].
func (c *conn) ActivityByIRI(ctx context.Context, iri string) (*Activity, error) {
	id, err := c.LookupKind(ctx, KindActivity, iri)
	if err != nil {
		return nil, err
	}
	return c.Activity(ctx, id)
}

// fillActivities gives every row its document and audience.
func (c *conn) fillActivities(ctx context.Context, rows []*Activity) error {
	missing := map[int64]*Activity{}
	var ids []int64
	for _, a := range rows {
		if v, ok := c.remembered(a.ID, a.Version); ok {
			a.Doc, a.Audience = v.activity, v.audience
			continue
		}
		missing[a.ID] = a
		ids = append(ids, a.ID)
	}
	return c.eachIn(ctx, "SELECT id, version, audience, doc FROM activities WHERE id IN ?", ids, func(r *sql.Rows) error {
		var id, version int64
		var audience, doc []byte
		if err := r.Scan(&id, &version, &audience, &doc); err != nil {
			return err
		}
		v := docValue{activity: new(vocab.Activity), size: weight(len(doc) + len(audience))}
		if err := json.Unmarshal(doc, v.activity); err != nil {
			return fmt.Errorf("the stored activity %d cannot be read: %w", id, err)
		}
		if err := json.Unmarshal(audience, &v.audience); err != nil {
			return fmt.Errorf("the stored audience of %d cannot be read: %w", id, err)
		}
		c.remember(id, version, v)
		missing[id].Doc, missing[id].Audience = v.activity, v.audience
		return nil
	})
}

// InsertActivity stores a new activity and its audience. Its names must have
// been given to its row; see [Tx.Identify].
func (tx *Tx) InsertActivity(ctx context.Context, a *Activity) error {
	doc, err := encodeDoc(a.Doc)
	if err != nil {
		return err
	}
	audience, err := encodeDoc(a.Audience)
	if err != nil {
		return err
	}
	a.Version = 1
	_, err = tx.exec(ctx, `INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, object_post, target_kind, target_id,
		visibility, local, quiet, published, updated, deleted, audience, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.Version, a.Verb, a.ActorID, a.Object.Kind, a.Object.ID, a.ObjectPost, a.Target.Kind, a.Target.ID, a.Visibility, a.Local, a.Quiet,
		millis(a.Published), millis(a.Updated), millis(a.Deleted), audience, doc)
	if err != nil {
		return fmt.Errorf("storing an activity: %w", err)
	}
	tx.rememberLater(a.ID, a.Version, docValue{activity: a.Doc, audience: a.Audience, size: weight(len(doc) + len(audience))})
	return tx.insertAudience(ctx, a)
}

func (tx *Tx) insertAudience(ctx context.Context, a *Activity) error {
	var query strings.Builder
	var args []any
	for _, to := range a.Audience {
		if to.Kind == AudienceUnknown || to.Kind == AudiencePublic {
			continue
		}
		if len(args) > 0 {
			query.WriteString(", ")
		}
		query.WriteString("(?, ?, ?)")
		args = append(args, a.ID, to.Kind, to.ID)
	}
	if len(args) == 0 {
		return nil
	}
	_, err := tx.exec(ctx, "INSERT INTO audience (activity_id, kind, recipient_id) VALUES "+query.String()+" ON CONFLICT DO NOTHING", args...)
	if err != nil {
		return fmt.Errorf("storing an audience: %w", err)
	}
	return nil
}

// UpdateActivity stores a changed document and time of deletion; a.Version
// grows.
func (tx *Tx) UpdateActivity(ctx context.Context, a *Activity) error {
	doc, err := encodeDoc(a.Doc)
	if err != nil {
		return err
	}
	found, err := tx.get(ctx, "UPDATE activities SET version = version + 1, updated = ?, deleted = ?, doc = ? WHERE id = ? RETURNING version",
		[]any{millis(a.Updated), millis(a.Deleted), doc, a.ID}, &a.Version)
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("storing an activity: %w", err)
	}
	return nil
}

// Unquiet makes an activity that came quietly one like all others, and reports
// whether it was quiet until now.
func (tx *Tx) Unquiet(ctx context.Context, id int64) (bool, error) {
	n, err := tx.exec(ctx, "UPDATE activities SET quiet = FALSE WHERE id = ? AND quiet", id)
	if err != nil {
		return false, fmt.Errorf("changing an activity: %w", err)
	}
	return n > 0, nil
}
