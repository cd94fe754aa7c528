package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"manifold/bridge"
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

// whom reads an account as others write it: acct:bob@host, bob@host, @bob@host,
// !kites@host for a group, or the address of a profile. It returns "" for anything
// else.
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
	address := strings.TrimPrefix(uri, "acct:")
	if address != "" && strings.ContainsRune("@!", rune(address[0])) {
		address = address[1:]
	}
	nick, host, ok := strings.Cut(address, "@")
	if !ok || nick == "" || host == "" || strings.ContainsAny(address, "/?#% ") || strings.Contains(host, "@") {
		return ""
	}
	return "acct:" + address
}

// interactor returns who is logged in with an account here. Anybody else is sent to
// the page to log in, which leads back.
func (p *pages) interactor(w http.ResponseWriter, r *http.Request, back string) (*guest, error) {
	g, err := p.guest(r)
	if err == nil && (g == nil || g.account == nil) {
		return nil, p.askToLogIn(w, r, back)
	}
	return g, err
}

// getInteraction shows whom an address names, and asks whether to follow them, or to
// join where it is a group.
func (p *pages) getInteraction(w http.ResponseWriter, r *http.Request, _ *caller) error {
	uri := r.URL.Query().Get("uri")
	if whom(uri) == "" {
		return p.problem(w, http.StatusBadRequest, "This does not work", "The address of this page has to say whom to follow, like ann@example.org.")
	}
	g, err := p.interactor(w, r, interactionPath+"?uri="+url.QueryEscape(uri))
	if g == nil {
		return err
	}
	return p.showInteraction(w, r, g, uri)
}

// getSubscription is the same page at the addresses that servers of OStatus guess, by
// their own. Without a profile it asks for one.
func (p *pages) getSubscription(w http.ResponseWriter, r *http.Request, _ *caller) error {
	profile := strings.TrimSpace(r.URL.Query().Get("profile"))
	back := r.URL.Path
	if profile != "" {
		back += "?profile=" + url.QueryEscape(profile)
	}
	g, err := p.interactor(w, r, back)
	if g == nil {
		return err
	}
	shown := page{Title: "Follow somebody elsewhere", Nickname: g.name, Address: profile, Form: p.form(w, r)}
	switch {
	case profile == "":
		return p.show(w, http.StatusOK, lookPage, shown, "")
	case whom(profile) == "":
		shown.Problem = "An address looks like ann@example.org, or like https://example.org/ann."
		return p.show(w, http.StatusBadRequest, lookPage, shown, "")
	}
	return p.showInteraction(w, r, g, profile)
}

func (p *pages) showInteraction(w http.ResponseWriter, r *http.Request, g *guest, uri string) error {
	shown := page{Title: "Follow somebody", Nickname: g.name, Form: p.form(w, r), Address: strings.TrimPrefix(whom(uri), "acct:")}
	actor, status, problem, err := p.meet(w, r, g, whom(uri))
	if err != nil {
		return err
	}
	if problem != "" {
		shown.Problem = problem
		return p.show(w, status, lookPage, shown, "")
	}
	shown.Who = p.shownProfile(actor)
	if shown.Who.Group {
		shown.Title = "Join a group"
	}
	bond, err := p.bond(r.Context(), g.actor, actor)
	if err != nil {
		return err
	}
	if shown.Notice = bond; bond != "" {
		shown.Address = ""
	}
	return p.show(w, http.StatusOK, interactionPage, shown, "")
}

// bond says what somebody here is to somebody or to a group already, "" for nothing.
func (p *pages) bond(ctx context.Context, g, actor *models.Actor) (string, error) {
	if g.ID == actor.ID {
		return "This is you.", nil
	}
	kind, words := models.Follows, []string{"You have asked whether you may follow them. They have not answered yet.", "You follow them."}
	if actor.Type == vocab.TypeGroup {
		kind, words = models.MemberOf, []string{"You have asked to join. Nobody has answered yet.", "You are a member."}
	}
	edge, err := p.a.db.Edge(ctx, kind, g.ID, actor.ID)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case edge.State == models.InForce:
		return words[1], nil
	case edge.State == models.Requested:
		return words[0], nil
	}
	return "", nil
}

// meet finds somebody by their address, asking their server where they are not known.
// Where that does not work it says so in words, with a status.
func (p *pages) meet(w http.ResponseWriter, r *http.Request, g *guest, who string) (actor *models.Actor, status int, problem string, err error) {
	// Each may make us knock at an address of somebody's choice.
	try, wait := p.a.attempts.begin("looking "+g.name, "")
	if wait > 0 {
		status, problem, _ = problemOf(tooMany(w, wait))
		return nil, status, problem, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), remoteTime)
	defer cancel()
	actor, err = p.a.bridge.Resolve(ctx, who)
	name := strings.TrimPrefix(who, "acct:")
	switch {
	case err == nil && actor.State != models.Active:
		return nil, http.StatusGone, name + " is not in use any more.", nil
	case err == nil:
		if visible, err := p.visible(ctx, g, actor); err != nil || !visible {
			return nil, http.StatusNotFound, "There is nobody and no group by the name of " + name + ".", err
		}
		try.succeeded()
		return actor, 0, "", nil
	case r.Context().Err() != nil:
		return nil, 0, "", err
	case errors.Is(err, bridge.ErrUnknownAccount):
		return nil, http.StatusNotFound, "There is nobody and no group by the name of " + name + ", or their server says nothing of them.", nil
	case errors.Is(err, bridge.ErrHostBlocked):
		return nil, http.StatusForbidden, "This server does not talk to that of " + name + ", by a decision of its admins.", nil
	}
	if status, problem, ok := problemOf(err); ok {
		return nil, status, problem, nil
	}
	p.a.log.InfoContext(ctx, "somebody could not be looked up", "account", who, "error", err)
	return nil, http.StatusBadGateway, "The server of " + name + " does not answer as it should. Please try again later.", nil
}

// visible reports whether somebody may know of an actor: of a group that is not for
// everybody only its members do.
func (p *pages) visible(ctx context.Context, g *guest, actor *models.Actor) (bool, error) {
	if actor.Type != vocab.TypeGroup || !actor.Local {
		return true, nil
	}
	return p.a.db.MaySeeGroup(ctx, models.Viewer{ActorID: g.actor.ID}, actor.ID)
}

// shownProfile is somebody, or a group, as a page shows them before anybody decides.
type shownProfile struct {
	Name, Address, Page, Avatar, Note string
	Group                             bool
	// pictures is from where the policy of the page lets the picture come.
	pictures string
}

// maxNote is how much of a profile is shown, in bytes.
const maxNote = 500

func (p *pages) shownProfile(a *models.Actor) *shownProfile {
	v := &shownProfile{Name: nameOf(a), Group: a.Type == vocab.TypeGroup, Note: bridge.Text(a.Doc.Summary), Avatar: p.base + "/images/default.png", pictures: "'self'"}
	if len(v.Note) > maxNote {
		end := maxNote
		for !utf8.RuneStart(v.Note[end]) {
			end--
		}
		v.Note = v.Note[:end] + "…"
	}
	switch {
	case a.Local && a.Nickname != "":
		v.Address, v.Page = a.Nickname+"@"+p.a.names.Host, p.a.names.Page(a.Nickname)
	case a.Nickname != "":
		v.Address, v.Page = a.Nickname+"@"+a.Host, webPage(a.Doc.URL)
	default:
		v.Page = webPage(a.Doc.URL)
	}
	if a.Doc.Image != nil {
		// Browsers warn of pictures over plain http on a page that came by https.
		if u, err := url.Parse(webPage(a.Doc.Image.URL)); err == nil && plainHost(u.Host) && (u.Scheme == "https" || strings.HasPrefix(p.a.names.Base, "http:")) {
			v.Avatar, v.pictures = u.String(), u.Scheme+"://"+u.Host
		}
	}
	return v
}

// webPage returns an address that a browser can open, "" for all else.
func webPage(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return address
	}
	return ""
}

// postInteraction follows somebody, or joins a group.
func (p *pages) postInteraction(w http.ResponseWriter, r *http.Request, _ *caller) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	who := whom(form.Get("uri"))
	if who == "" {
		return p.problem(w, http.StatusBadRequest, "This does not work", "The form does not say whom to follow.")
	}
	g, err := p.interactor(w, r, interactionPath+"?uri="+url.QueryEscape(form.Get("uri")))
	if g == nil {
		return err
	}
	shown := page{Title: "Follow somebody", Nickname: g.name, Form: p.form(w, r), Address: strings.TrimPrefix(who, "acct:")}
	if !p.checkForm(r, form.Get("form")) {
		shown.Problem = foreignForm
		return p.show(w, http.StatusForbidden, interactionPage, shown, "")
	}
	actor, status, problem, err := p.meet(w, r, g, who)
	if err != nil {
		return err
	}
	if problem != "" {
		shown.Problem = problem
		return p.show(w, status, lookPage, shown, "")
	}
	shown.Who = p.shownProfile(actor)
	act := &vocab.Activity{Verb: vocab.VerbFollow, Object: actor.Doc.Ref()}
	if shown.Who.Group {
		shown.Title, act.Verb = "Join a group", vocab.VerbJoin
	}
	_, err = p.a.bridge.Post(r.Context(), p.a.submission(&caller{actorID: g.actor.ID}, act, "", nil))
	if status, problem, ok := problemOf(err); ok {
		shown.Problem = problem
		return p.show(w, status, interactionPage, shown, "")
	}
	if err != nil {
		return err
	}
	done := "You follow " + shown.Address + " now"
	if shown.Who.Group {
		done = "You are a member of " + shown.Who.Name + " now"
	}
	shown.Notice, shown.Address = done+", as soon as they agree.", ""
	return p.show(w, http.StatusOK, interactionPage, shown, "")
}
