package pumpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// Somebody who looks at a profile here, and has an account elsewhere, enters the
// address of that account, and is sent to the page of their own server on which they
// confirm that they want to follow. This is the half that other servers begin with our
// interactionPath.

// visited returns whom a page to follow from elsewhere is about, nil for nobody. The
// paths are those of StatusNet, and of GNU social 1 and 2.
func (p *pages) visited(r *http.Request, values url.Values) (*models.Actor, error) {
	ctx := r.Context()
	nick, group := cmp.Or(pathValue(r, "nick"), values.Get("nickname")), cmp.Or(pathValue(r, "group"), values.Get("group"))
	var actor *models.Actor
	var err error
	switch {
	case nick != "":
		var account *models.Account
		if account, err = p.a.db.AccountByNickname(ctx, nick); err == nil {
			actor, err = p.a.db.Actor(ctx, account.ActorID)
		}
	case group != "":
		actor, err = p.a.db.ActorByIRI(ctx, p.a.names.Thing(vocab.TypeGroup, group))
		if errors.Is(err, models.ErrNotFound) {
			actor, err = p.a.db.ActorByIRI(ctx, p.a.names.Acct(models.Fold(group)))
		}
	default:
		return nil, nil
	}
	if errors.Is(err, models.ErrNotFound) || err == nil && (!actor.Local || actor.State != models.Active || group != "" && actor.Type != vocab.TypeGroup) {
		return nil, nil
	}
	if err != nil || actor.Type != vocab.TypeGroup {
		return actor, err
	}
	if visible, err := p.a.db.MaySeeGroup(ctx, models.Viewer{}, actor.ID); err != nil || !visible {
		return nil, err
	}
	return actor, nil
}

// visit begins an answer to a visitor: it tells whom they want to follow, or shows
// why that does not work, and returns nil.
func (p *pages) visit(w http.ResponseWriter, r *http.Request, values url.Values) (*page, *models.Actor, error) {
	if p.a.followPage == nil {
		return nil, nil, p.problem(w, http.StatusForbidden, "This does not work", "This server cannot look for yours. Search there for the address of whom you want to follow.")
	}
	actor, err := p.visited(r, values)
	if err != nil {
		return nil, nil, err
	}
	if actor == nil {
		return nil, nil, p.problem(w, http.StatusNotFound, "This does not work", "There is nobody and no group of that name here.")
	}
	v := &page{Who: p.shownProfile(actor), Form: p.form(w, r), Address: strings.TrimSpace(values.Get("profile")), Hidden: []hiddenField{{"nickname", actor.Nickname}}}
	v.Title = "Follow " + v.Who.Name
	if v.Who.Group {
		v.Title = "Join " + v.Who.Name
		v.Hidden[0] = hiddenField{"group", cmp.Or(p.a.names.Token(actor.Doc.ID), actor.Doc.PreferredUsername)}
	}
	return v, actor, nil
}

func (p *pages) showVisit(w http.ResponseWriter, status int, v *page) error {
	return p.showLeadingTo(w, status, visitorPage, *v, p.anywhere())
}

// anywhere is the source of a policy for forms that lead on to a server which is seen
// when they are sent.
func (p *pages) anywhere() string {
	if strings.HasPrefix(p.a.names.Base, "http:") {
		return "'self' https: http:"
	}
	return "'self' https:"
}

// getVisit shows the form for visitors. GNU social 2 has the other half of this at one
// of the paths: whoever comes with a profile has an account here.
func (p *pages) getVisit(w http.ResponseWriter, r *http.Request, c *caller) error {
	q := r.URL.Query()
	if q.Has("profile") && !q.Has("nickname") && !q.Has("group") {
		return p.getSubscription(w, r, c)
	}
	v, _, err := p.visit(w, r, q)
	if v == nil {
		return err
	}
	return p.showVisit(w, http.StatusOK, v)
}

// postVisit sends a visitor to their own server.
func (p *pages) postVisit(w http.ResponseWriter, r *http.Request, _ *caller) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	v, actor, err := p.visit(w, r, form)
	if v == nil {
		return err
	}
	if !p.checkForm(r, form.Get("form")) {
		v.Problem = foreignForm
		return p.showVisit(w, http.StatusForbidden, v)
	}
	who := whom(v.Address)
	switch {
	case who == "":
		v.Problem = "An address looks like ann@example.org, or like https://example.org/ann."
		return p.showVisit(w, http.StatusBadRequest, v)
	case p.a.names.Ours(who):
		return p.redirectToInteraction(w, r, actor)
	}
	// Each makes us knock at an address of a stranger's choice.
	if _, wait := p.a.attempts.begin("", p.a.addressOf(r)); wait > 0 {
		status, problem, _ := problemOf(tooMany(w, wait))
		v.Problem = problem
		return p.showVisit(w, status, v)
	}
	ctx, cancel := context.WithTimeout(r.Context(), remoteTime)
	defer cancel()
	to, err := p.a.followPage(ctx, who, p.uri(actor))
	if status, problem, ok := problemOf(err); ok {
		v.Problem = problem
		return p.showVisit(w, status, v)
	}
	if err != nil {
		p.a.log.InfoContext(ctx, "the server of a visitor was not found", "account", who, "error", err)
		v.Problem = "The server of " + v.Address + " does not answer as it should. Please try again later."
		return p.showVisit(w, http.StatusBadGateway, v)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// redirectToInteraction is for visitors who are none: their account is here.
func (p *pages) redirectToInteraction(w http.ResponseWriter, r *http.Request, actor *models.Actor) error {
	http.Redirect(w, r, p.base+interactionPath+"?uri="+url.QueryEscape(p.uri(actor)), http.StatusSeeOther)
	return nil
}

// uri is what an actor of ours is called on the networks on which it is followed from
// elsewhere.
func (p *pages) uri(actor *models.Actor) string {
	if actor.Type == vocab.TypeGroup {
		return actor.Doc.ID
	}
	return p.a.names.Actor(actor.Nickname)
}
