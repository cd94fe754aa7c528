package pumpapi

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// crowd renders activities for many viewers at once, as a stream that each of
// them reads shows them. Most of them are shown the same, so that it is enough to
// find out, by a few queries for all viewers, in which respects somebody is not
// like the others: that he did it, likes it, may see what it replies to, and so
// on. One of those who are alike in all of them then stands for all.
type crowd struct {
	a *API
	// activities are those that are told of and those that they are about.
	activities map[int64]*models.Activity
	// objects are what they are about, and what that replies to.
	objects map[int64]*models.Object
	// posts are the activities that posted what is replied to or added to, or that
	// made a group.
	posts   map[int64]*models.Activity
	replies map[int64][]models.Reply
	// groups are those that the activities name.
	groups map[int64]*models.Actor
}

// replyWindow is how many of the newest replies are looked at for those that
// viewers may see. Where these are fewer than are shown, everybody is rendered
// alone.
const replyWindow = 16

// newCrowd reads what does not depend on who looks.
func (a *API) newCrowd(ctx context.Context, ids []int64) (*crowd, error) {
	c := &crowd{a: a}
	var err error
	if c.activities, err = a.db.Activities(ctx, ids...); err != nil {
		return nil, err
	}
	var inner, objects idSet
	for _, activity := range c.activities {
		if activity.Object.Kind == models.KindActivity {
			inner.add(activity.Object.ID)
		}
	}
	found, err := a.db.Activities(ctx, inner.list...)
	if err != nil {
		return nil, err
	}
	for id, activity := range found {
		c.activities[id] = activity
	}
	for _, activity := range c.activities {
		for _, ref := range []models.Ref{activity.Object, activity.Target} {
			if ref.Kind == models.KindObject {
				objects.add(ref.ID)
			}
		}
	}
	if c.objects, err = a.db.Objects(ctx, objects.list...); err != nil {
		return nil, err
	}
	if err := c.readGroups(ctx); err != nil {
		return nil, err
	}
	return c, c.readAround(ctx)
}

// readGroups reads the groups that not everybody may see.
func (c *crowd) readGroups(ctx context.Context) error {
	var named idSet
	for _, activity := range c.activities {
		named.add(actorsOf(activity)...)
	}
	actors, err := c.a.db.Actors(ctx, named.list...)
	c.groups = map[int64]*models.Actor{}
	for id, actor := range actors {
		if actor.Type == vocab.TypeGroup && actor.ActivityID != 0 {
			c.groups[id] = actor
		}
	}
	return err
}

// actorsOf are the actors that an activity is about or addressed to, where they
// may be groups.
func actorsOf(a *models.Activity) []int64 {
	var ids []int64
	for _, ref := range []models.Ref{a.Object, a.Target} {
		if ref.Kind == models.KindActor {
			ids = append(ids, ref.ID)
		}
	}
	for _, to := range a.Audience {
		if to.Kind == models.AudienceGroup {
			ids = append(ids, to.ID)
		}
	}
	return ids
}

// readAround reads what the objects reply to, and the replies to them.
func (c *crowd) readAround(ctx context.Context) error {
	var parents, posts, replied idSet
	for _, o := range c.objects {
		parents.add(o.ParentID)
	}
	more, err := c.a.db.Objects(ctx, parents.list...)
	if err != nil {
		return err
	}
	for id, o := range more {
		c.objects[id] = o
	}
	for _, g := range c.groups {
		posts.add(g.ActivityID)
	}
	for _, o := range c.objects {
		posts.add(o.ActivityID)
		if o.Counts.Replies > 0 && o.Deleted.IsZero() {
			replied.add(o.ID)
		}
	}
	if c.posts, err = c.a.db.Activities(ctx, posts.list...); err != nil {
		return err
	}
	c.replies, err = c.a.db.NewestReplies(ctx, replied.list, replyWindow)
	return err
}

// surroundings are what a rendering of one activity can depend on.
type surroundings struct {
	// roots are the objects of the activity, shown whole.
	roots []*models.Object
	// things are what the viewer may like, have shared, follow or be a member of;
	// own are those who made any of it, to whom it is shown in another way.
	things idSet
	own    idSet
	// makers are those who can be blocked.
	makers idSet
	// limited are the activities of which it matters who may see them.
	limited idSet
	// deep are the objects with more replies than were looked at.
	deep []*models.Object
}

func (c *crowd) around(activity *models.Activity) *surroundings {
	s := &surroundings{}
	add := func(a *models.Activity) {
		s.own.add(a.ActorID)
		s.makers.add(a.ActorID)
		for _, ref := range []models.Ref{a.Object, a.Target} {
			if o := c.objects[ref.ID]; ref.Kind == models.KindObject && o != nil {
				s.roots = append(s.roots, o)
			}
		}
		if a.Object.Kind == models.KindActor {
			s.things.add(a.Object.ID)
		}
		for _, id := range actorsOf(a) {
			if g := c.groups[id]; g != nil {
				s.things.add(id)
				s.own.add(g.AuthorID)
				c.dependOn(s, g.ActivityID)
			}
		}
		if o := c.objects[a.Target.ID]; a.Target.Kind == models.KindObject && o != nil {
			c.dependOn(s, o.ActivityID)
		}
	}
	add(activity)
	if inner := c.activities[activity.Object.ID]; activity.Object.Kind == models.KindActivity && inner != nil {
		add(inner)
	}
	for _, o := range s.roots {
		c.addObject(s, o)
		if parent := c.objects[o.ParentID]; parent != nil {
			c.addObject(s, parent)
			c.dependOn(s, parent.ActivityID)
		}
	}
	return s
}

func (c *crowd) addObject(s *surroundings, o *models.Object) {
	s.own.add(o.AuthorID)
	s.makers.add(o.AuthorID)
	if o.Counts.Likes > 0 || o.Counts.Shares > 0 {
		s.things.add(o.ID)
	}
	for _, r := range c.replies[o.ID] {
		s.own.add(r.AuthorID)
		s.makers.add(r.AuthorID)
		if r.Touched {
			s.things.add(r.ID)
		}
		if r.Visibility == models.Limited {
			s.limited.add(r.Post)
		}
	}
	if len(c.replies[o.ID]) == replyWindow {
		s.deep = append(s.deep, o)
	}
}

// dependOn notes that something is shown to those only who may see its post.
func (c *crowd) dependOn(s *surroundings, activity int64) {
	if post := c.posts[activity]; post != nil && (post.Visibility == models.Limited || post.ObjectPost != 0) {
		s.limited.add(post.ID)
	}
}

// likeness is in which respects a viewer is not like the others.
type likeness struct {
	key       []byte
	relations models.Relations
	sees      map[int64]bool
}

func (l *likeness) note(format string, args ...any) { l.key = fmt.Appendf(l.key, format, args...) }

// render returns the activity as each of the viewers is shown it; 0 is a
// stranger.
func (c *crowd) render(ctx context.Context, activity *models.Activity, viewers []int64) (map[int64]*update, error) {
	s := c.around(activity)
	all := make(map[int64]*likeness, len(viewers))
	for _, v := range viewers {
		all[v] = &likeness{}
	}
	if err := c.compare(ctx, s, all); err != nil {
		return nil, err
	}
	updates := make(map[int64]*update, len(viewers))
	rendered := map[string]*update{}
	for _, v := range viewers {
		l := all[v]
		u := rendered[string(l.key)]
		if u == nil {
			var err error
			if u, err = c.renderFor(ctx, activity, s, v, l.relations); err != nil {
				return nil, err
			}
			rendered[string(l.key)] = u
		}
		updates[v] = u
	}
	return updates, nil
}

// compare finds in which respects viewers differ.
func (c *crowd) compare(ctx context.Context, s *surroundings, all map[int64]*likeness) error {
	for _, id := range s.own.list {
		if l := all[id]; l != nil {
			l.note("own %d ", id)
		}
	}
	var people []int64
	for _, v := range sortedIDs(all) {
		if v == 0 {
			all[v].note("stranger ")
		} else {
			people = append(people, v)
		}
	}
	edges, err := c.a.db.EdgesAmong(ctx, people, s.things.list)
	if err != nil {
		return err
	}
	slices.SortFunc(edges, func(a, b models.Edge) int {
		return cmp.Or(cmp.Compare(a.TargetID, b.TargetID), cmp.Compare(a.Kind, b.Kind))
	})
	for _, e := range edges {
		l := all[e.ActorID]
		l.note("edge %d %d ", e.Kind, e.TargetID)
		if l.relations == nil {
			l.relations = models.Relations{}
		}
		l.relations[e.TargetID] |= 1 << e.Kind
	}
	blocks, err := c.a.db.BlocksAround(ctx, s.makers.list)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		for _, end := range []int64{b.ActorID, b.TargetID} {
			if l := all[end]; l != nil && end != 0 {
				// Nobody else need be like somebody with blocks.
				l.note("blocks %d ", end)
			}
		}
	}
	return c.compareSights(ctx, s, all, people)
}

// compareSights finds which of the limited things each viewer may see.
func (c *crowd) compareSights(ctx context.Context, s *surroundings, all map[int64]*likeness, people []int64) error {
	if len(s.limited.list) == 0 && len(s.deep) == 0 {
		return nil
	}
	seen, err := c.a.db.WhoSees(ctx, s.limited.list, people, false)
	if err != nil {
		return err
	}
	for sight := range seen {
		l := all[sight.Viewer]
		if l.sees == nil {
			l.sees = map[int64]bool{}
		}
		l.sees[sight.Activity] = true
	}
	for v, l := range all {
		for _, id := range s.limited.list {
			if l.sees[id] {
				l.note("sees %d ", id)
			}
		}
		for _, o := range s.deep {
			if c.visibleReplies(o, v, l) < firstFew {
				l.note("alone %d ", v)
				break
			}
		}
	}
	return nil
}

// visibleReplies counts those of the newest replies that a viewer may see.
func (c *crowd) visibleReplies(o *models.Object, viewer int64, l *likeness) int {
	n := 0
	for _, r := range c.replies[o.ID] {
		if r.Visibility != models.Limited || l.sees[r.Post] || viewer != 0 && r.AuthorID == viewer {
			n++
		}
	}
	return n
}

// renderFor renders an activity for one viewer, whose relations are known.
func (c *crowd) renderFor(ctx context.Context, activity *models.Activity, s *surroundings, viewer int64, relations models.Relations) (*update, error) {
	v := c.a.newView(models.Viewer{ActorID: viewer})
	for _, o := range s.roots {
		v.objects[o.ID] = o
	}
	if viewer != 0 {
		for _, id := range c.related(activity, s) {
			v.relate(id, relations[id])
		}
	}
	if err := v.load(ctx, []*models.Activity{activity}, nil, nil); err != nil {
		return nil, err
	}
	out := writer{}
	render(ctx, &out, func(out *writer) { v.activity(out, activity) })
	return &update{id: activity.Doc.ID, json: out.b}, nil
}

// related are the things of which an activity shows what the viewer did to them.
func (c *crowd) related(activity *models.Activity, s *surroundings) []int64 {
	var ids idSet
	for _, a := range []*models.Activity{activity, c.activities[activity.Object.ID]} {
		if a != nil && a.Object.Kind == models.KindActor {
			ids.add(a.Object.ID)
		}
	}
	for _, o := range s.roots {
		ids.add(o.ID, o.ParentID)
		for _, of := range []int64{o.ID, o.ParentID} {
			for _, r := range c.replies[of] {
				ids.add(r.ID)
			}
		}
	}
	return ids.list
}
