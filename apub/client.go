package apub

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"manifold/apub/httpsig"
	"manifold/bridge"
	"manifold/internal/outbound"
	"manifold/models"
)

// accepted is what we ask other servers for.
const accepted = `application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"`

// FetchError says why a document could not be had from another server.
type FetchError struct {
	// URL is what was asked for, Status the answer, 0 where that is not what failed.
	URL     string
	Status  int
	Problem string
	// Lasting says that to ask again soon makes no sense: the thing is not there, or
	// not shown to us, or is not what it should be.
	Lasting bool
}

func (e *FetchError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("%s: status %d: %s", e.URL, e.Status, e.Problem)
	}
	return e.URL + ": " + e.Problem
}

// gone reports whether the server says that there is no such thing, or no more.
func (e *FetchError) gone() bool {
	return e.Status == http.StatusGone || e.Status == http.StatusNotFound
}

func notHad(address, format string, args ...any) error {
	return &FetchError{URL: address, Problem: fmt.Sprintf(format, args...), Lasting: true}
}

// lasting reports whether err is a [*FetchError] that will stay.
func lasting(err error) bool {
	e, ok := errors.AsType[*FetchError](err)
	return ok && e.Lasting
}

// fetched is a document as its own server gave it.
type fetched struct {
	doc *Document
	// url is where it was found in the end.
	url, contentType string
	bytes            []byte
}

// fetch reads the document with an id from its own server, signed in the name of
// this server. What comes back has that id, or the one that the server says it has
// instead, under which it was found then.
func (s *Server) fetch(ctx context.Context, iri string) (*fetched, error) {
	asked := iri
	for range 2 {
		f, err := s.fetchOnce(ctx, asked)
		if err != nil {
			return nil, err
		}
		switch {
		case f.doc.ID == "":
			return nil, notHad(iri, "the document has no id")
		case sameAddress(f.doc.ID, f.url):
			return f, nil
		}
		// A page, or an old address: what counts is what is served at the id.
		asked = f.doc.ID
	}
	return nil, notHad(iri, "the document that is served there says that it is another one, and so does that one")
}

// fetchOnce reads whatever document is at an address.
func (s *Server) fetchOnce(ctx context.Context, address string) (*fetched, error) {
	if err := s.mayFetch(address); err != nil {
		return nil, err
	}
	id, err := s.server(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := s.exchange(ctx, id, outbound.Request{URL: address, MaxBody: MaxDocument, Header: http.Header{"Accept": {accepted}}}, nil)
	if err != nil {
		return nil, unreachable(address, err)
	}
	if answer.Status != http.StatusOK {
		return nil, notServed(address, answer)
	}
	contentType := answer.Header.Get("Content-Type")
	if !isActivityType(contentType) {
		return nil, notHad(address, "the answer is %q, not a document of ActivityPub", contentType)
	}
	doc, err := Decode(answer.Body, DecodeOptions{Names: s.names})
	if err != nil {
		return nil, notHad(address, "%v", err)
	}
	return &fetched{doc: doc, url: answer.URL, contentType: contentType, bytes: answer.Body}, nil
}

// mayFetch refuses addresses that are ours, where a request would only come back,
// and those that cannot be trusted: plain http, but on a closed network.
func (s *Server) mayFetch(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return notHad(address, "it is no address of the web")
	case u.Scheme == "http" && !strings.HasPrefix(s.names.Base, "http:"):
		return notHad(address, "what is served without TLS is not believed")
	case s.names.Ours(address):
		return notHad(address, "it is of this server, and does not come from elsewhere")
	}
	return nil
}

// unreachable says of what is wrong with the address itself that it stays so.
func unreachable(address string, err error) error {
	forbidden := (*outbound.ForbiddenAddressError)(nil)
	redirected := (*outbound.RedirectError)(nil)
	e := &FetchError{URL: address, Problem: err.Error()}
	e.Lasting = errors.As(err, &forbidden) || errors.As(err, &redirected) || errors.Is(err, outbound.ErrUnsupportedURL) ||
		errors.Is(err, outbound.ErrTooLarge) || errors.Is(err, bridge.ErrHostBlocked) || lasting(err)
	return e
}

// unsent reports whether nothing has left for a server, so that what went wrong says
// nothing about it.
func unsent(err error) bool {
	_, here := errors.AsType[*FetchError](err)
	return here || !outbound.Sent(err) || errors.Is(err, bridge.ErrHostBlocked)
}

// notServed makes an error of an answer that is not a document.
func notServed(address string, answer *outbound.Response) error {
	e := &FetchError{URL: address, Status: answer.Status, Problem: "the document is not to be had"}
	switch s := answer.Status; {
	case s == http.StatusRequestTimeout, s == http.StatusTooManyRequests, s == http.StatusTooEarly:
	case s < http.StatusInternalServerError:
		e.Lasting = true
	}
	return e
}

// exchange makes a signed request. Where a host does not accept the way that it was
// signed in, it is signed in the other way once, and which one was accepted is
// remembered. covered are headers of the request that are signed as well.
func (s *Server) exchange(ctx context.Context, id *identity, r outbound.Request, d *httpsig.Digest, covered ...string) (*outbound.Response, error) {
	host := hostOf(r.URL)
	spec, err := s.specOf(ctx, host)
	if err != nil {
		return nil, err
	}
	answer, err := s.sendAs(ctx, id, r, d, spec, covered)
	if err != nil || !refused(answer.Status, spec) {
		return answer, err
	}
	other := httpsig.Cavage
	if spec == httpsig.Cavage {
		other = httpsig.RFC9421
	}
	second, err := s.sendAs(ctx, id, r, d, other, covered)
	if err != nil || refused(second.Status, spec) || refused(second.Status, other) {
		// Neither way was the reason. The first answer says what was.
		return answer, nil
	}
	return second, s.learnSpec(ctx, host, other, true)
}

// refused reports whether an answer may mean that a signature was not understood.
// To one of RFC 9421, a server that does not know it says that the header
// Signature is malformed, or missing.
func refused(status int, spec httpsig.Spec) bool {
	return status == http.StatusUnauthorized || spec == httpsig.RFC9421 && (status == http.StatusBadRequest || status == http.StatusForbidden)
}

func (s *Server) sendAs(ctx context.Context, id *identity, r outbound.Request, d *httpsig.Digest, spec httpsig.Spec, covered []string) (*outbound.Response, error) {
	r.Sign = func(req *http.Request) error {
		if s.names.Ours(req.URL.String()) {
			return notHad(r.URL, "it leads to this server")
		}
		return id.key.Sign(req, spec, d, covered...)
	}
	if r.Method != http.MethodPost {
		return s.outbound.Do(ctx, r)
	}
	// What an inbox answers besides the status matters only where it is a refusal, and
	// is not read to its end if it is long.
	stream, err := s.outbound.Stream(ctx, r)
	if err != nil {
		return nil, err
	}
	defer stream.Body.Close()
	said := stream.Drain(maxAnswer)
	return &outbound.Response{Status: stream.Status, Header: stream.Header, Body: []byte(said), URL: stream.URL}, nil
}

// maxAnswer is how far the answer of an inbox is read, in bytes.
const maxAnswer = 16 << 10

// specOf returns how a host is to be sent signatures.
func (s *Server) specOf(ctx context.Context, host string) (httpsig.Spec, error) {
	if spec, ok := s.memory.specs.Get(host); ok {
		return spec, nil
	}
	if err := s.recallSpecs(ctx, host); err != nil {
		return "", err
	}
	spec, _ := s.memory.specs.Get(host)
	if spec == "" {
		spec = httpsig.Cavage
	}
	return spec, nil
}

// recallSpecs reads how hosts take signatures, as far as that is not in memory.
func (s *Server) recallSpecs(ctx context.Context, hosts ...string) error {
	var unknown []string
	for _, host := range hosts {
		if !s.memory.specs.Contains(host) {
			unknown = append(unknown, host)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	specs, err := s.db.SignatureSpecs(ctx, unknown...)
	if err != nil {
		return err
	}
	for _, host := range unknown {
		spec := httpsig.Cavage
		if httpsig.Spec(specs[host]) == httpsig.RFC9421 {
			spec = httpsig.RFC9421
		}
		s.memory.specs.Add(host, spec)
	}
	return nil
}

// learnSpec notes how a host takes signatures: tried says that it has accepted one,
// else it has only sent one itself, which changes nothing about what was tried.
func (s *Server) learnSpec(ctx context.Context, host string, spec httpsig.Spec, tried bool) error {
	if known, ok := s.memory.specs.Get(host); ok && known == spec {
		return nil
	}
	known, err := s.db.SignatureSpecs(ctx, host)
	if err != nil {
		return err
	}
	if known[host] != "" && !tried {
		s.memory.specs.Add(host, httpsig.Spec(known[host]))
		return nil
	}
	if known[host] != string(spec) {
		err = s.db.Write(ctx, func(tx *models.Tx) error { return tx.SetSignatureSpec(ctx, host, string(spec), s.now()) })
	}
	if err == nil {
		s.memory.specs.Add(host, spec)
	}
	return err
}

// isActivityType reports whether a content type is one of ActivityPub. The profile
// of ld+json is often left out.
func isActivityType(contentType string) bool {
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	switch t {
	case activityType:
		return true
	case "application/ld+json":
		profile, has := params["profile"]
		return !has || strings.Contains(profile, "www.w3.org/ns/activitystreams")
	}
	return false
}

// hostOf returns the host of an address as we write hosts: in lower case, with the
// port where that is not the usual one. It is "" for what is no address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	usual := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	if usual == "" {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), usual)
}

// sameHost reports whether two addresses are of one server. What a server says
// about others is not believed.
func sameHost(a, b string) bool { return hostOf(a) != "" && hostOf(a) == hostOf(b) }

// sameAddress compares addresses, without their fragments.
func sameAddress(a, b string) bool {
	return bare(a) == bare(b)
}

// bare is an address without its fragment, its host in the usual spelling.
func bare(address string) string {
	address, _, _ = strings.Cut(address, "#")
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Scheme + "://" + hostOf(address) + u.RequestURI()
}
