package oauth1_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"manifold/pumpapi/oauth1"
)

// FuzzHeader looks for headers that break the parser, or that put text into the base
// string which a sender of other parameters could have signed.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{
		minimalHeader, minimalHeader + `, realm="a\"b,c"`, minimalHeader + `,oauth_token="%2B+"`, minimalHeader + `, a="", b="%00"`,
		"OAuth", "OAuth ", `OAuth realm="`, `OAuth realm="\`, `OAuth a="1" b="2"`, `oauth ,, ,a="%4"`, "Basic eDp5",
		strings.Replace(minimalHeader, "HMAC-SHA1", "PLAINTEXT", 1),
	} {
		f.Add(s)
	}
	base := baseURL(f, "http://h")
	f.Fuzz(func(t *testing.T, header string) {
		m, err := oauth1.Parse(oauth1.Request{Method: "GET", Path: "/p", Authorization: header})
		if err != nil {
			if m != nil {
				t.Errorf("message beside the error %v", err)
			}
			return
		}
		if m.ConsumerKey == "" || m.Method == "" || (m.Method != oauth1.Plaintext && (m.Nonce == "" || m.Timestamp <= 0)) {
			t.Errorf("incomplete message %+v", m)
		}
		text := m.BaseString(base)
		if strings.Count(text, "&") != 2 || !strings.HasPrefix(text, "GET&http%3A%2F%2Fh%2Fp&") || strings.Contains(text, "oauth_signature%3D") {
			t.Errorf("base string %q", text)
		}
		if !strings.Contains(text, "oauth_consumer_key%3D") || strings.ContainsAny(text, " \",+=") {
			t.Errorf("base string %q", text)
		}
	})
}

// FuzzQuery compares the signed form of a query with what net/url makes of it: the
// application reads parameters with net/url, and must read what was signed.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"", "a=1&b=2", "since=https://h/api/x", "since=https%3A%2F%2Fh", "a+b=c%2Bd", "a=&a&=a&=", "%41=%7e", "a=%", "b5=%3D%253D&a3=a&c%40=&a2=r%20b",
		"é=\xff", "a=1;b=2", "&&&", "a1=1&a=2&a=1",
	} {
		f.Add(s)
	}
	base := baseURL(f, "http://h")
	f.Fuzz(func(t *testing.T, query string) {
		values, wantErr := url.ParseQuery(query)
		if strings.Contains(query, ";") || len(query) > 10_000 || strings.Count(query, "&") > 200 {
			return // net/url drops pairs with a semicolon, and has other limits
		}
		for name := range values {
			if strings.HasPrefix(name, "oauth_") {
				return
			}
		}
		m, err := oauth1.Parse(oauth1.Request{Method: "GET", Path: "/", RawQuery: query, Authorization: minimalHeader})
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("query %q: error %v, net/url says %v", query, err, wantErr)
		}
		if err != nil {
			return
		}
		if got, want := application(t, m.BaseString(base)), sortedPairs(values); got != want {
			t.Errorf("query %q: signed as %q, want %q", query, got, want)
		}
	})
}

// sortedPairs is RFC 5849 3.4.1.3.2 by way of net/url.
func sortedPairs(values url.Values) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	var pairs [][2]string
	for name, list := range values {
		for _, value := range list {
			pairs = append(pairs, [2]string{escape(name), escape(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var texts []string
	for _, p := range pairs {
		texts = append(texts, p[0]+"="+p[1])
	}
	return strings.Join(texts, "&")
}

// FuzzSignVerify signs what a client might send and verifies what a server receives.
func FuzzSignVerify(f *testing.F) {
	f.Add("GET", "/api/x/", "a=1&since=https://h/", []byte("c=3"), "key", "token", "secret", "token secret", uint8(0))
	f.Add("post", "/é%41", "%C3=+", []byte(""), "k&=", "", "s%", "", uint8(1))
	f.Add("DELETE", "/", "", []byte("&a"), "\xff", "\"", "\x00", "+", uint8(2))
	methods := []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256, oauth1.Plaintext}
	v := verifier(f, "https://wrong.example", "https://pump.example")
	f.Fuzz(func(t *testing.T, method, path, query string, form []byte, key, token, secret, tokenSecret string, n uint8) {
		if token == "" {
			tokenSecret = ""
		}
		signer := oauth1.Signer{
			ConsumerKey: key, Token: token, Secrets: oauth1.Secrets{Consumer: secret, Token: tokenSecret},
			Method: methods[int(n)%len(methods)], Now: at(signedAt),
		}
		u := &url.URL{Scheme: "https", Host: "pump.example", Path: "/" + path, RawQuery: query}
		header, err := signer.AuthorizationHeader(oauth1.Call{Method: method, URL: u, Form: form, Callback: "oob", Verifier: token})
		if err != nil || method == "" {
			return
		}
		request := oauth1.Request{Method: method, Path: u.EscapedPath(), RawQuery: query, Authorization: header,
			ContentType: "application/x-www-form-urlencoded", Form: form}
		m, err := oauth1.Parse(request)
		if err != nil {
			if len(header)+len(query)+len(form) < 1000 && signer.Method != oauth1.Plaintext {
				t.Fatalf("what was signed cannot be read: %v", err)
			}
			return // larger than a server takes, or PLAINTEXT, which does not look at the query
		}
		err = v.Verify(m, signer.Secrets)
		if secret == "" || (token != "" && tokenSecret == "") {
			if err != oauth1.ErrNoSecret {
				t.Fatalf("without a secret: error %v, want ErrNoSecret", err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%v\nbase string %s", err, m.BaseString(v.BaseURLs[1]))
		}
		if m.ConsumerKey != key || m.Token != token || m.Callback != "oob" || m.Verifier != token {
			t.Errorf("message %+v", m)
		}
		if err := v.Verify(m, oauth1.Secrets{Consumer: secret + "x", Token: tokenSecret + "x"}); err != oauth1.ErrBadSignature {
			t.Errorf("other secrets: error %v, want ErrBadSignature", err)
		}
		if signer.Method == oauth1.Plaintext {
			return // does not cover the request
		}
		request.Path += "/"
		if err := v.Verify(mustParse(t, request), signer.Secrets); err != oauth1.ErrBadSignature {
			t.Errorf("other path: error %v, want ErrBadSignature", err)
		}
	})
}

// FuzzTokenReply checks that every reply read can be written and read again.
func FuzzTokenReply(f *testing.F) {
	f.Add([]byte("oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"))
	f.Add([]byte("oauth_token=%2B+&oauth_token_secret=%"))
	f.Fuzz(func(t *testing.T, body []byte) {
		reply, err := oauth1.ParseTokenReply(body)
		if err != nil {
			return
		}
		encoded := reply.Encode()
		if len(encoded) > 8<<10 {
			return
		}
		if again, err := oauth1.ParseTokenReply([]byte(encoded)); err != nil || again != reply {
			t.Errorf("%q becomes %q, %v", body, encoded, err)
		}
	})
}

// FuzzRedirectURL checks that the browser is sent to the host that was checked.
func FuzzRedirectURL(f *testing.F) {
	f.Add("http://c.example/cb?x=1#y", "t", "v")
	f.Add(`http://c.example\@d.example/`, "&", "#")
	f.Fuzz(func(t *testing.T, callback, token, verifier string) {
		target, err := oauth1.RedirectURL(callback, token, verifier)
		if err != nil {
			return
		}
		before, err1 := url.Parse(callback)
		after, err2 := url.Parse(target)
		if err1 != nil || err2 != nil {
			t.Fatalf("%q: %v; %q: %v", callback, err1, target, err2)
		}
		if after.Scheme != before.Scheme || after.Host != before.Host || after.EscapedPath() != before.EscapedPath() || after.Fragment != before.Fragment {
			t.Errorf("%q becomes %q", callback, target)
		}
		_, last, _ := strings.Cut(after.RawQuery[strings.LastIndex(after.RawQuery, "oauth_token="):], "oauth_token=")
		if got := "oauth_token=" + last; got != "oauth_token="+strings.ReplaceAll(url.QueryEscape(token), "+", "%20")+"&oauth_verifier="+strings.ReplaceAll(url.QueryEscape(verifier), "+", "%20") {
			t.Errorf("%q: query ends in %q", target, got)
		}
	})
}
