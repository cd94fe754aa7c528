package mail_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manifold/internal/mail"
	"manifold/internal/scratchsmtp"
)

const (
	user     = "manifold"
	password = "only for the mail server 7"
)

// office is an SMTP server for one test, and who vouches for it.
type office struct {
	*scratchsmtp.Server
	roots *x509.CertPool
}

func start(t *testing.T, o scratchsmtp.Options) *office {
	t.Helper()
	dir := t.TempDir()
	o.Folder = filepath.Join(dir, "mail")
	var err error
	if o.Certificate, o.Key, err = scratchsmtp.Certificate(dir); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(o.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	s, err := scratchsmtp.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &office{s, roots}
}

func (o *office) taken(t *testing.T) []*scratchsmtp.Mail {
	t.Helper()
	list, err := o.Taken()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func newSender(t *testing.T, o mail.Options) *mail.Sender {
	t.Helper()
	if o.From == "" {
		o.From = "The Site <no-reply@site.example>"
	}
	s, err := mail.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var letter = mail.Message{
	ID: "notify.17.4", To: "ann@mail.example", Subject: "Activity notification · ünïcode", Text: "Bob posted a note.\n\n.\n..dots, =3D and a trailing space \n— end\n",
	HTML: "<p>Bob posted a <b>note</b>. äöü</p>\n", Unsubscribe: "https://site.example/main/unsubscribe/x-_1",
}

func TestSend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		smtp scratchsmtp.Options
		mail mail.Options
	}{
		{"in the clear", scratchsmtp.Options{}, mail.Options{Encryption: mail.Off}},
		{"STARTTLS", scratchsmtp.Options{Encryption: "starttls"}, mail.Options{}},
		{"STARTTLS, logged in", scratchsmtp.Options{Encryption: "starttls", User: user, Password: password}, mail.Options{User: user, Password: password}},
		{"TLS, logged in", scratchsmtp.Options{Encryption: "tls", User: user, Password: password},
			mail.Options{Encryption: mail.TLS, User: user, Password: password}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := start(t, tt.smtp)
			tt.mail.Server, tt.mail.RootCAs = o.Address(), o.roots
			s := newSender(t, tt.mail)
			if err := s.Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			list := o.taken(t)
			if len(list) != 1 {
				t.Fatalf("the server has taken %d mails", len(list))
			}
			checkLetter(t, list[0])
		})
	}
}

func checkLetter(t *testing.T, got *scratchsmtp.Mail) {
	t.Helper()
	for name, want := range map[string]string{
		"From": `"The Site" <no-reply@site.example>`, "To": "<ann@mail.example>", "X-MailFrom": "no-reply@site.example", "X-RcptTo": "ann@mail.example",
		"Message-ID": "<notify.17.4@site.example>", "Auto-Submitted": "auto-generated", "MIME-Version": "1.0", "User-Agent": "",
		"List-Unsubscribe": "<" + letter.Unsubscribe + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Bcc": "",
	} {
		if h := got.Header.Get(name); h != want {
			t.Errorf("%s: %q, want %q", name, h, want)
		}
	}
	if got.Subject() != letter.Subject {
		t.Errorf("subject %q", got.Subject())
	}
	if at, err := got.Header.Date(); err != nil || time.Since(at) > time.Minute {
		t.Errorf("date %v, %v", at, err)
	}
	if got.Text != letter.Text || got.HTML != letter.HTML {
		t.Errorf("text %q, HTML %q", got.Text, got.HTML)
	}
}

// What the server refuses for ever is told apart from what it refuses now, and
// from what was no fault of the mail.
func TestRefusals(t *testing.T) {
	t.Parallel()
	open := start(t, scratchsmtp.Options{})
	guarded := start(t, scratchsmtp.Options{Encryption: "starttls", User: user, Password: password})
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := down.Addr().String()
	down.Close()
	for _, tt := range []struct {
		name      string
		o         mail.Options
		to        string
		permanent bool
		unreached bool
		code      int
		says      string
	}{
		{"nobody there", mail.Options{Server: open.Address(), Encryption: mail.Off}, "nobody@mail.example", true, false, 550, "550 \"5.1.1 <n…@mail.example>"},
		{"not now", mail.Options{Server: open.Address(), Encryption: mail.Off}, "later@mail.example", false, false, 451, "451 \"4.3.0 <l…@mail.example>"},
		{"a wrong password", mail.Options{Server: guarded.Address(), RootCAs: guarded.roots, User: user, Password: "wrong password"}, "ann@mail.example", false, true, 0, "535"},
		{"not logged in", mail.Options{Server: guarded.Address(), RootCAs: guarded.roots}, "ann@mail.example", false, true, 0, "530"},
		{"a server without TLS", mail.Options{Server: open.Address()}, "ann@mail.example", false, true, 0, "STARTTLS"},
		{"a server that nobody vouches for", mail.Options{Server: guarded.Address()}, "ann@mail.example", false, true, 0, "certificate"},
		{"no server", mail.Options{Server: nowhere, Encryption: mail.Off}, "ann@mail.example", false, true, 0, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := letter
			m.To = tt.to
			err := newSender(t, tt.o).Send(t.Context(), m)
			e, ok := errors.AsType[*mail.Error](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if e.Permanent != tt.permanent || e.Code != tt.code || mail.Permanent(err) != tt.permanent || mail.Unreached(err) != tt.unreached {
				t.Errorf("permanent %v, unreached %v, code %d: %v", e.Permanent, mail.Unreached(err), e.Code, err)
			}
			if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.o.Server) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
			for _, secret := range []string{password, "wrong password", tt.to, "\n"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q shows %q", err, secret)
				}
			}
		})
	}
	if n := len(open.taken(t)) + len(guarded.taken(t)); n > 0 {
		t.Errorf("%d mails were taken", n)
	}
}

// A server that says nothing costs no more than the time that is allowed, and
// none when whoever sends gives up.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed := make(chan struct{}, 2)
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			go func() {
				// Ends when the other side closes the connection.
				_, _ = c.Read(make([]byte, 1))
				c.Close()
				closed <- struct{}{}
			}()
		}
	}()
	for _, tt := range []struct {
		name    string
		giveUp  time.Duration
		timeout time.Duration
	}{
		{"time is up", time.Hour, 100 * time.Millisecond},
		{"given up", 100 * time.Millisecond, time.Hour},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), tt.giveUp)
		defer cancel()
		s := newSender(t, mail.Options{Server: silent.Addr().String(), Encryption: mail.Off, Timeout: tt.timeout})
		if err := s.Send(ctx, letter); !mail.Unreached(err) {
			t.Errorf("%s: %v", tt.name, err)
		}
		select {
		case <-closed:
		case <-time.After(20 * time.Second):
			t.Errorf("%s: the connection was left open", tt.name)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ server, from, encryption, address, says string }{
		{"mail.example", "a@b.example", "", "mail.example:587", ""},
		{"mail.example", "a@b.example", "tls", "mail.example:465", ""},
		{"mail.example", "a@b.example", "off", "mail.example:25", ""},
		{"mail.example:2525", "The Site <a@b.example>", "starttls", "mail.example:2525", ""},
		{"[::1]:25", "a@b.example", "off", "[::1]:25", ""},
		{"[::1]", "a@b.example", "off", "[::1]:25", ""},
		{"", "a@b.example", "", "", "no mail server"},
		{":25", "a@b.example", "", "", "no mail server"},
		{"smtp://mail.example", "a@b.example", "", "", "mail server"},
		{"mail.example:smtp", "a@b.example", "", "", "port"},
		{"mail.example:70000", "a@b.example", "", "", "port"},
		{"mail.example", "", "", "", "no address to send from"},
		{"mail.example", "somebody", "", "", "no address to send from"},
		{"mail.example", "a@b.example\r\nBcc: c@d.example", "", "", "no address to send from"},
		{"mail.example", "a@b.example", "ssl", "", `no encryption "ssl"`},
	} {
		s, err := mail.New(mail.Options{Server: tt.server, From: tt.from, Encryption: mail.Encryption(tt.encryption)})
		switch {
		case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
			t.Errorf("%+v: %v, want an error that says %q", tt, err, tt.says)
		case tt.says == "" && err != nil:
			t.Errorf("%+v: %v", tt, err)
		case tt.says == "" && s.Server() != tt.address:
			t.Errorf("%+v: the server is %s", tt, s.Server())
		}
	}
}
