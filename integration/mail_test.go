package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"manifold/internal/scratchsmtp"
	"manifold/pumpapi/oauth1"
)

// mailServer is an SMTP server that wants TLS and a login.
type mailServer struct {
	*scratchsmtp.Server
	t       *testing.T
	options scratchsmtp.Options
	read    int // how many mails the test has seen
}

func startMailServer(t *testing.T) *mailServer {
	t.Helper()
	dir := t.TempDir()
	m := &mailServer{t: t, options: scratchsmtp.Options{Folder: filepath.Join(dir, "mail"), Encryption: "tls", User: "manifold", Password: "for mail only 8"}}
	var err error
	if m.options.Certificate, m.options.Key, err = scratchsmtp.Certificate(dir); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.options.Port = m.Port
	t.Cleanup(m.stop)
	return m
}

func (m *mailServer) start() {
	m.t.Helper()
	var err error
	if m.Server, err = scratchsmtp.Start(m.t.Context(), m.options); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mailServer) stop() {
	m.t.Helper()
	if m.Server == nil {
		return
	}
	if err := m.Stop(); err != nil {
		m.t.Error(err)
	}
	m.Server = nil
}

// settings have the program under test use the server.
func (m *mailServer) settings() []string {
	return []string{"MANIFOLD_SMTP_SERVER=" + m.Address(), "MANIFOLD_SMTP_TLS=tls", "MANIFOLD_SMTP_USER=manifold", "MANIFOLD_SMTP_PASSWORD=for mail only 8",
		"MANIFOLD_MAIL_FROM=Our corner <post@corner.example>", "SSL_CERT_FILE=" + m.options.Certificate}
}

// next waits for a mail to an address.
func (m *mailServer) next(to, subject string) *scratchsmtp.Mail {
	m.t.Helper()
	var got *scratchsmtp.Mail
	eventuallyWithin(m.t, 2*time.Minute, "a mail to "+to+" arrives", func() error {
		list, err := m.Taken()
		if err == nil && len(list) <= m.read {
			err = fmt.Errorf("%d mails have arrived", len(list))
		}
		if err == nil {
			got = list[m.read]
		}
		return err
	})
	m.read++
	if got.To != to || got.Subject() != subject || got.Header.Get("From") != `"Our corner" <post@corner.example>` {
		m.t.Errorf("the mail is to %s, from %s: %s", got.To, got.Header.Get("From"), got.Subject())
	}
	return got
}

// linkIn is what a mail leads to, below a path of the server.
func linkIn(t *testing.T, s *server, m *scratchsmtp.Mail, path string) string {
	t.Helper()
	link := regexp.MustCompile(regexp.QuoteMeta(s.url+path) + "[A-Za-z0-9_-]+").FindString(m.Text)
	if link == "" || !strings.Contains(m.HTML, `href="`+link+`"`) {
		t.Fatalf("the mail has no link to %s:\n%s\n%s", path, m.Text, m.HTML)
	}
	return strings.Replace(link, s.url, "http://"+s.address, 1)
}

// surfer is a browser with cookies, which fills in forms without scripts.
type surfer struct {
	t      *testing.T
	client *http.Client
}

func newSurfer(t *testing.T) *surfer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &surfer{t, &http.Client{Jar: jar, Timeout: patience}}
}

func (b *surfer) page(status int, r *http.Response, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		b.t.Fatalf("%s: status %d, want %d: %.500s (%v)", r.Request.URL.Path, r.StatusCode, status, body, err)
	}
	return string(body)
}

func (b *surfer) open(address string, status int) string {
	b.t.Helper()
	r, err := b.client.Get(address)
	return b.page(status, r, err)
}

var hiddenForm = regexp.MustCompile(`name="form" value="([^"]+)"`)

// send sends the form of a page that it opens before.
func (b *surfer) send(address, field, value string) string {
	b.t.Helper()
	hidden := hiddenForm.FindStringSubmatch(b.open(address, http.StatusOK))
	if hidden == nil {
		b.t.Fatalf("%s has no form", address)
	}
	r, err := b.client.PostForm(address, url.Values{"form": {hidden[1]}, field: {value}})
	return b.page(http.StatusOK, r, err)
}

// registered are a program's own credentials.
func (s *server) registered() *oauth1.Signer {
	s.t.Helper()
	r, err := browser.Post("http://"+s.address+"/api/client/register", "application/json", strings.NewReader(`{"type":"client_associate","application_name":"Mail test"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	var c credentials
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil || c.ClientID == "" {
		s.t.Fatalf("the program is not registered: %v", err)
	}
	return &oauth1.Signer{ConsumerKey: c.ClientID, Secrets: oauth1.Secrets{Consumer: c.ClientSecret}}
}

// join registers somebody by a program, which acts for them from then on.
func (s *server) join(signer *oauth1.Signer, nick, email string) *person {
	s.t.Helper()
	program := &person{s.t, s, nick, signer}
	var user struct{ Token, Secret string }
	program.ask("POST", "/api/users", map[string]string{"nickname": nick, "password": password, "email": email}, &user)
	acting := *signer
	acting.Token, acting.Secrets.Token = user.Token, user.Secret
	return &person{s.t, s, nick, &acting}
}

func (p *person) writeTo(to *person, content string) {
	p.t.Helper()
	note := p.note(content)
	delete(note, "cc")
	note["to"] = []any{map[string]any{"objectType": "person", "id": p.server.url + to.path("profile")}}
	var a activity
	p.ask("POST", p.path("feed"), note, &a)
}

// TestMail goes the whole way of somebody who registers with an address, confirms
// it, is written to, and forgets the password: with the program as it is run, and
// a mail server that we did not write.
func TestMail(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, database string) {
		m := startMailServer(t)
		s := newServer(t, database, append(m.settings(), "MANIFOLD_REGISTRATION=open", "MANIFOLD_REQUIRE_EMAIL=on")...)
		s.start()
		signer := s.registered()
		program := &person{t, s, "", signer}
		if status, answer := program.try("POST", "/api/users", map[string]string{"nickname": "ann", "password": password}); status != 400 || !strings.Contains(answer, "No email address") {
			t.Errorf("without an address: %d %s", status, answer)
		}
		ann := s.join(signer, "ann", "Ann@mail.example")
		if status, answer := ann.try("GET", ann.path("inbox"), nil); status != 403 || !strings.Contains(answer, "Can't use the API until you confirm your email address.") {
			t.Errorf("before the confirmation: %d %s", status, answer)
		}
		var secrets []string
		follow := func(mail *scratchsmtp.Mail, path string) string {
			t.Helper()
			link := linkIn(t, s, mail, path)
			secrets = append(secrets, link[strings.LastIndexByte(link, '/')+1:])
			return link
		}
		confirm := follow(m.next("Ann@mail.example", "Confirm your email address for Manifold"), "/main/confirm/")
		newSurfer(t).open(confirm, http.StatusOK)
		newSurfer(t).open(confirm, http.StatusBadRequest)
		ann.post("confirmed")
		bob := s.join(signer, "bob", "bob@mail.example")
		newSurfer(t).open(follow(m.next("bob@mail.example", "Confirm your email address for Manifold"), "/main/confirm/"), http.StatusOK)

		bob.writeTo(ann, "<p>Are you <b>there</b>?</p>")
		notice := m.next("Ann@mail.example", "Activity notification")
		if !strings.Contains(notice.Text, "> Are you there?") || !strings.Contains(notice.Text, "bob@") {
			t.Errorf("the notification says %s", notice.Text)
		}
		unsubscribe := follow(notice, "/main/unsubscribe/")
		r, err := browser.PostForm(unsubscribe, url.Values{"List-Unsubscribe": {"One-Click"}})
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("one click: %v, %v", r, err)
		}
		r.Body.Close()
		bob.writeTo(ann, "<p>Once more.</p>")

		surfer := newSurfer(t)
		surfer.send("http://"+s.address+"/main/recover", "nickname", "ann")
		// Nothing came in between: ann wants no more notifications.
		recovery := follow(m.next("Ann@mail.example", "Set a new password for Manifold"), "/main/recover/")
		surfer.send(recovery, "password", "a new passphrase 43")
		for given, want := range map[string]int{password: 401, "a new passphrase 43": 200} {
			if status, answer := program.try("POST", "/main/login", map[string]string{"nickname": "ann", "password": given}); status != want {
				t.Errorf("logging in answers %d, want %d: %.200s", status, want, answer)
			}
		}
		s.stop()
		log, err := os.ReadFile(s.logFile())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(secrets, "for mail only 8", "mail.example") {
			if bytes.Contains(log, []byte(secret)) {
				t.Errorf("the log shows %q:\n%s", secret, log)
			}
		}
	})
}

// TestMailServerDown: while the mail server is down nothing else suffers, and what
// was to be sent is sent when it is back. What it refuses for ever is given up.
func TestMailServerDown(t *testing.T) {
	t.Parallel()
	m := startMailServer(t)
	database := filepath.Join(t.TempDir(), "manifold.db")
	s := newServer(t, database, append(m.settings(), "MANIFOLD_REGISTRATION=open")...)
	s.start()
	signer := s.registered()
	ann := s.join(signer, "ann", "ann@mail.example")
	newSurfer(t).open(linkIn(t, s, m.next("ann@mail.example", "Confirm your email address for Manifold"), "/main/confirm/"), http.StatusOK)
	bob := s.person("bob")
	s.join(signer, "lost", "nobody@mail.example")
	db := openDatabase(t, database)
	job := func(kind, state string) {
		t.Helper()
		eventually(t, "a job of the kind "+kind+" is "+state, func() error {
			var n int
			err := db.QueryRow("SELECT COUNT(*) FROM river_job WHERE kind = '" + kind + "' AND state = '" + state + "'").Scan(&n)
			if err == nil && n == 0 {
				err = fmt.Errorf("there is none")
			}
			return err
		})
	}
	job("mail-code", "cancelled")

	m.stop()
	bob.writeTo(ann, "while it is down")
	job("notify", "retryable")
	bob.writeTo(ann, "while it is still down")
	if got := ann.all("inbox"); len(got) < 2 || got[0].Object.Content != "while it is still down" {
		t.Errorf("the newest in the inbox is %+v", got)
	}
	m.start()
	for range 2 {
		m.next("ann@mail.example", "Activity notification")
	}
	s.stop()
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("mail given up")) || !bytes.Contains(log, []byte("550")) || bytes.Contains(log, []byte("nobody@mail.example")) {
		t.Errorf("the log says of what was refused:\n%s", log)
	}
}
