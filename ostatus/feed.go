package ostatus

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// How much a page of a feed holds, and among how much of a stream it is looked
// for: much of what people do is no entry.
const (
	pageSize = 20
	batch    = 50
	maxLook  = 400
)

// getFeed serves what a person posted and shared for everybody.
func (s *Server) getFeed(w http.ResponseWriter, r *http.Request) error {
	account, err := s.db.AccountByNickname(r.Context(), pathValue(r, "nick"))
	switch {
	case errors.Is(err, models.ErrNotFound):
		return errNobody
	case err != nil:
		return err
	case account.State == models.Deleted:
		return errLeft
	case account.State != models.Active:
		return errSuspended
	}
	address := s.FeedURL(account.Nickname)
	if pathValue(r, "nick") != account.Nickname {
		if r.URL.RawQuery != "" {
			address += "?" + r.URL.RawQuery
		}
		w.Header().Set("Cache-Control", cacheFeed)
		http.Redirect(w, r, address, http.StatusMovedPermanently)
		return nil
	}
	p, err := s.page(r, stream{account.ActorID, models.Outbox})
	if err != nil {
		return err
	}
	owner := p.actors[account.ActorID]
	if owner == nil {
		return errors.New("the account " + account.Nickname + " has no actor")
	}
	feed := s.head(p, owner)
	return s.send(w, r, feed, later(feed.Updated, owner.Updated))
}

// getGroupFeed serves what was posted to a group of ours for everybody. Each
// entry says who its author is.
func (s *Server) getGroupFeed(w http.ResponseWriter, r *http.Request) error {
	group, err := s.db.ActorByIRI(r.Context(), s.names.Thing(vocab.TypeGroup, pathValue(r, "uuid")))
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && (!group.Local || group.Type != vocab.TypeGroup):
		return errNoGroup
	case err != nil:
		return err
	case group.State == models.Deleted:
		return errGroupGone
	case group.State != models.Active:
		return errSuspended
	}
	if visible, err := s.db.MaySeeGroup(r.Context(), models.Viewer{}, group.ID); err != nil || !visible {
		return cmp.Or(err, error(errNoGroup))
	}
	p, err := s.page(r, stream{group.ID, models.Inbox})
	if err != nil {
		return err
	}
	feed := s.head(p, group)
	return s.send(w, r, feed, later(feed.Updated, group.Updated))
}

// head is the feed of an actor of ours with the entries of a page.
func (s *Server) head(p *page, owner *models.Actor) *atom.Feed {
	feed := s.frame(p, s.feedOf(owner))
	account := owner.Nickname + "@" + s.names.Host
	if owner.Nickname == "" {
		account = s.names.Host
	}
	feed.Title = nameOf(owner) + " (" + account + ")"
	feed.Subtitle = bridge.Text(owner.Doc.Summary)
	feed.Author = p.person(owner)
	feed.Logo = pictureOf(owner)
	page := webAddress(owner.Doc.URL)
	if owner.Type != vocab.TypeGroup {
		page = s.names.Page(owner.Nickname)
	}
	links := []atom.Link{{Rel: atom.RelAlternate, Type: atom.TypeHTML, Href: firstOf(page, owner.Doc.ID)}, {Rel: atom.RelHub, Href: s.HubURL()}}
	feed.Links = slices.Concat(links, atom.SalmonLinks(s.SalmonURL(owner)), feed.Links)
	for _, a := range p.entries {
		entry := p.entry(a)
		if a.ActorID != owner.ID {
			entry.Author = p.person(p.actors[a.ActorID])
		}
		feed.Entries = append(feed.Entries, entry)
	}
	return feed
}

// render writes the feed of an actor of ours with just some of what was done, newest
// first, as it is pushed to those who have subscribed to it.
func (s *Server) render(ctx context.Context, owner *models.Actor, activities ...*models.Activity) ([]byte, error) {
	p, err := s.pageWith(ctx, owner.ID, activities...)
	if err != nil {
		return nil, err
	}
	return s.head(p, owner).Encode()
}

// pageWith is a page with just some of what was done.
func (s *Server) pageWith(ctx context.Context, owner int64, activities ...*models.Activity) (*page, error) {
	p := &page{names: s.names, alternates: s.alternates, entries: activities}
	var ids []int64
	for _, a := range activities {
		p.changed = later(p.changed, later(a.Updated, a.Published))
		if a.Object.Kind == models.KindObject {
			ids = append(ids, a.Object.ID)
		}
	}
	var err error
	if p.objects, err = s.db.Objects(ctx, ids...); err != nil {
		return nil, err
	}
	return p, s.complete(ctx, p, owner)
}

// getPublic serves what everybody here posted and shared for everybody.
func (s *Server) getPublic(w http.ResponseWriter, r *http.Request) error {
	p, err := s.page(r, stream{0, models.PublicStream})
	if err != nil {
		return err
	}
	feed := s.frame(p, s.names.Base+"/public.atom")
	feed.Title = s.site
	feed.Author = &atom.Person{Name: s.site, URI: s.names.Base + "/", ObjectType: atom.Schema + vocab.TypeService}
	feed.Links = append([]atom.Link{{Rel: "alternate", Type: "text/html", Href: s.names.Base + "/"}}, feed.Links...)
	for _, a := range p.entries {
		entry := p.entry(a)
		entry.Author = p.person(p.actors[a.ActorID])
		feed.Entries = append(feed.Entries, entry)
	}
	return s.send(w, r, feed, feed.Updated)
}

// frame is a feed without its entries and without what says whose it is.
func (s *Server) frame(p *page, address string) *atom.Feed {
	feed := &atom.Feed{ID: address, Generator: atom.Generator{Name: "Manifold", Version: s.version}, Updated: p.changed}
	self := address
	if p.before != "" {
		self += "?before=" + url.QueryEscape(p.before)
	}
	feed.Links = append(feed.Links, atom.Link{Rel: "self", Type: feedType, Href: self})
	if p.next != "" {
		feed.Links = append(feed.Links, atom.Link{Rel: "next", Type: feedType, Href: address + "?before=" + url.QueryEscape(p.next)})
	}
	return feed
}

const feedType = "application/atom+xml"

// page is what one page of a feed shows, as a stranger may see it.
type page struct {
	names *bridge.Names
	// alternates are the media types in which our ids answer on other networks.
	alternates []string
	// before is the id of the activity that the page comes after, "" for the
	// newest; next is the same for the page after it.
	before, next string
	entries      []*models.Activity
	// changed is when anything was changed last that the page shows or leaves out
	// because it is gone.
	changed time.Time
	objects map[int64]*models.Object
	actors  map[int64]*models.Actor
	// presences are those of the actors on this network.
	presences map[int64]models.Presence
	// elsewhere are the addresses of those who are on other networks only.
	elsewhere map[int64]string
	// visible tells which of the objects a stranger may see.
	visible map[int64]bool
}

// stream is what a feed shows: the outbox of somebody, the inbox of a group, or what
// everybody here did.
type stream struct {
	owner int64
	kind  models.Stream
}

// read reads a part of a stream as strangers may see it.
func (s *Server) read(ctx context.Context, from stream, p models.Page) (items []models.Item, err error) {
	if from.kind == models.Inbox { // people's are nobody else's
		items, _, err = s.db.GroupPage(ctx, from.owner, models.All, models.Viewer{}, p)
	} else {
		items, _, err = s.db.StreamPage(ctx, from.owner, from.kind, models.All, models.Viewer{}, p)
	}
	return items, err
}

// page reads the page of a stream that a request asks for, by a number of
// queries that does not depend on what is on it.
func (s *Server) page(r *http.Request, from stream) (*page, error) {
	ctx := r.Context()
	p := &page{names: s.names, alternates: s.alternates, before: r.URL.Query().Get("before"), objects: map[int64]*models.Object{}}
	at, err := s.position(ctx, from, p.before)
	if err != nil {
		return nil, err
	}
	if err := s.gather(ctx, p, from, at); err != nil {
		return nil, err
	}
	return p, s.complete(ctx, p, from.owner)
}

// position returns where in a stream a page begins, 0 for the newest.
func (s *Server) position(ctx context.Context, from stream, before string) (int64, error) {
	if before == "" {
		return 0, nil
	}
	activity, err := s.db.LookupKind(ctx, models.KindActivity, before)
	var position int64
	if err == nil {
		position, err = s.db.PositionOf(ctx, from.owner, from.kind, activity)
	}
	if errors.Is(err, models.ErrNotFound) {
		return 0, errNoPage
	}
	return position, err
}

// gather reads a stream from a position on until the page is full, or enough was
// looked at.
func (s *Server) gather(ctx context.Context, p *page, from stream, at int64) error {
	for looked := 0; looked < maxLook; {
		items, err := s.read(ctx, from, models.Page{Count: batch, Before: at})
		if err != nil {
			return err
		}
		for i, item := range items {
			a, o := item.Activity, item.Object
			looked++
			at = item.Position
			p.changed = later(p.changed, a.Published)
			if o != nil {
				p.changed = later(p.changed, later(o.Updated, o.Deleted))
			}
			if isEntry(a, o) {
				p.entries = append(p.entries, a)
				p.objects[o.ID] = o
			}
			if len(p.entries) == pageSize && (i+1 < len(items) || len(items) == batch) {
				p.next = a.Doc.ID
				return nil
			}
		}
		if len(items) < batch {
			p.next = ""
			return nil
		}
		p.next = items[len(items)-1].Activity.Doc.ID
	}
	return nil
}

// isEntry reports whether something that was done is shown in feeds: the posting
// of a thing that is still there, and the sharing of one.
func isEntry(a *models.Activity, o *models.Object) bool {
	if o == nil || !a.Deleted.IsZero() || !o.Deleted.IsZero() || o.Type == vocab.TypeCollection {
		return false
	}
	switch a.Verb {
	case vocab.VerbPost, vocab.VerbCreate:
		return o.ActivityID == a.ID
	case vocab.VerbShare:
		return true
	}
	return false
}

// complete reads what belongs to the entries of a page: what they answer, and
// who made all of it.
func (s *Server) complete(ctx context.Context, p *page, owner int64) error {
	var parents, objects, people []int64
	if owner != 0 {
		people = append(people, owner)
	}
	for _, o := range p.objects {
		if o.ParentID != 0 && p.objects[o.ParentID] == nil {
			parents = append(parents, o.ParentID)
		}
	}
	found, err := s.db.Objects(ctx, parents...)
	if err != nil {
		return err
	}
	for id, o := range found {
		p.objects[id] = o
	}
	for id, o := range p.objects {
		objects = append(objects, id)
		people = append(people, o.AuthorID)
	}
	if p.visible, err = s.db.VisibleObjects(ctx, models.Viewer{}, objects...); err != nil {
		return err
	}
	for _, a := range p.entries {
		people = append(people, a.ActorID)
		for _, to := range a.Audience {
			if mentions(to) {
				people = append(people, to.ID)
			}
		}
	}
	if p.actors, err = s.db.Actors(ctx, people...); err != nil {
		return err
	}
	if p.presences, err = s.db.Presences(ctx, Network, slices.Collect(maps.Keys(p.actors))...); err != nil {
		return err
	}
	if err := s.findElsewhere(ctx, p); err != nil {
		return err
	}
	if p.changed.IsZero() && p.actors[owner] != nil {
		p.changed = later(p.actors[owner].Updated, p.actors[owner].Created)
	}
	if p.changed.IsZero() {
		// RFC 4287 4.1.1 wants a time, and nothing has ever happened here.
		p.changed = time.Unix(0, 0)
	}
	return nil
}

// findElsewhere reads how those are called on the networks before this one who are not
// on it: an account is no name here, where everybody has an address.
func (s *Server) findElsewhere(ctx context.Context, p *page) error {
	var strangers []int64
	for id, a := range p.actors {
		if !a.Local && p.presences[id].IRI == "" && webAddress(a.Doc.ID) == "" {
			strangers = append(strangers, id)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	p.elsewhere = map[int64]string{}
	for _, network := range s.bridge.NetworksBefore(Network) {
		found, err := s.db.Presences(ctx, network, strangers...)
		if err != nil {
			return err
		}
		for id, there := range found {
			p.elsewhere[id] = firstOf(p.elsewhere[id], webAddress(there.IRI))
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pathValue is a variable of the path, decoded.
func pathValue(r *http.Request, name string) string {
	value, err := url.PathUnescape(mux.Vars(r)[name])
	if err != nil {
		return ""
	}
	return value
}
