package httpsig

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"

	"github.com/dunglas/httpsfv"
)

// Digest is the digest of a body as both specifications write it. It is computed
// once, however many requests carry the body.
type Digest struct {
	cavage, content string
}

// NewDigest computes the SHA-256 digest of a body.
func NewDigest(body []byte) *Digest {
	sum := sha256.Sum256(body)
	text := base64.StdEncoding.EncodeToString(sum[:])
	return &Digest{
		cavage:  "SHA-256=" + text,        // RFC 3230 4.3.2
		content: "sha-256=:" + text + ":", // RFC 9530 2
	}
}

// maxDigests bounds how many digests of one body are looked at.
const maxDigests = 8

// checkDigest compares the values of the header Digest (RFC 3230) with a body.
// There may be several digests, and the names of the algorithms are in any case;
// every one that is understood has to be right.
func checkDigest(values []string, body []byte) error {
	digests := strings.Split(strings.Join(values, ","), ",")
	if len(digests) > maxDigests {
		return fail(Malformed, "the header Digest has %d digests, at most %d are read", len(digests), maxDigests)
	}
	understood := false
	for _, d := range digests {
		algorithm, text, ok := strings.Cut(strings.TrimSpace(d), "=")
		if !ok {
			continue
		}
		sum := sumOf(strings.ToLower(strings.TrimSpace(algorithm)), body)
		if sum == nil {
			continue
		}
		understood = true
		given, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return fail(Malformed, "the header Digest has a %s digest that is not base64", algorithm)
		}
		if !bytes.Equal(given, sum) {
			return fail(DigestMismatch, "the body does not have the %s digest that the header Digest gives", algorithm)
		}
	}
	if !understood {
		return fail(DigestMissing, "the header Digest has no SHA-256 digest of the body")
	}
	return nil
}

// checkContentDigest does the same for the header Content-Digest (RFC 9530 2).
func checkContentDigest(values []string, body []byte) error {
	digests, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return fail(Malformed, "the header Content-Digest is not a dictionary")
	}
	if len(digests.Names()) > maxDigests {
		return fail(Malformed, "the header Content-Digest has %d digests, at most %d are read", len(digests.Names()), maxDigests)
	}
	understood := false
	for _, algorithm := range digests.Names() {
		sum := sumOf(algorithm, body)
		if sum == nil {
			continue
		}
		understood = true
		member, _ := digests.Get(algorithm)
		item, _ := member.(httpsfv.Item)
		given, ok := item.Value.([]byte)
		if !ok {
			return fail(Malformed, "the header Content-Digest has a %s digest that is no byte sequence", algorithm)
		}
		if !bytes.Equal(given, sum) {
			return fail(DigestMismatch, "the body does not have the %s digest that the header Content-Digest gives", algorithm)
		}
	}
	if !understood {
		return fail(DigestMissing, "the header Content-Digest has no sha-256 digest of the body")
	}
	return nil
}

// sumOf returns the digest of a body, or nil where the algorithm is not one of
// those that are understood here.
func sumOf(algorithm string, body []byte) []byte {
	switch algorithm {
	case "sha-256":
		sum := sha256.Sum256(body)
		return sum[:]
	case "sha-512":
		sum := sha512.Sum512(body)
		return sum[:]
	}
	return nil
}
