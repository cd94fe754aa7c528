package salmon_test

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"manifold/ostatus/salmon"
)

const entry = `<?xml version="1.0"?><entry xmlns="http://www.w3.org/2005/Atom"><id>tag:us.example,2026:1</id>` +
	`<author><name>ann</name><uri>https://us.example/users/ann</uri></author><title>Hé?~</title></entry>`

// key reads a key pair that is for tests only.
func key(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	k, err := salmon.ParsePrivateKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, payload string, k *rsa.PrivateKey, form salmon.Form) *salmon.Envelope {
	t.Helper()
	e, err := salmon.Sign([]byte(payload), k, form)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What is signed is found good on all ways, in the form in which it was made.
func TestSignAndVerify(t *testing.T) {
	for _, name := range []string{"key1024", "key2048"} {
		k := key(t, name)
		for _, form := range []salmon.Form{salmon.Padded, salmon.Unpadded, salmon.DataOnly} {
			for n := range 3 { // all lengths of padding
				payload := entry + strings.Repeat(" ", n)
				sent := sign(t, payload, k, form)
				for way, body := range map[string][]byte{
					salmon.MediaType:                    sent.XML(),
					"text/plain":                        sent.XML(),
					salmon.MediaTypeJSON:                sent.JSON(),
					"":                                  sent.JSON(),
					"application/x-www-form-urlencoded": []byte("xml=" + url.QueryEscape(string(sent.XML()))),
					"application/x-www-form-urlencoded; charset=utf-8": []byte("xml=" + url.QueryEscape(url.QueryEscape(string(sent.XML())))),
				} {
					got, err := salmon.Parse(body, way)
					if err != nil {
						t.Fatalf("%s %s as %s: %v", name, form, way, err)
					}
					if p, err := got.Payload(); err != nil || string(p) != payload {
						t.Errorf("%s %s as %s: payload %q %v", name, form, way, p, err)
					}
					r := salmon.Verifier{}.Verify(got, &k.PublicKey)
					if !r.Valid() || r.Err() != nil || r.Form != form {
						t.Errorf("%s %s as %s: %s, form %s", name, form, way, r, r.Form)
					}
				}
			}
		}
	}
}

// The text that is signed, for other implementers: all three forms of it.
func TestXML(t *testing.T) {
	e := &salmon.Envelope{Data: "YQ==", DataType: "application/atom+xml", Encoding: "base64url", Algorithm: "RSA-SHA256",
		Signatures: []salmon.Signature{{Value: "Yg=="}, {Value: "Yw==", KeyID: `"<`}}}
	const want = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<me:env xmlns:me="http://salmon-protocol.org/ns/magic-env"><me:data type="application/atom+xml">YQ==</me:data>` +
		`<me:encoding>base64url</me:encoding><me:alg>RSA-SHA256</me:alg><me:sig>Yg==</me:sig><me:sig key_id="&#34;&lt;">Yw==</me:sig></me:env>`
	if got := string(e.XML()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestVerifyRefuses(t *testing.T) {
	k, other := key(t, "key1024"), key(t, "key2048")
	changed := func(change func(*salmon.Envelope)) *salmon.Envelope {
		e := sign(t, entry, k, salmon.Padded)
		change(e)
		return e
	}
	weak, err := salmon.ParsePublicKey("RSA.mVgY8RN6URBTstndvmUUPb4UZTdwvwmddSKE5z_jvKUEK6yk1u3rrC9yN8k6FilGj9K0eeUPe2hf4Pj-5CmHww.AQAB")
	if err != nil {
		t.Fatal(err)
	}
	forged := sign(t, strings.Replace(entry, "ann", "bob", 1), k, salmon.Padded)
	for _, tt := range []struct {
		name     string
		envelope *salmon.Envelope
		key      *rsa.PublicKey
		verifier salmon.Verifier
		want     salmon.Status
		text     string
	}{
		{"another key", sign(t, entry, k, salmon.Padded), &other.PublicKey, salmon.Verifier{}, salmon.Mismatch, "the signature is not by this key over this envelope"},
		{"another entry", changed(func(e *salmon.Envelope) { e.Data = forged.Data }), &k.PublicKey, salmon.Verifier{}, salmon.Mismatch, ""},
		{"another type, signed", changed(func(e *salmon.Envelope) { e.DataType = "text/plain" }), &k.PublicKey, salmon.Verifier{}, salmon.UnknownType,
			`the payload is of the type "text/plain"; send application/atom+xml`},
		{"a type that looks alike", changed(func(e *salmon.Envelope) { e.DataType = "application/atom+xml; charset=utf-8" }), &k.PublicKey, salmon.Verifier{}, salmon.Mismatch, ""},
		{"another algorithm", changed(func(e *salmon.Envelope) { e.Algorithm = "HMAC-SHA256" }), &k.PublicKey, salmon.Verifier{}, salmon.UnknownAlgorithm,
			`the algorithm is "HMAC-SHA256"; use RSA-SHA256`},
		{"another encoding", changed(func(e *salmon.Envelope) { e.Encoding = "base64" }), &k.PublicKey, salmon.Verifier{}, salmon.UnknownEncoding,
			`the encoding is "base64"; use base64url`},
		{"no signature", changed(func(e *salmon.Envelope) { e.Signatures = nil }), &k.PublicKey, salmon.Verifier{}, salmon.Unsigned, "the envelope is not signed"},
		{"a signature that is none", changed(func(e *salmon.Envelope) { e.Signatures[0].Value = "*" }), &k.PublicKey, salmon.Verifier{}, salmon.Mismatch, ""},
		{"an empty signature", changed(func(e *salmon.Envelope) { e.Signatures[0].Value = "" }), &k.PublicKey, salmon.Verifier{}, salmon.Mismatch, ""},
		{"a weak key", sign(t, entry, k, salmon.Padded), weak, salmon.Verifier{}, salmon.WeakKey, "the key has 512 bits, which is too short"},
		{"a weak key, allowed", sign(t, entry, k, salmon.Padded), weak, salmon.Verifier{MinBits: 512}, salmon.Mismatch, ""},
		{"a key of which longer ones are wanted", sign(t, entry, k, salmon.Padded), &k.PublicKey, salmon.Verifier{MinBits: 2048}, salmon.WeakKey, ""},
		{"a long key", sign(t, entry, other, salmon.Padded), &other.PublicKey, salmon.Verifier{MaxBits: 1024}, salmon.LongKey, "the key has 2048 bits, which is too long"},
	} {
		r := tt.verifier.Verify(tt.envelope, tt.key)
		if r.Status != tt.want || r.Valid() || tt.text != "" && r.String() != tt.text {
			t.Errorf("%s: %d %s", tt.name, r.Status, r)
		}
		if e, ok := errors.AsType[*salmon.InvalidError](r.Err()); !ok || e.Result != r {
			t.Errorf("%s: error %v", tt.name, r.Err())
		}
	}
	if (salmon.Result{}).Err() == nil {
		t.Error("a result of nothing is no error")
	}
	// One good signature among others is enough: a signer may change keys.
	two := changed(func(e *salmon.Envelope) {
		e.Signatures = []salmon.Signature{{Value: "AAAA"}, {Value: e.Signatures[0].Value, KeyID: "second"}}
	})
	if r := (salmon.Verifier{}).Verify(two, &k.PublicKey); !r.Valid() || r.KeyID != "second" {
		t.Errorf("the second signature: %s, %q", r, r.KeyID)
	}
}

func TestParseRefuses(t *testing.T) {
	const head = `<me:env xmlns:me="http://salmon-protocol.org/ns/magic-env">`
	for _, tt := range []struct{ name, media, body, want string }{
		{"nothing", salmon.MediaType, "", "salmon: the envelope cannot be read: xml: not well-formed at byte 0: there is no element"},
		{"billion laughs", salmon.MediaType, `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY b "&lol;&lol;">]>` + head + `<me:data>&b;</me:data></me:env>`,
			"salmon: the envelope cannot be read: xml: documents with a document type (DOCTYPE) are not read"},
		{"deep nesting", salmon.MediaType, strings.Repeat("<a>", 100_000), "salmon: the envelope cannot be read: xml: the document has more than 8 levels"},
		{"another document", salmon.MediaType, `<entry xmlns="http://www.w3.org/2005/Atom"/>`, `salmon: the envelope is no "env" of the namespace http://salmon-protocol.org/ns/magic-env`},
		{"no data", salmon.MediaType, head + `<me:sig>YQ</me:sig></me:env>`, "salmon: the data is missing"},
		{"data twice", salmon.MediaType, head + `<me:data>YQ</me:data><me:data>YQ</me:data></me:env>`, "salmon: the data is there twice"},
		{"data that is none", salmon.MediaType, head + `<me:data>Y*</me:data></me:env>`, "salmon: the data is not base64url"},
		{"many signatures", salmon.MediaType, head + `<me:data>YQ</me:data>` + strings.Repeat("<me:sig/>", 5) + `</me:env>`, "salmon: the envelope has 5 signatures; at most 4 are looked at"},
		{"a form without it", "application/x-www-form-urlencoded", "a=b", `salmon: the envelope is a form without a field "xml"`},
		{"JSON of another kind", salmon.MediaTypeJSON, `{"data":1}`, "salmon: the envelope is not JSON as it should be"},
		{"JSON without data", "application/json", `{}`, "salmon: the data is missing"},
		{"one byte too many", salmon.MediaType, strings.Repeat(" ", salmon.MaxEnvelope+1), salmon.ErrTooLarge.Error()},
	} {
		_, err := salmon.Parse([]byte(tt.body), tt.media)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := salmon.Sign(bytes.Repeat([]byte("x"), 1<<20), key(t, "key1024"), salmon.Padded); !errors.Is(err, salmon.ErrTooLarge) {
		t.Errorf("signing a megabyte: %v", err)
	}
	if _, err := salmon.Sign([]byte("x"), key(t, "key1024"), 0); err == nil {
		t.Error("signed in no form")
	}
}

func TestBind(t *testing.T) {
	for _, tt := range []struct {
		author string
		names  []string
		want   salmon.Binding
	}{
		{"https://a.example/user/1", []string{"acct:ann@a.example", "https://a.example/user/1"}, salmon.Bound},
		{"https://a.example/user/1", []string{"acct:ann@a.example", "https://a.example/user/11"}, salmon.Unbound},
		{"https://a.example/user/1", nil, salmon.Unbound},
		{"", []string{""}, salmon.Unbound},
		{"http://a.example/user/1", []string{"https://a.example/user/1"}, salmon.BoundAcross},
		{"https://a.example/user/1", []string{"http://a.example/user/1"}, salmon.BoundAcross},
		{"https://a.example/user/1", []string{"http://a.example/user/1", "https://a.example/user/1"}, salmon.Bound},
		{"https://a.example/user/1/", []string{"https://a.example/user/1"}, salmon.Unbound},
		{"acct:ann@a.example", []string{"ann@A.example"}, salmon.Bound},
		{"acct:Ann@a.example", []string{"acct:ann@a.example"}, salmon.Unbound},
		{"tag:a.example,2026:1", []string{"tag:a.example,2026:1"}, salmon.Bound},
	} {
		if got := salmon.Bind(tt.author, tt.names); got != tt.want {
			t.Errorf("%s by %q: %s", tt.author, tt.names, got)
		}
	}
}

func TestWindow(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	day := 24 * time.Hour
	for _, tt := range []struct {
		name               string
		window             salmon.Window
		published, updated time.Time
		want               salmon.Age
	}{
		{"now", salmon.Window{}, now, now, salmon.Fresh},
		{"days ago", salmon.Window{}, ago(5 * day), time.Time{}, salmon.Fresh},
		{"too many days ago", salmon.Window{}, ago(5*day + time.Second), time.Time{}, salmon.Stale},
		{"old, changed now", salmon.Window{}, ago(100 * day), now, salmon.Fresh},
		{"updated before it was published", salmon.Window{}, now, ago(100 * day), salmon.Fresh},
		{"no published", salmon.Window{}, time.Time{}, now, salmon.Fresh},
		{"a clock ahead", salmon.Window{}, ago(-time.Hour), time.Time{}, salmon.Fresh},
		{"tomorrow", salmon.Window{}, ago(-day), time.Time{}, salmon.Early},
		{"tomorrow by its last change", salmon.Window{}, now, ago(-day), salmon.Early},
		{"no date", salmon.Window{}, time.Time{}, time.Time{}, salmon.Undated},
		{"a short window", salmon.Window{Past: time.Minute}, ago(2 * time.Minute), time.Time{}, salmon.Stale},
		{"a window with less future", salmon.Window{Future: time.Second}, ago(-time.Minute), time.Time{}, salmon.Early},
	} {
		if got := tt.window.Judge(tt.published, tt.updated, now); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Only the same thing at the same time has the same name, wherever its time zone.
func TestFingerprint(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	base := salmon.Fingerprint("a", "unfollow", "b", at)
	if again := salmon.Fingerprint("a", "unfollow", "b", at.In(time.FixedZone("east", 3600))); again != base {
		t.Error("the time zone makes a difference")
	}
	for name, other := range map[string]string{
		"another author":          salmon.Fingerprint("c", "unfollow", "b", at),
		"another verb":            salmon.Fingerprint("a", "follow", "b", at),
		"another object":          salmon.Fingerprint("a", "unfollow", "c", at),
		"another time":            salmon.Fingerprint("a", "unfollow", "b", at.Add(time.Second)),
		"the same text elsewhere": salmon.Fingerprint("aunfollow", "", "b", at),
	} {
		if other == base {
			t.Errorf("%s has the same name", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	k := key(f, "key1024")
	e := sign(f, entry, k, salmon.Padded)
	f.Add(e.XML(), salmon.MediaType)
	f.Add(e.JSON(), salmon.MediaTypeJSON)
	f.Add([]byte("xml="+url.QueryEscape(string(e.XML()))), "application/x-www-form-urlencoded")
	f.Add([]byte(`<env xmlns="http://salmon-protocol.org/ns/magic-env"><data type="application/atom xml"> Y Q== </data><sig>++//</sig></env>`), "")
	f.Fuzz(func(t *testing.T, body []byte, media string) {
		e, err := salmon.Parse(body, media)
		if err != nil {
			if _, ok := errors.AsType[*salmon.MalformedError](err); !ok && !errors.Is(err, salmon.ErrTooLarge) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		payload, err := e.Payload()
		if err != nil {
			t.Fatal(err)
		}
		if r := (salmon.Verifier{}).Verify(e, &k.PublicKey); r.Valid() && !bytes.Equal(payload, []byte(entry)) {
			t.Fatalf("a signature is good for %q", payload)
		}
		again, err := salmon.Parse(e.XML(), salmon.MediaType)
		if err != nil {
			t.Fatal(err)
		}
		if p, _ := again.Payload(); !bytes.Equal(p, payload) {
			t.Fatalf("payload %q, written and read again %q", payload, p)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(salmon.PublicKeyURL(&key(f, "key1024").PublicKey))
	f.Add("RSA.AMwa.AQAB.AQAB")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := salmon.ParsePublicKey(s)
		if err != nil {
			return
		}
		again, err := salmon.ParsePublicKey(salmon.PublicKeyURL(k))
		if err != nil || !again.Equal(k) {
			t.Errorf("%v is written and read as %v %v", k, again, err)
		}
		_, _ = salmon.ParsePrivateKey(s)
	})
}
