package apub

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// getObject serves a thing of ours under its id. One that a client brought an id
// for, which was made elsewhere, is redirected to there.
func (s *Server) getObject(w http.ResponseWriter, r *http.Request, who visitor) error {
	o, err := s.object(r, who)
	if errors.Is(err, errNothing) {
		return s.getQuoteAuthorization(w, r, who)
	}
	if err != nil {
		return err
	}
	ctx := r.Context()
	if !o.Deleted.IsZero() {
		return s.sendTombstone(w, r, who, o.Doc.ID, o.Type, o.Deleted)
	}
	if !s.names.Ours(o.Doc.ID) {
		return redirect(w, r, o.Doc.ID)
	}
	var post *models.Activity
	var about []*models.Activity
	if o.ActivityID != 0 {
		if post, err = s.db.Activity(ctx, o.ActivityID); err != nil {
			return err
		}
		about = append(about, post)
	}
	people, err := s.people(ctx, about, []*models.Object{o})
	if err != nil {
		return err
	}
	e, err := s.writer(ctx, people)
	if err != nil {
		return err
	}
	doc, err := e.Object(o, post)
	if errors.Is(err, ErrNotExpressible) {
		return errNothing
	}
	if err != nil {
		return err
	}
	s.send(w, r, who, http.StatusOK, doc)
	return nil
}

// getQuoteAuthorization serves what allows somebody elsewhere to quote a thing, for
// as long as it does.
func (s *Server) getQuoteAuthorization(w http.ResponseWriter, r *http.Request, who visitor) error {
	ctx := r.Context()
	q, err := s.db.QuoteAuthorization(ctx, s.names.Thing(pathValue(r, "type"), pathValue(r, "uuid")))
	if errors.Is(err, models.ErrNotFound) {
		return errNothing
	}
	if err != nil {
		return err
	}
	if !q.Revoked.IsZero() {
		return s.sendTombstone(w, r, who, q.IRI, "", q.Revoked)
	}
	quoted, err := s.db.Object(ctx, q.ObjectID)
	if err != nil {
		return err
	}
	author, err := s.db.Actor(ctx, q.AuthorID)
	if err != nil {
		return err
	}
	doc, err := s.encoder(nil).QuoteAuthorization(QuoteAuthorization{ID: q.IRI, Author: author.Doc.ID, Quote: q.Quote, Quoted: quoted.Doc.ID, Created: q.Created})
	if err != nil {
		return err
	}
	s.send(w, r, who, http.StatusOK, doc)
	return nil
}

// object returns the thing that a path names, deleted or not, as far as the reader
// may see it.
func (s *Server) object(r *http.Request, who visitor) (*models.Object, error) {
	objectType := pathValue(r, "type")
	if !bridge.KnownType(objectType) {
		return nil, errNothing
	}
	ctx := r.Context()
	o, err := s.db.ObjectByIRI(ctx, s.names.Thing(objectType, pathValue(r, "uuid")))
	if errors.Is(err, models.ErrNotFound) {
		return nil, errNothing
	}
	if err != nil {
		return nil, err
	}
	return o, s.mayRead(ctx, who, o)
}

// mayRead returns [errNothing] for a thing that the reader may not see.
func (s *Server) mayRead(ctx context.Context, who visitor, o *models.Object) error {
	visible, err := s.db.MaySeeObject(ctx, who.Viewer, o.ID)
	if err == nil && visible {
		visible, err = s.isThere(ctx, o.AuthorID)
	}
	if err == nil && !visible {
		err = errNothing
	}
	return err
}

// isThere reports whether what somebody did is shown: while they are suspended, or
// their server is blocked, it is not.
func (s *Server) isThere(ctx context.Context, actor int64) (bool, error) {
	a, err := s.db.Actor(ctx, actor)
	if errors.Is(err, models.ErrNotFound) {
		return true, nil // the author of a copy
	}
	if err != nil || a.State == models.Suspended {
		return false, err
	}
	if err = s.bridge.RefuseHost(ctx, a.Host); errors.Is(err, bridge.ErrHostBlocked) {
		return false, nil
	}
	return err == nil, err
}

// redirect leads to where a thing comes from.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errNothing
	}
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}

// getActivity serves what somebody here did under its id.
func (s *Server) getActivity(w http.ResponseWriter, r *http.Request, who visitor) error {
	ctx := r.Context()
	a, err := s.db.ActivityByIRI(ctx, s.names.Thing(vocab.TypeActivity, pathValue(r, "uuid")))
	if errors.Is(err, models.ErrNotFound) {
		return errNothing
	}
	if err != nil {
		return err
	}
	visible, err := s.db.MaySeeActivity(ctx, who.Viewer, a.ID)
	if err == nil && visible {
		visible, err = s.isThere(ctx, a.ActorID)
	}
	switch {
	case err != nil:
		return err
	case !visible:
		return errNothing
	case !a.Deleted.IsZero():
		return s.sendTombstone(w, r, who, a.Doc.ID, vocab.TypeActivity, a.Deleted)
	}
	docs, err := s.encodeActivities(ctx, false, a)
	if err != nil {
		return err
	}
	if docs[0] == nil {
		return errNothing
	}
	s.send(w, r, who, http.StatusOK, docs[0])
	return nil
}

// encodeActivities writes activities with what they are about, by a number of
// queries that does not depend on how many they are. For one that cannot be said
// on this network there is nil.
func (s *Server) encodeActivities(ctx context.Context, embedded bool, activities ...*models.Activity) ([][]byte, error) {
	abouts, err := s.abouts(ctx, activities)
	if err != nil {
		return nil, err
	}
	all := activities[:len(activities):len(activities)]
	var objects []*models.Object
	for _, about := range abouts {
		if about.Object != nil {
			objects = append(objects, about.Object)
		}
		if about.Inner != nil {
			all = append(all, about.Inner)
		}
	}
	people, err := s.people(ctx, all, objects)
	if err != nil {
		return nil, err
	}
	e, err := s.writer(ctx, people)
	if err != nil {
		return nil, err
	}
	e.Embedded = embedded
	docs := make([][]byte, len(activities))
	for i, a := range activities {
		docs[i], err = e.Activity(a, abouts[i])
		if errors.Is(err, ErrNotExpressible) {
			docs[i], err = nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// abouts reads what activities are about.
func (s *Server) abouts(ctx context.Context, activities []*models.Activity) ([]About, error) {
	var objectIDs, innerIDs, actorIDs []int64
	for _, a := range activities {
		switch a.Object.Kind {
		case models.KindObject:
			objectIDs = append(objectIDs, a.Object.ID)
		case models.KindActivity:
			innerIDs = append(innerIDs, a.Object.ID)
		case models.KindActor:
			if a.Verb == vocab.VerbUpdate {
				actorIDs = append(actorIDs, a.Object.ID)
			}
		}
	}
	objects, err := s.db.Objects(ctx, objectIDs...)
	if err != nil {
		return nil, err
	}
	inner, err := s.db.Activities(ctx, innerIDs...)
	if err != nil {
		return nil, err
	}
	actors, err := s.db.Actors(ctx, actorIDs...)
	if err != nil {
		return nil, err
	}
	abouts := make([]About, len(activities))
	for i, a := range activities {
		switch a.Object.Kind {
		case models.KindObject:
			abouts[i].Object = objects[a.Object.ID]
		case models.KindActivity:
			abouts[i].Inner = inner[a.Object.ID]
		case models.KindActor:
			if g := actors[a.Object.ID]; g != nil && g.Local {
				if abouts[i].Actor, err = s.profile(ctx, g); err != nil {
					return nil, err
				}
			}
		}
	}
	return abouts, nil
}
