package pumpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strings"

	"manifold/internal/media"
	"manifold/models"
	"manifold/models/vocab"
)

// stored is a file that an upload has become.
type stored struct {
	path   string
	upload models.Upload
	media  *vocab.Media
}

// postUploads keeps a picture and answers the object that it is, which the
// client posts afterwards.
func (a *API) postUploads(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.own(r, c)
	if err != nil {
		return err
	}
	if a.files == nil {
		return refuse(http.StatusNotFound, "This server takes no uploads.")
	}
	data, err := a.readUpload(w, r)
	if err != nil {
		return err
	}
	original, thumb, err := a.images.ProcessImage(r.Context(), data)
	if err != nil {
		return uploadRefusal(err, a.maxUpload)
	}
	files, err := a.storeImage(r, owner, original, thumb)
	if err != nil {
		return err
	}
	object, err := a.storeUpload(r, c, owner, files)
	if err != nil {
		for _, f := range files {
			err = errors.Join(err, a.files.Remove(r.Context(), f.path))
		}
		return err
	}
	return a.answerObject(w, r, c, object)
}

// readUpload reads the file: the body itself, or a document with the file in
// base64.
func (a *API) readUpload(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := a.maxUpload
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType == "application/json" {
		limit = limit/3*4 + 1024 // base64
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refuse(http.StatusRequestEntityTooLarge, "The file is too large: at most %d bytes are accepted.", a.maxUpload)
	}
	if err != nil {
		return nil, err
	}
	if mediaType == "application/json" {
		var in struct{ MimeType, Data string }
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, refuse(http.StatusBadRequest, "Bad document: mimeType and data must be strings")
		}
		if in.MimeType == "" {
			return nil, refuse(http.StatusBadRequest, "No mime type")
		}
		plain := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(in.Data)
		if data, err = base64.RawStdEncoding.DecodeString(plain); err != nil {
			return nil, refuse(http.StatusBadRequest, "Bad document: data must be base64")
		}
	}
	if len(data) == 0 {
		return nil, refuse(http.StatusBadRequest, "No data")
	}
	return data, nil
}

func uploadRefusal(err error, limit int64) error {
	switch {
	case errors.Is(err, media.ErrNotAnImage), errors.Is(err, media.ErrUnsupported):
		return refuse(http.StatusUnsupportedMediaType, "The file cannot be taken: %v. Pictures in JPEG, PNG, GIF and WebP are accepted.", err)
	case errors.Is(err, media.ErrDamaged), errors.Is(err, media.ErrTooManyPixels):
		return refuse(http.StatusBadRequest, "The picture cannot be taken: %v.", err)
	case errors.Is(err, media.ErrTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "The file is too large: at most %d bytes are accepted.", limit)
	}
	return err
}

func (a *API) storeImage(r *http.Request, owner *models.Actor, original, thumb *media.Rendition) ([]stored, error) {
	name, err := media.NewName(owner.Nickname, original.Type.Ext, a.now())
	if err != nil {
		return nil, err
	}
	var files []stored
	for _, f := range []struct {
		name string
		r    *media.Rendition
	}{{name, original}, {thumbName(name, thumb), thumb}} {
		if f.r == nil {
			continue
		}
		size, err := a.files.Create(r.Context(), f.name, bytes.NewReader(f.r.Bytes))
		if err != nil {
			return nil, fmt.Errorf("storing an upload: %w", err)
		}
		files = append(files, stored{
			path:   f.name,
			upload: models.Upload{Path: f.name, OwnerID: owner.ID, MediaType: f.r.Type.MIME, Size: size, Thumbnail: f.name != name},
			media:  &vocab.Media{URL: a.names.Upload(f.name), Width: f.r.Width, Height: f.r.Height},
		})
	}
	return files, nil
}

func thumbName(name string, thumb *media.Rendition) string {
	if thumb == nil {
		return ""
	}
	return media.ThumbName(name, thumb.Type.Ext)
}

// storeUpload makes the object of an upload, which nobody but its owner sees
// until it is posted.
func (a *API) storeUpload(r *http.Request, c *caller, owner *models.Actor, files []stored) (*models.Object, error) {
	ctx := r.Context()
	var object *models.Object
	err := a.db.Write(ctx, func(tx *models.Tx) error {
		if err := a.rememberWrite(c)(ctx, tx); err != nil {
			return err
		}
		now := a.now().UTC()
		doc, names := a.names.NewObject(owner.Nickname, vocab.TypeImage)
		doc.Author, doc.Published, doc.Updated = owner.Doc.Ref(), now, now
		// With a thumbnail, that is the picture to show and the original hangs behind.
		doc.Image = files[len(files)-1].media
		if len(files) > 1 {
			doc.FullImage = files[0].media
		}
		object = &models.Object{Type: vocab.TypeImage, AuthorID: owner.ID, Local: true, Doc: doc, Created: now, Updated: now}
		if err := tx.CreateObject(ctx, object, names...); err != nil {
			return err
		}
		for _, f := range files {
			u := f.upload
			u.ObjectID = object.ID
			if err := tx.InsertUpload(ctx, &u); err != nil {
				return err
			}
		}
		return nil
	})
	return object, err
}

func (a *API) getUploads(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.own(r, c)
	if err != nil {
		return err
	}
	total := 0
	return a.serveThings(w, r, c, things{
		title: "Uploads by " + nameOf(owner), owner: owner, write: whole, count: &total,
		find: func(ctx context.Context, id string) (int64, error) {
			object, err := a.db.LookupKind(ctx, models.KindObject, id)
			if err != nil {
				return 0, err
			}
			return a.db.UploadPosition(ctx, object)
		},
		list: func(p models.Page) (list []*models.Object, err error) {
			list, total, err = a.db.Uploads(r.Context(), owner.ID, p)
			return list, err
		},
	})
}

// getFile serves an uploaded file to those who may see the thing that it
// belongs to. Pumpa does not follow redirects here, and Dianara fetches avatars
// without credentials.
func (a *API) getFile(w http.ResponseWriter, r *http.Request, c *caller) error {
	ctx := r.Context()
	path := pathValue(r, "path")
	u, err := a.db.Upload(ctx, path)
	if errors.Is(err, models.ErrNotFound) || err == nil && a.files == nil {
		return refuse(http.StatusNotFound, "No such file.")
	}
	if err != nil {
		return err
	}
	if !u.Public && u.OwnerID != c.actorID {
		ok, err := a.db.MaySeeObject(ctx, c.viewer(), u.ObjectID)
		if err != nil {
			return err
		}
		if !ok {
			return refuse(http.StatusForbidden, "Not allowed")
		}
	}
	f, err := a.files.Open(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return refuse(http.StatusNotFound, "No such file.")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	contentType, inline := media.Serving(path[strings.LastIndexByte(path, '.')+1:])
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if !inline {
		h.Set("Content-Disposition", "attachment")
	}
	// A file never changes, but who may see it can.
	h.Set("Cache-Control", "private, no-cache")
	if u.Public {
		h.Set("Cache-Control", "public, max-age=86400")
	}
	h.Set("Etag", `"`+path[strings.LastIndexByte(path, '/')+1:]+`"`)
	http.ServeContent(w, r, "", f.ModTime, f)
	return nil
}
