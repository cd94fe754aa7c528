package apub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// patience is after how many attempts an activity is dealt with although what it is
// about cannot be had: its server may be gone for good.
const patience = 4

// arriving is an activity of another server that is being dealt with.
type arriving struct {
	*bridge.Arrived
	s *Server
	// actor is the id of the sender on this network.
	actor string
	doc   *Document
	// quiet is for what is no news to anybody here.
	quiet bool
	*vocab.Activity
}

// Process implements [bridge.Processor]: it fetches what is missing to understand
// an activity, each thing from its own server, and has the bridge do what it says.
func (s *Server) Process(ctx context.Context, a *bridge.Arrived) error {
	in, err := s.open(ctx, a)
	if err != nil {
		return settle(err)
	}
	if err := in.prepare(ctx); err != nil {
		return settle(err)
	}
	if err := in.moreVotes(ctx); err != nil {
		return err
	}
	arrival := in.arrival(in.Activity)
	arrival.Original, arrival.Within, arrival.Quiet = a.Bytes, s.bridge.Settled(a), in.quiet
	_, err = s.bridge.Receive(ctx, arrival)
	if id := bridge.ToFetch(err); id != "" {
		// The change of what is not known here: once it is, the change is in it.
		if _, err := s.ensure(ctx, id); err != nil {
			return settle(err)
		}
		_, err = s.bridge.Receive(ctx, arrival)
	}
	return err
}

// arrival is an activity of the sender on its way to the bridge.
func (in *arriving) arrival(a *vocab.Activity) bridge.Arrival {
	return bridge.Arrival{SenderID: in.SenderID, RecipientID: in.RecipientID, Activity: a, Network: Network, Verified: in.Verified, ContentType: in.ContentType}
}

// moreVotes has the votes counted that come with another one in the same Create.
// They do not settle the arrival; a vote that is counted twice counts once.
func (in *arriving) moreVotes(ctx context.Context) error {
	for _, vote := range in.doc.Votes {
		a := *in.Activity
		a.Object = vote
		if err := trustworthy(&a); err != nil {
			return &bridge.Error{Reason: bridge.NotAllowed, Text: err.Error()}
		}
		if _, err := in.s.bridge.Receive(ctx, in.arrival(&a)); err != nil {
			return err
		}
	}
	return nil
}

// settle makes a refusal of what will not get better when it is tried again.
func settle(err error) error {
	e, ok := errors.AsType[*FetchError](err)
	if ok && e.Lasting {
		return &bridge.Error{Reason: bridge.Missing, Text: "What the activity is about is not to be had: " + e.Error()}
	}
	return err
}

func notValid(format string, args ...any) error {
	return &bridge.Error{Reason: bridge.Invalid, Text: fmt.Sprintf(format, args...)}
}

// open reads what arrived, and makes sure that it is what its sender was verified
// for.
func (s *Server) open(ctx context.Context, a *bridge.Arrived) (*arriving, error) {
	doc, err := Decode(a.Bytes, DecodeOptions{Names: s.names})
	if err != nil {
		return nil, notValid("The activity cannot be read: %v.", err)
	}
	if doc.Activity == nil || doc.Activity.Actor == nil {
		return nil, notValid("What arrived is not an activity that somebody does.")
	}
	known, err := s.db.Presences(ctx, Network, a.SenderID)
	if err != nil {
		return nil, err
	}
	in := &arriving{Arrived: a, s: s, actor: known[a.SenderID].IRI, doc: doc, Activity: doc.Activity}
	if in.Activity.Actor.ID != in.actor {
		return nil, &bridge.Error{Reason: bridge.NotAllowed, Text: fmt.Sprintf("%s is sent by %s, and not by its actor %s.", doc.ID, in.actor, in.Activity.Actor.ID)}
	}
	return in, nil
}

// prepare fetches what the verb needs.
func (in *arriving) prepare(ctx context.Context) error {
	o := in.Object
	switch {
	case o == nil:
		return nil
	case in.Verb == vocab.VerbUpdate && (in.doc.Actor != nil || o.ID == in.actor):
		return in.newProfile(ctx)
	case in.Verb == vocab.VerbMove:
		return in.moved(ctx)
	case in.Verb == vocab.VerbPost || in.Verb == vocab.VerbUpdate:
		if err := trustworthy(in.Activity); err != nil {
			return &bridge.Error{Reason: bridge.NotAllowed, Text: err.Error()}
		}
		return nil
	case in.Verb == vocab.VerbAccept && in.Target != nil && in.s.names.Ours(o.ID):
		return in.approved(ctx)
	case in.Verb == vocab.VerbShare && in.Inner != nil:
		return in.passedOn(ctx)
	case in.Verb == vocab.VerbShare:
		return in.shared(ctx)
	}
	if !o.IsReference() && o.ID != "" && !sameHost(o.ID, in.actor) {
		in.Object = o.Ref() // what it says about things of others is not believed
	}
	return nil
}

// newProfile takes in how an actor describes itself now, keys included.
func (in *arriving) newProfile(ctx context.Context) error {
	profile := in.doc.Actor
	if in.Object.ID != "" && in.Object.ID != in.actor || profile != nil && profile.IRI != "" && profile.IRI != in.actor {
		return &bridge.Error{Reason: bridge.NotAllowed, Text: fmt.Sprintf("%s cannot change the profile of another.", in.actor)}
	}
	if profile != nil {
		profile.came = original{in.Verified, in.ContentType, in.Bytes}
	}
	// One that does not say of whom it is may be of anybody, such as their client.
	if profile == nil || profile.Inbox == "" || profile.IRI == "" {
		var err error
		if profile, err = in.s.fetchActor(ctx, in.actor); err != nil {
			return err
		}
	}
	actor, err := in.s.meet(ctx, profile)
	if err == nil {
		in.Object = &vocab.Object{ID: actor.Doc.ID, Type: actor.Type}
	}
	return err
}

// approved finds out whether what is accepted is a reply, a like or a share of
// somebody here. GoToSocial accepts each of them where who may do so is restricted,
// with the post as the target: that something was let be which is there already is
// no news.
func (in *arriving) approved(ctx context.Context) error {
	known, err := in.s.db.Lookup(ctx, in.Object.ID)
	if err != nil {
		return err
	}
	for _, ref := range known[in.Object.ID] {
		switch ref.Kind {
		case models.KindObject:
			in.quiet = true
		case models.KindActivity:
			a, err := in.s.db.Activity(ctx, ref.ID)
			if err != nil {
				return err
			}
			switch a.Doc.Verb {
			case vocab.VerbPost, vocab.VerbLike, vocab.VerbFavorite, vocab.VerbShare:
				in.quiet = true
			}
		}
	}
	return nil
}

// moved reads both the old and the new account as they are now: each has to name
// the other, or anybody could have their followers follow whom they like.
func (in *arriving) moved(ctx context.Context) error {
	if in.Target == nil || in.Target.ID == "" {
		return notValid("The activity has no target: it must say which account is the new one.")
	}
	old, err := in.s.fetchActor(ctx, in.actor)
	if err != nil {
		return err
	}
	if _, err := in.s.meet(ctx, old); err != nil {
		return err
	}
	next, names, err := in.newAccount(ctx)
	if err != nil {
		return err
	}
	if old.MovedTo != next || !slices.Contains(names, old.IRI) {
		return &bridge.Error{Reason: bridge.NotAllowed, Text: fmt.Sprintf("%s and %s do not both say that one has become the other.", in.actor, next)}
	}
	return nil
}

// newAccount is the account to which somebody moves, and the names that it has
// besides: elsewhere, or of somebody here.
func (in *arriving) newAccount(ctx context.Context) (id string, names []string, err error) {
	id = in.Target.ID
	if !in.s.names.Ours(id) {
		next, err := in.s.fetchActor(ctx, id)
		if err != nil {
			return "", nil, err
		}
		if _, err := in.s.meet(ctx, next); err != nil {
			return "", nil, err
		}
		return next.IRI, next.AlsoKnownAs, nil
	}
	actor, err := in.s.db.ActorByIRI(ctx, id)
	if err != nil {
		return "", nil, err
	}
	raw := actor.Doc.Extra[vocab.NSAS2+"alsoKnownAs"]
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return in.s.names.Actor(actor.Nickname), []string{one}, nil
	}
	if json.Unmarshal(raw, &names) != nil {
		names = nil // it says nothing that anybody understands
	}
	return in.s.names.Actor(actor.Nickname), names, nil
}

// shared makes sure that what is shared is known, as its own server shows it.
func (in *arriving) shared(ctx context.Context) error {
	in.Object = in.Object.Ref()
	id, err := in.s.ensure(ctx, in.Object.ID)
	if err != nil && !lasting(err) && in.Attempts >= patience {
		return nil
	}
	if err == nil && id != "" {
		in.Object.ID = id
	}
	return err
}

// ensure fetches a thing from its own server, unless it is known here. It returns
// the id that it has there.
func (s *Server) ensure(ctx context.Context, id string) (string, error) {
	if id == "" || s.names.Ours(id) {
		return id, nil
	}
	known, err := s.db.Lookup(ctx, id)
	if err != nil {
		return "", err
	}
	for _, ref := range known[id] {
		if there, err := s.isWhole(ctx, ref); there || err != nil {
			return id, err
		}
	}
	found, err := s.find(ctx, id)
	if err != nil {
		return "", err
	}
	if err := s.keep(ctx, found); err != nil {
		return "", err
	}
	if o := found.Activity.Object; o != nil && o.ID != "" && sameHost(o.ID, id) {
		return o.ID, nil
	}
	return id, nil
}

// isWhole reports whether a thing is known from its author, or known to be gone,
// and not only from a copy that somebody made of it.
func (s *Server) isWhole(ctx context.Context, ref models.Ref) (bool, error) {
	if ref.Kind != models.KindObject {
		return true, nil
	}
	o, err := s.db.Object(ctx, ref.ID)
	return err == nil && (o.ActivityID != 0 || !o.Deleted.IsZero()), err
}

// keep stores what was found at another server, which is news to nobody.
func (s *Server) keep(ctx context.Context, f *bridge.Found) error {
	author, err := s.bridge.Introduce(ctx, f.Author, nil)
	if err != nil {
		return err
	}
	_, err = s.bridge.Receive(ctx, bridge.Arrival{SenderID: author.ID, Activity: f.Activity, Network: Network, Verified: byOrigin,
		ContentType: f.ContentType, Original: f.Original, Quiet: true})
	return err
}

// passedOn deals with an activity that a group passes on to its members (FEP-1b12):
// what somebody else did is done before the group shares it. It is believed when it
// is of the server of the group; else that of its actor is asked.
func (in *arriving) passedOn(ctx context.Context) error {
	inner := in.Inner
	if inner.ID == "" || inner.Actor == nil || inner.Actor.ID == "" {
		return notValid("The activity that %s passes on has no id or no actor.", in.actor)
	}
	if in.s.names.Ours(inner.ID) {
		return nil // we sent it there
	}
	_, err := in.s.db.LookupKind(ctx, models.KindActivity, inner.ID)
	if err == nil || !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if !sameHost(inner.ID, inner.Actor.ID) {
		return &bridge.Error{Reason: bridge.NotAllowed, Text: fmt.Sprintf("%s is not of the server of its actor %s.", inner.ID, inner.Actor.ID)}
	}
	if !sameHost(inner.ID, in.actor) {
		return in.askedFor(ctx, inner)
	}
	if err := trustworthy(inner); err != nil {
		return &bridge.Error{Reason: bridge.NotAllowed, Text: err.Error()}
	}
	actor, err := in.s.personally(ctx, inner.Actor.ID)
	if err != nil {
		return err
	}
	_, err = in.s.bridge.Receive(ctx, bridge.Arrival{SenderID: actor.actorID, Activity: inner, Network: Network, Verified: in.Verified})
	return err
}

// askedFor has the server of its actor show what a group passes on, or at least
// the thing that was posted.
func (in *arriving) askedFor(ctx context.Context, inner *vocab.Activity) error {
	found, err := in.s.find(ctx, inner.ID)
	if lasting(err) && inner.Verb == vocab.VerbPost && inner.Object != nil && sameHost(inner.Object.ID, inner.ID) {
		// Lemmy does not serve all of its activities.
		found, err = in.s.find(ctx, inner.Object.ID)
	}
	switch {
	case err != nil:
		return err
	case found.Author.IRI != inner.Actor.ID:
		return &bridge.Error{Reason: bridge.NotAllowed, Text: fmt.Sprintf("%s is by %s, and not by %s.", inner.ID, found.Author.IRI, inner.Actor.ID)}
	}
	if found.Activity.ID != inner.ID {
		// What was posted is what the group shares then.
		in.Inner, in.Object = nil, found.Activity.Object.Ref()
	}
	return in.s.keep(ctx, found)
}
