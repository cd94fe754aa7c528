package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"time"
)

// An idle server makes garbage all the time, since it asks the database for jobs ten
// times a second, and a heap that may double comes to hold as much garbage as all
// else. So the garbage of a small heap is collected when it is half as much; that
// costs little, as there is little to look through. Where the heap is not small, the
// server has something better to do.
const (
	smallHeap    = 24 << 20
	smallPercent = 50
	usualPercent = 100
	// lookAtHeap is how often it is seen how large the heap is.
	lookAtHeap = 2 * time.Second
)

// collectAt is how much garbage is collected, in percent of what is in use.
func collectAt(inUse uint64) int {
	if inUse < smallHeap {
		return smallPercent
	}
	return usualPercent
}

// keepLean has the runtime keep less garbage where that costs little, until ctx ends.
func (p *program) keepLean(ctx context.Context) {
	// Whoever sets the variable of the runtime knows better.
	if slices.ContainsFunc(p.environ, func(v string) bool { return strings.HasPrefix(v, "GOGC=") }) {
		return
	}
	debug.SetGCPercent(smallPercent)
	go func() {
		inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		tick := time.NewTicker(lookAtHeap)
		defer tick.Stop()
		for percent := smallPercent; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			metrics.Read(inUse)
			if now := collectAt(inUse[0].Value.Uint64()); now != percent {
				percent = now
				debug.SetGCPercent(percent)
			}
		}
	}()
}
