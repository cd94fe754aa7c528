package bridge

import (
	"slices"
	"sync"
	"time"
)

// deliveryWorkers is how many deliveries, and other jobs of the default queue, run at
// the same time.
const deliveryWorkers = 32

const (
	// hostShare is how many of them one host may keep busy.
	hostShare = deliveryWorkers / 2
	// slowAfter is after what time without an answer nothing more is sent to a host
	// among what is for others.
	slowAfter = time.Second
)

// unanswered knows which hosts have been sent something by the default queue and have
// not answered yet. A host that takes connections and answers nothing is known to fail
// only when the first delivery has run into its time limit; until then it could have
// all workers wait.
type unanswered struct {
	mu    sync.Mutex
	since map[string][]time.Time // by host, oldest first
}

func newUnanswered() *unanswered { return &unanswered{since: map[string][]time.Time{}} }

// begin notes that a host is sent something. It reports false, and notes nothing, for
// a host that is slow or has its share: what is for that is sent apart from what is for
// others.
func (u *unanswered) begin(host string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	waiting := u.since[host]
	if len(waiting) >= hostShare || len(waiting) > 0 && now.Sub(waiting[0]) >= slowAfter {
		return false
	}
	u.since[host] = append(waiting, now)
	return true
}

// end notes that a host has dealt, in whatever way, with what it was sent at a time.
func (u *unanswered) end(host string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	waiting := u.since[host]
	if i := slices.Index(waiting, at); i >= 0 {
		waiting = slices.Delete(waiting, i, i+1)
	}
	if len(waiting) == 0 {
		delete(u.since, host)
		return
	}
	u.since[host] = waiting
}

// inFlight are the inboxes of one delivery that have not been dealt with, by host.
type inFlight struct {
	all  *unanswered
	at   time.Time
	mu   sync.Mutex
	left map[string]int
}

// dealtWith notes what has become of an inbox.
func (f *inFlight) dealtWith(inbox string) {
	host := hostOf(inbox)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.left[host] {
	case 0:
		return
	case 1:
		delete(f.left, host)
		f.all.end(host, f.at)
	default:
		f.left[host]--
	}
}

// close notes that the delivery is over.
func (f *inFlight) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for host := range f.left {
		f.all.end(host, f.at)
	}
	clear(f.left)
}
