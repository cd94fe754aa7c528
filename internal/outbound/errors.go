package outbound

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
)

var (
	// ErrUnsupportedURL means that the URL, or the target of a redirect, is
	// not one this client goes to: not absolute, not http or https, without a
	// host, or with a user or password in it. Nothing was sent there.
	ErrUnsupportedURL = errors.New("unsupported URL")

	// ErrHostBusy means that all places of the host stayed taken until the
	// context or the time limit ended, or, for GET and HEAD, that the host has
	// answered none of those who have them for some time. Nothing was sent, so
	// that it says nothing about the health of the host.
	ErrHostBusy = errors.New("too many requests to this host are under way")

	// ErrTooLarge means that the body of the answer, decompressed, is longer
	// than the limit.
	ErrTooLarge = errors.New("answer is too large")

	// ErrTooManyRedirects is the reason in a RedirectError when
	// Options.MaxRedirects were followed and the answer is yet another.
	ErrTooManyRedirects = errors.New("too many redirects")

	// ErrDowngrade is the reason in a RedirectError that would have led from
	// https to http.
	ErrDowngrade = errors.New("redirect from https to http")

	// ErrRedirectedMethod is the reason in a RedirectError for a method other
	// than GET and HEAD. The caller may send the request again, signed for the
	// new location.
	ErrRedirectedMethod = errors.New("only GET and HEAD follow redirects")
)

// Sent reports whether a request that failed has left, so that its failure tells
// something about the host. What was refused here, found no place at the host in time,
// or was abandoned by its caller, does not.
func Sent(err error) bool {
	if _, redirected := errors.AsType[*RedirectError](err); redirected {
		return true
	}
	_, forbidden := errors.AsType[*ForbiddenAddressError](err)
	return !forbidden && !errors.Is(err, ErrHostBusy) && !errors.Is(err, ErrUnsupportedURL) && !errors.Is(err, context.Canceled)
}

// RedirectError is a redirect that was not followed.
type RedirectError struct {
	Status   int    // 301, 302, 303, 307 or 308
	Location string // absolute where it could be resolved, else as received
	// Err is the reason: ErrTooManyRedirects, ErrDowngrade,
	// ErrRedirectedMethod, or wraps ErrUnsupportedURL.
	Err error
}

func (e *RedirectError) Error() string {
	to := "an invalid location"
	if u, err := url.Parse(e.Location); err == nil {
		to = u.Scheme + "://" + u.Host
	}
	return fmt.Sprintf("status %d to %s not followed: %v", e.Status, to, e.Err)
}

func (e *RedirectError) Unwrap() error { return e.Err }

// ForbiddenAddressError is a host that resolved to an address outside the
// public internet. Nothing was sent to it.
type ForbiddenAddressError struct {
	Host string     // host and port as asked for
	Addr netip.Addr // what it resolved to
	Kind string     // what is special about the address, for example "loopback"
}

func (e *ForbiddenAddressError) Error() string {
	return fmt.Sprintf("refused to connect to %s: its address %s is not public (%s)", e.Host, e.Addr, e.Kind)
}
