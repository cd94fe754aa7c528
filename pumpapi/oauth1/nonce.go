package oauth1

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// NonceKey identifies a request for good. A nonce is unique only together with the
// other three (RFC 5849 3.3): those of Qt clients are small decimal numbers that
// soon return at another timestamp.
type NonceKey struct {
	ConsumerKey string
	Token       string
	Timestamp   int64
	Nonce       string
}

// Freshness is the answer of a [NonceMemory].
type Freshness int

const (
	// Replayed: the key was remembered before.
	Replayed Freshness = iota
	// Fresh: the key was not known, and is now.
	Fresh
)

func (f Freshness) String() string {
	if f == Fresh {
		return "fresh"
	}
	return "replayed"
}

// NonceMemory remembers which requests were accepted. Of several concurrent calls
// with the same key exactly one is told [Fresh].
//
// A key must be kept until its timestamp has left the window of the [Verifier],
// from when on the timestamp is enough to refuse the request. A memory that cannot
// answer returns an error: [ErrNonceUndecided], [*TimestampError] if the timestamp
// is outside the time it covers, or its own.
type NonceMemory interface {
	Remember(ctx context.Context, key NonceKey) (Freshness, error)
}

// MemoryNoncesOptions are the settings of a [MemoryNonces].
type MemoryNoncesOptions struct {
	// Window must not be smaller than that of the Verifier; timestamps outside it
	// are refused. 0 is DefaultWindow.
	Window time.Duration

	// Capacity is how many keys are kept at most, over the whole window; 0 is
	// 2,000,000. A key takes about 35 bytes. With clients whose clocks are right, N
	// requests a second need N times 300 s, so that the default suffices for 6,600.
	Capacity int

	Now func() time.Time // nil is time.Now
}

const (
	defaultNonceCapacity = 2_000_000
	nonceSlots           = 16
	maxNonceShards       = 64
	minShardCapacity     = 1 << 12 // smaller shards would fill up unevenly
)

// MemoryNonces is a [NonceMemory] for one process. Use it where a replay after a
// restart does no harm, as for requests that only read.
//
// It keeps a 64-bit keyed hash of each key, not the key. Two keys with the same
// hash would make it call a fresh one replayed, never the other way round; with two
// million keys that happens once in about 10^13 requests, and the hash is seeded,
// so that nobody can bring it about.
//
// When full, it forgets the oldest timestamps first and from then on answers
// [ErrNonceUndecided] for them: under overload it is the clients with slow clocks
// that are turned away, and no replay gets through. What it knows about the last
// moments is never given up; if that alone fills it, it answers ErrNonceUndecided
// to all.
type MemoryNonces struct {
	seed   maphash.Seed
	now    func() time.Time
	window time.Duration
	slice  int64 // seconds of timestamps that share a slot
	shards []nonceShard
}

// nonceShard is one of the independent parts that keys are spread over by their
// hash, so that requests on several cores do not wait for one lock.
type nonceShard struct {
	mu       sync.Mutex
	slots    [nonceSlots]nonceSlot
	count    int // of hashes in all slots
	capacity int
	swept    int64 // the oldest epoch of the window at the last sweep
	floor    int64 // some epoch below it has been forgotten
}

// nonceSlot holds the hashes of the keys whose timestamps fall into one epoch, a
// slice of time. An epoch e is kept in slot e modulo nonceSlots, and is dropped as a
// whole once it has left the window, which costs nothing for the single key.
type nonceSlot struct {
	epoch  int64
	hashes map[uint64]struct{}
}

// NewMemoryNonces returns an empty memory.
func NewMemoryNonces(o MemoryNoncesOptions) *MemoryNonces {
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	if o.Capacity <= 0 {
		o.Capacity = defaultNonceCapacity
	}
	shards := min(max(o.Capacity/minShardCapacity, 1), maxNonceShards)
	m := &MemoryNonces{
		seed:   maphash.MakeSeed(),
		now:    o.Now,
		window: o.Window,
		shards: make([]nonceShard, shards),
	}
	// Timestamps are accepted from now-w to now+w, and the first and the last epoch
	// of that time may reach beyond it: two slots are set aside for them.
	span := 2 * int64(o.Window/time.Second)
	m.slice = max(1, (span+nonceSlots-3)/(nonceSlots-2))
	for i := range m.shards {
		m.shards[i].capacity = o.Capacity / shards
	}
	return m
}

// Remember implements [NonceMemory]. It does not block and has no use for ctx.
func (m *MemoryNonces) Remember(_ context.Context, key NonceKey) (Freshness, error) {
	now := clock(m.now)
	if err := checkWindow(key.Timestamp, now, m.window); err != nil {
		return Replayed, err
	}
	h := m.hash(key)
	oldest := (now.Unix() - int64(m.window/time.Second)) / m.slice
	recent := (now.Unix() - m.slice) / m.slice
	return m.shards[h%uint64(len(m.shards))].remember(h, key.Timestamp/m.slice, oldest, recent)
}

// hash writes the length before each text, so that no two keys run together to the
// same bytes.
func (m *MemoryNonces) hash(key NonceKey) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	for _, s := range [...]string{key.ConsumerKey, key.Token, key.Nonce} {
		writeUint64(&h, uint64(len(s)))
		h.WriteString(s)
	}
	writeUint64(&h, uint64(key.Timestamp))
	return h.Sum64()
}

func writeUint64(h *maphash.Hash, n uint64) {
	for range 8 {
		h.WriteByte(byte(n))
		n >>= 8
	}
}

// remember looks h up in epoch and adds it. oldest is the first epoch inside the
// window; those before recent may be given up when the shard is full.
func (s *nonceShard) remember(h uint64, epoch, oldest, recent int64) (Freshness, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if oldest != s.swept {
		s.forgetBefore(oldest)
		s.swept = oldest
	}
	if epoch < s.floor {
		return Replayed, ErrNonceUndecided // given up to make room, or the clock was set back
	}
	// If the clock was set back the slot may hold a later epoch. The key is then kept
	// longer than it need be; an earlier epoch would have been swept.
	slot := &s.slots[uint64(epoch)%nonceSlots]
	if _, known := slot.hashes[h]; known {
		return Replayed, nil
	}
	for s.count >= s.capacity {
		first, ok := s.firstEpoch()
		if !ok || first >= recent {
			return Replayed, ErrNonceUndecided
		}
		s.forgetBefore(first + 1)
		if epoch < s.floor {
			return Replayed, ErrNonceUndecided
		}
	}
	if slot.hashes == nil {
		slot.epoch, slot.hashes = epoch, make(map[uint64]struct{})
	}
	slot.hashes[h] = struct{}{}
	s.count++
	return Fresh, nil
}

// forgetBefore drops all epochs before limit. The maps are given back rather than
// emptied: an emptied map keeps its size, and sixteen of them the size of sixteen.
// The floor rises only as far as something was dropped, so that a clock that runs
// ahead for a moment does not lock out the time it skipped.
func (s *nonceShard) forgetBefore(limit int64) {
	for i := range s.slots {
		if slot := &s.slots[i]; slot.hashes != nil && slot.epoch < limit {
			s.floor = max(s.floor, slot.epoch+1)
			s.count -= len(slot.hashes)
			slot.hashes = nil
		}
	}
}

func (s *nonceShard) firstEpoch() (first int64, ok bool) {
	for i := range s.slots {
		if slot := &s.slots[i]; slot.hashes != nil && (!ok || slot.epoch < first) {
			first, ok = slot.epoch, true
		}
	}
	return first, ok
}
