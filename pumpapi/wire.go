package pumpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"manifold/models/vocab"
)

// Limits on documents that come in.
const (
	// MaxDocument is the size of the largest JSON body, in bytes.
	MaxDocument = 1 << 20
	// maxDepth is how deep objects and arrays may be nested.
	maxDepth = 48
)

// DocumentError says what is wrong with a document, and where.
type DocumentError struct {
	// Where is the path of the member, such as "object.attachments".
	Where string
	// Problem is what is wrong there, and what would be right.
	Problem string
}

func (e *DocumentError) Error() string {
	if e.Where == "" {
		return e.Problem
	}
	return e.Where + ": " + e.Problem
}

func wrong(where, format string, args ...any) error {
	return &DocumentError{where, fmt.Sprintf(format, args...)}
}

// members are the members of a JSON object that have not been read yet.
type members map[string]json.RawMessage

// checkDocument makes sure that a document is one JSON value of bounded depth
// whose objects name each member once: which of two counts, every reader decides
// otherwise.
func checkDocument(data []byte) error {
	if len(data) > MaxDocument {
		return wrong("", "the document has %d bytes; at most %d are accepted", len(data), MaxDocument)
	}
	if !utf8.Valid(data) {
		return wrong("", "the document is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := checkValue(d, 0); err != nil {
		if _, ok := errors.AsType[*DocumentError](err); ok {
			return err
		}
		return wrong("", "not JSON: %v, at byte %d", err, d.InputOffset())
	}
	if _, err := d.Token(); err != io.EOF {
		return wrong("", "not JSON: there is more after the end of the document, at byte %d", d.InputOffset())
	}
	return nil
}

func checkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err == io.EOF {
		return wrong("", "the document is empty; a JSON object is expected")
	}
	if err != nil {
		return err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth >= maxDepth {
		return wrong("", "the document is nested deeper than %d levels", maxDepth)
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if seen[name.(string)] {
				return wrong(name.(string), "the member stands twice in the same object")
			}
			seen[name.(string)] = true
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// kind returns the first byte of a JSON value, which tells its type: one of
// { [ " t f n or a digit.
func kind(raw json.RawMessage) byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return 'n'
	}
	return raw[0]
}

func readMembers(raw json.RawMessage, where string) (members, error) {
	m := members{}
	if kind(raw) != '{' {
		return nil, wrong(where, "must be an object")
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, wrong(where, "cannot be read: %v", err)
	}
	for name := range m {
		// pump.io keeps its own notes in such members and drops those of others.
		if strings.HasPrefix(name, "_") {
			delete(m, name)
		}
	}
	return m, nil
}

// take removes a member and reports whether it is there with a value. Where it
// is there as null, cleared notes it.
func (m members) take(name string, cleared *[]string) (json.RawMessage, bool) {
	raw, ok := m[name]
	if !ok {
		return nil, false
	}
	delete(m, name)
	if kind(raw) == 'n' {
		if cleared != nil {
			*cleared = append(*cleared, name)
		}
		return nil, false
	}
	return raw, true
}

// text takes a string.
func (m members) text(name, where string, cleared *[]string) (string, error) {
	raw, ok := m.take(name, cleared)
	if !ok {
		return "", nil
	}
	if kind(raw) != '"' {
		return "", wrong(join(where, name), "must be a string")
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", wrong(join(where, name), "cannot be read: %v", err)
	}
	if s == "" && cleared != nil {
		*cleared = append(*cleared, name)
	}
	return s, nil
}

// markup takes a string of HTML; pump.io turns a number or a boolean there into
// text, and clients have come to rely on it.
func (m members) markup(name, where string, cleared *[]string) (string, error) {
	if raw, ok := m[name]; ok {
		switch k := kind(raw); {
		case k == 't', k == 'f', k == '-', k >= '0' && k <= '9':
			delete(m, name)
			return string(bytes.TrimSpace(raw)), nil
		}
	}
	return m.text(name, where, cleared)
}

// instant takes a time. What is not one is dropped: pump servers write times of
// remote things as they got them, and some have no zone.
func (m members) instant(name, where string) (time.Time, error) {
	s, err := m.text(name, where, nil)
	if err != nil || s == "" {
		return time.Time{}, err
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil && t.UTC().Year() > 0 && t.UTC().Year() < 10000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, nil
}

// texts takes a list of strings. identi.ca wrote such lists as objects with the
// keys "0", "1" and so on.
func (m members) texts(name, where string) ([]string, error) {
	raw, ok := m.take(name, nil)
	if !ok {
		return nil, nil
	}
	var list []string
	switch kind(raw) {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, wrong(join(where, name), "cannot be read: %v", err)
		}
		return []string{s}, nil
	case '{':
		numbered := map[string]string{}
		if err := json.Unmarshal(raw, &numbered); err != nil {
			return nil, wrong(join(where, name), "must be a list of strings")
		}
		for i := 0; i < len(numbered); i++ {
			if s, ok := numbered[fmt.Sprint(i)]; ok {
				list = append(list, s)
			}
		}
		if len(list) != len(numbered) {
			return nil, wrong(join(where, name), "must be a list of strings")
		}
	default:
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, wrong(join(where, name), "must be a list of strings")
		}
	}
	return list, nil
}

// rest returns what nothing has taken, under full names.
func (m members) rest() map[string]json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	extra := make(map[string]json.RawMessage, len(m))
	for name, raw := range m {
		if name == twinMember && kind(raw) == '{' {
			readTwin(raw, extra)
			continue
		}
		// A full name that would be cut to a bare one could stand beside the member
		// of that name; whoever writes it means that member, and has written it.
		if !strings.HasPrefix(name, vocab.NSAS1) {
			extra[fullName(name)] = compact(raw)
		}
	}
	return extra
}

// twinMember is where a thing has what Activity Streams 2.0 can say and 1.0
// cannot: languages, warnings, choices. pump.io keeps it as it is, but not names
// that begin with an underscore.
const twinMember = "activitypub"

// twinName is the name of a member of Activity Streams 2.0 within twinMember.
func twinName(iri string) string {
	name := strings.TrimPrefix(iri, vocab.NSAS2)
	if name == "" || strings.HasPrefix(name, "_") || strings.Contains(name, ":") {
		return iri
	}
	return name
}

// readTwin is the reverse: it adds the members under full names.
func readTwin(raw json.RawMessage, extra map[string]json.RawMessage) {
	var inner map[string]json.RawMessage
	if json.Unmarshal(raw, &inner) != nil {
		return // checked before
	}
	for name, value := range inner {
		switch {
		case strings.HasPrefix(name, vocab.NSAS1), name == "":
		case strings.Contains(name, ":"):
			extra[name] = compact(value)
		default:
			extra[vocab.NSAS2+name] = compact(value)
		}
	}
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return raw
	}
	return b.Bytes()
}

// fullName completes the name of a member that the vocabulary has no field for.
func fullName(name string) string {
	if strings.Contains(name, ":") {
		return name
	}
	return vocab.NSAS1 + name
}

// bareName is the reverse of fullName.
func bareName(iri string) string {
	return strings.TrimPrefix(iri, vocab.NSAS1)
}

func join(where, name string) string {
	if where == "" {
		return name
	}
	return where + "." + name
}
