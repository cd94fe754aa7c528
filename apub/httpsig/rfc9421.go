package httpsig

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
	rfc9421 "github.com/remitly-oss/httpsig-go"
)

// maxComponents bounds how many components a signature of RFC 9421 may cover.
const maxComponents = 64

// derived are the components without a header of their own that the library
// derives (RFC 9421 2.2). It takes @scheme and @request-target for empty.
var derived = []string{"@method", "@target-uri", "@authority", "@path", "@query"}

// input is the one signature of a request, as the header Signature-Input
// describes it.
type input struct {
	label, keyID, algorithm string
	created, expires        time.Time
	components              []string
}

// readInput reads the header Signature-Input (RFC 9421 4.1). What it lets through
// the library can read: that panics over parameters of another type than it
// expects.
func readInput(h http.Header) (*input, error) {
	values := h.Values("Signature-Input")
	if n := len(strings.Join(values, ",")) + len(strings.Join(h.Values("Signature"), ",")); n > maxSignature {
		return nil, fail(Malformed, "the headers of the signature have %d bytes, at most %d are read", n, maxSignature)
	}
	list, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return nil, fail(Malformed, "the header Signature-Input is not a dictionary")
	}
	// As with Mastodon: which of several counts would be a guess.
	if names := list.Names(); len(names) != 1 {
		return nil, fail(Unsupported, "the header Signature-Input describes %d signatures, not one", len(names))
	}
	in := &input{label: list.Names()[0]}
	member, _ := list.Get(in.label)
	inner, ok := member.(httpsfv.InnerList)
	if !ok {
		return nil, fail(Malformed, "the header Signature-Input has no list of components")
	}
	if err := in.readComponents(inner.Items); err != nil {
		return nil, err
	}
	return in, in.readParameters(inner.Params)
}

func (in *input) readComponents(items []httpsfv.Item) error {
	if len(items) > maxComponents {
		return fail(Malformed, "the signature covers %d components, at most %d are read", len(items), maxComponents)
	}
	for _, item := range items {
		name, ok := item.Value.(string)
		switch {
		case !ok || name == "":
			return fail(Malformed, "a component of the signature is not a string")
		case strings.HasPrefix(name, "@") && !slices.Contains(derived, name):
			return fail(Unsupported, "the component %q is not understood here", name)
		case len(item.Params.Names()) > 0:
			// They change what is covered; nobody uses them here.
			return fail(Unsupported, "the component %q has parameters, which are not understood here", name)
		}
		in.components = append(in.components, name)
	}
	return nil
}

// readParameters reads the parameters of a signature (RFC 9421 2.3).
func (in *input) readParameters(params *httpsfv.Params) error {
	for _, name := range params.Names() {
		value, _ := params.Get(name)
		text, isText := value.(string)
		seconds, isNumber := value.(int64)
		switch name {
		case "created", "expires":
			if !isNumber || seconds <= 0 {
				return fail(Malformed, "the parameter %s is not a number of seconds", name)
			}
			if name == "created" {
				in.created = time.Unix(seconds, 0)
			} else {
				in.expires = time.Unix(seconds, 0)
			}
			continue
		case "keyid":
			in.keyID = text
		case "alg":
			in.algorithm = text
		case "nonce", "tag":
		default:
			return fail(Unsupported, "the parameter %s is not understood here", name)
		}
		if !isText {
			return fail(Malformed, "the parameter %s is not a string", name)
		}
	}
	switch {
	case in.keyID == "":
		return fail(Malformed, "the signature has no parameter keyid")
	case len(in.keyID) > maxKeyID:
		return fail(Malformed, "the key id has %d bytes, at most %d are read", len(in.keyID), maxKeyID)
	case in.created.IsZero():
		return fail(NotCovered, "the signature has no parameter created")
	}
	switch rfc9421.Algorithm(in.algorithm) {
	case "", rfc9421.Algo_RSA_v1_5_sha256, rfc9421.Algo_RSA_PSS_SHA512, rfc9421.Algo_ED25519:
		return nil
	}
	return fail(Unsupported, "the algorithm %q is not accepted, use rsa-v1_5-sha256", in.algorithm)
}

// parse9421 checks everything about a signature of RFC 9421 but the signature.
func (v *Verifier) parse9421(r *http.Request, body []byte) (*Signature, error) {
	in, err := readInput(r.Header)
	if err != nil {
		return nil, err
	}
	needed := []string{"@method", "@target-uri"}
	if needsDigest(r, body) {
		needed = append(needed, "content-digest")
	}
	for _, name := range needed {
		if !slices.Contains(in.components, name) {
			return nil, fail(NotCovered, "the signature does not cover %s", name)
		}
	}
	for _, name := range in.components {
		if !strings.HasPrefix(name, "@") && name != "host" && len(r.Header.Values(name)) == 0 {
			return nil, fail(Malformed, "the signature covers the header %s, which the request does not have", name)
		}
	}
	if err := v.recent("parameter created", in.created); err != nil {
		return nil, err
	}
	if !in.expires.IsZero() {
		if err := v.unexpired(in.created, in.expires); err != nil {
			return nil, err
		}
	}
	if slices.Contains(in.components, "content-digest") {
		if err := checkContentDigest(r.Header.Values("Content-Digest"), body); err != nil {
			return nil, err
		}
	}
	scheme := v.Origin.Scheme
	return &Signature{Spec: RFC9421, KeyID: in.keyID, Time: in.created,
		verify: func(key crypto.PublicKey) error { return in.verify(r, scheme, body, key) }}, nil
}

// verify has the library check the signature. All that it would say about times
// and coverage has been said already.
func (in *input) verify(r *http.Request, scheme string, body []byte, key crypto.PublicKey) error {
	shown := presented(r.Method, scheme, r.Host, targetOf(r))
	for _, name := range append([]string{"signature", "signature-input"}, in.components...) {
		if !strings.HasPrefix(name, "@") {
			// RFC 9421 2.1: the library does not join several lines of one header.
			values := slices.Clone(valuesOf(r, name))
			for i := range values {
				values[i] = strings.TrimSpace(values[i])
			}
			shown.Header.Set(name, strings.Join(values, ", "))
		}
	}
	shown.Body = io.NopCloser(bytes.NewReader(body))
	algorithm := in.algorithmOf(key)
	_, err := rfc9421.Verify(shown, oneKey{rfc9421.KeySpec{KeyID: in.keyID, Algo: algorithm, PubKey: key}}, rfc9421.VerifyProfile{
		SignatureLabel:         in.label,
		AllowedAlgorithms:      []rfc9421.Algorithm{algorithm},
		DisableTimeEnforcement: true,
	})
	if err != nil {
		return fail(BadSignature, "the key %s did not make this signature of these components", in.keyID)
	}
	return nil
}

// algorithmOf chooses by the key. Where an RSA key may be used in two ways, what
// the signature says about itself decides between these.
func (in *input) algorithmOf(key crypto.PublicKey) rfc9421.Algorithm {
	if _, ok := key.(ed25519.PublicKey); ok {
		return rfc9421.Algo_ED25519
	}
	if rfc9421.Algorithm(in.algorithm) == rfc9421.Algo_RSA_PSS_SHA512 {
		return rfc9421.Algo_RSA_PSS_SHA512
	}
	return rfc9421.Algo_RSA_v1_5_sha256
}

// oneKey gives the library the key that the caller has found.
type oneKey struct{ spec rfc9421.KeySpec }

// FetchByKeyID implements rfc9421.KeyFetcher.
func (k oneKey) FetchByKeyID(context.Context, http.Header, string) (rfc9421.KeySpecer, error) {
	return k.spec, nil
}

// Fetch implements rfc9421.KeyFetcher.
func (k oneKey) Fetch(context.Context, http.Header, rfc9421.MetadataProvider) (rfc9421.KeySpecer, error) {
	return k.spec, nil
}
