package ostatus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// patience is after how many attempts an entry is dealt with although what it is about
// cannot be had: its server may be gone for good.
const patience = 4

// arriving is an entry of another server that is being dealt with.
type arriving struct {
	*bridge.Arrived
	s *Server
	// by is whose it is: the sender or, in the feed of a group, somebody else.
	by    *models.Actor
	entry *atom.Entry
	// recipient is whom it was sent to, 0 for nobody in particular.
	recipient int64
	// quiet is for what is no news to anybody here.
	quiet bool
	// hearsay is what the server of a group tells of somebody of another server: their
	// posts, and nothing else.
	hearsay bool
	// original is the document with this entry alone.
	original []byte
	*vocab.Activity
}

// Process implements [bridge.Processor]: it finds out whose each entry is that has
// arrived, in an envelope or in a feed, looks for what is missing to understand it, and
// has the bridge do what it says.
func (s *Server) Process(ctx context.Context, a *bridge.Arrived) error {
	sender, err := s.db.Actor(ctx, a.SenderID)
	if err != nil {
		return err
	}
	if a.Verified == bySalmon {
		return s.processEnvelope(ctx, a, sender)
	}
	return s.processFeed(ctx, a, sender)
}

// processEnvelope deals with an entry that its author has signed and sent.
func (s *Server) processEnvelope(ctx context.Context, a *bridge.Arrived, sender *models.Actor) error {
	envelope, err := salmon.Parse(a.Bytes, a.ContentType)
	if err != nil {
		return notValid("The envelope cannot be read: %v.", err)
	}
	entry, err := entryIn(envelope)
	if err != nil {
		return notValid("%v.", err)
	}
	activity, err := s.decoder().Entry(entry, nil)
	if err != nil {
		return notValid("%v.", err)
	}
	author := activity.Actor.ID
	known, err := s.db.ActorByIRI(ctx, author)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if err != nil || known.ID != sender.ID {
		return notAllowed("%s is signed by %s, and not by its author %s.", entry.ID, sender.Doc.ID, author)
	}
	if err := s.tellApart(ctx, activity); err != nil {
		return err
	}
	in := &arriving{Arrived: a, s: s, by: sender, recipient: a.RecipientID, entry: entry, Activity: activity, original: a.Bytes}
	return in.receive(ctx, s.bridge.Settled(a))
}

func (s *Server) decoder() *Decoder { return &Decoder{Names: s.names} }

func notValid(format string, args ...any) error {
	return &bridge.Error{Reason: bridge.Invalid, Text: fmt.Sprintf(format, args...)}
}

func notAllowed(format string, args ...any) error {
	return &bridge.Error{Reason: bridge.NotAllowed, Text: fmt.Sprintf(format, args...)}
}

// settled makes a refusal of what will not get better when it is tried again.
func settled(err error) error {
	if lasting(err) {
		return &bridge.Error{Reason: bridge.Missing, Text: "What the entry is about is not to be had: " + err.Error()}
	}
	return err
}

// receive has the bridge do what an entry says. within runs in the transaction, nil for
// nothing.
func (in *arriving) receive(ctx context.Context, within func(context.Context, *models.Tx) error) error {
	if err := in.edited(ctx); err != nil {
		return err
	}
	if err := in.prepare(ctx); err != nil {
		return settled(err)
	}
	if err := in.leaveGroups(ctx); err != nil {
		return err
	}
	_, err := in.s.bridge.Receive(ctx, bridge.Arrival{SenderID: in.by.ID, RecipientID: in.recipient, Activity: in.Activity, Network: Network,
		Verified: in.Verified, ContentType: in.ContentType, Original: in.original, Quiet: in.quiet, Within: within})
	return err
}

// prepare sees to it that an entry speaks only for its author, and looks for what its
// verb needs.
func (in *arriving) prepare(ctx context.Context) error {
	o := in.Object
	switch in.Verb {
	case vocab.VerbPost:
		if hostOf(o.ID) != "" && !sameHost(o.ID, in.Actor.ID) {
			return notAllowed("%s is not of the server of its author %s.", o.ID, in.Actor.ID)
		}
		return in.answers(ctx)
	case vocab.VerbShare:
		return in.shared(ctx)
	case vocab.VerbUpdate:
		return in.updated(ctx)
	case vocab.VerbFavorite, vocab.VerbUnfavorite:
		// What it says about things of others is not believed.
		in.Object = &vocab.Object{ID: o.ID, Type: o.Type, URL: o.URL}
		return in.sameThing(ctx, in.Object)
	}
	return nil
}

// answers finds what a post answers by its id or by its page, whichever is known here.
func (in *arriving) answers(ctx context.Context) error {
	parent := in.Object.Parent()
	if parent == nil {
		return nil
	}
	if err := in.sameThing(ctx, parent); err != nil || in.quiet || in.s.names.Ours(parent.ID) || parent.URL == "" || hostOf(parent.ID) != "" {
		return err
	}
	// Nobody can ask for a thing by a tag:, as GNU social names it. Its page can be had.
	_, err := in.s.ensure(ctx, parent)
	if err != nil && (lasting(err) || in.Attempts >= patience) {
		return nil
	}
	return err
}

// sameThing has a thing named by the id under which it is known here, where that is
// another one than the entry gives: its page, or the id on another network.
func (in *arriving) sameThing(ctx context.Context, o *vocab.Object) error {
	names := append([]string{o.ID, o.URL}, o.UpstreamDuplicates...)
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	known, err := in.s.db.Lookup(ctx, names...)
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.ContainsFunc(known[name], func(r models.Ref) bool { return r.Kind != models.KindActor }) {
			o.ID = name
			return nil
		}
	}
	return nil
}

// shared makes sure that what is shared is known, as its own server shows it. Where
// that does not, a copy is kept that nobody vouches for.
func (in *arriving) shared(ctx context.Context) error {
	o := in.Object
	if err := in.sameThing(ctx, o); err != nil {
		return err
	}
	there, err := in.s.ensure(ctx, o)
	if lasting(err) {
		// GNU social names its notices by tag:, and shows whole what is repeated.
		there, err = in.vouched(ctx)
	}
	switch {
	case err != nil && !lasting(err) && in.Attempts < patience:
		return err
	case there:
		in.Object = o.Ref()
	}
	return nil
}

// vouched takes what is shared for a post of its author where both are of one server,
// which speaks for the one as for the other, and reports whether it has.
func (in *arriving) vouched(ctx context.Context) (bool, error) {
	o := in.Object
	if o.Author == nil || !sameHost(o.Author.ID, in.Actor.ID) || hostOf(o.ID) != "" && !sameHost(o.ID, in.Actor.ID) || o.Type == "" || in.entry.Visibility() > atom.VisibleUnlisted {
		return false, nil
	}
	author, err := in.s.bridge.Resolve(ctx, o.Author.ID)
	if errors.Is(err, bridge.ErrUnknownAccount) || err == nil && author.Local {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	post := o.Clone()
	post.Author = author.Doc.Ref()
	_, err = in.s.bridge.Receive(ctx, bridge.Arrival{SenderID: author.ID, Network: Network, Verified: in.Verified, Quiet: true, Activity: &vocab.Activity{
		ID: o.ID, Verb: vocab.VerbPost, Actor: author.Doc.Ref(), Object: post, Published: o.Published, URL: o.URL,
		To: []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}}})
	if bridge.ReasonOf(err) != 0 {
		return false, nil
	}
	return err == nil, err
}

// ensure looks for a thing on its own server unless it is known here, and reports
// whether it is known then.
func (s *Server) ensure(ctx context.Context, o *vocab.Object) (bool, error) {
	if o.ID == "" || s.names.Ours(o.ID) {
		return true, nil
	}
	known, err := s.db.Lookup(ctx, o.ID)
	if err != nil {
		return false, err
	}
	for _, ref := range known[o.ID] {
		if ref.Kind != models.KindObject {
			return true, nil
		}
		thing, err := s.db.Object(ctx, ref.ID)
		if err != nil {
			return false, err
		}
		if thing.AuthorID != 0 || thing.ActivityID != 0 || !thing.Deleted.IsZero() {
			return true, nil
		}
	}
	address := firstOf(webAddress(o.ID), webAddress(o.URL))
	if address == "" {
		return false, notHad(o.ID, "nobody says where it is")
	}
	if err := s.bridge.RefuseHost(ctx, hostOf(address)); err != nil {
		return false, notHad(address, "%v", err)
	}
	found, err := s.fetch(ctx, address)
	if err != nil {
		return false, err
	}
	if found.Activity.Object == nil || found.Activity.Object.ID != o.ID {
		return false, notHad(address, "it is another thing than %s", o.ID)
	}
	author, err := s.bridge.Introduce(ctx, found.Author, nil)
	if err != nil {
		return false, err
	}
	_, err = s.bridge.Receive(ctx, bridge.Arrival{SenderID: author.ID, Activity: found.Activity, Network: Network, Verified: byOwner,
		ContentType: found.ContentType, Original: found.Original, Quiet: true})
	return err == nil, err
}

// updated takes in how somebody describes themselves now.
func (in *arriving) updated(ctx context.Context) error {
	if !vocab.IsActorType(in.Object.Type) && in.Object.ID != in.Actor.ID {
		return nil // the bridge sees whose thing it is
	}
	if in.Object.ID != in.Actor.ID {
		return notAllowed("%s cannot change the profile of another.", in.Actor.ID)
	}
	person := in.entry.By(nil)
	if o := in.entry.Object; o != nil && o.Profile != nil {
		person = o.Profile
	}
	if err := in.s.describe(ctx, in.by, person); err != nil {
		return err
	}
	in.Object = &vocab.Object{ID: in.by.Doc.ID, Type: in.by.Type}
	return nil
}

// describe stores the profile of somebody as they have signed it or show it in their
// feed, unless a better network tells of them.
func (s *Server) describe(ctx context.Context, actor *models.Actor, p *atom.Person) error {
	if better, err := s.onBetter(ctx, actor.ID); err != nil || better {
		return err
	}
	profile := s.decoder().Person(p)
	profile.ID, profile.Type = actor.Doc.ID, actor.Type
	profile.PreferredUsername, profile.URL = firstOf(actor.Doc.PreferredUsername, profile.PreferredUsername), firstOf(profile.URL, actor.Doc.URL)
	if same(profile, actor.Doc) {
		return nil
	}
	_, err := s.bridge.Introduce(ctx, &bridge.Account{Profile: profile}, nil)
	return err
}

// same reports whether two profiles show the same.
func same(a, b *vocab.Object) bool {
	picture := func(o *vocab.Object) string {
		if o.Image == nil {
			return ""
		}
		return o.Image.URL
	}
	where := func(o *vocab.Object) string {
		if o.Location == nil {
			return ""
		}
		return o.Location.DisplayName
	}
	return a.DisplayName == b.DisplayName && bridge.Text(a.Summary) == bridge.Text(b.Summary) && a.URL == b.URL && picture(a) == picture(b) && where(a) == where(b)
}

// leaveGroups takes those groups of ours out of the addresses of an entry that its
// author is not in: only members speak there, to whatever endpoint they send.
func (in *arriving) leaveGroups(ctx context.Context) error {
	switch in.Verb {
	case vocab.VerbJoin, vocab.VerbLeave, vocab.VerbFollow, vocab.VerbStopFollowing:
		return nil
	}
	foreign := func(g *models.Actor) (bool, error) {
		if !g.Local || g.Type != vocab.TypeGroup {
			return false, nil
		}
		edge, err := in.s.db.Edge(ctx, models.MemberOf, in.by.ID, g.ID)
		if errors.Is(err, models.ErrNotFound) {
			return true, nil
		}
		return err == nil && edge.State != models.InForce, err
	}
	if in.recipient != 0 {
		to, err := in.s.db.Actor(ctx, in.recipient)
		if err != nil {
			return err
		}
		if not, err := foreign(to); err != nil {
			return err
		} else if not {
			in.recipient = 0
		}
	}
	for _, list := range []*[]*vocab.Object{&in.To, &in.CC} {
		kept := make([]*vocab.Object, 0, len(*list))
		for _, o := range *list {
			not := false
			if in.s.names.Token(o.ID) != "" {
				g, err := in.s.db.ActorByIRI(ctx, o.ID)
				if err == nil {
					not, err = foreign(g)
				}
				if err != nil && !errors.Is(err, models.ErrNotFound) {
					return err
				}
			}
			if !not {
				kept = append(kept, o)
			}
		}
		*list = kept
	}
	return nil
}
