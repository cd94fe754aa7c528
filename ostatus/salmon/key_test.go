package salmon_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"manifold/ostatus/salmon"
)

func TestPublicKey(t *testing.T) {
	k := &key(t, "key1024").PublicKey
	plain := salmon.FormatPublicKey(k)
	address := salmon.PublicKeyURL(k)
	if address != "data:application/magic-public-key,"+plain || !strings.HasPrefix(plain, "RSA.") || !strings.HasSuffix(plain, "=.AQAB") {
		t.Fatalf("written as %s", address)
	}
	number := strings.Split(plain, ".")[1]
	for name, s := range map[string]string{
		"alone":             plain,
		"data: URL":         address,
		"StatusNet 0.9.0":   strings.Replace(address, ",", ";", 1),
		"without padding":   strings.ReplaceAll(address, "=", ""),
		"plain base64":      strings.NewReplacer("-", "+", "_", "/").Replace(plain),
		"with a line break": address[:60] + "\n  " + address[60:],
		"with the private":  plain + ".AQAB",
	} {
		got, err := salmon.ParsePublicKey(s)
		if err != nil || !got.Equal(k) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	// Friendica writes the sign bit of ASN.1 in front.
	signed := "RSA." + base64.RawURLEncoding.EncodeToString(append([]byte{0}, k.N.Bytes()...)) + ".AQAB"
	if got, err := salmon.ParsePublicKey(signed); err != nil || !got.Equal(k) || salmon.FormatPublicKey(got) != plain {
		t.Errorf("a zero byte in front: %v %v", got, err)
	}
	for name, s := range map[string]string{
		"nothing":            "",
		"another algorithm":  strings.Replace(plain, "RSA", "DSA", 1),
		"another data: URL":  "data:text/plain," + plain,
		"no exponent":        "RSA." + number,
		"too many parts":     plain + ".AQAB.AQAB",
		"not base64":         "RSA.*." + "AQAB",
		"an empty number":    "RSA.." + "AQAB",
		"an even exponent":   "RSA." + number + ".AQAA",
		"an exponent of one": "RSA." + number + ".AQ",
		"a huge exponent":    "RSA." + number + "." + number,
		"a tiny modulus":     "RSA.Aw.AQAB",
		"a huge modulus":     "RSA." + strings.Repeat("A", 100_000) + ".AQAB",
	} {
		if got, err := salmon.ParsePublicKey(s); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPrivateKey(t *testing.T) {
	k := key(t, "key2048")
	again, err := salmon.ParsePrivateKey(salmon.FormatPrivateKey(k))
	if err != nil || again.D.Cmp(k.D) != 0 || !again.PublicKey.Equal(&k.PublicKey) {
		t.Errorf("%v", err)
	}
	for name, s := range map[string]string{
		"only the public key": salmon.FormatPublicKey(&k.PublicKey),
		"of another pair":     salmon.FormatPublicKey(&key(t, "key1024").PublicKey) + "." + strings.Split(salmon.FormatPrivateKey(k), ".")[3],
		"nothing":             "",
	} {
		if _, err := salmon.ParsePrivateKey(s); err == nil {
			t.Errorf("%s is a key pair", name)
		} else if strings.Contains(err.Error(), "RSA.w") {
			t.Errorf("the error tells the key: %v", err)
		}
	}
}

// A key has one name, however it was written.
func TestKeyID(t *testing.T) {
	k := key(t, "key1024")
	other, err := salmon.ParsePublicKey(strings.ReplaceAll(salmon.FormatPublicKey(&k.PublicKey), "=", ""))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := salmon.KeyID(&k.PublicKey), salmon.KeyID(other); a != b || len(a) != 44 {
		t.Errorf("%s and %s", a, b)
	}
	if salmon.KeyID(&k.PublicKey) == salmon.KeyID(&key(t, "key2048").PublicKey) {
		t.Error("two keys have one name")
	}
}
