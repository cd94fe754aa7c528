package httpsig_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	fed "github.com/go-fed/httpsig"

	"manifold/apub/httpsig"
)

// draft makes signatures of the draft in every way that a sender might, each line
// written by hand.
type draft struct {
	algorithm string // "" leaves the parameter out
	headers   string // "-" leaves the parameter out
	params    string // further parameters, with a comma behind
	method    string
	target    string // what is signed; wire is what is sent
	wire      string
	body      string
	digest    string
	date      string
	hash      crypto.Hash
	ed        bool
	separator string
	prefix    string // before the signature, in the header Authorization
	lines     map[string]string
}

func usual() draft {
	body := `{"type":"Like"}`
	sum := sha256.Sum256([]byte(body))
	return draft{
		algorithm: "rsa-sha256", headers: "(request-target) host date digest", method: "POST", target: "/inbox", wire: "/inbox", body: body,
		digest: "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:]), date: time.Now().UTC().Format(http.TimeFormat), hash: crypto.SHA256, separator: ",",
	}
}

// request signs and builds the request as it arrives.
func (d draft) request(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	u, err := url.ParseRequestURI(d.wire)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: d.method, URL: u, RequestURI: d.wire, Host: "us.example", Header: http.Header{}}
	if d.date != "" {
		r.Header.Set("Date", d.date)
	}
	if d.digest != "" {
		r.Header.Set("Digest", d.digest)
	}
	r.Header.Set("Content-Type", "application/activity+json")
	names := strings.Fields(d.headers)
	if d.headers == "-" {
		names = strings.Fields("date")
		if d.lines["(created)"] != "" {
			names = strings.Fields("(created)")
		}
	}
	var text []string
	for _, name := range names {
		value, ok := d.lines[name]
		switch {
		case ok:
		case name == "(request-target)":
			value = strings.ToLower(d.method) + " " + d.target
		case strings.EqualFold(name, "host"):
			value = r.Host
		default:
			value = strings.Join(r.Header.Values(name), ", ")
		}
		text = append(text, strings.ToLower(name)+": "+value)
	}
	params := []string{fmt.Sprintf("keyId=%q", keyID)}
	if d.algorithm != "" {
		params = append(params, fmt.Sprintf("algorithm=%q", d.algorithm))
	}
	if d.params != "" {
		params = append(params, d.params)
	}
	if d.headers != "-" {
		params = append(params, fmt.Sprintf("headers=%q", d.headers))
	}
	params = append(params, fmt.Sprintf("signature=%q", d.sign(t, strings.Join(text, "\n"))))
	value := strings.Join(params, d.separator)
	if d.prefix != "" {
		r.Header.Set("Authorization", d.prefix+value)
	} else {
		r.Header.Set("Signature", value)
	}
	return r, []byte(d.body)
}

func (d draft) sign(t testing.TB, text string) string {
	t.Helper()
	var signature []byte
	var err error
	switch {
	case d.ed:
		signature = ed25519.Sign(edKey, []byte(text))
	case d.hash == crypto.SHA512:
		sum := sha512.Sum512([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, rsaKeys()[0], crypto.SHA512, sum[:])
	default:
		sum := sha256.Sum256([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, rsaKeys()[0], crypto.SHA256, sum[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

func (d draft) key() crypto.PublicKey {
	if d.ed {
		return edKey.Public()
	}
	return rsaKeys()[0].Public()
}

func TestDraftAsItIsSpoken(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	created := func(params, value string) func(*draft) {
		return func(d *draft) {
			d.algorithm, d.headers, d.params, d.lines = "hs2019", "(request-target) (created) host digest", params, map[string]string{"(created)": value}
		}
	}
	sum256 := sha256.Sum256([]byte(usual().body))
	sum512 := sha512.Sum512([]byte(usual().body))
	d256, d512 := base64.StdEncoding.EncodeToString(sum256[:]), base64.StdEncoding.EncodeToString(sum512[:])
	for _, tt := range []struct {
		name   string
		change func(*draft)
		want   httpsig.Status
	}{
		{"as most send it", func(*draft) {}, httpsig.Verified},
		{"a space after each comma", func(d *draft) { d.separator = ", " }, httpsig.Verified},
		{"hs2019, SHA-256", func(d *draft) { d.algorithm = "hs2019" }, httpsig.Verified},
		{"hs2019, SHA-512", func(d *draft) { d.algorithm, d.hash = "hs2019", crypto.SHA512 }, httpsig.Verified},
		{"rsa-sha512", func(d *draft) { d.algorithm, d.hash = "rsa-sha512", crypto.SHA512 }, httpsig.Verified},
		{"rsa-sha256 that is SHA-512", func(d *draft) { d.hash = crypto.SHA512 }, httpsig.BadSignature},
		{"no algorithm", func(d *draft) { d.algorithm = "" }, httpsig.Verified},
		{"Ed25519 as hs2019", func(d *draft) { d.algorithm, d.ed = "hs2019", true }, httpsig.Verified},
		{"Ed25519 by name", func(d *draft) { d.algorithm, d.ed = "ed25519", true }, httpsig.Verified},
		{"rsa-sha1", func(d *draft) { d.algorithm = "rsa-sha1" }, httpsig.Unsupported},
		{"hmac-sha256", func(d *draft) { d.algorithm = "hmac-sha256" }, httpsig.Unsupported},
		{"in Authorization", func(d *draft) { d.prefix = "Signature " }, httpsig.Verified},
		{"another Authorization", func(d *draft) { d.prefix = "Bearer " }, httpsig.Unsigned},
		{"more covered", func(d *draft) { d.headers += " content-type" }, httpsig.Verified},
		{"upper case names", func(d *draft) { d.headers = "(request-target) Host Date Digest" }, httpsig.Verified},
		{"covering what is not there", func(d *draft) { d.headers += " x-missing" }, httpsig.Malformed},

		{"query signed", func(d *draft) { d.target, d.wire = "/inbox?a=b", "/inbox?a=b" }, httpsig.Verified},
		{"query not signed", func(d *draft) { d.wire = "/inbox?a=b" }, httpsig.Verified},
		{"another query signed", func(d *draft) { d.target, d.wire = "/inbox?a=c", "/inbox?a=b" }, httpsig.BadSignature},
		{"escapes signed as sent", func(d *draft) { d.target, d.wire = "/a%40b/inbox", "/a%40b/inbox" }, httpsig.Verified},
		{"escapes undone when signed", func(d *draft) { d.target, d.wire = "/a@b/inbox?x=%20", "/a%40b/inbox?x=%20" }, httpsig.Verified},

		{"target not covered", func(d *draft) { d.headers = "host date digest" }, httpsig.NotCovered},
		{"host not covered", func(d *draft) { d.headers = "(request-target) date digest" }, httpsig.NotCovered},
		{"date not covered", func(d *draft) { d.headers = "(request-target) host digest" }, httpsig.NotCovered},
		{"digest not covered", func(d *draft) { d.headers = "(request-target) host date" }, httpsig.NotCovered},
		{"only the date, by default", func(d *draft) { d.headers = "-" }, httpsig.NotCovered},
		{"no digest on GET", func(d *draft) { d.method, d.body, d.digest, d.headers = "GET", "", "", "(request-target) host date" }, httpsig.Verified},
		{"GET with a body", func(d *draft) { d.method, d.headers = "GET", "(request-target) host date" }, httpsig.NotCovered},

		{"lower case digest", func(d *draft) { d.digest = "sha-256=" + d256 }, httpsig.Verified},
		{"SHA-512 digest", func(d *draft) { d.digest = "SHA-512=" + d512 }, httpsig.Verified},
		{"several digests", func(d *draft) { d.digest = "MD5=abc,SHA-256=" + d256 + ", SHA-512=" + d512 }, httpsig.Verified},
		{"one of several digests wrong", func(d *draft) { d.digest = "SHA-256=" + d256 + ",SHA-512=" + d256 }, httpsig.DigestMismatch},
		{"wrong digest", func(d *draft) { d.digest = "SHA-256=" + base64.StdEncoding.EncodeToString(sum512[:32]) }, httpsig.DigestMismatch},
		{"only MD5", func(d *draft) { d.digest = "MD5=abc" }, httpsig.DigestMissing},
		{"digest not base64", func(d *draft) { d.digest = "SHA-256=!" }, httpsig.Malformed},
		{"digest header missing", func(d *draft) { d.digest = "" }, httpsig.Malformed},
		{"too many digests", func(d *draft) { d.digest = strings.Repeat("SHA-256="+d256+",", 20) }, httpsig.Malformed},

		{"old date", func(d *draft) { d.date = now.Add(-2 * time.Hour).UTC().Format(http.TimeFormat) }, httpsig.Stale},
		{"future date", func(d *draft) { d.date = now.Add(2 * time.Hour).UTC().Format(http.TimeFormat) }, httpsig.Stale},
		{"date of RFC 850", func(d *draft) { d.date = now.UTC().Format("Monday, 02-Jan-06 15:04:05 GMT") }, httpsig.Verified},
		{"no date", func(d *draft) { d.date = "yesterday" }, httpsig.Malformed},

		{"created", created("created="+at(0), at(0)), httpsig.Verified},
		{"created in quotes", created(`created="`+at(0)+`"`, at(0)), httpsig.Verified},
		{"created by a fast clock", created("created="+at(time.Minute), at(time.Minute)), httpsig.Verified},
		{"created long ago", created("created="+at(-2*time.Hour), at(-2*time.Hour)), httpsig.Stale},
		{"created in the future", created("created="+at(2*time.Hour), at(2*time.Hour)), httpsig.Stale},
		{"created changed", created("created="+at(-time.Minute), at(0)), httpsig.BadSignature},
		{"created that is no number", created(`created="now"`, "now"), httpsig.Malformed},
		{"created missing", created("", at(0)), httpsig.Malformed},
		{"created by an algorithm without it", func(d *draft) { created("created="+at(0), at(0))(d); d.algorithm = "rsa-sha256" }, httpsig.Malformed},
		{"created with SHA-512", func(d *draft) { created("created="+at(0), at(0))(d); d.hash = crypto.SHA512 }, httpsig.Verified},
		{"created with Ed25519", func(d *draft) { created("created="+at(0), at(0))(d); d.ed = true }, httpsig.Verified},
		{"created not covered, by hs2019", func(d *draft) {
			d.algorithm, d.params, d.headers = "hs2019", "created="+at(0), "(request-target) host digest"
		}, httpsig.NotCovered},
		{"expires later", func(d *draft) {
			created("created="+at(0)+",expires="+at(time.Minute), at(0))(d)
			d.headers += " (expires)"
			d.lines["(expires)"] = at(time.Minute)
		}, httpsig.Verified},
		{"expired", func(d *draft) {
			created("created="+at(-time.Minute)+",expires="+at(-time.Second), at(-time.Minute))(d)
			d.headers += " (expires)"
			d.lines["(expires)"] = at(-time.Second)
		}, httpsig.Stale},
		{"expires before created", func(d *draft) {
			created("created="+at(time.Minute)+",expires="+at(30*time.Second), at(time.Minute))(d)
			d.headers += " (expires)"
			d.lines["(expires)"] = at(30 * time.Second)
		}, httpsig.Malformed},
		{"expires that is no number", func(d *draft) { d.algorithm, d.params, d.headers = "hs2019", "expires=soon", d.headers+" (expires)" }, httpsig.Malformed},
	} {
		d := usual()
		tt.change(&d)
		r, body := d.request(t)
		err := verify(verifier(t), r, body, d.key())
		if got := httpsig.StatusOf(err); got != tt.want {
			t.Errorf("%s: %q (%v), want %q\n%v", tt.name, got, err, tt.want, r.Header)
		}
	}
}

func TestDraftHeaderThatCannotBeRead(t *testing.T) {
	good := `keyId="k",signature="c2ln",headers="(request-target) host date"`
	for _, tt := range []struct {
		name  string
		value string
		want  httpsig.Status
	}{
		{"good", good, httpsig.Verified},
		{"white space everywhere", ` keyId = "k" , signature= "c2ln" ,	headers="(request-target) host date" `, httpsig.Verified},
		{"a comma in a value", `keyId="a,b",signature="c2ln",headers="(request-target) host date"`, httpsig.Verified},
		{"an unknown parameter", good + `,more="x"`, httpsig.Verified},
		{"only words", "signed by me", httpsig.Malformed},
		{"no key id", `signature="c2ln",headers="(request-target) host date"`, httpsig.Malformed},
		{"no signature", `keyId="k",headers="(request-target) host date"`, httpsig.Malformed},
		{"an open quote", `keyId="k",signature="c2ln`, httpsig.Malformed},
		{"text behind a quote", `keyId="k"x,signature="c2ln"`, httpsig.Malformed},
		{"a parameter twice", good + `,keyId="other"`, httpsig.Malformed},
		{"no name", `="k",` + good, httpsig.Malformed},
		{"a long key id", `keyId="` + strings.Repeat("k", 3000) + `",signature="c2ln"`, httpsig.Malformed},
		{"too long", good + `,x="` + strings.Repeat("x", 20_000) + `"`, httpsig.Malformed},
		{"too many lines", `keyId="k",signature="c2ln",headers="` + strings.Repeat("date ", 100) + `"`, httpsig.Malformed},
		{"no lines at all", `keyId="k",signature="c2ln",headers=""`, httpsig.NotCovered},
	} {
		r := &http.Request{Method: "GET", Host: "us.example", URL: &url.URL{Path: "/"}, Header: http.Header{
			"Signature": {tt.value}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}}
		_, err := verifier(t).Parse(r, nil)
		if got := httpsig.StatusOf(err); got != tt.want {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
	r, body := usual().request(t)
	r.Header.Add("Signature", good)
	if _, err := verifier(t).Parse(r, body); httpsig.StatusOf(err) != httpsig.Unsupported {
		t.Errorf("two headers Signature: %v", err)
	}
	r, body = usual().request(t)
	r.Header.Add("Date", time.Now().UTC().Format(http.TimeFormat))
	if _, err := verifier(t).Parse(r, body); httpsig.StatusOf(err) != httpsig.Malformed {
		t.Errorf("two headers Date: %v", err)
	}
}

// The library signs (created) and (expires) too; what is verified without it here
// has to agree.
func TestTimesAsTheLibrarySignsThem(t *testing.T) {
	r := request(t, "GET", "/users/ann", "")
	r.Header.Set("Host", "us.example")
	s, _, err := fed.NewSigner([]fed.Algorithm{fed.RSA_SHA256}, fed.DigestSha256, []string{"(request-target)", "(created)", "(expires)", "host"}, fed.Signature, 60)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SignRequest(rsaKeys()[0], keyID, r, nil); err != nil {
		t.Fatal(err)
	}
	got, body := arrived(t, r)
	if err := verify(verifier(t), got, body, rsaKeys()[0].Public()); err != nil {
		t.Errorf("%v\n%v", err, got.Header)
	}
}

func FuzzDraft(f *testing.F) {
	for _, seed := range []string{
		`keyId="k",algorithm="rsa-sha256",headers="(request-target) host date",signature="c2ln"`,
		`keyId="k", algorithm="hs2019", created=1, expires="2", headers="(created) (expires) host (request-target)", signature="c2ln"`,
		`keyId=k,signature=x,headers="digest"`, "", `=","`,
	} {
		f.Add(seed, "SHA-256=abc=", "/a?b", "now")
	}
	v := &httpsig.Verifier{Origin: &url.URL{Scheme: "https", Host: "us.example"}}
	f.Fuzz(func(t *testing.T, signature, digest, target, date string) {
		r := &http.Request{Method: "POST", Host: "us.example", RequestURI: target, URL: &url.URL{Path: target}, Header: http.Header{
			"Signature": {signature}, "Digest": {digest}, "Date": {date}}}
		s, err := v.Parse(r, []byte("{}"))
		if err == nil {
			err = s.Verify(edKey.Public())
		}
		if s := httpsig.StatusOf(err); s == httpsig.Verified || s == "" {
			t.Errorf("%q: status %q, error %v", signature, s, err)
		}
	})
}
