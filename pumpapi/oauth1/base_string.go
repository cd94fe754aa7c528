package oauth1

import (
	"fmt"
	"net/url"
	"strings"
)

// BaseURL is a public address of a server: scheme, host, port and perhaps a path
// prefix, as a client outside knows it. The zero value is no address; use
// [ParseBaseURL].
type BaseURL struct {
	encoded []byte // percent-encoded once and for all; never written to again
}

// ParseBaseURL reads an absolute http or https URL such as "https://pump.example"
// or "http://127.0.0.1:8080/prefix". Scheme and host are lowered and the scheme's
// default port is dropped (RFC 5849 3.4.1.2), a slash at the end is ignored. The
// prefix is needed only if a proxy removes it from the path before this server
// sees the request.
func ParseBaseURL(s string) (BaseURL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return BaseURL{}, fmt.Errorf("oauth1: base url: %w", err)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return BaseURL{}, fmt.Errorf("oauth1: base url %q must have only scheme, host, port and path", u.Redacted())
	}
	encoded, err := appendOrigin(nil, u)
	if err != nil {
		return BaseURL{}, err
	}
	return BaseURL{encoded: appendEncoded(encoded, strings.TrimRight(u.EscapedPath(), "/"))}, nil
}

// appendOrigin appends the encoded scheme://host[:port] of u.
func appendOrigin(dst []byte, u *url.URL) ([]byte, error) {
	scheme, defaultPort := strings.ToLower(u.Scheme), ""
	switch scheme {
	case "http":
		defaultPort = ":80"
	case "https":
		defaultPort = ":443"
	default:
		return nil, fmt.Errorf("oauth1: url has the scheme %q, want http or https", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("oauth1: url has no host")
	}
	host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), defaultPort), ":")
	dst = append(dst, scheme...)
	dst = append(dst, "%3A%2F%2F"...)
	return appendEncoded(dst, host), nil
}

// BaseString returns the text that is signed (RFC 5849 3.4.1.1) if base is the
// server's address: METHOD&URL&PARAMETERS, each encoded. It holds no secret and
// is there for finding out why a signature does not match.
func (m *Message) BaseString(base BaseURL) string {
	text, method := m.signedText()
	return string(text[:method]) + string(base.encoded) + string(text[method:])
}

// signedText returns the base string without the server's address, which belongs
// at the offset returned. Several addresses can so be tried with one text.
func (m *Message) signedText() (text []byte, method int) {
	return signedText(m.httpMethod, m.path, m.params)
}

func signedText(httpMethod, path string, params paramList) (text []byte, method int) {
	size := len(httpMethod) + len(path) + 64
	for _, p := range params {
		size += len(p.name) + len(p.value) + len(p.value)/4 + len("%3D%26")
	}
	text = make([]byte, 0, size)
	text = appendEncoded(text, httpMethod)
	text = append(text, '&')
	method = len(text)
	text = appendEncoded(text, path)
	text = append(text, '&')
	for i, p := range params {
		if i > 0 {
			text = append(text, "%26"...)
		}
		// The parameters are encoded already; the list of them is encoded as a
		// whole, so that "%" becomes %25 and the "=" between the two %3D.
		text = appendEncoded(text, p.name)
		text = append(text, "%3D"...)
		text = appendEncoded(text, p.value)
	}
	return text, method
}
