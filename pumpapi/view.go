package pumpapi

import (
	"context"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// firstFew is how many of its newest replies, likers and sharers an object
// shows.
const firstFew = 4

// view is everything that one answer shows, read by a fixed number of queries
// however much it is, and as one viewer may see it.
type view struct {
	db     *models.DB
	names  *bridge.Names
	viewer models.Viewer
	// fragments are shared by all views.
	fragments *fragments

	// mentioned are actors to be read besides those that are found.
	mentioned idSet

	actors     map[int64]*models.Actor
	objects    map[int64]*models.Object
	activities map[int64]*models.Activity
	// relations are those of the viewer to the things in related.
	relations models.Relations
	related   idSet
	replies   map[int64][]*models.Object
	likers    map[int64][]int64
	sharers   map[int64][]int64
	members   map[int64][]int64
	// hidden are the objects that the viewer may see only as references, where
	// others name them.
	hidden map[int64]bool
	// secret are the groups of which the viewer may see no more.
	secret map[int64]bool
	// proxies are the addresses here of what lies elsewhere, nil for strangers.
	proxies *proxying
	// shown are the people that were written already.
	shown map[shownPerson][]byte
}

type shownPerson struct {
	id       int64
	expanded bool
}

func (a *API) newView(viewer models.Viewer) *view {
	return &view{
		db: a.db, names: a.names, viewer: viewer, fragments: a.fragments, proxies: a.proxies.forViewer(viewer),
		actors: map[int64]*models.Actor{}, objects: map[int64]*models.Object{}, activities: map[int64]*models.Activity{}, relations: models.Relations{},
	}
}

// idSet collects ids in the order in which they are named.
type idSet struct {
	seen map[int64]bool
	list []int64
}

func (s *idSet) add(ids ...int64) {
	for _, id := range ids {
		if id != 0 && !s.seen[id] {
			if s.seen == nil {
				s.seen = map[int64]bool{}
			}
			s.seen[id] = true
			s.list = append(s.list, id)
		}
	}
}

// load reads what activities, objects and actors need to be shown. shallow
// leaves out what only whole objects show: their first replies, likers and
// sharers.
func (v *view) load(ctx context.Context, activities []*models.Activity, objects []*models.Object, actors []int64) error {
	var objectIDs, actorIDs idSet
	actorIDs.add(actors...)
	actorIDs.add(v.mentioned.list...)
	if err := v.loadInner(ctx, activities); err != nil {
		return err
	}
	for _, a := range activities {
		v.activities[a.ID] = a
	}
	for _, a := range v.activities {
		v.need(a, &objectIDs, &actorIDs)
	}
	for _, o := range objects {
		v.objects[o.ID] = o
	}
	if err := v.loadObjects(ctx, &objectIDs); err != nil {
		return err
	}
	shown := make([]*models.Object, 0, len(v.objects))
	for _, o := range v.objects {
		shown = append(shown, o)
	}
	if err := v.loadRelated(ctx); err != nil {
		return err
	}
	if err := v.loadFirst(ctx, shown, &actorIDs); err != nil {
		return err
	}
	for _, o := range v.objects {
		actorIDs.add(o.AuthorID)
	}
	if err := v.loadActors(ctx, &actorIDs); err != nil {
		return err
	}
	if err := v.loadSecrets(ctx); err != nil {
		return err
	}
	return v.loadRelations(ctx, actors)
}

// loadInner reads activities that are the objects of others.
func (v *view) loadInner(ctx context.Context, activities []*models.Activity) error {
	var inner idSet
	for _, a := range activities {
		if a.Object.Kind == models.KindActivity {
			inner.add(a.Object.ID)
		}
	}
	if len(inner.list) == 0 {
		return nil
	}
	found, err := v.db.Activities(ctx, inner.list...)
	for id, a := range found {
		v.activities[id] = a
	}
	return err
}

// need notes what an activity shows.
func (v *view) need(a *models.Activity, objects, actors *idSet) {
	actors.add(a.ActorID)
	for _, r := range []models.Ref{a.Object, a.Target} {
		switch r.Kind {
		case models.KindActor:
			actors.add(r.ID)
		case models.KindObject:
			objects.add(r.ID)
		}
	}
	for _, to := range a.Audience {
		switch to.Kind {
		case models.AudienceActor, models.AudienceGroup:
			actors.add(to.ID)
		}
	}
}

func (v *view) loadObjects(ctx context.Context, ids *idSet) error {
	missing := ids.list[:0:0]
	for _, id := range ids.list {
		if v.objects[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := v.db.Objects(ctx, missing...)
	for id, o := range found {
		v.objects[id] = o
	}
	return err
}

// loadRelated reads what things reply to, and notes what of that, and of the
// targets of activities, the viewer may not see: nobody learns what a thing says
// by being told that it was answered, or that something was done with it.
func (v *view) loadRelated(ctx context.Context) error {
	var related idSet
	for _, o := range v.objects {
		related.add(o.ParentID)
	}
	for _, a := range v.activities {
		if a.Target.Kind == models.KindObject {
			related.add(a.Target.ID)
		}
	}
	if err := v.loadObjects(ctx, &related); err != nil || len(related.list) == 0 {
		return err
	}
	visible, err := v.db.VisibleObjects(ctx, v.viewer, related.list...)
	if err != nil {
		return err
	}
	v.hidden = map[int64]bool{}
	for _, id := range related.list {
		v.hidden[id] = !visible[id]
	}
	return nil
}

// loadFirst reads the first few replies, likers, sharers and members of things
// that have any.
func (v *view) loadFirst(ctx context.Context, objects []*models.Object, actors *idSet) error {
	var replied, liked, shared, lists idSet
	for _, o := range objects {
		if !o.Deleted.IsZero() {
			continue
		}
		if o.Counts.Replies > 0 {
			replied.add(o.ID)
		}
		if o.Counts.Likes > 0 {
			liked.add(o.ID)
		}
		if o.Counts.Shares > 0 {
			shared.add(o.ID)
		}
		if o.Counts.Members > 0 && o.AuthorID == v.viewer.ActorID {
			lists.add(o.ID)
		}
	}
	var err error
	if len(replied.list) > 0 {
		if v.replies, err = v.db.FirstReplies(ctx, replied.list, v.viewer, firstFew); err != nil {
			return err
		}
		for _, list := range v.replies {
			for _, o := range list {
				actors.add(o.AuthorID)
			}
		}
	}
	for _, edges := range []struct {
		kind models.EdgeKind
		of   []int64
		dest *map[int64][]int64
	}{{models.Likes, liked.list, &v.likers}, {models.Shared, shared.list, &v.sharers}, {models.MemberOf, lists.list, &v.members}} {
		if len(edges.of) == 0 {
			continue
		}
		if *edges.dest, err = v.db.FirstEdgesTo(ctx, edges.kind, edges.of, firstFew); err != nil {
			return err
		}
		for _, list := range *edges.dest {
			actors.add(list...)
		}
	}
	return nil
}

func (v *view) loadActors(ctx context.Context, ids *idSet) error {
	missing := ids.list[:0:0]
	for _, id := range ids.list {
		if v.actors[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := v.db.Actors(ctx, missing...)
	for id, a := range found {
		v.actors[id] = a
	}
	return err
}

// loadSecrets finds the groups that the viewer may not see. Most answers name no
// group, and cost nothing by it.
func (v *view) loadSecrets(ctx context.Context) error {
	var groups []int64
	for id, a := range v.actors {
		if a.Type == vocab.TypeGroup && a.ActivityID != 0 && (a.AuthorID != v.viewer.ActorID || a.AuthorID == 0) {
			groups = append(groups, id)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	visible, err := v.db.VisibleGroups(ctx, v.viewer, groups...)
	if err != nil {
		return err
	}
	v.secret = map[int64]bool{}
	for _, id := range groups {
		v.secret[id] = !visible[id]
	}
	return nil
}

// relate notes a relation that is known already.
func (v *view) relate(id int64, set models.EdgeSet) {
	v.related.add(id)
	v.relations[id] = set
}

// loadRelations reads what the viewer likes, has shared and follows of what is
// shown. Of people it is told where they are what is shown, not wherever they
// are named.
func (v *view) loadRelations(ctx context.Context, people []int64) error {
	if v.viewer.ActorID == 0 {
		return nil
	}
	var targets idSet
	want := func(id int64) {
		if !v.related.seen[id] {
			targets.add(id)
		}
	}
	for id := range v.objects {
		want(id)
	}
	for _, list := range v.replies {
		for _, o := range list {
			want(o.ID)
		}
	}
	for _, id := range people {
		want(id)
	}
	for _, a := range v.activities {
		if a.Object.Kind == models.KindActor {
			want(a.Object.ID)
		}
	}
	if len(targets.list) == 0 {
		return nil
	}
	found, err := v.db.RelationsTo(ctx, v.viewer.ActorID, targets.list)
	for _, id := range targets.list {
		v.relate(id, found[id])
	}
	return err
}
