// Package models is the store: tables, migrations and queries over PostgreSQL
// and over SQLite, the same code for both.
//
// Reading and writing are apart. A [DB] answers queries from a pool of reading
// connections. [DB.Write] runs a function inside a transaction; on SQLite, which
// has one writer, functions that wait at the same time share one commit. What a
// transaction sees and changes it does through its [Tx], which has every query
// that DB has.
//
// Things have a row and a document. The row holds what is searched, joined and
// counted; the document is the normal form of package vocab as JSON, and is read
// through a cache keyed by id and version, so that a page of a stream costs a few
// index look-ups and no decoding.
//
// A stream is a range of an index, its order is the position that each item got
// when it was put there, and pages are cut by position (keyset paging), never by
// counting rows from the start.
package models
