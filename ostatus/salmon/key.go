package salmon

import (
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"strings"
)

// KeyRel is the relation of a descriptor's link to the key; KeyType is the media
// type of keys, and that of the data: URL in which the link has it.
const (
	KeyRel  = "magic-public-key"
	KeyType = "application/magic-public-key"
)

// Bounds on the modulus of keys, in bits. GNU social makes keys of 1024, and
// StatusNet 1.0 drops all others, so that it cannot check what those with longer
// keys sign.
const (
	MinBits = 1024
	MaxBits = 4096
)

// KeyError means that something is not a key.
type KeyError struct{ Reason string }

func (e *KeyError) Error() string { return "salmon: not a key: " + e.Reason }

// ParsePublicKey reads a key as it stands in descriptors: RSA, the modulus and
// the exponent in base64url, joined by dots, in a data: URL or alone. A private
// exponent behind it is ignored. Any length is read; [Verifier] says which are
// good enough.
func ParsePublicKey(s string) (*rsa.PublicKey, error) {
	numbers, err := parseKey(s)
	if err != nil {
		return nil, err
	}
	n, e := numbers[0], numbers[1]
	switch {
	case n.BitLen() > 2*MaxBits:
		return nil, &KeyError{"the modulus is longer than anybody needs"}
	case n.BitLen() < 128 || n.Bit(0) == 0:
		return nil, &KeyError{"the modulus is none"}
	case e.BitLen() > 31 || e.Cmp(big.NewInt(3)) < 0 || e.Bit(0) == 0:
		return nil, &KeyError{"the exponent is none"}
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// ParsePrivateKey reads a key pair in the form in which GNU social keeps it, with
// the private exponent as the fourth part.
func ParsePrivateKey(s string) (*rsa.PrivateKey, error) {
	public, err := ParsePublicKey(s)
	if err != nil {
		return nil, err
	}
	numbers, _ := parseKey(s) // was read just now
	if len(numbers) < 3 {
		return nil, &KeyError{"there is no private exponent"}
	}
	d := numbers[2]
	// The primes are not in this form; that the exponents belong together shows by
	// trying.
	probe := big.NewInt(2)
	back := new(big.Int).Exp(new(big.Int).Exp(probe, big.NewInt(int64(public.E)), public.N), d, public.N)
	if d.Cmp(public.N) >= 0 || back.Cmp(probe) != 0 {
		return nil, &KeyError{"the private exponent does not belong to the public one"}
	}
	return &rsa.PrivateKey{PublicKey: *public, D: d}, nil
}

// parseKey returns the modulus, the exponent and perhaps the private exponent.
func parseKey(s string) ([]*big.Int, error) {
	s = unspaced(s) // occurs inside of keys
	if rest, ok := strings.CutPrefix(s, "data:"); ok {
		media := strings.IndexAny(rest, ",;") // StatusNet 0.9.0 wrote a semicolon
		if media < 0 || !strings.EqualFold(rest[:media], KeyType) {
			return nil, &KeyError{"the data: URL is not of the type " + KeyType}
		}
		s = rest[media+1:]
	}
	parts := strings.Split(s, ".")
	if len(parts) < 3 || len(parts) > 4 || parts[0] != "RSA" {
		return nil, &KeyError{"it is not like RSA.modulus.exponent"}
	}
	var numbers []*big.Int
	for _, part := range parts[1:] {
		b, err := decode(part)
		if err != nil || len(b) == 0 || len(b) > 2*MaxBits/8+1 {
			return nil, &KeyError{"a number is not base64url of some length"}
		}
		// A zero byte in front, as Friendica writes it, is of no effect here.
		numbers = append(numbers, new(big.Int).SetBytes(b))
	}
	return numbers, nil
}

// FormatPublicKey returns the key like RSA.modulus.exponent.
func FormatPublicKey(k *rsa.PublicKey) string {
	return "RSA." + encode(k.N.Bytes()) + "." + encode(big.NewInt(int64(k.E)).Bytes())
}

// PublicKeyURL returns the key as the data: URL for a descriptor.
func PublicKeyURL(k *rsa.PublicKey) string { return "data:" + KeyType + "," + FormatPublicKey(k) }

// FormatPrivateKey returns the key pair as [ParsePrivateKey] reads it.
func FormatPrivateKey(k *rsa.PrivateKey) string {
	return FormatPublicKey(&k.PublicKey) + "." + encode(k.D.Bytes())
}

// KeyID returns the name of a key that the draft gives it (1.2): the SHA-256 hash
// of its text. Nobody needs it where people have one key.
func KeyID(k *rsa.PublicKey) string {
	sum := sha256.Sum256([]byte(FormatPublicKey(k)))
	return encode(sum[:])
}
