package oauth1_test

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"manifold/pumpapi/oauth1"
)

func sign(t testing.TB, s oauth1.Signer, method, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	header, err := s.AuthorizationHeader(oauth1.Call{Method: method, URL: u})
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// TestTampering changes one thing at a time in a request that verifies.
func TestTampering(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "pump.example", Path: "/api/x", RawQuery: "a=1&b=2"}
	form := []byte("c=3&d=4")
	for _, method := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256} {
		signer := testSigner
		signer.Method = method
		header, err := signer.AuthorizationHeader(oauth1.Call{Method: "POST", URL: u, Form: form, Callback: "http://c.example/?x=1", Verifier: "v"})
		if err != nil {
			t.Fatal(err)
		}
		type attempt struct {
			request oauth1.Request
			secrets oauth1.Secrets
			base    string
		}
		edit := func(old, new string) func(*attempt) {
			return func(a *attempt) {
				if !strings.Contains(a.request.Authorization, old) {
					t.Fatalf("header %s has no %s", a.request.Authorization, old)
				}
				a.request.Authorization = strings.Replace(a.request.Authorization, old, new, 1)
			}
		}
		changes := map[string]func(*attempt){
			"method":                func(a *attempt) { a.request.Method = "PUT" },
			"path":                  func(a *attempt) { a.request.Path = "/api/y" },
			"slash at the end":      func(a *attempt) { a.request.Path += "/" },
			"case of the path":      func(a *attempt) { a.request.Path = "/api/X" },
			"escape in the path":    func(a *attempt) { a.request.Path = "/api/%78" },
			"query value":           func(a *attempt) { a.request.RawQuery = "a=1&b=3" },
			"query name":            func(a *attempt) { a.request.RawQuery = "a=1&B=2" },
			"query values swapped":  func(a *attempt) { a.request.RawQuery = "a=2&b=1" },
			"query shortened":       func(a *attempt) { a.request.RawQuery = "a=1" },
			"query extended":        func(a *attempt) { a.request.RawQuery += "&e=5" },
			"query parameter twice": func(a *attempt) { a.request.RawQuery += "&b=2" },
			"form value":            func(a *attempt) { a.request.Form = []byte("c=3&d=5") },
			"form removed":          func(a *attempt) { a.request.Form = nil },
			"form type changed":     func(a *attempt) { a.request.ContentType = "text/plain" },
			"form parameter renamed into a query's": func(a *attempt) {
				a.request.Form = []byte("a=3&d=4")
			},
			"consumer key":         edit(consumerKey, "other"),
			"token":                edit(accessToken, "other"),
			"nonce":                edit(`"1804289383"`, `"1804289384"`),
			"timestamp":            edit(`"1700000000"`, `"1700000001"`),
			"version removed":      edit(`oauth_version="1.0", `, ""),
			"callback":             edit("c.example", "d.example"),
			"verifier":             edit(`oauth_verifier="v"`, `oauth_verifier="w"`),
			"extra in header":      edit(`oauth_verifier="v"`, `oauth_verifier="v", x="y"`),
			"signature shortened":  edit(`%3D"`, `"`),
			"signature lengthened": edit(`%3D"`, `%3D%3D"`),
			"consumer secret":      func(a *attempt) { a.secrets.Consumer += "x" },
			"token secret":         func(a *attempt) { a.secrets.Token = "x" },
			"secrets swapped":      func(a *attempt) { a.secrets.Consumer, a.secrets.Token = a.secrets.Token, a.secrets.Consumer },
			"secrets divided elsewhere": func(a *attempt) {
				a.secrets = oauth1.Secrets{Consumer: a.secrets.Consumer + "&" + a.secrets.Token, Token: "x"}
			},
			"scheme": func(a *attempt) { a.base = "http://pump.example" },
			"host":   func(a *attempt) { a.base = "https://pump.example.org" },
			"port":   func(a *attempt) { a.base = "https://pump.example:8443" },
			"prefix": func(a *attempt) { a.base = "https://pump.example/pump" },
		}
		if method == oauth1.HMACSHA1 {
			changes["signature method"] = edit("HMAC-SHA1", "HMAC-SHA256")
		} else {
			changes["signature method"] = edit("HMAC-SHA256", "HMAC-SHA1")
		}
		untouched := attempt{
			request: oauth1.Request{Method: "POST", Path: "/api/x", RawQuery: "a=1&b=2", Authorization: header,
				ContentType: "application/x-www-form-urlencoded", Form: form},
			secrets: threeLegs,
			base:    "https://pump.example",
		}
		if err := verifier(t, untouched.base).Verify(mustParse(t, untouched.request), untouched.secrets); err != nil {
			t.Fatalf("%s, untouched: %v", method, err)
		}
		for name, change := range changes {
			t.Run(string(method)+"/"+name, func(t *testing.T) {
				a := untouched
				change(&a)
				if err := verifier(t, a.base).Verify(mustParse(t, a.request), a.secrets); err != oauth1.ErrBadSignature {
					t.Errorf("error %v, want ErrBadSignature", err)
				}
			})
		}
		// Every single character of the signature counts.
		_, signature, _ := strings.Cut(header, `oauth_signature="`)
		signature = strings.TrimSuffix(signature, `"`)
		for i, c := range signature {
			flipped := "A"
			if c == 'A' {
				flipped = "B"
			}
			if strings.Contains(signature[max(0, i-2):i+1], "%") {
				continue // part of an escape
			}
			r := untouched.request
			r.Authorization = strings.Replace(header, signature, signature[:i]+flipped+signature[i+1:], 1)
			if err := verifier(t, untouched.base).Verify(mustParse(t, r), threeLegs); err != oauth1.ErrBadSignature {
				t.Errorf("signature changed at %d: error %v, want ErrBadSignature", i, err)
			}
		}
	}
}

// Where a parameter is sent and in which order and spelling does not matter.
func TestSpellingsOfOneRequest(t *testing.T) {
	header := sign(t, testSigner, "GET", "https://pump.example/api/x?since=https%3A%2F%2Fh%2Fy&b=%7E+1")
	for _, query := range []string{
		"since=https%3A%2F%2Fh%2Fy&b=%7E+1",
		"b=~%201&since=https://h/y",
		"&&b=%7e%201&since=https%3a//h%2fy&",
		"%62=~+1&si%6Ece=https:%2F/h/y",
	} {
		r := oauth1.Request{Method: "get", Path: "/api/x", RawQuery: query, Authorization: header}
		if err := verifier(t, "https://pump.example").Verify(mustParse(t, r), threeLegs); err != nil {
			t.Errorf("query %s: %v", query, err)
		}
	}
}

func TestBaseURLs(t *testing.T) {
	tests := []struct {
		name     string
		signed   string // URL as the client has it
		path     string // as the server sees it
		accepted []string
		want     error
	}{
		{"same", "https://pump.example/x", "/x", []string{"https://pump.example"}, nil},
		{"default port signed", "https://pump.example:443/x", "/x", []string{"https://pump.example"}, nil},
		{"default port configured", "http://pump.example/x", "/x", []string{"http://pump.example:80"}, nil},
		{"upper case", "HTTPS://Pump.Example/x", "/x", []string{"https://pump.example"}, nil},
		{"another port", "https://pump.example:8443/x", "/x", []string{"https://pump.example:8443/"}, nil},
		{"IPv6", "http://[::1]:8080/x", "/x", []string{"http://[::1]:8080"}, nil},
		{"root without slash", "https://pump.example", "/", []string{"https://pump.example"}, nil},
		{"prefix removed by a proxy", "https://h.example/pump/x", "/x", []string{"https://h.example/pump/"}, nil},
		{"prefix kept", "https://h.example/pump/x", "/pump/x", []string{"https://h.example"}, nil},
		{"third name", "http://127.0.0.1:8080/x", "/x", []string{"https://pump.example", "https://www.pump.example", "http://127.0.0.1:8080"}, nil},
		{"port 443 is not http's default", "http://pump.example:443/x", "/x", []string{"http://pump.example"}, oauth1.ErrBadSignature},
		{"inside scheme behind a TLS proxy", "http://pump.example/x", "/x", []string{"https://pump.example"}, oauth1.ErrBadSignature},
		{"another host", "https://evil.example/x", "/x", []string{"https://pump.example", "https://www.pump.example"}, oauth1.ErrBadSignature},
		{"none", "https://pump.example/x", "/x", nil, oauth1.ErrNoBaseURL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := oauth1.Request{Method: "GET", Path: tt.path, Authorization: sign(t, testSigner, "GET", tt.signed)}
			if err := verifier(t, tt.accepted...).Verify(mustParse(t, r), threeLegs); err != tt.want {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParseBaseURLRefuses(t *testing.T) {
	for _, s := range []string{"", "pump.example", "/x", "ftp://pump.example", "https://", "https://:443", "https://u:p@pump.example",
		"https://pump.example?x", "https://pump.example/?", "https://pump.example#x", "https://pump.example:x", "mailto:a@b"} {
		if _, err := oauth1.ParseBaseURL(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

// TestPlaintext has the wire forms of RFC 5849 3.4.4 and of pump.io.
func TestPlaintext(t *testing.T) {
	two := oauth1.Secrets{Consumer: "cs"}
	three := oauth1.Secrets{Consumer: "cs", Token: "ts"}
	odd := oauth1.Secrets{Consumer: "c&s", Token: "t%+s"}
	tests := []struct {
		name    string
		wire    string // between the quotes of the header
		secrets oauth1.Secrets
		want    error
	}{
		{"encoded once", "cs%26ts", three, nil},
		{"encoded twice, for pump.io", "cs%2526ts", three, nil},
		{"not encoded", "cs&ts", three, nil},
		{"encoded once, no token", "cs%26", two, nil},
		{"encoded twice, no token", "cs%2526", two, nil},
		{"odd secrets once", "c%2526s%26t%2525%252Bs", odd, nil},
		{"odd secrets twice", "c%252526s%2526t%252525%25252Bs", odd, nil},
		{"odd secrets not encoded", "c&s&t%25+s", odd, oauth1.ErrBadSignature},
		{"encoded three times", "cs%252526ts", three, oauth1.ErrBadSignature},
		{"no separator", "cs", two, oauth1.ErrBadSignature},
		{"token secret left out", "cs%26", three, oauth1.ErrBadSignature},
		{"token secret wrong", "cs%26tt", three, oauth1.ErrBadSignature},
		{"consumer secret wrong", "ct%26ts", three, oauth1.ErrBadSignature},
		{"case", "CS%26ts", three, oauth1.ErrBadSignature},
		{"longer", "cs%26tss", three, oauth1.ErrBadSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := `OAuth oauth_consumer_key="k", oauth_signature_method="PLAINTEXT", oauth_signature="` + tt.wire + `"`
			if tt.secrets.Token != "" {
				header += `, oauth_token="t"`
			}
			m := mustParse(t, oauth1.Request{Method: "GET", Path: "/", Authorization: header})
			if err := new(oauth1.Verifier).Verify(m, tt.secrets); err != tt.want {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestSignatureMethods(t *testing.T) {
	tests := []struct {
		method   oauth1.SignatureMethod
		accepted []oauth1.SignatureMethod
		ok       bool
	}{
		{"RSA-SHA1", nil, false},
		{"hmac-sha1", nil, false},
		{"", []oauth1.SignatureMethod{}, true}, // the signer's default
		{oauth1.HMACSHA1, []oauth1.SignatureMethod{oauth1.HMACSHA1}, true},
		{oauth1.HMACSHA256, []oauth1.SignatureMethod{oauth1.HMACSHA1}, false},
		{oauth1.Plaintext, []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256}, false},
		{oauth1.Plaintext, nil, true},
		{"RSA-SHA1", []oauth1.SignatureMethod{"RSA-SHA1"}, false},
	}
	for _, tt := range tests {
		signer := testSigner
		if tt.ok || tt.method == oauth1.Plaintext || tt.method == oauth1.HMACSHA256 {
			signer.Method = tt.method
		}
		header := sign(t, signer, "GET", "https://pump.example/")
		if signer.Method != tt.method {
			header = strings.Replace(header, "HMAC-SHA1", string(tt.method), 1)
		}
		v := verifier(t, "https://pump.example")
		v.Methods = tt.accepted
		err := v.Verify(mustParse(t, oauth1.Request{Method: "GET", Path: "/", Authorization: header}), threeLegs)
		if tt.ok {
			if err != nil {
				t.Errorf("%s of %v: %v", tt.method, tt.accepted, err)
			}
			continue
		}
		if e, ok := errors.AsType[*oauth1.UnsupportedMethodError](err); !ok || e.Method != tt.method || !strings.Contains(err.Error(), string(tt.method)) {
			t.Errorf("%s of %v: error %v, want UnsupportedMethodError", tt.method, tt.accepted, err)
		}
	}
}

func TestTimestampWindow(t *testing.T) {
	tests := []struct {
		offset, window time.Duration
		ok             bool
	}{
		{0, 0, true},
		{300 * time.Second, 0, true},
		{-300 * time.Second, 0, true},
		{301 * time.Second, 0, false},
		{-301 * time.Second, 0, false},
		{60 * time.Second, time.Minute, true},
		{61 * time.Second, time.Minute, false},
		{-61 * time.Second, time.Minute, false},
	}
	for _, tt := range tests {
		for _, method := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.Plaintext} {
			signer := testSigner
			signer.Method = method
			signer.Now = at(signedAt.Add(tt.offset))
			v := verifier(t, "https://pump.example")
			v.Window = tt.window
			r := oauth1.Request{Method: "GET", Path: "/", Authorization: sign(t, signer, "GET", "https://pump.example/")}
			err := v.Verify(mustParse(t, r), threeLegs)
			if tt.ok {
				if err != nil {
					t.Errorf("%s %v in %v: %v", method, tt.offset, tt.window, err)
				}
				continue
			}
			e, ok := errors.AsType[*oauth1.TimestampError](err)
			if !ok {
				t.Fatalf("%s %v in %v: error %v, want TimestampError", method, tt.offset, tt.window, err)
			}
			if !e.ServerTime.Equal(signedAt) || e.Timestamp != signedAt.Add(tt.offset).Unix() {
				t.Errorf("error has timestamp %d and server time %v", e.Timestamp, e.ServerTime)
			}
			side := "ahead of"
			if tt.offset < 0 {
				side = "behind"
			}
			for _, part := range []string{strconv.Itoa(int(tt.offset.Abs().Seconds())) + " s " + side, "2023-11-14T22:13:20Z"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		}
	}
}

// A lookup that found nothing must not turn into a key that everybody knows.
func TestEmptySecretsVerifyNothing(t *testing.T) {
	tests := map[string]struct {
		signer  oauth1.Signer
		secrets oauth1.Secrets
	}{
		"no secret":       {oauth1.Signer{ConsumerKey: "k"}, oauth1.Secrets{}},
		"no token secret": {oauth1.Signer{ConsumerKey: "k", Token: "t", Secrets: oauth1.Secrets{Consumer: "cs"}}, oauth1.Secrets{Consumer: "cs"}},
	}
	for name, tt := range tests {
		for _, method := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.Plaintext} {
			tt.signer.Method, tt.signer.Now = method, at(signedAt)
			r := oauth1.Request{Method: "GET", Path: "/", Authorization: sign(t, tt.signer, "GET", "https://pump.example/")}
			if err := verifier(t, "https://pump.example").Verify(mustParse(t, r), tt.secrets); err != oauth1.ErrNoSecret {
				t.Errorf("%s, %s: error %v, want ErrNoSecret", name, method, err)
			}
		}
	}
}

// failingNonces is a memory that cannot answer.
type failingNonces struct{ err error }

func (f failingNonces) Remember(context.Context, oauth1.NonceKey) (oauth1.Freshness, error) {
	return oauth1.Fresh, f.err
}

func TestVerifyOnce(t *testing.T) {
	v := verifier(t, "https://pump.example")
	header := sign(t, testSigner, "GET", "https://pump.example/")
	good := oauth1.Request{Method: "GET", Path: "/", Authorization: header}
	nonces := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Now: at(signedAt)})

	// A forgery with the sender's nonce must not use it up.
	forged := good
	forged.Path = "/other"
	if err := v.VerifyOnce(t.Context(), mustParse(t, forged), threeLegs, nonces); err != oauth1.ErrBadSignature {
		t.Errorf("forged: error %v, want ErrBadSignature", err)
	}
	if err := v.VerifyOnce(t.Context(), mustParse(t, good), threeLegs, nonces); err != nil {
		t.Errorf("first: %v", err)
	}
	if err := v.VerifyOnce(t.Context(), mustParse(t, good), threeLegs, nonces); err != oauth1.ErrNonceReplayed {
		t.Errorf("second: error %v, want ErrNonceReplayed", err)
	}

	// kQOAuth's nonces return at other timestamps.
	later := testSigner
	later.Now = at(signedAt.Add(time.Second))
	again := oauth1.Request{Method: "GET", Path: "/", Authorization: sign(t, later, "GET", "https://pump.example/")}
	if err := v.VerifyOnce(t.Context(), mustParse(t, again), threeLegs, nonces); err != nil {
		t.Errorf("same nonce, next second: %v", err)
	}

	bare := oauth1.Request{Method: "GET", Path: "/", Authorization: `OAuth oauth_consumer_key="k", oauth_signature_method="PLAINTEXT", oauth_signature="cs%26"`}
	for range 2 {
		if err := v.VerifyOnce(t.Context(), mustParse(t, bare), oauth1.Secrets{Consumer: "cs"}, nonces); err != nil {
			t.Errorf("PLAINTEXT without nonce: %v", err)
		}
	}

	if err := v.VerifyOnce(t.Context(), mustParse(t, good), threeLegs, failingNonces{oauth1.ErrNonceUndecided}); !errors.Is(err, oauth1.ErrNonceUndecided) {
		t.Errorf("memory without an answer: error %v, want ErrNonceUndecided", err)
	}
}
