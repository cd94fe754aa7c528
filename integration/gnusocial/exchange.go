package gnusocial

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// patience is for how long another server may keep a request waiting.
const patience = 15 * time.Second

// maxBody bounds what is read of an answer or of a request.
const maxBody = 4 << 20

// maxRedirects is how many redirects are followed.
const maxRedirects = 10

// answer is what another server has answered.
type answer struct {
	address string // where it came from in the end
	status  int
	header  http.Header
	body    []byte
}

// get reads something from another server, following redirects.
func (s *Server) get(method, address, accept string) (*answer, error) {
	for range maxRedirects + 1 {
		a, err := s.exchange(method, address, http.Header{"Accept": {accept}}, nil)
		if err != nil {
			return nil, err
		}
		location := a.header.Get("Location")
		if a.status < 300 || a.status > 399 || location == "" {
			return a, nil
		}
		base, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		next, err := base.Parse(location)
		if err != nil {
			return nil, err
		}
		address = next.String()
	}
	return nil, fmt.Errorf("%s redirects for ever", address)
}

// post sends something to another server; redirects are not followed.
func (s *Server) post(address, contentType string, header http.Header, body []byte) (*answer, error) {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", contentType)
	return s.exchange(http.MethodPost, address, header, body)
}

// exchange makes one request of HTTP/1.0. Certificates are not verified, as GNU social
// does not unless it is told whom to trust.
func (s *Server) exchange(method, address string, header http.Header, body []byte) (*answer, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of the web", address)
	}
	conn, err := dial(u)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: %s\r\nConnection: close\r\n", method, u.RequestURI(), u.Host, s.userAgent())
	if body != nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	if err := header.Write(&b); err != nil {
		return nil, err
	}
	b.WriteString("\r\n")
	b.Write(body)
	if _, err := conn.Write(b.Bytes()); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	defer r.Body.Close()
	a := &answer{address: address, status: r.StatusCode, header: r.Header}
	if a.body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1)); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if len(a.body) > maxBody {
		return nil, fmt.Errorf("%s answers with more than %d bytes", address, maxBody)
	}
	if r.TransferEncoding != nil {
		return nil, errors.New("HTTP/1.0 has no transfer codings, and " + address + " uses one")
	}
	return a, nil
}

func dial(u *url.URL) (net.Conn, error) {
	host, port := u.Hostname(), u.Port()
	d := &net.Dialer{Timeout: patience}
	if u.Scheme == "http" {
		if port == "" {
			port = "80"
		}
		return d.Dial("tcp", net.JoinHostPort(host, port))
	}
	if port == "" {
		port = "443"
	}
	return tls.DialWithDialer(d, "tcp", net.JoinHostPort(host, port), &tls.Config{InsecureSkipVerify: true, ServerName: strings.TrimSuffix(host, ".")})
}

// userAgent is how the server calls itself; some answer StatusNet in a way of its own.
func (s *Server) userAgent() string {
	if s.options.Old {
		return "StatusNet/1.1.0"
	}
	return "GNU social/2.0.1-beta0"
}
