package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"manifold/pumpapi/oauth1"
)

// session is everything that is measured on one filled database.
type session struct {
	plan   *plan
	report *report
	kind   string
	stored int
	dir    string
	dsn    string
	// first is set for the first size of store on this database.
	first bool

	program *program
	store   *store
	secrets credentials
}

// credentials are what 'manifold token --json' prints. The copies of the
// template's person have its client and its token's secret.
type credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Token        string `json:"token"`
	TokenSecret  string `json:"token_secret"`
}

func (c credentials) signer(token string) *oauth1.Signer {
	return &oauth1.Signer{ConsumerKey: c.ClientID, Token: token, Secrets: oauth1.Secrets{Consumer: c.ClientSecret, Token: c.TokenSecret}}
}

// duration is how long each kind of request is made.
func (s *session) duration() time.Duration {
	return time.Duration(s.plan.seconds * float64(time.Second))
}

// warmup is how long requests are made before that, uncounted.
func (s *session) warmup() time.Duration { return min(time.Second, s.duration()/4) }

func (s *session) add(r result) {
	r.Database, r.Stored = s.kind, s.stored
	s.report.add(r)
}

// part is one of the things that are measured; those without a name are always.
type part struct {
	name    string
	measure func(context.Context) error
}

func (s *session) run(ctx context.Context) (err error) {
	if s.program, err = newProgram(s.plan.program, s.dir, s.dsn); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.program.stop()) }()
	if s.store, err = openStore(s.dsn); err != nil {
		return err
	}
	defer s.store.Close()
	parts := []part{{"reads", s.reads}, {"posts", s.posts}, {"fame", s.fame}, {"memory", s.memory}, {"federation", s.federation}, {"hub", s.hub}, {"realtime", s.realtime}}
	for _, p := range append([]part{{"", s.fill}, {"", s.starts}}, parts...) {
		if s.plan.part != "" && p.name != "" && p.name != s.plan.part {
			continue
		}
		if err := p.measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fill posts one note the real way and has it copied.
func (s *session) fill(ctx context.Context) error {
	progress("%s: storing %d activities", s.kind, s.stored)
	took, err := s.program.start(ctx)
	if err != nil {
		return err
	}
	s.add(result{What: "first start, making the tables", Value: took.Seconds() * 1000, Unit: "ms"})
	if _, err := s.program.do(ctx, "a long passphrase 42\n", "user", "add", templateNick, "--password-stdin"); err != nil {
		return err
	}
	out, err := s.program.do(ctx, "", "token", templateNick, "--json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, &s.secrets); err != nil {
		return err
	}
	request, err := signed(s.secrets.signer(s.secrets.Token), "POST", "/api/user/"+templateNick+"/feed", noteTo(templateNick))
	if err != nil {
		return err
	}
	answer, err := s.ask(ctx, request)
	if err != nil {
		return fmt.Errorf("posting the note that all others are copies of: %w", err)
	}
	if err := s.program.stop(); err != nil {
		return err
	}
	last := func(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
	like := template{activity: answer.ID, object: answer.Object.ID, activityToken: last(answer.ID), objectToken: last(answer.Object.ID), clientID: s.secrets.ClientID}
	began := time.Now()
	if err := s.store.fill(ctx, like, s.stored); err != nil {
		return err
	}
	progress("%s: %d activities, %d stream items and %d people stored in %v", s.kind, s.stored, s.stored*(inboxShare+1), people, time.Since(began).Round(time.Second))
	size, err := s.store.size(ctx, s.dsn)
	if err != nil {
		return err
	}
	s.add(result{What: "size of the database", Value: float64(size) / 1e6, Unit: "MB"})
	return nil
}

// noteTo is a public note that the followers of its author get.
func noteTo(nick string) []byte {
	b, err := json.Marshal(map[string]any{
		"verb":   "post",
		"object": map[string]string{"objectType": "note", "content": templatePhrase},
		"to":     []map[string]string{{"objectType": "collection", "id": "http://activityschema.org/collection/public"}},
		"cc":     []map[string]string{{"objectType": "collection", "id": site + "/api/user/" + nick + "/followers"}},
	})
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return b
}

// activity is as much of an answer as is checked.
type activity struct {
	ID     string
	Verb   string
	Object struct{ ID, Content string }
}

func (a *activity) check() error {
	if a.ID == "" || a.Verb != "post" || a.Object.ID == "" || !strings.Contains(a.Object.Content, "A note like many others") {
		return fmt.Errorf("not the activity that was expected: id %q, verb %q, object %q %.60q", a.ID, a.Verb, a.Object.ID, a.Object.Content)
	}
	return nil
}

// ask makes one request that is answered with an activity.
func (s *session) ask(ctx context.Context, request []byte) (*activity, error) {
	c, err := dial(ctx, s.program.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	status, body, err := c.ask(request)
	if err != nil {
		return nil, err
	}
	if status != 200 {
		return nil, fmt.Errorf("status %d: %.300s", status, body)
	}
	a := new(activity)
	if err := json.Unmarshal(body, a); err != nil {
		return nil, err
	}
	return a, a.check()
}

// starts measures how soon the server answers, and leaves it running.
func (s *session) starts(ctx context.Context) error {
	var times []float64
	for range 5 {
		if err := s.program.stop(); err != nil {
			return err
		}
		took, err := s.program.start(ctx)
		if err != nil {
			return err
		}
		times = append(times, took.Seconds()*1000)
	}
	slices.Sort(times)
	s.add(result{What: "start to first answer, median of 5", Value: times[len(times)/2], Unit: "ms", Goal: 1000, Below: true,
		Note: fmt.Sprintf("fastest %s", number(times[0]))})
	time.Sleep(2 * time.Second) // what runs only once after a start is over then
	idle, err := s.program.memory("VmRSS")
	if err != nil {
		return err
	}
	file, err := s.program.memory("RssFile")
	if err != nil {
		return err
	}
	s.add(result{What: "memory, idle", Value: idle, Unit: "MB", Goal: 40, Below: true,
		Note: fmt.Sprintf("%s of it pages of the program's file", number(file))})
	return nil
}

// limits measures what this machine can do at most.
func (s *session) limits(ctx context.Context, size int) error {
	o, err := bareHTTP(ctx, size, min(3*time.Second, s.duration()))
	if err != nil {
		return err
	}
	s.add(result{What: "limit: bare HTTP, answers of that size", Value: o.perSecond(), Unit: "/s", P50: milliseconds(o.percentile(50)),
		P99: milliseconds(o.percentile(99)), Note: fmt.Sprintf("%d bytes", size)})
	signatures, err := rsaSignatures(min(2*time.Second, s.duration()))
	if err != nil {
		return err
	}
	s.add(result{What: "limit: RSA-2048 signatures", Value: signatures, Unit: "/s", Note: fmt.Sprintf("%d CPUs", runtime.NumCPU())})
	writes, err := syncedWrites(s.dir, min(2*time.Second, s.duration()))
	if err != nil {
		return err
	}
	s.add(result{What: "limit: writes of 4 KiB forced to disk", Value: writes, Unit: "/s"})
	return nil
}

func (s *session) memory(context.Context) error {
	now, err := s.program.memory("VmRSS")
	if err != nil {
		return err
	}
	most, err := s.program.memory("VmHWM")
	if err != nil {
		return err
	}
	s.add(result{What: "memory after all of this", Value: now, Unit: "MB", Note: fmt.Sprintf("at most %s", number(most))})
	return nil
}
