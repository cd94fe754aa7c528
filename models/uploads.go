package models

import (
	"context"
	"database/sql"
	"fmt"
)

// Upload is a file that somebody uploaded, or a thumbnail made of it.
type Upload struct {
	// Path is relative to the folder of uploads and part of the URL.
	Path      string
	OwnerID   int64
	ObjectID  int64
	MediaType string
	Size      int64
	Thumbnail bool
	// Public files are fetched by anybody: the pictures of profiles.
	Public bool
}

// InsertUpload stores what is known about a file, and counts its size as room
// that its owner takes; see [Tx.UploadUsage]. It takes a position. For a path that
// is taken the error is one that [IsUnique] knows, and the transaction must end.
func (tx *Tx) InsertUpload(ctx context.Context, u *Upload) error {
	position, err := tx.Position(ctx)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "INSERT INTO uploads (path, owner_id, object_id, position, media_type, size, thumbnail, public) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		u.Path, u.OwnerID, u.ObjectID, position, u.MediaType, u.Size, u.Thumbnail, u.Public)
	if err == nil {
		_, err = tx.exec(ctx, `INSERT INTO upload_usage (owner_id, bytes) VALUES (?, ?)
			ON CONFLICT (owner_id) DO UPDATE SET bytes = upload_usage.bytes + excluded.bytes`, u.OwnerID, u.Size)
	}
	if err != nil {
		return fmt.Errorf("storing an upload: %w", err)
	}
	return nil
}

// UploadUsage returns how many bytes the files of somebody take, thumbnails
// included. In a transaction that has inserted one, nobody else adds to them
// until it ends.
func (c *conn) UploadUsage(ctx context.Context, owner int64) (int64, error) {
	var bytes int64
	if _, err := c.get(ctx, "SELECT bytes FROM upload_usage WHERE owner_id = ?", []any{owner}, &bytes); err != nil {
		return 0, fmt.Errorf("reading the room that uploads take: %w", err)
	}
	return bytes, nil
}

// Upload returns what is known about a file, or [ErrNotFound].
func (c *conn) Upload(ctx context.Context, path string) (*Upload, error) {
	u := &Upload{Path: path}
	found, err := c.get(ctx, "SELECT owner_id, object_id, media_type, size, thumbnail, public FROM uploads WHERE path = ?", []any{path},
		&u.OwnerID, &u.ObjectID, &u.MediaType, &u.Size, &u.Thumbnail, &u.Public)
	if err != nil {
		return nil, fmt.Errorf("reading an upload: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	return u, nil
}

// Uploads returns a page of the objects that somebody uploaded, and how many
// there are.
func (c *conn) Uploads(ctx context.Context, owner int64, p Page) ([]*Object, int, error) {
	where, args := p.bounds("u.position")
	list, err := c.objectPage(ctx, p, "SELECT "+objectColumns+` FROM uploads u JOIN objects o ON o.id = u.object_id
		WHERE u.owner_id = ? AND NOT u.thumbnail AND o.deleted = 0`+where+p.cut("u.position"),
		append([]any{owner}, args...)...)
	if err != nil {
		return nil, 0, fmt.Errorf("listing uploads: %w", err)
	}
	var total int
	if _, err := c.get(ctx, `SELECT COUNT(*) FROM uploads u JOIN objects o ON o.id = u.object_id
		WHERE u.owner_id = ? AND NOT u.thumbnail AND o.deleted = 0`, []any{owner}, &total); err != nil {
		return nil, 0, fmt.Errorf("counting uploads: %w", err)
	}
	return list, total, nil
}

// UploadPosition returns where the upload of an object stands among its owner's,
// or [ErrNotFound].
func (c *conn) UploadPosition(ctx context.Context, object int64) (int64, error) {
	var position int64
	found, err := c.get(ctx, "SELECT position FROM uploads WHERE object_id = ? AND NOT thumbnail", []any{object}, &position)
	if err != nil {
		return 0, fmt.Errorf("finding an upload: %w", err)
	}
	if !found {
		return 0, ErrNotFound
	}
	return position, nil
}

// ObjectUploads returns what is known about the files of an object.
func (c *conn) ObjectUploads(ctx context.Context, object int64) ([]*Upload, error) {
	var list []*Upload
	err := c.each(ctx, "SELECT path, owner_id, media_type, size, thumbnail, public FROM uploads WHERE object_id = ?", []any{object}, func(r *sql.Rows) error {
		u := &Upload{ObjectID: object}
		err := r.Scan(&u.Path, &u.OwnerID, &u.MediaType, &u.Size, &u.Thumbnail, &u.Public)
		list = append(list, u)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading uploads: %w", err)
	}
	return list, nil
}

// UploadsOf returns the paths of the files of an object.
func (c *conn) UploadsOf(ctx context.Context, object int64) ([]string, error) {
	var paths []string
	err := c.each(ctx, "SELECT path FROM uploads WHERE object_id = ?", []any{object}, func(r *sql.Rows) error {
		var p string
		err := r.Scan(&p)
		paths = append(paths, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading uploads: %w", err)
	}
	return paths, nil
}

// RemoveUploads forgets files that are gone, and frees the room that they took.
// It takes a position.
func (tx *Tx) RemoveUploads(ctx context.Context, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	// As where files are added, so that two transactions do not wait for each
	// other in a circle.
	if _, err := tx.Position(ctx); err != nil {
		return err
	}
	freed := map[int64]int64{}
	err := tx.each(ctx, "DELETE FROM uploads WHERE path IN ? RETURNING owner_id, size", []any{paths}, func(r *sql.Rows) error {
		var owner, size int64
		err := r.Scan(&owner, &size)
		freed[owner] += size
		return err
	})
	if err != nil {
		return fmt.Errorf("removing uploads: %w", err)
	}
	for owner, bytes := range freed {
		if _, err := tx.exec(ctx, "UPDATE upload_usage SET bytes = bytes - ? WHERE owner_id = ?", bytes, owner); err != nil {
			return fmt.Errorf("removing uploads: %w", err)
		}
	}
	return nil
}

// PublishUploads lets anybody fetch those of the files that belong to owner.
func (tx *Tx) PublishUploads(ctx context.Context, owner int64, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	if _, err := tx.exec(ctx, "UPDATE uploads SET public = TRUE WHERE path IN ? AND owner_id = ?", paths, owner); err != nil {
		return fmt.Errorf("publishing uploads: %w", err)
	}
	return nil
}
