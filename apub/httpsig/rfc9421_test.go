package httpsig_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"manifold/apub/httpsig"
)

// message makes signatures of RFC 9421 in every way that a sender might, each line
// written by hand.
type message struct {
	label, components, params string
	method, wire, body        string
	digest                    string
	values                    map[string]string // of components, instead of those of the request
	more                      string            // a further member of the dictionary
	pss, ed                   bool
	headers                   http.Header
}

func usual9421() message {
	body := `{"type":"Like"}`
	sum := sha256.Sum256([]byte(body))
	return message{label: "sig1", components: `"@method" "@target-uri" "content-digest"`, params: fmt.Sprintf(`;created=%d;keyid="%s"`, time.Now().Unix(), keyID),
		method: "POST", wire: "/inbox", body: body, digest: "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"}
}

func (m message) request(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	u, err := url.ParseRequestURI(m.wire)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: m.method, URL: u, RequestURI: m.wire, Host: "us.example", Header: http.Header{}}
	if m.digest != "" {
		r.Header.Set("Content-Digest", m.digest)
	}
	for name, values := range m.headers {
		r.Header[name] = values
	}
	values := map[string]string{"@method": m.method, "@target-uri": "https://us.example" + m.wire, "@authority": "us.example", "host": "us.example",
		"@path": u.EscapedPath(), "@query": "?" + u.RawQuery}
	var text strings.Builder
	for c := range strings.FieldsSeq(m.components) {
		name := strings.Trim(c, `"`)
		value, ok := m.values[name]
		if !ok {
			if value, ok = values[name]; !ok {
				value = strings.Join(r.Header.Values(name), ", ")
			}
		}
		fmt.Fprintf(&text, "%s: %s\n", c, value)
	}
	described := "(" + m.components + ")" + m.params
	fmt.Fprintf(&text, `"@signature-params": %s`, described)
	r.Header.Set("Signature-Input", m.label+"="+described+m.more)
	r.Header.Set("Signature", m.label+"=:"+base64.StdEncoding.EncodeToString(m.sign(t, text.String()))+":")
	return r, []byte(m.body)
}

func (m message) sign(t testing.TB, text string) []byte {
	t.Helper()
	if m.ed {
		return ed25519.Sign(edKey, []byte(text))
	}
	var signature []byte
	var err error
	if m.pss {
		sum := sha512.Sum512([]byte(text))
		signature, err = rsa.SignPSS(rand.Reader, rsaKeys()[0], crypto.SHA512, sum[:], &rsa.PSSOptions{SaltLength: 64})
	} else {
		sum := sha256.Sum256([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, rsaKeys()[0], crypto.SHA256, sum[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func (m message) key() crypto.PublicKey {
	if m.ed {
		return edKey.Public()
	}
	return rsaKeys()[0].Public()
}

func TestRFC9421AsItIsSpoken(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	params := func(format string, args ...any) func(*message) {
		return func(m *message) { m.params = fmt.Sprintf(format, args...) }
	}
	key := fmt.Sprintf(`;keyid="%s"`, keyID)
	sum512 := sha512.Sum512([]byte(usual9421().body))
	for _, tt := range []struct {
		name   string
		change func(*message)
		want   httpsig.Status
	}{
		{"as Mastodon asks for it", func(*message) {}, httpsig.Verified},
		{"as Fedify sends it", func(m *message) {
			m.components = `"@method" "@target-uri" "@authority" "host" "date" "content-digest"`
			m.params = fmt.Sprintf(`;alg="rsa-v1_5-sha256";keyid="%s";created=%d`, keyID, at(0))
			m.headers = http.Header{"Date": {now.UTC().Format(http.TimeFormat)}}
		}, httpsig.Verified},
		{"another label", func(m *message) { m.label = "mine" }, httpsig.Verified},
		{"Ed25519", func(m *message) { m.ed = true }, httpsig.Verified},
		{"Ed25519 that says RSA", func(m *message) { m.ed = true; m.params += `;alg="rsa-v1_5-sha256"` }, httpsig.Verified},
		{"PSS", func(m *message) { m.pss = true; m.params += `;alg="rsa-pss-sha512"` }, httpsig.Verified},
		{"PSS that does not say so", func(m *message) { m.pss = true }, httpsig.BadSignature},
		{"hmac", func(m *message) { m.params += `;alg="hmac-sha256"` }, httpsig.Unsupported},
		{"query", func(m *message) { m.wire = "/inbox?a=b%20c" }, httpsig.Verified},
		{"path and query as well", func(m *message) { m.wire, m.components = "/a%40b?c=d", m.components+` "@path" "@query"` }, httpsig.Verified},
		{"path and an empty query", func(m *message) { m.components += ` "@path" "@query"` }, httpsig.Verified},
		{"for http", func(m *message) { m.values = map[string]string{"@target-uri": "http://us.example/inbox"} }, httpsig.BadSignature},
		{"for another server", func(m *message) { m.values = map[string]string{"@target-uri": "https://other.example/inbox"} }, httpsig.BadSignature},
		{"two lines of one header", func(m *message) {
			m.components += ` "x-two"`
			m.headers = http.Header{"X-Two": {"a", "b"}}
		}, httpsig.Verified},
		{"a nonce and a tag", func(m *message) { m.params += `;nonce="abc";tag="app"` }, httpsig.Verified},

		{"method not covered", func(m *message) { m.components = `"@target-uri" "content-digest"` }, httpsig.NotCovered},
		{"target not covered", func(m *message) { m.components = `"@method" "@path" "@authority" "content-digest"` }, httpsig.NotCovered},
		{"digest not covered", func(m *message) { m.components = `"@method" "@target-uri"` }, httpsig.NotCovered},
		{"no digest on GET", func(m *message) { m.method, m.body, m.digest, m.components = "GET", "", "", `"@method" "@target-uri"` }, httpsig.Verified},
		{"a header that is not there", func(m *message) { m.components += ` "x-missing"` }, httpsig.Malformed},
		{"@scheme", func(m *message) { m.components += ` "@scheme"` }, httpsig.Unsupported},
		{"a parameter of a component", func(m *message) { m.components = `"@method" "@target-uri" "content-digest";key="sha-256"` }, httpsig.Unsupported},
		{"a component twice", func(m *message) { m.components += ` "@method"` }, httpsig.BadSignature},

		{"no key id", params(";created=%d", at(0)), httpsig.Malformed},
		{"key id that is no string", params(";created=%d;keyid=5", at(0)), httpsig.Malformed},
		{"no created", params("%s", key), httpsig.NotCovered},
		{"created that is a string", params(`;created="%d"%s`, at(0), key), httpsig.Malformed},
		{"created that is a decimal", params(`;created=%d.5%s`, at(0), key), httpsig.Malformed},
		{"alg that is no string", params(`;created=%d;alg%s`, at(0), key), httpsig.Malformed},
		{"nonce that is no string", params(`;created=%d;nonce=1%s`, at(0), key), httpsig.Malformed},
		{"an unknown parameter", params(`;created=%d;more=1%s`, at(0), key), httpsig.Unsupported},
		{"created long ago", params(";created=%d%s", at(-2*time.Hour), key), httpsig.Stale},
		{"created in the future", params(";created=%d%s", at(2*time.Hour), key), httpsig.Stale},
		{"created by a fast clock", params(";created=%d%s", at(30*time.Minute), key), httpsig.Verified},
		{"expires later", params(";created=%d;expires=%d%s", at(0), at(time.Minute), key), httpsig.Verified},
		{"expired", params(";created=%d;expires=%d%s", at(-time.Minute), at(-time.Second), key), httpsig.Stale},
		{"expires before created", params(";created=%d;expires=%d%s", at(time.Minute), at(30*time.Second), key), httpsig.Malformed},

		{"SHA-512 digest", func(m *message) { m.digest = "sha-512=:" + base64.StdEncoding.EncodeToString(sum512[:]) + ":" }, httpsig.Verified},
		{"both digests", func(m *message) { m.digest += ", sha-512=:" + base64.StdEncoding.EncodeToString(sum512[:]) + ":" }, httpsig.Verified},
		{"an unknown digest as well", func(m *message) { m.digest = "md5=:YWJj:, " + m.digest }, httpsig.Verified},
		{"wrong digest", func(m *message) { m.digest = "sha-256=:" + base64.StdEncoding.EncodeToString(sum512[:32]) + ":" }, httpsig.DigestMismatch},
		{"one of both digests wrong", func(m *message) { m.digest += ", sha-512=:YWJj:" }, httpsig.DigestMismatch},
		{"only md5", func(m *message) { m.digest = "md5=:YWJj:" }, httpsig.DigestMissing},
		{"digest that is no bytes", func(m *message) { m.digest = `sha-256="abc"` }, httpsig.Malformed},
		{"digest that is a list", func(m *message) { m.digest = `sha-256=(:YWJj:)` }, httpsig.Malformed},
		{"digest of the draft", func(m *message) { m.digest = "SHA-256=abc" }, httpsig.Malformed},

		{"two signatures", func(m *message) { m.more = `, sig2=("@method");created=1;keyid="x"` }, httpsig.Unsupported},
	} {
		m := usual9421()
		tt.change(&m)
		r, body := m.request(t)
		err := verify(verifier(t), r, body, m.key())
		if got := httpsig.StatusOf(err); got != tt.want {
			t.Errorf("%s: %q (%v), want %q\n%v", tt.name, got, err, tt.want, r.Header)
		}
	}
}

func TestSignatureInputThatCannotBeRead(t *testing.T) {
	for _, tt := range []struct{ input, signature string }{
		{`sig1`, `sig1=:YWJj:`},
		{`sig1=5`, `sig1=:YWJj:`},
		{`sig1=(5);created=1;keyid="k"`, `sig1=:YWJj:`},
		{`sig1=("@method"`, `sig1=:YWJj:`},
		{`SIG=("@method")`, `sig1=:YWJj:`},
		{`sig1=(` + strings.Repeat(`"x" `, 100) + `)`, `sig1=:YWJj:`},
		{`sig1=("@method");keyid="` + strings.Repeat("k", 3000) + `"`, `sig1=:YWJj:`},
		{`sig1=("@method");nonce="` + strings.Repeat("k", 20_000) + `"`, `sig1=:YWJj:`},
	} {
		r := &http.Request{Method: "GET", Host: "us.example", URL: &url.URL{Path: "/"}, Header: http.Header{
			"Signature-Input": {tt.input}, "Signature": {tt.signature}}}
		if _, err := verifier(t).Parse(r, nil); httpsig.StatusOf(err) != httpsig.Malformed {
			t.Errorf("%.60s: %v, want it malformed", tt.input, err)
		}
	}
	// What the header Signature has is looked at with the key.
	for _, signature := range []string{"", "nonsense", "sig1=5", "sig1=(:YWJj:)", "other=:YWJj:", `keyId="k",signature="x"`} {
		r, body := usual9421().request(t)
		r.Header.Set("Signature", signature)
		if err := verify(verifier(t), r, body, rsaKeys()[0].Public()); httpsig.StatusOf(err) != httpsig.BadSignature {
			t.Errorf("Signature: %s: %v, want a bad signature", signature, err)
		}
	}
}

// The example of RFC 9421 B.2.6, by the Ed25519 key of its B.1.4. It covers too
// little to be accepted; with what it covers, only the key decides.
func TestKeyOfTheRFC(t *testing.T) {
	const rfcKey = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n"
	key, err := httpsig.ParsePublicKey(rfcKey)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(rfcKey))
	text := "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\"content-type\": application/json\n" +
		"\"content-length\": 18\n\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")" +
		";created=1618884473;keyid=\"test-key-ed25519\""
	signature, err := base64.StdEncoding.DecodeString("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==")
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(key.(ed25519.PublicKey), []byte(text), signature) {
		t.Fatalf("the key of the RFC (%d bytes) did not make the signature of the RFC", len(block.Bytes))
	}
	r := &http.Request{Method: "POST", Host: "example.com", RequestURI: "/foo?param=Value&Pet=dog", URL: &url.URL{Path: "/foo", RawQuery: "param=Value&Pet=dog"}, Header: http.Header{
		"Date": {"Tue, 20 Apr 2021 02:07:55 GMT"}, "Content-Type": {"application/json"}, "Content-Length": {"18"},
		"Signature-Input": {`sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`},
		"Signature":       {"sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"},
	}}
	v := &httpsig.Verifier{Origin: origin(t, "https://example.com"), Now: func() time.Time { return time.Unix(1618884480, 0) }}
	if err := verify(v, r, []byte(`{"hello": "world"}`), key); httpsig.StatusOf(err) != httpsig.NotCovered {
		t.Errorf("the example of the RFC, which covers no digest: %v", err)
	}
}

func FuzzRFC9421(f *testing.F) {
	for _, seed := range []string{
		`sig1=("@method" "@target-uri" "content-digest");created=1;keyid="k"`,
		`sig1=("@method" "@query-param";name="x");created=1.5;keyid=?1;alg=:YWJj:`,
		`a, b=(), c=("x" "y");expires=-1;nonce`, "", "sig1=()",
	} {
		f.Add(seed, "sig1=:YWJj:", "sha-256=:YWJj:", "/a?b")
	}
	f.Fuzz(func(t *testing.T, input, signature, digest, target string) {
		r := &http.Request{Method: "GET", Host: "us.example", RequestURI: target, URL: &url.URL{Path: target}, Header: http.Header{
			"Signature-Input": {input}, "Signature": {signature}, "Content-Digest": {digest}}}
		v := &httpsig.Verifier{Origin: &url.URL{Scheme: "https", Host: "us.example"}, Window: 1 << 62}
		s, err := v.Parse(r, nil)
		if err == nil {
			err = s.Verify(edKey.Public())
		}
		if s := httpsig.StatusOf(err); s == httpsig.Verified || s == "" {
			t.Errorf("%q: status %q, error %v", input, s, err)
		}
	})
}
