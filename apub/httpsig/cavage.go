package httpsig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	fed "github.com/go-fed/httpsig"
)

// Names of the lines that stand for no header (draft-cavage-12 2.3).
const (
	lineTarget  = "(request-target)"
	lineCreated = "(created)"
	lineExpires = "(expires)"
)

// maxLines bounds how many lines a signature of the draft may cover.
const maxLines = 64

// cavage is a signature of the draft as it stands in the header.
type cavage struct {
	keyID, algorithm, signature string
	// created and expires are what was written, without quotes.
	created, expires string
	// lines are the names of what is signed, in lower case.
	lines []string
}

// cavageValue is the signature of a request: the header Signature or, as the
// draft allows as well (3.1), the header Authorization.
func cavageValue(h http.Header) string {
	if s := h.Get("Signature"); s != "" {
		return s
	}
	scheme, rest, _ := strings.Cut(h.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Signature") {
		return strings.TrimSpace(rest)
	}
	return ""
}

// readCavage reads the parameters of a signature (draft-cavage-12 2.1). The library
// does not read one with a space after a comma, which several servers send.
func readCavage(text string) (*cavage, error) {
	if len(text) > maxSignature {
		return nil, fail(Malformed, "the header Signature has %d bytes, at most %d are read", len(text), maxSignature)
	}
	s := &cavage{}
	seen := map[string]bool{}
	listed := ""
	for rest := strings.TrimSpace(text); rest != ""; {
		var name, value string
		var ok bool
		if name, value, rest, ok = nextParameter(rest); !ok {
			return nil, fail(Malformed, "the header Signature is not a list of parameters like keyId=\"...\"")
		}
		if seen[name] {
			return nil, fail(Malformed, "the header Signature has the parameter %s twice", name)
		}
		seen[name] = true
		switch name {
		case "keyId":
			s.keyID = value
		case "algorithm":
			s.algorithm = strings.ToLower(value)
		case "headers":
			listed = value
		case "signature":
			s.signature = value
		case "created":
			s.created = value
		case "expires":
			s.expires = value
		}
	}
	if s.keyID == "" || s.signature == "" {
		return nil, fail(Malformed, "the header Signature needs the parameters keyId and signature")
	}
	if len(s.keyID) > maxKeyID {
		return nil, fail(Malformed, "the key id has %d bytes, at most %d are read", len(s.keyID), maxKeyID)
	}
	s.lines = strings.Fields(strings.ToLower(listed))
	if !seen["headers"] {
		s.lines = s.defaultLines()
	}
	if len(s.lines) > maxLines {
		return nil, fail(Malformed, "the signature covers %d lines, at most %d are read", len(s.lines), maxLines)
	}
	return s, nil
}

// nextParameter cuts off the first parameter of a list. Its value may be quoted or
// not: created and expires are numbers in the draft and strings with some servers.
func nextParameter(text string) (name, value, rest string, ok bool) {
	name, rest, ok = strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.ContainsAny(name, "\", ") {
		return "", "", "", false
	}
	if rest = strings.TrimLeft(rest, " \t"); strings.HasPrefix(rest, `"`) {
		if value, rest, ok = strings.Cut(rest[1:], `"`); !ok {
			return "", "", "", false
		}
		rest = strings.TrimLeft(rest, " \t")
		if rest != "" && rest[0] != ',' {
			return "", "", "", false
		}
	} else if i := strings.IndexByte(rest, ','); i >= 0 {
		value, rest = strings.TrimSpace(rest[:i]), rest[i:]
	} else {
		value, rest = strings.TrimSpace(rest), ""
	}
	return name, value, strings.TrimLeft(strings.TrimPrefix(rest, ","), " \t"), true
}

// defaultLines is what a signature covers that does not say it: (created) by
// version 12 of the draft, the date by the versions before it.
func (s *cavage) defaultLines() []string {
	if s.algorithm == "hs2019" && s.created != "" {
		return []string{lineCreated}
	}
	return []string{"date"}
}

func (s *cavage) covers(line string) bool { return slices.Contains(s.lines, line) }

// parseCavage checks everything about a signature of the draft but the signature.
func (v *Verifier) parseCavage(r *http.Request, body []byte) (*Signature, error) {
	if len(r.Header.Values("Signature")) > 1 {
		return nil, fail(Unsupported, "the request has more than one header Signature")
	}
	s, err := readCavage(cavageValue(r.Header))
	if err != nil {
		return nil, err
	}
	for _, check := range []func() error{
		s.checkAlgorithm,
		func() error { return s.checkCovered(r, body) },
		func() error { return s.checkPresent(r.Header) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	signed, err := v.timeOf(s, r.Header)
	if err != nil {
		return nil, err
	}
	if s.covers("digest") {
		if err := checkDigest(r.Header.Values("Digest"), body); err != nil {
			return nil, err
		}
	}
	return &Signature{Spec: Cavage, KeyID: s.keyID, Time: signed,
		verify: func(key crypto.PublicKey) error { return s.verify(r, key) }}, nil
}

// checkAlgorithm refuses what is certainly made in another way. hs2019, and to say
// nothing, leave the algorithm to the key.
func (s *cavage) checkAlgorithm() error {
	switch s.algorithm {
	case "", "hs2019", "rsa-sha256", "rsa-sha512", "ed25519":
		return nil
	}
	return fail(Unsupported, "the algorithm %q is not accepted, use rsa-sha256 or hs2019", s.algorithm)
}

// checkCovered makes sure that nobody could have changed or reused the request:
// which the draft leaves to the server (2.3 and 5).
func (s *cavage) checkCovered(r *http.Request, body []byte) error {
	needed := []string{lineTarget, "host"}
	if needsDigest(r, body) {
		needed = append(needed, "digest")
	}
	for _, line := range needed {
		if !s.covers(line) {
			return fail(NotCovered, "the signature does not cover %s", line)
		}
	}
	if !s.covers("date") && !s.covers(lineCreated) {
		return fail(NotCovered, "the signature covers neither date nor (created)")
	}
	return nil
}

// checkPresent makes sure that what is covered is there, once where only one is
// read.
func (s *cavage) checkPresent(h http.Header) error {
	for _, line := range s.lines {
		n := len(h.Values(line))
		switch line {
		case lineTarget, "host":
		case lineCreated, lineExpires:
			// draft-cavage-12 2.3: an error for these algorithms.
			if strings.HasPrefix(s.algorithm, "rsa") {
				return fail(Malformed, "the signature covers %s, which the algorithm %s does not have", line, s.algorithm)
			}
		case "date":
			if n > 1 {
				return fail(Malformed, "the request has %d headers Date", n)
			}
			fallthrough
		default:
			if n == 0 {
				return fail(Malformed, "the signature covers the header %s, which the request does not have", line)
			}
		}
	}
	return nil
}

// timeOf returns when a request was signed, after checking that.
func (v *Verifier) timeOf(s *cavage, h http.Header) (time.Time, error) {
	var signed, created time.Time
	if s.covers("date") {
		var err error
		if signed, err = http.ParseTime(h.Get("Date")); err != nil {
			return signed, fail(Malformed, "the header Date is no date")
		}
		if err := v.recent("header Date", signed); err != nil {
			return signed, err
		}
	}
	if s.covers(lineCreated) {
		seconds, err := strconv.ParseInt(s.created, 10, 64)
		if err != nil || seconds <= 0 {
			return signed, fail(Malformed, "the parameter created is not a number of seconds")
		}
		created = time.Unix(seconds, 0)
		if err := v.recent("parameter created", created); err != nil {
			return signed, err
		}
		signed = created
	}
	if s.covers(lineExpires) {
		seconds, err := strconv.ParseFloat(s.expires, 64) // 2.1.5: a decimal
		if err != nil || seconds <= 0 || seconds > 1e12 {
			return signed, fail(Malformed, "the parameter expires is not a number of seconds")
		}
		if err := v.unexpired(created, time.UnixMilli(int64(seconds*1000))); err != nil {
			return signed, err
		}
	}
	return signed, nil
}

// verify tries the ways in which senders write the path: as it is on the wire;
// without the query, which the draft includes and some forget; with its escapes
// undone, as those do who sign with the library that this package uses.
func (s *cavage) verify(r *http.Request, key crypto.PublicKey) error {
	wire := targetOf(r)
	targets := []string{wire}
	path, _, asked := strings.Cut(wire, "?")
	if asked {
		targets = append(targets, path)
	}
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path && !strings.ContainsAny(decoded, "\r\n") {
		targets = append(targets, decoded+wire[len(path):])
	}
	for _, algorithm := range s.algorithms(key) {
		for _, target := range targets {
			if s.matches(r, target, key, algorithm) {
				return nil
			}
		}
	}
	return fail(BadSignature, "the key %s did not make this signature of these headers", s.keyID)
}

// algorithms are those that a key may have been used with. Where a sender says
// hs2019, SHA-256 is what nearly all mean.
func (s *cavage) algorithms(key crypto.PublicKey) []fed.Algorithm {
	if _, ok := key.(ed25519.PublicKey); ok {
		return []fed.Algorithm{fed.ED25519}
	}
	switch s.algorithm {
	case "rsa-sha256":
		return []fed.Algorithm{fed.RSA_SHA256}
	case "rsa-sha512":
		return []fed.Algorithm{fed.RSA_SHA512}
	}
	return []fed.Algorithm{fed.RSA_SHA256, fed.RSA_SHA512}
}

// matches checks the signature with one reading of the path and one algorithm.
func (s *cavage) matches(r *http.Request, target string, key crypto.PublicKey, algorithm fed.Algorithm) bool {
	if s.covers(lineCreated) || s.covers(lineExpires) {
		return s.matchesTimes(r, target, key, algorithm)
	}
	h := http.Header{"Signature": {`keyId="key",headers="` + strings.Join(s.lines, " ") + `",signature="` + s.signature + `"`}}
	for _, line := range s.lines {
		if name := textproto.CanonicalMIMEHeaderKey(line); line != lineTarget {
			h[name] = valuesOf(r, line)
		}
	}
	verifier, err := fed.NewVerifier(&http.Request{Method: r.Method, URL: &url.URL{Path: target}, Host: r.Host, Header: h})
	return err == nil && verifier.Verify(key, algorithm) == nil
}

// matchesTimes does the same where the signature covers (created) or (expires):
// the library compares these with the clock by itself, and gives peers whose clock
// is wrong ten seconds.
func (s *cavage) matchesTimes(r *http.Request, target string, key crypto.PublicKey, algorithm fed.Algorithm) bool {
	signature, err := base64.StdEncoding.DecodeString(s.signature)
	if err != nil {
		return false
	}
	text := []byte(s.text(r, target))
	switch key := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, text, signature)
	case *rsa.PublicKey:
		if algorithm == fed.RSA_SHA512 {
			sum := sha512.Sum512(text)
			return rsa.VerifyPKCS1v15(key, crypto.SHA512, sum[:], signature) == nil
		}
		sum := sha256.Sum256(text)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// text is what is signed (draft-cavage-12 2.3).
func (s *cavage) text(r *http.Request, target string) string {
	lines := make([]string, len(s.lines))
	for i, line := range s.lines {
		value := ""
		switch line {
		case lineTarget:
			value = strings.ToLower(r.Method) + " " + target
		case lineCreated:
			value = s.created
		case lineExpires:
			value = s.expires
		default:
			values := slices.Clone(valuesOf(r, line))
			for i := range values {
				values[i] = strings.TrimSpace(values[i])
			}
			value = strings.Join(values, ", ")
		}
		lines[i] = line + ": " + value
	}
	return strings.Join(lines, "\n")
}

// valuesOf returns the values of a header; a server finds that of Host elsewhere.
func valuesOf(r *http.Request, line string) []string {
	if line == "host" {
		return []string{r.Host}
	}
	return r.Header.Values(line)
}
