package pumpapi

import (
	"context"
	"errors"
	"net/http"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

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
		if total, err = a.db.CountLists(r.Context(), owner.ID, listOf); err != nil {
			return err
		}
	}
	return a.serveThings(w, r, c, things{
		title: "Collections of " + listOf + "s for " + nameOf(owner), types: []string{vocab.TypeCollection}, total: total, owner: owner,
		list: func(p models.Page) ([]*models.Object, error) {
			return a.db.Lists(r.Context(), owner.ID, listOf, c.viewer(), p)
		},
		find: a.placed(func(o *models.Object) bool { return o.AuthorID == owner.ID && o.ListOf == listOf }), write: whole,
	})
}

// getMembers lists what is in a list: people, or things.
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
	args, err := readArguments(r.URL)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page, err := args.page(ctx, func(ctx context.Context, id string) (int64, error) {
		return a.memberPosition(ctx, list, r.URL.Query().Get("type"), id)
	})
	if errors.Is(err, models.ErrNotFound) {
		return args.unplaced(r)
	}
	if err != nil {
		return err
	}
	members, err := a.db.Members(ctx, list.ID, c.viewer(), page)
	if err != nil {
		return err
	}
	return a.answerMembers(w, r, c, list, owner, members, args)
}

// memberPosition returns where a member of a list stands. The type tells people
// from things that have the same id; without it the members' is taken.
func (a *API) memberPosition(ctx context.Context, list *models.Object, objectType, id string) (int64, error) {
	if types := list.Doc.ObjectTypes; objectType == "" && len(types) > 0 {
		objectType = types[0]
	}
	find := []func(context.Context, string) (int64, error){
		a.actorID,
		func(ctx context.Context, id string) (int64, error) {
			return a.db.LookupKind(ctx, models.KindObject, id)
		},
	}
	if !vocab.IsActorType(objectType) {
		find[0], find[1] = find[1], find[0]
	}
	for _, lookup := range find {
		member, err := lookup(ctx, id)
		if err == nil {
			var e *models.Edge
			if e, err = a.db.Edge(ctx, models.MemberOf, member, list.ID); err == nil {
				return e.Position, nil
			}
		}
		if !errors.Is(err, models.ErrNotFound) {
			return 0, err
		}
	}
	return 0, models.ErrNotFound
}

func (a *API) answerMembers(w http.ResponseWriter, r *http.Request, c *caller, list *models.Object, owner *models.Actor, members []models.Member, args arguments) error {
	actors := []int64{owner.ID}
	var objects []*models.Object
	for _, m := range members {
		if m.Object == nil {
			actors = append(actors, m.ID)
		} else {
			objects = append(objects, m.Object)
		}
	}
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), nil, objects, actors); err != nil {
		return err
	}
	idOf := func(m models.Member) string {
		if m.Object != nil {
			return m.Object.Doc.ID
		}
		return v.idOf(m.ID)
	}
	args.q = ""
	f := frame{title: "Members of " + titleOf(list) + " by " + nameOf(owner), types: list.Doc.ObjectTypes, total: list.Counts.Members, owner: owner,
		args: args, count: len(members)}
	if n := len(members); n > 0 {
		f.first, f.last = idOf(members[0]), idOf(members[n-1])
	}
	answer(w, r, func(out *writer) {
		v.frame(out, a.feedAddress(r), f, func() {
			for _, m := range members {
				if m.Object != nil {
					v.object(out, m.Object, false)
				} else {
					v.person(out, m.ID, nil, false)
				}
			}
		})
	})
	return nil
}

// postMembers adds something to a list.
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
