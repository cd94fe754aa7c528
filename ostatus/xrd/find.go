package xrd

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Fetch gets a document by HTTP, following redirects, and reads at most limit
// bytes of it. An answer of whatever status is no error. Whether an address may be
// asked at all (of the own network, say) is for it to decide; it returns a
// [*RefusedError] for one that may not.
type Fetch func(ctx context.Context, address, accept string, limit int) (*Answer, error)

// Answer is what a fetch has brought.
type Answer struct {
	// Address is where it came from in the end.
	Address string
	Status  int
	Header  http.Header
	Body    []byte
}

// Finder looks names up.
type Finder struct {
	Fetch Fetch
	// AllowHTTP allows addresses without TLS, on which anybody in between can answer.
	AllowHTTP bool
}

// Found is what a name was found to stand for.
type Found struct {
	// Resource is the name under which its host confirms it. It is another than was
	// asked for where that led to it.
	Resource Resource
	// Descriptor names Resource as its subject or among its aliases. Its other names
	// are what it claims: on another host they are true only if that host says so
	// too.
	Descriptor *Descriptor
	// Address is where the descriptor was found.
	Address string
}

// NotFoundError means that nothing was found under a name.
type NotFoundError struct {
	Name string
	// Tries are what was asked, in this order.
	Tries []Try
	// Temporary is set when something could not be asked, or when somebody answered
	// that something is wrong there: it may be found another time.
	Temporary bool
}

// Try is one address that was asked in vain.
type Try struct{ Address, Reason string }

// RefusedError means that an address is not asked, now or later.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "xrd: nothing was found for %s", e.Name)
	for _, t := range e.Tries {
		fmt.Fprintf(&b, "; %s: %s", t.Address, t.Reason)
	}
	return b.String()
}

// UnconfirmedError means that a descriptor was found, but is not about what was
// asked for, and who it is about does not say otherwise.
type UnconfirmedError struct {
	Name string
	// Subject is whom the descriptor is about, "" for nobody.
	Subject string
}

func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("xrd: the descriptor of %s is about %q", e.Name, e.Subject)
}

// Find looks up an account or an address. It returns a [*ResourceError], a
// [*NotFoundError], an [*UnconfirmedError], or the error of the context.
func (f *Finder) Find(ctx context.Context, name string) (*Found, error) {
	r, err := ParseResource(name)
	if err != nil {
		return nil, err
	}
	found, err := f.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	if confirms(found, r) {
		return found, nil
	}
	// It may be a spelling of another name, a name on the other of two hosts that
	// belong together, or a lie. Whom the descriptor is about has the last word.
	subject, err := ParseResource(found.Descriptor.Subject)
	if err != nil || Same(subject.URI, r.URI) {
		return nil, &UnconfirmedError{name, found.Descriptor.Subject}
	}
	if found, err = f.ask(ctx, subject); err != nil {
		return nil, err
	}
	if !confirms(found, subject) {
		return nil, &UnconfirmedError{name, found.Descriptor.Subject}
	}
	return found, nil
}

// confirms reports whether a descriptor that the host of a name has given out is
// about that name, and does not speak for another host by its subject.
func confirms(found *Found, r Resource) bool {
	d := found.Descriptor
	if !d.Is(r.URI) {
		return false
	}
	if d.Subject == "" || Same(d.Subject, r.URI) {
		return true
	}
	subject, err := ParseResource(d.Subject)
	// A subject of another scheme, such as a tag:, belongs to no host that could be
	// asked.
	return err != nil || subject.Host == r.Host
}

// ask gets the descriptor of a name by the authority of its host.
func (f *Finder) ask(ctx context.Context, r Resource) (*Found, error) {
	s := &search{Finder: f, ctx: ctx, name: r, silent: map[string]bool{}, answered: map[string]bool{}}
	for _, step := range []func() *Found{s.webFinger, s.hostMeta, s.page} {
		if found := step(); found != nil {
			return found, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	s.failed.Name = r.URI
	for where := range s.silent {
		s.failed.Temporary = s.failed.Temporary || !s.answered[where]
	}
	return nil, &s.failed
}

// search is one name being asked for.
type search struct {
	*Finder
	ctx    context.Context
	name   Resource
	failed NotFoundError
	// silent are addresses, without their schemes, that could not be asked by one,
	// answered those where somebody answered by any: on a closed network there may be
	// no TLS at all.
	silent, answered map[string]bool
}

// acceptDescriptor says that XRD is welcome as well: GNU social and others answer
// in either.
const acceptDescriptor = "application/jrd+json, application/json;q=0.9, application/xrd+xml;q=0.8, */*;q=0.1"

// schemes are those by which a host may be asked. Where an address names its
// scheme, the well-known documents of a closed network are on the same.
func (s *search) schemes() []string {
	if s.AllowHTTP {
		return []string{"https", "http"}
	}
	return []string{"https"}
}

func (s *search) webFinger() *Found {
	for _, scheme := range s.schemes() {
		if found := s.descriptor(scheme + "://" + s.name.Host + "/.well-known/webfinger?resource=" + escape(s.name.URI)); found != nil {
			return found
		}
	}
	return nil
}

// hostMeta follows the templates of the host's own descriptor (RFC 6415 4.2).
// Those for JSON first: a template without a type is of the time when there was
// only XRD.
func (s *search) hostMeta() *Found {
	for _, scheme := range s.schemes() {
		d := s.get(scheme+"://"+s.name.Host+"/.well-known/host-meta", "application/xrd+xml, application/jrd+json;q=0.9, application/json;q=0.8, */*;q=0.1")
		if d == nil {
			continue
		}
		asked := map[string]bool{}
		for _, kind := range []string{MediaTypeJRD, "application/json", MediaTypeXRD, ""} {
			for _, l := range d.Descriptor.Links {
				address, ok := Expand(l.Template, s.name.URI)
				if l.Rel != RelLRDD || l.Type != kind || !ok || asked[address] || len(asked) == 4 {
					continue
				}
				asked[address] = true
				if found := s.descriptor(address); found != nil {
					return found
				}
			}
		}
	}
	return nil
}

// page follows the links of the page that the name is the address of.
func (s *search) page() *Found {
	if s.name.Account {
		return nil
	}
	p, err := s.Page(s.ctx, s.name.URI)
	if err != nil {
		s.fail(s.name.URI, err)
		return nil
	}
	addresses := p.Descriptors()
	for _, address := range addresses[:min(len(addresses), 4)] {
		if found := s.descriptor(address); found != nil {
			return found
		}
	}
	return nil
}

// descriptor gets a descriptor of the name. One that is about nothing is none.
func (s *search) descriptor(address string) *Found {
	found := s.get(address, acceptDescriptor)
	if found != nil && len(found.Descriptor.Names()) == 0 {
		s.fail(address, &MalformedError{"descriptor", "it does not say what it is about"})
		return nil
	}
	return found
}

func (s *search) get(address, accept string) *Found {
	a, err := s.fetch(s.ctx, address, accept, MaxDocument)
	if err != nil {
		s.fail(address, err)
		return nil
	}
	d, err := Parse(a.Body)
	if err != nil {
		s.fail(address, err)
		return nil
	}
	return &Found{Resource: s.name, Descriptor: d, Address: a.Address}
}

func (s *search) fail(address string, err error) {
	_, where, _ := strings.Cut(address, "://")
	status, answered := errors.AsType[*StatusError](err)
	switch {
	case answered:
		s.answered[where] = true
		if status.Status >= 500 || status.Status == http.StatusTooManyRequests {
			s.failed.Temporary = true
		}
	case !isLasting(err):
		s.silent[where] = true
	case !isRefused(err):
		s.answered[where] = true
	}
	s.failed.Tries = append(s.failed.Tries, Try{address, err.Error()})
}

// isLasting reports whether an error would be the same another time.
func isLasting(err error) bool {
	_, malformed := errors.AsType[*MalformedError](err)
	_, large := errors.AsType[*TooLargeError](err)
	return malformed || large || isRefused(err)
}

// isRefused reports whether nobody was asked.
func isRefused(err error) bool {
	_, refused := errors.AsType[*RefusedError](err)
	return refused || errors.Is(err, errPlainHTTP)
}

// StatusError is an answer that is none to what was asked.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("status %d", e.Status) }

var errPlainHTTP = errors.New("only https is allowed here")

// fetch gets a document that is there.
func (f *Finder) fetch(ctx context.Context, address, accept string, limit int) (*Answer, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return nil, &MalformedError{"descriptor", "its address is none of the web"}
	case u.Scheme == "http" && !f.AllowHTTP:
		return nil, errPlainHTTP
	}
	a, err := f.Fetch(ctx, address, accept, limit)
	switch {
	case err != nil:
		return nil, err
	case a.Status != http.StatusOK:
		return nil, &StatusError{a.Status}
	case strings.HasPrefix(a.Address, "http:") && !f.AllowHTTP:
		return nil, errPlainHTTP
	}
	return a, nil
}

// Page gets a page for people, for its links and cards. It returns a [*StatusError]
// where there is none, or the error of the fetch.
func (f *Finder) Page(ctx context.Context, address string) (*Page, error) {
	a, err := f.fetch(ctx, address, "text/html, application/xhtml+xml;q=0.9, */*;q=0.1", MaxPage)
	if err != nil {
		return nil, err
	}
	switch media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type")); media {
	case "text/html", "application/xhtml+xml":
		return ParsePage(a.Body, a.Header, a.Address)
	default:
		// The links of the header are good whatever it is; that it may be a feed is for
		// others to see.
		return ParsePage(nil, a.Header, a.Address)
	}
}
