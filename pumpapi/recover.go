package pumpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"manifold/bridge"
	"manifold/internal/telemetry"
	"manifold/models"
)

// checkConfirmed refuses somebody who has not confirmed an address of mail, where
// the server wants one of everybody.
func (a *API) checkConfirmed(ctx context.Context, actor int64) error {
	if !a.requireEmail || actor == 0 {
		return nil
	}
	account, err := a.db.Account(ctx, actor)
	if errors.Is(err, models.ErrNotFound) {
		return nil // who has logged in from elsewhere confirms nothing here
	}
	if err != nil {
		return err
	}
	if account.EmailConfirmed.IsZero() {
		return refuse(http.StatusForbidden, "Can't use the API until you confirm your email address.")
	}
	return nil
}

// noMail answers what needs mail where there is none, as a server that does not
// have such a thing.
func (a *API) noMail() error {
	if a.bridge.HasMail() {
		return nil
	}
	return refuse(http.StatusNotFound, "%s", bridge.ErrNoMail.Text)
}

// postRecover mails a link to set a new password by: to whoever asks by the form
// of the page, and for a program that asks for somebody. A program is told what
// came of it, as the programs of pump.io expect.
func (a *API) postRecover(w http.ResponseWriter, r *http.Request, _ *caller) error {
	if isPageForm(r) {
		return a.pages.askForCode(w, r, recoverPage, "Forgotten password", models.RecoverPassword)
	}
	if err := a.noMail(); err != nil {
		return err
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	if err := checkDocument(data); err != nil {
		return err
	}
	var in struct {
		Nickname string
		Force    bool
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return refuse(http.StatusBadRequest, "Bad document: nickname must be a string, force true or false")
	}
	err = a.bridge.Recover(r.Context(), in.Nickname, in.Force)
	switch {
	case err == nil:
		answer(w, r, func(out *writer) {
			out.open('{')
			out.raw("sent", json.RawMessage("true"))
			out.close('}')
		})
		return nil
	case errors.Is(err, bridge.ErrNoEmail):
		return notSent(w, http.StatusBadRequest, "noEmail", err)
	}
	switch bridge.ReasonOf(err) {
	case bridge.Missing:
		return notSent(w, http.StatusBadRequest, "noSuchUser", err)
	case bridge.Exists:
		return notSent(w, http.StatusConflict, "existing", err)
	}
	return err
}

// notSent says why nothing was mailed; the member of that name says it to
// programs.
func notSent(w http.ResponseWriter, status int, member string, reason error) error {
	out := writer{}
	out.open('{')
	out.raw("sent", json.RawMessage("false"))
	out.raw(member, json.RawMessage("true"))
	out.text("error", reason.Error())
	out.close('}')
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(out.b)
	return err
}

// redeemCode logs somebody in who was mailed a code, with the program that the
// code is given to.
func (a *API) redeemCode(w http.ResponseWriter, r *http.Request, c *caller) error {
	if err := a.noMail(); err != nil {
		return err
	}
	code, err := readCode(w, r, c)
	if err != nil {
		return err
	}
	var token *models.AccessToken
	account, err := a.bridge.RedeemCode(r.Context(), code, func(ctx context.Context, tx *models.Tx, account *models.Account) error {
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

func readCode(w http.ResponseWriter, r *http.Request, c *caller) (string, error) {
	if c.form != nil {
		form, err := url.ParseQuery(string(c.form))
		if err != nil {
			return "", refuse(http.StatusBadRequest, "Bad form: %v", err)
		}
		return form.Get("code"), nil
	}
	data, err := body(w, r)
	if err != nil {
		return "", err
	}
	if err := checkDocument(data); err != nil {
		return "", err
	}
	var in struct{ Code string }
	if err := json.Unmarshal(data, &in); err != nil {
		return "", refuse(http.StatusBadRequest, "Bad document: code must be a string")
	}
	return in.Code, nil
}

// mailless shows that there is no mail, where there is none.
func (p *pages) mailless(w http.ResponseWriter) (shown bool, err error) {
	if p.a.bridge.HasMail() {
		return false, nil
	}
	return true, p.problem(w, http.StatusNotFound, "No mail", bridge.ErrNoMail.Text)
}

func (p *pages) getRecover(w http.ResponseWriter, r *http.Request, _ *caller) error {
	return p.showAsking(w, r, http.StatusOK, recoverPage, page{Title: "Forgotten password"})
}

func (p *pages) getConfirm(w http.ResponseWriter, r *http.Request, _ *caller) error {
	return p.showAsking(w, r, http.StatusOK, confirmPage, page{Title: "Confirm your address"})
}

func (p *pages) postConfirm(w http.ResponseWriter, r *http.Request, _ *caller) error {
	return p.askForCode(w, r, confirmPage, "Confirm your address", models.ConfirmEmail)
}

func (p *pages) showAsking(w http.ResponseWriter, r *http.Request, status int, print printer, v page) error {
	if shown, err := p.mailless(w); shown {
		return err
	}
	v.Form = p.form(w, r)
	return p.show(w, status, print, v, "")
}

// askForCode takes a form that asks for mail. The answer is the same whoever was
// named, also if it is nobody.
func (p *pages) askForCode(w http.ResponseWriter, r *http.Request, print printer, title string, purpose models.CodePurpose) error {
	if shown, err := p.mailless(w); shown {
		return err
	}
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	v := page{Title: title, Nickname: form.Get("nickname")}
	if !p.checkForm(r, form.Get("form")) {
		v.Problem = foreignForm
		return p.showAsking(w, r, http.StatusForbidden, print, v)
	}
	if v.Nickname == "" || !readable(v.Nickname) {
		v.Nickname, v.Problem = "", "Enter your name here, or your e-mail address."
		return p.showAsking(w, r, http.StatusBadRequest, print, v)
	}
	if err := p.a.bridge.AskForCode(r.Context(), v.Nickname, purpose); err != nil {
		return err
	}
	return p.goOn(w, r, "", "/main/recover-sent")
}

func (p *pages) getRecoverSent(w http.ResponseWriter, _ *http.Request, _ *caller) error {
	return p.show(w, http.StatusOK, recoverSentPage, page{Title: "Look into your mail"}, "")
}

// badCode shows why a link does nothing. ok is false for what is no refusal.
func (p *pages) badCode(w http.ResponseWriter, refusal error) (shown bool, err error) {
	for _, e := range []*bridge.Error{bridge.ErrBadCode, bridge.ErrConfirmed, bridge.ErrOthersCode, bridge.ErrNoMail} {
		if errors.Is(refusal, e) {
			return true, p.problem(w, http.StatusBadRequest, "This does not work", e.Text)
		}
	}
	return false, refusal
}

// getNewPassword asks whoever followed the link for a new password.
func (p *pages) getNewPassword(w http.ResponseWriter, r *http.Request, _ *caller) error {
	telemetry.HidePath(r.Context())
	return p.showNewPassword(w, r, http.StatusOK, "")
}

func (p *pages) showNewPassword(w http.ResponseWriter, r *http.Request, status int, problem string) error {
	code := pathValue(r, "code")
	account, err := p.a.bridge.RecoveringAccount(r.Context(), code)
	if err != nil {
		_, err := p.badCode(w, err)
		return err
	}
	return p.show(w, status, newPasswordPage, page{Title: "Set a new password", Problem: problem, Token: code, Nickname: account.Nickname,
		Form: p.form(w, r)}, "")
}

// postNewPassword sets it. Whoever could log in by the old one, or is logged in,
// is so no more.
func (p *pages) postNewPassword(w http.ResponseWriter, r *http.Request, _ *caller) error {
	telemetry.HidePath(r.Context())
	form, err := p.readForm(w, r)
	if form == nil {
		return err
	}
	if !p.checkForm(r, form.Get("form")) {
		return p.showNewPassword(w, r, http.StatusForbidden, foreignForm)
	}
	account, err := p.a.bridge.RecoverPassword(r.Context(), pathValue(r, "code"), form.Get("password"))
	if err == nil {
		return p.show(w, http.StatusOK, passwordSetPage, page{Title: "Your password is set", Nickname: account.Nickname}, "")
	}
	if shown, shownErr := p.badCode(w, err); shown {
		return shownErr
	}
	if status, problem, ok := problemOf(err); ok {
		return p.showNewPassword(w, r, status, problem)
	}
	return err
}

// confirmEmail confirms an address by the link that was mailed there. A program
// that only looks whether there is something follows no link.
func (p *pages) confirmEmail(w http.ResponseWriter, r *http.Request, _ *caller) error {
	telemetry.HidePath(r.Context())
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	as, err := p.a.sessionActor(r)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	account, err := p.a.bridge.ConfirmEmail(r.Context(), pathValue(r, "code"), as)
	if err != nil {
		_, err := p.badCode(w, err)
		return err
	}
	return p.show(w, http.StatusOK, confirmedPage, page{Title: "Your address is confirmed", Nickname: account.Nickname, Address: account.Email}, "")
}

// getUnsubscribe asks whether notifications are to end: programs that look
// behind the links of a mail must not end them.
func (p *pages) getUnsubscribe(w http.ResponseWriter, r *http.Request, _ *caller) error {
	telemetry.HidePath(r.Context())
	account, err := p.a.bridge.Unsubscriber(r.Context(), pathValue(r, "token"))
	if err != nil {
		_, err := p.badCode(w, err)
		return err
	}
	return p.show(w, http.StatusOK, unsubscribePage, page{Title: "No more mail?", Nickname: account.Nickname, Token: pathValue(r, "token")}, "")
}

// postUnsubscribe ends notifications, for a person who pressed the button or a
// program that read the head of the mail (RFC 8058 3.2). The token is all that is
// needed: neither has a cookie.
func (p *pages) postUnsubscribe(w http.ResponseWriter, r *http.Request, _ *caller) error {
	telemetry.HidePath(r.Context())
	account, err := p.a.bridge.Unsubscribe(r.Context(), pathValue(r, "token"))
	if err != nil {
		_, err := p.badCode(w, err)
		return err
	}
	return p.show(w, http.StatusOK, unsubscribedPage, page{Title: "No more mail", Nickname: account.Nickname}, "")
}
