package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

func openFolder(t *testing.T) (store *Folder, dir string) {
	dir = filepath.Join(t.TempDir(), "data", "uploads")
	store, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store, dir
}

// filesBelow lists the regular files below a folder.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestNewName(t *testing.T) {
	at := time.Date(2026, 3, 7, 23, 30, 0, 0, time.FixedZone("", -3*3600))
	form := regexp.MustCompile(`^Ann_1\.x-y/2026/3/8/[A-Za-z0-9_-]{11}\.jpg$`)
	seen := make(map[string]bool)
	for range 100 {
		name, err := NewName("Ann_1.x-y", "jpg", at)
		if err != nil || !form.MatchString(name) {
			t.Fatalf("name %q, error %v; want the form %v", name, err, form)
		}
		seen[name] = true
	}
	if len(seen) != 100 {
		t.Errorf("only %d of 100 names differ", len(seen))
	}
	for _, nick := range []string{"", ".", "..", "../bob", "a/../b", "a b", "ä", "~incoming", strings.Repeat("a", 300)} {
		if name, err := NewName(nick, "jpg", at); !errors.Is(err, ErrName) {
			t.Errorf("nick %q: name %q, error %v; want ErrName", nick, name, err)
		}
	}
	if got, want := ThumbName("ann/2026/3/8/abc.gif", "png"), "ann/2026/3/8/abc_thumb.png"; got != want {
		t.Errorf("thumbnail's name %q, want %q", got, want)
	}
}

func TestFolderKeepsFiles(t *testing.T) {
	store, dir := openFolder(t)
	ctx := t.Context()
	const name = "ann/2026/3/8/abc.txt"
	if size, err := store.Create(ctx, name, strings.NewReader("content")); size != 7 || err != nil {
		t.Fatalf("Create: %d, %v", size, err)
	}
	if got := filesBelow(t, dir); len(got) != 1 || got[0] != name {
		t.Errorf("files on disk: %v, want %s", got, name)
	}
	for range 2 { // the second time by another process
		f, err := store.Open(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if string(content) != "content" || err != nil || f.Size != 7 || time.Since(f.ModTime) > time.Minute {
			t.Errorf("read %q, %v, size %d, time %v", content, err, f.Size, f.ModTime)
		}
		if _, err := f.Seek(3, io.SeekStart); err != nil {
			t.Error(err)
		}
		f.Close()
		if store, err = OpenFolder(dir); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
	}
	if err := store.Remove(ctx, name); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening a removed file: %v, want fs.ErrNotExist", err)
	}
	if err := store.Remove(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing a removed file: %v, want fs.ErrNotExist", err)
	}
}

func TestFoldersAreNotFiles(t *testing.T) {
	store, _ := openFolder(t)
	if _, err := store.Create(t.Context(), "ann/2026/a.txt", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := store.Remove(t.Context(), "ann/2026/a.txt"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), "ann/2026"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening a folder: %v, want fs.ErrNotExist", err)
	}
	if err := store.Remove(t.Context(), "ann/2026"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing a folder: %v, want fs.ErrNotExist", err)
	}
}

func TestNamesThatLeadOutAreRefused(t *testing.T) {
	store, dir := openFolder(t)
	secret := filepath.Join(filepath.Dir(dir), "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"", ".", "..", "/", "a", "../secret.txt", "ann/../../secret.txt", "ann/..", "./a/b", "a//b", "a/", "/etc/passwd", "a/./b",
		`..\secret.txt`, `a\b/c`, "a/b\x00.txt", "a/b\n", "a/%2e%2e/b", "a/é", "a/b c", "~incoming/x", "a/~x", secret, "a/" + strings.Repeat("b", 250),
	} {
		if _, err := store.Create(t.Context(), name, strings.NewReader("x")); !errors.Is(err, ErrName) {
			t.Errorf("Create(%q): %v, want ErrName", name, err)
		}
		if _, err := store.Open(t.Context(), name); !errors.Is(err, ErrName) {
			t.Errorf("Open(%q): %v, want ErrName", name, err)
		}
		if err := store.Remove(t.Context(), name); !errors.Is(err, ErrName) {
			t.Errorf("Remove(%q): %v, want ErrName", name, err)
		}
	}
	if got := filesBelow(t, filepath.Dir(dir)); len(got) != 1 || got[0] != "secret.txt" {
		t.Errorf("files on disk: %v, want only secret.txt", got)
	}
}

func TestSymbolicLinksOutAreRefused(t *testing.T) {
	store, dir := openFolder(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.txt"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "ann")), os.MkdirAll(filepath.Join(dir, "bob"), 0o700),
		os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(dir, "bob", "link.txt"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann/secret.txt", "bob/link.txt"} {
		if f, err := store.Open(t.Context(), name); err == nil {
			f.Close()
			t.Errorf("%s was opened", name)
		}
	}
	if _, err := store.Create(t.Context(), "ann/new.txt", strings.NewReader("x")); err == nil {
		t.Error("a file was stored through a link that leads out")
	}
	if err := store.Remove(t.Context(), "ann/secret.txt"); err == nil {
		t.Error("a file was removed through a link that leads out")
	}
	if got := filesBelow(t, outside); len(got) != 1 {
		t.Errorf("files outside: %v, want only secret.txt", got)
	}
}

func TestCreateLeavesNothingWhenItFails(t *testing.T) {
	store, dir := openFolder(t)
	broken := errors.New("the upload broke off")
	content := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	if _, err := store.Create(t.Context(), "ann/a.txt", content); !errors.Is(err, broken) {
		t.Errorf("error %v, want the reader's", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	content = io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { cancel(); return 0, nil }))
	if _, err := store.Create(ctx, "ann/a.txt", content); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if got := filesBelow(t, dir); len(got) != 0 {
		t.Errorf("files on disk: %v, want none", got)
	}
	if _, err := store.Create(t.Context(), "ann/a.txt", strings.NewReader("whole")); err != nil {
		t.Errorf("the name is not free again: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFileAppearsOnlyWhenComplete(t *testing.T) {
	store, _ := openFolder(t)
	looked := false
	content := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) {
		looked = true
		if _, err := store.Open(t.Context(), "ann/a.txt"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("opening a file that is being written: %v, want fs.ErrNotExist", err)
		}
		return 0, io.EOF
	}))
	if _, err := store.Create(t.Context(), "ann/a.txt", content); err != nil || !looked {
		t.Errorf("error %v, looked %v", err, looked)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	store, dir := openFolder(t)
	var won atomic.Int32
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			_, err := store.Create(t.Context(), "ann/a.txt", bytes.NewReader([]byte{byte(i)}))
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("error %v, want fs.ErrExist", err)
			}
		})
	}
	done.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 stored the same name, want 1", won.Load())
	}
	before, err := os.ReadFile(filepath.Join(dir, "ann", "a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), "ann/a.txt", strings.NewReader("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want fs.ErrExist", err)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "ann", "a.txt")); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	if got := filesBelow(t, dir); len(got) != 1 {
		t.Errorf("files on disk: %v, want one", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	store, _ := openFolder(t)
	var done sync.WaitGroup
	for range 16 {
		done.Go(func() {
			name, err := NewName("ann", "txt", time.Now())
			if err == nil {
				_, err = store.Create(t.Context(), name, strings.NewReader(name))
			}
			var f *Opened
			if err == nil {
				f, err = store.Open(t.Context(), name)
			}
			if err != nil {
				t.Error(err)
				return
			}
			if content, err := io.ReadAll(f); string(content) != name || err != nil {
				t.Errorf("%s holds %q, error %v", name, content, err)
			}
			f.Close()
			if err := store.Remove(t.Context(), name); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

func TestRemainsOfACrashAreSwept(t *testing.T) {
	store, dir := openFolder(t)
	old, fresh := filepath.Join(dir, incoming, "ann,old.txt"), filepath.Join(dir, incoming, "ann,fresh.txt")
	past := time.Now().Add(-25 * time.Hour)
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(fresh, nil, 0o600), os.Chtimes(old, past, past)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), "ann/a.txt", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "ann", "a.txt")
	if err := os.Chtimes(kept, past, past); err != nil {
		t.Fatal(err)
	}
	second, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got, want := strings.Join(filesBelow(t, dir), " "), "ann/a.txt "+incoming+"/ann,fresh.txt"; got != want {
		t.Errorf("files on disk: %s, want %s", got, want)
	}
}
