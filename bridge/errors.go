package bridge

import (
	"errors"
	"fmt"

	"manifold/models"
)

// Reason is why the bridge refuses something; networks make their status codes
// of it.
type Reason int

// The reasons for a refusal.
const (
	// Invalid: the document cannot be understood or contradicts itself.
	Invalid Reason = iota + 1
	// NotAllowed: the actor has no right to do that.
	NotAllowed
	// Missing: what it names does not exist.
	Missing
	// Gone: what it names existed once.
	Gone
	// Exists: what it would make is there already.
	Exists
	// Closed: that kind of thing is switched off here.
	Closed
)

// Error is a refusal. Its text is meant for the person or program that asked.
type Error struct {
	Reason Reason
	Text   string
	// Subject and ID tell what exists or is missing, in the words of the pump.io
	// API ("edge", "favorite", "user"); they may be empty.
	Subject, ID string
	// Fetch is the id of a thing that nobody here knows; with it the activity would
	// not have been refused. Whoever can fetch it may try again after that.
	Fetch string
}

func (e *Error) Error() string { return e.Text }

// ReasonOf returns why err refuses something, or 0 when it is a failure of ours.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return 0
}

// ToFetch returns the id of the thing that has to be fetched before what was
// refused with err can be done, "" where that would not help.
func ToFetch(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fetch
	}
	return ""
}

func invalid(format string, args ...any) error {
	return &Error{Reason: Invalid, Text: fmt.Sprintf(format, args...)}
}

func notAllowed(format string, args ...any) error {
	return &Error{Reason: NotAllowed, Text: fmt.Sprintf(format, args...)}
}

func gone(o *models.Object) error {
	return &Error{Reason: Gone, Text: "Deleted", Subject: o.Type, ID: o.Doc.ID}
}

// exists and missing are worded as pump.io does, whose clients show the text.
func exists(subject, id string) error {
	return &Error{Reason: Exists, Subject: subject, ID: id, Text: fmt.Sprintf("Already have a(n) '%s' with id '%s'", subject, id)}
}

func missing(subject, id string) error {
	return &Error{Reason: Missing, Subject: subject, ID: id, Text: fmt.Sprintf("No such '%s' with id '%s'", subject, id)}
}

// unfetched is missing for what may be fetched.
func unfetched(subject, id string) error {
	return &Error{Reason: Missing, Subject: subject, ID: id, Fetch: id, Text: fmt.Sprintf("No such '%s' with id '%s'", subject, id)}
}
