package ostatus

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"slices"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// news are the activities of a document that are not known here, oldest first, with
// their entries. What was published before since is the past, and no news to anybody;
// what is known as such, and turns out to be new, is told after all, and what is known
// but was changed since counts as new. Those of our own
// people, which come back in the feeds of groups, are known.
func (s *Server) news(ctx context.Context, doc *atom.Document, since time.Time) ([]*arriving, error) {
	var found []*arriving
	var done []*vocab.Activity
	for _, e := range doc.Entries() {
		a, err := s.decoder().Entry(e, doc.Feed)
		if err != nil || s.names.Ours(a.ID) || s.names.Ours(a.Actor.ID) || !believed(a.Verb) {
			continue
		}
		found = append(found, &arriving{s: s, entry: e, Activity: a, quiet: a.Published.Before(since)})
		done = append(done, a)
	}
	if err := s.tellApart(ctx, done...); err != nil {
		return nil, err
	}
	names := make([]string, len(done))
	for i, a := range done {
		names[i] = a.ID
	}
	rows, err := s.rowsOf(ctx, models.KindActivity, names)
	if err != nil {
		return nil, err
	}
	activities, err := s.db.Activities(ctx, values(rows)...)
	if err != nil {
		return nil, err
	}
	var things []int64
	for _, a := range activities {
		if a.Object.Kind == models.KindObject {
			things = append(things, a.Object.ID)
		}
	}
	objects, err := s.db.Objects(ctx, things...)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(in *arriving) bool {
		row, ok := rows[in.Activity.ID]
		old := activities[row]
		if old != nil && changedSince(in.Activity, objects[old.Object.ID]) {
			return false
		}
		return ok && (in.quiet || old == nil || !old.Quiet)
	})
	slices.Reverse(found)
	return found, nil
}

// since is from when on what a feed shows is news. A hub pushes what is new, whatever
// the clock of its server says.
func since(verified string, row *models.Subscription) time.Time {
	if verified == byHub {
		return time.Time{}
	}
	return row.Created.Truncate(time.Second)
}

// believed reports whether what a feed says by a verb is done. Whom somebody follows
// stands there too, for ever, and GNU social shows follows that have ended as something
// else: of those only what was sent and signed counts. Words that mean nothing
// to us are shown as what they are.
func believed(verb string) bool {
	switch verb {
	case vocab.VerbFollow, vocab.VerbStopFollowing, vocab.VerbJoin, vocab.VerbLeave, vocab.VerbBlock, vocab.VerbUnblock, vocab.VerbUpdate,
		vocab.VerbAccept, vocab.VerbReject, vocab.VerbAuthorize, vocab.VerbDeny, verbTag, verbUntag:
		return false
	}
	return true
}

// processFeed deals with what is new in a feed, each entry on its own: one that is
// refused keeps none of the others away. What has been dealt with before changes
// nothing.
func (s *Server) processFeed(ctx context.Context, a *bridge.Arrived, owner *models.Actor) error {
	row, err := s.db.SubscriptionTo(ctx, owner.ID)
	if errors.Is(err, models.ErrNotFound) {
		row, err = &models.Subscription{}, nil
	}
	if err != nil {
		return err
	}
	doc, err := atom.Decode(a.Bytes, atom.DecodeOptions{Address: row.Feed})
	if err != nil || doc.Feed == nil {
		return notValid("The feed cannot be read: %v.", err)
	}
	news, err := s.news(ctx, doc, since(a.Verified, row))
	if err != nil {
		return err
	}
	group := ""
	if owner.Type == vocab.TypeGroup {
		presences, err := s.db.Presences(ctx, Network, owner.ID)
		if err != nil {
			return err
		}
		group = presences[owner.ID].IRI
	}
	if by := doc.Feed.Owner(); group == "" && by != nil {
		if err := s.describedIn(ctx, by, owner); err != nil {
			return err
		}
	}
	for i, in := range news {
		in.Arrived = a
		in.original = alone(a.Bytes, slices.Index(doc.Entries(), in.entry))
		err := in.author(ctx, owner, group)
		if err == nil {
			var within func(context.Context, *models.Tx) error
			if i == len(news)-1 {
				within = s.bridge.Settled(a)
			}
			err = in.receive(ctx, within)
		}
		if err != nil && bridge.ReasonOf(err) == 0 {
			return err // the others are known the next time
		}
		if err != nil {
			s.log.Info("refused an entry of a feed", "feed", row.Feed, "entry", in.entry.ID, "error", err)
		}
	}
	return nil
}

// describedIn takes a new profile from a feed, if it says whose it is and that is its
// owner.
func (s *Server) describedIn(ctx context.Context, p *atom.Person, owner *models.Actor) error {
	known, err := s.db.ActorByIRI(ctx, p.Identity())
	if errors.Is(err, models.ErrNotFound) || err == nil && known.ID != owner.ID {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.describe(ctx, known, p); bridge.ReasonOf(err) == 0 {
		return err
	}
	return nil
}

// author finds out whose an entry is. In the feed of a person all is of the person; what
// it shows of others is not believed. In the feed of a group everybody speaks: what the
// server of the group says of people on other servers is taken for their posts as far
// as those people are there, and for nothing else that they would have done. group is
// the URI of the group, "" for a person.
func (in *arriving) author(ctx context.Context, owner *models.Actor, group string) error {
	uri := in.Actor.ID
	by, err := in.s.db.ActorByIRI(ctx, uri)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if err == nil && by.ID == owner.ID {
		in.by = by
		return nil
	}
	if group == "" {
		return notAllowed("The entry is by %s, and not by %s, whose feed it is in.", uri, owner.Doc.ID)
	}
	if !sameHost(uri, group) && in.Verb != vocab.VerbPost {
		return notAllowed("The group %s cannot say that %s did this.", owner.Doc.ID, uri)
	}
	if err != nil {
		by, err = in.s.bridge.Resolve(ctx, uri)
		switch {
		case errors.Is(err, bridge.ErrUnknownAccount), errors.Is(err, bridge.ErrHostBlocked), err != nil && in.Attempts >= patience:
			return &bridge.Error{Reason: bridge.Missing, Text: "The author " + uri + " is not to be found: " + err.Error()}
		case err != nil:
			return err
		}
	}
	if by.Local {
		return notAllowed("%s is of this server, and does not speak through others.", uri)
	}
	in.by, in.hearsay = by, !sameHost(uri, group)
	in.Actor = by.Doc.Ref()
	if in.Object != nil && in.Object.Author != nil && in.Object.Author.ID == uri {
		in.Object.Author = by.Doc.Ref()
	}
	return in.addressGroup(ctx, owner)
}

// addressGroup has an entry of the feed of a group be addressed to the group, whether it
// says so or not.
func (in *arriving) addressGroup(ctx context.Context, group *models.Actor) error {
	var names []string
	for _, to := range in.To {
		names = append(names, to.ID)
	}
	known, err := in.s.db.Lookup(ctx, names...)
	if err != nil {
		return err
	}
	for _, refs := range known {
		if slices.Contains(refs, models.Ref{Kind: models.KindActor, ID: group.ID}) {
			return nil
		}
	}
	in.To = append(in.To, group.Doc.Ref())
	return nil
}

// alone returns a feed with only the i-th of its entries, byte for byte as it came:
// what is kept of each. Elements between and behind entries are left out.
func alone(feed []byte, i int) []byte {
	d := xml.NewDecoder(bytes.NewReader(feed))
	d.Strict = false
	var head, begin int64 = -1, 0
	depth, n := 0, -1
	for {
		before := d.InputOffset()
		t, err := d.RawToken()
		if err != nil {
			return feed // it is in another encoding
		}
		switch e := t.(type) {
		case xml.StartElement:
			depth++
			if depth == 2 && e.Name.Local == "entry" {
				if n++; head < 0 {
					head = before
				}
				begin = before
			}
		case xml.EndElement:
			depth--
			if depth == 1 && e.Name.Local == "entry" && n == i {
				end := d.InputOffset()
				tail := bytes.LastIndex(feed, []byte("</"))
				if n == 0 && begin == head && tail < int(end) {
					return feed
				}
				return slices.Concat(feed[:head], feed[begin:end], feed[tail:])
			}
		}
	}
}
