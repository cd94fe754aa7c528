package apub_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/apub/proof"
	"manifold/bridge"
	"manifold/models"
)

func parseURL(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Each inbox decides for itself; what may succeed later is returned.
func TestDeliveryByAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	ann := w.person("ann")
	p := newPeer(t)
	var inboxes, again []string
	for _, tt := range []struct {
		status int
		again  bool
	}{
		{200, false}, {201, false}, {202, false}, {204, false}, {400, false}, {401, true}, {403, false}, {404, false}, {405, false}, {408, true}, {410, false}, {413, false},
		{422, false}, {429, true}, {500, true}, {501, false}, {502, true}, {503, true}, {301, false},
	} {
		path := fmt.Sprintf("/%d/inbox", tt.status)
		p.answers(path, tt.status)
		inboxes = append(inboxes, p.base+path)
		if tt.again {
			again = append(again, p.base+path)
		}
	}
	inboxes = append(inboxes, "http://127.0.0.1:1/inbox", "gopher://them/inbox", ours+"/inbox")
	again = append(again, "http://127.0.0.1:1/inbox")
	asked := inboxes[:len(inboxes)-2] // of the others nobody was asked for anything
	d := &bridge.Delivery{Activity: &models.Activity{}, Inboxes: inboxes}
	retry, err := w.DeliverDocument(t.Context(), ann, []byte(`{}`), d)
	if err != nil || !slices.Equal(retry, again) {
		t.Errorf("to be tried again: %v\nwant %v, error %v", retry, again, err)
	}
	for _, inbox := range inboxes {
		if n := p.requests(strings.TrimPrefix(inbox, p.base)); strings.HasPrefix(inbox, p.base) && n != 1 && !strings.Contains(inbox, "/401/") {
			t.Errorf("%s was asked %d times", inbox, n)
		}
	}
	if !slices.Equal(d.Asked(), asked) {
		t.Errorf("asked were %v, want %v", d.Asked(), asked)
	}
}

// Servers that do not answer hold up nobody else.
func TestDeadHostsDelayNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	ann := w.person("ann")
	hang := make(chan struct{})
	defer close(hang)
	var mu sync.Mutex
	var lastGood time.Time
	good := newPeer(t)
	good.judges(func(*http.Request, []byte) int {
		mu.Lock()
		defer mu.Unlock()
		lastGood = time.Now()
		return http.StatusAccepted
	})
	var inboxes, dead []string
	for i := range 100 {
		if i%10 < 3 {
			p := newPeer(t)
			p.judges(func(*http.Request, []byte) int { <-hang; return 0 })
			dead = append(dead, p.base+"/inbox")
			inboxes = append(inboxes, p.base+"/inbox")
			continue
		}
		inboxes = append(inboxes, fmt.Sprintf("%s/users/%d/inbox", good.base, i))
	}
	// Keys are made before the clock starts.
	if _, _, err := w.PublicKeys(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d := &bridge.Delivery{Activity: &models.Activity{}, Inboxes: inboxes}
	retry, err := w.DeliverDocument(t.Context(), ann, []byte(`{}`), d)
	if err != nil || !slices.Equal(retry, dead) {
		t.Errorf("to be tried again: %v, error %v", retry, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if took := lastGood.Sub(began); took > 4*time.Second {
		t.Errorf("the last of those who answer was reached after %s, before the others ran out of time at 5 s", took)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("all of it took %s", took)
	}
}

// What arrives is signed with the key of its actor over its body, and sealed.
func TestDeliveriesVerify(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		t := w.t
		c := newCast(t)
		w.start()
		ann := w.person("ann")
		pem, multikey, err := w.PublicKeys(t.Context(), ann)
		if err != nil {
			t.Fatal(err)
		}
		key, err := httpsig.ParsePublicKey(pem)
		if err != nil {
			t.Fatal(err)
		}
		verifier := &httpsig.Verifier{Origin: parseURL(t, c.bob.base)}
		type delivered struct {
			doc object
			err error
		}
		got := make(chan delivered, 10)
		c.bob.judges(func(r *http.Request, body []byte) int {
			if r.Method != http.MethodPost {
				return 0
			}
			s, err := verifier.Parse(r, body)
			if err == nil {
				err = s.Verify(key)
			}
			if err == nil {
				err = checkSeal(body, multikey)
			}
			var doc object
			if err == nil {
				err = json.Unmarshal(body, &doc)
			}
			if context, _ := doc["@context"].([]any); err == nil && (len(context) < 2 || context[1] != "https://w3id.org/security/data-integrity/v1") {
				err = fmt.Errorf("the context is %v", context)
			}
			got <- delivered{doc, err}
			return http.StatusAccepted
		})
		follow := c.bob.does("Follow", ours+"/users/ann")
		if answer := w.serve(c.bob.delivers(follow, "/users/ann/inbox", httpsig.Cavage)); answer.Code != http.StatusAccepted {
			t.Fatalf("status %d %s", answer.Code, answer.Body)
		}
		select {
		case d := <-got:
			inner, _ := d.doc["object"].(object)
			if d.err != nil || d.doc["type"] != "Accept" || d.doc["actor"] != ours+"/users/ann" || inner["id"] != follow["id"] || inner["type"] != "Follow" {
				t.Errorf("answered %v, error %v", d.doc, d.err)
			}
		case <-time.After(patience):
			t.Fatal("the follow was not answered")
		}
		// The end of an account is the last that it signs.
		if err := w.bridge.DeleteAccount(t.Context(), "ann", nil); err != nil {
			t.Fatal(err)
		}
		select {
		case d := <-got:
			if d.err != nil || d.doc["type"] != "Delete" || d.doc["actor"] != ours+"/users/ann" || d.doc["object"] != ours+"/users/ann" {
				t.Errorf("told %v, error %v", d.doc, d.err)
			}
		case <-time.After(patience):
			t.Fatal("nobody was told of the end of the account")
		}
	})
}

// checkSeal verifies the proof inside of a document.
func checkSeal(document []byte, multikey string) error {
	p, err := proof.Read(document)
	if err != nil {
		return err
	}
	key, err := proof.ParseMultikey(multikey)
	if err != nil {
		return err
	}
	return p.Verify(key.(ed25519.PublicKey), time.Now())
}

// What is passed on arrives as it came, signed by whoever passes it on.
func TestWhatIsPassedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	ann := w.person("ann")
	pem, _, err := w.PublicKeys(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	key, err := httpsig.ParsePublicKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	verifier := &httpsig.Verifier{Origin: parseURL(t, c.mallory.base)}
	const original = `{"id" : "https://them.example/1","type":"Create"}`
	c.mallory.judges(func(r *http.Request, body []byte) int {
		s, err := verifier.Parse(r, body)
		if err == nil {
			err = s.Verify(key)
		}
		if err != nil || string(body) != original || r.Header.Get("Content-Type") != "application/ld+json" || s.KeyID != ours+"/users/ann#main-key" {
			t.Errorf("%s %v: error %v", body, r.Header, err)
		}
		return http.StatusAccepted
	})
	d := &bridge.Delivery{Activity: &models.Activity{ActorID: 77}, As: ann, Original: []byte(original), ContentType: "application/ld+json", Inboxes: []string{c.mallory.base + "/inbox"}}
	if retry, err := w.Deliver(t.Context(), d); err != nil || len(retry) > 0 || c.mallory.requests("/inbox") != 1 {
		t.Errorf("to be tried again: %v, error %v", retry, err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "Wed, 04 Mar 2026 05:07:07 GMT": time.Minute, "Wed, 04 Mar 2020 05:07:07 GMT": 0, "soon": 0, "99999999999999": 0,
	} {
		if got := apub.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
