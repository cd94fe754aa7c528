package mail_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"manifold/internal/mail"
	"manifold/internal/scratchsmtp"
)

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSender(t, mail.Options{Server: "127.0.0.1:1", Encryption: mail.Off})
	for name, change := range map[string]func(*mail.Message){
		"a line break in the subject": func(m *mail.Message) { m.Subject = "Hello\r\nBcc: all@mail.example" },
		"a bare line feed":            func(m *mail.Message) { m.Subject = "Hello\nBcc: all@mail.example" },
		"a NUL":                       func(m *mail.Message) { m.Subject = "a\x00b" },
		"a subject without end":       func(m *mail.Message) { m.Subject = strings.Repeat("ü", 201) },
		"no address":                  func(m *mail.Message) { m.To = "" },
		"two addresses":               func(m *mail.Message) { m.To = "ann@mail.example, bob@mail.example" },
		"an address with a name":      func(m *mail.Message) { m.To = "Ann <ann@mail.example>" },
		"a line break in the address": func(m *mail.Message) { m.To = "ann@mail.example\r\nRCPT TO:<bob@mail.example>" },
		"an id with a line break":     func(m *mail.Message) { m.ID = "a\r\nBcc: b" },
		"an id that ends its bracket": func(m *mail.Message) { m.ID = "a>" },
		"an id with two dots":         func(m *mail.Message) { m.ID = "a..b" },
		"a link with a line break":    func(m *mail.Message) { m.Unsubscribe = "https://x.example/\r\nBcc: b" },
		"a link that ends its own":    func(m *mail.Message) { m.Unsubscribe = "https://x.example/>, <mailto:a@b.example" },
		"a link without end":          func(m *mail.Message) { m.Unsubscribe = "https://x.example/" + strings.Repeat("x", 500) },
		"too much text":               func(m *mail.Message) { m.Text = strings.Repeat("x", mail.MaxBody+1) },
		"too much HTML":               func(m *mail.Message) { m.HTML = strings.Repeat("x", mail.MaxBody+1) },
	} {
		m := letter
		change(&m)
		// The server is not there: an error that is for ever was found before.
		if err := s.Send(t.Context(), m); !mail.Permanent(err) || mail.Unreached(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One-click unsubscribing is for https only (RFC 8058 3.1); over http the link is
// for people.
func TestUnsubscribeOverHTTP(t *testing.T) {
	t.Parallel()
	m := letter
	m.Unsubscribe = "http://localhost:8080/main/unsubscribe/x"
	got := composed(t, m)
	if got.Header.Get("List-Unsubscribe") != "<"+m.Unsubscribe+">" || got.Header.Get("List-Unsubscribe-Post") != "" {
		t.Errorf("the head is %v", got.Header)
	}
	m.Unsubscribe, m.HTML, m.ID = "", "", ""
	got = composed(t, m)
	if got.Header.Get("List-Unsubscribe") != "" || got.HTML != "" || got.Text != m.Text || !strings.Contains(got.Header.Get("Message-ID"), "@") {
		t.Errorf("the mail is %s", got.Raw)
	}
}

func composed(t *testing.T, m mail.Message) *scratchsmtp.Mail {
	t.Helper()
	raw, err := newSender(t, mail.Options{Server: "127.0.0.1:1"}).Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := scratchsmtp.Parse(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return parsed
}

// headNames are all lines that a head may have.
var headNames = []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "List-Unsubscribe", "List-Unsubscribe-Post",
	"Message-Id", "Mime-Version", "Subject", "To"}

// FuzzCompose: whatever a message consists of, it is refused, or it has the head
// that it should have and nothing else in it, and its parts come out as they went
// in.
func FuzzCompose(f *testing.F) {
	for _, m := range []mail.Message{letter, {To: "a@b"}, {To: "ann@mail.example", Subject: "x\r\nBcc: y@z", Text: "\r\n.\r\n"},
		{To: "é@mail.example", Subject: "=?utf-8?q?x?=", Text: "From x\n--\n", HTML: "<p>\xff"},
		{To: "ann@mail.example", Text: "\r\x03\n"}, {To: "\"a\r\nb\"@c", Unsubscribe: "https://x/>"}} {
		f.Add(m.ID, m.To, m.Subject, m.Text, m.HTML, m.Unsubscribe)
	}
	f.Fuzz(func(t *testing.T, id, to, subject, text, html, unsubscribe string) {
		m := mail.Message{ID: id, To: to, Subject: subject, Text: text, HTML: html, Unsubscribe: unsubscribe}
		s := newSender(t, mail.Options{Server: "127.0.0.1:1"})
		raw, err := s.Compose(m)
		if err != nil {
			if !mail.Permanent(err) {
				t.Errorf("refused for now only: %v", err)
			}
			return
		}
		got, err := scratchsmtp.Parse(raw)
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		for name, values := range got.Header {
			if !slices.Contains(headNames, name) || len(values) != 1 {
				t.Errorf("the head has %q: %q; its lines are %q", name, values, slices.Sorted(maps.Keys(got.Header)))
			}
		}
		if list, err := got.Header.AddressList("To"); err != nil || len(list) != 1 || list[0].Address != to || list[0].Name != "" {
			t.Errorf("the mail is to %v (%v), want %q", list, err, to)
		}
		if list, err := got.Header.AddressList("From"); err != nil || len(list) != 1 || list[0].Address != "no-reply@site.example" {
			t.Errorf("the mail is from %v (%v)", list, err)
		}
		// Space at the ends and between words is not kept by lines that are folded.
		if a, b := strings.Fields(got.Subject()), strings.Fields(subject); !slices.Equal(a, b) && !strings.Contains(subject, "=?") {
			t.Errorf("the subject is %q, want %q", a, b)
		}
		if got.Text != plainBreaks(text) || got.HTML != plainBreaks(html) {
			t.Errorf("the parts are %q and %q, want %q and %q", got.Text, got.HTML, plainBreaks(text), plainBreaks(html))
		}
	})
}

// plainBreaks is a text with line feeds only: mail knows no other end of a line
// than the pair, and everything is taken for one.
func plainBreaks(s string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
}

// What a server says goes into the log of this one.
func TestPresentable(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"550 5.1.1 <ann.example+x@mail.example>: no such person":     "550 5.1.1 <a…@mail.example>: no such person",
		"550 to ann@mail.example and \"bob b\"@mail.example refused": "550 to a…@mail.example and \"b…@mail.example refused",
		"451\r\nmore than\n one line":                                "451 more than one line",
		"no address":                                                 "no address",
	} {
		if got := mail.Presentable(said); got != want {
			t.Errorf("%q is shown as %q, want %q", said, got, want)
		}
	}
}

func FuzzPresentable(f *testing.F) {
	for _, seed := range []string{"550 <ann@mail.example>", "ü@", strings.Repeat("é", 500), "\xff\x00@x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		got := mail.Presentable(said)
		if len(got) > 420 || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) && unicode.IsSpace(r) }) {
			t.Errorf("%q is shown as %q", said, got)
		}
	})
}
