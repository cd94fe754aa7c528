package apub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits on documents that come in.
const (
	// MaxDocument is the size of the largest document, in bytes. Mastodon reads no
	// more either.
	MaxDocument = 1 << 20
	// maxDepth is how deep objects and arrays may be nested.
	maxDepth = 48
)

// DocumentError says what is wrong with a document, and where.
type DocumentError struct {
	// Where is the path of the member, such as "object.attachment[2]".
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

// value is one JSON value of a document that came in. Documents are read into a
// tree of them once, since almost every member may be a string, an object or a
// list of either.
type value struct {
	// kind is the first byte of the value: one of { [ " t f n, or 0 for a number.
	kind byte
	// text is the string, or the digits of a number.
	text string
	list []*value
	// members are under the names that we use, see memberName.
	members map[string]*value
	raw     json.RawMessage
}

// parse reads one JSON object of bounded size and depth, each object of which
// names every member once: which of two counts, every reader decides otherwise.
func parse(data []byte) (*value, error) {
	if len(data) > MaxDocument {
		return nil, wrong("", "the document has %d bytes; at most %d are accepted", len(data), MaxDocument)
	}
	if !utf8.Valid(data) {
		return nil, wrong("", "the document is not UTF-8")
	}
	p := parser{data: data, d: json.NewDecoder(bytes.NewReader(data))}
	p.d.UseNumber()
	v, err := p.value(0)
	if err != nil {
		if _, ok := errors.AsType[*DocumentError](err); ok {
			return nil, err
		}
		return nil, wrong("", "not JSON: %v, at byte %d", err, p.d.InputOffset())
	}
	if _, err := p.d.Token(); err != io.EOF {
		return nil, wrong("", "not JSON: there is more after the end of the document, at byte %d", p.d.InputOffset())
	}
	if v.kind != '{' {
		return nil, wrong("", "must be an object")
	}
	return v, nil
}

type parser struct {
	data []byte
	d    *json.Decoder
}

func (p *parser) value(depth int) (*value, error) {
	before := p.d.InputOffset()
	t, err := p.d.Token()
	if err == io.EOF {
		if depth > 0 {
			err = io.ErrUnexpectedEOF
			return nil, err
		}
		return nil, wrong("", "the document is empty; a JSON object is expected")
	}
	if err != nil {
		return nil, err
	}
	start := before + int64(len(p.data[before:])-len(bytes.TrimLeft(p.data[before:], " \t\r\n,:")))
	v := &value{kind: p.data[start]}
	switch t := t.(type) {
	case string:
		v.text = t
	case json.Number:
		v.kind, v.text = 0, t.String()
	case json.Delim:
		if depth >= maxDepth {
			return nil, wrong("", "the document is nested deeper than %d levels", maxDepth)
		}
		if err := p.inside(v, depth); err != nil {
			return nil, err
		}
	}
	v.raw = p.data[start:p.d.InputOffset()]
	return v, nil
}

// inside reads what stands between the brackets of an object or a list.
func (p *parser) inside(v *value, depth int) error {
	for p.d.More() {
		name := ""
		if v.kind == '{' {
			t, err := p.d.Token()
			if err != nil {
				return err
			}
			name = memberName(t.(string))
			if v.members[name] != nil {
				return wrong(name, "the member stands twice in the same object")
			}
		}
		e, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		if v.kind == '[' {
			v.list = append(v.list, e)
			continue
		}
		if v.members == nil {
			v.members = map[string]*value{}
		}
		v.members[name] = e
	}
	_, err := p.d.Token()
	return err
}

// items are the values of a member that may have one or several. Some servers
// write one where the others write a list of one (GoToSocial collapses them),
// null for none, and lists in lists; JSON-LD has lists as objects.
func (v *value) items() []*value {
	switch {
	case v == nil || v.kind == 'n':
		return nil
	case v.kind == '[':
		var all []*value
		for _, e := range v.list {
			all = append(all, e.items()...)
		}
		return all
	case v.kind == '{' && len(v.members) == 1:
		for _, name := range []string{"@list", "@set"} {
			if list := v.members[name]; list != nil {
				return list.items()
			}
		}
	}
	return []*value{v}
}

// first is the first of the items, nil where there is none.
func (v *value) first() *value {
	if items := v.items(); len(items) > 0 {
		return items[0]
	}
	return nil
}

// member is a member of an object, nil where it is missing or null.
func (v *value) member(name string) *value {
	if v == nil {
		return nil
	}
	m := v.members[name]
	if m == nil || m.kind == 'n' {
		return nil
	}
	return m
}

// string is what a value says as text: a string, or a string with a language
// (JSON-LD's @value). It reports false for anything else.
func (v *value) string() (string, bool) {
	switch {
	case v == nil:
		return "", false
	case v.kind == '"':
		return v.text, true
	case v.kind == '{':
		if inner := v.members["@value"]; inner != nil && inner.kind == '"' {
			return inner.text, true
		}
	}
	return "", false
}

// compact is a value as bytes of their own, without white space between its parts.
func (v *value) compact() json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, v.raw); err != nil {
		return bytes.Clone(v.raw)
	}
	return b.Bytes()
}

func join(where, name string) string {
	if where == "" {
		return name
	}
	return where + "." + name
}
