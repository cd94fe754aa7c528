package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	_ "modernc.org/sqlite"             // database/sql driver "sqlite"
)

// TestCrash kills the server several times while notes are posted, and demands
// that afterwards everything that was acknowledged is in all streams that it
// belongs to, once, and nothing is there by half.
//
// Who gets no answer sends the same signed request again, as a program does that
// lost its connection. Either it is taken then, or it is refused as a repetition,
// because it had been taken before; so in the end each note must be there exactly
// once, whenever the server died.
func TestCrash(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { testCrash(t, filepath.Join(t.TempDir(), "manifold.db")) })
	t.Run("postgres", func(t *testing.T) {
		_, database := ownPostgres(t)
		testCrash(t, database)
	})
}

const (
	authors     = 8
	notesOfEach = 125
	// followersOfEach are the next authors, the first following on the last.
	followersOfEach = 3
)

func testCrash(t *testing.T, database string) {
	s := newServer(t, database)
	s.start()
	people := make([]*person, authors)
	for i := range people {
		people[i] = s.person(fmt.Sprintf("author%d", i))
	}
	for i, author := range people {
		for n := range followersOfEach {
			people[(i+1+n)%authors].follow(author)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var taken atomic.Int64
	var failed [authors]error
	var replays [authors]int
	var writing sync.WaitGroup
	for i, author := range people {
		writing.Go(func() {
			if replays[i], failed[i] = author.write(ctx, i, &taken); failed[i] != nil {
				cancel()
			}
		})
	}
	for _, after := range []int64{100, 333, 600, 850} {
		eventuallyWithin(t, 5*time.Minute, "the next moment to kill", func() error {
			if got := taken.Load(); got < after && ctx.Err() == nil {
				return fmt.Errorf("%d notes are posted, %d to go", got, after-got)
			}
			return nil
		})
		s.kill()
		s.start()
	}
	writing.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		t.Fatal(err)
	}
	again := 0
	for _, n := range replays {
		again += n
	}
	t.Logf("%d notes, %d of them had been taken when the server died before it answered", taken.Load(), again)
	if got := taken.Load(); got != authors*notesOfEach {
		t.Errorf("%d notes were acknowledged, want %d", got, authors*notesOfEach)
	}

	for i, author := range people {
		author.expect("feed", []int{i})
		readers := []int{i}
		for n := range followersOfEach {
			readers = append(readers, (i+authors-1-n)%authors)
		}
		author.expect("inbox", readers)
	}
	s.stop()
	checkWhole(t, database)
}

func noteText(author, n int) string { return fmt.Sprintf("note %d of author %d", n, author) }

// write posts the notes of one author, one after the other, and counts those
// that are acknowledged in taken. It returns how many were taken although the
// answer was lost.
func (p *person) write(ctx context.Context, number int, taken *atomic.Int64) (replays int, err error) {
	for n := range notesOfEach {
		r, err := p.sign("POST", p.path("feed"), p.note(noteText(number, n)))
		if err != nil {
			return replays, err
		}
		before, err := r.untilAnswered(ctx, p.server)
		if err != nil {
			return replays, fmt.Errorf("%s: %w", noteText(number, n), err)
		}
		if before {
			replays++
		}
		taken.Add(1)
	}
	return replays, nil
}

// untilAnswered sends a request until there is an answer. before tells that it
// had been carried out by the time the answer came.
func (r *request) untilAnswered(ctx context.Context, s *server) (before bool, err error) {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for attempt := 1; ; attempt++ {
		status, answer, err := r.send(s)
		switch {
		case err == nil && status == http.StatusOK:
			return false, nil
		case err == nil && attempt > 1 && status == http.StatusUnauthorized && strings.Contains(answer, "used nonce"):
			return true, nil
		case err == nil:
			return false, fmt.Errorf("attempt %d: status %d: %.300s", attempt, status, answer)
		}
		select {
		case <-ctx.Done():
			return false, errors.Join(ctx.Err(), err)
		case <-poll.C:
		}
	}
}

// expect checks that a stream has every note of these authors exactly once, each
// whole, and no other note of any author.
func (p *person) expect(what string, from []int) {
	p.t.Helper()
	ids, times := map[string]bool{}, map[string]int{}
	for _, a := range p.all(what) {
		if ids[a.ID] {
			p.t.Errorf("the activity %s stands twice in the %s of %s", a.ID, what, p.nick)
		}
		ids[a.ID] = true
		if a.Object.ObjectType != "note" || !strings.HasPrefix(a.Object.Content, "note ") {
			continue
		}
		times[a.Object.Content]++
		if a.Verb != "post" || a.Object.ID == "" || a.Published == "" || !strings.HasSuffix(a.Object.Content, strings.TrimPrefix(a.Actor.PreferredUsername, "author")) {
			p.t.Errorf("half an activity in the %s of %s: %+v", what, p.nick, a)
		}
	}
	for _, author := range from {
		for n := range notesOfEach {
			if got := times[noteText(author, n)]; got != 1 {
				p.t.Errorf("%q is %d times in the %s of %s, want once", noteText(author, n), got, what, p.nick)
			}
		}
	}
	if want := len(from) * notesOfEach; len(times) != want {
		p.t.Errorf("the %s of %s has %d different notes, want %d", what, p.nick, len(times), want)
	}
}

// checkWhole looks into the tables for what is there without what belongs to it.
func checkWhole(t *testing.T, database string) {
	t.Helper()
	db := openDatabase(t, database)
	for what, query := range map[string]string{
		"items of streams without their activity": `SELECT COUNT(*) FROM stream_items s LEFT JOIN activities a ON a.id = s.activity_id WHERE a.id IS NULL`,
		"items of streams without their owner": `SELECT COUNT(*) FROM stream_items s LEFT JOIN actors a ON a.id = s.owner_id
			WHERE a.id IS NULL AND s.owner_id <> 0`, // 0 has the public timeline
		"activities without an object": `SELECT COUNT(*) FROM activities a LEFT JOIN objects o ON o.id = a.object_id
			WHERE a.object_kind = 2 AND o.id IS NULL`,
		"activities without an id": `SELECT COUNT(*) FROM activities a LEFT JOIN identifiers i ON i.ref_id = a.id AND i.kind = 3 WHERE i.iri IS NULL`,
		"objects without an id":    `SELECT COUNT(*) FROM objects o LEFT JOIN identifiers i ON i.ref_id = o.id AND i.kind = 2 WHERE i.iri IS NULL`,
		"objects that nobody posted": `SELECT COUNT(*) FROM objects o LEFT JOIN activities a ON a.id = o.activity_id
			WHERE o.type = 'note' AND a.id IS NULL`,
		"ids of nothing": `SELECT COUNT(*) FROM identifiers i WHERE NOT EXISTS (SELECT 1 FROM actors WHERE id = i.ref_id AND i.kind = 1)
			AND NOT EXISTS (SELECT 1 FROM objects WHERE id = i.ref_id AND i.kind = 2) AND NOT EXISTS (SELECT 1 FROM activities WHERE id = i.ref_id AND i.kind = 3)`,
		"addressees of nothing": `SELECT COUNT(*) FROM audience u LEFT JOIN activities a ON a.id = u.activity_id WHERE a.id IS NULL`,
		// What the server answers for somebody is delivered, and shown nowhere.
		"activities that are not in their author's outbox": `SELECT COUNT(*) FROM activities a WHERE a.local AND a.verb NOT IN ('accept', 'reject')
			AND NOT EXISTS (SELECT 1 FROM stream_items s WHERE s.owner_id = a.actor_id AND s.kind = 2 AND s.activity_id = a.id)`,
		"streams that do not count to their end": `SELECT COUNT(*) FROM (SELECT owner_id FROM stream_items GROUP BY owner_id, kind, class
			HAVING COUNT(*) <> MAX(ordinal) OR COUNT(DISTINCT ordinal) <> COUNT(*) OR MIN(ordinal) <> 1) x`,
		"people whose followers are miscounted": `SELECT COUNT(*) FROM actors a WHERE followers_count <>
			(SELECT COUNT(*) FROM edges e WHERE e.target_id = a.id AND e.kind = 1 AND e.state = 1)`,
		"positions beyond the last one": `SELECT COUNT(*) FROM stream_items WHERE position > (SELECT last FROM sequences WHERE name = 'position')`,
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}

// openDatabase opens the database of a server for the test itself.
func openDatabase(t *testing.T, database string) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", "file:"+database+"?_pragma=busy_timeout(5000)"
	if strings.HasPrefix(database, "postgres://") {
		driver, dsn = "pgx", database
	}
	db, err := sql.Open(driver, dsn)
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
