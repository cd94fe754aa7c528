package bridge_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// benchmarks runs a benchmark with a server on each kind of database.
func benchmarks(b *testing.B, n *network, f func(b *testing.B, w *world)) {
	for _, d := range databases {
		b.Run(string(d.name), func(b *testing.B) {
			b.StopTimer()
			// The helpers of a world belong to tests.
			done := make(chan struct{})
			go func() {
				defer close(done)
				testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: b.Name(), F: func(t *testing.T) {
					w := newWorld(t, d.address(t), bridge.Options{Networks: []bridge.Network{n}})
					w.start()
					f(b, w)
				}}})
			}()
			<-done
		})
	}
}

// BenchmarkAdmit stores small documents for 16 senders at a time; nothing is done
// with them but to remove them.
func BenchmarkAdmit(b *testing.B) {
	n := newNetwork("pump")
	hold := make(chan struct{})
	n.process = func(context.Context, *bridge.Arrived) error { <-hold; return nil }
	benchmarks(b, n, func(b *testing.B, w *world) {
		body := make([]byte, 1500)
		begin := time.Now()
		b.StartTimer()
		parallel(b.N, func(i int) {
			if err := w.Admit(w.t.Context(), bridge.Arrived{Network: "pump", SenderID: int64(i%1000 + 1), Bytes: body}); err != nil {
				b.Error(err)
			}
		})
		b.StopTimer()
		b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "admitted/s")
	})
	close(hold)
}

// BenchmarkArrivals takes public notes of 200 people elsewhere the whole way, each
// of whom three people here follow.
func BenchmarkArrivals(b *testing.B) {
	n := newNetwork("pump")
	var bridged atomic.Pointer[world]
	var serial atomic.Int64
	done := make(chan struct{}, 1000)
	n.process = func(ctx context.Context, a *bridge.Arrived) error {
		w, i := bridged.Load(), serial.Add(1)
		defer func() { done <- struct{}{} }()
		_, err := w.Receive(ctx, bridge.Arrival{SenderID: a.SenderID, Network: a.Network, Verified: a.Verified, ContentType: a.ContentType, Original: a.Bytes,
			Within: w.Settled(a), Activity: &vocab.Activity{ID: fmt.Sprintf("https://far.example/a/%d", i), Verb: vocab.VerbPost,
				To: one(everybody()), CC: one(&vocab.Object{ID: fmt.Sprintf("https://far.example/users/u%d/followers", a.RecipientID)}),
				Object: &vocab.Object{ID: fmt.Sprintf("https://far.example/n/%d", i), Type: vocab.TypeNote, Content: "<p>" + string(a.Bytes[:200]) + "</p>"}}})
		return err
	}
	benchmarks(b, n, func(b *testing.B, w *world) {
		bridged.Store(w)
		people := w.people("ann", "bob", "cid")
		var senders []int64
		for i := range 200 {
			far := w.remote(fmt.Sprintf("u%d@far.example", i))
			w.write(func(ctx context.Context, tx *models.Tx) error {
				for _, p := range people {
					if err := tx.AddEdge(ctx, &models.Edge{Kind: models.Follows, ActorID: p.ID, TargetID: far.ID, State: models.InForce, ActorLocal: true}); err != nil {
						return err
					}
				}
				return nil
			})
			senders = append(senders, far.ID)
		}
		body := make([]byte, 1500)
		for i := range body {
			body[i] = 'x'
		}
		begin := time.Now()
		b.StartTimer()
		go parallel(b.N, func(i int) {
			if err := w.Admit(w.t.Context(), bridge.Arrived{Network: "pump", SenderID: senders[i%len(senders)], Bytes: body}); err != nil {
				b.Error(err)
			}
		})
		for range b.N {
			<-done
		}
		b.StopTimer()
		b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "done/s")
	})
}

// parallel calls f for 0 to n-1 from 16 goroutines.
func parallel(n int, f func(int)) {
	var next atomic.Int64
	together(16, func(int) error {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			f(int(i))
		}
		return nil
	})
}
