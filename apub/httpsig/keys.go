package httpsig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Bounds of the keys that are accepted. An RSA key of more bits would make
// verifying slow, which whoever publishes it could make use of.
const (
	maxPEM     = 16 << 10
	minRSABits = 1024
	maxRSABits = 8192
	maxKeyID   = 2048
)

// ErrKey is wrapped by the errors about keys that cannot be read or used.
var ErrKey = errors.New("unsuitable key")

// ParsePublicKey reads the PEM of a public key as actors publish it: "PUBLIC KEY"
// (SPKI, RFC 5280 4.1) or, as some older servers have it, "RSA PUBLIC KEY" (PKCS#1,
// RFC 8017 A.1.1). The key is an *rsa.PublicKey or an ed25519.PublicKey. Errors
// wrap [ErrKey].
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	if len(text) > maxPEM {
		return nil, fmt.Errorf("%w: the PEM has %d bytes, at most %d are read", ErrKey, len(text), maxPEM)
	}
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil, fmt.Errorf("%w: it is not PEM", ErrKey)
	}
	var key crypto.PublicKey
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%w: the PEM is a %q, not a public key", ErrKey, block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, CheckPublicKey(key)
}

// CheckPublicKey refuses, with an error that wraps [ErrKey], keys that nothing is
// verified with: other kinds than RSA and Ed25519, and RSA keys that are too short
// to be safe or too long to be quick.
func CheckPublicKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("%w: the RSA key has %d bits; %d to %d are accepted", ErrKey, bits, minRSABits, maxRSABits)
		}
		return nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: the Ed25519 key has %d bytes", ErrKey, len(k))
		}
		return nil
	}
	return fmt.Errorf("%w: it is a %T, neither RSA nor Ed25519", ErrKey, key)
}

// EncodePublicKey returns the PEM of a public key ("PUBLIC KEY", SPKI), which is
// what all servers read.
func EncodePublicKey(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}
