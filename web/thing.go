package web

import (
	"errors"
	"net/http"
	"regexp"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// conversation is what the page of a thing shows: itself, and the newest answers
// to it.
type conversation struct {
	Thing   *thing
	Answers []*thing
	// More says that there are answers that are not shown.
	More bool
}

// tokens are what the last part of the id of a thing may be.
var tokens = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// getThing shows a note, a picture, or whatever else somebody posted for
// everybody.
func (p *Pages) getThing(w http.ResponseWriter, r *http.Request) error {
	account, err := p.account(r)
	if err != nil {
		return err
	}
	objectType, token := pathValue(r, "type"), pathValue(r, "uuid")
	if !bridge.KnownType(objectType) || !tokens.MatchString(token) {
		return errNotFound
	}
	address := p.names.ThingPage(account.Nickname, objectType, token)
	if moved(w, r, account.Nickname, address) {
		return nil
	}
	ctx := r.Context()
	o, err := p.store.ObjectByIRI(ctx, address)
	if errors.Is(err, models.ErrNotFound) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	answers, err := p.store.Replies(ctx, o.ID, models.Viewer{}, models.Page{Count: pageSize + 1})
	if err != nil {
		return err
	}
	more := len(answers) > pageSize
	answers = answers[:min(len(answers), pageSize)]
	s, err := p.load(ctx, scope{objects: append([]*models.Object{o}, answers...)})
	switch {
	case err != nil:
		return err
	case !s.visible[o.ID], o.Type == vocab.TypeCollection:
		return errNotFound
	case !o.Deleted.IsZero():
		return errGone(kindOf(o.Type))
	}
	id := p.names.Thing(objectType, token)
	if elsewhere(w, r, id, id) {
		return nil
	}
	view := &conversation{Thing: s.thing(o, 1), More: more}
	view.Thing.URL = address
	for _, answer := range answers {
		shown := s.thing(answer, 3)
		shown.ReplyTo = nil // stands above it
		view.Answers = append(view.Answers, shown)
	}
	title := view.Thing.Heading()
	if view.Thing.Title != "" {
		title += " by " + view.Thing.by()
	}
	return p.show(w, r, page{Title: title, Description: view.Thing.about(), Canonical: address, JSON: id}, conversationPage(view))
}

// getActivity shows one thing that somebody did.
func (p *Pages) getActivity(w http.ResponseWriter, r *http.Request) error {
	account, err := p.account(r)
	if err != nil {
		return err
	}
	token := pathValue(r, "uuid")
	if !tokens.MatchString(token) {
		return errNotFound
	}
	address := p.names.ThingPage(account.Nickname, vocab.TypeActivity, token)
	if moved(w, r, account.Nickname, address) {
		return nil
	}
	ctx := r.Context()
	id := p.names.Thing(vocab.TypeActivity, token)
	a, err := p.store.ActivityByIRI(ctx, id)
	if errors.Is(err, models.ErrNotFound) || err == nil && a.ActorID != account.ActorID {
		return errNotFound
	}
	if err != nil {
		return err
	}
	visible, err := p.store.MaySeeActivity(ctx, models.Viewer{}, a.ID)
	switch {
	case err != nil:
		return err
	case !visible:
		return errNotFound
	case !a.Deleted.IsZero():
		return errGone("activity")
	}
	if elsewhere(w, r, id, id) {
		return nil
	}
	s, err := p.load(ctx, scope{activities: []*models.Activity{a}})
	if err != nil {
		return err
	}
	view := s.entry(a, 2)
	if o := s.objects[a.Object.ID]; o != nil && isPost(a) && !o.Deleted.IsZero() {
		return errGone(kindOf(o.Type))
	}
	return p.show(w, r, page{Title: view.Heading(), Description: view.about(), Canonical: address, JSON: id}, activityPage(view))
}
