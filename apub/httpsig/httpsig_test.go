package httpsig_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"manifold/apub/httpsig"
)

const keyID = "https://them.example/users/bob#main-key"

var rsaKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	var keys []*rsa.PrivateKey
	for range 2 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
})

var edKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func newKey(t testing.TB, private crypto.Signer) *httpsig.Key {
	t.Helper()
	k, err := httpsig.NewKey(keyID, private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func origin(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// request is one as a client makes it, to https://us.example.
func request(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "https://us.example"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signed is a request that bob has signed.
func signed(t testing.TB, key *httpsig.Key, spec httpsig.Spec, method, target, body string) *http.Request {
	t.Helper()
	r := request(t, method, target, body)
	var d *httpsig.Digest
	if body != "" {
		d = httpsig.NewDigest([]byte(body))
	}
	if err := key.Sign(r, spec, d); err != nil {
		t.Fatal(err)
	}
	return r
}

// arrived is a client's request as a server behind a proxy that ends TLS sees it.
func arrived(t testing.TB, r *http.Request) (*http.Request, []byte) {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	read, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(read.Body)
	if err != nil {
		t.Fatal(err)
	}
	return read, body
}

func verifier(t testing.TB) *httpsig.Verifier {
	return &httpsig.Verifier{Origin: origin(t, "https://us.example")}
}

// verify takes a request all the way.
func verify(v *httpsig.Verifier, r *http.Request, body []byte, key crypto.PublicKey) error {
	s, err := v.Parse(r, body)
	if err != nil {
		return err
	}
	return s.Verify(key)
}

func TestWhatIsSignedVerifies(t *testing.T) {
	keys := map[string]crypto.Signer{"RSA": rsaKeys()[0], "Ed25519": edKey}
	for name, private := range keys {
		for _, spec := range []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421} {
			for _, tt := range []struct{ method, target, body string }{
				{"POST", "/inbox", `{"type":"Like"}`},
				{"POST", "/users/ann/inbox?a=b&c=%20", `{}`},
				{"POST", "/ap/did:plc:x/inb%6Fx%20y", `{}`},
				{"POST", "", `{}`},
				{"GET", "/users/ann", ""},
				{"GET", "/users/ann?page=true", ""},
				{"GET", "/a%40b/outbox?", ""},
			} {
				key := newKey(t, private)
				r, body := arrived(t, signed(t, key, spec, tt.method, tt.target, tt.body))
				s, err := verifier(t).Parse(r, body)
				if err == nil {
					err = s.Verify(private.Public())
				}
				if err != nil {
					t.Errorf("%s, %s, %s %s: %v\n%v", name, spec, tt.method, tt.target, err, r.Header)
					continue
				}
				if s.KeyID != keyID || s.Spec != spec || time.Since(s.Time).Abs() > time.Minute {
					t.Errorf("%s, %s, %s %s: key %s, spec %s, time %s", name, spec, tt.method, tt.target, s.KeyID, s.Spec, s.Time)
				}
			}
		}
	}
}

// What older servers refuse is not sent.
func TestNamesTheAlgorithm(t *testing.T) {
	r := signed(t, newKey(t, rsaKeys()[0]), httpsig.Cavage, "POST", "/inbox", "{}")
	h := r.Header.Get("Signature")
	for _, want := range []string{`keyId="` + keyID + `"`, `algorithm="rsa-sha256"`, `headers="(request-target) host date digest"`} {
		if !strings.Contains(h, want) {
			t.Errorf("signed with %s, want %s in it", h, want)
		}
	}
	r = signed(t, newKey(t, rsaKeys()[0]), httpsig.RFC9421, "POST", "/inbox", "{}")
	h = r.Header.Get("Signature-Input")
	for _, want := range []string{`sig1=("@method" "@target-uri" "content-digest");`, `keyid="` + keyID + `"`, `alg="rsa-v1_5-sha256"`, "created="} {
		if !strings.Contains(h, want) {
			t.Errorf("signed with %s, want %s in it", h, want)
		}
	}
}

// A request is signed anew when it is repeated, perhaps in the other way.
func TestSignsAgain(t *testing.T) {
	key := newKey(t, rsaKeys()[0])
	r := signed(t, key, httpsig.Cavage, "POST", "/inbox", "{}")
	for _, spec := range []httpsig.Spec{httpsig.RFC9421, httpsig.RFC9421, httpsig.Cavage, httpsig.Cavage} {
		if err := key.Sign(r, spec, httpsig.NewDigest([]byte("{}"))); err != nil {
			t.Fatal(err)
		}
		r.Body = io.NopCloser(strings.NewReader("{}"))
		got, body := arrived(t, r)
		if err := verify(verifier(t), got, body, key.Public()); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
		if n := len(got.Header.Values("Signature")); n != 1 {
			t.Errorf("%s: %d headers Signature", spec, n)
		}
		if has := got.Header.Get("Signature-Input") != ""; has != (spec == httpsig.RFC9421) {
			t.Errorf("%s: Signature-Input is there: %v", spec, has)
		}
	}
}

// Headers that matter to the receiver are covered where the sender wants that.
func TestMoreIsCovered(t *testing.T) {
	key := newKey(t, rsaKeys()[0])
	for _, spec := range []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421} {
		for _, changed := range []bool{false, true} {
			r := request(t, "POST", "/inbox", "{}")
			r.Header.Set("X-Matters", "a")
			if err := key.Sign(r, spec, httpsig.NewDigest([]byte("{}")), "X-Matters"); err != nil {
				t.Fatal(err)
			}
			got, body := arrived(t, r)
			want := httpsig.Verified
			if changed {
				got.Header.Set("X-Matters", "b")
				want = httpsig.BadSignature
			}
			if err := verify(verifier(t), got, body, key.Public()); httpsig.StatusOf(err) != want {
				t.Errorf("%s, changed %v: %v", spec, changed, err)
			}
		}
	}
}

func TestKeysAreSharedBetweenGoroutines(t *testing.T) {
	key, d := newKey(t, edKey), httpsig.NewDigest([]byte("{}"))
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			spec := []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421}[i%2]
			r := request(t, "POST", "/inbox", "{}")
			if err := key.Sign(r, spec, d); err != nil {
				t.Error(err)
				return
			}
			got, body := arrived(t, r)
			if err := verify(verifier(t), got, body, key.Public()); err != nil {
				t.Errorf("%s: %v", spec, err)
			}
		})
	}
	group.Wait()
}

// Each guard, for both specifications: what is done to a good request, and what is
// said about it.
var tampering = []struct {
	name   string
	change func(r *http.Request, body *[]byte)
	want   httpsig.Status
}{
	{"nothing", func(*http.Request, *[]byte) {}, httpsig.Verified},
	{"body", func(_ *http.Request, body *[]byte) { *body = []byte(`{"type":"Block"}`) }, httpsig.DigestMismatch},
	{"body and digest", func(r *http.Request, body *[]byte) {
		*body = []byte(`{"type":"Block"}`)
		redigest(r, *body)
	}, httpsig.BadSignature},
	{"no signature", func(r *http.Request, _ *[]byte) {
		r.Header.Del("Signature")
		r.Header.Del("Signature-Input")
	}, httpsig.Unsigned},
	{"path", func(r *http.Request, _ *[]byte) { r.RequestURI = "/users/eve/inbox" }, httpsig.BadSignature},
	{"query", func(r *http.Request, _ *[]byte) { r.RequestURI += "?page=2" }, httpsig.Verified},
	{"method", func(r *http.Request, _ *[]byte) { r.Method = "PUT" }, httpsig.BadSignature},
	{"host", func(r *http.Request, _ *[]byte) { r.Host = "other.example" }, httpsig.WrongHost},
	{"port of the host", func(r *http.Request, _ *[]byte) { r.Host = "us.example:8443" }, httpsig.WrongHost},
}

// redigest gives a request the digest of another body.
func redigest(r *http.Request, body []byte) {
	other := &http.Request{Method: "POST", URL: r.URL, Header: http.Header{}, Host: r.Host}
	spec := httpsig.Cavage
	if r.Header.Get("Content-Digest") != "" {
		spec = httpsig.RFC9421
	}
	key, _ := httpsig.NewKey(keyID, edKey)
	_ = key.Sign(other, spec, httpsig.NewDigest(body))
	for _, name := range []string{"Digest", "Content-Digest"} {
		if v := other.Header.Get(name); v != "" {
			r.Header.Set(name, v)
		}
	}
}

func TestTampering(t *testing.T) {
	for _, spec := range []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421} {
		for _, tt := range tampering {
			key := newKey(t, rsaKeys()[0])
			r, body := arrived(t, signed(t, key, spec, "POST", "/users/ann/inbox", `{"type":"Like"}`))
			tt.change(r, &body)
			want := tt.want
			if spec == httpsig.RFC9421 && tt.name == "query" {
				want = httpsig.BadSignature // only the draft leaves room for this
			}
			err := verify(verifier(t), r, body, key.Public())
			if got := httpsig.StatusOf(err); got != want {
				t.Errorf("%s, changed %s: %q (%v), want %q", spec, tt.name, got, err, want)
			}
		}
	}
}

func TestKeyOfAnother(t *testing.T) {
	for _, spec := range []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421} {
		r, body := arrived(t, signed(t, newKey(t, rsaKeys()[0]), spec, "POST", "/inbox", "{}"))
		for _, tt := range []struct {
			key  crypto.PublicKey
			want httpsig.Status
		}{
			{rsaKeys()[0].Public(), httpsig.Verified},
			{rsaKeys()[1].Public(), httpsig.BadSignature},
			{edKey.Public(), httpsig.BadSignature},
			{"no key", httpsig.UnsuitableKey},
			{nil, httpsig.UnsuitableKey},
			{ed25519.PublicKey("short"), httpsig.UnsuitableKey},
		} {
			if err := verify(verifier(t), r, body, tt.key); httpsig.StatusOf(err) != tt.want {
				t.Errorf("%s, key %T: %v, want %q", spec, tt.key, err, tt.want)
			}
		}
	}
}

func TestDateWindow(t *testing.T) {
	key := newKey(t, edKey)
	for _, spec := range []httpsig.Spec{httpsig.Cavage, httpsig.RFC9421} {
		r, body := arrived(t, signed(t, key, spec, "POST", "/inbox", "{}"))
		for _, tt := range []struct {
			window, ahead time.Duration
			want          httpsig.Status
		}{
			{0, 0, httpsig.Verified},
			{0, 59 * time.Minute, httpsig.Verified},
			{0, -59 * time.Minute, httpsig.Verified},
			{0, 61 * time.Minute, httpsig.Stale},
			{0, -61 * time.Minute, httpsig.Stale},
			{5 * time.Minute, 4 * time.Minute, httpsig.Verified},
			{5 * time.Minute, 6 * time.Minute, httpsig.Stale},
		} {
			v := verifier(t)
			v.Window, v.Now = tt.window, func() time.Time { return time.Now().Add(tt.ahead) }
			if err := verify(v, r, body, key.Public()); httpsig.StatusOf(err) != tt.want {
				t.Errorf("%s, clock %s ahead, window %s: %v, want %q", spec, tt.ahead, tt.window, err, tt.want)
			}
		}
	}
}

// The host may be written in any case, with or without the port that goes without
// saying; another port is another server.
func TestHostOfOurs(t *testing.T) {
	for _, tt := range []struct {
		origin, host string
		ours         bool
	}{
		{"https://us.example", "us.example", true},
		{"https://us.example", "US.example", true},
		{"https://us.example", "us.example:443", true},
		{"https://us.example", "us.example:80", false},
		{"http://us.example", "us.example:80", true},
		{"http://localhost:8080", "localhost:8080", true},
		{"http://localhost:8080", "localhost", false},
		{"https://us.example", "", false},
	} {
		v := &httpsig.Verifier{Origin: origin(t, tt.origin)}
		r := &http.Request{Method: "GET", Host: tt.host, URL: &url.URL{Path: "/"}, Header: http.Header{"Signature": {"x"}}}
		_, err := v.Parse(r, nil)
		if ours := httpsig.StatusOf(err) != httpsig.WrongHost; ours != tt.ours {
			t.Errorf("%s asked for %q: ours %v, want %v (%v)", tt.origin, tt.host, ours, tt.ours, err)
		}
	}
}

func TestKeysThatCannotSign(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := httpsig.NewKey(keyID, short); err != nil {
		t.Errorf("an RSA key of 1024 bits: %v, but some servers have one", err)
	}
	for _, id := range []string{"", "https://them.example/\"", "https://them.example/a,b", "https://them.example/\nx", "https://them.example/ü", strings.Repeat("x", 3000)} {
		if _, err := httpsig.NewKey(id, edKey); err == nil {
			t.Errorf("made a key of the id %.40q", id)
		}
	}
}

func TestOffers9421(t *testing.T) {
	for value, want := range map[string]bool{httpsig.AcceptSignature: true, "": false, "nonsense": false} {
		if got := httpsig.Offers9421(http.Header{"Accept-Signature": {value}}); got != want {
			t.Errorf("%q: offers RFC 9421 %v, want %v", value, got, want)
		}
	}
}
