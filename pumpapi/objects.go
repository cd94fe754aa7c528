package pumpapi

import (
	"context"
	"errors"
	"net/http"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// objectIRI is the id of the object that a request is about: the path itself,
// or the parameter id for things whose ids were made elsewhere.
func (a *API) objectIRI(r *http.Request) (objectType, iri string, err error) {
	objectType = pathValue(r, "type")
	if objectType == "" {
		objectType = vocab.TypeCollection
	}
	if !bridge.KnownType(objectType) {
		return "", "", refuse(http.StatusNotFound, "Unknown type: %s", objectType)
	}
	if uuid := pathValue(r, "uuid"); uuid != "" {
		return objectType, a.names.Thing(objectType, uuid), nil
	}
	if iri = queryID(r.URL); iri == "" {
		return "", "", refuse(http.StatusBadRequest, "'id' required")
	}
	return objectType, iri, nil
}

// object returns the object that a request is about, if the caller may see it.
func (a *API) object(r *http.Request, c *caller) (*models.Object, error) {
	objectType, iri, err := a.objectIRI(r)
	if err != nil {
		return nil, err
	}
	o, err := a.db.ObjectByIRI(r.Context(), iri)
	if errors.Is(err, models.ErrNotFound) || err == nil && typeInPath(o.Type) != objectType {
		return nil, refuse(http.StatusNotFound, "Can't find a %s with ID = %s", objectType, iri)
	}
	if err != nil {
		return nil, err
	}
	if err := a.maySee(r.Context(), c, o); err != nil {
		return nil, err
	}
	return o, nil
}

func (a *API) maySee(ctx context.Context, c *caller, o *models.Object) error {
	ok, err := a.db.MaySeeObject(ctx, c.viewer(), o.ID)
	switch {
	case err != nil:
		return err
	case ok:
		return nil
	case c.client == nil && c.actorID == 0:
		return refuse(http.StatusUnauthorized, "Not logged in.")
	case o.ActivityID == 0:
		return refuse(http.StatusForbidden, "No authorization for this object.")
	}
	return refuse(http.StatusForbidden, "Only the author and recipients can view this object.")
}

func (a *API) getObject(w http.ResponseWriter, r *http.Request, c *caller) error {
	if vocab.IsActorType(pathValue(r, "type")) {
		if actor, err := a.actor(r, c); err != nil || actor != nil {
			if err != nil {
				return err
			}
			return a.answerActor(w, r, c, actor)
		}
	}
	o, err := a.object(r, c)
	if err != nil {
		return err
	}
	if !o.Deleted.IsZero() {
		return refuse(http.StatusGone, "Deleted")
	}
	return a.answerObject(w, r, c, o)
}

func (a *API) answerObject(w http.ResponseWriter, r *http.Request, c *caller, o *models.Object) error {
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), nil, []*models.Object{o}, nil); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.object(out, o, false) })
	return nil
}

// putObject changes what the body gives.
func (a *API) putObject(w http.ResponseWriter, r *http.Request, c *caller) error {
	if vocab.IsActorType(pathValue(r, "type")) {
		if actor, err := a.actor(r, c); err != nil || actor != nil {
			if err != nil {
				return err
			}
			return a.putActor(w, r, c, actor)
		}
	}
	o, err := a.authored(r, c)
	if err != nil {
		return err
	}
	if err := a.update(w, r, c, o.Doc); err != nil {
		return err
	}
	if o, err = a.db.Object(r.Context(), o.ID); err != nil {
		return err
	}
	return a.answerObject(w, r, c, o)
}

// update has the caller update a thing by the body of the request.
func (a *API) update(w http.ResponseWriter, r *http.Request, c *caller, doc *vocab.Object) error {
	data, err := body(w, r)
	if err != nil {
		return err
	}
	patch, err := DecodeObject(data)
	if err != nil {
		return err
	}
	switch {
	case patch.ID != "" && patch.ID != doc.ID:
		return refuse(http.StatusBadRequest, "The id of an object cannot be changed.")
	case patch.Type != "" && patch.Type != doc.Type:
		return refuse(http.StatusBadRequest, "The objectType of an object cannot be changed.")
	}
	patch.ID, patch.Type = doc.ID, doc.Type
	_, err = a.bridge.Post(r.Context(), a.submission(c, &vocab.Activity{Verb: vocab.VerbUpdate, Object: patch}, r.Header.Get("Content-Type"), data))
	return err
}

func (a *API) deleteObject(w http.ResponseWriter, r *http.Request, c *caller) error {
	var doc *vocab.Object
	if vocab.IsActorType(pathValue(r, "type")) {
		actor, err := a.actor(r, c)
		switch {
		case err != nil:
			return err
		case actor != nil && !mayChange(c, actor):
			return notAuthor()
		case actor != nil:
			doc = actor.Doc
		}
	}
	if doc == nil {
		o, err := a.authored(r, c)
		if err != nil {
			return err
		}
		doc = o.Doc
	}
	if _, err := a.bridge.Post(r.Context(), a.submission(c, &vocab.Activity{Verb: vocab.VerbDelete, Object: doc.Ref()}, "", nil)); err != nil {
		return err
	}
	text(w, r, "Deleted")
	return nil
}

func notAuthor() error {
	return refuse(http.StatusForbidden, "Only the author can modify this object.")
}

// authored returns the object that a request is about, if the caller wrote it.
func (a *API) authored(r *http.Request, c *caller) (*models.Object, error) {
	o, err := a.object(r, c)
	if err != nil {
		return nil, err
	}
	if o.AuthorID != c.actorID {
		return nil, notAuthor()
	}
	if !o.Deleted.IsZero() {
		return nil, refuse(http.StatusGone, "Deleted")
	}
	return o, nil
}

func (a *API) getLikes(w http.ResponseWriter, r *http.Request, c *caller) error {
	return a.reactions(w, r, c, models.Likes, "People who like ", func(o *models.Object) int64 { return o.Counts.Likes })
}

func (a *API) getShares(w http.ResponseWriter, r *http.Request, c *caller) error {
	return a.reactions(w, r, c, models.Shared, "Shares of ", func(o *models.Object) int64 { return o.Counts.Shares })
}

func (a *API) reactions(w http.ResponseWriter, r *http.Request, c *caller, kind models.EdgeKind, title string, total func(*models.Object) int64) error {
	o, err := a.object(r, c)
	if err != nil {
		return err
	}
	return a.servePeople(w, r, c, people{
		title: title + titleOf(o), total: total(o), things: kind == models.Shared,
		edges: func(p models.Page) ([]models.Edge, error) { return a.db.EdgesTo(r.Context(), kind, o.ID, p) },
		end:   func(e models.Edge) int64 { return e.ActorID },
		edge:  func(ctx context.Context, id int64) (*models.Edge, error) { return a.db.Edge(ctx, kind, id, o.ID) },
	})
}

// titleOf names a thing in the title of a collection.
func titleOf(o *models.Object) string {
	if o.Doc.DisplayName != "" {
		return o.Doc.DisplayName
	}
	return "a " + o.Type
}

// things is a collection of objects on its way to a client.
type things struct {
	title string
	types []string
	// list reads a page, find the position of an id.
	list  func(models.Page) ([]*models.Object, error)
	find  func(ctx context.Context, id string) (int64, error)
	total int64
	// count, if set, holds the total once list has run.
	count *int
	owner *models.Actor
	write func(*view, *writer, *models.Object)
	// search reads those in which what is looked for occurs; nil where nothing can
	// be looked for.
	search func(models.Search, models.Page) ([]*models.Object, error)
	// lenient answers an id that is not in the collection with its first page.
	lenient bool
}

func (a *API) serveThings(w http.ResponseWriter, r *http.Request, c *caller, t things) error {
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page, err := args.page(ctx, t.find)
	switch {
	case errors.Is(err, models.ErrNotFound) && t.lenient:
		page, args.before, args.since = models.Page{Count: args.count}, "", ""
	case errors.Is(err, models.ErrNotFound):
		return args.unplaced(r)
	case err != nil:
		return err
	}
	if t.search == nil {
		args.q = ""
	}
	objects, err := t.page(args, page)
	if err != nil {
		return err
	}
	if t.count != nil {
		t.total = int64(*t.count)
	}
	v := a.newView(c.viewer())
	var actors []int64
	if t.owner != nil {
		actors = []int64{t.owner.ID}
	}
	if err := v.load(ctx, nil, objects, actors); err != nil {
		return err
	}
	f := frame{title: t.title, types: t.types, total: t.total, owner: t.owner, args: args, count: len(objects)}
	if n := len(objects); n > 0 {
		f.first, f.last = objects[0].Doc.ID, objects[n-1].Doc.ID
	}
	answer(w, r, func(out *writer) {
		v.frame(out, a.feedAddress(r), f, func() {
			for _, o := range objects {
				t.write(v, out, o)
			}
		})
	})
	return nil
}

// placed returns the position of an object among others of which it must be one.
func (a *API) placed(among func(*models.Object) bool) func(context.Context, string) (int64, error) {
	return func(ctx context.Context, id string) (int64, error) {
		o, err := a.db.ObjectByIRI(ctx, id)
		if err != nil {
			return 0, err
		}
		if !among(o) {
			return 0, models.ErrNotFound
		}
		return o.Position, nil
	}
}

func whole(v *view, w *writer, o *models.Object) { v.object(w, o, false) }

func (a *API) getReplies(w http.ResponseWriter, r *http.Request, c *caller) error {
	o, err := a.object(r, c)
	if err != nil {
		return err
	}
	return a.serveThings(w, r, c, things{
		title: "Replies to " + titleOf(o), total: o.Counts.Replies,
		find:  a.placed(func(reply *models.Object) bool { return reply.ParentID == o.ID }),
		list:  func(p models.Page) ([]*models.Object, error) { return a.db.Replies(r.Context(), o.ID, c.viewer(), p) },
		write: func(v *view, w *writer, o *models.Object) { v.reply(w, o) },
	})
}

func (a *API) getFavorites(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.owner(r, c)
	if err != nil {
		return err
	}
	return a.serveThings(w, r, c, things{
		title: "Things that " + nameOf(owner) + " has favorited", total: owner.Counts.Favorites, owner: owner, write: whole,
		// choqok asks since the last one that it knows of, which may be liked no more.
		lenient: true,
		list: func(p models.Page) ([]*models.Object, error) {
			return a.db.LikedObjects(r.Context(), owner.ID, c.viewer(), p)
		},
		search: func(s models.Search, p models.Page) ([]*models.Object, error) {
			return a.db.SearchLikes(r.Context(), owner.ID, c.viewer(), s, p)
		},
		find: func(ctx context.Context, id string) (int64, error) {
			o, err := a.db.ObjectByIRI(ctx, id)
			if err != nil {
				return 0, err
			}
			e, err := a.db.Edge(ctx, models.Likes, owner.ID, o.ID)
			if err != nil {
				return 0, err
			}
			return e.Position, nil
		},
	})
}
