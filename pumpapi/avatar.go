package pumpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"

	"manifold/bridge"
	"manifold/internal/media"
	"manifold/models"
	"manifold/models/vocab"
)

const (
	// formHeader carries what a form carries in its hidden field, where the body
	// is the file itself.
	formHeader = "X-Form"
	// maxParts and maxPart bound the parts of a form besides the file.
	maxParts = 16
	maxPart  = 64 << 10
)

// postPageUpload keeps a file that a page in a browser sends: as the part qqfile
// of a form, or as the body itself with its type in X-Mime-Type. The title and
// the description of the thing that it becomes are parameters.
//
// A browser proves by its form value that one of our own pages sends the file,
// see [pages.form]; it has to stand before the file, which is not kept waiting.
// The answer is JSON that says that it is text: browsers of old would offer JSON
// for download where it comes into a frame.
func (a *API) postPageUpload(small smaller) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		object, err := a.takePageUpload(w, r, c, small)
		out := &writer{}
		status := http.StatusOK
		if err == nil {
			v := a.newView(c.viewer())
			if err = v.load(r.Context(), nil, []*models.Object{object}, nil); err == nil {
				render(r.Context(), out, func(out *writer) {
					out.open('{')
					out.flag("success", true)
					out.key("obj")
					v.object(out, object, false)
					out.close('}')
				})
			}
		}
		if err != nil {
			refusal, ok := errors.AsType[*statusError](err)
			if !ok {
				refusal = a.refusalOf(r, err)
			}
			status = refusal.status
			out.open('{')
			out.flag("success", false)
			out.text("error", refusal.text)
			out.close('}')
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		w.Write(out.b)
		return nil
	}
}

func (a *API) takePageUpload(w http.ResponseWriter, r *http.Request, c *caller, small smaller) (*models.Object, error) {
	switch {
	case c.nick == "": // nor is somebody of another server, who may look around here
		return nil, refuse(http.StatusUnauthorized, "Not logged in.")
	case a.files == nil:
		return nil, noUploads()
	}
	in, err := a.readPageUpload(w, r, c)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	return a.takeUpload(r.Context(), c, in, small, func(doc *vocab.Object) {
		doc.DisplayName, doc.Content = query.Get("title"), bridge.Sanitize(query.Get("description"))
	})
}

// readPageUpload finds the file in a request, and makes sure that it is one of
// our pages that sends it.
func (a *API) readPageUpload(w http.ResponseWriter, r *http.Request, c *caller) (incoming, error) {
	in, err := a.readUpload(w, r)
	if err != nil {
		return in, err
	}
	mediaType, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "multipart/form-data" {
		if err := a.checkPage(r, c, r.Header.Get(formHeader)); err != nil {
			return in, err
		}
		if declared := r.Header.Get("X-Mime-Type"); declared != "" {
			in.declared = declared
		}
		return in, nil
	}
	parts := multipart.NewReader(in.content, params["boundary"])
	form := r.Header.Get(formHeader)
	for range maxParts {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return in, partRefusal(err, a.maxUpload)
		}
		switch part.FormName() {
		case "qqfile":
			return incoming{part.Header.Get("Content-Type"), part, -1}, a.checkPage(r, c, form)
		case "form":
			value, err := io.ReadAll(io.LimitReader(part, maxPart))
			if err != nil {
				return in, partRefusal(err, a.maxUpload)
			}
			form = string(value)
		}
	}
	return in, refuse(http.StatusBadRequest, "The form has no file: it has to be in the part qqfile.")
}

func partRefusal(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit)
	}
	return refuse(http.StatusBadRequest, "The form cannot be read: %v", err)
}

// checkPage refuses what another site has a browser send, and a program with a
// bearer token, which is good for reading only here. A signed request is proof by
// itself.
func (a *API) checkPage(r *http.Request, c *caller, form string) error {
	if c.message != nil || c.client == nil && a.pages.checkForm(r, form) {
		return nil
	}
	return refuse(http.StatusForbidden, foreignForm)
}

// useAvatar has an update of the caller's own profile that names an upload of
// theirs show a picture of a sensible size, and names the original with it. The
// clients of pump.io name the thumbnail, and look for just that address
// afterwards; in the place of a large original a square of the usual size is
// shown.
func (a *API) useAvatar(ctx context.Context, c *caller, activity *vocab.Activity) error {
	person := activity.Object
	if a.files == nil || vocab.Verb(activity.Verb) != vocab.VerbUpdate || person == nil || person.Image == nil ||
		models.Fold(a.names.Nickname(person.ID)) != models.Fold(c.nick) {
		return nil
	}
	named, err := a.db.Upload(ctx, a.names.UploadPath(person.Image.URL))
	if errors.Is(err, models.ErrNotFound) || err == nil && named.OwnerID != c.actorID {
		return nil // it lies elsewhere, or is not theirs to publish
	}
	if err != nil {
		return err
	}
	picture, err := a.db.Object(ctx, named.ObjectID)
	if err != nil {
		return err
	}
	full := picture.Doc.FullImage
	if full == nil {
		return nil // it is small
	}
	if person.FullImage == nil {
		person.FullImage = full
	}
	if named.Thumbnail {
		return nil
	}
	path, err := a.avatarOf(ctx, named.ObjectID)
	if err == nil && path != "" {
		person.Image = &vocab.Media{URL: a.names.Upload(path), Width: media.AvatarSide, Height: media.AvatarSide}
	}
	return err
}

// avatarOf returns the path of the avatar made of an uploaded picture, and makes
// one where there is none yet. It is "" for what none can be made of.
func (a *API) avatarOf(ctx context.Context, object int64) (string, error) {
	files, err := a.db.ObjectUploads(ctx, object)
	if err != nil {
		return "", err
	}
	var original, small *models.Upload
	for _, f := range files {
		switch {
		case media.IsAvatar(f.Path):
			return f.Path, nil
		case f.Thumbnail:
			small = f
		default:
			original = f
		}
	}
	if original == nil {
		return "", nil
	}
	for _, source := range []*models.Upload{original, small} {
		// Written anew, a picture may have become larger than what is taken in.
		if source == nil || source.Size > a.images.MaxBytes() {
			continue
		}
		drawn, err := a.drawAvatar(ctx, source.Path)
		if err != nil {
			return "", err
		}
		if drawn != nil {
			return a.keepAvatar(ctx, original, drawn)
		}
	}
	return "", nil
}

// drawAvatar returns nil for a file that is no picture, such as an SVG, or one
// that is gone.
func (a *API) drawAvatar(ctx context.Context, path string) (*media.Rendition, error) {
	f, err := a.files.Open(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, a.images.MaxBytes()+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	drawn, err := a.images.Avatar(ctx, data)
	for _, none := range []error{media.ErrNotAnImage, media.ErrDamaged, media.ErrUnsupported, media.ErrTooLarge, media.ErrTooManyPixels} {
		if errors.Is(err, none) {
			return nil, nil
		}
	}
	return drawn, err
}

// keepAvatar stores an avatar beside its original. The same name holds the same
// picture, so that it is no matter who of two stores it, or whether it was left
// behind by a process that ended before the row was written.
func (a *API) keepAvatar(ctx context.Context, original *models.Upload, drawn *media.Rendition) (string, error) {
	u := &models.Upload{Path: media.AvatarName(original.Path, drawn.Type.Ext), OwnerID: original.OwnerID, ObjectID: original.ObjectID,
		MediaType: drawn.Type.MIME, Size: int64(len(drawn.Bytes)), Thumbnail: true}
	if _, err := a.files.Create(ctx, u.Path, bytes.NewReader(drawn.Bytes)); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("storing an avatar: %w", err)
	}
	err := a.db.Write(ctx, func(tx *models.Tx) error { return tx.InsertUpload(ctx, u) })
	if err != nil && !models.IsUnique(err) {
		return "", err
	}
	return u.Path, nil
}
