package ostatus_test

import (
	"strings"
	"testing"

	"manifold/bridge/wellknown"
	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
	"manifold/ostatus/salmon"
)

// linksOf are the links of a part, by relation.
func linksOf(p wellknown.Part) map[string]string {
	m := map[string]string{}
	for _, l := range p.Links {
		m[l.Rel] = l.Href
	}
	return m
}

// What a person is found by, each under the name that somebody looks for.
func TestDescribePerson(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		ann := s.person("ann")
		p, err := s.server.DescribePerson(t.Context(), ann)
		if err != nil {
			t.Fatal(err)
		}
		got := linksOf(p)
		for rel, want := range map[string]string{
			"http://schemas.google.com/g/2010#updates-from": home + "/users/ann/feed.atom", "salmon": home + "/salmon/user/ann",
			"http://salmon-protocol.org/ns/salmon-replies": home + "/salmon/user/ann", "http://salmon-protocol.org/ns/salmon-mention": home + "/salmon/user/ann",
		} {
			if got[rel] != want {
				t.Errorf("%s: %q, want %q", rel, got[rel], want)
			}
		}
		key, ok := strings.CutPrefix(got["magic-public-key"], "data:application/magic-public-key,")
		public, err := salmon.ParsePublicKey(key)
		if err != nil || !ok || public.N.BitLen() != 2048 {
			t.Fatalf("the key is %q: %v", got["magic-public-key"], err)
		}
		again, err := s.server.DescribePerson(t.Context(), ann)
		if err != nil || linksOf(again)["magic-public-key"] != got["magic-public-key"] {
			t.Errorf("the key is another one the second time: %v", err)
		}
	})
}

// A group has everything but a key: it signs nothing.
func TestDescribeGroup(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		group := s.group(s.person("ann"), "Readers")
		p, err := s.server.DescribePerson(t.Context(), group)
		if err != nil {
			t.Fatal(err)
		}
		got := linksOf(p)
		token := group.Doc.ID[strings.LastIndex(group.Doc.ID, "/")+1:]
		if got["http://schemas.google.com/g/2010#updates-from"] != group.Doc.ID+"/feed.atom" || got["salmon"] != home+"/salmon/group/"+token || got["magic-public-key"] != "" {
			t.Errorf("%v", got)
		}
	})
}

// group makes a group of ours.
func (s *site) group(owner *models.Actor, name string) *models.Actor {
	s.t.Helper()
	made := s.do(owner, &vocab.Activity{Verb: vocab.VerbCreate, Object: &vocab.Object{Type: vocab.TypeGroup, DisplayName: name}})
	group, err := s.DB().Actor(s.t.Context(), made.Object.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return group
}

// The feed of a group has what was posted to it for everybody, each entry with its
// author, and nothing else.
func TestGroupFeed(t *testing.T) {
	onBoth(t, func(s *site) {
		ann := s.person("ann")
		group := s.group(ann, "Readers")
		post := s.post(ann, note("to all of you"), group.Doc.Ref(), &vocab.Object{ID: vocab.PublicID, Type: vocab.TypeCollection})
		s.post(ann, note("for members"), group.Doc.Ref())
		s.post(ann, note("elsewhere"))
		doc, err := atom.Decode(s.ask("GET", s.server.GroupFeedURL(group)).Body.Bytes(), atom.DecodeOptions{})
		if err != nil || doc.Feed == nil {
			s.t.Fatalf("%v: %s", err, s.ask("GET", s.server.GroupFeedURL(group)).Body)
		}
		feed := doc.Feed
		if len(feed.Entries) != 1 || feed.Entries[0].ID != post.ID || feed.Entries[0].Author == nil || feed.Entries[0].Author.URI != home+"/users/ann" {
			s.t.Fatalf("%+v", feed.Entries)
		}
		if feed.Author == nil || feed.Author.URI != group.Doc.ID || feed.Author.ObjectType != atom.Schema+vocab.TypeGroup {
			s.t.Errorf("the feed is by %+v", feed.Author)
		}
		for rel, want := range map[string]string{"hub": home + "/hub", "salmon": s.server.SalmonURL(group), "self": group.Doc.ID + "/feed.atom"} {
			if got := atom.Href(feed.Links, rel); got != want {
				s.t.Errorf("%s is %q, want %q", rel, got, want)
			}
		}
		if w := s.ask("GET", home+"/api/group/nothing/feed.atom"); w.Code != 404 {
			s.t.Errorf("no such group: %d", w.Code)
		}
	})
}
