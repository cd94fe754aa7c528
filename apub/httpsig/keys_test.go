package httpsig_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"manifold/apub/httpsig"
)

func TestPublicKeysAreRead(t *testing.T) {
	spki := func(key crypto.PublicKey) string {
		t.Helper()
		text, err := httpsig.EncodePublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	public := rsaKeys()[0].Public()
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public.(*rsa.PublicKey))}))
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 16_000), E: 65537}
	tiny := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 511), E: 65537}
	for _, tt := range []struct {
		name, text string
		want       crypto.PublicKey // nil: refused
	}{
		{"SPKI", spki(public), public},
		{"PKCS#1", pkcs1, public},
		{"Ed25519", spki(edKey.Public()), edKey.Public()},
		{"without the last line break", strings.TrimSpace(spki(public)), public},
		{"with white space around", "\n \n" + spki(public) + "\n\n", public},
		{"with the line breaks of Windows", strings.ReplaceAll(spki(public), "\n", "\r\n"), public},
		{"elliptic curve", spki(elliptical.Public()), nil},
		{"16,000 bits", spki(long), nil},
		{"512 bits", spki(tiny), nil},
		{"a private key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKeys()[0])})), nil},
		{"cut off", spki(public)[:100], nil},
		{"PKCS#1 that says SPKI", strings.ReplaceAll(pkcs1, "RSA PUBLIC KEY", "PUBLIC KEY"), nil},
		{"nothing", "", nil},
		{"too long", spki(public) + strings.Repeat("\n", 20_000) + "x", nil},
	} {
		key, err := httpsig.ParsePublicKey(tt.text)
		if tt.want == nil {
			if !errors.Is(err, httpsig.ErrKey) {
				t.Errorf("%s: %T, error %v, want it refused", tt.name, key, err)
			}
			continue
		}
		if equal, ok := key.(interface{ Equal(crypto.PublicKey) bool }); err != nil || !ok || !equal.Equal(tt.want) {
			t.Errorf("%s: read %T, error %v", tt.name, key, err)
		}
	}
}

func FuzzPublicKey(f *testing.F) {
	for _, key := range []crypto.PublicKey{rsaKeys()[0].Public(), edKey.Public()} {
		text, err := httpsig.EncodePublicKey(key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add("-----BEGIN RSA PUBLIC KEY-----\nMAA=\n-----END RSA PUBLIC KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := httpsig.ParsePublicKey(text)
		if err != nil {
			return
		}
		again, err := httpsig.EncodePublicKey(key)
		if err != nil {
			t.Fatalf("%q was read as %T and cannot be written: %v", text, key, err)
		}
		if _, err := httpsig.ParsePublicKey(again); err != nil {
			t.Errorf("%q was read, and then %q was not: %v", text, again, err)
		}
	})
}
