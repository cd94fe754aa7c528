package gofed

import (
	"fmt"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	const context = `"@context":"https://www.w3.org/ns/activitystreams",`
	for document, read := range map[string]bool{
		`{` + context + `"type":"Note","id":"https://a.example/1"}`:                                                        true,
		`{` + context + `"type":"Like","id":"https://a.example/1","object":"https://b.example/2"}`:                         true,
		`{` + context + `"type":"Flag","id":"https://a.example/1","object":["https://b.example/2","https://b.example/3"]}`: true,
		`{` + context + `"type":"Pet","id":"https://a.example/1"}`:                                                         false,
		`{"type":"Note","id":"https://a.example/1"}`:                                                                       false,
		`[]`: false,
	} {
		if err := Read([]byte(document)); (err == nil) != read {
			t.Errorf("%s is read: %v", document, err)
		}
	}
	for typ := range unknown {
		document := fmt.Sprintf(`{%s"type":%q,"id":"https://a.example/1","actor":"https://a.example/users/ann","object":"https://b.example/2"}`, context, typ)
		if err := Read([]byte(document)); err != nil {
			t.Error(err)
		}
		document = fmt.Sprintf(`{"type":%q,"id":"https://a.example/1"}`, typ)
		if err := Read([]byte(document)); err == nil {
			t.Errorf("%s is read", document)
		}
	}
}
