package bridge

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"

	"manifold/models"
)

// How the index of search is kept: what changed is looked for so often, and so
// many things at once share a transaction.
const (
	indexEvery = 500 * time.Millisecond
	indexBatch = 100
	// maxText bounds the text of one thing that is searched, in bytes.
	maxText = 128 << 10
)

// indexer puts the words and the hashtags of what people post, change and delete into
// the indexes of search, some time after. Whoever posts does not wait for it, and what a
// process did not get to is done by the next one: the queue is in the database.
type indexer struct {
	b    *Bridge
	done sync.WaitGroup
}

// start keeps the index until ctx is done.
func (i *indexer) start(ctx context.Context) {
	i.done.Go(func() {
		tick := time.NewTicker(indexEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := i.catchUp(ctx); err != nil && ctx.Err() == nil {
				i.b.log.Error("keeping the index of search", "error", err)
			}
		}
	})
}

// wait returns when the index is not written any more.
func (i *indexer) wait() { i.done.Wait() }

// catchUp works until the queue is empty. While there is much to do, as after an
// import, it leaves the database to others for half of the time.
func (i *indexer) catchUp(ctx context.Context) error {
	for {
		began := time.Now()
		n, err := i.b.indexChanges(ctx, indexBatch)
		if err != nil || n < indexBatch {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Since(began)):
		}
	}
}

// indexChanges brings the index up to date with the oldest n changes, and
// returns how many there were.
func (b *Bridge) indexChanges(ctx context.Context, n int) (int, error) {
	changes, err := b.db.SearchQueue(ctx, n)
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	ids := make([]int64, len(changes))
	for i, c := range changes {
		ids[i] = c.ObjectID
	}
	objects, err := b.db.Objects(ctx, ids...)
	if err != nil {
		return 0, err
	}
	var authors, posts []int64
	for _, o := range objects {
		if o.AuthorID != 0 && o.Deleted.IsZero() {
			authors = append(authors, o.AuthorID)
		}
		if o.Local && o.ActivityID != 0 && (len(o.Doc.Tags) > 0 || strings.Contains(o.Doc.Content, "#")) {
			posts = append(posts, o.ActivityID)
		}
	}
	actors, err := b.db.Actors(ctx, authors...)
	if err != nil {
		return 0, err
	}
	activities, err := b.db.Activities(ctx, posts...)
	if err != nil {
		return 0, err
	}
	words := make(map[int64][]string, len(objects))
	var tags []models.Hashtag
	for id, o := range objects {
		if o.Deleted.IsZero() {
			words[id] = wordsOf(o, actors[o.AuthorID])
		}
		tags = append(tags, hashtagsOf(o, activities[o.ActivityID])...)
	}
	err = b.db.Write(ctx, func(tx *models.Tx) error {
		if err := tx.IndexWords(ctx, changes, words); err != nil {
			return err
		}
		return tx.SetHashtags(ctx, ids, tags...)
	})
	if errors.Is(err, models.ErrIndexed) {
		return 0, nil
	}
	return len(changes), err
}

// wordsOf are the words by which a thing is found: those of its title, of what it
// says, and the names of its author.
func wordsOf(o *models.Object, author *models.Actor) []string {
	texts := []string{o.Doc.DisplayName, Text(o.Doc.Content), Text(o.Doc.Summary)}
	if author != nil {
		texts = append([]string{author.Doc.DisplayName, author.Nickname}, texts...)
	}
	return models.Words(texts...)
}

// Text returns what a piece of HTML says, on one line and without regard to how
// it is laid out. Of what is very long it returns the beginning.
func Text(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return squeeze(s[:min(len(s), maxText)])
	}
	var b strings.Builder
	for t := html.NewTokenizer(strings.NewReader(s)); b.Len() < maxText; {
		switch t.Next() {
		case html.ErrorToken:
			return squeeze(b.String())
		case html.TextToken:
			b.Write(t.Text())
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			if name, _ := t.TagName(); !inline[string(name)] {
				b.WriteByte(' ')
			}
		}
	}
	return squeeze(b.String())
}

func squeeze(s string) string { return strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ") }

// inline are the elements that may stand inside of a word.
var inline = map[string]bool{"a": true, "abbr": true, "b": true, "code": true, "del": true, "em": true, "i": true, "ins": true, "kbd": true,
	"mark": true, "s": true, "small": true, "span": true, "strong": true, "sub": true, "sup": true, "tt": true, "u": true}
