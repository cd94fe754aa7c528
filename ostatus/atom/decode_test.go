package atom_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"manifold/ostatus/atom"
)

// head declares the namespaces that documents of GNU social use.
const head = ` xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" xmlns:georss="http://www.georss.org/georss"` +
	` xmlns:activity="http://activitystrea.ms/spec/1.0/" xmlns:media="http://purl.org/syndication/atommedia" xmlns:poco="http://portablecontacts.net/spec/1.0"` +
	` xmlns:ostatus="http://ostatus.org/schema/1.0" xmlns:statusnet="http://status.net/schema/api/1/" xmlns:mastodon="http://mastodon.social/schema/1.0"`

func decode(t testing.TB, doc string) *atom.Document {
	t.Helper()
	d, err := atom.Decode([]byte(doc), atom.DecodeOptions{Address: "https://far.example/feeds/1.atom"})
	if err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return d
}

// entry reads what is inside of an entry.
func entry(t testing.TB, inside string) *atom.Entry {
	t.Helper()
	return decode(t, "<entry"+head+">"+inside+"</entry>").Entry
}

// same compares with what is wanted, and shows where the difference is.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	a, b := reflect.ValueOf(got), reflect.ValueOf(want)
	for a.Kind() == reflect.Pointer && b.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil() {
		a, b = a.Elem(), b.Elem()
	}
	if a.Kind() != reflect.Struct || b.Kind() != reflect.Struct {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
		return
	}
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			t.Errorf("%s: %s is %+v, want %+v", what, a.Type().Field(i).Name, x, y)
		}
	}
}

const noteOfBob = `
 <activity:object-type>http://activitystrea.ms/schema/1.0/comment</activity:object-type>
 <id>tag:far.example:4040,2026-03-04:noticeId=9:objectType=comment</id>
 <title>New comment by bob</title>
 <content type="html">@&lt;a href=&quot;https://us.example/ann&quot;&gt;ann&lt;/a&gt; look &amp;amp; see</content>
 <link rel="alternate" type="text/html" href="https://far.example/notice/9"/>
 <status_net notice_id="9"></status_net>
 <activity:verb>http://activitystrea.ms/schema/1.0/post</activity:verb>
 <published>2026-03-04T05:06:07+01:00</published>
 <updated>2026-03-04T05:06:08Z</updated>
 <author>
  <activity:object-type>http://activitystrea.ms/schema/1.0/person</activity:object-type>
  <uri>https://far.example/user/2</uri>
  <name>bob</name>
  <link rel="alternate" type="text/html" href="https://far.example/bob"/>
  <link rel="avatar" type="image/png" media:width="48" media:height="48" href="https://far.example/48.png"/>
  <link rel="avatar" type="image/png" media:width="96" media:height="96" href="https://far.example/96.png"/>
  <georss:point>48.85 2.35</georss:point>
  <poco:preferredUsername>bob</poco:preferredUsername>
  <poco:displayName>Bobby B</poco:displayName>
  <poco:note>builds &lt;bridges&gt;</poco:note>
  <poco:address><poco:formatted>Paris</poco:formatted></poco:address>
  <poco:urls><poco:type>homepage</poco:type><poco:value>https://bob.example/</poco:value><poco:primary>true</poco:primary></poco:urls>
  <followers url="https://far.example/bob/subscribers"></followers>
  <statusnet:profile_info local_id="2"></statusnet:profile_info>
 </author>
 <thr:in-reply-to ref="https://us.example/api/note/1" href="https://us.example/ann/note/1"></thr:in-reply-to>
 <link rel="related" href="https://us.example/ann/note/1"/>
 <link rel="ostatus:conversation" href="https://far.example/conversation/3"/>
 <ostatus:conversation href="https://far.example/conversation/3" local_id="3" ref="tag:far.example,2026:thread">tag:far.example,2026:thread</ostatus:conversation>
 <link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/person" href="https://us.example/users/ann"/>
 <link rel="ostatus:attention" href="https://us.example/users/ann"/>
 <link rel="ostatus:attention" href="https://us.example/users/carol"/>
 <link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/group" href="https://far.example/group/1/id"/>
 <link rel="mentioned" href=""/>
 <link rel="mentioned" ostatus:object-type="http://activitystrea.ms/schema/1.0/collection" href="http://activityschema.org/collection/public"/>
 <category term="boats"></category><category term=""></category><category term="x" scheme="urn:s" label="L"/>
 <link rel="enclosure" href="https://far.example/1.png" type="image/png" length="82" title="a boat"/>
 <link rel="enclosure" href="" type="image/webp" length="82"/>
 <link rel="enclosure" href="https://else.example/" type="text/html; charset=utf-8" title="a page"/>
 <georss:point>45.50884,-73.58781</georss:point>
 <source>
  <id>https://far.example/feeds/1.atom</id>
  <title>Bobby B</title>
  <link rel="self" type="application/atom+xml" href="https://far.example/feeds/1.atom"/>
  <icon>https://far.example/96.png</icon>
  <updated>2026-03-04T05:06:08Z</updated>
 </source>
 <statusnet:notice_info local_id="9" source="web" favorite="true" repeat_of="4"></statusnet:notice_info>`

func TestDecodeEntry(t *testing.T) {
	e := entry(t, noteOfBob)
	schema := atom.Schema
	person := &atom.Person{Name: "bob", URI: "https://far.example/user/2", ObjectType: schema + "person", PreferredUsername: "bob", DisplayName: "Bobby B", Note: "builds <bridges>",
		Location: "Paris", URLs: []atom.Contact{{Type: "homepage", Value: "https://bob.example/", Primary: true}}, Point: &atom.Point{Latitude: 48.85, Longitude: 2.35},
		Followers: "https://far.example/bob/subscribers", LocalID: "2", Links: []atom.Link{{Rel: "alternate", Type: "text/html", Href: "https://far.example/bob"},
			{Rel: "avatar", Type: "image/png", Href: "https://far.example/48.png", Width: 48, Height: 48}, {Rel: "avatar", Type: "image/png", Href: "https://far.example/96.png", Width: 96, Height: 96}}}
	same(t, "author", e.Author, person)
	links := e.Links
	e.Author, e.Links = nil, nil
	same(t, "entry", e, &atom.Entry{
		ID: "tag:far.example:4040,2026-03-04:noticeId=9:objectType=comment", Title: "New comment by bob",
		Content: `@<a href="https://us.example/ann">ann</a> look &amp; see`, Verb: schema + "post", ObjectType: schema + "comment",
		Published: time.Date(2026, 3, 4, 4, 6, 7, 0, time.UTC), Updated: time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC),
		InReplyTo:    &atom.Reply{Ref: "https://us.example/api/note/1", Href: "https://us.example/ann/note/1"},
		Conversation: &atom.Conversation{Ref: "tag:far.example,2026:thread", Href: "https://far.example/conversation/3", LocalID: "3"},
		Categories:   []atom.Category{{Term: "boats"}, {Term: "x", Scheme: "urn:s", Label: "L"}},
		Point:        &atom.Point{Latitude: 45.50884, Longitude: -73.58781},
		Source: &atom.Feed{ID: "https://far.example/feeds/1.atom", Title: "Bobby B", Icon: "https://far.example/96.png", Updated: time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC),
			Links: []atom.Link{{Rel: "self", Type: "application/atom+xml", Href: "https://far.example/feeds/1.atom"}}},
		Notice:     &atom.NoticeInfo{LocalID: "9", Source: "web", RepeatOf: "4"},
		Extensions: []atom.Extension{{Space: atom.NSAtom, Name: "status_net", XML: `<status_net xmlns="http://www.w3.org/2005/Atom" notice_id="9"/>`}},
	})
	e.Links = links
	same(t, "mentions", e.Mentions(), []atom.Mention{{"https://us.example/users/ann", "person"}, {"https://us.example/users/carol", ""}, {"https://far.example/group/1/id", "group"}})
	same(t, "enclosures", e.Enclosures(), []atom.Link{{Rel: "enclosure", Type: "image/png", Href: "https://far.example/1.png", Title: "a boat", Length: 82}})
	if e.Does() != "post" || e.Kind() != "comment" || e.Visibility() != atom.VisiblePublic || atom.Href(e.Links, "alternate", "text/html") != "https://far.example/notice/9" {
		t.Errorf("it does %s a %s for %d", e.Does(), e.Kind(), e.Visibility())
	}
	if a := person.Avatar(); a == nil || a.Href != "https://far.example/96.png" || person.Identity() != "https://far.example/user/2" || person.Shown() != "Bobby B" {
		t.Errorf("avatar %v of %s", a, person.Identity())
	}
}

func TestDecodeFeed(t *testing.T) {
	f := decode(t, `<feed xml:lang="en-US"`+head+`><generator uri="https://gnusocial.rocks/" version="2.0">GNU social</generator><id>https://far.example/feeds/1.atom</id>
		<title>bob timeline</title><subtitle type="html">Updates &lt;b&gt;from&lt;/b&gt; bob &amp;amp; co</subtitle><logo>/96.png</logo><rights>mine</rights><updated>2026-03-04T05:06:07Z</updated>
		<author><name>gophers</name><uri>https://far.example/group/1/id</uri><activity:object-type>group</activity:object-type></author>
		<activity:subject><activity:object-type>http://activitystrea.ms/schema/1.0/group</activity:object-type><id>https://far.example/group/1/id</id><title>Gophers</title><poco:preferredUsername>gophers</poco:preferredUsername></activity:subject>
		<link href="https://far.example/push/hub" rel="hub"/><link href="?max_id=3" rel="next" type="application/atom+xml"/><link rel="http://www.iana.org/assignments/relation/self" href="https://far.example/feeds/1.atom"/><link href="/about"/>
		<statusnet:group_info member="" blocked="" member_count="2"/><x:y xmlns:x="urn:x">kept</x:y>
		<entry><id>urn:1</id><content xml:lang="de">eins</content></entry><entry xml:lang=""><id>urn:2</id><content>two</content></entry></feed>`).Feed
	same(t, "feed", f, &atom.Feed{
		ID: "https://far.example/feeds/1.atom", Title: "bob timeline", Subtitle: "Updates from bob & co", Logo: "https://far.example/96.png", Rights: "mine",
		Generator: atom.Generator{Name: "GNU social", Version: "2.0", URI: "https://gnusocial.rocks/"}, Updated: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Lang: "en-US",
		Author:  &atom.Person{Name: "gophers", URI: "https://far.example/group/1/id", ObjectType: atom.Schema + "group"},
		Subject: &atom.Person{Name: "gophers", ID: "https://far.example/group/1/id", ObjectType: atom.Schema + "group", PreferredUsername: "gophers", DisplayName: "Gophers"},
		Group:   &atom.GroupInfo{MemberCount: 2},
		Links: []atom.Link{{Rel: "hub", Href: "https://far.example/push/hub"}, {Rel: "next", Type: "application/atom+xml", Href: "https://far.example/feeds/1.atom?max_id=3"},
			{Rel: "self", Href: "https://far.example/feeds/1.atom"}, {Rel: "alternate", Href: "https://far.example/about"}},
		Entries:    []*atom.Entry{{ID: "urn:1", Content: "eins", Lang: "de"}, {ID: "urn:2", Content: "two"}},
		Extensions: []atom.Extension{{Space: "urn:x", Name: "y", XML: `<y xmlns="urn:x">kept</y>`}},
	})
	if f.Owner() != f.Subject || f.Entries[0].By(f) != f.Subject {
		t.Error("the owner is not the subject")
	}
}

// What is done to something has it inside, in the shapes of several servers.
func TestDecodeActivities(t *testing.T) {
	share := entry(t, `<id>urn:s</id><activity:verb>http://activitystrea.ms/schema/1.0/share</activity:verb>
		<activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/activity</activity:object-type><id>urn:n</id><activity:verb>http://activitystrea.ms/schema/1.0/post</activity:verb>
		<author><uri>https://us.example/users/ann</uri><name>ann</name></author><activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/note</activity:object-type><id>urn:n</id><content>words</content></activity:object></activity:object>`)
	if share.Does() != "share" || share.Object.Kind() != "activity" || share.Object.Does() != "post" || share.Object.Author.Name != "ann" || share.Object.Object.Content != "words" {
		t.Errorf("share: %+v of %+v", share, share.Object)
	}
	follow := entry(t, `<activity:verb>http://activitystrea.ms/schema/1.0/follow</activity:verb><activity:object><activity:object-type>http://activitystrea.ms/schema/1.0/person</activity:object-type>
		<id>https://us.example/users/ann</id><title>Ann</title><link rel="alternate" type="text/html" href="https://us.example/ann"/><poco:preferredUsername>ann</poco:preferredUsername><poco:note>paints</poco:note><georss:point>1 2</georss:point></activity:object>`)
	o := follow.Object
	if follow.Does() != "follow" || o.ID != "https://us.example/users/ann" || o.Profile == nil || o.Profile.Identity() != o.ID || o.Profile.Name != "ann" || o.Profile.DisplayName != "Ann" ||
		o.Profile.Note != "paints" || o.Profile.Point == nil || o.Point != nil || len(o.Extensions) != 0 || len(o.Profile.Links) != 1 {
		t.Errorf("follow: %+v, profile %+v", o, o.Profile)
	}
	listed := entry(t, `<activity:verb>tag</activity:verb><activity:object><id>urn:a</id></activity:object><activity:object><id>urn:b</id></activity:object>
		<activity:target><activity:object-type>list</activity:object-type><id>urn:l</id></activity:target><activity:target><id>urn:x</id></activity:target>`)
	if listed.Does() != "tag" || listed.Object.ID != "urn:a" || len(listed.MoreObjects) != 1 || listed.MoreObjects[0].ID != "urn:b" || listed.Target.Kind() != "list" || len(listed.Extensions) != 1 {
		t.Errorf("list: %+v", listed)
	}
	named := entry(t, `<activity:verb>delete</activity:verb><activity:object> urn:n </activity:object>`)
	if named.Does() != "delete" || named.Object.ID != "urn:n" {
		t.Errorf("an object that is only named: %+v", named.Object)
	}
	pleroma := entry(t, `<author><id>https://p.example/lain</id><activity:object>http://activitystrea.ms/schema/1.0/person</activity:object><name>lain</name></author>`)
	if a := pleroma.Author; a.ObjectType != atom.Schema+"person" || a.Identity() != "https://p.example/lain" {
		t.Errorf("an author of Pleroma: %+v", a)
	}
	old := entry(t, `<activity:actor><activity:object-type>http://activitystrea.ms/schema/1.0/person</activity:object-type><id>https://old.example/user/2</id><title>spock</title></activity:actor>
		<link rel="alternate" type="text/html">https://old.example/notice/1</link>`)
	if old.By(nil) != old.Actor || old.Actor.Identity() != "https://old.example/user/2" || old.Actor.Name != "spock" || old.Links[0].Href != "https://old.example/notice/1" {
		t.Errorf("an entry of StatusNet: %+v by %+v", old, old.Actor)
	}
	deep := entry(t, strings.Repeat(`<activity:object><id>urn:o</id>`, 5)+strings.Repeat(`</activity:object>`, 5))
	inner := deep.Object.Object
	if inner.Object != nil || len(inner.Extensions) != 1 || !strings.Contains(inner.Extensions[0].XML, "urn:o") {
		t.Errorf("objects in objects without end: %+v", inner)
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ verb, want string }{
		{"", "post"},
		{"post", "post"},
		{"http://activitystrea.ms/schema/1.0/post", "post"},
		{"http://activitystrea.ms/schema/1.0/Follow", "follow"},
		{"http://activitystrea.ms/schema/1.0/make-friend", "follow"},
		{"http://ostatus.org/schema/1.0/unfollow", "unfollow"},
		{"http://activitystrea.ms/schema/1.0/unfollow", "unfollow"},
		{"http://activitystrea.ms/schema/1.0/like", "favorite"},
		{"http://ostatus.org/schema/1.0/unfavorite", "unfavorite"},
		{"unlike", "unfavorite"},
		{"http://ostatus.org/schema/1.0/update-profile", "update-profile"},
		{"https://www.w3.org/ns/activitystreams#Block", "block"},
		{"http://activitystrea.ms/schema/1.0/post/", "post"},
	} {
		if got := (&atom.Entry{Verb: tt.verb}).Does(); got != tt.want {
			t.Errorf("%q: %s", tt.verb, got)
		}
	}
	if got := entry(t, "<activity:verb> delete </activity:verb>").Verb; got != atom.Schema+"delete" {
		t.Errorf("a word alone is %s", got)
	}
	for kind, want := range map[string]string{"": "note", "http://activitystrea.ms/schema/1.0/status": "note", atom.Schema + "photo": "image", atom.Schema + "comment": "comment"} {
		if got := (&atom.Entry{ObjectType: kind}).Kind(); got != want {
			t.Errorf("%q: %s", kind, got)
		}
	}
	for scope, want := range map[string]atom.Visibility{"": atom.VisiblePublic, "public": atom.VisiblePublic, "unlisted": atom.VisibleUnlisted, "private": atom.VisiblePrivate,
		"direct": atom.VisibleDirect, "limited": atom.VisibleDirect} {
		if got := entry(t, "<mastodon:scope>"+scope+"</mastodon:scope>").Visibility(); got != want {
			t.Errorf("scope %q: %d", scope, got)
		}
	}
}

func TestConversation(t *testing.T) {
	for _, tt := range []struct {
		name, inside string
		want         *atom.Conversation
		key          string
	}{
		{"none", "", nil, ""},
		{"only the attribute (Mastodon)", `<ostatus:conversation ref="tag:a"/>`, &atom.Conversation{Ref: "tag:a"}, "tag:a"},
		{"only the text", `<ostatus:conversation>tag:a</ostatus:conversation>`, &atom.Conversation{Ref: "tag:a"}, "tag:a"},
		{"only the link (StatusNet)", `<link rel="ostatus:conversation" href="https://far.example/c/1"/>`, &atom.Conversation{Href: "https://far.example/c/1"}, "https://far.example/c/1"},
		{"a link with the id (GNU social 1.2)", `<link rel="ostatus:conversation" href="tag:a"/><ostatus:conversation>tag:a</ostatus:conversation>`, &atom.Conversation{Ref: "tag:a"}, "tag:a"},
		{"attribute before text", `<ostatus:conversation ref="tag:a" href="/c/1">tag:b</ostatus:conversation><link rel="ostatus:conversation" href="/c/2"/>`, &atom.Conversation{Ref: "tag:a", Href: "https://far.example/c/1"}, "tag:a"},
	} {
		e := entry(t, tt.inside)
		same(t, tt.name, e.Conversation, tt.want)
		if e.Conversation.Key() != tt.key || len(e.Links) != 0 || len(e.Extensions) != 0 {
			t.Errorf("%s: key %q, links %v, extensions %v", tt.name, e.Conversation.Key(), e.Links, e.Extensions)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, tt := range []struct{ name, inside, title, content, summary string }{
		{"plain", `<title>a &lt;b&gt; &amp; c</title><content>a &lt;b&gt; &amp; c
d</content><summary>x &amp;amp; y</summary>`, "a <b> & c", "a &lt;b&gt; &amp; c<br>\nd", "x &amp;amp; y"},
		{"text", `<title type="text">&lt;b&gt;</title><content type="text/plain; charset=utf-8">&lt;b&gt;</content><summary/>`, "<b>", "&lt;b&gt;", ""},
		{"html", `<title type="html">&lt;b&gt;bold&lt;/b&gt; &amp;amp; &lt;</title><content type="html">&lt;b&gt;bold&lt;/b&gt; &amp;amp;</content><summary type="html">&lt;i&gt;</summary>`, "bold & <", "<b>bold</b> &amp;", "<i>"},
		{"html in CDATA", `<content type="HTML"><![CDATA[<p>x</p>]]></content>`, "", "<p>x</p>", ""},
		{"xhtml", `<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">a <b>b</b></div></title><content type="xhtml">
			<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p class="x">a &amp; b<h:br/></h:p><svg xmlns="http://www.w3.org/2000/svg"><path/></svg></h:div></content>`,
			"a b", `<p class="x">a &amp; b<br></p><svg xmlns="http://www.w3.org/2000/svg"><path></path></svg>`, ""},
		{"script in xhtml", `<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p title="&quot;&gt;&lt;script&gt;">&lt;script&gt;</p></div></content>`, "", `<p title="&#34;&gt;&lt;script&gt;">&lt;script&gt;</p>`, ""},
		{"relative", `<content type="html" xml:base="/u/">&lt;a href="1?x=1&amp;amp;y=2" title=q&gt;a&lt;/a&gt;&lt;img src='//cdn.example/i.png'&gt;&lt;a href="#top"&gt;&lt;a href="mailto:a@b.example"&gt;</content>`,
			"", `<a href="https://far.example/u/1?x=1&amp;y=2" title="q">a</a><img src="https://cdn.example/i.png"><a href="#top"><a href="mailto:a@b.example">`, ""},
		{"nothing relative", `<content type="html">&lt;A HREF='https://far.example/' X&gt;</content>`, "", `<A HREF='https://far.example/' X>`, ""},
		{"the first counts", `<content>a</content><content>b</content>`, "", "a", ""},
	} {
		e := entry(t, tt.inside)
		if e.Title != tt.title || e.Content != tt.content || e.Summary != tt.summary {
			t.Errorf("%s: title %q, content %q, summary %q", tt.name, e.Title, e.Content, e.Summary)
		}
	}
	elsewhere := entry(t, `<content type="video/mp4" src="/v.mp4"/>`)
	if elsewhere.ContentSource != "https://far.example/v.mp4" || elsewhere.ContentType != "video/mp4" || elsewhere.Content != "" {
		t.Errorf("content elsewhere: %+v", elsewhere)
	}
	other := entry(t, `<content type="image/png">aGk=</content>`)
	if other.Content != "" || len(other.Extensions) != 1 || !strings.Contains(other.Extensions[0].XML, "aGk=") {
		t.Errorf("content of another type: %+v", other)
	}
}

// Addresses are relative to the nearest xml:base, and that to the one above it.
func TestBase(t *testing.T) {
	d := decode(t, `<feed xml:base="../users/"`+head+`><logo>l.png</logo><author><name>n</name><uri>1</uri><link href="page"/></author><link rel="self" href=""/>
		<entry xml:base="7/"><id>relative</id><link href="x"/><link xml:base="https://else.example/" href="y"/><thr:in-reply-to ref="z" href="z"/></entry></feed>`)
	f := d.Feed
	e := f.Entries[0]
	for _, tt := range []struct{ what, got, want string }{
		{"logo", f.Logo, "https://far.example/users/l.png"},
		{"author", f.Author.URI, "https://far.example/users/1"},
		{"page", f.Author.Links[0].Href, "https://far.example/users/page"},
		{"no address", f.Links[0].Href, ""},
		{"link", e.Links[0].Href, "https://far.example/users/7/x"},
		{"link with its own", e.Links[1].Href, "https://else.example/y"},
		{"id", e.ID, "relative"}, // RFC 4287 4.2.6: never resolved
		{"parent", e.InReplyTo.Ref, "z"},
		{"where the parent is", e.InReplyTo.Href, "https://far.example/users/7/z"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	alone, err := atom.Decode([]byte(`<entry xmlns="http://www.w3.org/2005/Atom"><link href="x"/></entry>`), atom.DecodeOptions{})
	if err != nil || alone.Entry.Links[0].Href != "x" {
		t.Errorf("relative to nothing: %+v %v", alone, err)
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, s := range []string{"2026-03-04T05:06:07Z", "2026-03-04T07:06:07+02:00", "2026-03-04t05:06:07z", "2026-03-04T05:06:07", "2026-03-04T05:06:07+0000", " 2026-03-04 05:06:07 ",
		"Wed, 04 Mar 2026 05:06:07 +0000", "Wed, 04 Mar 2026 05:06:07 GMT"} {
		if e := entry(t, "<updated>"+s+"</updated>"); !e.Updated.Equal(want) || len(e.Extensions) != 0 {
			t.Errorf("%q: %v", s, e.Updated)
		}
	}
	if e := entry(t, "<published>2026-03-04T05:06:07.385598</published>"); !e.Published.Equal(want.Add(385598 * time.Microsecond)) {
		t.Errorf("a fraction: %v", e.Published)
	}
	for _, s := range []string{"", "yesterday", "0000-01-01T00:00:00+10:00", "2026-13-01T00:00:00Z"} {
		if e := entry(t, "<updated>"+s+"</updated>"); !e.Updated.IsZero() || len(e.Extensions) != 1 {
			t.Errorf("%q: %v, kept %v", s, e.Updated, e.Extensions)
		}
	}
}

func TestIdentity(t *testing.T) {
	for _, tt := range []struct{ name, inside, want string }{
		{"uri", `<uri>https://a.example/1</uri><id>https://a.example/2</id>`, "https://a.example/1"},
		{"id", `<id>https://a.example/2</id>`, "https://a.example/2"},
		{"a nickname as id (Cliqset)", `<id>ann</id><uri>https://a.example/1</uri>`, "https://a.example/1"},
		{"mail", `<email>ann@a.example</email>`, "mailto:ann@a.example"},
		{"page", `<link href="https://a.example/ann"/>`, "https://a.example/ann"},
		{"nothing", `<name>ann</name>`, ""},
	} {
		if got := entry(t, "<author>"+tt.inside+"</author>").Author.Identity(); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	photo := &atom.Person{Links: []atom.Link{{Rel: "avatar", Href: "a", Width: 96, Height: 96}, {Rel: "photo", Href: "p", Width: 1}, {Rel: "photo", Href: "q", Width: 2}}}
	if got := photo.Avatar(); got.Href != "q" {
		t.Errorf("the picture is %s", got.Href)
	}
	if (&atom.Person{Links: []atom.Link{{Rel: "avatar"}}}).Avatar() != nil {
		t.Error("a picture without an address")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, doc string
		want      any
	}{
		{"nothing", "", new(*atom.SyntaxError)},
		{"HTML", "<!DOCTYPE html><html>", nil},
		{"billion laughs", `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><feed xmlns="http://www.w3.org/2005/Atom"><title>&b;</title></feed>`, nil},
		{"RSS", `<rss version="2.0"/>`, new(*atom.NotAtomError)},
		{"Atom 0.3", `<feed xmlns="http://purl.org/atom/ns#"/>`, new(*atom.NotAtomError)},
		{"deep nesting", `<feed xmlns="http://www.w3.org/2005/Atom">` + strings.Repeat("<a>", 100_000), new(*atom.LimitError)},
		{"many elements", `<feed xmlns="http://www.w3.org/2005/Atom">` + strings.Repeat("<a/>", 900_000) + `</feed>`, new(*atom.LimitError)},
		{"one byte too many", strings.Repeat(" ", atom.MaxDocument+1), new(*atom.LimitError)},
	} {
		_, err := atom.Decode([]byte(tt.doc), atom.DecodeOptions{})
		if tt.want == nil && !errors.Is(err, atom.ErrDTD) || tt.want != nil && !errors.As(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := atom.Decode([]byte("<feed/>"), atom.DecodeOptions{MaxSize: 3}); err == nil || err.Error() != "xml: the document has more than 3 bytes" {
		t.Errorf("a smaller limit: %v", err)
	}
}

// Who an entry is by is read from its author and its actor, where those are the same
// person, and from the author alone where they are not.
func TestByAuthorAndActor(t *testing.T) {
	const author = `<author><name>ann</name><uri>https://far.example/ann</uri>%s</author>`
	actor := func(id string) string {
		return `<activity:actor><activity:object-type>person</activity:object-type><id>` + id + `</id><title>Ann</title><link rel="avatar" href="https://far.example/a.png"/>` +
			`<link rel="alternate" href="https://far.example/page"/></activity:actor>`
	}
	for _, tt := range []struct{ what, entry, name, avatar, shown string }{
		{"an author with links", strings.Replace(author, "%s", `<link rel="avatar" href="https://far.example/b.png"/>`, 1), "ann", "https://far.example/b.png", "ann"},
		{"an author and an actor", strings.Replace(author, "%s", "", 1) + actor("https://far.example/ann"), "ann", "https://far.example/a.png", "Ann"},
		{"an actor and an author", actor("https://far.example/ann") + strings.Replace(author, "%s", "", 1), "ann", "https://far.example/a.png", "Ann"},
		{"an author with links and an actor", strings.Replace(author, "%s", `<link rel="avatar" href="https://far.example/b.png"/>`, 1) + actor("https://far.example/ann"), "ann", "https://far.example/b.png", "Ann"},
		{"an actor who is somebody else", strings.Replace(author, "%s", "", 1) + actor("https://far.example/bob"), "ann", "", "ann"},
		{"an actor alone", actor("https://far.example/ann"), "Ann", "https://far.example/a.png", "Ann"},
	} {
		by := decode(t, "<entry"+head+">"+tt.entry+"</entry>").Entry.By(nil)
		avatar := ""
		if a := by.Avatar(); a != nil {
			avatar = a.Href
		}
		if by.Identity() != "https://far.example/ann" || by.Name != tt.name || avatar != tt.avatar || by.Shown() != tt.shown {
			t.Errorf("%s: %s %s %s %s", tt.what, by.Identity(), by.Name, avatar, by.Shown())
		}
	}
}
