package proof

import (
	"errors"
	"fmt"
)

// Status is what became of the verification of a proof.
type Status string

// The outcomes of verifying. All but the first are failures.
const (
	// Verified: the holder of the key made this document.
	Verified Status = "verified"
	// Missing: the document has no proof.
	Missing Status = "missing"
	// Malformed: the document or its proof cannot be read.
	Malformed Status = "malformed"
	// Unsupported: the document has no proof of the kind eddsa-jcs-2022, or one for
	// another purpose than to assert something.
	Unsupported Status = "unsupported"
	// Expired: the proof says that it is not good any more.
	Expired Status = "expired"
	// WrongContext: the document has another context than it had when the proof was
	// made, so that its words may mean something else.
	WrongContext Status = "wrong context"
	// BadProof: the key did not make this proof of this document. The key is another
	// one, or the document was changed.
	BadProof Status = "bad proof"
)

// Failure is a verification that did not succeed.
type Failure struct {
	Status Status
	Detail string
}

func (f *Failure) Error() string { return "integrity proof: " + f.Detail }

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
