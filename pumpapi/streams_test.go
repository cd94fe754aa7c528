package pumpapi_test

import (
	"strings"
	"testing"
)

// crowd is a server on which every kind of stream has something in it, most of it
// with addressees that are hidden from all but who addressed them.
type crowd struct {
	*audience
	paths []string // of what all may ask for
}

func newCrowd(s *site) *crowd {
	c := &crowd{audience: newAudience(s)}
	for _, v := range []*visitor{c.bob, c.dave, c.eve} {
		v.follow(c.ann)
	}
	c.ann.follow(c.bob)
	// secret has somebody act with hidden addressees, whose host tells whose they are.
	secret := func(v *visitor, activity doc) doc {
		activity["to"] = append([]doc{public}, activity.docs("to")...)
		activity["cc"] = []doc{c.bob.ref(), v.followers()}
		activity["bto"] = []doc{{"id": "acct:dan@" + v.nick + ".hidden.example", "objectType": "person"}, c.carl.ref()}
		activity["bcc"] = []doc{{"id": "acct:dot@" + v.nick + ".hidden.example", "objectType": "person"}, c.dave.ref()}
		return v.act(activity)
	}
	note := secret(c.ann, doc{"verb": "post", "object": doc{"objectType": "note", "content": "hello"}})
	group := secret(c.ann, doc{"verb": "create", "object": doc{"objectType": "group", "displayName": "Guild"}}).doc("object")
	list := secret(c.ann, doc{"verb": "create", "object": doc{"objectType": "collection", "objectTypes": []string{"person"}, "displayName": "Pets"}}).doc("object")
	secret(c.ann, doc{"verb": "add", "object": c.eve.ref(), "target": list.ref()})
	for _, v := range []*visitor{c.ann, c.eve} {
		secret(v, doc{"verb": "join", "object": group.ref()})
		secret(v, doc{"verb": "post", "object": doc{"objectType": "note", "content": "to the guild"}, "to": []doc{group.ref()}})
	}
	document := secret(c.eve, doc{"verb": "post", "object": doc{"objectType": "image", "displayName": "d"}}).doc("object")
	secret(c.eve, doc{"verb": "add", "object": document.ref(), "target": group.ref()})
	thing := note.doc("object")
	comment := secret(c.eve, doc{"verb": "post", "object": doc{"objectType": "comment", "content": "c", "inReplyTo": thing.ref()}})
	for _, v := range []*visitor{c.bob, c.eve} {
		secret(v, doc{"verb": "favorite", "object": thing.ref()})
		secret(v, doc{"verb": "share", "object": thing.ref()})
	}
	about := secret(c.eve, doc{"verb": "play", "object": doc{"id": note.id(), "objectType": "activity"}})
	changed := secret(c.ann, doc{"verb": "update", "object": doc{"id": thing.id(), "objectType": "note", "content": "hello again"}})
	gone := secret(c.ann, doc{"verb": "post", "object": doc{"objectType": "note", "content": "gone"}})
	deletion := c.ann.act(doc{"verb": "delete", "object": gone.doc("object").ref()})
	c.ann.send(request{method: "POST", path: "/api/user/ann/uploads", body: picture(c.ann.t, 8, 8, "png"), contentType: "image/png"}).ok()

	for _, a := range []doc{note, comment, about, changed, gone, deletion} {
		c.paths = append(c.paths, a.id())
	}
	for _, o := range []doc{thing, comment.doc("object"), document} {
		c.paths = append(c.paths, o.id(), o.id()+"/likes", o.id()+"/replies", o.id()+"/shares")
	}
	c.paths = append(c.paths, gone.text("object.id"), list.id(), list.text("members.url"), group.id(), group.text("members.url"), group.text("documents.url"),
		group.text("links.activity-inbox.href"), "/api/public/feed", "/api/public/feed/major", "/api/public/feed/minor", "/api/users")
	for _, nick := range []string{"ann", "bob", "eve"} {
		of := "/api/user/" + nick
		c.paths = append(c.paths, of, of+"/profile", of+"/feed", of+"/feed/major", of+"/feed/minor", of+"/followers", of+"/following", of+"/favorites", of+"/lists/person",
			of+"/feed?count=3&offset=1")
	}
	c.paths = append(c.paths, "/api/user/ann/feed?count=200&before="+changed.id(), "/api/user/ann/feed?count=200&since="+note.id())
	return c
}

// pathsOf are what somebody may ask for.
func (c *crowd) pathsOf(v *visitor) []string {
	if v.nick == "" {
		return c.paths
	}
	paths := c.paths[:len(c.paths):len(c.paths)]
	for _, part := range []string{"/inbox", "/inbox/major", "/inbox/minor", "/inbox/direct", "/inbox/direct/major", "/inbox/direct/minor", "/uploads", "/blocks"} {
		paths = append(paths, v.user(part))
	}
	return paths
}

// TestEveryStream: whatever is read, the bytes are the same for the same viewer
// whether they are made from caches or from the store; and who is addressed hiddenly
// is in no byte that goes to anybody but who addressed them.
func TestEveryStream(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		c := newCrowd(s)
		read := func() map[string]string {
			pages := map[string]string{}
			for _, v := range c.viewers() {
				for _, path := range c.pathsOf(v) {
					a := v.get(path)
					if a.status != 200 && a.status != 401 && a.status != 403 && a.status != 410 {
						t.Errorf("%s is answered %d %s to %s", path, a.status, a.body, name(v))
					}
					pages[name(v)+" "+path] = string(a.body)
				}
			}
			return pages
		}
		warm := read()
		told := map[string]bool{}
		for _, v := range c.viewers() {
			for _, path := range c.pathsOf(v) {
				got := warm[name(v)+" "+path]
				for author := range strings.SplitSeq("ann bob eve", " ") {
					if !strings.Contains(got, "@"+author+".hidden.example") {
						continue
					}
					if told[author] = true; v.nick != author {
						t.Errorf("%s learns from %s whom %s addressed hiddenly: %s", name(v), path, author, got)
					}
				}
				if v != c.ann && v != c.bob && v != c.eve && (strings.Contains(got, `"bto"`) || strings.Contains(got, `"bcc"`)) {
					t.Errorf("%s learns from %s that somebody was addressed hiddenly: %s", name(v), path, got)
				}
			}
		}
		for _, author := range []string{"ann", "bob", "eve"} {
			if !told[author] {
				t.Errorf("%s is not told whom they addressed themselves", author)
			}
		}
		compare := func(how string) {
			for key, got := range read() {
				if got != warm[key] {
					t.Errorf("%s\nfrom caches\n%s\n%s\n%s", key, warm[key], how, got)
				}
			}
		}
		compare("again")
		s.start(siteOptions{})
		compare("after the start")
	})
}
