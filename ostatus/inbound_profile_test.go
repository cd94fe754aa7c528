package ostatus_test

import (
	"testing"

	"manifold/models"
	"manifold/models/vocab"
	"manifold/ostatus/atom"
)

func TestInboundProfile(t *testing.T) {
	onInbound(t, func(in *inbound) {
		callback, secret := in.follows(in.bob, vocab.VerbFollow)
		renamed := *in.bob.document.Author
		renamed.DisplayName, renamed.Note = "Robert", "new words"
		e := in.said(ostatusBase+"update-profile", "tag:far,2026:update:1")
		e.Author = &renamed
		e.Object = &atom.Entry{ID: in.bob.uri, Title: "Robert", ObjectType: atom.Schema + "person", Links: renamed.Links, Profile: &renamed}
		in.slaps(in.bob, in.ann, e)
		bob := in.meet(in.bob)
		if got := bob.Doc; got.DisplayName != "Robert" || got.Summary != "new words" || got.ID != in.bob.acct || got.Image == nil {
			t.Errorf("told by salmon: %+v", got)
		}
		// By the author of the feed, which all followers get.
		in.bob.document.Author.DisplayName = "Bobby"
		in.pushes(in.bob, callback, secret, in.note("something"))
		if got := in.meet(in.bob).Doc.DisplayName; got != "Bobby" {
			t.Errorf("told by the feed: %q", got)
		}
		// Nobody changes the profile of another.
		eve := in.bob.peer.person("eve")
		e = in.said(ostatusBase+"update-profile", "tag:far,2026:update:2")
		e.Object = &atom.Entry{ID: in.bob.uri, ObjectType: atom.Schema + "person", Profile: &atom.Person{Name: "evil", DisplayName: "evil"}}
		in.slaps(eve, in.ann, e)
		if got := in.meet(in.bob).Doc.DisplayName; got != "Bobby" {
			t.Errorf("eve has made bob %q", got)
		}
	})
}

// To be listed is told, and changes nothing; so are words that nobody knows.
func TestInboundListsAndUnknownWords(t *testing.T) {
	onInbound(t, func(in *inbound) {
		for _, verb := range []string{atom.Schema + "tag", ostatusBase + "untag", atom.Schema + "tickle", "http://far.example/verbs/poke"} {
			e := in.about(verb, "tag:far,2026:"+verb[len(verb)-4:], in.uri(in.ann), "person")
			e.Target = &atom.Entry{ID: in.bob.base + "/lists/hikers", ObjectType: atom.Schema + "list", Title: "hikers"}
			in.slaps(in.bob, in.ann, e)
		}
		for _, verb := range []string{"tag", "untag", "tickle", "http://far.example/verbs/poke"} {
			in.inbox(in.ann, verb+" "+in.ann.Doc.ID, 1)
		}
		if in.edge(models.Follows, in.bob, in.ann.ID) {
			t.Error("whoever lists ann follows her")
		}
	})
}
