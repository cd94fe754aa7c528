package models_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"manifold/models"
	"manifold/models/vocab"
)

// Of those who make the keys of an actor at the same time, all get the same.
func TestActorKeysAreMadeOnce(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		if _, err := db.ActorKeys(t.Context(), 7); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("before they are made: %v", err)
		}
		var mu sync.Mutex
		var got []*models.ActorKeys
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				err := db.Write(t.Context(), func(tx *models.Tx) error {
					k, err := tx.EnsureActorKeys(t.Context(), &models.ActorKeys{ActorID: 7, RSA: []byte{byte(i), 0}, Ed25519: []byte{255, byte(i)}, Created: at})
					mu.Lock()
					defer mu.Unlock()
					got = append(got, k)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		want := must[*models.ActorKeys](t)(db.ActorKeys(t.Context(), 7))
		for _, k := range got {
			if !bytes.Equal(k.RSA, want.RSA) || !bytes.Equal(k.Ed25519, want.Ed25519) {
				t.Errorf("somebody got %v, stored is %v", k, want)
			}
		}
		if !want.Created.Equal(at) || len(want.RSA) != 2 {
			t.Errorf("stored %+v", want)
		}
	})
}

func TestRemoteKeys(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		bob := &models.Actor{Type: "person", Nickname: "bob", Host: "them", Created: at, Updated: at, Doc: &vocab.Object{ID: "acct:bob@them", Type: "person"}}
		write(t, db, func(ctx context.Context, tx *models.Tx) error {
			if err := tx.CreateActor(ctx, bob, "acct:bob@them"); err != nil {
				return err
			}
			return tx.SetPresence(ctx, models.Presence{ActorID: bob.ID, Network: "activitypub", IRI: "https://them/bob"})
		})
		set := func(now time.Time, keys ...models.RemoteKey) (changed []string) {
			write(t, db, func(ctx context.Context, tx *models.Tx) (err error) {
				changed, err = tx.SetKeys(ctx, bob.ID, now, keys...)
				return err
			})
			slices.Sort(changed)
			return changed
		}
		main, proof := models.RemoteKey{IRI: "https://them/bob#main", SPKI: []byte{1, 0}}, models.RemoteKey{IRI: "https://them/bob#ed", SPKI: []byte{2}}
		if changed := set(at, main, proof); len(changed) != 0 {
			t.Errorf("new keys: changed %v", changed)
		}
		if changed := set(at.Add(time.Hour), main, proof); len(changed) != 0 {
			t.Errorf("the same keys: changed %v", changed)
		}
		h := must[*models.KeyHolder](t)(db.KeyHolder(ctx, "activitypub", main.IRI))
		if h.ActorID != bob.ID || h.ActorIRI != "https://them/bob" || h.State != models.Active || !bytes.Equal(h.SPKI, main.SPKI) ||
			!h.Fetched.Equal(at.Add(time.Hour)) || !h.Changed.IsZero() {
			t.Errorf("the key is %+v", h)
		}
		main.SPKI = []byte{3}
		if changed := set(at.Add(2*time.Hour), main); fmt.Sprint(changed) != "[https://them/bob#ed https://them/bob#main]" {
			t.Errorf("one key changed and one gone: changed %v", changed)
		}
		h = must[*models.KeyHolder](t)(db.KeyHolder(ctx, "activitypub", main.IRI))
		if !h.Changed.Equal(at.Add(2*time.Hour)) || !bytes.Equal(h.SPKI, main.SPKI) {
			t.Errorf("the changed key is %+v", h)
		}
		if keys := must[[]models.RemoteKey](t)(db.KeysOf(ctx, bob.ID)); len(keys) != 1 {
			t.Errorf("kept %v", keys)
		}
		for _, missing := range [][2]string{{"activitypub", proof.IRI}, {"pump", main.IRI}} {
			if h, err := db.KeyHolder(ctx, missing[0], missing[1]); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%v: %+v, error %v", missing, h, err)
			}
		}
		bob.State = models.Suspended
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.UpdateActor(ctx, bob) })
		if h = must[*models.KeyHolder](t)(db.KeyHolder(ctx, "activitypub", main.IRI)); h.State != models.Suspended {
			t.Errorf("after the suspension of its owner: %+v", h)
		}
	})
}

func TestSignatureSpecs(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		if specs := must[map[string]string](t)(db.SignatureSpecs(t.Context(), "them:8080", "\x00")); len(specs) != 0 {
			t.Errorf("of strangers: %v", specs)
		}
		for _, spec := range []string{"rfc9421", "draft-cavage"} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.SetSignatureSpec(ctx, "them:8080", spec, at) })
			if got := must[map[string]string](t)(db.SignatureSpecs(t.Context(), "them", "them:8080", "us")); len(got) != 1 || got["them:8080"] != spec {
				t.Errorf("noted %q, got %v", spec, got)
			}
		}
	})
}
