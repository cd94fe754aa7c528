package ostatus_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
)

func decoder(t testing.TB) *ostatus.Decoder {
	t.Helper()
	base, err := url.Parse(home)
	if err != nil {
		t.Fatal(err)
	}
	return &ostatus.Decoder{Names: bridge.NewNames(base)}
}

const namespaces = ` xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" xmlns:georss="http://www.georss.org/georss"` +
	` xmlns:activity="http://activitystrea.ms/spec/1.0/" xmlns:media="http://purl.org/syndication/atommedia" xmlns:poco="http://portablecontacts.net/spec/1.0"` +
	` xmlns:ostatus="http://ostatus.org/schema/1.0" xmlns:statusnet="http://status.net/schema/api/1/" xmlns:mastodon="http://mastodon.social/schema/1.0"`

const bobsFeed = `<feed` + namespaces + `><id>https://far.example/1.atom</id><author><activity:object-type>http://activitystrea.ms/schema/1.0/person</activity:object-type>
	<uri>https://far.example/user/1</uri><name>bob</name><link rel="alternate" type="text/html" href="https://far.example/bob"/>
	<link rel="avatar" type="image/png" media:width="96" media:height="96" href="https://far.example/96.png"/><link rel="avatar" type="image/png" media:width="400" media:height="400" href="https://far.example/400.png"/>
	<poco:preferredUsername>bob</poco:preferredUsername><poco:displayName>Bobby B</poco:displayName><poco:note>builds &lt;bridges&gt;</poco:note>
	<poco:address><poco:formatted>Paris</poco:formatted></poco:address><poco:urls><poco:type>homepage</poco:type><poco:value>https://bob.example/?a&amp;b</poco:value></poco:urls></author>`

// told reads an entry of bob's feed.
func told(t testing.TB, inside string) (*vocab.Activity, error) {
	t.Helper()
	doc, err := atom.Decode([]byte(bobsFeed+"<entry>"+inside+"</entry></feed>"), atom.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return decoder(t).Entry(doc.Feed.Entries[0], doc.Feed)
}

func mustTell(t testing.TB, inside string) *vocab.Activity {
	t.Helper()
	a, err := told(t, inside)
	if err != nil {
		t.Fatalf("%v in %s", err, inside)
	}
	return a
}

var public = &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection}

// equal compares documents as they are stored.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	a, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Errorf("%s: got\n%s\nwant\n%s", what, a, b)
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestDecodePost(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	a := mustTell(t, `<id>tag:far.example,2026:9</id><title>New comment by bob</title><content type="html">look &lt;b&gt;here&lt;/b&gt;</content>
		<activity:object-type>http://activitystrea.ms/schema/1.0/note</activity:object-type><activity:verb>http://activitystrea.ms/schema/1.0/post</activity:verb>
		<link rel="alternate" type="text/html" href="https://far.example/notice/9"/><link rel="alternate" type="application/activity+json" href="https://far.example/object/9"/>
		<published>2026-03-04T05:06:07Z</published><updated>2026-03-04T05:06:07Z</updated><thr:in-reply-to ref="https://us.example/api/note/abc" href="https://us.example/ann/note/abc"/>
		<ostatus:conversation ref="tag:far.example,2026:thread"/><category term="Boats"/><category term="boats"/>
		<link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/person" href="https://us.example/users/ann"/>
		<link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/group" href="https://far.example/group/1/id"/>
		<link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/collection" href="http://activityschema.org/collection/public"/>
		<link rel="enclosure" type="image/png" href="https://far.example/1.png" title="a boat"/><link rel="enclosure" type="audio/ogg" href="https://far.example/1.ogg"/><link rel="enclosure" type="application/pdf" href="https://far.example/1.pdf"/>
		<link rel="emoji" name="blob" href="https://far.example/blob.png"/><georss:point>48.85 -2.35</georss:point><statusnet:notice_info local_id="9" source="web" source_link="https://far.example/"/>`)
	bob := &vocab.Object{ID: "https://far.example/user/1", Type: "person", DisplayName: "Bobby B", Summary: "builds &lt;bridges&gt;", URL: "https://far.example/bob", PreferredUsername: "bob",
		Location:  &vocab.Object{Type: "place", DisplayName: "Paris"},
		Image:     &vocab.Media{URL: "https://far.example/96.png", MediaType: "image/png", Width: 96, Height: 96},
		FullImage: &vocab.Media{URL: "https://far.example/400.png", MediaType: "image/png", Width: 400, Height: 400},
		Extra:     map[string]json.RawMessage{vocab.NSAS2 + "attachment": raw(`[{"name":"homepage","type":"PropertyValue","value":"\u003ca href=\"https://bob.example/?a\u0026amp;b\" rel=\"me nofollow noopener\"\u003ehttps://bob.example/?a\u0026amp;b\u003c/a\u003e"}]`)}}
	png := &vocab.Media{URL: "https://far.example/1.png", MediaType: "image/png"}
	equal(t, "post", a, &vocab.Activity{
		ID: "tag:far.example,2026:9", Verb: "post", Actor: bob, Published: at, URL: "https://far.example/notice/9",
		Generator: &vocab.Object{Type: "application", DisplayName: "web", URL: "https://far.example/"},
		To:        []*vocab.Object{{ID: "acct:ann@us.example", Type: "person"}, {ID: "https://far.example/group/1/id", Type: "group"}, public},
		Object: &vocab.Object{
			ID: "tag:far.example,2026:9", Type: "comment", Content: "look <b>here</b>", URL: "https://far.example/notice/9", Published: at, Author: &vocab.Object{ID: "https://far.example/user/1", Type: "person"},
			InReplyTo: []*vocab.Object{{ID: "https://us.example/api/note/abc", Type: "note", URL: "https://us.example/ann/note/abc"}},
			Location:  &vocab.Object{Type: "place", Extra: map[string]json.RawMessage{vocab.NSAS1 + "position": raw(`"+48.85-2.35/"`)}},
			Attachments: []*vocab.Object{{Type: "image", DisplayName: "a boat", Image: png, FullImage: png}, {Type: "audio", Stream: &vocab.Media{URL: "https://far.example/1.ogg", MediaType: "audio/ogg"}},
				{Type: "file", FileURL: "https://far.example/1.pdf", MimeType: "application/pdf"}},
			Tags: []*vocab.Object{{Type: "hashtag", DisplayName: "Boats"}, {Type: "mention", ID: "acct:ann@us.example"}, {Type: "mention", ID: "https://far.example/group/1/id"},
				{Type: "http://joinmastodon.org/ns#Emoji", DisplayName: ":blob:", Image: &vocab.Media{URL: "https://far.example/blob.png"}}},
			UpstreamDuplicates: []string{"https://far.example/object/9"},
			Extra:              map[string]json.RawMessage{"http://ostatus.org#conversation": raw(`"tag:far.example,2026:thread"`)},
		},
	})
}

// What is done, to what, in the words of several servers.
func TestDecodeVerbs(t *testing.T) {
	const (
		b     = "http://activitystrea.ms/schema/1.0/"
		o     = "http://ostatus.org/schema/1.0/"
		ann   = `<activity:object><activity:object-type>` + b + `person</activity:object-type><id>https://us.example/users/ann</id><title>Ann</title></activity:object>`
		group = `<activity:object><activity:object-type>` + b + `group</activity:object-type><id>https://far.example/group/1/id</id><title>Go</title></activity:object>`
		note  = `<activity:object><activity:object-type>` + b + `note</activity:object-type><id>https://us.example/api/note/abc</id><content>words</content></activity:object>`
		id    = `<id>tag:far.example,2026:x</id><published>2026-03-04T05:06:07Z</published>`
	)
	for _, tt := range []struct{ name, verb, inside, want, object, kind string }{
		{"follow", b + "follow", ann, "follow", "acct:ann@us.example", "person"},
		{"make-friend", b + "make-friend", ann, "follow", "acct:ann@us.example", "person"},
		{"Mastodon's follow request", b + "request-friend", ann, "follow", "acct:ann@us.example", "person"},
		{"unfollow", o + "unfollow", ann, "stop-following", "acct:ann@us.example", "person"},
		{"unfollow on the other base", b + "unfollow", ann, "stop-following", "acct:ann@us.example", "person"},
		{"follow a group", b + "follow", group, "join", "https://far.example/group/1/id", "group"},
		{"unfollow a group", o + "unfollow", group, "leave", "https://far.example/group/1/id", "group"},
		{"join", b + "join", group, "join", "https://far.example/group/1/id", "group"},
		{"leave", o + "leave", group, "leave", "https://far.example/group/1/id", "group"},
		{"favorite", b + "favorite", note, "favorite", "https://us.example/api/note/abc", "note"},
		{"like", b + "like", note, "favorite", "https://us.example/api/note/abc", "note"},
		{"favorite of a reply's parent", b + "favorite", `<thr:in-reply-to ref="https://us.example/api/note/abc"/>`, "favorite", "https://us.example/api/note/abc", "note"},
		{"unfavorite", b + "unfavorite", note, "unfavorite", "https://us.example/api/note/abc", "note"},
		{"unfavorite of StatusNet", o + "unfavorite", note, "unfavorite", "https://us.example/api/note/abc", "note"},
		{"share", b + "share", note, "share", "https://us.example/api/note/abc", "note"},
		{"delete", b + "delete", note, "delete", "https://us.example/api/note/abc", "note"},
		{"delete by the id of the entry", b + "delete", "", "delete", "tag:far.example,2026:x", ""},
		{"update-profile", o + "update-profile", "", "update", "https://far.example/user/1", "person"},
		{"list", b + "tag", ann, "tag", "acct:ann@us.example", "person"},
		{"unlist", o + "untag", ann, "untag", "acct:ann@us.example", "person"},
		{"Mastodon's block", "http://mastodon.social/schema/1.0/block", ann, "block", "acct:ann@us.example", "person"},
		{"a word of the base", b + "play", note, "play", "https://us.example/api/note/abc", "note"},
		{"a word of somebody else", "https://x.example/verbs/wave", ann, "https://x.example/verbs/wave", "acct:ann@us.example", "person"},
	} {
		a := mustTell(t, id+"<activity:verb>"+tt.verb+"</activity:verb>"+tt.inside)
		if a.Verb != tt.want || a.Object == nil || a.Object.ID != tt.object || a.Object.Type != tt.kind || a.Actor.ID != "https://far.example/user/1" {
			t.Errorf("%s: %s %+v", tt.name, a.Verb, a.Object)
		}
		again := mustTell(t, id+"<activity:verb>"+tt.verb+"</activity:verb>"+tt.inside)
		if again.ID != a.ID || !strings.HasPrefix(a.ID, "tag:far.example,2026:x") {
			t.Errorf("%s: the id is %s, and then %s", tt.name, a.ID, again.ID)
		}
	}
	// The ids of what ends something are used again for the next time, or name
	// something else.
	unfollow := func(at string) string {
		return mustTell(t, `<id>tag:far.example:unfollow:1970</id><published>`+at+`</published><activity:verb>`+o+`unfollow</activity:verb>`+ann).ID
	}
	if unfollow("2026-03-04T05:06:07Z") == unfollow("2026-03-05T05:06:07Z") {
		t.Error("two unfollows have one id")
	}
	if a := mustTell(t, `<id>undo:tag:1</id><published>2026-03-04T05:06:07Z</published><activity:verb>`+b+`unfollow</activity:verb>`+ann); a.Undoes != "tag:1" {
		t.Errorf("it undoes %q", a.Undoes)
	}
	if a := mustTell(t, `<published>2026-03-04T05:06:07Z</published><activity:verb>`+o+`unfollow</activity:verb>`+ann); !strings.HasPrefix(a.ID, "urn:ostatus:") {
		t.Errorf("without an id it is %q", a.ID)
	}

	for _, tt := range []struct{ name, inside, want string }{
		{"no id", `<content>x</content>`, `the entry "" has no id`},
		{"follow of nobody", id + `<activity:verb>follow</activity:verb>`, `the entry "tag:far.example,2026:x" does not say what was done something to`},
		{"a follow that has ended", id + `<activity:verb>follow</activity:verb><activity:object><activity:object-type>person</activity:object-type><id>tag:far.example,2026:x</id></activity:object>`,
			`the entry "tag:far.example,2026:x" is about itself`},
		{"nobody", `<id>urn:1</id><author><name>x</name></author>`, `the entry "urn:1" does not say who its author is`},
	} {
		_, err := told(t, tt.inside)
		if e, ok := errors.AsType[*ostatus.EntryError](err); !ok || e.Error() != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What is passed on is the thing, in whatever it is wrapped.
func TestDecodeShare(t *testing.T) {
	const head = `<id>urn:s</id><published>2026-03-04T05:06:07Z</published><activity:verb>http://activitystrea.ms/schema/1.0/share</activity:verb><content>RT</content>`
	const carol = `<author><uri>https://else.example/carol</uri><name>carol</name></author>`
	const inner = `<activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/note</activity:object-type><id>urn:n</id><content>words</content></activity:object>`
	for name, inside := range map[string]string{
		"GNU social": `<activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/activity</activity:object-type><id>urn:n</id><activity:verb>post</activity:verb><link rel="alternate" type="text/html" href="https://else.example/n"/>` + carol + inner + `</activity:object>`,
		"Mastodon":   `<activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/note</activity:object-type><id>urn:n</id><activity:verb>post</activity:verb><content>words</content><link rel="alternate" type="text/html" href="https://else.example/n"/>` + carol + `</activity:object>`,
		"a share of a share": `<activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/activity</activity:object-type><id>urn:t</id><activity:verb>share</activity:verb><author><uri>https://far.example/dan</uri><name>dan</name></author>` +
			`<activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/note</activity:object-type><id>urn:n</id><content>words</content><link rel="alternate" type="text/html" href="https://else.example/n"/>` + carol + `</activity:object></activity:object>`,
	} {
		a := mustTell(t, head+inside)
		o := a.Object
		if a.ID != "urn:s" || a.Verb != "share" || a.Content != "RT" || o.ID != "urn:n" || o.Type != "note" || o.Content != "words" || o.URL != "https://else.example/n" || o.Author == nil || o.Author.ID != "https://else.example/carol" {
			t.Errorf("%s: %+v of %+v by %+v", name, a, o, o.Author)
		}
	}
}

// Who may see what, and what is warned of.
func TestDecodeAudience(t *testing.T) {
	const ann = `<id>urn:1</id><link rel="mentioned" href="https://us.example/users/ann"/>`
	for _, tt := range []struct {
		name, inside string
		to, cc       []*vocab.Object
	}{
		{"nothing said", ann, []*vocab.Object{{ID: "acct:ann@us.example", Type: "person"}, public}, nil},
		{"unlisted", ann + `<mastodon:scope>unlisted</mastodon:scope>`, []*vocab.Object{{ID: "acct:ann@us.example", Type: "person"}}, []*vocab.Object{public}},
		{"private", ann + `<mastodon:scope>private</mastodon:scope>`, []*vocab.Object{{ID: "acct:ann@us.example", Type: "person"}}, nil},
		{"direct", ann + `<mastodon:scope>direct</mastodon:scope><link rel="mentioned" href="http://activityschema.org/collection/public"/>`, []*vocab.Object{{ID: "acct:ann@us.example", Type: "person"}}, nil},
	} {
		a := mustTell(t, tt.inside)
		if !reflect.DeepEqual(a.To, tt.to) || !reflect.DeepEqual(a.CC, tt.cc) {
			t.Errorf("%s: to %+v, cc %+v", tt.name, a.To, a.CC)
		}
	}
	for _, tt := range []struct{ name, inside, displayName, summary, sensitive string }{
		{"a warning", `<summary>eye &lt;contact&gt;</summary><content>x</content>`, "eye <contact>", "eye &lt;contact&gt;", "true"},
		{"StatusNet repeats itself", `<title>x y</title><summary>x y</summary><content type="html">&lt;b&gt;x&lt;/b&gt; y</content>`, "", "", ""},
		{"nsfw", `<content>x</content><category term="NSFW"/>`, "", "", "true"},
		{"an article", `<activity:object-type>article</activity:object-type><title>On Boats</title><summary>Short</summary>`, "On Boats", "Short", ""},
	} {
		o := mustTell(t, "<id>urn:1</id>"+tt.inside).Object
		if o.DisplayName != tt.displayName || o.Summary != tt.summary || string(o.Extra[vocab.NSAS2+"sensitive"]) != tt.sensitive {
			t.Errorf("%s: %q, %q, %s", tt.name, o.DisplayName, o.Summary, o.Extra)
		}
	}
}

func TestDecodeFiles(t *testing.T) {
	photo := mustTell(t, `<id>urn:1</id><activity:object-type>photo</activity:object-type><title>Boat</title><link rel="enclosure" type="image/png" href="https://far.example/1.png"/><link rel="preview" href="https://far.example/s.png"/>`).Object
	if photo.Type != "image" || photo.FullImage == nil || photo.FullImage.URL != "https://far.example/1.png" || photo.Image.URL != "https://far.example/s.png" || len(photo.Attachments) != 0 || photo.DisplayName != "Boat" {
		t.Errorf("a picture: %+v", photo)
	}
	// GNU social 2 forgets the addresses of what was uploaded there.
	lost := mustTell(t, `<id>urn:1</id><content type="html">&lt;a class="mention" href="https://far.example/x"&gt;x&lt;/a&gt; &lt;a class="attachment" href="https://far.example/known.png"&gt;&lt;/a&gt; &lt;a class="attachment" href="https://far.example/a/1/view"&gt;&lt;/a&gt;</content>
		<link rel="enclosure" href="" type="image/webp" length="82"/><link rel="enclosure" href="" type="image/png"/><link rel="enclosure" href="https://far.example/known.png" type="image/png"/><link rel="enclosure" href="" type="text/html"/>`).Object
	if len(lost.Attachments) != 2 || lost.Attachments[0].FullImage.URL != "https://far.example/known.png" || lost.Attachments[1].FullImage.URL != "https://far.example/a/1/view" || lost.Attachments[1].FullImage.MediaType != "image/webp" {
		t.Errorf("pictures without an address: %+v", lost.Attachments)
	}
	many := mustTell(t, `<id>urn:1</id>`+strings.Repeat(`<link rel="enclosure" type="image/png" href="https://far.example/1.png"/>`, 100)).Object
	if len(many.Attachments) != 20 {
		t.Errorf("%d attachments", len(many.Attachments))
	}
	bad := mustTell(t, `<id>urn:1</id><link rel="enclosure" type="image/png" href="javascript:alert(1)"/><link rel="alternate" type="text/html" href="javascript:alert(1)"/>`).Object
	if len(bad.Attachments) != 0 || bad.URL != "" {
		t.Errorf("addresses that are none: %+v", bad)
	}
}

// Documents of real servers tell what their index says.
func TestDecodeVectors(t *testing.T) {
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return
	}
	read, refused := 0, 0
	for _, pattern := range []string{"feed/*.atom", "entry/*.xml", "live-gs2/*.atom", "live-gs2/*.payload.xml", "statusnet-tests/*"} {
		names, _ := filepath.Glob(filepath.Join(folder, "ostatus", pattern))
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := atom.Decode(b, atom.DecodeOptions{})
			if err != nil {
				continue // see the tests of package atom
			}
			for _, e := range doc.Entries() {
				a, err := decoder(t).Entry(e, doc.Feed)
				if err != nil {
					refused++
					if !strings.HasSuffix(err.Error(), "is about itself") { // a follow that has ended
						t.Errorf("%s: %v", filepath.Base(name), err)
					}
					continue
				}
				read++
				if a.ID == "" || a.Verb == "" || a.Actor.ID == "" || a.Object == nil || a.Object.ID == "" {
					t.Errorf("%s: %+v", filepath.Base(name), a)
				}
			}
		}
	}
	if read < 150 || refused != 7 {
		t.Errorf("MANIFOLD_VECTORS is %s: %d entries were read, %d refused", folder, read, refused)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(`<id>urn:1</id><activity:verb>share</activity:verb><activity:object><id>urn:2</id><activity:object><id>urn:3</id></activity:object></activity:object>`)
	f.Add(`<id>urn:1</id><content type="html">&lt;a class=attachment href=x&gt;</content><link rel="enclosure" type="image/png"/><thr:in-reply-to/><georss:point>1 2</georss:point>`)
	f.Fuzz(func(t *testing.T, inside string) {
		doc, err := atom.Decode([]byte(bobsFeed+"<entry>"+inside+"</entry></feed>"), atom.DecodeOptions{})
		if err != nil || len(doc.Feed.Entries) == 0 {
			return
		}
		a, err := decoder(t).Entry(doc.Feed.Entries[0], doc.Feed)
		if err != nil {
			return
		}
		if a.ID == "" || a.Object == nil || a.Object.ID == "" || a.Actor.ID == "" {
			t.Errorf("incomplete: %+v", a)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Error(err)
		}
	})
}
