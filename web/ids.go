package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// RegisterIDs leads browsers that open the id of a person or a thing to the page of
// it. It is called before what programs are answered at these addresses is
// registered.
func (p *Pages) RegisterIDs(router *mux.Router) {
	on := func(path string, h handler) {
		router.MatcherFunc(isBrowser).Path(path + "{slash:/?}").Handler(p.let("GET "+path+" (browser)", h))
	}
	on("/users/{nick}", p.leadToPerson)
	on("/api/activity/{uuid}", p.leadToActivity)
	on("/api/group/{uuid}", p.leadToGroup)
	// Lists have no pages.
	on("/api/{type:"+typesWithPages+"}/{uuid}", p.leadToThing)
}

// typesWithPages are those in paths of the API whose things are shown on a page.
const typesWithPages = "article|audio|badge|binary|bookmark|comment|event|file|game|image|issue|job|note|offer|other|page|place|process|product|question|review|task|video"

// isBrowser reports whether a request is that of somebody who looks at pages.
// Whoever has credentials is a program whatever it accepts: choqok asks for pages
// as a browser does.
func isBrowser(r *http.Request, _ *mux.RouteMatch) bool {
	looks := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !looks || r.Header.Get("Authorization") != "" || r.URL.Query().Has("oauth_signature") {
		return false
	}
	accept := r.Header.Values("Accept")
	return negotiate(accept, as1Form, as2Form, ldForm, htmlForm) == htmlForm || len(accept) == 0 && isGNUSocial(r.UserAgent())
}

// isGNUSocial reports whether a program looks for the feed of somebody at the page of
// theirs. It says nowhere that it wants a page, and gives up on anything else: a
// repeat of somebody whom it does not know is then lost to it.
func isGNUSocial(userAgent string) bool {
	return strings.HasPrefix(userAgent, "GNU social/") || strings.HasPrefix(userAgent, "StatusNet/")
}

func (p *Pages) leadToPerson(w http.ResponseWriter, r *http.Request) error {
	account, err := p.account(r)
	if err != nil {
		return err
	}
	return lead(w, r, p.names.Page(account.Nickname))
}

func (p *Pages) leadToThing(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	objectType, token := pathValue(r, "type"), pathValue(r, "uuid")
	if !bridge.KnownType(objectType) || !tokens.MatchString(token) {
		return errNotFound
	}
	o, err := p.store.ObjectByIRI(ctx, p.names.Thing(objectType, token))
	if errors.Is(err, models.ErrNotFound) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	visible, err := p.store.VisibleObjects(ctx, models.Viewer{}, o.ID)
	switch {
	case err != nil:
		return err
	case !visible[o.ID]:
		return errNotFound
	case !o.Deleted.IsZero():
		return errGone(kindOf(o.Type))
	}
	return p.leadToPageOf(ctx, w, r, o.AuthorID, objectType, token)
}

func (p *Pages) leadToActivity(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	token := pathValue(r, "uuid")
	if !tokens.MatchString(token) {
		return errNotFound
	}
	a, err := p.store.ActivityByIRI(ctx, p.names.Thing(vocab.TypeActivity, token))
	if errors.Is(err, models.ErrNotFound) {
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
	return p.leadToPageOf(ctx, w, r, a.ActorID, vocab.TypeActivity, token)
}

// leadToPageOf leads to the page of what somebody here did or made. What the server
// itself posts has none.
func (p *Pages) leadToPageOf(ctx context.Context, w http.ResponseWriter, r *http.Request, author int64, objectType, token string) error {
	actors, err := p.store.Actors(ctx, author)
	if err != nil {
		return err
	}
	by := actors[author]
	if by == nil || !by.Local || by.Nickname == "" {
		return errNotFound
	}
	return lead(w, r, p.names.ThingPage(by.Nickname, objectType, token))
}

func lead(w http.ResponseWriter, r *http.Request, to string) error {
	w.Header().Set("Cache-Control", cachePage)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
