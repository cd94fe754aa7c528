package models_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"manifold/internal/scratchpg"
	"manifold/models"
	"manifold/models/vocab"
)

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

// databases are the two kinds of store that every test runs on; each makes an
// empty database and returns its address.
var databases = []struct {
	name    models.Dialect
	address func(*testing.T) string
}{
	{models.SQLite, func(t *testing.T) string { return filepath.Join(t.TempDir(), "store.db") }},
	{models.Postgres, func(t *testing.T) string { return scratchpg.Database(t) }},
}

// addresses runs a test with the address of an empty database of each kind.
func addresses(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	for _, d := range databases {
		t.Run(string(d.name), func(t *testing.T) { test(t, d.address(t)) })
	}
}

// stores runs a test with an empty store of each kind, whose tables are made.
func stores(t *testing.T, test func(t *testing.T, db *models.DB)) {
	t.Helper()
	addresses(t, func(t *testing.T, address string) { test(t, newStore(t, address)) })
}

// newStore makes the tables of an empty database and joins it.
func newStore(t *testing.T, address string) *models.DB {
	t.Helper()
	db := open(t, models.Options{Database: address})
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	join(t, db)
	return db
}

// open connects to a database as another process would; the test's end closes it.
func open(t *testing.T, o models.Options) *models.DB {
	t.Helper()
	db, err := models.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func join(t *testing.T, db *models.DB) {
	t.Helper()
	if err := db.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// write runs f in a transaction that must succeed.
func write(t *testing.T, db *models.DB, f func(ctx context.Context, tx *models.Tx) error) {
	t.Helper()
	ctx := t.Context()
	if err := db.Write(ctx, func(tx *models.Tx) error { return f(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

// execute runs a statement of the test's own.
func execute(t *testing.T, db *models.DB, query string) {
	t.Helper()
	if _, err := db.SQL().ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// number asks for one number.
func number(t *testing.T, db *models.DB, query string) int64 {
	t.Helper()
	var n int64
	if err := db.SQL().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// within returns what arrives on a channel.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// ignore returns err unless it is expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// firstError returns the first of several errors.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// at is a time that every database keeps exactly.
var at = time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)

// person makes an active actor; host is empty for one of ours.
func person(t *testing.T, db *models.DB, nick, host string) int64 {
	t.Helper()
	a := &models.Actor{
		Type: vocab.TypePerson, Nickname: nick, Host: host, Local: host == "", Created: at, Updated: at,
		Doc: &vocab.Object{ID: "acct:" + nick + "@" + host, Type: vocab.TypePerson, DisplayName: nick},
	}
	write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.CreateActor(ctx, a, a.Doc.ID) })
	return a.ID
}

// people makes active actors of ours.
func people(t *testing.T, db *models.DB, nicks ...string) []int64 {
	t.Helper()
	ids := make([]int64, len(nicks))
	for i, nick := range nicks {
		ids[i] = person(t, db, nick, "")
	}
	return ids
}

// edge makes an edge in force that starts at somebody of ours.
func edge(t *testing.T, db *models.DB, kind models.EdgeKind, actor, target int64) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx *models.Tx) error {
		return tx.AddEdge(ctx, &models.Edge{Kind: kind, ActorID: actor, TargetID: target, State: models.InForce, ActorLocal: true, Created: at})
	})
}

// deed is an activity as tests describe it. Its name is its title and its id.
type deed struct {
	name       string
	actor      int64
	verb       string // post where it is empty
	object     models.Ref
	objectPost int64
	visibility models.Visibility
	audience   []models.Addressee
}

// insert stores the activity.
func (d deed) insert(ctx context.Context, tx *models.Tx) (*models.Activity, error) {
	verb := vocab.Verb(d.verb)
	a := &models.Activity{
		ID: tx.NewID(), Verb: verb, ActorID: d.actor, Object: d.object, ObjectPost: d.objectPost, Visibility: d.visibility, Local: true,
		Published: at, Updated: at, Audience: d.audience,
		Doc: &vocab.Activity{ID: "https://us/" + d.name, Verb: verb, Title: d.name, Published: at, Updated: at},
	}
	if err := tx.Identify(ctx, models.Identifier{Kind: models.KindActivity, IRI: a.Doc.ID, Ref: a.ID}); err != nil {
		return nil, err
	}
	return a, tx.InsertActivity(ctx, a)
}

// do stores an activity and distributes it; Activity and Author of the
// distribution are filled in.
func do(t *testing.T, db *models.DB, d deed, to models.Distribution) int64 {
	t.Helper()
	var id int64
	write(t, db, func(ctx context.Context, tx *models.Tx) error {
		a, err := d.insert(ctx, tx)
		if err != nil {
			return err
		}
		id, to.Activity, to.Author, to.Limited = a.ID, a.ID, d.actor, d.visibility == models.Limited
		_, err = tx.Distribute(ctx, to)
		return err
	})
	return id
}

// titles returns what the activities of items are called.
func titles(items []models.Item) []string {
	list := make([]string, len(items))
	for i, item := range items {
		list[i] = item.Activity.Doc.Title
	}
	return list
}

// inbox returns the titles of an inbox, newest first.
func inbox(t *testing.T, db *models.DB, owner int64, part models.Part) []string {
	t.Helper()
	items, total, err := db.StreamPage(t.Context(), owner, models.Inbox, part, models.Viewer{ActorID: owner}, models.Page{Count: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if total != len(items) {
		t.Errorf("the total of part %d is %d, the stream has %d items", part, total, len(items))
	}
	return titles(items)
}

// outbox returns the titles of an outbox as somebody sees it, and its total.
func outbox(t *testing.T, db *models.DB, owner, viewer int64) ([]string, int) {
	t.Helper()
	items, total, err := db.StreamPage(t.Context(), owner, models.Outbox, models.All, models.Viewer{ActorID: viewer}, models.Page{Count: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return titles(items), total
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(prefix, i+1)
	}
	return list
}
