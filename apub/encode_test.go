package apub_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"manifold/apub"
	"manifold/bridge"
	"manifold/internal/gofed"
	"manifold/models"
	"manifold/models/vocab"
)

// namesOf makes the names of a server.
func namesOf(t testing.TB, base string) *bridge.Names {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return bridge.NewNames(u)
}

const (
	here   = "https://pump.example"
	ann    = "acct:ann@pump.example"
	annIRI = here + "/users/ann"
	bobIRI = "https://m.example/users/bob"
	noteID = here + "/api/note/aaaaaaaaaaaaaaaaaaaaaa"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// people are those of other servers that the tests name.
var people = apub.People{
	"acct:bob@m.example":                      {IRI: bobIRI, Handle: "bob@m.example", Followers: bobIRI + "/followers", Page: "https://m.example/@bob"},
	bobIRI + "/followers":                     {IRI: bobIRI, Handle: "bob@m.example", Followers: bobIRI + "/followers"},
	"acct:carl@x.example":                     {IRI: "https://x.example/?author=1", Handle: "carl@x.example"},
	"https://lemmy.example/c/pumps":           {IRI: "https://lemmy.example/c/pumps", Handle: "pumps@lemmy.example", Followers: "https://lemmy.example/c/pumps/followers"},
	"https://lemmy.example/c/pumps/followers": {IRI: "https://lemmy.example/c/pumps", Followers: "https://lemmy.example/c/pumps/followers"},
}

func encoder(t testing.TB) *apub.Encoder {
	return &apub.Encoder{Names: namesOf(t, here), Directory: people}
}

// person is a reference to somebody.
func person(id string) *vocab.Object { return &vocab.Object{ID: id, Type: vocab.TypePerson} }

func everybody() *vocab.Object { return &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection} }

func annFollowers() *vocab.Object {
	return &vocab.Object{ID: here + "/api/user/ann/followers", Type: vocab.TypeCollection}
}

// deed is an activity of ann as the store has it.
func deed(verb string, object *vocab.Object) *models.Activity {
	return &models.Activity{Local: true, Verb: verb, Doc: &vocab.Activity{
		ID: here + "/api/activity/bbbbbbbbbbbbbbbbbbbbbb", Verb: verb, Actor: person(ann), Object: object,
		To: []*vocab.Object{everybody()}, CC: []*vocab.Object{annFollowers()}, Published: noon, Updated: noon,
		Content: `<a href="https://pump.example/ann">Ann</a> did it`,
	}}
}

// note is a note of ann as the store has it.
func note(change func(*vocab.Object)) *models.Object {
	o := &vocab.Object{ID: noteID, Type: vocab.TypeNote, Author: person(ann), Content: "<p>Hello</p>", URL: here + "/ann/note/aaaaaaaaaaaaaaaaaaaaaa",
		Published: noon, Updated: noon}
	if change != nil {
		change(o)
	}
	return &models.Object{Type: o.Type, Local: true, Doc: o, Created: noon}
}

// accepted checks what every document of ours has to be: read by a parser that
// knows nothing of us, and without anything that some server would choke on.
func accepted(t *testing.T, raw []byte, err error) map[string]any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&m); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, raw)
	}
	if !bytes.HasPrefix(raw, []byte(`{"@context":["https://www.w3.org/ns/activitystreams",`)) {
		t.Errorf("AS2 is not the first context: %.200s", raw)
	}
	strict(t, "", m, raw)
	if err := gofed.Read(raw); err != nil {
		t.Errorf("go-fed does not read it: %v\n%s", err, raw)
	}
	return m
}

// strict complains of what no document of ours has in it anywhere.
func strict(t *testing.T, where string, v any, raw []byte) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		t.Errorf("%s is null: %s", where, raw)
	case []any:
		for _, e := range v {
			strict(t, where+"[]", e, raw)
		}
	case map[string]any:
		for name, e := range v {
			switch name {
			case "@context":
				continue
			case "bto", "bcc":
				t.Errorf("%s.%s leaves the server: %s", where, name, raw)
			case "to", "cc", "tag", "attachment", "oneOf", "anyOf", "items", "orderedItems", "alsoKnownAs":
				if _, ok := e.([]any); !ok {
					t.Errorf("%s.%s is no list: %s", where, name, raw)
				}
			case "publicKey":
				if _, ok := e.(map[string]any); !ok {
					t.Errorf("%s.publicKey is not one object: %s", where, raw)
				}
			case "type", "id":
				if s, ok := e.(string); !ok || s == "" {
					t.Errorf("%s.%s is %v: %s", where, name, e, raw)
				}
			}
			strict(t, where+"."+name, e, raw)
		}
	}
}

// back reads a document as another of our servers does.
func back(t *testing.T, raw []byte) *apub.Document {
	t.Helper()
	d, err := apub.Decode(raw, apub.DecodeOptions{Names: namesOf(t, "https://other.example")})
	if err != nil {
		t.Fatalf("cannot be read: %v\n%s", err, raw)
	}
	return d
}

// stripped is a document without our extension and our context, as a server
// shows it that knows nothing of them.
func stripped(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, stripped(t, e))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, e := range v {
			if strings.HasPrefix(name, "pump:") {
				continue
			}
			out[name] = stripped(t, e)
		}
		if _, ok := out["@context"]; ok {
			out["@context"] = "https://www.w3.org/ns/activitystreams"
		}
		return out
	}
	return v
}
