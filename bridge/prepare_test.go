package bridge_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// preparing is a network that notes for whom it is to prepare.
type preparing struct {
	bridge.Network
	mu       sync.Mutex
	prepared []string
}

func (*preparing) Name() string   { return "preparing" }
func (*preparing) Confirms() bool { return false }

func (p *preparing) Prepare(_ context.Context, actor *models.Actor) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prepared = append(p.prepared, actor.Type)
	return nil
}

// Networks prepare for new people and groups of ours.
func TestNetworksPrepareForNewActors(t *testing.T) {
	worldsWith(t, bridge.Options{}, func(w *world) {
		n := &preparing{}
		w.Connect(n)
		account, err := w.Register(w.t.Context(), bridge.Registration{Nickname: "ann", Password: "correct-horse-9"})
		if err != nil {
			w.t.Fatal(err)
		}
		_, err = w.Post(w.t.Context(), bridge.Submission{ActorID: account.ActorID, Activity: &vocab.Activity{Verb: vocab.VerbCreate,
			Object: &vocab.Object{Type: vocab.TypeGroup, DisplayName: "Gardeners"}}})
		if err != nil {
			w.t.Fatal(err)
		}
		w.start()
		until(w.t, "both are prepared for", func() bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return len(n.prepared) == 2 && slices.Contains(n.prepared, vocab.TypePerson) && slices.Contains(n.prepared, vocab.TypeGroup)
		})
	})
}
