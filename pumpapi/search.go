package pumpapi

import (
	"context"
	"net/url"

	"manifold/models"
)

// The parameter q has a collection show only what contains all of some words.
// It is taken by the inbox of a person, by what somebody did, as far as the
// caller may see it, by the public feed and by favorites; what it means where
// people are listed, see [people]. pump.io has it for people only.

// page reads a page of a stream, or of what is looked for in it. How much is
// found in all is not counted: then the total tells only whether there is more
// than the page.
func (s streamFeed) page(ctx context.Context, viewer models.Viewer, args arguments, p models.Page) (items []models.Item, total int, err error) {
	if args.q == "" {
		return s.read(ctx, viewer, p)
	}
	one := oneMore(p)
	items, err = s.search(ctx, viewer, models.ParseSearch(args.q), one)
	return items[:min(len(items), p.Count)], p.Offset + len(items), err
}

// page reads a page of a collection of things, or of what is looked for in it.
func (t things) page(args arguments, p models.Page) ([]*models.Object, error) {
	if args.q == "" {
		return t.list(p)
	}
	return t.search(models.ParseSearch(args.q), p)
}

// oneMore is a page with the item that comes after it. What is newer than an id
// always has a page after it.
func oneMore(p models.Page) models.Page {
	if p.Since == 0 {
		p.Count++
	}
	return p
}

// onlyQuery is the text that is looked for, as the only argument.
func (a arguments) onlyQuery() string {
	if a.q == "" {
		return ""
	}
	return "?q=" + url.QueryEscape(a.q)
}
