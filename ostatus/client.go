package ostatus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/ostatus/xrd"
)

// FetchError says why something could not be had from another server.
type FetchError struct {
	// Address is what was asked, Status the answer, 0 where that is not what failed.
	Address string
	Status  int
	Problem string
	// Lasting says that to ask again soon makes no sense: it is not there, or is not
	// what it should be.
	Lasting bool
}

func (e *FetchError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("%s: status %d: %s", e.Address, e.Status, e.Problem)
	}
	return e.Address + ": " + e.Problem
}

func notHad(address, format string, args ...any) error {
	return &FetchError{Address: address, Problem: fmt.Sprintf(format, args...), Lasting: true}
}

// lasting reports whether err is a [*FetchError] that will stay.
func lasting(err error) bool {
	e, ok := errors.AsType[*FetchError](err)
	return ok && e.Lasting
}

// plainHTTP reports whether others may be asked without TLS, which anybody in between
// could answer: only on a closed network, where we do without it ourselves.
func (s *Server) plainHTTP() bool { return strings.HasPrefix(s.names.Base, "http:") }

// mayFetch refuses addresses that are ours, where a request would only come back,
// and those that cannot be trusted.
func (s *Server) mayFetch(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return notHad(address, "it is no address of the web")
	case u.Scheme == "http" && !s.plainHTTP():
		return notHad(address, "what is served without TLS is not believed")
	case s.names.Ours(address):
		return notHad(address, "it is of this server, and does not come from elsewhere")
	}
	return nil
}

// get reads what is at an address, up to limit bytes of it. An answer of whatever
// status is no error. Errors are of type [*FetchError].
func (s *Server) get(ctx context.Context, address, accept string, limit int) (*xrd.Answer, error) {
	if err := s.mayFetch(address); err != nil {
		return nil, err
	}
	stream, err := s.outbound.Stream(ctx, outbound.Request{URL: address, MaxBody: 1 << 40, Header: http.Header{"Accept": {accept}}})
	if err != nil {
		return nil, unreachable(address, err)
	}
	defer stream.Body.Close()
	// A redirect may lead to where we would not have asked.
	if err := s.mayFetch(stream.URL); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(stream.Body, int64(limit)))
	if err != nil {
		return nil, unreachable(address, err)
	}
	return &xrd.Answer{Address: stream.URL, Status: stream.Status, Header: stream.Header, Body: body}, nil
}

// unreachable says of what is wrong with the address itself that it stays so.
func unreachable(address string, err error) error {
	forbidden := (*outbound.ForbiddenAddressError)(nil)
	redirected := (*outbound.RedirectError)(nil)
	return &FetchError{Address: address, Problem: err.Error(), Lasting: errors.As(err, &forbidden) || errors.As(err, &redirected) ||
		errors.Is(err, outbound.ErrUnsupportedURL) || errors.Is(err, bridge.ErrHostBlocked)}
}

// notServed makes an error of an answer that is not what was asked for.
func notServed(address string, status int) error {
	e := &FetchError{Address: address, Status: status, Problem: "it is not to be had"}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusTooEarly:
	default:
		e.Lasting = status < http.StatusInternalServerError
	}
	return e
}

// finder looks names up.
func (s *Server) finder() *xrd.Finder {
	return &xrd.Finder{AllowHTTP: s.plainHTTP(), Fetch: func(ctx context.Context, address, accept string, limit int) (*xrd.Answer, error) {
		// One byte more tells that there is more than is read.
		a, err := s.get(ctx, address, accept, limit+1)
		if lasting(err) {
			return nil, &xrd.RefusedError{Err: err}
		}
		return a, err
	}}
}

// lookup finds the descriptor of a name. Errors are of type [*FetchError], or that
// of the context.
func (s *Server) lookup(ctx context.Context, name string) (*xrd.Found, error) {
	d, err := s.finder().Find(ctx, name)
	if err == nil || ctx.Err() != nil {
		return d, err
	}
	missing, ok := errors.AsType[*xrd.NotFoundError](err)
	return nil, &FetchError{Address: name, Problem: err.Error(), Lasting: !ok || !missing.Temporary}
}

// hostOf returns the host of an address as we write hosts: in lower case, with the
// port where that is not the usual one. It is "" for what is no address.
func hostOf(address string) string {
	r, err := xrd.ParseResource(address)
	if err != nil || r.Account {
		return ""
	}
	return r.Host
}

// sameHost reports whether two addresses are of one server. What a server says
// about others is not believed.
func sameHost(a, b string) bool { return hostOf(a) != "" && hostOf(a) == hostOf(b) }
