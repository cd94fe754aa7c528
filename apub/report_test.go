package apub_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"manifold/apub"
	"manifold/models"
	"manifold/models/vocab"
)

// TestReportsAreForwarded: the server of somebody who is reported is told of it by the
// admin's choice alone, in the name of this server, and does not learn who made it.
func TestReportsAreForwarded(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		p := newPeer(w.t)
		bob := p.person("bob", rsaKeys()[0])
		ann := w.person("ann")
		var mu sync.Mutex
		var told []object
		p.judges(func(r *http.Request, body []byte) int {
			if r.Method != http.MethodPost {
				return 0
			}
			var doc object
			if err := json.Unmarshal(body, &doc); err != nil {
				w.t.Error(err)
			}
			if doc["type"] == "Flag" {
				if signature := r.Header.Get("Signature"); !strings.Contains(signature, `keyId="`+ours+`/actor#main-key"`) {
					w.t.Errorf("a report is signed by %s", signature)
				}
				mu.Lock()
				told = append(told, doc)
				mu.Unlock()
			}
			return 202
		})
		w.start()
		note := bob.note("rude", object{"to": []string{ours + "/users/ann"}})
		w.sends(bob, bob.does("Create", note, object{"to": []string{ours + "/users/ann"}}))
		w.does(ann, vocab.VerbFlag, &vocab.Object{ID: note["id"].(string), Type: vocab.TypeNote})
		reports, err := w.db.OpenReports(w.t.Context(), models.Page{Count: 2})
		if err != nil || len(reports) != 1 {
			w.t.Fatalf("the reports are %v, error %v", reports, err)
		}
		people, err := w.bridge.ForwardReport(w.t.Context(), reports[0].ID)
		if err != nil || len(people) != 1 || people[0].ID != w.actor(bob.id).ID {
			w.t.Fatalf("told of it are %v, error %v", people, err)
		}
		until(w.t, "the report is told", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) > 0 })
		mu.Lock()
		defer mu.Unlock()
		if about, ok := told[0]["object"].([]any); !ok || len(about) != 2 || about[0] != bob.id || about[1] != note["id"] || told[0]["actor"] != ours+"/actor" {
			w.t.Errorf("the report is %v", told[0])
		}
		if raw, err := json.Marshal(told[0]); err != nil || strings.Contains(string(raw), "users/ann") || strings.Contains(string(raw), "user/ann") {
			w.t.Errorf("the report names who made it: %s", raw)
		}
		// It is one report still, and in nobody's outbox.
		if reports, err = w.db.OpenReports(w.t.Context(), models.Page{Count: 2}); err != nil || len(reports) != 1 {
			w.t.Errorf("afterwards the reports are %v, error %v", reports, err)
		}
		if a := w.serve(unsigned(ours + "/actor/outbox?page=true")); strings.Contains(a.Body.String(), "Flag") {
			w.t.Errorf("the outbox of the server has %s", a.Body)
		}
	})
}
