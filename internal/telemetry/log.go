package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// masked stands in the log for what is not shown.
const masked = "[masked]"

// NewLogger returns a logger that writes lines to w, each by one call of Write.
// Format is "text" for key=value or "json" for one object a line; any other is an
// error. A line logged with the context of a request (InfoContext and so on)
// carries its id as request_id.
//
// Attributes with the name of a secret are masked, in groups too, and so are the
// credentials in values of type http.Header and *url.URL. This is a second line
// of defence: text inside messages and errors is not looked at.
func NewLogger(w io.Writer, level slog.Leveler, format string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: maskSecrets}
	switch format {
	case "text":
		return slog.New(requestHandler{slog.NewTextHandler(w, options)}), nil
	case "json":
		return slog.New(requestHandler{slog.NewJSONHandler(w, options)}), nil
	}
	return nil, fmt.Errorf("making the logger: there is no format %q, only text and json", format)
}

// requestHandler adds the id of the request to lines logged with its context.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, line slog.Record) error {
	if id := RequestID(ctx); id != "" {
		line = line.Clone()
		line.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, line)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

// maskSecrets is the ReplaceAttr of NewLogger.
func maskSecrets(groups []string, a slog.Attr) slog.Attr {
	if isSecret(a.Key) || slices.ContainsFunc(groups, isSecret) {
		return slog.String(a.Key, masked)
	}
	if a.Value.Kind() != slog.KindAny {
		return a
	}
	switch v := a.Value.Any().(type) {
	case http.Header:
		return slog.Any(a.Key, maskHeader(v))
	case *url.URL:
		if v != nil && v.User != nil {
			return slog.String(a.Key, v.Redacted())
		}
	}
	return a
}

func maskHeader(h http.Header) http.Header {
	h = h.Clone()
	for name := range h {
		if isSecret(name) {
			h[name] = []string{masked}
		}
	}
	return h
}

// secretWords are the names of attributes and header fields that hold secrets, and
// the ends of such names.
var secretWords = [...]string{"password", "secret", "token", "bearer", "authorization", "cookie", "dsn", "private_key"}

// isSecret reports whether an attribute or a header field of this name holds a
// secret: password, client_secret, accessToken, Set-Cookie and so on, in any case.
func isSecret(name string) bool {
	for _, word := range secretWords {
		if endsInWord(name, word) {
			return true
		}
	}
	return false
}

// endsInWord reports whether name is word, or ends with it as a word of its own:
// after a _, - or dot, or with a capital.
func endsInWord(name, word string) bool {
	before := len(name) - len(word)
	if before < 0 || !strings.EqualFold(name[before:], word) {
		return false
	}
	return before == 0 || strings.IndexByte("_-.", name[before-1]) >= 0 || 'A' <= name[before] && name[before] <= 'Z'
}
