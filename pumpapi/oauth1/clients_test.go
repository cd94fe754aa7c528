package oauth1_test

import (
	"testing"

	"manifold/pumpapi/oauth1"
)

// TestClientRequests has requests in the shape in which each client sends them. The
// signatures of PyPump were made by oauthlib 3.2.2, those of the Qt clients by a
// script that follows the formula of their libraries.
func TestClientRequests(t *testing.T) {
	const python = `oauth_nonce="139874561237894561231456789", oauth_timestamp="1700000000", oauth_version="1.0", `
	const pythonUser = python + `oauth_signature_method="HMAC-SHA1", oauth_consumer_key="` + consumerKey + `", oauth_token="` + accessToken + `", `
	const pythonQuery = `oauth_nonce=139874561237894561231456789&oauth_timestamp=1700000000&oauth_version=1.0` +
		`&oauth_signature_method=HMAC-SHA1&oauth_consumer_key=` + consumerKey + `&oauth_token=` + accessToken
	const kqoauth = `oauth_signature_method="HMAC-SHA1", oauth_consumer_key="` + consumerKey +
		`", oauth_version="1.0", oauth_timestamp="1700000000", oauth_nonce="1804289383", oauth_token="` + accessToken + `", `
	const form = "Content-Type: application/x-www-form-urlencoded"

	tests := []struct {
		name    string
		request []string
		secrets oauth1.Secrets
		check   func(*oauth1.Message) bool
	}{
		{
			name: "PyPump timeline, since escaped",
			request: []string{"GET /api/user/evan/inbox/major?count=20&since=https%3A%2F%2Fpump.example%2Fapi%2Factivity%2Fx-1 HTTP/1.1",
				"Host: pump.example",
				"Authorization: OAuth " + pythonUser + `oauth_signature="m3iGEt3NQTZW88gf8ENZCpIXdyI%3D"`},
			secrets: threeLegs,
			check: func(m *oauth1.Message) bool {
				return m.ConsumerKey == consumerKey && m.Token == accessToken && m.Method == oauth1.HMACSHA1 &&
					m.Timestamp == 1700000000 && m.Nonce == "139874561237894561231456789"
			},
		},
		{
			name: "python query with plus, escaped plus and UTF-8",
			request: []string{"GET /api/user/evan/inbox?q=a+b%2Bc&u=caf%C3%A9 HTTP/1.1", "Host: pump.example",
				"Authorization: OAuth " + pythonUser + `oauth_signature="aEYU7xlCMRlwhW4%2FaXaaaxTqorQ%3D"`},
			secrets: threeLegs,
		},
		{
			name: "PyPump post, JSON body not signed",
			request: []string{"POST /api/user/evan/feed HTTP/1.1", "Host: pump.example", "Content-Type: application/json",
				"Authorization: OAuth " + pythonUser + `oauth_signature="mtOA2biUo%2FnxCzCKVZMFs7VhOY4%3D"`,
				"", `{"verb":"post"}`},
			secrets: threeLegs,
		},
		{
			name: "python form, charset given, case of the type changed",
			request: []string{"POST /main/form HTTP/1.1", "Host: pump.example",
				"Content-Type: Application/X-WWW-Form-Urlencoded; charset=UTF-8",
				"Authorization: OAuth " + pythonUser + `oauth_signature="JJh3noP5KfrMFeg1UIl7LrfNL3E%3D"`,
				"", "text=a+b%26c&x=&text=%21"},
			secrets: threeLegs,
		},
		{
			name: "PyPump asks for a request token",
			request: []string{"POST /oauth/request_token HTTP/1.1", "Host: pump.example",
				`Authorization: OAuth oauth_nonce="1", oauth_timestamp="1700000000", oauth_version="1.0", oauth_signature_method="HMAC-SHA1", ` +
					`oauth_consumer_key="` + consumerKey + `", oauth_callback="oob", oauth_signature="%2Fgmv6v6ZdFVjYXvXJOWVHfDWI2k%3D"`},
			secrets: consumer,
			check:   func(m *oauth1.Message) bool { return m.Callback == "oob" && m.Token == "" },
		},
		{
			name: "oauthlib HMAC-SHA256",
			request: []string{"GET /api/user/evan/inbox HTTP/1.1", "Host: pump.example",
				"Authorization: OAuth " + python + `oauth_signature_method="HMAC-SHA256", oauth_consumer_key="` + consumerKey +
					`", oauth_token="` + accessToken + `", oauth_signature="zx0oeipFwrKhNXh1DK4Fqq4d9CezJ%2Bup5cgBWysD6LU%3D"`},
			secrets: threeLegs,
		},
		{
			name: "oauthlib PLAINTEXT",
			request: []string{"GET /api/user/evan/inbox HTTP/1.1", "Host: pump.example",
				"Authorization: OAuth " + python + `oauth_signature_method="PLAINTEXT", oauth_consumer_key="` + consumerKey +
					`", oauth_token="` + accessToken + `", oauth_signature="` + consumerSecret + `%26` + tokenSecret + `"`},
			secrets: threeLegs,
		},
		{
			name: "oauthlib in the query",
			request: []string{"GET /api/user/evan/inbox?count=5&" + pythonQuery + "&oauth_signature=cLDlP7NXx6a0Piv4yr0wkSU0tqY%3D HTTP/1.1",
				"Host: pump.example"},
			secrets: threeLegs,
		},
		{
			name: "oauthlib in the form",
			request: []string{"POST /api/user/evan/inbox HTTP/1.1", "Host: pump.example", form,
				"", "count=5&" + pythonQuery + "&oauth_signature=UyGvwGx7dylHshpJuI24x9S5yXQ%3D"},
			secrets: threeLegs,
		},
		{
			name: "pumpa's kQOAuth: small decimal nonce, since not escaped",
			request: []string{"GET /api/user/evan/inbox/major?count=20&since=https://pump.example/api/activity/x-1 HTTP/1.1", "Host: pump.example",
				"Authorization: OAuth " + kqoauth + `oauth_signature="zp6F8uaDehW8pdCfUy5OX0%2F1KZ8%3D"`},
			secrets: threeLegs,
			check:   func(m *oauth1.Message) bool { return m.Nonce == "1804289383" },
		},
		{
			name: "choqok's Qt NetworkAuth: sorted, no blanks, slash at the end",
			request: []string{"GET /api/user/evan/inbox/direct/major/?count=20 HTTP/1.1", "Host: pump.example",
				`Authorization: OAuth oauth_consumer_key="` + consumerKey + `",oauth_nonce="kXcRtZqA",` +
					`oauth_signature="e9XF9GPvZ%2B1NMbP3Q9H8jgd%2FgIs%3D",oauth_signature_method="HMAC-SHA1",` +
					`oauth_timestamp="1700000000",oauth_token="` + accessToken + `",oauth_version="1.0"`},
			secrets: threeLegs,
		},
		{
			name: "choqok's following, since=acct: not escaped",
			request: []string{"GET /api/user/evan/following?count=200&since=acct:bob@remote.example HTTP/1.1", "Host: pump.example",
				`Authorization: OAuth oauth_consumer_key="` + consumerKey + `",oauth_nonce="kXcRtZqA",` +
					`oauth_signature="GsXI2f4l1sxawUE4m5zZ2UtnNMw%3D",oauth_signature_method="HMAC-SHA1",` +
					`oauth_timestamp="1700000000",oauth_token="` + accessToken + `",oauth_version="1.0"`},
			secrets: threeLegs,
		},
		{
			name: "dianara's QOAuth asks for a request token by GET",
			request: []string{"GET /oauth/request_token HTTP/1.1", "Host: pump.example",
				`Authorization: oauth oauth_callback="oob",oauth_consumer_key="` + consumerKey + `",oauth_nonce="2f1d",` +
					`oauth_signature="AK23YF%2BYzkflgO63leyRkakbSr0%3D",oauth_signature_method="HMAC-SHA1",oauth_timestamp="1700000000",oauth_version="1.0"`},
			secrets: consumer,
			check:   func(m *oauth1.Message) bool { return m.Callback == "oob" },
		},
		{
			name: "dianara's QOAuth repeats the query in the header and signs it once",
			request: []string{"GET /api/user/evan/inbox/major?count=20&since=https://pump.example/api/activity/x-1 HTTP/1.1", "Host: pump.example",
				`Authorization: OAuth count="20",oauth_consumer_key="` + consumerKey + `",oauth_nonce="2f1d",` +
					`oauth_signature="u33S6%2FpZBjXo6uo%2BSoT%2BM7SeENY%3D",oauth_signature_method="HMAC-SHA1",oauth_timestamp="1700000000",` +
					`oauth_token="` + accessToken + `",oauth_version="1.0",since="https%3A%2F%2Fpump.example%2Fapi%2Factivity%2Fx-1"`},
			secrets: threeLegs,
		},
	}
	v := verifier(t, "https://pump.example")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mustParse(t, received(t, tt.request...))
			if err := v.Verify(m, tt.secrets); err != nil {
				t.Errorf("%v\nbase string %s", err, m.BaseString(v.BaseURLs[0]))
			}
			if tt.check != nil && !tt.check(m) {
				t.Errorf("message is %+v", m)
			}
		})
	}
}

// A "+" in a query is a space. A client that signs it as a plus is refused, else a
// signed %2B could be changed on the way, see addPairs.
func TestPlusInQueryIsASpace(t *testing.T) {
	header := sign(t, testSigner, "GET", "https://pump.example/x?q=a%2Bb")
	r := oauth1.Request{Method: "GET", Path: "/x", RawQuery: "q=a+b", Authorization: header}
	if err := verifier(t, "https://pump.example").Verify(mustParse(t, r), threeLegs); err != oauth1.ErrBadSignature {
		t.Errorf("error %v, want ErrBadSignature", err)
	}
	r.RawQuery = "q=a%2bb"
	if err := verifier(t, "https://pump.example").Verify(mustParse(t, r), threeLegs); err != nil {
		t.Errorf("escaped plus: %v", err)
	}
}
