package pumpapi

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// consentRequest is what a program wants a person to allow (RFC 6749 4.1.1).
type consentRequest struct {
	client      *models.Client
	redirectURI string
	scope       models.Scope
	state       string
	challenge   string
	// given are the parameters as they came, to be carried from page to page.
	given url.Values
}

// consentProblem is what is wrong with a request for consent. The program is told
// the code where it is clear which program it is and where it wants to be told;
// all else the person is told, lest anybody could have browsers sent anywhere
// (RFC 6749 4.1.2.1).
type consentProblem struct{ code, text string }

// consentParameters are those that are understood.
var consentParameters = []string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"}

// challenges are what S256 makes: 32 bytes in base64url.
var challenges = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// readConsent reads the parameters of a request for consent.
func (p *pages) readConsent(r *http.Request, q url.Values) (*consentRequest, *consentProblem, error) {
	c := &consentRequest{given: url.Values{}}
	twice := ""
	for _, name := range consentParameters {
		if q.Has(name) {
			c.given.Set(name, q.Get(name))
		}
		if len(q[name]) > 1 {
			twice = name
		}
		if !readable(q.Get(name)) {
			return nil, &consentProblem{text: "The address is not text."}, nil
		}
	}
	if problem, err := p.readProgram(r, c, twice); problem != nil || err != nil {
		return nil, problem, err
	}
	c.state = c.given.Get("state")
	var ok bool
	c.scope, ok = parseScope(c.given.Get("scope"))
	c.challenge = c.given.Get("code_challenge")
	method := c.given.Get("code_challenge_method")
	switch {
	case twice != "":
		return c, &consentProblem{"invalid_request", "The parameter " + twice + " stands more than once."}, nil
	case c.given.Get("response_type") == "":
		return c, &consentProblem{"invalid_request", "The parameter response_type is missing."}, nil
	case c.given.Get("response_type") != "code":
		return c, &consentProblem{"unsupported_response_type", "The response type here is code."}, nil
	case !ok:
		return c, &consentProblem{"invalid_scope", "The scopes here are read, writeown and writeall."}, nil
	case c.challenge == "" && method != "":
		return c, &consentProblem{"invalid_request", "The parameter code_challenge is missing."}, nil
	case c.challenge != "" && method != "S256":
		return c, &consentProblem{"invalid_request", "The code_challenge_method here is S256."}, nil
	case c.challenge != "" && !challenges.MatchString(c.challenge):
		return c, &consentProblem{"invalid_request", "The code_challenge is not one of S256: 43 characters of base64url."}, nil
	}
	return c, nil, nil
}

// readProgram finds out which program asks and where it wants the answer.
func (p *pages) readProgram(r *http.Request, c *consentRequest, twice string) (*consentProblem, error) {
	id := c.given.Get("client_id")
	switch {
	case id == "" || twice == "client_id":
		return &consentProblem{text: "The address lacks the part \"client_id\". Go back to the program and begin again."}, nil
	case twice == "redirect_uri":
		return &consentProblem{text: "The address has the part \"redirect_uri\" more than once."}, nil
	}
	var err error
	c.client, err = p.a.db.Client(r.Context(), id)
	if errors.Is(err, models.ErrNotFound) {
		return &consentProblem{text: "The program that asks is not registered here."}, nil
	}
	if err != nil {
		return nil, err
	}
	c.redirectURI = c.given.Get("redirect_uri")
	if c.redirectURI == "" {
		return &consentProblem{text: "The address lacks the part \"redirect_uri\". Go back to the program and begin again."}, nil
	}
	if oauth1.CheckCallback(c.redirectURI) != nil || c.redirectURI == oauth1.OutOfBand ||
		strings.Contains(c.redirectURI, "#") || !registered(c.client, c.redirectURI) {
		return &consentProblem{text: "The program wants you to be sent to an address that it has not registered here. It may be another program than it says."}, nil
	}
	return nil, nil
}

// consent reads a request for consent and answers what is wrong with it; then c
// is nil.
func (p *pages) consent(w http.ResponseWriter, r *http.Request, q url.Values) (c *consentRequest, err error) {
	c, problem, err := p.readConsent(r, q)
	switch {
	case err != nil:
		return nil, err
	case problem == nil:
		return c, nil
	case problem.code == "":
		return nil, p.problem(w, http.StatusBadRequest, "This does not work", problem.text)
	}
	p.sendBack(w, r, c, url.Values{"error": {problem.code}, "error_description": {problem.text}})
	return nil, nil
}

// sendBack sends the browser to the program with the outcome. The program learns
// from iss which server speaks (RFC 9207).
func (p *pages) sendBack(w http.ResponseWriter, r *http.Request, c *consentRequest, outcome url.Values) {
	if c.state != "" {
		outcome.Set("state", c.state)
	}
	outcome.Set("iss", p.a.names.Base)
	to, err := url.Parse(c.redirectURI)
	if err != nil { // it was checked before it was registered
		p.a.fail(w, r, err)
		return
	}
	// What the address has of its own is kept (RFC 6749 3.1.2).
	if to.RawQuery != "" {
		to.RawQuery += "&"
	}
	to.RawQuery += outcome.Encode()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// getAuthz asks whoever is logged in to decide, and all others to log in.
func (p *pages) getAuthz(w http.ResponseWriter, r *http.Request, _ *caller) error {
	c, err := p.consent(w, r, r.URL.Query())
	if c == nil {
		return err
	}
	account, err := p.browser(r)
	if err != nil {
		return err
	}
	if account == nil {
		return p.goOn(w, r, "", "/oauth2/authc?"+c.given.Encode())
	}
	return p.showConsent(w, r, http.StatusOK, c, account, "")
}

func (p *pages) showConsent(w http.ResponseWriter, r *http.Request, status int, c *consentRequest, account *models.Account, problem string) error {
	return p.show(w, status, consentPage, page{Title: "Allow " + programName(c.client) + "?", Problem: problem, Form: p.form(w, r),
		Program: programName(c.client), Nickname: account.Nickname, Hidden: c.hidden(), May: mayDo(c.scope)}, c.redirectURI)
}

// hidden are the parameters as fields of a form.
func (c *consentRequest) hidden() []hiddenField {
	var list []hiddenField
	for _, name := range consentParameters {
		if c.given.Has(name) {
			list = append(list, hiddenField{name, c.given.Get(name)})
		}
	}
	return list
}

// postAuthz takes the decision.
func (p *pages) postAuthz(w http.ResponseWriter, r *http.Request, _ *caller) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	c, err := p.consent(w, r, form)
	if c == nil {
		return err
	}
	account, err := p.browser(r)
	if err != nil {
		return err
	}
	switch {
	case account == nil:
		return p.showConsentLogin(w, r, http.StatusUnauthorized, c, "Please log in first.")
	case !p.checkForm(r, form.Get("form")):
		return p.showConsent(w, r, http.StatusForbidden, c, account, foreignForm)
	case form.Get("account") != account.Nickname:
		// Somebody else has logged in since the page was shown.
		return p.showConsent(w, r, http.StatusOK, c, account, "")
	case form.Has("denied"):
		p.sendBack(w, r, c, url.Values{"error": {"access_denied"}, "error_description": {"The person did not allow it."}})
		return nil
	}
	ctx, code := r.Context(), oauth1.NewSecret()
	err = p.a.db.Write(ctx, func(tx *models.Tx) error {
		return tx.InsertAuthorizationCode(ctx, code, &models.AuthorizationCode{ClientID: c.client.ClientID, ActorID: account.ActorID,
			RedirectURI: c.redirectURI, Scope: c.scope, Challenge: c.challenge, Created: p.a.now()})
	})
	if err != nil {
		p.a.log.ErrorContext(ctx, "storing consent", "error", err)
		p.sendBack(w, r, c, url.Values{"error": {"server_error"}})
		return nil
	}
	p.sendBack(w, r, c, url.Values{"code": {code}})
	return nil
}

// getAuthc shows the form to log in with before the decision.
func (p *pages) getAuthc(w http.ResponseWriter, r *http.Request, _ *caller) error {
	c, err := p.consent(w, r, r.URL.Query())
	if c == nil {
		return err
	}
	account, err := p.browser(r)
	if err != nil {
		return err
	}
	if account != nil {
		return p.goOn(w, r, "", "/oauth2/authz?"+c.given.Encode())
	}
	return p.showConsentLogin(w, r, http.StatusOK, c, "")
}

func (p *pages) showConsentLogin(w http.ResponseWriter, r *http.Request, status int, c *consentRequest, problem string) error {
	return p.show(w, status, loginPage, page{Title: "Log in", Problem: problem, Form: p.form(w, r), Program: programName(c.client),
		Nickname: r.PostForm.Get("nickname"), CanRecover: p.canRecover(), Action: "/oauth2/authc", Hidden: c.hidden()}, c.redirectURI)
}

// postAuthc takes a login, or the wish to be somebody else.
func (p *pages) postAuthc(w http.ResponseWriter, r *http.Request, _ *caller) error {
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	c, err := p.consent(w, r, form)
	if c == nil {
		return err
	}
	if !p.checkForm(r, form.Get("form")) {
		return p.showConsentLogin(w, r, http.StatusForbidden, c, foreignForm)
	}
	if form.Has("other") {
		p.endSession(w, r)
		return p.showConsentLogin(w, r, http.StatusOK, c, "")
	}
	account, err := p.a.logIn(w, r, form.Get("nickname"), form.Get("password"))
	if status, problem, ok := problemOf(err); ok {
		return p.showConsentLogin(w, r, status, c, problem)
	}
	if err != nil {
		return err
	}
	if err := p.beginSession(w, r, account); err != nil {
		return err
	}
	return p.goOn(w, r, "", "/oauth2/authz?"+c.given.Encode())
}
