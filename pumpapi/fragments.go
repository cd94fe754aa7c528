package pumpapi

import "manifold/internal/recent"

// fragmentBytes bounds the memory of the fragments, beside the cache of
// documents.
const fragmentBytes = 16 << 20

// fragments keeps the parts of things that are the same for everybody in the
// form in which they go out, by row and version, so that a thing is translated
// once and not for each of its readers. Like the cache of documents, it is asked
// with a version that was read from the database, and so is never stale.
type fragments struct {
	cache *recent.Cache[fragmentKey, []byte]
}

// fragmentKey is a row, a version of it, and whether what lies elsewhere is shown
// with addresses here: people with an account are shown those, the same to all.
type fragmentKey struct {
	id, version int64
	proxied     bool
}

func newFragments() *fragments {
	return &fragments{recent.New(fragmentBytes, func(_ fragmentKey, b []byte) int64 { return int64(64 + len(b)) })}
}

// write writes the members that write makes of a row, which must be one at
// least.
func (f *fragments) write(w *writer, id, version int64, write func()) {
	w.separate()
	key := fragmentKey{id, version, w.proxies != nil}
	if kept, ok := f.cache.Get(key); ok {
		w.b = append(w.b, kept...)
		return
	}
	start, misses := len(w.b), w.proxies.misses()
	write()
	if w.proxies.misses() > misses {
		return // it will be written again
	}
	f.cache.Set(key, append([]byte(nil), w.b[start:]...))
}
