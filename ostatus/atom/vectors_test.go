package atom_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manifold/ostatus/atom"
)

const (
	bob   = "http://gs.test/index.php/user/2"
	carol = "http://peer.test/user/carol"
	note  = "tag:peer.test,2026:note:1795391504.744771"
)

// What documents of real servers say, one line each: who, what, to what.
func TestVectorEntries(t *testing.T) {
	folder, ok := os.LookupEnv("MANIFOLD_VECTORS")
	if !ok {
		return
	}
	looked := slices.Clone(elsewhere)
	for _, tt := range []struct {
		name                            string
		by, does, kind, id, object, ref string // of the first entry; "" for whatever
		mentions                        string
		check                           func(f *atom.Feed, e *atom.Entry) bool
	}{
		{name: "live-gs2/push-note-mention.atom", by: bob, does: "post", kind: "note", id: "tag:gs.test,2026-11-22:noticeId=7:objectType=note", mentions: carol + " person"},
		{name: "live-gs2/push-note-reply.atom", by: bob, does: "post", kind: "comment", ref: note, mentions: carol + " person",
			check: func(_ *atom.Feed, e *atom.Entry) bool {
				return e.InReplyTo.Href == "http://peer.test/notice/2dd47c" && e.Conversation.Ref == "tag:gs.test,2026-11-22:objectType=thread:nonce=c0e8446056246e76"
			}},
		{name: "live-gs2/push-note-group.atom", by: bob, does: "post", kind: "note", mentions: "http://gs.test/group/1/id group"},
		{name: "live-gs2/push-note-photo.atom", by: bob, does: "post", kind: "note", mentions: carol + " person",
			check: func(_ *atom.Feed, e *atom.Entry) bool {
				// The enclosure is without an address; the file is in the content.
				return len(e.Enclosures()) == 0 && atom.Href(e.Links, "enclosure") == "" && strings.Contains(e.Content, `class="attachment"`) && len(e.Categories) == 0
			}},
		{name: "live-gs2/push-favorite.atom", by: bob, does: "favorite", object: note, ref: note},
		{name: "live-gs2/push-follow.atom", by: bob, does: "follow", object: carol, check: func(_ *atom.Feed, e *atom.Entry) bool {
			return e.Object.Profile != nil && e.Object.Profile.PreferredUsername == "carol" && e.Object.Profile.DisplayName == "Carol C"
		}},
		{name: "live-gs2/push-share.atom", by: bob, does: "share", object: note, check: func(_ *atom.Feed, e *atom.Entry) bool {
			o := e.Object
			return o.Kind() == "activity" && o.Does() == "post" && o.Author.Identity() == carol && o.Object.ID == note && o.Object.Kind() == "note" && o.Source.ID == "http://peer.test/carol.atom"
		}},
		{name: "live-gs2/push-delete.atom", by: bob, does: "delete", id: "tag:gs.test,2026-11-22:noticeId=7:objectType=note", object: "tag:gs.test,2026-11-22:noticeId=7:objectType=note",
			check: func(f *atom.Feed, e *atom.Entry) bool {
				return e.Author == nil && e.Target.ID == e.ID && atom.Href(f.Links, "hub") == "http://gs.test/main/push/hub" && atom.Href(f.Links, "salmon") == "http://gs.test/main/salmon/user/2" &&
					atom.Href(f.Links, "self", "application/atom+xml") == f.ID
			}},
		{name: "live-gs2/slap-follow.payload.xml", by: bob, does: "follow", object: carol},
		{name: "live-gs2/slap-unfollow.payload.xml", by: bob, does: "unfollow", object: carol, check: func(_ *atom.Feed, e *atom.Entry) bool {
			return strings.HasSuffix(e.ID, ":1970-01-01T00:00:00+00:00") && e.Published.Year() == 2026
		}},
		{name: "live-gs2/slap-favorite.payload.xml", by: bob, does: "favorite"},
		{name: "live-gs2/slap-mention.payload.xml", by: bob, does: "post", mentions: carol + " person"},
		{name: "live-gs2/slap-reply.payload.xml", by: bob, does: "post", ref: note, mentions: carol + " person"},
		{name: "live-gs2/slap-photo.payload.xml", by: bob, does: "post", mentions: carol + " person"},
		{name: "live-gs2/notice-9.atom", by: bob, does: "post", kind: "comment", ref: note},
		{name: "live-gs2/bob.atom", by: bob, check: func(f *atom.Feed, _ *atom.Entry) bool {
			var verbs []string
			for _, e := range f.Entries {
				verbs = append(verbs, e.Does())
			}
			// The follow that has ended names itself as its object.
			last := f.Entries[5]
			return slices.Equal(verbs, []string{"follow", "post", "post", "share", "post", "follow", "post"}) && last.Object.ID == last.ID && f.Author.Location == "Paris" && f.Lang == "en-US"
		}},
		{name: "live-gs2/group.atom", check: func(f *atom.Feed, e *atom.Entry) bool {
			return atom.Word(f.Author.ObjectType) == "group" && f.Owner().Identity() == "http://gs.test/group/1/id" && e.By(f).Identity() == carol && f.Entries[1].By(f).Identity() == bob && atom.Href(f.Links, "salmon") == "http://gs.test/main/salmon/group/1" && f.Group != nil
		}},
		{name: "live-gs2/backup-bob.atom", check: func(f *atom.Feed, e *atom.Entry) bool {
			registered := f.Entries[len(f.Entries)-1]
			return e.Does() == "follow" && e.Author.Identity() == carol && e.Object.ID == bob && registered.Does() == "join" && registered.Object.Kind() == "service"
		}},
		{name: "entry/author-full.xml", by: "http://gs.example.org:4040/index.php/user/1", check: func(_ *atom.Feed, e *atom.Entry) bool {
			a := e.Author
			return a.Name == "lambda" && a.PreferredUsername == "Constance Variable" && a.DisplayName == "lambadalambda" && a.Avatar().Width == 96
		}},
		{name: "entry/author-name-only.xml", by: "http://gs.example.org:4040/index.php/user/1", check: func(_ *atom.Feed, e *atom.Entry) bool {
			return e.Author.Shown() == "lambda" && e.Author.Avatar() == nil
		}},
		{name: "entry/gs-answer.xml", does: "post", ref: "http://pleroma.example.org:4000/objects/55bce8fc-b423-46b1-af71-3759ab4670bc", id: "tag:gs.example.org:4040,2017-04-25:noticeId=55:objectType=note"},
		{name: "entry/gs-note-mention.xml", mentions: "http://pleroma.example.org:4000/users/lain3 person", check: func(_ *atom.Feed, e *atom.Entry) bool {
			return e.Source.Title == "lambda" && e.Notice.LocalID == "29" && e.Notice.Source == "web" && slices.ContainsFunc(e.Links, func(l atom.Link) bool { return l.Rel == "emoji" && l.Name == "marko" })
		}},
		{name: "entry/mastodon-conversation.xml", check: func(_ *atom.Feed, e *atom.Entry) bool {
			return e.Conversation.Key() == "tag:mastodon.social,2017-08-28:objectId=7876885:objectType=Conversation" && atom.Href(e.Links, "alternate", atom.TypeActivityPub) == "https://mastodon.social/users/lambadalambda/statuses/16402826" &&
				len(e.Enclosures()) == 1
		}},
		{name: "entry/mastodon-direct.xml", mentions: "https://pleroma.soykaf.com/users/lain person", check: func(_ *atom.Feed, e *atom.Entry) bool { return e.Visibility() == atom.VisibleDirect && e.Lang == "ky" }},
		{name: "entry/mastodon-reply.xml", kind: "comment", ref: "https://pleroma.soykaf.com/objects/c237d966-ac75-4fe3-a87a-d89d71a3a7a4", mentions: "https://pleroma.soykaf.com/users/lain person"},
		{name: "entry/pleroma-sakamoto.xml", by: "https://social.sakamoto.gq/users/eal", ref: "tag:shitposter.club,2017-08-04:noticeId=4027863:objectType=comment"},
		{name: "entry/shitposter-2827873.xml", does: "post", id: "tag:shitposter.club,2017-05-05:noticeId=2827873:objectType=comment"},
		{name: "feed/gs-attachments.atom", check: func(_ *atom.Feed, e *atom.Entry) bool {
			return len(e.Enclosures()) == 2 && e.Enclosures()[0].Type == "image/gif" && e.Enclosures()[0].Length == 17283
		}},
		{name: "feed/gs-empty-mention.atom", mentions: "http://quitter.se/group/2184/id group"},
		{name: "feed/gs-favorite.atom", does: "favorite", object: "tag:shitposter.club,2017-05-05:noticeId=2827873:objectType=comment", ref: "tag:shitposter.club,2017-05-05:noticeId=2827873:objectType=comment"},
		{name: "feed/gs-favorite-local.atom", does: "favorite", object: "localid"},
		{name: "feed/gs-follow.atom", by: "https://social.heldscal.la/user/23211", does: "follow", object: "https://pawoo.net/users/pekorino"},
		{name: "feed/gs-unfollow.atom", does: "unfollow", object: "https://pawoo.net/users/pekorino", id: "undo:tag:social.heldscal.la,2017-05-07:subscription:23211:person:44803:2017-05-07T09:54:48+00:00"},
		{name: "feed/gs-note.atom", does: "post", kind: "note"},
		{name: "feed/gs-note-tag.atom", check: func(_ *atom.Feed, e *atom.Entry) bool {
			return len(e.Categories) == 1 && e.Categories[0].Term == "Nsfw"
		}},
		{name: "feed/gs-reply.atom", ref: "tag:gs.archae.me,2017-04-30:noticeId=778260:objectType=note", mentions: "https://gs.archae.me/user/4687 person"},
		{name: "feed/gs-share.atom", does: "share", object: "https://pleroma.soykaf.com/objects/4c1bda26-902e-4525-9fcd-b9fd44925193", id: "tag:social.heldscal.la,2017-05-03:noticeId=2028428:objectType=note",
			check: func(_ *atom.Feed, e *atom.Entry) bool {
				return e.Object.Author.Identity() == "https://pleroma.soykaf.com/users/lain"
			}},
		{name: "feed/gs-share-local.atom", does: "share", object: "LOCAL_ID"},
		{name: "feed/mastodon-cw.atom", check: func(_ *atom.Feed, e *atom.Entry) bool { return e.Summary == "technologic" && e.Lang != "" }},
		{name: "feed/mastodon-delete.atom", does: "delete", id: "tag:mastodon.sdf.org,2017-06-10:objectId=310513:objectType=Status", check: func(_ *atom.Feed, e *atom.Entry) bool { return e.Object == nil }},
		{name: "feed/mastodon-share.atom", does: "share", check: func(_ *atom.Feed, e *atom.Entry) bool {
			return e.Object.Author != nil && e.Object.Object == nil && e.Object.Content != ""
		}},
		{name: "feed/mastodon-share-cw.atom", does: "share", check: func(_ *atom.Feed, e *atom.Entry) bool { return e.Object.Summary == "Hey." && e.Object.Lang == "it" }},
		{name: "feed/mastodon-problematic.atom", does: "share", check: func(_ *atom.Feed, e *atom.Entry) bool { return e.Object.Visibility() == atom.VisibleUnlisted }},
		{name: "feed/mastodon-push-reblog.atom", does: "share", object: "tag:mastodon.social,2016-09-03:objectId=5984:objectType=Status"},
		{name: "feed/mastodon-unlisted.atom", check: func(_ *atom.Feed, e *atom.Entry) bool {
			return e.Visibility() == atom.VisibleUnlisted && !slices.ContainsFunc(e.Links, func(l atom.Link) bool { return l.Href == atom.Public })
		}},
		{name: "feed/mastodon-user.atom", check: func(f *atom.Feed, _ *atom.Entry) bool {
			return len(f.Entries) == 20 && atom.Href(f.Links, "next") == "https://mastodon.social/users/lambadalambda.atom?max_id=1488609" && atom.Href(f.Links, "hub") == "https://mastodon.social/api/push" && atom.Href(f.Links, "salmon") != ""
		}},
		{name: "feed/pleroma-lain.atom", by: "https://pleroma.soykaf.com/users/lain", does: "share", check: func(f *atom.Feed, _ *atom.Entry) bool {
			return f.Author.ObjectType == atom.Schema+"person" && f.Author.Note == "Test account" && atom.Href(f.Links, "hub") != "" && f.Updated.Year() == 2017
		}},
		{name: "feed/heldscal-user.atom", check: func(f *atom.Feed, _ *atom.Entry) bool {
			seen := map[string]bool{}
			for _, e := range f.Entries {
				seen[e.Does()] = true
			}
			return len(f.Entries) == 20 && seen["favorite"] && seen["post"]
		}},
		{name: "feed/quitter.no-push.atom", check: func(f *atom.Feed, _ *atom.Entry) bool { return len(f.Entries) == 18 }},
		{name: "feed/localdomain-feed.http.txt", by: "https://webdomain.com/users/foo", ref: "tag:localdomain.com,2017-04-19:objectId=12658:objectType=Status"},
		{name: "statusnet-tests/example3.xml", check: func(f *atom.Feed, e *atom.Entry) bool {
			return f.Owner().Identity() == "mailto:johndoe@example.com" && e.Summary == "Some text." && atom.Href(e.Links, "alternate") == "http://example.org/2003/12/13/atom03"
		}},
		{name: "statusnet-tests/example4.xml", by: "http://example.net/user/2", does: "post", ref: "http://example.net/notice/12", mentions: "http://example.net/user/1 ",
			check: func(_ *atom.Feed, e *atom.Entry) bool {
				return e.Actor.Name == "spock" && e.Conversation.Key() == "http://example.net/conversation/11"
			}},
		{name: "statusnet-tests/example5.xml", by: "http://example.net/mysite/user/3", check: func(f *atom.Feed, e *atom.Entry) bool {
			s := f.Subject
			return s.Location == "San Francisco, CA" && s.URLs[0] == atom.Contact{Type: "homepage", Value: "http://example.com/blog.html", Primary: true} && s.Avatar() != nil && s.Point != nil && e.Point.Latitude == 37.831316
		}},
		{name: "statusnet-tests/example8.xml", by: "http://cliqset.com/user/zcopley", does: "post", check: func(f *atom.Feed, e *atom.Entry) bool {
			return e.Object.Kind() == "image" && len(e.MoreObjects) == 4 && f.Owner().Identity() == "http://cliqset.com/user/zcopley"
		}},
		{name: "statusnet-tests/example10.xml", check: func(f *atom.Feed, e *atom.Entry) bool {
			return f.Group.MemberCount == 2 && e.By(f).Identity() == "http://lazarus.local/mublog/user/557" && len(e.Mentions()) == 1
		}},
		{name: "statusnet-tests/example11.xml", does: "post", kind: "bookmark", check: func(f *atom.Feed, e *atom.Entry) bool {
			return atom.Href(e.Links, "related") == "http://blog.teambox.com/open-source-companies" && len(e.Categories) == 2 && f.Author.Point != nil && atom.Href(f.Links, "next") != ""
		}},
		{name: "statusnet-tests/userfeed1.atom", check: func(f *atom.Feed, e *atom.Entry) bool {
			return f.Subject.Name == "zach" && f.Subject.Note == "Zach Hack Attack" && e.ID == "http://localhost/statusnet/notice/3" && e.By(f) == f.Subject
		}},
		{name: "feed/atarifrosch.atom", by: "https://social.stopwatchingus-heidelberg.de/user/18330", does: "share", object: "tag:social.hoergen.org,2017-08-24:noticeId=222320:objectType=note",
			check: func(f *atom.Feed, e *atom.Entry) bool {
				return f.Author.Name == "atarifrosch" && e.Object.Author.Identity() == "https://social.hoergen.org/user/2"
			}},
		{name: "feed/shitposter-5381.atom", by: "https://shitposter.club/user/5381", does: "favorite", object: "https://mstdn.io/users/mayuutann/statuses/99574950785668071",
			check: func(f *atom.Feed, _ *atom.Entry) bool {
				return f.Author.Name == "shpuld" && len(f.Entries) == 19 && atom.Href(f.Links, "hub") == "https://shitposter.club/main/push/hub" &&
					atom.Href(f.Links, "salmon") == "https://shitposter.club/main/salmon/user/5381"
			}},
		{name: "feed/mastodon-full.atom", by: "http://kickass.zone/users/localhost", does: "follow", check: func(f *atom.Feed, e *atom.Entry) bool {
			return e.Object.Profile.Identity() == "https://mastodon.social/users/kat" && f.Author.Name == "localhost" && len(f.Entries) == 12 && atom.Href(f.Links, "hub") == "https://pubsubhubbub.superfeedr.com" &&
				atom.Href(f.Links, "salmon") == "http://kickass.zone/api/salmon/1"
		}},
	} {
		d, err := atom.Decode(document(t, filepath.Join(folder, "ostatus", tt.name)), atom.DecodeOptions{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		e := d.Entries()[0]
		var by, object, ref string
		if p := e.By(d.Feed); p != nil {
			by = p.Identity()
		}
		if e.Object != nil {
			object = e.Object.ID
		}
		if e.InReplyTo != nil {
			ref = e.InReplyTo.Ref
		}
		for _, c := range []struct{ what, got, want string }{{"by", by, tt.by}, {"does", e.Does(), tt.does}, {"kind", e.Kind(), tt.kind}, {"id", e.ID, tt.id}, {"object", object, tt.object}, {"parent", ref, tt.ref}} {
			if c.want != "" && c.got != c.want {
				t.Errorf("%s: %s is %q, want %q", tt.name, c.what, c.got, c.want)
			}
		}
		var mentions []string
		for _, m := range e.Mentions() {
			mentions = append(mentions, m.URI+" "+m.Kind)
		}
		if got := strings.Join(mentions, ", "); tt.mentions != "" && got != tt.mentions {
			t.Errorf("%s: it mentions %q, want %q", tt.name, got, tt.mentions)
		}
		if tt.check != nil && !tt.check(d.Feed, e) {
			t.Errorf("%s: %+v in %+v", tt.name, e, d.Feed)
		}
		looked = append(looked, tt.name)
	}
	for _, pattern := range []string{"feed/*", "entry/*", "statusnet-tests/*", "live-gs2/*.atom", "live-gs2/*.payload.xml"} {
		files, err := filepath.Glob(filepath.Join(folder, "ostatus", pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("there is nothing like %s: %v", pattern, err)
		}
		for _, file := range files {
			if name, _ := filepath.Rel(filepath.Join(folder, "ostatus"), file); !slices.Contains(looked, name) {
				t.Errorf("nothing is said of %s", name)
			}
		}
	}
}

// elsewhere are the documents that other tests look at: a recorded answer in
// ostatus/xrd, and one for ids that stay.
var elsewhere = []string{"feed/quitter.no-gargron.http.txt", "statusnet-tests/example6.xml"}
