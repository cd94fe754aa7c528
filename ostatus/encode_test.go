package ostatus_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
)

// What is sent is read as the same, and names whom it is sent to.
func TestEncodeEntry(t *testing.T) {
	const bobURI = "https://far.example/user/1"
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	e := &ostatus.Encoder{Names: decoder(t).Names, URI: func(id string) string {
		return map[string]string{"acct:bob@far.example": bobURI, "acct:go@far.example": "https://far.example/group/1/id"}[id]
	}}
	ann := &vocab.Object{ID: "acct:ann@us.example", Type: "person", DisplayName: "Ann & Co", PreferredUsername: "ann", Summary: "<p>paints</p>", URL: home + "/ann",
		Image: &vocab.Media{URL: home + "/96.png", Width: 96, Height: 96}, Location: &vocab.Object{Type: "place", DisplayName: "Here"}}
	bob := &vocab.Object{ID: "acct:bob@far.example", Type: "person", DisplayName: "Bob", PreferredUsername: "bob"}
	group := &vocab.Object{ID: "acct:go@far.example", Type: "group", PreferredUsername: "go"}
	note := &vocab.Object{ID: "tag:far.example,2026:9", Type: "note", Content: "<b>words</b><script>x</script>", URL: "https://far.example/notice/9"}
	for _, tt := range []struct {
		verb           string
		object         *vocab.Object
		to             string
		iri, read, got string // the verb as written and as read; the object as read
		mentioned      bool
	}{
		{"follow", bob, bobURI, atom.Schema + "follow", "follow", bobURI, false},
		{"stop-following", bob, bobURI, atom.SchemaOStatus + "unfollow", "stop-following", bobURI, false},
		{"join", group, "https://far.example/group/1/id", atom.Schema + "join", "join", "https://far.example/group/1/id", false},
		{"leave", group, "https://far.example/group/1/id", atom.SchemaOStatus + "leave", "leave", "https://far.example/group/1/id", false},
		{"favorite", note, bobURI, atom.Schema + "favorite", "favorite", note.ID, true},
		{"like", note, bobURI, atom.Schema + "favorite", "favorite", note.ID, true},
		{"unfavorite", note, bobURI, atom.Schema + "unfavorite", "unfavorite", note.ID, true},
		{"delete", &vocab.Object{ID: home + "/api/note/abc", Type: "note"}, bobURI, atom.Schema + "delete", "delete", home + "/api/note/abc", true},
		{"unshare", note, bobURI, atom.Schema + "delete", "delete", home + "/api/activity/share", true},
		{"update", ann, bobURI, atom.SchemaOStatus + "update-profile", "update", "acct:ann@us.example", true},
	} {
		a := &vocab.Activity{ID: home + "/api/activity/1", Verb: tt.verb, Object: tt.object, Published: at, Undoes: home + "/api/activity/share"}
		entry, err := e.Entry(a, ann, tt.to)
		if err != nil {
			t.Errorf("%s: %v", tt.verb, err)
			continue
		}
		doc, err := entry.Encode()
		if err != nil {
			t.Errorf("%s: %v", tt.verb, err)
			continue
		}
		read, err := atom.Decode(doc, atom.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		mentions := len(read.Entry.Mentions()) == 1 && read.Entry.Mentions()[0].URI == tt.to
		if read.Entry.Verb != tt.iri || mentions != tt.mentioned || read.Entry.Author.Identity() != home+"/users/ann" || read.Entry.Author.Name != "ann" || atom.Href(read.Entry.Links, "alternate", "text/html") == "" {
			t.Errorf("%s: %s", tt.verb, doc)
		}
		if strings.Contains(string(doc), "script") {
			t.Errorf("%s: not cleaned: %s", tt.verb, doc)
		}
		back, err := decoder(t).Entry(read.Entry, nil)
		if err != nil || back.Verb != tt.read || back.Object.ID != tt.got || !back.Published.Equal(at) || back.Actor.ID != "acct:ann@us.example" || back.Actor.DisplayName != "Ann & Co" || back.Actor.Location.DisplayName != "Here" {
			t.Errorf("%s is read as %+v of %+v, %v", tt.verb, back, back.Object, err)
		}
	}
	for name, a := range map[string]*vocab.Activity{
		"a block":                           {ID: "urn:1", Verb: "block", Object: bob},
		"a verb of somebody":                {ID: "urn:1", Verb: "https://x.example/wave", Object: bob},
		"an edit of a note":                 {ID: "urn:1", Verb: "update", Object: note},
		"nobody on this network":            {ID: "urn:1", Verb: "follow", Object: &vocab.Object{ID: "acct:x@ap.example", Type: "person"}},
		"nothing":                           {ID: "urn:1", Verb: "follow"},
		"a share of which nothing is known": {ID: "urn:1", Verb: "unshare", Object: note},
	} {
		if entry, err := e.Entry(a, ann, bobURI); !errors.Is(err, ostatus.ErrNotExpressible) {
			t.Errorf("%s: %+v %v", name, entry, err)
		}
	}
}
