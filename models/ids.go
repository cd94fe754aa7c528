package models

import (
	"sync"
	"time"
)

// Row ids are positive 64-bit integers that grow with time: 42 bits of
// milliseconds since 2020, 9 bits for the number of the process (see
// [DB.Join]), 12 bits that count within the millisecond.
const (
	nodeBits = 9
	seqBits  = 12
	// MaxProcesses is how many processes may run on one database.
	MaxProcesses = 1 << nodeBits
)

var idEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

type idMaker struct {
	mu   sync.Mutex
	node int64
	last int64 // milliseconds and count of the last id
}

func newIDMaker(node int) *idMaker { return &idMaker{node: int64(node)} }

// next returns an id larger than every one before. When more are asked for in a
// millisecond than fit, or the clock is set back, it runs ahead of the clock.
func (m *idMaker) next() int64 {
	now := (time.Now().UnixMilli() - idEpoch) << seqBits
	m.mu.Lock()
	m.last = max(m.last+1, now)
	id := m.last>>seqBits<<(seqBits+nodeBits) | m.node<<seqBits | m.last&(1<<seqBits-1)
	m.mu.Unlock()
	return id
}

// IDTime returns when a row id was made, to the millisecond.
func IDTime(id int64) time.Time {
	return time.UnixMilli(id>>(seqBits+nodeBits) + idEpoch).UTC()
}
