package gnusocial

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Leases that the hub grants.
const (
	minLease = 86400
	maxLease = 2592000
)

// subscriber is a callback that follows a topic.
type subscriber struct {
	secret string
	ends   time.Time
}

// postHub answers somebody who wants to follow a feed, and asks back afterwards.
func (s *Server) postHub(w http.ResponseWriter, r *http.Request) {
	refuse := func(why string, args ...any) {
		s.arrived(w, Arrival{Kind: "subscription", Path: r.URL.Path, Status: http.StatusBadRequest, Refusal: fmt.Sprintf(why, args...), Document: []byte(r.PostForm.Encode())})
	}
	if err := r.ParseForm(); err != nil {
		refuse("the form cannot be read")
		return
	}
	form := r.PostForm
	mode, topic, callback, secret := form.Get("hub.mode"), form.Get("hub.topic"), form.Get("hub.callback"), form.Get("hub.secret")
	lease, err := strconv.Atoi(form.Get("hub.lease_seconds"))
	s.mu.Lock()
	known := s.isFeed(topic)
	s.mu.Unlock()
	switch u, parsed := url.Parse(callback); {
	case mode != "subscribe" && mode != "unsubscribe":
		refuse("the mode %q is not supported", mode)
	case !known:
		refuse("%s is no feed of here", topic)
	case parsed != nil || u.Host == "":
		refuse("%q is no callback", callback)
	case len(callback) > maxColumn:
		refuse("the callback has %d bytes, and the column %d", len(callback), maxColumn)
	case len(secret) >= 200:
		refuse("the secret has %d bytes", len(secret))
	case form.Get("hub.lease_seconds") != "" && err != nil:
		refuse("the lease is no number")
	default:
		if lease == 0 {
			lease = maxLease
		}
		lease = max(minLease, min(maxLease, lease))
		verify := func() error { return s.verify(mode, topic, callback, secret, form.Get("hub.verify_token"), lease) }
		if form.Get("hub.verify") == "sync" {
			if err := verify(); err != nil {
				refuse("%v", err)
				return
			}
			s.arrived(w, Arrival{Kind: "subscription", Path: r.URL.Path, Status: http.StatusNoContent, Document: []byte(form.Encode())})
			return
		}
		s.arrived(w, Arrival{Kind: "subscription", Path: r.URL.Path, Status: http.StatusAccepted, Document: []byte(form.Encode())})
		s.later(func() {
			if err := verify(); err != nil {
				s.complain("subscription", r.URL.Path, []byte(form.Encode()), err)
			}
		})
	}
}

// verify asks a callback whether it was meant. Any success is a yes: the challenge is
// not compared.
func (s *Server) verify(mode, topic, callback, secret, token string, lease int) error {
	u, err := url.Parse(callback)
	if err != nil {
		return err
	}
	q := url.Values{"hub.mode": {mode}, "hub.topic": {topic}, "hub.challenge": {random(16)}, "hub.lease_seconds": {strconv.Itoa(lease)}}
	if token != "" {
		q.Set("hub.verify_token", token)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += q.Encode()
	a, err := s.exchange(http.MethodGet, u.String(), http.Header{}, nil)
	if err != nil {
		return err
	}
	if a.status/100 != 2 {
		return fmt.Errorf("the callback %s answers %d when it is asked about %s", callback, a.status, mode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if mode == "unsubscribe" {
		delete(s.hub[topic], callback)
		return nil
	}
	if s.hub[topic] == nil {
		s.hub[topic] = map[string]*subscriber{}
	}
	s.hub[topic][callback] = &subscriber{secret, time.Now().Add(time.Duration(lease) * time.Second)}
	return nil
}

// Push is a delivery of the hub.
type Push struct {
	Callback string
	Body     []byte
	// Signature is the header of that name, "" to leave it out.
	Signature string
}

// Sign is the signature of a body by a secret.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(body)
	return "sha1=" + hex.EncodeToString(mac.Sum(nil))
}

// Deliver posts something to a callback, and returns the status of the answer. It can
// be anything that the hub would never send.
func (s *Server) Deliver(p Push) (int, error) {
	header := http.Header{}
	if p.Signature != "" {
		header.Set("X-Hub-Signature", p.Signature)
	}
	a, err := s.post(p.Callback, typeAtom, header, p.Body)
	if err != nil {
		return 0, err
	}
	return a.status, nil
}

// publish sends an entry to all who follow a feed: once, whatever comes of it.
func (s *Server) publish(p *profile, entry *node) {
	s.mu.Lock()
	var pushes []Push
	body := s.feed(p, entry)
	for callback, sub := range s.hub[p.Feed] {
		if time.Now().Before(sub.ends) {
			push := Push{Callback: callback, Body: body}
			if sub.secret != "" {
				push.Signature = Sign(sub.secret, body)
			}
			pushes = append(pushes, push)
		}
	}
	lost := s.loses
	s.mu.Unlock()
	if lost {
		return
	}
	for _, push := range pushes {
		status, err := s.Deliver(push)
		if err == nil && status/100 != 2 {
			err = fmt.Errorf("a delivery is answered with %d", status)
		}
		if err != nil {
			s.complain("delivery", push.Callback, push.Body, err)
		}
	}
}

// LosePushes has the hub forget to deliver, as it does when its queue is not worked on.
func (s *Server) LosePushes(lose bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loses = lose
}

// Subscribers are the callbacks that follow a feed, with their secrets.
func (s *Server) Subscribers(feed string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for callback, sub := range s.hub[feed] {
		found[callback] = sub.secret
	}
	return found
}
