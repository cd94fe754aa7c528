package ostatus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// maxAnswer is how far the answer to a salmon is read, in bytes. GNU social says a
// page where something is wrong.
const maxAnswer = 16 << 10

// Deliver implements [bridge.Network]. Each recipient gets a salmon that mentions
// them: GNU social takes no other. What cannot be said on this network reaches
// nobody, and of what is not for everybody its author is told so.
func (s *Server) Deliver(ctx context.Context, d *bridge.Delivery) ([]string, error) {
	if d.Original != nil {
		d.Unsent(d.Inboxes...)
		return nil, nil // nobody could check a salmon that somebody else passes on
	}
	p, err := s.pack(ctx, d)
	if err != nil {
		return d.Inboxes, err
	}
	// Who joins a group has its feed first, and who leaves keeps it until the group
	// knows.
	verb := d.Activity.Verb
	if verb == vocab.VerbFollow || verb == vocab.VerbJoin {
		if err := s.reconcile(ctx, d.Activity); err != nil {
			return d.Inboxes, err
		}
	}
	var retry []string
	if p.entry != nil {
		retry = s.deliverAll(ctx, p, d)
	} else {
		d.Unsent(d.Inboxes...)
		p.refused(d)
	}
	if verb == vocab.VerbStopFollowing || verb == vocab.VerbLeave {
		err = s.reconcile(ctx, d.Activity)
	}
	return retry, err
}

// taskSubscription brings the subscription to the feed of somebody elsewhere into
// line with who follows them here. The subject is the row of the actor.
const taskSubscription = "subscription"

// Superseded implements [bridge.Superseder].
func (s *Server) Superseded(ctx context.Context, tx *models.Tx, actor int64) error {
	return s.bridge.AddTasks(ctx, tx, bridge.Task{Network: Network, Kind: taskSubscription, Subject: strconv.FormatInt(actor, 10)})
}

// reconcile queues that for whom an activity is about.
func (s *Server) reconcile(ctx context.Context, a *models.Activity) error {
	if a.Object.Kind != models.KindActor {
		return nil
	}
	return s.db.Write(ctx, func(tx *models.Tx) error { return s.Superseded(ctx, tx, a.Object.ID) })
}

// parcel is an entry on its way to some people.
type parcel struct {
	// entry is nil for what is not sent on this network.
	entry *atom.Entry
	// private says that it is not sent because it is not for everybody.
	private bool
	// recipients are those behind each inbox.
	recipients map[string][]recipient
	seal       func(*atom.Entry) ([]byte, error)
	// plain is the entry as it is for all whom it names already, sealed once.
	plain func() ([]byte, error)
	verb  string
}

// recipient is somebody to whom a salmon goes.
type recipient struct {
	uri   string
	actor *models.Actor
}

// pack makes what is delivered.
func (s *Server) pack(ctx context.Context, d *bridge.Delivery) (*parcel, error) {
	a := d.Activity
	author, err := s.db.Actor(ctx, a.ActorID)
	if err != nil {
		return nil, err
	}
	p := &parcel{verb: a.Verb}
	p.entry, err = s.slap(ctx, a, author)
	if p.private = errors.Is(err, errPrivate); err != nil && !p.private && !errors.Is(err, ErrNotExpressible) {
		return nil, err
	}
	if p.entry == nil && !p.private {
		return p, nil
	}
	if p.recipients, err = s.behind(ctx, d.Inboxes); err != nil || p.private {
		return p, err
	}
	key, err := s.salmonKey(ctx, author)
	if err != nil {
		return nil, err
	}
	p.seal = func(e *atom.Entry) ([]byte, error) {
		doc, err := e.Encode()
		if err != nil {
			return nil, err
		}
		envelope, err := salmon.Sign(doc, key, salmon.Padded)
		if err != nil {
			return nil, err
		}
		return envelope.XML(), nil
	}
	p.plain = sync.OnceValues(func() ([]byte, error) { return p.seal(p.entry) })
	return p, nil
}

// behind finds out whose inboxes there are.
func (s *Server) behind(ctx context.Context, inboxes []string) (map[string][]recipient, error) {
	presences, err := s.db.PresencesAt(ctx, Network, inboxes...)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(presences))
	for i, p := range presences {
		ids[i] = p.ActorID
	}
	actors, err := s.db.Actors(ctx, ids...)
	if err != nil {
		return nil, err
	}
	found := map[string][]recipient{}
	for _, p := range presences {
		if a := actors[p.ActorID]; a != nil {
			found[p.Inbox] = append(found[p.Inbox], recipient{p.IRI, a})
		}
	}
	return found, nil
}

// refused tells the author who does not get what is not for everybody. That is known
// without asking anybody, and stays so.
func (p *parcel) refused(d *bridge.Delivery) {
	if !p.private {
		return
	}
	for _, inbox := range d.Inboxes {
		var names []string
		for _, r := range p.recipients[inbox] {
			names = append(names, strings.TrimPrefix(r.actor.Doc.ID, "acct:"))
		}
		who := "the owner of this inbox"
		if len(names) > 0 {
			who = strings.Join(names[:min(len(names), 5)], ", ")
		}
		d.Fail(inbox, &privateError{who})
	}
}

// privateError tells an author in a sentence why somebody did not get something.
type privateError struct{ who string }

func (e *privateError) Error() string {
	return "Not sent to " + e.who + ", who is reached by OStatus: that network carries only what is for everybody, and this is not."
}

// failedSlap is why a salmon was not taken.
type failedSlap struct {
	reason string
	// again says that it makes sense to try once more, after some time where the
	// server asks for that.
	again bool
	after time.Duration
	// unsent says that the server has not been asked.
	unsent bool
}

func (e *failedSlap) Error() string { return e.reason }

// deliverAll sends a parcel to all inboxes at the same time, and returns those to be
// tried again. How many are sent to one host at once is for the client to bound.
func (s *Server) deliverAll(ctx context.Context, p *parcel, d *bridge.Delivery) []string {
	again := make([]bool, len(d.Inboxes))
	var group sync.WaitGroup
	for i, inbox := range d.Inboxes {
		group.Go(func() {
			defer d.DealtWith(inbox)
			failed := s.deliverOne(ctx, p, inbox)
			if failed == nil {
				return
			}
			again[i] = failed.again
			d.Fail(inbox, failed)
			if failed.unsent {
				d.Unsent(inbox)
			}
			if failed.after > 0 {
				d.RetryAfter(inbox, s.now().Add(failed.after))
			}
		})
	}
	group.Wait()
	var retry []string
	for i, inbox := range d.Inboxes {
		if again[i] {
			retry = append(retry, inbox)
		}
	}
	return retry
}

// deliverOne sends a parcel to one inbox.
func (s *Server) deliverOne(ctx context.Context, p *parcel, inbox string) *failedSlap {
	if len(p.recipients[inbox]) == 0 {
		return &failedSlap{reason: "nobody is known any more whose inbox this is", unsent: true}
	}
	body, err := p.sealedFor(p.recipients[inbox])
	if err == nil {
		err = s.mayFetch(inbox)
	}
	if err != nil {
		return &failedSlap{reason: err.Error(), unsent: true}
	}
	// GNU social compares the header as it is, so that there is no charset in it.
	stream, err := s.outbound.Stream(ctx, outbound.Request{Method: http.MethodPost, URL: inbox, Body: body, MaxBody: 1 << 40,
		Header: http.Header{"Content-Type": {salmon.MediaType}}})
	if err != nil {
		return &failedSlap{reason: err.Error(), again: !lasting(unreachable(inbox, err)),
			unsent: !outbound.Sent(err) || errors.Is(err, bridge.ErrHostBlocked)}
	}
	defer stream.Body.Close()
	return p.verdict(stream, s.now())
}

// sealedFor is the envelope for the recipients behind one inbox.
func (p *parcel) sealedFor(list []recipient) ([]byte, error) {
	missing := slices.DeleteFunc(slices.Clone(list), func(r recipient) bool { return concerns(p.entry, r.uri) })
	if len(missing) > 0 && len(missing) == len(list) {
		e := *p.entry
		e.Links = slices.Clone(e.Links)
		for _, r := range missing[:min(len(missing), maxMentioned)] {
			e.Links = append(e.Links, atom.MentionLinks(r.uri, schema(r.actor.Type))...)
		}
		return p.seal(&e)
	}
	return p.plain()
}

// maxMentioned is how many of those behind one inbox a salmon names.
const maxMentioned = 20

// concerns reports whether an entry names somebody in a way that their server takes
// for a reason to accept it.
func concerns(e *atom.Entry, uri string) bool {
	return e.Object != nil && e.Object.ID == uri || slices.ContainsFunc(e.Mentions(), func(m atom.Mention) bool { return m.URI == uri })
}

// verdict says what an answer means.
func (p *parcel) verdict(answer *outbound.Stream, now time.Time) *failedSlap {
	status := answer.Status
	failed := &failedSlap{reason: fmt.Sprintf("status %d %s", status, http.StatusText(status))}
	if said := answer.Drain(maxAnswer); said != "" {
		failed.reason += ": " + said
	}
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusInternalServerError && takesBack[p.verb]:
		// GNU social 2 does so for what it does not have, and for each favourite that is
		// taken back. It would at the next attempt as well.
	case slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}, status), status >= 500 && status != http.StatusNotImplemented:
		failed.again, failed.after = true, retryAfter(answer.Header, now)
	}
	return failed
}

// takesBack are the verbs that end what was done before.
var takesBack = map[string]bool{vocab.VerbUnfavorite: true, vocab.VerbUnlike: true, vocab.VerbDelete: true, vocab.VerbUnshare: true}

// retryAfter reads the header of that name (RFC 9110 10.2.3), 0 where there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
