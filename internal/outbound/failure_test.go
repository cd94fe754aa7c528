package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// failing is a server whose answers go wrong in the way that the path names.
func failing(t *testing.T) *httptest.Server {
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow-body":
			io.WriteString(w, "start")
			w.(http.Flusher).Flush()
			fallthrough
		case "/slow-header":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "start")
		case "/header-bomb":
			w.Header().Set("X-Long", strings.Repeat("a", maxResponseHeaders))
		}
	})
	t.Cleanup(func() { close(release) })
	return s
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout() && errors.Is(err, context.DeadlineExceeded)
}

func TestFailuresKeepTheirKind(t *testing.T) {
	s := failing(t)
	untrusted, _ := serveTLS(t, func(http.ResponseWriter, *http.Request) {}, nil)
	_, otherPool := serveTLS(t, func(http.ResponseWriter, *http.Request) {}, nil)
	old, oldPool := serveTLS(t, func(http.ResponseWriter, *http.Request) {}, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	})
	closed := httptest.NewServer(nil)
	closed.Close()

	noNames := nameServer(t, func(int) []string { return nil })
	wrongName := strings.Replace(untrusted.URL, "127.0.0.1", "localhost", 1)
	tests := []struct {
		name, url string
		pool      *x509.CertPool
		is        func(error) bool
	}{
		{"no header in time", s.URL + "/slow-header", nil, isTimeout},
		{"no end of body in time", s.URL + "/slow-body", nil, isTimeout},
		{"body cut off", s.URL + "/cut", nil, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"endless header", s.URL + "/header-bomb", nil, func(err error) bool { return strings.Contains(err.Error(), "header") }},
		{"refused", closed.URL, nil, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"unknown authority", untrusted.URL, x509.NewCertPool(), func(err error) bool {
			var e *tls.CertificateVerificationError
			var u x509.UnknownAuthorityError
			return errors.As(err, &e) && errors.As(err, &u)
		}},
		{"name not in certificate", wrongName, otherPool, func(err error) bool {
			var e x509.HostnameError
			return errors.As(err, &e)
		}},
		{"TLS 1.1", old.URL, oldPool, func(err error) bool {
			var e *net.OpError
			return errors.As(err, &e) && strings.Contains(err.Error(), "protocol version")
		}},
		{"not TLS", "https" + s.URL[4:], nil, func(err error) bool {
			var e tls.RecordHeaderError
			return errors.As(err, &e)
		}},
		{"unknown name", "http://nowhere.invalid/", nil, func(err error) bool {
			var e *net.DNSError
			return errors.As(err, &e)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := local(t, Options{RootCAs: tt.pool, Timeout: 300 * time.Millisecond, Resolver: noNames})
			_, err := client.Do(t.Context(), Request{URL: tt.url + "?token=secret"})
			if err == nil || !tt.is(err) {
				t.Errorf("error %v is of the wrong kind", err)
				return
			}
			u, _ := url.Parse(tt.url)
			if msg := err.Error(); !strings.Contains(msg, hostKey(u)) || strings.Contains(msg, "secret") {
				t.Errorf("error %q: want the host in it, and not the query", msg)
			}
			assertNoPlacesTaken(t, client)
		})
	}
}

func TestEndsOfARequest(t *testing.T) {
	s := failing(t)
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := local(t, Options{}).Do(ctx, Request{URL: s.URL + "/slow-header"})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
	t.Run("own time limit of a request", func(t *testing.T) {
		_, err := local(t, Options{}).Do(t.Context(), Request{URL: s.URL + "/slow-header", Timeout: 20 * time.Millisecond})
		if !isTimeout(err) {
			t.Errorf("error %v, want a timeout", err)
		}
	})
}
