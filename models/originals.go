package models

import (
	"context"
	"fmt"
	"time"
)

// Original is a document as it came.
type Original struct {
	// RefID is the row that was made from it.
	RefID int64
	// Network is the name of the network that it came by.
	Network string
	// SenderID is the actor who sent it, Verified how that was checked ("oauth1",
	// "http-signature", "magic-envelope", "fetched").
	SenderID    int64
	Verified    string
	ContentType string
	Received    time.Time
	Bytes       []byte
}

// InsertOriginal keeps a document. Those kept earlier for the same thing from
// the same network are marked as superseded.
func (tx *Tx) InsertOriginal(ctx context.Context, o *Original, replaces bool) error {
	if replaces {
		if _, err := tx.exec(ctx, "UPDATE originals SET superseded = TRUE WHERE ref_id = ? AND network = ?", o.RefID, o.Network); err != nil {
			return fmt.Errorf("superseding an original: %w", err)
		}
	}
	_, err := tx.exec(ctx, "INSERT INTO originals (id, ref_id, network, sender_id, verified, content_type, received, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		tx.NewID(), o.RefID, o.Network, o.SenderID, o.Verified, o.ContentType, millis(o.Received), o.Bytes)
	if err != nil {
		return fmt.Errorf("keeping an original: %w", err)
	}
	return nil
}

// OriginalOf returns the newest document that a thing was made from, as one
// network has it, or [ErrNotFound].
func (c *conn) OriginalOf(ctx context.Context, ref int64, network string) (*Original, error) {
	o := &Original{RefID: ref, Network: network}
	var received int64
	found, err := c.get(ctx, "SELECT sender_id, verified, content_type, received, bytes FROM originals WHERE ref_id = ? AND network = ? ORDER BY id DESC LIMIT 1",
		[]any{ref, network}, &o.SenderID, &o.Verified, &o.ContentType, &received, &o.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading an original: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	o.Received = fromMillis(received)
	return o, nil
}

// LatestOriginal returns the newest document of whatever network that the first of
// these rows was made from of which there is one, or [ErrNotFound].
func (c *conn) LatestOriginal(ctx context.Context, refs ...int64) (*Original, error) {
	for _, ref := range refs {
		o := &Original{RefID: ref}
		var received int64
		found, err := c.get(ctx, "SELECT network, sender_id, verified, content_type, received, bytes FROM originals WHERE ref_id = ? ORDER BY id DESC LIMIT 1",
			[]any{ref}, &o.Network, &o.SenderID, &o.Verified, &o.ContentType, &received, &o.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the latest original: %w", err)
		}
		if found {
			o.Received = fromMillis(received)
			return o, nil
		}
	}
	return nil, ErrNotFound
}

// RemoveOriginals removes the documents of a thing that is gone.
func (tx *Tx) RemoveOriginals(ctx context.Context, refs ...int64) error {
	if len(refs) == 0 {
		return nil
	}
	if _, err := tx.exec(ctx, "DELETE FROM originals WHERE ref_id IN ?", refs); err != nil {
		return fmt.Errorf("removing originals: %w", err)
	}
	return nil
}
