package models

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
	"modernc.org/sqlite"
)

// Statement is what the store sent to the database, with the placeholders of
// that database.
type Statement struct {
	Query string
	Args  []any
}

// Recorder keeps the statements of a store. Those that begin and end
// transactions do not pass through it.
type Recorder struct {
	mu   sync.Mutex
	list []Statement
}

var recorders atomic.Int64

// Record keeps what db sends to its database from now on. Call it before db is
// shared.
func Record(db *DB) *Recorder {
	r := &Recorder{}
	name := fmt.Sprintf("record-%d", recorders.Add(1))
	keep := func(g *gorm.DB) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.list = append(r.list, Statement{g.Statement.SQL.String(), append([]any(nil), g.Statement.Vars...)})
	}
	pools := []*gorm.DB{db.conn.g}
	if db.writeGorm != db.conn.g {
		pools = append(pools, db.writeGorm)
	}
	for _, g := range pools {
		for _, register := range []func(string, func(*gorm.DB)) error{
			g.Callback().Row().Before("gorm:row").Register,
			g.Callback().Raw().Before("gorm:raw").Register,
			g.Callback().Query().Before("gorm:query").Register,
		} {
			if err := register(name, keep); err != nil {
				panic(err)
			}
		}
	}
	return r
}

// Take returns the statements since the last call.
func (r *Recorder) Take() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// Explain returns the plan of a statement, one step a line on SQLite, JSON on
// PostgreSQL.
func Explain(ctx context.Context, db *DB, s Statement) ([]string, error) {
	prefix := "EXPLAIN QUERY PLAN "
	if db.dialect == Postgres {
		prefix = "EXPLAIN (FORMAT JSON) "
	}
	rows, err := db.write.QueryContext(ctx, prefix+s.Query, s.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var line string
		dest := []any{&line}
		if db.dialect == SQLite {
			dest = []any{new(int), new(int), new(int), &line}
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		plan = append(plan, line)
	}
	return plan, rows.Err()
}

// MigrateTo brings the tables to a version of the past.
func MigrateTo(ctx context.Context, db *DB, version int64) error {
	p, err := db.migrations()
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// Forget empties the cache of documents.
func Forget(db *DB) { db.cache.docs.Clear() }

// OnCommit has f called when SQLite commits on the connection that a
// [database/sql.Conn] hands out.
func OnCommit(driverConn any, f func()) {
	driverConn.(*cachingConn).sqliteConn.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
		f()
		return 0
	})
}

// Waiting returns how many writes wait for a commit of SQLite to share.
func Waiting(db *DB) int { return len(db.batch.queue) }

// Closing reports whether Close waits for the writes that are under way.
func Closing(db *DB) bool {
	if db.batch != nil {
		return Waiting(db) > 0 // the one that gives up the number of the process
	}
	if !db.open.TryRLock() {
		return true
	}
	db.open.RUnlock()
	return false
}

// NewIDs returns a maker of ids with the number of a process.
func NewIDs(node int) func() int64 { return newIDMaker(node).next }

// NodeOf returns the number of the process that made an id.
func NodeOf(id int64) int64 { return id >> seqBits & (MaxProcesses - 1) }

// StaleAfter is how long a process may be silent.
const StaleAfter = staleAfter

// NotifyChannel is what processes listen on.
const NotifyChannel = notifyChannel

// KeptStatements is how many prepared statements a connection to SQLite keeps.
const KeptStatements = keptStatements
