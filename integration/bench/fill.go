package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	_ "modernc.org/sqlite"             // database/sql driver "sqlite"

	"manifold/models"
)

// The people of a filled store, by number. The writers wrote all that is stored
// and read it in their inboxes; nobody follows those who post alone.
const (
	writers       = 1000
	firstAlone    = writers
	firstFollowed = firstAlone + clients    // each has tenFollowers
	famous        = firstFollowed + clients // has fameFollowers
	firstFollower = famous + 1
	tenFollowers  = 10
	fameFollowers = 10_000
	people        = firstFollower + fameFollowers
	// minStored fills a page of every inbox.
	minStored      = 4 * writers
	templateNick   = "benchtemplate"
	templatePhrase = "A note like many others, long enough to say something, with a word in <b>bold</b> and " +
		"<a href=\"https://example.org/somewhere\">a link to somewhere</a>, as people write them every day."
)

// whomWritersFollow are the distances to the writers that each writer follows: a
// page of an inbox shows notes of several people.
var whomWritersFollow = []int{1, 7, 31, 101}

// inboxShare is how many of a round of one note by each writer come to one
// inbox: those of the people followed and one's own.
var inboxShare = len(whomWritersFollow) + 1

func nickname(n int) string    { return fmt.Sprintf("person%05d", n) }
func accessToken(n int) string { return fmt.Sprintf("token-of-person-%05d", n) }

// store is a connection to the database of the program under test.
type store struct {
	*sql.DB
	sqlite bool
}

func openStore(dsn string) (*store, error) {
	if strings.HasPrefix(dsn, "postgres://") {
		db, err := sql.Open("pgx", dsn)
		return &store{db, false}, err
	}
	db, err := sql.Open("sqlite", "file:"+dsn+"?_pragma=busy_timeout(5000)")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return &store{db, true}, err
}

// number runs a query for one number; ? stands for arguments.
func (s *store) number(ctx context.Context, query string, args ...any) (int64, error) {
	if !s.sqlite {
		for i := range args {
			query = strings.Replace(query, "?", fmt.Sprintf("$%d", i+1), 1)
		}
	}
	var n int64
	if err := s.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", query, err)
	}
	return n, nil
}

// size is how many bytes the database takes on the disk.
func (s *store) size(ctx context.Context, dsn string) (int64, error) {
	if !s.sqlite {
		return s.number(ctx, "SELECT pg_database_size(current_database())")
	}
	info, err := os.Stat(dsn)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// template are the names of the one note that was posted the real way.
type template struct {
	activity, object           string // ids
	activityToken, objectToken string // the last parts of the ids
	clientID                   string
}

// fill copies the template's person and note, while the server is not running.
type fill struct {
	c      *sql.Conn
	sqlite bool
	stored int
	like   template
	// numbers of the rows of the template
	actor, activity, object int64
	// firstMillis is the time of the first note; they are stepMillis apart and
	// end an hour ago.
	firstMillis, stepMillis int64
	position                int64
	// indexes are the statements that make the indexes again that were dropped.
	indexes []string
}

func (s *store) fill(ctx context.Context, like template, stored int) (err error) {
	c, err := s.Conn(ctx)
	if err != nil {
		return err
	}
	// What is temporary, and the settings, end with the connection.
	defer func() { err = errors.Join(err, discard(c)) }()
	f := &fill{c: c, sqlite: s.sqlite, stored: stored, like: like}
	f.stepMillis = max(1, (300*24*time.Hour).Milliseconds()/int64(stored))
	f.firstMillis = time.Now().Add(-time.Hour).UnixMilli() - int64(stored)*f.stepMillis
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"settings", f.settings}, {"template", f.readTemplate}, {"names", f.names}, {"people", f.people}, {"follows", f.follows},
		{"indexes", f.dropIndexes}, {"notes", f.notes}, {"identifiers", f.identifiers}, {"streams", f.streams},
		{"indexes again", f.makeIndexes}, {"check", f.check}, {"settling", f.settle},
	} {
		began := time.Now()
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("filling the store, %s: %w", step.name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			progress("filling: %s took %v", step.name, took.Round(time.Second))
		}
	}
	return nil
}

// discard closes a connection instead of giving it back to the pool.
func discard(c *sql.Conn) error {
	err := c.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return errors.Join(err, c.Close())
}

func (f *fill) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := f.c.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.400s: %w", s, err)
		}
	}
	return nil
}

func (f *fill) settings(ctx context.Context) error {
	if f.sqlite {
		// Nothing is lost that could not be made again, so nothing needs to be
		// written twice; the program sets its own mode when it opens the file.
		return f.exec(ctx, "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000", "PRAGMA temp_store = MEMORY")
	}
	return f.exec(ctx, "SET synchronous_commit = off", "SET work_mem = '256MB'", "SET maintenance_work_mem = '512MB'", "SET client_min_messages = error")
}

// readTemplate sets the rows of the template aside.
func (f *fill) readTemplate(ctx context.Context) error {
	for _, one := range []struct {
		dest  *int64
		query string
	}{
		{&f.actor, "SELECT actor_id FROM accounts WHERE nickname = " + quote(templateNick)},
		{&f.activity, "SELECT ref_id FROM identifiers WHERE kind = 3 AND iri = " + quote(f.like.activity)},
		{&f.object, "SELECT ref_id FROM identifiers WHERE kind = 2 AND iri = " + quote(f.like.object)},
		{&f.position, "SELECT last FROM sequences WHERE name = 'position'"},
	} {
		if err := f.c.QueryRowContext(ctx, one.query).Scan(one.dest); err != nil {
			return fmt.Errorf("%s: %w", one.query, err)
		}
	}
	for table, where := range map[string]string{
		"actors": fmt.Sprintf("id = %d", f.actor), "accounts": fmt.Sprintf("actor_id = %d", f.actor),
		"access_tokens": "client_id = " + quote(f.like.clientID), "activities": fmt.Sprintf("id = %d", f.activity),
		"objects": fmt.Sprintf("id = %d", f.object), "audience": fmt.Sprintf("activity_id = %d", f.activity),
		"originals":   fmt.Sprintf("ref_id IN (%d, %d)", f.activity, f.object),
		"identifiers": fmt.Sprintf("ref_id IN (%d, %d, %d)", f.actor, f.activity, f.object),
	} {
		if err := f.exec(ctx, "CREATE TEMP TABLE like_"+table+" AS SELECT * FROM "+table+" WHERE "+where); err != nil {
			return err
		}
	}
	return nil
}

// rowID is the first row id of a millisecond, as the program makes them.
func rowID(millis string) string {
	const idsOfMillisecond = 1 << 21 // see models/ids.go
	return fmt.Sprintf("(%s - %d) * %d", millis, models.IDTime(0).UnixMilli(), idsOfMillisecond)
}

// noteMillis is the time of the note of a number, which is that of its row id.
func (f *fill) noteMillis(n string) string {
	return fmt.Sprintf("(CAST(%d AS BIGINT) + (%s) * CAST(%d AS BIGINT))", f.firstMillis, n, f.stepMillis)
}

// names gives every person and every note of the store its names.
func (f *fill) names(ctx context.Context) error {
	nick, text := "'person' || lpad(CAST(n AS TEXT), 5, '0')", `to_char(to_timestamp(%s / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
	if f.sqlite {
		nick, text = "printf('person%05d', n)", "strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', %s / 1000.0, 'unixepoch')"
	}
	at := f.noteMillis("c.n")
	return f.exec(ctx,
		"CREATE TEMP TABLE new_people (n INTEGER PRIMARY KEY, id BIGINT, nick TEXT, token TEXT)",
		fmt.Sprintf("INSERT INTO new_people %sSELECT n, %s, %s, 'token-of-' || replace(%s, 'person', 'person-') FROM c",
			upTo(people), rowID(fmt.Sprintf("CAST(%d AS BIGINT) + n", f.firstMillis-people)), nick, nick),
		"CREATE TEMP TABLE new_notes (n INTEGER PRIMARY KEY, author BIGINT, nick TEXT, id BIGINT, activity TEXT, object TEXT, at BIGINT, at_text TEXT)",
		fmt.Sprintf(`INSERT INTO new_notes %sSELECT c.n, p.id, p.nick, %s, %s, %s, %s, %s FROM c JOIN new_people p ON p.n = c.n %% %d`,
			upTo(f.stored), rowID(at), f.token(), f.token(), at, fmt.Sprintf(text, at), writers),
		f.analyzed("new_people"), f.analyzed("new_notes"))
}

// upTo begins a statement with the numbers from 0 to n-1 as c(n).
func upTo(n int) string {
	return fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %d) ", n-1)
}

// token is an expression for 22 characters that begin like those of the program,
// so that what it posts later falls anywhere among them in the index of names.
func (f *fill) token() string {
	const digits = "'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'"
	digit, rest := "substr("+digits+", 1 + CAST(floor(random() * 64) AS INTEGER), 1)", "substr(md5(random()::text), 1, 19)"
	if f.sqlite {
		digit, rest = "substr("+digits+", 1 + abs(random() % 64), 1)", "substr(lower(hex(randomblob(10))), 1, 19)"
	}
	return digit + " || " + digit + " || " + digit + " || " + rest
}

// analyzed has the query planner look at a temporary table.
func (f *fill) analyzed(table string) string {
	if f.sqlite {
		return "ANALYZE temp." + table
	}
	return "ANALYZE " + table
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// copies fills a table with copies of the rows of its template, one for each row
// of from (known as s), with the columns in set replaced; t is the template.
func (f *fill) copies(ctx context.Context, table, from string, set map[string]string, after string) error {
	rows, err := f.c.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return err
	}
	columns, err := rows.Columns()
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = "t." + c
		if v, ok := set[c]; ok {
			values[i] = v
			delete(set, c)
		}
	}
	for c := range set {
		return fmt.Errorf("the table %s has no column %s", table, c)
	}
	return f.exec(ctx, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") SELECT "+strings.Join(values, ", ")+
		" FROM "+from+" s CROSS JOIN like_"+table+" t "+after)
}

// inText replaces what names the template's person and note in a text.
func (f *fill) inText(column string, more ...string) string {
	expression := fmt.Sprintf("replace(%s, %s, s.nick)", column, quote(templateNick))
	for i := 0; i < len(more); i += 2 {
		expression = fmt.Sprintf("replace(%s, %s, %s)", expression, more[i], more[i+1])
	}
	return expression
}

func (f *fill) people(ctx context.Context) error {
	err := f.copies(ctx, "actors", "new_people", map[string]string{"id": "s.id", "nickname": "s.nick", "nickname_folded": "s.nick", "doc": f.inText("t.doc"),
		"lists_count": "0"}, "")
	if err == nil {
		err = f.copies(ctx, "accounts", "new_people", map[string]string{"actor_id": "s.id", "nickname": "s.nick", "nickname_folded": "s.nick"}, "")
	}
	if err == nil {
		err = f.copies(ctx, "access_tokens", "new_people", map[string]string{"actor_id": "s.id", "token": "s.token"}, "")
	}
	if err == nil {
		err = f.copies(ctx, "identifiers", "new_people", map[string]string{"ref_id": "s.id", "iri": f.inText("t.iri")}, fmt.Sprintf("WHERE t.ref_id = %d", f.actor))
	}
	return err
}

// follows makes edges, each with a position of its own.
func (f *fill) follows(ctx context.Context) error {
	pairs := fmt.Sprintf("SELECT n AS who, %d AS whom FROM new_people WHERE n >= %d", famous, firstFollower)
	for i := range clients {
		from := firstFollower + i*tenFollowers
		pairs += fmt.Sprintf(" UNION ALL SELECT n, %d FROM new_people WHERE n >= %d AND n < %d", firstFollowed+i, from, from+tenFollowers)
	}
	for _, distance := range whomWritersFollow {
		pairs += fmt.Sprintf(" UNION ALL SELECT n, (n + %d) %% %d FROM new_people WHERE n < %d", distance, writers, writers)
	}
	return f.exec(ctx,
		"CREATE TEMP TABLE new_edges AS SELECT a.id AS who, b.id AS whom, a.n AS who_n, b.n AS whom_n, ROW_NUMBER() OVER (ORDER BY a.n, b.n) AS number FROM ("+
			pairs+") f JOIN new_people a ON a.n = f.who JOIN new_people b ON b.n = f.whom",
		fmt.Sprintf(`INSERT INTO edges (kind, actor_id, target_id, position, state, actor_local, activity_id, created)
			SELECT 1, who, whom, %d + number, 1, TRUE, 0, %d FROM new_edges`, f.position, f.firstMillis),
		"UPDATE actors SET following_count = (SELECT COUNT(*) FROM edges WHERE actor_id = actors.id AND kind = 1), followers_count = (SELECT COUNT(*) FROM edges WHERE target_id = actors.id AND kind = 1)",
		fmt.Sprintf("UPDATE sequences SET last = last + (SELECT COUNT(*) FROM new_edges) + %d WHERE name = 'position'", f.stored))
}

// notePosition is the place of a note in all streams that have it: after the
// edges.
func (f *fill) notePosition(n string) string {
	return fmt.Sprintf("(%d + (SELECT COUNT(*) FROM new_edges) + 1 + %s)", f.position, n)
}

func (f *fill) notes(ctx context.Context) error {
	var published string
	if err := f.c.QueryRowContext(ctx, "SELECT doc FROM like_activities").Scan(&published); err != nil {
		return err
	}
	_, published, _ = strings.Cut(published, `"published":"`)
	published, _, found := strings.Cut(published, `"`)
	if !found {
		return errors.New("the activity that is the template has no time")
	}
	text := func(column string) string {
		return f.inText(column, quote(f.like.activityToken), "s.activity", quote(f.like.objectToken), "s.object", quote(published), "s.at_text")
	}
	actor := fmt.Sprintf("'%d'", f.actor)
	err := f.copies(ctx, "activities", "new_notes", map[string]string{
		"id": "s.id", "actor_id": "s.author", "object_id": "s.id + 1", "published": "s.at", "updated": "s.at", "doc": text("t.doc"),
		"audience": "replace(t.audience, " + actor + ", CAST(s.author AS TEXT))"}, "")
	if err == nil {
		err = f.copies(ctx, "objects", "new_notes", map[string]string{
			"id": "s.id + 1", "position": f.notePosition("s.n"), "author_id": "s.author", "activity_id": "s.id", "created": "s.at", "updated": "s.at", "doc": text("t.doc")}, "")
	}
	if err == nil {
		err = f.copies(ctx, "audience", "new_notes", map[string]string{
			"activity_id": "s.id", "recipient_id": fmt.Sprintf("CASE t.recipient_id WHEN %d THEN s.author ELSE t.recipient_id END", f.actor)}, "")
	}
	if err == nil {
		err = f.copies(ctx, "originals", "new_notes", map[string]string{
			"id": "s.id + 2", "ref_id": fmt.Sprintf("CASE t.ref_id WHEN %d THEN s.id ELSE s.id + 1 END", f.activity), "sender_id": "s.author", "received": "s.at"}, "")
	}
	if err == nil {
		// Or the server would begin with putting all of it into the index of words.
		err = f.exec(ctx, "DELETE FROM search_queue")
	}
	return err
}

func (f *fill) identifiers(ctx context.Context) error {
	// In the order of the index, which is many times faster than at random.
	return f.copies(ctx, "identifiers", "new_notes", map[string]string{
		"ref_id": fmt.Sprintf("CASE t.ref_id WHEN %d THEN s.id ELSE s.id + 1 END", f.activity),
		"iri":    f.inText("t.iri", quote(f.like.activityToken), "s.activity", quote(f.like.objectToken), "s.object"),
	}, fmt.Sprintf("WHERE t.ref_id <> %d ORDER BY 1, 2", f.actor))
}

// streams puts every note into the outbox and the inbox of its writer and into
// the inboxes of those who follow. The notes come in rounds of one by each
// writer, so that the ordinal of an item follows from the round and from the
// place of its writer among those whom the reader reads.
func (f *fill) streams(ctx context.Context) error {
	read, written := fmt.Sprintf("r.round * %d + w.whom_n", writers), fmt.Sprintf("r.round * %d + p.n", writers)
	return f.exec(ctx,
		fmt.Sprintf(`CREATE TEMP TABLE reading AS SELECT who_n, whom_n, ROW_NUMBER() OVER (PARTITION BY who_n ORDER BY whom_n) AS place FROM (
			SELECT who_n, whom_n FROM new_edges WHERE who_n < %d UNION ALL SELECT n, n FROM new_people WHERE n < %d) x`, writers, writers),
		"CREATE INDEX reading_by_reader ON reading (who_n, place)",
		fmt.Sprintf("CREATE TEMP TABLE rounds AS %sSELECT n AS round FROM c", upTo(f.stored/writers)),
		f.analyzed("reading"), f.analyzed("rounds"),
		fmt.Sprintf(`INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
			SELECT p.id, 1, 1, %s, %s, r.round * %d + w.place FROM new_people p CROSS JOIN rounds r CROSS JOIN reading w
			WHERE p.n < %d AND w.who_n = p.n`, f.notePosition(read), rowID(f.noteMillis(read)), inboxShare, writers),
		fmt.Sprintf(`INSERT INTO stream_items (owner_id, kind, class, position, activity_id, ordinal)
			SELECT p.id, 2, 1, %s, %s, r.round + 1 FROM new_people p CROSS JOIN rounds r WHERE p.n < %d`,
			f.notePosition(written), rowID(f.noteMillis(written)), writers))
}

// dropIndexes drops the indexes of the large tables but those of primary keys:
// to make them at the end is many times faster than to keep them in order.
func (f *fill) dropIndexes(ctx context.Context) error {
	const tables = "('activities', 'objects', 'originals', 'identifiers', 'audience', 'stream_items')"
	query := "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename IN " + tables +
		" AND indexname NOT IN (SELECT conname FROM pg_constraint)"
	if f.sqlite {
		query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN " + tables
	}
	rows, err := f.c.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	var drops []string
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return err
		}
		drops = append(drops, "DROP INDEX "+name)
		f.indexes = append(f.indexes, definition)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return f.exec(ctx, drops...)
}

func (f *fill) makeIndexes(ctx context.Context) error { return f.exec(ctx, f.indexes...) }

// check counts whether there is as much as there should be.
func (f *fill) check(ctx context.Context) error {
	for query, want := range map[string]int{
		"SELECT COUNT(*) FROM activities WHERE visibility = 0":                                                                                                        f.stored + 1,
		"SELECT COUNT(*) FROM stream_items s JOIN new_people p ON p.id = s.owner_id JOIN activities a ON a.id = s.activity_id WHERE s.kind = 1":                       f.stored * inboxShare,
		"SELECT COUNT(*) FROM stream_items s JOIN new_people p ON p.id = s.owner_id JOIN activities a ON a.id = s.activity_id AND a.actor_id = p.id WHERE s.kind = 2": f.stored,
		"SELECT COUNT(*) FROM accounts": people + 1,
	} {
		var n int
		if err := f.c.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return err
		}
		if n != want {
			return fmt.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	return nil
}

// settle leaves the database as it is after a quiet night: all is on disk, and
// on PostgreSQL the autovacuum has been by.
func (f *fill) settle(ctx context.Context) error {
	if !f.sqlite {
		if err := f.exec(ctx, "DISCARD TEMP", "VACUUM ANALYZE", "CHECKPOINT"); err != nil {
			return err
		}
	}
	syscall.Sync()
	return nil
}
