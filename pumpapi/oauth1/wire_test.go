package oauth1_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"manifold/pumpapi/oauth1"
)

// The credentials with which oauthlib and the formulas of the Qt libraries were run
// to make the signatures in these tests.
const (
	consumerKey    = "dp3nQ2vUTLu6GqKzgq7O1w"
	consumerSecret = "hXn0sT1vF2dO5mY3bW8qL6zR4kJ7cP9uEaIgNxVeBt0"
	accessToken    = "Ty7Jk-0bQ_2xWmVnLr5sZg"
	tokenSecret    = "pQ9oIu8ytRe7wQa6sDf5gHj4kLz3xCv2bNm1-_AbCdE"
)

var (
	signedAt   = time.Unix(1700000000, 0)
	consumer   = oauth1.Secrets{Consumer: consumerSecret}
	threeLegs  = oauth1.Secrets{Consumer: consumerSecret, Token: tokenSecret}
	testSigner = oauth1.Signer{
		ConsumerKey: consumerKey,
		Token:       accessToken,
		Secrets:     threeLegs,
		Now:         at(signedAt),
		Nonce:       func() string { return "1804289383" },
	}
)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func baseURL(t testing.TB, s string) oauth1.BaseURL {
	t.Helper()
	base, err := oauth1.ParseBaseURL(s)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// verifier is a server at the address whose clock stands at signedAt.
func verifier(t testing.TB, addresses ...string) *oauth1.Verifier {
	t.Helper()
	v := &oauth1.Verifier{Now: at(signedAt)}
	for _, s := range addresses {
		v.BaseURLs = append(v.BaseURLs, baseURL(t, s))
	}
	return v
}

// received is what a server makes of a request with these lines, given without
// the "\r\n"; an empty line comes before the body.
func received(t testing.TB, lines ...string) oauth1.Request {
	t.Helper()
	head, body, _ := strings.Cut(strings.Join(lines, "\r\n"), "\r\n\r\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Fatal(err)
	}
	return oauth1.FromHTTP(r, []byte(body))
}

func mustParse(t testing.TB, r oauth1.Request) *oauth1.Message {
	t.Helper()
	m, err := oauth1.Parse(r)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return m
}
