package media

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// CacheOptions configures a Cache.
type CacheOptions struct {
	// MaxBytes bounds all files together. Default 256 MiB.
	MaxBytes int64
	// MaxFile bounds a file. Default 16 MiB.
	MaxFile int64
}

// Cache keeps copies of files in a folder. When they grow beyond a bound, those
// that were used the longest ago make room. It is safe for concurrent use.
//
// Several processes may use the same folder; each counts the files that it made,
// found at its start or has come across, and keeps those within the bound.
type Cache struct {
	root    *os.Root
	maxAll  int64
	maxFile int64

	mu    sync.Mutex
	kept  map[string]*list.Element // of keptFile, by name
	order *list.List               // the most recently used first
	size  int64
}

type keptFile struct {
	name string
	size int64
}

const (
	// A file that is being written is named by this and random letters.
	unfinished = "~"
	// noteLimit bounds what a file is kept with.
	noteLimit = 64 << 10
)

// OpenCache returns the cache in a folder, which is made if it is missing.
func OpenCache(dir string, o CacheOptions) (*Cache, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	if o.MaxFile <= 0 {
		o.MaxFile = 16 << 20
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the cache folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the cache folder: %w", err)
	}
	c := &Cache{root: root, maxAll: o.MaxBytes, maxFile: min(o.MaxFile, o.MaxBytes), kept: map[string]*list.Element{}, order: list.New()}
	if err := c.find(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the cache folder: %w", err), root.Close())
	}
	return c, nil
}

// Close releases the folder. Files that are open stay so.
func (c *Cache) Close() error { return c.root.Close() }

// MaxFile is the size of the largest file that is kept, in bytes.
func (c *Cache) MaxFile() int64 { return c.maxFile }

// find counts what is in the folder already. When a file was kept stands for
// when it was used, which nobody wrote down.
func (c *Cache) find() error {
	entries, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return err
	}
	var found []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil: // gone since
		case strings.HasPrefix(e.Name(), unfinished) && time.Since(info.ModTime()) > abandonedAfter:
			_ = c.root.Remove(e.Name())
		case info.Mode().IsRegular() && len(e.Name()) == hex.EncodedLen(sha256.Size):
			found = append(found, info)
		}
	}
	slices.SortFunc(found, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range found {
		c.use(info.Name(), info.Size())
	}
	return nil
}

// use notes that a file is there and in use, and makes room for it.
func (c *Cache) use(name string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.kept[name]; ok {
		c.size -= e.Value.(keptFile).size
		c.order.Remove(e)
	}
	c.kept[name] = c.order.PushFront(keptFile{name, size})
	c.size += size
	for c.size > c.maxAll && c.order.Len() > 1 {
		oldest := c.order.Back().Value.(keptFile)
		c.drop(oldest.name)
		_ = c.root.Remove(oldest.name) // where it is gone already, so much the better
	}
}

// drop forgets a file. The caller holds the lock.
func (c *Cache) drop(name string) {
	if e, ok := c.kept[name]; ok {
		c.size -= e.Value.(keptFile).size
		c.order.Remove(e)
		delete(c.kept, name)
	}
}

// Cached is a copy of a file. It must be closed.
type Cached struct {
	io.ReadSeeker
	// Note is what the file was kept with.
	Note []byte
	Size int64 // in bytes
	// At is when it was kept or renewed.
	At   time.Time
	file *os.File
}

// Close closes the file.
func (c *Cached) Close() error { return c.file.Close() }

// Open returns the copy that is kept under a key. The error wraps
// fs.ErrNotExist if there is none.
func (c *Cache) Open(key string) (*Cached, error) {
	name := cacheName(key)
	file, err := c.root.Open(name)
	if err != nil {
		c.mu.Lock()
		c.drop(name) // another process may have made room
		c.mu.Unlock()
		return nil, fmt.Errorf("opening a copy: %w", err)
	}
	cached, size, err := readCached(file)
	if err != nil {
		// It was being written when the power failed.
		return nil, errors.Join(fmt.Errorf("opening a copy: %w: %w", fs.ErrNotExist, err), file.Close(), c.root.Remove(name))
	}
	c.use(name, size)
	return cached, nil
}

// A kept file begins with the length of its note and the length of its content,
// 4 and 8 bytes, big endian; then come the note and the content.
const cacheHeader = 12

var errCutOff = errors.New("the copy is not whole")

func readCached(file *os.File) (*Cached, int64, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	note, size, err := readNote(file, info.Size())
	if err != nil {
		return nil, 0, err
	}
	content := io.NewSectionReader(file, info.Size()-size, size)
	return &Cached{ReadSeeker: content, Note: note, Size: size, At: info.ModTime(), file: file}, info.Size(), nil
}

// readNote reads what stands before the content of a kept file of the given
// size, and how long the content is.
func readNote(file io.Reader, whole int64) (note []byte, size int64, err error) {
	var header [cacheHeader]byte
	if _, err := io.ReadFull(file, header[:]); err != nil {
		return nil, 0, errCutOff
	}
	length, size := int64(binary.BigEndian.Uint32(header[:])), int64(binary.BigEndian.Uint64(header[4:]))
	if length > noteLimit || size < 0 || size != whole-cacheHeader-length {
		return nil, 0, errCutOff
	}
	note = make([]byte, length)
	if _, err := io.ReadFull(file, note); err != nil {
		return nil, 0, errCutOff
	}
	return note, size, nil
}

// Keep stores a copy with a note under a key, in place of one that is there. The
// error wraps ErrTooLarge for content of more than CacheOptions.MaxFile; that of
// the reader is returned, wrapped. With an error there is no new copy.
func (c *Cache) Keep(key string, note []byte, content io.Reader) error {
	if len(note) > noteLimit {
		return fmt.Errorf("keeping a copy: %w: a note of %d bytes", ErrTooLarge, len(note))
	}
	temp := unfinished + rand.Text()
	file, err := c.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("keeping a copy: %w", err)
	}
	size, err := writeCached(file, note, content, c.maxFile)
	name := cacheName(key)
	if err = errors.Join(err, file.Close()); err == nil {
		err = c.root.Rename(temp, name)
	}
	if err != nil {
		_ = c.root.Remove(temp)
		return fmt.Errorf("keeping a copy: %w", err)
	}
	c.use(name, size)
	return nil
}

// writeCached writes a file and returns its size. Nothing waits for the disk: a
// copy that a crash has cut off is found out by its length.
func writeCached(file *os.File, note []byte, content io.Reader, limit int64) (int64, error) {
	header := make([]byte, cacheHeader, cacheHeader+len(note))
	if _, err := file.Write(append(header, note...)); err != nil {
		return 0, err
	}
	size, err := io.Copy(file, io.LimitReader(content, limit+1))
	if err != nil {
		return 0, err
	}
	if size > limit {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	binary.BigEndian.PutUint32(header, uint32(len(note)))
	binary.BigEndian.PutUint64(header[4:], uint64(size))
	_, err = file.WriteAt(header, 0)
	return size + cacheHeader + int64(len(note)), err
}

// Renew notes that the copy under a key was found to be as good as new.
func (c *Cache) Renew(key string, at time.Time) error {
	if err := c.root.Chtimes(cacheName(key), at, at); err != nil {
		return fmt.Errorf("renewing a copy: %w", err)
	}
	return nil
}

// cacheName makes a file name of a key, which may be anything.
func cacheName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
