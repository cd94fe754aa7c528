package websub

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"manifold/internal/linkheader"
)

// Doer sends a request. Whether an address may be asked at all (of the own
// network, say), how long it may take and that redirects are not followed is for
// it to see to.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Listener is a subscriber as a hub knows it: to whom what is new is delivered.
type Listener struct {
	// Topic and Callback name it: there is one for each pair.
	Topic, Callback string
	Secret          string
	Algorithm       Algorithm
	Expires         time.Time
}

// HubStore keeps what a hub must not forget. It may refuse what would be too much
// with a [*RequestError], which the subscriber is told.
type HubStore interface {
	// Queue keeps a request until [Hub.Verify] was called with it, and is durable when
	// it returns. Of several with one topic and callback only the latest counts, so
	// that a subscriber who changes its mind is asked about its last word.
	Queue(ctx context.Context, r Request) error
	// Expect is called before a callback is asked whether it meant to subscribe. What is
	// published from then on has to be delivered once the subscription is activated, and
	// not before: a subscriber may count on it as soon as it has answered.
	Expect(ctx context.Context, r Request) error
	// Activate makes a subscription the one of its topic and callback. Whatever
	// is delivered from then on is signed with its secret.
	Activate(ctx context.Context, s Listener) error
	// Remove ends the subscription of a topic and callback; that there is none is no
	// error.
	Remove(ctx context.Context, topic, callback string) error
}

// Hub is a hub for the feeds of the server that it is part of.
type Hub struct {
	// Address is that of the hub itself, which feeds name.
	Address string
	Store   HubStore
	Client  Doer
	// Topic returns nil for the address of a feed that may be subscribed to, and for
	// any other an error, whose text is told to the subscriber if it is a
	// [*RequestError].
	Topic  func(ctx context.Context, topic string) error
	Bounds Bounds
	// Now replaces the clock in tests.
	Now func() time.Time
}

func (h *Hub) now() time.Time {
	if h.Now == nil {
		return time.Now()
	}
	return h.Now()
}

// Answer is what a hub answers.
type Answer struct {
	// Status is 202 for what will be verified later, 204 for what was, and 4xx for
	// what cannot be. GNU social takes only these two for success.
	Status int
	Text   string
}

// Handle answers a form that was posted to the hub. An error is one of the store,
// or of the lookup of the topic.
func (h *Hub) Handle(ctx context.Context, form url.Values) (Answer, error) {
	r, err := ParseRequest(form)
	if err != nil {
		return refusal(err)
	}
	if r.Mode == Publish {
		// As GNU social answers: nobody but this server publishes here.
		return Answer{http.StatusBadRequest, "This hub knows by itself what is new in its feeds."}, nil
	}
	// Who wants to leave may do so though the feed is gone.
	if r.Mode == Subscribe {
		if err := h.Topic(ctx, r.Topic); err != nil {
			return refusal(err)
		}
	}
	if r.Sync {
		switch verdict, err := h.Verify(ctx, *r); {
		case err != nil:
			return refusal(err)
		case verdict == Confirmed:
			return Answer{Status: http.StatusNoContent}, nil
		default:
			return Answer{http.StatusConflict, "The callback did not confirm: " + verdict.String() + "."}, nil // PubSubHubbub 0.3, 6.1.2
		}
	}
	if err := h.Store.Queue(ctx, *r); err != nil {
		return refusal(err)
	}
	return Answer{Status: http.StatusAccepted, Text: "The callback will be asked."}, nil
}

func refusal(err error) (Answer, error) {
	if e, ok := errors.AsType[*RequestError](err); ok {
		return Answer{http.StatusBadRequest, e.Text()}, nil
	}
	return Answer{}, err
}

// Verdict is the outcome of asking a callback.
type Verdict int

const (
	// Confirmed means that the callback has repeated the challenge.
	Confirmed Verdict = iota + 1
	// Disowned means that it has answered otherwise: it has not asked for this.
	Disowned
	// Unreachable means that it has not answered, or that something is wrong there.
	// It may be asked again.
	Unreachable
)

func (v Verdict) String() string {
	switch v {
	case Confirmed:
		return "it has confirmed"
	case Disowned:
		return "it has not asked for this"
	case Unreachable:
		return "it cannot be reached"
	}
	return "it was not asked"
}

// maxChallenge bounds what is read of an answer to a challenge.
const maxChallenge = 4096

// Verify asks a callback whether it meant a request (5.3), and when it did, has
// the store do it. An error is one of the store, or of the context.
func (h *Hub) Verify(ctx context.Context, r Request) (Verdict, error) {
	if r.Mode == Subscribe {
		if err := h.Store.Expect(ctx, r); err != nil {
			return 0, err
		}
	}
	challenge, lease := rand.Text(), h.Bounds.Lease(r.Lease)
	q := url.Values{"hub.mode": {string(r.Mode)}, "hub.topic": {r.Topic}, "hub.challenge": {challenge}}
	if r.Mode == Subscribe {
		q.Set("hub.lease_seconds", strconv.Itoa(int(lease/time.Second)))
	}
	if r.VerifyToken != "" {
		q.Set("hub.verify_token", r.VerifyToken)
	}
	status, body, err := h.get(ctx, withQuery(r.Callback, q))
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil || status >= 500 || status == http.StatusTooManyRequests:
		return Unreachable, nil
	case status/100 != 2 || strings.TrimSpace(body) != challenge:
		return Disowned, nil
	case r.Mode == Unsubscribe:
		return Confirmed, h.Store.Remove(ctx, r.Topic, r.Callback)
	}
	return Confirmed, h.Store.Activate(ctx, Listener{Topic: r.Topic, Callback: r.Callback, Secret: r.Secret, Algorithm: r.Algorithm, Expires: h.now().Add(lease)})
}

// Deny tells a callback that there is no subscription, or no longer (5.2). GNU
// social answers 404 to it; whatever is answered is of no consequence.
func (h *Hub) Deny(ctx context.Context, topic, callback, reason string) error {
	q := url.Values{"hub.mode": {string(Denied)}, "hub.topic": {topic}}
	if reason != "" {
		q.Set("hub.reason", reason)
	}
	_, _, err := h.get(ctx, withQuery(callback, q))
	return err
}

func (h *Hub) get(ctx context.Context, address string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := h.Client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxChallenge))
	return resp.StatusCode, string(b), err
}

// Delivery is the outcome of posting something new to a callback.
type Delivery int

const (
	// Delivered means that the callback has taken it.
	Delivered Delivery = iota + 1
	// Failed means that it has not, and may be tried again.
	Failed
	// Missing means that there was nothing at the address (404). A server that is
	// being moved answers so for a while; one that does for days is gone.
	Missing
	// Gone means that the callback wants no more (410, see 7).
	Gone
	// Expired means that nothing was sent, since the lease has ended.
	Expired
)

func (d Delivery) String() string {
	switch d {
	case Delivered:
		return "it was delivered"
	case Failed:
		return "it could not be delivered"
	case Missing:
		return "there is nothing at the callback"
	case Gone:
		return "the callback wants no more"
	case Expired:
		return "the lease has ended"
	}
	return "it was not sent"
}

// Deliver posts a feed with what is new in it to a callback. The error says why
// it has failed, for a log.
func (h *Hub) Deliver(ctx context.Context, s Listener, contentType string, feed []byte) (Delivery, error) {
	if !h.now().Before(s.Expires.Add(h.Bounds.orDefaults().Grace)) {
		return Expired, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Callback, bytes.NewReader(feed))
	if err != nil {
		return Failed, fmt.Errorf("websub: delivering: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Link", linkheader.Format(linkheader.Link{Target: h.Address, Rels: []string{"hub"}}, linkheader.Link{Target: s.Topic, Rels: []string{"self"}}))
	if s.Secret != "" {
		algorithm := s.Algorithm
		if algorithm == "" {
			algorithm = SHA1
		}
		req.Header.Set(SignatureHeader, Sign(algorithm, s.Secret, feed))
	}
	resp, err := h.Client.Do(req)
	if err != nil {
		return Failed, fmt.Errorf("websub: delivering: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxChallenge)) // so that the connection can be used again
	switch {
	case resp.StatusCode/100 == 2:
		return Delivered, nil
	case resp.StatusCode == http.StatusGone:
		return Gone, nil
	case resp.StatusCode == http.StatusNotFound:
		return Missing, nil
	}
	return Failed, &StatusError{resp.StatusCode}
}

// StatusError means that a callback has answered, and has not taken what was posted.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("websub: delivering: status %d", e.Status) }
