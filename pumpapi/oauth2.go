package pumpapi

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// OAuth 2.0 (RFC 6749) does what OAuth 1.0a does for today's programs: a person
// allows a program to act for them without telling it the password. The browser
// is sent here with what the program wants; if the person agrees it goes back
// with a code, which the program exchanges for a token. Requests then carry the
// token itself (RFC 6750) where OAuth 1.0a signs, so that it must travel by TLS.

const (
	// codeAge is how long a program has to exchange a code. It does so at once.
	codeAge = time.Minute
	// programTokenAge is how long a token lasts with which a program acts for
	// nobody: anybody can have any number of them made.
	programTokenAge = time.Hour
)

// scopeNames are those that pump.io gives them.
var scopeNames = map[models.Scope]string{models.ScopeRead: "read", models.ScopeWrite: "writeown", models.ScopeAccount: "writeall"}

// scopes lists all of them up to s, which it includes.
func scopes(s models.Scope) []string {
	var list []string
	for i := models.ScopeRead; i <= s; i++ {
		list = append(list, scopeNames[i])
	}
	return list
}

// parseScope reads a list of scopes (RFC 6749 3.3); an empty one is the narrowest.
func parseScope(s string) (scope models.Scope, ok bool) {
	scope = models.ScopeRead
	for _, name := range strings.Fields(s) {
		known := models.Scope(0)
		for i, n := range scopeNames {
			if n == name {
				known = i
			}
		}
		if known == 0 {
			return 0, false
		}
		scope = max(scope, known)
	}
	return scope, true
}

// oauth2Refusal is an error of RFC 6749 5.2.
func oauth2Refusal(code, description string) error {
	return &statusError{status: http.StatusBadRequest, text: code, detail: description}
}

// describeOAuth2 answers RFC 8414.
func (a *API) describeOAuth2(w http.ResponseWriter, r *http.Request, _ *caller) error {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	base := a.names.Base
	answer(w, r, func(out *writer) {
		authentication := []string{"client_secret_basic", "client_secret_post", "none"}
		out.open('{')
		out.text("issuer", base)
		out.text("authorization_endpoint", base+"/oauth2/authz")
		out.text("token_endpoint", base+"/oauth2/token")
		out.text("revocation_endpoint", base+"/oauth2/revoke")
		texts(out, "scopes_supported", scopes(models.ScopeAccount))
		texts(out, "response_types_supported", []string{"code"})
		texts(out, "response_modes_supported", []string{"query"})
		texts(out, "grant_types_supported", []string{"authorization_code", "client_credentials"})
		texts(out, "token_endpoint_auth_methods_supported", authentication)
		texts(out, "revocation_endpoint_auth_methods_supported", authentication)
		texts(out, "code_challenge_methods_supported", []string{"S256"})
		out.flag("authorization_response_iss_parameter_supported", true)
		out.close('}')
	})
	return nil
}

// tokenRequest is what a program sends to exchange something for a token, or to
// give one back, once it is clear which program it is.
type tokenRequest struct {
	form   url.Values
	client *models.Client
	// secret says that the program has shown its secret. One without runs where
	// anybody can read it, and only says who it is.
	secret bool
}

// readTokenRequest reads the form and finds out which program sends it (RFC 6749
// 2.3.1).
func (a *API) readTokenRequest(w http.ResponseWriter, r *http.Request) (*tokenRequest, error) {
	w.Header().Set("Cache-Control", "no-store")
	if !oauth1.IsForm(r.Header.Get("Content-Type")) {
		return nil, oauth2Refusal("invalid_request", "The body must be of the type application/x-www-form-urlencoded.")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, oauth2Refusal("invalid_request", "The form cannot be read.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, oauth2Refusal("invalid_request", "A parameter stands more than once.")
		}
		if !readable(name) || !readable(values[0]) {
			return nil, oauth2Refusal("invalid_request", "The form is not text.")
		}
	}
	t := &tokenRequest{form: form}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	user, pass, basic := r.BasicAuth()
	if basic {
		if secret != "" {
			return nil, oauth2Refusal("invalid_request", "The secret is given twice; take one way.")
		}
		var errID, errSecret error
		user, errID = url.QueryUnescape(user)
		pass, errSecret = url.QueryUnescape(pass)
		if errID != nil || errSecret != nil || id != "" && id != user {
			user = ""
		}
		id, secret = user, pass
	}
	t.client, err = a.db.Client(r.Context(), id)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	t.secret = err == nil && secret != "" && subtle.ConstantTimeCompare([]byte(t.client.Secret), []byte(secret)) == 1
	if err != nil || !t.secret && (basic || secret != "" || t.client.ApplicationType != "native") {
		if basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="Manifold"`)
		}
		return nil, &statusError{status: http.StatusUnauthorized, text: "invalid_client", detail: "The program is not registered here, or its secret is another one."}
	}
	return t, nil
}

// postToken exchanges consent, or the credentials of a program, for a token.
func (a *API) postToken(w http.ResponseWriter, r *http.Request, _ *caller) error {
	t, err := a.readTokenRequest(w, r)
	if err != nil {
		return err
	}
	switch t.form.Get("grant_type") {
	case "authorization_code":
		return a.exchangeCode(w, r, t)
	case "client_credentials":
		return a.issueProgramToken(w, r, t)
	case "":
		return oauth2Refusal("invalid_request", "The parameter grant_type is missing.")
	}
	return oauth2Refusal("unsupported_grant_type", "The grant types here are authorization_code and client_credentials.")
}

func (a *API) exchangeCode(w http.ResponseWriter, r *http.Request, t *tokenRequest) error {
	code := t.form.Get("code")
	if code == "" {
		return oauth2Refusal("invalid_request", "The parameter code is missing.")
	}
	ctx := r.Context()
	consent, err := a.db.AuthorizationCode(ctx, code)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	spent := oauth2Refusal("invalid_grant", "The code is unknown, used or older than a minute.")
	if err != nil || consent.ClientID != t.client.ClientID {
		return spent
	}
	if consent.Used {
		if err := a.codeWasStolen(ctx, code); err != nil {
			return err
		}
		return spent
	}
	if a.now().Sub(consent.Created) > codeAge {
		return spent
	}
	if t.form.Get("redirect_uri") != consent.RedirectURI {
		return oauth2Refusal("invalid_grant", "The parameter redirect_uri must be the address that the code was sent to.")
	}
	if err := checkVerifier(t, consent.Challenge); err != nil {
		return err
	}
	token := oauth1.NewSecret()
	err = a.db.Write(ctx, func(tx *models.Tx) error {
		if err := tx.UseAuthorizationCode(ctx, code, token); err != nil {
			return err
		}
		account, err := tx.Account(ctx, consent.ActorID)
		if err != nil {
			return err
		}
		if account.State != models.Active {
			return models.ErrNotFound
		}
		return tx.InsertBearerToken(ctx, token, &models.BearerToken{ClientID: t.client.ClientID, ActorID: consent.ActorID, Scope: consent.Scope, Created: a.now()})
	})
	if errors.Is(err, models.ErrNotFound) {
		return spent
	}
	if err != nil {
		return err
	}
	answerBearer(w, r, token, consent.Scope, 0)
	return nil
}

// codeWasStolen withdraws the token of a code that turned up twice: who came
// first need not be who was meant (RFC 6749 4.1.2).
func (a *API) codeWasStolen(ctx context.Context, code string) error {
	return a.db.Write(ctx, func(tx *models.Tx) error { return tx.RevokeAuthorizationCode(ctx, code) })
}

// checkVerifier makes sure that a code is redeemed by the program that asked for
// it, and not by one that has caught it on its way (RFC 7636 4.6).
func checkVerifier(t *tokenRequest, challenge string) error {
	verifier := t.form.Get("code_verifier")
	switch {
	case challenge == "" && !t.secret:
		return oauth2Refusal("invalid_grant", "A program that does not show its secret must use PKCE (RFC 7636): ask for the code with a code_challenge.")
	case challenge == "" && verifier == "":
		return nil
	case verifier == "":
		return oauth2Refusal("invalid_request", "The parameter code_verifier is missing.")
	case challenge == "" || len(verifier) < 43 || len(verifier) > 128 ||
		subtle.ConstantTimeCompare([]byte(challengeOf(verifier)), []byte(challenge)) != 1:
		return oauth2Refusal("invalid_grant", "The parameter code_verifier is not the one that code_challenge was made of.")
	}
	return nil
}

// challengeOf makes a code_challenge by the method S256 (RFC 7636 4.2).
func challengeOf(verifier string) string {
	return base64.RawURLEncoding.EncodeToString(digest(verifier))
}

func (a *API) issueProgramToken(w http.ResponseWriter, r *http.Request, t *tokenRequest) error {
	if !t.secret {
		return oauth2Refusal("unauthorized_client", "This grant is for programs that show their secret.")
	}
	if scope, ok := parseScope(t.form.Get("scope")); !ok || scope != models.ScopeRead {
		return oauth2Refusal("invalid_scope", "A program that acts for nobody can have the scope read only.")
	}
	token, ctx := oauth1.NewSecret(), r.Context()
	err := a.db.Write(ctx, func(tx *models.Tx) error {
		return tx.InsertBearerToken(ctx, token, &models.BearerToken{ClientID: t.client.ClientID, Scope: models.ScopeRead, Created: a.now(),
			Expires: a.now().Add(programTokenAge)})
	})
	if err != nil {
		return err
	}
	answerBearer(w, r, token, models.ScopeRead, programTokenAge)
	return nil
}

// answerBearer sends a token (RFC 6749 5.1); age is 0 where it lasts.
func answerBearer(w http.ResponseWriter, r *http.Request, token string, scope models.Scope, age time.Duration) {
	answer(w, r, func(out *writer) {
		out.open('{')
		out.text("access_token", token)
		out.text("token_type", "Bearer")
		if age > 0 {
			out.number("expires_in", int64(age.Seconds()))
		}
		out.text("scope", strings.Join(scopes(scope), " "))
		out.close('}')
	})
}

// postRevoke takes a token back from the program that has it (RFC 7009). A token
// that is not there is as good as withdrawn.
func (a *API) postRevoke(w http.ResponseWriter, r *http.Request, _ *caller) error {
	t, err := a.readTokenRequest(w, r)
	if err != nil {
		return err
	}
	token, ctx := t.form.Get("token"), r.Context()
	if token == "" {
		return oauth2Refusal("invalid_request", "The parameter token is missing.")
	}
	err = a.db.Write(ctx, func(tx *models.Tx) error {
		err := tx.RemoveBearerToken(ctx, token, t.client.ClientID)
		if !errors.Is(err, models.ErrNotFound) {
			return err
		}
		if _, err = tx.Bearer(ctx, token); err == nil {
			return oauth2Refusal("invalid_grant", "The token was issued to another program.")
		}
		if errors.Is(err, models.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	answer(w, r, func(out *writer) { out.b = append(out.b, "{}"...) })
	return nil
}

// registered reports whether a program has registered an address to send browsers
// back to, to the letter (RFC 9700 4.1.3). A program on the person's own machine
// cannot know beforehand which port it will have there (RFC 8252 7.3).
func registered(client *models.Client, address string) bool {
	list := strings.Fields(client.RedirectURIs)
	if slices.Contains(list, address) {
		return true
	}
	asked, ok := withoutLoopbackPort(address)
	return ok && slices.ContainsFunc(list, func(known string) bool {
		k, ok := withoutLoopbackPort(known)
		return ok && k == asked
	})
}

// withoutLoopbackPort takes the port out of an address on this machine.
func withoutLoopbackPort(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil {
		return "", false
	}
	switch u.Hostname() {
	case "127.0.0.1":
		u.Host = "127.0.0.1"
	case "::1":
		u.Host = "[::1]"
	default:
		return "", false
	}
	return u.String(), true
}
