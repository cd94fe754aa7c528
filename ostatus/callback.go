package ostatus

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"manifold/bridge"
	"manifold/models"
	"manifold/ostatus/atom"
	"manifold/ostatus/websub"
)

var (
	errNoSubscription    = &refusal{http.StatusNotFound, "There is no such subscription here."}
	errSubscriptionEnded = &refusal{http.StatusGone, "This subscription has ended, or there never was one."}
)

// getCallback answers a hub that asks whether a subscription was meant.
func (s *Server) getCallback(w http.ResponseWriter, r *http.Request) error {
	token := pathValue(r, "token")
	w.Header().Set("Cache-Control", "no-store")
	answer, err := s.subscriber(0, "").Confirm(r.Context(), token, r.URL.Query())
	if question, ok := errors.AsType[*websub.QuestionError](err); ok {
		return &refusal{http.StatusNotFound, question.Error()}
	}
	if errors.Is(err, websub.ErrUnknown) {
		return errNoSubscription
	}
	if err != nil {
		return err
	}
	if websub.Mode(r.URL.Query().Get("hub.mode")) == websub.Unsubscribe {
		if err := s.forget(r.Context(), token); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = io.WriteString(w, answer)
	return err
}

// postCallback takes what a hub pushes. What is not signed as it should be is answered
// like all else, so that whoever tries secrets learns nothing; the feed is read soon
// instead.
func (s *Server) postCallback(w http.ResponseWriter, r *http.Request) error {
	ctx, token := r.Context(), pathValue(r, "token")
	row, err := s.db.Subscription(ctx, token)
	if errors.Is(err, models.ErrNotFound) || err == nil && over(row) {
		return errSubscriptionEnded
	}
	if err != nil {
		return err
	}
	body, err := readBody(w, r, atom.MaxDocument, "A feed")
	if err != nil {
		return err
	}
	_, err = s.subscriber(row.ActorID, row.Feed).Receive(ctx, token, r.Header, body)
	forged := (*websub.SignatureError)(nil)
	switch {
	case errors.Is(err, websub.ErrUnknown):
		return errSubscriptionEnded
	case errors.As(err, &forged), err == nil && websub.State(row.State) == websub.Active && s.now().After(row.Expires.Add(leaseGrace)):
		s.log.Info("what came for a subscription is not believed", "topic", row.Topic, "error", err)
		if err := s.sooner(ctx, token); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	case err != nil:
		return err
	}
	doc, err := atom.Decode(body, atom.DecodeOptions{Address: row.Feed})
	if err != nil {
		return &refusal{http.StatusBadRequest, fmt.Sprintf("The feed cannot be read: %v.", err)}
	}
	return s.takePush(w, r, row, doc, body)
}

// takePush keeps what a hub has pushed until it is dealt with.
func (s *Server) takePush(w http.ResponseWriter, r *http.Request, row *models.Subscription, doc *atom.Document, body []byte) error {
	news, err := s.news(r.Context(), doc, since(byHub, row))
	if err != nil {
		return err
	}
	if len(news) > 0 {
		err = s.admit(w, r, bridge.Arrived{Network: Network, SenderID: row.ActorID, Verified: byHub, ContentType: atom.TypeFeed, Bytes: body, Received: s.now()})
		if err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// admit keeps a document until it is dealt with.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, a bridge.Arrived) error {
	err := s.bridge.Admit(r.Context(), a)
	if full, ok := errors.AsType[*bridge.BacklogError](err); ok {
		return busy(w, full.RetryAfter, "Too much waits to be dealt with here.")
	}
	return err
}
