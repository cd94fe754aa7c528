package apub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"manifold/apub/httpsig"
	"manifold/bridge"
	"manifold/internal/front"
	"manifold/internal/telemetry"
	"manifold/models"
	"manifold/models/vocab"
)

// How the sender of an activity was verified, as it is stored.
const (
	bySignature = "http-signature"
	byProof     = "integrity-proof"
	byOrigin    = "fetched"
)

// inbox is whose inbox a request is for.
type inbox struct {
	actorID int64 // 0 for the one that all share
	read    time.Time
}

// addInboxes adds the inboxes: the one that all share, those of people, and those
// of groups.
func (s *Server) addInboxes(router *mux.Router) {
	for _, path := range []string{"/inbox", "/users/{nick}/inbox", "/api/group/{uuid}/inbox", "/actor/inbox"} {
		front.Route(router, path).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			telemetry.SetRoute(r.Context(), "POST "+path)
			s.postInbox(w, r)
		}).Methods(http.MethodPost)
		front.Route(router, path).Handler(s.let("GET "+path, open, getInbox)).Methods(http.MethodGet, http.MethodHead)
	}
}

// getInbox shows nobody what others delivered. Its owner reads it on the network of
// pump.io.
func getInbox(http.ResponseWriter, *http.Request, visitor) error {
	return refuse(http.StatusUnauthorized, "An inbox is read by its owner alone.")
}

// postInbox takes an activity that another server delivers. It answers once the
// sender is verified and the activity is durably kept; what it says is done
// afterwards, see [Server.Process].
func (s *Server) postInbox(w http.ResponseWriter, r *http.Request) {
	if err := s.receive(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// delivery is one request to an inbox.
type delivery struct {
	*envelope
	recipient   int64
	contentType string
	body        []byte
	// signature is that of the request, sender who made it.
	signature *httpsig.Signature
	sender    *holder
	verified  string
}

// receive takes the steps of a delivery, the cheap ones first.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d := &delivery{contentType: r.Header.Get("Content-Type"), verified: bySignature}
	if !isActivityType(d.contentType) {
		return refuse(http.StatusUnsupportedMediaType, "An inbox takes application/activity+json, not %q.", d.contentType)
	}
	var err error
	if d.recipient, err = s.recipientOf(r); err != nil {
		return err
	}
	if d.body, err = readBody(w, r); err != nil {
		return err
	}
	if d.envelope, err = readEnvelope(d.body); err != nil {
		return refuse(http.StatusBadRequest, "The activity cannot be read: %v.", err)
	}
	if err := s.acceptable(ctx, d); err != nil {
		return err
	}
	if junk, err := s.isJunk(ctx, d); junk || err != nil {
		return err
	}
	verifier := httpsig.Verifier{Origin: s.origin, Now: s.now}
	if d.signature, err = verifier.Parse(r, d.body); err != nil {
		return refuse(http.StatusUnauthorized, "%v.", err)
	}
	if known, err := s.verify(ctx, d); known || err != nil {
		return err
	}
	if err := s.admit(ctx, d); err != nil {
		return err
	}
	if field := r.Header.Get(SynchronizationField); field != "" && d.sender.actorIRI == d.actor {
		return s.compareFollowers(ctx, field, d.sender)
	}
	return nil
}

// refuseHost refuses what comes from a host that the admins do not want to hear
// from.
func (s *Server) refuseHost(ctx context.Context, host string) error {
	err := s.bridge.RefuseHost(ctx, host)
	if errors.Is(err, bridge.ErrHostBlocked) {
		return refuse(http.StatusForbidden, "This server does not take anything from %s.", host)
	}
	return err
}

// readBody reads a body of bounded size.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := refuse(http.StatusRequestEntityTooLarge, "An activity may have at most %d bytes.", MaxDocument)
	if r.ContentLength > MaxDocument {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxDocument))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "The body of the request broke off.")
	}
	return body, nil
}

// envelope is what has to be known of an activity before anything else is done.
type envelope struct {
	id, actor, object string
	types             []string
}

// readEnvelope reads an activity as far as it says who did it.
func readEnvelope(body []byte) (*envelope, error) {
	v, err := parse(body)
	if err != nil {
		return nil, err
	}
	e := &envelope{id: nameOf(v), actor: nameOf(v.member("actor")), object: nameOf(v.member("object")), types: typesOf(v)}
	switch {
	case e.id == "":
		return nil, wrong("id", "is missing: it is what makes it possible to send an activity twice")
	case len(e.id) > models.MaxIRI:
		return nil, wrong("id", "has %d bytes; at most %d are accepted", len(e.id), models.MaxIRI)
	case e.actor == "":
		return nil, wrong("actor", "is missing: what is sent to an inbox is an activity, which somebody does")
	}
	return e, nil
}

// nameOf is the id of what stands in a member, whole or by its id.
func nameOf(v *value) string {
	if v = v.first(); v == nil {
		return ""
	}
	if v.kind == '{' {
		v = v.member("id")
	}
	if v == nil || v.kind != '"' {
		return ""
	}
	return v.text
}

func (e *envelope) is(name string) bool {
	for _, t := range e.types {
		if t == name {
			return true
		}
	}
	return false
}

// acceptable refuses what would not be taken from anybody, or not from there.
func (s *Server) acceptable(ctx context.Context, d *delivery) error {
	switch {
	case s.names.Ours(d.actor) || s.names.Ours(d.id):
		return refuse(http.StatusBadRequest, "The activity %s of %s is of this server, and does not come from elsewhere.", d.id, d.actor)
	case !sameHost(d.id, d.actor):
		return refuse(http.StatusBadRequest, "The id %s is not of the server of %s, who therefore cannot have made it.", d.id, d.actor)
	}
	return s.refuseHost(ctx, hostOf(d.actor))
}

// isJunk tells the most common of all deliveries: somebody whom nobody here ever
// heard of is gone, or has another profile. To verify it would take a request to
// their server, for nothing. It is answered as if it had been done.
func (s *Server) isJunk(ctx context.Context, d *delivery) (bool, error) {
	if !d.is("Delete") && !d.is("Update") || d.object != d.actor {
		return false, nil
	}
	_, err := s.db.LookupKind(ctx, models.KindActor, d.actor)
	if errors.Is(err, models.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// verify finds out who sent a delivery. It reports known for one that need not be
// kept.
func (s *Server) verify(ctx context.Context, d *delivery) (known bool, err error) {
	if err := s.refuseHost(ctx, hostOf(d.signature.KeyID)); err != nil {
		return false, err
	}
	d.sender, err = s.knownHolder(ctx, d.signature.KeyID)
	if errors.Is(err, models.ErrNotFound) {
		if known, err := s.isKnown(ctx, d); known || err != nil {
			return known, err
		}
		d.sender, err = s.holder(ctx, d.signature.KeyID)
	}
	if err != nil {
		return s.withoutKey(d, err)
	}
	if d.sender, err = s.checkSignature(ctx, d.signature, d.sender); err != nil {
		return false, err
	}
	if d.signature.Spec == httpsig.RFC9421 {
		if err := s.learnSpec(ctx, hostOf(d.sender.actorIRI), httpsig.RFC9421, false); err != nil {
			return false, err
		}
	}
	if d.sender.actorIRI == d.actor {
		return s.inUse(d)
	}
	return s.vouched(ctx, d)
}

// withoutKey answers a delivery whose key could not be had. Somebody who is gone
// says so without a key that could be fetched.
func (s *Server) withoutKey(d *delivery, err error) (known bool, _ error) {
	if e, ok := errors.AsType[*FetchError](err); ok && e.gone() && d.is("Delete") {
		return true, nil
	}
	return false, noKey(d.signature.KeyID, err)
}

// noKey says why a signature cannot be verified.
func noKey(keyID string, err error) error {
	e, ok := errors.AsType[*FetchError](err)
	switch {
	case ok && !e.Lasting:
		return &refusal{status: http.StatusServiceUnavailable, retry: time.Minute, text: fmt.Sprintf("The key %s cannot be had at the moment: %v.", keyID, err)}
	case ok, errors.Is(err, errNotTheirs), bridge.ReasonOf(err) != 0:
		return refuse(http.StatusUnauthorized, "The key %s cannot be had: %v.", keyID, err)
	}
	return err
}

// checkSignature checks a signature, with a newer key where the one that we know
// did not make it, and returns the one that did.
func (s *Server) checkSignature(ctx context.Context, signature *httpsig.Signature, known *holder) (*holder, error) {
	failed := signature.Verify(known.key)
	if failed == nil {
		return known, nil
	}
	newer, err := s.renewed(ctx, known)
	if err != nil {
		return nil, noKey(signature.KeyID, err)
	}
	if newer == nil || signature.Verify(newer.key) != nil {
		return nil, refuse(http.StatusUnauthorized, "%v.", failed)
	}
	return newer, nil
}

// signerOf returns who signed a request to read something, nil where nobody did.
// Where fetch is false nobody is asked for a key that we do not know: then it
// returns [models.ErrNotFound].
func (s *Server) signerOf(r *http.Request, fetch bool) (*holder, error) {
	if !httpsig.Signed(r) {
		return nil, nil
	}
	verifier := httpsig.Verifier{Origin: s.origin, Now: s.now}
	signature, err := verifier.Parse(r, nil)
	if err != nil {
		return nil, refuse(http.StatusUnauthorized, "%v.", err)
	}
	ctx := r.Context()
	if err := s.refuseHost(ctx, hostOf(signature.KeyID)); err != nil {
		return nil, err
	}
	known, err := s.knownHolder(ctx, signature.KeyID)
	if errors.Is(err, models.ErrNotFound) && fetch {
		known, err = s.holder(ctx, signature.KeyID)
	}
	if err != nil {
		return nil, noKey(signature.KeyID, err)
	}
	if known, err = s.checkSignature(ctx, signature, known); err != nil {
		return nil, err
	}
	if known.state != models.Active {
		return nil, refuse(http.StatusForbidden, "This server shows nothing to %s.", known.actorIRI)
	}
	return known, nil
}

// inUse refuses what comes from people who are out of use here. One who has been
// deleted will not come back; their server need not know that we remember them.
func (s *Server) inUse(d *delivery) (known bool, _ error) {
	switch d.sender.state {
	case models.Suspended:
		return false, refuse(http.StatusForbidden, "This server does not take anything from %s.", d.actor)
	case models.Deleted:
		return true, nil
	}
	return false, nil
}

// isKnown reports whether an activity has been dealt with before, as far as that
// can be told without knowing who sends it: nothing is told or done to it.
func (s *Server) isKnown(ctx context.Context, d *delivery) (bool, error) {
	id, err := s.db.LookupKind(ctx, models.KindActivity, d.id)
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	actor, err := s.db.LookupKind(ctx, models.KindActor, d.actor)
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	activity, err := s.db.Activity(ctx, id)
	return err == nil && activity.ActorID == actor, err
}

// admit has a delivery kept until it is dealt with.
func (s *Server) admit(ctx context.Context, d *delivery) error {
	key := arrivalKey{d.actor, d.id, d.recipient}
	if s.memory.arrivals.Contains(key) {
		return nil
	}
	err := s.bridge.Admit(ctx, bridge.Arrived{Network: Network, SenderID: d.sender.actorID, RecipientID: d.recipient, Verified: d.verified,
		ContentType: d.contentType, Bytes: d.body, Received: s.now()})
	if full, ok := errors.AsType[*bridge.BacklogError](err); ok {
		return &refusal{status: http.StatusServiceUnavailable, retry: full.RetryAfter, text: "Too much waits to be dealt with here."}
	}
	if err == nil {
		s.memory.arrivals.Add(key, struct{}{})
	}
	return err
}

// recipientOf finds out whose inbox a request is for.
func (s *Server) recipientOf(r *http.Request) (int64, error) {
	name := ""
	if nick := mux.Vars(r)["nick"]; nick != "" {
		if plain, err := url.PathUnescape(nick); err == nil {
			nick = plain
		}
		name = s.names.Actor(nick)
	} else if token := mux.Vars(r)["uuid"]; token != "" {
		name = s.names.Thing(vocab.TypeGroup, token)
	}
	if name == "" {
		return 0, nil
	}
	if known, ok := s.memory.inboxes.Get(name); ok && s.now().Sub(known.read) < rememberFor {
		return known.actorID, nil
	}
	actor, err := s.localActor(r.Context(), name)
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && !actor.Local:
		return 0, refuse(http.StatusNotFound, "There is nobody of that name here.")
	case err != nil:
		return 0, err
	case actor.State == models.Deleted:
		return 0, refuse(http.StatusGone, "This account is not in use any more.")
	}
	s.memory.inboxes.Add(name, inbox{actorID: actor.ID, read: s.now()})
	return actor.ID, nil
}

// localActor finds an actor of ours by its id; a nickname may be written in any
// case of its letters.
func (s *Server) localActor(ctx context.Context, name string) (*models.Actor, error) {
	actor, err := s.db.ActorByIRI(ctx, name)
	if nick := s.names.Nickname(name); errors.Is(err, models.ErrNotFound) && nick != "" {
		account, err := s.db.AccountByNickname(ctx, nick)
		if err != nil {
			return nil, err
		}
		return s.db.Actor(ctx, account.ActorID)
	}
	return actor, err
}
