package pumpapi

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// writer writes JSON by appending to a buffer. A page of a stream is some
// hundred small objects made of strings that are known to be valid; encoding
// them by reflection would cost more than reading them from the database.
type writer struct {
	b []byte
	// proxies are the addresses here of what lies elsewhere, as the answer shows
	// it; see [render].
	proxies *proxying
}

// separate writes a comma where one is needed.
func (w *writer) separate() {
	if n := len(w.b); n > 0 {
		switch w.b[n-1] {
		case '{', '[', ':', ',':
		default:
			w.b = append(w.b, ',')
		}
	}
}

func (w *writer) open(bracket byte)  { w.separate(); w.b = append(w.b, bracket) }
func (w *writer) close(bracket byte) { w.b = append(w.b, bracket) }

// key writes the name of a member; a value must follow.
func (w *writer) key(name string) {
	w.separate()
	w.b = appendString(w.b, name)
	w.b = append(w.b, ':')
}

func (w *writer) value(s string) { w.separate(); w.b = appendString(w.b, s) }

// text writes a member unless it is empty.
func (w *writer) text(name, value string) {
	if value != "" {
		w.key(name)
		w.b = appendString(w.b, value)
	}
}

func (w *writer) number(name string, n int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) flag(name string, v bool) {
	w.key(name)
	w.b = strconv.AppendBool(w.b, v)
}

// instant writes a time as pump.io does, in UTC and whole seconds.
func (w *writer) instant(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.key(name)
	w.b = append(w.b, '"')
	w.b = t.UTC().AppendFormat(w.b, "2006-01-02T15:04:05Z")
	w.b = append(w.b, '"')
}

func (w *writer) raw(name string, v json.RawMessage) {
	w.key(name)
	w.b = append(w.b, v...)
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string. Invalid UTF-8 becomes U+FFFD. The line
// separators U+2028 and U+2029 are escaped, since JavaScript of old takes them
// for the end of a line.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				b = append(append(b, s[start:i]...), `\ufffd`...)
				start = i + 1
			case r == '\u2028' || r == '\u2029':
				b = append(append(b, s[start:i]...), `\u202`...)
				b = append(b, hexDigits[r&0xf])
				start = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
