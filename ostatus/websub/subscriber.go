package websub

import (
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
)

// State is what has become of a subscription of ours.
type State string

const (
	// Pending means that the hub was asked and has not asked back.
	Pending State = "pending"
	// Active means that the hub delivers.
	Active State = "active"
	// Leaving means that the hub was asked to stop.
	Leaving State = "leaving"
	// Refused means that the hub has denied it.
	Refused State = "refused"
	// Over means that the hub has confirmed that it stops.
	Over State = "over"
)

// Subscription is a subscription of ours to somebody's feed.
type Subscription struct {
	// Token is the last part of the callback's path. Nobody can guess it.
	Token string
	Hub   string
	Topic string
	State State
	// Secret is what the hub signs with.
	Secret string
	// NextSecret is what the hub was last asked to sign with, until it has confirmed;
	// it may use it at any time from then on.
	NextSecret string
	// Lease is for how long the hub lets it live, until Expires.
	Lease   time.Duration
	Expires time.Time
	// Reason is what a hub has said that denied it.
	Reason string
}

// RenewAt is when to subscribe again: when a third of the lease is left, and at
// the earliest three days before its end. It is zero for what is not active.
func (s *Subscription) RenewAt() time.Time {
	if s.State != Active {
		return time.Time{}
	}
	return s.Expires.Add(-min(s.Lease/3, 3*day))
}

// ErrUnknown means that there is no subscription with a token. What is asked or
// posted there is answered with 404 or 410.
var ErrUnknown = errors.New("websub: there is no such subscription")

// SubscriberStore keeps subscriptions of ours.
type SubscriberStore interface {
	// Put keeps a new subscription.
	Put(ctx context.Context, s Subscription) error
	// Get returns the subscription with a token, or [ErrUnknown].
	Get(ctx context.Context, token string) (*Subscription, error)
	// Change has a function change the subscription with a token, and keeps it unless
	// the function returns an error, which Change returns as well. Nobody else
	// changes it in between. It returns [ErrUnknown] where there is none.
	Change(ctx context.Context, token string, change func(*Subscription) error) error
}

// Subscriber subscribes to the feeds of others.
type Subscriber struct {
	Store  SubscriberStore
	Client Doer
	// Callback returns the address at which a token is asked for: where
	// [Subscriber.Confirm] and [Subscriber.Receive] are called. GNU social has room for
	// 191 bytes.
	Callback func(token string) string
	// Lease is what hubs are asked for, by default thirty days.
	Lease time.Duration
	// Now replaces the clock in tests.
	Now func() time.Time
}

func (s *Subscriber) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Subscriber) lease() time.Duration {
	if s.Lease == 0 {
		return 30 * day
	}
	return s.Lease
}

// HubError means that a hub has not taken a request.
type HubError struct {
	Status int
	// Text is the beginning of what it said.
	Text string
}

func (e *HubError) Error() string {
	return fmt.Sprintf("websub: the hub answered %d: %s", e.Status, e.Text)
}

// Temporary reports whether the hub may take the same another time.
func (e *HubError) Temporary() bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// Subscribe asks a hub for a topic. It returns the subscription, pending, or with
// it a [*HubError] or the error of the exchange: it can be asked for again with
// [Subscriber.Renew].
func (s *Subscriber) Subscribe(ctx context.Context, hub, topic string) (*Subscription, error) {
	sub := Subscription{Token: rand.Text(), Hub: hub, Topic: topic, State: Pending}
	if err := s.Store.Put(ctx, sub); err != nil {
		return nil, err
	}
	return s.Renew(ctx, sub.Token)
}

// Renew asks the hub again, for a new lease with a new secret. What is active
// stays so in the meantime, and deliveries with either secret are good.
func (s *Subscriber) Renew(ctx context.Context, token string) (*Subscription, error) {
	var sub Subscription
	// The secret is kept before the hub gets it: it may ask back, and deliver, before
	// it answers.
	err := s.Store.Change(ctx, token, func(kept *Subscription) error {
		kept.NextSecret = rand.Text() + rand.Text() // 52 bytes
		if kept.State != Active {
			kept.State = Pending
		}
		sub = *kept
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sub, s.ask(ctx, &sub, Subscribe)
}

// Unsubscribe asks the hub to stop. What it delivers until it has confirmed has no
// effect any more.
func (s *Subscriber) Unsubscribe(ctx context.Context, token string) error {
	var sub Subscription
	err := s.Store.Change(ctx, token, func(kept *Subscription) error {
		kept.State, kept.NextSecret = Leaving, ""
		sub = *kept
		return nil
	})
	if err != nil {
		return err
	}
	return s.ask(ctx, &sub, Unsubscribe)
}

func (s *Subscriber) ask(ctx context.Context, sub *Subscription, mode Mode) error {
	form := url.Values{"hub.mode": {string(mode)}, "hub.topic": {sub.Topic}, "hub.callback": {s.Callback(sub.Token)},
		// Hubs of 0.3 want to be told how to ask back; those of later do not mind.
		"hub.verify": {"async"}}
	if mode == Subscribe {
		form.Set("hub.secret", sub.NextSecret)
		form.Set("hub.lease_seconds", strconv.Itoa(int(s.lease()/time.Second)))
	}
	return post(ctx, s.Client, sub.Hub, form)
}

// Announce tells a hub that is not our own that a feed of ours has something new
// (PubSubHubbub 0.4, 7.1).
func Announce(ctx context.Context, client Doer, hub, topic string) error {
	return post(ctx, client, hub, url.Values{"hub.mode": {string(Publish)}, "hub.url": {topic}, "hub.topic": {topic}})
}

func post(ctx context.Context, client Doer, hub string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hub, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("websub: asking the hub: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("websub: asking the hub: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
	return &HubError{resp.StatusCode, strings.ToValidUTF8(strings.Join(strings.Fields(string(text)), " "), "")}
}

// QuestionError means that a question at a callback is about something that was
// not asked for. It is answered with 404, which says no (5.3.1).
type QuestionError struct{ Reason string }

func (e *QuestionError) Error() string { return "websub: " + e.Reason }

// Confirm answers what a hub asks at the callback of a token; query is that of
// its request. It returns the body to answer with, with the status 200. Errors
// are [ErrUnknown], a [*QuestionError], or those of the store.
func (s *Subscriber) Confirm(ctx context.Context, token string, query url.Values) (string, error) {
	mode, topic, challenge := Mode(query.Get("hub.mode")), query.Get("hub.topic"), query.Get("hub.challenge")
	err := s.Store.Change(ctx, token, func(sub *Subscription) error {
		if topic != sub.Topic {
			return &QuestionError{"the subscription is to another topic"}
		}
		if mode != Denied && challenge == "" {
			return &QuestionError{"there is no hub.challenge to repeat"}
		}
		switch mode {
		case Subscribe:
			return s.confirmed(sub, query.Get("hub.lease_seconds"))
		case Unsubscribe:
			if sub.State != Leaving && sub.State != Over {
				return &QuestionError{"the subscription is wanted"}
			}
			sub.State = Over
		case Denied:
			// It may end what was active (5.2).
			sub.State, sub.Reason = Refused, query.Get("hub.reason")
			if len(sub.Reason) > 500 {
				sub.Reason = strings.ToValidUTF8(sub.Reason[:500], "")
			}
			challenge = ""
		default:
			return &QuestionError{"hub.mode is neither subscribe nor unsubscribe nor denied"}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return challenge, nil
}

// confirmed notes that a hub is about to deliver. A hub may ask more than once.
func (s *Subscriber) confirmed(sub *Subscription, seconds string) error {
	if sub.State != Pending && sub.State != Active {
		return &QuestionError{"the subscription is not wanted"}
	}
	sub.Lease = s.lease() // a hub of 0.3 may not say
	if n, err := strconv.ParseUint(seconds, 10, 32); err == nil && n > 0 {
		sub.Lease = time.Duration(n) * time.Second
	}
	if sub.NextSecret != "" {
		sub.Secret, sub.NextSecret = sub.NextSecret, ""
	}
	sub.State, sub.Reason, sub.Expires = Active, "", s.now().Add(sub.Lease)
	return nil
}

// Receive says whose delivery a body is that was posted to the callback of a
// token. Errors are [ErrUnknown], to be answered with 410 so that the hub stops; a
// [*SignatureError], to be answered like a success and without any effect (8); or
// those of the store.
func (s *Subscriber) Receive(ctx context.Context, token string, header http.Header, body []byte) (*Subscription, error) {
	sub, err := s.Store.Get(ctx, token)
	switch {
	case err != nil:
		return nil, err
	case sub.State != Active && sub.State != Pending:
		return nil, ErrUnknown
	}
	signature := header.Get(SignatureHeader)
	outcome := CheckSignature(signature, sub.Secret, body)
	if outcome == Forged && sub.NextSecret != "" {
		outcome = CheckSignature(signature, sub.NextSecret, body)
	}
	if outcome != Authentic {
		return nil, &SignatureError{outcome}
	}
	return sub, nil
}
