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
		take := func(patient bool) (*place, error, time.Duration) {
			began := time.Now()
			at, err := p.take(ctx, "a.example", patient)
			return at, err, time.Since(began)
		}
		first, err, _ := take(false)
		second, err2, _ := take(false)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if _, err, took := take(false); !errors.Is(err, ErrHostBusy) || took != stuckAfter {
			t.Errorf("after %v: %v", took, err)
		}
		if _, err, took := take(false); !errors.Is(err, ErrHostBusy) || took != 0 {
			t.Errorf("once that is known, after %v: %v", took, err)
		}

		// An answer that takes long is one.
		first.answered()
		waited := make(chan error)
		go func() {
			at, err, took := take(false)
			if err == nil && took != 5*stuckAfter {
				err = errors.New("a place was had after " + took.String())
			}
			if err == nil {
				at.leave()
			}
			waited <- err
		}()
		time.Sleep(5 * stuckAfter)
		second.leave()
		if err := <-waited; err != nil {
			t.Error(err)
		}

		// Another request begins, and is waited for by what is delivered.
		second, _, _ = take(false)
		third := make(chan error)
		go func() {
			at, err, _ := take(true)
			if err == nil {
				at.leave()
			}
			third <- err
		}()
		time.Sleep(5 * stuckAfter)
		second.leave()
		first.leave()
		if err := <-third; err != nil || len(p.hosts) != 0 {
			t.Errorf("%v, with %d hosts left", err, len(p.hosts))
		}
	})
}
