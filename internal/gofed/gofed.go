// Package gofed reads documents of ActivityStreams 2.0 as github.com/go-fed/activity
// does, for tests: a reader that knows nothing of what writes them.
//
// It is a package of its own, so that its 15 MB of types for every word of every
// vocabulary are in no program but those tests.
package gofed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"

	"github.com/go-fed/activity/streams"
)

// unknown are the types that are written and that go-fed v1.0.0 does not know, each
// with the nearest type of AS2, which is what its document is read as. Package
// streams has no way to be told of a type: its resolver is generated, and answers
// [streams.ErrUnhandledType]. To write a list of types, as AS2 allows, would satisfy
// it and no peer: Pleroma and Mastodon compare the type with one word.
var unknown = map[string]string{
	"EmojiReact":         "Like",   // litepub
	"QuoteRequest":       "Offer",  // FEP-044f
	"QuoteAuthorization": "Object", // FEP-044f
}

// kept are members that have to come out of the reader as they went in.
var kept = []string{"id", "actor", "attributedTo", "object", "target", "result", "instrument", "inReplyTo", "interactingObject", "interactionTarget"}

// Read has go-fed read a document, and returns an error that says what it does not
// understand of it, or what it loses.
func Read(document []byte) error {
	var m map[string]any
	if err := json.Unmarshal(document, &m); err != nil {
		return fmt.Errorf("it is no JSON object: %w", err)
	}
	typ, _ := m["type"].(string)
	read, err := streams.ToType(context.Background(), m)
	if nearest, ok := unknown[typ]; ok {
		if !streams.IsUnmatchedErr(err) {
			return fmt.Errorf("go-fed knows %s after all: it can be read as what it is (%w)", typ, err)
		}
		m["type"] = nearest
		read, err = streams.ToType(context.Background(), m)
		typ = nearest
	}
	if err != nil {
		return fmt.Errorf("a document of type %q is not read: %w", typ, err)
	}
	if read.GetTypeName() != typ {
		return fmt.Errorf("a document of type %q is read as %s", typ, read.GetTypeName())
	}
	understood, err := read.Serialize()
	if err != nil {
		return fmt.Errorf("what was read of a document of type %q cannot be written: %w", typ, err)
	}
	for _, member := range kept {
		if !names(m[member], understood[member]) {
			return fmt.Errorf("%s of a document of type %q is read as %v, it is %v", member, typ, understood[member], m[member])
		}
	}
	return nil
}

// names reports whether a member that was read names the same as the one that was
// written: a list of one comes back as what is in it.
func names(written, read any) bool {
	return reflect.DeepEqual(refs(written), refs(read))
}

// refs are the ids that a member names, embedded or not.
func refs(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{spelled(v)}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, refs(e)...)
		}
		return all
	case map[string]any:
		if id, ok := v["id"].(string); ok {
			return []string{spelled(id)}
		}
	}
	return nil
}

// spelled is an id as go-fed writes it: it keeps a [url.URL], which escapes letters
// of other alphabets anew.
func spelled(id string) string {
	u, err := url.Parse(id)
	if err != nil {
		return id
	}
	return u.String()
}
