package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Options configures a Client. The zero value is right for production apart
// from UserAgent.
type Options struct {
	// UserAgent is sent with every request. Default "manifold".
	UserAgent string
	// AllowPrivate permits connections to addresses that are not public, for
	// tests and closed networks.
	AllowPrivate bool
	// Timeout bounds a request from the wait for a place to the last byte of
	// the body, redirects included. Default 10 seconds.
	Timeout time.Duration
	// MaxBody bounds the decompressed body of an answer, in bytes. Default 1 MiB.
	MaxBody int64
	// MaxRedirects bounds how many redirects in a row are followed. Default 5;
	// negative for none.
	MaxRedirects int
	// MaxPerHost bounds the requests under way to one host and port. Default 8.
	MaxPerHost int
	// RootCAs are the authorities to trust. Default: those of the system.
	RootCAs *x509.CertPool
	// Resolver looks up names. Default: that of the system.
	Resolver *net.Resolver
	// DialContext replaces the dialer, so that a test can give names and
	// default ports to its own servers. Unless AllowPrivate is set, its
	// connections still must lead to public addresses.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Refuse, if set, is asked before each request to a host, redirects included, and
	// its error ends the request. host is in lower case, without a port.
	Refuse func(ctx context.Context, host string) error
	// Observe is called after each exchange with a host, once for every
	// redirect and once when the final body was read to its end, failed or was
	// closed. host is in lower case and always has its port; status is 0 if
	// there was no answer; d is from having a place at the host to the end of
	// the body. It is not called for what never left: an unsupported URL or
	// ErrHostBusy. It must not block.
	Observe func(host string, status int, err error, d time.Duration)
}

const (
	maxIdleConns       = 100 // an idle TLS connection costs some 40 kB
	idleConnTimeout    = time.Minute
	maxResponseHeaders = 64 << 10 // bytes

	// The body of a redirect is read this far, so that its connection can be
	// used again.
	maxRedirectBody = 4 << 10
)

// Client sends requests. It is safe for concurrent use; a program should have
// one, since connections and the limits per host belong to it.
type Client struct {
	opts      Options
	transport *http.Transport
	places    places
}

// New returns a client.
func New(o Options) *Client { return newClient(o, net.Dialer{}) }

func newClient(o Options, dialer net.Dialer) *Client {
	o = o.withDefaults()
	dialer.Timeout, dialer.Resolver = o.Timeout, o.Resolver
	dial := dialFunc(dialer.DialContext)
	switch {
	case o.DialContext != nil && o.AllowPrivate:
		dial = o.DialContext
	case o.DialContext != nil:
		dial = checkedDialer(o.DialContext)
	case !o.AllowPrivate:
		dial = guardedDialer(dialer)
	}
	return &Client{
		opts: o,
		transport: &http.Transport{
			Proxy:                  nil, // a proxy would resolve names itself, behind the guard
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    o.Timeout,
			ForceAttemptHTTP2:      true, // off by default with a DialContext
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: o.Timeout, PingTimeout: o.Timeout},
			MaxIdleConns:           maxIdleConns,
			MaxIdleConnsPerHost:    o.MaxPerHost,
			IdleConnTimeout:        idleConnTimeout,
			MaxResponseHeaderBytes: maxResponseHeaders,
		},
		places: places{limit: o.MaxPerHost, hosts: make(map[string]*hostPlaces)},
	}
}

func (o Options) withDefaults() Options {
	if o.UserAgent == "" {
		o.UserAgent = "manifold"
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.MaxRedirects == 0 {
		o.MaxRedirects = 5
	}
	if o.MaxPerHost <= 0 {
		o.MaxPerHost = 8
	}
	if o.Observe == nil {
		o.Observe = func(string, int, error, time.Duration) {}
	}
	return o
}

// CloseIdleConnections closes connections that no request is using.
func (c *Client) CloseIdleConnections() { c.transport.CloseIdleConnections() }

// Request is what to send.
type Request struct {
	Method string // default GET
	URL    string // absolute; a fragment is not sent
	// Header is sent as it is, apart from User-Agent and Accept-Encoding,
	// which are the client's. It is not changed.
	Header http.Header
	Body   []byte
	// Sign, if set, is called with the finished request just before it is
	// sent, and again for each redirect, to add headers that depend on the
	// URL. It should look at the URL's host before it vouches for anything.
	// Its error is returned, wrapped.
	Sign func(*http.Request) error

	MaxBody int64         // instead of Options.MaxBody
	Timeout time.Duration // instead of Options.Timeout
	// NoRedirects has no redirect followed, for what is between two addresses only.
	NoRedirects bool
}

// Response is a complete answer, of whatever status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte // decompressed
	URL    string // after redirects, without a fragment
}

// Stream is an answer whose body is still to be read.
type Stream struct {
	Status int
	Header http.Header
	URL    string // after redirects, without a fragment
	Size   int64  // of the body in bytes as announced, -1 if unknown
	// Body gives decompressed bytes, and the error ErrTooLarge past the limit.
	// It must be closed: until then it holds one of the host's places.
	Body io.ReadCloser
}

// Drain reads the rest of an answer whose status is what counts, as far as limit
// bytes, so that the connection can be used again. It returns what a refusal says in
// the body, cut short: "" where it is a page for people. What comes back is to be
// trusted as little as any other input.
func (s *Stream) Drain(limit int64) string {
	body, _ := io.ReadAll(io.LimitReader(s.Body, limit))
	kind, _, _ := mime.ParseMediaType(s.Header.Get("Content-Type"))
	if s.Status < 400 || strings.Contains(kind, "html") || !utf8.Valid(body) {
		return ""
	}
	return string(body[:min(len(body), maxComplaint)])
}

// maxComplaint is how much of the body of a refusal is handed on, in bytes.
const maxComplaint = 300

// Do sends a request and reads the whole answer. Every status is a Response
// and no error, save a redirect that was not followed (*RedirectError).
// Other errors of this package: *ForbiddenAddressError, ErrUnsupportedURL,
// ErrHostBusy, ErrTooLarge.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	s, err := c.Stream(ctx, r)
	if err != nil {
		return nil, err
	}
	defer s.Body.Close()
	body, err := io.ReadAll(s.Body)
	if err != nil {
		return nil, err
	}
	return &Response{Status: s.Status, Header: s.Header, Body: body, URL: s.URL}, nil
}

// Stream sends a request and returns as soon as the headers of the answer are
// there. Time limit and errors are those of Do.
func (c *Client) Stream(ctx context.Context, r Request) (*Stream, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.MaxBody <= 0 {
		r.MaxBody = c.opts.MaxBody
	}
	if r.Timeout <= 0 {
		r.Timeout = c.opts.Timeout
	}
	target, err := parseURL(r.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Method, err)
	}
	if r.Header = r.Header.Clone(); r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Set("User-Agent", c.opts.UserAgent)
	r.Header.Del("Accept-Encoding") // the transport undoes only the encoding it asked for itself

	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	for redirects := 0; ; redirects++ {
		x, err := c.exchange(ctx, r, target)
		if err != nil {
			cancel()
			return nil, err
		}
		next, err := c.redirectTarget(r, x.resp, target, redirects)
		if err != nil {
			err = x.wrap(err)
			x.end(err)
			cancel()
			return nil, err
		}
		if next == nil {
			return x.stream(r, target, cancel)
		}
		_, _ = io.CopyN(io.Discard, x.resp.Body, maxRedirectBody)
		x.end(nil)
		if hostKey(next) != hostKey(target) {
			for _, name := range credentials {
				r.Header.Del(name)
			}
		}
		target = next
	}
}

// credentials are headers meant for one host only.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie", "Signature", "Signature-Input"}

// exchange sends one request to one host and waits for the headers of the
// answer. The caller must end it.
func (c *Client) exchange(ctx context.Context, r Request, target *url.URL) (*exchange, error) {
	if c.opts.Refuse != nil {
		if err := c.opts.Refuse(ctx, strings.ToLower(target.Hostname())); err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Method, hostKey(target), err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, hostKey(target), err)
	}
	req.Header = r.Header.Clone()
	if r.Sign != nil {
		if err := r.Sign(req); err != nil {
			return nil, fmt.Errorf("%s %s: signing the request: %w", r.Method, hostKey(target), err)
		}
	}
	x := &exchange{method: r.Method, host: hostKey(target), observe: c.opts.Observe}
	// What is asked for can be asked for again; what is delivered has waited for its turn.
	if x.place, err = c.places.take(ctx, x.host, r.Method != http.MethodGet && r.Method != http.MethodHead); err != nil {
		return nil, x.wrap(err)
	}
	x.start = time.Now()
	x.resp, err = c.transport.RoundTrip(req)
	if err != nil {
		err = x.wrap(err)
		x.end(err)
		return nil, err
	}
	x.place.answered()
	return x, nil
}

// redirectTarget returns where an answer sends the request, nil if it is not a
// redirect, or a *RedirectError.
func (c *Client) redirectTarget(r Request, resp *http.Response, from *url.URL, followed int) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, nil
	}
	refused := &RedirectError{Status: resp.StatusCode, Location: location}
	if ref, err := url.Parse(location); err == nil {
		refused.Location = from.ResolveReference(ref).String()
	}
	next, err := parseURL(refused.Location)
	switch {
	case err != nil:
		refused.Err = err
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refused.Err = ErrRedirectedMethod
	case from.Scheme == "https" && next.Scheme == "http":
		refused.Err = ErrDowngrade
	case followed >= c.opts.MaxRedirects || r.NoRedirects:
		refused.Err = ErrTooManyRedirects
	default:
		return next, nil
	}
	return nil, refused
}

// parseURL accepts what doc.go, step 1 names. The errors wrap
// ErrUnsupportedURL.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil: // not wrapped: a *url.Error repeats the whole URL
		return nil, fmt.Errorf("%w: it cannot be parsed", ErrUnsupportedURL)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%w: scheme %q is not http or https", ErrUnsupportedURL, u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%w: it has no host", ErrUnsupportedURL)
	case u.User != nil:
		return nil, fmt.Errorf("%w: it has a user or password for host %s", ErrUnsupportedURL, u.Host)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// hostKey names a host for limits and reports: lower case, with its port.
func hostKey(u *url.URL) string {
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
