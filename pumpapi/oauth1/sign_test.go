package oauth1_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"manifold/pumpapi/oauth1"
)

// TestSignedRequestOverHTTP sends signed requests through net/http, whose ways of
// writing a URL on the wire are what Signer must foresee.
func TestSignedRequestOverHTTP(t *testing.T) {
	nonces := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{})
	v := &oauth1.Verifier{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := oauth1.Parse(oauth1.FromHTTP(r, nil))
		if err == nil {
			err = v.VerifyOnce(r.Context(), m, threeLegs, nonces)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	v.BaseURLs = []oauth1.BaseURL{baseURL(t, server.URL)}

	signer := oauth1.Signer{ConsumerKey: consumerKey, Token: accessToken, Secrets: threeLegs}
	for _, target := range []string{
		"", "/", "/api/user/evan/feed/major/", "/a%2Fb", "/a b", "/caf\u00e9", "/a[1]", "/a^b", `/a"b`,
		"?x=1", "/x?", "/x?since=https://h/api/x", "/x?since=https%3A%2F%2Fh%2Fapi%2Fx", "/x?a+b=c%2Bd&a%20b=e", "/x#fragment", "/x?%C3%A9=\u00e9",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		header, err := signer.AuthorizationHeader(oauth1.Call{Method: req.Method, URL: req.URL})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", header)
		for _, want := range []int{http.StatusOK, http.StatusUnauthorized} { // once, and replayed
			res, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%q: status %d, want %d", target, res.StatusCode, want)
			}
		}
	}
}

func TestSignerPlaintext(t *testing.T) {
	signer := testSigner
	signer.Method = oauth1.Plaintext
	signer.Secrets = oauth1.Secrets{Consumer: "c&s", Token: "t%s"}
	header := sign(t, signer, "GET", "https://pump.example/")
	if want := `oauth_signature="c%2526s%26t%2525s"`; !strings.HasSuffix(header, want) {
		t.Errorf("header %s, want it to end in %s", header, want)
	}
}

func TestSignerMakesNoncesAndTime(t *testing.T) {
	signer := oauth1.Signer{ConsumerKey: "k", Secrets: oauth1.Secrets{Consumer: "cs"}}
	seen := map[string]bool{}
	for range 100 {
		m := mustParse(t, oauth1.Request{Method: "GET", Path: "/", Authorization: sign(t, signer, "GET", "https://pump.example/")})
		if seen[m.Nonce] || m.Token != "" {
			t.Fatalf("nonce %q repeats, or token %q is there", m.Nonce, m.Token)
		}
		seen[m.Nonce] = true
		v := oauth1.Verifier{BaseURLs: []oauth1.BaseURL{baseURL(t, "https://pump.example")}}
		if err := v.Verify(m, signer.Secrets); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSignerRefuses(t *testing.T) {
	good := &url.URL{Scheme: "https", Host: "pump.example", Path: "/"}
	tests := map[string]struct {
		edit func(*oauth1.Signer, *oauth1.Call)
		want any // an error type to find with errors.As, or nil for any error
	}{
		"no url":          {func(_ *oauth1.Signer, c *oauth1.Call) { c.URL = nil }, nil},
		"relative url":    {func(_ *oauth1.Signer, c *oauth1.Call) { c.URL = &url.URL{Path: "/"} }, nil},
		"no host":         {func(_ *oauth1.Signer, c *oauth1.Call) { c.URL = &url.URL{Scheme: "https", Path: "/"} }, nil},
		"no consumer key": {func(s *oauth1.Signer, _ *oauth1.Call) { s.ConsumerKey = "" }, new(*oauth1.MissingParameterError)},
		"RSA":             {func(s *oauth1.Signer, _ *oauth1.Call) { s.Method = "RSA-SHA1" }, new(*oauth1.UnsupportedMethodError)},
		"bad query":       {func(_ *oauth1.Signer, c *oauth1.Call) { c.URL = &url.URL{Scheme: "https", Host: "h", RawQuery: "%"} }, new(*oauth1.MalformedError)},
		"bad form":        {func(_ *oauth1.Signer, c *oauth1.Call) { c.Form = []byte("%") }, new(*oauth1.MalformedError)},
		"oauth_ in query": {func(_ *oauth1.Signer, c *oauth1.Call) {
			c.URL = &url.URL{Scheme: "https", Host: "h", RawQuery: "oauth_nonce=1"}
		}, new(*oauth1.MalformedError)},
		"password in url": {func(_ *oauth1.Signer, c *oauth1.Call) {
			c.URL = &url.URL{Scheme: "ftp", User: url.UserPassword("u", "hidden"), Host: "h"}
		}, nil},
		"secrets in error": {func(s *oauth1.Signer, c *oauth1.Call) { s.Secrets.Consumer, c.Form = "hidden", []byte("p=hidden&%") }, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			signer, call := testSigner, oauth1.Call{Method: "POST", URL: good}
			tt.edit(&signer, &call)
			header, err := signer.AuthorizationHeader(call)
			if err == nil {
				t.Fatalf("signed: %s", header)
			}
			if tt.want != nil && !errors.As(err, tt.want) {
				t.Errorf("error %v, want a %T", err, tt.want)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("error shows a secret: %v", err)
			}
		})
	}
}
