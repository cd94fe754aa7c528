package proof

import "testing"

// EncodeBase58 is what Multikeys and signatures are written in.
var EncodeBase58 = encodeBase58

// EncodeMultibase writes what [ParseMultikey] reads.
func EncodeMultibase(data []byte) string { return multibase58 + encodeBase58(data) }

// DecodeBase58 reads what must be readable.
func DecodeBase58(t testing.TB, text string) []byte {
	t.Helper()
	data, err := decodeBase58(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
