package models

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// Hashtag is one by which the posting of a thing is found. Tag is in the form that
// is looked for.
type Hashtag struct {
	Tag                  string
	ActivityID, ObjectID int64
}

// SetHashtags replaces the hashtags of things.
func (tx *Tx) SetHashtags(ctx context.Context, objects []int64, tags ...Hashtag) error {
	for chunk := range slices.Chunk(objects, inChunk) {
		if _, err := tx.exec(ctx, "DELETE FROM hashtags WHERE object_id IN ?", padded(chunk)); err != nil {
			return fmt.Errorf("removing hashtags: %w", err)
		}
	}
	for _, t := range tags {
		if _, err := tx.exec(ctx, "INSERT INTO hashtags (tag, activity_id, object_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", t.Tag, t.ActivityID, t.ObjectID); err != nil {
			return fmt.Errorf("storing a hashtag: %w", err)
		}
	}
	return nil
}

// Tagged returns a page of the postings with a hashtag, newest first; they are ordered
// by their ids. What is gone since is among them with no activity, or no object.
func (c *conn) Tagged(ctx context.Context, tag string, p Page) ([]Item, error) {
	where, args := p.bounds("h.activity_id")
	var items []Item
	var activities, objects []int64
	err := c.each(ctx, "SELECT h.activity_id, h.object_id FROM hashtags h WHERE h.tag = ?"+where+p.cut("h.activity_id"), append([]any{tag}, args...), func(r *sql.Rows) error {
		var item Item
		var object int64
		err := r.Scan(&item.Position, &object)
		items, activities, objects = append(items, item), append(activities, item.Position), append(objects, object)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what has a hashtag: %w", err)
	}
	posted, err := c.Activities(ctx, activities...)
	if err != nil {
		return nil, err
	}
	things, err := c.Objects(ctx, objects...)
	for i := range items {
		items[i].Activity, items[i].Object = posted[activities[i]], things[objects[i]]
	}
	return newestFirst(p, items), err
}
