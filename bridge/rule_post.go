package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// preparePost makes the thing that is posted, or finds it where it is there
// already but not posted yet, as an upload is.
func (op *operation) preparePost(ctx context.Context) error {
	o := op.doc.Object
	if err := op.checkAuthor(ctx, o.Author); err != nil {
		return err
	}
	switch {
	case op.object.actor != nil:
		return exists(op.object.actor.Type, o.ID)
	case op.object.activity != nil:
		return invalid("Can't post %s: it is an activity. Share it instead.", o.ID)
	case op.object.object != nil:
		return op.postExisting(ctx)
	case op.doc.Inner != nil:
		return invalid("Can't post an activity: post its object, or share it.")
	}
	if err := op.resolveParent(ctx); err != nil {
		return err
	}
	if err := op.findVote(ctx); err != nil {
		return err
	}
	if err := op.newObject(ctx); err != nil {
		return err
	}
	if !op.target.empty() {
		return op.prepareAdd(ctx)
	}
	return nil
}

// checkAuthor refuses what somebody elsewhere posts as the work of another.
func (op *operation) checkAuthor(ctx context.Context, author *vocab.Object) error {
	if op.local || author == nil || author.ID == "" {
		return nil
	}
	t, err := op.find(ctx, author)
	if err == nil && (t.actor == nil || t.actor.ID != op.actor.ID) {
		err = notAllowed("Can't post %s: its author is %s.", firstOf(op.doc.Object.ID, "a thing"), author.ID)
	}
	return err
}

// postExisting posts what is there: an upload. Clients repeat the whole object
// or only its id; what they leave out stays.
func (op *operation) postExisting(ctx context.Context) error {
	row := op.object.object
	switch {
	case !row.Deleted.IsZero():
		return gone(row)
	case row.AuthorID == 0 && row.ActivityID == 0 && !op.local:
		return op.adopt(ctx)
	case row.AuthorID != op.actor.ID:
		return notAllowed("Can't post %s: not author.", row.Doc.ID)
	case row.ActivityID != 0 && !op.local:
		post, err := op.tx.Activity(ctx, row.ActivityID)
		if err != nil {
			return err
		}
		return &sameAs{post}
	case row.ActivityID != 0:
		return alreadyPosted(row)
	}
	if err := op.resolveParent(ctx); err != nil {
		return err
	}
	op.patch = op.doc.Object
	op.doc.Object = &vocab.Object{ID: row.Doc.ID, Type: row.Type, DisplayName: firstOf(op.patch.DisplayName, row.Doc.DisplayName),
		URL: row.Doc.URL, InReplyTo: op.patch.InReplyTo}
	if !op.target.empty() {
		return op.prepareAdd(ctx)
	}
	return nil
}

// adopt posts what was known from a copy only, such as the parent of an answer
// that came first: now its author says what it is.
func (op *operation) adopt(ctx context.Context) error {
	row := op.object.object
	if err := op.resolveParent(ctx); err != nil {
		return err
	}
	o := op.doc.Object.Clone()
	o.ID, o.Type, o.Author = row.Doc.ID, firstOf(o.Type, row.Type, "other"), op.actor.Doc.Ref()
	op.adopted, op.alsoNamed = o, op.newTwins(op.doc.Object, row.ID)
	op.doc.Object = &vocab.Object{ID: o.ID, Type: o.Type, DisplayName: o.DisplayName, URL: o.URL, InReplyTo: o.InReplyTo}
	// Whoever sees the row from here on, sees what it will be.
	copied := *row
	copied.Type, copied.Doc = o.Type, o
	op.object.object = &copied
	return nil
}

// applyAdopt stores what its author says of a thing, in place of the copy.
func (op *operation) applyAdopt(ctx context.Context) (*models.Object, error) {
	row, err := op.reread(ctx)
	if err != nil {
		return nil, err
	}
	if row.ActivityID != 0 {
		return nil, models.ErrExists // it came by another way at the same time
	}
	row.Doc, row.Type, row.AuthorID, row.ActivityID, row.Updated = op.adopted, op.adopted.Type, op.actor.ID, op.row.ID, op.now
	if op.parent.object != nil {
		row.ParentID = op.parent.object.ID
		if row.Position, err = op.tx.Position(ctx); err != nil {
			return nil, err
		}
	}
	if err := op.tx.UpdateObject(ctx, row); err != nil || op.row.Visibility != models.Limited {
		return row, err
	}
	return row, op.tx.BindReactions(ctx, row.ID, op.row.ID)
}

func alreadyPosted(row *models.Object) error {
	return &Error{Reason: Exists, Text: "Already posted", Subject: row.Type, ID: row.Doc.ID}
}

// resolveParent makes sure that what is answered exists and may be seen. An
// answer to something that nobody here knows keeps a copy of what it answers.
func (op *operation) resolveParent(ctx context.Context) error {
	parent := op.doc.Object.Parent()
	if parent == nil {
		return nil
	}
	if a := op.parent.activity; a != nil && a.Object.Kind == models.KindObject {
		t, err := op.load(ctx, a.Object)
		if err != nil {
			return err
		}
		op.parent = t
	}
	switch {
	case op.parent.object != nil && !op.parent.object.Deleted.IsZero():
		return &Error{Reason: Gone, Text: "Can't reply to a deleted " + op.parent.object.Type + ".", Subject: op.parent.object.Type, ID: parent.ID}
	case op.parent.object != nil:
		if err := op.maySee(ctx, op.parent.object); err != nil {
			return err
		}
	case op.parent.empty() && parent.ID == "":
		return invalid("The object replies to something without an id: give the \"id\" of inReplyTo.")
	case op.parent.empty() && op.b.names.Ours(parent.ID):
		return missing("object", parent.ID)
	case op.parent.empty():
		op.parent = op.stubObject(parent)
	}
	if doc := op.parent.doc(); doc != nil {
		op.doc.Object.InReplyTo[0] = doc.Ref()
	}
	if op.doc.Object.Type == "" {
		op.doc.Object.Type = vocab.TypeComment
	}
	return nil
}

// newObject makes the row of a thing that the actor brings into being.
func (op *operation) newObject(ctx context.Context) error {
	o := op.doc.Object.Clone()
	if o.Type == "" {
		o.Type = "other"
	}
	var names []string
	if op.local {
		names = op.nameObject(o)
		if o.ID != op.doc.Object.ID && op.doc.Object.ID != "" {
			return invalid("The id %s is below the address of this server: leave the id out to have one made.", op.doc.Object.ID)
		}
		o.Published, o.Updated, o.Deleted = op.now, op.now, time.Time{}
	} else {
		if err := op.checkForeign(o.ID); err != nil {
			return err
		}
		names = op.twins(o)
	}
	o.Author = op.actor.Doc.Ref()
	if err := op.joinThread(ctx, o); err != nil {
		return err
	}
	if o.Type == vocab.TypeGroup {
		return op.newGroup(ctx, o, names)
	}
	row := &models.Object{
		ID: op.tx.NewID(), Type: o.Type, AuthorID: op.actor.ID, ActivityID: op.row.ID, Local: op.local, Doc: o,
		Created: orNow(o.Published, op.now), Updated: orNow(o.Updated, op.now),
	}
	if op.parent.object != nil && op.vote == nil {
		row.ParentID = op.parent.object.ID
	}
	if op.local {
		row.ListOf = listOf(o)
	}
	op.object = thing{object: row, new: true, extraNames: names}
	op.doc.Object = o
	return nil
}

// maxAbove is how far up a thread its name is looked for.
const maxAbove = 20

// joinThread has an answer of somebody here be in the thread of what it answers, as
// far up as somebody names that: the network of an author in between may have no word
// for it, others go by it.
func (op *operation) joinThread(ctx context.Context, o *vocab.Object) error {
	if !op.local {
		return nil
	}
	missing := []string{vocab.Conversation, vocab.Context}
	named := func(name string) bool { return o.Extra[name] != nil }
	above := op.parent.object
	for range maxAbove {
		missing = slices.DeleteFunc(missing, named)
		if above == nil || len(missing) == 0 {
			return nil
		}
		for _, name := range missing {
			if thread := op.threadOf(above, name); thread != nil {
				o.Extra = vocab.MergeExtra(o.Extra, map[string]json.RawMessage{name: thread})
			}
		}
		if above.ParentID == 0 {
			return nil
		}
		var err error
		if above, err = op.tx.Object(ctx, above.ParentID); errors.Is(err, models.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// threadOf is the thread that a thing names, or begins here, nil for none.
func (op *operation) threadOf(o *models.Object, name string) json.RawMessage {
	if thread := o.Doc.Extra[name]; thread != nil {
		return thread
	}
	if o.Local && o.ParentID == 0 && op.b.names.Token(o.Doc.ID) != "" {
		return json.RawMessage(strconv.Quote(op.b.names.Thread(o.Doc.ID)))
	}
	return nil
}

// checkForeign refuses a thing of another server that has no id of its own, or
// one that is not its to give.
func (op *operation) checkForeign(id string) error {
	if id == "" {
		return invalid("The object has no id.")
	}
	if op.b.names.Ours(id) {
		return invalid("The id %s is below the address of this server, where only this server makes ids.", id)
	}
	return nil
}

// nameObject gives a thing of ours its id and addresses. A client may bring an
// id that was made elsewhere; then it stays the id.
func (op *operation) nameObject(o *vocab.Object) []string {
	token := NewToken()
	own := op.b.names.Thing(o.Type, token)
	o.Links = linksOfOthers(o.Links)
	if o.ID == "" || op.b.names.Ours(o.ID) {
		o.ID = own
	}
	page := op.b.names.ThingPage(op.actor.Nickname, o.Type, token)
	if o.URL == "" || o.ID == own {
		o.URL = page
	}
	return []string{own, page}
}

// linksOfOthers are the links of a thing but the one to itself, which is made
// when it is served.
func linksOfOthers(links map[string]vocab.Link) map[string]vocab.Link {
	if len(links) == 0 {
		return nil
	}
	others := maps.Clone(links)
	delete(others, "self")
	return others
}

func (op *operation) newGroup(ctx context.Context, o *vocab.Object, names []string) error {
	o.Links = nil // they are those of an actor, which others deliver to
	if op.local {
		var err error
		if o.PreferredUsername, err = op.b.groupName(ctx, op.tx, o.DisplayName); err != nil {
			return err
		}
		names = append(names, op.b.names.Acct(o.PreferredUsername))
	}
	op.object = thing{new: true, extraNames: names, actor: &models.Actor{
		ID: op.tx.NewID(), Type: vocab.TypeGroup, AuthorID: op.actor.ID, ActivityID: op.row.ID, Local: op.local, Doc: o,
		Created: orNow(o.Published, op.now), Updated: orNow(o.Updated, op.now),
	}}
	op.doc.Object = o
	return nil
}

// listOf returns the type of the members of a collection of somebody here that
// is a list, "" for all else.
func listOf(o *vocab.Object) string {
	if o.Type == vocab.TypeCollection && len(o.ObjectTypes) == 1 && o.DisplayName != "" {
		return o.ObjectTypes[0]
	}
	return ""
}

// uniqueList refuses a second list of the same name. The words are pump.io's,
// which does not know the id either.
func (op *operation) uniqueList(ctx context.Context, row *models.Object) error {
	if row.ListOf == "" {
		return nil
	}
	_, err := op.tx.ListNamed(ctx, op.actor.ID, row.ListOf, row.Doc.DisplayName, row.ID)
	if err == nil {
		return exists(fmt.Sprintf("A folder for '%s' named '%s' already exists.", row.ListOf, row.Doc.DisplayName), "undefined")
	}
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}

// applyPost counts what was posted and, where it was there already, stores what
// the post adds to it.
func (op *operation) applyPost(ctx context.Context) error {
	row := op.object.object
	var err error
	switch {
	case op.vote != nil:
		return op.countVote(ctx)
	case op.adopted != nil:
		if row, err = op.applyAdopt(ctx); err != nil {
			return err
		}
	case row != nil && op.patch != nil:
		if row, err = op.reread(ctx); err != nil {
			return err
		}
		if row.ActivityID != 0 {
			return alreadyPosted(row)
		}
		row.Doc = row.Doc.Merge(op.patch)
		row.Doc.InReplyTo = refs(op.patch.InReplyTo)
		row.Doc.Published, row.Doc.Updated = op.now, op.now
		row.ActivityID, row.Updated = op.row.ID, op.now
		if op.parent.object != nil {
			row.ParentID = op.parent.object.ID
			if row.Position, err = op.tx.Position(ctx); err != nil {
				return err
			}
		}
		if err := op.tx.UpdateObject(ctx, row); err != nil {
			return err
		}
	}
	if row != nil && row.ParentID != 0 {
		if err := op.tx.CountObject(ctx, row.ParentID, models.CountReplies, 1); err != nil {
			return err
		}
	}
	if row != nil && row.ListOf == vocab.TypePerson {
		if err := op.tx.Count(ctx, op.actor.ID, models.CountLists, 1); err != nil {
			return err
		}
	}
	if !op.target.empty() {
		return op.applyAdd(ctx)
	}
	return nil
}
