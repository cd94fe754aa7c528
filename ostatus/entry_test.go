package ostatus_test

import (
	"encoding/json"
	"slices"
	"testing"

	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

// entries are those of a feed, as our own reader finds them.
func (s *site) entries(address string) []*atom.Entry {
	s.t.Helper()
	doc, err := atom.Decode(s.ask("GET", address).Body.Bytes(), atom.DecodeOptions{})
	if err != nil || doc.Feed == nil {
		s.t.Fatalf("%s: %v", address, err)
	}
	return doc.Feed.Entries
}

// What a note says beside its text is all in the entry.
func TestEntryOfANote(t *testing.T) {
	onBoth(t, func(s *site) {
		t := s.t
		ann, bob := s.person("ann"), s.person("bob")
		raw := func(v any) json.RawMessage { b, _ := json.Marshal(v); return b }
		spoiler := note("<p>It ends well. #Books</p>")
		spoiler.Tags = []*vocab.Object{{Type: vocab.TypeHashtag, DisplayName: "#Books"}, {Type: vocab.TypeHashtag, DisplayName: "books"}, {Type: vocab.TypeMention, ID: bob.Doc.ID}}
		spoiler.Location = &vocab.Object{Type: vocab.TypePlace, DisplayName: "Lisbon", Extra: map[string]json.RawMessage{vocab.NSAS1 + "position": raw("+38.71-9.14/")}}
		spoiler.Extra = map[string]json.RawMessage{vocab.NSAS2 + "summary": raw("the end"), vocab.NSAS2 + "sensitive": raw(true)}
		posted := s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, Object: spoiler, Generator: &vocab.Object{Type: vocab.TypeApplication, DisplayName: "Pumpa"},
			To: []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}, bob.Doc.Ref()}}).Doc.Object
		answer := s.do(bob, &vocab.Activity{Verb: vocab.VerbPost, Object: &vocab.Object{Type: vocab.TypeComment, Content: "Spoiled!", InReplyTo: []*vocab.Object{posted.Ref()}}}).Doc.Object
		e := s.entries(home + "/users/ann/feed.atom")[0]
		var terms []string
		for _, c := range e.Categories {
			terms = append(terms, c.Term)
		}
		if !slices.Equal(terms, []string{"Books", "nsfw"}) || e.Summary != "the end" {
			t.Errorf("categories %q, summary %q", terms, e.Summary)
		}
		if e.Point == nil || *e.Point != (atom.Point{Latitude: 38.71, Longitude: -9.14}) || e.Place != "Lisbon" {
			t.Errorf("place %v %q", e.Point, e.Place)
		}
		if key := e.Conversation.Key(); key != posted.ID+"/context" {
			t.Errorf("the conversation is %q", key)
		}
		for _, kind := range []string{"application/activity+json", "application/json"} {
			if got := atom.Href(e.Links, atom.RelAlternate, kind); got != posted.ID {
				t.Errorf("as %s it is at %q", kind, got)
			}
		}
		for _, rel := range []string{atom.RelMentioned, "ostatus:attention"} {
			if !slices.ContainsFunc(e.Links, func(l atom.Link) bool { return l.Rel == rel && l.Href == home+"/users/bob" }) {
				t.Errorf("no link %s to bob: %+v", rel, e.Links)
			}
		}
		r := s.entries(home + "/users/bob/feed.atom")[0]
		if r.ID != answer.ID || r.InReplyTo == nil || r.InReplyTo.Ref != posted.ID || r.Conversation.Key() != e.Conversation.Key() {
			t.Errorf("the answer is %+v in %v", r.InReplyTo, r.Conversation)
		}
	})
}

// A share names the feed that the original is from.
func TestEntryOfAShareHasItsSource(t *testing.T) {
	onBoth(t, func(s *site) {
		ann, bob := s.person("ann"), s.person("bob")
		posted := s.post(ann, note("hello"))
		s.do(bob, &vocab.Activity{Verb: vocab.VerbShare, Object: posted.Ref()})
		e := s.entries(home + "/users/bob/feed.atom")[0]
		if e.Object == nil || e.Object.Source == nil || e.Object.Source.ID != home+"/users/ann/feed.atom" {
			s.t.Errorf("%+v", e.Object)
		}
	})
}

// GNU social drops what has no content: a title stands for it.
func TestEntryWithoutContent(t *testing.T) {
	onBoth(t, func(s *site) {
		ann := s.person("ann")
		public := []*vocab.Object{{ID: vocab.PublicID, Type: vocab.TypeCollection}}
		for _, tt := range []struct {
			object *vocab.Object
			want   string
		}{
			{&vocab.Object{Type: vocab.TypeFile, DisplayName: "A <map>", FileURL: "https://far.example/map.pdf?a=1&b=2", MimeType: "application/pdf"},
				`<p><a href="https://far.example/map.pdf?a=1&amp;b=2">A &lt;map&gt;</a></p>`},
			{&vocab.Object{Type: vocab.TypeAudio, DisplayName: "Birds", Stream: &vocab.Media{URL: "https://far.example/1.ogg"}}, `<p><a href="https://far.example/1.ogg">Birds</a></p>`},
			{note(""), "A note by ANN"},
		} {
			posted := s.do(ann, &vocab.Activity{Verb: vocab.VerbPost, To: public, Object: tt.object}).Doc.Object
			e := s.entries(home + "/users/ann/feed.atom")[0]
			if e.ID != posted.ID || e.Content != tt.want {
				s.t.Errorf("%s: the content is %q, want %q", tt.object.Type, e.Content, tt.want)
			}
		}
	})
}
