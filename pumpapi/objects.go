package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"

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
	if t := pathValue(r, "type"); t == vocab.TypeGroup || t == vocab.TypePerson {
		return a.getActor(w, r, c)
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

// getActor serves a group by its id.
func (a *API) getActor(w http.ResponseWriter, r *http.Request, c *caller) error {
	objectType, iri, err := a.objectIRI(r)
	if err != nil {
		return err
	}
	actor, err := a.db.ActorByIRI(r.Context(), iri)
	if errors.Is(err, models.ErrNotFound) || err == nil && actor.Type != objectType {
		return refuse(http.StatusNotFound, "Can't find a %s with ID = %s", objectType, iri)
	}
	if err != nil {
		return err
	}
	if actor.State == models.Deleted {
		return refuse(http.StatusGone, "Deleted")
	}
	if actor.ActivityID != 0 && actor.AuthorID != c.actorID {
		ok, err := a.db.MaySeeActivity(r.Context(), c.viewer(), actor.ActivityID)
		if err != nil {
			return err
		}
		if !ok && c.client == nil && c.actorID == 0 {
			return refuse(http.StatusUnauthorized, "Not logged in.")
		}
		if !ok {
			return refuse(http.StatusForbidden, "Only the author and recipients can view this object.")
		}
	}
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), nil, nil, []int64{actor.ID, actor.AuthorID}); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.person(out, actor.ID, actor.Doc, true) })
	return nil
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
	o, err := a.authored(r, c)
	if err != nil {
		return err
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	patch, err := DecodeObject(data)
	if err != nil {
		return err
	}
	switch {
	case patch.ID != "" && patch.ID != o.Doc.ID:
		return refuse(http.StatusBadRequest, "The id of an object cannot be changed.")
	case patch.Type != "" && patch.Type != o.Doc.Type:
		return refuse(http.StatusBadRequest, "The objectType of an object cannot be changed.")
	}
	patch.ID, patch.Type = o.Doc.ID, o.Doc.Type
	if _, err := a.bridge.Post(r.Context(), a.submission(c, &vocab.Activity{Verb: vocab.VerbUpdate, Object: patch}, r.Header.Get("Content-Type"), data)); err != nil {
		return err
	}
	if o, err = a.db.Object(r.Context(), o.ID); err != nil {
		return err
	}
	return a.answerObject(w, r, c, o)
}

func (a *API) deleteObject(w http.ResponseWriter, r *http.Request, c *caller) error {
	o, err := a.authored(r, c)
	if err != nil {
		return err
	}
	if _, err := a.bridge.Post(r.Context(), a.submission(c, &vocab.Activity{Verb: vocab.VerbDelete, Object: o.Doc.Ref()}, "", nil)); err != nil {
		return err
	}
	text(w, r, "Deleted")
	return nil
}

// authored returns the object that a request is about, if the caller wrote it.
func (a *API) authored(r *http.Request, c *caller) (*models.Object, error) {
	o, err := a.object(r, c)
	if err != nil {
		return nil, err
	}
	if o.AuthorID != c.actorID {
		return nil, refuse(http.StatusForbidden, "Only the author can modify this object.")
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
		title: title + titleOf(o), total: total(o),
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
}

func (a *API) serveThings(w http.ResponseWriter, r *http.Request, c *caller, t things) error {
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page, err := args.page(ctx, t.find)
	if errors.Is(err, models.ErrNotFound) {
		// As with people: an id that has left the collection gives the first page.
		page, args.before, args.since = models.Page{Count: args.count}, "", ""
	} else if err != nil {
		return err
	}
	objects, err := t.list(page)
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
	address := a.address(r)
	if id := queryID(r.URL); id != "" {
		address += "?id=" + url.QueryEscape(id)
	}
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("displayName", t.title)
		out.text("url", address)
		texts(out, "objectTypes", t.types)
		out.number("totalItems", t.total)
		out.key("links")
		out.open('{')
		link(out, "first", vocab.Link{Href: address})
		link(out, "self", vocab.Link{Href: address})
		if n := len(objects); n > 0 {
			pageLinks(out, address, objects[0].Doc.ID, objects[n-1].Doc.ID, args.more(n, int(t.total)))
		}
		out.close('}')
		out.key("items")
		out.open('[')
		for _, o := range objects {
			t.write(v, out, o)
		}
		out.close(']')
		if t.owner != nil {
			out.key("author")
			v.person(out, t.owner.ID, t.owner.Doc, false)
		}
		out.close('}')
	})
	return nil
}

func (a *API) objectPosition(ctx context.Context, id string) (int64, error) {
	o, err := a.db.ObjectByIRI(ctx, id)
	if err != nil {
		return 0, err
	}
	return o.Position, nil
}

func whole(v *view, w *writer, o *models.Object) { v.object(w, o, false) }

func (a *API) getReplies(w http.ResponseWriter, r *http.Request, c *caller) error {
	o, err := a.object(r, c)
	if err != nil {
		return err
	}
	return a.serveThings(w, r, c, things{
		title: "Replies to " + titleOf(o), total: o.Counts.Replies, find: a.objectPosition,
		list:  func(p models.Page) ([]*models.Object, error) { return a.db.Replies(r.Context(), o.ID, c.viewer(), p) },
		write: func(v *view, w *writer, o *models.Object) { v.reply(w, o) },
	})
}

func (a *API) getFavorites(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.account(r)
	if err != nil {
		return err
	}
	return a.serveThings(w, r, c, things{
		title: "Things that " + nameOf(owner) + " has favorited", total: owner.Counts.Favorites, owner: owner, write: whole,
		list: func(p models.Page) ([]*models.Object, error) {
			return a.db.LikedObjects(r.Context(), owner.ID, c.viewer(), p)
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

func (a *API) getLists(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.account(r)
	if err != nil {
		return err
	}
	listOf := pathValue(r, "type")
	if !bridge.KnownType(listOf) {
		return refuse(http.StatusNotFound, "Unknown type: %s", listOf)
	}
	total := owner.Counts.Lists
	if listOf != vocab.TypePerson {
		total = 0
	}
	return a.serveThings(w, r, c, things{
		title: "Collections of " + listOf + "s for " + nameOf(owner), types: []string{vocab.TypeCollection}, total: total, owner: owner,
		list: func(p models.Page) ([]*models.Object, error) {
			return a.db.Lists(r.Context(), owner.ID, listOf, c.viewer(), p)
		},
		find: a.objectPosition, write: whole,
	})
}

// getMembers lists who is in a list.
func (a *API) getMembers(w http.ResponseWriter, r *http.Request, c *caller) error {
	list, err := a.object(r, c)
	if err != nil {
		return err
	}
	if !list.Deleted.IsZero() {
		return refuse(http.StatusGone, "Deleted")
	}
	owner, err := a.db.Actor(r.Context(), list.AuthorID)
	if err != nil {
		return err
	}
	if owner.ID != c.actorID {
		// Whoever may know that there is a list need not know who is on it.
		return refuse(http.StatusForbidden, "Only the author can view the members of a list.")
	}
	return a.servePeople(w, r, c, people{
		title: "Members of " + titleOf(list) + " by " + nameOf(owner), total: list.Counts.Members, owner: owner,
		edges: func(p models.Page) ([]models.Edge, error) {
			return a.db.EdgesTo(r.Context(), models.MemberOf, list.ID, p)
		},
		end: func(e models.Edge) int64 { return e.ActorID },
		edge: func(ctx context.Context, id int64) (*models.Edge, error) {
			return a.db.Edge(ctx, models.MemberOf, id, list.ID)
		},
	})
}

// postMembers adds somebody to a list.
func (a *API) postMembers(w http.ResponseWriter, r *http.Request, c *caller) error {
	list, err := a.authored(r, c)
	if err != nil {
		return err
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	member, err := DecodeObject(data)
	if err != nil {
		return err
	}
	result, err := a.bridge.Post(r.Context(), a.submission(c, &vocab.Activity{Verb: vocab.VerbAdd, Object: member, Target: list.Doc.Ref()},
		r.Header.Get("Content-Type"), data))
	if err != nil {
		return err
	}
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), []*models.Activity{result.Activity}, nil, nil); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.acted(out, result.Activity) })
	return nil
}
