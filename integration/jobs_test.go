package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestJobOfKilledServerRunsAgain kills the server while one of its jobs is under
// way: removing the files of an account that was deleted, which are so many that
// it takes a moment. The job has to be done all the same, within two minutes of
// the restart.
func TestJobOfKilledServerRunsAgain(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database)
		s.start()
		db := openDatabase(t, database)
		// The job may have ended by the time that the signal arrives.
		const attempts = 5
		for attempt := 1; ; attempt++ {
			uploads := s.deleteWithFiles(database, fmt.Sprintf("heavy%d", attempt), 10_000)
			const running = "SELECT COUNT(*) FROM river_job WHERE kind = 'remove-files' AND state = 'running'"
			count := func(query string) (n int) {
				if err := db.QueryRow(query).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			eventually(t, "the job runs", func() error {
				if count(running) == 0 && filesIn(t, uploads) > 0 {
					return fmt.Errorf("%d files are left", filesIn(t, uploads))
				}
				return nil
			})
			s.kill()
			began := time.Now()
			interrupted, left := count(running) > 0, filesIn(t, uploads)
			s.start()
			eventuallyWithin(t, 2*time.Minute-time.Since(began), "the job is done after the restart", func() error {
				if n := count("SELECT COUNT(*) FROM river_job WHERE kind = 'remove-files' AND state <> 'completed'"); n > 0 {
					return fmt.Errorf("%d files are left, %d jobs are not completed", filesIn(t, uploads), n)
				}
				return nil
			})
			if n := filesIn(t, uploads); n > 0 {
				t.Errorf("%d files are left of a deleted account", n)
			}
			if interrupted && left > 0 {
				t.Logf("killed with %d files left; done %v after the restart", left, time.Since(began).Round(time.Second))
				break
			}
			if attempt == attempts {
				t.Fatalf("the job was over %d times before the server could be killed", attempts)
			}
		}
		s.stop()
	})
}

// deleteWithFiles makes an account that has uploaded files, deletes it, and
// returns the folder in which they are.
func (s *server) deleteWithFiles(database, nick string, files int) string {
	t := s.t
	t.Helper()
	s.addUser(nick)
	day := filepath.Join(s.dir, "data", "uploads", nick, "2026", "1", "1")
	if err := os.MkdirAll(day, 0o750); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(day, fmt.Sprintf("%d.png", i)), []byte("x"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	_, err := openDatabase(t, database).Exec(fmt.Sprintf(`WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %d)
		INSERT INTO uploads (path, owner_id, object_id, position, media_type, size, thumbnail)
		SELECT '%s/2026/1/1/' || CAST(n AS TEXT) || '.png', a.actor_id, 0, 0, 'image/png', 1, TRUE FROM c JOIN accounts a ON a.nickname = '%s'`, files-1, nick, nick))
	if err != nil {
		t.Fatal(err)
	}
	s.do("", "user", "delete", nick, "--yes")
	return day
}

func filesIn(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
