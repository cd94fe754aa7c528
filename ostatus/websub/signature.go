package websub

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// SignatureHeader is the header with the signature of a delivery (8).
const SignatureHeader = "X-Hub-Signature"

// Algorithm is a hash function by the name that it has in signatures.
type Algorithm string

// The algorithms of WebSub (8). SHA1 is what all know: the weakness of SHA-1 is
// none in an HMAC.
const (
	SHA1   Algorithm = "sha1"
	SHA256 Algorithm = "sha256"
	SHA384 Algorithm = "sha384"
	SHA512 Algorithm = "sha512"
)

func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case SHA1:
		return sha1.New
	case SHA256:
		return sha256.New
	case SHA384:
		return sha512.New384
	case SHA512:
		return sha512.New
	}
	return nil
}

// Sign returns the value of [SignatureHeader] for a body, "" when there is no such
// algorithm.
func Sign(a Algorithm, secret string, body []byte) string {
	newHash := a.hash()
	if newHash == nil {
		return ""
	}
	mac := hmac.New(newHash, []byte(secret))
	mac.Write(body)
	return string(a) + "=" + hex.EncodeToString(mac.Sum(nil))
}

// Signature is the outcome of looking at the signature of a delivery.
type Signature int

const (
	// Authentic means that whoever posted the body knows the secret.
	Authentic Signature = iota + 1
	// Forged means that the signature is not by the secret over this body. A hub may
	// also still use an older secret.
	Forged
	// Unsigned means that there is no signature.
	Unsigned
	// Unreadable means that the header is not like sha1=..., or that the algorithm is
	// none of WebSub.
	Unreadable
)

func (s Signature) String() string {
	switch s {
	case Authentic:
		return "the signature is good"
	case Forged:
		return "the signature is not by this secret over this body"
	case Unsigned:
		return "there is no signature"
	case Unreadable:
		return "the signature cannot be read"
	}
	return "nothing was verified"
}

// SignatureError means that a body is not by whom it should be.
type SignatureError struct{ Signature Signature }

func (e *SignatureError) Error() string { return fmt.Sprintf("websub: %s", e.Signature) }

// CheckSignature looks at the value of [SignatureHeader].
func CheckSignature(header, secret string, body []byte) Signature {
	header = strings.TrimSpace(header)
	if header == "" {
		return Unsigned
	}
	name, digits, ok := strings.Cut(header, "=")
	newHash := Algorithm(strings.ToLower(strings.TrimSpace(name))).hash()
	sent, err := hex.DecodeString(strings.TrimSpace(digits))
	if !ok || newHash == nil || err != nil {
		return Unreadable
	}
	mac := hmac.New(newHash, []byte(secret))
	mac.Write(body)
	// Anybody can sign with no secret at all.
	if secret == "" || !hmac.Equal(sent, mac.Sum(nil)) {
		return Forged
	}
	return Authentic
}
