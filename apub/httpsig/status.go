package httpsig

import (
	"errors"
	"fmt"
)

// Status is what became of the verification of a signature.
type Status string

// The outcomes of verifying. All but the first are failures.
const (
	// Verified: the holder of the key sent this request, to this server, recently,
	// with this body.
	Verified Status = "verified"
	// Unsigned: the request carries no signature.
	Unsigned Status = "unsigned"
	// Malformed: the signature, or a header that it depends on, cannot be read.
	Malformed Status = "malformed"
	// Unsupported: the signature is made in a way that is not understood here, such
	// as an algorithm that is not known or more than one signature in a request.
	Unsupported Status = "unsupported"
	// NotCovered: the signature leaves out a part of the request that it has to
	// cover, so that somebody may have changed it.
	NotCovered Status = "not covered"
	// Stale: the signature is too old or from the future, or has expired. The request
	// may be one that was recorded.
	Stale Status = "stale"
	// WrongHost: the request was made for another server.
	WrongHost Status = "wrong host"
	// DigestMissing: the request has a body and no digest of it in an algorithm that
	// is understood here.
	DigestMissing Status = "digest missing"
	// DigestMismatch: the body is not the one that the digest was made of.
	DigestMismatch Status = "digest mismatch"
	// UnsuitableKey: the key is of a kind that no signature here is made with.
	UnsuitableKey Status = "unsuitable key"
	// BadSignature: the key did not make this signature for this request. The key is
	// another one, or the request was changed on its way.
	BadSignature Status = "bad signature"
)

// Failure is a verification that did not succeed. Its text may be told to the
// sender.
type Failure struct {
	Status Status
	Detail string
}

func (f *Failure) Error() string { return "HTTP signature: " + f.Detail }

func fail(s Status, format string, args ...any) error {
	return &Failure{Status: s, Detail: fmt.Sprintf(format, args...)}
}

// StatusOf returns the outcome that an error of this package tells: [Verified] for
// nil, and "" for an error of another kind.
func StatusOf(err error) Status {
	if err == nil {
		return Verified
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Status
	}
	return ""
}
