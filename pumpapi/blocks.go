package pumpapi

import (
	"context"
	"net/http"

	"manifold/models"
	"manifold/models/vocab"
)

// getBlocks lists whom the caller blocks. Nobody else is told.
func (a *API) getBlocks(w http.ResponseWriter, r *http.Request, c *caller) error {
	owner, err := a.own(r, c)
	if err != nil {
		return err
	}
	total, err := a.db.CountBlocks(r.Context(), owner.ID)
	if err != nil {
		return err
	}
	return a.servePeople(w, r, c, people{
		title: "Blocked by " + nameOf(owner), total: total, owner: owner,
		edges: func(p models.Page) ([]models.Edge, error) {
			return a.db.EdgesFrom(r.Context(), models.Blocks, owner.ID, p)
		},
		named: func(text string, p models.Page) ([]models.Edge, error) {
			return a.db.NamedEdgesFrom(r.Context(), models.Blocks, owner.ID, text, p)
		},
		end: func(e models.Edge) int64 { return e.TargetID },
		edge: func(ctx context.Context, id int64) (*models.Edge, error) {
			return a.db.Edge(ctx, models.Blocks, owner.ID, id)
		},
	})
}

// postBlocks blocks whoever the body names. The verb unblock ends that.
func (a *API) postBlocks(w http.ResponseWriter, r *http.Request, c *caller) error {
	activity, err := a.postVerb(w, r, c, vocab.VerbBlock)
	if err != nil {
		return err
	}
	v := a.newView(c.viewer())
	if err := v.load(r.Context(), nil, nil, []int64{activity.Object.ID}); err != nil {
		return err
	}
	answer(w, r, func(out *writer) { v.person(out, activity.Object.ID, activity.Doc.Object, true) })
	return nil
}
