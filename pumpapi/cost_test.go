package pumpapi_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// statements counts what is executed on a PostgreSQL server by listening in on
// the way there: each execution is one message of the type Execute or Query
// (PostgreSQL documentation, 54.7).
type statements struct{ n atomic.Int64 }

// listenIn returns the address of a way to a database on which statements are
// counted.
func (s *statements) listenIn(t testing.TB, address string) string {
	t.Helper()
	server, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	target := server.Host
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go s.relay(client, target)
		}
	}()
	server.Host = listener.Addr().String()
	query := server.Query()
	query.Set("sslmode", "disable") // what is encrypted cannot be counted
	server.RawQuery = query.Encode()
	return server.String()
}

func (s *statements) relay(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
	}()
	in, out := bufio.NewReader(client), bufio.NewWriter(server)
	// The first message has no type.
	for first := true; ; first = false {
		var kind byte
		if !first {
			if kind, err = in.ReadByte(); err != nil {
				return
			}
			_ = out.WriteByte(kind)
		}
		var length [4]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return
		}
		_, _ = out.Write(length[:])
		if _, err := io.CopyN(out, in, int64(binary.BigEndian.Uint32(length[:]))-4); err != nil {
			return
		}
		if kind == 'E' || kind == 'Q' {
			s.n.Add(1)
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

// of counts the statements that a request costs once everything is prepared.
func (s *statements) of(v *visitor, path string) int64 {
	v.t.Helper()
	v.get(path).ok()
	before := s.n.Load()
	v.get(path).ok()
	return s.n.Load() - before
}

// TestCostOfAPage: a page costs the same number of statements whatever is on it,
// and however much.
func TestCostOfAPage(t *testing.T) {
	t.Parallel()
	var counted statements
	s := newSite(t, siteOptions{database: counted.listenIn(t, postgresDatabase(t))})
	ann := s.person("ann")
	parent := s.person("author").note("the root", public)
	list := ann.act(doc{"verb": "create", "to": []doc{public}, "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pals"}}).doc("object")
	group := s.person("maker").guild("", public)
	// live has somebody do one thing of each kind.
	live := func(i int) {
		v := s.person(fmt.Sprint("p", i))
		ann.follow(v)
		v.follow(ann)
		ann.post(list.text("members.url"), v.ref()).ok()
		note := v.note("hello", public, ann.ref())
		v.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "an answer", "inReplyTo": parent.ref()}, "to": []doc{public, ann.ref()}})
		for _, w := range []*visitor{ann, v} {
			w.act(doc{"verb": "like", "object": note.ref()})
			w.act(doc{"verb": "share", "object": note.ref()})
			w.act(doc{"verb": "post", "object": doc{"objectType": "comment", "content": "an answer", "inReplyTo": note.ref()}})
		}
		v.act(doc{"verb": "play", "object": doc{"id": ann.get("/api/user/ann/feed?count=1").ok().text("items.0.id"), "objectType": "activity"}, "to": []doc{public, ann.ref()}})
		v.act(doc{"verb": "give", "object": doc{"objectType": "note"}, "target": note.ref(), "to": []doc{ann.ref()}})
		v.act(doc{"verb": "join", "object": group.ref()})
		v.act(doc{"verb": "add", "object": note.ref(), "target": group.ref()})
		ann.upload(picture(t, 4+i, 4, "png"), "image/png")
	}
	live(0)
	paths := []string{"/api/user/ann/inbox?count=200", "/api/user/ann/inbox/major?count=200", "/api/user/ann/inbox/minor?count=200", "/api/user/ann/inbox/direct?count=200",
		"/api/user/ann/feed?count=200", "/api/user/ann/feed/minor?count=200", "/api/user/ann/followers?count=200", "/api/user/ann/following?count=200",
		"/api/user/ann/favorites?count=200", "/api/user/ann/lists/person?count=200", "/api/user/ann/uploads?count=200", parent.id(), parent.text("replies.url") + "?count=200",
		list.text("members.url") + "?count=200", "/api/users?count=200", group.text("members.url") + "?count=200", group.text("documents.url") + "?count=200",
		group.text("links.activity-inbox.href") + "?count=200", "/api/public/feed?count=200", "/api/user/ann/following?count=200&q=p"}
	costs := map[string]int64{}
	sizes := map[string]int{}
	for _, path := range paths {
		costs[path] = counted.of(ann, path)
		sizes[path] = len(ann.get(path).body)
		if costs[path] < 2 || costs[path] > 20 {
			t.Errorf("%s costs %d statements", path, costs[path])
		}
	}
	for i := 1; i <= 5; i++ {
		live(i)
	}
	for _, path := range paths {
		if got := counted.of(ann, path); got != costs[path] {
			t.Errorf("%s costs %d statements, and %d with much on it", path, costs[path], got)
		}
		if n := len(ann.get(path).body); n <= sizes[path] && path != parent.id() {
			t.Errorf("%s has not grown: %d bytes", path, n)
		}
	}
	inbox := ann.get("/api/user/ann/inbox?count=200").ok()
	if n := len(inbox.docs("items")); n < 55 {
		t.Errorf("the inbox has %d items only", n)
	}
	// What is cached saves statements and changes nothing: another process, whose
	// cache is cold, answers with the same bytes.
	warm := map[string]string{}
	for _, path := range paths {
		warm[path] = string(ann.get(path).body)
	}
	s.start(siteOptions{})
	for _, path := range paths {
		if cold := string(ann.get(path).body); cold != warm[path] {
			t.Errorf("%s with a warm cache\n%.2000s\nwith a cold one\n%.2000s", path, warm[path], cold)
		}
	}
}

// TestBytesAreTheSame: what was just posted, and is in the cache as it came, is
// served as what was read from the database.
func TestBytesAreTheSame(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	ann, bob := s.person("ann"), s.person("bob")
	bob.follow(ann)
	var paths []string
	for name, text := range ownDocuments {
		a := ann.post("/api/user/ann/feed", text)
		posted := a.ok()
		paths = append(paths, posted.id())
		if got := ann.get(posted.id()).ok().String(); got != posted.String() {
			t.Errorf("%s: the answer was\n%s, and asked for it is\n%s", name, posted, got)
		}
		if id := posted.text("object.links.self.href"); strings.HasPrefix(id, home+"/api/") {
			paths = append(paths, id)
		}
	}
	note := ann.note("old", public)
	ann.put(note.id(), doc{"content": "new <&> \u2028", "foo": "<&>"}).ok()
	paths = append(paths, note.id(), "/api/user/ann/feed", "/api/user/bob/inbox", "/api/user/ann/profile", "/api/user/ann/followers")
	warm := map[string]string{}
	for _, path := range paths {
		warm[path] = string(ann.get(path).body) + string(bob.get(path).body)
	}
	s.start(siteOptions{})
	for _, path := range paths {
		if cold := string(ann.get(path).body) + string(bob.get(path).body); cold != warm[path] {
			t.Errorf("%s with a warm cache\n%s\nwith a cold one\n%s", path, warm[path], cold)
		}
	}
}
