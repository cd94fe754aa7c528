package web

import (
	"context"
	"maps"
	"slices"

	"manifold/bridge"
	"manifold/models"
)

// store is what the pages read. Each method costs a number of queries that does
// not depend on how much there is to return.
type store interface {
	AccountByNickname(ctx context.Context, nickname string) (*models.Account, error)
	LookupKind(ctx context.Context, kind models.Kind, iri string) (int64, error)
	PositionOf(ctx context.Context, owner int64, s models.Stream, activity int64) (int64, error)
	StreamPage(ctx context.Context, owner int64, s models.Stream, part models.Part, viewer models.Viewer, p models.Page) ([]models.Item, int, error)
	GroupPage(ctx context.Context, group int64, part models.Part, viewer models.Viewer, p models.Page) ([]models.Item, int, error)
	ActorByIRI(ctx context.Context, iri string) (*models.Actor, error)
	MaySeeGroup(ctx context.Context, viewer models.Viewer, group int64) (bool, error)
	ActivityByIRI(ctx context.Context, iri string) (*models.Activity, error)
	MaySeeActivity(ctx context.Context, viewer models.Viewer, id int64) (bool, error)
	ObjectByIRI(ctx context.Context, iri string) (*models.Object, error)
	Objects(ctx context.Context, ids ...int64) (map[int64]*models.Object, error)
	VisibleObjects(ctx context.Context, viewer models.Viewer, ids ...int64) (map[int64]bool, error)
	Replies(ctx context.Context, parent int64, viewer models.Viewer, p models.Page) ([]*models.Object, error)
	Actors(ctx context.Context, ids ...int64) (map[int64]*models.Actor, error)
}

// scope is what a page is about.
type scope struct {
	activities []*models.Activity
	objects    []*models.Object
	actor      int64
}

// scene is everything that one page shows, as a stranger may see it.
type scene struct {
	names   *bridge.Names
	site    string
	root    string // what the paths of links on this server begin with
	actors  map[int64]*models.Actor
	objects map[int64]*models.Object
	// visible tells which of the objects a stranger may see; of the others
	// nothing is shown but that there is something.
	visible map[int64]bool
}

// load reads what belongs to a scope: the objects of activities, what they reply
// to, and who made all of it.
func (p *Pages) load(ctx context.Context, of scope) (*scene, error) {
	s := &scene{names: p.names, site: p.site, root: p.root, objects: map[int64]*models.Object{}}
	people, missing := set{}, set{}
	people.add(of.actor)
	for _, o := range of.objects {
		s.objects[o.ID] = o
	}
	for _, a := range of.activities {
		people.add(a.ActorID)
		if a.Object.Kind == models.KindObject {
			missing.add(a.Object.ID)
		}
	}
	if err := s.read(ctx, p.store, missing); err != nil {
		return nil, err
	}
	parents := set{}
	for _, o := range s.objects {
		parents.add(o.ParentID)
	}
	if err := s.read(ctx, p.store, parents); err != nil {
		return nil, err
	}
	var err error
	if s.visible, err = p.store.VisibleObjects(ctx, models.Viewer{}, slices.Sorted(maps.Keys(s.objects))...); err != nil {
		return nil, err
	}
	for _, o := range s.objects {
		people.add(o.AuthorID)
	}
	s.actors, err = p.store.Actors(ctx, people.sorted()...)
	return s, err
}

// read adds objects to those that are there.
func (s *scene) read(ctx context.Context, from store, ids set) error {
	for id := range s.objects {
		delete(ids, id)
	}
	found, err := from.Objects(ctx, ids.sorted()...)
	maps.Copy(s.objects, found)
	return err
}

// set is a set of ids of rows.
type set map[int64]struct{}

func (s set) add(id int64) {
	if id != 0 {
		s[id] = struct{}{}
	}
}

func (s set) sorted() []int64 { return slices.Sorted(maps.Keys(s)) }
