package apub

import (
	"context"
	"errors"
	"fmt"

	"manifold/bridge"
	"manifold/models/vocab"
)

// Fetch implements [bridge.Network].
func (s *Server) Fetch(ctx context.Context, iri string) (*bridge.Found, error) {
	found, err := s.find(ctx, iri)
	if e, ok := errors.AsType[*FetchError](err); ok && e.Lasting {
		return nil, fmt.Errorf("%w: %w", bridge.ErrNoThing, err)
	}
	return found, err
}

func (s *Server) find(ctx context.Context, iri string) (*bridge.Found, error) {
	f, err := s.fetch(ctx, iri)
	if err != nil {
		return nil, err
	}
	activity, author, err := postingOf(f.doc)
	if err != nil {
		return nil, notHad(iri, "%v", err)
	}
	actor, err := s.fetchActor(ctx, author)
	if err != nil {
		return nil, err
	}
	if actor.IRI != author {
		return nil, notHad(iri, "it is by %s, which is %s", author, actor.IRI)
	}
	account, err := s.account(ctx, actor)
	if err != nil {
		return nil, err
	}
	return &bridge.Found{Activity: activity, Author: account, ContentType: f.contentType, Original: f.bytes}, nil
}

// postingOf returns the activity that a document of the web tells of, and who did
// it, who has to be of the server that the document is from.
func postingOf(doc *Document) (*vocab.Activity, string, error) {
	var activity *vocab.Activity
	switch {
	case doc.Activity != nil:
		activity = doc.Activity
		if err := trustworthy(activity); err != nil {
			return nil, "", err
		}
	case doc.Posting != nil && doc.Object != nil && doc.Object.Deleted.IsZero():
		activity = doc.Posting
	default:
		return nil, "", errors.New("there is nothing that somebody did or made")
	}
	if activity.Actor == nil || activity.Actor.ID == "" {
		return nil, "", errors.New("the document does not say who did or made it")
	}
	if !sameHost(activity.Actor.ID, doc.ID) {
		return nil, "", fmt.Errorf("it is of %s, and not said by the server of that", activity.Actor.ID)
	}
	return activity, activity.Actor.ID, nil
}

// trustworthy makes sure that what an activity shows of its object is of the actor:
// nobody tells what others wrote. It returns an error that says what is not so.
func trustworthy(a *vocab.Activity) error {
	o := a.Object
	if o == nil || o.IsReference() || a.Verb != vocab.VerbPost && a.Verb != vocab.VerbUpdate {
		return nil
	}
	actor := ""
	if a.Actor != nil {
		actor = a.Actor.ID
	}
	switch {
	case o.Author != nil && o.Author.ID != "" && o.Author.ID != actor:
		return fmt.Errorf("the object %s is by %s, not by %s", o.ID, o.Author.ID, actor)
	case o.ID != "" && !sameHost(o.ID, actor):
		return fmt.Errorf("the object %s is of another server than the actor %s", o.ID, actor)
	}
	return nil
}
