package models

import (
	"slices"
	"strconv"
)

// Page says which part of a sequence is wanted. Sequences are read newest
// first. Before and Since are exclusive bounds, positions (or whatever orders
// the sequence), 0 for none; with Since the page holds the Count items next to
// that bound.
type Page struct {
	Count, Offset int
	Before, Since int64
}

// bounds returns conditions on column to be added to a WHERE clause.
func (p Page) bounds(column string) (string, []any) {
	var where string
	var args []any
	if p.Before > 0 {
		where += " AND " + column + " < ?"
		args = append(args, p.Before)
	}
	if p.Since > 0 {
		where += " AND " + column + " > ?"
		args = append(args, p.Since)
	}
	return where, args
}

// order returns the ORDER BY clause without LIMIT. Since pages are read oldest
// first, see [newestFirst].
func (p Page) order(column string) string {
	if p.Since > 0 {
		return " ORDER BY " + column
	}
	return " ORDER BY " + column + " DESC"
}

// cut returns the ORDER BY clause with the limits. Numbers stand in the text:
// SQLite prepares a statement anew whenever a parameter in LIMIT is bound.
func (p Page) cut(column string) string {
	clause := p.order(column) + " LIMIT " + strconv.Itoa(p.Count)
	if p.Offset > 0 {
		clause += " OFFSET " + strconv.Itoa(p.Offset)
	}
	return clause
}

// newestFirst turns a list that was read in the order of p into newest first.
func newestFirst[T any](p Page, list []T) []T {
	if p.Since > 0 {
		slices.Reverse(list)
	}
	return list
}
