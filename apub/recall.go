package apub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"manifold/bridge"
	"manifold/models"
)

// recalled is how many members are read of a collection of another server, and
// recalledPages how many pages it may take to find them.
const (
	recalled      = 100
	recalledPages = 5
)

// Replies implements [bridge.Threader]: it reads the collection of that name.
func (s *Server) Replies(ctx context.Context, o *models.Object) ([]string, error) {
	return s.members(ctx, o.Doc.Feeds["replies"].URL, o.Doc.ID)
}

// Recent implements [bridge.Recaller]: it reads what an actor has pinned (Mastodon's
// featured), and the outbox. One that does not show either has nothing there.
func (s *Server) Recent(ctx context.Context, actor *models.Actor) ([]string, error) {
	presences, err := s.db.Presences(ctx, Network, actor.ID)
	if err != nil {
		return nil, err
	}
	id := presences[actor.ID].IRI
	pinned, err := s.members(ctx, actor.Doc.Feeds["featured"].URL, id)
	if err != nil {
		return nil, err
	}
	posted, err := s.members(ctx, actor.Doc.Feeds["outbox"].URL, id)
	return append(pinned, posted...), err
}

// members returns the ids of the first members of a collection that belongs to a
// thing or an actor of the same server. Of activities it is what they posted;
// those that posted nothing are left out. A collection that is not shown is empty.
func (s *Server) members(ctx context.Context, collection, owner string) ([]string, error) {
	var ids []string
	for range recalledPages {
		if collection == "" || !sameHost(collection, owner) || len(ids) >= recalled {
			break
		}
		f, err := s.fetchOnce(ctx, collection)
		if err != nil && lasting(err) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCollection, err)
		}
		page := f.doc.Collection
		if page == nil {
			break
		}
		next := page.First
		if page.Page != nil {
			ids, next = appendMembers(ids, page.Page.Items), page.Page.Next
		} else if len(page.Items) > 0 || next == "" {
			ids, next = appendMembers(ids, page.Items), page.Next
		}
		collection = next
	}
	return ids[:min(len(ids), recalled)], nil
}

var errCollection = errors.New("reading a collection of another server")

func appendMembers(ids []string, items []Item) []string {
	for _, item := range items {
		if id := postedBy(item); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// postedBy is the id of what a member of a collection is or has posted, "" for what
// else somebody did.
func postedBy(item Item) string {
	if item.Raw == nil {
		return item.ID
	}
	switch item.Type {
	case "Create":
		var activity struct {
			Object json.RawMessage `json:"object"`
		}
		var object struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(item.Raw, &activity) != nil {
			return ""
		}
		if json.Unmarshal(activity.Object, &object.ID) != nil {
			_ = json.Unmarshal(activity.Object, &object) // what is neither has no id
		}
		return object.ID
	case "Announce", "Like", "Follow", "Delete", "Update", "Undo", "Add", "Remove", "Block", "Accept", "Reject":
		return ""
	}
	return item.ID
}

var (
	_ bridge.Threader = (*Server)(nil)
	_ bridge.Recaller = (*Server)(nil)
)
