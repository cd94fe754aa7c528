package pumpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/pumpapi/oauth1"
)

// postUsers makes an account for somebody who uses a program, and gives the
// program a token to act with at once.
func (a *API) postUsers(w http.ResponseWriter, r *http.Request, c *caller) error {
	if !a.open {
		return refuse(http.StatusForbidden, "No registration allowed.")
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	if err := checkDocument(data); err != nil {
		return err
	}
	var in struct{ Nickname, Password, Email string }
	if err := json.Unmarshal(data, &in); err != nil {
		return refuse(http.StatusBadRequest, "Bad document: nickname, password and email must be strings")
	}
	var token *models.AccessToken
	account, err := a.bridge.Register(r.Context(), bridge.Registration{Nickname: in.Nickname, Password: in.Password, Email: in.Email,
		Within: func(ctx context.Context, tx *models.Tx, account *models.Account) error {
			if err := a.rememberWrite(c)(ctx, tx); err != nil {
				return err
			}
			token, err = tx.EnsureAccessToken(ctx, &models.AccessToken{Token: oauth1.NewIdentifier(), Secret: oauth1.NewSecret(),
				ClientID: c.client.ClientID, ActorID: account.ActorID, Created: a.now()})
			return err
		}})
	if e, ok := errors.AsType[*bridge.Error](err); ok && e.Reason == bridge.Exists {
		return refuse(http.StatusConflict, "%s", e.Text)
	}
	if err != nil {
		return err
	}
	return a.answerUser(w, r, &caller{actorID: account.ActorID}, account, token)
}

func (a *API) answerUser(w http.ResponseWriter, r *http.Request, c *caller, account *models.Account, token *models.AccessToken) error {
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), nil, nil, []int64{account.ActorID}); err != nil {
		return err
	}
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("nickname", account.Nickname)
		out.instant("published", account.Created)
		out.instant("updated", account.Updated)
		if c.actorID == account.ActorID {
			out.text("email", account.Email)
			if len(account.Settings) > 2 {
				out.raw("settings", account.Settings)
			}
		}
		out.key("profile")
		v.person(out, account.ActorID, nil, true)
		if token != nil {
			out.text("token", token.Token)
			out.text("secret", token.Secret)
		}
		out.close('}')
	})
	return nil
}

func (a *API) getUser(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.account(r)
	if err != nil {
		return err
	}
	account, err := a.db.Account(r.Context(), owner.ID)
	if err != nil {
		return err
	}
	return a.answerUser(w, r, c, account, nil)
}

// putUser sets the password, and the address and settings where they are given.
func (a *API) putUser(w http.ResponseWriter, r *http.Request, c *caller) error {
	if err := a.isOwn(r, c); err != nil {
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
		Nickname, Password, Email string
		Settings                  json.RawMessage
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return refuse(http.StatusBadRequest, "Bad document: nickname, password and email must be strings")
	}
	switch {
	case in.Nickname != c.nick:
		return refuse(http.StatusBadRequest, "The nickname cannot be changed: it must be given as '%s'.", c.nick)
	case in.Password == "":
		return refuse(http.StatusBadRequest, "The password must be given; it is set anew.")
	case len(in.Settings) > 0 && kind(in.Settings) != '{':
		return refuse(http.StatusBadRequest, "Bad document: settings: must be an object")
	}
	if in.Email != "" {
		if e, err := mail.ParseAddress(in.Email); err != nil || e.Address != in.Email {
			return refuse(http.StatusBadRequest, "Invalid email address provided")
		}
	}
	hash, err := bridge.HashPassword(in.Password)
	if err != nil {
		return err
	}
	within := func(ctx context.Context, tx *models.Tx) error {
		if err := a.rememberWrite(c)(ctx, tx); err != nil {
			return err
		}
		return tx.RemoveSessions(ctx, c.actorID) // whoever knew the old password is logged out
	}
	err = a.bridge.UpdateAccount(r.Context(), c.nick, within, func(account *models.Account) error {
		account.PasswordHash = hash
		setIf(&account.Email, in.Email)
		if len(in.Settings) > 0 {
			account.Settings = compact(in.Settings)
		}
		return nil
	})
	if err != nil {
		return err
	}
	account, err := a.db.Account(r.Context(), c.actorID)
	if err != nil {
		return err
	}
	return a.answerUser(w, r, c, account, nil)
}

// deleteUser ends the caller's account with everything in it.
func (a *API) deleteUser(w http.ResponseWriter, r *http.Request, c *caller) error {
	if err := a.isOwn(r, c); err != nil {
		return err
	}
	if err := a.bridge.DeleteAccount(r.Context(), c.nick, a.rememberWrite(c)); err != nil {
		return err
	}
	text(w, r, "Deleted.")
	return nil
}

func (a *API) getProfile(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.account(r)
	if err != nil {
		return err
	}
	v := a.newView(c.viewer())
	v.actors[owner.ID] = owner
	if err := v.load(r.Context(), nil, nil, []int64{owner.ID}); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.person(out, owner.ID, owner.Doc, true) })
	return nil
}

func (a *API) putProfile(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.own(r, c)
	if err != nil {
		return err
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	patch, err := DecodeObject(data)
	if err != nil {
		return err
	}
	patch.ID, patch.Type = owner.Doc.ID, owner.Doc.Type
	if _, err := a.bridge.Post(r.Context(), a.submission(c, &vocab.Activity{Verb: vocab.VerbUpdate, Object: patch}, r.Header.Get("Content-Type"), data)); err != nil {
		return err
	}
	return a.getProfile(w, r, c)
}

func (a *API) whoami(w http.ResponseWriter, r *http.Request, c *caller) error {
	w.Header().Set("Location", a.names.Profile(c.nick))
	w.WriteHeader(http.StatusFound)
	return nil
}
