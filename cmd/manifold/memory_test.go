package main

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// percent is how much garbage is collected now.
func percent(t *testing.T) uint64 {
	t.Helper()
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// TestGarbageOfASmallHeap: the garbage of a small heap is collected sooner, that of
// one which has grown as ever, and nothing is changed for those who set GOGC.
func TestGarbageOfASmallHeap(t *testing.T) {
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	(&program{environ: []string{"PATH=/bin", "GOGC=77"}}).keepLean(t.Context())
	if got := percent(t); got != 77 {
		t.Errorf("GOGC=77 has become %d", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	(&program{environ: []string{"PATH=/bin"}}).keepLean(ctx)
	if got := percent(t); got != smallPercent {
		t.Errorf("at the start garbage is collected at %d%%", got)
	}
	kept := make([]byte, 2*smallHeap)
	for deadline := time.Now().Add(30 * lookAtHeap); percent(t) != usualPercent; {
		if time.Now().After(deadline) {
			t.Fatalf("with %d bytes in use garbage is still collected at %d%%", len(kept), percent(t))
		}
		runtime.GC() // the size of a heap is known after a collection
	}
	runtime.KeepAlive(kept)
	for deadline := time.Now().Add(30 * lookAtHeap); percent(t) != smallPercent; {
		if time.Now().After(deadline) {
			t.Fatalf("when little is in use again, garbage is collected at %d%%", percent(t))
		}
		runtime.GC()
	}
}

func TestCollectAt(t *testing.T) {
	for inUse, want := range map[uint64]int{0: smallPercent, 3 << 20: smallPercent, smallHeap - 1: smallPercent, smallHeap: usualPercent, math.MaxUint64: usualPercent} {
		if got := collectAt(inUse); got != want {
			t.Errorf("garbage of a heap of %d bytes is collected at %d%%, want %d%%", inUse, got, want)
		}
	}
}
