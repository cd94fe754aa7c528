package apub

import (
	"context"
	"strings"

	"manifold/models"
	"manifold/models/vocab"
)

// roll collects whom documents name.
type roll struct {
	rows  map[int64]bool
	names map[string]bool
}

// people finds everybody elsewhere whom activities and objects name, by a number of
// queries that does not depend on how many they are.
func (s *Server) people(ctx context.Context, activities []*models.Activity, objects []*models.Object) (People, error) {
	n := roll{map[int64]bool{}, map[string]bool{}}
	for _, a := range activities {
		n.activity(a)
	}
	for _, o := range objects {
		n.object(o)
	}
	var names []string
	for name := range n.names {
		if !s.names.Ours(name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		known, err := s.db.Lookup(ctx, names...)
		if err != nil {
			return nil, err
		}
		for _, refs := range known {
			for _, ref := range refs {
				if ref.Kind == models.KindActor {
					n.rows[ref.ID] = true
				}
			}
		}
	}
	found := People{}
	err := s.eachPresence(ctx, n.rows, func(a *models.Actor, p models.Presence) { found.add(a, p) })
	return found, err
}

// eachPresence calls f for each of the actors that is on this network at another
// server.
func (s *Server) eachPresence(ctx context.Context, rows map[int64]bool, f func(*models.Actor, models.Presence)) error {
	delete(rows, 0)
	if len(rows) == 0 {
		return nil
	}
	ids := make([]int64, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	presences, err := s.db.Presences(ctx, Network, ids...)
	if err != nil || len(presences) == 0 {
		return err
	}
	ids = ids[:0]
	for id, p := range presences {
		if p.IRI != "" {
			ids = append(ids, id)
		}
	}
	actors, err := s.db.Actors(ctx, ids...)
	if err != nil {
		return err
	}
	for id, a := range actors {
		f(a, presences[id])
	}
	return nil
}

func (n roll) activity(a *models.Activity) {
	n.rows[a.ActorID] = true
	for _, ref := range []models.Ref{a.Object, a.Target} {
		if ref.Kind == models.KindActor {
			n.rows[ref.ID] = true
		}
	}
	for _, to := range a.Audience {
		switch to.Kind {
		case models.AudienceActor, models.AudienceFollowers, models.AudienceGroup:
			n.rows[to.ID] = true
		}
	}
	for inner := a.Doc.Inner; inner != nil; inner = inner.Inner {
		for _, o := range []*vocab.Object{inner.Actor, inner.Object} {
			if o != nil && o.ID != "" {
				n.names[o.ID] = true
			}
		}
	}
}

func (n roll) object(o *models.Object) {
	n.rows[o.AuthorID] = true
	if o.AuthorID == 0 && o.Doc.Author != nil && o.Doc.Author.ID != "" {
		n.names[o.Doc.Author.ID] = true
	}
	for _, tag := range o.Doc.Tags {
		if vocab.IsActorType(tag.Type) && tag.ID != "" {
			n.names[tag.ID] = true
		}
	}
}

// add notes somebody under the id that the vocabulary has for them, and under that
// of their followers.
func (people People) add(a *models.Actor, p models.Presence) {
	person := Person{IRI: p.IRI, Handle: handleOf(a), Followers: a.Doc.Feeds["followers"].URL, Page: a.Doc.URL}
	people[a.Doc.ID] = person
	if person.Followers != "" {
		people[person.Followers] = person
	}
}

// handleOf is the address of an account elsewhere, "" where it has none.
func handleOf(a *models.Actor) string {
	if acct, ok := strings.CutPrefix(a.Doc.ID, "acct:"); ok {
		return acct
	}
	if a.Nickname == "" || a.Host == "" {
		return ""
	}
	return a.Nickname + "@" + a.Host
}

// iris returns the ids that actors, ours and others, have on this network. Who is
// not on it is missing from the answer.
func (s *Server) iris(ctx context.Context, ids ...int64) (map[int64]string, error) {
	found := make(map[int64]string, len(ids))
	presences, err := s.db.Presences(ctx, Network, ids...)
	if err != nil {
		return nil, err
	}
	var rest []int64
	for _, id := range ids {
		if p := presences[id]; p.IRI != "" {
			found[id] = p.IRI
		} else {
			rest = append(rest, id)
		}
	}
	actors, err := s.db.Actors(ctx, rest...)
	if err != nil {
		return nil, err
	}
	for id, a := range actors {
		if a.Local && a.State == models.Active {
			found[id] = actorIRI(s.names, a)
		}
	}
	return found, nil
}
