package bridge

import (
	"context"
	"encoding/json"
	"slices"

	"manifold/models"
	"manifold/models/vocab"
)

// ForwardReport tells the servers of those elsewhere whom a report is about of it, and
// returns who they are. It is told in the name of this server, so that whoever made the
// report stays unnamed. It returns [models.ErrNotFound] where there is no such report.
func (b *Bridge) ForwardReport(ctx context.Context, id int64) (people []*models.Actor, err error) {
	err = b.db.Write(ctx, func(tx *models.Tx) error {
		people = nil
		report, err := tx.Report(ctx, id)
		if err != nil {
			return err
		}
		server, err := b.siteActor(ctx, tx)
		if err != nil {
			return err
		}
		objects, err := tx.Objects(ctx, report.Objects...)
		if err != nil {
			return err
		}
		reported := slices.Clone(report.Actors)
		things := map[int64][]string{}
		for _, o := range objects {
			reported = append(reported, o.AuthorID)
			things[o.AuthorID] = append(things[o.AuthorID], o.Doc.ID)
		}
		slices.Sort(reported)
		for _, actor := range slices.Compact(reported) {
			told, err := b.forwardReport(ctx, tx, server, report, actor, things[actor])
			if err != nil {
				return err
			}
			if told != nil {
				people = append(people, told)
			}
		}
		if len(people) == 0 {
			return invalid("Nobody whom the report is about is on a server elsewhere that takes reports.")
		}
		return nil
	})
	return people, err
}

// forwardReport tells the server of one person, and returns nil where it takes none:
// networks where a follow is asked for have reports, the others would show one as
// something that was said.
func (b *Bridge) forwardReport(ctx context.Context, tx *models.Tx, server *models.Actor, report *models.Report, id int64, things []string) (*models.Actor, error) {
	actor, err := tx.Actor(ctx, id)
	if err != nil || actor.Local || actor.State == models.Deleted {
		return nil, err
	}
	known, err := tx.PresencesOf(ctx, id)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(b.networks, func(n Network) bool { return n.Confirms() && known[n.Name()].Inbox != "" }) {
		return nil, nil
	}
	flag := &vocab.Activity{Verb: vocab.VerbFlag, Object: actor.Doc.Ref(), To: []*vocab.Object{actor.Doc.Ref()}, Extra: map[string]json.RawMessage{}}
	members := map[string]any{"content": Text(report.Content)}
	if len(things) > 0 {
		slices.Sort(things)
		members["object"] = things
	}
	for name, value := range members {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		flag.Extra[vocab.NSAS2+name] = raw
	}
	op := newOperation(b, tx, server, flag)
	op.quiet, op.because = true, true
	return actor, op.run(ctx)
}
