package httpsig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	fed "github.com/go-fed/httpsig"
	rfc9421 "github.com/remitly-oss/httpsig-go"
	"golang.org/x/net/http/httpguts"
)

// Spec is one of the two ways to sign a request.
type Spec string

// The ways to sign.
const (
	// Cavage is draft-cavage-http-signatures-12.
	Cavage Spec = "draft-cavage"
	// RFC9421 is RFC 9421, with RFC 9530 for the digest.
	RFC9421 Spec = "rfc9421"
)

// Key is a private key together with the id under which its public half is
// found. It may be used by any number of goroutines.
type Key struct {
	id      string
	private crypto.Signer
	// cavage is the algorithm of the draft, named as what is written.
	cavage  fed.Algorithm
	written string
	// algorithm is that of RFC 9421, get and post are signers for requests without and
	// with a body.
	algorithm rfc9421.Algorithm
	get, post *rfc9421.Signer
}

// NewKey makes a key of an *rsa.PrivateKey or an ed25519.PrivateKey. id is the
// URL by which others find the public half. Errors wrap [ErrKey].
func NewKey(id string, private crypto.Signer) (*Key, error) {
	if id == "" || len(id) > maxKeyID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == ',' }) {
		return nil, fmt.Errorf("%w: the key id %q cannot be written in a header", ErrKey, id)
	}
	k := &Key{id: id, private: private}
	switch private := private.(type) {
	case *rsa.PrivateKey:
		if err := CheckPublicKey(private.Public()); err != nil {
			return nil, err
		}
		// The draft wants "hs2019" for all; several servers refuse it, and nobody
		// refuses this.
		k.cavage, k.written, k.algorithm = fed.RSA_SHA256, "rsa-sha256", rfc9421.Algo_RSA_v1_5_sha256
	case ed25519.PrivateKey:
		k.cavage, k.written, k.algorithm = fed.ED25519, "hs2019", rfc9421.Algo_ED25519
	default:
		return nil, fmt.Errorf("%w: it is a %T, neither RSA nor Ed25519", ErrKey, private)
	}
	var err error
	if k.get, err = signer9421(k, k.algorithm, "@method", "@target-uri"); err != nil {
		return nil, err
	}
	k.post, err = signer9421(k, k.algorithm, "@method", "@target-uri", "content-digest")
	return k, err
}

// signer9421 makes a signer of the profile that Mastodon asks for.
func signer9421(k *Key, algorithm rfc9421.Algorithm, components ...string) (*rfc9421.Signer, error) {
	s, err := rfc9421.NewSigner(rfc9421.SigningProfile{
		Algorithm: algorithm,
		Fields:    rfc9421.Fields(components...),
		Metadata:  []rfc9421.Metadata{rfc9421.MetaCreated, rfc9421.MetaKeyID, rfc9421.MetaAlgorithm},
		Label:     "sig1",
	}, rfc9421.SigningKey{Key: k.private, MetaKeyID: k.id})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return s, nil
}

// ID is the id of the key.
func (k *Key) ID() string { return k.id }

// Public is the public half of the key.
func (k *Key) Public() crypto.PublicKey { return k.private.Public() }

// Sign signs a request of a client. It sets the headers Date, Signature and,
// depending on spec, Digest or Signature-Input and Content-Digest; one that was
// signed before is signed anew. d is the digest of the body, nil for a request
// without one. covered are further headers of the request that the signature is to
// cover.
func (k *Key) Sign(r *http.Request, spec Spec, d *Digest, covered ...string) error {
	for _, name := range []string{"Signature", "Signature-Input", "Digest", "Content-Digest"} {
		r.Header.Del(name)
	}
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if spec == RFC9421 {
		return k.sign9421(r, d, covered)
	}
	return k.signCavage(r, d, covered)
}

// signCavage covers what everybody demands, and no more than was asked for.
func (k *Key) signCavage(r *http.Request, d *Digest, more []string) error {
	host, err := hostOf(r)
	if err != nil {
		return err
	}
	covered := []string{"(request-target)", "host", "date"}
	// The library reads the host from the header, and signs the path decoded.
	signed := &http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.RequestURI()}, Header: http.Header{
		"Host": {host},
		"Date": r.Header["Date"],
	}}
	if d != nil {
		covered = append(covered, "digest")
		signed.Header["Digest"] = []string{d.cavage}
		r.Header.Set("Digest", d.cavage)
	}
	for _, name := range more {
		covered = append(covered, strings.ToLower(name))
		signed.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
	}
	// A signer of the library is used by one goroutine only, and made in no time.
	s, _, err := fed.NewSigner([]fed.Algorithm{k.cavage}, fed.DigestSha256, covered, fed.Signature, 0)
	if err != nil {
		return fmt.Errorf("signing a request: %w", err)
	}
	if err := s.SignRequest(k.private, k.id, signed, nil); err != nil {
		return fmt.Errorf("signing a request: %w", err)
	}
	// The parameter is not signed, and the library writes hs2019 whatever it is.
	signature := strings.Replace(signed.Header.Get("Signature"), `algorithm="hs2019"`, `algorithm="`+k.written+`"`, 1)
	r.Header.Set("Signature", signature)
	return nil
}

func (k *Key) sign9421(r *http.Request, d *Digest, more []string) error {
	host, err := hostOf(r)
	if err != nil {
		return err
	}
	signed := presented(r.Method, r.URL.Scheme, host, r.URL.RequestURI())
	s := k.get
	if d != nil {
		s = k.post
		signed.Header.Set("Content-Digest", d.content)
		r.Header.Set("Content-Digest", d.content)
	}
	if len(more) > 0 {
		components := []string{"@method", "@target-uri"}
		if d != nil {
			components = append(components, "content-digest")
		}
		for _, name := range more {
			signed.Header.Set(name, strings.Join(r.Header.Values(name), ", "))
		}
		if s, err = signer9421(k, k.algorithm, append(components, more...)...); err != nil {
			return err
		}
	}
	if err := s.Sign(signed); err != nil {
		return fmt.Errorf("signing a request: %w", err)
	}
	for _, name := range []string{"Signature", "Signature-Input"} {
		r.Header[name] = signed.Header[name]
	}
	return nil
}

// presented is a request of which the library for RFC 9421 derives the right
// components: it takes the scheme from whether there is TLS, the path in
// @target-uri from RawPath alone and in @path from the decoded one, and leaves out
// the question mark before the query.
func presented(method, scheme, host, target string) *http.Request {
	path, query, asked := strings.Cut(target, "?")
	u := &url.URL{Path: path, RawPath: path, RawQuery: query}
	if asked {
		u.RawPath += "?"
	}
	r := &http.Request{Method: method, URL: u, Host: normalHost(scheme, host), Header: http.Header{}}
	if scheme == "https" {
		r.TLS = &tls.ConnectionState{}
	}
	return r
}

// hostOf is what net/http writes into the header Host of a request.
func hostOf(r *http.Request) (string, error) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	host, err := httpguts.PunycodeHostPort(host)
	if err != nil {
		return "", fmt.Errorf("signing a request: the host: %w", err)
	}
	return host, nil
}

// normalHost writes a host as RFC 9421 2.2.3 and the URLs of a server have it: in
// lower case, without the port that goes without saying.
func normalHost(scheme, host string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}
