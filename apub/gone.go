package apub

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"manifold/bridge"
	"manifold/models"
)

// taskGone looks whether somebody elsewhere is gone, as their inbox says. The subject
// is the id of the actor.
const taskGone = "gone"

// Do implements [bridge.Tasker].
func (s *Server) Do(ctx context.Context, t *bridge.Task) error {
	if t.Kind != taskGone {
		return &bridge.Error{Reason: bridge.Invalid, Text: fmt.Sprintf("This network has no task %q.", t.Kind)}
	}
	_, err := s.fetchActor(ctx, t.Subject)
	switch e, ok := errors.AsType[*FetchError](err); {
	case ok && e.gone():
		return s.departed(ctx, t.Subject)
	case lasting(err):
		return nil // it is not shown to us, which says nothing
	}
	return err
}

// inboxesGone has those looked for whose inboxes say that they are gone. Only the
// document of an actor decides: an inbox may have been moved, or be behind a proxy
// that answers so.
func (s *Server) inboxesGone(ctx context.Context, inboxes []string) error {
	if len(inboxes) == 0 {
		return nil
	}
	owners, err := s.db.PresencesAt(ctx, Network, inboxes...)
	if err != nil || len(owners) == 0 {
		return err
	}
	tasks := make([]bridge.Task, len(owners))
	for i, p := range owners {
		tasks[i] = bridge.Task{Network: Network, Kind: taskGone, Subject: p.IRI}
	}
	return s.db.Write(ctx, func(tx *models.Tx) error { return s.bridge.AddTasks(ctx, tx, tasks...) })
}

// unlessGone returns the error with which an actor could not be read, after what their
// server says of it where it says that the account is gone.
func (s *Server) unlessGone(ctx context.Context, iri string, failed error) error {
	e, ok := errors.AsType[*FetchError](failed)
	if !ok || e.Status != http.StatusGone {
		return failed
	}
	return errors.Join(failed, s.departed(ctx, iri))
}

// departed ends what there is between people here and somebody who is gone. What they
// posted stays, for servers answer so of accounts that are only suspended; a Delete of
// the actor says more.
func (s *Server) departed(ctx context.Context, iri string) error {
	id, err := s.db.LookupKind(ctx, models.KindActor, iri)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.bridge.Depart(ctx, id)
}
