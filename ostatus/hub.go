package ostatus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/ostatus/websub"
)

const (
	// maxHubForm bounds what may be posted to the hub, in bytes: three addresses and a
	// few words.
	maxHubForm = 16 << 10
	// maxCallbacks is how many subscriptions to one topic a host may have. A server
	// needs one; more than one server may share a host.
	maxCallbacks = 100
	// maxRequests is how many requests may wait for the callbacks of one host.
	maxRequests = 1000
	// maxSync is how many subscribers are verified at the same time before they are
	// answered. When there are more, the others are told that they will be.
	maxSync = 16
	// verifyAttempts is how often a callback that cannot be reached is asked, within
	// about half an hour.
	verifyAttempts = 6
)

// newHub makes the hub of all feeds here.
func (s *Server) newHub(store *hubStore) *websub.Hub {
	return &websub.Hub{Address: s.HubURL(), Store: store, Client: caller{s.outbound}, Now: s.now, Topic: func(ctx context.Context, topic string) error {
		_, err := s.topicOwner(ctx, topic)
		return err
	}}
}

// postHub takes what subscribers ask of the hub.
func (s *Server) postHub(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxHubForm)
	if err := r.ParseForm(); err != nil {
		if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("A request to the hub has at most %d bytes.", tooLong.Limit)}
		}
		return &refusal{http.StatusBadRequest, "The body is no form (application/x-www-form-urlencoded)."}
	}
	form := r.PostForm
	select {
	case s.syncs <- struct{}{}:
		defer func() { <-s.syncs }()
	default:
		form.Del("hub.verify")
	}
	store := &hubStore{s: s}
	answer, err := s.newHub(store).Handle(r.Context(), form)
	if forgetting := store.forget(context.WithoutCancel(r.Context())); err == nil {
		err = forgetting
	}
	if err != nil {
		return err
	}
	if answer.Status >= 400 {
		return &refusal{answer.Status, answer.Text}
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(answer.Status)
	if answer.Text != "" {
		_, err = w.Write([]byte(answer.Text + "\n"))
	}
	return err
}

// errNoTopic is told to those who subscribe to what is no feed of ours. GNU social
// repeats the address that it has found in the feed: the same in other words is a
// mistake of somebody.
var errNoTopic = &websub.RequestError{Parameter: "hub.topic", Reason: "has to be the address of a feed here, as it stands in the feed itself"}

// topicOwner returns whose feed a topic is, or [errNoTopic] where nobody's is.
func (s *Server) topicOwner(ctx context.Context, topic string) (*models.Actor, error) {
	id, ok := strings.CutSuffix(topic, "/feed.atom")
	if !ok || !s.names.Ours(id) {
		return nil, errNoTopic
	}
	var owner *models.Actor
	var err error
	if nick := s.names.Nickname(id); nick != "" {
		var account *models.Account
		if account, err = s.db.AccountByNickname(ctx, nick); err == nil {
			owner, err = s.db.Actor(ctx, account.ActorID)
		}
	} else {
		owner, err = s.db.ActorByIRI(ctx, id)
	}
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && (!owner.Local || owner.State == models.Deleted || s.feedOf(owner) != topic):
		return nil, errNoTopic
	case err != nil:
		return nil, err
	}
	return owner, nil
}

// hubStore keeps what the hub must not forget. request is the request that is being
// dealt with, 0 for one that was not stored; expected is by what name its subscriber is
// expected, 0 where none is.
type hubStore struct {
	s                 *Server
	request, expected int64
}

var _ websub.HubStore = (*hubStore)(nil)

// Queue implements [websub.HubStore].
func (h *hubStore) Queue(ctx context.Context, r websub.Request) error {
	host, err := h.admit(ctx, r.Topic, r.Callback)
	if err != nil {
		return err
	}
	waiting, err := h.s.db.CountHubRequests(ctx, host)
	if err != nil {
		return err
	}
	if waiting >= maxRequests {
		return &websub.RequestError{Parameter: "hub.callback", Reason: "is on a host for which too many requests wait: try again later"}
	}
	row := &models.HubRequest{Topic: r.Topic, Callback: r.Callback, Host: host, Mode: string(r.Mode), Secret: r.Secret, Algorithm: string(r.Algorithm),
		Lease: r.Lease, VerifyToken: r.VerifyToken, Created: h.s.now()}
	err = h.s.db.Write(ctx, func(tx *models.Tx) error {
		if err := tx.SetHubRequest(ctx, row); err != nil {
			return err
		}
		return h.s.bridge.AddTasks(ctx, tx, bridge.Task{Network: Network, Kind: taskVerify, Subject: strconv.FormatInt(row.ID, 10)})
	})
	if errors.Is(err, models.ErrText) {
		return &websub.RequestError{Parameter: "hub.callback", Reason: "or another parameter is not in UTF-8"}
	}
	return err
}

// admit returns the host of a callback, or why it may not have one more
// subscription.
func (h *hubStore) admit(ctx context.Context, topic, callback string) (host string, err error) {
	if len(topic)+len(callback) > models.MaxHubAddress {
		return "", &websub.RequestError{Parameter: "hub.callback", Reason: fmt.Sprintf("has, with hub.topic, more than %d bytes", models.MaxHubAddress)}
	}
	u, err := url.Parse(callback)
	if err != nil {
		return "", &websub.RequestError{Parameter: "hub.callback", Reason: "cannot be read"}
	}
	host = strings.ToLower(u.Host)
	others, err := h.s.db.CountHubSubscribers(ctx, topic, host, callback)
	if err == nil && others >= maxCallbacks {
		err = &websub.RequestError{Parameter: "hub.callback", Reason: fmt.Sprintf("is on a host that has %d subscriptions to this topic already", others)}
	}
	return host, err
}

// Expect implements [websub.HubStore].
func (h *hubStore) Expect(ctx context.Context, r websub.Request) error {
	host, err := h.admit(ctx, r.Topic, r.Callback)
	if err != nil {
		return err
	}
	owner, err := h.s.topicOwner(ctx, r.Topic)
	if err != nil {
		return err
	}
	err = h.s.db.Write(ctx, func(tx *models.Tx) error {
		name := h.request
		if name == 0 {
			name = tx.NewID()
		}
		h.expected = name
		// Whoever is still expected after keepEnded was left so by a process that is gone.
		return tx.ExpectHubSubscriber(ctx, models.HubSubscriber{Topic: r.Topic, Callback: r.Callback, Host: host, OwnerID: owner.ID, Expires: h.s.now()}, name)
	})
	if errors.Is(err, models.ErrText) {
		return &websub.RequestError{Parameter: "hub.callback", Reason: "or another parameter is not in UTF-8"}
	}
	return err
}

// forget keeps nothing more for a subscriber that has not confirmed.
func (h *hubStore) forget(ctx context.Context) error {
	if h.expected == 0 {
		return nil
	}
	return h.s.db.Write(ctx, func(tx *models.Tx) error { return tx.ForgetHubSubscriber(ctx, h.expected) })
}

// Activate implements [websub.HubStore]. A subscriber that has missed something gets
// it now.
func (h *hubStore) Activate(ctx context.Context, l websub.Listener) error {
	host, err := h.admit(ctx, l.Topic, l.Callback)
	if err != nil {
		return err
	}
	owner, err := h.s.topicOwner(ctx, l.Topic)
	if err != nil {
		return err
	}
	return h.s.db.Write(ctx, func(tx *models.Tx) error {
		if latest, err := h.settle(ctx, tx); err != nil || !latest {
			return err
		}
		behind, err := tx.SetHubSubscriber(ctx, models.HubSubscriber{Topic: l.Topic, Callback: l.Callback, Host: host, OwnerID: owner.ID, Secret: l.Secret,
			Algorithm: string(l.Algorithm), Expires: l.Expires}, h.s.now())
		if err != nil || !behind {
			return err
		}
		return h.s.bridge.AddTasks(ctx, tx, bridge.Task{Network: Network, Kind: taskPublish, Subject: l.Topic, Delivers: true})
	})
}

// Remove implements [websub.HubStore].
func (h *hubStore) Remove(ctx context.Context, topic, callback string) error {
	return h.s.db.Write(ctx, func(tx *models.Tx) error {
		if latest, err := h.settle(ctx, tx); err != nil || !latest {
			return err
		}
		return tx.RemoveHubSubscriber(ctx, topic, callback)
	})
}

// settle removes the request that is being dealt with, and reports whether it is
// still the last word of the subscriber.
func (h *hubStore) settle(ctx context.Context, tx *models.Tx) (latest bool, err error) {
	if h.request == 0 {
		return true, nil
	}
	if latest, err = tx.RemoveHubRequest(ctx, h.request); err == nil && !latest {
		err = tx.ForgetHubSubscriber(ctx, h.request)
	}
	return latest, err
}

// verifySubscriber asks a subscriber whether it meant a request.
func (s *Server) verifySubscriber(ctx context.Context, t *bridge.Task) error {
	id, err := strconv.ParseInt(t.Subject, 10, 64)
	if err != nil {
		return &bridge.Error{Reason: bridge.Invalid, Text: "The id of a request to the hub is a number, not " + t.Subject + "."}
	}
	store := &hubStore{s: s, request: id, expected: id}
	row, err := s.db.HubRequest(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return store.forget(ctx) // it has changed its mind
	}
	if err != nil {
		return err
	}
	r := websub.Request{Mode: websub.Mode(row.Mode), Topic: row.Topic, Callback: row.Callback, Lease: row.Lease, Secret: row.Secret,
		Algorithm: websub.Algorithm(row.Algorithm), VerifyToken: row.VerifyToken}
	hub := s.newHub(store)
	if r.Mode == websub.Subscribe {
		if _, err := s.topicOwner(ctx, r.Topic); errors.Is(err, errNoTopic) {
			// It was a feed when the request came.
			if err := hub.Deny(ctx, r.Topic, r.Callback, errNoTopic.Text()); err != nil {
				s.log.InfoContext(ctx, "a subscriber was not told that there is no such feed", "host", row.Host, "error", err)
			}
			return s.dropRequest(ctx, store)
		}
	}
	verdict, err := hub.Verify(ctx, r)
	if refused, ok := errors.AsType[*websub.RequestError](err); ok {
		s.log.InfoContext(ctx, "a subscription was refused", "topic", r.Topic, "host", row.Host, "reason", refused.Text())
		return s.dropRequest(ctx, store)
	}
	switch {
	case err != nil:
		return err
	case verdict == websub.Confirmed:
		s.log.InfoContext(ctx, "a subscriber has confirmed", "mode", row.Mode, "topic", r.Topic, "host", row.Host)
		return nil
	case verdict == websub.Unreachable && t.Attempt < verifyAttempts && !t.Last:
		return fmt.Errorf("asking a subscriber on %s: %s", row.Host, verdict)
	}
	s.log.InfoContext(ctx, "a subscriber has not confirmed", "mode", row.Mode, "topic", r.Topic, "host", row.Host, "reason", verdict.String())
	return s.dropRequest(ctx, store)
}

func (s *Server) dropRequest(ctx context.Context, h *hubStore) error {
	return s.db.Write(ctx, func(tx *models.Tx) error {
		if _, err := h.settle(ctx, tx); err != nil {
			return err
		}
		return tx.ForgetHubSubscriber(ctx, h.request)
	})
}

// Times after which the hub forgets.
const (
	// keepPublished is the longest lease with its grace: whoever has not got something
	// by then has no subscription any more.
	keepPublished = 33 * 24 * time.Hour
	// keepEnded is the grace of subscriptions.
	keepEnded = 3 * 24 * time.Hour
	// keepRequests is longer than a callback is asked.
	keepRequests = 24 * time.Hour
)

// dueTopics is how many topics with subscribers that are to be tried again are looked
// after each minute.
const dueTopics = 500

// tendHub has those subscribers tried again that are due, and forgets what is over.
func (s *Server) tendHub(ctx context.Context) error {
	now := s.now()
	if err := s.db.FreeHub(ctx, now); err != nil {
		return err
	}
	topics, err := s.db.DueHubTopics(ctx, now, dueTopics)
	if err != nil {
		return err
	}
	tasks := make([]bridge.Task, len(topics))
	for i, topic := range topics {
		tasks[i] = bridge.Task{Network: Network, Kind: taskCatchUp, Subject: topic}
	}
	return s.db.Write(ctx, func(tx *models.Tx) error {
		if err := tx.PruneHub(ctx, now.Add(-keepEnded), now.Add(-keepPublished), now.Add(-keepRequests)); err != nil {
			return err
		}
		return s.bridge.AddTasks(ctx, tx, tasks...)
	})
}
