package pumpapi

import (
	"errors"
	"net/http"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// activity returns the activity that a path names, or the parameter id, whoever
// may see it.
func (a *API) activity(r *http.Request) (*models.Activity, error) {
	id := queryID(r.URL)
	if uuid := pathValue(r, "uuid"); uuid != "" {
		id = a.names.Thing(vocab.TypeActivity, uuid)
	} else if id == "" {
		return nil, refuse(http.StatusBadRequest, "'id' required")
	}
	activity, err := a.db.ActivityByIRI(r.Context(), id)
	if errors.Is(err, models.ErrNotFound) {
		return nil, refuse(http.StatusNotFound, "Can't find an activity with id %s", id)
	}
	return activity, err
}

func (a *API) getActivity(w http.ResponseWriter, r *http.Request, c *caller) error {
	activity, err := a.activity(r)
	if err != nil {
		return err
	}
	ok, err := a.db.MaySeeActivity(r.Context(), c.viewer(), activity.ID)
	switch {
	case err != nil:
		return err
	case !ok && c.client == nil && c.actorID == 0:
		return refuse(http.StatusUnauthorized, "Not logged in.")
	case !ok:
		return refuse(http.StatusForbidden, "Only the actor and recipients can view this activity.")
	case !activity.Deleted.IsZero():
		return refuse(http.StatusGone, "Deleted")
	}
	return a.answerActivity(w, r, c, activity)
}

// putActivity changes what an activity says about itself. What it did stays
// done, and whom it was addressed to stays so: it has been sent.
func (a *API) putActivity(w http.ResponseWriter, r *http.Request, c *caller) error {
	data, err := body(w, r)
	if err != nil {
		return err
	}
	patch, err := DecodeActivity(data)
	if err != nil {
		return err
	}
	bridge.SanitizeActivity(patch)
	changed, err := a.changeActivity(r, c, func(doc *vocab.Activity) *vocab.Activity {
		d := *doc
		d.Updated = a.now().UTC()
		setIf(&d.Title, patch.Title)
		setIf(&d.Content, patch.Content)
		if patch.Location != nil {
			d.Location = patch.Location
		}
		d.Extra = vocab.MergeExtra(doc.Extra, patch.Extra)
		return &d
	})
	if err != nil {
		return err
	}
	return a.answerActivity(w, r, c, changed)
}

func setIf(dest *string, s string) {
	if s != "" {
		*dest = s
	}
}

// deleteActivity leaves a tombstone of an activity. What it did stays done.
func (a *API) deleteActivity(w http.ResponseWriter, r *http.Request, c *caller) error {
	now := a.now().UTC()
	_, err := a.changeActivity(r, c, func(doc *vocab.Activity) *vocab.Activity { return doc.Tombstone(now) })
	if err != nil {
		return err
	}
	text(w, r, "Deleted")
	return nil
}

func (a *API) changeActivity(r *http.Request, c *caller, change func(*vocab.Activity) *vocab.Activity) (*models.Activity, error) {
	activity, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	if activity.ActorID != c.actorID {
		return nil, refuse(http.StatusForbidden, "Only the actor can modify this object.")
	}
	ctx := r.Context()
	var changed *models.Activity
	err = a.db.Write(ctx, func(tx *models.Tx) error {
		if err := a.rememberWrite(c)(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Position(ctx); err != nil {
			return err
		}
		if changed, err = tx.Activity(ctx, activity.ID); err != nil {
			return err
		}
		if !changed.Deleted.IsZero() {
			return refuse(http.StatusGone, "Deleted")
		}
		changed.Doc = change(changed.Doc)
		changed.Updated, changed.Deleted = changed.Doc.Updated, changed.Doc.Deleted
		return tx.UpdateActivity(ctx, changed)
	})
	return changed, err
}
