package outbound

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// stuckAfter is for how long all places of a host have to wait for an answer before
// nobody waits for one of them any more to ask it for something.
const stuckAfter = 2 * time.Second

// places bounds how many requests are under way per host. It holds an entry
// only for hosts that somebody uses or waits for, so that it cannot grow with
// the number of hosts ever seen.
type places struct {
	limit int

	mu    sync.Mutex
	hosts map[string]*hostPlaces
}

type hostPlaces struct {
	taken chan struct{} // holds one element a request under way

	// What follows is guarded by places.mu.

	users  int // requests under way or waiting
	silent int // requests under way whose answer has not begun
	// moved is when a request last began or was answered.
	moved time.Time
}

// place is that of one request at a host.
type place struct {
	all    *places
	host   string
	h      *hostPlaces
	silent bool // guarded by places.mu
}

// take waits for a place at host. The error wraps ErrHostBusy, and that of the context
// if it has ended. Who is not patient does not wait either for a host that answers
// none of those who have a place.
func (p *places) take(ctx context.Context, host string, patient bool) (*place, error) {
	p.mu.Lock()
	h := p.hosts[host]
	if h == nil {
		h = &hostPlaces{taken: make(chan struct{}, p.limit), moved: time.Now()}
		p.hosts[host] = h
	}
	h.users++
	p.mu.Unlock()

	for {
		var stuck <-chan time.Time
		if !patient {
			stuck = time.After(p.stuckIn(h))
		}
		select {
		case h.taken <- struct{}{}:
			p.mu.Lock()
			defer p.mu.Unlock()
			h.silent++
			h.moved = time.Now()
			return &place{all: p, host: host, h: h, silent: true}, nil
		case <-ctx.Done():
			p.forget(host, h)
			return nil, fmt.Errorf("%w: %w", ErrHostBusy, ctx.Err())
		case <-stuck:
			if p.stuckIn(h) > 0 {
				continue
			}
			p.forget(host, h)
			return nil, fmt.Errorf("%w, and none has been answered for %v", ErrHostBusy, stuckAfter)
		}
	}
}

// stuckIn is after what time a host is stuck if nothing happens until then.
func (p *places) stuckIn(h *hostPlaces) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.silent < p.limit {
		return stuckAfter
	}
	return max(0, stuckAfter-time.Since(h.moved))
}

// answered notes that the answer has begun.
func (p *place) answered() {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	if p.silent {
		p.silent = false
		p.h.silent--
		p.h.moved = time.Now()
	}
}

// leave gives the place back.
func (p *place) leave() {
	p.answered()
	<-p.h.taken
	p.all.forget(p.host, p.h)
}

func (p *places) forget(host string, h *hostPlaces) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(p.hosts, host)
	}
}
