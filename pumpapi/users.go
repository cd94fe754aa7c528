package pumpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// postUsers makes an account for somebody who uses a program, and gives the
// program a token to act with at once.
func (a *API) postUsers(w http.ResponseWriter, r *http.Request, c *caller) error {
	account, token, err := a.register(w, r, c)
	if err != nil {
		return err
	}
	return a.answerUser(w, r, &caller{actorID: account.ActorID}, account, token)
}

// register makes the account that a program asks for, with a token for it.
func (a *API) register(w http.ResponseWriter, r *http.Request, c *caller) (account *models.Account, token *models.AccessToken, err error) {
	if !a.open && !a.invited {
		return nil, nil, refuse(http.StatusForbidden, "No registration allowed.")
	}
	in, err := readCredentials(w, r, c)
	if err != nil {
		return nil, nil, err
	}
	account, err = a.makeAccount(r.Context(), *in, func(ctx context.Context, tx *models.Tx, account *models.Account) error {
		if err := a.rememberWrite(c)(ctx, tx); err != nil {
			return err
		}
		token, err = a.issueToken(ctx, tx, c.client.ClientID, account.ActorID)
		return err
	})
	return account, token, err
}

// makeAccount registers somebody and words a refusal as pump.io does.
func (a *API) makeAccount(ctx context.Context, in credentials, within func(context.Context, *models.Tx, *models.Account) error) (*models.Account, error) {
	account, err := a.bridge.Register(ctx, bridge.Registration{Nickname: in.Nickname, Password: in.Password, Email: in.Email,
		RequireEmail: a.requireEmail, Invited: a.invited, Invitation: in.Invitation, Within: within})
	if e, ok := errors.AsType[*bridge.Error](err); ok && e.Reason == bridge.Exists {
		return nil, refuse(http.StatusConflict, "%s", e.Text)
	}
	return account, err
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
	owner, err := a.owner(r, c)
	if err != nil {
		return err
	}
	if !owner.Local {
		account := &models.Account{ActorID: owner.ID, Nickname: owner.Nickname, Created: owner.Doc.Published, Updated: owner.Doc.Updated}
		return a.answerUser(w, r, c, account, nil)
	}
	account, err := a.db.Account(r.Context(), owner.ID)
	if err != nil {
		return err
	}
	return a.answerUser(w, r, c, account, nil)
}

// userChange is what a program sends to change an account.
type userChange struct {
	Nickname, Password, Email string
	Settings                  json.RawMessage
	// Programs that send back what they were given have these in it too.
	Published, Updated string
	Profile            *struct{ ID string }
}

// checkUnchanged refuses to change by way of the account what is changed
// otherwise, or never.
func (a *API) checkUnchanged(ctx context.Context, c *caller, in *userChange) error {
	if in.Profile != nil && in.Profile.ID != "" && models.Fold(a.names.Nickname(in.Profile.ID)) != models.Fold(c.nick) {
		return refuse(http.StatusBadRequest, "The profile cannot be changed here; PUT %s instead.", a.names.Profile(c.nick))
	}
	if in.Published == "" && in.Updated == "" {
		return nil
	}
	account, err := a.db.Account(ctx, c.actorID)
	if err != nil {
		return err
	}
	for _, given := range []struct {
		name, value string
		is          time.Time
	}{{"published", in.Published, account.Created}, {"updated", in.Updated, account.Updated}} {
		// Times go out in whole seconds.
		t, err := time.Parse(time.RFC3339, given.value)
		if given.value != "" && (err != nil || t.Unix() != given.is.Unix()) {
			return refuse(http.StatusBadRequest, "'%s' cannot be changed: leave it out, or give it as it was.", given.name)
		}
	}
	return nil
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
	var in userChange
	if err := json.Unmarshal(data, &in); err != nil {
		return refuse(http.StatusBadRequest, "Bad document: nickname, password and email must be strings")
	}
	if err := a.checkUnchanged(r.Context(), c, &in); err != nil {
		return err
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
	owner, err := a.owner(r, c)
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
	activity := &vocab.Activity{Verb: vocab.VerbUpdate, Object: patch}
	if err := a.useAvatar(r.Context(), c, activity); err != nil {
		return err
	}
	if _, err := a.bridge.Post(r.Context(), a.submission(c, activity, r.Header.Get("Content-Type"), data)); err != nil {
		return err
	}
	return a.getProfile(w, r, c)
}

// whoami leads to the profile of the caller; of somebody who has logged in from
// elsewhere it is what is known here.
func (a *API) whoami(w http.ResponseWriter, r *http.Request, c *caller) error {
	to := a.names.Profile(c.nick)
	if c.nick == "" {
		actor, err := a.db.Actor(r.Context(), c.actorID)
		if err != nil {
			return err
		}
		to = a.names.Base + "/api/" + typeInPath(actor.Type) + "?id=" + url.QueryEscape(actor.Doc.ID)
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
	return nil
}
