package apub

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// getPerson serves the actor that a person is.
func (s *Server) getPerson(w http.ResponseWriter, r *http.Request, who visitor) error {
	a, err := s.person(r)
	if err != nil {
		return err
	}
	if id := s.names.Actor(a.Nickname); pathValue(r, "nick") != a.Nickname {
		w.Header().Set("Cache-Control", cacheFor)
		http.Redirect(w, r, id, http.StatusMovedPermanently)
		return nil
	}
	return s.sendActor(w, r, who, a)
}

// person returns whom a path names, in whatever state their account is.
func (s *Server) person(r *http.Request) (*models.Actor, error) {
	account, err := s.db.AccountByNickname(r.Context(), pathValue(r, "nick"))
	if errors.Is(err, models.ErrNotFound) {
		return nil, errNobody
	}
	if err != nil {
		return nil, err
	}
	return s.db.Actor(r.Context(), account.ActorID)
}

// group returns the group that a path names, as far as the visitor may see it.
func (s *Server) group(r *http.Request, who visitor) (*models.Actor, error) {
	ctx := r.Context()
	g, err := s.db.ActorByIRI(ctx, s.names.Thing(vocab.TypeGroup, pathValue(r, "uuid")))
	if errors.Is(err, models.ErrNotFound) || err == nil && (g.Type != vocab.TypeGroup || !g.Local) {
		return nil, errNothing
	}
	if err != nil {
		return nil, err
	}
	visible, err := s.db.MaySeeGroup(ctx, who.Viewer, g.ID)
	if err == nil && !visible {
		err = errNothing
	}
	return g, err
}

func (s *Server) getGroup(w http.ResponseWriter, r *http.Request, who visitor) error {
	g, err := s.group(r, who)
	if err != nil {
		return err
	}
	return s.sendActor(w, r, who, g)
}

// getServer serves the server itself as an actor. Everybody may read it, since its
// key has to be had before anything can be asked for that is signed with it.
func (s *Server) getServer(w http.ResponseWriter, r *http.Request, who visitor) error {
	a, err := s.bridge.ServerActor(r.Context())
	if err != nil {
		return err
	}
	return s.sendActor(w, r, who, s.application(a))
}

// application is the server as others expect it: an application that is called
// like its host. To the pump.io network it is a service without a name.
func (s *Server) application(a *models.Actor) *models.Actor {
	as := *a
	as.Doc = a.Doc.Clone()
	as.Type, as.Doc.Type = vocab.TypeApplication, vocab.TypeApplication
	as.Doc.PreferredUsername, _, _ = strings.Cut(strings.TrimPrefix(s.names.ServerAcct(), "acct:"), "@")
	return &as
}

func (s *Server) sendActor(w http.ResponseWriter, r *http.Request, who visitor, a *models.Actor) error {
	switch a.State {
	case models.Deleted:
		return s.sendTombstone(w, r, who, actorIRI(s.names, a), a.Type, a.Updated)
	case models.Suspended:
		return s.sendTombstone(w, r, who, actorIRI(s.names, a), a.Type, time.Time{})
	}
	p, err := s.profile(r.Context(), a)
	if err != nil {
		return err
	}
	doc, err := s.encoder(nil).Actor(*p)
	if err != nil {
		return err
	}
	s.send(w, r, who, http.StatusOK, doc)
	return nil
}

// profile is an actor of ours with its keys, which are made when there are none.
func (s *Server) profile(ctx context.Context, a *models.Actor) (*Profile, error) {
	pem, multikey, err := s.PublicKeys(ctx, a)
	return &Profile{Actor: a, PublicKeyPEM: pem, Multikey: multikey}, err
}
