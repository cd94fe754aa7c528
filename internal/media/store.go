package media

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// Store keeps files by name. A name is a path of at least two elements
// separated by slashes, each of ASCII letters, digits, dots, hyphens and
// underscores; any other is refused with ErrName. A file does not change once
// it is there.
type Store interface {
	// Create stores content under a name and returns its size in bytes. When
	// it returns without an error the file survives a loss of power; when it
	// returns an error there is no file. The error wraps fs.ErrExist if the
	// name is taken.
	Create(ctx context.Context, name string, content io.Reader) (size int64, err error)
	// Open returns a file, to be closed by the caller. The error wraps
	// fs.ErrNotExist if there is none.
	Open(ctx context.Context, name string) (*Opened, error)
	// Remove removes a file. The error wraps fs.ErrNotExist if there is none.
	Remove(ctx context.Context, name string) error
}

// Opened is a stored file.
type Opened struct {
	io.ReadSeekCloser
	Size    int64 // in bytes
	ModTime time.Time
}

// NewName makes a name for a new file of a user, as pump.io forms it:
// nick/year/month/day/random.ext, month and day without zeros in front. The
// random part has 64 bits, so that knowing one name helps nobody to another.
func NewName(nick, ext string, at time.Time) (string, error) {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails, says its documentation
	at = at.UTC()
	name := fmt.Sprintf("%s/%d/%d/%d/%s.%s", nick, at.Year(), at.Month(), at.Day(), base64.RawURLEncoding.EncodeToString(random), ext)
	return name, checkName(name)
}

// ThumbName returns the name for the thumbnail of a file: the same, with _thumb
// after its random part, and the thumbnail's extension.
func ThumbName(name, ext string) string {
	return strings.TrimSuffix(name, path.Ext(name)) + "_thumb." + ext
}

// avatarMark stands behind the random part in the name of an avatar.
const avatarMark = "_avatar"

// AvatarName returns the name for the avatar made of a file, as ThumbName does
// for its thumbnail.
func AvatarName(name, ext string) string {
	return strings.TrimSuffix(name, path.Ext(name)) + avatarMark + "." + ext
}

// IsAvatar reports whether a name is one that AvatarName makes.
func IsAvatar(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), avatarMark)
}

// checkName returns an error that wraps ErrName unless name is one that a
// stored file can have.
func checkName(name string) error {
	const (
		maxLength = 240 // the temporary file has all of it in one element
		allowed   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
	)
	switch {
	case len(name) > maxLength:
		return fmt.Errorf("%w: it has %d bytes, at most %d are possible", ErrName, len(name), maxLength)
	case strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(allowed, r) }):
		return fmt.Errorf("%w: %q has characters other than letters, digits, dot, hyphen and underscore", ErrName, name)
	case !fs.ValidPath(name), !strings.Contains(name, "/"):
		return fmt.Errorf("%w: %q is not a path below a folder", ErrName, name)
	}
	return nil
}

// Folder is a Store in a folder of this machine. Several processes may use the
// same folder.
type Folder struct {
	root *os.Root // refuses, in the kernel where it can, any path that leads out
}

var _ Store = (*Folder)(nil)

const (
	// incoming holds files that are being written. No stored file can be in
	// it, since a name has no tilde.
	incoming = "~incoming"

	// What is older than this in incoming was left by a crash.
	abandonedAfter = 24 * time.Hour
)

// OpenFolder returns the store in a folder, which is made if it is missing.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the upload folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the upload folder: %w", err)
	}
	f := &Folder{root: root}
	if err := f.sweep(time.Now().Add(-abandonedAfter)); err != nil {
		return nil, errors.Join(fmt.Errorf("sweeping the upload folder: %w", err), root.Close())
	}
	return f, nil
}

// Close releases the folder. Files that are open stay so.
func (f *Folder) Close() error { return f.root.Close() }

// sweep removes temporary files last written before a time.
func (f *Folder) sweep(before time.Time) error {
	if err := f.root.MkdirAll(incoming, 0o750); err != nil {
		return err
	}
	entries, err := fs.ReadDir(f.root.FS(), incoming)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.ModTime().After(before) {
			continue // still in use, or gone since
		}
		if err := f.root.Remove(path.Join(incoming, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Create implements Store. The file gets its name only once it is complete, so
// that no reader sees a part of it.
func (f *Folder) Create(ctx context.Context, name string, content io.Reader) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	// The temporary name follows from the name, and exists until the rename.
	// So of two that create the same name one fails here, or finds the name
	// taken below: the rename itself would replace the file.
	temp := path.Join(incoming, strings.ReplaceAll(name, "/", ","))
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return 0, fmt.Errorf("storing %s: %w", name, err)
	}
	size, err := fill(ctx, file, content)
	if err == nil {
		err = f.publish(temp, name)
	}
	if err != nil {
		_ = f.root.Remove(temp)
		return 0, fmt.Errorf("storing %s: %w", name, err)
	}
	return size, nil
}

// fill writes a file, waits until it is on disk, and closes it.
func fill(ctx context.Context, file *os.File, content io.Reader) (int64, error) {
	size, err := io.Copy(file, &contextReader{ctx, content})
	if err == nil {
		err = file.Sync()
	}
	return size, errors.Join(err, file.Close())
}

// publish moves a complete file to its name.
func (f *Folder) publish(temp, name string) error {
	folder := path.Dir(name)
	if err := f.root.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	if _, err := f.root.Lstat(name); err == nil {
		return fs.ErrExist
	}
	if err := f.root.Rename(temp, name); err != nil {
		return err
	}
	// A file is only as durable as each entry on the way to it. Which of the
	// folders are new cannot be known: another upload may have made them a
	// moment ago, and not be here yet.
	for ; ; folder = path.Dir(folder) {
		if err := f.syncFolder(folder); err != nil {
			return errors.Join(err, f.root.Remove(name))
		}
		if folder == "." {
			return nil
		}
	}
}

func (f *Folder) syncFolder(name string) error {
	d, err := f.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open implements Store.
func (f *Folder) Open(_ context.Context, name string) (*Opened, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	// Looked at before it is opened: opening a pipe would wait for a writer.
	info, err := f.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	return &Opened{ReadSeekCloser: file, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// Remove implements Store. Folders stay, even empty ones: somebody may be about
// to store a file in them.
func (f *Folder) Remove(_ context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	info, err := f.root.Lstat(name)
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = f.root.Remove(name)
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", name, err)
	}
	return nil
}

// contextReader ends with the context's error when the context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
