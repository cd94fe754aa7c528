package ostatus

import (
	"context"
	"errors"
	"slices"
	"time"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/salmon"
)

// repeatable are the verbs of what can be done again once it was taken back. Some
// servers then send it under the id that it had the first time.
var repeatable = []string{vocab.VerbFollow, vocab.VerbJoin, vocab.VerbFavorite}

// tellApart gives activities that have the id of another one, done at another time, an
// id of their own: what is sent once more is what is of the same time too.
func (s *Server) tellApart(ctx context.Context, activities ...*vocab.Activity) error {
	var names []string
	for _, a := range activities {
		if slices.Contains(repeatable, a.Verb) {
			names = append(names, a.ID)
		}
	}
	rows, err := s.rowsOf(ctx, models.KindActivity, names)
	if err != nil || len(rows) == 0 {
		return err
	}
	known, err := s.db.Activities(ctx, values(rows)...)
	if err != nil {
		return err
	}
	for _, a := range activities {
		before := known[rows[a.ID]]
		if before != nil && slices.Contains(repeatable, a.Verb) && !before.Published.Equal(a.Published.Truncate(time.Millisecond)) {
			a.ID += "#" + salmon.Fingerprint(a.Actor.ID, a.Verb, objectID(a), a.Published)
		}
	}
	return nil
}

// rowsOf are the rows of a kind that names stand for, as far as they are known.
func (s *Server) rowsOf(ctx context.Context, kind models.Kind, names []string) (map[string]int64, error) {
	known, err := s.db.Lookup(ctx, names...)
	rows := map[string]int64{}
	for name, refs := range known {
		for _, r := range refs {
			if r.Kind == kind {
				rows[name] = r.ID
			}
		}
	}
	return rows, err
}

func values(rows map[string]int64) []int64 {
	var ids []int64
	for _, id := range rows {
		ids = append(ids, id)
	}
	return ids
}

// changedSince reports whether a post says that it was changed after what is stored of
// the thing.
func changedSince(a *vocab.Activity, o *models.Object) bool {
	return a.Verb == vocab.VerbPost && o != nil && o.Deleted.IsZero() && a.Updated.Truncate(time.Millisecond).After(later(o.Doc.Published, o.Doc.Updated))
}

// edited makes of a post that shows a later version of a thing of the same author the
// change of that thing: OStatus has no other word for it. What is known from a better
// network is changed there.
func (in *arriving) edited(ctx context.Context) error {
	if in.Verb != vocab.VerbPost || in.Activity.Updated.IsZero() || in.hearsay {
		return nil
	}
	id, err := in.s.db.LookupKind(ctx, models.KindObject, in.Object.ID)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	o, err := in.s.db.Object(ctx, id)
	if err != nil || o.AuthorID != in.by.ID || !changedSince(in.Activity, o) {
		return err
	}
	if better, err := in.s.onBetter(ctx, in.by.ID); err != nil || better {
		return err
	}
	changed := *in.Activity
	changed.ID += "#" + salmon.Fingerprint(in.Actor.ID, vocab.VerbUpdate, in.Object.ID, in.Activity.Updated)
	changed.Verb, changed.Published, changed.Updated = vocab.VerbUpdate, in.Activity.Updated, time.Time{}
	changed.Object.Updated, changed.Object.Cleared = in.Activity.Updated, missingFrom(changed.Object)
	changed.Content, changed.Title = "", ""
	in.Activity = &changed
	return nil
}

// onBetter reports whether somebody is known from a network that tells more.
func (s *Server) onBetter(ctx context.Context, actor int64) (bool, error) {
	presences, err := s.db.PresencesOf(ctx, actor)
	return slices.ContainsFunc(s.bridge.NetworksBefore(Network), func(name string) bool { return presences[name].ActorID != 0 }), err
}

// missingFrom are the members that an entry has a word for, and that this one does not
// have: they were taken away. A text is not: without one an entry is cut short.
func missingFrom(o *vocab.Object) []string {
	var missing []string
	for name, there := range map[string]bool{"displayName": o.DisplayName != "", "summary": o.Summary != "", "location": o.Location != nil, "image": o.Image != nil,
		"fullImage": o.FullImage != nil, "stream": o.Stream != nil, "fileUrl": o.FileURL != "", "mimeType": o.MimeType != "",
		"attachments": len(o.Attachments) > 0, "tags": len(o.Tags) > 0} {
		if !there {
			missing = append(missing, name)
		}
	}
	for _, name := range []string{vocab.NSAS2 + "sensitive", vocab.NSAS2 + "summary"} {
		if _, there := o.Extra[name]; !there {
			missing = append(missing, name)
		}
	}
	return missing
}
