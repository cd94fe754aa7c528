package apub_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/apub/proof"
	"manifold/models"
)

var activities atomic.Int64

// refusals are deliveries that are not taken, each with what is wrong about it.
var refusals = []struct {
	name   string
	make   func(c *cast) *http.Request
	status int
}{
	{"tampered body", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		return withBody(r, c.bob.does("Block", ours+"/users/ann"))
	}, 401},
	{"tampered body, RFC 9421", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.RFC9421)
		return withBody(r, c.bob.does("Block", ours+"/users/ann"))
	}, 401},
	{"wrong digest", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		r.Header.Set("Digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
		return r
	}, 401},
	{"stale date", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		r.Header.Set("Date", time.Now().Add(-2*time.Hour).UTC().Format(http.TimeFormat))
		return r
	}, 401},
	{"missing signature", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		r.Header.Del("Signature")
		return r
	}, 401},
	{"signature that is none", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		r.Header.Set("Signature", `keyId="`+c.bob.id+`#main-key",headers="(request-target) host date digest",signature="bm9uZQ=="`)
		return r
	}, 401},
	{"key of another actor of the server", func(c *cast) *http.Request { return c.eve.delivers(c.like(), "/inbox", httpsig.Cavage) }, 401},
	{"key of an actor of another server", func(c *cast) *http.Request { return c.mallory.delivers(c.like(), "/inbox", httpsig.Cavage) }, 401},
	{"key that does not exist", func(c *cast) *http.Request {
		ghost := &someone{peer: c.bob.peer, nick: "ghost", id: c.bob.base + "/users/ghost"}
		ghost.key = newKey(c.bob.t, ghost.id+"#main-key", edKey)
		return ghost.delivers(ghost.does("Like", ours+"/x"), "/inbox", httpsig.Cavage)
	}, 401},
	{"key that its owner does not name", func(c *cast) *http.Request {
		other := *c.bob
		other.key = newKey(c.bob.t, c.bob.id+"#other-key", c.bob.private)
		return other.delivers(c.like(), "/inbox", httpsig.Cavage)
	}, 401},
	{"key of another server that claims our friend", func(c *cast) *http.Request {
		c.mallory.serves(object{"id": c.mallory.base + "/key", "type": "Key", "owner": c.bob.id, "publicKeyPem": pemOf(c.bob.t, c.mallory.private.Public())})
		other := *c.mallory
		other.key = newKey(c.bob.t, c.mallory.base+"/key", c.mallory.private)
		return other.delivers(c.like(), "/inbox", httpsig.Cavage)
	}, 401},
	{"another path", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		r.RequestURI, r.URL.Path = "/users/ann/inbox", "/users/ann/inbox"
		return r
	}, 401},
	{"another host", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		r.Host = "other.example"
		return r
	}, 401},
	{"id of another server", func(c *cast) *http.Request {
		return c.bob.delivers(c.bob.does("Like", ours+"/x", object{"id": c.mallory.base + "/likes/1"}), "/inbox", httpsig.Cavage)
	}, 400},
	{"id of ours", func(c *cast) *http.Request {
		return c.bob.delivers(c.bob.does("Like", ours+"/x", object{"id": ours + "/api/activity/x"}), "/inbox", httpsig.Cavage)
	}, 400},
	{"actor of ours", func(c *cast) *http.Request {
		return c.bob.delivers(c.bob.does("Like", ours+"/x", object{"actor": ours + "/users/ann"}), "/inbox", httpsig.Cavage)
	}, 400},
	{"no id", func(c *cast) *http.Request {
		return c.bob.delivers(c.bob.does("Like", ours+"/x", object{"id": nil}), "/inbox", httpsig.Cavage)
	}, 400},
	{"no actor", func(c *cast) *http.Request { return c.bob.delivers(c.bob.note("hello"), "/inbox", httpsig.Cavage) }, 400},
	{"not JSON", func(c *cast) *http.Request { return c.bob.delivers([]byte("hello"), "/inbox", httpsig.Cavage) }, 400},
	{"a member twice", func(c *cast) *http.Request {
		return c.bob.delivers([]byte(`{"id":"`+c.bob.id+`/1","actor":"`+c.bob.id+`","actor":"`+c.eve.id+`"}`), "/inbox", httpsig.Cavage)
	}, 400},
	{"too deep", func(c *cast) *http.Request {
		return c.bob.delivers([]byte(strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100)), "/inbox", httpsig.Cavage)
	}, 400},
	{"too large", func(c *cast) *http.Request {
		return c.bob.delivers([]byte(`{"a":"`+strings.Repeat("x", 1<<20)+`"}`), "/inbox", httpsig.Cavage)
	}, 413},
	{"too large, of unknown length", func(c *cast) *http.Request {
		r := c.bob.delivers([]byte(`{"a":"`+strings.Repeat("x", 1<<20)+`"}`), "/inbox", httpsig.Cavage)
		r.ContentLength = -1
		return r
	}, 413},
	{"content type", func(c *cast) *http.Request {
		r := c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)
		r.Header.Set("Content-Type", "application/json")
		return r
	}, 415},
	{"nobody's inbox", func(c *cast) *http.Request { return c.bob.delivers(c.like(), "/users/nobody/inbox", httpsig.Cavage) }, 404},
	{"inbox of a group that is none", func(c *cast) *http.Request { return c.bob.delivers(c.like(), "/api/group/none/inbox", httpsig.Cavage) }, 404},
	{"blocked host", func(c *cast) *http.Request {
		spam := &someone{peer: c.bob.peer, nick: "spam", id: "http://spam.example/users/spam"}
		spam.key = newKey(c.bob.t, spam.id+"#main-key", edKey)
		return spam.delivers(spam.does("Like", ours+"/x"), "/inbox", httpsig.Cavage)
	}, 403},
	{"key of a blocked host", func(c *cast) *http.Request {
		other := *c.bob
		other.key = newKey(c.bob.t, "http://spam.example/users/spam#main-key", edKey)
		return other.delivers(c.like(), "/inbox", httpsig.Cavage)
	}, 403},
}

// cast are those who send something.
type cast struct{ bob, eve, mallory *someone }

func (c *cast) like() object { return c.bob.does("Like", ours+"/api/note/x") }

func newCast(t *testing.T) *cast {
	keys := rsaKeys()
	them := newPeer(t)
	return &cast{bob: them.person("bob", keys[0]), eve: them.person("eve", keys[1]), mallory: newPeer(t).person("mallory", keys[2])}
}

// withBody gives a signed request another body.
func withBody(r *http.Request, doc object) *http.Request {
	body, _ := json.Marshal(doc)
	other := r.Clone(r.Context())
	other.Body, other.ContentLength = http.NoBody, int64(len(body))
	other.Body = readCloser{bytes.NewReader(body)}
	return other
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// Each refusal has its status, tells why, and leaves nothing behind.
func TestRefusedDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	w.person("ann")
	// Ports do not matter for what the admins decide: here all hosts are one.
	if err := w.bridge.SetHostPolicies(t.Context(), models.HostPolicy{Domain: "spam.example", Severity: models.SeverityBlock}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range refusals {
		answer := w.serve(tt.make(c))
		if answer.Code != tt.status {
			t.Errorf("%s: status %d (%s), want %d", tt.name, answer.Code, answer.Body, tt.status)
		}
		var said struct{ Error string }
		if err := json.Unmarshal(answer.Body.Bytes(), &said); err != nil || said.Error == "" {
			t.Errorf("%s: says %s", tt.name, answer.Body)
		}
		if offers := httpsig.Offers9421(answer.Header()); offers != (tt.status == 401) {
			t.Errorf("%s: offers RFC 9421 %v", tt.name, offers)
		}
		if n := w.arrivals(); n != 0 {
			t.Fatalf("%s: %d documents are kept", tt.name, n)
		}
	}
	// With the same people, what is right is taken.
	if answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)); answer.Code != http.StatusAccepted {
		t.Errorf("a good delivery: status %d %s", answer.Code, answer.Body)
	}
}

func TestDeliveriesAreKept(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		ann := w.person("ann")
		deliveries := []struct {
			path string
			spec httpsig.Spec
			to   int64
		}{
			{"/inbox", httpsig.Cavage, 0}, {"/inbox", httpsig.RFC9421, 0}, {"/users/ann/inbox", httpsig.Cavage, ann.ID}, {"/users/ANN/inbox", httpsig.RFC9421, ann.ID},
		}
		for i, d := range deliveries {
			like := c.like()
			r := c.bob.delivers(like, d.path, d.spec)
			again := r.Clone(w.t.Context())
			text, _ := json.Marshal(like)
			again.Body = readCloser{bytes.NewReader(text)}
			if answer := w.serve(r); answer.Code != http.StatusAccepted {
				w.t.Fatalf("%s, %s: status %d %s", d.path, d.spec, answer.Code, answer.Body)
			}
			if answer := w.serve(again); answer.Code != http.StatusAccepted {
				w.t.Errorf("%s, %s, replayed: status %d %s", d.path, d.spec, answer.Code, answer.Body)
			}
			if n := w.arrivals(); n != int64(i+1) {
				w.t.Fatalf("%s, %s: %d documents are kept, want %d", d.path, d.spec, n, i+1)
			}
		}
		rows, err := w.db.NewArrivals(w.t.Context(), 0, 10)
		if err != nil || len(rows) != len(deliveries) {
			w.t.Fatalf("kept %d, error %v", len(rows), err)
		}
		bob := w.actor("acct:bob@" + c.bob.host)
		if bob == nil || bob.Doc.DisplayName != "BOB" {
			w.t.Fatalf("bob is known as %+v", bob)
		}
		for i, row := range rows {
			if row.SenderID != bob.ID || row.RecipientID != deliveries[i].to || row.Network != apub.Network || row.Verified != "http-signature" || !bytes.Contains(row.Bytes, []byte("Like")) {
				w.t.Errorf("kept %+v", row)
			}
		}
		// The actor was asked for once, and WebFinger to confirm the account.
		if n := c.bob.requests("/users/bob"); n != 1 {
			w.t.Errorf("the actor was asked for %d times", n)
		}
	})
}

// An exact replay outside of the window is refused, known or not.
func TestReplayOutsideTheWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	like := c.like()
	text, _ := json.Marshal(like)
	for _, spec := range []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421} {
		r := c.bob.delivers(like, "/inbox", spec)
		for _, tt := range []struct {
			later time.Duration
			want  int
		}{{0, 202}, {59 * time.Minute, 202}, {2 * time.Minute, 401}} {
			w.wait(tt.later)
			again := r.Clone(t.Context())
			again.Body = readCloser{bytes.NewReader(text)}
			if answer := w.serve(again); answer.Code != tt.want {
				t.Errorf("%s, %s later: status %d %s, want %d", spec, tt.later, answer.Code, answer.Body, tt.want)
			}
		}
		w.ahead.Store(0)
	}
	if n := w.arrivals(); n != 1 {
		t.Errorf("%d documents are kept, want 1", n)
	}
}

// Most of what arrives anywhere: strangers delete themselves. Nobody is asked.
func TestStrangersWhoAreGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	gone := c.bob.delivers(c.bob.does("Delete", c.bob.id), "/inbox", httpsig.Cavage)
	c.bob.answers("/users/bob", http.StatusGone)
	if answer := w.serve(gone); answer.Code != http.StatusAccepted {
		t.Errorf("status %d %s", answer.Code, answer.Body)
	}
	if n := c.bob.requests("/users/bob"); n != 0 || w.arrivals() != 0 {
		t.Errorf("the actor was asked for %d times, %d documents are kept", n, w.arrivals())
	}
	// One who is known here may have a key that we have.
	if answer := w.serve(c.eve.delivers(c.eve.does("Like", ours+"/x"), "/inbox", httpsig.Cavage)); answer.Code != http.StatusAccepted {
		t.Fatalf("status %d %s", answer.Code, answer.Body)
	}
	c.eve.answers("/users/eve", http.StatusGone)
	if answer := w.serve(c.eve.delivers(c.eve.does("Delete", c.eve.id), "/inbox", httpsig.Cavage)); answer.Code != http.StatusAccepted || w.arrivals() != 2 {
		t.Errorf("the deletion of somebody known: status %d %s, %d documents are kept", answer.Code, answer.Body, w.arrivals())
	}
}

// A key that has changed is fetched once more, though not at every attempt.
func TestChangedKeys(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		send := func(what string, want int) {
			w.t.Helper()
			if answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)); answer.Code != want {
				w.t.Errorf("%s: status %d %s, want %d", what, answer.Code, answer.Body, want)
			}
		}
		send("the first key", 202)
		c.bob.hasKey(rsaKeys()[1])
		send("another key, at once", 401)
		if n := c.bob.requests("/users/bob"); n != 1 {
			w.t.Errorf("the actor was asked for %d times, want once in five minutes", n)
		}
		w.wait(6 * time.Minute)
		send("another key, later", 202)
		send("the same key", 202)
		if n := c.bob.requests("/users/bob"); n != 2 {
			w.t.Errorf("the actor was asked for %d times, want twice", n)
		}
		c.bob.key = newKey(w.t, c.bob.id+"#main-key", rsaKeys()[0])
		send("the first key again", 401)
		keys, err := w.db.KeysOf(w.t.Context(), w.actor(c.bob.id).ID)
		if err != nil || len(keys) != 2 || keys[1].Changed.IsZero() || !keys[0].Changed.IsZero() {
			w.t.Errorf("keys %+v, error %v", keys, err)
		}
	})
}

// GoToSocial has keys at addresses of their own, where strangers see no more than
// the key.
func TestKeysWithAnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	id := c.bob.id + "/main-key"
	for i, served := range []object{
		{"id": c.bob.id, "type": "Person", "preferredUsername": "bob", "publicKey": object{"id": id, "owner": c.bob.id, "publicKeyPem": pemOf(t, c.bob.private.Public())}},
		{"id": id, "type": "Key", "owner": c.bob.id, "publicKeyPem": pemOf(t, c.bob.private.Public())},
	} {
		doc := c.bob.document(pemOf(t, c.bob.private.Public()))
		doc["publicKey"].(object)["id"] = id
		c.bob.serves(doc)
		c.bob.serves(served, "/users/bob/main-key")
		c.bob.key = newKey(t, id, c.bob.private)
		if answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)); answer.Code != http.StatusAccepted {
			t.Errorf("%d: status %d %s", i, answer.Code, answer.Body)
		}
		w = newWorld(t, sqliteDatabase(t), apub.Options{})
	}
}

// Whoever is suspended here is not heard, within half a minute; whoever is deleted
// neither, without being told.
func TestSendersOutOfUse(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		for _, tt := range []struct {
			state models.State
			want  int
			kept  int64
		}{{models.Active, 202, 1}, {models.Suspended, 403, 1}, {models.Deleted, 202, 1}} {
			if bob := w.actor(c.bob.id); bob != nil {
				bob.State = tt.state
				if err := w.db.Write(w.t.Context(), func(tx *models.Tx) error { return tx.UpdateActor(w.t.Context(), bob) }); err != nil {
					w.t.Fatal(err)
				}
			}
			w.wait(time.Minute)
			if answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)); answer.Code != tt.want || w.arrivals() != tt.kept {
				w.t.Errorf("state %d: status %d %s, %d documents are kept", tt.state, answer.Code, answer.Body, w.arrivals())
			}
		}
	})
}

// When the server of a sender is down, the sender is told to come back.
func TestKeysThatCannotBeHadNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	c.bob.answers("/users/bob", http.StatusBadGateway)
	for range 2 {
		answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.Cavage))
		if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
			t.Errorf("status %d %s", answer.Code, answer.Body)
		}
	}
	if n := c.bob.requests("/users/bob"); n != 1 {
		t.Errorf("asked %d times within a minute", n)
	}
	c.bob.answers("/users/bob", 0)
	w.wait(2 * time.Minute)
	if answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.Cavage)); answer.Code != http.StatusAccepted {
		t.Errorf("later: status %d %s", answer.Code, answer.Body)
	}
}

// What somebody else passes on is believed for its proof, or when the server of its
// actor says the same.
func TestForwardedActivities(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		served, gone := c.bob.does("Create", c.bob.note("hello")), c.bob.note("gone")
		c.bob.serves(served)
		c.bob.answers(strings.TrimPrefix(gone["id"].(string), c.bob.base), http.StatusGone)
		there := c.bob.note("still there")
		c.bob.serves(there)
		changed := maps.Clone(served)
		changed["object"] = c.bob.note("changed on the way")
		sealed := func(a object) []byte {
			text, err := json.Marshal(a)
			if err != nil {
				w.t.Fatal(err)
			}
			if text, err = proof.Make(text, edKey, c.bob.id+"#ed25519-key", time.Now()); err != nil {
				w.t.Fatal(err)
			}
			return text
		}
		seal := sealed(c.bob.does("Create", c.bob.note("sealed")))
		for _, tt := range []struct {
			name     string
			doc      any
			want     int
			verified string
		}{
			{"with a proof", seal, 202, "integrity-proof"},
			{"with a proof of something else", bytes.Replace(sealed(c.bob.does("Create", c.bob.note("sealed"))), []byte("sealed"), []byte("broken"), 1), 401, ""},
			{"known to its server", changed, 202, "fetched"},
			{"unknown to its server", c.bob.does("Create", c.bob.note("made up")), 401, ""},
			{"deletion of what is gone", c.bob.does("Delete", gone["id"], object{"id": gone["id"].(string) + "#delete"}), 202, "fetched"},
			{"deletion of what is there", c.bob.does("Delete", there["id"], object{"id": there["id"].(string) + "#delete"}), 401, ""},
			{"deletion of what is of others", c.bob.does("Delete", c.mallory.id), 401, ""},
		} {
			before := w.arrivals()
			answer := w.serve(c.mallory.delivers(tt.doc, "/inbox", httpsig.Cavage))
			if answer.Code != tt.want {
				w.t.Errorf("%s: status %d %s, want %d", tt.name, answer.Code, answer.Body, tt.want)
			}
			rows, err := w.db.NewArrivals(w.t.Context(), 0, 100)
			if err != nil {
				w.t.Fatal(err)
			}
			if tt.verified == "" {
				if int64(len(rows)) != before {
					w.t.Errorf("%s: it is kept", tt.name)
				}
				continue
			}
			if int64(len(rows)) != before+1 {
				w.t.Errorf("%s: it is not kept", tt.name)
				continue
			}
			row := rows[len(rows)-1]
			if bob := w.actor(c.bob.id); row.Verified != tt.verified || row.SenderID != bob.ID || bytes.Contains(row.Bytes, []byte("changed on the way")) {
				w.t.Errorf("%s: kept %s, verified by %s, of %d", tt.name, row.Bytes, row.Verified, row.SenderID)
			}
		}
		c.bob.answers("/users/bob", http.StatusBadGateway)
		later := c.bob.does("Create", c.bob.note("later"))
		c.bob.answers(strings.TrimPrefix(later["id"].(string), c.bob.base), http.StatusBadGateway)
		if answer := w.serve(c.mallory.delivers(later, "/inbox", httpsig.Cavage)); answer.Code != http.StatusServiceUnavailable {
			w.t.Errorf("when its server is down: status %d %s", answer.Code, answer.Body)
		}
	})
}
