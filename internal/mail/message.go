package mail

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	smtp "github.com/wneessen/go-mail"
)

// MaxBody bounds each of the two parts of a body, in bytes.
const MaxBody = 256 << 10

// maxSubject bounds a subject, in characters.
const maxSubject = 200

// Message is one mail to one person. It says of itself that a program wrote it
// (Auto-Submitted, RFC 3834), so that no program answers it.
type Message struct {
	// ID is the part of the Message-ID before the @, of letters, digits, and
	// . - _; the rest is the domain of the sender. Empty for a random one.
	ID string
	// To is an address without a name.
	To      string
	Subject string
	// Text and HTML are the same in two ways; HTML may be empty.
	Text, HTML string
	// Unsubscribe, if set, is where whoever does not want such mail any more can
	// say so: a program by POST (RFC 8058), a person by opening it.
	Unsubscribe string
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// check refuses what would not come out as it was meant. Everything that stands
// in the head is looked at: a line break there would begin another line of it.
func (m *Message) check() error {
	to, err := mail.ParseAddress(m.To)
	switch {
	case err != nil || to.Address != m.To || hasControl(m.To):
		return refused("the address it is to is none")
	case hasControl(m.Subject):
		return refused("the subject has a line break or another control character in it")
	case utf8.RuneCountInString(m.Subject) > maxSubject:
		return refused("the subject is longer than %d characters", maxSubject)
	case m.ID != "" && (!plainID.MatchString(m.ID) || strings.Trim(m.ID, ".") != m.ID || strings.Contains(m.ID, "..")):
		return refused("the id %q is not of letters, digits, and . - _", m.ID)
	case strings.ContainsFunc(m.Unsubscribe, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' || r == ',' }):
		return refused("the address to unsubscribe at has characters that cannot stand in a head")
	case len(m.Unsubscribe) > 500:
		return refused("the address to unsubscribe at is longer than 500 bytes")
	case len(m.Text) > MaxBody || len(m.HTML) > MaxBody:
		return refused("a part of the body is larger than %d bytes", MaxBody)
	}
	return nil
}

func refused(format string, args ...any) error {
	return &Error{Permanent: true, Text: "composing a mail: " + fmt.Sprintf(format, args...)}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s)
}

// compose writes the head and the body.
func (s *Sender) compose(m Message) (*smtp.Msg, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	c := smtp.NewMsg(smtp.WithNoDefaultUserAgent())
	c.FromMailAddress(s.from)
	c.ToMailAddress(&mail.Address{Address: m.To})
	c.Subject(m.Subject)
	c.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.ID != "" {
		c.SetMessageIDWithValue(m.ID + "@" + s.domain)
	}
	if m.Unsubscribe != "" {
		c.SetListUnsubscribe(m.Unsubscribe)
		if strings.HasPrefix(m.Unsubscribe, "https://") {
			c.SetListUnsubscribePost() // RFC 8058 3.1: of https only
		}
	}
	c.SetBodyString(smtp.TypeTextPlain, lineFeeds.Replace(m.Text))
	if m.HTML != "" {
		c.AddAlternativeString(smtp.TypeTextHTML, lineFeeds.Replace(m.HTML))
	}
	return c, nil
}

// lineFeeds makes every end of a line a line feed, which becomes CR LF on the wire.
// The writer of mime/quotedprintable takes a CR and a later LF for such a pair though
// another character stands between them, and drops the LF.
var lineFeeds = strings.NewReplacer("\r\n", "\n", "\r", "\n")
