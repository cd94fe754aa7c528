package gnusocial

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// subscription is one of this site to a feed elsewhere.
type subscription struct {
	number int
	of     *profile
	state  string // "subscribe" and "unsubscribe" until the hub has asked, "active", "inactive"
	secret string
	ends   time.Time // 0 for never
}

// verifyToken is what GNU social sends where an older protocol wants a token.
const verifyToken = "Deprecated-since-PuSH-0.4"

// subscribe asks the hub of somebody for the feed. The secret changes each time,
// before the hub is asked.
func (s *Server) subscribe(p *profile, mode string) error {
	s.mu.Lock()
	if p.sub == nil {
		p.sub = &subscription{number: s.number(), of: p}
		s.subs[p.sub.number] = p.sub
	}
	p.sub.state = mode
	if mode == "subscribe" {
		p.sub.secret = random(32)
	}
	callback := fmt.Sprintf("%s/main/push/callback/%d", s.Base, p.sub.number)
	form := url.Values{"hub.mode": {mode}, "hub.callback": {callback}, "hub.topic": {p.Feed}, "hub.secret": {p.sub.secret},
		"hub.verify": {"async"}, "hub.verify_token": {verifyToken}, "hub.lease_seconds": {strconv.Itoa(maxLease)}}
	if s.options.Old {
		form.Set("hub.verify", "sync")
		form.Del("hub.lease_seconds")
	}
	hub := p.hub
	s.mu.Unlock()
	a, err := s.post(hub, "application/x-www-form-urlencoded", nil, []byte(form.Encode()))
	if err == nil && a.status != http.StatusAccepted && a.status != http.StatusNoContent {
		err = fmt.Errorf("the hub %s answers %d to %s: %.200s", hub, a.status, mode, a.body)
	}
	if err == nil && s.options.Old && a.status != http.StatusNoContent {
		err = fmt.Errorf("the hub %s was asked to verify before it answers, and answers %d", hub, a.status)
	}
	return err
}

// getCallback answers a hub that asks whether a subscription was meant.
func (s *Server) getCallback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	sub := s.subscription(r)
	mode, challenge := q.Get("hub.mode"), q.Get("hub.challenge")
	why := ""
	switch {
	case sub == nil:
		why = "there is no such subscription"
	case mode == "denied" || mode != "subscribe" && mode != "unsubscribe":
		why = "the mode is " + mode
	case q.Get("hub.topic") != sub.of.Feed:
		why = fmt.Sprintf("the topic is %s, not %s", q.Get("hub.topic"), sub.of.Feed)
	case q.Get("hub.verify_token") != verifyToken:
		why = "the token is " + q.Get("hub.verify_token")
	case mode == "subscribe" && sub.state != "subscribe" && sub.state != "active", mode == "unsubscribe" && sub.state != "unsubscribe":
		why = "it was not asked for " + mode
	case challenge == "":
		why = "there is no challenge"
	case mode == "unsubscribe":
		sub.state, sub.secret = "inactive", ""
	default:
		sub.state, sub.ends = "active", time.Time{}
		if lease, err := strconv.Atoi(q.Get("hub.lease_seconds")); err == nil && lease > 0 {
			sub.ends = time.Now().Add(time.Duration(lease) * time.Second)
		}
	}
	s.mu.Unlock()
	if why != "" {
		s.arrived(w, Arrival{Kind: "verification", Path: r.URL.String(), Status: http.StatusNotFound, Refusal: why})
		return
	}
	s.arrived(w, Arrival{Kind: "verification", Path: r.URL.String(), Status: http.StatusOK})
	_, _ = w.Write([]byte(challenge))
}

func (s *Server) subscription(r *http.Request) *subscription {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil
	}
	return s.subs[number]
}

// postCallback takes what a hub delivers. What is not signed well gets the same
// answer and has no effect.
func (s *Server) postCallback(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	s.mu.Lock()
	sub := s.subscription(r)
	var feed, secret, state string
	if sub != nil {
		feed, secret, state = sub.of.Feed, sub.secret, sub.state
	}
	s.mu.Unlock()
	a := Arrival{Kind: "push", Path: r.URL.Path, Document: body, Status: http.StatusOK}
	signature := r.Header.Get("X-Hub-Signature")
	switch {
	case sub == nil || err != nil:
		a.Status, a.Refusal = http.StatusBadRequest, fmt.Sprintf("there is no such subscription, or it cannot be read: %v", err)
	case state == "inactive" || state == "unsubscribe":
		a.Refusal = "the subscription is over"
	case signature == "":
		a.Refusal = "it is not signed"
	case !hmac.Equal([]byte(signature), []byte(Sign(secret, body))):
		a.Refusal = "its signature is " + signature
	}
	if a.Refusal == "" {
		if a.Refusal = checkPush(body, feed); a.Refusal == "" {
			s.later(func() { s.receiveFeed(sub.of, body, WayPush) })
		}
	}
	s.arrived(w, a)
}

// checkPush says what is wrong with a body that a hub has signed.
func checkPush(body []byte, feed string) string {
	root, err := readXML(body)
	if err == nil && !root.is(nsAtom, "feed") {
		err = errors.New("it is no feed")
	}
	if err == nil && (ownerOf(root) == nil || root.href("hub", "") == "" || root.href("salmon", "") == "") {
		err = errors.New("the feed does not say whose it is, or has no hub or salmon endpoint")
	}
	if err == nil && root.href("self", "") != feed {
		err = fmt.Errorf("the feed says that it is %s, not %s", root.href("self", ""), feed)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// receiveFeed processes the entries of a feed, oldest first.
func (s *Server) receiveFeed(of *profile, body []byte, way string) {
	root, err := readXML(body)
	if err != nil {
		return // checkPush has read it
	}
	owner := ownerOf(root)
	entries := root.all(nsAtom, "entry")
	for i := len(entries) - 1; i >= 0; i-- {
		author := actorOf(entries[i])
		if author == nil || !of.Group {
			// In the feed of a person the owner has said everything, whoever is named.
			author = owner
		}
		if err := s.receive(entries[i], author, of, way); err != nil {
			s.complain(way, of.Feed, body, err)
		}
	}
}

// Read reads the feed of somebody again, which finds what was never delivered.
func (s *Server) Read(uri string) error {
	s.mu.Lock()
	p := s.profiles[uri]
	s.mu.Unlock()
	if p == nil {
		return fmt.Errorf("%s is not known", uri)
	}
	a, err := s.get(http.MethodGet, p.Feed, typeAtom)
	if err != nil {
		return err
	}
	if _, err := readXML(a.body); err != nil {
		return err
	}
	s.receiveFeed(p, a.body, WayFeed)
	return nil
}

// Subscription says how a subscription to the feed of somebody stands: "" for none,
// "subscribe" or "unsubscribe" until the hub has asked, "active" or "inactive".
func (s *Server) Subscription(uri string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.profiles[uri]; p != nil && p.sub != nil {
		return p.sub.state
	}
	return ""
}
