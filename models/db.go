package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Dialect is the kind of database behind a DB.
type Dialect string

// The two databases that the store runs on.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Options for [Open].
type Options struct {
	// Database is the path of an SQLite file, or a postgres:// DSN.
	Database string
	// CacheBytes bounds the cache of documents; 0 means 32 MiB.
	CacheBytes int64
	// Connections bounds the pool of PostgreSQL connections; 0 means 16.
	Connections int
	// Name tells this process apart in the table of processes; it may be empty.
	Name string
}

// DB is an open store. It may be used by any number of goroutines.
type DB struct {
	conn
	dialect Dialect
	// write is the pool that transactions run on, read the one that queries run
	// on; on PostgreSQL they are the same.
	write, read *sql.DB
	writeGorm   *gorm.DB
	batch       *batcher
	open        sync.RWMutex // held for reading by every transaction of PostgreSQL
	ids         *idMaker
	cache       *cache
	process     *process
}

// conn holds every query of the package; a DB runs them on a reading
// connection, a Tx on its transaction.
type conn struct {
	g  *gorm.DB
	db *DB
	tx bool
}

// Open connects to a database. It neither creates nor changes tables: see
// [DB.Migrate].
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	db := &DB{}
	var err error
	if strings.HasPrefix(o.Database, "postgres://") || strings.HasPrefix(o.Database, "postgresql://") {
		err = db.openPostgres(o)
	} else {
		err = db.openSQLite(o)
	}
	if err != nil {
		return nil, err
	}
	db.conn.db = db
	db.cache = newCache(o.CacheBytes)
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to the %s database: %w", db.dialect, err), db.Close())
	}
	db.ids = newIDMaker(0)
	db.process = &process{name: o.Name}
	return db, nil
}

func (db *DB) openPostgres(o Options) error {
	if o.Connections == 0 {
		o.Connections = 16
	}
	config, err := pgx.ParseConfig(o.Database)
	if err != nil {
		// The error may quote the password.
		return errors.New("opening the PostgreSQL database: the DSN cannot be read, it should be like postgres://user:password@host/database")
	}
	// Our queries want the same plan whatever the values are; to make it anew for
	// each page of a stream would cost more than to read the page. To compile one
	// (jit) costs more than any of them takes.
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false)")
		return err
	}))
	pool.SetMaxOpenConns(o.Connections)
	pool.SetMaxIdleConns(o.Connections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db.dialect, db.write, db.read = Postgres, pool, pool
	g, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), gormConfig())
	if err != nil {
		return fmt.Errorf("opening the PostgreSQL database: %w", err)
	}
	db.conn.g, db.writeGorm = g, g
	return nil
}

// openSQLite opens one writing connection, since SQLite allows no more, and a
// pool of reading ones, which WAL lets run beside it.
func (db *DB) openSQLite(o Options) error {
	path := strings.TrimPrefix(o.Database, "sqlite:")
	if dir := filepath.Dir(path); dir != "." {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("making the folder of the database: %w", err)
		}
	}
	dsn := func(q url.Values) string {
		q.Add("_pragma", "busy_timeout(5000)")
		q.Add("_pragma", "temp_store(memory)")
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	var err error
	db.dialect = SQLite
	// synchronous(full) makes a commit survive the loss of power.
	db.write = openCached(dsn(url.Values{"_txlock": {"immediate"},
		"_pragma": {"journal_mode(wal)", "synchronous(full)", "cache_size(-8000)", "wal_autocheckpoint(4000)"}}))
	db.write.SetMaxOpenConns(1)
	// The first connection makes the file, which a reading one could not.
	if _, err = db.write.Exec("PRAGMA user_version"); err != nil {
		return errors.Join(fmt.Errorf("opening the SQLite database %s: %w", path, err), db.write.Close())
	}
	db.read = openCached(dsn(url.Values{"_pragma": {"query_only(true)", "cache_size(-2000)"}}))
	readers := max(4, runtime.NumCPU())
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	db.read.SetConnMaxIdleTime(time.Minute)
	if db.conn.g, err = gorm.Open(sqlite.Dialector{Conn: db.read}, gormConfig()); err == nil {
		db.writeGorm, err = gorm.Open(sqlite.Dialector{Conn: db.write}, gormConfig())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("opening the SQLite database %s: %w", path, err), db.write.Close(), db.read.Close())
	}
	db.batch = newBatcher(db)
	return nil
}

func gormConfig() *gorm.Config {
	return &gorm.Config{
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
	}
}

// Dialect tells which database this is.
func (db *DB) Dialect() Dialect { return db.dialect }

// SQL is the pool that transactions run on, for libraries with tables of their
// own in the same database.
func (db *DB) SQL() *sql.DB { return db.write }

// Ping checks that the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.read.PingContext(ctx); err != nil {
		return fmt.Errorf("asking the database: %w", err)
	}
	return nil
}

// Close gives up the number of this process and closes all connections.
// Transactions that are under way end first.
func (db *DB) Close() error {
	var errs []error
	if db.process != nil {
		errs = append(errs, db.leave())
	}
	if db.batch != nil {
		db.batch.close()
	}
	db.open.Lock()
	defer db.open.Unlock()
	errs = append(errs, db.write.Close())
	if db.read != db.write {
		errs = append(errs, db.read.Close())
	}
	return errors.Join(errs...)
}

// in returns the handle that statements run on. On SQLite a statement is not cut
// off in the middle. In a write, which shares its transaction with others, SQLite
// would roll back all of it; and the driver starts a goroutine for each statement
// that can be cut off, which costs more than most of ours do.
func (c *conn) in(ctx context.Context) *gorm.DB {
	if c.db.dialect == SQLite {
		ctx = context.WithoutCancel(ctx)
	}
	return c.g.WithContext(ctx)
}

// rows runs a query whose results the caller scans itself; on the hot paths
// that costs half of what scanning by reflection does.
func (c *conn) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if !storable(args) {
		return nil, ErrText
	}
	if err := ctx.Err(); err != nil && !c.tx {
		return nil, err
	}
	return c.in(ctx).Raw(query, args...).Rows()
}

func (c *conn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if !storable(args) {
		return 0, ErrText
	}
	r := c.in(ctx).Exec(query, args...)
	return r.RowsAffected, r.Error
}

// storable reports whether a database takes every text among the arguments.
func storable(args []any) bool {
	for _, a := range args {
		if text, ok := a.(string); ok && !validText(text) {
			return false
		}
	}
	return true
}

func validText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// unmatched reports whether a query found nothing because it asked for text that
// cannot have been stored.
func unmatched(query string, err error) bool {
	return errors.Is(err, ErrText) && strings.HasPrefix(query, "SELECT")
}

// get scans one row; found is false when there is none.
func (c *conn) get(ctx context.Context, query string, args []any, dest ...any) (found bool, err error) {
	rows, err := c.rows(ctx, query, args...)
	if unmatched(query, err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	if err := rows.Scan(dest...); err != nil {
		return false, err
	}
	return true, rows.Close()
}

// each calls scan for every row.
func (c *conn) each(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := c.rows(ctx, query, args...)
	if unmatched(query, err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inChunk is how many values an IN list may hold.
const inChunk = 500

// eachIn runs a query with one IN list (written as "IN ?") over as many values
// as there are, a chunk at a time. The list is the first argument.
func (c *conn) eachIn(ctx context.Context, query string, list []int64, scan func(*sql.Rows) error, args ...any) error {
	for len(list) > 0 {
		n := min(len(list), inChunk)
		if err := c.each(ctx, query, append([]any{padded(list[:n])}, args...), scan); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// padded repeats the last value of a list until its length is a power of two
// (or a whole chunk), so that there are ten forms of a query to prepare, not
// five hundred.
func padded[T any](list []T) []T {
	size := 1
	for size < len(list) {
		size *= 2
	}
	if size = min(size, inChunk); size <= len(list) {
		return list
	}
	out := make([]T, size)
	for i := copy(out, list); i < size; i++ {
		out[i] = list[len(list)-1]
	}
	return out
}

// unionChunk is how many branches [unionAll] is given at most.
const unionChunk = 100

// unionAll joins one branch for each id into a query: the id is the first
// argument of its branch, followed by args. Each branch may have a limit of its
// own, which is how the first few of many sequences are read at once.
func unionAll(ids []int64, branch string, args ...any) (string, []any) {
	var query strings.Builder
	all := make([]any, 0, len(ids)*(1+len(args)))
	for i, id := range ids {
		if i > 0 {
			query.WriteString(" UNION ALL ")
		}
		query.WriteString("SELECT * FROM (" + branch + ") b" + strconv.Itoa(i))
		all = append(append(all, id), args...)
	}
	return query.String(), all
}
