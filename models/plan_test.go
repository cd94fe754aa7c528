package models_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// filling makes a store in which reading a whole table would cost much more
// than an index. Actors have the ids 1 to 5,000, objects and activities 1 to
// 20,000. ann (1) is followed by many, follows many, and has long streams.
var filling = []string{
	fill(5_000, `INSERT INTO actors (id, version, type, nickname, nickname_folded, host, local, state, created, updated, doc)
		SELECT i, 1, 'person', 'n' || i, 'n' || i, CASE WHEN i % 2 = 0 THEN 'h' || (i % 50) ELSE '' END, i % 2 = 1, CASE WHEN i % 1000 = 0 THEN 1 ELSE 0 END, 0, 0, '{}' FROM n`),
	fill(40_000, `INSERT INTO presences (actor_id, network, inbox, shared_inbox, verified) SELECT i, 'pump', 'https://h/' || i, '', 0 FROM n WHERE i % 2 = 0`),
	fill(5_000, `INSERT INTO accounts (actor_id, nickname, nickname_folded, password_hash, email, admin, state, settings, created, updated)
		SELECT i, 'n' || i, 'n' || i, '', '', FALSE, 0, '{}', 0, 0 FROM n`),
	fill(20_000, `INSERT INTO identifiers (kind, iri, ref_id) SELECT 2, 'https://us/object/' || i, 100000 + i FROM n`),
	fill(20_000, `INSERT INTO identifiers (kind, iri, ref_id) SELECT 3, 'https://us/activity/' || i, i FROM n`),
	fill(5_000, `INSERT INTO identifiers (kind, iri, ref_id) SELECT 1, 'acct:n' || i || '@us', i FROM n`),
	fill(20_000, `INSERT INTO objects (id, version, position, type, author_id, parent_id, activity_id, local, list_of, created, updated, doc)
		SELECT 100000 + i, 1, i, 'note', i % 5000, CASE WHEN i % 3 = 0 THEN i * 7 % 20000 + 100001 ELSE 0 END, i, TRUE, CASE WHEN i % 20 = 1 THEN 'person' ELSE '' END, 0, 0, '{}' FROM n`),
	fill(20_000, `INSERT INTO activities (id, version, verb, actor_id, object_kind, object_id, target_kind, target_id, visibility, local, published, updated, audience, doc)
		SELECT i, 1, 'post', i % 5000, 2, 100000 + i, 0, 0, CASE WHEN i % 2 = 0 THEN 0 ELSE 2 END, TRUE, 0, 0, '[]', '{}' FROM n`),
	fill(20_000, `INSERT INTO audience (activity_id, kind, recipient_id) SELECT i, i % 4 + 1, i % 5000 FROM n`),
	fill(20_000, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT i % 4 + 1, i % 4999 + 2, i % 3989 + CASE WHEN i % 4 IN (1, 2) THEN 100001 ELSE 1 END, i, 1, i % 2 = 0, 0, 0 FROM n`),
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT i % 4 + 1, 1, 10000 + i, 20000 + i, 1, TRUE, 0, 0 FROM n`),
	fill(300, `INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
		SELECT 1, 10000 + i, 1, 30000 + i, 1, i % 2 = 0, 0, 0 FROM n`),
	fill(2_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) SELECT 1, 1, i % 4, i, i, i / 4 + 1 FROM n`),
	fill(2_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
		SELECT 1, 2, CASE i % 4 WHEN 2 THEN 4 WHEN 3 THEN 5 ELSE i % 4 END, i, i, i / 4 + 1 FROM n`),
	fill(40_000, `INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal) SELECT i % 4999 + 2, 1, i % 4, i, i, i / 5000 + 1 FROM n`),
	fill(5_000, `INSERT INTO originals (id, ref_id, network, sender_id, verified, content_type, received, bytes) SELECT i, i, 'pump', 1, '', '', 0, '' FROM n`),
	fill(5_000, `INSERT INTO uploads (path, owner_id, object_id, position, media_type, size, thumbnail) SELECT 'p' || i, i % 100 + 1, 100000 + i * 4, i, '', 0, FALSE FROM n`),
	fill(5_000, `INSERT INTO clients (id, client_id, secret, application_name, application_type, contacts, logo_url, redirect_uris, created, updated)
		SELECT i, 'c' || i, '', '', '', '', '', '', 0, 0 FROM n`),
	fill(5_000, `INSERT INTO request_tokens (token, secret, client_id, callback, verifier, actor_id, used, created) SELECT 'r' || i, '', '', '', '', 1, FALSE, i * 10000 FROM n`),
	fill(5_000, `INSERT INTO access_tokens (token, secret, client_id, actor_id, created) SELECT 't' || i, '', 'c' || i, i * 37 % 5000 + 1, 0 FROM n`),
	fill(5_000, `INSERT INTO nonces (digest, expires) SELECT CAST('d' || i AS {{bytes}}), i * 10000 FROM n`),
	fill(5_000, `INSERT INTO sessions (id, actor_id, created, expires) SELECT CAST('s' || i AS {{bytes}}), i, 0, i * 10000 FROM n`),
}

// fill completes a statement that reads numbers from 1 to rows from a table n.
func fill(rows int, insert string) string {
	into, from, _ := strings.Cut(insert, "SELECT")
	return into + fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT", rows) + from
}

// hot is everything that runs on requests and deliveries, and what is run
// regularly beside them.
var hot = []struct {
	name string
	run  func(ctx context.Context, db *models.DB) error
}{
	{"inbox, all", readStream(models.Inbox, models.All, 1)},
	{"inbox, major", readStream(models.Inbox, models.Major, 1)},
	{"inbox, minor", readStream(models.Inbox, models.Minor, 1)},
	{"inbox, direct", readStream(models.Inbox, models.Direct, 1)},
	{"inbox, direct major", readStream(models.Inbox, models.DirectMajor, 1)},
	{"inbox, direct minor", readStream(models.Inbox, models.DirectMinor, 1)},
	{"outbox of one's own", readStream(models.Outbox, models.Major, 1)},
	{"outbox for a stranger", readStream(models.Outbox, models.All, 0)},
	{"outbox for a follower", readStream(models.Outbox, models.All, 10_001)},
	{"position of an activity", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.PositionOf(ctx, 1, models.Inbox, 44)
	})},
	{"places of activities", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.PlacesOf(ctx, []int64{44, 45, 46}, []int64{1, 2, 3})
	})},
	{"may an activity be seen", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.MaySeeActivity(ctx, models.Viewer{ActorID: 77}, 45)
	})},
	{"which objects may be seen", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.VisibleObjects(ctx, models.Viewer{ActorID: 77}, 100_044, 100_045, 100_046)
	})},
	{"lookup of any kind", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Lookup(ctx, "https://us/object/7", "acct:n7@us", "https://us/nothing")
	})},
	{"lookup of one kind", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.LookupKind(ctx, models.KindActivity, "https://us/activity/7")
	})},
	{"actors", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Actors(ctx, 1, 2, 3) })},
	{"objects", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Objects(ctx, 100_001, 100_002, 100_003)
	})},
	{"activities", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Activities(ctx, 1, 2, 3) })},
	{"credentials with a token", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Credentials(ctx, "c7", "t7") })},
	{"credentials without", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Credentials(ctx, "c7", "") })},
	{"client", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Client(ctx, "c7") })},
	{"request token", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.RequestToken(ctx, "r7") })},
	{"access token of a person", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.AccessTokenOf(ctx, 260, "c7") })},
	{"account by nickname", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.AccountByNickname(ctx, "N7") })},
	{"account", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Account(ctx, 7) })},
	{"session", func(ctx context.Context, db *models.DB) error {
		_, err := db.SessionActor(ctx, []byte("s7"))
		return ignore(err, models.ErrNotFound)
	}},
	{"relations", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.RelationsTo(ctx, 1, []int64{10_001, 10_002})
	})},
	{"edge", func(ctx context.Context, db *models.DB) error {
		_, err := db.Edge(ctx, models.Follows, 1, 10_004)
		return err
	}},
	{"followers", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.EdgesTo(ctx, models.Follows, 1, models.Page{Count: 20, Before: 40_000})
	})},
	{"followed", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.EdgesFrom(ctx, models.Follows, 1, models.Page{Count: 20, Since: 3})
	})},
	{"first likers of several", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.FirstEdgesTo(ctx, models.Likes, []int64{100_005, 100_006, 100_007}, 4)
	})},
	{"replies", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Replies(ctx, 100_007, models.Viewer{ActorID: 77}, models.Page{Count: 20})
	})},
	{"first replies of several", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.FirstReplies(ctx, []int64{100_005, 100_006, 100_007}, models.Viewer{ActorID: 77}, 4)
	})},
	{"lists", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.Lists(ctx, 1, "person", models.Viewer{ActorID: 1}, models.Page{Count: 20})
	})},
	{"favorites", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.LikedObjects(ctx, 2, models.Viewer{ActorID: 77}, models.Page{Count: 20})
	})},
	{"uploads of a person", reading(func(ctx context.Context, db *models.DB) (any, error) {
		list, _, err := db.Uploads(ctx, 7, models.Page{Count: 20})
		return list, err
	})},
	{"uploads of an object", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.UploadsOf(ctx, 100_008) })},
	{"upload", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.Upload(ctx, "p7") })},
	{"original", reading(func(ctx context.Context, db *models.DB) (any, error) { return db.OriginalOf(ctx, 7, "pump") })},
	{"remote inboxes", reading(func(ctx context.Context, db *models.DB) (any, error) {
		return db.RemoteInboxes(ctx, models.Distribution{FollowersOf: []int64{1}, MembersOf: []int64{5}, Direct: []int64{8}, OnlyWhoSee: 45}, []string{"pump", "apub"})
	})},
	{"post", writing(func(ctx context.Context, tx *models.Tx) error {
		d := deed{name: "new", actor: 1, audience: []models.Addressee{{Kind: models.AudienceActor, ID: 2}}}
		a, err := d.insert(ctx, tx)
		if err != nil {
			return err
		}
		if err := tx.InsertOriginal(ctx, &models.Original{RefID: a.ID, Network: "pump", Bytes: []byte("{}")}, true); err != nil {
			return err
		}
		_, err = tx.Distribute(ctx, models.Distribution{Activity: a.ID, Author: 1, AuthorLocal: true, FollowersOf: []int64{1}, MembersOf: []int64{5, 6},
			Direct: []int64{2, 3}, Others: []int64{4}, OnlyWhoSee: 45})
		return err
	})},
	{"changes of rows", writing(func(ctx context.Context, tx *models.Tx) error {
		return firstError(
			tx.UpdateActor(ctx, &models.Actor{ID: 7, Doc: &vocab.Object{}}),
			tx.UpdateObject(ctx, &models.Object{ID: 100_007, Doc: &vocab.Object{}}),
			tx.UpdateActivity(ctx, &models.Activity{ID: 7, Doc: &vocab.Activity{}}),
			tx.UpdateAccount(ctx, &models.Account{ActorID: 7}),
			tx.UpdateClient(ctx, &models.Client{ID: 7}),
			tx.Count(ctx, 7, models.CountFollowers, 1),
			tx.CountObject(ctx, 100_007, models.CountLikes, 1),
			tx.SetPresence(ctx, 7, "pump", "", ""),
			tx.AddEdge(ctx, &models.Edge{Kind: models.Blocks, ActorID: 7, TargetID: 8}),
			tx.RemoveEdge(ctx, models.Blocks, 7, 8),
			tx.PublishUploads(ctx, 8, "p7"),
			tx.RemoveUploads(ctx, "p8"),
			tx.RemoveOriginals(ctx, 8),
		)
	})},
	{"credentials given and withdrawn", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EnsureAccessToken(ctx, &models.AccessToken{Token: "new", ClientID: "c7", ActorID: 260})
		return firstError(
			err,
			tx.AuthorizeRequestToken(ctx, "r4000", 5),
			tx.UseRequestToken(ctx, "r4000"),
			tx.RememberNonce(ctx, []byte("new"), at),
			tx.InsertSession(ctx, []byte("new"), 7, at),
			tx.RemoveSession(ctx, []byte("new")),
			tx.RemoveSessions(ctx, 8),
			tx.RemoveAccessTokens(ctx, 9),
		)
	})},
	{"pruning", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.Prune(ctx, time.UnixMilli(time.Hour.Milliseconds()))
		return err
	})},
	{"the end of an account", writing(func(ctx context.Context, tx *models.Tx) error {
		_, err := tx.EraseActor(ctx, 3, at)
		return err
	})},
}

func readStream(s models.Stream, part models.Part, viewer int64) func(context.Context, *models.DB) error {
	return func(ctx context.Context, db *models.DB) error {
		for _, p := range []models.Page{{Count: 20}, {Count: 20, Before: 1500}, {Count: 20, Since: 500}, {Count: 20, Offset: 40}} {
			items, _, err := db.StreamPage(ctx, 1, s, part, models.Viewer{ActorID: viewer}, p)
			if err != nil {
				return err
			}
			if len(items) == 0 {
				return fmt.Errorf("the page %+v is empty", p)
			}
		}
		return nil
	}
}

func reading(f func(context.Context, *models.DB) (any, error)) func(context.Context, *models.DB) error {
	return func(ctx context.Context, db *models.DB) error {
		models.Forget(db)
		_, err := f(ctx, db)
		return err
	}
}

func writing(f func(context.Context, *models.Tx) error) func(context.Context, *models.DB) error {
	return func(ctx context.Context, db *models.DB) error {
		return db.Write(ctx, func(tx *models.Tx) error { return f(ctx, tx) })
	}
}

func TestHotQueriesUseAnIndex(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		bytes := map[models.Dialect]string{models.SQLite: "BLOB", models.Postgres: "BYTEA"}[db.Dialect()]
		for _, statement := range filling {
			execute(t, db, strings.ReplaceAll(statement, "{{bytes}}", bytes))
		}
		if db.Dialect() == models.Postgres {
			execute(t, db, "ANALYZE")
		}
		recorder := models.Record(db)
		for _, h := range hot {
			t.Run(h.name, func(t *testing.T) {
				recorder.Take()
				if err := h.run(t.Context(), db); err != nil {
					t.Fatal(err)
				}
				statements := recorder.Take()
				if len(statements) == 0 {
					t.Fatal("no statement was recorded")
				}
				for i, s := range statements {
					plan := must[[]string](t)(models.Explain(t.Context(), db, s))
					if len(plan) == 0 && !strings.HasPrefix(s.Query, "INSERT") {
						t.Errorf("no plan for %s", s.Query)
					}
					var complaints []string
					if db.Dialect() == models.SQLite {
						complaints = sqliteScans(s.Query, plan)
						if indexed, ok := sequences[h.name]; ok && i == 0 {
							if whole := strings.Join(plan, "\n"); !strings.Contains(whole, indexed) || strings.Contains(whole, "TEMP B-TREE") {
								complaints = append(complaints, "the page is not cut from the range "+indexed)
							}
						}
					} else {
						complaints = postgresScans(t, plan)
					}
					for _, c := range complaints {
						t.Errorf("%s\n%s\n%s", c, s.Query, strings.Join(plan, "\n"))
					}
				}
			})
		}
	})
}

// A failure is told as one, and never taken for nothing being there.
func TestFailuresAreTold(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		for _, h := range hot {
			if err := h.run(cancelled, db); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled: error %v", h.name, err)
			}
		}
		for _, table := range must[[]string](t)(column[string](t.Context(), db.SQL(), map[models.Dialect]string{
			models.SQLite:   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
			models.Postgres: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
		}[db.Dialect()])) {
			if table != "processes" { // which closing the store needs
				execute(t, db, "DROP TABLE "+table)
			}
		}
		for _, h := range hot {
			if err := h.run(t.Context(), db); err == nil || errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s, without tables: error %v", h.name, err)
			}
		}
	})
}

// sequences are those of hot that page through a range of an index in its order,
// so that their cost does not grow with the sequence, nor with all others. Only
// SQLite is asked, which plans by the indexes alone; PostgreSQL would rather sort
// what is short.
var sequences = map[string]string{
	"followers":           "edges_by_target (target_id=? AND kind=? AND position<?)",
	"followed":            "edges_by_actor (actor_id=? AND kind=? AND position>?)",
	"favorites":           "edges_by_actor (actor_id=? AND kind=?)",
	"replies":             "objects_by_parent (parent_id=?)",
	"lists":               "objects_by_author (author_id=? AND list_of=?)",
	"uploads of a person": "uploads_by_owner (owner_id=?)",
}

// wholeIndexes may be read from end to end: they are partial and hold little.
var wholeIndexes = []string{"actors_suspended"}

var (
	sqliteScan  = regexp.MustCompile(`^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?`)
	namesTables = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?`)
)

// sqliteScans finds the tables that a plan of SQLite reads from end to end. The
// plan names them by their aliases, as it does subqueries, of which it may read
// everything.
func sqliteScans(query string, plan []string) []string {
	tables := map[string]string{}
	for _, m := range namesTables.FindAllStringSubmatch(query, -1) {
		tables[m[1]], tables[m[2]] = m[1], m[1]
	}
	var complaints []string
	for _, line := range plan {
		m := sqliteScan.FindStringSubmatch(line)
		if m == nil || tables[m[1]] == "" || slices.Contains(wholeIndexes, m[2]) {
			continue
		}
		complaints = append(complaints, fmt.Sprintf("%s is read from end to end: %s", tables[m[1]], line))
	}
	return complaints
}

// planNode is a node of a plan of PostgreSQL.
type planNode struct {
	Type      string     `json:"Node Type"`
	Relation  string     `json:"Relation Name"`
	Index     string     `json:"Index Name"`
	Condition string     `json:"Index Cond"`
	Plans     []planNode `json:"Plans"`
}

// postgresScans finds the tables and indexes that a plan of PostgreSQL reads
// from end to end.
func postgresScans(t *testing.T, plan []string) []string {
	t.Helper()
	var roots []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(strings.Join(plan, "")), &roots); err != nil {
		t.Fatal(err)
	}
	var complaints []string
	var walk func(planNode)
	walk = func(n planNode) {
		switch n.Type {
		case "Seq Scan":
			if n.Relation != "sequences" { // has one row
				complaints = append(complaints, n.Relation+" is read from end to end")
			}
		case "Index Scan", "Index Only Scan", "Bitmap Index Scan":
			if n.Condition == "" && !slices.Contains(wholeIndexes, n.Index) {
				complaints = append(complaints, "the index "+n.Index+" is read from end to end")
			}
		}
		for _, p := range n.Plans {
			walk(p)
		}
	}
	for _, root := range roots {
		walk(root.Plan)
	}
	return complaints
}

// The finding of scans has to find them.
func TestScansAreFound(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		for _, tt := range []struct {
			query string
			found bool
		}{
			{"SELECT doc FROM actors", true},
			{"SELECT a.doc FROM actors a WHERE a.created = 7", true},
			{"SELECT id FROM actors ORDER BY id", true},
			{"DELETE FROM nonces WHERE expires + 1 < 7", true},
			{"SELECT doc FROM actors WHERE id = 7", false},
			{"SELECT m.one FROM (SELECT 1 AS one UNION ALL SELECT 2) m", false},
		} {
			plan := must[[]string](t)(models.Explain(t.Context(), db, models.Statement{Query: tt.query}))
			var complaints []string
			if db.Dialect() == models.SQLite {
				complaints = sqliteScans(tt.query, plan)
			} else {
				complaints = postgresScans(t, plan)
			}
			if (len(complaints) > 0) != tt.found {
				t.Errorf("%s: complaints %v, want one: %v\n%s", tt.query, complaints, tt.found, strings.Join(plan, "\n"))
			}
		}
	})
}
