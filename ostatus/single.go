package ostatus

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/gorilla/mux"

	"manifold/internal/front"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// RegisterEntries adds what is answered at the ids of things to those who ask for
// Atom. It is called before that of the networks that answer there to everybody
// else. The router must use encoded paths.
func (s *Server) RegisterEntries(router *mux.Router) {
	on := func(path string, h handler) {
		// The condition stands before the path: mux forgets that a route had the path
		// but not the method as soon as a condition of a later one fits.
		front.Route(router, path, asksForAtom).Handler(s.let("GET "+path+" (Atom)", h)).Methods(http.MethodGet, http.MethodHead)
	}
	on("/api/activity/{uuid}", s.getActivity)
	on("/api/{type}/{uuid}", s.getObject)
}

// asksForAtom is the condition that somebody reads, names Atom, and names no other
// form that an id has before it: browsers and libraries name all that they know,
// Atom somewhere among it.
func asksForAtom(r *http.Request, _ *mux.RouteMatch) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for _, field := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(field, ",") {
			name, _, _ := strings.Cut(part, ";")
			switch name = strings.ToLower(strings.TrimSpace(name)); {
			case name == feedType:
				return true
			case strings.Contains(name, "json"), strings.Contains(name, "html"):
				return false
			}
		}
	}
	return false
}

var (
	errNothing = &refusal{http.StatusNotFound, "There is no such thing here, or not for everybody."}
	errDeleted = &refusal{http.StatusGone, "This was deleted."}
)

// getObject serves the posting of a thing of ours.
func (s *Server) getObject(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	id, err := s.db.LookupKind(ctx, models.KindObject, s.names.Thing(pathValue(r, "type"), pathValue(r, "uuid")))
	if errors.Is(err, models.ErrNotFound) {
		return errNothing
	}
	if err != nil {
		return err
	}
	o, err := s.db.Object(ctx, id)
	if err != nil {
		return err
	}
	visible, err := s.db.MaySeeObject(ctx, models.Viewer{}, id)
	switch {
	case err != nil:
		return err
	case !o.Deleted.IsZero() && o.Local:
		return errDeleted
	case !visible || o.ActivityID == 0:
		return errNothing
	}
	a, err := s.db.Activity(ctx, o.ActivityID)
	if err != nil {
		return err
	}
	return s.sendEntry(w, r, a)
}

// getActivity serves something that somebody here did.
func (s *Server) getActivity(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	id, err := s.db.LookupKind(ctx, models.KindActivity, s.names.Thing(vocab.TypeActivity, pathValue(r, "uuid")))
	if errors.Is(err, models.ErrNotFound) {
		return errNothing
	}
	if err != nil {
		return err
	}
	a, err := s.db.Activity(ctx, id)
	if err != nil {
		return err
	}
	visible, err := s.db.MaySeeActivity(ctx, models.Viewer{}, id)
	switch {
	case err != nil:
		return err
	case !a.Deleted.IsZero():
		return errDeleted
	case !visible:
		return errNothing
	}
	return s.sendEntry(w, r, a)
}

// sendEntry answers with an entry that stands alone.
func (s *Server) sendEntry(w http.ResponseWriter, r *http.Request, a *models.Activity) error {
	entry, err := s.single(r.Context(), a)
	if errors.Is(err, ErrNotExpressible) {
		return &refusal{http.StatusNotAcceptable, "Atom has no word for this. It is here as JSON."}
	}
	if err != nil {
		return err
	}
	doc, err := entry.Encode()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", atom.MediaTypeEntry)
	h.Set("Cache-Control", cacheFeed)
	h.Set("Vary", "Accept")
	h.Set("Etag", `W/"`+strconv.FormatUint(xxhash.Sum64(doc), 36)+`"`)
	http.ServeContent(w, r, "", later(entry.Updated, entry.Published), bytes.NewReader(doc))
	return nil
}

// single is something that was done as an entry that stands alone.
func (s *Server) single(ctx context.Context, a *models.Activity) (*atom.Entry, error) {
	p, err := s.pageWith(ctx, a.ActorID, a)
	if err != nil {
		return nil, err
	}
	actor := p.actors[a.ActorID]
	if actor == nil {
		return nil, ErrNotExpressible
	}
	if isEntry(a, p.objects[a.Object.ID]) {
		entry := p.entry(a)
		entry.Author = p.person(actor)
		return entry, nil
	}
	doc := *a.Doc
	if a.Object.Kind == models.KindActor {
		about, err := s.db.Actor(ctx, a.Object.ID)
		if err != nil {
			return nil, err
		}
		doc.Object = about.Doc
	}
	if o := p.objects[a.Object.ID]; o != nil && p.shown(o) {
		doc.Object = o.Doc
	}
	return (&Encoder{Names: s.names}).Entry(&doc, actor.Doc, "")
}
