package oauth1

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SignatureMethod is a value of oauth_signature_method.
type SignatureMethod string

const (
	// HMACSHA1 is what all known clients use (RFC 5849 3.4.2). The weakness of
	// SHA-1 against collisions does not touch its use in an HMAC.
	HMACSHA1 SignatureMethod = "HMAC-SHA1"

	// HMACSHA256 is HMAC-SHA1 with the other hash. RFC 5849 does not define it; it
	// is here because it costs nothing and libraries such as oauthlib offer it.
	HMACSHA256 SignatureMethod = "HMAC-SHA256"

	// Plaintext sends the secrets instead of a signature (RFC 5849 3.4.4). It
	// protects nothing by itself: accept and send it over TLS only.
	Plaintext SignatureMethod = "PLAINTEXT"
)

// hash returns the method's hash function, or nil if it has none.
func (m SignatureMethod) hash() func() hash.Hash {
	switch m {
	case HMACSHA1:
		return sha1.New
	case HMACSHA256:
		return sha256.New
	}
	return nil
}

// Secrets are the two shared secrets that a signature is keyed with. Token is ""
// for a request without a token. They do not show when printed or logged.
type Secrets struct {
	Consumer string
	Token    string
}

// String hides the secrets.
func (Secrets) String() string { return "[secrets]" }

// GoString hides the secrets.
func (Secrets) GoString() string { return "[secrets]" }

// LogValue hides the secrets.
func (Secrets) LogValue() slog.Value { return slog.StringValue("[secrets]") }

// key returns encode(consumer)&encode(token), the key of the HMAC methods and the
// signature of PLAINTEXT. The "&" is there even if there is no token.
func (s Secrets) key() []byte {
	key := make([]byte, 0, len(s.Consumer)+len(s.Token)+16)
	key = appendEncoded(key, s.Consumer)
	key = append(key, '&')
	return appendEncoded(key, s.Token)
}

// appendSignature appends the base64 of the HMAC over text with origin inserted at
// the offset method.
func appendSignature(dst []byte, mac hash.Hash, text []byte, method int, origin []byte) []byte {
	mac.Write(text[:method])
	mac.Write(origin)
	mac.Write(text[method:])
	var sum [sha256.Size]byte
	return base64.StdEncoding.AppendEncode(dst, mac.Sum(sum[:0]))
}

// Signer signs requests as a client. It may be used by several goroutines at once.
type Signer struct {
	ConsumerKey string
	Token       string // "" signs for the consumer alone
	Secrets     Secrets

	Method SignatureMethod  // "" is HMACSHA1
	Now    func() time.Time // nil is time.Now
	Nonce  func() string    // nil is NewIdentifier
}

// Call is a request about to be sent.
type Call struct {
	Method string
	URL    *url.URL // absolute; the query as it will be sent, "?a=b%20c" and "?a=b+c" being the same
	Form   []byte   // the body if its Content-Type is application/x-www-form-urlencoded, else nil

	Callback string // oauth_callback, needed to ask for a request token
	Verifier string // oauth_verifier, needed to ask for an access token
}

// AuthorizationHeader returns the value of the Authorization header for c. It
// fails if the URL or its query cannot be signed, or with [*UnsupportedMethodError].
//
// PLAINTEXT is encoded once, as RFC 5849 has it; pump.io itself demands it encoded
// twice and so refuses it. Use HMAC-SHA1 towards pump.io.
func (s *Signer) AuthorizationHeader(c Call) (string, error) {
	if c.URL == nil {
		return "", errors.New("oauth1: sign: call has no url")
	}
	params, err := s.params(c)
	if err != nil {
		return "", fmt.Errorf("oauth1: sign %s %s: %w", c.Method, c.URL.Redacted(), err)
	}
	header := make([]byte, 0, 512)
	header = append(header, "OAuth "...)
	for _, p := range params {
		header = append(header, p.name...)
		header = append(header, `="`...)
		header = append(header, p.value...)
		header = append(header, `", `...)
	}
	signature, err := s.signature(c, params)
	if err != nil {
		return "", fmt.Errorf("oauth1: sign %s %s: %w", c.Method, c.URL.Redacted(), err)
	}
	header = append(header, `oauth_signature="`...)
	header = appendEncoded(header, signature)
	header = append(header, '"')
	return string(header), nil
}

func (s *Signer) method() SignatureMethod {
	if s.Method == "" {
		return HMACSHA1
	}
	return s.Method
}

// params returns the encoded protocol parameters, without the signature, with
// room for those of query and form behind them.
func (s *Signer) params(c Call) (paramList, error) {
	if s.ConsumerKey == "" {
		return nil, &MissingParameterError{Name: "oauth_consumer_key"}
	}
	now, nonce := time.Now, NewIdentifier
	if s.Now != nil {
		now = s.Now
	}
	if s.Nonce != nil {
		nonce = s.Nonce
	}
	params := append(make(paramList, 0, 16),
		param{"oauth_consumer_key", encode(s.ConsumerKey)},
		param{"oauth_nonce", encode(nonce())},
		param{"oauth_signature_method", encode(string(s.method()))},
		param{"oauth_timestamp", strconv.FormatInt(now().Unix(), 10)},
		param{"oauth_version", "1.0"},
	)
	for _, p := range [...]param{
		{"oauth_token", s.Token},
		{"oauth_callback", c.Callback},
		{"oauth_verifier", c.Verifier},
	} {
		if p.value != "" {
			params = append(params, param{p.name, encode(p.value)})
		}
	}
	return params, nil
}

// signature computes oauth_signature for c, given the protocol parameters. It
// reorders the list.
func (s *Signer) signature(c Call, params paramList) ([]byte, error) {
	if s.method() == Plaintext {
		return s.Secrets.key(), nil
	}
	newHash := s.method().hash()
	if newHash == nil {
		return nil, &UnsupportedMethodError{Method: s.method()}
	}
	if err := params.addPairs("query", c.URL.RawQuery); err != nil {
		return nil, err
	}
	if err := params.addPairs("form body", string(c.Form)); err != nil {
		return nil, err
	}
	if err := params.sort(); err != nil {
		return nil, err
	}
	origin, err := appendOrigin(make([]byte, 0, 64), c.URL)
	if err != nil {
		return nil, err
	}
	path := c.URL.EscapedPath()
	if path == "" {
		path = "/" // what net/http sends (RFC 5849 3.4.1.2)
	}
	text, method := signedText(strings.ToUpper(c.Method), path, params)
	return appendSignature(make([]byte, 0, 64), hmac.New(newHash, s.Secrets.key()), text, method, origin), nil
}
