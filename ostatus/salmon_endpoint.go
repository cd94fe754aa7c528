package ostatus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// bySalmon is how the author of an envelope was verified, as it is stored.
const bySalmon = "salmon"

// postPersonSalmon takes what somebody elsewhere tells a person here.
func (s *Server) postPersonSalmon(w http.ResponseWriter, r *http.Request) error {
	account, err := s.db.AccountByNickname(r.Context(), pathValue(r, "nick"))
	switch {
	case errors.Is(err, models.ErrNotFound):
		return errNobody
	case err != nil:
		return err
	case account.State == models.Deleted:
		return errLeft
	case account.State != models.Active:
		return errSuspended
	}
	to, err := s.db.Actor(r.Context(), account.ActorID)
	if err != nil {
		return err
	}
	return s.takeSalmon(w, r, to)
}

// postGroupSalmon takes what somebody elsewhere tells a group of ours.
func (s *Server) postGroupSalmon(w http.ResponseWriter, r *http.Request) error {
	to, err := s.db.ActorByIRI(r.Context(), s.names.Thing(vocab.TypeGroup, pathValue(r, "uuid")))
	switch {
	case errors.Is(err, models.ErrNotFound), err == nil && (!to.Local || to.Type != vocab.TypeGroup):
		return errNoGroup
	case err != nil:
		return err
	case to.State != models.Active:
		return errGroupGone
	}
	return s.takeSalmon(w, r, to)
}

// slapped is an envelope on its way in.
type slapped struct {
	envelope *salmon.Envelope
	entry    *atom.Entry
	// author is who is said to have signed.
	author string
}

// takeSalmon takes the steps of an envelope, the cheap ones first, and answers once its
// author is verified and it is durably kept. What it says is done afterwards, see
// [Server.Process].
func (s *Server) takeSalmon(w http.ResponseWriter, r *http.Request, to *models.Actor) error {
	ctx := r.Context()
	body, err := readBody(w, r, salmon.MaxEnvelope, "An envelope")
	if err != nil {
		return err
	}
	in, err := openEnvelope(body, r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if err := s.acceptable(ctx, in, to); err != nil {
		return err
	}
	by, err := s.verified(ctx, w, in)
	if err != nil {
		return err
	}
	switch by.state {
	case models.Suspended:
		return bad(http.StatusForbidden, "This server does not take anything from %s.", in.author)
	case models.Deleted: // will not come back, and need not know that we remember
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	err = s.admit(w, r, bridge.Arrived{Network: Network, SenderID: by.actorID, RecipientID: to.ID, Verified: bySalmon, ContentType: salmon.MediaType,
		Bytes: in.envelope.XML(), Received: s.now()})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func bad(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// busy asks somebody to come again.
func busy(w http.ResponseWriter, after time.Duration, text string) error {
	w.Header().Set("Retry-After", strconv.Itoa(int(max(after, time.Second)/time.Second)))
	return &refusal{http.StatusServiceUnavailable, text}
}

// readBody reads a body of bounded size.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, what string) ([]byte, error) {
	tooLarge := bad(http.StatusRequestEntityTooLarge, "%s may have at most %d bytes.", what, limit)
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, bad(http.StatusBadRequest, "The body of the request broke off.")
	}
	return body, nil
}

// openEnvelope reads an envelope as far as it says who wrote what.
func openEnvelope(body []byte, contentType string) (*slapped, error) {
	in := &slapped{}
	var err error
	if in.envelope, err = salmon.Parse(body, contentType); err != nil {
		return nil, bad(http.StatusBadRequest, "What was sent is no magic envelope: %v.", err)
	}
	if in.entry, err = entryIn(in.envelope); err != nil {
		return nil, bad(http.StatusBadRequest, "%v.", err)
	}
	by := in.entry.By(nil)
	if by == nil || by.Identity() == "" {
		return nil, bad(http.StatusBadRequest, "The entry does not say who its author is.")
	}
	in.author = by.Identity()
	return in, nil
}

// entryIn is the entry in an envelope.
func entryIn(e *salmon.Envelope) (*atom.Entry, error) {
	payload, err := e.Payload()
	if err != nil {
		return nil, err
	}
	doc, err := atom.Decode(payload, atom.DecodeOptions{MaxSize: salmon.MaxEnvelope})
	if err != nil {
		return nil, fmt.Errorf("the payload cannot be read: %w", err)
	}
	if doc.Entry == nil {
		return nil, errors.New("the payload is a feed; it has to be one Atom entry")
	}
	return doc.Entry, nil
}

// acceptable refuses what would not be taken from anybody, or does not concern the one
// whom it was sent to (6.4).
func (s *Server) acceptable(ctx context.Context, in *slapped, to *models.Actor) error {
	host := hostOf(in.author)
	switch {
	case s.names.Ours(in.author):
		return bad(http.StatusBadRequest, "The author %s is of this server, and does not come from elsewhere.", in.author)
	case host == "" || len(in.author) > models.MaxIRI:
		return bad(http.StatusBadRequest, "The author %.200q is no address of the web, so that there is no key to be found.", in.author)
	case len(in.envelope.Signatures) == 0:
		return bad(http.StatusBadRequest, "The envelope is not signed.")
	}
	if err := s.bridge.RefuseHost(ctx, host); errors.Is(err, bridge.ErrHostBlocked) {
		return bad(http.StatusForbidden, "This server does not take anything from %s.", host)
	} else if err != nil {
		return err
	}
	switch (salmon.Window{}).Judge(in.entry.Published, in.entry.Updated, s.now()) {
	case salmon.Stale:
		return bad(http.StatusBadRequest, "The entry is too old to be taken: it may have been recorded.")
	case salmon.Early:
		return bad(http.StatusBadRequest, "The entry is of the future: is the clock of the server right?")
	case salmon.Undated:
		return bad(http.StatusBadRequest, "The entry does not say when it was published.")
	}
	concerned, err := s.concerns(ctx, in.entry, to)
	if err == nil && !concerned {
		err = bad(http.StatusBadRequest, "The entry has nothing to do with %s: it neither mentions nor is about or in reply to them.", s.URI(to))
	}
	return err
}

// verified finds out who has signed an envelope, with a newer key where the one that
// we know has not.
func (s *Server) verified(ctx context.Context, w http.ResponseWriter, in *slapped) (*signer, error) {
	by, err := s.signer(ctx, in.author)
	if err != nil {
		return nil, noKey(w, in.author, err)
	}
	outcome := salmon.Verifier{}.Verify(in.envelope, by.key)
	if outcome.Status == salmon.Mismatch || outcome.Status == salmon.WeakKey || outcome.Status == salmon.LongKey {
		newer, err := s.renewed(ctx, by)
		if err != nil {
			return nil, noKey(w, in.author, err)
		}
		if newer != nil {
			by, outcome = newer, salmon.Verifier{}.Verify(in.envelope, newer.key)
		}
	}
	if !outcome.Valid() {
		return nil, bad(http.StatusBadRequest, "The envelope is not by %s: %v.", in.author, outcome)
	}
	return by, nil
}

// noKey says why a signature cannot be verified.
func noKey(w http.ResponseWriter, author string, err error) error {
	e, ok := errors.AsType[*FetchError](err)
	switch {
	case errors.Is(err, errBusy):
		return busy(w, hostFor, "Too many keys of this server are being asked for at the moment.")
	case errors.Is(err, errNoKey), ok && e.Lasting, bridge.ReasonOf(err) != 0:
		return bad(http.StatusBadRequest, "The key of %s cannot be had: %v.", author, err)
	case ok:
		return busy(w, troubleFor, fmt.Sprintf("The key of %s cannot be had at the moment: %v.", author, err))
	}
	return err
}

// toAnybody are what is taken though it names nobody: GNU social tells of new profiles
// so, and Mastodon of what was deleted.
var toAnybody = []string{"update-profile", "delete"}

// concerns reports whether an entry has to do with somebody here: whether it mentions
// them, is about them or something of theirs, or in reply to something that they wrote
// or were addressed in.
func (s *Server) concerns(ctx context.Context, e *atom.Entry, to *models.Actor) (bool, error) {
	if slices.Contains(toAnybody, e.Does()) {
		return true, nil
	}
	names := namedIn(e)
	for _, name := range names {
		if name == to.Doc.ID || name == s.URI(to) || to.Nickname != "" && models.Fold(s.names.Nickname(name)) == models.Fold(to.Nickname) {
			return true, nil
		}
	}
	known, err := s.db.Lookup(ctx, names...)
	if err != nil {
		return false, err
	}
	var objects []int64
	for _, refs := range known {
		for _, ref := range refs {
			switch {
			case ref.Kind == models.KindActor && ref.ID == to.ID:
				return true, nil
			case ref.Kind == models.KindObject:
				objects = append(objects, ref.ID)
			}
		}
	}
	return s.hasPart(ctx, to.ID, objects)
}

// hasPart reports whether somebody has written one of some things, or was addressed by
// it.
func (s *Server) hasPart(ctx context.Context, actor int64, objects []int64) (bool, error) {
	found, err := s.db.Objects(ctx, objects...)
	if err != nil {
		return false, err
	}
	var posts []int64
	for _, o := range found {
		if o.AuthorID == actor {
			return true, nil
		}
		if o.ActivityID != 0 {
			posts = append(posts, o.ActivityID)
		}
	}
	activities, err := s.db.Activities(ctx, posts...)
	for _, a := range activities {
		if slices.ContainsFunc(a.Audience, func(to models.Addressee) bool {
			return (to.Kind == models.AudienceActor || to.Kind == models.AudienceGroup) && to.ID == actor
		}) {
			return true, nil
		}
	}
	return false, err
}

// maxNamed is how many names in one entry are looked at.
const maxNamed = 200

// namedIn are the names of whom and what an entry has to do with.
func namedIn(e *atom.Entry) []string {
	var names []string
	add := func(list ...string) {
		for _, name := range list {
			if name != "" && len(names) < maxNamed && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, m := range e.Mentions() {
		add(m.URI)
	}
	if e.InReplyTo != nil {
		add(e.InReplyTo.Ref, e.InReplyTo.Href)
	}
	for _, o := range append([]*atom.Entry{e.Object, e.Target}, e.MoreObjects...) {
		for ; o != nil; o = o.Object {
			add(o.ID)
			if o.Profile != nil {
				add(o.Profile.Identity())
			}
		}
	}
	return names
}
