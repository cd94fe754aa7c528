package ostatus_test

import (
	"fmt"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

func TestInboundFollowAndUnfollow(t *testing.T) {
	onInbound(t, func(in *inbound) {
		in.slaps(in.bob, in.ann, in.about(atom.Schema+"follow", "tag:far,2026:f:1", in.uri(in.ann), "person"))
		if !in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Fatal("bob does not follow ann")
		}
		in.inbox(in.ann, "follow "+in.ann.Doc.ID, 1)
		in.slaps(in.bob, in.ann, in.about(ostatusBase+"unfollow", unfollowID, in.uri(in.ann), "person"))
		if in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Error("bob still follows ann")
		}
	})
}

// The id of an unfollow is the same for ever: what counts is when it was.
func TestInboundUnfollowFollowUnfollow(t *testing.T) {
	onInbound(t, func(in *inbound) {
		follow := func(n int) *atom.Entry {
			return in.about(atom.Schema+"follow", fmt.Sprintf("tag:far,2026:f:%d", n), in.uri(in.ann), "person")
		}
		unfollow := func() *atom.Entry { return in.about(ostatusBase+"unfollow", unfollowID, in.uri(in.ann), "person") }
		in.slaps(in.bob, in.ann, follow(1))
		first := unfollow()
		for n, e := range []*atom.Entry{first, follow(2), unfollow()} {
			in.slaps(in.bob, in.ann, e)
			if got := in.edge(models.Follows, in.bob, in.ann.ID); got != (n == 1) {
				t.Errorf("after step %d bob follows ann: %v", n+1, got)
			}
		}
		in.slaps(in.bob, in.ann, follow(3))
		before := in.number("SELECT COUNT(*) FROM activities")
		for range 3 {
			in.slaps(in.bob, in.ann, first) // somebody has recorded it
		}
		if !in.edge(models.Follows, in.bob, in.ann.ID) || in.number("SELECT COUNT(*) FROM activities") != before {
			t.Error("a replayed unfollow has changed something")
		}
		// One that was held back until now: it is older than the follow.
		late := unfollow()
		late.Published = first.Published.Add(-time.Second)
		late.Updated = late.Published
		in.slaps(in.bob, in.ann, late)
		if !in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Error("an old unfollow has ended a newer follow")
		}
	})
}

// The same for what else is sent under one id again and again.
func TestInboundReusedIDs(t *testing.T) {
	onInbound(t, func(in *inbound) {
		thing := in.post(in.ann, note("liked"))
		row := in.object(thing.ID)
		fav := func(n int) *atom.Entry {
			return in.concerning(atom.Schema+"favorite", fmt.Sprintf("tag:far,2026:fave:%d", n), thing)
		}
		undo := func() *atom.Entry {
			return in.concerning(atom.Schema+"unfavorite", "tag:far,2026:disfavor", thing)
		}
		in.slaps(in.bob, in.ann, fav(1))
		first := undo()
		in.slaps(in.bob, in.ann, first)
		in.slaps(in.bob, in.ann, fav(2))
		in.slaps(in.bob, in.ann, first)
		if !in.edge(models.Likes, in.bob, row.ID) {
			t.Error("a replayed unfavorite has taken back a newer favourite")
		}
		in.slaps(in.bob, in.ann, undo())
		if in.edge(models.Likes, in.bob, row.ID) {
			t.Error("the second unfavorite did nothing")
		}

		group := in.group("Walkers")
		join := func(n int) *atom.Entry {
			return in.about(atom.Schema+"join", fmt.Sprintf("tag:far,2026:join:%d", n), group.Doc.ID, "group")
		}
		leave := func() *atom.Entry { return in.about(ostatusBase+"leave", "tag:far,2026:leave", group.Doc.ID, "group") }
		in.slaps(in.bob, group, join(1))
		old := leave()
		in.slaps(in.bob, group, old)
		in.slaps(in.bob, group, join(2))
		in.slaps(in.bob, group, old)
		if !in.edge(models.MemberOf, in.bob, group.ID) {
			t.Error("a replayed leave has ended a newer membership")
		}
		in.slaps(in.bob, group, leave())
		if in.edge(models.MemberOf, in.bob, group.ID) {
			t.Error("the second leave did nothing")
		}
	})
}

// TestInboundOneIDForAll: a peer that counts a relation, and not each time that it
// begins, sends the second follow under the id of the first: it is another one by its
// time, and the same when it is sent again.
func TestInboundOneIDForAll(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		thing := in.post(in.ann, note("liked"))
		group := in.group("Walkers")
		push := func(e *atom.Entry) { in.pushes(in.bob, callback, secret, e) }
		for _, tt := range []struct {
			name       string
			kind       models.EdgeKind
			to         *models.Actor
			target     int64
			begin, end func() *atom.Entry
			alsoByPush bool
		}{
			{"follow", models.Follows, in.ann, in.ann.ID, func() *atom.Entry { return in.about(atom.Schema+"follow", "tag:far,2026:f", in.uri(in.ann), "person") },
				func() *atom.Entry { return in.about(ostatusBase+"unfollow", unfollowID, in.uri(in.ann), "person") }, false},
			{"join", models.MemberOf, group, group.ID, func() *atom.Entry { return in.about(atom.Schema+"join", "tag:far,2026:j", group.Doc.ID, "group") },
				func() *atom.Entry { return in.about(ostatusBase+"leave", "tag:far,2026:l", group.Doc.ID, "group") }, false},
			{"favourite", models.Likes, in.ann, in.object(thing.ID).ID, func() *atom.Entry { return in.concerning(atom.Schema+"favorite", "tag:far,2026:fave", thing) },
				func() *atom.Entry { return in.concerning(atom.Schema+"unfavorite", "tag:far,2026:disfavor", thing) }, true},
		} {
			var sent []*atom.Entry
			for i, make := range []func() *atom.Entry{tt.begin, tt.end, tt.begin, tt.end, tt.begin} {
				e := make()
				sent = append(sent, e)
				in.slaps(in.bob, tt.to, e)
				if got := in.edge(tt.kind, in.bob, tt.target); got != (i%2 == 0) {
					t.Errorf("%s: after step %d it is in force: %v", tt.name, i+1, got)
				}
			}
			before := in.number("SELECT COUNT(*) FROM activities")
			for _, e := range sent {
				in.slaps(in.bob, tt.to, e)
				if tt.alsoByPush {
					push(e)
				}
			}
			if !in.edge(tt.kind, in.bob, tt.target) || in.number("SELECT COUNT(*) FROM activities") != before {
				t.Errorf("%s: what was sent again has changed something", tt.name)
			}
			in.slaps(in.bob, tt.to, tt.end())
			in.slaps(in.bob, tt.to, sent[4])
			if in.edge(tt.kind, in.bob, tt.target) {
				t.Errorf("%s: an old one that was sent again has begun a new one", tt.name)
			}
		}
	})
}
