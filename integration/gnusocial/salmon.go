package gnusocial

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// typeEnvelope is the content type of a slap, compared as a string.
const typeEnvelope = "application/magic-envelope+xml"

// Words of an envelope that are signed with the data.
const (
	encoding  = "base64url"
	algorithm = "RSA-SHA256"
)

// random is text of random bytes.
func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// writeKey is a public key as a descriptor has it.
func writeKey(k *rsa.PublicKey) string {
	e := base64.URLEncoding.EncodeToString
	return "RSA." + e(k.N.Bytes()) + "." + e(big.NewInt(int64(k.E)).Bytes())
}

// readKey reads the public key of a descriptor.
func readKey(address string) (*rsa.PublicKey, error) {
	_, key, found := strings.Cut(address, "data:application/magic-public-key,")
	parts := strings.Split(key, ".")
	if !found || len(parts) < 3 || parts[0] != "RSA" {
		return nil, fmt.Errorf("%.60q is no magic key", address)
	}
	n, err := decode64(parts[1])
	if err != nil {
		return nil, err
	}
	e, err := decode64(parts[2])
	if err != nil {
		return nil, err
	}
	k := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if k.N.BitLen() < 1024 || k.E < 3 {
		return nil, fmt.Errorf("the key has %d bits", k.N.BitLen())
	}
	return k, nil
}

// decode64 decodes base64url, with or without padding.
func decode64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// baseString is what is signed of an envelope.
func baseString(data, contentType string) []byte {
	e := base64.URLEncoding.EncodeToString
	return []byte(data + "." + e([]byte(contentType)) + "." + e([]byte(encoding)) + "." + e([]byte(algorithm)))
}

// envelope signs a payload.
func envelope(key *rsa.PrivateKey, payload []byte) ([]byte, error) {
	data := base64.URLEncoding.EncodeToString(payload)
	sum := sha256.Sum256(baseString(data, typeAtom))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, err
	}
	return (&node{name: "me:env", attrs: []string{"xmlns:me", nsEnvelope}, kids: []*node{
		text("me:data", data, "type", typeAtom), text("me:encoding", encoding), text("me:alg", algorithm),
		text("me:sig", base64.URLEncoding.EncodeToString(signature)),
	}}).document(), nil
}

// opened is an envelope whose signature is still to be verified.
type opened struct {
	payload   []byte
	signed    []byte
	signature []byte
}

// open reads an envelope.
func open(document []byte) (*opened, error) {
	root, err := readXML(document)
	if err != nil {
		return nil, err
	}
	data := root.first(nsEnvelope, "data")
	switch {
	case !root.is(nsEnvelope, "env") || data == nil:
		return nil, errors.New("it is no magic envelope")
	case root.value(nsEnvelope, "encoding") != encoding || root.value(nsEnvelope, "alg") != algorithm:
		return nil, errors.New("its encoding or algorithm is not known")
	case data.attr("", "type") != typeAtom:
		return nil, fmt.Errorf("its data is of the type %q", data.attr("", "type"))
	}
	content := strings.Join(strings.Fields(data.Text), "")
	o := &opened{signed: baseString(content, typeAtom)}
	if o.payload, err = decode64(content); err != nil {
		return nil, fmt.Errorf("its data: %w", err)
	}
	if o.signature, err = decode64(strings.Join(strings.Fields(root.value(nsEnvelope, "sig")), "")); err != nil {
		return nil, fmt.Errorf("its signature: %w", err)
	}
	return o, nil
}

// verifies reports whether a key has signed the envelope.
func (o *opened) verifies(key *rsa.PublicKey) error {
	sum := sha256.Sum256(o.signed)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], o.signature)
}

// Slap is what was sent to a salmon endpoint.
type Slap struct {
	Endpoint string
	Payload  []byte
	Envelope []byte
	// Status of the answer, and what it said.
	Status int
	Answer string
}

// Send sends a slap, again or for the first time. It is never tried twice.
func (s *Server) Send(slap Slap) (Slap, error) {
	a, err := s.post(slap.Endpoint, typeEnvelope, nil, slap.Envelope)
	if err != nil {
		return slap, err
	}
	slap.Status, slap.Answer = a.status, string(a.body)
	s.mu.Lock()
	s.slaps = append(s.slaps, slap)
	s.mu.Unlock()
	if !slices.Contains([]int{http.StatusOK, http.StatusCreated, http.StatusAccepted}, a.status) {
		err = fmt.Errorf("the salmon endpoint %s answers %d: %.300s", slap.Endpoint, a.status, a.body)
	}
	return slap, err
}

// Sent are the slaps that were sent and answered.
func (s *Server) Sent() []Slap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Slap(nil), s.slaps...)
}

// Seal signs any payload with the key of the person.
func (p *Person) Seal(endpoint string, payload []byte) (Slap, error) {
	e, err := envelope(p.key, payload)
	return Slap{Endpoint: endpoint, Payload: payload, Envelope: e}, err
}

// slap signs an entry of the person and sends it to somebody.
func (p *Person) slap(to *profile, entry *node) error {
	if to.local {
		return nil
	}
	if to.Salmon == "" {
		return fmt.Errorf("%s has no salmon endpoint", to.URI)
	}
	slap, err := p.Seal(to.Salmon, entry.root().document())
	if err == nil {
		_, err = p.server.Send(slap)
	}
	return err
}

// postSalmon takes a slap for a person of here.
func (s *Server) postSalmon(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var to *profile
	for _, p := range s.people {
		if strconv.Itoa(p.profile.number) == r.PathValue("number") {
			to = p.profile
		}
	}
	s.mu.Unlock()
	s.takeSlap(w, r, to)
}

// postGroupSalmon takes a slap for a group of here, whose number is not that of its
// profile.
func (s *Server) postGroupSalmon(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var to *profile
	for _, g := range s.groups {
		if strconv.Itoa(g.number) == r.PathValue("number") {
			to = g.profile
		}
	}
	s.mu.Unlock()
	s.takeSlap(w, r, to)
}

func (s *Server) takeSlap(w http.ResponseWriter, r *http.Request, to *profile) {
	a := Arrival{Kind: "salmon", Path: r.URL.Path, Status: http.StatusOK}
	body, err := readBody(r)
	switch {
	case to == nil:
		err = errors.New("there is nobody or no such group")
	case err == nil && r.Header.Get("Content-Type") != typeEnvelope:
		err = fmt.Errorf("the content type is %q", r.Header.Get("Content-Type"))
	}
	var o *opened
	if err == nil {
		o, err = open(body)
	}
	var entry *element
	if err == nil {
		a.Document = o.payload
		entry, err = s.authenticate(o)
	}
	if err == nil {
		err = s.concerns(entry, to)
	}
	if err == nil {
		err = s.receive(entry, actorOf(entry), to, WaySalmon)
	}
	if err != nil {
		a.Status, a.Refusal = http.StatusBadRequest, err.Error()
	}
	s.arrived(w, a)
}

// authenticate returns the entry in an envelope if its author has signed it. A key is
// looked up once and held for ever.
func (s *Server) authenticate(o *opened) (*element, error) {
	entry, err := readXML(o.payload)
	if err != nil {
		return nil, err
	}
	if !entry.is(nsAtom, "entry") {
		return nil, fmt.Errorf("the payload is a %s, not an entry", entry.XMLName.Local)
	}
	// The key is that of the author; what was done is told of the actor.
	author, err := readPerson(entry.first(nsAtom, "author"))
	if err != nil {
		return nil, fmt.Errorf("the author: %w", err)
	}
	actor, err := readPerson(actorOf(entry))
	if err != nil {
		return nil, fmt.Errorf("the actor: %w", err)
	}
	if actor.URI != author.URI {
		return nil, fmt.Errorf("the author is %s, and the actor %s", author.URI, actor.URI)
	}
	signer, err := s.meet(author.URI)
	if err != nil {
		return nil, fmt.Errorf("the author %s is not found: %w", author.URI, err)
	}
	key, err := s.keyOf(signer, author)
	if err != nil {
		return nil, err
	}
	if err := o.verifies(key); err != nil {
		return nil, fmt.Errorf("the signature is not of %s: %w", author.URI, err)
	}
	return entry, nil
}

// keyOf is the key of somebody: the one that is known, or else that of the descriptor
// of their name, or of their account.
func (s *Server) keyOf(signer, said *profile) (*rsa.PublicKey, error) {
	s.mu.Lock()
	key := signer.key
	s.mu.Unlock()
	if key != nil {
		return key, nil
	}
	d, err := s.lookup(signer.URI)
	if err != nil || d.find(relKey).Href == "" {
		host := strings.SplitN(signer.URI, "/", 4)[2]
		if d, err = s.lookup("acct:" + said.Nick + "@" + host); err != nil {
			return nil, fmt.Errorf("there is no key of %s: %w", signer.URI, err)
		}
	}
	if key, err = readKey(d.find(relKey).Href); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if signer.key == nil {
		signer.key = key
	}
	return signer.key, nil
}

// concerns refuses a slap that has nothing to do with the one it was sent to.
func (s *Server) concerns(entry *element, to *profile) error {
	for _, rel := range []string{"mentioned", "ostatus:attention"} {
		for _, l := range entry.links(rel) {
			if l.attr("", "href") == to.URI {
				return nil
			}
		}
	}
	if o := entry.first(nsActivity, "object"); o != nil && o.value(nsAtom, "id") == to.URI {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.notices[entry.first(nsThread, "in-reply-to").attr("", "ref")]; n != nil && (n.Author == to.URI || slices.Contains(n.Mentions, to.URI)) {
		return nil
	}
	return errors.New("the owner of this salmon endpoint was not in the context of it")
}
