package oauth1

// unreserved marks the bytes that RFC 5849 3.6 leaves as they are. All others are
// written as %XX with upper-case digits; a space is %20, never "+". net/url has no
// function with exactly this set.
var unreserved = func() (set [256]bool) {
	for c := '0'; c <= '9'; c++ {
		set[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		set[c], set[c-'a'+'A'] = true, true
	}
	for _, c := range "-._~" {
		set[c] = true
	}
	return set
}()

const upperHex = "0123456789ABCDEF"

func appendEncodedByte(dst []byte, c byte) []byte {
	if unreserved[c] {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// appendEncoded appends s to dst, percent-encoded (RFC 5849 3.6). s is taken byte
// by byte: text arrives as UTF-8, and what is not UTF-8 must survive unchanged.
func appendEncoded[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		dst = appendEncodedByte(dst, s[i])
	}
	return dst
}

func encode(s string) string {
	for i := range len(s) {
		if !unreserved[s[i]] {
			return string(appendEncoded(make([]byte, 0, len(s)+16), s))
		}
	}
	return s
}

func unhex(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// escaped reads the escape at s[i:], where s[i] is '%'.
func escaped(s string, i int) (c byte, ok bool) {
	if i+2 >= len(s) {
		return 0, false
	}
	hi, ok1 := unhex(s[i+1])
	lo, ok2 := unhex(s[i+2])
	return hi<<4 | lo, ok1 && ok2
}

// recode decodes s and encodes it again, which turns every way of escaping a value
// into the one that is signed. It reports false for an escape that is not %XX:
// clients and servers disagree about what such a text means. Values that are in
// signed form already, nearly all, are returned as they are.
//
// plus says whether "+" stands for a space, see [pairs].
func recode(s string, plus bool) (string, bool) {
	i := canonicalPrefix(s)
	if i == len(s) {
		return s, true
	}
	dst := append(make([]byte, 0, len(s)+16), s[:i]...)
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			var ok bool
			if c, ok = escaped(s, i); !ok {
				return "", false
			}
			i += 2
		case c == '+' && plus:
			c = ' '
		}
		dst = appendEncodedByte(dst, c)
	}
	return string(dst), true
}

// canonicalPrefix returns the length of the longest prefix of s that decoding and
// encoding would leave unchanged.
func canonicalPrefix(s string) int {
	for i := 0; i < len(s); i++ {
		if unreserved[s[i]] {
			continue
		}
		if s[i] != '%' {
			return i
		}
		c, ok := escaped(s, i)
		if !ok || unreserved[c] || s[i+1] > 'F' || s[i+2] > 'F' {
			return i
		}
		i += 2
	}
	return len(s)
}

// decode undoes encode. s comes from recode, so its escapes are well-formed.
func decode(s string) string {
	for i := range len(s) {
		if s[i] != '%' {
			continue
		}
		dst := append(make([]byte, 0, len(s)), s[:i]...)
		for ; i < len(s); i++ {
			c := s[i]
			if c == '%' {
				c, _ = escaped(s, i)
				i += 2
			}
			dst = append(dst, c)
		}
		return string(dst)
	}
	return s
}
