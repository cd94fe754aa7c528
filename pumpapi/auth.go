package pumpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"manifold/internal/front"
	"manifold/internal/telemetry"
	"manifold/models"
	"manifold/pumpapi/oauth1"
)

// caller is who makes a request, as far as that is proven.
type caller struct {
	// client is the program, nil for browsers and strangers.
	client *models.Client
	// actorID is the person, 0 where only the program is known.
	actorID int64
	nick    string
	// message is the signed request, nil for browsers, strangers, and programs
	// with a bearer token.
	message *oauth1.Message
	// form is the body, where it is a form.
	form []byte
}

func (c *caller) viewer() models.Viewer { return models.Viewer{ActorID: c.actorID} }

// access is what a request needs to be let in.
type access int

const (
	// unchecked: whoever asks is of no concern, or the handler finds out itself.
	unchecked access = iota
	// open: anybody; who is proven decides what they see.
	open
	// known: a program or person that is known here.
	known
	// person: a person, by a program or a session.
	person
	// writing: a person, by a program.
	writing
	// owning: a person, by a program that may change the account itself.
	owning
	// program: a program, by its own credentials or with those of a person.
	program
)

// maxForm bounds a body that is a form and so takes part in the signature.
const maxForm = 256 << 10

func plain400(status int, text string) error {
	return &statusError{status: status, text: text, plain: true}
}

// authenticate finds out who makes a request and lets it in or not.
func (a *API) authenticate(w http.ResponseWriter, r *http.Request, need access) (*caller, error) {
	c, err := a.identify(w, r, need)
	if err != nil || c.message != nil {
		return c, err // whoever signs was asked with the signature
	}
	err = a.checkConfirmed(r.Context(), c.actorID)
	if _, refused := errors.AsType[*statusError](err); refused && need == open && c.client == nil {
		return &caller{form: c.form}, nil // the browser sees what strangers see
	}
	return c, err
}

func (a *API) identify(w http.ResponseWriter, r *http.Request, need access) (*caller, error) {
	c := &caller{}
	if need == unchecked {
		return c, nil
	}
	if token, ok := bearerToken(r); ok {
		return a.bearer(w, r, need, token)
	}
	var err error
	if oauth1.IsForm(r.Header.Get("Content-Type")) {
		if c.form, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm)); err != nil {
			return nil, err
		}
	}
	signed := oauth1.FromHTTP(r, c.form)
	signed.Method = front.SignedMethod(r)
	c.message, err = oauth1.Parse(signed)
	switch {
	case errors.Is(err, oauth1.ErrNotSigned):
		return a.unsigned(r, c, need)
	case err != nil:
		return nil, a.oauthRefusal(err, false)
	case c.message.Nonce == "" || c.message.Timestamp == 0:
		return nil, plain400(http.StatusBadRequest, "Missing required parameter")
	}
	if err := a.checkSignature(r.Context(), c); err != nil {
		return nil, err
	}
	if need != writing && need != owning && need != program {
		// What changes something remembers its nonce in the same transaction.
		if err := a.rememberRead(r.Context(), c.message); err != nil {
			return nil, err
		}
	}
	if c.actorID == 0 && (need == person || need == writing || need == owning) {
		return nil, refuse(http.StatusUnauthorized, "Not logged in.")
	}
	if c.nick != "" {
		telemetry.SetUser(r.Context(), c.nick)
	}
	return c, nil
}

// count has the account and the program of a request pay for it.
func (a *API) count(w http.ResponseWriter, r *http.Request, c *caller) error {
	if a.identified == nil || c.actorID == 0 && c.client == nil {
		return nil
	}
	client := int64(0)
	if c.client != nil {
		client = c.client.ID
	}
	if !a.identified(w, r, c.actorID, client) {
		return refuse(http.StatusTooManyRequests, front.TooMany)
	}
	return nil
}

// unsigned lets in browsers with a session and, where that is enough,
// strangers. A session never writes to the API: another site could make the
// browser do so.
func (a *API) unsigned(r *http.Request, c *caller, need access) (*caller, error) {
	c.message = nil
	switch need {
	case writing, owning, program:
		return nil, plain400(http.StatusBadRequest, "Missing required parameter")
	}
	actor, err := a.sessionActor(r)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	if err == nil {
		c.actorID = actor
		// Somebody who has logged in from elsewhere has no nickname here, and must
		// not be taken for the one who has it.
		account, err := a.db.Account(r.Context(), actor)
		if err == nil {
			c.nick = account.Nickname
		} else if !errors.Is(err, models.ErrNotFound) {
			return nil, err
		}
	} else if need != open {
		return nil, refuse(http.StatusUnauthorized, "Not logged in.")
	}
	return c, nil
}

// bearerToken returns the token of RFC 6750 2.1. In a query or a form none is
// looked for: addresses end up in logs.
func bearerToken(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// bearer lets in a program with a bearer token, as far as its scope goes.
func (a *API) bearer(w http.ResponseWriter, r *http.Request, need access, token string) (*caller, error) {
	b, err := a.db.Bearer(r.Context(), token)
	if errors.Is(err, models.ErrNotFound) || err == nil && !b.Expires.IsZero() && !a.now().Before(b.Expires) {
		return nil, bearerRefusal(w, http.StatusUnauthorized, "invalid_token", "The token is unknown, withdrawn or over.", "")
	}
	if err != nil {
		return nil, err
	}
	if b.State != models.Active {
		return nil, refuse(http.StatusForbidden, "This account is suspended.")
	}
	c := &caller{client: &b.Client, actorID: b.ActorID, nick: b.Nickname}
	if c.nick != "" {
		telemetry.SetUser(r.Context(), c.nick)
	}
	scope := models.ScopeRead
	switch need {
	case writing:
		scope = models.ScopeWrite
	case owning:
		scope = models.ScopeAccount
	case program:
		if c.actorID != 0 {
			return nil, bearerRefusal(w, http.StatusForbidden, "insufficient_scope", "This needs a token of the program itself, from the grant client_credentials.", "")
		}
	default:
		// Whoever is let in to look must not have sent something.
		if c.actorID != 0 && r.Method != http.MethodGet && r.Method != http.MethodHead {
			scope = models.ScopeWrite
		}
	}
	if c.actorID == 0 && (need == person || need == writing || need == owning) {
		return nil, refuse(http.StatusUnauthorized, "Not logged in.")
	}
	if b.Scope < scope {
		name := scopeNames[scope]
		return nil, bearerRefusal(w, http.StatusForbidden, "insufficient_scope", "This needs a token with the scope "+name+".", name)
	}
	return c, nil
}

// bearerRefusal is an error of RFC 6750 3.1.
func bearerRefusal(w http.ResponseWriter, status int, code, description, scope string) error {
	challenge := fmt.Sprintf("Bearer realm=%q, error=%q, error_description=%q", "Manifold", code, description)
	if scope != "" {
		challenge += fmt.Sprintf(", scope=%q", scope)
	}
	w.Header().Set("WWW-Authenticate", challenge)
	return &statusError{status: status, text: code, detail: description}
}

// verified names in the store how a person was authenticated.
func (c *caller) verified() string {
	if c.message == nil {
		return "oauth2"
	}
	return "oauth1"
}

// checkSignature finds the secrets of the program and the person and verifies
// that the request was signed with them.
func (a *API) checkSignature(ctx context.Context, c *caller) error {
	m := c.message
	var cr *models.Credentials
	err := models.ErrNotFound
	if readable(m.ConsumerKey) && readable(m.Token) {
		cr, err = a.db.Credentials(ctx, m.ConsumerKey, m.Token)
	}
	if errors.Is(err, models.ErrNotFound) {
		return plain400(http.StatusUnauthorized, "Invalid / used nonce")
	}
	if err != nil {
		return err
	}
	if m.Token != "" && !cr.TokenKnown {
		return plain400(http.StatusBadRequest, "Invalid / expired Token")
	}
	if err := a.verifier.Verify(m, oauth1.Secrets{Consumer: cr.Client.Secret, Token: cr.TokenSecret}); err != nil {
		return a.oauthRefusal(err, false)
	}
	c.client = &cr.Client
	if m.Token == "" {
		return nil
	}
	if cr.State != models.Active {
		return refuse(http.StatusForbidden, "This account is suspended.")
	}
	c.actorID, c.nick = cr.ActorID, cr.Nickname
	return a.checkConfirmed(ctx, c.actorID)
}

// oauthRefusal words a refusal as pump.io does. Only the endpoints that hand out
// tokens answer a bad signature with 401.
func (a *API) oauthRefusal(err error, handingOut bool) error {
	if _, ok := errors.AsType[*oauth1.MissingParameterError](err); ok {
		return plain400(http.StatusBadRequest, "Missing required parameter")
	}
	if _, ok := errors.AsType[*oauth1.UnsupportedMethodError](err); ok {
		return plain400(http.StatusBadRequest, "Invalid Signature Method")
	}
	if e, ok := errors.AsType[*oauth1.TimestampError](err); ok {
		return plain400(http.StatusUnauthorized, fmt.Sprintf("Invalid timestamp: it is %s here (%d); set the clock of this device.",
			e.ServerTime.UTC().Format(time.RFC3339), e.ServerTime.Unix()))
	}
	switch {
	case errors.Is(err, oauth1.ErrBadSignature) && handingOut:
		return plain400(http.StatusUnauthorized, "Invalid signature")
	case errors.Is(err, oauth1.ErrBadSignature):
		return plain400(http.StatusBadRequest, "Invalid signature")
	case errors.Is(err, oauth1.ErrNonceReplayed):
		return plain400(http.StatusUnauthorized, "Invalid / used nonce")
	case errors.Is(err, oauth1.ErrNonceUndecided):
		return plain400(http.StatusServiceUnavailable, "Too many requests at once; try again.")
	case errors.Is(err, oauth1.ErrNoSecret), errors.Is(err, oauth1.ErrNoBaseURL):
		return err
	}
	return plain400(http.StatusBadRequest, err.Error())
}

// rememberRead keeps the nonce of a request that changes nothing, in the memory
// of this process: after a restart a repetition does no harm.
func (a *API) rememberRead(ctx context.Context, m *oauth1.Message) error {
	freshness, err := a.nonces.Remember(ctx, m.NonceKey())
	if err != nil {
		return a.oauthRefusal(err, false)
	}
	if freshness != oauth1.Fresh {
		return a.oauthRefusal(oauth1.ErrNonceReplayed, false)
	}
	return nil
}

// rememberWrite returns a function that keeps the nonce of a request in the
// transaction of what it changes, so that a repetition changes nothing, also
// after a crash.
func (a *API) rememberWrite(c *caller) func(context.Context, *models.Tx) error {
	return func(ctx context.Context, tx *models.Tx) error {
		if c.message == nil {
			return nil
		}
		k := c.message.NonceKey()
		h := sha256.New()
		for _, part := range []string{k.ConsumerKey, k.Token, k.Nonce} {
			var length [4]byte
			binary.BigEndian.PutUint32(length[:], uint32(len(part)))
			h.Write(length[:])
			io.WriteString(h, part)
		}
		var stamp [8]byte
		binary.BigEndian.PutUint64(stamp[:], uint64(k.Timestamp))
		h.Write(stamp[:])
		// A timestamp is accepted from one window before to one after it.
		err := tx.RememberNonce(ctx, h.Sum(nil), time.Unix(k.Timestamp, 0).Add(2*oauth1.DefaultWindow))
		if errors.Is(err, models.ErrExists) {
			return a.oauthRefusal(oauth1.ErrNonceReplayed, false)
		}
		return err
	}
}
