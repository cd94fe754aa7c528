package bridge

import (
	"context"
	"strings"
	"unicode"

	"manifold/models"
	"manifold/models/vocab"
)

const (
	// maxHashtag is how long a hashtag may be, in bytes and folded.
	maxHashtag = 200
	// maxHashtags is how many of the tags of a thing are looked at.
	maxHashtags = 100
	// tagBatch and tagLook are how many postings with a hashtag are read at once, and
	// for one page.
	tagBatch, tagLook = 50, 400
)

// Hashtag returns the form in which a hashtag is the same as others, without the sign
// before it, and "" for what is none.
func Hashtag(tag string) string {
	tag = models.Fold(strings.TrimPrefix(strings.TrimSpace(tag), "#"))
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("#/?", r) }
	if len(tag) > maxHashtag || strings.Trim(tag, ".") == "" || strings.ContainsFunc(tag, odd) {
		return ""
	}
	return tag
}

// hashtagsOf are those by which the posting of a thing is found: none where it is not
// announced to everybody.
func hashtagsOf(o *models.Object, posted *models.Activity) []models.Hashtag {
	if posted == nil || !o.Local || !o.Deleted.IsZero() || !posted.Deleted.IsZero() || posted.Visibility != models.Public {
		return nil
	}
	words := HashtagsIn(o.Doc.Content)
	for _, t := range o.Doc.Tags[:min(len(o.Doc.Tags), maxHashtags)] {
		if t.Type == vocab.TypeHashtag {
			words = append(words, t.DisplayName)
		}
	}
	for i, word := range words {
		words[i] = Hashtag(word)
	}
	var list []models.Hashtag
	for _, tag := range unique(words) {
		if tag != "" {
			list = append(list, models.Hashtag{Tag: tag, ActivityID: posted.ID, ObjectID: o.ID})
		}
	}
	return list
}

// Tagged returns a page of what people here have posted for everybody with a hashtag,
// newest first, as strangers see it. before is the activity before which the page
// begins, 0 for the newest; more says that there are older ones.
func (b *Bridge) Tagged(ctx context.Context, tag string, before int64, count int) (items []models.Item, more bool, err error) {
	tag = Hashtag(tag)
	for looked := 0; looked < tagLook && tag != ""; looked += tagBatch {
		found, err := b.db.Tagged(ctx, tag, models.Page{Count: tagBatch, Before: before})
		if err != nil {
			return nil, false, err
		}
		seen, err := b.toStrangers(ctx, found)
		if err != nil {
			return nil, false, err
		}
		for _, item := range found {
			if len(items) == count && seen[item.Position] {
				return items, true, nil
			}
			if seen[item.Position] {
				items = append(items, item)
			}
			before = item.Position
		}
		if len(found) < tagBatch {
			break
		}
	}
	return items, false, nil
}

// toStrangers tells which items strangers may see, by their positions.
func (b *Bridge) toStrangers(ctx context.Context, items []models.Item) (map[int64]bool, error) {
	var objects, people []int64
	for _, item := range items {
		if item.Activity != nil && item.Object != nil {
			objects, people = append(objects, item.Object.ID), append(people, item.Activity.ActorID)
		}
	}
	visible, err := b.db.VisibleObjects(ctx, models.Viewer{}, objects...)
	if err != nil {
		return nil, err
	}
	actors, err := b.db.Actors(ctx, people...)
	seen := map[int64]bool{}
	for _, item := range items {
		a, o := item.Activity, item.Object
		if a == nil || o == nil || !a.Deleted.IsZero() || !o.Deleted.IsZero() || !visible[o.ID] {
			continue
		}
		by := actors[a.ActorID]
		seen[item.Position] = by != nil && by.State == models.Active
	}
	return seen, err
}
