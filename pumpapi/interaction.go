package pumpapi

import (
	"net/http"
	"net/url"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// interactionPath is the page to which other servers send somebody who said that
// their account is here, and wants to follow whom they found there. WebFinger tells
// it as the template subscribeRel.
const (
	interactionPath = "/authorize_interaction"
	subscribeRel    = "http://ostatus.org/schema/1.0/subscribe"
)

// whom reads an account as others write it: acct:bob@host, bob@host, @bob@host, or
// the address of a profile. It returns "" for anything else.
func whom(uri string) string {
	if uri = strings.TrimSpace(uri); !readable(uri) || len(uri) > models.MaxIRI {
		return ""
	}
	if strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://") {
		if u, err := url.Parse(uri); err != nil || u.Host == "" || u.User != nil {
			return ""
		}
		return uri
	}
	address := strings.TrimPrefix(strings.TrimPrefix(uri, "acct:"), "@")
	nick, host, ok := strings.Cut(address, "@")
	if !ok || nick == "" || host == "" || strings.ContainsAny(address, "/?#% ") || strings.Contains(host, "@") {
		return ""
	}
	return "acct:" + address
}

// interactor returns who is logged in with an account here. Anybody else is sent to
// the page to log in, which leads back.
func (p *pages) interactor(w http.ResponseWriter, r *http.Request, uri string) (*guest, error) {
	g, err := p.guest(r)
	if err == nil && (g == nil || g.account == nil) {
		return nil, p.askToLogIn(w, r, interactionPath+"?uri="+url.QueryEscape(uri))
	}
	return g, err
}

// getInteraction asks whether to follow somebody. Nothing is fetched before the
// person has said so.
func (p *pages) getInteraction(w http.ResponseWriter, r *http.Request, _ *caller) error {
	uri := r.URL.Query().Get("uri")
	who := whom(uri)
	if who == "" {
		return p.problem(w, http.StatusBadRequest, "This does not work", "The address of this page has to say whom to follow, like ann@example.org.")
	}
	g, err := p.interactor(w, r, uri)
	if g == nil {
		return err
	}
	return p.show(w, http.StatusOK, "interaction.html", page{Title: "Follow somebody", Nickname: g.name, Address: strings.TrimPrefix(who, "acct:"), Form: p.form(w, r)}, "")
}

// postInteraction follows somebody.
func (p *pages) postInteraction(w http.ResponseWriter, r *http.Request, _ *caller) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	who := whom(form.Get("uri"))
	if who == "" {
		return p.problem(w, http.StatusBadRequest, "This does not work", "The form does not say whom to follow.")
	}
	g, err := p.interactor(w, r, form.Get("uri"))
	if g == nil {
		return err
	}
	shown := page{Title: "Follow somebody", Nickname: g.name, Form: p.form(w, r), Address: strings.TrimPrefix(who, "acct:")}
	if !p.checkForm(r, form.Get("form")) {
		shown.Problem = foreignForm
		return p.show(w, http.StatusForbidden, "interaction.html", shown, "")
	}
	follow := &vocab.Activity{Verb: vocab.VerbFollow, Object: &vocab.Object{ID: who, Type: vocab.TypePerson}}
	_, err = p.a.bridge.Post(r.Context(), p.a.submission(&caller{actorID: g.actor.ID}, follow, "", nil))
	if status, problem, ok := problemOf(err); ok {
		shown.Problem = problem
		return p.show(w, status, "interaction.html", shown, "")
	}
	if err != nil {
		return err
	}
	shown.Notice, shown.Address = "You follow "+shown.Address+" now, as soon as they agree.", ""
	return p.show(w, http.StatusOK, "interaction.html", shown, "")
}
