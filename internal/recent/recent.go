// Package recent keeps in memory what was asked for lately, up to a number of
// bytes.
package recent

import (
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache keeps values by key; where they weigh too much, the one that was not
// asked for longest goes. It may be used by many at once.
type Cache[K comparable, V any] struct {
	bytes int64
	weigh func(K, V) int64

	mu     sync.Mutex
	values *simplelru.LRU[K, V]
	weight int64
}

// New returns an empty cache of that many bytes. weigh estimates what a value and
// its key take, which must be the same each time it is asked.
func New[K comparable, V any](bytes int64, weigh func(K, V) int64) *Cache[K, V] {
	c := &Cache[K, V]{bytes: bytes, weigh: weigh}
	// The number of values has no limit but their weight; there is no error but for
	// a limit of less than one.
	c.values, _ = simplelru.NewLRU(math.MaxInt, func(k K, v V) { c.weight -= weigh(k, v) })
	return c
}

// Get returns the value of a key, and whether there is one.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values.Get(key)
}

// Set keeps a value instead of what was kept for its key. One that weighs more
// than all may is not kept.
func (c *Cache[K, V]) Set(key K, value V) {
	weight := c.weigh(key, value)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values.Remove(key)
	if weight > c.bytes {
		return
	}
	for c.weight+weight > c.bytes {
		c.values.RemoveOldest()
	}
	c.values.Add(key, value)
	c.weight += weight
}

// Clear forgets everything.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values.Purge()
}

// Size returns how many values there are and what they weigh.
func (c *Cache[K, V]) Size() (count int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values.Len(), c.weight
}
