package oauth1

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Limits of what [Parse] reads. They bound the work that a stranger can cause,
// and are far above what any client sends.
const (
	maxHeader        = 8 << 10   // bytes of the Authorization header
	maxQuery         = 16 << 10  // bytes of the raw query
	maxForm          = 256 << 10 // bytes of a form body
	maxParams        = 256       // parameters in all three together
	maxProtocolValue = 2 << 10   // bytes of an encoded oauth_ parameter; callbacks are the longest
	maxTimestamp     = 12        // digits
)

// Request is the part of an HTTP request that OAuth looks at.
type Request struct {
	Method string // as on the request line, before any X-HTTP-Method-Override

	// Path and RawQuery are the request target as received, not decoded and not
	// cleaned: choqok asks for /api/user/NICK/inbox/direct/major/ and signs the
	// slash at the end.
	Path     string
	RawQuery string

	Authorization string // the header's value, "" if there is none
	ContentType   string // the header's value, "" if there is none

	// Form is the body, which the caller has read and bounded. It is looked at only
	// if [IsForm] holds for ContentType; other bodies are not signed and need not be
	// read (RFC 5849 3.4.1.3.1).
	Form []byte
}

// FromHTTP takes a [Request] out of r as the server received it. form is the body
// if IsForm(r.Header.Get("Content-Type")), else nil. Middleware that rewrote r.URL
// does no harm: the request line decides.
func FromHTTP(r *http.Request, form []byte) Request {
	req := Request{
		Method:        r.Method,
		Authorization: r.Header.Get("Authorization"),
		ContentType:   r.Header.Get("Content-Type"),
		Form:          form,
	}
	if strings.HasPrefix(r.RequestURI, "/") {
		// URL.EscapedPath would not do: it rewrites bytes that net/url thinks
		// should have been escaped, and the sender signed what it sent.
		req.Path, req.RawQuery, _ = strings.Cut(r.RequestURI, "?")
	} else {
		// "GET http://host/path", as sent to a proxy.
		req.Path, req.RawQuery = r.URL.EscapedPath(), r.URL.RawQuery
	}
	return req
}

// IsForm reports whether a body of this Content-Type takes part in the signature.
// Parameters such as a charset are allowed, other media types are not.
func IsForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}

// Message is a request whose OAuth parameters have been read. Until a [Verifier]
// has accepted it, everything in it is a claim of the sender. Absent parameters
// are "".
type Message struct {
	ConsumerKey string
	Token       string // "" on a two-legged request: only the consumer is known
	Method      SignatureMethod
	Timestamp   int64 // seconds since 1970; 0 if absent, which only PLAINTEXT may
	Nonce       string
	Callback    string // oauth_callback, not yet checked, see [CheckCallback]
	Verifier    string // oauth_verifier

	signature  string // of PLAINTEXT it is the secrets: must not be shown
	httpMethod string
	path       string
	params     []param
}

// String shows who claims to send what, without the signature: for PLAINTEXT that
// would be the secrets themselves.
func (m Message) String() string {
	return fmt.Sprintf("%s %q consumer=%q token=%q method=%q", m.httpMethod, m.path, m.ConsumerKey, m.Token, m.Method)
}

// GoString keeps the signature out of debug output, as String does.
func (m Message) GoString() string { return m.String() }

// LogValue keeps the signature out of structured logs, as String does.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// NonceKey returns what must not repeat for m.
func (m *Message) NonceKey() NonceKey {
	return NonceKey{ConsumerKey: m.ConsumerKey, Token: m.Token, Timestamp: m.Timestamp, Nonce: m.Nonce}
}

// param is a parameter as it is signed: both parts percent-encoded.
type param struct {
	name, value string
}

// Parse reads the OAuth parameters of r and orders all parameters for signing.
// It accepts an Authorization header of up to 8 KiB, a query of 16 KiB, a form of
// 256 KiB, 256 parameters in all and 2 KiB in one oauth_ parameter.
//
// Errors are [ErrNotSigned], [*MalformedError], [*MissingParameterError] and
// [*UnsupportedVersionError]. Whether the signature method is acceptable is up to
// [Verifier.Verify].
func Parse(r Request) (*Message, error) {
	header, inHeader := oauthScheme(r.Authorization)
	form := ""
	if IsForm(r.ContentType) {
		if len(r.Form) > maxForm {
			return nil, tooLong("form body", maxForm)
		}
		form = string(r.Form)
	}
	// A request that uses another kind of authentication is none of our business,
	// however odd its query is.
	if !inHeader && !strings.Contains(r.RawQuery, "oauth_") && !strings.Contains(form, "oauth_") {
		return nil, ErrNotSigned
	}
	if len(header) > maxHeader {
		return nil, tooLong("authorization header", maxHeader)
	}
	if len(r.RawQuery) > maxQuery {
		return nil, tooLong("query", maxQuery)
	}
	if r.Method == "" || !strings.HasPrefix(r.Path, "/") {
		return nil, &MalformedError{Where: "request line", Reason: "needs a method and a path that starts with a slash"}
	}

	m := &Message{httpMethod: strings.ToUpper(r.Method), path: r.Path}
	params := make(paramList, 0, 16)
	if err := params.addHeader(header); err != nil {
		return nil, err
	}
	fromHeader := len(params)
	if err := params.addPairs("query", r.RawQuery); err != nil {
		return nil, err
	}
	if err := params.addPairs("form body", form); err != nil {
		return nil, err
	}
	params.dropRepeated(fromHeader)
	if err := params.sort(); err != nil {
		return nil, err
	}
	if err := m.take(params); err != nil {
		if errors.Is(err, ErrNotSigned) && inHeader {
			return nil, &MissingParameterError{Name: "oauth_consumer_key"}
		}
		return nil, err
	}
	return m, nil
}

func tooLong(where string, limit int) error {
	return &MalformedError{Where: where, Reason: "is longer than " + strconv.Itoa(limit) + " bytes"}
}

// take fills m from the sorted parameters: protocol parameters into fields, all
// but the signature into the list to be signed (RFC 5849 3.4.1.3.1).
func (m *Message) take(params paramList) error {
	var timestamp, version string
	versionSent, protocol := false, false
	kept := params[:0]
	for _, p := range params {
		if !isProtocol(p.name) {
			kept = append(kept, p)
			continue
		}
		protocol = true
		if len(p.value) > maxProtocolValue {
			return tooLong("an oauth_ parameter", maxProtocolValue)
		}
		value := decode(p.value)
		switch p.name {
		case "oauth_signature":
			m.signature = value
			continue
		case "oauth_consumer_key":
			m.ConsumerKey = value
		case "oauth_token":
			m.Token = value
		case "oauth_signature_method":
			m.Method = SignatureMethod(value)
		case "oauth_timestamp":
			timestamp = value
		case "oauth_nonce":
			m.Nonce = value
		case "oauth_version":
			version, versionSent = value, true
		case "oauth_callback":
			m.Callback = value
		case "oauth_verifier":
			m.Verifier = value
		}
		kept = append(kept, p)
	}
	m.params = kept
	if !protocol {
		return ErrNotSigned
	}
	if err := m.require(timestamp); err != nil {
		return err
	}
	if versionSent && version != "1.0" {
		return &UnsupportedVersionError{Version: version}
	}
	return m.setTimestamp(timestamp)
}

// require checks for the parameters that every signed request needs (RFC 5849
// 3.1). PLAINTEXT may leave out timestamp and nonce, but only both together: a
// nonce says nothing without the other.
func (m *Message) require(timestamp string) error {
	switch {
	case m.ConsumerKey == "":
		return &MissingParameterError{Name: "oauth_consumer_key"}
	case m.Method == "":
		return &MissingParameterError{Name: "oauth_signature_method"}
	case m.signature == "":
		return &MissingParameterError{Name: "oauth_signature"}
	case m.Method == Plaintext && timestamp == "" && m.Nonce == "":
		return nil
	case timestamp == "":
		return &MissingParameterError{Name: "oauth_timestamp"}
	case m.Nonce == "":
		return &MissingParameterError{Name: "oauth_nonce"}
	}
	return nil
}

// setTimestamp reads a positive integer (RFC 5849 3.3): digits, no sign.
func (m *Message) setTimestamp(s string) error {
	if s == "" {
		return nil
	}
	if len(s) > maxTimestamp {
		return tooLong("oauth_timestamp", maxTimestamp)
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 {
		return &MalformedError{Where: "oauth_timestamp", Reason: fmt.Sprintf("%q is not a number of seconds since 1970", s)}
	}
	m.Timestamp = int64(n)
	return nil
}

// isProtocol expects an encoded name. The prefix has only unreserved letters, so
// that no spelling on the wire hides it.
func isProtocol(name string) bool { return strings.HasPrefix(name, "oauth_") }

type paramList []param

func (l *paramList) add(where, name, value string, plus bool) error {
	if len(*l) == maxParams {
		return &MalformedError{Where: where, Reason: "has too many parameters, at most " + strconv.Itoa(maxParams) + " are allowed"}
	}
	name, ok1 := recode(name, plus)
	value, ok2 := recode(value, plus)
	if !ok1 || !ok2 {
		return &MalformedError{Where: where, Reason: "has a % that is not followed by two hexadecimal digits"}
	}
	*l = append(*l, param{name: name, value: value})
	return nil
}

// addPairs adds the parameters of a query or of a form body, which are read alike
// (RFC 5849 3.4.1.3.1).
//
// "+" is a space here, as in every form. Clients differ. Python's requests sends a
// space as "+" and oauthlib signs it as %20, which is this rule; so does newer Qt
// NetworkAuth. Older Qt code, kQOAuth among it, takes a "+" in a query literally and
// signs %2B. Accepting either would let somebody on the way turn a signed %2B into a
// "+" that the application then reads as a space, so the literal reading is refused.
// No id of pump.io has a plus, and a client that escapes it is understood by all.
//
// ":" and "/" arrive raw from Qt and escaped from python; both come out the same.
func (l *paramList) addPairs(where, s string) error {
	for s != "" {
		var pair string
		pair, s, _ = strings.Cut(s, "&")
		if pair == "" {
			continue // "a=1&&b=2": net/url and the clients' libraries skip it too
		}
		name, value, _ := strings.Cut(pair, "=")
		if err := l.add(where, name, value, true); err != nil {
			return err
		}
	}
	return nil
}

// dropRepeated takes out of the first n parameters, those of the header, what the
// query or the form has too. By RFC 5849 3.4.1.3.1 both would be signed; but QOAuth,
// and with it Dianara, writes the parameters of the query into the header as well
// and signs each of them once. Whoever adds or removes one on the way gains nothing:
// out of the header, only protocol parameters are used.
func (l *paramList) dropRepeated(n int) {
	for i := 0; i < n; {
		if p := (*l)[i]; isProtocol(p.name) || !slices.Contains((*l)[n:], p) {
			i++
			continue
		}
		*l = slices.Delete(*l, i, i+1)
		n--
	}
}

// sort orders l by encoded name, then by encoded value (RFC 5849 3.4.1.3.2), and
// refuses a protocol parameter that appears twice, in whichever places: which of
// the two counts would be anybody's guess (RFC 5849 3.1).
func (l paramList) sort() error {
	slices.SortFunc(l, func(a, b param) int {
		if c := cmp.Compare(a.name, b.name); c != 0 {
			return c
		}
		return cmp.Compare(a.value, b.value)
	})
	for i := 1; i < len(l); i++ {
		if l[i].name == l[i-1].name && isProtocol(l[i].name) {
			return &MalformedError{Where: "request", Reason: fmt.Sprintf("has the parameter %.40q more than once", l[i].name)}
		}
	}
	return nil
}
