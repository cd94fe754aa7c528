package models_test

import (
	"context"
	"errors"
	"testing"

	"manifold/models"
	"manifold/models/vocab"
)

// Names come from peers and from the paths of requests. What no database can
// hold is a name that nobody has, and is refused where it would be stored; the
// transaction goes on.
func TestTextThatCannotBeKept(t *testing.T) {
	stores(t, func(t *testing.T, db *models.DB) {
		ctx := t.Context()
		ann := person(t, db, "ann", "")
		client(t, db, "c")
		for _, text := range []string{"a\x00b", "\x00", "a\xff"} {
			_, account := db.AccountByNickname(ctx, text)
			_, kind := db.LookupKind(ctx, models.KindActor, text)
			_, actor := db.ActorByIRI(ctx, text)
			_, client := db.Client(ctx, text)
			_, credentials := db.Credentials(ctx, text, text)
			_, request := db.RequestToken(ctx, text)
			_, upload := db.Upload(ctx, text)
			_, original := db.OriginalOf(ctx, ann, text)
			for what, err := range map[string]error{"account": account, "name": kind, "actor": actor, "client": client,
				"credentials": credentials, "request token": request, "upload": upload, "original": original} {
				if !errors.Is(err, models.ErrNotFound) {
					t.Errorf("%s %q: error %v, want ErrNotFound", what, text, err)
				}
			}
			if found := must[map[string][]models.Ref](t)(db.Lookup(ctx, text, "acct:ann@", text+"x")); len(found) != 1 {
				t.Errorf("beside %q was found %v, want ann alone", text, found)
			}
			if lists := must[[]*models.Object](t)(db.Lists(ctx, ann, text, models.Viewer{}, models.Page{Count: 1})); len(lists) != 0 {
				t.Errorf("lists of %q: %v", text, lists)
			}
			if c, err := db.Credentials(ctx, "c", text); err != nil || c.TokenKnown {
				t.Errorf("credentials with the token %q: %+v, error %v", text, c, err)
			}
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				for what, err := range map[string]error{
					"name":     tx.Identify(ctx, models.Identifier{Kind: models.KindObject, IRI: text, Ref: 1}),
					"nickname": tx.CreateActor(ctx, &models.Actor{Nickname: text, Doc: &vocab.Object{}}),
					"account":  tx.CreateAccount(ctx, &models.Account{ActorID: 1, Nickname: text}),
					"type":     tx.UpdateObject(ctx, &models.Object{ID: 1, Type: text, Doc: &vocab.Object{}}),
					"inbox":    tx.SetPresence(ctx, models.Presence{ActorID: ann, Network: "pump", Inbox: text}),
				} {
					if !errors.Is(err, models.ErrText) {
						t.Errorf("storing the %s %q: error %v, want ErrText", what, text, err)
					}
				}
				// In a document everything can be kept.
				_, err := tx.LookupKind(ctx, models.KindActor, text)
				return firstError(ignore(err, models.ErrNotFound),
					tx.CreateObject(ctx, &models.Object{Type: vocab.TypeNote, Doc: &vocab.Object{Content: text}}))
			})
		}
		if n := number(t, db, "SELECT COUNT(*) FROM identifiers"); n != 1 {
			t.Errorf("%d names are stored, want ann's", n)
		}
	})
}
