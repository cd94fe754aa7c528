package oauth1

import "testing"

// The parameter encoding cases of the test page that the authors of OAuth kept at
// wiki.oauth.net/TestCases, and which most libraries are tested with.
func TestEncode(t *testing.T) {
	for in, want := range map[string]string{
		"":          "",
		"abcABC123": "abcABC123",
		"-._~":      "-._~",
		"%":         "%25",
		"+":         "%2B",
		"&=*":       "%26%3D%2A",
		"\n":        "%0A",
		" ":         "%20",
		"\u007f":    "%7F",
		"\u0080":    "%C2%80",
		"\u3001":    "%E3%80%81",
		"\xff":      "%FF", // not UTF-8
	} {
		if got := encode(in); got != want {
			t.Errorf("encode(%q) = %q, want %q", in, got, want)
		}
		if got := decode(want); got != in {
			t.Errorf("decode(%q) = %q, want %q", want, got, in)
		}
	}
}

func TestRecode(t *testing.T) {
	tests := []struct {
		in   string
		plus bool
		want string
	}{
		{in: "", want: ""},
		{in: "abc", want: "abc"},
		{in: "https://h/api/x", want: "https%3A%2F%2Fh%2Fapi%2Fx"},
		{in: "https%3A%2F%2Fh%2Fapi%2Fx", want: "https%3A%2F%2Fh%2Fapi%2Fx"},
		{in: "https%3a%2f%2Fh", want: "https%3A%2F%2Fh"},
		{in: "%41%7e%2d", want: "A~-"},
		{in: "a+b", plus: true, want: "a%20b"},
		{in: "a+b", plus: false, want: "a%2Bb"},
		{in: "a%2Bb%20c", plus: true, want: "a%2Bb%20c"},
		{in: "=%3D", want: "%3D%3D"},
		{in: "%253D", want: "%253D"},
		{in: "é", want: "%C3%A9"},
		{in: "%00", want: "%00"},
	}
	for _, tt := range tests {
		if got, ok := recode(tt.in, tt.plus); got != tt.want || !ok {
			t.Errorf("recode(%q, %v) = %q, %v; want %q", tt.in, tt.plus, got, ok, tt.want)
		}
	}
	for _, in := range []string{"%", "%4", "100%", "%zz", "%4g", "a%2", "+%", "%%41"} {
		if got, ok := recode(in, true); ok {
			t.Errorf("recode(%q) = %q, want it refused", in, got)
		}
	}
}
