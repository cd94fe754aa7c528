package pumpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // the style sheet
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"manifold/models"
	"manifold/pumpapi/oauth1"
)

//go:embed style.css
var style []byte

const (
	sessionCookie = "manifold_session"
	sessionAge    = 14 * 24 * time.Hour
	// formCookie ties a form to the browser that it was shown in.
	formCookie = "manifold_form"
)

// pages are what people see in their browser: where they log in, look after
// their account, and decide whether a program may act for them. They work without
// JavaScript.
type pages struct {
	a *API
	// base is the path of the public address, "" where it has none.
	base string
}

func newPages(a *API) (*pages, error) {
	base, err := url.Parse(a.names.Base)
	if err != nil {
		return nil, err
	}
	return &pages{a, base.EscapedPath()}, nil
}

// page is what pages show, each what it needs of it. Paths in it begin below Base.
type page struct {
	Site, Base, Title string
	// Problem says what was wrong with what the person entered, Notice what was
	// done.
	Problem, Notice string
	// Token is the request that is to be allowed, Form proves that the form was
	// made for this browser.
	Token, Form, Verifier string
	// Program asks, on behalf of the person Nickname.
	Program, Nickname string
	// Action is where a form that several pages share leads, Hidden what it brings
	// along.
	Action string
	Hidden []hiddenField
	// May lists what a program is to be allowed.
	May []string
	// Continue is the path to go on to.
	Continue string
	// Address is what somebody entered: of mail, or of an account elsewhere.
	Address string
	// CanRegister, CanRecover and CanComeFromElsewhere tell what else there is than
	// to log in; NeedsAddress says that no account is made without one of mail.
	CanRegister, CanRecover, CanComeFromElsewhere, NeedsAddress bool
	// Invitation is the code that somebody came with, where NeedsInvitation says
	// that no account is made without.
	Invitation      string
	NeedsInvitation bool
	// Who is somebody, or a group, that a page is about.
	Who *shownProfile
	// Programs can act for the person.
	Programs []programLine
}

// onTheWay is the address of a page that is seen on the way to where somebody wants
// to go on to.
func (p *page) onTheWay(path string) string {
	if p.Continue == "" {
		return p.Base + path
	}
	return p.Base + path + "?continue=" + url.QueryEscape(p.Continue)
}

// hiddenField is what a form sends that nobody fills in.
type hiddenField struct{ Name, Value string }

func (p *pages) getStyle(w http.ResponseWriter, r *http.Request, _ *caller) error {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(style))
	return nil
}

// printer makes a page of what it shows.
type printer func(page) templ.Component

// show sends a page. callback is where a form on it may lead besides this
// server, since browsers hold a redirect after a form to the same policy.
func (p *pages) show(w http.ResponseWriter, status int, print printer, v page, callback string) error {
	action := "'self'"
	if u, err := url.Parse(callback); err == nil && plainHost(u.Host) {
		action += " " + u.Scheme + "://" + u.Host
	}
	return p.showLeadingTo(w, status, print, v, action)
}

// showLeadingTo is show for forms that lead where a source list of a policy says
// (CSP 3, form-action).
func (p *pages) showLeadingTo(w http.ResponseWriter, status int, print printer, v page, action string) error {
	v.Site, v.Base = p.a.bridge.SiteName(), p.base
	var b bytes.Buffer
	// What cannot be printed is not begun. Nothing is waited for, so there is no
	// context that could end it.
	if err := print(v).Render(context.Background(), &b); err != nil {
		return fmt.Errorf("printing the page %q: %w", v.Title, err)
	}
	pictures := ""
	if v.Who != nil {
		pictures = "; img-src " + v.Who.pictures
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'"+pictures+"; form-action "+action+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

// plainHost reports whether a host can stand in a policy: others would be read
// as wildcards or as the end of the directive.
func plainHost(host string) bool {
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == ""
}

func (p *pages) problem(w http.ResponseWriter, status int, title, text string) error {
	return p.show(w, status, problemPage, page{Title: title, Problem: text}, "")
}

// request reads the request that a program has a person decide about.
func (p *pages) request(r *http.Request, token string) (*models.RequestToken, *models.Client, string) {
	if token == "" {
		return nil, nil, "The address lacks the part \"oauth_token\". Go back to the program and begin again."
	}
	t, err := p.a.db.RequestToken(r.Context(), token)
	if err != nil || t.Used || p.a.now().Sub(t.Created) > requestTokenAge {
		return nil, nil, "This request is unknown, used up or older than ten minutes. Go back to the program and begin again."
	}
	client, err := p.a.db.Client(r.Context(), t.ClientID)
	if err != nil {
		return nil, nil, "The program that asks is not registered here."
	}
	return t, client, ""
}

// getAuthorize asks whoever opens it to log in, or to decide.
func (p *pages) getAuthorize(w http.ResponseWriter, r *http.Request, _ *caller) error {
	t, client, problem := p.request(r, r.URL.Query().Get("oauth_token"))
	if problem != "" {
		return p.problem(w, http.StatusBadRequest, "This does not work", problem)
	}
	account, err := p.browser(r)
	if err != nil {
		return err
	}
	if account == nil {
		return p.showLogin(w, r, http.StatusOK, t, client, "")
	}
	return p.showDecision(w, r, t, client, account)
}

func (p *pages) showLogin(w http.ResponseWriter, r *http.Request, status int, t *models.RequestToken, client *models.Client, problem string) error {
	return p.show(w, status, loginPage, page{Title: "Log in", Problem: problem, Token: t.Token, Form: p.form(w, r),
		Program: programName(client), Nickname: r.PostForm.Get("username"), CanRecover: p.canRecover(), Action: "/oauth/authorize",
		Hidden: []hiddenField{{"oauth_token", t.Token}}}, t.Callback)
}

func (p *pages) showDecision(w http.ResponseWriter, r *http.Request, t *models.RequestToken, client *models.Client, account *models.Account) error {
	return p.show(w, http.StatusOK, authorizePage, page{Title: "Allow " + programName(client) + "?", Token: t.Token, Verifier: verifierOf(t, account.ActorID),
		Form: p.form(w, r), Program: programName(client), Nickname: account.Nickname}, t.Callback)
}

func programName(c *models.Client) string {
	if c.ApplicationName == "" {
		return "a program without a name"
	}
	return c.ApplicationName
}

// readForm reads what a form on a page sends. Where it cannot be read, form is
// nil and the browser has been told so.
func (p *pages) readForm(w http.ResponseWriter, r *http.Request) (form url.Values, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return nil, p.problem(w, http.StatusBadRequest, "This does not work", "The form could not be read.")
	}
	return r.PostForm, nil
}

const foreignForm = "The form was not made for this browser, or its cookie is gone. Please try again."

// postAuthorize takes a login, a decision, or the wish to be somebody else.
func (p *pages) postAuthorize(w http.ResponseWriter, r *http.Request, _ *caller) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	t, client, problem := p.request(r, form.Get("oauth_token"))
	if problem != "" {
		return p.problem(w, http.StatusBadRequest, "This does not work", problem)
	}
	if !p.checkForm(r, form.Get("form")) {
		return p.showLogin(w, r, http.StatusForbidden, t, client, foreignForm)
	}
	switch {
	case form.Has("username"):
		return p.login(w, r, t, client, form)
	case form.Has("other"):
		p.endSession(w, r)
		return p.showLogin(w, r, http.StatusOK, t, client, "")
	}
	account, err := p.browser(r)
	if err != nil {
		return err
	}
	if account == nil {
		return p.showLogin(w, r, http.StatusUnauthorized, t, client, "Please log in first.")
	}
	if form.Has("cancel") {
		return p.cancel(w, r, t, client)
	}
	if subtle.ConstantTimeCompare([]byte(form.Get("verifier")), []byte(verifierOf(t, account.ActorID))) != 1 {
		return p.showDecision(w, r, t, client, account)
	}
	return p.allow(w, r, t, client, account)
}

func (p *pages) login(w http.ResponseWriter, r *http.Request, t *models.RequestToken, client *models.Client, form url.Values) error {
	account, err := p.a.logIn(w, r, form.Get("username"), form.Get("password"))
	if status, problem, ok := problemOf(err); ok {
		return p.showLogin(w, r, status, t, client, problem)
	}
	if err != nil {
		return err
	}
	if err := p.beginSession(w, r, account); err != nil {
		return err
	}
	// Who lets the program act already, and has just shown the password, need
	// not be asked again.
	if _, err := p.a.db.AccessTokenOf(r.Context(), account.ActorID, client.ClientID); err == nil {
		return p.allow(w, r, t, client, account)
	}
	return p.showDecision(w, r, t, client, account)
}

// allow notes the decision and tells the program: by sending the browser there,
// or by showing the verifier to be copied.
func (p *pages) allow(w http.ResponseWriter, r *http.Request, t *models.RequestToken, client *models.Client, account *models.Account) error {
	ctx := r.Context()
	err := p.a.db.Write(ctx, func(tx *models.Tx) error { return tx.AuthorizeRequestToken(ctx, t.Token, account.ActorID) })
	if errors.Is(err, models.ErrNotFound) {
		return p.problem(w, http.StatusBadRequest, "This does not work", "This request was used up in the meantime.")
	}
	if err != nil {
		return err
	}
	verifier := verifierOf(t, account.ActorID)
	if t.Callback == oauth1.OutOfBand {
		return p.show(w, http.StatusOK, verifierPage, page{Title: "Almost done", Verifier: verifier, Program: programName(client), Nickname: account.Nickname}, "")
	}
	to, err := oauth1.RedirectURL(t.Callback, t.Token, verifier)
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// cancel uses the request up, so that nobody can allow it later.
func (p *pages) cancel(w http.ResponseWriter, r *http.Request, t *models.RequestToken, client *models.Client) error {
	ctx := r.Context()
	err := p.a.db.Write(ctx, func(tx *models.Tx) error { return tx.RemoveRequestToken(ctx, t.Token) })
	if err != nil {
		return err
	}
	return p.problem(w, http.StatusOK, "Nothing was allowed", programName(client)+" cannot act for you. You can close this page.")
}

// browser returns the account that is logged in, or nil.
func (p *pages) browser(r *http.Request) (*models.Account, error) {
	actor, err := p.a.sessionActor(r)
	var account *models.Account
	if err == nil {
		// Somebody who has logged in from elsewhere has no account.
		account, err = p.a.db.Account(r.Context(), actor)
	}
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil
	}
	return account, err
}

// sessionActor returns who is logged in with the browser, or
// [models.ErrNotFound].
func (a *API) sessionActor(r *http.Request) (int64, error) {
	session := sessionDigest(r)
	if session == nil {
		return 0, models.ErrNotFound
	}
	return a.db.SessionActor(r.Context(), session)
}

func digest(s string) []byte {
	d := sha256.Sum256([]byte(s))
	return d[:]
}

func (p *pages) cookie(name, value string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: p.base + "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(age.Seconds()),
		Secure: len(p.a.names.Base) > 5 && p.a.names.Base[:5] == "https"}
	if age == 0 {
		c.MaxAge = -1
	}
	return c
}

func (p *pages) beginSession(w http.ResponseWriter, r *http.Request, account *models.Account) error {
	return p.beginSessionWith(w, r, account.ActorID, nil)
}

// beginSessionWith logs somebody in, in the transaction of whatever within does.
// The session that the browser had ends.
func (p *pages) beginSessionWith(w http.ResponseWriter, r *http.Request, actor int64, within func(context.Context, *models.Tx) error) error {
	secret := oauth1.NewSecret()
	ctx := r.Context()
	err := p.a.db.Write(ctx, func(tx *models.Tx) error {
		if within != nil {
			if err := within(ctx, tx); err != nil {
				return err
			}
		}
		if old := sessionDigest(r); old != nil {
			if err := tx.RemoveSession(ctx, old); err != nil {
				return err
			}
		}
		return tx.InsertSession(ctx, digest(secret), actor, p.a.now().Add(sessionAge))
	})
	if err == nil {
		http.SetCookie(w, p.cookie(sessionCookie, secret, sessionAge))
	}
	return err
}

// sessionDigest is what the session of a browser is stored under, nil where it
// has none.
func sessionDigest(r *http.Request) []byte {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" {
		return nil
	}
	return digest(cookie.Value)
}

func (p *pages) endSession(w http.ResponseWriter, r *http.Request) {
	if session := sessionDigest(r); session != nil {
		err := p.a.db.Write(r.Context(), func(tx *models.Tx) error { return tx.RemoveSession(r.Context(), session) })
		if err != nil {
			p.a.log.ErrorContext(r.Context(), "ending a session", "error", err)
		}
	}
	http.SetCookie(w, p.cookie(sessionCookie, "", 0))
}

// form returns a value for a hidden field that only a form shown in this
// browser has: another site can neither read nor set the cookie that it is made
// of.
func (p *pages) form(w http.ResponseWriter, r *http.Request) string {
	secret := ""
	if c, err := r.Cookie(formCookie); err == nil {
		secret = c.Value
	}
	if len(secret) < 22 {
		var b [16]byte
		rand.Read(b[:])
		secret = base64.RawURLEncoding.EncodeToString(b[:])
		http.SetCookie(w, p.cookie(formCookie, secret, time.Hour))
	}
	return formValue(secret)
}

func formValue(secret string) string {
	return base64.RawURLEncoding.EncodeToString(digest("form " + secret))
}

func (p *pages) checkForm(r *http.Request, value string) bool {
	c, err := r.Cookie(formCookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(formValue(c.Value)), []byte(value)) == 1
}
