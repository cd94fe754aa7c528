package atom_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manifold/ostatus/atom"
)

// complete gives a document what the writer demands and many do not have, and
// says whether it can be written at all.
func complete(d *atom.Document) {
	if f := d.Feed; f != nil {
		f.ID, f.Author = "urn:feed", &atom.Person{Name: "x"}
		if f.Updated.IsZero() {
			f.Updated = at
		}
	}
	for _, e := range d.Entries() {
		complete1(e, 1)
	}
}

func complete1(e *atom.Entry, depth int) {
	if depth == 1 {
		if e.ID == "" {
			e.ID = "urn:entry"
		}
		if e.Updated.IsZero() {
			e.Updated = at
		}
		if e.Author == nil {
			e.Author = &atom.Person{Name: "x"}
		}
	}
	if e.Author != nil && e.Author.Name == "" {
		e.Author.Name = "x"
	}
	if e.Source != nil && e.Source.Author != nil && e.Source.Author.Name == "" {
		e.Source.Author.Name = "x"
	}
	for _, o := range append(e.MoreObjects, e.Object, e.Target) {
		if o != nil {
			complete1(o, depth+1)
		}
	}
}

func write(t testing.TB, d *atom.Document) []byte {
	t.Helper()
	var doc []byte
	var err error
	if d.Feed != nil {
		doc, err = d.Feed.Encode()
	} else {
		doc, err = d.Entry.Encode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// stable reads what was written and writes it again: it has to be the same.
func stable(t testing.TB, d *atom.Document) {
	t.Helper()
	complete(d)
	once := write(t, d)
	again, err := atom.Decode(once, atom.DecodeOptions{MaxSize: 1 << 30})
	if err != nil {
		t.Fatalf("%v in %s", err, once)
	}
	complete(again)
	if twice := write(t, again); !bytes.Equal(once, twice) {
		a, b := strings.Split(string(once), "\n"), strings.Split(string(twice), "\n")
		for i := range a {
			if i >= len(b) || a[i] != b[i] {
				t.Fatalf("line %d was\n%s\nread and written again\n%s", i+1, a[i], b[min(i, len(b)-1)])
			}
		}
		t.Fatalf("%d lines have become %d", len(a), len(b))
	}
}

func TestStable(t *testing.T) {
	d := decode(t, "<entry"+head+">"+noteOfBob+"</entry>")
	stable(t, d)
	// What the writer was given comes back, field by field.
	again := decode(t, string(write(t, d))).Entry
	same(t, "author", again.By(nil), d.Entry.Author)
	again.Links, d.Entry.Links = nil, nil
	again.Author, again.Actor, d.Entry.Author = nil, nil, nil
	same(t, "entry", again, d.Entry)

	point := &atom.Point{Latitude: -0.5, Longitude: 179.123456}
	full := &atom.Feed{
		ID: "https://us.example/users/ann/feed.atom", Title: "t", Subtitle: "s", Rights: "r", Logo: "https://us.example/l", Icon: "https://us.example/i",
		Generator: atom.Generator{Name: "Manifold", Version: "1", URI: "https://us.example/"}, Updated: at.Truncate(time.Second).UTC(), Lang: "en",
		Author: &atom.Person{Name: "ann", URI: "https://us.example/users/ann", ID: "https://us.example/users/ann", Email: "ann@us.example", ObjectType: atom.Schema + "person", PreferredUsername: "ann",
			DisplayName: "Ann", Note: "n", Location: "Here", Summary: "<p>n</p>", URLs: []atom.Contact{{"homepage", "https://ann.example", true}, {"blog", "https://blog.example", false}}, Point: point,
			Links: []atom.Link{{Rel: "avatar", Href: "https://us.example/a", Width: 96, Height: 96}}, Followers: "https://us.example/f", LocalID: "1", Scope: "public"},
		Group: &atom.GroupInfo{MemberCount: 3},
		Links: append(atom.SalmonLinks("https://us.example/salmon/1"), atom.Link{Rel: atom.RelHub, Href: "https://us.example/hub"}, atom.Link{Rel: atom.RelNext, Type: atom.TypeFeed, Href: "https://us.example/?before=1"}),
		Entries: []*atom.Entry{{
			ID: "urn:1", Title: "t", Summary: "care &amp; caution", Content: "<p>c</p>", Lang: "de", Published: at.Truncate(time.Second).UTC(), Updated: at.Truncate(time.Second).UTC(),
			Links: append(atom.MentionLinks("https://far.example/1", atom.Schema+"person"), atom.PublicLink(), atom.Link{Rel: "alternate", Type: atom.TypeActivityPub, Href: "https://us.example/1"},
				atom.Link{Rel: "emoji", Name: "blob", Href: "https://us.example/e.png", Title: "T", Lang: "fr", Length: 5, Extra: []atom.Attr{{"urn:x", "y", "z"}, {"", "q", "r"}}}),
			Categories: []atom.Category{{Term: "a", Scheme: "urn:s", Label: "A"}}, Verb: atom.Schema + "tag", ObjectType: atom.Schema + "activity",
			Conversation: &atom.Conversation{Ref: "tag:c", Href: "https://us.example/c", LocalID: "7"},
			Object:       &atom.Entry{ID: "urn:o", Lang: "en"}, MoreObjects: []*atom.Entry{{ID: "urn:p", Lang: "en"}}, Target: &atom.Entry{ID: "urn:t", Lang: "en"},
			Point: point, Place: "There", Notice: &atom.NoticeInfo{LocalID: "1", Source: "web", SourceLink: "https://w.example", RepeatOf: "2"}, Scope: "unlisted",
			Source:     &atom.Feed{ID: "urn:f", Title: "f", Lang: "en"},
			Extensions: []atom.Extension{{Space: "urn:x", Name: "y", XML: `<y xmlns="urn:x" a="1"><z xmlns="">t</z></y>`}},
		}, {ID: "urn:2", Content: "no language", Updated: at.Truncate(time.Second).UTC()}, {ID: "urn:3", ContentSource: "https://us.example/v", ContentType: "video/mp4", Updated: at.Truncate(time.Second).UTC(), Lang: "en"}},
	}
	doc, err := full.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read := decode(t, string(doc)).Feed
	for i, e := range read.Entries {
		same(t, "entry "+e.ID, e, full.Entries[i])
	}
	full.Author.ID = "" // it is the URI
	same(t, "author", (&atom.Entry{Author: read.Author, Actor: read.Subject}).By(nil), full.Author)
	read.Entries, full.Entries = nil, nil
	read.Author, read.Subject, full.Author = nil, nil, nil
	same(t, "feed", read, full)
}

// An extension that is no XML is refused, and does not break out of its place.
func TestExtensionError(t *testing.T) {
	for _, x := range []string{"", "text", "<a>", "<a/><b/>", "</entry>", "<!DOCTYPE a><a/>"} {
		e := &atom.Entry{ID: "urn:1", Updated: at, Author: &atom.Person{Name: "x"}, Extensions: []atom.Extension{{Name: "a", XML: x}}}
		if _, err := e.Encode(); err == nil || !strings.HasPrefix(err.Error(), `atom: the extension "a" cannot be written: xml: `) {
			t.Errorf("%q: %v", x, err)
		}
	}
	e := &atom.Entry{ID: "urn:1", Updated: at, Author: &atom.Person{Name: "x"}, Links: []atom.Link{{Rel: "x", Href: "y", Extra: []atom.Attr{{"", "on click", "1"}, {"", `a="`, "2"}, {"", "href", "z"}}}}}
	doc, err := e.Encode()
	if err != nil || !strings.Contains(string(doc), `<link rel="x" href="y"></link>`) {
		t.Errorf("attributes that are none: %s %v", doc, err)
	}
}

// Whatever can be read can be written and read again, and is the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("<entry" + head + ">" + noteOfBob + "</entry>"))
	f.Add([]byte(`<feed xml:lang="a" xml:base="b" xmlns="http://www.w3.org/2005/Atom"><entry xml:lang=""><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">x<br/></div></content></entry></feed>`))
	f.Add([]byte(`<entry` + head + `><activity:object><poco:urls><poco:value>x</poco:value></poco:urls><summary type="html">a</summary><x/></activity:object></entry>`))
	f.Add([]byte(`<feed` + head + ` xmlns:dfrn="http://purl.org/macgirvin/dfrn/1.0"><dfrn:owner><name>x</name><uri>urn:x</uri></dfrn:owner><author><name>x</name><id>urn:y</id><link href="urn:z"/><t xmlns="http://www.w3.org/2005/Atom"/></author></feed>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := atom.Decode(doc, atom.DecodeOptions{Address: "https://far.example/", MaxSize: 20_000})
		if err != nil {
			return
		}
		for _, e := range d.Entries() {
			e.Mentions()
			e.Enclosures()
			if p := e.By(d.Feed); p != nil {
				p.Avatar()
				p.Identity()
			}
		}
		stable(t, d)
	})
}

// Documents of real servers are read whole, and stay what they are.
func TestVectorsAreStable(t *testing.T) {
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return
	}
	count := 0
	for _, pattern := range []string{"feed/*.atom", "feed/*.http.txt", "entry/*.xml", "live-gs2/*.atom", "live-gs2/*.payload.xml", "statusnet-tests/*"} {
		names, _ := filepath.Glob(filepath.Join(folder, "ostatus", pattern))
		for _, name := range names {
			d, err := atom.Decode(document(t, name), atom.DecodeOptions{})
			if filepath.Base(name) == "example6.xml" { // which is RSS
				if err == nil || !strings.Contains(err.Error(), `"rss"`) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			count++
			t.Run(filepath.Base(name), func(t *testing.T) { stable(t, d) })
		}
	}
	if count < 50 {
		t.Errorf("MANIFOLD_VECTORS is %s, but only %d documents were read", folder, count)
	}
}

// document reads a file; of a recorded answer of HTTP its body, and a fragment is
// put into an entry.
func document(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".http.txt") {
		_, b, _ = bytes.Cut(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	}
	if bytes.HasPrefix(b, []byte("<author")) {
		b = []byte("<entry" + head + ">" + string(b) + "</entry>")
	}
	return b
}
