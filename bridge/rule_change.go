package bridge

import (
	"context"
	"strings"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// prepareUpdate checks that the thing is the actor's own, or the actor itself.
func (op *operation) prepareUpdate(context.Context) error {
	o := op.doc.Object
	switch {
	case isGroup(op.object) && op.object.actor.ID != op.actor.ID && op.object.actor.AuthorID != op.actor.ID:
		return notAllowed("Can't update %s: not author.", o.ID)
	case op.object.actor != nil && op.object.actor.State == models.Deleted:
		return goneActor(op.object.actor)
	case isGroup(op.object):
		o.Links = nil // they are those of an actor, which others deliver to
	case op.object.actor != nil && op.object.actor.ID != op.actor.ID:
		return notAllowed("Can't update %s: not you.", o.ID)
	case op.object.actor != nil:
	case op.object.activity != nil:
		return invalid("Can't update %s: it is an activity. Update its object instead.", o.ID)
	case op.object.object == nil && !op.local:
		return unfetched(firstOf(o.Type, "object"), o.ID)
	case op.object.object == nil:
		return missing(firstOf(o.Type, "object"), o.ID)
	case !op.object.object.Deleted.IsZero():
		return gone(op.object.object)
	case op.object.object.AuthorID == 0 && op.object.object.ActivityID == 0 && !op.local:
		return unfetched(op.object.object.Type, o.ID)
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
	if op.recount {
		return op.keepCopy(ctx)
	}
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
	if err := op.relist(ctx, row); err != nil {
		return err
	}
	if err := op.keepCopy(ctx); err != nil {
		return err
	}
	return op.tx.UpdateObject(ctx, row)
}

// keepCopy keeps a thing of elsewhere as it came with its last change, beside the
// activity that it came with.
func (op *operation) keepCopy(ctx context.Context) error {
	if op.object.object == nil || op.original == nil || len(op.original.Bytes) == 0 {
		return nil
	}
	latest := *op.original
	latest.RefID, latest.Received = op.object.object.ID, op.now
	if err := op.tx.RemoveOriginals(ctx, latest.RefID); err != nil {
		return err
	}
	return op.tx.InsertOriginal(ctx, &latest, false)
}

// relist makes a collection the list that its new name and type make it, or
// none any more.
func (op *operation) relist(ctx context.Context, row *models.Object) error {
	if !op.local || row.Type != vocab.TypeCollection {
		return nil
	}
	before := row.ListOf
	row.ListOf = listOf(row.Doc)
	if err := op.uniqueList(ctx, row); err != nil {
		return err
	}
	if before == row.ListOf {
		return nil
	}
	if row.Position == 0 {
		var err error
		if row.Position, err = op.tx.Position(ctx); err != nil {
			return err
		}
	}
	if n := countedList(row.ListOf) - countedList(before); n != 0 {
		return op.tx.Count(ctx, op.actor.ID, models.CountLists, n)
	}
	return nil
}

// countedList is what a list adds to the number that a profile shows, which is
// that of the lists of people.
func countedList(listOf string) int {
	if listOf == vocab.TypePerson {
		return 1
	}
	return 0
}

func (op *operation) updateActor(ctx context.Context) error {
	actor, err := op.rereadActor(ctx)
	if err != nil {
		return err
	}
	doc, ok := op.merged(actor.Doc)
	if !ok {
		return nil
	}
	doc.PreferredUsername = actor.Doc.PreferredUsername
	if op.local || doc.URL == "" {
		doc.URL = actor.Doc.URL
	}
	for name, feed := range op.patch.Feeds {
		if doc.Feeds == nil {
			doc.Feeds = map[string]vocab.Feed{}
		}
		doc.Feeds[name] = feed
	}
	actor.Doc, actor.Updated = doc, op.now
	if err := op.tx.UpdateActor(ctx, actor); err != nil {
		return err
	}
	return op.publishPictures(ctx, doc)
}

// rereadActor reads the object again, where that is an actor.
func (op *operation) rereadActor(ctx context.Context) (*models.Actor, error) {
	actor, err := op.tx.Actor(ctx, op.object.actor.ID)
	if err != nil {
		return nil, err
	}
	if actor.State == models.Deleted {
		return nil, goneActor(actor)
	}
	op.object.actor = actor
	return actor, nil
}

func goneActor(a *models.Actor) error {
	return &Error{Reason: Gone, Text: "Deleted", Subject: a.Type, ID: a.Doc.ID}
}

// merged returns the document with what the activity gives, or false for the
// update of another server that was overtaken by a later one. A network whose
// updates give the whole thing clears what it could have given and did not, so that
// all stays that it cannot carry. An update without a time, as of the counts of a
// poll, is none that people are told of.
func (op *operation) merged(old *vocab.Object) (*vocab.Object, bool) {
	doc := old.Merge(op.patch)
	if op.local {
		doc.Updated = op.now
		return doc, true
	}
	doc.Updated = orNow(op.patch.Updated, old.Updated)
	return doc, !doc.Updated.Before(old.Updated)
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
	case isGroup(op.object) && op.object.actor.AuthorID == op.actor.ID:
		if op.object.actor.State == models.Deleted {
			return goneActor(op.object.actor)
		}
		op.nameActor()
		return nil
	case op.object.empty() && !op.local && op.vouchesFor(o):
		op.buryUnknown(o)
		return nil
	case op.object.actor != nil && op.object.actor.ID == op.actor.ID && op.because:
		op.nameActor()
		return nil
	case op.object.actor != nil && op.object.actor.ID == op.actor.ID && !op.local:
		op.erases, op.quiet = true, true
		op.nameActor()
		op.addressNobody()
		return nil
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

// vouchesFor reports whether a thing that nobody here knows can be the actor's:
// whether its id was given on the actor's server. Otherwise anybody could keep
// from us what others are about to post.
func (op *operation) vouchesFor(o *vocab.Object) bool {
	if o.ID == "" || vocab.IsActorType(o.Type) || o.Type == vocab.TypeActivity {
		return false
	}
	host := hostOf(o.ID)
	if authority, ok := strings.CutPrefix(o.ID, "tag:"); ok {
		host, _, _ = strings.Cut(authority, ",") // RFC 4151 2.1
	}
	return host != "" && strings.EqualFold(host, op.actor.Host)
}

// buryUnknown makes a tombstone of what another server deletes before we have
// heard of it, so that its posting, when it comes late, changes nothing.
func (op *operation) buryUnknown(o *vocab.Object) {
	stone := &vocab.Object{ID: o.ID, Type: firstOf(o.Type, "other"), Author: op.actor.Doc.Ref()}
	op.object = thing{new: true, object: &models.Object{ID: op.tx.NewID(), Type: stone.Type, AuthorID: op.actor.ID,
		Created: op.now, Updated: op.now, Deleted: op.now, Doc: stone.Tombstone(op.now)}}
	op.unseen = true
}

// applyDelete leaves a tombstone, and takes away everything that showed what
// the thing was.
func (op *operation) applyDelete(ctx context.Context) error {
	switch {
	case op.erases:
		return op.applyErase(ctx)
	case op.object.actor != nil && op.because:
		return nil // the account ends as a whole, see DeleteAccount
	case op.object.actor != nil:
		return op.deleteGroup(ctx)
	case op.object.new:
		return nil
	}
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
	if err := op.tx.Uncollect(ctx, row.ID); err != nil {
		return err
	}
	if err := op.tx.RevokeQuotes(ctx, op.now, row.ID); err != nil {
		return err
	}
	if err := op.tx.RemoveOriginals(ctx, row.ID, row.ActivityID); err != nil {
		return err
	}
	return op.removeFiles(ctx, row.ID)
}

// deleteGroup leaves a tombstone of a group. Who was in it stays known, since
// they may still see what was addressed to it.
func (op *operation) deleteGroup(ctx context.Context) error {
	g, err := op.rereadActor(ctx)
	if err != nil {
		return err
	}
	g.Doc, g.State, g.Updated = g.Doc.Tombstone(op.now), models.Deleted, op.now
	if err := op.tx.UpdateActor(ctx, g); err != nil {
		return err
	}
	return op.tx.RemoveOriginals(ctx, g.ID, g.ActivityID)
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
