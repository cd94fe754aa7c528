package pumpapi

import (
	"context"
	"errors"
	"net/http"
	"net/mail"
	"net/url"

	"manifold/bridge"
	"manifold/models"
)

// programLine is a program that can act for a person, as the page shows it.
type programLine struct {
	ClientID, Name, Since string
	May                   []string
}

// getAccount shows people what they can change about their account.
func (p *pages) getAccount(w http.ResponseWriter, r *http.Request, _ *caller) error {
	g, err := p.guest(r)
	if err != nil {
		return err
	}
	if g == nil {
		return p.askToLogIn(w, r, "/main/account")
	}
	return p.showAccount(w, r, http.StatusOK, g, page{Notice: notices[r.URL.Query().Get("done")]})
}

// notices say what was done, by the name under which the address of the page
// tells it.
var notices = map[string]string{
	"password": "Your password was changed. All other browsers were logged out.",
	"email":    "Your e-mail address was changed.",
	"revoke":   "The program cannot act for you any more.",
}

func (p *pages) showAccount(w http.ResponseWriter, r *http.Request, status int, g *guest, v page) error {
	v.Title, v.Nickname, v.Form = "Your account", g.name, p.form(w, r)
	if g.account == nil {
		return p.show(w, status, elsewherePage, v, "")
	}
	if v.Address == "" {
		v.Address = g.account.Email
	}
	grants, err := p.a.db.Grants(r.Context(), g.account.ActorID)
	if err != nil {
		return err
	}
	for _, grant := range grants {
		v.Programs = append(v.Programs, programLine{ClientID: grant.Client.ClientID, Name: programName(&grant.Client),
			Since: grant.Since.UTC().Format("2 January 2006"), May: mayDo(grant.Scope)})
	}
	return p.show(w, status, accountPage, v, "")
}

// mayDo says what a scope lets a program do.
func mayDo(s models.Scope) []string {
	list := []string{"read everything that you can read here, messages to you included"}
	if s >= models.ScopeWrite {
		list = append(list, "post, follow, like and delete in your name")
	}
	if s >= models.ScopeAccount {
		list = append(list, "change your profile and your account")
	}
	return list
}

// accountChange is what a form on the page of an account does. It returns the
// name of what was done, "" where it has answered itself; a refusal is shown on
// the page.
type accountChange func(w http.ResponseWriter, r *http.Request, account *models.Account, form url.Values) (done string, err error)

// withPassword is change for what is done only when the password is given again:
// a browser that was left open is not enough.
func (p *pages) withPassword(do accountChange) handler {
	return p.change(func(w http.ResponseWriter, r *http.Request, account *models.Account, form url.Values) (string, error) {
		_, err := p.a.logIn(w, r, account.Nickname, form.Get("current"))
		if errors.Is(err, bridge.ErrWrongPassword) {
			err = refuse(http.StatusBadRequest, "Your password is another one.")
		}
		if err != nil {
			return "", err
		}
		return do(w, r, account, form)
	})
}

// change takes a form of the page of an account.
func (p *pages) change(do accountChange) handler {
	return func(w http.ResponseWriter, r *http.Request, _ *caller) error {
		form, err := p.readForm(w, r)
		if form == nil {
			return err
		}
		g, err := p.guest(r)
		if err != nil {
			return err
		}
		if g == nil || g.account == nil {
			return p.askToLogIn(w, r, "/main/account")
		}
		if !p.checkForm(r, form.Get("form")) {
			return p.showAccount(w, r, http.StatusForbidden, g, page{Problem: foreignForm})
		}
		done, err := do(w, r, g.account, form)
		if status, problem, ok := problemOf(err); ok {
			return p.showAccount(w, r, status, g, page{Problem: problem, Address: form.Get("email")})
		}
		if err != nil || done == "" {
			return err
		}
		http.Redirect(w, r, p.base+"/main/account?done="+done, http.StatusSeeOther)
		return nil
	}
}

// changePassword ends all sessions but this one: whoever has stolen one is rid of
// it.
func (p *pages) changePassword(_ http.ResponseWriter, r *http.Request, account *models.Account, form url.Values) (string, error) {
	hash, err := bridge.HashPassword(form.Get("password"))
	if err != nil {
		return "", err
	}
	end := func(ctx context.Context, tx *models.Tx) error {
		return tx.RemoveOtherSessions(ctx, account.ActorID, sessionDigest(r))
	}
	return "password", p.a.bridge.UpdateAccount(r.Context(), account.Nickname, end, func(a *models.Account) error {
		a.PasswordHash = hash
		return nil
	})
}

// changeEmail asks for the password, since whoever has the address can get
// another one.
func (p *pages) changeEmail(_ http.ResponseWriter, r *http.Request, account *models.Account, form url.Values) (string, error) {
	address := form.Get("email")
	if address == "" && p.a.requireEmail {
		return "", refuse(http.StatusBadRequest, "No email address")
	}
	if address != "" {
		if e, err := mail.ParseAddress(address); err != nil || e.Address != address {
			return "", refuse(http.StatusBadRequest, "Invalid email address provided")
		}
	}
	return "email", p.a.bridge.UpdateAccount(r.Context(), account.Nickname, nil, func(a *models.Account) error {
		a.Email = address
		return nil
	})
}

func (p *pages) revokeProgram(_ http.ResponseWriter, r *http.Request, account *models.Account, form url.Values) (string, error) {
	ctx := r.Context()
	if !readable(form.Get("program")) {
		return "", refuse(http.StatusBadRequest, "There is no such program.")
	}
	return "revoke", p.a.db.Write(ctx, func(tx *models.Tx) error { return tx.RevokeGrant(ctx, account.ActorID, form.Get("program")) })
}

// endSessions logs out everywhere, here too.
func (p *pages) endSessions(w http.ResponseWriter, r *http.Request, account *models.Account, _ url.Values) (string, error) {
	ctx := r.Context()
	if err := p.a.db.Write(ctx, func(tx *models.Tx) error { return tx.RemoveSessions(ctx, account.ActorID) }); err != nil {
		return "", err
	}
	http.SetCookie(w, p.cookie(sessionCookie, "", 0))
	return "", p.goOn(w, r, "", "/main/login")
}

func (p *pages) deleteAccount(w http.ResponseWriter, r *http.Request, account *models.Account, _ url.Values) (string, error) {
	if err := p.a.bridge.DeleteAccount(r.Context(), account.Nickname, nil); err != nil {
		return "", err
	}
	http.SetCookie(w, p.cookie(sessionCookie, "", 0))
	return "", p.show(w, http.StatusOK, problemPage, page{Title: "Your account is gone",
		Problem: "Everything that you posted here was deleted, and nobody will ever get your name. You can close this page."}, "")
}
