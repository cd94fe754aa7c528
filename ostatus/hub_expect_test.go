package ostatus_test

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"manifold/ostatus/websub"
)

// What is posted from when a subscriber was asked on is delivered: it may count on it as
// soon as it has answered, which the hub stores a moment later.
func TestPostsWhileASubscriberAnswers(t *testing.T) {
	for _, verify := range []string{"async", "sync"} {
		t.Run(verify, func(t *testing.T) {
			onHubs(t, func(s *hubSite) {
				ann := s.person("ann")
				s.start()
				s.post(ann, note("before it is asked"))
				p := newSubscriber(s.t)
				var mu sync.Mutex
				var want []string
				posts := func(content string) {
					id := s.post(ann, note(content)).ID
					mu.Lock()
					defer mu.Unlock()
					want = append(want, id)
				}
				p.set(func() {
					p.answer = func(w http.ResponseWriter, q url.Values) {
						posts("asked")
						challenge := q.Get("hub.challenge")
						w.Header().Set("Content-Length", strconv.Itoa(len(challenge)))
						_, _ = io.WriteString(w, challenge)
						if err := http.NewResponseController(w).Flush(); err != nil {
							s.t.Error(err)
						}
						posts("answered")
					}
				})
				w := s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback(), "hub.secret", "secret", "hub.verify", verify)
				if w.Code/100 != 2 {
					s.t.Fatalf("subscribing: %d %s", w.Code, w.Body)
				}
				until(s.t, "what was posted is delivered", func() bool { return len(p.deliveries()) == 2 })
				posts("afterwards")
				until(s.t, "what is posted afterwards is delivered", func() bool { return len(p.deliveries()) == 3 })
				s.rests()
				equal(s.t, "entries", p.got(), want)
				for _, d := range p.deliveries() {
					same(s.t, "signature", websub.CheckSignature(d.header.Get("X-Hub-Signature"), "secret", d.body), websub.Authentic)
				}
				until(s.t, "nothing is kept that all have", func() bool { return s.number("SELECT COUNT(*) FROM hub_publications") == 0 })
				same(s.t, "subscriptions", s.number("SELECT COUNT(*) FROM hub_subscribers WHERE request = 0"), 1)
			})
		})
	}
}

// Who does not confirm gets nothing of what was posted meanwhile, and nothing is kept
// for it.
func TestPostsWhileSomebodyDisowns(t *testing.T) {
	onHubs(t, func(s *hubSite) {
		ann := s.person("ann")
		s.start()
		p, other := newSubscriber(s.t), newSubscriber(s.t)
		p.set(func() {
			p.answer = func(w http.ResponseWriter, _ url.Values) {
				s.post(ann, note("asked"))
				http.NotFound(w, nil)
			}
		})
		w := s.hub("hub.mode", "subscribe", "hub.topic", annsFeed, "hub.callback", p.callback(), "hub.verify", "sync")
		same(s.t, "status", w.Code, http.StatusConflict)
		s.subscribes(p, annsFeed, "secret")
		same(s.t, "questions", len(p.questions()), 2)
		same(s.t, "subscriptions", s.number("SELECT COUNT(*) FROM hub_subscribers"), 0)
		same(s.t, "publications", s.number("SELECT COUNT(*) FROM hub_publications"), 0)
		s.subscribes(other, annsFeed, "other")
		id := s.post(ann, note("afterwards")).ID
		until(s.t, "who has confirmed gets it", func() bool { return len(other.deliveries()) == 1 })
		s.rests()
		equal(s.t, "entries of who has confirmed", other.got(), []string{id})
		equal(s.t, "entries of who has not", p.got(), nil)
	})
}
