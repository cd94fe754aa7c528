package bridge

import (
	"bytes"
	"context"
	"strings"

	"manifold/internal/mail"
	"manifold/models"
)

// letter is what a mail says, from which both parts of its body are made. All of
// it is plain text.
type letter struct {
	Subject string
	// Before, Quote and After are paragraphs; the link stands before After.
	Before, Quote, After []string
	Link, LinkText       string
	// Unsubscribe, if set, is where notifications are ended.
	Unsubscribe string
}

// message writes the letter to somebody.
func (l *letter) message(to string) (mail.Message, error) {
	m := mail.Message{To: to, Subject: l.Subject, Text: l.text(), Unsubscribe: l.Unsubscribe}
	var page bytes.Buffer
	if err := letterPage(l).Render(context.Background(), &page); err != nil {
		return m, err
	}
	m.HTML = page.String()
	return m, nil
}

func (l *letter) text() string {
	var b strings.Builder
	for _, p := range l.Before {
		b.WriteString(p + "\n\n")
	}
	for _, p := range l.Quote {
		b.WriteString("> " + p + "\n")
	}
	if len(l.Quote) > 0 {
		b.WriteString("\n")
	}
	if l.Link != "" {
		b.WriteString(l.Link + "\n\n")
	}
	for _, p := range l.After {
		b.WriteString(p + "\n\n")
	}
	if l.Unsubscribe != "" {
		b.WriteString("-- \nSend me no more such mail: " + l.Unsubscribe + "\n")
	}
	return b.String()
}

func (b *Bridge) confirmationLetter(a *models.Account, code string) *letter {
	site := oneLine(b.site, 100)
	return &letter{
		Subject: "Confirm your email address for " + site,
		Before: []string{
			"Hello " + a.Nickname + ",",
			"this address was given for the account " + b.names.address(a.Nickname) + " at " + site + ". Open this link within 7 days to confirm that it is yours:",
		},
		Link: b.names.Confirmation(code), LinkText: "This address is mine",
		After: []string{"If you know nothing of that account, do nothing: an address that is not confirmed is not used."},
	}
}

func (b *Bridge) recoveryLetter(a *models.Account, code string) *letter {
	site := oneLine(b.site, 100)
	return &letter{
		Subject: "Set a new password for " + site,
		Before: []string{
			"Hello " + a.Nickname + ",",
			"somebody, probably you, asked for a new password for the account " + b.names.address(a.Nickname) + " at " + site +
				". Open this link within a day to set one:",
		},
		Link: b.names.Recovery(code), LinkText: "Set a new password",
		After: []string{"If you did not ask for it, do nothing: your password stays as it is. Whoever has this link can take over your account, so give it to nobody."},
	}
}

// address is how people tell each other about an account.
func (n *Names) address(nick string) string { return strings.TrimPrefix(n.Acct(nick), "acct:") }
