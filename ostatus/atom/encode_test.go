package atom_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"manifold/ostatus/atom"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.FixedZone("east", 3600))

// node is an element as a parser reads it.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

func (n node) all(space, name string) []node {
	var list []node
	for _, c := range n.Children {
		if c.XMLName == (xml.Name{Space: space, Local: name}) {
			list = append(list, c)
		}
	}
	return list
}

// one returns the only child of this name.
func (n node) one(t *testing.T, space, name string) node {
	t.Helper()
	list := n.all(space, name)
	if len(list) != 1 {
		t.Fatalf("%s has %d elements %s", n.XMLName.Local, len(list), name)
	}
	return list[0]
}

func (n node) attr(space, name string) string {
	for _, a := range n.Attrs {
		if a.Name == (xml.Name{Space: space, Local: name}) {
			return a.Value
		}
	}
	return ""
}

// parse reads a document strictly.
func parse(t *testing.T, doc []byte) node {
	t.Helper()
	var n node
	d := xml.NewDecoder(strings.NewReader(string(doc)))
	if err := d.Decode(&n); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return n
		}
		if text, ok := token.(xml.CharData); err != nil || !ok || strings.TrimSpace(string(text)) != "" {
			t.Fatalf("%v %v after the end of %s", token, err, doc)
		}
	}
}

func encode(t *testing.T, f *atom.Feed) node {
	t.Helper()
	doc, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, doc)
}

func TestFeed(t *testing.T) {
	ann := &atom.Person{Name: "ann", URI: "https://us.example/users/ann", ObjectType: atom.Schema + "person", DisplayName: "Ann & Co", Note: "paints <boats>",
		Links: []atom.Link{{Rel: "avatar", Type: "image/png", Href: "https://us.example/a.png", Width: 96, Height: 97}}}
	f := encode(t, &atom.Feed{
		ID: "https://us.example/users/ann/feed.atom", Title: "Ann's <posts>", Subtitle: "about", Logo: "https://us.example/a.png",
		Generator: atom.Generator{Name: "Manifold", Version: "1.2"}, Updated: at, Author: ann,
		Links: []atom.Link{{Rel: "self", Type: "application/atom+xml", Href: "https://us.example/users/ann/feed.atom?a=1&b=2"}},
		Entries: []*atom.Entry{
			{ID: "https://us.example/api/note/1", Title: "", Content: "<p>Fish &amp; \"chips\"</p>", Published: at, Updated: at.Add(time.Hour),
				Verb: atom.Schema + "post", ObjectType: atom.Schema + "note", InReplyTo: &atom.Reply{Ref: "tag:x", Href: "https://far.example/1"},
				Categories: []atom.Category{{Term: "boats"}, {}}, Links: []atom.Link{{Rel: "mentioned", Href: atom.Public, ObjectType: atom.Schema + "collection"}}},
			{ID: "https://us.example/api/activity/2", Title: "shared", Updated: at, Verb: atom.Schema + "share", ObjectType: atom.Schema + "activity",
				Object: &atom.Entry{ID: "tag:y", ObjectType: atom.Schema + "activity", Verb: atom.Schema + "post", Author: &atom.Person{Name: "bob", URI: "urn:bob", Links: []atom.Link{{Rel: "avatar", Href: "https://far.example/b.png"}}},
					Object: &atom.Entry{ID: "tag:y", ObjectType: atom.Schema + "note", Content: "words"}}},
		},
	})
	a := atom.NSAtom
	for _, tt := range []struct{ what, got, want string }{
		{"root", f.XMLName.Space + " " + f.XMLName.Local, a + " feed"},
		{"id", f.one(t, a, "id").Text, "https://us.example/users/ann/feed.atom"},
		{"title", f.one(t, a, "title").Text, "Ann's <posts>"},
		{"subtitle", f.one(t, a, "subtitle").Text, "about"},
		{"logo", f.one(t, a, "logo").Text, "https://us.example/a.png"},
		{"generator", f.one(t, a, "generator").Text + f.one(t, a, "generator").attr("", "version"), "Manifold1.2"},
		{"updated", f.one(t, a, "updated").Text, "2026-03-04T04:06:07Z"},
		{"link", f.one(t, a, "link").attr("", "href"), "https://us.example/users/ann/feed.atom?a=1&b=2"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	author := f.one(t, a, "author")
	for _, tt := range []struct{ space, name, want string }{
		{a, "name", "ann"}, {a, "uri", "https://us.example/users/ann"}, {atom.NSActivity, "object-type", atom.Schema + "person"},
		{atom.NSPoco, "preferredUsername", "ann"}, {atom.NSPoco, "displayName", "Ann & Co"}, {atom.NSPoco, "note", "paints <boats>"},
	} {
		if got := author.one(t, tt.space, tt.name).Text; got != tt.want {
			t.Errorf("author: %s is %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, c := range author.Children {
		if c.XMLName.Space == a && c.XMLName.Local != "name" && c.XMLName.Local != "uri" {
			t.Errorf("an author has no %s (RFC 4287 3.2)", c.XMLName.Local)
		}
	}
	// GNU social looks at the subject before the author, Mastodon at what comes first.
	for _, who := range []node{f.one(t, atom.NSActivity, "subject"), f.one(t, atom.NSDFRN, "owner")} {
		if who.one(t, atom.NSPoco, "displayName").Text != "Ann & Co" || who.one(t, atom.NSPoco, "preferredUsername").Text != "ann" || who.one(t, atom.NSPoco, "note").Text != "paints <boats>" {
			t.Errorf("%s: %v", who.XMLName.Local, who.Children)
		}
	}
	subject := f.one(t, atom.NSActivity, "subject")
	if subject.one(t, a, "id").Text != "https://us.example/users/ann" || subject.one(t, a, "title").Text != "Ann & Co" || subject.one(t, atom.NSActivity, "object-type").Text != atom.Schema+"person" {
		t.Errorf("the subject: %v", subject.Children)
	}
	if owner := f.one(t, atom.NSDFRN, "owner"); owner.one(t, a, "uri").Text != "https://us.example/users/ann" || owner.one(t, a, "link").attr("", "href") != "https://us.example/a.png" {
		t.Errorf("the owner: %v", owner.Children)
	}
	if first := f.Children[0]; first.XMLName != (xml.Name{Space: atom.NSDFRN, Local: "owner"}) {
		t.Errorf("the first element is %s", first.XMLName.Local)
	}
	if l := subject.one(t, a, "link"); l.attr(atom.NSMedia, "width") != "96" || l.attr(atom.NSMedia, "height") != "97" || l.attr("", "length") != "" {
		t.Errorf("avatar: %v", l.Attrs)
	}

	entries := f.all(a, "entry")
	if len(entries) != 2 {
		t.Fatalf("%d entries", len(entries))
	}
	post := entries[0]
	content := post.one(t, a, "content")
	for _, tt := range []struct{ what, got, want string }{
		{"title", post.one(t, a, "title").Text, ""},
		{"content", content.Text, "<p>Fish &amp; \"chips\"</p>"},
		{"type of the content", content.attr("", "type"), "html"},
		{"published", post.one(t, a, "published").Text, "2026-03-04T04:06:07Z"},
		{"updated", post.one(t, a, "updated").Text, "2026-03-04T05:06:07Z"},
		{"verb", post.one(t, atom.NSActivity, "verb").Text, atom.Schema + "post"},
		{"type", post.one(t, atom.NSActivity, "object-type").Text, atom.Schema + "note"},
		{"parent", post.one(t, atom.NSThread, "in-reply-to").attr("", "ref"), "tag:x"},
		{"where the parent is", post.one(t, atom.NSThread, "in-reply-to").attr("", "href"), "https://far.example/1"},
		{"category", post.one(t, a, "category").attr("", "term"), "boats"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	links := post.all(a, "link")
	if len(links) != 2 || links[0].attr(atom.NSOStatus, "object-type") != atom.Schema+"collection" || links[1].attr("", "rel") != "related" {
		t.Errorf("links of the post: %v", links)
	}
	inner := entries[1].one(t, atom.NSActivity, "object")
	if got := inner.one(t, a, "author").one(t, a, "name").Text; got != "bob" {
		t.Errorf("the author of what is shared is %q", got)
	}
	if actor := inner.one(t, atom.NSActivity, "actor"); len(inner.one(t, a, "author").all(a, "link")) != 0 || actor.one(t, a, "id").Text != "urn:bob" || actor.one(t, a, "link").attr("", "href") != "https://far.example/b.png" {
		t.Errorf("the actor of what is shared: %v", actor.Children)
	}
	if got := inner.one(t, atom.NSActivity, "object").one(t, a, "content").Text; got != "words" {
		t.Errorf("what is shared says %q", got)
	}
}

// What is not valid is refused with the reason.
func TestIncomplete(t *testing.T) {
	ann := &atom.Person{Name: "ann"}
	ok := atom.Entry{ID: "x:1", Updated: at, Author: ann}
	for _, tt := range []struct {
		want string
		feed atom.Feed
	}{
		{"atom: feed has no id", atom.Feed{Updated: at}},
		{"atom: feed has no time of its last change", atom.Feed{ID: "x:"}},
		{"atom: the author of feed has no name", atom.Feed{ID: "x:", Updated: at, Author: &atom.Person{}}},
		{"atom: entry x:2 has no author", atom.Feed{ID: "x:", Updated: at, Entries: []*atom.Entry{&ok, {ID: "x:2", Updated: at}}}},
		{"atom: an entry has no id", atom.Feed{ID: "x:", Updated: at, Entries: []*atom.Entry{{Updated: at, Author: ann}}}},
		{"atom: entry x:2 has no time of its last change", atom.Feed{ID: "x:", Updated: at, Author: ann, Entries: []*atom.Entry{{ID: "x:2"}}}},
	} {
		_, err := tt.feed.Encode()
		if _, ok := errors.AsType[*atom.IncompleteError](err); !ok || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
	if _, err := (&atom.Entry{ID: "x:1", Updated: at}).Encode(); err == nil || err.Error() != "atom: entry x:1 has no author" {
		t.Errorf("an entry without an author: %v", err)
	}
	deep := ok
	for range 3 {
		inner := deep
		deep = atom.Entry{ID: "x:1", Updated: at, Author: ann, Object: &inner}
	}
	if _, err := deep.Encode(); err == nil {
		t.Error("objects are nested without end")
	}
	doc, err := ok.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if e := parse(t, doc); e.XMLName.Local != "entry" || e.one(t, atom.NSAtom, "id").Text != "x:1" {
		t.Errorf("an entry alone: %s", doc)
	}
}

// readable is a text as a reader of XML gets it.
func readable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			return r
		}
		return utf8.RuneError
	}, strings.ToValidUTF8(s, ""))
}

// Whatever the texts are, the document is well-formed and says the same.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "plain", "<p>&amp;\"'", "]]>", "<![CDATA[", "\x00\x01\x1f\x7f\u0085", "a\r\nb\tc", "\ufffe\uffff", "\xff\xfe", "\U0010ffff", "é\u2028", "&#0;", "--><?x"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		person := &atom.Person{Name: name + "x", URI: text, ObjectType: text, DisplayName: text, Note: text, Links: []atom.Link{{Rel: text, Href: name}}}
		entry := &atom.Entry{ID: text + "x", Title: text, Content: name, Updated: at, Author: person, Verb: text, ObjectType: name, Categories: []atom.Category{{Term: text}},
			InReplyTo: &atom.Reply{Ref: text, Href: name}, Links: []atom.Link{{Rel: name, Type: text, Href: text, Title: name, ObjectType: text}}}
		entry.Object = &atom.Entry{ID: name, Content: text}
		doc := encode(t, &atom.Feed{ID: text + "x", Title: name, Subtitle: text, Logo: text, Generator: atom.Generator{Name: text, Version: name}, Updated: at,
			Author: person, Entries: []*atom.Entry{entry}})
		read := doc.one(t, atom.NSAtom, "entry")
		if !utf8.ValidString(text) || !utf8.ValidString(name) {
			return // how many U+FFFD stand for what is not UTF-8 is nobody's concern
		}
		for _, tt := range []struct{ what, got, want string }{
			{"title", read.one(t, atom.NSAtom, "title").Text, text},
			{"id", read.one(t, atom.NSAtom, "id").Text, text + "x"},
			{"parent", read.one(t, atom.NSThread, "in-reply-to").attr("", "ref"), text},
			{"title of the feed", doc.one(t, atom.NSAtom, "title").Text, name},
		} {
			if tt.got != readable(tt.want) {
				t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
			}
		}
	})
}
