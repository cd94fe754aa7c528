package front

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// canonical sends who asks for another host to the public address. Two hosts
// count as ours besides: the public one with its default port written out, and
// the address that the connection was made to, which probes use and proxies that
// do not pass the host on.
//
// Only who looks is redirected. A request with credentials is meant for the host
// that its signature names, and that is checked; other clients of pump.io follow
// no redirect of a POST anyway.
func canonical(next http.Handler, base *url.URL) http.Handler {
	host := strings.ToLower(base.Host)
	spelledOut := host
	if base.Port() == "" {
		spelledOut = net.JoinHostPort(base.Hostname(), map[string]string{"http": "80", "https": "443"}[base.Scheme])
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		looks := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !looks || r.Host == host || r.Header.Get("Authorization") != "" || isRealtime(r) ||
			strings.EqualFold(r.Host, host) || strings.EqualFold(r.Host, spelledOut) || isBound(r) {
			next.ServeHTTP(w, r)
			return
		}
		named(r, "redirect to the canonical host")
		prefix := base.EscapedPath()
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			prefix = "" // RFC 8615 3: it belongs to the host
		}
		redirect(w, r, base.Scheme+"://"+base.Host+prefix+target(r))
	})
}

// isBound reports whether the host of a request is the address that its
// connection was made to.
func isBound(r *http.Request) bool {
	address, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil { // without a port
		host, port = strings.Trim(r.Host, "[]"), "80"
		if r.TLS != nil {
			port = "443"
		}
	}
	if port != portText(address) {
		return false
	}
	if ip := net.ParseIP(host); ip != nil {
		return ip.Equal(address.IP)
	}
	return strings.EqualFold(host, "localhost") && address.IP.IsLoopback()
}

func portText(address *net.TCPAddr) string {
	_, port, _ := net.SplitHostPort(address.String())
	return port
}

// target is the path and query that a request asks for.
func target(r *http.Request) string {
	t := &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	path := t.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if t.RawQuery != "" {
		path += "?" + t.RawQuery
	}
	return path
}

// redirect sends somebody to where the same is, for good. Methods that change
// something keep their body (RFC 9110 15.4.9).
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	status := http.StatusPermanentRedirect
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	http.Redirect(w, r, to, status)
}

// Redirect answers everything on the port of plain http by sending it to the
// public address base, whose scheme is https.
func Redirect(base *url.URL) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		redirect(w, r, base.Scheme+"://"+base.Host+target(r))
	})
}
