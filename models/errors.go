package models

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotFound means that no such row exists.
var ErrNotFound = errors.New("not found")

// ErrExists means that what was to be made is there already.
var ErrExists = errors.New("exists already")

// ErrText means that something was to be stored that has a NUL in it or is not
// UTF-8. PostgreSQL keeps no such text, so SQLite is not asked to either. Nothing
// is found under such a name.
var ErrText = errors.New("the text has a NUL in it or is not UTF-8")

// IsUnique reports whether err is the database refusing a second row where its
// schema allows one.
func IsUnique(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23505"
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

// isRetryable reports whether the database gave a transaction up for the sake
// of another, so that it may succeed when it runs again.
func isRetryable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "40001" || pg.Code == "40P01" // serialization failure, deadlock
	}
	return false
}
