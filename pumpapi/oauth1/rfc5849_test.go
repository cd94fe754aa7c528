package oauth1_test

import (
	"net/url"
	"testing"
	"time"

	"manifold/pumpapi/oauth1"
)

// rfcBaseStringRequest is the request of RFC 5849 3.4.1.1. The signature is the one
// of erratum 2550; the RFC prints one that does not belong to it.
func rfcBaseStringRequest(t *testing.T) oauth1.Request {
	return received(t,
		"POST /request?b5=%3D%253D&a3=a&c%40=&a2=r%20b HTTP/1.1",
		"Host: example.com",
		"Content-Type: application/x-www-form-urlencoded",
		`Authorization: OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", `+
			`oauth_token="kkk9d7dh3k39sjv7", oauth_signature_method="HMAC-SHA1", `+
			`oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", `+
			`oauth_signature="r6%2FTJjbCOr97%2F%2BUU0NsvSne7s5g%3D"`,
		"",
		"c2&a3=2+q")
}

func TestRFC5849BaseString(t *testing.T) {
	m := mustParse(t, rfcBaseStringRequest(t))
	const want = "POST&http%3A%2F%2Fexample.com%2Frequest&" +
		"a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26" +
		"oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26" +
		"oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
	if got := m.BaseString(baseURL(t, "http://example.com")); got != want {
		t.Errorf("base string\n got %s\nwant %s", got, want)
	}
}

// TestRFC5849Requests verifies every complete request of the RFC.
func TestRFC5849Requests(t *testing.T) {
	photos := oauth1.Secrets{Consumer: "kd94hf93k423kf44"}
	tests := []struct {
		name    string
		base    string
		request oauth1.Request
		secrets oauth1.Secrets
	}{
		{
			name: "1.2 temporary credentials", base: "https://photos.example.net",
			request: received(t,
				"POST /initiate HTTP/1.1",
				"Host: photos.example.net",
				`Authorization: OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", `+
					`oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131200", oauth_nonce="wIjqoS", `+
					`oauth_callback="http%3A%2F%2Fprinter.example.com%2Fready", oauth_signature="74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D"`),
			secrets: photos,
		},
		{
			name: "1.2 token", base: "https://photos.example.net",
			request: received(t,
				"POST /token HTTP/1.1",
				"Host: photos.example.net",
				`Authorization: OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="hh5s93j4hdidpola", `+
					`oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="walatlh", `+
					`oauth_verifier="hfdp7dh39dks9884", oauth_signature="gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D"`),
			secrets: oauth1.Secrets{Consumer: photos.Consumer, Token: "hdhd0244k9j7ao03"},
		},
		{
			name: "1.2 protected resource", base: "http://photos.example.net",
			request: received(t,
				"GET /photos?file=vacation.jpg&size=original HTTP/1.1",
				"Host: photos.example.net",
				`Authorization: OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", `+
					`oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", `+
					`oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"`),
			secrets: oauth1.Secrets{Consumer: photos.Consumer, Token: "pfkkdhi9sl3r4s00"},
		},
		{
			name: "2.1 plaintext", base: "https://server.example.com",
			request: received(t,
				"POST /request_temp_credentials HTTP/1.1",
				"Host: server.example.com",
				`Authorization: OAuth realm="Example", oauth_consumer_key="jd83jd92dhsh93js", oauth_signature_method="PLAINTEXT", `+
					`oauth_callback="http%3A%2F%2Fclient.example.net%2Fcb%3Fx%3D1", oauth_signature="ja893SD9%26"`),
			secrets: oauth1.Secrets{Consumer: "ja893SD9"},
		},
		{
			name: "2.3 plaintext with token", base: "https://server.example.com",
			request: received(t,
				"POST /request_token HTTP/1.1",
				"Host: server.example.com",
				`Authorization: OAuth realm="Example", oauth_consumer_key="jd83jd92dhsh93js", oauth_token="hdk48Djdsa", `+
					`oauth_signature_method="PLAINTEXT", oauth_verifier="473f82d3", oauth_signature="ja893SD9%26xyz4992k83j47x0b"`),
			secrets: oauth1.Secrets{Consumer: "ja893SD9", Token: "xyz4992k83j47x0b"},
		},
		{
			name: "3.4.1.1 with form", base: "http://example.com",
			request: rfcBaseStringRequest(t),
			secrets: oauth1.Secrets{Consumer: "j49sk3j29djd", Token: "dh893hdasih9"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := verifier(t, tt.base)
			v.Now = at(time.Unix(137131201, 0))
			if err := v.Verify(mustParse(t, tt.request), tt.secrets); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRFC5849BaseURL checks the two examples of RFC 5849 3.4.1.2.
func TestRFC5849BaseURL(t *testing.T) {
	tests := []struct {
		method, base, path, query, want string
	}{
		{"GET", "http://EXAMPLE.COM:80", "/r%20v/X", "id=123", "GET&http%3A%2F%2Fexample.com%2Fr%2520v%2FX&id%3D123%26"},
		{"GET", "https://www.example.net:8080", "/", "q=1", "GET&https%3A%2F%2Fwww.example.net%3A8080%2F&"},
	}
	for _, tt := range tests {
		r := oauth1.Request{Method: tt.method, Path: tt.path, RawQuery: tt.query, Authorization: minimalHeader}
		got := mustParse(t, r).BaseString(baseURL(t, tt.base))
		if len(got) < len(tt.want) || got[:len(tt.want)] != tt.want {
			t.Errorf("%s%s: base string %s, want it to start with %s", tt.base, tt.path, got, tt.want)
		}
	}
}

// TestKnownSignatures signs the example of OAuth Core 1.0 appendix A.5, with which
// most libraries are tested.
func TestKnownSignatures(t *testing.T) {
	s := oauth1.Signer{
		ConsumerKey: "dpf43f3p2l4k3l03",
		Token:       "nnch734d00sl2jdk",
		Secrets:     oauth1.Secrets{Consumer: "kd94hf93k423kf44", Token: "pfkkdhi9sl3r4s00"},
		Now:         at(time.Unix(1191242096, 0)),
		Nonce:       func() string { return "kllo9940pd9333jh" },
	}
	u, err := url.Parse("http://photos.example.net/photos?file=vacation.jpg&size=original")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.AuthorizationHeader(oauth1.Call{Method: "GET", URL: u})
	if err != nil {
		t.Fatal(err)
	}
	const want = `OAuth oauth_consumer_key="dpf43f3p2l4k3l03", oauth_nonce="kllo9940pd9333jh", ` +
		`oauth_signature_method="HMAC-SHA1", oauth_timestamp="1191242096", oauth_version="1.0", ` +
		`oauth_token="nnch734d00sl2jdk", oauth_signature="tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D"`
	if got != want {
		t.Errorf("header\n got %s\nwant %s", got, want)
	}
}

// TestNormalization has the cases of wiki.oauth.net/TestCases for the order of
// parameters (RFC 5849 3.4.1.3.2). The texts are the ones before the last encoding.
func TestNormalization(t *testing.T) {
	tests := map[string]string{
		"name=":                "name=",
		"a=b":                  "a=b",
		"a=b&c=d":              "a=b&c=d",
		"a=x%21y&a=x+y":        "a=x%20y&a=x%21y",
		"x%21y=a&x=a":          "x=a&x%21y=a",
		"c2":                   "c2=",
		"a=b=c":                "a=b%3Dc",
		"=v":                   "=v",
		"z=1&&a=1&":            "a=1&z=1",
		"b=%2B&b=%20&b=1":      "b=%20&b=%2B&b=1",
		"a1=1&a=2":             "a=2&a1=1", // by name, not by "name=value": "1" sorts before "="
		"é=ü":                  "%C3%A9=%C3%BC",
		"%C3%A9=%c3%bc":        "%C3%A9=%C3%BC",
		"s=https://h:1/x;y?z!": "s=https%3A%2F%2Fh%3A1%2Fx%3By%3Fz%21",
	}
	for query, want := range tests {
		r := oauth1.Request{Method: "GET", Path: "/", RawQuery: query, Authorization: minimalHeader}
		if got := application(t, mustParse(t, r).BaseString(baseURL(t, "http://h"))); got != want {
			t.Errorf("query %q: signed parameters %q, want %q", query, got, want)
		}
	}
}
