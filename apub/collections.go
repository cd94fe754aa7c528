package apub

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// pageSize is how many items a page of a collection has at most.
const pageSize = 40

// collection is something that is read a page at a time, newest first. Pages begin
// at positions, so that paging meets every item once while new ones arrive.
type collection struct {
	id, owner string
	total     int64
	// hidden tells how many there are and nothing else, whole has them at the front
	// of the pages as well, opened has the first page in itself: GoToSocial reads no
	// replies from others.
	hidden, whole, opened bool
	// read returns the items of a page with their positions.
	read func(context.Context, models.Page) ([]entry, error)
}

// entry is one place of a collection. item is nil for what cannot be told on this
// network, and takes its place all the same.
type entry struct {
	position int64
	item     any
}

// hideMember is a member of a profile by which somebody does not show who follows
// them, and whom they follow.
const hideMember = vocab.NSAS2 + "hideCollections"

func hides(a *models.Actor) bool { return string(a.Doc.Extra[hideMember]) == "true" }

// serve answers with a collection, or with the page of it that a request names.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, who visitor, c collection) error {
	l, err := s.listing(r, c)
	if err != nil {
		return err
	}
	doc, err := s.encoder(nil).Collection(l)
	if err != nil {
		return err
	}
	s.send(w, r, who, http.StatusOK, doc)
	return nil
}

func (s *Server) listing(r *http.Request, c collection) (Listing, error) {
	l := Listing{ID: c.id, TotalItems: c.total, AttributedTo: c.owner}
	query := r.URL.Query()
	if !query.Has("page") && !query.Has("before") && !query.Has("since") {
		if !c.hidden {
			l.First = c.id + "?page=true"
		}
		switch {
		case c.whole:
			entries, err := c.read(r.Context(), models.Page{Count: pageSize})
			l.Items = itemsOf(entries)
			return l, err
		case c.opened:
			page, err := c.page(r.Context(), models.Page{Count: pageSize})
			l.FirstPage = &page
			return l, err
		}
		return l, nil
	}
	page := models.Page{Count: pageSize}
	for name, bound := range map[string]*int64{"before": &page.Before, "since": &page.Since} {
		if text := query.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n <= 0 {
				return l, errNoPage
			}
			*bound = n
		}
	}
	if c.hidden || page.Before > 0 && page.Since > 0 {
		return l, errNoPage
	}
	return c.page(r.Context(), page)
}

func (c collection) page(ctx context.Context, page models.Page) (Listing, error) {
	entries, err := c.read(ctx, page)
	l := Listing{ID: c.pageAt("before", page.Before), TotalItems: c.total, AttributedTo: c.owner, Page: true, PartOf: c.id, Items: itemsOf(entries)}
	if err != nil {
		return l, err
	}
	if page.Since > 0 {
		l.ID = c.pageAt("since", page.Since)
	}
	if n := len(entries); n > 0 {
		if entries[0].position > 0 {
			l.Prev = c.pageAt("since", entries[0].position)
		}
		// What a page begins after is older than the page. What has no position is the
		// oldest there is.
		if (n == pageSize || page.Since > 0) && entries[n-1].position > 0 {
			l.Next = c.pageAt("before", entries[n-1].position)
		}
	}
	return l, nil
}

// itemsOf are those entries that can be told.
func itemsOf(entries []entry) []any {
	items := []any{}
	for _, e := range entries {
		if e.item != nil {
			items = append(items, e.item)
		}
	}
	return items
}

func (c collection) pageAt(bound string, position int64) string {
	if position == 0 {
		return c.id + "?page=true"
	}
	return c.id + "?page=true&" + bound + "=" + strconv.FormatInt(position, 10)
}

// of makes the handler of a collection of an actor.
func (s *Server) of(make func(*Server, *http.Request, visitor, *models.Actor, Addresses) (collection, error)) handler {
	return func(w http.ResponseWriter, r *http.Request, who visitor) error {
		a, err := s.owner(r, who)
		if err != nil {
			return err
		}
		c, err := make(s, r, who, a, AddressesOf(s.names, a))
		if err != nil {
			return err
		}
		return s.serve(w, r, who, c)
	}
}

// owner returns whose collection a path names: that of a person, of a group, or of
// the server.
func (s *Server) owner(r *http.Request, who visitor) (*models.Actor, error) {
	var a *models.Actor
	var err error
	switch {
	case pathValue(r, "nick") != "":
		a, err = s.person(r)
	case pathValue(r, "uuid") != "":
		a, err = s.group(r, who)
	default:
		a, err = s.bridge.ServerActor(r.Context())
	}
	if err == nil && a.State != models.Active {
		err = &refusal{status: http.StatusGone, text: "This account is gone."}
	}
	return a, err
}

// outbox is what somebody did, as far as the visitor may see it. id is where the
// part of it is found.
func outbox(part models.Part, id func(Addresses) string) func(*Server, *http.Request, visitor, *models.Actor, Addresses) (collection, error) {
	return func(s *Server, r *http.Request, who visitor, a *models.Actor, at Addresses) (collection, error) {
		_, total, err := s.db.StreamPage(r.Context(), a.ID, models.Outbox, part, who.Viewer, models.Page{Count: 1})
		c := collection{id: id(at), owner: at.Actor, total: int64(total)}
		c.read = func(ctx context.Context, p models.Page) ([]entry, error) {
			items, _, err := s.db.StreamPage(ctx, a.ID, models.Outbox, part, who.Viewer, p)
			if err != nil {
				return nil, err
			}
			return s.streamEntries(ctx, items)
		}
		return c, err
	}
}

func (s *Server) streamEntries(ctx context.Context, items []models.Item) ([]entry, error) {
	activities := make([]*models.Activity, len(items))
	for i, item := range items {
		activities[i] = item.Activity
	}
	docs, err := s.encodeActivities(ctx, true, activities...)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(items))
	for i, item := range items {
		entries[i].position = item.Position
		if docs[i] != nil && item.Activity.Deleted.IsZero() {
			entries[i].item = json.RawMessage(docs[i])
		}
	}
	return entries, nil
}

// followers are those who follow somebody, or the members of a group, which is
// what one who follows it becomes.
func followers(s *Server, _ *http.Request, _ visitor, a *models.Actor, at Addresses) (collection, error) {
	kind, total := models.Follows, a.Counts.Followers
	if a.Type == vocab.TypeGroup {
		kind, total = models.MemberOf, a.Counts.Members
	}
	return collection{id: at.Followers, owner: at.Actor, total: total, hidden: hides(a), read: func(ctx context.Context, p models.Page) ([]entry, error) {
		edges, err := s.db.EdgesTo(ctx, kind, a.ID, p)
		if err != nil {
			return nil, err
		}
		return s.peopleEntries(ctx, edges, func(e models.Edge) int64 { return e.ActorID })
	}}, nil
}

func following(s *Server, _ *http.Request, _ visitor, a *models.Actor, at Addresses) (collection, error) {
	return collection{id: at.Following, owner: at.Actor, total: a.Counts.Following, hidden: hides(a), read: func(ctx context.Context, p models.Page) ([]entry, error) {
		edges, err := s.db.EdgesFrom(ctx, models.Follows, a.ID, p)
		if err != nil {
			return nil, err
		}
		return s.peopleEntries(ctx, edges, func(e models.Edge) int64 { return e.TargetID })
	}}, nil
}

// peopleEntries are the ids of those at one end of edges, as far as they are on
// this network.
func (s *Server) peopleEntries(ctx context.Context, edges []models.Edge, end func(models.Edge) int64) ([]entry, error) {
	ids := make([]int64, len(edges))
	for i, e := range edges {
		ids[i] = end(e)
	}
	iris, err := s.iris(ctx, ids...)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(edges))
	for i, e := range edges {
		entries[i].position = e.Position
		if iri := iris[end(e)]; iri != "" {
			entries[i].item = iri
		}
	}
	return entries, nil
}

// liked are the things that somebody likes, as far as the visitor may see them.
func liked(s *Server, _ *http.Request, who visitor, a *models.Actor, at Addresses) (collection, error) {
	return collection{id: at.Liked, owner: at.Actor, total: a.Counts.Favorites, read: func(ctx context.Context, p models.Page) ([]entry, error) {
		return s.edgeObjects(ctx, models.Likes, a.ID, who, p)
	}}, nil
}

// featured are the few things that somebody wants to be seen first. Misskey and Lemmy
// read none that are on a page.
func featured(s *Server, r *http.Request, who visitor, a *models.Actor, at Addresses) (collection, error) {
	pins, err := s.edgeObjects(r.Context(), models.Pinned, a.ID, who, models.Page{Count: pageSize})
	return collection{id: at.Featured, owner: at.Actor, total: int64(len(itemsOf(pins))), whole: true, read: func(ctx context.Context, p models.Page) ([]entry, error) {
		return s.edgeObjects(ctx, models.Pinned, a.ID, who, p)
	}}, err
}

// edgeObjects are the ids of the things to which edges of one kind lead, as far as
// the visitor may see them.
func (s *Server) edgeObjects(ctx context.Context, kind models.EdgeKind, actor int64, who visitor, p models.Page) ([]entry, error) {
	edges, err := s.db.EdgesFrom(ctx, kind, actor, p)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(edges))
	for i, e := range edges {
		ids[i] = e.TargetID
	}
	objects, err := s.db.Objects(ctx, ids...)
	if err != nil {
		return nil, err
	}
	visible, err := s.db.VisibleObjects(ctx, who.Viewer, ids...)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(edges))
	for i, e := range edges {
		entries[i].position = e.Position
		if o := objects[e.TargetID]; o != nil && visible[o.ID] && o.Deleted.IsZero() {
			entries[i].item = iriOf(o.Doc.ID)
		}
	}
	return entries, nil
}

// iriOf is an id that others can ask for, nil for all else.
func iriOf(id string) any {
	u, err := url.Parse(id)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	return id
}

// about makes the handler of a collection that hangs off a thing.
func (s *Server) about(name string, read func(*Server, visitor, *models.Object) (int64, func(context.Context, models.Page) ([]entry, error))) handler {
	return func(w http.ResponseWriter, r *http.Request, who visitor) error {
		o, err := s.object(r, who)
		switch {
		case err != nil:
			return err
		case !o.Deleted.IsZero():
			return &refusal{status: http.StatusGone, text: "This was deleted."}
		case !s.names.Ours(o.Doc.ID):
			return errNothing
		}
		c := collection{id: o.Doc.ID + "/" + name, opened: name == "replies"}
		c.total, c.read = read(s, who, o)
		return s.serve(w, r, who, c)
	}
}

func replies(s *Server, who visitor, o *models.Object) (int64, func(context.Context, models.Page) ([]entry, error)) {
	return o.Counts.Replies, func(ctx context.Context, p models.Page) ([]entry, error) {
		list, err := s.db.Replies(ctx, o.ID, who.Viewer, p)
		entries := make([]entry, len(list))
		for i, reply := range list {
			entries[i] = entry{reply.Position, iriOf(reply.Doc.ID)}
		}
		return entries, err
	}
}

// getThread answers with all of a conversation that began here (FEP-7888): what
// began it, which comes last, and every answer.
func (s *Server) getThread(w http.ResponseWriter, r *http.Request, who visitor) error {
	o, err := s.object(r, who)
	switch {
	case err != nil:
		return err
	case !o.Deleted.IsZero():
		return &refusal{status: http.StatusGone, text: "This was deleted."}
	case !s.names.Ours(o.Doc.ID) || o.ParentID != 0:
		return errNothing
	}
	answers, err := s.db.CountThread(r.Context(), o.ID, who.Viewer)
	if err != nil {
		return err
	}
	c := collection{id: s.names.Thread(o.Doc.ID), total: answers + 1}
	c.read = func(ctx context.Context, p models.Page) ([]entry, error) {
		list, err := s.db.Thread(ctx, o.ID, who.Viewer, p)
		var entries []entry
		for _, answer := range list {
			entries = append(entries, entry{answer.Position, iriOf(answer.Doc.ID)})
		}
		if len(list) < p.Count && p.Since == 0 {
			entries = append(entries, entry{item: o.Doc.ID})
		}
		return entries, err
	}
	return s.serve(w, r, who, c)
}

func likes(s *Server, who visitor, o *models.Object) (int64, func(context.Context, models.Page) ([]entry, error)) {
	return o.Counts.Likes, s.reactions(models.Likes, who, o)
}

func shares(s *Server, who visitor, o *models.Object) (int64, func(context.Context, models.Page) ([]entry, error)) {
	return o.Counts.Shares, s.reactions(models.Shared, who, o)
}

// reactions are the ids of the activities by which people liked or shared a thing,
// as far as they are not meant for others.
func (s *Server) reactions(kind models.EdgeKind, who visitor, o *models.Object) func(context.Context, models.Page) ([]entry, error) {
	return func(ctx context.Context, p models.Page) ([]entry, error) {
		edges, err := s.db.EdgesTo(ctx, kind, o.ID, p)
		if err != nil {
			return nil, err
		}
		ids := make([]int64, len(edges))
		for i, e := range edges {
			ids[i] = e.ActivityID
		}
		activities, err := s.db.Activities(ctx, slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return id == 0 })...)
		if err != nil {
			return nil, err
		}
		entries := make([]entry, len(edges))
		for i, e := range edges {
			entries[i].position = e.Position
			a := activities[ids[i]]
			if a != nil && a.Deleted.IsZero() && (a.Visibility != models.Limited || who.ActorID != 0 && a.ActorID == who.ActorID) {
				entries[i].item = iriOf(a.Doc.ID)
			}
		}
		return entries, nil
	}
}

// below reports whether an id is below the address of a host.
func below(iri, host string) bool {
	_, rest, ok := strings.Cut(iri, "://")
	if !ok {
		return false
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return strings.EqualFold(rest, host)
}
