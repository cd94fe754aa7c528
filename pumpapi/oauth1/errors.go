package oauth1

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotSigned: the request carries no OAuth parameters at all. It may still be
	// authenticated in another way (a cookie, a bearer token).
	ErrNotSigned = errors.New("oauth1: request carries no oauth parameters")

	// ErrBadSignature: the signature is not the one that the holder of these secrets
	// would have made for this request. Either the sender does not have them, or the
	// request was changed, or sender and server disagree about the server's public
	// URL; compare [Message.BaseString] with the sender's to find out which.
	ErrBadSignature = errors.New("oauth1: signature does not match the request")

	// ErrNonceReplayed: a request with the same consumer key, token, timestamp and
	// nonce was accepted before.
	ErrNonceReplayed = errors.New("oauth1: nonce was used before at this timestamp")

	// ErrNonceUndecided: a [NonceMemory] cannot tell whether the nonce is fresh,
	// because it is full or has had to forget the time in question. The request must
	// be refused, as for an overload (503); the sender may try again.
	ErrNonceUndecided = errors.New("oauth1: nonce memory is full and cannot tell whether the nonce is fresh")

	// ErrNoSecret: [Verifier.Verify] was given an empty consumer secret, or an empty
	// token secret for a request with a token. Anybody can sign with an empty secret,
	// so this is a fault of the caller's lookup and never of the sender.
	ErrNoSecret = errors.New("oauth1: no secret to verify the signature with")

	// ErrNoBaseURL: the [Verifier] has no base URL, so no signature base string can
	// be built. A fault of configuration.
	ErrNoBaseURL = errors.New("oauth1: verifier has no base url")
)

// MissingParameterError: a required protocol parameter is absent or empty.
// Servers also use it for the parameters that only some of their endpoints need,
// such as oauth_callback and oauth_verifier.
type MissingParameterError struct {
	Name string // e.g. "oauth_nonce"
}

func (e *MissingParameterError) Error() string {
	return "oauth1: required parameter " + e.Name + " is missing"
}

// MalformedError: a part of the request cannot be read, breaks a rule of the
// protocol's grammar, or is larger than [Parse] accepts.
type MalformedError struct {
	Where  string // "authorization header", "query", "form body", "oauth_timestamp", ...
	Reason string
}

func (e *MalformedError) Error() string {
	return "oauth1: " + e.Where + ": " + e.Reason
}

// UnsupportedMethodError: oauth_signature_method names a method that this package
// does not have or that the [Verifier] does not accept.
type UnsupportedMethodError struct {
	Method SignatureMethod
}

func (e *UnsupportedMethodError) Error() string {
	return fmt.Sprintf("oauth1: signature method %q is not accepted, use %s", string(e.Method), HMACSHA1)
}

// UnsupportedVersionError: oauth_version is present and not "1.0" (RFC 5849 3.1).
type UnsupportedVersionError struct {
	Version string
}

func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("oauth1: oauth_version %q is not supported, send 1.0 or leave it out", e.Version)
}

// TimestampError: oauth_timestamp is further from the server's clock than the
// window allows. ServerTime is worth telling the sender, whose clock is usually
// what is wrong.
type TimestampError struct {
	Timestamp  int64 // as sent, seconds since 1970
	ServerTime time.Time
	Window     time.Duration
}

func (e *TimestampError) Error() string {
	off, side := e.Timestamp-e.ServerTime.Unix(), "ahead of"
	if off < 0 {
		off, side = -off, "behind"
	}
	return fmt.Sprintf("oauth1: oauth_timestamp %d is %d s %s the server's clock (%s), at most %d s are allowed",
		e.Timestamp, off, side, e.ServerTime.UTC().Format(time.RFC3339), int64(e.Window/time.Second))
}

// CallbackError: an oauth_callback is neither "oob" nor an absolute http or https
// URL with a host.
type CallbackError struct {
	Reason string
}

func (e *CallbackError) Error() string {
	return "oauth1: oauth_callback " + e.Reason
}
