package pumpapi

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"manifold/models"
)

// attempts slows down whoever guesses passwords. Failures are counted for the
// account that is tried and for the address that tries, in the memory of this
// process; past what people mistype, each further one doubles the time until the
// next is looked at. An attempt counts as a failure from its beginning, so that
// many at once gain nothing.
type attempts struct {
	now func() time.Time

	mu sync.Mutex
	// recent and older are two generations of what is remembered: what nobody
	// tries while both turn is forgotten.
	recent, older map[string]failures
	turned        time.Time
}

type failures struct {
	count int
	until time.Time // nothing is looked at before
}

const (
	// attemptsKept is how long a generation lasts.
	attemptsKept = time.Hour
	// attemptsMost bounds a generation: some 10 MB.
	attemptsMost = 100_000
)

// patience is how many failures cost nothing, and the longest wait after that.
// Others can make somebody wait who has the right password, so that the waits for
// an account stay short; and many people may share an address.
type patience struct {
	free    int
	longest time.Duration
}

var (
	withAccounts  = patience{5, time.Minute}
	withAddresses = patience{30, 15 * time.Minute}
)

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, recent: map[string]failures{}, turned: now()}
}

// attempt is one under way.
type attempt struct {
	all              *attempts
	account, address string // keys, "" for what is not counted
}

// begin counts an attempt, or returns how long to wait until one is looked at.
// nick and address may be empty.
func (a *attempts) begin(nick, address string) (*attempt, time.Duration) {
	t := &attempt{all: a}
	if nick != "" {
		// No longer one is anybody's.
		t.account = "account " + models.Fold(nick[:min(len(nick), 100)])
	}
	if address != "" {
		t.address = "address " + address
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if now.Sub(a.turned) > attemptsKept || len(a.recent) >= attemptsMost {
		a.older, a.recent, a.turned = a.recent, map[string]failures{}, now
	}
	if wait := max(a.get(t.account).until.Sub(now), a.get(t.address).until.Sub(now)); wait > 0 {
		return nil, wait
	}
	a.count(t.account, withAccounts, now)
	a.count(t.address, withAddresses, now)
	return t, 0
}

func (a *attempts) get(key string) failures {
	if f, ok := a.recent[key]; ok {
		return f
	}
	return a.older[key]
}

func (a *attempts) count(key string, p patience, now time.Time) {
	if key == "" {
		return
	}
	f := a.get(key)
	f.count++
	if over := f.count - p.free; over > 0 {
		f.until = now.Add(min(time.Second<<min(over-1, 20), p.longest))
	}
	a.recent[key] = f
}

// succeeded takes back what was counted. Whoever has the password has not been
// guessing at this account; the address may still be at others.
func (t *attempt) succeeded() {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	if t.account != "" {
		t.all.recent[t.account] = failures{}
	}
	if t.address != "" {
		f := t.all.get(t.address)
		f.count, f.until = max(0, f.count-1), time.Time{}
		t.all.recent[t.address] = f
	}
}

// addressOf is what the address of a client counts under: of IPv6 the network,
// since whoever has one address has all of it. It is empty for this machine
// itself, where a proxy speaks for everybody.
func (a *API) addressOf(r *http.Request) string {
	host := a.remoteAddress(r)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		if port, err := netip.ParseAddrPort(host); err == nil {
			ip = port.Addr()
		}
	}
	ip = ip.Unmap().WithZone("")
	switch {
	case !ip.IsValid() || ip.IsLoopback():
		return ""
	case ip.Is6():
		network, _ := ip.Prefix(64)
		return network.String()
	}
	return ip.String()
}
