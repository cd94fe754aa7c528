package front

import (
	"hash/maphash"
	"sync"
	"time"
)

// bucketKey names a bucket: of an address its 128 bits, of others their number.
type bucketKey struct {
	high, low uint64
	who       party
	class     Class
}

// How many buckets are remembered at most, some 20 MB of them. An attacker with
// more addresses than that is not bounded by any of them anyway.
const (
	shards       = 64
	maxPerShard  = 4096
	perHalfShard = maxPerShard / 2
)

// buckets remembers how much has been taken from each bucket. It is divided into
// parts with a lock each, so that requests seldom wait for each other.
//
// A bucket is one number, the time at which it will be full again (the generic
// cell rate algorithm, ITU-T I.371): one that is full need not be remembered. So
// every part has two generations of buckets. When the younger one is as large or
// as old as it may get, the older one, of which most are full again, is
// forgotten as a whole.
type buckets struct {
	seed maphash.Seed
	age  int64 // nanoseconds after which any bucket is full again
	part [shards]shard
}

type shard struct {
	mu         sync.Mutex
	young, old map[bucketKey]int64
	begun      int64    // when young was empty
	_          [64]byte // keeps the locks of neighbours in different cache lines
}

func newBuckets(age time.Duration) *buckets {
	b := &buckets{seed: maphash.MakeSeed(), age: int64(age)}
	for i := range b.part {
		b.part[i].young, b.part[i].old = map[bucketKey]int64{}, map[bucketKey]int64{}
	}
	return b
}

// level is what a bucket is like after a request.
type level struct {
	// used is after how long it will be full again.
	used time.Duration
	// wait is after how long the request would be allowed, 0 if it is.
	wait time.Duration
}

// take takes a drop out of a bucket, if there is one. now is in nanoseconds
// since 1970.
func (b *buckets) take(key bucketKey, r *rule, now int64) level {
	s := &b.part[maphash.Comparable(b.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= perHalfShard || now-s.begun > b.age {
		s.turn(now, b.age)
	}
	full, ok := s.young[key]
	if !ok {
		full = s.old[key]
	}
	// A clock that was set back must not lock anybody out.
	full = min(max(full, now), now+int64(r.per))
	if next := full + int64(r.interval); next <= now+int64(r.per) {
		s.young[key] = next
		return level{used: time.Duration(next - now)}
	}
	s.young[key] = full
	return level{used: time.Duration(full - now), wait: time.Duration(full + int64(r.interval) - now - int64(r.per))}
}

// turn begins a new generation. Maps are emptied, not dropped: an attack would
// else have the memory collected over and over.
func (s *shard) turn(now, age int64) {
	clear(s.old)
	if now-s.begun > 2*age {
		clear(s.young)
	} else {
		s.young, s.old = s.old, s.young
	}
	s.begun = now
}
