package bridge_test

import (
	"context"
	"slices"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// feeds is a network on which nobody is asked, and that keeps something up for those
// who follow somebody.
type feeds struct {
	*network
	superseded []int64
}

func (f *feeds) Superseded(_ context.Context, _ *models.Tx, actor int64) error {
	f.superseded = append(f.superseded, actor)
	return nil
}

// Whoever is found on a better network keeps their row and their followers; those here
// ask to follow there, and what the lesser network keeps up ends with the answer.
func TestUpgrade(t *testing.T) {
	onEach(t, func(t *testing.T, address string) {
		better, lesser := newNetwork("activitypub"), &feeds{network: newNetwork("ostatus")}
		better.confirms = true
		w := newWorld(t, address, bridge.Options{Networks: []bridge.Network{better, lesser}})
		w.start()
		ann := w.person("ann")
		for nick, verb := range map[string]string{"bob": vocab.VerbAccept, "carol": vocab.VerbReject} {
			w.upgrades(ann, nick, verb, better, lesser)
		}
	})
}

func (w *world) upgrades(ann *models.Actor, nick, answer string, better *network, lesser *feeds) {
	w.t.Helper()
	ctx := w.t.Context()
	id, uri, iri := "acct:"+nick+"@far.example", "https://far.example/user/"+nick, "https://far.example/users/"+nick
	introduce := func(network, iri string) *models.Actor {
		a, err := w.Introduce(ctx, &bridge.Account{Profile: profile(id, nick, network), Network: network, IRI: iri, Inbox: iri + "/inbox", Aliases: []string{iri}}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		return a
	}
	bob := introduce("ostatus", uri)
	follow := w.do(ann, &vocab.Activity{Verb: vocab.VerbFollow, Object: bob.Doc.Ref()})
	w.brought("ostatus", bob, &vocab.Activity{ID: uri + "/follow", Verb: vocab.VerbFollow, Actor: bob.Doc.Ref(), Object: ann.Doc.Ref()})
	inForce := func(from, to *models.Actor) bool {
		e, err := w.DB().Edge(ctx, models.Follows, from.ID, to.ID)
		return err == nil && e.State == models.InForce
	}
	pending := func() int {
		list, err := w.DB().Handovers(ctx, bob.ID, models.Handover{}, 10)
		if err != nil {
			w.t.Fatal(err)
		}
		return len(list)
	}
	same(w.t, "follows", inForce(ann, bob) && inForce(bob, ann), true)
	same(w.t, "row", introduce("activitypub", iri).ID, bob.ID)
	same(w.t, "follows after the upgrade", inForce(ann, bob) && inForce(bob, ann), true)
	same(w.t, "handed over", pending(), 1)
	// Neither network makes less of it when it finds them again.
	introduce("ostatus", uri)
	introduce("activitypub", iri)
	same(w.t, "profile", w.actor(bob.ID).Doc.Summary, "activitypub")
	for d := range better.delivered {
		// Else it is what was told to a follower of ann.
		if d.Activity.ID == follow.ID && slices.Equal(d.Inboxes, []string{iri + "/inbox"}) {
			break
		}
	}
	same(w.t, "superseded before the answer", len(lesser.superseded), 0)
	w.brought("activitypub", bob, &vocab.Activity{ID: iri + "/answer", Verb: answer, Actor: bob.Doc.Ref(), Object: &vocab.Object{ID: follow.Doc.ID, Type: vocab.TypeActivity}})
	same(w.t, "superseded after it", slices.Equal(lesser.superseded, []int64{bob.ID}), true)
	same(w.t, "in force after it", inForce(ann, bob), answer == vocab.VerbAccept)
	same(w.t, "handed over after it", pending(), 0)
	same(w.t, "follow of ann", inForce(bob, ann), true)
	lesser.superseded = nil
}
