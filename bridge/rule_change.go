package bridge

import (
	"context"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareUpdate checks that the thing is the actor's own, or the actor itself.
func (op *operation) prepareUpdate(context.Context) error {
	o := op.doc.Object
	switch {
	case op.object.actor != nil && op.object.actor.Type == vocab.TypeGroup && op.object.actor.AuthorID == op.actor.ID:
	case op.object.actor != nil && op.object.actor.ID != op.actor.ID:
		return notAllowed("Can't update %s: not you.", o.ID)
	case op.object.actor != nil:
	case op.object.activity != nil:
		return invalid("Can't update %s: it is an activity. Update its object instead.", o.ID)
	case op.object.object == nil:
		return missing(firstOf(o.Type, "object"), o.ID)
	case !op.object.object.Deleted.IsZero():
		return gone(op.object.object)
	case op.object.object.AuthorID != op.actor.ID:
		return notAllowed("Can't update %s: not author.", o.ID)
	}
	op.patch = o
	doc := op.object.doc()
	op.doc.Object = &vocab.Object{ID: doc.ID, Type: doc.Type, DisplayName: firstOf(o.DisplayName, doc.DisplayName), URL: doc.URL}
	return nil
}

// applyUpdate merges what the activity gives into the thing.
func (op *operation) applyUpdate(ctx context.Context) error {
	if op.object.actor != nil {
		return op.updateActor(ctx)
	}
	row, err := op.reread(ctx)
	if err != nil {
		return err
	}
	doc, ok := op.merged(row.Doc)
	if !ok {
		return nil
	}
	row.Doc, row.Updated = doc, op.now
	return op.tx.UpdateObject(ctx, row)
}

func (op *operation) updateActor(ctx context.Context) error {
	actor, err := op.tx.Actor(ctx, op.object.actor.ID)
	if err != nil {
		return err
	}
	doc, ok := op.merged(actor.Doc)
	if !ok {
		return nil
	}
	doc.PreferredUsername, doc.URL = actor.Doc.PreferredUsername, actor.Doc.URL
	actor.Doc, actor.Updated = doc, op.now
	op.object.actor = actor
	if err := op.tx.UpdateActor(ctx, actor); err != nil {
		return err
	}
	return op.publishPictures(ctx, doc)
}

// merged returns the document with what the activity gives, or false for the
// update of another server that was overtaken by a later one.
func (op *operation) merged(old *vocab.Object) (*vocab.Object, bool) {
	doc := old.Merge(op.patch)
	doc.Updated = op.now
	if !op.local {
		doc.Updated = orNow(op.patch.Updated, op.now)
	}
	return doc, op.local || !doc.Updated.Before(old.Updated)
}

// publishPictures lets everybody fetch the uploads that a profile shows:
// clients fetch avatars without credentials.
func (op *operation) publishPictures(ctx context.Context, doc *vocab.Object) error {
	if !op.local {
		return nil
	}
	var paths []string
	for _, m := range []*vocab.Media{doc.Image, doc.FullImage} {
		if m == nil {
			continue
		}
		if path := op.b.names.UploadPath(m.URL); path != "" {
			paths = append(paths, path)
		}
	}
	return op.tx.PublishUploads(ctx, op.actor.ID, paths...)
}

// prepareDelete checks that the thing is the actor's own.
func (op *operation) prepareDelete(context.Context) error {
	o := op.doc.Object
	switch {
	case op.object.actor != nil && op.object.actor.ID == op.actor.ID:
		return notAllowed("Can't delete %s: an account is deleted as a whole, by DELETE %s.", o.ID, op.b.names.User(op.actor.Nickname))
	case op.object.actor != nil:
		return notAllowed("Can't delete %s: not author.", o.ID)
	case op.object.activity != nil:
		return invalid("Can't delete %s: it is an activity. Delete its object instead.", o.ID)
	case op.object.object == nil:
		return missing(firstOf(o.Type, "object"), o.ID)
	case op.object.object.AuthorID != op.actor.ID:
		return notAllowed("Can't delete %s: not author.", o.ID)
	case !op.object.object.Deleted.IsZero():
		return gone(op.object.object)
	}
	doc := op.object.object.Doc
	op.doc.Object = &vocab.Object{ID: doc.ID, Type: doc.Type, DisplayName: doc.DisplayName, URL: doc.URL}
	return nil
}

// applyDelete leaves a tombstone, and takes away everything that showed what
// the thing was.
func (op *operation) applyDelete(ctx context.Context) error {
	row, err := op.reread(ctx)
	if err != nil {
		return err
	}
	row.Doc = row.Doc.Tombstone(op.now)
	row.Deleted, row.Updated = op.now, op.now
	if err := op.tx.UpdateObject(ctx, row); err != nil {
		return err
	}
	if row.ParentID != 0 && row.ActivityID != 0 {
		if err := op.tx.CountObject(ctx, row.ParentID, models.CountReplies, -1); err != nil {
			return err
		}
	}
	if row.ListOf == vocab.TypePerson {
		if err := op.tx.Count(ctx, op.actor.ID, models.CountLists, -1); err != nil {
			return err
		}
	}
	if err := op.tx.RemoveOriginals(ctx, row.ID, row.ActivityID); err != nil {
		return err
	}
	return op.removeFiles(ctx, row.ID)
}

func (op *operation) removeFiles(ctx context.Context, object int64) error {
	paths, err := op.tx.UploadsOf(ctx, object)
	if err != nil || len(paths) == 0 {
		return err
	}
	op.addJob(removeFilesArgs{Paths: paths})
	return op.tx.RemoveUploads(ctx, paths...)
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
