package oauth1_test

import (
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"manifold/pumpapi/oauth1"
)

const benchTarget = "https://pump.example/api/user/evan/inbox/major?count=20&since=https%3A%2F%2Fpump.example%2Fapi%2Factivity%2FxyzxyzxyzXYZ"

func benchRequest(b *testing.B, method oauth1.SignatureMethod) oauth1.Request {
	signer := testSigner
	signer.Method = method
	u, err := url.Parse(benchTarget)
	if err != nil {
		b.Fatal(err)
	}
	return oauth1.Request{Method: "GET", Path: u.Path, RawQuery: u.RawQuery, Authorization: sign(b, signer, "GET", benchTarget)}
}

// BenchmarkParseVerify is what each request costs a server, but for its lookup of
// the secrets and for the nonce.
func BenchmarkParseVerify(b *testing.B) {
	v := verifier(b, "https://pump.example")
	for _, method := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256, oauth1.Plaintext} {
		b.Run(string(method), func(b *testing.B) {
			r := benchRequest(b, method)
			b.ReportAllocs()
			for b.Loop() {
				m, err := oauth1.Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				if err := v.Verify(m, threeLegs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	r := benchRequest(b, oauth1.HMACSHA1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := oauth1.Parse(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBadSignature is a forged request at a server with three names.
func BenchmarkBadSignature(b *testing.B) {
	v := verifier(b, "https://pump.example", "https://www.pump.example", "http://127.0.0.1:8080")
	r := benchRequest(b, oauth1.HMACSHA1)
	r.Path += "x"
	b.ReportAllocs()
	for b.Loop() {
		m, err := oauth1.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(m, threeLegs); err != oauth1.ErrBadSignature {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	u, err := url.Parse(benchTarget)
	if err != nil {
		b.Fatal(err)
	}
	for _, method := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.Plaintext} {
		b.Run(string(method), func(b *testing.B) {
			signer := oauth1.Signer{ConsumerKey: consumerKey, Token: accessToken, Secrets: threeLegs, Method: method}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signer.AuthorizationHeader(oauth1.Call{Method: "GET", URL: u}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMemoryNonces moves its clock as a server with 5,000 requests a second
// would see it, so that the memory fills and expires as it does there.
func BenchmarkMemoryNonces(b *testing.B) {
	var n atomic.Int64
	clock := func() time.Time { return signedAt.Add(time.Duration(n.Load()/5000) * time.Second) }
	m := oauth1.NewMemoryNonces(oauth1.MemoryNoncesOptions{Now: clock})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var nonce []byte
		for pb.Next() {
			i := n.Add(1)
			nonce = strconv.AppendInt(nonce[:0], i, 10)
			k := oauth1.NonceKey{ConsumerKey: consumerKey, Token: accessToken, Timestamp: clock().Unix(), Nonce: string(nonce)}
			if got, err := m.Remember(b.Context(), k); err != nil || got != oauth1.Fresh {
				b.Errorf("nonce %d: %v, %v", i, got, err)
				return
			}
		}
	})
}
