package ostatus

import (
	"context"
	"errors"
	"slices"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// Publish implements [bridge.Publisher]: what is for everybody stands in the feed of
// its author, and in those of the groups of ours that it is addressed to.
func (s *Server) Publish(ctx context.Context, tx *models.Tx, a *models.Activity) (bool, error) {
	kind := feedKind(a)
	switch {
	case a.Verb == vocab.VerbDelete && a.Object.Kind == models.KindActor:
		return true, s.publishEnd(ctx, tx, a.Object.ID)
	case kind == notInFeeds:
		return !needsTelling(a), nil
	}
	if !forEverybody(a) {
		return kind != somethingNew, nil
	}
	topics, err := s.topicsOf(ctx, tx, a, kind)
	if err != nil || len(topics) == 0 {
		return true, err
	}
	id := a.ID
	if a.Verb == vocab.VerbUpdate {
		// A feed has no updates: the entry of the post is another by now.
		o, err := tx.Object(ctx, a.Object.ID)
		if err != nil {
			return false, err
		}
		if id = o.ActivityID; id == 0 {
			return true, nil
		}
	}
	if err := tx.AddHubPublications(ctx, id, s.now(), topics...); err != nil {
		return false, err
	}
	tasks := make([]bridge.Task, len(topics))
	for i, topic := range topics {
		tasks[i] = bridge.Task{Network: Network, Kind: taskPublish, Subject: topic, Delivers: true}
	}
	return true, s.bridge.AddTasks(ctx, tx, tasks...)
}

// publishEnd has the subscriptions to the feed of somebody end who is no more.
func (s *Server) publishEnd(ctx context.Context, tx *models.Tx, owner int64) error {
	topics, err := tx.HubTopics(ctx, owner)
	if err != nil || topics[owner] == "" {
		return err
	}
	return s.bridge.AddTasks(ctx, tx, bridge.Task{Network: Network, Kind: taskPublish, Subject: topics[owner]})
}

// inFeeds is what an activity is to those who read feeds.
type inFeeds int

const (
	// notInFeeds is for what concerns nobody but those whom it names.
	notInFeeds inFeeds = iota
	// somethingNew is for what they get to see.
	somethingNew
	// somethingChanged is for what happens to that afterwards. Who has not got the
	// one need not hear of the other.
	somethingChanged
	// somethingSaid is for what somebody says about a thing of somebody: it stands in
	// their feed, not in those of groups.
	somethingSaid
)

// feedKind tells what an activity is to those who read feeds.
func feedKind(a *models.Activity) inFeeds {
	by := a.Doc.Actor
	switch {
	case by != nil && by.Type == vocab.TypeGroup:
		return notInFeeds // what groups pass on stands in their feeds itself
	case a.Verb == vocab.VerbUnshare:
		return somethingChanged
	case a.Object.Kind != models.KindObject || a.Doc.Object == nil || a.Doc.Object.Type == vocab.TypeCollection:
		return notInFeeds
	}
	switch a.Verb {
	case vocab.VerbPost, vocab.VerbCreate, vocab.VerbShare:
		return somethingNew
	case vocab.VerbUpdate, vocab.VerbDelete:
		return somethingChanged
	case vocab.VerbFavorite, vocab.VerbLike:
		return somethingSaid
	}
	return notInFeeds
}

// needsTelling reports whether those who follow somebody by the feed have to be told
// of something that is not in it: GNU social takes a new profile from the author of
// the next entry, or at once where it is told.
func needsTelling(a *models.Activity) bool {
	return a.Verb == vocab.VerbUpdate && a.Object == models.Ref{Kind: models.KindActor, ID: a.ActorID}
}

// forEverybody reports whether an activity, and what it is about, is for everybody:
// nothing else is ever sent on this network.
func forEverybody(a *models.Activity) bool {
	return a.Visibility != models.Limited && a.ObjectPost == 0
}

// topicsOf returns the feeds with subscribers that an activity stands in.
func (s *Server) topicsOf(ctx context.Context, tx *models.Tx, a *models.Activity, kind inFeeds) ([]string, error) {
	var owners []int64
	if a.Local {
		owners = append(owners, a.ActorID)
	}
	for _, to := range a.Audience {
		if to.Kind == models.AudienceGroup && kind != somethingSaid && !slices.Contains(owners, to.ID) {
			owners = append(owners, to.ID)
		}
	}
	if len(owners) == 0 {
		return nil, nil
	}
	found, err := tx.HubTopics(ctx, owners...)
	if err != nil {
		return nil, err
	}
	var topics []string
	for _, owner := range owners {
		topic := found[owner]
		if topic == "" {
			continue
		}
		if owner != a.ActorID {
			member, err := isMember(ctx, tx, a.ActorID, owner)
			if err != nil {
				return nil, err
			}
			if !member {
				continue
			}
		}
		topics = append(topics, topic)
	}
	return topics, nil
}

// isMember reports whether somebody is in a group: what others send to it is not
// passed on.
func isMember(ctx context.Context, tx *models.Tx, actor, group int64) (bool, error) {
	edge, err := tx.Edge(ctx, models.MemberOf, actor, group)
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	return err == nil && edge.State == models.InForce, err
}

// publication writes what was published in the feed of somebody as a document with
// that alone, and nothing where it is not to be seen any more.
func (s *Server) publication(ctx context.Context, owner *models.Actor, id int64) ([]byte, error) {
	a, err := s.db.Activity(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	objects, err := s.db.Objects(ctx, a.Object.ID)
	if err != nil {
		return nil, err
	}
	o := objects[a.Object.ID]
	if isEntry(a, o) {
		s.rendered()
		return s.render(ctx, owner, a)
	}
	kind := feedKind(a)
	switch {
	case o == nil || !a.Deleted.IsZero(), kind == somethingSaid && !o.Deleted.IsZero(), kind != somethingSaid && kind != somethingChanged:
		return nil, nil
	}
	actors, err := s.db.Actors(ctx, a.ActorID, owner.ID)
	if err != nil || actors[a.ActorID] == nil {
		return nil, err
	}
	doc := *a.Doc
	doc.Object = o.Doc
	entry, err := (&Encoder{Names: s.names}).Entry(&doc, actors[a.ActorID].Doc, "")
	if errors.Is(err, ErrNotExpressible) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if a.ActorID == owner.ID {
		entry.Author = nil
	}
	p := &page{names: s.names, changed: later(a.Updated, a.Published), actors: actors}
	feed := s.head(p, owner)
	feed.Entries = []*atom.Entry{entry}
	s.rendered()
	return feed.Encode()
}
