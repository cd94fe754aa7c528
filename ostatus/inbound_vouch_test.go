package ostatus_test

import (
	"errors"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus"
	"manifold/ostatus/atom"
)

// TestInboundVouched: what somebody shares and its own page does not show is a post of
// its author where both are of one server, for everybody, and named by that server or
// by nobody; all else is a copy without an author.
func TestInboundVouched(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		dan, cid := in.bob.peer.person("dan"), newPeer(t).person("cid")
		for name, tt := range map[string]struct {
			id, author, scope, kind string
			vouched                 bool
		}{
			"a tag of the same server":      {"tag:far,2026:n:1", dan.uri, "", "note", true},
			"unlisted":                      {"tag:far,2026:n:2", dan.uri, "unlisted", "note", true},
			"an address of the same server": {in.bob.base + "/notice/77", dan.uri, "", "note", true},
			"an address of another server":  {cid.base + "/notice/404", dan.uri, "", "note", false},
			"an author of another server":   {"tag:far,2026:n:3", cid.uri, "", "note", false},
			"an author whom nobody knows":   {"tag:far,2026:n:4", in.bob.base + "/user/nobody", "", "note", false},
			"an author of ours":             {"tag:far,2026:n:5", in.uri(in.ann), "", "note", false},
			"no author":                     {"tag:far,2026:n:6", "", "", "note", false},
			"what was for few":              {"tag:far,2026:n:7", dan.uri, "private", "note", false},
		} {
			e := in.said(atom.Schema+"share", "")
			e.Scope = tt.scope
			e.Links = append(e.Links, atom.MentionLinks(in.uri(in.ann), atom.Schema+"person")...)
			e.Object = &atom.Entry{ID: tt.id, ObjectType: atom.Schema + "activity", Verb: atom.Schema + "post", Content: "shared", Published: e.Published, Updated: e.Updated,
				Object: &atom.Entry{ID: tt.id, ObjectType: atom.Schema + tt.kind, Content: "shared", Published: e.Published, Updated: e.Updated}}
			if tt.author != "" {
				e.Object.Author = &atom.Person{Name: "x", URI: tt.author}
			}
			in.pushes(in.bob, callback, secret, e)
			o, err := in.DB().ObjectByIRI(t.Context(), tt.id)
			if errors.Is(err, models.ErrNotFound) && !tt.vouched {
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			author := int64(0)
			if tt.vouched {
				a, err := in.DB().ActorByIRI(t.Context(), tt.author)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				author = a.ID
			}
			if o.AuthorID != author || (o.ActivityID != 0) != tt.vouched || o.Doc.Content != "shared" {
				t.Errorf("%s: it is by %d, posted by %d, and says %q; want %d", name, o.AuthorID, o.ActivityID, o.Doc.Content, author)
			}
		}
	})
}

// TestSince: what a hub pushes is news whatever the clock of its server says; of a feed
// that is read, what was written before it was first read is the past.
func TestSince(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 999_000_000, time.UTC)
	row := &models.Subscription{Created: at}
	for verified, want := range map[string]time.Time{ostatus.ByHub: {}, ostatus.ByOwner: at.Truncate(time.Second)} {
		if got := ostatus.Since(verified, row); !got.Equal(want) {
			t.Errorf("by %s it is news since %s, want %s", verified, got, want)
		}
	}
}

// TestInboundOfASlowClock: what a server pushes is shown, however late its clock is.
func TestInboundOfASlowClock(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		slow := in.note("by a slow clock")
		slow.Published = slow.Published.Add(-48 * time.Hour)
		slow.Updated = slow.Published
		in.pushes(in.bob, callback, secret, slow)
		in.inbox(in.ann, "post "+slow.ID, 1)
		if o := in.object(slow.ID); o.Doc.Content != "by a slow clock" {
			t.Errorf("it says %q", o.Doc.Content)
		}
	})
}
