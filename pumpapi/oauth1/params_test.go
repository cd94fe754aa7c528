package oauth1_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"manifold/pumpapi/oauth1"
)

const (
	minimalHeader = `OAuth oauth_consumer_key="k", oauth_signature_method="HMAC-SHA1", oauth_signature="s", oauth_timestamp="1700000000", oauth_nonce="n"`
	minimalParams = "oauth_consumer_key=k&oauth_nonce=n&oauth_signature_method=HMAC-SHA1&oauth_timestamp=1700000000"
)

// application returns the decoded parameter part of a base string without the
// parameters of minimalHeader.
func application(t testing.TB, baseString string) string {
	t.Helper()
	parts := strings.Split(baseString, "&")
	if len(parts) != 3 {
		t.Fatalf("base string %q has %d parts, want 3", baseString, len(parts))
	}
	params := strings.NewReplacer("%25", "%", "%3D", "=", "%26", "&").Replace(parts[2])
	before, after, found := strings.Cut(params, minimalParams)
	if !found {
		t.Fatalf("base string %q lacks the protocol parameters", baseString)
	}
	before, after = strings.TrimSuffix(before, "&"), strings.TrimPrefix(after, "&")
	if before != "" && after != "" {
		return before + "&" + after
	}
	return before + after
}

func TestParseRefuses(t *testing.T) {
	without := func(name string) string {
		var kept []string
		for _, p := range strings.Split(strings.TrimPrefix(minimalHeader, "OAuth "), ", ") {
			if !strings.HasPrefix(p, name+"=") {
				kept = append(kept, p)
			}
		}
		return "OAuth " + strings.Join(kept, ", ")
	}
	type malformed = oauth1.MalformedError
	type missing = oauth1.MissingParameterError
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name    string
		request oauth1.Request
		want    error // its type, and its Where or Name if that is set
	}{
		{"nothing", oauth1.Request{}, oauth1.ErrNotSigned},
		{"another scheme", oauth1.Request{Authorization: "Bearer oauth_token"}, oauth1.ErrNotSigned},
		{"a scheme that starts alike", oauth1.Request{Authorization: `OAuth2 oauth_consumer_key="k"`}, oauth1.ErrNotSigned},
		{"odd query of an unsigned request", oauth1.Request{RawQuery: "q=100%"}, oauth1.ErrNotSigned},
		{"the word in a value", oauth1.Request{RawQuery: "q=oauth_token"}, oauth1.ErrNotSigned},
		{"oauth in a JSON body", oauth1.Request{ContentType: "application/json", Form: []byte("oauth_consumer_key=k")}, oauth1.ErrNotSigned},
		{"a type that starts alike", oauth1.Request{ContentType: form + "2", Form: []byte("oauth_consumer_key=k")}, oauth1.ErrNotSigned},

		{"scheme alone", oauth1.Request{Authorization: "OAuth"}, &missing{Name: "oauth_consumer_key"}},
		{"realm alone", oauth1.Request{Authorization: `OAuth realm="x"`}, &missing{Name: "oauth_consumer_key"}},
		{"no consumer key", oauth1.Request{Authorization: without("oauth_consumer_key")}, &missing{Name: "oauth_consumer_key"}},
		{"empty consumer key", oauth1.Request{Authorization: without("oauth_consumer_key") + `, oauth_consumer_key=""`}, &missing{Name: "oauth_consumer_key"}},
		{"no method", oauth1.Request{Authorization: without("oauth_signature_method")}, &missing{Name: "oauth_signature_method"}},
		{"no signature", oauth1.Request{Authorization: without("oauth_signature")}, &missing{Name: "oauth_signature"}},
		{"no timestamp", oauth1.Request{Authorization: without("oauth_timestamp")}, &missing{Name: "oauth_timestamp"}},
		{"no nonce", oauth1.Request{Authorization: without("oauth_nonce")}, &missing{Name: "oauth_nonce"}},
		{"PLAINTEXT with nonce only", oauth1.Request{Authorization: `OAuth oauth_consumer_key="k", oauth_signature_method="PLAINTEXT", oauth_signature="s%26", oauth_nonce="n"`}, &missing{Name: "oauth_timestamp"}},
		{"token in the query only", oauth1.Request{RawQuery: "oauth_token=t"}, &missing{Name: "oauth_consumer_key"}},

		{"version 2", oauth1.Request{Authorization: minimalHeader + `, oauth_version="2.0"`}, &oauth1.UnsupportedVersionError{}},
		{"empty version", oauth1.Request{Authorization: minimalHeader + `, oauth_version=""`}, &oauth1.UnsupportedVersionError{}},

		{"no quotes", oauth1.Request{Authorization: "OAuth oauth_consumer_key=k"}, &malformed{Where: "authorization header"}},
		{"no closing quote", oauth1.Request{Authorization: `OAuth oauth_consumer_key="k`}, &malformed{Where: "authorization header"}},
		{"no closing quote of realm", oauth1.Request{Authorization: `OAuth realm="k\"`}, &malformed{Where: "authorization header"}},
		{"no comma", oauth1.Request{Authorization: `OAuth a="1" b="2"`}, &malformed{Where: "authorization header"}},
		{"no name", oauth1.Request{Authorization: `OAuth ="1"`}, &malformed{Where: "authorization header"}},
		{"words", oauth1.Request{Authorization: `OAuth a b="2"`}, &malformed{Where: "authorization header"}},
		{"bad escape in header", oauth1.Request{Authorization: minimalHeader + `, oauth_token="%zz"`}, &malformed{Where: "authorization header"}},
		{"bad escape in query", oauth1.Request{Authorization: minimalHeader, RawQuery: "q=100%"}, &malformed{Where: "query"}},
		{"bad escape in form", oauth1.Request{Authorization: minimalHeader, ContentType: form, Form: []byte("%=1")}, &malformed{Where: "form body"}},

		{"twice in header", oauth1.Request{Authorization: minimalHeader + `, oauth_nonce="n"`}, &malformed{Where: "request"}},
		{"in header and query", oauth1.Request{Authorization: minimalHeader, RawQuery: "oauth_nonce=other"}, &malformed{Where: "request"}},
		{"in header and query, escaped", oauth1.Request{Authorization: minimalHeader, RawQuery: "%6f%61uth_nonce=other"}, &malformed{Where: "request"}},
		{"in header and form", oauth1.Request{Authorization: minimalHeader, ContentType: form, Form: []byte("oauth_signature=s")}, &malformed{Where: "request"}},
		{"unknown protocol parameter twice", oauth1.Request{Authorization: minimalHeader, RawQuery: "oauth_x=1&oauth_x=2"}, &malformed{Where: "request"}},

		{"timestamp with sign", oauth1.Request{Authorization: without("oauth_timestamp") + `, oauth_timestamp="-1"`}, &malformed{Where: "oauth_timestamp"}},
		{"timestamp zero", oauth1.Request{Authorization: without("oauth_timestamp") + `, oauth_timestamp="0"`}, &malformed{Where: "oauth_timestamp"}},
		{"timestamp with fraction", oauth1.Request{Authorization: without("oauth_timestamp") + `, oauth_timestamp="1.5"`}, &malformed{Where: "oauth_timestamp"}},
		{"timestamp too long", oauth1.Request{Authorization: without("oauth_timestamp") + `, oauth_timestamp="9999999999999"`}, &malformed{Where: "oauth_timestamp"}},

		{"long header", oauth1.Request{Authorization: "OAuth " + strings.Repeat(" ", 9000) + "x"}, &malformed{Where: "authorization header"}},
		{"long query", oauth1.Request{Authorization: minimalHeader, RawQuery: strings.Repeat("q", 17000)}, &malformed{Where: "query"}},
		{"long form", oauth1.Request{Authorization: minimalHeader, ContentType: form, Form: make([]byte, 300_000)}, &malformed{Where: "form body"}},
		{"long protocol value", oauth1.Request{Authorization: minimalHeader + `, oauth_token="` + strings.Repeat("t", 3000) + `"`}, &malformed{Where: "an oauth_ parameter"}},
		{"many parameters", oauth1.Request{Authorization: minimalHeader, RawQuery: strings.Repeat("a&", 252)}, &malformed{Where: "query"}},

		{"path without slash", oauth1.Request{Authorization: minimalHeader, Path: "*"}, &malformed{Where: "request line"}},
		{"no HTTP method", oauth1.Request{Authorization: minimalHeader, Method: "-"}, &malformed{Where: "request line"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			switch {
			case tt.request.Method == "":
				tt.request.Method = "GET"
			case tt.request.Method == "-":
				tt.request.Method = ""
			}
			if tt.request.Path == "" {
				tt.request.Path = "/"
			}
			m, err := oauth1.Parse(tt.request)
			if err == nil {
				t.Fatalf("accepted as %v", m)
			}
			if !strings.HasPrefix(err.Error(), "oauth1: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error reads %q", err)
			}
			if !sameKind(err, tt.want) {
				t.Errorf("error %T %q, want %T %+v", err, err, tt.want, tt.want)
			}
		})
	}
}

func sameKind(got, want error) bool {
	switch want := want.(type) {
	case *oauth1.MalformedError:
		e, ok := errors.AsType[*oauth1.MalformedError](got)
		return ok && e.Where == want.Where && e.Reason != ""
	case *oauth1.MissingParameterError:
		e, ok := errors.AsType[*oauth1.MissingParameterError](got)
		return ok && e.Name == want.Name
	case *oauth1.UnsupportedVersionError:
		_, ok := errors.AsType[*oauth1.UnsupportedVersionError](got)
		return ok
	}
	return errors.Is(got, want)
}

// TestParseAccepts has spellings that are odd and must work.
func TestParseAccepts(t *testing.T) {
	tests := map[string]string{
		"lower-case scheme":        "oauth" + strings.TrimPrefix(minimalHeader, "OAuth"),
		"tab after scheme":         "OAuth\t" + strings.TrimPrefix(minimalHeader, "OAuth "),
		"no blanks":                "OAuth " + strings.ReplaceAll(strings.TrimPrefix(minimalHeader, "OAuth "), ", ", ","),
		"blanks before the commas": strings.ReplaceAll(minimalHeader, ", ", " , "),
		"comma at the end":         minimalHeader + ", ",
		"realm first":              `OAuth realm="https://h/", ` + strings.TrimPrefix(minimalHeader, "OAuth "),
		"realm last, with commas":  minimalHeader + `, Realm="a, oauth_nonce=\"x\", 100%"`,
		"empty realm":              minimalHeader + `, realm=""`,
		"escaped needlessly":       strings.Replace(minimalHeader, `oauth_nonce="n"`, `oauth%5Fnonce="%6e"`, 1),
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, oauth1.Request{Method: "GET", Path: "/", Authorization: header})
			if m.ConsumerKey != "k" || m.Nonce != "n" || m.Timestamp != 1700000000 {
				t.Errorf("message is %+v", m)
			}
			const want = "GET&http%3A%2F%2Fh%2F&oauth_consumer_key%3Dk%26oauth_nonce%3Dn%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1700000000"
			if got := m.BaseString(baseURL(t, "http://h")); got != want {
				t.Errorf("base string %s, want %s", got, want)
			}
		})
	}
}

// An empty oauth_token, which some clients send where they have none, is no token,
// but is signed like any parameter.
func TestEmptyTokenIsSigned(t *testing.T) {
	m := mustParse(t, oauth1.Request{Method: "GET", Path: "/", Authorization: minimalHeader + `, oauth_token=""`})
	if m.Token != "" {
		t.Errorf("token %q, want none", m.Token)
	}
	if got := m.BaseString(baseURL(t, "http://h")); !strings.HasSuffix(got, "%26oauth_token%3D") {
		t.Errorf("base string %s lacks the empty token", got)
	}
}

// realm is left out of the signature only where it is the realm: in the header.
func TestRealmInQueryIsSigned(t *testing.T) {
	m := mustParse(t, oauth1.Request{Method: "GET", Path: "/", RawQuery: "realm=x", Authorization: minimalHeader + `, realm="y"`})
	if got := application(t, m.BaseString(baseURL(t, "http://h"))); got != "realm=x" {
		t.Errorf("signed parameters %q, want realm=x", got)
	}
}

// What stands in the header and in the query is signed once, and that is all that is
// ever left out.
func TestParametersOfTheHeader(t *testing.T) {
	tests := []struct{ name, header, query, want string }{
		{"in the query too", `a="1", b="%20"`, "b=+&a=1", "a=1&b=%20"},
		{"with another value in the query", `a="1"`, "a=2", "a=1&a=2"},
		{"nowhere else", `a="1"`, "b=1", "a=1&b=1"},
		{"twice in the query", ``, "a=1&a=1", "a=1&a=1"},
		{"twice in the query and once in the header", `a="1"`, "a=1&a=1", "a=1&a=1"},
		{"twice in the header", `a="1", a="1"`, "", "a=1&a=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mustParse(t, oauth1.Request{Method: "GET", Path: "/", RawQuery: tt.query, Authorization: minimalHeader + ", " + tt.header})
			if got := application(t, m.BaseString(baseURL(t, "http://h"))); got != tt.want {
				t.Errorf("signed parameters %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFromHTTPKeepsTheRequestLine(t *testing.T) {
	tests := []struct {
		target, path, query string
	}{
		{"/api/user/a%40b//x/?q=%7e+1&", "/api/user/a%40b//x/", "q=%7e+1&"},
		{"/a|b/..", "/a|b/..", ""}, // net/url would say /a%7Cb
		{"//other.example/x", "//other.example/x", ""},
		{"/x?a=1?b=2", "/x", "a=1?b=2"},
		{"http://proxy.example/a%2Fb?c", "/a%2Fb", "c"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		u, err := r.URL.Parse(tt.target)
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.RequestURI = u, tt.target
		got := oauth1.FromHTTP(r, nil)
		if got.Path != tt.path || got.RawQuery != tt.query {
			t.Errorf("%s: path %q query %q, want %q and %q", tt.target, got.Path, got.RawQuery, tt.path, tt.query)
		}
	}
}

// Neither a message nor the secrets given to the package may show in a log.
func TestSecretsDoNotShow(t *testing.T) {
	m := mustParse(t, oauth1.Request{Method: "GET", Path: "/", Authorization: `OAuth oauth_consumer_key="k", oauth_signature_method="PLAINTEXT", oauth_signature="hidden1%26hidden2"`})
	signer := oauth1.Signer{ConsumerKey: "k", Secrets: oauth1.Secrets{Consumer: "hidden1", Token: "hidden2"}}
	reply := oauth1.TokenReply{Token: "t", Secret: "hidden1"}
	for _, v := range []any{m, *m, signer, &signer, signer.Secrets, reply, &reply} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		for _, s := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), log.String()} {
			if strings.Contains(s, "hidden") {
				t.Errorf("%T shows a secret: %s", v, s)
			}
		}
	}
}
