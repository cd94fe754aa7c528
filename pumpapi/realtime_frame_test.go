package pumpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"manifold/pumpapi"
	"manifold/pumpapi/oauth1"
)

func FuzzRealtimeFrame(f *testing.F) {
	signer := &oauth1.Signer{ConsumerKey: "k", Token: "t", Secrets: oauth1.Secrets{Consumer: "s", Token: "s"}}
	header, err := signer.AuthorizationHeader(oauth1.Call{Method: "GET", URL: mustURL(f, home+"/c")})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", `"x"`, `["{\"cmd\":\"follow\",\"url\":\"u\"}"]`, `[[]]`, `{"cmd":"rise","message":{"parameters":[["a","b"],["c",1]]}}`,
		`{"cmd":"rise","message":{"parameters":{"oauth_nonce":"+ %\"&","n":1e5}}}`, strings.Repeat("[", 10000), header} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if messages, err := pumpapi.DecodeFrame(frame); err == nil && len(messages) > len(frame) {
			t.Errorf("%d messages of %d bytes", len(messages), len(frame))
		}
		_, header, err := pumpapi.DecodeCommand(string(frame))
		if err != nil {
			return
		}
		// Whatever a client sends stays inside of the values: nothing ends one early.
		if _, err := oauth1.Parse(oauth1.Request{Method: "GET", Path: "/c", Authorization: header}); err != nil && strings.Contains(err.Error(), "name=") {
			t.Errorf("%q is no header: %v", header, err)
		}
	})
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
