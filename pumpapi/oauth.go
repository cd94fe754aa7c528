package pumpapi

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// requestTokenAge is how long a person has to allow what a program asks for.
const requestTokenAge = 10 * time.Minute

// registration is what a program says about itself. Members that are not named
// here are accepted and ignored.
type registration struct {
	Type            string `json:"type"`
	ClientID        string `json:"client_id"`
	ClientSecret    string `json:"client_secret"`
	AccessToken     string `json:"access_token"`
	ApplicationType string `json:"application_type"`
	ApplicationName string `json:"application_name"`
	Contacts        string `json:"contacts"`
	LogoURL         string `json:"logo_url"`
	LogoURI         string `json:"logo_uri"` // Pumpa and Dianara
	RedirectURIs    string `json:"redirect_uris"`
}

// registerClient makes a program known, or changes what is known of it. Anybody
// may call it.
func (a *API) registerClient(w http.ResponseWriter, r *http.Request, _ *caller) error {
	in, err := readRegistration(w, r)
	if err != nil {
		return err
	}
	if problem := in.problem(); problem != "" {
		return refuse(http.StatusBadRequest, "%s", problem)
	}
	client := &models.Client{
		ClientID: oauth1.NewIdentifier(), Secret: oauth1.NewSecret(), ApplicationName: in.ApplicationName, ApplicationType: in.ApplicationType,
		Contacts: in.Contacts, LogoURL: in.LogoURL, RedirectURIs: in.RedirectURIs, Created: a.now(), Updated: a.now(),
	}
	ctx := r.Context()
	err = a.db.Write(ctx, func(tx *models.Tx) error {
		if in.Type == "client_associate" {
			return tx.InsertClient(ctx, client)
		}
		known, err := tx.Client(ctx, in.ClientID)
		if errors.Is(err, models.ErrNotFound) || err == nil && subtle.ConstantTimeCompare([]byte(known.Secret), []byte(in.ClientSecret)) != 1 {
			return refuse(http.StatusForbidden, "Unauthorized")
		}
		if err != nil {
			return err
		}
		setIf(&known.ApplicationName, in.ApplicationName)
		setIf(&known.ApplicationType, in.ApplicationType)
		setIf(&known.Contacts, in.Contacts)
		setIf(&known.LogoURL, in.LogoURL)
		setIf(&known.RedirectURIs, in.RedirectURIs)
		known.Updated = a.now()
		client = known
		return tx.UpdateClient(ctx, known)
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("client_id", client.ClientID)
		out.text("client_secret", client.Secret)
		out.number("expires_at", 0) // PyPump does not do without it
		out.close('}')
	})
	return nil
}

func readRegistration(w http.ResponseWriter, r *http.Request) (*registration, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	in := new(registration)
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(data))
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "Bad form: %v", err)
		}
		members := map[string]string{}
		for name := range form {
			members[name] = form.Get(name)
		}
		data, _ = json.Marshal(members)
	} else if err := checkDocument(data); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, in); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
			if e.Field == "contacts" {
				return nil, refuse(http.StatusBadRequest, "contacts must be a string of space-separated email addresses.")
			}
			return nil, refuse(http.StatusBadRequest, "%s must be a string.", e.Field)
		}
		return nil, refuse(http.StatusBadRequest, "Bad document: an object with the member \"type\" is expected")
	}
	if in.LogoURL == "" {
		in.LogoURL = in.LogoURI
	}
	return in, nil
}

// problem returns what is wrong, in pump.io's words, or nothing.
func (in *registration) problem() string {
	for _, s := range []string{in.ClientID, in.ClientSecret, in.ApplicationName, in.Contacts, in.LogoURL, in.RedirectURIs} {
		if !readable(s) {
			return "The registration is not text: it has a NUL, or bytes that are not UTF-8."
		}
	}
	switch {
	case in.Type == "":
		return "No registration type provided"
	case in.Type != "client_associate" && in.Type != "client_update":
		return "Invalid registration type"
	case in.AccessToken != "":
		return "access_token not needed for registration."
	case in.Type == "client_associate" && in.ClientID != "":
		return "Only set client_id for update."
	case in.Type == "client_associate" && in.ClientSecret != "":
		return "Only set client_secret for update."
	case in.ApplicationType != "" && in.ApplicationType != "web" && in.ApplicationType != "native":
		return "Unknown application_type."
	case len(in.ApplicationName) > 256:
		return "application_name must be at most 256 bytes."
	}
	for _, contact := range strings.Fields(in.Contacts) {
		if address, err := mail.ParseAddress(contact); err != nil || address.Address != contact {
			return "contacts must be space-separate email addresses."
		}
	}
	if in.LogoURL != "" && !isWebURL(in.LogoURL) {
		return "Invalid logo_url."
	}
	for _, uri := range strings.Fields(in.RedirectURIs) {
		if !isWebURL(uri) || strings.Count(uri, "://") != 1 {
			return "redirect_uris must be space-separated URLs."
		}
	}
	return ""
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(s) <= 2048
}

// tokenMessage reads a request for a token, which names its program and is
// signed with that one's secret.
func (a *API) tokenMessage(w http.ResponseWriter, r *http.Request) (*oauth1.Message, *models.Client, error) {
	var form []byte
	if oauth1.IsForm(r.Header.Get("Content-Type")) {
		var err error
		if form, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm)); err != nil {
			return nil, nil, err
		}
	}
	m, err := oauth1.Parse(oauth1.FromHTTP(r, form))
	if errors.Is(err, oauth1.ErrNotSigned) || err == nil && (m.Nonce == "" || m.Timestamp == 0) {
		return nil, nil, plain400(http.StatusBadRequest, "Missing required parameter")
	}
	if err != nil {
		return nil, nil, a.oauthRefusal(err, true)
	}
	if !readable(m.ConsumerKey) || !readable(m.Token) {
		return nil, nil, plain400(http.StatusBadRequest, "Invalid Consumer Key")
	}
	client, err := a.db.Client(r.Context(), m.ConsumerKey)
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil, plain400(http.StatusBadRequest, "Invalid Consumer Key")
	}
	return m, client, err
}

func (a *API) requestToken(w http.ResponseWriter, r *http.Request, _ *caller) error {
	m, client, err := a.tokenMessage(w, r)
	if err != nil {
		return err
	}
	if m.Callback == "" {
		return plain400(http.StatusBadRequest, "Missing required parameter")
	}
	if err := a.verifier.Verify(m, oauth1.Secrets{Consumer: client.Secret}); err != nil {
		return a.oauthRefusal(err, true)
	}
	if err := oauth1.CheckCallback(m.Callback); err != nil {
		return plain400(http.StatusBadRequest, "Invalid callback: it must be \"oob\" or an http or https URL.")
	}
	t := &models.RequestToken{Token: oauth1.NewIdentifier(), Secret: oauth1.NewSecret(), ClientID: client.ClientID, Callback: m.Callback,
		Verifier: oauth1.NewIdentifier(), Created: a.now()}
	err = a.db.Write(r.Context(), func(tx *models.Tx) error {
		if err := a.rememberWrite(&caller{message: m})(r.Context(), tx); err != nil {
			return err
		}
		return tx.InsertRequestToken(r.Context(), t)
	})
	if err != nil {
		return err
	}
	answerToken(w, oauth1.TokenReply{Token: t.Token, Secret: t.Secret, CallbackConfirmed: true})
	return nil
}

// accessToken exchanges a request that somebody allowed for an access token.
func (a *API) accessToken(w http.ResponseWriter, r *http.Request, _ *caller) error {
	m, client, err := a.tokenMessage(w, r)
	if err != nil {
		return err
	}
	if m.Token == "" || m.Verifier == "" {
		return plain400(http.StatusBadRequest, "Missing required parameter")
	}
	ctx := r.Context()
	expired := plain400(http.StatusUnauthorized, "Invalid / expired Token")
	t, err := a.db.RequestToken(ctx, m.Token)
	if errors.Is(err, models.ErrNotFound) || err == nil && t.ClientID != client.ClientID {
		return expired
	}
	if err != nil {
		return err
	}
	if err := a.verifier.Verify(m, oauth1.Secrets{Consumer: client.Secret, Token: t.Secret}); err != nil {
		return a.oauthRefusal(err, true)
	}
	if t.Used || t.ActorID == 0 || a.now().Sub(t.Created) > requestTokenAge {
		return expired
	}
	if subtle.ConstantTimeCompare([]byte(m.Verifier), []byte(verifierOf(t, t.ActorID))) != 1 {
		return plain400(http.StatusUnauthorized, "Invalid verifier")
	}
	var token *models.AccessToken
	err = a.db.Write(ctx, func(tx *models.Tx) error {
		if err := a.rememberWrite(&caller{message: m})(ctx, tx); err != nil {
			return err
		}
		if err := tx.UseRequestToken(ctx, t.Token); errors.Is(err, models.ErrNotFound) {
			return expired
		} else if err != nil {
			return err
		}
		var err error
		token, err = a.issueToken(ctx, tx, client.ClientID, t.ActorID)
		return err
	})
	if err != nil {
		return err
	}
	answerToken(w, oauth1.TokenReply{Token: token.Token, Secret: token.Secret})
	return nil
}

// verifierOf is the verifier of a request as it is for one person. With the same
// one for all, an attacker could read it on the page of the decision, have
// somebody else allow the request, and redeem that one's consent.
func verifierOf(t *models.RequestToken, actor int64) string {
	return base64.RawURLEncoding.EncodeToString(digest("verifier " + t.Verifier + " " + strconv.FormatInt(actor, 10))[:16])
}

// issueToken returns the token with which a program acts for a person.
func (a *API) issueToken(ctx context.Context, tx *models.Tx, clientID string, actor int64) (*models.AccessToken, error) {
	return tx.EnsureAccessToken(ctx, &models.AccessToken{Token: oauth1.NewIdentifier(), Secret: oauth1.NewSecret(), ClientID: clientID,
		ActorID: actor, Created: a.now()})
}

// answerToken sends a token. choqok's library reads it by its type.
func answerToken(w http.ResponseWriter, t oauth1.TokenReply) {
	w.Header().Set("Content-Type", oauth1.FormType)
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, t.Encode())
}
