package pumpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// logIn checks a password, as often as a person mistypes it and no more often.
// Its errors are [bridge.ErrWrongPassword], [bridge.ErrSuspended], and a refusal
// with status 429.
func (a *API) logIn(w http.ResponseWriter, r *http.Request, nick, password string) (*models.Account, error) {
	if !readable(nick) {
		nick = "" // nobody's
	}
	attempt, wait := a.attempts.begin(nick, a.addressOf(r))
	if wait > 0 {
		return nil, tooMany(w, wait)
	}
	account, err := a.bridge.Authenticate(r.Context(), nick, password)
	if err == nil || errors.Is(err, bridge.ErrSuspended) {
		attempt.succeeded()
	}
	return account, err
}

// tooMany refuses an attempt that comes too early.
func tooMany(w http.ResponseWriter, wait time.Duration) error {
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds)) // RFC 6585 4
	return refuse(http.StatusTooManyRequests, "Too many attempts. Try again in %d seconds.", seconds)
}

// problemOf words a refusal for a page. ok is false for what is none.
func problemOf(err error) (status int, text string, ok bool) {
	if e, is := errors.AsType[*statusError](err); is {
		return e.status, e.text, true
	}
	if e, is := errors.AsType[*bridge.Error](err); is {
		text := e.Text
		if text == "Bad password" {
			text = "This password is easily guessed. Take one of eight characters or more that are not only letters and not only digits."
		}
		return statusOf(e.Reason), text, true
	}
	switch {
	case errors.Is(err, bridge.ErrWrongPassword):
		return http.StatusBadRequest, "The name and the password do not belong together.", true
	case errors.Is(err, bridge.ErrSuspended):
		return http.StatusBadRequest, "This account is suspended.", true
	}
	return 0, "", false
}

// isPageForm reports whether a request is the form of a page rather than a
// program, which signs.
func isPageForm(r *http.Request) bool {
	return oauth1.IsForm(r.Header.Get("Content-Type")) && r.Header.Get("Authorization") == "" && !r.URL.Query().Has("oauth_signature")
}

// localPath returns where on this server to go on to: nobody is sent to another
// site by an address that begins with ours. What is no path of ours is "".
func localPath(to string) string {
	// Browsers read a backslash as a slash, and over control characters.
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || len(to) > 2048 || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return ""
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return ""
	}
	return to
}

// goOn sends a browser to a path that it came with, or else to one of ours.
func (p *pages) goOn(w http.ResponseWriter, r *http.Request, to, otherwise string) error {
	if to = localPath(to); to == "" {
		to = p.base + otherwise
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// guest is whoever is logged in with a browser.
type guest struct {
	actor *models.Actor
	// account is nil for somebody who has logged in from elsewhere.
	account *models.Account
	// name is how they are shown: a nickname, for somebody elsewhere with the host.
	name string
}

// guest returns who is logged in with a browser, or nil.
func (p *pages) guest(r *http.Request) (*guest, error) {
	id, err := p.a.sessionActor(r)
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g := new(guest)
	if g.actor, err = p.a.db.Actor(r.Context(), id); err != nil {
		return nil, err
	}
	if g.name = g.actor.Nickname; !g.actor.Local {
		g.name += "@" + g.actor.Host
		return g, nil
	}
	g.account, err = p.a.db.Account(r.Context(), id)
	return g, err
}

// canRecover tells whether a forgotten password can be replaced by mail.
func (p *pages) canRecover() bool { return p.a.bridge.HasMail() }

// getLogin shows the form to log in with.
func (p *pages) getLogin(w http.ResponseWriter, r *http.Request, _ *caller) error {
	g, err := p.guest(r)
	if err != nil {
		return err
	}
	to := localPath(r.URL.Query().Get("continue"))
	if g == nil {
		return p.showMainLogin(w, r, http.StatusOK, page{Continue: to})
	}
	// Not sent on at once: the page there may have sent them here, because they
	// may not see it.
	if to == "" {
		to = p.base + "/"
	}
	return p.show(w, http.StatusOK, guestPage, page{Title: "You are logged in", Nickname: g.name, Continue: to, Form: p.form(w, r)}, "")
}

func (p *pages) showMainLogin(w http.ResponseWriter, r *http.Request, status int, v page) error {
	v.Title, v.Form, v.Action = "Log in", p.form(w, r), "/main/login"
	if v.Continue != "" {
		v.Hidden = []hiddenField{{"continue", v.Continue}}
	}
	v.CanRecover, v.CanRegister, v.CanComeFromElsewhere = p.canRecover(), p.a.open || p.a.invited, p.a.outbound != nil
	return p.show(w, status, loginPage, v, "")
}

// postLogin logs somebody in: by the form, or for a program that is told the
// password. That one gets a token, as from a registration.
func (a *API) postLogin(w http.ResponseWriter, r *http.Request, _ *caller) error {
	if isPageForm(r) {
		return a.pages.enter(w, r)
	}
	c, err := a.authenticate(w, r, program)
	if err != nil {
		return err
	}
	in, err := readCredentials(w, r, c)
	if err != nil {
		return err
	}
	account, err := a.logIn(w, r, in.Nickname, in.Password)
	switch {
	case errors.Is(err, bridge.ErrWrongPassword):
		return refuse(http.StatusUnauthorized, "Incorrect username or password")
	case errors.Is(err, bridge.ErrSuspended):
		return refuse(http.StatusForbidden, "This account is suspended.")
	case err != nil:
		return err
	}
	var token *models.AccessToken
	err = a.pages.beginSessionWith(w, r, account.ActorID, func(ctx context.Context, tx *models.Tx) error {
		if err := a.rememberWrite(c)(ctx, tx); err != nil {
			return err
		}
		token, err = a.issueToken(ctx, tx, c.client.ClientID, account.ActorID)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return a.answerUser(w, r, &caller{actorID: account.ActorID}, account, token)
}

// credentials are what somebody enters to log in or to register.
type credentials struct{ Nickname, Password, Email, Invitation string }

func credentialsOf(form url.Values) *credentials {
	return &credentials{form.Get("nickname"), form.Get("password"), form.Get("email"), form.Get("invitation")}
}

// readCredentials reads the body of a signed request.
func readCredentials(w http.ResponseWriter, r *http.Request, c *caller) (*credentials, error) {
	if c.form != nil {
		form, err := url.ParseQuery(string(c.form))
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "Bad form: %v", err)
		}
		return credentialsOf(form), nil
	}
	data, err := body(w, r)
	if err != nil {
		return nil, err
	}
	if err := checkDocument(data); err != nil {
		return nil, err
	}
	in := new(credentials)
	if err := json.Unmarshal(data, in); err != nil {
		return nil, refuse(http.StatusBadRequest, "Bad document: nickname, password and email must be strings")
	}
	return in, nil
}

// enter takes the form of the login page.
func (p *pages) enter(w http.ResponseWriter, r *http.Request) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	v := page{Nickname: form.Get("nickname"), Continue: localPath(form.Get("continue"))}
	if !p.checkForm(r, form.Get("form")) {
		v.Problem = foreignForm
		return p.showMainLogin(w, r, http.StatusForbidden, v)
	}
	account, err := p.a.logIn(w, r, v.Nickname, form.Get("password"))
	if status, problem, ok := problemOf(err); ok {
		v.Problem = problem
		return p.showMainLogin(w, r, status, v)
	}
	if err != nil {
		return err
	}
	if err := p.beginSession(w, r, account); err != nil {
		return err
	}
	return p.goOn(w, r, v.Continue, "/main/account")
}

// postLogout ends the session of the browser: by its form, or for a program that
// acts for whoever is logged in there.
func (a *API) postLogout(w http.ResponseWriter, r *http.Request, _ *caller) error {
	if isPageForm(r) {
		return a.pages.leave(w, r)
	}
	c, err := a.authenticate(w, r, writing)
	if err != nil {
		return err
	}
	ctx := r.Context()
	actor, err := a.sessionActor(r)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	err = a.db.Write(ctx, func(tx *models.Tx) error {
		if err := a.rememberWrite(c)(ctx, tx); err != nil {
			return err
		}
		if actor != c.actorID {
			return nil // somebody else's, or none
		}
		return tx.RemoveSession(ctx, sessionDigest(r))
	})
	if err != nil {
		return err
	}
	if actor == c.actorID {
		http.SetCookie(w, a.pages.cookie(sessionCookie, "", 0))
	}
	text(w, r, "OK")
	return nil
}

// leave takes the form with the button to log out.
func (p *pages) leave(w http.ResponseWriter, r *http.Request) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	if !p.checkForm(r, form.Get("form")) {
		return p.problem(w, http.StatusForbidden, "You are still logged in", foreignForm)
	}
	p.endSession(w, r)
	return p.goOn(w, r, form.Get("continue"), "/main/login")
}

// postRenew gives the browser of a program's user a session, or a new one.
func (a *API) postRenew(w http.ResponseWriter, r *http.Request, c *caller) error {
	account, err := a.db.Account(r.Context(), c.actorID)
	if err != nil {
		return err
	}
	if err := a.pages.beginSessionWith(w, r, account.ActorID, a.rememberWrite(c)); err != nil {
		return err
	}
	return a.answerUser(w, r, c, account, nil)
}

// getRegister shows the form that makes an account.
func (p *pages) getRegister(w http.ResponseWriter, r *http.Request, _ *caller) error {
	query := r.URL.Query()
	if !p.a.open && !p.a.invited {
		return p.problem(w, http.StatusForbidden, "No registration allowed.",
			"Nobody can make an account here at present. Ask whoever runs this server.")
	}
	return p.showRegister(w, r, http.StatusOK, page{Continue: localPath(query.Get("continue")), Invitation: query.Get("invitation")})
}

func (p *pages) showRegister(w http.ResponseWriter, r *http.Request, status int, v page) error {
	v.Title, v.Form, v.NeedsAddress, v.NeedsInvitation = "Create an account", p.form(w, r), p.a.requireEmail, p.a.invited
	return p.show(w, status, registerPage, v, "")
}

// postRegister makes an account and logs its owner in: by the form, or for a
// program.
func (a *API) postRegister(w http.ResponseWriter, r *http.Request, _ *caller) error {
	if isPageForm(r) {
		return a.pages.register(w, r)
	}
	c, err := a.authenticate(w, r, program)
	if err != nil {
		return err
	}
	account, token, err := a.register(w, r, c)
	if err != nil {
		return err
	}
	if err := a.pages.beginSession(w, r, account); err != nil {
		return err
	}
	return a.answerUser(w, r, &caller{actorID: account.ActorID}, account, token)
}

// register takes the form that makes an account.
func (p *pages) register(w http.ResponseWriter, r *http.Request) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	if !p.a.open && !p.a.invited {
		return p.getRegister(w, r, nil)
	}
	in := credentialsOf(form)
	v := page{Nickname: in.Nickname, Address: in.Email, Invitation: in.Invitation, Continue: localPath(form.Get("continue"))}
	if !p.checkForm(r, form.Get("form")) {
		v.Problem = foreignForm
		return p.showRegister(w, r, http.StatusForbidden, v)
	}
	account, err := p.a.makeAccount(r.Context(), *in, nil)
	if status, problem, ok := problemOf(err); ok {
		v.Problem = problem
		return p.showRegister(w, r, status, v)
	}
	if err != nil {
		return err
	}
	if err := p.beginSession(w, r, account); err != nil {
		return err
	}
	return p.goOn(w, r, v.Continue, "/main/account")
}

// onlyWithin leads whoever is not logged in to the form for it, and all others to
// a page. pump.io has these as parts of its web application.
func (p *pages) onlyWithin(path, to string) handler {
	return func(w http.ResponseWriter, r *http.Request, _ *caller) error {
		g, err := p.guest(r)
		if err != nil {
			return err
		}
		if g == nil {
			return p.askToLogIn(w, r, path)
		}
		return p.goOn(w, r, "", to)
	}
}

// askToLogIn leads to the form to log in with, and back to path afterwards.
func (p *pages) askToLogIn(w http.ResponseWriter, r *http.Request, path string) error {
	return p.goOn(w, r, "", "/main/login?continue="+url.QueryEscape(p.base+path))
}
