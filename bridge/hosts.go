package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"manifold/models"
)

const (
	// breakAfter is after how many failures in a row nothing is sent to a host for a
	// while.
	breakAfter = 3
	// goneAfter is after how long a host that fails counts as gone: what does not get
	// there is not tried again.
	goneAfter = 7 * 24 * time.Hour
	// probeFor is how long the others wait while one delivery finds out how a host is
	// doing.
	probeFor = time.Minute
	// longestWait bounds for how long a host may ask us to wait.
	longestWait = 12 * time.Hour
)

// breakDelays are for how long nothing is sent to a host after that many failures
// in a row beyond the first ones; the last one stands for all further ones. They
// are a little shorter than what a delivery waits after as many attempts, so that
// the delivery that found out waits no longer than it would.
var breakDelays = []time.Duration{30 * time.Second, 90 * time.Second, 5 * time.Minute, 15 * time.Minute, 45 * time.Minute, 2 * time.Hour, 6 * time.Hour, 9 * time.Hour}

// hosts knows which other servers do not take deliveries at the moment, so that
// one that is down costs no more than an attempt now and then, however much waits
// for it. What a process learns the others learn with their next heartbeat.
type hosts struct {
	b  *Bridge
	mu sync.Mutex
	// failing is what is known of them, healed those that are to be removed from the
	// store.
	failing map[string]models.FailingHost
	healed  map[string]bool
	// unanswered is what they have been sent.
	unanswered *unanswered
}

func newHosts(b *Bridge) *hosts {
	return &hosts{b: b, failing: map[string]models.FailingHost{}, healed: map[string]bool{}, unanswered: newUnanswered()}
}

// sync stores which hosts are well again, and reads what other processes have
// learnt.
func (h *hosts) sync(ctx context.Context) error {
	h.mu.Lock()
	healed := slices.Sorted(maps.Keys(h.healed))
	h.mu.Unlock()
	if len(healed) > 0 {
		if err := h.b.db.Write(ctx, func(tx *models.Tx) error { return tx.HealHosts(ctx, healed...) }); err != nil {
			return err
		}
	}
	list, err := h.b.db.FailingHosts(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, host := range healed {
		delete(h.healed, host)
	}
	known := h.failing
	h.failing = make(map[string]models.FailingHost, len(list))
	for _, host := range list {
		if h.healed[host.Host] {
			continue
		}
		if old := known[host.Host]; old.NextTry.After(host.NextTry) {
			host.NextTry = old.NextTry // somebody is finding out
		}
		h.failing[host.Host] = host
	}
	return nil
}

// hostState is what is to be done with what is for a host.
type hostState int

const (
	// hostWell: it is sent.
	hostWell hostState = iota
	// hostSuspect: it is sent, apart from what is for others.
	hostSuspect
	// hostWaits: it is sent later.
	hostWaits
	// hostGone: it is not sent.
	hostGone
)

// look tells what to do with a delivery to a host, and until when it has to wait
// where it has to.
func (h *hosts) look(host string, now time.Time) (hostState, models.FailingHost) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.failing[host]
	switch {
	case ok && now.Before(f.NextTry) && isGone(f, now):
		return hostGone, f
	case ok && now.Before(f.NextTry):
		return hostWaits, f
	case f.Failures > 0:
		return hostSuspect, f
	}
	return hostWell, f
}

// enter is look for a delivery that is about to be sent. Of those that come when
// the wait is over, one goes first.
func (h *hosts) enter(host string, now time.Time) (hostState, models.FailingHost) {
	state, f := h.look(host, now)
	if state == hostSuspect && f.Failures >= breakAfter {
		h.mu.Lock()
		defer h.mu.Unlock()
		if f, ok := h.failing[host]; ok {
			f.NextTry = now.Add(probeFor)
			h.failing[host] = f
		}
	}
	return state, f
}

// fail notes that a host took nothing of a delivery, and returns what is known of
// it then. wait is until when it asked us to wait, zero where it did not: a host
// that does answers, and does not fail.
func (h *hosts) fail(host string, now, wait time.Time) models.FailingHost {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.failing[host]
	f.Host = host
	delete(h.healed, host)
	if !wait.IsZero() {
		f.NextTry = wait
		h.failing[host] = f
		return f
	}
	if f.Failures == 0 {
		f.Since = now
	}
	f.Failures++
	if n := f.Failures - breakAfter; n >= 0 {
		f.NextTry = now.Add(breakDelays[min(int(n), len(breakDelays)-1)])
	}
	h.failing[host] = f
	return f
}

// heal notes that hosts have answered, or sent us something.
func (h *hosts) heal(hosts ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, host := range hosts {
		if _, ok := h.failing[host]; ok {
			delete(h.failing, host)
			h.healed[host] = true
		}
	}
}

// heard notes that somebody elsewhere has sent us something.
func (h *hosts) heard(sender *models.Actor, id string) {
	h.mu.Lock()
	any := len(h.failing) > 0
	h.mu.Unlock()
	if any {
		h.heal(sender.Host, hostOf(id), hostOf(sender.Doc.ID), hostOf(sender.Doc.Feeds["followers"].URL))
	}
}

// hostGoneError tells why nothing is sent to a host any more.
func hostGoneError(f models.FailingHost) error {
	return fmt.Errorf("the server has not answered since %s and counts as gone", f.Since.Format(time.DateOnly))
}

// isGone reports whether a host has failed for so long that nothing is kept for it.
func isGone(f models.FailingHost, now time.Time) bool {
	return !f.Since.IsZero() && now.Sub(f.Since) >= goneAfter
}

// HostRests returns until when nothing is sent to a host that does not take what it is
// sent, and the zero time where something may be. A network calls it before it sends
// something that is not a delivery of the bridge, and calls [Bridge.NoteHosts]
// afterwards: of all that waits for a host, one thing finds out how it is doing.
func (b *Bridge) HostRests(host string) time.Time {
	state, f := b.hosts.enter(host, b.time())
	if state == hostWaits || state == hostGone {
		return f.NextTry
	}
	return time.Time{}
}

// NoteHosts notes which hosts have answered, and which have not.
func (b *Bridge) NoteHosts(ctx context.Context, answered, failed []string) error {
	b.hosts.heal(answered...)
	if len(failed) == 0 {
		return nil
	}
	var failing []models.FailingHost
	for _, host := range failed {
		failing = append(failing, b.hosts.fail(host, b.time(), time.Time{}))
	}
	return b.db.Write(ctx, func(tx *models.Tx) error {
		for _, f := range failing {
			if err := tx.SetFailingHost(ctx, f); err != nil {
				return err
			}
		}
		return nil
	})
}
