package mail

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	smtp "github.com/wneessen/go-mail"
)

// Error is why a mail was not handed over. Its text has no address in it of which
// more than the domain could be read, and no password.
type Error struct {
	// Permanent: this mail will never be taken, and must not be sent again. If it
	// is false, it should be sent again later.
	Permanent bool
	// Code is what the server answered to the mail (RFC 5321 4.2.3), 0 when it was
	// not heard about the mail: it cannot be reached, TLS failed, it does not let
	// us log in, the connection broke.
	Code int
	// Text tells all of that.
	Text string
}

func (e *Error) Error() string { return e.Text }

// Permanent reports whether err says that a mail will never be taken.
func Permanent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Permanent
}

// Unreached reports whether err says nothing about the mail, because it did not
// come to speak of it: any other would have failed in the same way.
func Unreached(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == 0 && !e.Permanent
}

// notLoggedIn is the answer of a server that takes no mail from strangers (RFC
// 4954 6). It is about us and not about the mail.
const notLoggedIn = 530

func (s *Sender) failure(err error) error {
	said, ok := errors.AsType[*smtp.SendError](err)
	if !ok {
		return s.unreached(err)
	}
	code := said.ErrorCode()
	if code < 400 || code > 599 || code == notLoggedIn {
		return s.unreached(err)
	}
	// The library adds the address and the id of the message.
	text, _, _ := strings.Cut(said.Error(), ", affected ")
	return &Error{Permanent: code >= 500, Code: code, Text: fmt.Sprintf("the mail server %s refused a mail: %s", s.Server(), presentable(text))}
}

func (s *Sender) unreached(err error) error {
	text, _, _ := strings.Cut(err.Error(), ", affected ")
	return &Error{Text: fmt.Sprintf("handing a mail over to the server %s: %s", s.Server(), presentable(text))}
}

// local is the part of an address that says who it is: all of it before the @.
// What is caught is its first character.
var local = regexp.MustCompile(`("?[^\s<>()"',;:@])(?:[^\s<>()"',;:@]*|[^"]*")@`)

// presentable makes one line of what a server said, for a log: not too long, and
// without the part of an address that says who it is.
func presentable(text string) string {
	text = local.ReplaceAllString(strings.Join(strings.Fields(text), " "), "$1…@")
	const most = 400
	if len(text) > most {
		text = text[:most] + "…"
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "?")
	}
	return text
}
