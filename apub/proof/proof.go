package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/gowebpki/jcs"
)

// Limits of what is read.
const (
	MaxDocument = 1 << 20 // bytes
	maxDepth    = 64
	maxProofs   = 8
)

// The kind of proof that this package is about.
const (
	proofType = "DataIntegrityProof"
	suite     = "eddsa-jcs-2022"
	purpose   = "assertionMethod"
)

// members are those of a JSON object.
type members = map[string]json.RawMessage

// Make adds a proof to a document, which is a JSON object without one. method is
// the id of the key, by which others find its public half. Everything else stands
// in the result as it stands in the document.
func Make(document []byte, key ed25519.PrivateKey, method string, created time.Time) ([]byte, error) {
	doc, err := object(document)
	if err != nil {
		return nil, err
	}
	if doc["proof"] != nil {
		return nil, errors.New("making a proof: the document has one already")
	}
	options := members{}
	if context := doc["@context"]; context != nil {
		options["@context"] = context
	}
	for name, value := range map[string]string{"type": proofType, "cryptosuite": suite, "verificationMethod": method, "proofPurpose": purpose,
		"created": created.UTC().Format(time.RFC3339)} {
		if options[name], err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("making a proof: %w", err)
		}
	}
	hash, err := hashOf(options, doc)
	if err != nil {
		return nil, err
	}
	options["proofValue"] = json.RawMessage(`"` + multibase58 + encodeBase58(ed25519.Sign(key, hash)) + `"`)
	proof, err := canonical(options)
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(document, '}')
	result := append(make([]byte, 0, len(document)+len(proof)+10), document[:end]...)
	if len(doc) > 0 {
		result = append(result, ',')
	}
	result = append(append(append(result, `"proof":`...), proof...), '}')
	return result, nil
}

// Proof is the proof of a document. It proves nothing until [Proof.Verify] has.
type Proof struct {
	// Method is the id of the key that it is verified with.
	Method string
	// Created is when it says that it was made; zero where it does not.
	Created time.Time

	expires         time.Time
	value           []byte
	options         members
	document        members
	bare            bool // the proof names no context of its own
	signedElsewhere bool // the document has a Linked Data signature as well
}

// Read returns the proof of a document. Errors are a [*Failure]; one with the
// status [Missing] means that there is none.
func Read(document []byte) (*Proof, error) {
	doc, err := object(document)
	if err != nil {
		return nil, err
	}
	raw := doc["proof"]
	if raw == nil || string(raw) == "null" {
		return nil, fail(Missing, "the document has no proof")
	}
	candidates := []json.RawMessage{raw}
	if raw[0] == '[' {
		candidates = nil
		if err := json.Unmarshal(raw, &candidates); err != nil || len(candidates) > maxProofs {
			return nil, fail(Malformed, "the proofs of the document cannot be read, or are more than %d", maxProofs)
		}
	}
	delete(doc, "proof")
	for _, c := range candidates {
		var options members
		if json.Unmarshal(c, &options) != nil {
			return nil, fail(Malformed, "the proof is not an object")
		}
		if text(options, "type") != proofType || text(options, "cryptosuite") != suite {
			continue
		}
		return read(options, doc)
	}
	return nil, fail(Unsupported, "the document has no proof of the kind %s", suite)
}

func read(options, doc members) (*Proof, error) {
	p := &Proof{options: options, document: doc, Method: text(options, "verificationMethod"), bare: options["@context"] == nil,
		signedElsewhere: doc["signature"] != nil}
	if text(options, "proofPurpose") != purpose {
		return nil, fail(Unsupported, "the purpose of the proof is %q, not %s", text(options, "proofPurpose"), purpose)
	}
	if p.Method == "" {
		return nil, fail(Malformed, "the proof has no verificationMethod")
	}
	digits, ok := strings.CutPrefix(text(options, "proofValue"), multibase58)
	value, err := decodeBase58(digits)
	if !ok || err != nil || len(value) != ed25519.SignatureSize {
		return nil, fail(Malformed, "the proofValue is not a signature in base58btc")
	}
	p.value = value
	for name, dest := range map[string]*time.Time{"created": &p.Created, "expires": &p.expires} {
		if options[name] == nil {
			continue
		}
		if *dest, err = time.Parse(time.RFC3339, text(options, name)); err != nil {
			return nil, fail(Malformed, "the member %s of the proof is not a time", name)
		}
	}
	delete(options, "proofValue")
	return p, nil
}

// Verify checks the proof with the public key that was found under its Method.
// Errors are a [*Failure].
func (p *Proof) Verify(key ed25519.PublicKey, now time.Time) error {
	if len(key) != ed25519.PublicKeySize {
		return fail(BadProof, "the key %s is not an Ed25519 key", p.Method)
	}
	if !p.expires.IsZero() && now.After(p.expires) {
		return fail(Expired, "the proof was good until %s", p.expires.UTC().Format(time.RFC3339))
	}
	if !p.bare && !startsWith(p.document["@context"], p.options["@context"]) {
		return fail(WrongContext, "the context of the document does not begin with the one that the proof was made for")
	}
	for _, v := range p.readings() {
		hash, err := hashOf(v.options, v.document)
		if err != nil {
			return err
		}
		if ed25519.Verify(key, hash, p.value) {
			return nil
		}
	}
	return fail(BadProof, "the key %s did not make this proof of this document", p.Method)
}

type reading struct{ options, document members }

// readings are the ways to understand what was signed. The specification has the
// context inside the proof; Fedify signs it with the proof and leaves it out of
// what it sends; and what the proof was made of had no Linked Data signature where
// that was added later.
func (p *Proof) readings() []reading {
	doc := p.document
	if !p.bare {
		// vc-di-eddsa 3.3.2, step 3: what was added to the context is not a part.
		doc = maps.Clone(doc)
		doc["@context"] = p.options["@context"]
	}
	all := []reading{{p.options, doc}}
	if p.bare && doc["@context"] != nil {
		with := maps.Clone(p.options)
		with["@context"] = doc["@context"]
		all = []reading{{with, doc}, {p.options, doc}}
	}
	if p.signedElsewhere {
		unsigned := maps.Clone(doc)
		delete(unsigned, "signature")
		for _, r := range all[:len(all):len(all)] {
			all = append(all, reading{r.options, unsigned})
		}
	}
	return all
}

// startsWith reports whether a context begins with another one: both may be a
// value or a list.
func startsWith(context, beginning json.RawMessage) bool {
	all, first := list(context), list(beginning)
	if len(first) > len(all) {
		return false
	}
	for i := range first {
		a, errA := jcs.Transform(all[i])
		b, errB := jcs.Transform(first[i])
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			return false
		}
	}
	return true
}

func list(raw json.RawMessage) []json.RawMessage {
	var many []json.RawMessage
	if len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &many) == nil {
		return many
	}
	return []json.RawMessage{raw}
}

// hashOf is what is signed: vc-di-eddsa 3.3.4.
func hashOf(options, document members) ([]byte, error) {
	var hash []byte
	for _, m := range []members{options, document} {
		text, err := canonical(m)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		hash = append(hash, sum[:]...)
	}
	return hash, nil
}

func canonical(m members) ([]byte, error) {
	plain, err := json.Marshal(m)
	if err == nil {
		plain, err = jcs.Transform(plain)
	}
	if err != nil {
		return nil, fail(Malformed, "the document cannot be written canonically: %v", err)
	}
	return plain, nil
}

// object reads the members of a JSON object of bounded size and depth. Two members
// of one name are refused wherever they stand: of which of them the proof would be,
// each reader decides for itself.
func object(document []byte) (members, error) {
	if len(document) > MaxDocument {
		return nil, fail(Malformed, "the document has %d bytes, at most %d are read", len(document), MaxDocument)
	}
	if depthOf(document) > maxDepth {
		return nil, fail(Malformed, "the document is more than %d levels deep", maxDepth)
	}
	if _, err := jcs.Transform(document); err != nil {
		return nil, fail(Malformed, "the document is not JSON with unique names: %v", err)
	}
	var doc members
	if err := json.Unmarshal(document, &doc); err != nil || doc == nil {
		return nil, fail(Malformed, "the document is not a JSON object")
	}
	return doc, nil
}

// depthOf returns how deep arrays and objects stand inside each other.
func depthOf(document []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// text returns a member that is a string, "" for all else.
func text(m members, name string) string {
	var s string
	if json.Unmarshal(m[name], &s) != nil {
		return ""
	}
	return s
}
