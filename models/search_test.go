package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"  \t\n", ""},
		{"Hello, World! hello?", "hello world"},
		{"don't e-mail me@example.org", "don t e mail me example org"},
		{"ÉCOLE naïve Ångström ﬁne", "ecole naive angstrom fine"},
		{"Straße ΣΊΣΥΦΟΣ ёлка", "straße σισυφοσ елка"},
		{"2013 3.14 v2", "2013 3 14 v2"},
		{"日本語 text カタ", "日 本 語 text カ タ"},
		{"हिन्दी", "हिनदी"},
		{"a\x00b\xff c", "a b c"},
		{`"quoted" 'it' :* & | ! ( ) <-> NEAR AND`, "quoted it near and"},
		{strings.Repeat("x", 50), strings.Repeat("x", 40)},
	} {
		if got := strings.Join(models.Words(tt.text), " "); got != tt.want {
			t.Errorf("%q has the words %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := models.Words("one two", "two three"); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("the words of two texts are %q", got)
	}
	var long strings.Builder
	for i := range 5000 {
		fmt.Fprint(&long, "w", i, " ")
	}
	if n := len(models.Words(long.String())); n != 2000 {
		t.Errorf("%d words are indexed", n)
	}
}

// library is a store with things in streams and in the index of search.
type library struct {
	t  *testing.T
	db *models.DB
}

// post has somebody post a thing and distributes it.
func (l library) post(text string, author int64, to models.Distribution, visibility models.Visibility) (object, activity int64) {
	l.t.Helper()
	o := &models.Object{Type: vocab.TypeNote, AuthorID: author, Doc: &vocab.Object{ID: fmt.Sprint("https://us/", text), Type: vocab.TypeNote, Content: text}}
	write(l.t, l.db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateObject(ctx, o, o.Doc.ID) })
	to.AuthorLocal = true
	activity = do(l.t, l.db, deed{name: text, actor: author, object: models.Ref{Kind: models.KindObject, ID: o.ID}, visibility: visibility}, to)
	write(l.t, l.db, func(ctx context.Context, tx *models.Tx) error {
		o.ActivityID = activity
		return tx.UpdateObject(ctx, o)
	})
	return o.ID, activity
}

// index empties the queue of the index.
func (l library) index() {
	l.t.Helper()
	for {
		changes := must[[]models.Change](l.t)(l.db.SearchQueue(l.t.Context(), 100))
		if len(changes) == 0 {
			return
		}
		words := map[int64][]string{}
		for _, c := range changes {
			o := must[*models.Object](l.t)(l.db.Object(l.t.Context(), c.ObjectID))
			if o.Deleted.IsZero() {
				words[o.ID] = models.Words(o.Doc.Content)
			}
		}
		write(l.t, l.db, func(ctx context.Context, tx *models.Tx) error { return tx.IndexWords(ctx, changes, words) })
	}
}

// bury puts so much on top of streams that what is below is found by the index
// only.
func (l library) bury(owners ...int64) {
	l.t.Helper()
	execute(l.t, l.db, fill(4000, `INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, target_kind, target_id, visibility, local, published, updated, audience, doc)
		SELECT 1000000 + i, 1, 'ponder', 1, 0, 0, 0, 0, 0, TRUE, 0, 0, '[]', '{}' FROM n`))
	for _, owner := range owners {
		for _, kind := range []models.Stream{models.Inbox, models.Outbox} {
			execute(l.t, l.db, fill(4000, fmt.Sprintf(`INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
				SELECT %d, %d, i %% 6, 1000000 + i, 1000000 + i, i FROM n`, owner, kind)))
		}
	}
}

func (l library) search(owner int64, s models.Stream, part models.Part, viewer int64, text string, p models.Page) []string {
	l.t.Helper()
	items, err := l.db.SearchStream(l.t.Context(), owner, s, part, models.Viewer{ActorID: viewer}, models.ParseSearch(text), p)
	if err != nil {
		l.t.Fatalf("searching %q: %v", text, err)
	}
	return titles(items)
}

func TestSearchOfAStream(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		l := library{t, db}
		p := people(t, db, "ann", "bob", "eve")
		ann, bob, eve := p[0], p[1], p[2]
		toBob := models.Distribution{Major: true, Others: []int64{bob}}
		l.post("red boat", ann, toBob, models.Public)
		l.post("blue boat", ann, models.Distribution{Others: []int64{bob}}, models.Public)
		boat, _ := l.post("red car", eve, models.Distribution{Major: true}, models.Public)
		l.post("red secret", ann, models.Distribution{Major: true, Others: []int64{bob}}, models.Limited)
		l.post("redder than any boat", ann, toBob, models.Public)
		// Ann shares what eve posted; that it was liked is not found.
		var share int64
		for _, verb := range []string{vocab.VerbLike, vocab.VerbShare} {
			share = do(t, db, deed{name: verb, actor: ann, verb: verb, object: models.Ref{Kind: models.KindObject, ID: boat}}, models.Distribution{AuthorLocal: true, Major: true, Others: []int64{bob}})
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.AddEdge(ctx, &models.Edge{Kind: models.Shared, ActorID: ann, TargetID: boat, State: models.InForce, ActivityID: share})
		})
		if got := l.search(bob, models.Inbox, models.All, bob, "boat", models.Page{Count: 10}); len(got) != 0 {
			t.Errorf("before anything is indexed %q is found", got)
		}
		l.index()
		for _, deep := range []bool{false, true} {
			if deep {
				l.bury(ann, bob, eve)
			}
			for _, tt := range []struct {
				owner  int64
				stream models.Stream
				part   models.Part
				viewer int64
				text   string
				page   models.Page
				want   string
			}{
				{bob, models.Inbox, models.All, bob, "boat", models.Page{}, "redder than any boat,blue boat,red boat"},
				{bob, models.Inbox, models.All, bob, "BOAT  red!", models.Page{}, "red boat"},
				{bob, models.Inbox, models.All, bob, "red*", models.Page{}, "share,redder than any boat,red secret,red boat"},
				{bob, models.Inbox, models.All, bob, "red", models.Page{}, "share,red secret,red boat"},
				{bob, models.Inbox, models.Major, bob, "boat", models.Page{}, "redder than any boat,red boat"},
				{bob, models.Inbox, models.Minor, bob, "boat", models.Page{}, "blue boat"},
				{bob, models.Inbox, models.Direct, bob, "boat", models.Page{}, ""},
				{bob, models.Inbox, models.All, bob, "boat", models.Page{Count: 2}, "redder than any boat,blue boat"},
				{bob, models.Inbox, models.All, bob, "boat", models.Page{Count: 2, Offset: 1}, "blue boat,red boat"},
				{bob, models.Inbox, models.All, bob, "boat", models.Page{Count: 2, Offset: 5}, ""},
				{bob, models.Inbox, models.All, bob, "submarine", models.Page{}, ""},
				{bob, models.Inbox, models.All, bob, "boat submarine", models.Page{}, ""},
				{bob, models.Inbox, models.All, bob, "", models.Page{}, ""},
				{bob, models.Inbox, models.All, bob, `"'*:&`, models.Page{}, ""},
				{bob, models.Inbox, models.All, bob, `red" OR "car`, models.Page{}, ""},
				{ann, models.Outbox, models.All, ann, "red", models.Page{}, "share,red secret,red boat"},
				{ann, models.Outbox, models.All, eve, "red", models.Page{}, "share,red boat"},
				{ann, models.Outbox, models.All, bob, "red", models.Page{}, "share,red secret,red boat"},
				{ann, models.Outbox, models.All, 0, "red", models.Page{}, "share,red boat"},
				{eve, models.Inbox, models.All, eve, "red", models.Page{}, "red car"},
			} {
				if tt.page.Count == 0 {
					tt.page.Count = 10
				}
				if got := strings.Join(l.search(tt.owner, tt.stream, tt.part, tt.viewer, tt.text, tt.page), ","); got != tt.want {
					t.Errorf("by the index: %v: %q in stream %d, part %d of %d by %d, %+v: found %q, want %q", deep, tt.text, tt.stream, tt.part, tt.owner, tt.viewer, tt.page, got, tt.want)
				}
			}
		}
	})
}

func TestPagesOfASearch(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		l := library{t, db}
		ann := person(t, db, "ann", "")
		for i := range 9 {
			l.post(fmt.Sprint("word n", i), ann, models.Distribution{}, models.Public)
			l.post(fmt.Sprint("other n", i), ann, models.Distribution{}, models.Public)
		}
		l.index()
		for _, deep := range []bool{false, true} {
			if deep {
				l.bury(ann)
			}
			page := func(p models.Page) []models.Item {
				return must[[]models.Item](t)(db.SearchStream(t.Context(), ann, models.Inbox, models.All, models.Viewer{ActorID: ann}, models.ParseSearch("word"), p))
			}
			var got []string
			for p := (models.Page{Count: 4}); ; {
				items := page(p)
				if len(items) == 0 {
					break
				}
				got = append(got, titles(items)...)
				p.Before = items[len(items)-1].Position
			}
			if want := "word n8,word n7,word n6,word n5,word n4,word n3,word n2,word n1,word n0"; strings.Join(got, ",") != want {
				t.Errorf("by the index: %v: paging finds %q", deep, got)
			}
			all := page(models.Page{Count: 10})
			if got := strings.Join(titles(page(models.Page{Count: 2, Since: all[5].Position})), ","); got != "word n5,word n4" {
				t.Errorf("by the index: %v: since n3 there is %q", deep, got)
			}
		}
	})
}

func TestSearchForgetsWhatIsGone(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		l := library{t, db}
		ann := person(t, db, "ann", "")
		object, _ := l.post("old words", ann, models.Distribution{}, models.Public)
		l.index()
		found := func(text, want string) {
			t.Helper()
			if got := strings.Join(l.search(ann, models.Inbox, models.All, ann, text, models.Page{Count: 10}), ","); got != want {
				t.Errorf("%q finds %q, want %q", text, got, want)
			}
		}
		found("old", "old words")
		change := func(f func(o *models.Object)) {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				o := must[*models.Object](t)(tx.Object(ctx, object))
				o.Doc = o.Doc.Clone()
				f(o)
				return tx.UpdateObject(ctx, o)
			})
		}
		change(func(o *models.Object) { o.Doc.Content = "new words" })
		l.index()
		found("old", "")
		found("new words", "old words") // its title
		change(func(o *models.Object) { o.Doc.Content, o.Deleted = "", at })
		found("new", "") // at once
		l.index()
		found("words", "")
		if n := number(t, db, "SELECT COUNT(*) FROM search_words"); n != 0 {
			t.Errorf("%d things are left in the index", n)
		}
		// An activity that is deleted brings nothing any more.
		_, activity := l.post("second", ann, models.Distribution{}, models.Public)
		l.index()
		found("second", "second")
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			a := must[*models.Activity](t)(tx.Activity(ctx, activity))
			a.Deleted = at
			return tx.UpdateActivity(ctx, a)
		})
		found("second", "")
	})
}

// Of two processes that index the same changes one does it, and none puts older
// words over newer ones.
func TestIndexingAtOnce(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		l := library{t, db}
		ann := person(t, db, "ann", "")
		object, _ := l.post("first", ann, models.Distribution{}, models.Public)
		slow := must[[]models.Change](t)(db.SearchQueue(t.Context(), 100))
		if len(slow) != 2 || slow[0].ObjectID != object || slow[1].ObjectID != object {
			t.Fatalf("the queue is %v", slow)
		}
		l.index()
		err := db.Write(t.Context(), func(tx *models.Tx) error {
			return tx.IndexWords(t.Context(), slow, map[int64][]string{object: {"stale"}})
		})
		if !errors.Is(err, models.ErrIndexed) {
			t.Errorf("indexing what is indexed: %v", err)
		}
		if got := l.search(ann, models.Inbox, models.All, ann, "stale", models.Page{Count: 10}); len(got) != 0 {
			t.Errorf("stale words find %q", got)
		}
		if got := l.search(ann, models.Inbox, models.All, ann, "first", models.Page{Count: 10}); len(got) != 1 {
			t.Errorf("the right words find %q", got)
		}
	})
}

func TestSearchOfFavorites(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		l := library{t, db}
		p := people(t, db, "ann", "bob")
		ann, bob := p[0], p[1]
		for _, text := range []string{"red boat", "red car", "blue car"} {
			o, _ := l.post(text, ann, models.Distribution{}, models.Public)
			edge(t, db, models.Likes, bob, o)
		}
		secret, _ := l.post("red secret", ann, models.Distribution{Others: []int64{bob}}, models.Limited)
		edge(t, db, models.Likes, bob, secret)
		l.index()
		for _, tt := range []struct {
			viewer     int64
			text, want string
		}{{bob, "red", "red secret,red car,red boat"}, {0, "red", "red car,red boat"}, {0, "car red", "red car"}, {bob, "", ""}} {
			list := must[[]*models.Object](t)(db.SearchLikes(t.Context(), bob, models.Viewer{ActorID: tt.viewer}, models.ParseSearch(tt.text), models.Page{Count: 10}))
			var got []string
			for _, o := range list {
				got = append(got, o.Doc.Content)
			}
			if strings.Join(got, ",") != tt.want {
				t.Errorf("%q by %d finds %q, want %q", tt.text, tt.viewer, got, tt.want)
			}
		}
	})
}

// Whatever somebody types, a search finds something or nothing, and never
// fails.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{"", "boat", `"`, `'`, `\`, "a* b", "'a':*", "a & b | !c", `"a" NEAR/2 "b"`, "a:b", "{a b} : c", "^a", "a - b", "日本*", "\x00", "\xff", "½", "İ", "a\u0300", "'); DROP TABLE edges; --"} {
		f.Add(seed)
	}
	path := f.TempDir() + "/store.db"
	db, err := models.Open(f.Context(), models.Options{Database: path})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(f.Context()); err != nil {
		f.Fatal(err)
	}
	if _, err := db.SQL().Exec(fill(500, "INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) SELECT 1, 1, 0, i, i, i FROM n")); err != nil {
		f.Fatal(err)
	}
	if _, err := db.SQL().Exec(fill(500, `INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, target_kind, target_id, visibility, local, published, updated, audience, doc)
		SELECT i, 1, 'post', 1, 2, 1, 0, 0, 0, TRUE, 0, 0, '[]', '{}' FROM n`)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := db.SearchStream(t.Context(), 1, models.Inbox, models.All, models.Viewer{ActorID: 1}, models.ParseSearch(text), models.Page{Count: 10}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for _, word := range models.Words(text) {
			if again := models.Words(word); len(again) != 1 || again[0] != word {
				t.Errorf("the word %q of %q is taken apart into %q", word, text, again)
			}
		}
	})
}
