package oauth1_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/pumpapi/oauth1"
)

// movableClock is a clock that tests set.
type movableClock struct{ seconds atomic.Int64 }

func newMovableClock() *movableClock {
	c := &movableClock{}
	c.seconds.Store(signedAt.Unix())
	return c
}

func (c *movableClock) now() time.Time           { return time.Unix(c.seconds.Load(), 0) }
func (c *movableClock) move(seconds int64)       { c.seconds.Add(seconds) }
func (c *movableClock) stamp(offset int64) int64 { return c.seconds.Load() + offset }
func key(timestamp int64, n int) oauth1.NonceKey {
	return oauth1.NonceKey{ConsumerKey: "k", Timestamp: timestamp, Nonce: fmt.Sprint(n)}
}

func expect(t *testing.T, m *oauth1.MemoryNonces, k oauth1.NonceKey, want oauth1.Freshness) {
	t.Helper()
	got, err := m.Remember(t.Context(), k)
	if err != nil || got != want {
		t.Errorf("%+v: %v, %v; want %v", k, got, err, want)
	}
}

func TestNonceKeyParts(t *testing.T) {
	now := signedAt.Unix()
	m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Now: at(signedAt)})
	keys := []oauth1.NonceKey{
		{ConsumerKey: "ab", Token: "c", Timestamp: now, Nonce: "1"},
		{ConsumerKey: "a", Token: "bc", Timestamp: now, Nonce: "1"},
		{ConsumerKey: "abc", Token: "", Timestamp: now, Nonce: "1"},
		{ConsumerKey: "ab", Token: "c1", Timestamp: now, Nonce: ""},
		{ConsumerKey: "ab", Token: "c", Timestamp: now, Nonce: "2"},
		{ConsumerKey: "ab", Token: "c", Timestamp: now - 1, Nonce: "1"},
		{ConsumerKey: "ab", Token: "c", Timestamp: now + 1, Nonce: "1"},
		{ConsumerKey: "ab", Token: "d", Timestamp: now, Nonce: "1"},
		{ConsumerKey: "ac", Token: "c", Timestamp: now, Nonce: "1"},
	}
	for _, want := range []oauth1.Freshness{oauth1.Fresh, oauth1.Replayed} {
		for _, k := range keys {
			expect(t, m, k, want)
		}
	}
}

// TestNoncesAreKeptForTheWindow replays each request in every second until its
// timestamp leaves the window.
func TestNoncesAreKeptForTheWindow(t *testing.T) {
	for _, window := range []time.Duration{time.Second, 7 * time.Second, 20 * time.Second} {
		clock := newMovableClock()
		m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Window: window, Now: clock.now})
		w := int64(window / time.Second)
		var sent []oauth1.NonceKey
		for i := range int(6 * w) {
			for _, offset := range []int64{-w, 0, w} {
				k := key(clock.stamp(offset), i)
				expect(t, m, k, oauth1.Fresh)
				sent = append(sent, k)
			}
			for _, k := range sent {
				got, err := m.Remember(t.Context(), k)
				_, outside := errors.AsType[*oauth1.TimestampError](err)
				if inside := k.Timestamp >= clock.stamp(-w); got != oauth1.Replayed || inside == outside {
					t.Fatalf("window %v, second %d: replay of %+v gives %v, %v", window, i, k, got, err)
				}
			}
			clock.move(1)
		}
	}
}

func TestNoncesOutsideTheWindow(t *testing.T) {
	m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Now: at(signedAt)})
	for _, offset := range []int64{-301, 301, -1 << 62, 1 << 62} {
		_, err := m.Remember(t.Context(), key(signedAt.Unix()+offset, 1))
		if _, ok := errors.AsType[*oauth1.TimestampError](err); !ok {
			t.Errorf("offset %d: error %v, want TimestampError", offset, err)
		}
	}
}

// When the memory is full, the past is given up and not the replay protection.
func TestNoncesFull(t *testing.T) {
	clock := newMovableClock()
	m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Capacity: 100, Now: clock.now})
	old := clock.stamp(-250)
	for i := range 60 {
		expect(t, m, key(old, i), oauth1.Fresh)
	}
	for i := range 100 { // the last 60 of these need the room of the old ones
		expect(t, m, key(clock.stamp(0), i), oauth1.Fresh)
	}
	for i := range 70 { // seen and given up, or never seen: nobody can tell
		if got, err := m.Remember(t.Context(), key(old, i)); err != oauth1.ErrNonceUndecided || got != oauth1.Replayed {
			t.Errorf("old nonce %d: %v, %v; want ErrNonceUndecided", i, got, err)
		}
	}
	for i := range 100 {
		expect(t, m, key(clock.stamp(0), i), oauth1.Replayed)
	}
	for _, offset := range []int64{0, 200} { // the present is not given up, for the future neither
		if _, err := m.Remember(t.Context(), key(clock.stamp(offset), 100)); err != oauth1.ErrNonceUndecided {
			t.Errorf("one more than fits, offset %d: error %v, want ErrNonceUndecided", offset, err)
		}
	}
	expect(t, m, key(clock.stamp(0), 0), oauth1.Replayed)
	clock.move(400) // all of it has left the window
	for i := range 100 {
		expect(t, m, key(clock.stamp(0), i), oauth1.Fresh)
	}
}

// What has left the window takes no room, nor does what comes after inherit its age.
func TestNoncesExpire(t *testing.T) {
	clock := newMovableClock()
	m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Capacity: 100, Now: clock.now})
	for range 20 {
		expect(t, m, key(clock.stamp(0), 0), oauth1.Fresh) // and then nothing for long
		clock.move(688)                                    // two windows and a little more
		for i := range 100 {
			expect(t, m, key(clock.stamp(0), i), oauth1.Fresh)
		}
		if _, err := m.Remember(t.Context(), key(clock.stamp(0), 100)); err != oauth1.ErrNonceUndecided {
			t.Errorf("one more than fits: error %v, want ErrNonceUndecided", err)
		}
		for i := range 100 {
			expect(t, m, key(clock.stamp(0), i), oauth1.Replayed)
		}
		clock.move(688)
	}
}

// A clock that runs ahead and is set back must neither let replays through nor
// lock everybody out.
func TestNoncesClockSetBack(t *testing.T) {
	clock := newMovableClock()
	m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Capacity: 100, Now: clock.now})
	before := key(clock.stamp(0), 1)
	expect(t, m, before, oauth1.Fresh)
	clock.move(3600)
	expect(t, m, key(clock.stamp(0), 2), oauth1.Fresh)
	clock.move(-3600)
	if got, err := m.Remember(t.Context(), before); got == oauth1.Fresh {
		t.Errorf("replay after the clock was set back: %v, %v", got, err)
	}
	// Later, while what was remembered in the skipped time is still there.
	clock.move(120)
	for range 50 {
		k := key(clock.stamp(0), 3)
		expect(t, m, k, oauth1.Fresh)
		for range 20 {
			expect(t, m, k, oauth1.Replayed)
			clock.move(5)
		}
	}
}

func TestNoncesConcurrently(t *testing.T) {
	const workers, nonces = 8, 2000
	m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Capacity: 1 << 19, Now: at(signedAt)})
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range nonces {
				switch got, err := m.Remember(t.Context(), key(signedAt.Unix()+int64(i%600)-300, i)); {
				case err != nil:
					t.Error(err)
				case got == oauth1.Fresh:
					fresh.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if fresh.Load() != nonces {
		t.Errorf("%d of %d different nonces were fresh, sent %d times each", fresh.Load(), nonces, workers)
	}
}

func TestFreshnessZeroValueRefuses(t *testing.T) {
	var f oauth1.Freshness
	if f != oauth1.Replayed || f.String() != "replayed" || oauth1.Fresh.String() != "fresh" {
		t.Errorf("zero value is %v", f)
	}
}
