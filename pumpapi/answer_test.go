package pumpapi_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// answer is what a server answered.
type answer struct {
	t       testing.TB
	request string
	status  int
	header  http.Header
	body    []byte
}

// ok returns the document of a success, which is status 200 and JSON that is
// not empty: Dianara takes all else for a failure.
func (a *answer) ok() doc {
	a.t.Helper()
	var d doc
	a.json(http.StatusOK, &d)
	if len(d) == 0 {
		a.t.Errorf("%s answers an empty document", a.request)
	}
	return d
}

// json reads an answer of JSON.
func (a *answer) json(status int, dest any) {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answers %d, want %d: %.500q", a.request, a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		a.t.Errorf("%s answers with the type %q", a.request, got)
	}
	if err := json.Unmarshal(a.body, dest); err != nil {
		a.t.Fatalf("%s answers what is not JSON: %v: %.500s", a.request, err, a.body)
	}
}

// refused checks a refusal of the API: {"error": message}.
func (a *answer) refused(status int, message string) {
	a.t.Helper()
	var d doc
	a.json(status, &d)
	if got, _ := d["error"].(string); got != message || len(d) != 1 {
		a.t.Errorf("%s refuses with %s, want the error %q", a.request, a.body, message)
	}
}

// refusedPlain checks a refusal of OAuth, which is text.
func (a *answer) refusedPlain(status int, message string) {
	a.t.Helper()
	if a.status != status || string(a.body) != message {
		a.t.Errorf("%s answers %d %q, want %d %q", a.request, a.status, a.body, status, message)
	}
	if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		a.t.Errorf("%s refuses with the type %q", a.request, got)
	}
	if got := a.header.Get("WWW-Authenticate"); got != `OAuth realm="OAuth"` {
		a.t.Errorf("%s refuses with WWW-Authenticate %q", a.request, got)
	}
}

// said checks an answer of one word.
func (a *answer) said(word string) {
	a.t.Helper()
	var got string
	a.json(http.StatusOK, &got)
	if got != word {
		a.t.Errorf("%s answers %q, want %q", a.request, got, word)
	}
}

// doc is a JSON object.
type doc map[string]any

// at returns the value at a path such as "items.0.object.id", nil if there is
// none.
func (d doc) at(path string) any {
	var value any = map[string]any(d)
	for _, part := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[part]
		case doc:
			value = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func (d doc) text(path string) string {
	s, _ := d.at(path).(string)
	return s
}

func (d doc) doc(path string) doc {
	m, _ := d.at(path).(map[string]any)
	return m
}

// docs are the objects of a list.
func (d doc) docs(path string) []doc {
	list, _ := d.at(path).([]any)
	docs := make([]doc, len(list))
	for i, e := range list {
		m, _ := e.(map[string]any)
		docs[i] = m
	}
	return docs
}

func (d doc) id() string { return d.text("id") }

// ref is the thing as an object or addressee.
func (d doc) ref() doc { return doc{"id": d.id(), "objectType": d.text("objectType")} }

// has checks values by their paths. A nil wants nothing there; numbers are
// given as float64.
func (d doc) has(t testing.TB, want map[string]any) {
	t.Helper()
	for path, value := range want {
		if got := d.at(path); got != value {
			t.Errorf("%s is %#v, want %#v, in %s", path, got, value, d)
		}
	}
}

func (d doc) String() string {
	b, _ := json.Marshal(d)
	return string(b)
}

// column collects the text at a path of each document.
func column(docs []doc, path string) []string {
	list := make([]string, len(docs))
	for i, d := range docs {
		list[i] = d.text(path)
	}
	return list
}
