package apub

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"manifold/apub/proof"
	"manifold/bridge"
	"manifold/models"
)

// vouched deals with an activity that somebody else sent than did it: a server
// passes on a reply to those who follow the thread (ActivityPub 7.1.2). The sender
// does not vouch for it. Either a proof inside does, or the server of whom it is
// about is asked, and what that says counts.
func (s *Server) vouched(ctx context.Context, d *delivery) (known bool, err error) {
	owner, err := s.proven(ctx, d)
	if err != nil {
		return false, err
	}
	if owner != nil {
		d.sender, d.verified = owner, byProof
		return s.inUse(d)
	}
	if known, err := s.isKnown(ctx, d); known || err != nil {
		return known, err
	}
	select {
	case s.memory.pointers <- struct{}{}:
		defer func() { <-s.memory.pointers }()
	default:
		return false, &refusal{status: http.StatusServiceUnavailable, retry: time.Minute, text: "Too many activities are being asked about at the moment."}
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	err = s.askOrigin(ctx, d)
	if e, ok := errors.AsType[*FetchError](err); ok && !e.Lasting {
		return false, &refusal{status: http.StatusServiceUnavailable, retry: time.Minute, text: "The activity is signed by another than its actor, whose server cannot be asked about it at the moment."}
	} else if ok || bridge.ReasonOf(err) != 0 {
		return false, refuse(http.StatusUnauthorized, "The activity is signed by %s, who is not its actor %s, and the server of that does not say that it is theirs: %v.",
			d.signature.KeyID, d.actor, err)
	}
	if err != nil {
		return false, err
	}
	return s.inUse(d)
}

// proven returns who made the proof inside of an activity, where that is its actor.
func (s *Server) proven(ctx context.Context, d *delivery) (*holder, error) {
	p, err := proof.Read(d.body)
	if err != nil || !sameHost(p.Method, d.actor) {
		return nil, nil
	}
	owner, err := s.holder(ctx, p.Method)
	if err != nil {
		err = noKey(p.Method, err)
		if _, refused := errors.AsType[*refusal](err); refused {
			err = nil // the server of the actor may still be asked
		}
		return nil, err
	}
	if owner.actorIRI != d.actor {
		return nil, nil
	}
	if p.Verify(owner.ed25519Of(), s.now()) == nil {
		return owner, nil
	}
	newer, err := s.renewed(ctx, owner)
	if err != nil || newer == nil || newer.actorIRI != d.actor || p.Verify(newer.ed25519Of(), s.now()) != nil {
		return nil, nil
	}
	return newer, nil
}

// askOrigin asks the server of the actor for an activity, and replaces what was
// sent by what that says.
func (s *Server) askOrigin(ctx context.Context, d *delivery) error {
	if d.is("Delete") {
		return s.askIfGone(ctx, d)
	}
	if strings.Contains(d.id, "#") {
		return notHad(d.id, "the id has a fragment, which no server is asked for")
	}
	f, err := s.fetch(ctx, d.id)
	if err != nil {
		return err
	}
	e, err := readEnvelope(f.bytes)
	if err != nil || e.id != d.id || e.actor != d.actor || f.doc.Activity == nil {
		return notHad(d.id, "what is served there is not this activity")
	}
	d.envelope, d.body, d.contentType, d.verified = e, f.bytes, f.contentType, byOrigin
	d.sender, err = s.personally(ctx, d.actor)
	return err
}

// askIfGone believes a deletion when the thing is indeed gone. That of somebody we
// do not know changes nothing.
func (s *Server) askIfGone(ctx context.Context, d *delivery) error {
	if !sameHost(d.object, d.actor) {
		return notHad(d.object, "it is not of the server of %s", d.actor)
	}
	f, err := s.fetch(ctx, d.object)
	e, failed := errors.AsType[*FetchError](err)
	gone := failed && e.gone() || err == nil && f.doc.Object != nil && !f.doc.Object.Deleted.IsZero()
	switch {
	case err != nil && !gone:
		return err
	case !gone:
		return notHad(d.object, "it is still there")
	}
	d.verified = byOrigin
	d.sender, err = s.personally(ctx, d.actor)
	return err
}

// personally returns an actor who did not sign anything, as the sender of what
// their server says of them.
func (s *Server) personally(ctx context.Context, iri string) (*holder, error) {
	actor, err := s.db.ActorByIRI(ctx, iri)
	if errors.Is(err, models.ErrNotFound) {
		var doc *ActorDocument
		if doc, err = s.fetchActor(ctx, iri); err == nil {
			actor, err = s.meet(ctx, doc)
		}
	}
	if err != nil {
		return nil, err
	}
	return &holder{actorID: actor.ID, actorIRI: iri, state: actor.State}, nil
}
