package ostatus_test

import (
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// laterVersion is an entry once more, as it was changed so much later.
func laterVersion(e *atom.Entry, after time.Duration, text string) *atom.Entry {
	v := *e
	v.Updated, v.Content = e.Updated.Add(after), text
	return &v
}

// says checks what is stored of a post.
func (in *inbound) says(id, text string) *models.Object {
	in.t.Helper()
	o := in.object(id)
	if o.Doc.Content != text {
		in.t.Errorf("%s says %q, want %q", id, o.Doc.Content, text)
	}
	return o
}

// TestInboundEdit: an entry that comes again with a later time of change is the post as
// it is now, by whichever way it comes; one that is not later changes nothing.
func TestInboundEdit(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		ways := map[string]func(e *atom.Entry){
			"push":   func(e *atom.Entry) { in.pushes(in.bob, callback, secret, e) },
			"salmon": func(e *atom.Entry) { in.slaps(in.bob, in.ann, e) },
		}
		for first, sends := range ways {
			for second, changes := range ways {
				e := in.note("first", in.uri(in.ann))
				e.Categories = []atom.Category{{Term: "boats"}}
				sends(e)
				changed := laterVersion(e, time.Minute, "second")
				changed.Categories = nil
				changes(changed)
				o := in.says(e.ID, "second")
				if !o.Doc.Updated.Equal(changed.Updated) || !o.Doc.Published.Equal(e.Published) {
					t.Errorf("%s, %s: it was published %s and changed %s", first, second, o.Doc.Published, o.Doc.Updated)
				}
				for _, tag := range o.Doc.Tags {
					if tag.Type == vocab.TypeHashtag {
						t.Errorf("%s, %s: it has kept the hashtag %s", first, second, tag.DisplayName)
					}
				}
				in.inbox(in.ann, "post "+e.ID, 1)
				in.inbox(in.ann, "update "+e.ID, 1)
				before := in.number("SELECT COUNT(*) FROM activities")
				for _, old := range []*atom.Entry{changed, laterVersion(e, time.Minute, "equal"), laterVersion(e, 30*time.Second, "older"), e} {
					for _, way := range ways {
						way(old)
					}
				}
				in.says(e.ID, "second")
				if after := in.number("SELECT COUNT(*) FROM activities"); after != before {
					t.Errorf("%s, %s: what is not later made %d activities", first, second, after-before)
				}
				sends(laterVersion(e, 2*time.Minute, "third"))
				in.says(e.ID, "third")
			}
		}
	})
}

// TestInboundEditByOthers: nobody changes what somebody else has posted, and what was
// deleted does not come back.
func TestInboundEditByOthers(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		e := in.note("by bob", in.uri(in.ann))
		in.pushes(in.bob, callback, secret, e)
		eve := in.bob.peer.person("eve")
		in.slaps(eve, in.ann, laterVersion(e, time.Minute, "by eve"))
		in.says(e.ID, "by bob")
		elsewhere := newPeer(t).group("gophers")
		callback2, secret2 := in.follows(elsewhere, vocab.VerbJoin)
		hearsay := laterVersion(e, time.Minute, "by the group")
		hearsay.Author = in.bob.document.Author
		in.pushes(elsewhere, callback2, secret2, hearsay)
		in.says(e.ID, "by bob")
		// A group of the same server speaks for him as his own feed does.
		home := in.bob.peer.group("walkers")
		callback3, secret3 := in.follows(home, vocab.VerbJoin)
		own := laterVersion(e, time.Minute, "by bob, later")
		own.Author = in.bob.document.Author
		in.pushes(home, callback3, secret3, own)
		in.says(e.ID, "by bob, later")

		gone := in.said(atom.Schema+"delete", e.ID)
		gone.Object = &atom.Entry{ID: e.ID, ObjectType: atom.Schema + "note"}
		in.pushes(in.bob, callback, secret, gone)
		in.pushes(in.bob, callback, secret, laterVersion(e, 2*time.Minute, "again"))
		if o := in.object(e.ID); o.Deleted.IsZero() || o.Doc.Content != "" {
			t.Errorf("what was deleted says %q", o.Doc.Content)
		}
	})
}
