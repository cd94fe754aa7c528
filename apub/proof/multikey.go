package proof

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// What a Multikey begins with (the multicodec table, as varints).
var (
	codecEd25519 = []byte{0xed, 0x01}
	codecRSA     = []byte{0x85, 0x24}
)

// multibase58 is the letter that says that base58btc follows.
const multibase58 = "z"

// ErrKey is wrapped by the errors about Multikeys that cannot be read.
var ErrKey = errors.New("unsuitable Multikey")

// EncodeMultikey returns the publicKeyMultibase of an Ed25519 key
// (https://www.w3.org/TR/cid-1.0/#Multikey).
func EncodeMultikey(key ed25519.PublicKey) string {
	return multibase58 + encodeBase58(append(bytes.Clone(codecEd25519), key...))
}

// ParseMultikey reads a publicKeyMultibase. The key is an ed25519.PublicKey or an
// *rsa.PublicKey. Errors wrap [ErrKey].
func ParseMultikey(text string) (crypto.PublicKey, error) {
	digits, ok := strings.CutPrefix(text, multibase58)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %s, for base58btc", ErrKey, multibase58)
	}
	data, err := decodeBase58(digits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if key, ok := bytes.CutPrefix(data, codecEd25519); ok {
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: an Ed25519 key has %d bytes, this one %d", ErrKey, ed25519.PublicKeySize, len(key))
		}
		return ed25519.PublicKey(key), nil
	}
	if der, ok := bytes.CutPrefix(data, codecRSA); ok {
		var key *rsa.PublicKey
		if key, err = x509.ParsePKCS1PublicKey(der); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return key, nil
	}
	return nil, fmt.Errorf("%w: it is neither Ed25519 nor RSA", ErrKey)
}
