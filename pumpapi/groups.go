package pumpapi

import (
	"context"
	"errors"
	"net/http"

	"manifold/models"
	"manifold/models/vocab"
)

// actor returns the group or person that a request is about, if the caller may
// see it. Services, applications and organizations may be actors or things: nil
// says that the one asked for is no actor.
func (a *API) actor(r *http.Request, c *caller) (*models.Actor, error) {
	objectType, iri, err := a.objectIRI(r)
	if err != nil {
		return nil, err
	}
	return a.actorByIRI(r.Context(), c, objectType, iri)
}

func (a *API) actorByIRI(ctx context.Context, c *caller, objectType, iri string) (*models.Actor, error) {
	id, err := a.actorID(ctx, iri)
	var actor *models.Actor
	if err == nil {
		actor, err = a.db.Actor(ctx, id)
	}
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	if err != nil || actor.Type != objectType {
		if objectType != vocab.TypeGroup && objectType != vocab.TypePerson {
			return nil, nil
		}
		return nil, refuse(http.StatusNotFound, "Can't find a %s with ID = %s", objectType, iri)
	}
	if actor.Type == vocab.TypeGroup {
		ok, err := a.db.MaySeeGroup(ctx, c.viewer(), actor.ID)
		switch {
		case err != nil:
			return nil, err
		case !ok && c.client == nil && c.actorID == 0:
			return nil, refuse(http.StatusUnauthorized, "Not logged in.")
		case !ok:
			return nil, refuse(http.StatusForbidden, "Only the author and recipients can view this object.")
		}
	}
	if actor.State == models.Deleted {
		return nil, refuse(http.StatusGone, "Deleted")
	}
	return actor, nil
}

// group returns the group whose collection is asked for, if the caller may see
// it.
func (a *API) group(r *http.Request, c *caller) (*models.Actor, error) {
	iri := queryID(r.URL)
	if uuid := pathValue(r, "uuid"); uuid != "" {
		iri = a.names.Thing(vocab.TypeGroup, uuid)
	} else if iri == "" {
		return nil, refuse(http.StatusBadRequest, "'id' required")
	}
	return a.actorByIRI(r.Context(), c, vocab.TypeGroup, iri)
}

func (a *API) answerActor(w http.ResponseWriter, r *http.Request, c *caller, actor *models.Actor) error {
	v := a.newView(c.viewer())
	v.mentioned.add(actor.AuthorID)
	if err := v.load(r.Context(), nil, nil, []int64{actor.ID}); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.writePerson(out, actor, true, true) })
	return nil
}

// mayChange reports whether the caller may change or delete a group or person.
func mayChange(c *caller, actor *models.Actor) bool {
	return actor.ID == c.actorID || actor.Type == vocab.TypeGroup && actor.AuthorID == c.actorID
}

// putActor changes what the body gives of a group, by its author, or of oneself.
func (a *API) putActor(w http.ResponseWriter, r *http.Request, c *caller, actor *models.Actor) error {
	if !mayChange(c, actor) {
		return notAuthor()
	}
	if err := a.update(w, r, c, actor.Doc); err != nil {
		return err
	}
	actor, err := a.db.Actor(r.Context(), actor.ID)
	if err != nil {
		return err
	}
	return a.answerActor(w, r, c, actor)
}

func (a *API) getGroupMembers(w http.ResponseWriter, r *http.Request, c *caller) error {
	g, err := a.group(r, c)
	if err != nil {
		return err
	}
	return a.servePeople(w, r, c, people{
		title: "Members of " + nameOf(g), total: g.Counts.Members,
		edges: func(p models.Page) ([]models.Edge, error) {
			return a.db.EdgesTo(r.Context(), models.MemberOf, g.ID, p)
		},
		end: func(e models.Edge) int64 { return e.ActorID },
		edge: func(ctx context.Context, id int64) (*models.Edge, error) {
			return a.db.Edge(ctx, models.MemberOf, id, g.ID)
		},
	})
}

// getGroupInbox lists what was addressed to a group. The members see it, and who
// made the group; others see what is for everybody.
func (a *API) getGroupInbox(w http.ResponseWriter, r *http.Request, c *caller) error {
	g, err := a.group(r, c)
	if err != nil {
		return err
	}
	return a.serveStream(w, r, c, streamFeed{owner: g.ID, stream: models.Inbox, title: "Activities for ",
		read: func(ctx context.Context, viewer models.Viewer, p models.Page) ([]models.Item, int, error) {
			return a.db.GroupPage(ctx, g.ID, models.All, viewer, p)
		}})
}

func (a *API) getGroupDocuments(w http.ResponseWriter, r *http.Request, c *caller) error {
	g, err := a.group(r, c)
	if err != nil {
		return err
	}
	return a.serveThings(w, r, c, things{
		title: "Documents of " + nameOf(g), total: g.Counts.Documents, write: whole,
		list: func(p models.Page) ([]*models.Object, error) {
			return a.db.Documents(r.Context(), g.ID, c.viewer(), p)
		},
		find: func(ctx context.Context, id string) (int64, error) {
			object, err := a.db.LookupKind(ctx, models.KindObject, id)
			if err != nil {
				return 0, err
			}
			e, err := a.db.Edge(ctx, models.DocumentOf, object, g.ID)
			if err != nil {
				return 0, err
			}
			return e.Position, nil
		},
	})
}

// groupFeeds writes the addresses and collections of a group of ours. alone has
// the author shown whole.
func (v *view) groupFeeds(w *writer, a *models.Actor, alone bool) {
	w.key("links")
	w.open('{')
	link(w, "self", vocab.Link{Href: v.addressOf(a.Doc.ID, a.Type)})
	link(w, "activity-inbox", vocab.Link{Href: v.feedOf(a.Doc.ID, a.Type, "inbox")})
	w.close('}')
	for _, feed := range []struct {
		name  string
		total int64
	}{{"members", a.Counts.Members}, {"documents", a.Counts.Documents}} {
		w.key(feed.name)
		w.open('{')
		w.text("url", v.feedOf(a.Doc.ID, a.Type, feed.name))
		w.number("totalItems", feed.total)
		w.close('}')
	}
	if author := v.actors[a.AuthorID]; alone && author != nil {
		w.key("author")
		v.person(w, author.ID, nil, false)
		return
	}
	v.authorRef(w, a)
}

// authorRef names who made a group: not more, since who else is shown on a page
// decides who has been read.
func (v *view) authorRef(w *writer, a *models.Actor) {
	if a.Type == vocab.TypeGroup && a.Doc.Author != nil {
		w.key("author")
		plain(w, a.Doc.Author.Ref())
	}
}
