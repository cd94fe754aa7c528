package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// reads measures inboxes. The names of the figures are the same for all sizes of
// store, so that they can be compared.
func (s *session) reads(ctx context.Context) error {
	size := 0
	for _, readers := range []int{50, writers} {
		what := fmt.Sprintf("read inbox, %d people", readers)
		o, err := s.measure(ctx, trial{what: what, atMost: 8000, goal: s.goal(2000, 1200), check: s.checkInbox, request: func(int) ([]byte, error) {
			n := rand.IntN(readers)
			return signed(s.secrets.signer(accessToken(n)), "GET", "/api/user/"+nickname(n)+"/inbox", nil)
		}})
		if err != nil {
			return err
		}
		size = int(o.bytes) / o.requests
		s.compare(what)
	}
	if !s.first {
		return nil
	}
	return s.limits(ctx, size)
}

func (s *session) goal(sqlite, postgres float64) float64 {
	if s.kind == "sqlite" {
		return sqlite
	}
	return postgres
}

// compare adds how many times slower something is than with the smallest store.
func (s *session) compare(what string) {
	if s.first {
		return
	}
	now, _ := s.report.value(s.kind, s.stored, what)
	before, _ := s.report.value(s.kind, s.plan.stored[0], what)
	s.add(result{What: fmt.Sprintf("%s, slower than with %d", what, s.plan.stored[0]), Value: before / now, Unit: "times", Goal: 1.5, Below: true})
}

func (s *session) checkInbox(body []byte) error {
	var page struct {
		TotalItems int
		Items      []activity
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return err
	}
	if want := s.stored / writers * inboxShare; page.TotalItems != want || len(page.Items) != 20 {
		return fmt.Errorf("%d items of %d, want 20 of %d", len(page.Items), page.TotalItems, want)
	}
	for _, a := range page.Items {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

// trial is one kind of request that is measured.
type trial struct {
	what string
	// atMost is a rate that no server reaches: so many requests are prepared.
	atMost  int
	goal    float64
	request func(i int) ([]byte, error)
	check   func(body []byte) error
}

// measure makes one kind of request and adds the figure.
func (s *session) measure(ctx context.Context, t trial) (*outcome, error) {
	// Other requests for the warm-up: a nonce is good for once.
	warmup, err := prepare(int(float64(t.atMost)*s.warmup().Seconds()), t.request)
	if err != nil {
		return nil, err
	}
	requests, err := prepare(int(float64(t.atMost)*s.duration().Seconds()), t.request)
	if err != nil {
		return nil, err
	}
	l := &load{address: s.program.address, requests: warmup, atMost: s.warmup(), check: t.check}
	warm, err := l.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.what, err)
	}
	profiled := s.profile(t.what)
	before, err := s.program.cpuTimes()
	if err != nil {
		return nil, err
	}
	l.requests, l.atMost = requests, s.duration()
	o, err := l.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.what, err)
	}
	after, err := s.program.cpuTimes()
	if err = errors.Join(err, <-profiled); err != nil {
		return nil, err
	}
	used := after.since(before)
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(o.requests) }
	s.add(result{What: t.what, Value: o.perSecond(), Unit: "/s", Goal: t.goal, P50: milliseconds(o.percentile(50)), P99: milliseconds(o.percentile(99)),
		Max: milliseconds(o.percentile(100)), ServerCPU: each(used.server), DatabaseCPU: each(used.database), LoadCPU: each(used.load)})
	o.answered = warm.requests + o.requests
	return o, nil
}

// profile takes a profile meanwhile, if that is wanted.
func (s *session) profile(what string) <-chan error {
	done := make(chan error, 1)
	if s.plan.profiles == "" {
		done <- nil
		return done
	}
	name := fmt.Sprintf("%s-%d-%s.pprof", s.kind, s.stored, strings.NewReplacer(",", "", " ", "-").Replace(what))
	go func() { done <- s.program.profile(filepath.Join(s.plan.profiles, name), s.plan.seconds) }()
	return done
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// posts measures notes of people without and with followers; each client is
// somebody else.
func (s *session) posts(ctx context.Context) error {
	for _, row := range []struct {
		what  string
		first int
	}{{"post a note, no followers", firstAlone}, {fmt.Sprintf("post a note, %d followers", tenFollowers), firstFollowed}} {
		before, err := s.items(ctx, row.first)
		if err != nil {
			return err
		}
		o, err := s.measure(ctx, trial{what: row.what, atMost: 3000, goal: 500, check: checkPosted, request: func(i int) ([]byte, error) {
			n := row.first + i%clients
			return signed(s.secrets.signer(accessToken(n)), "POST", "/api/user/"+nickname(n)+"/feed", noteTo(nickname(n)))
		}})
		if err != nil {
			return err
		}
		after, err := s.items(ctx, row.first)
		if err != nil {
			return err
		}
		if after-before != int64(o.answered) {
			return fmt.Errorf("%s: %d posts were acknowledged, %d are stored", row.what, o.answered, after-before)
		}
		s.compare(row.what)
	}
	return nil
}

func checkPosted(body []byte) error {
	a := new(activity)
	if err := json.Unmarshal(body, a); err != nil {
		return err
	}
	return a.check()
}

// items counts what stands in the outboxes of the posters.
func (s *session) items(ctx context.Context, first int) (int64, error) {
	return s.store.number(ctx, "SELECT COUNT(*) FROM stream_items s JOIN accounts a ON a.actor_id = s.owner_id WHERE s.kind = 2 AND a.nickname_folded >= ? AND a.nickname_folded < ?",
		nickname(first), nickname(first+clients))
}

// fame measures how long it takes until a note is in ten thousand inboxes.
func (s *session) fame(ctx context.Context) error {
	var times []float64
	for range 5 {
		request, err := signed(s.secrets.signer(accessToken(famous)), "POST", "/api/user/"+nickname(famous)+"/feed", noteTo(nickname(famous)))
		if err != nil {
			return err
		}
		began := time.Now()
		a, err := s.ask(ctx, request)
		if err != nil {
			return err
		}
		times = append(times, milliseconds(time.Since(began)))
		n, err := s.store.number(ctx, `SELECT COUNT(*) FROM stream_items s JOIN identifiers i ON i.ref_id = s.activity_id
			WHERE i.kind = 3 AND i.iri = ? AND s.kind = 1`, a.ID)
		if err != nil {
			return err
		}
		if n != fameFollowers+1 {
			return fmt.Errorf("a note is in %d inboxes when it is acknowledged, want %d and that of its author", n, fameFollowers)
		}
	}
	slices.Sort(times)
	s.add(result{What: fmt.Sprintf("post into %d inboxes, median of 5", fameFollowers), Value: times[len(times)/2], Unit: "ms", Goal: 1000, Below: true,
		Note: fmt.Sprintf("slowest %s", number(times[len(times)-1]))})
	return nil
}
