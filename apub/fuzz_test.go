package apub_test

import (
	"encoding/json"
	"errors"
	"testing"

	"manifold/apub"
	"manifold/models"
)

// FuzzDecode reads whatever comes: it is refused with a reason, or read, and what
// was read can be written and read again.
func FuzzDecode(f *testing.F) {
	for _, document := range everything(f) {
		f.Add(document)
	}
	for _, s := range []string{`{}`, `[`, `{"type":[]}`, `{"type":"Undo","object":{"type":"Undo","object":{}}}`, `{"type":"Note","attachment":[[{"url":[{}]}]],"tag":[null,1]}`,
		`{"type":"Note","pump:position":"+","location":{"type":"Place","latitude":1e999,"longitude":"x"}}`, `{"type":"Note","content":"RE: x","quoteUrl":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		options := apub.DecodeOptions{Names: namesOf(t, here)}
		d, err := apub.Decode(in, options)
		if err != nil {
			if _, ok := errors.AsType[*apub.DocumentError](err); !ok || d != nil && err == nil {
				t.Fatalf("refused without saying where: %v", err)
			}
			return
		}
		e := encoder(t)
		var raw []byte
		switch {
		case d.Activity != nil:
			raw, err = e.Activity(&models.Activity{Doc: d.Activity}, apub.About{Object: rowOf(d)})
		case d.Object != nil:
			raw, err = e.Object(&models.Object{Doc: d.Object, Type: d.Object.Type, Deleted: d.Object.Deleted}, nil)
		case d.Actor != nil:
			raw, err = e.Actor(apub.Profile{Actor: &models.Actor{Type: d.Actor.Profile.Type, Doc: d.Actor.Profile}})
		default:
			return
		}
		if errors.Is(err, apub.ErrNotExpressible) {
			return
		}
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		if !json.Valid(raw) {
			t.Fatalf("it is written as %q", raw)
		}
		if _, err := apub.Decode(raw, options); err != nil && len(raw) <= apub.MaxDocument {
			t.Fatalf("what was written cannot be read: %v\n%s", err, raw)
		}
	})
}

func rowOf(d *apub.Document) *models.Object {
	if d.Activity.Object == nil || d.Activity.Verb != "post" && d.Activity.Verb != "update" || d.Actor != nil {
		return nil
	}
	return &models.Object{Doc: d.Activity.Object, Type: d.Activity.Object.Type}
}
