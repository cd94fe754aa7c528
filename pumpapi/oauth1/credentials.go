package oauth1

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strings"
)

// NewIdentifier returns 16 random bytes in base64url without padding, 22 characters:
// a consumer key, a token, a verifier or a nonce. Base64url needs no escaping
// anywhere in the protocol, which matters: QOAuth, which Dianara uses, does not
// decode what it finds in a [TokenReply].
func NewIdentifier() string { return randomText(16) }

// NewSecret returns 32 random bytes in base64url without padding, 43 characters:
// a consumer secret or a token secret.
func NewSecret() string { return randomText(32) }

func randomText(n int) string {
	var b [32]byte
	rand.Read(b[:n]) // never fails (crypto/rand since Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b[:n])
}

// FormType is the Content-Type of an encoded [TokenReply]. choqok's Qt NetworkAuth
// reads the reply by it and ignores one that says text/plain.
const FormType = "application/x-www-form-urlencoded"

// maxTokenReply bounds what ParseTokenReply reads.
const maxTokenReply = 8 << 10

// TokenReply is a server's answer to a request for a request token or for an access
// token (RFC 5849 2.1, 2.3). The secret does not show when printed or logged.
type TokenReply struct {
	Token  string
	Secret string

	// CallbackConfirmed is true for a request token and false for an access token.
	// It tells a client that the server speaks 1.0a, where the callback is signed.
	CallbackConfirmed bool
}

// String hides the secret.
func (r TokenReply) String() string { return "[reply for token " + r.Token + "]" }

// GoString hides the secret.
func (r TokenReply) GoString() string { return r.String() }

// LogValue hides the secret.
func (r TokenReply) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Encode returns the reply's body:
// oauth_token=..&oauth_token_secret=..&oauth_callback_confirmed=true, the last only
// if CallbackConfirmed.
func (r TokenReply) Encode() string {
	s := "oauth_token=" + encode(r.Token) + "&oauth_token_secret=" + encode(r.Secret)
	if r.CallbackConfirmed {
		s += "&oauth_callback_confirmed=true"
	}
	return s
}

// ParseTokenReply reads the body of a reply of at most 8 KiB. Parameters that it
// does not know are ignored, since servers add their own. Errors are
// [*MalformedError] and [*MissingParameterError]; they do not quote the body.
func ParseTokenReply(body []byte) (TokenReply, error) {
	const where = "token reply"
	if len(body) > maxTokenReply {
		return TokenReply{}, tooLong(where, maxTokenReply)
	}
	var params paramList
	if err := params.addPairs(where, strings.TrimSpace(string(body))); err != nil {
		return TokenReply{}, err
	}
	if err := params.sort(); err != nil {
		return TokenReply{}, err
	}
	var r TokenReply
	for _, p := range params {
		switch p.name {
		case "oauth_token":
			r.Token = decode(p.value)
		case "oauth_token_secret":
			r.Secret = decode(p.value)
		case "oauth_callback_confirmed":
			r.CallbackConfirmed = p.value == "true"
		}
	}
	if r.Token == "" {
		return TokenReply{}, &MissingParameterError{Name: "oauth_token"}
	}
	if r.Secret == "" {
		return TokenReply{}, &MissingParameterError{Name: "oauth_token_secret"}
	}
	return r, nil
}
