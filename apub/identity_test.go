package apub_test

import (
	"testing"

	"manifold/apub"
	"manifold/models"
	"manifold/models/vocab"
)

// The keys of a new account are made by a job; whoever needs them before makes them,
// and every process has the same.
func TestKeysOfOurActors(t *testing.T) {
	t.Parallel()
	database := postgresTemplate.Copy(t, func(address string) { migrate(t, address) })
	w, other := newWorld(t, database, apub.Options{}), newWorld(t, database, apub.Options{})
	ann, ben := w.person("ann"), w.person("ben")
	type keys struct{ pem, multikey string }
	made := make(chan keys, 2)
	for _, w := range []*world{w, other} {
		go func() {
			pem, multikey, err := w.PublicKeys(t.Context(), ann)
			if err != nil {
				t.Error(err)
			}
			made <- keys{pem, multikey}
		}()
	}
	if first, second := <-made, <-made; first != second || first.pem == "" {
		t.Errorf("two processes have the keys %v and %v", first, second)
	}
	w.start()
	until(t, "the keys of ben are there", func() bool {
		_, err := other.db.ActorKeys(t.Context(), ben.ID)
		return err == nil
	})
	before, err := other.db.ActorKeys(t.Context(), ben.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Prepare(t.Context(), &models.Actor{ID: ben.ID, Type: vocab.TypePerson, Doc: ben.Doc}); err != nil {
		t.Fatal(err)
	}
	if after, err := other.db.ActorKeys(t.Context(), ben.ID); err != nil || string(after.RSA) != string(before.RSA) {
		t.Errorf("prepared for twice, the keys are others; error %v", err)
	}
}
