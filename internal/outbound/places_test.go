package outbound

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Nobody waits for a place at a host that answers nothing, unless they have something to
// deliver; one that is slow but answers is waited for.
func TestPlacesOfAStuckHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p := &places{limit: 2, hosts: map[string]*hostPlaces{}}
		take := func(patient bool) (*place, time.Duration, error) {
			began := time.Now()
			at, err := p.take(ctx, "a.example", patient)
			return at, time.Since(began), err
		}
		first, _, err := take(false)
		second, _, err2 := take(false)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if _, took, err := take(false); !errors.Is(err, ErrHostBusy) || took != stuckAfter {
			t.Errorf("after %v: %v", took, err)
		}
		if _, took, err := take(false); !errors.Is(err, ErrHostBusy) || took != 0 {
			t.Errorf("once that is known, after %v: %v", took, err)
		}

		// What is delivered waits for its turn.
		time.AfterFunc(5*stuckAfter, second.leave)
		third, took, err := take(true)
		if err != nil || took != 5*stuckAfter {
			t.Fatalf("after %v: %v", took, err)
		}
		// An answer that has begun is one, however long it takes.
		first.answered()
		time.AfterFunc(5*stuckAfter, third.leave)
		fourth, took, err := take(false)
		if err != nil || took != 5*stuckAfter {
			t.Fatalf("where one is answered, after %v: %v", took, err)
		}
		fourth.leave()
		first.leave()
		if len(p.hosts) != 0 {
			t.Errorf("%d hosts are left", len(p.hosts))
		}
	})
}
