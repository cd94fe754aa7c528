package bridge_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"manifold/internal/scratchpg"
)

// Making the tables costs more than most tests do. So each test gets a copy of a
// database that has them.

var sqliteTemplate struct {
	once sync.Once
	file []byte
}

// emptySQLite is the file of an SQLite database with all tables and nothing in
// them.
func emptySQLite(t *testing.T) []byte {
	sqliteTemplate.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		migrate(t, path)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sqliteTemplate.file = file
	})
	return sqliteTemplate.file
}

// postgresTemplate is the same for PostgreSQL.
var postgresTemplate scratchpg.Template
