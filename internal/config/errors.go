package config

import (
	"errors"
	"fmt"
	"strings"
)

// SourceKind says which layer a value came from.
type SourceKind string

const (
	FromFlag        SourceKind = "flag"
	FromEnvironment SourceKind = "env"
	FromFile        SourceKind = "file"
	FromDefault     SourceKind = "default"
	// Derived values follow from another setting: nobody gave them, but they
	// are not the default either.
	Derived SourceKind = "derived"
)

// Source says where a value came from.
type Source struct {
	Kind SourceKind
	Name string // the flag with its dashes, the variable, the path of the file, or the key derived from
	Line int    // in the file, from 1; 0 where a default of that file's program counts
	// As is what the file calls the setting, where that is another name than the
	// key: the original pump.io says urlPort and hostname where we say url.
	As string
}

// String returns "flag --listen", "environment MANIFOLD_LISTEN",
// "/etc/manifold.toml:12", "/etc/pump.io.json:3 (smtpserver)", "default", or
// "derived from listen".
func (s Source) String() string {
	switch s.Kind {
	case FromFlag:
		return "flag " + s.Name
	case FromEnvironment:
		return "environment " + s.Name
	case FromFile:
		place := s.Name
		if s.Line > 0 {
			place = fmt.Sprintf("%s:%d", s.Name, s.Line)
		}
		if s.As != "" {
			place += " (" + s.As + ")"
		}
		return place
	case Derived:
		return "derived from " + s.Name
	}
	return string(s.Kind)
}

// FileError is a configuration file that cannot be read, or that is larger or
// deeper than settings ever are.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string {
	return "reading configuration file " + e.Path + ": " + e.Err.Error()
}
func (e *FileError) Unwrap() error { return e.Err }

// SyntaxError is a configuration file that is neither TOML nor, where it should
// be, JSON.
type SyntaxError struct {
	Path   string
	Line   int // from 1
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason) }

// UnknownKeyError is a key of the file, or a MANIFOLD_ variable, that does not
// exist. Its value is not told: it may be a secret under a misspelt name.
type UnknownKeyError struct {
	Name    string
	Source  Source
	Nearest string // the name most like it, or empty if none is
	// Known are the names that there are; nil stands for our keys.
	Known []string
}

func (e *UnknownKeyError) Error() string {
	what := fmt.Sprintf("%s: there is no key %q", e.Source, shorten(e.Name))
	if e.Source.Kind == FromEnvironment {
		what = "there is no setting " + shorten(e.Name) + " (environment)"
	}
	if e.Nearest != "" {
		return what + "; did you mean " + e.Nearest + "?"
	}
	names := e.Known
	if names == nil {
		names = keyNames()
	}
	return what + "; there are " + strings.Join(names, ", ")
}

func keyNames() []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}

// ValueError is a value that its key does not allow.
type ValueError struct {
	Key     string
	Value   string // shortened, passwords masked
	Source  Source
	Reason  error  // what is wrong with it
	Allowed string // what would be right
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%s = %q (%s): %s; allowed: %s", e.Key, e.Value, e.Source, e.Reason, e.Allowed)
}

func (e *ValueError) Unwrap() error { return e.Reason }

// CombinationError is settings that are right by themselves and cannot work
// together.
type CombinationError struct {
	Keys   []string
	Reason string // what is wrong, and what to do
}

func (e *CombinationError) Error() string { return strings.Join(e.Keys, ", ") + ": " + e.Reason }

// join is errors.Join for a slice of one kind of error.
func join[E error](wrong []E) error {
	all := make([]error, len(wrong))
	for i, err := range wrong {
		all[i] = err
	}
	return errors.Join(all...)
}

// nearestKey returns the key that name was most likely meant to be, or "".
func nearestKey(name string) string {
	return nearest(strings.ReplaceAll(strings.ToLower(name), "-", "_"), keyNames())
}

// nearest returns the name that another was most likely meant to be, or "".
func nearest(name string, names []string) string {
	best, least := "", max(2, len(name)/3)+1
	if len(name) > 64 {
		return ""
	}
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	if best != "" || len(name) < 3 {
		return best
	}
	for _, n := range names {
		if strings.Contains(n, name) || strings.Contains(name, n) {
			return n
		}
	}
	return ""
}

// nearestVariable is nearestKey for variables.
func nearestVariable(name string) string {
	if nearest := nearestKey(strings.TrimPrefix(name, envPrefix)); nearest != "" {
		k, _ := lookup(nearest)
		return k.env()
	}
	return ""
}

// distance is the number of letters to insert, delete or replace that turns a
// into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
