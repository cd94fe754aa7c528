package apub_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"manifold/apub"
	"manifold/apub/httpsig"
	"manifold/bridge"
)

// specOf is the way that a request is signed in.
func specOf(r *http.Request) httpsig.Spec {
	if r.Header.Get("Signature-Input") != "" {
		return httpsig.RFC9421
	}
	return httpsig.Cavage
}

// understands makes a peer answer requests that are not signed in one of some ways
// with a status.
func (p *peer) understands(status int, specs ...httpsig.Spec) {
	p.judges(func(r *http.Request, _ []byte) int {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			return 0
		}
		for _, spec := range specs {
			if r.Header.Get("Signature") != "" && specOf(r) == spec {
				return 0
			}
		}
		return status
	})
}

// Which way a host understands is found out once, and again when it changes.
func TestDoubleKnocking(t *testing.T) {
	worlds(t, apub.Options{}, func(w *world) {
		c := newCast(w.t)
		path := "/users/bob"
		for _, tt := range []struct {
			name   string
			specs  []httpsig.Spec
			status int
			asked  int // how often until the actor is had
			found  bool
		}{
			{"the draft", []httpsig.Spec{httpsig.Cavage}, 401, 1, true},
			{"only RFC 9421", []httpsig.Spec{httpsig.RFC9421}, 401, 2, true},
			{"only RFC 9421, once more", []httpsig.Spec{httpsig.RFC9421}, 401, 1, true},
			{"only the draft again", []httpsig.Spec{httpsig.Cavage}, 400, 2, true},
			{"only the draft, once more", []httpsig.Spec{httpsig.Cavage}, 400, 1, true},
			{"none", nil, 401, 2, false},
			{"both again", []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421}, 401, 1, true},
		} {
			c.bob.understands(tt.status, tt.specs...)
			before := c.bob.requests(path)
			_, err := w.Discover(w.t.Context(), c.bob.id)
			if found := err == nil; found != tt.found {
				w.t.Errorf("%s: error %v", tt.name, err)
			}
			if asked := c.bob.requests(path) - before; asked != tt.asked {
				w.t.Errorf("%s: asked %d times, want %d", tt.name, asked, tt.asked)
			}
		}
	})
}

// A host that signs in the new way is sent that, in another process too.
func TestSignsAsTheHostDoes(t *testing.T) {
	t.Parallel()
	database := sqliteDatabase(t)
	w := newWorld(t, database, apub.Options{})
	c := newCast(t)
	if answer := w.serve(c.bob.delivers(c.like(), "/inbox", httpsig.RFC9421)); answer.Code != http.StatusAccepted {
		t.Fatalf("status %d %s", answer.Code, answer.Body)
	}
	c.bob.understands(http.StatusTeapot, httpsig.RFC9421)
	for _, w := range []*world{w, newWorld(t, database, apub.Options{})} {
		if _, err := w.Discover(t.Context(), c.bob.id); err != nil {
			t.Error(err)
		}
	}
}

// What we sign is good for whoever fetches our key.
func TestRequestsOfOursVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	server, err := w.bridge.ServerActor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pem, multikey, err := w.PublicKeys(t.Context(), server)
	if err != nil || !strings.HasPrefix(multikey, "z6Mk") {
		t.Fatalf("keys %s, %s, error %v", pem, multikey, err)
	}
	key, err := httpsig.ParsePublicKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	verifier := &httpsig.Verifier{Origin: parseURL(t, c.bob.base)}
	verified := make(chan error, 10)
	c.bob.judges(func(r *http.Request, body []byte) int {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			return 0
		}
		s, err := verifier.Parse(r, body)
		if err == nil && s.KeyID != ours+"/actor#main-key" {
			err = errors.New("signed with " + s.KeyID)
		}
		if err == nil {
			err = s.Verify(key)
		}
		verified <- err
		return 0
	})
	if _, err := w.Discover(t.Context(), c.bob.id); err != nil {
		t.Fatal(err)
	}
	if err := <-verified; err != nil {
		t.Error(err)
	}
}

// What may come back, and what is made of it.
func TestFetchRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	html := newPeer(t)
	html.judges(func(*http.Request, []byte) int { return 0 })
	note := c.bob.note("hello")
	c.bob.serves(note)
	lying := c.mallory.note("hello")
	lying["attributedTo"] = c.bob.id
	c.mallory.serves(lying)
	moved := c.mallory.note("hello")
	c.mallory.serves(object{"id": note["id"], "type": "Note", "attributedTo": c.bob.id, "content": "forged"}, "/copy")
	c.mallory.serves(moved, "/elsewhere")
	c.bob.answers("/gone", http.StatusGone)
	c.bob.answers("/hidden", http.StatusForbidden)
	c.bob.answers("/down", http.StatusBadGateway)
	c.bob.answers("/busy", http.StatusTooManyRequests)
	c.bob.serves(object{"id": c.bob.base + "/tomb", "type": "Tombstone"})
	c.bob.serves(object{"type": "Note", "attributedTo": c.bob.id, "content": "nameless"}, "/nameless")
	for _, tt := range []struct {
		name, iri string
		lasting   bool
	}{
		{"gone", c.bob.base + "/gone", true},
		{"never there", c.bob.base + "/never", true},
		{"hidden", c.bob.base + "/hidden", true},
		{"tombstone", c.bob.base + "/tomb", true},
		{"no id", c.bob.base + "/nameless", true},
		{"an actor", c.bob.id, true},
		{"by somebody of another server", lying["id"].(string), true},
		{"an id that is served by nobody", c.mallory.base + "/elsewhere", true},
		{"of ours", ours + "/api/note/x", true},
		{"no address", "tag:them,2026:x", true},
		{"down", c.bob.base + "/down", false},
		{"busy", c.bob.base + "/busy", false},
		{"nobody listens", "http://127.0.0.1:1/x", false},
	} {
		found, err := w.Fetch(t.Context(), tt.iri)
		if err == nil {
			t.Errorf("%s: found %+v", tt.name, found.Activity)
			continue
		}
		if lasting := errors.Is(err, bridge.ErrNoThing); lasting != tt.lasting {
			t.Errorf("%s: error %v, lasting %v, want %v", tt.name, err, lasting, tt.lasting)
		}
	}
	// A copy elsewhere leads to the original.
	found, err := w.Fetch(t.Context(), c.mallory.base+"/copy")
	if err != nil || found.Activity.Object.Content != "hello" || found.Author.IRI != c.bob.id {
		t.Errorf("by way of a copy: %+v, error %v", found, err)
	}
	found, err = w.Fetch(t.Context(), note["id"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if found.Activity.ID != note["id"] || found.Activity.Verb != "post" || found.Author.Profile.ID != "acct:bob@"+c.bob.host || found.ContentType != "application/activity+json" ||
		!strings.Contains(string(found.Original), "hello") {
		t.Errorf("found %+v by %+v as %s", found.Activity, found.Author, found.ContentType)
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	bob := "acct:bob@" + c.bob.host
	// A page leads to the actor, whose document is at its id.
	c.bob.serves(c.bob.document(pemOf(t, c.bob.private.Public())), "/@bob")
	// A page that is HTML is known to WebFinger.
	c.bob.fingers[c.bob.base+"/~bob"] = c.bob.fingers[bob]
	// A handle of the organisation, whose server is another.
	front := newPeer(t)
	front.fingers["acct:bob@"+front.host] = object{"subject": "acct:bob@" + c.bob.host, "links": []object{}}
	// An account that names an actor that does not name the account.
	c.mallory.fingers["acct:fake@"+c.mallory.host] = object{"subject": "acct:fake@" + c.mallory.host, "links": []object{
		{"rel": "self", "type": "application/activity+json", "href": c.bob.id}}}
	// Somebody whom WebFinger does not know.
	unknown := c.mallory.person("carol", rsaKeys()[0])
	delete(c.mallory.fingers, "acct:carol@"+c.mallory.host)
	for _, tt := range []struct{ name, id, iri string }{
		{"acct:bob@" + c.bob.host, bob, c.bob.id},
		{"bob@" + c.bob.host, bob, c.bob.id},
		{"@bob@" + c.bob.host, bob, c.bob.id},
		{c.bob.id, bob, c.bob.id},
		{c.bob.base + "/@bob", bob, c.bob.id},
		{c.bob.base + "/~bob", bob, c.bob.id},
		{"bob@" + front.host, bob, c.bob.id},
		{"fake@" + c.mallory.host, bob, c.bob.id},
		{unknown.id, unknown.id, unknown.id},
		{"nobody@" + c.bob.host, "", ""},
		{c.bob.base + "/nobody", "", ""},
		{"ann@us.example", "", ""},
		{ours + "/users/ann", "", ""},
	} {
		account, err := w.Discover(t.Context(), tt.name)
		if tt.id == "" {
			if !errors.Is(err, bridge.ErrUnknownAccount) {
				t.Errorf("%s: %+v, error %v, want it unknown", tt.name, account, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if account.Profile.ID != tt.id || account.IRI != tt.iri || account.Network != apub.Network || account.Inbox != tt.iri+"/inbox" || !strings.HasSuffix(account.SharedInbox, "/inbox") {
			t.Errorf("%s: %+v of %+v", tt.name, account, account.Profile)
		}
	}
	// A host that cannot be asked says nothing about whom it has.
	c.bob.answers("/users/bob", http.StatusBadGateway)
	if _, err := w.Discover(t.Context(), bob); err == nil || errors.Is(err, bridge.ErrUnknownAccount) {
		t.Errorf("a host that is down: %v", err)
	}
}

// Requests that are not answered end.
func TestPeersThatHang(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteDatabase(t), apub.Options{})
	c := newCast(t)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	c.bob.judges(func(*http.Request, []byte) int { <-hang; return 0 })
	began := time.Now()
	if _, err := w.Discover(t.Context(), c.bob.id); err == nil {
		t.Error("found somebody who does not answer")
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
