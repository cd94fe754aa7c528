package pumpapi

import (
	"sync"
	"time"
)

// writerPool has the queues of connections written, by few goroutines: each
// costs as much memory as an idle connection.
type writerPool struct {
	mu      sync.Mutex
	waiting []*connection
	writers int
}

const (
	// maxWriters is how many queues are written at the same time, not counting
	// those that are stuck.
	maxWriters = 64
	// stuckAfter is how long a writer keeps its place while its reader does not
	// read. It makes room for another then, so that slow readers hinder nobody.
	stuckAfter = 50 * time.Millisecond
)

func newWriterPool() *writerPool { return &writerPool{} }

// run has a connection's queue written soon.
func (p *writerPool) run(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, c)
	p.hire()
}

// hire starts a writer if there is one to spare.
func (p *writerPool) hire() {
	if len(p.waiting) > 0 && p.writers < maxWriters {
		p.writers++
		go p.write()
	}
}

// next returns a connection that waits. A writer that is given none has no place
// any more.
func (p *writerPool) next() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.waiting = nil
		p.writers--
		return nil
	}
	c := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	return c
}

func (p *writerPool) write() {
	for c := p.next(); c != nil; c = p.next() {
		stuck := time.AfterFunc(stuckAfter, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.writers--
			p.hire()
		})
		c.drain()
		if !stuck.Stop() {
			return // its place has been given to another
		}
	}
}
