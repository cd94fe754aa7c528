package bridge_test

import (
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// A post that comes by two networks under an id of each is one, shown once, in either
// order, and is found by both ids; so is what answers it.
func TestPostsByTwoNetworksAreOne(t *testing.T) {
	worldsWith(t, bridge.Options{Networks: []bridge.Network{newNetwork("activitypub"), newNetwork("ostatus")}}, func(w *world) {
		ann, bob, eve := w.person("ann"), w.remote("bob@far.example"), w.remote("eve@evil.example")
		w.follow(bob, ann)
		const tag, iri = "tag:far.example,2026-11-01:noticeId=", "https://far.example/notice/"
		said := func(id, twin, words string) *vocab.Activity {
			return &vocab.Activity{ID: id + "#post", Verb: vocab.VerbPost, To: one(everybody()), Actor: bob.Doc.Ref(),
				Object: &vocab.Object{ID: id, Type: vocab.TypeNote, Content: words, UpstreamDuplicates: []string{twin}}}
		}
		for n, order := range [][2]string{{"activitypub", "ostatus"}, {"ostatus", "activitypub"}} {
			number := string(rune('1' + n))
			by := map[string]*vocab.Activity{"activitypub": said(iri+number, tag+number, "hello"), "ostatus": said(tag+number, iri+number, "hello")}
			first := w.brought(order[0], bob, by[order[0]])
			second := w.brought(order[1], bob, by[order[1]])
			same(w.t, "activity", second.ID, first.ID)
			same(w.t, "in the inbox of ann", len(w.inbox(ann, models.Major)), n+1)
			same(w.t, "object by the other id", w.object(tag+number).ID, w.object(iri+number).ID)
			answer := w.brought("ostatus", eve, &vocab.Activity{ID: "tag:evil.example,2026:" + number, Verb: vocab.VerbPost, To: one(everybody()),
				Object: &vocab.Object{ID: "tag:evil.example,2026:" + number, Type: vocab.TypeComment, Content: "yes", InReplyTo: one(&vocab.Object{ID: tag + number})}})
			same(w.t, "parent", w.object(answer.Doc.Object.ID).ParentID, w.object(iri+number).ID)
		}
		// Nobody gets a name that another server gives: neither of what is there, nor of
		// what is only mentioned yet.
		const theirs, unseen = iri + "1", iri + "9"
		w.brought("activitypub", w.remote("third@third.example"), &vocab.Activity{ID: "https://third.example/9", Verb: vocab.VerbPost, To: one(everybody()),
			Object: &vocab.Object{ID: "https://third.example/n/9", Type: vocab.TypeComment, InReplyTo: one(&vocab.Object{ID: unseen})}})
		for _, stolen := range []string{theirs, unseen} {
			forged := w.brought("activitypub", eve, &vocab.Activity{ID: "https://evil.example/" + stolen[len(stolen)-1:], Verb: vocab.VerbPost, To: one(everybody()),
				Object: &vocab.Object{ID: "https://evil.example/n/" + stolen[len(stolen)-1:], Type: vocab.TypeNote, UpstreamDuplicates: []string{stolen}}})
			if w.object(stolen).ID == w.object(forged.Doc.Object.ID).ID || w.object(stolen).AuthorID == eve.ID {
				w.t.Errorf("eve has got the name %s", stolen)
			}
		}
	})
}
