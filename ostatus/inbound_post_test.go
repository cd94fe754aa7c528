package ostatus_test

import (
	"slices"
	"strings"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// What comes by salmon and by push is one, whichever comes first.
func TestInboundMentionOnce(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		first, second := in.note("by salmon first", in.uri(in.ann)), in.note("by push first", in.uri(in.ann))
		in.slaps(in.bob, in.ann, first)
		in.pushes(in.bob, callback, secret, first)
		in.pushes(in.bob, callback, secret, second)
		in.slaps(in.bob, in.ann, second)
		for _, e := range []*atom.Entry{first, second} {
			in.inbox(in.ann, "post "+e.ID, 1)
		}
		if n := in.number("SELECT COUNT(*) FROM activities WHERE verb = 'post' AND NOT local"); n != 2 {
			t.Errorf("%d posts are stored, want 2", n)
		}
	})
}

func TestInboundReply(t *testing.T) {
	onInbound(t, func(in *inbound) {
		thing := in.object(in.post(in.ann, note("a question")).ID).Doc
		e := in.note("an answer")
		e.ObjectType, e.InReplyTo = atom.Schema+"comment", &atom.Reply{Ref: thing.ID, Href: thing.URL}
		e.Conversation = &atom.Conversation{Ref: "tag:us.example,2026:thread:1"}
		in.slaps(in.bob, in.ann, e)
		got := in.object(e.ID)
		if got.ParentID != in.object(thing.ID).ID || string(got.Doc.Extra[vocab.Conversation]) != `"tag:us.example,2026:thread:1"` {
			t.Errorf("the answer came in as %+v, %s", got, got.Doc.Extra)
		}
		// In reply to the page of it, and to something that is only in the answer.
		again := in.note("another", in.uri(in.ann))
		again.InReplyTo = &atom.Reply{Ref: "tag:unknown,2026:1", Href: thing.URL}
		in.slaps(in.bob, in.ann, again)
		if got := in.object(again.ID); got.ParentID != in.object(thing.ID).ID {
			t.Errorf("the second answer came in as %+v", got)
		}
		in.inbox(in.ann, "post "+e.ID, 1)
	})
}

// An answer to something that nobody here knows brings what it answers.
func TestInboundReplyToTheUnknown(t *testing.T) {
	onInbound(t, func(in *inbound) {
		parent := in.bob.writes(7, "the beginning")
		e := in.note("the end", in.uri(in.ann))
		e.InReplyTo = &atom.Reply{Ref: parent.ID, Href: in.bob.base + "/notice/7"}
		in.slaps(in.bob, in.ann, e)
		got := in.object(parent.ID)
		if got.Doc.Content != "the beginning" || got.AuthorID == 0 || in.object(e.ID).ParentID != got.ID {
			t.Errorf("what was answered came in as %+v", got)
		}
		in.inbox(in.ann, "post "+parent.ID, 0)
	})
}

func TestInboundFilesAndHashtags(t *testing.T) {
	onInbound(t, func(in *inbound) {
		e := in.note("look <script>alert(1)</script>#sea", in.uri(in.ann))
		e.Links = append(e.Links, atom.Link{Rel: "enclosure", Type: "image/png", Href: in.bob.base + "/a.png", Title: "the sea"},
			atom.Link{Rel: "enclosure", Type: "application/pdf", Href: in.bob.base + "/a.pdf"}, atom.Link{Rel: "enclosure", Type: "text/html", Href: in.bob.base + "/preview"})
		e.Categories = []atom.Category{{Term: "sea"}, {Term: ""}}
		e.Point = &atom.Point{Latitude: 1.5, Longitude: -2.5}
		in.slaps(in.bob, in.ann, e)
		o := in.object(e.ID).Doc
		if len(o.Attachments) != 2 || o.Attachments[0].FullImage.URL != in.bob.base+"/a.png" || o.Attachments[1].FileURL != in.bob.base+"/a.pdf" {
			t.Errorf("the files are %+v", o.Attachments)
		}
		if strings.Contains(o.Content, "script") || o.Location == nil ||
			!slices.ContainsFunc(o.Tags, func(t *vocab.Object) bool { return t.Type == vocab.TypeHashtag && t.DisplayName == "sea" }) {
			t.Errorf("the note is %+v", o)
		}
	})
}

// What is for one person reaches that person, and is shown to nobody else.
func TestInboundDirect(t *testing.T) {
	onInbound(t, func(in *inbound) {
		cid := in.person("cid")
		in.slaps(in.bob, in.ann, in.about(atom.Schema+"follow", "tag:far,2026:f:1", in.uri(in.ann), "person"))
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		for scope, push := range map[string]bool{"direct": false, "private": true} {
			e := in.note("psst", in.uri(in.ann))
			e.Scope = scope
			if push {
				in.pushes(in.bob, callback, secret, e)
			} else {
				in.slaps(in.bob, in.ann, e)
			}
			in.inbox(in.ann, "post "+e.ID, 1)
			visible := func(v models.Viewer) bool {
				got, err := in.DB().VisibleObjects(t.Context(), v, in.object(e.ID).ID)
				if err != nil {
					t.Fatal(err)
				}
				return got[in.object(e.ID).ID]
			}
			if visible(models.Viewer{}) || visible(models.Viewer{ActorID: cid.ID}) || !visible(models.Viewer{ActorID: in.ann.ID}) {
				t.Errorf("%s: it is not shown to just those whom it is for", scope)
			}
		}
	})
}
