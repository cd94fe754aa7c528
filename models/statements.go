package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"modernc.org/sqlite"
)

// openCached opens an SQLite database whose connections keep the statements
// that they have prepared, as the driver of PostgreSQL does by itself: to
// prepare one of the longer queries takes several times as long as to run it.
func openCached(dsn string) *sql.DB {
	return sql.OpenDB(cachingConnector{dsn: dsn, driver: &sqlite.Driver{}})
}

// keptStatements is how many prepared statements a connection keeps; each takes
// some ten kilobytes.
const keptStatements = 128

type cachingConnector struct {
	dsn    string
	driver driver.Driver
}

func (c cachingConnector) Driver() driver.Driver { return c.driver }

func (c cachingConnector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(sqliteConn)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver lacks a method that this program needs"), opened.Close())
	}
	conn := &cachingConn{sqliteConn: inner}
	conn.kept, err = simplelru.NewLRU[string, *keptStatement](keptStatements, func(_ string, s *keptStatement) { s.dropped() })
	return conn, err
}

// sqliteConn is what database/sql uses of a connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// cachingConn is a connection with prepared statements. database/sql never uses
// a connection from two goroutines at once, but rows may still be open when the
// next statement begins.
type cachingConn struct {
	sqliteConn
	kept *simplelru.LRU[string, *keptStatement]
}

type keptStatement struct {
	driver.Stmt
	busy, gone bool
}

// dropped closes a statement that is not kept any longer, now or when its rows
// are closed.
func (s *keptStatement) dropped() {
	s.gone = true
	if !s.busy {
		_ = s.Stmt.Close()
	}
}

func (s *keptStatement) release() {
	s.busy = false
	if s.gone {
		_ = s.Stmt.Close()
	}
}

// statement returns the prepared form of a query, or nil when it has none:
// because it is several statements, or because its rows are being read.
func (c *cachingConn) statement(ctx context.Context, query string) (*keptStatement, error) {
	if strings.Contains(query, ";") || len(query) > 32<<10 {
		return nil, nil
	}
	if s, ok := c.kept.Get(query); ok {
		if s.busy {
			return nil, nil
		}
		s.busy = true
		return s, nil
	}
	prepared, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := &keptStatement{Stmt: prepared, busy: true}
	c.kept.Add(query, s)
	return s, nil
}

// ExecContext implements driver.ExecerContext.
func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	defer s.release()
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// QueryContext implements driver.QueryerContext.
func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		s.release()
		return nil, err
	}
	return &keptRows{Rows: rows, statement: s}, nil
}

// Close closes the connection and what it keeps.
func (c *cachingConn) Close() error {
	c.kept.Purge()
	return c.sqliteConn.Close()
}

// keptRows are the rows of a statement that is kept. What columns are like is
// asked of the rows themselves.
type keptRows struct {
	driver.Rows
	statement *keptStatement
	closed    bool
}

// Close implements driver.Rows.
func (r *keptRows) Close() error {
	err := r.Rows.Close()
	if !r.closed {
		r.closed = true
		r.statement.release()
	}
	return err
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName.
func (r *keptRows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

// ColumnTypeScanType implements driver.RowsColumnTypeScanType.
func (r *keptRows) ColumnTypeScanType(i int) reflect.Type {
	if t, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return t.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}
