package integration

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// checkFeeds has parsers that are not ours read documents, by the address that each
// was found at, and reports what the rules of Atom forbid.
func checkFeeds(t *testing.T, documents map[string]string) {
	t.Helper()
	if out, err := feedFaults(t, documents); err != nil {
		t.Errorf("%v (python3-feedparser is needed)\n%s", err, out)
	}
}

// feedFaults are what is wrong with documents, a line each, and an error if there is any.
func feedFaults(t *testing.T, documents map[string]string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	program, err := filepath.Abs("testdata/feed_check.py")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	arguments := []string{program}
	for address, document := range documents {
		file := filepath.Join(dir, strconv.Itoa(len(arguments))+".atom")
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, file, address)
	}
	c := exec.CommandContext(ctx, python, arguments...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8"}
	out, err := c.CombinedOutput()
	return string(out), err
}

// TestFeedCheck: what breaks a rule is noticed, each rule on its own.
func TestFeedCheck(t *testing.T) {
	t.Parallel()
	const address = "https://us.example/feed.atom"
	feed := func(inside string) string {
		return `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:activity="http://activitystrea.ms/spec/1.0/">` + inside + `</feed>`
	}
	const head = `<author><name>ann</name></author><id>` + address + `</id><title>t</title><updated>2026-11-26T12:00:00Z</updated><link rel="self" href="` + address + `"/>`
	entry := func(inside string) string {
		return feed(head + `<entry><id>urn:1</id><title>t</title><updated>2026-11-26T12:00:00Z</updated><link rel="alternate" type="text/html" href="https://us.example/1"/>` + inside + `</entry>`)
	}
	documents, expected := map[string]string{}, map[string]string{}
	for i, tt := range []struct{ document, fault string }{
		{`<feed xmlns="http://www.w3.org/2005/Atom">`, "not well-formed"},
		{`<rss/>`, "it is a rss"},
		{feed(strings.Replace(head, "<title>t</title>", "", 1)), "0 elements title"},
		{feed(strings.Replace(head, "<title>t</title>", "<title>t</title><title>u</title>", 1)), "2 elements title"},
		{feed(strings.Replace(head, "<updated>2026-11-26T12:00:00Z</updated>", "", 1)), "0 elements updated"},
		{feed(strings.Replace(head, "T12:00:00Z", "T12:00:00", 1)), "the time '2026-11-26T12:00:00'"},
		{feed(strings.Replace(head, "11-26T", "11-31T", 1)), "the time '2026-11-31T12:00:00Z'"},
		{feed(strings.Replace(head, "<id>"+address, "<id>/feed.atom", 1)), "'/feed.atom' is no absolute IRI"},
		{feed(strings.Replace(head, `rel="self"`, `rel="via"`, 1)), "the links to itself are []"},
		{feed(head + `<subtitle>a</subtitle><subtitle>b</subtitle>`), "2 elements subtitle"},
		{feed(head + `<logo>urn:a</logo><logo>urn:b</logo>`), "2 elements logo"},
		{feed(head + `<icon>urn:a</icon><icon>urn:b</icon>`), "2 elements icon"},
		{feed(head + `<rights>a</rights><rights>b</rights>`), "2 elements rights"},
		{feed(head + `<generator>a</generator><generator>b</generator>`), "2 elements generator"},
		{feed(head + `<generator/>`), "a generator without a name"},
		{feed(head + `<content>a</content>`), "there is no atom:content here"},
		{feed(head + `words`), "text inside of feed"},
		{feed(strings.Replace(head, "<title>", `<title type="text/html">`, 1)), "a text of type text/html"},
		{feed(strings.Replace(head, "<title>t", "<title>t<b/>", 1)), "elements inside of text"},
		{feed(strings.Replace(head, "<title>", `<title lang="en">`, 1)), "title has no attribute lang"},
		{feed(strings.Replace(head, "<title>", `<title xml:lang="?">`, 1)), "the language '?'"},
		{feed(strings.Replace(head, "</name>", `</name><link href="urn:x"/>`, 1)), "there is no atom:link here"},
		{feed(strings.Replace(head, "</name>", "</name><id>urn:x</id>", 1)), "there is no atom:id here"},
		{feed(strings.Replace(head, "<name>ann</name>", "<uri>urn:x</uri>", 1)), "0 elements name"},
		{feed(strings.Replace(head, "</name>", "</name><email>ann</email>", 1)), "'ann' is no address"},
		{feed(strings.Replace(head, "</name>", "</name><uri>ann</uri>", 1)), "'ann' is no absolute IRI"},
		{entry(`<activity:object><author><name>bob</name><link href="urn:x"/></author></activity:object>`), "there is no atom:link here"},
		{entry(`<link rel="alternate" type="text/html" href="https://us.example/2"/>`), "two alternates"},
		{entry(`<link/>`), "a link to nowhere"},
		{entry(`<link rel="a b" href="urn:x"/>`), "the relation a b"},
		{entry(`<link rel="enclosure" type="image" href="urn:x"/>`), "a link of type image"},
		{entry(`<link rel="enclosure" length="ten" href="urn:x"/>`), "a link of length ten"},
		{entry(`<link rel="related" href="/x"/>`), "'/x' is no absolute IRI"},
		{entry(`<category/>`), "a category without a term"},
		{entry(`<content type="html">a<b/></content>`), "elements inside of html"},
		{entry(`<content type="xhtml"><p xmlns="http://www.w3.org/1999/xhtml"/></content>`), "xhtml that is not one div"},
		{entry(`<content type="multipart/mixed">a</content>`), "content of type multipart/mixed"},
		{entry(`<content type="image/png">YQ==</content>`), "content that cannot be read here, and no summary"},
		{entry(`<content type="image/png">?</content><summary>s</summary>`), "content that is no base64"},
		{entry(`<content type="image/png" src="urn:x"/>`), "content that cannot be read here, and no summary"},
		{entry(`<content type="image/png" src="urn:x">a</content><summary>s</summary>`), "content here and elsewhere"},
		{entry(`<content>a</content><content>b</content>`), "2 elements content"},
		{entry(`<published>yesterday</published>`), "the time 'yesterday'"},
		{entry(`<activity:object><source><id>urn:x</id><title>t</title></source></activity:object>`), "no updated"},
		{strings.Replace(entry(""), `type="text/html" href="https://us.example/1"`, `type="text/html" href=""`, 1), "neither content nor an alternate"},
		{strings.Replace(entry(""), "<author><name>ann</name></author>", "", 1), "nobody is the author"},
		{entry("</entry><entry><id>urn:1</id><title>u</title><updated>2026-11-26T12:00:00Z</updated><content>c</content>"), "it stands there twice"},
		{entry(`<activity:actor><id>urn:ann</id><link rel="alternate" type="text/html" href="https://us.example/ann"/></activity:actor>`), "finds no time, or the link https://us.example/ann"},
		{feed(head + `<activity:subject><id>urn:ann</id></activity:subject>`), "takes 'urn:ann' for its id"},
	} {
		where := "push " + strconv.Itoa(i) + "."
		documents[where], expected[where] = tt.document, tt.fault
	}
	out, err := feedFaults(t, documents)
	if err == nil {
		t.Error("nothing is wrong")
	}
	for where, fault := range expected {
		found := false
		for line := range strings.SplitSeq(out, "\n") {
			found = found || strings.HasPrefix(line, where+":") && strings.Contains(line, fault)
		}
		if !found {
			t.Errorf("%q is not noticed in\n%s\namong\n%s", fault, documents[where], out)
		}
	}
	good := map[string]string{address: entry(`<content type="image/png">YQ==</content><summary>s</summary><category term="a"/>`)}
	if out, err := feedFaults(t, good); err != nil {
		t.Errorf("what holds all rules: %v\n%s", err, out)
	}
}

// atomAt reads a document as a feed reader does.
func (s *server) atomAt(t *testing.T, address string) string {
	t.Helper()
	r := s.wire("GET", strings.TrimPrefix(address, s.url), nil, "Accept: application/atom+xml").is(t, address, 200)
	if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/atom+xml") {
		t.Fatalf("%s is %s", address, kind)
	}
	return r.body
}

// TestFeedsAreValid: every kind of feed that we write, with everything that can be
// in one, holds the rules of RFC 4287 for those who are strict about them.
func TestFeedsAreValid(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		s := newServer(t, database, "MANIFOLD_ALLOW_PRIVATE_ADDRESSES=true")
		s.start()
		ann, bob := s.person("ann"), s.person("bob")
		documents := map[string]string{}
		add := func(address string) { documents[address] = s.atomAt(t, address) }
		add(s.url + "/users/bob/feed.atom") // nothing is in it
		add(s.url + "/public.atom")
		add(s.url + "/tags/nothing/feed.atom")
		pushed := subscribe(t, s, s.url+"/users/ann/feed.atom")

		var none any
		ann.ask("PUT", ann.path("profile"), map[string]any{"objectType": "person", "displayName": `Ann <&> "Co"`, "summary": "Walks.\nReads <b>books</b>.",
			"location": map[string]any{"objectType": "place", "displayName": "The Hills"}}, &none)
		everybody := map[string]any{"objectType": "collection", "id": "http://activityschema.org/collection/public"}
		act := func(p *person, verb string, object any, more ...any) activity {
			t.Helper()
			var a activity
			p.ask("POST", p.path("feed"), map[string]any{"verb": verb, "object": object, "to": append(more, everybody)}, &a)
			return a
		}
		group := act(ann, "create", map[string]any{"objectType": "group", "displayName": "Walkers & <co>"}).Object
		var posted []thing
		for _, o := range []map[string]any{
			{"objectType": "note", "content": "A <b>note</b> with <a href=\"https://example.org/?a=1&b=2\">a link</a>, \u0001 and ]]>"},
			{"objectType": "note", "content": "Hidden", "tags": []any{map[string]any{"objectType": "hashtag", "displayName": "#walking"}}},
			{"objectType": "article", "displayName": "Walking <1>", "content": "<p>One foot</p><p>and the other.</p>", "summary": "How to walk"},
			{"objectType": "image", "displayName": "Elsewhere", "fullImage": map[string]any{"url": "https://pictures.example/1.jpg", "width": 4, "height": 3}},
			{"objectType": "video", "displayName": "Waves", "stream": map[string]any{"url": "https://pictures.example/1.webm", "duration": 20}},
			{"objectType": "audio", "displayName": "Birds", "stream": map[string]any{"url": "https://pictures.example/1.ogg"}},
			{"objectType": "file", "displayName": "A map", "fileUrl": "https://pictures.example/map.pdf", "mimeType": "application/pdf"},
			{"objectType": "bookmark", "displayName": "A page", "targetUrl": "https://example.org/"},
			{"objectType": "event", "displayName": "A walk", "startTime": "2026-12-01T10:00:00Z"},
			{"objectType": "place", "displayName": "The Hills", "position": map[string]any{"latitude": 45.5, "longitude": -73.6}},
			{"objectType": "question", "displayName": "Left?", "content": "or right?"},
			{"objectType": "https://example.org/types#kite", "displayName": "A kite"},
			{"objectType": "note"},
		} {
			o["location"] = map[string]any{"objectType": "place", "displayName": "Here"}
			posted = append(posted, act(ann, "post", o, map[string]any{"objectType": "person", "id": s.url + bob.path("profile")}, ref(group)).Object)
		}
		for _, o := range posted {
			act(bob, "post", map[string]any{"objectType": "comment", "content": "An answer to " + o.ObjectType, "inReplyTo": ref(o)})
			act(bob, "share", ref(o))
		}
		act(ann, "favorite", ref(posted[2]))
		act(ann, "share", ref(act(bob, "post", map[string]any{"objectType": "note", "content": "to be shared"}).Object))
		act(ann, "delete", ref(posted[1]))
		for range 21 {
			act(bob, "post", map[string]any{"objectType": "note", "content": "Up <i>and</i> down", "tags": []any{map[string]any{"objectType": "hashtag", "displayName": "Walking"}}})
		}

		for _, path := range []string{"/users/ann/feed.atom", "/users/bob/feed.atom", "/public.atom"} {
			add(s.url + path)
			if n := strings.Count(documents[s.url+path], "<entry>"); n < 10 {
				t.Errorf("%s has %d entries", path, n)
			}
		}
		add(group.ID + "/feed.atom")
		if !strings.Contains(documents[group.ID+"/feed.atom"], "<entry>") {
			t.Error("the feed of the group has no entry")
		}
		tagged := s.url + "/tags/walking/feed.atom"
		eventually(t, "the feed of the hashtag", func() error {
			if add(tagged); !strings.Contains(documents[tagged], `rel="next"`) {
				return errors.New("there are not enough entries")
			}
			return nil
		})
		if n := strings.Count(documents[tagged], "<entry>"); n != 20 {
			t.Errorf("%s has %d entries", tagged, n)
		}
		add(posted[0].ID)
		add(posted[2].ID)
		// What is pushed is the feed with no more than what is new in it.
		deadline := time.After(patience)
		for delivered := 0; delivered < len(posted); {
			select {
			case feed := <-pushed:
				checkFeeds(t, map[string]string{s.url + "/users/ann/feed.atom": feed})
				delivered += strings.Count(feed, "<entry>")
			case <-deadline:
				t.Fatalf("%d of %d entries were pushed", delivered, len(posted))
			}
		}
		checkFeeds(t, documents)
	})
}

// ref names a thing.
func ref(o thing) map[string]any { return map[string]any{"objectType": o.ObjectType, "id": o.ID} }

// subscribe has a feed pushed to a server that confirms what it asked for, and
// returns what comes.
func subscribe(t *testing.T, s *server, topic string) <-chan string {
	t.Helper()
	pushed := make(chan string, 100)
	confirmed := make(chan struct{}, 1)
	callback := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
			confirmed <- struct{}{}
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		pushed <- string(body)
	}))
	t.Cleanup(callback.Close)
	form := url.Values{"hub.mode": {"subscribe"}, "hub.topic": {topic}, "hub.callback": {callback.URL + "/callback"}, "hub.lease_seconds": {"864000"}}
	answer, err := http.PostForm(s.url+"/hub", form)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Fatalf("the hub answers %d", answer.StatusCode)
	}
	select {
	case <-confirmed:
	case <-time.After(patience):
		t.Fatal("the hub does not ask back")
	}
	return pushed
}
