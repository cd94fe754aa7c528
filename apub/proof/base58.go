package proof

import (
	"errors"
	"slices"
	"strings"
)

// alphabet is that of base58btc (draft-msporny-base58).
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// maxBase58 bounds what is decoded, since that takes time with the square of the
// length. A Multikey of an RSA key of 8192 bits is shorter.
const maxBase58 = 2048

// encodeBase58 writes bytes as a number of base 58; every zero byte that they
// begin with is a digit "1".
func encodeBase58(data []byte) string {
	var digits []byte // the least significant first
	for _, b := range data {
		carry := int(b)
		for i := range digits {
			carry += int(digits[i]) << 8
			digits[i] = byte(carry % 58)
			carry /= 58
		}
		for ; carry > 0; carry /= 58 {
			digits = append(digits, byte(carry%58))
		}
	}
	for _, b := range data {
		if b != 0 {
			break
		}
		digits = append(digits, 0)
	}
	slices.Reverse(digits)
	for i := range digits {
		digits[i] = alphabet[digits[i]]
	}
	return string(digits)
}

var errBase58 = errors.New("not base58btc")

func decodeBase58(text string) ([]byte, error) {
	if len(text) > maxBase58 {
		return nil, errBase58
	}
	var data []byte // the least significant first
	for i := range len(text) {
		carry := strings.IndexByte(alphabet, text[i])
		if carry < 0 {
			return nil, errBase58
		}
		for j := range data {
			carry += int(data[j]) * 58
			data[j] = byte(carry)
			carry >>= 8
		}
		for ; carry > 0; carry >>= 8 {
			data = append(data, byte(carry))
		}
	}
	for i := 0; i < len(text) && text[i] == alphabet[0]; i++ {
		data = append(data, 0)
	}
	slices.Reverse(data)
	return data, nil
}
