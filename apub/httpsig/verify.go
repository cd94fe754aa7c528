package httpsig

import (
	"crypto"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultWindow is how far the date of a signature may be from the clock of the
// server, either way, if nothing else is said. Senders repeat deliveries signed
// anew, so a wide window serves only clocks that are wrong.
const DefaultWindow = time.Hour

// AcceptSignature is a value of the header Accept-Signature (RFC 9421 5.1): it
// tells a sender that its signature may be one of RFC 9421, and what it has to
// cover. Servers send it with an answer of status 401.
const AcceptSignature = `sig1=("@method" "@target-uri" "content-digest");created;keyid`

// maxSignature bounds the headers that hold a signature, in bytes.
const maxSignature = 16 << 10

// Verifier checks requests that a server receives. It may be used by any number
// of goroutines.
type Verifier struct {
	// Origin is the public address of the server, of which scheme and host count: a
	// signature has to be for this host. Behind a proxy that ends TLS, a request does
	// not tell the scheme that it was signed with.
	Origin *url.URL
	Window time.Duration    // 0 is DefaultWindow
	Now    func() time.Time // nil is time.Now
}

// Signature is the signature of a request, which has passed every check that
// needs no key. It proves nothing until [Signature.Verify] has.
type Signature struct {
	Spec Spec
	// KeyID is where to find the public key.
	KeyID string
	// Time is when the request was signed.
	Time time.Time

	verify func(crypto.PublicKey) error
}

// Signed reports whether a request carries a signature, good or not.
func Signed(r *http.Request) bool {
	return r.Header.Get("Signature-Input") != "" || cavageValue(r.Header) != ""
}

// Offers9421 reports whether an answer says, by the header Accept-Signature, that
// its server understands signatures of RFC 9421.
func Offers9421(answer http.Header) bool {
	return strings.Contains(answer.Get("Accept-Signature"), `"@`)
}

// Parse reads the signature of a request whose body is given, and checks what can
// be checked without the key. Errors are a [*Failure].
func (v *Verifier) Parse(r *http.Request, body []byte) (*Signature, error) {
	if !Signed(r) {
		return nil, fail(Unsigned, "the request has no header Signature")
	}
	if !v.ours(r.Host) {
		return nil, fail(WrongHost, "the request is for the host %q, which is not this server (%s)", r.Host, v.Origin.Host)
	}
	// Both ways use the header Signature; this one makes the difference.
	if r.Header.Get("Signature-Input") != "" {
		return v.parse9421(r, body)
	}
	return v.parseCavage(r, body)
}

// Verify checks the signature with the public key that was found under its
// KeyID. Errors are a [*Failure].
func (s *Signature) Verify(key crypto.PublicKey) error {
	if err := CheckPublicKey(key); err != nil {
		return fail(UnsuitableKey, "the key %s: %v", s.KeyID, err)
	}
	return s.verify(key)
}

func (v *Verifier) ours(host string) bool {
	return normalHost(v.Origin.Scheme, host) == normalHost(v.Origin.Scheme, v.Origin.Host)
}

// recent checks a time that the signature covers.
func (v *Verifier) recent(what string, t time.Time) error {
	window := v.Window
	if window == 0 {
		window = DefaultWindow
	}
	now := v.now()
	switch {
	case t.Before(now.Add(-window)):
		return fail(Stale, "the %s, %s, is more than %s ago; it is %s here", what, written(t), window, written(now))
	case t.After(now.Add(window)):
		return fail(Stale, "the %s, %s, is more than %s ahead; it is %s here", what, written(t), window, written(now))
	}
	return nil
}

// unexpired checks when a signature ends.
func (v *Verifier) unexpired(created, expires time.Time) error {
	if !created.IsZero() && expires.Before(created) {
		return fail(Malformed, "the signature expires before it was created")
	}
	if now := v.now(); expires.Before(now) {
		return fail(Stale, "the signature expired at %s; it is %s here", written(expires), written(now))
	}
	return nil
}

func (v *Verifier) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

func written(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// needsDigest reports whether a signature has to cover a digest of the body.
func needsDigest(r *http.Request, body []byte) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead || len(body) > 0
}

// targetOf is the path and query of a request exactly as they arrived.
func targetOf(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}
