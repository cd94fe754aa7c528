package models_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"manifold/models"
)

func TestRemoteClient(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		if _, err := db.RemoteClient(t.Context(), "h"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
		for _, c := range []models.RemoteClient{{Host: "h", ClientID: "c", Secret: "s", Created: at}, {Host: "h", ClientID: "d", Secret: "t", Created: at.Add(time.Hour)}} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.SetRemoteClient(ctx, &c) })
			if got := *must[*models.RemoteClient](t)(db.RemoteClient(t.Context(), "h")); got != c {
				t.Errorf("stored %+v, want %+v", got, c)
			}
		}
		if _, err := db.RemoteClient(t.Context(), "h:8080"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("another port: error %v, want ErrNotFound", err)
		}
	})
}

// Whoever leaves comes back once.
func TestRemoteRequest(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		made := models.RemoteRequest{Host: "h", Token: "t", Secret: "s", Browser: []byte{0, 255}, ReturnTo: "/x", Created: at}
		write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.InsertRemoteRequest(ctx, &made) })
		if got := *must[*models.RemoteRequest](t)(db.RemoteRequest(t.Context(), "h", "t")); !reflect.DeepEqual(got, made) {
			t.Errorf("stored %+v, want %+v", got, made)
		}
		if _, err := db.RemoteRequest(t.Context(), "g", "t"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("of another host: error %v, want ErrNotFound", err)
		}
		for _, want := range []error{nil, models.ErrNotFound} {
			err := db.Write(t.Context(), func(tx *models.Tx) error { return tx.RemoveRemoteRequest(t.Context(), "h", "t") })
			if !errors.Is(err, want) {
				t.Errorf("ending it: error %v, want %v", err, want)
			}
		}
		if _, err := db.RemoteRequest(t.Context(), "h", "t"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("after its end: error %v, want ErrNotFound", err)
		}
	})
}

func TestRemoteToken(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		for _, made := range []models.RemoteToken{{ActorID: 7, Host: "h", ClientID: "c", Token: "t", Secret: "s", Updated: at},
			{ActorID: 7, Host: "g", ClientID: "d", Token: "u", Secret: "r", Updated: at.Add(time.Hour)}} {
			write(t, db, func(ctx context.Context, tx *models.Tx) error { return tx.SetRemoteToken(ctx, &made) })
			if got := *must[*models.RemoteToken](t)(db.RemoteToken(t.Context(), 7)); got != made {
				t.Errorf("stored %+v, want %+v", got, made)
			}
		}
		if _, err := db.RemoteToken(t.Context(), 8); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
	})
}
