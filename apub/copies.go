package apub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// Things of other servers have addresses here too, /api/{type}?id=ID, where clients
// of pump.io read them. Whoever asks for AS2 there gets what the server of the thing
// said, and not what we would make of it: whatever we do not understand is still in
// it. The id shows that it is a copy, which nobody has to believe.

// asksForCopy is the condition of the route for them.
func (s *Server) asksForCopy(r *http.Request, m *mux.RouteMatch) bool {
	kind, ok := strings.CutPrefix(r.URL.Path, "/api/")
	return ok && (kind == vocab.TypeActivity || bridge.KnownType(kind)) && s.asksForUs(r, m) && r.URL.Query().Get("id") != ""
}

// getCopy serves a thing or an activity of another server as that wrote it, to those
// who may see it. What has not come by this network is found at its own address.
func (s *Server) getCopy(w http.ResponseWriter, r *http.Request, who visitor) error {
	id := r.URL.Query().Get("id")
	if s.names.Ours(id) {
		return redirect(w, r, id)
	}
	c, err := s.copyOf(r, who, id)
	if errors.Is(err, models.ErrNotFound) {
		return errNothing
	}
	if err != nil {
		return err
	}
	if c.gone != nil {
		return c.gone(w)
	}
	original, err := s.db.LatestOriginal(r.Context(), c.refs...)
	if errors.Is(err, models.ErrNotFound) || err == nil && original.Network != Network {
		return redirect(w, r, id)
	}
	if err != nil {
		return err
	}
	doc, ok := part(original.Bytes, c.id)
	if !ok {
		return redirect(w, r, id)
	}
	s.send(w, r, who, http.StatusOK, doc)
	return nil
}

// kept is something of another server: its id in this network, the rows that what it
// came as is kept for, or what is answered in its place.
type kept struct {
	id   string
	refs []int64
	gone func(http.ResponseWriter) error
}

// copyOf finds what has an id, as far as the reader may see it.
func (s *Server) copyOf(r *http.Request, who visitor, id string) (*kept, error) {
	ctx, kind := r.Context(), pathValue(r, "type")
	if kind == vocab.TypeActivity {
		a, err := s.db.ActivityByIRI(ctx, id)
		if err != nil {
			return nil, err
		}
		visible, err := s.db.MaySeeActivity(ctx, who.Viewer, a.ID)
		if err == nil && visible {
			visible, err = s.isThere(ctx, a.ActorID)
		}
		if err == nil && !visible {
			err = errNothing
		}
		c := &kept{id: id, refs: []int64{a.ID}}
		if !a.Deleted.IsZero() {
			c.gone = func(w http.ResponseWriter) error {
				return s.sendTombstone(w, r, who, a.Doc.ID, vocab.TypeActivity, a.Deleted)
			}
		}
		return c, err
	}
	if vocab.IsActorType(kind) {
		return s.copyOfActor(r, who, id)
	}
	o, err := s.db.ObjectByIRI(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.mayRead(ctx, who, o); err != nil {
		return nil, err
	}
	if o.Type != kind {
		return nil, errNothing
	}
	c := &kept{id: id, refs: []int64{o.ID, o.ActivityID}}
	if !o.Deleted.IsZero() {
		c.gone = func(w http.ResponseWriter) error { return s.sendTombstone(w, r, who, o.Doc.ID, o.Type, o.Deleted) }
	}
	return c, nil
}

// copyOfActor finds the actor that has an id or another name. Everybody sees it but
// those whom it blocks, and a group that may be seen by its members only.
func (s *Server) copyOfActor(r *http.Request, who visitor, name string) (*kept, error) {
	ctx := r.Context()
	a, err := s.db.ActorByIRI(ctx, name)
	if err != nil {
		return nil, err
	}
	if a.Type != pathValue(r, "type") || a.Local {
		return nil, errNothing
	}
	visible, err := s.showsItself(ctx, who, a)
	if err != nil {
		return nil, err
	}
	if !visible {
		return nil, errNothing
	}
	known, err := s.db.Presences(ctx, Network, a.ID)
	c := &kept{id: known[a.ID].IRI, refs: []int64{a.ID}}
	if c.id == "" {
		c.id = name
	}
	if a.State == models.Deleted {
		c.gone = func(w http.ResponseWriter) error { return s.sendTombstone(w, r, who, c.id, a.Type, a.Updated) }
	}
	return c, err
}

func (s *Server) showsItself(ctx context.Context, who visitor, a *models.Actor) (bool, error) {
	there, err := s.isThere(ctx, a.ID)
	if err != nil || !there {
		return false, err
	}
	if who.ActorID != 0 {
		_, err := s.db.Edge(ctx, models.Blocks, a.ID, who.ActorID)
		if !errors.Is(err, models.ErrNotFound) {
			return false, err
		}
	}
	if a.Type == vocab.TypeGroup {
		return s.db.MaySeeGroup(ctx, who.Viewer, a.ID)
	}
	return true, nil
}

// part returns what has an id of a document that somebody sent: the document itself,
// or the object that its activity brought, which is read by the same context. Whom
// bto and bcc name nobody is told.
func part(raw []byte, id string) (doc []byte, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var whole map[string]any
	if d.Decode(&whole) != nil {
		return nil, false
	}
	found, inside := whole, false
	if name, _ := whole["id"].(string); name != id {
		if found, inside = whole["object"].(map[string]any); !inside || found["id"] != id {
			return nil, false
		}
		if _, ok := found["@context"]; !ok && whole["@context"] != nil {
			found["@context"] = whole["@context"]
		}
	}
	if !concealed(found) && !inside {
		return raw, true
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(found)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err == nil
}

// concealed takes bto and bcc, under whatever prefix, out of a document, and reports
// whether there were any.
func concealed(v any) bool {
	was := false
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			was = concealed(e) || was
		}
	case map[string]any:
		for name, e := range v {
			switch name[strings.LastIndexAny(name, ":#/")+1:] {
			case "bto", "bcc":
				delete(v, name)
				was = true
			default:
				was = concealed(e) || was
			}
		}
	}
	return was
}
