// Package fediverse is a crowd of servers that speak ActivityPub, for tests and
// measurements: any number of hosts on addresses of loopback, on each of which
// everybody exists whom somebody asks for. They do only what they are told to. What
// is delivered to them is counted, or handed to whoever wants to misbehave.
//
// A person is NICK on a host: /users/NICK is the actor, WebFinger knows
// acct:NICK@HOST, and all have the same key, since to make keys takes longer than
// what is measured with them. Signatures are those of draft-cavage-http-signatures,
// written from the draft and sharing nothing with the server under test.
package fediverse

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ContentType is that of activities.
const ContentType = "application/activity+json"

// maxBody bounds what a host reads of a delivery.
const maxBody = 1 << 20

// Fediverse is the crowd.
type Fediverse struct {
	// Shared says that actors name a shared inbox, which is /inbox of their host.
	Shared bool
	// Received, if set, is called with every delivery instead of counting it, and
	// answers it. It is called by many goroutines.
	Received func(w http.ResponseWriter, r *http.Request, body []byte)
	// Answered, if set, is asked before anything else is answered, and returns whether
	// it has answered.
	Answered func(w http.ResponseWriter, r *http.Request) bool

	key *rsa.PrivateKey
	pem string

	mu        sync.Mutex
	hosts     []*Host
	documents map[string]any
	inboxes   map[string][]string
	total     int
	changed   chan struct{}
}

// New makes a crowd without hosts.
func New() (*Fediverse, error) {
	f := &Fediverse{documents: map[string]any{}, inboxes: map[string][]string{}, changed: make(chan struct{})}
	return f, f.ChangeKey()
}

// ChangeKey gives everybody another key.
func (f *Fediverse) ChangeKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key, f.pem = key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return nil
}

// Host is one server.
type Host struct {
	// Name is its address with the port, and what it is called.
	Name   string
	crowd  *Fediverse
	server *http.Server
}

// Listen adds a host on an address of loopback, like "127.0.3.7:0".
func (f *Fediverse) Listen(address string) (*Host, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("a host of the crowd: %w", err)
	}
	h := &Host{Name: l.Addr().String(), crowd: f}
	h.server = &http.Server{Handler: http.HandlerFunc(h.serve), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	f.mu.Lock()
	f.hosts = append(f.hosts, h)
	f.mu.Unlock()
	go func() { _ = h.server.Serve(l) }()
	return h, nil
}

// At is a host for whose name somebody else listens: the requests are handed to
// [Host.ServeHTTP].
func (f *Fediverse) At(name string) *Host { return &Host{Name: name, crowd: f} }

// ServeHTTP answers a request to the host.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve(w, r) }

// Close ends a host: from now on it refuses connections.
func (h *Host) Close() error { return h.server.Close() }

// Close ends all hosts.
func (f *Fediverse) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, h := range f.hosts {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}

// Publish has a document be served at its id.
func (f *Fediverse) Publish(id string, document any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.documents[id] = document
}

// Inbox are the ids of what was delivered to an inbox, in the order in which it came,
// as often as it came.
func (f *Fediverse) Inbox(address string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.inboxes[address]...)
}

// Total is how many deliveries were taken, and a channel that is closed at the next.
func (f *Fediverse) Total() (int, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total, f.changed
}

// Take counts a delivery to an inbox.
func (f *Fediverse) Take(inbox string, body []byte) error {
	var a struct{ ID string }
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inboxes[inbox] = append(f.inboxes[inbox], a.ID)
	f.total++
	close(f.changed)
	f.changed = make(chan struct{})
	return nil
}

func (h *Host) serve(w http.ResponseWriter, r *http.Request) {
	f := h.crowd
	if f.Answered != nil && f.Answered(w, r) {
		return
	}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if f.Received != nil {
			f.Received(w, r, body)
			return
		}
		if err := f.Take("http://"+r.Host+r.URL.Path, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if document, contentType := f.document(r); document != nil {
		b, err := json.Marshal(document)
		if err == nil {
			w.Header().Set("Content-Type", contentType)
			_, err = w.Write(b)
		}
		if err == nil {
			return
		}
	}
	http.NotFound(w, r)
}

// document is what is at an address, nil for nothing.
func (f *Fediverse) document(r *http.Request) (document any, contentType string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d, ok := f.documents["http://"+r.Host+r.URL.Path]; ok {
		return d, ContentType
	}
	if r.URL.Path == "/.well-known/webfinger" {
		nick, host, ok := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("resource"), "acct:"), "@")
		if !ok || host != r.Host {
			return nil, ""
		}
		return map[string]any{"subject": "acct:" + nick + "@" + host, "links": []any{
			map[string]string{"rel": "self", "type": ContentType, "href": "http://" + host + "/users/" + nick}}}, "application/jrd+json"
	}
	nick, ok := strings.CutPrefix(r.URL.Path, "/users/")
	if !ok {
		return nil, ""
	}
	id := "http://" + r.Host + "/users/" + nick
	if nick, rest, below := strings.Cut(nick, "/"); below {
		if rest != "outbox" && rest != "followers" && rest != "following" {
			return nil, ""
		}
		return map[string]any{"@context": "https://www.w3.org/ns/activitystreams", "id": "http://" + r.Host + "/users/" + nick + "/" + rest,
			"type": "OrderedCollection", "totalItems": 0, "orderedItems": []any{}}, ContentType
	}
	return f.actor(id, r.Host, nick), ContentType
}

func (f *Fediverse) actor(id, host, nick string) map[string]any {
	actor := map[string]any{
		"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"},
		"id":       id, "type": "Person", "preferredUsername": nick, "name": nick + " of the crowd", "url": id,
		"inbox": id + "/inbox", "outbox": id + "/outbox", "followers": id + "/followers", "following": id + "/following",
		"publicKey": map[string]string{"id": id + "#main-key", "owner": id, "publicKeyPem": f.pem},
	}
	if f.Shared {
		actor["endpoints"] = map[string]string{"sharedInbox": "http://" + host + "/inbox"}
	}
	return actor
}

// Person is somebody on a host.
type Person struct {
	Nick, ID, Inbox, Acct string
	host                  *Host
}

// Person returns somebody on a host: all exist.
func (h *Host) Person(nick string) *Person {
	id := "http://" + h.Name + "/users/" + nick
	return &Person{Nick: nick, ID: id, Inbox: id + "/inbox", Acct: "acct:" + nick + "@" + h.Name, host: h}
}

// Headers signs a POST: it returns the headers that it needs, without those of
// HTTP itself. date is when it is said to be made.
func (p *Person) Headers(inbox string, body []byte, date time.Time) (http.Header, error) {
	u, err := url.Parse(inbox)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	digest, when := "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]), date.UTC().Format(http.TimeFormat)
	signed := sha256.Sum256([]byte("(request-target): post " + u.RequestURI() + "\nhost: " + u.Host + "\ndate: " + when + "\ndigest: " + digest))
	p.host.crowd.mu.Lock()
	key := p.host.crowd.key
	p.host.crowd.mu.Unlock()
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, signed[:])
	if err != nil {
		return nil, err
	}
	return http.Header{
		"Date": {when}, "Digest": {digest}, "Content-Type": {ContentType},
		"Signature": {fmt.Sprintf(`keyId="%s#main-key",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="%s"`,
			p.ID, base64.StdEncoding.EncodeToString(signature))},
	}, nil
}

// Deliver sends an activity to an inbox, and returns how it was answered. address
// is where the server of the inbox listens, "" for where its name says.
func (p *Person) Deliver(client *http.Client, address, inbox string, activity any) (status int, answer string, err error) {
	body, err := json.Marshal(activity)
	if err != nil {
		return 0, "", err
	}
	headers, err := p.Headers(inbox, body, time.Now())
	if err != nil {
		return 0, "", err
	}
	r, err := http.NewRequest(http.MethodPost, inbox, strings.NewReader(string(body)))
	if err != nil {
		return 0, "", err
	}
	r.Header = headers
	if address != "" {
		r.Host, r.URL.Host = r.URL.Host, address
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

// Follow is a follow of an actor; number makes its id.
func (p *Person) Follow(actor string, number int) map[string]any {
	return p.activity("Follow", fmt.Sprintf("follows/%d", number), map[string]any{"object": actor, "to": []string{actor}})
}

// Accept accepts a follow that came in.
func (p *Person) Accept(follow json.RawMessage, number int) map[string]any {
	return p.activity("Accept", fmt.Sprintf("accepts/%d", number), map[string]any{"object": follow})
}

// Note is the posting of a public note, which its author's followers get.
func (p *Person) Note(number int, content string) map[string]any {
	to, cc, published := []string{"https://www.w3.org/ns/activitystreams#Public"}, []string{p.ID + "/followers"}, time.Now().UTC().Format(time.RFC3339)
	return p.activity("Create", fmt.Sprintf("notes/%d/activity", number), map[string]any{"to": to, "cc": cc, "published": published,
		"object": map[string]any{"id": fmt.Sprintf("%s/notes/%d", p.ID, number), "type": "Note", "attributedTo": p.ID, "content": content, "published": published, "to": to, "cc": cc}})
}

func (p *Person) activity(kind, path string, more map[string]any) map[string]any {
	more["@context"], more["id"], more["type"], more["actor"] = "https://www.w3.org/ns/activitystreams", p.ID+"/"+path, kind, p.ID
	return more
}
