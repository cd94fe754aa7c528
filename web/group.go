package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// group returns the group of ours that a path names, if strangers may see it.
func (p *Pages) group(r *http.Request) (*models.Actor, error) {
	ctx := r.Context()
	token := pathValue(r, "uuid")
	if !tokens.MatchString(token) {
		return nil, errNotFound
	}
	g, err := p.store.ActorByIRI(ctx, p.names.Thing(vocab.TypeGroup, token))
	if errors.Is(err, models.ErrNotFound) || err == nil && (!g.Local || g.Type != vocab.TypeGroup) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	visible, err := p.store.MaySeeGroup(ctx, models.Viewer{}, g.ID)
	switch {
	case err != nil:
		return nil, err
	case !visible:
		return nil, errNotFound
	case g.State != models.Active:
		return nil, errGone("group")
	}
	return g, nil
}

// leadToGroup leads from the id of a group to its page.
func (p *Pages) leadToGroup(w http.ResponseWriter, r *http.Request) error {
	g, err := p.group(r)
	if err != nil {
		return err
	}
	return lead(w, r, g.Doc.URL)
}

// getGroup shows a group and what was posted there for everybody.
func (p *Pages) getGroup(w http.ResponseWriter, r *http.Request) error {
	g, err := p.group(r)
	if err != nil {
		return err
	}
	nick, token, address := pathValue(r, "nick"), pathValue(r, "uuid"), g.Doc.URL
	asked := p.names.ThingPage(nick, vocab.TypeGroup, token)
	switch {
	case !strings.EqualFold(asked, address):
		return errNotFound
	case asked != address || pathValue(r, "slash") != "":
		w.Header().Set("Cache-Control", cachePage)
		http.Redirect(w, r, address, http.StatusMovedPermanently)
		return nil
	case elsewhere(w, r, g.Doc.ID, g.Doc.ID):
		return nil
	}
	before := r.URL.Query().Get("before")
	position, err := p.position(r, g.ID, models.Inbox, before)
	if err != nil {
		return err
	}
	ctx := r.Context()
	// One more than is shown tells whether there are more.
	items, _, err := p.store.GroupPage(ctx, g.ID, models.Major, models.Viewer{}, models.Page{Count: pageSize + 1, Before: position})
	if err != nil {
		return err
	}
	shown, next := shownOf(items, address)
	s, err := p.load(ctx, scope{activities: shown, actor: g.ID})
	if err != nil {
		return err
	}
	if s.actors[g.ID] == nil {
		return fmt.Errorf("the group %s is gone", g.Doc.ID)
	}
	view := &profile{Group: true, Person: s.person(g.ID), Summary: content(g.Doc.Summary), Place: place(g.Doc), Members: g.Counts.Members}
	view.Person.URL = address
	if name := g.Doc.PreferredUsername; name != "" {
		view.Person.Address = name + "@" + p.names.Host
	}
	for _, a := range shown {
		view.Entries = append(view.Entries, s.entry(a, 3))
	}
	if p.visitors {
		view.FromElsewhere = p.root + "/main/ostatus/group/" + token
	}
	title := view.Person.Name
	if before != "" {
		view.First, title = address, "Older posts in "+title
	}
	description := firstOf(plainText(string(view.Summary), 300), "What is posted in the group "+view.Person.Name+".")
	return p.show(w, r, page{
		Title: title, Description: description, Canonical: address, JSON: g.Doc.ID, Feed: p.feed(g.Doc.ID + "/feed.atom"), Next: next,
	}, profilePage(view, next))
}

// shownOf returns the activities of a page, and the address of the page after it where
// there is one.
func shownOf(items []models.Item, address string) (shown []*models.Activity, next string) {
	if len(items) > pageSize {
		items = items[:pageSize]
		next = address + "?before=" + url.QueryEscape(items[pageSize-1].Activity.Doc.ID)
	}
	for _, item := range items {
		shown = append(shown, item.Activity)
	}
	return shown, next
}
