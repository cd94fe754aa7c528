package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Limits of the index of search.
const (
	// maxIndexed is how many different words of a thing are indexed.
	maxIndexed = 2000
	// maxWord is how many characters of a word count.
	maxWord = 40
	// maxSought is how many words are looked for at once.
	maxSought = 20
)

// ErrIndexed means that another process has put the changes into the index of
// search meanwhile. Nothing is wrong.
var ErrIndexed = errors.New("the changes have been indexed already")

// single are the scripts that put no spaces between words: each of their
// characters counts as a word.
var single = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// scanWords calls f with each word of a text, and whether a * follows it. A word
// is a run of letters and digits, without regard to case and accents. It ends
// when f returns false.
func scanWords(text string, f func(word string, star bool) bool) {
	var word []rune
	flush := func(star bool) bool {
		if len(word) == 0 {
			return true
		}
		w := string(word[:min(len(word), maxWord)])
		word = word[:0]
		return f(w, star)
	}
	// Compatibility forms are taken apart, so that accents are characters of
	// their own (Unicode Standard Annex 15).
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(text, " ")) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.In(r, single...):
			if !flush(false) || !f(string(r), false) {
				return
			}
		case unicode.IsLetter(r), unicode.IsNumber(r), unicode.Is(unicode.Mc, r):
			word = append(word, unicode.ToLower(r))
		default:
			if !flush(r == '*') {
				return
			}
		}
	}
	flush(false)
}

// Words returns the different words of texts as the index of search has them.
func Words(texts ...string) []string {
	var words []string
	seen := map[string]bool{}
	for _, text := range texts {
		scanWords(text, func(word string, _ bool) bool {
			if !seen[word] {
				seen[word] = true
				words = append(words, word)
			}
			return len(words) < maxIndexed
		})
	}
	return words
}

// Search is what somebody looks for: things that have all of some words.
type Search struct {
	terms []term
}

type term struct {
	word string
	// prefix has the word stand for all that begin with it.
	prefix bool
}

// ParseSearch reads what a person typed. All of the words have to occur, in any
// order; one with a * at its end stands for all that begin with it. Nothing in
// it is an error; see [Search.Empty].
func ParseSearch(text string) Search {
	var s Search
	scanWords(text, func(word string, star bool) bool {
		if t := (term{word, star}); !slices.Contains(s.terms, t) {
			s.terms = append(s.terms, t)
		}
		return len(s.terms) < maxSought
	})
	return s
}

// Empty reports whether there is no word to look for. Such a search finds
// nothing.
func (s Search) Empty() bool { return len(s.terms) == 0 }

// match is the search in the language of the index. Words consist of letters
// and digits, so that nothing in them can mean anything there.
func (s Search) match(d Dialect) string {
	list := make([]string, len(s.terms))
	for i, t := range s.terms {
		switch {
		case d == SQLite && t.prefix: // SQLite documentation, FTS5 3.2 and 3.4
			list[i] = `"` + t.word + `"*`
		case d == SQLite:
			list[i] = `"` + t.word + `"`
		case t.prefix: // PostgreSQL documentation, 8.11.2
			list[i] = "'" + t.word + "':*"
		default:
			list[i] = "'" + t.word + "'"
		}
	}
	if d == SQLite {
		return strings.Join(list, " AND ")
	}
	return strings.Join(list, " & ")
}

// near is how many of the newest items of a stream are looked at one by one,
// before the index is asked where a word occurs at all.
const near = 400

// SearchStream returns a page of those activities in a part of a stream, as
// viewer may see it, that posted or shared a thing in which all words of a
// search occur. The order and the bounds of the page are those of the stream. How
// many there are in all is not known.
//
// What is found often is found among the newest items of the stream. For what
// is not, the index tells where the words occur on the whole server, and the
// stream is asked for each of these; that costs more the more common the words
// are elsewhere, and is bounded by how rare they are here.
func (c *conn) SearchStream(ctx context.Context, owner int64, s Stream, part Part, viewer Viewer, search Search, p Page) ([]Item, error) {
	if search.Empty() {
		return nil, nil
	}
	r, ok, err := c.rangeOf(ctx, owner, s, part, viewer)
	if err != nil || !ok {
		return nil, err
	}
	places, whole, err := c.searchNear(ctx, r, search, p)
	if err == nil && !whole && len(places) < p.Offset+p.Count {
		places, err = c.searchAll(ctx, r, search, p)
	} else {
		places = places[min(p.Offset, len(places)):min(p.Offset+p.Count, len(places))]
	}
	if err != nil {
		return nil, fmt.Errorf("searching a stream: %w", err)
	}
	return c.items(ctx, newestFirst(p, places), viewer)
}

// broughtBy is the condition that the activity a is what posted the object o, or
// a share of it that has not been taken back.
const broughtBy = `(o.activity_id = a.id OR a.verb = 'share' AND EXISTS (SELECT 1 FROM edges e
	WHERE e.actor_id = a.actor_id AND e.target_id = o.id AND e.kind = 3 AND e.activity_id = a.id))`

// hasWords is the condition that the object o has the words of a search. It is
// written so that one thing after the other is asked, not the whole index.
func (c *conn) hasWords() string {
	if c.db.dialect == Postgres {
		return "(SELECT f.words @@ CAST(? AS tsquery) FROM search_words f WHERE f.object_id = o.id)"
	}
	return "EXISTS (SELECT 1 FROM search_words WHERE rowid = o.id AND search_words MATCH ?)"
}

// searchNear looks through the items of a stream that a page begins with, and
// reports whether these are all that there are.
func (c *conn) searchNear(ctx context.Context, r streamRange, search Search, p Page) (found []Place, whole bool, err error) {
	window := p
	window.Count, window.Offset = near, 0
	query, args := r.query(window)
	n := 0
	err = c.each(ctx, `SELECT w.position, w.activity_id, COALESCE((SELECT 1 FROM activities a CROSS JOIN objects o
			WHERE a.id = w.activity_id AND a.deleted = 0 AND a.object_kind = 2 AND o.id = a.object_id AND o.deleted = 0 AND `+broughtBy+" AND "+c.hasWords()+`), 0)
		FROM (`+query+`) w`+p.order("w.position"),
		append([]any{search.match(c.db.dialect)}, args...), func(rows *sql.Rows) error {
			var place Place
			var matches int64
			err := rows.Scan(&place.Position, &place.Activity, &matches)
			if n++; matches != 0 {
				found = append(found, place)
			}
			return err
		})
	return found, n < near, err
}

// searchAll asks the index for all things with the words, and the stream for
// each of them. Each step is materialized, and what it looks up is written as a
// scalar: a database that knows neither how common the words are nor how long
// the stream is must not guess, or it reads the index once for every item.
func (c *conn) searchAll(ctx context.Context, r streamRange, search Search, p Page) ([]Place, error) {
	things := "SELECT rowid AS id FROM search_words WHERE search_words MATCH ?"
	const alive = " AND (SELECT o.deleted FROM objects o WHERE o.id = t.id) = 0"
	shares := "SELECT e.activity_id FROM things t CROSS JOIN edges e WHERE e.target_id = t.id AND e.kind = 3" + alive
	if c.db.dialect == Postgres {
		things = "SELECT object_id AS id FROM search_words WHERE words @@ CAST(? AS tsquery)"
		shares = "SELECT s.activity_id FROM things t CROSS JOIN LATERAL (SELECT e.activity_id FROM edges e WHERE e.target_id = t.id AND e.kind = 3" + alive + " OFFSET 0) s"
	}
	var classes []string
	seen := Class(0) // those in which something may be hidden
	for _, class := range r.part.classes(r.classes, r.viewer.ActorID == 0) {
		classes = append(classes, strconv.Itoa(int(class)))
		seen |= class
	}
	bounds, boundArgs := p.bounds("l.position")
	where, whereArgs := "", []any(nil)
	if !r.open && r.viewer.ActorID != 0 {
		where, whereArgs = r.visible(seen, "a")
	}
	args := slices.Concat([]any{search.match(c.db.dialect), r.owner, r.stream}, boundArgs, whereArgs)
	var found []Place
	err := c.each(ctx, "WITH things AS MATERIALIZED ("+things+`),
		brought AS MATERIALIZED (SELECT (SELECT o.activity_id FROM objects o WHERE o.id = t.id AND o.deleted = 0) AS activity_id FROM things t UNION ALL `+shares+`),
		places AS MATERIALIZED (SELECT n.activity_id, (SELECT i.position FROM stream_items i
			WHERE i.owner_id = ? AND i.kind = ? AND i.activity_id = n.activity_id AND i.class IN (`+strings.Join(classes, ", ")+`)) AS position FROM brought n)
		SELECT l.position, l.activity_id FROM places l WHERE l.position IS NOT NULL`+bounds+`
		AND (SELECT 1 FROM activities a WHERE a.id = l.activity_id AND a.deleted = 0`+where+") = 1"+p.cut("l.position"),
		args, func(rows *sql.Rows) error {
			var place Place
			err := rows.Scan(&place.Position, &place.Activity)
			found = append(found, place)
			return err
		})
	return found, err
}

// items reads what stands at places of a stream.
func (c *conn) items(ctx context.Context, places []Place, viewer Viewer) ([]Item, error) {
	var ids, objectIDs, abouts []int64
	for _, p := range places {
		ids = append(ids, p.Activity)
	}
	activities, err := c.Activities(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for _, a := range activities {
		abouts = append(abouts, a.Object.ID)
		if a.Object.Kind == KindObject {
			objectIDs = append(objectIDs, a.Object.ID)
		}
	}
	objects, err := c.Objects(ctx, objectIDs...)
	if err != nil {
		return nil, err
	}
	relations, err := c.RelationsTo(ctx, viewer.ActorID, abouts)
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, p := range places {
		if a := activities[p.Activity]; a != nil {
			items = append(items, Item{Position: p.Position, Activity: a, Object: objects[a.Object.ID], Relations: relations[a.Object.ID]})
		}
	}
	return items, nil
}

// SearchLikes returns a page of [DB.LikedObjects]: of those in which all words
// of a search occur.
func (c *conn) SearchLikes(ctx context.Context, actor int64, viewer Viewer, search Search, p Page) ([]*Object, error) {
	if search.Empty() {
		return nil, nil
	}
	return c.likedObjects(ctx, actor, viewer, p, " AND "+c.hasWords(), search.match(c.db.dialect))
}

// Change is a thing that was made or changed and whose words are not in the
// index of search yet.
type Change struct {
	ID, ObjectID int64
}

// SearchQueue returns the oldest n changes that the index of search has not got.
func (c *conn) SearchQueue(ctx context.Context, n int) ([]Change, error) {
	var list []Change
	err := c.each(ctx, "SELECT id, object_id FROM search_queue WHERE id > 0 ORDER BY id LIMIT "+strconv.Itoa(n), nil, func(r *sql.Rows) error {
		var change Change
		err := r.Scan(&change.ID, &change.ObjectID)
		list = append(list, change)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is to be indexed: %w", err)
	}
	return list, nil
}

// IndexWords replaces the words of the things of some changes in the index of
// search, and takes the changes from the queue. The words must have been read
// after the changes were. A thing without words leaves the index. It returns
// [ErrIndexed] when another process was first; then the transaction must end.
func (tx *Tx) IndexWords(ctx context.Context, changes []Change, words map[int64][]string) error {
	if len(changes) == 0 {
		return nil
	}
	if _, err := tx.exec(ctx, "UPDATE sequences SET last = last + 1 WHERE name = 'search'"); err != nil {
		return fmt.Errorf("locking the index of search: %w", err)
	}
	var ids, objects []int64
	for _, change := range changes {
		ids = append(ids, change.ID)
		if !slices.Contains(objects, change.ObjectID) {
			objects = append(objects, change.ObjectID)
		}
	}
	var taken int64
	for chunk := range slices.Chunk(ids, inChunk) {
		n, err := tx.exec(ctx, "DELETE FROM search_queue WHERE id IN ?", padded(chunk))
		if err != nil {
			return fmt.Errorf("taking what is to be indexed: %w", err)
		}
		taken += n
	}
	if taken != int64(len(changes)) {
		return ErrIndexed
	}
	if err := tx.replaceWords(ctx, objects, words); err != nil {
		return fmt.Errorf("indexing words: %w", err)
	}
	return nil
}

func (tx *Tx) replaceWords(ctx context.Context, objects []int64, words map[int64][]string) error {
	type entry struct {
		ID    int64  `json:"id"`
		Words string `json:"words"`
	}
	var entries []entry
	for _, id := range objects {
		if w := words[id]; len(w) > 0 {
			entries = append(entries, entry{id, strings.Join(w, " ")})
		}
	}
	remove, insert := "DELETE FROM search_words WHERE rowid IN ?", `INSERT INTO search_words (rowid, words)
		SELECT value ->> 'id', value ->> 'words' FROM json_each(?)`
	if tx.db.dialect == Postgres {
		remove, insert = "DELETE FROM search_words WHERE object_id IN ?", `INSERT INTO search_words (object_id, words)
			SELECT j.id, array_to_tsvector(string_to_array(j.words, ' ')) FROM jsonb_to_recordset(CAST(? AS jsonb)) AS j(id BIGINT, words TEXT)`
	}
	for chunk := range slices.Chunk(objects, inChunk) {
		if _, err := tx.exec(ctx, remove, padded(chunk)); err != nil {
			return err
		}
	}
	if len(entries) == 0 {
		return nil
	}
	doc, err := encodeDoc(entries)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, insert, doc)
	return err
}
