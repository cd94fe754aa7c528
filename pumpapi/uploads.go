package pumpapi

import (
	"bufio"
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
	"time"

	"manifold/internal/media"
	"manifold/models"
	"manifold/models/vocab"
)

const (
	// maxEncoded bounds a file that comes in base64 in a document, which has to be
	// held in memory. Clients that send large files send them as they are.
	maxEncoded = 32 << 20
	// uploadTime is how long a file may take on its way here, whatever other
	// requests may.
	uploadTime = 30 * time.Minute
)

// incoming is a file on its way in.
type incoming struct {
	declared string    // the media type that it comes with
	content  io.Reader // gives *http.MaxBytesError past the limit
	size     int64     // in bytes, as announced; -1 where it is not
}

// stored is a file that an upload has become.
type stored struct {
	models.Upload
	width, height int // of a picture
}

// smaller is the small picture that is made of an uploaded image.
type smaller struct {
	process func(*media.Processor, context.Context, []byte) (original, small *media.Rendition, err error)
	name    func(name, ext string) string
	// needed refuses whatever it cannot be made of.
	needed bool
}

var (
	thumbnail = smaller{(*media.Processor).ProcessImage, media.ThumbName, false}
	avatar    = smaller{(*media.Processor).ProcessAvatar, media.AvatarName, true}
)

// postUploads keeps a file and answers the object that it is, which the client
// posts afterwards.
func (a *API) postUploads(w http.ResponseWriter, r *http.Request, c *caller) error {
	if err := a.isOwn(r, c); err != nil {
		return err
	}
	if a.files == nil {
		return noUploads()
	}
	in, err := a.readUpload(w, r)
	if err != nil {
		return err
	}
	object, err := a.takeUpload(r.Context(), c, in, thumbnail, nil)
	if err != nil {
		return err
	}
	return a.answerObject(w, r, c, object)
}

func noUploads() error { return refuse(http.StatusNotFound, "This server takes no uploads.") }

// readUpload begins to read a file: the body itself, or a document with the file
// in base64.
func (a *API) readUpload(w http.ResponseWriter, r *http.Request) (incoming, error) {
	// Where the connection has no deadline there is none to be moved.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
	contentType := r.Header.Get("Content-Type")
	if mediaType, _, _ := mime.ParseMediaType(contentType); mediaType == "application/json" {
		return a.readEncoded(w, r)
	}
	return incoming{contentType, http.MaxBytesReader(w, r.Body, a.maxUpload), r.ContentLength}, nil
}

// readEncoded reads a document {mimeType, data}, where data is base64 or
// base64url, with padding or without.
func (a *API) readEncoded(w http.ResponseWriter, r *http.Request) (incoming, error) {
	limit := min(a.maxUpload, maxEncoded)
	document, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit/3*4+1024))
	if err != nil {
		return incoming{}, uploadRefusal(err, limit)
	}
	declared, data, err := decodeUpload(document)
	if err != nil {
		return incoming{}, err
	}
	if int64(len(data)) > limit {
		return incoming{}, tooLarge(limit)
	}
	return incoming{declared, bytes.NewReader(data), int64(len(data))}, nil
}

func decodeUpload(document []byte) (mimeType string, data []byte, err error) {
	var in struct{ MimeType, Data string }
	if err := json.Unmarshal(document, &in); err != nil {
		return "", nil, refuse(http.StatusBadRequest, "Bad document: mimeType and data must be strings")
	}
	if in.MimeType == "" {
		return "", nil, refuse(http.StatusBadRequest, "No mime type")
	}
	plain := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(in.Data)
	if data, err = base64.RawStdEncoding.DecodeString(plain); err != nil {
		return "", nil, refuse(http.StatusBadRequest, "Bad document: data must be base64")
	}
	return in.MimeType, data, nil
}

func tooLarge(limit int64) error {
	return refuse(http.StatusRequestEntityTooLarge, "The file is too large: at most %d bytes are accepted.", limit)
}

// uploadRefusal words what is wrong with a file.
func uploadRefusal(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit)
	}
	switch {
	case errors.Is(err, media.ErrNotAnImage):
		return refuse(http.StatusUnsupportedMediaType, "The file was sent as an image, but is none in JPEG, PNG, GIF or WebP.")
	case errors.Is(err, media.ErrUnsupported):
		return refuse(http.StatusUnsupportedMediaType, "The picture cannot be taken: %v. Pictures in JPEG, PNG, GIF and WebP are accepted.", err)
	case errors.Is(err, media.ErrDamaged), errors.Is(err, media.ErrTooManyPixels):
		return refuse(http.StatusBadRequest, "The picture cannot be taken: %v.", err)
	case errors.Is(err, media.ErrTooLarge):
		return tooLarge(limit)
	}
	return err
}

// takeUpload keeps a file and makes the object that it is. describe, if set,
// adds to the object. An image comes with a small one; all else is written to
// its place while it arrives, and kept as it is.
func (a *API) takeUpload(ctx context.Context, c *caller, in incoming, small smaller, describe func(*vocab.Object)) (*models.Object, error) {
	if err := a.checkRoom(ctx, c, in.size); err != nil {
		return nil, err
	}
	content := bufio.NewReaderSize(in.content, media.SniffLen)
	head, err := content.Peek(media.SniffLen)
	if err != nil && err != io.EOF {
		return nil, uploadRefusal(err, a.maxUpload)
	}
	if len(head) == 0 {
		return nil, refuse(http.StatusBadRequest, "No data")
	}
	t, err := media.Decide(in.declared, head)
	if err != nil {
		return nil, uploadRefusal(err, a.maxUpload)
	}
	owner, err := a.db.Actor(ctx, c.actorID)
	if err != nil {
		return nil, err
	}
	var files []stored
	limit := a.maxUpload
	switch {
	case t.Kind == media.KindImage && t.Ext != "svg":
		limit = min(limit, a.images.MaxBytes())
		files, err = a.storePicture(ctx, owner, content, small)
	case small.needed:
		err = media.ErrNotAnImage
	default:
		files, err = a.storeFile(ctx, owner, t, content)
	}
	var object *models.Object
	if err == nil {
		doc, names := a.names.NewObject(owner.Nickname, string(t.Kind))
		a.show(doc, t, in.declared, files)
		if describe != nil {
			describe(doc)
		}
		object, err = a.storeUpload(ctx, c, owner, files, doc, names)
	}
	if err != nil {
		return nil, errors.Join(uploadRefusal(err, limit), a.removeFiles(ctx, files))
	}
	return object, nil
}

// storePicture writes a picture anew, with a small one. On an error it returns
// the files that there are.
func (a *API) storePicture(ctx context.Context, owner *models.Actor, content io.Reader, small smaller) ([]stored, error) {
	data, err := io.ReadAll(io.LimitReader(content, a.images.MaxBytes()+1))
	if err != nil {
		return nil, err
	}
	original, tiny, err := small.process(a.images, ctx, data)
	if err != nil {
		return nil, err
	}
	name, err := media.NewName(owner.Nickname, original.Type.Ext, a.now())
	if err != nil {
		return nil, err
	}
	first, err := a.storeRendition(ctx, owner, name, original)
	if err != nil || tiny == nil {
		return first, err
	}
	second, err := a.storeRendition(ctx, owner, small.name(name, tiny.Type.Ext), tiny)
	for i := range second {
		second[i].Thumbnail = true
	}
	return append(first, second...), err
}

func (a *API) storeRendition(ctx context.Context, owner *models.Actor, name string, r *media.Rendition) ([]stored, error) {
	size, err := a.files.Create(ctx, name, bytes.NewReader(r.Bytes))
	if err != nil {
		return nil, fmt.Errorf("storing an upload: %w", err)
	}
	return []stored{{models.Upload{Path: name, OwnerID: owner.ID, MediaType: r.Type.MIME, Size: size}, r.Width, r.Height}}, nil
}

// storeFile writes a file to its place as it arrives.
func (a *API) storeFile(ctx context.Context, owner *models.Actor, t media.Type, content io.Reader) ([]stored, error) {
	name, err := media.NewName(owner.Nickname, t.Ext, a.now())
	if err != nil {
		return nil, err
	}
	size, err := a.files.Create(ctx, name, content)
	if err != nil {
		return nil, fmt.Errorf("storing an upload: %w", err)
	}
	return []stored{{Upload: models.Upload{Path: name, OwnerID: owner.ID, MediaType: t.MIME, Size: size}}}, nil
}

// removeFiles takes back files whose upload came to nothing.
func (a *API) removeFiles(ctx context.Context, files []stored) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, a.files.Remove(context.WithoutCancel(ctx), f.Path))
	}
	return errors.Join(errs...)
}

// show has an object tell where its files are.
func (a *API) show(doc *vocab.Object, t media.Type, declared string, files []stored) {
	switch t.Kind {
	case media.KindImage:
		// With a small picture, that is the one to show and the original hangs behind.
		doc.Image = a.mediaOf(files[len(files)-1])
		if len(files) > 1 {
			doc.FullImage = a.mediaOf(files[0])
		}
	case media.KindAudio, media.KindVideo:
		doc.Stream = a.mediaOf(files[0])
	default:
		doc.FileURL, doc.MimeType = a.names.Upload(files[0].Path), media.Label(t, declared)
	}
}

func (a *API) mediaOf(f stored) *vocab.Media {
	return &vocab.Media{URL: a.names.Upload(f.Path), Width: f.width, Height: f.height}
}

// storeUpload makes the object of an upload, which nobody but its owner sees
// until it is posted.
func (a *API) storeUpload(ctx context.Context, c *caller, owner *models.Actor, files []stored, doc *vocab.Object, names []string) (*models.Object, error) {
	now := a.now().UTC()
	doc.Author, doc.Published, doc.Updated = owner.Doc.Ref(), now, now
	var object *models.Object
	err := a.db.Write(ctx, func(tx *models.Tx) error {
		if err := a.rememberWrite(c)(ctx, tx); err != nil {
			return err
		}
		object = &models.Object{Type: doc.Type, AuthorID: owner.ID, Local: true, Doc: doc, Created: now, Updated: now}
		if err := tx.CreateObject(ctx, object, names...); err != nil {
			return err
		}
		var size int64
		for _, f := range files {
			f.ObjectID = object.ID
			if err := tx.InsertUpload(ctx, &f.Upload); err != nil {
				return err
			}
			size += f.Size
		}
		if a.quota <= 0 {
			return nil
		}
		used, err := tx.UploadUsage(ctx, owner.ID)
		if err == nil && used > a.quota {
			err = a.noRoom(used - size)
		}
		return err
	})
	return object, err
}

// checkRoom refuses a file before it has come, where it is clear already that it
// will not fit. The transaction that stores it looks again.
func (a *API) checkRoom(ctx context.Context, c *caller, size int64) error {
	if a.quota <= 0 {
		return nil
	}
	used, err := a.db.UploadUsage(ctx, c.actorID)
	if err == nil && used+max(size, 1) > a.quota {
		err = a.noRoom(used)
	}
	return err
}

func (a *API) noRoom(used int64) error {
	return refuse(http.StatusRequestEntityTooLarge, "There is no room for this file: your uploads take %d of the %d bytes that are allowed. Delete some of them first.",
		used, a.quota)
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
			if ok, err = a.opens(r, path); err != nil {
				return err
			}
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

// opens reports whether a request has the key of a file, which the servers have that
// were told of the thing that it belongs to.
func (a *API) opens(r *http.Request, path string) (bool, error) {
	keys, err := a.bridge.FileKeys(r.Context())
	return err == nil && keys.Open(path, r.URL.Query()), err
}
