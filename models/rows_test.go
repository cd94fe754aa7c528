package models_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// extra is a member that no field names, with everything in it that an encoder
// could be tempted to change.
var extra = map[string]json.RawMessage{"http://them/#x": json.RawMessage(`{"a":"<b>&\u00e9é\/","n":[1.0,1e5,12345678901234567890],"e":[],"z":null}`)}

func TestActors(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		a := &models.Actor{Type: vocab.TypeGroup, Nickname: "Ann", Host: "them", State: models.Suspended, AuthorID: 5, ActivityID: 6, Created: at, Updated: at,
			Doc: &vocab.Object{ID: "https://them/ann", Type: vocab.TypeGroup, DisplayName: "Ann <3 \x00 ü", Extra: extra}}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.CreateActor(ctx, a, "https://them/ann", "acct:ann@them")
		})
		if a.ID == 0 || a.Version != 1 {
			t.Errorf("after creating: %+v", a)
		}
		for _, from := range []string{"cache", "database"} {
			if from == "database" {
				models.Forget(db)
			}
			for _, got := range []*models.Actor{must[*models.Actor](t)(db.Actor(ctx, a.ID)), must[*models.Actor](t)(db.ActorByIRI(ctx, "acct:ann@them"))} {
				if !reflect.DeepEqual(got, a) {
					t.Errorf("from the %s: %+v, want %+v", from, got, a)
				}
			}
		}
		old := must[*models.Actor](t)(db.Actor(ctx, a.ID))
		changed := *old
		changed.State, changed.Updated = models.Active, at.Add(time.Hour)
		changed.Doc = old.Doc.Clone()
		changed.Doc.DisplayName = "Bea"
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateActor(ctx, &changed) })
		if old.Doc.DisplayName == "Bea" || changed.Version != 2 {
			t.Errorf("old %+v, changed to version %d", old.Doc, changed.Version)
		}
		for _, from := range []string{"cache", "database"} {
			if from == "database" {
				models.Forget(db)
			}
			if got := must[*models.Actor](t)(db.Actor(ctx, a.ID)); !reflect.DeepEqual(got, &changed) {
				t.Errorf("changed, from the %s: %+v, want %+v", from, got, changed)
			}
		}
		taken := db.Write(ctx, func(tx *models.Tx) error {
			return tx.CreateActor(ctx, &models.Actor{Doc: &vocab.Object{}}, "https://them/bea", "acct:ann@them")
		})
		if !errors.Is(taken, models.ErrExists) {
			t.Errorf("an actor of a name that is taken: error %v, want ErrExists", taken)
		}
		if n := number(t, db, "SELECT COUNT(*) FROM actors"); n != 1 {
			t.Errorf("%d actors, want 1", n)
		}
		unknown := db.Write(ctx, func(tx *models.Tx) error {
			return tx.UpdateActor(ctx, &models.Actor{ID: 1, Doc: &vocab.Object{}})
		})
		_, byID := db.Actor(ctx, 1)
		_, byName := db.ActorByIRI(ctx, "https://them/bea")
		for what, err := range map[string]error{"update": unknown, "by id": byID, "by name": byName} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: error %v, want ErrNotFound", what, err)
			}
		}
	})
}

func TestObjects(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		o := &models.Object{Type: vocab.TypeNote, AuthorID: 4, ParentID: 5, ActivityID: 6, Local: true, ListOf: "person", Created: at, Updated: at,
			Doc: &vocab.Object{ID: "https://us/1", Type: vocab.TypeNote, Content: "<p>ü &amp; 🙂</p>", Published: at, Extra: extra}}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return tx.CreateObject(ctx, o, "https://us/1", "https://us/page/1")
		})
		if o.ID == 0 || o.Version != 1 || o.Position == 0 {
			t.Errorf("after creating: %+v", o)
		}
		for _, from := range []string{"cache", "database"} {
			if from == "database" {
				models.Forget(db)
			}
			if got := must[*models.Object](t)(db.ObjectByIRI(ctx, "https://us/page/1")); !reflect.DeepEqual(got, o) {
				t.Errorf("from the %s: %+v, want %+v", from, got, o)
			}
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.CountObject(ctx, o.ID, models.CountLikes, 3), tx.CountObject(ctx, o.ID, models.CountLikes, -1),
				tx.CountObject(ctx, o.ID, models.CountReplies, 4), tx.CountObject(ctx, o.ID, models.CountShares, 5), tx.CountObject(ctx, o.ID, models.CountListMembers, 6))
		})
		changed := *o
		changed.Type, changed.AuthorID, changed.ParentID, changed.ActivityID, changed.ListOf = vocab.TypeComment, 7, 8, 9, ""
		changed.Updated, changed.Deleted, changed.Doc = at.Add(time.Hour), at.Add(2*time.Hour), o.Doc.Tombstone(at)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateObject(ctx, &changed) })
		// Counters are counted and not written.
		changed.Counts = models.ObjectCounts{Likes: 2, Replies: 4, Shares: 5, Members: 6}
		for _, from := range []string{"cache", "database"} {
			if from == "database" {
				models.Forget(db)
			}
			got := must[*models.Object](t)(db.Object(ctx, o.ID))
			if !reflect.DeepEqual(got, &changed) || got.Version != 2 {
				t.Errorf("changed, from the %s: %+v, want %+v", from, got, changed)
			}
		}
		unknown := db.Write(ctx, func(tx *models.Tx) error { return tx.UpdateObject(ctx, &models.Object{ID: 1, Doc: &vocab.Object{}}) })
		_, byID := db.Object(ctx, 1)
		_, byName := db.ObjectByIRI(ctx, "https://us/2")
		for what, err := range map[string]error{"update": unknown, "by id": byID, "by name": byName} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: error %v, want ErrNotFound", what, err)
			}
		}
	})
}

func TestActivities(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		a := &models.Activity{Verb: "http://them/dance", ActorID: 3, Object: models.Ref{Kind: models.KindObject, ID: 4}, ObjectPost: 5,
			Target: models.Ref{Kind: models.KindActor, ID: 6}, Visibility: models.Unlisted, Local: true, Published: at, Updated: at,
			Audience: []models.Addressee{{Field: models.To, Kind: models.AudienceActor, ID: 7}, {Field: models.CC, Kind: models.AudienceFollowers, ID: 3},
				{Field: models.BTo, Kind: models.AudienceUnknown}, {Field: models.BCC, Kind: models.AudiencePublic}, {Field: models.BCC, Kind: models.AudienceActor, ID: 7}},
			Doc: &vocab.Activity{ID: "https://us/a", Verb: "http://them/dance", Content: "<a href=\"x\">ann</a>", Extra: extra}}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			a.ID = tx.NewID()
			return firstError(tx.Identify(ctx, models.Identifier{Kind: models.KindActivity, IRI: "https://us/a", Ref: a.ID}), tx.InsertActivity(ctx, a))
		})
		for _, from := range []string{"cache", "database"} {
			if from == "database" {
				models.Forget(db)
			}
			if got := must[*models.Activity](t)(db.ActivityByIRI(ctx, "https://us/a")); !reflect.DeepEqual(got, a) || got.Version != 1 {
				t.Errorf("from the %s: %+v, want %+v", from, got, a)
			}
		}
		changed := *a
		changed.Updated, changed.Deleted, changed.Doc = at.Add(time.Hour), at.Add(time.Hour), a.Doc.Tombstone(at)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateActivity(ctx, &changed) })
		for range 2 {
			got := must[*models.Activity](t)(db.Activity(ctx, a.ID))
			if !reflect.DeepEqual(got, &changed) || got.Version != 2 {
				t.Errorf("changed: %+v, want %+v", got, changed)
			}
		}
		unknown := db.Write(ctx, func(tx *models.Tx) error {
			return tx.UpdateActivity(ctx, &models.Activity{ID: 1, Doc: &vocab.Activity{}})
		})
		_, byID := db.Activity(ctx, 1)
		_, byName := db.ActivityByIRI(ctx, "https://us/b")
		for what, err := range map[string]error{"update": unknown, "by id": byID, "by name": byName} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: error %v, want ErrNotFound", what, err)
			}
		}
	})
}

// More rows than one statement takes, some of which do not exist.
func TestRowsByTheHundreds(t *testing.T) {
	const n = 1_100
	stores(t, func(t *testing.T, db *models.DB) {
		execute(t, db, fill(n, "INSERT INTO actors (id, version, type, nickname, nickname_folded, host, local, state, created, updated, doc) "+
			`SELECT i, 1, 'person', '', '', '', TRUE, 0, 0, 0, '{"id":"a' || i || '"}' FROM n`))
		execute(t, db, fill(n, "INSERT INTO objects (id, version, position, type, author_id, local, created, updated, doc) "+
			`SELECT 10000 + i, 1, i, 'note', 0, TRUE, 0, 0, '{"id":"o' || i || '"}' FROM n`))
		execute(t, db, fill(n, "INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, target_kind, target_id, visibility, local, published, updated, audience, doc) "+
			`SELECT 20000 + i, 1, 'post', 1, 0, 0, 0, 0, 0, TRUE, 0, 0, '[]', '{"id":"t' || i || '"}' FROM n`))
		idsAfter := func(first int64) []int64 {
			ids := make([]int64, n+5)
			for i := range ids {
				ids[i] = first + int64(i) + 1
			}
			return ids
		}
		actors := must[map[int64]*models.Actor](t)(db.Actors(t.Context(), idsAfter(0)...))
		objects := must[map[int64]*models.Object](t)(db.Objects(t.Context(), idsAfter(10_000)...))
		activities := must[map[int64]*models.Activity](t)(db.Activities(t.Context(), idsAfter(20_000)...))
		if len(actors) != n || len(objects) != n || len(activities) != n {
			t.Errorf("%d actors, %d objects and %d activities, want %d of each", len(actors), len(objects), len(activities), n)
		}
		for id := int64(1); id <= n; id++ {
			got := []string{actors[id].Doc.ID, objects[10_000+id].Doc.ID, activities[20_000+id].Doc.ID}
			if want := []string{fmt.Sprint("a", id), fmt.Sprint("o", id), fmt.Sprint("t", id)}; !slices.Equal(got, want) {
				t.Fatalf("documents %v, want %v", got, want)
			}
		}
	})
}

// What one process changes another sees, although it has the old version in its
// cache; and nobody sees what was rolled back.
func TestCacheIsNeverStale(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		other := open(t, models.Options{Database: address})
		ann := person(t, db, "ann", "")
		rename := func(db *models.DB, name string, result error) {
			t.Helper()
			err := db.Write(t.Context(), func(tx *models.Tx) error {
				a, err := tx.Actor(t.Context(), ann)
				if err != nil {
					return err
				}
				a.Doc = &vocab.Object{DisplayName: name}
				if err := tx.UpdateActor(t.Context(), a); err != nil {
					return err
				}
				again, err := tx.Actor(t.Context(), ann)
				if err == nil && again.Doc.DisplayName != name {
					t.Errorf("the transaction that changed the name to %s sees %s", name, again.Doc.DisplayName)
				}
				return firstError(err, result)
			})
			if !errors.Is(err, result) {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			by     *models.DB
			name   string
			result error
			want   string
		}{
			{db, "one", nil, "one"}, {db, "two", errRefused, "one"}, {other, "three", nil, "three"},
			{db, "four", errRefused, "three"}, {other, "five", errRefused, "three"}, {db, "six", nil, "six"},
		} {
			rename(step.by, step.name, step.result)
			for process, db := range []*models.DB{db, other, db} {
				if got := must[*models.Actor](t)(db.Actor(t.Context(), ann)); got.Doc.DisplayName != step.want {
					t.Errorf("after %s process %d sees %s, want %s", step.name, process, got.Doc.DisplayName, step.want)
				}
			}
		}
	})
}

func TestActorCounters(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ann := person(t, db, "ann", "")
		for i, counter := range []models.ActorCount{models.CountFollowers, models.CountFollowing, models.CountFavorites, models.CountLists, models.CountMembers} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				return firstError(tx.Count(ctx, ann, counter, i+3), tx.Count(ctx, ann, counter, -1))
			})
		}
		a := must[*models.Actor](t)(db.Actor(t.Context(), ann))
		if want := (models.ActorCounts{Followers: 2, Following: 3, Favorites: 4, Lists: 5, Members: 6}); a.Counts != want || a.Version != 1 {
			t.Errorf("counted %+v in version %d, want %+v in version 1", a.Counts, a.Version, want)
		}
	})
}

func TestOriginals(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		keep := func(ref int64, network, body string, replaces bool) *models.Original {
			o := &models.Original{RefID: ref, Network: network, SenderID: 3, Verified: "oauth1", ContentType: "application/json", Received: at, Bytes: []byte(body)}
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.InsertOriginal(ctx, o, replaces) })
			return o
		}
		keep(1, "pump", "old", false)
		pump := keep(1, "pump", "\x00\xff{ \"a\" : 1 }\r\n", true)
		atom := keep(1, "ostatus", "<entry/>", true)
		other := keep(2, "pump", "", false)
		for _, want := range []*models.Original{pump, atom, other} {
			got := must[*models.Original](t)(db.OriginalOf(t.Context(), want.RefID, want.Network))
			if string(got.Bytes) != string(want.Bytes) || got.SenderID != 3 || got.Verified != "oauth1" || got.ContentType != "application/json" || !got.Received.Equal(at) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		if n := number(t, db, "SELECT COUNT(*) FROM originals WHERE superseded"); n != 1 {
			t.Errorf("%d documents are superseded, want that which was replaced in its own network", n)
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.RemoveOriginals(ctx), tx.RemoveOriginals(ctx, 1, 5))
		})
		for _, network := range []string{"pump", "ostatus"} {
			if _, err := db.OriginalOf(t.Context(), 1, network); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: error %v, want ErrNotFound", network, err)
			}
		}
		if _, err := db.OriginalOf(t.Context(), 2, "pump"); err != nil {
			t.Error(err)
		}
	})
}

func TestUploads(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		upload := func(name string, owner int64) *models.Object {
			o := &models.Object{Type: vocab.TypeImage, AuthorID: owner, Local: true, Doc: &vocab.Object{ID: name}}
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				if err := tx.CreateObject(ctx, o, "https://us/"+name); err != nil {
					return err
				}
				return firstError(
					tx.InsertUpload(ctx, &models.Upload{Path: name + ".png", OwnerID: owner, ObjectID: o.ID, MediaType: "image/png", Size: 1 << 40}),
					tx.InsertUpload(ctx, &models.Upload{Path: name + "_t.png", OwnerID: owner, ObjectID: o.ID, MediaType: "image/png", Size: 7, Thumbnail: true}))
			})
			return o
		}
		ids := func(list []*models.Object) (names []string) {
			for _, o := range list {
				names = append(names, o.Doc.ID)
			}
			return names
		}
		var objects []*models.Object
		for _, name := range []string{"a", "b", "c"} {
			objects = append(objects, upload(name, 1))
		}
		upload("d", 2)
		list, total, err := db.Uploads(ctx, 1, models.Page{Count: 2})
		if got := ids(list); err != nil || total != 3 || !slices.Equal(got, []string{"c", "b"}) {
			t.Errorf("uploads %v of %d, error %v; want c, b of 3", got, total, err)
		}
		list, _, err = db.Uploads(ctx, 1, models.Page{Count: 20, Before: must[int64](t)(db.UploadPosition(ctx, objects[1].ID))})
		if got := ids(list); err != nil || !slices.Equal(got, []string{"a"}) {
			t.Errorf("uploads before b %v, error %v; want a", got, err)
		}
		const each = 1<<40 + 7
		if got := usage(t, db, 1, 2, 3); got != [3]int64{3 * each, each, 0} {
			t.Errorf("the files take %v bytes, want 3, 1 and 0 times %d", got, each)
		}
		if got, want := *must[*models.Upload](t)(db.Upload(ctx, "a.png")), (models.Upload{Path: "a.png", OwnerID: 1, ObjectID: objects[0].ID, MediaType: "image/png", Size: 1 << 40}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		files := map[string]models.Upload{}
		for _, f := range must[[]*models.Upload](t)(db.ObjectUploads(ctx, objects[0].ID)) {
			files[f.Path] = *f
		}
		for path, got := range files {
			if want := *must[*models.Upload](t)(db.Upload(ctx, path)); got != want {
				t.Errorf("among the files of the object it is %+v, and by itself %+v", got, want)
			}
		}
		if len(files) != 2 {
			t.Errorf("%d files, want 2", len(files))
		}
		paths := must[[]string](t)(db.UploadsOf(ctx, objects[0].ID))
		slices.Sort(paths)
		if want := []string{"a.png", "a_t.png"}; !slices.Equal(paths, want) {
			t.Errorf("files %v, want %v", paths, want)
		}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.PublishUploads(ctx, 1), tx.PublishUploads(ctx, 1, "a.png", "d.png", "x.png"), tx.RemoveUploads(ctx), tx.RemoveUploads(ctx, "b.png", "b_t.png", "x.png"))
		})
		if a, d := must[*models.Upload](t)(db.Upload(ctx, "a.png")), must[*models.Upload](t)(db.Upload(ctx, "d.png")); !a.Public || d.Public {
			t.Errorf("a public: %v, want true; another's public: %v, want false", a.Public, d.Public)
		}
		if got := usage(t, db, 1, 2, 3); got != [3]int64{2 * each, each, 0} {
			t.Errorf("after one is gone the files take %v bytes, want 2, 1 and 0 times %d", got, each)
		}
		if _, err := db.Upload(ctx, "b.png"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a file that is gone: error %v, want ErrNotFound", err)
		}
		gone := objects[2]
		gone.Deleted, gone.Doc = at, gone.Doc.Tombstone(at)
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateObject(ctx, gone) })
		list, total, err = db.Uploads(ctx, 1, models.Page{Count: 20})
		if got := ids(list); err != nil || total != 1 || !slices.Equal(got, []string{"a"}) {
			t.Errorf("in the end uploads %v of %d, error %v; want a of 1", got, total, err)
		}
	})
}

func TestStats(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		if s := db.Stats(); s.Cached != 0 || s.CacheBytes != 0 {
			t.Errorf("nothing was read, but %+v", s)
		}
		ann := person(t, db, "ann", "")
		models.Forget(db)
		must[*models.Actor](t)(db.Actor(t.Context(), ann))
		if s := db.Stats(); s.Cached != 1 || s.CacheBytes == 0 {
			t.Errorf("one document was read, but %+v", s)
		}
		if s := db.Stats(); s.Connections < 1 {
			t.Errorf("open, with %d connections", s.Connections)
		}
	})
}

func usage(t *testing.T, db *models.DB, owners ...int64) (bytes [3]int64) {
	t.Helper()
	for i, owner := range owners {
		bytes[i] = must[int64](t)(db.UploadUsage(t.Context(), owner))
	}
	return bytes
}

// Of two uploads at once that fit one by one but not together, one is refused.
func TestRoomIsGivenOutOnce(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		const room, each = 1000, 300
		full := errors.New("full")
		var refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				err := db.Write(t.Context(), func(tx *models.Tx) error {
					if err := tx.InsertUpload(t.Context(), &models.Upload{Path: fmt.Sprint(i), OwnerID: 1, Size: each}); err != nil {
						return err
					}
					used, err := tx.UploadUsage(t.Context(), 1)
					if err == nil && used > room {
						err = full
					}
					return err
				})
				if errors.Is(err, full) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := usage(t, db, 1); refused.Load() != 5 || got[0] != 900 {
			t.Errorf("%d were refused and %d bytes are taken, want 5 and 900", refused.Load(), got[0])
		}
	})
}

// What was uploaded before there was a count is counted.
func TestRoomOfOldUploads(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			return firstError(tx.InsertUpload(ctx, &models.Upload{Path: "a", OwnerID: 1, Size: 1 << 40}), tx.InsertUpload(ctx, &models.Upload{Path: "b", OwnerID: 1, Size: 2}),
				tx.InsertUpload(ctx, &models.Upload{Path: "c", OwnerID: 2, Size: 3}))
		})
		text := string(must[[]byte](t)(os.ReadFile("migrations/0004_uploads_proxy.sql")))
		_, fill, ok := strings.Cut(text, "INSERT INTO upload_usage")
		if fill, _, _ = strings.Cut(fill, ";"); !ok {
			t.Fatal("the migration counts nothing")
		}
		execute(t, db, "DELETE FROM upload_usage")
		execute(t, db, "INSERT INTO upload_usage"+fill)
		if got := usage(t, db, 1, 2); got != [3]int64{1<<40 + 2, 3, 0} {
			t.Errorf("the old files take %v bytes", got)
		}
	})
}

func TestProxies(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		ensure := func(tokens map[string]string) (found map[string]string) {
			t.Helper()
			write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
				found, err = tx.EnsureProxies(ctx, tokens, at)
				return err
			})
			return found
		}
		if got := ensure(nil); len(got) != 0 {
			t.Errorf("nothing has the tokens %v", got)
		}
		if got, want := ensure(map[string]string{"https://a/": "1", "https://b/é": "2"}), map[string]string{"https://a/": "1", "https://b/é": "2"}; !maps.Equal(got, want) {
			t.Errorf("tokens %v, want %v", got, want)
		}
		// A token stays.
		if got, want := ensure(map[string]string{"https://a/": "3", "https://c/": "4"}), map[string]string{"https://a/": "1", "https://c/": "4"}; !maps.Equal(got, want) {
			t.Errorf("tokens %v, want %v", got, want)
		}
		found := must[map[string]string](t)(db.Proxies(ctx, "https://c/", "https://none/", "https://b/é", "\xff\x00"))
		if want := map[string]string{"https://c/": "4", "https://b/é": "2"}; !maps.Equal(found, want) {
			t.Errorf("tokens %v, want %v", found, want)
		}
		if got := must[string](t)(db.ProxiedAddress(ctx, "2")); got != "https://b/é" {
			t.Errorf("behind the token is %s", got)
		}
		for _, token := range []string{"3", "", "\xff"} {
			if _, err := db.ProxiedAddress(ctx, token); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%q: error %v, want ErrNotFound", token, err)
			}
		}
		many := map[string]string{}
		for _, n := range names("https://many/", 1_203) {
			many[n] = "t" + n
		}
		if got := ensure(many); !maps.Equal(got, many) {
			t.Errorf("of %d addresses %d have their token", len(many), len(got))
		}
		if got := must[map[string]string](t)(db.Proxies(ctx, slices.Collect(maps.Keys(many))...)); !maps.Equal(got, many) {
			t.Errorf("of %d addresses %d are found", len(many), len(got))
		}
		long := "https://x/" + strings.Repeat("x", models.MaxIRI)
		if err := db.Write(ctx, func(tx *models.Tx) error {
			_, err := tx.EnsureProxies(ctx, map[string]string{long: "l"}, at)
			return err
		}); err == nil {
			t.Error("an address was stored that is too long")
		}
	})
}

// The same new addresses in many pages at once get one token each.
func TestProxiesAtOnce(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		addresses := names("https://x/", 50)
		found := make([]map[string]string, 6)
		var wg sync.WaitGroup
		for i := range found {
			wg.Go(func() {
				tokens := map[string]string{}
				for _, a := range addresses {
					tokens[a] = fmt.Sprint(i, a)
				}
				err := db.Write(t.Context(), func(tx *models.Tx) (err error) {
					found[i], err = tx.EnsureProxies(t.Context(), tokens, at)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, got := range found {
			if len(got) != len(addresses) || !maps.Equal(got, found[0]) {
				t.Errorf("page %d was told %v, page 0 %v", i, got, found[0])
			}
		}
	})
}
