package apub_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"manifold/apub"
)

// update writes what the documents are read as, for somebody to check.
var update = flag.Bool("update", false, "write what the odd documents are read as")

// TestDecodeOddDocuments reads documents as servers write them, each with
// something that others do not do. What is made of each stands in the file beside.
func TestDecodeOddDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/odd/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no documents: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".read.json") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d, err := apub.Decode(in, apub.DecodeOptions{Names: namesOf(t, here)})
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(shown(d), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			expected := strings.TrimSuffix(file, ".json") + ".read.json"
			if *update {
				if err := os.WriteFile(expected, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("it is read as\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// shown is everything that was read of a document.
func shown(d *apub.Document) map[string]any {
	m := map[string]any{"id": d.ID, "types": d.Types}
	switch {
	case d.Activity != nil:
		m["activity"] = d.Activity
		if d.Activity.Object != nil && len(d.Activity.Object.Cleared) > 0 {
			m["cleared"] = d.Activity.Object.Cleared
		}
	case d.Posting != nil:
		m["posting"] = d.Posting
	case d.Object != nil:
		m["object"] = d.Object
	case d.Collection != nil:
		m["collection"] = d.Collection
	case d.Key != nil:
		m["key"] = d.Key
	}
	if d.Actor != nil {
		m["actor"] = d.Actor
	}
	return m
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"object":`, 60) + `{}` + strings.Repeat(`}`, 60)
	for _, tt := range []struct{ name, in, where, problem string }{
		{"no text", "{\"id\":\"\xff\"}", "", "not UTF-8"},
		{"nothing", ``, "", "empty"},
		{"a string", `"https://x.example/1"`, "", "must be an object"},
		{"a list", `[{"type":"Note"}]`, "", "must be an object"},
		{"null", `null`, "", "must be an object"},
		{"not JSON", `{"id":x}`, "", "not JSON"},
		{"cut off", `{"id":"x"`, "", "not JSON"},
		{"cut off in a list", `{"to":["x",`, "", "not JSON"},
		{"two documents", `{"type":"Note"} {}`, "", "more after the end"},
		{"the same member twice", `{"id":"a","id":"b"}`, "id", "stands twice"},
		{"twice by another spelling", `{"id":"a","@id":"b"}`, "id", "stands twice"},
		{"twice with a prefix", `{"type":"Note","name":"a","as:name":"b"}`, "name", "stands twice"},
		{"twice inside", `{"foo":[{"bar":1,"bar":2}]}`, "bar", "stands twice"},
		{"twice by an escape", `{"id":"a","\u0069d":"b"}`, "id", "stands twice"},
		{"too deep", deep, "", "nested deeper than 48"},
		{"too large", `{"content":"` + strings.Repeat("x", apub.MaxDocument) + `"}`, "", "at most 1048576"},
		{"a graph", `{"@context":"https://www.w3.org/ns/activitystreams","@graph":[]}`, "@graph", "is not read"},
		{"without a type", `{"id":"https://x.example/1","content":"x"}`, "type", "is missing"},
		{"an id that is a number", `{"id":5,"type":"Note"}`, "id", "must be a string"},
		{"an id that is an object", `{"id":{"@id":"x"},"type":"Note"}`, "id", "must be a string"},
		{"a text that is a number", `{"type":"Note","content":5}`, "content", "must be a string"},
		{"a text that is an object", `{"type":"Note","name":{"a":"b"}}`, "name", "must be a string"},
		{"a number as the object", `{"type":"Like","actor":"https://x.example/u","object":5}`, "object", "must be an object or the id"},
		{"a boolean as the actor", `{"type":"Like","actor":true,"object":"https://x.example/1"}`, "actor", "must be an object or the id"},
		{"wrong inside", `{"type":"Create","actor":"https://x.example/u","object":{"type":"Note","attachment":["https://x.example/a.png",{"type":"Note","name":7}]}}`,
			"object.attachment[1].name", "must be a string"},
		{"an audience of numbers", `{"type":"Note","to":[1]}`, "to", "must be a list of ids"},
		{"an Undo of nothing", `{"type":"Undo","actor":"https://x.example/u"}`, "object", "is missing"},
		{"an Undo of what says nothing", `{"type":"Undo","actor":"https://x.example/u","object":{"type":"Follow"}}`, "object", "neither by its id"},
		{"an Undo of what somebody else did", `{"type":"Undo","actor":"https://x.example/u","object":{"type":"Follow","actor":"https://x.example/v","object":"https://y.example/w"}}`,
			"object.actor", "only https://x.example/u can undo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := apub.Decode([]byte(tt.in), apub.DecodeOptions{})
			e, ok := errors.AsType[*apub.DocumentError](err)
			if !ok {
				t.Fatalf("it is read as %+v, %v", d, err)
			}
			if e.Where != tt.where || !strings.Contains(e.Problem, tt.problem) || !strings.Contains(e.Error(), e.Problem) {
				t.Errorf("refused with %q at %q, want %q at %q", e.Problem, e.Where, tt.problem, tt.where)
			}
		})
	}
}
