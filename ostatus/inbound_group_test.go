package ostatus_test

import (
	"errors"
	"slices"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

func TestInboundLocalGroup(t *testing.T) {
	onInbound(t, func(in *inbound) {
		group := in.group("Walkers")
		in.do(in.ann, &vocab.Activity{Verb: vocab.VerbJoin, Object: group.Doc.Ref()})
		said := func(text string) *atom.Entry {
			e := in.note(text)
			e.Links = append(e.Links, atom.Link{Rel: "mentioned", Href: group.Doc.ID, ObjectType: atom.Schema + "group"})
			return e
		}
		before := said("let me in")
		in.slaps(in.bob, group, before)
		if got := in.streamOf(group, models.Inbox); slices.Contains(got, "post "+before.ID) {
			t.Errorf("who is no member speaks in the group: %q", got)
		}
		in.slaps(in.bob, group, in.about(atom.Schema+"join", "tag:far,2026:join:1", group.Doc.ID, "group"))
		if !in.edge(models.MemberOf, in.bob, group.ID) {
			t.Fatal("bob is no member")
		}
		e := said("up the hills")
		in.slaps(in.bob, group, e)
		if got := in.streamOf(group, models.Inbox); !slices.Contains(got, "post "+e.ID) {
			t.Errorf("the group does not show what a member says: %q", got)
		}
		in.inbox(in.ann, "post "+e.ID, 1)
		// Following a group is joining it, on servers that say so.
		in.slaps(in.bob, group, in.about(ostatusBase+"unfollow", "tag:far,2026:x", group.Doc.ID, "group"))
		if in.edge(models.MemberOf, in.bob, group.ID) {
			t.Error("bob is still a member")
		}
	})
}

// In the feed of a group everybody speaks for themselves.
func TestInboundRemoteGroup(t *testing.T) {
	onInbound(t, func(in *inbound) {
		g := in.bob.peer.group("gophers")
		callback, secret := in.follows(g, vocab.VerbJoin)
		cid := newPeer(t).person("cid")
		by := func(s *someone, e *atom.Entry) *atom.Entry {
			e.Author = s.document.Author
			return e
		}
		home, away := by(in.bob, in.note("from the same server")), in.note("from another")
		away.ID = "tag:" + cid.host + ",2026-11-01:noticeId=1:objectType=note"
		away = by(cid, away)
		ours := by(in.bob, in.note("as ann"))
		ours.Author = &atom.Person{Name: "ann", URI: in.uri(in.ann)}
		fav := by(cid, in.concerning(atom.Schema+"favorite", "tag:far,2026:fave:1", in.post(in.ann, note("liked"))))
		nobody := by(cid, in.note("by nobody"))
		nobody.Author = &atom.Person{Name: "nobody", URI: cid.base + "/user/nobody"}
		in.pushes(g, callback, secret, nobody, fav, ours, away, home)
		group, err := in.DB().ActorByIRI(t.Context(), g.uri)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			e *atom.Entry
			s *someone
		}{{home, in.bob}, {away, cid}} {
			o := in.object(tt.e.ID)
			author, err := in.DB().ActorByIRI(t.Context(), tt.s.uri)
			if err != nil || o.AuthorID != author.ID {
				t.Errorf("%s is by %d, not by %s (%v)", tt.e.ID, o.AuthorID, tt.s.uri, err)
				continue
			}
			a, err := in.DB().Activity(t.Context(), o.ActivityID)
			if err != nil || !slices.ContainsFunc(a.Audience, func(to models.Addressee) bool { return to.Kind == models.AudienceGroup && to.ID == group.ID }) {
				t.Errorf("%s is addressed to %+v (%v)", tt.e.ID, a.Audience, err)
			}
			in.inbox(in.ann, "post "+tt.e.ID, 1)
		}
		for _, e := range []*atom.Entry{ours, nobody} {
			if _, err := in.DB().ObjectByIRI(t.Context(), e.ID); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s was believed (%v)", e.Content, err)
			}
		}
		if in.edge(models.Likes, cid, in.object(fav.Object.ID).ID) {
			t.Error("a group has somebody of another server like something")
		}
	})
}
