package ostatus

import (
	"errors"
	"net/http"
	"net/url"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// getTagged serves what people here posted for everybody with a hashtag. It has no hub:
// that publishes what actors do.
func (s *Server) getTagged(w http.ResponseWriter, r *http.Request) error {
	tag := bridge.Hashtag(pathValue(r, "tag"))
	if tag == "" {
		return errNoTag
	}
	address := s.names.Base + "/tags/" + url.PathEscape(tag) + "/feed.atom"
	if pathValue(r, "tag") != tag {
		if r.URL.RawQuery != "" {
			address += "?" + r.URL.RawQuery
		}
		w.Header().Set("Cache-Control", cacheFeed)
		http.Redirect(w, r, address, http.StatusMovedPermanently)
		return nil
	}
	ctx := r.Context()
	p := &page{names: s.names, alternates: s.alternates, before: r.URL.Query().Get("before"), objects: map[int64]*models.Object{}}
	var before int64
	if p.before != "" {
		var err error
		if before, err = s.db.LookupKind(ctx, models.KindActivity, p.before); errors.Is(err, models.ErrNotFound) {
			return errNoPage
		} else if err != nil {
			return err
		}
	}
	items, more, err := s.bridge.Tagged(ctx, tag, before, pageSize)
	if err != nil {
		return err
	}
	for _, item := range items {
		p.changed = later(p.changed, later(item.Activity.Published, item.Object.Updated))
		p.entries = append(p.entries, item.Activity)
		p.objects[item.Object.ID] = item.Object
	}
	if more {
		p.next = items[len(items)-1].Activity.Doc.ID
	}
	if err := s.complete(ctx, p, 0); err != nil {
		return err
	}
	feed := s.frame(p, address)
	feed.Title = "#" + tag + " on " + s.site
	feed.Author = &atom.Person{Name: s.site, URI: s.names.Base + "/", ObjectType: atom.Schema + vocab.TypeService}
	feed.Links = append([]atom.Link{{Rel: atom.RelAlternate, Type: atom.TypeHTML, Href: s.names.Base + "/"}}, feed.Links...)
	for _, a := range p.entries {
		entry := p.entry(a)
		entry.Author = p.person(p.actors[a.ActorID])
		feed.Entries = append(feed.Entries, entry)
	}
	return s.send(w, r, feed, feed.Updated)
}
