package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

func openCache(t testing.TB, dir string, o CacheOptions) *Cache {
	t.Helper()
	c, err := OpenCache(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// kept returns what is kept under a key, "" for nothing.
func kept(t testing.TB, c *Cache, key string) (note, content string) {
	t.Helper()
	f, err := c.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || int64(len(b)) != f.Size {
		t.Errorf("%q: %d bytes, announced %d, error %v", key, len(b), f.Size, err)
	}
	return string(f.Note), string(b)
}

func TestCache(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, filepath.Join(dir, "new", "folder"), CacheOptions{})
	for _, key := range []string{"https://x.example/a.png", "", "../../etc/passwd", strings.Repeat("é/", 2000)} {
		if note, content := kept(t, c, key); note != "" || content != "" {
			t.Errorf("%.20q is there: %q", key, content)
		}
		if err := c.Keep(key, []byte("note of "+key), strings.NewReader("content of "+key)); err != nil {
			t.Fatal(err)
		}
		if note, content := kept(t, c, key); note != "note of "+key || content != "content of "+key {
			t.Errorf("%.20q is kept as %.40q with %.40q", key, content, note)
		}
	}
	if err := c.Keep("", nil, strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	if note, content := kept(t, c, ""); note != "" || content != "" {
		t.Errorf("the new copy is %q with %q, want nothing with nothing", content, note)
	}
	f, err := c.Open("https://x.example/a.png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A reader keeps what it has opened, and can go about in it as in a file.
	if err := c.Keep("https://x.example/a.png", nil, strings.NewReader("other")); err != nil {
		t.Fatal(err)
	}
	if at, err := f.Seek(-5, io.SeekEnd); err != nil || at != f.Size-5 {
		t.Errorf("at %d of %d, error %v", at, f.Size, err)
	}
	if b, err := io.ReadAll(f); string(b) != "a.png" || err != nil {
		t.Errorf("the end is %q, error %v", b, err)
	}
	if got := filesBelow(t, dir); len(got) != 4 {
		t.Errorf("files %v, want 4", got)
	}
}

func TestCacheMakesRoom(t *testing.T) {
	dir := t.TempDir()
	size := int64(100 - cacheHeader)
	c := openCache(t, dir, CacheOptions{MaxBytes: 350})
	has := func() (found string) {
		for _, key := range []string{"a", "b", "c", "d", "e"} {
			if _, err := os.Stat(filepath.Join(dir, cacheName(key))); err == nil {
				found += key
			}
		}
		return found
	}
	keep := func(c *Cache, key string) {
		t.Helper()
		if err := c.Keep(key, nil, bytes.NewReader(make([]byte, size))); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range []string{"a", "b", "c"} {
		keep(c, key)
		if err := c.Renew(key, time.Now().Add(time.Duration(i-9)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	kept(t, c, "a")
	keep(c, "a") // the same again takes no more room
	if got := has(); got != "abc" {
		t.Errorf("there are %s, want abc", got)
	}
	keep(c, "d")
	if got := has(); got != "acd" {
		t.Errorf("there are %s, want acd: b was used the longest ago", got)
	}
	// After a start it is the oldest.
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	later := openCache(t, dir, CacheOptions{MaxBytes: 350})
	keep(later, "e")
	if got := has(); got != "ade" {
		t.Errorf("there are %s, want ade: c was the oldest", got)
	}
	smaller := openCache(t, dir, CacheOptions{MaxBytes: 250})
	if got := filesBelow(t, dir); len(got) != 2 {
		t.Errorf("in a smaller cache there are %v", got)
	}
	// What another process has made room for is not there, and what it has kept is.
	if err := os.Remove(filepath.Join(dir, cacheName("e"))); err != nil {
		t.Fatal(err)
	}
	if _, content := kept(t, smaller, "e"); content != "" {
		t.Error("what is gone is there")
	}
	keep(later, "b")
	if _, content := kept(t, smaller, "b"); int64(len(content)) != size {
		t.Errorf("what another has kept has %d bytes", len(content))
	}
}

func TestCacheRefuses(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, dir, CacheOptions{MaxBytes: 1000, MaxFile: 100})
	if c.MaxFile() != 100 {
		t.Errorf("the largest file has %d bytes", c.MaxFile())
	}
	if err := c.Keep("a", nil, strings.NewReader("before")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken off")
	for name, tt := range map[string]struct {
		note    []byte
		content io.Reader
		want    error
	}{
		"too large":       {nil, strings.NewReader(strings.Repeat("x", 101)), ErrTooLarge},
		"endless":         {nil, io.MultiReader(strings.NewReader("x"), endless{}), ErrTooLarge},
		"too long a note": {make([]byte, noteLimit+1), strings.NewReader("x"), ErrTooLarge},
		"broken off":      {nil, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), broken},
	} {
		if err := c.Keep("a", tt.note, tt.content); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
		if _, content := kept(t, c, "a"); content != "before" {
			t.Errorf("%s: it is now %q", name, content)
		}
	}
	if err := c.Keep("just", nil, strings.NewReader(strings.Repeat("x", 100))); err != nil {
		t.Errorf("as large as can be: %v", err)
	}
	if got := filesBelow(t, dir); len(got) != 2 {
		t.Errorf("files %v, want 2", got)
	}
	if err := c.Renew("none", time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("renewing what is not there: error %v", err)
	}
	if _, err := OpenCache(filepath.Join(dir, cacheName("a")), CacheOptions{}); err == nil {
		t.Error("a file was taken for a folder")
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestCacheAfterACrash: what was cut off is not there, and makes room.
func TestCacheAfterACrash(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, dir, CacheOptions{})
	if err := c.Keep("a", []byte("note"), strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, cacheName("a"))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if note, content := kept(t, c, "a"); note != "" || content != "" {
			t.Errorf("of %d bytes: %q with %q", n, content, note)
		}
		if got := filesBelow(t, dir); len(got) != 0 {
			t.Errorf("of %d bytes %v is left", n, got)
		}
	}
	old, fresh := filepath.Join(dir, unfinished+"OLD"), filepath.Join(dir, unfinished+"FRESH")
	past := time.Now().Add(-25 * time.Hour)
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(fresh, nil, 0o600), os.Chtimes(old, past, past)); err != nil {
		t.Fatal(err)
	}
	openCache(t, dir, CacheOptions{})
	if got := strings.Join(filesBelow(t, dir), " "); got != unfinished+"FRESH" {
		t.Errorf("after a start there are %s", got)
	}
}

func TestCacheAtOnce(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, dir, CacheOptions{MaxBytes: 2000})
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			for j := range 20 {
				key := fmt.Sprint((i + j) % 10)
				if err := c.Keep(key, []byte(key), strings.NewReader(strings.Repeat(key, 300))); err != nil {
					t.Error(err)
				}
				if note, content := kept(t, c, key); note != "" && (note != key || content != strings.Repeat(key, 300)) {
					t.Errorf("%s is kept as %.10q with %q", key, content, note)
				}
			}
		})
	}
	done.Wait()
	var size int64
	for _, name := range filesBelow(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size == 0 || size > 2000 || size != c.size {
		t.Errorf("%d bytes are kept, %d counted, at most 2000 may be", size, c.size)
	}
}

func FuzzReadNote(f *testing.F) {
	header := func(note uint32, size uint64) []byte {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, note), size)
	}
	f.Add(append(header(4, 7), "notecontent"...))
	f.Add(header(0, 0))
	f.Add(header(1<<32-1, 1<<63))
	f.Add(header(0, 1<<64-12))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		note, size, err := readNote(bytes.NewReader(b), int64(len(b)))
		if err == nil && int64(cacheHeader+len(note))+size != int64(len(b)) {
			t.Errorf("%d bytes are a note of %d and content of %d", len(b), len(note), size)
		}
	})
}
