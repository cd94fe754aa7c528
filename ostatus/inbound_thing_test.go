package ostatus_test

import (
	"testing"

	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

func TestInboundFavourite(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		thing := in.post(in.ann, note("liked"))
		e := in.concerning(atom.Schema+"favorite", "tag:far,2026:fave:1", thing)
		in.slaps(in.bob, in.ann, e)
		in.pushes(in.bob, callback, secret, e)
		if got := in.object(thing.ID); got.Counts.Likes != 1 {
			t.Errorf("liked %d times", got.Counts.Likes)
		}
		in.inbox(in.ann, "favorite "+thing.ID, 1)
		in.slaps(in.bob, in.ann, in.concerning(atom.Schema+"unfavorite", "", thing))
		if got := in.object(thing.ID); got.Counts.Likes != 0 {
			t.Errorf("still liked %d times", got.Counts.Likes)
		}
	})
}

func TestInboundRepeat(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		thing := in.post(in.ann, note("repeated"))
		cid := newPeer(t).person("cid")
		theirs := cid.writes(3, "<p>said elsewhere</p>")
		share := func(id, author, content, page string) *atom.Entry {
			e := in.said(atom.Schema+"share", "")
			e.Object = &atom.Entry{ID: id, ObjectType: atom.Schema + "activity", Verb: atom.Schema + "post", Content: content,
				Author: &atom.Person{Name: "x", URI: author}, Object: &atom.Entry{ID: id, ObjectType: atom.Schema + "note", Content: content}}
			if page != "" {
				e.Object.Links = []atom.Link{{Rel: "alternate", Type: "text/html", Href: page}}
			}
			return e
		}
		ours := share(thing.ID, in.uri(in.ann), "not what she said", "")
		other := share(theirs.ID, cid.uri, "not what he said", cid.base+"/notice/3")
		lost := share("tag:gone,2026:noticeId=1:objectType=note", "http://127.0.0.1:1/user/1", "a copy", "")
		in.pushes(in.bob, callback, secret, lost, other, ours)
		if got := in.object(thing.ID); got.Counts.Shares != 1 || got.Doc.Content != "repeated" {
			t.Errorf("what ann said is now %+v", got.Doc)
		}
		if got := in.object(theirs.ID); got.Doc.Content != "<p>said elsewhere</p>" || got.AuthorID == 0 || got.Counts.Shares != 1 {
			t.Errorf("what cid said came in as %+v, by %d", got.Doc, got.AuthorID)
		}
		if got := in.object(lost.Object.ID); got.Doc.Content != "a copy" || got.AuthorID != 0 {
			t.Errorf("the copy is %+v, by %d", got.Doc, got.AuthorID)
		}
		in.inbox(in.ann, "share "+thing.ID, 1)
		// To take it back is to delete the share.
		undo := in.said(atom.Schema+"delete", ours.ID)
		undo.Object = &atom.Entry{ID: ours.ID, ObjectType: atom.Schema + "activity"}
		in.pushes(in.bob, callback, secret, undo)
		if got := in.object(thing.ID); got.Counts.Shares != 0 || !got.Deleted.IsZero() {
			t.Errorf("after the share was taken back: %+v", got)
		}
	})
}

func TestInboundDelete(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		e := in.note("soon gone")
		in.pushes(in.bob, callback, secret, e)
		in.inbox(in.ann, "post "+e.ID, 1)
		gone := in.said(atom.Schema+"delete", e.ID)
		gone.Object = &atom.Entry{ID: e.ID, ObjectType: atom.Schema + "note"}
		// Somebody else cannot.
		in.slaps(in.bob.peer.person("eve"), in.ann, gone)
		if got := in.object(e.ID); !got.Deleted.IsZero() {
			t.Fatal("eve has deleted what bob said")
		}
		in.pushes(in.bob, callback, secret, gone)
		if got := in.object(e.ID); got.Deleted.IsZero() || got.Doc.Content != "" {
			t.Errorf("after it was deleted: %+v", got)
		}
		in.pushes(in.bob, callback, secret, e)
		if got := in.object(e.ID); got.Deleted.IsZero() {
			t.Error("what was deleted is back")
		}
	})
}
