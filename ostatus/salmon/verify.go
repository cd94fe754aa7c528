package salmon

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math/big"
	"strings"
)

// Form is the text over which an envelope is signed. There are three in use.
type Form int

const (
	// Padded is that of GNU social, Mastodon and StatusNet since 0.9.7: data, type,
	// encoding and algorithm, each in base64url with its padding, joined by dots
	// (3.2). It is the one to send.
	Padded Form = iota + 1
	// Unpadded is the same without any padding. Friendica tries it when a peer
	// refuses Padded.
	Unpadded
	// DataOnly is the data alone, as StatusNet signed until 0.9.6 and as Friendica
	// tries last. It leaves the type unsigned, which does no harm where only one
	// type is accepted.
	DataOnly
)

func (f Form) String() string {
	switch f {
	case Padded:
		return "padded"
	case Unpadded:
		return "unpadded"
	case DataOnly:
		return "data only"
	}
	return "none"
}

// Status is the outcome of looking at a signature.
type Status int

const (
	// Valid means that the holder of the key has signed the payload.
	Valid Status = iota + 1
	// Mismatch means that none of the signatures was made with this key over this
	// envelope, in no form. The envelope may have been changed, or the signer has
	// another key by now.
	Mismatch
	// Unsigned means that the envelope has no signature.
	Unsigned
	// UnknownAlgorithm means that it is signed in another way than RSA-SHA256.
	UnknownAlgorithm
	// UnknownEncoding means that the payload is encoded in another way than
	// base64url.
	UnknownEncoding
	// UnknownType means that the payload is no Atom entry by its type.
	UnknownType
	// WeakKey means that the key is shorter than is accepted.
	WeakKey
	// LongKey means that the key is longer than is accepted: what it costs to check
	// a signature grows with it.
	LongKey
)

// Result says whether a signature is good, and why not.
type Result struct {
	Status Status
	// Form is in which form it was made, where it is valid.
	Form Form
	// KeyID is what the valid signature named as its key.
	KeyID string
	// Detail is what was found where something else was wanted, such as the
	// algorithm.
	Detail string
}

// Valid reports whether the signature is good.
func (r Result) Valid() bool { return r.Status == Valid }

// Err returns nil for a valid signature, and else an [*InvalidError].
func (r Result) Err() error {
	if r.Status == Valid {
		return nil
	}
	return &InvalidError{r}
}

func (r Result) String() string {
	switch r.Status {
	case Valid:
		return "the signature is good"
	case Mismatch:
		return "the signature is not by this key over this envelope"
	case Unsigned:
		return "the envelope is not signed"
	case UnknownAlgorithm:
		return fmt.Sprintf("the algorithm is %q; use %s", r.Detail, Algorithm)
	case UnknownEncoding:
		return fmt.Sprintf("the encoding is %q; use %s", r.Detail, Encoding)
	case UnknownType:
		return fmt.Sprintf("the payload is of the type %q; send %s", r.Detail, PayloadType)
	case WeakKey:
		return "the key has " + r.Detail + ", which is too short"
	case LongKey:
		return "the key has " + r.Detail + ", which is too long"
	}
	return "nothing was verified"
}

// InvalidError means that an envelope is not what it claims to be.
type InvalidError struct{ Result Result }

func (e *InvalidError) Error() string { return "salmon: " + e.Result.String() }

// Verifier checks signatures. The zero value is one with the bounds [MinBits] and
// [MaxBits].
type Verifier struct {
	// MinBits and MaxBits bound the keys that are accepted; 0 is the default.
	// Friendica of 2012 to 2018 signed with 512 bits, which anybody with a good
	// computer can forge.
	MinBits, MaxBits int
}

// Verify says whether an envelope was signed with a key.
func (v Verifier) Verify(e *Envelope, key *rsa.PublicKey) Result {
	lower, upper := orDefault(v.MinBits, MinBits), orDefault(v.MaxBits, MaxBits)
	bits := key.N.BitLen()
	switch {
	case e.Algorithm != Algorithm:
		return Result{Status: UnknownAlgorithm, Detail: e.Algorithm}
	case e.Encoding != Encoding:
		return Result{Status: UnknownEncoding, Detail: e.Encoding}
	case !isEntryType(e.DataType):
		return Result{Status: UnknownType, Detail: e.DataType}
	case len(e.Signatures) == 0:
		return Result{Status: Unsigned}
	case bits < lower:
		return Result{Status: WeakKey, Detail: fmt.Sprintf("%d bits", bits)}
	case bits > upper:
		return Result{Status: LongKey, Detail: fmt.Sprintf("%d bits", bits)}
	}
	signed := e.signed()
	for _, s := range e.Signatures[:min(len(e.Signatures), maxSignatures)] {
		signature, err := decode(s.Value)
		if err != nil {
			continue
		}
		for _, text := range signed {
			if verify(key, text.text, signature) {
				return Result{Status: Valid, Form: text.form, KeyID: s.KeyID}
			}
		}
	}
	return Result{Status: Mismatch}
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// isEntryType reports whether a type is that of Atom entries. Envelopes of 2011
// that travelled in a form have lost their plus.
func isEntryType(t string) bool {
	media, _, _ := strings.Cut(t, ";")
	media = strings.TrimSpace(media)
	return strings.EqualFold(media, PayloadType) || media == "application/atom xml"
}

type signedText struct {
	form Form
	text string
}

// signed are the texts over which an envelope may have been signed, the likely
// ones first.
func (e *Envelope) signed() []signedText {
	padded := e.Data + e.suffix(e.DataType)
	texts := []signedText{{Padded, padded}, {Unpadded, strings.ReplaceAll(padded, "=", "")}, {DataOnly, e.Data}}
	if strings.Contains(e.DataType, " ") {
		texts = append(texts, signedText{Padded, e.Data + e.suffix(strings.ReplaceAll(e.DataType, " ", "+"))})
	}
	return texts
}

// suffix is what follows the data in the signed text (3.2).
func (e *Envelope) suffix(dataType string) string {
	return "." + encode([]byte(dataType)) + "." + encode([]byte(e.Encoding)) + "." + encode([]byte(e.Algorithm))
}

// verify checks RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 8.2.2).
func verify(key *rsa.PublicKey, text string, signature []byte) bool {
	sum := sha256.Sum256([]byte(text))
	if key.N.BitLen() >= 1024 {
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	// The standard library refuses such keys; who allows them here, to read what
	// was signed long ago, is served by the formula. Nothing in it is secret.
	size := (key.N.BitLen() + 7) / 8
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20} // RFC 8017 9.2 note 1
	if len(signature) != size || size < len(prefix)+len(sum)+11 {
		return false
	}
	want := make([]byte, size)
	for i := range want {
		want[i] = 0xff
	}
	want[0], want[1], want[size-len(sum)-len(prefix)-1] = 0, 1, 0
	copy(want[size-len(sum)-len(prefix):], prefix)
	copy(want[size-len(sum):], sum[:])
	s := new(big.Int).SetBytes(signature)
	if s.Cmp(key.N) >= 0 {
		return false
	}
	got := s.Exp(s, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, size))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// Sign puts an Atom entry into an envelope that is signed with a key. The form is
// Padded, unless a peer has refused that.
func Sign(entry []byte, key *rsa.PrivateKey, form Form) (*Envelope, error) {
	e := &Envelope{Data: encode(entry), DataType: PayloadType, Encoding: Encoding, Algorithm: Algorithm}
	if len(e.Data) > MaxEnvelope-1024 {
		return nil, ErrTooLarge
	}
	for _, text := range e.signed() {
		if text.form != form {
			continue
		}
		sum := sha256.Sum256([]byte(text.text))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			return nil, fmt.Errorf("salmon: signing: %w", err)
		}
		e.Signatures = []Signature{{Value: encode(signature)}}
		return e, nil
	}
	return nil, fmt.Errorf("salmon: signing: there is no form %d", form)
}
