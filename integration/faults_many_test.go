package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/integration/fediverse"
)

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send sends what was signed before, and returns how it was answered.
func send(t *testing.T, s *server, inbox string, headers http.Header, body []byte) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Host, r.URL.Host = headers, r.URL.Host, s.address
	response, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// TestDeadHostsDelayNobody delivers to 1,000 hosts, 300 of which take connections
// and never answer.
func TestDeadHostsDelayNobody(t *testing.T) {
	t.Parallel()
	const living, dead = 700, 300
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database, federating...)
		s.start()
		ann, crowd := s.person("ann"), newCrowd(t)
		all := hosts(t, crowd, living+dead)
		var followers []*fediverse.Person
		silent := map[string]bool{}
		for i, h := range all {
			followers = append(followers, h.Person("fan"+strconv.Itoa(i)))
			silent[h.Name] = i%10 < 3
		}
		var dying atomic.Bool
		over := make(chan struct{})
		var hanging sync.WaitGroup
		t.Cleanup(func() {
			close(over)
			hanging.Wait()
		})
		crowd.Answered = func(w http.ResponseWriter, r *http.Request) bool {
			if !dying.Load() || !silent[r.Host] {
				return false
			}
			hanging.Add(1)
			defer hanging.Done()
			select {
			case <-over:
			case <-r.Context().Done():
			}
			return true
		}
		ann.gathers(followers...)
		dying.Store(true)
		began := time.Now()
		id := ann.publishes(note("to all of you")).id()
		eventuallyWithin(t, time.Minute, "all that live have it", func() error {
			missing := 0
			for _, f := range followers {
				if !silent[hostOf(f)] && !slices.Contains(crowd.Inbox(f.Inbox), id) {
					missing++
				}
			}
			if missing > 0 {
				return fmt.Errorf("%d lack it", missing)
			}
			return nil
		})
		t.Logf("%d hosts had it after %v, beside %d that do not answer", living, time.Since(began).Round(10*time.Millisecond), dead)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		// Once they are known to be dead, they delay even less.
		again := time.Now()
		last := ann.publishes(note("to those who are left")).id()
		eventuallyWithin(t, time.Minute, "all that live have the second one", func() error {
			for _, f := range followers {
				if !silent[hostOf(f)] && !slices.Contains(crowd.Inbox(f.Inbox), last) {
					return fmt.Errorf("%s lacks it", f.ID)
				}
			}
			return nil
		})
		t.Logf("the next one after %v", time.Since(again).Round(10*time.Millisecond))
		s.kill()
	})
}

func hostOf(p *fediverse.Person) string {
	_, host, _ := bytes.Cut([]byte(p.Acct), []byte("@"))
	return string(host)
}

// TestDeliveriesSurviveKill kills the server while it delivers to 1,000 inboxes of
// several hosts. In the end each has the activity, and what came twice has one id.
func TestDeliveriesSurviveKill(t *testing.T) {
	t.Parallel()
	const inboxes, onEach = 1000, 50
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database, federating...)
		s.start()
		ann, crowd := s.person("ann"), newCrowd(t)
		var followers []*fediverse.Person
		for i, h := range hosts(t, crowd, inboxes/onEach) {
			for n := range onEach {
				followers = append(followers, h.Person(fmt.Sprintf("fan%d", i*onEach+n)))
			}
		}
		ann.gathers(followers...)
		eventuallyWithin(t, time.Minute, "all follows are answered", func() error {
			if total, _ := crowd.Total(); total < inboxes {
				return fmt.Errorf("%d are", total)
			}
			return nil
		})
		posts := map[string]bool{}
		for kill := range 3 {
			before, _ := crowd.Total()
			posts[ann.publishes(note(strconv.Itoa(kill))).id()] = true
			for {
				total, next := crowd.Total()
				if total >= before+100+200*kill {
					break
				}
				select {
				case <-next:
				case <-time.After(patience):
					t.Fatalf("%d deliveries came, and no more", total-before)
				}
			}
			s.kill()
			delivered, _ := crowd.Total()
			t.Logf("killed when %d deliveries were made", delivered-before)
			s.start()
		}
		// On PostgreSQL the jobs of the dead process are freed when its heart has
		// stopped for a while; a net below frees them after 90 seconds.
		eventuallyWithin(t, 3*time.Minute, "every inbox has every activity", func() error {
			missing := 0
			for _, f := range followers {
				got := crowd.Inbox(f.Inbox)
				for id := range posts {
					if !slices.Contains(got, id) {
						missing++
					}
				}
			}
			if missing > 0 {
				return fmt.Errorf("%d deliveries are missing", missing)
			}
			return nil
		})
		twice := 0
		for _, f := range followers {
			seen := map[string]int{}
			for _, id := range crowd.Inbox(f.Inbox) {
				seen[id]++
			}
			twice += len(crowd.Inbox(f.Inbox)) - len(seen)
			// Beside the three posts there is the answer to the follow.
			if len(seen) != len(posts)+1 {
				t.Errorf("the inbox of %s has %v", f.ID, slices.Collect(maps.Keys(seen)))
			}
		}
		t.Logf("%d deliveries were made more than once", twice)
		s.stop()
		checkWhole(t, database)
	})
}
