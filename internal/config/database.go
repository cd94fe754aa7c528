package config

import (
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

// Driver names of Database.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Database says where the store is. Printed or logged it shows no password.
type Database struct{ dsn string }

// masked stands in print for what is not shown.
const masked = "[masked]"

var (
	schemes = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	// keywordDSNs are the other form that PostgreSQL's own tools take:
	// "host=db user=manifold password=...". Read as a path it would make a file
	// with the password in its name.
	keywordDSNs = regexp.MustCompile(`(^|\s)(host|hostaddr|port|user|dbname|password|sslmode)\s*=`)
	// secretParameters hold secrets in the query of a PostgreSQL URL.
	secretParameters = regexp.MustCompile(`(?i)([?&][a-z_]*(?:password|secret|key)=)[^&#]*`)
)

// ParseDatabase reads the path of an SQLite file, or a PostgreSQL URL with the
// scheme postgres or postgresql. Errors do not repeat the text.
func ParseDatabase(text string) (Database, error) {
	scheme := schemes.FindString(text)
	switch {
	case text == "":
		return Database{}, errors.New("it is empty")
	case scheme == "" && keywordDSNs.MatchString(text):
		return Database{}, errors.New("the key=value form is not supported, write it as a postgres:// URL")
	case scheme == "" && bareScheme(text):
		return Database{}, errors.New("two slashes are missing after the scheme")
	case text == ":memory:":
		// Each connection of the pool would see an empty database of its own.
		return Database{}, errors.New("a database in memory is not supported, name a file")
	case scheme == "" && strings.HasPrefix(strings.ToLower(text), "file:"):
		return Database{}, errors.New("file: URIs are not supported, write the plain path")
	case scheme == "":
		return Database{dsn: text}, nil
	case scheme != "postgres://" && scheme != "postgresql://":
		return Database{}, errors.New("there is no driver for that scheme")
	}
	// The error of url.Parse repeats the URL, and the URL holds the password.
	if _, err := url.Parse(text); err != nil {
		return Database{}, errors.New("this is no URL (write special characters of the password as %XX)")
	}
	return Database{dsn: text}, nil
}

// Driver returns SQLite or Postgres.
func (d Database) Driver() string {
	if schemes.MatchString(d.dsn) {
		return Postgres
	}
	return SQLite
}

// DSN returns the path of the SQLite file, or the PostgreSQL URL with its
// password. It is for opening the database only.
func (d Database) DSN() string { return d.dsn }

// String returns the DSN with the password masked.
func (d Database) String() string { return maskDSN(d.dsn) }

// GoString keeps %#v from showing the password.
func (d Database) GoString() string { return d.String() }

// LogValue keeps the password out of logs.
func (d Database) LogValue() slog.Value { return slog.StringValue(d.String()) }

// maskDSN hides the passwords of a database URL. Errors show text that is no
// proper URL; there, and where a password that should have been encoded moved the
// end of the authority, all of it is hidden.
func maskDSN(text string) string {
	scheme := schemes.FindString(text)
	if scheme == "" {
		if keywordDSNs.MatchString(text) || bareScheme(text) {
			return masked
		}
		return text
	}
	authority, tail := text[len(scheme):], ""
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority, tail = authority[:end], authority[end:]
	}
	if _, err := url.Parse(text); err != nil || strings.Contains(tail, "@") {
		return scheme + masked
	}
	at := max(strings.LastIndex(authority, "@"), 0)
	if user, _, ok := strings.Cut(authority[:at], ":"); ok {
		authority = user + ":" + masked + authority[at:]
	}
	return scheme + authority + secretParameters.ReplaceAllString(tail, "${1}"+masked)
}

// bareScheme reports whether text is a PostgreSQL URL that lost its slashes.
func bareScheme(text string) bool {
	return strings.HasPrefix(text, "postgres:") || strings.HasPrefix(text, "postgresql:")
}
