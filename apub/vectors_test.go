package apub_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manifold/apub"
	"manifold/models"
	"manifold/models/vocab"
)

// vectors are the documents in the folder that MANIFOLD_VECTORS names. Without
// it there are none; when it is set, they must be there.
func vectors(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(folder, "granary", "paired", pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("MANIFOLD_VECTORS is %s, but there are no documents in its folder granary/paired: %v", folder, err)
	}
	documents := map[string][]byte{}
	for _, name := range names {
		if documents[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return documents
}

// everything is our own odd documents and those of the vectors.
func everything(t testing.TB) map[string][]byte {
	t.Helper()
	documents := vectors(t, "*.as2*.json")
	if documents == nil {
		documents = map[string][]byte{}
	}
	files, err := filepath.Glob("testdata/odd/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".read.json") {
			continue
		}
		if documents["odd/"+filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return documents
}

// servedAgain writes what was read of a document, as far as we would ever write
// it: activities of somebody, and things.
func servedAgain(t *testing.T, d *apub.Document) []byte {
	t.Helper()
	e := encoder(t)
	var raw []byte
	var err error
	switch {
	case d.Activity != nil && d.Activity.Actor != nil:
		row := &models.Activity{Doc: d.Activity, Verb: d.Activity.Verb}
		about := apub.About{}
		if o := d.Activity.Object; o != nil && (d.Activity.Verb == "post" || d.Activity.Verb == "update") && d.Actor == nil && !o.IsReference() {
			about.Object = &models.Object{Doc: o, Type: o.Type}
		}
		raw, err = e.Activity(row, about)
	case d.Posting != nil:
		raw, err = e.Object(&models.Object{Doc: d.Object, Type: d.Object.Type}, &models.Activity{Doc: d.Posting})
	default:
		return nil
	}
	accepted(t, raw, err)
	return raw
}

// TestProperty64: every document is read; what it means is the same after it was
// written and read again, and from then on so is all that was read of it.
func TestProperty64ParseServeParse(t *testing.T) {
	t.Parallel()
	options := apub.DecodeOptions{Names: namesOf(t, here)}
	for name, in := range everything(t) {
		t.Run(name, func(t *testing.T) {
			first, err := apub.Decode(in, options)
			if err != nil {
				t.Fatal(err)
			}
			raw := servedAgain(t, first)
			if raw == nil {
				return
			}
			second, err := apub.Decode(raw, options)
			if err != nil {
				t.Fatalf("what was written cannot be read: %v\n%s", err, raw)
			}
			if got, want := meaning(second), meaning(first); got != want {
				t.Errorf("it has become\n%s\nit was\n%s\nwritten as\n%s", got, want, raw)
			}
			third, err := apub.Decode(servedAgain(t, second), options)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := asText(t, third), asText(t, second); got != want {
				t.Errorf("written once more it has become\n%s\nit was\n%s", got, want)
			}
		})
	}
}

func asText(t *testing.T, d *apub.Document) string {
	t.Helper()
	raw, err := json.MarshalIndent(shown(d), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// meaning is what a document says, without what the store keeps as a reference
// only and what we serve from our own.
func meaning(d *apub.Document) string {
	a := d.Activity
	if a == nil {
		a = d.Posting
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s undoes %s\nby %s\n", a.ID, a.Verb, a.Undoes, idOf(a.Actor))
	for _, o := range a.Addressees() {
		if strings.Contains(o.ID, ":") { // others are no ids
			fmt.Fprintf(&b, "for %s\n", o.ID)
		}
	}
	if a.Target != nil {
		fmt.Fprintf(&b, "target %s\n", idOf(a.Target))
	}
	o := a.Object
	if o == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "object %s\n", idOf(o))
	if a.Verb != vocab.VerbPost {
		return b.String()
	}
	fmt.Fprintf(&b, "%s %q %q %q %s by %s, %s to %s\n", o.Type, o.DisplayName, o.Summary, o.Content, o.Published.Format(time.RFC3339), idOf(o.Author), o.StartTime, o.EndTime)
	for _, p := range o.InReplyTo {
		fmt.Fprintf(&b, "in reply to %s\n", p.ID)
	}
	for _, m := range []*vocab.Media{o.Image, o.FullImage, o.Stream} {
		if m != nil {
			fmt.Fprintf(&b, "shows %s %dx%d %g\n", m.URL, m.Width, m.Height, m.Duration)
		}
	}
	for _, x := range o.Attachments {
		fmt.Fprintf(&b, "with %s %s %q\n", x.Type, x.ID, x.DisplayName)
	}
	for _, x := range o.Tags {
		if x.Type != vocab.TypeMention { // those who are addressed are mentioned for others
			fmt.Fprintf(&b, "tag %s %s %q\n", x.Type, x.ID, x.DisplayName)
		}
	}
	return b.String()
}

// idOf is by what a thing is found.
func idOf(o *vocab.Object) string {
	switch {
	case o == nil:
		return "nobody"
	case o.ID == "":
		return o.URL
	}
	return o.ID
}

// disagreeing are the pairs whose AS1 is not what our tables say, and why.
var disagreeing = map[string]string{
	"undo_object_id":                      "granary has a verb undo; what is undone by its id is Undo here",
	"undo_repost":                         "granary has a verb undo; a share that is taken back is unshare here",
	"note_with_image_document_attachment": "a note with one picture and a few words is an image here",
}

// The other halves of the pairs say in AS1 what a document means. Compared is what
// both mean by the same word: the verb, the type, the texts, who did it.
func TestPairsOfAS1(t *testing.T) {
	t.Parallel()
	documents := vectors(t, "*.as2.json")
	for name, in := range documents {
		stem := strings.TrimSuffix(name, ".as2.json")
		if disagreeing[stem] != "" {
			continue
		}
		t.Run(stem, func(t *testing.T) {
			pair := vectors(t, stem+".as*.json")
			as1 := pair[stem+".as-from-as2.json"]
			if as1 == nil {
				as1 = pair[stem+".as.json"]
			}
			if as1 == nil {
				return
			}
			var want map[string]any
			if err := json.Unmarshal(as1, &want); err != nil {
				t.Fatal(err)
			}
			d, err := apub.Decode(in, apub.DecodeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case d.Actor != nil && d.Activity == nil:
				samePair(t, "actor", d.Actor.Profile, want)
			case d.Object != nil:
				samePair(t, "object", d.Object, want)
			case d.Activity != nil:
				verb, _ := want["verb"].(string)
				if d.Activity.Verb != verb && !(verb == "like" && d.Activity.Verb == vocab.VerbFavorite) && !(verb == "tag" && d.Activity.Verb == vocab.VerbAdd) {
					t.Errorf("the verb is %s, want %s", d.Activity.Verb, verb)
				}
				if o, ok := want["object"].(map[string]any); ok && d.Activity.Inner == nil && d.Activity.Object != nil {
					samePair(t, "object", d.Activity.Object, o)
				}
			}
		})
	}
}

func samePair(t *testing.T, what string, got *vocab.Object, want map[string]any) {
	t.Helper()
	for name, value := range map[string]string{"objectType": got.Type, "displayName": got.DisplayName, "content": got.Content, "summary": got.Summary} {
		if s, _ := want[name].(string); s != value && s != "" {
			t.Errorf("%s.%s is %q, want %q", what, name, value, s)
		}
	}
}
