package outbound

import (
	"context"
	"fmt"
	"sync"
)

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
	users int           // requests under way or waiting; guarded by places.mu
}

// take waits for a place at host, and returns how to give it back. The error
// wraps ErrHostBusy and the context's.
func (p *places) take(ctx context.Context, host string) (leave func(), err error) {
	p.mu.Lock()
	h := p.hosts[host]
	if h == nil {
		h = &hostPlaces{taken: make(chan struct{}, p.limit)}
		p.hosts[host] = h
	}
	h.users++
	p.mu.Unlock()

	select {
	case h.taken <- struct{}{}:
		return func() { <-h.taken; p.forget(host, h) }, nil
	case <-ctx.Done():
		p.forget(host, h)
		return nil, fmt.Errorf("%w: %w", ErrHostBusy, ctx.Err())
	}
}

func (p *places) forget(host string, h *hostPlaces) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(p.hosts, host)
	}
}
