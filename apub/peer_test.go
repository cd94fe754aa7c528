package apub_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"manifold/apub/httpsig"
	"manifold/apub/proof"
)

// rsaKeys are shared by all tests: to make one takes longer than most of them.
var rsaKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	var keys []*rsa.PrivateKey
	for range 3 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
})

var edKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

type object = map[string]any

// peer is another server, on loopback. What it serves may be changed at any time.
type peer struct {
	t    *testing.T
	base string // http://127.0.0.1:port
	host string

	mu        sync.Mutex
	documents map[string]object // by path
	fingers   map[string]object // by resource
	statuses  map[string]int    // answered instead of what a path has
	asked     []string          // paths, in order
	// judge, if set, looks at requests before they are answered; what it returns is
	// the status, 0 for the usual answer.
	judge func(r *http.Request, body []byte) int
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, documents: map[string]object{}, fingers: map[string]object{}, statuses: map[string]int{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.base = server.URL
	p.host = strings.TrimPrefix(server.URL, "http://")
	return p
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	path := r.URL.RequestURI()
	p.asked = append(p.asked, path)
	judge, status := p.judge, p.statuses[path]
	doc, contentType := p.documents[path], "application/activity+json"
	if r.URL.Path == "/.well-known/webfinger" {
		doc, contentType = p.fingers[r.URL.Query().Get("resource")], "application/jrd+json"
	}
	doc = maps.Clone(doc)
	p.mu.Unlock()
	if judge != nil {
		if s := judge(r, body); s != 0 {
			status = s
		}
	}
	switch {
	case status != 0:
		w.WriteHeader(status)
	case doc == nil:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", contentType)
		_ = json.NewEncoder(w).Encode(doc)
	}
}

// serves puts a document at the path of its id, or at another one.
func (p *peer) serves(doc object, path ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _ := doc["id"].(string)
	at = strings.TrimPrefix(at, p.base)
	if len(path) > 0 {
		at = path[0]
	}
	p.documents[at] = doc
}

func (p *peer) answers(path string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.statuses[path] = status
}

func (p *peer) judges(f func(r *http.Request, body []byte) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = f
}

// requests counts those for a path so far.
func (p *peer) requests(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, asked := range p.asked {
		if asked == path {
			n++
		}
	}
	return n
}

// someone is a person at a peer.
type someone struct {
	*peer
	nick, id string
	key      *httpsig.Key
	private  crypto.Signer
}

// person makes somebody known to the peer, with an actor document, keys and
// WebFinger.
func (p *peer) person(nick string, private crypto.Signer) *someone {
	p.t.Helper()
	s := &someone{peer: p, nick: nick, id: p.base + "/users/" + nick}
	s.hasKey(private)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fingers["acct:"+nick+"@"+p.host] = object{"subject": "acct:" + nick + "@" + p.host, "aliases": []string{s.id, p.base + "/@" + nick},
		"links": []object{{"rel": "self", "type": "application/activity+json", "href": s.id}}}
	return s
}

// hasKey gives somebody a key, which the actor document shows from now on.
func (s *someone) hasKey(private crypto.Signer) {
	s.t.Helper()
	s.key, s.private = newKey(s.t, s.id+"#main-key", private), private
	s.serves(s.document(pemOf(s.t, private.Public())))
}

func pemOf(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	pem, err := httpsig.EncodePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

func newKey(t *testing.T, id string, private crypto.Signer) *httpsig.Key {
	t.Helper()
	k, err := httpsig.NewKey(id, private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (s *someone) document(pem string) object {
	return object{
		"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"}, "id": s.id, "type": "Person", "preferredUsername": s.nick,
		"name": strings.ToUpper(s.nick), "inbox": s.id + "/inbox", "outbox": s.id + "/outbox", "followers": s.id + "/followers", "url": s.base + "/@" + s.nick,
		"endpoints": object{"sharedInbox": s.base + "/inbox"},
		"publicKey": object{"id": s.id + "#main-key", "owner": s.id, "publicKeyPem": pem},
		"assertionMethod": []object{{"id": s.id + "#ed25519-key", "type": "Multikey", "controller": s.id,
			"publicKeyMultibase": proof.EncodeMultikey(edKey.Public().(ed25519.PublicKey))}},
	}
}

// does is an activity of somebody.
func (s *someone) does(what string, object_ any, more ...object) object {
	a := object{"@context": "https://www.w3.org/ns/activitystreams", "id": fmt.Sprintf("%s/%ss/%d", s.id, strings.ToLower(what), activities.Add(1)), "type": what,
		"actor": s.id, "object": object_}
	for _, m := range more {
		maps.Copy(a, m)
	}
	return a
}

// note is a note of somebody.
func (s *someone) note(content string, more ...object) object {
	n := object{"id": fmt.Sprintf("%s/notes/%d", s.id, activities.Add(1)), "type": "Note", "attributedTo": s.id, "content": content,
		"to": []string{"https://www.w3.org/ns/activitystreams#Public"}, "cc": []string{s.id + "/followers"}}
	for _, m := range more {
		maps.Copy(n, m)
	}
	return n
}

// delivers makes the request that brings a document to an inbox of ours.
func (s *someone) delivers(doc any, path string, spec httpsig.Spec) *http.Request {
	s.t.Helper()
	body, ok := doc.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(doc); err != nil {
			s.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(http.MethodPost, ours+path, bytes.NewReader(body))
	r.RequestURI = path
	r.Header.Set("Content-Type", "application/activity+json")
	if err := s.key.Sign(r, spec, httpsig.NewDigest(body)); err != nil {
		s.t.Fatal(err)
	}
	return r
}
